"""Flows as outputs: what each has moved accounts for every pool and sink, in every structure and scheme."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from driven import NAMES, forcing

from socbayes.core import (
    StructureError,
    integrate,
    label_initial,
    reference,
    with_clock,
    with_flows,
    with_label,
    with_radiocarbon,
    without,
)
from socbayes.core.kernels import program
from socbayes.core.structure import INPUT
from socbayes.structures import get, simulate


def moved(structure, scheme, x, drivers, when):
    """States (time, state) of one site."""
    p = np.array([[structure.defaults()[name] for name in structure.parameter_names]])
    u = np.tile([drivers[name] for name in structure.driver_names], (max(when), 1, 1)).astype(float)
    kernel = program(structure, scheme)
    return reference.forward(kernel, x[None, :], p, u, structure.step, 1, np.array(when))[:, 0]


@pytest.mark.parametrize(("name", "labelled"), [*((name, False) for name in NAMES), ("mcp", True), ("icbm", True)])
def test_flows_account_for_every_pool_and_sink(name, labelled):
    structure = with_label(get(name)) if labelled else get(name)
    drivers = {d.name: d.default for d in structure.drivers} | forcing(name)
    drivers |= {d: 0.3 for d in structure.driver_names if labelled and d.startswith("label_")}
    counted = with_flows(structure, structure.flow_names)
    x = np.random.default_rng(1).uniform(0.5, 2.0, len(structure.pools))
    n = len(structure.state)
    for scheme in (structure.scheme,) if structure.discrete else ("mprk22",):
        states = moved(counted, scheme, x, drivers, [0, 1, 3])
        plain = states[:, :n]
        if name in ("mcp", "icbm"):
            np.testing.assert_array_equal(plain, moved(structure, scheme, x, drivers, [0, 1, 3]))
        flows = dict(zip(structure.flow_names, states[:, n:].T, strict=True))
        ends = {flow.called: (flow.source, flow.target) for flow in structure.trace.flows}
        for i, state in enumerate(structure.state):
            gained = sum(flows[name] for name, (_, target) in ends.items() if target == state)
            lost = sum(flows[name] for name, (source, _) in ends.items() if source == state)
            scale = max(x.max(), abs(plain[:, i]).max())
            np.testing.assert_allclose(plain[:, i] - plain[0, i], gained - lost, atol=1e-12 * scale, err_msg=state)
        assert INPUT in {source for source, _ in ends.values()}


def test_flows_that_share_a_name_are_one():
    """Both communities of MIMICS respire metabolic litter."""
    mimics = get("mimics")
    twice = [f for f in mimics.trace.flows if f.called == "litter_metabolic_to_co2"]
    assert len(twice) == 2
    assert mimics.flow_names.count("litter_metabolic_to_co2") == 1


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
def test_integrate_gives_flows_with_their_gradient(mode):
    """Uptake of the pump, by its name, against differences of the run."""
    counted = with_flows("mcp", ["dissolved_to_microbes"])
    assert counted.state[-1] == "dissolved_to_microbes"
    e = pt.dscalar("e")
    start = [4.0, 0.05, 0.3, 1.0, 9.0, 5.0]
    uptake = integrate(counted, start, {"e_ref": e}, {"litter_input": 0.0018}, times=[5])[0, 0, -1]
    f = pytensor.function([e], [uptake, pytensor.grad(uptake, e)], mode=mode)
    value, gradient = f(0.5)
    assert value > 0.0
    assert gradient == pytest.approx((f(0.5 + 1e-6)[0] - f(0.5 - 1e-6)[0]) / 2e-6, rel=1e-6)


def test_simulate_gives_flows_and_their_rates():
    run = simulate(
        with_flows("icbm", ["young_to_old", "young_to_co2", "old_to_co2"]),
        {"carbon_input": 0.2},
        initial={"young": 0.3, "old": 4.0},
        times=[0, 10],
    )
    respired = run["young_to_co2"] + run["old_to_co2"]
    np.testing.assert_allclose(respired.values, run["co2"].values, rtol=1e-12)
    rates = run["young_to_co2_rate"] + run["old_to_co2_rate"]
    np.testing.assert_allclose(rates.values, run["co2_rate"].values, rtol=1e-12)
    np.testing.assert_allclose(run["young_to_old_rate"].values, 0.125 * 0.8 * run["young"].values, rtol=1e-12)
    assert run["young_to_old"].attrs["units"] == "kg/m**2"
    assert run["young_to_old_rate"].attrs["units"] == "kg/m**2/year"


def test_flows_are_counted_whatever_is_done_to_the_structure():
    counted = with_flows("icbm", ["young_to_old"])
    assert with_label(counted).meters == ("young_to_old_native", "young_to_old_label")
    assert with_radiocarbon(counted).meters == with_clock(counted).meters == ("young_to_old",)
    assert "young_to_old_14c" in with_radiocarbon(counted).flow_names
    assert without(counted, ["old"]).meters == ()
    assert with_flows(counted, ["young_to_old", "old_to_co2"]).meters == ("young_to_old", "old_to_co2")
    labelled = with_label(counted)
    drivers = {"carbon_input": 0.2, "rate_modifier": 1.0, "label_young": 0.5}
    states = moved(labelled, "mprk22", label_initial([1.0, 1.0], 0.5), drivers, [4])[0]
    assert states[-1] == pytest.approx(states[-2]) != 0.0


def test_a_flow_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(StructureError, match="no flow named 'young_to_odl'; did you mean 'young_to_old'"):
        with_flows("icbm", ["young_to_odl"])
    assert with_flows("icbm", "young_to_old").meters == ("young_to_old",)
