"""Figures of a fit of one soil incubation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.plots.style import BLUE, flat, intervals, panel, rows_of, styled, with_interval, zero_line

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = {"fast_rate": "common decline", "slow_rate": "loss in the long run", "k1": "first pool", "k2": "second pool"}
"""Rates of the model, and what each is the rate of."""


@styled
def incubation_rates(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Rates of the two pools, and those that the samples tell: of the common decline and of the loss in the long run.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.soil_incubation``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    figure, ax = panel(ax, 1.2 + 0.45 * len(RATES))
    draws = np.column_stack([flat(posterior[name]) for name in RATES])
    intervals(ax, draws, rows_of(ax, list(RATES.values())), BLUE)
    ax.set_xscale("symlog", linthresh=0.01)
    zero_line(ax)
    ax.set_xlabel(with_interval("rate (1/day)"))
    return figure


__all__ = ["incubation_rates"]
