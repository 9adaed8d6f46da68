"""Where in a sheet the names of the columns stand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from socbayes.reading.names import split_header
from socbayes.vocabulary import QUANTITIES, TableSchema

SEARCHED = 40
"""Rows among which the names of the columns are looked for."""


def header_place(rows: Sequence[Sequence[str]], schema: TableSchema) -> int | None:
    """Position of the row that names the columns; None where no row has content.

    It is the first with content, unless a later one names more columns of the
    table, and at least two: what stands above it then is a title.

    Parameters
    ----------
    rows
        Upper rows of a sheet, cells as text.
    schema
        Kind of table that is being read.

    Examples
    --------
    >>> from socbayes.vocabulary import SCHEMAS
    >>> rows = [["Weather of the farm", "", ""], ["site", "Year", "rain [mm]"], ["Farm", "2001", "60"]]
    >>> header_place(rows, SCHEMAS["field_weather"])
    1
    """
    filled = [place for place, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not filled:
        return None
    best = max(filled, key=lambda place: columns_named(rows[place], schema))
    return best if columns_named(rows[best], schema) > max(columns_named(rows[filled[0]], schema), 1) else filled[0]


def columns_named(row: Sequence[str], schema: TableSchema) -> int:
    """How many columns of a kind of table a row names, by their names or those they commonly go by.

    Parameters
    ----------
    row
        Cells as text.
    schema
        Kind of table.
    """
    written = {re.sub(r"[\s-]+", "_", split_header(cell)[0].lower()) for cell in row if len(cell) < 200}
    return sum(not written.isdisjoint({name, *QUANTITIES[name].aliases}) for name in schema.columns)


def title_note(rows: Sequence[Sequence[str]]) -> list[str]:
    """Say what stands above the names of the columns.

    Parameters
    ----------
    rows
        Those above them.

    Examples
    --------
    >>> title_note([["Weather of the farm", ""], ["", ""]])
    ["Above the names of the columns stands a title that is not used: 'Weather of the farm'."]
    """
    words = list(dict.fromkeys(cell.strip() for row in rows for cell in row if cell.strip()))
    if not words:
        return []
    shown = " | ".join(words)
    shown = shown if len(shown) <= 200 else shown[:200] + " ..."
    return [f"Above the names of the columns stands a title that is not used: {shown!r}."]
