"""The operation inside PyTensor: modes, gradients, shapes, failure, and the cache."""

import os
import pickle
import subprocess
import sys
import warnings

import numba
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from socbayes.core import Driver, Flow, Parameter, Structure, integrate, label_initial, with_label
from socbayes.core.held import held
from socbayes.core.integrate import Integrate
from socbayes.core.kernels import value_stage
from socbayes.core.mathematics import arctan, clip, exp, log, logistic, maximum, sqrt
from socbayes.core.reference import evaluate
from socbayes.core.vectors import compiled
from socbayes.structures import get, simulate

X0 = np.array([4.0, 0.05, 0.3, 1.0, 9.0, 5.0])
ROWS = 6


@pytest.fixture(scope="module")
def mcp():
    return get("mcp")


@pytest.fixture(scope="module", params=["euler", "rk4", "mprk22"])
def graph(request, mcp):
    """Cost and gradients of one small problem under a scheme, per-site and shared inputs mixed."""
    rng = np.random.default_rng(1)
    x0, e, v, litter = pt.dmatrix("x0"), pt.dvector("e"), pt.dscalar("v"), pt.dmatrix("litter")
    out = integrate(
        mcp,
        x0,
        {"e_ref": e, "v_dissolved": v},
        {"litter_input": litter, "temperature": 15.0 + 5.0 * rng.normal(size=ROWS)},
        times=[0, 2, ROWS],
        steps=2,
        scheme=request.param,
        driver_gradients=True,
    )
    weights = rng.normal(size=(3, 2, 7))
    cost = (weights * out).sum()
    inputs = [x0, e, v, litter]
    values = [X0 * rng.uniform(0.8, 1.2, (2, 6)), np.array([0.4, 0.6]), np.array(0.03), rng.uniform(0, 0.01, (ROWS, 2))]
    return inputs, [out, cost, *pytensor.grad(cost, inputs)], values


def test_numba_and_python_modes_agree(graph):
    inputs, outputs, values = graph
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # object mode would only warn
        compiled = pytensor.function(inputs, outputs)(*values)
    plain = pytensor.function(inputs, outputs, mode="FAST_COMPILE")(*values)
    for a, b in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("scheme", ["euler", "rk4", "mprk22"])
def test_verify_grad(mcp, scheme):
    rng = np.random.default_rng(2)

    def run(x0, e):
        return integrate(mcp, x0, {"e_ref": e}, {"litter_input": 0.005}, times=[1, 4], scheme=scheme)

    mode = Mode(linker="py", optimizer=None)
    pytensor.gradient.verify_grad(run, [X0[None], np.array(0.45)], rng=rng, eps=1e-6, mode=mode)


def test_shapes_are_inferred(mcp):
    x0, e = pt.dmatrix("x0"), pt.dvector("e")
    out = integrate(mcp, x0, {"e_ref": e}, {"litter_input": 0.005}, times=[0, 1, 5])
    shape = pytensor.function([x0, e], out.shape, on_unused_input="ignore")
    assert not any(isinstance(node.op, Integrate) for node in shape.maker.fgraph.apply_nodes)
    assert shape(np.tile(X0, (3, 1)), np.full(3, 0.5)).tolist() == [3, 3, 7]
    # One initial state for several sites.
    many = integrate(mcp, X0, {"e_ref": np.array([0.4, 0.5, 0.6])}, {"litter_input": 0.005}, times=[2])
    assert many.eval().shape == (1, 3, 7)


def test_output_at_the_times_asked_for(mcp):
    litter = np.linspace(0.0, 0.01, 8)
    every = integrate(mcp, X0, None, {"litter_input": litter}, times=np.arange(9)).eval()
    some = integrate(mcp, X0, None, {"litter_input": litter}, times=[0, 3, 3, 8]).eval()
    np.testing.assert_allclose(some, every[[0, 3, 3, 8]], rtol=1e-14)
    np.testing.assert_array_equal(every[0, 0], [*X0, 0.0])
    when = pt.lvector("when")
    beyond = integrate(mcp, X0, None, {"litter_input": litter}, times=when)
    values = pytensor.function([when], beyond)(np.array([8, 9]))
    np.testing.assert_allclose(values[0], every[8], rtol=1e-14)
    assert np.isnan(values[1]).all()


def test_steps_within_an_interval(mcp):
    litter = np.array([0.0, 0.01])
    fine = integrate(mcp, X0, None, {"litter_input": np.repeat(litter, 4)}, times=[8], interval=0.25, steps=1).eval()
    coarse = integrate(mcp, X0, None, {"litter_input": litter}, times=[2], steps=4).eval()
    np.testing.assert_allclose(coarse, fine, rtol=1e-13)


def test_failure_is_nan_and_stays_with_its_site(mcp):
    e = np.array([0.5, np.nan, 0.5])
    for scheme in ("euler", "rk4", "mprk22"):
        for mode in (None, "FAST_COMPILE"):
            out = integrate(mcp, X0, {"e_ref": e}, {"litter_input": 0.005}, times=[3], scheme=scheme).eval(mode=mode)
            assert np.isfinite(out[0, [0, 2]]).all()
            assert np.isnan(out[0, 1, :6]).any()
    unstable = integrate(mcp, X0, {"v_dissolved": 1e9}, {"litter_input": 0.005}, times=[300], scheme="rk4").eval()
    assert not np.isfinite(unstable).all()


def test_driver_gradient_must_be_asked_for(mcp):
    litter = pt.dvector("litter")
    out = integrate(mcp, X0, None, {"litter_input": litter}, times=[3])
    with pytest.raises(Exception, match="driver_gradients=True"):
        pytensor.grad(out.sum(), litter)


def test_wrong_sizes_at_run_time_raise(mcp):
    e, x0 = pt.dvector("e"), pt.dmatrix("x0")
    run = pytensor.function([x0, e], integrate(mcp, x0, {"e_ref": e}, {"litter_input": 0.005}, times=[3]))
    with pytest.raises(ValueError, match="number of sites"):
        run(np.tile(X0, (2, 1)), np.full(3, 0.5))


def test_operations_are_values(mcp):
    node = integrate(mcp, X0, None, {"litter_input": 0.005}, times=[3]).owner
    again = integrate(mcp, X0, None, {"litter_input": 0.005}, times=[3]).owner
    assert node.op == again.op
    assert hash(node.op) == hash(again.op)
    assert pickle.loads(pickle.dumps(node.op)) == node.op
    other = integrate(mcp, X0, None, {"litter_input": 0.005}, times=[3], scheme="rk4").owner
    assert node.op != other.op


def test_the_path_is_kept_for_gradients_only(mcp):
    e = pt.dscalar("e")
    out = integrate(mcp, X0, {"e_ref": e}, {"litter_input": 0.005}, times=[3])

    def kept(outputs):
        nodes = pytensor.function([e], outputs).maker.fgraph.apply_nodes
        return [node.op.keep for node in nodes if isinstance(node.op, Integrate)]

    assert kept(out) == [False]
    assert kept([out, pytensor.grad(out.sum(), e)]) == [True]
    assert pytensor.function([e], out.shape)(0.5).tolist() == [1, 1, 7]


def test_data_stay_data():
    data = np.arange(6.0).reshape(2, 3)
    variable = held(pt.constant(data))
    assert variable.type.shape == (2, 3)
    for mode in (None, "FAST_COMPILE"):
        np.testing.assert_array_equal(variable.eval(mode=mode), data)
    again = pickle.loads(pickle.dumps(variable.owner.op))
    assert again == variable.owner.op
    np.testing.assert_array_equal(again.data, data)
    assert held(pt.constant(data + 1.0)).owner.op != again
    given = pt.dmatrix()
    assert held(given) is given


def enter(function):
    """Compiled stages are called from compiled loops only."""
    return numba.njit(lambda m: function(m))


def test_code_means_what_the_graph_means():
    """Printed and compiled code against PyTensor's own evaluation, all operations it knows from mathematics."""
    import pytensor.scalar as ps
    from pytensor.scalar.basic import Composite

    a, b = ps.float64("a"), ps.float64("b")
    graph = [
        exp(a) * log(b) + sqrt(b) / (1.0 + b),
        arctan(a) - logistic(a * b) + a**b + b**3 + (a + b) ** 1.5,
        clip(a, 0.2, 0.8) * maximum(a, b) - (-a) + ps.abs(a - b) + ps.sign(a - b),
        ps.switch(ps.lt(a, b), a / b, b / a) + ps.tanh(a) + ps.log1p(b) + ps.expm1(a) + ps.sqr(a),
        ps.sin(a) + ps.cos(b) + ps.log10(b) + ps.switch(ps.or_(ps.gt(a, 1.0), ps.le(b, 0.5)), a, b),
    ]
    stage = value_stage("evaluate", graph, {a: ("point", 0), b: ("point", 1)}, "out")
    composite = Composite([a, b], graph)
    points = np.random.default_rng(3).uniform(0.05, 2.0, (48, 2))
    expected = np.array([composite.impl(*point) for point in points])
    np.testing.assert_allclose(evaluate(stage, {"point": points.T}, "out"), expected, rtol=1e-13)
    run = enter(compiled([(stage, {"point": 0, "out": 16})], 8))
    for first in range(0, len(points), 8):
        m = np.concatenate([points[first : first + 8].T.ravel(), np.zeros(40)])
        run(m)
        np.testing.assert_allclose(m[16:].reshape(5, 8).T, expected[first : first + 8], rtol=1e-13)


def test_exponentials_and_logarithms():
    """Within two units in the last place everywhere, and right at the ends."""
    import pytensor.scalar as ps

    a, b = ps.float64("a"), ps.float64("b")
    stage = value_stage("evaluate", [exp(a), log(a), a**b], {a: ("point", 0), b: ("point", 1)}, "out")
    run = enter(compiled([(stage, {"point": 0, "out": 16})], 8))

    def values(x, y):
        results = []
        for first in range(0, len(x), 8):
            m = np.concatenate([x[first : first + 8], y[first : first + 8], np.zeros(24)])
            run(m)
            results.append(m[16:].reshape(3, 8))
        return np.concatenate(results, axis=1)

    rng = np.random.default_rng(4)
    x = np.concatenate(
        [rng.uniform(-745.0, 709.7, 4000), rng.uniform(-1.0, 1.0, 4000), 10.0 ** rng.uniform(-320, 300, 8000)]
    )
    x = x[: len(x) // 8 * 8]
    y = rng.uniform(-3.0, 3.0, x.size)
    with np.errstate(all="ignore"):
        expected = np.exp(x), np.log(x), x**y
    found = values(x, y)
    normal = (x < 709) & (x > -708)
    np.testing.assert_array_max_ulp(found[0][normal], expected[0][normal], maxulp=2)
    np.testing.assert_array_max_ulp(found[1][x > 0], expected[1][x > 0], maxulp=2)
    moderate = (x > 1e-3) & (x < 1e3)
    np.testing.assert_allclose(found[2][moderate], expected[2][moderate], rtol=1e-14)
    assert np.isnan(found[1][x < 0]).all()
    # A pool that an explicit scheme took below zero: as NumPy has it, whatever the mode.
    below = np.array([-1.5, -1.5, -1.5, -2.0, -2.0, -0.3, -0.3, -4.0])
    powers = np.array([1.0, 2.0, -1.0, 0.5, 3.0, 1.5, 0.0, -2.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(values(below, powers)[2], below**powers, rtol=1e-14)
    ends = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, 5e-324, 710.0])
    at_ends = values(ends, np.array([2.5, 2.0, 1.0, 2.5, 0.0, 3.0, 0.5, 0.0]))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(at_ends[0], np.exp(ends), rtol=3e-16)
        np.testing.assert_allclose(at_ends[1], np.log(ends), rtol=1e-15)
    np.testing.assert_allclose(at_ends[2][[0, 2, 3, 4, 5, 6, 7]], [np.inf, np.nan, 0, 1, 1, 5e-324**0.5, 1], rtol=1e-13)


def test_label_inside_a_model_equals_simulate(mcp):
    labelled = with_label(mcp)
    drivers = {"litter_input": 0.002, "exudate_input": np.array([0.05, 0.0, 0.0]), "label_dissolved": 1.0}
    out = integrate(labelled, label_initial(X0), None, drivers, times=[3]).eval()
    run = simulate(labelled, drivers, None, label_initial(X0), times=[3])
    np.testing.assert_allclose(out[0, 0], [run[name].values[0, 0] for name in labelled.state], rtol=1e-12)


SCRIPT = """
import sys, time
import numpy as np, pytensor, pytensor.tensor as pt
from socbayes.core import Driver, Flow, Parameter, Structure, integrate
from pytensor.link.numba.dispatch import basic

def flows(x, p, u):
    yield Flow("input", "litter", u.fed)
    yield Flow("litter", "co2", {factor} * p.k * x.litter)

one = Structure(name="one", pools=("litter",), parameters=(Parameter("k", "1/day", 0.1, "assumed"),),
                drivers=(Driver("fed", "g/m**2/day"),), flows=flows)
k = pt.dscalar("k")
out = integrate(one, [10.0], {{"k": k}}, {{"fed": np.full(200_000, {fed})}}, times=[1])[0, 0, 0]
f = pytensor.function([k], [out, pytensor.grad(out, k)])
start = time.perf_counter()
value, gradient = f(0.1)
print(float(value), float(gradient))
"""


def test_a_changed_flow_never_meets_a_stale_cache(tmp_path):
    """New processes, one cache directory: the second run of a model reuses, a changed one does not.

    Drivers of 1.6 MB are more than numba would cache as a constant.
    """

    def run(factor, fed="0.0"):
        flags = f"base_compiledir={tmp_path}"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(factor=factor, fed=fed)],
            env=os.environ | {"PYTENSOR_FLAGS": flags},
            capture_output=True,
            text=True,
            check=True,
        )
        return [float(v) for v in done.stdout.split()]

    def cached():
        return sorted(path.name for path in (tmp_path / "numba").rglob("*.nbc"))

    assert run("2.0") == pytest.approx([8.0, -20.0])
    files = cached()
    assert files
    assert run("2.0") == pytest.approx([8.0, -20.0])
    assert cached() == files
    assert run("3.0") == pytest.approx([7.0, -30.0])
    assert len(cached()) > len(files)
    assert run("2.0", fed="1.0") == pytest.approx([9.0, -20.0])


def test_a_structure_in_a_few_lines():
    """The example of docs/new_structure.md."""

    def flows(x, p, u):
        warm = exp(p.sensitivity * (u.temperature - 10.0))
        yield Flow("input", "litter", u.litterfall)
        yield Flow("litter", "humus", p.humified * p.k_litter * warm * x.litter)
        yield Flow("litter", "co2", (1.0 - p.humified) * p.k_litter * warm * x.litter)
        yield Flow("humus", "co2", p.k_humus * warm * x.humus)

    model = Structure(
        name="litter and humus",
        pools=("litter", "humus"),
        flows=flows,
        parameters=(
            Parameter("k_litter", "1/year", 0.7, "assumed", 0.0),
            Parameter("k_humus", "1/year", 0.01, "assumed", 0.0),
            Parameter("humified", "1", 0.2, "assumed", 0.0, 1.0),
            Parameter("sensitivity", "1/delta_degC", 0.07, "assumed"),
        ),
        drivers=(Driver("litterfall", "kg/m**2/year"), Driver("temperature", "degC")),
        carbon_unit="kg/m**2",
        time_unit="year",
        scheme="rk4",
        step=0.1,
    )
    run = simulate(model, {"litterfall": 0.3, "temperature": 12.0}, None, {"litter": 1.0, "humus": 5.0}, times=[0, 50])
    balance = run["soil_organic_carbon"] + run["co2"] - 0.3 * run["time"]
    np.testing.assert_allclose(balance, 6.0, rtol=1e-12)
    assert run["humus"].attrs["units"] == "kg/m**2"
