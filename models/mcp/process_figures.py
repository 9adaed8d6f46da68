"""Figures of a fit of the process model of the microbial carbon pump."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.mcp.baseline import SECTORS
from socbayes.models.mcp.figures import SECTOR_COLOURS
from socbayes.models.mcp.scenarios import contraction, sector_probabilities
from socbayes.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    Picture,
    flat,
    intervals,
    readable,
    rows_of,
    styled,
    summary,
    with_interval,
    zero_line,
)
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

LEVER_UNITS = {
    "input": "input\nΔ ln (1)",
    "efficiency": "efficiency\nΔ logit (1)",
    "depolymerisation": "depolymerisation\nΔ ln (1)",
    "protection": "protection\nΔ ln (1)",
}


@styled
def pump_levers(fitted: xr.DataTree) -> Figure:
    """How far each practice moves each lever of the pump, in the average study.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.process``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    lever = fitted["posterior"].to_dataset()["practice_lever"]
    practices = [str(name) for name in lever["practice"].to_numpy()]
    draws = flat(lever)
    order = np.argsort(-np.median(draws[..., 0], axis=0))
    figure = Picture(figsize=(7.8, 1.5 + 0.27 * len(practices)), layout="constrained")
    grid = figure.subplots(1, lever.sizes["lever"], sharey=True)
    for ax, (place, name) in zip(grid, enumerate(lever["lever"].to_numpy()), strict=True):
        places = rows_of(ax, [readable(practices[i]) for i in order])
        values = draws[:, order, place]
        _, lower, upper = summary(values)
        sure = ((lower > 0) | (upper < 0)).tolist()
        intervals(ax, values, places, BLUE, filled=sure)
        zero_line(ax)
        ax.set_xlabel(LEVER_UNITS[str(name)])
    figure.supxlabel(f"{INTERVAL_NAME}, thick 50 %; open: the interval holds zero", fontsize=9)
    return figure


@styled
def pump_contraction(fitted: xr.DataTree) -> Figure:
    """What the data told of each lever: one less posterior over prior variance.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.mcp.process``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    share = 100 * contraction(fitted).transpose("practice", "lever").to_numpy().clip(0)
    posterior = fitted["posterior"].to_dataset()
    practices = [readable(name) for name in posterior["practice"].to_numpy()]
    order = np.argsort(-share.mean(axis=1))
    figure = Picture(figsize=(7.4, 1.2 + 0.27 * len(practices)), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(share[order], cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for row, i in enumerate(order):
        for column in range(share.shape[1]):
            colour = "white" if share[i, column] > 55 else INK
            ax.text(column, row, f"{share[i, column]:.0f}", ha="center", va="center", fontsize=8.5, color=colour)
    ax.set_yticks(range(len(order)), [practices[i] for i in order])
    ax.set_xticks(range(share.shape[1]), [readable(name) for name in posterior["lever"].to_numpy()])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    figure.colorbar(image, label="taken off the prior variance by the data (%)", shrink=0.7)
    return figure


@styled
def pump_forecast_sectors(forecasts: xr.Dataset, *, study: str = "new study") -> Figure:
    """Probability of each sector of the (n, s) plane after years of each practice.

    Parameters
    ----------
    forecasts
        Of :func:`socbayes.models.mcp.scenarios.forecast`.
    study
        ``"new study"`` or ``"average study"``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    share = 100 * sector_probabilities(forecasts["log_ratio"]).sel(study=study).transpose("practice", "year", "sector")
    practices = [str(name) for name in share["practice"].to_numpy()]
    gain = share.sel(sector=list(SECTORS[:2])).sum("sector").isel(year=-1).to_numpy()
    order = np.argsort(-gain)
    figure = Picture(figsize=(8.2, 1.7 + 0.27 * len(practices)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, share.sizes["year"], sharey=True))
    shown = [0, 1, 2, 6, 3, 4, 5]
    for ax, year in zip(grid, share["year"].to_numpy(), strict=True):
        places = rows_of(ax, [readable(practices[i]) for i in order])
        values = share.sel(year=year).to_numpy()[order]
        left = np.zeros(len(order))
        for sector in shown:
            ax.barh(
                places, values[:, sector], left=left, color=SECTOR_COLOURS[sector], height=0.75, label=SECTORS[sector]
            )
            left += values[:, sector]
        ax.set_xlim(0, 100)
        ax.set_title(f"after {year:g} years")
        ax.set_xlabel("probability (%)")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@styled
def pump_forecast_efficacy(forecasts: xr.Dataset) -> Figure:
    """Change of the necromass share after years of each practice, in the average and in a new study.

    Parameters
    ----------
    forecasts
        Of :func:`socbayes.models.mcp.scenarios.forecast`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    change = 100 * forecasts["efficacy_change"].transpose("sample", "study", "practice", "year")
    practices = [str(name) for name in change["practice"].to_numpy()]
    draws = change.to_numpy()
    order = np.argsort(-np.median(draws[:, 0, :, -1], axis=0))
    figure = Picture(figsize=(8.2, 1.5 + 0.27 * len(practices)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, change.sizes["year"], sharey=True, sharex=True))
    low, high = (1 - CI_PROB) / 2, (1 + CI_PROB) / 2
    for place, (ax, year) in enumerate(zip(grid, change["year"].to_numpy(), strict=True)):
        places = rows_of(ax, [readable(practices[i]) for i in order])
        ends = np.quantile(draws[:, 1, order, place], [low, high], axis=0)
        ax.hlines(places, *ends, color=GREY, lw=5, alpha=0.35, label="new study")
        intervals(ax, draws[:, 0, order, place], places, ORANGE, label="average study")
        zero_line(ax)
        ax.set_title(f"after {year:g} years")
    figure.supxlabel(with_interval("change of the necromass share, ΔE (percentage points)"), fontsize=9)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


__all__ = [
    "pump_contraction",
    "pump_forecast_efficacy",
    "pump_forecast_sectors",
    "pump_levers",
]
