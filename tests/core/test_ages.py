"""Ages: closed forms, a third party's numbers, and a tracer that counts for itself."""

import numpy as np
import pytest

from socbayes.core import ages, compartmental, label_initial, with_label
from socbayes.core.ages import balanced_stocks, mean_transit_times, residence_times, share_left, transfers
from socbayes.core.structure import StructureError
from socbayes.structures import get, simulate


def test_one_pool_is_exponential():
    a = ages(get("two_pool_series"), {"k_fast": 0.5, "fast_to_slow": 0.0}, {"carbon_input": 1.0}, [1.0, 1.0])
    # No carbon reaches the slow pool: its age is undefined, the transit time is that of the fast one.
    assert a.mean_transit_time == pytest.approx(2.0)
    np.testing.assert_allclose(a.transit_time_cdf([1.0, 4.0]), 1 - np.exp([-0.5, -2.0]))
    assert a.transit_time_quantile(0.5) == pytest.approx(np.log(2) / 0.5)


def test_series_ages_in_closed_form():
    k1, k2, h = 0.8, 0.00605, 0.125
    a = ages(get("icbm"), {"k1": k1, "k2": k2, "h": h}, {"carbon_input": 0.285})
    assert a.mean_transit_time == pytest.approx(1 / k1 + h / k2, rel=1e-12)
    assert a.pool_ages["young"] == pytest.approx(1 / k1, rel=1e-12)
    assert a.pool_ages["old"] == pytest.approx(1 / k1 + 1 / k2, rel=1e-12)
    x = a.stocks
    mean = (x[0] / k1 + x[1] * (1 / k1 + 1 / k2)) / x.sum()
    assert a.mean_age == pytest.approx(mean, rel=1e-12)
    t = np.linspace(0, 20, 401)
    assert np.trapezoid(a.age_density(t), t) == pytest.approx(a.age_cdf(20.0)[0], rel=1e-3)
    assert a.age_cdf(a.age_quantile(0.9))[0] == pytest.approx(0.9)


def test_compartmental_matrix_gives_the_tendency():
    rng = np.random.default_rng(5)
    structure = get("mcp")
    x = rng.uniform(0.1, 5.0, 6)
    matrix, inputs = compartmental(structure, x, None, {"litter_input": 0.002})
    step = 1e-6
    run = simulate(structure, {"litter_input": 0.002}, None, x, times=[1], interval=step, scheme="euler", steps=1)
    change = (np.array([run[pool].values[0, 0] for pool in structure.pools]) - x) / step
    np.testing.assert_allclose(inputs + matrix @ x, change, rtol=1e-5, atol=1e-8)


def test_a_labelled_pulse_leaves_as_the_transit_time_says():
    """At steady state label every input: the labelled share of all carbon after t is the age CDF."""
    structure = get("mcp")
    a = ages(structure, None, {"litter_input": 0.0018})
    labelled = with_label(structure)
    days = np.array([0, 365, 3650, 14600])
    run = simulate(
        labelled,
        {"litter_input": 0.0018, "label_particulate": 1.0, "label_dissolved": 1.0},
        None,
        label_initial(a.stocks),
        times=days,
    )
    share = run["label_organic_carbon"].values[:, 0] / run["soil_organic_carbon"].values[:, 0]
    np.testing.assert_allclose(share, a.age_cdf(days), atol=2e-6)


def test_no_steady_state_no_ages():
    with pytest.raises(Exception, match="dies out"):
        ages(get("ger"), {"v": 1e-6})


def test_many_states_at_once_are_each_alone():
    rng, structure = np.random.default_rng(6), get("mcp")
    pools, litter = rng.uniform(0.1, 5.0, (2, 4, 6)), rng.uniform(0.001, 0.003, (2, 1))
    defaults = np.array([one.default for one in structure.parameters])
    known = {one.name: one.default for one in structure.drivers}
    drivers = np.stack([np.broadcast_to(litter if name == "litter_input" else value, (2, 1))
                        for name, value in known.items()], axis=-1).astype(float)  # fmt: skip
    matrices, inputs = transfers(structure, pools, defaults, drivers)
    assert matrices.shape == (2, 4, 6, 6)
    alone = compartmental(structure, pools[1, 2], None, {"litter_input": litter[1, 0]})
    np.testing.assert_array_equal(matrices[1, 2], alone[0])
    np.testing.assert_array_equal(inputs[1, 2], alone[1])


def test_added_carbon_stays_as_long_as_its_own_entry_says():
    """Carbon that enters the old pool stays there; that of plants passes through the young pool first."""
    k1, k2, h = 0.8, 0.00605, 0.125
    structure = get("icbm")
    matrix, _ = compartmental(structure, [1.0, 1.0], {"k1": k1, "k2": k2, "h": h, "r": 1.0}, {"carbon_input": 1.0})
    times = mean_transit_times(structure, matrix, np.array([[1.0, 0.0], [0.0, 3.0], [1.0, 1.0], [0.0, 0.0]]))
    plants = 1 / k1 + h / k2
    np.testing.assert_allclose(times, [plants, 1 / k2, (plants + 1 / k2) / 2, np.nan], rtol=1e-12)
    rothc = ages("rothc", None, {"plant_input": 2.0, "rate_modifier": 0.7})
    matrix, inputs = compartmental("rothc", np.ones(5), None, {"plant_input": 2.0, "rate_modifier": 0.7})
    mean = mean_transit_times(get("rothc"), matrix, inputs)
    assert float(mean) == pytest.approx(rothc.mean_transit_time, rel=1e-9)
    with pytest.raises(StructureError, match="never leaves"):
        mean_transit_times(structure, np.zeros((2, 2)), np.array([1.0, 0.0]))


def test_times_of_many_states_are_those_of_each():
    """Against one site at a time, which inverts the distribution in another way."""
    rates = {"plant_input": 2.0, "rate_modifier": 0.7}
    alone, structure = ages("rothc", None, rates), get("rothc")
    matrix, inputs = compartmental("rothc", np.ones(5), None, rates)
    matrices, many = np.stack([matrix, 3.0 * matrix]), np.stack([inputs, inputs])
    stocks = balanced_stocks(structure, matrices, many)
    np.testing.assert_allclose(stocks[0, :4], alone.stocks[:4], rtol=1e-9)
    assert (stocks[:, 4] == 0).all()  # inert
    old, transit = residence_times(structure, matrices, stocks), residence_times(structure, matrices, many)
    for one, mean, quantile in (
        (old, alone.mean_age, alone.age_quantile(0.5)),
        (transit, alone.mean_transit_time, alone.transit_time_quantile(0.5)),
    ):
        np.testing.assert_allclose(one.mean, [mean, mean / 3.0], rtol=1e-9)
        np.testing.assert_allclose(one.median, [quantile, quantile / 3.0], rtol=1e-9, atol=1.3e-7 * mean)
    times = np.linspace(0.0, 20.0 * alone.mean_age, 4_001)
    spread = np.sqrt(np.trapezoid(alone.age_density(times) * (times - alone.mean_age) ** 2, times))
    np.testing.assert_allclose(old.sd, [spread, spread / 3.0], rtol=2e-3)
    left = share_left(structure, matrices, many, [12.0, 120.0])
    np.testing.assert_allclose(left[0], 1.0 - alone.transit_time_cdf([12.0, 120.0]), rtol=1e-9)


def test_carbon_of_one_pool_leaves_as_an_exponential_and_none_has_no_time():
    structure = get("icbm")
    matrix = np.array([[-0.8, 0.0], [0.0, -0.02]])
    for carbon, rate in (([3.0, 0.0], 0.8), ([0.0, 0.1], 0.02)):
        found = residence_times(structure, matrix, np.array(carbon))
        np.testing.assert_allclose(found, [1 / rate, 1 / rate, np.log(2) / rate], rtol=2e-7)
    assert np.isnan(residence_times(structure, matrix, np.zeros((2, 2)))).all()
    assert np.isnan(share_left(structure, matrix, np.zeros(2), [1.0])).all()
    with pytest.raises(StructureError, match="never leaves"):
        residence_times(structure, np.zeros((2, 2)), np.array([1.0, 0.0]))
