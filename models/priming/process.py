r"""Process model of priming: labelled carbon run through the microbial carbon pump.

Every jar is a run of the structure ``mcp`` with its own clock, native and
labelled carbon apart; a control is one run, however many jars are compared
with it. What the data see are increments of native and substrate CO2 between
sampling days.

A model is written in what the data determine (:mod:`socbayes.models.priming.jars`). A treated jar differs from its
control by the substrate, and by a factor on depolymerisation,
:math:`(1 + dose / B_0)^{addition_{run}} \exp(nitrogen_{soil} + jar)`, which a dose of nothing leaves at one.

**What incubations cannot tell is not asked.** Exchange with minerals is off for
the weeks of an incubation; decomposable native carbon is one pool
(``necromass``, residues and necromass alike) and ``particulate`` holds what was
added as a solid; efficiency and biomass have informative priors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.blocks import at_members, linear_above
from socbayes.models.priming.incubations import SERIES, Incubations, incubations
from socbayes.models.priming.jars import (
    BETA,
    BIOMASS_SHARE,
    DOSE,
    GREATEST_EFFICIENCY,
    ORGANIC,
    basal,
    efficiency,
    log_dose,
    pump,
    runs,
    start,
    treat,
    treated,
)
from socbayes.models.priming.likelihood import final_likelihood, increments_likelihood
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

__all__ = [
    "BIOMASS_SHARE",
    "ORGANIC",
    "PRIORS",
    "QUANTITIES",
    "basal",
    "build",
    "efficiency",
    "incubations",
    "prior_table",
    "pump",
    "start",
    "treat",
    "treated",
]

#: Supply above which it is sampled as such, and as its logarithm below.
SMALL_SUPPLY = 0.05
#: Share of a dose that is left where its turnover is best known (seen in draws: a quarter where 50 ug/g were added,
#: an eighth of the guessed dose elsewhere), and share of a solid that dissolves. Both set coordinates, and no prior.
LEFT, DISSOLVES = 0.25, 0.05
#: Misfit lasts at most so much from one interval to the next: more, and a wrong level of CO2 goes unpunished.
MOST_PERSISTENT = 0.5

_FEW = "they do differ, but are too few to show by how much"

PRIORS = (
    Prior(
        "respiration_mean",
        "Normal",
        {"mu": -4.8, "sigma": 0.7},
        "log mg/g/day",
        "8 ug C per g and day, a fourth to four times that within two standard deviations",
    ),
    Prior("respiration_sd", "LogNormal", {"mu": -0.4, "sigma": 0.4}, "log", f"median 0.67 between controls: {_FEW}"),
    Prior("supply_mean", "Normal", {"mu": -0.3, "sigma": 0.4}, "log", "sieved soil respires more than it can sustain"),
    Prior("supply_sd", "LogNormal", {"mu": -0.9, "sigma": 0.4}, "log", f"median 0.41 between soils: {_FEW}"),
    Prior(
        "depletion_mean",
        "Normal",
        {"mu": -5.3, "sigma": 0.7},
        "log 1/day",
        "without new input the decomposable pool halves in 140 days",
    ),
    Prior("depletion_sd", "LogNormal", {"mu": -0.7, "sigma": 0.4}, "log", f"median 0.5 between soils: {_FEW}"),
    Prior(
        "efficiency_mean",
        "Normal",
        {"mu": 0.3, "sigma": 0.5},
        "logit of share",
        "efficiency of 0.50 (Qiao et al. 2019)",
    ),
    Prior("efficiency_sd", "LogNormal", {"mu": -1.2, "sigma": 0.4}, "logit", f"median 0.3 between soils: {_FEW}"),
    Prior(
        "efficiency_jar_sd",
        "LogNormal",
        {"mu": -1.6, "sigma": 0.4},
        "logit",
        f"median 0.2 between jars of a soil: {_FEW}",
    ),
    Prior(
        "dissolved_turnover",
        "Normal",
        {"mu": -0.5, "sigma": 1.0},
        "log 1/day",
        "1.6 days, a seventh to seven times that within two standard deviations",
    ),
    Prior(
        "elasticity_mean", "Normal", {"mu": 0.0, "sigma": 0.8}, "logit", "10 % more biomass depolymerises 2 to 8 % more"
    ),
    Prior("elasticity_sd", "LogNormal", {"mu": -0.9, "sigma": 0.4}, "logit", f"median 0.41 between soils: {_FEW}"),
    Prior(
        "biomass_log_error",
        "Normal",
        {"mu": 0.0, "sigma": 0.3},
        "log",
        "the share of biomass that fumigation extracts is known to about a third",
    ),
    Prior(
        "half_saturation",
        "Normal",
        {"mu": 0.0, "sigma": 1.0},
        "log mg/g",
        "1 mg C/g, a seventh to seven times that within two standard deviations",
    ),
    Prior(
        "residue_share", "Normal", {"mu": 0.4, "sigma": 0.4}, "logit", "60 % of dead microbes does not dissolve at once"
    ),
    Prior(
        "addition_mean",
        "Normal",
        {"mu": 0.0, "sigma": 0.2},
        "1",
        "a dose of ten times the biomass changes depolymerisation to 0.4 to 2.6 times",
    ),
    Prior("addition_sd", "LogNormal", {"mu": -1.9, "sigma": 0.4}, "1", f"median 0.15 between runs: {_FEW}"),
    Prior("jar_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "log", f"median 0.25 between treatments: {_FEW}"),
    Prior(
        "nitrogen_mean",
        "Normal",
        {"mu": 0.0, "sigma": 0.7},
        "log",
        "nitrogen changes depolymerisation to a fourth to four times",
    ),
    Prior("nitrogen_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "log", f"median 0.25 between soils: {_FEW}"),
    Prior(
        "nitrogen_on_efficiency",
        "Normal",
        {"mu": 0.0, "sigma": 0.5},
        "logit",
        "weakly informative: 0.2 either way at an efficiency of 0.5",
    ),
    Prior(
        "nitrogen_on_uptake",
        "Normal",
        {"mu": 0.0, "sigma": 0.5},
        "log",
        "weakly informative: uptake a third to nearly three times as fast",
    ),
    Prior(
        "solid_decay",
        "Normal",
        {"mu": -7.0, "sigma": 2.5},
        "log 1/day",
        "litter decays in months, plastics in centuries",
    ),
    Prior(
        "soluble",
        "Normal",
        {"mu": -3.0, "sigma": 2.0},
        "logit",
        "a third of litter dissolves at once, a thousandth of plastics",
    ),
    Prior(
        "dose_unknown",
        "Normal",
        {"mu": -1.0, "sigma": 0.5},
        "log mg/g",
        "0.37 mg C/g, 0.14 to 1 within two standard deviations",
    ),
    Prior("scatter", "Normal", {"mu": -1.5, "sigma": 0.6}, "log", "median scatter of an increment of 22 %"),
    Prior(
        "final_scatter", "Normal", {"mu": -1.2, "sigma": 0.5}, "log", "median scatter of a pool on the last day of 30 %"
    ),
    Prior(
        "recovery",
        "Normal",
        {"mu": 0.0, "sigma": 0.4},
        "log",
        "label found is half to twice what the CO2 left in the soil",
    ),
    Prior(
        "persistence",
        "Beta",
        {"alpha": 2.0, "beta": 2.0},
        "0.5",
        "share of the misfit of one interval that lasts to the next, at most a half",
    ),
)


QUANTITIES: dict[str, dict[str, str]] = {
    "efficiency_mean": {
        "unit": "logit",
        "meaning": "carbon use efficiency of the average soil over the greatest allowed one, 0.88",
    },
    "elasticity_mean": {
        "unit": "logit",
        "meaning": "relative rise of depolymerisation per relative rise of biomass, average soil",
    },
    "addition": {
        "unit": "1",
        "meaning": "power of (1 + dose / biomass) by which depolymerisation per biomass changes, by run of a study",
    },
    "nitrogen_mean": {"unit": "1", "meaning": "log factor of added nitrogen on depolymerisation, average soil"},
    "nitrogen": {"unit": "1", "meaning": "the same by soil"},
    "nitrogen_on_efficiency": {"unit": "logit", "meaning": "change of carbon use efficiency with nitrogen"},
    "nitrogen_on_uptake": {"unit": "1", "meaning": "log factor of nitrogen on uptake"},
    "recovery": {
        "unit": "log",
        "meaning": "label found in the soil or its particles over what the substrate CO2 left there, by run",
    },
    "dose_unknown": {"unit": "log mg/g", "meaning": "dose of the studies that do not state it"},
}


def build(
    time_series: pd.DataFrame,
    endpoints: pd.DataFrame | None = None,
    *,
    priors: Mapping[str, Override] | None = None,
    beta: float = BETA,
    finer: int = 1,
) -> pm.Model:
    """Build the process model of priming; nothing is sampled.

    Parameters
    ----------
    time_series
        Table of schema ``priming_time_series``: cumulative CO2 by jar and day.
    endpoints
        Table of schema ``priming_endpoints`` with substrate, biomass and
        organic carbon of the same jars.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.
    beta
        Exponent of biomass in turnover: 1, or more where microbes in a crowd die faster.
    finer
        Pieces every step of the integration is cut into.

    Returns
    -------
    pymc.Model
        With observed increments ``co2_control``, ``co2_native`` and ``co2_substrate``.

    Raises
    ------
    SocbayesError
        Naming what in the table cannot be.

    Notes
    -----
    Chains begin at the highest top of several climbs
    (``socbayes.inference.starts``): from arbitrary points they settle where
    some jars are explained badly.

    Examples
    --------
    >>> import socbayes as sb
    >>> table = sb.load_dataset("priming_time_series")
    >>> model = build(table, sb.load_dataset("priming_endpoints"))
    >>> "nitrogen_mean" in model.named_vars
    True
    """
    import pymc as pm

    data = incubations(time_series, endpoints, finer=finer)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=coords(data)) as model:
        seen = _variables(prior, data, beta)
    choices = {"priors": sorted(priors or {}), "beta": beta, "finer": finer}
    tables = {"time_series": time_series} | ({} if endpoints is None else {"endpoints": endpoints})
    attach(model, _specification(model, prior, choices, seen, _notes(data)), tables)
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["nitrogen_mean", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()


def coords(data: Incubations) -> dict[str, list[str]]:
    """Coordinates of the model; those of nitrogen and solids where there are any.

    Parameters
    ----------
    data
        The incubations.
    """
    treatments = data.treatments
    always = {
        "series": list(SERIES),
        "study": data.studies,
        "run": data.runs,
        "soil": data.soils,
        "soil_run": data.soil_runs,
        "control": data.controls["label"].tolist(),
        "treatment": treatments["label"].tolist(),
    }
    optional = {
        "soil_with_nitrogen": [data.soils[k] for k in np.unique(treatments["soil"][treatments["nitrogen"]])],
        "treatment_with_solid": treatments["label"][treatments["solid"]].tolist(),
    }
    return always | {name: labels for name, labels in optional.items() if labels}


def _variables(prior: Priors, data: Incubations, beta: float) -> list[str]:
    """Add every variable to the model at hand; the pools of the last day that are observed."""
    import pytensor.tensor as pt

    sampled = _sampled(data, prior)
    states, final = runs(data, basal(sampled, data, pt.exp), treated(sampled, data, pt.exp), beta)
    seen = final_likelihood(data, final, sampled["biomass_log_error"], prior)
    scatter = prior.sample("scatter", dims=("series", "study"))
    persistence = MOST_PERSISTENT * prior.sample("persistence", dims=("series", "study"))
    for position, (name, outputs) in enumerate(states.items()):
        increments_likelihood(name, data, outputs, scatter[position], persistence[position])
    return seen


def _specification(
    model: pm.Model, prior: Priors, choices: dict[str, Any], seen: list[str], notes: tuple[str, ...]
) -> ModelSpec:
    """What the model says of itself."""
    return ModelSpec(
        model="priming_process",
        question="How much native carbon does added carbon cost, through which part of the pump, and when does "
        "an addition stop costing carbon?",
        quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
        observed=(*(f"co2_{name}" for name in SERIES), *seen),
        priors=prior_records(prior),
        choices=choices,
        notes=notes,
        adaptation="low_rank",
        climbs=16,
    )


def _population(prior: Priors, name: str, dims: str, **options: Any) -> TensorVariable:
    """Well-measured members of a population, centred on it; ``options`` are of ``pymc.Normal``."""
    import pymc as pm

    mean, spread = prior.sample(f"{name}_mean"), prior.sample(f"{name}_sd")
    return pm.Normal(name, mean, spread, dims=dims, **options)


def _sampled(data: Incubations, prior: Priors) -> dict[str, TensorVariable]:
    """Random variables by name, those of soils, controls and treatments centred on their populations."""
    import pymc as pm

    sampled = {
        "respiration": _population(prior, "respiration", "control"),
        # CO2 tells the supply itself as well where it is small, so its logarithm badly: that would be a funnel.
        "supply": _population(prior, "supply", "soil_run", transform=linear_above(SMALL_SUPPLY)),
        "depletion": _population(prior, "depletion", "soil_run"),
        "efficiency": _population(prior, "efficiency", "soil_run"),
        "elasticity": _population(prior, "elasticity", "soil"),
        "biomass_log_error": prior.sample("biomass_log_error", dims="study"),
        "half_saturation": prior.sample("half_saturation", dims="study"),
        "residue_share": prior.sample("residue_share", dims="study"),
        "addition": _population(prior, "addition", "run"),
    }
    treatments = data.treatments
    sampled["dissolved_turnover"] = _dissolved_turnover(data, prior, sampled["half_saturation"])
    expected = sampled["addition"][treatments["run"].to_numpy()] * log_dose(data)
    efficiency = sampled["efficiency"][treatments["soil_run"].to_numpy()]
    contrast = treatments["nitrogen"].to_numpy(dtype="float64")
    if contrast.any():
        soil = treatments["soil"].to_numpy()
        sampled["nitrogen"] = _population(prior, "nitrogen", "soil_with_nitrogen")
        for name in ("nitrogen_on_efficiency", "nitrogen_on_uptake"):
            sampled[name] = prior.sample(name)
        members = np.unique(soil[contrast > 0])
        expected = expected + at_members(sampled["nitrogen"], members, soil) * contrast
        efficiency = efficiency + contrast * sampled["nitrogen_on_efficiency"]
    sampled["efficiency_treated"] = pm.Normal(
        "efficiency_treated", efficiency, prior.sample("efficiency_jar_sd"), dims="treatment"
    )
    sampled["depolymerisation"] = pm.Normal("depolymerisation", expected, prior.sample("jar_sd"), dims="treatment")
    if treatments["dose"].isna().any():
        sampled["dose_unknown"] = prior.sample("dose_unknown")
    if treatments["solid"].any():
        for name in ("solid_decay", "soluble"):
            sampled[name] = prior.sample(name, dims="treatment_with_solid")
    return sampled


def _dissolved_turnover(data: Incubations, prior: Priors, half_saturation: TensorVariable) -> TensorVariable:
    """Log turnover of dissolved carbon before the dose, by run; shape (run,).

    What CO2 tells is how fast a dose was used up. Where half-saturation may be less than the dose, turnover
    before it lies on a bend with that, so it is sampled as the turnover while a part of the dose was left.
    Soil by soil, uptake of a single dose fits a fast and a slow turnover alike; so a run has one.
    """
    import pytensor.tensor as pt

    treatments = data.treatments
    dissolved = treatments["dose"].fillna(DOSE) * np.where(treatments["solid"], DISSOLVES, 1.0)
    left = LEFT * dissolved.groupby(treatments["run"]).median().to_numpy()
    study = treatments.groupby("run")["study"].first().to_numpy()
    slower = pt.log1p(left * pt.exp(-half_saturation[study]))
    return prior.sample_shifted("dissolved_turnover", slower, dims="run")


def _notes(data: Incubations) -> tuple[str, ...]:
    negative = sum(int((seen.rate <= 0).sum()) for seen in data.increments.values())
    total = sum(seen.rate.size for seen in data.increments.values())
    return (
        f"{counted(len(data.jars), 'jar')} in {counted(len(data.treatments), 'treated run')} and "
        f"{counted(len(data.controls), 'control')}.",
        f"Efficiency above {GREATEST_EFFICIENCY:g} is ruled out (glucose allows 0.84); higher ones fit as well.",
        f"{negative} of {total} increments are zero or below; the scale of the likelihood keeps them.",
    )
