"""Cells of text: words that programs write for a missing value, and characters that nobody sees.

Only an empty cell is missing without a word. ``NA`` or ``None`` may be the name
of a treatment, so in a column of names it stays one, and a note says so.
"""

from __future__ import annotations

import pandas as pd

from socbayes.labels import look_alikes, same_name, tidied
from socbayes.reading.raw import Column, Judged, as_text, rows_shown

NAMES_OR_MISSING = ("None", "NA", "N/A", "n/a", "NULL", "null")
"""Words that programs write for a missing value and people for a name."""
MISSING_WORDS = (
    *NAMES_OR_MISSING,
    *("NaN", "nan", "-NaN", "-nan", "<NA>", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"),
)
"""Every word that stands for a missing value in a number or a date."""


def texts_of(column: Column) -> Judged:
    """Cells of a column of names or classes, and what there is to say of them.

    Parameters
    ----------
    column
        Of text or of categories.

    Returns
    -------
    Judged
        Stripped and tidied, missing ones NaN; words that stand for missing values are names, except in a column of
        classes that has none of that name.
    """
    quantity = column.quantity
    assert quantity is not None
    text, notes = _tidy(as_text(column.cells), column)
    if quantity.kind == "category":
        classes = {same_name(one) for one in quantity.categories}
        words = [word for word in MISSING_WORDS if same_name(word) not in classes]
        text, found = without_words(text, column, words)
        return Judged(text, [], notes + found)
    text, found = without_words(text, column, [word for word in MISSING_WORDS if word not in NAMES_OR_MISSING])
    notes += found
    named = text.isin(NAMES_OR_MISSING)
    if named.any():
        where = f"{_quoted(text[named])} ({rows_shown(text.index[named].tolist())})"
        notes.append(
            f"column `{column.written}`: {where} is read as a name; leave the cell empty where nothing is meant"
        )
    return Judged(text, [], notes + _look_alike_notes(text, column))


def without_words(text: pd.Series, column: Column, words: list[str]) -> tuple[pd.Series, list[str]]:
    """Take words for missing values out, and say which and where.

    Parameters
    ----------
    text
        Cells, missing ones NaN.
    column
        Whose they are.
    words
        That stand for a missing value.
    """
    missing = text.isin(words)
    if not missing.any():
        return text, []
    rows = rows_shown(text.index[missing].tolist())
    note = f"column `{column.written}`: {_quoted(text[missing])} ({rows}) is read as an empty cell"
    return text.mask(missing), [note]


def _tidy(text: pd.Series, column: Column) -> tuple[pd.Series, list[str]]:
    """Text without what nobody sees."""
    odd = text.str.contains(r"[^!-~ ]|  ", regex=True, na=False)
    if not odd.any():
        return text, []
    clean = {cell: tidied(cell) for cell in text[odd].unique()}
    changed = text.isin([cell for cell, other in clean.items() if cell != other])
    if not changed.any():
        return text, []
    rows = rows_shown(text.index[changed].tolist())
    note = f"column `{column.written}`: blanks or characters that nobody sees are taken out of text ({rows})"
    tidy = text.where(~changed, text.map(clean).astype(text.dtype))
    return tidy.mask(tidy == ""), [note]


def _look_alike_notes(text: pd.Series, column: Column) -> list[str]:
    """Warn of words that mix alphabets whose letters look alike."""
    foreign = text.str.contains("[\u0370-\u052f]", regex=True, na=False)
    if not foreign.any():
        return []
    notes = []
    known = set(text.dropna().unique())
    for cell in text[foreign].unique():
        letters, latin = look_alikes(str(cell))
        if letters:
            rows = rows_shown(text.index[text == cell].tolist())
            twin = f", which is another name than {latin!r}" if latin in known else ""
            notes.append(
                f"column `{column.written}`: {cell!r} ({rows}) holds letters of another alphabet that look Latin, "
                f"{letters}{twin}"
            )
    return notes


def _quoted(words: pd.Series) -> str:
    return ", ".join(repr(str(word)) for word in words.unique())
