"""Fit structures to the bundled field data and say what each foresaw.

    python benchmarks/field.py --store runs/field
    python benchmarks/field.py --data "Hoosfield barley" --structures RothC ICBM --skip-fits

By data set: rows, parameters, seconds, effective draws a second, R-hat and
divergences of the fit to all rows, what it learned of rates and treatments, and
what its forecast ten years ahead is uncertain about; a picture of the plots
sampled most often; scores of the last third of the years, and of each site where
there are several. Fits stay in ``--store``. What they say is kept in
``docs/field/results`` and read from there when it exists: remove a file to make
it again, also after a trial with few draws. Writes ``docs/field/README.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

import socbayes as sb
from socbayes.files import write_text
from socbayes.models.field.forecasts import forecast
from socbayes.models.field.foresight import leave_future_out, leave_one_site_out
from socbayes.vocabulary import CI_PROB

PAGE = Path(__file__).resolve().parents[1] / "docs" / "field" / "README.md"
RESULTS = PAGE.with_name("results")
LEARNED = "_learned.csv"
SEED = 1
DRAWN = 6
SURE = {"mu": -6.0, "sigma": 0.1}
"""Log-normal of a spread that is nearly none."""
PUBLISHED: dict[str, Any] = {
    "structure": "rothc",
    "parameters": {"k_rpm": 0.07, "clay": 16.0},
    "priors": {
        "rate_constant": ("Normal", {"mu": 0.0, "sigma": 0.05}),
        "treatment_rate_sd": ("LogNormal", {"mu": 0.0, "sigma": 0.01}),
        "treatment_input_sd": ("LogNormal", SURE),
        "plot_input_sd": ("LogNormal", SURE),
    },
}
"""Pagendam et al. 2024 as far as the field model goes: rates to 5 %, one effect on all rates per treatment, unpooled.

Theirs takes inputs as stated and has noise in every pool and month; ours learns one input level and has no noise, or
one walk of all pools together.
"""

ROTHC: dict[str, Any] = {"structure": "rothc"}
NOISY: dict[str, Any] = ROTHC | {"process_noise": True}
ICBM, TWO_POOLS = {"structure": "icbm"}, {"structure": "two_pool_series"}

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]


def studies(*names: str) -> Tables:
    """Observations, management and weather of some studies."""
    obs = sb.load_dataset("field_soc")
    bulked = obs["plot"].str.contains("bulked|all blocks")  # a sample of several treatments at once
    obs = obs[obs["study"].isin(names) & ~bulked].reset_index(drop=True)
    management = sb.load_dataset("field_management")
    weather = sb.load_dataset("field_weather")
    weather = weather[weather["site"].isin(obs["site"])]
    return obs, management[management["study"].isin(names)], weather if len(weather) else None


def woburn() -> Tables:
    """Ley-arable rotations at Woburn, under the weather of Rothamsted, the nearest that is bundled."""
    obs, management, _ = studies("Woburn ley-arable")
    return obs, management, sb.load_dataset("field_weather").assign(site="Woburn")


def bare_fallows() -> Tables:
    """Four soils kept free of plants: what was measured, that nothing was added, and mean annual temperatures.

    Calendar years and depths of three of them are not in the sources, and one bulk density stands for all samples. All
    count from 1960, with one temperature for all years. As nothing is added only ratios of stocks matter, so the error
    of a stock is that of its concentration.
    """
    fallow = sb.load_dataset("bare_fallow")
    annual = sb.load_dataset("field_weather").query("year >= 1960").groupby("site")["annual_temperature"].mean()
    depth = fallow["depth_bottom"].fillna(25.0)
    soil = fallow["bulk_density"] * depth * 0.1
    obs = fallow[["study", "site", "plot", "clay"]].assign(
        year=1960.0 + fallow["duration"],
        depth_top=0.0,
        depth_bottom=depth,
        soc_stock=fallow["soc_stock"].fillna(fallow["soil_organic_carbon"] * soil),
        soc_stock_sd=fallow["soil_organic_carbon_sd"] * soil,
        mean_annual_temperature=fallow["mean_annual_temperature"].fillna(fallow["site"].map(annual)),
    )
    bare = {"plant_carbon_input": 0.0, "manure_carbon_input": 0.0, "plant_cover": 0.0}
    management = pd.DataFrame({"site": obs["site"].unique(), "start_year": 1960.0, "end_year": 2060.0} | bare)
    return obs, management, None


CASES: dict[str, tuple[Callable[[], Tables], dict[str, dict[str, Any]]]] = {
    "Millennium Tillage Trial": (
        partial(studies, "Millennium Tillage Trial"),
        {
            "RothC": ROTHC,
            "RothC, k_rpm 0.07": {"structure": "rothc", "parameters": {"k_rpm": 0.07}},
            "published priors": PUBLISHED,
            "published priors, process noise": PUBLISHED | {"process_noise": True},
        },
    ),
    "Tarlee and Brigalow": (
        partial(studies, "Tarlee", "Brigalow"),
        {
            "RothC": ROTHC,
            "RothC, process noise": NOISY,
            "RothC, k_rpm 0.07": {"structure": "rothc", "parameters": {"k_rpm": 0.07}},
        },
    ),
    "Hoosfield barley": (
        partial(studies, "Hoosfield barley"),
        {"RothC": ROTHC, "RothC, process noise": NOISY, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
    "Broadbalk wheat": (
        partial(studies, "Broadbalk wheat"),
        {"RothC": ROTHC, "RothC, process noise": NOISY, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
    "Bare fallows": (
        bare_fallows,
        {"RothC": ROTHC, "RothC, process noise": NOISY, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
    "Highfield ley-arable": (
        partial(studies, "Highfield ley-arable"),
        {"RothC": ROTHC, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
    "Fosters ley-arable": (
        partial(studies, "Fosters ley-arable"),
        {"RothC": ROTHC, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
    "Woburn ley-arable": (woburn, {"RothC": ROTHC, "ICBM": ICBM, "two pools": TWO_POOLS}),
}
"""By data set: its tables, and the structures that can show all that was measured."""


def fit_row(settings: dict[str, Any], data: Tables, folder: Path, effort: dict[str, int]) -> dict[str, Any]:
    """Speed and convergence of one fit to all rows, and shares of the variance of its forecast."""
    said, told = (RESULTS / folder.parent.name / f"{folder.name}{end}" for end in (".json", LEARNED))
    if said.exists() and told.exists():
        return dict(json.loads(said.read_text("utf-8")))
    if (folder / "fit.nc").exists():
        fit = sb.load(folder)
    else:
        model = sb.models.field.build(*data, **settings)
        fit = sb.fit(model, store=folder, seed=SEED, progress=False, **effort)
    a = fit.attrs
    last = float(data[0]["year"].max())
    ahead = forecast(fit, years=[last + 10.0], draws=200, seed=SEED, parts=True)
    parts = ahead["known_variance"].sel(fraction="total").mean(("plot", "year")).to_series()
    shares = 100.0 * parts / parts.sum()
    row = {
        "rows": len(data[0]),
        "parameters": int(a["parameters"]),
        "seconds": round(float(a["sampling_seconds"])),
        "ESS/s": round(float(a["min_ess_bulk"] / a["sampling_seconds"]), 1),
        "R-hat": round(float(a["max_r_hat"]), 4),
        "divergences": int(a["divergences"]),
        "converged": "yes" if a["converged"] else "NO",
        **{f"{name}, %": round(float(value)) for name, value in shares.items()},
    }
    said.parent.mkdir(parents=True, exist_ok=True)
    write_text(said, json.dumps(row, indent=1) + "\n")
    learned(fit).to_csv(told, lineterminator="\n")
    return row


def learned(fit: xr.DataTree) -> pd.DataFrame:
    """Logs of rate constants over the published ones, and of factors of treatments over those of the first treatment.

    ``input`` is the factor on what is stated or assumed, and stays one where that
    is nothing; ``decomposition`` that on all rates. Their ratio is what a stock
    tends to beyond what stated inputs say, told far better than either.
    """
    posterior = fit.posterior.dataset
    logs = {"rate_constant": posterior["rate_constant"]}
    if posterior.sizes.get("treatment", 0) > 1:
        over = posterior[["treatment_input", "rate_effect"]]
        over = over.isel(treatment=slice(1, None)) - over.isel(treatment=0, drop=True)
        logs |= {"input": over["treatment_input"], "decomposition": over["rate_effect"]}
        logs["input_over_decomposition"] = logs["input"] - logs["decomposition"]
    table: pd.DataFrame = az.summary(xr.Dataset(logs), kind="all", ci_prob=CI_PROB, round_to=4)
    return table.rename_axis("log")


def picture_of(name: str) -> Path:
    """Where the picture of a data set stands."""
    return PAGE.with_name(f"{name.lower().replace(' ', '_')}.png")


def picture(name: str, obs: pd.DataFrame, folder: Path) -> None:
    """Draw the plots of a data set that were sampled most often, from its first fit."""
    path = picture_of(name)
    if path.exists() or not (folder / "fit.nc").exists():
        return
    fit = sb.load(folder)
    years = np.arange(np.floor(obs["year"].min()), obs["year"].max() + 1.0).tolist()
    drawn = forecast(fit, years=years, draws=200, seed=SEED)
    counts = pd.Series(drawn["measured_plot"].to_numpy()).value_counts(sort=False)
    often = counts.sort_values(ascending=False, kind="stable").index[:DRAWN]
    sb.plots.field_plots(drawn, plots=sorted(often)).savefig(path, dpi=100)


def scored(score: Any, name: str, folder: Path, **arguments: Any) -> pd.DataFrame:
    """A table of scores, read where it was made before."""
    path = RESULTS / folder.name / f"{name}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        score(store=folder / name, seed=SEED, progress=False, **arguments).to_csv(path)
    return pd.read_csv(path, index_col=0)


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, its index first; nothing for what is missing."""
    lines = [
        "| " + " | ".join([str(table.index.name or ""), *map(str, table)]) + " |",
        "|" + " --- |" * (1 + table.shape[1]),
    ]
    for label, row in table.iterrows():
        cells = ["–" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value) for value in row]
        lines.append("| " + " | ".join([str(label), *cells]) + " |")
    return "\n".join(lines)


def scores_of(path: Path) -> pd.DataFrame:
    """Scores as the page shows them."""
    table = pd.read_csv(path, index_col=0)
    apart = [
        "–" if row.elpd_difference == 0 else f"{row.elpd_difference:.1f} ± {row.elpd_difference_se:.1f}"
        for row in table.itertuples()
    ]
    return pd.DataFrame(
        {
            "elpd": [f"{row.elpd:.1f} ± {row.elpd_se:.1f}" for row in table.itertuples()],
            "difference to the best": apart,
            "weight": table["weight"].round(2).to_numpy(),
            "CRPS, t/ha": table["crps"].round(2).to_numpy(),
            "inside 50 %": (100 * table["coverage_50"]).round().astype(int).to_numpy(),
            "inside 89 %": (100 * table["coverage_89"]).round().astype(int).to_numpy(),
            "measurements": table["measurements"].to_numpy(),
            "converged": ["yes" if one else "NO" for one in table["converged"]],
        },
        index=pd.Index(table.index, name="structure"),
    )


def rates_of(paths: dict[str, Path]) -> pd.DataFrame:
    """Learned rate constants as the page shows them."""
    rows = {}
    for label, path in paths.items():
        table = pd.read_csv(path, index_col="log")
        table = table[table.index.str.startswith("rate_constant[")]
        rows[label] = {
            name.removeprefix("rate_constant[").removesuffix("]"): f"{row['mean']:.2f} ± {row['sd']:.2f}"
            for name, row in table.iterrows()
        }
    return pd.DataFrame(rows.values(), index=pd.Index(rows, name="structure"))


def page() -> str:
    """The page of all fits and scores that are kept; a data set without any stays as it was last written."""
    head = [
        "# Field plots: what each structure foresaw",
        "",
        "Written by `python benchmarks/field.py`. Fits are to all rows; shares are of the variance of the total ten",
        "years after the last sample, measured once. What does not converge is shown and says so. Rate constants, mean",
        "and standard deviation, have priors of 0 ± 0.2 (published priors: 0.05); what was learned of treatments is in",
        "`results/*/*_learned.csv`. Pictures show plots sampled most often, under the first structure. Scores are of",
        "log measurements that the fit did not see: the last third of the years, and each site in turn with nothing",
        "known of it but management, weather and the first total of its plots. Errors of scores take measurements as",
        "independent; those of one plot are not, so they are lower bounds.",
    ]
    before = PAGE.read_text("utf-8") if PAGE.exists() else ""
    sections = {title: text for title, _, text in (part.partition("\n") for part in before.split("\n## ")[1:])}
    for name in CASES:
        kept = RESULTS / name
        rows = {label: json.loads(said.read_text("utf-8")) for label in CASES[name][1]
                if (said := kept / f"{label}.json").exists()}  # fmt: skip
        parts = [markdown(pd.DataFrame(rows.values(), index=pd.Index(rows, name="structure")))] if rows else []
        if picture_of(name).exists():
            parts.append(f"![{name}, {next(iter(CASES[name][1]))}]({picture_of(name).name})")
        told = {label if row["converged"] == "yes" else f"{label} (did not converge)": kept / f"{label}{LEARNED}"
                for label, row in rows.items()}  # fmt: skip
        if told:
            parts.append(f"Log of rate constants over those they start from:\n\n{markdown(rates_of(told))}")
        for part, title in (("future", "Last third of the years"), ("sites", "Each site in turn")):
            if (kept / f"{part}.csv").exists():
                parts.append(f"{title}:\n\n{markdown(scores_of(kept / f'{part}.csv'))}")
        if parts:
            sections[name] = "\n\n".join(parts)
    text = ["\n".join(head), *(f"## {name}\n\n{sections[name].strip()}" for name in CASES if name in sections)]
    return "\n\n".join([*text, PAGE.with_name("notes.md").read_text("utf-8").strip()]) + "\n"


def main() -> None:
    """Fit, score and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/field"))
    parser.add_argument("--data", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--structures", nargs="*", help="labels; all by default")
    parser.add_argument("--skip-fits", action="store_true", help="only the scores")
    parser.add_argument("--skip-scores", action="store_true", help="only the fits")
    parser.add_argument("--draws", type=int, default=1500)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    effort = {"draws": arguments.draws, "tune": arguments.tune, "chains": 4, "cores": arguments.cores}
    for name in arguments.data:
        given_tables, structures = CASES[name]
        chosen = {label: structures[label] for label in arguments.structures or structures}
        obs, management, weather = data = given_tables()
        folder = arguments.store / name
        if not arguments.skip_fits:
            for label, one in chosen.items():
                print(name, label, fit_row(one, data, folder / label, effort), flush=True)
            first = next(iter(structures))
            picture(name, obs, folder / first)
        if arguments.skip_scores:
            continue
        given = {"obs": obs, "management": management, "weather": weather, "structures": chosen, **effort}
        scored(leave_future_out, "future", folder, **given)
        if obs["site"].nunique() > 1:
            scored(leave_one_site_out, "sites", folder, **given)
    PAGE.parent.mkdir(exist_ok=True)
    write_text(PAGE, page())
    print(PAGE.read_text("utf-8"))


if __name__ == "__main__":
    main()
