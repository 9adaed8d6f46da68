"""What a plan does to the months of every plot: doses in time, altered management and weather, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import Fault
from socbayes.models.field.amendments import kind_of_lever
from socbayes.models.field.plots import month_of
from socbayes.models.field.tables import HAIR, FieldTables, with_plan
from socbayes.models.field.weather import expected_weather
from socbayes.scenarios.acclimation import faults_of_answers, rows_of_answers
from socbayes.scenarios.plans import Climate, Dose, Override, Plan, Plans
from socbayes.structures import get, list_structures
from socbayes.structures.forcing import Roles, roles_of
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.models.field.layout import Layout
    from socbayes.models.field.management import Managed
    from socbayes.models.field.plots import Plots

_ATTRIBUTES = {
    "plant_carbon_input": "plant",
    "manure_carbon_input": "manure",
    "plant_cover": "cover",
    "rate_modifier": "modifier",
}
"""By column of management, what holds its months."""
_NEEDED = {
    "plant_factor": ("plant",),
    "plant_share": ("plant",),
    "plant_added": ("plant",),
    "plant_carbon_input": ("plant",),
    "manure_added": ("manure",),
    "manure_carbon_input": ("manure",),
    "plant_cover": ("modifier",),
    "rate_modifier": ("modifier",),
    "temperature": ("modifier", "temperature"),
    "rain": ("modifier", "moisture"),
    "evaporation": ("modifier", "moisture"),
}
"""By what is acted on, which roles of drivers show it; one of them is enough."""


def adoption_of(plan: Plan, plots: list[str], areas: Mapping[str, float]) -> np.ndarray:
    """Year from which each plot follows a plan, (plot,); minus infinity for from the start, infinity for never.

    Parameters
    ----------
    plan
        Any plan.
    plots
        Names of plots, in the order in which they adopt.
    areas
        Area of plots by name; all alike where it is empty.

    Examples
    --------
    >>> from socbayes.scenarios.plans import Stage
    >>> adoption_of(Plan("cover", adoption=(Stage(2030.0, 0.5), Stage(2035.0, 1.0))), ["a", "b"], {}).tolist()
    [2030.0, 2035.0]
    """
    about = np.array([not plan.plots or name in plan.plots for name in plots])
    if not plan.adoption:
        return np.where(about, -np.inf, np.inf)
    result = np.full(len(plots), np.inf)
    area = np.where(about, [areas.get(name, 1.0) for name in plots], 0.0)
    # A plot adopts when what has adopted with it is no more than planned, to rounding.
    reached = np.cumsum(area) / max(area.sum(), 1e-300)
    for stage in reversed(plan.adoption):
        now = np.isin(plots, stage.plots) if stage.share is None else reached <= stage.share + 1e-9
        result[now & about] = stage.year
    return result


def dose_in_time(one: Dose | Override, plots: Plots, adopts: np.ndarray, first: float) -> np.ndarray:
    """What is there of a dose, or of an override, in every month of every plot, from 0 to 1, (row, plot).

    Parameters
    ----------
    one
        Its years.
    plots
        The plots.
    adopts
        Year from which each follows the plan, (plot,).
    first
        Year in which a dose begins that does not say when.
    """
    middle = (plots.start + np.arange(plots.rows)[:, None] + 0.5) / 12.0
    start = np.maximum(first if one.start is None else one.start, adopts)
    until = np.inf if one.end is None else one.end
    ramp = one.ramp if isinstance(one, Dose) else 0.0
    with np.errstate(invalid="ignore"):
        risen = np.clip((middle - start) / ramp, 0.0, 1.0) if ramp > 0 else np.ones(middle.shape)
    inside: np.ndarray = np.where((middle >= start) & (middle < until), risen, 0.0)
    return inside


def altering(plan: Plan, adopts: np.ndarray, first: float) -> Callable[[Managed, Plots], None] | None:
    """What alters months of management for a plan; None where it alters none.

    Parameters
    ----------
    plan
        Any plan.
    adopts, first
        As for :func:`dose_in_time`.
    """
    cover = [one for one in plan.doses if one.lever.acts_on == "plant_cover"]
    if not plan.overrides and not cover:
        return None

    def change(managed: Managed, plots: Plots) -> None:
        for one in plan.overrides:
            values = getattr(managed, _ATTRIBUTES[one.column])
            if one.column == "manure_carbon_input" and managed.kinds:  # farmyard manure, which is one of them then
                values = managed.amendments[managed.kinds.index(kind_of_lever(one.column))]
            values[dose_in_time(one, plots, adopts, first) > 0] = one.value
        for dose in cover:
            # Plants cover the soil where management does not say otherwise.
            now = np.where(np.isfinite(managed.cover), managed.cover, 1.0)
            managed.cover = np.maximum(now, dose.dose * dose_in_time(dose, plots, adopts, first))

    return change


def with_climate(
    tables: FieldTables, data: Layout, climate: Climate | None, first: float, source: np.random.Generator | None
) -> FieldTables:
    """Tables with the weather that a plan expects after the last samples.

    Parameters
    ----------
    tables
        Of a fit.
    data
        Laid out as far as weather is wanted.
    climate
        What comes; None for the usual.
    first
        Year in which a change begins that does not say when.
    source
        Of observed years that follow each other at random; None for their mean.
    """
    if climate is None or not (climate.changes or climate.table is not None or source is not None):
        return tables
    told = tables if climate.table is None else with_plan(tables, None, climate.table)
    future = expected_weather(told.weather, tables.obs, data.plots, resampled=source)
    middle = future["year"] + (future["month"] - 0.5) / 12.0
    shares: dict[str, Any] = {}
    for one in climate.changes:
        start, end = first if one.start is None else one.start, np.inf if one.end is None else one.end
        risen = np.clip((middle - start) / one.ramp, 0.0, 1.0) if one.ramp > 0 else 1.0
        there = one.dose * np.where((middle >= start) & (middle < end), risen, 0.0)
        if one.lever.acts_on == "temperature":
            future["temperature"] += there
        else:
            column = "rain" if one.lever.acts_on == "rain" else "open_pan_evaporation"
            shares[column] = shares.get(column, 0.0) + there
    for column, share in shares.items():
        future[column] *= np.maximum(1.0 + share, 0.0)
    return replace(told, weather=_joined(told.weather, future))


def _joined(weather: pd.DataFrame | None, future: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if weather is None:
        return future
    keys = ["site", "year", "month"]
    replaced = pd.MultiIndex.from_frame(weather[keys]).isin(pd.MultiIndex.from_frame(future[keys]))
    return pd.concat([weather[~replaced], future], ignore_index=True)


def faults_of(plans: Plans, tables: FieldTables, data: Layout, years: np.ndarray) -> list[Fault]:
    """Everything of plans that a fit cannot do.

    Parameters
    ----------
    plans
        Of :func:`socbayes.scenarios.plan_files.read_plans`.
    tables, data
        Of the fit, its tables and their layout.
    years
        Decimal years that are projected.
    """
    last = tables.obs.groupby("site")["year"].max()
    faults = []
    if (early := last[last > years.min() + HAIR]).size:
        faults.append(Fault("years before the fit", None, "years", f"{years.min():g}",
                            f"{early.max():.2f} or later, the last sample of {early.idxmax()}",
                            "start with the last sample or later; the past is in the fit"))  # fmt: skip
    for plan in plans.plans.values():
        where = f"plans.{plan.name}"
        named = (*plan.plots, *(name for stage in plan.adoption for name in stage.plots))
        faults += [
            _no_plot(name, data.plots.labels, where) for name in dict.fromkeys(named) if name not in data.plots.labels
        ]
        changes = plan.climate.changes if plan.climate else ()
        for timed in (*plan.doses, *plan.overrides, *changes, *plan.adoption):
            start = getattr(timed, "year", getattr(timed, "start", None))
            if start is not None and start < last.max() - HAIR:
                found, expected = f"a start in {start:g}", f"{last.max():.2f} or later, the last sample"
                faults.append(Fault("years before the fit", None, where, found, expected, "the past is in the fit"))
        faults += _cannot(plan, tables, data, where)
        outside = [name for stage in plan.adoption for name in stage.plots if plan.plots and name not in plan.plots]
        if outside:
            faults.append(Fault("adopted by others", None, f"{where}.adoption", ", ".join(dict.fromkeys(outside)),
                                f"plots of the plan: {', '.join(plan.plots)}"))  # fmt: skip
        elif plan.adoption and np.isinf(adoption_of(plan, data.plots.labels, plans.areas)).all():
            faults.append(Fault("nobody adopts", None, f"{where}.adoption",
                                "no plot whose area is within the share of any stage",
                                "a share that holds the area of the first plot, or names of plots"))  # fmt: skip
    faults += faults_of_answers(plans, data)
    missing = [name for name in data.plots.labels if plans.areas and name not in plans.areas]
    if missing:
        faults.append(Fault("areas of some plots only", None, "areas", f"none of {', '.join(missing[:5])}",
                            "that of every plot, or none at all"))  # fmt: skip
    faults += [_no_plot(name, data.plots.labels, "areas") for name in plans.areas if name not in data.plots.labels]
    return faults


def _no_plot(name: str, known: list[str], where: str) -> Fault:
    hint = nearest(name, known)
    return Fault("a plan for no plot", None, where, repr(name), ", ".join(known[:12]),
                 f"did you mean {hint!r}?" if hint else "")  # fmt: skip


def _cannot(plan: Plan, tables: FieldTables, data: Layout, where: str) -> Iterator[Fault]:
    """What of a plan the structure of a fit has no driver of, or its tables say nothing of."""
    setup, changes = data.setup, plan.climate.changes if plan.climate else ()
    acted = {one.lever.acts_on: one.lever.name for one in (*plan.doses, *changes)}
    acted |= {one.column: one.column for one in plan.overrides if one.column != "manure_carbon_input"}
    kinds = data.forcing.amendments
    for acts_on, name in acted.items():
        if kinds and acts_on == "manure_added":
            continue  # each has a driver of its own
        if acts_on in _NEEDED and not _shows(setup.roles, acts_on):
            able = [one for one in list_structures() if _shows(roles_of(get(one)), acts_on)]
            yield Fault("no driver of a lever", None, where, f"{name} for {setup.structure.name}",
                        f"a structure with a driver of {' or '.join(_NEEDED[acts_on])}: {', '.join(able)}",
                        "fit one of these structures, or pull another lever")  # fmt: skip
    manured = [one.lever.name for one in plan.doses if one.lever.acts_on == "manure_added"]
    manured += [one.column for one in plan.overrides if one.column == "manure_carbon_input"]
    unseen = [name for name in dict.fromkeys(manured) if kinds and kind_of_lever(name) not in kinds]
    if unseen:
        spread = [f"{name} (of {kind_of_lever(name)})" for name in unseen]
        yield Fault("amendments have a quality of their own", None, where, ", ".join(spread),
                    f"what was spread in the fit, which tells {', '.join(kinds)} apart",
                    "give forecast() a table of management that names the amendment")  # fmt: skip
    if any(one.column == "plant_carbon_input" for one in plan.overrides) and not data.forcing.input_stated:
        yield Fault("inputs were not stated", None, where, "plant_carbon_input",
                    "none, as the fit was made without any: what it learned is over an assumed input",
                    "pull a lever on plant input instead")  # fmt: skip
    idle = _idle(plan.climate, tables, data)
    if nowhere := [name for name, sites in idle.items() if len(sites) == len(data.plots.sites)]:
        yield Fault("no weather to change", None, where, ", ".join(nowhere),
                    "a fit that was given temperatures, or, for rain and evaporation, both of them",
                    "fit with a table of weather")  # fmt: skip
    if plan.climate and plan.climate.resample and (tables.weather is None or plan.climate.table is not None):
        yield Fault("no years to resample", None, where, "resample",
                    "a fit that was given weather, and no table of weather beside it")  # fmt: skip


def _idle(climate: Climate | None, tables: FieldTables, data: Layout) -> dict[str, list[str]]:
    """Sites at which a change of climate does nothing, as a run takes no such weather there, by lever."""
    if climate is None or not climate.changes:
        return {}
    told = tables if climate.table is None else with_plan(tables, None, climate.table)
    known = expected_weather(told.weather, tables.obs, data.plots).groupby("site").count()  # months, by column
    # Moisture takes part where both are known.
    acting = {"temperature": ["temperature"]}
    idle = {
        one.lever.name: known.index[
            (known[acting.get(one.lever.acts_on, ["rain", "open_pan_evaporation"])] == 0).any(axis=1)
        ].tolist()
        for one in climate.changes
    }
    return {name: sites for name, sites in idle.items() if sites}


def reach_of(
    plans: Plans, data: Layout, columns: Mapping[str, Sequence[np.ndarray]], usual: np.ndarray
) -> tuple[list[Fault], list[str]]:
    """Climate that reaches no plot, as faults, and plots that weather, cover or management of a plan does not reach.

    A driver may take nothing from weather: where a rate modifier is stated in its place, or none is known.

    Parameters
    ----------
    plans, data
        As for :func:`faults_of`.
    columns
        By plan, drivers under it, of each course of climate, (row, plot, driver).
    usual
        Drivers without a plan.
    """
    faults, notes = [], []
    for name, plan in plans.plans.items():
        climate = plan.climate
        cover = any(one.lever.acts_on == "plant_cover" and one.dose for one in plan.doses)
        weather = climate and (climate.resample or climate.table is not None or any(d.dose for d in climate.changes))
        if not (weather or cover or plan.overrides):
            continue
        different = np.array([(one != usual) & ~(np.isnan(one) & np.isnan(usual)) for one in columns[name]])
        reached = different.any(axis=(0, 1, 3))
        follows = adoption_of(plan, data.plots.labels, plans.areas) < np.inf
        about = np.isin(data.plots.labels, plan.plots) | (not plan.plots)
        idle = ~reached & (follows | (about & bool(weather)))
        if not idle.any():
            continue
        if weather and not reached.any() and not (cover or plan.overrides):
            expected = "weather that runs take: not where a rate_modifier stands in its place, or none is known"
            faults.append(
                Fault("nothing to act on", None, f"plans.{name}.climate", "changes that reach no plot", expected)
            )
        where = ", ".join(label for label, one in zip(data.plots.labels, idle, strict=True) if one)
        notes.append(f"Plan {name!r}: its climate, cover or management changes nothing on {where}.")
    return faults, notes


def notes_of(plans: Plans, tables: FieldTables, data: Layout) -> list[str]:
    """Say what of plans does nothing at some of the sites, in sentences.

    Parameters
    ----------
    plans, tables, data
        As for :func:`faults_of`.
    """
    idle = [_idle(plan.climate, tables, data) for plan in plans.plans.values()]
    said = dict.fromkeys((name, tuple(sites)) for one in idle for name, sites in one.items())
    return [
        f"{name} changes nothing at {', '.join(sites)}: the weather it acts on is not known there."
        for name, sites in said
    ]


def _shows(roles: Roles, acts_on: str) -> bool:
    return any(getattr(roles, role) for role in _NEEDED[acts_on])


def changes_of(plans: Plans, data: Layout, years: np.ndarray) -> Iterator[dict[str, Any]]:
    """What each plot gets from each plan, and when.

    Parameters
    ----------
    plans
        Any plans.
    data
        Field tables laid out.
    years
        Decimal years that are projected.
    """
    first, last = float(years.min()), float(years.max())
    for plan in plans.plans.values():
        adopts = adoption_of(plan, data.plots.labels, plans.areas)
        changes = plan.climate.changes if plan.climate else ()
        for place, plot in enumerate(data.plots.labels):
            timed: list[Dose | Override] = [*plan.doses, *plan.overrides, *changes]
            for one in timed:
                of_climate = any(one is change for change in changes)
                if of_climate and plan.plots and plot not in plan.plots:
                    continue
                start = max(first if one.start is None else one.start, -np.inf if of_climate else adopts[place])
                until = min(last, np.inf if one.end is None else one.end)
                if start >= until:
                    continue
                if isinstance(one, Override):
                    name, column, dose, unit, evidence = "", one.column, one.value, "", "stated in the plan"
                else:
                    name, unit, evidence = one.lever.name, one.lever.unit, one.lever.source
                    column, dose = one.lever.acts_on, round(one.dose, 12)
                yield {
                    "plan": plan.name,
                    "plot": plot,
                    "lever": name,
                    "column": column,
                    "dose": dose,
                    "unit": unit,
                    "start_year": start,
                    "end_year": until,
                    "evidence": evidence,
                }
    yield from rows_of_answers(plans, data, years)


def months_of(years: np.ndarray, plots: Plots) -> np.ndarray:
    """Months since the start of each run, (plot, year)."""
    months: np.ndarray = month_of(years) - plots.start[:, None]
    return months
