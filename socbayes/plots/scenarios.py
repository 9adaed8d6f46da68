"""Figures of scenario comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.plots.style import BLUE, INK, SKY, Picture, in_unit, intervals, rows_of, styled, summary, zero_line
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import unit_of_difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from socbayes.scenarios import ScenarioComparison


@styled
def scenario_differences(comparison: ScenarioComparison) -> Figure:
    """Predictions of each scenario, and their paired differences to the reference.

    Parameters
    ----------
    comparison
        Result of ``socbayes.scenarios.compare``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = [str(name) for name in comparison.draws["scenario"].to_numpy()]
    draws = comparison.draws.transpose("sample", "scenario").to_numpy()
    base = draws[:, names.index(comparison.reference)]
    figure = Picture(figsize=(7.6, 1.6 + 0.5 * len(names)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.25])
    places = rows_of(left, names)
    intervals(left, draws, places, SKY)
    left.set_xlabel(in_unit(comparison.quantity, comparison.unit))
    left.set_title("prediction")
    rows_of(right, names)
    right.tick_params(axis="y", labelleft=False)
    for name, place, values in zip(names, places, draws.T, strict=True):
        if name == comparison.reference:
            right.plot(0, place, "|", color=INK, ms=10)
            right.annotate(
                "reference", (0, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8.5
            )
            continue
        _half_eye(right, values - base, float(place))
    zero_line(right)
    right.set_xlabel(f"difference to the reference ({unit_of_difference(comparison.unit)})")
    right.locator_params(axis="x", nbins=6)
    right.set_title("paired difference and probability of a rise")
    figure.suptitle(f"in {comparison.group}; {INTERVAL_NAME}, thick 50 %", fontsize=9.5, x=0.01, ha="left")
    return figure


def _half_eye(ax: Axes, values: np.ndarray, place: float) -> None:
    """Density above an interval, with the probability of a rise beside it."""
    from scipy.stats import gaussian_kde

    low, high = np.quantile(values, [0.005, 0.995])
    if high > low:
        grid = np.linspace(low, high, 200)
        density = gaussian_kde(values)(grid)
        ax.fill_between(grid, place + 0.04, place + 0.04 + 0.5 * density / density.max(), color=BLUE, alpha=0.3, lw=0)
    intervals(ax, values[:, None], [place], BLUE)
    _, _, upper = summary(values, CI_PROB)
    text = f"{(values > 0).mean():.2f}"
    ax.annotate(text, (max(high, upper), place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9)
    ax.update_datalim([(high + 0.22 * (high - low), place)])
    ax.autoscale_view(scaley=False)
