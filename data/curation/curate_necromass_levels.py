"""Necromass and organic carbon of single bulk soils."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from curation import Curated, Exclusions, main
from necromass import MISSCALED, MISSCALED_REASON, compilation, read, readable, study_names

# Labels that name an untreated arm, for soils outside the paired table.
CONTROL_LABELS = r"^(?:ck|control.*|.*_ck|ct|ct-4week|initial contents)$"
# "Treatments" that tell stands, species or places apart and change nothing.
STAND_LABELS = {"species", "canopy trees", "stand age", "salinity", "cultivation years", "land use"}


def records(cells: pd.Series) -> set[int]:
    """Record numbers in cells such as "2040;2041"."""
    return {int(float(number)) for cell in cells.astype("str") for number in cell.split(";")}


def arms(raw: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Untreated, control or treatment; blank where a label does not tell.

    The paired table, whose labels were read one by one, decides first; a soil
    that is the control of one pair and the treatment of another counts as a
    control. A treatment name without a level leaves the arm open.
    """
    control = raw["record"].isin(records(pairs["sndb_records_control"]))
    treatment = raw["record"].isin(records(pairs["sndb_records_treatment"]))
    named, level = raw["treatment"], raw["treatment_level"].str.strip().str.lower()
    # Some studies print the level in the column of the treatment name.
    as_control = level.str.match(CONTROL_LABELS).fillna(False).astype(bool) | (named == "CK")
    untreated = named.isna() | named.isin(STAND_LABELS)
    arm = np.select(
        [control, treatment, untreated, as_control, level.notna() | named.isin(["PF", "FM"])],
        ["control", "treatment", "untreated", "control", "treatment"],
        "",
    )
    arm = pd.Series(arm, index=raw.index)
    return arm.where(arm != "")


def curate(literature: Path) -> Curated:
    """Bulk soils whose necromass and organic carbon belong together."""
    raw = read(literature, "necromass_soc_observations.csv")
    total = len(raw)
    exclusions = Exclusions()
    raw = exclusions.drop(raw, raw["fraction_scheme"] == "aggregate", "aggregate or density fraction")
    raw = exclusions.drop(raw, raw["fraction_scheme"] == "rhizosphere", "rhizosphere soil")
    raw = exclusions.drop(raw, raw["study_no"].isin([33, 3]), "studies 33 and 3: constant SOC, necromass by year")
    raw = exclusions.drop(raw, raw["study_no"] == 46, "study 46: organic carbon misaligned")
    raw = exclusions.drop(
        raw,
        (raw["source_compilation"] == "Hu et al. 2023") & raw["treatment"].notna() & raw["treatment_level"].isna(),
        "Hu et al. 2023, treatment name without a level: appears to hold control values",
    )
    sugars = raw["gluN_mg_kg"].astype("str") + "/" + raw["murA_mg_kg"].astype("str")
    has_sugars = raw["gluN_mg_kg"].notna()
    for repeated, kept in ((155, [154]), (26, [31]), (37, [31])):
        other = set(sugars[raw["study_no"].isin(kept) & has_sugars])
        raw = exclusions.drop(
            raw,
            (raw["study_no"] == repeated) & sugars.isin(other) & has_sugars,
            f"study {repeated}: amino sugars repeat study {kept[0]}",
        )
        sugars, has_sugars = sugars.loc[raw.index], has_sugars.loc[raw.index]
    # Study 63 has two plots whose rounded values coincide; they are two soils.
    twice = raw.duplicated(["gluN_mg_kg", "murA_mg_kg", "soc_g_kg", "depth_top_cm"]) & has_sugars
    raw = exclusions.drop(
        raw, twice & (raw["study_no"] != 63), "amino sugars, organic carbon and depth repeat an earlier row"
    )
    by_study = raw.groupby("study_no")
    constant = (by_study["soc_g_kg"].transform("nunique") == 1) & (by_study["mnc_g_kg"].transform("nunique") >= 3)
    raw = exclusions.drop(
        raw, constant, "other studies with one organic carbon value beside three or more of necromass (copied down)"
    )
    raw = exclusions.drop(raw, raw["study_no"] == MISSCALED, MISSCALED_REASON)
    study = raw["study_no"].map(study_names(literature)).fillna(readable(raw["author"]))
    frame = pd.DataFrame(
        {
            "observation": "sndb-" + raw["record"].map("{:04d}".format),
            "study": study,
            "necromass": raw["mnc_g_kg"],
            "soil_organic_carbon": raw["soc_g_kg"],
            "ecosystem": raw["ecosystem"],
            "arm": arms(raw, read(literature, "mcp_pairs.csv")),
            "climate_class": raw["climate_class"],
            "compilation": compilation(raw["source_compilation"]),
            "depth_top": raw["depth_top_cm"],
            "depth_bottom": raw["depth_bottom_cm"],
            "duration": raw["duration_yr"],
            "glucosamine": raw["gluN_mg_kg"],
            "muramic_acid": raw["murA_mg_kg"],
            "fungal_necromass": raw["fnc_g_kg"],
            "bacterial_necromass": raw["bnc_g_kg"],
            "microbial_biomass": raw["mbc_mg_kg"],
            "total_nitrogen": raw["total_N_g_kg"],
            "clay": raw["clay_pct"],
            "ph": raw["pH"],
            "doi": raw["doi"],
            "latitude": raw["latitude"],
            "longitude": raw["longitude"],
            "mean_annual_temperature": raw["MAT_C"],
            "mean_annual_precipitation": raw["MAP_mm"],
        }
    )
    above = int((frame["necromass"] > frame["soil_organic_carbon"]).sum())
    return Curated(
        name="necromass_levels",
        title="Microbial necromass and organic carbon of single soils",
        description="Bulk soils with microbial necromass carbon, organic carbon and, mostly, the amino sugars behind "
        "it.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["sndb_necromass"],
        choices=[
            f"{above} rows have more necromass than organic carbon and are kept: the excess is the error of the "
            "conversion factors, to be modelled, not cut off.",
            "Necromass is 45 times muramic acid plus 9 times the glucosamine not of bacteria where amino sugars are "
            "given, else as reported.",
            "Organic carbon is total carbon where the source gives nothing else, which overstates it in calcareous "
            "soils.",
            "Studies whose one organic carbon value stands beside many of necromass are left out: their ratio moves "
            "with its numerator only.",
            "arm is blank where a treatment is named without its level.",
            "Temperature and precipitation are gridded.",
            "Two compilations are printed as Ni 2020 and Ni et al. 2020 and kept apart; the source does not say which "
            "doi (10.1016/j.soilbio.2020.107762, 10.1111/geb.13159) is which.",
        ],
    )


if __name__ == "__main__":
    main(curate)
