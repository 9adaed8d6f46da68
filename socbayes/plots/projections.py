"""Figures of projections: gain paths of plans, gain against dose, and what the variance of a gain is made of."""

from __future__ import annotations

from collections.abc import Sequence
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
from socbayes.scenarios.gains import gains_of
from socbayes.scenarios.levers import lever_called
from socbayes.scenarios.portfolios import portfolio
from socbayes.scenarios.projected import (
    DIMS,
    TOTAL,
    baseline_of,
    converged,
    plots_in,
    projects_in,
    require_projection,
    year_in,
)
from socbayes.vocabulary import INTERVAL_NAME

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OF_PLANS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, RED)
KINDS = {"known": "plots measured", "new": "a plot not measured"}
"""What is drawn of each kind of plots."""


def drawn_gains(projection: xr.Dataset, plan: str, kind: str = "known", fraction: str = TOTAL) -> np.ndarray:
    """Gain of a plan against the baseline, t C/ha, (draw, year): of all plots by their area, or of any one new plot.

    Draws of new plots are pooled: what one of them may gain is wider than the mean of several.

    Parameters
    ----------
    projection
        Stocks under several plans.
    plan
        One of them.
    kind
        ``known`` or ``new``, of which each counts alike.
    fraction
        Of carbon.
    """
    gains = gains_of(portfolio(projection) if kind == "known" else projection, kind, fraction).sel(plan=plan)
    values: np.ndarray = gains.transpose("sample", "plot", "year").to_numpy()
    return values.reshape(-1, values.shape[-1])


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
            median, lower, upper = summary(drawn_gains(projection, plan, kind, fraction))
            ax.fill_between(years, lower, upper, color=colour, alpha=0.2, lw=0)
            ax.plot(years, median, color=colour, lw=1.6, label=readable(plan))
        ax.axhline(0, color=GREY, lw=0.9, zorder=0)
        ax.set_xlabel("year")
        by_area = kind == "known" and "area" in projection.coords
        ax.set_title(KINDS[kind] + (", by their area" if by_area else ""))
        ax.grid(axis="y", color=LIGHT, lw=0.6)
        ax.locator_params(axis="x", nbins=6)
    panels[0].set_ylabel(f"gain against {readable(baseline_of(projection))} (t C/ha)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(plans), 4))
    what = "" if fraction == TOTAL else f"{readable(fraction)} carbon; "
    _titled(figure, f"{what}lines are medians, bands {INTERVAL_NAME}s", converged(projection))
    return figure


@styled
def gain_against_dose(
    curve: pd.DataFrame, lever: str, *, kind: str = "new", passed: bool = True, ax: Axes | None = None
) -> Figure:
    """Gain in the last year against the dose of a lever, a curve for each plot.

    Parameters
    ----------
    curve
        Result of :func:`socbayes.scenarios.response_curve`.
    lever
        What is dosed.
    kind
        ``known`` or ``new`` plots.
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
        For fewer than two doses, or no such plots.
    """
    chosen = curve[curve["kind"] == kind].sort_values("dose")
    if chosen["dose"].nunique() < 2:
        raise SocbayesError(f"a curve needs gains of {kind} plots at two doses or more")
    figure, ax = panel(ax, 3.8)
    for place, (label, rows) in enumerate(chosen.groupby("plot", sort=False)):
        colour = OF_PLANS[place % len(OF_PLANS)]
        inside = rows["within_evidence"].to_numpy(dtype=bool)
        ax.fill_between(rows["dose"], rows["gain_lower"], rows["gain_upper"], color=colour, alpha=0.18, lw=0)
        ax.plot(rows["dose"], rows["gain"], color=colour, lw=1.4, label=str(label))
        ax.plot(rows["dose"][inside], rows["gain"][inside], "o", color=colour, ms=5)
        ax.plot(rows["dose"][~inside], rows["gain"][~inside], "o", mfc="white", mec=colour, ms=5)
    if not chosen["within_evidence"].all():
        ax.plot([], [], "o", mfc="white", mec=INK, ms=5, label="dose beyond the evidence")
    told = lever_called(lever)
    ax.axhline(0, color=GREY, lw=0.9, zorder=0)
    ax.set_xlabel(f"dose of {readable(told.name)} ({told.unit})")
    ax.set_ylabel(f"gain (t C/ha)\nbands {INTERVAL_NAME}s")
    ax.set_title(f"gain against the dose of {readable(told.name)}")
    ax.legend(loc="best")
    if not passed:
        figure.suptitle(DO_NOT_USE, fontsize=9.5, x=0.01, ha="left", color=RED)
    return figure


@styled
def variance_shares(parts: xr.Dataset, *, year: float | None = None, kind: str = "known") -> Figure:
    """What the variance of the gain of each plan is made of, as bars of shares that sum to one.

    Parameters
    ----------
    parts
        Result of :func:`socbayes.scenarios.gain_variance`. A part below zero works against another.
    year
        The last by default.
    kind
        ``known`` or ``new`` plots; variances of plots are summed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SocbayesError
        If no plan has any variance in that year.
    """
    shares = shares_of(parts, year, kind)
    numbers = shares.to_numpy()
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
                ax.text(
                    100 * (begin + value / 2), at, f"{100 * value:.0f}", ha="center", va="center", color="white",
                    fontsize=8.5,
                )  # fmt: skip
        right, left = right + np.maximum(values, 0), left + np.minimum(values, 0)
    zero_line(ax)
    ax.set_xlabel("share of the variance of the gain (percent)")
    figure.legend(loc="outside lower center", ncols=4)
    _titled(figure, f"what the variance of the gain is made of, {KINDS[kind]}", converged(parts))
    return figure


def shares_of(parts: xr.Dataset, year: float | None = None, kind: str = "known") -> pd.DataFrame:
    """Shares of the variance of the gain, a row for each plan and a column for each part; those of a row sum to one.

    Parameters
    ----------
    parts, year, kind
        As for :func:`variance_shares`.

    Raises
    ------
    SocbayesError
        If no plan has any variance in that year.
    """
    import pandas as pd

    at = {"year": year_in(parts, year)}
    chosen = parts[kind].sel(at, method="nearest").sum(DIMS[kind][2]).transpose("plan", "part")
    numbers = pd.DataFrame(
        chosen.to_numpy(), index=chosen["plan"].to_numpy().tolist(), columns=chosen["part"].to_numpy().tolist()
    )
    total = numbers.sum(axis=1)
    if not (total > 0).any():
        raise SocbayesError(f"no gain of {at['year']:g} varies, so there is nothing to divide")
    return numbers[total > 0].div(total[total > 0], axis=0)


def _titled(figure: Figure, text: str, passed: bool) -> None:
    """Say what is drawn, and first of all whether it may be used."""
    if passed:
        figure.suptitle(text, fontsize=9.5, x=0.01, ha="left")
    else:
        figure.suptitle(f"{DO_NOT_USE}\n{text}", fontsize=9.5, x=0.01, ha="left", color=RED)


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
