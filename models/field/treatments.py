"""Which treatment a plot has in every month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.frames import filled, numeric
from socbayes.models.blocks import groups

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Periods:
    """Treatments of plots, one after the other.

    Parameters
    ----------
    treatments
        Labels.
    treatment
        Position of the treatment of each period, (plot, period); plots with
        fewer periods than others repeat their last treatment.
    since
        First month of each period, counted from the year 0, (plot, period);
        that of a period that is only repeated never comes.
    notes
        What was decided.
    """

    treatments: list[str]
    treatment: np.ndarray
    since: np.ndarray
    notes: tuple[str, ...] = ()

    def in_months(self, start: np.ndarray, months: int) -> np.ndarray:
        """Position of the period of each month of each plot from its first one, (row, plot)."""
        month = start + np.arange(months)[:, None]
        return (month[:, :, None] >= self.since[:, 1:]).sum(axis=2)

    def labels(self, period: np.ndarray) -> np.ndarray:
        """Treatment of each month, (row, plot), from the position of its period."""
        return np.array(self.treatments, dtype=object)[self.treatment[np.arange(len(self.treatment)), period]]


def periods_of(
    obs: pd.DataFrame,
    management: pd.DataFrame | None,
    plot: np.ndarray,
    month_of: Callable[[np.ndarray], np.ndarray],
) -> Periods:
    """Periods of the plots.

    A plot has the treatment of its sample. It changes to that of the next one
    when the management table says that the one before ends, or, if that is not
    between the samples, that the new one begins; else halfway. Where management
    leaves a gap between the two, the new one counts. A sample that states no
    treatment has that of the one before.

    Parameters
    ----------
    obs, management
        Tables of schema ``field_soc`` and ``field_management``.
    plot
        Position of the plot of each row of ``obs``, (row,).
    month_of
        Turn of a month nearest to decimal years.
    """
    import pandas as pd

    year = numeric(obs, "year")
    in_time = np.lexsort([year, plot])
    labels = treatment_of_rows(obs, plot)
    treatments, position = groups(pd.Series(labels, name="treatment"))
    treatment: list[list[int]] = [[] for _ in range(int(plot.max()) + 1)]
    begin: list[list[float]] = [[] for _ in treatment]
    guessed = 0
    for before, row in zip(np.concatenate([[-1], in_time[:-1]]), in_time, strict=True):
        mine, when = treatment[plot[row]], -np.inf
        if mine:
            if position[row] == mine[-1]:
                continue
            between = year[before], year[row]
            stated = _stated_change(management, obs.iloc[row], labels[before], labels[row], between)
            guessed += stated is None
            when = sum(between) / 2.0 if stated is None else stated
        mine.append(int(position[row]))
        begin[plot[row]].append(when)
    count = max(map(len, treatment))
    notes = []
    if count > 1:
        changing = sum(len(mine) > 1 for mine in treatment)
        how = f"; {guessed} of the changes are halfway between two samples, as nothing says when" if guessed else ""
        notes.append(f"Plots whose treatment changes: {changing}{how}.")
    never = np.iinfo("int64").max
    since = np.full((len(treatment), count), never)
    for row, years in zip(since, begin, strict=True):
        row[: len(years)] = [0, *month_of(np.array(years[1:]))]
    padded = np.array([mine + [mine[-1]] * (count - len(mine)) for mine in treatment], dtype="int64")
    return Periods(treatments, padded, since, tuple(notes))


def treatment_of_rows(obs: pd.DataFrame, plot: np.ndarray) -> np.ndarray:
    """Treatment of each row: the one stated, else that before it in the plot, else that after it; (row,).

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    plot
        Number of the plot of each row, (row,).
    """
    if "treatment" not in obs:
        return np.full(len(obs), NOT_STATED, dtype=object)
    in_time = np.lexsort([numeric(obs, "year"), plot])
    stated = obs["treatment"].astype(object).where(obs["treatment"].notna(), None).iloc[in_time]
    by_plot = stated.groupby(plot[in_time])
    known = by_plot.ffill().where(by_plot.ffill().notna(), by_plot.bfill())
    labels = np.empty(len(obs), dtype=object)
    labels[in_time] = known.where(known.notna(), NOT_STATED).astype(str)
    return labels


def _stated_change(
    management: pd.DataFrame | None, sample: pd.Series, old: str, new: str, between: tuple[float, float]
) -> float | None:
    """Decimal year between two samples in which management says that one treatment follows another, if it does."""
    if management is None:
        return None
    here = (management["site"].astype(str) == str(sample["site"])).to_numpy()
    for column in ("study", "block", "plot"):
        if column in sample and sample[column] == sample[column]:  # stated
            own = str(sample[column])
            here = here & (filled(management, column, own) == own).to_numpy()
    treatment = filled(management, "treatment", "").to_numpy()
    begin = numeric(management, "start_year")[here & (treatment == new)].min(initial=np.inf)
    end = numeric(management, "end_year")[here & (treatment == old)].max(initial=-np.inf)
    # A treatment that other plots had before begins here when the old one ends.
    likely = (end, begin) if begin <= end else (begin, end)
    return next((float(when) for when in likely if between[0] <= when <= between[1]), None)
