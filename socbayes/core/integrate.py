"""Integration of a structure as a differentiable PyTensor operation.

Schemes
-------
``euler``
    Explicit, first order. Many published models are defined by it.
``rk4``
    Classical Runge-Kutta, fourth order.
``mprk22``
    Modified Patankar-Runge-Kutta (Burchard, Deleersnijder and Meister 2003),
    second order, conservative, and positive at any step length.

All have exact discrete adjoints. A step that fails gives NaN, never an
exception, so that a sampler sees a rejected point.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_undefined
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import node_rewriter
from pytensor.tensor.rewriting.basic import register_specialize
from pytensor.tensor.shape import Shape_i
from pytensor.tensor.variable import TensorVariable

from socbayes.core import reference
from socbayes.core.columns import as_float, stack_columns
from socbayes.core.held import held
from socbayes.core.kernels import Program, hoisted, program
from socbayes.core.structure import SCHEMES, Structure, StructureError, unknown

_PROPS = ("program", "interval", "steps")


class _Run(Op):
    """What the operations below have in common: a program and how to run it."""

    __props__: tuple[str, ...] = _PROPS

    def __init__(self, program: Program, interval: float, steps: int) -> None:
        self.program = program
        self.interval = interval
        self.steps = steps

    @property
    def settings(self) -> tuple[Any, ...]:
        """Values of ``__props__``."""
        return tuple(getattr(self, name) for name in self.__props__)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.program}}}"


class Integrate(_Run):
    """A run: initial state, parameters, drivers and times to states.

    ``(x0[site, pool], p[1 | site, parameter], u[row, 1 | site, driver],
    when[time])`` to ``out[time, site, state]`` and ``path``, the states of all
    steps, for the reverse sweep; empty without ``keep``, or if they are many.
    """

    __props__ = (*_PROPS, "keep")

    def __init__(self, program: Program, interval: float, steps: int, keep: bool = True) -> None:
        super().__init__(program, interval, steps)
        self.keep = keep

    __str__ = _Run.__str__

    def make_node(self, *args: Any) -> Apply:
        """Apply to tensors of the documented ranks."""
        *floats, when = args
        inputs: list[Any] = [pt.as_tensor(i, dtype="float64") for i in floats] + [pt.as_tensor(when, dtype="int64")]
        _check_ranks(inputs, (2, 2, 3, 1))
        shape = (inputs[3].type.shape[0], inputs[0].type.shape[0], self.program.n_states)
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=shape), pt.matrix(dtype="float64")])

    def infer_shape(self, node: Apply, shapes: Any) -> list[tuple[Any, ...]]:
        """Shape of the states from those of the inputs; that of the path is the kernel's own affair."""
        path = node.outputs[1]
        return [(shapes[3][0], shapes[0][0], self.program.n_states), (Shape_i(0)(path), Shape_i(1)(path))]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Plain NumPy; numba has its own implementation."""
        x0, p, u, when = inputs
        output_storage[0][0] = reference.forward(self.program, x0, p, u, self.interval, self.steps, when)
        output_storage[1][0] = np.empty((0, 0))

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that times of output carry no gradient, and the path none."""
        return [[True, False], [True, False], [True, False], [False, False]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Cotangents of the inputs, by the discrete adjoint of the scheme."""
        g = cotangents[0]
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        back: Any = IntegrateBack(self.program, self.interval, self.steps)(*inputs, outputs[1], g)
        x0b, pb, ub = back
        if not self.program.driver_gradients:
            ub = grad_undefined(self, 2, inputs[2], "ask for it with integrate(..., driver_gradients=True)")
        return [x0b, pb, ub, disconnected_type()]


class IntegrateBack(_Run):
    """Vector-Jacobian product of :class:`Integrate`."""

    def make_node(self, *args: Any) -> Apply:
        """Apply to the inputs of the forward run, its path, and the cotangent of its states."""
        *floats, when, path, g = args
        inputs: list[Any] = [pt.as_tensor(i, dtype="float64") for i in floats]
        inputs += [pt.as_tensor(when, dtype="int64"), *(pt.as_tensor(i, dtype="float64") for i in (path, g))]
        _check_ranks(inputs, (2, 2, 3, 1, 2, 3))
        outputs = [pt.tensor(dtype="float64", shape=i.type.shape) for i in inputs[:2]]
        shape = inputs[2].type.shape if self.program.driver_gradients else (0, 0, 0)
        return Apply(self, inputs, [*outputs, pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Cotangents have the shapes of what they belong to."""
        zero = pt.constant(0, dtype="int64")
        return [shapes[0], shapes[1], shapes[2] if self.program.driver_gradients else (zero, zero, zero)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Plain NumPy; numba has its own implementation."""
        x0, p, u, when, _, g = inputs
        results = reference.reverse(self.program, x0, p, u, self.interval, self.steps, when, g)
        for storage, result in zip(output_storage, results, strict=True):
            storage[0] = result


@register_specialize
@node_rewriter([Integrate])
def _keep_what_is_read(fgraph: Any, node: Any) -> Any:
    """Without a gradient nobody reads the path, so it is not kept."""
    if not node.op.keep or fgraph.clients[node.outputs[1]]:
        return None
    return Integrate(node.op.program, node.op.interval, node.op.steps, keep=False)(*node.inputs)


def _check_ranks(inputs: Sequence[Any], ranks: Sequence[int]) -> None:
    names = ("initial state", "parameters", "drivers", "times of output", "path", "cotangent")
    for name, variable, rank in zip(names, inputs, ranks, strict=False):
        if variable.type.ndim != rank:
            raise ValueError(f"{name}: expected {rank} dimensions, got {variable.type.ndim}")


def stack_parameters(structure: Structure, parameters: Mapping[str, Any] | None) -> TensorVariable:
    """Parameters as ``p[1 | site, parameter]``, defaults where none is given.

    Raises
    ------
    StructureError
        For a name the structure does not have, or a value of more than one
        dimension.
    """
    given = dict(parameters or {})
    for name in given:
        if name not in structure.parameter_names:
            raise StructureError(f"{structure.name}: " + unknown("parameter", name, structure.parameter_names))
    values = [as_float(given.get(p.name, p.default)) for p in structure.parameters]
    for parameter, value in zip(structure.parameters, values, strict=True):
        if value.type.ndim > 1:
            raise StructureError(
                f"{structure.name}: parameter {parameter.name!r} has {value.type.ndim} dimensions; "
                "give a number or one value per site"
            )
    return stack_columns(values, 1)


def stack_drivers(structure: Structure, drivers: Mapping[str, Any] | None) -> TensorVariable:
    """Drivers as ``u[row, 1 | site, driver]``, defaults where none is given.

    Each driver is ``(row, site)``, ``(row,)`` or a number that holds throughout.
    """
    given = dict(drivers or {})
    for name in given:
        if name not in structure.driver_names:
            raise StructureError(f"{structure.name}: " + unknown("driver", name, structure.driver_names))
    if not structure.drivers:
        return pt.as_tensor(np.zeros((1, 1, 0)))
    columns = []
    for driver in structure.drivers:
        if driver.name not in given and driver.default is None:
            raise StructureError(f"{structure.name}: driver {driver.name!r} [{driver.unit}] is not given")
        number: Any = given.get(driver.name, driver.default)
        value = as_float(number)
        if isinstance(value, Constant):
            structure.check_driver(driver.name, np.asarray(value.data))
        if value.type.ndim > 2:
            raise StructureError(
                f"{structure.name}: driver {driver.name!r} has {value.type.ndim} dimensions; "
                "expected (row, site), (row,) or a number"
            )
        columns.append(value[:, None] if value.type.ndim == 1 else value)
    return stack_columns(columns, 2)


def integrate(
    structure: Structure,
    initial: Any,
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    *,
    times: Any,
    interval: float = 1.0,
    steps: int | None = None,
    scheme: str | None = None,
    interpolate: bool = False,
    driver_gradients: bool = False,
) -> TensorVariable:
    """Pools and sinks of a structure at requested times, as a tensor.

    Parameters
    ----------
    structure
        What to integrate.
    initial
        Pools at the start, ``(pool,)`` or ``(site, pool)``, in the order of
        ``structure.pools`` and in ``structure.carbon_unit``.
    parameters
        Name to tensor: a number shared by all sites or one value per site.
        Defaults fill the rest.
    drivers
        Name to tensor ``(row, site)``, ``(row,)`` or a number. Row ``k`` holds
        from ``k * interval`` to ``(k + 1) * interval``.
    times
        Times of output as whole numbers of driver intervals since the start,
        increasing; 0 is the initial state.
    interval
        Length of a driver interval in ``structure.time_unit``.
    steps
        Steps per interval; by default as many as the authors' step needs.
    scheme
        ``"euler"``, ``"rk4"`` or ``"mprk22"``; by default the authors'.
    interpolate
        Interpolate drivers linearly from row ``k`` at ``k * interval`` to row
        ``k + 1``, instead of holding them: n rows then span n - 1 intervals.
    driver_gradients
        Whether gradients reach the drivers.

    Returns
    -------
    TensorVariable
        ``(time, site, state)``: pools, then sinks accumulated since the start.
        NaN where a step failed or the drivers do not reach.

    Raises
    ------
    StructureError
        For names the structure does not have, missing drivers, and sizes that
        are known and disagree.

    Examples
    --------
    >>> import numpy as np
    >>> from socbayes.structures import get
    >>> icbm = get("icbm")
    >>> out = integrate(icbm, [0.3, 4.0], {"k1": 0.9}, times=[0, 10], scheme="rk4", steps=20)
    >>> out.eval().shape
    (2, 1, 3)
    """
    scheme = structure.scheme if scheme is None else scheme
    if scheme not in SCHEMES:
        raise StructureError(f"{structure.name}: " + unknown("scheme", scheme, SCHEMES))
    interval = float(interval)
    if not interval > 0:
        raise StructureError(f"{structure.name}: interval must be positive, got {interval:g}")
    steps = max(1, round(interval / structure.step)) if steps is None else operator.index(steps)
    if steps < 1:
        raise StructureError(f"{structure.name}: steps per interval must be at least 1, got {steps}")
    when = _times(structure, times)
    p, u = stack_parameters(structure, parameters), stack_drivers(structure, drivers)
    u = _as_rows(structure, u, when, interpolate)
    x0 = as_float(initial)
    if x0.type.ndim == 1:
        x0 = x0[None, :]
    if x0.type.ndim != 2 or x0.type.shape[1] not in (None, len(structure.pools)):
        raise StructureError(
            f"{structure.name}: initial state has shape {x0.type.shape}, expected (site, {len(structure.pools)}) for "
            + ", ".join(structure.pools)
        )
    x0 = _spread_sites(structure, x0, p, u)
    if isinstance(u, Constant) and not interpolate:
        structure, u = _evaluated(structure, u)
    op = Integrate(program(structure, scheme, interpolate, driver_gradients), interval, steps)
    outputs: Any = op(x0, p, held(u), when)
    return outputs[0]


def _evaluated(structure: Structure, u: Any) -> tuple[Structure, Any]:
    """Take what depends on drivers that are data alone out of the run."""
    derived, stage = hoisted(structure)
    if derived is structure:
        return structure, u
    return derived, pt.as_tensor(reference.evaluate(stage, {"u": np.moveaxis(u.data, -1, 0)}, "out"))


def _times(structure: Structure, times: Any) -> Any:
    if isinstance(times, Variable):
        return pt.as_tensor(times)
    values = np.atleast_1d(np.asarray(times))
    if values.ndim != 1 or not np.all(values == np.round(values)) or np.any(values < 0) or np.any(np.diff(values) < 0):
        raise StructureError(
            f"{structure.name}: times must be whole numbers of driver intervals, increasing from 0; got {times}"
        )
    return pt.as_tensor(values.astype("int64"))


def _as_rows(structure: Structure, u: Any, when: Any, interpolate: bool) -> Any:
    """Repeat drivers that do not vary over the rows the run needs; check the others."""
    rows = u.type.shape[0]
    if rows == 1:
        extra = 1 if interpolate else 0
        if isinstance(u, Constant) and isinstance(when, Constant):
            # As data, because every operation left to the graph is compiled.
            length = max(int(when.data[-1]) + extra, 1) if when.data.size else 1
            return pt.as_tensor(np.repeat(u.data, length, axis=0))
        return pt.broadcast_to(u, (pt.maximum(when[-1] + extra, 1), u.shape[1], u.shape[2]))
    if rows is not None and isinstance(when, Constant):
        reach = rows - 1 if interpolate else rows
        if when.data.size and when.data[-1] > reach:
            raise StructureError(
                f"{structure.name}: output at interval {when.data[-1]} but the drivers end after {reach} intervals"
            )
    return u


def _spread_sites(structure: Structure, x0: Any, p: Any, u: Any) -> Any:
    """Give the initial state the sites of the parameters and drivers."""
    known = {n for n in (x0.type.shape[0], p.type.shape[0], u.type.shape[1]) if n not in (None, 1)}
    if len(known) > 1:
        raise StructureError(
            f"{structure.name}: initial state, parameters and drivers have {x0.type.shape[0]}, {p.type.shape[0]} "
            f"and {u.type.shape[1]} sites"
        )
    if x0.type.shape[0] != 1:
        return x0
    if known:
        sites: Any = known.pop()
    elif p.type.shape[0] is None:
        sites = p.shape[0]
    elif u.type.shape[1] is None:
        sites = u.shape[1]
    else:
        return x0
    if isinstance(x0, Constant) and isinstance(sites, int):
        return pt.as_tensor(np.repeat(x0.data, sites, axis=0))
    return pt.broadcast_to(x0, (sites, x0.shape[1]))
