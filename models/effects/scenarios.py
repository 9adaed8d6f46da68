"""What a fitted model of effects says of a lever in a known or a new study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.effects.layout import BY_LOG, MODERATORS, SYMBIOSES, moderator_values
from socbayes.models.effects.pooled import CONVERTED, KIND_OF_ROLE
from socbayes.scenarios.draws import Draws, Predicted, known_label, student_factor
from socbayes.vocabulary import SCHEMAS

if TYPE_CHECKING:
    import pandas as pd

NO_CHANGE = "no_change"
"""Lever of a scenario in which everything stays as it is."""
WHOLE = "soil_organic_carbon"
OF_A_TRIAL = ("lever_dose", "duration")
"""What differs between the levers of one study; its climate and soil do not."""


def effect(
    draws: Draws,
    *,
    lever: str | None = None,
    fraction: str | None = None,
    lever_dose: float | None = None,
    duration: float | None = None,
    mean_annual_temperature: float | None = None,
    mean_annual_precipitation: float | None = None,
    clay: float | None = None,
    soil_organic_carbon_control: float | None = None,
    depth_top: float | None = None,
    depth_bottom: float | None = None,
    mycorrhiza: str | None = None,
) -> Predicted:
    """Change of a fraction of carbon with a lever.

    Parameters
    ----------
    draws
        Of a fit of ``models.effects``.
    lever
        What is done; ``"no_change"`` for nothing. Where it is not given, the only one of a known study, and nothing in
        a new one.
    fraction
        Fraction of carbon. Where it is not given, the only one of a known study with the lever, else organic carbon.
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
    soil_organic_carbon_control
        Without the lever, g/kg.
    depth_top, depth_bottom
        Of the layer, cm; both or none.
    mycorrhiza
        Of the plants: ``"arbuscular mycorrhiza"`` or ``"ectomycorrhiza"``.

    Returns
    -------
    Predicted
        On the scale of log ratios. What is not given, of what the effect depends on, is as a known study has it, on
        the average of its pairs, else drawn from the studies of the lever; what it does not depend on is named as not
        used.

    Raises
    ------
    UnknownNameError
        For a lever or fraction that no pair of the fit is of, with the nearest name.
    SocbayesError
        For a dose, time or rain of zero, which have no logarithm; a layer with one limit; or a known study of several
        levers, none of which is chosen.
    """
    given = {
        "lever_dose": lever_dose,
        "duration": duration,
        "mean_annual_temperature": mean_annual_temperature,
        "mean_annual_precipitation": mean_annual_precipitation,
        "clay": clay,
        "soil_organic_carbon_control": soil_organic_carbon_control,
        "depth": _middle(depth_top, depth_bottom),
        "mycorrhiza": _symbiosis(mycorrhiza),
    }
    rows = _rows_of_study(draws)
    lever, fraction, assumed = _chosen(draws, rows, lever, fraction)
    quantity = f"change of {fraction.replace('_', ' ')}"
    if lever == NO_CHANGE:
        said = tuple(f"{name}, as nothing is done" for name, value in given.items() if value is not None)
        nothing = np.zeros(draws.size)
        return Predicted(nothing, nothing, _in_percent, quantity, "percent", assumed=assumed, not_used=said)
    label = f"{lever}: {fraction}"
    own = f"{draws.study} | {label}"
    drawn: tuple[str, ...] = ()
    if own in draws.labels("study_effect_of"):
        of_study = draws("study_effect", study_effect_of=own)
    else:
        of_study = np.hypot(draws("study_sd", effect=label), draws("site_sd")) * draws.noise(f"study, {label}")
        drawn = (f"effect of the study, as it has no pair of {label}",) if draws.study else ()
        own = ""
    moved, said_of = _of_moderators(draws, lever, given, _own(rows, lever, fraction), bool(own))
    return Predicted(
        centre=draws("log_ratio", effect=label) + of_study + moved,
        scatter=draws("pair_scatter", effect=label) * student_factor(draws, 1 + draws("degrees_of_freedom")),
        shown=_in_percent,
        quantity=quantity,
        unit="percent",
        integrated=drawn + said_of["integrated"],
        assumed=assumed + said_of["assumed"],
        not_used=said_of["not_used"],
    )


def _middle(top: float | None, bottom: float | None) -> float | None:
    """Middle of a layer, cm."""
    if top is None and bottom is None:
        return None
    if top is None or bottom is None or bottom <= top:
        raise SocbayesError(f"a layer from {top} to {bottom} cm: give depth_top and depth_bottom, the lower one larger")
    return (top + bottom) / 2


def _symbiosis(mycorrhiza: str | None) -> float | None:
    """A root symbiosis as the model has it."""
    return None if mycorrhiza is None else SYMBIOSES[known_label(mycorrhiza, list(SYMBIOSES), "mycorrhiza")]


def _rows_of_study(draws: Draws) -> pd.DataFrame:
    """Pairs of the study that is predicted, as the model had them; none for a new one."""
    import pandas as pd

    counted = set(draws.fitted["observed_data"]["obs"].to_numpy().tolist()) if draws.study else set()
    frames = []
    for role in facts_of(draws.fitted).spec.tables if draws.study else ():
        rows = draws.stated(*SCHEMAS[KIND_OF_ROLE[role]].columns, role=role)
        if len(rows):
            frames.append(CONVERTED[role](rows) if role in CONVERTED else rows)
    found = (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(SCHEMAS["effect_pairs"].columns))
    )
    return found[found["observation"].astype("str").isin(counted)]


def _chosen(
    draws: Draws, rows: pd.DataFrame, lever: str | None, fraction: str | None
) -> tuple[str, str, tuple[str, ...]]:
    """Lever and fraction that are meant, and those that were not given."""
    names = [name.split(": ") for name in draws.labels("effect")]
    assumed = []
    if lever is None:
        own = sorted(rows["lever"].astype("str").unique())
        if len(own) > 1:
            raise SocbayesError(f"{draws.study} has pairs of {', '.join(own)}: choose one with lever=...")
        lever = own[0] if own else NO_CHANGE
        assumed.append(f"lever = {lever}")
    lever = known_label(lever, [*dict.fromkeys(name for name, _ in names), NO_CHANGE], "lever")
    if fraction is None:
        own = sorted(rows.loc[rows["lever"].astype("str") == lever, "fraction"].astype("str").unique())
        fraction = own[0] if len(own) == 1 else WHOLE
        assumed.append(f"fraction = {fraction}")
    known = [of for name, of in names if lever in (name, NO_CHANGE)]
    return lever, known_label(fraction, list(dict.fromkeys(known)), "fraction"), tuple(assumed)


def _own(rows: pd.DataFrame, lever: str, fraction: str) -> dict[str, float]:
    """Moderators of a study as they enter the model, means over its pairs of the effect; NaN where not stated.

    Of a study without a pair of the effect, what its other pairs state of climate and soil.
    """
    if rows.empty:
        return {}
    here = (rows["lever"].astype("str") == lever) & (rows["fraction"].astype("str") == fraction)
    values = {name: moderator_values(rows[here] if here.any() else rows, name) for name in MODERATORS}
    return {
        name: float(np.mean(stated))
        for name, value in values.items()
        if (stated := value[np.isfinite(value)]).size and (here.any() or name not in OF_A_TRIAL)
    }


def _in_percent(ratio: np.ndarray) -> np.ndarray:
    """Log ratios as change in percent."""
    changed: np.ndarray = 100 * np.expm1(ratio)
    return changed


def _of_moderators(
    draws: Draws, lever: str, given: dict[str, float | None], own: dict[str, float], measured: bool
) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
    """What moderators add to the effect (sample,), and which were drawn, taken from the study or not used.

    What a study with a ``measured`` effect does not state of itself is part of that effect already.
    """
    centres = facts_of(draws.fitted).spec.choices["centres"]
    total = np.zeros(draws.size)
    said: dict[str, list[str]] = {"integrated": [], "assumed": [], "not_used": []}
    for label, (centre, spread) in centres.items():
        name, _, of = label.partition(" of ")
        if of != lever:
            continue
        value = given.get(name)
        if value is not None:
            if name in BY_LOG and value <= 0:
                raise SocbayesError(f"{name}={value:g} cannot be used: expected a number above zero")
            entered = np.log(value) if name in BY_LOG else value
            if measured and name not in own:
                said["assumed"].append(
                    f"{name} of the study, which it does not state, = mean of the studies of {lever}"
                )
        elif name in own:
            entered = own[name]
            said["assumed"].append(f"{name} = {np.exp(entered) if name in BY_LOG else entered:.4g}")
        elif measured:
            continue
        else:
            entered = centre + spread * draws.noise(label)
            said["integrated"].append(name)
        total = total + draws("slope", slope_of=label) * (entered - centre) / spread
    for name, value in given.items():
        if value is not None and f"{name} of {lever}" not in centres:
            said["not_used"].append(f"{name}, as the fit has no slope on it for {lever}")
    return total, {name: tuple(members) for name, members in said.items()}


PREDICTORS = {"effects": effect}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""
