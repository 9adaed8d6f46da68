"""Carbon use efficiency: four sources, one row per measured value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

# Qiao 2019 numbers its studies and prints authors and titles but no years. A
# name carries a year where Yu 2025 prints one beside the same title or where
# Qiao's author cell contains it; elsewhere a short title stands for it.
QIAO_STUDIES = {
    1: "Roberts & Jones 2012",
    2: "Blagodatskaya et al. 2014",
    3: "Agren et al. (nitrogen and litter decomposition)",
    4: "Liu (assimilation of dissolved organic carbon)",
    5: "Chotte et al. 1998",
    6: "Farrell et al. 2014",
    7: "Fierer & Schimel 2002",
    8: "Shen (biodegradation tests)",
    9: "Jiang et al. 2016",
    10: "Kallenbach et al. 2015",
    11: "Keiblinger et al. (resource stoichiometry)",
    12: "Koranda et al. (beech forest soil)",
    13: "Lee & Schmidt 2014",
    14: "Lundberg et al. (13C NMR)",
    15: "Spohn et al. (soil depth)",
    16: "Spohn et al. 2016",
    17: "Sharif et al. (residues under no-till)",
    18: "Lipson et al. 2009",
    19: "Anderson & Domsch 1986",
    20: "Schneckenberger et al. 2008",
    21: "Parsons & Smith 1989",
    22: "Devevre & Horwath 2000",
    23: "Frey et al. 2013",
    24: "Thiet et al. 2006",
    25: "Santruckova et al. 2004",
    26: "Steinweg et al. 2008",
    27: "Brant et al. 2006",
    28: "Nguyen & Guckert 2001",
    29: "Fisk & Fahey 2001",
    30: "van Hees & Johansson 2008",
    31: "Tucker et al. 2013",
    32: "Frey et al. 2001",
    33: "Hagerty et al. 2014",
    34: "Dijkstra et al. 2011a",
    35: "van Groenigen et al. 2013",
    36: "Dijkstra et al. 2015",
    37: "Dijkstra et al. 2011b",
    38: "Hart et al. 1994",
    39: "Gilmour & Gilmour 1985",
    40: "Shields & Paul 1973",
    41: "Ladd & Jocteur-Monrozier 1992",
    42: "Elliott et al. 1983",
    43: "Herron et al. 2009",
    44: "Andreasson et al. 2009",
    45: "Farrell et al. 2011",
    46: "van Ginkel et al. 2000",
    47: "Dahlin & Witter 1998",
    48: "Schimel 1988",
    49: "Bremer & Kuikman 1994",
    50: "Sugai & Schimel 1993",
    51: "Behera & Wagner 1974",
    52: "Li & Kang 2015 (leaf litter)",
    53: "Li & Kang 2015 (pine soils)",
    54: "Chu et al. 2003",
    55: "Li et al. 2003",
    56: "Jones & Kielland 2009",
}
LITTER_STUDIES = {3: "Agren litter", 4: "Yu Liu, site not mentioned", 44: "Andreasson soil leachates and extracts"}

# Qiao's sub-classes. "glucose+ C" is position-specific 13C glucose and
# pyruvate, so its label is a sugar; LaCl3 with glucose is not nitrogen.
QIAO_SUBSTRATES = {
    "glucose": ("glucose", "no"),
    "glucose+ N": ("glucose", "yes"),
    "glucose+N": ("glucose", "yes"),
    "glucose+ C": ("glucose", "no"),
    "glucose+inorganic salt": ("glucose", "no"),
    "amino acid": ("amino_acid", "no"),
    "other organic acid": ("organic_acid", "no"),
    "residue": ("plant_residue", "no"),
    "residue+N": ("plant_residue", "yes"),
    "high-molecular compound": ("polymer", "no"),
    "high-molecular": ("polymer", "no"),
    "high-molecular +N": ("polymer", "yes"),
    "inorganic N": ("inorganic_nitrogen", "yes"),
    "H2O": ("water", "no"),
}
YU_SUBSTRATES = {
    "glucose": ("glucose", "no"),
    "glucose+n": ("glucose", "yes"),
    "h2o": ("water", "no"),
    "high molecular": ("polymer", "no"),
    "other acid": ("organic_acid", "no"),
    "root residues": ("plant_residue", "no"),
    "stem residues": ("plant_residue", "no"),
    "leaf residues": ("plant_residue", "no"),
}

# Land cover classes as Qiao prints them. Left blank: water and urban (no soil
# class), permanent snow (the four sites are soils on three continents, only the
# grid cell is snow) and barren (a bare plot in Michigan cropland and a volcanic
# slope with 498 mm of rain: neither is a desert).
QIAO_ECOSYSTEMS = {
    "Croplands": "cropland",
    "Cropland / Natural Vegetation": "cropland",
    "Grasslands": "grassland",
    "Deciduous Broadleaf Forest": "forest",
    "Evergreen Broadleaf Forest": "forest",
    "Evergreen Needleleaf Forest": "forest",
    "Needleleaf Forest": "forest",
    "Mixed Forests": "forest",
    "Forest": "forest",
    "Woody Savannas": "savanna",
    "Savannas": "savanna",
    "Open Shrublands": "shrubland",
}
ARIZONA_ECOSYSTEMS = {
    "GL": ("grassland", "cool desert grassland"),
    # Open woodland with grass between the trees, as Qiao's "Woody Savannas".
    "PJ": ("savanna", "pinyon-juniper woodland"),
    "PP": ("forest", "ponderosa pine forest"),
    "MC": ("forest", "mixed conifer forest"),
}

# Studies of Hu 2024 that Qiao 2019 or Yu 2025 also read.
HU_IN_QIAO = {
    "Blagodatskaya et al 2014",
    "Brant et al 2006",
    "Chotte et al 1998",
    "Santruckova et al 2004",
    "Tucker et al 2013",
    "Kallenbach et al 2015",
}
HU_IN_YU = {
    "Geyer et al 2019": "Geyer et al. 2019",
    "Liu WX et al 2018": "Liu et al. 2018",
    "Li JH et al 2020": "Li et al. 2020",
    "Xiao Q et al 2021": "Xiao et al. 2021",
}

HANDED_OVER = ("incubation_time", "substrate_dose", "soil_carbon_to_nitrogen", "ph", "clay", "microbial_biomass")
"""What Hu prints and Yu does not, for values both compilations read."""


def qiao(literature: Path, exclusions: Exclusions) -> tuple[pd.DataFrame, int]:
    """Qiao 2019 without litter and solution work."""
    raw = pd.read_csv(literature / "qiao2019_cue" / "qiao2019_cue_tidy.csv")
    total = len(raw)
    for study, label in LITTER_STUDIES.items():
        raw = exclusions.drop(raw, raw["study_id"] == study, f"Qiao 2019, not soil: {label}")
    classes = raw["substrate_subclass"].map(QIAO_SUBSTRATES)
    if (classes.isna() & raw["substrate_subclass"].notna()).any():
        raise ValueError("Qiao 2019: a substrate sub-class without a mapping")
    flux = raw["method_derived"].str.startswith("position")
    # Dijkstra 2015 compares assumptions about storage compounds on one kind of
    # labelling: all its rows are metabolic-flux values on glucose and pyruvate.
    flux |= raw["study_id"] == 36
    water = raw["method_derived"] == "18O-H2O"
    out = pd.DataFrame(
        {
            "observation": "qiao2019-" + raw["obs_id"].astype(int).map("{:03d}".format),
            "study": raw["study_id"].map(QIAO_STUDIES),
            "carbon_use_efficiency": raw["cue"],
            "measurement_method": np.select([water, flux], ["water_18O", "metabolic_flux"], "substrate_label"),
            "carbon_use_efficiency_error": raw["cue_error"],
            "ecosystem": raw["ecosystem"].map(QIAO_ECOSYSTEMS),
            "land_cover": tidy_text(raw["ecosystem"]),
            "substrate_class": classes.str[0].mask(raw["study_id"] == 36, "glucose"),
            "substrate": tidy_text(raw["substrate_raw"]),
            "incubation_temperature": raw["incubation_temp_c"],
            # Steinweg 2008 prints days of soil incubation before the label was
            # given (0 to 600), not the time since labelling.
            "incubation_time": raw["incubation_time_h"].mask(raw["study_id"] == 26),
            # Printed as a treatment with its unit for two studies only.
            "substrate_dose": raw["subtreatment"].str.extract(r"^([\d.]+) ug glucose-C g-1 soil$")[0].astype("float64"),
            "soil_carbon_to_nitrogen": raw["cn"],
            "ph": raw["ph"],
            "added_nitrogen": classes.str[1],
            "compilation": "Qiao 2019",
            "latitude": raw["lat"],
            "longitude": raw["lon"],
            "mean_annual_temperature": raw["mat_c"],
        }
    )
    return out, total


def yu(literature: Path, exclusions: Exclusions) -> tuple[pd.DataFrame, int]:
    """Yu 2025 without the rows it took over from Qiao 2019."""
    raw = pd.read_csv(literature / "yu2025_cue_thermal" / "yu2025_cue_tidy.csv")
    total = len(raw)
    raw = exclusions.drop(raw, raw["row"] < 505, "Yu 2025 rows 1-504, which repeat Qiao 2019")
    classes = raw["substrate"].map(YU_SUBSTRATES)
    out = pd.DataFrame(
        {
            "observation": "yu2025-" + raw["row"].map("{:03d}".format),
            "study": tidy_text(raw["author"]),
            "carbon_use_efficiency": raw["cue"],
            "measurement_method": np.where(raw["substrate"] == "h2o", "water_18O", "substrate_label"),
            "substrate_class": classes.str[0],
            "substrate": raw["substrate"],
            "incubation_temperature": raw["incubation_temp_c"],
            "added_nitrogen": classes.str[1],
            "compilation": "Yu 2025",
            "latitude": raw["latitude"],
            "longitude": raw["longitude"],
            "mean_annual_temperature": raw["mat_c_grid"],
        }
    )
    return out, total


def hu(literature: Path) -> pd.DataFrame:
    """All rows of Hu 2024, study names as printed."""
    raw = pd.read_csv(literature / "hu2024_cue_cae_13c_glucose" / "cue.csv")
    return pd.DataFrame(
        {
            "observation": "hu2024-" + (raw.index + 1).map("{:03d}".format),
            "study": raw["Study"],
            "carbon_use_efficiency": raw["CUE"],
            "measurement_method": "substrate_label",
            "ecosystem": raw["Eco"],
            "land_cover": raw["Eco"],
            "substrate_class": "glucose",
            "substrate": "labelled glucose",
            "incubation_time": raw["Time"] * 24,
            "substrate_dose": raw["Rate"],
            "soil_carbon_to_nitrogen": raw["SOC:N"],
            "ph": raw["pH"],
            "clay": raw["Clay"],
            "microbial_biomass": raw["MBC"] * 1000,
            "added_nitrogen": "no",
            "compilation": "Hu 2024",
            "latitude": raw["Lat"],
            "longitude": raw["Lon"],
        }
    )


def hand_over(rows: pd.DataFrame, repeats: pd.DataFrame) -> tuple[pd.DataFrame, pd.Index]:
    """Give Yu's rows the covariates Hu prints for the same measured values.

    Both list a study's values in the same order, so the k-th glucose row of one
    is the k-th of the other as long as the values agree to 0.015 (two readings
    of one figure). Returns the rows and the index of the repeats used up.
    """
    rows = rows.reset_index(drop=True)
    used = []
    text, numbers = ["ecosystem", "land_cover"], list(HANDED_OVER)
    rows = rows.assign(**{name: pd.Series(pd.NA, rows.index, dtype="str") for name in text})
    rows = rows.assign(**{name: np.nan for name in numbers})
    for printed, study in HU_IN_YU.items():
        theirs = repeats[repeats["study"] == printed]
        of_study = rows["study"] == study
        # Each of these studies has one site, so its land cover holds for all rows.
        rows.loc[of_study, text] = theirs[text].iloc[0].to_numpy()
        ours = rows[of_study & (rows["substrate_class"] == "glucose")]
        for here, there in zip(ours.index, theirs.index, strict=False):
            gap = rows.loc[here, "carbon_use_efficiency"] - theirs.loc[there, "carbon_use_efficiency"]
            if abs(gap) > 0.015:
                break
            rows.loc[here, numbers] = theirs.loc[there, numbers].astype("float64")
            used.append(there)
    return rows, pd.Index(used)


def arizona(literature: Path) -> pd.DataFrame:
    """Read the Arizona gradient: two methods on the same soils."""
    folder = literature / "stone2021_liu_arizona_cue_priming"
    raw = pd.read_csv(folder / "cue_18O_method.csv")
    water = pd.DataFrame(
        {
            "observation": "stone2021-18O-" + raw["sampleID"],
            "carbon_use_efficiency": raw["cue"],
            "measurement_method": "water_18O",
            "ecosystem": raw["ecosystem"].map(lambda code: ARIZONA_ECOSYSTEMS[code][0]),
            "land_cover": raw["ecosystem"].map(lambda code: ARIZONA_ECOSYSTEMS[code][1]),
            "substrate_class": "water",
            "substrate": raw["treatment"].map(
                {
                    "18O": "18O-water",
                    "C": "18O-water with glucose",
                    "CN": "18O-water with glucose and nitrogen",
                }
            ),
            "incubation_time": 168.0,
            # Control CO2 of these jars is that of the archive's "high substrate"
            # experiment, 1000 ug glucose carbon per gram and week.
            "substrate_dose": raw["treatment"].map({"18O": 0.0, "C": 1000.0, "CN": 1000.0}),
            "microbial_biomass": raw["initial_mbc"],
            "added_nitrogen": raw["treatment"].map({"18O": "no", "C": "no", "CN": "yes"}),
        }
    )
    raw = pd.read_csv(folder / "cue_position_specific.csv")
    code = raw["substrate"] + "-week" + raw["week"].astype(str) + "-" + raw["field_replicate"].astype(str)
    flux = pd.DataFrame(
        {
            "observation": "stone2021-flux-" + code,
            "carbon_use_efficiency": raw["cue_metabolic_flux"],
            "measurement_method": "metabolic_flux",
            "ecosystem": "grassland",
            "land_cover": "cool desert grassland",
            "substrate_class": "glucose",
            "substrate": raw["substrate"].map(
                {
                    "Control": "position-specific 13C tracer",
                    "HC": "position-specific 13C tracer after glucose",
                    "HCN": "position-specific 13C tracer after glucose and nitrogen",
                }
            ),
            "substrate_dose": raw["week"] * raw["substrate"].map({"Control": 0.0, "HC": 1000.0, "HCN": 1000.0}),
            "added_nitrogen": raw["substrate"].map({"Control": "no", "HC": "no", "HCN": "yes"}),
        }
    )
    out = pd.concat([water, flux], ignore_index=True)
    return out.assign(study="Stone et al. 2021", incubation_temperature=23.0, compilation="Stone 2021")


def curate(literature: Path) -> Curated:
    """Read, harmonise and de-duplicate the four sources."""
    exclusions = Exclusions()
    from_qiao, n_qiao = qiao(literature, exclusions)
    from_yu, n_yu = yu(literature, exclusions)
    from_hu = hu(literature)
    n_hu = len(from_hu)
    from_hu = exclusions.drop(from_hu, from_hu["study"].isin(HU_IN_QIAO), "Hu 2024, study also read by Qiao 2019")
    from_yu, used = hand_over(from_yu, from_hu)
    from_hu = exclusions.drop(
        from_hu,
        from_hu.index.to_series().isin(used),
        "Hu 2024, value also read by Yu 2025 (its dose, time and soil data were joined to Yu's row)",
    )
    from_hu = from_hu.assign(study=from_hu["study"].replace(HU_IN_YU).str.replace("et al ", "et al. ", regex=False))
    from_arizona = arizona(literature)
    frame = pd.concat([from_qiao, from_yu, from_hu, from_arizona], ignore_index=True)
    return Curated(
        name="cue",
        title="Microbial carbon use efficiency",
        description="Published carbon use efficiencies of soil microbial communities, with method, substrate, "
        "temperature and incubation time where printed. Values at 0 and near 1 are kept as printed.",
        frame=frame,
        raw_rows=n_qiao + n_yu + n_hu + len(from_arizona),
        exclusions=exclusions,
        sources=[
            "qiao2019_cue",
            "yu2025_cue_thermal",
            "hu2024_cue_cae_13c_glucose",
            "stone2021_liu_arizona_cue_priming",
        ],
        choices=[
            "measurement_method is inferred from the label: water is 18O, position-specific 13C is metabolic flux, "
            "everything else is a substrate label; Qiao's substrate rows mix biomass-based and uptake-based values.",
            "Dijkstra et al. 2015 (Qiao study 36) is metabolic flux on glucose in all its rows; the source prints "
            "storage compounds as their substrate.",
            "Ecosystem is blank where Qiao's land cover is water, urban, permanent snow or barren.",
            "Mean annual temperature of Qiao and Yu rows is gridded.",
            "Site precipitation of Qiao is left out: months and years are mixed.",
            "Incubation time of Steinweg et al. 2008 is left out: it is the age of the incubation, not of the label.",
            "Arizona 18O rows: 168 hours is one week of incubation; the dose is that of the archive's high-substrate "
            "experiment, whose CO2 they share. The time of the metabolic-flux assay is not printed and left blank.",
            "Glucose doses of Sun TT et al. 2022 and Heuck et al. 2015 (below 0.01 mg/kg) stand as Hu 2024 prints "
            "them.",
            "Hu 2024 and Yu 2025 share four studies; five high-dose rows of Geyer et al. 2019 occur in Hu only and "
            "stay.",
        ],
    )


if __name__ == "__main__":
    main(curate)
