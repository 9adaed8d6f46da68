"""Carbon fractions under cover crops beside their controls."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

FRACTIONS = {
    "POC": "particulate_organic_carbon",
    "MAOC": "mineral_associated_organic_carbon",
    "SOC": "soil_organic_carbon",
}
# Concentrations that cannot be grams of carbon per kilogram of soil. Their
# ratio stands, so only the two concentrations are blanked.
WRONG_UNIT = {
    ("Balb", "POC"): "particulate carbon above total carbon: per mass of the fraction",
    ("Mott", "POC"): "167 to 483: per mass of the fraction",
    ("Wies", "POC"): "473 to 475: per mass of the fraction",
    ("Snap", "POC"): "87 to 111, with total carbon of 673 and more",
    ("Snap", "SOC"): "673 to 749 in a mineral cropland soil",
    ("Isla", "POC"): "below 0.004",
    ("Rigo", "SOC"): "below 0.02",
    ("Hang", "POC"): "a percentage, as its total carbon",
    ("Hang", "SOC"): "1.2 to 1.7: a percentage",
}


def curate(literature: Path) -> Curated:
    """Keep carbon fractions with a log response ratio."""
    raw = pd.read_csv(
        literature / "wooliver_2023_covercrop_fractions" / "covercrop_fraction_pairs.csv", low_memory=False
    )
    total = len(raw)
    exclusions = Exclusions()
    raw = exclusions.drop(raw, ~raw["rv"].isin(list(FRACTIONS)), "organic matter, not carbon (POM, MAOM, SOM)")
    raw = exclusions.drop(raw, raw["logRR"].isna(), "no log response ratio")
    wrong = pd.Series([key in WRONG_UNIT for key in zip(raw["StudyID"], raw["rv"], strict=True)], index=raw.index)
    # The flag belongs to the unit the ratio was computed in.
    imputed = raw["sd.imputed.in.g.kg.1"].where(raw["logRR.type"] == "gkg", raw["sd.imputed.in.Mg.ha.1"])
    frame = pd.DataFrame(
        {
            "observation": "wooliver2023-" + raw["Obs.ID"].map("{:04d}".format),
            "study": tidy_text(raw["StudyID"]),
            "fraction": raw["rv"].map(FRACTIONS),
            "log_response_ratio": raw["logRR"],
            "log_response_ratio_variance": raw["var"],
            "variance_imputed": imputed.map({1.0: "yes"}).fillna("no"),
            "carbon_control": raw["mean.control.in.g.kg.1"].mask(wrong),
            "carbon_treatment": raw["mean.treatment.in.g.kg.1"].mask(wrong),
            "site": tidy_text(raw["location.name"]),
            "replicates": raw["reps"],
            "cover_crop": tidy_text(raw["cover.crop.added"]),
            "crop": tidy_text(raw["maincrop"]),
            "duration": raw["duration..yr."],
            "depth_top": raw["depth.upper.limit..cm."],
            "depth_bottom": raw["depth.lower.limit..cm."],
            "clay": raw["Baseline...clay"],
            "silt_and_clay": raw["Baseline...silt"] + raw["Baseline...clay"],
            "ph": raw["Baseline.pH"],
            "doi": tidy_text(raw["DOI"]),
            "latitude": raw["lat.decimal"],
            "longitude": raw["long.decimal"],
            "mean_annual_temperature": raw["Temp"],
            "mean_annual_precipitation": raw["Prec"],
        }
    )
    blanked = int((wrong & raw["mean.control.in.g.kg.1"].notna()).sum())
    stocks = int((raw["logRR.type"] == "mgha").sum())
    return Curated(
        name="cover_crop_fractions",
        title="Carbon fractions under cover crops",
        description="Log response ratios of particulate, mineral-associated and total organic carbon under cover "
        "crops against fallow, with sampling variances.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["wooliver_2023_covercrop_fractions"],
        choices=[
            f"{stocks} ratios were computed from stocks per hectare and have no concentrations.",
            f"Concentrations of {blanked} rows cannot be g/kg of soil (per fraction, percent or slips) and are blank; "
            "their ratios are kept.",
            "Most variances rest on an imputed standard deviation; variance_imputed says where.",
            "Rows of one study share controls.",
            "Study names are the short codes of the source; the doi names the paper.",
        ],
    )


if __name__ == "__main__":
    main(curate)
