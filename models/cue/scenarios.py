"""What fitted models of carbon use efficiency predict.

The baseline predicts an efficiency. The process model says what each method
would print of one soil: runs of the core on posterior draws, made after sampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import UnknownNameError
from socbayes.models.cue.baseline import GRADIENT_METHOD, REFERENCE_TEMPERATURE, REFERENCE_TIME
from socbayes.models.cue.process import LABEL, SHOWN_HOURS, TRACE, apparent_efficiency
from socbayes.scenarios.draws import Draws, values_of, verdict
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import xarray as xr

CAUSES = ("substrate", "incubation time", "method")


def efficiency(
    draws: Draws,
    *,
    temperature: float = REFERENCE_TEMPERATURE,
    method: str = "substrate_label",
    ecosystem: str | None = None,
    substrate: str | None = None,
    hours: float = REFERENCE_TIME,
) -> tuple[np.ndarray, str, str]:
    """Carbon use efficiency by the baseline model.

    Parameters
    ----------
    draws
        Of a fit of ``models.cue.baseline``.
    temperature
        Of the incubation, degC.
    method
        How it is measured.
    ecosystem, substrate
        The average one by default.
    hours
        Length of the incubation.

    Returns
    -------
    tuple
        Draws, quantity and unit.
    """
    logit = draws("level", measurement_method=method)
    slope = draws("slope_method", measurement_method=method)
    if ecosystem is not None:
        logit = logit + draws("ecosystem_effect", ecosystem=ecosystem)
    if substrate is not None:
        logit = logit + draws("substrate_effect", substrate=substrate)
    if draws.has("time_method", "timed_method", method):
        logit = logit + draws("time_method", timed_method=method) * np.log10(hours / REFERENCE_TIME)
    elif hours != REFERENCE_TIME:
        raise UnknownNameError(f"no study of {method!r} states an incubation time, so hours cannot be chosen for it")
    level_noise, slope_noise = draws.noise(2)
    if draws.study is None:
        soils = method == GRADIENT_METHOD
        logit = logit + draws("soil_sd" if soils else "study_sd") * level_noise
        spread = "slope_sd_soils" if soils else "slope_sd_studies"
        slope = slope + (draws(spread) * slope_noise if spread in draws else 0.0)
    else:
        logit = logit + draws("study_effect", study=draws.study)
        if draws.has("study_slope", "study_with_temperatures", draws.study):
            slope = draws("study_slope", study_with_temperatures=draws.study)
        if "study_warmth_effect" in draws:
            logit = logit + draws("study_warmth_effect", study=draws.study)
    logit = logit + slope * (temperature - REFERENCE_TEMPERATURE)
    return 1 / (1 + np.exp(-logit)), "carbon use efficiency", "1"


PREDICTORS = {"cue": efficiency}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""


def printed(
    fitted: xr.DataTree,
    hours: Sequence[float] = SHOWN_HOURS,
    *,
    substrate: str = "glucose",
    draws: int = 500,
    seed: int = 0,
) -> xr.Dataset:
    """Efficiency that each method would print of the same microbes at 15 degC, in the typical study.

    Parameters
    ----------
    fitted
        Fit of ``models.cue.process``.
    hours
        Lengths of incubations with a labelled substrate.
    substrate
        What is labelled.
    draws, seed
        Posterior draws run, and seed of their choice.

    Returns
    -------
    xarray.Dataset
        ``intrinsic`` (sample); ``printed`` (sample, measurement_method) of methods that
        see the moment; ``labelled`` (sample, hours) of the labelled substrate;
        and ``difference`` (sample, cause, hours), what the substrate, the
        incubation time and the method add to its logit. ``attrs`` say whether
        the fit converged.

    Raises
    ------
    UnknownNameError
        For a substrate the fit does not have, with the nearest name.

    Examples
    --------
    >>> import socbayes as sb
    >>> seen = printed(sb.load_posterior("cue_process"), draws=20)
    >>> bool((seen["labelled"].sel(hours=1) > seen["labelled"].sel(hours=48)).all())
    True
    """
    import xarray as xr

    posterior = fitted["posterior"].to_dataset()
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    values = values_of(fitted, draws, seed)
    level = values["level"]
    on_substrate = level + values["substrate_effect"][:, _place(posterior, substrate)]
    after = _labelled(values, on_substrate, hours)
    gap = values["discrepancy"]
    of_label = gap[:, methods.index(LABEL)][:, None]
    causes = (on_substrate - level)[:, None], after - on_substrate[:, None], of_label
    instant = [place for place, name in enumerate(methods) if name != LABEL]
    return xr.Dataset(
        {
            "intrinsic": ("sample", _logistic(level)),
            "printed": (("sample", "measurement_method"), _logistic(level[:, None] + gap[:, instant])),
            "labelled": (("sample", "hours"), _logistic(after + of_label)),
            "difference": (("sample", "cause", "hours"), np.stack(np.broadcast_arrays(*causes), axis=1)),
        },
        coords={"measurement_method": [methods[k] for k in instant], "hours": list(hours), "cause": list(CAUSES)},
        attrs=verdict(fitted) | {"substrate": substrate},
    )


def _place(posterior: xr.Dataset, substrate: str) -> int:
    """Position of a substrate in a fit."""
    known = [str(name) for name in posterior["substrate"].to_numpy()]
    if substrate not in known:
        hint = nearest(substrate, known)
        raise UnknownNameError(
            f"no substrate named {substrate!r} in this fit"
            + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
        )
    return known.index(substrate)


def _labelled(values: Mapping[str, np.ndarray], logit: np.ndarray, hours: Sequence[float]) -> np.ndarray:
    """Logit of what is left in biomass of a label after so many hours, (sample, hours)."""
    count = len(hours)

    def each(value: np.ndarray) -> np.ndarray:
        return np.repeat(value, count)

    seen = apparent_efficiency(
        each(_logistic(logit)),
        each(values["turnover"]),
        each(np.exp(values["log_uptake"])),
        each(_logistic(values["residue_share"])),
        np.tile(np.asarray(hours, dtype="float64"), logit.size),
        TRACE * np.ones(logit.size * count),
    ).eval()
    return np.log(seen / (1.0 - seen)).reshape(logit.size, count)


def _logistic(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
