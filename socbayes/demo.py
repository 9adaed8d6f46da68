"""The whole way on bundled data: three models fitted, checked, compared and reported."""

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

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

    from socbayes.inference.checks import Checks
    from socbayes.scenarios import ScenarioComparison

MODELS = ("cue", "priming", "mcp")

DRAWS_FACTOR = {"mcp": 4 / 3}
"""Practices of the pump model share little data, so its draws carry less each."""

PAGE, SUMMARY = "index.html", "summary.json"

Scenarios = Mapping[str, Mapping[str, Any]]

SCENARIOS: tuple[tuple[str, Scenarios], ...] = (
    *(
        (
            "cue",
            {
                f"{temperature} °C, {name}": {"temperature": temperature, "method": method, "ecosystem": "grassland"}
                for temperature in (15, 20, 25)
            },
        )
        for method, name in (("substrate_label", "labelled substrate"), ("water_18O", "¹⁸O in water"))
    ),
    (
        "priming",
        {
            f"dose {dose} × biomass{', with N' if nitrogen else ''}": {
                "dose_over_biomass": dose,
                "added_nitrogen": nitrogen,
            }
            for nitrogen in (False, True)
            for dose in (1, 10)
        },
    ),
    *(
        (
            "mcp",
            {
                name: {"practice": practice, "response": response}
                for name, practice in (
                    ("no change", "no_change"),
                    ("no tillage", "no_tillage"),
                    ("cover crop", "cover_crop"),
                    ("manure", "manure"),
                    ("straw return", "straw_return"),
                )
            },
        )
        for response in ("necromass_share", "soil_organic_carbon")
    ),
)
"""Comparisons of the demonstration: model, and settings by scenario; the first scenario is the reference."""


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
    """Fit, check, compare and report the three models on bundled data.

    Parameters
    ----------
    output
        Folder of the report. ``index.html`` and ``summary.json`` in it are
        replaced.
    draws, tune, chains
        Of each fit; the pump model takes a third more draws.
    seed
        Seed of everything random.
    store
        Folder of the runs, ``<output>/runs`` by default; runs of an earlier
        demonstration in it are replaced.
    progress
        Whether to show progress bars and results.

    Returns
    -------
    pathlib.Path
        The report.

    Examples
    --------
    >>> from socbayes import demo
    >>> demo.run("report", draws=200, tune=200)  # doctest: +SKIP
    """
    from socbayes import scenarios
    from socbayes.files import write_text
    from socbayes.inference.checks import check
    from socbayes.inference.fit import fit
    from socbayes.report import report

    started = time.perf_counter()
    output = Path(output)
    store = output / "runs" if store is None else Path(store)
    fits: dict[str, xr.DataTree] = {}
    checks: dict[str, Checks] = {}
    numbers: dict[str, Any] = {}
    for name in MODELS:
        if progress:
            _say(f"\n[bold]{name}[/bold]")
        model = build(name)
        fits[name] = fit(
            model,
            draws=round(draws * DRAWS_FACTOR.get(name, 1)),
            tune=tune,
            chains=chains,
            seed=seed,
            store=_emptied(store / name),
            progress=progress,
        )
        before = time.perf_counter()
        checks[name] = check(fits[name])
        numbers[name] = summarise(fits[name], checks[name]) | {"check_seconds": round(time.perf_counter() - before, 1)}
    gains = [scenarios.compare(fits[name], settings, seed=seed) for name, settings in SCENARIOS]
    page = report(*fits.values(), gains, path=output / PAGE, checks=list(checks.values()))
    summary = {
        "report": PAGE,
        "passed": all(one["passed"] for one in numbers.values()),
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "models": numbers,
        "scenarios": [_scenario_numbers(gain) for gain in gains],
    }
    write_text(output / SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    if progress:
        _show(fits, gains, summary, page)
    return page


def build(name: str, table: Any = None, **others: Any) -> Any:
    """Build one of the models, on bundled tables unless others are given.

    Parameters
    ----------
    name
        ``"cue"``, ``"priming"`` or ``"mcp"``.
    table
        The main table.
    **others
        Further tables by argument: ``gradient`` (None for none) for ``cue``, ``levels``
        for ``mcp``.

    Returns
    -------
    pymc.Model
    """
    from socbayes.datasets import load_dataset
    from socbayes.models import cue, mcp, priming

    if name == "cue":
        gradient = others.get("gradient", "bundled")
        gradient = load_dataset("cue_temperature_gradient") if isinstance(gradient, str) else gradient
        return cue.build(load_dataset("cue") if table is None else table, gradient=gradient)
    if name == "priming":
        return priming.build(load_dataset("priming_endpoints") if table is None else table)
    levels = others.get("levels")
    return mcp.build(
        load_dataset("necromass_pairs") if table is None else table,
        levels=load_dataset("necromass_levels") if levels is None else levels,
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


def _scenario_numbers(gain: ScenarioComparison) -> dict[str, Any]:
    table = gain.table.astype(float).round(6)
    rows = {
        str(name): {key: value for key, value in row.items() if np.isfinite(value)}
        for name, row in table.to_dict("index").items()
    }
    return {"model": gain.model, "quantity": gain.quantity, "unit": gain.unit, "group": gain.group, "scenarios": rows}


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
    from socbayes.inference.fit import SPEC

    if folder.exists() and any(folder.iterdir()):
        if not (folder / SPEC).exists():
            raise SocbayesError(f"{folder} holds something other than a run; name another folder")
        shutil.rmtree(folder)
    return folder


def console_of(*, errors: bool = False) -> Console:
    """Console to print on; wide enough for a table where there is no terminal to say how wide it is."""
    from rich.console import Console

    console = Console(stderr=errors, highlight=False)
    return console if console.is_terminal else Console(stderr=errors, highlight=False, width=120)


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


def diagnostics_table(fits: Mapping[str, xr.DataTree]) -> Any:
    """Lay out how well fits converged, as a table for the terminal."""
    from rich.table import Table

    table = Table(title="Diagnostics", title_justify="left")
    for column in ("fit", "draws", "divergences", "R-hat", "ESS", "sampling", "verdict"):
        table.add_column(column, justify="left" if column in ("fit", "verdict") else "right", no_wrap=True)
    for name, fitted in fits.items():
        attrs, sizes = fitted.attrs, fitted["posterior"].sizes
        seconds = f"{attrs['sampling_seconds']:.0f} s" if "sampling_seconds" in attrs else "-"
        table.add_row(
            name,
            f"{sizes['draw']} x {sizes['chain']}",
            str(attrs["divergences"]),
            f"{attrs['max_r_hat']:.3f}",
            f"{min(attrs['min_ess_bulk'], attrs['min_ess_tail']):.0f}",
            seconds,
            "[green]converged[/green]" if int(attrs["converged"]) else "[bold red]DID NOT CONVERGE[/bold red]",
        )
    return table


def scenario_table(gain: ScenarioComparison) -> Any:
    """Lay out a scenario comparison as a table for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    from socbayes.report.page import scenario_rows
    from socbayes.vocabulary import INTERVAL_NAME
    from socbayes.wording import unit_of_difference

    unit = "fraction" if gain.unit == "1" else gain.unit
    title = f"{gain.quantity} in {gain.group}: median ({INTERVAL_NAME})"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("scenario")
    table.add_column(f"prediction ({unit})", justify="right")
    table.add_column(f"difference ({unit_of_difference(gain.unit)})", justify="right")
    table.add_column("P(higher)", justify="right")
    rows, _ = scenario_rows(gain)
    for row in rows:
        table.add_row(*(escape(row[key]) for key in ("scenario", "prediction", "difference", "probability")))
    return table
