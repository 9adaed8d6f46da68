"""What cannot be right in the tables of field plots, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import Fault, TableFaultsError
from socbayes.frames import numeric
from socbayes.models.field.layers import faults_of_layers, layer_modelled
from socbayes.models.field.management import answered
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
    sampled = obs if faults else layer_modelled(obs).obs
    if fitting and sampled.groupby(["site", "plot"])["year"].nunique().max() < 2:
        faults.append(
            Fault("no change to fit", None, "year", "one date per plot", "at least one plot sampled at two dates")
        )
    for management in (tables.management, tables.plan):
        if management is not None:
            faults += _of_management(management, obs)
    if tables.plan is not None and not faults and not answered(tables.plan, obs).any():
        names = [name for name in ("study", "site", "plot", "treatment") if name in obs]
        known = "; ".join(f"{name} {', '.join(sorted(set(obs[name].dropna()))[:8])}" for name in names)
        found = "no row that is of a site, plot and treatment of the fit"
        faults.append(Fault("plan of nothing", None, "", found, f"rows of what it has, which is {known}"))
    if tables.weather is not None:
        faults += _of_sites(tables.weather, obs, "weather")  # may be that of other sites altogether
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


def _of_management(management: pd.DataFrame, obs: pd.DataFrame) -> Iterator[Fault]:
    begin, end = numeric(management, "start_year"), numeric(management, "end_year")
    for row in np.flatnonzero(end <= begin):
        expected = f"after start_year {begin[row]:g}"
        advice = f"the year {begin[row]:g} runs from {begin[row]:g} to {begin[row] + 1:g}"
        place = int(management.index[row]) + HEADER
        yield Fault("lasts no time", place, "end_year", f"{end[row]:g}", expected, advice)
    yield from _of_sites(management, obs, "management", needed=True)
    here = management[management["site"].isin(set(obs["site"]))]
    for column in ("plot", "treatment"):
        named, known = (sorted(set(table[column].dropna()) if column in table else ()) for table in (here, obs))
        spelled = {_plainly(name): name for name in known}
        for name in named:
            if name not in known and _plainly(name) in spelled:
                hint = spelled[_plainly(name)]
                expected = f"a {column} of the observations"
                yield Fault(f"unknown {column}", None, column, f"{name} in the management table", expected,
                            f"did you mean {hint!r}?")  # fmt: skip


def _of_sites(table: pd.DataFrame, obs: pd.DataFrame, what: str, *, needed: bool = False) -> Iterator[Fault]:
    """Sites of a table that nobody sampled: one spelled like one that has no rows; all, if one of them is needed."""
    known, named = sorted(set(obs["site"])), sorted(set(table["site"]))
    strangers = sorted(set(named) - set(known))
    alone = sorted(set(known) - set(named))
    for name in strangers:
        # Site 1 and Site 3 are spelled alike and are two sites.
        hint = nearest(name, [one for one in alone if _digits(one) == _digits(name)])
        if hint or (needed and len(strangers) == len(named)):
            expected = "a site of the observations: " + ", ".join(known)
            advice = f"did you mean {hint!r}?" if hint else ""
            yield Fault("unknown site", None, "site", f"{name} in the {what} table", expected, advice)


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _plainly(name: str) -> str:
    """A name without what spreadsheets and typing change; brackets stay, as they tell treatments apart."""
    return "".join(one for one in name.lower().removesuffix(".0") if one.isalnum() or one in "[]()")


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
