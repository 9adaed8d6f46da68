"""What fitted models of priming say of additions: to their jars, to their soils, to a new soil.

The baseline predicts a change of native CO2. What the process model says are
runs of the core on posterior draws, made after sampling, so that the sampled
graph stays small; their carbon is in micrograms per gram of soil.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.facts import facts_of
from socbayes.frames import numeric
from socbayes.models.priming import process as priming_process
from socbayes.models.priming.baseline import BIOMASS_SHARE, REFERENCE
from socbayes.models.priming.incubations import MILLIGRAM, Incubations, step_ends
from socbayes.models.priming.outcomes import dosed_once, of_soils, outcomes
from socbayes.scenarios.draws import Draws, Predicted, known_label, values_of, verdict

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


class _Covariate(NamedTuple):
    """A number of a soil or of its incubation that acts on the log scale."""

    setting: str
    coefficient: str
    """Variable with its effect per tenfold."""
    population: str
    """Beginning of the names of the variables with its mean and spread over studies."""


_COVARIATES = (
    _Covariate("dose_over_biomass", "dose", "dose_over_biomass"),
    _Covariate("soil_carbon_to_nitrogen", "carbon_to_nitrogen", "carbon_to_nitrogen"),
    _Covariate("soil_organic_carbon", "organic_carbon", "organic_carbon"),
    _Covariate("incubation_day", "duration", ""),
)


class _Part(NamedTuple):
    """What a setting adds to the log ratio, and what had to be drawn or assumed for it."""

    effect: np.ndarray | float = 0.0
    integrated: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    no_effect: tuple[str, ...] = ()


def native_co2(
    draws: Draws,
    *,
    dose_over_biomass: float | None = None,
    added_nitrogen: bool | None = None,
    soil_carbon_to_nitrogen: float | None = None,
    soil_organic_carbon: float | None = None,
    incubation_day: float | None = None,
    soil: str | None = None,
) -> Predicted:
    """Change of native CO2 by the baseline model.

    What is not given is as the jars of a known study have it; otherwise it is drawn from its distribution over
    studies where the model has one, or taken at the reference of ``models.priming.baseline``.

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
        A soil of the known study, or any name for one of a new study; one more soil by default.

    Returns
    -------
    Predicted
        On the scale of log ratios.

    Raises
    ------
    UnknownNameError
        For a soil of another study.
    """
    given = dict(
        zip(
            (covariate.setting for covariate in _COVARIATES),
            (dose_over_biomass, soil_carbon_to_nitrogen, soil_organic_carbon, incubation_day),
            strict=True,
        )
    )
    if draws.study is not None:
        soil = _soil_of_study(draws, soil)
    parts = [_covariate_part(draws, covariate, given[covariate.setting], soil) for covariate in _COVARIATES]
    parts += [_nitrogen_part(draws, added_nitrogen, soil), _soil_part(draws, soil)]
    if draws.study is None:
        study = draws("study_sd") * draws.noise("study")
        spread = draws("scatter_log_sd") if "scatter_log_sd" in draws else 0.0
        scatter = np.exp(draws("scatter_log_mean") + spread * draws.noise("scatter"))
    else:
        study, scatter = draws("study_effect", study=draws.study), draws("scatter", study=draws.study)
    return Predicted(
        centre=draws("level") + study + sum(part.effect for part in parts),
        scatter=scatter,
        shown=lambda ratio: 100 * np.expm1(ratio),
        quantity="change of native CO2",
        unit="percent",
        integrated=tuple(name for part in parts for name in part.integrated),
        assumed=tuple(name for part in parts for name in part.assumed),
        no_effect=tuple(name for part in parts for name in part.no_effect),
    )


def _soil_of_study(draws: Draws, soil: str | None) -> str | None:
    """Label of a soil of the study in the fit; of its only one where none is named."""
    labels = draws.labels("soil")
    named = soil if soil is not None else draws.only("soil")
    if named is None:
        return None
    # A name that several studies gave to soils of theirs has the study before it.
    own = {*draws.stated("soil")["soil"].dropna().astype(str)}
    whole = f"{draws.study}: {named}"
    label = whole if whole in labels else known_label(named, labels, "soil")
    if own and label.removeprefix(f"{draws.study}: ") not in own:
        raise UnknownNameError(
            f"the soil {label!r} is of another study than {draws.study!r}, whose soils are {', '.join(sorted(own))}: "
            "their effects do not add up"
        )
    return label


def _soil_part(draws: Draws, soil: str | None) -> _Part:
    """Effect of the soil: of a known study its own, otherwise that of one more soil."""
    if draws.study is not None and soil is not None:
        return _Part(draws("soil_effect", soil=soil))
    return _Part(draws("soil_sd") * draws.noise(f"soil {soil or ''}"), () if soil else ("soil",))


def _covariate_part(draws: Draws, covariate: _Covariate, value: float | None, soil: str | None) -> _Part:
    """Effect of a covariate."""
    setting, reference = covariate.setting, np.log10(REFERENCE[covariate.setting])
    if covariate.coefficient not in draws:
        return _Part(no_effect=() if value is None else (setting,))
    slope = draws(covariate.coefficient)
    if value is not None:
        if not 0 < value < np.inf:
            raise SocbayesError(f"{setting}={value!r} cannot be used: expected a number above 0")
        return _Part(slope * (np.log10(value) - reference))
    stated = _stated_logarithms(draws, setting, soil)
    if stated.size:
        return _Part(slope * (stated.mean() - reference), assumed=(f"{setting} = {10 ** stated.mean():.3g}",))
    if f"{covariate.population}_mean" not in draws:
        return _Part(assumed=(f"{setting} = {REFERENCE[setting]:g}",))
    usual = draws(f"{covariate.population}_mean") - reference
    if draws.study is not None:  # as in the model: the rest is part of the study's own level
        return _Part(slope * usual)
    return _Part(slope * (usual + draws(f"{covariate.population}_sd") * draws.noise(setting)), (setting,))


def _stated_logarithms(draws: Draws, setting: str, soil: str | None) -> np.ndarray:
    """Logarithms (base 10) of what the jars of the soil, or else of the study, state, as the model takes them."""
    columns = ("substrate_dose", "microbial_biomass", "soil_organic_carbon")
    stated = draws.stated("soil", *columns, "soil_carbon_to_nitrogen", "incubation_day")
    of_soil = stated[stated["soil"].astype(str) == (soil or "").removeprefix(f"{draws.study}: ")]
    stated = of_soil if len(of_soil) else stated
    if setting != "dose_over_biomass":
        values = numeric(stated, setting)
        return np.log10(values[np.isfinite(values)])
    dose, biomass, carbon = (numeric(stated, name) for name in columns)
    logarithms = np.log10(dose / biomass)
    if not np.isfinite(logarithms).any():
        logarithms = np.log10(dose / (carbon * 1000.0)) - BIOMASS_SHARE[0]
    return logarithms[np.isfinite(logarithms)]


def _nitrogen_part(draws: Draws, added: bool | None, soil: str | None) -> _Part:
    """Effect of added nitrogen."""
    assumed: tuple[str, ...] = ()
    if "nitrogen_mean" not in draws:
        return _Part(no_effect=("added_nitrogen",) if added else ())
    if added is None:
        added = draws.only("added_nitrogen") == "yes"
        assumed = (f"added_nitrogen = {'yes' if added else 'no'}",)
    if not added:
        return _Part(assumed=assumed)
    effect = draws("nitrogen_mean")
    if draws.study is not None and draws.has("nitrogen_effect_by_soil", "soil_with_nitrogen", soil):
        effect = draws("nitrogen_effect_by_soil", soil_with_nitrogen=str(soil))
    elif "nitrogen_sd" in draws:
        effect = effect + draws("nitrogen_sd") * draws.noise(f"nitrogen {soil or ''}")
    return _Part(effect, assumed=assumed)


COLUMNS = {"dose_over_biomass": ("substrate_dose", "microbial_biomass")}
"""Quantities of tables that are meant by settings of another name."""
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
