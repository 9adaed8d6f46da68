"""The figure of a simulation-based calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.inference.calibration import BAND, band, calibration_table, ecdf, rank_fractions
from socbayes.plots.style import BLUE, GREEN, GREY, INK, LIGHT, ORANGE, PURPLE, RED, SKY, panel, styled

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = (ORANGE, BLUE, GREEN, PURPLE, SKY, RED)
"""Colours of the quantities outside the band that a legend names."""


@styled
def calibration_ecdf(ranks: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Distribution of the ranks of each quantity, less that of uniform ranks, and the band that should hold it.

    Quantities whose curve leaves the band are drawn in colour and named, the least likely first,
    as far as colours go; the rest of them is black.

    Parameters
    ----------
    ranks
        Result of :func:`socbayes.sbc`.
    ax
        Axes to draw on; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = panel(ax, 4.2)
    table, fractions = calibration_table(ranks), rank_fractions(ranks)
    outside = table[table["outside_band"]].sort_values("p_value").index.tolist()
    colours = dict(zip(outside, NAMED, strict=False))
    places = np.linspace(0, 1, 201)
    sizes = table["simulations"].to_numpy()
    lower, upper = band(int(np.median(sizes)), places)
    ax.fill_between(places, lower - places, upper - places, color=LIGHT, lw=0, label=f"{BAND:.0%} simultaneous band")
    for name, values in fractions.items():
        if not values.size:
            continue
        marked = name in outside
        ax.plot(
            places,
            ecdf(values, places) - places,
            color=colours.get(name, INK if marked else GREY),
            lw=1.4 if marked else 0.7,
            zorder=3 if marked else 2,
            alpha=1.0 if marked else 0.8,
            label=name if name in colours else None,
        )
    ax.axhline(0, color=INK, lw=0.6)
    ax.set_xlabel("rank of the true value, as a fraction")
    ax.set_ylabel("ECDF less uniform")
    model, failures = ranks.attrs.get("model", ""), ranks.attrs.get("failures", 0)
    ax.set_title(
        f"{model}: {ranks.sizes['simulation']} simulations, {failures} failed; "
        f"{len(outside)} of {len(table)} quantities outside the band"
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize="small")
    return figure
