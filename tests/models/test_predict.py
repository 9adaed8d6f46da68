"""Predictions and scenarios, on small fits of all three models.

They stand beside the tests of the models because they use the same fits.
"""

from __future__ import annotations

import re

import arviz as az
import numpy as np
import pytest

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.models.mcp.scenarios import sector_probabilities
from socbayes.models.priming.baseline import REFERENCE
from socbayes.scenarios import compare, predict_known, predict_new

REACH = {
    "cue": {"method": "substrate_label", "temperature": 20.0, "substrate": "glucose"},
    "priming": REFERENCE,
    "mcp": {"practice": "manure", "response": "necromass"},
}
HERE = {"temperature": 15.0, "hours": 24.0, "ecosystem": "cropland", "substrate": "water", "method": "substrate_label"}
NAMES = tuple(REACH)


@pytest.fixture(scope="module", params=NAMES)
def each(request):
    """Name of a model, its data with fit, and a study of which ``REACH`` is true."""
    data = request.getfixturevalue(f"{request.param}_fit")
    rows = data.table
    if request.param == "cue":
        rows = rows[rows["measurement_method"] == "substrate_label"]
    if request.param == "mcp":
        rows = rows[rows["practice"] == "manure"]
    return request.param, data.fit, sorted(rows["study"])[0]


def test_a_new_study_is_less_certain_than_a_known_one(each):
    name, fitted, study = each
    new, known = predict_new(fitted, seed=1, **REACH[name]), predict_known(fitted, study=study, **REACH[name])
    assert new.sizes == known.sizes == {"sample": fitted.posterior.sizes["chain"] * fitted.posterior.sizes["draw"]}
    assert new.attrs.keys() == known.attrs.keys()
    assert (new.attrs["quantity"], new.attrs["unit"]) == (known.attrs["quantity"], known.attrs["unit"])
    assert float(new.std()) > 1.3 * float(known.std())


def test_one_seed_gives_one_prediction(each):
    name, fitted, _ = each
    first, again, other = (predict_new(fitted, seed=seed, **REACH[name]) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_difference_of_equal_scenarios_is_zero(each):
    name, fitted, study = each
    for place in (None, study):
        result = compare(fitted, {"one": REACH[name], "same": dict(REACH[name])}, study=place, seed=2)
        row = result.table.loc["same"]
        assert (
            row[["difference", "difference_lower", "difference_upper", "probability_of_increase"]].tolist() == [0] * 4
        )
        assert result.group == ("a new study" if place is None else study)


WARMER = {"15 degC": {"temperature": 15}, "25 degC": {"temperature": 25}}


def test_direction_and_words_of_a_comparison(cue_fit):
    """CUE falls with temperature in these data, by the known slope."""
    result = compare(cue_fit.fit, WARMER, seed=3)
    table = result.table
    assert result.reference == "15 degC"
    assert table["lower"].lt(table["median"]).all()
    assert table["median"].lt(table["upper"]).all()
    change = table.loc["25 degC"]
    level, slope = cue_fit.truth["level"]["substrate_label"], cue_fit.truth["slope_method"]["substrate_label"]
    expected = 1 / (1 + np.exp(-level - 10 * slope)) - 1 / (1 + np.exp(-level))
    assert change["difference"] == pytest.approx(expected, abs=0.04)
    assert change["difference_lower"] < expected < change["difference_upper"]
    assert change["probability_of_increase"] < 0.02
    assert np.isnan(table.loc["15 degC", "difference"])
    sentence = next(line for line in result.text if line.startswith("25 degC against 15 degC, in a new study"))
    stated = re.search(r"differs by (\S+) \(", sentence)
    assert stated is not None
    assert float(stated[1]) == pytest.approx(change["difference"], abs=0.006)
    assert f"higher with probability {change['probability_of_increase']:.2f}" in sentence

    turned = compare(cue_fit.fit, WARMER, reference="25 degC", seed=3)
    assert turned.table.loc["15 degC", "difference"] == pytest.approx(-change["difference"])
    assert turned.table.loc["15 degC", "probability_of_increase"] == pytest.approx(
        1 - change["probability_of_increase"]
    )


def test_pairing_narrows_the_difference(cue_fit):
    """Effects of the new study are common to both scenarios, so they cancel."""
    result = compare(cue_fit.fit, WARMER, seed=3)
    paired = result.draws.sel(scenario="25 degC") - result.draws.sel(scenario="15 degC")
    first, second = predict_new(cue_fit.fit, seed=1, temperature=25), predict_new(cue_fit.fit, seed=2, temperature=15)
    unpaired = first.to_numpy() - second.to_numpy()
    assert float(paired.std()) < 0.7 * unpaired.std()


def test_fit_that_did_not_converge_is_named_first(cue_fit):
    bad = cue_fit.fit.copy()
    bad.attrs = cue_fit.fit.attrs | {"converged": 0}
    assert (
        compare(bad, WARMER, seed=1).text[0] == "The fit behind these numbers did not pass its checks: do not use them."
    )
    good = cue_fit.fit.copy()
    good.attrs = cue_fit.fit.attrs | {"converged": 1}
    assert len(compare(good, WARMER, seed=1).text) == 1


def test_every_probability_is_a_probability(each):
    name, fitted, _ = each
    others = {
        "cue": {"temperature": 30},
        "priming": {"dose_over_biomass": 5.0},
        "mcp": {"practice": "warming", "response": "necromass"},
    }
    table = compare(fitted, {"base": REACH[name], "other": REACH[name] | others[name]}, seed=1).table
    assert 0 <= table.loc["other", "probability_of_increase"] <= 1
    assert table.loc["other", "difference_lower"] < table.loc["other", "difference_upper"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temprature": 15}, "no setting 'temprature'; did you mean 'temperature'"),
        ({"method": "water_17O"}, "no measurement method named 'water_17O'.*did you mean 'water_18O'"),
        ({"ecosystem": "forests"}, "no ecosystem named 'forests'.*did you mean 'forest'"),
        ({"substrate": "glucoze"}, "no substrate named 'glucoze'.*did you mean 'glucose'"),
    ],
)
def test_unknown_setting_or_level_is_refused_with_the_nearest_name(cue_fit, settings, message):
    with pytest.raises(UnknownNameError, match=message):
        predict_new(cue_fit.fit, **settings)


def test_unknown_study_practice_and_model_are_refused(cue_fit, mcp_fit, priming_fit):
    with pytest.raises(UnknownNameError, match="no study named 'Study AA' in this fit; did you mean 'Study A'"):
        predict_known(cue_fit.fit, study="Study AA")
    with pytest.raises(UnknownNameError, match=r"'manures'.*did you mean 'manure'"):
        compare(mcp_fit.fit, {"as usual": {"practice": "no_change"}, "more": {"practice": "manures"}})
    with pytest.raises(UnknownNameError, match="'necromas' in this fit; did you mean 'necromass'"):
        predict_new(mcp_fit.fit, practice="manure", response="necromas")
    with pytest.raises(UnknownNameError, match="takes no setting 'dose_over_biomas'; did you mean 'dose_over_biomass'"):
        predict_new(priming_fit.fit, dose_over_biomas=2)
    other = cue_fit.fit.copy()
    other.attrs = {"model": "user"}
    with pytest.raises(UnknownNameError, match=r"cue, priming, mcp.*'user'"):
        predict_new(other)
    with pytest.raises(SocbayesError, match="at least two scenarios"):
        compare(cue_fit.fit, {"one": {}})


def test_new_cue_study_at_the_reference_lies_around_the_level_of_its_method(cue_fit):
    for method in ("substrate_label", "water_18O"):
        new = predict_new(cue_fit.fit, seed=4, **HERE | {"method": method})
        posterior = az.extract(cue_fit.fit)
        level = posterior["level"].sel(measurement_method=method) + posterior["ecosystem_effect"].sel(
            ecosystem="cropland"
        )
        # Studies are warmer than the reference by this, and differ by more than warmth.
        slope = posterior["slope_method"].sel(measurement_method=method)
        level = level + (posterior["slope_between"] - slope) * (posterior["temperature_mean"] - 15)
        assert float(new.median()) == pytest.approx(float((1 / (1 + np.exp(-level))).median()), abs=0.02)
        assert 0 < float(new.min()) < float(new.max()) < 1


def test_cue_settings_move_the_prediction_by_their_parameters(cue_fit):
    posterior = az.extract(cue_fit.fit)

    def logit(**settings) -> np.ndarray:
        values = predict_new(cue_fit.fit, seed=7, **HERE | settings).to_numpy()
        return np.log(values) - np.log1p(-values)

    base = logit()
    forest = posterior["ecosystem_effect"].sel(ecosystem="forest")
    cropland = posterior["ecosystem_effect"].sel(ecosystem="cropland")
    np.testing.assert_allclose(logit(ecosystem="forest") - base, forest - cropland, atol=1e-9)
    label = posterior["substrate_effect"].sel(substrate="glucose")
    np.testing.assert_allclose(logit(substrate="glucose") - base, label, atol=1e-9)
    time = posterior["time_method"].sel(timed_method="substrate_label")
    np.testing.assert_allclose(logit(hours=240) - base, time, atol=1e-9)
    slopes = logit(temperature=16) - base
    assert slopes.mean() == pytest.approx(
        float(posterior["slope_method"].sel({"measurement_method": "substrate_label"}).mean()), abs=0.002
    )
    spread = np.hypot(
        posterior["slope_method"].sel({"measurement_method": "substrate_label"}).std(),
        posterior["slope_sd_studies"].mean(),
    )
    assert slopes.std() == pytest.approx(float(spread), rel=0.2)


def test_known_cue_study_is_predicted_where_it_was_measured(cue_fit):
    """Under a study's own conditions, the prediction is the mean of what it measured."""
    table = cue_fit.table
    warm = 0
    for study, rows in table.groupby("study"):
        if rows[["ecosystem", "incubation_temperature", "incubation_time"]].isna().any(axis=None):
            continue
        values = []
        for row in rows.itertuples():
            settings = {"substrate": row.substrate_class} if row.substrate_class != "water" else {}
            predicted = predict_known(
                cue_fit.fit,
                study=study,
                method=row.measurement_method,
                ecosystem=row.ecosystem,
                temperature=row.incubation_temperature,
                hours=row.incubation_time,
                **settings,
            ).to_numpy()
            values.append(np.log(predicted / (1 - predicted)).mean() + np.log(1 / row.carbon_use_efficiency - 1))
        warm += abs(rows["incubation_temperature"].mean() - 15) > 8
        assert np.mean(values) == pytest.approx(0, abs=0.1), study
    assert warm >= 2, "studies far from the reference temperature are among them"


def test_priming_settings_move_the_prediction_by_their_parameters(priming_fit):
    posterior = az.extract(priming_fit.fit)

    def ratio(**settings) -> np.ndarray:
        given = REFERENCE | {"added_nitrogen": False} | settings
        return np.log1p(predict_new(priming_fit.fit, seed=7, **given).to_numpy() / 100)

    base = ratio()
    for setting, value, parameter, decades in (
        ("dose_over_biomass", 10.0, "dose", 1.0),
        ("soil_carbon_to_nitrogen", 24.0, "carbon_to_nitrogen", np.log10(2)),
        ("soil_organic_carbon", 2.0, "organic_carbon", -1.0),
        ("incubation_day", 600.0, "duration", 1.0),
    ):
        np.testing.assert_allclose(ratio(**{setting: value}) - base, decades * posterior[parameter], atol=1e-9)
    nitrogen = ratio(added_nitrogen=True) - base
    assert nitrogen.mean() == pytest.approx(float(posterior["nitrogen_mean"].mean()), abs=0.02)
    assert nitrogen.std() > float(posterior["nitrogen_mean"].std())
    new = posterior["priming_log_ratio_new_study"]
    assert np.median(base) == pytest.approx(float(new.median()), abs=0.06)
    assert base.std() == pytest.approx(float(new.std()), rel=0.15)


def test_known_priming_study_and_soil_are_those_of_the_fit(priming_fit):
    posterior = az.extract(priming_fit.fit)
    row = priming_fit.table.iloc[0]
    found = predict_known(priming_fit.fit, study=row["study"], soil=row["soil"], added_nitrogen=False, **REFERENCE)
    np.testing.assert_allclose(
        np.log1p(found.to_numpy() / 100), posterior["priming_log_ratio_by_soil"].sel(soil=row["soil"])
    )


def test_no_change_is_no_change_and_practices_are_those_of_the_fit(mcp_fit):
    assert (predict_new(mcp_fit.fit, practice="no_change", seed=1) == 0).all()
    posterior = az.extract(mcp_fit.fit)
    for response in ("necromass", "soil_organic_carbon"):
        predicted = predict_new(mcp_fit.fit, practice="warming", response=response, seed=1)
        assert predicted.attrs["unit"] == "percent"
        own = posterior["log_ratio_new_study"].sel(practice="warming", response=response)
        ratio = np.log1p(predicted.to_numpy() / 100)
        assert np.median(ratio) == pytest.approx(float(own.median()), abs=0.03)
        assert ratio.std() == pytest.approx(float(own.std()), rel=0.15)
    rows = mcp_fit.table[mcp_fit.table["practice"] == "warming"]
    at = posterior.sel(practice="warming", pair_study=rows["study"].iloc[0])
    ratio = at["log_ratio"] + at["study_effect"]
    share = at["necromass_share"].sel(ecosystem="forest") * (np.exp(ratio[0] - ratio[1]) - 1)
    found = predict_known(mcp_fit.fit, study=rows["study"].iloc[0], practice="warming", ecosystem="forest")
    np.testing.assert_allclose(found, share)


def test_sector_probabilities_sum_to_one_and_find_the_known_sector(mcp_fit):
    new_study = mcp_fit.fit.posterior["log_ratio_new_study"]
    table = sector_probabilities(new_study).to_pandas()
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert ((table >= 0) & (table <= 1)).all(axis=None)
    assert table.idxmax(axis=1).to_dict() == {
        "biochar": "both gain, diluted by other carbon",
        "manure": "both gain, necromass leads",
        "nitrogen_addition": "both lose, necromass spared",
        "no_tillage": "both gain, necromass leads",
        "warming": "both lose, necromass leads",
    }
    wide = sector_probabilities(new_study, band=5.0).to_pandas()
    assert (wide["no practical change"] == 1).all()
