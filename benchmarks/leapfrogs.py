"""What draws cost under each adaptation of the mass matrix, in one table over all models.

    python benchmarks/leapfrogs.py
    python benchmarks/leapfrogs.py "fifteen treatments, ICBM" cue --adaptations diag low_rank --draws 500 --seeds 1 2
    python benchmarks/leapfrogs.py --trial 15 --seeds 20        # how many of 20 default fits pass the gate

Models are those of subjects over bundled tables, RothC and ICBM on a bundled field
trial, and on simulated ones of shapes that no bundled trial has
(``benchmarks/simulated_trials.py``). Adaptations are nutpie's: ``diag`` and ``low_rank`` as ``sb.fit``
asks for them, ``flow``, which learns a transport map and needs flowjax, and ``draw_diag``. Chains begin where those
of ``sb.fit`` do. Each model has a process of its own, with an empty folder of compiled code unless one is named.

Seconds are those of processors, user and system, over all chains, with warm-up; ESS is the smallest of everything
that a fit keeps, bulk or tail, and passed says whether the gate finds no fault in R-hat, ESS, divergences and energy.
Each row is in ``docs/leapfrogs/rows.csv`` as soon as it is measured and is not measured again; the page beside it is
written from all rows there are. With ``--store`` both are in another folder, to try something out.

``--trial 15`` fits the simulated trial of 15 treatments with ``sb.fit`` at its defaults, once for each
of the first ``--seeds`` seeds (of trial and fit), and says how many passed; it keeps ``trial_15.csv`` the same way, and
its runs, which ``sb.resume`` finishes where they were cut short, in ``--runs``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from measured_models import STRUCTURES, measured_models, model_called

from socbayes.files import replacing, write_text

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

STORE = Path(__file__).resolve().parents[1] / "docs" / "leapfrogs"
ADAPTATIONS = ("diag", "low_rank", "flow", "draw_diag")
CHAINS = 4
CALLS = 200
KEY = ["model", "adaptation", "draws", "tune", "seed"]
"""What tells rows of the table from each other."""
DIGITS = {
    "compile s": 1,
    "gradient ms": 3,
    "sampling s": 1,
    "leapfrogs per draw": 1,
    "bulk ESS": 0,
    "tail ESS": 0,
    "ESS/s": 2,
    "R-hat": 4,
}


# --- rows that are kept -----------------------------------------------------------------


def rows_in(path: Path) -> pd.DataFrame:
    """Rows measured so far."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def done(rows: pd.DataFrame, key: dict[str, Any]) -> bool:
    """Whether a row is there already."""
    return bool(len(rows)) and bool((rows[list(key)] == pd.Series(key)).all(axis=1).any())


def keep(path: Path, row: dict[str, Any]) -> None:
    """Add a row to a file, which is whole at any moment."""
    rows = pd.concat([rows_in(path), pd.DataFrame([row])], ignore_index=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")


# --- one model, in a process of its own ---------------------------------------------------


def measure(name: str, adaptations: Sequence[str], effort: dict[str, int], seeds: Sequence[int], path: Path) -> None:
    """Measure what is not measured yet of one model."""
    keys = [
        {"model": name, "adaptation": adaptation, **effort, "seed": seed}
        for seed in seeds
        for adaptation in adaptations
    ]
    missing = [key for key in keys if not done(rows_in(path), key)]
    if not missing:
        return
    from socbayes.inference.sampling import compile_for_sampling

    model = model_called(name)
    start = time.process_time()
    compiled = compile_for_sampling(model)
    once = {"parameters": compiled.n_dim, "compile s": time.process_time() - start}
    once["gradient ms"] = gradient_milliseconds(compiled)
    for key in missing:
        try:
            found = sampled(model, compiled, key)
        except Exception as error:  # of whatever class a sampler raises: the others are measured all the same
            found = {"passed": "no", "why not": f"{type(error).__name__}: {error}".splitlines()[0]}
        keep(path, key | once | found)
        print(", ".join(f"{column} {value}" for column, value in (key | found).items()), flush=True)


def gradient_milliseconds(compiled: Any) -> float:
    """Processor time of a log density with its gradient, as the sampler calls it."""
    point = compiled.initial_point_func(1)
    compiled.logp_func(point)
    start = time.process_time()
    for _ in range(CALLS):
        compiled.logp_func(point)
    return (time.process_time() - start) / CALLS * 1e3


def sampled(model: pm.Model, compiled: Any, key: dict[str, Any]) -> dict[str, Any]:
    """Sample as ``sb.fit`` does, in memory, a fixed number of draws."""
    import nutpie

    from socbayes.inference.diagnostics import convergence_table, failures_of
    from socbayes.inference.fit import TARGET_ACCEPT
    from socbayes.inference.sampling import adapting
    from socbayes.inference.starts import climbing
    from socbayes.spec import spec_of

    spec = spec_of(model)
    start = time.process_time()
    begun = climbing(compiled, spec.climbs, key["seed"])[0] if spec.climbs else compiled
    drawn = nutpie.sample(
        begun,
        draws=key["draws"],
        tune=key["tune"],
        chains=CHAINS,
        cores=min(CHAINS, os.cpu_count() or 1),
        seed=key["seed"],
        target_accept=spec.target_accept or TARGET_ACCEPT,
        **adapting(key["adaptation"]),
        progress_bar=False,
    )
    seconds = time.process_time() - start
    tree = as_a_fit(model, drawn)
    table = convergence_table(tree)
    faults = failures_of(tree, table)
    bulk, tail = float(table["ess_bulk"].min()), float(table["ess_tail"].min())
    return {
        "sampling s": seconds,
        "leapfrogs per draw": float(drawn["sample_stats/n_steps"].mean()),
        "bulk ESS": bulk,
        "tail ESS": tail,
        "slowest": str(table["ess_bulk" if bulk < tail else "ess_tail"].idxmin()),
        "ESS/s": min(bulk, tail) / seconds,
        "divergences": int(drawn["sample_stats/diverging"].sum()),
        "R-hat": float(table["r_hat"].max()),
        "passed": "no" if faults else "yes",
        "why not": ", ".join(faults),
    }


def as_a_fit(model: pm.Model, drawn: xr.DataTree) -> xr.DataTree:
    """Draws as a fit keeps them: what the model has by name, without the coordinates of the sampler."""
    import xarray as xr

    names = [variable.name for variable in model.unobserved_RVs]
    statistics = drawn["sample_stats"].to_dataset()[["diverging", "energy"]]
    return xr.DataTree.from_dict({"posterior": drawn["posterior"].to_dataset()[names], "sample_stats": statistics})


# --- the page ---------------------------------------------------------------------------


def page(rows: pd.DataFrame, trial: pd.DataFrame) -> str:
    """All rows as a page, medians over seeds."""
    text = [
        "# What draws cost",
        "",
        "Written by `python benchmarks/leapfrogs.py` from `rows.csv`. Medians over seeds; divergences and R-hat are",
        "the largest. Seconds are of processors, over all chains, with warm-up; ESS is the smallest of everything that",
        "a fit keeps; passed counts seeds of which the gate finds no fault in R-hat, ESS, divergences and energy, at",
        "that many draws. Trials of treatments and rotations are simulated (`benchmarks/simulated_trials.py`).",
    ]
    if len(rows):
        for (draws, tune), some in rows.groupby(["draws", "tune"]):
            text += ["", f"## {CHAINS} chains of {tune:,} + {draws:,} draws", "", markdown(some)]
    if len(trial):
        text += ["", "## Fifteen treatments, at default settings", "", *of_trial(trial)]
    return "\n".join(text) + "\n"


def markdown(rows: pd.DataFrame) -> str:
    """Rows of one effort as a table in Markdown, in the order of models."""
    columns = [*DIGITS, "divergences", "passed"]
    lines = ["| " + " | ".join(["model", "adaptation", "parameters", *columns]) + " |", "|" + " --- |" * 13]
    order = {name: place for place, name in enumerate(measured_models())}
    groups = sorted(
        rows.groupby(["model", "adaptation"]),
        key=lambda group: (order.get(group[0][0], len(order)), ADAPTATIONS.index(group[0][1])),
    )
    for (model, adaptation), some in groups:
        cells = [model, adaptation, str(int(some["parameters"].iloc[0]))]
        for column, digits in DIGITS.items():
            value = some[column].max() if column == "R-hat" else some[column].median()
            cells.append("–" if pd.isna(value) else f"{value:,.{digits}f}")
        most = some["divergences"].max()
        cells += ["–" if pd.isna(most) else f"{most:.0f}", f"{(some['passed'] == 'yes').sum()} of {len(some)}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


# --- the trial of fifteen treatments at default settings ------------------------------------


def fit_trial(structure: str, seed: int, runs: Path, shape: dict[str, int], effort: dict[str, int]) -> dict[str, Any]:
    """Fit the simulated trial of a seed with ``sb.fit``, or finish what was begun.

    Parameters
    ----------
    structure
        As the table calls it.
    seed
        Of trial and fit.
    runs
        Folder of runs.
    shape, effort
        Arguments of the trial and of ``sb.fit``, none of which is the default of either.
    """
    from simulated_trials import fifteen_treatments

    import socbayes as sb
    from socbayes.facts import facts_of
    from socbayes.inference.runs import SPEC

    folder = runs / f"{structure} {seed}"
    start = time.process_time()
    begun = (folder / SPEC).exists()
    if begun:
        fitted = sb.resume(folder, progress=False)
    else:
        model = sb.models.field.build(*fifteen_treatments(seed, **shape), structure=STRUCTURES[structure])
        fitted = sb.fit(model, seed=seed, store=folder, progress=False, **effort)
    facts = facts_of(fitted)
    return {
        "structure": structure,
        "seed": seed,
        "passed": "yes" if facts.converged else "no",
        "draws": fitted["posterior"].sizes["draw"],
        "bulk ESS": round(float(fitted.attrs["min_ess_bulk"])),
        "tail ESS": round(float(fitted.attrs["min_ess_tail"])),
        "R-hat": round(float(fitted.attrs["max_r_hat"]), 4),
        "divergences": int(fitted.attrs["divergences"]),
        "processor s": None if begun else round(time.process_time() - start, 1),
        "why not": " ".join(facts.failures),
    }


def of_trial(trial: pd.DataFrame) -> list[str]:
    """How many fits of the trial passed, a line for each structure and the faults of those that did not."""
    lines = []
    for structure, some in trial.groupby("structure", sort=False):
        bad = some[some["passed"] != "yes"]
        lines.append(f"- {structure}: {len(some) - len(bad)} of {len(some)} fits passed the gate")
        lines += [f"  - seed {row['seed']}: {row['why not']}" for _, row in bad.iterrows()]
    return lines


def trial_fits(structures: Sequence[str], seeds: int, store: Path, runs: Path) -> None:
    """Fit the trial of fifteen treatments for every seed that is not there yet, and say how many passed."""
    path = store / "trial_15.csv"
    for structure in structures:
        for seed in range(1, seeds + 1):
            if not done(rows_in(path), {"structure": structure, "seed": seed}):
                keep(path, row := fit_trial(structure, seed, runs, {}, {}))
                print(", ".join(f"{column} {value}" for column, value in row.items()), flush=True)
    print(*of_trial(rows_in(path)), sep="\n")


# --- all ----------------------------------------------------------------------------------


def in_a_process(name: str, arguments: Sequence[str], cache: str) -> None:
    """Measure one model in a process of its own, so that one that dies takes no other with it."""
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={cache}"}
    command = [sys.executable, str(Path(__file__).resolve()), name, *arguments, "--here"]
    ended = subprocess.run(command, env=environment, check=False).returncode
    if ended:
        print(f"{name}: its process ended with {ended}", flush=True)


def chosen(adaptations: Sequence[str]) -> list[str]:
    """Adaptations that can be measured here; says which cannot."""
    if "flow" in adaptations and find_spec("flowjax") is None:
        print("flow is left out: it needs flowjax (pip install flowjax), best in an environment of its own")
        return [one for one in adaptations if one != "flow"]
    return list(adaptations)


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="models by name; all if left out")
    parser.add_argument("--adaptations", nargs="+", choices=ADAPTATIONS, default=ADAPTATIONS[:3])
    parser.add_argument("--draws", type=int, default=1000, help="kept draws of each chain")
    parser.add_argument("--tune", type=int, default=1000, help="warm-up steps of each chain")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="seeds; with --trial, how many of them")
    parser.add_argument("--store", type=Path, default=STORE, help="folder of rows and page")
    parser.add_argument("--cache", help="folder of compiled code; an empty one for each model if left out")
    parser.add_argument("--trial", type=int, choices=[15], help="fit the simulated trial of 15 treatments instead")
    parser.add_argument("--structures", nargs="+", choices=list(STRUCTURES), default=list(STRUCTURES))
    parser.add_argument("--runs", type=Path, default=Path("runs/trial_15"), help="runs of --trial")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    rows = given.store / "rows.csv"
    effort = {"draws": given.draws, "tune": given.tune}
    if given.here:
        measure(given.models[0], given.adaptations, effort, given.seeds, rows)
        return
    if given.trial:
        trial_fits(given.structures, given.seeds[0], given.store, given.runs)
    else:
        settings = ["--draws", given.draws, "--tune", given.tune, "--store", given.store.resolve()]
        settings += ["--adaptations", *chosen(given.adaptations), "--seeds", *given.seeds]
        for name in given.models or measured_models():
            with tempfile.TemporaryDirectory() as empty:
                in_a_process(name, list(map(str, settings)), given.cache or empty)
    given.store.mkdir(parents=True, exist_ok=True)
    write_text(given.store / "README.md", page(rows_in(rows), rows_in(given.store / "trial_15.csv")))
    print((given.store / "README.md").read_text("utf-8"))


if __name__ == "__main__":
    main()
