"""Figures of a fit of the process model of priming, and of what it says of additions."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.priming.scenarios import NEW_SOIL
from socbayes.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    flat,
    intervals,
    panel,
    rows_of,
    styled,
    summary,
    with_interval,
    zero_line,
)
from socbayes.vocabulary import INTERVAL_NAME

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
LINEAR = 30.0
"""Priming (ug C/g) within which an axis is linear."""


@styled
def priming_of_jars(outcome: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Priming of every treatment on its last day, fitted against observed.

    Parameters
    ----------
    outcome
        Of :func:`socbayes.models.priming.scenarios.jar_outcomes`.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = panel(ax, 5.0, 6.4)
    observed, study = outcome["observed"].to_numpy(), outcome["study"].to_numpy()
    middle, low, high = summary(outcome["priming"].transpose("sample", "treatment").to_numpy())
    for colour, name in zip(cycle(COLOURS), np.unique(study), strict=False):
        at = study == name
        bars = [middle[at] - low[at], high[at] - middle[at]]
        ax.errorbar(observed[at], middle[at], bars, fmt="o", color=colour, ms=3, lw=0.8, label=str(name))
    reach = [min(observed.min(), low.min()), max(observed.max(), high.max())]
    ax.plot(reach, reach, color=GREY, lw=0.9, zorder=0)
    ax.set_xscale("symlog", linthresh=LINEAR)
    ax.set_yscale("symlog", linthresh=LINEAR)
    ax.set_xlabel("observed priming, mean of jars (µg C/g)")
    ax.set_ylabel(f"fitted priming (µg C/g)\n{INTERVAL_NAME} of the run")
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2)
    return figure


@styled
def priming_parts(outcome: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Priming by study and its two parts: from what is dead, and from the microbes themselves.

    Parameters
    ----------
    outcome
        Of :func:`socbayes.models.priming.scenarios.jar_outcomes`.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    studies, place = np.unique(outcome["study"].to_numpy(), return_inverse=True)
    figure, ax = panel(ax, 1.4 + 0.75 * len(studies))
    rows = rows_of(ax, [f"{name} (treatments: {(place == k).sum()})" for k, name in enumerate(studies)])
    kinds = (("priming", INK, "net"), ("priming_real", BLUE, "real"), ("priming_apparent", ORANGE, "apparent"))
    for shift, (name, colour, label) in zip((0.2, 0.0, -0.2), kinds, strict=True):
        draws = outcome[name].transpose("sample", "treatment").to_numpy()
        means = np.stack([draws[:, place == k].mean(axis=1) for k in range(len(studies))], axis=1)
        intervals(ax, means, rows + shift, colour, label=label)
    zero_line(ax)
    ax.set_xlabel(with_interval("native carbon lost by the last day (µg C/g)"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return figure


@styled
def addition_balance(response: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """What is kept of a dissolved dose less what it primed, by dose; every soil and a new one.

    Parameters
    ----------
    response
        Of :func:`socbayes.models.priming.scenarios.dose_response`.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = panel(ax, 4.0)
    balance = (100 * response["net_balance"] / response["dose"]).transpose("sample", "soil_run", "dose")
    doses = balance["dose"].to_numpy()
    known = balance.drop_sel(soil_run=NEW_SOIL)
    ax.plot(doses, np.median(known.to_numpy(), axis=0).T, color=GREY, lw=0.7, zorder=2)
    ax.plot([], [], color=GREY, lw=0.7, label="soils of the data, medians")
    middle, low, high = summary(balance.sel(soil_run=NEW_SOIL).to_numpy())
    ax.fill_between(doses, low, high, color=BLUE, alpha=0.2, lw=0, label=f"a new soil, {INTERVAL_NAME}")
    ax.plot(doses, middle, color=BLUE, lw=1.8, label="a new soil, median")
    ax.axhline(0, color=GREY, lw=0.9, zorder=0)
    ax.set_xscale("log")
    # A small dose that primes much would squeeze everything else.
    ax.set_ylim(max(-150.0, float(low.min()) - 5), min(150.0, max(100.0, float(high.max())) + 5))
    ax.set_xlabel("dose of dissolved carbon (µg C/g)")
    ax.set_ylabel("net balance (%) of the dose")
    ax.legend(loc="lower right")
    return figure


@styled
def nitrogen_on_depolymerisation(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Factor by which nitrogen multiplies depolymerisation, by soil and on average.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.priming.process`` to soils with and without nitrogen.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    soils = [str(name).split(": ")[-1] for name in posterior["soil_with_nitrogen"].to_numpy()]
    draws = np.column_stack([flat(posterior["nitrogen"]), flat(posterior["nitrogen_mean"])])
    figure, ax = panel(ax, 1.2 + 0.4 * draws.shape[1])
    rows = rows_of(ax, [*soils, "average soil"])
    intervals(ax, np.exp(draws[:, :-1]), rows[:-1], BLUE)
    intervals(ax, np.exp(draws[:, -1:]), rows[-1:], INK, size=7)
    ax.axvline(1, color=GREY, lw=0.9, zorder=0)
    ax.set_xscale("log")
    ticks = [0.1, 0.2, 0.5, 1, 2]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(with_interval("factor of nitrogen on depolymerisation (1)"))
    return figure


__all__ = [
    "addition_balance",
    "nitrogen_on_depolymerisation",
    "priming_of_jars",
    "priming_parts",
]
