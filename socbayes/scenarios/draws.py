"""Posterior draws as plain arrays, for runs of the core made after sampling."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.inference.diagnostics import banner, judged
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger("socbayes")


class Draws:
    """What a predictor predicts from: posterior draws as flat arrays, with did-you-mean on every name.

    Parameters
    ----------
    fitted
        A fit.
    study
        Study that is predicted; None for a new one.
    rng
        Of the effects of a new study.
    """

    def __init__(self, fitted: xr.DataTree, study: str | None, rng: np.random.Generator) -> None:
        self.posterior = fitted.posterior.to_dataset().stack(sample=("chain", "draw"))
        self.size = self.posterior.sizes["sample"]
        self.study = study
        self.rng = rng

    def __call__(self, name: str, **labels: str) -> np.ndarray:
        """Draws of a variable at labels of its dimensions, shape (sample, ...)."""
        values = self.posterior[name]
        for dim, label in labels.items():
            known = [str(level) for level in values[dim].to_numpy()]
            if label not in known:
                hint = nearest(str(label), known)
                raise UnknownNameError(
                    f"no {dim.replace('_', ' ')} named {label!r} in this fit"
                    + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
                )
            values = values.sel({dim: label})
        return values.transpose("sample", ...).to_numpy()

    def __contains__(self, name: str) -> bool:
        return name in self.posterior

    def has(self, name: str, dim: str, label: str | None) -> bool:
        """Whether the fit has a variable, and a label of its dimension.

        Parameters
        ----------
        name
            Variable.
        dim
            Its dimension.
        label
            A label of that.
        """
        return name in self.posterior and label in self.posterior[dim].to_numpy().tolist()

    def noise(self, rows: int) -> np.ndarray:
        """Draw standard normals, shape (rows, sample): the same whatever the settings, so scenarios stay paired.

        Parameters
        ----------
        rows
            How many for each draw.
        """
        return self.rng.standard_normal((rows, self.size))


def values_of(fitted: xr.DataTree, draws: int = 500, seed: int = 0) -> dict[str, np.ndarray]:
    """Posterior draws by variable, shape (sample, ...), spread over all chains.

    Says so when the fit did not converge.

    Parameters
    ----------
    fitted
        A fit.
    draws
        Number of draws kept.
    seed
        Seed of their choice.

    Raises
    ------
    SocbayesError
        If none are asked for, or the chain or draw was taken off the fit.
    """
    if draws < 1:
        raise SocbayesError(f"draws={draws} leaves nothing to run: ask for one or more")
    if absent := {"chain", "draw"} - set(fitted["posterior"].sizes):
        raise SocbayesError(f"the fit has no dimension {absent.pop()}: choose of it with a list, as in sel(chain=[0])")
    if not judged(fitted).converged:
        log.error(banner(fitted))
    posterior = fitted["posterior"].to_dataset()
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    chosen = np.random.default_rng(seed).choice(total, min(draws, total), replace=False)
    return {
        str(name): value.transpose("chain", "draw", ...).to_numpy().reshape(total, *value.shape[2:])[chosen]
        for name, value in posterior.data_vars.items()
    }


DO_NOT_USE = "The fit behind these numbers did not pass its checks: do not use them."
"""What every result of a failed fit says first."""


def verdict(fitted: xr.DataTree) -> dict[str, int | str]:
    """Attributes that say of a result whether the fit behind it may be used, judged on the draws it holds.

    Parameters
    ----------
    fitted
        A fit.

    Examples
    --------
    >>> from socbayes.inference.stored import load_posterior
    >>> verdict(load_posterior("cue_process"))
    {'converged': 1, 'failures': '[]'}
    """
    facts = judged(fitted)
    said: dict[str, int | str] = {"converged": int(facts.converged), "failures": json.dumps(facts.failures)}
    return said if facts.converged else said | {"warning": DO_NOT_USE}
