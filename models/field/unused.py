"""What of the tables a layout does not use, and why: whatever a caller gave is used, or named here.

Sentences for :attr:`socbayes.models.field.layout.Layout.notes`, with numbers of rows as a spreadsheet shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.frames import filled, numeric
from socbayes.models.field.amendments import AMOUNT, states_char
from socbayes.models.field.layers import Sampled
from socbayes.models.field.management import MANAGED, RowsTaken
from socbayes.models.field.matching import NAMES, known_plots, matched, names_of
from socbayes.models.field.measurements import Measurements
from socbayes.models.field.plots import PLACE, Plots, places_of
from socbayes.models.field.soil_mass import DENSITIES, FRAGMENTS
from socbayes.models.root_inputs.allocated import crop_of
from socbayes.observations import HEADER, OBSERVATIONS
from socbayes.spec import joined
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.models.field.setup import Setup
    from socbayes.models.field.tables import FieldTables

SHOWN = 5
"""Rows, or names, of a sentence that are named; of the rest the number is said."""
# The first column of each that a row states counts.
_OF_COLUMNS = {
    "plant": ("plant_carbon_input", "yield_per_harvest", "yield_dry_matter"),
    "manure": ("manure_carbon_input", "manure_fresh"),
    "cover": ("plant_cover",),
    "modifier": ("rate_modifier",),
}


def of_management(tables: FieldTables, obs: pd.DataFrame, taken: RowsTaken, setup: Setup) -> Iterator[str]:
    """What of the management table, and of a plan, is not used.

    Parameters
    ----------
    tables
        Judged.
    obs
        Their uppermost layer.
    taken
        What became of each row of management, and of the plan after it.
    setup
        What the plots run.
    """
    begin = 0
    for called, table in (("management table", tables.management), ("plan", tables.plan)):
        if table is None or not len(table):
            continue
        rows = slice(begin, begin + len(table))
        begin += len(table)
        yield from _of_names(called, table, known_plots(obs))
        yield from _of_rows(called, table, taken, rows, setup)
        yield from _of_cells(called, table, taken, rows)
        yield from _of_columns(called, table, obs, taken, rows, setup)


def _of_names(called: str, table: pd.DataFrame, known: pd.DataFrame) -> Iterator[str]:
    """Rows that hold for no plot, and rows that hold for more plots than they may mean."""
    answered, strangers = matched(table, known)
    for column in NAMES:
        mine = [one for one in strangers if one.column == column]
        if mine:
            names = _some([one.name + (f" (did you mean {one.hint!r}?)" if one.hint else "") for one in mine])
            at = "" if column == "site" else f" at {_some(dict.fromkeys(one.site for one in mine))}"
            rows = np.sort(np.concatenate([one.rows for one in mine]))
            yield f"Not used, as no sample{at} is of {column} {names}: {_rows(called, table, rows)}."
    names_given = names_of(table)
    named = {name: names_given[name] != "" for name in ("plot", "treatment")}
    for site in dict.fromkeys(table["site"][answered]):
        here = names_given["site"] == site
        whole = np.flatnonzero(here & ~named["plot"] & ~named["treatment"])
        if whole.size and (here & (named["plot"] | named["treatment"])).any():
            yield (
                f"Taken for every plot of {site}, as neither plot nor treatment is named: "
                f"{_rows(called, table, whole)}."
            )
    shared = set(known["plot"][known["shared"]])
    both = np.flatnonzero(np.isin(names_given["plot"].astype(str), sorted(shared)))
    both = both[(names_given["study"][both] == "") & (names_given["block"][both] == "")]
    if both.size:
        yield (
            "Taken for all plots of one name, or those of the treatment named, as neither study nor block is: "
            f"{_rows(called, table, both)}."
        )
    yield from _of_other_treatments(called, table, known)


def _of_other_treatments(called: str, table: pd.DataFrame, known: pd.DataFrame) -> Iterator[str]:
    """Rows that name a plot and a treatment that none of its samples has."""
    names = names_of(table)
    has = set(zip(known["site"], known["plot"], known["treatment"], strict=True))
    sampled = {(site, plot) for site, plot, _ in has}
    triples = zip(names["site"], names["plot"], names["treatment"], strict=True)
    other = [
        row
        for row, (site, plot, treatment) in enumerate(triples)
        if plot and treatment and (site, plot) in sampled and (site, plot, treatment) not in has
    ]
    if other:
        treatments = _some(dict.fromkeys(names["treatment"][other]))
        yield (
            f"What they add counts, but no effect of treatment {treatments}, which no sample of the plot has: "
            f"{_rows(called, table, np.array(other))}."
        )


def _of_rows(called: str, table: pd.DataFrame, taken: RowsTaken, rows: slice, setup: Setup) -> Iterator[str]:
    """Rows of known plots that say nothing of any month of a run."""
    held, inside = taken.held[rows], taken.inside[rows]
    gave = np.any([taken.gave[name][rows] for name in MANAGED], axis=0)
    says = np.any(
        [np.isfinite(numeric(table, name)) for names in (*_OF_COLUMNS.values(), (AMOUNT,)) for name in names], axis=0
    )
    says |= filled(table, "crop", "").ne("").to_numpy()
    # What made the soil before it was sampled is the mean manure of the time before.
    before, char = held & ~inside & taken.before[rows], states_char(table, setup.structure)
    past = before & np.any([numeric(table, name) > 0 for name in _OF_COLUMNS["manure"]], axis=0)
    past |= before & (numeric(table, AMOUNT) > 0) & ~char
    char &= held & taken.before[rows]
    for which, why in (
        (past, "Taken for the manure of before the first samples only"),
        (char, "Biochar of before the first samples is taken for ordinary carbon of the soil"),
        (held & ~inside & ~past & ~char, "Not used, as outside the runs of the plots, or the time of their treatment"),
        (inside & gave & taken.beyond[rows], "Used in part, as the runs of the plots begin later or end earlier"),
        (inside & ~gave & ~says, "Not used, as no input, cover or modifier is stated"),
        (
            inside & ~gave & says,
            "Not used, as other rows say it first (those of the plot, then of its treatment, then of the site) or "
            "nothing follows from what is stated",
        ),
    ):
        if which.any():
            yield f"{why}: {_rows(called, table, np.flatnonzero(which))}."


def _of_cells(called: str, table: pd.DataFrame, taken: RowsTaken, rows: slice) -> Iterator[str]:
    """Columns that rows state beside one that says the same, or that another row says first."""
    inside, gave = taken.inside[rows], {name: taken.gave[name][rows] for name in MANAGED}
    any_given = np.any(list(gave.values()), axis=0)
    for what, names in _OF_COLUMNS.items():
        stated = {name: np.isfinite(numeric(table, name)) for name in names}
        for place, name in enumerate(names):
            for other in names[place + 1 :]:
                if (both := stated[name] & stated[other]).any():
                    yield f"{other} stands beside {name}, which counts: {_rows(called, table, np.flatnonzero(both))}."
        if what == "manure":  # it adds up with amendments of the same rows, and is taken or left with them
            stated[AMOUNT] = np.isfinite(numeric(table, AMOUNT))
        lost = np.any(list(stated.values()), axis=0) & inside & any_given & ~gave[what]
        if lost.any():
            said = joined([name for name, here in stated.items() if here[lost].any()])
            yield f"{said} not used, as other rows say it first: {_rows(called, table, np.flatnonzero(lost))}."
    idle = np.isfinite(numeric(table, "plant_carbon_input_sd")) & inside & ~taken.erred[rows]
    if idle.any():
        yield (
            "plant_carbon_input_sd not used, as it is of no input above zero before the last sample: "
            f"{_rows(called, table, np.flatnonzero(idle))}."
        )


def _of_columns(
    called: str, table: pd.DataFrame, obs: pd.DataFrame, taken: RowsTaken, rows: slice, setup: Setup
) -> Iterator[str]:
    """Columns that nothing in the model, or in the structure, answers to."""
    used = {"site", "plot", "treatment", "start_year", "end_year", "plant_carbon_input_sd"}
    used |= {name for names in _OF_COLUMNS.values() for name in names} | {AMOUNT, "amendment"}
    used |= {name for name in ("study", "block") if name in obs and obs[name].notna().any()}
    turned = filled(table, "crop", "").ne("") & ~np.isfinite(numeric(table, "plant_carbon_input"))
    turned = turned.to_numpy() & taken.gave["plant"][rows]
    if turned.any():
        used |= {"crop"}
    grows = turned & (filled(table, "crop", "").map(crop_of) != "").to_numpy()
    if (grows & np.isfinite(numeric(table, "fertilizer_nitrogen"))).any():
        used |= {"fertilizer_nitrogen"}
    if idle := _stated(table, [name for name in table if name not in used]):
        yield f"The {called} states what this model does not use: {_some(idle, 20)}."
    roles = setup.roles
    climatic = bool(roles.modifier or roles.temperature or roles.moisture)
    if idle := _stated(table, [] if climatic else ["plant_cover"]) + _stated(
        table, [] if roles.modifier else ["rate_modifier"]
    ):
        yield f"{setup.structure.name} takes no {joined(idle)}: the {called} states it all the same."


def of_observations(
    sampled: Sampled, every: pd.DataFrame, measured: Measurements, setup: Setup, asked: Iterable[str]
) -> Iterator[str]:
    """What of the table of observations is not used.

    Parameters
    ----------
    sampled
        Samples of the layer that is modelled.
    every
        The table as it was given.
    measured
        What was measured.
    setup
        What the plots run.
    asked
        Columns that fill gaps of weather, as far as there are any.
    """
    obs = sampled.obs
    without = np.setdiff1d(sampled.origin, measured.row)
    if without.size:
        rows = _rows("observations", every, without)
        yield f"Nothing to learn from, as no value of what the structure shows is stated: {rows}."
    if (silent := filled(obs, "treatment", "").eq("").to_numpy()).any() and not silent.all():
        rows = _rows("observations", every, sampled.origin[silent])
        yield f"Of the treatment of the sample before, or after, as none is stated: {rows}."
    places = places_of(obs)
    used = {"site", "plot", "treatment", "year", "date", "depth_top", "depth_bottom", "replicates", *asked}
    names = [name for name in ("block", "study") if name in obs and obs[name].notna().any()]
    apart = places.drop_duplicates()
    for name in names:
        others = [other for other in PLACE if other != name]
        if (apart.groupby(others)[name].nunique() > 1).any():
            used.add(name)
    for kind in OBSERVATIONS:
        used |= {column for name in kind.columns for column in (name, f"{name}_sd")}
    origin = filled(obs, "value_origin", "measured")
    used |= {"value_origin"} if origin.eq("estimated").any() else set()
    if ("clay" in setup.structure.parameter_names and "clay" not in setup.parameters) or setup.roles.modifier:
        used.add("clay")
    derived = any(np.isfinite(numeric(obs, name)).any() for name in _contents())
    if derived or setup.structure.carbon_unit not in ("t/ha", "g/m**2", "kg/m**2"):
        used |= {*DENSITIES, *FRAGMENTS}
    if idle := _stated(every, [name for name in every if name not in used]):
        of_names = [name for name in ("block", "study") if name in idle]
        why = f" ({joined(of_names)}: the model has no effects of them)" if of_names else ""
        yield f"The observations state what this model does not use: {_some(idle, 20)}{why}."
    yield from _of_twice(obs, measured)


def _contents() -> list[str]:
    """Columns that bulk density turns into stocks."""
    return [str(name) for kind in OBSERVATIONS if (name := getattr(kind, "concentration", ""))]


def _of_twice(obs: pd.DataFrame, measured: Measurements) -> Iterator[str]:
    """Contents beside stocks, kinds that nothing shows, and deviations without a value."""
    for kind in OBSERVATIONS:
        stated = [name for name in kind.columns if np.isfinite(numeric(obs, name)).any()]
        if len(stated) > 1:
            both = np.flatnonzero(np.all([np.isfinite(numeric(obs, name)) for name in stated], axis=0))
            if both.size:
                yield f"{stated[1]} stands beside {stated[0]}, which counts: {_counted(both.size)} of the observations."
        if stated and kind.name not in measured.names:
            yield f"No value of {joined(stated)} is learned from."
        for name in kind.columns:
            alone = np.isfinite(numeric(obs, f"{name}_sd")) & ~np.isfinite(numeric(obs, name))
            if alone.any():
                yield f"{name}_sd is of no value: {_counted(int(alone.sum()))} of the observations."


def asked_of_observations(tables: FieldTables, plots: Plots, setup: Setup) -> set[str]:
    """Columns of the observations that fill gaps of weather, as far as there are gaps.

    Parameters
    ----------
    tables, plots, setup
        Of a layout.
    """
    roles = setup.roles
    if not (roles.modifier or roles.temperature):
        return set()
    warm = _complete(tables.weather, "temperature", plots)
    return set() if warm.all() else {"mean_annual_temperature", "latitude"}


def of_weather(tables: FieldTables, plots: Plots, setup: Setup) -> Iterator[str]:
    """What of the weather table is not used.

    Parameters
    ----------
    tables, plots, setup
        Of a layout.
    """
    weather, roles = tables.weather, setup.roles
    if weather is None or not len(weather):
        return
    site = weather["site"].astype(str).to_numpy()
    strange = np.flatnonzero(~np.isin(site, plots.sites))
    if strange.size:
        names, known = _some(dict.fromkeys(site[strange])), _some(plots.sites)
        yield (
            f"Not used, as no sample is of site {names} (samples are of {known}): "
            f"{_rows('weather table', weather, strange)}."
        )
    columns = [name for name in weather if name not in ("site", "year", "month")]
    yield from _of_months(weather, plots, [name for name in columns if not str(name).startswith("x_")])
    idle = _stated(weather, [name for name in columns if str(name).startswith("x_")])
    here = np.isin(site, plots.sites)
    if (
        _complete(weather, "temperature", plots).all()
        and np.isfinite(numeric(weather, "annual_temperature")[here]).any()
    ):
        idle.append("annual_temperature")
    if not (roles.modifier or roles.temperature or roles.moisture):
        idle = _stated(weather, columns)
    elif not (roles.modifier or roles.moisture):
        idle += _stated(weather, [name for name in columns if name not in (*idle, "temperature", "annual_temperature")])
    if idle:
        yield f"The weather table states what {setup.structure.name} here does not use: {_some(idle, 20)}."


def _of_months(weather: pd.DataFrame, plots: Plots, columns: Sequence[str]) -> Iterator[str]:
    """Months outside the runs, and months of which nothing is stated."""
    site = weather["site"].astype(str).to_numpy()
    when = numeric(weather, "year") * 12 + numeric(weather, "month") - 1
    outside = np.zeros(len(weather), dtype=bool)
    gaps = False
    for position, name in enumerate(plots.sites):
        mine = plots.site == position
        first, last = int(plots.start[mine].min()), int((plots.start + plots.months)[mine].max())
        outside |= (site == name) & ((when < first) | (when >= last))
    for name in columns:
        stated = np.isfinite(numeric(weather, name))
        gaps |= bool(stated.any()) and not _complete(weather, name, plots).all()
    if outside.any():
        how = "Taken for means that fill gaps only" if gaps else "Not used"
        yield f"{how}, as outside the runs: {_rows('weather table', weather, np.flatnonzero(outside))}."
    empty = ~np.any([np.isfinite(numeric(weather, name)) for name in columns], axis=0) if columns else ~outside
    if (silent := np.flatnonzero(empty & np.isin(site, plots.sites))).size:
        yield f"Nothing is stated: {_rows('weather table', weather, silent)}."


def _complete(weather: pd.DataFrame | None, column: str, plots: Plots) -> np.ndarray:
    """Whether the months of the runs of each site all state a column of weather, (site,)."""
    result = np.zeros(len(plots.sites), dtype=bool)
    if weather is None:
        return result
    stated = np.isfinite(numeric(weather, column))
    site = weather["site"].astype(str).to_numpy()
    when = numeric(weather, "year") * 12 + numeric(weather, "month") - 1
    for position, name in enumerate(plots.sites):
        mine = plots.site == position
        first, last = int(plots.start[mine].min()), int((plots.start + plots.months)[mine].max())
        here = when[(site == name) & stated]
        result[position] = np.unique(here[(here >= first) & (here < last)]).size == last - first
    return result


def _stated(table: pd.DataFrame, columns: Iterable[Any]) -> list[str]:
    """Columns that say anything."""
    return [str(name) for name in columns if name in table and table[name].notna().any()]


def _some(names: Iterable[Any], shown: int = SHOWN) -> str:
    """The first names of a list, and how many more there are."""
    every = [str(name) for name in names]
    return ", ".join(every[:shown]) + (f" and {len(every) - shown} more" if len(every) > shown else "")


def _rows(called: str, table: pd.DataFrame, positions: np.ndarray) -> str:
    """How many rows of a table, and the first of them by number."""
    numbers = [str(int(table.index[position]) + HEADER) for position in positions[:SHOWN]]
    more = ", ..." if len(positions) > SHOWN else ""
    return f"{_counted(len(positions))} of the {called} ({', '.join(numbers)}{more})"


def _counted(count: int) -> str:
    return counted(count, "row")
