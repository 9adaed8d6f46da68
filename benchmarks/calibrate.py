"""Simulation-based calibration of every model, small enough for two hundred fits.

    python benchmarks/calibrate.py                       # every case
    python benchmarks/calibrate.py priming --simulations 50 --output /tmp/calibration

Writes per case ``<case>.csv`` (the verdict on each quantity), ``<case>_ranks.csv``
(the ranks), ``<case>.json`` (date, seed, versions, failures) and ``<case>.png``,
and ``README.md``, the page of all cases in the folder.

A case takes minutes, the process model of priming an hour. A new model takes one
function in ``CASES`` that builds it on a few rows.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import socbayes as sb
from socbayes.inference.calibration import calibration_table, rank_fractions

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "calibration"
SIMULATIONS, SEED = 200, 20260101


def few(table: pd.DataFrame, studies: int, rows: int, by: str = "study") -> pd.DataFrame:
    """The first rows of the largest studies."""
    largest = (
        table[by].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable").index[:studies]
    )
    return table[table[by].isin(largest)].groupby(by, sort=True).head(rows).reset_index(drop=True)


def toy() -> Any:
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


def cue() -> Any:
    """Six studies of eight rows, without the temperature gradient."""
    return sb.models.cue.build(few(sb.load_dataset("cue"), 6, 8))


def priming() -> Any:
    """Four studies of eight jars."""
    return sb.models.priming.build(few(sb.load_dataset("priming_endpoints"), 4, 8))


def mcp() -> Any:
    """Six studies of pairs and six of levels."""
    pairs = few(sb.load_dataset("necromass_pairs"), 6, 5)
    levels = sb.load_dataset("necromass_levels")
    return sb.models.mcp.build(pairs, levels=few(levels[levels["arm"] != "treatment"], 6, 5))


def soil_incubation() -> Any:
    """Every third date; transfers that seldom create carbon, as growth without limit is no data set."""
    table = sb.load_dataset("soil_incubation_cumulative").iloc[::3].reset_index(drop=True)
    shares = {name: ("HalfNormal", {"sigma": 0.35}) for name in ("alpha12", "alpha21")}
    return sb.models.soil_incubation.build(table, priors=shares)


def cue_process() -> Any:
    """Six studies of six rows, three of which followed their label through time."""
    import pandas as pd

    table = sb.load_dataset("cue")
    followed = table.groupby("study")["incubation_time"].transform("nunique") > 3
    parts = [few(table[which], 3, 6) for which in (followed, ~followed)]
    return sb.models.cue.process.build(pd.concat(parts, ignore_index=True))


def mcp_process() -> Any:
    """Five studies of four pairs, in half the steps: a model's own simulations know no finer ones."""
    return sb.models.mcp.process.build(few(sb.load_dataset("necromass_pairs"), 5, 4), steps=32)


def priming_process() -> Any:
    """A month of two jars of three studies: nitrogen and weekly doses, litters, soils with a dose unknown."""
    series = sb.load_dataset("priming_time_series")
    series = series[series["study"].str.contains("Arizona|Elias|LAMPS") & (series["incubation_day"] <= 30)]
    kinds = ["study", "control", "added_nitrogen", "substrate_dose"]
    jars = series.groupby(["study", "jar"], sort=False).last().reset_index().drop_duplicates(kinds)
    jars = jars.groupby("study", sort=False).head(2)[["study", "jar"]]
    return sb.models.priming.process.build(series.merge(jars), sb.load_dataset("priming_endpoints").merge(jars))


def joint() -> Any:
    """The estimates of all literatures."""
    return sb.models.joint.build(sb.models.joint.literatures())


def field(**options: Any) -> Any:
    """Total carbon of the three plots of one trial, with two pools."""
    obs, management = (
        table[table["study"] == "Tarlee"].reset_index(drop=True)
        for table in (sb.load_dataset("field_soc"), sb.load_dataset("field_management"))
    )
    obs = obs.drop(columns=["humus_carbon_stock", "resistant_carbon_stock"])
    return sb.models.field.build(obs, management, structure="icbm", **options)


def field_treatments() -> Any:
    """Four plots of a ley-arable trial since 1980, two of which change their treatment twice, with two pools."""
    obs, management = (
        table[table["study"] == "Highfield ley-arable"]
        for table in (sb.load_dataset("field_soc"), sb.load_dataset("field_management"))
    )
    plots = [f"Highfield {plot}" for plot in ("07/08", "09/10", "41/42", "43/44")]
    few = obs["plot"].isin(plots) & (obs["year"] > 1980)
    return sb.models.field.build(obs[few].reset_index(drop=True), management, structure="icbm")


CASES: dict[str, Callable[[], Any]] = {
    "toy": toy,
    "cue": cue,
    "priming": priming,
    "mcp": mcp,
    "soil_incubation": soil_incubation,
    "cue_process": cue_process,
    "mcp_process": mcp_process,
    "priming_process": priming_process,
    "joint": joint,
    "field": field,
    "field_noise": lambda: field(process_noise=True),
    "field_treatments": field_treatments,
}


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
