"""A posterior that another model has for its prior: one multivariate t on the unconstrained scale.

The file is small and says where it comes from and how well it stands for the
draws, so that a prior can be used, and judged, without the fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.datasets import learned_file
from socbayes.errors import SocbayesError, UnknownNameError, UnreadableFileError, said_by
from socbayes.files import write_text
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import os

VERSION = 2
_FROM_FREE = ("identity", "log", "logit")
"""Scales on which parameters are unconstrained."""


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
        from_free = dict(zip(_FROM_FREE, (lambda x: x, pt.exp, pt.sigmoid), strict=True))
        result = {}
        for row, (name, place) in enumerate(zip(chosen, places, strict=True)):
            # Written out: a matrix product takes seconds to compile.
            free = self.centre[place] + sum(factor[row, k] * standard[k] for k in range(row + 1))
            result[name] = pm.Deterministic(f"{prefix}{name}", from_free[self.scales[place]](free))
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the prior as JSON, to a temporary name first."""
        write_text(Path(path), json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def load_prior(path: str | os.PathLike[str] | None = None) -> CarriedPrior:
    """Read a prior that was saved; by default the bundled one of the literature.

    Parameters
    ----------
    path
        File written by :meth:`CarriedPrior.save`.

    Raises
    ------
    SocbayesError
        If the file is missing, of another version, or no prior: numbers that are missing, not finite or do not
        belong together.
    DatasetChangedError
        If the bundled file is not the one that the package was made with.

    Examples
    --------
    >>> "carbon_use_efficiency" in load_prior().names
    True
    """
    try:
        content = learned_file("literature_prior.json") if path is None else Path(path).read_bytes()
    except FileNotFoundError:
        raise SocbayesError(f"{path} does not exist; CarriedPrior.save(path) writes such a file") from None
    try:
        values = json.loads(content.decode("utf-8"))
        version = values.get("version")
    except (ValueError, AttributeError):
        raise UnreadableFileError(f"{path} is no prior: CarriedPrior.save(path) writes such a file") from None
    if version != VERSION:
        raise SocbayesError(f"{path}: version {version} of the format, expected {VERSION}")
    try:
        lists = ("names", "scales", "centre", "distances")
        scatter = tuple(tuple(row) for row in values["scatter"])
        prior = CarriedPrior(**values | {name: tuple(values[name]) for name in lists} | {"scatter": scatter})
        fault = _fault(prior)
    except (KeyError, TypeError, ValueError) as error:
        fault = f"an entry is missing or of another kind: {said_by(error)}"
    if fault:
        raise UnreadableFileError(f"{path} is no prior, or is damaged ({fault})")
    return prior


def _fault(prior: CarriedPrior) -> str:
    """What is wrong with the numbers of a prior; empty when nothing is."""
    size = len(prior.names)
    if not size or len(set(prior.names)) < size or not all(isinstance(name, str) for name in prior.names):
        return "its names are not words, each once"
    if wrong := [scale for scale in prior.scales if scale not in _FROM_FREE]:
        return f"a scale {wrong[0]!r}, expected one of {', '.join(_FROM_FREE)}"
    centre, scatter = np.array(prior.centre, dtype=float), np.array(prior.scatter, dtype=float)
    distances = np.array([*prior.distances, prior.joint_distance, prior.degrees_of_freedom], dtype=float)
    if (len(prior.scales), centre.shape, scatter.shape, distances.size) != (size, (size,), (size, size), size + 2):
        return f"its numbers are not those of {size} parameters"
    if not all(np.isfinite(numbers).all() for numbers in (centre, scatter, distances)):
        return "numbers that are not finite"
    if not np.allclose(scatter, scatter.T) or np.linalg.eigvalsh(scatter).min() <= 0 or prior.degrees_of_freedom <= 0:
        return "a scatter or degrees of freedom that no distribution has"
    return ""
