r"""Process model of priming: labelled carbon run through the microbial carbon pump.

Every jar is a run of the structure ``mcp`` with its own clock, native and
labelled carbon apart; a control is one run, however many jars are compared
with it. What the data see are increments of native and substrate CO2 between
sampling days.

**Written in what the data determine.** With :math:`r_0` the respiration of the
unamended soil at the start, :math:`e` carbon use efficiency and :math:`B_0`
biomass, biomass in balance takes up :math:`U_0 = r_0 / (1 - e)` and turns over
at :math:`k_B = e U_0 / B_0`. Depolymerisation at the start is

.. math::

    A_0 = \phi \, U_0 (1 - (1 - s) e)

where a supply :math:`\phi = 1` sustains the biomass; it falls as the
decomposable pool :math:`F = A_0 / \lambda` empties. It responds to biomass with
an elasticity :math:`\eta` at :math:`B_0`, so :math:`K_P = B_0 \eta / (1 - \eta)`.
Dissolved carbon turns over at :math:`k_u = U_0 / D_0` at the start. A treated
jar differs from its control by the substrate, and by a factor on
depolymerisation, :math:`(1 + dose / B_0)^{addition_{run}} \exp(nitrogen_{soil} + jar)`,
which a dose of nothing leaves at one.

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
from socbayes.models.priming.incubations import MILLIGRAM, SERIES, Incubations, incubations
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

#: Biomass over organic carbon where it was not measured (Xu, Thornton & Post 2013), and organic carbon (mg/g) likewise.
BIOMASS_SHARE, ORGANIC = 0.017, 20.0
#: Dose (mg C/g) that stands for an unknown one where a guess is enough: the median of its prior.
DOSE = 0.37
#: Supply above which it is sampled as such, and as its logarithm below.
SMALL_SUPPLY = 0.05
#: Share of a dose that is left where its turnover is best known (seen in draws: a quarter where 50 ug/g were added,
#: an eighth of the guessed dose elsewhere), and share of a solid that dissolves. Both set coordinates, and no prior.
LEFT, DISSOLVES = 0.25, 0.05
#: Degrees of freedom of the misfit: single intervals may be far off.
FREEDOM = 4.0
#: Misfit lasts at most so much from one interval to the next: more, and a wrong level of CO2 goes unpunished.
MOST_PERSISTENT = 0.5
#: Most of the carbon taken up that microbes keep. Growth on glucose allows 0.84: electrons 4.2 / 4.0 (biomass
#: CH1.8O0.5N0.2 on ammonium), and 1 mol ATP for 28.8 g of cells (Stouthamer 1973, doi:10.1007/BF02578899) at 38 ATP
#: per glucose: 1 / (1.05 + 24.6 / 28.8 / (38 / 6)). Monomers taken up as they are allow 0.85 (31.9 g), storage more.
GREATEST_EFFICIENCY = 0.88
#: Exponent of biomass in turnover.
BETA = 1.0
#: Pools left out: exchange with minerals is too slow to show in the CO2 of weeks.
MINERAL = ("mineral_necromass", "mineral_plant")

#: Label that need not be found where the CO2 left it.
RECOVERED = ("substrate_carbon_in_particulate_fraction", "substrate_carbon_in_soil")

_SPREAD = "few groups, nobody at zero"

PRIORS = (
    Prior("respiration_mean", "Normal", {"mu": -4.8, "sigma": 0.7}, "log mg/g/day", "8 ug/g/day, fourfold either way"),
    Prior("respiration_sd", "LogNormal", {"mu": -0.4, "sigma": 0.4}, "log", _SPREAD),
    Prior("supply_mean", "Normal", {"mu": -0.3, "sigma": 0.4}, "log", "sieved soil respires more than it can sustain"),
    Prior("supply_sd", "LogNormal", {"mu": -0.9, "sigma": 0.4}, "log", _SPREAD),
    Prior("depletion_mean", "Normal", {"mu": -5.3, "sigma": 0.7}, "log 1/day", "pool of a half-life of 140 days"),
    Prior("depletion_sd", "LogNormal", {"mu": -0.7, "sigma": 0.4}, "log", _SPREAD),
    Prior("efficiency_mean", "Normal", {"mu": 0.3, "sigma": 0.5}, "logit of share", "Qiao et al. 2019: 0.50"),
    Prior("efficiency_sd", "LogNormal", {"mu": -1.2, "sigma": 0.4}, "logit", _SPREAD),
    Prior("efficiency_jar_sd", "LogNormal", {"mu": -1.6, "sigma": 0.4}, "logit", _SPREAD),
    Prior("dissolved_turnover", "Normal", {"mu": -0.5, "sigma": 1.0}, "log 1/day", "two days, sevenfold"),
    Prior("elasticity_mean", "Normal", {"mu": 0.0, "sigma": 0.8}, "logit", "0.5, from 0.17 to 0.83"),
    Prior("elasticity_sd", "LogNormal", {"mu": -0.9, "sigma": 0.4}, "logit", _SPREAD),
    Prior("biomass_log_error", "Normal", {"mu": 0.0, "sigma": 0.3}, "log", "extraction factor of fumigated carbon"),
    Prior("half_saturation", "Normal", {"mu": 0.0, "sigma": 1.0}, "log mg/g", "1 mg/g, sevenfold"),
    Prior("residue_share", "Normal", {"mu": 0.4, "sigma": 0.4}, "logit", "0.6 of dead microbes stays particulate"),
    Prior("addition_mean", "Normal", {"mu": 0.0, "sigma": 0.2}, "1", "0.4 to 2.6 times at ten times biomass"),
    Prior("addition_sd", "LogNormal", {"mu": -1.9, "sigma": 0.4}, "1", _SPREAD),
    Prior("jar_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "log", _SPREAD),
    Prior("nitrogen_mean", "Normal", {"mu": 0.0, "sigma": 0.7}, "log", "a fourth to four times"),
    Prior("nitrogen_sd", "LogNormal", {"mu": -1.4, "sigma": 0.4}, "log", _SPREAD),
    Prior("nitrogen_on_efficiency", "Normal", {"mu": 0.0, "sigma": 0.5}, "logit", "weak"),
    Prior("nitrogen_on_uptake", "Normal", {"mu": 0.0, "sigma": 0.5}, "log", "weak"),
    Prior("solid_decay", "Normal", {"mu": -7.0, "sigma": 2.5}, "log 1/day", "litter in months, plastics in centuries"),
    Prior(
        "soluble",
        "Normal",
        {"mu": -3.0, "sigma": 2.0},
        "logit",
        "of litter a third dissolves at once, of plastics a thousandth",
    ),
    Prior("dose_unknown", "Normal", {"mu": -1.0, "sigma": 0.5}, "log mg/g", "0.37 mg/g, 0.14 to 1"),
    Prior("scatter", "Normal", {"mu": -1.5, "sigma": 0.6}, "log", "median scatter of an increment of 22 %"),
    Prior("final_scatter", "Normal", {"mu": -1.2, "sigma": 0.5}, "log", "a pool at the end, 30 %"),
    Prior("recovery", "Normal", {"mu": 0.0, "sigma": 0.4}, "log", "label found, half to twice what the CO2 left"),
    Prior("persistence", "Beta", {"alpha": 2.0, "beta": 2.0}, "0.5", "misfit lasts from one interval to the next"),
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


def pump() -> Any:
    """The pump without its mineral pools, which take no part in weeks, and with a clock of its own.

    Examples
    --------
    >>> pump().pools
    ('particulate', 'dissolved', 'microbes', 'necromass')
    """
    from socbayes.core import with_clock, without
    from socbayes.structures import get

    return with_clock(without(get("mcp"), MINERAL))


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
    import pytensor.tensor as pt

    data = incubations(time_series, endpoints, finer=finer)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=_coords(data)) as model:
        sampled = _sampled(data, prior)
        states, final = _runs(data, basal(sampled, data, pt.exp), treated(sampled, data, pt.exp), beta)
        seen = _final_likelihood(data, final, sampled["biomass_log_error"], prior)
        scatter = prior.sample("scatter", dims=("series", "study"))
        persistence = MOST_PERSISTENT * prior.sample("persistence", dims=("series", "study"))
        for position, (name, outputs) in enumerate(states.items()):
            _likelihood(name, data, outputs, scatter[position], persistence[position])
    notes = _notes(data)
    attach(
        model,
        ModelSpec(
            model="priming_process",
            question="How much native carbon does added carbon cost, through which part of the pump, and when does "
            "an addition stop costing carbon?",
            quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
            observed=(*(f"co2_{name}" for name in SERIES), *seen),
            priors=prior_records(prior),
            choices={"priors": sorted(priors or {}), "beta": beta, "finer": finer},
            notes=notes,
            adaptation="low_rank",
            climbs=16,
        ),
        {"time_series": time_series} | ({} if endpoints is None else {"endpoints": endpoints}),
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["nitrogen_mean", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()


def _coords(data: Incubations) -> dict[str, list[str]]:
    treatments = data.treatments
    coords = {
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
    return coords | {name: labels for name, labels in optional.items() if labels}


def _population(prior: Priors, name: str, dims: str, **options: Any) -> Any:
    """Well-measured members of a population, centred on it; ``options`` are of ``pymc.Normal``."""
    import pymc as pm

    mean, spread = prior.sample(f"{name}_mean"), prior.sample(f"{name}_sd")
    return pm.Normal(name, mean, spread, dims=dims, **options)


def _sampled(data: Incubations, prior: Priors) -> dict[str, Any]:
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


def _dissolved_turnover(data: Incubations, prior: Priors, half_saturation: Any) -> Any:
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


def log_dose(data: Incubations) -> np.ndarray:
    """``log(1 + dose / biomass)`` of each treatment from what is stated, or guessed from priors; shape (treatment,)."""
    steps = data.steps[:, data.treatments["study"].to_numpy()]
    given = data.treatments["dose"].fillna(DOSE).to_numpy() + (data.doses * steps).sum(axis=0)
    return np.log1p(given / biomass_guess(data)[data.treatments["control"].to_numpy()])


def biomass_guess(data: Incubations) -> np.ndarray:
    """Biomass (mg C/g) of each control as measured, else from organic carbon; shape (control,)."""
    controls = data.controls
    typical = BIOMASS_SHARE * controls["organic_carbon"].fillna(ORGANIC).to_numpy()
    return np.where(np.isfinite(controls["biomass"]), controls["biomass"] * MILLIGRAM, typical)


def biomass_known(data: Incubations) -> np.ndarray:
    """Whether the biomass of each control was measured, (control,)."""
    return np.isfinite(data.controls["biomass"].to_numpy())


def basal(sampled: Mapping[str, Any], data: Incubations, exp: Any) -> dict[str, Any]:
    """Natural-scale values by control, from sampled ones: tensors, or arrays with draws in front.

    Parameters
    ----------
    sampled
        Variables of the model by name.
    data
        The incubations.
    exp
        Exponential of whatever ``sampled`` is made of.

    Returns
    -------
    dict
        What :func:`start` takes, by control.
    """
    controls = data.controls
    study, soil, soil_run = (controls[name].to_numpy() for name in ("study", "soil", "soil_run"))
    # Where biomass was not measured it is twice as uncertain.
    error = sampled["biomass_log_error"][..., study] * np.where(biomass_known(data), 1.0, 2.0)
    return {
        "respiration": exp(sampled["respiration"]),
        "supply": exp(sampled["supply"])[..., soil_run],
        "depletion": exp(sampled["depletion"])[..., soil_run],
        "efficiency": efficiency(sampled["efficiency"], exp)[..., soil_run],
        "turnover": exp(sampled["dissolved_turnover"])[..., data.run_of_soil[soil_run]],
        "saturation": exp(sampled["elasticity"])[..., soil],
        "biomass": biomass_guess(data) * exp(error),
        "half_saturation": exp(sampled["half_saturation"])[..., study],
        "residue_share": _share(sampled["residue_share"], exp)[..., study],
    }


def treated(sampled: Mapping[str, Any], data: Incubations, exp: Any) -> dict[str, Any]:
    """Natural-scale values by treatment, from sampled ones: tensors, or arrays with draws in front.

    Parameters
    ----------
    sampled, data, exp
        As for :func:`basal`.

    Returns
    -------
    dict
        What :func:`treat` takes, by treatment.
    """
    treatments = data.treatments
    none = 0.0 * sampled["depolymerisation"]
    dose, decay, soluble = none + treatments["dose"].fillna(0.0).to_numpy(), none, none + 1.0
    if "dose_unknown" in sampled:
        dose = dose + treatments["dose"].isna().to_numpy() * exp(sampled["dose_unknown"])[..., None]
    if "solid_decay" in sampled:
        solid = treatments["solid"].to_numpy()
        place = np.cumsum(solid) - solid
        decay = solid * exp(sampled["solid_decay"])[..., np.minimum(place, solid.sum() - 1)]
        soluble = 1.0 - solid * (1.0 - _share(sampled["soluble"], exp)[..., np.minimum(place, solid.sum() - 1)])
    uptake = none + 1.0
    if "nitrogen" in sampled:
        uptake = exp(sampled["nitrogen_on_uptake"][..., None] * treatments["nitrogen"].to_numpy(dtype="float64"))
    return {
        "control": treatments["control"].to_numpy(),
        "efficiency": efficiency(sampled["efficiency_treated"], exp),
        "uptake": uptake,
        "depolymerisation": exp(sampled["depolymerisation"]),
        "decay": decay,
        "soluble": soluble,
        "dose": dose,
    }


def efficiency(logit: Any, exp: Any) -> Any:
    """Carbon use efficiency from its unbounded scale, the logit of its share of the greatest allowed.

    Parameters
    ----------
    logit
        Numbers, arrays or tensors.
    exp
        Exponential of whatever ``logit`` is.

    Examples
    --------
    >>> import numpy as np
    >>> float(efficiency(0.0, np.exp))
    0.44
    """
    return GREATEST_EFFICIENCY * _share(logit, exp)


def _share(logit: Any, exp: Any) -> Any:
    return 1.0 / (1.0 + exp(-logit))


def start(basal: Mapping[str, Any], beta: float = BETA) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pools at the start (mg C/g) and parameters of ``mcp`` from what the data determine.

    Parameters
    ----------
    basal
        Basal respiration, supply, depletion, efficiency, turnover of dissolved
        carbon, saturation (half-saturating over initial biomass), biomass,
        half_saturation and residue_share; numbers, arrays or tensors of one shape.
    beta
        Exponent of biomass in turnover.

    Returns
    -------
    pools, parameters
        Dissolved, microbes and necromass; rates of ``mcp`` by name.

    Examples
    --------
    >>> basal = dict(respiration=0.01, supply=0.5, depletion=0.005, efficiency=0.5, turnover=1.0)
    >>> basal |= dict(saturation=1.0, biomass=0.3, half_saturation=0.05, residue_share=0.6)
    >>> pools, rates = start(basal)
    >>> round(pools["necromass"], 3), pools["dissolved"], round(rates["k_death"], 3)
    (1.6, 0.02, 0.033)
    """
    e, share, biomass = basal["efficiency"], basal["residue_share"], basal["biomass"]
    uptake = basal["respiration"] / (1.0 - e)
    depolymerised = basal["supply"] * uptake * (1.0 - (1.0 - share) * e)
    pools = {
        "dissolved": uptake / basal["turnover"],
        "microbes": biomass,
        "necromass": depolymerised / basal["depletion"],
    }
    parameters = {
        "v_necromass": basal["depletion"] * (1.0 + basal["saturation"]),
        "k_particulate": basal["saturation"] * biomass,
        "v_dissolved": (uptake + basal["turnover"] * basal["half_saturation"]) / biomass,
        "k_dissolved": basal["half_saturation"],
        "e_ref": e,
        "k_death": e * uptake / biomass**beta,
        "beta": 0.0 * e + beta,
        "necromass_share": share,
    }
    return pools, parameters


def treat(
    pools: Mapping[str, Any], parameters: Mapping[str, Any], basal: Mapping[str, Any], treated: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Native pools, labelled pools and parameters of treated jars from those of their controls.

    Parameters
    ----------
    pools, parameters, basal
        Of the controls: see :func:`start`.
    treated
        Position of the control, efficiency, factors on uptake and
        depolymerisation, decay of a solid, its soluble share, and the dose.

    Returns
    -------
    native, label, parameters
    """
    at = treated["control"]
    native = {name: value[..., at] for name, value in pools.items()}
    dissolved = treated["dose"] * treated["soluble"]
    label = {"dissolved": dissolved, "particulate": treated["dose"] - dissolved}
    changed = {name: value[..., at] for name, value in parameters.items()}
    changed["e_ref"] = treated["efficiency"]
    changed["v_dissolved"] = changed["v_dissolved"] * treated["uptake"]
    changed["v_necromass"] = changed["v_necromass"] * treated["depolymerisation"]
    changed["v_particulate"] = treated["decay"] * (1.0 + basal["saturation"][..., at])
    return native, label, changed


def _initial(names: tuple[str, ...], pools: Mapping[str, Any], count: int) -> Any:
    """Pools by name as (site, pool), zero where none is given."""
    import pytensor.tensor as pt

    return pt.stack([pools.get(name, pt.zeros(count)) for name in names], axis=1)


def _runs(
    data: Incubations, basal_values: Mapping[str, Any], treated_values: Mapping[str, Any], beta: float = BETA
) -> tuple[dict[str, Any], Any]:
    """Cumulative CO2 (row, site) of each kind of series, and pools of the treated on the last day (site,)."""
    from socbayes.core import integrate, with_label

    plain = pump()
    labelled = with_label(plain)
    times = np.arange(len(data.steps) + 1)
    pools, parameters = start(basal_values, beta)
    count = len(data.controls)
    drivers = {"litter_input": 0.0, "step_length": data.steps[:, data.controls["study"]]}
    control = integrate(plain, _initial(plain.pools, pools, count), parameters, drivers, times=times, interval=1.0)
    native, label, changed = treat(pools, parameters, basal_values, treated_values)
    both = {f"{name}_native": value for name, value in native.items()}
    both |= {f"{name}_label": value for name, value in label.items()}
    drivers = {
        "litter_input": 0.0,
        "step_length": data.steps[:, data.treatments["study"]],
        "exudate_input": data.doses,
        "label_dissolved": 1.0,
    }
    outcome = integrate(
        labelled, _initial(labelled.pools, both, len(data.treatments)), changed, drivers, times=times, interval=1.0
    )
    at = {name: outcome[:, :, position] for position, name in enumerate(labelled.state)}
    control_co2 = control[:, :, plain.state.index("co2")]
    given = treated_values["dose"] + (data.doses * drivers["step_length"]).sum(axis=0)
    final = {
        "microbial_biomass_final": (at["microbes_native"] + at["microbes_label"])[-1],
        "substrate_carbon_in_microbial_biomass": at["microbes_label"][-1],
        "substrate_carbon_in_particulate_fraction": at["particulate_label"][-1],
        "substrate_carbon_in_soil": given - at["co2_label"][-1],
    }
    return {"control": control_co2, "native": at["co2_native"], "substrate": at["co2_label"]}, final


def _likelihood(name: str, data: Incubations, cumulative: Any, scatter: Any, persistence: Any) -> None:
    """Increments of one kind of series, on a scale that is logarithmic above the noise and linear within.

    ``asinh(rate / 2 floor)`` is ``log(rate / floor)`` for rates far above the
    floor and passes through zero, so increments at or below zero stay in.
    """
    import pymc as pm
    import pytensor.tensor as pt

    seen = data.increments[name]
    rate = (cumulative[seen.end, seen.site] - cumulative[seen.start, seen.site]) / seen.days
    first = seen.previous < 0
    lasting = pt.where(first, 0.0, persistence[seen.study])
    spread = pt.exp(scatter)[seen.study] / pt.where(first, pt.sqrt(1.0 - persistence[seen.study] ** 2), 1.0)
    pm.modelcontext(None).add_coord(f"increment_{name}", seen.label)
    logp, random = _lasting_misfit(seen.previous)
    pm.CustomDist(
        f"co2_{name}",
        pt.arcsinh(rate / (2.0 * seen.floor)),
        spread,
        lasting,
        logp=logp,
        random=random,
        signature="(i),(i),(i)->(i)",
        observed=np.arcsinh(seen.rate / (2.0 * seen.floor)),
        dims=f"increment_{name}",
    )


def _lasting_misfit(previous: np.ndarray) -> tuple[Any, Any]:
    """Log density and draws of series whose misfit carries over from one interval to the next.

    Parameters
    ----------
    previous
        Position of the interval before each, -1 for the first of a series.
    """
    import pymc as pm

    before = np.maximum(previous, 0)  # where there is none, nothing lasts
    rounds = [np.flatnonzero(previous < 0)]
    while (following := np.flatnonzero(np.isin(previous, rounds[-1]))).size:
        rounds.append(following)

    def logp(value: Any, expected: Any, spread: Any, lasting: Any) -> Any:
        mean = expected + lasting * (value - expected)[before]
        return pm.logp(pm.StudentT.dist(nu=FREEDOM, mu=mean, sigma=spread), value)

    def random(expected, spread, lasting, rng=None, size=None):
        shape = np.shape(expected) if size is None else (*size, previous.size)
        misfit = spread * rng.standard_t(FREEDOM, shape)
        for rows in rounds[1:]:
            misfit[..., rows] += lasting[..., rows] * misfit[..., before[rows]]
        return expected + misfit

    return logp, random


def _final_likelihood(data: Incubations, final: Mapping[str, Any], biomass_error: Any, prior: Priors) -> list[str]:
    """Pools of the last day where they were measured; the names of what is observed.

    Label found in the soil, or in its particles, need not be what the CO2 left
    there: a recovery by run says which share of it was found. Biomass at the
    end was extracted as it was at the start, so the same error is taken off.
    """
    import pymc as pm
    import pytensor.tensor as pt

    dissolved = ~data.treatments["solid"].to_numpy()[data.jars["treatment_index"]]
    # Only what was added as a solid can lie in particles: the pump makes none from glucose.
    usable = {name: True for name in final} | {"substrate_carbon_in_particulate_fraction": ~dissolved}
    measured = {name: np.flatnonzero((data.jars[name] > 0) & usable[name]) for name in final}
    measured = {name: jars for name, jars in measured.items() if jars.size}
    if not measured:
        return []
    model = pm.modelcontext(None)
    model.add_coord("final", list(measured))
    recovered = [name for name in RECOVERED if name in measured]
    if recovered:
        model.add_coord("recovered", recovered)
        recovery = prior.sample("recovery", dims=("recovered", "run"))
    extraction = biomass_error[data.controls["study"].to_numpy()] * biomass_known(data)
    scatter = pt.exp(prior.sample("final_scatter", dims="final"))
    for position, (name, jars) in enumerate(measured.items()):
        members = data.jars.iloc[jars]
        model.add_coord(f"jar_{name}", members["jar_key"].tolist())
        # Chosen before the logarithm: a pool that is empty elsewhere would spoil the gradient.
        expected = pt.log(final[name][members["treatment_index"].to_numpy()])
        if name in recovered:
            expected = expected + recovery[recovered.index(name)][members["run_index"].to_numpy()]
        else:
            expected = expected - extraction[members["control_index"].to_numpy()]
        observed = np.log(members[name].to_numpy() * MILLIGRAM)
        pm.StudentT(name, nu=FREEDOM, mu=expected, sigma=scatter[position], observed=observed, dims=f"jar_{name}")
    return list(measured)


def _notes(data: Incubations) -> tuple[str, ...]:
    negative = sum(int((seen.rate <= 0).sum()) for seen in data.increments.values())
    total = sum(seen.rate.size for seen in data.increments.values())
    return (
        f"{len(data.jars)} jars in {len(data.treatments)} treated runs and {len(data.controls)} controls.",
        f"Efficiency above {GREATEST_EFFICIENCY:g} is ruled out (glucose allows 0.84); higher ones fit as well.",
        f"{negative} of {total} increments are zero or below; the scale of the likelihood keeps them.",
    )
