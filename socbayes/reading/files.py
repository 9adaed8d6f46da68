"""From a file or a frame to a table as it lies there: text, Excel and Parquet."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from socbayes.errors import EmptyTableError, Fault, UnreadableFileError
from socbayes.reading.raw import RawTable, Table, as_text, listed

_TEXT_FILES = (".csv", ".tsv", ".tab", ".txt")
_EXCEL_FILES = (".xlsx", ".xlsm")
_PARQUET_FILES = (".parquet", ".pq")


def load(table: Table, sheet: str | int) -> RawTable:
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


def _from_frame(frame: pd.DataFrame, source: str, sha256: str) -> RawTable:
    numbered = frame.set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0)
    cells = [numbered.iloc[:, position] for position in range(numbered.shape[1])]
    return _without_blanks(RawTable([str(name) for name in frame.columns], cells, source, sha256, dict(frame.attrs)))


def _from_text(content: bytes, source: str, sha256: str) -> RawTable:
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

    return listed(list(misfits), fault)


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count != 1 else ''}"


def _from_grid(grid: pd.DataFrame, source: str, sha256: str) -> RawTable:
    """Split a sheet into its header, the first row with content, and the rows below."""
    columns = [grid.iloc[:, position] for position in range(grid.shape[1])]
    used = next(
        (n for n in range(len(grid)) if any(as_text(cells.iloc[n : n + 1]).notna().any() for cells in columns)), None
    )
    if used is None:
        raise EmptyTableError(f"{source} is empty: write a header and at least one row")
    header = ["" if pd.isna(cells.iloc[used]) else str(cells.iloc[used]).strip() for cells in columns]
    return _without_blanks(RawTable(header, [cells.iloc[used + 1 :] for cells in columns], source, sha256))


def _without_blanks(raw: RawTable) -> RawTable:
    """Drop rows without content, and columns with neither name nor content."""
    if not raw.cells or not len(raw.cells[0]):
        raise EmptyTableError(f"{raw.source} has a header but no rows: write one row per observation")
    blank = np.ones(len(raw.cells[0]), dtype=bool)
    for cells in raw.cells:
        blank[blank] = as_text(cells[blank]).isna().to_numpy()
        if not blank.any():
            break
    if blank.all():
        raise EmptyTableError(f"{raw.source} has a header but no rows: write one row per observation")
    cells = [column[~blank] for column in raw.cells] if blank.any() else raw.cells
    named = [n for n, name in enumerate(raw.header) if name or as_text(cells[n]).notna().any()]
    return replace(raw, header=[raw.header[n] for n in named], cells=[cells[n] for n in named])
