"""How old the carbon is: ages and transit times at a steady state.

For a linear structure the formulas are exact; a nonlinear one is taken with
the transfer rates it has at its steady state, which is what a tracer added
there would see. Metzler and Sierra 2018, Mathematical Geosciences 50:1-34:
with compartmental matrix B, input u and stock x = -B^-1 u, the transit time
and the age of the system are phase-type distributed with initial shares
``u / |u|`` and ``x / |x|``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm
from scipy.optimize import brentq

from socbayes.core.kernels import evaluation
from socbayes.core.reference import evaluate
from socbayes.core.steady_state import find_steady_state
from socbayes.core.structure import INPUT, Structure, StructureError

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Ages:
    """Ages of carbon of one site at steady state, in the structure's time unit.

    Parameters
    ----------
    pools
        Names, in the order of everything below.
    matrix
        Compartmental matrix, 1/time: column j is what happens to pool j.
    inputs
        Input to each pool, carbon/time.
    stocks
        Carbon of each pool.
    time_unit
        Unit of every age.
    """

    pools: tuple[str, ...]
    matrix: Array
    inputs: Array
    stocks: Array
    time_unit: str

    @property
    def mean_transit_time(self) -> float:
        """Mean age of the carbon that leaves: stock over input."""
        return float(self.stocks.sum() / self.inputs.sum())

    @property
    def mean_age(self) -> float:
        """Mean age of the carbon in the system."""
        return float(-np.linalg.solve(self.matrix, self.stocks).sum() / self.stocks.sum())

    @property
    def pool_ages(self) -> dict[str, float]:
        """Mean age of the carbon in each pool."""
        ages = -np.linalg.solve(self.matrix, self.stocks) / self.stocks
        return dict(zip(self.pools, ages.tolist(), strict=True))

    def _survival(self, shares: Array, times: ArrayLike) -> Array:
        values = [expm(self.matrix * t) @ shares for t in np.atleast_1d(np.asarray(times, dtype=float))]
        return np.array([value.sum() for value in values])

    def transit_time_cdf(self, times: ArrayLike) -> Array:
        """Share of leaving carbon that spent at most ``times`` in the system."""
        return 1.0 - self._survival(self.inputs / self.inputs.sum(), times)

    def age_cdf(self, times: ArrayLike) -> Array:
        """Share of the carbon in the system that is at most ``times`` old."""
        return 1.0 - self._survival(self.stocks / self.stocks.sum(), times)

    def transit_time_density(self, times: ArrayLike) -> Array:
        """Density of the transit time, 1/time."""
        return self._density(self.inputs / self.inputs.sum(), times)

    def age_density(self, times: ArrayLike) -> Array:
        """Density of the age in the system, 1/time."""
        return self._density(self.stocks / self.stocks.sum(), times)

    def _density(self, shares: Array, times: ArrayLike) -> Array:
        losses = -self.matrix.sum(axis=0)
        return np.array(
            [losses @ expm(self.matrix * t) @ shares for t in np.atleast_1d(np.asarray(times, dtype=float))]
        )

    def transit_time_quantile(self, probability: float) -> float:
        """Time within which the share ``probability`` of an input has left."""
        return self._quantile(self.transit_time_cdf, probability, self.mean_transit_time)

    def age_quantile(self, probability: float) -> float:
        """Age that the share ``probability`` of the carbon has not reached."""
        return self._quantile(self.age_cdf, probability, self.mean_age)

    @staticmethod
    def _quantile(cdf: Any, probability: float, scale: float) -> float:
        if not 0.0 < probability < 1.0:
            raise ValueError(f"a probability lies between 0 and 1, got {probability:g}")
        high = scale
        while cdf(high)[0] < probability:
            high *= 2.0
        return float(brentq(lambda t: cdf(t)[0] - probability, 0.0, high, xtol=1e-12 * scale))


def compartmental(
    structure: Structure,
    pools: ArrayLike,
    parameters: Mapping[str, float] | None = None,
    drivers: Mapping[str, float] | None = None,
) -> tuple[Array, Array]:
    """Compartmental matrix and inputs of a structure at given pools.

    Parameters
    ----------
    structure
        Any structure.
    pools
        ``(pool,)``.
    parameters, drivers
        Numbers by name; defaults fill the rest.

    Returns
    -------
    matrix, inputs
        ``(pool, pool)`` in 1/time and ``(pool,)`` in carbon/time, so that the
        change of the pools is ``inputs + matrix @ pools``.
    """
    p = structure.defaults() | dict(parameters or {})
    u = {driver.name: driver.default for driver in structure.drivers} | dict(drivers or {})
    missing = [name for name, value in u.items() if value is None]
    if missing:
        raise StructureError(f"{structure.name}: drivers not given: {', '.join(missing)}")
    groups = {
        "x": np.asarray(pools, dtype=float),
        "p": [float(p[name]) for name in structure.parameter_names],
        "u": [float(u[name]) for name in structure.driver_names],  # type: ignore[arg-type]
    }
    rates = evaluate(evaluation(structure, "specific"), groups, "out")
    n = len(structure.pools)
    position = {name: i for i, name in enumerate(structure.pools)}
    matrix, inputs = np.zeros((n, n)), np.zeros(n)
    for flow, rate in zip(structure.trace.flows, rates, strict=True):
        target = position.get(flow.target)
        if flow.source == INPUT:
            if target is not None:
                inputs[target] += rate
            continue
        source = position[flow.source]
        matrix[source, source] -= rate
        if target is not None:
            matrix[target, source] += rate
    return matrix, inputs


def ages(
    structure: Structure,
    parameters: Mapping[str, float] | None = None,
    drivers: Mapping[str, float] | None = None,
    initial: ArrayLike | None = None,
) -> Ages:
    """Ages and transit times of a structure at its steady state.

    Parameters
    ----------
    structure
        Any structure; its inert pools are left out.
    parameters, drivers
        Numbers by name.
    initial
        Where the search for the steady state starts.

    Raises
    ------
    StructureError
        When there is no positive steady state, with the reason.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> a = ages(get("icbm"), None, {"carbon_input": 0.285})
    >>> round(a.mean_transit_time, 3)
    21.911
    """
    equilibrium = find_steady_state(structure, parameters, drivers, initial)
    if not equilibrium.found:
        raise StructureError(f"{structure.name}: {equilibrium.reasons[0]}")
    matrix, inputs = compartmental(structure, equilibrium.pools[0], parameters, drivers)
    active = [i for i, pool in enumerate(structure.pools) if pool not in structure.inert]
    return Ages(
        pools=tuple(structure.pools[i] for i in active),
        matrix=matrix[np.ix_(active, active)],
        inputs=inputs[active],
        stocks=equilibrium.pools[0][active],
        time_unit=structure.time_unit,
    )
