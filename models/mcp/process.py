r"""Process model of the efficacy of the microbial carbon pump: which lever a practice pulls.

A pair of soils is a run of the structure ``mcp`` from the steady state of its
control. A practice in a study (a *trial*) moves four levers,

.. math::

    (\Delta \ln input, \Delta logit\,e, \Delta \ln depolymerisation, \Delta \ln protection)_t
    = practice + trial

both shrunken to zero, and after the years of the trial the run gives the log
ratios n of necromass (free and mineral) and s of soil organic carbon (all
pools), which the pair shows with the correlated Student t error of the
baseline model and the error of a control that serves several pairs.

The control is in a steady state of its own (:mod:`socbayes.models.mcp.steady_state`), and a run has no units
(:mod:`socbayes.models.mcp.levers`); unknown durations come from a log-normal population.

Everything is a share of the control's carbon, so the unit of carbon, and with
it any multiplier of the necromass conversion, cancels in n - s; where the
share of necromass itself enters, the conversion factor of each study is part
of the error with which it is seen.

**Two log ratios do not identify four levers.** Priors shrink the levers, and
durations tell fast from slow ones; ``socbayes.models.mcp.scenarios`` reports how far
the data narrow each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.blocks import group_means, integrated, population
from socbayes.models.mcp.baseline import EQUIVALENCE_BAND
from socbayes.models.mcp.layout import (
    WITHIN_STUDY,
    Levels,
    Trials,
    ecosystem_of_practice,
    levels_elsewhere,
    trials_of,
)
from socbayes.models.mcp.levers import LEVERS, STEPS, log_ratios
from socbayes.models.mcp.pairs import RESPONSES, less_control_error, pair_likelihood, said_of_shared, shared_controls
from socbayes.models.mcp.steady_state import BETA, CONTROL, control_state, logistic, properties
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

REFERENCE_TEMPERATURE = 10.0  # degC
TYPICAL_SHARE = 0.4
"""Necromass share at which a spread of log shares is turned into one of logits."""


PRIORS = (
    Prior("practice_lever_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "1", "median 0.25 between practices"),
    Prior("trial_lever_sd", "LogNormal", {"mu": -1.6, "sigma": 0.4}, "1", "median 0.2 between trials of a practice"),
    Prior(
        "turnover_mean",
        "Normal",
        {"mu": 3.0, "sigma": 0.4},
        "log year",
        "organic carbon is 20 years of input at 10 degC",
    ),
    Prior("turnover_sd", "LogNormal", {"mu": -1.0, "sigma": 0.4}, "log", "median 0.37 between studies"),
    Prior(
        "turnover_warmth",
        "Normal",
        {"mu": -0.5, "sigma": 0.15},
        "log per 10 degC",
        "decay is 1.65 times as fast per 10 degC",
    ),
    Prior("share_mean", "Normal", {"mu": -0.3, "sigma": 0.5}, "logit", "necromass of 22 to 67 % of organic carbon"),
    Prior(
        "share_spread",
        "LogNormal",
        {"mu": -0.9, "sigma": 0.4},
        "log",
        "median 0.4 between the shares that studies report",
    ),
    Prior(
        "conversion_part",
        "Beta",
        {"alpha": 5.0, "beta": 5.0},
        "1",
        "part of that variance due to conversion factors: neither all of it nor none",
    ),
    Prior(
        "conversion",
        "Normal",
        {"mu": 0.0, "sigma": 0.2},
        "log",
        "error of the conversion from amino sugars to necromass that all studies share",
    ),
    Prior("efficiency", "Normal", {"mu": -0.3, "sigma": 0.3}, "logit", "Qiao et al. 2019: 0.50; He et al. 2023: 0.39"),
    Prior(
        "residue_share", "Normal", {"mu": 0.4, "sigma": 0.4}, "logit", "60 % of dead microbes does not dissolve at once"
    ),
    Prior(
        "mineral_release",
        "Normal",
        {"mu": 0.0, "sigma": 0.5},
        "log",
        "these data do not tell it: the order of magnitude in a topsoil",
    ),
    Prior(
        "mineral_necromass",
        "Normal",
        {"mu": 0.8, "sigma": 0.5},
        "logit",
        "69 % of necromass lies on minerals, 45 to 86 % within two standard deviations",
    ),
    Prior(
        "mineral_plant",
        "Normal",
        {"mu": 0.8, "sigma": 0.5},
        "logit",
        "with mineral_necromass: 70 % of organic carbon is mineral-associated (median of mineral_associated_carbon)",
    ),
    Prior(
        "saturation",
        "Normal",
        {"mu": -0.3, "sigma": 0.5},
        "logit",
        "minerals hold 42 % of what they could (Georgiou et al. 2022)",
    ),
    Prior("elasticity", "Normal", {"mu": 0.0, "sigma": 0.8}, "logit", "10 % more biomass depolymerises 2 to 8 % more"),
    Prior("soluble", "Normal", {"mu": -1.4, "sigma": 0.4}, "logit", "20 % of the input is dissolved when it arrives"),
    Prior(
        "biomass", "Normal", {"mu": -4.07, "sigma": 0.4}, "log", "1.7 % of organic carbon (Xu, Thornton & Post 2013)"
    ),
    Prior("dissolved", "Normal", {"mu": -6.2, "sigma": 0.5}, "log", "0.2 % of organic carbon is dissolved"),
    Prior(
        "half_saturation",
        "Normal",
        {"mu": 2.0, "sigma": 0.5},
        "log",
        "uptake is far from saturated: half of the greatest rate needs seven times the dissolved carbon",
    ),
    Prior(
        "log_duration_mean",
        "Normal",
        {"mu": 2.3, "sigma": 0.5},
        "log year",
        "trials last 10 years, 4 to 27 within two standard deviations",
    ),
    Prior("log_duration_sd", "LogNormal", {"mu": -0.1, "sigma": 0.3}, "log", "median 0.9 between studies"),
    Prior("residual_sd", "LogNormal", {"mu": -2.0, "sigma": 0.7}, "log", "median 0.14 between samples"),
    Prior(
        "correlation",
        "Beta",
        {"alpha": 3.0, "beta": 1.5},
        "(1 + r) / 2",
        "necromass is part of organic carbon, so positive correlations are likelier",
    ),
    Prior(
        "degrees_of_freedom",
        "Gamma",
        {"alpha": 4.0, "beta": 0.4},
        "1",
        "allows tails as heavy as a Cauchy distribution or nearly as light as a normal one",
    ),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "practice_lever": {"unit": "1", "meaning": "shift of each lever by practice, average study"},
    "practice_lever_sd": {"unit": "1", "meaning": "spread of each lever between practices"},
    "trial_lever_sd": {"unit": "1", "meaning": "spread of each lever between studies of a practice"},
    "share_mean": {"unit": "logit", "meaning": "necromass share of carbon neither alive nor dissolved, by ecosystem"},
    "turnover_mean": {"unit": "log year", "meaning": "organic carbon over input at 10 degC"},
    "residual_sd": {"unit": "1", "meaning": "scatter of the log ratios of a pair about its trial"},
}


def build(
    pairs: pd.DataFrame,
    levels: pd.DataFrame | None = None,
    *,
    priors: Mapping[str, Override] | None = None,
    beta: float = BETA,
    kinetics: str = "reverse",
    steps: int = STEPS,
) -> pm.Model:
    """Build the process model of pump efficacy; nothing is sampled.

    Parameters
    ----------
    pairs
        Table of schema ``necromass_pairs``: a treatment beside its control.
    levels
        Table of schema ``necromass_levels``: necromass shares of further
        studies, which say what share a control of an ecosystem starts from.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.
    beta
        Exponent of biomass in turnover: 1, or more where microbes in a crowd die faster.
    kinetics
        What saturates depolymerisation: biomass (``"reverse"``), or the pool itself (``"forward"``).
    steps
        Steps of a run.

    Returns
    -------
    pymc.Model
        With coords practice, lever, trial, response, pair and others.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If a table has no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a value is missing or cannot mean what its column says.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = build(sb.load_dataset("necromass_pairs"), sb.load_dataset("necromass_levels"))
    >>> "practice_lever" in model.named_vars
    True
    """
    import pymc as pm

    data = trials_of(pairs)
    shared, control = shared_controls(pairs)
    elsewhere = None if levels is None else levels_elsewhere(levels, data)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=_coords(data)) as model:
        sampled = _sampled(data, prior)
        ratio = _runs(data, prior, sampled, elsewhere, beta=beta, kinetics=kinetics, steps=steps)
        _pair_likelihood(data, prior, ratio[data.site], shared, control)
    choices = {
        "equivalence_band": EQUIVALENCE_BAND,
        "beta": beta,
        "kinetics": kinetics,
        "steps": steps,
        "ecosystem_of_practice": ecosystem_of_practice(data),
        "priors": sorted(priors or {}),
    }
    notes = _notes(data, said_of_shared(shared, control))
    tables = {"pairs": pairs} | ({} if levels is None else {"levels": levels})
    attach(model, _specification(model, prior, choices, notes), tables)
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["turnover_mean", "unit"]
    'log year'
    """
    return Priors(PRIORS, priors).table()


def _coords(data: Trials) -> dict[str, list[str]]:
    return {
        "practice": data.practices,
        "lever": list(LEVERS),
        "trial": data.trials,
        "response": list(RESPONSES),
        "pair_study": data.studies,
        "ecosystem": data.ecosystems,
        "pair": data.labels,
    }


def _specification(model: pm.Model, prior: Priors, choices: dict[str, Any], notes: tuple[str, ...]) -> ModelSpec:
    """What the model says of itself."""
    return ModelSpec(
        model="mcp_process",
        question="Which lever of the microbial carbon pump does each practice pull, and what follows for necromass "
        "and carbon in 10, 30 and 100 years?",
        quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
        observed=("pair_log_ratio", *(v.name for v in model.observed_RVs if v.name != "pair_log_ratio")),
        priors=prior_records(prior),
        choices=choices,
        notes=notes,
    )


def _runs(
    data: Trials,
    prior: Priors,
    sampled: Mapping[str, TensorVariable],
    elsewhere: Levels | None,
    *,
    beta: float,
    kinetics: str,
    steps: int,
) -> TensorVariable:
    """Log ratios (site, response) of the runs from their controls, whose necromass shares are told what was seen."""
    import pytensor.tensor as pt

    study = data.study_of_trial[data.trial_of_site]
    at_site = {name: sampled[name][study] for name in ("share", "turnover")}
    pools, rates = control_state(properties({**sampled, **at_site}, pt.exp), beta, kinetics)
    levers = sampled["trial_lever"][data.trial_of_site]
    ratio = log_ratios(pools, rates, levers, _years(data, prior), beta=beta, steps=steps)
    _share_likelihood(data, pools, elsewhere, prior, sampled)
    return ratio


def _pair_likelihood(data: Trials, prior: Priors, eta: TensorVariable, shared: list[str], control: np.ndarray) -> None:
    """Likelihood of the pairs about the log ratios of their runs, ``eta``."""
    import pymc as pm

    residual_sd = prior.sample("residual_sd", dims="response")
    prior.use("correlation")
    raw = getattr(pm, prior["correlation"].distribution)("correlation_raw", **prior["correlation"].parameters)
    correlation = pm.Deterministic("residual_correlation", 2 * raw - 1)
    eta = less_control_error(eta, shared, control, residual_sd, correlation)
    pair_likelihood(eta, residual_sd, correlation, 1 + prior.sample("degrees_of_freedom"), data.ratios)


def _sampled(data: Trials, prior: Priors) -> dict[str, TensorVariable]:
    """Random variables of controls and levers by name."""
    import pymc as pm
    import pytensor.tensor as pt

    practice_sd = prior.sample("practice_lever_sd", dims="lever")
    trial_sd = prior.sample("trial_lever_sd", dims="lever")
    practice = pm.Deterministic(
        "practice_lever",
        practice_sd * pm.Normal("practice_lever_standardised", dims=("practice", "lever")),
        dims=("practice", "lever"),
    )
    trial = pm.Deterministic(
        "trial_lever",
        practice[data.practice_of_trial] + trial_sd * pm.Normal("trial_lever_standardised", dims=("trial", "lever")),
        dims=("trial", "lever"),
    )
    share_mean = prior.sample("share_mean", dims="ecosystem")
    anywhere = pt.concatenate([share_mean, pt.mean(share_mean)[None]])
    # Only the sum of the two variances is well known: it is sampled, and how it divides.
    spread, part = prior.sample("share_spread"), prior.sample("conversion_part")
    share_sd = pm.Deterministic("share_sd", spread * pt.sqrt(1.0 - part) / (1.0 - TYPICAL_SHARE))
    conversion_sd = pm.Deterministic("conversion_sd", spread * pt.sqrt(part))
    share = anywhere[data.ecosystem_of_study % (len(data.ecosystems) + 1)] + share_sd * pm.Normal(
        "share_standardised", dims="pair_study"
    )
    warmth = np.nan_to_num((data.temperature - REFERENCE_TEMPERATURE) / 10.0, nan=0.0)
    turnover = (
        prior.sample("turnover_mean")
        + prior.sample("turnover_warmth") * warmth
        + prior.sample("turnover_sd") * pm.Normal("turnover_standardised", dims="pair_study")
    )
    sampled = {name: prior.sample(name) for name in CONTROL}
    return sampled | {
        "trial_lever": trial,
        "share": share,
        "share_mean": share_mean,
        "share_sd": share_sd,
        "conversion_sd": conversion_sd,
        "turnover": turnover,
    }


def _years(data: Trials, prior: Priors) -> TensorVariable | np.ndarray:
    """Duration of each run: as stated, or from the population of those stated; (site,)."""
    import pymc as pm
    import pytensor.tensor as pt

    unknown = data.undated_of_site >= 0
    if not unknown.any():
        return data.duration_of_site
    study = data.study_of_trial[data.trial_of_site]
    means = group_means(np.log(data.duration_of_site), study, len(data.studies))
    mean, spread = population(prior, "log_duration", means[np.isfinite(means)])
    pm.modelcontext(None).add_coord("undated_study", data.undated)
    log_duration = pm.Normal("log_duration", mean, spread, dims="undated_study")
    drawn = pt.exp(log_duration)[np.maximum(data.undated_of_site, 0)]
    return pt.where(unknown, drawn, np.nan_to_num(data.duration_of_site, nan=1.0))


def _share_likelihood(
    data: Trials, pools: Mapping[str, Any], others: Levels | None, prior: Priors, sampled: Mapping[str, Any]
) -> None:
    """Necromass shares as studies saw them, through a conversion factor of each.

    Means of studies are enough: what a share says of its ecosystem is limited
    by the conversion factor of the study, not by its samples.
    """
    import pymc as pm
    import pytensor.tensor as pt

    conversion, conversion_sd = prior.sample("conversion"), sampled["conversion_sd"]
    site = np.unique(data.study_of_trial[data.trial_of_site], return_index=True)[1]
    expected = pt.log((pools["necromass"] + pools["mineral_necromass"])[site]) + conversion
    within = WITHIN_STUDY if others is None else others.scatter
    pm.Normal(
        "log_share",
        expected,
        pt.sqrt(conversion_sd**2 + within**2 / data.share_pairs),
        observed=data.share,
        dims="pair_study",
    )
    if others is None or not others.labels:
        return
    pm.modelcontext(None).add_coord("level_study", others.labels)
    logit = sampled["share_mean"][others.ecosystem]
    share = logistic(logit, pt.exp)
    # The spread of true shares about their ecosystem is carried to the log scale: d ln E = (1 - E) d logit E.
    spread = pt.sqrt(((1.0 - share) * sampled["share_sd"]) ** 2 + conversion_sd**2 + within**2 / others.count)
    pm.Normal("log_share_elsewhere", pt.log(share) + conversion, spread, observed=others.mean, dims="level_study")


def _notes(data: Trials, shared: tuple[str, ...]) -> tuple[str, ...]:
    """What was assumed on these data, in sentences; ``shared`` are those on shared controls."""
    unknown = np.isin(data.studies, data.undated)
    notes = [
        f"{counted(len(data.labels), 'pair')} in {counted(len(data.trials), 'trial')} make "
        f"{counted(len(data.sites), 'run')}."
    ]
    if unknown.any():
        notes.append(integrated("duration", unknown))
    notes += shared
    cold = int((~np.isfinite(data.temperature)).sum())
    if cold:
        studies = counted(cold, "study")
        notes.append(f"Taken at {REFERENCE_TEMPERATURE:g} degC: {studies} without a temperature.")
    single = [name for k, name in enumerate(data.practices) if (data.practice_of_trial == k).sum() == 1]
    if single:
        notes.append(f"Studied once, so known no better than any new practice: {', '.join(single)}.")
    return tuple(notes)
