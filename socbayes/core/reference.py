"""The compiled run once more, under NumPy: the same stages, vectorised over sites.

Used where PyTensor runs without numba (FAST_COMPILE) and where compiling would
take longer than computing. Every state is kept, so it is neither fast nor
thrifty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from socbayes.core.kernels import Program, layout, readings
from socbayes.core.scalar_graph import Stage

Array = np.ndarray[Any, np.dtype[np.float64]]

NAMESPACE: dict[str, Any] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "log10": np.log10,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "fabs": np.abs,
    "where": np.where,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "sign": np.sign,
    "both": np.logical_and,
    "either": np.logical_or,
    "negate": np.logical_not,
    "nan": np.nan,
    "inf": np.inf,
}


@lru_cache(maxsize=512)
def function(stage: Stage) -> Callable[[Any, Mapping[str, int]], None]:
    """Stage as ``function(m, place)``; ``m`` may have further axes, such as sites."""
    scope = dict(NAMESPACE)
    exec(compile(stage.source(), "<socbayes stage>", "exec"), scope)
    return scope[stage.name]


def evaluate(stage: Stage, groups: Mapping[str, Any], to: str) -> Array:
    """Values that a stage puts at the group ``to``.

    Parameters
    ----------
    stage
        What to compute.
    groups
        By name, ``(number, ...)``; the further axes broadcast.
    to
        Group of the results.

    Returns
    -------
    numpy.ndarray
        ``(..., number)``.
    """
    arrays = {name: np.asarray(values, dtype=float) for name, values in groups.items()}
    shape = np.broadcast_shapes(*(a.shape[1:] for a in arrays.values()))
    n = sum(group == to for group, *_ in stage.outputs)
    place, rows, position = {}, [], 0
    for name, values in [*arrays.items(), (to, np.zeros((n, *shape)))]:
        place[name] = position
        position += len(values)
        rows.append(np.broadcast_to(values, (len(values), *shape)))
    m = np.concatenate(rows)
    with np.errstate(all="ignore"):
        function(stage)(m, place)
    return np.moveaxis(m[place[to] :], 0, -1)


class _Run:
    """Memory of all sites, and the stages that work on it."""

    def __init__(self, program: Program, x0: Array, p: Array, u: Array, h: float, steps: int) -> None:
        self.program, self.u, self.steps, self.n_sites = program, u, steps, x0.shape[0]
        self.place, _, size = layout(program, 1)
        self.readings = readings(program, self.place)
        self.m = np.zeros((size, self.n_sites))
        self.part("p", program.n_parameters)[...] = np.broadcast_to(p, (self.n_sites, p.shape[1])).T
        self.part("x", program.n_pools)[...] = x0.T
        self.part("h", 1)[...] = h
        self.do("setup")

    def part(self, name: str, length: int, place: Mapping[str, int] | None = None) -> Array:
        first = (place or self.place)[name]
        return self.m[first : first + length]

    def do(self, name: str) -> None:
        function(self.program.stage(name))(self.m, self.place)

    def prepare(self, t: int, s: int) -> None:
        program = self.program
        for at, place in zip(program.places, self.readings, strict=True):
            rows = self.u[t]
            if program.linear:
                rows = rows + (s + at) / self.steps * (self.u[t + 1] - rows)
            self.part("u", program.n_drivers, place)[...] = rows.T
            function(program.stage("drive"))(self.m, place)

    def prepare_back(self, ub: Array, t: int, s: int) -> None:
        program = self.program
        for at, place in zip(program.places, self.readings, strict=True):
            function(program.stage("drive_back"))(self.m, place)
            if program.driver_gradients:
                fraction = (s + at) / self.steps if program.linear else 0.0
                value = self.part("ub", program.n_drivers, place).T
                ub[t] += (1.0 - fraction) * value
                if program.linear:
                    ub[t + 1] += fraction * value


def _usable(program: Program, u: Array, when: Array) -> list[int]:
    """Requested times that lie within the drivers, in order."""
    last = u.shape[0] - 1 if program.linear else u.shape[0]
    times: list[int] = []
    for t in when:
        if not (times[-1] if times else 0) <= t <= last:
            break
        times.append(int(t))
    return times


def forward(program: Program, x0: Array, p: Array, u: Array, interval: float, steps: int, when: Array) -> Array:
    """States (time, site, state) at ``when``; arguments as in :func:`socbayes.core.loops.build`."""
    out = np.full((when.size, x0.shape[0], program.n_states), np.nan)
    with np.errstate(all="ignore"):
        run = _Run(program, x0, p, u, interval / steps, steps)
        t = 0
        for record, end in enumerate(_usable(program, u, when)):
            while t < end:
                for s in range(steps):
                    run.prepare(t, s)
                    run.do("step")
                t += 1
            out[record] = run.part("x", program.n_states).T
    return out


def reverse(
    program: Program, x0: Array, p: Array, u: Array, interval: float, steps: int, when: Array, g: Array
) -> tuple[Array, Array, Array]:
    """Cotangents of ``x0``, ``p`` and ``u``."""
    n_sites, n_pools = x0.shape
    ub = np.zeros((u.shape[0], n_sites, u.shape[2]))
    times = _usable(program, u, when)
    with np.errstate(all="ignore"):
        run = _Run(program, x0, p, u, interval / steps, steps)
        trajectory = []
        for t in range(times[-1] if times else 0):
            for s in range(steps):
                trajectory.append(run.part("x", program.n_states).copy())
                run.prepare(t, s)
                run.do("step")
        trajectory.append(run.part("x", program.n_states).copy())
        lam = run.part("lam", program.n_states)
        for t in range(times[-1] if times else 0, -1, -1):
            for record, end in enumerate(times):
                if end == t:
                    lam += g[record].T
            for s in range(steps - 1, -1, -1) if t > 0 else ():
                run.prepare(t - 1, s)
                if program.linear or s == steps - 1:
                    run.m[run.place["wb"] :] = 0.0
                run.part("new", program.n_states)[...] = trajectory.pop()
                run.part("x", program.n_states)[...] = trajectory[-1]
                run.do("step_back")
                if program.linear or s == 0:
                    run.prepare_back(ub, t - 1, s)
        run.do("setup_back")
    pb = run.part("pb", program.n_parameters).T.copy()
    if p.shape[0] == 1:
        pb = pb.sum(axis=0, keepdims=True)
    if u.shape[1] == 1:
        ub = ub.sum(axis=1, keepdims=True)
    return lam[:n_pools].T.copy(), pb, ub if program.driver_gradients else np.zeros((0, 0, 0))
