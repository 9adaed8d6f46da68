"""Pieces that both models of carbon use efficiency are built from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.frames import filled, numeric
from socbayes.models.blocks import (
    at_members,
    group_means,
    groups,
    integrated,
    looked_up,
    population,
    require_studies,
    require_values,
)
from socbayes.priors import Prior

if TYPE_CHECKING:
    import pandas as pd
    from pytensor.tensor import TensorVariable

    from socbayes.priors import Priors

REFERENCE_TEMPERATURE = 15.0  # degC
RECORDED_LIMITS = (0.005, 0.995)
NOT_STATED = "not stated"
SHORTEST = 0.1  # hours: what is printed as shorter was read at once
WITHOUT_SUBSTRATE = ("water", "native_organic_matter")
"""Classes of substrate that are none: the label is in water, or nothing was added."""
USUAL_CONDITIONS = {"aeration": "oxic", "counted_products": "co2"}
"""What nearly all studies did, and so what is meant where nothing is stated."""
CONDITION_SD = 1.0
CONDITION_PRIOR = Prior(
    "condition_effect",
    "Normal",
    {"mu": 0.0, "sigma": CONDITION_SD},
    "logit",
    "two standard deviations take an efficiency of 0.5 to 0.12 or 0.88: without oxygen growth yields fall several-fold,"
    " while products that are not counted hide it (Chakrawal et al. 2020)",
)


@dataclass(frozen=True)
class Rows:
    """A table of efficiencies as positions and numbers, one per row.

    Parameters
    ----------
    studies, methods
        Labels.
    study, method
        Position of each row's study and method.
    efficiency, temperature, hours
        Carbon use efficiency; degC and hours of the incubation, NaN where not stated.
    measurement_method, substrate, ecosystem
        Labels by row, ``NOT_STATED`` where there is none.
    conditions
        Labels by row of each of ``USUAL_CONDITIONS``, the usual one where not stated.
    observations
        Name of each row.
    """

    studies: list[str]
    methods: list[str]
    study: np.ndarray
    method: np.ndarray
    efficiency: np.ndarray
    temperature: np.ndarray
    hours: np.ndarray
    measurement_method: pd.Series
    substrate: pd.Series
    ecosystem: pd.Series
    conditions: dict[str, pd.Series]
    observations: list[str]

    @property
    def coords(self) -> dict[str, list[str]]:
        """Coordinates of the model."""
        return {"study": self.studies, "measurement_method": self.methods, "obs": self.observations}

    def means(self, values: np.ndarray) -> np.ndarray:
        """Mean of what the rows of each study state, NaN where none does; shape (study,).

        Parameters
        ----------
        values
            One number per row, NaN where not stated.
        """
        return group_means(values, self.study, len(self.studies))


def rows_of(table: pd.DataFrame, further_methods: Collection[str] = ()) -> Rows:
    """Check a table of schema ``cue`` and lay it out.

    Parameters
    ----------
    table
        One measured efficiency per row.
    further_methods
        Methods that other data of the model were measured by.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If there are no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a measured value is missing or cannot mean what its column says.
    """
    require_studies(table)
    require_values(table, ["carbon_use_efficiency"])
    studies, study = groups(table["study"])
    own, method = groups(table["measurement_method"])
    methods = sorted({*own, *further_methods})
    return Rows(
        studies=studies,
        methods=methods,
        study=study,
        method=np.array([methods.index(name) for name in own])[method],
        efficiency=numeric(table, "carbon_use_efficiency"),
        temperature=numeric(table, "incubation_temperature"),
        hours=numeric(table, "incubation_time"),
        measurement_method=table["measurement_method"].astype(str),
        substrate=filled(table, "substrate_class", NOT_STATED),
        ecosystem=filled(table, "ecosystem", NOT_STATED),
        conditions={name: filled(table, name, usual) for name, usual in USUAL_CONDITIONS.items()},
        observations=table["observation"].astype(str).tolist(),
    )


class Effects(NamedTuple):
    """What acts on the logit of the efficiencies."""

    parts: dict[str, TensorVariable]
    """Effect on each row by cause, shape (row,)."""
    extra_variance: TensorVariable | np.ndarray | float = 0.0
    """Variance added to the deviation of each study by what it does not state, shape (study,)."""
    notes: tuple[str, ...] = ()
    """What was left out or assumed, in sentences."""
    by_level: TensorVariable | None = None
    """Effect of each level of a cause that has levels."""


def substrate_part(prior: Priors, column: pd.Series) -> dict[str, TensorVariable]:
    """Effect of each row's substrate, shape (row,), under its name; nothing for fewer than two substrates.

    A label in water is the method itself and no substrate, and so is carbon that was there before.

    Parameters
    ----------
    prior
        Priors of the model.
    column
        Substrate of each row.
    """
    import pymc as pm

    substrates = sorted(set(column) - set(WITHOUT_SUBSTRATE))
    if len(substrates) < 2:
        return {}
    pm.modelcontext(None).add_coord("substrate", substrates)
    effect = pm.ZeroSumNormal("substrate_effect", prior.sample("substrate_sd"), dims="substrate")
    return {"substrate": looked_up(effect, substrates, column)}


def condition_part(prior: Priors, rows: Rows) -> Effects:
    """Effect of unusual conditions, such as a lack of oxygen; nothing where all rows are as usual.

    Parameters
    ----------
    prior
        Priors of the model.
    rows
        The efficiencies.
    """
    import pymc as pm

    columns = rows.conditions.values()
    unusual = sorted({label for column in columns for label in column} - set(USUAL_CONDITIONS.values()))
    if not unusual:
        return Effects({})
    pm.modelcontext(None).add_coord("condition", unusual)
    effect = prior.sample("condition_effect", dims="condition")
    counts = {label: int(sum(column.eq(label).sum() for column in columns)) for label in unusual}
    said = ", ".join(f"{count} {label.replace('_', ' ')}" for label, count in counts.items())
    usual = " and ".join(f"{name.replace('_', ' ')} {label}" for name, label in USUAL_CONDITIONS.items())
    return Effects(
        {"conditions": sum(looked_up(effect, unusual, column) for column in columns)},
        notes=(f"Rows under unusual conditions: {said}. Rows that state none are taken as {usual}.",),
    )


def ecosystem_part(prior: Priors, rows: Rows) -> Effects:
    """Effect of ecosystems; nothing for fewer than two.

    A study that does not state its ecosystem has one all the same: its effect
    is integrated out, which widens the study's own deviation.

    Parameters
    ----------
    prior
        Priors of the model.
    rows
        The efficiencies.
    """
    import pymc as pm

    ecosystems = sorted(set(rows.ecosystem) - {NOT_STATED})
    if len(ecosystems) < 2:
        return Effects({}, notes=("Fewer than two ecosystems are stated, so the model has no ecosystem effect.",))
    pm.modelcontext(None).add_coord("ecosystem", ecosystems)
    spread = prior.sample("ecosystem_sd")
    effect = pm.ZeroSumNormal("ecosystem_effect", spread, dims="ecosystem")
    stated = np.zeros(len(rows.studies), dtype=bool)
    np.logical_or.at(stated, rows.study, (rows.ecosystem != NOT_STATED).to_numpy())
    return Effects(
        {"ecosystem": looked_up(effect, ecosystems, rows.ecosystem)},
        (~stated) * spread**2,
        () if stated.all() else (integrated("ecosystem", ~stated),),
        effect,
    )


def temperature_parts(prior: Priors, rows: Rows, slope_method: TensorVariable, first_method: np.ndarray) -> Effects:
    """Effects of temperature within and between studies.

    Studies differ in more than temperature, so the difference between their
    means has a coefficient of its own (Mundlak 1978, Econometrica 46:69).

    Parameters
    ----------
    prior
        Priors of the model.
    rows
        The efficiencies, some of which state a temperature.
    slope_method
        Slope of each method.
    first_method
        Position of the method whose slope each study departs from.
    """
    import pymc as pm
    import pytensor.tensor as pt

    parts: dict[str, TensorVariable] = {}
    slopes = slope_method[first_method]
    mean_temperature = rows.means(rows.temperature)
    stated = np.isfinite(rows.temperature)
    within = np.where(stated, rows.temperature - mean_temperature[rows.study], 0.0)
    varied = np.unique(rows.study[within != 0])
    if varied.size:
        pm.modelcontext(None).add_coord("study_with_temperatures", [rows.studies[index] for index in varied])
        usual = slopes[varied]
        own = pm.Normal("study_slope", usual, prior.sample("slope_sd_studies"), dims="study_with_temperatures")
        departure = at_members(own - usual, varied, rows.study)
        parts["temperature within studies"] = (slope_method[rows.method] + departure) * within
        slopes = pt.set_subtensor(slopes[varied], own)
    between = prior.sample("slope_between")
    unknown = ~np.isfinite(mean_temperature)
    warmth, variance = np.where(unknown, 0.0, mean_temperature - REFERENCE_TEMPERATURE), 0.0
    if unknown.any():
        mean, spread = population(prior, "temperature", mean_temperature[~unknown])
        warmth = pt.where(unknown, mean - REFERENCE_TEMPERATURE, warmth)
        variance = unknown * (between * spread) ** 2
    parts["temperature between studies"] = pt.as_tensor(between * warmth)[rows.study]
    pm.Deterministic("temperature_slope_between_studies", between * 0.25)
    # What a study's level at 15 degC has on its level at its own mean temperature, for predictions.
    pm.Deterministic("study_warmth_effect", (between - slopes) * warmth, dims="study")
    notes = (integrated("incubation temperature", unknown),) if unknown.any() else ()
    return Effects(parts, variance, notes)


def recorded(rows: Rows, eta: TensorVariable, scatter: TensorVariable) -> tuple[str, ...]:
    """Likelihood of efficiencies printed to two decimals: beyond the limits a value is censored.

    Parameters
    ----------
    rows
        The efficiencies.
    eta
        Logit that is expected of each.
    scatter
        Standard deviation within each study.

    Returns
    -------
    tuple of str
        What was censored, in a sentence.
    """
    import pymc as pm

    lower, upper = np.log(RECORDED_LIMITS) - np.log1p(-np.array(RECORDED_LIMITS))
    clipped = np.clip(rows.efficiency, *RECORDED_LIMITS)
    pm.Data("study_of_obs", rows.study, dims="obs")
    pm.Censored(
        "logit_cue",
        pm.Normal.dist(mu=eta, sigma=scatter[rows.study]),
        lower=lower,
        upper=upper,
        observed=pm.Data("logit_cue_recorded", np.log(clipped) - np.log1p(-clipped), dims="obs"),
        dims="obs",
    )
    beyond = int(((rows.efficiency <= RECORDED_LIMITS[0]) | (rows.efficiency >= RECORDED_LIMITS[1])).sum())
    return (f"Efficiencies at or beyond {RECORDED_LIMITS} enter as censored: {beyond}.",) if beyond else ()


def spread_share(parts: Mapping[str, TensorVariable], scatter: TensorVariable, study: np.ndarray) -> None:
    """Register the share of each part, and of scatter, in the variance of published logit efficiency.

    Parameters
    ----------
    parts
        Effect on each row by cause.
    scatter
        Standard deviation within each study.
    study
        Position of each row's study.
    """
    import pymc as pm
    import pytensor.tensor as pt

    pm.modelcontext(None).add_coord("cause", [*parts, "scatter"])
    variances = pt.stack([pt.var(part) for part in parts.values()] + [pt.mean(scatter[study] ** 2)])
    pm.Deterministic("spread_share", variances / pt.sum(variances), dims="cause")
