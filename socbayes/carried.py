"""A posterior that another model has for its prior: one multivariate t on the unconstrained scale.

The file is small and says where it comes from and how well it stands for the
draws, so that a prior can be used, and judged, without the fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.files import write_text
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import os

VERSION = 2


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
