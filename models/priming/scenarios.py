"""What a fitted process model of priming says of additions: to its own jars, to its soils, to a new soil.

Runs of the core on posterior draws, made after sampling, so that the sampled
graph stays small. All carbon in micrograms per gram of soil.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.priming import process as priming_process
from socbayes.models.priming.incubations import MILLIGRAM, Incubations, step_ends
from socbayes.scenarios.draws import values_of, verdict

if TYPE_CHECKING:
    import xarray as xr

NEW_SOIL = "new soil"
#: Spread of log biomass over organic carbon between soils (Xu, Thornton & Post 2013, quartiles 1.02 and 2.71 %).
BIOMASS_SPREAD = np.log(2.71 / 1.02) / 1.349

UNITS = {
    "priming": "native CO2 of the treated jar less that of its control, ug C/g",
    "priming_relative": "the same over the CO2 of the control",
    "priming_real": "native carbon lost from what does not live, ug C/g",
    "priming_apparent": "native carbon lost from microbial biomass, ug C/g",
    "substrate_kept": "substrate carbon not respired, ug C/g",
    "net_balance": "substrate carbon kept less native carbon primed, ug C/g",
}


def jar_outcomes(fitted: xr.DataTree, data: Incubations, *, draws: int = 300, seed: int = 0) -> xr.Dataset:
    """Fate of the carbon of every treated run at its last day.

    Parameters
    ----------
    fitted
        Fit of ``models.priming.process``.
    data
        The incubations that were fitted, laid out by ``priming_process.incubations``.
    draws
        Posterior draws run.
    seed
        Seed of their choice.

    Returns
    -------
    xarray.Dataset
        Variables ``UNITS``, dims sample and treatment, and ``observed``, the
        mean priming of its jars; coordinate ``study``. ``attrs`` say whether
        the fit converged.

    Raises
    ------
    SocbayesError
        If the incubations are not those of the fit.

    Examples
    --------
    >>> import socbayes as sb
    >>> series, endpoints = sb.load_dataset("priming_time_series"), sb.load_dataset("priming_endpoints")
    >>> data = sb.models.priming.process.incubations(series, endpoints)
    >>> outcome = jar_outcomes(sb.load_posterior("priming_process"), data, draws=2)
    >>> dict(outcome["priming"].sizes)
    {'sample': 2, 'treatment': 114}
    """
    import xarray as xr

    _require_same(fitted, data)
    values, beta = values_of(fitted, draws, seed), _beta(fitted)
    basal = priming_process.basal(values, data, np.exp)
    treated = priming_process.treated(values, data, np.exp)
    steps = data.steps[:, data.treatments["study"].to_numpy()]
    outcome = _outcomes(basal, treated, steps, data.doses, beta)
    observed = data.jars.groupby("treatment_index")["primed"].mean().to_numpy()
    study = np.array(data.studies)[data.treatments["study"]]
    return xr.Dataset(
        {name: (("sample", "treatment"), value) for name, value in outcome.items()}
        | {"observed": ("treatment", observed)},
        coords={"treatment": data.treatments["label"].tolist(), "study": ("treatment", study)},
        attrs=verdict(fitted),
    )


def dose_response(
    fitted: xr.DataTree,
    data: Incubations,
    doses: Sequence[float],
    days: float = 60.0,
    *,
    nitrogen: bool = False,
    draws: int = 300,
    seed: int = 0,
) -> xr.Dataset:
    """Fate of one dissolved dose in every soil of the data and in a new one.

    Parameters
    ----------
    fitted, data, draws
        As for :func:`jar_outcomes`.
    doses
        Substrate carbon given at the start, ug C/g.
    days
        When the balance is drawn.
    nitrogen
        Whether nitrogen is given as well; soils without a contrast of their
        own take the average effect.
    seed
        Seed of the choice of draws and of the new soil.

    Returns
    -------
    xarray.Dataset
        Variables ``UNITS``, dims sample, soil_run and dose; the last soil is
        ``"new soil"``, a draw from the population. ``attrs`` say whether the fit converged.

    Raises
    ------
    SocbayesError
        If the incubations are not those of the fit.

    Examples
    --------
    >>> response = dose_response(fitted, data, [30.0, 300.0])  # doctest: +SKIP
    >>> response["net_balance"].sel(soil_run="new soil").median("sample")  # doctest: +SKIP
    """
    import xarray as xr

    _require_same(fitted, data)
    values, beta = values_of(fitted, draws, seed), _beta(fitted)
    basal, effect = _soils(values, data, nitrogen, np.random.default_rng(seed))
    count, dose = basal["respiration"].shape[1], np.asarray(doses, dtype=float) * MILLIGRAM
    sites = np.repeat(np.arange(count), dose.size)
    none = np.zeros((basal["respiration"].shape[0], sites.size))
    given = np.tile(dose, count)
    change = (1.0 + given / basal["biomass"][:, sites]) ** effect["power"][:, sites]
    treated = {
        "control": sites,
        "efficiency": effect["efficiency"][:, sites],
        "uptake": effect["uptake"][:, sites],
        "depolymerisation": effect["depolymerisation"][:, sites] * change,
        "decay": none,
        "soluble": none + 1.0,
        "dose": none + given,
    }
    ends = step_ends(np.array([days]), np.array([]))
    ends = np.unique(np.concatenate([ends, np.linspace(0.0, days, 21)[1:]]))
    steps = np.repeat(np.diff(ends, prepend=0.0)[:, None], sites.size, axis=1)
    outcome = _outcomes(basal, treated, steps, np.zeros_like(steps), beta)
    labels = [*data.soil_runs, NEW_SOIL]
    return xr.Dataset(
        {
            name: (("sample", "soil_run", "dose"), value.reshape(value.shape[0], count, dose.size))
            for name, value in outcome.items()
        },
        coords={"soil_run": labels, "dose": np.asarray(doses, dtype=float)},
        attrs=verdict(fitted),
    )


def break_even(response: xr.Dataset) -> xr.DataArray:
    """Dose from which on an addition no longer costs carbon, ug C/g; by sample and soil.

    Parameters
    ----------
    response
        Of :func:`dose_response`, doses increasing.

    Returns
    -------
    xarray.DataArray
        Interpolated between doses where the net balance turns positive for
        good; 0 where it is positive at every dose, infinite where it is
        negative at the largest: within the doses none exists.

    Examples
    --------
    >>> import xarray as xr
    >>> balance = xr.DataArray([[-1.0, 1.0, 3.0]], dims=("sample", "dose"), coords={"dose": [10.0, 20.0, 30.0]})
    >>> break_even(xr.Dataset({"net_balance": balance})).values.tolist()
    [15.0]
    """
    balance = response["net_balance"].transpose(..., "dose")
    dose, values = balance["dose"].to_numpy(), balance.to_numpy()
    negative = values < 0
    last = dose.size - 1 - np.argmax(negative[..., ::-1], axis=-1)
    after = np.minimum(last + 1, dose.size - 1)
    low, high = (np.take_along_axis(values, place[..., None], axis=-1)[..., 0] for place in (last, after))
    share = np.divide(-low, high - low, out=np.zeros_like(low), where=high > low)
    found = dose[last] + share * (dose[after] - dose[last])
    found = np.where(negative[..., -1], np.inf, np.where(negative.any(axis=-1), found, 0.0))
    return balance.isel(dose=0, drop=True).copy(data=found).rename("break_even")


def _require_same(fitted: xr.DataTree, data: Incubations) -> None:
    """Refuse incubations other than those of the fit: draws are found by position."""
    here = {
        "study": data.studies,
        "run": data.runs,
        "soil": data.soils,
        "soil_run": data.soil_runs,
        "control": data.controls["label"].tolist(),
        "treatment": data.treatments["label"].tolist(),
    }
    for name, labels in here.items():
        told = fitted["posterior"][name].to_numpy().astype(str).tolist()
        if told != labels:
            strangers = sorted(set(told) ^ set(labels)) or labels
            raise SocbayesError(f"the incubations and those of the fit differ in {name}: {', '.join(strangers[:5])}")


def _beta(fitted: xr.DataTree) -> float:
    return float(facts_of(fitted).spec.choices["beta"])


def _soils(
    values: Mapping[str, np.ndarray], data: Incubations, nitrogen: bool, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Basal values and effects of an addition, (sample, soil in a run and then a new one)."""
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

    def drawn(name: str) -> np.ndarray:
        mean, spread = values[f"{name}_mean"], values[f"{name}_sd"]
        return (mean + spread * rng.standard_normal(mean.shape))[:, None]

    study = rng.integers(len(data.studies), size=logit.shape[0])
    rows = np.arange(logit.shape[0])
    new_logit, new_factor, new_uptake = drawn("efficiency"), np.zeros((rows.size, 1)), uptake[:, :1]
    share = 1.0 / (1.0 + np.exp(-values["residue_share"]))
    typical = priming_process.BIOMASS_SHARE * priming_process.ORGANIC
    new = {
        "biomass": typical * np.exp(BIOMASS_SPREAD * rng.standard_normal((rows.size, 1))),
        "half_saturation": np.exp(values["half_saturation"])[rows, study][:, None],
        "residue_share": share[rows, study][:, None],
        "efficiency": priming_process.efficiency(new_logit, np.exp),
        "saturation": np.exp(drawn("elasticity")),
    }
    for name in ("respiration", "supply", "depletion"):
        new[name] = np.exp(drawn(name))
    # What belongs to runs and laboratories is taken from one of them.
    run = rng.integers(len(data.runs), size=rows.size)
    new["turnover"] = np.exp(values["dissolved_turnover"][rows, run])[:, None]
    if nitrogen and "nitrogen" in values:
        contrasted = np.unique(data.treatments["soil"][data.treatments["nitrogen"]])
        place = {k: position for position, k in enumerate(contrasted)}
        average = values["nitrogen_mean"]
        own = np.stack([values["nitrogen"][:, place[k]] if k in place else average for k in soil], axis=1)
        log_factor, new_factor = log_factor + own, new_factor + drawn("nitrogen")
        logit = logit + values["nitrogen_on_efficiency"][:, None]
        new_logit = new_logit + values["nitrogen_on_efficiency"][:, None]
        uptake = uptake * np.exp(values["nitrogen_on_uptake"])[:, None]
        new_uptake = uptake[:, :1]
    effect = {
        "efficiency": priming_process.efficiency(np.concatenate([logit, new_logit], axis=1), np.exp),
        "depolymerisation": np.exp(np.concatenate([log_factor, new_factor], axis=1)),
        "uptake": np.concatenate([uptake, new_uptake], axis=1),
        "power": np.concatenate([power, drawn("addition")], axis=1),
    }
    return {name: np.concatenate([value, new[name]], axis=1) for name, value in basal.items()}, effect


def _outcomes(
    basal: Mapping[str, np.ndarray], treated: Mapping[str, Any], steps: np.ndarray, doses: np.ndarray, beta: float
) -> dict[str, np.ndarray]:
    """Variables ``UNITS``, each (sample, treatment), from a control run and a treated run of every treatment."""
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
