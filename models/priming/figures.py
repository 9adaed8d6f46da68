"""Figures of a fit of the priming model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.facts import table_of
from socbayes.models.priming.baseline import REFERENCE
from socbayes.models.priming.published import PUBLISHED
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
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

type Jars = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

_STUDY_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY, RED)
_LOG_RATIO = "log ratio of native CO₂, treated over control"


def _percent_axis(ax: Axes, side: str = "top") -> None:
    """Show the same change in percent on the other side."""
    ratios = (lambda y: 100 * np.expm1(np.clip(y, -20, 20)), lambda p: np.log1p(np.maximum(p, -99.9) / 100))
    if side == "top":
        ax.secondary_xaxis("top", functions=ratios).set_xlabel("change of native CO₂ (%)")
    else:
        ax.secondary_yaxis("right", functions=ratios).set_ylabel("change of native CO₂ (%)")


@styled
def priming_by_dose(fitted: xr.DataTree) -> Figure:
    """Priming over dose relative to microbial biomass: observed jars and the model's line.

    Jars whose biomass was not measured stand apart on the right.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.priming.baseline``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Picture(figsize=(7.2, 4.6), layout="constrained")
    ax, rest = figure.subplots(1, 2, sharey=True, width_ratios=[5, 1.3])
    jars = _jars(table_of(fitted))
    _draw_lines(ax, fitted["posterior"].to_dataset(), jars[0])
    _draw_jars(ax, rest, jars)
    ax.scatter([], [], marker="o", s=20, facecolors="none", edgecolors=GREY, label="open: nitrogen added")
    for axes in (ax, rest):
        axes.axhline(0, color=GREY, lw=0.9, zorder=0)
    ax.set_xscale("log")
    ax.set_xlabel("substrate carbon over microbial biomass carbon (1)")
    ax.set_ylabel(f"{_LOG_RATIO} (1)")
    rest.set_xticks([])
    rest.set_xlabel("biomass\nnot measured")
    rest.spines["left"].set_visible(False)
    rest.tick_params(axis="y", length=0)
    _percent_axis(rest, "right")
    ax.set_title(f"shading: {INTERVAL_NAME}")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_lines(ax: Axes, posterior: xr.Dataset, dose: np.ndarray) -> None:
    """Draw what the model says over the doses of jars: the average study, and one soil of a new one."""
    known = np.isfinite(dose)
    ends = (np.log10(dose[known].min()), np.log10(dose[known].max())) if known.any() else (-1.0, 1.0)
    grid = np.linspace(ends[0] - 0.15, ends[1] + 0.15, 60)
    decades = grid - np.log10(REFERENCE["dose_over_biomass"])
    average = flat(posterior["level"])[:, None] + flat(posterior["dose"])[:, None] * decades
    spread = np.sqrt(flat(posterior["study_sd"]) ** 2 + flat(posterior["soil_sd"]) ** 2)[:, None]
    # One standard normal for the whole line: a new study shifts as one.
    new = average + spread * np.random.default_rng(0).standard_normal(len(average))[:, None]
    x = 10**grid
    _, lower, upper = summary(new)
    ax.fill_between(x, lower, upper, color=BLUE, alpha=0.12, lw=0, label="one soil of a new study")
    lines = [("no nitrogen added", average, BLUE)]
    if "nitrogen_mean" in posterior:
        lines.append(("nitrogen added", average + flat(posterior["nitrogen_mean"])[:, None], ORANGE))
    for label, draws, colour in lines:
        median, lower, upper = summary(draws)
        ax.plot(x, median, color=colour, lw=1.8, label=f"average study, {label}")
        ax.fill_between(x, lower, upper, color=colour, alpha=0.22, lw=0)


def _draw_jars(ax: Axes, rest: Axes, jars: Jars) -> None:
    """Draw what was observed: over the dose where biomass is known, and beside it where it is not."""
    dose, ratio, nitrogen, study = jars
    known = np.isfinite(dose)
    jitter = np.random.default_rng(1).uniform(-0.3, 0.3, study.size)
    for number, name in enumerate(sorted(set(study))):
        marker, colour = "osD^vP*X"[number % 8], _STUDY_COLOURS[number % 7]
        look: dict[str, Any] = {"marker": marker, "s": 16, "linewidths": 0.8, "alpha": 0.8, "edgecolors": colour}
        for added in (0, 1):
            face = "none" if added else colour
            rows = (study == name) & (nitrogen == added)
            ax.scatter(dose[rows & known], ratio[rows & known], facecolors=face, **look)
            rest.scatter(number + jitter[rows & ~known], ratio[rows & ~known], facecolors=face, **look)
        ax.scatter([], [], marker=marker, s=20, color=colour, label=name)


def _jars(table: pd.DataFrame | None) -> Jars:
    """Dose over biomass, log ratio, nitrogen (0 or 1) and study of each jar; empty without a table."""
    if table is None:
        return np.array([]), np.array([]), np.array([]), np.array([], dtype=str)
    missing = np.full(len(table), np.nan)
    dose = table["substrate_dose"].to_numpy("float64") if "substrate_dose" in table else missing
    biomass = table["microbial_biomass"].to_numpy("float64") if "microbial_biomass" in table else missing
    ratio = np.log(table["native_co2_treated"].to_numpy("float64") / table["native_co2_control"].to_numpy("float64"))
    nitrogen = (table["added_nitrogen"] == "yes").to_numpy().astype(int)
    return dose / biomass, ratio, nitrogen, table["study"].astype(str).to_numpy().astype("U")


@styled
def priming_by_soil(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Forest of priming by soil, at a dose equal to biomass and without nitrogen.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.priming.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table_of(fitted)
    posterior = fitted["posterior"].to_dataset()
    by_soil = posterior["priming_log_ratio_by_soil"]
    soils = [str(name) for name in by_soil["soil"].to_numpy()]
    home = {} if table is None else dict(zip(table["soil"].astype(str), table["study"].astype(str), strict=True))
    study = [home.get(name, home.get(name.split(": ", 1)[-1], "")) for name in soils]
    draws = flat(by_soil)
    median = np.median(draws, axis=0)
    order = sorted(range(len(soils)), key=lambda i: (study[i], -median[i]))
    figure, ax = panel(ax, 1.5 + 0.23 * (len(soils) + 2))
    places = rows_of(ax, [*(soils[i] for i in order), "average study", "new study"])
    for number, name in enumerate(dict.fromkeys(study[i] for i in order)):
        rows = [row for row, i in enumerate(order) if study[i] == name]
        columns = [order[row] for row in rows]
        intervals(ax, draws[:, columns], places[rows], _STUDY_COLOURS[number % 7], label=name or None)
        if number:
            ax.axhline(places[rows[0]] + 0.5, color=LIGHT, lw=0.6)
    ax.axhline(1.5, color=GREY, lw=0.6, ls=":")
    intervals(ax, flat(posterior["priming_log_ratio"])[:, None], [1.0], INK)
    intervals(ax, flat(posterior["priming_log_ratio_new_study"])[:, None], [0.0], INK, filled=[False])
    zero_line(ax)
    ax.set_xlabel(with_interval(f"{_LOG_RATIO} (1)"))
    _percent_axis(ax)
    if home:
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def nitrogen_effect_by_soil(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Forest of the effect of added nitrogen on priming, by soil.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.priming.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    labels: list[str] = []
    columns: list[np.ndarray] = []
    if "nitrogen_effect_by_soil" in posterior:
        labels += [readable(name) for name in posterior["soil_with_nitrogen"].to_numpy()]
        columns += list(flat(posterior["nitrogen_effect_by_soil"]).T)
    labels.append("average soil")
    columns.append(flat(posterior["nitrogen_effect"]))
    figure, ax = panel(ax, 1.3 + 0.32 * len(labels))
    places = rows_of(ax, labels)
    if len(columns) > 1:
        intervals(ax, np.column_stack(columns[:-1]), places[:-1], BLUE)
    intervals(ax, columns[-1][:, None], places[-1:], INK, size=7)
    zero_line(ax)
    ax.set_xlabel(with_interval("change of the log ratio of native CO₂ with added nitrogen (1)"))
    return figure


@styled
def priming_new_study(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Priming to expect in one soil of a new study, with published means below it.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.priming.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from scipy.stats import gaussian_kde

    draws = flat(fitted["posterior"].to_dataset()["priming_log_ratio_new_study"])
    figure, ax = panel(ax, 4.2)
    low, high = np.quantile(draws, [0.003, 0.997])
    grid = np.linspace(low, high, 300)
    density = gaussian_kde(draws)(grid)
    density /= density.max()
    median, lower, upper = summary(draws, CI_PROB)
    inside = (grid >= lower) & (grid <= upper)
    ax.plot(grid, density, color=BLUE, lw=1.5)
    ax.fill_between(grid[inside], 0, density[inside], color=BLUE, alpha=0.25, lw=0)
    ax.plot(median, 0, "o", color=BLUE, ms=7, clip_on=False, zorder=4)
    for row, number in enumerate(PUBLISHED):
        place = -0.16 * (row + 1)
        limits = [number.value] if number.lower is None else [number.lower, number.value, number.upper]
        ratio = np.log1p(np.array(limits) / 100) if number.unit == "percent" else np.array(limits, dtype=float)
        ax.plot(ratio, np.full(ratio.size, place), color=INK, lw=1.5)
        ax.plot(ratio[ratio.size // 2], place, "D", mfc="white", mec=INK, ms=6)
        name = number.what.replace("log response ratio to litter", "litter additions").replace(
            "change of native CO₂ over all organic inputs", "all organic inputs"
        )
        ax.annotate(name, (ratio.max(), place), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8.5)
    ax.annotate("published means", (low, -0.16), va="center", fontsize=8.5, color="#444444", style="italic")
    zero_line(ax)
    ax.set_ylim(-0.16 * (len(PUBLISHED) + 1), 1.08)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{_LOG_RATIO} (1); shaded: {INTERVAL_NAME}, dot: median")
    _percent_axis(ax)
    return figure


__all__ = [
    "nitrogen_effect_by_soil",
    "priming_by_dose",
    "priming_by_soil",
    "priming_new_study",
]
