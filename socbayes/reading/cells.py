"""Cells as numbers, dates and categories, and what is wrong with them."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socbayes.errors import Fault
from socbayes.labels import tidied
from socbayes.reading.dates import year_or_missing
from socbayes.reading.decimals import DecimalMark, plain_numbers, readings
from socbayes.reading.raw import Column, Judged, as_text, is_number, listed
from socbayes.reading.terms import class_meant
from socbayes.reading.texts import MISSING_WORDS, without_words
from socbayes.units import unit_shown
from socbayes.vocabulary import NEVER_LEFT_EMPTY, QUANTITIES, Quantity, TableSchema

if TYPE_CHECKING:
    import pandera.pandas as pa

_MISSING_CODES = {-9.0, -9999.0, -999.0, -99.0, 999.0, 9999.0, -9999.9, -999.9, -99.9}
_BELOW_DETECTION = re.compile(r"[<>≤≥]")
_UNMEASURED = {
    "nd",
    "n.a.",
    "n.m.",
    "nm",
    "n.d.",
    "n.d",
    "-",
    "--",
    "–",
    "—",
    ".",
    "?",
    "missing",
    "not determined",
    "bdl",
    "b.d.l.",
    "x",
}
_SYNONYMS = {
    "arable": "cropland",
    "arable_land": "cropland",
    "agricultural_land": "cropland",
    "y": "yes",
    "n": "no",
    "agricultural": "cropland",
    "agriculture": "cropland",
    "farmland": "cropland",
    "pasture": "grassland",
    "meadow": "grassland",
    "steppe": "grassland",
    "prairie": "grassland",
    "woodland": "forest",
    "plantation": "forest",
    "heath": "shrubland",
    "heathland": "shrubland",
    "peatland": "wetland",
    "bog": "wetland",
    "paddy": "cropland",
    "13c": "substrate_label",
    "14c": "substrate_label",
    "18o": "water_18O",
    "18o-h2o": "water_18O",
    "h218o": "water_18O",
    "rq": "respiratory_quotient",
    "calorimetry": "calorespirometry",
    "calorespirometric_ratio": "calorespirometry",
    "cfe": "biomass_balance",
    "fumigation": "biomass_balance",
    "chloroform_fumigation": "biomass_balance",
    "fumigation_extraction": "biomass_balance",
    "stoichiometry": "stoichiometric_model",
    "enzyme_stoichiometry": "stoichiometric_model",
    "aerobic": "oxic",
    "anaerobic": "anoxic",
    "unamended": "native_organic_matter",
    "zero_tillage": "no_tillage",
    "no-till": "none",
    "no_till": "none",
    "conventional": "full",
    "plough": "full",
    "ploughed": "full",
    "minimum": "reduced",
    "residue_return": "straw_return",
    "green_manure": "cover_crop",
    "true": "yes",
    "false": "no",
    "1": "yes",
    "0": "no",
}


def numbers_of(column: Column, schema: TableSchema, decimal: DecimalMark | None) -> Judged:
    """Cells as float64, and those that are no numbers.

    Parameters
    ----------
    column
        Of numbers.
    schema
        Of the table.
    decimal
        Decimal mark of the file, None where it can only be a point.
    """
    cells = column.cells
    notes: list[str] = []
    faults: list[Fault] = []
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        numbers = cells.to_numpy() if cells.dtype == np.float64 else cells.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.isinf(numbers)
    else:
        text = _plain_signs(as_text(cells))
        if decimal is not None:
            text, faults, notes = plain_numbers(text, column, decimal)
        numbers = _parsed(text)
        wrong = (np.isnan(numbers) & text.notna().to_numpy()) | np.isinf(numbers)
        if wrong.any():
            rest, found = without_words(text[wrong], column, list(MISSING_WORDS))
            notes += found
            wrong[wrong] = rest.notna().to_numpy()

    def fault(row: int) -> Fault:
        cell = str(cells.loc[row]).strip()
        assert column.quantity is not None
        advice = _year_advice(cell, column.quantity, schema) or _number_advice(cell, _or_empty(column.quantity, schema))
        return Fault("text in a number", row, column.written, repr(cell), column.quantity.expected, advice)

    if wrong.any():
        numbers = np.where(wrong, np.nan, numbers)
        faults = faults + listed(cells.index[wrong].tolist(), fault)
    return Judged(pd.Series(numbers, index=cells.index), faults, notes)


def _year_advice(cell: str, quantity: Quantity, schema: TableSchema) -> str:
    """Say what to do with a date in a column of years; nothing for any other cell."""
    when = year_or_missing(cell[:10])
    if np.isnan(when) or not quantity.name.endswith("year") or quantity.unit != "1":
        return ""
    if quantity.name == "year" and "date" in schema.columns:
        return "it is a date: call the column `date`"
    return f"it is a date: write it as a decimal year, {when:.3f}"


def _plain_signs(text: pd.Series) -> pd.Series:
    """Numbers without characters that nobody sees, their minus as a keyboard has it."""
    odd = text.str.contains(r"[^ -~]", regex=True, na=False).to_numpy(dtype=bool)
    if not odd.any():
        return text
    text = text.copy()
    text[odd] = [tidied(cell).replace("\u2212", "-") for cell in text[odd]]
    return text


def dates_of(column: Column) -> Judged:
    """Cells as YYYY, YYYY-MM or YYYY-MM-DD, and those that are no such dates."""
    text = as_text(column.cells).str.replace(r"[ T]00:00(:00(\.0+)?)?$", "", regex=True)
    text, notes = without_words(text, column, list(MISSING_WORDS))
    known = {cell: np.isnan(year_or_missing(cell)) for cell in text.dropna().unique()}
    wrong = text.map(known).eq(True)

    def fault(row: int) -> Fault:
        cell = str(text.loc[row])
        advice = "write the year first, then month and day, as in 2015-03-31"
        return Fault("not a date", row, column.written, repr(cell), QUANTITIES["date"].expected, advice)

    return Judged(text, listed(text.index[wrong].tolist(), fault), notes)


def _parsed(text: pd.Series) -> NDArray[np.float64]:
    """Text as float64, NaN where it is no number."""
    import pyarrow

    try:  # ten times faster, but all or nothing
        return pyarrow.array(text, from_pandas=True).cast("float64").to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:
        return pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)


def _or_empty(quantity: Quantity, schema: TableSchema) -> str:
    """Whether, and how, to say that a cell may be left empty: never where an empty cell means something else."""
    if quantity.name in schema.required:
        return "delete the row if nothing was measured, as every row needs this number"
    if quantity.name in NEVER_LEFT_EMPTY:
        return NEVER_LEFT_EMPTY[quantity.name]
    return "leave the cell empty if nothing was measured"


def _number_advice(cell: str, otherwise: str) -> str:
    """Say what to write instead of text in a cell that wants a number."""
    if cell.lower() in _UNMEASURED:
        return otherwise
    both = readings(cell.replace(" ", ""))
    if both is not None and "," in cell:
        return f"write {both[0]} if the comma parts thousands, {both[1]} if it is a decimal mark"
    if re.fullmatch(r"[-+]?\d*,\d+", cell):
        return f"write a decimal point: {cell.replace(',', '.')}"
    if re.fullmatch(r"[-+]?\d{1,3}([., '’\u00a0\u202f]\d{3})+([.,]\d+)?", cell):
        return "write the number without separators between thousands, with a decimal point"
    if _BELOW_DETECTION.match(cell):
        return f"write a number, such as half the limit of detection; or {otherwise}"
    if "±" in cell or "+-" in cell or "+/-" in cell:
        return "write the mean only; an error belongs into a column of its own"
    if re.match(r"\d{4}-\d{2}-\d{2}", cell):
        return "a spreadsheet program made a date of this number: retype it as a number"
    if re.match(r"[-+]?[\d.]+\s*[^\d\s.]", cell):
        return "write the number only; the unit belongs into the header"
    return f"write a number; {otherwise}"


def cell_rules(schema: TableSchema) -> pa.DataFrameSchema:
    """Rules for single cells."""
    import pandera.pandas as pa

    def column(name: str) -> Any:
        quantity = QUANTITIES[name]
        checks = []
        if quantity.kind == "category":
            checks = [pa.Check.isin(quantity.categories, error="unknown category")]
        if quantity.lower is not None:
            checks.append(pa.Check.ge(quantity.lower, error="out of range"))
        if quantity.upper is not None:
            checks.append(pa.Check.le(quantity.upper, error="out of range"))
        return pa.Column(
            # text is not tied to one of the several types pandas has for it
            "float64" if quantity.kind == "number" else None,
            checks=checks,
            required=name in schema.required,
            nullable=name not in schema.required,
            description=quantity.meaning,
            metadata={"unit": quantity.unit, "meaning": quantity.meaning},
        )

    return pa.DataFrameSchema({name: column(name) for name in schema.columns}, name=schema.name)


def cell_faults(
    frame: pd.DataFrame,
    schema: TableSchema,
    measured: dict[str, Column],
    without_unit: set[str],
    known: list[Fault],
) -> list[Fault]:
    """Missing values, numbers out of range and unknown categories."""
    faults: list[Fault] = []
    for name in map(str, frame):
        column, quantity, cells = measured[name], QUANTITIES[name], frame[name]
        if name in schema.required and (missing := cells.isna().to_numpy()).any():
            rows = _really_missing(cells.index[missing].tolist(), column, known)
            faults += listed(rows, partial(_missing_value, column=column, frame=frame, schema=schema))
        if name in without_unit:  # the limits of a quantity say nothing about numbers in an unknown unit
            continue
        if (beyond := _beyond_limits(cells, quantity)).any():
            rows = cells.index[beyond].tolist()
            faults += listed(rows, partial(_out_of_range, column=column, frame=frame, schema=schema))
        if quantity.kind == "category" and (other := (cells.notna() & ~cells.isin(quantity.categories))).any():
            faults += listed(
                cells.index[other].tolist(), partial(_unknown_category, column=column, frame=frame, schema=schema)
            )
    return faults


def _beyond_limits(cells: pd.Series, quantity: Quantity) -> NDArray[np.bool_]:
    """Which numbers cannot be of their quantity; one that is missing can."""
    beyond = np.zeros(len(cells), dtype=bool)
    if quantity.kind != "number":
        return beyond
    numbers = cells.to_numpy(dtype=np.float64)
    if quantity.lower is not None:
        beyond |= numbers < quantity.lower
    if quantity.upper is not None:
        beyond |= numbers > quantity.upper
    return beyond


def _really_missing(rows: list[int], column: Column, known: list[Fault]) -> list[int]:
    """Rows whose cell is empty or holds a word for it, not those whose text was already called no number."""
    kinds = ("text in a number", "two readings", "not a date")
    if not any(fault.kind in kinds and fault.column == column.written for fault in known):
        return rows
    text = as_text(column.cells.loc[rows])
    return text.index[text.isna() | text.isin(MISSING_WORDS)].tolist()


def _missing_value(row: int, column: Column, frame: pd.DataFrame, schema: TableSchema) -> Fault:
    del frame, schema
    quantity = column.quantity
    assert quantity is not None
    cell = column.cells.loc[row]
    found = "an empty cell" if pd.isna(cell) or not str(cell).strip() else repr(str(cell).strip())
    advice = f"fill it in, or delete the row: every row needs `{quantity.name}`"
    return Fault("missing value", row, column.written, found, quantity.expected, advice)


def _out_of_range(row: int, column: Column, frame: pd.DataFrame, schema: TableSchema) -> Fault:
    quantity = column.quantity
    assert quantity is not None
    cell = column.cells.loc[row]
    value = float(np.asarray(frame.loc[row, quantity.name]))
    unit = "" if column.unit in (None, "1", "-") else f" {unit_shown(str(column.unit))}"
    found = (f"{cell:g}" if isinstance(cell, float) else str(cell).strip()) + unit
    written = float(str(cell).replace(",", ".")) if is_number(str(cell)) else np.nan
    if not np.isclose(written, value):
        found += (
            f", which is {value:g} {unit_shown(quantity.unit)}" if quantity.unit != "1" else f", which is {value:g}"
        )
    advice = _range_advice(column, cell, value, _or_empty(quantity, schema))
    return Fault("out of range", row, column.written, found, quantity.expected, advice)


def _range_advice(column: Column, cell: Any, value: float, otherwise: str) -> str:
    """Say what a number beyond the limits of its quantity was probably meant to be."""
    quantity = column.quantity
    assert quantity is not None
    both = readings(str(cell).strip()) if isinstance(cell, str) else None
    if both is not None:
        return f"it can be read as {both[0]} and as {both[1]}: write the one that is meant"
    plain = column.unit in (None, quantity.unit, "-")
    upper = np.inf if quantity.upper is None else quantity.upper
    if is_number(str(cell)) and float(str(cell).replace(",", ".")) in _MISSING_CODES:
        return (
            f"if {str(cell).strip()} stands for a missing value, {otherwise.removesuffix(' if nothing was measured')}"
        )
    if quantity.unit == "1" and plain and upper < value <= 100 and upper <= 5:
        return f"looks like percent: write the header as `{quantity.name} [%]`"
    if quantity.unit == "degC" and 223 <= value <= 350:
        return f"looks like kelvin: write the header as `{quantity.name} [K]`"
    if quantity.unit == "g/kg" and upper < value <= 1000 * upper:
        return f"looks like mg/kg: write the header as `{quantity.name} [mg/kg]` if it is"
    if quantity.lower == 0 and value < 0:
        return f"cannot be negative: correct it; {otherwise}"
    return "check the number and its unit"


def _unknown_category(row: int, column: Column, frame: pd.DataFrame, schema: TableSchema) -> Fault:
    quantity = column.quantity
    assert quantity is not None
    found = str(frame.loc[row, quantity.name])
    near = _SYNONYMS.get(re.sub(r"[\s]+", "_", found.lower()))
    if near not in quantity.categories:
        near = class_meant(found, quantity.categories)
    advice = f"did you mean `{near}`?" if near else "take the nearest of these, or leave the cell empty"
    if not near and quantity.name in schema.required:
        advice = "take the nearest of these"
    return Fault("unknown category", row, column.written, repr(found), quantity.expected, advice)


def natural(column: Column) -> Judged:
    """Cells of a user's own column: numbers if all are, words for a missing value apart, else text."""
    cells = column.cells
    if not (pd.api.types.is_string_dtype(cells) or pd.api.types.is_object_dtype(cells)):
        return Judged(cells, [], [])
    if pd.api.types.is_string_dtype(cells) and len(cells):
        numbers = pd.to_numeric(cells, errors="coerce")
        if numbers.notna().all():  # most columns of spectra, at once
            return Judged(numbers, [], [])
    text = as_text(cells)
    known, notes = without_words(text, column, list(MISSING_WORDS))
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.notna().equals(known.notna()) and numbers.notna().any():
        return Judged(numbers, [], notes)
    return Judged(text, [], [])
