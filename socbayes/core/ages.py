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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm
from scipy.optimize import brentq

from socbayes.core.doors import check_numbers, drivers_of, given, numbers, parameters_of, pools_of, structure_called
from socbayes.core.kernels import evaluation
from socbayes.core.reference import evaluate
from socbayes.core.steady_state import find_steady_state
from socbayes.core.structure import INPUT, Driver, Parameter, Structure, StructureError
from socbayes.core.tracer import NATIVE

Array = np.ndarray[Any, np.dtype[np.float64]]
HALVINGS = 24
"""Of twice the mean, down to which a median is looked for: a ten-millionth of it."""


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
            raise StructureError(f"a probability lies between 0 and 1, got {probability:g}")
        high = scale
        while cdf(high)[0] < probability:
            high *= 2.0
        return float(brentq(lambda t: cdf(t)[0] - probability, 0.0, high, xtol=1e-12 * scale))


def compartmental(
    structure: Structure | str,
    pools: Mapping[str, Any] | ArrayLike,
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    *,
    parameter_set: str | None = None,
) -> tuple[Array, Array]:
    """Compartmental matrix and inputs of a structure at given pools of one site.

    Parameters
    ----------
    structure
        Any structure, or the name of a published one.
    pools
        ``(pool,)``, or numbers by name (missing pools are empty).
    parameters, drivers
        Numbers by name; the parameter set, then defaults, fill the rest.
    parameter_set
        One of ``structure.parameter_sets``.

    Returns
    -------
    matrix, inputs
        ``(pool, pool)`` in 1/time and ``(pool,)`` in carbon/time, so that the
        change of the pools is ``inputs + matrix @ pools``.

    Raises
    ------
    StructureError
        For names the structure does not have, missing drivers, numbers beyond
        their bounds, and values of more than one site.
    """
    structure = structure_called(structure)
    content = dict(zip(structure.pools, pools_of(structure, pools), strict=True))
    p, u = parameters_of(structure, parameters, parameter_set), drivers_of(structure, drivers)
    return transfers(
        structure,
        np.array([_one_number(structure, name, value) for name, value in content.items()]),
        np.array([_one_number(structure, one, p[one.name]) for one in structure.parameters]),
        np.array([_one_number(structure, one, u[one.name]) for one in structure.drivers]),
    )


def transfers(structure: Structure, pools: Array, parameters: Array, drivers: Array) -> tuple[Array, Array]:
    """Compartmental matrices and inputs of many states at once, such as of draws and months; nothing is checked.

    Parameters
    ----------
    structure
        Any structure.
    pools, parameters, drivers
        ``(..., pool)``, ``(..., parameter)`` and ``(..., driver)`` in the order of the structure; what stands before
        broadcasts.

    Returns
    -------
    matrices, inputs
        ``(..., pool, pool)`` in 1/time and ``(..., pool)`` in carbon/time.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> icbm = get("icbm")
    >>> defaults = np.array([one.default for one in icbm.parameters])
    >>> matrices, inputs = transfers(icbm, np.ones((3, 2)), defaults, np.full((3, len(icbm.drivers)), 1.0))
    >>> matrices.shape, inputs.shape
    ((3, 2, 2), (3, 2))
    """
    groups = {
        name: np.moveaxis(np.asarray(values, dtype=float), -1, 0)
        for name, values in (("x", pools), ("p", parameters), ("u", drivers))
    }
    ranks = max(values.ndim for values in groups.values())
    # Axes before the last broadcast from the right, as everywhere.
    groups = {
        name: values.reshape(values.shape[0], *(1,) * (ranks - values.ndim), *values.shape[1:])
        for name, values in groups.items()
    }
    rates = evaluate(evaluation(structure, "specific"), groups, "out")
    n = len(structure.pools)
    position = {name: i for i, name in enumerate(structure.pools)}
    matrix, inputs = np.zeros((*rates.shape[:-1], n, n)), np.zeros((*rates.shape[:-1], n))
    for flow, rate in zip(structure.trace.flows, np.moveaxis(rates, -1, 0), strict=True):
        target = position.get(flow.target)
        if flow.source == INPUT:
            if target is not None:
                inputs[..., target] += rate
            continue
        source = position[flow.source]
        matrix[..., source, source] -= rate
        if target is not None:
            matrix[..., target, source] += rate
    return matrix, inputs


def mean_transit_times(structure: Structure, matrices: Array, inputs: Array) -> Array:
    """Mean age at which the carbon of some inputs leaves again, with the transfer rates of some states.

    Parameters
    ----------
    structure
        Any structure without labels. Inert pools, and activity, which weighs nothing, are left out.
    matrices, inputs
        ``(..., pool, pool)`` and ``(..., pool)``, as of :func:`transfers`. Inputs may be a part of all there are, such
        as what is added to the usual: only their shares count.

    Returns
    -------
    numpy.ndarray
        ``(...,)`` in the structure's time unit; NaN without any input.

    Raises
    ------
    StructureError
        If some pool that takes carbon never lets it go.

    Notes
    -----
    :math:`-1^T B^{-1} u / 1^T u` (Sierra et al. 2017, Global Change Biology 23:1763-1773; Metzler and Sierra 2018).

    Examples
    --------
    >>> from socbayes.structures import get
    >>> icbm = get("icbm")
    >>> rates = np.array([[-0.8, 0.0], [0.1, -0.005]])
    >>> float(mean_transit_times(icbm, rates, np.array([2.0, 0.0])))
    26.25
    """
    matrix, into = _kept(structure, matrices, inputs)
    return _over(_stays(structure, matrix, into).sum(axis=-1), into.sum(axis=-1))


class Residence(NamedTuple):
    """Time until carbon leaves, in the structure's time unit: mean, standard deviation and median, each (...,)."""

    mean: Array
    sd: Array
    median: Array


def residence_times(structure: Structure, matrices: Array, carbon: Array) -> Residence:
    r"""Time until carbon leaves, wherever it is at first: of inputs their transit time, of stocks in balance their age.

    Parameters
    ----------
    structure, matrices
        As for :func:`mean_transit_times`.
    carbon
        ``(..., pool)``: inputs, or what :func:`balanced_stocks` says of them. Only its shares count.

    Returns
    -------
    Residence
        NaN without any carbon. The median is right to a ten-millionth of the mean.

    Raises
    ------
    StructureError
        If some pool that takes carbon never lets it go.

    Notes
    -----
    Phase-type, with :math:`\beta` the shares of the carbon: the mean is :math:`-1^T B^{-1} \beta`, the second moment
    :math:`2\, 1^T B^{-2} \beta`, and the share that has not left at :math:`t` is :math:`1^T e^{Bt} \beta` (Metzler and
    Sierra 2018).

    Examples
    --------
    >>> from socbayes.structures import get
    >>> rates = np.array([[-0.5, 0.0], [0.0, -0.5]])
    >>> [round(float(one), 4) for one in residence_times(get("icbm"), rates, np.array([1.0, 0.0]))]
    [2.0, 2.0, 1.3863]
    """
    matrix, at = _kept(structure, matrices, carbon)
    once = _stays(structure, matrix, at)
    total = at.sum(axis=-1)
    mean = _over(once.sum(axis=-1), total)
    second = 2.0 * _over(_stays(structure, matrix, once).sum(axis=-1), total)
    return Residence(
        mean, np.sqrt(np.maximum(second - mean**2, 0.0)), _median(matrix, _over(at, total[..., None]), mean)
    )


def balanced_stocks(structure: Structure, matrices: Array, inputs: Array) -> Array:
    """Stocks that inputs keep at given transfer rates, ``(..., pool)``; of inert pools zero.

    Parameters
    ----------
    structure, matrices, inputs
        As for :func:`mean_transit_times`.
    """
    matrix, into = _kept(structure, matrices, inputs)
    stocks = np.zeros(np.broadcast_shapes(matrices.shape[:-1], inputs.shape))
    stocks[..., _places(structure)] = _stays(structure, matrix, into)
    return stocks


def share_left(structure: Structure, matrices: Array, inputs: Array, times: ArrayLike) -> Array:
    """Share of inputs that has not left after some times, ``(..., time)``.

    Parameters
    ----------
    structure, matrices, inputs
        As for :func:`mean_transit_times`.
    times
        In the structure's time unit.
    """
    matrix, into = _kept(structure, matrices, inputs)
    shares = _over(into, into.sum(axis=-1, keepdims=True))
    return np.stack(
        [_after(expm(matrix * t), shares).sum(axis=-1) for t in np.atleast_1d(np.asarray(times, dtype=float))], axis=-1
    )


def _places(structure: Structure) -> list[int]:
    """Positions of pools whose carbon has an age."""
    active = _active(structure)
    return [place for place, pool in enumerate(structure.pools) if pool in active]


def _kept(structure: Structure, matrices: Array, carbon: Array) -> tuple[Array, Array]:
    """Matrices and carbon of pools whose carbon has an age."""
    kept = _places(structure)
    return matrices[..., kept, :][..., kept], carbon[..., kept]


def _stays(structure: Structure, matrix: Array, carbon: Array) -> Array:
    """Carbon in each pool times how long it will be there, (..., pool)."""
    try:
        return np.asarray(-np.linalg.solve(matrix, carbon[..., None])[..., 0])
    except np.linalg.LinAlgError as error:
        raise StructureError(
            f"{structure.name}: carbon of some pool never leaves, so it has no transit time"
        ) from error


def _over(part: Array, total: Array) -> Array:
    """A part of a total; NaN of nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total != 0, part / total, np.nan))


def _after(step: Array, shares: Array) -> Array:
    return np.asarray((step @ shares[..., None])[..., 0])


def _median(matrix: Array, shares: Array, mean: Array) -> Array:
    """Time at which half has left: as a sum of halves of twice the mean, beyond which at most half is left (Markov)."""
    known = np.isfinite(mean)
    span = np.where(known, 2.0 * mean, 1.0) / 2.0**HALVINGS
    steps = [expm(matrix * span[..., None, None])]
    for _ in range(HALVINGS - 1):
        steps.append(steps[-1] @ steps[-1])
    left, passed = np.where(known[..., None], shares, 0.0), np.zeros_like(span)
    for power, step in reversed(list(enumerate(steps))):
        further = _after(step, left)
        more = further.sum(axis=-1) > 0.5
        left = np.where(more[..., None], further, left)
        passed = passed + np.where(more, 2.0**power * span, 0.0)
    return np.where(known, passed + span / 2.0, np.nan)


def _one_number(structure: Structure, declared: Parameter | Driver | str, value: Any) -> float:
    name = declared if isinstance(declared, str) else declared.name
    number = numbers(structure, f"{name!r}", value)
    if number.size != 1:
        raise StructureError(
            f"{structure.name}: {name!r} has {number.size} values, but a matrix and ages are of one site; "
            "ask for each site in turn"
        )
    check_numbers(structure, declared, number)
    return float(number.item())


def ages(
    structure: Structure | str,
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | ArrayLike | None = None,
    *,
    parameter_set: str | None = None,
) -> Ages:
    """Ages and transit times of the carbon of a structure at its steady state.

    Parameters
    ----------
    structure
        Any structure, or the name of a published one. Inert pools are left
        out, and so is activity, which weighs nothing. Of a labelled structure
        they are the ages of labelled and unlabelled carbon together, whatever
        share of the input is labelled.
    parameters, drivers
        Numbers by name; the parameter set, then defaults, fill the rest.
    initial
        Where the search for the steady state starts, as in
        :func:`socbayes.core.steady_state`.
    parameter_set
        One of ``structure.parameter_sets``.

    Raises
    ------
    StructureError
        When there is no positive steady state, with the reason; for names the
        structure does not have, and values of more than one site.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> a = ages(get("icbm"), None, {"carbon_input": 0.285})
    >>> round(a.mean_transit_time, 3)
    21.911
    """
    structure = structure_called(structure)
    shares = [f"label_{pool.removesuffix(NATIVE)}" for pool in structure.pools if structure.labelled]
    # Both parts of every pool are there when half of the input is labelled; its share changes no rate.
    half = {name: 0.5 for name in shares if name in structure.driver_names}
    given_drivers = given(structure, "driver", drivers) | half
    equilibrium = find_steady_state(structure, parameters, given_drivers, initial, parameter_set=parameter_set)
    if len(equilibrium.pools) != 1:
        raise StructureError(f"{structure.name}: ages are of one site, not of {len(equilibrium.pools)}")
    if not equilibrium.found:
        raise StructureError(f"{structure.name}: {equilibrium.reasons[0]}")
    stocks = equilibrium.pools[0]
    matrix, inputs = compartmental(structure, stocks, parameters, given_drivers, parameter_set=parameter_set)
    active = [i for i, pool in enumerate(structure.pools) if pool in _active(structure)]
    copies, ending = (2.0, NATIVE) if structure.labelled else (1.0, "")
    return Ages(
        pools=tuple(structure.pools[i].removesuffix(ending) for i in active),
        matrix=matrix[np.ix_(active, active)],
        inputs=copies * inputs[active],
        stocks=copies * stocks[active],
        time_unit=structure.time_unit,
    )


def _active(structure: Structure) -> set[str]:
    """Pools whose carbon has an age; of a labelled structure one of each pair."""
    pools = {pool for pool in structure.carbon_pools if pool not in structure.inert}
    return {pool for pool in pools if pool.endswith(NATIVE)} if structure.labelled else pools
