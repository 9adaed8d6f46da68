"""The carbon that plots start from, and the steady state that its shares scatter about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from socbayes.core import find_steady_state, steady_state
from socbayes.models.blocks import group_means, weighted_sums
from socbayes.models.field.amendments import kinds_run, published_qualities
from socbayes.models.field.runs import driven, natural_parameters
from socbayes.structures.amendments import with_amendments
from socbayes.structures.roots import ROOT_INPUT, with_roots

if TYPE_CHECKING:
    from socbayes.models.field.layout import Layout
    from socbayes.models.field.plots import Plots
    from socbayes.priors import Priors

INERT_SPREAD = 0.4
"""Standard deviation of the log of the share of inert pools at the start. Assumed, a factor of two at two standard
deviations: the authors of RothC's relation call it rough, and carbon that never moves must not explain whatever a
structure cannot."""
SMALLEST_SHARE = 1e-6
RICHEST = 16
"""Multiples of the mean input that are tried for the shares of pools where microbes die out under it."""


class InitialShares(NamedTuple):
    """What initial shares of the pools scatter about.

    Parameters
    ----------
    fixed
        Shares at published parameters, (site, pool), where the structure is not linear; about equal where it has no
        steady state at all. None where they follow the parameters that are sampled.
    largest
        Position of the largest pool, from which the others are counted.
    notes
        What was assumed.
    """

    fixed: np.ndarray | None
    largest: int
    notes: tuple[str, ...]


def initial_shares(data: Layout) -> InitialShares:
    """Whether initial shares follow from a steady state, and the position of the largest pool.

    Parameters
    ----------
    data
        Field tables laid out.
    """
    means = data.forcing.means
    chosen, fed = data.setup.structure, [*data.setup.roles.plant]
    if data.forcing.rooted:
        chosen, fed = with_roots(chosen, data.setup.roles.plant), [*fed, ROOT_INPUT]
    chosen = with_amendments(chosen, kinds_run(data.forcing.amendments, settled=True))
    found = find_steady_state(chosen, site_constants(data), means)
    times = 1
    while not (found.found or chosen.linear) and times < RICHEST:
        times *= 2
        richer = {name: times * value if name in fed else value for name, value in means.items()}
        found = find_steady_state(chosen, site_constants(data), richer)
    if not found.found:
        reason = next(reason for reason in found.reasons if reason != "found")
        note = f"{chosen.name} has no steady state under mean drivers ({reason}): initial shares are about equal."
        return InitialShares(np.full((len(data.plots.sites), len(chosen.pools)), 1.0 / len(chosen.pools)), 0, (note,))
    largest = int(np.argmax(found.pools.sum(axis=0)))
    if chosen.linear:
        return InitialShares(None, largest, ())
    more = "" if times == 1 else f" and {times} times the mean input, as with less its microbes die out"
    note = f"Initial shares of {chosen.name} scatter about those of its steady state at published parameters{more}."
    return InitialShares(np.asarray(_settled_shares(data, found.pools, np.where)), largest, (note,))


def site_constants(data: Layout) -> dict[str, Any]:
    """Parameters that the site determines, as (site,) where they differ between plots.

    Parameters
    ----------
    data
        Field tables laid out.
    """
    return {
        name: value if np.ndim(value) == 0 else group_means(value, data.plots.site, len(data.plots.sites))
        for name, value in data.forcing.constants.items()
    }


def _steady(data: Layout, values: Mapping[str, Any]) -> Any:
    """Pools that hold under the mean drivers of each site, (site, pool)."""
    none = np.zeros((len(data.plots.sites), 1))
    rate = values["site_rate"][:, None] if "site_rate" in values else none
    at = dict(values) | {"manure": 0.0} | published_qualities(data.forcing.amendments)
    parameters = natural_parameters(data, at, rate, none, site_constants(data), periods=1)
    run = driven(data, periods=1, settled=True)
    return steady_state(run, {name: parameters[name] for name in parameters if name in run.parameter_names},
                        data.forcing.means)  # fmt: skip


def log_steady_shares(data: Layout, values: Mapping[str, Any]) -> Any:
    """Log shares of the pools in the steady state of each site, inert pools as usual, (site, pool).

    Parameters
    ----------
    data
        Field tables laid out.
    values
        ``rate_constant``, (constant,), ``site_rate``, (site,), where sites differ, ``root_humified`` where roots are
        told from shoots, and values of parameters that have a carried prior, by name.
    """
    import pytensor.tensor as pt

    return pt.log(_settled_shares(data, _steady(data, values), pt.where))


def _settled_shares(data: Layout, steady: Any, where: Callable[..., Any]) -> Any:
    """Shares of the pools in a steady state, inert pools as usual, (site, pool)."""
    structure = data.setup.structure
    inert = np.isin(structure.pools, structure.inert)
    active = (1.0 - structure.inert_share * inert.any()) * steady / steady.sum(axis=1, keepdims=True)
    return where(inert, structure.inert_share / max(int(inert.sum()), 1), active + SMALLEST_SHARE)


def departure_spread(data: Layout, largest: int, site_departure_sd: Any) -> Any:
    """Standard deviation of the log ratio of each pool but the largest at the start, between sites.

    Parameters
    ----------
    data
        Field tables laid out.
    largest
        Position of the largest pool.
    site_departure_sd
        Of pools that are not inert.
    """
    structure = data.setup.structure
    free = np.delete(np.arange(len(structure.pools)), largest)
    inert = np.isin(structure.pools, structure.inert)[free]
    return inert * INERT_SPREAD + ~inert * site_departure_sd


def site_log_shares(data: Layout, steady: Any, prior: Priors, largest: int, plot_departure: Any) -> Any:
    """Log shares of pools at the start over that of the largest pool, (site, pool).

    All samples of a site pin its shares, so these are sampled, centred on what
    the steady state says of them, and not the departures from it: those would
    have to follow every change of a rate constant. Sampled with them is the
    mean departure of the plots of the site, as samples tell both together.

    Parameters
    ----------
    data
        Field tables laid out.
    steady
        Log shares that they scatter about, (site, pool).
    prior
        Priors of the model.
    largest
        Position of the largest pool.
    plot_departure
        Of each plot and pool but the largest, (plot, departing_pool).
    """
    import pymc as pm

    pools = data.setup.structure.pools
    if len(pools) == 1:
        return 0.0 * steady
    free = np.delete(np.arange(len(pools)), largest)
    ratio = steady[:, free] - steady[:, largest : largest + 1]
    spread = departure_spread(data, largest, prior.sample("site_departure_sd"))
    shift, dims = site_means(data.plots, with_largest(plot_departure, largest))[:, free], ("site", "departing_pool")
    shifted = pm.Normal("site_log_ratio_shifted", ratio + shift, spread, dims=dims)
    return with_largest(pm.Deterministic("site_log_ratio", shifted - shift, dims=dims), largest)


def site_means(plots: Plots, values: Any) -> Any:
    """Mean over the plots of each site, (site, ...), of values of plots, (plot, ...).

    Parameters
    ----------
    plots
        The plots.
    values
        One or more of each plot.
    """
    member = plots.site == np.arange(len(plots.sites))[:, None]
    return weighted_sums(member / member.sum(axis=1, keepdims=True), values)


def with_largest(departures: Any, position: int) -> Any:
    """Departures of all pools from those of all but one, which departs from nothing; (..., pool).

    Shares sum to one, so one of them follows. Counted from the largest pool,
    what is well known of others (resistant carbon) does not move with what is
    not (decomposable plant material).

    Parameters
    ----------
    departures
        Of all pools but one, (..., departing_pool); an array or a tensor.
    position
        Of the pool that departs from nothing.
    """
    if isinstance(departures, np.ndarray):
        return np.insert(departures, position, 0.0, axis=-1)
    import pytensor.tensor as pt

    none = pt.zeros_like(departures[..., :1])
    return pt.concatenate([departures[..., :position], none, departures[..., position:]], axis=-1)


def past_input(data: Layout, values: Mapping[str, Any]) -> None:
    """Register what input holds the mean initial stock of each site, over plants of the trial and manure before it.

    Parameters
    ----------
    data
        Field tables laid out.
    values
        Variables of the model by name.
    """
    import pymc as pm
    import pytensor.tensor as pt

    structure = data.setup.structure
    inert = np.isin(structure.pools, structure.inert)
    wanted = values["site_stock"] + np.log(1.0 - structure.inert_share * inert.any())
    pm.Deterministic("past_input_ratio", pt.exp(wanted - log_held(data, values)), dims="site")


def log_held(data: Layout, values: Mapping[str, Any]) -> Any:
    """Log of the stock that the mean input of each site holds, over the mean of its samples, (site,).

    Parameters
    ----------
    data
        Field tables laid out.
    values
        Variables of the model by name.
    """
    import pytensor.tensor as pt

    first = np.unique(data.plots.site, return_index=True)[1]
    held = (_steady(data, values) * data.setup.weights["total"]).sum(axis=1) * data.forcing.carbon[first]
    return pt.log(held) - data.measured.site_log_stock
