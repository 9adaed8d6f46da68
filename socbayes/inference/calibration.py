"""Simulation-based calibration: whether model and sampler return what was put in.

Parameters are drawn from the prior and data from the likelihood; the model is
fitted to those data, and each true value is ranked among posterior draws.
Over many simulations the ranks of a correct computation are uniform (Talts et
al. 2018, arXiv:1804.06788). The joint log likelihood is ranked as well: it
depends on the data, and so finds faults that leave the ranks of all parameters
uniform, such as data that are not used (Modrák et al. 2023, Bayesian Analysis).
"""

from __future__ import annotations

import itertools
import json
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.inference.compiled import compiled_density
from socbayes.inference.densities import in_variables
from socbayes.inference.finish import PLAIN, quiet_sampling_log, versions
from socbayes.inference.fit import TARGET_ACCEPT
from socbayes.inference.sampling import adapting, reproducible
from socbayes.spec import joined, spec_of

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    import xarray as xr

log = logging.getLogger("socbayes")

LOG_LIKELIHOOD = "joint_log_likelihood"
"""Name of the test quantity that depends on the data."""

MAX_R_HAT = 1.05
"""Beyond it the fit of a simulation counts as failed; short chains are noisier than those of a real fit."""

BAND = 0.95
"""Probability that all of the ECDF of uniform ranks lies within the band."""

NULL_SIMULATIONS = 4000
"""Sets of uniform ranks by which a p-value is judged."""

Simulator = Callable[[Mapping[str, np.ndarray], np.random.Generator], Mapping[str, Any]]
"""From one draw of the prior, by variable name, and a random generator to data by the name of observed variables."""


def sbc(
    model: pm.Model,
    *,
    simulations: int = 200,
    var_names: Sequence[str] | None = None,
    simulator: Simulator | None = None,
    ranked_draws: int = 99,
    draws: int = 500,
    tune: int = 500,
    chains: int = 2,
    target_accept: float | None = None,
    seed: int | None = None,
    cores: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Simulate data from a model, fit them, and rank the truth among the draws.

    The model is compiled once; each simulation only replaces its data.

    Parameters
    ----------
    model
        Any PyMC model that can be drawn from: every prior has a random
        generator, and the likelihood is made of observed variables. Tables of
        the size of the real ones are rarely needed.
    simulations
        Number of simulated data sets.
    var_names
        Variables to rank, number by number; by default all free variables and
        the quantities of interest of the model. The joint log likelihood
        always comes with them.
    simulator
        Makes the data instead of the model: called with one prior draw and a
        random generator, it returns the data by observed variable. By default
        the data come from the likelihood of the model.
    ranked_draws
        Draws that a true value is ranked among, evenly spaced over the chains
        and few enough to be about independent.
    draws, tune, chains
        Kept draws and warm-up steps of each chain, and number of chains, for each simulation.
    target_accept
        Acceptance the step size is adapted to; by default what :func:`socbayes.fit` would use.
    seed
        Seed of everything random.
    cores
        Chains run at a time; all of them by default.
    progress
        Whether to log each tenth of the simulations.

    Returns
    -------
    xarray.Dataset
        Ranks from 0 to ``ranked_draws``, dims ``simulation`` and those of the
        variable. The coordinates ``failure`` (empty when all is well),
        ``max_r_hat``, ``min_ess`` and ``divergences`` say how each fit went:
        a fit that did not converge keeps its ranks, one that could not be
        made has NaN. ``attrs``: model, date, seed, simulations, failures,
        ranked_draws, seconds, versions.

    Raises
    ------
    SocbayesError
        If the model has potentials, no observed variables, or a prior that
        cannot be drawn from.

    Examples
    --------
    >>> import pymc as pm, socbayes as sb
    >>> with pm.Model() as model:
    ...     mean = pm.Normal("mean")
    ...     value = pm.Normal("value", mean, 1.0, observed=[0.3, 1.2])
    >>> ranks = sb.sbc(model, simulations=20, seed=1)  # doctest: +SKIP
    >>> sb.inference.calibration.calibration_table(ranks)  # doctest: +SKIP
    """
    if simulations < 1 or ranked_draws < 1 or chains * draws < ranked_draws:
        raise SocbayesError(
            f"cannot rank among {ranked_draws} of {chains * draws} draws in {simulations} simulations: "
            "each number must be at least one, and ranked_draws at most chains * draws"
        )
    started = datetime.now(UTC)
    rng = np.random.default_rng(seed)
    ranked = _ranked_variables(model, var_names)
    prior, data = _simulate(model, simulations, rng, simulator)
    refittable, places = _refittable(model)
    with quiet_sampling_log(), reproducible():
        compiled = compiled_density(refittable, var_names=[*ranked, LOG_LIKELIHOOD])
    true_likelihood = _likelihood(refittable, places)
    accept = target_accept or spec_of(model).target_accept or TARGET_ACCEPT
    settings: dict[str, Any] = {"draws": draws, "tune": tune, "chains": chains, "target_accept": accept}
    settings |= adapting(spec_of(model).adaptation) | {"cores": cores or chains, "progress_bar": False}
    rows: list[dict[str, Any]] = []
    for number in range(simulations):
        if progress and number % max(1, simulations // 10) == 0:
            log.info("simulation-based calibration: %d of %d", number, simulations)
        simulated = {place: data[name][number] for name, place in places.items()}
        row, posterior = _fit_one(compiled, simulated, settings | {"seed": int(rng.integers(2**31))})
        rows.append(row)
        if posterior is not None:
            truth = {name: prior[name].to_numpy()[number] for name in prior.data_vars}
            truth[LOG_LIKELIHOOD] = true_likelihood(truth, simulated)
            row["ranks"] = {
                name: _rank(truth[name], posterior[name], ranked_draws, rng) for name in (*ranked, LOG_LIKELIHOOD)
            }
    result = _as_dataset(rows, prior[ranked])
    result.attrs = {"model": spec_of(model).model, "date": started.date().isoformat()}
    result.attrs |= {"seed": -1 if seed is None else seed, "simulations": simulations}
    result.attrs |= {"failures": _failures(result), "ranked_draws": ranked_draws}
    result.attrs |= {"draws": draws, "tune": tune, "chains": chains}
    result.attrs |= {"seconds": (datetime.now(UTC) - started).total_seconds(), "versions": json.dumps(versions())}
    return result


def _failures(result: xr.Dataset) -> int:
    """Number of simulations that could not be fitted or did not converge, which is told."""
    failures = int((result["failure"] != "").sum())
    if failures:
        total = result.sizes["simulation"]
        log.warning("%d of %d simulations could not be fitted or did not converge", failures, total)
    return failures


def few(table: pd.DataFrame, studies: int, rows: int) -> pd.DataFrame:
    """The first rows of the largest studies: as much of a table as two hundred fits can take.

    Parameters
    ----------
    table
        A table with a column ``study``.
    studies
        Number of studies.
    rows
        Rows of each.
    """
    sizes = table["study"].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
    kept = table[table["study"].isin(sizes.index[:studies])]
    return kept.groupby("study", sort=True).head(rows).reset_index(drop=True)


def calibration_table(ranks: xr.Dataset) -> pd.DataFrame:
    """Whether the ranks of each number are uniform.

    Parameters
    ----------
    ranks
        Result of :func:`sbc`.

    Returns
    -------
    pandas.DataFrame
        One row per ranked number:

        * ``simulations``: ranks there are,
        * ``mean_rank``: mean rank as a fraction; above 0.5 the posterior lies too low,
        * ``max_difference``: largest distance between the ECDF of the ranks and that of a uniform variable,
        * ``p_value``: probability that uniform ranks stray as far from it, pointwise, anywhere,
        * ``p_adjusted``: the same for all rows taken together (Holm),
        * ``outside_band``: whether the ECDF leaves the simultaneous 95 % band, as one in twenty does by chance.

    References
    ----------
    Säilynoja, Bürkner and Vehtari (2022), Statistics and Computing 32:32 (simultaneous bands).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> uniform = np.random.default_rng(1).integers(0, 100, 200).astype(float)
    >>> ranks = xr.Dataset({"a": ("simulation", uniform), "b": ("simulation", uniform // 3)})
    >>> ranks.attrs["ranked_draws"] = 99
    >>> calibration_table(ranks)["outside_band"].tolist()
    [False, True]
    """
    import pandas as pd

    rows = []
    for name, fractions in rank_fractions(ranks).items():
        size = fractions.size
        p = p_value(fractions) if size else np.nan
        places = np.arange(1, size) / max(size, 1)
        difference = ecdf(fractions, places) - places
        rows.append(
            {
                "quantity": name,
                "simulations": size,
                "mean_rank": float(fractions.mean()) if size else np.nan,
                "max_difference": float(np.abs(difference).max(initial=0.0)),
                "p_value": p,
            }
        )
    table = pd.DataFrame(rows).set_index("quantity")
    table["p_adjusted"] = _holm(table["p_value"].to_numpy())
    table["outside_band"] = table["p_value"] < 1 - BAND
    return table


def rank_fractions(ranks: xr.Dataset) -> dict[str, np.ndarray]:
    """Ranks of each number as fractions, spread evenly over their class; missing ones left out.

    Parameters
    ----------
    ranks
        Result of :func:`sbc`.
    """
    rng = np.random.default_rng(0)
    classes = int(ranks.attrs["ranked_draws"]) + 1
    fractions = {}
    for name, values in ranks.data_vars.items():
        table = values.transpose("simulation", ...).to_numpy().reshape(values.sizes["simulation"], -1)
        for column, label in enumerate(_labels(values)):
            there = table[np.isfinite(table[:, column]), column]
            fractions[f"{name}{label}"] = (there + rng.random(there.size)) / classes
    return fractions


def ecdf(fractions: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Empirical distribution function at each place.

    Parameters
    ----------
    fractions
        Numbers from 0 to 1.
    places
        Where to evaluate.

    Examples
    --------
    >>> ecdf(np.array([0.1, 0.6]), np.array([0.5, 1.0])).tolist()
    [0.5, 1.0]
    """
    return np.searchsorted(np.sort(fractions), places, side="right") / fractions.size


def p_value(fractions: np.ndarray) -> float:
    """Probability that uniform numbers have a distribution function as unlikely, at some place, as these.

    Parameters
    ----------
    fractions
        Numbers from 0 to 1.

    Examples
    --------
    >>> p_value((np.arange(100) + 0.5) / 100) > 0.9
    True
    """
    null = _null(fractions.size)
    return float((1 + (null <= _smallest_tail(fractions[None, :])[0]).sum()) / (1 + null.size))


def band(size: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Simultaneous band of the distribution function of uniform numbers.

    Parameters
    ----------
    size
        How many numbers.
    places
        Where to evaluate.

    Returns
    -------
    lower, upper : numpy.ndarray
        Limits at each place.
    """
    from scipy.stats import binom

    if not size:
        return np.zeros_like(places), np.ones_like(places)
    tail = float(np.quantile(_null(size), 1 - BAND))
    return binom.ppf(tail / 2, size, places) / size, binom.isf(tail / 2, size, places) / size


def _smallest_tail(samples: np.ndarray) -> np.ndarray:
    """Smallest two-sided binomial tail of the ECDF of each row over an even grid; shape (row,)."""
    from scipy.special import bdtr, bdtrc

    size = samples.shape[1]
    places = np.arange(1, size) / size
    ordered = np.sort(samples, axis=1)
    counts = np.stack([np.searchsorted(row, places, side="right") for row in ordered]).astype("float64")
    below = bdtr(counts, size, places)
    above = np.where(counts > 0, bdtrc(np.maximum(counts - 1, 0), size, places), 1.0)
    return np.minimum(1.0, 2 * np.minimum(below, above)).min(axis=1, initial=1.0)


@lru_cache(maxsize=32)
def _null(size: int) -> np.ndarray:
    """The statistic of uniform numbers; shape (NULL_SIMULATIONS,)."""
    return _smallest_tail(np.random.default_rng(0).random((NULL_SIMULATIONS, size)))


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjustment for looking at several p-values."""
    order = np.argsort(p_values)
    factors = np.arange(p_values.size, 0, -1)
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def _labels(values: xr.DataArray) -> list[str]:
    """Label of each number of a variable, in the order of its stacked dimensions."""
    dims = [dim for dim in values.dims if dim != "simulation"]
    if not dims:
        return [""]
    labels = [[str(label) for label in values[dim].to_numpy()] for dim in dims]
    return [f"[{', '.join(combination)}]" for combination in itertools.product(*labels)]


def _ranked_variables(model: pm.Model, var_names: Sequence[str] | None) -> list[str]:
    """Names of what is ranked: those asked for, or free variables and quantities of interest."""
    known = [variable.name for variable in [*model.free_RVs, *model.deterministics]]
    if var_names is None:
        return [variable.name for variable in model.free_RVs] + [
            variable.name for variable in model.deterministics if variable.name in spec_of(model).quantities
        ]
    strange = [name for name in var_names if name not in known]
    if strange:
        raise SocbayesError(
            f"the model has no variable {joined([repr(name) for name in strange])}; it has {joined(known)}"
        )
    return list(var_names)


def _simulate(
    model: pm.Model, simulations: int, rng: np.random.Generator, simulator: Simulator | None
) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    """Prior draws, dims (draw, ...), and data by observed variable, shape (simulation, ...)."""
    import pymc as pm

    if not model.observed_RVs:
        raise SocbayesError("the model has no observed variable: there is nothing to calibrate it with")
    if model.potentials:
        raise SocbayesError(
            f"the model has potentials ({joined([term.name for term in model.potentials])}), from which nothing can be "
            "drawn: write a likelihood as an observed pm.CustomDist with random=, and a prior as a distribution"
        )
    observed = [variable.name for variable in model.observed_RVs]
    parameters = [variable.name for variable in [*model.free_RVs, *model.deterministics]]
    try:
        with quiet_sampling_log(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            drawn = pm.sample_prior_predictive(
                simulations, model=model, var_names=[*parameters, *observed], random_seed=rng, compile_kwargs=PLAIN
            )
    except NotImplementedError as error:
        raise SocbayesError(f"the model cannot be drawn from: {error}") from error
    prior = drawn["prior"].to_dataset().isel(chain=0, drop=True)
    if simulator is None:
        return prior, {name: drawn["prior_predictive"][name].to_numpy()[0] for name in observed}
    sets = [
        simulator({name: prior[name].to_numpy()[number] for name in prior.data_vars}, rng)
        for number in range(simulations)
    ]
    lacking = [name for name in observed if any(name not in data for data in sets)]
    if lacking:
        raise SocbayesError(f"the simulator returned no data of {joined(lacking)}")
    return prior, {name: np.stack([np.asarray(data[name]) for data in sets]) for name in observed}


def _refittable(model: pm.Model) -> tuple[pm.Model, dict[str, str]]:
    """Copy of a model whose data can be replaced after compilation.

    Whatever the observed values were given as becomes one shared variable,
    named in the mapping by observed variable; data of the model that are the
    observed values stay what they are, as parameters may look at them too. The
    joint log likelihood is added as a deterministic.
    """
    import pymc as pm
    import pytensor
    from pymc.model.fgraph import clone_model
    from pytensor.compile.sharedvalue import SharedVariable

    copy = clone_model(model)
    places: dict[str, str] = {}
    for variable in copy.observed_RVs:
        values = copy.rvs_to_values[variable]
        if isinstance(values, SharedVariable) and values.name:
            places[variable.name] = values.name
            continue
        places[variable.name] = f"{variable.name}_simulated"
        shared = pytensor.shared(values.eval(), name=places[variable.name], shape=values.type.shape)
        del copy.values_to_rvs[values]
        copy.rvs_to_values[variable] = shared
        copy.values_to_rvs[shared] = variable
    density = copy.logp(vars=copy.observed_RVs, jacobian=False)
    with copy:
        pm.Deterministic(LOG_LIKELIHOOD, in_variables(copy, density))
    return copy, places


def _likelihood(model: pm.Model, places: Mapping[str, str]) -> Callable[..., float]:
    """Joint log likelihood as a function of a prior draw and of data."""
    import pytensor

    free = model.free_RVs
    shared = {value.name: value for value in model.values_to_rvs if value.name in places.values()}
    function = pytensor.function(free, model[LOG_LIKELIHOOD], on_unused_input="ignore", mode=PLAIN["mode"])

    def evaluate(truth: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray]) -> float:
        for name, values in data.items():
            shared[name].set_value(np.asarray(values, dtype=shared[name].type.dtype))
        return float(function(*(truth[variable.name] for variable in free)))

    return evaluate


def _fit_one(compiled: Any, data: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> tuple[dict, Any]:
    """Diagnostics of the fit to one data set, and its draws; None when there are none."""
    import arviz as az
    import nutpie

    row: dict[str, Any] = {"failure": "", "max_r_hat": np.nan, "min_ess": np.nan, "divergences": -1}
    if not all(np.isfinite(values).all() for values in data.values()):
        return row | {"failure": "simulated data are not finite"}, None
    try:
        fitted = nutpie.sample(compiled.with_data(**data), **settings)
    except (RuntimeError, ValueError) as error:
        return row | {"failure": f"no fit: {str(error).splitlines()[0]}"}, None
    posterior = fitted["posterior"].to_dataset()
    posterior = posterior[[name for name in posterior.data_vars if not str(name).endswith("__")]]
    r_hat = az.rhat(posterior).to_array().max().item()
    ess = min(float(values.min()) for values in az.ess(posterior).data_vars.values())
    row |= {"max_r_hat": r_hat, "min_ess": ess, "divergences": int(fitted["sample_stats/diverging"].sum())}
    if not row["max_r_hat"] <= MAX_R_HAT:
        row["failure"] = f"R-hat {row['max_r_hat']:.2f}"
    return row, posterior


def _rank(truth: np.ndarray, draws: xr.DataArray, count: int, rng: np.random.Generator) -> np.ndarray:
    """How many of ``count`` draws, evenly spaced, lie below the truth; ties are broken by chance."""
    values = draws.transpose("chain", "draw", ...).to_numpy()
    values = values.reshape(-1, *values.shape[2:])
    kept = values[np.linspace(0, len(values) - 1, count).round().astype(int)]
    ties = (kept == truth).sum(axis=0)
    return (kept < truth).sum(axis=0) + rng.integers(0, ties + 1)


def _as_dataset(rows: Sequence[Mapping[str, Any]], prior: xr.Dataset) -> xr.Dataset:
    """Ranks with the labels of the prior draws, and the diagnostics of each fit as coordinates."""
    import xarray as xr

    ranks = {}
    for name in (*prior.data_vars, LOG_LIKELIHOOD):
        dims, shape = (prior[name].dims[1:], prior[name].shape[1:]) if name in prior else ((), ())
        missing = np.full(shape, np.nan)
        columns = [row["ranks"][name] if "ranks" in row else missing for row in rows]
        ranks[str(name)] = (("simulation", *dims), np.stack(columns).astype("float64"))
    diagnostics = {
        key: ("simulation", np.array([row[key] for row in rows]))
        for key in ("failure", "max_r_hat", "min_ess", "divergences")
    }
    labels = {name: values for name, values in prior.coords.items() if name != "draw"}
    return xr.Dataset(ranks, coords={"simulation": np.arange(len(rows))} | labels | diagnostics)
