"""Damaged tables end in a layout of finite numbers or in an error of ours; never in a library's."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from socbayes.errors import SocbayesError
from socbayes.table import read_table
from socbayes.vocabulary import SCHEMAS

sys.path.insert(0, str(Path(__file__).parent / "models" / "field"))
from laid import lay_out

TRIES = 200
EVAPORATION = (
    next(name for name in SCHEMAS["field_weather"].columns if "pan" in name or "evaporation" in name) + " [mm]"
)
KINDS = {"obs": "field_soc", "management": "field_management", "weather": "field_weather"}
STRUCTURES = ("rothc", "icbm", "century", "mcp", "two_pool_parallel")


def farm() -> dict[str, pd.DataFrame]:
    """Two treatments, two plots each, four visits, and monthly weather."""
    visits = (2010.8, 2014.8, 2018.8, 2021.8)
    plots = {"A1": "usual", "A2": "usual", "B1": "cover", "B2": "cover"}
    obs = [
        {"study": "Trial", "site": "Farm", "plot": plot, "treatment": treatment, "year": year, "depth_top [cm]": 0.0,
         "depth_bottom [cm]": 25.0, "soc_stock [t/ha]": 45.0 + 0.4 * n + (treatment == "cover") * 0.3 * n,
         "clay [%]": 21.0}
        for plot, treatment in plots.items() for n, year in enumerate(visits)
    ]  # fmt: skip
    management = [
        {
            "site": "Farm",
            "treatment": treatment,
            "start_year": 2005.0,
            "end_year": 2022.0,
            "plant_carbon_input [t/ha/year]": c,
        }
        for treatment, c in (("usual", 2.4), ("cover", 3.6))
    ]
    weather = [
        {"site": "Farm", "year": year, "month": month, "temperature [degC]": 10 - 8 * np.cos(month / 6 * np.pi),
         "rain [mm]": 60.0, EVAPORATION: 40 - 30 * np.cos(month / 6 * np.pi)}
        for year in range(2010, 2022) for month in range(1, 13)
    ]  # fmt: skip
    return {"obs": pd.DataFrame(obs), "management": pd.DataFrame(management), "weather": pd.DataFrame(weather)}


def in_a_cell(*values: object) -> Callable:
    """Another value in some cell."""

    def damage(frame, rng):
        frame = frame.astype(object)
        column = rng.integers(frame.shape[1])
        cells = frame.iloc[:, column].tolist()
        cells[rng.integers(len(cells))] = values[rng.integers(len(values))]
        frame.isetitem(column, pd.Series(cells, index=frame.index, dtype=object))
        return frame

    return damage


def in_a_column(*values: object) -> Callable:
    """Another value in all cells of some column."""

    def damage(frame, rng):
        frame = frame.astype(object)
        frame.isetitem(rng.integers(frame.shape[1]), [values[rng.integers(len(values))]] * len(frame))
        return frame

    return damage


def as_it_is(frame, rng):
    """Nothing."""
    return frame


def without_a_column(frame, rng):
    """A column less."""
    return frame.drop(columns=frame.columns[rng.integers(frame.shape[1])])


def a_column_twice(frame, rng):
    """A column twice."""
    again = frame.columns[rng.integers(frame.shape[1])]
    return pd.concat([frame, frame[[again]]], axis=1)


def a_header_changed(frame, rng):
    """Another name or unit of a column."""
    names = ("x_own", "", "clay [%]", "SOC", "year", "soc_stock [Mg CO2e/ha]", "depth", "None", "date", "plot", "e(t)[")
    columns = list(frame.columns)
    columns[rng.integers(len(columns))] = names[rng.integers(len(names))]
    return frame.set_axis(columns, axis=1)


def few_rows(frame, rng):
    """Some rows only, perhaps none."""
    return frame.iloc[: rng.integers(3)]


def rows_twice(frame, rng):
    """Some rows again."""
    return pd.concat([frame, frame.iloc[rng.integers(len(frame), size=2)]], ignore_index=True)


def rows_shuffled(frame, rng):
    """Rows in another order."""
    return frame.iloc[rng.permutation(len(frame))]


def in_categories(frame, rng):
    """Text as pandas categories, with one that no row has."""
    return frame.apply(lambda cells: cells.astype("category") if cells.dtype.kind in "OUT" else cells)


def an_index_of_dates(frame, rng):
    """Labels of rows that repeat."""
    return frame.set_axis(pd.DatetimeIndex(["2020-01-01"] * len(frame)), axis=0)


DAMAGES = (
    in_a_cell(np.nan, None, "", " ", pd.NA, pd.NaT),
    in_a_cell("n.d.", "<5", "1,5", "1.234,5", "40.500", "40,500", "5 ± 1", "1e400", "-", "None", "12:30", "½"),
    in_a_cell(np.inf, -np.inf, -1.0, 0.0, 1e308, 5e-324, -999.0, 1e9, 0.1),
    in_a_cell(True, 1 + 2j, (1, 2), [3], {"a": 1}, b"bytes",
 pd.Timestamp("2014-10-15"), pd.Timedelta("3D"), np.str_("a")),
    in_a_cell("a1", "A01", "COVER", "Farm\u00a0", "Fаrm", "cafe\u0301", "../../x", "#1", "[red]x[/red]", "a\nb"),
    in_a_column(np.nan, None, "", 0.0, -1.0, 1e6, "x", 2014, "2014-10-15", "2014", True),
    without_a_column, a_column_twice, a_header_changed, few_rows, rows_twice, rows_shuffled, in_categories,
    an_index_of_dates, as_it_is,
)  # fmt: skip


def finite(forcing: object, where: str = "forcing") -> None:
    """What runs is made of numbers."""
    if dataclasses.is_dataclass(forcing):
        for field in dataclasses.fields(forcing):
            if field.name != "input_error":  # NaN where none is stated
                finite(getattr(forcing, field.name), f"{where}.{field.name}")
    elif isinstance(forcing, dict):
        for name, part in forcing.items():
            finite(part, f"{where}.{name}")
    elif isinstance(forcing, np.ndarray) and forcing.dtype.kind == "f":
        assert np.isfinite(forcing).all(), f"{where} holds {forcing[~np.isfinite(forcing)][:3]}"


def written(table: pd.DataFrame, path: Path) -> Path | pd.DataFrame:
    """The table in a file, or as it is: where that is asked for, and where no file can hold it."""
    write = {".csv": table.to_csv, ".xlsx": table.to_excel}.get(path.suffix)
    try:
        if write:
            write(path, index=False)
    except (ValueError, TypeError, OverflowError):
        return table
    return path if write else table


@pytest.mark.parametrize("structure", STRUCTURES)
def test_undamaged_field_tables(structure):
    read = {role: read_table(table, KINDS[role]) for role, table in farm().items()}
    finite(lay_out(**read, structure=structure).forcing)


def damaged(attempt: int) -> tuple[dict[str, pd.DataFrame], np.random.Generator]:
    """The farm's tables with one to three damages."""
    rng = np.random.default_rng(attempt)
    tables = farm()
    for _ in range(1 + rng.integers(3)):
        role = ("obs", "management", "weather")[rng.choice(3, p=(0.5, 0.3, 0.2))]
        if len(tables[role]):
            tables[role] = DAMAGES[rng.integers(len(DAMAGES))](tables[role], rng)
    return tables, rng


@pytest.mark.parametrize("attempt", range(TRIES))
def test_damaged_field_tables(attempt, tmp_path):
    tables, rng = damaged(attempt)
    suffix = ("", ".csv", ".xlsx")[rng.choice(3, p=(0.6, 0.3, 0.1))]
    structure = STRUCTURES[rng.integers(len(STRUCTURES))]
    try:
        read = {
            role: read_table(written(table, tmp_path / f"{role}{suffix}"), KINDS[role])
            for role, table in tables.items()
        }
        laid = lay_out(**read, structure=structure)
    except SocbayesError as error:
        complaint = str(error)
    else:
        return finite(laid.forcing)
    assert complaint.strip()
    return None


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("damage", range(len(DAMAGES)))
def test_damaged_tables_of_every_kind(schema, damage, bundled):
    rng = np.random.default_rng(damage)
    table = bundled(schema).head(30).dropna(axis=1, how="all")
    for _ in range(3):
        hurt = DAMAGES[damage](table, rng)
        try:
            read = read_table(hurt, schema)
        except SocbayesError:
            continue
        assert len(read)


@pytest.fixture(scope="module")
def bundled():
    """Bundled tables, each read once."""
    from functools import cache

    from socbayes import load_dataset

    return cache(load_dataset)
