"""Forecasts and hindcasts of field plots: those that were measured, and a new one beside them.

A known plot keeps its own input, initial stock and initial shares. A new plot
of a treatment has the treatment's effects and draws the rest from the spread
between plots, so its uncertainty is what a farmer next door should expect.
Both are stocks without the error of measuring them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError
from socbayes.models import field
from socbayes.models._plots import Layout, lay_out, month_of
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
        If the tables hold other plots than the fit.

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
    plots = [str(name) for name in fitted["posterior"]["plot"].to_numpy()]
    if plots != data.plots:
        strangers = sorted(set(plots) ^ set(data.plots))
        raise SocbayesError(f"the tables and the fit do not hold the same plots: {', '.join(strangers[:5])}")
    values = values_of(fitted, draws, seed)
    weights = fraction_weights(chosen, fractions)
    pairs = list(zip(data.site_of_plot.tolist(), data.treatment_of_plot.tolist(), strict=True))
    firsts = np.array([pairs.index(pair) for pair in dict.fromkeys(pairs)])
    departing = np.isin(chosen.pools, fitted["posterior"]["departing_pool"].to_numpy())
    drawn = _new_plots(data, values, departing, firsts, np.random.default_rng(seed))
    new = _stocks(data, firsts, drawn, wanted, weights)
    known = _stocks(data, np.arange(len(plots)), _known_plots(data, values, departing), wanted, weights)
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


def _shared(data: Layout, values: Mapping[str, np.ndarray], plots: np.ndarray) -> dict[str, np.ndarray]:
    """What a plot has from its site and treatment, (sample, plot)."""
    samples = values["site_stock"].shape[0]
    none = np.zeros((samples, plots.size))
    site, treatment = data.site_of_plot[plots], data.treatment_of_plot[plots]
    level = values["input_level" if "input_level" in values else "input_level_unstated"]
    rate, plant = none, none + level[:, None]
    if "site_rate" in values:
        rate = rate + values["site_rate"][:, site]
    if "rate_effect" in values:
        rate = rate + values["rate_effect"][:, treatment]
        plant = plant + values["treatment_input"][:, treatment]
    return {
        "rate": rate,
        "plant": plant,
        "manure": none + values["manure_level"][:, None] if "manure_level" in values else none,
        "stock": none + (data.initial + values["site_stock"])[:, site],
        "log_share": np.log(values["initial_share"])[:, site],
        "rate_constant": np.repeat(values["rate_constant"][:, None], plots.size, axis=1),
    }


def _known_plots(data: Layout, values: Mapping[str, np.ndarray], departing: np.ndarray) -> dict[str, np.ndarray]:
    """Each plot as it was learned, (sample, plot)."""
    shared = _shared(data, values, np.arange(len(data.plots)))
    departure = np.zeros(shared["log_share"].shape)
    departure[..., departing] = values["plot_departure"]
    return shared | {
        "plant": np.log(values["input_factor"]),
        "stock": values["log_initial_stock"],
        "log_share": shared["log_share"] + departure,
    }


def _new_plots(
    data: Layout,
    values: Mapping[str, np.ndarray],
    departing: np.ndarray,
    firsts: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """A further plot of each site and treatment, (sample, plot)."""
    shared = _shared(data, values, firsts)
    shape = shared["log_share"].shape
    departure = rng.standard_normal(shape) * departing
    spread = {name: values[f"plot_{name}_sd"][:, None] for name in ("stock", "departure")}
    between = values["plot_input_sd"][:, None] if "plot_input_sd" in values else 0.0
    return shared | {
        "plant": shared["plant"] + between * rng.standard_normal(shape[:-1]),
        "stock": shared["stock"] + spread["stock"] * rng.standard_normal(shape[:-1]),
        "log_share": shared["log_share"] + spread["departure"][..., None] * departure,
    }


def _stocks(
    data: Layout, plots: np.ndarray, at: Mapping[str, np.ndarray], years: np.ndarray, weights: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Stocks in t/ha, (sample, plot, year, fraction): all draws of all plots run side by side."""
    samples = at["rate"].shape[0]
    many = _repeated(data, plots, samples)
    month = month_of(years) - data.start[plots][:, None]
    when, place = np.unique(np.maximum(month, 0), return_inverse=True)
    flat = {name: value.reshape(samples * plots.size, *value.shape[2:]) for name, value in at.items()}
    flat["rate_constant"] = flat["rate_constant"].T
    # Run once: interpreted, it is done before a compiler would be.
    states = field.trajectories(many, flat, when).eval(mode="FAST_COMPILE")
    pools = states[..., : len(data.structure.pools)].reshape(when.size, samples, plots.size, -1)
    chosen = pools[place.reshape(month.shape), :, np.arange(plots.size)[:, None]]  # (plot, year, sample, pool)
    result = np.stack([(chosen * weight).sum(axis=-1) for weight in weights.values()], axis=-1)
    result[month < 0] = np.nan
    return np.moveaxis(result, 2, 0)


def _repeated(data: Layout, plots: np.ndarray, samples: int) -> Layout:
    """The runs of some plots once for every draw."""

    def tiled(value: Any) -> Any:
        return value if np.ndim(value) == 0 else np.tile(np.asarray(value)[..., plots], samples)

    return replace(
        data,
        plots=[data.plots[position] for position in plots] * samples,
        drivers={name: np.tile(value[:, plots], (1, samples)) if np.ndim(value) else value
                 for name, value in data.drivers.items()},
        constants={name: tiled(value) for name, value in data.constants.items()},
        carbon=tiled(data.carbon),
    )  # fmt: skip
