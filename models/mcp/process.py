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

**The control is its own steady state.** What is sampled are shares of the
control's carbon (necromass, biomass, minerals) and where its flows go; rates
follow from the balance of every pool, so nothing is solved for. With input I
and pools per carbon, carbon use efficiency e, share s of dead microbes that
stays particulate and release :math:`\rho` from minerals:

.. math::

    U = I / (1 - e), \quad x = \rho I\, Mn / (s e U), \quad N \to Mn = s e U x / (1 + x), \quad
    N \to D = s e U / (1 + x), \quad k_M = \rho I / (1 + x)

so minerals release about alike whether they hold much necromass or little.
With the share of necromass that they take up as the parameter, a soil of
little necromass exchanged several times its input with its minerals, and the
microbes of its treated twin starved or feasted.

Everything is a share of the control's carbon, so the unit of carbon, and with
it any multiplier of the necromass conversion, cancels in n - s; where the
share of necromass itself enters, the conversion factor of each study is part
of the error with which it is seen.

**The run is without units.** Its time is the duration of the trial and its
carbon what the treated soil receives in it, so the steps are data and only
the initial state and the rates are random; unknown durations come from a
log-normal population.

**Protection holds carbon longer** rather than taking it up faster: both move
the same balance, but a faster uptake by minerals starves the microbes at once.

**Two log ratios do not identify four levers.** Priors shrink the levers, and
durations tell fast from slow ones; ``socbayes.models.mcp.scenarios`` reports how far
the data narrow each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.models.blocks import (
    filled,
    group_means,
    groups,
    integrated,
    numeric,
    population,
    require_studies,
    require_values,
)
from socbayes.models.mcp.baseline import EQUIVALENCE_BAND
from socbayes.models.mcp.pairs import RESPONSES, bivariate, bivariate_t_logp, bivariate_t_random, shared_controls
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

LEVERS = ("input", "efficiency", "depolymerisation", "protection")
"""What a practice may move: log input, logit e, log VP and VN, and how long minerals hold carbon, -log kM."""
STEPS = 64
"""Steps of a run; they grow geometrically, the last :data:`GROWTH` times the first."""
GROWTH = 300.0
BETA = 2.0
"""Exponent of biomass in turnover: a crowd dies faster (Georgiou et al. 2017, Nature Communications 8:1223)."""
REFERENCE_TEMPERATURE = 10.0  # degC
TYPICAL_SHARE = 0.4
"""Necromass share at which a spread of log shares is turned into one of logits."""
NOT_STATED = "not stated"

_SPREAD = "few groups, nobody at zero"
_TRIANGLE = "no data bear on it: order of magnitude of a topsoil"

PRIORS = (
    Prior("practice_lever_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "1", "median 0.25 between practices"),
    Prior("trial_lever_sd", "LogNormal", {"mu": -1.6, "sigma": 0.4}, "1", "median 0.2 between trials of a practice"),
    Prior("turnover_mean", "Normal", {"mu": 3.0, "sigma": 0.4}, "log year", "carbon over input: 20 years at 10 degC"),
    Prior("turnover_sd", "LogNormal", {"mu": -1.0, "sigma": 0.4}, "log", "median 0.37 between studies"),
    Prior("turnover_warmth", "Normal", {"mu": -0.5, "sigma": 0.15}, "log per 10 degC", "Q10 of 1.65"),
    Prior("share_mean", "Normal", {"mu": -0.3, "sigma": 0.5}, "logit", "necromass of 22 to 67 % of organic carbon"),
    Prior("share_spread", "LogNormal", {"mu": -0.9, "sigma": 0.4}, "log", "seen between studies, median 0.4"),
    Prior("conversion_part", "Beta", {"alpha": 5.0, "beta": 5.0}, "1", "of its variance, conversion: not all or none"),
    Prior("conversion", "Normal", {"mu": 0.0, "sigma": 0.2}, "log", "common factor of amino sugars to necromass"),
    Prior("efficiency", "Normal", {"mu": -0.3, "sigma": 0.3}, "logit", "Qiao et al. 2019: 0.50; He et al. 2023: 0.39"),
    Prior("residue_share", "Normal", {"mu": 0.4, "sigma": 0.4}, "logit", "0.6 of dead microbes stays particulate"),
    Prior("mineral_release", "Normal", {"mu": 0.0, "sigma": 0.5}, "log", _TRIANGLE),
    Prior("mineral_necromass", "Normal", {"mu": 0.8, "sigma": 0.5}, "logit", "most necromass is mineral-associated"),
    Prior(
        "mineral_plant",
        "Normal",
        {"mu": 0.8, "sigma": 0.5},
        "logit",
        "with mineral_necromass: 70 % of organic carbon is mineral-associated (median of mineral_associated_carbon)",
    ),
    Prior("saturation", "Normal", {"mu": -0.3, "sigma": 0.5}, "logit", "Georgiou et al. 2022: 42 % of capacity"),
    Prior("elasticity", "Normal", {"mu": 0.0, "sigma": 0.8}, "logit", "depolymerisation per biomass: 0.17 to 0.83"),
    Prior("soluble", "Normal", {"mu": -1.4, "sigma": 0.4}, "logit", "20 % of the input dissolves at once"),
    Prior("biomass", "Normal", {"mu": -4.07, "sigma": 0.4}, "log", "Xu, Thornton & Post 2013: 1.7 % of carbon"),
    Prior("dissolved", "Normal", {"mu": -6.2, "sigma": 0.5}, "log", "0.2 % of carbon"),
    Prior("half_saturation", "Normal", {"mu": 2.0, "sigma": 0.5}, "log", "dissolved carbon is far from saturating"),
    Prior("log_duration_mean", "Normal", {"mu": 2.3, "sigma": 0.5}, "log year", "trials of 10 years"),
    Prior("log_duration_sd", "LogNormal", {"mu": -0.1, "sigma": 0.3}, "log", "median 0.9 between studies"),
    Prior("residual_sd", "LogNormal", {"mu": -2.0, "sigma": 0.7}, "log", "median 0.14 between samples"),
    Prior(
        "correlation",
        "Beta",
        {"alpha": 3.0, "beta": 1.5},
        "(1 + r) / 2",
        "necromass is part of organic carbon, so positive correlations are likelier",
    ),
    Prior("degrees_of_freedom", "Gamma", {"alpha": 4.0, "beta": 0.4}, "1", "tails from near Cauchy to near normal"),
)

CONTROL = (
    "efficiency", "residue_share", "mineral_release", "mineral_necromass", "mineral_plant", "saturation", "elasticity",
    "soluble", "biomass", "dissolved", "half_saturation",
)  # fmt: skip
"""Properties of the control that all soils share."""

QUANTITIES: dict[str, dict[str, str]] = {
    "practice_lever": {"unit": "1", "meaning": "shift of each lever by practice, average study"},
    "practice_lever_sd": {"unit": "1", "meaning": "spread of each lever between practices"},
    "trial_lever_sd": {"unit": "1", "meaning": "spread of each lever between studies of a practice"},
    "share_mean": {"unit": "logit", "meaning": "necromass share of carbon neither alive nor dissolved, by ecosystem"},
    "turnover_mean": {"unit": "log year", "meaning": "organic carbon over input at 10 degC"},
    "residual_sd": {"unit": "1", "meaning": "scatter of the log ratios of a pair about its trial"},
}


@dataclass(frozen=True)
class Trials:
    """Pairs laid out as runs: positions are made here, because compiled indexing is not bounds-checked.

    Parameters
    ----------
    studies, practices, trials, ecosystems, sites, undated
        Labels; ``undated`` are the studies that state no duration.
    trial_of_site, duration_of_site, undated_of_site
        Position of the trial, years (NaN when unknown), position among ``undated`` (-1 when known).
    study_of_trial, practice_of_trial, ecosystem_of_study
        Positions; an ecosystem of -1 is not stated.
    temperature
        Mean annual temperature of each study, degC, NaN where not stated.
    site, ratios, labels
        By pair: its run, log ratios (pair, response), and its name.
    share, share_pairs
        By study: mean log necromass share of its controls, and their number.
    """

    studies: list[str]
    practices: list[str]
    trials: list[str]
    ecosystems: list[str]
    sites: list[str]
    undated: list[str]
    trial_of_site: np.ndarray
    duration_of_site: np.ndarray
    undated_of_site: np.ndarray
    study_of_trial: np.ndarray
    practice_of_trial: np.ndarray
    ecosystem_of_study: np.ndarray
    temperature: np.ndarray
    site: np.ndarray
    ratios: np.ndarray
    labels: list[str]
    share: np.ndarray
    share_pairs: np.ndarray


def trials_of(pairs: pd.DataFrame) -> Trials:
    """Lay pairs out as runs: those of one practice, study and duration share a run.

    Parameters
    ----------
    pairs
        Table of schema ``necromass_pairs``.

    Raises
    ------
    SocbayesError
        Naming what in the table cannot be.

    Examples
    --------
    >>> import socbayes as sb
    >>> laid_out = trials_of(sb.load_dataset("necromass_pairs"))
    >>> len(laid_out.sites) < laid_out.site.size
    True
    """
    require_studies(pairs)
    require_values(pairs, [f"{name}_{arm}" for name in RESPONSES for arm in ("control", "treatment")], positive=True)
    duration = numeric(pairs, "duration")
    if (duration <= 0).any():
        row = pairs.index[int(np.flatnonzero(duration <= 0)[0])]
        raise SocbayesError(f"column 'duration': row {row} lasts no time; expected years above zero, or nothing")
    studies, study = groups(pairs["study"])
    practices, practice = groups(pairs["practice"])
    trials, trial = groups(pairs["practice"].astype(str) + ", " + pairs["study"].astype(str))
    years = [f"{value:g} years" if np.isfinite(value) else "unknown duration" for value in duration]
    named = pairs["practice"].astype(str) + ", " + pairs["study"].astype(str) + ", " + years
    sites, site = groups(named)
    first = np.unique(site, return_index=True)[1]
    unknown = ~np.isfinite(duration)
    undated = sorted({studies[index] for index in study[unknown]})
    place = np.array([undated.index(name) if name in undated else -1 for name in studies])
    stated = filled(pairs, "ecosystem", NOT_STATED)
    by_study = stated.groupby(study).agg(lambda names: names.mode()[0]).to_numpy()
    ecosystems = sorted(set(by_study) - {NOT_STATED})
    of_trial = np.unique(trial, return_index=True)[1]
    value = {
        f"{name}_{arm}": pairs[f"{name}_{arm}"].to_numpy("float64")
        for name in RESPONSES
        for arm in ("control", "treatment")
    }
    share = np.log(value["necromass_control"] / value["soil_organic_carbon_control"])
    controls = pairs["control"].astype("str") if "control" in pairs else pairs.index.to_series().astype("str")
    single = ~(controls.duplicated() & controls.notna()).to_numpy()
    return Trials(
        studies=studies,
        practices=practices,
        trials=trials,
        ecosystems=ecosystems,
        sites=sites,
        undated=undated,
        trial_of_site=trial[first],
        duration_of_site=duration[first],
        undated_of_site=np.where(unknown, place[study], -1)[first],
        study_of_trial=study[of_trial],
        practice_of_trial=practice[of_trial],
        ecosystem_of_study=np.array([ecosystems.index(name) if name in ecosystems else -1 for name in by_study]),
        temperature=group_means(numeric(pairs, "mean_annual_temperature"), study, len(studies)),
        site=site,
        ratios=np.column_stack([np.log(value[f"{name}_treatment"] / value[f"{name}_control"]) for name in RESPONSES]),
        labels=(pairs["observation"] if "observation" in pairs else pairs.index.to_series()).astype(str).tolist(),
        share=group_means(np.where(single, share, np.nan), study, len(studies)),
        share_pairs=np.bincount(study[single], minlength=len(studies)),
    )


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
    import pytensor.tensor as pt

    data = trials_of(pairs)
    shared, control = shared_controls(pairs)
    prior = Priors(PRIORS, priors)
    coords = {
        "practice": data.practices,
        "lever": list(LEVERS),
        "trial": data.trials,
        "response": list(RESPONSES),
        "pair_study": data.studies,
        "ecosystem": data.ecosystems,
        "pair": data.labels,
    }
    with pm.Model(coords=coords) as model:
        sampled = _sampled(data, prior)
        study = data.study_of_trial[data.trial_of_site]
        at_site = {name: sampled[name][study] for name in ("share", "turnover")}
        pools, rates = control_state(properties(sampled | at_site, pt.exp), beta, kinetics)
        levers = sampled["trial_lever"][data.trial_of_site]
        ratio = log_ratios(pools, rates, levers, _years(data, prior), beta=beta, steps=steps)
        _share_likelihood(data, pools, levels, prior, sampled)
        residual_sd = prior.sample("residual_sd", dims="response")
        prior.use("correlation")
        raw = getattr(pm, prior["correlation"].distribution)("correlation_raw", **prior["correlation"].parameters)
        correlation = pm.Deterministic("residual_correlation", 2 * raw - 1)
        eta = ratio[data.site]
        if shared:
            # A control measured once errs in every pair it serves, as much as a treated sample does.
            model.add_coord("shared_control", shared)
            error = bivariate("control_error", residual_sd, correlation, "shared_control")
            eta = eta - (control >= 0)[:, None] * error[np.maximum(control, 0)]
        pm.CustomDist(
            "pair_log_ratio",
            eta,
            residual_sd,
            correlation,
            1 + prior.sample("degrees_of_freedom"),
            logp=bivariate_t_logp,
            random=bivariate_t_random,
            signature="(r),(r),(),()->(r)",
            observed=data.ratios,
            dims=("pair", "response"),
        )
    attach(
        model,
        ModelSpec(
            model="mcp_process",
            question="Which lever of the microbial carbon pump does each practice pull, and what follows for necromass "
            "and carbon in 10, 30 and 100 years?",
            quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
            observed=("pair_log_ratio", *(v.name for v in model.observed_RVs if v.name != "pair_log_ratio")),
            priors=prior_records(prior),
            choices={
                "equivalence_band": EQUIVALENCE_BAND,
                "beta": beta,
                "kinetics": kinetics,
                "steps": steps,
                "ecosystem_of_practice": _mostly(data),
                "priors": sorted(priors or {}),
            },
            notes=_notes(data, shared, control),
        ),
        {"pairs": pairs} | ({} if levels is None else {"levels": levels}),
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["turnover_mean", "unit"]
    'log year'
    """
    return Priors(PRIORS, priors).table()


def properties(sampled: Mapping[str, Any], exp: Any) -> dict[str, Any]:
    """Natural-scale properties of controls from sampled ones.

    Parameters
    ----------
    sampled
        ``share`` (logit) and ``turnover`` (log), one per control, and the rest
        of the variables :data:`CONTROL`; tensors or arrays that broadcast.
    exp
        Exponential of whatever ``sampled`` is made of.

    Returns
    -------
    dict
        What :func:`control_state` takes.

    Examples
    --------
    >>> sampled = dict.fromkeys(CONTROL, 0.0) | {"share": 0.0, "turnover": 0.0}
    >>> natural = properties(sampled, np.exp)
    >>> float(natural["share"]), float(natural["turnover"])
    (0.5, 1.0)
    """
    logarithmic = ("turnover", "biomass", "dissolved", "half_saturation", "mineral_release")
    return {
        name: exp(sampled[name]) if name in logarithmic else _logistic(sampled[name], exp)
        for name in ("share", "turnover", *CONTROL)
    }


def _logistic(logit: Any, exp: Any) -> Any:
    return 1.0 / (1.0 + exp(-logit))


def control_state(
    at: Mapping[str, Any], beta: float = BETA, kinetics: str = "reverse"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pools of a control as shares of its carbon, and the rates of ``mcp`` that hold it in balance.

    Parameters
    ----------
    at
        ``turnover`` (carbon over input, years); ``biomass`` and ``dissolved``
        as shares of carbon; ``share`` of necromass in the rest;
        ``mineral_necromass`` and ``mineral_plant``, shares of necromass and of
        what is left that lie on minerals; ``saturation`` of the minerals;
        ``efficiency``; ``residue_share`` of dead microbes that stays
        particulate; ``mineral_release``, turnover of carbon over residence on
        minerals where little of it is there; ``elasticity`` of
        depolymerisation to biomass, or to the pool where kinetics are forward; ``half_saturation`` of uptake over
        dissolved carbon; ``soluble`` share of the input.
    beta
        Exponent of biomass in turnover.
    kinetics
        ``"reverse"`` or ``"forward"``: what saturates depolymerisation.

    Returns
    -------
    pools, rates
        Pools by name; parameters of ``mcp``, or of ``mcp_forward``, per year, and ``input``.

    Raises
    ------
    SocbayesError
        For other kinetics.

    Examples
    --------
    >>> at = dict(turnover=20.0, biomass=0.02, dissolved=0.002, share=0.4, mineral_necromass=0.7, mineral_plant=0.7)
    >>> at |= dict(saturation=0.4, efficiency=0.4, residue_share=0.6, mineral_release=1.0, elasticity=0.5)
    >>> at |= dict(half_saturation=1.0, soluble=0.2)
    >>> pools, rates = control_state(at)
    >>> round(sum(pools.values()), 12), round(1 / rates["k_mineral"])
    (1.0, 34)
    """
    biomass, dissolved = at["biomass"], at["dissolved"]
    rest = 1.0 - biomass - dissolved
    necromass = at["share"] * rest
    other = rest - necromass
    pools = {
        "particulate": other * (1.0 - at["mineral_plant"]),
        "dissolved": dissolved + 0.0 * other,
        "microbes": biomass + 0.0 * other,
        "necromass": necromass * (1.0 - at["mineral_necromass"]),
        "mineral_necromass": necromass * at["mineral_necromass"],
        "mineral_plant": other * at["mineral_plant"],
    }
    income = 1.0 / at["turnover"]
    uptake = income / (1.0 - at["efficiency"])
    growth = at["efficiency"] * uptake
    formed = at["residue_share"] * growth
    # What minerals release they must have taken up, and no more than is formed of it.
    demand = at["mineral_release"] * income * pools["mineral_necromass"] / formed
    sorbed = formed * demand / (1.0 + demand)
    recycled = formed / (1.0 + demand)
    release = sorbed / pools["mineral_necromass"]
    vacant = 1.0 - at["saturation"]
    # Elasticity is K / (K + X): the attack X / (K + X) is one less it, X the biomass or the pool.
    attack = 1.0 - at["elasticity"]
    half = at["elasticity"] / attack
    decayed = {"particulate": income * (1.0 - at["soluble"]), "necromass": recycled}
    if kinetics == "reverse":
        depolymerisation = {f"v_{name}": flow / pools[name] / attack for name, flow in decayed.items()}
        depolymerisation["k_particulate"] = biomass * half
    elif kinetics == "forward":
        depolymerisation = {f"v_{name}": flow / biomass / attack for name, flow in decayed.items()}
        depolymerisation |= {f"k_{name}": pools[name] * half for name in decayed}
    else:
        raise SocbayesError(f"kinetics {kinetics!r} are neither 'reverse' nor 'forward'")
    rates = {
        "input": income,
        **depolymerisation,
        "v_dissolved": uptake / biomass * (1.0 + at["half_saturation"]),
        "k_dissolved": at["half_saturation"] * dissolved,
        "e_ref": at["efficiency"],
        "k_death": growth / biomass**beta,
        "necromass_share": at["residue_share"],
        "k_necromass_sorption": sorbed / pools["necromass"] / vacant,
        "k_dissolved_sorption": release * pools["mineral_plant"] / dissolved / vacant,
        "k_mineral": release,
        "capacity": (pools["mineral_necromass"] + pools["mineral_plant"]) / at["saturation"],
        "soluble_share": at["soluble"],
    }
    return pools, rates


def step_lengths(steps: int = STEPS, finer: int = 1) -> np.ndarray:
    """Lengths of the steps of a run as shares of its duration, each cut into ``finer`` pieces.

    Examples
    --------
    >>> round(float(step_lengths(8).sum()), 12)
    1.0
    """
    lengths = np.geomspace(1.0, GROWTH, steps)
    return np.repeat(lengths / lengths.sum() / finer, finer)


_PER_YEAR = (
    "v_particulate", "v_necromass", "v_dissolved", "k_death", "k_necromass_sorption", "k_dissolved_sorption",
    "k_mineral",
)  # fmt: skip
_CARBON = ("k_particulate", "k_necromass", "k_dissolved", "capacity")
_LEVER_OF = {
    "v_particulate": ("depolymerisation", 1.0),
    "v_necromass": ("depolymerisation", 1.0),
    "k_mineral": ("protection", -1.0),
}


def log_ratios(
    pools: Mapping[str, Any],
    rates: Mapping[str, Any],
    levers: Any,
    years: Any,
    *,
    beta: float = BETA,
    steps: int = STEPS,
    finer: int = 1,
) -> Any:
    """Log ratios n and s after the levers were pulled; tensor (site, response).

    Parameters
    ----------
    pools, rates
        Of the controls: see :func:`control_state`; numbers, or one value per site.
    levers
        Shifts, (site, lever) in the order of :data:`LEVERS`.
    years
        Duration, a number or one per site.
    beta
        Exponent of biomass in turnover, that of the controls.
    steps, finer
        Steps of the run, and pieces that each is cut into.

    Returns
    -------
    TensorVariable
    """
    import pytensor.tensor as pt

    from socbayes.core import integrate, with_clock
    from socbayes.structures import get

    pump = get("mcp_forward" if "k_necromass" in rates else "mcp")
    levers = pt.as_tensor(levers)
    shift = {name: levers[:, position] for position, name in enumerate(LEVERS)}
    income = rates["input"] * pt.exp(shift["input"])
    # The unit of carbon is what the soil receives in the unit of time, the duration: inputs are one.
    unit = income * years
    treated = {name: value for name, value in rates.items() if name not in ("input", "e_ref")}
    for name, (lever, sign) in _LEVER_OF.items():
        treated[name] = treated[name] * pt.exp(sign * shift[lever])
    treated = treated | {name: treated[name] * years for name in _PER_YEAR}
    treated = treated | {name: treated[name] / unit for name in _CARBON if name in treated}
    treated["k_death"] = treated["k_death"] * unit ** (beta - 1.0)
    odds = rates["e_ref"] / (1.0 - rates["e_ref"]) * pt.exp(shift["efficiency"])
    treated["e_ref"] = odds / (1.0 + odds)
    none = pt.zeros_like(shift["input"])
    lengths = step_lengths(steps, finer)
    final = integrate(
        with_clock(pump),
        pt.stack([pools[name] / unit + none for name in pump.pools], axis=1),
        {name: value + none for name, value in treated.items()} | {"beta": beta},
        {"litter_input": 1.0, "step_length": lengths},
        times=[lengths.size],
        interval=1.0,
        scheme="mprk22",
        steps=1,
    )[0]
    at = {name: final[:, position] * unit for position, name in enumerate(pump.pools)}
    necromass = sum(at[name] for name in pump.necromass) / sum(pools[name] for name in pump.necromass)
    return pt.stack([pt.log(necromass), pt.log(sum(at.values()))], axis=1)


def _sampled(data: Trials, prior: Priors) -> dict[str, Any]:
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


def _years(data: Trials, prior: Priors) -> Any:
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
    data: Trials, pools: Mapping[str, Any], levels: pd.DataFrame | None, prior: Priors, sampled: Mapping[str, Any]
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
    others = None if levels is None else _levels_elsewhere(levels, data)
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
    share = _logistic(logit, pt.exp)
    # The spread of true shares about their ecosystem is carried to the log scale: d ln E = (1 - E) d logit E.
    spread = pt.sqrt(((1.0 - share) * sampled["share_sd"]) ** 2 + conversion_sd**2 + within**2 / others.count)
    pm.Normal("log_share_elsewhere", pt.log(share) + conversion, spread, observed=others.mean, dims="level_study")


WITHIN_STUDY = 0.25
"""Scatter of log shares within a study where no table of levels says."""


@dataclass(frozen=True)
class _Levels:
    """Mean log shares of studies that have no pair, by study and ecosystem."""

    labels: list[str]
    ecosystem: np.ndarray
    mean: np.ndarray
    count: np.ndarray
    scatter: float


def _levels_elsewhere(levels: pd.DataFrame, data: Trials) -> _Levels:
    """Untreated soils of studies that have no pair and lie in an ecosystem that has one."""
    require_studies(levels)
    require_values(levels, RESPONSES, positive=True)
    untreated = filled(levels, "arm", "untreated") != "treatment"
    ecosystem = filled(levels, "ecosystem", NOT_STATED)
    share = np.log(levels["necromass"] / levels["soil_organic_carbon"])
    by = [levels["study"].astype(str), ecosystem]
    kept = untreated & ecosystem.isin(data.ecosystems)
    centred = (share - share.groupby(by).transform("mean"))[kept]
    cells = share[kept].groupby([column[kept] for column in by]).agg(["mean", "size"])
    freedom = max(len(centred) - len(cells), 1)
    scatter = float(np.sqrt((centred**2).sum() / freedom)) or WITHIN_STUDY
    cells = cells[~cells.index.get_level_values(0).isin(data.studies)]
    names, where = cells.index.get_level_values(0), cells.index.get_level_values(1)
    return _Levels(
        labels=[f"{name}, {place}" for name, place in zip(names, where, strict=True)],
        ecosystem=np.array([data.ecosystems.index(place) for place in where], dtype="int64"),
        mean=cells["mean"].to_numpy(),
        count=cells["size"].to_numpy("float64"),
        scatter=scatter,
    )


def _mostly(data: Trials) -> dict[str, str]:
    """Ecosystem that most trials of each practice lie in."""
    found = {}
    for position, practice in enumerate(data.practices):
        inside = data.ecosystem_of_study[data.study_of_trial[data.practice_of_trial == position]]
        inside = inside[inside >= 0]
        found[practice] = data.ecosystems[np.bincount(inside).argmax()] if inside.size else NOT_STATED
    return found


def _notes(data: Trials, shared: list[str], control: np.ndarray) -> tuple[str, ...]:
    unknown = np.isin(data.studies, data.undated)
    notes = [f"{len(data.labels)} pairs in {len(data.trials)} trials are {len(data.sites)} runs."]
    if unknown.any():
        notes.append(integrated("duration", unknown))
    if shared:
        notes.append(f"{len(shared)} controls are shared by {int((control >= 0).sum())} of {len(data.labels)} pairs.")
    cold = int((~np.isfinite(data.temperature)).sum())
    if cold:
        notes.append(f"{cold} studies state no temperature and are taken at {REFERENCE_TEMPERATURE:g} degC.")
    single = [name for k, name in enumerate(data.practices) if (data.practice_of_trial == k).sum() == 1]
    if single:
        notes.append(f"Studied once, so known no better than any new practice: {', '.join(single)}.")
    return tuple(notes)
