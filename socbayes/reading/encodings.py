"""Bytes of a file as text, where its encoding can be told for sure."""

from __future__ import annotations

import codecs
import re
import unicodedata

from socbayes.errors import UnreadableFileError

_MARKS = (  # the longer first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# of Europe and the Americas: Windows, ISO, old Macs, DOS
_LEGACY = ("cp1252", "iso8859-15", "cp1250", "cp1251", "cp1253", "cp1254", "mac-roman", "cp850", "cp437")
_SIGNS = "°µ²³±·×–—‘’“”…€£§½¼¾‰"
"""Characters other than letters that people write into tables."""


def decoded(content: bytes, source: str) -> tuple[str, str]:
    """Text of a file, and the name of its encoding.

    UTF-8 is always recognised. UTF-16 and UTF-32 are by the mark at their
    beginning, UTF-16 also by the zero bytes of its Latin letters. An older
    encoding of one byte a character is believed where all but one reading of the
    file put a sign, another script or a capital into the middle of a word.

    Parameters
    ----------
    content
        Of the file.
    source
        Its name, for messages.

    Raises
    ------
    UnreadableFileError
        If the encoding cannot be told; the message shows the first place and what it may say.

    Examples
    --------
    >>> decoded("Müncheberg;21 °C".encode("cp1252"), "plots.csv")
    ('Müncheberg;21 °C', 'cp1252')
    >>> decoded("clay".encode("utf-16"), "plots.csv")
    ('clay', 'utf-16')
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None) or _without_mark(content)
    try:
        return content.decode(encoding or "utf-8"), encoding or "utf-8"
    except UnicodeDecodeError as error:
        if encoding:
            raise UnreadableFileError(
                f"{source} begins as {encoding}, but is damaged at byte {error.start + 1}"
            ) from None
        place = error.start
    readings: dict[str, str] = {}
    for name in _LEGACY:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if _plausible(text):
            readings.setdefault(text, name)
    if len(readings) == 1:
        return next(iter(readings.items()))
    raise UnreadableFileError(_undecided(content, place, source))


def _without_mark(content: bytes) -> str | None:
    """UTF-16 that lacks its mark: every second byte of Latin text is zero."""
    head = content[:2000]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) == 0 and max(even, odd) > 0.4 * len(head) / 2:
        return "utf-16-le" if odd else "utf-16-be"
    return None


def _plausible(text: str) -> bool:
    """Whether every word with a character beyond ASCII could be one that somebody wrote."""
    return all(_is_a_word(word) for word in set(re.findall(r"[^\s,;\t\"]*[^\x00-\x7f][^\s,;\t\"]*", text)))


def _is_a_word(word: str) -> bool:
    for place, letter in enumerate(word):
        if letter.isascii():
            continue
        before, after = word[place - 1 : place], word[place + 1 : place + 2]
        if letter in _SIGNS:
            if before.isalpha() and after.isalpha():
                return False
        elif not letter.isalpha() or letter in "ªº" or (letter.isupper() and before.islower()):
            return False
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word if letter.isalpha()}
    return len(scripts) <= 1 or scripts == {"LATIN", "MICRO"}


def _undecided(content: bytes, place: int, source: str) -> str:
    line = content.count(b"\n", 0, place) + 1
    one = content[place : place + 1]
    meant = sorted({one.decode(name, errors="replace") for name in ("cp1252", "cp1250", "cp1251", "mac-roman")} - {"�"})
    return (
        f"{source} is not UTF-8: byte {place + 1} (0x{content[place]:02X}) on line {line} may be "
        f"{', '.join(map(repr, meant))}, and the file does not tell which; in a spreadsheet program save it as "
        "'CSV UTF-8', or in Python read it with pandas.read_csv(path, encoding='cp1252'), or another encoding, and "
        "pass the frame"
    )
