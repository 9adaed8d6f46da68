"""The state that a repeated cycle of drivers brings back, for linear structures.

One cycle is an affine map of the pools. Its matrix comes from running the
cycle from each pool alone, the state from one linear solve, and the gradient
from one reverse sweep over the cycle: the implicit function theorem turns the
cotangent of the state into that of the cycle's end. For RothC this replaces a
spin-up of thousands of years.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_undefined
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from socbayes.core import loops, newton
from socbayes.core.kernels import Program
from socbayes.core.numba_dispatch import cache_key, source_of

_PROPS = ("program", "interval", "steps", "inert")


class _Cycle(Op):
    """What the operations below have in common."""

    __props__ = _PROPS

    def __init__(self, program: Program, interval: float, steps: int, inert: tuple[int, ...]) -> None:
        self.program = program
        self.interval = interval
        self.steps = steps
        self.inert = inert

    @property
    def settings(self) -> tuple[Any, ...]:
        """Values of ``__props__``."""
        return tuple(getattr(self, name) for name in _PROPS)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.program}}}"

    def build(self) -> tuple[Any, Any]:
        """Solver and adjoint, compiled by numba."""
        run, sweep = loops.build(self.program)
        n, interval, steps = self.program.n_pools, self.interval, self.steps
        n_states = self.program.n_states
        fixed = np.zeros(n, dtype=np.bool_)
        fixed[list(self.inert)] = True
        eliminate = newton._solve

        @newton._inner
        def cycle_map(held, p, u, i):
            """End of the cycle from nothing, and the matrix I - gain, of one site."""
            pi = p[i : i + 1] if p.shape[0] > 1 else p
            ui = u[:, i : i + 1] if u.shape[1] > 1 else u
            when = np.array([u.shape[0]])
            start = np.zeros((1, n))
            ends = np.empty((n + 1, n))
            for j in range(n + 1):
                for k in range(n):
                    start[0, k] = held[i, k] if fixed[k] else (1.0 if j == k + 1 else 0.0)
                end, _ = run(start, pi, ui, interval, steps, when, False)
                for k in range(n):
                    ends[j, k] = end[0, 0, k]
            matrix = np.empty((n, n))
            for k in range(n):
                for j in range(n):
                    matrix[k, j] = (1.0 if k == j else 0.0) - (ends[j + 1, k] - ends[0, k])
                if fixed[k]:
                    matrix[k, :] = 0.0
                    matrix[k, k] = 1.0
            return ends[0].copy(), matrix

        @newton._jit
        def solve(held, p, u):
            x = np.empty((held.shape[0], n))
            for i in range(held.shape[0]):
                offset, matrix = cycle_map(held, p, u, i)
                if not eliminate(matrix, offset):
                    offset[:] = np.nan
                for k in range(n):
                    x[i, k] = held[i, k] if fixed[k] else offset[k]
            return x

        @newton._jit
        def back(x, p, u, g):
            pb = np.zeros(p.shape)
            when = np.array([u.shape[0]])
            lam = np.empty(n)
            end_cotangent = np.zeros((1, 1, n_states))
            for i in range(x.shape[0]):
                _, matrix = cycle_map(x, p, u, i)
                transposed = matrix.T.copy()
                for k in range(n):
                    lam[k] = g[i, k]
                if not eliminate(transposed, lam):
                    lam[:] = np.nan
                for k in range(n):
                    end_cotangent[0, 0, k] = 0.0 if fixed[k] else lam[k]
                pi = p[i : i + 1] if p.shape[0] > 1 else p
                ui = u[:, i : i + 1] if u.shape[1] > 1 else u
                _, own, _ = sweep(x[i : i + 1], pi, ui, interval, steps, when, np.empty((0, 0)), end_cotangent)
                ip = i if p.shape[0] > 1 else 0
                for k in range(p.shape[1]):
                    pb[ip, k] += own[0, k]
            return pb

        return solve, back


class PeriodicState(_Cycle):
    """``(held[site, pool], p[1 | site, parameter], u[row, 1 | site, driver]) -> x[site, pool]``.

    ``held`` gives the content of inert pools; its other entries are not read.
    """

    def make_node(self, *args: Any) -> Apply:
        """Apply to tensors of the documented ranks."""
        inputs: list[Any] = [pt.as_tensor(i, dtype="float64") for i in args]
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(None, self.program.n_pools))])

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """As the inert pools."""
        return [shapes[0]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve site by site."""
        output_storage[0][0] = self.build()[0](*inputs)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Cotangent of the parameters by the implicit function theorem."""
        (g,) = cotangents
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        pb: Any = PeriodicStateBack(*self.settings)(outputs[0], inputs[1], inputs[2], g)
        unavailable = "periodic states are differentiated with respect to parameters only"
        return [grad_undefined(self, 0, inputs[0], unavailable), pb, grad_undefined(self, 2, inputs[2], unavailable)]


class PeriodicStateBack(_Cycle):
    """Vector-Jacobian product of :class:`PeriodicState`."""

    def make_node(self, *args: Any) -> Apply:
        """Apply to the state, parameters, drivers and the cotangent of the state."""
        inputs: list[Any] = [pt.as_tensor(i, dtype="float64") for i in args]
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=inputs[1].type.shape)])

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """As the parameters."""
        return [shapes[1]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Solve site by site."""
        output_storage[0][0] = self.build()[1](*inputs)


def _key(*parts: Any) -> str:
    import socbayes.core.periodic as this

    text = cache_key(*parts, source_of(newton), source_of(this))
    return hashlib.sha256(text.encode()).hexdigest()


@register_funcify_and_cache_key(PeriodicState)
def _funcify(op: PeriodicState, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    solve = op.build()[0]

    @numba_njit
    def periodic_state(held, p, u):
        return solve(held, p, u)

    return periodic_state, _key("periodic", *op.settings)


@register_funcify_and_cache_key(PeriodicStateBack)
def _funcify_back(op: PeriodicStateBack, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    back = op.build()[1]

    @numba_njit
    def periodic_state_back(x, p, u, g):
        return back(x, p, u, g)

    return periodic_state_back, _key("periodic back", *op.settings)
