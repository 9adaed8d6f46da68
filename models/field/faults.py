"""What cannot be right in the tables of field plots, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import Fault, TableFaultsError
from socbayes.frames import numeric
from socbayes.labels import same_name, spelled_alike, tidied
from socbayes.models.field.amendments import faults_of_amendments
from socbayes.models.field.contradictions import faults_of_contradictions
from socbayes.models.field.layers import faults_of_layers, layer_modelled
from socbayes.models.field.matching import Unanswered, known_plots, matched, spelled_like
from socbayes.models.field.plots import places_of, plot_of_rows
from socbayes.models.field.soil_mass import faults_of_density
from socbayes.observations import HEADER, OBSERVATIONS
from socbayes.structures.forcing import rate_constants
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.models.field.setup import Setup
    from socbayes.models.field.tables import FieldTables


def faults_of(tables: FieldTables, setup: Setup, *, fitting: bool = True) -> list[Fault]:
    """Everything that cannot be right of tables whose cells are.

    Parameters
    ----------
    tables
        Judged cell by cell.
    setup
        What runs, and what the caller gave for it.
    fitting
        Whether a model is to be fitted to them: then something has to change.
    """
    obs = tables.obs
    faults = [*_of_measurements(obs, setup), *faults_of_layers(obs), *faults_of_density(obs)]
    faults += [*faults_of_contradictions(obs), *_of_identity(obs)]
    sampled = obs if faults else layer_modelled(obs).obs
    misspelt = list(_misspelt(tables))
    faults += [_of_one_name(column, rows) for column, rows in misspelt]
    told = {(column, same_name(label)) for column, rows in misspelt for label in rows["label"].unique()}
    if fitting and sampled.groupby(plot_of_rows(sampled))["year"].nunique().max() < 2:
        faults.append(
            Fault(
                "no change to fit",
                None,
                "year",
                "one date per plot",
                "at least one plot sampled at two dates",
                "this model follows plots through time. Treatments compared at one date are pairs: "
                "socbayes.models.mcp.build takes pairs of necromass and organic carbon, and docs/own_model.md shows "
                "how a model of your own, such as one of paired differences, is fitted and checked",
            )
        )
    for table, is_plan in ((tables.management, False), (tables.plan, True)):
        if table is not None:
            faults += [*_of_times(table), *faults_of_amendments(table)]
            strangers = _strangers_refused(table, obs, is_plan)
            faults += [fault for one, fault in strangers if (one.column, same_name(one.name)) not in told]
    if tables.weather is not None:
        faults += _of_weather(tables.weather, obs, told)
    faults += _of_structure(setup, obs, tables.weather)
    return faults


def require_sound(tables: FieldTables, setup: Setup, *, fitting: bool = True) -> None:
    """Refuse tables that a structure cannot run, with all faults at once.

    Parameters
    ----------
    tables, setup, fitting
        As for :func:`faults_of`.

    Raises
    ------
    TableFaultsError
        For everything that cannot be right.
    """
    if faults := faults_of(tables, setup, fitting=fitting):
        raise TableFaultsError(faults, "field tables")


def _of_measurements(obs: pd.DataFrame, setup: Setup) -> Iterator[Fault]:
    holds = [name for kind in OBSERVATIONS for name in kind.columns]
    if not any(np.isfinite(numeric(obs, name)).any() for name in holds):
        yield Fault("nothing measured", None, "", "no carbon column with a value", "one of " + ", ".join(holds))
    for kind in OBSERVATIONS:
        yield from kind.faults(obs, setup.structure, setup.weights)


def _of_times(management: pd.DataFrame) -> Iterator[Fault]:
    """Rows of management that end when they begin."""
    begin, end = numeric(management, "start_year"), numeric(management, "end_year")
    for row in np.flatnonzero(end <= begin):
        expected = f"after start_year {begin[row]:g}"
        advice = f"the year {begin[row]:g} runs from {begin[row]:g} to {begin[row] + 1:g}"
        yield Fault("lasts no time", _row(management, int(row)), "end_year", f"{end[row]:g}", expected, advice)


def _strangers_refused(table: pd.DataFrame, obs: pd.DataFrame, is_plan: bool) -> Iterator[tuple[Unanswered, Fault]]:
    """Names of management that no plot has, where a plot may be meant by them, and all of those in a plan."""
    answered, strangers = matched(table, known_plots(obs))
    if not strangers:
        return
    sites = set(table["site"][answered])
    begin, end = numeric(table, "start_year"), numeric(table, "end_year")
    called = "plan" if is_plan else "management table"
    for one in strangers:
        here = obs["year"][obs["site"] == one.site]
        if one.column in ("site", "study", "block"):
            none_else = not sites if one.column == "site" else one.site not in sites
            refused = none_else or spelled_like(one.name, one.waiting) is not None
        else:
            # Rows of before the first sample, or after the last, take nothing from a plot that waits for some.
            inside = (begin[one.rows] < here.max()) & (end[one.rows] > here.min())
            refused = bool(one.waiting) and bool(inside.any())
        if not (refused or is_plan):
            continue
        waiting = f"; no row is about {_listed(one.waiting)}" if one.waiting and one.waiting != one.known else ""
        expected = f"a {one.column} of the observations"
        expected += f": {_listed(one.known)}{waiting}" if one.known else f", which state no {one.column} there"
        yield one, Fault(f"unknown {one.column}", _row(table, one.rows[0]), one.column,
                         f"{one.name} in the {called}", expected, _advice(one, is_plan), len(one.rows))  # fmt: skip


def _advice(one: Unanswered, is_plan: bool) -> str:
    """What to do about a name that no plot has."""
    if one.hint:
        return f"did you mean {one.hint!r}?"
    if is_plan:
        more = "; to change the treatment of a plot, name the plot" if one.column == "treatment" else ""
        return f"it would change nothing: name what the fit has{more}"
    return "correct the name; if it is of plots that were not sampled, leave its rows out"


def _of_weather(weather: pd.DataFrame, obs: pd.DataFrame, told: set[tuple[str, str]]) -> Iterator[Fault]:
    """Sites of weather that are spelled like one that has none; it may be that of other sites altogether."""
    known, named = sorted(set(obs["site"])), sorted(set(weather["site"]))
    alone = [name for name in known if name not in named]
    for name in named:
        hint = spelled_like(name, alone) if name not in known else None
        if hint and ("site", same_name(name)) not in told:
            row = _row(weather, int(np.flatnonzero(weather["site"] == name)[0]))
            expected = "a site of the observations: " + _listed(known)
            yield Fault("unknown site", row, "site", f"{name} in the weather table", expected,
                        f"did you mean {hint!r}?")  # fmt: skip


def _misspelt(tables: FieldTables) -> Iterator[tuple[str, pd.DataFrame]]:
    """Columns and rows of names that differ in case, blanks, zeros or Unicode form only, within and between tables."""
    import pandas as pd

    given = {"observations": tables.obs, "management table": tables.management, "plan": tables.plan,
             "weather table": tables.weather}  # fmt: skip
    for column in ("site", "study", "treatment", "block", "plot"):
        pieces = [
            pd.DataFrame({
                "label": table[column].astype(str), "row": table.index + HEADER, "table": called,
                # Plots and blocks have their names within a site.
                "within": table["site"].map(same_name) if column in ("block", "plot") else "",
            })[table[column].notna()]
            for called, table in given.items() if table is not None and column in table
        ]  # fmt: skip
        every = pd.concat(pieces) if pieces else pd.DataFrame({"within": []})
        for _, these in every.groupby("within", sort=False):
            for group in spelled_alike(these["label"].unique()):
                yield column, these[these["label"].isin(group)]


def _of_one_name(column: str, these: pd.DataFrame) -> Fault:
    """The fault of one name with several spellings; at the first row of the rarest of them."""
    counts = these["label"].value_counts()
    usual = max(map(str, counts.index), key=lambda label: (label == tidied(label), counts[label]))
    rarest = str(counts.index[-1])
    said = []
    for label in these["label"].unique():
        mine = these[these["label"] == label]
        where = "; ".join(f"{called} from row {rows['row'].iloc[0]} on, {len(rows)} in all"
                          for called, rows in mine.groupby("table", sort=False))  # fmt: skip
        said.append(f"{str(label)!r} ({where})")
    row = int(these["row"][(these["label"] == rarest).to_numpy()].iloc[0])
    expected = f"one spelling of each {column}"
    advice = f"write {usual!r} everywhere; if they are different, tell them apart by more than that"
    return Fault("spellings of one name", row, column, " and ".join(said), expected, advice)


def _of_identity(obs: pd.DataFrame) -> Iterator[Fault]:
    """Rows of which nobody can say whose they are: two treatments on one plot at one date, a block left empty."""
    places = places_of(obs)
    for column in ("study", "block"):
        others = [name for name in ("site", "study", "plot") if name != column]
        several = places.groupby(others)[column].transform("nunique") > 1
        for row in np.flatnonzero(several & (places[column] == "")):
            expected = f"the {column} of plot {places['plot'].iloc[row]}, as its other rows state several"
            yield Fault(f"{column} not stated", _row(obs, int(row)), column, "an empty cell", expected, "fill it in")
    if "treatment" not in obs:
        return
    plot, when = plot_of_rows(obs), np.round(numeric(obs, "year"), 3)
    stated = obs["treatment"].notna().to_numpy()
    by_date = obs["treatment"][stated].groupby([plot[stated], when[stated]])
    for row in np.flatnonzero(stated)[(by_date.transform("first") != obs["treatment"][stated]).to_numpy()]:
        beside = by_date.transform("first")[obs.index[row]]
        found = f"{obs['treatment'].iloc[row]} beside {beside} on plot {places['plot'].iloc[row]} in {when[row]:g}"
        yield Fault("two treatments at one date", _row(obs, int(row)), "treatment", found, "one treatment of a plot",
                    "if these are two plots, give each a name of its own, or a column block")  # fmt: skip


def _row(table: pd.DataFrame, position: int) -> int:
    """Number of a row as a spreadsheet shows it; the index of a plan counts the rows of the table it came in."""
    return int(table.index[position]) + HEADER


def _listed(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _of_structure(setup: Setup, obs: pd.DataFrame, weather: pd.DataFrame | None) -> Iterator[Fault]:
    structure, roles = setup.structure, setup.roles
    for kind, given, known in (
        ("driver", setup.drivers, structure.driver_names),
        ("parameter", setup.parameters, structure.parameter_names),
    ):
        for name in given:
            if name not in known:
                hint = nearest(name, list(known))
                advice = f"did you mean {hint!r}?" if hint else ""
                yield Fault(f"unknown {kind}", None, "", name, "one of " + ", ".join(known), advice)
    if not roles.modifier and not rate_constants(structure) and not structure.decomposition:
        expected = "a driver called rate_modifier, or parameters in 1/year, 1/day and the like"
        yield Fault("no rate to vary", None, "", f"neither in {structure.name}", expected)
    if not roles.plant:
        expected = f"a driver in {structure.carbon_unit}/{structure.time_unit}"
        yield Fault("no carbon input", None, "", f"no driver of {structure.name} in carbon over time", expected)
    for driver in structure.drivers:
        if driver.default is not None or driver.name in setup.drivers:
            continue
        if driver.name not in roles.names:
            found = f"no column tells {structure.name} its {driver.name} [{driver.unit}]"
            yield Fault("driver not stated", None, "", found, f"drivers={{{driver.name!r}: <number>}}")
        elif driver.name == roles.temperature and (without := _without_temperature(obs, weather)):
            found = f"nothing for {', '.join(without[:5])}, but {structure.name} needs it"
            yield Fault("no temperature", None, "temperature", found, "a weather table, or mean_annual_temperature")


def _without_temperature(obs: pd.DataFrame, weather: pd.DataFrame | None) -> list[str]:
    """Sites of which no table states a temperature."""
    stated = set(obs["site"][np.isfinite(numeric(obs, "mean_annual_temperature"))])
    if weather is not None:
        for name in ("temperature", "annual_temperature"):
            stated |= set(weather["site"][np.isfinite(numeric(weather, name))])
    return sorted(set(obs["site"]) - stated)
