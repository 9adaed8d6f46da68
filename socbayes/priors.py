"""Priors as a table that can be read, printed and overridden by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from socbayes.errors import UnknownNameError
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd

Override = tuple[str, Mapping[str, float]]
"""A PyMC distribution name and its parameters, such as ``("Normal", {"mu": 0, "sigma": 1})``."""


@dataclass(frozen=True)
class Prior:
    """Prior of one model parameter.

    Parameters
    ----------
    name
        Name of the parameter in the model.
    distribution
        Name of a PyMC distribution.
    parameters
        Its parameters.
    unit
        Unit of the parameter; ``"logit"`` and ``"log"`` mark transformed scales.
    source
        Where the prior comes from, or why it is as wide as it is.
    """

    name: str
    distribution: str
    parameters: Mapping[str, float]
    unit: str
    source: str


class Priors:
    """The priors of one model, with the caller's overrides applied.

    Parameters
    ----------
    defaults
        One prior per parameter.
    overrides
        New distributions by parameter name.

    Raises
    ------
    UnknownNameError
        For an override of a parameter the model does not have, with the nearest name.

    Examples
    --------
    >>> default = Prior("slope", "Normal", {"mu": 0.0, "sigma": 0.1}, "logit/degC", "weak")
    >>> priors = Priors((default,), {"slope": ("Normal", {"mu": 0.0, "sigma": 0.05})})
    >>> priors.table().loc["slope", "distribution"]
    'Normal(mu=0, sigma=0.05)'
    """

    def __init__(self, defaults: tuple[Prior, ...], overrides: Mapping[str, Override] | None = None) -> None:
        self._priors = {prior.name: prior for prior in defaults}
        self._used: list[str] = []
        for name, (distribution, parameters) in (overrides or {}).items():
            if name not in self._priors:
                hint = nearest(name, list(self._priors))
                raise UnknownNameError(
                    f"no prior named {name!r}"
                    + (f"; did you mean {hint!r}?" if hint else f"; known: {list(self._priors)}")
                )
            self._priors[name] = replace(
                self._priors[name], distribution=distribution, parameters=dict(parameters), source="given by the caller"
            )

    def __getitem__(self, name: str) -> Prior:
        return self._priors[name]

    def sample(self, name: str, dims: str | tuple[str, ...] | None = None) -> Any:
        """Register the parameter in the current model and return its random variable."""
        import pymc as pm

        prior = self._priors[name]
        self.use(name)
        return getattr(pm, prior.distribution)(name, **prior.parameters, dims=dims)

    def sample_shifted(self, name: str, shift: Any, dims: str | None = None) -> Any:
        """Register the parameter in coordinates that move with ``shift``, its prior unchanged.

        Sampled is ``<name>_shifted``, the parameter less ``shift``, a tensor of
        other parameters. It is for what data say of both together and not of each.
        """
        import pymc as pm

        prior = self._priors[name]
        self.use(name)

        def less(shift: Any, size: Any) -> Any:
            return getattr(pm, prior.distribution).dist(**prior.parameters, shape=shift.shape) - shift

        shifted = pm.CustomDist(f"{name}_shifted", shift, dist=less, dims=dims)
        return pm.Deterministic(name, shifted + shift, dims=dims)

    def use(self, name: str) -> None:
        """Note that the model uses the prior called ``name``."""
        self._used.append(name)

    def table(self) -> pd.DataFrame:
        """Parameter by distribution, unit and source; after building, only what the model uses."""
        import pandas as pd

        chosen = [self._priors[name] for name in dict.fromkeys(self._used or self._priors)]
        return pd.DataFrame(
            {
                "distribution": [describe(prior) for prior in chosen],
                "unit": [prior.unit for prior in chosen],
                "source": [prior.source for prior in chosen],
            },
            index=pd.Index([prior.name for prior in chosen], name="parameter"),
        )


def describe(prior: Prior) -> str:
    """Distribution and parameters as one readable term.

    Examples
    --------
    >>> describe(Prior("sd", "HalfNormal", {"sigma": 0.5}, "logit", "weak"))
    'HalfNormal(sigma=0.5)'
    """
    return f"{prior.distribution}({', '.join(f'{key}={value:g}' for key, value in prior.parameters.items())})"
