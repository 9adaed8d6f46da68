"""Runs of plans on the draws of one fit: laid out once for each plan, branched off where the past of a plot ends."""

from __future__ import annotations

import hashlib
import os
import pickle
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.field.branches import Branches, beginnings, branches_of
from socbayes.models.field.draws import draws_of, fitted_to, largest_pool, new_plots, process_noise
from socbayes.models.field.effects import of_known_plots
from socbayes.models.field.forecasts import firsts_of, place_of
from socbayes.models.field.layout import Layout, lay_out
from socbayes.models.field.noise import visits
from socbayes.models.field.plots import month_of
from socbayes.models.field.setup import setup_of_fit
from socbayes.models.field.tables import tables_of_fit
from socbayes.scenarios.acclimation import responses_of, warmed, with_slopes
from socbayes.scenarios.draws import values_of
from socbayes.scenarios.levers import UNCERTAIN
from socbayes.scenarios.plan_courses import course_of, parting
from socbayes.scenarios.plan_files import refused
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
from socbayes.scenarios.plans import DIRECT, Plan, Plans

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
    baseline
        Name of the plan that others are compared with.
    data
        Tables of the fit laid out to the last year projected.
    branches
        Its structure as a compiled run.
    kinds
        Runs of known and of new plots.
    effects
        By lever, the effect of a unit of dose of every draw on the log scale, (sample,).
    slopes
        By answer, slopes of efficiency of every draw, (sample,); none where all plans leave it to the structure.
    member
        Course of climate of every draw, (sample,).
    months
        Months of the years projected since the start of each plot, (plot, year).
    sampled
        Month of the last sample of all plots, counted from the year 0: plans begin after it.
    chosen
        Which of the draws chosen of the fit each is, (sample,); some are there several times where it has fewer.
    notes
        What was assumed, and what of the plans does nothing somewhere.
    """

    label: str
    baseline: str
    data: Layout
    branches: Branches
    kinds: Mapping[str, Runs]
    effects: Mapping[str, np.ndarray]
    slopes: Mapping[str, np.ndarray]
    member: np.ndarray
    months: np.ndarray
    sampled: int
    chosen: np.ndarray
    notes: tuple[str, ...]

    def branch(self, plot: int) -> int:
        """Month since the start of a plot up to which no plan does anything, and all plans share a run.

        A plot that was sampled once counts as known for a time beyond its sample: plans may begin within it.

        Parameters
        ----------
        plot
            Its position.
        """
        known, start = self.data.plots.known[plot], self.data.plots.start[plot]
        return int(min(known, self.months[plot].min(), self.sampled - start))


def standard_normals(plans: Plans, draws: int, seed: int, structure: str = "") -> dict[str, np.ndarray]:
    """Effects of levers for every draw on the log scale: each lever has draws of its own, whatever else is planned.

    Parameters
    ----------
    plans
        Any plans.
    draws, seed
        How many, and their seed.
    structure
        Structure that is run: effects that were learned through it are those.
    """
    every = {one.lever.name: one.lever for plan in plans.plans.values() for one in plan.doses}
    return {
        name: lever.effect(np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(draws), structure)
        for name, lever in every.items()
    }


def prepare(
    fitted: xr.DataTree, label: str, plans: Plans, years: np.ndarray, count: int, seed: int, structure: Structure | None
) -> Prepared:
    """Lay plans out for one fit and draw what every plan shares; effects of levers and slopes are none yet.

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
    spec, setup, tables = facts_of(fitted).spec, setup_of_fit(fitted, structure), tables_of_fit(fitted)
    laid = partial(lay_out, setup=setup, until=float(years.max()), known_until=spec.choices["until"])
    words = (spec.to_json(), hashlib.sha256(pickle.dumps(tables)).hexdigest(), float(years.max()))
    data = _usual(_Asked(words, setup.structure, partial(laid, tables)))
    if faults := faults_of(plans, tables, data, years):
        raise refused(faults)
    drawn_once = values_of(fitted, count, seed)
    size = len(next(iter(drawn_once.values())))
    chosen = _enough(size, count, seed)
    values = {name: value[chosen] for name, value in drawn_once.items()}
    drawn = draws_of(fitted["posterior"].to_dataset(), values)
    rng = np.random.default_rng(seed)
    values, _ = fitted_to(data, drawn, rng)
    largest, everywhere, firsts = largest_pool(data, drawn), np.arange(len(data.plots.labels)), firsts_of(data)
    branches, first = branches_of(data, responses_of(plans)), float(years.min())
    usual = branches.columns(data)
    layouts: dict[Any, tuple[np.ndarray, ...]] = {(id(None), None): (usual,)}

    def columns(plan: Plan, adopts: np.ndarray) -> tuple[np.ndarray, ...]:
        change = altering(plan, adopts, first)
        climate = plan.climate
        key = (id(climate), None if change is None else (plan.name, tuple(adopts.tolist())))
        if key not in layouts:
            sources = [None] if not (climate and climate.resample) else [
                np.random.default_rng([seed, number]) for number in range(RESAMPLED)]  # fmt: skip
            every = [branches.columns(laid(with_climate(tables, data, climate, first, source), change=change))
                     for source in sources]  # fmt: skip
            # Years that are resampled are weather of the past: they make no other climate.
            told = every[0]
            if climate and climate.resample and climate.efficiency != DIRECT:
                told = branches.columns(laid(with_climate(tables, data, climate, first, None)))
            layouts[key] = tuple(warmed(branches, data, climate, one, told, usual) for one in every)
        return layouts[key]

    baseline = plans.plans[plans.baseline]

    def of_its_plots(plan: Plan, kind: str, adopts: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Elsewhere the climate of a plan that names its plots is that of the baseline; a new plot is one of them."""
        own = columns(plan, adopts[plan.name])
        if kind == "new" or not plan.plots or plan.climate is baseline.climate:
            return own
        key = (id(own), plan.plots)
        if key not in elsewhere:
            others, about = columns(baseline, adopts[plans.baseline]), np.isin(data.plots.labels, plan.plots)[:, None]
            elsewhere[key] = tuple(
                np.where(about, own[course % len(own)], others[course % len(others)])
                for course in range(max(len(own), len(others)))
            )
        return elsewhere[key]

    elsewhere: dict[Any, tuple[np.ndarray, ...]] = {}
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
            {name: of_its_plots(plan, kind, adopts) for name, plan in plans.plans.items()},
            {name: _doses(plan, data, adopts[name], first) for name, plan in plans.plans.items()},
        )  # fmt: skip
    faults, notes = reach_of(plans, data, kinds["known"].columns, usual)
    if faults:
        raise refused(faults)
    notes = [*_told(data.notes, data.of_months), *notes_of(plans, tables, data), *notes]
    if size < count:
        again = "1 is" if count - size == 1 else f"{count - size} are"
        notes.append(f"{label}: of {count} draws {again} there again, as the fit has {size}.")
    member, sampled = np.zeros(count, dtype="int64"), int(month_of(tables.obs["year"].max()))
    months = months_of(years, data.plots)
    return Prepared(label, plans.baseline, data, branches, kinds, {}, {}, member, months, sampled, chosen, tuple(notes))


BEYOND = (
    "Months beyond the tables repeat the mean of their month, inputs that of each plot and weather that of each site, "
    "where a plan does not say otherwise."
)


def _told(notes: Sequence[str], of_months: Mapping[str, str]) -> list[str]:
    """Notes on a layout that goes beyond its tables: months of which nothing can be known yet are no gaps of them."""
    kept = [of_months.get(note, note) for note in notes]
    return [note for note in kept if note] + ([BEYOND] if kept != list(notes) else [])


@dataclass(frozen=True)
class _Asked:
    """What a layout follows from, and how to get it."""

    words: tuple[Any, ...]
    structure: Structure
    laid: Callable[[], Layout] = field(compare=False)


@lru_cache(maxsize=4)
def _usual(asked: _Asked) -> Layout:
    """Layout of a fit without a plan, kept for the next plans: most of the time of preparing is spent on it."""
    return asked.laid()


def _enough(size: int, count: int, seed: int) -> np.ndarray:
    """Positions of draws, (count,), some of them again where a fit has fewer than are wanted."""
    again = np.random.default_rng(seed).choice(size, max(0, count - size))
    return np.concatenate([np.arange(min(size, count)), again])


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


def begun_runs(prepared: Prepared, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Pools at the first sample, (sample, run, pool), and parameters without a plan, (sample, run, parameter).

    Parameters
    ----------
    prepared
        Of one fit.
    kind
        ``known`` or ``new`` plots.
    """
    runs = prepared.kinds[kind]
    pools, every = beginnings(prepared.branches, prepared.data, runs.plots, runs.at)
    return pools, with_slopes(prepared.branches, prepared.slopes, every)


def run_plans(
    prepared: Prepared,
    kind: str,
    fractions: Sequence[str] | None = None,
    threads: int | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Stocks under every plan, t/ha, (plan, sample, run, year, fraction).

    Parameters
    ----------
    prepared
        Of :func:`prepare`.
    kind
        ``"known"`` or ``"new"``.
    fractions
        Names of fractions; all that the structure shows by default.
    threads
        Plots that are run at a time; as many as there are processors by default.
    out
        What stocks are written to.
    """
    runs, data, branches = prepared.kinds[kind], prepared.data, prepared.branches
    weights = branches.weights(data, fractions or list(data.setup.weights))
    pools, every = begun_runs(prepared, kind)
    names = list(runs.columns)
    shape = (len(names), len(pools), runs.plots.size, prepared.months.shape[1], weights.shape[1])
    result = np.empty(shape) if out is None else out
    failed = np.zeros((runs.plots.size, len(pools)), dtype=bool)
    usual = prepared.baseline

    # What is not finite then is said below.
    @np.errstate(over="ignore", invalid="ignore")
    def run(place: int) -> None:
        plot = int(runs.plots[place])
        months = prepared.months[plot]
        branch = prepared.branch(plot)
        past = runs.columns[usual][0][:branch, plot][:, None]
        own = every[:, place]
        begun = branches.run(pools[:, place], own, past, np.array([branch]))[0]
        when, back = np.unique(months - branch, return_inverse=True)
        rows = slice(branch, branch + int(when[-1]))

        def course(name: str, first: int, start: np.ndarray, times: np.ndarray) -> np.ndarray:
            return course_of(prepared, runs.columns[name], runs.doses[name], plot, branch + first, start, own, times)

        plain = course(usual, 0, begun, when)
        seen: dict[Any, np.ndarray] = {}
        for number, name in enumerate(names):
            acting = runs.columns[name], runs.doses[name]
            shared = parting((runs.columns[usual], runs.doses[usual]), acting, plot, rows)
            doses = [(lever, dose[rows, plot].tobytes()) for _, lever, dose in acting[1] if dose[rows, plot].any()]
            # A plan that leaves a plot as it is needs no run of its own.
            key = None if shared == rows.stop - rows.start else (id(acting[0]), tuple(doses))
            if key not in seen:
                carbon = plain
                if key is not None:
                    # Until it differs from the baseline it is the baseline, to the last bit.
                    same = int((when <= shared).sum())
                    done, start = (int(when[same - 1]), plain[same - 1]) if same else (0, begun)
                    if done < shared:
                        start = course(usual, done, start, np.array([shared - done]))[0]
                    carbon = np.concatenate([plain[:same], course(name, shared, start, when[same:] - shared)])
                seen[key] = np.moveaxis((carbon @ (weights * data.forcing.carbon[plot]))[back], 1, 0)
                if not np.isfinite(seen[key].sum()):
                    failed[place] |= ~np.isfinite(seen[key]).all(axis=(1, 2))
            result[number, :, place] = seen[key]

    # Compiled runs let other threads go on; each plot has its own part of the result.
    with ThreadPoolExecutor(threads or min(os.cpu_count() or 1, 8)) as pool:
        list(pool.map(run, range(runs.plots.size)))
    if "process" in runs.at:
        result *= np.exp(runs.at["process"])[..., None]
    if several := int(failed.any(axis=0).sum()):
        raise SocbayesError(
            f"{prepared.label}: runs of {several} of {len(pools)} draws failed under some plan: a dose is beyond what "
            "the structure can run"
        )
    return result
