"""What a fitted model of effects says of a lever in a known or a new study."""

from __future__ import annotations

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.effects.layout import BY_LOG
from socbayes.scenarios.draws import Draws, Predicted, known_label

NO_CHANGE = "no_change"
"""Lever of a scenario in which everything stays as it is."""
WHOLE = "soil_organic_carbon"


def effect(
    draws: Draws,
    *,
    lever: str = NO_CHANGE,
    fraction: str = WHOLE,
    lever_dose: float | None = None,
    duration: float | None = None,
    mean_annual_temperature: float | None = None,
    mean_annual_precipitation: float | None = None,
    clay: float | None = None,
) -> Predicted:
    """Change of a fraction of carbon with a lever.

    Parameters
    ----------
    draws
        Of a fit of ``models.effects``.
    lever
        What is done; ``"no_change"`` for nothing.
    fraction
        Fraction of carbon.
    lever_dose
        In the unit of the lever's doses in the data.
    duration
        Years since it was begun.
    mean_annual_temperature
        degC.
    mean_annual_precipitation
        mm a year.
    clay
        Percent.

    Returns
    -------
    Predicted
        On the scale of log ratios. What is not given, of what the effect depends on, is drawn from the studies of the
        lever; what it does not depend on is named as not used.

    Raises
    ------
    UnknownNameError
        For a lever or fraction that no pair of the fit is of, with the nearest name.
    SocbayesError
        For a dose, time or rain of zero, which have no logarithm.
    """
    given = {
        "lever_dose": lever_dose,
        "duration": duration,
        "mean_annual_temperature": mean_annual_temperature,
        "mean_annual_precipitation": mean_annual_precipitation,
        "clay": clay,
    }
    names = draws.labels("effect")
    lever = known_label(lever, [*dict.fromkeys(name.split(": ")[0] for name in names), NO_CHANGE], "lever")
    quantity = f"change of {fraction.replace('_', ' ')}"
    if lever == NO_CHANGE:
        said = tuple(f"{name}, as nothing is done" for name, value in given.items() if value is not None)
        return Predicted(np.zeros(draws.size), np.zeros(draws.size), _in_percent, quantity, "percent", not_used=said)
    fraction = known_label(
        fraction, [name.split(": ")[1] for name in names if name.split(": ")[0] == lever], "fraction"
    )
    label = f"{lever}: {fraction}"
    ratio = draws("log_ratio", effect=label) + _of_study(draws, label)
    moved, integrated, unused = _of_moderators(draws, lever, given)
    return Predicted(
        centre=ratio + moved,
        scatter=draws("residual_sd", effect=label),
        shown=_in_percent,
        quantity=quantity,
        unit="percent",
        integrated=integrated,
        not_used=unused,
    )


def _in_percent(ratio: np.ndarray) -> np.ndarray:
    """Log ratios as change in percent."""
    changed: np.ndarray = 100 * np.expm1(ratio)
    return changed


def _of_study(draws: Draws, label: str) -> np.ndarray:
    """What the study adds to the effect: its own where the fit has it, else drawn; (sample,)."""
    known = f"{draws.study} | {label}"
    if draws.study is not None and known in draws.labels("study_effect_of"):
        return draws("study_effect", study_effect_of=known)
    scale = np.hypot(draws("study_sd", effect=label), draws("site_sd"))
    return scale * draws.noise(f"study, {label}")


def _of_moderators(
    draws: Draws, lever: str, given: dict[str, float | None]
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """What moderators add to the effect (sample,), those drawn, and those given without a slope."""
    centres = facts_of(draws.fitted).spec.choices["centres"]
    total = np.zeros(draws.size)
    drawn, unused = [], []
    for label, (centre, spread) in centres.items():
        name, _, of = label.partition(" of ")
        if of != lever:
            continue
        value = given.get(name)
        if value is None:
            total = total + draws("slope", slope_of=label) * draws.noise(label)
            drawn.append(name)
        else:
            if name in BY_LOG and value <= 0:
                raise SocbayesError(f"{name}={value:g} cannot be used: expected a number above zero")
            entered = np.log(value) if name in BY_LOG else value
            total = total + draws("slope", slope_of=label) * (entered - centre) / spread
    for name, value in given.items():
        if value is not None and f"{name} of {lever}" not in centres:
            unused.append(f"{name}, as the fit has no slope on it for {lever}")
    return total, tuple(drawn), tuple(unused)


PREDICTORS = {"effects": effect}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""
