"""Decimal marks, judged from a whole file.

``40.500`` is forty and a half to one reader and forty thousand five hundred to
another. No cell of that form says which, but others of the same file do: in
``1,35`` the comma can only be a decimal mark. Where nothing tells, the number
is refused with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from socbayes.errors import Fault, UnitError
from socbayes.reading.raw import Column, as_text, listed, rows_shown
from socbayes.units import convert

_EITHER = r"^[-+]?[1-9]\d{0,2}[.,]\d{3}$"
"""One mark before exactly three digits: a decimal mark, or one between thousands."""
_SURE = {
    ".": r"^[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d*)\.\d+(?:[eE][-+]?\d+)?|\d{1,3}(?:,\d{3}){2,})$",
    ",": r"^[-+]?(?:(?:\d{1,3}(?:\.\d{3})+|\d*),\d+(?:[eE][-+]?\d+)?|\d{1,3}(?:\.\d{3}){2,})$",
}
"""What a number with such a decimal mark looks like, beside those of the form above."""
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")


@dataclass(frozen=True)
class DecimalMark:
    """The decimal mark of a file.

    Parameters
    ----------
    mark
        ``"."`` or ``","``; empty where the file does not tell, or shows both.
    because
        The cell that tells, in words; empty where none was needed.
    both
        Whether the file shows both marks.
    """

    mark: str
    because: str = ""
    both: bool = False


def decimal_mark(columns: Iterable[Column]) -> DecimalMark:
    """Judge the decimal mark of a file, separated by semicolons or tabs, from all its numbers.

    Parameters
    ----------
    columns
        Those of numbers.

    Returns
    -------
    DecimalMark
    """
    shown: dict[str, str] = {}
    unsure = []
    for column in columns:
        if pd.api.types.is_numeric_dtype(column.cells):
            continue
        text = as_text(column.cells)
        either = text.str.contains(_EITHER, regex=True, na=False).to_numpy(dtype=bool)
        for mark in {".", ","} - set(shown):
            sure = text.str.contains(_SURE[mark], regex=True, na=False).to_numpy(dtype=bool) & ~either
            if sure.any():
                row = text.index[int(np.argmax(sure))]
                shown[mark] = f"{text.loc[row]} in column `{column.written}`, row {row}"
        if either.any():
            unsure.append((column, text[either]))
    if not shown:
        for column, text in unsure:
            shown |= _told_by_limits(column, text)
    if len(shown) == 1:
        ((mark, because),) = shown.items()
        return DecimalMark(mark, because)
    return DecimalMark("", both=len(shown) == 2)


def _told_by_limits(column: Column, text: pd.Series) -> dict[str, str]:
    """Decimal mark of numbers that can be read in two ways, where one way leaves what the quantity can be."""
    quantity = column.quantity
    assert quantity is not None
    marks = text.str.extract("([.,])")[0].unique()
    both = [readings(str(cell)) for cell in text]
    lower, upper = (limit if limit is not None else limits for limit, limits in
                    ((quantity.lower, -np.inf), (quantity.upper, np.inf)))  # fmt: skip
    try:
        thousands, fractions = (
            convert([float(one[place]) for one in both if one], column.unit or quantity.unit, quantity)
            for place in (0, 1)
        )
    except UnitError:
        return {}
    fits = [bool(((way >= lower) & (way <= upper)).all()) for way in (thousands, fractions)]
    if len(marks) != 1 or fits[0] == fits[1]:
        return {}
    mark = str(marks[0])
    told = mark if fits[1] else {",": ".", ".": ","}[mark]
    return {told: f"otherwise column `{column.written}` is no {quantity.expected.removeprefix('a ')}"}


def plain_numbers(text: pd.Series, column: Column, found: DecimalMark) -> tuple[pd.Series, list[Fault], list[str]]:
    """Rewrite numbers with decimal points and without marks between thousands.

    Parameters
    ----------
    text
        Cells of a column, stripped, missing ones NaN.
    column
        Whose they are.
    found
        Decimal mark of the file.

    Returns
    -------
    text, faults, notes
        Cells as a computer reads them; those that can be read in two ways, which are missing in ``text``; and which
        of them the rest of the file told how to read.
    """
    either = text.str.contains(_EITHER, regex=True, na=False).to_numpy(dtype=bool)
    decimal = found.mark
    if either.any() and decimal and _counts_plainly(text):
        # 2400 beside 40.500: whoever wrote this column puts no mark between thousands
        other = text.str.contains(rf"^[-+]?\d+[{'.' if decimal == ',' else ','}]\d{{3}}$", regex=True, na=False)
        unsure = either & other.to_numpy(dtype=bool)
    else:
        unsure = either & (decimal == "")
    rows = text.index[unsure].tolist()
    faults = listed(rows, lambda row: _two_readings(str(text.loc[row]), row, column, found))
    notes = []
    told = text[either & ~unsure]
    parted = told[~told.str.contains(decimal, regex=False)] if decimal else told
    if len(parted):
        cell = str(parted.iloc[0])
        notes.append(
            f"column `{column.written}`: {cell} ({rows_shown(parted.index.tolist())}) is read as "
            f"{_rewritten(cell, decimal)}, because the {_called(decimal)} is the decimal mark of this file "
            f"({found.because})"
        )
    text = text.mask(unsure)
    odd = text.str.contains(r"[.,].*[.,]", regex=True, na=False)
    odd |= text.isin(parted.unique())
    plain = text.str.replace(",", ".", regex=False)
    if odd.any():
        plain[odd] = [_rewritten(cell, decimal) for cell in text[odd]]
    return plain, faults, notes


def readings(cell: str) -> tuple[str, str] | None:
    """Return a number as thousands and as a decimal fraction, each in a form that has no other reading.

    Parameters
    ----------
    cell
        As written.

    Returns
    -------
    tuple of str, or None
        None for what can be read in one way only.

    Examples
    --------
    >>> readings("40.500"), readings("40,125")
    (('40500', '40.5'), ('40125', '40.1250'))
    >>> readings("0.125") is None
    True
    """
    if not re.match(_EITHER, cell):
        return None
    whole, digits = re.split("[.,]", cell)
    short = digits.rstrip("0") or "0"
    return whole + digits, f"{whole}.{short if len(short) < 3 else digits + '0'}"


def _counts_plainly(text: pd.Series) -> bool:
    """Whether a column holds thousands without a mark between them."""
    return bool(text.str.contains(r"^[-+]?[1-9]\d{3,}(?:[.,]\d*)?$", regex=True, na=False).any())


def _rewritten(cell: str, decimal: str) -> str:
    """Write a number as a computer reads it; what is none comes back as it is."""
    grouped = _GROUPED.fullmatch(cell)
    if grouped is not None:
        between = grouped[1]
        last = max(cell.rfind("."), cell.rfind(","))
        several = cell.count(between) > 1 or cell[last] != between
        if several or (between != decimal and decimal != ""):
            return cell.replace(between, "").replace(",", ".")
    return re.sub(r"^([-+]?\d*),(\d+)", r"\1.\2", cell)


def _called(mark: str) -> str:
    return {",": "comma", ".": "point"}[mark]


def _two_readings(cell: str, row: int, column: Column, found: DecimalMark) -> Fault:
    thousands, fraction = readings(cell) or (cell, cell)
    assert column.quantity is not None
    advice = f"write {thousands} or {fraction}, whichever is meant"
    if found.both:
        advice += "; the file holds decimal points and decimal commas"
    elif not found.mark:
        advice += "; one number so written tells the decimal mark of the file"
    else:
        advice += (
            f"; the {_called(found.mark)} is the decimal mark of this file, but thousands stand without marks here"
        )
    return Fault("two readings", row, column.written, repr(cell), column.quantity.expected, advice)
