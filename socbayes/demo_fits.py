"""Fits of the demonstration, some at a time, each in a process of its own.

A model is compiled on one core, whatever the number of them, and compilation
takes longer than sampling: so one fit compiles while another one samples. What
a process makes is the folder of a run, and nothing is passed between processes
but the name of that folder.

    python -m socbayes.demo_fits cue report/runs/cue '{"draws": 1500, "tune": 1000, "chains": 4, "seed": 1}'
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbayes.errors import SocbayesError
from socbayes.inference.runs import FIT, SPEC
from socbayes.inference.streams import DRAWS

MEMORY = "memory.json"
"""Beside a fit: the largest memory of the process that made it."""
FAILED = "error.txt"
"""Beside the folder of a run that could not be made: why."""
LOOK = 0.5
"""Seconds between two looks at processes."""
WATCH = 1.0
"""Seconds between two looks of a process at the one that started it."""
AT_A_TIME = 2
"""Fits at a time, where there are as many cores: each takes about a gigabyte of memory."""


@dataclass(frozen=True, eq=False)
class Job:
    """One fit to be made.

    Parameters
    ----------
    name
        Of the model.
    folder
        Of its run.
    effort
        Arguments of :func:`socbayes.inference.fit.fit`.
    """

    name: str
    folder: Path
    effort: Mapping[str, int]

    @property
    def stage(self) -> str:
        """How far it has come, in a word, as its folder tells."""
        if (self.folder / MEMORY).exists():
            return "done"
        if (self.folder / FIT).exists():
            return "predicting and checking"
        if (self.folder / DRAWS).exists():
            return "sampling"
        return "compiling" if (self.folder / SPEC).exists() else "starting"


def made(jobs: Sequence[Job], look: Callable[[Sequence[Job]], None] = lambda _: None) -> Iterator[Job]:
    """Make fits, some at a time, and yield each as it is done.

    Parameters
    ----------
    jobs
        What is to be made, the longest first.
    look
        Is given those at work, twice a second.

    Yields
    ------
    Job
        One whose folder holds a fit.

    Raises
    ------
    SocbayesError
        For a fit that could not be made; the others are stopped.

    Examples
    --------
    >>> list(made([]))
    []
    """
    waiting, running = list(jobs), dict[Job, subprocess.Popen[bytes]]()
    at_a_time = max(1, min(AT_A_TIME, os.cpu_count() or 1))
    with _ended(running):
        while waiting or running:
            done = [job for job, process in running.items() if process.poll() is not None]
            for job in done:
                code = running.pop(job).returncode
                if code or not (job.folder / FIT).exists():
                    raise SocbayesError(_why(job, code))
            # The next ones start before the caller looks at what is done.
            while waiting and len(running) < at_a_time:
                job = waiting.pop(0)
                running[job] = _begun(job)
            look(list(running))
            yield from done
            if not done:
                time.sleep(LOOK)


def _begun(job: Job) -> subprocess.Popen[bytes]:
    """Start a process that makes a fit."""
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    _error_of(job).unlink(missing_ok=True)
    given = [job.name, str(job.folder), json.dumps(dict(job.effort))]
    # Without -P a file of the working directory that is named as a module of the library would be imported for it.
    command = [sys.executable, "-P", "-m", "socbayes.demo_fits", *given]
    with _error_of(job).open("wb") as said:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)


@contextmanager
def _ended(running: Mapping[Job, subprocess.Popen[bytes]]) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _error_of(job: Job) -> Path:
    return job.folder.with_name(f"{job.folder.name}-{FAILED}")


def _why(job: Job, code: int) -> str:
    """Why a fit could not be made."""
    lines = _error_of(job).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it said nothing"
    # A system that runs out of memory kills, and gives no other signal.
    short = ", perhaps for want of memory" if code == -getattr(signal, "SIGKILL", 0) else ""
    ended = f"signal {-code}{short}" if code < 0 else f"exit code {code}"
    return f"{job.name} could not be fitted ({ended}): {said}"


def memory_of(folder: Path) -> int | None:
    """Largest memory of the process that made a fit, MB; None where the system did not say.

    Parameters
    ----------
    folder
        Of the run.
    """
    path = folder / MEMORY
    found: int | None = json.loads(path.read_text(encoding="utf-8"))["peak_memory_mb"] if path.exists() else None
    return found


def _peak_memory() -> int | None:
    """Largest memory of this process so far in MB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str]) -> None:
    """Make one fit: name, folder of the run, and effort as JSON.

    Parameters
    ----------
    arguments
        Those three.
    """
    _end_with_parent()
    from socbayes.demo_plots import RUN, trial
    from socbayes.files import write_text
    from socbayes.inference.fit import fit
    from socbayes.subjects import model_record

    name, folder, effort = arguments
    # The process that started this one is interrupted as well, and ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("socbayes").addHandler(logging.NullHandler())
    given: dict[str, Any] = json.loads(effort)
    fit(trial() if name == RUN else model_record(name).build(), store=folder, progress=False, **given)
    write_text(Path(folder) / MEMORY, json.dumps({"peak_memory_mb": _peak_memory()}) + "\n")
    _error_of(Job(name, Path(folder), given)).unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:])
