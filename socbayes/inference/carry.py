"""A posterior carried to another model as its prior: one multivariate t on the unconstrained scale.

Parameters for a new site have heavier tails than a normal, as the spread
between sites is itself uncertain. The file is small and says where it comes
from and how well it stands for the draws, so that a prior can be used, and
judged, without the fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.inference.fit import write_text
from socbayes.spec import ModelSpec
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import os

    import xarray as xr

VERSION = 2
MAX_DISTANCE = 0.1
"""Kolmogorov-Smirnov distance above which a posterior is not carried."""
DEGREES_OF_FREEDOM = (2.5, 200.0)
"""Bounds: a covariance exists above 2, and a t with 200 is a normal."""

_TO_FREE: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "log": np.log,
    "logit": lambda x: np.log(x) - np.log1p(-x),
}


@dataclass(frozen=True)
class CarriedPrior:
    """Multivariate t distribution of named parameters on their unconstrained scales.

    Parameters
    ----------
    names
        Parameters.
    scales
        ``"identity"``, ``"log"`` or ``"logit"`` of each: the scale that is unconstrained.
    centre, scatter
        Of the unconstrained parameters; their covariance is the scatter times
        ``degrees_of_freedom / (degrees_of_freedom - 2)``.
    degrees_of_freedom
        Small where the tails are heavy.
    distances
        Kolmogorov-Smirnov distance of each margin to its t distribution.
    joint_distance
        The same of squared Mahalanobis distances to their F distribution.
    provenance
        Model, versions, tables with their hashes, diagnostics and date of the fit.
    version
        Of the file format.

    Examples
    --------
    >>> import pymc as pm
    >>> prior = CarriedPrior(("k",), ("log",), (0.0,), ((0.04,),), 8.0, (0.01,), 0.01, {})
    >>> with pm.Model() as model:
    ...     k = prior.sample()["k"]
    >>> sorted(model.named_vars)
    ['carried', 'carried_precision', 'k']
    """

    names: tuple[str, ...]
    scales: tuple[str, ...]
    centre: tuple[float, ...]
    scatter: tuple[tuple[float, ...], ...]
    degrees_of_freedom: float
    distances: tuple[float, ...]
    joint_distance: float
    provenance: Mapping[str, Any]
    version: int = VERSION

    def sample(self, names: Sequence[str] | None = None, *, prefix: str = "") -> dict[str, Any]:
        """Register the parameters in the current model; those not named are integrated out.

        Parameters
        ----------
        names
            Parameters wanted; by default all.
        prefix
            Put before the names in the model.

        Returns
        -------
        dict
            Name to a tensor on the natural scale.

        Raises
        ------
        UnknownNameError
            For a parameter the prior does not have.
        """
        import pymc as pm
        import pytensor.tensor as pt

        chosen = list(self.names if names is None else names)
        for name in chosen:
            if name not in self.names:
                hint = nearest(name, list(self.names))
                raise UnknownNameError(
                    f"the prior has no parameter {name!r}"
                    + (f"; did you mean {hint!r}?" if hint else f"; it has {', '.join(self.names)}")
                )
        places = [self.names.index(name) for name in chosen]
        factor = np.linalg.cholesky(np.array(self.scatter)[np.ix_(places, places)])
        # A t is a normal whose precision, one for all parameters, is a draw of its own.
        half = self.degrees_of_freedom / 2.0
        precision = pm.Gamma(f"{prefix}carried_precision", half, half)
        standard = pm.Normal(f"{prefix}carried", shape=len(chosen)) / pt.sqrt(precision)
        from_free = {"identity": lambda x: x, "log": pt.exp, "logit": pt.sigmoid}
        result = {}
        for row, (name, place) in enumerate(zip(chosen, places, strict=True)):
            # Written out: a matrix product takes seconds to compile.
            free = self.centre[place] + sum(factor[row, k] * standard[k] for k in range(row + 1))
            result[name] = pm.Deterministic(f"{prefix}{name}", from_free[self.scales[place]](free))
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the prior as JSON, to a temporary name first."""
        write_text(Path(path), json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


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
    from scipy import stats

    posterior = fitted["posterior"].to_dataset()
    faults = []
    if not fitted.attrs.get("converged", 0):
        faults.append("the fit did not converge: " + "; ".join(json.loads(fitted.attrs.get("failures", "[]"))))
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
    names = tuple(parameters)
    free = np.stack([_TO_FREE[parameters[name]](posterior[name].to_numpy().ravel()) for name in names], axis=1)
    centre, scatter, freedom = _multivariate_t(free)
    z = (free - centre) / np.sqrt(np.diag(scatter))
    distances = tuple(float(stats.kstest(column, "t", args=(freedom,)).statistic) for column in z.T)
    squared = _squared_distances(free, centre, scatter) / len(names)
    joint = float(stats.kstest(squared, "f", args=(len(names), freedom)).statistic)
    far = [
        f"{name} has no t distribution on its {parameters[name]} scale (distance {d:.2f})"
        for name, d in zip(names, distances, strict=True)
        if d > MAX_DISTANCE
    ]
    if joint > MAX_DISTANCE:
        far.append(f"the parameters together have no multivariate t distribution (distance {joint:.2f})")
    if far:
        raise SocbayesError("no multivariate t distribution stands for these draws:\n  - " + "\n  - ".join(far))
    spec = ModelSpec.from_json(fitted.attrs["spec"])
    diagnostics = ("created", "seed", "max_r_hat", "min_ess_bulk", "min_ess_tail", "divergences")
    provenance = {
        "model": spec.model,
        "question": spec.question,
        "choices": dict(spec.choices),
        "tables": {role: {k: table[k] for k in ("name", "rows", "sha256")} for role, table in spec.tables.items()},
        "versions": json.loads(fitted.attrs.get("versions", "{}")),
        "draws": int(free.shape[0]),
        **{name: np.asarray(fitted.attrs[name]).item() for name in diagnostics if name in fitted.attrs},
    }
    return CarriedPrior(
        names, tuple(parameters.values()), tuple(map(float, centre)),
        tuple(tuple(map(float, row)) for row in scatter), freedom, distances, joint, provenance,
    )  # fmt: skip


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


def load_prior(path: str | os.PathLike[str] | None = None) -> CarriedPrior:
    """Read a prior that was saved; by default the bundled one of the literature.

    Parameters
    ----------
    path
        File written by :meth:`CarriedPrior.save`.

    Raises
    ------
    SocbayesError
        If the file is missing, or of another version.

    Examples
    --------
    >>> "carbon_use_efficiency" in load_prior().names
    True
    """
    source = Path(path) if path is not None else resources.files("socbayes.data").joinpath("literature_prior.json")
    try:
        values = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SocbayesError(f"{path} does not exist; CarriedPrior.save(path) writes such a file") from None
    if values.get("version") != VERSION:
        raise SocbayesError(f"{path}: version {values.get('version')} of the format, expected {VERSION}")
    lists = ("names", "scales", "centre", "distances")
    scatter = tuple(tuple(row) for row in values["scatter"])
    return CarriedPrior(**values | {name: tuple(values[name]) for name in lists} | {"scatter": scatter})
