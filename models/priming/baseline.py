r"""Baseline model of the soil priming effect.

The log response ratio of native soil CO2, treated over control, at the end of
an incubation is a level shared by all soils, moved by the substrate dose
relative to microbial biomass, added nitrogen, soil C:N, soil organic carbon and
duration, and by the study, the run within the study and the soil:

.. math::

    y_j = \ln(native_{treated} / native_{control}) \sim N(\eta_j, \sigma_{study})

    \eta_j = level + dose \log_{10}(dose / MBC) + nitrogen_{soil} + \beta x
             + study + run + soil - control

Jars that share a control share its error, ``control``. Where the control was
replicated its standard error is known; a control of a single jar is taken to
scatter as the treated jars of its study do. With few studies the variation
between them is hardly measured by these data, so its prior is informed by
published ranges.

A positive ratio is priming. It is a change of CO2 from native carbon and by
itself no loss of soil carbon: the substrate carbon that stays has to be set
against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.frames import numeric
from socbayes.models.blocks import (
    at_members,
    centred_on_expected,
    group_means,
    groups,
    half_centred,
    integrated,
    population,
    require_studies,
    require_values,
    scatter_by_study,
    weak_groups,
)
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

DOSE = "dose_over_biomass"
#: Conditions at which levels are reported.
REFERENCE = {
    "dose_over_biomass": 1.0,  # substrate carbon per microbial biomass carbon
    "soil_carbon_to_nitrogen": 12.0,
    "soil_organic_carbon": 20.0,  # g/kg
    "incubation_day": 60.0,
}
#: Microbial biomass carbon per organic carbon where biomass was not measured: median and spread of
#: log10 over 2,795 soils (Xu, Thornton & Post 2013, doi:10.1111/geb.12029: quartiles 1.02, 1.70, 2.71 %).
BIOMASS_SHARE = (np.log10(0.0170), np.log10(2.71 / 1.02) / 1.349)

_WEAK = "weakly informative: two standard deviations cover a tenfold change of native CO2"

PRIORS = (
    Prior("level", "Normal", {"mu": 0.0, "sigma": 0.7}, "log", "priming from a fourth to four times the control"),
    Prior(
        "study_sd",
        "LogNormal",
        {"mu": -0.9, "sigma": 0.4},
        "log",
        "median 0.41: rhizosphere priming of -50 to +380 % (Cheng et al. 2014, in Huo et al. 2017) is four "
        "standard deviations wide with the spread within studies",
    ),
    Prior(
        "run_sd",
        "LogNormal",
        {"mu": -1.6, "sigma": 0.6},
        "log",
        "median 0.2: repeated runs of a study differ half as much as studies",
    ),
    Prior(
        "soil_sd",
        "LogNormal",
        {"mu": -2.0, "sigma": 0.7},
        "log",
        "median 0.14 between soils of a study, 15 % of the CO2 of the control",
    ),
    Prior("dose", "Normal", {"mu": 0.0, "sigma": 0.4}, "log per tenfold dose/MBC", _WEAK),
    Prior("nitrogen_mean", "Normal", {"mu": 0.0, "sigma": 0.5}, "log", _WEAK),
    Prior("nitrogen_sd", "LogNormal", {"mu": -1.6, "sigma": 0.6}, "log", "median 0.2 between soils"),
    Prior("carbon_to_nitrogen", "Normal", {"mu": 0.0, "sigma": 0.5}, "log per tenfold C:N", _WEAK),
    Prior("organic_carbon", "Normal", {"mu": 0.0, "sigma": 0.5}, "log per tenfold SOC", _WEAK),
    Prior("duration", "Normal", {"mu": 0.0, "sigma": 0.3}, "log per tenfold days", _WEAK),
    Prior("scatter_log_mean", "Normal", {"mu": -1.9, "sigma": 0.8}, "log log", "median scatter between jars of 15 %"),
    Prior(
        "scatter_log_sd",
        "LogNormal",
        {"mu": -0.4, "sigma": 0.5},
        "log log",
        "the precision of studies differs about twofold",
    ),
    Prior(
        "dose_over_biomass_mean",
        "Normal",
        {"mu": 0.5, "sigma": 1.0},
        "log10",
        "doses of 0.03 to 300 times microbial biomass within two standard deviations",
    ),
    Prior(
        "dose_over_biomass_sd",
        "LogNormal",
        {"mu": 0.0, "sigma": 0.4},
        "log10",
        "median of a factor of ten between studies",
    ),
    Prior(
        "carbon_to_nitrogen_mean",
        "Normal",
        {"mu": 1.1, "sigma": 0.15},
        "log10",
        "soil C:N of 6 to 25 within two standard deviations",
    ),
    Prior("carbon_to_nitrogen_sd", "LogNormal", {"mu": -2.0, "sigma": 0.4}, "log10", "median 0.14 between studies"),
    Prior(
        "organic_carbon_mean",
        "Normal",
        {"mu": 1.3, "sigma": 0.3},
        "log10 g/kg",
        "organic carbon of 5 to 80 g/kg within two standard deviations",
    ),
    Prior("organic_carbon_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "log10 g/kg", "median 0.25 between studies"),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "priming_log_ratio": {
        "unit": "1",
        "meaning": "log ratio of native CO2, treated over control, in the average study: dose equal to biomass, no "
        "nitrogen, 60 days",
    },
    "priming_log_ratio_new_study": {"unit": "1", "meaning": "the same for one soil of a new study"},
    "priming_percent_new_study": {"unit": "percent", "meaning": "change of native CO2 in one soil of a new study"},
    "priming_log_ratio_by_soil": {"unit": "1", "meaning": "the same for each soil of the data"},
    "dose_effect": {"unit": "1 per decade", "meaning": "change of the log ratio per tenfold dose over biomass"},
    "nitrogen_effect": {"unit": "1", "meaning": "change of the log ratio with added nitrogen, average soil"},
    "nitrogen_effect_by_soil": {"unit": "1", "meaning": "change of the log ratio with added nitrogen, by soil"},
    "study_sd": {"unit": "1", "meaning": "standard deviation of the log ratio between studies"},
    "soil_sd": {"unit": "1", "meaning": "standard deviation of the log ratio between soils of a study"},
}


def build(table: pd.DataFrame, *, priors: Mapping[str, Override] | None = None) -> pm.Model:
    """Build the baseline priming model; nothing is sampled.

    Parameters
    ----------
    table
        Table of schema ``priming_endpoints``: one treated jar per row.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords study, soil, run, shared_control, jar, and the quantities
        of interest in ``QUANTITIES`` as deterministics.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If there are no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a measured value is missing or cannot mean what its column says.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.priming.build(sb.load_dataset("priming_endpoints"))
    >>> "priming_log_ratio_new_study" in model.named_vars
    True
    """
    import pymc as pm

    jars = _jars_of(table)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords={"study": jars.studies, "soil": jars.soils, "jar": jars.labels}) as model:
        notes = _variables(prior, jars, table)
    attach(
        model,
        ModelSpec(
            model="priming",
            question="How much more native carbon is respired when fresh carbon is added, and what do dose and "
            "nitrogen change?",
            quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
            observed=("log_ratio",),
            priors=prior_records(prior),
            choices={"priors": sorted(priors or {})},
            notes=notes,
        ),
        {"table": table},
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["dose", "unit"]
    'log per tenfold dose/MBC'
    """
    return Priors(PRIORS, priors).table()


@dataclass(frozen=True)
class _Jars:
    """Treated jars laid out as positions and numbers.

    Labels of studies, soils, runs and jars; position of each jar's study, soil and run, and of each soil's study;
    the runs that are ``repeated`` within a study; whether nitrogen was added, as a number; log ratios.
    """

    studies: list[str]
    soils: list[str]
    runs: list[str]
    labels: list[str]
    study: np.ndarray
    soil: np.ndarray
    run: np.ndarray
    study_of_soil: np.ndarray
    repeated: np.ndarray
    nitrogen: np.ndarray
    ratio: np.ndarray


def _jars_of(table: pd.DataFrame) -> _Jars:
    """Check a table of jars and lay it out."""
    require_studies(table)
    require_values(table, ["native_co2_treated", "native_co2_control"], positive=True)
    studies, study = groups(table["study"])
    soils, soil = groups(table["study"].astype(str) + ": " + table["soil"].astype(str))
    soil_names = [label.split(": ", 1)[1] for label in soils]
    run_column = table["run"] if "run" in table else table["study"]
    runs, run = groups(table["study"].astype(str) + ": " + run_column.astype("str").fillna("only run"))
    study_of_run = study[np.unique(run, return_index=True)[1]]
    return _Jars(
        studies=studies,
        soils=soil_names if len(set(soil_names)) == len(soils) else soils,
        runs=runs,
        labels=table["jar"].astype(str).tolist(),
        study=study,
        soil=soil,
        run=run,
        study_of_soil=study[np.unique(soil, return_index=True)[1]],
        repeated=np.flatnonzero(np.bincount(study_of_run)[study_of_run] > 1),
        nitrogen=(table["added_nitrogen"] == "yes").to_numpy(dtype="float64"),
        ratio=np.log(numeric(table, "native_co2_treated") / numeric(table, "native_co2_control")),
    )


def _variables(prior: Priors, jars: _Jars, table: pd.DataFrame) -> tuple[str, ...]:
    """Add every variable to the model at hand; what was left out or assumed, in sentences."""
    import pymc as pm
    import pytensor.tensor as pt

    level = prior.sample("level")
    dose = prior.sample("dose")
    eta = pt.zeros(jars.ratio.size) + level
    extra_variance: TensorVariable | np.ndarray = np.zeros(len(jars.studies))
    notes: tuple[str, ...] = ()
    for covariate in _covariates(table, jars):
        effect = _covariate_effect(prior, covariate, jars.study, dose if covariate.name == DOSE else None)
        if effect.by_row is not None:
            eta = eta + effect.by_row
            extra_variance = extra_variance + effect.extra_variance
        notes += effect.notes
    if table["incubation_day"].nunique() > 1:
        eta = eta + prior.sample("duration") * np.log10(
            np.maximum(numeric(table, "incubation_day"), 1.0) / REFERENCE["incubation_day"]
        )
    if 0 < jars.nitrogen.sum() < jars.nitrogen.size:
        eta = eta + _nitrogen(prior, jars) * jars.nitrogen
    if jars.repeated.size:
        pm.modelcontext(None).add_coord("run", [jars.runs[index].split(": ", 1)[1] for index in jars.repeated])
        run_effect = half_centred("run_effect", prior.sample("run_sd"), "run")
        eta = eta + at_members(run_effect, jars.repeated, jars.run)

    study_sd, soil_sd = prior.sample("study_sd"), prior.sample("soil_sd")
    study_effect = centred_on_expected("study", eta, pt.sqrt(study_sd**2 + extra_variance), jars.study, "study")
    soil_effect = weak_groups("soil_effect", soil_sd, "soil")
    eta = eta + study_effect[jars.study] + soil_effect[jars.soil]
    scatter = scatter_by_study(prior, jars.study, jars.studies)
    error, said = _control_error(table, jars.study, scatter)

    pm.Data("study_of_jar", jars.study, dims="jar")
    observed = pm.Data("log_ratio_recorded", jars.ratio, dims="jar")
    pm.Normal("log_ratio", eta - error, scatter[jars.study], observed=observed, dims="jar")
    pm.Deterministic("priming_log_ratio", level)
    pm.Deterministic("dose_effect", dose)
    by_soil = level + study_effect[jars.study_of_soil] + soil_effect
    pm.Deterministic("priming_log_ratio_by_soil", by_soil, dims="soil")
    _report_new_study(level, study_sd, soil_sd)
    return (*notes, *said)


def _report_new_study(level: TensorVariable, study_sd: TensorVariable, soil_sd: TensorVariable) -> None:
    """Register priming in one soil of a new study."""
    import pymc as pm
    import pytensor.tensor as pt

    new_study = level + study_sd * pm.Normal("new_study_standardised") + soil_sd * pm.Normal("new_soil_standardised")
    pm.Deterministic("priming_log_ratio_new_study", new_study)
    pm.Deterministic("priming_percent_new_study", 100 * pt.expm1(new_study))


class _Covariate(NamedTuple):
    """A covariate of the jars, on a log10 scale."""

    name: str
    values: np.ndarray
    """By jar, NaN where not stated."""
    known_mean: np.ndarray
    """What is known of each study that leaves it out, NaN for nothing."""
    known_spread: float
    reference: float


class _Effect(NamedTuple):
    """Effect of a covariate; none where no row states it."""

    by_row: TensorVariable | None = None
    extra_variance: TensorVariable | np.ndarray | float = 0.0
    """Variance added to each study that leaves it out, shape (study,)."""
    notes: tuple[str, ...] = ()


def _covariates(table: pd.DataFrame, jars: _Jars) -> tuple[_Covariate, ...]:
    """Covariates of the model; a study that leaves one out may be known all the same.

    A study that states dose and organic carbon but no biomass is known up to
    the natural spread of biomass over organic carbon.
    """
    count = len(jars.studies)
    dose, biomass = numeric(table, "substrate_dose"), numeric(table, "microbial_biomass")
    carbon = numeric(table, "soil_organic_carbon")
    guess = group_means(np.log10(dose / (carbon * 1000.0)) - BIOMASS_SHARE[0], jars.study, count)  # g/kg to mg/kg
    nothing = np.full(count, np.nan)
    ratio = numeric(table, "soil_carbon_to_nitrogen")
    logarithms = {name: np.log10(value) for name, value in REFERENCE.items()}
    return (
        _Covariate(DOSE, np.log10(dose / biomass), guess, BIOMASS_SHARE[1], logarithms["dose_over_biomass"]),
        _Covariate("carbon_to_nitrogen", np.log10(ratio), nothing, 0.0, logarithms["soil_carbon_to_nitrogen"]),
        _Covariate("organic_carbon", np.log10(carbon), nothing, 0.0, logarithms["soil_organic_carbon"]),
    )


def _covariate_effect(prior: Priors, covariate: _Covariate, study: np.ndarray, slope: TensorVariable | None) -> _Effect:
    """Effect of a covariate; its slope has a prior of its name where none is given."""
    import pytensor.tensor as pt

    spoken = covariate.name.replace("_", " ")
    values, known_mean = covariate.values, covariate.known_mean
    if not (np.isfinite(values).any() or np.isfinite(known_mean).any()):
        return _Effect(notes=(f"No row states {spoken}, so it is not in the model.",))
    slope = prior.sample(covariate.name) if slope is None else slope
    means = group_means(values, study, known_mean.size)
    unknown = ~np.isfinite(means)
    filled_in = np.where(np.isfinite(values), values, means[study])
    if not unknown.any():
        return _Effect(slope * (filled_in - covariate.reference), np.zeros(known_mean.size))
    guessed = unknown & np.isfinite(known_mean)
    mean, spread = population(prior, covariate.name, means[~unknown])
    centre = pt.where(guessed, np.where(guessed, known_mean, 0.0), mean)
    width = pt.where(guessed, covariate.known_spread, spread)
    by_row = pt.where(unknown[study], centre[study], np.where(unknown[study], 0.0, filled_in))
    return _Effect(
        slope * (by_row - covariate.reference), unknown * (slope * width) ** 2, (integrated(spoken, unknown),)
    )


def _nitrogen(prior: Priors, jars: _Jars) -> TensorVariable:
    """Effect of added nitrogen: one number, or one by jar where several soils were measured with and without."""
    import pymc as pm

    both = _soils_with_contrast(jars.nitrogen, jars.soil, len(jars.soils))
    nitrogen_mean = by_row = prior.sample("nitrogen_mean")
    if both.size > 1:
        pm.modelcontext(None).add_coord("soil_with_nitrogen", [jars.soils[index] for index in both])
        departure = half_centred("nitrogen_departure", prior.sample("nitrogen_sd"), "soil_with_nitrogen")
        pm.Deterministic("nitrogen_effect_by_soil", nitrogen_mean + departure, dims="soil_with_nitrogen")
        by_row = nitrogen_mean + at_members(departure, both, jars.soil)
    pm.Deterministic("nitrogen_effect", nitrogen_mean)
    return by_row


def _soils_with_contrast(treated: np.ndarray, soil: np.ndarray, count: int) -> np.ndarray:
    """Positions of the soils measured with and without a treatment."""
    share = np.bincount(soil, weights=treated, minlength=count) / np.bincount(soil, minlength=count)
    return np.flatnonzero((share > 0) & (share < 1))


def _control_error(
    table: pd.DataFrame, study: np.ndarray, scatter: TensorVariable
) -> tuple[TensorVariable, tuple[str, ...]]:
    """Error of each row's control, common to the rows that share it, shape (row,); what is shared, in a sentence."""
    import pymc as pm
    import pytensor.tensor as pt

    if "control" not in table or table["control"].isna().any():
        return pt.zeros(len(table)), ("Controls are not all named, so none is taken to be shared.",)
    controls, control = groups(table["study"].astype(str) + ": " + table["control"].astype(str))
    shared = np.flatnonzero(np.bincount(control) > 1)
    if not shared.size:
        return pt.zeros(len(table)), ()
    first = np.unique(control, return_index=True)[1][shared]
    replicates = numeric(table, "control_replicates")[first]
    error = (
        numeric(table, "native_co2_control_sd")
        / numeric(table, "native_co2_control")
        / np.sqrt(numeric(table, "control_replicates"))
    )
    known = np.isfinite(error[first]) & (replicates > 1)
    # Rows of one soil share the control of that soil on its last day; its stated error is the same in all.
    scale = pt.where(known, np.where(known, error[first], 0.0), scatter[study[first]])
    pm.modelcontext(None).add_coord("shared_control", [controls[index].split(": ", 1)[1] for index in shared])
    effect = weak_groups("control_error", scale, "shared_control")
    said = (
        f"{counted(shared.size, 'control is', 'controls are')} shared by {int(np.isin(control, shared).sum())} jars; "
        f"the error of {int(known.sum())} is known from replicates."
    )
    return at_members(effect, shared, control), (said,)
