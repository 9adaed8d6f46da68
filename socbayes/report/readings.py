"""What each figure says, in a sentence made from the draws it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes import plots
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of, table_of
from socbayes.models.cue.figures import least_squares
from socbayes.plots.style import flat, readable
from socbayes.published import published_of
from socbayes.vocabulary import CI_PROB
from socbayes.wording import SURE, direction, few, limits, number, probability, said

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from socbayes.models.priming.incubations import Incubations


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
    """

    title: str
    draw: Callable[[Any], Figure]
    say: Callable[[Any], str]
    of: Callable[[xr.DataTree], Any] = lambda fitted: fitted
    opens: int = 0


def material(fitted: xr.DataTree) -> Callable[[Reading], Any]:
    """What a reading takes, made once for all that share it."""
    made: dict[Callable[[xr.DataTree], Any], Any] = {}

    def of(one: Reading) -> Any:
        if one.of not in made:
            made[one.of] = one.of(fitted)
        return made[one.of]

    return of


# --- carbon use efficiency ---------------------------------------------------------


def cue_levels(fitted: xr.DataTree) -> str:
    """Say how methods and ecosystems differ."""
    posterior = fitted["posterior"].to_dataset()
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    draws = flat(posterior["cue_by_method"])
    median = np.median(draws, axis=0)
    top, bottom = int(median.argmax()), int(median.argmin())
    sentence = (
        f"In the typical study at 15 °C and 24 h, carbon use efficiency is highest by {readable(methods[top])}, "
        f"{said(draws[:, top])}, and lowest by {readable(methods[bottom])}, {said(draws[:, bottom])}."
    )
    if "cue_by_method_and_ecosystem" not in posterior:
        return sentence
    crossed = flat(posterior["cue_by_method_and_ecosystem"])
    between_methods, between_ecosystems = np.ptp(draws, axis=1), np.ptp(crossed, axis=2).mean(axis=1)
    p = float((between_methods > between_ecosystems).mean())
    word = "more" if p >= 0.5 else "less"
    return sentence + (
        f" Methods differ {word} than ecosystems (probability {probability(max(p, 1 - p))}): by "
        f"{said(between_methods)} "
        f"against {said(between_ecosystems)} within one method."
    )


def cue_slopes(fitted: xr.DataTree) -> str:
    """Say what partial pooling does to the temperature slope."""
    posterior = fitted["posterior"].to_dataset()
    mean = flat(posterior["slope_mean"]) / 4
    sentence = (
        "Within studies, averaged over methods, efficiency "
        f"{direction(mean, 'rises with temperature', 'falls with temperature')}: "
        f"{said(mean, 'per °C', signed=True)} at an efficiency of 0.5."
    )
    table = table_of(fitted)
    if table is None:
        return sentence
    pooled, _ = least_squares(table)
    median, lower, upper = limits(mean)
    steeper = abs(pooled) > abs(median)
    sentence += (
        f" Least squares over all rows gives {pooled:+.4f} per °C, {'steeper' if steeper else 'shallower'} than that"
    )
    if not lower <= pooled <= upper:
        sentence += " and outside the interval, because it also counts how warm and cold studies differ in other ways"
    sentence += "."
    if "study_slope" not in posterior:
        return sentence
    names = [str(name) for name in posterior["study_with_temperatures"].to_numpy()]
    alone = np.array([least_squares(table[table["study"] == name])[0] for name in names])
    alone = alone[np.isfinite(alone)]
    together = np.median(flat(posterior["study_slope"]), axis=0) / 4
    word = "narrows" if np.ptp(together) < np.ptp(alone) else "widens"
    return sentence + (
        f" Partial pooling {word} the slopes of {len(names)} single studies from {alone.min():+.3f} … "
        f"{alone.max():+.3f} to "
        f"{together.min():+.3f} … {together.max():+.3f}: the less a study says, the more it borrows from the others."
    )


def cue_spread(fitted: xr.DataTree) -> str:
    """Say how much of the spread is method and how much environment."""
    share = fitted["posterior"].to_dataset()["spread_share"]
    causes = [str(name) for name in share["cause"].to_numpy()]

    def of(names: set[str]) -> np.ndarray:
        return 100 * flat(share.isel(cause=[i for i, name in enumerate(causes) if name in names])).sum(axis=1)

    measured = of({"method", "substrate", "incubation time"})
    environment = of({"ecosystem", "temperature within studies", "temperature between studies"})
    study = of({"study"})
    word = "more" if np.median(measured) > np.median(environment) else "less"
    return (
        f"How efficiency was measured (method, substrate, time) goes with {said(measured, '%')} of its published "
        "variance, "
        f"{word} than ecosystem and temperature with {said(environment, '%')}; {said(study, '%')} goes with the study "
        "and "
        "with no column of the table."
    )


# --- priming ---------------------------------------------------------------------------


def priming_dose(fitted: xr.DataTree) -> str:
    """Say what dose and nitrogen do."""
    posterior = fitted["posterior"].to_dataset()
    dose = flat(posterior["dose_effect"])
    sentence = (
        "With a tenfold dose over biomass the log ratio of native CO₂ "
        f"{direction(dose, 'rises', 'falls')}: {said(dose, signed=True)}."
    )
    if "nitrogen_effect" in posterior:
        nitrogen = flat(posterior["nitrogen_effect"])
        sentence += f" With added nitrogen it {direction(nitrogen, 'rises', 'falls')}: {said(nitrogen, signed=True)}."
    return sentence


def priming_soils(fitted: xr.DataTree) -> str:
    """Say in how many soils priming is sure."""
    posterior = fitted["posterior"].to_dataset()
    above = (flat(posterior["priming_log_ratio_by_soil"]) > 0).mean(axis=0)
    average = 100 * np.expm1(flat(posterior["priming_log_ratio"]))
    return (
        f"At a dose equal to biomass and without nitrogen, priming is positive in {int((above >= SURE).sum())} and "
        "negative "
        f"in {int((above <= 1 - SURE).sum())} of {above.size} soils with an interval that excludes zero; in the "
        "average study "
        f"native CO₂ {direction(average, 'rises', 'falls')}: {said(average, '%', signed=True)}."
    )


def priming_nitrogen(fitted: xr.DataTree) -> str:
    """Say whether nitrogen changes priming, and how alike soils are."""
    posterior = fitted["posterior"].to_dataset()
    mean = flat(posterior["nitrogen_effect"])
    sentence = (
        f"Added nitrogen changes the log ratio of native CO₂ by {said(mean, signed=True)} in the average soil: priming "
        f"{direction(mean, 'rises', 'falls')}."
    )
    if "nitrogen_effect_by_soil" not in posterior:
        return sentence
    above = (flat(posterior["nitrogen_effect_by_soil"]) > 0).mean(axis=0)
    return sentence + (
        f" Of {above.size} soils measured with and without nitrogen, {int((above >= SURE).sum())} show a rise and "
        f"{int((above <= 1 - SURE).sum())} a fall that excludes zero."
    )


def priming_new(fitted: xr.DataTree) -> str:
    """Say what to expect in a new study, and where published means lie."""
    draws = flat(fitted["posterior"].to_dataset()["priming_percent_new_study"])
    _, lower, upper = limits(draws)
    values = [
        number.value if number.unit == "percent" else 100 * float(np.expm1(number.value))
        for number in published_of("priming")
    ]
    inside = sum(lower <= value <= upper for value in values)
    return (
        f"In one soil of a new study native CO₂ {direction(draws, 'rises', 'falls')}: {said(draws, '%', signed=True)}. "
        f"{inside} of {len(values)} published means lie inside this range."
    )


# --- microbial carbon pump -------------------------------------------------------------------


def _gains(fitted: xr.DataTree) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Practices, and draws of s and n in the average study."""
    ratio = fitted["posterior"].to_dataset()["log_ratio"]
    names = [readable(name) for name in ratio["practice"].to_numpy()]
    return names, flat(ratio.sel(response="soil_organic_carbon")), flat(ratio.sel(response="necromass"))


def pump_pairs(fitted: xr.DataTree) -> str:
    """Say where the observed pairs and the practices lie."""
    from socbayes.models.mcp.baseline import SECTORS, sector

    names, s, n = _gains(fitted)
    both = ((s > 0) & (n > 0)).mean(axis=0)
    sentence = ""
    if "observed_data" in fitted.children:
        pairs = fitted["observed_data"].to_dataset()["pair_log_ratio"]
        place = sector(pairs.sel(response="necromass").to_numpy(), pairs.sel(response="soil_organic_carbon").to_numpy())
        counts = np.bincount(place, minlength=len(SECTORS))
        top = int(counts.argmax())
        sentence = f"Of {place.size} pairs, {100 * counts[top] / place.size:.0f} % lie in the sector “{SECTORS[top]}”. "
    return sentence + (
        f"In the average study, {int((both >= SURE).sum())} of {len(names)} practices raise necromass and organic "
        "carbon "
        f"together with a probability of at least {SURE:.3f}."
    )


def pump_each(fitted: xr.DataTree) -> str:
    """Name the practices that raise both."""
    names, s, n = _gains(fitted)
    both, neither = ((s > 0) & (n > 0)).mean(axis=0), ((s < 0) & (n < 0)).mean(axis=0)
    best = int(both.argmax())
    worst = int(neither.argmax())
    return (
        f"Surest to raise both in the average study is {names[best]} (probability {probability(float(both[best]))}: "
        "necromass "
        f"{said(100 * np.expm1(n[:, best]), '%', signed=True)}, organic carbon "
        f"{said(100 * np.expm1(s[:, best]), '%', signed=True)}); surest to lower both is {names[worst]} "
        f"({probability(float(neither[worst]))}). Of new studies {100 * CI_PROB:.0f} % are to be expected inside the "
        "dashed outline."
    )


def pump_sector_shares(fitted: xr.DataTree) -> str:
    """Say where the necromass share is most and least likely to rise in a new study."""
    from socbayes.models.mcp.scenarios import sector_probabilities

    new_study = fitted["posterior"]["log_ratio_new_study"]
    table = sector_probabilities(new_study).transpose("practice", "sector").to_pandas()
    rises = table.iloc[:, [0, 2, 4]].sum(axis=1)
    carbon = table.iloc[:, [2, 4]].sum(axis=1)
    top, bottom = str(rises.idxmax()), str(rises.idxmin())
    sentence = (
        f"In a new study the necromass share is likeliest to rise with {readable(top)} (probability "
        f"{probability(float(rises[top]))}) and least likely with {readable(bottom)} "
        f"({probability(float(rises[bottom]))})."
    )
    if carbon[top] > 0.5 * rises[top]:
        sentence += f" With {readable(top)} that is mostly a rise while organic carbon falls: no gain of carbon."
    return sentence


def pump_efficacy(fitted: xr.DataTree) -> str:
    """Say which practices change the necromass share."""
    change = fitted["posterior"].to_dataset()["efficacy_change"]
    names = [readable(name) for name in change["practice"].to_numpy()]
    draws = 100 * flat(change)
    above = (draws > 0).mean(axis=0)
    up = [names[i] for i in np.argsort(-above) if above[i] >= SURE]
    down = [names[i] for i in np.argsort(above) if above[i] <= 1 - SURE]
    top = int(np.median(draws, axis=0).argmax())
    return (
        f"With an interval that excludes zero, the share rises with {few(up)} and falls with {few(down)}, of "
        f"{len(names)} "
        f"practices; the largest median change is {said(draws[:, top], 'percentage points', signed=True)} with "
        f"{names[top]}."
    )


def necromass_levels(fitted: xr.DataTree) -> str:
    """Say where necromass makes up most of the organic carbon."""
    share = fitted["posterior"].to_dataset()["necromass_share_mean"]
    names = [readable(name) for name in share["ecosystem"].to_numpy()]
    draws = 100 * flat(share)
    median = np.median(draws, axis=0)
    top, bottom = int(median.argmax()), int(median.argmin())
    typical = 100 * flat(fitted["posterior"].to_dataset()["necromass_share"])
    return (
        f"Averaged over studies, necromass makes up most of organic carbon in {names[top]}, "
        f"{said(draws[:, top], '%')}, and "
        f"least in {names[bottom]}, {said(draws[:, bottom], '%')}; in the typical study it is "
        f"{said(typical[:, top], '%')} and {said(typical[:, bottom], '%')}."
    )


# --- carbon use efficiency, process model ---------------------------------------------


def printed_values(fitted: xr.DataTree) -> str:
    """Say how far incubation time and method move the printed value."""
    from socbayes.models.cue.scenarios import printed

    seen = printed(fitted, (1.0, 48.0))
    intrinsic, label = seen["intrinsic"].to_numpy(), seen["labelled"].to_numpy()
    sentence = (
        f"The intrinsic efficiency at 15 °C, free of method, is {said(intrinsic)}. Between 1 h and 48 h of incubation "
        f"the value printed for labelled {seen.attrs['substrate']} falls by {said(label[:, 0] - label[:, 1])}"
    )
    others = {
        str(name): seen["printed"].sel(measurement_method=name).to_numpy() for name in seen["measurement_method"].values
    }
    if "water_18O" not in others:
        return sentence + "."
    return sentence + f"; after 48 h it lies {said(label[:, 1] - others['water_18O'], signed=True)} from ¹⁸O in water."


def intrinsic_ecosystems(fitted: xr.DataTree) -> str:
    """Say whether ecosystems differ in intrinsic efficiency."""
    values = fitted["posterior"].to_dataset()["intrinsic_efficiency_by_ecosystem"]
    names, draws = [readable(name) for name in values["ecosystem"].to_numpy()], flat(values)
    median = np.median(draws, axis=0)
    top, bottom = int(median.argmax()), int(median.argmin())
    p = float((draws[:, top] > draws[:, bottom]).mean())
    return (
        f"Free of method and time, efficiency is highest in {names[top]}, {said(draws[:, top])}, and lowest in "
        f"{names[bottom]}, {said(draws[:, bottom])}; the first exceeds the second with probability {probability(p)}."
    )


# --- microbial carbon pump, process model -------------------------------------------------


def pump_pulled(fitted: xr.DataTree) -> str:
    """Say which levers are known to move."""
    lever = fitted["posterior"].to_dataset()["practice_lever"]
    draws, practices = flat(lever), [readable(name) for name in lever["practice"].to_numpy()]
    levers = [str(name) for name in lever["lever"].to_numpy()]
    above = (draws > 0).mean(axis=0)
    sure = [
        f"{levers[k]} with {practices[i]} ({direction(draws[:, i, k], 'up', 'down')})"
        for i, k in zip(*np.nonzero((above >= SURE) | (above <= 1 - SURE)), strict=True)
    ]
    sentence = f"Of {above.size} shifts of a lever by a practice, {len(sure)} exclude zero"
    sentence += f": {few(sure)}." if sure else "."
    best = int(above[:, levers.index("efficiency")].argmax())
    p = float(above[best, levers.index("efficiency")])
    return f"{sentence} Efficiency is likeliest raised by {practices[best]} (probability {probability(p)})."


def pump_learned(fitted: xr.DataTree) -> str:
    """Say of which lever the data tell most."""
    from socbayes.models.mcp.scenarios import contraction

    share = 100 * contraction(fitted).mean("practice")
    order = np.argsort(-share.to_numpy())
    names = [str(name) for name in share["lever"].to_numpy()]
    return (
        f"Averaged over practices the data take {float(share[order[0]]):.0f} % off the prior variance of "
        f"{names[order[0]]} and {float(share[order[-1]]):.0f} % off that of {names[order[-1]]}: what is left is prior."
    )


def pump_outlook(forecast: xr.Dataset) -> str:
    """Say where both gain in a new study."""
    from socbayes.models.mcp.baseline import SECTORS
    from socbayes.models.mcp.scenarios import sector_probabilities

    chances = sector_probabilities(forecast["log_ratio"]).sel(study="new study").isel(year=-1)
    years = float(chances["year"])
    gain, lose = (chances.sel(sector=list(names)).sum("sector").to_series() for names in (SECTORS[:2], SECTORS[4:6]))
    return (
        f"After {years:g} years necromass and organic carbon have both gained in a new study with a probability of "
        f"{probability(float(gain.max()))} with {readable(gain.idxmax())}, and both lost with a probability of "
        f"{probability(float(lose.max()))} with {readable(lose.idxmax())}."
    )


def pump_change(forecast: xr.Dataset) -> str:
    """Say whether the change of the share turns over the years."""
    change = 100 * forecast["efficacy_change"].sel(study="average study")
    first, last = change.isel(year=0), change.isel(year=-1)
    turned = (first.median("sample") < 0) & (last.median("sample") > 0)
    practices = [readable(name) for name in change["practice"].to_numpy()]
    names = [name for name, turns in zip(practices, turned.to_numpy(), strict=True) if turns]
    top = int(np.median(last.to_numpy(), axis=0).argmax())
    largest = said(last.to_numpy()[:, top], "percentage points", signed=True)
    sentence = f"The largest median change after {float(last['year']):g} years is {largest} with {practices[top]}."
    if not names:
        return sentence
    return sentence + (
        f" From below zero after {float(first['year']):g} years the median rises above it with {few(names)}: carbon "
        "comes first and necromass follows."
    )


def outlook(fitted: xr.DataTree) -> xr.Dataset:
    """Forecast of a fit of the pump at 10, 30 and 100 years."""
    from socbayes.models.mcp.scenarios import forecast

    return forecast(fitted, draws=300)


# --- process model of priming ---------------------------------------------------------

DOSES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Dissolved carbon (ug C/g) of the doses that are compared."""
PRIMING_DRAWS = 800
"""All that a stored posterior holds: with 150, probabilities moved by 0.08 from seed to seed."""


def fitted_incubations(fitted: xr.DataTree) -> Incubations:
    """Lay out the incubations of a fit, where they come with the package."""
    from socbayes.models.priming.process import incubations

    series = table_of(fitted, "time_series")
    if series is None:
        raise SocbayesError(
            "the incubations of this fit do not come with the package: give them to "
            "socbayes.models.priming.scenarios.jar_outcomes, and what it returns to the figure"
        )
    return incubations(series, table_of(fitted, "endpoints"))


def outcome_of_jars(fitted: xr.DataTree) -> xr.Dataset:
    """Fate of the carbon of every treatment on its last day."""
    from socbayes.models.priming.scenarios import jar_outcomes

    return jar_outcomes(fitted, fitted_incubations(fitted), draws=PRIMING_DRAWS)


def balance_of_doses(fitted: xr.DataTree) -> xr.Dataset:
    """Fate of one dissolved dose after sixty days, by soil and dose."""
    from socbayes.models.priming.scenarios import dose_response

    return dose_response(fitted, fitted_incubations(fitted), DOSES, days=60.0, draws=PRIMING_DRAWS)


def jars_agree(outcome: xr.Dataset) -> str:
    """Say how well the runs agree with the jars."""
    observed = outcome["observed"].to_numpy()
    low, middle, high = np.quantile(
        outcome["priming"].transpose("sample", "treatment").to_numpy(),
        [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2],
        axis=0,
    )
    inside = 100 * ((low <= observed) & (observed <= high)).mean()
    return (
        f"Over {observed.size} treatments fitted and observed priming correlate with "
        f"{np.corrcoef(observed, middle)[0, 1]:.2f}, and {inside:.0f} % of the observed means lie within the interval "
        "of the run, which holds no scatter between jars."
    )


def parts_of_priming(outcome: xr.Dataset) -> str:
    """Say where net priming hides the most of the real one."""
    study = outcome["study"].to_numpy()
    means = outcome[["priming", "priming_real", "priming_apparent"]].groupby("study").mean("treatment")
    hidden = -means["priming_apparent"].median("sample").to_series()
    name = str(hidden.idxmax())
    here = means.sel(study=name)
    net, real, apparent = (
        said(here[key].to_numpy(), "µg C/g", signed=True) for key in ("priming", "priming_real", "priming_apparent")
    )
    return (
        f"In the {(study == name).sum()} treatments of {name}, {real} of real priming come with {apparent} of apparent "
        f"priming, which leaves {net} to be seen. Real is carbon lost from what is dead; apparent is carbon lost from "
        "the native biomass, negative where microbes took native carbon up and kept it."
    )


def dose_that_pays(response: xr.Dataset) -> str:
    """Say which dose costs a new soil carbon."""
    from socbayes.models.priming.scenarios import NEW_SOIL

    gain = (100 * response["net_balance"] / response["dose"]).sel(soil_run=NEW_SOIL)
    parts = []
    for dose in (DOSES[0], DOSES[-1]):
        values = gain.sel(dose=dose).to_numpy()
        chance = probability(float((values > 0).mean()))
        parts.append(f"{said(values, '%', signed=True)} of {dose:,.0f} µg C/g (above zero with probability {chance})")
    return f"Sixty days after one dissolved dose a new soil has gained, net of priming, {' and '.join(parts)}."


def nitrogen_slows(fitted: xr.DataTree) -> str:
    """Say what nitrogen does to depolymerisation."""
    posterior = fitted["posterior"].to_dataset()
    mean = said(np.exp(flat(posterior["nitrogen_mean"])))
    effect = np.exp(flat(posterior["nitrogen"]))
    order = np.argsort(np.median(effect, axis=0))
    soils = [str(name).split(": ")[-1] for name in posterior["soil_with_nitrogen"].to_numpy()]
    return (
        f"In the average soil nitrogen multiplies depolymerisation by {mean}, "
        f"from {said(effect[:, order[0]])} ({soils[order[0]]}) to {said(effect[:, order[-1]])} ({soils[order[-1]]})."
    )


READINGS: dict[str, tuple[Reading, ...]] = {
    "cue": (
        Reading("Carbon use efficiency by method and ecosystem", plots.cue_by_method_and_ecosystem, cue_levels),
        Reading("Temperature slopes, pooled and unpooled", plots.temperature_slopes, cue_slopes, opens=2),
        Reading("What the published spread goes with", plots.spread_shares, cue_spread, opens=1),
    ),
    "cue_process": (
        Reading("What each method would print of one soil", plots.printed_efficiency, printed_values, opens=1),
        Reading("Intrinsic efficiency by ecosystem", plots.intrinsic_by_ecosystem, intrinsic_ecosystems),
        Reading("Temperature slopes, pooled and unpooled", plots.temperature_slopes, cue_slopes, opens=3),
        Reading("What the published spread goes with", plots.spread_shares, cue_spread, opens=2),
    ),
    "mcp_process": (
        Reading("Levers that practices pull", plots.pump_levers, pump_pulled, opens=1),
        Reading("What the data told of each lever", plots.pump_contraction, pump_learned),
        Reading(
            "Sectors to expect after 10, 30 and 100 years, new study",
            plots.pump_forecast_sectors,
            pump_outlook,
            of=outlook,
            opens=2,
        ),
        Reading(
            "Change of the necromass share over the years",
            plots.pump_forecast_efficacy,
            pump_change,
            of=outlook,
            opens=3,
        ),
    ),
    "priming_process": (
        Reading("Does one pump explain the jars", plots.priming_of_jars, jars_agree, of=outcome_of_jars),
        Reading("Real and apparent priming", plots.priming_parts, parts_of_priming, of=outcome_of_jars, opens=1),
        Reading("The dose that pays for itself", plots.addition_balance, dose_that_pays, of=balance_of_doses, opens=3),
        Reading("Effect of nitrogen", plots.nitrogen_on_depolymerisation, nitrogen_slows, opens=2),
    ),
    "priming": (
        Reading("Priming by dose", plots.priming_by_dose, priming_dose),
        Reading("Priming by soil", plots.priming_by_soil, priming_soils),
        Reading("Effect of added nitrogen", plots.nitrogen_effect_by_soil, priming_nitrogen, opens=2),
        Reading("What to expect in a new study", plots.priming_new_study, priming_new, opens=1),
    ),
    "mcp": (
        Reading("The plane of necromass and organic carbon", plots.pump_plane, pump_pairs),
        Reading("Each practice in the plane", plots.pump_practices, pump_each, opens=1),
        Reading("Sectors to expect in a new study", plots.pump_sectors, pump_sector_shares),
        Reading("Change of the necromass share", plots.efficacy_change, pump_efficacy, opens=2),
        Reading("Necromass share by ecosystem", plots.necromass_share, necromass_levels),
    ),
}
"""Figures of each model, in the order they are read."""


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
    opening = [one for one in READINGS.get(str(fitted.attrs.get("model", "user")), ()) if one.opens]
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


__all__ = ["READINGS", "Reading", "findings", "material", "number", "published_rows", "verdict"]
