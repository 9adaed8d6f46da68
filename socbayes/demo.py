"""The whole way on bundled data: models fitted, checked, compared and reported.

Which models and which scenarios is said by ``demonstrated`` of their records.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.files import write_text
from socbayes.screen import console_of, diagnostics_table, scenario_table
from socbayes.subjects import ModelRecord, model_records

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.inference.checks import Checks
    from socbayes.scenarios import ScenarioComparison

PAGE, SUMMARY = "index.html", "summary.json"

USUAL_DRAWS = 2000
"""Draws to which those that the record of a model asks for are a ratio."""


def run(
    output: str | os.PathLike[str] = "report",
    *,
    draws: int = 1500,
    tune: int = 1000,
    chains: int = 4,
    seed: int = 20261121,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Path:
    """Fit, check, compare and report the models of the demonstration on bundled data.

    Parameters
    ----------
    output
        Folder of the report. ``index.html`` and ``summary.json`` in it are replaced.
    draws, tune, chains
        Of each fit; a model whose record asks for more draws than usual takes more in proportion.
    seed
        Seed of everything random.
    store
        Folder of the runs, ``<output>/runs`` by default; runs of an earlier demonstration in it are replaced.
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
    from socbayes.report import report

    started = time.perf_counter()
    output = Path(output)
    store = output / "runs" if store is None else Path(store)
    fits: dict[str, xr.DataTree] = {}
    checks: dict[str, Checks] = {}
    numbers: dict[str, Any] = {}
    effort = {"draws": draws, "tune": tune, "chains": chains}
    records = {name: record for name, record in model_records().items() if record.demonstrated}
    for name, record in records.items():
        fits[name] = _fitted(record, effort, seed, _emptied(store / name), progress)
        before = time.perf_counter()
        checks[name] = check(fits[name])
        numbers[name] = summarise(fits[name], checks[name]) | {"check_seconds": round(time.perf_counter() - before, 1)}
    settings = [(name, one) for name, record in records.items() for one in record.demonstrated]
    gains = [scenarios.compare(fits[name], one, seed=seed) for name, one in settings]
    page = report(*fits.values(), gains, path=output / PAGE, checks=list(checks.values()))
    seconds = round(time.perf_counter() - started, 1)
    summary = _summary(numbers, gains, seed, seconds)
    write_text(output / SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    if progress:
        _show(fits, gains, summary, page)
    return page


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


def _fitted(record: ModelRecord, effort: dict[str, int], seed: int, store: Path, progress: bool) -> xr.DataTree:
    """Fit a model to its bundled tables."""
    from socbayes.inference.fit import fit

    if progress:
        _say(f"\n[bold]{record.name}[/bold]")
    draws = round(effort["draws"] * record.effort.get("draws", USUAL_DRAWS) / USUAL_DRAWS)
    return fit(
        record.build(),
        draws=draws,
        tune=effort["tune"],
        chains=effort["chains"],
        seed=seed,
        store=store,
        progress=progress,
    )


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
        "peak_memory_mb": _peak_memory(),
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


def _peak_memory() -> int | None:
    """Largest memory of this process so far in MB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def _emptied(folder: Path) -> Path:
    """Make room for a run by removing an older one, and nothing else."""
    from socbayes.inference.runs import SPEC

    if folder.exists() and any(folder.iterdir()):
        if not (folder / SPEC).exists():
            raise SocbayesError(f"{folder} holds something other than a run; name another folder")
        shutil.rmtree(folder)
    return folder


def _say(text: str) -> None:
    console_of().print(text, highlight=False)


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
