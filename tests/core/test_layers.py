"""Layers of soil: closed forms, what is conserved, and what everything derived from flows makes of them."""

from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.gradient import verify_grad

from socbayes.core import (
    Driver,
    Flow,
    Parameter,
    Structure,
    StructureError,
    ages,
    by_layer,
    find_steady_state,
    integrate,
    layer_ages,
    layer_carbon,
    reference,
    with_flows,
    with_label,
    with_layers,
    with_radiocarbon,
)
from socbayes.core.ages import transfers
from socbayes.core.kernels import program
from socbayes.structures import get

K = 0.05


def one_pool(scheme="mprk22", step=1.0):
    def flows(x, p, u):
        yield Flow("input", "carbon", u.litter)
        yield Flow("carbon", "co2", p.k * x.carbon)

    return Structure(
        name="one pool",
        pools=("carbon",),
        parameters=(Parameter("k", "1/year", K, "assumed", 0.0),),
        drivers=(Driver("litter", "g/m**2/year", "", 1.0, 0.0),),
        flows=flows,
        time_unit="year",
        scheme=scheme,
        step=step,
    )


def settled(structure):
    """Steady state of a linear structure under its defaults, and its matrix."""
    p = np.array([one.default for one in structure.parameters])
    u = np.array([one.default for one in structure.drivers])
    matrix, inputs = transfers(structure, np.ones(len(structure.pools)), p, u)
    return np.linalg.solve(-matrix, inputs)


def run(structure, x, when, drivers=None, parameters=None, scheme=None, steps=1):
    """States (time, state) of one site, under NumPy."""
    p = structure.defaults() | (parameters or {})
    u = {d.name: d.default for d in structure.drivers} | (drivers or {})
    rows = np.tile([float(u[name]) for name in structure.driver_names], (max(when), 1, 1))
    numbers = np.array([[p[name] for name in structure.parameter_names]])
    kernel = program(structure, scheme or structure.scheme)
    return reference.forward(kernel, np.atleast_2d(x), numbers, rows, structure.step, steps, np.array(when))[:, 0]


# --- closed forms -------------------------------------------------------------------------

LENGTH = 40.0


def mixed_and_leached(d, v):
    """Integral from 0 to z of C where D C'' - v C' - k C = 0 under 1 g/m**2/year from above and no gradient below."""
    root = np.sqrt(v * v + 4.0 * d * K)
    r = np.array([(v + root) / (2.0 * d), (v - root) / (2.0 * d)])
    a = np.linalg.solve([v - d * r, r * np.exp(r * LENGTH)], [1.0, 0.0])
    return lambda z: float(a @ ((np.exp(r * z) - 1.0) / r))


@pytest.mark.parametrize(("d", "v", "even"), [(20.0, None, True), (20.0, 0.8, True), (20.0, 0.8, False)])
def test_mixing_leaching_and_decay_meet_their_closed_form_to_second_order(d, v, even):
    exact = mixed_and_leached(d, v or 0.0)(LENGTH / 2)
    leaching = {} if v is None else {"carbon": v}
    errors = []
    for n in (16, 64, 512) if even else (16, 64):
        share = np.arange(n + 1) / n
        depths = LENGTH * (share if even else share + 0.1 * np.sin(2.0 * np.pi * share))
        layered = with_layers(
            one_pool(), depths, inputs={"litter": "surface"}, by_depth=(), leaching=leaching, mixing=d
        )
        errors.append(abs(settled(layered)[: n // 2].sum() / exact - 1.0))
    assert 13.0 < errors[0] / errors[1] < 19.0, errors  # 16 times less at a quarter of the thickness
    if even:
        assert errors[-1] < 1e-6


def test_leaching_alone_meets_its_closed_form_to_first_order():
    v = 4.0
    exact = (1.0 - np.exp(-K * LENGTH / 2 / v)) / K
    found = []
    for n in (16, 32, 64, 128):
        depths = np.linspace(0.0, LENGTH, n + 1)
        layered = with_layers(one_pool(), depths, inputs={"litter": "surface"}, by_depth=(), leaching={"carbon": v})
        found.append(settled(layered)[: n // 2].sum())
    errors = abs(np.array(found) / exact - 1.0)
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2.0, rtol=0.05)
    # Powers of the thickness are eliminated one after the other.
    for power in (1, 2, 3):
        found = [(2**power * fine - coarse) / (2**power - 1) for coarse, fine in pairwise(found)]
    assert found[0] == pytest.approx(exact, rel=1e-6)


def test_mixing_and_leaching_without_decay_are_exact_in_any_layers():
    """Without loss the profile is uniform where carbon leaves below: what comes in over the speed."""
    structure = with_layers(
        one_pool(), [0, 3, 10, 40], inputs={"litter": "surface"}, by_depth=(), leaching={"carbon": 0.5}, mixing=3.0
    )
    p = structure.defaults() | {"k": 0.0}
    matrix, inputs = transfers(structure, np.ones(3), np.array([p[n] for n in structure.parameter_names]), np.ones(1))
    np.testing.assert_allclose(np.linalg.solve(-matrix, inputs) / [3.0, 7.0, 30.0], 2.0, rtol=1e-12)


def test_speeds_of_mixing_and_leaching_are_limits_of_both():
    both = with_layers(
        one_pool(), [0, 5, 20, 40], inputs={"litter": 10.0}, by_depth=(), leaching={"carbon": 1.0}, mixing=1.0
    )

    def matrix(values):
        p = both.defaults() | values
        return transfers(both, np.ones(3), np.array([p[n] for n in both.parameter_names]), np.ones(1))[0]

    still = matrix({"leaching_carbon": 0.0})
    assert still[0, 1] * 15.0 == pytest.approx(still[1, 0] * 5.0, rel=1e-14) == pytest.approx(1.0 / 10.0, rel=1e-14)
    leached = matrix({"mixing": 0.0})
    assert leached[0, 1] == pytest.approx(0.0, abs=1e-100)
    assert leached[1, 0] == pytest.approx(1.0 / 5.0, rel=1e-14)
    # The series and the exponential meet.
    near = [matrix({"leaching_carbon": 1e-4 * (1.0 + e)})[0, 1] for e in (-1e-9, 1e-9)]
    assert near[0] == pytest.approx(near[1], rel=1e-11)
    assert np.all(np.isfinite(matrix({"leaching_carbon": 0.0, "mixing": 0.0})))


def test_a_ploughed_layer_is_uniform_and_what_is_below_stays():
    thick = np.array([5.0, 8.0, 12.0, 30.0])
    layered = with_layers("rothc", [0, 5, 13, 25, 55], inputs=INPUTS["rothc"], by_depth=(), ploughed=25.0)
    x = np.random.default_rng(0).uniform(1.0, 5.0, len(layered.pools))
    drivers = {"rate_modifier": 0.0, "plant_input": 0.0}
    hum = [layered.pools.index(f"hum_{k}") for k in range(1, 5)]
    end = run(layered, x, [1], drivers | {"ploughing": 100.0})[0][hum]
    assert np.ptp(end[:3] / thick[:3]) / np.ptp(x[hum][:3] / thick[:3]) < 1e-3
    end = run(layered, x, [1], drivers | {"ploughing": 1e9})[0][hum]
    np.testing.assert_allclose(end[:3] / thick[:3], x[hum][:3].sum() / 25.0, rtol=1e-6)
    assert end[3] == x[hum][3]
    inert = [layered.pools.index(f"iom_{k}") for k in range(1, 5)]
    np.testing.assert_array_equal(run(layered, x, [1], drivers | {"ploughing": 1.0})[0][inert], x[inert])


@pytest.mark.parametrize(("scheme", "steps", "close"), [("mprk22", 40, 1e-3), ("rk4", 40, 1e-6), ("euler", 400, 1e-2)])
def test_a_pulse_of_label_goes_down(scheme, steps, close):
    """Leached layers are tanks in a row: after t years the pulse is Poisson distributed over them."""
    n, v, t = 6, 1.5, 4
    plain = with_layers(
        one_pool(), np.arange(n + 1) * 2.0, inputs={"litter": "surface"}, by_depth=(), leaching={"carbon": v}
    )
    labelled = with_label(plain)
    start = np.zeros(2 * n)
    start[n] = 1.0
    end = run(labelled, start, [t], {"litter": 0.0}, {"k": 0.0}, scheme, steps)[0]
    at = v / 2.0 * t
    poisson = np.exp(-at) * np.cumprod([1.0, *(at / np.arange(1, n))])
    np.testing.assert_allclose(end[n : 2 * n], poisson, atol=close)
    sinks = dict(zip(labelled.state, end, strict=True))
    assert sinks["leached_label"] == pytest.approx(1.0 - end[n : 2 * n].sum(), rel=1e-12)
    assert sinks["leached_native"] == 0.0


# --- against the structure itself -----------------------------------------------------------------

INPUTS = {
    "rothc": {"plant_input": 10.0, "manure_input": "surface"},
    "icbm": {"carbon_input": 10.0},
    "millennial": {"npp": 10.0},
    "century": {"surface_input": "surface", "soil_input": 10.0},
}
FORCED = {
    "rothc": {"rate_modifier": 0.5, "plant_input": 0.15, "manure_input": 0.02},
    "icbm": {"carbon_input": 0.2},
    "millennial": {"temperature": 15.0, "water": 0.3, "npp": 1.0},
    "century": {"surface_input": 1.2, "soil_input": 1.8},
}


@pytest.mark.parametrize("name", FORCED)
def test_one_layer_is_the_structure_itself_to_the_last_bit(name):
    structure = get(name)
    layered = with_layers(name, [0, 30], inputs=INPUTS[name], by_depth=(), mixing=1.0)
    x = np.random.default_rng(1).uniform(0.5, 2.0, len(structure.pools))
    for scheme in {structure.scheme} if structure.discrete else {structure.scheme, "mprk22"}:
        plain, deep = (run(s, x, [1, 5], FORCED[name], scheme=scheme) for s in (structure, layered))
        np.testing.assert_array_equal(deep, plain)


def test_layers_without_transport_are_structures_beside_each_other():
    """Also with radiocarbon: decay, and what enters, are those of each."""
    layered = with_radiocarbon(
        with_layers("rothc", [0, 10, 30], inputs={"plant_input": [0.75, 0.25], "manure_input": "surface"},
                    by_depth=["rate_modifier", "clay"])
    )  # fmt: skip
    alone = with_radiocarbon(get("rothc"))
    x = np.random.default_rng(2).uniform(0.5, 2.0, (2, len(alone.pools)))
    both = np.concatenate([*x[:, :5], *x[:, 5:]])
    drivers = {"rate_modifier_1": 0.6, "rate_modifier_2": 0.3, "plant_input": 0.2, "input_activity": 1.1}
    end = dict(zip(layered.state, run(layered, both, [7], drivers, {"clay_2": 40.0})[0], strict=True))
    for k, (modifier, share, clay) in enumerate([(0.6, 0.75, 23.4), (0.3, 0.25, 40.0)], 1):
        own = {"rate_modifier": modifier, "plant_input": 0.2 * share, "input_activity": 1.1}
        state = dict(zip(alone.state, run(alone, x[k - 1], [7], own, {"clay": clay})[0], strict=True))
        for pool in alone.pools:
            deep = pool.replace("_14c", f"_{k}_14c") if pool.endswith("_14c") else f"{pool}_{k}"
            assert end[deep] == pytest.approx(state[pool], rel=1e-14)


# --- what always holds ------------------------------------------------------------------------------


def profile():
    """RothC in three layers with every kind of transport."""
    return with_layers(
        "rothc", [0, 10, 25, 60], inputs=INPUTS["rothc"], by_depth=["rate_modifier"], mixing=2.0,
        leaching={"bio": 3.0}, ploughed=25.0,
    )  # fmt: skip


PROFILE = profile()
AMG_INPUTS = ("aboveground_input", "belowground_input", "manure_input")
DRIVEN = {"plant_input": 0.2, "manure_input": 0.05, **by_layer(rate_modifier=[0.6, 0.4, 0.2])}
positive = st.floats(0.0, 1e4)


@settings(max_examples=40, deadline=None)
@given(
    x=st.lists(st.floats(0.0, 100.0), min_size=15, max_size=15),
    mixing=positive, leaching=positive, ploughing=positive, depth=st.floats(0.5, 60.0), modifier=st.floats(0.0, 50.0),
)  # fmt: skip
def test_carbon_is_kept_and_pools_are_positive_at_any_speed(x, mixing, leaching, ploughing, depth, modifier):
    drivers = DRIVEN | {"ploughing": ploughing, "rate_modifier_1": modifier}
    parameters = {"mixing": mixing, "leaching_bio": leaching, "plant_input_depth": depth}
    states = run(PROFILE, x, [0, 1, 12], drivers, parameters)
    assert np.all(states >= 0.0)
    given_carbon = sum(x) + np.array([0, 1, 12]) * 0.25
    np.testing.assert_allclose(states.sum(axis=1), given_carbon, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.0, 1.0), mixing=positive, leaching=positive, ploughing=positive, modifier=st.floats(0.0, 2.0))
def test_a_label_and_radiocarbon_go_where_carbon_goes(share, mixing, leaching, ploughing, modifier):
    x = np.linspace(1.0, 3.0, 15)
    drivers = DRIVEN | {"ploughing": ploughing, "rate_modifier_1": modifier}
    parameters = {"mixing": mixing, "leaching_bio": leaching}
    plain = run(PROFILE, x, [3], drivers, parameters)[0]
    fed = {f"label_{pool}_{k}": share for pool in ("dpm", "rpm", "hum") for k in (1, 2, 3)}
    label = run(LABELLED, [*(x * (1.0 - share)), *(x * share)], [3], drivers | fed, parameters)[0]
    np.testing.assert_allclose(label[:15] + label[15:30], plain[:15], rtol=1e-12)
    np.testing.assert_allclose(label[15:30], share * plain[:15], rtol=1e-10, atol=1e-300)
    stable = parameters | {"half_life": 1e300}
    activity = run(DATED, [*x, *(1.2 * x)], [3], drivers | {"input_activity": 1.2}, stable)[0]
    np.testing.assert_allclose(activity[15:30], 1.2 * plain[:15], rtol=1e-12)


LABELLED, DATED = with_label(PROFILE), with_radiocarbon(PROFILE)


@pytest.mark.parametrize("scheme", ["euler", "mprk22"])
def test_gradients_are_those_of_differences(scheme):
    structure = PROFILE if scheme == "euler" else with_layers(
        "icbm", [0, 10, 25, 60], inputs={"carbon_input": 10.0}, by_depth=["k2"], mixing=2.0, leaching={"young": 1.0},
        ploughed=25.0,
    )  # fmt: skip
    names = [n for n in structure.parameter_names if n.startswith(("mixing", "leaching", "k_", "k1", "k2_"))]
    names += [n for n in structure.parameter_names if n.endswith("_depth")]
    defaults = structure.defaults()
    drivers = dict(DRIVEN) if scheme == "euler" else {"carbon_input": 0.2}

    def states(x, theta, turned):
        p = {name: theta[i] for i, name in enumerate(names)}
        u = drivers | {"ploughing": turned}
        return integrate(structure, x, p, u, times=[2, 5], scheme=scheme, driver_gradients=True)

    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (2, len(structure.pools)))
    point = [x, np.array([defaults[name] for name in names]), np.abs(rng.normal(0.05, 0.02, 5))]
    verify_grad(states, point, rng=rng, eps=1e-6, rel_tol=1e-5, abs_tol=1e-6, mode="FAST_COMPILE")


def test_compiled_code_and_numpy_agree():
    theta = pt.dvector("theta")
    p = {"mixing": theta[0], "leaching_bio": theta[1], "k_hum": theta[2]}
    x = np.random.default_rng(4).uniform(0.5, 2.0, (9, 15))
    out = integrate(PROFILE, x, p, DRIVEN | {"ploughing": np.array([0.0, 3.0, 0.0])}, times=[1, 3])
    cost = pt.log(out[:, :, :12]).sum()
    point = np.array([2.0, 3.0, 0.02])
    results = [
        pytensor.function([theta], [out, pytensor.grad(cost, theta)], mode=mode)(point)
        for mode in (None, "FAST_COMPILE")
    ]
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-11)


# --- steady states and ages ------------------------------------------------------------------------


def test_a_linear_profile_is_solved_at_once_and_stays_there():
    drivers = DRIVEN | {"ploughing": 0.1}
    assert PROFILE.linear
    x = find_steady_state(PROFILE, None, drivers, {"iom_1": 2.0}).pools[0]
    np.testing.assert_allclose(run(PROFILE, x, [1, 100], drivers)[:, :15], [x, x], rtol=1e-10)
    aged = ages(PROFILE, None, drivers)
    by_depth = layer_ages(PROFILE, aged)
    carbon = layer_carbon(PROFILE, x)
    active = carbon - [2.0, 0.0, 0.0]
    assert active @ by_depth / active.sum() == pytest.approx(aged.mean_age, rel=1e-12)
    assert carbon.sum() == pytest.approx(x.sum(), rel=1e-14)
    assert by_depth[2] > by_depth[0]


def test_a_nonlinear_profile_has_a_steady_state():
    layered = with_layers(
        "millennial", [0, 15, 40, 80], inputs={"npp": 15.0}, by_depth=["temperature", "water"], mixing=1.0,
        leaching={"dissolved": 1.0},
    )  # fmt: skip
    drivers = {"npp": 1.0, **by_layer(temperature=[15.0, 14.0, 13.0], water=[0.3, 0.32, 0.35])}
    found = find_steady_state(layered, None, drivers, np.full((1, len(layered.pools)), 100.0))
    assert found.reasons == ("found",)
    x = found.pools[0]
    after = run(layered, x, [10], drivers)[0]
    np.testing.assert_allclose(after[: len(x)], x, rtol=1e-9)
    sinks = dict(zip(layered.state, after, strict=True))
    gone = sum(value for name, value in sinks.items() if name in layered.sinks)
    assert gone == pytest.approx(10.0 * 1.0, rel=1e-9)  # what comes in leaves


def test_the_carbon_dioxide_of_a_layer_is_a_flow():
    names = [f"{pool}_2_to_co2" for pool in ("dpm", "rpm", "bio", "hum")]
    counted = with_flows(PROFILE, names)
    end = dict(zip(counted.state, run(counted, np.ones(15), [3], DRIVEN)[0], strict=True))
    assert 0.0 < sum(end[name] for name in names) < end["co2"]


def test_what_a_structure_is_told_follows_into_its_layers():
    assert PROFILE.boundaries == (0.0, 10.0, 25.0, 60.0)
    assert PROFILE.inert == ("iom_1", "iom_2", "iom_3")
    assert PROFILE.fractions["humus"] == ("bio_1", "hum_1", "bio_2", "hum_2", "bio_3", "hum_3")
    assert PROFILE.entries["labile"] == ("dpm_1",)
    # What is respired as it arrives lies in no layer.
    amg = with_layers(get("amg"), (0, 25, 50), inputs=dict.fromkeys(AMG_INPUTS, "surface"), by_depth=())
    assert set(amg.entries["labile"]) == {"active_1", "co2"}
    deep = with_layers("rothc", [0, 20, 50], inputs=INPUTS["rothc"], by_depth=["k_rpm", "rate_modifier"])
    assert dict(deep.parameter_sets["australia"]) == {"k_rpm_1": 0.07, "k_rpm_2": 0.07}
    reported = with_layers("millennial", [0, 20, 50], inputs=INPUTS["millennial"], by_depth=())
    assert {name.rsplit("_", 1)[1] for name in reported.report_units} <= {"1", "2"}
    np.testing.assert_allclose(layer_carbon(LABELLED, np.ones(30)), [10.0, 10.0, 10.0])
    np.testing.assert_allclose(layer_carbon(DATED, np.ones((4, 30))), np.full((4, 3), 5.0))


def test_carbon_by_layer_is_of_runs_arrays_and_tensors():
    states = np.random.default_rng(5).uniform(1.0, 2.0, (3, 2, len(PROFILE.state)))
    expected = states[..., :15].reshape(3, 2, 3, 5).sum(axis=-1)
    np.testing.assert_allclose(layer_carbon(PROFILE, states), expected, rtol=1e-14)
    tensor = layer_carbon(PROFILE, pt.as_tensor(states))
    np.testing.assert_allclose(tensor.eval(mode="FAST_COMPILE"), expected, rtol=1e-14)
    names = {pool: states[..., i] for i, pool in enumerate(PROFILE.pools)}
    data = xr.Dataset({pool: (("time", "site"), values) for pool, values in names.items()})
    np.testing.assert_allclose(layer_carbon(PROFILE, data), expected, rtol=1e-14)
    with pytest.raises(StructureError, match="expected 15 pools in the last axis"):
        layer_carbon(PROFILE, states[..., :4])
    with pytest.raises(StructureError, match="no pool named 'hum'; did you mean 'hum_"):
        layer_carbon(PROFILE, {"hum": 1.0})


# --- bad input ------------------------------------------------------------------------------------------

FAULTS = {
    "layers 1 and 2 do not meet: 10 and 12 cm": {"boundaries": [(0, 10), (12, 30)]},
    "boundaries increase downwards, but 10 cm comes after 20 cm": {"boundaries": [0, 20, 10]},
    "boundaries are at least two depths": {"boundaries": [10]},
    "boundaries are depths in cm, like": {"boundaries": ["top", 3]},
    "boundaries lie between 0 and": {"boundaries": [0, np.nan]},
    "deeper than the profile of 30 cm; add layers": {"inputs": INPUTS["rothc"] | {"plant_input": 80.0}},
    "reaches 3 layers, deeper than the profile": {"inputs": INPUTS["rothc"] | {"plant_input": [0.5, 0.3, 0.2]}},
    "shares of plant_input are 2": {"inputs": INPUTS["rothc"] | {"plant_input": [0.5, 0.3]}},
    "by shares or over a depth, not 'roots'": {"inputs": INPUTS["rothc"] | {"plant_input": "roots"}},
    "the input to 'dpm' is; name in inputs what it is proportional to, of manure_input": {
        "inputs": {"plant_input": 10.0}
    },
    "no driver or parameter named 'plant_inputs'; did you mean 'plant_input'": {"inputs": {"plant_inputs": 10.0}},
    "'plant_input' is by depth, so no share": {"by_depth": ["plant_input"]},
    "no driver has a depth; name in by_depth": {"by_depth": None},
    "no driver or parameter named 'clai'; did you mean 'clay'": {"by_depth": ["clai"]},
    "no pool named 'humus'; did you mean 'hum'": {"leaching": {"humus": 1.0}},
    "no pool named 'biom'; did you mean": {"mixing": {"biom": 1.0}},
    "'iom' is inert and stays": {"mixing": {"iom": 1.0}},
    "mixing is a number that is not negative, not -1": {"mixing": -1.0},
    "23 cm is none, the nearest is 30 cm": {"ploughed": 23.0},
}


@pytest.mark.parametrize(("message", "changed"), FAULTS.items(), ids=[str(i) for i in range(len(FAULTS))])
def test_faults_are_said(message, changed):
    asked = {"boundaries": [0, 10, 30], "inputs": INPUTS["rothc"], "by_depth": ()} | changed
    with pytest.raises(StructureError) as said:
        with_layers("rothc", **asked)
    assert message in str(said.value)


def test_layers_come_before_label_and_radiocarbon_and_once():
    for other in (with_label, with_radiocarbon):
        with pytest.raises(StructureError, match="put it in layers first"):
            with_layers(other(get("icbm")), [0, 30], inputs=INPUTS["icbm"], by_depth=())
    with pytest.raises(StructureError, match="in layers already"):
        with_layers(PROFILE, [0, 30], inputs={"plant_input": 10.0}, by_depth=())
    with pytest.raises(StructureError, match="counts flows"):
        with_layers(with_flows("icbm", ["young_to_old"]), [0, 30], inputs=INPUTS["icbm"], by_depth=())
    with pytest.raises(StructureError, match="layers hold it per area"):
        with_layers("mimics", [0, 30], inputs={"npp": 10.0}, by_depth=())
    with pytest.raises(StructureError, match="has no layers"):
        layer_carbon(get("icbm"), [1.0, 1.0])
    with pytest.raises(StructureError, match="has no last axis"):
        by_layer(clay=20.0)
