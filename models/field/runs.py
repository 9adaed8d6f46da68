"""Runs of plots: a structure with factors on its inputs and its decomposition, from log factors to carbon.

Log factors come from the variables of the model or from draws of its posterior;
nothing here knows which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core import integrate, with_factors
from socbayes.models.field.amendments import char_counted, kinds_run, quality_parameters, with_no_char
from socbayes.structures.amendments import with_amendments
from socbayes.structures.forcing import month_length, rate_constants
from socbayes.structures.roots import ROOT_HUMIFIED, ROOT_INPUT, with_roots

if TYPE_CHECKING:
    from socbayes.core.structure import Structure
    from socbayes.models.field.layout import Layout
    from socbayes.models.field.setup import Setup


def driven(data: Layout, periods: int, *, settled: bool = False) -> Structure:
    """Structure of the plots with factors on its inputs and on all decomposition, which change with their treatment.

    Parameters
    ----------
    data
        Field tables laid out.
    periods
        How many treatments a plot has at most, one after the other.
    settled
        Whether for a steady state, in which no carbon is char.
    """
    forcing = data.forcing
    return factored(data.setup, forcing.manured, periods, kinds_run(forcing.amendments, settled), forcing.rooted)


def factored(
    setup: Setup, manured: bool, periods: int, amendments: tuple[str, ...] = (), rooted: bool = False
) -> Structure:
    """Structure with factors on its inputs and on all decomposition.

    Parameters
    ----------
    setup
        What the plots run.
    manured
        Whether manure has a factor too.
    periods
        As for :func:`driven`.
    amendments
        Those with a quality of their own.
    rooted
        Whether roots have one.
    """
    factors = dict.fromkeys(setup.roles.plant, "input_factor") | dict.fromkeys(decomposition(setup), "rate_factor")
    chosen = setup.structure
    if rooted:
        chosen = with_roots(chosen, setup.roles.plant)
        factors[ROOT_INPUT] = "input_factor"
    if manured:
        chosen = with_factors(chosen, {setup.roles.manure: "manure_factor"})
    return with_amendments(with_factors(chosen, factors, periods), amendments)


def decomposition(setup: Setup) -> tuple[str, ...]:
    """What a faster decomposition multiplies: the climate modifier of a structure, else its rate constants.

    Parameters
    ----------
    setup
        What the plots run.
    """
    if setup.roles.modifier:
        return (setup.roles.modifier,)
    return setup.structure.decomposition or rate_constants(setup.structure)


def natural_parameters(
    data: Layout, at: Mapping[str, Any], rate: Any, plant: Any, fixed: Mapping[str, Any], periods: int
) -> dict[str, Any]:
    """Parameters of :func:`driven` from log factors.

    Parameters
    ----------
    data
        Field tables laid out.
    at
        ``rate_constant``, log factors of the rate constants, (constant,); ``manure``, log factor of manure input,
        where any is applied; ``humified``, shares of amendments, and ``amendment_level``, log factors of their inputs,
        (..., amendment), where there are any; ``char_decay``, spreads of log, where one is char; ``root_humified``,
        a share, where roots are told from shoots; and values of parameters that have a carried prior, by name.
    rate, plant
        Log factors of decomposition and plant input, (run, period).
    fixed
        Parameters that the site determines.
    periods
        How many treatments a plot has at most, one after the other.

    Returns
    -------
    dict
    """
    import pytensor.tensor as pt

    structure = data.setup.structure
    defaults = structure.defaults()
    learned = {name: at[name] for name in structure.carried if name in at}
    names = [name for name in rate_constants(structure) if name not in learned]
    constants = at["rate_constant"]
    values = dict(fixed) | learned
    values |= {
        name: fixed.get(name, defaults[name]) * pt.exp(constants[position]) for position, name in enumerate(names)
    }
    values |= {
        follower: values.get(follower, defaults[follower]) * learned[name] / defaults[name]
        for follower, name in structure.paced.items()
        if name in learned
    }
    if data.forcing.manured:
        values["manure_factor"] = pt.exp(at["manure"] + 0.0 * plant[:, 0])
    values |= quality_parameters(data.forcing.amendments, at, structure)
    if data.forcing.rooted:
        values[ROOT_HUMIFIED] = at[ROOT_HUMIFIED]
    for name, factor in (("input_factor", plant), ("rate_factor", rate)):
        values |= {name if periods == 1 else f"{name}_{k + 1}": pt.exp(factor[:, k]) for k in range(periods)}
    return values


def shares(log_share: Any) -> Any:
    """Shares that sum to one over the last axis.

    Parameters
    ----------
    log_share
        Their logarithms, up to a constant.
    """
    import pytensor.tensor as pt

    raised = pt.exp(log_share)
    return raised / raised.sum(axis=-1, keepdims=True)


def pools_of_shares(log_share: Any, log_stock: Any, weights: np.ndarray, carbon: np.ndarray) -> Any:
    """Pools of runs in the structure's unit, from the shares of their carbon, (run, pool).

    Parameters
    ----------
    log_share
        Logarithms of shares, up to a constant, (run, pool).
    log_stock
        Logarithm of the carbon that is measured as total, t/ha, (run,).
    weights
        Weight of each pool in the total, (pool,).
    carbon
        t C/ha of one unit of a pool, (run,).
    """
    import pytensor.tensor as pt

    share = shares(log_share)
    stock = pt.exp(log_stock)[:, None] / (share * weights).sum(axis=1, keepdims=True)
    return share * stock / carbon[:, None]


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

    structure, forcing, periods = data.setup.structure, data.forcing, data.plots.periods
    parameters = natural_parameters(data, at, at["rate"], at["plant"], forcing.constants, periods)
    count = len(data.plots.labels)
    run = driven(data, periods)
    states = integrate(
        run,
        with_no_char(run, pools_of_shares(at["log_share"], at["stock"], data.setup.weights["total"], forcing.carbon)),
        {name: value + pt.zeros(count) if np.ndim(value) else value for name, value in parameters.items()},
        forcing.drivers,
        times=when,
        interval=month_length(structure),
        steps=structure.month_steps,
    )
    return char_counted(run, structure, states) * forcing.carbon[:, None]
