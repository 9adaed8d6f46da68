"""What cannot be right in the tables of field plots, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import EmptyTableError, Fault, TableFaultsError
from socbayes.models.blocks import numeric
from socbayes.structures.forcing import rate_constants, roles_of
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
#: Ratio of thicknesses that still count as one depth, as layers of equal mass differ by a few percent.
DEPTH_TOLERANCE = 1.1
_HEADER = 2  # spreadsheets count from one and have a header


def field_tables(
    obs: pd.DataFrame, management: pd.DataFrame | None, weather: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame | None]:
    """Tables of field plots as ``read_table`` would have read them; those that it has read do not change.

    Raises
    ------
    EmptyTableError
        If there are no observations.
    TableFaultsError
        For every cell that cannot be right.
    """
    from socbayes.table import examine_table

    if obs is None or len(obs) == 0:
        raise EmptyTableError("the table of observations has no rows: nothing to fit")
    tables: list[pd.DataFrame | None] = []
    faults: list[Fault] = []
    for schema, table in (("field_soc", obs), ("field_management", management), ("field_weather", weather)):
        if table is None:
            tables.append(None)
            continue
        # Columns called as their quantity are in its unit, as read_table leaves them.
        known = {name: QUANTITIES[name].unit for name in table.columns if name in QUANTITIES}
        examined, wrong = examine_table(table, schema, {name: unit for name, unit in known.items() if unit})
        tables.append(examined)
        faults += wrong
    if faults:
        raise TableFaultsError(faults, "field tables")
    assert tables[0] is not None
    return tables[0], tables[1], tables[2]


def faults_of(
    obs: pd.DataFrame,
    management: pd.DataFrame | None,
    weather: pd.DataFrame | None,
    structure: Structure,
    weights: Mapping[str, np.ndarray],
    drivers: Mapping[str, float],
    parameters: Mapping[str, float],
) -> list[Fault]:
    """Everything that cannot be right of tables whose cells are.

    Parameters
    ----------
    obs, management, weather
        From :func:`field_tables`.
    structure, weights
        What runs, and the fractions it can show.
    drivers, parameters
        What the caller gave.
    """
    faults = [*_of_measurements(obs, structure, weights), *_of_depths(obs)]
    if management is not None:
        faults += _of_management(management, obs)
    if weather is not None:
        faults += _of_sites(weather, obs, "weather")  # may be that of other sites altogether
    faults += _of_structure(structure, obs, weather, drivers, parameters)
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
    if _finite(obs, FLUX) and "co2" not in structure.sinks:
        found = f"values, but {structure.name} has no sink called co2"
        yield Fault("flux without sink", None, FLUX, found, "a structure with a sink co2, or no such column")
    if obs.groupby(["site", "plot"])["year"].nunique().max() < 2:
        yield Fault("no change to fit", None, "year", "one date per plot", "at least one plot sampled at two dates")


def _of_management(management: pd.DataFrame, obs: pd.DataFrame) -> Iterator[Fault]:
    begin, end = numeric(management, "start_year"), numeric(management, "end_year")
    for row in np.flatnonzero(end <= begin):
        expected = f"after start_year {begin[row]:g}"
        advice = f"the year {begin[row]:g} runs from {begin[row]:g} to {begin[row] + 1:g}"
        yield Fault("lasts no time", int(row) + _HEADER, "end_year", f"{end[row]:g}", expected, advice)
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


def _of_depths(obs: pd.DataFrame) -> Iterator[Fault]:
    """Samples of a plot to different depths: as stocks of one layer they would be a change of carbon."""
    top, bottom = np.nan_to_num(numeric(obs, "depth_top")), numeric(obs, "depth_bottom")
    plot = obs.groupby(["site", "plot"], sort=False).ngroup().to_numpy()
    for position in range(int(plot.max()) + 1):
        mine = np.flatnonzero(plot == position)
        mine = mine[(top[mine] <= top[mine].min()) & np.isfinite(bottom[mine])]
        thick = (bottom - top)[mine]
        if mine.size and thick.max() > DEPTH_TOLERANCE * thick.min():
            values, counts = np.unique(thick, return_counts=True)
            usual = values[counts.argmax()]
            for row in mine[np.maximum(thick / usual, usual / thick) > DEPTH_TOLERANCE]:
                found = f"{top[row]:g} to {bottom[row]:g}"
                expected = f"a layer of {usual:g} cm, as in other rows of plot {obs['plot'].iloc[row]}"
                advice = "add layers up to one depth, or leave rows of another depth out"
                yield Fault("several depths", int(row) + _HEADER, "depth_bottom", found, expected, advice)


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _plainly(name: str) -> str:
    """A name without what spreadsheets and typing change; brackets stay, as they tell treatments apart."""
    return "".join(one for one in name.lower().removesuffix(".0") if one.isalnum() or one in "[]()")


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
    if not roles.modifier and not rate_constants(structure) and not structure.decomposition:
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


def _finite(obs: pd.DataFrame, column: str) -> bool:
    return bool(np.isfinite(numeric(obs, column)).any())
