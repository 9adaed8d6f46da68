"""Figures of projections: gain paths of plans, gain against dose, and what the variance of a gain is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LIGHT,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    Picture,
    panel,
    readable,
    rows_of,
    styled,
    summary,
    zero_line,
)
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.projected import TOTAL, baseline_of, converged, plots_in, projects_in, require_projection
from socbayes.vocabulary import INTERVAL_NAME

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OF_PLANS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, RED)
KINDS = {"known": ("plot", "mean of the plots measured"), "new": ("new_plot", "a plot not measured")}
"""Dimension of each kind of plots, and what is drawn of it."""


def gains_of(projection: xr.Dataset, plan: str, kind: str = "known", fraction: str = TOTAL) -> np.ndarray:
    """Gain of a plan against the baseline, mean of all plots, t C/ha, (sample, year).

    Parameters
    ----------
    projection
        Stocks under several plans.
    plan
        One of them.
    kind
        ``known`` or ``new``.
    fraction
        Of carbon.
    """
    chosen = projection[kind].sel(fraction=fraction)
    gain = chosen.sel(plan=plan) - chosen.sel(plan=baseline_of(projection))
    values: np.ndarray = gain.mean(KINDS[kind][0]).transpose("sample", "year").to_numpy()
    return values


@styled
def gain_paths(projection: xr.Dataset, *, fraction: str = TOTAL) -> Figure:
    """Gain of every plan against the baseline through the years: plots measured, and one that was not.

    Parameters
    ----------
    projection
        Stocks under several plans, of the same draws.
    fraction
        Of carbon.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require_projection(projection, allow_failed=True)
    plans, years = projects_in(projection), projection["year"].to_numpy().astype(float)
    kinds = [kind for kind in KINDS if plots_in(projection, kind)]
    figure = Picture(figsize=(1.4 + 3.6 * len(kinds), 3.9), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for ax, kind in zip(panels, kinds, strict=True):
        for place, plan in enumerate(plans):
            colour = OF_PLANS[place % len(OF_PLANS)]
            median, lower, upper = summary(gains_of(projection, plan, kind, fraction))
            ax.fill_between(years, lower, upper, color=colour, alpha=0.2, lw=0)
            ax.plot(years, median, color=colour, lw=1.6, label=readable(plan))
        ax.axhline(0, color=GREY, lw=0.9, zorder=0)
        ax.set_xlabel("year")
        ax.set_title(KINDS[kind][1])
        ax.grid(axis="y", color=LIGHT, lw=0.6)
        ax.locator_params(axis="x", nbins=6)
    panels[0].set_ylabel(f"gain against {readable(baseline_of(projection))} (t C/ha)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(plans), 4))
    what = "" if fraction == TOTAL else f"{readable(fraction)} carbon; "
    _titled(figure, f"{what}lines are medians, bands {INTERVAL_NAME}s", converged(projection))
    return figure


@styled
def gain_against_dose(
    gains: Mapping[float, np.ndarray],
    *,
    lever: str,
    unit: str,
    evidence: tuple[float, float] | None = None,
    passed: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Gain against the dose of a lever.

    Parameters
    ----------
    gains
        Draws of the gain by dose, t C/ha, (sample,).
    lever, unit
        What is dosed, and the unit of a dose.
    evidence
        Smallest and largest dose that anybody has measured: beyond them the curve is drawn open.
    passed
        Whether the fit behind it passed its checks.
    ax
        Axes to draw on; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SocbayesError
        For fewer than two doses.
    """
    if len(gains) < 2:
        raise SocbayesError("a curve needs gains at two doses or more")
    figure, ax = panel(ax, 3.8)
    doses = np.array(sorted(gains), dtype=float)
    draws = np.stack([gains[dose] for dose in sorted(gains)], axis=1)
    median, lower, upper = summary(draws)
    _, inner_lower, inner_upper = summary(draws, 0.5)
    ax.fill_between(doses, lower, upper, color=BLUE, alpha=0.18, lw=0, label=INTERVAL_NAME)
    ax.fill_between(doses, inner_lower, inner_upper, color=BLUE, alpha=0.3, lw=0, label="50 %")
    ax.plot(doses, median, color=BLUE, lw=1.4, label="median")
    low, high = evidence or (doses[0], doses[-1])
    inside = (doses >= low) & (doses <= high)
    ax.plot(doses[inside], median[inside], "o", color=BLUE, ms=5)
    ax.plot(doses[~inside], median[~inside], "o", mfc="white", mec=BLUE, ms=5)
    if not inside.all():
        for edge in (low, high):
            if doses[0] < edge < doses[-1]:
                ax.axvline(edge, color=GREY, lw=0.9, ls=":")
        ax.plot([], [], "o", mfc="white", mec=BLUE, ms=5, label="beyond the range of evidence")
    ax.axhline(0, color=GREY, lw=0.9, zorder=0)
    ax.set_xlabel(f"{readable(lever)} ({'fraction' if unit == '1' else unit})")
    ax.set_ylabel("gain (t C/ha)")
    ax.set_title(f"gain against the dose of {readable(lever)}")
    ax.legend(loc="best")
    if not passed:
        _failed(figure)
    return figure


@styled
def variance_shares(shares: pd.DataFrame, *, passed: bool = True) -> Figure:
    """What the variance of the gain of each plan is made of, as bars of shares that sum to one.

    Parameters
    ----------
    shares
        A row for each plan and a column for each part; shares of the variance. A part below zero works against
        another.
    passed
        Whether the fit behind it passed its checks.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SocbayesError
        If the shares of a plan do not sum to one.
    """
    numbers = shares.to_numpy(dtype=float)
    if not numbers.size or not np.allclose(numbers.sum(axis=1), 1, atol=1e-3):
        raise SocbayesError("shares of the variance of each plan must sum to one")
    figure = Picture(figsize=(7.2, 1.7 + 0.5 * len(shares)), layout="constrained")
    ax = figure.subplots()
    places = rows_of(ax, [readable(name) for name in shares.index])
    right, left = np.zeros(len(shares)), np.zeros(len(shares))
    for place, part in enumerate(shares.columns):
        values = numbers[:, place]
        start = np.where(values >= 0, right, left)
        colour = OF_PLANS[place % len(OF_PLANS)] if place < len(OF_PLANS) else GREY
        ax.barh(places, 100 * values, left=100 * start, height=0.55, color=colour, label=readable(part))
        for at, value, begin in zip(places, values, start, strict=True):
            if abs(value) >= 0.07:
                ax.text(100 * (begin + value / 2), at, f"{100 * value:.0f}", ha="center", va="center", color="white",
                        fontsize=8.5)  # fmt: skip
        right, left = right + np.maximum(values, 0), left + np.minimum(values, 0)
    zero_line(ax)
    ax.set_xlabel("share of the variance of the gain (percent)")
    figure.legend(loc="outside lower center", ncols=4)
    _titled(figure, "what the variance of the gain is made of", passed)
    return figure


def _titled(figure: Figure, text: str, passed: bool) -> None:
    """Say what is drawn, and first of all whether it may be used."""
    if passed:
        figure.suptitle(text, fontsize=9.5, x=0.01, ha="left")
    else:
        figure.suptitle(f"{DO_NOT_USE}\n{text}", fontsize=9.5, x=0.01, ha="left", color=RED)


def _failed(figure: Figure) -> None:
    figure.suptitle(DO_NOT_USE, fontsize=9.5, x=0.01, ha="left", color=RED)


def bars_of(ax: Axes, names: Sequence[str], values: np.ndarray, text: Sequence[str]) -> None:
    """Horizontal bars with a text at the end of each.

    Parameters
    ----------
    ax
        Where to draw.
    names, values, text
        One for each bar, from top to bottom.
    """
    places = rows_of(ax, [readable(name) for name in names])
    ax.barh(places, values, height=0.55, color=BLUE)
    for place, value, said in zip(places, values, text, strict=True):
        ax.annotate(said, (max(value, 0), place), xytext=(5, 0), textcoords="offset points", va="center", color=INK,
                    fontsize=8.5)  # fmt: skip
    ax.set_xlim(right=max(1.3 * float(values.max()), 1e-9))
