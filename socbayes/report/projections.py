"""What a report says about plans, credits and what to measure next."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.plots.credits import credit_waterfall, line_title, measurement_ranking
from socbayes.plots.projections import gain_paths
from socbayes.report.pictures import Picture, picture
from socbayes.report.readings import Reading
from socbayes.scenarios.credit_sheet import KNOWN, CreditSheet
from socbayes.scenarios.credits import CO2_PER_C, Credit
from socbayes.scenarios.gains import gain_table, gains_of
from socbayes.scenarios.lever_words import effect_told
from socbayes.scenarios.levers import known_levers, levers
from socbayes.scenarios.portfolios import portfolio
from socbayes.scenarios.projected import (
    baseline_of,
    converged,
    failures_of,
    plots_in,
    projects_in,
    require_projection,
    table_converged,
)
from socbayes.vocabulary import INTERVAL_NAME
from socbayes.wording import direction, number, probability, said

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SMALLEST_SHARE = 1e-6
"""Change of a share that is none but of rounding."""
CREDIT_COLUMNS = (
    "gain", "model sd", "sampling sd", "deduction (%)", "credited", "quantile", "reductions", "removals", "net",
)  # fmt: skip
MEASUREMENT_COLUMNS = frozenset({"measurement", "narrowing", "credited_rise"})
"""By which a frame is known for a ranking of measurements."""

SHARED = "What plots share, such as parameters and effects of levers, does not average away over them."
"""What the figure of gains shows."""

NOT_ENDED = (
    "What stays of these gains once levers are given up is not on this page: socbayes.scenarios.lasting, or "
    "socbayes lasting RUN --report PAGE on the command line, computes it, for a chapter of its own."
)
"""Said where plans or credits are reported without it."""

NARROWING = "What nobody can foresee is what the measurement finds: these are means over all that it may find."
"""What the figure of measurements shows."""


@dataclass
class Chapter:
    """A chapter beside those on fits: on plans, on credits or on measurements."""

    anchor: str
    topic: str
    heading: str
    lead: str
    passed: bool
    failures: list[str]
    columns: list[str]
    rows: list[list[str]]
    sentences: list[str]
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_ranking(table: pd.DataFrame) -> bool:
    """Whether a frame ranks measurements, as :func:`socbayes.scenarios.next_measurements` returns it.

    Parameters
    ----------
    table
        Any frame.
    """
    return set(table.columns) >= MEASUREMENT_COLUMNS


def plans_chapter(projection: xr.Dataset, place: int, shown: Collection[str] = ()) -> Chapter:
    """Gains of the plans of a projection.

    Parameters
    ----------
    projection
        Stocks under several plans.
    place
        Of the projection on the page, from 0.
    shown
        Notes that the page shows elsewhere, such as those of the fit.
    """
    require_projection(projection, allow_failed=True)
    baseline, whole = baseline_of(projection), portfolio(projection)
    years = projection["year"].to_numpy().astype(float)
    start, end = float(years.min()), float(years.max())
    of_kind = {"known": gain_table(whole), "new": gain_table(projection, kind="new") if "new" in projection else None}
    rows, sentences = [], []
    for plan in projects_in(projection):
        for kind, label, where in _places(projection):
            draws = gains_of(whole if kind == "known" else projection, kind).sel(plan=plan, plot=label)
            gain = draws.sel(year=end).to_numpy()
            rows.append(
                [plan, where, said(gain, signed=True), said(gain * CO2_PER_C, signed=True),
                 _short(float((gain > 0).mean())), *_four_per_1000(of_kind[kind], plan, label)]
            )  # fmt: skip
            if kind == "known":
                sentences += _sentences(plan, baseline, gain, (start, end), of_kind[kind])
    table = of_kind["known"]
    spans = [f"4 per 1000 by {year:g}" for year in _judged(table)]
    reading = Reading("Gain of each plan", gain_paths, lambda _: f"Lines are medians, bands {INTERVAL_NAME}s. {SHARED}")
    return Chapter(
        f"plans-{place + 1}",
        "plans",
        f"Plans against {baseline}",
        f"Gains by {end:g}, paired: every plan runs on the same draws, new plots and effects of levers. "
        f"A gain is what a plan holds more than {baseline} does in the same year: carbon may fall under both. It is "
        f"the median before its {INTERVAL_NAME}; 4 per 1000 is the probability of a mean growth of 0.4 % of the stock"
        f" of {start:g} a year, not compounded, against that stock and, after the stroke, against {baseline}.",
        converged(projection),
        failures_of(projection),
        ["plan", "plots", "gain (t C/ha)", "gain (t CO2e/ha)", "P(gain > 0)", *spans],
        rows,
        sentences,
        [picture(reading, lambda _: projection)],
        [note for note in str(projection.attrs.get("notes", "")).splitlines() if note.strip() and note not in shown],
    )


def _places(projection: xr.Dataset) -> list[tuple[str, str, str]]:
    """Kind, label and description of what a row of the table is about."""
    new = [("new", label, f"new: {label}") for label in plots_in(projection, "new")]
    return [("known", "portfolio", "measured"), *new]


def _judged(table: pd.DataFrame | None) -> list[float]:
    """Years of a table of gains at which 4 per 1000 is judged."""
    assert table is not None
    judged = table["p_4_per_1000_start"].notna()
    return [float(year) for year in dict.fromkeys(table["year"][judged])]


def _four_per_1000(table: pd.DataFrame | None, plan: str, label: str) -> list[str]:
    """Probability of growing by 4 per 1000 a year, against the start and against the baseline, for each span."""
    assert table is not None
    mine = table[(table["plan"] == plan) & (table["plot"] == label)].set_index("year")
    names = ("p_4_per_1000_start", "p_4_per_1000_baseline")
    return [" / ".join(_short(float(mine.loc[year, name])) for name in names) for year in _judged(table)]


def _short(share: float) -> str:
    """Probability that fits into a cell."""
    return probability(share).replace("above ", "> ").replace("below ", "< ")


def _sentences(
    plan: str, baseline: str, gain: np.ndarray, period: tuple[float, float], table: pd.DataFrame | None
) -> list[str]:
    """What a plan does to carbon, and to the share of it that is necromass where the structure has any."""
    assert table is not None
    sentences = [
        f"{plan} against {baseline}: in {period[1]:g} carbon of the plots measured "
        f"{direction(gain, 'is higher', 'is lower')}, by {said(gain, 't C/ha', signed=True)} since {period[0]:g}."
    ]
    if "sector" in table:
        last = table[(table["plan"] == plan) & (table["year"] == period[1])].iloc[0]
        low, high = last["necromass_share_change_lower"], last["necromass_share_change_upper"]
        if max(abs(low), abs(high)) < SMALLEST_SHARE:
            return sentences
        middle, lower, upper = (
            number(100 * one, 50 * (high - low)) for one in (last["necromass_share_change"], low, high)
        )
        sentences.append(
            f"{plan}: the share of necromass in carbon changes by {middle} percentage points ({lower} to {upper}); "
            f"most probably: {last['sector']}."
        )
    return sentences


def levers_chapter(projection: xr.Dataset, place: int) -> Chapter | None:
    """Levers that the plans of a projection pull: evidence, effect and its source; None where there are none.

    Parameters
    ----------
    projection
        Stocks under several plans.
    place
        Of the projection on the page, from 0.
    """
    factors = json.loads(str(projection.attrs.get("factors", "{}")))
    table = levers()
    used = table[table.index.isin(list(factors))]
    if used.empty:
        return None
    rows = [
        [str(row["title"]), str(row["acts_on"]), f"{row['lowest']:g} to {row['highest']:g} {row['unit']}",
         _effects(str(name), factors[name]), str(row["source"])]
        for name, row in zip(used.index, used.to_dict("records"), strict=True)
    ]  # fmt: skip
    return Chapter(
        f"levers-{place + 1}",
        "levers",
        "Levers",
        f"What the plans pull, and how well it is known. An effect is of a unit of dose, the median before its "
        f"{INTERVAL_NAME}, of each fit where they differ; x is a factor. It is drawn once for all plots, so its error "
        "does not average away over them.",
        True,  # what is known of levers does not rest on this fit
        [],
        ["lever", "acts on", "range of evidence", "effect", "source"],
        rows,
        json.loads(str(projection.attrs.get("of_levers", "[]"))),
    )


def _effects(name: str, taken: Mapping[str, str]) -> str:
    """Effect of a lever that the fits of a projection took, each by its label."""
    lever = known_levers()[name]
    told = {label: effect_told(lever, structure) for label, structure in taken.items()}
    distinct = list(dict.fromkeys(told.values()))
    return distinct[0] if len(distinct) == 1 else "; ".join(f"{label} {effect}" for label, effect in told.items())


def credits_chapter(sheet: CreditSheet, place: int) -> Chapter:
    """A credit sheet with a waterfall for each plan and rule on the plots measured.

    Parameters
    ----------
    sheet
        Of a projection.
    place
        Of the sheet on the page, from 0.
    """
    rows, pictures = [], []
    rules = list(dict.fromkeys(line.credit.rule.name for line in sheet.lines))
    of_rules = {line.credit.rule.name: line.credit.rule.level for line in sheet.lines}
    levels = " or ".join(f"{level:g}" + (f" ({name})" if len(rules) > 1 else "") for name, level in of_rules.items())
    for line in sheet.lines:
        one = line.credit
        spread = float(np.hypot(one.model_sd, one.sampling_sd))

        def cell(value: float, spread: float = spread) -> str:
            return number(value, spread) if np.isfinite(value) else "–"

        of_rule = [one.rule.name] if len(rules) > 1 else []
        # One plot has no points that could differ.
        per_area = (one.gain, one.model_sd, one.sampling_sd if line.group == KNOWN else np.nan)
        by_formula = (one.deduction, one.credited) if one.told else (np.nan, np.nan)
        totals = (one.reductions, one.removals, one.net) if one.told else (np.nan, np.nan, np.nan)
        rows.append(
            [line.plan, line.group, *of_rule, *map(cell, (*per_area, *by_formula, one.quantile)),
             *(cell(value, spread * one.area) for value in totals)]
        )  # fmt: skip
        if line.group == KNOWN and one.told:
            title = line_title(line.plan, sheet.baseline, line.group)
            draw = partial(credit_waterfall, title=title, passed=sheet.converged)
            pictures.append(picture(Reading(title, draw, _waterfall_text), lambda _, one=one: one))  # type: ignore[misc]
    return Chapter(
        f"credits-{place + 1}",
        "credits",
        f"Credits against {sheet.baseline}, {sheet.start:g} to {sheet.end:g}",
        "Carbon dioxide of the soil only, to be verified by somebody else: figures are computed as in the rules named, "
        "which is no statement that a project conforms to them. Gain to quantile are t CO2e/ha, the deduction is "
        "percent of the gain, reductions to net are t CO2e. The gain is the mean over draws, as rules ask, which lies "
        f"above the median where a few gain much; the quantile is what draws exceed with probability {levels}. A dash "
        "stands for a figure that says nothing of a gain near zero, that one plot has not, or that nothing was stated "
        "for.",
        sheet.converged,
        [] if sheet.converged else ["a fit behind these credits failed its checks"],
        ["plan", "plots", *(["rule"] if len(rules) > 1 else []), *CREDIT_COLUMNS],
        rows,
        [sentence for sentence in sheet.text if sentence not in sheet.notes],
        pictures,
        list(sheet.notes),
    )  # fmt: skip


def _waterfall_text(one: Credit) -> str:
    """What a waterfall shows."""
    if one.rule.by_draws:
        return (
            f"What is credited is what draws exceed with probability {one.rule.level:g}; the deduction is divided by "
            "the variances of the model and of the points."
        )
    return (
        f"The deduction is Student's t at {one.rule.level:g} of both spreads together, divided by their variances. "
        f"Draws themselves exceed {one.quantile:.3g} t CO2e/ha with that probability, where the formula credits "
        f"{one.credited:.3g}."
    )


def measurements_chapter(ranked: pd.DataFrame, place: int) -> Chapter:
    """What to measure next.

    Parameters
    ----------
    ranked
        Result of :func:`socbayes.scenarios.next_measurements`.
    place
        Of the ranking on the page, from 0.
    """
    passed = table_converged(ranked)
    rows = [
        [str(row["measurement"]), f"{100 * row['narrowing']:.0f} ± {100 * row['narrowing_error']:.0f}",
         f"{row['gain_sd']:,.3g}", f"{row['gain_sd_after']:,.3g}", f"{row['credited']:,.3g}",
         f"{row['credited_after']:,.3g}", f"{row['credited_rise']:+,.3g}",
         "–" if row["cost"] != row["cost"] else f"{row['cost']:,.4g}"]
        for row in ranked.to_dict("records")
    ]  # fmt: skip
    best = ranked.iloc[0]
    text = (
        f"First: {best['measurement']}. It is expected to remove {100 * best['narrowing']:.0f} % of the variance "
        f"of the gain, and to raise what is credited by {best['credited_rise']:,.3g} t CO2e."
    )
    return Chapter(
        f"measurements-{place + 1}",
        "what to measure next",
        "What to measure next",
        "Expected before the measurement is made, from draws of what would be found; narrowing is percent of the "
        "variance of the gain with its Monte Carlo error, standard deviations and credits are t CO2e/ha, the rise is "
        "t CO2e on all land.",
        passed,
        [] if passed else ["a fit behind these expectations failed its checks"],
        ["measurement", "narrowing (%)", "sd of gain now", "after", "credited now", "after", "rise", "cost"],
        rows,
        [text],
        [picture(Reading("Expected narrowing", measurement_ranking, lambda _: NARROWING), lambda _: ranked)],
        list(ranked.attrs.get("notes", ())),
    )


def chapters_of(
    projections: list[xr.Dataset],
    sheets: list[CreditSheet],
    rankings: list[pd.DataFrame],
    shown: Collection[str] = (),
    endings: Sequence[Chapter] = (),
) -> list[Chapter]:
    """All chapters beside those on fits and comparisons, in the order in which they are read.

    Parameters
    ----------
    projections, sheets, rankings
        As they were given.
    shown
        Notes that the page shows elsewhere.
    endings
        Chapters on what stays of gains.
    """
    of_levers = [levers_chapter(one, place) for place, one in enumerate(projections)]
    of_plans = [plans_chapter(one, place, shown) for place, one in enumerate(projections)]
    of_credits = [credits_chapter(one, place) for place, one in enumerate(sheets)]
    if not endings:
        for one in (of_credits or of_plans)[-1:]:
            one.sentences.append(NOT_ENDED)
    return [
        *of_plans,
        *(one for one in of_levers if one is not None),
        *of_credits,
        *endings,
        *(measurements_chapter(one, place) for place, one in enumerate(rankings)),
    ]


def alarms_of(chapters: list[Chapter]) -> list[dict[str, Any]]:
    """What must be known before anything else, of chapters that rest on a fit that failed.

    Parameters
    ----------
    chapters
        Of the page.
    """
    from socbayes.scenarios.draws import DO_NOT_USE

    return [
        {"name": one.heading, "anchor": one.anchor, "failures": [DO_NOT_USE, *one.failures]}
        for one in chapters if not one.passed
    ]  # fmt: skip
