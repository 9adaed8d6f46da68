"""Fit a model with NUTS until it has draws enough, and go on with what was cut short."""

from __future__ import annotations

import dataclasses
import os
import secrets
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from socbayes.errors import SocbayesError
from socbayes.facts import TABLES, facts_of
from socbayes.files import written_by_one
from socbayes.inference.climbs import CLIMBS
from socbayes.inference.enough import FIRST, MORE_IN_TIME, first_and_last
from socbayes.inference.finish import completed, posterior_whole
from socbayes.inference.rebuild import model_of_run
from socbayes.inference.runs import (
    FIT,
    SETTINGS,
    SPEC,
    Settings,
    begin,
    load,
    new_run_folder,
    read_settings,
    read_spec,
    read_tables,
    set_free,
    write_settings,
)
from socbayes.inference.sampling import data_hash, require_samplable, sample_missing
from socbayes.inference.streams import lost_store, streams, written_by_chain
from socbayes.spec import spec_of
from socbayes.wording import counted

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

TARGET_ACCEPT = 0.9


class Sampling(TypedDict, total=False):
    """How fits are sampled, for functions that make several: arguments of :func:`fit`."""

    draws: int
    most_draws: int
    tune: int
    chains: int
    cores: int | None
    seed: int
    progress: bool


def fit(
    model: pm.Model,
    *,
    draws: int | None = None,
    tune: int = 1000,
    chains: int = 4,
    most_draws: int | None = None,
    most_minutes: float | None = None,
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

    Without ``draws`` it draws until the chains agree and everything they hold has
    effective draws enough, or a limit says stop. It is looked at when every chain has 1,000, 1,414, 2,000, ... draws,
    numbers that are fixed before the first one, and keeps as many: a seed decides what it holds, on a slow machine
    and on a fast one (only a limit of time does not). Nothing is tuned again on the way. What it lacks in the end is
    said in numbers, and :func:`resume` goes on with it.

    Parameters
    ----------
    model
        Any PyMC model; those of ``socbayes.models`` carry their own
        description into the result.
    draws
        Kept draws of each chain, neither more nor less; with a limit, how many it has when it is first looked at. By
        default it draws until it has enough.
    tune, chains
        Warm-up steps of each chain, and number of chains.
    most_draws, most_minutes
        Draws of each chain, and minutes of sampling, after which it ends in any case. By default four times the draws
        of the first look, or sixteen times where only a time is given.
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
        Chains run at a time; as many as there are cores by default. Chains that draw until it is enough are looked at
        together, so they all run at the same time, sharing the cores that there are.
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
        ``converged`` (1 or 0) with ``failures`` in words; ``ended`` says where it ended and ``lacks`` what more draws
        would mend, a sentence each; ``tops`` are the log
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
    first, most = _limits(draws, most_draws, most_minutes)
    settings = Settings(
        draws=first,
        most_draws=most,
        most_minutes=most_minutes,
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


def resume(
    folder: str | os.PathLike[str],
    model: pm.Model | None = None,
    *,
    most_draws: int | None = None,
    most_minutes: float | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Finish a run that was cut short, at whatever moment, or go on with one that lacks draws.

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
    most_draws, most_minutes
        New limits, as of :func:`fit`. With one of them a fit that has come to its end short of draws goes on until
        it has enough; a run that was cut short takes it in place of its own.
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
        given; if another process is writing the run; if a finished run cannot go on, or would gain nothing by it.

    Examples
    --------
    >>> import socbayes as sb
    >>> fitted = sb.resume("runs/cue-20260101-120000")  # doctest: +SKIP
    >>> fitted = sb.resume("runs/cue-20260101-120000", most_draws=6000)  # doctest: +SKIP
    """
    folder = Path(folder)
    limited = most_draws is not None or most_minutes is not None
    if (folder / FIT).exists():
        fitted = load(folder)
        fitted.attrs["store"] = str(folder)
        facts = facts_of(fitted)
        if limited:
            _require_going_on(fitted, folder)
        elif not facts.complete:
            raise SocbayesError(
                f"{folder} was ended by Ctrl-C by an earlier version of socbayes, which kept no more than its draws; "
                "they can be reported, and the model fitted again"
            )
        elif not facts.missing:
            return fitted
        else:
            model = model_of_run(
                facts.spec, fitted.children.get(TABLES), str(fitted.attrs.get("data_sha256", "")), model
            )
            with written_by_one(folder / FIT):
                return completed(fitted, model, folder)
    spec, settings = read_spec(folder), read_settings(folder)
    if limited:
        most = settings.draws * MORE_IN_TIME if most_draws is None else _whole("most_draws", most_draws)
        settings = dataclasses.replace(settings, most_draws=most, most_minutes=most_minutes)
    model = model_of_run(spec, read_tables(folder), settings.data, model)
    with written_by_one(folder / SPEC):
        if limited:
            write_settings(folder, settings)
            (folder / FIT).unlink(missing_ok=True)  # all that it holds comes from the draws beside it
        return _to_the_end(model, folder, settings, progress)


def _limits(draws: int | None, most: int | None, minutes: float | None) -> tuple[int, int | None]:
    """Draws of each chain at the first look and at the last; None where as many are made as were asked for."""
    first = FIRST if draws is None else _whole("draws", draws)
    if draws is not None and most is None and minutes is None:
        return first, None
    if draws is not None and most is not None and most < first:
        raise SocbayesError(f"most_draws={most} is less than draws={first}")
    return first_and_last(first, None if most is None else _whole("most_draws", most), minutes)


def _require_going_on(fitted: xr.DataTree, folder: Path) -> None:
    """Refuse to go on with a fit that needs no more draws, or whose draws are not there to go on from."""
    facts = facts_of(fitted)
    if facts.converged:
        raise SocbayesError(f"{folder} has passed its checks: it lacks no draws")
    if (folder / SETTINGS).exists() and not lost_store(folder):
        written = written_by_chain(streams(folder, facts.draws), facts.chains)
        if (written >= facts.draws).all():
            return
    if "lacks" in fitted.attrs and not facts.lacks:
        raise SocbayesError(f"more draws of {folder} would mend nothing; what it failed: {' '.join(facts.failures)}")
    raise SocbayesError(
        f"{folder} cannot go on: the stream of its draws, with the place of each chain in the coordinates of the "
        "sampler, is not in its folder (runs of earlier versions did not keep it); fit the model again, with a limit "
        "(most_draws=, --most-draws) up to which it draws until it has enough"
    )


def _to_the_end(model: pm.Model, folder: Path, settings: Settings, progress: bool) -> xr.DataTree:
    """Draw what a run lacks, then write and complete its posterior."""
    try:
        ending, effort, compiled = sample_missing(model, folder, settings, progress)
        return completed(posterior_whole(model, folder, settings, ending, effort), model, folder, compiled)
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
    return (
        f"{counted(sum(counts), 'draw is', 'draws are')} on disk"
        if sum(counts)
        else "no draws yet, as the chains were warming up"
    )


def _whole(name: str, value: int) -> int:
    """A whole number, also one of NumPy."""
    try:
        return index(value)
    except TypeError:
        raise SocbayesError(f"{name} is a whole number, not {value!r}") from None
