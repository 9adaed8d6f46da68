"""Units of columns: where they are stated, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socbayes.errors import Fault, UnitError
from socbayes.reading.names import split_header
from socbayes.reading.raw import Column, as_text, is_number
from socbayes.units import conversion_factor, convert, parse_unit, unit_shown
from socbayes.vocabulary import QUANTITIES, Quantity, TableSchema, nearest

# A content and the stock it is often mistaken for.
_STOCKS = {
    "soil_organic_carbon": "soc_stock",
    "particulate_organic_carbon": "particulate_carbon_stock",
    "mineral_associated_organic_carbon": "mineral_associated_carbon_stock",
}


def take_unit_row(columns: list[Column]) -> None:
    """Move a row of units from the cells to the columns."""
    numeric = [
        column
        for column in columns
        if (column.quantity or QUANTITIES.get(column.guess or "", Quantity("", "", "", "text"))).kind == "number"
    ]
    first = [as_text(column.cells.iloc[:1]).iloc[0] for column in numeric]
    if not _is_unit_row(["" if pd.isna(cell) else cell for cell in first]):
        return
    for column in columns:
        cell = as_text(column.cells.iloc[:1]).iloc[0]
        column.unit = column.unit or (None if pd.isna(cell) else cell)
        if column not in numeric and not column.written.startswith("x_"):
            column.unit = None
        column.cells = column.cells.iloc[1:]


def _is_unit_row(cells: list[str]) -> bool:
    """Whether no cell is a number (a unit of "1" apart) and at least one is a unit."""
    units = 0
    for cell in cells:
        if cell in ("", "1"):
            continue
        if re.match(r"[-+]?\.?\d", cell) and is_number(cell):
            return False
        try:
            units += bool(parse_unit(cell).terms)
        except UnitError:
            continue
    return units > 0


def assign_units(columns: list[Column], units: dict[str, str], attrs: Mapping[Any, Any]) -> list[Fault]:
    """Apply the units argument, then the units a frame brings along."""
    faults = []
    units = {split_header(name)[0]: unit for name, unit in units.items()}
    brought = attrs.get("units")
    brought = brought if isinstance(brought, Mapping) else {}
    for column in columns:
        names = [column.written] + ([column.quantity.name] if column.quantity else [])
        given = [unit for name in names if (unit := units.pop(name, None))]
        column.unit = given[0] if given else column.unit or brought.get(column.written) or None
    for name, unit in units.items():
        near = nearest(name, [column.written for column in columns])
        advice = f"did you mean `{near}`?" if near else "take it out of `units`"
        found = f"unit {unit!r} for a column that the table does not have"
        faults.append(Fault("unknown column", None, name, found, "a column of the table", advice))
    return faults


def unit_fault(column: Column, schema: TableSchema) -> Fault | None:
    """Return what is wrong with the unit of a measured column, if anything is."""
    quantity = column.quantity
    assert quantity is not None
    shown = unit_shown(quantity.unit)
    if quantity.kind != "number":
        if column.unit is None or column.unit.lower() in ("1", "-", "text"):
            return None
        return Fault("wrong unit", None, column.written, column.unit, f"no unit: {quantity.expected}", "take it out")
    if column.unit is None:
        if quantity.unit in ("1", "degree"):  # nobody writes "degree" above a latitude
            column.unit = quantity.unit
            return None
        advice = f"write the unit into the header, for example `{quantity.name} [{shown}]`"
        return Fault("unit missing", None, column.written, "no unit", shown, advice)
    try:
        conversion_factor(column.unit, quantity)
    except UnitError as error:
        expected = "no unit, or %" if quantity.unit == "1" else f"{shown}, or a unit that converts to it"
        advice = error.suggestion
        stock = _STOCKS.get(quantity.name, "")
        if stock in schema.columns and _converts(column.unit, QUANTITIES[stock]):
            advice = f"a stock per area is a column of its own: call it `{stock} [{column.unit}]`"
        return Fault("wrong unit", None, column.written, column.unit, expected, advice)
    return None


def _converts(unit: str, quantity: Quantity) -> bool:
    try:
        conversion_factor(unit, quantity)
    except UnitError:
        return False
    return True


def converted(numbers: NDArray[np.float64], column: Column) -> tuple[NDArray[np.float64], list[dict[str, str]]]:
    """Numbers in the canonical unit, and a note of the conversion if there was one."""
    quantity, unit = column.quantity, column.unit
    assert quantity is not None
    assert unit is not None
    if conversion_factor(unit, quantity) == 1.0:
        return numbers, []
    return convert(numbers, unit, quantity), [{"column": quantity.name, "from": unit, "to": quantity.unit}]
