"""Chains that run until what they have drawn is enough, or a limit says stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.inference.enough import SPARE, Lack, lack_of, looks, more_words
from socbayes.inference.streams import read_draws, streams, written_by_chain

if TYPE_CHECKING:
    from socbayes.inference.runs import Settings

log = logging.getLogger("socbayes")

GLANCE = 0.1
"""Seconds between two glances at how far chains are."""


@dataclass
class Running:
    """A sampler in the background.

    Parameters
    ----------
    sampler
        Of nutpie; how far its chains are is told to :meth:`told`.
    before
        Draws that each of its chains had when it began, (chain,).
    tune
        Warm-up steps of each.
    ended
        Whether all its chains are at their end.
    """

    before: np.ndarray
    tune: int
    sampler: Any = None
    ended: bool = False
    steps: list[int] = field(default_factory=list)

    def told(self, chains: Sequence[Any]) -> None:
        """Take from nutpie how many steps each chain has made."""
        self.steps = [chain.finished_draws for chain in chains]

    def draws(self) -> int:
        """Draws of the chain that has the fewest, all takings-up of its run together; below 0 in warm-up."""
        made = np.array(self.steps or [0] * self.before.size) - self.tune
        return int((self.before + made).min())


@dataclass(frozen=True)
class Ending:
    """Where a run ended.

    Parameters
    ----------
    draws
        Of each chain.
    said
        Why, in a sentence; nothing where as many were asked for.
    """

    draws: int
    said: str = ""


def on_disk(folder: Path, settings: Settings, written: np.ndarray) -> Ending | None:
    """Where a run ends by the draws that it has; None where it has to go on.

    Parameters
    ----------
    folder
        Of the run.
    settings
        How it is sampled.
    written
        Draws that each chain has, (chain,).
    """
    for count in looks(settings.draws, settings.limit):
        if (written < count).any():
            return None
        if ending := _ending(folder, settings, count, lambda _: None):
            return ending
    return None


def run_until(
    running: Sequence[Running], folder: Path, settings: Settings, had: int, *, progress: bool
) -> tuple[Ending, float]:
    """Let samplers run until a look says that it is enough, or a limit is reached; all have stopped then.

    Parameters
    ----------
    running
        All chains of the run that lack draws, at the same time.
    folder
        Of the run.
    settings
        How it is sampled.
    had
        Draws that every chain had; no look at as many or fewer is taken again.
    progress
        Whether to show how far it is.

    Returns
    -------
    ending, seconds
        Where it ended, and seconds of sampling for a draw of every chain.

    Raises
    ------
    SocbayesError
        If the limit of time ends before every chain has drawn.
    """
    started = time.monotonic()
    until = started + 60.0 * (settings.most_minutes or np.inf)
    ending = None

    def seconds_each() -> float:
        made = np.concatenate([one.steps or [0] for one in running]).mean()
        return (time.monotonic() - started) / max(1.0, float(made))

    try:
        with _shown(progress) as show:
            for count in looks(settings.draws, settings.limit):
                if count <= had:
                    continue
                if not _arrive(running, count, until, partial(show, running, count, "")):
                    break

                def lacking(lack: Lack, count: int = count) -> None:
                    show(running, count, f"{lack.what}; {more_words(lack, count, seconds_each())}")

                ending = _ending(folder, settings, count, lacking)
                if ending:
                    break
    finally:
        each = seconds_each()
        for one in running:
            stopped(one.sampler.abort)
    return ending or _out_of_time(folder, settings), each


def _arrive(running: Sequence[Running], count: int, until: float, show: Callable[[], None]) -> bool:
    """Wait until all chains have as many draws, and those are on disk; False where time is up before."""
    while any(not one.ended and one.draws() < count for one in running):
        if time.monotonic() > until:
            return False
        for one in running:
            _glance(one)
        show()
    for one in running:
        if not one.ended:
            one.sampler.inspect()  # writes what nutpie still holds back
    return True


def _glance(one: Running) -> None:
    """Wait a moment for the end of a sampler."""
    if one.ended:
        return
    try:
        one.sampler.wait(timeout=GLANCE)
    except TimeoutError:
        return
    one.ended = True


def stopped(abort: Callable[[], Any]) -> None:
    """Stop a sampler that may have ended, or failed, already."""
    try:
        abort()
    except Exception as error:  # nothing is lost by it, and what happened first is what is said
        log.debug("a sampler had ended: %s", error)


def _ending(folder: Path, settings: Settings, count: int, lacking: Callable[[Lack], None]) -> Ending | None:
    """Look at the first ``count`` draws of each chain; None where the run goes on."""
    if count == settings.limit:
        asked = count <= settings.draws and settings.most_minutes is None
        return Ending(count, "" if asked else f"Ended at its limit of {count:,} draws of each chain.")
    lack = lack_of(read_draws(folder, count), spare=SPARE)
    if lack is None:
        return Ending(
            count, f"Drawn until it had enough: {count:,} draws of each chain, of {settings.limit:,} at most."
        )
    if not lack.mended:
        return Ending(count, f"Ended at {count:,} draws of each chain, as no further one undoes what diverged.")
    lacking(lack)
    return None


def _out_of_time(folder: Path, settings: Settings) -> Ending:
    """Where a run ends whose time is up: with the draws that all chains have."""
    minutes = f"{settings.most_minutes:g} minute{'s' if settings.most_minutes != 1 else ''}"
    count = int(written_by_chain(streams(folder), settings.chains).min())
    if not count:
        raise SocbayesError(f"its limit of {minutes} ended while chains were warming up: allow more, or a shorter tune")
    count = min(count, settings.limit)
    return Ending(count, f"Ended at its limit of {minutes} with {count:,} draws of each chain.")


@contextmanager
def _shown(progress: bool) -> Iterator[Callable[[Sequence[Running], int, str], None]]:
    """Show how far the slowest chain is on its way to the next look, and what the last one found."""
    if not progress:
        yield lambda running, count, said: log.info("%s draws of each chain: %s", f"{count:,}", said) if said else None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bar:
        task = bar.add_task("warm-up", total=None)

        def show(running: Sequence[Running], count: int, said: str) -> None:
            if said:
                bar.console.print(f"{count:,} draws of each chain: {said}", markup=False, highlight=False)
                return
            made = min([one.draws() for one in running if not one.ended], default=count)
            if made < 0:
                tune = max(one.tune for one in running)
                bar.update(task, description="warm-up", completed=tune + made, total=tune)
            else:
                bar.update(task, description="draws of each chain", completed=made, total=count)

        yield show
