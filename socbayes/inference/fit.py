"""Fit a model with NUTS, and finish what was cut short."""

from __future__ import annotations

import os
import secrets
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from socbayes.errors import SocbayesError
from socbayes.facts import TABLES, facts_of
from socbayes.files import written_by_one
from socbayes.inference.climbs import CLIMBS
from socbayes.inference.finish import completed, posterior_whole
from socbayes.inference.rebuild import model_of_run
from socbayes.inference.runs import (
    FIT,
    SPEC,
    Settings,
    begin,
    load,
    new_run_folder,
    read_settings,
    read_spec,
    read_tables,
    set_free,
)
from socbayes.inference.sampling import data_hash, require_samplable, sample_missing
from socbayes.inference.streams import streams
from socbayes.spec import spec_of

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

TARGET_ACCEPT = 0.9


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

    The sampler is nutpie's NUTS, compiled once. The folder ``store`` holds from
    the start what the run is of and how it is sampled, then its draws as they
    are made, and after the last of them ``fit.nc``: first with the posterior,
    then with all that is computed from it (:mod:`socbayes.inference.runs`).
    Whenever it is cut short, by Ctrl-C or a kill, :func:`resume` finishes it and
    :func:`socbayes.open_run` reads what is there.

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
        Seed of everything random in the fit, kept in ``attrs``; one by chance if left out. The same seed gives
        the same draws on the same machine with the same versions of the libraries.
    cores
        Chains run at a time; as many as there are cores by default.
    climbs
        Ascents of the log density after sampling, half from draws and half from points of the prior: where one ends
        far higher than the draws and explains the data far better, the fit fails its checks. They take at most a
        twentieth of the evaluations that sampling took, or a few hundred; 0 for none.
    store
        New or empty folder for the run; by default ``runs/<model>-<date>-<time>`` in
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
        densities that climbs reached before sampling, where the model asks for climbs; ``climbs`` says where those
        after sampling ended; ``missing`` names what could not be computed, with the reason.

    Raises
    ------
    SocbayesError
        If ``store`` holds anything, or if the model cannot be sampled: it has nothing to sample, observes what is
        not finite, does not compile, or has no finite density where chains begin. The folder is then free again.
    KeyboardInterrupt
        After Ctrl-C, saying how many draws are on disk.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.cue.build(sb.load_dataset("cue"))
    >>> fitted = sb.fit(model, draws=500, seed=1)  # doctest: +SKIP
    """
    spec = spec_of(model)
    require_samplable(model)
    settings = Settings(
        draws=_whole("draws", draws),
        tune=_whole("tune", tune),
        chains=_whole("chains", chains),
        cores=_whole("cores", cores or min(chains, os.cpu_count() or 1)),
        seed=secrets.randbelow(2**31) if seed is None else _whole("seed", seed),
        target_accept=float(target_accept or spec.target_accept or TARGET_ACCEPT),
        adaptation=adaptation or spec.adaptation,
        climbs=_whole("climbs", climbs),
        data=data_hash(model),
    )
    made = store is None or not Path(store).exists()
    folder = new_run_folder(spec.model, store)
    try:
        begin(folder, spec, settings, getattr(model, "socbayes_tables", {}))
        with written_by_one(folder / SPEC):
            return _to_the_end(model, folder, settings, progress)
    except Exception:
        if not (folder / FIT).exists() and not streams(folder):
            set_free(folder, made=made)
        raise


def resume(folder: str | os.PathLike[str], model: pm.Model | None = None, *, progress: bool = True) -> xr.DataTree:
    """Finish a run that was cut short, at whatever moment.

    Chains that have all their draws stay as they are. A chain that lacks some
    goes on from its own last draw, after a new warm-up of half the length, as
    its step size and mass matrix are not kept; ``attrs["continued"]`` says so.
    A run cut short in its warm-up begins anew with its seed, and one cut short
    after its last draw is completed from what it has. What could not be
    computed before is tried again.

    Parameters
    ----------
    folder
        Of the run.
    model
        The model of the run. Those of ``socbayes.models`` are built again from what the run says of itself; give
        one of your own, or one with priors of your own, as it was built for the run.
    progress
        Whether to show a progress bar.

    Returns
    -------
    xarray.DataTree
        As :func:`fit` returns it; a run that is finished is read.

    Raises
    ------
    SocbayesError
        If the folder holds no run, or a damaged one; if the model is not the one of the run, or is needed and not
        given; if another process is writing the run.

    Examples
    --------
    >>> import socbayes as sb
    >>> fitted = sb.resume("runs/cue-20260101-120000")  # doctest: +SKIP
    """
    folder = Path(folder)
    if (folder / FIT).exists():
        fitted = load(folder)
        fitted.attrs["store"] = str(folder)
        facts = facts_of(fitted)
        if not facts.complete:
            raise SocbayesError(
                f"{folder} was ended by Ctrl-C by an earlier version of socbayes, which kept no more than its draws; "
                "they can be reported, and the model fitted again"
            )
        if not facts.missing:
            return fitted
        model = model_of_run(facts.spec, fitted.children.get(TABLES), str(fitted.attrs.get("data_sha256", "")), model)
        with written_by_one(folder / FIT):
            return completed(fitted, model, folder)
    spec, settings = read_spec(folder), read_settings(folder)
    model = model_of_run(spec, read_tables(folder), settings.data, model)
    with written_by_one(folder / SPEC):
        return _to_the_end(model, folder, settings, progress)


def _to_the_end(model: pm.Model, folder: Path, settings: Settings, progress: bool) -> xr.DataTree:
    """Draw what a run lacks, then write and complete its posterior."""
    try:
        effort, compiled = sample_missing(model, folder, settings, progress)
        return completed(posterior_whole(model, folder, settings, effort), model, folder, compiled)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Interrupted: {_on_disk(folder)}. `socbayes resume {folder}` goes on.") from None


def _on_disk(folder: Path) -> str:
    """How far a run has come."""
    if (folder / FIT).exists():
        return "all draws are on disk, and not all that is computed from them"
    try:
        counts = [int(count) for stream in streams(folder) for count in stream.written]
    except SocbayesError:
        return "what is on disk cannot be read"
    return f"{sum(counts):,} draws are on disk" if sum(counts) else "no draws yet, as the chains were warming up"


def _whole(name: str, value: int) -> int:
    """A whole number, also one of NumPy."""
    try:
        return index(value)
    except TypeError:
        raise SocbayesError(f"{name} is a whole number, not {value!r}") from None
