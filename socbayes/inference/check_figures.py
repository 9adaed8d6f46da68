"""The figures of the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.inference.observed import NAMED, coordinate, label, silent
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from arviz_plots import PlotCollection
    from arviz_stats.utils import ELPDData
    from matplotlib.figure import Figure

BOUNDS = [f"eti{100 * CI_PROB:.0f}_lb", f"eti{100 * CI_PROB:.0f}_ub"]
"""Columns of a table that hold the bounds of an interval."""


def _own(collection: PlotCollection) -> Figure:
    """Figure of a plot collection, taken from pyplot so that a notebook shows it once."""
    import matplotlib.pyplot as plt

    figure = collection.viz["figure"].item()
    plt.close(figure)
    return figure


def _worst_numbers(fitted: xr.DataTree, table: pd.DataFrame, count: int = 3) -> xr.Dataset:
    """Pick the single number with the largest R-hat of each of the worst variables of a convergence table."""
    import arviz as az
    import xarray as xr

    chosen = {}
    for name in table.sort_values("r_hat", ascending=False).index[:count]:
        values = fitted["posterior"][name]
        r_hat = az.rhat(values)
        place = int(np.argmax(np.nan_to_num(r_hat.to_numpy().ravel(), nan=np.inf)))
        where = dict(zip(r_hat.dims, np.unravel_index(place, r_hat.shape), strict=True))
        title = f"{name}[{coordinate(r_hat, place)}]" if where else str(name)
        chosen[title] = values.isel({dim: int(index) for dim, index in where.items()}).reset_coords(drop=True)
    return xr.Dataset(chosen)


def rank_figure(fitted: xr.DataTree, table: pd.DataFrame) -> Figure:
    """Ranks of the draws of each chain, of the worst variables.

    Parameters
    ----------
    fitted
        A fit.
    table
        Convergence by variable.
    """
    import arviz as az
    import xarray as xr

    worst = _worst_numbers(fitted, table)
    tree = xr.DataTree.from_dict({"posterior": worst})
    with silent():
        collection = az.plot_rank(
            tree,
            backend="matplotlib",
            figure_kwargs={"figsize": (4 * len(worst.data_vars), 3.4), "sharey": True},
            visuals={"xlabel": {"text": "fractional rank"}, "title": {"size": 9}},
        )
    figure = _own(collection)
    figure.suptitle(
        "Ranks of the draws of each chain: worst three variables. Chains that agree stay near zero.", fontsize=10
    )
    return figure


def energy_figure(fitted: xr.DataTree) -> Figure:
    """Energy of the draws and of the steps between them.

    Parameters
    ----------
    fitted
        A fit.
    """
    import arviz as az

    with silent():
        figure = _own(az.plot_energy(fitted, backend="matplotlib", figure_kwargs={"figsize": (7, 3.4)}))
    figure.suptitle("Energy of the draws and of the steps between them: similar widths are good", fontsize=10)
    return figure


def predictive_figure(fitted: xr.DataTree, group: str, names: list[str]) -> Figure:
    """Observed values among data sets drawn from the model, as cumulative shares.

    Parameters
    ----------
    fitted
        A fit.
    group
        Group that holds the predictions.
    names
        Observed variables.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        drawn = fitted[group][name].transpose("chain", "draw", ...).to_numpy()
        predicted = drawn.reshape(drawn.shape[0] * drawn.shape[1], -1)
        data = np.sort(fitted["observed_data"][name].to_numpy().ravel())
        data = data[np.isfinite(data)]
        shares = np.linspace(0, 1, data.size)
        for row in predicted[:: max(1, len(predicted) // 40)]:
            finite = np.sort(row[np.isfinite(row)])
            axes.plot(finite, np.linspace(0, 1, finite.size), color="C0", alpha=0.25, lw=0.7)
        axes.plot([], [], color="C0", label=group.replace("_", " ") + " draw")
        axes.plot(data, shares, color="black", label="observed")
        finite = predicted[np.isfinite(predicted)]
        low, high = np.quantile(finite, [0.005, 0.995])
        axes.set(
            xlabel=label(name),
            ylabel="cumulative share",
            xlim=(min(low, data.min()), max(high, data.max())),
        )
        axes.legend(frameon=False, fontsize=8)
    return figure


def statistics_figure(table: pd.DataFrame) -> Figure:
    """Observed statistics against their predictive intervals.

    Parameters
    ----------
    table
        One row per variable and statistic, in the order to be shown.
    """
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(table.index.get_level_values("variable")))
    statistics = list(dict.fromkeys(table.index.get_level_values("statistic")))
    figure = Figure(figsize=(2 * len(statistics), 1.9 * len(names)), layout="constrained")
    figure.suptitle(f"Observed (point; red when missed) and replicated ({INTERVAL_NAME}) statistics", fontsize=10)
    grid = figure.subplots(len(names), len(statistics), squeeze=False)
    for row_axes, name in zip(grid, names, strict=True):
        for axes, statistic in zip(row_axes, statistics, strict=True):
            row = table.loc[(name, statistic)]
            axes.plot(row[BOUNDS], [0, 0], color="C0", lw=5, solid_capstyle="butt")
            axes.plot(row["observed"], 0, "o", color="C3" if row["missed"] else "black")
            axes.set_yticks([])
            axes.margins(x=0.4, y=1)
            axes.locator_params(axis="x", nbins=3)
            axes.set_title(statistic, fontsize=9)
        row_axes[0].set_ylabel(label(name).replace(" (", "\n("), fontsize=9)
    return figure


def khat_figure(scores: Mapping[str, ELPDData]) -> Figure:
    """Pareto k of every observation.

    Parameters
    ----------
    scores
        Result of ``arviz.loo`` by observed variable.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(scores), 3.4), layout="constrained")
    for axes, (name, score) in zip(figure.subplots(1, len(scores), squeeze=False)[0], scores.items(), strict=True):
        k = score.pareto_k.to_numpy().ravel()
        bad = ~(k <= score.good_k)
        axes.plot(np.flatnonzero(~bad), k[~bad], ".", ms=3, color="C0")
        axes.plot(np.flatnonzero(bad), k[bad], "o", ms=4, color="C3")
        axes.axhline(score.good_k, color="grey", lw=0.8)
        for place in [p for p in np.argsort(-np.nan_to_num(k)) if bad[p]][:NAMED]:
            axes.annotate(coordinate(score.pareto_k, place), (place, k[place]), fontsize=7, ha="center", va="bottom")
        axes.set(
            xlabel=f"observation of {label(name)}",
            ylabel="Pareto k",
            title=f"pull of each observation; line: {score.good_k:.2f}",
        )
        axes.title.set_fontsize(9)
    return figure


def pit_figure(values: xr.Dataset) -> Figure:
    """Excess of observations inside their interval when left out.

    Parameters
    ----------
    values
        Probability integral transforms by observed variable.
    """
    import arviz as az
    import xarray as xr

    names = [str(name) for name in values.data_vars]
    flat = xr.Dataset({label(name): (f"pit_{i}", values[name].to_numpy().ravel()) for i, name in enumerate(names)})
    with silent():
        collection = az.plot_ecdf_pit(
            xr.DataTree.from_dict({"loo_pit": flat}),
            group="loo_pit",
            sample_dims=list(flat.dims),
            coverage=True,
            backend="matplotlib",
            figure_kwargs={"figsize": (4.5 * len(names), 3.6)},
            visuals={"xlabel": {"text": "equal-tailed interval of an observation left out (%)"}, "remove_axis": False},
        )
    figure = _own(collection)
    figure.suptitle(
        "Excess share of observations inside their interval: above zero, too wide; below, too narrow", fontsize=10
    )
    return figure


def sensitivity_figure(table: pd.DataFrame, threshold: float) -> Figure:
    """Sensitivity to the prior against sensitivity to the data.

    Parameters
    ----------
    table
        Sensitivities by number.
    threshold
        Sensitivity above which a number counts as moved.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = figure.subplots()
    floor = 1e-3
    x, y = table["likelihood"].clip(lower=floor), table["prior"].clip(lower=floor)
    moved = table["prior"] > threshold
    axes.loglog(x[~moved], y[~moved], "o", color="C0", ms=4)
    axes.loglog(x[moved], y[moved], "o", color="C3", ms=4)
    axes.axhline(threshold, color="grey", lw=0.8)
    axes.axvline(threshold, color="grey", lw=0.8)
    for name in table.index[moved][np.argsort(-table["prior"][moved].to_numpy())][:NAMED]:
        axes.annotate(str(name), (x[name], y[name]), fontsize=7, xytext=(4, 3), textcoords="offset points")
    axes.set(
        xlabel="sensitivity to the data (power-scaling, unitless)",
        ylabel="sensitivity to the prior (power-scaling, unitless)",
        title=f"reported numbers; lines: {threshold:g}",
    )
    axes.title.set_fontsize(10)
    return figure
