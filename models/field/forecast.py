"""Forecasts and hindcasts of field plots: those that were measured, and a new one beside them.

A known plot keeps its own input, initial stock and initial shares. A new plot
of a treatment, or of treatments one after the other, has their effects and
draws the rest from the spread between plots, so its uncertainty is what a
farmer next door should expect.
Both are stocks without the error of measuring them.

Structures disagree, so a forecast by one of them is too sure of itself.
:func:`average` mixes them, and says how much of the variance is between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.field.draws import (
    departing_pools,
    known_plots,
    new_plots,
    process_noise,
    stocks_of,
    variance_parts,
)
from socbayes.models.field.layout import Layout, lay_out, month_of, treatment_names
from socbayes.models.field.noise import visit_labels, visits
from socbayes.scenarios.draws import values_of, verdict
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
    parts: bool = False,
) -> xr.Dataset:
    """Stocks of every fraction in past or future years, on known plots and on a new one of each treatment.

    Parameters
    ----------
    fitted
        Fit of ``models.field``.
    obs, structure, fractions
        What the model was built from.
    drivers, parameters
        The same; by default those of the fit.
    management, weather
        The same tables, or tables that go on: what they say of the time up to
        the last sample is filled from that time alone, and where they end,
        months take the mean of their calendar month in it.
    years
        Decimal years.
    draws
        Posterior draws run.
    seed
        Seed of their choice and of the new plots.
    parts
        Whether to say what the variance is made of; takes four times as long.

    Returns
    -------
    xarray.Dataset
        ``known`` (sample, plot, year, fraction) and ``new`` (sample, new_plot,
        year, fraction), t/ha; NaN before the first sample of a plot. With
        ``parts`` also ``known_variance`` and ``new_variance`` (part, plot, year,
        fraction), (t/ha)²: parameters (rate constants and effects on rates),
        inputs, initial state, process noise if the model has it, and their
        interaction sum to the variance of the stock (see :func:`socbayes.models.field.draws.variance_parts`);
        ``observation`` is what one further measurement would add, NaN for a
        fraction that nobody measured. Beside them stand ``treatment`` (plot, year),
        and ``measured`` (measurement), t/ha, with its plot, year and fraction as
        coordinates, for :func:`socbayes.plots.field_plots`. ``attrs`` say
        whether the fit converged and what was assumed.

    Raises
    ------
    SocbayesError
        If the tables hold other plots, sites, treatments, first samples or, with process noise, other visits than
        the fit, or the structure, its drivers or its parameters are others.

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
    built = facts_of(fitted).spec.choices
    drivers, parameters = (
        built[name] if given is None else {key: float(value) for key, value in given.items()}
        for name, given in (("drivers", drivers), ("parameters", parameters))
    )
    data = lay_out(
        obs, management, weather, structure=chosen, fractions=fractions, drivers=drivers, parameters=parameters,
        until=float(wanted.max()),
    )  # fmt: skip
    asked = {"structure": chosen.name, "drivers": drivers, "parameters": parameters}
    for name, value in asked.items():
        if value != built[name]:
            raise SocbayesError(f"the fit was made with {name} {built[name]}, but {value} is asked for")
    posterior = fitted["posterior"]
    known = visits(data)
    here = {"plot": data.plots, "site": data.sites, "treatment": data.treatments, "pool": list(chosen.pools)}
    here["visit"] = visit_labels(data, known)
    for name, labels in here.items():
        told = posterior[name].to_numpy().astype(str).tolist() if name in posterior.coords else labels
        if told != labels:
            strangers = sorted(set(told) ^ set(labels)) or labels
            raise SocbayesError(f"the tables and the fit do not hold the same {name}s: {', '.join(strangers[:5])}")
    if moved := [data.plots[k] for k in np.flatnonzero(data.start != np.asarray(built["first_months"]))]:
        raise SocbayesError(f"the tables and the fit do not hold the same first samples of {', '.join(moved[:5])}")
    plots = data.plots
    values = values_of(fitted, draws, seed)
    weights = fraction_weights(chosen, fractions)
    pairs = list(zip(data.site_of_plot.tolist(), map(tuple, data.treatment_of_plot.tolist()), strict=True))
    firsts = np.array([pairs.index(pair) for pair in dict.fromkeys(pairs)])
    departing = departing_pools(data, posterior)
    everywhere = np.arange(len(plots))
    rng = np.random.default_rng(seed)
    at = {
        "known": (everywhere, known_plots(data, values, departing)),
        "new": (firsts, new_plots(data, values, departing, firsts, rng)),
    }
    for kind, visited in (("known", known), ("new", None)):
        at[kind][1].update(process_noise(data, values, visited, at[kind][0], wanted, rng))
    result: dict[str, Any] = {}
    for kind, dim, meaning in (
        ("known", "plot", "carbon of the plots measured"),
        ("new", "new_plot", "carbon of a plot not measured"),
    ):
        chosen_plots, factors = at[kind]

        def run(varied: Mapping[str, np.ndarray], chosen_plots: np.ndarray = chosen_plots) -> np.ndarray:
            return stocks_of(data, chosen_plots, varied, wanted, weights)

        if parts:
            stocks, variance = variance_parts(run, factors, chosen.carried)
            variance["observation"] = _observation_variance(stocks, values, posterior, list(weights))
            dims = ("part", dim, "year", "fraction")
            attrs = {"units": "(t/ha)^2", "long_name": f"variance of the {meaning}"}
            result[f"{kind}_variance"] = (dims, np.stack(list(variance.values())), attrs)
            result["part"] = list(variance)
        else:
            stocks = run(factors)
        result[kind] = (("sample", dim, "year", "fraction"), stocks, {"units": "t/ha", "long_name": meaning})
    month = month_of(wanted) - data.start[:, None]
    result["treatment"] = (("plot", "year"), treatment_names(data, month).astype(str))
    stock = ~data.fraction_is_flux
    result["measured"] = (
        "measurement",
        np.exp(data.observed[stock]),
        {"units": "t/ha", "long_name": "measured carbon"},
    )
    coords = {
        "plot": plots,
        "new_plot": [_place(data, position) for position in firsts],
        "year": wanted,
        "fraction": list(weights),
        "measured_plot": ("measurement", np.array(plots)[data.plot[stock]]),
        "measured_year": ("measurement", (data.month + data.start[data.plot])[stock] / 12.0),
        "measured_fraction": ("measurement", np.array(data.fractions)[data.fraction[stock]]),
    }
    return xr.Dataset(
        result, coords=coords, attrs=verdict(fitted) | {"structure": chosen.name, "notes": " ".join(data.notes)}
    )


def _place(data: Layout, plot: int) -> str:
    """Site of a plot and its treatments."""
    treatments = [data.treatments[position] for position, _ in groupby(data.treatment_of_plot[plot])]
    return f"{data.sites[data.site_of_plot[plot]]}, {' then '.join(treatments)}"


def _observation_variance(
    stocks: np.ndarray, values: Mapping[str, np.ndarray], posterior: Any, fractions: list[str]
) -> np.ndarray:
    """Variance that measuring once adds to stocks, (plot, year, fraction): multiplicative and without bias."""
    learned = np.full((len(stocks), len(fractions)), np.nan)
    for position, name in enumerate(posterior["fraction"].to_numpy().astype(str)):
        if name in fractions:
            learned[:, fractions.index(name)] = values["error"][:, position]
    return (stocks**2 * np.expm1(learned**2)[:, None, None, :]).mean(axis=0)


def average(
    forecasts: Mapping[str, xr.Dataset], weights: Mapping[str, float], *, draws: int = 1000, seed: int = 0
) -> xr.Dataset:
    """Mix forecasts of several structures, each with its weight.

    Parameters
    ----------
    forecasts
        By label, what :func:`forecast` returned for the same plots and years.
    weights
        By label, such as the column ``weight`` of
        :func:`socbayes.models.field.foresight.leave_future_out`; they are scaled
        to sum to one.
    draws
        Draws of the mixture, each structure's share of them by its weight.
    seed
        Seed of their choice.

    Returns
    -------
    xarray.Dataset
        As :func:`forecast`, of the fractions that all structures show, with the
        ``structure`` of each sample as a coordinate. Where the forecasts have
        parts of the variance, so has the mixture: each is the weighted mean
        over structures, and ``structures``, the weighted variance of their
        means, comes on top. Without ``observation`` they sum to the variance of
        the mixture.

    Raises
    ------
    SocbayesError
        If labels, plots or years differ, or weights are no weights.

    Examples
    --------
    >>> mixed = average({"RothC": first, "ICBM": second}, table["weight"])  # doctest: +SKIP
    >>> mixed["known_variance"].sel(part="structures")  # doctest: +SKIP
    """
    import xarray as xr

    shares = _shares_of(forecasts, weights)
    _require_alike(forecasts)
    first = next(iter(forecasts.values()))
    common = [
        name
        for name in first["fraction"].to_numpy().astype(str)
        if all(name in one["fraction"].to_numpy().astype(str) for one in forecasts.values())
    ]
    alike = {label: one.sel(fraction=common) for label, one in forecasts.items()}
    rng = np.random.default_rng(seed)
    counts = _allotted(shares, draws)
    pieces = []
    for label, one in alike.items():
        size = one.sizes["sample"]
        chosen = rng.choice(size, counts[label], replace=counts[label] > size)
        kept = one[["known", "new"]].isel(sample=chosen)
        pieces.append(kept.assign_coords(structure=("sample", [label] * counts[label])))
    result = xr.concat(pieces, dim="sample", join="exact", combine_attrs="override")
    seen = first["measured_fraction"].isin(common)
    result = result.assign(treatment=first["treatment"], measured=first["measured"].isel(measurement=seen))
    share = np.array(list(shares.values()))
    for kind in ("known", "new"):
        if all(f"{kind}_variance" in one for one in alike.values()):
            # A part that a structure does not have is none of its variance.
            listed = dict.fromkeys(part for one in alike.values() for part in one["part"].to_numpy().tolist())
            given = [one[f"{kind}_variance"] for one in alike.values()]
            each = [one.reindex(part=list(listed), fill_value=0.0).to_numpy() for one in given]
            within = np.tensordot(share, np.stack(each), 1)
            means = np.stack([one[kind].mean("sample").to_numpy() for one in alike.values()])
            between = np.tensordot(share, (means - np.tensordot(share, means, 1)) ** 2, 1)
            result.coords["part"] = ["structures", *listed]
            result[f"{kind}_variance"] = (given[0].dims, np.concatenate([between[None], within]), given[0].attrs)
    converged = [int(one.attrs.get("converged", 1)) for one in forecasts.values()]
    failures = [f"{label}: {one.attrs['failures']}" for label, one in forecasts.items() if one.attrs.get("failures")]
    result.attrs = {
        "converged": min(converged),
        "failures": "; ".join(failures),
        "structure": ", ".join(f"{label} {share:.2f}" for label, share in shares.items()),
        "notes": " ".join(dict.fromkeys(one.attrs.get("notes", "") for one in forecasts.values())),
    }
    return result


def _shares_of(forecasts: Mapping[str, xr.Dataset], weights: Mapping[str, float]) -> dict[str, float]:
    if set(forecasts) != set(weights.keys()):
        strangers = ", ".join(sorted(set(forecasts) ^ set(weights.keys())))
        raise SocbayesError(f"forecasts and weights are not of the same structures: {strangers}")
    chosen = {label: float(weights[label]) for label in forecasts}
    total = sum(chosen.values())
    if not total > 0 or min(chosen.values()) < 0:
        raise SocbayesError("weights have to be zero or more, and one of them above zero")
    return {label: weight / total for label, weight in chosen.items()}


def _require_alike(forecasts: Mapping[str, xr.Dataset]) -> None:
    first = next(iter(forecasts))
    for label, one in forecasts.items():
        for name in ("plot", "new_plot", "year"):
            if not np.array_equal(one[name].to_numpy(), forecasts[first][name].to_numpy()):
                raise SocbayesError(f"forecasts {first!r} and {label!r} are not of the same {name}s")


def _allotted(shares: Mapping[str, float], draws: int) -> dict[str, int]:
    """Whole numbers of draws in proportion to shares: rounded down, what remains to the largest remainders."""
    exact = {label: share * draws for label, share in shares.items()}
    counts = {label: int(value) for label, value in exact.items()}
    for label in sorted(exact, key=lambda label: counts[label] - exact[label])[: draws - sum(counts.values())]:
        counts[label] += 1
    return counts
