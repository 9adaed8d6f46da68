"""Forecasts and hindcasts of field plots: those that were measured, those beside them, and those nobody has seen.

A known plot keeps its own input, initial stock and initial shares. A new plot
of a treatment, or of treatments one after the other, has their effects and
draws the rest from the spread between plots, so its uncertainty is what a
farmer next door should expect. A plot of its own description starts from its
own first value, with its own management and weather.
All are stocks without the error of measuring them; :func:`with_measurement_error` adds it: that of each sample, and
the one that all samples of a date share, from which differences between plots of a date are free.

Structures disagree, so a forecast by one of them is too sure of itself.
:func:`average` mixes them, and says how much of the variance is between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.field.draws import (
    SITE_SPREAD,
    Draws,
    draws_of,
    fitted_to,
    largest_pool,
    new_plots,
    process_noise,
    stocks_of,
    variance_parts,
)
from socbayes.models.field.effects import LEVELS, of_known_plots
from socbayes.models.field.faults import require_sound
from socbayes.models.field.layers import DEPTH_TOLERANCE
from socbayes.models.field.layout import Layout, lay_out
from socbayes.models.field.management import ASSUMED_INPUT, carbon_inputs
from socbayes.models.field.measurements import ASSUMED_STOCK
from socbayes.models.field.noise import visits
from socbayes.models.field.occasions import SPREAD, error_given, errors_at, spreads_of
from socbayes.models.field.plots import PLACE, month_of, places_of
from socbayes.models.field.setup import setup_of_fit
from socbayes.models.field.tables import FieldTables, judged, tables_of_fit, with_plan
from socbayes.observations import DENSITY_ERROR, Observation
from socbayes.scenarios.draws import values_of, verdict
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

UNIT = "t/ha"
SITE_OF = {"known": "site_of_plot", "new": "site_of_new_plot"}
"""Coordinates with the site of each plot, where plots of a site share errors of dates."""


def forecast(
    fitted: xr.DataTree,
    *,
    years: Sequence[float],
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    structure: str | Structure | None = None,
    draws: int = 500,
    seed: int = 0,
    parts: bool = False,
) -> xr.Dataset:
    """Stocks of every fraction in past or future years, on known plots and on a new one of each treatment.

    Everything about the past is in the fit: its tables are kept with it.

    Parameters
    ----------
    fitted
        Fit of ``models.field``.
    years
        Decimal years.
    management
        A plan, of schema ``field_management``: what is done after the last samples. On the plots that its rows are
        about it takes the place of all that the fit knows from its first year on; other plots go on as they would.
        Where management, or the plan, ends, manure and cover go on as in the last years before the last sample, and
        inputs take the mean of their calendar month. Rows that the fit has already may be given again.
    weather
        Weather after the last samples, of schema ``field_weather``. Where weather ends, months
        take the mean of their calendar month.
    structure
        The structure, where it is one of the caller's: a fit holds its name only.
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
        fraction that nobody measured. Beside them stand ``treatment`` (plot, year), ``error`` (sample, fraction) of
        one measurement, as a logarithm, ``occasion_sd`` (sample, fraction) of what all plots of a site share on one
        date, if the fit learned it, and ``measured`` (measurement), t/ha, with its plot, year and fraction as
        coordinates, for :func:`socbayes.plots.field_plots`. ``attrs`` say
        whether the fit converged and what was assumed.

    Raises
    ------
    TableFaultsError
        For all faults of the plan and of the weather at once.
    SocbayesError
        If these say otherwise than the fit of a time that it has samples of, the plan states carbon inputs and
        the fit was made without any, the fit does not hold its tables, or its structure is of the caller's and not
        given.

    Examples
    --------
    >>> import socbayes as sb
    >>> fitted = sb.open_run("runs/field")  # doctest: +SKIP
    >>> future = forecast(fitted, years=[2030, 2050], management=plan)  # doctest: +SKIP
    >>> future["known"].sel(fraction="total").mean("sample")  # doctest: +SKIP
    """
    import xarray as xr

    wanted, setup = years_of(years), setup_of_fit(fitted, structure)
    tables = with_plan(tables_of_fit(fitted), management, weather)
    if management is not None or weather is not None:
        require_sound(tables, setup)
    known_until = facts_of(fitted).spec.choices["until"]
    data = lay_out(tables, setup, until=float(wanted.max()), known_until=known_until)
    _require_inputs_as_learned(data, tables.plan)
    drawn = draws_of(fitted["posterior"].to_dataset(), values_of(fitted, draws, seed))
    rng = np.random.default_rng(seed)
    values, _ = fitted_to(data, drawn, rng)
    largest, everywhere, firsts = largest_pool(data, drawn), np.arange(len(data.plots.labels)), firsts_of(data)
    factors = {
        "known": (everywhere, of_known_plots(data, values, largest)),
        "new": (firsts, new_plots(data, values, largest, firsts, rng)),
    }
    for kind, visited in (("known", visits(data)), ("new", None)):
        plots, at = factors[kind]
        at.update(process_noise(data, values, visited, plots, wanted, rng))
    result: dict[str, Any] = {}
    for kind, dim, meaning in (
        ("known", "plot", "carbon of the plots measured"),
        ("new", "new_plot", "carbon of a plot not measured"),
    ):
        plots, at = factors[kind]
        stocks, variance = _run(data, plots, at, wanted, drawn if parts else None)
        result[kind] = (("sample", dim, "year", "fraction"), stocks, {"units": UNIT, "long_name": meaning})
        if parts:
            named = {"units": "(t/ha)^2", "long_name": f"variance of the {meaning}"}
            dims = ("part", dim, "year", "fraction")
            result[f"{kind}_variance"] = (dims, np.stack(list(variance.values())), named)
            result["part"] = list(variance)
    coords: dict[str, Any] = {"plot": data.plots.labels, "new_plot": [place_of(data, place) for place in firsts]}
    shown = _beside(data, drawn, wanted)
    if SPREAD in shown:
        coords[SITE_OF["new"]] = ("new_plot", np.array(data.plots.sites)[data.plots.site[firsts]])
    attrs = verdict(fitted) | {"structure": setup.structure.name, "notes": " ".join(data.notes)}
    return xr.Dataset(result, coords=coords, attrs=attrs).merge(shown, combine_attrs="override")


def predict_plots(
    fitted: xr.DataTree,
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    years: Sequence[float] | None = None,
    structure: str | Structure | None = None,
    draws: int = 500,
    seed: int = 0,
) -> xr.Dataset:
    """Stocks on plots that the fit has not seen, each from its own first value, with its own management and weather.

    A plot of a site, or of a treatment, that the fit knows has their effects; of others they are drawn from the
    spread between sites, or treatments. Of the values of a plot the first total is taken for its initial stock, with
    the error of a measurement; later ones, and fractions, are not learned from, so whole plots that were left out
    of a fit can be given as they are and compared with what is foreseen of them.

    Parameters
    ----------
    fitted
        Fit of ``models.field``.
    obs
        Table of schema ``field_soc``: one or more samples of each plot.
    management, weather
        Tables of schema ``field_management`` and ``field_weather``, of these plots.
    years
        Decimal years; those of all samples by default.
    structure, draws, seed
        As for :func:`forecast`.

    Returns
    -------
    xarray.Dataset
        ``known`` (sample, plot, year, fraction), t/ha; ``treatment``, ``error`` and ``measured`` as for
        :func:`forecast`. ``attrs`` say whether the fit converged, and name what was drawn anew.

    Raises
    ------
    EmptyTableError, TableFaultsError
        For a table without rows; for all faults of all tables at once.
    SocbayesError
        If carbon inputs are stated for these plots and were not for those of the fit, or the other way round: what
        was learned is about the one or the other.

    Examples
    --------
    >>> import pandas as pd
    >>> mine = pd.DataFrame({"site": "Mine", "plot": "north", "year": 2024.0, "soc_stock": 48.0}, index=[0])
    >>> future = predict_plots(fitted, mine, years=[2034, 2044])  # doctest: +SKIP
    """
    import xarray as xr

    setup = setup_of_fit(fitted, structure)
    tables = judged(obs, management, weather)
    require_sound(tables, setup, fitting=False)
    wanted = np.unique(tables.obs["year"]) if years is None else years_of(years)
    data = lay_out(tables, setup, until=float(wanted.max()))
    seen = tables_of_fit(fitted)
    past = lay_out(seen, setup, known_until=facts_of(fitted).spec.choices["until"])
    drawn = draws_of(fitted["posterior"].to_dataset(), values_of(fitted, draws, seed))
    # Of a fit to one treatment no variable names it.
    drawn = replace(drawn, labels={"treatment": past.plots.treatments, **drawn.labels})
    _require_the_same_inputs(data, drawn)
    rng = np.random.default_rng(seed)
    values, strangers = fitted_to(data, drawn, rng)
    everywhere = np.arange(len(data.plots.labels))
    at = new_plots(data, values, largest_pool(data, drawn), everywhere, rng)
    at["stock"], unmeasured = _first_stocks(data, past, values, drawn.labels, rng)
    at |= process_noise(data, values, None, everywhere, wanted, rng)
    stocks, _ = _run(data, everywhere, at, wanted, None)
    meaning = {"units": UNIT, "long_name": "carbon of plots that the fit has not seen"}
    notes = [*data.notes, *_of_strangers(strangers, data, past, values), *_of_first_stocks(unmeasured, tables, seen)]
    notes += _of_other_depths(data, past)
    if "site_stock" in facts_of(fitted).spec.choices["priors"]:
        notes.append(f"Stocks of new sites spread by {SITE_SPREAD:g} (log), not by the prior the fit was given for it.")
    return xr.Dataset(
        {"known": (("sample", "plot", "year", "fraction"), stocks, meaning)},
        coords={"plot": data.plots.labels},
        attrs=verdict(fitted) | {"structure": setup.structure.name, "notes": " ".join(notes)},
    ).merge(_beside(data, drawn, wanted), combine_attrs="override")


def with_measurement_error(forecasts: xr.Dataset, *, seed: int = 0) -> xr.Dataset:
    """What a laboratory would find: stocks of a forecast, each with the error of one measurement.

    Where the fit learned an error that all plots of a site share on one date, those of a site and year have it in
    common, drawn anew for each year.

    Parameters
    ----------
    forecasts
        Of :func:`forecast`, :func:`predict_plots` or :func:`average`.
    seed
        Seed of the errors.

    Returns
    -------
    xarray.Dataset
        The same with ``known``, and ``new`` where it is there, as one sample of each stock would be measured; NaN for
        fractions that nobody measured, as nothing is known of their errors.

    Examples
    --------
    >>> seen = with_measurement_error(future, seed=1)  # doctest: +SKIP
    """
    rng = np.random.default_rng(seed)
    result = forecasts.copy()
    shared, sites = None, np.zeros(0)
    if SPREAD in forecasts:
        kinds = [forecasts[SITE_OF[name]].to_numpy() for name in SITE_OF if name in forecasts]
        sites = np.unique(np.concatenate(kinds).astype(str))
        spread = forecasts[SPREAD].transpose("sample", "fraction").to_numpy()[:, None, None, :]
        shape = (len(spread), sites.size, forecasts.sizes["year"], spread.shape[-1])
        shared = spread * rng.standard_normal(shape)
    for name in ("known", "new"):
        if name in forecasts:
            stocks = forecasts[name]
            error = forecasts["error"].broadcast_like(stocks).transpose(*stocks.dims)
            with np.errstate(divide="ignore"):
                logs = np.log(stocks.to_numpy())
            if shared is not None:
                logs = logs + shared[:, np.searchsorted(sites, forecasts[SITE_OF[name]].to_numpy().astype(str))]
            result[name] = stocks.copy(data=Observation.replicates(logs, error.to_numpy(), rng))
            result[name].attrs["long_name"] = f"{stocks.attrs.get('long_name', 'carbon')}, measured once"
    return result


def _run(
    data: Layout, plots: np.ndarray, at: Mapping[str, np.ndarray], years: np.ndarray, drawn: Draws | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Stocks, (sample, plot, year, fraction), and what their variance is made of, if draws are given for it."""
    weights = data.setup.weights

    def run(varied: Mapping[str, np.ndarray]) -> np.ndarray:
        return stocks_of(data, plots, varied, years, weights)

    if drawn is None:
        return run(at), {}
    stocks, variance = variance_parts(run, at, data.setup.structure.carried)
    learned = errors_of(drawn, list(weights))
    # Measuring once multiplies, without bias.
    each = learned**2 + spreads_of(drawn, list(weights)) ** 2
    variance["observation"] = (stocks**2 * np.expm1(each)[:, None, None, :]).mean(axis=0)
    return stocks, variance


def errors_of(drawn: Draws, fractions: list[str]) -> np.ndarray:
    """Error of one measurement of each fraction, as a logarithm, (sample, fraction); NaN where nobody measured it."""
    learned = np.full((drawn.samples, len(fractions)), np.nan)
    for position, name in enumerate(drawn.labels["fraction"]):
        if name in fractions:
            learned[:, fractions.index(name)] = drawn.values["error"][:, position]
    return learned


def _beside(data: Layout, drawn: Draws, years: np.ndarray) -> xr.Dataset:
    """Treatments, errors and measurements that stand beside a forecast."""
    import xarray as xr

    measured, plots, fractions = data.measured, data.plots, list(data.setup.weights)
    stock = ~measured.takes_time
    where = measured.plot[stock]
    result = xr.Dataset(
        {
            "treatment": (
                ("plot", "year"), plots.treatment_names(month_of(years) - plots.start[:, None]).astype(str)
            ),
            "error": (
                ("sample", "fraction"), errors_of(drawn, fractions), {"long_name": "log error of one measurement"}
            ),
            "measured": (
                "measurement", np.exp(measured.observed[stock]), {"units": UNIT, "long_name": "measured carbon"}
            ),
        },
        coords={
            "year": years,
            "fraction": fractions,
            "measured_plot": ("measurement", np.array(plots.labels)[where]),
            "measured_year": ("measurement", (measured.month[stock] + plots.start[where]) / 12.0),
            "measured_fraction": ("measurement", np.array(measured.names)[measured.kind[stock]]),
        },
    )  # fmt: skip
    if SPREAD not in drawn.values:
        return result
    result.coords[SITE_OF["known"]] = ("plot", np.array(plots.sites)[plots.site])
    named = {"long_name": "log error that all plots of a site share on one date"}
    return result.assign({SPREAD: (("sample", "fraction"), spreads_of(drawn, fractions), named)})


def firsts_of(data: Layout) -> np.ndarray:
    """Position of the first plot of each site and course of treatments."""
    pairs = list(zip(data.plots.site.tolist(), map(tuple, data.plots.treatment.tolist()), strict=True))
    return np.array([pairs.index(pair) for pair in dict.fromkeys(pairs)])


def place_of(data: Layout, plot: int) -> str:
    """Site of a plot and its treatments."""
    treatments = [data.plots.treatments[position] for position, _ in groupby(data.plots.treatment[plot])]
    return f"{data.plots.sites[data.plots.site[plot]]}, {' then '.join(treatments)}"


def years_of(years: Sequence[float]) -> np.ndarray:
    """Decimal years as an array."""
    try:
        wanted = np.atleast_1d(np.asarray(years, dtype=float))
    except (TypeError, ValueError):
        wanted = np.array([np.nan])
    if wanted.ndim != 1 or not wanted.size or not np.isfinite(wanted).all():
        raise SocbayesError(f"years has to be a list of decimal years, such as [2030, 2050.5], not {years!r}")
    return wanted


def _require_inputs_as_learned(data: Layout, plan: pd.DataFrame | None) -> None:
    """Refuse a plan that states carbon inputs where the fit was made without any."""
    if plan is not None and not data.forcing.input_stated and (carbon_inputs(plan)[0] > 0).any():
        raise SocbayesError(
            f"the plan states carbon inputs, and the fit was made without any: what it learned is over an assumed "
            f"{ASSUMED_INPUT:g} t C/ha/year and says nothing of other inputs. State those of the past and fit again, "
            "or plan manure, cover and fallow only"
        )


def _require_the_same_inputs(data: Layout, drawn: Draws) -> None:
    """Refuse plots whose inputs are stated where those of the fit were not, or the other way round."""
    learned = LEVELS[0] in drawn.values
    if learned != data.forcing.input_stated:
        some, none = "stated in their management", "not stated"
        raise SocbayesError(
            f"carbon inputs of these plots are {some if data.forcing.input_stated else none}, those of the plots of "
            f"the fit were {some if learned else none}: what was learned of one says nothing of the other. "
            + ("State them from the first sample of each plot on" if learned else "Leave them out")
        )


def _of_strangers(
    strangers: Sequence[str], data: Layout, past: Layout, values: Mapping[str, np.ndarray]
) -> Iterator[str]:
    """Say what is taken for the effects of sites and treatments that the fit has not seen."""
    for kind, effect, new, known in (
        ("site", "site_rate", data.plots.sites, past.plots.sites),
        ("treatment", "rate_effect", data.plots.treatments, past.plots.treatments),
    ):
        if names := ", ".join(name for name in new if name in strangers and name not in known):
            yield (
                f"Effects of {names} are drawn from the spread between {kind}s."
                if effect in values
                else f"The fit is of one {kind}, {known[0]}, so nothing is known of the spread between {kind}s: "
                f"{names} is taken to be alike, and this is too sure."
            )


def _range(values: np.ndarray) -> str:
    """Smallest and largest of some values, once where they are equal."""
    return " to ".join(f"{one:g}" for one in np.unique([values.min(), values.max()]))


def _of_other_depths(data: Layout, past: Layout) -> Iterator[str]:
    """Say which plots were sampled to another depth than those of the fit, of which inputs and rates were learned."""
    thin, thick = past.plots.depth.min() / DEPTH_TOLERANCE, past.plots.depth.max() * DEPTH_TOLERANCE
    others = np.flatnonzero((data.plots.depth < thin) | (data.plots.depth > thick))
    if others.size:
        names = ", ".join(data.plots.labels[plot] for plot in others[:5])
        more = f" and {counted(others.size - 5, 'other')}" if others.size > 5 else ""
        yield (
            f"Layers of {names}{more} are {_range(data.plots.depth[others])} cm thick, those of the fit "
            f"{_range(past.plots.depth)} cm: inputs and rates were learned of these."
        )


def _of_first_stocks(unmeasured: Sequence[str], tables: FieldTables, seen: FieldTables) -> Iterator[str]:
    """Say which plots start without a total of their own, and which the fit has seen after all."""
    if unmeasured:
        yield (
            f"No total is stated with the first sample of {', '.join(unmeasured)}: the initial stock is drawn from "
            "what is known of the site, or of soils."
        )
    places = [dict.fromkeys(map(tuple, places_of(one.obs).to_numpy().tolist())) for one in (tables, seen)]
    if again := [place[PLACE.index("plot")] for place in places[0] if place in places[1]]:
        yield (
            f"Plots that are in the fit are taken as others beside them: {', '.join(again)}. What the fit knows of "
            "themselves is in forecast()."
        )


def _first_stocks(
    data: Layout,
    past: Layout,
    values: Mapping[str, np.ndarray],
    labels: Mapping[str, list[str]],
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[str]]:
    """Log stocks of new plots at their first sample, (sample, plot), given the first total of each.

    Exact, given the other draws: what is known of plots of the site, the error of a measurement and the one that all
    plots of a date share are normal on the log scale. Also the names of plots that have no such total.
    """
    measured, sites = data.measured, data.plots.sites
    known = {name: place for place, name in enumerate(past.plots.sites)}
    first = _first_totals(data)
    here = [measured.observed[first[data.plots.site[measured.plot[first]] == place]] for place in range(len(sites))]
    centre = np.array([
        past.measured.site_log_stock[known[name]] if name in known else np.mean(logs) if logs.size
        else np.log(ASSUMED_STOCK)
        for name, logs in zip(sites, here, strict=True)
    ])  # fmt: skip
    of_site = np.array([name in known for name in sites])[data.plots.site]
    mean = np.where(of_site, (centre + values["site_stock"])[:, data.plots.site], centre[data.plots.site])
    variance = values["plot_stock_sd"][:, None] ** 2 + np.where(of_site, 0.0, SITE_SPREAD**2)
    # Without totals in the fit nothing is known of their error.
    usable = first if "total" in past.measured.names else first[:0]
    seen = np.broadcast_to(measured.observed[usable], (len(mean), usable.size))
    noise = np.zeros(seen.shape)
    if usable.size:
        error = values["error"][:, past.measured.names.index("total")]
        borrowed = np.where(measured.density[usable] >= 0, DENSITY_ERROR[1], 0.0)
        noise = (measured.stated_error[usable] ** 2 + borrowed**2) + error[:, None] ** 2 / measured.replicates[usable]
        of_date, spread = errors_at(data, usable, values, labels)
        seen = seen - of_date
        for name in dict.fromkeys(measured.occasion[usable].tolist()):
            its = np.flatnonzero(measured.occasion[usable] == name)
            plots = measured.plot[usable[its]]
            away = seen[:, its] - mean[:, plots]
            seen[:, its] -= error_given(away, variance[:, plots], noise[:, its], plots, spread[:, its[0]], rng)
    for place, plot in enumerate(measured.plot[usable]):
        share = variance[:, plot] / (variance[:, plot] + noise[:, place])
        mean[:, plot] += share * (seen[:, place] - mean[:, plot])
        variance[:, plot] *= 1.0 - share
    drawn: np.ndarray = mean + np.sqrt(variance) * rng.standard_normal(mean.shape)
    without = np.setdiff1d(np.arange(len(data.plots.labels)), measured.plot[usable])
    return drawn, [data.plots.labels[plot] for plot in without]


def _first_totals(data: Layout) -> np.ndarray:
    """Positions of the totals at the first sample of each plot."""
    measured = data.measured
    if "total" not in measured.names:
        return np.zeros(0, dtype="int64")
    # A run that begins with a flux begins with its month, of which a stock may be at the end.
    of_flux = np.isin(measured.plot, measured.plot[measured.takes_time & (measured.month == 0)])
    at_start = measured.month <= of_flux
    return np.flatnonzero((measured.kind == measured.names.index("total")) & at_start)


def average(
    forecasts: Mapping[str, xr.Dataset], weights: Mapping[str, float], *, draws: int = 1000, seed: int = 0
) -> xr.Dataset:
    """Mix forecasts of several structures, each with its weight.

    Parameters
    ----------
    forecasts
        By label, what :func:`forecast`, or :func:`predict_plots`, returned for the same plots and years.
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

    shares = shares_of(forecasts, weights)
    _require_alike(forecasts)
    first = next(iter(forecasts.values()))
    common = [
        name
        for name in first["fraction"].to_numpy().astype(str)
        if all(name in one["fraction"].to_numpy().astype(str) for one in forecasts.values())
    ]
    alike = {label: one.sel(fraction=common) for label, one in forecasts.items()}
    kinds = [kind for kind in ("known", "new") if kind in first]
    rng = np.random.default_rng(seed)
    counts = allotted(shares, draws)
    pieces = []
    for label, one in alike.items():
        size = one.sizes["sample"]
        chosen = rng.choice(size, counts[label], replace=counts[label] > size)
        kept = one[[*kinds, *(name for name in ("error", SPREAD) if name in one)]].isel(sample=chosen)
        pieces.append(kept.assign_coords(structure=("sample", [label] * counts[label])))
    result = xr.concat(pieces, dim="sample", join="exact", combine_attrs="override")
    seen = first["measured_fraction"].isin(common)
    result = result.assign(treatment=first["treatment"], measured=first["measured"].isel(measurement=seen))
    share = np.array(list(shares.values()))
    for kind in kinds:
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


def shares_of(forecasts: Mapping[str, Any], weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of structures that sum to one.

    Parameters
    ----------
    forecasts
        By label.
    weights
        By label.

    Raises
    ------
    SocbayesError
        If labels differ, or weights are no weights.
    """
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
            if (name in one) != (name in forecasts[first]):
                raise SocbayesError("forecasts of known plots and predictions of others do not mix")
            if name in one and not np.array_equal(one[name].to_numpy(), forecasts[first][name].to_numpy()):
                raise SocbayesError(f"forecasts {first!r} and {label!r} are not of the same {name}s")


def allotted(shares: Mapping[str, float], draws: int) -> dict[str, int]:
    """Whole numbers of draws in proportion to shares: rounded down, what remains to the largest remainders."""
    exact = {label: share * draws for label, share in shares.items()}
    counts = {label: int(value) for label, value in exact.items()}
    for label in sorted(exact, key=lambda label: counts[label] - exact[label])[: draws - sum(counts.values())]:
        counts[label] += 1
    return counts
