"""Fit how crops share out their carbon, and write what the package carries of it.

    python benchmarks/root_inputs.py --literature FOLDER --store runs/root_inputs

Fits the bundled ratios together with two sources that may not be bundled (a data base of root traits, and a table of
crops labelled with carbon 14), leaves each study out, and writes ``data/root_inputs.json``, what a new study of each
crop is expected to find, and ``docs/root_inputs``. A fit that is in the folder already is read, not repeated; one that
did not converge writes nothing. Without ``--literature`` only the bundled ratios are fitted, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from learned import write_learned
from scipy import stats

import socbayes as sb
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.models.root_inputs import allocated
from socbayes.models.root_inputs.baseline import (
    KINDS,
    NITROGEN_RESPONSE,
    ROOT,
    STRAW,
    Rows,
    lay_out,
)
from socbayes.models.root_inputs.depths import share_in_layer
from socbayes.plots.style import flat
from socbayes.structures.roots import PUBLISHED_RATIO
from socbayes.subjects import model_record
from socbayes.vocabulary import ALLOCATION_RATIOS, CI_PROB, CROP_GROUPS, GROWN, GROWTH_STAGES, INTERVAL_NAME

if TYPE_CHECKING:
    import xarray as xr

ROOT_FOLDER = Path(__file__).parents[1]
RESULT = ROOT_FOLDER / "data" / "root_inputs.json"
DOCS = ROOT_FOLDER / "docs" / "root_inputs"
SEED = 23
FAR_APART = ("wheat", 1.3, 6.5)
"""Crop and two yields, t/ha, as on plots without and with nitrogen."""
DIFFERENCE_DRAWS = 100_000
HYPER_DRAWS = 60
"""Draws of the spreads over which studies left out are predicted."""
SPECIES = {
    ("Triticum", "aestivum"): "wheat",
    ("Triticum", "durum"): "wheat",
    ("Triticum", "turgidum"): "wheat",
    ("Hordeum", "vulgare"): "barley",
    ("Avena", "sativa"): "oat",
    ("Secale", "cereale"): "rye",
    ("Zea", "mays"): "maize",
    ("Oryza", "sativa"): "rice",
    ("Sorghum", "bicolor"): "sorghum",
    ("Glycine", "max"): "soybean",
    ("Pisum", "sativum"): "pea",
    ("Vicia", "faba"): "faba bean",
    ("Phaseolus", "vulgaris"): "bean",
    ("Cicer", "arietinum"): "chickpea",
    ("Arachis", "hypogaea"): "groundnut",
    ("Brassica", "napus"): "rapeseed",
    ("Helianthus", "annuus"): "sunflower",
    ("Gossypium", "hirsutum"): "cotton",
}
LARGEST_ERROR_RISK = 4.0
"""Standard deviations from the mean of a species beyond which the authors of the data base advise against a record."""


def of_traits(literature: Path, groups: dict[str, str]) -> pd.DataFrame:
    """Roots over shoot of crops in a data base of root traits: the mean of each study, crop and way of growing."""
    raw = pd.read_csv(literature / "groot_root_allocation" / "groot_subset.csv", low_memory=False)
    raw = raw[(raw["traitName"] == "Root_mass_fraction") & raw["traitValue"].between(0.01, 0.95)]
    raw = raw[raw["errorRisk"].fillna(0.0).abs() < LARGEST_ERROR_RISK]
    species = [SPECIES.get(name) for name in zip(raw["genusTNRS"], raw["speciesTNRS"], strict=True)]
    raw = raw.assign(crop=species, log_ratio=np.log(raw["traitValue"] / (1 - raw["traitValue"])))
    by = ["referencesAbbreviated", "crop", "measurementProvenance"]
    means = raw.dropna(subset=["crop"]).groupby(by, as_index=False)["log_ratio"].mean()
    return pd.DataFrame(
        {
            "observation": [f"traits-{number:03d}" for number in range(1, len(means) + 1)],
            "study": means["referencesAbbreviated"],
            "crop": means["crop"],
            "crop_group": means["crop"].map(groups),
            "allocation_ratio": ALLOCATION_RATIOS[ROOT],
            "carbon_ratio": np.exp(means["log_ratio"]),
            "grown": means["measurementProvenance"],
        }
    )


def of_labelled(literature: Path) -> pd.DataFrame:
    """Carbon 14 left in the soil over that in the roots of labelled wheat and barley, by stage."""
    raw = pd.read_csv(literature / "sun2018_wheat_barley_c_partition" / "sun2018_table1.csv")
    raw = raw[(raw["soil_pct"] > 0) & (raw["roots_pct"] > 0)]
    number = raw["reference_no_in_sun2018"].map(lambda one: "" if pd.isna(one) else f", {one:.0f}")
    return pd.DataFrame(
        {
            "observation": [f"labelled-{number:03d}" for number in range(1, len(raw) + 1)],
            "study": (raw["reference"] + number).to_numpy(),
            "crop": raw["crop"].str.lower().to_numpy(),
            "crop_group": "cereal",
            "allocation_ratio": ALLOCATION_RATIOS[-1],
            "carbon_ratio": (raw["soil_pct"] / raw["roots_pct"]).to_numpy(),
            "grown": "traced",
            "growth_stage": raw["growth_stage"].str.lower().to_numpy(),
        }
    )


def together(literature: Path | None) -> pd.DataFrame:
    """Bundled ratios, and those of the literature where it is given."""
    bundled = sb.load_dataset("crop_allocation_ratios")
    if literature is None:
        return bundled
    groups = dict(zip(bundled["crop"], bundled["crop_group"], strict=True))
    return pd.concat([bundled, of_traits(literature, groups), of_labelled(literature)], ignore_index=True)


def fitted(table: pd.DataFrame, store: Path) -> xr.DataTree:
    """The fit in the folder, made or finished first where it is not there."""
    if (store / "fit.nc").exists():
        return sb.load(store)
    record = model_record("root_inputs")
    return sb.fit(
        record.build({"table": table}), seed=SEED, chains=4, cores=2, store=store, progress=False, **record.effort
    )


def moments(values: xr.DataArray) -> list[float]:
    """Mean and standard deviation of draws."""
    drawn = flat(values)
    return [round(float(drawn.mean()), 4), round(float(drawn.std()), 4)]


def learned(fit: xr.DataTree, table: pd.DataFrame, literature: bool) -> dict[str, object]:
    """What the package carries."""
    posterior = fit["posterior"].to_dataset()
    chosen = facts_of(fit).spec.choices
    yields, group_of = chosen["yields"], chosen["groups"]
    of_group: dict[str, list[float]] = {}
    for crop, usual in yields.items():
        of_group.setdefault(group_of[crop], []).append(np.log(usual))
    crops = {}
    for crop in sorted(group_of):
        log_ratio = [
            moments(posterior["log_ratio"].sel(crop=crop, allocation_ratio=name)) for name in ALLOCATION_RATIOS
        ]
        own = table[table["crop"] == crop]
        crops[crop] = {
            "group": group_of[crop],
            "usual_yield": round(float(yields.get(crop, np.exp(np.mean(of_group[group_of[crop]])))), 3),
            "log_ratio": [mean for mean, _ in log_ratio],
            "log_sd": [sd for _, sd in log_ratio],
            "rows": len(own),
            "studies": int(own["study"].nunique()),
        }
    spread = posterior["log_ratio_spread"]
    slope = posterior["straw_yield_mean"] + posterior["straw_yield"]
    return {
        "what": "log ratios of straw over product, roots over shoot and rhizodeposits over roots, of the typical study",
        "sources": "crop_allocation_ratios" + (", Guerrero-Ramirez et al. 2020, Sun et al. 2018" if literature else ""),
        "rows": len(table),
        "studies": int(table["study"].nunique()),
        "created": str(fit.attrs["created"])[:10],
        "spread": [
            round(float(np.sqrt((flat(spread.sel(allocation_ratio=name)) ** 2).mean())), 4)
            for name in ALLOCATION_RATIOS
        ],
        "straw_yield": {group: moments(slope.sel(crop_group=group)) for group in CROP_GROUPS},
        "root_yield": moments(posterior["root_yield"]),
        "root_nitrogen": moments(posterior["root_nitrogen"]),
        "crops": crops,
    }


def write_summary(found: dict[str, object]) -> None:
    """Write what the package carries, and its hash."""
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    write_learned(RESULT, text)


def linear(rows: Rows, posterior: xr.Dataset, draw: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Design of all that is linear, its prior mean and standard deviation; given the spreads of one draw."""
    at = {name: posterior[name].to_numpy()[..., draw] for name in ("group_sd", "crop_sd", "study_sd", "straw_yield_sd")}
    priors = {prior.name: prior.parameters for prior in sb.models.root_inputs.PRIORS}
    count = len(rows.value)
    blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(columns: np.ndarray, mean: float | np.ndarray, sd: float | np.ndarray) -> None:
        size = columns.shape[1]
        blocks.append((columns, np.broadcast_to(mean, size), np.broadcast_to(sd, size)))

    def one_hot(index: np.ndarray, size: int, where: np.ndarray | float = 1.0) -> np.ndarray:
        columns = np.zeros((count, size))
        columns[np.arange(count), index] = where
        return columns

    group = rows.group_of[rows.crop]
    sizes = len(ALLOCATION_RATIOS), len(CROP_GROUPS), len(rows.crops)
    levels = [priors[name] for name in ("straw_level", "root_level", "rhizodeposit_level")]
    add(
        one_hot(rows.ratio, sizes[0]),
        np.array([one["mu"] for one in levels]),
        np.array([one["sigma"] for one in levels]),
    )
    add(one_hot(rows.ratio * sizes[1] + group, sizes[0] * sizes[1]), 0.0, np.repeat(at["group_sd"], sizes[1]))
    add(one_hot(rows.ratio * sizes[2] + rows.crop, sizes[0] * sizes[2]), 0.0, np.repeat(at["crop_sd"], sizes[2]))
    add(one_hot(rows.study, len(rows.studies)), 0.0, at["study_sd"].ravel()[rows.spread_of])
    straw = (rows.ratio == STRAW) * rows.relative
    add(straw[:, None], priors["straw_yield_mean"]["mu"], priors["straw_yield_mean"]["sigma"])
    add(one_hot(group, sizes[1], straw), 0.0, at["straw_yield_sd"])
    root = ((rows.ratio == ROOT) * rows.relative)[:, None]
    add(root, priors["root_yield"]["mu"], priors["root_yield"]["sigma"])
    response = np.array([NITROGEN_RESPONSE[name] for name in CROP_GROUPS])[group]
    nitrogen = ((rows.ratio == ROOT) * response * rows.nitrogen)[:, None]
    add(nitrogen, priors["root_nitrogen"]["mu"], priors["root_nitrogen"]["sigma"])
    grown = one_hot(rows.grown, len(GROWN))[:, 1:]
    add(grown, priors["grown_effect"]["mu"], priors["grown_effect"]["sigma"])
    members = np.unique(rows.stage[rows.stage > 0])
    if members.size:
        stage = one_hot(rows.stage, len(GROWTH_STAGES) + 1)[:, members]
        stage = stage - stage.sum(axis=1, keepdims=True) / members.size
        add(stage, priors["stage_effect"]["mu"], priors["stage_effect"]["sigma"])
    return tuple(
        np.concatenate(parts, axis=axis) for parts, axis in zip(zip(*blocks, strict=True), (1, 0, 0), strict=True)
    )


def left_out(fit: xr.DataTree, table: pd.DataFrame) -> pd.DataFrame:
    """Whether each ratio of a study lies within what the other studies foresaw; the spreads are those of the fit."""
    rows = lay_out(table)
    posterior = fit["posterior"].to_dataset().stack(sample=("chain", "draw")).transpose(..., "sample")
    chosen = np.linspace(0, posterior.sizes["sample"] - 1, HYPER_DRAWS).astype(int)
    logged, study = np.log(rows.value), table["study"].astype("str").to_numpy()
    mean, variance = np.zeros((2, HYPER_DRAWS, len(logged)))
    for place, draw in enumerate(chosen):
        design, centre, sd = linear(rows, posterior, int(draw))
        noise = posterior["scatter"].to_numpy()[..., draw][rows.ratio, rows.kind] ** 2
        covariance = (design * sd**2) @ design.T + np.diag(noise)
        # Of a block left out, the inverse holds mean and covariance given all the rest (Rasmussen & Williams 2006).
        inverse = np.linalg.inv(covariance)
        away = inverse @ (logged - design @ centre)
        for name in np.unique(study):
            out = study == name
            inner = np.linalg.inv(inverse[np.ix_(out, out)])
            mean[place, out] = logged[out] - inner @ away[out]
            variance[place, out] = np.diag(inner)
    # A mixture over the spreads: the share of it below what was found.
    below = stats.norm.cdf((logged - mean) / np.sqrt(variance)).mean(axis=0)
    return pd.DataFrame(
        {
            "ratio": [ALLOCATION_RATIOS[one] for one in rows.ratio],
            "kind": [KINDS[one] for one in rows.kind],
            "study": study,
            "within_89": np.abs(below - 0.5) <= CI_PROB / 2,
            "within_50": np.abs(below - 0.5) <= 0.25,
            "error": logged - mean.mean(axis=0),
            "sd": np.sqrt(variance.mean(axis=0) + mean.var(axis=0)),
        }
    )


def retention(literature: Path) -> pd.DataFrame:
    """Carbon of labelled inputs stabilised from below over from above ground, in one experiment, by place of entry."""
    raw = pd.read_csv(literature / "sokol2018_root_pathway" / "Pathway.GitHub.csv")
    raw = raw.rename(columns=lambda name: name.split(".of.")[0] if ".of." in name else name)
    raw = raw.assign(logged=np.log(raw["Percent.Stabilized.13C.Microcosm"])).dropna(subset=["logged"])
    found = {}
    for region, rows in raw.groupby("Region"):
        cell = rows.groupby(["Frequency", "Pathway"])["logged"].agg(["mean", "count", "var"])
        sign = np.where(cell.index.get_level_values("Pathway") == "Below", 0.5, -0.5)
        freedom = float((cell["count"] - 1).sum())
        pooled = float(((cell["count"] - 1) * cell["var"]).sum()) / freedom
        middle = float((sign * cell["mean"]).sum())
        reach = stats.t.ppf((1 + CI_PROB) / 2, freedom) * np.sqrt(pooled * (0.25 / cell["count"]).sum())
        found[str(region)] = [*np.exp([middle, middle - reach, middle + reach]), len(rows)]
    return pd.DataFrame.from_dict(found, orient="index", columns=["ratio", "lower", "upper", "microcosms"])


def nitrogen_classes(literature: Path) -> float:
    """Slope of the log of roots over shoot on nitrogen per 100 kg/ha, over classes; the open last one is left out."""
    raw = pd.read_csv(literature / "whep_crop_root_coefficients" / "n_input_rs_adj.csv")
    closed = raw[raw["n_input_max"] < 1000]
    middle = (closed["n_input_min"] + closed["n_input_max"]) / 2
    return float(100 * np.polyfit(middle, np.log(closed["rs_adjustment"]), 1)[0])


def covered(found: pd.DataFrame) -> list[str]:
    """Lines of the table of studies left out."""
    lines = ["| ratio | numbers | ratios | studies | inside 89 % | inside 50 % | error (RMS) | expected |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for (ratio, kind), rows in found.groupby(["ratio", "kind"], sort=False):
        lines.append(
            f"| {ratio.replace('_', ' ')} | {kind} | {len(rows)} | {rows['study'].nunique()} | "
            f"{100 * rows['within_89'].mean():.0f} % | {100 * rows['within_50'].mean():.0f} % | "
            f"{np.sqrt((rows['error'] ** 2).mean()):.2f} | {rows['sd'].mean():.2f} |"
        )
    return lines


def inputs_at(crops: tuple[str, ...]) -> list[str]:
    """Lines of carbon by part at the usual yield of crops, for a new study."""
    lines = [
        "| crop | yield, t/ha | straw | roots | rhizodeposits | below ground | enters the soil | by coefficients |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    from socbayes.models.field.crops import carbon_left

    for crop in crops:
        usual = allocated.allocation_of(crop).usual_yield
        parts = allocated.carbon_by_part(crop, usual, seed=SEED)
        left = carbon_left(crop, usual)
        *told, enters = [
            f"{row['median']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})"
            for _, row in parts.loc[[*allocated.PARTS[1:], "enters"]].iterrows()
        ]
        point = f"{float(left.coefficients):.2f}" if np.isfinite(left.coefficients) else "none"
        lines.append(
            f"| {crop} | {usual:.1f} | {' | '.join(told)} | {100 * parts.loc['below_ground', 'share']:.0f} % | "
            f"{enters} | {point} |"
        )
    return lines


def fixed_total(crop: str) -> float:
    """Carbon below ground, kg/ha, that a root of a fixed amount was shared out of."""
    row = sb.load_dataset("crop_carbon_allocation").set_index("crop").loc[crop]
    return float(row["root_carbon_input"] * (1 + row["carbon_share_rhizodeposits"] / row["carbon_share_roots"]))


def difference_sd(crop: str, low: float, high: float) -> float:
    """Standard deviation of the difference of log inputs at two yields, of new studies that have both."""
    one, share = allocated.allocation_of(crop), allocated.entering_of(crop)
    of_study, of_slope = np.random.default_rng(SEED).standard_normal((2, len(ALLOCATION_RATIOS), DIFFERENCE_DRAWS))
    logs = []
    for dry_matter in (low, high):
        mean, _ = allocated.log_moments(one, dry_matter)
        slope = one.yield_slope_sd[:, None] * np.log(dry_matter / one.usual_yield)
        known = np.sqrt(one.log_sd**2 + one.spread**2)[:, None]
        straw, root, rhizodeposit = np.exp(mean[:, None] + known * of_study + slope * of_slope)
        logs.append(np.log(allocated.entering_carbon(share, straw, root, rhizodeposit)))
    return float((logs[1] - logs[0]).std())


def page(fit: xr.DataTree, table: pd.DataFrame, literature: Path) -> str:
    """The page of results."""
    facts = fit.attrs
    posterior = fit["posterior"].to_dataset()
    counted = table.groupby(["allocation_ratio", table["grown"].fillna("compiled")]).agg(
        rows=("crop", "size"), studies=("study", "nunique")
    )
    lines = [
        "# How crops share out their carbon",
        "",
        f"Written by `benchmarks/root_inputs.py`. Intervals are the {INTERVAL_NAME}.",
        "",
        f"The fit: {len(table)} ratios of {table['study'].nunique()} studies and {table['crop'].nunique()} crops, "
        f"{facts['chains']} chains of {facts['draws']} draws, R-hat at most {float(facts['max_r_hat']):.4f}, "
        "effective draws "
        f"{float(facts['min_ess_bulk']):.0f} (bulk) and {float(facts['min_ess_tail']):.0f} (tail) at least, "
        f"{counted(int(facts['divergences']), 'divergence')}, {str(facts['created'])[:10]}, seed {facts['seed']}.",
        "",
        "| ratio | plants | ratios | studies |",
        "| --- | --- | --- | --- |",
        *(
            f"| {ratio.replace('_', ' ')} | {grown} | {row['rows']} | {row['studies']} |"
            for (ratio, grown), row in counted.iterrows()
        ),
        "",
        "Compiled ratios are coefficients of compilations that also read one another. Ratios of other plants come "
        "from a data base of root traits (Guerrero-Ramirez et al. 2020) and a table of crops labelled with carbon 14 "
        "(Sun et al. 2018), which are fitted and not bundled.",
        "",
        "## Carbon of a crop in a new study",
        "",
        "t C/ha/year at the usual yield. The last columns are what enters the soil by the shares of "
        "`crop_carbon_allocation`, of which point coefficients give one number.",
        "",
        *inputs_at(
            (
                "wheat",
                "barley",
                "oat",
                "maize",
                "rice",
                "soybean",
                "pea",
                "rapeseed",
                "sunflower",
                "potato",
                "sugar beet",
            )
        ),
        "",
        "## How far studies differ",
        "",
        "| ratio | typical study to a new one, factor (1 sd) |",
        "| --- | --- |",
    ]
    for name in ALLOCATION_RATIOS:
        spread = np.exp(flat(posterior["log_ratio_spread"].sel(allocation_ratio=name)))
        lines.append(f"| {name.replace('_', ' ')} | {_factor(spread)} |")
    grown = posterior["grown_effect"]
    lines += [
        "",
        "Roots over shoot of plants grown otherwise, over mature crops in fields: "
        + "; ".join(f"{one} {_factor(np.exp(flat(grown.sel(grown=one))))}" for one in grown["grown"].to_numpy())
        + ".",
        "",
        "## Each study left out",
        "",
        "Each ratio of a study predicted from all others, as one of a new study. Spreads between crops and studies are "
        "those of the fit of all studies; all else is computed anew.",
        "",
        *covered(left_out(fit, table)),
        "",
        "## Published results beside ours",
        "",
        "| what | published | ours | why they need not agree |",
        "| --- | --- | --- | --- |",
    ]
    for one in _published(posterior):
        lines.append(one)
    kept = retention(literature)
    lines += [
        "",
        "## Roots keep more carbon than shoots",
        "",
        "Labelled carbon that was stabilised in an experiment with entry from below and from above ground (Sokol & "
        "Bradford 2018), as the ratio of below over above, beside the 2.3 of humified root over shoot carbon of "
        "long-term trials (Kätterer et al. 2011, Agriculture, Ecosystems and Environment 141:184):",
        "",
        "| soil | ratio | microcosms |",
        "| --- | --- | --- |",
        *(
            f"| {'outside' if region == 'Bulk' else 'in'} the rhizosphere | {row['ratio']:.2f} ({row['lower']:.2f} to "
            f"{row['upper']:.2f}) | {row['microcosms']:.0f} |"
            for region, row in kept.iterrows()
        ),
        "",
        f"These ratios are shown and enter no fit. The {PUBLISHED_RATIO:g} is the centre of the prior of what roots "
        "keep more on field plots (`root_ratio`), which a fit learns.",
        "",
        "## What is assumed",
        "",
        "How roots over shoot follow the yield and nitrogen is the prior: "
        "{:.2f} per log of the yield (sd {:.2f}) and ".format(*moments(posterior["root_yield"]))
        + "{:.2f} per 100 kg/ha/year (sd {:.2f}); ".format(*moments(posterior["root_nitrogen"]))
        + f"the slope over the closed classes of nitrogen of the R package whep is {nitrogen_classes(literature):.2f}. "
        "How roots are spread over depth is in none of the sources: on field plots, those of the layer count by the "
        "coefficient of crops of Jackson et al. (1996), "
        f"{100 * float(share_in_layer(0.0, 30.0)[0]):.0f} % above 30 cm, "
        "with an assumed spread between studies. Perennial crops are not modelled.",
        "",
        "Of the error of inputs, plots of like yield have most in common, plots of unlike yield less: between {} at "
        "{:g} and {:g} t/ha of one study, the log of the input differs with a standard deviation of ".format(*FAR_APART)
        + f"{difference_sd(*FAR_APART):.2f} about what is expected. A fit to plots has one error a site, "
        "that of a new study, and one that all sites share, of the typical study; inputs at a site that is not in it "
        "are foreseen with both. "
        "Below a quarter and above four times the usual yield of a crop, inputs are taken in proportion to the yield.",
        "",
        "## Roots that nobody measured",
        "",
        "Root carbon of a fixed amount, listed as of Hirte et al. (2018), is a round total of carbon below ground "
        f"(such as {fixed_total('wheat, winter'):.0f} kg/ha of wheat and {fixed_total('maize, grain'):.0f} of maize), "
        "divided by one plus the factor of Bolinder et al. (2007) for rhizodeposits. It is no measured root, and "
        "stands in the fit as a coefficient like others. In the study itself (Agriculture, Ecosystems and Environment "
        "265:556) rhizodeposits were 54 to 63 % of the carbon below ground in the field, 1.17 to 1.70 times the roots. "
        "The fit does not know that: it would be expected to make roots of wheat and maize smaller, and their "
        "rhizodeposits larger, than they are here.",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _factor(draws: np.ndarray) -> str:
    """Median and interval of a factor."""
    lower, middle, upper = np.quantile(draws, [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2])
    return f"{middle:.2f} ({lower:.2f} to {upper:.2f})"


def _published(posterior: xr.Dataset) -> list[str]:
    """Lines of published results beside ours."""
    from socbayes.published import published_of

    return [
        f"| {one.what} ({one.citation}) | {one.value:g}{' %' if one.unit == 'percent' else ''} | "
        f"{_factor(flat(one.ours(posterior)))} | {one.caveat} |"
        for one in published_of("root_inputs")
    ]


def main() -> None:
    """Fit, check and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--literature", type=Path, help="folder of the raw files, one subfolder per source")
    parser.add_argument("--store", type=Path, required=True, help="folder of the fit")
    given = parser.parse_args()
    table = together(given.literature)
    fit = fitted(table, given.store)
    if not facts_of(fit).converged:
        raise SystemExit("the fit did not converge: nothing is written")
    if given.literature is None:
        print(*covered(left_out(fit, table)), sep="\n")
        return
    write_learned(learned(fit, table, literature=True))
    allocated._stored.cache_clear()
    DOCS.mkdir(parents=True, exist_ok=True)
    write_text(DOCS / "README.md", page(fit, table, given.literature))


if __name__ == "__main__":
    main()
