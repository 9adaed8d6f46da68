"""Names that people write in tables: when two spellings are one name.

Sites, plots, treatments and studies are told by what a person typed. ``A1``,
``a1``, ``A01`` and ``A 1`` are one plot to a reader and four to a computer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)[\s_-]+(?=\d)")
_BETWEEN_WORDS = re.compile(r"[\s_]+|(?<=\w)-(?=\w)")
_LEADING_ZEROS = re.compile(r"(?<![\d.,])0+(?=\d)")


def tidied(label: str) -> str:
    """Return a label without what nobody sees: Unicode form, invisible characters, blanks at the ends and doubled.

    Parameters
    ----------
    label
        As typed.

    Returns
    -------
    str
        The label to show and to keep.

    Examples
    --------
    >>> tidied(" Long\u00a0 Term\u200b ")
    'Long Term'
    """
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", label)).split())


def same_name(label: str) -> str:
    """Return what all spellings of one name have in common, to compare labels by; never to show.

    Case, blanks, underscores, hyphens between words, zeros before a number, and
    Unicode forms of one letter do not tell names apart; accents, signs and a
    break between two numbers do.

    Parameters
    ----------
    label
        As typed.

    Returns
    -------
    str

    Examples
    --------
    >>> same_name("Plot A01") == same_name("plot a 1")
    True
    >>> same_name("0.5 t") == same_name("5 t")
    False
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", label)).casefold()
    numbers = _LEADING_ZEROS.sub("", _BETWEEN_NUMBERS.sub("/", plain.strip()))
    return _BETWEEN_WORDS.sub("", numbers)


def spelled_alike(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return groups of different labels that are spellings of one name, in order of appearance.

    Parameters
    ----------
    labels
        Any number of labels; repeats do not matter.

    Returns
    -------
    list of tuple of str
        Each with two spellings or more.

    Examples
    --------
    >>> spelled_alike(["A1", "B1", "a1", "A1", "A01"])
    [('A1', 'a1', 'A01')]
    """
    groups: dict[str, dict[str, None]] = {}
    for label in labels:
        groups.setdefault(same_name(label), {})[label] = None
    return [tuple(group) for group in groups.values() if len(group) > 1]
