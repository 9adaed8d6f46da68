"""What each figure of a fit of priming says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import table_of
from socbayes.models.priming import figures, process_figures
from socbayes.models.priming.process import incubations
from socbayes.models.priming.published import PUBLISHED
from socbayes.models.priming.scenarios import NEW_SOIL, dose_response, jar_outcomes
from socbayes.plots.style import flat
from socbayes.report.readings import Reading
from socbayes.vocabulary import CI_PROB
from socbayes.wording import SURE, direction, limits, probability, said

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.models.priming.incubations import Incubations

DOSES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Dissolved carbon (ug C/g) of the doses that are compared."""
PRIMING_DRAWS = 800
"""All that a stored posterior holds: with 150, probabilities moved by 0.08 from seed to seed."""


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
    values = [number.value if number.unit == "percent" else 100 * float(np.expm1(number.value)) for number in PUBLISHED]
    inside = sum(lower <= value <= upper for value in values)
    return (
        f"In one soil of a new study native CO₂ {direction(draws, 'rises', 'falls')}: {said(draws, '%', signed=True)}. "
        f"{inside} of {len(values)} published means lie inside this range."
    )


def fitted_incubations(fitted: xr.DataTree) -> Incubations:
    """Lay out the incubations of a fit, where they come with the package."""
    series = table_of(fitted, "time_series")
    if series is None:
        raise SocbayesError(
            "the incubations of this fit do not come with the package: give them to "
            "socbayes.models.priming.scenarios.jar_outcomes, and what it returns to the figure"
        )
    return incubations(series, table_of(fitted, "endpoints"))


def outcome_of_jars(fitted: xr.DataTree) -> xr.Dataset:
    """Fate of the carbon of every treatment on its last day."""
    return jar_outcomes(fitted, fitted_incubations(fitted), draws=PRIMING_DRAWS)


def balance_of_doses(fitted: xr.DataTree) -> xr.Dataset:
    """Fate of one dissolved dose after sixty days, by soil and dose."""
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
    "priming": (
        Reading("Priming by dose", figures.priming_by_dose, priming_dose),
        Reading("Priming by soil", figures.priming_by_soil, priming_soils),
        Reading("Effect of added nitrogen", figures.nitrogen_effect_by_soil, priming_nitrogen, opens=2),
        Reading("What to expect in a new study", figures.priming_new_study, priming_new, opens=1),
    ),
    "priming_process": (
        Reading("Does one pump explain the jars", process_figures.priming_of_jars, jars_agree, of=outcome_of_jars),
        Reading(
            "Real and apparent priming", process_figures.priming_parts, parts_of_priming, of=outcome_of_jars, opens=1
        ),
        Reading(
            "The dose that pays for itself",
            process_figures.addition_balance,
            dose_that_pays,
            of=balance_of_doses,
            opens=3,
        ),
        Reading("Effect of nitrogen", process_figures.nitrogen_on_depolymerisation, nitrogen_slows, opens=2),
    ),
}
"""Figures of each model, in the order they are read."""
