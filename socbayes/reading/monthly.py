"""Weather of days and of wide years as rows of months, which tables of weather have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from socbayes.errors import EmptyTableError, UnreadableFileError
from socbayes.reading.raw import RawTable
from socbayes.vocabulary import QUANTITIES, TableSchema
from socbayes.wording import counted

SUMS = ("rain", "potential_evapotranspiration", "open_pan_evaporation")
"""Quantities that days add up; others are means."""
FEW_MISSING, IN_A_ROW = 10, 4
"""Days that may be missing under a mean, and so many of them one after the other."""


def months_of_days(days: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Means and sums of months from daily values.

    A mean stands where at most ten days of the month are missing, and no five of
    them in a row; a sum where none is: the rule for climate normals of the World
    Meteorological Organization (WMO-No. 1203, 2017).

    Parameters
    ----------
    days
        Columns ``site``, ``date`` and quantities in canonical units; a missing
        day may have no row.

    Returns
    -------
    months, notes
        Columns ``site``, ``year``, ``month`` and the quantities; months of which
        every quantity is missing are left out.

    Examples
    --------
    >>> dates = pd.date_range("2024-01-01", "2024-01-31")
    >>> months, notes = months_of_days(pd.DataFrame({"site": "Farm", "date": dates, "rain": 2.0}))
    >>> months["rain"].tolist(), notes
    ([62.0], [])
    """
    quantities = [name for name in days if name not in ("site", "date")]
    parts: list[pd.DataFrame] = []
    for site, own in days.groupby("site", sort=False):
        first, last = own["date"].min(), own["date"].max()
        whole = pd.date_range(first.to_period("M").start_time, last.to_period("M").end_time.normalize())
        every = own.set_index("date")[quantities].reindex(whole)
        missing = every.isna()
        month = pd.Index(whole.to_period("M"))
        counts = missing.groupby(month).sum()
        part = pd.DataFrame(index=counts.index)
        for name in quantities:
            groups = every[name].groupby(month)
            if name in SUMS:
                part[name] = groups.sum().where(counts[name] == 0)
            else:
                gone = missing[name]
                run = gone.groupby([month, (~gone).cumsum()]).sum().groupby(level=0).max()
                part[name] = groups.mean().where((counts[name] <= FEW_MISSING) & (run <= IN_A_ROW))
        part.insert(0, "site", site)
        parts.append(part)
    months = pd.concat(parts)
    notes = _incomplete(months, quantities, len(days))
    kept = months[quantities].notna().any(axis=1)
    months.insert(1, "year", pd.PeriodIndex(months.index).year.astype(float))
    months.insert(2, "month", pd.PeriodIndex(months.index).month.astype(float))
    return months[kept].reset_index(drop=True), notes


def _incomplete(months: pd.DataFrame, quantities: Iterable[str], days: int) -> list[str]:
    empty = {name: int(months[name].isna().sum()) for name in quantities}
    if not any(empty.values()):
        return []
    shown = ", ".join(f"{name} {count}" for name, count in empty.items() if count)
    return [
        f"Of {counted(len(months), 'month')} from {counted(days, 'daily row')} some miss days and are left "
        f"empty ({shown}): a sum needs "
        f"every day, a mean all but {FEW_MISSING}, of which no {IN_A_ROW + 1} follow each other (WMO-No. 1203)."
    ]


def weather_table(
    months: pd.DataFrame, source: str, schema: TableSchema, notes: list[str], defaults: Mapping[str, str]
) -> RawTable:
    """Rows of months as a table that is still to be judged.

    Parameters
    ----------
    months
        Columns ``year``, ``month``, quantities in canonical units and perhaps ``site``.
    source
        Name of the file.
    schema
        Kind of table.
    notes
        What was understood.
    defaults
        What stands in for columns that the file does not have.

    Raises
    ------
    EmptyTableError
        If no month is left.
    """
    if not len(months):
        raise EmptyTableError(f"{source} holds no month with a value: {' '.join(notes)}")
    months = months.set_axis(pd.RangeIndex(2, len(months) + 2), axis=0)
    header = [_with_unit(str(name)) for name in months]
    return RawTable(header, [months[name] for name in months], source, "", notes=notes, defaults=dict(defaults))


def _with_unit(name: str) -> str:
    unit = QUANTITIES[name].unit
    return name if unit in ("", "1") else f"{name} [{unit}]"


def only_weather(what: str, source: str, schema: TableSchema) -> None:
    """Refuse a weather file where another kind of table is wanted.

    Parameters
    ----------
    what
        Kind of file, in words.
    source
        Its name.
    schema
        Kind of table that is wanted.

    Raises
    ------
    UnreadableFileError
        Unless weather is wanted.
    """
    if schema.name != "field_weather":
        raise UnreadableFileError(
            f"{source} is {what}, a file of weather: read it as a table of schema field_weather, not {schema.name}"
        )


def not_used(names: Iterable[str], what: str = "Columns") -> list[str]:
    """Say which parts of a file mean nothing to a table.

    Parameters
    ----------
    names
        As in the file.
    what
        What they are.

    Examples
    --------
    >>> not_used(["RH2M", "WS2M"], "Parameters")
    ['Parameters that are not used: RH2M, WS2M.']
    """
    names = list(dict.fromkeys(names))
    return [f"{what} that are not used: {', '.join(names)}."] if names else []
