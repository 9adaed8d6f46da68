"""When samples were taken: a date says more than a year beside it, and a contradiction is a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import Fault
from socbayes.observations import HEADER
from socbayes.reading.dates import decimal_year, year_or_missing
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

#: Years: what a year written with one decimal may miss, or one that is the harvest's.
SLACK = 0.05
DAY = 1.0 / 365.0
"""Years that differ by less are the same, written with fewer digits."""


def dated(obs: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault], tuple[str, ...]]:
    """Observations whose year is that of their date; years that contradict it; and notes.

    A date that names the month, or the day, gives the year. One that is a year only leaves what the year says of it.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.

    Returns
    -------
    table, faults, notes

    Examples
    --------
    >>> import pandas as pd
    >>> given = pd.DataFrame({"year": [2010.0, 2014.0], "date": ["2010-10-19", "2019-10-15"]})
    >>> table, faults, notes = dated(given)
    >>> table["year"].round(2).tolist(), [fault.row for fault in faults]
    ([2010.8, 2014.0], [3])
    """
    if "date" not in obs or "year" not in obs:
        return obs, [], ()
    year = obs["year"].to_numpy(dtype="float64", copy=True)
    faults, moved = [], 0
    for row, date in enumerate(obs["date"].tolist()):
        if not isinstance(date, str) or not np.isfinite([year[row], year_or_missing(date)]).all():
            continue  # a fault of its own
        begin, end, when = _span(date)
        whole = year[row] == int(begin) and year[row] % 1.0 == 0.0
        if not whole and not begin - SLACK <= year[row] <= end + SLACK:
            found, expected = f"{year[row]:g} beside the date {date}", f"{when:.2f}, or no year beside a date"
            faults.append(Fault("year contradicts date", row + HEADER, "year", found, expected,
                                "correct one of the two, or leave the column year out"))  # fmt: skip
        elif len(date) > len("2010") and abs(year[row] - when) > DAY:
            moved += 1
            year[row] = when
    notes = (
        (f"{counted(moved, 'sample')} with a year beside a date {'is' if moved == 1 else 'are'} taken at the date.",)
        if moved
        else ()
    )
    return obs.assign(year=year), faults, notes


def _span(date: str) -> tuple[float, float, float]:
    """Decimal years in which a date that is one begins and ends, and its own."""
    when, half = decimal_year(date), {4: 0.0, 7: 0.5 / 12.0, 10: 0.5 * DAY}[len(date)]
    return (when, when + 1.0, when) if half == 0.0 else (when - half, when + half, when)
