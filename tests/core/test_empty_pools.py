"""Pools that vanish or are empty: runs and gradients are numbers, and those of an almost empty pool."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from driven import NAMES, forcing

from socbayes.core import integrate, reference, with_label
from socbayes.core.kernels import program
from socbayes.core.numba_dispatch import forward_function, reverse_function
from socbayes.structures import get, simulate
from socbayes.structures.forcing import input_factor

# Structures whose kernels are compiled here too; under NumPy all are run.
COMPILED = ("century", "corpse", "mcp")
WHEN = np.array([1, 3])


def without_input(name):
    """Drivers of a soil that gets no carbon."""
    structure = get(name)
    fed = {d.name for d in structure.drivers if d.name == "npp" or input_factor(d.unit, 1.0, 1.0) is not None}
    return {driver: 0.0 if driver in fed else value for driver, value in forcing(name).items()}


def schemes_of(name):
    structure = get(name)
    return (structure.scheme,) if structure.discrete else dict.fromkeys((structure.scheme, "mprk22"))


def value_and_gradients(structure, scheme, drivers, x, changed=None):
    p = structure.defaults() | dict(changed or {})
    p = np.tile([p[name] for name in structure.parameter_names], (len(x), 1))
    u = np.tile([drivers[name] for name in structure.driver_names], (3, len(x), 1))
    kernel = program(structure, scheme, driver_gradients=True)
    arguments = (kernel, x, p, u, structure.step, 1, WHEN)
    out = reference.forward(*arguments)
    # Weights apart from each other: of all carbon together, which is conserved, the gradient is nothing but rounding.
    return out, reference.reverse(*arguments, np.random.default_rng(3).normal(size=out.shape[-1]) + 0.0 * out)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labelled", [False, True])
def test_vanishing_pools_give_numbers_and_so_do_their_gradients(name, labelled):
    """Pools of 1e-320 to 1e-50: the reciprocal of the smallest is infinite."""
    structure = with_label(get(name)) if labelled else get(name)
    drivers = {d.name: d.default for d in structure.drivers} | without_input(name)
    n = len(structure.pools)
    x = 10.0 ** np.random.default_rng(1).uniform(-320, -50, (40, n))
    x = np.concatenate([np.zeros((1, n)), x, np.where(x < 1e-200, 0.0, 1.0)])
    for scheme in schemes_of(name):
        out, gradients = value_and_gradients(structure, scheme, drivers, x)
        assert np.isfinite(out).all()
        for gradient in gradients:
            assert np.isfinite(gradient).all()


POWERS = {"mcp": "beta", "mcp_forward": "beta", "mimics": "density_exponent", "mimics_forward": "density_exponent"}
CASES = [(n, power) for n in NAMES for power in ((1.0, 1.5, 2.0, 2.5) if n in POWERS else (None,))]
CASES += [(n, 0.5) for n, power in POWERS.items() if power == "density_exponent"]


@pytest.mark.parametrize(("name", "exponent"), CASES)
def test_gradient_at_an_empty_pool_is_that_of_an_almost_empty_one(name, exponent):
    structure = get(name)
    changed = {} if exponent is None else {POWERS[name]: exponent}
    n = len(structure.pools)
    empty, almost = (np.where(np.eye(n) == 1.0, content, 1.0) for content in (0.0, 1e-40))
    for scheme in schemes_of(name):
        if scheme == "euler" and exponent == 0.5:
            continue  # the derivative of a root at zero is infinite
        runs = [value_and_gradients(structure, scheme, forcing(name), x, changed) for x in (empty, almost)]
        for found, near in zip(runs[0][1][1:], runs[1][1][1:], strict=True):
            assert np.isfinite(found).all()
            if exponent != 0.5:
                np.testing.assert_allclose(found, near, rtol=1e-6, atol=1e-9 * np.abs(near).max())


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_runs_of_vanishing_pools_give_numbers(name):
    structure = get(name)
    n = len(structure.pools)
    x = np.concatenate([np.zeros((1, n)), 10.0 ** np.random.default_rng(2).uniform(-320, -50, (15, n))])
    p = np.tile(list(structure.defaults().values()), (16, 1))
    u = np.tile([without_input(name)[d] for d in structure.driver_names], (3, 16, 1))
    kernel = program(structure, structure.scheme, driver_gradients=True)
    arguments = (x, p, u, structure.step, 1, WHEN)
    out, path = forward_function(kernel)(*arguments, True)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out, reference.forward(kernel, *arguments), rtol=1e-9, atol=1e-300)
    for gradient in reverse_function(kernel)(*arguments, path, np.ones_like(out)):
        assert np.isfinite(gradient).all()


def test_a_soil_without_input_for_two_thousand_weeks_stays_a_number():
    drivers = {"surface_input": 0.0, "soil_input": 0.0, "rate_modifier": 1.0}
    start = [100.0, 50.0, 200.0, 80.0, 60.0, 2500.0, 3000.0]
    run = simulate("century", drivers, initial=start, times=[0, 2000, 2080])
    total = run["soil_organic_carbon"].to_numpy()
    assert np.isfinite(run.to_array().to_numpy()).all()
    np.testing.assert_allclose(total + run["co2"].to_numpy(), sum(start), rtol=1e-12)
    k = pt.dscalar("k")
    out = integrate(get("century"), start, {"k_active": k}, drivers, times=[2080]).sum()
    for mode in (None, "FAST_COMPILE"):
        value, gradient = pytensor.function([k], [out, pytensor.grad(out, k)], mode=mode)(0.14)
        assert value == pytest.approx(sum(start), rel=1e-12)
        assert np.isfinite(gradient)


@pytest.mark.parametrize("name", NAMES)
def test_centuries_without_input_stay_numbers(name):
    structure = get(name)
    drivers, n = without_input(name), len(structure.pools)
    years = {"hour": 8766.0, "day": 365.25, "week": 52.18, "month": 12.0, "year": 1.0}[structure.time_unit]
    scheme = structure.scheme if structure.discrete else "mprk22"
    steps, rows = (int(years * 30), 1) if structure.discrete else (1, 400)
    if structure.discrete:
        steps, rows = 1, min(int(500 * years / structure.step), 20_000)
    p = np.array([list(structure.defaults().values())])
    u = np.tile([drivers[d] for d in structure.driver_names], (rows, 1, 1))
    interval = structure.step if structure.discrete else 2.0 * years
    kernel = program(structure, scheme)
    arguments = (kernel, np.ones((1, n)), p, u, interval, steps, np.array([rows]))
    out = reference.forward(*arguments)
    assert np.isfinite(out).all()
    assert (out[..., :n] >= 0.0).all()
    if not structure.discrete:
        for gradient in reference.reverse(*arguments, np.ones_like(out)):
            assert np.isfinite(gradient).all()
