"""Predictions of a fitted model for a known study, and for a new one.

The two are separate functions because they answer different questions: what
holds in a study that was measured, and what to expect where nothing was. For a
new study the effects of study, soil and slope are drawn anew from their
posterior distributions in every draw; averaging them away would claim a
precision nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import UnknownNameError
from socbayes.models.cue import baseline as cue_model
from socbayes.models.mcp import baseline as mcp_model
from socbayes.models.priming import baseline as priming_model
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

NO_CHANGE = "no_change"
"""Practice of a scenario in which everything stays as it is."""


def predict_new(fitted: xr.DataTree, *, seed: int | None = None, **settings: Any) -> xr.DataArray:
    """Predict for a study nobody has done: its effects are drawn anew.

    Parameters
    ----------
    fitted
        A fit of one of the models in ``socbayes.models``.
    seed
        Seed of the redrawn effects; scenarios predicted with the same seed are
        paired draw by draw.
    **settings
        For ``cue``: ``temperature`` (degC, 15), ``method``
        (``"substrate_label"``), ``ecosystem`` and ``substrate`` (the average
        one), ``hours`` (24).
        For ``priming``: ``dose_over_biomass`` (1), ``added_nitrogen``
        (False), ``soil_carbon_to_nitrogen`` (12), ``soil_organic_carbon``
        (20 g/kg), ``incubation_day`` (60).
        For ``mcp``: ``practice``, or ``"no_change"``, and ``response``
        (``"necromass_share"``, ``"necromass"`` or ``"soil_organic_carbon"``).

    Returns
    -------
    xarray.DataArray
        Dim sample; attrs ``quantity`` and ``unit``.

    Raises
    ------
    UnknownNameError
        For a setting or a level the model does not have, with the nearest name.

    Examples
    --------
    >>> warm = predict_new(fitted, temperature=25, method="water_18O", seed=1)  # doctest: +SKIP
    """
    return _predict(fitted, None, np.random.default_rng(seed), settings)


def predict_known(fitted: xr.DataTree, *, study: str, **settings: Any) -> xr.DataArray:
    """Predict for a study of the data, with the effects estimated for it.

    Parameters
    ----------
    fitted
        A fit of one of the models in ``socbayes.models``.
    study
        Name of the study.
    **settings
        As for :func:`predict_new`; ``priming`` also takes ``soil``.

    Returns
    -------
    xarray.DataArray
        Dim sample; attrs ``quantity`` and ``unit``.

    Raises
    ------
    UnknownNameError
        For an unknown study, setting or level, with the nearest name.

    Examples
    --------
    >>> here = predict_known(fitted, study="Frey et al. 2013", temperature=20)  # doctest: +SKIP
    """
    return _predict(fitted, study, np.random.default_rng(0), settings)


def sector_probabilities(fitted: xr.DataTree, *, band: float = mcp_model.EQUIVALENCE_BAND) -> pd.DataFrame:
    """Probability of each sector of the (n, s) plane for a new study of each practice.

    Parameters
    ----------
    fitted
        A fit of the model ``mcp``.
    band
        Log ratios within this band of zero count as no practical change.

    Returns
    -------
    pandas.DataFrame
        Practices by sectors; rows sum to one.

    Examples
    --------
    >>> sector_probabilities(fitted).loc["no_tillage"]  # doctest: +SKIP
    """
    import pandas as pd

    ratio = fitted.posterior["log_ratio_new_study"].stack(sample=("chain", "draw"))
    index = mcp_model.sector(ratio.sel(response="necromass"), ratio.sel(response="soil_organic_carbon"), band)
    shares = np.stack([(index == position).mean(axis=1) for position in range(len(mcp_model.SECTORS))], axis=1)
    return pd.DataFrame(
        shares, index=pd.Index(ratio["practice"].to_numpy(), name="practice"), columns=mcp_model.SECTORS
    )


class _Draws:
    """Posterior draws as flat arrays, with did-you-mean on every name."""

    def __init__(self, fitted: xr.DataTree) -> None:
        self.posterior = fitted.posterior.to_dataset().stack(sample=("chain", "draw"))
        self.size = self.posterior.sizes["sample"]

    def __call__(self, name: str, **labels: str) -> np.ndarray:
        values = self.posterior[name]
        for dim, label in labels.items():
            known = [str(level) for level in values[dim].to_numpy()]
            if label not in known:
                hint = nearest(str(label), known)
                raise UnknownNameError(
                    f"no {dim.replace('_', ' ')} named {label!r} in this fit"
                    + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
                )
            values = values.sel({dim: label})
        return values.transpose("sample", ...).to_numpy()

    def __contains__(self, name: str) -> bool:
        return name in self.posterior

    def has(self, name: str, dim: str, label: str | None) -> bool:
        return name in self.posterior and label in self.posterior[dim].to_numpy().tolist()


def _predict(
    fitted: xr.DataTree, study: str | None, rng: np.random.Generator, settings: Mapping[str, Any]
) -> xr.DataArray:
    import xarray as xr

    name = str(fitted.attrs.get("model", "user"))
    if name not in _PREDICTORS:
        raise UnknownNameError(f"predictions are known for {', '.join(_PREDICTORS)}, not for a model {name!r}")
    predictor = _PREDICTORS[name]
    known = [parameter for parameter in signature(predictor).parameters if parameter not in ("draws", "study", "rng")]
    for setting in settings:
        if setting not in known:
            hint = nearest(setting, known)
            raise UnknownNameError(
                f"model {name!r} takes no setting {setting!r}"
                + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
            )
    values, quantity, unit = predictor(_Draws(fitted), study, rng, **settings)
    return xr.DataArray(values, dims="sample", attrs={"quantity": quantity, "unit": unit})


def _cue(
    draws: _Draws,
    study: str | None,
    rng: np.random.Generator,
    *,
    temperature: float = cue_model.REFERENCE_TEMPERATURE,
    method: str = "substrate_label",
    ecosystem: str | None = None,
    substrate: str | None = None,
    hours: float = cue_model.REFERENCE_TIME,
) -> tuple[np.ndarray, str, str]:
    logit = draws("level", measurement_method=method)
    slope = draws("slope_method", measurement_method=method)
    if ecosystem is not None:
        logit = logit + draws("ecosystem_effect", ecosystem=ecosystem)
    if substrate is not None:
        logit = logit + draws("substrate_effect", substrate=substrate)
    if draws.has("time_method", "timed_method", method):
        logit = logit + draws("time_method", timed_method=method) * np.log10(hours / cue_model.REFERENCE_TIME)
    elif hours != cue_model.REFERENCE_TIME:
        raise UnknownNameError(f"no study of {method!r} states an incubation time, so hours cannot be chosen for it")
    # Both effects are drawn whatever the settings, so that scenarios with one seed stay paired.
    level_noise, slope_noise = rng.standard_normal((2, draws.size))
    if study is None:
        soils = method == cue_model.GRADIENT_METHOD
        logit = logit + draws("soil_sd" if soils else "study_sd") * level_noise
        spread = "slope_sd_soils" if soils else "slope_sd_studies"
        slope = slope + (draws(spread) * slope_noise if spread in draws else 0.0)
    else:
        logit = logit + draws("study_effect", study=study)
        if draws.has("study_slope", "study_with_temperatures", study):
            slope = draws("study_slope", study_with_temperatures=study)
        if "study_warmth_effect" in draws:
            logit = logit + draws("study_warmth_effect", study=study)
    logit = logit + slope * (temperature - cue_model.REFERENCE_TEMPERATURE)
    return 1 / (1 + np.exp(-logit)), "carbon use efficiency", "1"


def _priming(
    draws: _Draws,
    study: str | None,
    rng: np.random.Generator,
    *,
    dose_over_biomass: float = priming_model.REFERENCE["dose_over_biomass"],
    added_nitrogen: bool = False,
    soil_carbon_to_nitrogen: float = priming_model.REFERENCE["soil_carbon_to_nitrogen"],
    soil_organic_carbon: float = priming_model.REFERENCE["soil_organic_carbon"],
    incubation_day: float = priming_model.REFERENCE["incubation_day"],
    soil: str | None = None,
) -> tuple[np.ndarray, str, str]:
    ratio = draws("level")
    for value, setting, coefficient in (
        (dose_over_biomass, "dose_over_biomass", "dose"),
        (soil_carbon_to_nitrogen, "soil_carbon_to_nitrogen", "carbon_to_nitrogen"),
        (soil_organic_carbon, "soil_organic_carbon", "organic_carbon"),
        (incubation_day, "incubation_day", "duration"),
    ):
        if coefficient in draws:
            ratio = ratio + draws(coefficient) * np.log10(value / priming_model.REFERENCE[setting])
        elif value != priming_model.REFERENCE[setting]:
            raise UnknownNameError(f"{setting} is not in this fit, as its data do not vary in it")
    study_noise, soil_noise, nitrogen_noise = rng.standard_normal((3, draws.size))
    if study is None:
        ratio = ratio + draws("study_sd") * study_noise + draws("soil_sd") * soil_noise
    else:
        ratio = ratio + draws("study_effect", study=study)
        if soil is not None:
            ratio = ratio + draws("soil_effect", soil=soil)
    if added_nitrogen:
        effect = draws("nitrogen_mean")
        if draws.has("nitrogen_effect_by_soil", "soil_with_nitrogen", soil):
            effect = draws("nitrogen_effect_by_soil", soil_with_nitrogen=str(soil))
        elif study is None and "nitrogen_sd" in draws:
            effect = effect + draws("nitrogen_sd") * nitrogen_noise
        ratio = ratio + effect
    return 100 * np.expm1(ratio), "change of native CO2", "percent"


def _mcp(
    draws: _Draws,
    study: str | None,
    rng: np.random.Generator,
    *,
    practice: str,
    response: str = "necromass_share",
    ecosystem: str = "cropland",
) -> tuple[np.ndarray, str, str]:
    responses = (*mcp_model.RESPONSES, "necromass_share")
    if response not in responses:
        hint = nearest(response, list(responses))
        raise UnknownNameError(f"no response {response!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    noise = rng.standard_normal((2, draws.size))
    if practice == NO_CHANGE:
        ratio = np.zeros((draws.size, 2))
    elif study is None:
        scale, correlation = draws("study_effect_sd"), draws("study_correlation")
        first = scale[:, 0] * noise[0]
        second = scale[:, 1] * (correlation * noise[0] + np.sqrt(1 - correlation**2) * noise[1])
        ratio = draws("log_ratio", practice=practice) + np.stack([first, second], axis=1)
    else:
        ratio = draws("log_ratio", practice=practice) + draws("study_effect", pair_study=study)
    if response == "necromass_share":
        change = draws("necromass_share", ecosystem=ecosystem) * np.expm1(ratio[:, 0] - ratio[:, 1])
        return change, "change of the necromass share", "1"
    name = response.replace("_", " ")
    return 100 * np.expm1(ratio[:, mcp_model.RESPONSES.index(response)]), f"change of {name}", "percent"


_PREDICTORS: dict[str, Callable[..., tuple[np.ndarray, str, str]]] = {"cue": _cue, "priming": _priming, "mcp": _mcp}
