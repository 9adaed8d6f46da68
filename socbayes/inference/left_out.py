"""How well models foresee whole groups that they did not see, such as studies.

Leaving out one row of a study at a time flatters every model: the other rows
give its level away. What a user wants is a prediction where nothing was
measured, so all rows of a group are left out together, and what the model
holds of that group alone is drawn anew.

The model is compiled once. A group is left out by giving its rows no weight,
so its own effects return to their distribution over groups.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.inference.compiled import compiled_density
from socbayes.inference.densities import rows_density
from socbayes.inference.diagnostics import MAX_R_HAT, MIN_ESS, convergence_table
from socbayes.inference.finish import PLAIN, default_starts, quiet_sampling_log, runs_the_core
from socbayes.inference.fit import TARGET_ACCEPT
from socbayes.inference.sampling import adapting, reproducible
from socbayes.inference.scores import COVERED, covered, crps, log_mean_exp, ranked
from socbayes.spec import joined, spec_of

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    import xarray as xr
    from pytensor.tensor import TensorVariable

log = logging.getLogger("socbayes")

Refit = Callable[[np.ndarray, Mapping[str, Any]], tuple[list[list[np.ndarray]], dict[str, float]]]
"""From groups left out and settings to draws of what is shared, and how the fit went."""
MIN_EFFECTIVE = 20.0
"""Effective draws below which the joint density of a group is not used."""
PREDICTED = 1000
"""Predictions of each fold whose intervals are counted."""


@dataclass(frozen=True)
class Case:
    """One model that studies are left out of.

    Parameters
    ----------
    label
        What it is beside the others, such as ``process``.
    result
        From settings of :func:`leave_groups_out` to what it returns.
    effort
        Settings that the model needs others of.
    """

    label: str
    result: Callable[[Mapping[str, int]], xr.Dataset]
    effort: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Cases that foresee the same studies.

    Parameters
    ----------
    title
        Heading.
    cases
        Their names.
    said
        What is foreseen, and how it is scored, where that takes words.
    """

    title: str
    cases: tuple[str, ...]
    said: str = ""


def by_fold(
    made: Callable[[], tuple[pm.Model, Mapping[str, Sequence[str]], Collection[str]]], folds: int
) -> Callable[[Mapping[str, int]], xr.Dataset]:
    """Function from settings to the result of a model that is fitted without a part of the studies.

    Parameters
    ----------
    made
        Makes ``model``, ``groups`` and ``local`` of :func:`leave_groups_out`.
    folds
        How many sets the studies are divided into.
    """

    def result(settings: Mapping[str, int]) -> xr.Dataset:
        model, groups, local = made()
        return leave_groups_out(model, groups, local, folds=folds, **settings)

    return result


def leave_groups_out(
    model: pm.Model,
    groups: Mapping[str, Sequence[str]],
    local: Collection[str],
    *,
    folds: int | None = 8,
    draws: int = 400,
    tune: int = 500,
    chains: int = 2,
    redraws: int = 20,
    longer: int = 0,
    seed: int = 0,
    cores: int | None = None,
) -> xr.Dataset:
    """Predict every group from the others, as a group nobody has measured.

    Parameters
    ----------
    model
        Any PyMC model.
    groups
        By observed variable, the group of each of its rows; the first
        variable is scored, the rest are left out with it.
    local
        Dimensions of what groups have of their own. Variables along one of
        them are drawn anew for the groups left out.
    folds
        How many sets the groups are divided into, each left out by one fit;
        ``None`` leaves out one group at a time.
    draws, tune, chains
        Kept draws and warm-up steps of each chain, and number of chains, of each fit.
    redraws
        Times that what is local is drawn anew for each draw of the rest.
    longer
        Times that a fit whose chains disagree or hold too few effective draws is made anew at twice the length.
    seed
        Seed of everything random.
    cores
        Chains run at a time; as many as there are cores by default.

    Returns
    -------
    xarray.Dataset
        By ``group``: ``rows``; ``one_by_one``, the sum of the log predictive
        densities of its rows; ``jointly``, the log predictive density of all
        its rows together, and ``effective``, the draws that this rests on. By
        measurement: ``inside`` whether intervals of probability ``COVERED``
        hold it, ``crps``, and its ``group_of``. By ``fold``, of what groups
        share: ``max_r_hat``, ``min_ess`` (bulk and tail) and ``divergences``.
        ``attrs``: model, scored variable, settings.

    Raises
    ------
    SocbayesError
        If a variable or a dimension is not in the model, or groups and rows differ in number.

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model(coords={"site": ["a", "b", "c"]}) as model:
    ...     site = pm.Normal("site_effect", pm.Normal("mean"), 1.0, dims="site")
    ...     value = pm.Normal("value", site, 0.5, observed=[0.3, 1.2, 0.1])
    >>> left_out = leave_groups_out(model, {"value": ["a", "b", "c"]}, ["site"], folds=None)  # doctest: +SKIP
    """
    rng = np.random.default_rng(seed)
    scored = next(iter(groups))
    _require_known(model, groups, local)
    labels = {name: np.asarray(list(column), dtype=str) for name, column in groups.items()}
    names, sizes = np.unique(labels[scored], return_counts=True)
    dealt = _dealt(sizes, folds or names.size, rng)
    shared = [
        variable for variable in model.free_RVs if not set(model.named_vars_to_dims.get(variable.name, ())) & set(local)
    ]
    fit_without = _refitter(model, labels, [variable.name for variable in shared])
    density, prediction = _forward(model, scored, shared, int(rng.integers(2**31)))
    scores = _Scores.empty(np.asarray(model.rvs_to_values[model[scored]].eval()), labels[scored])
    accept = spec_of(model).target_accept or TARGET_ACCEPT
    settings: dict[str, Any] = {"draws": draws, "tune": tune, "chains": chains, "target_accept": accept}
    settings |= adapting(spec_of(model).adaptation) | {"progress_bar": False}
    settings["cores"] = cores or min(chains, os.cpu_count() or 1)
    fits = []
    for fold, members in enumerate(dealt):
        posterior, judged = _long_enough(fit_without, names[members], settings, longer, rng)
        fits.append(judged)
        log.info(
            "fold %d of %d: %d groups left out, R-hat %.3f, %.0f effective draws, %d divergences",
            *(fold + 1, len(dealt), members.size, *judged.values()),
        )
        rows = np.flatnonzero(np.isin(scores.row_group, members))
        kept = np.stack([density(*draw)[rows] for draw in posterior for _ in range(redraws)])
        scores.add_densities(members, rows, kept)
        chosen = rng.choice(len(posterior), PREDICTED)
        scores.add_predictions(rows, np.stack([prediction(*posterior[place])[rows] for place in chosen]))
    result = scores.dataset(fits)
    result.attrs = {"model": spec_of(model).model, "scored": scored, "folds": len(dealt), "seed": seed}
    result.attrs["draws"] = draws * chains * redraws
    return result


def _long_enough(
    fit_without: Refit, groups: np.ndarray, settings: Mapping[str, Any], longer: int, rng: np.random.Generator
) -> tuple[list[list[np.ndarray]], dict[str, float]]:
    """Draws of a fit without some groups and how it went, made anew at twice the length while chains do not mix."""
    for times in range(longer + 1):
        length = {name: settings[name] * 2**times for name in ("draws", "tune")}
        posterior, judged = fit_without(groups, {**settings, **length, "seed": int(rng.integers(2**31))})
        if mixed(judged["max_r_hat"], judged["min_ess"]):  # more draws mend that, and no divergence
            break
    return posterior[:: 2**times], judged


@dataclass(frozen=True)
class _Scores:
    """Scores of all groups, filled in fold by fold.

    ``names`` of the groups, ``labels`` of the group of each row and its position ``row_group``, the observations, and
    by group and by row what :func:`leave_groups_out` returns.
    """

    names: np.ndarray
    labels: np.ndarray
    row_group: np.ndarray
    observed: np.ndarray
    of_group: dict[str, np.ndarray]
    inside: np.ndarray
    crps: np.ndarray

    @classmethod
    def empty(cls, observed: np.ndarray, labels: np.ndarray) -> _Scores:
        names = np.unique(labels)
        return cls(
            names=names,
            labels=labels,
            row_group=np.searchsorted(names, labels),
            observed=observed,
            of_group={key: np.full(names.size, np.nan) for key in ("one_by_one", "jointly", "effective")},
            inside=np.zeros((*observed.shape, len(COVERED)), dtype=bool),
            crps=np.zeros(observed.shape),
        )

    def add_densities(self, members: np.ndarray, rows: np.ndarray, densities: np.ndarray) -> None:
        """Score the groups ``members`` by the log densities (draw, row) of their rows."""
        kept = np.where(np.isnan(densities), -np.inf, densities)  # a run that failed predicts nothing
        apart = log_mean_exp(kept)
        for member in members:
            mine = self.row_group[rows] == member
            together = kept[:, mine].sum(axis=1)
            self.of_group["one_by_one"][member] = apart[mine].sum()
            self.of_group["jointly"][member] = log_mean_exp(together)
            weight = np.exp(together - together.max())
            self.of_group["effective"][member] = weight.sum() ** 2 / (weight**2).sum()

    def add_predictions(self, rows: np.ndarray, predicted: np.ndarray) -> None:
        """Score rows by predictions of them, (draw, row, ...)."""
        flat, seen = predicted.reshape(len(predicted), -1), self.observed[rows].ravel()
        self.inside[rows] = covered(flat, seen).reshape(*self.observed[rows].shape, len(COVERED))
        self.crps[rows] = crps(flat, seen).reshape(self.observed[rows].shape)

    def dataset(self, fits: list[dict[str, float]]) -> xr.Dataset:
        """All scores, and how the fits went."""
        import xarray as xr

        per_row = int(np.prod(self.observed.shape[1:], dtype=int))
        return xr.Dataset(
            {
                "rows": ("group", np.bincount(self.row_group)),
                **{key: ("group", value) for key, value in self.of_group.items()},
                "inside": (("measurement", "probability"), self.inside.reshape(-1, len(COVERED))),
                "crps": ("measurement", self.crps.ravel()),
                "group_of": ("measurement", np.repeat(self.labels, per_row)),
                **{key: ("fold", np.array([judged[key] for judged in fits])) for key in fits[0]},
            },
            coords={"group": self.names, "probability": list(COVERED)},
        )


def drawn_anew(model: pm.Model, posterior: xr.Dataset, seed: int) -> xr.Dataset:
    """Draws of what a model of new groups has of its own, observations among it, at each draw of what is shared.

    Parameters
    ----------
    model
        Model of the new groups alone.
    posterior
        Draws of a fit to other groups; its numbers without dimensions are held.
    seed
        Seed of everything random.
    """
    import pymc as pm
    import xarray as xr

    held = posterior[[v.name for v in model.free_RVs if v.ndim == 0 and v.name in posterior]]
    own = [v.name for v in [*model.free_RVs, *model.observed_RVs] if v.name not in held]
    return pm.sample_posterior_predictive(
        xr.DataTree.from_dict({"posterior": held}),
        model=model,
        var_names=own,
        random_seed=seed,
        progressbar=False,
        compile_kwargs=PLAIN,
    )["posterior_predictive"].to_dataset()


def ranked_left_out(results: Mapping[str, xr.Dataset], score: str = "one_by_one") -> pd.DataFrame:
    """Models by how well they foresaw the groups that they did not see, best first.

    Parameters
    ----------
    results
        Of :func:`leave_groups_out` by label, from the same data.
    score
        ``"one_by_one"``, or ``"jointly"``: then only groups whose density rests on enough draws in every model.

    Returns
    -------
    pandas.DataFrame
        What :func:`socbayes.inference.scores.ranked` says, with groups as the
        independent parts; the mean over groups of the share of measurements
        inside intervals, with its standard error; ``groups`` that were scored;
        ``converged``, 1 where all fits passed (:func:`converged`).

    Raises
    ------
    SocbayesError
        If the results are of different groups or variables.
    """
    sets = list(results.values())
    if any(one.attrs["scored"] != sets[0].attrs["scored"] or not one["group"].equals(sets[0]["group"]) for one in sets):
        raise SocbayesError("the models did not predict the same groups of the same variable")
    used = np.ones(sets[0].sizes["group"], dtype=bool)
    for label, one in results.items():
        if not converged(one):
            log.warning("%s: not all of its fits converged, so its scores are unsure", label)
    if score == "jointly":
        used = np.all([one["effective"] >= MIN_EFFECTIVE for one in sets], axis=0)
    others: dict[str, dict[str, float]] = {}
    for label, one in results.items():
        share = one["inside"].groupby(one["group_of"]).mean().sel(group_of=one["group"].to_numpy()[used])
        others[label] = {"groups": int(used.sum()), "converged": int(converged(one))}
        for k, probability in enumerate(COVERED):
            values = share.isel(probability=k).to_numpy()
            others[label][f"inside_{100 * probability:.0f}"] = values.mean()
            others[label][f"inside_{100 * probability:.0f}_se"] = values.std() / np.sqrt(values.size)
    return ranked({label: one[score].to_numpy()[used] for label, one in results.items()}, others)


def converged(result: xr.Dataset) -> bool:
    """Whether every fit behind a result passed: R-hat and effective draws of what groups share, no divergences.

    Parameters
    ----------
    result
        Of :func:`leave_groups_out`.

    Examples
    --------
    >>> import xarray as xr
    >>> fits = {"max_r_hat": [1.004, 1.06], "min_ess": [1200.0, 150.0], "divergences": [0, 0]}
    >>> converged(xr.Dataset({name: ("fold", values) for name, values in fits.items()}))
    False
    """
    return bool(passed(result).all())


def passed(result: xr.Dataset) -> np.ndarray:
    """Whether each fit behind a result passed, (fold,)."""
    return mixed(result["max_r_hat"].to_numpy(), result["min_ess"].to_numpy()) & (result["divergences"].to_numpy() == 0)


def mixed(max_r_hat: Any, min_ess: Any) -> Any:
    """Whether chains agree and hold draws enough, elementwise."""
    return (max_r_hat <= MAX_R_HAT) & (min_ess >= MIN_ESS)


def _require_known(model: pm.Model, groups: Mapping[str, Sequence[str]], local: Collection[str]) -> None:
    """Refuse names that the model does not have, and groups that are not one for each row."""
    observed = [variable.name for variable in model.observed_RVs]
    for name, column in groups.items():
        if name not in observed:
            raise SocbayesError(f"the model has no observed variable {name!r}; it has {joined(observed)}")
        rows = int(model[name].shape[0].eval())
        if rows != len(column):
            raise SocbayesError(f"{name!r} has {rows} rows, but {len(column)} groups were given")
    strange = [dim for dim in local if dim not in model.coords]
    if strange:
        raise SocbayesError(f"the model has no dimension {joined(strange)}; it has {joined(list(model.coords))}")


def _dealt(sizes: np.ndarray, folds: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Groups of each fold: dealt from the largest, so that folds are about as large."""
    order = rng.permutation(sizes.size)
    order = order[np.argsort(-sizes[order], kind="stable")]
    count = min(folds, sizes.size)
    rows = np.zeros(count)
    members: list[list[int]] = [[] for _ in range(count)]
    for group in order:
        fold = int(rows.argmin())
        members[fold].append(int(group))
        rows[fold] += sizes[group]
    return [np.sort(fold) for fold in members]


def _refitter(model: pm.Model, labels: Mapping[str, np.ndarray], shared: list[str]) -> Refit:
    """Function from groups and settings to draws of the shared variables and how the fit went."""
    import xarray as xr

    with quiet_sampling_log(), default_starts(model), reproducible():
        compiled = compiled_density(_weighted(model, labels), var_names=shared)

    def fit_without(groups: np.ndarray, settings: Mapping[str, Any]) -> tuple[list[list[np.ndarray]], dict[str, float]]:
        weights = {f"{name}_weight": (~np.isin(column, groups)).astype("float64") for name, column in labels.items()}
        fitted = uninterrupted(compiled.with_data(**weights), settings)
        posterior = fitted["posterior"].to_dataset()[shared]
        table = convergence_table(xr.DataTree.from_dict({"posterior": posterior}))
        judged = {
            "max_r_hat": float(table["r_hat"].max()),
            "min_ess": float(table[["ess_bulk", "ess_tail"]].min(axis=None)),
            "divergences": int(fitted["sample_stats/diverging"].sum()),
        }
        flat = [posterior[name].transpose("chain", "draw", ...).to_numpy() for name in shared]
        flat = [value.reshape(-1, *value.shape[2:]) for value in flat]
        return [list(draw) for draw in zip(*flat, strict=True)], judged

    return fit_without


def uninterrupted(compiled: Any, settings: Mapping[str, Any]) -> xr.DataTree:
    """Sample with nutpie in memory; Ctrl-C stops the caller as well, where ``nutpie.sample`` would return a part."""
    import nutpie

    sampler = nutpie.sample(compiled, **settings, blocking=False)
    try:
        return sampler.wait()
    except BaseException:
        sampler.cancel()
        raise


def _weighted(model: pm.Model, names: Collection[str]) -> pm.Model:
    """The model with a weight on each row of some observed variables, all one, as data ``<name>_weight``.

    Weights are in place of the likelihood. A term that takes it off again is
    noise far from what data say, as the difference of two large numbers.
    """
    import pymc as pm
    from pymc.model.fgraph import clone_model

    copy = clone_model(model)
    with copy:
        for name, density in {name: rows_density(copy, name) for name in names}.items():
            weight = pm.Data(f"{name}_weight", np.ones(model[name].shape[0].eval()))
            pm.Potential(f"{name}_kept", weight * density)
            copy.observed_RVs.remove(copy[name])
    return copy


def _forward(
    model: pm.Model, scored: str, shared: Sequence[TensorVariable], seed: int
) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """Functions from draws of the shared variables to log densities of rows and to predictions, local ones redrawn."""
    from pymc.pytensorf import compile as compile_random

    variable = model[scored]
    options = {"random_seed": seed, "on_unused_input": "ignore"}
    fast = {} if runs_the_core(model) else PLAIN
    return (
        compile_random(list(shared), rows_density(model, scored), **options, **fast),
        compile_random(list(shared), variable, **options, **PLAIN),
    )
