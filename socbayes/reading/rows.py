"""Rows that contradict each other, or themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socbayes.errors import Fault
from socbayes.labels import same_name
from socbayes.reading.carbon14 import radiocarbon_faults
from socbayes.reading.raw import Column, listed, rows_shown
from socbayes.units import unit_shown
from socbayes.vocabulary import LABELS, QUANTITIES, TableSchema

SD_ASKED = ("t/ha", "g/kg", "mg/kg", "t/ha/year")
"""Units of values whose standard deviation is asked about where it is above the value; of fluxes it often is."""
FALL = 0.1
"""Share of the largest value of a series that cumulative CO2 may fall by: reading a figure and telling substrate from
native carbon by isotopes move published series by up to 8 %."""


def spelling_faults(
    frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]
) -> tuple[list[Fault], list[str]]:
    """Spellings of one name, which would be two plots, sites or treatments; and notes where they only describe.

    Parameters
    ----------
    frame
        With tidied text.
    schema
        Of the table.
    measured
        Columns by quantity.

    Returns
    -------
    faults, notes
        One for each name.
    """
    faults: list[Fault] = []
    notes: list[str] = []
    for name in (name for name in LABELS if name in frame):
        scope = [one for one in LABELS[name] if one in frame and one in measured]
        seen = frame[[*scope, name]].dropna(subset=[name]).drop_duplicates()
        if seen[name].nunique() < 2:
            continue
        meant = pd.DataFrame({one: _names_meant(seen[one]) for one in [*scope, name]}, index=seen.index)
        alike = meant.duplicated(keep=False)
        for _, labels in seen.loc[alike, name].groupby([meant.loc[alike, one] for one in meant], sort=False):
            spellings = tuple(labels.unique())
            if len(spellings) < 2:  # the same label, of a place that is spelled in several ways
                continue
            fault = _spelling_fault(spellings, frame.loc[_within(frame, seen, labels, scope)], measured[name])
            if name == "site" and "site" not in schema.required:  # a place as printed, by which nothing is told
                notes.append(f"column `{fault.column}`: {fault.found} look like one name")
            else:
                faults.append(fault)
    return faults, notes


def _names_meant(labels: pd.Series) -> NDArray[np.intp]:
    """A number for each name, whatever its spelling; each spelling is looked at once, for a table may be long."""
    spelling, spellings = pd.factorize(labels)
    names = [same_name(one) if isinstance(one, str) else "" for one in spellings]
    return pd.factorize(np.array([*names, ""], dtype=object))[0][spelling]  # a label that is missing is the last


def _within(frame: pd.DataFrame, seen: pd.DataFrame, labels: pd.Series, scope: list[str]) -> pd.Series:
    """Rows within which labels name something."""
    inside = pd.Series(True, index=frame.index)
    for one in scope:
        inside &= frame[one].isin(seen.loc[labels.index, one]) | frame[one].isna()
    return inside


def _spelling_fault(spellings: tuple[str, ...], frame: pd.DataFrame, column: Column) -> Fault:
    assert column.quantity is not None
    labels = frame[column.quantity.name]
    rows = {spelling: labels.index[labels == spelling].tolist() for spelling in spellings}
    found = ", ".join(f"{spelling!r} ({rows_shown(where)})" for spelling, where in rows.items() if where)
    usual = max(rows, key=lambda spelling: len(rows[spelling]))
    first = min((where[0] for spelling, where in rows.items() if spelling != usual and where), default=None)
    what = column.quantity.name
    advice = f"write {usual!r} in all of these rows; if they are several, give them names that differ in more"
    return Fault("spellings of one name", first, column.written, found, f"one spelling for one {what}", advice)


def deviation_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]) -> list[Fault]:
    """Ask about standard deviations above their values."""
    faults: list[Fault] = []
    for name in schema.columns:
        deviation = f"{name}_sd"
        if not {name, deviation} <= set(frame) or QUANTITIES[name].unit not in SD_ASKED:
            continue
        high = (frame[name] > 0) & (frame[deviation] > frame[name])

        def fault(row: int, name: str = name, deviation: str = deviation) -> Fault:
            value, spread = (float(np.asarray(frame.loc[row, one])) for one in (name, deviation))
            unit = unit_shown(QUANTITIES[name].unit)
            found = f"{spread:g} {unit}, above {name} of {value:g} {unit}"
            advice = (
                "check both numbers and their units, and take the square root of a variance; if they are right, leave "
                "the standard deviation empty: the error is learned then"
            )
            return Fault("large deviation", row, measured[deviation].written, found, f"at most {name}", advice)

        faults += listed(frame.index[high].tolist(), fault)
    return faults


def falling_faults(
    frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]
) -> tuple[list[Fault], list[str]]:
    """Cumulative CO2 that falls with time, as a fault; and as a note where it falls by little.

    Parameters
    ----------
    frame
        Numbers in canonical units.
    schema
        Of the table; the last column of its key is the time, the others tell series apart.
    measured
        Columns by quantity.

    Returns
    -------
    faults, notes
    """
    faults: list[Fault] = []
    notes: list[str] = []
    if not schema.cumulative or not set(schema.key) <= set(frame):
        return faults, notes
    *series, time = schema.key
    for name in (one for one in schema.cumulative if one in frame):
        told = frame[[*schema.key, name]].dropna().sort_values([*series, time], kind="stable")
        if not len(told):
            continue
        groups = told.groupby(series, sort=False)[name]
        before = groups.cummax()
        fall = before - told[name]
        large = fall > FALL * groups.transform("max")
        small = (fall > 0) & ~large

        def fault(row: int, name: str = name, before: pd.Series = before) -> Fault:
            unit = unit_shown(QUANTITIES[name].unit)
            value, high = float(np.asarray(frame.loc[row, name])), float(before[row])
            found = f"{value:g} {unit} on day {frame.loc[row, time]:g}, after {high:g} {unit}"
            advice = "sum the CO2 of each interval up from the start; a rate is a column of its own"
            return Fault("falling sum", row, measured[name].written, found, "a sum that never falls", advice)

        faults += listed(sorted(told.index[large]), fault)
        if small.any():
            rows = rows_shown(sorted(told.index[small]))
            notes.append(
                f"column `{measured[name].written}`: cumulative CO2 falls a little ({rows}); it is used as it is"
            )
    return faults, notes


def duplicate_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]) -> list[Fault]:
    """Rows that name, or say, the same as a row above."""
    key = list(schema.key) or list(frame)
    if not set(key) <= set(frame):
        return []
    complete = frame[key].notna().all(axis=1) if schema.key else pd.Series(True, index=frame.index)
    if not _perhaps_repeated(frame, key):
        return []
    again = frame.duplicated(key) & complete
    if not again.any():
        return []
    alike = frame[frame.duplicated(key, keep=False)]
    rows = pd.Series(alike.index, index=alike.index)
    first = rows.groupby([alike[name] for name in key], sort=False, dropna=False).transform("min")
    whole = alike.duplicated()
    names = ", ".join(measured[name].written for name in schema.key)

    def fault(row: int) -> Fault:
        if whole[row]:
            advice = "delete the row if it is a copy"
            if "replicate" in schema.columns:
                advice += "; if it is a second sample of equal value, number the samples in a column `replicate`"
        else:
            advice = f"the rows differ elsewhere: give each its own {names.split(', ')[-1]}"
        if not schema.key:
            return Fault("duplicate row", row, "", f"the same as row {first[row]}", "each row once", advice)
        label = ", ".join(f"{name} {frame.loc[row, name]}" for name in key)
        found = f"{label}, as in row {first[row]}"
        return Fault("duplicate row", row, names, found, "a name for each row that no other has", advice)

    return listed(frame.index[again].tolist(), fault)


def _perhaps_repeated(frame: pd.DataFrame, key: list[str]) -> bool:
    """Whether rows repeat each other in the few columns that tell most rows apart: a tenth of the work on all."""
    if len(key) <= 3:
        return True
    telling = frame[key[:60]].iloc[:1000].nunique().sort_values(ascending=False).index[:3]
    alike = frame.duplicated(list(telling), keep=False).to_numpy()
    return bool(frame.loc[alike, key].duplicated().any())


def out_of_order(frame: pd.DataFrame, smaller: str, larger: str) -> pd.Series:
    """Rows in which the smaller of two quantities is the larger."""
    if smaller not in frame or larger not in frame:
        return pd.Series(False, index=frame.index)
    return frame[smaller] > frame[larger] + 1e-9 * frame[larger].abs()  # equal but for a unit conversion is equal


def order_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]) -> list[Fault]:
    """Such as necromass above the organic carbon it is part of."""
    faults: list[Fault] = []
    for smaller, larger in schema.ordered:

        def fault(row: int, smaller: str = smaller, larger: str = larger) -> Fault:
            low, high = float(np.asarray(frame.loc[row, smaller])), float(np.asarray(frame.loc[row, larger]))
            unit = unit_shown(QUANTITIES[smaller].unit)
            unit = "" if unit == "1" else f" {unit}"
            found = f"{low:g}{unit}, above {larger} of {high:g}{unit}"
            advice = f"check both numbers and their units; perhaps {smaller} and {larger} are swapped"
            return Fault("wrong order", row, measured[smaller].written, found, f"at most {larger}", advice)

        faults += listed(frame.index[out_of_order(frame, smaller, larger)].tolist(), fault)
    return faults


def same_treatment(frame: pd.DataFrame, group: tuple[tuple[str, str], ...]) -> pd.Series:
    """Rows in which every pair of a group is equal."""
    if not {name for pair in group for name in pair} <= set(frame):
        return pd.Series(False, index=frame.index)
    return pd.Series(
        np.logical_and.reduce([(frame[control] == frame[treated]).to_numpy() for control, treated in group]),
        index=frame.index,
    )


def same_treatment_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]) -> list[Fault]:
    """Rows that compare a treatment with itself."""
    faults: list[Fault] = []
    for group in schema.differ:

        def fault(row: int, group: tuple[tuple[str, str], ...] = group) -> Fault:
            shown = "; ".join(f"{control} = {treated} = {frame.loc[row, control]:g}" for control, treated in group)
            names = ", ".join(measured[treated].written for _, treated in group)
            advice = "delete the row if it compares the control with itself; otherwise correct the numbers"
            return Fault("control equal to treatment", row, names, shown, "a treatment beside its control", advice)

        faults += listed(frame.index[same_treatment(frame, group)].tolist(), fault)
    return faults


def row_faults(
    whole: pd.DataFrame, known: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]
) -> tuple[list[Fault], list[str]]:
    """Everything that rows say against each other or themselves, and what there is to note.

    Parameters
    ----------
    whole
        Every column, those of the user's own among them.
    known
        Columns whose unit is understood.
    schema
        Of the table.
    measured
        Columns by quantity.

    Returns
    -------
    faults, notes
    """
    alike, described = spelling_faults(known, schema, measured)
    falling, fallen = falling_faults(known, schema, measured)
    dated, perhaps = radiocarbon_faults(known, schema, measured)
    faults = [
        *alike,
        *duplicate_faults(whole, schema, measured),
        *order_faults(known, schema, measured),
        *deviation_faults(known, schema, measured),
        *falling,
        *same_treatment_faults(known, schema, measured),
        *dated,
    ]
    return faults, described + fallen + perhaps
