"""Plots that a fit has not seen: where they start, what they have of their own, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from laid import lay_out

from socbayes.errors import SocbayesError
from socbayes.models.field import layout
from socbayes.models.field.draws import new_plots
from socbayes.models.field.effects import log_factors
from socbayes.models.field.forecasts import _first_stocks, _of_other_depths, _require_inputs_as_learned
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged
from socbayes.structures import get

ICBM = get("icbm")
SAMPLES = 20000


def samples(site="Farm", plot="1", years=(2000.0, 2010.0), **columns):
    return pd.DataFrame({"site": site, "plot": plot, "year": list(years), "soc_stock": 50.0} | columns)


def new(*tables):
    return layout.lay_out(judged(pd.concat(tables, ignore_index=True)), setup_of("icbm"), until=2030.0)


@pytest.fixture(scope="module")
def past():
    return lay_out(samples(soc_stock=[40.0, 40.0]), structure=ICBM)


@pytest.fixture
def values():
    """Draws of a fit of one site and one treatment."""
    rng = np.random.default_rng(0)
    one = np.ones(SAMPLES)
    return {
        "input_level_unstated": 0.1 * rng.standard_normal(SAMPLES),
        "plot_input_sd": 0.1 * one,
        "plot_stock_sd": 0.1 * one,
        "site_stock": np.zeros((SAMPLES, 1)),
        "error": np.full((SAMPLES, 1), 0.05),
        "rate_constant": np.zeros((SAMPLES, 2)),
        "log_share": np.log(np.full((SAMPLES, 1, 2), 0.5)),
    }


def start(data, past, values):
    logs, without = _first_stocks(data, past, values, {}, np.random.default_rng(1))
    return logs.mean(axis=0), logs.std(axis=0), without


def test_a_plot_starts_between_its_site_and_its_first_total(past, values):
    mean, spread, without = start(new(samples(plot="9", soc_stock=[50.0, 500.0])), past, values)
    share = 0.1**2 / (0.1**2 + 0.05**2)
    assert without == []
    assert mean[0] == pytest.approx((1 - share) * np.log(40.0) + share * np.log(50.0), abs=0.002)
    assert spread[0] == pytest.approx(0.1 * np.sqrt(1 - share), rel=0.03)
    # Errors that are stated, and replicates, count as in the model.
    told = new(samples(plot="9", soc_stock=[50.0, 50.0], soc_stock_sd=10.0, replicates=4.0))
    noise = (0.2**2 + 0.05**2) / 4.0
    share = 0.1**2 / (0.1**2 + noise)
    assert start(told, past, values)[1][0] == pytest.approx(0.1 * np.sqrt(1 - share), rel=0.03)


def test_later_totals_of_a_new_site_are_not_learned_from(past, values):
    bare = samples("Mine", "8", soc_stock=[None, 5.0], particulate_carbon_stock=[4.0, None])
    mean, spread, without = start(new(samples("Mine", "9", soc_stock=[50.0, 500.0]), bare), past, values)
    assert without == ["8"]
    assert mean == pytest.approx(np.log([50.0, 50.0]), abs=0.02)
    assert spread[0] == pytest.approx(np.hypot(0.5, 0.1), rel=0.03)
    alone = start(new(bare), past, values)
    assert alone[0][0] == pytest.approx(np.log(50.0), abs=0.02), "what soils have, not its later 5 t/ha"


def test_a_total_beside_a_first_flux_is_the_first_total(past, values):
    """A run with fluxes begins with the month that holds the sample, and stocks count at its nearest turn."""
    data = new(samples(plot="9", years=[2000.06, 2010.0], co2_flux=[1.0, None]))
    assert data.measured.month[0] == 1
    assert start(data, past, values)[2] == []


def test_draws_of_one_site_and_one_treatment_have_a_rate_each(past, values):
    at = log_factors(past, values)
    assert at["rate"].shape == at["plant"].shape == (SAMPLES, 1, 1)


def test_a_new_plot_has_the_error_of_its_input_that_is_stated(values):
    rows = {"site": ["Farm"], "start_year": [1990.0], "end_year": [2030.0], "plant_carbon_input": [3.0]}
    spreads = []
    for stated in ({}, {"plant_carbon_input_sd": [1.2]}):
        tables = judged(samples(plot="9"), pd.DataFrame(rows | stated))
        data = layout.lay_out(tables, setup_of("icbm"))
        made = new_plots(data, values, 1, np.array([0]), np.random.default_rng(2))
        spreads.append((made["plant"][:, 0, 0] - values["input_level_unstated"]).std())
    assert spreads == pytest.approx([0.1, 0.4], rel=0.03)


def test_what_is_known_of_a_plot_with_one_sample_is_of_a_whole_year():
    tables = judged(
        samples(plot="9", years=[2000.0]),
        pd.DataFrame({"site": "Farm", "start_year": [2000.0, 2000.5], "end_year": [2000.5, 2030.0],
                      "plant_carbon_input": [0.0, 6.0]}),
    )  # fmt: skip
    data = layout.lay_out(tables, setup_of("icbm"), until=2030.0)
    assert data.forcing.input_stated
    np.testing.assert_allclose(10.0 * data.forcing.means["carbon_input"], 3.0)  # and not that of the first month


def test_a_plan_of_inputs_is_refused_where_the_fit_had_none(past):
    plan = pd.DataFrame({"site": ["Farm"], "start_year": [2010.0], "end_year": [2030.0], "plant_carbon_input": [2.0]})
    with pytest.raises(SocbayesError, match="over an assumed 3 t C/ha/year and says nothing of other inputs"):
        _require_inputs_as_learned(past, plan)
    _require_inputs_as_learned(past, plan.assign(plant_carbon_input=0.0))
    stated = lay_out(samples(), plan.assign(start_year=1990.0), structure=ICBM)
    _require_inputs_as_learned(stated, plan)


@pytest.mark.parametrize(("depth", "told"), [(25.0, False), (27.0, False), (50.0, True), (10.0, True)])
def test_plots_to_another_depth_than_those_of_the_fit_are_named(depth, told):
    known = lay_out(samples(depth_bottom=25.0), structure=ICBM)
    notes = list(_of_other_depths(new(samples(plot="9", depth_bottom=depth)), known))
    assert bool(notes) == told
    assert not told or f"Layers of 9 are {depth:g} cm thick, those of the fit 25 cm" in notes[0]
