"""Users' tables: read, converted to canonical units and checked, all faults at once.

:func:`read_table` turns a spreadsheet of observations into a tidy frame in
canonical units, or says everything that is wrong with it, cell by cell.
:func:`validate_table` returns the faults instead of raising them.

What counts as a valid table is written in :mod:`socbayes.vocabulary` and
nowhere else. A column of your own is kept when its name starts with ``x_``.
"""

from __future__ import annotations

import csv
import datetime
import difflib
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socbayes.errors import EmptyTableError, Fault, TableFaultsError, UnitError, UnknownNameError, UnreadableFileError
from socbayes.units import conversion_factor, convert, parse_unit, unit_shown
from socbayes.vocabulary import QUANTITIES, SCHEMAS, Quantity, TableSchema, nearest

if TYPE_CHECKING:
    import pandera.pandas as pa

type Table = str | PathLike[str] | pd.DataFrame
"""What can be read: a path, or a frame."""

LISTED = 100
"""Equal faults of one column listed cell by cell; the rest are counted."""

_TEXT_FILES = (".csv", ".tsv", ".tab", ".txt")
_EXCEL_FILES = (".xlsx", ".xlsm")
_PARQUET_FILES = (".parquet", ".pq")
# what pandas takes for a missing cell, so that a table reads the same here and there
_MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
_MISSING_CODES = {-9.0, -9999.0, -999.0, -99.0, 999.0, 9999.0, -9999.9, -999.9, -99.9}
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
# A content and the stock it is often mistaken for.
_STOCKS = {
    "soil_organic_carbon": "soc_stock",
    "particulate_organic_carbon": "particulate_carbon_stock",
    "mineral_associated_organic_carbon": "mineral_associated_carbon_stock",
}
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


@dataclass(eq=False)
class _Column:
    """One column of a table being read."""

    written: str
    """Name as in the file, without its unit."""
    cells: pd.Series
    """Cells as in the file; the index holds row numbers of the file."""
    unit: str | None = None
    """Unit as stated, None when it is stated nowhere."""
    quantity: Quantity | None = None
    """What the column measures, None for a column of the user's own."""
    guess: str | None = None
    """Schema column the name comes nearest to."""


@dataclass
class _Raw:
    """A table as it lies in its file."""

    header: list[str]
    cells: list[pd.Series]
    source: str
    sha256: str
    attrs: dict[Any, Any] = field(default_factory=dict)
    decimal_comma: bool = False
    faults: list[Fault] = field(default_factory=list)


def read_table(
    table: Table, schema: str, *, units: Mapping[str, str] | None = None, sheet: str | int = 0
) -> pd.DataFrame:
    """Read a table of observations, in canonical units and free of faults.

    Parameters
    ----------
    table
        Path of a CSV (comma, semicolon or tab; UTF-8), Excel (.xlsx) or Parquet
        file, or a frame, which is left as it is.
    schema
        Name of the kind of table, one of ``socbayes.vocabulary.SCHEMAS``.
    units
        Unit of columns, ``{column: unit}``. A unit may also stand in the header,
        ``clay [%]``, or in a row of units right under the header. This
        argument wins over the header, the header over the row of units.
    sheet
        Name or position of the sheet of an Excel file.

    Returns
    -------
    pandas.DataFrame
        One row per row of the table: float64 numbers in canonical units, text
        as ``str``, missing cells NaN; columns in the order of the schema, then
        those starting with ``x_``. ``attrs`` holds ``schema``, ``units``,
        ``source`` (the file's name), ``conversions`` and ``sha256`` of the
        content, beside the attributes a frame came with.

    Raises
    ------
    TableFaultsError
        With every fault of the table in ``faults``.
    EmptyTableError
        If the table has no rows.
    UnreadableFileError
        If the file is missing, of an unknown type or not UTF-8.
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> import pandas as pd
    >>> plots = pd.DataFrame({
    ...     "observation": ["a", "b"],
    ...     "study": ["Field trial", "Field trial"],
    ...     "carbon_use_efficiency [%]": [32.0, 41.0],
    ...     "measurement_method": ["water_18O", "water_18O"],
    ...     "incubation_temperature [K]": [288.15, 298.15],
    ... })
    >>> observations = read_table(plots, "cue")
    >>> observations[["carbon_use_efficiency", "incubation_temperature"]]
       carbon_use_efficiency  incubation_temperature
    0                   0.32                    15.0
    1                   0.41                    25.0
    >>> observations.attrs["conversions"][0]
    {'column': 'carbon_use_efficiency', 'from': '%', 'to': '1'}
    """
    raw = _load(table, sheet)
    result, faults = _examine(raw, _schema(schema), dict(units or {}))
    if faults:
        raise TableFaultsError(faults, raw.source)
    return result


def validate_table(
    table: Table, schema: str, units: Mapping[str, str] | None = None, *, sheet: str | int = 0
) -> list[Fault]:
    """Return every fault of a table.

    Parameters
    ----------
    table, schema, units, sheet
        As for :func:`read_table`.

    Returns
    -------
    list of Fault
        Empty when the table is good. A long list of equal faults ends in one
        whose ``count`` says how many more there are.

    Raises
    ------
    UnreadableFileError
        If the file is missing, of an unknown type or not UTF-8.
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> import pandas as pd
    >>> (fault,) = validate_table(pd.DataFrame({"crop": ["wheat"], "harvest_index": [45.0]}), "crop_carbon_allocation")
    >>> fault.kind, fault.row, fault.found, fault.expected
    ('out of range', 2, '45', 'a number from 0 to 1')
    """
    return examine_table(table, schema, units, sheet=sheet)[1]


def examine_table(
    table: Table, schema: str, units: Mapping[str, str] | None = None, *, sheet: str | int = 0
) -> tuple[pd.DataFrame, list[Fault]]:
    """Return a table in canonical units together with its faults, for callers that have more tables to examine.

    Parameters
    ----------
    table, schema, units, sheet
        As for :func:`read_table`.

    Returns
    -------
    table, faults
        What :func:`read_table` and :func:`validate_table` return; the table is of use only without faults.

    Raises
    ------
    UnreadableFileError
        If the file is missing, of an unknown type or not UTF-8.
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> import pandas as pd
    >>> given = pd.DataFrame({"site": ["Farm"], "year": [2001], "month": [1], "temperature [K]": [280.15]})
    >>> weather, faults = examine_table(given, "field_weather")
    >>> weather["temperature"].tolist(), faults
    ([7.0], [])
    """
    import pandas as pd

    kind = _schema(schema)
    try:
        return _examine(_load(table, sheet), kind, dict(units or {}))
    except EmptyTableError as error:
        fault = Fault("empty table", None, "", "no rows", f"at least one row: {kind.meaning}", str(error))
        return pd.DataFrame(), [fault]


def decimal_year(date: str) -> float:
    """Turn a date into a decimal year.

    Parameters
    ----------
    date
        ``YYYY-MM-DD`` (its noon), ``YYYY-MM`` (its middle) or ``YYYY`` (the
        whole number).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the text is no such date.

    Examples
    --------
    >>> decimal_year("2001-07-02")
    2001.5
    >>> decimal_year("1843")
    1843.0
    """
    match = _DATE.fullmatch(date)
    if match is None:
        raise ValueError(f"{date!r} is not a date as YYYY-MM-DD, YYYY-MM or YYYY")
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    if month is None:
        return float(year)
    first = datetime.date(year, month, day or 1)
    if day is None:
        return year + (month - 0.5) / 12
    begin = datetime.date(year, 1, 1)
    return year + ((first - begin).days + 0.5) / (datetime.date(year + 1, 1, 1) - begin).days


def faults_table(faults: Iterable[Fault]) -> pd.DataFrame:
    """Lay faults out as a table for printing or saving.

    Parameters
    ----------
    faults
        What :func:`validate_table` returned.

    Returns
    -------
    pandas.DataFrame
        One row per fault: kind, row, column, found, expected, suggestion.

    Examples
    --------
    >>> from socbayes.errors import Fault
    >>> faults_table([Fault("unit missing", None, "clay", "no unit", "%")]).loc[0, "column"]
    'clay'
    """
    names = ["kind", "row", "column", "found", "expected", "suggestion"]
    rows = [[getattr(fault, name) for name in names] for fault in faults]
    return pd.DataFrame(rows, columns=names).astype({"row": "Int64"})


def pandera_schema(schema: str) -> pa.DataFrameSchema:
    """Return the rules of a table as a pandera schema.

    Parameters
    ----------
    schema
        Name of the kind of table.

    Returns
    -------
    pandera.pandas.DataFrameSchema
        Rules for a table in canonical units, such as :func:`read_table` or
        ``load_dataset`` return; units and meanings stand in the metadata.

    Raises
    ------
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> rules = pandera_schema("necromass_levels")
    >>> rules.columns["clay"].metadata["unit"]
    'percent'
    """
    import pandera.pandas as pa

    kind = _schema(schema)
    rules = _cell_rules(kind)
    row_rules = [
        pa.Check(lambda frame, pair=pair: ~_out_of_order(frame, *pair), name=f"{pair[0]} at most {pair[1]}")
        for pair in kind.ordered
    ] + [
        pa.Check(lambda frame, group=group: ~_same_treatment(frame, group), name="control differs from treatment")
        for group in kind.differ
    ]
    return pa.DataFrameSchema(
        rules.columns, checks=row_rules, unique=list(kind.key) or None, name=kind.name, description=kind.meaning
    )


# --- from a table to columns ----------------------------------------------------


def _schema(name: str) -> TableSchema:
    if name in SCHEMAS:
        return SCHEMAS[name]
    hint = nearest(str(name), list(SCHEMAS))
    raise UnknownNameError(
        f"there is no table schema {name!r}; " + (f"did you mean {hint!r}?" if hint else f"known: {', '.join(SCHEMAS)}")
    )


def _load(table: Table, sheet: str | int) -> _Raw:
    """Read whatever was given without judging it."""
    if isinstance(table, pd.DataFrame):
        return _from_frame(
            table, str(table.attrs.get("source") or table.attrs.get("name") or "table"), _frame_sha256(table)
        )
    path = Path(table)
    kind = path.suffix.lower()
    if not path.is_file():
        raise UnreadableFileError(_no_such_file(path))
    if kind not in _TEXT_FILES + _EXCEL_FILES + _PARQUET_FILES:
        advice = "save it as .xlsx or as CSV" if kind in (".xls", ".ods", ".numbers") else "known: .csv, .tsv, .txt"
        raise UnreadableFileError(f"{path.name}: unknown file type {kind!r} ({advice}, .xlsx, .parquet)")
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if kind in _TEXT_FILES:
        return _from_text(content, path.name, sha256)
    try:
        if kind in _PARQUET_FILES:
            return _from_frame(pd.read_parquet(io.BytesIO(content)), path.name, sha256)
        grid = pd.read_excel(io.BytesIO(content), sheet_name=sheet, header=None, dtype=object, na_filter=False)
    except Exception as error:  # the readers raise whatever their own libraries raise
        raise UnreadableFileError(f"{path.name} cannot be read as {kind[1:]}: {error}") from error
    return _from_grid(grid.set_axis(pd.RangeIndex(1, len(grid) + 1), axis=0), path.name, sha256)


def _no_such_file(path: Path) -> str:
    if path.is_dir():
        return f"{path.name} is a folder; give the path of one file"
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    return f"there is no file {path}" + (f"; did you mean {near[0]!r}?" if near else "")


def _frame_sha256(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for position, name in enumerate(frame.columns):
        cells = frame.iloc[:, position]
        plain = cells if pd.api.types.is_numeric_dtype(cells) else cells.astype("str")
        digest.update(str(name).encode())
        digest.update(pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _from_frame(frame: pd.DataFrame, source: str, sha256: str) -> _Raw:
    numbered = frame.set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0)
    cells = [numbered.iloc[:, position] for position in range(numbered.shape[1])]
    return _without_blanks(_Raw([str(name) for name in frame.columns], cells, source, sha256, dict(frame.attrs)))


def _from_text(content: bytes, source: str, sha256: str) -> _Raw:
    """Read a CSV, every cell as text and every row with its number."""
    from pyarrow import ArrowInvalid, large_string
    from pyarrow import csv as arrow_csv

    text = _decoded(content, source)
    separator = _separator(text)
    header = next(
        (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(map(str.strip, row))),
        None,
    )
    if header is None:
        raise EmptyTableError(f"{source} is empty: write a header and at least one row")
    names = [str(position) for position in range(len(header))]
    misfits: dict[int, int] = {}
    skipped: list[int] = []

    def skip(row: Any) -> str:
        if row.text.strip():
            misfits[row.number] = row.actual_columns
        skipped.append(row.number)
        return "skip"

    try:
        grid = arrow_csv.read_csv(
            io.BytesIO(text.encode()),
            # one thread: only then are the rows numbered
            read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, large_string()), strings_can_be_null=False
            ),
        )
    except ArrowInvalid as error:
        raise UnreadableFileError(f"{source} cannot be read as CSV: {error}") from error
    if text.count('"') % 2 and any("\n" in str(column[-1]) for column in grid.columns if len(column)):
        raise UnreadableFileError(f"{source}: a double quote is opened and never closed; close or delete it")
    strings = pd.StringDtype(na_value=np.nan)
    frame = grid.to_pandas(types_mapper={large_string(): strings}.get)
    if misfits and len(frame) <= 1:
        raise UnreadableFileError(
            f"{source}: the first row has {_cells(len(header))}, but the rows below have {max(misfits.values())}; "
            "it must hold the names of the columns, one per cell"
        )
    rows = np.delete(np.arange(1, len(frame) + len(skipped) + 1), np.array(skipped, dtype=int) - 1)
    raw = _from_grid(frame.set_axis(rows, axis=0), source, sha256)
    raw.decimal_comma = separator != ","
    raw.faults = _row_length_faults(misfits, len(header), separator)
    return raw


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        meant = content[error.start : error.start + 1].decode("cp1252", errors="replace")
        byte = f"byte {error.start + 1} (0x{content[error.start]:02X}, probably {meant!r})"
        raise UnreadableFileError(
            f"{source} is not UTF-8: {byte} on line {line} cannot be read; in a spreadsheet program save it as "
            "'CSV UTF-8', or in Python read it with pandas.read_csv(path, encoding='cp1252') and pass the frame"
        ) from None


def _separator(text: str) -> str:
    """Return the separator the header uses most, quoted cells left aside."""
    header = next((line for line in io.StringIO(text[:1_000_000]) if line.strip(" \t,;\r\n")), "")
    plain = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=plain.count)


def _row_length_faults(misfits: dict[int, int], width: int, separator: str) -> list[Fault]:
    name = {",": "comma", ";": "semicolon", "\t": "tab"}[separator]

    def fault(row: int) -> Fault:
        long = f"put a cell that contains a {name} in double quotes"
        advice = long if misfits[row] > width else f"a {name} or the end of the row is missing"
        return Fault("row length", row, "", _cells(misfits[row]), f"{_cells(width)}, as in the header", advice)

    return _listed(list(misfits), fault)


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count != 1 else ''}"


def _from_grid(grid: pd.DataFrame, source: str, sha256: str) -> _Raw:
    """Split a sheet into its header, the first row with content, and the rows below."""
    columns = [grid.iloc[:, position] for position in range(grid.shape[1])]
    used = next(
        (n for n in range(len(grid)) if any(_as_text(cells.iloc[n : n + 1]).notna().any() for cells in columns)), None
    )
    if used is None:
        raise EmptyTableError(f"{source} is empty: write a header and at least one row")
    header = ["" if pd.isna(cells.iloc[used]) else str(cells.iloc[used]).strip() for cells in columns]
    return _without_blanks(_Raw(header, [cells.iloc[used + 1 :] for cells in columns], source, sha256))


def _without_blanks(raw: _Raw) -> _Raw:
    """Drop rows without content, and columns with neither name nor content."""
    if not raw.cells or not len(raw.cells[0]):
        raise EmptyTableError(f"{raw.source} has a header but no rows: write one row per observation")
    blank = np.ones(len(raw.cells[0]), dtype=bool)
    for cells in raw.cells:
        blank[blank] = _as_text(cells[blank]).isna().to_numpy()
        if not blank.any():
            break
    if blank.all():
        raise EmptyTableError(f"{raw.source} has a header but no rows: write one row per observation")
    cells = [column[~blank] for column in raw.cells] if blank.any() else raw.cells
    named = [n for n, name in enumerate(raw.header) if name or _as_text(cells[n]).notna().any()]
    return replace(raw, header=[raw.header[n] for n in named], cells=[cells[n] for n in named])


def _as_text(cells: pd.Series) -> pd.Series:
    """Cells as stripped ``str``, missing ones NaN."""
    if pd.api.types.is_float_dtype(cells) and (cells.dropna() % 1 == 0).all():
        cells = cells.astype("Int64")  # a study called 2001 is not called 2001.0
    text = cells.astype("str").str.strip()
    return text.mask(text.isin(_MISSING))


# --- names and units ------------------------------------------------------------


def _examine(raw: _Raw, schema: TableSchema, units: dict[str, str]) -> tuple[pd.DataFrame, list[Fault]]:
    """Table in canonical units, and everything that is wrong with it."""
    columns = [_named(header, cells, schema) for header, cells in zip(raw.header, raw.cells, strict=True)]
    _take_unit_row(columns)
    if not len(columns[0].cells):
        raise EmptyTableError(f"{raw.source} has a header and units but no rows: write one row per observation")
    faults = raw.faults + _name_faults(columns, schema) + _assign_units(columns, units, raw.attrs)
    measured = {column.quantity.name: column for column in columns if column.quantity is not None}

    unit_faults = {name: fault for name, column in measured.items() if (fault := _unit_fault(column, schema))}
    faults += unit_faults.values()
    values: dict[str, Any] = {}
    conversions: list[dict[str, str]] = []
    for name in (name for name in schema.columns if name in measured):
        column = measured[name]
        if QUANTITIES[name].kind == "date":
            values[name], wrong = _dates(column)
            faults += wrong
            continue
        if QUANTITIES[name].kind != "number":
            values[name] = _as_text(column.cells)
            continue
        numbers, wrong = _numbers(column, raw.decimal_comma)
        faults += wrong
        if name not in unit_faults:
            numbers, done = _converted(numbers, column)
            conversions += done
        values[name] = pd.Series(numbers, index=column.cells.index)
    if "year" in schema.columns and "year" not in measured and "date" in measured:
        values["year"] = values["date"].map(_year_or_missing).astype("float64")
        measured["year"] = replace(measured["date"], quantity=QUANTITIES["year"])
        conversions.append({"column": "year", "from": "date", "to": "decimal year"})
    ordered = {name: values[name] for name in schema.columns if name in values}
    frame = pd.DataFrame(ordered, index=columns[0].cells.index)

    faults += _cell_faults(frame, schema, measured, set(unit_faults), faults)
    own = [column for column in columns if column.written.startswith("x_")]
    whole = frame.assign(**{column.written: _natural(column.cells) for column in own})
    faults += _duplicate_faults(whole, schema, measured)
    faults += _order_faults(frame.drop(columns=list(unit_faults)), schema, measured)
    faults += _same_treatment_faults(frame.drop(columns=list(unit_faults)), schema, measured)

    result = whole.reset_index(drop=True)
    stated = {name: QUANTITIES[name].unit for name in frame if QUANTITIES[str(name)].kind == "number"}
    stated |= {column.written: column.unit for column in own if column.unit}
    result.attrs = raw.attrs | {
        "schema": schema.name,
        "units": stated,
        "source": raw.source,
        "conversions": conversions,
        "sha256": raw.sha256,
    }
    return result, faults


def _named(header: str, cells: pd.Series, schema: TableSchema) -> _Column:
    """Column with its name, the unit in its header and the quantity it measures."""
    written, unit = _split_header(header)
    column = _Column(written, cells, unit)
    if written in schema.columns:
        column.quantity = QUANTITIES[written]
    elif written and not written.startswith("x_"):
        column.guess = nearest(written, schema.columns)
    return column


def _split_header(header: str) -> tuple[str, str | None]:
    """Split ``clay [%]`` or ``clay (%)`` into name and unit."""
    match = re.fullmatch(r"(.*?)\s*(?:\[(.*)\]|\((.*)\))", header.strip(), flags=re.DOTALL)
    if match is None:
        return header.strip(), None
    return match[1], (match[2] or match[3] or "").strip() or None


def _clearly_means(column: _Column) -> bool:
    """Whether a misnamed column is another name, or a slip of the pen, of the column guessed."""
    name = re.sub(r"[\s-]+", "_", column.written.lower())
    guess = QUANTITIES[column.guess or ""]
    return name in guess.aliases or difflib.SequenceMatcher(None, name, guess.name).ratio() > 0.85


def _name_faults(columns: list[_Column], schema: TableSchema) -> list[Fault]:
    """Unknown, repeated and missing columns.

    A column whose name clearly means one of the schema is checked as that one,
    so that the faults of its cells are reported in the same go.
    """
    faults, taken = [], set()
    for column in columns:
        if column.written in taken:
            advice = "keep one of them, or give the other a name that starts with x_"
            faults.append(Fault("duplicate column", None, column.written, "the name twice", "each name once", advice))
            column.quantity = None
        elif column.quantity or column.written.startswith("x_"):
            taken.add(column.written)
    for column in columns:
        if column.written in taken:
            continue
        faults.append(_unknown_column(column, schema))
        if column.guess and column.guess not in taken and _clearly_means(column):
            column.quantity = QUANTITIES[column.guess]
            taken.add(column.guess)
    for name in schema.required:
        if name not in taken and not (name == "year" and "date" in taken):  # the year follows from the date
            faults.append(_missing_column(name, columns, schema))
    return faults


def _unknown_column(column: _Column, schema: TableSchema) -> Fault:
    name = column.written
    keep = f"to keep a column of your own, call it `x_{name}`"
    if not name:
        return Fault("unknown column", None, "", "a column without a name", "a name", "name it, or delete it")
    if column.guess:
        advice = f"did you mean `{column.guess}`? If not, and {keep}"
    else:
        elsewhere = nearest(name, list(QUANTITIES))
        reason = f"`{elsewhere}` is no column of a {schema.name} table; " if elsewhere and name == elsewhere else ""
        advice = reason + keep
    return Fault("unknown column", None, name, f"`{name}`", f"a column of a {schema.name} table", advice)


def _missing_column(name: str, columns: list[_Column], schema: TableSchema) -> Fault:
    quantity = QUANTITIES[name]
    unit = f" [{unit_shown(quantity.unit)}]" if quantity.unit not in ("", "1") else ""
    near = [column.written for column in columns if column.guess == name and column.quantity is None]
    advice = f"rename `{near[0]}` if it is meant" if near else f"add a column `{name}{unit}`: {quantity.meaning}"
    return Fault("missing column", None, name, "no such column", f"`{name}` in every {schema.name} table", advice)


def _take_unit_row(columns: list[_Column]) -> None:
    """Move a row of units from the cells to the columns."""
    numeric = [
        column
        for column in columns
        if (column.quantity or QUANTITIES.get(column.guess or "", Quantity("", "", "", "text"))).kind == "number"
    ]
    first = [_as_text(column.cells.iloc[:1]).iloc[0] for column in numeric]
    if not _is_unit_row(["" if pd.isna(cell) else cell for cell in first]):
        return
    for column in columns:
        cell = _as_text(column.cells.iloc[:1]).iloc[0]
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
        if re.match(r"[-+]?\.?\d", cell) and _is_number(cell):
            return False
        try:
            units += bool(parse_unit(cell).terms)
        except UnitError:
            continue
    return units > 0


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _assign_units(columns: list[_Column], units: dict[str, str], attrs: Mapping[Any, Any]) -> list[Fault]:
    """Apply the units argument, then the units a frame brings along."""
    faults = []
    units = {_split_header(name)[0]: unit for name, unit in units.items()}
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


def _unit_fault(column: _Column, schema: TableSchema) -> Fault | None:
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


def _converted(numbers: NDArray[np.float64], column: _Column) -> tuple[NDArray[np.float64], list[dict[str, str]]]:
    """Numbers in the canonical unit, and a note of the conversion if there was one."""
    quantity, unit = column.quantity, column.unit
    assert quantity is not None
    assert unit is not None
    if conversion_factor(unit, quantity) == 1.0:
        return numbers, []
    return convert(numbers, unit, quantity), [{"column": quantity.name, "from": unit, "to": quantity.unit}]


# --- cells ----------------------------------------------------------------------


def _numbers(column: _Column, decimal_comma: bool) -> tuple[NDArray[np.float64], list[Fault]]:
    """Cells as float64, and those that are no numbers."""
    cells = column.cells
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.isinf(numbers)
    else:
        text = _as_text(cells)
        if decimal_comma:
            text = text.str.replace(r"^([-+]?\d*),(\d+)", r"\1.\2", regex=True)
        numbers = _parsed(text)
        wrong = (np.isnan(numbers) & text.notna().to_numpy()) | np.isinf(numbers)
    if not wrong.any():
        return numbers, []
    quantity = column.quantity
    assert quantity is not None

    def fault(row: int) -> Fault:
        cell = str(cells.loc[row]).strip()
        return Fault("text in a number", row, column.written, repr(cell), quantity.expected, _number_advice(cell))

    return np.where(wrong, np.nan, numbers), _listed(cells.index[wrong].tolist(), fault)


def _year_or_missing(date: object) -> float:
    try:
        return decimal_year(str(date))
    except ValueError:
        return float("nan")


def _dates(column: _Column) -> tuple[pd.Series, list[Fault]]:
    """Cells as YYYY, YYYY-MM or YYYY-MM-DD, and those that are no such dates."""
    text = _as_text(column.cells).str.replace(r"[ T]00:00(:00(\.0+)?)?$", "", regex=True)
    known = {cell: np.isnan(_year_or_missing(cell)) for cell in text.dropna().unique()}
    wrong = text.map(known).eq(True)

    def fault(row: int) -> Fault:
        cell = str(text.loc[row])
        advice = "write the year first, then month and day, as in 2015-03-31"
        return Fault("not a date", row, column.written, repr(cell), QUANTITIES["date"].expected, advice)

    return text, _listed(text.index[wrong].tolist(), fault)


def _parsed(text: pd.Series) -> NDArray[np.float64]:
    """Text as float64, NaN where it is no number."""
    import pyarrow

    try:  # ten times faster, but all or nothing
        return pyarrow.array(text, from_pandas=True).cast("float64").to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:
        return pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)


def _number_advice(cell: str) -> str:
    """Say what to write instead of text in a cell that wants a number."""
    if cell.lower() in _UNMEASURED:
        return "leave the cell empty if nothing was measured"
    if re.fullmatch(r"[-+]?\d+,\d+", cell):
        return f"write a decimal point: {cell.replace(',', '.')}"
    if re.fullmatch(r"[-+]?\d{1,3}([., '’\u00a0]\d{3})+([.,]\d+)?", cell):
        return "write the number without separators between thousands, with a decimal point"
    if _BELOW_DETECTION.match(cell):
        return "write a number; leave the cell empty if it is below detection"
    if "±" in cell or "+-" in cell or "+/-" in cell:
        return "write the mean only; an error belongs into a column of its own"
    if re.match(r"\d{4}-\d{2}-\d{2}", cell):
        return "a spreadsheet program made a date of this number: retype it as a number"
    if re.match(r"[-+]?[\d.]+\s*[^\d\s.]", cell):
        return "write the number only; the unit belongs into the header"
    return "write a number, or leave the cell empty if nothing was measured"


def _cell_rules(schema: TableSchema) -> pa.DataFrameSchema:
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


def _cell_faults(
    frame: pd.DataFrame,
    schema: TableSchema,
    measured: dict[str, _Column],
    without_unit: set[str],
    known: list[Fault],
) -> list[Fault]:
    """Missing values, numbers out of range and unknown categories."""
    from pandera.errors import SchemaErrors

    rules = _cell_rules(schema)
    absent = [name for name in schema.columns if name not in frame]
    rules = rules.remove_columns(absent)
    # the limits of a quantity say nothing about numbers in an unknown unit
    rules = rules.update_columns({name: {"checks": []} for name in without_unit})
    try:
        rules.validate(frame, lazy=True)
    except SchemaErrors as errors:
        failures = errors.failure_cases
    else:
        return []
    failed = {place: sorted(cells.tolist()) for place, cells in failures.groupby(["column", "check"])["index"]}
    faults: list[Fault] = []
    for name in frame:
        column = measured[str(name)]
        for check, fault in (
            ("not_nullable", _missing_value),
            ("out of range", _out_of_range),
            ("unknown category", _unknown_category),
        ):
            rows = failed.get((name, check), [])
            if check == "not_nullable" and rows:
                rows = _really_missing(rows, column, known)
            faults += _listed(rows, partial(fault, column=column, frame=frame))
    return faults


def _really_missing(rows: list[int], column: _Column, known: list[Fault]) -> list[int]:
    """Rows whose cell is empty, not those whose text was already called no number."""
    kinds = ("text in a number", "not a date")
    if not any(fault.kind in kinds and fault.column == column.written for fault in known):
        return rows
    return _as_text(column.cells.loc[rows]).pipe(lambda text: text.index[text.isna()]).tolist()


def _missing_value(row: int, column: _Column, frame: pd.DataFrame) -> Fault:
    del frame
    quantity = column.quantity
    assert quantity is not None
    cell = column.cells.loc[row]
    found = "an empty cell" if pd.isna(cell) or not str(cell).strip() else repr(str(cell).strip())
    advice = f"fill it in, or delete the row: every row needs `{quantity.name}`"
    return Fault("missing value", row, column.written, found, quantity.expected, advice)


def _out_of_range(row: int, column: _Column, frame: pd.DataFrame) -> Fault:
    quantity = column.quantity
    assert quantity is not None
    cell = column.cells.loc[row]
    value = float(np.asarray(frame.loc[row, quantity.name]))
    unit = "" if column.unit in (None, "1", "-") else f" {unit_shown(str(column.unit))}"
    found = (f"{cell:g}" if isinstance(cell, float) else str(cell).strip()) + unit
    if column.unit and conversion_factor(column.unit, quantity) != 1.0:
        found += (
            f", which is {value:g} {unit_shown(quantity.unit)}" if quantity.unit != "1" else f", which is {value:g}"
        )
    advice = _range_advice(quantity, column, cell, value)
    return Fault("out of range", row, column.written, found, quantity.expected, advice)


def _range_advice(quantity: Quantity, column: _Column, cell: Any, value: float) -> str:
    """Say what a number beyond the limits of its quantity was probably meant to be."""
    plain = column.unit in (None, quantity.unit, "-")
    upper = np.inf if quantity.upper is None else quantity.upper
    if _is_number(str(cell)) and float(str(cell).replace(",", ".")) in _MISSING_CODES:
        return f"if {str(cell).strip()} stands for a missing value, leave the cell empty"
    if quantity.unit == "1" and plain and upper < value <= 100 and upper <= 5:
        return f"looks like percent: write the header as `{quantity.name} [%]`"
    if quantity.unit == "degC" and 223 <= value <= 350:
        return f"looks like kelvin: write the header as `{quantity.name} [K]`"
    if quantity.unit == "g/kg" and upper < value <= 1000 * upper:
        return f"looks like mg/kg: write the header as `{quantity.name} [mg/kg]` if it is"
    if quantity.lower == 0 and value < 0:
        return "cannot be negative: correct it, or leave the cell empty if nothing was measured"
    return "check the number and its unit"


def _unknown_category(row: int, column: _Column, frame: pd.DataFrame) -> Fault:
    quantity = column.quantity
    assert quantity is not None
    found = str(frame.loc[row, quantity.name])
    near = _SYNONYMS.get(re.sub(r"[\s]+", "_", found.lower()))
    if near not in quantity.categories:
        near = nearest(found, quantity.categories)
    advice = f"did you mean `{near}`?" if near else "take the nearest of these, or leave the cell empty"
    if not near and column.written in ("measurement_method", "practice"):
        advice = "take the nearest of these"
    return Fault("unknown category", row, column.written, repr(found), quantity.expected, advice)


def _natural(cells: pd.Series) -> pd.Series:
    """Cells of a user's own column: numbers if all are, else text."""
    if not (pd.api.types.is_string_dtype(cells) or pd.api.types.is_object_dtype(cells)):
        return cells
    text = _as_text(cells)
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers if numbers.notna().equals(text.notna()) and numbers.notna().any() else text


# --- rows -----------------------------------------------------------------------


def _duplicate_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, _Column]) -> list[Fault]:
    """Rows that name, or say, the same as a row above."""
    key = list(schema.key) or list(frame)
    if not set(key) <= set(frame):
        return []
    complete = frame[key].notna().all(axis=1) if schema.key else pd.Series(True, index=frame.index)
    again = frame.duplicated(key) & complete
    if not again.any():
        return []
    alike = frame[frame.duplicated(key, keep=False)]
    rows = pd.Series(alike.index, index=alike.index)
    first = rows.groupby([alike[name] for name in key], sort=False, dropna=False).transform("min")
    whole = alike.duplicated()
    names = ", ".join(measured[name].written for name in schema.key)

    def fault(row: int) -> Fault:
        if whole[row]:
            advice = "delete the row if it is a copy"
        else:
            advice = f"the rows differ elsewhere: give each its own {names.split(', ')[-1]}"
        if not schema.key:
            return Fault("duplicate row", row, "", f"the same as row {first[row]}", "each row once", advice)
        label = ", ".join(f"{name} {frame.loc[row, name]}" for name in key)
        found = f"{label}, as in row {first[row]}"
        return Fault("duplicate row", row, names, found, "a name for each row that no other has", advice)

    return _listed(frame.index[again].tolist(), fault)


def _out_of_order(frame: pd.DataFrame, smaller: str, larger: str) -> pd.Series:
    """Rows in which the smaller of two quantities is the larger."""
    if smaller not in frame or larger not in frame:
        return pd.Series(False, index=frame.index)
    return frame[smaller] > frame[larger] * (1 + 1e-9)  # equal but for a unit conversion is equal


def _order_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, _Column]) -> list[Fault]:
    """Such as necromass above the organic carbon it is part of."""
    faults: list[Fault] = []
    for smaller, larger in schema.ordered:

        def fault(row: int, smaller: str = smaller, larger: str = larger) -> Fault:
            low, high = float(np.asarray(frame.loc[row, smaller])), float(np.asarray(frame.loc[row, larger]))
            unit = unit_shown(QUANTITIES[smaller].unit)
            unit = "" if unit == "1" else f" {unit}"
            found = f"{low:g}{unit}, above {larger} of {high:g}{unit}"
            advice = f"check both numbers and their units; perhaps {smaller} and {larger} are swapped"
            return Fault("wrong order", row, measured[smaller].written, found, f"at most {larger}", advice)

        faults += _listed(frame.index[_out_of_order(frame, smaller, larger)].tolist(), fault)
    return faults


def _same_treatment(frame: pd.DataFrame, group: tuple[tuple[str, str], ...]) -> pd.Series:
    """Rows in which every pair of a group is equal."""
    if not {name for pair in group for name in pair} <= set(frame):
        return pd.Series(False, index=frame.index)
    return pd.Series(
        np.logical_and.reduce([(frame[control] == frame[treated]).to_numpy() for control, treated in group]),
        index=frame.index,
    )


def _same_treatment_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, _Column]) -> list[Fault]:
    """Rows that compare a treatment with itself."""
    faults: list[Fault] = []
    for group in schema.differ:

        def fault(row: int, group: tuple[tuple[str, str], ...] = group) -> Fault:
            shown = "; ".join(f"{control} = {treated} = {frame.loc[row, control]:g}" for control, treated in group)
            names = ", ".join(measured[treated].written for _, treated in group)
            advice = "delete the row if it compares the control with itself; otherwise correct the numbers"
            return Fault("control equal to treatment", row, names, shown, "a treatment beside its control", advice)

        faults += _listed(frame.index[_same_treatment(frame, group)].tolist(), fault)
    return faults


def _listed(rows: list[int], fault: Callable[[int], Fault]) -> list[Fault]:
    """One fault per row, and one for the rest of a long list."""
    faults = [fault(row) for row in rows[:LISTED]]
    rest = len(rows) - LISTED
    if rest > 0:
        faults.append(replace(faults[-1], row=None, found=f"{rest:,} more like these", count=rest))
    return faults
