"""What to measure next, against posteriors in closed form and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_field import fit_of
from made_projection import PLOTS, made_projection

from socbayes.errors import SocbayesError, TableFaultsError, UnknownNameError
from socbayes.observations import DENSITY_ERROR
from socbayes.scenarios.candidates import Errors, Measurement
from socbayes.scenarios.credits import CO2_PER_C, student
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.expected import explained
from socbayes.scenarios.inputs import with_inputs
from socbayes.scenarios.measure import REPEATS, next_measurements
from socbayes.scenarios.projections import project

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
    # What all plots of a visit share is not narrowed by their number.
    errors = Errors(cores=0.05, visit=0.04)
    (row,) = next_measurements(made, [Measurement("now", 2025.0)], errors=errors).to_dict("records")
    within = (0.04**2 + 0.05**2 + DENSITY_ERROR[0] ** 2) / plots + 0.04**2
    left = (20 * CO2_PER_C) ** 2 * 0.06**2 * within / (0.06**2 + within) + (0.5 * CO2_PER_C) ** 2
    assert row["narrowing"] == pytest.approx(1 - left / total, abs=3 * row["narrowing_error"])


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


def test_a_weighed_input_narrows_as_refits_do():
    """Input and rate of one pool are uncertain and 30 % more input is planned; refits by the grid, given the weight."""
    rng = np.random.default_rng(6)
    samples, error, extra = 3000, 0.15, 0.3
    rate, given = 0.025 * np.exp(0.2 * rng.standard_normal(samples)), 1.2 * np.exp(0.3 * rng.standard_normal(samples))
    years = np.array([0.0, 15.0, 30.0])

    def stock(rate, carbon, when):
        balance = carbon / rate
        return balance + (48.0 - balance) * np.exp(-rate * when)

    runs = [stock(rate[:, None], more * given[:, None], years)[:, None, :] for more in (1.0, 1.0 + extra)]
    weighed = np.stack([given, (1.0 + extra) * given])[:, :, None, None] * np.ones(3)
    made = of_two_plans(*runs, [2025.0, 2040.0, 2055.0])
    made = made.assign(plant_input=(("plan", "sample", "plot", "year"), weighed))
    row = next_measurements(made, [Measurement("weighed", 2040.0, of="plant_input", error=error)]).iloc[0]

    places = np.linspace(-3.5, 3.5, 101)
    first, second = (part.ravel() for part in np.meshgrid(places, places))
    of_rate, of_input = 0.025 * np.exp(0.2 * first), 1.2 * np.exp(0.3 * second)
    gain = (stock(of_rate, (1 + extra) * of_input, 30.0) - stock(of_rate, of_input, 30.0)) * CO2_PER_C
    prior = np.exp(-0.5 * (first**2 + second**2))

    def variance(weight):
        weight = weight / weight.sum()
        return weight @ (gain - weight @ gain) ** 2

    found = np.log(given[:600]) + error * rng.standard_normal(600)
    after = np.mean([variance(prior * np.exp(-0.5 * ((one - np.log(of_input)) / error) ** 2)) for one in found])
    assert row["narrowing"] == pytest.approx(1 - after / variance(prior), abs=0.04)
    assert 0.4 < row["narrowing"] < 0.8


def test_a_weighed_input_of_a_projection_narrows_as_weighted_draws_do():
    """Of a fit and its plan: the posterior given a weight is that of draws weighted by how probable it is."""
    fitted, plans = fit_of("icbm", draws=600), {"plans": {"more": {"levers": {"carbon_input": 0.2}}}}
    made = with_inputs(project(fitted, plans, years=(2022.0, 2032.0, 2052.0), draws=1200), fitted, plans)
    row = next_measurements(
        made, [Measurement("straw and roots", 2032.0, of="plant_input", plots=("A1",), error=0.1)]
    ).iloc[0]
    total = made["known"].sel(fraction="total", year=2052.0)
    gain = (total.sel(plan="more") - total.sel(plan="business as usual")).mean("plot").to_numpy()
    log_input = np.log(made["plant_input"].sel(plan="more", year=2032.0, plot="A1").to_numpy())
    found = log_input[:300] + 0.1 * np.random.default_rng(7).standard_normal(300)
    weights = np.exp(-0.5 * ((found[:, None] - log_input) / 0.1) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    after = np.mean(weights @ gain**2 - (weights @ gain) ** 2)
    assert row["narrowing"] == pytest.approx(1 - after / gain.var(), abs=0.06)
    assert row["narrowing"] > 0.1


def test_results_that_say_nothing_explain_nothing():
    rng = np.random.default_rng(2)
    share, error, left = explained(rng.standard_normal(600), rng.standard_normal((4, 600, 12)))
    assert share < 3 * error + 0.01
    assert left.shape == (2400,)
    assert explained(np.ones(100), rng.standard_normal((4, 100, 1)))[0] == 0


def test_draws_that_are_there_again_do_not_foresee_themselves():
    """Two hundred draws, most of them five times over: results that say nothing of the quantity explain nothing."""
    shares, errors = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        quantity, results = rng.standard_normal(200), rng.standard_normal((200, 8))
        drawn = np.concatenate([np.arange(200), rng.choice(200, 800)])
        seen = results[drawn] + 0.3 * rng.standard_normal((4, 1000, 8))
        share, error, _ = explained(quantity[drawn], seen, np.array([f"fit {one}" for one in drawn]))
        shares.append(share)
        errors.append(error)
    assert explained(quantity[drawn], seen)[0] > 0.1  # what taking them for different draws would say
    assert max(shares) < 0.05
    # A result that says half of it does so, with the error of two hundred draws.
    half, error, _ = explained(quantity[drawn], (quantity[drawn] + rng.standard_normal((4, 1000)))[..., None], drawn)
    assert half == pytest.approx(0.5, abs=3 * error)
    alone = explained(quantity, (quantity + rng.standard_normal((4, 200)))[..., None])[1]
    assert error == pytest.approx(alone, rel=0.5)


def test_draws_that_are_there_again_are_counted_once():
    """What is drawn anew for each of them, such as the effect of a lever, makes them no further draws of the fit."""
    fitted, plans = fit_of("icbm", draws=25), {"plans": {"more": {"levers": {"plant_carbon": 1.0}}}}
    made = project(fitted, plans, years=(2022.0, 2032.0), draws=200)
    assert np.unique(made["draw"]).size == 50
    with_more = made.assign(told=("sample", np.exp(np.random.default_rng(3).standard_normal(200))))
    table = next_measurements(with_more, [Measurement("told", of="told", error=0.1)], every_point=True)
    assert any("50 of the 200 draws differ, too few" in note for note in table.attrs["notes"])
    assert np.unique(project(fitted, plans, years=(2022.0, 2032.0), draws=50)["draw"]).size == 50
    few = next_measurements(with_more, [Measurement("told", of="told", error=0.1)], every_point=True)
    unsaid = next_measurements(
        with_more.drop_vars("draw"), [Measurement("told", of="told", error=0.1)], every_point=True
    )
    assert few["narrowing_error"].item() != unsaid["narrowing_error"].item()
    assert not any("draws differ" in note for note in unsaid.attrs["notes"])


def test_what_a_projection_notes_is_told_with_what_to_measure():
    told = next_measurements(MADE.assign_attrs(notes="one\ntwo"), [Measurement("a", 2040.0)], errors=FINE)
    assert told.attrs["notes"][-2:] == ["one", "two"]


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
        (["a"], "not str"),
        (pd.DataFrame({"name": ["a"], "core": [1]}), "did you mean 'cores'"),
        (pd.DataFrame({"name": ["a", None], "year": [2040.0, 2045.0]}), "row 2 has none"),
        (pd.DataFrame({"year": [2040.0]}), "row 1 has none"),
        (pd.DataFrame({"name": ["a"], "year": [2040.0], "density": ["no"]}), "not 'no'"),
        (pd.DataFrame({"name": ["a"], "year": [2040.0], "cores": ["5"]}), "not '5'"),
        (pd.DataFrame({"name": ["a"], "year": [2040.0], "cores": [2.5]}), "not 2.5"),
        ([Measurement("a", 2041.0)], "a: the projection has no year 2041"),
        ([Measurement("a", np.nan)], "no year nan"),
        ([Measurement("a", "2040")], "a year is a number"),
        ([Measurement("a", 2040.0, plots=("A9",))], "no plot named 'A9'"),
        ([Measurement("a", 2040.0, plots="A1")], "plots are names"),
        ([Measurement("a", 2040.0, cores=0)], "one or more"),
        ([Measurement("a", 2040.0, points=-1)], "points zero or more"),
        ([Measurement("a", 2040.0, cost=0.0)], "a cost is above zero"),
        ([Measurement("a", 2040.0, cost=-3.0)], "a cost is above zero"),
        ([Measurement("a", 2040.0, error=0.1, cores=3)], "leave cores and density out"),
        ([Measurement("a", 2040.0, error=0.1, density=False)], "leave cores and density out"),
        ([Measurement("a", 2040.0, error=np.inf)], "above zero, such as 0.1"),
        ([Measurement("a")], "in which year"),
        ([Measurement("a", points=2, plots=("A9",))], "further points are of every stratum"),
        ([Measurement("a", points=2, fraction="mineral")], "further points are of every stratum"),
        ([Measurement("a", of="inputs", error=0.1)], "no draws of 'inputs'"),
        ([Measurement("a", of="new", year=2040.0)], "how unsure a measurement of new"),
        ([Measurement("a", of="new", error=0.1)], "in which year new is measured"),
        ([Measurement("a", of="new", year=2040.0, error=0.1, plots=("A1",))], "new is not of plots"),
        ([Measurement("a", of="new", year=2040.0, error=0.1, fraction="x")], "no fraction named 'x'"),
        ([Measurement("a", of="level", year=2040.0, error=0.1)], "level has no years"),
        ([Measurement("a", of="level", fraction="x", error=0.1)], "level has no fractions"),
        ([Measurement("a", 2040.0, fraction="mineral")], "no fraction named 'mineral'"),
    ],
)
def test_what_cannot_be_measured_is_refused(candidates, complaint):
    made = MADE.assign(level=("sample", np.ones(MADE.sizes["sample"])))
    with pytest.raises((SocbayesError, UnknownNameError), match=complaint):
        next_measurements(made, candidates, errors=FINE)


def test_a_measurement_after_the_credit_comes_too_late():
    with pytest.raises(SocbayesError, match="measured in 2045, after the credit of 2040"):
        next_measurements(MADE, [Measurement("a", 2045.0)], year=2040.0, errors=FINE)
    with pytest.raises(SocbayesError, match="a seed is a whole number"):
        next_measurements(MADE, [Measurement("a", 2045.0)], errors=FINE, seed=-1)


def test_an_input_is_known_when_its_year_is_over():
    fitted, plans = fit_of("icbm"), {"plans": {"more": {"levers": {"carbon_input": 0.2}}}}
    made = with_inputs(project(fitted, plans, years=(2022.0, 2030.0, 2040.0), draws=100), fitted, plans)
    rank = {"year": 2030.0, "errors": FINE}
    with pytest.raises(SocbayesError, match=r"measured in 2030 to 2031, after the credit of 2030: .* too late"):
        next_measurements(made, [Measurement("a", 2030.0, of="plant_input", error=0.1)], **rank)
    assert len(next_measurements(made, [Measurement("a", 2022.0, of="plant_input", error=0.1)], **rank)) == 1
    # That of the last year is of the months before it, and a stock is there at once.
    rank["year"] = 2040.0
    assert len(next_measurements(made, [Measurement("a", 2040.0, of="plant_input", error=0.1)], **rank)) == 1
    assert len(next_measurements(made, [Measurement("a", 2040.0)], **rank)) == 1


def test_a_plot_counts_once_however_it_is_named():
    once, twice = (
        next_measurements(MADE, [Measurement("a", 2040.0, plots=plots)], errors=FINE)
        for plots in (("A1", "B2"), ("A1", "a1", "B2", "A1"))
    )
    pd.testing.assert_frame_equal(once, twice)


def test_further_points_lessen_the_error_of_each_stratum():
    """Two points that differ much and fifty that do not, 50 ha each: nearly all is of the first."""
    rng, samples = np.random.default_rng(5), 400
    gains = np.concatenate([[7.0, 13.0], 10 + 0.2 * rng.standard_normal(50)])
    model = 0.3 * rng.standard_normal((samples, 1))
    base = np.full((samples, 52, 2), 50.0)
    made = of_two_plans(base, base + (gains + model)[..., None] * [0.0, 1.0], [2025.0, 2035.0])
    areas = pd.DataFrame({"plot": [f"p{k}" for k in range(52)], "stratum": ["a"] * 2 + ["b"] * 50,
                          "area [ha]": [25.0] * 2 + [1.0] * 50})  # fmt: skip
    for rule, level in (("vm0042_v2_2", 0.667), ("rainbow", 0.9)):
        row = next_measurements(made, [Measurement("two more", points=2)], areas=areas, rule=rule).iloc[0]
        within = 50**2 * gains[:2].var(ddof=1) / 4 + 50**2 * gains[2:].var(ddof=1) / 52
        of_model = (model.var(ddof=1) + within / 100**2) * CO2_PER_C**2
        mean = (0.5 * gains[:2].mean() + 0.5 * gains[2:].mean() + model.mean()) * CO2_PER_C
        if rule == "vm0042_v2_2":
            expected = mean - student(level, 54) * np.sqrt(of_model)
            assert row["credited_after"] == pytest.approx(expected)
            assert row["quantile_after"] != row["credited_after"]
        else:
            assert row["credited_after"] == row["quantile_after"] > row["credited"] == row["quantile"]
    every = next_measurements(made, [Measurement("two more", points=2)], areas=areas, every_point=True).iloc[0]
    assert every["credited_rise"] == 0
    assert every["credited_after"] == pytest.approx(every["credited"])


def test_land_and_rule_are_those_of_the_areas_and_of_the_plans(tmp_path):
    text = 'rules = ["rainbow", "vm0042_v2_2"]\n[[stratum]]\nname = "a"\nhectares = 90\nplots = {plots}\n'
    (tmp_path / "areas.toml").write_text(text.format(plots=list(PLOTS)).replace("'", '"'), encoding="utf-8")
    candidates = [Measurement("2040", 2040.0)]
    of_file = next_measurements(MADE, candidates, areas=tmp_path / "areas.toml", errors=FINE)
    assert of_file["credited"].equals(of_file["quantile"])
    assert "Of the rules of the areas the first counts, not vm0042_v2_2." in of_file.attrs["notes"]
    told = next_measurements(MADE, candidates, areas=tmp_path / "areas.toml", rule="vm0042_v2_2", errors=FINE)
    assert not told["credited"].equals(told["quantile"])
    assert not any("rules of the areas" in note for note in told.attrs["notes"])
    fields = np.array([1.0, 2, 3, 4, 5, 6])
    made = MADE.assign_coords(area=("plot", fields))
    with pytest.raises(TableFaultsError, match="every_point"):
        next_measurements(made, candidates, errors=FINE)
    row = next_measurements(made, candidates, every_point=True, errors=FINE).iloc[0]
    gain = (MADE["known"].sel(plan="cover") - MADE["known"].sel(plan="usual")).sel(year=2055, fraction="total")
    of_area = (gain * fields / fields.sum()).sum("plot") * CO2_PER_C
    assert row["gain_sd"] == pytest.approx(float(of_area.std(ddof=1)))
    assert row["credited_rise"] == pytest.approx(21 * (row["credited_after"] - row["credited"]))


def test_errors_are_no_stream_of_anything_else():
    """Errors of the first candidate with a seed of 0 are not the normals that a seed of 0 gives by itself."""
    made, shares = made_projection(seed=3), {}
    samples = made.sizes["sample"]
    gain = (made["known"].sel(plan="cover") - made["known"].sel(plan="usual")).sel(year=2055, fraction="total")
    for name, rng in (("same", np.random.default_rng(0)), ("other", np.random.default_rng(77))):
        cancelled = np.exp(0.3 * gain.mean("plot").to_numpy() - rng.standard_normal((REPEATS, samples, 1))[0, :, 0])
        told = next_measurements(made.assign(x=("sample", cancelled)), [Measurement("x", of="x", error=1.0)])
        shares[name] = told["narrowing"].item()
    assert shares["same"] == pytest.approx(shares["other"], abs=0.06)


def test_unknown_errors_are_asked_for_and_faults_come_at_once():
    with pytest.raises(SocbayesError, match="state errors=Errors"):
        next_measurements(MADE, [Measurement("a", 2040.0)])
    with pytest.raises(ExceptionGroup) as told:
        next_measurements(MADE, [Measurement("a", 2041.0), Measurement("b", 2040.0, plots=("Z",))], errors=FINE)
    assert len(told.value.exceptions) == 2
