"""Fit decomposition series of biochar and write what the package carries of them.

    python benchmarks/biochar.py --literature PATH --store runs/biochar

``PATH`` holds ``observations.csv`` and ``decomposition_series.csv`` of Azzi et al. 2024 (CC BY-SA 4.0), which are not
bundled. Leaves each study out, and writes ``data/biochar_persistence.json``, draws of the population of biochars, and
``docs/biochar``. Fits that are in the folder already are read, not repeated; one that did not converge writes nothing
and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from learned import write_learned

import socbayes as sb
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.inference.left_out import leave_groups_out
from socbayes.models.biochar import build
from socbayes.models.biochar.model import CENTRE, DAYS, LEAST_LOSS, TRAITS, compared
from socbayes.models.biochar.persistence import (
    BY_TEMPERATURE,
    DRAWN,
    POOLS,
    REGRESSION,
    SUMMARY,
    amendment,
    beside_published,
    carbon_left,
    traits,
)
from socbayes.models.biochar.told import USUAL_LABILE_RATE, traits_about
from socbayes.spec import spec_of
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import counted

if TYPE_CHECKING:
    import xarray as xr

DATA = Path(__file__).parents[1] / "data"
DOCS = Path(__file__).parents[1] / "docs" / "biochar"
KEPT, SEED = 400, 7
"""Draws that the package carries, and the seed of everything."""
EFFORT = {"draws": 3000, "tune": 1000, "chains": 4}
EFFORT_LEFT_OUT = {"folds": 5, "draws": 600, "tune": 600, "longer": 2, "redraws": 4, "cores": 2}
"""Of fits without a fifth of the studies each."""
NOT_CHAR = ("no-treat", "htc")
"""Raw biomass and hydrochar, which stand among biochars."""
HIGHEST_RATIO, COOLEST = 0.7, 350.0
"""Ratio of hydrogen to carbon above which certificates call nothing biochar, and the pyrolysis temperature, degC, that
stands for it where no ratio is stated."""
PLAIN = ("labile_level", "labile_slope", "labile_rate", "labile_rate_sd", "slow_level", "slow_slope", "log_q10")
SPREADS = dict(zip(("labile", "slow"), TRAITS, strict=True))


def series_of(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Series of biochar as a table of the model, and what was left out."""
    read = {"na_values": ["na"], "low_memory": False}
    about = pd.read_csv(folder / "observations.csv", **read).set_index("ID_obs")
    series = pd.read_csv(folder / "decomposition_series.csv", **read).dropna(subset=["C_bc_rem_rel", "time"])
    char = series["ID_obs"].map(about["PyrolysisClass"])
    left_out = [
        f"{series.loc[char.isin(NOT_CHAR), 'ID_obs'].nunique()} of {series['ID_obs'].nunique()} series are of raw "
        "biomass or hydrochar"
    ]
    series = series[~char.isin(NOT_CHAR)]
    own = about.loc[series["ID_obs"]]
    numbers = {name: pd.to_numeric(own[name], errors="coerce").to_numpy() for name in ("H/C_org", "H/C_tot")}
    table = pd.DataFrame({
        "study": own["AuthorDate"].to_numpy(), "place": own["LabField"].to_numpy(),
        "series": series["ID_obs"].astype(str).to_numpy(),
        "incubation_day": series["time"].astype(float).to_numpy(), "carbon_left": series["C_bc_rem_rel"].to_numpy(),
        "hydrogen_to_carbon": np.where(np.isfinite(numbers["H/C_org"]), numbers["H/C_org"], numbers["H/C_tot"]),
        "pyrolysis_temperature": pd.to_numeric(own["HHT"]).to_numpy(dtype=float),
        "incubation_temperature": pd.to_numeric(own["IncubationTemperature"]).to_numpy(dtype=float),
    }).dropna(subset=["pyrolysis_temperature", "incubation_temperature"])  # fmt: skip
    ratio = table["hydrogen_to_carbon"]
    poor = (ratio > HIGHEST_RATIO) | (ratio.isna() & (table["pyrolysis_temperature"] < COOLEST))
    left_out.append(
        f"{table.loc[poor, 'series'].nunique()} have a ratio above {HIGHEST_RATIO:g}, or none and were made below "
        f"{COOLEST:g} °C"
    )
    return table[~poor], left_out


def ratios_of(table: pd.DataFrame, ranges: list[tuple[int, int]]) -> list[float]:
    """Mean ratio of hydrogen to carbon of the series made in each range of temperatures."""
    each = table.drop_duplicates("series")
    made, ratio = each["pyrolysis_temperature"], each["hydrogen_to_carbon"]
    return [round(float(ratio[(made >= low) & (made < high)].mean()), 3) for low, high in ranges]


def fitted(table: pd.DataFrame, store: Path, **effort: int) -> xr.DataTree:
    """The fit in the folder, made or finished first where it is not there."""
    if (store / "fit.nc").exists():
        return sb.load(store)
    model = build(table)
    if store.exists():  # cut short
        return sb.resume(store, model=model, progress=False)
    return sb.fit(model, seed=SEED, cores=2, store=store, progress=False, **effort)


def stacked(fit: xr.DataTree) -> dict[str, np.ndarray]:
    """Draws of the parameters of all biochars, samples last."""
    posterior = fit["posterior"].to_dataset().stack(sample=("chain", "draw"))
    draws = {name: posterior[name].to_numpy() for name in PLAIN}
    for group in ("study", "series"):
        for short, trait in SPREADS.items():
            draws[f"{group}_sd_{short}"] = posterior[f"{group}_sd"].sel(pool_trait=trait).to_numpy()
    return draws


def left_out(table: pd.DataFrame, store: Path) -> xr.Dataset:
    """Studies foreseen from others, as ones that nobody has measured."""
    import xarray as xr

    if (store / "left_out.nc").exists():
        return xr.load_dataset(store / "left_out.nc")
    groups = {"log_lost": table.iloc[compared(table)]["study"].tolist()}
    scores = leave_groups_out(build(table), groups, ("study", "series"), seed=SEED, **EFFORT_LEFT_OUT)
    scores.to_netcdf(store / "left_out.nc")
    return scores


def covered(scores: xr.Dataset, table: pd.DataFrame) -> list[str]:
    """Lines of a table of how many of what was left out lies inside its interval."""
    used = table.iloc[compared(table)].reset_index(drop=True)
    last = used.groupby("series")["incubation_day"].transform("max") == used["incubation_day"]
    inside = pd.DataFrame(scores["inside"].to_numpy(), columns=[float(one) for one in scores["probability"]])
    half, most = sorted(inside)

    def row(name: str, chosen: pd.Series) -> str:
        shares = inside[chosen].mean()
        return f"| {name} | {used.loc[chosen, 'series'].nunique()} | {shares[most]:.0%} | {shares[half]:.0%} |"

    lines = [
        f"| log of the carbon lost | series | inside {most:.0%} | inside {half:.0%} |",
        "| --- | --- | --- | --- |",
        row("all dates of all studies", last | ~last),
        row("last dates of all studies", last),
        *(row(f"last dates of {study}", last & (used["study"] == study)) for study in sorted(used["study"].unique())),
    ]
    return [line.replace("%", " %") for line in lines]


def write_summary(fit: xr.DataTree, table: pd.DataFrame) -> None:
    """Write what the package carries, and its hash."""
    draws = stacked(fit)
    chosen = np.random.default_rng(SEED).choice(draws["slow_level"].size, KEPT, replace=False)
    few = {name: draws[name][chosen] for name in DRAWN}
    used = table.iloc[compared(table)]
    kept = {
        "what": "draws of labile and persistent carbon of biochar, and of how studies and series differ",
        "citation": "Azzi E.S. et al. (2024) Modelling biochar long-term carbon storage in soil with harmonized "
        "analysis of decomposition data. Geoderma 441:116761. doi:10.1016/j.geoderma.2023.116761",
        "licence": "CC-BY-SA-4.0",
        "series": int(used["series"].nunique()),
        "studies": int(used["study"].nunique()),
        "created": str(fit.attrs["created"])[:10],
        "ratios": ratios_of(used, list(BY_TEMPERATURE)),
        "amendment": {name: float(f"{value:.4g}") for name, value in amendment(few).items()},
        "draws": {name: [float(f"{value:.4g}") for value in values] for name, values in few.items()},
    }
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    text = re.sub(r"(?<=[\[,])\s+(?=[-\d])|(?<=\d)\s+(?=\])", "", text) + "\n"
    write_learned(DATA / SUMMARY, text)


def interval(draws: np.ndarray, digits: int = 2) -> str:
    """Median and interval of draws."""
    lower, middle, upper = np.quantile(draws, [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2])
    return f"{middle:.{digits}f} ({lower:.{digits}f} to {upper:.{digits}f})"


def fastest_of(used: pd.DataFrame) -> str:
    """Sentence on the study that lost most in a year."""
    ends = used[used.groupby("series")["incubation_day"].transform("max") == used["incubation_day"]]
    pace = (1.0 - ends["carbon_left"]) / ends["incubation_day"]
    one = ends[ends["study"] == ends.loc[pace.idxmax(), "study"]]
    first, lost = one.iloc[0], 100.0 * (1.0 - one["carbon_left"])
    return (
        f"Fastest was {first['study']}, in a {first['place'].lower()} at {first['incubation_temperature']:g} °C, where "
        f"biochar made at {first['pyrolysis_temperature']:g} °C had lost {lost.min():.0f} to {lost.max():.0f} % after "
        f"{one['incubation_day'].max() / DAYS:.1f} years."
    )


def on_labile(table: pd.DataFrame) -> str:
    """Why less is labile here than elsewhere: what dates show, and what differs between biochars."""
    rows = compared(table)
    used = table.iloc[rows]
    every = table[table["series"].isin(used["series"]) & (table["incubation_day"] > 0)]
    every = every[every["carbon_left"] < 1.0 - LEAST_LOSS]
    shares = []
    for one in (used, every):
        years, lost = one["incubation_day"].to_numpy() / DAYS, 1.0 - one["carbon_left"].to_numpy()
        found = traits_about(years, lost, one["series"].astype("category").cat.codes.to_numpy(dtype="int64"))[0]
        shares.append(100.0 * float(np.median(np.exp(found[:, 0]))))
    ends = used.loc[used.groupby("series")["incubation_day"].idxmax(), "carbon_left"]
    labile = traits(CENTRE["hydrogen_to_carbon"], 20.0)[0]
    wang = POOLS[0]
    return (
        f"{wang.citation.split(' 2016')[0]} have {100 * wang.labile_share:g} % labile, ours is less. The dates that "
        f"are compared hide little of it: by least squares, with a labile rate of {USUAL_LABILE_RATE:g} a year, half "
        f"of the series have less than {shares[0]:.2f} % by these dates, and less than {shares[1]:.2f} % by all their "
        f"dates, early ones included. Half of them had lost less than {100 * (1 - ends.median()):.1f} % in all when "
        "they ended. Ours is of the middle biochar with H/C 0.4, and biochars differ by the factors above: the mean "
        f"labile share of new ones is {100 * labile.mean():.1f} %, and {100 * np.mean(labile > wang.labile_share):.0f} "
        "% of them have more than theirs, which is of one curve through observations of all their studies."
    )


def page(fit: xr.DataTree, table: pd.DataFrame, dropped: list[str], scores: xr.Dataset) -> str:
    """The page of results."""
    facts, draws = fit.attrs, stacked(fit)
    used = table.iloc[compared(table)]
    lasting = used.groupby("series")["incubation_day"].max() / DAYS
    warm = np.exp(draws["log_q10"] * 0.5)  # 20 degC
    new = {
        kind: [carbon_left(years=100.0, temperature=at, new=kind) for at in (5.0, 15.0, 25.0)] for kind in (False, True)
    }
    lines = [
        "# How long biochar stays in soil",
        "",
        f"Written by `benchmarks/biochar.py`. Intervals are the {INTERVAL_NAME}.",
        "",
        f"The fit: {len(used)} dates of {used['series'].nunique()} series and {used['study'].nunique()} studies "
        f"(Azzi et al. 2024, CC BY-SA 4.0, fitted and not bundled), lasting {lasting.min():.1f} to {lasting.max():.1f} "
        f"years, {lasting.median():.1f} in the middle, at {used['incubation_temperature'].min():g} to "
        f"{used['incubation_temperature'].max():g} °C; {facts['chains']} chains of {facts['draws']} draws, R-hat at "
        f"most {float(facts['max_r_hat']):.4f}, effective draws {float(facts['min_ess_bulk']):.0f} (bulk) and "
        f"{float(facts['min_ess_tail']):.0f} (tail) at least, {counted(int(facts['divergences']), 'divergence')}, "
        f"{str(facts['created'])[:10]}, seed {facts['seed']}.",
        "",
        f"Left out: {'; '.join(dropped)}. {' '.join(spec_of(build(table)).notes)}",
        "",
        "## Carbon left after 100 years",
        "",
        "| H/C | soil, °C | mean of all biochars | a new biochar in a new study |",
        "| --- | --- | --- | --- |",
        *(
            f"| {ratio:g} | {at:g} | {mean['median']:.2f} ({mean['lower']:.2f} to {mean['upper']:.2f}) | "
            f"{other['median']:.2f} ({other['lower']:.2f} to {other['upper']:.2f}) |"
            for position, at in enumerate((5.0, 15.0, 25.0))
            for (ratio, mean), (_, other) in zip(
                new[False][position].iterrows(), new[True][position].iterrows(), strict=True
            )
        ),
        "",
        f"No series lasts longer than {lasting.max():.1f} years: these shares extrapolate two pools, and the intervals "
        "say how sure the two pools are, not whether two are enough. Li et al. (2024, Geoderma 452:117093) fitted "
        "several models to the series of this compilation: two pools said too little was left even in the short term, "
        "and decay that slows as a power of time foresaw best. So shares left may be larger than these.",
        "",
        "## What was learned",
        "",
        "| of biochar with H/C 0.4 | median and interval |",
        "| --- | --- |",
        f"| labile share, % | {interval(-100 * np.expm1(-np.exp(draws['labile_level'])))} |",
        f"| mean residence time of labile carbon at 15 °C, years | {interval(np.exp(-draws['labile_rate']))} |",
        f"| mean residence time of persistent carbon at 15 °C, years | {interval(np.exp(-draws['slow_level']), 0)} |",
        f"| factor on both rates by 10 °C | {interval(np.exp(draws['log_q10']))} |",
        f"| factor on labile carbon by 0.1 of H/C | {interval(np.exp(0.1 * draws['labile_slope']))} |",
        f"| factor on the persistent rate by 0.1 of H/C | {interval(np.exp(0.1 * draws['slow_slope']))} |",
        *(
            f"| {trait}, {name} (factor, 1 sd) | {interval(np.exp(draws[f'{group}_sd_{short}']))} |"
            for short, trait in SPREADS.items()
            for group, name in (("study", "one study to another"), ("series", "one series to another in a study"))
        ),
        "",
        "## Studies left out",
        "",
        f"Studies are left out in {scores.sizes['fold']} parts, each foreseen from those of the other parts, as one "
        "that nobody has measured; spreads, too, are learned without it. "
        "R-hat of what studies share in these fits is at most "
        f"{float(scores['max_r_hat'].max()):.3f}, with {counted(int(scores['divergences'].sum()), 'divergence')}.",
        "",
        *covered(scores, table),
        "",
        "Series of a study share its deviation, so studies count, not series. "
        + fastest_of(used),
        "",
        "## Published results beside ours",
        "",
        "Carbon left after 100 years, of the mean H/C of series made at those temperatures:",
        "",
        "| made at, °C | H/C | ours at 15 °C, mean | ours, a new study | published by temperature | published by H/C |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {made.replace('-1500', ' and more').replace('-', ' to ')} | {row['hydrogen_to_carbon']:.2f} | "
            f"{row['median']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}) | {row['new_lower']:.2f} to "
            f"{row['new_upper']:.2f} | {row['published']:.2f} | {row['regression']:.2f} |"
            for made, row in beside_published().iterrows()
        ),
        "",
        "By temperature: IPCC 2019 Refinement, volume 4, appendix 4, Table 4AP.2, as quoted in programs after VM0044 "
        f"1.2, table 3. By H/C: {REGRESSION['intercept']:g} - {-REGRESSION['slope']:g} H/C at "
        f"{REGRESSION['temperature']:g} °C, Woolf et al. (2021, Environmental Science and Technology 55:14795), as "
        "quoted in programs that use it. Neither original was at hand. Both rest on some of the same incubations.",
        "",
        "| two pools of | labile share, % | labile carbon, years | persistent carbon, years |",
        "| --- | --- | --- | --- |",
        *(
            f"| {one.citation} | {'not in the abstract' if one.labile_share is None else f'{100 * one.labile_share:g}'}"
            f" | {one.labile_years:.1f} | {one.persistent_years:g} |"
            for one in POOLS
        ),
        f"| ours, H/C 0.4 at 20 °C | {interval(-100 * np.expm1(-np.exp(draws['labile_level'])))} | "
        f"{interval(np.exp(-draws['labile_rate']) / warm)} | {interval(np.exp(-draws['slow_level']) / warm, 0)} |",
        "",
        on_labile(table),
        "",
        "Theirs are of incubations at the temperatures that they had; Singh et al. count char of fires, too. What Azzi "
        "et al. (2024), whose series these are, found themselves was not at hand.",
        "",
        "## Biochar in fits and plans of fields",
        "",
        "The amendment `biochar` is a new biochar of a new study with H/C 0.4 in soil of 15 °C: log-odds of its "
        "persistent share {log_odds:.2f} (sd {spread:.2f}), log of its rate, 1/year, {log_decay:.2f} (sd "
        "{decay_spread:.2f}). ".format(**amendment())
        + "A fit with biochar learns about both; a plan that spreads it draws them.",
    ]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines) + "\n"


def main() -> int:
    """Fit, check and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--literature", type=Path, required=True, help="folder of the series")
    parser.add_argument("--store", type=Path, default=Path("runs/biochar"), help="folder of the fits")
    given = parser.parse_args()
    table, dropped = series_of(given.literature)
    fit = fitted(table, given.store / "all", **EFFORT)
    facts = facts_of(fit)
    if not facts.converged:
        print("did not converge, nothing is written:", *facts.failures, sep="\n")
        return 1
    scores = left_out(table, given.store)
    print(*covered(scores, table), sep="\n")
    write_summary(fit, table)
    DOCS.mkdir(parents=True, exist_ok=True)
    write_text(DOCS / "README.md", page(fit, table, dropped, scores))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
