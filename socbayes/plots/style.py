"""How every figure looks: one style, one palette, one way to draw an interval."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

STYLE: Any = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, RED = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#AA4499",
    "#56B4E9",
    "#E69F00",
    "#882255",
)
"""Colours told apart with any colour vision (Okabe and Ito 2008; Tol 2021)."""
INK, GREY, LIGHT = "#222222", "#888888", "#DDDDDD"

LABELS = {
    "water_18O": "¹⁸O in water",
    "substrate_label": "labelled substrate",
    "necromass_share": "necromass share",
    "soil_organic_carbon": "organic carbon",
    "manure_with_mineral_fertilizer": "manure + mineral fertilizer",
}


def readable(name: object) -> str:
    """Label of a category for a reader.

    Examples
    --------
    >>> readable("cover_crop"), readable("water_18O")
    ('cover crop', '¹⁸O in water')
    """
    return LABELS.get(str(name), str(name).replace("_", " "))


def styled[**P](draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the style of socbayes, and leave the settings of matplotlib as they were."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


class Picture(Figure):
    """A figure that a notebook shows although pyplot knows nothing of it."""

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=110)
        return image.getvalue()


def panel(ax: Axes | None, height: float, width: float = 7.2) -> tuple[Figure, Axes]:
    """Axes to draw on: the caller's, or those of a new figure that pyplot knows nothing of."""
    if ax is not None:
        figure = ax.get_figure(root=True)
        assert figure is not None
        return figure, ax
    figure = Picture(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def flat(draws: xr.DataArray) -> np.ndarray:
    """Draws of all chains; shape (draw, ...)."""
    values = draws.transpose("chain", "draw", ...).to_numpy()
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def summary(draws: np.ndarray, prob: float = CI_PROB) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, lower and upper limit over the first axis."""
    lower, median, upper = np.quantile(draws, [(1 - prob) / 2, 0.5, (1 + prob) / 2], axis=0)
    return median, lower, upper


def intervals(
    ax: Axes,
    draws: np.ndarray,
    places: Sequence[float] | np.ndarray,
    colour: str = BLUE,
    *,
    label: str | None = None,
    filled: Sequence[bool] | None = None,
    size: float = 5,
) -> None:
    """Median and equal-tailed intervals, 89 % thin and 50 % thick, one row each.

    Parameters
    ----------
    ax
        Where to draw.
    draws
        Shape (draw, row).
    places
        Height of each row.
    colour, label, size
        Of the marks.
    filled
        Whether a row has data of its own; an open mark says that it has not.
    """
    median, lower, upper = summary(draws)
    _, inner_lower, inner_upper = summary(draws, 0.5)
    filled = [True] * len(median) if filled is None else filled
    for row, place in enumerate(places):
        alpha = 1.0 if filled[row] else 0.45
        ax.plot([lower[row], upper[row]], [place, place], color=colour, lw=1.1, alpha=alpha, solid_capstyle="butt")
        ax.plot(
            [inner_lower[row], inner_upper[row]], [place, place], color=colour, lw=3, alpha=alpha, solid_capstyle="butt"
        )
        ax.plot(
            median[row],
            place,
            "o",
            ms=size,
            mfc=colour if filled[row] else "white",
            mec=colour,
            mew=1,
            zorder=3,
        )
    if label:
        ax.plot([], [], "o-", color=colour, ms=size, lw=2, label=label)


def rows_of(ax: Axes, labels: Sequence[str]) -> np.ndarray:
    """Name the rows of a forest from top to bottom and return their heights."""
    places = np.arange(len(labels), dtype=float)[::-1]
    ax.set_yticks(places, labels)
    ax.set_ylim(-0.7, len(labels) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=LIGHT, lw=0.6)
    return places


def zero_line(ax: Axes) -> None:
    """Mark no change."""
    ax.axvline(0, color=GREY, lw=0.9, zorder=0)


def with_interval(text: str) -> str:
    r"""Axis label that names the intervals drawn.

    Examples
    --------
    >>> with_interval("clay (percent)")
    'clay (percent)\n89 % equal-tailed interval, thick 50 %'
    """
    return f"{text}\n{INTERVAL_NAME}, thick 50 %"


def in_unit(text: str, unit: str) -> str:
    """Axis label with its unit; a pure number is said to be one.

    Examples
    --------
    >>> in_unit("temperature", "degC")
    'temperature (degC)'
    >>> in_unit("efficiency", "1")
    'efficiency (fraction)'
    """
    return f"{text} ({'fraction' if unit == '1' else unit})"
