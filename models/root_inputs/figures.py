"""Figures of how crops share out their carbon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.plots.style import flat, intervals, panel, rows_of, styled
from socbayes.vocabulary import ALLOCATION_RATIOS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["crop_roots"]


@styled
def crop_roots(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Roots over shoot of each crop, mature, in the typical study, on a log scale.

    Parameters
    ----------
    fitted
        A fit of ``root_inputs``.
    ax
        Axes to draw into.
    """
    posterior = fitted["posterior"].to_dataset()
    ratios = posterior["log_ratio"].sel(allocation_ratio=ALLOCATION_RATIOS[1])
    crops = [str(crop) for crop in ratios["crop"].to_numpy()]
    drawn = np.column_stack([np.exp(flat(ratios.sel(crop=crop))) for crop in crops])
    order = np.argsort(np.median(drawn, axis=0))
    figure, axes = panel(ax, 0.6 + 0.24 * len(crops))
    intervals(axes, drawn[:, order], rows_of(axes, [crops[place] for place in order]))
    axes.set_xscale("log")
    axes.set_xlabel("roots over shoot, of carbon")
    return figure
