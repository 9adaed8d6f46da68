"""Biochar in soil: the model finds what made its data, and the bundled summary says what a fit did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import socbayes as sb
from socbayes.errors import EmptyTableError, SocbayesError
from socbayes.inference.fit import fit
from socbayes.models.biochar import build, prior_table
from socbayes.models.biochar.model import DATES, DAYS, compared
from socbayes.models.biochar.persistence import carbon_left, published_left, summary, traits
from socbayes.structures.amendments import CHAR_DECAY, QUALITIES
from socbayes.vocabulary import CI_PROB

TRUTH = {"labile_level": -3.0, "slow_level": -5.5, "slow_slope": 3.0, "log_q10": 0.5}
TAIL = (1.0 - CI_PROB) / 2.0


def series(studies: int = 6, each: int = 4, seed: int = 2) -> pd.DataFrame:
    """Series of biochars that decay as the model has it."""
    rng, rows = np.random.default_rng(seed), []
    for study in range(studies):
        own = 0.3 * rng.standard_normal(2)
        for number in range(each):
            ratio, warm = rng.uniform(0.2, 0.7), rng.choice([20.0, 30.0])
            labile, rate = np.array([TRUTH["labile_level"], TRUTH["slow_level"]]) + own + 0.2 * rng.standard_normal(2)
            labile, rate = 1 / (1 + np.exp(-labile)), np.exp(rate + TRUTH["slow_slope"] * (ratio - 0.4))
            days = np.linspace(0.0, 1400.0, 15)
            time = days / DAYS * np.exp(TRUTH["log_q10"] * (warm - 15.0) / 10.0)
            left = labile * np.exp(-3.3 * time) + (1 - labile) * np.exp(-rate * time)
            lost = (1 - left) * np.exp(0.05 * rng.standard_normal(days.size))
            rows.append(pd.DataFrame({
                "study": f"study {study}", "series": str(number), "incubation_day": days, "carbon_left": 1 - lost,
                "hydrogen_to_carbon": ratio if number else np.nan, "pyrolysis_temperature": 900.0 - 800.0 * ratio,
                "incubation_temperature": warm,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_a_table_of_series_is_read_and_a_few_dates_of_each_are_compared():
    table = series()
    assert sb.validate_table(table, "biochar_decomposition") == []
    rows = compared(table)
    counts = table.iloc[rows].groupby(["study", "series"]).size()
    assert (counts == DATES).all()
    assert (table["incubation_day"].iloc[rows] > 0).all()
    with pytest.raises(EmptyTableError, match="nothing to fit"):
        build(table[table["incubation_day"] == 0.0])
    with pytest.raises(SocbayesError, match="incubation_temperature"):
        build(table.assign(incubation_temperature=np.nan))


def test_the_model_finds_what_made_its_data(tmp_path):
    fitted = fit(build(series()), draws=300, tune=400, chains=2, seed=1, store=tmp_path / "run", progress=False)
    posterior = fitted["posterior"].to_dataset()
    for name, truth in TRUTH.items():
        low, high = (float(posterior[name].quantile(q)) for q in (TAIL, 1 - TAIL))
        assert low < truth < high, name


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


def test_amendments_take_their_biochar_from_the_summary():
    labile, _, slow = traits(0.4, 10.0, new=False)
    assert QUALITIES["biochar"].humified == pytest.approx(1.0 - np.median(labile), abs=0.005)
    assert pytest.approx(np.median(slow), rel=0.05) == CHAR_DECAY
    assert len({values.size for values in summary().values()}) == 1
    assert prior_table().loc["slow_level", "unit"] == "log 1/year"
