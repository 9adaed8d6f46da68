"""Equilibria: of a structure under constant drivers, and over a repeated year.

:func:`steady_state` is a tensor with an implicit-function gradient;
:func:`find_steady_state` is its forward face, which says why it failed;
:func:`periodic_state` is the state that a repeated cycle of drivers returns to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_undefined
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.tensor.variable import TensorVariable

from socbayes.core import newton
from socbayes.core.doors import given, how_to_step, numbers, structure_called
from socbayes.core.integrate import stack_constant_drivers, stack_drivers, stack_parameters, stack_pools
from socbayes.core.kernels import Program, equilibrium_program, program
from socbayes.core.numba_dispatch import cache_key, source_of
from socbayes.core.periodic import PeriodicState
from socbayes.core.structure import Structure, StructureError

REASONS = {
    newton.FOUND: "found",
    newton.NOT_CONVERGED: "no steady state was reached: the pools keep changing",
    newton.EXTINCT: "a pool dies out, or another grows without end",
    newton.NEGATIVE: "the steady state has a negative pool",
    newton.FAILED: "the rates or their Jacobian failed (a pool without loss, or a value that is not a number)",
}
"""What each status of a steady state means."""

_PROPS = ("program", "inert", "linear", "driver_gradients")


class _Solve(Op):
    """What the operations below have in common."""

    __props__ = _PROPS

    def __init__(self, program: Program, inert: tuple[int, ...], linear: bool, driver_gradients: bool) -> None:
        self.program = program
        self.inert = inert
        self.linear = linear
        self.driver_gradients = driver_gradients

    @property
    def settings(self) -> tuple[Any, ...]:
        """Values of ``__props__``."""
        return tuple(getattr(self, name) for name in _PROPS)

    def build(self) -> tuple[Any, Any]:
        """Solver and adjoint."""
        return newton.build(*self.settings)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.program}}}"


class SteadyState(_Solve):
    """``(x0[site, pool], p[1 | site, parameter], u[1 | site, driver]) -> x[site, pool]``."""

    def make_node(self, *args: Any) -> Apply:
        """Apply to matrices."""
        inputs: list[Any] = [pt.as_tensor(i, dtype="float64") for i in args]
        if any(i.type.ndim != 2 for i in inputs):
            raise ValueError("initial state, parameters and drivers of a steady state are matrices")
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(None, self.program.n_pools))])

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """As the initial state."""
        return [shapes[0]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve site by site."""
        output_storage[0][0] = self.build()[0](*inputs)[0]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that the start of the search does not matter."""
        return [[False], [True], [True]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Cotangents by the implicit function theorem."""
        (g,) = cotangents
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        back: Any = SteadyStateBack(*self.settings)(outputs[0], inputs[1], inputs[2], g)
        pb, ub = back
        if not self.driver_gradients:
            ub = grad_undefined(self, 2, inputs[2], "ask for it with steady_state(..., driver_gradients=True)")
        return [disconnected_type(), pb, ub]


class SteadyStateBack(_Solve):
    """Vector-Jacobian product of :class:`SteadyState`."""

    def make_node(self, *args: Any) -> Apply:
        """Apply to the solution, the inputs and the cotangent."""
        inputs: list[Any] = [pt.as_tensor(i, dtype="float64") for i in args]
        shape = inputs[2].type.shape if self.driver_gradients else (0, 0)
        outputs = [pt.tensor(dtype="float64", shape=s) for s in (inputs[1].type.shape, shape)]
        return Apply(self, inputs, outputs)

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Cotangents have the shapes of what they belong to."""
        zero = pt.constant(0, dtype="int64")
        return [shapes[1], shapes[2] if self.driver_gradients else (zero, zero)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve site by site."""
        for storage, result in zip(output_storage, self.build()[1](*inputs), strict=True):
            storage[0] = result


@register_funcify_and_cache_key(SteadyState)
def _funcify(op: SteadyState, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    solve = op.build()[0]

    @numba_njit
    def steady_state(x0, p, u):
        return solve(x0, p, u)[0]

    return steady_state, cache_key("steady", source_of(newton), *op.settings)


@register_funcify_and_cache_key(SteadyStateBack)
def _funcify_back(op: SteadyStateBack, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    back = op.build()[1]

    @numba_njit
    def steady_state_back(x, p, u, g):
        return back(x, p, u, g)

    return steady_state_back, cache_key("steady back", source_of(newton), *op.settings)


def _op(structure: Structure, driver_gradients: bool) -> SteadyState:
    inert = tuple(structure.pools.index(pool) for pool in structure.inert)
    return SteadyState(equilibrium_program(structure, driver_gradients), inert, structure.linear, driver_gradients)


def _start(structure: Structure, initial: Any, p: Any, u: Any) -> Any:
    """Where the search begins: given pools, or one of each for want of better."""
    x0 = stack_pools(structure, initial, [0.0 if pool in structure.inert else 1.0 for pool in structure.pools])
    if x0.type.shape[0] == 1 and (p.type.shape[0] != 1 or u.type.shape[0] != 1):
        return pt.broadcast_to(x0, (pt.maximum(p.shape[0], u.shape[0]), x0.shape[1]))
    return x0


def steady_state(
    structure: Structure | str,
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    initial: Any = None,
    *,
    parameter_set: str | None = None,
    driver_gradients: bool = False,
) -> TensorVariable:
    """Pools at which nothing changes under constant drivers, as a tensor.

    Parameters
    ----------
    structure
        Any structure, or the name of a published one.
    parameters, drivers
        Name to a number or one value per site.
    initial
        Where the search starts: name of pool to a number or one value per site,
        or ``(pool,)`` or ``(site, pool)``; positive, and for inert pools what
        they hold. Pools that are not named start at one, inert ones are empty.
        The stable state whose basin it lies in is found.
    parameter_set
        One of ``structure.parameter_sets``, for parameters that are not given.
    driver_gradients
        Whether gradients reach the drivers.

    Returns
    -------
    TensorVariable
        ``(site, pool)``; NaN at a site without a positive steady state.
        Gradients to parameters follow the implicit function theorem.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> x = steady_state(get("icbm"), {"h": 0.125}, {"carbon_input": 0.285})
    >>> x.eval().round(3).tolist()
    [[0.356, 5.888]]
    """
    structure = structure_called(structure)
    p = stack_parameters(structure, parameters, parameter_set)
    u = stack_constant_drivers(structure, drivers)
    return _op(structure, driver_gradients)(_start(structure, initial, p, u), p, u)  # type: ignore[return-value]


@dataclass(frozen=True)
class Equilibrium:
    """What :func:`find_steady_state` found.

    Parameters
    ----------
    pools
        ``(site, pool)``, NaN where there is none.
    reasons
        Per site, ``"found"`` or why not.
    """

    pools: np.ndarray[Any, Any]
    reasons: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether every site has a steady state."""
        return all(reason == REASONS[newton.FOUND] for reason in self.reasons)


def find_steady_state(
    structure: Structure | str,
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    initial: Any = None,
    *,
    parameter_set: str | None = None,
) -> Equilibrium:
    """Steady state of numbers, with the reason where there is none.

    Arguments are those of :func:`steady_state`.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> find_steady_state(get("ger"), {"v": 1e-6}).reasons
    ('a pool dies out, or another grows without end',)
    >>> find_steady_state("rothc", None, {"rate_modifier": 0.5, "plant_input": 0.15}, {"iom": 2.7}).pools[0, -1]
    np.float64(2.7)
    """
    structure = structure_called(structure)
    p = stack_parameters(structure, parameters, parameter_set)
    u = stack_constant_drivers(structure, drivers)
    op = _op(structure, False)
    arrays = [np.asarray(v.eval(mode="FAST_COMPILE")) for v in (_start(structure, initial, p, u), p, u)]
    x, status, _ = op.build()[0](*arrays)
    return Equilibrium(x, tuple(REASONS[int(s)] for s in status))


def periodic_state(
    structure: Structure | str,
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    inert: Mapping[str, Any] | None = None,
    *,
    period: int,
    interval: float = 1.0,
    steps: int | None = None,
    scheme: str | None = None,
) -> TensorVariable:
    """Pools that a repeated cycle of drivers brings back, for linear structures.

    For RothC this is the spin-up without its thousands of years; see
    :mod:`socbayes.core.periodic`.

    Parameters
    ----------
    structure
        A linear structure, or the name of one.
    parameters
        Name to a number or one value per site.
    drivers
        Name to a number, ``(row,)`` or ``(row, site)``; ``row`` is ``period`` long.
    inert
        What inert pools hold, by name; zero by default.
    period
        Number of driver intervals in a cycle.
    interval, steps, scheme
        As in :func:`socbayes.core.integrate`.

    Returns
    -------
    TensorVariable
        ``(site, pool)`` at the start of the cycle, with gradients to the
        parameters.

    Raises
    ------
    StructureError
        When the structure is not linear.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> x = periodic_state(get("rothc"), None, {"rate_modifier": 0.5, "plant_input": 0.15}, period=12)
    >>> x.eval().shape
    (1, 5)
    """
    structure = structure_called(structure)
    if not structure.linear:
        raise StructureError(
            f"{structure.name} is not linear; run it through enough cycles, or take steady_state under mean drivers"
        )
    interval, steps, scheme = how_to_step(structure, interval, steps, scheme)
    if period < 1:
        raise StructureError(f"{structure.name}: a cycle has at least one driver interval, not {period}")
    p, u = stack_parameters(structure, parameters), stack_drivers(structure, drivers)
    if u.type.shape[0] == 1:
        u = pt.broadcast_to(u, (period, u.shape[1], u.shape[2]))
    elif u.type.shape[0] not in (None, period):
        raise StructureError(f"{structure.name}: drivers have {u.type.shape[0]} rows, the cycle {period}")
    sites = pt.maximum(p.shape[0], u.shape[1])
    held = stack_pools(structure, given(structure, "inert pool", inert))
    if held.type.shape[0] == 1:
        held = pt.broadcast_to(held, (sites, held.shape[1]))
    positions = tuple(structure.pools.index(pool) for pool in structure.inert)
    op = PeriodicState(program(structure, scheme), interval, steps, positions)
    return op(held, p, u)  # type: ignore[return-value]


def scale_to_total(structure: Structure | str, pools: Any, total: Any, inert: Mapping[str, Any] | None = None) -> Any:
    """Pools in the proportions of ``pools`` that add up to a measured total.

    Parameters
    ----------
    structure
        Whose pools they are.
    pools
        ``(site, pool)``, tensor or array: usually a steady state.
    total
        Measured soil organic carbon, a number or ``(site,)``, in the
        structure's carbon unit.
    inert
        Inert pools by name; they are taken from the total as they are and the
        rest is shared out.

    Raises
    ------
    StructureError
        For a name that is no inert pool, and a total that is less than what
        inert pools hold.

    Examples
    --------
    >>> import numpy as np
    >>> from socbayes.structures import get
    >>> scale_to_total(get("icbm"), np.array([[1.0, 3.0]]), 8.0).tolist()
    [[2.0, 6.0]]
    """
    structure = structure_called(structure)
    content = given(structure, "inert pool", inert)
    held = [content.get(pool, 0.0) for pool in structure.pools]
    if not any(isinstance(value, Variable) for value in (total, *held)):
        inert_total = sum(numbers(structure, f"inert {name!r}", value) for name, value in content.items())
        if np.any(numbers(structure, "total", total) < inert_total):
            raise StructureError(f"{structure.name}: the total must not be less than what inert pools hold")
    active = np.array([pool not in structure.inert for pool in structure.pools], dtype="float64")
    parts = pools * active
    rest = (total - sum(held)) / parts.sum(axis=-1)
    columns = [held[i] + parts[..., i] * rest for i in range(len(held))]
    stack = pt.stack if any(isinstance(column, Variable) for column in columns) else np.stack
    return stack(columns, axis=-1)
