"""Scores of what was predicted without having been seen, and the weights they give to models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.vocabulary import CI_PROB

if TYPE_CHECKING:
    import pandas as pd

COVERED = (0.5, CI_PROB)
"""Probabilities of the equal-tailed intervals whose coverage is counted."""


def ranked(densities: Mapping[str, np.ndarray], others: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Table of models by what they foresaw, best first.

    Parameters
    ----------
    densities
        By label, the log predictive density of each held-out part; the same
        parts in the same order for all.
    others
        By label, further columns.

    Returns
    -------
    pandas.DataFrame
        ``elpd`` and its standard error, ``elpd_difference`` to the best and
        its standard error (paired), ``weight`` of the best mixture, and the others.

    Raises
    ------
    SocbayesError
        If models were scored on different numbers of parts.

    Examples
    --------
    >>> import numpy as np
    >>> table = ranked({"a": np.array([-1.0, -2.0]), "b": np.array([-3.0, -3.0])}, {"a": {"rows": 2}, "b": {"rows": 2}})
    >>> table.index.tolist(), table["elpd_difference"].tolist()
    (['a', 'b'], [0.0, -3.0])
    """
    import pandas as pd

    if len({density.size for density in densities.values()}) > 1:
        raise SocbayesError("the models were not scored on the same measurements")
    weights = stacking_weights(densities)
    best = densities[max(densities, key=lambda label: densities[label].sum())]
    rows = {
        label: {
            "elpd": density.sum(),
            "elpd_se": standard_error(density),
            "elpd_difference": (density - best).sum(),
            "elpd_difference_se": standard_error(density - best),
            "weight": weights[label],
            **others.get(label, {}),
        }
        for label, density in densities.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("elpd", ascending=False)


def stacking_weights(densities: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Weights of the mixture of models that gives what was left out the highest density.

    Parameters
    ----------
    densities
        By label, the log predictive density of each held-out part.

    Returns
    -------
    dict
        Weights that sum to one.

    References
    ----------
    Yao et al. (2018), Bayesian Analysis 13:917.

    Examples
    --------
    >>> import numpy as np
    >>> weights = stacking_weights({"a": np.log([0.8, 0.8, 0.2]), "b": np.log([0.2, 0.2, 0.8])})
    >>> round(weights["a"], 3)
    0.778
    """
    from scipy.optimize import minimize

    log_density = np.stack(list(densities.values()), axis=1)
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    count = density.shape[1]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixture = density @ weights
        return -float(np.log(mixture).mean()), -(density / mixture[:, None]).mean(axis=0)

    # Concave, so any start finds the best; at equal weights every mixture density is above zero.
    found = minimize(
        loss,
        np.full(count, 1.0 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0},
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    weights = np.clip(found.x, 0.0, 1.0)
    weights /= weights.sum()
    return dict(zip(densities, weights.tolist(), strict=True))


def log_mean_exp(log_density: np.ndarray) -> np.ndarray:
    """Log of the mean density over the first axis, the draws.

    Parameters
    ----------
    log_density
        (draw, ...).

    Examples
    --------
    >>> import numpy as np
    >>> round(float(log_mean_exp(np.log(np.array([0.2, 0.4])))), 3)
    -1.204
    """
    highest = log_density.max(axis=0)
    return highest + np.log(np.exp(log_density - highest).mean(axis=0))


def covered(draws: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Whether the equal-tailed intervals ``COVERED`` of draws hold what was observed.

    Parameters
    ----------
    draws
        (draw, measurement).
    observed
        (measurement,).

    Returns
    -------
    numpy.ndarray
        Booleans, (measurement, interval).

    Examples
    --------
    >>> import numpy as np
    >>> covered(np.linspace(0, 1, 101)[:, None], np.array([0.9])).tolist()
    [[False, True]]
    """
    tails = np.array([[(1.0 - p) / 2.0, (1.0 + p) / 2.0] for p in COVERED])
    bounds = np.quantile(draws, tails, axis=0)  # (interval, side, measurement)
    return ((bounds[:, 0] <= observed) & (observed <= bounds[:, 1])).T


def standard_error(values: np.ndarray) -> float:
    """Standard error of a sum of independent values.

    Parameters
    ----------
    values
        Scores, (measurement,).

    Examples
    --------
    >>> import numpy as np
    >>> standard_error(np.array([1.0, 3.0, 1.0, 3.0]))
    2.0
    """
    return float(np.sqrt(values.size) * values.std())


def crps(draws: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of each column of draws, in their unit; less is better.

    Parameters
    ----------
    draws
        (draw, measurement).
    observed
        (measurement,).

    Returns
    -------
    numpy.ndarray
        (measurement,).

    References
    ----------
    Gneiting and Raftery (2007), Journal of the American Statistical Association 102:359.

    Examples
    --------
    >>> import numpy as np
    >>> float(crps(np.zeros((10, 1)), np.array([2.0]))[0])
    2.0
    """
    count = len(draws)
    ordered = np.sort(draws, axis=0)
    # Mean distance between two draws, from their ranks (Gini).
    weight = (2.0 * np.arange(1, count + 1) - count - 1.0)[:, None]
    apart = 2.0 * (weight * ordered).sum(axis=0) / count**2
    return np.abs(draws - observed).mean(axis=0) - 0.5 * apart
