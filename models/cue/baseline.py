r"""Baseline model of microbial carbon use efficiency (CUE).

One published CUE is a level of its measurement method, moved by ecosystem,
substrate, incubation time and temperature, by what its study does that no
column says, and by scatter. On the logit scale these add up:

.. math::

    \operatorname{logit} y_i \sim N(\eta_i, \sigma_{study})

    \eta = level_{method} + ecosystem + substrate + time_{method} \log_{10}(hours / 24)
           + slope\,(T - \bar T_{study}) + between\,(\bar T_{study} - 15) + study

with ``slope = slope_method + slope_study``. Warm and cold *studies* differ in
more than temperature, so that difference has a coefficient of its own,
``between``, and ``slope`` is learned from contrasts within studies only
(Mundlak 1978, Econometrica 46:69).

CUE is printed to two decimals. A value at or beyond 0.005 or 0.995 therefore
only says that CUE lies beyond that limit, and enters as such (censored).

A temperature gradient measured by tracer growth has another level (its
conversion factors are not those of the other methods); it enters through a
likelihood of its own and shares only the mean and spread of the temperature
slopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.blocks import (
    centred_on_expected,
    groups,
    integrated,
    looked_up,
    population,
    scatter_by_study,
    weak_groups,
)
from socbayes.models.cue.efficiency import (
    CONDITION_PRIOR,
    RECORDED_LIMITS,
    REFERENCE_TEMPERATURE,
    SHORTEST,
    Effects,
    Rows,
    condition_part,
    ecosystem_part,
    recorded,
    rows_of,
    spread_share,
    substrate_part,
    temperature_parts,
)
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

REFERENCE_TIME = 24.0  # hours
GRADIENT_METHOD = "tracer_growth"
GRADIENT_MAXIMUM_TEMPERATURE = 30.0  # degC

_WEAK = "weakly informative: two standard deviations span the published range"

_FEW = "groups do differ, but these are too few to show by how much, so a spread near zero is unlikely"
_SLOPES = "median 0.018, which is 0.005 CUE per degC at a CUE of 0.5, mostly within a factor of two; " + _FEW

PRIORS = (
    Prior("level", "Normal", {"mu": 0.0, "sigma": 1.5}, "logit", "CUE of 0.05 to 0.95 within two standard deviations"),
    Prior(
        "slope_mean",
        "Normal",
        {"mu": 0.0, "sigma": 0.05},
        "logit/degC",
        "two standard deviations are 0.025 CUE per degC; the steepest published mean slope is -0.016 (Qiao 2019)",
    ),
    Prior("slope_sd_methods", "LogNormal", {"mu": -4.0, "sigma": 0.4}, "logit/degC", _SLOPES),
    Prior("slope_sd_studies", "LogNormal", {"mu": -4.0, "sigma": 0.4}, "logit/degC", _SLOPES),
    Prior(
        "slope_sd_soils",
        "LogNormal",
        {"mu": -4.0, "sigma": 0.8},
        "logit/degC",
        "median 0.018, which is 0.005 CUE per degC at a CUE of 0.5",
    ),
    Prior("slope_between", "Normal", {"mu": 0.0, "sigma": 0.1}, "logit/degC", _WEAK),
    Prior(
        "time_method",
        "Normal",
        {"mu": 0.0, "sigma": 0.5},
        "logit per decade of hours",
        "two standard deviations are 0.25 CUE per tenfold time at a CUE of 0.5",
    ),
    Prior(
        "ecosystem_sd",
        "LogNormal",
        {"mu": -1.4, "sigma": 0.7},
        "logit",
        "median 0.25, which is 0.06 CUE at a CUE of 0.5; " + _FEW,
    ),
    Prior(
        "substrate_sd",
        "LogNormal",
        {"mu": -0.7, "sigma": 0.7},
        "logit",
        "median 0.5, which is 0.12 CUE at a CUE of 0.5; " + _FEW,
    ),
    Prior(
        "study_sd",
        "LogNormal",
        {"mu": -0.4, "sigma": 0.6},
        "logit",
        "median 0.67, which is 0.16 CUE at a CUE of 0.5; " + _FEW,
    ),
    Prior("soil_sd", "HalfNormal", {"sigma": 1.0}, "logit", _WEAK),
    Prior(
        "scatter_log_mean",
        "Normal",
        {"mu": -0.7, "sigma": 0.7},
        "log logit",
        "median scatter within a study of 0.5 logit, which is 0.12 CUE at a CUE of 0.5",
    ),
    Prior(
        "scatter_log_sd",
        "LogNormal",
        {"mu": -0.4, "sigma": 0.5},
        "log logit",
        "the precision of studies differs about twofold",
    ),
    Prior("scatter_gradient", "HalfNormal", {"sigma": 1.0}, "logit", _WEAK),
    Prior(
        "log_hours_mean",
        "Normal",
        {"mu": 1.4, "sigma": 0.7},
        "log10 hour",
        "incubations of 1 hour to 26 days within two standard deviations",
    ),
    Prior("log_hours_sd", "HalfNormal", {"sigma": 0.7}, "log10 hour", _WEAK),
    Prior(
        "temperature_mean",
        "Normal",
        {"mu": 20.0, "sigma": 5.0},
        "degC",
        "laboratory incubations: 10 to 30 degC within two standard deviations",
    ),
    Prior("temperature_sd", "HalfNormal", {"sigma": 7.0}, "degC", _WEAK),
    CONDITION_PRIOR,
)

QUANTITIES: dict[str, dict[str, str]] = {
    "cue_by_method": {"unit": "1", "meaning": "CUE at 15 degC and 24 h in the typical study, by measurement method"},
    "cue_by_method_and_ecosystem": {
        "unit": "1",
        "meaning": "CUE at 15 degC and 24 h in the typical study, by measurement method and ecosystem",
    },
    "temperature_slope": {"unit": "1/degC", "meaning": "change of CUE per degree at 15 degC within studies, by method"},
    "temperature_slope_mean": {
        "unit": "1/degC",
        "meaning": "change of CUE per degree at a CUE of 0.5, mean over methods, within studies",
    },
    "temperature_slope_between_studies": {
        "unit": "1/degC",
        "meaning": "change of CUE per degree at a CUE of 0.5 between studies that differ in mean temperature",
    },
    "time_effect": {
        "unit": "1 per decade of hours",
        "meaning": "change of CUE per tenfold incubation time at 15 degC, by method",
    },
    "spread_share": {"unit": "1", "meaning": "share of the variance of published logit CUE that goes with each cause"},
    "study_sd": {"unit": "logit", "meaning": "standard deviation of CUE between studies, all columns equal"},
    "slope_sd_studies": {"unit": "logit/degC", "meaning": "standard deviation of temperature slopes between studies"},
}


def build(
    table: pd.DataFrame,
    *,
    gradient: pd.DataFrame | None = None,
    priors: Mapping[str, Override] | None = None,
) -> pm.Model:
    """Build the baseline CUE model; nothing is sampled.

    Parameters
    ----------
    table
        Table of schema ``cue``: one measured CUE per row.
    gradient
        Table of schema ``cue_temperature_gradient``; rows at or below 30 degC
        are used, beyond which growth collapses and no straight line holds.
    priors
        Distributions by parameter name that replace the defaults in
        ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords study, measurement_method, ecosystem, substrate, obs (and
        soil, cell), and the quantities of interest in ``QUANTITIES`` as deterministics.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If there are no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a measured value is missing or cannot mean what its column says.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.cue.build(sb.load_dataset("cue"))
    >>> "temperature_slope" in model.named_vars
    True
    """
    import pymc as pm

    tables = {"table": table}
    if gradient is not None:
        gradient = gradient[gradient["incubation_temperature"] <= GRADIENT_MAXIMUM_TEMPERATURE]
        tables["gradient"] = gradient
    rows = rows_of(table, [] if gradient is None else [GRADIENT_METHOD])
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=rows.coords) as model:
        notes = _variables(prior, rows, gradient)
    choices = {"gradient": gradient is not None, "priors": sorted(priors or {})}
    attach(model, _specification(model, prior, choices, notes), tables)
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["slope_mean", "distribution"]
    'Normal(mu=0, sigma=0.05)'
    """
    return Priors(PRIORS, priors).table()


def _specification(model: pm.Model, prior: Priors, choices: dict[str, object], notes: tuple[str, ...]) -> ModelSpec:
    """What the model says of itself."""
    return ModelSpec(
        model="cue",
        question="How efficiently do soil microbes use carbon, how does that change with temperature, and how much "
        "of the published spread is method rather than biology?",
        quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
        observed=("logit_cue", "logit_cue_gradient") if choices["gradient"] else ("logit_cue",),
        priors=prior_records(prior),
        choices=choices,
        notes=notes,
    )


def _variables(prior: Priors, rows: Rows, gradient: pd.DataFrame | None) -> tuple[str, ...]:
    """Add every variable to the model at hand; what was left out or assumed, in sentences."""
    import pymc as pm
    import pytensor.tensor as pt

    by_method = np.lexsort((rows.method, rows.study))  # a study of two methods stands under the first by name
    first_row = by_method[np.unique(rows.study[by_method], return_index=True)[1]]
    level = prior.sample("level", dims="measurement_method")
    slope_mean = prior.sample("slope_mean")
    slope_method = pm.Normal("slope_method", slope_mean, prior.sample("slope_sd_methods"), dims="measurement_method")
    parts = {"method": level[rows.method]} | substrate_part(prior, rows.substrate)
    study_sd = prior.sample("study_sd")
    ecosystem = ecosystem_part(prior, rows)
    if np.isfinite(rows.temperature).any():
        temperature = temperature_parts(prior, rows, slope_method, rows.method[first_row])
    else:
        said = "No row states an incubation temperature, so slopes rest on the prior (and the gradient)."
        temperature = Effects({}, notes=(said,))
    time = _time_part(prior, rows, level, first_row)
    conditions = condition_part(prior, rows)
    parts |= ecosystem.parts | temperature.parts | time.parts | conditions.parts
    extra_variance = ecosystem.extra_variance + temperature.extra_variance + time.extra_variance

    eta = sum(parts.values())
    study_effect = centred_on_expected("study", eta, pt.sqrt(study_sd**2 + extra_variance), rows.study, "study")
    parts["study"] = study_effect[rows.study]
    scatter = scatter_by_study(prior, rows.study, rows.studies)
    censored = recorded(rows, eta + parts["study"], scatter)
    if gradient is not None:
        at = rows.methods.index(GRADIENT_METHOD)
        _add_gradient(prior, gradient, level[at], slope_method[at])
    _report(level, slope_mean, slope_method, ecosystem.by_level)
    spread_share(parts, scatter, rows.study)
    return (*ecosystem.notes, *temperature.notes, *time.notes, *conditions.notes, *censored)


def _time_part(prior: Priors, rows: Rows, level: TensorVariable, first_row: np.ndarray) -> Effects:
    """Effect of incubation time, by method, where any row states it."""
    import pymc as pm
    import pytensor.tensor as pt

    log_hours = np.log10(np.maximum(rows.hours, SHORTEST))
    if not np.isfinite(log_hours).any():
        return Effects({}, notes=("No row states an incubation time, so the model has no time effect.",))
    timed = sorted({rows.methods[index] for index in rows.method[np.isfinite(log_hours)]})
    pm.modelcontext(None).add_coord("timed_method", timed)
    time_method = prior.sample("time_method", dims="timed_method")
    time_row = looked_up(time_method, timed, rows.measurement_method)
    mean_log_hours = rows.means(log_hours)
    unknown = ~np.isfinite(mean_log_hours)
    known = np.where(np.isfinite(log_hours), log_hours, mean_log_hours[rows.study]) - np.log10(REFERENCE_TIME)
    decades, variance = known, 0.0
    if unknown.any():
        mean, spread = population(prior, "log_hours", mean_log_hours[~unknown])
        left_out = unknown[rows.study]
        decades = pt.where(left_out, mean - np.log10(REFERENCE_TIME), np.where(left_out, 0.0, known))
        variance = unknown * (time_row[first_row] * spread) ** 2
    timed_level = pm.math.sigmoid(level[np.array([rows.methods.index(name) for name in timed])])
    pm.Deterministic("time_effect", time_method * timed_level * (1 - timed_level), dims="timed_method")
    notes = (integrated("incubation time", unknown),) if unknown.any() else ()
    return Effects({"incubation time": time_row * decades}, variance, notes)


def _report(
    level: TensorVariable,
    slope_mean: TensorVariable,
    slope_method: TensorVariable,
    ecosystem_effect: TensorVariable | None,
) -> None:
    """Register levels and slopes as efficiencies."""
    import pymc as pm

    probability = pm.math.sigmoid(level)
    pm.Deterministic("cue_by_method", probability, dims="measurement_method")
    if ecosystem_effect is not None:
        pm.Deterministic(
            "cue_by_method_and_ecosystem",
            pm.math.sigmoid(level[:, None] + ecosystem_effect[None, :]),
            dims=("measurement_method", "ecosystem"),
        )
    pm.Deterministic("temperature_slope", slope_method * probability * (1 - probability), dims="measurement_method")
    pm.Deterministic("temperature_slope_mean", slope_mean * 0.25)


def _add_gradient(prior: Priors, gradient: pd.DataFrame, level: TensorVariable, slope: TensorVariable) -> None:
    """Likelihood of a temperature gradient: soils differ in level and slope."""
    import pymc as pm

    model = pm.modelcontext(None)
    soils, soil = groups(gradient["soil"])
    model.add_coord("soil", soils)
    model.add_coord(
        "cell",
        [f"{s} at {t:g} degC" for s, t in zip(gradient["soil"], gradient["incubation_temperature"], strict=True)],
    )
    warmth = gradient["incubation_temperature"].to_numpy(dtype="float64") - REFERENCE_TEMPERATURE
    soil_level = pm.Normal("soil_level", level, prior.sample("soil_sd"), dims="soil")
    soil_slope = slope + weak_groups("soil_slope_deviation", prior.sample("slope_sd_soils"), "soil")
    clipped = np.clip(gradient["carbon_use_efficiency"].to_numpy(dtype="float64"), *RECORDED_LIMITS)
    pm.Data("soil_of_cell", soil, dims="cell")
    observed = pm.Data("logit_cue_gradient_recorded", np.log(clipped) - np.log1p(-clipped), dims="cell")
    pm.Normal(
        "logit_cue_gradient",
        mu=soil_level[soil] + soil_slope[soil] * warmth,
        sigma=prior.sample("scatter_gradient"),
        observed=observed,
        dims="cell",
    )
