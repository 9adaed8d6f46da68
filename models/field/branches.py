"""Runs that share a past and part in the future: compiled once for each structure, whatever the drivers are.

A branch begins with the pools of every draw, and has drivers of its own that
may differ between draws. Nothing of a plan is compiled into the run: drivers
come as arrays, so another plan needs no other code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.structure import Driver, Flow, Names, Parameter
from socbayes.models.field.amendments import counted_in, with_no_char
from socbayes.models.field.draws import per_draw
from socbayes.models.field.runs import decomposition, factored, natural_parameters, pools_of_shares
from socbayes.models.field.setup import Setup
from socbayes.models.field.years import LINEAR_SCHEMES, over_years, recurs
from socbayes.structures.amendments import input_of
from socbayes.structures.efficiency import with_responses
from socbayes.structures.forcing import month_length

if TYPE_CHECKING:
    from socbayes.core.structure import Structure
    from socbayes.models.field.layout import Layout

RATE_DRIVER = "decomposition_factor"
"""Driver of a structure that has none of climate: what multiplies its decomposition in a month."""


@dataclass(frozen=True, eq=False)
class Branches:
    """A structure of field plots as a compiled run of arrays.

    Parameters
    ----------
    structure
        With factors on inputs and decomposition.
    interval, steps
        Length of a month in the structure's unit of time, and steps in it.
    scheme
        Of integration.
    linear
        Whether a step is linear in the pools.
    """

    structure: Structure
    interval: float
    steps: int
    scheme: str
    linear: bool

    def run(self, pools: np.ndarray, parameters: np.ndarray, drivers: np.ndarray, months: np.ndarray) -> np.ndarray:
        """Pools of every draw at the turns of some months.

        Parameters
        ----------
        pools
            At the start, in the structure's unit, (sample, pool).
        parameters
            Of :func:`beginnings`, (sample, parameter).
        drivers
            Of :meth:`columns`, (month, 1 or sample, driver).
        months
            Since the start, increasing, (time,).

        Returns
        -------
        numpy.ndarray
            (time, sample, pool); NaN where a step failed.
        """
        if self.linear and recurs(drivers, months, len(self.structure.pools)):
            found = over_years(self.every_month, pools, parameters, drivers, months)
            if found is not None:
                return found
        return self.every_month(pools, parameters, drivers, months)

    def every_month(
        self, pools: np.ndarray, parameters: np.ndarray, drivers: np.ndarray, months: np.ndarray
    ) -> np.ndarray:
        """The same, month by month.

        Parameters
        ----------
        pools, parameters, drivers, months
            As for :meth:`run`.

        Returns
        -------
        numpy.ndarray
            As of :meth:`run`.
        """
        # Compiled runs are slow to import.
        from socbayes.core.kernels import program
        from socbayes.core.numba_dispatch import forward_function

        function = forward_function(program(self.structure, self.scheme, False, False))
        arrays = [np.ascontiguousarray(one, dtype="float64") for one in (pools, parameters, drivers)]
        when = np.ascontiguousarray(months, dtype="int64")
        states, _ = function(*arrays, self.interval, self.steps, when, False)
        return states[..., : len(self.structure.pools)]

    def columns(self, data: Layout) -> np.ndarray:
        """Drivers of a layout in the order of the structure, (row, plot, driver).

        Parameters
        ----------
        data
            Field tables laid out, of these plots.
        """
        from socbayes.core.integrate import stack_drivers

        values = evaluated(stack_drivers(self.structure, data.forcing.drivers))
        return np.broadcast_to(values, (data.plots.rows, len(data.plots.labels), values.shape[2]))

    def weights(self, data: Layout, fractions: Sequence[str]) -> np.ndarray:
        """Weight of each pool of the run in each fraction, (pool, fraction); char weighs as the pool it is counted in.

        Parameters
        ----------
        data
            Field tables laid out.
        fractions
            Their names.
        """
        published = data.setup.structure
        weights = np.stack([data.setup.weights[name] for name in fractions], axis=1)
        beside = [published.pools.index(counted_in(published))] * (len(self.structure.pools) - len(published.pools))
        return np.concatenate([weights, weights[beside]])

    def position(self, driver: str) -> int:
        """Position of a driver among the columns."""
        return self.structure.driver_names.index(driver)


def branches_of(data: Layout, responses: tuple[str, ...] = ()) -> Branches:
    """Compiled runs of the plots of a layout.

    Parameters
    ----------
    data
        Field tables laid out.
    responses
        Of efficiency to warming: see :func:`socbayes.structures.efficiency.with_responses`.
    """
    given = tuple(sorted(data.setup.drivers))
    forcing = data.forcing
    kinds = forcing.amendments
    return _branches(data.setup.structure, forcing.manured, data.plots.periods, kinds, responses, given, forcing.rooted)


@lru_cache(maxsize=64)
def _branches(
    published: Structure,
    manured: bool,
    periods: int,
    amendments: tuple[str, ...],
    responses: tuple[str, ...],
    given: tuple[str, ...],
    rooted: bool,
) -> Branches:
    """The same for the same structure, so that its program is made once; ``given`` are drivers that are numbers."""
    from socbayes.core.doors import how_to_step

    drivers = dict.fromkeys(given, 0.0)
    roles = Setup(published, drivers=drivers).roles
    fed = tuple(name for name in (*roles.plant, roles.manure) if name)
    setup = Setup(with_additions(published, fed), drivers=drivers)
    # What a plan adds is no root: it is added within the structure in which roots are told from shoots.
    structure = factored(setup, manured, periods, amendments, rooted)
    if not setup.roles.modifier:
        structure = with_rate_driver(structure, decomposition(setup))
    structure = with_additions(structure, tuple(input_of(kind) for kind in amendments))
    if responses:
        structure = with_responses(structure, responses)
    interval, steps, scheme = how_to_step(structure, month_length(published), published.month_steps)
    linear = structure.linear and scheme in LINEAR_SCHEMES
    return Branches(structure, interval, steps, scheme, linear)


def with_additions(structure: Structure, drivers: tuple[str, ...]) -> Structure:
    """Structure with a parameter beside each of some drivers, which is added to it and has no factor.

    Parameters
    ----------
    structure
        Any structure.
    drivers
        Inputs of carbon.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_additions(get("icbm"), ("carbon_input",)).parameter_names[-1]
    'carbon_input_added'
    """

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        more = {name: u[name] + p[f"{name}_added"] if name in drivers else u[name] for name in structure.driver_names}
        own = {name: p[name] for name in structure.parameter_names}
        yield from structure.flows(x, Names("parameter", own), Names("driver", more))

    new = tuple(
        Parameter(f"{one.name}_added", one.unit, 0.0, "none unless a plan adds some", 0.0, meaning="What a plan adds.")
        for one in structure.drivers
        if one.name in drivers
    )
    return replace(structure, parameters=(*structure.parameters, *new), flows=flows, reports=None)


def with_rate_driver(structure: Structure, parameters: tuple[str, ...]) -> Structure:
    """Structure with a driver that multiplies some of its parameters, for rates that change in time.

    Parameters
    ----------
    structure
        Any structure.
    parameters
        Rate constants, or whatever stands for decomposition.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_rate_driver(get("icbm"), ("k1", "k2")).driver_names[-1]
    'decomposition_factor'
    """

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        faster = {
            name: p[name] * u[RATE_DRIVER] if name in parameters else p[name] for name in structure.parameter_names
        }
        rest = {name: u[name] for name in structure.driver_names}
        yield from structure.flows(x, Names("parameter", faster), Names("driver", rest))

    new = Driver(RATE_DRIVER, "1", "What multiplies all decomposition.", 1.0, 0.0)
    return replace(structure, drivers=(*structure.drivers, new), flows=flows, reports=None)


def beginnings(
    branches: Branches, data: Layout, plots: np.ndarray, at: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Pools at the first sample of some plots, and parameters of their runs, for every draw.

    Parameters
    ----------
    branches
        Of :func:`branches_of`.
    data
        Field tables laid out.
    plots
        Positions of plots.
    at
        Log factors of these plots, (sample, plot).

    Returns
    -------
    pools, parameters
        (sample, plot, pool) in the structure's unit, and (sample, plot, parameter).
    """
    from socbayes.core.integrate import stack_parameters

    samples = at["rate"].shape[0]
    flat = per_draw(data, at, plots.size)
    constants = {
        name: value if np.ndim(value) == 0 else np.tile(np.asarray(value)[plots], samples)
        for name, value in data.forcing.constants.items()
    }
    values = natural_parameters(data, flat, flat["rate"], flat["plant"], constants, data.plots.periods)
    every = np.zeros(samples * plots.size)
    spread = {name: value + every if np.ndim(value) == 0 else value for name, value in values.items()}
    parameters = evaluated(stack_parameters(branches.structure, spread))
    carbon = np.tile(data.forcing.carbon[plots], samples)
    pools = with_no_char(
        branches.structure, pools_of_shares(flat["log_share"], flat["stock"], data.setup.weights["total"], carbon)
    )
    shape = (samples, plots.size, -1)
    return evaluated(pools).reshape(shape), parameters.reshape(shape)


def evaluated(graph: Any) -> np.ndarray:
    """Value of a graph without inputs, step by step: it is computed once, so rewriting it first takes longer.

    Parameters
    ----------
    graph
        A tensor that rests on constants only.
    """
    from pytensor.compile.mode import Mode

    return np.asarray(graph.eval(mode=Mode(linker="py", optimizer="None")))
