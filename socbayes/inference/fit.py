"""Fit a model with NUTS, stream its draws to disk and keep what is needed to judge it."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from socbayes.errors import SocbayesError
from socbayes.facts import TABLES, facts_of, with_tables
from socbayes.files import replacing, write_text
from socbayes.inference.climbs import CLIMBS, climbed
from socbayes.inference.diagnostics import gate
from socbayes.inference.starts import climbing
from socbayes.spec import ModelSpec, spec_of

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm
    import xarray as xr

log = logging.getLogger("socbayes")

DRAWS = "draws.zarr"
SPEC = "spec.json"
KEPT_TABLES = "tables.nc"
FIT = "fit.nc"
STATISTICS = ("diverging", "energy", "n_steps", "step_size", "depth", "logp", "maxdepth_reached")
PLAIN = {"mode": "FAST_COMPILE"}
"""How functions called a few thousand times only are compiled: quick to make, not quick to run."""
TARGET_ACCEPT = 0.9
LOW_RANK = {"mass_matrix_gamma": 1e-3}
"""Regularisation of low-rank adaptation. A direction that only the draws or only the gradients of a window span gets a
variance of its root; with nutpie's 1e-5 that lies beyond its cutoff, 1/100, and noise is taken for correlation."""
PREDICTIVE_DRAWS = 200
"""Draws per chain kept of prior and posterior predictions: enough for every check drawn from them."""


class Sampling(TypedDict, total=False):
    """How fits are sampled, for functions that make several: arguments of :func:`fit`."""

    draws: int
    tune: int
    chains: int
    cores: int | None
    seed: int
    progress: bool


def fit(
    model: pm.Model,
    *,
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float | None = None,
    adaptation: str | None = None,
    seed: int | None = None,
    cores: int | None = None,
    climbs: int = CLIMBS,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Sample the posterior of a model; draws reach the disk while they are made.

    The sampler is nutpie's NUTS, compiled once. The folder ``store`` holds
    ``spec.json`` and ``tables.nc``, the tables of the model, from the start,
    ``draws.zarr`` growing with every draw
    (readable with :func:`open_run` even after the process is killed) and
    ``fit.nc`` once all is done.

    Parameters
    ----------
    model
        Any PyMC model; those of ``socbayes.models`` carry their own
        description into the result.
    draws, tune, chains
        Kept draws and warm-up steps of each chain, and number of chains.
    target_accept
        Acceptance the step size is adapted to; by default what the model asks
        for, or 0.9. At 0.9 the baseline models take as many leapfrog steps per
        draw as at 0.8 and none of their draws diverges.
    adaptation
        nutpie's adaptation of the mass matrix, ``"diag"`` or ``"low_rank"`` for
        strong correlations; by default what the model asks for.
    seed
        Seed of everything random in the fit; the same seed gives the same draws.
    cores
        Chains run at a time; as many as there are cores by default.
    climbs
        Ascents of the log density after sampling, half from draws and half from points of the prior: where one ends
        far higher than the draws and explains the data far better, the fit fails its checks. They take at most a
        twentieth of the evaluations that sampling took, or a few hundred; 0 for none.
    store
        New folder for the run; by default ``runs/<model>-<date>-<time>`` in
        the working directory.
    progress
        Whether to show a progress bar.

    Returns
    -------
    xarray.DataTree
        Groups posterior (dims chain, draw, ...), sample_stats,
        observed_data, constant_data, log_likelihood, log_prior,
        posterior_predictive, prior_predictive and tables (one child for each
        table of the model: see :func:`socbayes.facts.table_of`). ``attrs`` holds the
        specification, dataset hashes, versions, seed, seconds, and
        ``converged`` (1 or 0) with ``failures`` in words; ``tops`` are the log
        densities that climbs reached before sampling, where the model asks for climbs,
        and ``climbs`` says where those after sampling ended.

    Raises
    ------
    SocbayesError
        If ``store`` holds a run already.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.cue.build(sb.load_dataset("cue"))
    >>> fitted = sb.fit(model, draws=500, seed=1)  # doctest: +SKIP
    """
    spec = spec_of(model)
    folder = _new_run_folder(spec, store)
    tables = _describe(model, spec, folder)
    settings = {
        "draws": draws,
        "tune": tune,
        "chains": chains,
        "cores": cores or min(chains, os.cpu_count() or 1),
        "seed": seed,
        "target_accept": target_accept or spec.target_accept or TARGET_ACCEPT,
        **adapting(adaptation or spec.adaptation),
        "progress_bar": progress,
    }
    compiled, effort = _sample(model, spec, folder / DRAWS, settings)
    result = _read_draws(folder / DRAWS)
    started = time.perf_counter()
    result.attrs["climbs"] = climbed(result, model, compiled, climbs, seed)
    _add_model_groups(result, model, seed)
    if tables.children:
        result[TABLES] = tables[TABLES]
    result.attrs |= _facts(result, model, settings) | effort | {"after_seconds": time.perf_counter() - started}
    gate(result)
    save(result, folder / FIT)
    shutil.rmtree(folder / DRAWS)
    (folder / KEPT_TABLES).unlink(missing_ok=True)
    result.attrs["store"] = str(folder)
    return result


def _describe(model: pm.Model, spec: ModelSpec, folder: Path) -> xr.DataTree:
    """Write what the run is of, so that it is known when it is interrupted; the tables of the model."""
    import xarray as xr

    tables = xr.DataTree()
    with_tables(tables, getattr(model, "socbayes_tables", {}))
    if tables.children:
        save(tables, folder / KEPT_TABLES)
    write_text(folder / SPEC, spec.to_json())
    return tables


def _sample(
    model: pm.Model, spec: ModelSpec, path: Path, settings: Mapping[str, Any]
) -> tuple[Any, dict[str, float | str]]:
    """Compile and sample, draws streaming to ``path``; what was compiled, the seconds it took, the tops of climbs."""
    import nutpie

    started = time.perf_counter()
    compiled = nutpie.compile_pymc_model(model, jitter_rvs=set() if spec.climbs else None)
    compile_seconds = time.perf_counter() - started

    started = time.perf_counter()
    tops: list[float] = []
    if spec.climbs:
        compiled, tops = climbing(compiled, spec.climbs, settings["seed"])
    nutpie.sample(compiled, zarr_store=nutpie.zarr_store.LocalStore(str(path), mkdir=True), **settings)
    return compiled, {
        "compile_seconds": compile_seconds,
        "sampling_seconds": time.perf_counter() - started,
        "tops": json.dumps(tops),
    }


def _facts(result: xr.DataTree, model: pm.Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a fit says of itself, but for how it went."""
    spec = spec_of(model)
    sizes = result["posterior"].sizes
    asked = {name: settings[name] for name in ("draws", "tune", "chains")}
    return {
        "spec": spec.to_json(),
        "model": spec.model,
        # Ctrl-C ends the sampling early without an error.
        "complete": int(sizes["chain"] == asked["chains"] and sizes["draw"] == asked["draws"]),
        "seed": -1 if settings["seed"] is None else settings["seed"],
        **asked,
        "parameters": int(sum(rv.size.eval() for rv in model.free_RVs)),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps(versions()),
    }


def adapting(adaptation: str) -> dict[str, Any]:
    """Settings of nutpie for an adaptation of the mass matrix.

    Examples
    --------
    >>> adapting("diag")
    {'adaptation': 'diag'}
    """
    return {"adaptation": adaptation} | (LOW_RANK if adaptation == "low_rank" else {})


def save(fitted: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Write a fit to netCDF: to a temporary name first, then renamed."""
    with replacing(path) as temporary:
        fitted.to_netcdf(temporary)


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a fit: a ``fit.nc`` file or the folder of a run.

    Raises
    ------
    SocbayesError
        If there is no finished fit at ``path``.
    """
    import arviz as az

    file = Path(path) / FIT if Path(path).is_dir() else Path(path)
    if not file.exists():
        raise SocbayesError(f"no finished fit at {path}; an interrupted run is opened with open_run({str(path)!r})")
    with az.from_netcdf(file) as tree:
        return tree.load()


def open_run(folder: str | os.PathLike[str]) -> xr.DataTree:
    """Open a run in whatever state it is: finished, running or killed.

    Parameters
    ----------
    folder
        Folder given to, or made by, :func:`fit`.

    Returns
    -------
    xarray.DataTree
        The finished fit, or posterior and sample_stats of the draws that all
        chains have on disk, with ``attrs["complete"] == 0``.

    Raises
    ------
    SocbayesError
        If the folder holds no draws.
    """
    folder = Path(folder)
    if (folder / FIT).exists():
        return load(folder)
    if not (folder / DRAWS).exists():
        raise SocbayesError(f"{folder} holds no draws")
    result = _read_draws(folder / DRAWS)
    result.attrs["complete"] = 0
    if (folder / SPEC).exists():
        text = (folder / SPEC).read_text(encoding="utf-8")
        result.attrs["spec"] = text
        result.attrs["model"] = facts_of(result).model
    if (folder / KEPT_TABLES).exists():
        result[TABLES] = load(folder / KEPT_TABLES)[TABLES]
    gate(result)
    return result


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries a result depends on."""
    names = ("socbayes", "pymc", "pytensor", "nutpie", "arviz", "numba", "numpy", "xarray", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _new_run_folder(spec: ModelSpec, store: str | os.PathLike[str] | None) -> Path:
    if store is None:
        store = Path("runs") / f"{spec.model}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = Path(store)
    if (folder / SPEC).exists():
        raise SocbayesError(f"{folder} holds a run already; name another folder or remove it")
    if (folder / DRAWS).exists():
        shutil.rmtree(folder / DRAWS)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read_draws(path: Path) -> xr.DataTree:
    """Posterior and statistics from a streamed store.

    Draws not written yet are NaN. Each variable has files of its own, and a
    killed run may have written some of them, so a draw counts once all its
    variables are there. Chains that have less than half the draws of the
    longest one are left out, the others cut to their common length.
    """
    import numpy as np
    import xarray as xr

    tree = xr.open_datatree(path, engine="zarr", consolidated=False)
    posterior = tree["posterior"].to_dataset().drop_dims("unconstrained_parameter", errors="ignore")
    written = _draws_written(tree["sample_stats"].to_dataset()["energy"])
    # No further: a run may have been asked for millions of draws.
    reached = posterior.isel(draw=slice(0, int(written.max(initial=0))))
    counts = [_draws_written(value) for value in reached.data_vars.values() if value.dtype.kind == "f"]
    written = np.min([written, *counts], axis=0)
    if written.max(initial=0) == 0:
        raise SocbayesError(f"{path.parent} holds no draws after warm-up yet")
    chains = np.flatnonzero(2 * written >= written.max())
    length = int(written[chains].min())
    groups = {}
    for name, kept in (("posterior", None), ("sample_stats", STATISTICS)):
        group = tree[name].to_dataset().drop_dims("unconstrained_parameter", errors="ignore")
        hidden = [str(v) for v in group.data_vars if str(v).endswith("__") or (kept is not None and v not in kept)]
        group = group.drop_vars(hidden).isel(chain=chains, draw=slice(0, length)).load()
        # netCDF knows no variable-width strings of numpy's own.
        coords = {
            str(key): (value.dims, np.array([str(label) for label in value.to_numpy()], dtype="U"))
            for key, value in group.coords.items()
            if value.dtype.kind == "T"
        }
        groups[name] = group.assign_coords(coords | {"chain": np.arange(chains.size), "draw": np.arange(length)})
    return xr.DataTree.from_dict(groups)


def _draws_written(variable: xr.DataArray) -> np.ndarray:
    """Draws of each chain up to the last one with a finite value; shape (chain,)."""
    import numpy as np

    values = variable.transpose("chain", "draw", ...).to_numpy()
    finite = np.isfinite(values.reshape(*values.shape[:2], -1)).any(axis=2)
    return np.where(finite.any(axis=1), finite.shape[1] - np.argmax(finite[:, ::-1], axis=1), 0)


def _add_model_groups(result: xr.DataTree, model: pm.Model, seed: int | None) -> None:
    """Add what the checks need and only the model can give."""
    import pymc as pm
    import xarray as xr
    from pymc.distributions.custom import CustomDistRV
    from pymc.stats import compute_log_prior

    with warnings.catch_warnings(), quiet_sampling_log():
        # A prior that is a distribution of our own is called back to once a draw.
        warnings.filterwarnings("ignore", "Numba will use object mode", UserWarning)
        # A run of the core, month by month, repays its compilation; a formula does not.
        compile_kwargs = {} if runs_the_core(model) else PLAIN
        pm.compute_log_likelihood(result, model=model, progressbar=False, compile_kwargs=compile_kwargs)
        compute_log_prior(result, model=model, progressbar=False, compile_kwargs=PLAIN)
        observed = [variable.name for variable in model.observed_RVs]
        # A distribution of our own draws in Python, which compiled code would only call back.
        if any(isinstance(variable.owner.op, CustomDistRV) for variable in model.observed_RVs):
            compile_kwargs = PLAIN
        step = max(1, result.posterior.sizes["draw"] // PREDICTIVE_DRAWS)
        kept = result["posterior"].to_dataset().isel(draw=slice(None, None, step))
        thinned = xr.DataTree.from_dict({"posterior": kept})
        predicted = pm.sample_posterior_predictive(
            thinned,
            model=model,
            var_names=observed,
            freeze_vars=[variable.name for variable in model.free_RVs],
            random_seed=seed,
            progressbar=False,
            compile_kwargs=compile_kwargs,
        )
        prior = pm.sample_prior_predictive(
            draws=2 * PREDICTIVE_DRAWS, model=model, var_names=observed, random_seed=seed, compile_kwargs=compile_kwargs
        )
    for name, tree in (
        ("posterior_predictive", predicted),
        ("prior_predictive", prior),
        ("observed_data", predicted),
        ("constant_data", predicted),
    ):
        if name in tree.children:
            result[name] = tree[name].to_dataset()


def runs_the_core(model: pm.Model) -> bool:
    """Whether the likelihood of a model is made of runs of the core."""
    from pytensor.graph.traversal import ancestors

    from socbayes.core.integrate import Integrate

    return any(v.owner is not None and isinstance(v.owner.op, Integrate) for v in ancestors(model.observed_RVs))


@contextmanager
def quiet_sampling_log() -> Iterator[None]:
    """Silence PyMC's own announcements, which progress bars and checks make redundant."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
