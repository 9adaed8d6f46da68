"""What holds for every structure, on random states, parameters, drivers and step lengths.

The compiled kernels are first shown to equal a plain statement of the schemes;
the properties are then examined on the same code under NumPy, which needs no
compilation.
"""

from functools import cache

import numpy as np
import pytest
from driven import NAMES, forcing
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import Plain
from scipy.integrate import solve_ivp

from socbayes.core import reference, with_label
from socbayes.core.kernels import evaluation, program
from socbayes.core.numba_dispatch import forward_function, reverse_function
from socbayes.core.structure import INPUT
from socbayes.structures import get

CASES = settings(max_examples=8, deadline=None, derandomize=True, database=None)
SITES = 25
SEEDS = st.integers(0, 2**32 - 1)
# Parameters whose value is a fixed convention, or whose bounds are narrow.
KEEP = {"zero_celsius", "step"}


def schemes_of(name):
    scheme = get(name).scheme
    return ("mprk22",) if scheme == "mprk22" else (scheme, "mprk22")


def draw(name, seed, equilibria, sites=SITES, spread=1.0, rows=3):
    """Random but sensible pools (site, pool), parameters (site, parameter) and drivers (row, site, driver)."""
    rng = np.random.default_rng(seed)
    structure = get(name)
    x = equilibria[name].pools[0] * 10.0 ** rng.uniform(-spread, spread, (sites, len(structure.pools)))
    p = np.empty((sites, len(structure.parameters)))
    for i, parameter in enumerate(structure.parameters):
        factor = 1.0 if parameter.name in KEEP else rng.uniform(0.9, 1.1, sites)
        p[:, i] = np.clip(parameter.default * factor, parameter.lower, parameter.upper)
    # The shares of one flow must not add up to more than all of it.
    constant = forcing(name)
    u = np.stack([np.broadcast_to(constant[d], (rows, sites)) for d in structure.driver_names], axis=-1)
    u = u * rng.uniform(0.9, 1.1, u.shape)
    return x, p, u


def run(structure, scheme, x, p, u, interval, steps, when):
    return reference.forward(program(structure, scheme), x, p, u, interval, steps, np.array(when))


@cache
def labelled_of(name):
    return with_label(get(name))


def flow_values(structure, x, p, u):
    return reference.evaluate(evaluation(structure, "flows"), {"x": x, "p": p, "u": u}, "out").T


@pytest.mark.parametrize("name", NAMES)
@CASES
@given(seed=SEEDS)
def test_compiled_equals_plain(name, seed, equilibria):
    structure = get(name)
    x, p, u = draw(name, seed, equilibria, sites=4)
    for scheme in schemes_of(name):
        interval, steps = 2 * structure.step, 2
        when = np.array([0, 1, 3])
        found, _ = forward_function(program(structure, scheme))(x, p, u, interval, steps, when, False)
        expected = Plain(structure, p).run(scheme, False, x, u, interval, steps, when)
        same = run(structure, scheme, x, p, u, interval, steps, when)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11 * x.max())
        np.testing.assert_allclose(same, expected, rtol=1e-11, atol=1e-11 * x.max())


@pytest.mark.parametrize("name", NAMES)
@CASES
@given(seed=SEEDS, log_step=st.floats(-2.0, 4.0))
def test_carbon_balance_and_positivity(name, seed, log_step, equilibria):
    structure = get(name)
    x, p, u = draw(name, seed, equilibria)
    n = len(structure.pools)
    for scheme in schemes_of(name):
        h = structure.step * (10.0**log_step if scheme == "mprk22" and not structure.discrete else 1.0)
        out = run(structure, scheme, x, p, u, h, 1, [3])[0]
        entered = np.zeros(SITES)
        for row in u:
            rates = flow_values(structure, x.T, p.T, row.T)
            entered += h * sum(r for r, flow in zip(rates, structure.trace.flows, strict=True) if flow.source == INPUT)
        change = out[:, :n].sum(axis=1) - x.sum(axis=1)
        left = out[:, n:].sum(axis=1)
        scale = x.sum(axis=1) + entered + np.abs(left)
        assert np.max(np.abs(entered - left - change) / scale) < 1e-12
        if scheme == "mprk22":
            assert np.all(out[:, :n] >= 0.0)


@pytest.mark.parametrize("name", NAMES)
@CASES
@given(seed=SEEDS, log_step=st.floats(-1.0, 3.0))
def test_label(name, seed, log_step, equilibria):
    """Shares within 0 and 1; both parts add up; all labelled behaves like nothing labelled."""
    structure = get(name)
    labelled = labelled_of(name)
    x, p, u = draw(name, seed, equilibria, spread=0.3)
    rng = np.random.default_rng(seed)
    n, fed = len(structure.pools), len(labelled.drivers) - len(structure.drivers)
    share = rng.uniform(size=x.shape)
    share[:, rng.integers(n)] = 0.0
    split = np.concatenate([x * (1 - share), x * share], axis=1)

    explicit = structure.scheme if structure.scheme != "mprk22" else "rk4"
    h = structure.step * (1.0 if structure.discrete else 0.1)
    both = run(
        labelled, explicit, split, p, np.concatenate([u, rng.uniform(size=(*u.shape[:2], fed))], axis=-1), h, 1, [3]
    )[0]
    plain = run(structure, explicit, x, p, u, h, 1, [3])[0]
    sinks = len(structure.sinks)
    total = np.concatenate(
        [both[:, :n] + both[:, n : 2 * n], both[:, 2 * n : 2 * n + sinks] + both[:, 2 * n + sinks :]], axis=1
    )
    np.testing.assert_allclose(total, plain, rtol=1e-9, atol=1e-12 * x.max())

    if structure.discrete:
        return
    h = structure.step * 10.0**log_step
    mixed = run(
        labelled, "mprk22", split, p, np.concatenate([u, rng.uniform(size=(*u.shape[:2], fed))], axis=-1), h, 1, [3]
    )[0]
    with np.errstate(invalid="ignore"):
        part = mixed[:, n : 2 * n] / (mixed[:, :n] + mixed[:, n : 2 * n])
    assert np.all((part >= 0.0) & (part <= 1.0) | np.isnan(part))
    assert np.all(mixed[:, : 2 * n] >= 0.0)

    whole = np.concatenate([0 * x, x], axis=1)
    labelled_only = run(
        labelled, "mprk22", whole, p, np.concatenate([u, np.ones((*u.shape[:2], fed))], axis=-1), h, 1, [3]
    )[0]
    plain = run(structure, "mprk22", x, p, u, h, 1, [3])[0]
    np.testing.assert_allclose(labelled_only[:, n : 2 * n], plain[:, :n], rtol=1e-9, atol=1e-14 * x.max())
    assert np.all(labelled_only[:, :n] == 0.0)


@pytest.mark.parametrize("name", NAMES)
@settings(CASES, max_examples=3)
@given(seed=SEEDS)
def test_gradient_is_the_derivative_of_the_scheme(name, seed, equilibria):
    """Every initial pool, parameter and driver, against central differences along random directions."""
    structure = get(name)
    # Near equilibrium: a random state of a stiff explicit scheme has no derivative worth the name.
    x, p, u = draw(name, seed, equilibria, sites=2, spread=0.1)
    scheme = "mprk22" if not structure.discrete else "euler"
    rng = np.random.default_rng(seed)
    when = np.array([1, 3])
    # One program for both, so that they share the compiled step.
    kernel = program(structure, scheme, driver_gradients=True)
    forward, sweep = forward_function(kernel), reverse_function(kernel)
    interval = 4 * structure.step
    out, path = forward(x, p, u, interval, 4, when, True)
    g = rng.normal(size=out.shape) / (np.abs(out) + 1e-3 * x.max())
    gradients = sweep(x, p, u, interval, 4, when, path, g)
    # Without the states of the forward run the sweep makes them anew.
    for kept, anew in zip(gradients, sweep(x, p, u, interval, 4, when, path[:0], g), strict=True):
        np.testing.assert_array_equal(kept, anew)
    scales = [np.abs(a) for a in (x, p, u)]
    for which in range(3):
        for _ in range(4):
            direction = rng.normal(size=scales[which].shape) * scales[which]
            if which == 1:
                direction[:, [n in KEEP for n in structure.parameter_names]] = 0.0
            values = []
            for sign in (-2, -1, 1, 2):
                arguments = [x, p, u]
                arguments[which] = arguments[which] + sign * 2e-5 * direction
                values.append(np.sum(g * forward(*arguments, interval, 4, when, False)[0]))
            # Fourth order, so that truncation does not hide an error.
            numeric = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * 2e-5)
            exact = np.sum(gradients[which] * direction)
            # Rounding of the sum over 2e-5, against the size of the terms.
            noise = 1e-15 * np.sum(np.abs(g * out)) / 2e-5
            assert abs(numeric - exact) < 1e-6 * np.sum(np.abs(gradients[which] * direction)) + 50 * noise


@pytest.mark.parametrize(
    ("name", "scheme"), [("icbm", "euler"), ("century_millennial", "rk4"), ("mcp", "mprk22"), ("mcp", "rk4")]
)
def test_interpolated_drivers(name, scheme, equilibria):
    """Forward run against the plain one, gradients compiled against NumPy, and drivers by differences."""
    structure = get(name)
    x, p, u = draw(name, 11, equilibria, sites=11, spread=0.1, rows=5)
    rng = np.random.default_rng(12)
    when = np.array([0, 2, 4])
    kernel = program(structure, scheme, linear=True, driver_gradients=True)
    arguments = (0.3 * structure.step, 2, when)
    found, path = forward_function(kernel)(x, p, u, *arguments, True)
    expected = Plain(structure, p).run(scheme, True, x, u, *arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * x.max())
    g = rng.normal(size=found.shape)
    compiled = reverse_function(kernel)(x, p, u, *arguments, path, g)
    for a, b in zip(compiled, reference.reverse(kernel, x, p, u, *arguments, g), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12 * np.abs(b).max())
    direction = rng.normal(size=u.shape) * u
    low, high = (forward_function(kernel)(x, p, u + sign * 1e-5 * direction, *arguments, False)[0] for sign in (-1, 1))
    assert np.sum(g * (high - low)) / 2e-5 == pytest.approx(np.sum(compiled[2] * direction), rel=1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if not get(n).discrete])
def test_orders_against_lsoda(name, equilibria):
    """Halving the step divides the error by 2, 4 and 16 for the three schemes."""
    structure = get(name)
    n = len(structure.pools)
    x, p, u = draw(name, 4, equilibria, sites=1, spread=0.1, rows=1)
    # The coarser of two step numbers lies where the leading term of the error rules.
    names = {"euler": (1.0, 64), "mprk22": (2.0, 64), "rk4": (4.0, 4)}
    plain = Plain(structure, p)

    def tendency(t, z):
        return plain.tendency(z[:, None], u[0])[:, 0]

    z0 = np.concatenate([x[0], np.zeros(len(structure.sinks))])
    eps = 1e-6 * np.maximum(np.abs(z0[:n]), 1e-9 * z0.max())
    jacobian = np.stack(
        [(tendency(0, z0 + np.eye(len(z0))[i] * eps[i]) - tendency(0, z0))[:n] / eps[i] for i in range(n)]
    )
    span = 1.0 / np.abs(np.linalg.eigvals(jacobian)).max()
    exact = solve_ivp(tendency, (0, span), z0, method="LSODA", rtol=1e-13, atol=1e-16 * z0.max()).y[:, -1]
    moved = np.abs(exact - z0).max()
    for scheme, (order, fewest) in names.items():
        errors = []
        for steps in (fewest, 2 * fewest):
            out = run(structure, scheme, x, p, u, span, steps, [1])[0, 0]
            errors.append(np.abs(out - exact).max())
        if errors[-1] < 1e-10 * max(moved, 1e-3 * z0.max()):
            continue  # at the accuracy of the comparison itself
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2), scheme
