"""Exports of NASA POWER, monthly and daily, as CSV or ASCII text.

The service (https://power.larc.nasa.gov/docs/services/api/) writes a block of
metadata from ``-BEGIN HEADER-`` to ``-END HEADER-``, in which each parameter has
a line with its unit, and a table below it. In a monthly export a row is a
parameter in a year: ``PARAMETER, YEAR, JAN ... DEC, ANN``, where ``ANN`` is the
mean or sum of the year. In a daily export a row is a day: ``YEAR, MO, DY`` or
``YEAR, DOY`` and a column for each parameter. Exports for a region add
``LAT, LON``. Precipitation is a rate, mm/day, and -999 stands for a missing value.
"""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd

from socbayes.errors import UnreadableFileError
from socbayes.reading.dates import days_in
from socbayes.reading.monthly import months_of_days, not_used, only_weather, weather_table
from socbayes.reading.raw import RawTable
from socbayes.vocabulary import TableSchema

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_PARAMETERS = {"T2M": "temperature", "PRECTOTCORR": "rain", "PRECTOT": "rain", "PRECTOTCORR_SUM": "rain"}
"""Of several for one quantity, the last that is there counts."""
_MISSING = -900.0
"""Everything below is a code for a missing value; temperatures are not."""
_UNITS = {"C": "degC", "K": "K", "F": "degF", "mm/day": "mm/day", "mm": "mm", "in/day": "in/day", "in": "in"}
_INCH = 25.4


def is_power(head: str) -> bool:
    """Whether a text begins as an export of NASA POWER, with or without its metadata.

    Parameters
    ----------
    head
        Beginning of the file.

    Examples
    --------
    >>> is_power("PARAMETER,YEAR,JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC,ANN")
    True
    """
    if "-END HEADER-" in head and re.match(r"\s*\"?-BEGIN HEADER-", head):
        return True
    first = set(_names(next((line for line in head.splitlines() if line.strip()), "")))
    return {"PARAMETER", "YEAR", *_MONTHS} <= first or (
        "YEAR" in first and bool(first & set(_PARAMETERS)) and ({"MO", "DY"} <= first or "DOY" in first)
    )


def read_power(text: str, source: str, schema: TableSchema) -> RawTable:
    """Read an export.

    Parameters
    ----------
    text
        Of the file.
    source
        Its name.
    schema
        Kind of table that is wanted: weather.

    Raises
    ------
    EmptyTableError
        If it holds no month.
    UnreadableFileError
        If it is damaged, states units that are not known, or another kind of table is wanted.
    """
    only_weather("an export of NASA POWER", source, schema)
    metadata, _, below = text.rpartition("-END HEADER-")
    below = below.lstrip('"').lstrip()
    first = below.partition("\n")[0]
    try:
        table = pd.read_csv(io.StringIO(below), sep="," if "," in first else r"\s+", skipinitialspace=True)
        table.columns = [str(name).strip().strip('"').upper() for name in table]
        monthly = "PARAMETER" in table
        table = _long(table) if monthly else table
        months, notes, names = _months(table, monthly, _stated_units(metadata), source)
    except (ValueError, KeyError, OverflowError, pd.errors.ParserError) as error:
        raise UnreadableFileError(f"{source} begins as an export of NASA POWER, but is damaged: {error}") from error
    notes.insert(0, f"{source} is a {'monthly' if monthly else 'daily'} export of NASA POWER{_place(metadata)}.")
    notes += not_used([name for name in names if name not in _PARAMETERS], "Parameters")
    named = {} if "site" in months else {"site": source.rpartition(".")[0]}
    return weather_table(months, source, schema, notes, named)


def _names(line: str) -> list[str]:
    return [name.strip().strip('"').upper() for name in (line.split(",") if "," in line else line.split())]


def _place(metadata: str) -> str:
    found = re.search(r"Latitude\s+(-?[\d.]+)\s+Longitude\s+(-?[\d.]+)", metadata)
    return f" for latitude {found[1]}, longitude {found[2]}" if found else ""


def _stated_units(metadata: str) -> dict[str, str]:
    """Unit of each parameter, as its line of metadata ends: ``T2M  MERRA-2 Temperature at 2 Meters (C)``."""
    lines = re.findall(r"^\"?([A-Z][A-Z0-9_]+)\s+.*\(([^()]*)\)\s*;?\s*\"?\s*$", metadata, flags=re.MULTILINE)
    return {name: unit.strip() for name, unit in lines}


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """A row for each month, a column for each parameter; the mean of the year is left out."""
    place = [name for name in ("LAT", "LON") if name in wide]
    tall = wide.melt([*place, "YEAR", "PARAMETER"], list(_MONTHS), "MO", "value")
    tall["MO"] = tall["MO"].map({name: number for number, name in enumerate(_MONTHS, start=1)})
    # pivot_table would average rows that are given twice
    return tall.pivot(index=[*place, "YEAR", "MO"], columns="PARAMETER", values="value").reset_index()  # noqa: PD010


def _months(
    table: pd.DataFrame, monthly: bool, stated: dict[str, str], source: str
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Months in canonical units, notes, and the parameters of the export."""
    when = ("LAT", "LON", "YEAR", "MO", "MM", "DY", "DD", "DOY", "YYYYMMDD", "ANN")
    names = [str(name) for name in table if name not in when]
    year = pd.to_numeric(table["YEAR"]).to_numpy(dtype=float)
    if monthly:
        when_columns = {"year": year, "month": table["MO"].to_numpy(dtype=float)}
    elif "DOY" in table and "MO" not in table:
        first = pd.to_datetime(pd.Series(year.astype(int)).astype("str"), format="%Y")
        when_columns = {"date": first + pd.to_timedelta(pd.to_numeric(table["DOY"]) - 1, unit="D")}
    else:
        parts = {"year": year, "month": table.get("MO", table.get("MM")), "day": table.get("DY", table.get("DD"))}
        when_columns = {"date": pd.to_datetime(pd.DataFrame(parts))}
    if any(pd.isna(column).any() for column in when_columns.values()):
        raise ValueError("a row has no date")
    found: dict[str, np.ndarray] = {}
    notes: list[str] = []
    for name in [one for one in _PARAMETERS if one in table]:
        values = pd.to_numeric(table[name]).to_numpy(dtype=float)
        missing = int((values < _MISSING).sum())
        values = np.where(values < _MISSING, np.nan, values)
        days = days_in(when_columns["year"], when_columns["month"]) if monthly else np.ones(len(values))
        found[_PARAMETERS[name]], said = _canonical(values, name, stated, days, source)
        if missing:
            said += f", missing where it is -999 ({missing:,})"
        notes.append(f"{said}.")
    if not found:
        raise ValueError("it has neither T2M nor PRECTOTCORR")
    months = pd.DataFrame(when_columns | found)
    if "LAT" in table and "LON" in table:
        places = "lat " + table["LAT"].astype("str") + ", lon " + table["LON"].astype("str")
        if places.nunique() > 1:
            notes.append(f"The export is for {places.nunique()} places; each is a site, called as {places.iloc[0]!r}.")
            months.insert(0, "site", places)
    if not monthly:
        months, said_of_days = months_of_days(months if "site" in months else months.assign(site=""))
        months = months.drop(columns="site") if (months["site"] == "").all() else months
        notes += said_of_days
    return months[months[list(found)].notna().any(axis=1)], notes, names


def _canonical(
    values: np.ndarray, name: str, stated: dict[str, str], days: np.ndarray, source: str
) -> tuple[np.ndarray, str]:
    """Degrees Celsius, or mm of the month (or of the day where days are ones); and what was done, in words."""
    usual = "C" if name == "T2M" else "mm" if name.endswith("_SUM") else "mm/day"
    unit = _UNITS.get(stated.get(name, usual), "")
    assumed = "" if name in stated else " (the unit is not stated; NASA POWER writes this one)"
    if _PARAMETERS[name] == "temperature" and unit in ("degC", "K", "degF"):
        shift = {"degC": values, "K": values - 273.15, "degF": (values - 32.0) / 1.8}
        done = "" if unit == "degC" else ", converted to degC"
        return shift[unit], f"{name} is the mean temperature in {unit}{done}{assumed}"
    if _PARAMETERS[name] == "rain" and unit in ("mm/day", "in/day", "mm", "in"):
        amount = values * (_INCH if unit.startswith("in") else 1.0)
        if unit.endswith("/day"):
            done = "multiplied by the days of each month" if days.max(initial=1.0) > 1 else "summed over each month"
            return amount * days, f"{name} is precipitation in {unit}, {done} to mm{assumed}"
        return amount, f"{name} is precipitation in {unit}{', converted to mm' if unit == 'in' else ''}{assumed}"
    raise UnreadableFileError(
        f"{source} states {name} in {stated.get(name)!r}, which is not understood; export it in metric units"
    )
