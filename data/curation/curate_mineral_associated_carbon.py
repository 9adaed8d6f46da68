"""Mineral-associated and particulate carbon of sampled layers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

ECOSYSTEMS = {
    "Cropland": "cropland",
    # Fallow is cropland between crops.
    "Fallow": "cropland",
    "Grassland": "grassland",
    "Pasture": "grassland",
    "Temperate Forest": "forest",
    "Boreal Forest": "forest",
    "Tropical Forest": "forest",
    "Shrubland": "shrubland",
    "Savanna": "savanna",
}
METHODS = {
    "Particle_Size": "particle_size",
    "Density": "density",
    "Density_Particle_Size": "density_and_particle_size",
}
COMPILATIONS = {"Synthesis": "Georgiou 2022", "LUCAS": "LUCAS", "ISRAD": "ISRaD"}


def curate(literature: Path) -> Curated:
    """Keep layers whose mineral-associated carbon fits into their bulk carbon."""
    raw = pd.read_csv(literature / "georgiou_2022_moc" / "MOC_synthesis.csv")
    raw["observation"] = "georgiou2022-" + (raw.index + 1).map("{:04d}".format)
    total = len(raw)
    exclusions = Exclusions()
    raw = exclusions.drop(
        raw, raw["SiltClayC"] > 1.05 * raw["Bulk.C"], "mineral-associated carbon above 1.05 times bulk carbon"
    )
    raw = exclusions.drop(raw, raw.drop(columns="observation").duplicated(), "row repeats an earlier one in every cell")
    depths = raw[["Top.depth", "Bottom.depth"]]
    swapped = int((depths["Top.depth"] > depths["Bottom.depth"]).sum())
    frame = pd.DataFrame(
        {
            "observation": raw["observation"],
            "study": tidy_text(raw["Author"]) + " " + raw["Year"].astype(int).astype("str"),
            "mineral_associated_organic_carbon": raw["SiltClayC"],
            "particulate_organic_carbon": raw["POM_C"],
            "soil_organic_carbon": raw["Bulk.C"],
            "silt_and_clay": raw["SiltClayPercent"],
            "clay": raw["Clay"],
            "mineral_type": raw["MineralType"].map({"HM": "high_activity", "LM": "low_activity"}),
            "soil_order": tidy_text(raw["Soil.order"]),
            "fractionation_method": raw["frc_method"].map(METHODS),
            "ecosystem": raw["Vegetation"].map(ECOSYSTEMS),
            "land_cover": tidy_text(raw["Vegetation"]),
            "compilation": raw["source"].map(COMPILATIONS),
            "depth_top": depths.min(axis=1, skipna=False),
            "depth_bottom": depths.max(axis=1, skipna=False),
            "latitude": raw["Lat"],
            "longitude": raw["Lon"],
            "mean_annual_temperature": raw["MAT"],
            "mean_annual_precipitation": raw["MAP"],
        }
    )
    # One known limit is enough where the other is missing.
    frame["depth_top"] = frame["depth_top"].fillna(depths["Top.depth"])
    frame["depth_bottom"] = frame["depth_bottom"].fillna(depths["Bottom.depth"])
    return Curated(
        name="mineral_associated_carbon",
        title="Mineral-associated, particulate and bulk organic carbon",
        description="Global synthesis of fractionated soil layers with texture, mineral type and climate.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["georgiou_2022_moc"],
        choices=[
            "Density and particle-size fractionation are mixed; fractionation_method tells them apart.",
            "Rows of the European LUCAS survey carry compilation LUCAS; they overlap other tables made from it.",
            "A study is first author and year as printed.",
            f"Depth limits of {swapped} row stood in the wrong order and were exchanged.",
            "Fallow counts as cropland, pasture as grassland.",
        ],
    )


if __name__ == "__main__":
    main(curate)
