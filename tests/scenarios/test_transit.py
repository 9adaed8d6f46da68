"""Transit times of added carbon and carbon inputs beside a projection, against closed forms."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from made_field import fit_called, fit_of, fit_with_weather, management, one_pool, samples

from socbayes.errors import ConvergenceError, SocbayesError
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.inputs import with_inputs
from socbayes.scenarios.plan_files import read_plans, under
from socbayes.scenarios.plan_runs import begun_runs
from socbayes.scenarios.portfolios import portfolio
from socbayes.scenarios.projected import read_projection
from socbayes.scenarios.projections import project
from socbayes.scenarios.rerun import last_pools, ready_again
from socbayes.scenarios.reversals import permanence
from socbayes.scenarios.transit import _of_ages, with_ages, with_transit
from socbayes.structures import get

YEARS = (2022.0, 2032.0, 2052.0)
MORE = read_plans({"plans": {"p": {"levers": {"carbon_input": 0.2}}, "till": {"levers": {"no_tillage": 1.0}}}})


def test_of_one_pool_it_is_one_over_the_rate():
    own = {"one_pool": one_pool(0.05)}
    fitted = fit_of(own["one_pool"], samples(), management(), spread=0.0)
    stopped = MORE.stopped(2032)
    made = project(fitted, stopped, years=YEARS, draws=4, structures=own)
    told = with_transit(made, fitted, stopped, year=2032, structures=own)
    np.testing.assert_allclose(told["transit_time"].sel(plan="p"), 20.0, rtol=1e-7)
    assert told["transit_time"].sel(plan=["business as usual", "till"]).isnull().all()
    assert told["transit_time"].attrs["units"] == "year"
    assert set(told["transit_time_new"].dims) == {"plan", "sample", "new_plot"}
    table = permanence(told, 2032).set_index(["plan", "plot"])
    assert table.loc[("p", "A1"), "transit_time"] == pytest.approx(20.0)
    assert table.loc[("p", "A1"), "half_life"] < 20.0  # ln 2 of it
    assert table.loc["till", "transit_time"].isna().all()
    assert "transit_time" not in permanence(made, 2032)
    # What enters does so under the plan, and stays as long whether or not more of it comes.
    kept = with_transit(
        project(fitted, MORE, years=YEARS, draws=4, structures=own), fitted, MORE, year=2052, structures=own
    )
    np.testing.assert_allclose(kept["transit_time"].sel(plan="p"), 20.0, rtol=1e-7)


def test_of_two_pools_it_is_that_of_the_young_and_its_share_of_the_old():
    """1 / k1 + h / k2, with the rates of each draw."""
    fitted = fit_of("icbm", still=("rate_effect",))
    stopped = MORE.stopped(2032)
    made = project(fitted, stopped, years=YEARS, draws=200)
    told = with_transit(made, fitted, stopped, year=2032)
    times = told["transit_time"].sel(plan="p", plot="A1").to_numpy()
    published = {one.name: one.default for one in get("icbm").parameters}
    constant = fitted["posterior"]["rate_constant"].stack(sample=("chain", "draw"))
    k1, k2 = (published[name] * np.exp(constant.sel(constant=name).to_numpy()) for name in ("k1", "k2"))
    np.testing.assert_allclose(np.sort(times), np.sort(1 / k1 + published["h"] / k2), rtol=1e-6)
    row = permanence(told, 2032).set_index(["plan", "plot"]).loc[("p", "A1")]
    bounds = np.quantile(times, [0.5, 0.055, 0.945])
    assert row[["transit_time", "transit_time_lower", "transit_time_upper"]].tolist() == pytest.approx(
        bounds.tolist(), rel=0.02
    )
    new = permanence(told, 2032, kind="new").set_index(["plan", "plot"])
    assert new.loc[("p", "Farm, usual"), "transit_time"] == pytest.approx(row["transit_time"], rel=0.2)


def test_ages_of_one_pool_are_exponential(tmp_path):
    own = {"one_pool": one_pool(0.05)}
    fitted = fit_of(own["one_pool"], samples(), management(), spread=0.0)
    made = project(fitted, MORE, years=YEARS, draws=4, structures=own)
    told = with_ages(made, fitted, MORE, year=2032, structures=own)
    exponential = {"mean": 20.0, "sd": 20.0, "median": 20.0 * np.log(2)}
    for name in ("carbon_age", "input_transit_time", "carbon_age_new", "input_transit_time_new"):
        assert told[name].attrs["units"] == "year"
        for statistic, value in exponential.items():
            np.testing.assert_allclose(
                told[name].sel(plan=["p", "business as usual"], statistic=statistic), value, rtol=2e-7
            )
    assert told["input_left"].dims == ("plan", "sample", "plot", "years_after")
    left = told["input_left"].sel(plan="p").isel(sample=0, plot=0)
    np.testing.assert_allclose(left, np.exp(-0.05 * left["years_after"]), rtol=1e-7)
    assert told.attrs["notes"] == made.attrs["notes"]
    told.to_netcdf(tmp_path / "projection.nc")
    again = read_projection(tmp_path / "projection.nc")
    np.testing.assert_array_equal(again["carbon_age"], told["carbon_age"])
    with pytest.raises(SocbayesError, match="after the first year projected, 2022, and not after 2052"):
        with_ages(made, fitted, MORE, year=2022, structures=own)


def test_ages_of_two_pools_follow_from_the_rates_of_each_draw():
    """Old carbon is older than what leaves, as most leaves young."""
    fitted = fit_of("icbm", still=("rate_effect",))
    made = project(fitted, MORE, years=YEARS, draws=200)
    told = with_ages(made, fitted, MORE, year=2032).sel(plan="p", plot="A1")
    published = {one.name: one.default for one in get("icbm").parameters}
    constant = fitted["posterior"]["rate_constant"].stack(sample=("chain", "draw"))
    k1, k2 = (published[name] * np.exp(constant.sel(constant=name).to_numpy()) for name in ("k1", "k2"))
    young, old = 1 / k1, published["h"] / k2
    mean = (young * young + old * (1 / k1 + 1 / k2)) / (young + old)
    ages, transit = told["carbon_age"], told["input_transit_time"]
    np.testing.assert_allclose(np.sort(ages.sel(statistic="mean")), np.sort(mean), rtol=1e-6)
    np.testing.assert_allclose(np.sort(transit.sel(statistic="mean")), np.sort(young + old), rtol=1e-6)
    assert (ages.sel(statistic="median") > 10 * transit.sel(statistic="median")).all()
    assert (told["input_left"].diff("years_after") < 0).all()


def test_ages_say_what_they_are_not_of():
    for name, said in (("rothc", "carbon of iom has no age"), ("mcp", "mcp is not linear: ages are those")):
        fitted = fit_called(name)
        made = project(fitted, MORE, years=YEARS, draws=4)
        told = with_ages(made, fitted, MORE, year=2032)
        assert said in told.attrs["notes"]
        assert np.isfinite(told["carbon_age"]).all()
        assert (told["input_left"] < 1).all()
    amg = SimpleNamespace(label="amg", branches=SimpleNamespace(structure=get("amg")))
    inert, respired = _of_ages([amg])
    assert inert == "amg: carbon of stable has no age and is left out of them."
    assert respired == "amg respires some of what enters as it arrives: of that ages tell nothing."


def test_added_carbon_leaves_a_warmer_soil_sooner():
    fitted, usual = fit_with_weather(), MORE.stopped(2032)
    warm = under(usual, {"warming": 3.0})
    times = [
        with_transit(project(fitted, one, years=YEARS, draws=40), fitted, one, year=2032)["transit_time"].sel(plan="p")
        for one in (usual, warm)
    ]
    assert (times[1] < 0.9 * times[0]).all()


def test_of_a_structure_that_is_not_linear_rates_are_those_of_the_last_pools():
    fitted, stopped = fit_called("mcp"), MORE.stopped(2032)
    made = project(fitted, stopped, years=YEARS, draws=10)
    told = with_transit(made, fitted, stopped, year=2032)
    times = told["transit_time"].sel(plan="p")
    assert bool(np.isfinite(times).all())
    assert bool((times > 0).all())
    note = "mcp is not linear: transit times are of the added carbon, not of the old carbon that it sets free."
    assert note in told.attrs["notes"].splitlines()
    assert note not in made.attrs["notes"].splitlines()
    # The pools that rates are taken at are those of the projection's last year.
    prepared = ready_again(made, fitted, stopped).prepared[0]
    pools = last_pools(prepared, "known", 0, "p", begun_runs(prepared, "known"))
    weights = prepared.branches.weights(prepared.data, ["total"])[:, 0] * prepared.data.forcing.carbon[0]
    last = made["known"].sel(plan="p", plot="A1", year=2052.0, fraction="total")
    np.testing.assert_allclose(pools @ weights, last, rtol=1e-9)


def test_carbon_that_is_taken_away_has_no_transit_time():
    fitted, less = fit_called("rothc"), {"plans": {"p": {"levers": {"carbon_input": -0.2}}}}
    told = with_transit(project(fitted, less, years=YEARS, draws=10), fitted, less, year=2032)
    assert bool(told["transit_time"].isnull().all())
    assert bool(told["transit_time_new"].isnull().all())
    assert "not linear" not in told.attrs["notes"]


def test_manure_stays_longer_than_plant_carbon():
    """RothC takes a part of manure as humus, which turns over slowest."""
    fitted = fit_with_weather()
    given = read_plans({"plans": {name: {"levers": {name: 1.0}} for name in ("manure", "plant_carbon")}}).stopped(2032)
    times = with_transit(project(fitted, given, years=YEARS, draws=40), fitted, given, year=2032)["transit_time"]
    longer = times.sel(plan="manure") / times.sel(plan="plant_carbon")
    assert bool((longer > 1.0).all())
    assert float(longer.sel(plot="A1").median()) == pytest.approx(1.13, abs=0.01)


def test_what_was_not_projected_from_these_is_refused():
    fitted, stopped = fit_called("icbm"), MORE.stopped(2032)
    made = project(fitted, stopped, years=YEARS, draws=20)
    with pytest.raises(SocbayesError, match="differs from these fits and plans in ends"):
        with_transit(made, fitted, MORE, year=2032)
    with pytest.raises(SocbayesError, match="in structure"):
        with_transit(made, {"other": fitted}, stopped, year=2032)
    for year in (2022.0, 2060.0, "2032", np.nan):
        with pytest.raises(SocbayesError, match="after the first year projected"):
            with_transit(made, fitted, stopped, year=year)
    another = read_plans(
        {"plans": {"p": {"levers": {"carbon_input": 0.3}}, "till": {"levers": {"no_tillage": 1.0}}}}
    ).stopped(2032)
    for odd, fit, plans in (
        (made.isel(sample=slice(None, None, 2)), fitted, stopped),
        (made, fitted, another),
        (made, fit_of("icbm", seed=2), stopped),
    ):
        with pytest.raises(SocbayesError, match="plans in a fit, a plan or the number of draws"):
            with_inputs(odd, fit, plans)
    with pytest.raises(SocbayesError, match="other fits, plans or draws"):
        portfolio([made.sel(plot=["A1"]), project(fitted, another, years=YEARS, draws=20).sel(plot=["A2"])])
    # Numbers written otherwise are the same plan; a projection that does not say what it is of is taken as it is.
    again = with_inputs(made, fitted, MORE.stopped(np.float64(2032.0)))
    unsaid = made.copy()
    del unsaid.attrs["made_of"]
    np.testing.assert_array_equal(with_inputs(unsaid, fitted, stopped)["plant_input"], again["plant_input"])
    part = with_transit(made.sel(plot=["B1"]), fitted, stopped, year=2032)
    assert part["transit_time"].dims == ("plan", "sample", "plot")
    assert part["plot"].to_numpy().tolist() == ["B1"]


def test_a_projection_weighs_what_plots_are_given():
    """Stated input times the learned factor, and a fifth more under the plan until it is stopped."""
    fitted, stopped = fit_called("icbm"), MORE.stopped(2032)
    made = project(fitted, stopped, years=YEARS, draws=200)
    told = with_inputs(made, fitted, stopped)
    plant = told["plant_input"]
    assert plant.dims == ("plan", "sample", "plot", "year")
    assert plant.attrs["units"] == "t/ha/year"
    assert "manure_input" not in told  # ICBM takes manure with the carbon of plants
    posterior = fitted["posterior"].to_dataset()
    level = posterior["input_level"] + posterior["treatment_input"].sel(treatment="usual", drop=True)
    own = 2.4 * np.exp(level + posterior["plot_input"].sel(plot="A1")).to_numpy().ravel()
    usual = plant.sel(plan="business as usual", plot="A1")
    np.testing.assert_allclose(np.sort(usual.sel(year=2022.0)), np.sort(own), rtol=1e-6)
    more = plant.sel(plan="p", plot="A1") / usual
    np.testing.assert_allclose(more.sel(year=2022.0), 1.2, rtol=1e-9)
    np.testing.assert_allclose(more.sel(year=[2032.0, 2052.0]), 1.0, rtol=1e-9)


def test_added_carbon_is_weighed_apart_from_what_was_learned_of_plants():
    manured = read_plans({"plans": {"p": {"levers": {"manure": 1.0, "plant_carbon": 2.0}}}})
    fitted = fit_called("rothc")
    told = with_inputs(project(fitted, manured, years=YEARS, draws=100), fitted, manured)
    more = told.sel(plan="p", plot="A1", year=2032.0) - told.sel(plan="business as usual", plot="A1", year=2032.0)
    assert float(more["manure_input"].median()) == pytest.approx(1.0, rel=0.1)
    assert float(more["plant_input"].median()) == pytest.approx(2.0, rel=0.1)
    assert float(np.log(more["manure_input"]).std()) == pytest.approx(0.2, rel=0.25)
    assert abs(float(np.corrcoef(np.log(more["manure_input"]), np.log(more["plant_input"]))[0, 1])) < 0.4


@pytest.mark.parametrize("stated", [True, False])
def test_manure_that_some_structure_takes_with_plants_is_weighed_with_them(stated):
    """Weighed input is the same thing through every structure, whether management or a plan spreads the manure."""
    given = management(manure_carbon_input=3.0) if stated else management()
    fits = {name: fit_of(name, samples(), given, still=("input_level",)) for name in ("rothc", "icbm")}
    spread = [] if stated else [{"manure_carbon_input": 3.0, "start": 2022.0}]
    plans = {"plans": {"p": {"levers": {"carbon_input": 0.2}, "management": spread}}}
    told = with_inputs(project(fits, plans, years=YEARS, draws=200), fits, plans)
    assert "plant_input" not in told
    assert "manure_input" not in told
    assert "by one driver" in told["carbon_input"].attrs["long_name"]
    medians = told["carbon_input"].sel(plan="p", year=2032.0).groupby("structure").median("sample")
    np.testing.assert_allclose(medians.sel(structure="icbm"), medians.sel(structure="rothc"), rtol=0.15)
    assert float(medians.sel(structure="rothc", plot="A1")) == pytest.approx(1.2 * 2.4 + 3.0, rel=0.15)


def test_several_fits_are_one_after_the_other_and_come_back_from_a_file(tmp_path):
    fits, weights = {"a": fit_called("icbm"), "b": fit_called("rothc")}, {"a": 0.25, "b": 0.75}
    stopped = MORE.stopped(2032)
    made = project(fits, stopped, years=YEARS, draws=40, weights=weights)
    made.to_netcdf(tmp_path / "projection.nc")
    back = read_projection(tmp_path / "projection.nc")
    told = with_inputs(with_transit(back, fits, stopped, year=2032, weights=weights), fits, stopped, weights=weights)
    assert "manure_input" not in told  # one of them does not tell it from plants
    alone = with_inputs(with_transit(made, fits, stopped, year=2032, weights=weights), fits, stopped, weights=weights)
    for name in ("transit_time", "transit_time_new", "plant_input"):
        np.testing.assert_array_equal(told[name], alone[name])
    times = told["transit_time"].sel(plan="p", plot="A1").groupby("structure").median()
    assert abs(float(times.sel(structure="a") - times.sel(structure="b"))) > 1.0
    with pytest.raises(SocbayesError, match="in structure"):
        with_inputs(made, fits, stopped)


def test_a_failed_fit_is_gone_on_with_only_where_the_projection_did():
    failed = fit_of("icbm", converged=0)
    made = project(failed, MORE.stopped(2032), years=YEARS, draws=20, allow_failed=True)
    table = permanence(with_transit(made, failed, MORE.stopped(2032), year=2032), 2032)
    assert (table["converged"] == 0).all()
    assert table.attrs["notes"][0] == DO_NOT_USE
    with pytest.raises(ConvergenceError):
        with_transit(made.assign_attrs(converged=1), failed, MORE.stopped(2032), year=2032)
    with pytest.raises(SocbayesError, match="does not say its seed"):
        with_inputs(made.drop_attrs().assign_attrs(baseline="business as usual", converged=0), failed, MORE)
