"""Soils under a lever beside their controls, of sources that allow their facts to be bundled."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main
from pairs import arms, beside_control
from sodah import sodah_pairs

CLAPHAM = {"SP": "agroforestry", "FW": "afforestation"}
CLAPHAM_FRACTIONS = {
    "POM": "particulate_organic_carbon",
    "s+c-rSOC": "mineral_associated_organic_carbon",
    "rSOC": "mineral_associated_organic_carbon",
}
TILLAGE = {3: "no_tillage", 4: "no_tillage", 5: "reduced_tillage", 6: "reduced_tillage", 7: "intensive", 8: "intensive"}
ROTHAMSTED = {
    "FYM since 1843 (plot 2.2)": ("manure", "Nil (plot 3)"),
    "FYM since 1885 (plot 2.1)": ("manure", "Nil (plot 3)"),
    "N3PK (plot 8)": ("mineral_fertilizer", "Nil (plot 3)"),
    "PK (plot 5)": ("mineral_fertilizer", "Nil (plot 3)"),
    "FYM since 1852 (plot 72)": ("manure", "Unfertilized (plot 11)"),
    "Highfield Arable": ("cultivation", "Highfield long-term grass"),
    "Fosters Grass": ("grassland_restoration", "Fosters long-term arable"),
}
"""Lever of each treated plot, and its control."""
MANURE = 35.0  # t/ha of fresh farmyard manure a year


def clapham(raw: pd.DataFrame, exclusions: Exclusions) -> tuple[pd.DataFrame, int]:
    """Fractions and total carbon of silvopasture and farm woodland beside pasture; rows of the source they are of."""
    cores = ["type", "depth", "rep"]
    total = raw.drop_duplicates(cores).assign(
        value=lambda rows: 1000 * rows["tot_w_occ"] / rows["tot_weight"], fraction="soil_organic_carbon"
    )
    used = raw["fraction"].isin(list(CLAPHAM_FRACTIONS))
    kept = exclusions.drop(raw, ~used, "Clapham: sand with aggregates, and dissolved carbon, are neither fraction")
    parts = kept.assign(value=10 * kept["occ"] * kept["weight_prop"], fraction=kept["fraction"].map(CLAPHAM_FRACTIONS))
    parts = parts.groupby([*cores, "fraction"], as_index=False)["value"].sum()
    samples = pd.concat([total[[*cores, "fraction", "value"]], parts]).rename(columns={"type": "treatment"})
    by = ["depth", "fraction"]
    pairs = beside_control(arms(samples, [*by, "treatment"], ("rep",)), by, "PA", CLAPHAM)
    whole = pairs[pairs["fraction"] == "soil_organic_carbon"].drop_duplicates("depth")
    pairs["soil_organic_carbon_control"] = pairs["depth"].map(whole.set_index("depth")["control_mean"])
    # The depths are numbered, not stated: they tell controls apart, and no more.
    pairs["control"] = "pasture, layer " + pairs["depth"].astype("str") + ", " + pairs["fraction"]
    return pairs.drop(columns="depth").assign(
        study="Upson et al. 2016", site="Clapham", ecosystem="grassland", compilation="Upson"
    ), len(kept)


def tillage(raw: pd.DataFrame, exclusions: Exclusions) -> tuple[pd.DataFrame, int]:
    """No and minimum tillage beside intensive tillage at every sampling; rows of the source they are of."""
    kept = exclusions.drop(
        raw,
        ~raw["treatment_code"].isin(list(TILLAGE)),
        "Millennium: fallow, pasture, and tillage that differs by season",
    )
    kept = kept.assign(treatment=kept["treatment_code"].map(TILLAGE), series=1 - kept["treatment_code"] % 2)
    frames = []
    for column, fraction in (("TOC_t_ha", "soil_organic_carbon"), ("POC_t_ha", "particulate_organic_carbon")):
        by = ["month_index", "series"]
        found = arms(kept.assign(value=kept[column]), [*by, "treatment"], ("plot",))
        levers = {name: name for name in ("no_tillage", "reduced_tillage")}
        pairs = beside_control(found, by, "intensive", levers).assign(fraction=fraction)
        pairs["control"] = [
            f"intensive, series {series}, month {month}, {fraction}"
            for month, series in zip(pairs["month_index"], pairs["series"], strict=True)
        ]
        frames.append(pairs.assign(duration=pairs["month_index"] / 12))
    return pd.concat(frames, ignore_index=True).drop(columns=["month_index", "series"]).assign(
        study="Millennium Tillage Trial", site="Millennium trial", ecosystem="cropland", depth_top=0.0,
        depth_bottom=25.0,
        compilation="CQUESST",
    ), len(kept)  # fmt: skip


def rothamsted(raw: pd.DataFrame, exclusions: Exclusions, climate: pd.Series) -> tuple[pd.DataFrame, int]:
    """Plots of Rothamsted beside their controls in the same year; rows of the source they are of.

    Parameters
    ----------
    raw
        Series of stocks.
    exclusions
        To which what is left out is added.
    climate
        Annual means of 1991 to 2020.
    """
    start = raw.groupby(["experiment", "treatment"])["year"].min()
    assumed = raw["flag"].isin(
        ["estimated starting value", "estimated/assumed start", "derived from total N x C:N (1893)"]
    )
    named = raw["treatment"].isin([*ROTHAMSTED, *(control for _, control in ROTHAMSTED.values())])
    kept = exclusions.drop(raw, ~named, "Rothamsted: woodland without a control, and mixtures of treatments")
    kept = exclusions.drop(kept, assumed[kept.index], "Rothamsted: values that were assumed or derived from nitrogen")
    frames = []
    for treatment, (lever, control) in ROTHAMSTED.items():
        treated = kept[kept["treatment"] == treatment]
        controls = kept[kept["treatment"] == control][["experiment", "year", "soc_t_ha", "soc_percent"]]
        both = treated.merge(controls, on=["experiment", "year"], suffixes=("", "_control"))
        began = float(start[(treated["experiment"].iloc[0], treatment)])
        frames.append(
            pd.DataFrame(
                {
                    "lever": lever,
                    "site": treated["experiment"].iloc[0] if "summary" not in treated["experiment"].iloc[0]
                    else treatment.split()[0],
                    "control": control + both["year"].map(" in {:.0f}".format),
                    "control_mean": both["soc_t_ha_control"],
                    "treated_mean": both["soc_t_ha"],
                    "soil_organic_carbon_control": 10 * both["soc_percent_control"],
                    "year": both["year"],
                    "duration": both["year"] - began,
                    "depth_top": 0.0,
                    "depth_bottom": both["depth_cm"],
                    "ecosystem": "grassland" if "Grass" in treatment else "cropland",
                    "doi": both["doi"],
                    "lever_dose": MANURE if lever == "manure" else None,
                    "lever_dose_unit": "t/ha/year fresh" if lever == "manure" else None,
                }
            )
        )  # fmt: skip
    pairs = pd.concat([frame.dropna(axis=1, how="all") for frame in frames], ignore_index=True)
    pairs = pairs[pairs["duration"] > 0]
    return pairs.assign(
        study="Rothamsted, " + pairs["site"],
        fraction="soil_organic_carbon",
        compilation="e-RA",
        mean_annual_temperature=climate["tmean_C"],
        mean_annual_precipitation=climate["rain_mm"],
    ), len(kept)


def curate(literature: Path) -> Curated:
    """Pairs of all sources, and how many samples each is of."""
    exclusions = Exclusions()
    climate = pd.read_csv(literature / "rothamsted_era" / "rothamsted_climate_means_1991_2020.csv").iloc[-1]
    sources = {
        "SoDaH": (sodah_pairs, "sodah_experiments", "treatment_soils.csv"),
        "Clapham": (clapham, "upson_2015_agroforestry_fractions", "clapham_fractionation.csv"),
        "Millennium": (tillage, "millennium_tillage_trial", "observations.csv"),
        "Rothamsted": (partial(rothamsted, climate=climate), "rothamsted_era", "classical_soc_timeseries.csv"),
    }
    frames, total = [], 0
    for name, (pairs_of, folder, file) in sources.items():
        raw = pd.read_csv(literature / folder / file, low_memory=False)
        pairs, samples = pairs_of(raw, exclusions)
        total += len(raw)
        exclusions.append(
            {"reason": f"{name}: samples beyond one for each pair, as a pair is of means", "rows": samples - len(pairs)}
        )
        pairs["observation"] = [f"{name.lower()}-{row:03d}" for row in range(1, len(pairs) + 1)]
        frames.append(pairs.dropna(axis=1, how="all"))
    silsoe = pd.read_csv(literature / "upson_2015_agroforestry_fractions" / "silsoe_zimmermann_fractions.csv")
    total += len(silsoe)
    exclusions.append({"reason": "Silsoe: shares of carbon without its amount", "rows": len(silsoe)})
    return Curated(
        name="effect_pairs",
        title="Soils under a lever beside their controls",
        description="Carbon, or a fraction of it, of treated soils and their controls: litter and root manipulation, "
        "warming, thaw of permafrost, nitrogen, calcium, organic farming, agroforestry, tillage, manure, fertiliser "
        "and changes of land use, with standard deviations and numbers of plots where plots were measured.",
        frame=pd.concat(frames, ignore_index=True),
        raw_rows=total,
        exclusions=exclusions,
        sources=[
            "sodah_experiments", "upson_2015_agroforestry_fractions", "millennium_tillage_trial",
            "rothamsted_broadbalk_soc", "rothamsted_hoosfield_soc", "rothamsted_highfield_ley_arable",
            "rothamsted_fosters_ley_arable",
        ],
        choices=[
            "Means are contents in g/kg or stocks, alike in both arms of a pair: only their ratio counts.",
            "Cores of one plot are averaged, and replicates are plots; where a file names none (Wisconsin, Toolik, "
            "Chronic N, the shortgrass steppe), they are samples, which spread less than plots would.",
            "At Harvard Forest, OX and 2X are read as litter left out and doubled, T as trenched, TOX as both.",
            "Hubbard Brook has no parallel control: its pairs are samples after calcium was added beside those of "
            "1998, the year before it.",
            "Cores of the Toolik thermokarst that begin at the surface are one layer of 10 cm.",
            "SoDaH's Wisconsin contents are fractions and are taken times 1000.",
            "At Clapham, mineral-associated carbon is the silt and clay fraction with its resistant part; pasture is "
            "the control of silvopasture and of farm woodland.",
            "In the Millennium trial, intensive tillage in both seasons is the control of minimum and of no tillage.",
            "Samples of Broadbalk and Hoosfield are of single plots, without a spread.",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main(curate)
