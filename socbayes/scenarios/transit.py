"""How long carbon stays: transit times of what a plan adds, ages and transit times of all there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.candidates import is_number

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure
    from socbayes.scenarios.plan_runs import Prepared
    from socbayes.scenarios.projections import Fits, Given
    from socbayes.scenarios.rerun import Ready

TRANSIT = {"known": "transit_time", "new": "transit_time_new"}
"""Variables of a projection, by kind of plot."""
ROUNDING = 1e-9
"""Part of the usual input that is none of a plan."""
YEARS_AFTER = (1.0, 10.0, 100.0)
"""After which what is left of an input is told."""


def with_transit(
    projection: xr.Dataset,
    fits: Fits,
    plans: Given,
    *,
    year: float,
    weights: Mapping[str, float] | None = None,
    structures: Mapping[str, Structure] | None = None,
) -> xr.Dataset:
    """A projection with the mean transit time of the carbon that each plan adds.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    fits, plans, weights, structures
        As they were given to it.
    year
        Carbon is added in the 12 months before it: for :func:`socbayes.scenarios.permanence` the year in which levers
        are given up.

    Returns
    -------
    xarray.Dataset
        The projection with ``transit_time`` (plan, sample, plot) and ``transit_time_new`` (plan, sample, new_plot),
        years; NaN of a plan that adds no carbon, and of one that takes some away, from all pools or from one.
        ``attrs["notes"]`` name the fits whose structure is not linear.

    Raises
    ------
    SocbayesError
        If the projection is of other fits or plans; if no carbon can be added in those months.

    Notes
    -----
    :math:`-1^T B^{-1} u / 1^T u` (Sierra et al. 2017, Global Change Biology 23:1763-1773), the mean age at which carbon
    leaves: :math:`u` is the input to each pool under the plan less that under business as usual, and :math:`B` the mean
    compartmental matrix of the last 12 months projected under the plan, its climate and its rates. Of a structure that
    is not linear :math:`B` holds the rates at the pools of the last year, as a tracer would see them.

    Examples
    --------
    >>> stopped = plans.stopped(2040)  # doctest: +SKIP
    >>> projection = project(fits, stopped, years=range(2026, 2081))  # doctest: +SKIP
    >>> permanence(with_transit(projection, fits, stopped, year=2040), 2040)  # doctest: +SKIP
    """
    from socbayes.scenarios.plan_runs import KINDS
    from socbayes.scenarios.rerun import beside, ready_again

    ready = ready_again(projection, fits, plans, weights, structures)
    _require_projected(year, ready)
    base, spans = ready.plans.baseline, (float(year), float(ready.wanted.max()))
    arrays = {
        TRANSIT[kind]: beside(
            projection, kind, TRANSIT[kind], [_times(one, kind, base, spans) for one in ready.prepared], ready
        ).assign_attrs(units="year", long_name="mean transit time of the carbon that a plan adds")
        for kind in KINDS
        if kind in projection
    }
    notes = [*str(projection.attrs.get("notes", "")).splitlines(), *_of_old_carbon(ready.prepared)]
    return projection.assign(arrays).assign_attrs(notes="\n".join(dict.fromkeys(notes)))


def with_ages(
    projection: xr.Dataset,
    fits: Fits,
    plans: Given,
    *,
    year: float,
    weights: Mapping[str, float] | None = None,
    structures: Mapping[str, Structure] | None = None,
) -> xr.Dataset:
    """A projection with the age of the carbon of each plot, and how long what enters it stays.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    fits, plans, weights, structures
        As they were given to it.
    year
        Inputs and rates are the mean ones of the 12 months before it.

    Returns
    -------
    xarray.Dataset
        The projection with ``carbon_age`` and ``input_transit_time`` (plan, sample, plot, statistic), years: mean,
        standard deviation and median of the age of the carbon, were it in balance with those inputs and rates, and of
        the age at which inputs leave; ``input_left`` (plan, sample, plot, years_after), the share of a year's input
        that is left after 1, 10 and 100 years. All of them with ``_new`` for plots that were not fitted. NaN where
        nothing enters. ``attrs["notes"]`` name the fits whose structure is not linear, holds inert carbon or
        respires some of what enters as it arrives.

    Raises
    ------
    SocbayesError
        If the projection is of other fits or plans, or the year is not one projected.

    Notes
    -----
    With the mean compartmental matrix :math:`B` of those months and inputs :math:`u` to each pool, inputs leave after
    times that are phase-type distributed with initial shares :math:`u / |u|`, and the carbon in balance,
    :math:`-B^{-1} u`, has ages so distributed with its own shares (Metzler and Sierra 2018, Mathematical Geosciences
    50:1-34). Of a structure that is not linear :math:`B` holds the rates at the pools of the last year projected, as
    a tracer would see them. Inert carbon has no age and is left out, as is what is respired as it arrives, before it
    is in any pool (most of the litter of AMG). They are ages of a structure: where radiocarbon finds carbon of
    millennia, a structure of two pools that stocks were fitted with knows nothing of it.

    Examples
    --------
    >>> old = with_ages(projection, fits, plans, year=2040)  # doctest: +SKIP
    >>> old["carbon_age"].sel(statistic="mean").quantile([0.055, 0.945], "sample")  # doctest: +SKIP
    """
    import xarray as xr

    from socbayes.core.ages import Residence
    from socbayes.scenarios.plan_runs import KINDS
    from socbayes.scenarios.rerun import beside, ready_again

    ready = ready_again(projection, fits, plans, weights, structures)
    _require_projected(year, ready)
    statistics: Sequence[Any] = Residence._fields
    told = {
        "carbon_age": ("statistic", statistics, "year", "age of the carbon, in balance"),
        "input_transit_time": ("statistic", statistics, "year", "age at which inputs leave"),
        "input_left": ("years_after", YEARS_AFTER, "1", "share of a year's input that is left"),
    }
    arrays = {}
    for kind in (kind for kind in KINDS if kind in projection):
        found = [_all_times(one, kind, float(year)) for one in ready.prepared]
        for name, (dim, labels, unit, meaning) in told.items():
            full = name if kind == "known" else f"{name}_{kind}"
            columns = [
                beside(projection, kind, full, [one[name][..., place] for one in found], ready)
                for place in range(len(labels))
            ]
            joined = xr.concat(columns, xr.IndexVariable(dim, list(labels))).transpose(*columns[0].dims, dim)
            arrays[full] = joined.assign_attrs(units=unit, long_name=meaning)
    notes = [*str(projection.attrs.get("notes", "")).splitlines(), *_of_ages(ready.prepared)]
    return projection.assign(arrays).assign_attrs(notes="\n".join(dict.fromkeys(notes)))


def _require_projected(year: float, ready: Ready) -> None:
    first, last = float(ready.wanted.min()), float(ready.wanted.max())
    if not (is_number(year) and first < year <= last):
        raise SocbayesError(
            f"year={year!r} has to lie after the first year projected, {first:g}, and not after {last:g}"
        )


def _of_ages(prepared: Sequence[Prepared]) -> list[str]:
    """Say of which fits ages are of a tracer, and of which some carbon has none."""
    from socbayes.core.structure import INPUT

    told = []
    for one in prepared:
        structure = one.branches.structure
        if not structure.linear:
            told.append(f"{one.label} is not linear: ages are those that a tracer would have at its last pools.")
        if structure.inert:
            told.append(f"{one.label}: carbon of {', '.join(structure.inert)} has no age and is left out of them.")
        if any(flow.source == INPUT and flow.target in structure.sinks for flow in structure.trace.flows):
            told.append(f"{one.label} respires some of what enters as it arrives: of that ages tell nothing.")
    return told


def _all_times(prepared: Prepared, kind: str, year: float) -> dict[str, np.ndarray]:
    """Ages, transit times and shares left at the inputs and rates before a year, each (plan, sample, run, number)."""
    from socbayes.core.ages import balanced_stocks, residence_times, share_left, transfers
    from socbayes.scenarios.plan_runs import begun_runs
    from socbayes.scenarios.rerun import last_pools, windows
    from socbayes.structures.forcing import month_length

    structure, runs, begun = prepared.branches.structure, prepared.kinds[kind], begun_runs(prepared, kind)
    of_a_year = 12.0 * month_length(structure)
    shape = (len(runs.columns), len(begun[1]), runs.plots.size, 3)
    result = {name: np.empty(shape) for name in ("carbon_age", "input_transit_time", "input_left")}
    for number, name in enumerate(runs.columns):
        for place in range(runs.plots.size):
            [window] = windows(prepared, kind, place, name, [year - 1.0], begun[1])
            pools = last_pools(prepared, kind, place, name, begun)
            monthly = transfers(structure, pools, window.parameters, window.drivers)
            matrices, inputs = (values.mean(axis=0) for values in monthly)
            at = (number, slice(None), place)
            stocks = balanced_stocks(structure, matrices, inputs)
            result["carbon_age"][at] = np.stack(residence_times(structure, matrices, stocks), axis=-1) / of_a_year
            times = np.stack(residence_times(structure, matrices, inputs), axis=-1)
            result["input_transit_time"][at] = times / of_a_year
            result["input_left"][at] = share_left(structure, matrices, inputs, np.array(YEARS_AFTER) * of_a_year)
    return result


def _of_old_carbon(prepared: Sequence[Prepared]) -> list[str]:
    """Say of which fits added carbon changes how long the carbon stays that is there already."""
    return [
        f"{one.label} is not linear: transit times are of the added carbon, not of the old carbon that it sets free."
        for one in prepared
        if not one.branches.structure.linear
    ]


def _times(prepared: Prepared, kind: str, baseline: str, years: tuple[float, float]) -> np.ndarray:
    """Transit times, years, (plan, sample, run), of what enters before one year, at the rates before another."""
    from socbayes.core.ages import mean_transit_times, transfers
    from socbayes.scenarios.plan_runs import begun_runs
    from socbayes.scenarios.rerun import last_pools, windows
    from socbayes.structures.forcing import month_length

    structure, runs, begun = prepared.branches.structure, prepared.kinds[kind], begun_runs(prepared, kind)
    starts, anything = [year - 1.0 for year in years], np.ones(len(structure.pools))
    result = np.empty((len(runs.columns), len(begun[1]), runs.plots.size))
    for place in range(runs.plots.size):
        both = {name: list(windows(prepared, kind, place, name, starts, begun[1])) for name in runs.columns}
        entering = {
            name: transfers(structure, anything, one[0].parameters, one[0].drivers)[1].mean(axis=0)
            for name, one in both.items()
        }
        for number, (name, (_, later)) in enumerate(both.items()):
            added = entering[name] - entering[baseline]
            added[np.abs(added) <= ROUNDING * np.abs(entering[baseline]).sum(axis=-1, keepdims=True)] = 0.0
            pools = last_pools(prepared, kind, place, name, begun)
            matrices = transfers(structure, pools, later.parameters, later.drivers)[0].mean(axis=0)
            taken = (added < 0).any(axis=-1)
            result[number, :, place] = np.where(taken, np.nan, mean_transit_times(structure, matrices, added))
    return result / (12.0 * month_length(structure))
