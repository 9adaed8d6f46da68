"""Plots whose treatment changes: when it does, what management then holds, how they run, and what is learned of it."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from laid import lay_out

from socbayes.inference.fit import fit
from socbayes.models.field import model as field
from socbayes.models.field.draws import draws_of, fitted_to
from socbayes.models.field.forecasts import forecast
from socbayes.models.field.foresight import leave_future_out
from socbayes.models.field.runs import trajectories
from socbayes.structures import get
from socbayes.structures.forcing import rate_constants

LESS_INPUT = float(np.log(0.4))
CHANGE = 2008.0


def samples(*treatments, years=(2000.0, 2005.0, 2010.0)):
    """One plot, sampled when its treatments were these."""
    return pd.DataFrame({"site": "Farm", "plot": "1", "year": years, "treatment": treatments, "soc_stock": 50.0})


def managed(*rows):
    names = ("treatment", "start_year", "end_year", "plant_carbon_input")
    return pd.DataFrame([dict(zip(names, row, strict=False)) | {"site": "Farm"} for row in rows])


def changes(data):
    """Treatments of the first plot and the decimal years in which they begin."""
    period = data.plots.period[:, 0]
    for place in range(data.plots.periods):
        np.testing.assert_array_equal(data.forcing.drivers[f"period_{place + 1}"][:, 0], period == place)
    begins = np.concatenate([[0], np.flatnonzero(np.diff(period)) + 1])
    return [
        (data.plots.treatments[data.plots.treatment[0, period[row]]], (data.plots.start[0] + row) / 12.0)
        for row in begins
    ]


@pytest.mark.parametrize(
    ("rows", "when"),
    [
        ([("b", 2007, 2020)], 2007.0),
        ([("a", 1990, 2008)], 2008.0),
        ([("a", 1990, 2008), ("b", 1995, 2020)], 2008.0),  # other plots had it before
        ([("a", 1990, 2006), ("b", 2007, 2020)], 2007.0),  # a gap counts with the new one
        ([("a", 2000, 2003), ("b", 2001, 2003)], 2007.5),
        ([("a", 1990, 2020), ("b", 1990, 2020)], 2007.5),
        ([], 2007.5),
    ],
)
def test_a_treatment_changes_when_management_says_so_and_else_halfway(rows, when):
    data = lay_out(samples("a", "a", "b"), managed(*rows) if rows else None, structure=get("icbm"))
    assert changes(data) == [("a", 2000.0), ("b", when)]
    said = "Plots whose treatment changes: 1"
    halfway = "; 1 of the changes are halfway between two samples, as nothing says when."
    assert said + (halfway if when == 2007.5 else ".") in data.notes


def test_a_change_that_management_states_of_another_plot_is_not_its_own():
    rows = managed(("b", 2007, 2020), ("b", 2009, 2020)).assign(plot=["2", "1"])
    assert changes(lay_out(samples("a", "a", "b"), rows, structure=get("icbm")))[1] == ("b", 2009.0)


def test_a_sample_without_treatment_has_that_before_it_else_that_after_it():
    data = lay_out(samples(None, "a", None, years=(2000.0, 2005.0, 2010.0)), structure=get("icbm"))
    assert data.plots.treatments == ["a"]
    assert data.plots.treatment.tolist() == [[0]]
    nothing = lay_out(samples(None, None, None), structure=get("icbm"))
    assert nothing.plots.treatments == ["not stated"]


def test_a_treatment_may_come_back():
    rows = [("a", 1990, 2003), ("b", 2003, 2008), ("a", 2008, 2020)]
    data = lay_out(samples("a", "b", "a"), managed(*rows), structure=get("icbm"))
    assert changes(data) == [("a", 2000.0), ("b", 2003.0), ("a", 2008.0)]


def test_inputs_are_those_of_the_treatment_in_force():
    rows = [("a", 1990, 2020, 2.0), ("b", 2003, 2020, 5.0)]
    data = lay_out(samples("a", "b", "b"), managed(*rows), structure=get("icbm"))
    carbon = 10.0 * data.forcing.drivers["carbon_input"][:, 0]  # kg/m2
    assert changes(data)[1] == ("b", 2003.0)
    np.testing.assert_allclose(carbon[:36], 2.0)
    np.testing.assert_allclose(carbon[36:], 5.0)


def test_that_a_fallow_gets_nothing_says_nothing_of_other_months():
    data = lay_out(samples("a", "a", "fallow"), managed(("a", 1990, 2008), ("fallow", 2008, 2020, 0.0)),
                   structure=get("icbm"))  # fmt: skip
    carbon = 10.0 * data.forcing.drivers["carbon_input"][:, 0]  # kg/m2
    assert not data.forcing.input_stated
    np.testing.assert_allclose(carbon[:96], 3.0)
    assert set(carbon[96:]) == {0.0}
    assert "No carbon input is stated: 3 t C/ha/year is assumed, and learned about." in data.notes
    longer = lay_out(
        samples("a", "a", "fallow"), managed(("fallow", 2008, 2011, 0.0)), structure=get("icbm"), until=2020
    )
    assert set(longer.forcing.drivers["carbon_input"][96:, 0]) == {0.0}, "a fallow goes on as one"


@pytest.mark.parametrize("name", ["rothc", "icbm", "two_pool_series"])
def test_a_changing_plot_runs_as_two_that_follow_one_another(name):
    structure = get(name)
    data = lay_out(samples("a", "a", "b"), managed(("a", 1990, 2008, 2.0), ("b", 2008, 2020, 5.0)), structure=structure)
    pools = len(structure.pools)
    rate, plant = np.array([[0.3, -0.4]]), np.array([[-0.2, 0.5]])
    at = {"rate": rate, "plant": plant, "manure": 0.0, "rate_constant": np.zeros(len(rate_constants(structure)))}
    start = {"stock": np.log([50.0]), "log_share": np.zeros((1, pools))}
    states = trajectories(data, at | start, np.array([0, 96, 120])).eval(mode="FAST_COMPILE")[:, :, :pools]
    for number, (begin, end) in enumerate([(0, 96), (96, 120)]):
        drivers = {name: value[begin:end] if np.ndim(value) else value for name, value in data.forcing.drivers.items()
                   if not name.startswith("period")}  # fmt: skip
        plots = replace(data.plots, treatment=data.plots.treatment[:, number, None])
        part = replace(data, forcing=replace(data.forcing, drivers=drivers), plots=plots)
        held = at | {"rate": rate[:, number, None], "plant": plant[:, number, None]}
        held |= {"stock": np.log(states[number] @ data.setup.weights["total"]), "log_share": np.log(states[number])}
        alone = trajectories(part, held, np.array([0, end - begin])).eval(mode="FAST_COMPILE")
        np.testing.assert_allclose(states[number + 1], alone[-1, :, :pools], rtol=1e-12)


@pytest.fixture(scope="module")
def trial():
    """Ten plots, five of which get less carbon from 2008 on, made by a loop over two pools."""
    rng = np.random.default_rng(8)
    rows = []
    for number in range(10):
        pools = np.array([6.0, 44.0]) * rng.lognormal(0.0, 0.05)
        for month in range(12 * 24 + 1):
            year = 2000.0 + month / 12.0
            new = number % 2 and year > CHANGE
            if month % 24 == 0:
                seen = pools.sum() * rng.lognormal(0.0, 0.01)
                rows.append({"site": "Farm", "plot": f"P{number}", "year": year, "soc_stock": seen,
                             "treatment": "less" if new else "usual"})  # fmt: skip
            for _ in range(10):
                young, old = pools
                given = 3.0 * np.exp(LESS_INPUT if new else 0.0)
                pools = pools + np.array([given - 0.8 * young, 0.125 * 0.8 * young - 0.00605 * old]) / 120.0
    rows = pd.DataFrame(rows)
    management = managed(("usual", 1990, 2030, 3.0), ("less", CHANGE, 2030, 3.0))
    return rows, management


@pytest.fixture(scope="module")
def fitted(trial, tmp_path_factory):
    model = field.build(*trial, structure="icbm")
    return fit(model, draws=250, tune=500, chains=2, seed=5, store=tmp_path_factory.mktemp("time"), progress=False)


def test_what_a_change_did_is_found_again(fitted):
    posterior = fitted["posterior"]
    effect = posterior["treatment_input"] - posterior["rate_effect"]
    away = (effect.sel(treatment="less") - effect.sel(treatment="usual")).to_numpy()
    assert abs(away.mean() - LESS_INPUT) < 3 * away.std()
    assert away.std() < 0.35
    assert posterior["input_factor"].dims == ("chain", "draw", "plot", "period")
    same = posterior["input_factor"].sel(plot="P0").to_numpy()
    np.testing.assert_array_equal(same[..., 0], same[..., 1])
    changed = posterior["input_factor"].sel(plot="P1").mean(("chain", "draw")).to_numpy()
    assert changed[1] < 0.9 * changed[0], "with little to tell inputs from rates, half of it is either"


def test_new_plots_are_named_by_all_their_treatments(fitted, trial):
    future = forecast(fitted, years=[2024.0, 2040.0], draws=100, parts=True)
    assert future["new_plot"].to_numpy().tolist() == ["Farm, usual", "Farm, usual then less"]
    total = future["new"].sel(fraction="total", year=2040.0).mean("sample")
    assert float(total[1]) < float(total[0])
    assert future["treatment"].sel(plot="P1").to_numpy().tolist() == ["less", "less"]
    before = forecast(fitted, years=[2000.0, 2008.0, 2009.0], draws=2)
    assert before["treatment"].sel(plot="P1").to_numpy().tolist() == ["usual", "less", "less"]
    assert before["treatment"].sel(plot="P0").to_numpy().tolist() == ["usual"] * 3
    seen = before["measured"].isel(measurement=(before["measured_plot"] == "P3").to_numpy())
    stocks = trial[0].query("plot == 'P3'")
    np.testing.assert_allclose(seen, stocks["soc_stock"])
    np.testing.assert_allclose(seen["measured_year"], stocks["year"])
    kept = future["known"].sel(fraction="total", year=2024.0).mean("sample").to_series()
    last = trial[0].query("year == 2024").set_index("plot")["soc_stock"]
    np.testing.assert_allclose(kept.loc[last.index], last, rtol=0.03)


def test_effects_of_treatments_that_nobody_saw_are_drawn_from_their_spread(fitted, trial):
    obs, management = trial
    stranger = obs[obs["plot"] == "P0"].assign(plot="P99", treatment="another")
    data = lay_out(pd.concat([obs, stranger]), management, structure=get("icbm"))
    rng = np.random.default_rng(0)
    stacked = fitted["posterior"].to_dataset().stack(sample=("chain", "draw"))
    values = {name: stacked[name].transpose("sample", ...).to_numpy() for name in stacked.data_vars}
    posterior = fitted["posterior"].to_dataset()
    more, strangers = fitted_to(data, draws_of(posterior, values), rng)
    assert strangers == ["another"]
    assert data.plots.treatments == ["another", "less", "usual"]
    np.testing.assert_array_equal(more["rate_effect"][:, 1:], values["rate_effect"])
    drawn = np.sinh(more["treatment_input"][:, 0]) / values["treatment_input_sd"]
    assert 0.85 < drawn.std() < 1.15
    alone = {name: value for name, value in values.items() if name != "rate_effect"}
    assert fitted_to(data, draws_of(posterior.drop_dims("treatment"), alone), rng)[1] == ["another", "less"]


def test_a_future_with_another_treatment_is_foreseen_and_said(trial, tmp_path, caplog):
    obs, management = trial
    later = obs["treatment"].where((obs["year"] < 2018) | (obs["plot"] != "P0"), "another")
    with caplog.at_level(logging.WARNING, "socbayes"):
        table = leave_future_out(
            obs.assign(treatment=later), management, structures={"ICBM": {"structure": "icbm"}}, store=tmp_path,
            draws=60, tune=150, chains=1, cores=1, progress=False,
        )  # fmt: skip
    assert "effects of treatments that nobody saw are drawn from the spread between treatments: another" in caplog.text
    assert np.isfinite(table["elpd"]).all()
    assert table.loc["ICBM", "measurements"] == 40
