"""Priming: the last day of every treated jar, with where the label went."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main
from priming import SOURCES_USED, read


def elias_label(literature: Path, dose: pd.Series) -> pd.DataFrame:
    """Litter carbon in mineral and particulate fractions and in biomass, day 126.

    The source prints percent of the litter carbon added; ``dose`` (mg/kg by
    jar) turns it into mg/kg.
    """
    raw = pd.read_csv(literature / "elias2024_litter_mineral_priming" / "litter_c_data.csv")
    raw["unit"] = "R2_" + raw["Sample"].astype("str")
    raw = raw.set_index("unit").reindex(dose.index)
    share = raw[["maom_litter_c_perc_T126", "totalpom_litter_c_perc_T126", "mbc_litter_c_perc_T126"]] / 100
    out = share.mul(dose, axis=0)
    out.columns = [
        "substrate_carbon_in_mineral_fraction",
        "substrate_carbon_in_particulate_fraction",
        "substrate_carbon_in_microbial_biomass",
    ]
    return out


def elias_minerals(literature: Path) -> pd.Series:
    """Mineral mixed into the soil, by jar."""
    raw = pd.read_csv(literature / "elias2024_litter_mineral_priming" / "litter_c_data.csv")
    return raw["Mineral"].str.lower().set_axis("R2_" + raw["Sample"].astype("str"))


def arizona_label(literature: Path) -> pd.DataFrame:
    """Glucose carbon left in the soil and biomass carbon after five weeks."""
    raw = pd.read_csv(literature / "stone2021_liu_arizona_cue_priming" / "priming_stats_wide.csv")
    nitrogen = raw["CN_Trt"].map(lambda ratio: "CN10" if ratio == 10 else "noN")
    jar = raw["Soil"] + raw["FieldRep"].astype("str") + "_" + raw["Substrate_Trt"] + "_" + nitrogen
    # Header names occur twice in the archive; the first holds the measurement.
    return pd.DataFrame(
        {
            "substrate_carbon_in_soil": raw["C13_Accum"].to_numpy(),
            "microbial_biomass_final": raw["MBC__"].to_numpy(),
        },
        index=pd.Index(jar),
    )


def wooliver_label(literature: Path) -> pd.DataFrame:
    """Glucose carbon in soil, fractions and biomass at the six-month harvest."""
    raw = pd.read_csv(literature / "wooliver2025_drought_residue_glucose" / "13c.csv")
    raw = raw[(raw["Glucose addition treatment"] == "G-50") & (raw["Harvest day"] == "T90")]
    jar = "M" + raw["Sample number"].astype(int).map("{:03d}".format)
    out = raw[["13soc", "13maoc", "13poc", "13mbc", "mbc"]].set_axis(jar)
    out.columns = [
        "substrate_carbon_in_soil",
        "substrate_carbon_in_mineral_fraction",
        "substrate_carbon_in_particulate_fraction",
        "substrate_carbon_in_microbial_biomass",
        "microbial_biomass_final",
    ]
    return out


def curate(literature: Path) -> Curated:
    """Join the harmonised end points with the final label of three studies."""
    raw = read(literature, "priming_endpoints.csv")
    elias = raw["dataset"] == "elias2024"
    label = pd.concat(
        [
            elias_label(literature, raw[elias].set_index("unit")["dose_ug_c_g"]),
            arizona_label(literature),
            wooliver_label(literature),
        ]
    )
    if label.index.duplicated().any() or not set(label.index) <= set(raw["unit"]):
        raise ValueError("final label rows do not match the jars one to one")
    label = label.reindex(raw["unit"]).reset_index(drop=True)
    # Isotope noise around nothing left: a mass below zero is no mass.
    negative = int((label < 0).sum().sum())
    label = label.where(label >= 0)
    frame = pd.DataFrame(
        {
            "jar": raw["unit"],
            "study": raw["study"],
            "soil": raw["soil"],
            "native_co2_control": raw["cum_native_control"],
            "native_co2_treated": raw["cum_native_treated"],
            "incubation_day": raw["day"],
            "added_nitrogen": raw["added_nitrogen"],
            "dataset": raw["dataset"],
            "control": raw["control"],
            "run": raw["run"],
            "ecosystem": raw["ecosystem"],
            "land_cover": raw["land_cover"],
            "mineral_amendment": raw["unit"].map(elias_minerals(literature)).where(elias),
            "substrate": raw["substrate"],
            "substrate_dose": raw["dose_ug_c_g"],
            "native_co2_control_sd": raw["sd_control"],
            "control_replicates": raw["n_control"],
            "substrate_co2": raw["cum_substrate_co2"],
            "microbial_biomass": raw["mbc_ug_g"],
            "soil_organic_carbon": raw["soc_mg_g"],
            "soil_carbon_to_nitrogen": raw["soil_cn"],
            "ph": raw["ph"],
            "clay": raw["clay_pct"],
        }
    ).join(label)
    return Curated(
        name="priming_endpoints",
        title="Priming at the end of incubations",
        description="Cumulative CO2 from soil organic matter in treated jars and their controls on the last day, "
        "with dose, soil data and the final place of the label where measured.",
        frame=frame,
        raw_rows=len(raw),
        exclusions=Exclusions(),
        sources=SOURCES_USED,
        choices=[
            "Rows that share a control carry the same control id: noN and CN10 jars of one Arizona replicate and run, "
            "all jars of one mineral (Elias), of one residue and moisture history (Wooliver 2025), of one nitrogen "
            "level (microplastic); LAMPS and Fontaine have one control per jar.",
            "run separates the two Arizona incubations, which are confounded with dose; other studies have one run.",
            "Doses of LAMPS and Fontaine are unknown and stay missing.",
            "added_nitrogen of Fontaine is no because the source names cellulose only.",
            "Pinyon-juniper woodland counts as savanna, Miscanthus as cropland; land_cover keeps the printed term.",
            "Final label: Elias from percent of litter carbon at day 126 times the dose; Arizona glucose carbon "
            "accumulated in soil and final biomass; Wooliver 2025 from the six-month harvest.",
            f"{negative} final label value below zero (isotope noise) is left blank.",
            "Native CO2 of Wooliver 2025 includes unlabelled residue carbon.",
            "The unit of Fontaine's series is taken as mg/kg soil, which the size of its numbers supports.",
        ],
    )


if __name__ == "__main__":
    main(curate)
