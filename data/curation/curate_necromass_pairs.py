"""Necromass and organic carbon of a treatment beside its control."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main
from necromass import MISSCALED, MISSCALED_REASON, compilation, read, study_names

# Class of the paired table -> practice. None: no practice, excluded below.
PRACTICE_OF = {
    "no_tillage": "no_tillage",
    "reduced_tillage": "reduced_tillage",
    "cover_crop": "cover_crop",
    "rotation_diversification": "crop_diversification",
    "plant_diversity": "plant_diversity",
    "straw_residue": "straw_return",
    # Straw and mineral fertiliser against neither: the straw is the lasting part.
    "straw_residue_plus_mineral": "straw_return",
    "manure": "manure",
    # Manure with tannin against mineral fertiliser: the manure dominates.
    "manure_additive": "manure",
    "manure_plus_mineral": "manure_with_mineral_fertilizer",
    "biochar": "biochar",
    # Manure mixed with or fed charcoal: charcoal is what lasts.
    "biochar_manure": "biochar",
    "mineral_fertilizer": "mineral_fertilizer",
    # Lime came with the fertiliser in one trial.
    "mineral_fertilizer_lime": "mineral_fertilizer",
    # Two nutrients together are a fertiliser, not one element.
    "nitrogen_phosphorus_addition": "mineral_fertilizer",
    "nitrogen_addition": "nitrogen_addition",
    "phosphorus_addition": "phosphorus_addition",
    "organic_farming": "organic_farming",
    # Maize to pasture.
    "perennial_conversion": "perennial_vegetation",
    # Twenty-five years of cultivation back to wetland vegetation.
    "wetland_restoration": "perennial_vegetation",
    # Maize to forage grass, mulberry or sugarcane, all perennial.
    "land_use_change": "perennial_vegetation",
    # Native grassland to cropland of 5, 16 and 34 years.
    "grassland_conversion": "cultivation",
    "grassland_to_cropland": "cultivation",
    "cultivation_of_wetland": "cultivation",
    "warming": "warming",
    "warming_nitrogen": "other_global_change",
    "warming_eco2": "other_global_change",
    "warming_precipitation": "other_global_change",
    "elevated_co2": "other_global_change",
    "precipitation": "other_global_change",
    # A control followed in time has no treatment.
    "control_over_time": None,
    # Stands of 80 to 300 years against one of 20: both arms are forest.
    "forest_succession": None,
    # Primary to secondary forest: both arms are forest.
    "forest_conversion": None,
}
# Years since the change, where the label of the treated soil carries them.
AGE_IN_LABEL = r"^(?:Straw mulch-|Conversion ages-|CU|RE)(\d+)(?:year)?$"


def curate(literature: Path) -> Curated:
    """Keep the recommended pairs that compare one practice with its control."""
    raw = read(literature, "mcp_pairs.csv")
    total = len(raw)
    exclusions = Exclusions()
    flags = {
        "flag_ratio_gt_1": "necromass above organic carbon in one arm",
        "flag_soc_identical": "both arms carry the same organic carbon",
        "flag_incubation": "laboratory incubation",
        "flag_label_inferred": "meaning of a treatment label inferred",
        "flag_outlier_lnrr": "log ratio beyond 1.2",
    }
    for flag, reason in flags.items():
        raw = exclusions.drop(raw, raw[flag] == 1, f"not recommended: {reason}")
    if not (raw["use_recommended"] == 1).all():
        raise ValueError("the flags do not account for every pair that is not recommended")
    group = raw["management_class"]
    if not set(group) <= set(PRACTICE_OF):
        raise ValueError(f"classes without a mapping: {sorted(set(group) - set(PRACTICE_OF))}")
    raw = exclusions.drop(raw, group == "control_over_time", "a control followed over time, no practice")
    raw = exclusions.drop(
        raw, raw["management_class"] == "forest_succession", "older against younger restored forest, no practice"
    )
    raw = exclusions.drop(
        raw, raw["management_class"] == "forest_conversion", "primary against secondary forest, no practice"
    )
    raw = exclusions.drop(
        raw,
        raw["comparison_type"] == "before_after",
        "straw before and after: the treated soil is paired with its same-year control already",
    )
    raw = exclusions.drop(
        raw,
        (raw["management_class"] == "straw_residue") & raw["treatment_label"].str.endswith("-0year"),
        "straw at year 0: the practice had not begun to act",
    )
    raw = exclusions.drop(raw, raw["study_no"] == MISSCALED, MISSCALED_REASON)
    same = (raw["mnc_control_g_kg"] == raw["mnc_treatment_g_kg"]) & (
        raw["soc_control_g_kg"] == raw["soc_treatment_g_kg"]
    )
    raw = exclusions.drop(raw, same, "both arms identical in necromass and organic carbon")
    study = raw["study_no"].map(study_names(literature))
    label_age = raw["treatment_label"].str.extract(AGE_IN_LABEL)[0].astype("float64")
    frame = pd.DataFrame(
        {
            "study": study,
            "practice": raw["management_class"].map(PRACTICE_OF),
            "necromass_control": raw["mnc_control_g_kg"],
            "necromass_treatment": raw["mnc_treatment_g_kg"],
            "soil_organic_carbon_control": raw["soc_control_g_kg"],
            "soil_organic_carbon_treatment": raw["soc_treatment_g_kg"],
            "observation": "sndb-pair-" + raw["pair_id"].map("{:03d}".format),
            # Pairs of one study whose control averages the same database rows.
            "control": study + ": " + raw["sndb_records_control"].astype("str").str.replace(";", "+"),
            "practice_detail": raw["management_class"] + ": " + raw["control_label"] + " -> " + raw["treatment_label"],
            "comparison": raw["comparison_type"].map(
                {"treatment": "treatment", "land_use_space_for_time": "space_for_time", "before_after": "before_after"}
            ),
            "ecosystem": raw["ecosystem"],
            "climate_class": raw["climate_class"],
            "compilation": compilation(raw["source_compilation"]),
            "depth_top": raw["depth_top_cm"],
            "depth_bottom": raw["depth_bottom_cm"],
            "duration": raw["duration_yr"].fillna(label_age),
            "clay": raw["clay_pct"],
            "ph": raw["pH_control"],
            "doi": raw["doi"],
            "latitude": raw["latitude"],
            "longitude": raw["longitude"],
            "mean_annual_temperature": raw["MAT_C"],
            "mean_annual_precipitation": raw["MAP_mm"],
        }
    )
    filled = int((raw["duration_yr"].isna() & label_age.notna()).sum())
    return Curated(
        name="necromass_pairs",
        title="Microbial necromass and organic carbon, treatment beside control",
        description="Pairs of soils of one study, depth and stratum that differ in one practice, with microbial "
        "necromass carbon and organic carbon of both arms. No standard deviations are given by the source.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["sndb_necromass"],
        choices=[
            "Necromass is 45 times muramic acid (bacterial) plus 9 times glucosamine less that of bacteria (fungal) "
            "where amino sugars are given, else as reported; a common factor cancels in log ratios.",
            "Rows that share a control carry the same control id, and their errors.",
            "practice_detail keeps the class and labels of the paired table; practice maps it, see the script.",
            "Manure with charcoal counts as biochar, straw with mineral fertiliser as straw return, nitrogen with "
            "phosphorus as mineral fertiliser: these pairs carry two changes.",
            "Restored wetland, pasture, forage, mulberry and sugarcane after annual crops count as perennial "
            "vegetation.",
            f"Duration of {filled} pairs is the age printed in the label of the treated soil.",
            "Temperature and precipitation are gridded; pH is that of the control.",
        ],
    )


if __name__ == "__main__":
    main(curate)
