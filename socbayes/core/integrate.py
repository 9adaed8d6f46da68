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
from socbayes.core.doors import (
    check_numbers,
    drivers_of,
    how_to_step,
    numbers,
    parameters_of,
    pools_of,
    structure_called,
    whole_times,
)
from socbayes.core.held import held
from socbayes.core.kernels import Program, hoisted, program
from socbayes.core.structure import Driver, Parameter, Structure, StructureError

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


def stack_parameters(
    structure: Structure, parameters: Mapping[str, Any] | None, parameter_set: str | None = None
) -> TensorVariable:
    """Parameters as ``p[1 | site, parameter]``: what is given, else of the named set, else defaults.

    Numbers beyond the bounds of a parameter are refused; tensors are NaN there.

    Raises
    ------
    StructureError
        For a name the structure does not have, a value beyond its bounds or of
        more than one dimension.
    """
    named = parameters_of(structure, parameters, parameter_set)
    if not named:
        return pt.as_tensor(np.zeros((1, 0)))
    columns = [_checked(structure, one, named[one.name]) for one in structure.parameters]
    for parameter, value in zip(structure.parameters, columns, strict=True):
        if value.type.ndim > 1:
            raise StructureError(
                f"{structure.name}: parameter {parameter.name!r} has {value.type.ndim} dimensions; "
                "give a number or one value per site"
            )
    return _stacked(structure, columns, 1, structure.parameters)


def stack_drivers(structure: Structure, drivers: Mapping[str, Any] | None) -> TensorVariable:
    """Drivers as ``u[row, 1 | site, driver]``, defaults where none is given.

    Each driver is ``(row, site)``, ``(row,)`` or a number that holds throughout.
    """
    named = drivers_of(structure, drivers)
    if not named:
        return pt.as_tensor(np.zeros((1, 1, 0)))
    columns = []
    for driver in structure.drivers:
        value = _checked(structure, driver, named[driver.name])
        if value.type.ndim > 2:
            raise StructureError(
                f"{structure.name}: driver {driver.name!r} has {value.type.ndim} dimensions; "
                "expected (row, site), (row,) or a number"
            )
        columns.append(value[:, None] if value.type.ndim == 1 else value)
    return _stacked(structure, columns, 2, structure.drivers)


def stack_constant_drivers(structure: Structure, drivers: Mapping[str, Any] | None) -> TensorVariable:
    """Drivers that do not vary in time as ``u[1 | site, driver]``, defaults where none is given."""
    named = drivers_of(structure, drivers)
    if not named:
        return pt.as_tensor(np.zeros((1, 0)))
    columns = [_checked(structure, driver, named[driver.name]) for driver in structure.drivers]
    for driver, value in zip(structure.drivers, columns, strict=True):
        if value.type.ndim > 1:
            raise StructureError(
                f"{structure.name}: a steady state needs constant drivers; average {driver.name!r} over time first"
            )
    return _stacked(structure, columns, 1, structure.drivers)


def stack_pools(structure: Structure, initial: Any, missing: Any = 0.0) -> TensorVariable:
    """Pools as ``x[1 | site, pool]``: a mapping by name, or ``(pool,)`` or ``(site, pool)`` in their order.

    Numbers must not be negative.
    """
    if not isinstance(initial, Variable):
        columns = [
            _checked(structure, pool, v)
            for pool, v in zip(structure.pools, pools_of(structure, initial, missing), strict=True)
        ]
        for pool, value in zip(structure.pools, columns, strict=True):
            if value.type.ndim > 1:
                raise StructureError(f"{structure.name}: initial {pool!r} must be a number or one value per site")
        return _stacked(structure, columns, 1)
    x0 = as_float(initial)
    if x0.type.ndim == 1:
        x0 = x0[None, :]
    if x0.type.ndim != 2 or x0.type.shape[1] not in (None, len(structure.pools)):
        raise StructureError(
            f"{structure.name}: initial state has shape {x0.type.shape}, expected (site, {len(structure.pools)}) for "
            + ", ".join(structure.pools)
        )
    return x0


def _checked(structure: Structure, declared: Parameter | Driver | str, value: Any) -> Any:
    """Value as a tensor of float64; a number within its bounds."""
    if not isinstance(value, Variable):
        kind = "initial" if isinstance(declared, str) else type(declared).__name__.lower()
        name = declared if isinstance(declared, str) else declared.name
        value = numbers(structure, f"{kind} {name!r}", value)
    value = as_float(value)
    if isinstance(value, Constant):
        check_numbers(structure, declared, value.data)
    return value


def _stacked(
    structure: Structure, columns: Sequence[Any], n_leading: int, declared: Sequence[Parameter | Driver] = ()
) -> TensorVariable:
    limits = [(one.lower, one.upper) for one in declared]
    try:
        return stack_columns(columns, n_leading, limits)
    except ValueError as error:
        raise StructureError(f"{structure.name}: {error}") from None


def integrate(
    structure: Structure | str,
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
        What to integrate, or its name.
    initial
        Pools at the start in ``structure.carbon_unit``: ``(pool,)`` or ``(site,
        pool)`` in the order of ``structure.pools``, or name of pool to a number
        or one value per site (missing pools are empty).
    parameters
        Name to tensor: a number shared by all sites or one value per site.
        Defaults fill the rest. A tensor beyond the bounds of its parameter
        makes the run NaN, so a sampler rejects the point.
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
        For names the structure does not have, missing drivers, numbers beyond
        their bounds, and sizes that are known and disagree.

    Examples
    --------
    >>> import numpy as np
    >>> from socbayes.structures import get
    >>> icbm = get("icbm")
    >>> out = integrate(icbm, [0.3, 4.0], {"k1": 0.9}, times=[0, 10], scheme="rk4", steps=20)
    >>> out.eval().shape
    (2, 1, 3)
    """
    structure = structure_called(structure)
    interval, steps, scheme = how_to_step(structure, interval, steps, scheme)
    when = pt.as_tensor(times) if isinstance(times, Variable) else pt.as_tensor(whole_times(structure, times))
    p, u = stack_parameters(structure, parameters), stack_drivers(structure, drivers)
    u = _as_rows(structure, u, when, interpolate)
    x0 = _spread_sites(structure, stack_pools(structure, initial), p, u)
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
