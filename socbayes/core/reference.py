"""The integrator once more, plainly: NumPy over all sites, no compilation.

Used where PyTensor runs without numba (FAST_COMPILE), and as the independent
statement of each scheme against which the compiled one is tested. Linear
systems are solved by LAPACK and every state is kept, so it is neither fast
nor thrifty.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from socbayes.core.kernels import Program
from socbayes.core.schemes import FORM

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


def compile_source(source: str) -> dict[str, Any]:
    """Functions defined by generated source, vectorised over the second axis of ``m``."""
    scope = dict(NAMESPACE)
    exec(compile(source, "<socbayes reference>", "exec"), scope)
    return scope


@lru_cache(maxsize=64)
def _functions(source: str) -> dict[str, Any]:
    return compile_source(source)


class _Stages:
    """The three stages of a program as functions of arrays (number, site)."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.functions = _functions(program.source)

    def _call(self, name: str, inputs: list[Array], n_out: int) -> Array:
        sites = max(i.shape[1] for i in inputs)
        m = np.concatenate([*(np.broadcast_to(i, (i.shape[0], sites)) for i in inputs), np.zeros((n_out, sites))])
        offsets = np.cumsum([0, *(i.shape[0] for i in inputs)]).tolist()
        self.functions[name](m, *offsets)
        return m[offsets[-1] :]

    def _pullback(self, name: str, inputs: list[Array], g: Array, wrt: list[int]) -> list[Array]:
        sites = max(i.shape[1] for i in [*inputs, g])
        everything = [np.broadcast_to(i, (i.shape[0], sites)) for i in [*inputs, g]]
        results = [np.zeros((inputs[i].shape[0], sites)) for i in wrt]
        m = np.concatenate([*everything, *results])
        offsets = np.cumsum([0, *(i.shape[0] for i in [*everything, *results])]).tolist()
        self.functions[name](m, *offsets[:-1])
        first = len(everything)
        return [m[offsets[first + k] : offsets[first + k + 1]] for k in range(len(wrt))]

    def setup(self, p: Array) -> Array:
        return self._call("setup", [p], self.program.n_setup)

    def drive(self, q: Array, u: Array) -> Array:
        return self._call("drive", [q, u], self.program.n_drive)

    def rates(self, x: Array, q: Array, w: Array) -> Array:
        return self._call("rates", [x, q, w], self.program.n_outputs)

    def setup_back(self, p: Array, g: Array) -> Array:
        return self._pullback("setup_pullback", [p], g, [0])[0]

    def drive_back(self, q: Array, u: Array, g: Array, drivers: bool) -> list[Array]:
        return self._pullback("drive_pullback", [q, u], g, [0, 1] if drivers else [0])

    def rates_back(self, x: Array, q: Array, w: Array, g: Array) -> list[Array]:
        return self._pullback("rates_pullback", [x, q, w], g, [0, 1, 2])


def _patankar(program: Program, k: Array, n: Array, d: Array) -> tuple[Array, Array, Array]:
    """Flow coefficients, whom they weigh, and explicit amounts, of flows ``k`` over pools ``n``.

    Returns ``s`` (flow, site), the amount per time and per carbon in the pool
    that loses it; ``loser`` (flow, site), that pool or -1; and ``fixed``, the
    amount per time that is not weighted.
    """
    s, fixed = np.zeros_like(k), np.zeros_like(k)
    loser = np.full(k.shape, -1)
    for f, (j, i) in enumerate(zip(program.sources, program.targets, strict=True)):
        forward = k[f] >= 0.0
        if j >= 0:
            weight = np.where(d[j] > 0.0, n[j] / np.where(d[j] > 0.0, d[j], 1.0), 1.0)
            s[f], loser[f] = np.where(forward, k[f] * weight, 0.0), np.where(forward, j, -1)
            amount = k[f] * n[j]
        else:
            fixed[f] = np.where(forward, k[f], 0.0)
            amount = k[f]
        if i < program.n_pools:
            safe = np.where(d[i] > 0.0, d[i], 1.0)
            s[f] = np.where(forward, s[f], np.where(d[i] > 0.0, -amount / safe, 0.0))
            loser[f] = np.where(forward, loser[f], i)
        else:
            fixed[f] = np.where(forward, fixed[f], amount)
        failed = np.isnan(k[f])
        s[f][failed] = fixed[f][failed] = np.nan
    return s, loser, fixed


def _move(program: Program, parts: list[tuple[Array, Array, Array, float]], z: Array) -> Array:
    """Solve for the state after the flows of ``parts`` (s, loser, fixed, step)."""
    n_pools, sites = program.n_pools, z.shape[1]
    matrix = np.tile(np.eye(n_pools), (sites, 1, 1))
    rhs = z[:n_pools].T.copy()
    ends = list(zip(program.sources, program.targets, strict=True))
    for s, loser, fixed, h in parts:
        for f, (j, i) in enumerate(ends):
            for pool in {j, i}:
                gain = i if pool == j else j
                if 0 <= pool < n_pools:
                    lost = np.where(loser[f] == pool, h * s[f], 0.0)
                    matrix[:, pool, pool] += lost
                    if 0 <= gain < n_pools:
                        matrix[:, gain, pool] -= lost
            if j >= 0:
                rhs[:, j] -= h * fixed[f]
            if i < n_pools:
                rhs[:, i] += h * fixed[f]
    y = np.linalg.solve(matrix, rhs[..., None])[..., 0].T
    sinks = z[n_pools:].copy()
    for s, loser, fixed, h in parts:
        for f, (j, i) in enumerate(ends):
            if i >= n_pools:
                sinks[i - n_pools] += h * fixed[f] + (np.where(loser[f] == j, h * s[f] * y[j], 0.0) if j >= 0 else 0.0)
    return np.concatenate([y, sinks])


def _step(stages: _Stages, scheme: str, z: Array, q: Array, w: list[Array], h: float) -> Array:
    n_pools = stages.program.n_pools

    def rates(state: Array, drive: Array) -> Array:
        return stages.rates(state[:n_pools], q, drive)

    if scheme == "euler":
        return z + h * rates(z, w[0])
    if scheme == "rk4":
        k1 = rates(z, w[0])
        k2 = rates(z + 0.5 * h * k1, w[1])
        k3 = rates(z + 0.5 * h * k2, w[1])
        k4 = rates(z + h * k3, w[2])
        return z + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    program = stages.program
    first = _patankar(program, rates(z, w[0]), z, z)
    y1 = _move(program, [(*first, h)], z)
    again = _patankar(program, rates(z, w[0]), z, y1)
    second = _patankar(program, rates(y1, w[2]), y1, y1)
    return _move(program, [(*again, 0.5 * h), (*second, 0.5 * h)], z)


def _rows(u: Array, t: int, s: int, steps: int, linear: bool) -> list[tuple[float, Array]]:
    """Drivers (driver, site) at the start, middle and end of a step, with their place in the interval."""
    if not linear:
        return [(0.0, u[t].T)] * 3
    places = [(s + c) / steps for c in (0.0, 0.5, 1.0)]
    return [(place, (u[t] + place * (u[t + 1] - u[t])).T) for place in places]


def forward(
    program: Program, scheme: str, linear: bool, x0: Array, p: Array, u: Array, interval: float, steps: int, when: Array
) -> Array:
    """States (time, site, state) at ``when``; arguments as in :func:`socbayes.core.schemes.build`."""
    stages = _Stages(program)
    h = interval / steps
    last = u.shape[0] - 1 if linear else u.shape[0]
    out = np.full((when.size, x0.shape[0], program.n_states), np.nan)
    with np.errstate(all="ignore"):
        q = stages.setup(np.broadcast_to(p, (x0.shape[0], p.shape[1])).T)
        z = np.concatenate([x0.T, np.zeros((program.n_states - program.n_pools, x0.shape[0]))])
        t = 0
        for record, target in enumerate(when):
            if not t <= target <= last:
                break
            while t < target:
                for s in range(steps):
                    w = [stages.drive(q, row) for _, row in _rows(u, t, s, steps, linear)]
                    try:
                        z = _step(stages, scheme, z, q, w, h)
                    except np.linalg.LinAlgError:
                        z = np.full_like(z, np.nan)
                t += 1
            out[record] = z.T
    return out


def reverse(
    program: Program,
    scheme: str,
    linear: bool,
    drivers: bool,
    x0: Array,
    p: Array,
    u: Array,
    interval: float,
    steps: int,
    when: Array,
    g: Array,
) -> tuple[Array, Array, Array]:
    """Cotangents of ``x0``, ``p`` and ``u``.

    Explicit schemes are swept back stage by stage. The implicit scheme has a
    hand-written adjoint only in :mod:`socbayes.core.schemes`, which is called
    here uncompiled.
    """
    if FORM[scheme] == "flows":
        from socbayes.core.schemes import build

        return build(program, scheme, linear, drivers, False)[1](x0, p, u, interval, steps, when, g)
    stages, n_pools = _Stages(program), program.n_pools
    sites, h = x0.shape[0], interval / steps
    with np.errstate(all="ignore"):
        p_all = np.broadcast_to(p, (sites, p.shape[1])).T
        q = stages.setup(p_all)
        z = np.concatenate([x0.T, np.zeros((program.n_states - n_pools, sites))])
        tape = []
        last = u.shape[0] - 1 if linear else u.shape[0]
        records = {int(t): [] for t in when}  # type: dict[int, list[int]]
        before = 0
        for record, t in enumerate(when):
            if not before <= t <= last:
                break
            before = int(t)
            records[before].append(record)
        for t in range(before):
            for s in range(steps):
                rows = _rows(u, t, s, steps, linear)
                w = [stages.drive(q, row) for _, row in rows]
                tape.append((t, rows, w, z))
                z = _step(stages, scheme, z, q, w, h)

        lam, qb, ub = np.zeros_like(z), np.zeros_like(q), np.zeros((*u.shape[:1], sites, u.shape[2]))
        for index in range(len(tape) - 1, -1, -1):
            t, rows, w, z = tape[index]
            if (index + 1) % steps == 0:
                for record in records.get(t + 1, []):
                    lam = lam + g[record].T
            lam, step_qb, wb = _step_back(stages, scheme, z, q, w, h, lam)
            qb = qb + step_qb
            for (place, row), stage_wb in zip(rows, wb, strict=True):
                back = stages.drive_back(q, row, stage_wb, drivers)
                qb = qb + back[0]
                if drivers:
                    ub[t] += (1.0 - place) * back[1].T
                    if linear:
                        ub[t + 1] += place * back[1].T
        for record in records.get(0, []):
            lam = lam + g[record].T
        pb = stages.setup_back(p_all, qb).T
    shared = pb.sum(axis=0, keepdims=True) if p.shape[0] == 1 and sites > 1 else pb
    ub = ub.sum(axis=1, keepdims=True) if u.shape[1] == 1 and sites > 1 else ub
    return lam[:n_pools].T.copy(), shared, ub if drivers else np.zeros((0, 0, 0))


def _step_back(
    stages: _Stages, scheme: str, z: Array, q: Array, w: list[Array], h: float, lam: Array
) -> tuple[Array, Array, list[Array]]:
    n_pools = stages.program.n_pools

    def pad(pools: Array) -> Array:
        return np.concatenate([pools, np.zeros((lam.shape[0] - n_pools, lam.shape[1]))])

    def back(state: Array, drive: Array, g: Array) -> tuple[Array, Array, Array]:
        xb, qb, wb = stages.rates_back(state[:n_pools], q, drive, g)
        return pad(xb), qb, wb

    nothing = np.zeros_like(w[0])
    if scheme == "euler":
        xb, qb, wb = back(z, w[0], h * lam)
        return lam + xb, qb, [wb, nothing, nothing]
    k1 = stages.rates(z[:n_pools], q, w[0])
    z2 = z + 0.5 * h * k1
    z3 = z + 0.5 * h * stages.rates(z2[:n_pools], q, w[1])
    z4 = z + h * stages.rates(z3[:n_pools], q, w[1])
    b4, q4, w4 = back(z4, w[2], h / 6.0 * lam)
    b3, q3, w3 = back(z3, w[1], h / 3.0 * lam + h * b4)
    b2, q2, w2 = back(z2, w[1], h / 3.0 * lam + 0.5 * h * b3)
    b1, q1, w1 = back(z, w[0], h / 6.0 * lam + 0.5 * h * b2)
    return lam + b1 + b2 + b3 + b4, q1 + q2 + q3 + q4, [w1, w2 + w3, w4]
