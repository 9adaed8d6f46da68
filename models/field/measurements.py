"""What was measured on plots, as values of a run with what is known of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.frames import filled, numeric
from socbayes.models.blocks import group_means
from socbayes.models.field.equivalent import EQUAL_DEPTH
from socbayes.models.field.layers import Sampled
from socbayes.models.field.occasions import occasion_names
from socbayes.models.field.plots import Plots, of_plot
from socbayes.models.field.setup import Setup
from socbayes.observations import DENSITY_ERROR, KINDS, OBSERVATIONS, Observation, Soil
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

ASSUMED_STOCK = 50.0  # t C/ha
#: Relative error added to what a source estimated instead of measuring.
ESTIMATE_ERROR = 0.1
#: Fractions that are all of the carbon together, and how nearly they sum to a total that is not independent of them.
PARTITIONS = (("particulate", "mineral_associated"), ("particulate", "humus", "resistant"))
ROUNDING = 0.002


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measured values side by side.

    Parameters
    ----------
    names
        Kinds that were measured, in the order of :data:`socbayes.observations.OBSERVATIONS`.
    observed
        Log of what was measured, in the unit of a run, (measurement,).
    month, plot, kind
        Month of the run, position of the plot and of the kind, (measurement,).
    row
        Row of the table given that each measurement stands in; of layers that were summed the uppermost.
    weights
        Weight of each pool in each kind, (kind, pool); zero for a kind that is no stock.
    stated_error
        Relative error known beforehand, (measurement,).
    replicates
        Samples averaged in each measurement.
    density
        Position of the plot whose borrowed bulk density a measurement uses, -1 for none.
    occasion
        Name of the occasion of each: its site, exact date and kind, (measurement,).
    labels
        Names of the measurements.
    site_log_stock
        Mean log of all totals of each site, (site,).
    notes
        What was left out or assumed.
    """

    names: list[str]
    observed: np.ndarray
    month: np.ndarray
    plot: np.ndarray
    kind: np.ndarray
    row: np.ndarray
    weights: np.ndarray
    stated_error: np.ndarray
    replicates: np.ndarray
    density: np.ndarray
    occasion: np.ndarray
    labels: list[str]
    site_log_stock: np.ndarray
    notes: tuple[str, ...]

    @property
    def kinds(self) -> list[Observation]:
        """The kinds themselves."""
        return [KINDS[name] for name in self.names]

    @property
    def takes_time(self) -> np.ndarray:
        """Whether each measurement is of a month, not of its turn."""
        return np.array([one.takes_time for one in self.kinds], dtype=bool)[self.kind]

    @property
    def scored(self) -> np.ndarray:
        """Whether predictions of each measurement are scored."""
        return np.array([one.scored for one in self.kinds], dtype=bool)[self.kind]


class Rows(NamedTuple):
    """Rows of a table of observations, each (row,).

    Parameters
    ----------
    plot
        Position of the plot.
    turn, within
        Turn of a month nearest to the sample, and month that holds it, counted from the year 0.
    learned
        Whether the fit saw the row.
    """

    plot: np.ndarray
    turn: np.ndarray
    within: np.ndarray
    learned: np.ndarray


def measurements_of(sampled: Sampled, rows: Rows, plots: Plots, setup: Setup) -> Measurements:
    """Take every measured value off a table; of kinds that rows the fit saw have.

    Parameters
    ----------
    sampled
        Samples of the layer that is modelled.
    rows
        Where and when its rows are.
    plots
        The plots.
    setup
        What the plots run.
    """
    weights = setup.weights
    measured, notes = _measured(sampled, rows, plots, setup)
    names = [kind.name for kind in OBSERVATIONS if kind.name in set(measured["kind"])]
    row, plot = measured["row"].to_numpy("int64"), measured["plot"].to_numpy("int64")
    kind = np.array([names.index(name) for name in measured["kind"]], dtype="int64")
    takes_time = np.array([KINDS[name].takes_time for name in names], dtype=bool)[kind]
    month = np.where(takes_time, rows.within[row], rows.turn[row])
    return Measurements(
        names=names,
        observed=np.log(measured["value"].to_numpy()),
        month=month - plots.start[plot],
        plot=plot,
        kind=kind,
        row=sampled.origin[row],
        weights=np.stack([weights.get(name, 0.0 * weights["total"]) for name in names]),
        stated_error=measured["error"].to_numpy("float64"),
        replicates=measured["replicates"].to_numpy("float64"),
        density=np.where(measured["borrowed"], measured["plot"], -1).astype("int64"),
        occasion=occasion_names(
            np.array(plots.sites)[plots.site[plot]], sampled.obs["year"].to_numpy()[row], measured["kind"].to_numpy()
        ),
        labels=_unique(measured["label"].tolist()),
        site_log_stock=_site_log_stock(measured[rows.learned[measured["row"]]], plots.site),
        notes=notes,
    )


def _measured(sampled: Sampled, rows: Rows, plots: Plots, setup: Setup) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row per measured value, in the unit of a run, with its relative error; and notes."""
    import pandas as pd

    obs, own, weights = sampled.obs, sampled.density, setup.weights
    others = of_plot(np.where(rows.learned, own, np.nan), rows.plot, plots.site, np.nan)[rows.plot]
    # A row that states no depth is of the layer of its plot.
    thickness = np.where(np.isfinite(sampled.thickness), sampled.thickness, plots.depth[rows.plot])
    soil = Soil(np.where(np.isfinite(own), own, others), thickness)
    # The same mass everywhere has no error of its own in each sample.
    of_density = DENSITY_ERROR[0] if setup.stocks == EQUAL_DEPTH else 0.0
    replicates = np.nan_to_num(numeric(obs, "replicates"), nan=1.0)
    estimated = (filled(obs, "value_origin", "measured") == "estimated").to_numpy()
    notes: tuple[str, ...] = ()
    if estimated.any():
        notes += (
            f"{counted(int(estimated.sum()), 'row was', 'rows were')} estimated by the source; "
            f"{100 * ESTIMATE_ERROR:g} % is added to the error.",
        )
    pieces = []
    derived = 0
    for kind in OBSERVATIONS:
        reading = kind.read(obs, soil)
        here = np.flatnonzero(np.isfinite(reading.value))
        if not here.size or not kind.shown(weights):
            continue
        if not rows.learned[here].any():
            notes += (f"Of {kind.name} nothing was seen: {counted(here.size, 'value')} of it cannot be foreseen.",)
            continue
        turned = reading.derived[here]
        derived += int(turned.sum())
        measured_density = np.isfinite(own)[here]
        error = np.nan_to_num(reading.error)[here] / np.sqrt(replicates[here])
        error = np.sqrt(
            error**2
            + np.where(turned & measured_density, of_density, 0.0) ** 2
            + (ESTIMATE_ERROR * estimated[here]) ** 2
        )
        pieces.append(
            pd.DataFrame(
                {
                    "row": here,
                    "plot": rows.plot[here],
                    "kind": kind.name,
                    "value": reading.value[here],
                    "error": error,
                    "replicates": replicates[here],
                    "borrowed": turned & ~measured_density,
                    "label": [f"{plots.labels[rows.plot[i]]}, {obs['year'][i]:.2f}, {kind.name}" for i in here],
                }
            )
        )
    result, said = _without_differences(pd.concat(pieces, ignore_index=True), rows.learned)
    return result, notes + said + _what_errors_rest_on(obs, derived, int(result["borrowed"].sum()))


def _what_errors_rest_on(obs: pd.DataFrame, derived: int, borrowed: int) -> tuple[str, ...]:
    """Notes on stocks that rest on bulk density, and on a table without errors."""
    notes: tuple[str, ...] = ()
    if derived:
        notes += (
            f"{derived} stocks are concentration times bulk density times depth; {borrowed} of them with the bulk "
            f"density of other samples ({100 * DENSITY_ERROR[1]:g} % error shared by a plot), the others "
            f"{100 * DENSITY_ERROR[0]:g} % each.",
        )
    deviations = {f"{column}_sd" for kind in OBSERVATIONS if kind.scored for column in kind.columns}
    if not (numeric(obs, "replicates") > 1).any() and not deviations & set(obs):
        notes += ("No standard deviations or replicates are stated: errors are learned by quantity.",)
    return notes


def _without_differences(measured: pd.DataFrame, learned: np.ndarray) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Measurements without the largest fraction of plots whose fractions sum to the total; and notes.

    One of them was got by difference, or the total by adding up: as independent
    measurements they would say the same thing twice. The largest goes, as the
    one that is hardest to separate.
    """
    notes: tuple[str, ...] = ()
    values = measured.pivot_table(index=["plot", "row"], columns="kind", values="value")
    for parts in PARTITIONS:
        if not {"total", *parts} <= set(values):
            continue
        whole = values[["total", *parts]].dropna()
        exact = (whole[list(parts)].sum(axis=1) / whole["total"] - 1.0).abs() < ROUNDING
        known = learned[whole.index.get_level_values("row")]
        shares = exact[known].groupby("plot").mean()
        whole = whole[whole.index.get_level_values("plot").isin(shares.index[shares > 0.5])]
        known = learned[whole.index.get_level_values("row")]
        if whole.empty:
            continue
        largest = whole.loc[known, list(parts)].mean().idxmax()
        dropped = (measured["kind"] == largest) & measured["row"].isin(whole.index.get_level_values("row"))
        measured = measured[~dropped]
        plots = whole.index.get_level_values("plot").nunique()
        notes += (
            f"Fractions of {counted(plots, 'plot')} sum to the total, so one is a difference: "
            f"{counted(int(dropped.sum()), f'value of {largest} is', f'values of {largest} are')} left out.",
        )
    return measured.reset_index(drop=True), notes


def _site_log_stock(measured: pd.DataFrame, site: np.ndarray) -> np.ndarray:
    """Mean log of all totals of each site; 50 t/ha where no total was measured; (site,)."""
    totals = measured[measured["kind"] == "total"]
    means = group_means(np.log(totals["value"].to_numpy()), site[totals["plot"].to_numpy("int64")], int(site.max()) + 1)
    return np.where(np.isfinite(means), means, np.log(ASSUMED_STOCK))


def _unique(labels: list[str]) -> list[str]:
    """Labels with a number where one repeats."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return result
