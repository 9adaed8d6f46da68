"""Forecasts and hindcasts of field plots: those that were measured, and a new one beside them.

A known plot keeps its own input, initial stock and initial shares. A new plot
of a treatment has the treatment's effects and draws the rest from the spread
between plots, so its uncertainty is what a farmer next door should expect.
Both are stocks without the error of measuring them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError
from socbayes.models._field_runs import departing_pools, known_plots, new_plots, stocks_of
from socbayes.models._plots import lay_out
from socbayes.scenarios._draws import values_of, verdict
from socbayes.structures import get
from socbayes.structures.fractions import fraction_weights

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def forecast(
    fitted: xr.DataTree,
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    years: Sequence[float],
    structure: str | Structure = "rothc",
    fractions: Mapping[str, Any] | None = None,
    drivers: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
    draws: int = 500,
    seed: int = 0,
) -> xr.Dataset:
    """Stocks of every fraction in past or future years, on known plots and on a new one of each treatment.

    Parameters
    ----------
    fitted
        Fit of ``models.field``.
    obs, structure, fractions, drivers, parameters
        What the model was built from.
    management, weather
        The same tables, or tables that go on; where they end, months take the
        mean of their calendar month.
    years
        Decimal years.
    draws
        Posterior draws run.
    seed
        Seed of their choice and of the new plots.

    Returns
    -------
    xarray.Dataset
        ``known`` (sample, plot, year, fraction) and ``new`` (sample, new_plot,
        year, fraction), t/ha; NaN before the first sample of a plot. ``attrs``
        say whether the fit converged and what was assumed.

    Raises
    ------
    SocbayesError
        If the tables hold other plots, sites or treatments than the fit, or the structure other pools.

    Examples
    --------
    >>> import socbayes as sb
    >>> fitted = sb.open_run("runs/field")  # doctest: +SKIP
    >>> future = forecast(fitted, obs, management, years=[2030, 2050])  # doctest: +SKIP
    >>> future["known"].sel(fraction="total").mean("sample")  # doctest: +SKIP
    """
    import xarray as xr

    chosen = get(structure) if isinstance(structure, str) else structure
    wanted = np.asarray(years, dtype=float)
    data = lay_out(
        obs, management, weather, structure=chosen, fractions=fractions, drivers=drivers, parameters=parameters,
        until=float(wanted.max()),
    )  # fmt: skip
    posterior = fitted["posterior"]
    here = {"plot": data.plots, "site": data.sites, "treatment": data.treatments, "pool": list(chosen.pools)}
    for name, labels in here.items():
        told = posterior[name].to_numpy().astype(str).tolist() if name in posterior.coords else labels
        if told != labels:
            strangers = sorted(set(told) ^ set(labels)) or labels
            raise SocbayesError(f"the tables and the fit do not hold the same {name}s: {', '.join(strangers[:5])}")
    plots = data.plots
    values = values_of(fitted, draws, seed)
    weights = fraction_weights(chosen, fractions)
    pairs = list(zip(data.site_of_plot.tolist(), data.treatment_of_plot.tolist(), strict=True))
    firsts = np.array([pairs.index(pair) for pair in dict.fromkeys(pairs)])
    departing = departing_pools(data, posterior)
    drawn = new_plots(data, values, departing, firsts, np.random.default_rng(seed))
    new = stocks_of(data, firsts, drawn, wanted, weights)
    known = stocks_of(data, np.arange(len(plots)), known_plots(data, values, departing), wanted, weights)
    dims = ("year", "fraction")
    units = {"units": "t/ha"}
    return xr.Dataset(
        {
            "known": (("sample", "plot", *dims), known, units | {"long_name": "carbon of the plots measured"}),
            "new": (("sample", "new_plot", *dims), new, units | {"long_name": "carbon of a plot not measured"}),
        },
        coords={
            "plot": plots,
            "new_plot": [
                f"{data.sites[data.site_of_plot[i]]}, {data.treatments[data.treatment_of_plot[i]]}" for i in firsts
            ],
            "year": wanted,
            "fraction": list(weights),
        },
        attrs=verdict(fitted) | {"structure": chosen.name, "notes": " ".join(data.notes)},
    )
