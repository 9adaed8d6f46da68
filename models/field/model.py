r"""Field plots over time: any structure, from carbon stocks and fractions, management and weather.

Each plot is a monthly run of the structure. What the field does not know
exactly is uncertain on the log scale and partially pooled:

.. math::

    \ln rate_p(t) = site + treatment(t), \quad
    \ln input_p(t) = level + treatment(t) + plot, \quad
    \ln C_{p}(0) = site + plot

The treatment of a plot may change: see :mod:`socbayes.models.field.treatments`.

The stated standard deviation of an input is that of ``plot``, independent of
other plots; what is wrong with inputs everywhere (``level``, a third) comes on
top and is not narrowed by it: replace its prior where inputs are known better.
Effects of treatments, and departures of the pools of a plot, are inverse
hyperbolic sines of normals: small ones are the same, large ones grow in
proportion.

``rate`` is one factor on all decomposition: on the climate modifier of the
structure where it has one, otherwise on its rate constants. Published rate
constants have log-normal priors of their own. The initial pools are shares
of the initial stock; log ratios of shares scatter, by site and by plot, about
those of the steady state under the mean drivers of the site. Where the
structure is linear, that state follows the rate constants, and so does the
input that would have held the initial stock (``past_input_ratio``). Where it is
not, the state is that of published parameters: near the learned ones there may
be none, as microbes die out below some input, and a density that ends there
cannot be sampled.

With ``process_noise``, all pools of a plot also walk at random. A measurement
is normal on the log scale. Its variance is what its standard
deviation, replicates and bulk density say, plus a scatter learned for each
quantity.

Carbon input and decomposition rate act alike on a stock near its steady
state. Fractions and changes tell them apart in part, priors do the rest: see
``rate_effect`` and ``input_factor`` together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.carried import CarriedPrior, load_prior
from socbayes.core import find_steady_state, integrate, steady_state, with_factors
from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError
from socbayes.models.blocks import group_means, half_centred
from socbayes.models.field.faults import FLUX
from socbayes.models.field.layout import DENSITY_ERROR, Layout, lay_out
from socbayes.models.field.noise import walk
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.structures import get
from socbayes.structures.forcing import month_length, rate_constants

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

INERT_SHARE = 0.09
"""Share of carbon in inert pools about which the initial one is uncertain: Falloon et al. 1998 at 75 t/ha."""
INERT_SPREAD = 0.4
"""Standard deviation of the log of that share. Assumed, a factor of two at two standard deviations: the authors of the
relation call it rough, and carbon that never moves must not explain whatever a structure cannot."""
SMALLEST_SHARE = 1e-6
MANY_PLOTS = 10
"""Plots from which on stocks are centred on the mean of their site, as they are measured well, and departures that no
fraction tells are standardised. A few plots may start alike, and centred effects diverge where their spread is near
zero; standardised ones of a few long series diverge where it is large."""
RICHEST = 16
"""Multiples of the mean input that are tried for the shares of pools where microbes die out under it."""

_FEW = "few groups, nobody at zero"

PRIORS = (
    Prior(
        "rate_constant",
        "Normal",
        {"mu": 0.0, "sigma": 0.2},
        "log",
        "published constants were calibrated elsewhere: within a factor of 1.5",
    ),
    Prior("site_rate_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "log", f"{_FEW}: median 0.25"),
    Prior("treatment_rate_sd", "LogNormal", {"mu": -1.9, "sigma": 0.5}, "sinh of log", f"{_FEW}: median 0.15"),
    Prior("input_level", "Normal", {"mu": 0.0, "sigma": 0.3}, "log", "allometric inputs are good to about a third"),
    Prior(
        "input_level_unstated",
        "Normal",
        {"mu": 0.0, "sigma": 0.7},
        "log",
        "croplands and grasslands: 1 to 10 t/ha/year",
    ),
    Prior("treatment_input_sd", "LogNormal", {"mu": -2.0, "sigma": 0.5}, "sinh of log", f"{_FEW}: median 0.14"),
    Prior("plot_input_sd", "LogNormal", {"mu": -2.3, "sigma": 0.5}, "log", "neighbouring plots: median 0.1"),
    Prior("manure_level", "Normal", {"mu": 0.0, "sigma": 0.2}, "log", "carbon content of manure"),
    Prior("site_stock", "Normal", {"mu": 0.0, "sigma": 0.5}, "log", "about the mean of the site's samples"),
    Prior("plot_stock_sd", "LogNormal", {"mu": -2.3, "sigma": 0.5}, "log", "between plots of a field: median 0.1"),
    Prior("site_departure_sd", "LogNormal", {"mu": -0.9, "sigma": 0.4}, "log", "from steady-state shares: median 0.4"),
    Prior(
        "plot_departure_sd",
        "LogNormal",
        {"mu": -1.9, "sigma": 0.5},
        "sinh of log",
        "between plots of a field: median 0.15",
    ),
    Prior(
        "process_noise",
        "LogNormal",
        {"mu": -3.9, "sigma": 0.7},
        "log/year**0.5",
        "median 2 % in a year, 6 % in ten years",
    ),
    Prior("error_total", "LogNormal", {"mu": -2.7, "sigma": 0.5}, "log", "repeated sampling of a plot: median 7 %"),
    Prior("error_particulate", "LogNormal", {"mu": -1.6, "sigma": 0.5}, "log", "fractionation: median 20 %"),
    Prior("error_mineral_associated", "LogNormal", {"mu": -2.3, "sigma": 0.5}, "log", "fractionation: median 10 %"),
    Prior("error_humus", "LogNormal", {"mu": -2.1, "sigma": 0.5}, "log", "by difference of fractions: median 12 %"),
    Prior("error_resistant", "LogNormal", {"mu": -1.9, "sigma": 0.5}, "log", "spectroscopy: median 15 %"),
    Prior("error_microbial", "LogNormal", {"mu": -1.4, "sigma": 0.5}, "log", "fumigation-extraction: median 25 %"),
    Prior("error_necromass", "LogNormal", {"mu": -1.4, "sigma": 0.5}, "log", "amino sugars: median 25 %"),
    Prior("error_co2_flux", "LogNormal", {"mu": -0.9, "sigma": 0.5}, "log", "days stand for a month: median 40 %"),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "rate_effect": {"unit": "log", "meaning": "effect of each treatment on all decomposition rates"},
    "treatment_rate_sd": {"unit": "sinh of log", "meaning": "spread of that effect between treatments"},
    "input_factor": {
        "unit": "1",
        "meaning": "carbon input of each plot (and period of it) over what was stated or assumed",
    },
    "initial_stock": {"unit": "t/ha", "meaning": "organic carbon of each plot at its first sample"},
    "initial_share": {"unit": "1", "meaning": "share of each pool in the initial carbon, average plot of a site"},
    "past_input_ratio": {
        "unit": "1",
        "meaning": "input that would have held the mean initial stock, over the input during the trial",
    },
    "rate_constant": {"unit": "log", "meaning": "rate constants over their published values"},
    "carbon_use_efficiency": {"unit": "1", "meaning": "carbon use efficiency of soil microbes at 15 degC"},
    "microbial_turnover": {"unit": "1/day", "meaning": "turnover of microbial biomass at 15 degC"},
    "residue_share": {"unit": "1", "meaning": "share of dead microbes that stays particulate"},
    "process_noise": {"unit": "log/year**0.5", "meaning": "what moves all pools of a plot beside its structure"},
    "error": {"unit": "log", "meaning": "scatter of each measured quantity beyond what its standard deviation says"},
}


def build(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structure: str | Structure = "rothc",
    fractions: Mapping[str, Any] | None = None,
    drivers: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
    priors: Mapping[str, Override] | None = None,
    prior: str | CarriedPrior | None = None,
    until: float | None = None,
    process_noise: bool = False,
) -> pm.Model:
    """Build the model of field plots over time; nothing is sampled.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``: stocks, or concentrations with bulk
        density and depth, of carbon and its fractions. The treatment of a plot
        may change from one sample to the next.
    management
        Table of schema ``field_management``. Inputs are taken as stated, or
        from yields by ``crop_carbon_allocation``. Rows of a treatment hold
        while a plot has it, and say when it changes.
    weather
        Table of schema ``field_weather``.
    structure
        Name of a published structure, or any :class:`socbayes.core.Structure`.
    fractions
        Pools, or weights by pool, of fractions that the structure does not
        declare.
    drivers
        Numbers for drivers that no field table states.
    parameters
        Numbers for parameters that are properties of the site, such as clay.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.
    prior
        What is known of microbes: ``"literature"``, the bundled posterior of
        three literatures, or another :class:`socbayes.carried.CarriedPrior`
        with names of it. It is the prior of the parameters that the structure
        declares as ``carried``, one value for all plots, which otherwise keep
        their published values. Parameters given as numbers stay
        what they are; structures without microbes do not change, and say so.
    until
        Decimal year to which all plots run, by default that of their last
        sample: a plot with one sample has no climate of its own to start from
        otherwise.
    process_noise
        Whether the carbon of a plot also moves at random: see
        :mod:`socbayes.models.field.noise`. Forecasts are then less sure the
        further they go.

    Returns
    -------
    pymc.Model
        With coords site, plot, treatment, period, pool, fraction, measurement,
        and the quantities of interest in ``QUANTITIES`` as deterministics. What
        was assumed about gaps is in its notes.

    Raises
    ------
    EmptyTableError, TableFaultsError
        For a table without rows; for all faults of all tables at once.
    SocbayesError
        For a prior that is not known.

    Examples
    --------
    >>> import socbayes as sb
    >>> obs, management = sb.load_dataset("field_soc"), sb.load_dataset("field_management")
    >>> tarlee = obs[obs["study"] == "Tarlee"]
    >>> model = sb.models.field.build(tarlee, management[management["study"] == "Tarlee"], structure="rothc")
    >>> model.coords["plot"]
    ('1', '2', '3')
    """
    import pymc as pm
    import pytensor.tensor as pt

    chosen = get(structure) if isinstance(structure, str) else structure
    data = lay_out(
        obs,
        management,
        weather,
        structure=chosen,
        fractions=fractions,
        drivers=drivers,
        parameters=parameters,
        until=until,
    )
    notes = list(data.notes)
    shares, largest = initial_shares(data, notes)
    if isinstance(prior, str) and prior != "literature":
        raise SocbayesError(f"prior={prior!r} is not known; it is 'literature', a CarriedPrior such as of "
                            "load_prior(path), or None")  # fmt: skip
    known = load_prior() if isinstance(prior, str) else prior
    learned = carried_parameters(data, known)
    if known is not None:
        notes.append(
            f"Of {chosen.name}, {', '.join(learned)} have the carried prior, one value for all plots."
            if learned
            else f"The carried prior is about microbes and says nothing of {chosen.name}."
        )
    own = Priors(PRIORS, priors)
    coords = {
        "site": data.sites,
        "plot": data.plots,
        "treatment": data.treatments,
        "pool": list(chosen.pools),
        "departing_pool": [pool for pool in chosen.pools if pool != chosen.pools[largest]],
        "fraction": data.fractions,
        "measurement": data.labels,
        "period": list(range(1, data.treatment_of_plot.shape[1] + 1)),
        "constant": [name for name in rate_constants(chosen) if name not in learned],
    }
    with pm.Model(coords=coords) as model:
        sampled = _sampled(data, own, largest, shares is None)
        if learned:
            assert known is not None
            given = known.sample(list(learned.values()))
            sampled |= {name: given[called] for name, called in learned.items()}
        steady = pt.log(shares) if shares is not None else _log_steady_shares(data, sampled)
        log_share = _site_shares(data, steady, own, largest, sampled["plot_departure"])
        if len(chosen.pools) > 1:
            pm.Deterministic("initial_share", _shares(log_share), dims=("site", "pool"))
        if shares is None:
            _past_input(data, sampled)
        sampled["log_share"] = log_share[data.site_of_plot] + sampled["plot_departure"]
        when, place = np.unique(np.concatenate([data.month, data.month + data.fraction_is_flux]), return_inverse=True)
        states = trajectories(data, sampled, when)
        expected = _expected(data, states, place[: data.month.size], place[data.month.size :])
        spread = _spread(data, own)
        mean = pt.log(expected) + _density_shift(data, sampled["stock"])
        measured = pm.Data("log_carbon_measured", data.observed, dims="measurement")
        if process_noise:
            mean = mean + walk(data, own, measured - mean, spread**-2.0)
        pm.Data("plot_of_measurement", data.plot, dims="measurement")
        pm.Normal("log_carbon", mean, spread, observed=measured, dims="measurement")
    tables = {"obs": obs, "management": management, "weather": weather}
    attach(
        model,
        ModelSpec(
            model="field",
            question="How did management and climate change soil carbon on these plots?",
            quantities={name: value for name, value in QUANTITIES.items() if name in model.named_vars},
            observed=("log_carbon",),
            priors=prior_records(own),
            choices={
                "structure": chosen.name,
                "fractions": list(data.fractions),
                "months": data.rows,
                "first_months": data.start.tolist(),
                "drivers": {name: float(value) for name, value in (drivers or {}).items()},
                "parameters": {name: float(value) for name, value in (parameters or {}).items()},
                "process_noise": process_noise,
                "carried": learned,
            },
            notes=tuple(notes),
        ),
        {role: table for role, table in tables.items() if table is not None},
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of this model, after the caller's replacements.

    Parameters
    ----------
    priors
        Replacements by parameter name.

    Examples
    --------
    >>> prior_table().loc["input_level", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()


def carried_parameters(data: Layout, prior: CarriedPrior | None) -> dict[str, str]:
    """Parameters of the structure that a carried prior is about, and what it calls them."""
    if prior is None:
        return {}
    return {
        name: called
        for name, called in data.structure.carried.items()
        if called in prior.names and name not in data.constants
    }


def driven(data: Layout, periods: int) -> Structure:
    """Structure of the plots with factors on its inputs and on all decomposition, which change with their treatment."""
    factors = dict.fromkeys(data.roles.plant, "input_factor") | dict.fromkeys(_decomposition(data), "rate_factor")
    chosen = data.structure
    if data.has_manure:
        chosen = with_factors(chosen, {data.roles.manure: "manure_factor"})
    return with_factors(chosen, factors, periods)


def _decomposition(data: Layout) -> tuple[str, ...]:
    """What a faster decomposition multiplies: the climate modifier of a structure, else its rate constants."""
    if data.roles.modifier:
        return (data.roles.modifier,)
    return data.structure.decomposition or rate_constants(data.structure)


def natural_parameters(
    data: Layout, at: Mapping[str, Any], rate: Any, plant: Any, manure: Any, fixed: Mapping[str, Any], periods: int
) -> dict[str, Any]:
    """Parameters of :func:`driven` from log factors.

    Parameters
    ----------
    data
        Field tables laid out.
    at
        ``rate_constant``, log factors of the rate constants, (constant,), and
        values of parameters that have a carried prior, by name.
    rate, plant
        Log factors of decomposition and plant input, (run, period).
    manure
        Log factor of manure input; a number or (run,).
    fixed
        Parameters that the site determines.
    periods
        How many treatments a plot has at most, one after the other.

    Returns
    -------
    dict
    """
    import pytensor.tensor as pt

    defaults = data.structure.defaults()
    learned = {name: at[name] for name in data.structure.carried if name in at}
    names = [name for name in rate_constants(data.structure) if name not in learned]
    constants = at["rate_constant"]
    values = dict(fixed) | learned
    values |= {
        name: fixed.get(name, defaults[name]) * pt.exp(constants[position]) for position, name in enumerate(names)
    }
    values |= {
        follower: values.get(follower, defaults[follower]) * learned[name] / defaults[name]
        for follower, name in data.structure.paced.items()
        if name in learned
    }
    if data.has_manure:
        values["manure_factor"] = pt.exp(manure)
    for name, factor in (("input_factor", plant), ("rate_factor", rate)):
        values |= {name if periods == 1 else f"{name}_{k + 1}": pt.exp(factor[:, k]) for k in range(periods)}
    return values


def _site_constants(data: Layout) -> dict[str, Any]:
    """Parameters that the site determines, as (site,) where they differ between plots."""
    return {
        name: value if np.ndim(value) == 0 else group_means(value, data.site_of_plot, len(data.sites))
        for name, value in data.constants.items()
    }


def initial_shares(data: Layout, notes: list[str]) -> tuple[np.ndarray | None, int]:
    """Whether initial shares follow from a steady state, and the position of the largest pool.

    Parameters
    ----------
    data
        Field tables laid out.
    notes
        Receives what was assumed.

    Returns
    -------
    shares, largest
        Shares are None where they follow the parameters that are sampled;
        those of published parameters, (site, pool), where the structure is not
        linear; about equal where it has no steady state at all.
    """
    chosen = data.structure
    found = find_steady_state(chosen, _site_constants(data), data.mean_drivers)
    times = 1
    while not (found.found or chosen.linear) and times < RICHEST:
        times *= 2
        richer = {
            name: times * value if name in data.roles.plant else value for name, value in data.mean_drivers.items()
        }
        found = find_steady_state(chosen, _site_constants(data), richer)
    if not found.found:
        reason = next(reason for reason in found.reasons if reason != "found")
        notes.append(
            f"{chosen.name} has no steady state under mean drivers ({reason}): initial shares are about equal."
        )
        return np.full((len(data.sites), len(chosen.pools)), 1.0 / len(chosen.pools)), 0
    largest = int(np.argmax(found.pools.sum(axis=0)))
    if chosen.linear:
        return None, largest
    more = "" if times == 1 else f" and {times} times the mean input, as with less its microbes die out"
    notes.append(
        f"Initial shares of {chosen.name} scatter about those of its steady state at published parameters{more}."
    )
    return np.asarray(_settled_shares(data, found.pools, np.where)), largest


def _steady(data: Layout, sampled: Mapping[str, Any]) -> Any:
    """Pools that hold under the mean drivers of each site, (site, pool)."""
    none = np.zeros((len(data.sites), 1))
    rate = sampled["site_rate"][:, None]
    parameters = natural_parameters(data, sampled, rate, none, none[:, 0], _site_constants(data), periods=1)
    return steady_state(driven(data, periods=1), parameters, data.mean_drivers)


def _log_steady_shares(data: Layout, sampled: Mapping[str, Any]) -> Any:
    """Log shares of the pools in the steady state of each site, inert pools as usual, (site, pool)."""
    import pytensor.tensor as pt

    return pt.log(_settled_shares(data, _steady(data, sampled), pt.where))


def _settled_shares(data: Layout, steady: Any, where: Any) -> Any:
    """Shares of the pools in a steady state, inert pools as usual, (site, pool)."""
    inert = np.isin(data.structure.pools, data.structure.inert)
    active = (1.0 - INERT_SHARE * inert.any()) * steady / steady.sum(axis=1, keepdims=True)
    return where(inert, INERT_SHARE / max(int(inert.sum()), 1), active + SMALLEST_SHARE)


def _site_shares(data: Layout, steady: Any, prior: Priors, largest: int, plot_departure: Any) -> Any:
    """Log shares of pools at the start over that of the largest pool, (site, pool).

    All samples of a site pin its shares, so these are sampled, centred on what
    the steady state says of them, and not the departures from it: those would
    have to follow every change of a rate constant. Sampled with them is the
    mean departure of the plots of the site, as samples tell both together.
    """
    import pymc as pm

    pools = data.structure.pools
    if len(pools) == 1:
        return 0.0 * steady
    free = np.delete(np.arange(len(pools)), largest)
    inert = np.isin(pools, data.structure.inert)[free]
    ratio = steady[:, free] - steady[:, largest : largest + 1]
    spread = inert * INERT_SPREAD + ~inert * prior.sample("site_departure_sd")
    shift, dims = _site_means(data, plot_departure)[:, free], ("site", "departing_pool")
    shifted = pm.Normal("site_log_ratio_shifted", ratio + shift, spread, dims=dims)
    return _with_zero(pm.Deterministic("site_log_ratio", shifted - shift, dims=dims), largest)


def _site_means(data: Layout, values: Any) -> Any:
    """Mean over the plots of each site, (site, ...), of values of plots, (plot, ...)."""
    member = data.site_of_plot == np.arange(len(data.sites))[:, None]
    return (member / member.sum(axis=1, keepdims=True)) @ values


def _shares(log_share: Any) -> Any:
    """Shares that sum to one over the last axis."""
    import pytensor.tensor as pt

    raised = pt.exp(log_share)
    return raised / raised.sum(axis=-1, keepdims=True)


def _past_input(data: Layout, sampled: Mapping[str, Any]) -> None:
    """What input holds the mean initial stock of each site, over the mean input during the trial."""
    import pymc as pm
    import pytensor.tensor as pt

    inert = np.isin(data.structure.pools, data.structure.inert)
    wanted = sampled["site_stock"] + np.log(1.0 - INERT_SHARE * inert.any())
    pm.Deterministic("past_input_ratio", pt.exp(wanted - _log_held(data, sampled)), dims="site")


def _log_held(data: Layout, sampled: Mapping[str, Any]) -> Any:
    """Log of the stock that the mean input of each site holds, over the mean of its samples, (site,)."""
    import pytensor.tensor as pt

    held = (_steady(data, sampled) * data.total).sum(axis=1) * data.carbon[_first_of(data.site_of_plot)]
    return pt.log(held) - data.initial


def _first_of(index: np.ndarray) -> np.ndarray:
    return np.unique(index, return_index=True)[1]


def _sampled(data: Layout, prior: Priors, largest: int, follows: bool) -> dict[str, Any]:
    """Random variables by name, as log factors of plots and sites.

    ``follows`` says whether the steady state follows the rate constants.
    """
    import pymc as pm
    import pytensor.tensor as pt

    site, treatment = data.site_of_plot, data.treatment_of_plot
    one_each = pt.zeros(treatment.shape)
    sampled: dict[str, Any] = {"site_rate": np.zeros(len(data.sites))}
    if len(data.sites) > 1:
        sampled["site_rate"] = half_centred("site_rate", prior.sample("site_rate_sd"), "site")
        # Samples tell a rate constant with the mean effect of sites, and only then each.
        of_sites = sampled["site_rate"].mean() * np.ones(len(pm.modelcontext(None).coords["constant"]))
        sampled["rate_constant"] = prior.sample_shifted("rate_constant", -of_sites, "constant")
    else:
        sampled["rate_constant"] = prior.sample("rate_constant", dims="constant")
    several = len(data.treatments) > 1
    rate = sampled["site_rate"][site][:, None] + one_each
    level = "input_level" if data.input_stated else "input_level_unstated"
    if follows and any(np.any(data.drivers[name]) for name in data.roles.plant):
        # Data tell the stock that input and rates tend to better than either: that is sampled.
        plant = prior.sample_shifted(level, -_log_held(data, sampled).mean()) + one_each
    else:
        plant = prior.sample(level) + one_each
    if several:
        of_rate, of_input = _treatment_effects(prior.sample("treatment_rate_sd"), prior.sample("treatment_input_sd"))
        rate, plant = rate + of_rate[treatment], plant + of_input[treatment]
    error = np.where(np.isfinite(data.input_error), data.input_error, 0.0)
    scale = pt.switch(error > 0, error, prior.sample("plot_input_sd"))
    # One plot to a treatment: its own input and that of its treatment are one. New plots still differ by the prior.
    plots_with = np.bincount(np.concatenate([np.unique(own) for own in treatment]))
    if error.any() or plots_with.max() > 1:
        plant = plant + half_centred("plot_input", scale, "plot")[:, None]
    if treatment.shape[1] == 1:
        pm.Deterministic("input_factor", pt.exp(plant[:, 0]), dims="plot")
    else:
        pm.Deterministic("input_factor", pt.exp(plant), dims=("plot", "period"))
    sampled["rate"], sampled["plant"] = rate, plant
    sampled["manure"] = prior.sample("manure_level") if data.has_manure else 0.0
    stock_sd = prior.sample("plot_stock_sd")
    if len(data.plots) < MANY_PLOTS:
        stock = half_centred("plot_stock", stock_sd, "plot")
        sampled["site_stock"] = prior.sample_shifted("site_stock", -_site_means(data, stock), "site")
        mean = (data.initial + sampled["site_stock"])[site]
        sampled["stock"] = pm.Deterministic("log_initial_stock", mean + stock, dims="plot")
    else:
        sampled["site_stock"] = prior.sample("site_stock", dims="site")
        mean = (data.initial + sampled["site_stock"])[site]
        sampled["stock"] = pm.Normal("log_initial_stock", mean, stock_sd, dims="plot")
    pm.Deterministic("initial_stock", pt.exp(sampled["stock"]), dims="plot")
    sampled["plot_departure"] = np.zeros((len(data.plots), 1))
    if len(data.structure.pools) > 1:
        dims = ("plot", "departing_pool")
        departure_sd = prior.sample("plot_departure_sd")
        # Of many plots without fractions, samples tell the spread of departures and hardly any of them.
        if set(data.fractions) <= {"total", FLUX} and len(data.plots) >= MANY_PLOTS:
            normal = departure_sd * pm.Normal("plot_departure_standardised", dims=dims)
        else:
            normal = half_centred("plot_departure_normal", departure_sd, dims)
        # A share many times the usual grows in proportion: the exponential of a wide normal is a wall to a sampler.
        of_plot = pm.Deterministic("plot_departure", pt.arcsinh(normal), dims=dims)
        sampled["plot_departure"] = _with_zero(of_plot, largest)
    return sampled


def _with_zero(departures: Any, position: int) -> Any:
    """Departures of all pools from those of all but one, which departs from nothing; (group, pool).

    Shares sum to one, so one of them follows. Counted from the largest pool,
    what is well known of others (resistant carbon) does not move with what is
    not (decomposable plant material).
    """
    import pytensor.tensor as pt

    none = pt.zeros_like(departures[:, :1])
    return pt.concatenate([departures[:, :position], none, departures[:, position:]], axis=1)


def _treatment_effects(rate_sd: Any, input_sd: Any) -> tuple[Any, Any]:
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
    return (
        pm.Deterministic("rate_effect", pt.arcsinh(common - share * ratio), dims="treatment"),
        pm.Deterministic("treatment_input", pt.arcsinh(common + (1.0 - share) * ratio), dims="treatment"),
    )


def trajectories(data: Layout, at: Mapping[str, Any], when: np.ndarray) -> Any:
    """Pools of every plot, and sinks, in t C/ha at the turns of months ``when``; tensor (time, plot, state).

    Parameters
    ----------
    data
        Field tables laid out.
    at
        ``rate``, ``plant``, (plot, period); ``stock``, (plot,); ``manure``; ``rate_constant``,
        (constant,); ``log_share``, (plot, pool): all logarithms. Values of
        parameters that have a carried prior, by name.
    when
        Months since the start of each run, increasing.

    Returns
    -------
    TensorVariable
    """
    import pytensor.tensor as pt

    periods = data.treatment_of_plot.shape[1]
    manure = at["manure"] + 0.0 * at["plant"][:, 0]
    parameters = natural_parameters(data, at, at["rate"], at["plant"], manure, data.constants, periods)
    share = _shares(at["log_share"])
    stock = pt.exp(at["stock"])[:, None] / (share * data.total).sum(axis=1, keepdims=True)
    carbon = data.carbon[:, None]
    states = integrate(
        driven(data, periods),
        share * stock / carbon,
        {name: value + pt.zeros(len(data.plots)) if np.ndim(value) else value for name, value in parameters.items()},
        data.drivers,
        times=when,
        interval=month_length(data.structure),
        steps=data.structure.month_steps,
    )
    return states * carbon


def _expected(data: Layout, states: Any, place: np.ndarray, after: np.ndarray) -> Any:
    """What each measurement would read without error, t C/ha or t C/ha/month; (measurement,)."""
    pools = len(data.structure.pools)
    stock = (states[place, data.plot, :pools] * data.weights[data.fraction]).sum(axis=1)
    if FLUX not in data.fractions:
        return stock
    import pytensor.tensor as pt

    sink = pools + data.structure.sinks.index("co2")
    flux = states[after, data.plot, sink] - states[place, data.plot, sink]
    return pt.where(data.fraction_is_flux, flux, stock)


def _spread(data: Layout, prior: Priors) -> Any:
    """Standard deviation of the log of each measurement."""
    import pymc as pm
    import pytensor.tensor as pt

    errors = [prior.sample(f"error_{name}") for name in data.fractions]
    pm.Deterministic("error", pt.stack(errors), dims="fraction")
    # Not indexed: an index into a handful of scalars would be compiled as a thousand of them.
    learned = sum((data.fraction == position) * error**2 for position, error in enumerate(errors))
    return pt.sqrt(data.stated_error**2 + learned / data.replicates)


def _density_shift(data: Layout, stock: Any) -> Any:
    """Log error that all stocks of a plot share whose bulk density was borrowed; zero for the others.

    Samples tell its sum with the log of the initial stock, which is what is sampled.
    """
    import pymc as pm

    borrowed = sorted(set(data.density[data.density >= 0].tolist()))
    if not borrowed:
        return 0.0
    pm.modelcontext(None).add_coord("plot_without_density", [data.plots[position] for position in borrowed])
    dims, begun = "plot_without_density", (stock - data.initial[data.site_of_plot])[borrowed]
    shifted = pm.Normal("density_error_shifted", begun, DENSITY_ERROR[1], dims=dims)
    shift = pm.Deterministic("density_error", shifted - begun, dims=dims)
    place = np.searchsorted(borrowed, np.maximum(data.density, borrowed[0]))
    return (data.density >= 0) * shift[place]
