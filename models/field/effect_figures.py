"""Figures of what a fit of field plots learned: rate constants, treatments, and where plots began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Picture,
    flat,
    intervals,
    panel,
    readable,
    rows_of,
    styled,
    with_interval,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def field_rate_constants(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Rate constants over their published values.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.field``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    constants = fitted["posterior"].to_dataset()["rate_constant"]
    names = [readable(name) for name in constants["constant"].to_numpy()]
    figure, ax = panel(ax, 1.2 + 0.4 * len(names))
    intervals(ax, np.exp(flat(constants)), rows_of(ax, names), BLUE)
    _factors(ax, "rate constant over its published value (1)")
    return figure


@styled
def field_treatment_effects(fitted: xr.DataTree) -> Figure:
    """What each treatment does to decomposition and to carbon input, as factors about the mean of treatments.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.field`` to two treatments or more.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    names = [readable(name) for name in posterior["treatment"].to_numpy()]
    figure = Picture(figsize=(7.8, 1.3 + 0.32 * len(names)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    shown = (("rate_effect", BLUE, "factor on decomposition (1)"), ("treatment_input", GREEN, "factor on input (1)"))
    for ax, (name, colour, label) in zip(panels, shown, strict=True):
        intervals(ax, np.exp(flat(posterior[name])), rows_of(ax, names), colour)
        _factors(ax, label)
    return figure


@styled
def field_initial_shares(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Share of each pool in the carbon of the first samples, average plot of each site.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.field`` with a structure of several pools.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    share = fitted["posterior"].to_dataset()["initial_share"]
    sites, pools = ([str(name) for name in share[dim].to_numpy()] for dim in ("site", "pool"))
    labels = [f"{site}: {readable(pool)}" if len(sites) > 1 else readable(pool) for site in sites for pool in pools]
    draws = 100 * flat(share.transpose(..., "site", "pool"))
    figure, ax = panel(ax, 1.2 + 0.3 * len(labels))
    intervals(ax, draws.reshape(draws.shape[0], -1), rows_of(ax, labels), ORANGE)
    ax.set_xlim(0, 100)
    ax.set_xlabel(with_interval("share of organic carbon at the first sample (%)"))
    return figure


def _factors(ax: Axes, label: str) -> None:
    """Make the axis one of factors about one."""
    ax.axvline(1, color=GREY, lw=0.9, zorder=0)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ticks = [tick for tick in (0.01, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 100) if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(with_interval(label))


__all__ = [
    "field_initial_shares",
    "field_rate_constants",
    "field_treatment_effects",
]
