"""Draws of the posterior, run side by side: the plots that were measured, and new ones.

Values of draws come as plain arrays by variable, shape (sample, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.field.amendments import drawn_qualities
from socbayes.models.field.effects import OF_SITES, log_factors
from socbayes.models.field.initial import (
    departure_spread,
    initial_shares,
    log_steady_shares,
    site_constants,
    with_largest,
)
from socbayes.models.field.model import PRIORS
from socbayes.models.field.noise import Visits, walks
from socbayes.models.field.plots import month_of
from socbayes.models.field.roots import drawn_roots
from socbayes.models.field.runs import trajectories
from socbayes.observations import Run, expected_readings
from socbayes.structures.roots import ROOT_HUMIFIED

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.models.field.layout import Layout

BLOCKS: dict[str, tuple[str, ...]] = {
    "parameters": ("rate", "rate_constant"),
    "inputs": ("plant", "manure", "humified", "amendment_level", "char_decay", ROOT_HUMIFIED),
    "initial state": ("stock", "log_share"),
    "process noise": ("process",),
}
"""What makes draws of a stock differ: log factors by part, as far as the model has them."""
INTERACTION = "interaction"
SHARED = ("manure", "humified", "amendment_level", "char_decay", ROOT_HUMIFIED)
"""Log factors, and shares, that all plots have in common."""
SITE_SPREAD = next(prior.parameters["sigma"] for prior in PRIORS if prior.name == "site_stock")
"""Standard deviation of the log stock of a site about the mean of its samples, as the model has it."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of a fit of the field model.

    Parameters
    ----------
    values
        By variable, (sample, ...).
    labels
        By dimension, the names that the fit knows.
    """

    values: Mapping[str, np.ndarray]
    labels: Mapping[str, list[str]]

    @property
    def samples(self) -> int:
        """How many draws there are."""
        return len(self.values["site_stock"])


def draws_of(posterior: xr.Dataset, values: Mapping[str, np.ndarray]) -> Draws:
    """Draws with the names that a fit knows.

    Parameters
    ----------
    posterior
        Of a fit of ``models.field``.
    values
        Draws of it by variable, (sample, ...).
    """
    labels = {
        str(name): [str(label) for label in coord.to_numpy()]
        for name, coord in posterior.coords.items()
        if coord.ndim == 1
    }
    return Draws(values, labels)


def largest_pool(data: Layout, draws: Draws) -> int:
    """Position of the pool that departs from nothing.

    Parameters
    ----------
    data
        Field tables laid out.
    draws
        Of a fit to them.
    """
    departing = draws.labels.get("departing_pool", [])
    return next((place for place, pool in enumerate(data.setup.structure.pools) if pool not in departing), 0)


def fitted_to(data: Layout, draws: Draws, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], list[str]]:
    """Values of draws in the order of the sites and treatments of a layout, and which of these the fit did not see.

    A treatment that nobody saw has effects drawn from the spread between treatments, none where there was but one.
    A site that nobody saw has a rate drawn from the spread between sites, none where there was but one, a stock
    about its own samples, and shares that scatter about its own steady state. Its inputs from yields are those of a
    new study. Where no yield told the fit of roots, what they keep more is drawn from the published prior.

    Parameters
    ----------
    data
        Field tables laid out, of plots that the fit need not know.
    draws
        Of a fit.
    rng
        Source of what is drawn anew.
    """
    values = dict(draws.values)
    # Of a fit to one treatment no variable names it.
    treated = draws.labels.get("treatment", [data.plots.treatments[data.plots.treatment[0, 0]]])
    new_sites = [name for name in data.plots.sites if name not in draws.labels["site"]]
    new_treatments = [name for name in data.plots.treatments if name not in treated]
    for effect, spread in (("rate_effect", "treatment_rate_sd"), ("treatment_input", "treatment_input_sd")):
        if effect in values:
            drawn = np.arcsinh(values[spread][:, None] * rng.standard_normal((draws.samples, len(new_treatments))))
            values[effect] = _joined(values[effect], drawn, treated, data.plots.treatments)
    every, known = data.plots.sites, draws.labels["site"]
    one_pool = np.ones((draws.samples, len(known), 1))
    log_share = np.log(values.get("initial_share", one_pool))
    spreads = {"site_rate": values.get("site_rate_sd", np.zeros(1)), "site_stock": np.full(1, SITE_SPREAD)}
    for variable, width in spreads.items():
        if variable in values:
            drawn = width[:, None] * rng.standard_normal((draws.samples, len(new_sites)))
            values[variable] = _joined(values[variable], drawn, known, every)
    if data.forcing.rooted:
        values |= drawn_roots(values, draws.samples, rng)
    shares = _new_shares(data, draws, values, rng)[:, _among(every, new_sites)] if new_sites else log_share[:, :0]
    values["log_share"] = _joined(log_share, shares, known, every)
    if OF_SITES in values or (new_sites and data.forcing.study_error.any()):
        at_known = values.get(OF_SITES, np.zeros((draws.samples, len(known))))
        drawn = rng.standard_normal((draws.samples, len(new_sites)))
        values[OF_SITES] = _joined(at_known, drawn, known, every)
    values |= drawn_qualities(data.forcing.amendments, values, draws.labels.get("amendment", []), draws.samples, rng)
    return values, [*new_sites, *new_treatments]


def _among(names: list[str], wanted: list[str]) -> list[int]:
    """Positions of some names among others."""
    return [names.index(name) for name in wanted]


def _joined(known: np.ndarray, drawn: np.ndarray, names: list[str], wanted: list[str]) -> np.ndarray:
    """Known and drawn values of groups, (sample, group, ...), in the order of those wanted."""
    strangers = [name for name in wanted if name not in names]
    every: np.ndarray = np.concatenate([known, drawn], axis=1)[:, _among([*names, *strangers], wanted)]
    return every


def _new_shares(data: Layout, draws: Draws, values: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Log shares of the pools at sites that nobody saw, about the steady state of each, (sample, site, pool)."""
    pools, sites, samples = data.setup.structure.pools, len(data.plots.sites), draws.samples
    if len(pools) == 1:
        return np.zeros((samples, sites, 1))
    largest = largest_pool(data, draws)
    steady = _steady_shares(data, values, samples)
    ratio = np.delete(steady - steady[..., largest : largest + 1], largest, axis=-1)
    spread = departure_spread(data, largest, values["site_departure_sd"][:, None, None])
    return with_largest(ratio + spread * rng.standard_normal(ratio.shape), largest)


def _steady_shares(data: Layout, values: Mapping[str, np.ndarray], samples: int) -> np.ndarray:
    """Log shares in the steady state of every site for every draw, (sample, site, pool)."""
    structure, sites = data.setup.structure, len(data.plots.sites)
    fixed = initial_shares(data).fixed
    if fixed is not None:
        return np.broadcast_to(np.log(fixed), (samples, *fixed.shape))
    many = _sites_repeated(data, samples)
    at = {"rate_constant": np.repeat(values["rate_constant"], sites, axis=0).T}
    if "site_rate" in values:
        at["site_rate"] = values["site_rate"].ravel()
    if data.forcing.rooted:
        at[ROOT_HUMIFIED] = np.repeat(values[ROOT_HUMIFIED], sites)
    at |= {
        name: np.repeat(values[called], sites)
        for name, called in structure.carried.items()
        if called in values and name not in data.forcing.constants
    }
    shares: np.ndarray = log_steady_shares(many, at).eval(mode="FAST_COMPILE")
    return shares.reshape(samples, sites, -1)


def _sites_repeated(data: Layout, samples: int) -> Layout:
    """A layout whose plots and sites are the sites of another, once for every draw: for their steady states."""
    sites = len(data.plots.sites)
    tile = {name: np.tile(value, samples) if np.ndim(value) else value for name, value in data.forcing.means.items()}
    constants = {
        name: np.tile(value, samples) if np.ndim(value) else value for name, value in site_constants(data).items()
    }
    names = data.plots.sites * samples
    plots = replace(data.plots, labels=names, sites=names, site=np.arange(sites * samples))
    return replace(data, plots=plots, forcing=replace(data.forcing, means=tile, constants=constants))


def new_plots(
    data: Layout, values: Mapping[str, np.ndarray], largest: int, firsts: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Log factors of a further plot of each site and treatment, (sample, plot).

    Parameters
    ----------
    data
        Field tables laid out.
    values
        Of :func:`fitted_to`.
    largest
        Of :func:`largest_pool`.
    firsts
        Position of a plot of each site and treatment.
    rng
        Source of what plots have of their own.
    """
    at = log_factors(data, values, firsts)
    shape = (len(values["site_stock"]), firsts.size, len(data.setup.structure.pools))
    normal = rng.standard_normal(shape)
    normal[..., largest] = 0.0
    spread = {name: values[f"plot_{name}_sd"][:, None] if f"plot_{name}_sd" in values else np.zeros((1, 1))
              for name in ("stock", "departure", "input")}  # fmt: skip
    stated = data.forcing.input_error[firsts]
    spread["input"] = np.where(stated > 0, stated, spread["input"])
    return at | {
        "plant": at["plant"] + (spread["input"] * rng.standard_normal(shape[:-1]))[..., None],
        "stock": at["stock"] + spread["stock"] * rng.standard_normal(shape[:-1]),
        "log_share": at["log_share"] + np.arcsinh(spread["departure"][..., None] * normal),
    }


def readings_of(data: Layout, at: Mapping[str, np.ndarray], which: np.ndarray) -> np.ndarray:
    """Logs of what some measurements would read without error and without process noise, (sample, measurement).

    Parameters
    ----------
    data
        Field tables laid out.
    at
        Log factors of all plots, (sample, plot).
    which
        Positions of the measurements.
    """
    measured, samples, count = data.measured, at["rate"].shape[0], len(data.plots.labels)
    month, plot = measured.month[which], measured.plot[which]
    when, place = np.unique(np.concatenate([month, month + measured.takes_time[which]]), return_inverse=True)
    states = _all_states(data, np.arange(count), at, when)
    run = Run(
        data.setup.structure,
        states,
        place[: month.size],
        place[month.size :],
        np.arange(samples)[:, None] * count + plot,
        measured.weights[measured.kind[which]],
    )
    logs: np.ndarray = np.log(expected_readings(measured.kinds, measured.kind[which], run))
    return logs


def stocks_of(
    data: Layout, plots: np.ndarray, at: Mapping[str, np.ndarray], years: np.ndarray, weights: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Stocks in t/ha, (sample, plot, year, fraction), NaN outside the run: all draws of all plots side by side.

    Parameters
    ----------
    data
        Field tables laid out.
    plots
        Positions of plots.
    at
        Log factors of these plots, (sample, plot).
    years
        Decimal years.
    weights
        Weight of each pool by fraction.
    """
    samples = at["rate"].shape[0]
    month = month_of(years) - data.plots.start[plots][:, None]
    # A plot of one site is not asked for years of another that lie beyond the drivers.
    when, place = np.unique(np.clip(month, 0, data.plots.rows), return_inverse=True)
    states = _all_states(data, plots, at, when)
    pools = states[..., : len(data.setup.structure.pools)].reshape(when.size, samples, plots.size, -1)
    chosen = pools[place.reshape(month.shape), :, np.arange(plots.size)[:, None]]  # (plot, year, sample, pool)
    result = np.stack([(chosen * weight).sum(axis=-1) for weight in weights.values()], axis=-1)
    result[(month < 0) | (month > data.plots.rows)] = np.nan
    result = np.moveaxis(result, 2, 0)
    return result * np.exp(at["process"])[..., None] if "process" in at else result


def _all_states(data: Layout, plots: np.ndarray, at: Mapping[str, np.ndarray], when: np.ndarray) -> np.ndarray:
    """Pools and sinks of some plots for every draw, (time, sample times plot, state)."""
    repeated = _repeated(data, plots, at["rate"].shape[0])
    # Run once: interpreted, it is done before a compiler would be.
    states: np.ndarray = trajectories(repeated, per_draw(data, at, plots.size), when).eval(mode="FAST_COMPILE")
    return states


def per_draw(data: Layout, at: Mapping[str, np.ndarray], plots: int) -> dict[str, Any]:
    """Log factors of every draw and plot side by side, (sample times plot, ...), as :func:`trajectories` takes them.

    Parameters
    ----------
    data
        Field tables laid out.
    at
        Log factors by name, (sample, plot, ...); those that all plots share, (sample, ...).
    plots
        How many plots there are.
    """
    samples = at["rate"].shape[0]
    flat = {
        name: _flattened(value, samples, plots, per_plot=name not in (*SHARED, *data.setup.structure.carried))
        for name, value in at.items()
        if name not in ("process", "rate_constant")
    }
    return flat | {"rate_constant": np.repeat(at["rate_constant"], plots, axis=0).T}


def _flattened(value: Any, samples: int, plots: int, *, per_plot: bool) -> Any:
    """Values of every draw and plot side by side; those that all plots share are repeated."""
    if np.ndim(value) == 0:
        return value
    return value.reshape(samples * plots, *value.shape[2:]) if per_plot else np.repeat(value, plots, axis=0)


def process_noise(
    data: Layout,
    values: Mapping[str, np.ndarray],
    known: Visits | None,
    plots: np.ndarray,
    years: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Log factors of the process on plots, (sample, plot, year), at their visits as learned; nothing without noise.

    Parameters
    ----------
    data, values
        As for :func:`new_plots`.
    known
        Visits that the fit has steps of; None where the plots are new.
    plots
        Positions of plots.
    years
        Decimal years.
    rng
        Source of what no visit tells.
    """
    if "process_step" not in values:
        return {}
    none = np.zeros(0, dtype="int64")
    month = month_of(years) - data.plots.start[plots][:, None]
    return {"process": walks(known or Visits(none, none), values, plots, month, rng)}


def variance_parts(
    run: Callable[[Mapping[str, np.ndarray]], np.ndarray],
    at: Mapping[str, np.ndarray],
    carried: Collection[str] = (),
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Result of all draws, and what its variance over them is made of.

    One part varies as drawn while the others stay at their means. A part of
    the variance is the covariance of that result with the full one, so what
    two parts do against each other (more input, faster decay) is taken off
    both of them; what is left is their interaction. Parts sum to the variance.

    Parameters
    ----------
    run
        From log factors to results, (sample, ...).
    at
        Log factors by name, (sample, ...).
    carried
        Names of further parameters of the structure, which have a carried prior.

    Returns
    -------
    result, parts
        (sample, ...), and by name of the part, (...).

    Examples
    --------
    >>> draws = np.random.default_rng(0).standard_normal((2, 1000))
    >>> at = {"rate": draws[0], "plant": draws[1], "stock": np.zeros(1000)}
    >>> result, parts = variance_parts(lambda at: 2 * at["rate"] + at["plant"] + at["stock"], at)
    >>> {name: round(float(part)) for name, part in parts.items()}
    {'parameters': 4, 'inputs': 1, 'initial state': 0, 'interaction': 0}
    """
    full = run(at)
    away = full - full.mean(axis=0)
    parts = {}
    blocks = BLOCKS | {"parameters": (*BLOCKS["parameters"], *carried)}
    for part, names in blocks.items():
        if not at.keys() & set(names):
            continue
        held = {
            name: value if name in names or np.ndim(value) == 0 else np.broadcast_to(value.mean(axis=0), value.shape)
            for name, value in at.items()
        }
        parts[part] = (away * run(held)).mean(axis=0)
    parts[INTERACTION] = full.var(axis=0) - sum(parts.values())
    return full, parts


def _repeated(data: Layout, plots: np.ndarray, samples: int) -> Layout:
    """The runs of some plots once for every draw."""

    def tiled(value: Any) -> Any:
        return value if np.ndim(value) == 0 else np.tile(np.asarray(value)[..., plots], samples)

    forcing = data.forcing
    return replace(
        data,
        plots=replace(data.plots, labels=[data.plots.labels[position] for position in plots] * samples),
        forcing=replace(
            forcing,
            drivers={name: np.tile(value[:, plots], (1, samples)) if np.ndim(value) else value
                     for name, value in forcing.drivers.items()},
            constants={name: tiled(value) for name, value in forcing.constants.items()},
            carbon=tiled(forcing.carbon),
        ),
    )  # fmt: skip
