"""How carbon use efficiency answers a change of climate, where a plan says that it is not as the structure does.

Only a change against the site's own past is answered so: at past temperatures,
and through the seasons, efficiency stays what the fit found.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import Fault
from socbayes.models.cue.record import PROCESS
from socbayes.scenarios.plans import DIRECT, EFFICIENCIES, Climate, Plans
from socbayes.structures import get, list_structures
from socbayes.structures.efficiency import slope_of, warming_of
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    from socbayes.models.field.branches import Branches
    from socbayes.models.field.layout import Layout

POSTERIOR = PROCESS
"""Stored posterior of the slopes."""
SLOPES = {"incubated": "slope_mean", "acclimates": "slope_between"}
"""Variable of the posterior by answer, change of the logit of efficiency per degC."""
UNIT = "logit/degC"
YEAR = 12


def answers_of(plans: Plans) -> dict[str, str]:
    """By plan, how efficiency answers its climate, where that is not as the structure does.

    Parameters
    ----------
    plans
        Any plans.
    """
    every = {name: plan.climate.efficiency for name, plan in plans.plans.items() if plan.climate}
    return {name: answer for name, answer in every.items() if answer != DIRECT}


def responses_of(plans: Plans) -> tuple[str, ...]:
    """Answers that a run of the plans has to be able to give: all of them, so that it is compiled once, or none.

    Parameters
    ----------
    plans
        Any plans.
    """
    return tuple(SLOPES) if answers_of(plans) else ()


@lru_cache(maxsize=1)
def _stored() -> Mapping[str, np.ndarray]:
    """Draws of the slopes, (stored draw,)."""
    from socbayes.inference.stored import load_posterior

    posterior = load_posterior(POSTERIOR)["posterior"].to_dataset()
    return {answer: posterior[name].to_numpy().ravel() for answer, name in SLOPES.items()}


def slopes_of(plans: Plans, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Slopes of the answers that plans ask for, for every draw: shared by plans, plots and fits, (sample,).

    Parameters
    ----------
    plans
        Any plans.
    draws, seed
        How many, and their seed.
    """
    if not answers_of(plans):
        return {}
    stored, rng = _stored(), np.random.default_rng([seed, zlib.crc32(POSTERIOR.encode())])
    count = len(next(iter(stored.values())))
    chosen = rng.choice(count, draws, replace=draws > count)
    return {answer: values[chosen] for answer, values in stored.items()}


def with_slopes(branches: Branches, slopes: Mapping[str, np.ndarray], parameters: np.ndarray) -> np.ndarray:
    """Parameters of runs with the slopes of every draw, (sample, run, parameter).

    Parameters
    ----------
    branches
        Of these answers.
    slopes
        Of :func:`slopes_of`.
    parameters
        Without them.
    """
    if not slopes:
        return parameters
    result = parameters.copy()
    for answer, slope in slopes.items():
        result[..., branches.structure.parameter_names.index(slope_of(answer))] = slope[:, None]
    return result


def warmed(
    branches: Branches, data: Layout, climate: Climate | None, columns: np.ndarray, told: np.ndarray, usual: np.ndarray
) -> np.ndarray:
    """Drivers of a climate with the part of its temperature that efficiency answers, (row, plot, driver).

    Of weather that a plan states month by month it is the difference from the usual over each calendar year: a warm
    month makes no warmer climate.

    Parameters
    ----------
    branches, data
        A structure, and field tables laid out.
    climate
        What comes.
    columns
        Drivers under it.
    told, usual
        Drivers under it when no years are resampled, and drivers without a plan.
    """
    if climate is None or climate.efficiency == DIRECT:
        return columns
    temperature = branches.position(data.setup.roles.temperature)
    # Adding a warming and taking the temperature off again leaves it to rounding.
    change = np.round(told[..., temperature] - usual[..., temperature], 9)
    if climate.table is not None:
        change = _of_years(change, data)
    result = columns.copy()
    result[..., branches.position(warming_of(climate.efficiency))] = change
    return result


def _of_years(change: np.ndarray, data: Layout) -> np.ndarray:
    """Mean over each calendar year of the months after what is known of a plot, (row, plot)."""
    plots, result = data.plots, np.zeros_like(change)
    month = np.arange(plots.rows)
    for plot in range(change.shape[1]):
        ahead = month >= plots.known[plot]
        year = (month + plots.start[plot]) // YEAR
        for each in np.unique(year[ahead]):
            now = ahead & (year == each)
            result[now, plot] = change[now, plot].mean()
    return result


def faults_of_answers(plans: Plans, data: Layout) -> Iterator[Fault]:
    """Answers that the structure of a fit cannot give.

    Parameters
    ----------
    plans
        Any plans.
    data
        Field tables laid out.
    """
    structure = data.setup.structure
    if structure.efficiency is None:
        able = [name for name in list_structures() if get(name).efficiency is not None]
        for name, answer in answers_of(plans).items():
            yield Fault("no efficiency to acclimate", None, f"plans.{name}.climate.efficiency",
                        f"{answer} for {structure.name}", f"{DIRECT}, or a structure with one carbon use efficiency "
                        f"that answers temperature: {', '.join(able)}")  # fmt: skip


def notes_of_answers(plans: Plans) -> list[str]:
    """Say how efficiency answers the climate of plans, and from where that is known.

    Parameters
    ----------
    plans
        Any plans.
    """
    answers = answers_of(plans)
    return [
        f"Carbon use efficiency of {', '.join(name for name, each in answers.items() if each == answer)} "
        f"{EFFICIENCIES[answer]}: {slope_said(answer)}; drawn once for all plots. At temperatures of the past, and "
        "through the seasons, it stays what the fit found."
        for answer in dict.fromkeys(answers.values())
    ] + [
        f"Plan {name!r}: nothing changes the temperature, so that its efficiency {answer} changes nothing."
        for name, answer in answers.items()
        if not _warms(plans.plans[name].climate)
    ]


def _warms(climate: Climate | None) -> bool:
    warming = [one for one in climate.changes if one.lever.acts_on == "temperature" and one.dose] if climate else []
    return bool(climate and (warming or climate.table is not None))


def slope_said(answer: str) -> str:
    """What is known of the slope of an answer, in words.

    Parameters
    ----------
    answer
        Of :data:`SLOPES`.
    """
    draws = _stored()[answer]
    lower, upper = np.quantile(draws, [(1.0 - CI_PROB) / 2.0, (1.0 + CI_PROB) / 2.0])
    return (
        f"{np.median(draws):+.3f} ({lower:+.3f} to {upper:+.3f}) on the logit per degC, median and {INTERVAL_NAME} of "
        f"{SLOPES[answer]} in the stored posterior {POSTERIOR}"
    )


def rows_of_answers(plans: Plans, data: Layout, years: np.ndarray) -> Iterator[dict[str, Any]]:
    """How efficiency answers the climate of each plot, as rows of a dry run.

    Parameters
    ----------
    plans, data, years
        As for :func:`socbayes.scenarios.planned.changes_of`.
    """
    for name, answer in answers_of(plans).items():
        plan = plans.plans[name]
        if not _warms(plan.climate):
            continue
        for plot in data.plots.labels:
            if plan.plots and plot not in plan.plots:
                continue
            yield {
                "plan": name, "plot": plot, "lever": "", "column": f"carbon_use_efficiency {answer}",
                "dose": round(float(np.median(_stored()[answer])), 3), "unit": UNIT, "start_year": float(years.min()),
                "end_year": float(years.max()), "evidence": f"{EFFICIENCIES[answer]}: {slope_said(answer)}",
            }  # fmt: skip


def answers_told(plans: Plans) -> dict[str, str]:
    """What a projection says of itself of these answers; nothing where there are none.

    Parameters
    ----------
    plans
        Any plans.
    """
    answers = answers_of(plans)
    return {"efficiency": json.dumps(answers)} if answers else {}
