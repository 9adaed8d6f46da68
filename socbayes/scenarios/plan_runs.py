"""Runs of plans on the draws of one fit: laid out once for each plan, branched off where the past of a plot ends."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, TableFaultsError
from socbayes.facts import facts_of
from socbayes.models.field.amendments import kind_of_lever
from socbayes.models.field.branches import RATE_DRIVER, Branches, beginnings, branches_of
from socbayes.models.field.draws import draws_of, fitted_to, largest_pool, new_plots, process_noise
from socbayes.models.field.effects import of_known_plots
from socbayes.models.field.forecasts import firsts_of, place_of
from socbayes.models.field.layout import Layout, lay_out
from socbayes.models.field.noise import visits
from socbayes.models.field.setup import setup_of_fit
from socbayes.models.field.tables import tables_of_fit
from socbayes.scenarios.draws import values_of
from socbayes.scenarios.levers import UNCERTAIN
from socbayes.scenarios.planned import (
    adoption_of,
    altering,
    dose_in_time,
    faults_of,
    months_of,
    notes_of,
    reach_of,
    with_climate,
)
from socbayes.scenarios.plans import Plan, Plans
from socbayes.structures.amendments import input_of
from socbayes.structures.forcing import input_factor

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure

RESAMPLED = 12
"""Courses of observed years that a resampled climate is made of; draws are dealt out to them."""
KINDS = {"known": "plot", "new": "new_plot"}
"""Dimension by kind of plot: those that were measured, and a new one of each treatment."""

type Doses = tuple[tuple[str, str, np.ndarray], ...]


@dataclass(frozen=True, eq=False)
class Runs:
    """What runs of one kind of plot are made of.

    Parameters
    ----------
    labels
        Names of the plots.
    plots
        Position of each in the layout, (run,).
    at
        Log factors of every draw, (sample, run).
    columns
        By plan, drivers of each course of climate, (row, plot, driver).
    doses
        By plan, what is acted on, the lever, and the dose in every month of every plot, (row, plot).
    """

    labels: list[str]
    plots: np.ndarray
    at: Mapping[str, np.ndarray]
    columns: Mapping[str, tuple[np.ndarray, ...]]
    doses: Mapping[str, Doses]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that runs of plans on one fit need.

    Parameters
    ----------
    label
        Of the fit.
    data
        Its tables laid out to the last year projected.
    branches
        Its structure as a compiled run.
    kinds
        Runs of known and of new plots.
    effects
        By lever, the effect of a unit of dose of every draw on the log scale, (sample,).
    member
        Course of climate of every draw, (sample,).
    months
        Months of the years projected since the start of each plot, (plot, year).
    notes
        What was assumed, and what of the plans does nothing somewhere.
    """

    label: str
    data: Layout
    branches: Branches
    kinds: Mapping[str, Runs]
    effects: Mapping[str, np.ndarray]
    member: np.ndarray
    months: np.ndarray
    notes: tuple[str, ...]


def standard_normals(plans: Plans, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Effects of levers for every draw on the log scale: each lever has draws of its own, whatever else is planned.

    Parameters
    ----------
    plans
        Any plans.
    draws, seed
        How many, and their seed.
    """
    every = {one.lever.name: one.lever for plan in plans.plans.values() for one in plan.doses}
    return {
        name: lever.effect(np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(draws))
        for name, lever in every.items()
    }


def prepare(
    fitted: xr.DataTree, label: str, plans: Plans, years: np.ndarray, count: int, seed: int, structure: Structure | None
) -> Prepared:
    """Lay plans out for one fit and draw what every plan shares; effects of levers are none yet.

    Parameters
    ----------
    fitted
        A fit of ``models.field``.
    label
        What it is called.
    plans
        Of :func:`socbayes.scenarios.plan_files.read_plans`.
    years
        Decimal years that are projected.
    count, seed
        Posterior draws, and the seed of their choice and of all that is new.
    structure
        The structure, where it is one of the caller's own.

    Raises
    ------
    TableFaultsError
        For everything of the plans that the fit cannot do.
    """
    setup, tables = setup_of_fit(fitted, structure), tables_of_fit(fitted)
    laid = partial(lay_out, setup=setup, until=float(years.max()), known_until=facts_of(fitted).spec.choices["until"])
    data = laid(tables)
    if faults := faults_of(plans, tables, data, years):
        raise TableFaultsError(faults, "plans")
    values = _enough(values_of(fitted, count, seed), count, seed)
    drawn = draws_of(fitted["posterior"].to_dataset(), values)
    rng = np.random.default_rng(seed)
    values, _ = fitted_to(data, drawn, rng)
    largest, everywhere, firsts = largest_pool(data, drawn), np.arange(len(data.plots.labels)), firsts_of(data)
    branches, first = branches_of(data), float(years.min())
    layouts: dict[Any, tuple[np.ndarray, ...]] = {(id(None), None): (branches.columns(data),)}

    def columns(plan: Plan, adopts: np.ndarray) -> tuple[np.ndarray, ...]:
        change = altering(plan, adopts, first)
        climate = plan.climate
        key = (id(climate), None if change is None else (plan.name, tuple(adopts.tolist())))
        if key not in layouts:
            sources = [None] if not (climate and climate.resample) else [
                np.random.default_rng([seed, number]) for number in range(RESAMPLED)]  # fmt: skip
            layouts[key] = tuple(
                branches.columns(laid(with_climate(tables, data, climate, first, source), change=change))
                for source in sources
            )
        return layouts[key]

    kinds = {}
    for kind, labels, plots, at in (
        ("known", data.plots.labels, everywhere, of_known_plots(data, values, largest)),
        ("new", [place_of(data, place) for place in firsts], firsts, new_plots(data, values, largest, firsts, rng)),
    ):
        visited = visits(data) if kind == "known" else None
        at |= process_noise(data, values, visited, plots, years, rng)
        adopts = {name: _adopts(plan, data, plans, kind) for name, plan in plans.plans.items()}
        kinds[kind] = Runs(
            labels, plots, at,
            {name: columns(plan, adopts[name]) for name, plan in plans.plans.items()},
            {name: _doses(plan, data, adopts[name], first) for name, plan in plans.plans.items()},
        )  # fmt: skip
    faults, notes = reach_of(plans, data, kinds["known"].columns, layouts[id(None), None][0])
    if faults:
        raise TableFaultsError(faults, "plans")
    notes = [*data.notes, *notes_of(plans, tables, data), *notes]
    member = np.zeros(count, dtype="int64")
    return Prepared(label, data, branches, kinds, {}, member, months_of(years, data.plots), tuple(notes))


def _enough(values: Mapping[str, np.ndarray], count: int, seed: int) -> dict[str, np.ndarray]:
    """Draws by variable, some of them again where a fit has fewer than are wanted."""
    size = len(next(iter(values.values())))
    if size >= count:
        return dict(values)
    chosen = np.concatenate([np.arange(size), np.random.default_rng(seed).choice(size, count - size)])
    return {name: value[chosen] for name, value in values.items()}


def _adopts(plan: Plan, data: Layout, plans: Plans, kind: str) -> np.ndarray:
    """Year from which each plot follows a plan; a new one follows every plan from its first stage on."""
    if kind == "known":
        return adoption_of(plan, data.plots.labels, plans.areas)
    return np.full(len(data.plots.labels), plan.adoption[0].year if plan.adoption else -np.inf)


def _doses(plan: Plan, data: Layout, adopts: np.ndarray, first: float) -> Doses:
    """Doses that act on inputs and rates, in every month of every plot."""
    return tuple(
        (one.lever.acts_on, one.lever.name, one.dose * dose_in_time(one, data.plots, adopts, first))
        for one in plan.doses
        if one.lever.acts_on in (*UNCERTAIN, "plant_share")
    )


def run_plans(prepared: Prepared, kind: str, fractions: Sequence[str] | None = None) -> np.ndarray:
    """Stocks under every plan, t/ha, (plan, sample, run, year, fraction).

    Parameters
    ----------
    prepared
        Of :func:`prepare`.
    kind
        ``"known"`` or ``"new"``.
    fractions
        Names of fractions; all that the structure shows by default.
    """
    runs, data, branches = prepared.kinds[kind], prepared.data, prepared.branches
    weights = branches.weights(data, fractions or list(data.setup.weights))
    pools, every = beginnings(branches, data, runs.plots, runs.at)
    names = list(runs.columns)
    shape = (len(names), len(pools), runs.plots.size, prepared.months.shape[1], weights.shape[1])
    result = np.empty(shape)

    def run(place: int) -> None:
        plot = int(runs.plots[place])
        months = prepared.months[plot]
        branch = int(min(data.plots.known[plot], months.min()))
        past = runs.columns[names[0]][0][:branch, plot][:, None]
        own = every[:, place]
        begun = branches.run(pools[:, place], own, past, np.array([branch]))[0]
        when, back = np.unique(months - branch, return_inverse=True)
        rows = slice(branch, int(months.max()))
        seen: dict[Any, np.ndarray] = {}
        for number, name in enumerate(names):
            active = [one for one in runs.doses[name] if one[2][rows, plot].any()]
            # A plan that leaves a plot as it is needs no run of its own.
            key = (id(runs.columns[name]), tuple((lever, dose[rows, plot].tobytes()) for _, lever, dose in active))
            if key not in seen:
                with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is said below
                    drivers, parameters = _changed(prepared, runs.columns[name], active, plot, rows, own)
                    carbon = branches.run(begun, parameters, drivers, when)[back] @ weights * data.forcing.carbon[plot]
                seen[key] = np.moveaxis(carbon, 1, 0)
            result[number, :, place] = seen[key]

    # Compiled runs let other threads go on; each plot has its own part of the result.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as threads:
        list(threads.map(run, range(runs.plots.size)))
    if "process" in runs.at:
        result *= np.exp(runs.at["process"])[..., None]
    # Years before the first sample of a plot are none of its run.
    if failed := int((~np.isfinite(result)).any(axis=(0, 2, 3, 4)).sum()):
        raise SocbayesError(
            f"{prepared.label}: runs of {failed} of {len(pools)} draws failed under some plan: a dose is beyond what "
            "the structure can run"
        )
    return result


def _changed(
    prepared: Prepared,
    columns: Sequence[np.ndarray],
    active: Iterable[tuple[str, str, np.ndarray]],
    plot: int,
    rows: slice,
    parameters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Drivers, (month, 1 or sample, driver), and parameters, (sample, parameter), of one plot under one plan."""
    drivers = np.stack([one[rows, plot] for one in columns], axis=1)
    if len(columns) > 1:
        drivers = drivers[:, prepared.member]
    acting = list(active)
    if not acting:
        return drivers, parameters
    samples = len(parameters)
    data, roles, position = prepared.data, prepared.data.setup.roles, prepared.branches.position
    steady = all(np.ptp(dose[rows, plot]) == 0 for _, _, dose in acting)
    factors = {"plant": np.ones((1, 1)), "rate": np.ones((1, 1))}
    share: Any = 0.0
    added: dict[str, Any] = {}
    for acts_on, name, dose in acting:
        # An effect that is the same in all months is that of one.
        effect, doses = prepared.effects.get(name, np.zeros(samples)), dose[rows, plot][: 1 if steady else None, None]
        if acts_on == "plant_share":
            share = share + doses
        elif acts_on.endswith("_factor"):
            kind = acts_on.removesuffix("_factor")
            factors[kind] = factors[kind] * np.exp(doses * effect)
        else:
            kind = acts_on.removesuffix("_added")
            if kind == "manure" and data.forcing.amendments:
                kind = kind_of_lever(name)
            added[kind] = added.get(kind, 0.0) + doses * np.exp(effect)
    factors["plant"] = factors["plant"] * np.maximum(1.0 + share, 0.0)
    plant = added.pop("plant", None)
    carbon = {} if plant is None else {
        name: part * _per(prepared, name, plot) * plant for name, part in roles.plant.items()
    }  # fmt: skip
    for kind, tons in added.items():
        driver = roles.manure if kind == "manure" else input_of(kind)
        carbon[driver] = _per(prepared, driver, plot) * tons
    if steady:
        # It is a parameter then, and drivers stay one for all draws.
        changed = parameters.copy()
        for place, name in enumerate(prepared.branches.structure.parameter_names):
            for kind, called in (("plant", "input_factor"), ("rate", "rate_factor")):
                if name == called or name.startswith(f"{called}_"):
                    changed[:, place] *= factors[kind][0]
            if name.removesuffix("_added") in carbon and name.endswith("_added"):
                changed[:, place] += carbon[name.removesuffix("_added")][0] / _level(prepared, name, parameters)
        return drivers, changed
    result = np.repeat(drivers, samples, axis=1) if drivers.shape[1] == 1 else drivers.copy()
    result[..., position(roles.modifier or RATE_DRIVER)] *= factors["rate"]
    for name in roles.plant:
        result[..., position(name)] *= factors["plant"]
    for name, values in carbon.items():
        # What is weighed in is not over what was stated: the learned factor on inputs is taken off again.
        result[..., position(name)] += values / _learned(prepared, name, plot, rows, parameters)
    return result, parameters


def _per(prepared: Prepared, driver: str, plot: int) -> float:
    """What multiplies t C/ha/year to give the unit of a driver."""
    plots = prepared.data.plots
    unit = next(one.unit for one in prepared.branches.structure.drivers if one.name == driver)
    return input_factor(unit, plots.density[plot], plots.depth[plot]) or 1.0


def _level(prepared: Prepared, called: str, parameters: np.ndarray) -> Any:
    """Learned factor on an amendment, (sample,), by its driver or what is added to it; one for all else."""
    names, kind = prepared.branches.structure.parameter_names, called.removesuffix("_added").removesuffix("_input")
    return parameters[:, names.index(f"{kind}_level")] if kind in prepared.data.forcing.amendments else 1.0


def _learned(prepared: Prepared, driver: str, plot: int, rows: slice, parameters: np.ndarray) -> Any:
    """Learned factor on an input in every month, (month or 1, sample)."""
    names, plots = prepared.branches.structure.parameter_names, prepared.data.plots
    if driver not in prepared.data.setup.structure.driver_names:
        return np.reshape(_level(prepared, driver, parameters), (1, -1))
    if driver == prepared.data.setup.roles.manure:
        return parameters[:, names.index("manure_factor")][None] if prepared.data.forcing.manured else 1.0
    if plots.periods == 1:
        return parameters[:, names.index("input_factor")][None]
    each = np.array([names.index(f"input_factor_{number + 1}") for number in range(plots.periods)])
    return parameters[:, each[plots.period[rows, plot]]].T
