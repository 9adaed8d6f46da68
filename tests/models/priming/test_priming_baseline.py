"""The priming model: its equations, and the known values it must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from socbayes.errors import SocbayesError
from socbayes.inference.fit import fit
from socbayes.models import priming
from socbayes.spec import spec_of

#: Variable and the posterior standard deviation these data must reach (a fraction of that of the prior).
KNOWN = (
    ("level", 0.15),
    ("dose", 0.03),
    ("nitrogen_mean", 0.06),
    ("carbon_to_nitrogen", 0.2),
    ("organic_carbon", 0.12),
    ("duration", 0.04),
    ("study_sd", 0.12),
    ("run_sd", 0.12),
    ("soil_sd", 0.04),
    ("nitrogen_sd", 0.03),
)


def test_sampling_went_well(priming_fit):
    assert priming_fit.fit.attrs["max_r_hat"] < 1.05
    assert priming_fit.fit.attrs["divergences"] == 0


@pytest.mark.parametrize(("variable", "reach"), KNOWN)
def test_known_value_is_recovered(priming_fit, recovered, variable, reach):
    recovered(priming_fit, variable, None, priming_fit.truth[variable], reach)


def test_levels_of_soils_are_recovered(priming_fit):
    """Within their intervals, and near: soils are measured by six jars and a control."""
    draws = priming_fit.fit.posterior["priming_log_ratio_by_soil"]
    mean, sd = draws.mean(("chain", "draw")).to_series(), draws.std(("chain", "draw")).to_series()
    truth = pd.Series(priming_fit.soils)[mean.index]
    z = (mean - truth) / sd
    assert z.abs().max() < 4.5
    assert 0.5 < z.std() < 1.6
    assert np.corrcoef(mean, truth)[0, 1] > 0.9


def test_scatter_is_recovered(priming_fit):
    scatter = priming_fit.fit.posterior["scatter"].median(("chain", "draw"))
    assert float(scatter.median()) == pytest.approx(priming_fit.truth["scatter"], rel=0.25)


def test_likelihood_follows_the_documented_equation(priming_fit):
    """Row by row, from the draws and the table alone, for jars whose study states everything."""
    stated = priming_fit.table.dropna()
    ratio = np.log(stated["native_co2_treated"] / stated["native_co2_control"]).to_numpy()
    for chain, draw in ((0, 10), (1, 400)):
        at = priming_fit.fit.posterior.isel(chain=chain, draw=draw)

        def by_label(name: str, column: str, at=at, absent: float = 0.0) -> np.ndarray:
            return stated[column].map(at[name].to_series()).fillna(absent).to_numpy(dtype="float64")

        eta = (
            float(at["level"])
            + float(at["dose"]) * np.log10(stated["substrate_dose"] / stated["microbial_biomass"]).to_numpy()
            + by_label("nitrogen_effect_by_soil", "soil", absent=float(at["nitrogen_mean"]))
            * (stated["added_nitrogen"] == "yes").to_numpy()
            + float(at["carbon_to_nitrogen"]) * np.log10(stated["soil_carbon_to_nitrogen"] / 12).to_numpy()
            + float(at["organic_carbon"]) * np.log10(stated["soil_organic_carbon"] / 20).to_numpy()
            + float(at["duration"]) * np.log10(stated["incubation_day"] / 60).to_numpy()
            + by_label("study_effect", "study")
            + by_label("run_effect", "run")
            + by_label("soil_effect", "soil")
            - by_label("control_error", "control")
        )
        expected = stats.norm(eta, by_label("scatter", "study")).logpdf(ratio)
        found = priming_fit.fit["log_likelihood/log_ratio"].isel(chain=chain, draw=draw).sel(jar=stated["jar"].tolist())
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_quantities_follow_from_the_parameters(priming_fit):
    at = priming_fit.fit.posterior.to_dataset()
    np.testing.assert_allclose(at["priming_log_ratio"], at["level"])
    new = at["level"] + at["study_sd"] * at["new_study_standardised"] + at["soil_sd"] * at["new_soil_standardised"]
    np.testing.assert_allclose(at["priming_log_ratio_new_study"], new)
    np.testing.assert_allclose(at["priming_percent_new_study"], 100 * (np.exp(new) - 1))
    assert float(at["priming_log_ratio_new_study"].std()) > float(at["priming_log_ratio"].std())


def test_error_of_a_shared_control_widens_its_soil(simulators, tmp_path):
    """A control that is off by 0.3 is off in all its jars; taken as scatter it would average out."""
    data = simulators["priming"](seed=5, studies=3, control_error=0.3)
    settings = {"draws": 1000, "tune": 600, "chains": 2, "seed": 3, "progress": False}
    known = fit(priming.build(data.table), store=tmp_path / "known", **settings)
    ignored = fit(priming.build(data.table.drop(columns="control")), store=tmp_path / "ignored", **settings)
    truth = pd.Series(data.soils)
    spreads, scores = [], []
    for fitted in (known, ignored):
        draws = fitted.posterior["priming_log_ratio_by_soil"]
        spread = draws.std(("chain", "draw")).to_series()
        spreads.append(spread)
        scores.append((draws.mean(("chain", "draw")).to_series() - truth[spread.index]) / spread)
    assert (spreads[0] > spreads[1]).mean() > 0.8
    assert spreads[0].median() > 1.3 * spreads[1].median()
    assert np.sqrt((scores[0] ** 2).mean()) < np.sqrt((scores[1] ** 2).mean())
    assert "control_error" not in ignored.posterior
    assert any(
        "none is taken to be shared" in note
        for note in spec_of(priming.build(data.table.drop(columns="control"))).notes
    )


def test_replicates_of_a_control_set_the_spread_of_its_error(priming_fit):
    """Coefficient of variation over the root of the replicates, as an error of the log."""
    at = priming_fit.fit.posterior.isel(chain=1, draw=77)
    table = (
        priming_fit.table.drop_duplicates("control").set_index("control").loc[at["shared_control"].to_numpy().tolist()]
    )
    error = table["native_co2_control_sd"] / table["native_co2_control"] / np.sqrt(table["control_replicates"])
    np.testing.assert_allclose(at["control_error"] / at["control_error_standardised"], error, rtol=1e-8)


def test_study_without_dose_takes_the_population_and_is_wider(priming_fit):
    notes = spec_of(priming_fit.model).notes
    assert any(
        note.startswith("1 of 16 studies states no dose over biomass") or "dose over biomass" in note for note in notes
    )
    table = priming_fit.table
    without = table.loc[table["substrate_dose"].isna(), "study"].unique().tolist()
    assert len(without) == 1
    labels = list(priming_fit.model.coords["study"])
    complete = (
        table.groupby("study")[["substrate_dose", "microbial_biomass", "soil_carbon_to_nitrogen"]].count().min(axis=1)
    )
    spread = priming_fit.model["study_level"].owner.op.dist_params(priming_fit.model["study_level"].owner)[1]
    given = {
        priming_fit.model[name]: np.array(value)
        for name, value in {
            "study_sd": 0.4,
            "dose": 0.5,
            "dose_over_biomass_sd": 0.8,
            "carbon_to_nitrogen": 0.3,
            "carbon_to_nitrogen_sd": 0.2,
            "dose_over_biomass_mean": 0.4,
            "carbon_to_nitrogen_mean": 1.1,
        }.items()
    }
    values = dict(zip(labels, spread.eval(given, mode="FAST_COMPILE", on_unused_input="ignore"), strict=True))
    assert values[without[0]] == pytest.approx(np.hypot(0.4, 0.5 * 0.8))
    for study in labels:
        if complete[study] > 0:
            assert values[study] == pytest.approx(0.4)


@pytest.mark.parametrize("column", ["native_co2_treated", "native_co2_control"])
def test_native_carbon_must_be_above_zero(simulators, column):
    table = simulators["priming"](studies=3).table
    table.loc[4, column] = 0.0
    with pytest.raises(SocbayesError, match="above zero"):
        priming.build(table)


def test_columns_that_do_not_vary_are_left_out(simulators):
    table = simulators["priming"](studies=4).table
    table = table.assign(incubation_day=60.0, added_nitrogen="no").drop(columns=["soil_carbon_to_nitrogen", "run"])
    model = priming.build(table)
    assert not {"duration", "nitrogen_mean", "carbon_to_nitrogen", "run_effect"} & set(model.named_vars)
    assert any("No row states carbon to nitrogen" in note for note in spec_of(model).notes)
    assert set(spec_of(model).quantities) <= set(model.named_vars)
