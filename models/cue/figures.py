"""Figures of a fit of the carbon use efficiency model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.facts import table_of
from socbayes.models.cue.baseline import GRADIENT_METHOD, RECORDED_LIMITS
from socbayes.models.cue.published import PUBLISHED
from socbayes.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
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

_COLOURS = {
    "substrate_label": BLUE,
    "water_18O": ORANGE,
    "metabolic_flux": GREEN,
    "tracer_growth": PURPLE,
    "biomass_balance": SKY,
    "respiratory_quotient": YELLOW,
    "calorespirometry": RED,
    "stoichiometric_model": INK,
}
ALL = "average ecosystem"


@styled
def cue_by_method_and_ecosystem(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Forest of carbon use efficiency by measurement method and ecosystem.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.cue.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.lines import Line2D

    table = table_of(fitted)
    posterior = fitted["posterior"].to_dataset()
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    crossed = "cue_by_method_and_ecosystem" in posterior
    ecosystems = [str(name) for name in posterior["ecosystem"].to_numpy()] if crossed else []
    figure, ax = panel(ax, 1.4 + 0.62 * (1 + len(ecosystems)))
    places = rows_of(ax, [ALL, *map(readable, ecosystems)])
    offsets = np.linspace(0.28, -0.28, len(methods)) if len(methods) > 1 else np.zeros(1)
    for method, offset in zip(methods, offsets, strict=True):
        gradient_only = method == GRADIENT_METHOD
        draws = [flat(posterior["cue_by_method"].sel({"measurement_method": method}))]
        measured = [True]
        if crossed and not gradient_only:
            for ecosystem in ecosystems:
                draws.append(
                    flat(
                        posterior["cue_by_method_and_ecosystem"].sel(
                            {"measurement_method": method, "ecosystem": ecosystem}
                        )
                    )
                )
                measured.append(_measured(table, method, ecosystem))
        label = readable(method) + (" (temperature gradient only)" if gradient_only else "")
        colour = _COLOURS.get(method, GREY)
        intervals(ax, np.column_stack(draws), places[: len(draws)] + offset, colour, label=label, filled=measured)
    stated = {number.key.removeprefix("cue_"): number.value for number in PUBLISHED}
    for place, name in zip(places[1:], ecosystems, strict=True):
        if name in stated:
            ax.plot(stated[name], place, "D", mfc="white", mec=INK, ms=6, zorder=4)
    ax.plot(stated["mean"], places[0], "D", mfc="white", mec=INK, ms=6, zorder=4)
    handles, _ = ax.get_legend_handles_labels()
    handles.append(Line2D([], [], marker="D", mfc="white", mec=INK, ls="", label="published mean"))
    handles.append(Line2D([], [], marker="o", mfc="white", mec=GREY, color=GREY, alpha=0.6, label="no observation"))
    for boundary in (places[:-1] + places[1:]) / 2:
        ax.axhline(boundary, color="#EEEEEE", lw=0.8, zorder=0)
    ax.set_xlim(0, 1)
    ax.set_xlabel(with_interval("carbon use efficiency at 15 °C and 24 h in the typical study (fraction)"))
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)
    return figure


def _measured(table: pd.DataFrame | None, method: str, ecosystem: str) -> bool:
    """Whether a combination was observed; yes where the table is not at hand."""
    if table is None or "ecosystem" not in table:
        return True
    return bool(((table["measurement_method"] == method) & (table["ecosystem"] == ecosystem)).any())


@styled
def temperature_slopes(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Temperature slopes of single studies, alone and partially pooled, and of all studies together.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.cue.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table_of(fitted)
    posterior = fitted["posterior"].to_dataset()
    studies = (
        [str(name) for name in posterior["study_with_temperatures"].to_numpy()] if "study_slope" in posterior else []
    )
    alone = {name: least_squares(table[table["study"] == name]) for name in studies} if table is not None else {}
    studies.sort(key=lambda name: alone[name][1] if name in alone else 0.0)
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    rows = [*studies, "all rows, least squares", *(f"method: {readable(name)}" for name in methods)]
    rows += ["mean over methods", *(["between studies"] if "slope_between" in posterior else [])]
    figure, ax = panel(ax, 1.6 + 0.29 * len(rows))
    places = dict(zip(rows, rows_of(ax, rows), strict=True))

    ax.set_xlim(*_slope_limits(posterior))
    for name in studies:
        draws = flat(posterior["study_slope"].sel(study_with_temperatures=name)) / 4
        intervals(ax, draws[:, None], [places[name] + 0.13], BLUE)
        if name in alone:
            _least_squares_mark(ax, alone[name], places[name] - 0.17)
    if table is not None:
        _least_squares_mark(ax, least_squares(table), places["all rows, least squares"])
    for name in methods:
        draws = flat(posterior["slope_method"].sel({"measurement_method": name})) / 4
        intervals(ax, draws[:, None], [places[f"method: {readable(name)}"]], SKY)
    intervals(ax, flat(posterior["slope_mean"])[:, None] / 4, [places["mean over methods"]], BLUE, size=7)
    if "slope_between" in posterior:
        intervals(ax, flat(posterior["slope_between"])[:, None] / 4, [places["between studies"]], GREY)
    stated = next(number.value for number in PUBLISHED if number.key == "cue_slope")
    ax.plot(stated, places["all rows, least squares"], "D", mfc="white", mec=INK, ms=6)
    ax.plot([], [], "o-", color=BLUE, lw=2, label="partially pooled (model)")
    ax.plot([], [], "s-", color=ORANGE, lw=1, label="least squares, alone")
    ax.plot([], [], "D", mfc="white", mec=INK, label="published slope")
    zero_line(ax)
    if studies:
        ax.axhline(len(rows) - len(studies) - 0.5, color=GREY, lw=0.6, ls=":")
    ax.set_xlabel(with_interval("change of carbon use efficiency per degree, at an efficiency of 0.5 (1/°C)"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return figure


def least_squares(rows: pd.DataFrame) -> tuple[float, float]:
    """Fit a line to logit CUE over temperature: slope of CUE at 0.5 and its standard error (1/degC)."""
    rows = rows.dropna(subset=["incubation_temperature", "carbon_use_efficiency"])
    x = rows["incubation_temperature"].to_numpy(dtype="float64")
    cue = np.clip(rows["carbon_use_efficiency"].to_numpy(dtype="float64"), *RECORDED_LIMITS)
    y = np.log(cue) - np.log1p(-cue)
    if x.size < 2 or np.ptp(x) == 0:
        return np.nan, np.nan
    centred = x - x.mean()
    slope = (centred * y).sum() / (centred**2).sum()
    residual = y - y.mean() - slope * centred
    error = np.sqrt((residual**2).sum() / (x.size - 2) / (centred**2).sum()) if x.size > 2 else np.nan
    return float(slope) / 4, float(error) / 4


def _least_squares_mark(ax: Axes, estimate: tuple[float, float], place: float) -> None:
    """Slope and interval; a slope beyond the picture becomes an arrow with its number."""
    from scipy.stats import norm

    slope, error = estimate
    if not np.isfinite(slope):
        return
    low, high = ax.get_xlim()
    half = norm.ppf((1 + CI_PROB) / 2) * error
    if np.isfinite(half):
        ax.plot([max(slope - half, low), min(slope + half, high)], [place, place], color=ORANGE, lw=1)
    if low <= slope <= high:
        ax.plot(slope, place, "s", color=ORANGE, ms=4)
    else:
        edge, marker, side = (low, "<", 1) if slope < low else (high, ">", -1)
        ax.plot(edge, place, marker, color=ORANGE, ms=6, clip_on=False)
        ax.annotate(
            f"{slope:.2g}", (edge, place), xytext=(8 * side, -5), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", fontsize=8, color=ORANGE,
        )  # fmt: skip


def _slope_limits(posterior: xr.Dataset) -> tuple[float, float]:
    """Limits with room around every slope of the model; a wild slope of a study alone must not set them."""
    ends = [np.zeros(1)]
    for name in ("slope_method", "slope_mean", "slope_between", "study_slope"):
        if name in posterior:
            draws = flat(posterior[name])
            _, lower, upper = summary(draws.reshape(len(draws), -1))
            ends += [lower / 4, upper / 4]
    values = np.concatenate(ends)
    margin = 0.35 * np.ptp(values)
    return float(values.min() - margin), float(values.max() + margin)


@styled
def spread_shares(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Shares of the variance of published efficiencies that go with each cause.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.cue.baseline``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    share = fitted["posterior"].to_dataset()["spread_share"]
    causes = [str(name) for name in share["cause"].to_numpy()]
    draws = 100 * flat(share)
    median, lower, upper = summary(draws)
    order = np.argsort(-median)
    names = {"study": "study, all columns equal", "scatter": "scatter within a study"}
    figure, ax = panel(ax, 1.0 + 0.32 * len(causes))
    places = rows_of(ax, [names.get(causes[i], causes[i]) for i in order])
    biology = {"ecosystem", "temperature within studies", "temperature between studies"}
    colours = [GREEN if causes[i] in biology else GREY if causes[i] in names else ORANGE for i in order]
    ax.barh(places, median[order], color=colours, height=0.62, alpha=0.85)
    ax.hlines(places, lower[order], upper[order], color=INK, lw=1.2)
    for label, colour in (("environment", GREEN), ("how it was measured", ORANGE), ("not explained by a column", GREY)):
        ax.barh([0], [0], color=colour, label=label, alpha=0.85)
    ax.set_xlim(left=0)
    ax.set_xlabel(f"share of the variance of logit carbon use efficiency (%)\nline: {INTERVAL_NAME}")
    ax.legend(loc="lower right")
    return figure


__all__ = [
    "cue_by_method_and_ecosystem",
    "spread_shares",
    "temperature_slopes",
]
