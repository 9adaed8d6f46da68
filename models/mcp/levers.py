"""Runs of treated soils from the steady state of their controls, with the levers pulled.

**The run is without units.** Its time is the duration of the trial and its
carbon what the treated soil receives in it, so the steps are data and only
the initial state and the rates are random; unknown durations come from a
log-normal population.

**Protection holds carbon longer** rather than taking it up faster: both move
the same balance, but a faster uptake by minerals starves the microbes at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.mcp.steady_state import BETA

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

LEVERS = ("input", "efficiency", "depolymerisation", "protection")
"""What a practice may move: log input, logit e, log VP and VN, and how long minerals hold carbon, -log kM."""
STEPS = 64
"""Steps of a run; they grow geometrically, the last :data:`GROWTH` times the first."""
GROWTH = 300.0


def step_lengths(steps: int = STEPS, finer: int = 1) -> np.ndarray:
    """Lengths of the steps of a run as shares of its duration, each cut into ``finer`` pieces.

    Examples
    --------
    >>> round(float(step_lengths(8).sum()), 12)
    1.0
    """
    lengths = np.geomspace(1.0, GROWTH, steps)
    return np.repeat(lengths / lengths.sum() / finer, finer)


_PER_YEAR = (
    "v_particulate", "v_necromass", "v_dissolved", "k_death", "k_necromass_sorption", "k_dissolved_sorption",
    "k_mineral",
)  # fmt: skip
_CARBON = ("k_particulate", "k_necromass", "k_dissolved", "capacity")
_LEVER_OF = {
    "v_particulate": ("depolymerisation", 1.0),
    "v_necromass": ("depolymerisation", 1.0),
    "k_mineral": ("protection", -1.0),
}


def log_ratios(
    pools: Mapping[str, Any],
    rates: Mapping[str, Any],
    levers: Any,
    years: Any,
    *,
    beta: float = BETA,
    steps: int = STEPS,
    finer: int = 1,
) -> TensorVariable:
    """Log ratios n and s after the levers were pulled; tensor (site, response).

    Parameters
    ----------
    pools, rates
        Of the controls: see :func:`control_state`; numbers, or one value per site.
    levers
        Shifts, (site, lever) in the order of :data:`LEVERS`.
    years
        Duration, a number or one per site.
    beta
        Exponent of biomass in turnover, that of the controls.
    steps, finer
        Steps of the run, and pieces that each is cut into.

    Returns
    -------
    TensorVariable
    """
    import pytensor.tensor as pt

    from socbayes.core import integrate, with_clock
    from socbayes.structures import get

    pump = get("mcp_forward" if "k_necromass" in rates else "mcp")
    levers = pt.as_tensor(levers)
    shift = {name: levers[:, position] for position, name in enumerate(LEVERS)}
    # The unit of carbon is what the soil receives in the unit of time, the duration: inputs are one.
    unit = rates["input"] * pt.exp(shift["input"]) * years
    none = pt.zeros_like(shift["input"])
    lengths = step_lengths(steps, finer)
    final = integrate(
        with_clock(pump),
        pt.stack([pools[name] / unit + none for name in pump.pools], axis=1),
        {name: value + none for name, value in _treated(rates, shift, years, unit, beta).items()} | {"beta": beta},
        {"litter_input": 1.0, "step_length": lengths},
        times=[lengths.size],
        interval=1.0,
        scheme="mprk22",
        steps=1,
    )[0]
    at = {name: final[:, position] * unit for position, name in enumerate(pump.pools)}
    necromass = sum(at[name] for name in pump.necromass) / sum(pools[name] for name in pump.necromass)
    return pt.stack([pt.log(necromass), pt.log(sum(at.values()))], axis=1)


def _treated(
    rates: Mapping[str, Any], shift: Mapping[str, TensorVariable], years: Any, unit: TensorVariable, beta: float
) -> dict[str, Any]:
    """Rates of the treated soils, in units of the run."""
    import pytensor.tensor as pt

    treated = {name: value for name, value in rates.items() if name not in ("input", "e_ref")}
    for name, (lever, sign) in _LEVER_OF.items():
        treated[name] = treated[name] * pt.exp(sign * shift[lever])
    treated = treated | {name: treated[name] * years for name in _PER_YEAR}
    treated = treated | {name: treated[name] / unit for name in _CARBON if name in treated}
    treated["k_death"] = treated["k_death"] * unit ** (beta - 1.0)
    odds = rates["e_ref"] / (1.0 - rates["e_ref"]) * pt.exp(shift["efficiency"])
    treated["e_ref"] = odds / (1.0 + odds)
    return treated
