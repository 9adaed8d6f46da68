"""Soil carbon under elevated CO2 beside its control."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

ECOSYSTEMS = {
    "cropland": "cropland",
    "grassland": "grassland",
    "shrubland": "shrubland",
    "chaparral": "shrubland",
    "wetland": "wetland",
    "temperate forest": "forest",
    "tropical forest": "forest",
    "alpine forest": "forest",
    "subalpine forest": "forest",
    "subtropical woodland": "forest",
}
EXPERIMENT_TYPES = {"FACE": "free_air", "OTC": "open_top_chamber", "Chamber": "chamber"}
MYCORRHIZA = {
    "AM": "arbuscular mycorrhiza",
    "ECM": "ectomycorrhiza",
    "Nfixer": "nitrogen fixing",
    "AM_ER": "arbuscular and ericoid mycorrhiza",
    "NM": "none",
}
FRACTIONS = {"POM": "particulate_organic_carbon", "MAOM": "mineral_associated_organic_carbon"}
PRINTED_OTHERWISE = {
    "Allard2005": "Allard et al. 2005",
    "Six et al. 2001 Plant and Soil": "Six et al. 2001",
    "unpublished - GlobalDB": "unpublished",
}


def study_name(citation: pd.Series) -> pd.Series:
    """Publication of the soil data, without notes of the compilers."""
    text = tidy_text(citation).str.replace(r"^soil: ", "", regex=True)
    text = text.str.replace(r"[;,]? ?(?:\(soil\),?|plant:?|\(plant\)) ?.*$", "", regex=True)
    text = text.str.replace(r"et\.? al\.?,?", "et al.", regex=True).str.replace(
        r" \(unpublished data.*$", "", regex=True
    )
    text = text.mask(text.str.contains("JasperCsoil"), "Jasper Ridge, personal communication")
    text = text.mask(text.str.contains("cedarcreek"), "BioCON, Cedar Creek")
    return text.str.strip(" ,;").replace(PRINTED_OTHERWISE)


def limits(text: pd.Series, depth: pd.Series) -> pd.DataFrame:
    """Depth limits from "0-15 cm", or the stated depth where no limits are printed."""
    found = text.astype("str").str.extract(r"^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)").astype("float64")
    top = found[0].where(found[1].notna(), depth.map(lambda x: 0.0 if pd.notna(x) else x))
    return pd.DataFrame({"top": top, "bottom": found[1].fillna(depth)})


def whole_soil(raw: pd.DataFrame) -> pd.DataFrame:
    """Effect on soil organic carbon at the last sampling of each experiment."""
    depth = limits(raw["Depth"], raw["Depth..cm."])
    watered = raw["MAPraw"].astype("str").str.contains("water")
    return pd.DataFrame(
        {
            "observation": "terrer2021-soc-" + raw["obs"].map("{:03d}".format),
            "study": study_name(raw["Citation"]),
            "fraction": "soil_organic_carbon",
            "log_response_ratio": raw["yi"],
            "site": tidy_text(raw["Site"]),
            "experiment": tidy_text(raw["Experiment"]),
            "log_response_ratio_variance": raw["vi"],
            "variance_imputed": raw["vi_imp"].map({True: "yes", False: "no"}),
            "control_replicates": raw["amb.n"],
            "replicates": raw["elev.n"],
            "biomass_log_response_ratio": raw["biomass"],
            "co2_control": raw["ambCO2"],
            "co2_treatment": raw["elevCO2"],
            "duration": raw["nyears"],
            "depth_top": depth["top"],
            "depth_bottom": depth["bottom"],
            "experiment_type": raw["Experiment_type"].map(EXPERIMENT_TYPES),
            "nitrogen_supply": raw["N"].map({"Nlow": "low", "Nhigh": "high"}),
            "mycorrhiza": raw["Myc"].map(MYCORRHIZA),
            "ecosystem": raw["Biome"].str.lower().str.replace("_", " ").map(ECOSYSTEMS),
            "soil_carbon_to_nitrogen": raw["CNr"],
            "ph": raw["pH"],
            "latitude": raw["Latitude"] * raw["Lat"].map({"N": 1, "S": -1}),
            "longitude": raw["Longitude"] * raw["Lon"].map({"E": 1, "W": -1}),
            "mean_annual_temperature": raw["MAT"],
            "mean_annual_precipitation": raw["MAP"].mask(watered),
        }
    )


def fractions(raw: pd.DataFrame) -> pd.DataFrame:
    """Effects on particulate and mineral-associated carbon."""
    depth = limits(raw["depth"], pd.Series(float("nan"), index=raw.index))
    frames = []
    for short, fraction in FRACTIONS.items():
        control, treated = raw[f"{short}.amb"], raw[f"{short}.elev"]
        # A standard error of zero is a missing one.
        errors = raw[[f"{short}.amb.se", f"{short}.elev.se"]].replace(0.0, float("nan"))
        variance = (errors.iloc[:, 0] / control) ** 2 + (errors.iloc[:, 1] / treated) ** 2
        frames.append(
            pd.DataFrame(
                {
                    "observation": f"terrer2021-{short.lower()}-" + pd.Series(raw.index + 1).map("{:02d}".format),
                    "study": study_name(raw["Citation"]),
                    "fraction": fraction,
                    "log_response_ratio": np.log(treated / control),
                    "site": tidy_text(raw["Site"]),
                    "experiment": tidy_text(raw["Experiment"]),
                    "log_response_ratio_variance": variance,
                    "control_replicates": raw[f"{short}.amb.n"],
                    "replicates": raw[f"{short}.elev.n"],
                    "variance_imputed": variance.notna().map({True: "no"}),
                    "depth_top": depth["top"],
                    "depth_bottom": depth["bottom"],
                    "mycorrhiza": raw["Myc"].map(MYCORRHIZA),
                    "ecosystem": raw["Biome"].str.lower().map(ECOSYSTEMS),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def curate(literature: Path) -> Curated:
    """Keep one effect per experiment and fraction."""
    folder = literature / "terrer2021_elevated_co2_soc"
    effects = pd.read_csv(folder / "soc_eco2_effects.csv", keep_default_na=False, na_values=["", "NA"])
    dates = len(pd.read_csv(folder / "soc_eco2_all_dates.csv"))
    exclusions = Exclusions(
        [{"reason": "all sampling dates; the effect of an experiment is that of its last one", "rows": dates}]
    )
    frame = pd.concat([whole_soil(effects), fractions(pd.read_csv(folder / "eco2_pom_maom.csv"))], ignore_index=True)
    without = frame["log_response_ratio_variance"].isna().sum()
    return Curated(
        name="elevated_co2_pairs",
        title="Soil carbon under elevated CO2",
        description="Log response ratios of soil organic carbon in 108 experiments, and of particulate and "
        "mineral-associated carbon in 20, with sampling variances.",
        frame=frame,
        raw_rows=len(frame) + dates,
        exclusions=exclusions,
        sources=["terrer2021_elevated_co2_soc"],
        choices=[
            "Stocks have no unit in the source and differ by depth and vessel (pots beside fields): only their ratio "
            "is kept.",
            "Variances of whole soil are the source's, ten of them imputed; those of the fractions follow from their "
            f"standard errors, and {without} are missing.",
            "Experiments of one site and species of one experiment share controls, years or plots.",
            "Latitude and longitude carry their sign; precipitation of watered experiments is blank.",
            "Depth follows the printed limits; where there are none, the stated depth is the lower limit.",
            "Particulate carbon of Duke FACE is seven times its mineral-associated carbon, as printed.",
        ],
    )


if __name__ == "__main__":
    main(curate)
