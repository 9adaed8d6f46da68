"""Baseline model of microbial carbon use efficiency (CUE).

One published CUE is a level of its measurement method, moved by ecosystem,
substrate, incubation time and temperature, by what its study does that no
column says, and by scatter. On the logit scale these add up:

.. math::

    \\operatorname{logit} y_i \\sim N(\\eta_i, \\sigma_{study})

    \\eta = level_{method} + ecosystem + substrate + time_{method} \\log_{10}(hours / 24)
           + slope\\,(T - \\bar T_{study}) + between\\,(\\bar T_{study} - 15) + study

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

from socbayes.models._blocks import filled, few_levels, groups, numeric, require_studies, weak_groups
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, describe_table, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

REFERENCE_TEMPERATURE = 15.0  # degC
REFERENCE_TIME = 24.0  # hours
RECORDED_LIMITS = (0.005, 0.995)
NOT_STATED = "not stated"
GRADIENT_METHOD = "tracer_growth"
GRADIENT_MAXIMUM_TEMPERATURE = 30.0  # degC

_WEAK = "weakly informative: two standard deviations span the published range"

PRIORS = (
    Prior("level", "Normal", {"mu": 0.0, "sigma": 1.5}, "logit", "CUE of 0.05 to 0.95 within two standard deviations"),
    Prior("slope_mean", "Normal", {"mu": 0.0, "sigma": 0.05}, "logit/degC",
          "two standard deviations: 0.025 CUE per degC, twice the steepest published mean slope (Qiao 2019: -0.016)"),
    Prior("slope_sd_methods", "HalfNormal", {"sigma": 0.03}, "logit/degC", _WEAK),
    Prior("slope_sd_studies", "HalfNormal", {"sigma": 0.05}, "logit/degC", _WEAK),
    Prior("slope_sd_soils", "HalfNormal", {"sigma": 0.05}, "logit/degC", _WEAK),
    Prior("slope_between", "Normal", {"mu": 0.0, "sigma": 0.1}, "logit/degC", _WEAK),
    Prior("time_method", "Normal", {"mu": 0.0, "sigma": 0.5}, "logit per decade of hours",
          "two standard deviations: 0.25 CUE per tenfold time at 0.5"),
    Prior("ecosystem_sd", "HalfNormal", {"sigma": 0.5}, "logit", _WEAK),
    Prior("substrate_sd", "HalfNormal", {"sigma": 0.7}, "logit", _WEAK),
    Prior("study_sd", "HalfNormal", {"sigma": 1.0}, "logit", _WEAK),
    Prior("soil_sd", "HalfNormal", {"sigma": 1.0}, "logit", _WEAK),
    Prior("scatter_log_mean", "Normal", {"mu": -0.7, "sigma": 0.7}, "log logit",
          "median scatter within a study of 0.5 logit, 0.12 CUE at 0.5"),
    Prior("scatter_log_sd", "HalfNormal", {"sigma": 0.7}, "log logit", _WEAK),
    Prior("scatter_gradient", "HalfNormal", {"sigma": 1.0}, "logit", _WEAK),
    Prior("log_hours_mean", "Normal", {"mu": 1.4, "sigma": 0.7}, "log10 hour", "incubations of 1 h to 26 days"),
    Prior("log_hours_sd", "HalfNormal", {"sigma": 0.7}, "log10 hour", _WEAK),
    Prior("temperature_mean", "Normal", {"mu": 20.0, "sigma": 5.0}, "degC", "laboratory incubations"),
    Prior("temperature_sd", "HalfNormal", {"sigma": 7.0}, "degC", _WEAK),
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
        With coords study, method, ecosystem, substrate, obs (and soil, cell),
        and the quantities of interest in ``QUANTITIES`` as deterministics.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If there are no rows, fewer than two studies, or one row per study.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.cue.build(sb.load_dataset("cue"))
    >>> "temperature_slope" in model.named_vars
    True
    """
    import pymc as pm
    import pytensor.tensor as pt

    require_studies(table)
    prior = Priors(PRIORS, priors)
    notes: list[str] = []

    studies, study = groups(table["study"])
    methods, method = groups(table["measurement_method"])
    substrate_column = filled(table, "substrate_class", NOT_STATED)
    ecosystem_column = filled(table, "ecosystem", NOT_STATED)
    ecosystems = sorted(set(ecosystem_column) - {NOT_STATED})
    ecosystem_stated = (ecosystem_column != NOT_STATED).to_numpy()
    temperature = numeric(table, "incubation_temperature")
    log_hours = np.log10(np.maximum(numeric(table, "incubation_time"), 0.1))
    cue = numeric(table, "carbon_use_efficiency")

    if gradient is not None:
        gradient = gradient[gradient["incubation_temperature"] <= GRADIENT_MAXIMUM_TEMPERATURE]
        methods = sorted({*methods, GRADIENT_METHOD})
        method = np.array([methods.index(name) for name in table["measurement_method"].astype(str)])

    coords: dict[str, list[str]] = {
        "study": studies,
        "method": methods,
        "obs": table["observation"].astype(str).tolist(),
    }
    with pm.Model(coords=coords) as model:
        level = prior.sample("level", dims="method")

        slope_mean = prior.sample("slope_mean")
        slope_method = pm.Deterministic(
            "slope_method",
            slope_mean + weak_groups("slope_method_deviation", prior.sample("slope_sd_methods"), "method"),
            dims="method",
        )
        eta = level[method]
        parts = {"method": eta}

        # A label in water is the method itself, so it gets no substrate effect.
        substrates = sorted(set(substrate_column) - {"water"})
        if len(substrates) > 1:
            model.add_coord("substrate", substrates)
            substrate_effect = few_levels("substrate_effect", prior.sample("substrate_sd"), "substrate")
            parts["substrate"] = _looked_up(substrate_effect, substrates, substrate_column)
            eta = eta + parts["substrate"]

        study_scale = prior.sample("study_sd")
        if len(ecosystems) > 1:
            model.add_coord("ecosystem", ecosystems)
            ecosystem_sd = prior.sample("ecosystem_sd")
            ecosystem_effect = few_levels("ecosystem_effect", ecosystem_sd, "ecosystem")
            parts["ecosystem"] = _looked_up(ecosystem_effect, ecosystems, ecosystem_column)
            eta = eta + parts["ecosystem"]
            # A study that does not state its ecosystem has an ecosystem all the same: its effect is
            # integrated out, which widens the study's own deviation.
            stated = np.zeros(len(studies), dtype=bool)
            np.logical_or.at(stated, study, ecosystem_stated)
            study_scale = pt.sqrt(study_scale**2 + (~stated) * ecosystem_sd**2)
            if not stated.all():
                notes.append(_integrated("ecosystem", ~stated, studies))
        else:
            notes.append("Fewer than two ecosystems are stated, so the model has no ecosystem effect.")

        extra_variance = 0.0
        if np.isfinite(temperature).any():
            mean_temperature = _study_means(temperature, study, len(studies))
            within = np.where(np.isfinite(temperature), temperature - mean_temperature[study], 0.0)
            slope = slope_method[method]
            varied = np.unique(study[within != 0])
            if varied.size:
                model.add_coord("study_with_temperatures", [studies[index] for index in varied])
                deviation = weak_groups("slope_study_deviation", prior.sample("slope_sd_studies"), "study_with_temperatures")
                slope = slope + _at(deviation, varied, study)
            between = prior.sample("slope_between")
            unknown = ~np.isfinite(mean_temperature)
            warmth = np.where(unknown, 0.0, mean_temperature - REFERENCE_TEMPERATURE)
            if unknown.any():
                mean, spread = _population(prior, "temperature", mean_temperature[~unknown])
                warmth = pt.where(unknown, mean - REFERENCE_TEMPERATURE, warmth)
                extra_variance = extra_variance + unknown * (between * spread) ** 2
                notes.append(_integrated("incubation temperature", unknown, studies))
            parts["temperature within studies"] = slope * within
            parts["temperature between studies"] = pt.as_tensor(between * warmth)[study]
            eta = eta + parts["temperature within studies"] + parts["temperature between studies"]
            pm.Deterministic("temperature_slope_between_studies", between * 0.25)
        else:
            notes.append("No row states an incubation temperature, so slopes rest on the prior (and the gradient).")

        if np.isfinite(log_hours).any():
            time_method = prior.sample("time_method", dims="method")
            mean_log_hours = _study_means(log_hours, study, len(studies))
            unknown = ~np.isfinite(mean_log_hours)
            decades = np.where(np.isfinite(log_hours), log_hours, mean_log_hours[study]) - np.log10(REFERENCE_TIME)
            if unknown.any():
                mean, spread = _population(prior, "log_hours", mean_log_hours[~unknown])
                decades = pt.where(unknown[study], mean - np.log10(REFERENCE_TIME), np.where(unknown[study], 0.0, decades))
                first_method = method[np.unique(study, return_index=True)[1]]
                extra_variance = extra_variance + unknown * (time_method[first_method] * spread) ** 2
                notes.append(_integrated("incubation time", unknown, studies))
            parts["incubation time"] = time_method[method] * decades
            eta = eta + parts["incubation time"]
            pm.Deterministic("time_effect", time_method * pm.math.sigmoid(level) * pm.math.sigmoid(-level), dims="method")
        else:
            notes.append("No row states an incubation time, so the model has no time effect.")

        study_scale = pt.sqrt(study_scale**2 + extra_variance)
        # Studies are centred on what the other terms say of them (hierarchical centring): a study's level
        # is well measured, so it must not trade off against the level of its method draw by draw.
        expected = pt.dot(_averaging(study, len(studies)), eta)
        study_level = pm.Normal("study_level", expected, study_scale, dims="study")
        study_effect = pm.Deterministic("study_effect", study_level - expected, dims="study")
        parts["study"] = study_effect[study]
        eta = eta + study_effect[study]

        scatter = pm.Deterministic(
            "scatter",
            pt.exp(prior.sample("scatter_log_mean") + weak_groups("scatter_study", prior.sample("scatter_log_sd"), "study")),
            dims="study",
        )
        lower, upper = np.log(RECORDED_LIMITS) - np.log1p(-np.array(RECORDED_LIMITS))
        clipped = np.clip(cue, *RECORDED_LIMITS)
        observed = pm.Data("logit_cue_recorded", np.log(clipped) - np.log1p(-clipped), dims="obs")
        pm.Censored(
            "logit_cue",
            pm.Normal.dist(mu=eta, sigma=scatter[study]),
            lower=lower,
            upper=upper,
            observed=observed,
            dims="obs",
        )
        beyond = int(((cue <= RECORDED_LIMITS[0]) | (cue >= RECORDED_LIMITS[1])).sum())
        if beyond:
            notes.append(f"{beyond} values at or beyond {RECORDED_LIMITS} enter as censored.")

        if gradient is not None:
            _add_gradient(prior, gradient, level[methods.index(GRADIENT_METHOD)], slope_method[methods.index(GRADIENT_METHOD)])

        probability = pm.math.sigmoid(level)
        pm.Deterministic("cue_by_method", probability, dims="method")
        if len(ecosystems) > 1:
            pm.Deterministic(
                "cue_by_method_and_ecosystem",
                pm.math.sigmoid(level[:, None] + ecosystem_effect[None, :]),
                dims=("method", "ecosystem"),
            )
        pm.Deterministic("temperature_slope", slope_method * probability * (1 - probability), dims="method")
        pm.Deterministic("temperature_slope_mean", slope_mean * 0.25)
        model.add_coord("cause", [*parts, "scatter"])
        variances = [pt.var(part) for part in parts.values()] + [pt.mean(scatter[study] ** 2)]
        pm.Deterministic("spread_share", pt.stack(variances) / pt.sum(pt.stack(variances)), dims="cause")

    tables = {"table": describe_table(table)}
    observed_names = ("logit_cue",)
    if gradient is not None:
        tables["gradient"] = describe_table(gradient)
        observed_names += ("logit_cue_gradient",)
    attach(
        model,
        ModelSpec(
            model="cue",
            question="How efficiently do soil microbes use carbon, how does that change with temperature, and how much "
            "of the published spread is method rather than biology?",
            tables=tables,
            quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
            observed=observed_names,
            priors=prior_records(prior),
            choices={"gradient": gradient is not None, "priors": sorted(priors or {})},
            notes=tuple(notes),
        ),
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["slope_mean", "distribution"]
    'Normal(mu=0, sigma=0.05)'
    """
    return Priors(PRIORS, priors).table()


def _population(prior, name, known):
    """Mean and spread of a covariate over studies, learned from the studies that state it.

    What a study leaves out is a draw from this population. Its effect is
    linear, so the draw is integrated out exactly: the population mean enters
    the study's level and the spread widens the study's own deviation.
    """
    import pymc as pm

    mean, spread = prior.sample(f"{name}_mean"), prior.sample(f"{name}_sd")
    pm.Normal(f"{name}_study_means", mean, spread, observed=known)
    return mean, spread


def _integrated(what: str, unknown: np.ndarray, studies: list[str]) -> str:
    return f"{int(unknown.sum())} of {len(studies)} studies state no {what}; it is integrated out for them."


def _at(effect, members: np.ndarray, index: np.ndarray):
    """Effect of each row's group for groups among ``members``, zero for the rest; shape (row,)."""
    place = np.zeros(int(index.max()) + 1, dtype="int64")
    place[members] = np.arange(members.size)
    return np.isin(index, members) * effect[place[index]]


def _looked_up(effect, levels: list[str], column: pd.Series):
    """Effect of each row's level, zero for a row whose level has none; shape (row,)."""
    known = column.isin(levels).to_numpy()
    position = np.array([levels.index(label) if label in levels else 0 for label in column], dtype="int64")
    return known * effect[position]


def _averaging(index: np.ndarray, count: int) -> np.ndarray:
    """Matrix that takes the mean over the rows of each group; shape (group, row)."""
    matrix = (index[None, :] == np.arange(count)[:, None]).astype("float64")
    return matrix / matrix.sum(axis=1, keepdims=True)


def _study_means(values: np.ndarray, study: np.ndarray, count: int) -> np.ndarray:
    """Mean of the finite values of each study; NaN where there are none; shape (study,)."""
    finite = np.isfinite(values)
    totals = np.bincount(study[finite], weights=values[finite], minlength=count)
    numbers = np.bincount(study[finite], minlength=count)
    return np.divide(totals, numbers, out=np.full(count, np.nan), where=numbers > 0)


def _add_gradient(prior, gradient, level, slope):
    """Likelihood of a temperature gradient: soils differ in level and slope."""
    import pymc as pm

    model = pm.modelcontext(None)
    soils, soil = groups(gradient["soil"])
    model.add_coord("soil", soils)
    model.add_coord(
        "cell", [f"{s} at {t:g} degC" for s, t in zip(gradient["soil"], gradient["incubation_temperature"], strict=True)]
    )
    warmth = gradient["incubation_temperature"].to_numpy(dtype="float64") - REFERENCE_TEMPERATURE
    soil_level = pm.Normal("soil_level", level, prior.sample("soil_sd"), dims="soil")
    soil_slope = weak_groups("soil_slope_deviation", prior.sample("slope_sd_soils"), "soil")
    clipped = np.clip(gradient["carbon_use_efficiency"].to_numpy(dtype="float64"), *RECORDED_LIMITS)
    observed = pm.Data("logit_cue_gradient_recorded", np.log(clipped) - np.log1p(-clipped), dims="cell")
    pm.Normal(
        "logit_cue_gradient",
        mu=soil_level[soil] + (slope + soil_slope[soil]) * warmth,
        sigma=prior.sample("scatter_gradient"),
        observed=observed,
        dims="cell",
    )
