"""Figures of credits: from a gain to what is left of it, and what would narrow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.plots.projections import bars_of
from socbayes.plots.style import BLUE, GREEN, GREY, INK, LIGHT, ORANGE, PURPLE, RED, panel, readable, styled
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.projected import table_converged

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from socbayes.scenarios.credits import Credit


VISIBLE = 0.001
"""Part of the gain below which a step is called none."""


@styled
def credit_waterfall(one: Credit, *, title: str = "", passed: bool = True, ax: Axes | None = None) -> Figure:
    """From the mean gain over what the model and the choice of points deduct, and the buffer, to what is left.

    Parameters
    ----------
    one
        A credit, such as of a line of a sheet.
    title
        What it is of.
    passed
        Whether the fit behind it passed its checks.
    ax
        Axes to draw on; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = panel(ax, 4.0)
    steps = _steps(one)
    level = 0.0
    for place, (_, value, colour, stands) in enumerate(steps):
        start = 0.0 if stands else level
        ax.bar(place, value, bottom=start, color=colour, width=0.62)
        end = start + value
        below = one.gain < 0
        edge = min(start, end) if below else max(start, end)
        ax.annotate(
            f"{value:,.3g}" if abs(value) > VISIBLE * abs(one.gain) else "0",
            (place, edge),
            xytext=(0, -3 if below else 3),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=8.5,
            # The line of the quantile goes behind a number, not through it.
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none"},
            zorder=4,
        )
        if place + 1 < len(steps):
            ax.plot([place + 0.31, place + 0.69], [end, end], color=GREY, lw=0.8)
        level = end
    ax.axhline(one.quantile, color=INK, lw=0.9, ls="--", label=f"exceeded with probability {one.rule.level:g} (draws)")
    ax.axhline(0, color=GREY, lw=0.9)
    ax.set_xticks(range(len(steps)), [name for name, *_ in steps])
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y", color=LIGHT, lw=0.6)
    ax.use_sticky_edges = False
    ax.margins(y=0.1)
    ax.set_ylabel("t CO2e/ha")
    ax.set_title(f"{title}\ncomputed as in {one.rule.title}".strip(), fontsize=9.5)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14))
    if not passed:
        figure.suptitle(DO_NOT_USE, fontsize=9.5, x=0.01, ha="left", color=RED)
    return figure


def _steps(one: Credit) -> list[tuple[str, float, str, bool]]:
    """Name, height, colour of each bar, and whether it stands on zero; t CO2e/ha.

    The deduction is of the root of both variances, and its parts are shown by their shares of the variance.
    """
    lost = one.gain - one.credited
    variance = one.model_sd**2 + one.sampling_sd**2
    of_model = lost * one.model_sd**2 / variance if variance > 0 else 0.0
    steps = [
        ("gain", one.gain, BLUE, True),
        ("deducted:\nmodel", -of_model, ORANGE, False),
        ("deducted:\npoints", -(lost - of_model), PURPLE, False),
        ("credited", one.credited, BLUE, True),
    ]
    if np.isfinite(one.net):
        steps += [("buffer", -one.buffer / one.area, GREY, False), ("net", one.net / one.area, GREEN, True)]
    return steps


@styled
def measurement_ranking(ranked: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Share of the variance of the gain that each further measurement is expected to remove, best first.

    Parameters
    ----------
    ranked
        Result of :func:`socbayes.scenarios.next_measurements`.
    ax
        Axes to draw on; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = panel(ax, 1.3 + 0.4 * len(ranked))
    said = [f"{row.credited_rise:+,.3g} t CO2e credited" for row in ranked.itertuples()]
    bars_of(ax, ranked["measurement"].tolist(), 100 * ranked["narrowing"].to_numpy(), said)
    ax.set_xlabel("expected narrowing of the variance of the gain (percent)")
    ax.set_title("what to measure next, and what the rule is expected to credit more")
    if not table_converged(ranked):
        figure.suptitle(DO_NOT_USE, fontsize=9.5, x=0.01, ha="left", color=RED)
    return figure


def line_title(plan: str, baseline: str, group: str) -> str:
    """What a line of a sheet is of.

    Examples
    --------
    >>> line_title("cover_crop", "usual", "plots measured")
    'cover crop against usual, plots measured'
    """
    return f"{readable(plan)} against {readable(baseline)}, {group}"
