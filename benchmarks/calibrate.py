"""Simulation-based calibration of every model, small enough for two hundred fits.

    python benchmarks/calibrate.py                       # every case
    python benchmarks/calibrate.py priming --simulations 50 --output /tmp/calibration

Writes per case ``<case>.csv`` (the verdict on each quantity), ``<case>_ranks.csv``
(the ranks), ``<case>.json`` (date, seed, versions, failures) and ``<case>.png``,
and ``README.md``, the page of all cases in the folder.

A case takes minutes, the process model of priming an hour. A new model takes one
function in ``CALIBRATION`` of the module ``trials`` of its subject, which builds it on a few rows.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import socbayes as sb
from socbayes.inference.calibration import calibration_table, rank_fractions
from socbayes.subjects import subjects

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "calibration"
SIMULATIONS, SEED = 200, 20260101


def toy() -> pm.Model:
    """Normal values in normal groups."""
    import pymc as pm

    group = np.repeat(np.arange(4), 5)
    with pm.Model(coords={"group": list("abcd"), "obs": np.arange(group.size)}) as model:
        mean, spread = pm.Normal("mean", 0.0, 1.0), pm.LogNormal("spread", -0.5, 0.5)
        effect = pm.Normal("effect", dims="group")
        pm.Normal(
            "value", (mean + spread * effect)[group], pm.HalfNormal("scatter", 1.0), observed=np.zeros(20), dims="obs"
        )
    return model


def cases() -> dict[str, Callable[[], pm.Model]]:
    """Functions that build a model on a few rows, by case, subject by subject."""
    found = {"toy": toy}
    for subject in subjects():
        trials = subject.part("trials")
        found |= trials.CALIBRATION if trials else {}
    return found


CASES = cases()


def store(name: str, ranks: xr.Dataset, size: str, folder: Path) -> None:
    """Write what is kept of one case."""
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    table = calibration_table(ranks)
    table.round(4).to_csv(folder / f"{name}.csv", lineterminator="\n")
    classes = ranks.attrs["ranked_draws"] + 1
    columns = {key: np.floor(values * classes).astype(int) for key, values in rank_fractions(ranks).items()}
    pd.DataFrame(columns).to_csv(folder / f"{name}_ranks.csv", index=False, lineterminator="\n")
    reasons = (
        pd.Series(ranks["failure"].to_numpy()).replace("", np.nan).dropna().str.replace(r" [\d.]+$", "", regex=True)
    )
    summary = {
        **{key: value for key, value in ranks.attrs.items() if key != "versions"},
        "case": name,
        "size": size,
        "failure_reasons": reasons.value_counts().to_dict(),
        "simulations_with_divergences": int((ranks["divergences"] > 0).sum()),
        "smallest_ess_below_ranked_draws": int((ranks["min_ess"] < ranks.attrs["ranked_draws"]).sum()),
        "quantities": len(table),
        "outside_band": table.index[table["outside_band"]].tolist(),
        "outside_band_adjusted": table.index[table["p_adjusted"] < 0.05].tolist(),
        "smallest_p_adjusted": float(table["p_adjusted"].min()),
        "versions": json.loads(ranks.attrs["versions"]),
    }
    (folder / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    sb.plots.calibration_ecdf(ranks).savefig(folder / f"{name}.png", dpi=100)


def page(folder: Path) -> str:
    """The page of all cases that have results."""
    lines = [
        "# Simulation-based calibration",
        "",
        "Parameters drawn from the priors, data drawn from the likelihood, and each true value ranked among posterior",
        "draws (`sb.sbc`). Written by `make calibrate`. A band is simultaneous over its curve and holds 95 % of the",
        "curves of a correct computation, so one quantity in twenty leaves it by chance; the adjusted p-value (Holm)",
        "takes all quantities of a model together.",
        "",
        "| case | size | simulations | failed | with divergences | quantities | outside the band "
        "| adjusted p below 0.05 | smallest adjusted p | seconds | date | seed |",
        "|" + " --- |" * 12,
    ]
    for path in sorted(folder.glob("*.json"), key=lambda path: list(CASES).index(path.stem)):
        case = json.loads(path.read_text("utf-8"))
        lines.append(
            f"| [{case['case']}]({case['case']}.csv) | {case['size']} | {case['simulations']} | {case['failures']} | "
            f"{case['simulations_with_divergences']} | {case['quantities']} | {len(case['outside_band'])} | "
            f"{', '.join(case['outside_band_adjusted']) or 'none'} | {case['smallest_p_adjusted']:.3g} | "
            f"{case['seconds']:.0f} | {case['date']} | {case['seed']} |"
        )
    notes = folder / "notes.md"
    return "\n".join(lines) + "\n" + ("\n" + notes.read_text("utf-8") if notes.exists() else "")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"any of {', '.join(CASES)}; all by default")
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    strange = set(given.cases) - set(CASES)
    if strange:
        parser.error(f"no case {', '.join(sorted(strange))}; known: {', '.join(CASES)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in given.cases or CASES:
        model = CASES[name]()
        ranks = sb.sbc(model, simulations=given.simulations, seed=given.seed, progress=True)
        observations = sum(int(np.prod(variable.shape.eval())) for variable in model.observed_RVs)
        store(name, ranks, f"{observations} observations", given.output)
        print(f"{name}: {ranks.attrs['seconds']:.0f} s, {ranks.attrs['failures']} failed")
    (given.output / "README.md").write_text(page(given.output), encoding="utf-8")


if __name__ == "__main__":
    main()
