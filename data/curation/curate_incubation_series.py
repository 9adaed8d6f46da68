"""Incubated soils whose CO2 was followed, one row per series."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text
from sidb import read

ECOSYSTEMS = {
    "forest": "forest",
    "northern hardwoods": "forest",
    "cove hardwoods": "forest",
    "cultivated": "cropland",
    "tundra": "tundra",
    "rangeland/grassland": "grassland",
    "grassland/rangeland": "grassland",
    "grassland": "grassland",
    "shrubland": "shrubland",
    "bare": "desert",
}
BASIS = {
    "percentFieldCapacity": "field_capacity",
    "percentGWC": "dry_mass",
    "percentWaterFilledPoreSpace": "pore_space",
}


def curate(literature: Path) -> Curated:
    """Keep series of CO2 whose unit can be right."""
    exclusions = Exclusions()
    series, _ = read(literature, exclusions)
    studies = pd.read_csv(literature / "sidb" / "sidb_studies.csv").set_index("study")
    doi = series["study"].map(studies["doi"])
    frame = pd.DataFrame(
        {
            "study": series["study"],
            "series": tidy_text(series["series"]),
            "measured_as": series["measured_as"],
            "site": tidy_text(series["site"]),
            "treatment": tidy_text(series["other_treatment"]),
            "incubation_temperature": series["temperature_C"],
            "soil_moisture": series["moisture"].where(series["moisture_units"].notna()),
            "soil_moisture_basis": series["moisture_units"].map(BASIS),
            "replicates": series["study"].map(studies["replicates"]),
            "soil_organic_carbon": series["soil_carbon_gC_per_gSoil"] * 1000,
            "ph": series["soil_pH"],
            "clay": series["soil_percentClay"],
            "horizon": tidy_text(series["horizon"]),
            "depth_top": series["depth_top_cm"],
            "depth_bottom": series["depth_bottom_cm"],
            "ecosystem": series["site_landCover"].str.lower().map(ECOSYSTEMS),
            "soil_order": tidy_text(series["site_soilOrder"]).str.replace("Gelisols", "Gelisol"),
            "country": tidy_text(series["site_country"]),
            "doi": tidy_text(doi.where(doi.str.startswith("10."))),
            "latitude": series["site_latitude"],
            "longitude": series["site_longitude"],
            "mean_annual_temperature": series["site_MAT"],
            "mean_annual_precipitation": series["site_MAP"],
        }
    )
    known = int(frame["soil_organic_carbon"].notna().sum())
    return Curated(
        name="incubation_series",
        title="Soil incubations: series",
        description="Conditions and soils of the CO2 series in incubation_time_series, from the Soil Incubation "
        "Database. Mostly treatment means without errors.",
        frame=frame,
        raw_rows=len(frame) + sum(item["rows"] for item in exclusions),
        exclusions=exclusions,
        sources=["sidb"],
        choices=[
            "A unit is a label of its study: where one soil of a study releases more carbon than it holds, or 100 % of "
            "it, all series of the study are left out. For soils of one site that cannot be told apart, the largest "
            "carbon content was taken in this test.",
            f"Organic carbon, pH and clay are given where one soil only can be meant ({known} of {len(frame)} series). "
            "Sites 67 to 78 of Crow 2019a carry the carbon contents of sites 34 to 36 and 46 to 54.",
            "Sierra 2017 is labelled mg per day and taken as µg per g and day, as its series equal the same data "
            "published elsewhere.",
            "Bare ground is desert: Antarctic dry valleys. Horizon and treatment are as printed.",
            "Gillabel 2010 gives CO2 of soil organic matter alone, without that of the added substrate.",
        ],
    )


if __name__ == "__main__":
    main(curate)
