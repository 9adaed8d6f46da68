"""A credit sheet: what plans of a projection are worth by the rules of crediting, and how each figure came about.

The gain is the projected stock under a plan less that under the baseline, of
the same draws, in carbon dioxide. Plots that were measured, weighted by the
land they stand for, are kept apart from a plot that was not: what the first
are credited says little of a neighbour who joins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.credits import FEW_DRAWS, Credit, credit
from socbayes.scenarios.design import Design, stated_design
from socbayes.scenarios.projected import (
    TOTAL,
    baseline_of,
    converged,
    different_draws,
    identity_of,
    marks,
    of_the_first_year,
    plots_in,
    projects_in,
    require_projection,
    stocks_in,
    year_in,
)
from socbayes.scenarios.rules import RULES, USUAL_RULE, require_buffer, rule_named

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

GAS = "CO2"
KNOWN = "plots measured"
"""Group of the plots that samples were taken of."""
COLUMNS = (
    "plan", "baseline", "group", "rule", "quantity", "value", "unit", "gas", "from_year", "to_year", "how", "converged",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class CreditLine:
    """One plan by one rule on one group of plots.

    Parameters
    ----------
    plan, group
        What is credited, and where: the plots measured, or a new plot.
    credit
        Its figures.
    """

    plan: str
    group: str
    credit: Credit


@dataclass(frozen=True, eq=False)
class CreditSheet:
    """What plans are worth; see :func:`credit_sheet`.

    Parameters
    ----------
    lines
        One for each plan, rule and group of plots.
    baseline
        Plan they are compared with.
    start, end
        Decimal years of the stocks.
    converged
        Whether all fits behind it passed their checks.
    notes
        What to know before using it.
    design
        Land that it is of, with the rules and the buffer it was computed by; None where it does not say.
    projection
        By which the projection that was credited is known (:func:`socbayes.scenarios.projected.identity_of`).
    """

    lines: tuple[CreditLine, ...]
    baseline: str
    start: float
    end: float
    converged: bool
    notes: tuple[str, ...] = ()
    design: Design | None = None
    projection: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """One row for each plan, group, rule and figure, with its unit and how it came about.

        ``converged`` is 0 in every row of a sheet that must not be used; ``attrs["notes"]`` then says so.
        """
        import pandas as pd

        rows = [
            (line.plan, self.baseline, line.group, line.credit.rule.name, quantity, value, unit, GAS, self.start,
             self.end, how, int(self.converged))
            for line in self.lines for quantity, value, unit, how in _figures(line)
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        table.attrs["notes"] = list(self.notes)
        return table

    @property
    def text(self) -> list[str]:
        """What must be known first, then a sentence or two for each line."""
        period = f"{self.start:g} to {self.end:g}"
        said = [
            f"{line.plan} against {self.baseline}, {line.group}, {period}, {GAS} of the soil only. {line.credit.text}"
            for line in self.lines
        ]
        return [*self.notes, *said]


def credit_sheet(
    projection: xr.Dataset,
    areas: str | os.PathLike[str] | pd.DataFrame | Design | None = None,
    *,
    rules: Sequence[str] | None = None,
    buffer: float | None = None,
    year: float | None = None,
    plan: str | None = None,
    every_point: bool | None = None,
    allow_failed: bool = False,
) -> CreditSheet:
    """Credit every plan of a projection by every rule asked for.

    Parameters
    ----------
    projection
        Stocks under several plans, of the same draws.
    areas
        Land that the plots stand for, as :func:`socbayes.scenarios.design.design_of` reads it; that of the plans by
        default.
    rules
        Names of ``RULES``; those of the file of areas, else VM0042.
    buffer
        Share withheld against reversals, from the rule's own risk assessment; that of the file of areas by default.
    year
        End of the period; the last year of the projection by default. It starts with the first.
    plan
        One plan; all by default.
    every_point
        Whether the plots are all the fields there are, not a sample of the land.
    allow_failed
        Whether to credit a projection whose fit failed its checks; every row is then marked.

    Returns
    -------
    CreditSheet

    Raises
    ------
    ConvergenceError
        If a fit behind the projection failed its checks.
    SocbayesError
        If there is no such plan, rule or year, or nothing to credit; several faults come as an ``ExceptionGroup``.

    Notes
    -----
    Computed as in the rule that a line names; see :func:`socbayes.scenarios.credit`. Nitrous oxide, methane and fuel
    are not counted. A new plot is foreseen with what plots differ by drawn anew, so it has no error of sampling beside
    it; it is credited per hectare.

    Examples
    --------
    >>> sheet = credit_sheet(projection, "areas.csv", buffer=0.12)  # doctest: +SKIP
    >>> sheet.table.to_csv("credits.csv", index=False)  # doctest: +SKIP
    """
    require_projection(projection, allow_failed=True)
    faults: list[SocbayesError] = []
    for check in (lambda: require_projection(projection, allow_failed=allow_failed),
                  lambda: projects_in(projection, plan),
                  lambda: _require_period(projection, year)):  # fmt: skip
        _collect(check, faults)
    design = None
    try:
        design = stated_design(projection, areas, every_point)
        if design is None:
            raise SocbayesError(
                "nothing says what land the plots stand for: give areas (--areas FILE, a table with plot and area "
                "[ha]), or state hectares of plots under [areas] in the file of plans"
            )
    except SocbayesError as error:
        faults.append(error)
    if isinstance(rules, str):
        faults.append(SocbayesError(f"rules is a list of names, such as [{rules!r}], not {rules!r}"))
        rules = None
    asked = tuple(dict.fromkeys(rules or (design.rules if design and design.rules else (USUAL_RULE,))))
    for name in asked:
        _collect(lambda name=name: rule_named(name), faults)  # type: ignore[misc]
    kept = design.buffer if design is not None and buffer is None else buffer
    for name in asked:
        if name in RULES and kept is not None:
            _collect(lambda name=name: require_buffer(kept, RULES[name]), faults)  # type: ignore[misc]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ExceptionGroup("what a credit sheet was told", faults)
    assert design is not None  # a design that is missing is a fault
    start, end = float(projection["year"].to_numpy().min()), year_in(projection, year)
    plans = projects_in(projection, plan)
    lines = [
        line for name in plans for rule in asked for line in _lines(projection, design, name, rule, kept, (start, end))
    ]
    notes = (
        *marks(projection), *design.notes, *_of_few_draws(projection), *_of_the_start(projection, plan, start),
        *_of_new_plots(projection, plans, (start, end)),
    )  # fmt: skip
    return CreditSheet(
        tuple(lines), baseline_of(projection), start, end, converged(projection), notes,
        replace(design, rules=asked, buffer=kept), identity_of(projection),
    )  # fmt: skip


def _collect(check: Callable[[], object], faults: list[SocbayesError]) -> None:
    """Keep what a check finds."""
    try:
        check()
    except SocbayesError as error:
        faults.append(error)


def _require_period(projection: xr.Dataset, year: float | None) -> None:
    """A period has a beginning and a later end."""
    first = float(projection["year"].to_numpy().min())
    if year_in(projection, year) <= first:
        raise SocbayesError(
            f"the period ends in {year_in(projection, year):g} where it begins: project stocks of the start and of a "
            "later year"
        )


def _lines(
    projection: xr.Dataset, design: Design, plan: str, rule: str, buffer: float | None, period: tuple[float, float]
) -> list[CreditLine]:
    """The plots measured, then each kind of new plot."""
    baseline, (start, end) = baseline_of(projection), period
    places = [plots_in(projection).index(label) for label in design.plots]

    known = [
        stocks_in(projection, name, year, fraction=TOTAL)[:, places]
        for name, year in ((plan, end), (baseline, end), (baseline, start))
    ]
    _require_stocks(known, design.plots, period)
    lines = [
        CreditLine(plan, KNOWN, credit(
            known[0], known[1], start=known[2], strata=design.strata, area=design.areas, rule=rule, buffer=buffer,
            every_point=bool(design.every_point),
        ))
    ]  # fmt: skip
    for place, label in enumerate(plots_in(projection, "new")):
        new = _of_new_plot(projection, plan, place, period)
        if all(np.isfinite(stocks).all() for stocks in new):
            lines.append(
                CreditLine(plan, f"a new plot: {label}", credit(
                    new[0], new[1], start=new[2], area=1.0, rule=rule, buffer=buffer, every_point=True
                ))
            )  # fmt: skip
    return lines


def _of_new_plot(projection: xr.Dataset, plan: str, place: int, period: tuple[float, float]) -> list[np.ndarray]:
    """Stocks of a new plot, (sample, 1): at the end under a plan, under the baseline, and those of the start."""
    baseline, (start, end) = baseline_of(projection), period
    return [
        stocks_in(projection, name, year, kind="new", fraction=TOTAL)[:, [place]]
        for name, year in ((plan, end), (baseline, end), (baseline, start))
    ]


def _of_new_plots(projection: xr.Dataset, plans: Sequence[str], period: tuple[float, float]) -> list[str]:
    """Say which new plots have no line, and why."""
    notes = []
    for place, label in enumerate(plots_in(projection, "new")):
        for plan in plans:
            finite = np.all([np.isfinite(one) for one in _of_new_plot(projection, plan, place, period)], axis=0)
            if not finite.all():
                without = int(np.sum(~finite))
                notes.append(
                    f"A new plot: {label} is not credited under {plan}: {without:,} of {len(finite):,} draws "
                    f"{'has' if without == 1 else 'have'} no stock of it."
                )
    return notes


def _require_stocks(stocks: Sequence[np.ndarray], plots: Sequence[str], period: tuple[float, float]) -> None:
    """Refuse plots that are not there at both ends of the period, by name."""
    start, end = period
    for year, of_year in ((start, stocks[2]), (end, np.concatenate(stocks[:2]))):
        absent = [label for label, values in zip(plots, of_year.T, strict=True) if not np.isfinite(values).all()]
        if absent:
            raise SocbayesError(
                f"no stock of {', '.join(absent)} in {year:g}: a plot starts with its first sample, so begin the "
                "projection after it"
            )


def _of_few_draws(projection: xr.Dataset) -> tuple[str, ...]:
    """Say that draws are few where some of them are there again; of all draws each line says so."""
    drawn = different_draws(projection)
    if drawn is None or len(drawn) < FEW_DRAWS or (different := np.unique(drawn).size) >= FEW_DRAWS:
        return ()
    return (
        f"{different} of the {len(drawn):,} draws differ, too few to tell a quantile: take "
        f"{FEW_DRAWS} or more of the fits.",
    )


def _of_the_start(projection: xr.Dataset, plan: str | None, start: float) -> tuple[str, ...]:
    """Say where stocks of the first year are predicted, and which plans differ from the baseline in it already."""
    said = tuple(of_the_first_year(float(projection.attrs.get("last_sample", np.nan)), start))
    base = stocks_in(projection, baseline_of(projection), start)
    early = [
        name for name in projects_in(projection, plan)
        if not np.allclose(stocks_in(projection, name, start), base, rtol=1e-6, equal_nan=True)
    ]  # fmt: skip
    if not early:
        return said
    return (
        *said,
        f"{', '.join(early)}: stocks differ from the baseline in {start:g} already, so the plan began earlier. The "
        f"gain holds what came before; reductions and removals count from the baseline's stock of {start:g}.",
    )


def _figures(line: CreditLine) -> list[tuple[str, float, str, str]]:
    """Quantity, value, unit and origin of each figure of a line."""
    figures = [
        (str(row.quantity), float(row.value), str(row.unit), str(row.how)) for row in line.credit.table.itertuples()
    ]
    return [("area", line.credit.area, "ha", "land that the plots stand for, or one hectare of a new plot"), *figures]
