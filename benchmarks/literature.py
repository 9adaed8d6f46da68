"""Fit the process models to the literature and write what the package carries of them.

    python benchmarks/literature.py --store runs/literature

Fits that are in the folder already are read, not repeated; of models that are
not among ``--models``, what was written before is kept. Writes
``data/literature_moments.json``, what each converged fit says of the shared
parameters, and ``data/literature_prior.json``, the joint posterior for a soil
of no literature; and ``data/posteriors``, a few hundred draws of what is
reported of each fit, and the SHA-256 of all of these. A fit that did not converge is named and left out. Process
models are compared with their baselines row by row (PSIS-LOO), in
``docs/left_out/rows.csv``, which ``benchmarks/left_out.py`` shows.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pymc as pm
from learned import write_hashes

import socbayes as sb
from socbayes.files import write_text
from socbayes.inference.stored import VERSION, store_posterior
from socbayes.models import joint
from socbayes.subjects import ModelRecord, model_record, model_records
from socbayes.wording import counted

ROOT = Path(__file__).parents[1]
DATA = ROOT / "data"
MOMENTS = DATA / "literature_moments.json"
ROWS = ROOT / "docs" / "left_out" / "rows.csv"
SEED = 12
STORED = [record for record in model_records().values() if record.kept is not None]
"""Models whose posteriors the package carries: process models, each beside its baseline."""


def built(record: ModelRecord) -> pm.Model:
    """The model of bundled tables; a baseline without those it can do without, which its process model has not seen."""
    if record.kept is not None:
        return record.build()
    return record.build({table.role: None for table in record.tables if not table.required})


def kept(record: ModelRecord) -> tuple[str, ...]:
    """Variables kept of a model: what is reported, and what figures and scenarios are made of."""
    return (*importlib.import_module(record.module).QUANTITIES, *(record.kept or ()))


def fitted(name: str, store: Path) -> Any:
    """The fit in the folder, made first if it is not there."""
    folder = store / name
    if (folder / "fit.nc").exists():
        return sb.load(folder)
    record = model_record(name)
    start = time.perf_counter()
    fit = sb.fit(built(record), seed=SEED, chains=4, cores=2, store=folder, progress=False, **record.effort)
    print(f"{name}: {time.perf_counter() - start:.0f} s in all")
    return fit


def _plain(value: Any) -> Any:
    """Python's own number for NumPy's."""
    return value.item() if hasattr(value, "item") else value


def by_rows(store: Path, models: list[str]) -> pd.DataFrame:
    """Process models against their baselines, rows left out one by one by importance sampling."""
    columns = ["variable", "fit", "elpd", "se", "elpd_diff", "dse", "weight", "pareto_k_above", "converged"]
    before = pd.read_csv(ROWS) if ROWS.exists() else pd.DataFrame(columns=columns)
    parts = []
    for record in STORED:
        if not record.compared:
            continue
        if record.name in models:
            fits = {name: fitted(name, store) for name in (record.baseline, record.name)}
            table = sb.compare(fits, record.compared).reset_index().assign(variable=record.compared)
            parts.append(table[columns].round(3))
        else:
            parts.append(before[before["variable"] == record.compared])
    return pd.concat(parts)


def main() -> None:
    """Fit, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("runs/literature"))
    names = [record.name for record in STORED]
    parser.add_argument("--models", nargs="*", default=names, choices=names)
    arguments = parser.parse_args()
    origin = {entry["name"]: entry["origin"] for entry in json.loads(MOMENTS.read_text("utf-8"))}
    sources = {source.name: source for source in joint.literatures()}
    for name in arguments.models:
        fit = fitted(name, arguments.store)
        a = fit.attrs
        print(
            f"{name}: {a['parameters']} parameters, compiled in {a['compile_seconds']:.0f} s, sampled in "
            f"{a['sampling_seconds']:.0f} s, R-hat {a['max_r_hat']:.4f}, ESS {a['min_ess_bulk']:.0f} bulk and "
            f"{a['min_ess_tail']:.0f} tail, {counted(int(a['divergences']), 'divergence')}, "
            f"{float(fit['sample_stats']['n_steps'].mean()):.0f} leapfrogs"
        )
        if not a["converged"]:
            print(f"{name} is left out: {a['failures']}")
            sources = {key: source for key, source in sources.items() if origin[key]["model"] != name}
            continue
        store_posterior(fit, kept(model_record(name)), DATA / "posteriors" / f"{name}-{VERSION}.nc")
        source = joint.literature(fit)
        print("  narrowed by", {key: round(value, 2) for key, value in source.contraction().items()})
        sources[source.name] = source
        keys = ("created", "seed", "max_r_hat", "min_ess_bulk", "divergences")
        origin[source.name] = {"model": name} | {key: _plain(a[key]) for key in keys}
    literatures = list(sources.values())
    write_text(MOMENTS, joint.to_json(literatures, origin))
    print(joint.disagreement(literatures).round(2).to_string())
    # Seconds, and new whenever a literature is.
    shutil.rmtree(arguments.store / "joint", ignore_errors=True)
    together = sb.fit(
        joint.build(literatures), draws=2000, tune=1000, chains=4, seed=SEED, store=arguments.store / "joint",
        progress=False,
    )  # fmt: skip
    print({key: together.attrs[key] for key in ("converged", "max_r_hat", "min_ess_bulk", "divergences")})
    prior = sb.prior_from(together, {name: text["scale"] for name, text in joint.SHARED.items()})
    prior.save(DATA / "literature_prior.json")
    write_hashes([MOMENTS, DATA / "literature_prior.json", *sorted((DATA / "posteriors").glob("*.nc"))])
    rows = by_rows(arguments.store, arguments.models)
    print(rows.to_string(index=False))
    rows.to_csv(ROWS, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
