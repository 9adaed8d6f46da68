"""Projections: plans run on the posterior of field plots, paired draw by draw.

The same draws of the posterior, of what a new plot has of its own and of the
noise of the process stand behind every plan, so that a difference between two
plans is of what they do. What a lever does is drawn once for each draw and is
the same on all plots: its error does not average away over many fields.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, cast

import numpy as np

from socbayes.errors import ConvergenceError, SocbayesError, UnknownNameError
from socbayes.inference.diagnostics import fingerprint
from socbayes.models.field.forecasts import allotted, shares_of, years_of
from socbayes.models.field.tables import tables_of_fit
from socbayes.scenarios.acclimation import answers_told, notes_of_answers, slopes_of
from socbayes.scenarios.draws import DO_NOT_USE, verdict
from socbayes.scenarios.lever_words import effect_told, factors_of, of_levers, sources_of_levers
from socbayes.scenarios.levers import UNCERTAIN, lever_called
from socbayes.scenarios.plan_checks import never_there, too_short
from socbayes.scenarios.plan_files import read_plans, written_plans
from socbayes.scenarios.plan_runs import KINDS, RESAMPLED, Prepared, prepare, run_plans, standard_normals
from socbayes.scenarios.planned import adoption_of, changes_of
from socbayes.scenarios.plans import Plans, end_of
from socbayes.scenarios.projected import of_the_first_year
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from socbayes.core.structure import Structure

type Fits = "xr.DataTree | Mapping[str, xr.DataTree]"
type Given = "str | os.PathLike[str] | Mapping[str, Any] | Plans"

UNIT = "t/ha"


class Settings(TypedDict, total=False):
    """What functions that project more than once hand on to :func:`project`, which describes each."""

    weights: Mapping[str, float] | None
    draws: int
    seed: int
    allow_failed: bool
    structures: Mapping[str, Structure] | None


DEFAULTS: Settings = {"weights": None, "draws": 1000, "seed": 0, "allow_failed": False, "structures": None}
"""Of :func:`project`."""


def settings_of(given: Mapping[str, Any]) -> Settings:
    """All settings of a projection, those that were not given by default.

    Parameters
    ----------
    given
        By name.

    Raises
    ------
    UnknownNameError
        For a setting that there is not, with the nearest name.

    Examples
    --------
    >>> settings_of({"draws": 200})["draws"], settings_of({})["draws"]
    (200, 1000)
    """
    for name in given:
        if name not in DEFAULTS:
            near = nearest(name, list(DEFAULTS))
            hint = f"; did you mean {near!r}?" if near else "."
            raise UnknownNameError(f"no setting called {name!r}{hint} There are {', '.join(DEFAULTS)}")
    return cast(Settings, {**DEFAULTS, **given})


def project(
    fits: Fits,
    plans: Given,
    *,
    years: Sequence[float],
    weights: Mapping[str, float] | None = None,
    draws: int = 1000,
    seed: int = 0,
    allow_failed: bool = False,
    structures: Mapping[str, Structure] | None = None,
) -> xr.Dataset:
    """Stocks of every fraction under every plan, on the plots of a fit and on a new one of each treatment.

    Parameters
    ----------
    fits
        A fit of ``models.field``, or several of the same plots by label, such as of several structures.
    plans
        Path of a TOML file, a dict, or what :func:`socbayes.scenarios.read_plans` returned.
    years
        Decimal years, after the last samples; the first is the start that 4 per 1000 is counted from.
    weights
        By label of a fit, such as of :func:`socbayes.models.field.foresight.leave_future_out`; all alike by default.
    draws
        Draws of the mixture, each fit's share of them by its weight.
    seed
        Seed of their choice, of new plots, and of what levers do.
    allow_failed
        Whether to go on with a fit that did not pass its checks; the result is marked.
    structures
        By label, structures of the caller's own: a fit holds their name only.

    Returns
    -------
    xarray.Dataset
        ``known`` (plan, sample, plot, year, fraction) and ``new`` (plan, sample, new_plot, year, fraction), t/ha;
        ``adoption`` (plan, plot), the year from which a plot follows a plan; as coordinates ``structure``
        (sample), ``draw`` (sample), which draw of its fit each is, and ``area`` (plot) where the plans state areas.
        ``attrs`` hold the name of the ``baseline``, whether the fits ``converged``, their ``failures`` and ``notes``,
        in ``factors``, as JSON, the structure whose learned factor of each lever that is pulled each fit takes
        (``all``: their mean; empty where nothing was learned), in ``of_levers`` what a reader has to know of them,
        in ``made_of`` a fingerprint of fits, plans and draws, and, by which the same can be made again, ``plans`` as a
        TOML file, ``seed`` and ``settings``, as JSON: ``years``, ``weights``, ``draws``, ``allow_failed``, the labels
        of ``structures`` of the caller's own, and ``fits``, the fingerprint of each by its label.

    Raises
    ------
    TableFaultsError
        For everything that is wrong with the plans, or that the fits cannot do, at once.
    ConvergenceError
        For a fit that did not pass its checks.
    SocbayesError
        For fits of other plots than each other, or weights that are none.

    Examples
    --------
    >>> plans = {"plans": {"cover": {"levers": [{"lever": "cover_crop", "dose": 1.0, "start": 2026}]}}}
    >>> result = project(fitted, plans, years=range(2026, 2057))  # doctest: +SKIP
    >>> gain_table(result)  # doctest: +SKIP
    """
    ready = ready_to_run(fits, plans, years, weights, draws, seed, allow_failed, structures)
    result = labelled(ready, common_fractions(ready))
    labels, read = ready.prepared[0].data.plots.labels, ready.plans
    adoption = np.stack([adoption_of(plan, labels, read.areas) for plan in read.plans.values()])
    adoption = np.where(adoption == np.inf, np.nan, np.maximum(adoption, ready.wanted.min()))
    result["adoption"] = (("plan", "plot"), adoption, {"long_name": "year from which a plot follows a plan"})
    return result


def dry_run(
    fits: Fits,
    plans: Given,
    *,
    years: Sequence[float],
    weights: Mapping[str, float] | None = None,
    structures: Mapping[str, Structure] | None = None,
) -> pd.DataFrame:
    """What every plot would get from every plan, without running anything.

    Parameters
    ----------
    fits, plans, years, weights, structures
        As for :func:`project`.

    Returns
    -------
    pandas.DataFrame
        Columns plan, plot, lever, column, dose, unit, effect, start_year, end_year and evidence: a row for each thing
        that a plot gets, none for a plan that changes nothing; ``effect`` is of a unit of dose, with its interval.
        ``attrs["notes"]`` says what lies beyond the evidence, acts on one thing, does nothing, and is known of levers.

    Raises
    ------
    TableFaultsError
        As for :func:`project`.

    Examples
    --------
    >>> dry_run(fitted, "plan.toml", years=range(2026, 2057))  # doctest: +SKIP
    """
    import pandas as pd

    # As many draws as give every fit some; laying plans out is what takes the time.
    ready = ready_to_run(fits, plans, years, weights, 100, 0, True, structures)
    columns = ["plan", "plot", "lever", "column", "dose", "unit", "effect", "start_year", "end_year", "evidence"]
    table = pd.DataFrame(list(changes_of(ready.plans, ready.prepared[0].data, ready.wanted)), columns=columns)
    table["effect"] = [_effect(name, ready) for name in table["lever"]]
    table.attrs["notes"] = ready.said
    return table


@dataclass(frozen=True, eq=False)
class Ready:
    """Plans, and fits prepared to run them.

    Parameters
    ----------
    plans
        As read.
    prepared
        One for each fit.
    shares
        Weight of each fit by label, summing to one.
    wanted
        Decimal years.
    attrs
        What a result says of itself.
    said
        What of its notes is of the plans.
    run
        Structure of each fit by its label.
    """

    plans: Plans
    prepared: list[Prepared]
    shares: dict[str, float]
    wanted: np.ndarray
    attrs: dict[str, Any]
    said: list[str]
    run: dict[str, str]


def ready_to_run(
    fits: Fits,
    plans: Given,
    years: Sequence[float],
    weights: Mapping[str, float] | None,
    draws: int,
    seed: int,
    allow_failed: bool,
    structures: Mapping[str, Structure] | None,
) -> Ready:
    """Judge fits and plans, lay them out, and draw what all plans share.

    Parameters
    ----------
    fits, plans, years, weights, draws, seed, allow_failed, structures
        As for :func:`project`.

    Raises
    ------
    TableFaultsError, ConvergenceError, SocbayesError
        As for :func:`project`.
    """
    # A fit is a mapping too, of its groups.
    if not hasattr(fits, "attrs") and not isinstance(fits, Mapping):
        raise SocbayesError(f"fits are one fit, or several by label, not {type(fits).__name__}")
    named: dict[str, Any] = {_called(fits): fits} if hasattr(fits, "attrs") else dict(fits)
    if strangers := sorted(set(structures or {}) - set(named)):
        raise SocbayesError(f"structures of {', '.join(strangers)}, but fits are {', '.join(named)}")
    for name, number, least in (("draws", draws, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
            raise SocbayesError(f"{name} has to be a whole number, {least} or more, not {number!r}")
    read, wanted = read_plans(plans), np.unique(years_of(years))
    said = {label: verdict(one) for label, one in named.items()}
    failed = [label for label, one in said.items() if not one["converged"]]
    failures = [f"{label}: {text}" for label in failed for text in json.loads(str(said[label]["failures"]))]
    if failed and not allow_failed:
        raise ConvergenceError(
            f"{', '.join(failed)} did not pass its checks: nothing is projected of it; allow_failed=True "
            f"(--allow-failed) goes on, and marks the result. {' '.join(failures)}"
        )
    if weights is not None and not isinstance(weights, Mapping):
        raise SocbayesError(f"weights are by label of a fit, such as {{'rothc': 0.7, 'icbm': 0.3}}, not {weights!r}")
    shares = shares_of(named, weights if weights is not None else dict.fromkeys(named, 1.0))
    counts = {label: count for label, count in allotted(shares, draws).items() if count}
    member = np.random.default_rng([seed, 1]).permutation(draws) % RESAMPLED
    prepared, done, slopes = [], 0, slopes_of(read, draws, seed)
    for label, count in counts.items():
        one = prepare(named[label], label, read, wanted, count, seed, (structures or {}).get(label))
        mine = slice(done, done + count)
        effects = standard_normals(read, draws, seed, _called(named[label]))
        drawn = {name: effect[mine] for name, effect in effects.items()}
        steep = {answer: slope[mine] for answer, slope in slopes.items()}
        prepared.append(replace(one, effects=drawn, slopes=steep, member=member[mine]))
        done += count
    first = prepared[0].data.plots.labels
    for one in prepared:
        if one.data.plots.labels != first:
            raise SocbayesError(f"fits {prepared[0].label!r} and {one.label!r} are not of the same plots")
    sampled = max(float(tables_of_fit(one).obs["year"].max()) for one in named.values())
    run = {label: _called(named[label]) for label in counts}
    prints = {label: fingerprint(one) for label, one in named.items()}
    first_year, last_year = float(wanted.min()), float(wanted.max())
    idle = [note for plan in read.plans.values() for note in never_there(plan, first_year, last_year)]
    known_of_levers = list(of_levers(read, run))
    notes = [
        *read.notes,
        *too_short(wanted.tolist()),
        *idle,
        *sources_of_levers(read),
        *known_of_levers,
        *_of_new_plots(read),
        *notes_of_answers(read),
    ]
    plans_said = list(dict.fromkeys(notes))
    notes += [note for one in prepared for note in one.notes]
    notes += of_the_first_year(sampled, float(wanted.min()))
    attrs = {
        "baseline": read.baseline,
        "converged": int(not failed),
        "failures": json.dumps(failures),
        "structure": ", ".join(f"{label} {share:.2f}" for label, share in shares.items()),
        "notes": "\n".join(dict.fromkeys(notes)),
        "seed": seed,
        "last_sample": sampled,
        "ends": json.dumps(_ends(read)),
        "factors": factors_of(read, run),
        "of_levers": json.dumps(known_of_levers),
        "made_of": _made_of(read, shares, draws, float(wanted.min()), [prints[label] for label in counts]),
        "plans": written_plans(read),
        "settings": json.dumps(
            {
                "weights": None if weights is None else {label: float(weight) for label, weight in weights.items()},
                "draws": int(draws),
                "years": wanted.tolist(),
                "allow_failed": bool(allow_failed),
                "structures": sorted(structures or {}),
                "fits": prints,
            }
        ),
    }
    attrs |= answers_told(read) | ({"warning": DO_NOT_USE} if failed else {})
    return Ready(read, prepared, shares, wanted, attrs, plans_said, run)


def _effect(name: str, ready: Ready) -> str:
    """Effect of a unit of dose of a lever through each fit, in words; empty where no lever is pulled."""
    if not name or lever_called(name).acts_on not in UNCERTAIN:
        return ""
    told = {label: effect_told(lever_called(name), structure) for label, structure in ready.run.items()}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{label} {effect}" for label, effect in told.items())


def _made_of(*parts: Any) -> str:
    """Fingerprint of what decides the draws of a projection: another dose, another fit or fewer draws have another."""
    return hashlib.sha256(repr(_plain(parts)).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """The same thing in the same words, whether its numbers are whole and wherever they came from."""
    if is_dataclass(value):
        return [_plain(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, Mapping):
        return [(str(name), _plain(one)) for name, one in value.items()]
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, int | float | np.number):
        return float(value)
    return value.to_csv() if hasattr(value, "to_csv") else value if value is None else str(value)


def _ends(plans: Plans) -> dict[str, float | None]:
    """By plan that does something, the year from which on it does nothing; None for never."""
    ends = {name: end_of(plan) for name, plan in plans.plans.items()}
    return {name: end if end < np.inf else None for name, end in ends.items() if end is not None}


def _called(fitted: Any) -> str:
    """Label of a single fit: its structure."""
    from socbayes.facts import facts_of

    return str(facts_of(fitted).spec.choices.get("structure", "fit"))


def _of_new_plots(plans: Plans) -> list[str]:
    """Say what new plots do."""
    staged = any(plan.adoption or plan.plots for plan in plans.plans.values())
    return ["A new plot follows every plan from its first stage on."] if staged else []


def common_fractions(ready: Ready) -> list[str]:
    """Fractions that all fits show.

    Parameters
    ----------
    ready
        Of :func:`ready_to_run`.
    """
    shown = [list(one.data.setup.weights) for one in ready.prepared]
    return [name for name in shown[0] if all(name in others for others in shown)]


def labelled(ready: Ready, fractions: Sequence[str], threads: int | None = None) -> xr.Dataset:
    """Run the plans on all fits, one after the other, and name their stocks; with areas where plans state them.

    Parameters
    ----------
    ready
        Of :func:`ready_to_run`, of as many kinds of plots as are wanted.
    fractions
        Their names.
    threads
        As for :func:`socbayes.scenarios.plan_runs.run_plans`.
    """
    import xarray as xr

    meanings = {"known": "carbon of the plots measured", "new": "carbon of a plot not measured"}
    kinds, counts = ready.prepared[0].kinds, [len(one.member) for one in ready.prepared]
    ends = np.cumsum([0, *counts])
    stocks = {}
    for kind, runs in kinds.items():
        shape = (len(ready.plans.plans), int(ends[-1]), len(runs.labels), ready.wanted.size, len(fractions))
        # Fits write to one array: joining theirs would take as long as half of the runs.
        stocks[kind] = np.empty(shape)
        for one, first, last in zip(ready.prepared, ends[:-1], ends[1:], strict=True):
            run_plans(one, kind, fractions, threads, stocks[kind][:, first:last])
    labels = [one.label for one, count in zip(ready.prepared, counts, strict=True) for _ in range(count)]
    drawn = [f"{one.label} {number}" for one in ready.prepared for number in one.chosen.tolist()]
    result = xr.Dataset(
        {
            kind: (
                ("plan", "sample", KINDS[kind], "year", "fraction"),
                values,
                {"units": UNIT, "long_name": meanings[kind]},
            )
            for kind, values in stocks.items()
        },
        coords={
            "plan": list(ready.plans.plans),
            "year": ready.wanted,
            "fraction": list(fractions),
            "structure": ("sample", labels),
            "draw": ("sample", drawn, {"long_name": "draw of a fit; some are there again where it has fewer"}),
            **{KINDS[kind]: runs.labels for kind, runs in kinds.items()},
        },
        attrs=ready.attrs,
    )
    if ready.plans.areas:
        areas = np.array([ready.plans.areas.get(name, 1.0) for name in kinds["known"].labels])
        result.coords["area"] = ("plot", areas, {"units": "ha"})
    return result
