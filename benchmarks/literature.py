"""Fit the process models to the literature and write what the package carries of them.

    python benchmarks/literature.py --store runs/literature

Fits that are in the folder already are read, not repeated; of models that are
not among ``--models``, what was written before is kept. Writes
``data/literature_moments.json``, what each converged fit says of the shared
parameters, and ``data/literature_prior.json``, the joint posterior for a soil
of no literature; and ``data/posteriors``, a few hundred draws of what is
reported of each fit. A fit that did not converge is named and left out. Process
models are compared with their baselines row by row (PSIS-LOO), in
``docs/left_out/rows.csv``, which ``benchmarks/left_out.py`` shows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd

import socbayes as sb
from socbayes.files import write_text
from socbayes.inference.stored import VERSION, store_posterior
from socbayes.models import cue, joint, mcp
from socbayes.models.cue import process as cue_process
from socbayes.models.mcp import process as mcp_process
from socbayes.models.priming import process as priming_process

ROOT = Path(__file__).parents[1]
DATA = ROOT / "data"
MOMENTS = DATA / "literature_moments.json"
ROWS = ROOT / "docs" / "left_out" / "rows.csv"
SEED = 12
STORED = {
    "cue_process": (
        *cue_process.QUANTITIES, "level", "log_uptake", "residue_share", "slope_mean", "slope_method", "slope_between",
        "study_slope", "ecosystem_effect",
    ),
    "mcp_process": (
        *mcp_process.QUANTITIES, *mcp_process.CONTROL, "practice_lever_standardised", "share_sd", "turnover_sd",
        "conversion_sd", "residual_correlation",
    ),
    "priming_process": (
        *priming_process.QUANTITIES, "respiration", "respiration_mean", "respiration_sd", "supply", "supply_mean",
        "supply_sd", "depletion", "depletion_mean", "depletion_sd", "efficiency", "efficiency_sd", "elasticity",
        "elasticity_sd", "biomass_log_error", "half_saturation", "residue_share", "addition_mean", "addition_sd",
        "dissolved_turnover", "efficiency_treated", "depolymerisation", "solid_decay", "soluble", "nitrogen_sd",
    ),
}  # fmt: skip
"""Variables kept of each model: what is reported, and what figures and scenarios are made of."""
COMPARED = {"cue_process": ("cue", "logit_cue"), "mcp_process": ("mcp", "pair_log_ratio")}
"""By process model, its baseline and the variable that both observe."""


def models() -> dict[str, tuple[Any, dict[str, int]]]:
    """Builder and number of draws of every model, by name."""
    load = sb.load_dataset
    return {
        "cue": (lambda: cue.build(load("cue")), {}),
        "mcp": (lambda: mcp.build(load("necromass_pairs"), levels=load("necromass_levels")), {}),
        "cue_process": (lambda: cue_process.build(load("cue")), {"draws": 1500, "tune": 1000}),
        "mcp_process": (
            lambda: mcp_process.build(load("necromass_pairs"), load("necromass_levels")),
            {"draws": 1500, "tune": 1000},
        ),
        "priming_process": (
            lambda: priming_process.build(load("priming_time_series"), load("priming_endpoints")),
            {"draws": 1000, "tune": 700},
        ),
    }


def fitted(name: str, store: Path) -> Any:
    """The fit in the folder, made first if it is not there."""
    folder = store / name
    if (folder / "fit.nc").exists():
        return sb.load(folder)
    build, effort = models()[name]
    start = time.perf_counter()
    fit = sb.fit(build(), seed=SEED, chains=4, cores=2, store=folder, progress=False, **effort)
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
    for process, (baseline, variable) in COMPARED.items():
        if process in models:
            fits = {name: fitted(name, store) for name in (baseline, process)}
            parts.append(sb.compare(fits, variable).reset_index().assign(variable=variable)[columns].round(3))
        else:
            parts.append(before[before["variable"] == variable])
    return pd.concat(parts)


def main() -> None:
    """Fit, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("runs/literature"))
    parser.add_argument("--models", nargs="*", default=list(STORED), choices=list(STORED))
    arguments = parser.parse_args()
    origin = {entry["name"]: entry["origin"] for entry in json.loads(MOMENTS.read_text("utf-8"))}
    sources = {source.name: source for source in joint.literatures()}
    for name in arguments.models:
        fit = fitted(name, arguments.store)
        a = fit.attrs
        print(
            f"{name}: {a['parameters']} parameters, compiled in {a['compile_seconds']:.0f} s, sampled in "
            f"{a['sampling_seconds']:.0f} s, R-hat {a['max_r_hat']:.4f}, ESS {a['min_ess_bulk']:.0f} bulk and "
            f"{a['min_ess_tail']:.0f} tail, {a['divergences']} divergences, "
            f"{float(fit['sample_stats']['n_steps'].mean()):.0f} leapfrogs"
        )
        if not a["converged"]:
            print(f"{name} is left out: {a['failures']}")
            sources = {key: source for key, source in sources.items() if origin[key]["model"] != name}
            continue
        if name in STORED:
            store_posterior(fit, STORED[name], DATA / "posteriors" / f"{name}-{VERSION}.nc")
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
    rows = by_rows(arguments.store, arguments.models)
    print(rows.to_string(index=False))
    rows.to_csv(ROWS, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
