"""Predictions of a fitted model for a known study, and for a new one.

The two are separate functions because they answer different questions: what
holds in a study that was measured, and what to expect where nothing was. For a
new study the effects of study, soil and slope are drawn anew from their
posterior distributions in every draw; averaging them away would claim a
precision nobody has.

What a model predicts, and from which settings, is said by its predictor: the
entry of the model in ``PREDICTORS`` of ``scenarios`` in the folder of its
subject. A predictor takes :class:`socbayes.scenarios.draws.Draws` and settings
by name, and returns draws with the quantity and the unit they are of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import UnknownNameError
from socbayes.facts import facts_of
from socbayes.scenarios.draws import Draws, verdict
from socbayes.subjects import subjects
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import xarray as xr

type Predictor = Callable[..., tuple[np.ndarray, str, str]]


def predict_new(fitted: xr.DataTree, *, seed: int | None = None, **settings: Any) -> xr.DataArray:
    """Predict for a study nobody has done: its effects are drawn anew.

    Parameters
    ----------
    fitted
        A fit of a model that has a predictor; see :func:`predictors`.
    seed
        Seed of the redrawn effects; scenarios predicted with the same seed are
        paired draw by draw.
    **settings
        Those of the predictor of the model:
        ``help(socbayes.scenarios.predict.predictors()["priming"])`` describes those of one.

    Returns
    -------
    xarray.DataArray
        Dim sample; attrs ``quantity``, ``unit``, and ``converged`` (0 or 1)
        with ``failures``: whether the fit behind it passed its checks, and a
        ``warning`` where it did not.

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
        A fit of a model that has a predictor; see :func:`predictors`.
    study
        Name of the study.
    **settings
        As for :func:`predict_new`.

    Returns
    -------
    xarray.DataArray
        Dim sample; attrs ``quantity``, ``unit``, and ``converged`` (0 or 1)
        with ``failures``: whether the fit behind it passed its checks, and a
        ``warning`` where it did not.

    Raises
    ------
    UnknownNameError
        For an unknown study, setting or level, with the nearest name.

    Examples
    --------
    >>> here = predict_known(fitted, study="Frey et al. 2013", temperature=20)  # doctest: +SKIP
    """
    return _predict(fitted, study, np.random.default_rng(0), settings)


def predictors() -> dict[str, Predictor]:
    """Predictor of every model that has one, by model.

    Examples
    --------
    >>> "cue" in predictors(), "joint" in predictors()
    (True, False)
    """
    modules = (subject.part("scenarios") for subject in subjects())
    return {model: one for module in modules for model, one in getattr(module, "PREDICTORS", {}).items()}


def _predict(
    fitted: xr.DataTree, study: str | None, rng: np.random.Generator, settings: Mapping[str, Any]
) -> xr.DataArray:
    import xarray as xr

    name, known_models = facts_of(fitted).model, predictors()
    if name not in known_models:
        raise UnknownNameError(f"predictions are known for {', '.join(known_models)}, not for a model {name!r}")
    predictor = known_models[name]
    known = list(signature(predictor).parameters)[1:]
    for setting in settings:
        if setting not in known:
            hint = nearest(setting, known)
            raise UnknownNameError(
                f"model {name!r} takes no setting {setting!r}"
                + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
            )
    values, quantity, unit = predictor(Draws(fitted, study, rng), **settings)
    return xr.DataArray(values, dims="sample", attrs={"quantity": quantity, "unit": unit} | verdict(fitted))
