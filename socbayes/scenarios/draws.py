"""Posterior draws as plain arrays, for runs of the core made after sampling."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.inference.diagnostics import banner, judged
from socbayes.labels import same_name
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

log = logging.getLogger("socbayes")

type Shared = Literal["study", "all", "row"]


@dataclass(frozen=True)
class Predicted:
    """What a predictor says of one row, on the scale on which its model adds up.

    Parameters
    ----------
    centre
        Draws of what repeated measurements lie around, shape (sample,).
    scatter
        Standard deviation of one measurement around it, shape (sample,).
    shown
        Turns numbers of that scale into ``quantity``.
    quantity, unit
        What is predicted.
    integrated
        Settings that were not given and were drawn as the model holds them to be distributed, and labels that the
        fit has no data of, drawn from their population.
    assumed
        Settings that were not given and were taken from a known study, or of which the fit knows no distribution, as
        ``name = value``.
    not_used
        Settings that were given and have no part in this quantity.
    no_effect
        Settings that were given and that the data of the fit do not vary in.
    """

    centre: np.ndarray
    scatter: np.ndarray
    shown: Callable[[np.ndarray], np.ndarray]
    quantity: str
    unit: str
    integrated: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    not_used: tuple[str, ...] = ()
    no_effect: tuple[str, ...] = ()


class Draws:
    """What a predictor predicts from: posterior draws as flat arrays, with did-you-mean on every name.

    Parameters
    ----------
    fitted
        A fit.
    study
        Study that is predicted; None for a new one.
    seed
        Of everything that is drawn anew.
    """

    def __init__(self, fitted: xr.DataTree, study: str | None = None, seed: int = 0) -> None:
        self.fitted = fitted
        self.posterior = fitted.posterior.to_dataset().stack(sample=("chain", "draw"))
        self.size = self.posterior.sizes["sample"]
        self.study = study
        self.seed = seed
        self.group = study or ""
        self.row = 0
        self._tables: dict[str, pd.DataFrame] = {}
        self._held: dict[tuple[str, tuple[tuple[str, str], ...]], np.ndarray] = {}

    def of_row(self, study: str | None, group: str, row: int) -> Draws:
        """The same draws for one row of what is asked.

        Parameters
        ----------
        study
            Of the data; None for a new one.
        group
            Name of a new study: what studies have of their own is drawn once for each.
        row
            Its place: errors of measurement are drawn once for each.
        """
        other = copy(self)
        other.study, other.group, other.row = study, study or group, row
        return other

    def stated(self, *columns: str, role: str = "table") -> pd.DataFrame:
        """What the study that is predicted states in columns of the data; empty for a new one.

        Parameters
        ----------
        *columns
            Of the table that was fitted; those that it lacks are empty.
        role
            Argument of ``build`` that took the table.

        Returns
        -------
        pandas.DataFrame
            Shape (row, column).
        """
        import pandas as pd

        from socbayes.facts import table_of

        if self.study is None:
            return pd.DataFrame(columns=list(columns))
        if role not in self._tables:
            found = table_of(self.fitted, role)
            self._tables[role] = pd.DataFrame(columns=["study"]) if found is None else found
        table = self._tables[role]
        return table[table["study"].astype(str) == self.study].reindex(columns=list(columns))

    def only(self, column: str, role: str = "table") -> str | None:
        """The one label that all rows of the study share, which state any; None where there is none or several.

        Parameters
        ----------
        column
            Of the table that was fitted.
        role
            Argument of ``build`` that took the table.
        """
        labels = self.stated(column, role=role)[column].dropna().unique()
        return str(labels[0]) if len(labels) == 1 else None

    def __call__(self, name: str, **labels: str) -> np.ndarray:
        """Draws of a variable at labels of its dimensions, shape (sample, ...)."""
        key = (name, tuple(labels.items()))
        if key not in self._held:
            values = self.posterior[name]
            for dim, label in labels.items():
                known = [str(level) for level in values[dim].to_numpy()]
                values = values.sel({dim: known_label(label, known, dim.replace("_", " "))})
            self._held[key] = values.transpose("sample", ...).to_numpy()
        return self._held[key]

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

    def labels(self, dim: str) -> list[str]:
        """Labels of a dimension; none where the fit does not have it.

        Parameters
        ----------
        dim
            Name of the dimension.
        """
        return [str(label) for label in self.posterior[dim].to_numpy()] if dim in self.posterior.dims else []

    def noise(self, name: str, shared: Shared = "study") -> np.ndarray:
        """Draw standard normals, shape (sample,).

        They are the same whatever the settings and in whatever order they are asked for, so scenarios stay paired.

        Parameters
        ----------
        name
            Of what is drawn anew; equal names give equal numbers.
        shared
            Who shares it: the rows of a ``"study"``; ``"all"``, as they do the effect of a method; or nobody, when it
            is of a ``"row"``.
        """
        owner = {"study": self.group, "all": "", "row": str(self.row)}[shared]
        key = zlib.crc32(f"{shared}\n{owner}\n{name}".encode())
        return np.random.default_rng([self.seed, key]).standard_normal(self.size)


def student_factor(draws: Draws, freedom: np.ndarray) -> np.ndarray:
    """Factor that makes the normal error of a row one of Student's t; shape (sample,).

    Parameters
    ----------
    draws
        Of a row.
    freedom
        Degrees of freedom, shape (sample,).
    """
    from scipy.special import gammaincinv, ndtr

    factor: np.ndarray = np.sqrt(freedom / (2 * gammaincinv(freedom / 2, ndtr(draws.noise("tail", "row")))))
    return factor


def known_label(label: str, known: Sequence[str], what: str, where: str = "this fit") -> str:
    """The label of a fit that is meant; spellings of one name are that name.

    Parameters
    ----------
    label
        As given.
    known
        Those there are.
    what
        What they are labels of.
    where
        In what they are.

    Raises
    ------
    UnknownNameError
        For a label there is not, with the nearest name.

    Examples
    --------
    >>> known_label("Grass land", ["forest", "grassland"], "ecosystem")
    'grassland'
    """
    if label in known:
        return label
    alike = [one for one in known if same_name(one) == same_name(str(label))]
    if len(alike) == 1:
        return alike[0]
    hint = nearest(str(label), list(known))
    raise UnknownNameError(
        f"no {what} named {label!r} in {where}"
        + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
    )


def of_population(
    members: np.ndarray, spread: tuple[float, float], noise: np.ndarray, spread_noise: np.ndarray
) -> np.ndarray:
    """One more member of a normal population of which some members are known; shape (sample,).

    The mean of the population has a flat prior and its standard deviation a log-normal one. Given the members both
    are drawn from their posterior, and the new member from them: with few members it is far less certain than their
    spread (Gelman et al. 2013, Bayesian Data Analysis, section 5.4).

    Parameters
    ----------
    members
        Draws of the members, shape (sample, member).
    spread
        Mean and standard deviation of the logarithm of the standard deviation between members.
    noise, spread_noise
        Standard normals, shape (sample,).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> new = of_population(np.zeros((4000, 3)) + [-1.0, 0.0, 1.0], (0.0, 0.5), *rng.standard_normal((2, 4000)))
    >>> bool(abs(new.mean()) < 0.1), bool(1.0 < new.std() < 2.0)
    (True, True)
    """
    from scipy.special import ndtr

    count = members.shape[1]
    middle = members.mean(axis=1)
    squares = ((members - middle[:, None]) ** 2).sum(axis=1)
    mean, width = spread
    grid = np.exp(np.linspace(mean - 5 * width, mean + 5 * width, 401))
    # On the log grid the log-normal prior is a normal density.
    density = -0.5 * ((np.log(grid) - mean) / width) ** 2 - (count - 1) * np.log(grid)
    logarithm = density - 0.5 * squares[:, None] / grid**2
    below = np.cumsum(np.exp(logarithm - logarithm.max(axis=1, keepdims=True)), axis=1)
    place = (below < (ndtr(spread_noise) * below[:, -1])[:, None]).sum(axis=1)
    return middle + grid[np.minimum(place, grid.size - 1)] * np.sqrt(1 + 1 / count) * noise


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
