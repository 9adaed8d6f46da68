"""Figures of a joint fit of what literatures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.joint.model import SHARED
from socbayes.plots.style import (
    BLUE,
    GREEN,
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
from socbayes.vocabulary import INTERVAL_NAME

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def shared_parameters(fitted: xr.DataTree) -> Figure:
    """Each shared parameter: common to the literatures, and of a soil of none of them.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.joint``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    figure = Picture(figsize=(7.8, 4.4), layout="constrained")
    for ax, (name, text) in zip(figure.subplots(2, 2).ravel(), SHARED.items(), strict=True):
        free = flat(posterior[f"{name}_common"])
        common = np.exp(free) if text["scale"] == "log" else 1.0 / (1.0 + np.exp(-free))
        places = rows_of(ax, ["common", "new soil"])
        intervals(ax, common[:, None], places[:1], BLUE)
        intervals(ax, flat(posterior[name])[:, None], places[1:], ORANGE)
        if text["scale"] == "log":
            ax.set_xscale("log")
        ax.set_xlabel(f"{readable(name)} ({text['unit']})")
    figure.supxlabel(f"{INTERVAL_NAME}, thick 50 %", fontsize=9)
    return figure


@styled
def conflict_of_literatures(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """How far literatures differ beyond their own uncertainty, by shared parameter.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.joint``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    conflict = fitted["posterior"].to_dataset()["conflict_sd"]
    names = [readable(name) for name in conflict["parameter"].to_numpy()]
    figure, ax = panel(ax, 1.2 + 0.4 * len(names))
    intervals(ax, flat(conflict), rows_of(ax, names), GREEN)
    ax.set_xlim(left=0)
    ax.set_xlabel(with_interval("spread between literatures on the scale without bounds (1)"))
    return figure


__all__ = [
    "conflict_of_literatures",
    "shared_parameters",
]
