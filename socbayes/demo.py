"""The whole way on bundled data: models fitted, checked, compared and reported, and a field trial up to credits.

Which models of literatures and which scenarios is said by ``demonstrated`` of their records; the field trial stands in
:mod:`socbayes.demo_plots`. Fits are made beside each other (:mod:`socbayes.demo_fits`), and each is checked while the
others go on.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.demo_fits import Job, made, memory_of
from socbayes.demo_plots import EFFORT, RUN, Decision, decide, summarised
from socbayes.errors import SocbayesError
from socbayes.files import write_text
from socbayes.inference.enough import MORE
from socbayes.screen import console_of, diagnostics_table, scenario_table
from socbayes.subjects import model_record, model_records

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.inference.checks import Checks
    from socbayes.scenarios import ScenarioComparison

PAGE, SUMMARY = "index.html", "summary.json"

USUAL_DRAWS = 2000
"""Draws to which those that the record of a model asks for are a ratio."""
FIRST_DRAWS = 1500
"""Draws at which fits are first looked at, of a model that needs the usual number."""


def run(
    output: str | os.PathLike[str] = "report",
    *,
    draws: int | None = None,
    tune: int = 1000,
    chains: int = 4,
    seed: int = 20261121,
    store: str | os.PathLike[str] | None = None,
    allow_failed: bool = False,
    progress: bool = True,
) -> Path:
    """Fit, check, compare and report the models of the demonstration on bundled data, and credit plans on a trial.

    Parameters
    ----------
    output
        Folder of the report. ``index.html`` and ``summary.json`` in it are replaced.
    draws, tune, chains
        Of each fit; a model whose record asks for more draws than usual takes more in proportion. By default each fit
        draws until it passes its checks, or has drawn four times as much as is usually enough.
    seed
        Seed of everything random.
    store
        Folder of the runs, ``<output>/runs`` by default; runs of an earlier demonstration in it are replaced.
    allow_failed
        Whether plans and credits are computed although the fit of the trial failed its checks; they are then marked.
    progress
        Whether to show progress bars and results.

    Returns
    -------
    pathlib.Path
        The report.

    Examples
    --------
    >>> demo.run("report", draws=200, tune=200)  # doctest: +SKIP
    """
    from socbayes import scenarios
    from socbayes.inference.checks import check
    from socbayes.inference.runs import load
    from socbayes.report import report

    started = time.perf_counter()
    output = Path(output)
    store = output / "runs" if store is None else Path(store)
    records = {name: record for name, record in model_records().items() if record.demonstrated}
    effort = {"tune": tune, "chains": chains, "seed": seed}
    needs = {name: records[name].effort for name in sorted(records, key=_rows)} | {RUN: EFFORT}
    jobs = [Job(name, _emptied(store / name), effort | _draws(draws, needed)) for name, needed in needs.items()]
    jobs = [*jobs[-2:0:-1], jobs[-1], jobs[0]]  # the longest first
    fits: dict[str, xr.DataTree] = {}
    checks: dict[str, Checks] = {}
    numbers: dict[str, Any] = {}
    decision = Decision()
    with _shown(jobs, progress) as look:
        for job in made(jobs, look):
            fitted = load(job.folder)
            before = time.perf_counter()
            checks[job.name] = check(fitted)
            seconds = {"check_seconds": round(time.perf_counter() - before, 1)}
            memory = {"peak_memory_mb": memory_of(job.folder)}
            numbers[job.name] = summarise(fitted, checks[job.name]) | memory | seconds
            fits[job.name] = fitted
            if job.name == RUN:
                decision = decide(fitted, seed=seed, allow_failed=allow_failed)
    order = [*records, RUN]  # not that in which they were done
    fits, numbers = {name: fits[name] for name in order}, {name: numbers[name] for name in order}
    gains = [scenarios.compare(fits[name], one, seed=seed) for name in records for one in records[name].demonstrated]
    page = report(*fits.values(), gains, decision.items, path=output / PAGE, checks=[checks[name] for name in order])
    summary = _summary(numbers, gains, seed, round(time.perf_counter() - started, 1))
    summary["plans"] = summarised(decision)
    write_text(output / SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    if progress:
        _show(fits, gains, summary, page)
        _show_decision(decision)
    return page


def _rows(name: str) -> int:
    """Rows of the bundled tables of a model, which tell how long a fit to them takes beside others."""
    from socbayes.datasets import load_dataset

    return sum(len(load_dataset(one.bundled)) for one in model_record(name).tables if one.bundled)


def _draws(asked: int | None, needed: Mapping[str, int]) -> dict[str, int]:
    """Draws of a model, in proportion to those that it needs; with a limit where nobody asked for a number."""
    draws = round((asked or FIRST_DRAWS) * needed.get("draws", USUAL_DRAWS) / USUAL_DRAWS)
    return {"draws": draws} if asked else {"draws": draws, "most_draws": MORE * draws}


@contextmanager
def _shown(jobs: Sequence[Job], progress: bool) -> Iterator[Callable[[Sequence[Job]], None]]:
    """Show how far fits have come."""
    if not progress:
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[stage]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console_of(), refresh_per_second=2) as bar:
        tasks = {job: bar.add_task(job.name, start=False, stage="waiting", total=1) for job in jobs}

        def look(running: Sequence[Job]) -> None:
            for job, task in tasks.items():
                if job in running:
                    bar.start_task(task)
                    bar.update(task, stage=job.stage)
                elif job.stage == "done":
                    bar.update(task, stage="done", completed=1)

        yield look
        look([])


def _summary(numbers: Mapping[str, Any], gains: list[ScenarioComparison], seed: int, seconds: float) -> dict[str, Any]:
    """What a reader of JSON is told of all fits and comparisons."""
    return {
        "report": PAGE,
        "passed": all(one["passed"] for one in numbers.values()),
        "seed": seed,
        "seconds": seconds,
        "models": dict(numbers),
        "scenarios": [scenario_numbers(gain) for gain in gains],
    }


def summarise(fitted: xr.DataTree, checks: Checks) -> dict[str, Any]:
    """Collect the numbers of a fit that say how it went, ready for JSON."""
    from socbayes.facts import facts_of
    from socbayes.report.readings import findings

    facts = facts_of(fitted)
    spec = facts.spec
    attrs = fitted.attrs
    return {
        "rows": sum(int(table["rows"]) for table in spec.tables.values()),
        "studies": sum(int(table["studies"] or 0) for table in spec.tables.values()),
        "parameters": int(attrs["parameters"]),
        "draws": int(attrs["draws"]),
        "chains": int(attrs["chains"]),
        "divergences": int(attrs["divergences"]),
        "max_r_hat": round(float(attrs["max_r_hat"]), 4),
        "min_ess": round(float(np.minimum(attrs["min_ess_bulk"], attrs["min_ess_tail"]))),
        "compile_seconds": round(float(attrs["compile_seconds"]), 1),
        "sampling_seconds": round(float(attrs["sampling_seconds"]), 1),
        "prediction_seconds": round(float(attrs["after_seconds"]), 1),
        "passed": facts.converged and checks.passed,
        "failures": [*facts.failures, *checks.failures],
        "findings": findings(fitted),
    }


def scenario_numbers(gain: ScenarioComparison) -> dict[str, Any]:
    """Collect the numbers of a comparison, ready for JSON, and whether the fit behind them may be used.

    Parameters
    ----------
    gain
        Of scenarios.
    """
    table = gain.table.drop(columns="converged").astype(float).round(6)
    rows = {
        str(name): {key: value for key, value in row.items() if np.isfinite(value)}
        for name, row in table.to_dict("index").items()
    }
    of = {"model": gain.model, "quantity": gain.quantity, "unit": gain.unit, "group": gain.group}
    return of | {"converged": gain.converged, "notes": gain.table.attrs["notes"], "scenarios": rows}


def _emptied(folder: Path) -> Path:
    """Make room for a run by removing an older one, and nothing else."""
    from socbayes.inference.runs import SPEC

    if folder.exists() and any(folder.iterdir()):
        if not (folder / SPEC).exists():
            raise SocbayesError(f"{folder} holds something other than a run; name another folder")
        shutil.rmtree(folder)
    return folder


def _show(
    fits: Mapping[str, xr.DataTree], gains: list[ScenarioComparison], summary: Mapping[str, Any], page: Path
) -> None:
    from rich.markup import escape

    console = console_of()
    console.print(diagnostics_table(fits))
    for name, numbers in summary["models"].items():
        for sentence in numbers["findings"]:
            console.print(f"[bold]{name}[/bold]  {escape(sentence)}", highlight=False)
    for gain in gains:
        console.print(scenario_table(gain))
    if not summary["passed"]:
        console.print("[bold red]At least one fit did not pass its checks: do not use its numbers.[/bold red]")
    console.print(f"Report: [bold]{escape(str(page))}[/bold]  ({summary['seconds']:.0f} s)", highlight=False)


def _show_decision(decision: Decision) -> None:
    """Print what plans would be credited on the trial, or why they are not."""
    from rich.markup import escape

    console = console_of()
    if decision.sheet is None:
        console.print(f"[bold red]No plans and no credits.[/bold red] {escape(str(decision.refused))}", highlight=False)
        return
    for sentence in decision.sheet.text:
        console.print(sentence, markup=False, highlight=False)
