"""Figures of a fit of effects of levers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.facts import facts_of
from socbayes.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    flat,
    intervals,
    panel,
    readable,
    rows_of,
    styled,
    with_interval,
    zero_line,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["lever_effects", "lever_factors", "lever_funnel", "lever_moderators"]


def effect_labels(fitted: xr.DataTree) -> list[str]:
    """Effects of a fit for a reader, such as ``"cover crop: organic carbon"``."""
    names = fitted["posterior"]["effect"].to_numpy()
    return [": ".join(readable(part) for part in str(name).split(": ")) for name in names]


@styled
def lever_effects(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Change with each lever in the typical study and in a new one.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.effects``.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    labels = effect_labels(fitted)
    figure, ax = panel(ax, 1.4 + 0.3 * len(labels))
    places = rows_of(ax, labels)
    zero_line(ax)
    new, typical = (100 * np.expm1(flat(posterior[name])) for name in ("log_ratio_new_study", "log_ratio"))
    intervals(ax, new, places - 0.18, GREY, label="new study")
    intervals(ax, typical, places + 0.12, BLUE, label="typical study")
    ax.set_xlabel(with_interval("change of carbon (percent)"))
    ax.legend(loc="best")
    return figure


def factor_labels(fitted: xr.DataTree) -> list[str]:
    """Levers of a fit through the core for a reader, each with what it acts on."""
    entries = facts_of(fitted).spec.choices["entries"]
    return [f"{readable(str(name))}, on {entries[str(name)]}" for name in fitted["posterior"]["lever"].to_numpy()]


@styled
def lever_factors(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Change of plant input or decomposition with each lever, in the typical study and in a new one.

    Parameters
    ----------
    fitted
        A fit of :mod:`socbayes.models.effects.factors`.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    posterior = fitted["posterior"].to_dataset()
    labels = factor_labels(fitted)
    figure, ax = panel(ax, 1.4 + 0.3 * len(labels))
    places = rows_of(ax, labels)
    zero_line(ax)
    # Of factors the logarithm is drawn: a few studies leave some lever with many times its input.
    intervals(ax, flat(posterior["log_factor_new_study"]), places - 0.18, GREY, label="new study")
    intervals(ax, flat(posterior["log_factor"]), places + 0.12, BLUE, label="typical study")
    ax.set_xlabel(with_interval("log factor on input or decomposition"))
    ax.legend(loc="best")
    return figure


@styled
def lever_moderators(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """Slopes of effects on what they depend on, per standard deviation of it.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.effects`` in which some lever has eight studies that state a moderator.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    slopes = fitted["posterior"].to_dataset()["slope"]
    labels = [readable(name) for name in slopes["slope_of"].to_numpy()]
    figure, ax = panel(ax, 1.4 + 0.26 * len(labels))
    places = rows_of(ax, labels)
    zero_line(ax)
    intervals(ax, flat(slopes), places, ORANGE)
    ax.set_xlabel(with_interval("change of the log ratio per standard deviation"))
    return figure


@styled
def lever_funnel(fitted: xr.DataTree, *, ax: Axes | None = None) -> Figure:
    """What small studies find beyond large ones, by lever: away from zero where publication is biased.

    Parameters
    ----------
    fitted
        A fit of ``socbayes.models.effects`` in which eight studies of some lever state how many samples they took.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    slopes = fitted["posterior"].to_dataset()["small_study"]
    labels = [readable(name) for name in slopes["lever_counted"].to_numpy()]
    figure, ax = panel(ax, 1.4 + 0.28 * len(labels))
    places = rows_of(ax, labels)
    zero_line(ax)
    intervals(ax, flat(slopes), places, BLUE)
    ax.set_xlabel(with_interval("slope of the log ratio on the root of 1/n of both arms"))
    return figure
