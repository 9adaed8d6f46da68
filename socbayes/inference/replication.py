"""Whether a fitted model gives back the mean and the spread of its own data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.inference.observed import label
from socbayes.vocabulary import CI_PROB

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

TAIL = 0.005
"""Predictive tail probability beyond which a statistic of the data is not one of the model's."""

SHIFT = 0.5
"""Distance of the means, in standard deviations of the data, that matters."""

STRETCH = 2.0
"""Ratio of the standard deviations that matters, either way."""

OUTSIDE = 0.25
"""Part of the observations that may lie outside their own central predictive intervals of 1 - 2 TAIL."""


FEW = 8
"""Observations below which a mean and a spread say little of a variable: they are shown and not judged."""


def replication_table(fitted: xr.DataTree) -> pd.DataFrame:
    """Mean and spread of every observed variable beside those of replicated data.

    Parameters
    ----------
    fitted
        A fit with posterior_predictive and observed_data.

    Returns
    -------
    pandas.DataFrame
        By variable and statistic (mean, spread, observations): ``observed``; ``replicated``, the median over
        replicated data sets, with ``lower`` and ``upper``; ``p``, the share of them below the observed one;
        ``effect``, the distance that is judged; ``failed``. Empty where the fit has no replicated data.

    References
    ----------
    Gelman, Meng and Stern (1996), Statistica Sinica 6:733.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    if {"posterior_predictive", "observed_data"} <= set(fitted.children):
        seen, made = fitted["observed_data"].to_dataset(), fitted["posterior_predictive"].to_dataset()
        for name in (str(name) for name in seen.data_vars if name in made):
            if seen[name].dtype.kind in "fiub":
                drawn = made[name].transpose("chain", "draw", *seen[name].dims).to_numpy()
                rows += _rows(name, seen[name].to_numpy().ravel(), drawn.reshape(-1, seen[name].size))
    names = ["variable", "statistic", "observed", "replicated", "lower", "upper", "p", "effect", "failed"]
    return pd.DataFrame(rows, columns=names).set_index(["variable", "statistic"])


def _rows(name: str, data: np.ndarray, drawn: np.ndarray) -> list[dict[str, Any]]:
    """Statistics of one variable; data (observation,), drawn (sample, observation)."""
    data, drawn = data.astype("float64"), drawn.astype("float64")
    known = np.isfinite(data) & np.isfinite(drawn).any(axis=0)
    data, drawn = data[known], np.where(np.isfinite(drawn), drawn, np.nan)[:, known]
    if not data.size:
        return []
    mean, spread = np.nanmean(drawn, axis=1), np.nanstd(drawn, axis=1)
    # Equal values may differ in their last digit; then the model itself says what is far.
    varied = data.std() > 1e-9 * np.abs(data).max()
    scale = (data.std() if varied else 0.0) or float(np.median(spread)) or float(mean.std())
    rows = [_row(name, "mean", data.mean(), mean, abs(data.mean() - np.median(mean)) / scale if scale else 0.0, SHIFT)]
    if varied:
        ratio = max(float(np.median(spread)), 1e-300) / data.std()
        rows.append(_row(name, "spread", data.std(), spread, max(ratio, 1 / ratio), STRETCH))
    rows.append(_of_each(name, data, drawn))
    return [row | {"failed": bool(row["failed"]) and data.size >= FEW} for row in rows]


def _row(
    name: str, statistic: str, observed: float, replicated: np.ndarray, effect: float, limit: float
) -> dict[str, Any]:
    lower, median, upper = np.quantile(replicated, [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2])
    p = float((replicated < observed).mean() + 0.5 * (replicated == observed).mean())
    failed = effect > limit and not TAIL <= p <= 1 - TAIL
    numbers = {"observed": float(observed), "replicated": median, "lower": lower, "upper": upper}
    return {"variable": name, "statistic": statistic, **numbers, "p": p, "effect": float(effect), "failed": failed}


def _of_each(name: str, data: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """Part of the observations outside their own predictive intervals, beside the part that should be."""
    from scipy.stats import binom

    below = np.nanmean(drawn < data, axis=0) + 0.5 * np.nanmean(drawn == data, axis=0)
    outside = (below < TAIL) | (below > 1 - TAIL)
    share, p = float(outside.mean()), float(binom.sf(outside.sum() - 1, data.size, 2 * TAIL))
    numbers = {"observed": share, "replicated": 2 * TAIL, "lower": 0.0, "upper": OUTSIDE, "p": p, "effect": share}
    return {"variable": name, "statistic": "observations", **numbers, "failed": share > OUTSIDE and p < TAIL}


def replication_faults(table: pd.DataFrame) -> list[str]:
    """Say what of its own data a fit does not give back, in clauses; empty when it gives back all.

    Parameters
    ----------
    table
        Of :func:`replication_table`.
    """
    faults = []
    for (name, statistic), row in table[table["failed"].astype(bool)].iterrows():
        if statistic == "observations":
            faults.append(
                f"{row['observed']:.0%} of the observations of {label(str(name))} lie outside their own 99 % "
                "predictive intervals"
            )
            continue
        what = "mean" if statistic == "mean" else "standard deviation"
        faults.append(
            f"the {what} of {label(str(name))} is {row['observed']:.4g} in the data and {row['lower']:.4g} to "
            f"{row['upper']:.4g} in data replicated by the fit"
        )
    return faults
