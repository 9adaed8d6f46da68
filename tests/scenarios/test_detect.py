"""Cores and years to see a growth, against simulated sampling."""

from __future__ import annotations

import numpy as np
import pytest
from made_projection import made_projection

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.observations import DENSITY_ERROR
from socbayes.scenarios.candidates import Errors
from socbayes.scenarios.detect import cores_and_years
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.gains import FOUR_PER_MILLE
from socbayes.vocabulary import CI_PROB

MADE = made_projection()
FINE = Errors(cores=0.1, laboratory=0.01)
OF_A_CORE = 0.1**2 + DENSITY_ERROR[0] ** 2
"""Variance of the logarithm of a stock between cores: of its concentration and of its bulk density."""


def seen(rng, changes, spread, error, plots, repeats=20_000):
    """Share of simulated samplings whose interval of the mean change lies above zero."""
    from scipy import stats

    found = changes + rng.normal(0, spread, (repeats, plots)) + rng.normal(0, error, (repeats, plots))
    lower = found.mean(axis=1) - stats.t.ppf((1 + CI_PROB) / 2, plots - 1) * found.std(axis=1, ddof=1) / np.sqrt(plots)
    return (lower > 0).mean()


def test_the_power_is_that_of_simulated_samplings():
    table = cores_and_years(MADE, errors=FINE).set_index("years")
    row = table.loc[10.0]
    stocks = MADE["known"].sel(plan="cover", fraction="total")
    change = (stocks.sel(year=2035) / stocks.sel(year=2025) - 1).to_numpy()
    spread = np.sqrt(change.var(axis=1, ddof=1).mean())
    rng = np.random.default_rng(0)
    for cores, power in ((int(row["cores"]), row["power"]), (10**9, row["power_at_most"])):
        error = np.sqrt(2 * 0.01**2 + 2 * OF_A_CORE / cores)
        simulated = seen(rng, 10 * FOUR_PER_MILLE, spread, error, change.shape[1])
        assert simulated == pytest.approx(power, abs=0.01)
    fewer = np.sqrt(2 * 0.01**2 + 2 * OF_A_CORE / (int(row["cores"]) - 1))
    assert seen(rng, 10 * FOUR_PER_MILLE, spread, fewer, change.shape[1]) < 0.81
    assert row["power"] >= 0.8
    assert row["samples"] == 2 * 6 * row["cores"]


def test_the_chance_follows_the_plan():
    """What a plan gains is seen, by its draws: more than its growth where it grows faster."""
    table = cores_and_years(MADE, errors=FINE).set_index("years")
    change = MADE["known"].sel(plan="cover", fraction="total")
    mean = (change.sel(year=2035) / change.sel(year=2025) - 1).mean("plot").to_numpy()
    assert table.loc[10.0, "grows"] == pytest.approx((mean >= 0.04).mean())
    falling = cores_and_years(MADE, plan="straw off", errors=FINE).set_index("years")
    assert falling.loc[30.0, "grows"] < 0.01
    assert falling.loc[30.0, "chance"] < 0.05 < table.loc[30.0, "chance"]


def test_more_years_need_fewer_cores_and_some_are_too_few():
    table = cores_and_years(MADE, errors=Errors(cores=0.1, laboratory=0.03))
    assert table["cores"].isna().iloc[0]
    assert table["samples"].isna().iloc[0]
    assert table["power_at_most"].iloc[0] < 0.8
    needed = table["cores"].dropna().tolist()
    assert needed == sorted(needed, reverse=True)
    assert needed
    marked = cores_and_years(MADE, errors=Errors(cores=0.1, laboratory=0.01, paired=0.7))
    unmarked = cores_and_years(MADE, errors=FINE)
    assert marked["cores"].iloc[2] < unmarked["cores"].iloc[2]
    assert any("not to correlate" in note for note in unmarked.attrs["notes"])
    assert not any("not to correlate" in note for note in marked.attrs["notes"])


def test_an_error_that_all_plots_of_a_visit_share_is_narrowed_by_nothing():
    table = cores_and_years(MADE, errors=Errors(cores=0.1, laboratory=0.01, visit=0.03)).set_index("years")
    assert table["cores"].isna().all()
    change = (MADE["known"].sel(plan="cover", fraction="total", year=2055) / MADE["known"].sel(
        plan="cover", fraction="total", year=2025) - 1).to_numpy()  # fmt: skip
    known = np.sqrt((change.var(axis=1, ddof=1).mean() + 2 * 0.01**2) / 6 + 2 * 0.03**2)
    from scipy import stats

    at_most = stats.nct.sf(stats.t.ppf((1 + CI_PROB) / 2, 5), 5, 30 * FOUR_PER_MILLE / known)
    assert table.loc[30.0, "power_at_most"] == pytest.approx(at_most)
    size = MADE.sizes["sample"]
    learned = MADE.assign(occasion_sd=(("sample", "fraction"), np.tile([0.03, 0.0], (size, 1))))
    again = cores_and_years(learned, errors=FINE).set_index("years")
    np.testing.assert_allclose(again["power_at_most"], table["power_at_most"])
    assert not any("all plots of a visit" in note for note in again.attrs["notes"])
    assert any("all plots of a visit" in note for note in cores_and_years(MADE, errors=FINE).attrs["notes"])
    with pytest.raises(SocbayesError, match="an error of a visit is zero or more"):
        Errors(visit=-0.1)


def test_errors_of_the_fit_are_taken_and_a_failed_fit_is_marked():
    bad = made_projection(converged=False)
    bad = bad.assign(error=(("sample", "fraction"), np.full((bad.sizes["sample"], 2), 0.1)))
    table = cores_and_years(bad)
    assert (table["converged"] == 0).all()
    assert table.attrs["notes"][0] == DO_NOT_USE
    assert any("as one measurement of the fit" in note for note in table.attrs["notes"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"probability": 1.0}, "between 0 and 1"),
        ({"growth": 0.0}, "above zero"),
        ({"plots": ("A1",)}, "two plots or more"),
        ({"plots": ("A1", "Z9")}, "no plots named Z9"),
        ({"plan": "covr"}, "did you mean 'cover'"),
        ({"errors": Errors()}, "state errors=Errors"),
        ({"growth": "0.004"}, "not '0.004'"),
    ],
)
def test_what_cannot_be_told_is_refused(arguments, complaint):
    with pytest.raises((SocbayesError, UnknownNameError), match=complaint):
        cores_and_years(MADE, **({"errors": FINE} | arguments))


def test_a_projection_of_one_year_is_refused():
    with pytest.raises(SocbayesError, match="of 2025 only: project a later year"):
        cores_and_years(MADE.sel(year=[2025.0]), errors=FINE)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"cores": 0.0}, "above zero"),
        ({"cores": np.nan}, "above zero"),
        ({"cores": "0.1"}, "above zero"),
        ({"cores": 0.1, "laboratory": -0.01}, "zero or more"),
        ({"cores": 0.1, "laboratory": np.inf}, "zero or more"),
        ({"cores": 0.1, "paired": 1.0}, "less than 1"),
        ({"cores": 0.1, "paired": -0.1}, "less than 1"),
    ],
)
def test_errors_that_cannot_be_are_refused(arguments, complaint):
    with pytest.raises(SocbayesError, match=complaint):
        Errors(**arguments)


def test_the_laboratory_counts_once_in_what_a_fit_learned():
    """A fit learns of one core with its laboratory; both ways of counting share one function."""
    made = MADE.assign(error=(("sample", "fraction"), np.full((MADE.sizes["sample"], 2), 0.1)))
    errors = Errors(laboratory=0.06)
    each, shared = errors.variances(made, "total")
    np.testing.assert_allclose(each, 0.1**2 - 0.06**2 + DENSITY_ERROR[0] ** 2)
    assert shared == pytest.approx(0.06**2)
    assert errors.variances(made, "total", density=False)[1] == pytest.approx(0.06**2 + DENSITY_ERROR[1] ** 2)
    assert (Errors(laboratory=0.2).of_one(made, "total") == 0).all()
    stated = Errors(cores=float(np.sqrt(0.1**2 - 0.06**2)), laboratory=0.06)
    columns = ["cores", "power", "power_at_most", "chance"]
    assert cores_and_years(made, errors=errors)[columns].equals(cores_and_years(made, errors=stated)[columns])
