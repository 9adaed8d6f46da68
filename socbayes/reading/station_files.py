"""Station files of national weather services, aggregated to months.

What is known of each service is an entry of :data:`SERVICES`:

- Deutscher Wetterdienst, ``produkt_klima_tag_*.txt``, ``produkt_nieder_tag_*.txt`` and
  ``produkt_klima_monat_*.txt`` of https://opendata.dwd.de (descriptions beside the files): semicolons, -999 for
  missing values, TMK and MO_TT in degC, RSK, RS and MO_RR in mm, every row ends in ``eor``.
- Koninklijk Nederlands Meteorologisch Instituut, https://www.daggegevens.knmi.nl: comments behind ``#``, commas,
  tenths: TG of a degree, RH and EV24 of a millimetre; RH of -1 stands for less than 0.05 mm.
- Meteo-France, daily data of https://meteo.data.gouv.fr: semicolons, RR in mm, TM (or TNTXM, the mean of the
  extremes) in degC, several stations in a file.
- MeteoSwiss, daily data of https://data.geo.admin.ch: semicolons, tre200d0 in degC, rre150d0 in mm.
- GHCN-Daily of the National Centers for Environmental Information, the files of one station under
  https://www.ncei.noaa.gov/data/global-historical-climatology-network-daily/access: commas, integers that are
  tenths of degC and of mm, a column of flags beside each element; and their ``.dly``, of fixed width.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from socbayes.errors import UnreadableFileError
from socbayes.reading.monthly import months_of_days, not_used, only_weather, weather_table
from socbayes.reading.raw import RawTable
from socbayes.vocabulary import TableSchema

_PET = "potential_evapotranspiration"
_MAXIMUM, _MINIMUM = "maximum", "minimum"
"""Extremes of the day: their mean stands in for a daily mean that is not given."""


class Service(NamedTuple):
    """How a weather service writes its files.

    Parameters
    ----------
    name
        In words.
    marks
        Columns that together no other file has.
    station, date
        Columns of the station and the day.
    date_format
        Of the day.
    columns
        Quantity, and what a number is multiplied by, of each column that is used; of several for one quantity, the
        last with a value counts.
    missing
        Code for a missing value.
    monthly
        Whether a row is a month.
    """

    name: str
    marks: frozenset[str]
    station: str
    date: str
    date_format: str
    columns: Mapping[str, tuple[str, float]]
    missing: float = -999.0
    monthly: bool = False


_GHCN = {"PRCP": ("rain", 0.1), "TMAX": (_MAXIMUM, 0.1), "TMIN": (_MINIMUM, 0.1), "TAVG": ("temperature", 0.1)}

SERVICES = (
    Service(
        "a daily file of the Deutscher Wetterdienst",
        frozenset({"STATIONS_ID", "MESS_DATUM", "TMK", "RSK"}),
        *("STATIONS_ID", "MESS_DATUM", "%Y%m%d"),
        {"RSK": ("rain", 1.0), "TMK": ("temperature", 1.0)},
    ),
    Service(
        "a daily file of precipitation of the Deutscher Wetterdienst",
        frozenset({"STATIONS_ID", "MESS_DATUM", "RS", "RSF"}),
        *("STATIONS_ID", "MESS_DATUM", "%Y%m%d"),
        {"RS": ("rain", 1.0)},
    ),
    Service(
        "a monthly file of the Deutscher Wetterdienst",
        frozenset({"STATIONS_ID", "MESS_DATUM_BEGINN", "MO_TT", "MO_RR"}),
        *("STATIONS_ID", "MESS_DATUM_BEGINN", "%Y%m%d"),
        {"MO_RR": ("rain", 1.0), "MO_TT": ("temperature", 1.0)},
        monthly=True,
    ),
    Service(
        "a daily file of the Koninklijk Nederlands Meteorologisch Instituut",
        frozenset({"STN", "YYYYMMDD"}),
        *("STN", "YYYYMMDD", "%Y%m%d"),
        {"RH": ("rain", 0.1), "TG": ("temperature", 0.1), "EV24": (_PET, 0.1)},
    ),
    Service(
        "a daily file of Meteo-France",
        frozenset({"NUM_POSTE", "NOM_USUEL", "AAAAMMJJ"}),
        *("NOM_USUEL", "AAAAMMJJ", "%Y%m%d"),
        {"RR": ("rain", 1.0), "TNTXM": ("temperature", 1.0), "TM": ("temperature", 1.0)},
    ),
    Service(
        "a daily file of MeteoSwiss",
        frozenset({"station_abbr", "reference_timestamp", "tre200d0"}),
        *("station_abbr", "reference_timestamp", "%d.%m.%Y %H:%M"),
        {"rre150d0": ("rain", 1.0), "tre200d0": ("temperature", 1.0)},
    ),
    Service(
        "a station file of GHCN-Daily",
        frozenset({"STATION", "DATE", "NAME", "PRCP", "PRCP_ATTRIBUTES"}),
        *("NAME", "DATE", "%Y-%m-%d"),
        _GHCN,
        missing=-9999.0,
    ),
)
_DLY = Service("a station file of GHCN-Daily", frozenset(), "station", "date", "%Y-%m-%d", _GHCN, missing=-9999.0)
_DLY_LINE = re.compile(r"[A-Z0-9_-]{11}\d{6}[A-Z0-9]{4}[ -][ \d-]{4}")


def is_station_file(head: str) -> bool:
    """Whether a text begins as a station file of a service that is known.

    Parameters
    ----------
    head
        Beginning of the file.

    Examples
    --------
    >>> is_station_file("STATIONS_ID;MESS_DATUM;QN_4; RSK; TMK;eor")
    True
    """
    return _service(head) is not None


def _service(head: str) -> tuple[Service, int, str] | None:
    """Service, line of the names of the columns, and separator."""
    if re.match(_DLY_LINE, head):
        return _DLY, 0, ""
    for place, line in enumerate(head.splitlines()[:200]):
        for separator in (";", ","):
            names = set(_names(line, separator))
            for service in SERVICES:
                if service.marks <= names and names & set(service.columns):
                    return service, place, separator
        if place and not line.lstrip().startswith(("#", "BRON", "SOURCE", "Opmerking", "Comment")) and line.strip():
            return None
    return None


def _names(line: str, separator: str) -> list[str]:
    return [name.strip().strip('"') for name in line.lstrip("# ").split(separator)]


def read_station_file(text: str, source: str, schema: TableSchema) -> RawTable:
    """Read a station file as weather of months.

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
        If it holds no complete month.
    UnreadableFileError
        If it is damaged, or another kind of table is wanted.
    """
    found = _service(text[:100_000])
    assert found is not None
    service, place, separator = found
    only_weather(service.name, source, schema)
    try:
        table = _days_of_dly(text) if service is _DLY else _cells(text, place, separator)
        dates = pd.to_datetime(table[service.date].str.strip(), format=service.date_format)
        if dates.isna().any():
            raise ValueError(f"row {int(np.flatnonzero(dates.isna())[0]) + 1} of values has no date")
    except (ValueError, KeyError, IndexError, OverflowError, pd.errors.ParserError) as error:
        raise UnreadableFileError(f"{source} begins as {service.name}, but is damaged: {error}") from error
    notes = [f"{source} is {service.name}."]
    days = pd.DataFrame({"site": table[service.station].str.strip(), "date": dates})
    values, said = _quantities(table, service, source)
    days = days.assign(**values)
    notes += said
    if days.duplicated(["site", "date"]).any():
        first = days[days.duplicated(["site", "date"])].iloc[0]
        raise UnreadableFileError(f"{source} has two rows for {first['site']} on {first['date']:%Y-%m-%d}: delete one")
    if service.monthly:
        months = days.drop(columns="date")
        months.insert(1, "year", dates.dt.year.astype(float))
        months.insert(2, "month", dates.dt.month.astype(float))
        months = months[months[list(months)[3:]].notna().any(axis=1)]
    else:
        months, incomplete = months_of_days(days)
        notes += incomplete
    skipped = {service.station, service.date, "eor", "", "STATIONS_ID", "STATION"}
    notes += not_used([name for name in table if name not in skipped and name not in service.columns])
    stations = months["site"].unique()
    if len(stations) == 1:
        return weather_table(months.drop(columns="site"), source, schema, notes, {"site": str(stations[0])})
    notes.append(f"The file holds {len(stations)} stations; each is a site under its name.")
    return weather_table(months, source, schema, notes, {})


def _cells(text: str, place: int, separator: str) -> pd.DataFrame:
    """Rows below the names of the columns as text, without comments."""
    lines = text.splitlines()
    names = _names(lines[place], separator)
    rows = "\n".join(line for line in lines[place + 1 :] if line.strip() and not line.lstrip().startswith("#"))
    table = pd.read_csv(io.StringIO(rows), sep=separator, names=names, dtype="str", index_col=False)
    return table.loc[:, [name for name in dict.fromkeys(names) if name]]


def _days_of_dly(text: str) -> pd.DataFrame:
    """A row for each day from lines of an element in a month; values that failed a check of quality are missing."""
    cells: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if not re.match(_DLY_LINE, line):
            if line.strip():
                raise ValueError(f"a line is no month of an element: {line[:30]!r}")
            continue
        station, year, month, element = line[:11], int(line[11:15]), int(line[15:17]), line[17:21]
        for day in range(pd.Period(year=year, month=month, freq="M").days_in_month):
            part = line[21 + 8 * day : 29 + 8 * day].ljust(8)
            row = cells.setdefault(f"{station} {year}-{month:02d}-{day + 1:02d}", {})
            row[element] = part[:5].strip()
            row[f"{element}_ATTRIBUTES"] = f"{part[5]},{part[6]},{part[7]}"
    table = pd.DataFrame.from_dict(cells, orient="index", dtype="str")
    parted = pd.Series(table.index, index=table.index).str.split(" ")
    table["station"], table["date"] = parted.str[0], parted.str[1]
    return table.reset_index(drop=True)


def _quantities(table: pd.DataFrame, service: Service, source: str) -> tuple[dict[str, pd.Series], list[str]]:
    """Daily values in canonical units, and what was done to get them."""
    values: dict[str, pd.Series] = {}
    notes: list[str] = []
    for name, (quantity, factor) in service.columns.items():
        if name not in table:
            continue
        text = table[name].str.strip()
        numbers = pd.to_numeric(text, errors="coerce")
        wrong = numbers.isna() & text.notna() & ~text.isin(["", "-"])
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise UnreadableFileError(
                f"{source}: {name} of {table[service.date].iloc[row].strip()} is {text.iloc[row]!r}, not a number"
            )
        coded = numbers == service.missing
        flags = table.get(f"{name}_ATTRIBUTES", pd.Series("", index=table.index, dtype="str"))
        failed = flags.str.contains(r"^[^,]*,\s*[^,\s]", regex=True, na=False) & ~coded & numbers.notna()
        numbers = numbers.mask(coded | failed)
        traces = numbers.eq(-1) & (name == "RH")
        numbers = numbers.mask(traces, 0.0) * factor
        unit = "degC" if quantity in ("temperature", _MAXIMUM, _MINIMUM) else "mm"
        said = f"{name} is {quantity.replace('_', ' ')} in {'tenths of ' if factor == 0.1 else ''}{unit}"
        said += f", missing where it is {service.missing:g} ({int(coded.sum()):,})" if coded.any() else ""
        said += f", missing where it failed a check of quality ({int(failed.sum()):,})" if failed.any() else ""
        said += f", none where it is -1, less than 0.05 mm ({int(traces.sum()):,})" if traces.any() else ""
        notes.append(f"{said}.")
        known = values.get(quantity)
        values[quantity] = numbers if known is None else numbers.fillna(known)
    if _MAXIMUM in values and _MINIMUM in values:
        middle = (values[_MAXIMUM] + values[_MINIMUM]) / 2.0
        mean = values.get("temperature", pd.Series(np.nan, index=table.index))
        if (mean.isna() & middle.notna()).any():
            notes.append("Where a day has no mean temperature, that of its maximum and minimum is taken.")
        values["temperature"] = mean.fillna(middle)
    values.pop(_MAXIMUM, None)
    values.pop(_MINIMUM, None)
    return values, notes
