"""Which of several models of the same data predicts it best."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.inference.diagnostics import judged
from socbayes.inference.observed import coordinate, label, main_observed
from socbayes.spec import joined
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

log = logging.getLogger("socbayes")


def compare(fits: Mapping[str, xr.DataTree], var_name: str | None = None) -> pd.DataFrame:
    """Compare fits of different models to the same observations, best first.

    Each observation is predicted from the others (PSIS-LOO); weights are those
    of the best mixture of the models (stacking). A difference in score of less
    than a few of its standard errors decides nothing.

    Parameters
    ----------
    fits
        Fits by the name they get in the table.
    var_name
        Observed variable to predict; the main one of the models by default.

    Returns
    -------
    pandas.DataFrame
        One row per fit, with the columns of ``arviz.compare`` (``elpd_diff``
        with its standard error ``dse``, ``weight``, ...) and

        * ``pareto_k_above``: observations whose score is unsure,
        * ``converged``: 1 where the fit passed its diagnostics.

        ``attrs`` holds ``observed``, ``observations`` and ``warnings``.

    Raises
    ------
    SocbayesError
        For fewer than two fits, fits without a pointwise likelihood of the
        variable, one that is not a number anywhere, or fits of different data.

    References
    ----------
    Vehtari, Gelman and Gabry (2017), Statistics and Computing 27:1413.
    Yao et al. (2018), Bayesian Analysis 13:917.

    Examples
    --------
    >>> import socbayes as sb
    >>> sb.compare({"with gradient": fit_a, "without": fit_b})  # doctest: +SKIP
    """
    import arviz as az

    if len(fits) < 2:
        raise SocbayesError(f"a comparison needs at least two fits, got {len(fits)}")
    name = _common_variable(fits, var_name)
    _require_same_data(fits, name)
    _require_finite(fits, name)
    with warnings.catch_warnings():
        # Unsure scores become a column and a sentence below.
        warnings.simplefilter("ignore", UserWarning)
        scores = {key: az.loo(fitted, var_name=name, pointwise=True) for key, fitted in fits.items()}
        table = az.compare(scores, method="stacking", round_to="none")
    table.index.name = "fit"
    table["pareto_k_above"] = [int((~(scores[key].pareto_k <= scores[key].good_k)).sum()) for key in table.index]
    table["converged"] = [int(judged(fits[key]).converged) for key in table.index]
    notes = _warnings(table, name)
    for note in notes:
        log.warning(note)
    size = next(iter(scores.values())).n_data_points
    table.attrs = {"observed": name, "observations": int(size), "warnings": notes}
    return table


def _common_variable(fits: Mapping[str, xr.DataTree], var_name: str | None) -> str:
    """Observed variable that all fits can be scored on."""
    mains = {}
    for key, fitted in fits.items():
        if "log_likelihood" not in fitted.children or not fitted["log_likelihood"].data_vars:
            raise SocbayesError(f"fit {key!r} has no log_likelihood: an interrupted run cannot be compared")
        held = [str(name) for name in fitted["log_likelihood"].data_vars]
        if var_name is not None and var_name not in held:
            raise SocbayesError(f"fit {key!r} has no observed variable {var_name!r}; it has {joined(held)}")
        mains[key] = var_name or main_observed(fitted, "log_likelihood")[0]
    if len(set(mains.values())) > 1:
        found = "; ".join(f"{key!r}: {name}" for key, name in mains.items())
        raise SocbayesError(
            f"the fits predict different variables ({found}); name one they share with var_name=, "
            "and compare models of the same quantity on the same scale"
        )
    return next(iter(mains.values()))


def _require_same_data(fits: Mapping[str, xr.DataTree], name: str) -> None:
    """Refuse fits whose observations differ in number, order, identity or value."""
    (first, reference), *others = ((key, _observations(key, fitted, name)) for key, fitted in fits.items())
    for key, data in others:
        difference = _difference(reference, data)
        if difference:
            raise SocbayesError(
                f"fits {first!r} and {key!r} are of different data, so their scores cannot be compared: {difference} "
                f"in {label(name)}. Fit both models to the same table"
            )


def _require_finite(fits: Mapping[str, xr.DataTree], name: str) -> None:
    """Refuse log likelihoods that are no numbers: one of them makes a score that ranks the better model last."""
    faults = []
    for key, fitted in fits.items():
        values = fitted["log_likelihood"].to_dataset()[name].transpose("chain", "draw", ...)
        broken = ~np.isfinite(values.to_numpy())
        if broken.any():
            counts = broken.sum(axis=(0, 1)).ravel()
            places = np.flatnonzero(counts)
            one = values.isel(chain=0, draw=0)
            named = [f"{coordinate(one, int(p)) or label(name)} ({counted(counts[p], 'draw')})" for p in places[:3]]
            more = f" and {places.size - 3} more" if places.size > 3 else ""
            found = sorted({str(value) for value in values.to_numpy()[broken]})
            faults.append(f"fit {key!r} at {', '.join(named)}{more}: {', '.join(found)}")
    if faults:
        raise SocbayesError(
            f"the log likelihood of {label(name)} is not finite in {'; '.join(faults)}. A model that gives an "
            "observation no density cannot be scored on it: look at these observations, or let the likelihood reach "
            "them"
        )


def _observations(key: str, fitted: xr.DataTree, name: str) -> xr.DataArray:
    if "observed_data" not in fitted.children or name not in fitted["observed_data"]:
        raise SocbayesError(f"fit {key!r} does not hold the data it was made of")
    return fitted["observed_data"].to_dataset()[name]


def _difference(a: xr.DataArray, b: xr.DataArray) -> str:
    """How two sets of observations differ, empty when they do not."""
    if a.shape != b.shape:
        return f"{a.size:,} observations against {b.size:,}"
    for dim_a, dim_b in zip(a.dims, b.dims, strict=True):
        differing = int((a[dim_a].to_numpy().astype(str) != b[dim_b].to_numpy().astype(str)).sum())
        if differing:
            same = sorted(a[dim_a].to_numpy().astype(str)) == sorted(b[dim_b].to_numpy().astype(str))
            return (
                "the same observations in another order"
                if same
                else f"{counted(differing, 'observation')} with other labels"
            )
    unequal = int((~np.isclose(a.to_numpy(), b.to_numpy(), rtol=1e-9, atol=0, equal_nan=True)).sum())
    return f"{counted(unequal, 'observation')} with other values" if unequal else ""


def _warnings(table: pd.DataFrame, name: str) -> list[str]:
    """Say what a reader must know before using the table."""
    notes = []
    bad = table.index[table["converged"] == 0].tolist()
    if bad:
        own, them = ("its", "it") if len(bad) == 1 else ("their", "them")
        notes.append(f"{joined(bad)} did not pass {own} checks: the scores of {them} mean nothing")
    for key, count in table["pareto_k_above"].items():
        if count:
            high = counted(count, f"observation of {label(name)} has", f"observations of {label(name)} have")
            notes.append(f"{key}: {high} a high Pareto k, so its score is unsure")
    return notes
