"""Figures of forecasts of field plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.core.structure import unknown
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.plots.style import BLUE, GREY, INK, Picture, in_unit, styled, summary
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3


@styled
def field_plots(forecasts: xr.Dataset, *, plots: Sequence[str] | None = None, fraction: str = "total") -> Figure:
    """Carbon of plots over the years beside what was measured, and where their treatment changes.

    Parameters
    ----------
    forecasts
        Of :func:`socbayes.models.field.forecast` or
        :func:`socbayes.models.field.average`, of many years.
    plots
        Which ones, in order; all by default.
    fraction
        Which stock.

    Returns
    -------
    matplotlib.figure.Figure
        Medians and equal-tailed intervals of stocks, without the error of
        measuring them; points are measurements. Those of a plot that share a
        borrowed bulk density may lie above or below together.

    Raises
    ------
    UnknownNameError
        For a plot or a fraction that the forecast does not have.
    SocbayesError
        For no plots.

    Examples
    --------
    >>> figure = sb.plots.field_plots(future, plots=["1", "2"])  # doctest: +SKIP
    """
    known = forecasts["plot"].to_numpy().astype(str).tolist()
    chosen = known if plots is None else [str(plot) for plot in plots]
    fractions = forecasts["fraction"].to_numpy().astype(str).tolist()
    if not chosen:
        raise SocbayesError("plots names none; leave it out to draw all")
    if strangers := [unknown("plot", name, known) for name in chosen if name not in known]:
        raise UnknownNameError(" ".join(strangers))
    if fraction not in fractions:
        raise UnknownNameError(unknown("fraction", fraction, fractions))
    years = forecasts["year"].to_numpy()
    across = min(COLUMNS, len(chosen))
    down = -(-len(chosen) // across)
    figure = Picture(figsize=(1.2 + 2.9 * across, 0.9 + 2.3 * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for ax in grid[len(chosen) :]:
        ax.remove()
    for ax in grid[max(0, len(chosen) - across) : len(chosen)]:
        ax.tick_params(labelbottom=True)  # also above a place that is empty
    several = len(np.unique(forecasts["treatment"])) > 1
    for ax, plot in zip(grid, chosen, strict=False):
        stock = forecasts["known"].sel(plot=plot, fraction=fraction).transpose("sample", "year").to_numpy()
        median, lower, upper = summary(stock)
        _, inner_lower, inner_upper = summary(stock, 0.5)
        ax.fill_between(years, lower, upper, color=BLUE, alpha=0.18, lw=0, label=f"{100 * CI_PROB:.0f} %")
        ax.fill_between(years, inner_lower, inner_upper, color=BLUE, alpha=0.3, lw=0, label="50 %")
        ax.plot(years, median, color=BLUE, lw=1.4, label="median")
        mine = (forecasts["measured_plot"] == plot) & (forecasts["measured_fraction"] == fraction)
        seen = forecasts["measured"].isel(measurement=mine.to_numpy())
        ax.plot(seen["measured_year"], seen, "o", color=INK, ms=3.5, label="measured")
        ax.set_title(plot)
        ax.margins(y=0.12)
        begun = np.isfinite(median)
        if several and begun.any():
            _name_treatments(ax, years[begun], forecasts["treatment"].sel(plot=plot).to_numpy()[begun].astype(str))
    name = "organic carbon" if fraction == "total" else f"{fraction.replace('_', ' ')} carbon"
    figure.supylabel(in_unit(name, "t/ha"), fontsize=9.5)
    figure.supxlabel(f"year\nbands: {INTERVAL_NAME}, darker 50 %", fontsize=9.5)
    handles = grid[0].get_legend_handles_labels()
    # Why a fit failed is in the attrs, and long.
    failed = "" if forecasts.attrs.get("converged", 1) else "THIS FIT DID NOT CONVERGE"
    legend = figure.legend(*handles, loc="outside upper right", ncols=4, title=failed)
    legend.get_title().set_color("#B00020")
    return figure


def _name_treatments(ax: Axes, years: np.ndarray, treatments: np.ndarray) -> None:
    """Write each treatment where it begins, with a line where it follows another."""
    begins = np.flatnonzero(np.concatenate([[True], treatments[1:] != treatments[:-1]]))
    for place in begins[1:]:
        ax.axvline(years[place], color=GREY, lw=0.8, ls=":")
    alone = len(begins) == 1  # then there is room for a long name from the edge on
    for place in begins:
        where, across = (0.0, "axes fraction") if alone else (years[place], "data")
        name = ax.annotate(f" {treatments[place]}", (where, 1.0), xycoords=(across, "axes fraction"), va="top",
                           fontsize=7.5, color="#444444")  # fmt: skip
        name.set_in_layout(False)  # a long name must not make the panel narrow


__all__ = ["field_plots"]
