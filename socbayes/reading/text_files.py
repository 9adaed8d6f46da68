"""Tables in text files: separators, headers, quotes, and cells as Arrow reads them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from socbayes.errors import EmptyTableError, Fault, UnreadableFileError
from socbayes.reading.encodings import decoded
from socbayes.reading.header import SEARCHED, columns_named, header_place, title_note
from socbayes.reading.known_formats import reader_of
from socbayes.reading.names import column_of, split_header
from socbayes.reading.raw import RawTable, listed, without_blanks
from socbayes.vocabulary import QUANTITIES, TableSchema
from socbayes.wording import counted

if TYPE_CHECKING:
    import pyarrow

_HEAD = 1_000_000
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


class Layout(NamedTuple):
    """How a text file is laid out."""

    separator: str
    header: list[str]
    """Cells of the row that names the columns."""
    lines: int
    """Lines up to its end, of which a quoted cell may hold several."""
    row: int
    """Its number as a spreadsheet counts rows, from one."""
    above: list[list[str]]
    """Rows above it."""


def head_of(path: Path) -> str | None:
    """Beginning of a file in UTF-8; None where it is in another encoding.

    Parameters
    ----------
    path
        Of the file.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    cut = head.rfind(b"\n") if len(head) == _HEAD else -1
    head = head[:cut] if cut > 0 else head
    if b"\0" in head[:4000]:
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def text_of(path: Path) -> tuple[str, list[str]]:
    """Whole text of a file, and a note where it is not in UTF-8.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    UnreadableFileError
        If its encoding cannot be told.
    """
    text, encoding = decoded(path.read_bytes(), path.name)
    if encoding.startswith("utf-8"):
        return text, []
    beyond = sorted(set(re.findall(r"[^\x00-\x7f\ufeff]", text)))
    shown = f"; beyond ASCII it holds {' '.join(beyond[:12])}" if beyond else ""
    return text.removeprefix("\ufeff"), [f"The file is in {encoding.upper()}, not in UTF-8{shown}."]


def from_text_file(path: Path, schema: TableSchema, sha256: str) -> RawTable:
    """Read a table in a text file.

    Numbers of a clean file with commas are numbers at once; otherwise every cell
    is text, so that it can be judged as it was written.

    Parameters
    ----------
    path
        Of the file.
    schema
        Kind of table.
    sha256
        Of the file.

    Raises
    ------
    EmptyTableError
        If it has no rows.
    UnreadableFileError
        If it is no table, or its encoding cannot be told.
    """
    head = head_of(path)
    if head is not None and reader_of(head) is None:
        layout = layout_of(head, path.name, schema)
        grid = _clean(path, layout, schema) if layout.separator == "," else None
        if grid is not None:
            first = layout.row + 1
            return _raw(grid, np.arange(first, first + len(grid[0])), layout, path.name, sha256)
    text, notes = text_of(path)
    reader = reader_of(text[:_HEAD])
    raw = reader(text, path.name, schema) if reader else from_text(text, path.name, schema, sha256)
    raw.notes[:0] = notes
    raw.sha256 = sha256
    return raw


def from_text(text: str, source: str, schema: TableSchema, sha256: str) -> RawTable:
    """Read a table, every cell as text and every row with its number.

    Parameters
    ----------
    text
        Of the table.
    source
        Name of its file.
    schema
        Kind of table.
    sha256
        Of the file.

    Raises
    ------
    EmptyTableError
        If it has no rows.
    UnreadableFileError
        If it is no table.
    """
    layout = layout_of(text[:_HEAD], source, schema)
    opened = _unclosed_quote(text, layout)
    if opened:
        raise UnreadableFileError(
            f"{source}: a double quote is opened on line {opened} and never closed; close or delete it"
        )
    width = len(layout.header)
    misfits: dict[int, int] = {}

    def skip(row: Any) -> str:
        misfits[row.number + layout.row - layout.lines] = row.actual_columns
        return "skip"

    grid = _arrow_table(io.BytesIO(text.encode()), layout, frozenset(), source, skip)
    if misfits and len(grid[0]) <= 1:
        raise UnreadableFileError(
            f"{source}: the first row has {_cells(width)}, but the rows below have {max(misfits.values())}; "
            "it must hold the names of the columns, one per cell"
        )
    first = layout.row + 1
    rows = np.arange(first, first + len(grid[0]) + len(misfits))
    raw = _raw(grid, np.setdiff1d(rows, np.fromiter(misfits, dtype=int)), layout, source, sha256)
    raw.faults = _row_length_faults(misfits, width, layout.separator)
    return raw


def layout_of(head: str, source: str, schema: TableSchema) -> Layout:
    """Tell separator and header from the beginning of a file.

    Parameters
    ----------
    head
        Beginning of the file.
    source
        Its name, for messages.
    schema
        Kind of table.

    Raises
    ------
    EmptyTableError
        If there is no header.
    """
    separator = _separator(head, schema)
    rows = _upper_rows(head, separator)
    upper = [row for row, _ in islice(rows, SEARCHED)]
    place = header_place(upper, schema)
    if place is None:
        row, _ = next(((row, n) for row, n in rows if any(map(str.strip, row))), ([], 0))
        if not row:
            raise EmptyTableError(f"{source} is empty: write a header and at least one row")
        upper, place = [*upper, row], len(upper)
    (_, lines) = next(islice(_upper_rows(head, separator), place, None))
    return Layout(separator, upper[place], lines, place + 1, upper[:place])


def _rows(text: str, separator: str) -> Iterator[tuple[list[str], int]]:
    """Rows of a text, and the lines up to the end of each."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    for row in reader:
        yield row, reader.line_num


def _upper_rows(text: str, separator: str) -> Iterator[tuple[list[str], int]]:
    """Rows up to a cell beyond all measure, whose quote is never closed."""
    try:
        yield from _rows(text, separator)
    except csv.Error:
        return


def _separator(head: str, schema: TableSchema) -> str:
    """Return the separator that shows most names of columns, else the one the first row uses most."""
    upper = {separator: [row for row, _ in islice(_upper_rows(head, separator), SEARCHED)] for separator in _SEPARATORS}
    named = {one: max((columns_named(row, schema) for row in rows), default=0) for one, rows in upper.items()}
    first = next((line for line in io.StringIO(head) if line.strip(" \t,;\r\n")), "")
    plain = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=lambda separator: (named[separator], plain.count(separator)))


def _clean(path: Path, layout: Layout, schema: TableSchema) -> list[pyarrow.ChunkedArray] | None:
    """Read a file whose numbers are all numbers; None for any other."""
    import pyarrow
    import pyarrow.compute

    names = [column_of(split_header(header)[0], schema) for header in layout.header]
    kinds = [QUANTITIES[name].kind if name else "" for name in names]
    numbers = frozenset(place for place, kind in enumerate(kinds) if kind == "number")
    try:
        grid = _arrow_table(str(path), layout, numbers, path.name, None)
    except (EmptyTableError, UnreadableFileError):
        return None
    if not len(grid[0]):
        return None
    for place, column in enumerate(grid):
        if place in numbers:  # a cell that says "nan" is missing in one program and a word in another
            if pyarrow.compute.any(pyarrow.compute.is_nan(column)).as_py():
                return None
        elif "\n" in str(column[-1]):  # perhaps a quote that is never closed
            return None
    return grid


def _arrow_table(
    file: str | io.BytesIO, layout: Layout, numbers: frozenset[int], source: str, skip: Any
) -> list[pyarrow.ChunkedArray]:
    """Columns below the header, as text or, where asked for, numbers."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    names = [str(place) for place in range(len(layout.header))]
    types = {name: pyarrow.float64() if place in numbers else pyarrow.string() for place, name in enumerate(names)}
    try:
        return arrow_csv.read_csv(
            file,
            # with one thread only, the rows that are skipped have numbers
            read_options=arrow_csv.ReadOptions(column_names=names, use_threads=skip is None, skip_rows=layout.lines),
            parse_options=arrow_csv.ParseOptions(
                delimiter=layout.separator,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=False, null_values=[""]),
        ).columns
    except pyarrow.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise EmptyTableError(f"{source} has a header but no rows: write one row per observation") from None
        raise UnreadableFileError(f"{source} cannot be read as CSV: {error}") from error


def _raw(grid: list[pyarrow.ChunkedArray], rows: np.ndarray, layout: Layout, source: str, sha256: str) -> RawTable:
    import pyarrow

    strings, index = pd.StringDtype(na_value=np.nan), pd.Index(rows)
    cells: list[pd.Series] = []
    while grid:  # column by column, so that a large table is not held twice
        column = grid.pop(0)
        plain = column.to_numpy() if pyarrow.types.is_floating(column.type) else strings.__from_arrow__(column)
        cells.append(pd.Series(plain, index=index, copy=False))
        del column
        pyarrow.default_memory_pool().release_unused()
    raw = RawTable([cell.strip() for cell in layout.header], cells, source, sha256)
    raw.decimal_comma = layout.separator != ","
    raw.notes = title_note(layout.above)
    return without_blanks(raw)


def _unclosed_quote(text: str, layout: Layout) -> int | None:
    """Line of the double quote that is never closed, or only by that of another cell; None where all are."""
    if text.count('"') % 2 == 0:
        return None
    begun = last = 1
    try:
        for row, lines in _rows(text, layout.separator):
            if lines > begun > layout.lines and len(row) != len(layout.header):
                return begun
            last, begun = begun, lines + 1
    except csv.Error:  # the cell grew beyond all measure
        return begun
    rest = "".join(islice(io.StringIO(text, newline=""), last - 1, None))
    try:
        list(csv.reader(io.StringIO(rest, newline=""), delimiter=layout.separator, strict=True))
    except csv.Error as error:
        return last if "end of data" in str(error) else None
    return None


def _row_length_faults(misfits: dict[int, int], width: int, separator: str) -> list[Fault]:
    name = _SEPARATORS[separator]

    def fault(row: int) -> Fault:
        long = f"put a cell that contains a {name} in double quotes"
        advice = long if misfits[row] > width else f"a {name} or the end of the row is missing"
        return Fault("row length", row, "", _cells(misfits[row]), f"{_cells(width)}, as in the header", advice)

    return listed(list(misfits), fault)


def _cells(count: int) -> str:
    return counted(count, "cell")
