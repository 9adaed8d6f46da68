"""A key tells apart whatever changes machine code, and nothing else."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from socbayes.core import Driver, Flow, Parameter, Structure, integrate
from socbayes.inference.graph_keys import NoKeyError, graph_key


def key(make, *facts):
    x = pt.dvector("x")
    return graph_key([make(x)], [x], *facts)[0]


def test_a_graph_made_again_has_the_same_key():
    def make(x):
        return (pt.exp(2.0 * x) + x[np.array([1, 0])]).sum()

    assert key(make) == key(make)
    assert key(make, "a") != key(make, "b")


@pytest.mark.parametrize(
    "other",
    [
        lambda x: (3.0 * x).sum(),
        lambda x: (2.0 * x).prod(),
        lambda x: (2.0 * pt.specify_shape(x, 3)).sum(),
        lambda x: (2 * x).sum(),
        lambda x: (x + 2.0).sum(),
        lambda x: (2.0 * x)[1:].sum(),
        lambda x: (np.array([2.0, 2.0]) * x).sum(),
        lambda x: (2.0 * x).sum(keepdims=True),
        lambda x: (2.0 * x).sum() * 1.0,
        lambda x: (pt.constant(np.nan) * x).sum(),
    ],
)
def test_a_change_of_the_graph_changes_the_key(other):
    assert key(lambda x: (2.0 * x).sum()) != key(other)


def test_order_of_what_is_given_counts():
    x, y = pt.dvector(), pt.dvector()
    assert graph_key([x - y], [x, y])[0] != graph_key([x - y], [y, x])[0]


def test_signs_of_zero_and_shared_operands_are_told_apart():
    assert key(lambda x: x + 0.0) != key(lambda x: x + -0.0)
    x, y = pt.dvector(), pt.dvector()
    assert graph_key([x * x], [x, y])[0] != graph_key([x * y], [x, y])[0]


def test_data_count_by_shape_and_positions_by_value():
    def with_data(values, place):
        data, where = pytensor.shared(np.asarray(values)), pytensor.shared(np.array([place]))
        x = pt.dvector()
        found, shared, _ = graph_key([(x * data)[where]], [x])
        assert shared == [data, where]
        return found

    assert with_data([1.0, 2.0], 0) == with_data([5.0, 6.0], 0)
    assert with_data([1.0, 2.0], 0) != with_data([1.0, 2.0, 3.0], 0)
    assert with_data([1.0, 2.0], 0) != with_data([1.0, 2.0], 1)


def test_equations_and_drivers_of_a_structure_are_part_of_the_key():
    def run(rate, inputs):
        def flows(x, p, u):
            yield Flow("input", "litter", u.fed)
            yield Flow("litter", "co2", rate(p.k) * x.litter)

        structure = Structure(
            name="one",
            pools=("litter",),
            parameters=(Parameter("k", "1/day", 0.1, "assumed"),),
            drivers=(Driver("fed", "g/m**2/day"),),
            flows=flows,
        )
        k = pt.dscalar()
        return graph_key([integrate(structure, [1.0], {"k": k}, {"fed": np.array(inputs)}, times=[2])], [k])[0]

    plain = run(lambda k: k, [1.0, 2.0, 1.0])
    assert plain == run(lambda k: k, [1.0, 2.0, 1.0])
    assert plain != run(lambda k: 2.0 * k, [1.0, 2.0, 1.0])
    assert plain != run(lambda k: k, [1.0, 2.5, 1.0])


class Elsewhere(Op):
    """An operation of a user."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2.0 * inputs[0]


def test_what_a_key_cannot_tell_has_none():
    with pytest.raises(NoKeyError, match="Elsewhere"):
        key(Elsewhere())
    with pytest.raises(NoKeyError, match="neither given nor constant"):
        key(lambda x: x + pt.dvector("other"))
    with pytest.raises(NoKeyError, match="shared variable"):
        key(lambda x: x + pt.random.normal(rng=pytensor.shared(np.random.default_rng(1)), return_next_rng=True)[1])
    y = pt.dvector()
    own = OpFromGraph([y], [2.0 * y], pullback=lambda inputs, outputs, cotangents: [cotangents[0] * 3.0])
    with pytest.raises(NoKeyError, match="gradient of its own"):
        key(own)


def test_graphs_inside_operations_count():
    def inner(factor):
        y = pt.dvector()
        return OpFromGraph([y], [factor * y])

    assert key(inner(2.0)) == key(inner(2.0))
    assert key(inner(2.0)) != key(inner(3.0))
