r"""What a lever does to carbon, as the run of a structure from the balance of its control.

In a structure whose flows are proportional to the pools they leave, all stocks
follow from one function: S(t), the share of the carbon in balance that is left
t years after all input has stopped. It is the transit of the structure's own
matrix (:func:`socbayes.core.ages.compartmental`), a sum of as many exponentials
as there are pools, so a graph holds it exactly and differentiates it. From the
balance of the control, carbon over that of the control is

.. math::

    \frac{C(t)}{C_0} = S(t) + f\,(1 - S(t))

after t years with f times the input, and with k times the decomposition

.. math::

    \frac{C(t)}{C_0} = S(kt) + \frac{1 - S(kt)}{k}.

Inert carbon does not move and thins either out. A warmer or wetter climate runs
faster: time is years times the rate modifier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from socbayes.core.ages import ages, compartmental
from socbayes.core.dimensions import per_year
from socbayes.core.structure import Structure, StructureError
from socbayes.structures import get
from socbayes.structures.forcing import roles_of
from socbayes.structures.rothc import inert_carbon

MODIFIER = 0.5
"""Product of RothC's temperature, moisture and cover modifiers in which a structure is asked for S: about that of a
temperate field. In RothC alone does S depend on it but for the pace, as its months are steps."""
USUAL_STOCK = 40.0
"""Carbon of a topsoil of which inert carbon is told, t/ha: assumed, as pairs state no bulk density."""
ENTRIES = ("input", "decomposition")
"""What a lever can act on here."""


@dataclass(frozen=True)
class Decline:
    """Share of carbon in balance that is left without input, a sum of exponentials.

    Parameters
    ----------
    structure
        Name of the structure.
    rates
        Per year at a rate modifier of one, RothC's units, ``(mode,)``.
    shares
        Of each mode, which add up to one, ``(mode,)``.
    inert
        Share of all carbon that never moves.
    """

    structure: str
    rates: tuple[float, ...]
    shares: tuple[float, ...]
    inert: float


def decline_of(structure: Structure | str) -> Decline:
    """Decline of a structure, from its own flows with published parameters.

    Parameters
    ----------
    structure
        A structure, or the name of a published one; its flows are proportional to the pools they leave.

    Raises
    ------
    StructureError
        For a structure that is not linear, that swings, or that has no rate modifier.

    Examples
    --------
    >>> found = decline_of("icbm")
    >>> [round(0.48 * rate, 5) for rate in sorted(found.rates)]
    [0.00605, 0.8]
    """
    model = get(structure) if isinstance(structure, str) else structure
    roles = roles_of(model)
    if not roles.modifier:
        raise StructureError(f"{model.name}: a structure with a driver rate_modifier is expected, as climates differ")
    drivers = dict(roles.plant) | {roles.modifier: MODIFIER / model.reference_modifier}
    balance = ages(model, None, drivers)
    active = [model.pools.index(pool) for pool in balance.pools]
    doubled = {pool: 2.0 * stock for pool, stock in zip(balance.pools, balance.stocks, strict=True)}
    matrix = compartmental(model, doubled, None, drivers)[0][np.ix_(active, active)]
    if not np.allclose(matrix, balance.matrix, rtol=1e-9, atol=1e-14):
        raise StructureError(
            f"{model.name}: its rates change with its pools, so what is left without input depends on the size of the "
            "change; a structure whose flows are proportional to the pools they leave is expected"
        )
    values, vectors = np.linalg.eig(matrix)
    decay = -np.log1p(values * model.step) / model.step if model.discrete else -values
    total = model.fractions.get("total", balance.pools)
    of_pool = np.array([total[pool] if isinstance(total, dict) else float(pool in total) for pool in balance.pools])
    shares = (of_pool @ vectors) * np.linalg.solve(vectors, balance.stocks) / (of_pool @ balance.stocks)
    if np.abs(np.imag(decay)).max() > 1e-9 * np.abs(decay).max() or not np.isfinite(shares).all():
        raise StructureError(f"{model.name}: its pools swing about their balance, for which there is no decline here")
    rates = np.real(decay) * per_year(model.time_unit) / MODIFIER
    inert = float(inert_carbon(USUAL_STOCK)) / USUAL_STOCK if model.inert else 0.0
    return Decline(model.name, tuple(rates.tolist()), tuple(np.real(shares).tolist()), inert)


def left(decline: Decline, time: Any, exp: Callable[[Any], Any] = np.exp) -> Any:
    """Share of the active carbon in balance that is left without input.

    Parameters
    ----------
    decline
        Of a structure.
    time
        Years times the rate modifier, of any shape; an array or a tensor.
    exp
        Exponential of whatever ``time`` is.

    Examples
    --------
    >>> left(decline_of("icbm"), np.array([0.0, 10.0])).round(3).tolist()
    [1.0, 0.838]
    """
    return sum(share * exp(-rate * time) for rate, share in zip(decline.rates, decline.shares, strict=True))


def ratio(decline: Decline, entry: str, log_factor: Any, time: Any, exp: Callable[[Any], Any] = np.exp) -> Any:
    """Carbon with a lever over that of its control, which is in balance.

    Parameters
    ----------
    decline
        Of a structure.
    entry
        What the lever acts on, one of :data:`ENTRIES`.
    log_factor
        Logarithm of the factor on it; an array or a tensor.
    time
        Years since the lever was pulled, times the rate modifier of the control; likewise.
    exp
        Exponential of whatever these are.

    Examples
    --------
    >>> faster = ratio(decline_of("rothc"), "decomposition", np.log(1.5), np.array([1.0, 10.0, 1e5]))
    >>> faster.round(3).tolist()
    [0.975, 0.895, 0.694]
    """
    if entry == "input":
        kept = left(decline, time, exp)
        moved = kept + exp(log_factor) * (1.0 - kept)
    elif entry == "decomposition":
        kept = left(decline, exp(log_factor) * time, exp)
        moved = kept + exp(-log_factor) * (1.0 - kept)
    else:
        raise StructureError(f"no entry {entry!r}: a lever acts on {' or on '.join(ENTRIES)}")
    return decline.inert + (1.0 - decline.inert) * moved
