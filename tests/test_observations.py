"""Kinds of field observations: everything about one follows from its entry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from socbayes import observations
from socbayes.models.field import PRIORS
from socbayes.observations import FLUX_UNIT, KINDS, OBSERVATIONS, Flux, Run, Soil, Stock, expected_readings
from socbayes.structures import get
from socbayes.structures.fractions import FRACTION_NAMES, STOCKS, fraction_weights
from socbayes.vocabulary import QUANTITIES, SCHEMAS

SOIL = Soil(np.full(2, 1.3), np.full(2, 20.0))


@pytest.mark.parametrize("kind", OBSERVATIONS, ids=list(KINDS))
def test_columns_quantities_and_priors_follow_from_the_entry(kind):
    for name in kind.columns:
        assert {name, f"{name}_sd"} <= set(SCHEMAS["field_soc"].columns)
        assert QUANTITIES[f"{name}_sd"].unit == QUANTITIES[name].unit
    assert {quantity.name for quantity in kind.quantities} <= set(QUANTITIES)
    (prior,) = (prior for prior in PRIORS if prior.name == f"error_{kind.name}")
    assert (prior.parameters["mu"], prior.source) == (kind.log_error, kind.error_reason)
    assert (kind.name in FRACTION_NAMES) == isinstance(kind, Stock)


def test_no_column_is_of_two_kinds():
    columns = [name for kind in OBSERVATIONS for name in kind.columns]
    assert len(columns) == len(set(columns))


def test_stocks_are_stated_or_follow_from_concentrations():
    none = np.nan
    stocks = {"soc_stock": [50.0, none], "soc_stock_sd": [5.0, none]}
    contents = {"soil_organic_carbon": [none, 10.0], "soil_organic_carbon_sd": [none, 2.0]}
    obs = pd.DataFrame(stocks | contents)
    reading = KINDS["total"].read(obs, SOIL)
    np.testing.assert_allclose(reading.value, [50.0, 10.0 * 1.3 * 20.0 * 0.1])
    np.testing.assert_allclose(reading.error, [0.1, 0.2])
    assert reading.derived.tolist() == [False, True]


def test_milligrams_are_a_thousandth_of_grams():
    obs = pd.DataFrame({"microbial_biomass": [300.0, 300.0], "water_extractable_organic_carbon": [100.0, 100.0]})
    np.testing.assert_allclose(KINDS["microbial"].read(obs, SOIL).value, 0.3 * 2.6)
    np.testing.assert_allclose(KINDS["water_extractable"].read(obs, SOIL).value, 0.1 * 2.6)


def test_water_extractable_carbon_is_the_dissolved_pool():
    structure = get("mcp")
    assert fraction_weights(structure)["water_extractable"].tolist() == [
        float(pool in structure.dissolved) for pool in structure.pools
    ]
    obs = pd.DataFrame({"water_extractable_organic_carbon": [100.0], "bulk_density": 1.3, "depth_bottom": 20.0})
    assert not list(KINDS["water_extractable"].faults(obs, structure, fraction_weights(structure)))
    (fault,) = KINDS["water_extractable"].faults(obs, get("rothc"), fraction_weights(get("rothc")))
    assert fault.kind == "fraction without pools"


def test_pools_that_a_structure_declares_are_shown_by_every_kind_that_says_so(monkeypatch):
    told = {kind.name: kind.declared for kind in OBSERVATIONS if isinstance(kind, Stock) and kind.declared}
    pools = {"resistant": "inert", "microbial": "microbial", "necromass": "necromass", "water_extractable": "dissolved"}
    assert told == pools
    charcoal = Stock("charcoal", -1.5, "a further kind", concentration="charcoal", declared="inert")
    monkeypatch.setattr("socbayes.structures.fractions.STOCKS", (*STOCKS, charcoal))
    assert fraction_weights(get("rothc"))["charcoal"].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert "charcoal" not in fraction_weights(get("icbm"))


def run_of(states, structure):
    """Three measurements: the total of plot 1, the flux of plot 0, the microbial carbon of plot 0."""
    weights = fraction_weights(structure)
    of_kind = np.stack([weights["total"], 0.0 * weights["total"], weights["microbial"]])
    return Run(structure, states, np.array([2, 0, 1]), np.array([2, 1, 1]), np.array([1, 0, 0]), of_kind)


def test_kinds_are_read_off_a_run_side_by_side():
    import pytensor.tensor as pt

    structure = get("mcp")
    states = np.random.default_rng(1).lognormal(size=(3, 2, len(structure.state)))
    kinds, kind = [KINDS["total"], KINDS["co2_flux"], KINDS["microbial"]], np.arange(3)
    pools, sink = len(structure.pools), structure.state.index("co2")
    microbes = [structure.pools.index(name) for name in structure.microbial]
    expected = [states[2, 1, :pools].sum(), states[1, 0, sink] - states[0, 0, sink], states[1, 0, microbes].sum()]
    np.testing.assert_allclose(expected_readings(kinds, kind, run_of(states, structure)), expected)
    tensor = expected_readings(kinds, kind, run_of(pt.as_tensor(states), structure))
    np.testing.assert_allclose(tensor.eval(mode="FAST_COMPILE"), expected)
    # Draws stand in a leading axis: here each is a further run of the same plots.
    run = run_of(np.concatenate([states, 2.0 * states], axis=1), structure)
    many = replace(run, run=np.array([[1, 0, 0], [3, 2, 2]]))
    np.testing.assert_allclose(expected_readings(kinds, kind, many), [expected, 2.0 * np.array(expected)])


def test_errors_are_normal_on_the_log_scale():
    mean, spread = np.array([[1.0, 2.0]]), np.array([[0.1, 0.3]])
    observed = np.array([1.1, 1.7])
    np.testing.assert_allclose(
        KINDS["total"].log_density(observed, mean, spread), stats.norm.logpdf(observed, mean, spread)
    )
    drawn = np.log(KINDS["total"].replicates(np.full(20_000, 1.0), np.full(20_000, 0.2), np.random.default_rng(0)))
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.std() == pytest.approx(0.2, rel=0.02)


def test_a_flux_is_per_month_and_of_the_month_that_holds_it():
    flux = KINDS["co2_flux"]
    assert isinstance(flux, Flux)
    reading = flux.read(pd.DataFrame({"co2_flux": [2.0], "co2_flux_sd": [0.5]}), SOIL)
    np.testing.assert_allclose(reading.value, 2.0 * FLUX_UNIT)
    np.testing.assert_allclose(reading.error, 0.25)
    assert flux.takes_time
    assert not flux.scored


def test_what_is_measured_is_above_zero():
    (fault,) = KINDS["humus"].faults(
        pd.DataFrame({"humus_carbon_stock": [10.0, 0.0]}), get("rothc"), fraction_weights(get("rothc"))
    )
    assert (fault.kind, fault.row, fault.column) == ("not positive", 1 + observations.HEADER, "humus_carbon_stock")
