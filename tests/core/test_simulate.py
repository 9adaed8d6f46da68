"""Forward runs: units, sites, blocks, reports, priming."""

import sys

import numpy as np
import pytest
import xarray as xr

from socbayes.core import StructureError, environment, label_initial, priming, with_label, with_radiocarbon
from socbayes.structures import get, simulate

DRIVERS = {"litter_input": 0.0018}
START = np.array([4.0, 0.05, 0.3, 1.0, 9.0, 5.0])


def test_dataset_has_names_units_and_reports():
    run = simulate("mcp", DRIVERS, {"e_ref": np.array([0.4, 0.6])}, START, times=[0, 100])
    assert dict(run.sizes) == {"time": 2, "site": 2}
    assert run["microbes"].attrs["units"] == "mg/g"
    assert run["co2_rate"].attrs["units"] == "mg/g/day"
    assert run["time"].attrs["units"] == "day"
    pools = sum(run[pool] for pool in get("mcp").pools)
    xr.testing.assert_allclose(run["soil_organic_carbon"], pools)
    # No maintenance: apparent efficiency is the intrinsic one.
    np.testing.assert_allclose(run["carbon_use_efficiency"].values, [[0.4, 0.6]] * 2)
    np.testing.assert_allclose(run["necromass_share"].values[0], 10.0 / 19.35)
    short = simulate("mcp", DRIVERS, {"e_ref": np.array([0.4, 0.6])}, START, times=[100], interval=1.0)
    later = simulate("mcp", DRIVERS, {"e_ref": np.array([0.4, 0.6])}, START, times=[100, 101])
    rate = later["co2"].values[1] - later["co2"].values[0]
    np.testing.assert_allclose(short["co2_rate"].values[0], rate, rtol=1e-2)


def test_blocks_of_sites_do_not_matter(monkeypatch):
    rng = np.random.default_rng(1)
    drivers = {"rate_modifier": rng.uniform(0.1, 1.0, (24, 10)), "plant_input": rng.uniform(0.0, 0.3, 24)}
    parameters = {"clay": rng.uniform(5.0, 40.0, 10)}
    whole = simulate("rothc", drivers, parameters, {"hum": 20.0}, times=[12, 24])
    monkeypatch.setattr(sys.modules["socbayes.structures.simulate"], "_BLOCK", 3)
    pieces = simulate("rothc", drivers, parameters, {"hum": 20.0}, times=[12, 24])
    xr.testing.assert_identical(whole, pieces)
    threads = simulate("rothc", drivers, parameters, {"hum": 20.0}, times=[12, 24], parallel=True)
    xr.testing.assert_allclose(whole, threads, rtol=1e-14)


def test_xarray_in_any_order():
    site = ["north", "south"]
    fed = xr.DataArray([[0.1, 0.2, 0.3], [0.2, 0.2, 0.2]], dims=("site", "time"), coords={"site": site})
    run = simulate("rothc", {"rate_modifier": 0.5, "plant_input": fed}, None, {"hum": 20.0})
    assert run["site"].values.tolist() == site
    one = simulate("rothc", {"rate_modifier": 0.5, "plant_input": [0.1, 0.2, 0.3]}, None, {"hum": 20.0})
    np.testing.assert_array_equal(run["dpm"].sel(site="north").values, one["dpm"].values[:, 0])
    assert run.sizes["time"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"structure": "mcp", "times": [1]}, r"driver 'litter_input' \[mg/g/day\] is not given"),
        ({"drivers": {"litter": 1.0}}, "no driver named 'litter'; did you mean 'litter_input'"),
        ({"parameters": {"e": 1.0}}, "no parameter named 'e'"),
        ({"initial": {"microbe": 1.0}}, "did you mean 'microbes'"),
        ({"initial": np.ones(3)}, "expected"),
        ({"times": None}, "say at which times"),
        ({"times": [1.5]}, "whole numbers of driver intervals"),
        ({"drivers": {"litter_input": np.ones(3)}, "times": [4]}, "drivers end after 3"),
        ({"drivers": {"litter_input": np.ones(3), "moisture": np.ones(4)}}, "must agree"),
        ({"scheme": "heun"}, "no scheme named"),
    ],
)
def test_mistakes_are_named(arguments, message):
    settings = {"structure": "mcp", "drivers": DRIVERS, "initial": START, "times": [1]}
    if "structure" in arguments:
        settings.pop("drivers")
    with pytest.raises(StructureError, match=message):
        simulate(**(settings | arguments))


def test_priming_splits_and_balances():
    labelled = with_label(get("mcp"))
    start = label_initial(START)
    dose = np.zeros(90)
    dose[0] = 0.5
    drivers = {**DRIVERS, "label_dissolved": 1.0}
    # Soluble litter would be labelled too: give the litter as particulate only.
    settings = {"soluble_share": 0.0}
    treated = simulate(labelled, {**drivers, "exudate_input": dose}, settings, start, times=[30, 90])
    control = simulate(labelled, {**drivers, "exudate_input": np.zeros(90)}, settings, start, times=[30, 90])
    effect = priming(treated, control, labelled)
    # At first the addition competes with native dissolved carbon for uptake; then growth attacks the rest.
    assert effect["priming"].values[0, 0] < 0.0 < effect["priming"].values[1, 0]
    parts = effect["priming_real"] + effect["priming_apparent"]
    np.testing.assert_allclose(parts.values, effect["priming"].values, rtol=1e-9)
    np.testing.assert_allclose(control["label_organic_carbon"].values, 0.0)
    kept = treated["label_organic_carbon"] + treated["co2_label"]
    np.testing.assert_allclose(kept.values, 0.5, rtol=1e-12)
    with pytest.raises(StructureError, match="no native CO2"):
        priming(treated, control, get("mcp"))


def test_radiocarbon_of_an_isolated_pool_decays():
    model = with_radiocarbon(get("icbm"), 5730.0)
    run = simulate(
        model,
        {"carbon_input": 0.0},
        {"k1": 0.0, "k2": 0.0},
        {"old": 5.0, "old_14c": 4.0},
        times=[5730],
        interval=1.0,
        steps=1,
    )
    np.testing.assert_allclose(run["old_14c"].values, 2.0, rtol=1e-9)
    np.testing.assert_allclose(run["old"].values, 5.0)
    np.testing.assert_allclose(run["soil_organic_carbon"].values, 5.0)


def test_environment_takes_numbers_arrays_and_tensors():
    import pytensor.tensor as pt

    degrees = np.linspace(-20.0, 50.0, 15)
    t = pt.dvector("t")
    for function in (
        environment.q10,
        environment.lloyd_taylor,
        environment.rothc_temperature,
        environment.century_temperature,
        environment.daycent_temperature,
        lambda v: environment.arrhenius(v, 47e3),
        lambda v: environment.damm(v, 0.25, 0.5),
    ):
        array = function(degrees)
        np.testing.assert_allclose(function(t).eval({t: degrees}, mode="FAST_COMPILE"), array, rtol=1e-12)
        assert function(15.0) == pytest.approx(float(function(np.array([15.0]))[0]))
        assert np.all(np.isfinite(array))
        assert np.all(array >= 0.0)
    # Printed or defining values.
    assert environment.q10(25.0, 3.0) == pytest.approx(3.0)
    assert environment.lloyd_taylor(10.0) == pytest.approx(1.0)
    assert environment.century_temperature(0.0) == pytest.approx(0.0275, abs=5e-5)
    assert environment.daycent_temperature(30.0) == pytest.approx(1.0)
    assert environment.rothc_temperature(-5.1) == 0.0
    assert environment.century_moisture(0.0) == pytest.approx(1 / 31)
    assert environment.mimics_water(0.0) == 0.05


def test_sites_by_chunks_of_dask():
    """Chunks along the sites give the same run, lazily, on any scheduler."""
    import dask

    rng = np.random.default_rng(5)
    modifier = xr.DataArray(rng.uniform(0.1, 1.0, (24, 1000)), dims=("time", "site"))
    initial = {"hum": xr.DataArray(rng.uniform(5.0, 40.0, 1000), dims="site")}
    whole = simulate("rothc", {"rate_modifier": modifier, "plant_input": 0.15}, None, initial, times=[12, 24])
    chunked = {"hum": initial["hum"].chunk(site=300)}
    lazy = simulate(
        "rothc",
        {"rate_modifier": modifier.chunk(site=300), "plant_input": 0.15},
        None,
        chunked,
        times=[12, 24],
    )
    assert dask.is_dask_collection(lazy)
    assert lazy["soil_organic_carbon"].chunks is not None
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            computed = lazy.compute()
        xr.testing.assert_allclose(computed, whole, rtol=1e-13)
