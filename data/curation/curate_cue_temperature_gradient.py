"""Growth, respiration and carbon use efficiency of European soils, 0 to 45 degC."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

# Free-text land use. Left blank: garden soils, single trees of botanical
# gardens and of Kew, a city park without cover, abandoned cropland, and the
# codes LF and HF, whose meaning the source does not give.
ECOSYSTEMS = {
    "Agriculture": "cropland",
    "agricultural field": "cropland",
    "agricultural field, orange plantation": "cropland",
    "cropped field": "cropland",
    "cropped field (potatoes)": "cropland",
    "olive orchard": "cropland",
    "paddy field": "cropland",
    "potatoe field": "cropland",
    "grassland": "grassland",
    "Grassland": "grassland",
    "grassland, park": "grassland",
    "Botanical garden, grassland": "grassland",
    "alpine grassland near lake": "grassland",
    "alpine treeline, grassy": "grassland",
    "forest": "forest",
    "Forest": "forest",
    "alpine forest": "forest",
    "spruce forest": "forest",
    "Pine forest": "forest",
    "Pinus & quercus forest": "forest",
    "hardwood forest": "forest",
    "mix decidous stand": "forest",
    "holmoak": "forest",
    "Dwarf beech": "forest",
    "Oak": "forest",
    "Spruce": "forest",
    "shrub": "shrubland",
    "Heatland": "shrubland",
}
NO_ECOSYSTEM = {
    "LF",
    "HF",
    "garden soil",
    "garden soil, moneytree",
    "abandoned cropland",
    "Random park",
    "Botanical garden, siberian pine",
    "Botanical garden, douglas fir",
    "Store pine",
    "Turner's oak",
}
COUNTRIES = (
    "Spain",
    "Germany",
    "Hungary",
    "UK",
    "Italy",
    "Sweden",
    "Slovenia",
    "Denmark",
    "Finland",
    "Netherlands",
    "Greece",
)
# Places printed without a country.
PLACES = {
    "Reimersholme": "Sweden",
    "Elgholmen": "Sweden",
    "St. John Abadesses, Catalonia": "Spain",
    "Bergara, Basque country": "Spain",
}


def country(place: str) -> str | None:
    """Country of a printed place; None when it is not said."""
    return PLACES.get(place) or next((name for name in COUNTRIES if name in place), None)


def curate(literature: Path) -> Curated:
    """Join the temperature curves with the site table."""
    folder = literature / "cruzparedes2023_europe_gradient"
    raw = pd.read_csv(folder / "temperature_response.csv")
    sites = pd.read_csv(folder / "sites.csv")
    if sites["soil"].duplicated().any():
        raise ValueError("a soil has two site rows")
    unmapped = set(sites["type"].dropna()) - set(ECOSYSTEMS) - NO_ECOSYSTEM
    if unmapped:
        raise ValueError(f"land uses without a mapping: {sorted(unmapped)}")
    total = len(raw)
    exclusions = Exclusions()
    raw = exclusions.drop(raw, raw["cue"].isna(), "no carbon use efficiency: a component is missing")
    raw = raw.merge(sites, on="soil", how="left", validate="many_to_one")
    frame = pd.DataFrame(
        {
            "soil": "cruzparedes2023-" + raw["soil"].map("{:02d}".format),
            "incubation_temperature": raw["temp"],
            "carbon_use_efficiency": raw["cue"],
            # Per gram and hour in the source: the same number per kilogram in mg.
            "bacterial_growth": raw["b_c"],
            "fungal_growth": raw["f_c"],
            "respiration": raw["r_c"],
            "ph": raw["pH"],
            "soil_organic_matter": raw["som"],
            "country": raw["counrty"].map(country, na_action="ignore"),
            "land_cover": tidy_text(raw["type"]),
            "ecosystem": raw["type"].map(ECOSYSTEMS),
            "latitude": raw["lat"],
            "longitude": raw["lon"],
            "mean_annual_temperature": raw["mat"],
            "mean_annual_precipitation": raw["map"],
        }
    )
    bare = frame.loc[frame["ph"].isna(), "soil"].nunique()
    gaps = int((frame["bacterial_growth"].isna() | frame["fungal_growth"].isna()).sum())
    return Curated(
        name="cue_temperature_gradient",
        title="Tracer growth, respiration and carbon use efficiency along a European gradient",
        description="Bacterial growth (leucine), fungal growth (acetate in ergosterol) and respiration of sieved "
        "soils after hours at ten temperatures, with site data.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["cruzparedes2023_europe_gradient"],
        choices=[
            "Carbon use efficiency is growth over growth plus respiration; its level depends on tracer-to-carbon "
            "factors, its slope less so.",
            f"In {gaps} rows a growth component is missing and the efficiency rests on the authors' gap-filled "
            "bacterial series.",
            "Rows above 30 degC are kept; models choose their range.",
            f"{bare} soils have no site data.",
            "Growth units are inferred from the constant factors of the file (respiration is CO2 times 12/44).",
            "Ecosystem maps the free-text land use and is blank for gardens, parks, single trees and codes.",
        ],
    )


if __name__ == "__main__":
    main(curate)
