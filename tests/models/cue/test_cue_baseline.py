"""The CUE model: its equations, and the known values it must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from scipy import stats

from socbayes import load_dataset
from socbayes.models import cue
from socbayes.spec import spec_of

#: Variable, label, and the posterior standard deviation these data must reach (a fraction of that of the prior).
KNOWN = (
    ("level", "substrate_label", 0.15),
    ("level", "water_18O", 0.15),
    ("level", "tracer_growth", 0.15),
    ("slope_method", "substrate_label", 0.008),
    ("slope_method", "water_18O", 0.010),
    ("slope_method", "tracer_growth", 0.008),
    ("time_method", "substrate_label", 0.04),
    ("time_method", "water_18O", 0.04),
    ("ecosystem_effect", "cropland", 0.1),
    ("ecosystem_effect", "forest", 0.1),
    ("ecosystem_effect", "grassland", 0.1),
    ("substrate_effect", "amino_acids", 0.04),
    ("substrate_effect", "glucose", 0.04),
    ("substrate_effect", "organic_acids", 0.04),
    ("slope_between", None, 0.02),
    ("study_sd", None, 0.08),
    ("slope_sd_studies", None, 0.005),
    ("slope_sd_soils", None, 0.005),
    ("soil_sd", None, 0.1),
)


def test_sampling_went_well(cue_fit):
    assert cue_fit.fit.attrs["max_r_hat"] < 1.05
    assert cue_fit.fit.attrs["divergences"] == 0


@pytest.mark.parametrize(("variable", "label", "reach"), KNOWN)
def test_known_value_is_recovered(cue_fit, recovered, variable, label, reach):
    truth = cue_fit.truth[variable] if label is None else cue_fit.truth[variable][label]
    recovered(cue_fit, variable, label, truth, reach)


def test_study_effects_are_recovered(cue_fit):
    """Those of the studies that state everything; the others hold what was left out."""
    stated = cue_fit.table.dropna()["study"].unique().tolist()
    assert 20 <= len(stated) < len(cue_fit.effects)
    estimated = cue_fit.fit.posterior["study_effect"].mean(("chain", "draw")).to_series()[stated]
    truth = pd.Series(cue_fit.effects)[stated]
    assert np.corrcoef(estimated, truth)[0, 1] > 0.9


def test_scatter_is_recovered(cue_fit):
    scatter = cue_fit.fit.posterior["scatter"].median(("chain", "draw"))
    assert float(scatter.median()) == pytest.approx(cue_fit.truth["scatter"], rel=0.2)


def test_likelihood_follows_the_documented_equation(cue_fit):
    """Row by row, from the draws and the table alone, for rows whose study states everything."""
    posterior, table = cue_fit.fit.posterior, cue_fit.table
    stated = table.dropna()
    mean_temperature = stated.groupby("study")["incubation_temperature"].transform("mean").to_numpy()
    for chain, draw in ((0, 10), (1, 400)):
        at = posterior.isel(chain=chain, draw=draw)

        def by_label(name: str, dim: str, column: str, at=at) -> np.ndarray:
            return stated[column].map(at[name].to_series()).fillna(0.0).to_numpy()

        slope_usual = by_label("slope_method", "measurement_method", "measurement_method")
        slope_study = stated["study"].map(at["study_slope"].to_series()).to_numpy(dtype="float64")
        slope = np.where(np.isnan(slope_study), slope_usual, slope_study)
        eta = (
            by_label("level", "measurement_method", "measurement_method")
            + by_label("ecosystem_effect", "ecosystem", "ecosystem")
            + by_label("substrate_effect", "substrate", "substrate_class")
            + by_label("time_method", "timed_method", "measurement_method")
            * np.log10(stated["incubation_time"].to_numpy() / 24)
            + slope * (stated["incubation_temperature"].to_numpy() - mean_temperature)
            + float(at["slope_between"]) * (mean_temperature - 15)
            + by_label("study_effect", "study", "study")
        )
        value = stated["carbon_use_efficiency"].to_numpy()
        inside = (value > 0.005) & (value < 0.995)
        expected = stats.norm(eta, by_label("scatter", "study", "study")).logpdf(np.log(value / (1 - value)))
        found = (
            cue_fit.fit["log_likelihood/logit_cue"].isel(chain=chain, draw=draw).sel(obs=stated["observation"].tolist())
        )
        np.testing.assert_allclose(found.to_numpy()[inside], expected[inside], rtol=1e-8)
        assert inside.sum() > 200


def test_quantities_follow_from_the_parameters(cue_fit):
    at = cue_fit.fit.posterior.to_dataset()
    probability = 1 / (1 + np.exp(-at["level"]))
    np.testing.assert_allclose(at["cue_by_method"], probability)
    np.testing.assert_allclose(at["temperature_slope"], at["slope_method"] * probability * (1 - probability))
    np.testing.assert_allclose(at["temperature_slope_mean"], at["slope_mean"] / 4)
    np.testing.assert_allclose(at["temperature_slope_between_studies"], at["slope_between"] / 4)
    timed = probability.sel({"measurement_method": at["timed_method"].to_numpy().tolist()}).to_numpy()
    np.testing.assert_allclose(at["time_effect"], at["time_method"].to_numpy() * timed * (1 - timed))
    np.testing.assert_allclose(at["spread_share"].sum("cause"), 1)


def test_gradient_rows_above_30_degrees_are_left_out(cue_fit):
    assert len(cue_fit.model.coords["cell"]) == int((cue_fit.gradient["incubation_temperature"] <= 30).sum())
    assert len(cue_fit.model.coords["cell"]) < len(cue_fit.gradient)


def test_values_at_the_limits_are_censored():
    """A CUE of 0 or 1 says no more than that it lies beyond what two decimals can show."""
    table = pd.DataFrame(
        {
            "observation": list("abcdef"),
            "study": ["one"] * 3 + ["two"] * 3,
            "measurement_method": "water_18O",
            "carbon_use_efficiency": [0.0, 0.3, 0.5, 1.0, 0.4, 0.995],
        }
    )
    model = cue.build(table)
    point = model.initial_point()
    point["level"] = np.array([0.4])
    point["study_level"] = np.array([-1.0, 2.0])
    point["scatter_log_mean"] = np.array(-0.2)
    density = model.logp(vars=[model["logit_cue"]], sum=False)
    compiled = model.compile_fn(density, inputs=model.value_vars, mode="FAST_COMPILE", on_unused_input="ignore")
    found = compiled(point)[0]
    limit, scatter = np.log(0.995 / 0.005), np.exp(-0.2)
    one, two = stats.norm(-1.0, scatter), stats.norm(2.0, scatter)
    expected = [
        one.logcdf(-limit),
        one.logpdf(np.log(0.3 / 0.7)),
        one.logpdf(0.0),
        two.logsf(limit),
        two.logpdf(np.log(0.4 / 0.6)),
        two.logsf(limit),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert any(note.endswith("enter as censored: 3.") for note in spec_of(model).notes)


def test_what_a_study_leaves_out_is_integrated_out():
    """A study without temperature has the population's mean, and a wider deviation of its own."""
    table = pd.DataFrame(
        {
            "observation": [str(i) for i in range(9)],
            "study": np.repeat(["one", "three", "two"], 3),
            "measurement_method": "water_18O",
            "carbon_use_efficiency": 0.4,
            "incubation_temperature": [10.0] * 3 + [np.nan] * 3 + [25.0] * 3,
        }
    )
    model = cue.build(table)
    assert any("1 of 3 studies states no incubation temperature" in note for note in spec_of(model).notes)
    point = {
        model["level"]: np.array([0.2]),
        model["slope_between"]: np.array(0.1),
        model["temperature_mean"]: np.array(18.0),
        model["temperature_sd"]: np.array(6.0),
        model["study_sd"]: np.array(0.5),
    }
    mean, spread = (
        parameter.eval(point, mode="FAST_COMPILE", on_unused_input="ignore")
        for parameter in dist_params(model["study_level"])
    )
    np.testing.assert_allclose(mean, 0.2 + 0.1 * np.array([10 - 15, 18 - 15, 25 - 15]))
    np.testing.assert_allclose(spread, np.sqrt(0.25 + np.array([0, (0.1 * 6) ** 2, 0])))


def dist_params(variable) -> list:
    """Location and scale of a normal variable."""
    return variable.owner.op.dist_params(variable.owner)


def test_method_without_substrate_or_time_keeps_a_level():
    table = load_dataset("cue")
    only = table[table["measurement_method"] == "water_18O"]
    model = cue.build(only)
    assert model.coords["measurement_method"] == ("water_18O",)
    assert "substrate_effect" not in model.named_vars
    assert set(spec_of(model).quantities) <= set(model.named_vars)
    assert isinstance(model, pm.Model)
