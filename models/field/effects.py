"""What plots have of their own, of their site and of their treatments: sampled once, and put together in one place.

:func:`sample_effects` registers the random variables, :func:`log_factors` makes
of them, or of draws of their posterior, the log factors that a run takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.blocks import half_centred, weighted_sums, zero_sum_basis
from socbayes.models.field.amendments import sample_qualities
from socbayes.models.field.initial import log_held, site_means, with_largest
from socbayes.models.field.roots import sample_roots
from socbayes.observations import DENSITY_ERROR, KINDS
from socbayes.structures.roots import ROOT_HUMIFIED

if TYPE_CHECKING:
    from socbayes.models.field.layout import Layout
    from socbayes.priors import Priors

MANY_PLOTS = 10
"""Plots from which on stocks are centred on the mean of their site, as they are measured well, and departures that no
fraction tells are standardised. A few plots may start alike, and centred effects diverge where their spread is near
zero; standardised ones of a few long series diverge where it is large."""
LEVELS = ("input_level", "input_level_unstated")
"""Names of the level of carbon input, where the tables state some and where they state none."""

TOLD = 0.1
"""How surely samples of a site tell the log of its input over its rate, of which coordinates are made. No result
depends on it."""
OF_SITES = "site_input"
"""Name of what inputs from yields have in common at a site, in standard deviations of a new study."""


def sample_effects(data: Layout, prior: Priors, largest: int, follows: bool) -> dict[str, Any]:
    """Register what is unknown of rates, inputs, stocks and shares, and return it by name.

    Parameters
    ----------
    data
        Field tables laid out.
    prior
        Priors of the model.
    largest
        Position of the largest pool.
    follows
        Whether the steady state follows the rate constants.
    """
    values = _sample_rates(data, prior)
    if data.forcing.rooted:
        values |= sample_roots(prior)
    values |= _sample_inputs(data, prior, values, follows)
    values |= _sample_stocks(data, prior)
    if len(data.setup.structure.pools) > 1:
        values["plot_departure"] = _sample_departures(data, prior)
    return values


def _sample_rates(data: Layout, prior: Priors) -> dict[str, Any]:
    """Effects of sites on all rates, and rate constants over the published ones."""
    import pymc as pm

    if len(data.plots.sites) == 1:
        return {"rate_constant": prior.sample("rate_constant", dims="constant")}
    site = half_centred("site_rate", prior.sample("site_rate_sd"), "site", _sites_told(data) > 0)
    # Samples tell a rate constant with the mean effect of sites, and only then each.
    of_sites = site.mean() * np.ones(len(pm.modelcontext(None).coords["constant"]))
    return {"site_rate": site, "rate_constant": prior.sample_shifted("rate_constant", -of_sites, "constant")}


def _sample_inputs(data: Layout, prior: Priors, rates: Mapping[str, Any], follows: bool) -> dict[str, Any]:
    """The level of inputs, effects of treatments on rates and inputs, and what plots have of their own."""
    import pytensor.tensor as pt

    forcing = data.forcing
    values: dict[str, Any] = {}
    if len(data.plots.treatments) > 1:
        values |= _sample_treatments(prior.sample("treatment_rate_sd"), prior.sample("treatment_input_sd"))
    error = np.where(np.isfinite(forcing.input_error), forcing.input_error, 0.0)
    scale = pt.switch(error > 0, error, prior.sample("plot_input_sd"))
    # One plot to a treatment: its own input and that of its treatment are one. New plots still differ by the prior.
    plots_with = np.bincount(np.concatenate([np.unique(own) for own in data.plots.treatment]))
    if error.any() or plots_with.max() > 1:
        values["plot_input"] = half_centred("plot_input", scale, "plot", _plots_told(data))
    added = any(np.any(forcing.drivers[name]) for name in data.setup.roles.plant)
    held = log_held(data, rates) + site_means(data.plots, _own_stock(data, values)) if follows and added else None
    values |= _sample_levels(data, prior, held)
    if forcing.amendments:
        values |= sample_qualities(forcing.amendments, prior)
    if forcing.manured:
        values["manure_level"] = prior.sample("manure_level")
    return values


def _own_stock(data: Layout, values: Mapping[str, Any]) -> Any:
    """Log of the stock that each plot tends to over that of the mean input of its site, (plot,)."""
    import pytensor.tensor as pt

    own = values.get("plot_input", pt.zeros(len(data.plots.labels)))
    if "rate_effect" not in values:
        return own
    return own + (values["treatment_input"] - values["rate_effect"])[data.plots.treatment].mean(axis=1)


def _sample_levels(data: Layout, prior: Priors, held: Any) -> dict[str, Any]:
    """The level of inputs, and what sites have of it.

    Samples of a site tell the log of the stock that its plots tend to, their inputs over their rates, and hardly any
    of the parts: what they tell is sampled. Where inputs have an error of their site, that moves with the rest, so each
    site tells its own and the level is left to its prior; else the level moves with the mean of the sites. A site of
    first stocks alone tells nothing and moves with nothing. Priors stay as they are, whatever the weights.

    Parameters
    ----------
    data
        Field tables laid out.
    prior
        Priors of the model.
    held
        Log of the stock that the mean plot of each site tends to at stated inputs, over the mean of its samples,
        (site,); None where it is not known.
    """
    level = LEVELS[0] if data.forcing.input_stated else LEVELS[1]
    plots, told = data.plots, _sites_told(data)
    error = np.bincount(plots.site, data.forcing.study_error) / np.bincount(plots.site)
    weight = told * error**2 / (error**2 + TOLD**2)
    values = {}
    if held is not None and (told > weight).any():
        values[level] = prior.sample_shifted(level, -((told - weight) * held).sum() / told.sum())
    else:
        values[level] = prior.sample(level)
    if error.any():
        common = values[level] + (0.0 if held is None else held)
        moves = told * error / (error**2 + TOLD**2)  # the weight over the error, as it is counted in errors
        values[OF_SITES] = prior.sample_shifted(OF_SITES, -moves * common, dims="site")
    return values


def _plots_told(data: Layout) -> np.ndarray:
    """Whether a plot was sampled again after its first date, (plot,): first stocks tell of no rate and no input."""
    plot, _ = np.unique(np.stack([data.measured.plot, data.measured.month]), axis=1)
    return np.bincount(plot, minlength=len(data.plots.labels)) > 1


def _sites_told(data: Layout) -> np.ndarray:
    """One for each site of which some plot was sampled again, (site,), else zero."""
    return np.isin(np.arange(len(data.plots.sites)), data.plots.site[_plots_told(data)]).astype(float)


def _sample_treatments(rate_sd: Any, input_sd: Any) -> dict[str, Any]:
    """Effects of treatments on decomposition and on input: inverse hyperbolic sines of normals with a sum of zero.

    Rate constants and the input level carry the mean of all treatments: a free
    mean would be a second name for the same thing. What a treatment adds to
    the log of input over rate shows in the stock it tends to; given that, data
    say little of how much is rate and how much is input. So the ratio is
    sampled, and what the rate is beyond what is expected of it given the ratio.
    """
    import pymc as pm
    import pytensor.tensor as pt

    spread = pt.sqrt(rate_sd**2 + input_sd**2)
    root = pt.sqrt(spread)  # half-centred, as departures of plots are
    ratio = root * pm.ZeroSumNormal("treatment_ratio_half", sigma=root, dims="treatment")
    common = rate_sd * input_sd / spread * pm.ZeroSumNormal("treatment_common_standardised", dims="treatment")
    share = (rate_sd / spread) ** 2
    # Far from zero in proportion, as departures of plots are: an input that no sample tells may be next to nothing.
    return {
        "rate_effect": pm.Deterministic("rate_effect", pt.arcsinh(common - share * ratio), dims="treatment"),
        "treatment_input": pm.Deterministic(
            "treatment_input", pt.arcsinh(common + (1.0 - share) * ratio), dims="treatment"
        ),
    }


def _sample_stocks(data: Layout, prior: Priors) -> dict[str, Any]:
    """Log stocks at first samples, those of sites over the mean of their samples, and errors of borrowed densities."""
    import pymc as pm
    import pytensor.tensor as pt

    plots, initial = data.plots, data.measured.site_log_stock
    borrowed = np.unique(data.measured.density[data.measured.density >= 0])
    of_density = DENSITY_ERROR[1] * np.isin(np.arange(len(plots.labels)), borrowed)
    spread = prior.sample("plot_stock_sd")
    # Samples show what plots of a site differ by, and their level, each with its own errors; of a plot with a borrowed
    # bulk density, the stock and the error of that together. Nothing but priors tells the level of the site from the
    # mean of its plots.
    shown = pt.sqrt(spread**2 + of_density**2)
    mean = pm.Normal("plot_stock_mean_standardised", dims="site") / np.sqrt(np.bincount(plots.site))
    of_site = prior.sample_shifted("site_stock", -site_means(plots, shown) * mean, "site")
    standardised, (further, basis) = mean[plots.site], zero_sum_basis(plots.site)
    if further.size:
        name, dims, width = "plot_stock_apart", "further_plot", shown[further]
        pm.modelcontext(None).add_coord(dims, [plots.labels[plot] for plot in further])
        few = len(plots.labels) < MANY_PLOTS
        apart = half_centred(name, width, dims) if few else pm.Normal(name, 0.0, width, dims=dims)
        standardised = standardised + weighted_sums(basis, apart / width)
    own, values = shown * standardised, {}
    if borrowed.size:
        dims, share = "plot_without_density", (of_density / shown)[borrowed] ** 2
        pm.modelcontext(None).add_coord(dims, [plots.labels[plot] for plot in borrowed])
        rest = pt.sqrt(share) * spread * pm.Normal("density_error_standardised", dims=dims)
        values["density_error"] = pm.Deterministic("density_error", share * own[borrowed] + rest, dims=dims)
        own = pt.inc_subtensor(own[borrowed], -values["density_error"])
    stock = pm.Deterministic("log_initial_stock", (initial + of_site)[plots.site] + own, dims="plot")
    pm.Deterministic("initial_stock", pt.exp(stock), dims="plot")
    return values | {"site_stock": of_site, "log_initial_stock": stock}


def _sample_departures(data: Layout, prior: Priors) -> Any:
    """Departures of the pools of plots, but for the largest pool, from those of their site."""
    import pymc as pm
    import pytensor.tensor as pt

    dims = ("plot", "departing_pool")
    spread = prior.sample("plot_departure_sd")
    # Of many plots without fractions, samples tell the spread of departures and hardly any of them.
    fractions = any(not KINDS[name].takes_time for name in data.measured.names if name != "total")
    if not fractions and len(data.plots.labels) >= MANY_PLOTS:
        normal = spread * pm.Normal("plot_departure_standardised", dims=dims)
    else:
        normal = half_centred("plot_departure_normal", spread, dims)
    # A share many times the usual grows in proportion: the exponential of a wide normal is a wall to a sampler.
    return pm.Deterministic("plot_departure", pt.arcsinh(normal), dims=dims)


def log_factors(data: Layout, values: Mapping[str, Any], plots: np.ndarray | None = None) -> dict[str, Any]:
    """Log factors of runs that plots have from their site and treatments.

    Parameters
    ----------
    data
        Field tables laid out.
    values
        Variables of the model, or draws of them, by name; draws have leading axes. ``log_share``, (..., site, pool),
        are log shares of pools at the start.
    plots
        Positions of plots; all by default.

    Returns
    -------
    dict
        ``rate`` and ``plant``, (..., plot, period); ``stock``, (..., plot); ``log_share``, (..., plot, pool);
        ``manure`` and ``rate_constant`` as they are, ``humified`` and ``amendment_level``, (..., amendment), where
        amendments are spread, ``root_humified`` where roots are told from shoots, and parameters that have a carried
        prior.
    """
    chosen = np.arange(len(data.plots.labels)) if plots is None else plots
    site, treatment = data.plots.site[chosen], data.plots.treatment[chosen]
    level = next(values[name] for name in LEVELS if name in values)
    # Of one site and one treatment all draws have the same rate, and still each its own.
    draws = level.shape if isinstance(level, np.ndarray) else ()
    rate = np.zeros((*draws, *treatment.shape))
    plant = level[..., None, None] + rate
    if OF_SITES in values:
        plant = plant + (data.forcing.study_error[chosen] * values[OF_SITES][..., site])[..., None]
    if "site_rate" in values:
        rate = values["site_rate"][..., site, None] + rate
    if "rate_effect" in values:
        rate = rate + values["rate_effect"][..., treatment]
        plant = plant + values["treatment_input"][..., treatment]
    carried = {
        name: values[called]
        for name, called in data.setup.structure.carried.items()
        if called in values and name not in data.forcing.constants
    }
    of_amendments = {
        "humified": values["humified_share"],
        "amendment_level": values["amendment_level"],
        **({"char_decay": values["char_decay"]} if "char_decay" in values else {}),
    } if data.forcing.amendments else {}  # fmt: skip
    of_roots = {ROOT_HUMIFIED: values[ROOT_HUMIFIED]} if data.forcing.rooted else {}
    return (
        carried
        | of_amendments
        | of_roots
        | {
            "rate": rate,
            "plant": plant,
            "manure": values.get("manure_level", 0.0),
            "stock": (data.measured.site_log_stock + values["site_stock"])[..., site],
            "log_share": values["log_share"][..., site, :],
            "rate_constant": values["rate_constant"],
        }
    )


def of_known_plots(data: Layout, values: Mapping[str, Any], largest: int) -> dict[str, Any]:
    """Log factors of the plots that were measured, with what each has of its own.

    Parameters
    ----------
    data, values
        As for :func:`log_factors`.
    largest
        Position of the pool that departs from nothing.
    """
    at = log_factors(data, values)
    if "plot_input" in values:
        at["plant"] = at["plant"] + values["plot_input"][..., None]
    if "plot_departure" in values:
        at["log_share"] = at["log_share"] + with_largest(values["plot_departure"], largest)
    return at | {"stock": values["log_initial_stock"]}
