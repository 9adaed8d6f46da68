"""What to measure next, against posteriors in closed form and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_projection import PLOTS, made_projection

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.scenarios.credits import CO2_PER_C, student
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.expected import explained
from socbayes.scenarios.measure import Errors, Measurement, next_measurements

MADE = made_projection()
FINE = Errors(cores=0.1, laboratory=0.02)


def of_two_plans(base: np.ndarray, plan: np.ndarray, years: list[float]) -> xr.Dataset:
    """Projection of stocks (sample, plot, year) under a baseline and one plan."""
    return xr.Dataset(
        {"known": (("plan", "sample", "plot", "year", "fraction"), np.stack([base, plan])[..., None])},
        coords={"plan": ["usual", "more"], "plot": [f"p{k}" for k in range(base.shape[1])], "year": years,
                "fraction": ["total"]},
        attrs={"baseline": "usual", "converged": 1, "failures": "[]"},
    )  # fmt: skip


def test_the_narrowing_of_a_normal_case_is_the_exact_one():
    """Gain and logarithm of a stock are linear in two normals, so the posterior variance is known."""
    rng = np.random.default_rng(0)
    samples, plots, error = 6000, 3, 0.05
    common, own = rng.normal(0, 0.06, (samples, 1)), rng.normal(0, 0.04, (samples, plots))
    logs = np.log(50) + common + own
    base = np.repeat(np.exp(logs)[..., None], 2, axis=2)
    gain = 2.0 + 20.0 * common[:, 0] + rng.normal(0, 0.5, samples)
    made = of_two_plans(base, base + gain[:, None, None] * [0.0, 1.0], [2025.0, 2035.0])
    candidate = Measurement("now", 2025.0, error=error)
    (row,) = next_measurements(made, [candidate]).to_dict("records")
    within = (0.04**2 + error**2) / plots
    left = (20 * CO2_PER_C) ** 2 * 0.06**2 * within / (0.06**2 + within) + (0.5 * CO2_PER_C) ** 2
    total = (20 * CO2_PER_C * 0.06) ** 2 + (0.5 * CO2_PER_C) ** 2
    assert row["narrowing"] == pytest.approx(1 - left / total, abs=3 * row["narrowing_error"])
    assert row["narrowing_error"] < 0.02
    assert row["gain_sd_after"] == pytest.approx(np.sqrt(left), rel=0.03)
    # A gain that all plots share has no error of sampling, so the rule takes t of it alone.
    expected = row["credited"] + student(0.667, plots - 1) * (row["gain_sd"] - row["gain_sd_after"])
    assert row["credited_after"] == pytest.approx(expected, rel=1e-6)
    assert row["quantile_after"] > row["quantile"]


def one_pool(rate, start, extra, years):
    """Stock of a linear pool with an input of 1.2, and of ``extra`` besides, t/ha."""
    balance = (1.2 + extra) / rate
    return balance + (start - balance) * np.exp(-rate * years)


def test_the_narrowing_of_a_non_linear_case_is_that_of_refits():
    """Refits by the grid: the posterior of rate and start for each of many simulated results."""
    rng = np.random.default_rng(1)
    samples, error = 3000, 0.04
    rate, start = 0.025 * np.exp(0.35 * rng.standard_normal(samples)), 48 * np.exp(0.1 * rng.standard_normal(samples))
    years = np.array([0.0, 15.0, 30.0])
    runs = [one_pool(rate[:, None], start[:, None], extra, years)[:, None, :] for extra in (0.0, 0.6)]
    made = of_two_plans(*runs, [2025.0, 2040.0, 2055.0])
    row = next_measurements(made, [Measurement("2040", 2040.0, error=error)]).iloc[0]

    places = np.linspace(-3.5, 3.5, 81)
    first, second = (part.ravel() for part in np.meshgrid(places, places))
    of_rate, of_start = 0.025 * np.exp(0.35 * first), 48 * np.exp(0.1 * second)
    gain = (one_pool(of_rate, of_start, 0.6, 30.0) - one_pool(of_rate, of_start, 0.0, 30.0)) * CO2_PER_C
    prior = np.exp(-0.5 * (first**2 + second**2))
    log_stock = np.log(one_pool(of_rate, of_start, 0.6, 15.0))

    def variance(weight):
        weight = weight / weight.sum()
        return weight @ (gain - weight @ gain) ** 2

    found = np.log(runs[1][:600, 0, 1]) + error * rng.standard_normal(600)
    after = np.mean([variance(prior * np.exp(-0.5 * ((result - log_stock) / error) ** 2)) for result in found])
    assert row["narrowing"] == pytest.approx(1 - after / variance(prior), abs=0.04)
    assert 0.3 < row["narrowing"] < 0.9


def test_results_that_say_nothing_explain_nothing():
    rng = np.random.default_rng(2)
    share, error, left = explained(rng.standard_normal(600), rng.standard_normal((4, 600, 12)))
    assert share < 3 * error + 0.01
    assert left.shape == (2400,)
    assert explained(np.ones(100), rng.standard_normal((4, 100, 1)))[0] == 0


def test_a_square_is_seen():
    rng = np.random.default_rng(3)
    truth = rng.standard_normal((2000, 2))
    share, _, left = explained(truth[:, 0] * truth[:, 1], np.repeat(truth[None], 2, axis=0))
    assert share > 0.99
    assert left.std() < 0.2


def test_more_of_a_measurement_narrows_more():
    ranked = next_measurements(
        MADE,
        [Measurement("one core", 2040.0), Measurement("ten cores", 2040.0, cores=10),
         Measurement("one plot", 2040.0, cores=10, plots=("a1",)),
         Measurement("ten cores, borrowed density", 2040.0, cores=10, density=False),
         Measurement("at the start", 2025.0, cores=10), Measurement("nine more points", points=9)],
        errors=FINE,
    ).set_index("measurement")  # fmt: skip
    narrowing = ranked["narrowing"]
    assert narrowing["ten cores"] > narrowing["ten cores, borrowed density"] > narrowing["one core"]
    assert narrowing["ten cores"] > narrowing["one plot"] > 0.02
    assert narrowing["at the start"] < 0.05  # nobody learns of the plan before it begins
    assert narrowing["nine more points"] == 0
    assert ranked["credited_after"]["nine more points"] > ranked["credited"]["nine more points"]
    assert ranked["credited_rise"].is_monotonic_decreasing
    assert ranked.attrs["notes"][-1].startswith("Not all measurements have a cost")


def test_costs_decide_where_all_are_known():
    frame = pd.DataFrame(
        {"name": ["much", "little"], "year": [2040.0, 2040.0], "cores": [20, 2], "cost": [100_000.0, 100.0],
         "plots": [None, "A1; A2;A3"]}
    )  # fmt: skip
    ranked = next_measurements(MADE, frame, errors=FINE)
    assert ranked["measurement"].tolist() == ["little", "much"]
    assert ranked["rise_per_cost"].tolist() == (ranked["credited_rise"] / ranked["cost"]).tolist()
    assert ranked["credited_rise"].is_monotonic_increasing


def test_other_draws_of_the_projection_can_be_measured():
    """An input that the gain is proportional to tells all, another nothing."""
    gain = (MADE["known"].sel(plan="cover") - MADE["known"].sel(plan="usual")).sel(year=2055, fraction="total")
    other = np.exp(np.random.default_rng(4).standard_normal(MADE.sizes["sample"]))
    made = MADE.assign(input=gain.mean("plot"), other=("sample", other))
    ranked = next_measurements(
        made, [Measurement("input", of="input", error=0.01), Measurement("other", of="other", error=0.01)]
    ).set_index("measurement")
    assert ranked["narrowing"]["input"] > 0.97
    assert ranked["narrowing"]["other"] < 0.02


def test_areas_weigh_and_errors_of_the_fit_are_taken():
    made = MADE.assign(error=(("sample", "fraction"), np.full((MADE.sizes["sample"], 2), 0.05)))
    areas = pd.DataFrame({"plot": PLOTS[:2], "area [ha]": 30.0})
    row = next_measurements(made, [Measurement("2040", 2040.0)], areas=areas, year=2045.0).iloc[0]
    assert row["credited_rise"] == pytest.approx(60 * (row["credited_after"] - row["credited"]))


def test_a_failed_fit_is_marked():
    ranked = next_measurements(made_projection(converged=False), [Measurement("2040", 2040.0)], errors=FINE)
    assert (ranked["converged"] == 0).all()
    assert ranked.attrs["notes"][0] == DO_NOT_USE


@pytest.mark.parametrize(
    ("candidates", "complaint"),
    [
        ([], "no candidates"),
        ([Measurement("a", 2040.0), Measurement("a", 2050.0)], "two candidates are called 'a'"),
        (pd.DataFrame({"name": ["a"], "core": [1]}), "did you mean 'cores'"),
        ([Measurement("a", 2041.0)], "a: the projection has no year 2041"),
        ([Measurement("a", 2040.0, plots=("A9",))], "no plot named 'A9'"),
        ([Measurement("a", 2040.0, cores=0)], "one or more"),
        ([Measurement("a")], "in which year"),
        ([Measurement("a", of="inputs", error=0.1)], "no draws of 'inputs'"),
        ([Measurement("a", of="new", year=2040.0)], "how unsure a measurement of new"),
        ([Measurement("a", 2040.0, fraction="mineral")], "no fraction named 'mineral'"),
    ],
)
def test_what_cannot_be_measured_is_refused(candidates, complaint):
    with pytest.raises((SocbayesError, UnknownNameError), match=complaint):
        next_measurements(MADE, candidates, errors=FINE)


def test_unknown_errors_are_asked_for_and_faults_come_at_once():
    with pytest.raises(SocbayesError, match="state errors=Errors"):
        next_measurements(MADE, [Measurement("a", 2040.0)])
    with pytest.raises(ExceptionGroup) as told:
        next_measurements(MADE, [Measurement("a", 2041.0), Measurement("b", 2040.0, plots=("Z",))], errors=FINE)
    assert len(told.value.exceptions) == 2
