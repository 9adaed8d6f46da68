"""What both priming tables share: study names, soils, controls and runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

STUDIES = {
    "liu_arizona": "Liu et al. Arizona priming archive",
    "elias2024": "Elias et al. 2024",
    "wooliver2025": "Wooliver et al. 2025",
    "wooliver_microplastic": "Wooliver microplastic incubation",
    "lamps": "LAMPS incubation",
    "fontaine2007": "Fontaine et al. 2007",
}
SOURCES_USED = [
    "stone2021_liu_arizona_cue_priming",
    "elias2024_litter_mineral_priming",
    "wooliver2025_drought_residue_glucose",
    "wooliver_microplastic_priming",
    "lamps_glucose_priming",
    "fontaine2007_cellulose_priming",
]
# Arizona's woodland is open, with grass between the trees: savanna, as for the
# land-cover class "woody savannas" of the carbon use efficiency table.
ECOSYSTEMS = {
    "cool desert grassland": "grassland",
    "pinyon-juniper woodland": "savanna",
    "ponderosa pine forest": "forest",
    "mixed conifer forest": "forest",
    "grassland (subsoil)": "grassland",
    "cropland": "cropland",
    # Miscanthus is a harvested bioenergy crop.
    "perennial bioenergy grass": "cropland",
}
ARIZONA_SOILS = {
    "GL": "Arizona grassland",
    "PJ": "Arizona pinyon-juniper",
    "PP": "Arizona ponderosa pine",
    "MC": "Arizona mixed conifer",
}
# Fontaine's two series are "cellulose" and "control": no nitrogen is named.
NITROGEN_OF_FONTAINE = "no"


def read(literature: Path, name: str) -> pd.DataFrame:
    """One harmonised file with the columns both tables share.

    ``soil`` is the group whose jars the study treats as one soil: the stand in
    Arizona (four field replicates each), the mineral mixed into the soil in
    Elias, residue by moisture history in Wooliver 2025, crop by fertiliser in
    LAMPS (four field replicates each), one soil in the microplastic and
    Fontaine studies. ``control`` names the control a jar is matched with; the
    microplastic study has one per nitrogen level, Arizona and LAMPS one per
    field replicate, the others one per soil. ``run`` sets apart the two
    Arizona incubations, months apart, which the dose is confounded with.
    """
    raw = pd.read_csv(literature / "priming_harmonised" / name)
    raw["study"] = raw["dataset"].map(STUDIES)
    raw["added_nitrogen"] = raw["added_n"].mask(raw["dataset"] == "fontaine2007", NITROGEN_OF_FONTAINE)
    raw["land_cover"] = raw["ecosystem"]
    if not set(raw["ecosystem"].dropna()) <= set(ECOSYSTEMS):
        raise ValueError("an ecosystem without a mapping")
    raw["ecosystem"] = raw["ecosystem"].map(ECOSYSTEMS)
    arizona = raw["dataset"] == "liu_arizona"
    elias = raw["dataset"] == "elias2024"
    microplastic = raw["dataset"] == "wooliver_microplastic"
    lamps = raw["dataset"] == "lamps"
    wooliver = raw["dataset"] == "wooliver2025"

    soil = raw["soil_group"].astype("str")
    soil = soil.mask(arizona, soil.map(ARIZONA_SOILS))
    soil = soil.mask(elias, "Elias " + soil.str.lower())
    soil = soil.mask(wooliver, "Wooliver " + soil.str.replace("_", " "))
    soil = soil.mask(microplastic, "Wooliver microplastic soil")
    soil = soil.mask(lamps, "LAMPS " + soil.str.replace("_", " "))
    soil = soil.mask(raw["dataset"] == "fontaine2007", "Fontaine Cambisol 60-80 cm")
    raw["soil"] = soil

    run = raw["unit"].str.split("_").str[1].where(arizona)
    raw["run"] = run.map({"low": "Arizona low dose", "high": "Arizona high dose"}).fillna(raw["study"])

    replicate = raw["unit"].str.extract(r"^[A-Z]{2}(\d)_")[0]
    control = soil.copy()
    control = control.mask(arizona, soil + " " + replicate + " " + run)
    control = control.mask(microplastic, soil + " " + raw["added_n"].map({"yes": "with N", "no": "without N"}))
    control = control.mask(lamps, "LAMPS " + raw["unit"].astype("str"))
    raw["control"] = control
    check_controls(raw)
    return raw


def check_controls(raw: pd.DataFrame) -> None:
    """Refuse a control whose jars disagree about it on any day."""
    spread = raw.groupby(["study", "control", "day"])["cum_native_control"].agg(lambda x: x.max() - x.min())
    if spread.max() > 1e-6:
        raise ValueError(f"jars of one control carry different control values: {spread.idxmax()}")
