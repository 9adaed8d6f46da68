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
# Cyrillic, then Greek letters, in the order of the Latin ones they look like
_LOOKS_LATIN = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0406\u0408\u0405"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd",
    "ABEKMHOPCTXaeopcyxijsIJSABEZHIKMNOPTYXov",
)


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


def look_alikes(label: str) -> tuple[str, str]:
    """Return the letters of a label that look Latin and are not, and the label with Latin ones in their place.

    A word of one alphabet is as it should be, unless all of it looks Latin.

    Parameters
    ----------
    label
        As typed.

    Returns
    -------
    letters, latin
        Names of the letters, empty where there are none; and what the label looks like.

    Examples
    --------
    >>> look_alikes("Plot \u0410")
    ('CYRILLIC CAPITAL LETTER A', 'Plot A')
    >>> look_alikes("\u043f\u043e\u043b\u0435")[0]
    ''
    """
    found: dict[str, None] = {}
    words = []
    for word in re.split(r"(\W+)", label):
        others = [letter for letter in word if letter.isalpha() and "\u0370" <= letter <= "\u052f"]
        latin = word.translate(_LOOKS_LATIN)
        plain = not any("\u0370" <= letter <= "\u052f" for letter in latin)  # all of it can be taken for Latin
        mixed = len(others) < sum(letter.isalpha() for letter in word)
        if others and (plain or mixed):
            found |= dict.fromkeys(unicodedata.name(letter) for letter in others if ord(letter) in _LOOKS_LATIN)
            word = latin
        words.append(word)
    return ", ".join(found), "".join(words)
