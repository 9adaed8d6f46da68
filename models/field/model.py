r"""Field plots over time: any structure, from carbon stocks and fractions, management and weather.

Each plot is a monthly run of the structure. What the field does not know
exactly is uncertain on the log scale and partially pooled:

.. math::

    \ln rate_p(t) = site + treatment(t), \quad
    \ln input_p(t) = level + site + treatment(t) + plot, \quad
    \ln C_{p}(0) = site + plot

The treatment of a plot may change: see :mod:`socbayes.models.field.treatments`.

The stated standard deviation of an input is that of ``plot``, independent of
other plots; what is wrong with inputs everywhere (``level``: a third, of those that
follow from yields how sure the shares of the typical study are) comes on top and is not
narrowed by it: replace its prior where inputs are known better. Inputs from yields
have an error of the site too, which is that of a new study: crops of a trial share
soil, cultivars and methods. What a site has is no news of the next one.
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
quantity. Where dates with several plots are enough to tell it, all plots that
were sampled at a site on one date also share an error: see
:mod:`socbayes.models.field.occasions`.

Carbon input and decomposition rate act alike on a stock near its steady
state. Fractions and changes tell them apart in part, priors do the rest: see
``rate_effect`` and ``input_factor`` together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.carried import CarriedPrior, load_prior
from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError
from socbayes.models.field.amendments import AMENDMENT_PRIORS
from socbayes.models.field.effects import of_known_plots, sample_effects
from socbayes.models.field.equivalent import EQUAL_DEPTH
from socbayes.models.field.faults import require_sound
from socbayes.models.field.initial import initial_shares, log_steady_shares, past_input, site_log_shares
from socbayes.models.field.layout import Layout, lay_out, periods_with_input
from socbayes.models.field.noise import walk, walked_variance
from socbayes.models.field.occasions import occasion_errors
from socbayes.models.field.roots import ROOT_PRIORS
from socbayes.models.field.runs import shares, trajectories
from socbayes.models.field.setup import Setup, setup_of
from socbayes.models.field.tables import FieldTables, judged
from socbayes.models.field.yields import STATED_ERROR
from socbayes.observations import OBSERVATIONS, Run, expected_readings
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.structures.forcing import rate_constants
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

_OF_YIELDS = (
    "how sure shares of crop carbon of the typical study are, by which inputs follow from yields; of stated inputs a "
    "third, and between both where there are both"
)
_FEW = "few groups cannot show that they do not differ, so the spread is kept from zero"

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
    Prior(
        "input_level", "Normal", {"mu": 0.0, "sigma": STATED_ERROR}, "log", "stated inputs are good to about a third"
    ),
    Prior(
        "input_level_unstated",
        "Normal",
        {"mu": 0.0, "sigma": 0.7},
        "log",
        "croplands and grasslands: 1 to 10 t/ha/year",
    ),
    Prior(
        "site_input",
        "Normal",
        {"mu": 0.0, "sigma": 1.0},
        "sd of studies",
        "inputs from yields at a site about the typical study, over the spread of studies: data/root_inputs.json",
    ),
    Prior("treatment_input_sd", "LogNormal", {"mu": -2.0, "sigma": 0.5}, "sinh of log", f"{_FEW}: median 0.14"),
    Prior("plot_input_sd", "LogNormal", {"mu": -2.3, "sigma": 0.5}, "log", "neighbouring plots: median 0.1"),
    Prior("manure_level", "Normal", {"mu": 0.0, "sigma": 0.2}, "log", "carbon content of manure"),
    *AMENDMENT_PRIORS,
    *ROOT_PRIORS,
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
    Prior(
        "occasion_sd",
        "LogNormal",
        {"mu": -3.0, "sigma": 0.7},
        "log",
        "sieving, batch of the laboratory, water content, depth of the corer on one date: median 5 %",
    ),
    *(
        Prior(f"error_{kind.name}", "LogNormal", {"mu": kind.log_error, "sigma": 0.5}, "log", kind.error_reason)
        for kind in OBSERVATIONS
    ),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "rate_effect": {"unit": "log", "meaning": "effect of each treatment on all decomposition rates"},
    "treatment_rate_sd": {"unit": "sinh of log", "meaning": "spread of that effect between treatments"},
    "site_input": {
        "unit": "sd of studies",
        "meaning": "inputs from yields at each site over those of the typical study, in spreads between studies",
    },
    "input_factor": {
        "unit": "1",
        "meaning": "carbon input of each plot (and period of it) over what was stated or assumed, where there is any",
    },
    "humified_share": {
        "unit": "1",
        "meaning": "share of the carbon of each amendment that enters slow carbon at once, or, of biochar, persists",
    },
    "amendment_level": {"unit": "log", "meaning": "carbon of each amendment over what is stated"},
    "char_decay": {
        "unit": "spreads of log",
        "meaning": "decay of the persistent carbon of biochar about that of others",
    },
    "root_ratio": {
        "unit": "1",
        "meaning": "humification of carbon of roots over that of shoots, where inputs follow from yields",
    },
    "initial_stock": {"unit": "t/ha", "meaning": "organic carbon of each plot at its first sample"},
    "initial_share": {"unit": "1", "meaning": "share of each pool in the initial carbon, average plot of a site"},
    "past_input_ratio": {
        "unit": "1",
        "meaning": "input that would have held the mean initial stock, over plants of the trial and manure before it",
    },
    "rate_constant": {"unit": "log", "meaning": "rate constants over their published values"},
    "carbon_use_efficiency": {"unit": "1", "meaning": "carbon use efficiency of soil microbes at 15 degC"},
    "microbial_turnover": {"unit": "1/day", "meaning": "turnover of microbial biomass at 15 degC"},
    "residue_share": {"unit": "1", "meaning": "share of dead microbes that stays particulate"},
    "process_noise": {"unit": "log/year**0.5", "meaning": "what moves all pools of a plot beside its structure"},
    "occasion_sd": {"unit": "log", "meaning": "spread of the error that all plots of a site share on one date"},
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
    stocks: str = EQUAL_DEPTH,
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
        from yields by how crops share out their carbon (``sb.models.root_inputs``),
        whose error is then in the priors of ``input_level`` and ``site_input``. Rows of a treatment hold
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
        sample. Of a plot with one sample, management and weather up to then
        count as known, and so do its means of them; by default they do up to
        the last sample of its site, and for a year at least.
    process_noise
        Whether the carbon of a plot also moves at random: see
        :mod:`socbayes.models.field.noise`. Forecasts are then less sure the
        further they go.
    stocks
        Of what soil stocks are that follow from contents, bulk density and
        depth: ``"equal_depth"``, or ``"equivalent_mass"`` of fine earth, which
        leaves out what a change of bulk density does: see
        :mod:`socbayes.models.field.equivalent`. A note says how far they are
        apart. Stated stocks are taken as they are.

    Returns
    -------
    pymc.Model
        With coords site, plot, treatment, period, pool, fraction, measurement,
        and the quantities of interest in ``QUANTITIES`` as deterministics. What
        was assumed about gaps, and what of the tables is not used, is in its notes.

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
    setup = setup_of(structure, fractions, drivers, parameters, stocks)
    tables = judged(obs, management, weather)
    require_sound(tables, setup)
    return model_of(tables, setup, priors=priors, prior=prior, until=until, process_noise=process_noise)


def model_of(
    tables: FieldTables,
    setup: Setup,
    *,
    priors: Mapping[str, Override] | None = None,
    prior: str | CarriedPrior | None = None,
    until: float | None = None,
    process_noise: bool = False,
) -> pm.Model:
    """Build the model of tables that were judged; see :func:`build`.

    Parameters
    ----------
    tables
        Judged, and sound for the structure.
    setup
        What the plots run.
    priors, prior, until, process_noise
        As for :func:`build`.
    """
    import pymc as pm
    import pytensor.tensor as pt

    data = lay_out(tables, setup, until=until, known_until=until)
    start = initial_shares(data)
    known = _carried_prior(prior)
    learned = _carried_parameters(data, known)
    own = Priors(_with_level_error(data.forcing.level_error), priors)
    with pm.Model(coords=_coords(data, start.largest, learned)) as model:
        values = sample_effects(data, own, start.largest, start.fixed is None)
        if learned:
            assert known is not None
            values |= known.sample(list(learned.values()))
        at = values | {name: values[called] for name, called in learned.items()}
        steady = log_steady_shares(data, at) if start.fixed is None else pt.log(start.fixed)
        values["log_share"] = site_log_shares(data, steady, own, start.largest, values.get("plot_departure"))
        if len(setup.structure.pools) > 1:
            pm.Deterministic("initial_share", shares(values["log_share"]), dims=("site", "pool"))
        if start.fixed is None:
            past_input(data, at)
        factors = of_known_plots(data, values, start.largest)
        _register_input_factor(data, factors["plant"])
        _measure(data, own, factors | {"density_error": values.get("density_error")}, process_noise)
    attach(
        model,
        ModelSpec(
            model="field",
            question="How did management and climate change soil carbon on these plots?",
            quantities={name: value for name, value in QUANTITIES.items() if name in model.named_vars},
            observed=("log_carbon",),
            priors=prior_records(own),
            choices=setup.choices
            | {
                "fractions": data.measured.names,
                "months": data.plots.rows,
                "first_months": data.plots.start.tolist(),
                "until": until,
                "process_noise": process_noise,
                "prior": prior if prior is None or isinstance(prior, str) else "a carried prior of the caller's",
                "carried": learned,
                "priors": sorted(priors or {}),
                "callers_own": _callers_own(setup, prior),
            },
            notes=(
                *data.notes,
                *_of_level(data, own),
                *start.notes,
                *_of_bare_plots(data),
                *_what_is_carried(setup, known, learned),
            ),
        ),
        tables.by_role,
    )
    return model


def _with_level_error(error: float) -> tuple[Prior, ...]:
    """Priors, that of the level of inputs as wide as what is unsure of it where some follow from yields."""
    if not np.isfinite(error):
        return PRIORS
    level = Prior("input_level", "Normal", {"mu": 0.0, "sigma": round(error, 3)}, "log", _OF_YIELDS)
    return tuple(level if one.name == level.name else one for one in PRIORS)


def _of_level(data: Layout, priors: Priors) -> tuple[str, ...]:
    """Which prior of the level of inputs plots get where only some of their carbon follows from yields."""
    share = data.forcing.yield_share
    if not 0 < share < 1:
        return ()
    return (
        f"{min(max(round(100 * share), 1), 99)} % of the carbon that plots get follows from yields: the prior of "
        f"input_level is {priors.table().loc['input_level', 'distribution']}, for plots with stated inputs and for "
        "those with yields; these also have an error of their site.",
    )


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


def _coords(data: Layout, largest: int, learned: Mapping[str, str]) -> dict[str, Any]:
    """Labels of every dimension of the model."""
    pools = list(data.setup.structure.pools)
    amendments = {"amendment": list(data.forcing.amendments)} if data.forcing.amendments else {}
    return amendments | {
        "site": data.plots.sites,
        "plot": data.plots.labels,
        "treatment": data.plots.treatments,
        "pool": pools,
        "departing_pool": [pool for pool in pools if pool != pools[largest]],
        "fraction": data.measured.names,
        "measurement": data.measured.labels,
        "period": list(range(1, data.plots.periods + 1)),
        "constant": [name for name in rate_constants(data.setup.structure) if name not in learned],
    }


def _carried_prior(prior: str | CarriedPrior | None) -> CarriedPrior | None:
    """The carried prior that was asked for."""
    if isinstance(prior, str) and prior != "literature":
        raise SocbayesError(f"prior={prior!r} is not known; it is 'literature', a CarriedPrior such as of "
                            "load_prior(path), or None")  # fmt: skip
    return load_prior() if isinstance(prior, str) else prior


def _carried_parameters(data: Layout, prior: CarriedPrior | None) -> dict[str, str]:
    """Parameters of the structure that a carried prior is about, and what it calls them."""
    if prior is None:
        return {}
    carried, given = data.setup.structure.carried, data.forcing.constants
    return {name: called for name, called in carried.items() if called in prior.names and name not in given}


def _callers_own(setup: Setup, prior: str | CarriedPrior | None) -> list[str]:
    """Choices that are objects of the caller's, which no command line can name."""
    own = {
        "structure": not setup.published,
        "fractions": bool(setup.fractions),
        "prior": isinstance(prior, CarriedPrior),
    }
    return [name for name, holds in own.items() if holds]


def _what_is_carried(setup: Setup, known: CarriedPrior | None, learned: Mapping[str, str]) -> tuple[str, ...]:
    """Say what a carried prior is about."""
    if known is None:
        return ()
    name = setup.structure.name
    if learned:
        return (f"Of {name}, {', '.join(learned)} have the carried prior, one value for all plots.",)
    return (f"The carried prior is about microbes and says nothing of {name}.",)


def _register_input_factor(data: Layout, plant: Any) -> None:
    """Register carbon input of each plot, and period of it, over what was stated or assumed, where there is any."""
    import pymc as pm
    import pytensor.tensor as pt

    plots, fed = data.plots, periods_with_input(data)
    if fed.all():
        one = plots.periods == 1
        pm.Deterministic(
            "input_factor", pt.exp(plant[:, 0] if one else plant), dims="plot" if one else ("plot", "period")
        )
    elif fed.any():
        place, period = np.nonzero(fed)
        several = plots.periods > 1
        labels = [
            plots.labels[plot] + (f", period {k + 1}" if several else "") for plot, k in zip(place, period, strict=True)
        ]
        pm.modelcontext(None).add_coord("plot_with_input", labels)
        pm.Deterministic("input_factor", pt.exp(plant[place, period]), dims="plot_with_input")


def _of_bare_plots(data: Layout) -> tuple[str, ...]:
    """Say which plots have no input that could be more or less than stated."""
    bare = ~periods_with_input(data).any(axis=1)
    if not bare.any():
        return ()
    names = [data.plots.labels[plot] for plot in np.flatnonzero(bare)]
    more = f" and {counted(len(names) - 5, 'other')}" if len(names) > 5 else ""
    return (f"Plants add nothing to {', '.join(names[:5])}{more}: no input_factor is learned there.",)


def _measure(data: Layout, prior: Priors, factors: Mapping[str, Any], process_noise: bool) -> None:
    """Run the plots and compare them with what was measured."""
    import pymc as pm
    import pytensor.tensor as pt

    measured = data.measured
    when, place = np.unique(np.concatenate([measured.month, measured.month + measured.takes_time]), return_inverse=True)
    states = trajectories(data, factors, when)
    run = Run(
        data.setup.structure, states, place[: measured.month.size], place[measured.month.size :], measured.plot,
        measured.weights[measured.kind],
    )  # fmt: skip
    spread = _spread(data, prior)
    mean = pt.log(expected_readings(measured.kinds, measured.kind, run)) + _density_shift(
        data, factors["density_error"]
    )
    recorded = pm.Data("log_carbon_measured", measured.observed, dims="measurement")
    noise = prior.sample("process_noise") if process_noise else None
    apart = spread**2 if noise is None else spread**2 + walked_variance(data, noise)
    mean = mean + occasion_errors(data, prior, recorded - mean, 1.0 / apart)
    if noise is not None:
        mean = mean + walk(data, noise, recorded - mean, spread**-2.0)
    pm.Data("plot_of_measurement", measured.plot, dims="measurement")
    pm.Normal("log_carbon", mean, spread, observed=recorded, dims="measurement")


def _spread(data: Layout, prior: Priors) -> Any:
    """Standard deviation of the log of each measurement."""
    import pymc as pm
    import pytensor.tensor as pt

    measured = data.measured
    errors = [prior.sample(f"error_{name}") for name in measured.names]
    pm.Deterministic("error", pt.stack(errors), dims="fraction")
    # Not indexed: an index into a handful of scalars would be compiled as a thousand of them.
    learned = sum((measured.kind == position) * error**2 for position, error in enumerate(errors))
    return pt.sqrt(measured.stated_error**2 + learned / measured.replicates)


def _density_shift(data: Layout, errors: Any) -> Any:
    """Log error that all stocks of a plot share whose bulk density was borrowed, (measurement,); else zero."""
    density = data.measured.density
    if errors is None:
        return 0.0
    borrowed = np.unique(density[density >= 0])
    return (density >= 0) * errors[np.searchsorted(borrowed, np.maximum(density, borrowed[0]))]
