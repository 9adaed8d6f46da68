"""Pairs of the experiments of SoDaH: which files, which treatments, which plots."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
from pairs import arms, beside_control

LITTER = {
    **dict.fromkeys(("DL", "Double Litter", "2X"), "litter_doubled"),
    **dict.fromkeys(("NL", "No Litter", "OX"), "litter_removed"),
    **dict.fromkeys(("NR", "No Roots", "T"), "roots_removed"),
    **dict.fromkeys(("NI", "No Inputs", "TOX"), "inputs_removed"),
}


@dataclass(frozen=True)
class Experiment:
    """One file of the database.

    Parameters
    ----------
    study, site
        Names of pairs.
    control
        Label of its control in ``treatment``.
    levers
        Lever by label.
    ecosystem
        Of the site.
    plot
        Columns that name a plot of one arm.
    places
        Columns that name places with a control each.
    value
        Column of carbon.
    factor
        What makes it g/kg, or leaves a stock as it is.
    start
        Year in which treatments began, where the file says so.
    depth
        Layer, where the file names none.
    doses, unit
        Dose by label.
    before
        Year of the samples that are the control of all later ones, where there is no parallel control.
    """

    study: str
    site: str
    control: str
    levers: dict[str, str]
    ecosystem: str
    plot: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    value: str = "lyr_soc"
    factor: float = 10.0
    start: float | None = None
    depth: tuple[float, float] | None = None
    doses: dict[str, float] = field(default_factory=dict)
    unit: str = ""
    before: float | None = None


WARMING = {"h": "warming", "w": "warming"}
EXPERIMENTS = {
    "BOU_20YR_soilchem.csv": Experiment("Bousson DIRT", "Bousson", "Control", LITTER, "forest", ("L1",), start=1991),
    "AND_DIRT_10YR_CN_raw": Experiment(
        "H.J. Andrews DIRT", "H.J. Andrews", "CTL", LITTER, "forest", ("L1",), start=1997
    ),
    "AND_DIRT_15YR_CN_raw.csv": Experiment(
        "H.J. Andrews DIRT", "H.J. Andrews", "CO", LITTER, "forest", ("L1",), start=1997
    ),
    "Copy of hf007-10-soil-prop-1995.csv": Experiment(
        "Harvard Forest DIRT", "Harvard Forest", "C", LITTER, "forest", ("L2",), value="lyr_soc_stock", factor=1.0
    ),
    "Copy of hf007-11-soil-prop-2000.csv": Experiment(
        "Harvard Forest DIRT", "Harvard Forest", "C", LITTER, "forest", ("L2",)
    ),
    "SIK_DIRT_SOIL_C_yr4_yr14.csv": Experiment("Sikfokut DIRT", "Sikfokut", "C", LITTER, "forest", ("L1",), start=2000),
    "UMBS_DIRT_C_N_2004_2014": Experiment("UMBS DIRT", "UMBS", "C", LITTER, "forest", ("L1", "L2"), start=2004),
    "Wisconsin DIRT soil": Experiment(
        "Wisconsin DIRT", "UW-Madison Arboretum", "C", LITTER, "forest", places=("L1",), factor=1000.0
    ),
    "Copy of Frey Harvard Forest_Soil Warming_Soil C_PH2.csv": Experiment(
        "Harvard Forest warming", "Prospect Hill", "c", WARMING, "forest", ("L2",), start=1991,
    ),
    "Copy of Frey Harvard Forest_Soil Warming_Soil C_SWN2.csv": Experiment(
        "Harvard Forest warming", "Warming and nitrogen plots", "c", WARMING, "forest", ("L1",)
    ),
    "Frey Harvard Forest_Soil Warming_Soil C_BW.csv": Experiment(
        "Harvard Forest warming", "Barre Woods", "c", WARMING, "forest", ("L2",)
    ),
    "655_EML_AK_CiPEHR_SoilProperties_2009-2013_Data_XJW_a.csv": Experiment(
        "CiPEHR", "Eight Mile Lake", "c", WARMING, "tundra", ("L1", "L2"), start=2008
    ),
    "2009-2013_MCM_TKsoil_1a.csv": Experiment(
        "Toolik thermokarst", "Toolik", "Undisturbed", {"Disturbed": "permafrost_thaw"}, "tundra", places=("L1",)
    ),
    "Harvard Forest_Chronic N Amendment Study_Soil C_updated": Experiment(
        "Harvard Forest chronic nitrogen", "Harvard Forest", "0", dict.fromkeys(("50", "150"), "nitrogen_addition"),
        "forest", places=("L1",), value="lyr_soc", doses={"50": 50.0, "150": 150.0}, unit="kg/ha/year",
    ),
    "ESOIL_c": Experiment(
        "Shortgrass steppe stress area", "Central Plains", "c", {"n": "nitrogen_addition", "w": "irrigation"},
        "grassland", places=(), value="lyr_soc_stock", factor=1.0,
    ),
    "HBR_W1_Soil_Data_1998_2014.csv": Experiment(
        "Hubbard Brook watershed 1", "Watershed 1", "0", {"1": "liming"}, "forest", ("L2",), before=1998
    ),
    "KBS_scaleup_LTER data": Experiment(
        "KBS scale-up", "W.K. Kellogg Biological Station", "conventional", {"organic": "organic_farming"}, "cropland",
        ("L1",),
    ),
}  # fmt: skip
NOT_TAKEN = {
    "fire_nutrients": "burning of prairie is not a lever of this table",
    "snow_nitrogen_phosphorus": "snow fences and nutrients at once",
    "whole_tree_harvest": "harvest of a watershed, before and after, without a parallel control",
    "forest_management": "thinning and shear-blading are no levers of this table",
}
START_OF_TRIAL = {"UMBS_DIRT_C_N_2004_2014": "2004", "Copy of hf007-09-soil-prop-1991.csv": "1991-11-01"}
"""Dates at which treatments had just begun."""
LAYER = ["layer_top", "layer_bot"]


def usable(raw: pd.DataFrame, exclusions: object) -> pd.DataFrame:
    """Mineral layers of files and treatments that are pairs, later than the start of their trial."""
    for lever, reason in NOT_TAKEN.items():
        raw = exclusions.drop(raw, raw["lever"] == lever, f"SoDaH: {lever.replace('_', ' ')}: {reason}")
    date = raw["observation_date"].astype("str")
    early = pd.Series(False, index=raw.index)
    for file, day in START_OF_TRIAL.items():
        early |= (raw["data_file"] == file) & (date == day)
    raw = exclusions.drop(raw, early, "SoDaH: sampled when the treatments had just begun")
    unknown = pd.Series(
        [
            treatment not in (experiment.control, *experiment.levers)
            for treatment, experiment in zip(raw["tx_L1"].astype("str"), raw["data_file"].map(EXPERIMENTS), strict=True)
        ],
        index=raw.index,
    )
    raw = exclusions.drop(raw, unknown, "SoDaH: treatments that are no lever here (wood, fertiliser, mixtures)")
    layered = (raw["layer_top"] >= 0) & (raw["layer_bot"] > raw["layer_top"])
    whole = raw["data_file"].isin(["ESOIL_c"])
    return exclusions.drop(raw, ~(layered | whole), "SoDaH: organic horizons, and layers without limits")


def _of_file(samples: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Pairs of one file."""
    year = samples["observation_date"].astype("str").str.extract(r"^(\d{4})")[0].astype("float64")
    data = samples.assign(
        value=samples[experiment.value] * experiment.factor,
        treatment=samples["tx_L1"].astype("str"),
        time=year,
        place=samples[list(experiment.places)].astype("str").agg(" ".join, axis=1) if experiment.places else "",
    )
    if experiment.study == "Toolik thermokarst":
        # Cores end where the ground did: what begins at the surface is one layer.
        data = data[data["layer_top"] == 0].assign(layer_bot=10.0)
    by = ["place", *LAYER, "time"]
    found = arms(data, [*by, "treatment"], experiment.plot)
    if experiment.before:
        control = found[(found["treatment"] == experiment.control) & (found["time"] == experiment.before)]
        later = found[found["treatment"] != experiment.control]
        found = pd.concat([later, *(control.assign(time=time) for time in sorted(later["time"].unique()))])
    pairs = beside_control(found, by, experiment.control, experiment.levers, experiment.doses)
    start = experiment.before or experiment.start
    if start:
        pairs["duration"] = pairs["time"] - start
    if experiment.before:
        pairs["comparison"] = "before_after"
        layer = pairs["layer_top"].map("{:g}".format) + "-" + pairs["layer_bot"].map("{:g}".format)
        pairs["control"] = f"samples of {experiment.before:.0f}, " + layer + " cm"
    first = samples.iloc[0]
    fine = samples.groupby(LAYER, dropna=False)["clay"].mean().rename("clay").reset_index()
    pairs = pairs.merge(fine, on=LAYER, how="left")
    if experiment.value == "lyr_soc":
        pairs["soil_organic_carbon_control"] = pairs["control_mean"]
    return pairs.assign(
        study=experiment.study,
        site=[f"{experiment.site}, {place}" if place else experiment.site for place in pairs["place"]],
        year=pairs["time"],
        ecosystem=experiment.ecosystem,
        depth_top=pairs["layer_top"],
        depth_bottom=pairs["layer_bot"],
        latitude=first["lat"],
        longitude=first["long"],
        mean_annual_temperature=first["mat"],
        mean_annual_precipitation=first["map"],
        lever_dose_unit=experiment.unit or None,
    ).drop(columns=["place", "time", *LAYER])


def sodah_pairs(raw: pd.DataFrame, exclusions: object) -> tuple[pd.DataFrame, int]:
    """Pairs of all experiments, and the number of samples they are of."""
    samples = usable(raw, exclusions)
    frames = [_of_file(samples[samples["data_file"] == file], one) for file, one in EXPERIMENTS.items()]
    pairs = pd.concat(frames, ignore_index=True)
    pairs["fraction"] = "soil_organic_carbon"
    pairs["compilation"] = "SoDaH"
    return pairs, len(samples)
