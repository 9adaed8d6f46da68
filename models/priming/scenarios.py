"""What fitted models of priming say of additions: to their jars, to their soils, to a new soil.

The baseline predicts a change of native CO2. What the process model says are
runs of the core on posterior draws, made after sampling, so that the sampled
graph stays small; their carbon is in micrograms per gram of soil.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.facts import facts_of
from socbayes.models.priming import process as priming_process
from socbayes.models.priming.baseline import REFERENCE
from socbayes.models.priming.incubations import MILLIGRAM, Incubations, step_ends
from socbayes.models.priming.outcomes import dosed_once, of_soils, outcomes
from socbayes.scenarios.draws import Draws, values_of, verdict

if TYPE_CHECKING:
    import xarray as xr

NEW_SOIL = "new soil"

UNITS = {
    "priming": "native CO2 of the treated jar less that of its control, ug C/g",
    "priming_relative": "the same over the CO2 of the control",
    "priming_real": "native carbon lost from what does not live, ug C/g",
    "priming_apparent": "native carbon lost from microbial biomass, ug C/g",
    "substrate_kept": "substrate carbon not respired, ug C/g",
    "net_balance": "substrate carbon kept less native carbon primed, ug C/g",
}


def native_co2(
    draws: Draws,
    *,
    dose_over_biomass: float = REFERENCE["dose_over_biomass"],
    added_nitrogen: bool = False,
    soil_carbon_to_nitrogen: float = REFERENCE["soil_carbon_to_nitrogen"],
    soil_organic_carbon: float = REFERENCE["soil_organic_carbon"],
    incubation_day: float = REFERENCE["incubation_day"],
    soil: str | None = None,
) -> tuple[np.ndarray, str, str]:
    """Change of native CO2 by the baseline model.

    Parameters
    ----------
    draws
        Of a fit of ``models.priming.baseline``.
    dose_over_biomass
        Added carbon over microbial biomass carbon.
    added_nitrogen
        Whether nitrogen is added as well.
    soil_carbon_to_nitrogen
        Of the soil.
    soil_organic_carbon
        Of the soil, g/kg.
    incubation_day
        When it is measured.
    soil
        One of the soils of a known study; the average one by default.

    Returns
    -------
    tuple
        Draws, quantity and unit.
    """
    ratio = draws("level")
    for value, setting, coefficient in (
        (dose_over_biomass, "dose_over_biomass", "dose"),
        (soil_carbon_to_nitrogen, "soil_carbon_to_nitrogen", "carbon_to_nitrogen"),
        (soil_organic_carbon, "soil_organic_carbon", "organic_carbon"),
        (incubation_day, "incubation_day", "duration"),
    ):
        if coefficient in draws:
            ratio = ratio + draws(coefficient) * np.log10(value / REFERENCE[setting])
        elif value != REFERENCE[setting]:
            raise UnknownNameError(f"{setting} is not in this fit, as its data do not vary in it")
    study_noise, soil_noise, nitrogen_noise = draws.noise(3)
    if draws.study is None:
        ratio = ratio + draws("study_sd") * study_noise + draws("soil_sd") * soil_noise
    else:
        ratio = ratio + draws("study_effect", study=draws.study)
        if soil is not None:
            ratio = ratio + draws("soil_effect", soil=soil)
    if added_nitrogen:
        effect = draws("nitrogen_mean")
        if draws.has("nitrogen_effect_by_soil", "soil_with_nitrogen", soil):
            effect = draws("nitrogen_effect_by_soil", soil_with_nitrogen=str(soil))
        elif draws.study is None and "nitrogen_sd" in draws:
            effect = effect + draws("nitrogen_sd") * nitrogen_noise
        ratio = ratio + effect
    return 100 * np.expm1(ratio), "change of native CO2", "percent"


PREDICTORS = {"priming": native_co2}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""


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
    outcome = outcomes(basal, treated, steps, data.doses, beta)
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
    basal, effect = of_soils(values, data, nitrogen, np.random.default_rng(seed))
    count, dose = basal["respiration"].shape[1], np.asarray(doses, dtype=float) * MILLIGRAM
    treated = dosed_once(basal, effect, dose)
    ends = np.union1d(step_ends(np.array([days]), np.array([])), np.linspace(0.0, days, 21)[1:])
    steps = np.repeat(np.diff(ends, prepend=0.0)[:, None], count * dose.size, axis=1)
    outcome = outcomes(basal, treated, steps, np.zeros_like(steps), beta)
    return xr.Dataset(
        {
            name: (("sample", "soil_run", "dose"), value.reshape(value.shape[0], count, dose.size))
            for name, value in outcome.items()
        },
        coords={"soil_run": [*data.soil_runs, NEW_SOIL], "dose": np.asarray(doses, dtype=float)},
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
