"""What of a plan cannot be or does nothing, and which of its parts act on the same thing at one time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from socbayes.errors import Fault
from socbayes.labels import same_name
from socbayes.scenarios.plans import Dose, Override, Plan, Plans, beyond_evidence

SHARES = ("share of years", "share of area", "share of each month")
"""Units of doses of which there is no more than one."""
_TOGETHER = {
    "plant": ("plant input", ("plant_factor", "plant_share", "plant_added", "plant_carbon_input")),
    "manure": ("manure and composts", ("manure_added", "manure_carbon_input")),
    "rate": ("decomposition", ("rate_factor", "rate_modifier")),
    "cover": ("plant cover", ("plant_cover",)),
    "temperature": ("temperature", ("temperature",)),
    "rain": ("rain", ("rain",)),
    "evaporation": ("evapotranspiration", ("evaporation",)),
}
"""What is acted on in the end, in words, and by what."""
_HOW = {
    "plant": "factors multiply, and carbon that is added comes on top of their product; a stated input is taken in "
    "place of that of the fit before they act",
    "manure": "their carbon adds up, on top of what is stated",
    "rate": "their factors multiply",
    "cover": "the larger share of a month counts",
    "temperature": "their degrees add up",
    "rain": "their shares add up",
    "evaporation": "their shares add up",
}

_OF_ONE = ("temperature", "rain", "evaporation")
"""What is also said where one lever stands several times: of climate, that of the file and that of a plan."""


@dataclass(frozen=True)
class _Timed:
    """A part of a plan, what it is called and acts on, and its years."""

    name: str
    acts_on: str
    start: float
    end: float
    dose: float
    unit: str


def _parts(plan: Plan) -> list[_Timed]:
    """All of a plan that has years; what begins with the projection begins at minus infinity."""
    every: list[Dose | Override] = [*plan.doses, *plan.overrides, *(plan.climate.changes if plan.climate else ())]
    return [
        _Timed(
            one.lever.name if isinstance(one, Dose) else one.column,
            one.lever.acts_on if isinstance(one, Dose) else one.column,
            -np.inf if one.start is None else one.start,
            np.inf if one.end is None else one.end,
            one.dose if isinstance(one, Dose) else one.value,
            one.lever.unit if isinstance(one, Dose) else "",
        )
        for one in every
        if isinstance(one, Override) or one.dose
    ]  # fmt: skip


def _meet(one: _Timed, other: _Timed) -> bool:
    return max(one.start, other.start) < min(one.end, other.end)


def _sums(parts: Sequence[_Timed]) -> Iterator[tuple[_Timed, float]]:
    """Largest sum of the doses of each lever at one time, and a part of it."""
    for name in dict.fromkeys(one.name for one in parts if one.unit):
        mine = [one for one in parts if one.name == name]
        # A sum is largest where a dose begins.
        sums = [sum(each.dose for each in mine if each.start <= one.start < each.end) for one in mine]
        yield mine[0], max(sums, key=abs)


def impossible_doses(plan: Plan) -> Iterator[Fault]:
    """Shares that sum to more than all there is.

    Parameters
    ----------
    plan
        Any plan.
    """
    for one, total in _sums(_parts(plan)):
        if one.unit in SHARES and total > 1.0 + 1e-9:
            hint = f"{total:g} percent is {total / 100:g}" if total > 2.0 else ""
            yield Fault("more than all", None, f"plans.{plan.name}.levers", f"{one.name} of {total:g} at one time",
                        f"a {one.unit} from 0 to 1", hint)  # fmt: skip


def sums_beyond_evidence(plan: Plan) -> Iterator[str]:
    """Say which doses of one lever are within the evidence, but not their sum.

    Parameters
    ----------
    plan
        Any plan.
    """
    evidence = {one.lever.name: one.lever.evidence
                for one in (*plan.doses, *(plan.climate.changes if plan.climate else ()))}  # fmt: skip
    parts = _parts(plan)
    for one, total in _sums(parts):
        lowest, highest = evidence[one.name]
        alone = all(lowest <= each.dose <= highest for each in parts if each.name == one.name)
        if alone and total and not lowest <= total <= highest:
            yield (
                f"Plan {plan.name!r}: doses of {one.name} add up to {total:g} {one.unit} at one time, which is beyond "
                f"the evidence of {lowest:g} to {highest:g}: their effect is extrapolated."
            )


def acting_together(plan: Plan) -> Iterator[str]:
    """Say which parts of a plan act on the same thing at one time, and what comes of it.

    Parameters
    ----------
    plan
        Any plan.

    Examples
    --------
    >>> from socbayes.scenarios.levers import LEVERS
    >>> both = Plan("p", (Dose(LEVERS["manure"], 1.0), Dose(LEVERS["compost"], 1.0)))
    >>> print(*acting_together(both))
    Plan 'p': manure and compost act on manure and composts at one time: their carbon adds up, on top of what is stated.
    """
    parts = _parts(plan)
    for kind, (what, actions) in _TOGETHER.items():
        mine = [one for one in parts if one.acts_on in actions]
        pairs = [(one, other) for place, one in enumerate(mine) for other in mine[:place] if _meet(one, other)]
        names = [one.name for one in mine if any(one in pair for pair in pairs)]
        if not names:
            continue
        if len(dict.fromkeys(names)) == 1:
            if kind in _OF_ONE:  # doses of one lever add up, as they are meant to
                yield f"Plan {plan.name!r}: {names[0]} stands several times at one time: {_HOW[kind]}."
            continue
        called = list(dict.fromkeys(names))
        yield (
            f"Plan {plan.name!r}: {', '.join(called[:-1])} and {called[-1]} act on {what} at one time: {_HOW[kind]}."
        )


def idle_plans(plans: Plans) -> Iterator[str]:
    """Say which plans beside the baseline change nothing.

    Parameters
    ----------
    plans
        Any plans.
    """
    usual = plans[plans.baseline]
    for name, plan in plans.plans.items():
        managed = any(one.overrides or any(dose.dose for dose in one.doses) for one in (plan, usual))
        if name != plans.baseline and not managed and plan.climate is usual.climate:
            yield f"Plan {name!r} changes nothing: it is {plans.baseline!r}, and gains nothing."


def too_short(years: Sequence[float]) -> Iterator[str]:
    """Say that a projection of one year has no time to gain in.

    Parameters
    ----------
    years
        Decimal years.

    Examples
    --------
    >>> print(*too_short([2026.0]))
    2026 is the only year projected: there is no later one by which a plan could gain.
    """
    if len(years) == 1:
        yield f"{years[0]:g} is the only year projected: there is no later one by which a plan could gain."


def never_there(plan: Plan, first: float, last: float) -> Iterator[str]:
    """Say which parts of a plan are over before the first year projected, or begin after the last.

    Parameters
    ----------
    plan
        Any plan.
    first, last
        Decimal years.
    """
    for one in _parts(plan):
        when = f"ends in {one.end:g}, and the first year projected is {first:g}" if one.end <= first else ""
        when = when or (
            f"begins in {one.start:g}, and the last year projected is {last:g}" if one.start >= last else ""
        )
        if when:
            yield f"Plan {plan.name!r}: {one.name} does nothing, as it {when}."
    for stage in plan.adoption:
        if stage.year >= last:
            yield (
                f"Plan {plan.name!r}: nobody has adopted by the stage of {stage.year:g}, as the last year projected is "
                f"{last:g}."
            )


def names_alike(names: Sequence[str]) -> Iterator[Fault]:
    """Plans without a name, or whose names are spellings of one.

    Parameters
    ----------
    names
        Of plans.
    """
    for place, name in enumerate(names):
        if not name.strip():
            yield Fault("no name", None, "plans", repr(name), "a name for each plan")
        for other in names[:place]:
            if same_name(name) == same_name(other):
                yield Fault("two plans of one name", None, "plans", f"{other!r} and {name!r}",
                            "names that are not spellings of each other")  # fmt: skip


def notes_on(plan: Plan) -> list[str]:
    """Everything that a reader of the results of a plan should know of its doses, in sentences.

    Parameters
    ----------
    plan
        Any plan.
    """
    return [*beyond_evidence(plan), *sums_beyond_evidence(plan), *acting_together(plan)]
