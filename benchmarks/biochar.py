"""Fit decomposition series of biochar and write what the package carries of them.

    python benchmarks/biochar.py --literature PATH --store runs/biochar

``PATH`` holds ``observations.csv`` and ``decomposition_series.csv`` of Azzi et al. 2024 (CC BY-SA 4.0), which are not
bundled. Writes ``data/biochar_persistence.json``, draws of the population of biochars, and prints the share that is
left after a century by ratio of hydrogen to carbon. A fit that did not converge writes nothing and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.models.biochar import build
from socbayes.models.biochar.persistence import BY_TEMPERATURE, SUMMARY, amendment, beside_published, carbon_left

DATA = Path(__file__).parents[1] / "data"
DRAWS, SEED = 400, 7
NOT_CHAR = ("no-treat", "htc")
"""Raw biomass and hydrochar, which stand among biochars."""
HIGHEST_RATIO, COOLEST = 0.7, 350.0
"""Ratio of hydrogen to carbon above which certificates call nothing biochar, and the pyrolysis temperature, degC, that
stands for it where no ratio is stated."""
PLAIN = ("labile_level", "labile_slope", "labile_rate", "labile_rate_sd", "slow_level", "slow_slope", "log_q10")
SPREADS = {"labile": "labile share", "slow": "persistent rate"}


def series_of(folder: Path) -> pd.DataFrame:
    """Series of biochar as a table of the model."""
    read = {"na_values": ["na"], "low_memory": False}
    about = pd.read_csv(folder / "observations.csv", **read).set_index("ID_obs")
    series = pd.read_csv(folder / "decomposition_series.csv", **read).dropna(subset=["C_bc_rem_rel", "time"])
    char = series["ID_obs"].map(about["PyrolysisClass"])
    print(f"{series['ID_obs'].nunique()} series; {series.loc[char.isin(NOT_CHAR), 'ID_obs'].nunique()} are no biochar")
    series = series[~char.isin(NOT_CHAR)]
    own = about.loc[series["ID_obs"]]
    numbers = {name: pd.to_numeric(own[name], errors="coerce").to_numpy() for name in ("H/C_org", "H/C_tot")}
    table = pd.DataFrame({
        "study": own["AuthorDate"].to_numpy(), "series": series["ID_obs"].astype(str).to_numpy(),
        "incubation_day": series["time"].astype(float).to_numpy(), "carbon_left": series["C_bc_rem_rel"].to_numpy(),
        "hydrogen_to_carbon": np.where(np.isfinite(numbers["H/C_org"]), numbers["H/C_org"], numbers["H/C_tot"]),
        "pyrolysis_temperature": pd.to_numeric(own["HHT"]).to_numpy(dtype=float),
        "incubation_temperature": pd.to_numeric(own["IncubationTemperature"]).to_numpy(dtype=float),
    }).dropna(subset=["pyrolysis_temperature", "incubation_temperature"])  # fmt: skip
    ratio = table["hydrogen_to_carbon"]
    poor = (ratio > HIGHEST_RATIO) | (ratio.isna() & (table["pyrolysis_temperature"] < COOLEST))
    print(
        f"{table.loc[poor, 'series'].nunique()} have a ratio above {HIGHEST_RATIO:g}, "
        f"or none and were made below {COOLEST:g} degC"
    )
    return table[~poor]


def ratios_of(table: pd.DataFrame) -> list[float]:
    """Mean ratio of hydrogen to carbon of the series made in each range that a share is published of."""
    each = table.drop_duplicates("series")
    made, ratio = each["pyrolysis_temperature"], each["hydrogen_to_carbon"]
    return [round(float(ratio[(made >= low) & (made < high)].mean()), 3) for low, high in BY_TEMPERATURE]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--literature", type=Path, required=True, help="folder of the series")
    parser.add_argument("--store", type=Path, default=Path("runs/biochar"), help="folder of the fit")
    parser.add_argument("--draws", type=int, default=700)
    parser.add_argument("--tune", type=int, default=600)
    parser.add_argument("--chains", type=int, default=2)
    given = parser.parse_args()
    table = series_of(given.literature)
    model = build(table)
    if (given.store / "fit.nc").exists():
        fitted = sb.open_run(given.store)
    elif given.store.exists():  # cut short
        fitted = sb.resume(given.store, model=model)
    else:
        fitted = sb.fit(model, draws=given.draws, tune=given.tune, chains=given.chains, seed=SEED, store=given.store)
    facts = facts_of(fitted)
    if not facts.converged:
        print("did not converge, nothing is written:", *facts.failures, sep="\n")
        return 1
    posterior = fitted["posterior"].to_dataset().stack(sample=("chain", "draw"))
    chosen = np.random.default_rng(SEED).choice(posterior.sizes["sample"], DRAWS, replace=False)
    draws = {name: posterior[name].to_numpy()[chosen] for name in PLAIN}
    for group in ("study", "series"):
        for short, trait in SPREADS.items():
            draws[f"{group}_sd_{short}"] = posterior[f"{group}_sd"].sel(pool_trait=trait).to_numpy()[chosen]
    kept = {
        "citation": "Azzi E.S. et al. (2024) Modelling biochar long-term carbon storage in soil with harmonized "
        "analysis of decomposition data. Geoderma 441:116761. doi:10.1016/j.geoderma.2023.116761",
        "licence": "CC-BY-SA-4.0",
        "series": len(model.coords["series"]),
        "studies": len(model.coords["study"]),
        "ratios": ratios_of(table),
        "amendment": {name: float(f"{value:.4g}") for name, value in amendment(draws).items()},
        "draws": {name: [float(f"{value:.4g}") for value in values] for name, values in draws.items()},
    }
    text = json.dumps(kept, indent=1)
    write_text(DATA / SUMMARY, re.sub(r"(?<=[\[,])\s+(?=[-\d])|(?<=\d)\s+(?=\])", "", text) + "\n")
    for name, values in draws.items():
        print(f"{name:20s} {np.mean(values):7.2f} {np.std(values):6.2f}")
    print(carbon_left((0.2, 0.3, 0.4, 0.5, 0.6, 0.7)).round(2))
    print(carbon_left((0.2, 0.4, 0.6), new=False).round(2))
    print(beside_published().round(2))
    print("prior of the amendment:", kept["amendment"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
