"""Equilibria: fixed points, closed forms, published numbers, gradients, failures."""

import csv
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from driven import NAMES, forcing

from socbayes.core import StructureError, find_steady_state, periodic_state, scale_to_total, steady_state
from socbayes.structures import get, simulate

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.mark.parametrize("name", NAMES)
def test_a_steady_state_is_a_fixed_point_of_the_integrator(name, equilibria):
    structure = get(name)
    assert equilibria[name].reasons == ("found",)
    x = equilibria[name].pools
    run = simulate(structure, forcing(name), None, x, times=[20], scheme=None if structure.discrete else "mprk22")
    for i, pool in enumerate(structure.pools):
        np.testing.assert_allclose(run[pool].values[0], x[:, i], rtol=1e-9, err_msg=pool)


def test_published_equilibria_of_allison():
    with (REFERENCE / "allison2010_equilibria_20C.csv").open() as file:
        rows = list(csv.DictReader(file))
    pools = {"SOC": "soil", "DOC": "dissolved", "MIC": "microbes", "Enz": "enzymes"}
    for row in rows:
        structure = get(row["model"].lower())
        x = find_steady_state(structure).pools[0]
        value = x[structure.pools.index(pools[row["pool"]])]
        if (row["model"], row["pool"]) == ("AWB", "DOC"):
            # Published is what an hourly step capped at the carbon present settles at.
            np.testing.assert_allclose(value, 4.758167673e-4, rtol=1e-9)
            continue
        digits = len(row["published"].replace(".", "").lstrip("0"))
        assert f"{value:.{digits}g}" == row["published"]


def test_awb_ger_and_mend_meet_their_closed_forms():
    awb = get("awb")
    p, x = awb.defaults(), find_steady_state(awb).pools[0]
    r, fed = p["death"] + p["enzyme_production"], 1e-3
    microbes = fed * p["cue"] / ((1 - p["cue"]) * r)
    enzymes = p["enzyme_production"] * microbes / p["enzyme_loss"]
    decayed = 5e-4 + p["death_to_soil"] * p["death"] * microbes
    expected = [
        p["k"] * decayed / (p["v"] * enzymes - decayed),
        p["k_uptake"] * r / (p["cue"] * p["v_uptake"] - r),
        microbes,
        enzymes,
    ]
    np.testing.assert_allclose(x, expected, rtol=1e-10)

    ger = get("ger")
    p, x = ger.defaults(), find_steady_state(ger).pools[0]
    expected = [
        p["death"] * p["k"] / (p["cue"] * p["v"] - p["death"]),
        1.6e-4 * p["cue"] / (p["death"] * (1 - p["cue"])),
    ]
    np.testing.assert_allclose(x, expected, rtol=1e-10)

    mend = get("mend")
    p, x = mend.defaults(), find_steady_state(mend).pools[0]
    at = dict(zip(mend.pools, x, strict=True))
    dissolved = p["maintenance"] * p["k_dissolved"] / p["v_dissolved"]
    microbes = 1.6e-4 / ((1 / p["cue"] - 1) * p["maintenance"])
    np.testing.assert_allclose(at["dissolved"], dissolved, rtol=1e-10)
    np.testing.assert_allclose(at["microbes"], microbes, rtol=1e-10)
    np.testing.assert_allclose(
        at["sorbed"], p["capacity"] / (1 + p["desorption"] / (dissolved * p["adsorption"])), rtol=1e-10
    )
    a = 1 - p["cue"] + (1 - 0.02) * p["cue"] * (1 - p["death_to_dissolved"]) * 2
    ratio = p["v_particulate"] * 0.01 * p["cue"] * 2 / (p["enzyme_loss_particulate"] * a)
    np.testing.assert_allclose(at["particulate"], p["k_particulate"] / (ratio - 1), rtol=1e-10)


def test_mimics_avoids_the_root_without_r():
    mimics = get("mimics")
    settings = mimics.defaults("sulman2018") | {"lignin_to_nitrogen": 24.4 / 0.73, "clay": 0.2}
    for start in (0.01, 1.0, 100.0):
        x = find_steady_state(mimics, settings, {"temperature": 20.0, "npp": 500.0}, np.full(7, start)).pools[0]
        # The published control run starts near here.
        np.testing.assert_allclose(x[2:4], [0.0683321, 0.2731321], rtol=1e-5)


@pytest.mark.parametrize("name", ["awb", "millennial", "mcp", "mend", "rothc"])
def test_implicit_gradient(name):
    structure = get(name)
    names = [p.name for p in structure.parameters if p.default != 0.0]
    drivers = forcing(name)
    theta = pt.dvector("theta")
    base = np.array([structure.defaults()[n] for n in names])
    fed = pt.dscalar("fed")
    first = structure.drivers[0].name
    x = steady_state(
        structure,
        {n: theta[i] * base[i] for i, n in enumerate(names)},
        {**drivers, first: fed * drivers[first]},
        driver_gradients=True,
    )
    cost = pt.log(x[:, : len(structure.pools) - len(structure.inert)]).sum()
    value_and_gradient = pytensor.function([theta, fed], [cost, *pytensor.grad(cost, [theta, fed])])
    one = np.ones(len(names))
    _, gradient, driver_gradient = value_and_gradient(one, 1.0)
    numeric = np.empty(len(names))
    bounds = {p.name: (p.lower, p.upper) for p in structure.parameters}
    for i, parameter in enumerate(names):
        h = np.zeros(len(names))
        h[i] = 1e-5
        if base[i] in bounds[parameter]:  # beyond it nothing runs: a difference of second order to the other side
            h *= 1 if base[i] == bounds[parameter][0] else -1
            ahead = [value_and_gradient(one + n * h, 1.0)[0] for n in range(3)]
            numeric[i] = np.dot([-3, 4, -1], ahead) / (2 * h[i])
            continue
        numeric[i] = (value_and_gradient(one + h, 1.0)[0] - value_and_gradient(one - h, 1.0)[0]) / 2e-5
    np.testing.assert_allclose(gradient, numeric, rtol=2e-6, atol=2e-6)
    numeric = (value_and_gradient(one, 1 + 1e-5)[0] - value_and_gradient(one, 1 - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(driver_gradient, numeric, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "parameters", "drivers", "reason"),
    [
        ("awb", {"v": 1e-12}, {}, "without end"),
        ("ger", {"v": 1e-6}, {}, "dies out"),
        ("two_pool_parallel", {"k_slow": 0.0}, {"carbon_input": 200.0}, "failed"),
        # More of the manure goes to plant material than there is, so humus is fed less than nothing.
        (
            "rothc",
            {"manure_dpm": 1.0, "manure_rpm": 1.0},
            {"rate_modifier": 0.5, "plant_input": 0.0, "manure_input": 1.0},
            "negative",
        ),
    ],
)
def test_failure_is_nan_and_a_reason(name, parameters, drivers, reason):
    structure = get(name)
    found = find_steady_state(structure, parameters, drivers)
    assert not found.found
    assert reason in found.reasons[0]
    assert np.isnan(found.pools).all()
    assert np.isnan(steady_state(structure, parameters, drivers).eval()).all()


def test_sites_fail_one_by_one():
    found = find_steady_state(get("ger"), {"v": np.array([0.01, 1e-6, 0.02])})
    assert [reason == "found" for reason in found.reasons] == [True, False, True]
    assert np.isnan(found.pools).all(axis=1).tolist() == [False, True, False]


def test_periodic_state_is_what_a_long_spin_up_reaches():
    rothc = get("rothc")
    rng = np.random.default_rng(3)
    drivers = {"rate_modifier": rng.uniform(0.1, 1.0, 12), "plant_input": rng.uniform(0.0, 0.5, 12)}
    x = periodic_state(rothc, {"clay": 30.0}, drivers, {"iom": 2.5}, period=12).eval()
    long = {name: np.tile(values, 3000) for name, values in drivers.items()}
    run = simulate(rothc, long, {"clay": 30.0}, {"iom": 2.5}, times=[36000])
    np.testing.assert_allclose(x[0], [run[pool].values[0, 0] for pool in rothc.pools], rtol=1e-10)
    with pytest.raises(StructureError, match="not linear"):
        periodic_state(get("mcp"), None, {"litter_input": np.ones(12)}, period=12)


def test_periodic_state_has_a_gradient():
    k = pt.dscalar("k")
    season = 0.5 + 0.4 * np.sin(np.arange(12) / 6 * np.pi)
    drivers = {"rate_modifier": season, "plant_input": 0.2}
    total = periodic_state(get("rothc"), {"k_hum": k}, drivers, period=12).sum()
    f = pytensor.function([k], [total, pytensor.grad(total, k)])
    numeric = (f(0.02 + 1e-6)[0] - f(0.02 - 1e-6)[0]) / 2e-6
    np.testing.assert_allclose(f(0.02)[1], numeric, rtol=1e-7)


def test_scaling_to_a_measured_total():
    rothc = get("rothc")
    x = find_steady_state(rothc, None, forcing("rothc")).pools
    scaled = scale_to_total(rothc, np.repeat(x, 2, axis=0), np.array([40.0, 60.0]), {"iom": 4.0})
    np.testing.assert_allclose(scaled.sum(axis=1), [40.0, 60.0])
    np.testing.assert_allclose(scaled[:, 4], 4.0)
    np.testing.assert_allclose(scaled[1, :4] / scaled[0, :4], 56.0 / 36.0)
    symbolic = scale_to_total(rothc, pt.as_tensor(x), pt.as_tensor(40.0), {"iom": 4.0})
    np.testing.assert_allclose(symbolic.eval(), scaled[:1])
