"""Biochar in soil: what is compared and sampled, what made data is found, and what the bundled summary says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes.errors import EmptyTableError, SocbayesError
from socbayes.inference.calibration import calibration_table, sbc
from socbayes.inference.fit import fit
from socbayes.models.biochar import build, prior_table
from socbayes.models.biochar.model import DATES, DAYS, LEAST_DATES, LEAST_RATE, _by_losses, compared
from socbayes.models.biochar.persistence import (
    POOLS,
    amendment,
    beside_published,
    carbon_left,
    published_left,
    summary,
    traits,
)
from socbayes.models.biochar.told import shares, shares_of_scatter, traits_about
from socbayes.spec import spec_of
from socbayes.structures.amendments import CHAR_DECAY, CHAR_SPREAD, QUALITIES
from socbayes.vocabulary import CI_PROB

TRUTH = {"labile_level": -3.5, "slow_level": -5.5, "slow_slope": 3.0, "log_q10": 0.5, "labile_rate": 1.0}
TAIL = (1.0 - CI_PROB) / 2.0


def series(studies: int = 6, each: int = 4, seed: int = 2, years: float = 4.0, between: float = 0.3) -> pd.DataFrame:
    """Series of biochars that decay as the model has it, with a standard deviation between studies."""
    rng, rows = np.random.default_rng(seed), []
    for study in range(studies):
        own, fast = between * rng.standard_normal(2), np.exp(TRUTH["labile_rate"] + 0.3 * rng.standard_normal())
        for number in range(each):
            ratio, warm = rng.uniform(0.2, 0.7), rng.choice([20.0, 30.0])
            labile, rate = np.array([TRUTH["labile_level"], TRUTH["slow_level"]]) + own + 0.2 * rng.standard_normal(2)
            labile, rate = -np.expm1(-np.exp(labile)), np.exp(rate + TRUTH["slow_slope"] * (ratio - 0.4))
            days = np.linspace(0.0, 365.25 * years, 25)
            time = days / DAYS * np.exp(TRUTH["log_q10"] * (warm - 15.0) / 10.0)
            left = labile * np.exp(-fast * time) + (1 - labile) * np.exp(-rate * time)
            lost = (1 - left) * np.exp(0.03 * rng.standard_normal(days.size))
            heat = 900.0 - 800.0 * ratio + 80.0 * rng.standard_normal()
            rows.append(pd.DataFrame({
                "study": f"study {study}", "series": str(number), "incubation_day": days, "carbon_left": 1 - lost,
                "hydrogen_to_carbon": ratio if number else np.nan, "pyrolysis_temperature": heat,
                "incubation_temperature": warm,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_a_few_dates_of_each_series_are_compared_and_what_is_not_there_is_named():
    table = series()
    rows = compared(table)
    counts = table.iloc[rows].groupby(["study", "series"]).size()
    assert (counts == DATES).all()
    assert (table["incubation_day"].iloc[rows] > 0).all()
    few = table.groupby(["study", "series"]).head(LEAST_DATES)  # the first of them is the start
    for nothing in (table[table["incubation_day"] == 0.0], series(years=0.9), few):
        with pytest.raises(EmptyTableError, match="nothing to fit"):
            build(nothing)
    mixed = pd.concat([table, series(1, 2, years=0.9).assign(study="short")], ignore_index=True)
    model = build(mixed)
    assert "short/0" not in model.coords["series"]
    assert any(note.startswith("Not used: 2 of 26 series") for note in spec_of(model).notes)
    with pytest.raises(SocbayesError, match="incubation_temperature"):
        build(table.assign(incubation_temperature=np.nan))
    with pytest.raises(SocbayesError, match="have no carbon_left and hydrogen_to_carbon"):
        build(table.drop(columns=["carbon_left", "hydrogen_to_carbon"]))


def test_what_is_sampled_is_the_loss_and_its_labile_part_with_the_prior_unchanged():
    import pytensor.tensor as pt

    years, values = np.array([1.0, 5.0]), np.array([[-4.0, -6.0], [-7.0, -3.0]])
    transform = _by_losses(years)

    def back(sampled: np.ndarray) -> np.ndarray:
        return transform.backward(pt.as_tensor(sampled)).eval(mode="FAST_COMPILE")

    sampled = transform.forward(pt.as_tensor(values)).eval(mode="FAST_COMPILE")
    labile, rate = np.exp(values).T
    np.testing.assert_allclose(sampled[:, 0], np.log(labile + rate * years))
    np.testing.assert_allclose(sampled[:, 1], np.log(labile / (rate * years)))
    np.testing.assert_allclose(back(sampled), values)
    by_loss, by_odds = ((back(sampled + step) - back(sampled - step)) / 2e-5 for step in 1e-5 * np.eye(2))
    determinant = by_loss[:, 0] * by_odds[:, 1] - by_loss[:, 1] * by_odds[:, 0]
    log_determinant = transform.log_jac_det(pt.as_tensor(sampled)).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(np.abs(determinant), np.exp(log_determinant), rtol=1e-6)


def test_studies_tell_as_much_of_their_level_as_they_differ_and_have_series():
    rng = np.random.default_rng(3)
    study, warm = np.repeat(np.arange(12), [1, 4] * 6), rng.choice([0.5, 1.5], 30)[:, None]
    traits = rng.normal(size=(12, 2))[study] * [2.0, 0.0] + 0.5 * rng.normal(size=(30, 2)) + 3.0 * warm
    told = shares(traits, warm, study)
    assert told[0, 0] > 0.8
    assert (told[1::2] > told[::2]).all()
    assert told[:, 1].max() < 0.5
    scatter = rng.normal(size=600) * np.exp(rng.normal(size=12))[np.repeat(study, 20)]
    rows = np.repeat(np.arange(30), 20)
    assert shares_of_scatter(scatter, rows, study).min() > 0.9
    alike = shares_of_scatter(rng.normal(size=600), rows, study)
    assert alike.max() < 0.5


def test_pools_of_a_series_are_found_by_least_squares_well_enough_to_choose_coordinates():
    years, labile, rate = np.linspace(0.5, 4.0, 6), np.array([0.03, 0.01]), np.array([0.004, 0.02])
    lost = [a * -np.expm1(-3.3 * years) - (1 - a) * np.expm1(-k * years) for a, k in zip(labile, rate, strict=True)]
    traits, residuals = traits_about(np.tile(years, 2), np.concatenate(lost), np.repeat([0, 1], 6))
    np.testing.assert_allclose(np.exp(traits), np.stack([labile, rate], axis=1), rtol=0.1)
    assert np.abs(residuals).max() < 0.01


@pytest.mark.parametrize("between", [0.3, 1.0])
def test_the_model_finds_what_made_its_data_whether_studies_differ_little_or_much(tmp_path, between):
    table = series(6, 3, between=between)
    fitted = fit(build(table), draws=150, tune=300, chains=2, climbs=0, seed=1, store=tmp_path / "run", progress=False)
    posterior = fitted["posterior"].to_dataset()
    for name, truth in TRUTH.items():
        low, high = (float(posterior[name].quantile(q)) for q in (0.005, 0.995))
        assert low < truth < high, name
        assert high - low < (6.0 if name in ("labile_level", "slow_level", "slow_slope") else 3.0), name
    assert float(posterior["study_labile_rate"].min()) > LEAST_RATE
    assert 0.02 < np.exp(float(posterior["error_level"].mean())) < 0.045
    assert fitted.attrs["divergences"] <= 2
    assert fitted.attrs["max_r_hat"] < 1.1


def test_ranks_of_a_small_calibration_are_uniform():
    # Narrow priors: data of others lose next to nothing, or nearly all, and are no data sets.
    priors = {
        name: ("HalfNormal", {"sigma": 0.3})
        for name in ("study_sd", "series_sd", "labile_rate_sd", "error_sd", "ratio_sd")
    }
    model = build(series(2, 2, years=2.0), priors=priors)
    names = ["labile_level", "slow_level", "slow_slope", "log_q10", "labile_rate", "error_level"]
    ranks = sbc(model, simulations=20, var_names=names, ranked_draws=49, draws=100, tune=150, seed=4)
    table = calibration_table(ranks)
    assert set(names) <= set(table.index)
    assert (table["simulations"] >= 16).all()
    assert not table["p_value"].lt(0.001).any()


def test_the_summary_says_less_is_left_with_more_hydrogen_years_and_warmth():
    left = carbon_left([0.2, 0.4, 0.6])
    assert left["median"].is_monotonic_decreasing
    assert ((left["lower"] < left["median"]) & (left["median"] < left["upper"])).all()
    np.testing.assert_allclose(left["published"], [published_left(ratio) for ratio in left.index])
    ten, warm = carbon_left([0.4], years=10.0), carbon_left([0.4], temperature=25.0)
    assert ten["median"].item() > left.loc[0.4, "median"] > warm["median"].item()
    assert ten["published"].isna().all()
    mean = carbon_left([0.4], new=False)
    # A new biochar differs from the mean of all.
    assert (mean["upper"] - mean["lower"]).item() < left.loc[0.4, "upper"] - left.loc[0.4, "lower"]
    with pytest.raises(SocbayesError, match="zero or more"):
        carbon_left([0.4], years=-1.0)


def test_published_results_beside_ours():
    beside = beside_published()
    assert beside["hydrogen_to_carbon"].is_monotonic_decreasing
    assert beside["regression"].between(beside["lower"], beside["upper"]).all()
    inside = beside["published"].between(beside["lower"], beside["upper"])
    assert inside.tolist() == [True, True, False], "the share of the hottest biochar is a percent above our interval"
    assert 0 < beside["published"].iloc[2] - beside["upper"].iloc[2] < 0.01
    assert (beside["new_upper"] - beside["new_lower"] > beside["upper"] - beside["lower"]).all()
    draws = summary()
    years = np.exp(-draws["slow_level"] - 0.5 * draws["log_q10"])  # at 20 degC
    low, high = np.quantile(years, [TAIL, 1 - TAIL])
    wang, singh = POOLS
    assert low < wang.persistent_years < high
    assert singh.persistent_years > high, "char of fires is among theirs"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"hydrogen_to_carbon": [0.4, 1.4]}, "hydrogen_to_carbon=1.4 is of no biochar that was fitted"),
        ({"hydrogen_to_carbon": [np.nan]}, "hydrogen_to_carbon=nan"), ({"years": np.inf}, "zero or more"),
        ({"temperature": np.nan}, "temperature=nan"),
    ],
)  # fmt: skip
def test_what_no_series_was_like_is_refused(settings, text):
    with pytest.raises(SocbayesError, match=text):
        carbon_left(**settings)


def test_amendments_take_their_biochar_from_the_summary():
    ours = amendment()
    labile, _, slow = traits(0.4, 15.0)
    persists = QUALITIES["biochar"]
    assert persists.log_odds == pytest.approx(ours["log_odds"], rel=1e-3)
    assert persists.spread == pytest.approx(ours["spread"], rel=1e-3)
    assert np.log(CHAR_DECAY) == pytest.approx(ours["log_decay"], rel=1e-3)
    assert pytest.approx(ours["decay_spread"], rel=1e-3) == CHAR_SPREAD
    # It is what new biochars are drawn as.
    assert np.log(slow).mean() == pytest.approx(ours["log_decay"], abs=0.2)
    assert np.log(slow).std() == pytest.approx(ours["decay_spread"], rel=0.15)
    assert np.log(1 / labile - 1).mean() == pytest.approx(ours["log_odds"], abs=0.2)
    assert len({values.size for values in summary().values()}) == 1
    assert prior_table().loc["slow_level", "unit"] == "log 1/year"
