"""The runs behind a projection once more, for what its stocks do not show: the same draws, plans and years."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.plan_courses import changed
from socbayes.scenarios.plan_runs import KINDS, Prepared
from socbayes.scenarios.planned import months_of
from socbayes.scenarios.projected import baseline_of, converged, plans_in, require_projection
from socbayes.scenarios.projections import Fits, Given, Ready, ready_to_run

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure

MADE_OF = "made_of"
ALIKE = ("seed", "baseline", "structure", "ends", MADE_OF)
"""What attributes have to agree in; projections that do not say the last are taken at the word of the others."""


YEAR = 12
"""Months of a window."""


@dataclass(frozen=True, eq=False)
class Window:
    """A year of one plot under one plan.

    Parameters
    ----------
    rows
        Its months since the start of the plot.
    drivers
        (month, 1 or sample, driver), in the order of the structure.
    parameters
        (sample, parameter).
    """

    rows: slice
    drivers: np.ndarray
    parameters: np.ndarray


def ready_again(
    projection: xr.Dataset,
    fits: Fits,
    plans: Given,
    weights: Mapping[str, float] | None = None,
    structures: Mapping[str, Structure] | None = None,
) -> Ready:
    """Fits and plans as they were prepared for a projection.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    fits, plans, weights, structures
        As they were given to it.

    Raises
    ------
    SocbayesError
        If the projection is of something else, such as other fits or plans, and for what ``project`` refuses.
    """
    require_projection(projection, allow_failed=True)
    if "seed" not in projection.attrs:
        raise SocbayesError("the projection does not say its seed, so its draws cannot be made again: project it anew")
    years = projection["year"].to_numpy().astype(float)
    ready = ready_to_run(
        fits, plans, years.tolist(), weights, projection.sizes["sample"], int(projection.attrs["seed"]),
        not converged(projection), structures,
    )  # fmt: skip
    told = [name for name in ALIKE if name != MADE_OF or name in projection.attrs]
    odd = [name for name in told if str(ready.attrs[name]) != str(projection.attrs.get(name))]
    odd += [f"plan {name!r}" for name in plans_in(projection) if name not in ready.plans.plans]
    odd = ["a fit, a plan or the number of draws" if name == MADE_OF else name for name in odd]
    if odd:
        raise SocbayesError(
            f"the projection differs from these fits and plans in {', '.join(odd)}: give what it was projected from"
        )
    assert baseline_of(projection) == ready.plans.baseline
    return ready


def beside(projection: xr.Dataset, kind: str, name: str, pieces: list[np.ndarray], ready: Ready) -> xr.DataArray:
    """Draws beside the stocks of a projection: of the plans and plots that it still holds.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    kind
        ``known`` or ``new`` plots.
    name
        Of the draws.
    pieces
        For each fit, (plan, sample, plot, ...) with years, where there are any, last.
    ready
        Of :func:`ready_again`.
    """
    import xarray as xr

    values = np.concatenate(pieces, axis=1)
    dim = KINDS[kind]
    dims = ("plan", "sample", dim, "year")[: values.ndim]
    coords = {"plan": list(ready.plans.plans), dim: ready.prepared[0].kinds[kind].labels, "year": ready.wanted}
    array = xr.DataArray(values, dims=dims, coords={key: coords[key] for key in dims if key in coords}, name=name)
    return array.sel(plan=plans_in(projection), **{dim: projection[dim].to_numpy().tolist()})


def windows(
    prepared: Prepared, kind: str, place: int, plan: str, starts: Sequence[float], every: np.ndarray
) -> Iterator[Window]:
    """Years of one run under a plan; one that would reach beyond the last year projected ends with it.

    Parameters
    ----------
    prepared
        Of one fit.
    kind, place
        ``known`` or ``new`` plots, and which of them.
    plan
        Its name.
    starts
        Decimal years.
    every
        Parameters of all runs without a plan, (sample, run, parameter).
    """
    runs = prepared.kinds[kind]
    plot = int(runs.plots[place])
    last = int(prepared.months[plot].max())
    for start in starts:
        begun = int(months_of(np.array([start]), prepared.data.plots)[plot, 0])
        begun = max(min(begun, last - YEAR), 0)
        rows = slice(begun, min(begun + YEAR, last))
        yield Window(rows, *_acting(prepared, kind, place, plan, rows, every))


def _acting(
    prepared: Prepared, kind: str, place: int, plan: str, rows: slice, every: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Drivers and parameters of some months of one run under a plan."""
    runs = prepared.kinds[kind]
    plot = int(runs.plots[place])
    active = [one for one in runs.doses[plan] if one[2][rows, plot].any()]
    with np.errstate(over="ignore", invalid="ignore"):
        return changed(prepared, runs.columns[plan], active, plot, rows, every[:, place])


def last_pools(prepared: Prepared, kind: str, place: int, plan: str, begun: tuple[np.ndarray, np.ndarray]) -> Any:
    """Pools of one run in the last year projected, (sample, pool); any where its rates do not depend on them.

    Parameters
    ----------
    prepared, kind, place, plan
        As for :func:`windows`.
    begun
        Of :func:`socbayes.scenarios.plan_runs.begun_runs`.
    """
    runs, branches, (pools, every) = prepared.kinds[kind], prepared.branches, begun
    if branches.structure.linear:
        return np.ones(len(branches.structure.pools))
    plot, months = int(runs.plots[place]), prepared.months[int(runs.plots[place])]
    branch, last = prepared.branch(plot), int(months.max())
    past = runs.columns[prepared.baseline][0][:branch, plot][:, None]
    now = branches.run(pools[:, place], every[:, place], past, np.array([branch]))[0]
    drivers, parameters = _acting(prepared, kind, place, plan, slice(branch, last), every)
    return branches.run(now, parameters, drivers, np.array([last - branch]))[0]
