"""Dates as decimal years."""

from __future__ import annotations

import datetime
import re

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


def decimal_year(date: str) -> float:
    """Turn a date into a decimal year.

    Parameters
    ----------
    date
        ``YYYY-MM-DD`` (its noon), ``YYYY-MM`` (its middle) or ``YYYY`` (the
        whole number).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the text is no such date.

    Examples
    --------
    >>> decimal_year("2001-07-02")
    2001.5
    >>> decimal_year("1843")
    1843.0
    """
    match = _DATE.fullmatch(date)
    if match is None:
        raise ValueError(f"{date!r} is not a date as YYYY-MM-DD, YYYY-MM or YYYY")
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    if month is None:
        return float(year)
    first = datetime.date(year, month, day or 1)
    if day is None:
        return year + (month - 0.5) / 12
    begin = datetime.date(year, 1, 1)
    return year + ((first - begin).days + 0.5) / (datetime.date(year + 1, 1, 1) - begin).days


def year_or_missing(date: object) -> float:
    """Return the decimal year of a date, NaN where there is none."""
    try:
        return decimal_year(str(date))
    except ValueError:
        return float("nan")
