"""Columns of radiocarbon that are another quantity than their name says, or contradict each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socbayes.errors import Fault
from socbayes.frames import numeric
from socbayes.radiocarbon import MEAN_LIFE, STANDARD_YEAR, looks_like
from socbayes.reading.raw import Column, listed
from socbayes.units import parse_unit
from socbayes.vocabulary import QUANTITIES, TableSchema

ROUNDING = 1.5
"""Permille by which a Delta and a fraction modern of three decimals may differ."""
LATEST = 2035.0
"""Year to which a Delta may have been corrected at the latest, where none is stated."""
EITHER = (80.0, 130.0)
"""Permille of Delta14C that topsoils have after the bomb tests, and percent modern of topsoils at any time."""
_SAID = {
    "delta14c": ("Delta14C", "write the header as `delta14c [permille]` if they are"),
    "percent_modern": ("percent modern", "write the header as `fraction_modern [%]` if they are"),
    "fraction_modern": ("fraction modern", "write the header as `fraction_modern [1]` if they are"),
}


def radiocarbon_faults(
    frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]
) -> tuple[list[Fault], list[str]]:
    """What cannot be right of radiocarbon, and a note on what may not be.

    Parameters
    ----------
    frame
        Numbers in canonical units.
    schema
        Of the table.
    measured
        Columns by quantity.

    Returns
    -------
    faults, notes
    """
    faults: list[Fault] = []
    notes: list[str] = []
    delta, modern = numeric(frame, "delta14c"), numeric(frame, "fraction_modern")
    told = delta[np.isfinite(delta)]
    if "radiocarbon_year" in schema.columns and not {"delta14c", "fraction_modern"} & set(measured):
        expected = "a column delta14c [permille] or fraction_modern [1]"
        return [Fault("no radiocarbon", None, "delta14c", "neither Delta14C nor fraction modern", expected)], []
    if told.size and (unit := measured["delta14c"].unit) and parse_unit(unit).terms == (("percent", 1),):
        faults.append(_percent(frame, delta, measured["delta14c"]))
    elif told.size and not np.isfinite(modern).any():
        faults += _another(frame, delta, measured["delta14c"])
        low, high = EITHER
        if not faults and told.size >= 3 and told.min() > low and told.max() < high:
            notes.append(
                f"column `{measured['delta14c'].written}`: every number is from {told.min():g} to {told.max():g}, "
                "taken for Delta14C in permille; percent modern of topsoils looks alike"
            )
    if np.isfinite(modern).any():
        faults += _another(frame, modern, measured["fraction_modern"])
    return faults + _contradictions(frame, measured, delta, modern), notes


def _first(frame: pd.DataFrame, values: NDArray[np.float64]) -> int:
    return int(frame.index[int(np.flatnonzero(np.isfinite(values))[0])])


def _percent(frame: pd.DataFrame, delta: NDArray[np.float64], column: Column) -> Fault:
    told = delta[np.isfinite(delta)] / 10.0
    found = f"numbers from {told.min():g} to {told.max():g} in percent, the unit of percent modern"
    advice = f"{_SAID['percent_modern'][1]}, else state Delta14C in permille"
    return Fault("quantity of radiocarbon", _first(frame, delta), column.written, found, "Delta14C in permille", advice)


def _another(frame: pd.DataFrame, values: NDArray[np.float64], column: Column) -> list[Fault]:
    """Ask about a column that looks like another quantity."""
    assert column.quantity is not None
    name = column.quantity.name
    depth = numeric(frame, "depth_top") if "depth_top" in frame else None
    likely = looks_like(values, name, depth)
    if likely is None:
        return []
    told = values[np.isfinite(values)]
    called, advice = _SAID[likely]
    found = f"every number from {told.min():g} to {told.max():g}: these look like {called}"
    expected = QUANTITIES[name].expected
    if name == "delta14c":
        expected = "Delta14C in permille, below zero in old carbon"
        advice += "; if they really are Delta14C, put the fraction modern of the laboratory in a column beside it"
    return [Fault("quantity of radiocarbon", _first(frame, values), column.written, found, expected, advice)]


def _contradictions(
    frame: pd.DataFrame, measured: dict[str, Column], delta: NDArray[np.float64], modern: NDArray[np.float64]
) -> list[Fault]:
    """Rows in which Delta14C and fraction modern are not of the same activity."""
    modern = np.where(modern <= (QUANTITIES["fraction_modern"].upper or np.inf), modern, np.nan)
    if not (np.isfinite(delta) & np.isfinite(modern)).any():
        return []
    year = numeric(frame, "radiocarbon_year")
    earliest, latest = (np.where(np.isnan(year), other, year) for other in (STANDARD_YEAR, LATEST))
    high, low = (1000.0 * (modern * np.exp((STANDARD_YEAR - one) / MEAN_LIFE) - 1.0) for one in (earliest, latest))
    with np.errstate(invalid="ignore"):
        apart = (delta > high + ROUNDING) | (delta < low - ROUNDING)
    places = {int(row): place for place, row in enumerate(frame.index)}

    def fault(row: int) -> Fault:
        place = places[int(row)]
        known = not np.isnan(year[place])
        of_year = f" of {year[place]:g}" if known else ""
        found = f"Delta14C {delta[place]:g} permille{of_year} beside a fraction modern of {modern[place]:g}"
        wanted = f"{low[place]:.1f}" if known else f"{low[place]:.1f} to {high[place]:.1f}"
        advice = "leave out the one that is derived; radiocarbon_year is the year that the Delta14C was corrected to"
        return Fault("radiocarbon twice", row, measured["delta14c"].written, found, f"{wanted} permille", advice)

    return listed(frame.index[apart].tolist(), fault)
