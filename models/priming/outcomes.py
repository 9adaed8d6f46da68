"""Runs of the pump of priming at given values of its parameters: with an addition and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from socbayes.models.priming import process as priming_process
from socbayes.models.priming.incubations import MILLIGRAM, Incubations

#: Spread of log biomass over organic carbon between soils (Xu, Thornton & Post 2013, quartiles 1.02 and 2.71 %).
BIOMASS_SPREAD = np.log(2.71 / 1.02) / 1.349


def of_soils(
    values: Mapping[str, np.ndarray], data: Incubations, nitrogen: bool, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Basal values and effects of an addition, (sample, soil in a run and then a new one).

    Parameters
    ----------
    values
        Posterior draws by variable.
    data
        The incubations that were fitted.
    nitrogen
        Whether nitrogen is given as well.
    rng
        Of the new soil.
    """
    by_control = priming_process.basal(values, data, np.exp)
    members = [np.flatnonzero(data.controls["soil_run"] == k) for k in range(len(data.soil_runs))]
    # Controls of a soil differ in respiration and biomass: the geometric mean stands for the soil.
    basal = {
        name: np.stack([np.exp(np.log(value[:, m]).mean(axis=1)) for m in members], axis=1)
        for name, value in by_control.items()
    }
    treatments = data.treatments.drop_duplicates("soil_run").set_index("soil_run").sort_index()
    run, soil = treatments["run"].to_numpy(), treatments["soil"].to_numpy()
    power, logit = values["addition"][:, run], values["efficiency"].copy()
    log_factor = np.zeros_like(power)
    uptake = np.ones_like(logit)

    new, new_logit = _new_soil(values, data, rng)
    new_factor, new_uptake = np.zeros_like(new_logit), uptake[:, :1]
    if nitrogen and "nitrogen" in values:
        contrasted = np.unique(data.treatments["soil"][data.treatments["nitrogen"]])
        place = {k: position for position, k in enumerate(contrasted)}
        average = values["nitrogen_mean"]
        own = np.stack([values["nitrogen"][:, place[k]] if k in place else average for k in soil], axis=1)
        log_factor, new_factor = log_factor + own, new_factor + _drawn(values, "nitrogen", rng)
        logit = logit + values["nitrogen_on_efficiency"][:, None]
        new_logit = new_logit + values["nitrogen_on_efficiency"][:, None]
        uptake = uptake * np.exp(values["nitrogen_on_uptake"])[:, None]
        new_uptake = uptake[:, :1]
    effect = {
        "efficiency": priming_process.efficiency(np.concatenate([logit, new_logit], axis=1), np.exp),
        "depolymerisation": np.exp(np.concatenate([log_factor, new_factor], axis=1)),
        "uptake": np.concatenate([uptake, new_uptake], axis=1),
        "power": np.concatenate([power, _drawn(values, "addition", rng)], axis=1),
    }
    return {name: np.concatenate([value, new[name]], axis=1) for name, value in basal.items()}, effect


def _new_soil(
    values: Mapping[str, np.ndarray], data: Incubations, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Basal values of a soil drawn from the population, (sample, 1), and the logit of its efficiency."""
    study = rng.integers(len(data.studies), size=values["efficiency"].shape[0])
    rows = np.arange(values["efficiency"].shape[0])
    logit = _drawn(values, "efficiency", rng)
    share = 1.0 / (1.0 + np.exp(-values["residue_share"]))
    typical = priming_process.BIOMASS_SHARE * priming_process.ORGANIC
    new = {
        "biomass": typical * np.exp(BIOMASS_SPREAD * rng.standard_normal((rows.size, 1))),
        "half_saturation": np.exp(values["half_saturation"])[rows, study][:, None],
        "residue_share": share[rows, study][:, None],
        "efficiency": priming_process.efficiency(logit, np.exp),
        "saturation": np.exp(_drawn(values, "elasticity", rng)),
    }
    for name in ("respiration", "supply", "depletion"):
        new[name] = np.exp(_drawn(values, name, rng))
    # What belongs to runs and laboratories is taken from one of them.
    run = rng.integers(len(data.runs), size=rows.size)
    new["turnover"] = np.exp(values["dissolved_turnover"][rows, run])[:, None]
    return new, logit


def _drawn(values: Mapping[str, np.ndarray], name: str, rng: np.random.Generator) -> np.ndarray:
    """Value of a soil drawn from the population, (sample, 1)."""
    mean, spread = values[f"{name}_mean"], values[f"{name}_sd"]
    return (mean + spread * rng.standard_normal(mean.shape))[:, None]


def dosed_once(
    basal: Mapping[str, np.ndarray], effect: Mapping[str, np.ndarray], dose: np.ndarray
) -> dict[str, np.ndarray]:
    """Treatments of every soil with every dose, given dissolved at the start; (sample, soil and dose).

    Parameters
    ----------
    basal, effect
        Of :func:`of_soils`.
    dose
        Carbon, mg/g.
    """
    count = basal["respiration"].shape[1]
    sites = np.repeat(np.arange(count), dose.size)
    none = np.zeros((basal["respiration"].shape[0], sites.size))
    given = np.tile(dose, count)
    change = (1.0 + given / basal["biomass"][:, sites]) ** effect["power"][:, sites]
    return {
        "control": sites,
        "efficiency": effect["efficiency"][:, sites],
        "uptake": effect["uptake"][:, sites],
        "depolymerisation": effect["depolymerisation"][:, sites] * change,
        "decay": none,
        "soluble": none + 1.0,
        "dose": none + given,
    }


def outcomes(
    basal: Mapping[str, np.ndarray], treated: Mapping[str, Any], steps: np.ndarray, doses: np.ndarray, beta: float
) -> dict[str, np.ndarray]:
    """Fate of the carbon by variable, each (sample, treatment), from a control and a treated run of every treatment.

    Parameters
    ----------
    basal
        Values of the controls, (sample, control).
    treated
        What treatments do, (sample, treatment), and which control each has.
    steps, doses
        Length of every step in days and carbon given in it per day, (step, treatment).
    beta
        Exponent of biomass in turnover.
    """
    from socbayes.core import with_label
    from socbayes.core.tracer import priming

    labelled = with_label(priming_process.pump())
    pools, parameters = priming_process.start(basal, beta)
    native, label, changed = priming_process.treat(pools, parameters, basal, treated)
    at = treated["control"]
    shape = native["microbes"].shape
    none = {"dissolved": np.zeros(shape)}
    control = _run(labelled, native, none, {k: v[..., at] for k, v in parameters.items()}, steps, 0.0 * doses, shape)
    outcome = _run(labelled, native, label, changed, steps, doses, shape)
    result = dict(priming(outcome, control, labelled))
    given = treated["dose"] + (doses * steps).sum(axis=0)
    result["substrate_kept"] = given - outcome["co2_label"]
    result["net_balance"] = result["substrate_kept"] - result["priming"]
    return {name: value if name == "priming_relative" else value / MILLIGRAM for name, value in result.items()}


def _run(structure, native, label, parameters, steps, doses, shape) -> dict[str, np.ndarray]:
    """Final states by name, (sample, treatment)."""
    import pytensor
    import pytensor.tensor as pt

    from socbayes.core import integrate

    samples = shape[0]
    given = {f"{k}_native": v for k, v in native.items()} | {f"{k}_label": v for k, v in label.items()}
    zero = np.zeros(shape)
    initial = np.stack([np.broadcast_to(given.get(name, zero), shape).ravel() for name in structure.pools], axis=1)
    flat = {name: np.broadcast_to(value, shape).ravel() for name, value in parameters.items()}
    # Inputs and not constants: arrays of a megabyte cannot be compiled in.
    start, rates = pt.matrix("start"), {name: pt.vector(name) for name in flat}
    varying = {"step_length": pt.matrix("step_length"), "exudate_input": pt.matrix("exudate_input")}
    drivers = {"litter_input": 0.0, "label_dissolved": 1.0, **varying}
    final = integrate(structure, start, rates, drivers, times=[len(steps)], interval=1.0)[0]
    run = pytensor.function([start, *rates.values(), *varying.values()], final)
    out = run(initial, *flat.values(), np.tile(steps, (1, samples)), np.tile(doses, (1, samples)))
    return {name: out[:, k].reshape(shape) for k, name in enumerate(structure.state)}
