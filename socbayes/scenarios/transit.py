"""How long added carbon stays: transit times from what a plan adds, and how fast carbon turns over under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.candidates import is_number

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure
    from socbayes.scenarios.plan_runs import Prepared
    from socbayes.scenarios.projections import Fits, Given

TRANSIT = {"known": "transit_time", "new": "transit_time_new"}
"""Variables of a projection, by kind of plot."""
ROUNDING = 1e-9
"""Part of the usual input that is none of a plan."""


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
    first, last = float(ready.wanted.min()), float(ready.wanted.max())
    if not (is_number(year) and first < year <= last):
        raise SocbayesError(
            f"year={year!r} has to lie after the first year projected, {first:g}, and not after {last:g}"
        )
    base, spans = ready.plans.baseline, (float(year), last)
    arrays = {
        TRANSIT[kind]: beside(
            projection, kind, TRANSIT[kind], [_times(one, kind, base, spans) for one in ready.prepared], ready
        ).assign_attrs(units="year", long_name="mean transit time of the carbon that a plan adds")
        for kind in KINDS
        if kind in projection
    }
    notes = [*str(projection.attrs.get("notes", "")).splitlines(), *_of_old_carbon(ready.prepared)]
    return projection.assign(arrays).assign_attrs(notes="\n".join(dict.fromkeys(notes)))


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
