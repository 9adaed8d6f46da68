"""Rows that contradict each other, or themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from socbayes.errors import Fault
from socbayes.reading.raw import Column, listed
from socbayes.units import unit_shown
from socbayes.vocabulary import QUANTITIES, TableSchema


def duplicate_faults(frame: pd.DataFrame, schema: TableSchema, measured: dict[str, Column]) -> list[Fault]:
    """Rows that name, or say, the same as a row above."""
    key = list(schema.key) or list(frame)
    if not set(key) <= set(frame):
        return []
    complete = frame[key].notna().all(axis=1) if schema.key else pd.Series(True, index=frame.index)
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
        else:
            advice = f"the rows differ elsewhere: give each its own {names.split(', ')[-1]}"
        if not schema.key:
            return Fault("duplicate row", row, "", f"the same as row {first[row]}", "each row once", advice)
        label = ", ".join(f"{name} {frame.loc[row, name]}" for name in key)
        found = f"{label}, as in row {first[row]}"
        return Fault("duplicate row", row, names, found, "a name for each row that no other has", advice)

    return listed(frame.index[again].tolist(), fault)


def out_of_order(frame: pd.DataFrame, smaller: str, larger: str) -> pd.Series:
    """Rows in which the smaller of two quantities is the larger."""
    if smaller not in frame or larger not in frame:
        return pd.Series(False, index=frame.index)
    return frame[smaller] > frame[larger] * (1 + 1e-9)  # equal but for a unit conversion is equal


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
