"""Figures of a fit of the process model of carbon use efficiency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.facts import table_of
from socbayes.models.cue.scenarios import printed
from socbayes.plots.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
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


def hours_in_words(hours: float) -> str:
    """Incubation time as one says it.

    Examples
    --------
    >>> hours_in_words(6), hours_in_words(720)
    ('6 h', '30 days')
    """
    return f"{hours:g} h" if hours < 72 else f"{hours / 24:g} days"


@styled
def printed_efficiency(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """What each method would print of the same microbes, beside their intrinsic efficiency.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.cue.process``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    seen = printed(fitted)
    rows = ["intrinsic, free of method", *map(readable, seen["measurement_method"].to_numpy())]
    rows += [f"labelled {seen.attrs['substrate']}, {hours_in_words(hours)}" for hours in seen["hours"].to_numpy()]
    figure, ax = panel(ax, 1.1 + 0.34 * len(rows))
    places = rows_of(ax, rows)
    methods = seen.sizes["measurement_method"]
    intervals(ax, seen["intrinsic"].to_numpy()[:, None], places[:1], GREEN, size=7)
    intervals(ax, seen["printed"].to_numpy(), places[1 : 1 + methods], ORANGE)
    intervals(ax, seen["labelled"].to_numpy(), places[1 + methods :], BLUE)
    ax.axhline(places[0] - 0.5, color=INK, lw=0.6, ls=":")
    ax.set_xlim(0, 1)
    ax.set_xlabel(with_interval("carbon use efficiency at 15 °C in the typical study (fraction)"))
    return figure


@styled
def intrinsic_by_ecosystem(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Intrinsic efficiency by ecosystem, free of method and time, beside the mean of the printed values.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.cue.process``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table_of(fitted)
    values = fitted["posterior"].to_dataset()["intrinsic_efficiency_by_ecosystem"]
    ecosystems = [str(name) for name in values["ecosystem"].to_numpy()]
    draws = flat(values)
    order = np.argsort(-np.median(draws, axis=0))
    figure, ax = panel(ax, 1.3 + 0.4 * len(ecosystems))
    labels = [readable(ecosystems[i]) for i in order]
    if table is not None:
        count = table.groupby("ecosystem")["study"].nunique()
        labels = [f"{label} (studies: {count[ecosystems[i]]})" for label, i in zip(labels, order, strict=True)]
    places = rows_of(ax, labels)
    intervals(ax, draws[:, order], places, GREEN, label="intrinsic, 15 °C")
    if table is not None:
        means = table.groupby("ecosystem")["carbon_use_efficiency"].mean()
        ax.plot(means[[ecosystems[i] for i in order]], places, "D", mfc="white", mec=INK, ms=6, label="mean as printed")
    ax.set_xlim(0, 1)
    ax.set_xlabel(with_interval("carbon use efficiency (fraction)"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return figure


__all__ = [
    "intrinsic_by_ecosystem",
    "printed_efficiency",
]
