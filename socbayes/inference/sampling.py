"""Draws of a run: the model compiled, chains run, and chains that were cut short gone on with.

A chain that has all its draws is left as it is. One that lacks some goes on
from its own last draw: nutpie takes no step size and no mass matrix from
outside, so it is warmed up again, half as long as at first since it begins
where the posterior is, and draws what is missing. (Going on from the end of
another chain would let chains that found different tops pass for agreeing
ones.) A run without any draw is begun anew with its seed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, said_by
from socbayes.inference.compiled import compiled_density
from socbayes.inference.enough import looks
from socbayes.inference.starts import climbing
from socbayes.inference.streams import DRAWS, Stream, continued, stores, streams, written_by_chain
from socbayes.inference.until import Ending, Running, on_disk, run_until, stopped
from socbayes.spec import joined, spec_of
from socbayes.wording import counted

if TYPE_CHECKING:
    import pymc as pm

    from socbayes.inference.runs import Settings

log = logging.getLogger("socbayes")

LOW_RANK = {"mass_matrix_gamma": 1e-3}
"""Regularisation of low-rank adaptation. A direction that only the draws or only the gradients of a window span gets a
variance of its root; with nutpie's 1e-5 that lies beyond its cutoff, 1/100, and noise is taken for correlation."""


def adapting(adaptation: str) -> dict[str, Any]:
    """Settings of nutpie for an adaptation of the mass matrix.

    Examples
    --------
    >>> adapting("diag")
    {'adaptation': 'diag'}
    """
    return {"adaptation": adaptation} | (LOW_RANK if adaptation == "low_rank" else {})


@contextmanager
def reproducible() -> Iterator[None]:
    """Compile so that numbers are the same to the last bit whether compiled code is fresh or comes from the cache.

    With ``fastmath`` the compiler may reorder sums. How it does depends on what it sees at once: all functions of a
    graph where they are fresh, one at a time where they come from the cache.
    """
    import pytensor

    with pytensor.config.change_flags(numba__fastmath=False):
        yield


def require_samplable(model: pm.Model) -> None:
    """Refuse what cannot be sampled before anything is compiled.

    Raises
    ------
    SocbayesError
        If the model has nothing to sample, samples whole numbers, or observes what is not finite.
    """
    if not model.free_RVs:
        raise SocbayesError("the model has no parameters to sample")
    if discrete := [variable.name for variable in model.free_RVs if variable.dtype.startswith(("int", "uint", "bool"))]:
        raise SocbayesError(
            f"NUTS samples continuous parameters only, and {joined(discrete)} "
            f"{'is' if len(discrete) == 1 else 'are'} discrete: sum over the values, or write a continuous one"
        )
    for name, values in observed_values(model).items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            place = np.argwhere(~np.isfinite(values))[0]
            number = int((~np.isfinite(values)).sum())
            raise SocbayesError(
                f"observed variable {name!r} holds {counted(number, 'value')} not finite, the first "
                f"{values[tuple(place)]} at {', '.join(map(str, place.tolist()))} (counted from 0): leave such rows out"
            )


def observed_values(model: pm.Model) -> dict[str, np.ndarray]:
    """What a model observes, by name."""
    from pymc.backends.arviz import find_observations

    return {name: np.asarray(values) for name, values in find_observations(model).items()}


def data_hash(model: pm.Model) -> str:
    """SHA-256 of what a model observes, to tell whether a model is the one of a run."""
    digest = hashlib.sha256()
    for name, values in sorted(observed_values(model).items()):
        digest.update(f"{name} {values.shape} {values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def sample_missing(
    model: pm.Model, folder: Path, settings: Settings, progress: bool
) -> tuple[Ending, dict[str, Any], Any]:
    """Draw what a run has not on disk: everything, the rest of some chains, or nothing.

    Parameters
    ----------
    model
        Of the run.
    folder
        Of the run.
    settings
        How it is sampled.
    progress
        Whether to show a progress bar.

    Returns
    -------
    ending, effort, compiled
        Where it ended; seconds of compilation and of sampling, and the log densities of the ``tops`` of climbs where
        there were any; what was compiled, None where nothing was missing.
    """
    found = streams(folder)
    written = written_by_chain(found, settings.chains)
    if ending := on_disk(folder, settings, written):
        return ending, {}, None
    started = time.perf_counter()
    begun = compiled = compile_for_sampling(model)
    effort: dict[str, Any] = {"compile_seconds": time.perf_counter() - started}
    started = time.perf_counter()
    climbs = spec_of(model).climbs
    if climbs and not written.all():
        begun, effort["tops"] = climbing(compiled, climbs, settings.seed)
    if not found:
        for path, _, _ in stores(folder):  # of a warm-up that did not end
            shutil.rmtree(path)
    with _explained(model):
        if len(looks(settings.draws, settings.limit)) > 1 or settings.most_minutes is not None:
            ending, effort["seconds_per_draw"] = _until_enough(begun, folder, settings, found, written, progress)
        elif found:
            _go_on(begun, folder, settings, found, written, progress)
        else:
            chains = _sampler(begun, folder / DRAWS, settings, progress, seed=settings.seed)
            _run_to_the_end([chains])
    effort["sampling_seconds"] = time.perf_counter() - started
    if not found:
        effort.setdefault("seconds_per_draw", effort["sampling_seconds"] / (settings.tune + settings.limit))
    return ending or Ending(settings.limit), effort, compiled


def compile_for_sampling(model: pm.Model) -> Any:
    """Compile the log density of a model and its gradient, or load them where another process has compiled them.

    Raises
    ------
    SocbayesError
        If PyTensor or Numba cannot compile it.
    """
    import pytensor

    try:
        with reproducible():
            return compiled_density(model, jitter_rvs=set() if spec_of(model).climbs else None)
    except Exception as error:  # compilers raise errors of every class
        raise SocbayesError(
            f"the model cannot be compiled ({type(error).__name__}: {said_by(error)}). If it could be before, compiled "
            f"code kept in {pytensor.config.base_compiledir} is damaged: remove that folder and fit again"
        ) from error


def _go_on(
    compiled: Any, folder: Path, settings: Settings, found: Sequence[Stream], written: np.ndarray, progress: bool
) -> None:
    """Let every chain that lacks draws go on from its last one, each as a sampler of its own."""
    missing = np.flatnonzero(written < settings.limit).tolist()
    for batch in batched(missing, settings.cores):  # as many at a time as were asked for
        samplers = []
        for chain, rest, begun, path, seed in _continuations(compiled, folder, settings, found, written):
            if chain in batch:
                shown = progress and chain == batch[0]  # chains are about as long, and bars would be written over
                samplers.append(_sampler(begun, path, rest, shown, seed=seed))
        _run_to_the_end(samplers)


def _continuations(
    compiled: Any, folder: Path, settings: Settings, found: Sequence[Stream], written: np.ndarray
) -> Iterator[tuple[int, Settings, Any, Path, int]]:
    """How each chain that lacks draws goes on: its number, settings, compiled model, store and seed."""
    times = 1 + max(time for _, time, _ in stores(folder))
    for chain in np.flatnonzero(written < settings.limit).tolist():
        rest = dataclasses.replace(
            settings,
            chains=1,
            cores=1,
            draws=settings.limit - int(written[chain]),
            most_draws=None,
            tune=warm_up_again(settings.tune) if written[chain] else settings.tune,
        )
        seed = int(np.random.SeedSequence((settings.seed, times, chain)).generate_state(1)[0])
        begun = _from_last_draw(compiled, found, chain) if written[chain] else compiled
        yield chain, rest, begun, continued(folder, times, chain), seed


def _until_enough(
    compiled: Any, folder: Path, settings: Settings, found: Sequence[Stream], written: np.ndarray, progress: bool
) -> tuple[Ending, float]:
    """Let all chains run at the same time, as they are looked at together, until that is enough."""
    running: list[Running] = []

    def start(begun: Any, path: Path, rest: Settings, seed: int, before: np.ndarray) -> None:
        running.append(one := Running(before, rest.tune))
        one.sampler = _sampler(begun, path, rest, False, seed=seed, told=one.told)

    try:
        if found:
            for chain, rest, begun, path, seed in _continuations(compiled, folder, settings, found, written):
                start(begun, path, rest, seed, written[[chain]])
        else:
            every = dataclasses.replace(settings, cores=settings.chains)
            start(compiled, folder / DRAWS, every, settings.seed, np.zeros(settings.chains, dtype=int))
    except BaseException:
        for one in running:
            stopped(one.sampler.abort)
        raise
    return run_until(running, folder, settings, int(written.min()), progress=progress)


def warm_up_again(tune: int) -> int:
    """Warm-up steps of a chain that goes on from a draw of its own.

    Examples
    --------
    >>> warm_up_again(1000), warm_up_again(1)
    (500, 1)
    """
    return max(1, tune // 2)


def _from_last_draw(compiled: Any, found: Sequence[Stream], chain: int) -> Any:
    """The compiled model with chains that begin at the last draw of one chain of the run."""
    names, places, _ = compiled.shape_info
    sampled = {name: place for name, place in zip(names, places, strict=True) if place.stop <= compiled.n_dim}
    last = [one for one in found if chain in one.chains and one.written[one.chains.index(chain)]][-1]
    draw = last.draws("posterior", chain, names=list(sampled)).isel(chain=0, draw=-1)
    point = np.empty(compiled.n_dim)
    for name, place in sampled.items():
        point[place] = draw[name].to_numpy().ravel()
    return dataclasses.replace(compiled, initial_point_func=lambda _: point.copy())


def _sampler(
    compiled: Any,
    path: Path,
    settings: Settings,
    progress: bool,
    *,
    seed: int,
    told: Callable[[Sequence[Any]], None] | None = None,
) -> Any:
    """Start chains of nutpie in the background, draws streaming to ``path``; ``told`` hears how far they are."""
    import nutpie

    return nutpie.sample(
        compiled,
        draws=settings.limit,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=seed,
        target_accept=settings.target_accept,
        **adapting(settings.adaptation),
        progress_bar=progress,
        progress_callback=told,
        zarr_store=nutpie.zarr_store.LocalStore(str(path), mkdir=True),
        blocking=False,
        return_raw_trace=True,  # read from the disk, in whatever state it is
    )


def _run_to_the_end(samplers: Sequence[Any]) -> None:
    """Wait for samplers; when one fails or the caller interrupts, all stop with their draws on disk."""
    try:
        for sampler in samplers:
            sampler.wait()
    except BaseException:
        for sampler in samplers:
            stopped(sampler.abort)
        raise


@contextmanager
def _explained(model: pm.Model) -> Iterator[None]:
    """Say of a sampler that fails why it did, in words of the model."""
    try:
        yield
    except RuntimeError as error:
        causes = [line.strip() for line in str(error).partition("Stack backtrace")[0].splitlines() if line.strip()]
        text = "; ".join(cause for cause in causes if cause != "Caused by:")
        if "initial" in text:
            raise SocbayesError(f"no chain could begin: {_why_no_start(model)} ({text})") from None
        raise SocbayesError(f"the sampler stopped: {text}") from None


def _why_no_start(model: pm.Model) -> str:
    """Which variables have no finite log density where chains begin."""
    heights = model.point_logps(model.initial_point())
    bad = {name: height for name, height in heights.items() if not np.isfinite(height)}
    if not bad:
        return "the log density or its gradient is not finite near the initial point"
    which = joined([f"{name} ({height:g})" for name, height in bad.items()])
    return (
        f"the log density is not finite at the initial point, from {which}: look for a spread of 0, data outside "
        "what a distribution can hold, or give a start with initval="
    )
