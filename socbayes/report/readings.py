"""Figures of a report, and what each says in a sentence made from the draws it shows.

Those of a model stand beside it: ``READINGS`` of ``readings`` in the folder of its subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.facts import TABLES, facts_of
from socbayes.plots.style import flat
from socbayes.published import published_of
from socbayes.subjects import subject_of
from socbayes.wording import limits, probability, said

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Reading:
    """One figure of a report.

    Parameters
    ----------
    title
        What the figure shows.
    draw
        Draws it.
    say
        Says in a sentence or two what is to be seen.
    of
        Makes of a fit what both take; several figures may rest on one forecast.
    opens
        Place of what it says among the sentences that open a report; none where 0.
    needs
        Variables of the posterior without which there is nothing to show: only larger data have them.
    tables
        Tables, by role, that the fit must hold itself.
    """

    title: str
    draw: Callable[[Any], Figure]
    say: Callable[[Any], str]
    of: Callable[[xr.DataTree], Any] = lambda fitted: fitted
    opens: int = 0
    needs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


def material(fitted: xr.DataTree) -> Callable[[Reading], Any]:
    """What a reading takes, made once for all that share it."""
    made: dict[Callable[[xr.DataTree], Any], Any] = {}

    def of(one: Reading) -> Any:
        if one.of not in made:
            made[one.of] = one.of(fitted)
        return made[one.of]

    return of


def readings_of(fitted: xr.DataTree) -> tuple[Reading, ...]:
    """Figures of a fit in the order they are read; none where its model has none of its own.

    Parameters
    ----------
    fitted
        A fit.

    Examples
    --------
    >>> from socbayes.inference.stored import load_posterior
    >>> readings_of(load_posterior("priming_process"))[-1].title
    'Effect of nitrogen'
    """
    model = facts_of(fitted).model
    subject = subject_of(model)
    part = None if subject is None else subject.part("readings")
    of_model: tuple[Reading, ...] = getattr(part, "READINGS", {}).get(model, ())
    held = fitted[TABLES].children if TABLES in fitted.children else ()
    return tuple(
        one for one in of_model
        if all(name in fitted["posterior"] for name in one.needs) and all(role in held for role in one.tables)
    )  # fmt: skip


def first_sentences(text: str, count: int = 1) -> str:
    """Keep the opening of a reading.

    Examples
    --------
    >>> first_sentences("It rises by 0.5 %. So what.")
    'It rises by 0.5 %.'
    >>> first_sentences("Soils of Liu et al. 2020 lose. So what.")
    'Soils of Liu et al. 2020 lose.'
    """
    parts = re.split(r"(?<!et al)\. ", text)
    kept = ". ".join(parts[:count])
    return kept if kept.endswith(".") else kept + "."


def findings(fitted: xr.DataTree, of: Callable[[Reading], Any] | None = None) -> list[str]:
    """Sentences on a fit for the head of a report; none for a model without figures of its own."""
    of = of or material(fitted)
    opening = [one for one in readings_of(fitted) if one.opens]
    return [first_sentences(one.say(of(one))) for one in sorted(opening, key=lambda one: one.opens)]


def verdict(value: float, role: str, draws: np.ndarray) -> str:
    """Whether a published number and ours agree.

    Examples
    --------
    >>> verdict(0.4, "estimate", np.linspace(0.3, 0.5, 101))
    'inside our interval'
    >>> verdict(0.9, "estimate", np.linspace(0.3, 0.5, 101))
    'differs: ours is lower'
    """
    median, lower, upper = limits(draws)
    if role == "maximum":
        return f"ours is below it with probability {probability(float((draws < value).mean()))}"
    if lower <= value <= upper:
        return "inside our interval"
    return f"differs: ours is {'lower' if median < value else 'higher'}"


def published_rows(fitted: xr.DataTree) -> list[dict[str, str]]:
    """Set published numbers beside ours, where the fit can answer."""
    posterior = fitted["posterior"].to_dataset()
    rows = []
    for one in published_of(facts_of(fitted).model):
        try:
            draws = flat(one.ours(posterior))
        except KeyError:  # a level or a quantity that these data do not have
            continue
        text = f"{one.value:g}" + (f" ({one.lower:g} to {one.upper:g}, 95 %)" if one.lower is not None else "")
        rows.append(
            {
                "what": one.what,
                "unit": one.unit,
                "published": text,
                "ours": said(draws),
                "verdict": verdict(one.value, one.role, draws),
                "caveat": one.caveat,
                "citation": one.citation,
            }
        )
    return rows
