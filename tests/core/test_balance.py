"""Rates from pools in balance: the steady state of the rates found is the one given."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from driven import FORCING, forcing

from socbayes.core import StructureError, find_steady_state, steady_rates
from socbayes.core.kernels import evaluation
from socbayes.core.reference import evaluate
from socbayes.structures import get

RATES = {
    "icbm": ("k1", "k2"),
    "two_pool_series": ("k_fast", "k_slow"),
    "two_pool_parallel": ("k_fast", "k_slow"),
    "two_pool_feedback": ("k_fast", "k_slow"),
    "con": ("k_soil", "k_dissolved", "k_microbes"),
    "ger": ("v", "death"),
    "mcp": ("v_particulate", "v_necromass", "v_dissolved", "k_death", "k_dissolved_sorption", "k_mineral"),
    "mcp_forward": ("v_particulate", "v_necromass", "v_dissolved", "k_death", "k_dissolved_sorption", "k_mineral"),
    "century": tuple(f"k_{pool}" for pool in get("century").pools),
    "century_millennial": tuple(f"k_{pool}" for pool in get("century_millennial").pools),
    "awb": ("v", "v_uptake", "death", "enzyme_loss"),
}


def change(structure, pools, parameters, drivers):
    """Largest change of a pool over the largest flow."""
    p = structure.defaults() | {name: value[0] for name, value in parameters.items()}
    groups = {
        "x": pools,
        "p": [p[name] for name in structure.parameter_names],
        "u": [drivers[name] for name in structure.driver_names],
    }
    rates = evaluate(evaluation(structure, "flows"), groups, "out")
    total = dict.fromkeys(structure.pools, 0.0)
    for flow, rate in zip(structure.trace.flows, rates, strict=True):
        for pool, sign in ((flow.source, -1.0), (flow.target, 1.0)):
            if pool in total:
                total[pool] += sign * rate
    return max(abs(value) for value in total.values()) / np.abs(rates).max()


@pytest.mark.parametrize("name", RATES)
def test_rates_from_steady_pools_hold_them_in_balance(name):
    structure, drivers = get(name), forcing(name)
    truth = structure.defaults()
    # Pools near those of the published rates, which are in balance: rates near those must come out.
    pools = find_steady_state(structure, None, drivers).pools[0]
    found = steady_rates(name, pools, RATES[name], None, drivers)
    assert change(structure, pools, found, drivers) < 1e-12
    for rate, value in found.items():
        assert value[0] == pytest.approx(truth[rate], rel=1e-6)
    by_name = steady_rates(structure, dict(zip(structure.pools, pools, strict=True)), RATES[name], None, drivers)
    assert {rate: value.tolist() for rate, value in by_name.items()} == {r: v.tolist() for r, v in found.items()}


def test_rates_of_tensors_are_those_of_numbers_with_gradients():
    drivers = {"carbon_input": 0.285}
    pools = pt.dmatrix("pools")
    rates = steady_rates("icbm", pools, ["k1", "k2"], None, drivers)
    values = np.array([[0.35, 5.8], [0.5, 4.0]])
    numbers = steady_rates("icbm", values, ["k1", "k2"], None, drivers)
    f = pytensor.function(
        [pools], [rates["k1"], rates["k2"], pytensor.grad(rates["k2"].sum(), pools)], mode="FAST_COMPILE"
    )
    k1, k2, gradient = f(values)
    np.testing.assert_allclose(k1, numbers["k1"])
    np.testing.assert_allclose(k2, numbers["k2"])
    # k2 = h i / (r old): no matter how much young carbon there is.
    np.testing.assert_allclose(gradient, np.stack([np.zeros(2), -numbers["k2"] / values[:, 1]], axis=1), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "pools", "rates", "message"),
    [
        ("icbm", [0.3, 4.0], ["k1"], "2 pools are in balance, so 2 rates follow from them, not 1"),
        ("icbm", [0.3, 4.0], ["k1", "k3"], "no parameter named 'k3'; did you mean"),
        ("icbm", [0.3, 4.0], ["k1", "r"], "no plain factor of the flows"),
        ("icbm", [0.3, 0.0], ["k1", "k2"], "cannot be told from these pools"),
        ("icbm", [-0.3, 1.0], ["k1", "k2"], "must lie in"),
        ("rothc", [1.0] * 5, ["k_dpm", "k_rpm", "k_bio", "k_hum"], "no plain factor of the flows"),
    ],
)
def test_rates_that_do_not_follow_are_refused(name, pools, rates, message):
    with pytest.raises(StructureError, match=message):
        steady_rates(name, pools, rates, None, FORCING.get(name, {}))


def test_rates_beyond_their_bounds_are_refused():
    # More carbon returns from the slow pool than the fast one can have decayed.
    with pytest.raises(StructureError, match="no rates hold these pools in balance: 'k_mineral' would have to be -"):
        steady_rates(
            "mcp",
            {"particulate": 4.0, "dissolved": 0.05, "microbes": 0.3, "necromass": 1.0, "mineral_necromass": 40.0,
             "mineral_plant": 5.0},
            RATES["mcp"], None, {"litter_input": 0.0018},
        )  # fmt: skip
