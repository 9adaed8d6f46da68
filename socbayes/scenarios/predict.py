"""Predictions of a fitted model for a known study, and for a new one.

The two are separate functions because they answer different questions: what
holds in a study that was measured, and what to expect where nothing was. For a
new study the effects of study, soil and slope are drawn anew from their
posterior distributions in every draw; averaging them away would claim a
precision nobody has. So is what the caller does not state: an ecosystem that is
not given is drawn from the ecosystems, and the attributes of a prediction name it.

What a model predicts, and from which settings, is said by its predictor: the
entry of the model in ``PREDICTORS`` of ``scenarios`` in the folder of its
subject. A predictor takes :class:`socbayes.scenarios.draws.Draws` and settings
by name, and returns :class:`socbayes.scenarios.draws.Predicted`. ``COLUMNS``
beside it says which quantity of tables a setting of another name is, and
``STUDY`` which dimension holds the studies if it is not ``study``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.facts import facts_of
from socbayes.scenarios.draws import Draws, Predicted, known_label, verdict
from socbayes.scenarios.settings import Asked, Columns, asked_of
from socbayes.subjects import model_records, subject_of, subjects
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

type Predictor = Callable[..., Predicted]

OF = ("mean", "measurement")
"""What can be predicted: what repeated measurements lie around, or one more of them."""


def predict_new(
    fitted: xr.DataTree,
    rows: Mapping[str, Any] | pd.DataFrame | None = None,
    *,
    of: str = "mean",
    seed: int | None = None,
    **settings: Any,
) -> xr.DataArray:
    """Predict for a study nobody has done: its effects are drawn anew.

    Parameters
    ----------
    fitted
        A fit of a model that has a predictor; see :func:`predictors`.
    rows
        A table, such as of ``read_table``, for one prediction per row; or one set of settings. Columns are called as
        the settings of the predictor, or as the quantities that tables have. Rows of one ``study`` share its redrawn
        effects; without that column all rows are of one new study. An empty cell is not stated.
    of
        ``"mean"``: what repeated measurements in the new study lie around, which is their median. ``"measurement"``:
        one measurement there, which scatters around it as those of the data do.
    seed
        Seed of all that is drawn anew; scenarios predicted with the same seed are paired draw by draw.
    **settings
        For all rows: those of the predictor of the model.
        ``help(socbayes.scenarios.predict.predictors()["priming"])`` describes those of one. What is not given is drawn
        as the model holds it to be distributed.

    Returns
    -------
    xarray.DataArray
        Dim sample, and row for a table. ``attrs``: ``quantity``, ``unit``; ``predicted``, which of the two it is;
        ``integrated``, what was not given and drawn anew; ``assumed``, what was not given and has no distribution in
        the fit; ``not_used``, columns that say nothing to the model or have no effect in this fit; and
        ``converged`` (0 or 1) with ``failures``, and a ``warning`` where the fit did not pass its checks.

    Raises
    ------
    UnknownNameError
        For a setting, a column or a level the model does not have, with the nearest name.
    SocbayesError
        For a value that cannot mean what its setting says.

    Examples
    --------
    >>> warm = predict_new(fitted, temperature=25, method="water_18O", seed=1)  # doctest: +SKIP
    >>> each = predict_new(fitted, sb.read_table("ours.csv", "cue"), of="measurement")  # doctest: +SKIP
    """
    return _predict(fitted, rows, settings, of=of, seed=seed)


def predict_known(
    fitted: xr.DataTree,
    rows: Mapping[str, Any] | pd.DataFrame | None = None,
    *,
    study: str | None = None,
    of: str = "mean",
    seed: int = 0,
    **settings: Any,
) -> xr.DataArray:
    """Predict for a study of the data, with the effects estimated for it.

    Parameters
    ----------
    fitted
        A fit of a model that has a predictor; see :func:`predictors`.
    rows
        As for :func:`predict_new`.
    study
        Name of the study; by default that in the column ``study`` of each row.
    of
        As for :func:`predict_new`: the mean of the study, or one more measurement in it.
    seed
        Of what the settings and the study leave open.
    **settings
        As for :func:`predict_new`. What is not given is as the rows of the study have it, where they agree.

    Returns
    -------
    xarray.DataArray
        As of :func:`predict_new`.

    Raises
    ------
    UnknownNameError
        For an unknown study, setting or level, with the nearest name.
    SocbayesError
        For a value that cannot mean what its setting says, or without a study.

    Examples
    --------
    >>> here = predict_known(fitted, study="Frey et al. 2013", temperature=20)  # doctest: +SKIP
    """
    return _predict(fitted, rows, settings, of=of, seed=seed, known=True, study=study)


def predictors() -> dict[str, Predictor]:
    """Predictor of every model that has one, by model.

    Examples
    --------
    >>> "cue" in predictors(), "joint" in predictors()
    (True, False)
    """
    modules = (subject.part("scenarios") for subject in subjects())
    bundled = {model: one for module in modules for model, one in getattr(module, "PREDICTORS", {}).items()}
    return bundled | _OWN


_OWN: dict[str, Predictor] = {}


def register(model: str, predictor: Predictor) -> None:
    """Let fits of a model of your own predict, in this process.

    Parameters
    ----------
    model
        Name that :func:`socbayes.describe` gave it.
    predictor
        Takes :class:`socbayes.scenarios.draws.Draws` and settings by name, and returns
        :class:`socbayes.scenarios.draws.Predicted`. The last one registered counts.

    Raises
    ------
    SocbayesError
        For the name of a model of socbayes.

    Examples
    --------
    >>> from socbayes.scenarios.draws import Draws, Predicted
    >>> def level(draws: Draws) -> Predicted:
    ...     return Predicted(draws("level"), draws("scatter"), lambda value: value, "level", "g/kg")
    >>> register("my_levels", level)
    >>> "my_levels" in predictors()
    True
    """
    if model_records().get(model) is not None:
        raise SocbayesError(f"{model!r} is a model of socbayes: give yours a name of its own")
    _OWN[model] = predictor


def settings_taken(model: str) -> list[str]:
    """Settings that the predictor of a model takes.

    Parameters
    ----------
    model
        One of :func:`predictors`.

    Examples
    --------
    >>> settings_taken("mcp")
    ['practice', 'response', 'ecosystem']
    """
    return list(signature(predictors()[model]).parameters)[1:]


def _predict(
    fitted: xr.DataTree,
    rows: Mapping[str, Any] | pd.DataFrame | None,
    settings: Mapping[str, Any],
    *,
    of: str,
    seed: int | None,
    known: bool = False,
    study: str | None = None,
) -> xr.DataArray:
    import xarray as xr

    model, known_models = facts_of(fitted).model, predictors()
    if model not in known_models:
        raise UnknownNameError(f"predictions are known for {', '.join(known_models)}, not for a model {model!r}")
    if of not in OF:
        hint = nearest(str(of), OF)
        raise UnknownNameError(
            f"of={of!r} is neither of {' and '.join(OF)}" + (f"; did you mean {hint!r}?" if hint else "")
        )
    subject = subject_of(model)
    part = subject.part("scenarios") if subject else None
    columns: Columns = getattr(part, "COLUMNS", {})
    asked = asked_of(rows, settings, settings_taken(model), columns)
    drawn = int(np.random.SeedSequence(seed).generate_state(1)[0])
    draws = Draws(fitted, seed=drawn)
    where = _studies(asked.studies, known, study)
    if known:
        studies = draws.labels(getattr(part, "STUDY", "study"))
        where = [known_label(name, studies, "study") for name in where]
    of_rows = [draws.of_row(name if known else None, name, row) for row, name in enumerate(where)]
    predicted = [known_models[model](own, **one) for own, one in zip(of_rows, asked.settings, strict=True)]
    without = [name for one in predicted for name in one.no_effect]
    if without and asked.labels is None:
        raise UnknownNameError(f"{without[0]} cannot be chosen: the data of this fit do not vary in it")
    values = np.stack([_values(one, own, of) for one, own in zip(predicted, of_rows, strict=True)], axis=1)
    attributes = _attributes(predicted, asked, of, known, where) | verdict(fitted)
    if asked.labels is None:
        return xr.DataArray(values[:, 0], dims="sample", attrs=attributes)
    return xr.DataArray(values, dims=("sample", "row"), coords={"row": asked.labels}, attrs=attributes)


def _studies(stated: Sequence[str | None], known: bool, study: str | None) -> list[str]:
    """Study of each row; empty for the new one of rows that state none."""
    if not known:
        return [name or "" for name in stated]
    others = sorted({name for name in stated if name and study and name != study})
    if others:
        raise SocbayesError(f"study={study!r} is asked for, but a row is of {others[0]!r}: leave one of them out")
    found = [study or name for name in stated]
    if None in found:
        raise SocbayesError("no study is named: give study=..., or a column `study` without empty cells")
    return [str(name) for name in found]


def _values(one: Predicted, draws: Draws, of: str) -> np.ndarray:
    """Draws of a row: what measurements lie around, or one measurement, whose error no other row shares."""
    if of == "mean":
        return one.shown(one.centre)
    return one.shown(one.centre + one.scatter * draws.noise("measurement", "row"))


def _attributes(
    predicted: Sequence[Predicted], asked: Asked, of: str, known: bool, studies: Sequence[str]
) -> dict[str, str]:
    """What a prediction says of itself."""
    names = sorted(set(studies))
    if not known:
        place = "a new study" if len(names) == 1 else f"each of {len(names)} new studies"
    else:
        place = names[0] if len(names) == 1 else f"each of {len(names)} studies of the data"
    without = [tuple(f"{name} (no effect in this fit)" for name in one.no_effect) for one in predicted]
    unused = ([one.not_used for one in predicted], without)
    what = "what repeated measurements lie around" if of == "mean" else "one measurement"
    return {
        "quantity": predicted[0].quantity,
        "unit": predicted[0].unit,
        "of": of,
        "predicted": f"{what}, in {place}",
        "integrated": _counted([one.integrated for one in predicted]),
        "assumed": _counted([one.assumed for one in predicted]),
        "not_used": ", ".join(filter(None, [*asked.not_used, *(_counted(names) for names in unused)])),
    }


def _counted(names: Sequence[tuple[str, ...]]) -> str:
    """Names by row as a list, those of some rows only with how many they are of."""
    counts = {name: sum(name in one for one in names) for name in dict.fromkeys(name for one in names for name in one)}
    return ", ".join(
        name if count == len(names) else f"{name} ({count} of {len(names)} rows)" for name, count in counts.items()
    )
