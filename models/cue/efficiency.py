"""Pieces that both models of carbon use efficiency are built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.blocks import at_members, group_means, integrated, looked_up, population

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.priors import Priors

REFERENCE_TEMPERATURE = 15.0  # degC
RECORDED_LIMITS = (0.005, 0.995)
NOT_STATED = "not stated"


def substrate_part(prior: Priors, column: pd.Series) -> dict[str, Any]:
    """Effect of each row's substrate, shape (row,), under its name; nothing for fewer than two substrates.

    A label in water is the method itself and no substrate.
    """
    import pymc as pm

    substrates = sorted(set(column) - {"water"})
    if len(substrates) < 2:
        return {}
    pm.modelcontext(None).add_coord("substrate", substrates)
    effect = pm.ZeroSumNormal("substrate_effect", prior.sample("substrate_sd"), dims="substrate")
    return {"substrate": looked_up(effect, substrates, column)}


def ecosystem_part(
    prior: Priors, column: pd.Series, study: np.ndarray, count: int, notes: list[str]
) -> tuple[dict[str, Any], Any, Any]:
    """Effect of each row's ecosystem under its name, effects by ecosystem, and variance of studies that state none.

    A study that does not state its ecosystem has one all the same: its effect
    is integrated out, which widens the study's own deviation.
    """
    import pymc as pm

    ecosystems = sorted(set(column) - {NOT_STATED})
    if len(ecosystems) < 2:
        notes.append("Fewer than two ecosystems are stated, so the model has no ecosystem effect.")
        return {}, None, 0.0
    pm.modelcontext(None).add_coord("ecosystem", ecosystems)
    spread = prior.sample("ecosystem_sd")
    effect = pm.ZeroSumNormal("ecosystem_effect", spread, dims="ecosystem")
    stated = np.zeros(count, dtype=bool)
    np.logical_or.at(stated, study, (column != NOT_STATED).to_numpy())
    if not stated.all():
        notes.append(integrated("ecosystem", ~stated))
    return {"ecosystem": looked_up(effect, ecosystems, column)}, effect, (~stated) * spread**2


def temperature_parts(
    prior: Priors,
    slope_method: Any,
    temperature: np.ndarray,
    study: np.ndarray,
    studies: list[str],
    method: np.ndarray,
    first_method: np.ndarray,
    notes: list[str],
) -> tuple[dict[str, Any], Any]:
    """Effects of temperature within and between studies, shape (row,), and variance of studies that state none.

    Studies differ in more than temperature, so the difference between their
    means has a coefficient of its own (Mundlak 1978, Econometrica 46:69).
    """
    import pymc as pm
    import pytensor.tensor as pt

    model = pm.modelcontext(None)
    parts: dict[str, Any] = {}
    slopes = slope_method[first_method]
    mean_temperature = group_means(temperature, study, len(studies))
    within = np.where(np.isfinite(temperature), temperature - mean_temperature[study], 0.0)
    varied = np.unique(study[within != 0])
    if varied.size:
        model.add_coord("study_with_temperatures", [studies[index] for index in varied])
        usual = slopes[varied]
        own = pm.Normal("study_slope", usual, prior.sample("slope_sd_studies"), dims="study_with_temperatures")
        parts["temperature within studies"] = (slope_method[method] + at_members(own - usual, varied, study)) * within
        slopes = pt.set_subtensor(slopes[varied], own)
    between = prior.sample("slope_between")
    unknown = ~np.isfinite(mean_temperature)
    warmth, variance = np.where(unknown, 0.0, mean_temperature - REFERENCE_TEMPERATURE), 0.0
    if unknown.any():
        mean, spread = population(prior, "temperature", mean_temperature[~unknown])
        warmth = pt.where(unknown, mean - REFERENCE_TEMPERATURE, warmth)
        variance = unknown * (between * spread) ** 2
        notes.append(integrated("incubation temperature", unknown))
    parts["temperature between studies"] = pt.as_tensor(between * warmth)[study]
    pm.Deterministic("temperature_slope_between_studies", between * 0.25)
    # What a study's level at 15 degC has on its level at its own mean temperature, for predictions.
    pm.Deterministic("study_warmth_effect", (between - slopes) * warmth, dims="study")
    return parts, variance


def recorded(eta: Any, scatter: Any, efficiency: np.ndarray, study: np.ndarray, notes: list[str]) -> None:
    """Likelihood of efficiencies printed to two decimals: beyond the limits a value is censored."""
    import pymc as pm

    lower, upper = np.log(RECORDED_LIMITS) - np.log1p(-np.array(RECORDED_LIMITS))
    clipped = np.clip(efficiency, *RECORDED_LIMITS)
    pm.Data("study_of_obs", study, dims="obs")
    pm.Censored(
        "logit_cue",
        pm.Normal.dist(mu=eta, sigma=scatter[study]),
        lower=lower,
        upper=upper,
        observed=pm.Data("logit_cue_recorded", np.log(clipped) - np.log1p(-clipped), dims="obs"),
        dims="obs",
    )
    beyond = int(((efficiency <= RECORDED_LIMITS[0]) | (efficiency >= RECORDED_LIMITS[1])).sum())
    if beyond:
        notes.append(f"Efficiencies at or beyond {RECORDED_LIMITS} enter as censored: {beyond}.")


def spread_share(parts: dict[str, Any], scatter: Any, study: np.ndarray) -> None:
    """Register the share of each part, and of scatter, in the variance of published logit efficiency."""
    import pymc as pm
    import pytensor.tensor as pt

    pm.modelcontext(None).add_coord("cause", [*parts, "scatter"])
    variances = pt.stack([pt.var(part) for part in parts.values()] + [pt.mean(scatter[study] ** 2)])
    pm.Deterministic("spread_share", variances / pt.sum(variances), dims="cause")
