"""Plans: what is done on fields from some year on.

A plan says which levers are pulled with which dose and when, which columns of
management take other values, who adopts it when, and what climate comes. What
it says nothing of goes on as the fit knows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.scenarios.levers import LOWEST, Lever, lever_called
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd

USUAL = "business as usual"
"""The plan that changes nothing."""
COLUMNS = ("plant_carbon_input", "manure_carbon_input", "plant_cover", "rate_modifier")
"""Columns of management that a plan may give another value."""
DIRECT = "direct"
EFFICIENCIES = {
    DIRECT: "answers warming as the structure does",
    "incubated": "answers warming as within studies that incubated the same soils at several temperatures",
    "acclimates": "answers warming as it differs between studies of unlike temperature, with communities at home in it",
}
"""What carbon use efficiency may do under a change of climate."""


@dataclass(frozen=True)
class Dose:
    """A lever pulled for some years; doses of one lever add up.

    Parameters
    ----------
    lever
        Which one.
    dose
        In its unit.
    start, end
        Decimal years; None for the first year projected, and for ever.
    ramp
        Years until the whole dose is there.
    """

    lever: Lever
    dose: float
    start: float | None = None
    end: float | None = None
    ramp: float = 0.0


@dataclass(frozen=True)
class Override:
    """Another value of a column of management.

    Parameters
    ----------
    column
        Of :data:`COLUMNS`.
    value
        In the unit of the column.
    start, end
        As for :class:`Dose`.
    """

    column: str
    value: float
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, eq=False)
class Climate:
    """What climate comes.

    Parameters
    ----------
    changes
        Doses of levers of climate.
    resample
        Whether observed years follow each other at random instead of their mean.
    table
        Monthly weather of schema ``field_weather``, such as of a climate model.
    efficiency
        How carbon use efficiency answers the change of temperature, of :data:`EFFICIENCIES`.
    """

    changes: tuple[Dose, ...] = ()
    resample: bool = False
    table: pd.DataFrame | None = None
    efficiency: str = DIRECT


@dataclass(frozen=True)
class Stage:
    """Who adopts a plan from some year on.

    Parameters
    ----------
    year
        Decimal year.
    share
        Share of the area that has adopted by then, in the order of plots; None where ``plots`` says who.
    plots
        Names of plots.
    """

    year: float
    share: float | None = None
    plots: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """What is done on fields from some year on.

    Parameters
    ----------
    name
        What it is called.
    doses
        Levers pulled.
    overrides
        Columns of management with another value.
    adoption
        Who adopts when; all at once where it is empty.
    climate
        What climate comes; None for that of the file, or the usual one.
    plots
        Plots that it is about; all where it is empty.
    """

    name: str
    doses: tuple[Dose, ...] = ()
    overrides: tuple[Override, ...] = ()
    adoption: tuple[Stage, ...] = ()
    climate: Climate | None = None
    plots: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Plans:
    """Plans that are compared, the baseline first.

    Parameters
    ----------
    plans
        By name.
    baseline
        Name of the plan that is business as usual.
    areas
        Area of plots, ha, by name; all alike where it is empty.
    notes
        What a reader of the result should know.
    """

    plans: Mapping[str, Plan]
    baseline: str = USUAL
    areas: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def with_dose(self, plan: str, lever: str, dose: float) -> Plans:
        """The baseline and one plan with another dose of one lever.

        Parameters
        ----------
        plan, lever
            Names.
        dose
            In the lever's unit.

        Raises
        ------
        SocbayesError
            If the plan does not have the lever, or has it several times.
        """
        chosen, name = self[plan], lever_called(lever).name
        lowest = LOWEST.get(lever_called(lever).acts_on, -np.inf)
        if not dose >= lowest:
            raise SocbayesError(f"a dose of {name} is {lowest:g} or more, not {dose:g}")
        if sum(one.lever.name == name for one in chosen.doses) != 1:
            raise SocbayesError(f"plan {plan!r} has to have {name} once, to be given another dose of it")
        doses = tuple(replace(one, dose=float(dose)) if one.lever.name == name else one for one in chosen.doses)
        kept = {self.baseline: self[self.baseline], plan: replace(chosen, doses=doses)}
        return replace(self, plans=kept, notes=tuple(beyond_evidence(kept[plan])))

    def stopped(self, year: float) -> Plans:
        """The same plans with every lever and override given up in a year; the baseline and climate go on.

        Parameters
        ----------
        year
            Decimal year.
        """

        def ended[Timed: (Dose, Override)](one: Timed) -> Timed:
            return replace(one, end=min(year, np.inf if one.end is None else one.end))

        return replace(self, plans={
            name: plan if name == self.baseline else replace(
                plan, doses=tuple(map(ended, plan.doses)), overrides=tuple(map(ended, plan.overrides)))
            for name, plan in self.plans.items()
        })  # fmt: skip

    def __getitem__(self, name: str) -> Plan:
        if name in self.plans:
            return self.plans[name]
        hint = nearest(name, list(self.plans))
        raise UnknownNameError(f"no plan named {name!r}; " + (f"did you mean {hint!r}?" if hint else
                               f"there are {', '.join(self.plans)}"))  # fmt: skip


def beyond_evidence(plan: Plan) -> Iterator[str]:
    """Say which doses of a plan lie beyond the evidence.

    Parameters
    ----------
    plan
        Any plan.
    """
    for one in (*plan.doses, *(plan.climate.changes if plan.climate else ())):
        lowest, highest = one.lever.evidence
        if one.dose and not lowest <= one.dose <= highest:
            share = one.lever.unit.startswith("share") and abs(one.dose) > 1.0
            hint = f" A dose is a share: {one.dose:g} percent is {one.dose / 100:g}." if share else ""
            yield (
                f"Plan {plan.name!r}: a dose of {one.dose:g} {one.lever.unit} of {one.lever.name} is beyond the "
                f"evidence, which is of {lowest:g} to {highest:g}: its effect is extrapolated.{hint}"
            )


def end_of(plan: Plan) -> float | None:
    """Year from which on nothing of a plan but its climate goes on; infinite for never, None where it does nothing.

    Parameters
    ----------
    plan
        Any plan.

    Examples
    --------
    >>> end_of(Plan("mown", overrides=(Override("plant_cover", 1.0, end=2040.0),)))
    2040.0
    """
    timed: list[Dose | Override] = [*plan.doses, *plan.overrides]
    return max((np.inf if one.end is None else float(one.end) for one in timed), default=None)
