"""Radiocarbon and carbon of soil profiles, by layer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

from socbayes.vocabulary import QUANTITIES

ORDERS = {
    "Alf": "Alfisol",
    "And": "Andisol",
    "Ard": "Aridisol",
    "Ent": "Entisol",
    "Ept": "Inceptisol",
    "Ert": "Vertisol",
    "Gel": "Gelisol",
    "His": "Histosol",
    "Oll": "Mollisol",
    "Ox": "Oxisol",
    "Spo": "Spodosol",
    "Ult": "Ultisol",
}
ECOSYSTEMS = {
    "temperate forest": "forest",
    "tropical forest": "forest",
    "boreal forest": "forest",
    "cropland": "cropland",
    "grassland": "grassland",
    "peatland": "wetland",
    "savannas": "savanna",
    "shrublands": "shrubland",
    "tundra": "tundra",
    "desert": "desert",
}
CUT_AT_MODERN = ("Leavitt_2007", "Shen_2001", "Biedenbender_2004")
"""Studies in which no value is above zero and several, without an error, are zero."""

TWICE = (
    "Carrick Fine Sandy Loam",
    "Judgeford Silt Loam",
    "Okarito Peaty Loam",
    "Rothamahana Sandy Loam",
    "Tima Silt Loam",
)
"""Profiles of Lassey et al. 1996 that stand once by the name of their soil and once by that of their place."""


def outside(values: pd.Series, name: str) -> pd.Series:
    """Where numbers cannot be of a quantity."""
    quantity = QUANTITIES[name]
    return (values < quantity.lower) | (values > quantity.upper)


def compilation(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Profiles that He et al. put together."""
    raw = pd.read_csv(literature / "he2016_soil_radiocarbon_profiles" / "layers.csv")
    number = pd.Series(range(1, len(raw) + 1), index=raw.index)
    raw = exclusions.drop(raw, raw["delta14c_permil"].isna(), "He et al.: no Delta14C")
    cut = raw["dataset"].isin(CUT_AT_MODERN) & (raw["delta14c_permil"] == 0)
    raw = exclusions.drop(raw, cut, "He et al.: 'modern' written as exactly 0, in three studies cut there")
    twice = (raw["dataset"] == "Lassey_1996") & raw["site"].isin(TWICE)
    raw = exclusions.drop(raw, twice, "He et al.: profiles that stand a second time under another name")
    deep = outside(raw["top_cm"], "depth_top") | outside(raw["bottom_cm"], "depth_bottom")
    raw = exclusions.drop(
        raw, deep, "He et al.: more than 1 m above or 10 m below the mineral surface (peat, sediments)"
    )
    carbon, density = raw["c_percent_measured"] * 10, raw["bulk_density_measured_g_cm3"]
    return pd.DataFrame(
        {
            "observation": "He " + number.loc[raw.index].astype("str"),
            "study": raw["dataset"].str.replace("_", " "),
            "profile": raw["profile"].astype("int64").astype("str"),
            "depth_top": raw["top_cm"],
            "depth_bottom": raw["bottom_cm"],
            "delta14c": raw["delta14c_permil"],
            "delta14c_error": raw["delta14c_err_permil"],
            "year": raw["sample_year"],
            "soil_organic_carbon": carbon.mask(outside(carbon, "soil_organic_carbon")),
            "bulk_density": density.mask(outside(density, "bulk_density")),
            "delta13c": raw["delta13c_permil"],
            "clay": raw["clay_percent"],
            "ph": raw["ph_h2o"],
            "horizon": tidy_text(raw["horizon"]),
            "soil_order": raw["soil_order"].map(ORDERS),
            "ecosystem": raw["vegetation"].map(ECOSYSTEMS),
            "land_cover": raw["vegetation"],
            "compilation": "He et al. 2016",
            "site": tidy_text(raw["site"]),
            "doi": tidy_text(raw["doi"]),
            "latitude": raw["latitude"],
            "longitude": raw["longitude"],
            "mean_annual_temperature": raw["mat_C"],
            "mean_annual_precipitation": raw["map_mm"],
        }
    )


def howland(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Pits and swamps of Howland Forest."""
    folder = literature / "gaudinski2001_howland_profile"
    raw = pd.read_csv(folder / "layer.csv").merge(pd.read_csv(folder / "profile.csv"), on="pro_name", how="left")
    place = pd.read_csv(folder / "site.csv").iloc[0]
    raw = exclusions.drop(raw, raw["lyr_14c"].isna(), "Howland: no Delta14C")
    both = raw["lyr_note"].fillna("").str.contains("combination of Bs1 and Bs2")
    raw = exclusions.drop(raw, both, "Howland: Bs1 and Bs2 together, below the pit and with the value of Bs1")
    forest = raw["pro_land_cover"] == "forest"
    return pd.DataFrame(
        {
            "observation": "Howland " + raw["lyr_name"].str.removeprefix("Howland_").str.replace("_", " "),
            "study": "Gaudinski 2001",
            "profile": raw["pro_name"],
            "depth_top": raw["lyr_top"],
            "depth_bottom": raw["lyr_bot"],
            "delta14c": raw["lyr_14c"],
            "delta14c_error": raw["lyr_14c_sigma"],
            "fraction_modern": raw["lyr_fraction_modern"],
            "year": raw["lyr_obs_date_y"],
            "radiocarbon_year": raw["lyr_obs_date_y"],
            "soil_organic_carbon": raw["lyr_c_org"] * 10,
            "bulk_density": raw["lyr_bd_samp"],
            "delta13c": raw["lyr_13c"],
            "total_nitrogen": raw["lyr_n_tot"] * 10,
            "horizon": raw["lyr_hzn"],
            "soil_order": raw["pro_usda_soil_order"].str.removesuffix("s"),
            "ecosystem": forest.map({True: "forest", False: "wetland"}),
            "land_cover": raw["pro_land_cover"],
            "compilation": "ISRaD",
            "site": place["site_name"],
            "latitude": place["site_lat"],
            "longitude": place["site_long"],
            "mean_annual_temperature": raw["pro_MAT"],
            "mean_annual_precipitation": raw["pro_MAP"],
        }
    )


def curate(literature: Path) -> Curated:
    """Keep layers with a Delta14C."""
    exclusions = Exclusions()
    parts = [compilation(literature, exclusions), howland(literature, exclusions)]
    frame = pd.concat(parts, ignore_index=True)
    return Curated(
        name="soil_radiocarbon",
        title="Radiocarbon of soil profiles",
        description="Delta14C, carbon and bulk density of layers of profiles from all continents (He et al. 2016), and "
        "of Howland Forest, Maine.",
        frame=frame,
        raw_rows=len(frame) + sum(item["rows"] for item in exclusions),
        exclusions=exclusions,
        sources=["he2016_soil_radiocarbon_profiles", "gaudinski2001_howland_profile"],
        choices=[
            "Depths count from the surface of the mineral soil: organic layers are negative.",
            "Carbon and bulk density are those that were measured; what the compilers filled in is left out, as are "
            "measured ones above 600 g/kg and below 0.02 g/cm3.",
            "Which year a Delta14C was corrected to is stated for no row of the compilation: 0.12 permille a year.",
            "Delta14C of Howland was corrected to the year of sampling: that, and not 1999 as the entry says, is what "
            "its Delta14C and fraction modern agree on.",
            "Bulk density of Howland forest soil is that of an earlier study nearby, as the entry notes.",
            "Temperature and precipitation of the compilation are of a grid.",
            "Carbon of Howland is organic carbon by mass, nitrogen total; nitrogen of the compilation has mixed units "
            "and is left out.",
        ],
    )


if __name__ == "__main__":
    main(curate)
