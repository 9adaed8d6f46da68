"""What plots are given of carbon, draw by draw: what a weighed input would be measured of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.scenarios.plan_courses import learned_factor, unit_factor
from socbayes.scenarios.plan_runs import begun_runs
from socbayes.scenarios.rerun import Window, beside, ready_again, windows

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure
    from socbayes.scenarios.plan_runs import Prepared
    from socbayes.scenarios.projections import Fits, Given

PLANT, MANURE, TOGETHER = "plant_input", "manure_input", "carbon_input"
"""Variables of a projection."""
MEANINGS = {
    TOGETHER: "carbon of plants and manure together, as some structure takes both by one driver, that a plot is given "
    "in the year from then on",
    PLANT: "carbon of plants that a plot is given in the year from then on",
    MANURE: "carbon of manure that a plot is given in the year from then on",
}


def with_inputs(
    projection: xr.Dataset,
    fits: Fits,
    plans: Given,
    *,
    weights: Mapping[str, float] | None = None,
    structures: Mapping[str, Structure] | None = None,
) -> xr.Dataset:
    """A projection with the carbon that plots measured are given under each plan, of the same draws.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    fits, plans, weights, structures
        As they were given to it.

    Returns
    -------
    xarray.Dataset
        The projection with ``plant_input`` (plan, sample, plot, year), t C/ha/year, and ``manure_input`` where all
        structures tell manure from plants; with ``carbon_input`` of both instead where manure is given and some
        structure takes it by the driver of plants. It is what is stated of a plot with the factor that the fit learned
        on it, and what levers do to it, in the 12 months from a year on (in the last year, of those before it). They
        can be measured: ``Measurement("straw and roots of 2030", 2030, of="plant_input", error=0.2)``.

    Raises
    ------
    SocbayesError
        If the projection is of other fits or plans.

    Notes
    -----
    A fit learns one factor on the stated inputs of a plot, so a year of weighed input tells it as well as that year is
    like the others: the error of the measurement has to hold how far the input of one year is from what is stated.
    Amendments told apart by kind are not among these inputs.

    Examples
    --------
    >>> more = with_inputs(projection, fits, plans)  # doctest: +SKIP
    >>> next_measurements(more, [Measurement("weighed", 2030, of="plant_input", error=0.2)])  # doctest: +SKIP
    """
    ready = ready_again(projection, fits, plans, weights, structures)
    names = [PLANT] if any(not one.data.setup.roles.manure for one in ready.prepared) else [PLANT, MANURE]
    spread = any(one.column == "manure_carbon_input" for plan in ready.plans.plans.values() for one in plan.overrides)
    if any(one.data.forcing.joined or (spread and not one.data.setup.roles.manure) for one in ready.prepared):
        names = [TOGETHER]
    pieces = [_inputs(one, names, ready.wanted) for one in ready.prepared]
    return projection.assign({
        name: beside(projection, "known", name, [one[place] for one in pieces], ready).assign_attrs(
            units="t/ha/year", long_name=MEANINGS[name], lasts=1.0
        )
        for place, name in enumerate(names)
    })  # fmt: skip


def _inputs(prepared: Prepared, names: list[str], years: np.ndarray) -> np.ndarray:
    """Inputs of plots, t C/ha/year, (name, plan, sample, plot, year)."""
    runs, (_, every) = prepared.kinds["known"], begun_runs(prepared, "known")
    shape = (len(names), len(runs.columns), len(every), runs.plots.size, years.size)
    result = np.empty(shape)
    roles = prepared.data.setup.roles
    drivers = {PLANT: tuple(roles.plant), MANURE: (roles.manure,)}
    drivers[TOGETHER] = (*roles.plant, *([roles.manure] if roles.manure else []))
    for place, plot in enumerate(runs.plots.tolist()):
        for number, plan in enumerate(runs.columns):
            for when, window in enumerate(windows(prepared, "known", place, plan, years.tolist(), every)):
                for kind, name in enumerate(names):
                    result[kind, number, :, place, when] = sum(
                        _given(prepared, driver, plot, window) for driver in drivers[name]
                    )
    return result


def _given(prepared: Prepared, driver: str, plot: int, window: Window) -> np.ndarray:
    """Mean of one driver in a window, with what is learned of it and added to it, t C/ha/year, (sample,)."""
    stated = window.drivers[..., prepared.branches.position(driver)]
    factor = learned_factor(prepared, driver, plot, window.rows, window.parameters)
    added = window.parameters[:, prepared.branches.structure.parameter_names.index(f"{driver}_added")]
    mean: np.ndarray = (stated * factor + added).mean(axis=0) / unit_factor(prepared, driver, plot)
    return np.broadcast_to(mean, added.shape)
