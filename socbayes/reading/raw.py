"""What has been read of a table, before it is judged: columns as they lie in their file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from socbayes.errors import EmptyTableError, Fault
from socbayes.vocabulary import Quantity

LISTED = 100
"""Equal faults of one column listed cell by cell; the rest are counted."""
SHOWN = 5
"""Rows that a sentence names by number."""
type Table = str | PathLike[str] | pd.DataFrame
"""What can be read: a path, or a frame."""


@dataclass(eq=False)
class Column:
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
    """Schema column that the name means, though it is another one."""
    advice: str = ""
    """What to say of a name that means no column of the schema."""


@dataclass
class RawTable:
    """A table as it lies in its file."""

    header: list[str]
    cells: list[pd.Series]
    source: str
    sha256: str
    attrs: dict[Any, Any] = field(default_factory=dict)
    decimal_comma: bool = False
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was understood, converted or not used, in sentences."""
    defaults: dict[str, str] = field(default_factory=dict)
    """Values of columns that the file does not have but from which they can be told, such as the name of its site."""


def without_blanks(raw: RawTable) -> RawTable:
    """Drop rows without content, and columns with neither name nor content.

    Parameters
    ----------
    raw
        As it lies in its file.

    Raises
    ------
    EmptyTableError
        If no row has content.
    """
    empty = f"{raw.source} has a header but no rows: write one row per observation"
    if not raw.cells or not len(raw.cells[0]):
        raise EmptyTableError(empty)
    blank = np.ones(len(raw.cells[0]), dtype=bool)
    for cells in raw.cells:
        blank[blank] = as_text(cells[blank]).isna().to_numpy()
        if not blank.any():
            break
    if blank.all():
        raise EmptyTableError(empty)
    cells = [column[~blank] for column in raw.cells] if blank.any() else raw.cells
    named = [n for n, name in enumerate(raw.header) if name or as_text(cells[n]).notna().any()]
    return replace(raw, header=[raw.header[n] for n in named], cells=[cells[n] for n in named])


class Judged(NamedTuple):
    """Cells of one column, what is wrong with them, and what there is to say of them.

    Parameters
    ----------
    values
        Numbers as float64, or text; missing where there is none and where something is wrong.
    faults
        One per cell, or of the whole column.
    notes
        Sentences on what was understood.
    """

    values: pd.Series
    faults: list[Fault]
    notes: list[str]


def as_text(cells: pd.Series) -> pd.Series:
    """Cells as stripped ``str``, empty ones NaN; a word for a missing value is a word."""
    if pd.api.types.is_float_dtype(cells) and ((known := cells.dropna()) % 1 == 0).all() and (abs(known) < 2**53).all():
        cells = cells.astype("Int64")  # a study called 2001 is not called 2001.0
    text = cells.astype("str")
    if not (stripped := text.str.strip()).equals(text):  # a large table is not held twice for nothing
        text = stripped
    empty = text == ""
    return text.mask(empty) if empty.any() else text


def is_number(text: str) -> bool:
    """Whether a cell reads as a number, with a decimal point or a decimal comma."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def listed(rows: list[int], fault: Callable[[int], Fault]) -> list[Fault]:
    """One fault per row, and one for the rest of a long list."""
    faults = [fault(row) for row in rows[:LISTED]]
    rest = len(rows) - LISTED
    if rest > 0:
        faults.append(replace(faults[-1], row=None, found=f"{rest:,} more like these", count=rest))
    return faults


def rows_shown(rows: list[int]) -> str:
    """Rows of a file in words, a few of them by number.

    Parameters
    ----------
    rows
        One or more.

    Examples
    --------
    >>> rows_shown([2]), rows_shown([2, 5, 9]), rows_shown(list(range(2, 30)))
    ('row 2', 'rows 2, 5 and 9', 'rows 2, 3, 4, 5, 6 and 23 more')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    shown, rest = rows[:SHOWN], len(rows) - SHOWN
    if rest > 0:
        return f"rows {', '.join(map(str, shown))} and {rest:,} more"
    return f"rows {', '.join(map(str, shown[:-1]))} and {shown[-1]}"
