"""Predictions of rows: mean or measurement, tables, what is missing, what no data are of. Nothing is sampled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_fits import CUE_TABLE, cue_fit, mcp_fit, priming_fit

import socbayes as sb
from socbayes.errors import EmptyTableError, SocbayesError, UnknownNameError
from socbayes.models.priming.baseline import REFERENCE
from socbayes.scenarios import compare, predict_known, predict_new
from socbayes.scenarios.draws import of_population
from socbayes.vocabulary import MEASUREMENT_METHODS

FITS = {"cue": cue_fit(), "priming": priming_fit(), "mcp": mcp_fit()}
CUE, PRIMING, MCP = FITS.values()
FULL = {
    "cue": {
        "method": "substrate_label",
        "temperature": 20.0,
        "hours": 48.0,
        "ecosystem": "forest",
        "substrate": "glucose",
    },
    "priming": REFERENCE | {"added_nitrogen": True, "soil": "mine"},
    "mcp": {"practice": "manure", "ecosystem": "cropland"},
}
KNOWN = {"cue": "Near", "priming": "One", "mcp": "One"}
COUNTS = [pytest.param(name, id=name) for name in FITS]


def logit(values) -> np.ndarray:
    values = np.asarray(values)
    return np.log(values) - np.log1p(-values)


# --- mean or measurement ----------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
def test_predict_new_says_whether_it_is_a_mean_or_a_measurement_and_offers_both(name):
    mean, one = (predict_new(FITS[name], of=of, seed=1, **FULL[name]) for of in ("mean", "measurement"))
    assert mean.attrs["predicted"] == "what repeated measurements lie around, in a new study"
    assert one.attrs["predicted"] == "one measurement, in a new study"
    assert (mean.attrs["of"], one.attrs["of"]) == ("mean", "measurement")
    assert mean.attrs["integrated"] == mean.attrs["assumed"] == ""
    assert float(one.std()) > 1.02 * float(mean.std())
    here, there = (predict_known(FITS[name], study=KNOWN[name], of=of) for of in ("mean", "measurement"))
    assert there.attrs["predicted"] == f"one measurement, in {KNOWN[name]}"
    assert float(there.std()) > 1.2 * float(here.std())


@pytest.mark.parametrize("of", ["means", "Measurement", "", None])
def test_neither_mean_nor_measurement_is_refused(of):
    with pytest.raises(UnknownNameError, match="neither of mean and measurement"):
        predict_new(CUE, of=of)


def test_a_measurement_scatters_as_those_of_the_data_do():
    posterior = CUE["posterior"].to_dataset()
    both = [logit(predict_new(CUE, of=of, seed=3, **FULL["cue"])) for of in ("measurement", "mean")]
    spread = np.exp(posterior["scatter_log_mean"] + posterior["scatter_log_sd"] ** 2)  # root of the mean square
    assert np.std(both[0] - both[1]) == pytest.approx(float(spread.mean()), rel=0.15)
    within = [logit(predict_known(CUE, study="Near", of=of)) for of in ("measurement", "mean")]
    assert np.std(within[0] - within[1]) == pytest.approx(0.3, rel=0.1)


def test_errors_of_a_pair_have_the_heavy_tails_of_the_model():
    both = [np.log1p(predict_new(MCP, of=of, seed=3, response="necromass", practice="manure") / 100) for of in
            ("measurement", "mean")]  # fmt: skip
    error = np.asarray(both[0] - both[1])
    assert np.std(error) == pytest.approx(0.1 * np.sqrt(9 / 7), rel=0.15)  # Student's t with nine degrees of freedom


# --- tables -------------------------------------------------------------------------------


def test_predict_new_takes_a_table_of_the_schema():
    found = predict_new(CUE, CUE_TABLE, seed=1)
    assert found.dims == ("sample", "row")
    assert found["row"].to_numpy().tolist() == CUE_TABLE["observation"].tolist()
    assert found.attrs["predicted"].endswith("in each of 3 new studies")
    assert found.attrs["not_used"] == "carbon_use_efficiency"
    of_one = ("ecosystem", "substrate", "temperature")
    assert found.attrs["integrated"] == ", ".join(f"{name} (1 of 5 rows)" for name in of_one)
    read = sb.read_table(CUE_TABLE.rename(columns={"incubation_temperature": "incubation_temperature [degC]",
                                                   "incubation_time": "incubation_time [hour]"}), "cue")  # fmt: skip
    np.testing.assert_allclose(predict_new(CUE, read, seed=1), found)


@pytest.mark.parametrize("name", COUNTS)
def test_one_row_is_the_same_as_settings_a_dictionary_or_a_table(name):
    alone = predict_new(FITS[name], seed=4, **FULL[name])
    assert alone.dims == ("sample",)
    np.testing.assert_array_equal(predict_new(FITS[name], FULL[name], seed=4), alone)
    table = predict_new(FITS[name], pd.DataFrame([FULL[name]]), seed=4)
    assert table.sizes == {"sample": alone.size, "row": 1}
    np.testing.assert_array_equal(table[:, 0], alone)
    assert table.attrs == alone.attrs


def test_rows_of_one_study_share_its_effects_and_others_do_not():
    rows = pd.DataFrame({"study": ["A", "A", "B"], **{key: [value] * 3 for key, value in FULL["cue"].items()}})
    values = predict_new(CUE, rows, seed=5).to_numpy()
    np.testing.assert_array_equal(values[:, 0], values[:, 1])
    assert abs(np.corrcoef(values[:, 0], values[:, 2])[0, 1]) < 0.3
    without = predict_new(CUE, rows.drop(columns="study"), seed=5)
    assert without.attrs["predicted"].endswith("in a new study")
    np.testing.assert_array_equal(without[:, 0], without[:, 2])
    errors = logit(predict_new(CUE, rows, seed=5, of="measurement")) - logit(values)
    assert abs(np.corrcoef(errors[:, 0], errors[:, 1])[0, 1]) < 0.5


def test_the_order_of_rows_and_the_rows_beside_them_do_not_matter():
    whole = predict_new(CUE, CUE_TABLE, seed=6)
    turned = predict_new(CUE, CUE_TABLE[::-1], seed=6)
    np.testing.assert_array_equal(whole.sel(row="b"), turned.sel(row="b"))
    np.testing.assert_array_equal(whole.sel(row="e"), predict_new(CUE, CUE_TABLE[4:], seed=6).sel(row="e"))


def test_a_setting_for_all_rows_stands_beside_a_table():
    rows = CUE_TABLE.drop(columns="incubation_temperature")
    warm, cool = (predict_new(CUE, rows, temperature=value, seed=1) for value in (25, 15))
    assert float((warm - cool).median()) < 0
    with pytest.raises(SocbayesError, match="'temperature' is given for each row and for all of them"):
        predict_new(CUE, CUE_TABLE, temperature=25)


JARS = {"substrate_dose": [50.0, 500.0], "microbial_biomass": [100.0, 100.0], "added_nitrogen": ["no", "yes"]}


def test_dose_over_biomass_of_a_table_is_the_ratio_of_its_columns():
    found = predict_new(PRIMING, pd.DataFrame(JARS), seed=1)
    by_hand = predict_new(
        PRIMING, pd.DataFrame({"dose_over_biomass": [0.5, 5.0], "added_nitrogen": [False, True]}), seed=1
    )
    np.testing.assert_allclose(found, by_hand)
    missing = predict_new(PRIMING, pd.DataFrame(JARS).assign(microbial_biomass=[100.0, np.nan]), seed=1)
    assert "dose_over_biomass (1 of 2 rows)" in missing.attrs["integrated"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"temprature": 15}, "column 'temprature'.*did you mean 'temperature'"),
        ({"incubation_temprature": 15}, "did you mean 'incubation_temperature'"),
        ({"my_column": 15}, "begin its name with x_"),
        ({"temperature": "warm"}, "temperature='warm'.* cannot be used: expected"),
        ({"temperature": 288.15}, "temperature=288.15.* cannot be used: expected a number from -20 to 70"),
        ({"temperature": np.inf}, "cannot be used"),
        ({"hours": -1}, "hours=-1.* cannot be used"),
        ({"method": "fumigation of a kind"}, "no measurement method named"),
    ],
)
def test_columns_and_values_that_mean_nothing_are_refused_in_words(rows, message):
    for given in (rows, pd.DataFrame([rows])):
        with pytest.raises(SocbayesError, match=message):
            predict_new(CUE, given)


@pytest.mark.parametrize("value", [0, -1.0, np.inf])
def test_a_dose_that_is_no_dose_is_refused(value):
    with pytest.raises(SocbayesError, match="expected a number above 0"):
        predict_new(PRIMING, dose_over_biomass=value)


def test_a_table_without_rows_or_with_a_name_twice_is_refused():
    with pytest.raises(EmptyTableError, match="nothing to predict"):
        predict_new(CUE, CUE_TABLE[:0])
    twice = pd.DataFrame([[15.0, 20.0]], columns=["temperature", "temperature"])
    with pytest.raises(SocbayesError, match="two columns 'temperature'"):
        predict_new(CUE, twice)


def test_columns_of_ones_own_and_unused_quantities_are_named():
    found = predict_new(CUE, CUE_TABLE.assign(ph=6.0, x_mine=1), seed=1)
    assert found.attrs["not_used"] == "carbon_use_efficiency, ph, x_mine"
    assert (
        predict_new(MCP, practice="manure", response="necromass", ecosystem="forest")
        .attrs["not_used"]
        .startswith("ecosystem, as necromass")
    )


# --- what is missing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        *(("cue", setting) for setting in ("temperature", "hours", "ecosystem", "substrate")),
        *(("priming", setting) for setting in ("dose_over_biomass", "soil_carbon_to_nitrogen", "soil")),
        *(("mcp", setting) for setting in ("practice", "ecosystem")),
    ],
)
@pytest.mark.parametrize("empty", ["left out", None, np.nan, pd.NA, ""])
def test_what_is_missing_is_integrated_out_and_named(name, setting, empty):
    given = {key: value for key, value in FULL[name].items() if key != setting}
    if not isinstance(empty, str) or empty == "":
        given[setting] = empty
    found = predict_new(FITS[name], given, seed=2)
    assert found.attrs["integrated"] == setting
    whole = predict_new(FITS[name], FULL[name], seed=2)
    assert np.isfinite(found).all()
    if (name, setting) not in (("cue", "substrate"), ("priming", "soil"), ("mcp", "ecosystem")):
        assert float(found.std()) > 0.99 * float(whole.std())


def test_a_missing_ecosystem_is_a_draw_from_the_ecosystems():
    given = {key: value for key, value in FULL["cue"].items() if key != "ecosystem"}
    effect = logit(predict_new(CUE, given, seed=2)) - logit(predict_new(CUE, FULL["cue"], seed=2))
    forest = CUE["posterior"]["ecosystem_effect"].sel(ecosystem="forest").to_numpy()
    assert effect.mean() == pytest.approx(-forest.mean(), abs=0.04)
    assert effect.std() == pytest.approx(0.25, rel=0.15)


def test_missing_hours_are_hours_of_studies():
    given = {key: value for key, value in FULL["cue"].items() if key != "hours"}
    effect = logit(predict_new(CUE, given, seed=2)) - logit(predict_new(CUE, FULL["cue"], seed=2))
    assert effect.mean() == pytest.approx(-0.4 * (1.4 - np.log10(48)), abs=0.04)
    assert effect.std() == pytest.approx(0.4 * 0.5, rel=0.15)


def test_what_the_fit_has_no_distribution_of_is_taken_at_a_reference_and_named():
    found = predict_new(PRIMING, {key: FULL["priming"][key] for key in ("dose_over_biomass", "soil")}, seed=1)
    assert found.attrs["assumed"] == "soil_organic_carbon = 20, incubation_day = 60, added_nitrogen = no"
    assert predict_new(CUE, temperature=20, seed=1).attrs["assumed"] == "method = substrate_label"


def test_scenarios_stay_paired_when_something_is_missing():
    effect = logit(predict_new(CUE, temperature=25, seed=8)) - logit(predict_new(CUE, temperature=15, seed=8))
    slope = CUE["posterior"]["slope_method"].sel(measurement_method="substrate_label").to_numpy().ravel()
    assert effect.mean() == pytest.approx(10 * slope.mean(), abs=0.03)
    assert effect.std() < 0.35, "what both lack is the same in both"
    assert np.isfinite(
        compare(CUE, {"15": {"temperature": 15}, "25": {"temperature": 25}}, seed=1).table.loc["25"]
    ).all()


# --- studies of the data -----------------------------------------------------------------------


def test_a_known_study_is_predicted_as_it_was_measured_unless_told_otherwise():
    found = predict_known(CUE, study="Near")
    assert found.attrs["integrated"] == ""
    expected = "method = substrate_label, ecosystem = forest, substrate = glucose, hours = 24, temperature = 15"
    assert sorted(found.attrs["assumed"].split(", ")) == sorted(expected.split(", "))
    told = predict_known(CUE, study="Near", **FULL["cue"] | {"temperature": 15, "hours": 24})
    assert told.attrs["assumed"] == ""
    np.testing.assert_allclose(found, told)
    table = predict_known(CUE, CUE_TABLE)
    assert table.sizes["row"] == len(CUE_TABLE)
    assert table.attrs["predicted"].endswith("in each of 3 studies of the data")


def test_what_a_known_study_never_stated_is_part_of_its_own_level():
    """As in the model, where its level holds what it leaves out."""
    posterior = CUE["posterior"].to_dataset().stack(sample=("chain", "draw"))
    found = predict_known(CUE, study="Silent")
    assert found.attrs["integrated"] == "substrate", "rows that state no substrate have a level of their own"
    slope = posterior["slope_method"].sel(measurement_method="metabolic_flux")
    expected = (
        posterior["level"].sel(measurement_method="metabolic_flux")
        + posterior["study_effect"].sel(study="Silent")
        + posterior["study_warmth_effect"].sel(study="Silent")
        + slope * (posterior["temperature_mean"] - 15)
        + posterior["substrate_effect"].sel(substrate="not stated")
    )
    np.testing.assert_allclose(logit(found), expected)


@pytest.mark.parametrize("study", ["near", " Near", "NEAR", "Ne-ar"])
def test_spellings_of_a_study_are_that_study(study):
    np.testing.assert_array_equal(predict_known(CUE, study=study), predict_known(CUE, study="Near"))


def test_predict_known_without_a_study_or_with_two_is_refused():
    with pytest.raises(SocbayesError, match="no study is named"):
        predict_known(CUE, temperature=20)
    with pytest.raises(SocbayesError, match="a row is of 'Near'"):
        predict_known(CUE, CUE_TABLE, study="Warm")
    with pytest.raises(UnknownNameError, match="no study named 'Farr' in this fit"):
        predict_known(CUE, study="Farr")


@pytest.mark.parametrize(("study", "soil"), [("One", "clay"), ("Two", "sand"), ("Two", "loam"), ("One", "Clay")])
def test_predict_known_of_priming_refuses_a_soil_of_another_study(study, soil):
    with pytest.raises(UnknownNameError, match=f"is of another study than '{study}', whose soils are"):
        predict_known(PRIMING, study=study, soil=soil)


def test_soils_of_their_study_are_taken_and_a_single_soil_is_the_soil():
    assert predict_known(PRIMING, study="One", soil="sand").attrs["integrated"] == ""
    np.testing.assert_array_equal(predict_known(PRIMING, study="Two"), predict_known(PRIMING, study="Two", soil="clay"))
    assert predict_known(PRIMING, study="One").attrs["integrated"] == "soil"
    assert "soil_organic_carbon = 10" in predict_known(PRIMING, study="One", soil="sand").attrs["assumed"]
    assert "soil_organic_carbon = 20" in predict_known(PRIMING, study="One").attrs["assumed"]
    with pytest.raises(UnknownNameError, match="no soil named 'sandd' in this fit; did you mean 'sand'"):
        predict_known(PRIMING, study="One", soil="sandd")


# --- what no data are of ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", [name for name in MEASUREMENT_METHODS if name not in CUE["posterior"]["measurement_method"]]
)
def test_methods_without_data_are_drawn_from_the_spread_between_methods(method):
    given = FULL["cue"] | {"method": method, "hours": None}
    found = logit(predict_new(CUE, given, seed=1))
    levels = CUE["posterior"]["level"].mean(("chain", "draw")).to_numpy()
    known = [logit(predict_new(CUE, given | {"method": name}, seed=1)) for name in ("water_18O", "metabolic_flux")]
    assert f"level of the method {method}" in predict_new(CUE, given, seed=1).attrs["integrated"]
    assert found.std() > 1.3 * max(values.std() for values in known), "less certain than a method with data"
    assert np.median(found) == pytest.approx(levels.mean() - 0.02 * 5 - 0.2 + 0.5, abs=0.35)


def test_rows_of_one_method_without_data_share_its_level_and_rows_of_other_do_not():
    rows = pd.DataFrame([FULL["cue"] | {"hours": None}] * 2).assign(study=["A", "B"])
    levels = {}
    for method in ("calorespirometry", "other"):
        values = logit(predict_new(CUE, rows.assign(method=method), seed=1))
        levels[method] = np.corrcoef(values.T)[0, 1]
    assert levels["calorespirometry"] > levels["other"] + 0.2


@pytest.mark.parametrize("method", ["metabolic_flux", "calorespirometry", "other"])
def test_hours_are_taken_for_a_method_of_which_no_study_states_them(method):
    given = FULL["cue"] | {"method": method, "hours": 240.0}
    found = predict_new(CUE, given, seed=1)
    assert f"effect of hours on the method {method}" in found.attrs["integrated"]
    effect = logit(found) - logit(predict_new(CUE, given | {"hours": 24.0}, seed=1))
    assert np.median(effect) == pytest.approx(-0.25, abs=0.1), "one decade, as the methods that have an effect of time"
    assert effect.std() > 0.2
    without = predict_new(CUE, given | {"hours": None}, seed=1)
    assert "hours" not in without.attrs["integrated"]


@pytest.mark.parametrize(
    ("setting", "label"),
    [("ecosystem", "tundra"), ("substrate", "organic_acid"), ("aeration", "anoxic"), ("aeration", "fluctuating"),
     ("counted_products", "co2_and_fermentation_products"), ("counted_products", "co2_and_methane")],
)  # fmt: skip
def test_classes_without_data_are_drawn_anew_and_named(setting, label):
    found = predict_new(CUE, FULL["cue"] | {setting: label}, seed=1)
    assert label in found.attrs["integrated"]
    assert float(np.std(logit(found))) > float(np.std(logit(predict_new(CUE, FULL["cue"], seed=1))))


@pytest.mark.parametrize(("setting", "label"), [("aeration", "oxic"), ("counted_products", "co2")])
def test_usual_conditions_change_nothing(setting, label):
    usual = predict_new(CUE, FULL["cue"], seed=1)
    np.testing.assert_array_equal(predict_new(CUE, FULL["cue"] | {setting: label}, seed=1), usual)


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [("Forest", "forest"), ("FOREST", "forest"), ("for est", "forest"), ("Grass-land", "grassland")],
)
def test_spellings_of_a_class_are_that_class(spelled, meant):
    one, other = (predict_new(CUE, FULL["cue"] | {"ecosystem": name}, seed=1) for name in (spelled, meant))
    np.testing.assert_array_equal(one, other)


def test_practices_and_ecosystems_without_data_are_drawn_from_those_there_are():
    found = predict_new(MCP, practice="cover_crop", ecosystem="grassland", seed=1)
    assert found.attrs["integrated"] == "effect of the practice cover_crop, necromass share of the ecosystem grassland"
    ratio = np.log1p(predict_new(MCP, practice="cover_crop", response="necromass", seed=1) / 100)
    assert float(ratio.mean()) == pytest.approx(0.2, abs=0.04)
    assert float(ratio.std()) == pytest.approx(np.hypot(0.15, 0.2), rel=0.15)


def test_a_setting_that_the_fit_has_no_effect_of_is_refused():
    bare = CUE.copy()
    bare["posterior"] = xr.DataTree(
        CUE["posterior"].to_dataset().drop_vars(["time_method", "timed_method", "ecosystem_effect", "ecosystem"])
    )
    for given, message in (
        ({"hours": 48}, "hours cannot be chosen"),
        ({"ecosystem": "forest"}, "ecosystem cannot be chosen"),
    ):
        with pytest.raises(UnknownNameError, match=message):
            predict_new(bare, given)
    found = predict_new(bare, CUE_TABLE, seed=1)
    without = [f"{name} (no effect in this fit) (4 of 5 rows)" for name in ("ecosystem", "hours")]
    assert found.attrs["not_used"] == ", ".join(["carbon_use_efficiency", *without])
    without = PRIMING.copy()
    without["posterior"] = xr.DataTree(PRIMING["posterior"].to_dataset().drop_vars(["nitrogen_mean", "duration"]))
    with pytest.raises(UnknownNameError, match="added_nitrogen cannot be chosen: the data of this fit"):
        predict_new(without, added_nitrogen=True)
    with pytest.raises(UnknownNameError, match="incubation_day cannot be chosen"):
        predict_new(without, incubation_day=9)


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_one_more_member_of_a_population_is_calibrated(count):
    """Members of populations whose spread is drawn from its prior: the next lies inside as often as is said."""
    rng = np.random.default_rng(count)
    inside = []
    for _ in range(200):
        spread = np.exp(-0.4 + 0.6 * rng.standard_normal())
        members = 0.3 + spread * rng.standard_normal(count + 1)
        drawn = of_population(np.tile(members[:-1], (400, 1)), (-0.4, 0.6), *rng.standard_normal((2, 400)))
        lower, upper = np.quantile(drawn, [0.055, 0.945])
        inside.append(lower <= members[-1] <= upper)
    assert np.mean(inside) == pytest.approx(0.89, abs=0.065)


def test_numbers_of_a_fit_that_failed_are_marked():
    failed = CUE.copy()
    failed.attrs = CUE.attrs | {"converged": 0, "failures": '["r_hat"]'}
    for found in (
        predict_new(failed, seed=1),
        predict_new(failed, CUE_TABLE, seed=1),
        predict_known(failed, study="Near"),
    ):
        assert found.attrs["converged"] == 0
        assert "r_hat" in found.attrs["failures"]
