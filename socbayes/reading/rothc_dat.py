"""Input files of RothC: soil, monthly weather and monthly management in one.

The layout is that of the RothC program and its description (Coleman and
Jenkinson 2014, RothC - A model for the turnover of carbon in soil; the code at
https://github.com/Rothamsted-Models/RothC_Code). Lines of description and of
units stand above a row of names ``clay depth iom nsteps ...`` with one row of
numbers, and above ``year month modern Tmp Rain Evap C_inp FYM PC DPM_RPM`` with
a row for each month: ``modern`` is the radiocarbon of the air (%), ``Evap`` open-pan
evaporation (mm), ``C_inp`` and ``FYM`` the carbon of plants and of farmyard manure
(t C/ha/month), ``PC`` whether plants cover the soil. The first twelve months are
those that RothC repeats until the soil is in equilibrium.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from socbayes.errors import EmptyTableError, UnreadableFileError
from socbayes.reading.monthly import not_used, weather_table
from socbayes.reading.raw import RawTable
from socbayes.vocabulary import TableSchema

_COLUMNS = {
    **dict.fromkeys(("year", "yr"), "year"),
    **dict.fromkeys(("month", "mon"), "month"),
    **dict.fromkeys(("modern", "%modern", "mod"), "modern"),
    **dict.fromkeys(("tmp", "temp", "tmean", "temperature"), "tmp"),
    **dict.fromkeys(("rain", "precip", "rainfall"), "rain"),
    **dict.fromkeys(("evap", "evaporation", "pevap", "openpan", "open_pan"), "evap"),
    **dict.fromkeys(("c_inp", "c_input", "cinp", "plant_c", "pl_inp"), "c_inp"),
    **dict.fromkeys(("fym", "fym_inp", "oa", "manure"), "fym"),
    **dict.fromkeys(("pc", "plant_cover", "cover"), "pc"),
    **dict.fromkeys(("dpm_rpm", "dpm/rpm", "dpmrpm"), "dpm_rpm"),
}
_SPIN_UP = 12


def is_rothc(head: str) -> bool:
    r"""Whether a text is laid out as input of RothC.

    Parameters
    ----------
    head
        Beginning of the file.

    Examples
    --------
    >>> is_rothc("clay depth iom nsteps\n23 23 3 24\nyear month modern Tmp Rain Evap C_inp FYM PC DPM_RPM")
    True
    """
    return _place(head.splitlines()[:60]) is not None


def read_rothc(text: str, source: str, schema: TableSchema) -> RawTable:
    """Read the weather, or the management, of a file.

    Parameters
    ----------
    text
        Of the file.
    source
        Its name.
    schema
        ``field_weather`` or ``field_management``.

    Raises
    ------
    EmptyTableError
        If there are no months beyond those of the equilibrium.
    UnreadableFileError
        If a row is no row of numbers, or another kind of table is wanted.
    """
    if schema.name not in ("field_weather", "field_management"):
        raise UnreadableFileError(
            f"{source} is an input file of RothC, which holds weather and management: read it as a table of schema "
            f"field_weather or field_management, not {schema.name}"
        )
    lines = text.splitlines()
    place = _place(lines)
    assert place is not None
    names = [_COLUMNS.get(name.lower(), name) for name in _words(lines[place])]
    table = _numbers(lines, place, names, source)
    notes = [f"{source} is an input file of RothC.", *_soil(lines[:place])]
    table, said = _without_spin_up(table, source)
    notes += said
    months = pd.DataFrame({"year": table["year"], "month": table["month"]})
    if schema.name == "field_weather":
        used = {"tmp": "temperature", "rain": "rain", "evap": "open_pan_evaporation"}
        for name in [one for one in used if one in table]:
            months[used[name]] = table[name]
        if "evap" in table:
            notes.append("`Evap` is taken for open-pan evaporation, as RothC has it.")
    else:
        used = {"c_inp": "plant_carbon_input", "fym": "manure_carbon_input", "pc": "plant_cover"}
        start = months["year"] + (months["month"] - 1.0) / 12.0
        months = pd.DataFrame({"start_year": start, "end_year": start + 1.0 / 12.0})
        for name in [one for one in used if one in table]:
            months[used[name]] = table[name] * (1.0 if name == "pc" else 12.0)
        notes.append("`C_inp` and `FYM`, t C/ha in a month, are multiplied by twelve to t C/ha/year.")
    taken = {"year", "month", *used}
    left = [written for written, name in zip(_words(lines[place]), names, strict=True) if name not in taken]
    notes += not_used(left)
    return weather_table(months, source, schema, notes, {"site": source.rpartition(".")[0]})


def _words(line: str) -> list[str]:
    return re.split(r"[\s,;]+", line.strip())


def _place(lines: list[str]) -> int | None:
    """Line of the names of the monthly columns, below one that names clay and steps."""
    soil = False
    for place, line in enumerate(lines):
        words = {word.lower() for word in _words(line)}
        soil = soil or {"clay", "nsteps"} <= words
        if soil and {"year", "month"} <= words and len({_COLUMNS.get(word) for word in words} - {None}) >= 5:
            return place
    return None


def _numbers(lines: list[str], place: int, names: list[str], source: str) -> pd.DataFrame:
    rows: list[list[float]] = []
    for number, line in enumerate(lines[place + 1 :], start=place + 2):
        if not line.strip():
            continue
        words = _words(line)
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != len(names):
            raise UnreadableFileError(
                f"{source}: line {number} is {line.strip()!r}, but a row of an input file of RothC has "
                f"{len(names)} numbers: {', '.join(names)}"
            )
        rows.append(row)
    return pd.DataFrame(np.reshape(rows, (-1, len(names))), columns=names)


def _without_spin_up(table: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Months of the trial, without the twelve that are repeated until equilibrium."""
    later = table.iloc[_SPIN_UP:]
    if not len(later):
        raise EmptyTableError(f"{source} holds only the twelve months that RothC repeats until equilibrium")
    year = table["year"].iloc[0]
    return later, [
        f"Its first {_SPIN_UP} months (year {year:g}) are those that RothC repeats until equilibrium and are left out."
    ]


def _soil(lines: list[str]) -> list[str]:
    """Say what the file tells of the soil, which belongs into the table of plots."""
    for place, line in enumerate(lines[:-1]):
        names, values = _words(line), _words(lines[place + 1])
        if {"clay", "nsteps"} <= {name.lower() for name in names} and len(names) == len(values):
            shown = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
            return [f"What it says of the soil is not used ({shown}): clay belongs into the table of plots."]
    return []
