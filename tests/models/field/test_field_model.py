"""The model of field plots: known parameters found again, any structure, faults named, gaps said."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from laid import lay_out
from scipy import stats

from socbayes.carried import load_prior
from socbayes.core import Driver, Flow, Parameter, Structure, find_steady_state, steady_state
from socbayes.datasets import load_dataset
from socbayes.errors import EmptyTableError, SocbayesError, TableFaultsError
from socbayes.inference.fit import fit
from socbayes.inference.runs import load
from socbayes.inference.stored import load_posterior
from socbayes.models.field import layout
from socbayes.models.field import model as field
from socbayes.models.field.crops import carbon_left
from socbayes.models.field.draws import _repeated, new_plots, variance_parts
from socbayes.models.field.effects import log_factors
from socbayes.models.field.faults import require_sound
from socbayes.models.field.forecasts import average, forecast, predict_plots, with_measurement_error
from socbayes.models.field.initial import SMALLEST_SHARE, initial_shares, log_steady_shares
from socbayes.models.field.management import filled_by_month
from socbayes.models.field.plots import month_of
from socbayes.models.field.runs import trajectories
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged, with_plan
from socbayes.observations import Run, expected_readings
from socbayes.report.readings import readings_of
from socbayes.structures import get, list_structures
from socbayes.structures.forcing import rate_constants

EFFECT = {"ploughed": 0.35, "direct drilled": -0.35}
MONTHS = 96
INPUT = 4.0  # t C/ha/year
CLAY = 20.0
AMG = {"temperature": 10.0, "water_balance": -200.0}


def rothc_by_hand(stock: float, effect: float, months: int = MONTHS) -> np.ndarray:
    """RothC written out: pools (month, pool) from steady-state shares; shares no code with the package."""
    rates = np.array([10.0, 0.3, 0.66, 0.02])
    x = 1.67 * (1.85 + 1.60 * np.exp(-0.0786 * CLAY))
    kept = 1.0 / (x + 1.0)

    def step(pools, pace):
        decayed = pools[:4] * (1.0 - np.exp(-pace * rates / 12.0))
        new = pools.copy()
        new[:4] -= decayed
        new[2] += 0.46 * kept * decayed.sum()
        new[3] += 0.54 * kept * decayed.sum()
        new[0] += INPUT / 12.0 * 0.59016
        new[1] += INPUT / 12.0 * 0.40984
        return new

    pools = np.zeros(5)
    for _ in range(12 * 3000):
        pools = step(pools, 0.6)
    pools[:4] *= 0.91 * stock / pools.sum()
    pools[4] = 0.09 * stock
    states = [pools]
    for _ in range(months):
        states.append(step(states[-1], 0.6 * np.exp(effect)))
    return np.array(states)


@pytest.fixture(scope="module")
def trial():
    rng = np.random.default_rng(3)
    soil, management = [], []
    for number in range(6):
        treatment = list(EFFECT)[number % 2]
        states = rothc_by_hand(60.0 + 2.0 * number, EFFECT[treatment])
        for month in range(0, MONTHS + 1, 12):
            total, plant, inert = states[month].sum(), states[month][:2].sum(), states[month][4]
            seen = np.array([total, plant, inert]) * np.exp(rng.normal(0.0, [0.015, 0.03, 0.03]))
            soil.append(
                {
                    "site": "Farm", "plot": f"P{number}", "year": 2000 + month / 12, "treatment": treatment,
                    "soc_stock": seen[0], "particulate_carbon_stock": seen[1], "resistant_carbon_stock": seen[2],
                    "clay": CLAY,
                }
            )  # fmt: skip
        management.append(
            {
                "site": "Farm", "plot": f"P{number}", "start_year": 2000.0, "end_year": 2012.0,
                "plant_carbon_input": INPUT, "rate_modifier": 0.6,
            }
        )  # fmt: skip
    return pd.DataFrame(soil), pd.DataFrame(management)


@pytest.fixture(scope="module")
def model(trial):
    return field.build(*trial)


@pytest.fixture(scope="module")
def fitted(model, tmp_path_factory):
    return fit(model, draws=250, tune=400, chains=2, seed=1, store=tmp_path_factory.mktemp("field"), progress=False)


def log_density_and_gradient(model):
    # In parts: without a compiler PyTensor adds 32 terms at most, and priors of one number each are several.
    point = model.initial_point()
    parts = model.compile_fn(model.logp(sum=False), inputs=model.value_vars, mode="FAST_COMPILE")(point)
    return sum(part.sum() for part in parts), model.compile_dlogp(mode="FAST_COMPILE")(point)


def own_structure() -> Structure:
    """Three pools as somebody might write them in a notebook."""

    def flows(x, p, u):
        yield Flow("input", "litter", u.litterfall)
        yield Flow("litter", "humus", 0.3 * p.k_litter * x.litter)
        yield Flow("litter", "co2", 0.7 * p.k_litter * x.litter)
        yield Flow("humus", "stone", 0.05 * p.k_humus * x.humus)
        yield Flow("humus", "co2", 0.95 * p.k_humus * x.humus)
        yield Flow("stone", "co2", p.k_stone * x.stone)

    return Structure(
        name="mine",
        pools=("litter", "humus", "stone"),
        flows=flows,
        parameters=tuple(
            Parameter(f"k_{pool}", "1/year", value, "assumed", 0.0)
            for pool, value in (("litter", 0.6), ("humus", 0.05), ("stone", 0.005))
        ),
        drivers=(Driver("litterfall", "t/ha/year", lower=0.0),),
        carbon_unit="t/ha",
        time_unit="year",
        scheme="rk4",
        step=1.0 / 12.0,
    )


def test_known_parameters_are_found_again(fitted):
    posterior = fitted["posterior"]
    for treatment, truth in EFFECT.items():
        effect = posterior["rate_effect"].sel(treatment=treatment)
        assert abs(float(effect.mean()) - truth) < 3 * float(effect.std())
        assert np.sign(effect.mean()) == np.sign(truth)
    stocks = posterior["initial_stock"].mean(("chain", "draw")).to_numpy()
    np.testing.assert_allclose(stocks, 60.0 + 2.0 * np.arange(6), rtol=0.03)
    factor = posterior["input_factor"].mean().item()
    assert 0.5 < factor < 2.0
    inert = posterior["initial_share"].sel(pool="iom").mean().item()
    assert inert == pytest.approx(0.09, abs=0.01)
    assert fitted["sample_stats"]["diverging"].mean() < 0.01


def test_known_plots_are_forecast_closer_than_new_ones(fitted):
    future = forecast(fitted, years=[1995.0, 2006.0, 2030.0], draws=100)
    assert future["known"].dims == ("sample", "plot", "year", "fraction")
    assert future["known"].attrs["units"] == "t/ha"
    assert "converged" in future.attrs
    assert np.isnan(future["known"].sel(year=1995.0)).all()
    total = future.sel(year=2006.0, fraction="total")
    truth = rothc_by_hand(60.0, EFFECT["ploughed"])[72].sum()
    known = total["known"].sel(plot="P0")
    assert float(known.mean()) == pytest.approx(truth, rel=0.03)
    assert (total["new"].std("sample").to_numpy() > float(known.std())).all()
    parts = future["known"].sel(fraction=["particulate", "humus", "resistant"]).sum("fraction", skipna=False)
    np.testing.assert_allclose(parts.sel(year=2030.0), future["known"].sel(fraction="total", year=2030.0))


def test_pools_of_a_new_plot_depart_as_those_of_the_model_do(trial, model):
    data = lay_out(*trial, None, structure=get("rothc"))
    drawn, spread, sampled = 2000, 2.0, ("site_stock", "input_level", "rate_constant", "initial_share")
    with pm.do(model, {"plot_departure_sd": spread}) as known:
        values = dict(zip(sampled, pm.draw([known[name] for name in sampled], draws=drawn, random_seed=1), strict=True))
        departures = pm.draw(known["plot_departure"], draws=drawn, random_seed=2)
    values |= {"plot_departure_sd": np.full(drawn, spread)}
    departing = np.isin(data.setup.structure.pools, model.coords["departing_pool"])
    values["log_share"] = np.log(values["initial_share"])
    largest = int(np.flatnonzero(~departing)[0])
    made = new_plots(data, values, largest, np.array([0]), np.random.default_rng(3))["log_share"][:, 0]
    new = made - log_factors(data, values, np.array([0]))["log_share"][:, 0]
    assert (new[:, ~departing] == 0.0).all()
    for place in range(departures.shape[-1]):
        assert stats.ks_2samp(new[:, departing][:, place], departures[:, 0, place]).pvalue > 0.01


def of_one_measurement(future: xr.Dataset) -> float:
    """Spread of one measured total: what it has of its own, and what all plots of its date have."""
    return float(np.sqrt((future["error"] ** 2 + future["occasion_sd"] ** 2).sel(fraction="total").mean("sample")))


def test_dates_that_share_no_error_are_given_hardly_any(fitted):
    """Of a prior with a median of 0.05; errors of single samples are 0.015, 0.03 and 0.03."""
    posterior = fitted["posterior"].to_dataset()
    spread = posterior["occasion_sd"].mean(("chain", "draw"))
    assert float(spread.max()) < 0.03
    assert float(spread.sel(fraction_by_occasion="total")) < 0.015
    error = posterior["error"]
    away = np.abs(error.mean(("chain", "draw")) - [0.015, 0.03, 0.03])
    assert (away < 3 * error.std(("chain", "draw"))).all()


def test_parts_of_the_variance_sum_to_it(fitted):
    future = forecast(fitted, years=[2006.0, 2030.0], draws=100, parts=True)
    for kind in ("known", "new"):
        parts = future[f"{kind}_variance"].sel(fraction="total")
        assert parts["part"].to_numpy().tolist() == [
            "parameters", "inputs", "initial state", "interaction", "observation"
        ]  # fmt: skip
        of_stock = parts.drop_sel(part="observation").sum("part")
        np.testing.assert_allclose(of_stock, future[kind].sel(fraction="total").var("sample"))
    again = forecast(fitted, years=[2006.0, 2030.0], draws=100)
    np.testing.assert_array_equal(again["new"], future["new"])
    error = of_one_measurement(future)
    measured = future["known_variance"].sel(part="observation", fraction="total", year=2006.0, plot="P0").item()
    stock = future["known"].sel(fraction="total", year=2006.0, plot="P0").mean().item()
    assert np.sqrt(measured) / stock == pytest.approx(error, rel=0.02)
    assert np.isnan(future["known_variance"].sel(part="observation", fraction="microbial")).all()


def test_plans_change_the_future_and_not_the_past(fitted, trial):
    _, management = trial
    stop = management.assign(start_year=2012.0, end_year=2040.0, plant_carbon_input=0.0)
    plans = {"as usual": None, "again": management, "stop": stop, "both": pd.concat([management, stop])}
    runs = {name: forecast(fitted, years=[2007.0, 2030.0], management=plan, draws=50)["known"].sel(fraction="total")
            for name, plan in plans.items()}  # fmt: skip
    xr.testing.assert_identical(runs["again"], runs["as usual"])
    xr.testing.assert_identical(runs["both"], runs["stop"])
    np.testing.assert_allclose(runs["stop"].sel(year=2007.0), runs["as usual"].sel(year=2007.0), rtol=1e-9)
    assert (runs["stop"].sel(year=2030.0) < 0.9 * runs["as usual"].sel(year=2030.0)).all()


def carbon_of(tables, until=2030.0):
    """Carbon input of every month of every plot, t/ha/year, by plot; of tables with or without a plan."""
    data = layout.lay_out(tables, setup_of("icbm"), until=until)
    return dict(zip(data.plots.labels, 10.0 * data.forcing.drivers["carbon_input"].T, strict=True))  # from kg/m2


def test_a_plan_takes_the_place_of_what_was_known_from_its_first_year_on(trial):
    obs, management = trial
    obs = obs.drop(columns="resistant_carbon_stock")
    tables = judged(obs, management.assign(end_year=2012.0))
    plan = pd.DataFrame({"site": ["Farm"], "start_year": [2009.0], "end_year": [2030.0], "plant_carbon_input": [1.0]})
    before, after = slice(0, 108), slice(108, None)
    for given, about in (
        (plan, list("012345")),
        (plan.assign(plot="P1"), ["1"]),
        (plan.assign(treatment="ploughed"), list("024")),
    ):
        for plot, carbon in carbon_of(with_plan(tables, given)).items():
            np.testing.assert_allclose(carbon[before], INPUT, rtol=1e-12)
            np.testing.assert_allclose(carbon[after], 1.0 if plot[1] in about else INPUT, rtol=1e-12)
    later = carbon_of(with_plan(tables, plan.assign(start_year=2015.0)))["P0"]
    np.testing.assert_allclose(later[[179, 180]], [INPUT, 1.0], rtol=1e-12)
    assert with_plan(tables).management is tables.management
    assert with_plan(tables).plan is None


@pytest.mark.parametrize("whose", [{}, {"treatment": "ploughed"}])
def test_a_plan_for_one_plot_leaves_the_others_as_they_were(trial, whose):
    """Rows that they have in common go on there, and stop here; manure that the plan does not state is none."""
    obs = trial[0].drop(columns="resistant_carbon_stock")
    shared = {"site": "Farm", "start_year": 2000.0, "end_year": 2030.0} | whose
    known = pd.DataFrame([shared | {"plant_carbon_input": 2.0}, shared | {"manure_carbon_input": 1.0}])
    plan = pd.DataFrame({"site": ["Farm"], "plot": ["P0"], "start_year": [2010.0], "end_year": [2030.0],
                         "plant_carbon_input": [0.5]})  # fmt: skip
    tables = judged(obs, known)
    as_usual, planned = carbon_of(tables), carbon_of(with_plan(tables, plan))
    for plot in ("P1", "P2", "P3", "P4", "P5"):
        np.testing.assert_array_equal(planned[plot], as_usual[plot])
    np.testing.assert_array_equal(planned["P0"][:120], as_usual["P0"][:120])
    np.testing.assert_allclose(as_usual["P0"], 3.0, rtol=1e-12)
    np.testing.assert_allclose(planned["P0"][120:], 0.5, rtol=1e-12)


def test_a_plan_that_begins_with_the_last_sample_is_of_no_month_before_it():
    """Samples count at the nearest turn of a month: the plan begins there, and the fit goes up to it."""
    obs = pd.DataFrame({"site": "Farm", "plot": "1", "year": [2000.0, 2008.3], "soc_stock": 50.0})
    plan = pd.DataFrame({"site": ["Farm"], "start_year": [2008.3], "end_year": [2030.0], "plant_carbon_input": [9.0]})
    tables = judged(obs)
    np.testing.assert_array_equal(carbon_of(with_plan(tables, plan))["1"][:100], carbon_of(tables)["1"][:100])
    assert carbon_of(with_plan(tables, plan))["1"][100] == pytest.approx(9.0)


def test_a_plan_given_again_is_known_word_for_word(trial):
    obs, management = trial
    tables = judged(obs, management.assign(end_year=2030.0, manure_carbon_input=1.0))
    assert with_plan(tables, tables.management.assign(**{"x_C/N": 12.0})).plan is None
    tonnes = {"plant_carbon_input": "plant_carbon_input [kg/ha/year]"}
    again = tables.management.assign(plant_carbon_input=1000.0 * INPUT).rename(columns=tonnes)
    assert with_plan(tables, again).plan is None
    # Without its manure it says something else.
    stop = tables.management.drop(columns="manure_carbon_input").assign(start_year=2015.0)
    known = judged(obs, tables.management.assign(start_year=2015.0))
    assert len(with_plan(known, stop).plan) == 6


@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [
        ({"site": "Hill"}, "unknown site: found Hill in the plan, expected a site of the observations: Farm"),
        ({"plot": "Q7"}, "unknown plot: found Q7 in the plan, expected a plot of the observations: P0, P1, P2"),
        ({"treatment": "mulched"}, "unknown treatment: found mulched in the plan, .*direct drilled, ploughed"),
        ({"treatment": "plowed"}, "unknown treatment: found plowed in the plan, .*did you mean 'ploughed'"),
        ({"plot": "p0"}, "spellings of one name: found 'P0' .* and 'p0' .plan from row 2 on, 1 in all"),
    ],
)
def test_every_row_of_a_plan_that_moves_nobody_is_refused(trial, elsewhere, said):
    obs, management = trial
    plan = management.iloc[:1].assign(start_year=2012.0, end_year=2030.0, plant_carbon_input=1.0, plot=None)
    tables = judged(obs, management)
    require_sound(with_plan(tables, plan), setup_of("rothc"))
    for given in (plan.assign(**elsewhere), pd.concat([plan.assign(**elsewhere), plan])):
        with pytest.raises(TableFaultsError, match=said):
            require_sound(with_plan(tables, given), setup_of("rothc"))
    notes = layout.lay_out(with_plan(tables, plan), setup_of("rothc"), until=2040.0).notes
    ends = [note for note in notes if "ends before the run does" in note]
    assert len(ends) == 1
    assert ends[0].startswith("The plan of 6 plots (P0, P1, P2 and others) ends before the run does")


def test_rows_of_a_plan_are_counted_as_in_its_table(trial):
    obs, management = trial
    late = management.assign(start_year=2012.0, end_year=[2030.0, 2030.0, 2012.0, 2030.0, 2030.0, 2030.0])
    planned = with_plan(judged(obs, management), pd.concat([management.iloc[:1], late]))
    with pytest.raises(TableFaultsError, match="row 5, column 'end_year': lasts no time"):
        require_sound(planned, setup_of("rothc"))


def test_a_plan_for_the_past_is_refused(fitted, trial):
    _, management = trial
    late = management.assign(start_year=2005.0, plant_carbon_input=9.0)
    with pytest.raises(SocbayesError, match=r"6 rows of the plan begin before the last sample.*2008\.00 there"):
        forecast(fitted, years=[2030.0], management=late)
    misspelt = management.iloc[:1].assign(plot="p0", start_year=2012.0, end_year=2040.0)
    with pytest.raises(TableFaultsError, match=r"spellings of one name: found 'P0' .* and 'p0'"):
        forecast(fitted, years=[2030.0], management=misspelt)


def test_weather_may_go_on_and_its_past_is_that_of_the_fit(trial):
    obs, management = trial
    weather = pd.DataFrame({"site": "Farm", "year": 2005, "month": range(1, 13), "temperature": 10.0})
    tables = judged(obs, management, weather)
    warm = weather.assign(year=2020, temperature=13.0)
    assert len(with_plan(tables, weather=pd.concat([weather, warm])).weather) == 24
    assert with_plan(tables, weather=warm).weather["temperature"].tolist() == [10.0] * 12 + [13.0] * 12
    for known in (tables, judged(obs, management)):
        with pytest.raises(SocbayesError, match="12 months of weather before the last sample"):
            with_plan(known, weather=weather.assign(temperature=13.0))
    assert len(with_plan(judged(obs, management), weather=warm).weather) == 12


def test_a_fit_from_another_machine_forecasts(fitted, tmp_path):
    fitted.to_netcdf(tmp_path / "elsewhere.nc")
    there = load(tmp_path / "elsewhere.nc")
    here, again = (forecast(one, years=[2004.0, 2030.0], draws=20) for one in (fitted, there))
    xr.testing.assert_allclose(again["known"], here["known"])
    bare = there.copy()
    del bare["tables"]
    with pytest.raises(SocbayesError, match="does not hold the tables"):
        forecast(bare, years=[2030.0])


def test_a_structure_of_your_own_is_asked_for(fitted, trial):
    spec = json.loads(fitted.attrs["spec"])
    assert spec["choices"]["callers_own"] == []
    # Also one that is called like a published one.
    changed = replace(get("rothc"), reference="my own")
    own = field.build(*trial, structure=changed).socbayes_spec
    assert own.choices["callers_own"] == ["structure"]
    foreign = fitted.copy()
    foreign.attrs["spec"] = own.to_json()
    with pytest.raises(SocbayesError, match="structure of your own, 'rothc': give it as structure="):
        forecast(foreign, years=[2030.0])
    again = forecast(foreign, years=[2030.0], structure=changed, draws=5)
    xr.testing.assert_allclose(again["known"], forecast(fitted, years=[2030.0], draws=5)["known"])
    for other in (get("century"), "century"):
        with pytest.raises(SocbayesError, match="made with structure rothc, but century is given"):
            forecast(fitted, years=[2030.0], structure=other)
    with pytest.raises(SocbayesError, match="rothc as published, not with the one given: leave structure= out"):
        forecast(fitted, years=[2030.0], structure=changed)
    with pytest.raises(SocbayesError, match="structure of your own"):
        forecast(foreign, years=[2030.0], structure="rothc")


@pytest.mark.parametrize("years", [[], [np.nan], "soon", None, [[2030.0]]])
def test_what_are_no_years_is_said(fitted, years):
    with pytest.raises(SocbayesError, match="years has to be a list of decimal years"):
        forecast(fitted, years=years)
    assert forecast(fitted, years=2030.0, draws=2)["year"].to_numpy().tolist() == [2030.0]


def test_what_cannot_be_forecast_is_said(fitted, trial):
    with pytest.raises(SocbayesError, match="a fit of 'cue_process', not of field plots"):
        forecast(load_posterior("cue_process"), years=[2030.0])
    with pytest.raises(SocbayesError, match="draws=0 leaves nothing to run"):
        forecast(fitted, years=[2030.0], draws=0)
    with pytest.raises(SocbayesError, match=r"no dimension chain: .*sel\(chain=\[0\]\)"):
        forecast(fitted.sel(chain=0), years=[2030.0])
    with pytest.raises(SocbayesError, match=r"read_table\(path, 'field_management'\)"):
        forecast(fitted, years=[2030.0], management="plan.csv")


def test_a_report_shows_the_run_of_the_plots(fitted, trial):
    reading = readings_of(fitted)[0]
    run = reading.of(fitted)
    assert set(trial[0]["year"]) <= set(run["year"].to_numpy())
    said = reading.say(run)
    share = float(re.search(r"Of 54 totals that the fit has seen, (\d+) % lie within", said)[1])
    assert 75 <= share <= 100
    titles = [ax.get_title(loc="left") for ax in reading.draw(run).axes]
    assert titles == [f"P{number}" for number in range(6)]
    bare = fitted.copy()
    del bare["tables"]
    assert reading not in readings_of(bare)


def test_measuring_adds_the_error_that_was_learned(fitted):
    future = forecast(fitted, years=[2006.0], draws=400)
    seen = with_measurement_error(future, seed=1)
    apart = np.log(seen["known"] / future["known"]).sel(fraction="total").to_numpy()
    error = of_one_measurement(future)
    assert apart.std() == pytest.approx(error, rel=0.1)
    assert abs(apart.mean()) < 0.1 * error
    assert np.isnan(seen["new"].sel(fraction="microbial")).all()
    xr.testing.assert_identical(with_measurement_error(future, seed=1), seen)


@pytest.fixture(scope="module")
def without_a_plot(trial, tmp_path_factory):
    """A fit without plot P5."""
    kept = [table[table["plot"] != "P5"] for table in trial]
    return fit(field.build(*kept), draws=250, tune=400, chains=2, seed=1,
               store=tmp_path_factory.mktemp("without"), progress=False)  # fmt: skip


def test_a_plot_that_was_left_out_is_predicted_from_its_first_value(without_a_plot, trial):
    obs, management = (table[table["plot"] == "P5"] for table in trial)
    found = predict_plots(without_a_plot, obs, management, draws=300, seed=2)
    total = found["known"].sel(plot="P5", fraction="total")
    assert found["year"].to_numpy().tolist() == obs["year"].tolist()
    truth = rothc_by_hand(70.0, EFFECT["direct drilled"])[::12].sum(axis=1)
    assert np.abs(np.log(total.median("sample") / truth)).max() < 0.05
    low, high = total.quantile([0.02, 0.98], "sample").to_numpy()
    assert ((low < truth) & (truth < high)).mean() > 0.7
    # The first value is known to the error of a measurement, later ones less well.
    spread = np.log(total).std("sample").to_numpy()
    error = without_a_plot["posterior"]["error"].sel(fraction="total").mean().item()
    assert spread[0] <= 1.1 * error
    assert spread[-1] > spread[0]
    np.testing.assert_allclose(found["measured"].sel(measurement=found["measured_fraction"] == "total")[0],
                               obs["soc_stock"].iloc[0])  # fmt: skip
    assert found["treatment"].to_numpy()[0, 0] == "direct drilled"


def test_a_plot_elsewhere_is_less_sure_than_one_at_home(without_a_plot, trial):
    obs, management = (table[table["plot"] == "P5"].iloc[:1] for table in trial)
    years = [2010.0]
    home = predict_plots(without_a_plot, obs, management, years=years, draws=300, seed=2)
    away = {"site": "Hill", "treatment": "mulched"}
    stranger = predict_plots(
        without_a_plot, obs.assign(**away), management.assign(site="Hill"), years=years, draws=300, seed=2
    )
    spreads = [np.log(one["known"].sel(fraction="total")).std().item() for one in (home, stranger)]
    assert spreads[1] > 1.2 * spreads[0]
    assert "Effects of mulched are drawn from the spread between treatments." in stranger.attrs["notes"]
    alone = "The fit is of one site, Farm, so nothing is known of the spread between sites: Hill is taken to be alike"
    assert alone in stranger.attrs["notes"]
    assert "spread" not in home.attrs["notes"]
    again = predict_plots(without_a_plot, obs.assign(plot="P1"), management.assign(plot="P1"), years=years, draws=5)
    assert "Plots that are in the fit are taken as others beside them: P1." in again.attrs["notes"]
    mixed = average({"one": home, "other": home}, {"one": 1.0, "other": 1.0}, draws=10)
    assert mixed.sizes["sample"] == 10
    assert "new" not in mixed
    with pytest.raises(SocbayesError, match="forecasts of known plots and predictions of others do not mix"):
        average({"one": home, "other": home.assign_coords(new_plot=["a"])}, {"one": 1.0, "other": 1.0})
    with pytest.raises(SocbayesError, match="carbon inputs of these plots are not stated"):
        predict_plots(without_a_plot, obs, years=years)


def test_description_names_what_the_model_has(model):
    spec = model.socbayes_spec
    assert spec.observed == ("log_carbon",)
    assert set(spec.quantities) <= set(model.named_vars)
    assert {"rate_effect", "input_factor", "initial_stock", "past_input_ratio", "error"} <= set(spec.quantities)
    assert not field.prior_table().isna().any().any()


def test_density_and_gradient_are_finite_at_the_start(model):
    density, gradient = log_density_and_gradient(model)
    assert np.isfinite(density)
    assert np.isfinite(gradient).all()


def test_initial_shares_are_those_of_the_steady_state(trial):
    obs, management = trial
    data = lay_out(obs, management, structure=get("rothc"))
    at = {"rate_constant": np.zeros(4), "site_rate": np.zeros(1)}
    shares = np.exp(log_steady_shares(data, at).eval(mode="FAST_COMPILE"))[0]
    state = steady_state(get("rothc"), {"clay": CLAY}, {"rate_modifier": 0.6, "plant_input": INPUT / 12.0})
    active = state.eval(mode="FAST_COMPILE")[0, :4]
    np.testing.assert_allclose(shares[:4], 0.91 * active / active.sum(), rtol=1e-3)
    assert shares[4] == pytest.approx(0.09)


def test_an_inert_share_is_the_structures_own(trial):
    obs, management = trial
    at = {"rate_constant": np.zeros(1), "site_rate": np.zeros(1)}
    for share in (0.65, 0.4):
        structure = replace(get("amg"), inert_share=share)
        data = layout.lay_out(judged(obs, management, None), setup_of(structure, drivers=AMG))
        found = np.exp(log_steady_shares(data, at).eval(mode="FAST_COMPILE"))[0]
        np.testing.assert_allclose(found, [1.0 - share, share], rtol=1e-5)


def test_what_is_sampled_leaves_priors_as_they_are(trial):
    """Sampled are sums that data tell; the density must be that of the priors of what they are sums of."""
    obs, management = trial
    carbon = {"soc_stock": np.nan, "particulate_carbon_stock": np.nan, "resistant_carbon_stock": np.nan}
    thin = obs.assign(**carbon, soil_organic_carbon=obs["soc_stock"] / 3.0, depth_top=0.0, depth_bottom=20.0,
                      bulk_density=np.where(obs["plot"] == "P0", 1.5, np.nan))  # fmt: skip
    model = field.build(thin, management, structure="icbm")
    names = ["input_level", "site_stock", "site_log_ratio"]
    asked = [model[name] for name in [*names, "rate_constant", "site_departure_sd"]]
    given = model.compile_fn(model.replace_rvs_by_values(asked), inputs=model.value_vars, mode="FAST_COMPILE",
                             on_unused_input="ignore")  # fmt: skip
    density = model.compile_logp(vars=[model[f"{name}_shifted"] for name in names], sum=False, mode="FAST_COMPILE")
    rng = np.random.default_rng(2)
    point = {name: value + 0.3 * rng.standard_normal(np.shape(value)) for name, value in model.initial_point().items()}
    level, stock, ratio, (young, old), spread = given(point)
    of_young = 0.00605 / (0.125 * 0.8) * np.exp(old - young)  # over the old pool, in ICBM's steady state
    shares = np.array([of_young, 1.0]) / (1.0 + of_young) + SMALLEST_SHARE
    expected = np.log(shares[0] / shares[1])
    of_level, of_stock, of_ratio = density(point)
    np.testing.assert_allclose(of_level, stats.norm.logpdf(level, 0.0, 0.3), rtol=1e-7)
    np.testing.assert_allclose(of_stock, stats.norm.logpdf(stock, 0.0, 0.5), rtol=1e-7)
    np.testing.assert_allclose(of_ratio, stats.norm.logpdf(ratio, expected, spread), rtol=1e-7)


@pytest.mark.parametrize("copies", [1, 2])
def test_first_stocks_and_errors_of_borrowed_densities_keep_their_priors(trial, copies):
    """Sampled is what samples show of them, of few plots, and of ten and more, at sites of unequal numbers."""
    obs, _ = trial
    thin = obs[["site", "plot", "year"]].assign(
        treatment="same", soil_organic_carbon=obs["soc_stock"] / 3.0, depth_top=0.0, depth_bottom=20.0,
        bulk_density=np.where(obs["plot"] == "P0", 1.5, np.nan),
    )  # fmt: skip
    thin.loc[thin["plot"] == "P5", ["site", "bulk_density"]] = "Hill", 1.5
    obs = pd.concat([thin.assign(plot=thin["plot"] + str(copy)) for copy in range(copies)], ignore_index=True)
    model, data = field.build(obs, structure="icbm"), lay_out(obs, structure=get("icbm"))
    of_site = (data.measured.site_log_stock + model["site_stock"])[data.plots.site]
    away = (model["log_initial_stock"] - of_site) / model["plot_stock_sd"]
    asked = [away, model["density_error"] / 0.1, model["site_stock"] / 0.5]
    drawn = np.hstack(pm.draw(asked, draws=2000, random_seed=4, mode="FAST_COMPILE"))
    assert drawn.shape == (2000, 6 * copies + 4 * copies + 2)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(drawn.shape[1]), atol=0.12)


def test_rates_sampled_with_the_mean_of_sites_keep_their_priors(trial):
    obs, management = trial
    totals = obs[["site", "plot", "year", "treatment", "soc_stock"]]
    two = pd.concat([totals, totals.assign(site="another", plot="A" + totals["plot"])], ignore_index=True)
    elsewhere = management.assign(site="another", plot="A" + management["plot"])
    both = pd.concat([management, elsewhere], ignore_index=True)
    model = field.build(two, both, structure="icbm")
    rng = np.random.default_rng(2)
    point = {name: value + 0.3 * rng.standard_normal(np.shape(value)) for name, value in model.initial_point().items()}
    asked = model.replace_rvs_by_values([model["rate_constant"], model["site_rate"], model["site_rate_sd"]])
    constants, sites, spread = model.compile_fn(asked, inputs=model.value_vars, mode="FAST_COMPILE",
                                                on_unused_input="ignore")(point)  # fmt: skip
    names = ["rate_constant_shifted", "site_rate_half"]
    densities = model.compile_logp(vars=[model[name] for name in names], sum=False, mode="FAST_COMPILE")
    of_constants, of_sites = densities(point)
    np.testing.assert_allclose(of_constants, stats.norm.logpdf(constants, 0.0, 0.2), rtol=1e-7)
    root = np.sqrt(spread)  # what is sampled is an effect over the root of their spread
    np.testing.assert_allclose(of_sites, stats.norm.logpdf(sites, 0.0, spread) + np.log(root), rtol=1e-7)


def test_where_nothing_is_added_the_input_does_not_move_with_rates(trial):
    obs, management = trial
    totals = obs[["site", "plot", "year", "treatment", "soc_stock"]]
    bare = field.build(totals, management.assign(plant_carbon_input=0.0), structure="icbm")
    assert "input_level_shifted" not in bare.named_vars


def test_run_repeats_rothc_by_hand(trial):
    obs, management = trial
    data = lay_out(obs, management, structure=get("rothc"))
    shares = log_steady_shares(data, {"rate_constant": np.zeros(4), "site_rate": np.zeros(1)})
    at = {
        "rate": np.array([[EFFECT[data.plots.treatments[i]]] for [i] in data.plots.treatment]),
        "rate_constant": np.zeros(4), "plant": np.zeros((6, 1)), "manure": 0.0,
        "stock": np.log(60.0 + 2.0 * np.arange(6)),
        "log_share": shares.eval(mode="FAST_COMPILE")[data.plots.site],
    }  # fmt: skip
    states = trajectories(data, at, np.array([0, 60, MONTHS])).eval(mode="FAST_COMPILE")
    for plot in (0, 5):
        truth = rothc_by_hand(60.0 + 2.0 * plot, EFFECT[list(EFFECT)[plot % 2]])[[0, 60, MONTHS]]
        np.testing.assert_allclose(states[:, plot, :5], truth, rtol=2e-4)


@pytest.mark.parametrize(
    ("structure", "drivers"),
    [
        ("icbm", {}),
        ("century", {}),
        ("mcp", {}),
        ("amg", {"water_balance": -200.0}),
        ("ctool", {}),
        ("somic", {}),
        ("yasso20", {"precipitation": 650.0}),
    ],
)
def test_published_structures_run_on_the_same_tables(trial, structure, drivers):
    obs, management = trial
    weather = pd.DataFrame({"site": "Farm", "year": 2000, "month": range(1, 13), "temperature": 10.0})
    seen = obs.drop(columns="resistant_carbon_stock").assign(depth_top=0.0, depth_bottom=23.0, bulk_density=1.3)
    if structure == "amg":
        with pytest.raises(TableFaultsError, match="amg has no pools for particulate"):
            field.build(seen, management, weather, structure=structure, drivers=drivers)
        seen = seen.drop(columns="particulate_carbon_stock")
    for name in drivers:
        with pytest.raises(TableFaultsError, match=f"no column tells {structure} its {name}"):
            field.build(seen, management, weather, structure=structure)
    built = field.build(seen, management, weather, structure=structure, drivers=drivers)
    density, gradient = log_density_and_gradient(built)
    assert np.isfinite(density)
    assert np.isfinite(gradient).all()


def test_a_structure_written_on_the_spot_works_at_once(trial):
    obs, management = trial
    seen = obs[["site", "plot", "year", "treatment", "soc_stock", "particulate_carbon_stock"]]
    built = field.build(seen, management, structure=own_structure(), fractions={"particulate": ("litter",)})
    density, gradient = log_density_and_gradient(built)
    assert np.isfinite(density)
    assert np.isfinite(gradient).all()
    assert any("no driver of climate" in note for note in built.socbayes_spec.notes)


def test_a_flux_is_the_carbon_that_leaves_in_a_month(trial):
    obs, management = trial
    seen = obs[["site", "plot", "year", "treatment", "soc_stock", "clay"]].assign(co2_flux=1.0)
    built = field.build(seen, management)
    assert np.isfinite(log_density_and_gradient(built)[0])
    data = lay_out(seen, management, structure=get("rothc"))
    shares = np.array([0.01, 0.13, 0.02, 0.75, 0.09])
    at = {
        "rate_constant": np.zeros(4), "rate": np.zeros((6, 1)), "plant": np.zeros((6, 1)), "manure": 0.0,
        "stock": np.full(6, np.log(60.0)), "log_share": np.tile(np.log(shares), (6, 1)),
    }  # fmt: skip
    states = trajectories(data, at, np.array([0, 1, 12, 13]))
    flux = data.measured.takes_time & (data.measured.plot == 0)
    place = np.where(data.measured.month == 0, 0, 2)
    measured = data.measured
    run = Run(get("rothc"), states, place, place + 1, measured.plot, measured.weights[measured.kind])
    expected = expected_readings(measured.kinds, measured.kind, run).eval(mode="FAST_COMPILE")[flux]
    pools = states.eval(mode="FAST_COMPILE")[:, 0, :5].sum(axis=1)
    np.testing.assert_allclose(expected[:2], INPUT / 12.0 - (pools[[1, 3]] - pools[[0, 2]]), rtol=1e-6)


@pytest.fixture(scope="module")
def microbial(trial):
    """Plots that run the carbon pump with the literature's microbes."""
    obs, management = trial
    weather = pd.DataFrame({"site": "Farm", "year": 2000, "month": range(1, 13), "temperature": 12.0})
    layer = {"depth_top": 0.0, "depth_bottom": 23.0, "bulk_density": 1.3}
    seen = obs[["site", "plot", "year", "treatment", "soc_stock"]].assign(**layer)
    return (seen, management, weather), field.build(seen, management, weather, structure="mcp", prior="literature")


def test_the_literature_is_a_prior_of_microbes(microbial):
    tables, built = microbial
    density, gradient = log_density_and_gradient(built)
    assert np.isfinite(density)
    assert np.isfinite(gradient).all()
    assert "k_death" not in built.coords["constant"]
    assert {"carbon_use_efficiency", "microbial_turnover", "residue_share"} <= set(built.socbayes_spec.quantities)
    plain = field.build(*tables, structure="mcp")
    assert "carbon_use_efficiency" not in plain.named_vars
    assert "k_death" in plain.coords["constant"]
    given = field.build(*tables, structure="mcp", prior="literature", parameters={"e_ref": 0.4})
    assert "carbon_use_efficiency" not in given.named_vars
    assert "microbial_turnover" in given.named_vars


def test_runs_use_the_microbes_that_were_learned(microbial):
    tables, _ = microbial
    data = lay_out(*tables, structure=get("mcp"))
    plots = len(data.plots.labels)
    at = {
        "rate_constant": np.zeros(6), "rate": np.zeros((plots, 1)), "plant": np.zeros((plots, 1)), "manure": 0.0,
        "stock": np.full(plots, np.log(60.0)), "log_share": np.zeros((plots, 6)),
        "e_ref": np.full(plots, 0.3), "k_death": np.full(plots, 0.012), "necromass_share": np.full(plots, 0.8),
    }  # fmt: skip
    runs = trajectories(data, at, np.array([0, MONTHS])).eval(mode="FAST_COMPILE")
    numbers = {"e_ref": 0.3, "k_death": 0.012, "necromass_share": 0.8, "v_dissolved": 2 * 0.036}
    told = lay_out(*tables, structure=get("mcp"), parameters=numbers)
    plain = {name: value for name, value in at.items() if name not in numbers} | {"rate_constant": np.zeros(7)}
    again = trajectories(told, plain, np.array([0, MONTHS])).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(runs, again, rtol=1e-9)
    default = {"rate_constant": np.zeros(7)}
    other = trajectories(data, plain | default, np.array([0, MONTHS])).eval(mode="FAST_COMPILE")
    assert np.abs(other[-1] - runs[-1]).max() > 0.1


def test_microbes_that_starve_have_a_density(microbial):
    """A density that ends where microbes die out cannot be sampled: half of all draws diverged."""
    _, built = microbial
    assert "Initial shares of mcp scatter about those of its steady state at published parameters." in (
        built.socbayes_spec.notes
    )
    point = built.initial_point()
    starving = {name: point[name] for name in point} | {"carried": point["carried"] - np.array([2.0, 0.0, 0.0])}
    assert np.isfinite(built.compile_logp(mode="FAST_COMPILE")(starving))
    assert np.isfinite(built.compile_dlogp(mode="FAST_COMPILE")(starving)).all()


def test_shares_of_a_poor_site_are_those_of_living_microbes(microbial):
    (obs, management, weather), _ = microbial
    poor = management.assign(plant_carbon_input=0.2)
    found = initial_shares(lay_out(obs, poor, weather, structure=get("mcp")))
    microbes = found.fixed[0, get("mcp").pools.index("microbes")]
    assert 0.001 < microbes < 0.05
    assert list(found.notes) == [
        "Initial shares of mcp scatter about those of its steady state at published parameters and 4 times the mean "
        "input, as with less its microbes die out."
    ]


@pytest.mark.parametrize("name", [name for name in list_structures() if get(name).month_steps])
def test_steps_of_a_month_are_as_good_as_daily_ones(microbial, name):
    tables, _ = microbial
    data = lay_out(*tables, structure=get(name))
    steady = find_steady_state(get(name), {}, data.forcing.means).pools
    draws, rng = 10, np.random.default_rng(2)
    many = _repeated(data, np.arange(6), draws)
    runs = 6 * draws
    at = {
        "rate_constant": 0.2 * rng.standard_normal((len(rate_constants(get(name))), runs)), "manure": 0.0,
        "rate": 0.3 * rng.standard_normal((runs, 1)), "plant": 0.3 * rng.standard_normal((runs, 1)),
        "stock": np.full(runs, np.log(60.0)), "log_share": np.log(np.repeat(steady, runs, axis=0)),
    }  # fmt: skip
    coarse = trajectories(many, at, np.array([24, MONTHS])).eval(mode="FAST_COMPILE")[:, :, :6]
    daily = replace(many, setup=replace(many.setup, structure=replace(many.setup.structure, month_steps=None)))
    fine = trajectories(daily, at, np.array([24, MONTHS])).eval(mode="FAST_COMPILE")[:, :, :6]
    apart, total = np.log(coarse / fine), np.log(coarse.sum(axis=2) / fine.sum(axis=2))
    assert 0.0 < np.abs(total).max() < 5e-4
    assert np.abs(apart).max() < 1e-2


def test_a_prior_of_microbes_says_nothing_of_plain_pools(trial):
    built = field.build(*trial, prior="literature")
    assert "The carried prior is about microbes and says nothing of rothc." in built.socbayes_spec.notes
    with pytest.raises(SocbayesError, match="prior='books' is not known"):
        field.build(*trial, prior="books")


def test_draws_run_with_their_own_microbes(microbial):
    tables, _ = microbial
    data = lay_out(*tables, structure=get("mcp"))
    values = {
        "site_stock": np.zeros((3, 1)), "input_level": np.zeros(3), "rate_constant": np.zeros((3, 6)),
        "log_share": np.zeros((3, 1, 6)), "carbon_use_efficiency": np.array([0.3, 0.4, 0.5]),
    }  # fmt: skip
    effects = log_factors(data, values, np.array([0, 1]))
    np.testing.assert_array_equal(effects["e_ref"], np.array([0.3, 0.4, 0.5]))
    assert "k_death" not in effects
    # Without effects of sites and treatments every draw has a rate all the same.
    np.testing.assert_array_equal(effects["rate"], np.zeros((3, 2, 1)))


def test_carried_parameters_are_parameters_in_the_parts_of_the_variance():
    draws = np.random.default_rng(0).standard_normal(100)
    at = {"e_ref": draws, "stock": np.zeros(100)}
    _, parts = variance_parts(lambda at: at["e_ref"] + at["stock"], at, get("mcp").carried)
    assert parts["parameters"] == pytest.approx(draws.var())
    assert parts["interaction"] == pytest.approx(0.0)


def test_microbes_of_the_literature_do_not_starve():
    prior, rng = load_prior(), np.random.default_rng(0)
    normal = rng.standard_normal((400, 4)) @ np.linalg.cholesky(np.array(prior.scatter)).T
    half = prior.degrees_of_freedom / 2.0
    free = np.array(prior.centre) + normal / np.sqrt(rng.gamma(half, 1.0 / half, (400, 1)))
    efficiency, turnover = 1.0 / (1.0 + np.exp(-free[:, 0])), np.exp(free[:, 1])
    drivers = {"litter_input": np.full(400, 4.0 / 365.25 * 0.334), "temperature": np.full(400, 10.0)}
    own = {"e_ref": efficiency, "k_death": turnover}
    paced = own | {"v_dissolved": 0.036 / 0.006 * turnover}
    found = [np.mean([why == "found" for why in find_steady_state(get("mcp"), one, drivers).reasons])
             for one in (own, paced)]  # fmt: skip
    assert found[0] == pytest.approx(0.25, abs=0.05)
    assert found[1] == pytest.approx(0.97, abs=0.01)


def test_one_pool_is_enough():
    def flows(x, p, u):
        yield Flow("input", "carbon", u.litterfall)
        yield Flow("carbon", "co2", p.k * x.carbon)

    single = Structure(
        name="one pool",
        pools=("carbon",),
        flows=flows,
        parameters=(Parameter("k", "1/year", 0.05, "assumed", 0.0),),
        drivers=(Driver("litterfall", "t/ha/year", lower=0.0),),
        carbon_unit="t/ha",
        time_unit="year",
        step=1.0 / 12.0,
    )
    obs = pd.DataFrame({"site": "a", "plot": "1", "year": [2000.0, 2005.0], "soc_stock": [50.0, 48.0]})
    assert np.isfinite(log_density_and_gradient(field.build(obs, structure=single))[0])


def test_only_a_total_and_nothing_else(trial):
    obs, _ = trial
    built = field.build(obs[["site", "plot", "year", "soc_stock"]])
    notes = " ".join(built.socbayes_spec.notes)
    assert "No carbon input is stated" in notes
    assert "No temperature is stated" in notes
    assert "input_level_unstated" in built.named_vars
    assert "rate_effect" not in built.named_vars
    assert np.isfinite(log_density_and_gradient(built)[0])


def test_concentrations_become_stocks_with_the_error_of_bulk_density(trial):
    obs, management = trial
    seen = obs.assign(soil_organic_carbon=obs["soc_stock"] / (1.3 * 23.0 * 0.1), depth_top=0.0, depth_bottom=23.0)
    seen["bulk_density"] = np.where(seen["year"] < 2003, 1.3, np.nan)
    concentrations = seen.drop(columns=["soc_stock", "particulate_carbon_stock", "resistant_carbon_stock"])
    data = lay_out(concentrations, management, structure=get("rothc"))
    np.testing.assert_allclose(np.exp(data.measured.observed), obs["soc_stock"])
    own = concentrations["bulk_density"].notna().to_numpy()
    assert (data.measured.density[own] == -1).all()
    assert (data.measured.density[~own] >= 0).all()
    np.testing.assert_allclose(data.measured.stated_error, np.where(own, 0.05, 0.0))
    assert "density_error" in field.build(concentrations, management).named_vars


def test_stated_deviations_and_replicates_are_the_known_part_of_the_error(trial):
    obs, management = trial
    seen = obs[["site", "plot", "year", "soc_stock"]].assign(soc_stock_sd=obs["soc_stock"] * 0.06, replicates=4)
    data = lay_out(seen, management, structure=get("rothc"))
    np.testing.assert_allclose(data.measured.stated_error, 0.03)


def test_all_faults_are_named_at_once(trial):
    obs, management = trial
    bad = obs.assign(microbial_biomass=200.0, necromass=5.0)
    bad.loc[4, "soc_stock"] = 0.0
    bad.loc[4, ["particulate_carbon_stock", "resistant_carbon_stock"]] = np.nan
    late = management.assign(end_year=[2000.0, *management["end_year"][1:]])
    with pytest.raises(TableFaultsError) as caught:
        field.build(bad, late, parameters={"cley": 20.0})
    text = str(caught.value)
    assert "row 6, column 'soc_stock': not positive: found 0" in text
    assert "row 2, column 'end_year': lasts no time" in text
    assert "fraction without pools" in text
    assert "no bulk density" in text
    assert "row 2, column 'depth_bottom': no depth" in text
    assert "'cley'" in text or "cley" in text
    with pytest.raises(EmptyTableError):
        field.build(obs.iloc[:0])


def test_a_driver_that_no_table_states_is_asked_for(trial):
    obs, management = trial
    with pytest.raises(TableFaultsError, match=r"drivers=\{'water': <number>\}"):
        field.build(obs.drop(columns="resistant_carbon_stock"), management, structure="millennial")


def test_one_date_per_plot_is_refused(trial):
    obs, _ = trial
    with pytest.raises(TableFaultsError, match="no change to fit"):
        field.build(obs[obs["year"] == 2000.0])


def test_annual_means_become_a_sinusoid_and_say_so(trial):
    obs, management = trial
    weather = pd.DataFrame({"site": "Farm", "year": range(2000, 2012), "month": 1, "annual_temperature": 9.0})
    data = lay_out(obs, management.drop(columns="rate_modifier"), weather, structure=get("rothc"))
    modifier = data.forcing.drivers["rate_modifier"][:, 0]
    assert modifier[:12].argmax() == 6
    assert any("sinusoid" in note for note in data.notes)


def test_a_fraction_got_by_difference_is_no_measurement(trial):
    obs, management = trial
    parts = ["particulate_carbon_stock", "humus_carbon_stock", "resistant_carbon_stock"]
    by_difference = obs.assign(humus_carbon_stock=obs["soc_stock"] - obs[parts[0]] - obs[parts[2]])
    obs = by_difference.assign(humus_carbon_stock=by_difference["humus_carbon_stock"] * 1.05)
    independent = lay_out(obs, management, structure=get("rothc"))
    assert {"particulate", "humus", "resistant"} <= set(independent.measured.names)
    data = lay_out(by_difference, management, structure=get("rothc"))
    assert "humus" not in data.measured.names
    assert any("values of humus are left out" in note for note in data.notes)
    # Without the total of that sample nothing was told twice.
    bare = by_difference.assign(soc_stock=obs["soc_stock"].where(obs["year"] != 2002.0))
    kept = lay_out(bare, management, structure=get("rothc"))
    assert set(kept.measured.month[kept.measured.kind == kept.measured.names.index("humus")]) == {24}
    # One plot of another laboratory keeps its own.
    mixed = by_difference.where(obs["plot"] != "P0", obs)
    kept = lay_out(mixed, management, structure=get("rothc"))
    humus = kept.measured.names.index("humus")
    assert set(kept.measured.plot[kept.measured.kind == humus]) == {kept.plots.labels.index("P0")}


def test_gaps_are_filled_with_the_mean_of_the_month():
    values = np.where(np.arange(24) == 13, np.nan, np.arange(24) % 12)
    np.testing.assert_allclose(filled_by_month(values, 5, 0.0), np.arange(24) % 12)
    assert (filled_by_month(np.full(3, np.nan), 0, 2.5) == 2.5).all()


def test_inputs_follow_from_yields():
    left = carbon_left("barley, spring", 4.0)
    assert left.crop == "barley"
    assert left.coefficients == pytest.approx(4.0 * 0.45 * (0.4 * 0.15 + 0.09 + 0.059) / 0.451)
    assert abs(np.log(left.carbon / left.coefficients)) < 2 * left.error
    assert np.isnan(carbon_left("pasture", 4.0).carbon)


def test_months_are_turns_of_months():
    assert month_of([2000.20833, 2009.125]).tolist() == [24003, 24110]


@pytest.mark.parametrize(
    "study",
    ["Broadbalk wheat", "Tarlee", "Brigalow", "Hoosfield barley", "Highfield bare fallow", "Highfield ley-arable"],
)
def test_bundled_trials_build(study):
    tables = [load_dataset(name) for name in ("field_soc", "field_management")]
    obs, management = (table[table["study"] == study] for table in tables)
    built = field.build(obs, management, load_dataset("field_weather"))
    assert np.isfinite(log_density_and_gradient(built)[0])


def a_forecast(
    mean: float, deviation: float, converged: int = 1, fractions: tuple[str, ...] = ("total",)
) -> xr.Dataset:
    draws = mean + deviation * np.repeat([-1.0, 1.0], 200)
    stocks = (("sample", "plot", "year", "fraction"), np.tile(draws[:, None, None, None], (1, 1, 1, len(fractions))))
    parts = np.full((2, 1, 1, len(fractions)), [[[[1.0]]], [[[deviation**2]]]])
    parts[1] -= parts[0]
    return xr.Dataset(
        {
            "known": stocks,
            "new": (("sample", "new_plot", "year", "fraction"), stocks[1]),
            "known_variance": (("part", "plot", "year", "fraction"), parts),
            "treatment": (("plot", "year"), [["a"]]),
            "measured": ("measurement", np.full(len(fractions), mean)),
            "error": (("sample", "fraction"), np.full((400, len(fractions)), 0.05)),
        },
        coords={"plot": ["1"], "new_plot": ["a"], "year": [2030.0], "fraction": list(fractions),
                "part": ["parameters", "inputs"], "measured_fraction": ("measurement", list(fractions))},
        attrs={"converged": converged, "failures": "" if converged else "r_hat", "notes": "assumed."},
    )  # fmt: skip


def test_a_mixture_has_the_moments_of_a_mixture():
    both = {"a": a_forecast(10.0, 1.0, fractions=("total", "humus")), "b": a_forecast(14.0, 2.0, converged=0)}
    mixed = average(both, {"a": 3.0, "b": 1.0}, draws=1000)
    assert mixed["fraction"].to_numpy().tolist() == ["total"]
    assert (mixed["measured"].to_numpy().tolist(), mixed["treatment"].item()) == ([10.0], "a")
    assert dict(zip(*np.unique(mixed["structure"], return_counts=True), strict=True)) == {"a": 750, "b": 250}
    parts = mixed["known_variance"].sel(fraction="total", year=2030.0, plot="1")
    # 0.75 (10 - 11)^2 + 0.25 (14 - 11)^2 between; 0.75 * 1 + 0.25 * 4 within, of which 1 for parameters.
    assert parts.sel(part="structures").item() == pytest.approx(3.0)
    assert parts.sel(part="parameters").item() == pytest.approx(1.0)
    assert parts.sum().item() == pytest.approx(4.75)
    drawn = mixed["known"].to_numpy().ravel()
    assert drawn.mean() == pytest.approx(11.0, abs=0.15)
    assert drawn.var() == pytest.approx(4.75, rel=0.1)
    assert mixed.attrs["converged"] == 0
    assert mixed.attrs["failures"] == "b: r_hat"


def test_a_part_that_one_structure_lacks_is_none_of_its_variance():
    plain, noisy = a_forecast(10.0, 1.0), a_forecast(10.0, 2.0).assign_coords(part=["parameters", "process noise"])
    parts = average({"a": plain, "b": noisy}, {"a": 1.0, "b": 1.0})["known_variance"]
    assert parts["part"].to_numpy().tolist() == ["structures", "parameters", "inputs", "process noise"]
    found = parts.sel(fraction="total", year=2030.0, plot="1").to_series()
    one, two = (each["known_variance"].sel(fraction="total", year=2030.0, plot="1") for each in (plain, noisy))
    assert found["inputs"] == pytest.approx(0.5 * one.sel(part="inputs").item())
    assert found["process noise"] == pytest.approx(0.5 * two.sel(part="process noise").item())
    assert found.sum() == pytest.approx(0.5 * (one.sum() + two.sum()).item() + found["structures"])


def test_what_cannot_be_mixed_is_named():
    both = {"a": a_forecast(10.0, 1.0), "b": a_forecast(14.0, 2.0)}
    with pytest.raises(SocbayesError, match="not of the same structures: c"):
        average(both, {"a": 1.0, "b": 1.0, "c": 1.0})
    with pytest.raises(SocbayesError, match="zero or more"):
        average(both, {"a": 1.0, "b": -1.0})
    later = {"a": both["a"], "b": both["b"].assign_coords(year=[2031.0])}
    with pytest.raises(SocbayesError, match="not of the same years"):
        average(later, {"a": 1.0, "b": 1.0})
