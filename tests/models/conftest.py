"""Tables simulated from the documented equations with known values, and one small fit of each model to them.

The simulators use plain numpy and share no code with the models. Every study
has rows of unequal number in no particular order, so that a wrong index shows.
Effects of groups are drawn and then given the exact mean and spread stated, so
that a small table holds the truth and not one chance departure from it.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from socbayes.inference.fit import fit
from socbayes.models import cue, mcp, priming
from socbayes.spec import spec_of

CUE_TRUTH = {
    "level": {"substrate_label": 0.5, "water_18O": -0.6, "tracer_growth": -1.0},
    "slope_method": {"substrate_label": -0.06, "water_18O": -0.03, "tracer_growth": -0.045},
    "time_method": {"substrate_label": -0.5, "water_18O": 0.4},
    "ecosystem_effect": {"cropland": 0.5, "forest": -0.6, "grassland": 0.1},
    "substrate_effect": {"amino_acids": 0.5, "glucose": -0.1, "organic_acids": -0.4},
    "slope_between": 0.07,
    "study_sd": 0.2,
    "slope_sd_studies": 0.01,
    "slope_sd_soils": 0.01,
    "soil_sd": 0.25,
    "scatter": 0.12,
}

PRIMING_TRUTH = {
    "level": 0.35,
    "dose": 0.3,
    "nitrogen_mean": -0.4,
    "carbon_to_nitrogen": 0.6,
    "organic_carbon": -0.5,
    "duration": 0.35,
    "study_sd": 0.3,
    "run_sd": 0.15,
    "soil_sd": 0.08,
    "nitrogen_sd": 0.08,
    "scatter": 0.06,
}

MCP_TRUTH = {
    "log_ratio": {
        "biochar": (0.05, 0.4),
        "manure": (0.6, 0.25),
        "no_tillage": (0.3, 0.1),
        "nitrogen_addition": (-0.15, -0.35),
        "warming": (-0.3, -0.05),
    },
    "study_effect_sd": (0.15, 0.1),
    "study_correlation": 0.6,
    "residual_sd": (0.1, 0.07),
    "residual_correlation": 0.5,
    "necromass_share": {"cropland": 0.45, "forest": 0.25, "grassland": 0.55},
    "share_depth": 0.2,
    "share_clay": -0.015,
    "share_study_sd": 0.15,
    "scatter": 0.1,
}


def shuffled(rows: list[dict], rng: np.random.Generator) -> pd.DataFrame:
    """Rows as a table, in random order."""
    return pd.DataFrame(rows).sample(frac=1, random_state=int(rng.integers(2**31))).reset_index(drop=True)


def exact(rng: np.random.Generator, count: int, spread: float = 1.0) -> np.ndarray:
    """Random numbers with mean zero and the standard deviation ``spread``, exactly."""
    values = rng.standard_normal(count)
    return spread * (values - values.mean()) / values.std()


def simulate_cue(seed: int = 1, truth: dict = CUE_TRUTH) -> SimpleNamespace:
    """Table and gradient of CUE; ``effects`` holds the study effects drawn."""
    rng = np.random.default_rng(seed)
    names = [f"Study {letter}" for letter in rng.permutation(list("ABCDEFGHIJKLMNOPQRSTUVWX"))]
    by_water = np.arange(len(names)) % 3 == 0
    deviation, slope_deviation = np.empty((2, len(names)))
    for members in (by_water, ~by_water):
        deviation[members] = exact(rng, members.sum(), truth["study_sd"])
        slope_deviation[members] = exact(rng, members.sum(), truth["slope_sd_studies"])
    effects = dict(zip(names, deviation, strict=True))
    rows = []
    for number, study in enumerate(names):
        method = "water_18O" if by_water[number] else "substrate_label"
        ecosystem = ("cropland", "forest", "grassland")[number // 3 % 3]
        slope = truth["slope_method"][method] + slope_deviation[number]
        several = number % 4 != 1 and number != 7
        count = int(rng.integers(9, 16))
        temperature = (
            rng.permutation(np.resize([5.0, 12.0, 20.0, 27.0], count)) + rng.integers(-6, 8)
            if several
            else np.full(count, float(rng.integers(8, 30)))
        )
        hours = 10 ** rng.uniform(0.3, 2.8, 1 if number == 11 else count) * np.ones(count)
        substrates = rng.permutation(np.resize(["glucose", "amino_acids", "organic_acids"], count))
        for i in range(count):
            substrate = "water" if method == "water_18O" else str(substrates[i])
            logit = (
                truth["level"][method]
                + truth["ecosystem_effect"][ecosystem]
                + truth["substrate_effect"].get(substrate, 0.0)
                + truth["time_method"][method] * np.log10(hours[i] / 24)
                + slope * (temperature[i] - temperature.mean())
                + truth["slope_between"] * (temperature.mean() - 15)
                + effects[study]
                + truth["scatter"] * rng.standard_normal()
            )
            rows.append(
                {
                    "observation": f"{study}/{i}",
                    "study": study,
                    "carbon_use_efficiency": 1 / (1 + np.exp(-logit)),
                    "measurement_method": method,
                    # What a few studies leave out is true of them all the same.
                    "ecosystem": None if number == 5 else ecosystem,
                    "substrate_class": substrate,
                    "incubation_temperature": np.nan if number == 7 else temperature[i],
                    "incubation_time": np.nan if number == 11 else hours[i],
                }
            )
    cells = []
    levels = truth["level"]["tracer_growth"] + exact(rng, 14, truth["soil_sd"])
    slopes = truth["slope_method"]["tracer_growth"] + exact(rng, 14, truth["slope_sd_soils"])
    for number, (level, slope) in enumerate(zip(levels, slopes, strict=True)):
        for temperature in (0.0, 6.0, 14.0, 22.0, 30.0, 38.0):
            logit = level + slope * (temperature - 15) + 0.1 * rng.standard_normal()
            if temperature > 30:
                logit = -5.0  # growth collapses: these rows must not be used
            cells.append(
                {
                    "soil": f"soil {(number * 5) % 14:02d}",
                    "incubation_temperature": temperature,
                    "carbon_use_efficiency": 1 / (1 + np.exp(-logit)),
                }
            )
    return SimpleNamespace(table=shuffled(rows, rng), gradient=shuffled(cells, rng), effects=effects, truth=truth)


def simulate_priming(
    seed: int = 2,
    truth: dict = PRIMING_TRUTH,
    *,
    studies: int = 16,
    control_error: float = 0.05,
    control_replicates: int = 4,
) -> SimpleNamespace:
    """Table of jars that share the control of their soil; ``effects`` holds study effects, ``soils`` true levels."""
    rng = np.random.default_rng(seed)
    names = [f"Study {letter}" for letter in rng.permutation(list("ABCDEFGHIJKLMNOPQRST")[:studies])]
    effects = dict(zip(names, exact(rng, studies, truth["study_sd"]), strict=True))
    rows, soils = [], {}
    for number, study in enumerate(names):
        runs = [f"{study} first", f"{study} second"] if number % 4 == 0 else ["only"]
        sign = rng.choice([-1, 1])
        run_effects = dict(zip(runs, truth["run_sd"] * sign * np.array([1, -1] if len(runs) > 1 else [0]), strict=True))
        for soil_number in range(3):
            soil = f"soil {number}-{soil_number}"
            ratio = 13.0 if number == 5 else 10 ** rng.normal(1.1, 0.15)
            carbon = 10 ** rng.normal(1.3, 0.3)
            biomass = carbon * 1000 * (0.02 if number == 6 else 10 ** rng.normal(np.log10(0.017), 0.1))
            soil_effect = truth["soil_sd"] * rng.standard_normal()
            nitrogen_effect = truth["nitrogen_mean"] + truth["nitrogen_sd"] * rng.standard_normal()
            soils[soil] = truth["level"] + effects[study] + soil_effect
            for run in runs:
                error = control_error * rng.standard_normal()
                native = rng.uniform(100, 900)
                for jar in range(6):
                    days = (20.0, 60.0, 120.0)[jar % 3]
                    dose_over_biomass = 10 ** (0.3 if number in (3, 6) else rng.uniform(-0.8, 1.2))
                    nitrogen = jar % 2 == 1
                    ln_ratio = (
                        truth["level"]
                        + truth["dose"] * np.log10(dose_over_biomass)
                        + nitrogen * nitrogen_effect
                        + truth["carbon_to_nitrogen"] * np.log10(ratio / 12)
                        + truth["organic_carbon"] * np.log10(carbon / 20)
                        + truth["duration"] * np.log10(days / 60)
                        + effects[study]
                        + run_effects[run]
                        + soil_effect
                        + truth["scatter"] * rng.standard_normal()
                    )
                    rows.append(
                        {
                            "jar": f"{soil}/{run}/{jar}",
                            "study": study,
                            "soil": soil,
                            "run": run,
                            "control": f"{soil}/{run}",
                            "native_co2_control": native * np.exp(error),
                            "native_co2_treated": native * np.exp(ln_ratio),
                            "native_co2_control_sd": control_error * np.sqrt(control_replicates) * native,
                            "control_replicates": float(control_replicates),
                            "incubation_day": days,
                            "added_nitrogen": "yes" if nitrogen else "no",
                            "substrate_dose": np.nan if number == 3 else dose_over_biomass * biomass,
                            "microbial_biomass": np.nan if number == 6 else biomass,
                            "soil_organic_carbon": carbon,
                            "soil_carbon_to_nitrogen": np.nan if number == 5 else ratio,
                        }
                    )
    return SimpleNamespace(table=shuffled(rows, rng), effects=effects, soils=soils, truth=truth)


def simulate_mcp(seed: int = 3, truth: dict = MCP_TRUTH) -> SimpleNamespace:
    """Tables of pairs and of levels; ``effects`` holds the effects of the pairs' studies on necromass."""
    rng = np.random.default_rng(seed)

    def covariance(scale: tuple[float, float], correlation: float) -> np.ndarray:
        return np.outer(scale, scale) * np.array([[1.0, correlation], [correlation, 1.0]])

    within = covariance(truth["residual_sd"], truth["residual_correlation"])
    between = covariance(truth["study_effect_sd"], truth["study_correlation"])
    names = [f"Trial {letter}" for letter in rng.permutation(list("ABCDEFGHIJKLMNOPQRSTUVWXY"))]
    deviations = rng.multivariate_normal([0.0, 0.0], between, len(names))
    for first in range(5):  # five studies of each practice
        deviations[first::5] -= deviations[first::5].mean(axis=0)
    pairs, effects = [], {}
    for number, (study, effect) in enumerate(zip(names, deviations, strict=True)):
        practice = list(truth["log_ratio"])[number % 5]
        effects[study] = effect[0]
        for i in range(int(rng.integers(3, 7))):
            shares = number % 3 == 0  # pairs of these studies share one control, with the error of one sample
            if i == 0 or not shares:
                true_control = np.array([rng.uniform(4, 12), rng.uniform(12, 30)])
                recorded = true_control * np.exp(rng.multivariate_normal([0.0, 0.0], within) if shares else 0.0)
            ratio = np.array(truth["log_ratio"][practice]) + effect + rng.multivariate_normal([0.0, 0.0], within)
            treated = true_control * np.exp(ratio)
            pairs.append(
                {
                    "observation": f"{study}/{i}",
                    "study": study,
                    "practice": practice,
                    "control": study if shares else f"{study}/{i}",
                    "ecosystem": "forest" if practice == "warming" else "cropland",
                    "necromass_control": recorded[0],
                    "necromass_treatment": treated[0],
                    "soil_organic_carbon_control": recorded[1],
                    "soil_organic_carbon_treatment": treated[1],
                }
            )
    levels = []
    surveys = [f"Survey {letter}" for letter in rng.permutation(list("ABCDEFGHIJKLMNOPQR"))]
    for number, (study, effect) in enumerate(zip(surveys, exact(rng, 18, truth["share_study_sd"]), strict=True)):
        site_clay = rng.uniform(5, 50)
        for i in range(int(rng.integers(8, 14))):
            ecosystem = ("cropland", "forest", "grassland")[(number + i) % 3]
            top, thickness = float(rng.choice([0, 5, 10, 20, 40])), float(rng.choice([5, 10, 20]))
            clay = site_clay if number in (4, 9) else rng.uniform(5, 50)
            carbon = rng.uniform(5, 40)
            log_share = (
                np.log(truth["necromass_share"][ecosystem])
                + truth["share_depth"] * np.log((top + thickness / 2) / 10)
                + truth["share_clay"] * (clay - 20)
                + effect
                + truth["scatter"] * rng.standard_normal()
            )
            treated = i == 3
            levels.append(
                {
                    "observation": f"{study}/{i}",
                    "study": study,
                    "necromass": carbon
                    * np.exp(log_share)
                    * (3.0 if treated else 1.0),  # treated soils must not be used
                    "soil_organic_carbon": carbon,
                    "ecosystem": ecosystem,
                    "arm": "treatment" if treated else "control",
                    "depth_top": top,
                    "depth_bottom": top + thickness,
                    "clay": np.nan if number in (4, 9) else clay,
                }
            )
    return SimpleNamespace(table=shuffled(pairs, rng), levels=shuffled(levels, rng), effects=effects, truth=truth)


def fitted(simulated: SimpleNamespace, model, folder, seed: int, steps: int = 500) -> SimpleNamespace:
    """The simulated data with ``model`` and ``fit``: two chains of ``steps`` draws after as many of warm-up."""
    tree = fit(model, seed=seed, store=folder, draws=steps, tune=steps, chains=2, progress=False)
    return SimpleNamespace(**vars(simulated), model=model, fit=tree)


@pytest.fixture(scope="session")
def cue_fit(tmp_path_factory):
    """Small fit of the CUE model to simulated data, with the data and the truth behind them."""
    data = simulate_cue()
    model = cue.build(data.table, gradient=data.gradient)
    return fitted(data, model, tmp_path_factory.mktemp("cue"), seed=11)


@pytest.fixture(scope="session")
def priming_fit(tmp_path_factory):
    """Small fit of the priming model to simulated data, with the data and the truth behind them."""
    data = simulate_priming()
    return fitted(data, priming.build(data.table), tmp_path_factory.mktemp("priming"), seed=12)


@pytest.fixture(scope="session")
def mcp_fit(tmp_path_factory):
    """Small fit of the pump-efficacy model to simulated data, with the data and the truth behind them."""
    data = simulate_mcp()
    return fitted(data, mcp.build(data.table, levels=data.levels), tmp_path_factory.mktemp("mcp"), seed=13, steps=1000)


@pytest.fixture(scope="session")
def simulators():
    """The simulators by model, for tests that need other data."""
    return {"cue": simulate_cue, "priming": simulate_priming, "mcp": simulate_mcp}


PRIOR_SD = {
    "Normal": lambda mu, sigma: sigma,
    "HalfNormal": lambda sigma: sigma * np.sqrt(1 - 2 / np.pi),
    "LogNormal": lambda mu, sigma: np.exp(mu + sigma**2 / 2) * np.sqrt(np.expm1(sigma**2)),
}


@pytest.fixture(scope="session")
def recovered():
    """Check of one known value.

    The truth lies within the 99.9 % interval (3.29 standard deviations), and
    the interval says something: its standard deviation reaches the value that
    these data allow and is less than half that of the prior.
    """

    def check(data: SimpleNamespace, variable: str, label, truth: float, reach: float) -> None:
        draws = data.fit.posterior[variable]
        for name in () if label is None else np.atleast_1d(label):
            dim = next(dim for dim in draws.dims if name in draws[dim].to_numpy().tolist())
            draws = draws.sel({dim: name})
        mean, sd = float(draws.mean()), float(draws.std())
        assert abs(mean - truth) < 3.29 * sd, f"{variable} {label}: {mean:.3f} with sd {sd:.3f} for a true {truth}"
        assert sd < reach, f"{variable} {label}: sd {sd:.3f}, but these data allow {reach}"
        for prior in spec_of(data.model).priors:
            if prior["parameter"] == variable:
                family, arguments = re.fullmatch(r"(\w+)\((.*)\)", prior["distribution"]).groups()
                numbers = {key: float(value) for key, value in (term.split("=") for term in arguments.split(", "))}
                assert sd < PRIOR_SD[family](**numbers) / 2, f"{variable} {label}: little was learned"

    return check
