"""Credited quantities and validation, against the worked numbers of the rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from socbayes.errors import ConvergenceError, SocbayesError, UnknownNameError
from socbayes.facts import table_of, with_tables
from socbayes.inference.stored import load_posterior
from socbayes.scenarios.credits import CO2_PER_C, FORMULA, credit, student
from socbayes.scenarios.validation import require_unseen, validation


def draws_of(mean: float, sd: float, points: int = 2, draws: int = 1000) -> np.ndarray:
    """Gains in t CO2e/ha that all points share, with exactly this mean and standard deviation; as t C/ha."""
    from scipy import stats

    normal = stats.norm.ppf((np.arange(draws) + 0.5) / draws)
    normal /= normal.std(ddof=1)
    return np.repeat((mean + sd * normal)[:, None], points, axis=1) / CO2_PER_C


def test_a_gain_in_a_large_sample():
    """Mean 1, sd 0.5: 21.58 % deducted, 0.784 credited, 0.690 after a buffer of 12 %."""
    gains = draws_of(1.0, 0.5)
    sheet = credit(gains, np.zeros_like(gains), every_point=True, buffer=0.12)
    assert sheet.deduction == pytest.approx(21.58, abs=0.005)
    assert sheet.credited == pytest.approx(0.784, abs=5e-4)
    assert sheet.net == pytest.approx(0.690, abs=5e-4)
    assert sheet.quantile == pytest.approx(sheet.credited, abs=1e-3)


def test_a_loss_is_made_larger():
    gains = draws_of(-1.0, 0.5)
    sheet = credit(gains, np.zeros_like(gains), every_point=True, buffer=0.12)
    assert sheet.credited == pytest.approx(-1.216, abs=5e-4)
    assert sheet.buffer == 0


@pytest.mark.parametrize(("freedom", "student"), [(10, 0.4447), (30, 0.4359)])
def test_few_points_deduct_more(freedom, student):
    gains = draws_of(1.0, 0.5, points=freedom + 1)
    sheet = credit(gains, np.zeros_like(gains))
    assert sheet.degrees_of_freedom == freedom
    assert sheet.sampling_sd == pytest.approx(0, abs=1e-12)
    assert sheet.deduction == pytest.approx(100 * student * 0.5, abs=0.005)


def test_sampling_error_by_hand():
    """Two strata, equations 65 to 69 with numbers small enough to do on paper."""
    gains = np.array([[1.0, 3.0, 10.0, 14.0], [2.0, 4.0, 11.0, 15.0]]) / CO2_PER_C
    sheet = credit(gains, np.zeros_like(gains), strata=["a", "a", "b", "b"], area={"a": 30.0, "b": 10.0})
    assert sheet.gain == pytest.approx((30 * 2.5 + 10 * 12.5) / 40)
    assert sheet.model_sd == pytest.approx(np.sqrt(0.5))
    assert sheet.sampling_sd == pytest.approx(np.sqrt(30**2 * 2 / 2 + 10**2 * 8 / 2) / 40)
    assert sheet.degrees_of_freedom == 2


def test_errors_that_points_share_do_not_average_away():
    rng = np.random.default_rng(0)
    shared, own = rng.normal(1, 0.5, (2000, 1)), rng.normal(0, 0.5, (2000, 400))
    one = credit(shared + own, np.zeros((2000, 400)), every_point=True)
    assert one.model_sd == pytest.approx(0.5 * CO2_PER_C, rel=0.05)


def test_reductions_and_removals_sum_to_what_is_credited():
    rng = np.random.default_rng(1)
    start = np.array([50.0, 50.0, 50.0])
    baseline = start + rng.normal([-2, 1, -2], 0.3, (500, 3))
    project = start + rng.normal([-1, 2, 1], 0.3, (500, 3))
    sheet = credit(project, baseline, start=start, area=90.0)
    assert sheet.reductions + sheet.removals == pytest.approx(sheet.credited * 90)
    # 1, 0 and 2 t C/ha are losses avoided; 0, 1 and 1 are carbon beyond the start
    assert sheet.reductions / sheet.removals == pytest.approx(3 / 2, rel=0.05)


def test_a_skewed_posterior_has_a_quantile_of_its_own():
    rng = np.random.default_rng(2)
    gains = np.repeat(rng.lognormal(0, 1.2, 4000)[:, None], 3, axis=1) / CO2_PER_C
    sheet = credit(gains, np.zeros_like(gains), every_point=True)
    assert sheet.quantile == pytest.approx(np.exp(1.2 * -0.4316), rel=0.05)
    assert abs(sheet.credited - sheet.quantile) > 0.1 * sheet.quantile


def test_a_gain_near_zero_has_no_deduction_in_percent():
    gains = draws_of(0.05, 0.5)
    sheet = credit(gains, np.zeros_like(gains), every_point=True)
    assert np.isnan(sheet.deduction)
    assert "read the quantile" in sheet.text
    assert sheet.quantile < 0
    start = 1.0 + 0.01 * np.arange(1000)[:, None] * np.ones(2)
    assert np.isnan(credit(gains, np.zeros_like(gains), start=start, every_point=True).removals)


def test_the_sheet_names_units_and_claims_no_conformity():
    gains = draws_of(1.0, 0.5)
    sheet = credit(gains, np.zeros_like(gains), every_point=True)
    assert sheet.text.startswith("Computed as in Verra VM0042 v2.2")
    assert "conform" not in sheet.text
    assert sheet.table.set_index("quantity").loc["credited", "unit"] == "t CO2e/ha"
    assert np.isnan(sheet.net)


def test_a_tenth_percentile_is_that_of_the_draws():
    gains = np.repeat(np.exp(np.linspace(-3, 3, 1001))[:, None], 2, axis=1) / CO2_PER_C
    sheet = credit(gains, np.zeros_like(gains), rule="rainbow", every_point=True, buffer=0.1, area=3.0)
    of_area = gains.mean(axis=1) * CO2_PER_C
    assert sheet.credited == sheet.quantile == pytest.approx(np.quantile(of_area, 0.1))
    assert sheet.deduction == pytest.approx(100 * (1 - sheet.credited / of_area.mean()))
    assert sheet.net == pytest.approx(0.9 * 3 * sheet.credited)


def test_a_percentile_of_draws_is_told_where_it_is_a_loss():
    gains = draws_of(0.05, 0.5)
    sheet = credit(gains, np.zeros_like(gains), rule="rainbow", every_point=True)
    assert sheet.credited == sheet.quantile < 0
    table = sheet.table.set_index("quantity")["value"]
    assert table["credited"] == table["quantile"]
    assert np.isnan(table["deduction"])
    assert f"of which {sheet.credited:.3g} t CO2e/ha are credited" in sheet.text
    assert "read the quantile" not in sheet.text


def test_few_points_widen_the_quantile_as_they_do_the_formula():
    """Three points without any error of the model: Student's t with two degrees of freedom, in both."""
    gains = np.repeat(np.array([[1.0, 2.0, 3.0]]), 200, axis=0) / CO2_PER_C
    sheet = credit(gains, np.zeros_like(gains))
    expected = 2 - student(0.667, 2) / np.sqrt(3)
    assert sheet.credited == pytest.approx(expected)
    assert sheet.quantile == pytest.approx(expected)
    assert credit(gains, np.zeros_like(gains), rule="rainbow").credited == pytest.approx(
        2 - student(0.9, 2) / np.sqrt(3)
    )


def test_text_and_table_agree_where_the_formula_says_nothing():
    gains = draws_of(0.05, 0.5)
    sheet = credit(gains, np.zeros_like(gains), every_point=True, buffer=0.12)
    assert "credited" not in sheet.text
    assert f"Exceeded with probability 0.667: {sheet.quantile:.3g} t CO2e/ha." in sheet.text
    assert sheet.table.set_index("quantity").loc[list(FORMULA), "value"].isna().all()


def test_a_small_loss_is_made_larger_in_text_and_table():
    gains = draws_of(-0.05, 0.5)
    sheet = credit(gains, np.zeros_like(gains), every_point=True)
    assert sheet.credited == pytest.approx(-0.05 - 0.4316 * 0.5, abs=1e-3)
    assert sheet.table.set_index("quantity").loc["credited", "value"] == sheet.credited
    assert f"of which {sheet.credited:.3g} t CO2e/ha are credited" in sheet.text
    assert "The loss of 0.05 t CO2e/ha is no larger than its deduction" in sheet.text


FINE = np.ones((200, 3))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"rule": "vm0042"}, "vm0042_v2_2"),
        ({"baseline": np.ones((200, 2))}, "draw by draw"),
        ({"project": np.full((200, 3), np.nan)}, "600 stocks of the project"),
        ({"strata": ["a", "a"]}, "2 strata for 3 points"),
        ({"strata": ["a", "a", "b"]}, "area of each stratum"),
        ({"strata": ["a", "a", "b"], "area": {"a": 1, "b": 2}}, "stratum b has one point"),
        ({"strata": ["a", "a", "a"], "area": {"A": 1}}, "strata of points and of areas differ: A, a"),
        ({"area": -1.0}, "positive hectares"),
        ({"buffer": 0.05}, "from 0.12 to 0.6"),
        ({"buffer": "0.12"}, "a share, such as 0.12, not '0.12'"),
        ({"start": np.ones(2)}, "each of 3 points"),
    ],
)
def test_what_cannot_be_credited_is_refused(arguments, complaint):
    with pytest.raises((SocbayesError, UnknownNameError), match=complaint):
        credit(**({"project": FINE, "baseline": FINE} | arguments))


def test_bias_and_pooled_error_of_the_worked_example():
    """Study biases +2.85, -0.60 and -3.15: mean -0.30 within a pooled error of 1.6."""
    biases = np.array([2.85, -0.60, -3.15])
    draws = np.linspace(-12, 12, 201)[:, None] + biases
    judged = validation(draws, np.zeros(3), ["a", "b", "c"], standard_error=np.full(3, 1.6), replicates=[3, 4, 5])
    assert judged.bias == pytest.approx(-0.30)
    assert judged.measurement_error == pytest.approx(1.6)
    assert judged.inside == 1
    assert judged.passed


def test_pooled_error_weighs_by_replicates_less_one():
    judged = validation(np.zeros((3, 2)), [0, 0], ["a", "b"], standard_error=[1.0, 2.0], replicates=[2, 5])
    assert judged.measurement_error == pytest.approx(np.sqrt((1 * 1 + 4 * 4) / 5))


def test_every_study_counts_once():
    judged = validation(
        np.zeros((3, 4)), [-1, -1, -1, 3], list("aaab"), standard_error=np.ones(4), replicates=np.full(4, 2)
    )
    assert judged.bias == pytest.approx(-1.0)
    assert judged.by_study["rows"].tolist() == [3, 1]


def test_too_narrow_intervals_do_not_pass():
    rng = np.random.default_rng(3)
    judged = validation(
        rng.normal(0, 0.5, (500, 60)),
        rng.normal(0, 1, 60),
        ["a"] * 60,
        standard_error=np.ones(60),
        replicates=np.full(60, 3),
    )
    assert judged.inside < 0.8
    assert not judged.passed
    assert "does not pass" in judged.text


@pytest.mark.parametrize(
    "change", [{"standard_error": [1.0, 0.0]}, {"replicates": [1, 3]}, {"observed": [0, np.nan]}, {"study": ["a"]}]
)
def test_what_cannot_be_judged_is_refused(change):
    arguments = {
        "predictions": np.zeros((9, 2)), "observed": [0, 0], "study": ["a", "b"],
        "standard_error": [1.0, 1.0], "replicates": [3, 3],
    }  # fmt: skip
    with pytest.raises(SocbayesError):
        validation(**(arguments | change))


def test_data_that_the_fit_has_seen_validate_nothing():
    fitted = load_posterior("cue_process")
    study = next(iter(table_of(fitted)["study"].unique()))
    arguments = {
        "predictions": np.zeros((9, 2)), "observed": [0.1, -0.1], "standard_error": [1.0, 1.0], "replicates": [3, 3],
    }  # fmt: skip
    with pytest.raises(SocbayesError, match="has learned from"):
        validation(study=["a", study.upper()], fitted=fitted, **arguments)
    with pytest.raises(SocbayesError, match="no fit is given that left out b"):
        validation(study=["a", "b"], fitted={"a": fitted}, **arguments)
    assert "not checked" not in validation(study=["a", "b"], fitted=fitted, **arguments).text
    assert "was not checked" in validation(study=["a", "b"], **arguments).text


@pytest.mark.parametrize(
    ("model", "role"), [("mcp_process", "pairs"), ("mcp_process", "levels"), ("priming_process", "endpoints")]
)
def test_studies_of_every_table_of_a_fit_are_seen(model, role):
    fitted = load_posterior(model)
    studies = table_of(fitted, role)["study"].unique().tolist()
    with pytest.raises(SocbayesError, match="has learned from") as told:
        require_unseen(fitted, ["A study of nobody 2031", *studies])
    assert str(told.value).startswith(f"the fit has learned from {', '.join(studies)}: ")
    require_unseen(fitted, ["A study of nobody 2031"])


def test_a_fit_that_cannot_say_what_it_has_seen_is_refused():
    fitted = load_posterior("mcp_process")
    fitted.attrs["spec"] = fitted.attrs["spec"].replace("necromass_levels", "levels_of_mine")
    with pytest.raises(SocbayesError, match="does not hold its table levels"):
        require_unseen(fitted, ["a"])
    bare = xr.DataTree()
    with_tables(bare, {"table": pd.DataFrame({"cue": [0.3]}), "weather": pd.DataFrame({"site": ["a"]})})
    with pytest.raises(SocbayesError, match="has a column study or site"):
        require_unseen(bare, ["a"])
    with_tables(bare, {"obs": pd.DataFrame({"site": ["b"]})})
    require_unseen(bare, ["a"])


def test_a_fit_that_failed_its_checks_validates_nothing():
    fitted = load_posterior("cue_process")
    fitted.attrs |= {"converged": 0, "failures": '["R-hat of 1.4"]'}
    with pytest.raises(ConvergenceError, match=r"that foresaw a, b did not pass its checks.*R-hat of 1\.4"):
        validation(
            np.zeros((9, 2)), [0.1, -0.1], ["a", "b"], standard_error=[1.0, 1.0], replicates=[3, 3], fitted=fitted
        )
