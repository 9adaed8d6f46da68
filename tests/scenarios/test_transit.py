"""Transit times of added carbon and carbon inputs beside a projection, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from made_field import fit_called, fit_of, fit_with_weather, management, one_pool, samples

from socbayes.errors import SocbayesError
from socbayes.scenarios.inputs import with_inputs
from socbayes.scenarios.plan_files import read_plans, under
from socbayes.scenarios.projections import project
from socbayes.scenarios.reversals import permanence
from socbayes.scenarios.transit import with_transit
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
    times = with_transit(made, fitted, stopped, year=2032)["transit_time"].sel(plan="p")
    assert bool(np.isfinite(times).all())
    assert bool((times > 0).all())


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
