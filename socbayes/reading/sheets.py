"""Tables in sheets of Excel files: only cells with content are read, merged ones are filled."""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from socbayes.errors import EmptyTableError, UnreadableFileError
from socbayes.reading.header import SEARCHED, header_place, title_note
from socbayes.reading.raw import RawTable, without_blanks
from socbayes.vocabulary import TableSchema

type Cells = dict[int, dict[int, Any]]
"""Cells with content, by row and column, both from one."""
type Range = tuple[int, int, int, int]
"""First row and column, last row and column."""

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')


def from_sheet(path: Path, sheet: str | int, schema: TableSchema, sha256: str) -> RawTable:
    """Read a table in a sheet.

    Merged cells hold what is written in the first of them. A title above the
    names of the columns is left out.

    Parameters
    ----------
    path
        Of the Excel file.
    sheet
        Name or position.
    schema
        Kind of table.
    sha256
        Of the file.

    Raises
    ------
    EmptyTableError
        If the sheet has no content.
    UnreadableFileError
        If there is no such sheet, or the file cannot be read.
    """
    cells, merged = _read(path, sheet)
    if not cells:
        raise EmptyTableError(f"{path.name} is empty: write a header and at least one row")
    rows = sorted(cells)
    columns = sorted({column for row in cells.values() for column in row})
    filled = _fill(cells, merged, rows, columns)
    upper = [[_text(cells[row].get(column)) for column in columns] for row in rows[:SEARCHED]]
    place = header_place(upper, schema)
    assert place is not None  # every row has content
    below = rows[place + 1 :]
    for (row, column), start in filled.items():  # a name that spans the rows below it is no cell of theirs
        if row > rows[place] >= start:
            del cells[row][column]
    index = pd.Index(below)
    grid = [pd.Series([cells[row].get(column) for row in below], index=index, dtype=object) for column in columns]
    raw = RawTable([cell.strip() for cell in upper[place]], grid, path.name, sha256)
    raw.notes = title_note(upper[:place]) + _merged_note(filled, rows[place], columns, raw.header)
    return without_blanks(raw)


def _read(path: Path, sheet: str | int) -> tuple[Cells, list[Range]]:
    """Cells with content and ranges of merged cells."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            names = book.sheetnames
            if isinstance(sheet, str) and sheet not in names:
                raise UnreadableFileError(f"{path.name} has no sheet {sheet!r}; it has {', '.join(map(repr, names))}")
            if isinstance(sheet, int) and not 0 <= sheet < len(names):
                raise UnreadableFileError(f"{path.name} has no sheet {sheet}: it has {len(names)}, counted from 0")
            found: Any = book[sheet if isinstance(sheet, str) else names[sheet]]
            if not hasattr(found, "reset_dimensions"):
                raise UnreadableFileError(f"{path.name}: {found.title!r} is a chart, not a sheet of cells")
            found.reset_dimensions()  # what a sheet says of its size may be far from what it holds
            cells: Cells = {}
            for number, row in enumerate(found.iter_rows(values_only=True), start=1):
                content = {place: _plain(cell) for place, cell in enumerate(row, start=1) if not _is_blank(cell)}
                if content:
                    cells[number] = content
            with found._get_source() as source:  # openpyxl itself passes over merged cells when it reads row by row
                merged = [_numbers(match) for match in _found(source)]
        finally:
            book.close()
    except UnreadableFileError:
        raise
    except Exception as error:  # the reader raises whatever its own libraries raise
        raise UnreadableFileError(f"{path.name} cannot be read as {path.suffix[1:].lower()}: {error}") from error
    return cells, merged


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _plain(cell: Any) -> Any:
    """Whole numbers without the point that Excel gives them, midnights as dates."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date()
    return cell


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _found(source: Any) -> Iterator[re.Match[bytes]]:
    """Merged ranges in the text of a sheet, which is read piece by piece."""
    rest = b""
    while piece := source.read(1_000_000):
        text = rest + piece
        end = 0
        for match in _MERGED.finditer(text):
            end = match.end()
            yield match
        rest = text[max(end, len(text) - 200) :]


def _numbers(match: re.Match[bytes]) -> Range:
    from openpyxl.utils import column_index_from_string

    left, top, right, bottom = (group.decode() for group in match.groups())
    return int(top), column_index_from_string(left), int(bottom), column_index_from_string(right)


def _fill(cells: Cells, merged: list[Range], rows: list[int], columns: list[int]) -> dict[tuple[int, int], int]:
    """Fill merged cells where the sheet has rows and columns; return them with the row their range starts in."""
    filled = {}
    at, over = np.array(rows), np.array(columns)
    for top, left, bottom, right in merged:
        value = cells.get(top, {}).get(left)
        if value is None:
            continue
        for row in at[np.searchsorted(at, top) : np.searchsorted(at, bottom, side="right")].tolist():
            for column in over[np.searchsorted(over, left) : np.searchsorted(over, right, side="right")].tolist():
                if (row, column) != (top, left):
                    cells[row][column] = value
                    filled[row, column] = top
    return filled


def _merged_note(
    filled: dict[tuple[int, int], int], header_row: int, columns: list[int], header: list[str]
) -> list[str]:
    counts: dict[str, int] = defaultdict(int)
    for (_, column), start in filled.items():
        if start > header_row:
            counts[header[columns.index(column)] or "a column without a name"] += 1
    if not counts:
        return []
    shown = ", ".join(f"`{name}` ({count})" for name, count in counts.items())
    return [f"Merged cells hold what is written in the first of them; cells filled by column: {shown}."]
