"""What cannot be right in the tables of field plots, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import EmptyTableError, Fault
from socbayes.models._blocks import numeric
from socbayes.structures.forcing import DECOMPOSITION, rate_constants, roles_of
from socbayes.vocabulary import QUANTITIES, nearest

if TYPE_CHECKING:
    import pandas as pd

#: Columns by fraction: the stock, and the concentration with what turns its unit into g/kg.
COLUMNS: dict[str, tuple[str, str, float]] = {
    "total": ("soc_stock", "soil_organic_carbon", 1.0),
    "particulate": ("particulate_carbon_stock", "particulate_organic_carbon", 1.0),
    "mineral_associated": ("mineral_associated_carbon_stock", "mineral_associated_organic_carbon", 1.0),
    "humus": ("humus_carbon_stock", "", 1.0),
    "resistant": ("resistant_carbon_stock", "", 1.0),
    "microbial": ("", "microbial_biomass", 1e-3),
    "necromass": ("", "necromass", 1.0),
}
FLUX = "co2_flux"
_HEADER = 2  # spreadsheets count from one and have a header


def faults_of(
    tables: Mapping[str, pd.DataFrame | None],
    structure: Structure,
    weights: Mapping[str, np.ndarray],
    drivers: Mapping[str, float],
    parameters: Mapping[str, float],
) -> list[Fault]:
    """Everything that cannot be right; single cells first, as the rest would only repeat them.

    Parameters
    ----------
    tables
        By schema: ``field_soc``, ``field_management``, ``field_weather``; None where there is none.
    structure, weights
        What runs, and the fractions it can show.
    drivers, parameters
        What the caller gave.

    Raises
    ------
    EmptyTableError
        If there are no observations.
    """
    from socbayes.table import validate_table

    obs, management = tables["field_soc"], tables["field_management"]
    if obs is None or len(obs) == 0:
        raise EmptyTableError("the table of observations has no rows: nothing to fit")
    faults: list[Fault] = []
    for schema, table in tables.items():
        if table is not None:
            # Frames that reach a model are in canonical units, as read_table leaves them.
            known = {name: QUANTITIES[name].unit for name in table.columns if name in QUANTITIES}
            faults += validate_table(table, schema, {name: unit for name, unit in known.items() if unit})
    if faults:
        return faults
    faults += _of_measurements(obs, structure, weights)
    if management is not None:
        faults += _of_management(management, obs)
    faults += _of_structure(structure, obs, tables["field_weather"], drivers, parameters)
    return faults


def _of_measurements(obs: pd.DataFrame, structure: Structure, weights: Mapping[str, np.ndarray]) -> Iterator[Fault]:
    holds = [name for pair in COLUMNS.values() for name in pair[:2] if name] + [FLUX]
    if not any(_finite(obs, name) for name in holds):
        yield Fault("nothing measured", None, "", "no carbon column with a value", "one of " + ", ".join(holds))
    for name in holds:
        values = numeric(obs, name)
        for row in np.flatnonzero(values <= 0):
            expected = f"above zero {QUANTITIES[name].unit}"
            yield Fault("not positive", int(row) + _HEADER, name, f"{values[row]:g}", expected)
    for fraction, (stock, concentration, _) in COLUMNS.items():
        seen = [name for name in (stock, concentration) if _finite(obs, name)]
        if seen and fraction not in weights:
            found = f"values, but {structure.name} has no pools for {fraction}"
            expected = f"fractions={{{fraction!r}: (...)}} with some of {', '.join(structure.pools)}, or no such column"
            yield Fault("fraction without pools", None, seen[0], found, expected)
        if not concentration:
            continue
        turned = np.isfinite(numeric(obs, concentration)) & ~np.isfinite(numeric(obs, stock))
        wanted = f"to turn {concentration} into a stock"
        if turned.any() and not _finite(obs, "bulk_density"):
            advice = "one measured value per plot is enough"
            yield Fault("no bulk density", None, "bulk_density", "no value", f"g/cm3, {wanted}", advice)
        for row in np.flatnonzero(turned & ~np.isfinite(numeric(obs, "depth_bottom"))):
            yield Fault("no depth", int(row) + _HEADER, "depth_bottom", "nothing", f"cm, {wanted}")
    if obs.groupby(["site", "plot"])["year"].nunique().max() < 2:
        yield Fault("no change to fit", None, "year", "one date per plot", "at least one plot sampled at two dates")


def _of_management(management: pd.DataFrame, obs: pd.DataFrame) -> Iterator[Fault]:
    begin, end = numeric(management, "start_year"), numeric(management, "end_year")
    for row in np.flatnonzero(end <= begin):
        expected = f"after start_year {begin[row]:g}"
        advice = f"the year {begin[row]:g} runs from {begin[row]:g} to {begin[row] + 1:g}"
        yield Fault("lasts no time", int(row) + _HEADER, "end_year", f"{end[row]:g}", expected, advice)
    known = sorted(set(obs["site"].astype(str)))
    named = sorted(set(management["site"].astype(str)))
    if named and not set(known) & set(named):
        hint = nearest(named[0], known)
        expected = "a site of the observations: " + ", ".join(known)
        advice = f"did you mean {hint!r}?" if hint else ""
        yield Fault("unknown site", None, "site", f"{named[0]} in the management table", expected, advice)


def _of_structure(
    structure: Structure,
    obs: pd.DataFrame,
    weather: pd.DataFrame | None,
    drivers: Mapping[str, float],
    parameters: Mapping[str, float],
) -> Iterator[Fault]:
    roles = roles_of(structure)
    for kind, given, known in (
        ("driver", drivers, structure.driver_names),
        ("parameter", parameters, structure.parameter_names),
    ):
        for name in given:
            if name not in known:
                hint = nearest(name, list(known))
                advice = f"did you mean {hint!r}?" if hint else ""
                yield Fault(f"unknown {kind}", None, "", name, "one of " + ", ".join(known), advice)
    if not roles.modifier and not rate_constants(structure) and structure.name not in DECOMPOSITION:
        expected = "a driver called rate_modifier, or parameters in 1/year, 1/day and the like"
        yield Fault("no rate to vary", None, "", f"neither in {structure.name}", expected)
    if not roles.plant:
        expected = f"a driver in {structure.carbon_unit}/{structure.time_unit}"
        yield Fault("no carbon input", None, "", f"no driver of {structure.name} in carbon over time", expected)
    for driver in structure.drivers:
        if driver.default is not None or driver.name in drivers:
            continue
        if driver.name not in roles.names:
            found = f"no column tells {structure.name} its {driver.name} [{driver.unit}]"
            yield Fault("driver not stated", None, "", found, f"drivers={{{driver.name!r}: <number>}}")
        elif driver.name == roles.temperature and weather is None and not _finite(obs, "mean_annual_temperature"):
            found = f"nothing, but {structure.name} needs it"
            yield Fault("no temperature", None, "temperature", found, "a weather table, or mean_annual_temperature")


def _finite(obs: pd.DataFrame, column: str) -> bool:
    return bool(np.isfinite(numeric(obs, column)).any())
