"""Fits made by hand: posteriors of the right shape, without sampling, for what is computed from draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from socbayes.facts import with_tables

CHAINS, DRAWS = 2, 400

METHODS = ["metabolic_flux", "substrate_label", "water_18O"]
CUE_STUDIES = ["Near", "Silent", "Warm"]
CUE_TABLE = pd.DataFrame(
    {
        "observation": ["a", "b", "c", "d", "e"],
        "study": ["Near", "Near", "Warm", "Warm", "Silent"],
        "carbon_use_efficiency": [0.4, 0.5, 0.3, 0.35, 0.6],
        "measurement_method": ["substrate_label", "substrate_label", "water_18O", "water_18O", "metabolic_flux"],
        "ecosystem": ["forest", "forest", "grassland", "grassland", None],
        "substrate_class": ["glucose", "glucose", "water", "water", None],
        "incubation_temperature": [15.0, 15.0, 20.0, 30.0, np.nan],
        "incubation_time": [24.0, 24.0, 48.0, 48.0, np.nan],
    }
)
JARS = pd.DataFrame(
    {
        "jar": ["1", "2", "3"],
        "study": ["One", "One", "Two"],
        "soil": ["sand", "loam", "clay"],
        "added_nitrogen": ["no", "yes", "no"],
        "substrate_dose": [100.0, 100.0, np.nan],
        "microbial_biomass": [100.0, 100.0, np.nan],
        "soil_organic_carbon": [10.0, 40.0, 20.0],
        "soil_carbon_to_nitrogen": [12.0, 12.0, np.nan],
        "incubation_day": [30.0, 30.0, 60.0],
    }
)
PAIRS = pd.DataFrame(
    {"observation": ["p", "q"], "study": ["One", "Two"], "practice": ["manure", "biochar"], "ecosystem": "cropland"}
)


class Posterior:
    """Random draws about chosen centres, with labels; kept as a fit by :meth:`fit`."""

    def __init__(self, coords: dict[str, list[str]], seed: int = 1) -> None:
        self.coords, self.rng, self.variables = coords, np.random.default_rng(seed), {}

    def add(self, name: str, centre: object, *dims: str, spread: float = 0.05, positive: bool = False) -> None:
        shape = (CHAINS, DRAWS, *(len(self.coords[dim]) for dim in dims))
        noise = spread * self.rng.standard_normal(shape)
        values = np.asarray(centre) * np.exp(noise) if positive else np.asarray(centre) + noise
        self.variables[name] = (("chain", "draw", *dims), values)

    def fit(self, model: str, table: pd.DataFrame) -> xr.DataTree:
        data = xr.Dataset(self.variables, coords=self.coords | {"chain": range(CHAINS), "draw": range(DRAWS)})
        tree = xr.DataTree.from_dict({"posterior": data})
        tree.attrs = {"model": model, "converged": 1, "failures": "[]"}
        with_tables(tree, {"table": table})
        return tree


def cue_fit() -> xr.DataTree:
    made = Posterior(
        {
            "measurement_method": METHODS,
            "timed_method": ["substrate_label", "water_18O"],
            "ecosystem": ["forest", "grassland"],
            "substrate": ["glucose", "not stated", "polymer"],
            "study": CUE_STUDIES,
            "study_with_temperatures": ["Warm"],
        }
    )
    made.add("level", [1.0, 0.2, -0.6], "measurement_method")
    made.add("slope_method", [-0.02, -0.03, 0.0], "measurement_method", spread=0.005)
    made.add("slope_mean", -0.02, spread=0.005)
    made.add("slope_between", -0.04, spread=0.005)
    made.add("time_method", [-0.4, -0.1], "timed_method")
    made.add("ecosystem_effect", [-0.2, 0.2], "ecosystem")
    made.add("substrate_effect", [0.5, 0.1, -0.6], "substrate")
    made.add("study_effect", [0.3, -0.2, -0.1], "study")
    made.add("study_warmth_effect", [0.0, 0.02, -0.2], "study")
    made.add("study_slope", [-0.03], "study_with_temperatures", spread=0.005)
    made.add("scatter", [0.3, 0.3, 0.3], "study", positive=True)
    for name, centre in (
        ("slope_sd_methods", 0.02),
        ("slope_sd_studies", 0.02),
        ("ecosystem_sd", 0.25),
        ("substrate_sd", 0.5),
        ("study_sd", 0.7),
        ("scatter_log_sd", 0.5),
        ("log_hours_sd", 0.5),
        ("temperature_sd", 5.0),
    ):
        made.add(name, centre, positive=True)
    made.add("scatter_log_mean", -0.9)
    made.add("log_hours_mean", 1.4)
    made.add("temperature_mean", 20.0)
    return made.fit("cue", CUE_TABLE)


def priming_fit() -> xr.DataTree:
    made = Posterior(
        {"soil": ["clay", "loam", "sand"], "study": ["One", "Two"], "soil_with_nitrogen": ["loam"]}, seed=2
    )
    for name, centre in (("level", 0.2), ("dose", 0.3), ("carbon_to_nitrogen", 0.2), ("organic_carbon", -0.1)):
        made.add(name, centre)
    made.add("duration", -0.1)
    made.add("nitrogen_mean", -0.2)
    made.add("nitrogen_effect_by_soil", [-0.5], "soil_with_nitrogen")
    made.add("study_effect", [0.1, -0.1], "study")
    made.add("soil_effect", [0.2, 0.0, -0.2], "soil")
    made.add("scatter", [0.2, 0.2], "study", positive=True)
    for name in (
        "study_sd",
        "soil_sd",
        "nitrogen_sd",
        "scatter_log_sd",
        "dose_over_biomass_sd",
        "carbon_to_nitrogen_sd",
    ):
        made.add(name, 0.3, positive=True)
    made.add("scatter_log_mean", -1.6)
    made.add("dose_over_biomass_mean", 0.0)
    made.add("carbon_to_nitrogen_mean", 1.1)
    return made.fit("priming", JARS)


def mcp_fit() -> xr.DataTree:
    made = Posterior(
        {
            "practice": ["biochar", "manure"],
            "response": ["necromass", "soil_organic_carbon"],
            "pair_study": ["One", "Two"],
            "ecosystem": ["cropland", "forest"],
        },
        seed=3,
    )
    made.add("log_ratio", [[0.1, 0.3], [0.4, 0.2]], "practice", "response")
    made.add("practice_mean", [0.2, 0.2], "response")
    made.add("practice_sd", [0.15, 0.15], "response", positive=True)
    made.add("study_effect_sd", [0.2, 0.2], "response", positive=True)
    made.add("residual_sd", [0.1, 0.1], "response", positive=True)
    made.add("study_effect", [[0.1, 0.0], [0.0, 0.1]], "pair_study", "response")
    for name in ("practice_correlation", "study_correlation", "residual_correlation"):
        made.add(name, 0.4)
    made.add("degrees_of_freedom", 8.0, positive=True)
    made.add("necromass_share", [0.45, 0.3], "ecosystem", positive=True)
    made.add("share_level", -1.0)
    made.add("share_ecosystem_sd", 0.2, positive=True)
    return made.fit("mcp", PAIRS)
