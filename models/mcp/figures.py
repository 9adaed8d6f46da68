"""Figures of a fit of the microbial carbon pump model."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb

from socbayes.facts import facts_of, table_of
from socbayes.models.mcp.baseline import EQUIVALENCE_BAND, SECTORS
from socbayes.models.mcp.published import PUBLISHED
from socbayes.models.mcp.scenarios import sector_probabilities
from socbayes.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SKY,
    Picture,
    flat,
    intervals,
    panel,
    readable,
    rows_of,
    styled,
    summary,
    with_interval,
    zero_line,
)
from socbayes.vocabulary import CI_PROB

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECTOR_COLOURS = ("#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#882255", "#BBBBBB")
"""One colour per sector, in the order of ``socbayes.models.mcp.baseline.SECTORS``."""
TINTS = {colour: tuple(1 - 0.2 * (1 - part) for part in to_rgb(colour)) for colour in SECTOR_COLOURS}
"""The same colours, pale and opaque, for what lies behind data."""


def _responses(draws: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios of organic carbon and of necromass; shape (draw, practice)."""
    return flat(draws.sel(response="soil_organic_carbon")), flat(draws.sel(response="necromass"))


@styled
def pump_plane(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Necromass against organic carbon: the six sectors, the observed pairs and the practices.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    s, n = _responses(fitted["posterior"].to_dataset()["log_ratio"])
    figure, ax = panel(ax, 5.0)
    x, y = _pairs(fitted)
    # A square inside the outermost few pairs, wider than high: names of sectors need room on the sides.
    reach = float(np.clip(np.quantile(np.abs([*x, *y]), 0.985) * 1.15, 0.3, 2.0)) if x.size else 0.5
    wide = 1.4 * reach
    _shade_sectors(ax, (-wide, wide), (-reach, reach), _band(fitted))
    _name_sectors(ax, wide, reach, _band(fitted))
    ax.plot(x, y, "o", ms=3, color=INK, alpha=0.4, mec="none", label="observed pair")
    ax.plot(
        np.median(s, axis=0), np.median(n, axis=0), "o", ms=6, color=ORANGE, mec="white", mew=0.8,
        label="average study of a practice (posterior median)",
    )  # fmt: skip
    beyond = int(((np.abs(x) > wide) | (np.abs(y) > reach)).sum())
    if beyond:
        ax.set_title(f"outside the picture: {beyond} of {x.size} pairs", fontsize=9)
    ax.set_ylabel("log ratio of necromass, n (1)")
    ax.set_xlabel("log ratio of organic carbon, s (1)")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def pump_practices(fitted: xr.DataTree) -> Figure:
    """One small (n, s) plane per practice: pairs observed, average study and new study.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.baseline``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table_of(fitted)
    ratio = fitted["posterior"].to_dataset()["log_ratio"]
    practices = [str(name) for name in ratio["practice"].to_numpy()]
    s, n = _responses(ratio)
    new_s, new_n = _responses(fitted["posterior"].to_dataset()["log_ratio_new_study"])
    order = np.argsort(-np.median(n, axis=0))
    columns = min(5, len(practices))
    rows = -(-len(practices) // columns)
    figure = Picture(figsize=(7.8, 1.7 * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    outlines = np.concatenate([_ellipse(new_s[:, i], new_n[:, i]) for i in order])
    reach = float(np.quantile(np.abs(outlines), 0.97) * 1.05)
    x, y = _pairs(fitted)
    practice = table["practice"].astype(str).to_numpy() if table is not None else np.array([])
    for ax, i in zip(grid.flat, order, strict=False):
        _shade_sectors(ax, (-reach, reach), (-reach, reach), _band(fitted))
        title = readable(practices[i])
        if practice.size == x.size:
            mine = practice == practices[i]
            ax.plot(x[mine], y[mine], "o", ms=2.5, color=INK, alpha=0.5, mec="none")
            title += f" ({mine.sum()})"
        ax.fill(*_ellipse(s[:, i], n[:, i]).T, color=BLUE, alpha=0.45, lw=0)
        ax.plot(*_ellipse(new_s[:, i], new_n[:, i]).T, color=BLUE, lw=1.1, ls=(0, (3, 1.5)))
        ax.set_title("\n".join(wrap(title, 21)), fontsize=8, va="bottom")
        ax.tick_params(labelsize=7.5)
        ax.locator_params(nbins=5)
    for ax in list(grid.flat)[len(practices) :]:
        ax.set_visible(False)
    # Panels above an empty place keep the numbers of their axis.
    for column in range(columns):
        last = max(row for row in range(rows) if row * columns + column < len(practices))
        grid[last, column].tick_params(labelbottom=True)
    figure.supxlabel("log ratio of organic carbon, s (1)", fontsize=9.5)
    figure.supylabel("log ratio of necromass, n (1)", fontsize=9.5)
    share = f"{100 * CI_PROB:.0f} %"
    ax = grid.flat[0]
    ax.fill([], [], color=BLUE, alpha=0.45, label=f"average study: ellipse with {share} of the posterior")
    ax.plot([], [], color=BLUE, lw=1.1, ls=(0, (3, 1.5)), label=f"new study: ellipse with {share}")
    ax.plot([], [], "o", ms=3, color=INK, label="observed pair")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    return figure


def _pairs(fitted: xr.DataTree) -> tuple[np.ndarray, np.ndarray]:
    """Observed log ratios of organic carbon and of necromass; empty for a fit without its data."""
    if "observed_data" not in fitted.children:
        return np.array([]), np.array([])
    pairs = fitted["observed_data"].to_dataset()["pair_log_ratio"]
    return pairs.sel(response="soil_organic_carbon").to_numpy(), pairs.sel(response="necromass").to_numpy()


def _band(fitted: xr.DataTree) -> float:
    return float(facts_of(fitted).spec.choices.get("equivalence_band", EQUIVALENCE_BAND))


def _shade_sectors(ax: Axes, x: tuple[float, float], y: tuple[float, float], band: float) -> None:
    """Colour the sectors, draw the band of no practical change and the line of equal change."""
    # Corners beyond the picture: each sector is a triangle or a square of the plane.
    far = 2 * max(abs(value) for value in (*x, *y))
    corners = (
        [(0, 0), (far, far), (0, far)],
        [(0, 0), (far, far), (far, 0)],
        [(0, 0), (0, far), (-far, far), (-far, 0)],
        [(0, 0), (far, 0), (far, -far), (0, -far)],
        [(0, 0), (-far, 0), (-far, -far)],
        [(0, 0), (0, -far), (-far, -far)],
        [(-band, -band), (band, -band), (band, band), (-band, band)],
    )
    for outline, colour in zip(corners, SECTOR_COLOURS, strict=True):
        ax.fill(*zip(*outline, strict=True), color=TINTS[colour], lw=0, zorder=0)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.axvline(0, color=GREY, lw=0.8)
    line = np.array([max(x[0], y[0]), min(x[1], y[1])])
    ax.plot(line, line, color=GREY, lw=0.8, ls="--")
    ax.set_xlim(*x)
    ax.set_ylim(*y)
    ax.plot(np.array([-1, 1, 1, -1, -1]) * band, np.array([-1, -1, 1, 1, -1]) * band, color=GREY, lw=0.8)


def _name_sectors(ax: Axes, wide: float, reach: float, band: float) -> None:
    """Write the name of each sector where it is widest, away from the pairs."""
    places = {
        0: (0.02 * wide, 0.9 * reach, "left"),
        1: (0.98 * wide, 0.32 * reach, "right"),
        2: (-0.98 * wide, 0.62 * reach, "left"),
        3: (0.98 * wide, -0.62 * reach, "right"),
        4: (-0.98 * wide, -0.32 * reach, "left"),
        5: (-0.02 * wide, -0.9 * reach, "right"),
    }
    for number, (where_x, where_y, side) in places.items():
        text = SECTORS[number].replace(", ", ",\n")
        ax.annotate(text, (where_x, where_y), ha=side, va="center", fontsize=8.5, color=INK)
    ax.annotate(
        SECTORS[6], (band, -band), xytext=(18, -26), textcoords="offset points", fontsize=8.5,
        arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.7}, color=INK,
    )  # fmt: skip


def _ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Outline that holds 89 % of a bivariate normal with the mean and covariance of the draws; shape (point, 2)."""
    from scipy.stats import chi2

    covariance = np.cov(x, y)
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, 90)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    radius = np.sqrt(chi2.ppf(CI_PROB, 2) * np.maximum(values, 0))
    return np.array([x.mean(), y.mean()]) + (circle * radius) @ vectors.T


@styled
def pump_sectors(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Probability of each sector in a new study of each practice, as stacked bars.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    band = _band(fitted)
    new_study = fitted["posterior"]["log_ratio_new_study"]
    table = 100 * sector_probabilities(new_study, band).transpose("practice", "sector").to_pandas()
    # Sectors in which the necromass share rises come first.
    order = [0, 2, 4, 6, 1, 3, 5]
    table = table.iloc[np.argsort(-table.iloc[:, [0, 2, 4]].sum(axis=1).to_numpy())]
    figure, ax = panel(ax, 1.9 + 0.29 * len(table))
    places = rows_of(ax, [readable(name) for name in table.index])
    left = np.zeros(len(table))
    for number in order:
        share = table.iloc[:, number].to_numpy()
        ax.barh(places, share, left=left, height=0.75, color=SECTOR_COLOURS[number], label=SECTORS[number])
        for place, start, width in zip(places, left, share, strict=True):
            if width >= 9:
                ax.text(
                    start + width / 2, place, f"{width:.0f}", ha="center", va="center", fontsize=8,
                    color="white" if number in (0, 5) else INK,
                )  # fmt: skip
        left += share
    ax.set_xlim(0, 100)
    ax.set_xlabel(f"probability in a new study (%)\nno practical change: both log ratios within ±{band:g}")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def efficacy_change(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Forest of the change of the necromass share by practice.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    change = fitted["posterior"].to_dataset()["efficacy_change"]
    draws = 100 * flat(change)
    median, _, _ = summary(draws)
    order = np.argsort(-median)
    names = [readable(name) for name in change["practice"].to_numpy()]
    figure, ax = panel(ax, 1.1 + 0.27 * len(names))
    places = rows_of(ax, [names[i] for i in order])
    intervals(ax, draws[:, order], places, BLUE)
    zero_line(ax)
    ax.set_xlabel(with_interval("change of the necromass share in the average study (percentage points)"))
    return figure


@styled
def necromass_share(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Forest of the necromass share by ecosystem, with published means.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    ecosystems = [str(name) for name in posterior["ecosystem"].to_numpy()]
    figure, ax = panel(ax, 1.5 + 0.5 * len(ecosystems))
    places = rows_of(ax, [readable(name) for name in ecosystems])
    intervals(ax, 100 * flat(posterior["necromass_share"]), places + 0.14, SKY, label="typical study")
    intervals(ax, 100 * flat(posterior["necromass_share_mean"]), places - 0.14, ORANGE, label="mean over studies")
    stated = {
        number.key.removeprefix("share_"): number.value for number in PUBLISHED if number.key.startswith("share_")
    }
    for place, name in zip(places, ecosystems, strict=True):
        if name in stated:
            ax.plot(stated[name], place - 0.14, "D", mfc="white", mec=INK, ms=6, zorder=4)
    ax.plot([], [], "D", mfc="white", mec=INK, label="published mean")
    ax.set_xlabel(with_interval("necromass share of organic carbon at 10 cm and 20 % clay (%)"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)
    return figure


__all__ = [
    "efficacy_change",
    "necromass_share",
    "pump_plane",
    "pump_practices",
    "pump_sectors",
]
