"""What a caller gives to a structure, for all structures: names, bounds, steps, times and sites, refused in words."""

import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from driven import FORCING, NAMES, forcing

from socbayes.core import (
    Flow,
    Parameter,
    Structure,
    StructureError,
    ages,
    compartmental,
    find_steady_state,
    integrate,
    label_initial,
    periodic_state,
    scale_to_total,
    steady_state,
    with_clock,
    with_label,
    with_radiocarbon,
    without,
)
from socbayes.core.doors import check_numbers
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.structures import get, simulate
from socbayes.structures.fractions import fraction_weights

simulate_module = sys.modules["socbayes.structures.simulate"]

BOUNDED = [
    (name, one.name, value)
    for name in NAMES
    for one in (*get(name).parameters, *get(name).drivers)
    for value in (one.lower - 1.0, one.upper + 1.0)
    if np.isfinite(value)
]


def ones(name):
    return np.ones(len(get(name).pools))


def run(name, drivers=None, parameters=None, initial=None, **changes):
    """A short run by simulate; nothing is compiled where it is refused."""
    settings = {"times": [1]} | changes
    return simulate(name, forcing(name) | (drivers or {}), parameters, initial, **settings)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_drivers_beyond_their_bounds_are_refused_by_every_door(name):
    """With name, value and bounds."""
    structure, drivers = get(name), forcing(name)
    cases = [case[1:] for case in BOUNDED if case[0] == name]
    assert cases
    for one, value in cases:
        p, u = ({one: value}, drivers) if one in structure.parameter_names else ({}, drivers | {one: value})
        message = rf"{name}: (parameter|driver) '{one}' .* must lie in \[.*\], but .* the first of them {value:g}"
        for door in (
            lambda p=p, u=u: run(name, u, p, ones(name)),
            lambda p=p, u=u: integrate(structure, ones(name), p, u, times=[1]),
            lambda p=p, u=u: find_steady_state(structure, p, u),
            lambda p=p, u=u: steady_state(structure, p, u),
            lambda p=p, u=u: compartmental(structure, ones(name), p, u),
            lambda p=p, u=u: ages(structure, p, u),
        ):
            with pytest.raises(StructureError, match=message):
                door()


@pytest.mark.parametrize("name", NAMES)
def test_negative_initial_pools_are_refused(name):
    structure, pool = get(name), get(name).pools[-1]
    start = dict.fromkeys(structure.pools, 1.0) | {pool: -2.0}
    for initial in (start, list(start.values()), [list(start.values())] * 2):
        for door in (
            lambda initial=initial: run(name, initial=initial),
            lambda initial=initial: integrate(structure, initial, None, forcing(name), times=[1]),
            lambda initial=initial: find_steady_state(structure, None, forcing(name), initial),
        ):
            with pytest.raises(StructureError, match=rf"initial '{pool}' .* must lie in \[0, inf\].* -2"):
                door()


@pytest.mark.parametrize("name", NAMES)
def test_typos_are_refused_with_the_nearest_name(name):
    structure, drivers = get(name), forcing(name)
    pool, parameter, driver = structure.pools[0], structure.parameter_names[0], structure.driver_names[0]
    x = ones(name)
    for door, wrong in (
        (lambda: compartmental(structure, x, {parameter + "x": 99.0}, drivers), parameter),
        (lambda: compartmental(structure, x, None, drivers | {driver + "x": 99.0}), driver),
        (lambda: compartmental(structure, {pool + "x": 1.0}, None, drivers), pool),
        (lambda: ages(structure, {parameter + "x": 99.0}, drivers), parameter),
        (lambda: ages(structure, None, drivers | {driver + "x": 99.0}), driver),
        (lambda: find_steady_state(structure, {parameter + "x": 99.0}, drivers), parameter),
        (lambda: find_steady_state(structure, None, drivers | {driver + "x": 99.0}), driver),
        (lambda: find_steady_state(structure, None, drivers, {pool + "x": 1.0}), pool),
        (lambda: integrate(structure, {pool + "x": 1.0}, None, drivers, times=[1]), pool),
        (lambda: run(name, {driver + "x": 1.0}), driver),
        (lambda: run(name, None, {parameter + "x": 1.0}), parameter),
        (lambda: run(name, initial={pool + "x": 1.0}), pool),
    ):
        with pytest.raises(StructureError, match=rf"named '{wrong}x'; did you mean '"):
            door()
    with pytest.raises(StructureError, match=rf"no parameter named '{driver}', but a driver"):
        find_steady_state(structure, {driver: 1.0})


@pytest.mark.parametrize("name", ["icbm", "mimics", "millennial", "rothc"])
def test_find_steady_state_and_ages_take_what_simulate_takes(name):
    """A name, a parameter set and pools by name, like the structure, its values and pools in their order."""
    structure, drivers = get(name), forcing(name)
    given_set = next(iter(structure.parameter_sets), None)
    start = {pool: 0.5 + i for i, pool in enumerate(structure.pools)}
    by_name = find_steady_state(name, None, drivers, start, parameter_set=given_set)
    plain = find_steady_state(structure, structure.defaults(given_set), drivers, list(start.values()))
    np.testing.assert_array_equal(by_name.pools, plain.pools)
    assert by_name.reasons == plain.reasons
    if plain.found:
        a = ages(name, None, drivers, start, parameter_set=given_set)
        assert a.mean_age == ages(structure, structure.defaults(given_set), drivers, list(start.values())).mean_age
    with pytest.raises(UnknownNameError, match="no parameter set named 'nowhere'"):
        find_steady_state(name, None, drivers, parameter_set="nowhere")


def test_a_name_no_structure_has_is_refused_everywhere():
    for door in (find_steady_state, ages, simulate):
        with pytest.raises(UnknownNameError, match="did you mean 'icbm'"):
            door("icmb")
        with pytest.raises(StructureError, match="expected a structure or the name of one, not int"):
            door(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interval": -1.0}, "interval must be positive, got -1"),
        ({"interval": 0.0}, "interval must be positive"),
        ({"interval": np.nan}, "interval must be positive"),
        ({"interval": np.inf}, "interval must be positive"),
        ({"interval": "monthly"}, "interval must be numbers"),
        ({"steps": 0}, "steps per interval must be at least 1"),
        ({"steps": -2}, "steps per interval must be at least 1"),
        ({"steps": 1.5}, "steps per interval must be a whole number"),
        ({"scheme": "heun"}, "no scheme named 'heun'"),
        ({"times": []}, "times are empty"),
        ({"times": [np.nan]}, "times must be whole numbers"),
        ({"times": ["later"]}, "times must be numbers"),
        ({"times": [[0, 1]]}, "times must be whole numbers"),
        ({"times": [1e300]}, "times must be finite"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_intervals_steps_and_times_that_cannot_be_are_refused(name, changes, message):
    with pytest.raises(StructureError, match=message):
        run(name, initial=ones(name), **changes)
    with pytest.raises(StructureError, match=message):
        integrate(name, ones(name), None, forcing(name), **({"times": [1]} | changes))


@pytest.mark.parametrize("name", [n for n in NAMES if get(n).discrete])
def test_a_discrete_structure_takes_its_own_steps_only(name):
    step = get(name).step
    for changes in ({"steps": 2}, {"interval": 0.5 * step}, {"scheme": "rk4"}, {"interval": 3 * step, "steps": 2}):
        changes = {"interval": step} | changes
        with pytest.raises(StructureError, match="its flows are the change over one euler step"):
            run(name, initial=ones(name), **changes)
        with pytest.raises(StructureError, match="its flows are the change over one euler step"):
            integrate(name, ones(name), None, forcing(name), times=[1], **changes)
    with pytest.raises(StructureError, match="its flows are the change over a step"):
        with_clock(get(name))
    if get(name).linear:
        with pytest.raises(StructureError, match="its flows are the change over one euler step"):
            periodic_state(name, None, forcing(name), period=12, interval=step, steps=2)
    twice = integrate(name, ones(name), None, forcing(name), times=[1], interval=2 * step).eval(mode="FAST_COMPILE")
    once = integrate(name, ones(name), None, forcing(name), times=[2], interval=step).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(twice, once, rtol=1e-14)


def test_sites_of_two_lengths_or_in_two_orders_are_refused():
    fed = {"carbon_input": np.ones((3, 2))}
    with pytest.raises(StructureError, match="have 2 and 3 sites; they must agree"):
        simulate("icbm", fed, {"h": [0.1, 0.2, 0.3]}, times=[1])
    with pytest.raises(StructureError, match="have 2 and 3 sites; they must agree"):
        simulate("icbm", fed, None, np.ones((3, 2)), times=[1])
    with pytest.raises(StructureError, match="sites"):
        integrate("icbm", np.ones((3, 2)), None, fed, times=[1])
    with pytest.raises(StructureError, match="rows or sites"):
        integrate("icbm", [1.0, 1.0], {"h": [0.1, 0.2], "k1": [0.5, 0.6, 0.7]}, times=[1])
    labelled = {
        order: xr.DataArray([0.1, 0.2], dims="site", coords={"site": list(order)}) for order in ("ab", "ba", "ac")
    }
    for other in ("ba", "ac"):
        with pytest.raises(StructureError, match="name different sites, or in another order"):
            simulate("icbm", None, {"h": labelled["ab"], "k2": labelled[other]}, times=[1])
    one = simulate("icbm", fed, {"h": [0.1], "k2": labelled["ab"]}, times=[1])
    assert one["site"].values.tolist() == ["a", "b"]


@pytest.mark.parametrize("wrong", [None, "0,5", "much", [[1.0, 2.0]], [1.0, "x"]])
def test_what_is_no_number_is_refused(wrong):
    for door in (
        lambda: simulate("icbm", None, {"h": wrong}, times=[1]),
        lambda: integrate("icbm", [1.0, 1.0], {"h": wrong}, times=[1]),
        lambda: compartmental("icbm", [1.0, 1.0], {"h": wrong}),
        lambda: find_steady_state("icbm", {"h": wrong}),
    ):
        with pytest.raises(SocbayesError, match="'h'"):
            door()


@pytest.mark.parametrize("parameters", [(), (Parameter("k", "1/day", 0.1, "assumed", 0.0),)])
def test_a_structure_without_drivers_or_parameters_runs(parameters):
    def flows(x, p, u):
        yield Flow("litter", "co2", (p.k if parameters else 0.1) * x.litter)

    alone = Structure(name="alone", pools=("litter",), parameters=parameters, drivers=(), flows=flows)
    run = simulate(alone, initial={"litter": [1.0, 2.0]}, times=[0, 10])
    np.testing.assert_allclose(run["litter"].values, [[1.0, 2.0], [0.9**10, 2 * 0.9**10]])
    for mode in (None, "FAST_COMPILE"):
        out = integrate(alone, [1.0], times=[10]).eval(mode=mode)
        np.testing.assert_allclose(out[0, 0], [0.9**10, 1 - 0.9**10])
    assert find_steady_state(alone).found
    matrix, inputs = compartmental(alone, [1.0])
    assert (matrix.tolist(), inputs.tolist()) == ([[-0.1]], [0.0])


@pytest.mark.parametrize("name", ["icbm", "mcp", "rothc"])
def test_ages_are_those_of_carbon_whatever_it_carries(name):
    """Radiocarbon weighs nothing, and a label changes no age."""
    structure, drivers = get(name), forcing(name)
    plain = ages(structure, None, drivers)
    traced = [with_radiocarbon(structure), with_label(structure), with_label(with_radiocarbon(structure))]
    for other in traced:
        share = {d: 1.0 for d in other.driver_names if d.startswith("label_")}
        found = ages(other, None, drivers | share)
        assert found.pools == plain.pools
        assert found.mean_age == pytest.approx(plain.mean_age, rel=1e-9)
        assert found.mean_transit_time == pytest.approx(plain.mean_transit_time, rel=1e-9)
        assert list(found.pool_ages.values()) == pytest.approx(list(plain.pool_ages.values()), rel=1e-9)


def test_ages_are_of_one_site():
    for door in (
        lambda: ages("icbm", {"k1": [0.8, 0.9]}),
        lambda: ages("icbm", None, {"carbon_input": [0.1, 0.2]}),
        lambda: compartmental("icbm", [1.0, 1.0], {"k1": [0.8, 0.9]}),
        lambda: compartmental("icbm", np.ones((2, 2))),
    ):
        with pytest.raises(StructureError, match="one site"):
            door()
    with pytest.raises(StructureError, match="between 0 and 1"):
        ages("icbm").age_quantile(1.5)


def reported(structure, pools):
    """What a run gives out of itself at given pools, nothing run."""
    drivers = {d.name: d.default for d in structure.drivers} | FORCING.get(structure.name.split(",")[0], {})
    states = np.concatenate([pools, np.zeros(len(structure.state) - len(pools))])[None, None, :]
    p = np.array([[structure.defaults()[one] for one in structure.parameter_names]])
    u = np.array([[[drivers[one] for one in structure.driver_names]]])
    values = simulate_module._reports(structure, states, p, u, np.array([0]))[0, 0]
    return dict(zip(simulate_module._report_units(structure), values, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_label_over_radiocarbon_counts_carbon_once(name):
    structure = get(name)
    n = len(structure.pools)
    both = with_label(with_radiocarbon(structure))
    run, plain = reported(both, label_initial(np.ones(2 * n), 0.25)), reported(structure, np.ones(n))
    assert run["soil_organic_carbon"] == pytest.approx(n)
    assert run["native_organic_carbon"] == pytest.approx(0.75 * n)
    assert run["label_organic_carbon"] == pytest.approx(0.25 * n)
    for report in ("co2_rate", "carbon_use_efficiency", "necromass_share"):
        if report in plain:
            assert run[report] == pytest.approx(plain[report], rel=1e-9)
    assert fraction_weights(with_radiocarbon(structure))["total"][n:].sum() == 0.0


def test_tracers_are_added_once_and_pools_left_out_before():
    for twice, message in (
        (lambda: with_label(with_label(get("icbm"))), "labelled already"),
        (lambda: with_radiocarbon(with_radiocarbon(get("icbm"))), "carries radiocarbon already"),
        (lambda: without(with_label(get("icbm")), ["old_label"]), "leave pools out first"),
    ):
        with pytest.raises(StructureError, match=message):
            twice()


def test_totals_smaller_than_inert_pools_are_refused():
    x = np.ones((1, 5))
    with pytest.raises(StructureError, match="no inert pool named 'imo'; did you mean 'iom'"):
        scale_to_total("rothc", x, 30.0, {"imo": 3.0})
    with pytest.raises(StructureError, match="must not be less than what inert pools hold"):
        scale_to_total("rothc", x, 2.0, {"iom": 3.0})


def test_a_percentage_for_a_fraction_is_said_to_be_one():
    mimics = get("mimics")
    with pytest.raises(StructureError, match=r"clay' \[1\] must lie in \[0, 1\].* 20 \(as a fraction that is 0.2\)"):
        check_numbers(mimics, mimics.parameters[mimics.parameter_names.index("clay")], np.array([0.2, 20.0]))


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
def test_a_tensor_beyond_the_bounds_of_its_parameter_makes_its_site_nan(mode):
    """In runs, steady states and cycles; a sampler then rejects the point."""
    k, fed = pt.dvector("k"), pt.dvector("fed")
    values = np.array([0.5, -0.1, 0.8])
    inputs = np.array([0.2, 0.2, -0.2])
    out = integrate("icbm", [0.3, 4.0], {"k1": k}, {"carbon_input": fed[None, :]}, times=[1])
    steady = steady_state("icbm", {"k1": k}, {"carbon_input": fed})
    run, gradient, found = pytensor.function([k, fed], [out, pytensor.grad(out.sum(), k), steady], mode=mode)(
        values, inputs
    )
    for result in (run[0], gradient, found):
        assert np.isfinite(result.reshape(3, -1)).all(axis=1).tolist() == [True, False, False]
    plain = integrate("icbm", [0.3, 4.0], {"k1": 0.5}, {"carbon_input": 0.2}, times=[1]).eval()
    np.testing.assert_array_equal(run[0, 0], plain[0, 0])
