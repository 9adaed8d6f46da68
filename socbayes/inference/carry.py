"""How a posterior becomes the prior of another model (:mod:`socbayes.carried`).

Parameters for a new site have heavier tails than a normal, as the spread
between sites is itself uncertain: one multivariate t stands for them, or none is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.carried import CarriedPrior
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.facts import facts_of
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import xarray as xr

MAX_DISTANCE = 0.1
"""Kolmogorov-Smirnov distance above which a posterior is not carried."""
DEGREES_OF_FREEDOM = (2.5, 200.0)
"""Bounds: a covariance exists above 2, and a t with 200 is a normal."""

_TO_FREE: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "log": np.log,
    "logit": lambda x: np.log(x) - np.log1p(-x),
}


def prior_from(fitted: xr.DataTree, parameters: Mapping[str, str]) -> CarriedPrior:
    """Posterior of some parameters as a prior for another model.

    Parameters
    ----------
    fitted
        A fit that converged.
    parameters
        Scalar variables of its posterior and the scale on which each is taken
        as unconstrained: ``"identity"``, ``"log"`` or ``"logit"``.

    Returns
    -------
    CarriedPrior

    Raises
    ------
    SocbayesError
        If the fit did not converge, a variable is no scalar, or no multivariate
        t stands for the draws: all faults at once.
    UnknownNameError
        For a variable that the posterior does not have.

    Examples
    --------
    >>> prior = prior_from(fitted, {"turnover": "log", "intrinsic_efficiency": "logit"})  # doctest: +SKIP
    >>> prior.save("microbes.json")  # doctest: +SKIP
    """
    _require_carriable(fitted, parameters)
    posterior = fitted["posterior"].to_dataset()
    names = tuple(parameters)
    free = np.stack([_TO_FREE[parameters[name]](posterior[name].to_numpy().ravel()) for name in names], axis=1)
    centre, scatter, freedom = _multivariate_t(free)
    distances, joint = _distances(free, centre, scatter, freedom)
    far = [
        f"{name} has no t distribution on its {parameters[name]} scale (distance {d:.2f})"
        for name, d in zip(names, distances, strict=True)
        if d > MAX_DISTANCE
    ]
    if joint > MAX_DISTANCE:
        far.append(f"the parameters together have no multivariate t distribution (distance {joint:.2f})")
    if far:
        raise SocbayesError("no multivariate t distribution stands for these draws:\n  - " + "\n  - ".join(far))
    return CarriedPrior(
        names, tuple(parameters.values()), tuple(map(float, centre)),
        tuple(tuple(map(float, row)) for row in scatter), freedom, distances, joint,
        _provenance(fitted, int(free.shape[0])),
    )  # fmt: skip


def _require_carriable(fitted: xr.DataTree, parameters: Mapping[str, str]) -> None:
    """Refuse a fit that did not converge, and what is no number on a known scale: all faults at once."""
    posterior, facts = fitted["posterior"].to_dataset(), facts_of(fitted)
    faults = [] if facts.converged else ["the fit did not converge: " + "; ".join(facts.failures)]
    for name, scale in parameters.items():
        if name not in posterior:
            hint = nearest(name, [str(v) for v in posterior.data_vars])
            raise UnknownNameError(
                f"the posterior has no variable {name!r}" + (f"; did you mean {hint!r}?" if hint else "")
            )
        if posterior[name].ndim != 2:
            faults.append(f"{name} has dimensions {posterior[name].dims[2:]}; one number is needed")
        if scale not in _TO_FREE:
            faults.append(f"{name}: scale {scale!r} is none of {', '.join(_TO_FREE)}")
    if faults:
        raise SocbayesError("no prior can be made of this fit:\n  - " + "\n  - ".join(faults))


def _distances(
    free: np.ndarray, centre: np.ndarray, scatter: np.ndarray, freedom: float
) -> tuple[tuple[float, ...], float]:
    """Kolmogorov-Smirnov distances of the draws from the t distribution: of each parameter, and of all together."""
    from scipy import stats

    z = (free - centre) / np.sqrt(np.diag(scatter))
    distances = tuple(float(stats.kstest(column, "t", args=(freedom,)).statistic) for column in z.T)
    squared = _squared_distances(free, centre, scatter) / free.shape[1]
    return distances, float(stats.kstest(squared, "f", args=(free.shape[1], freedom)).statistic)


def _provenance(fitted: xr.DataTree, draws: int) -> dict[str, Any]:
    """Where a prior comes from."""
    facts = facts_of(fitted)
    spec = facts.spec
    diagnostics = ("created", "seed", "max_r_hat", "min_ess_bulk", "min_ess_tail", "divergences")
    return {
        "model": spec.model,
        "question": spec.question,
        "choices": dict(spec.choices),
        "tables": {role: {k: table[k] for k in ("name", "rows", "sha256")} for role, table in spec.tables.items()},
        "versions": dict(facts.versions or {}),
        "draws": draws,
        **{name: np.asarray(fitted.attrs[name]).item() for name in diagnostics if name in fitted.attrs},
    }


def _squared_distances(free: np.ndarray, centre: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of each row of ``free``."""
    off = free - centre
    squared: np.ndarray = np.einsum("ij,ij->i", off, np.linalg.solve(scatter, off.T).T)
    return squared


def _multivariate_t(free: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre, scatter and degrees of freedom of greatest likelihood.

    Draws are weighted by their expected precision in turn with the degrees of
    freedom given the scatter (Liu and Rubin 1995, Statistica Sinica 5, 19-39).
    """
    from scipy import optimize, special

    count, size = free.shape
    centre, scatter, freedom = free.mean(axis=0), np.atleast_2d(np.cov(free, rowvar=False)), 10.0
    for _ in range(500):
        squared = _squared_distances(free, centre, scatter)

        def cost(log_freedom: float, squared: np.ndarray = squared) -> float:
            nu = np.exp(log_freedom)
            constant = special.gammaln((nu + size) / 2) - special.gammaln(nu / 2) - size / 2 * log_freedom
            return float(np.mean((nu + size) / 2 * np.log1p(squared / nu)) - constant)

        found = optimize.minimize_scalar(cost, bounds=tuple(np.log(DEGREES_OF_FREEDOM)), method="bounded")
        freedom, before = float(np.exp(found.x)), scatter
        weights = (freedom + size) / (freedom + squared)
        centre = weights @ free / weights.sum()
        scatter = (free - centre).T @ (weights[:, None] * (free - centre)) / count
        if np.abs(scatter - before).max() <= 1e-6 * np.abs(scatter).max():
            break
    return centre, scatter, freedom
