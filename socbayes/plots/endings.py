"""The figure of what stays of gains after their levers are given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.plots.projections import OF_PLANS, drawn_gains
from socbayes.plots.style import GREY, INK, LIGHT, RED, Picture, readable, styled, summary
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.projected import baseline_of, projects_in
from socbayes.vocabulary import INTERVAL_NAME

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from socbayes.scenarios.endings import Lasting


@styled
def gains_after(ended: Lasting) -> Figure:
    """Gain of every plan before and after its levers are given up, a panel for each climate, with half-lives.

    Parameters
    ----------
    ended
        Result of :func:`socbayes.scenarios.lasting`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    first = next(iter(ended.paths.values()))
    plans = projects_in(first)
    figure = Picture(figsize=(1.4 + 3.6 * len(ended.paths), 4.1), layout="constrained")
    panels = figure.subplots(1, len(ended.paths), sharey=True, squeeze=False)[0]
    half = False
    for ax, (climate, path) in zip(panels, ended.paths.items(), strict=True):
        years = path["year"].to_numpy().astype(float)
        for place, plan in enumerate(plans):
            colour = OF_PLANS[place % len(OF_PLANS)]
            median, lower, upper = summary(drawn_gains(path, plan))
            ax.fill_between(years, lower, upper, color=colour, alpha=0.2, lw=0)
            ax.plot(years, median, color=colour, lw=1.6, label=readable(plan))
            row = ended.table.query("climate == @climate and plan == @plan").iloc[0]
            when = ended.stopped + row["half_life"]
            if when <= years[-1]:
                half = True
                ax.plot(when, np.interp(when, years, median), "o", ms=6, mfc="white", mec=colour, mew=1.4, zorder=3)
        ax.axvline(ended.stopped, color=INK, lw=0.9, ls="--")
        ax.axhline(0, color=GREY, lw=0.9, zorder=0)
        ax.set_xlabel("year")
        ax.set_title(climate)
        ax.grid(axis="y", color=LIGHT, lw=0.6)
        ax.locator_params(axis="x", nbins=6)
    panels[0].set_ylabel(f"gain against {readable(baseline_of(first))} (t C/ha)")
    handles, labels = panels[0].get_legend_handles_labels()
    handles += panels[0].plot([], [], color=INK, lw=0.9, ls="--")
    labels.append(f"levers given up, {ended.stopped:g}")
    if half:
        handles += panels[0].plot([], [], "o", ms=6, mfc="white", mec=INK, mew=1.4)
        labels.append("median half-life of the gain")
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3))
    text = f"lines are medians, bands {INTERVAL_NAME}s"
    if ended.converged:
        figure.suptitle(text, fontsize=9.5, x=0.01, ha="left")
    else:
        figure.suptitle(f"{DO_NOT_USE}\n{text}", fontsize=9.5, x=0.01, ha="left", color=RED)
    return figure
