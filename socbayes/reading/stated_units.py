"""Units of columns: where they are stated, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socbayes.errors import Fault, UnitError
from socbayes.reading.dates import days_in
from socbayes.reading.names import split_header
from socbayes.reading.raw import Column, Judged, as_text, is_number
from socbayes.reading.terms import STOCKS
from socbayes.units import conversion_factor, convert, parse_unit, unit_shown
from socbayes.vocabulary import QUANTITIES, RARELY_BELOW_PERCENT, Quantity, TableSchema, nearest


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
    if _water_unit(column, schema) is not None:
        return None
    try:
        conversion_factor(column.unit, quantity)
    except UnitError as error:
        expected = "no unit, or %" if quantity.unit == "1" else f"{shown}, or a unit that converts to it"
        advice = error.suggestion
        near = re.search("did you mean `(.*)`", advice)
        if near and not _converts(near[1], quantity):
            advice = f"write `{shown}`" if quantity.unit != "1" else "write no unit for a fraction or ratio, or `%`"
        stock = STOCKS.get(quantity.name, "")
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


def converted(column: Column, judged: Judged, schema: TableSchema, known: Mapping[str, pd.Series]) -> Judged:
    """Numbers in the canonical unit of their quantity, with a note where that took more than a factor.

    Parameters
    ----------
    column
        Whose unit is stated.
    judged
        Its numbers in that unit.
    schema
        Of the table.
    known
        Columns that are read already: the year and the month of a row say how many days a rate per day holds for.
    """
    quantity, unit = column.quantity, column.unit
    assert quantity is not None
    assert unit is not None
    water = _water_unit(column, schema)
    if water is None:
        if conversion_factor(unit, quantity) == 1.0:
            return judged
        numbers = convert(judged.values.to_numpy(), unit, quantity)
        return judged._replace(values=pd.Series(numbers, index=judged.values.index))
    numbers = convert(judged.values.to_numpy(), unit, replace(quantity, unit=water))
    notes = judged.notes
    if "day" in water:
        numbers = numbers * _days_of_months(known, len(numbers))
        notes = [*notes, f"column `{column.written}`: {unit} is multiplied by the days of each month"]
    elif water == "mm/month":
        notes = [*notes, f"column `{column.written}`: {unit} is taken for the sum of each month"]
    return judged._replace(values=pd.Series(numbers, index=judged.values.index), notes=notes)


def conversion_of(column: Column) -> list[dict[str, str]]:
    """Which unit a column comes from and which it is in, if they differ."""
    quantity, unit = column.quantity, column.unit
    assert quantity is not None
    if unit is None or (_converts(unit, quantity) and conversion_factor(unit, quantity) == 1.0):
        return []
    return [{"column": quantity.name, "from": unit, "to": quantity.unit}]


_WATER = ("mm/month", "mm/day", "kg/m2/day", "kg/m2")


def _water_unit(column: Column, schema: TableSchema) -> str | None:
    """What a sum of a month is given as instead of mm: a rate, or a mass of water per area; None if as mm."""
    quantity, unit = column.quantity, column.unit
    assert quantity is not None
    if quantity.unit != "mm" or "month" not in schema.columns or unit is None or _converts(unit, quantity):
        return None
    if not re.search(r"mo", unit):  # a month of 30.4 days is no month of the calendar
        return next((one for one in _WATER[1:] if _converts(unit, replace(quantity, unit=one))), None)
    return "mm/month" if _converts(unit, replace(quantity, unit="mm/month")) else None


def _days_of_months(known: Mapping[str, pd.Series], rows: int) -> NDArray[np.float64]:
    """Days of the month of each row, NaN where the row does not say which month."""
    if "year" not in known or "month" not in known:
        return np.full(rows, np.nan)
    year, month = (known[name].to_numpy(dtype=float) for name in ("year", "month"))
    with np.errstate(invalid="ignore"):
        fine = (month % 1 == 0) & (month >= 1) & (month <= 12) & (year >= 1) & (year < 9999)
    return np.where(fine, days_in(np.where(fine, year, 1), np.where(fine, month, 1)), np.nan)


def percent_faults(column: Column, numbers: pd.Series) -> list[Fault]:
    """Ask about a column of percent in which every number is so small that it may be a fraction.

    Parameters
    ----------
    column
        Whose unit is stated.
    numbers
        In the canonical unit.
    """
    quantity = column.quantity
    assert quantity is not None
    limit = _fraction_below(quantity)
    if limit is None or not column.unit or parse_unit(column.unit).terms != (("percent", 1),):
        return []
    percent = numbers.dropna() / (conversion_factor("%", quantity) or 1.0)
    if not len(percent) or not 0 < percent.max() <= limit or percent.min() < 0:
        return []
    spread = f"every number from {percent.min():g} to {percent.max():g} %"
    fraction = "g/g" if quantity.unit not in ("1", "percent") else "fraction"
    advice = (
        f"if they are fractions, write the header as `{quantity.name} [{fraction}]`; if they really are below "
        f"{limit:g} %, write it as `{quantity.name} [g/100 g]`, which nobody writes above fractions"
    )
    return [Fault("fraction or percent", None, column.written, spread, f"percent, mostly above {limit:g}", advice)]


def _fraction_below(quantity: Quantity) -> float | None:
    """Percent below which a whole column of a quantity is asked about, None where it is not."""
    if quantity.name in RARELY_BELOW_PERCENT:
        return RARELY_BELOW_PERCENT[quantity.name]
    share = quantity.unit == "percent" or (
        quantity.unit == "1" and quantity.upper is not None and quantity.upper <= 1.5
    )
    return 1.0 if share and not quantity.name.endswith(("_error", "_sd")) else None
