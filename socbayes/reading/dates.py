"""Dates as decimal years, and days of months."""

from __future__ import annotations

import datetime
import re

import numpy as np
from numpy.typing import NDArray

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


def days_in(year: NDArray[np.float64], month: NDArray[np.float64]) -> NDArray[np.float64]:
    """Days of months.

    Parameters
    ----------
    year, month
        Of each, January is 1.

    Examples
    --------
    >>> days_in(np.array([2023.0, 2024.0]), np.array([2.0, 2.0]))
    array([28., 29.])
    """
    first = (year.astype(int) - 1970) * 12 + month.astype(int) - 1
    begin, end = ((first + more).astype("datetime64[M]").astype("datetime64[D]") for more in (0, 1))
    return (end - begin) / np.timedelta64(1, "D")
