"""Integration schemes and their discrete adjoints, compiled by numba.

A scheme is a pair of functions on the flat memory ``m`` of one site (see
:mod:`socbayes.core.kernels`). ``step`` advances the state (pools, then sinks)
that begins at ``z``; ``step_back`` turns the cotangent of the state after the
step, at ``lam``, into that of the state before it and adds to the cotangents
of ``q`` and ``w``. Capital letters are offsets into ``m``.

The text of this module is part of every kernel's cache key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np

from socbayes.core.kernels import Program

# Division by zero must give inf or NaN, as in NumPy: a failed step is a value,
# not an exception. Contraction to fused multiply-add is the only liberty.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
_jit = numba.njit(**OPTIONS)
_inline = numba.njit(forceinline=True, **OPTIONS)


@_jit
def _where(condition, x, y):
    return x if condition else y


@_jit
def _minimum(x, y):
    # NaN must survive, as in np.minimum.
    return x if (x < y or x != x) else y


@_jit
def _maximum(x, y):
    return x if (x > y or x != x) else y


@_jit
def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@_jit
def _sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


@_jit
def _both(x, y):
    return bool(x) and bool(y)


@_jit
def _either(x, y):
    return bool(x) or bool(y)


@_jit
def _negate(x):
    return not x


NAMESPACE: dict[str, Any] = {
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "log10": math.log10,
    "expm1": math.expm1,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "arctan": math.atan,
    "fabs": math.fabs,
    "where": _where,
    "minimum": _minimum,
    "maximum": _maximum,
    "sigmoid": _sigmoid,
    "sign": _sign,
    "both": _both,
    "either": _either,
    "negate": _negate,
    "index": np.uintp,  # an unsigned index needs no test for counting from the end
    "nan": math.nan,
    "inf": math.inf,
}


def compile_source(source: str, inline: tuple[str, ...] = (), lanes: int = 1) -> dict[str, Any]:
    """Functions defined by generated source, each wrapped by numba.

    With ``lanes`` each works on that many sites at once, stored side by side:
    a loop that the compiler turns into vector instructions.
    """
    if lanes > 1:
        source = _over_lanes(source, lanes)
    # numba finds a cached function's module by name.
    scope = {**NAMESPACE, "__name__": __name__}
    exec(compile(source, "<socbayes kernel>", "exec"), scope)
    return {
        name: numba.njit(value, forceinline=name in inline, **OPTIONS)
        for name, value in scope.items()
        if name not in NAMESPACE and not name.startswith("__")
    }


def _over_lanes(source: str, lanes: int) -> str:
    """Rewrite ``m[x + 3]`` as ``m[x + 3 * lanes + lane]`` in a loop over lanes."""
    result = []
    for line in source.split("\n"):
        if line.startswith("    "):
            line = "    " + re.sub(
                r"m\[(\w+) \+ (\d+)\]", lambda g: f"m[index({g[1]} + {int(g[2]) * lanes} + lane)]", line
            )
        result.append(line)
        if line.startswith("def "):
            result.append(f"    for lane in range({lanes}):")
    return "\n".join(result)


@dataclass(frozen=True)
class Layout:
    """Where each group begins in the flat memory of a site."""

    z: int
    q: int
    w: tuple[int, int, int]
    p: int
    u: int
    work: tuple[int, ...]
    matrices: tuple[int, int]
    lam: int
    qb: int
    wb: tuple[int, int, int]
    pb: int
    ub: int
    size: int


def layout(program: Program, scheme: str, lanes: int) -> Layout:
    """Memory plan of the sites worked on at once, number by number, lanes side by side."""
    position = 0

    # NumPy integers, because numba compiles a function anew for every literal.
    def place(length: int) -> Any:
        nonlocal position
        position += length * lanes
        return np.int64(position - length * lanes)

    width = max(program.n_states, program.n_outputs)
    square = program.n_pools**2 if scheme == "mprk22" else 0
    return Layout(
        z=place(program.n_states),
        q=place(program.n_setup),
        w=(place(program.n_drive), place(program.n_drive), place(program.n_drive)),
        p=place(program.n_parameters),
        u=place(program.n_drivers),
        work=tuple(place(width) for _ in range(N_WORK[scheme])),
        matrices=(place(square), place(square)),
        lam=place(program.n_states),
        qb=place(program.n_setup),
        wb=(place(program.n_drive), place(program.n_drive), place(program.n_drive)),
        pb=place(program.n_parameters),
        ub=place(program.n_drivers),
        size=position,
    )


# --- schemes -----------------------------------------------------------------------


def _euler(program: Program, functions: dict[str, Any], place: Layout, lanes: int) -> tuple[Any, Any]:
    rates, rates_pullback, n_states = functions["rates"], functions["rates_pullback"], program.n_states * lanes
    (WORK,), Z, Q, LAM, QB = place.work, place.z, place.q, place.lam, place.qb

    @_inline
    def step(m, wa, wm, wb, h):
        rates(m, Z, Q, wa, WORK)
        for i in range(n_states):
            m[Z + i] += h * m[WORK + i]

    @_inline
    def step_back(m, wa, wm, wb, h, wab, wmb, wbb):
        for i in range(n_states):
            m[WORK + i] = h * m[LAM + i]
        rates_pullback(m, Z, Q, wa, WORK, LAM, QB, wab)

    return step, step_back


def _rk4(program: Program, functions: dict[str, Any], place: Layout, lanes: int) -> tuple[Any, Any]:
    rates, rates_pullback = functions["rates"], functions["rates_pullback"]
    n_states, n_pools = program.n_states * lanes, program.n_pools * lanes
    Z, Q, LAM, QB = place.z, place.q, place.lam, place.qb
    K1, K2, K3, K4, Z2, Z3, Z4, G, A, TOTAL = place.work

    @_jit
    def stages(m, wa, wm, wb, h):
        rates(m, Z, Q, wa, K1)
        for i in range(n_pools):
            m[Z2 + i] = m[Z + i] + 0.5 * h * m[K1 + i]
        rates(m, Z2, Q, wm, K2)
        for i in range(n_pools):
            m[Z3 + i] = m[Z + i] + 0.5 * h * m[K2 + i]
        rates(m, Z3, Q, wm, K3)
        for i in range(n_pools):
            m[Z4 + i] = m[Z + i] + h * m[K3 + i]
        rates(m, Z4, Q, wb, K4)

    @_jit
    def step(m, wa, wm, wb, h):
        stages(m, wa, wm, wb, h)
        for i in range(n_states):
            m[Z + i] += h / 6.0 * (m[K1 + i] + 2.0 * m[K2 + i] + 2.0 * m[K3 + i] + m[K4 + i])

    @_jit
    def stage_back(m, z, w, h, weight, carried, wbar):
        """Pull one stage back; ``carried`` is the step from it to the next stage."""
        for i in range(n_states):
            m[G + i] = weight * h * m[LAM + i]
        for i in range(n_pools):
            m[G + i] += carried * h * m[A + i]
            m[A + i] = 0.0
        rates_pullback(m, z, Q, w, G, A, QB, wbar)
        for i in range(n_pools):
            m[TOTAL + i] += m[A + i]

    @_jit
    def step_back(m, wa, wm, wb, h, wab, wmb, wbb):
        stages(m, wa, wm, wb, h)
        for i in range(n_pools):
            m[A + i] = 0.0
            m[TOTAL + i] = 0.0
        stage_back(m, Z4, wb, h, 1.0 / 6.0, 0.0, wbb)
        stage_back(m, Z3, wm, h, 1.0 / 3.0, 1.0, wmb)
        stage_back(m, Z2, wm, h, 1.0 / 3.0, 0.5, wmb)
        stage_back(m, Z, wa, h, 1.0 / 6.0, 0.5, wab)
        for i in range(n_pools):
            m[LAM + i] += m[TOTAL + i]

    return step, step_back


@_jit
def _factorise(m, a, n):
    """LU without pivoting: a Patankar matrix is diagonally dominant by columns."""
    for j in range(n):
        inverse = 1.0 / m[a + j * n + j]
        for i in range(j + 1, n):
            if m[a + i * n + j] != 0.0:
                factor = m[a + i * n + j] * inverse
                m[a + i * n + j] = factor
                for k in range(j + 1, n):
                    m[a + i * n + k] -= factor * m[a + j * n + k]


@_jit
def _solve(m, a, y, n):
    for i in range(n):
        for k in range(i):
            m[y + i] -= m[a + i * n + k] * m[y + k]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            m[y + i] -= m[a + i * n + k] * m[y + k]
        m[y + i] /= m[a + i * n + i]


@_jit
def _solve_transposed(m, a, y, n):
    for i in range(n):
        for k in range(i):
            m[y + i] -= m[a + k * n + i] * m[y + k]
        m[y + i] /= m[a + i * n + i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            m[y + i] -= m[a + k * n + i] * m[y + k]


@_jit
def _over(n, d):
    # An empty pool weighs its own destruction by one: the limit of n / d.
    return n / d if d > 0.0 else 1.0


def _mprk22(program: Program, functions: dict[str, Any], place: Layout, lanes: int) -> tuple[Any, Any]:
    """Build the modified Patankar-Runge-Kutta scheme of order two, alpha = 1.

    Burchard, Deleersnijder and Meister 2003, Applied Numerical Mathematics
    47:1-30, equation 30. Flows are given over their source pool, so a linear
    flow needs no division. A flow with a negative rate is the flow in the
    other direction. Carbon from outside enters explicitly.
    """
    rates, rates_pullback = functions["rates"], functions["rates_pullback"]
    n_pools, n_states, n_flows = program.n_pools, program.n_states, len(program.sources)
    sources = np.array(program.sources)
    targets = np.array(program.targets)
    Z, Q, LAM, QB = place.z, place.q, place.lam, place.qb
    K0, K1, Y1, Y2, V, Y1B, ZB, K0B, K1B, NOTHING = place.work
    FIRST, SECOND = place.matrices

    @_jit
    def add_flows(m, a, y, k, n, d, h):
        """Add flows ``k`` (over the pools ``n``), weighted by ``d``, to the system a y_new = y."""
        for f in range(n_flows):
            r, j, i = m[k + f], sources[f], targets[f]
            if j < 0:
                if i < n_pools:
                    if r >= 0.0:
                        m[y + i] += h * r
                    elif m[d + i] > 0.0:
                        m[a + i * n_pools + i] -= h * r / m[d + i]
            elif r >= 0.0:
                s = h * r if n == d else h * r * _over(m[n + j], m[d + j])
                m[a + j * n_pools + j] += s
                if i < n_pools:
                    m[a + i * n_pools + j] -= s
            elif i >= n_pools:
                m[y + j] -= h * r * m[n + j]
            elif m[d + i] > 0.0:
                s = -h * r * m[n + j] / m[d + i]
                m[a + i * n_pools + i] += s
                m[a + j * n_pools + i] -= s
            if r != r:
                m[y] = r  # a failed rate fails the step

    @_jit
    def fill_sinks(m, y, k, n, d, h):
        for f in range(n_flows):
            r, j, i = m[k + f], sources[f], targets[f]
            if i >= n_pools:
                if j < 0:
                    m[Z + i] += h * r
                elif r >= 0.0:
                    m[Z + i] += h * r * _over(m[n + j], m[d + j]) * m[y + j]
                else:
                    m[Z + i] += h * r * m[n + j]

    @_jit
    def fill_sinks_back(m, yb, k, n, d, h):
        """Part of the cotangent of the new pools that comes through the sinks."""
        for f in range(n_flows):
            r, j, i = m[k + f], sources[f], targets[f]
            if i >= n_pools and j >= 0 and r >= 0.0:
                m[yb + j] += h * r * _over(m[n + j], m[d + j]) * m[LAM + i]

    @_jit
    def add_flows_back(m, k, n, d, h, y, v, lam, kb, nb, db):
        """Cotangents of ``add_flows`` and ``fill_sinks``; ``v`` solves the transposed system."""
        for f in range(n_flows):
            r, j, i = m[k + f], sources[f], targets[f]
            arrival = m[v + i] if i < n_pools else m[lam + i]
            if j < 0:
                if r >= 0.0 or i >= n_pools:
                    m[kb + f] += h * arrival
                elif m[d + i] > 0.0:
                    sb = -h * m[y + i] * m[v + i]
                    m[kb + f] -= sb / m[d + i]
                    m[db + i] += sb * r / m[d + i] ** 2
            elif r >= 0.0:
                sb = h * m[y + j] * (arrival - m[v + j])
                if n == d:
                    m[kb + f] += sb
                else:
                    m[kb + f] += sb * _over(m[n + j], m[d + j])
                    if m[d + j] > 0.0:
                        m[nb + j] += sb * r / m[d + j]
                        m[db + j] -= sb * r * m[n + j] / m[d + j] ** 2
            elif i >= n_pools:
                back = h * (arrival - m[v + j])
                m[kb + f] += back * m[n + j]
                m[nb + j] += back * r
            elif m[d + i] > 0.0:
                sb = h * m[y + i] * (m[v + j] - m[v + i])
                m[kb + f] -= sb * m[n + j] / m[d + i]
                m[nb + j] -= sb * r / m[d + i]
                m[db + i] += sb * r * m[n + j] / m[d + i] ** 2

    @_jit
    def solve_step(m, wa, wb, h):
        for i in range(n_pools * n_pools):
            m[FIRST + i] = 0.0
            m[SECOND + i] = 0.0
        for i in range(n_pools):
            m[FIRST + i * n_pools + i] = 1.0
            m[SECOND + i * n_pools + i] = 1.0
            m[Y1 + i] = m[Z + i]
            m[Y2 + i] = m[Z + i]
        rates(m, Z, Q, wa, K0)
        add_flows(m, FIRST, Y1, K0, Z, Z, h)
        _factorise(m, FIRST, n_pools)
        _solve(m, FIRST, Y1, n_pools)
        rates(m, Y1, Q, wb, K1)
        add_flows(m, SECOND, Y2, K0, Z, Y1, 0.5 * h)
        add_flows(m, SECOND, Y2, K1, Y1, Y1, 0.5 * h)
        _factorise(m, SECOND, n_pools)
        _solve(m, SECOND, Y2, n_pools)

    @_jit
    def step(m, wa, wm, wb, h):
        solve_step(m, wa, wb, h)
        fill_sinks(m, Y2, K0, Z, Y1, 0.5 * h)
        fill_sinks(m, Y2, K1, Y1, Y1, 0.5 * h)
        for i in range(n_pools):
            m[Z + i] = m[Y2 + i]

    @_jit
    def step_back(m, wa, wm, wb, h, wab, wmb, wbb):
        solve_step(m, wa, wb, h)
        for f in range(n_flows):
            m[K0B + f] = 0.0
            m[K1B + f] = 0.0
        for i in range(n_states):
            m[NOTHING + i] = 0.0
        for i in range(n_pools):
            m[Y1B + i] = 0.0
            m[V + i] = m[LAM + i]
        fill_sinks_back(m, V, K0, Z, Y1, 0.5 * h)
        fill_sinks_back(m, V, K1, Y1, Y1, 0.5 * h)
        _solve_transposed(m, SECOND, V, n_pools)
        for i in range(n_pools):
            m[ZB + i] = m[V + i]
        add_flows_back(m, K0, Z, Y1, 0.5 * h, Y2, V, LAM, K0B, ZB, Y1B)
        add_flows_back(m, K1, Y1, Y1, 0.5 * h, Y2, V, LAM, K1B, Y1B, Y1B)
        rates_pullback(m, Y1, Q, wb, K1B, Y1B, QB, wbb)
        _solve_transposed(m, FIRST, Y1B, n_pools)
        for i in range(n_pools):
            m[ZB + i] += m[Y1B + i]
        add_flows_back(m, K0, Z, Z, h, Y1, Y1B, NOTHING, K0B, ZB, ZB)
        rates_pullback(m, Z, Q, wa, K0B, ZB, QB, wab)
        for i in range(n_pools):
            m[LAM + i] = m[ZB + i]

    return step, step_back


BUILDERS: dict[str, Callable[[Program, dict[str, Any], Layout, int], tuple[Any, Any]]] = {
    "euler": _euler,
    "rk4": _rk4,
    "mprk22": _mprk22,
}
FORM = {"euler": "tendency", "rk4": "tendency", "mprk22": "flows"}
"""What ``rates`` must return for each scheme."""
N_WORK = {"euler": 1, "rk4": 10, "mprk22": 10}
# Sites worked on at once. One step is a chain of dependent operations: several
# sites side by side fill the pipeline and the vector registers. The implicit
# scheme solves a small system per site and takes them one by one.
LANES = {"euler": 8, "rk4": 8, "mprk22": 1}
# Where within a step a scheme reads the drivers: start, middle, end.
_USES = {"euler": (True, False, False), "rk4": (True, True, True), "mprk22": (True, False, True)}


# --- loops over time and sites -----------------------------------------------------


@lru_cache(maxsize=256)
def build(program: Program, scheme: str, linear: bool, driver_gradients: bool, parallel: bool) -> tuple[Any, Any]:
    """Forward run and reverse sweep of a program under a scheme.

    Parameters
    ----------
    program, scheme
        What to run and how.
    linear
        Whether drivers are interpolated between rows instead of held.
    driver_gradients
        Whether the reverse sweep returns cotangents of the drivers.
    parallel
        Whether sites are shared among threads. Inside a sampler chains
        already run in threads, so only forward runs ask for it.

    Returns
    -------
    forward, reverse
        ``forward(x0, p, u, interval, steps, when) -> out`` and
        ``reverse(x0, p, u, interval, steps, when, g) -> (x0b, pb, ub)``.
    """
    lanes = LANES[scheme]
    functions = compile_source(program.source, ("rates", "rates_pullback", "drive") if scheme == "euler" else (), lanes)
    place = layout(program, scheme, lanes)
    step, step_back = BUILDERS[scheme](program, functions, place, lanes)
    setup, setup_pullback = functions["setup"], functions["setup_pullback"]
    drive, drive_pullback = functions["drive"], functions["drive_pullback"]
    n_pools, n_states = program.n_pools, program.n_states
    n_parameters, n_drivers = program.n_parameters, program.n_drivers
    all_pools, all_drive = n_pools * lanes, program.n_drive * lanes
    all_setup = program.n_setup * lanes
    START, MIDDLE, END = _USES[scheme]
    Z, Q, P, U, LAM, QB, PB, UB = place.z, place.q, place.p, place.u, place.lam, place.qb, place.pb, place.ub
    W0, W1, W2 = place.w
    WB0, WB1, WB2 = place.wb
    size, forward_size = place.size, place.lam

    # `first` is the first site of a group of lanes; lanes beyond the last site repeat it.

    @_jit
    def load(m, u, t, first, n_sites, fraction):
        for lane in range(lanes):
            k = min(first + lane, n_sites - 1) if u.shape[1] > 1 else 0
            for d in range(n_drivers):
                value = u[t, k, d]
                if linear:
                    value += fraction * (u[t + 1, k, d] - u[t, k, d])
                m[U + d * lanes + lane] = value

    @_jit
    def drive_at(m, u, t, first, n_sites, fraction, w):
        load(m, u, t, first, n_sites, fraction)
        drive(m, Q, U, w)

    @_jit
    def drive_step(m, u, t, first, n_sites, s, steps):
        if START:
            drive_at(m, u, t, first, n_sites, s / steps, W0)
        if MIDDLE:
            drive_at(m, u, t, first, n_sites, (s + 0.5) / steps, W1)
        if END:
            drive_at(m, u, t, first, n_sites, (s + 1.0) / steps, W2)

    @_jit
    def drive_back(m, u, ub, t, first, n_sites, fraction, wb):
        load(m, u, t, first, n_sites, fraction)
        if driver_gradients:
            for d in range(n_drivers * lanes):
                m[UB + d] = 0.0
            drive_pullback(m, Q, U, wb, QB, UB)
            for lane in range(min(lanes, n_sites - first)):
                k = first + lane if u.shape[1] > 1 else 0
                for d in range(n_drivers):
                    ub[t, k, d] += (1.0 - fraction) * m[UB + d * lanes + lane]
                    if linear:
                        ub[t + 1, k, d] += fraction * m[UB + d * lanes + lane]
        else:
            drive_pullback(m, Q, U, wb, QB)

    @_jit
    def start(m, x0, p, first):
        for lane in range(lanes):
            i = min(first + lane, x0.shape[0] - 1)
            ip = i if p.shape[0] > 1 else 0
            for a in range(n_parameters):
                m[P + a * lanes + lane] = p[ip, a]
            for state in range(n_states):
                m[Z + state * lanes + lane] = x0[i, state] if state < n_pools else 0.0
        setup(m, P, Q)

    @_jit
    def check(x0, p, u):
        if x0.shape[1] != n_pools or p.shape[1] != n_parameters or u.shape[2] != n_drivers:
            raise ValueError("socbayes: wrong number of pools, parameters or drivers")
        if (p.shape[0] != 1 and p.shape[0] != x0.shape[0]) or (u.shape[1] != 1 and u.shape[1] != x0.shape[0]):
            raise ValueError("socbayes: parameters or drivers have another number of sites than the initial state")

    @_jit
    def usable(u, when):
        """How many of the requested times lie within the drivers, in order."""
        last = u.shape[0] - 1 if linear else u.shape[0]
        before, n = 0, 0
        while n < when.size and before <= when[n] <= last:
            before = when[n]
            n += 1
        return n

    @_jit
    def forward_group(x0, p, u, interval, steps, when, n_records, out, first):
        m = np.zeros(forward_size)
        start(m, x0, p, first)
        n_sites = x0.shape[0]
        h = interval / steps
        t = 0
        for record in range(n_records):
            while t < when[record]:
                if linear:
                    for s in range(steps):
                        drive_step(m, u, t, first, n_sites, s, steps)
                        step(m, W0, W1, W2, h)
                else:
                    drive_at(m, u, t, first, n_sites, 0.0, W0)
                    for _ in range(steps):
                        step(m, W0, W0, W0, h)
                t += 1
            for lane in range(min(lanes, n_sites - first)):
                for state in range(n_states):
                    out[record, first + lane, state] = m[Z + state * lanes + lane]

    def forward(x0, p, u, interval, steps, when):
        check(x0, p, u)
        n_sites = x0.shape[0]
        # Times outside the drivers stay NaN.
        out = np.full((when.size, n_sites, n_states), np.nan)
        n_records = usable(u, when)
        for group in numba.prange((n_sites + lanes - 1) // lanes):
            # A parallel index is unsigned, and unsigned with signed makes a float.
            forward_group(x0, p, u, interval, steps, when, n_records, out, np.int64(group) * lanes)
        return out

    @_jit
    def record_group(m, u, first, n_sites, interval, steps, end, trajectory, drives):
        """Run one group forward and keep every state, for the sweep back."""
        h = interval / steps
        for t in range(end):
            if not linear:
                drive_at(m, u, t, first, n_sites, 0.0, W0)
                for j in range(all_drive):
                    drives[t, j] = m[W0 + j]
            for s in range(steps):
                for j in range(all_pools):
                    trajectory[t * steps + s, j] = m[Z + j]
                if linear:
                    drive_step(m, u, t, first, n_sites, s, steps)
                    step(m, W0, W1, W2, h)
                else:
                    step(m, W0, W0, W0, h)

    @_jit
    def sweep_group(m, u, ub, first, n_sites, interval, steps, when, n_records, g, trajectory, drives):
        h = interval / steps
        record = n_records - 1
        for j in range(n_states * lanes):
            m[LAM + j] = 0.0
        for j in range(all_setup):
            m[QB + j] = 0.0
        for t in range(when[record], -1, -1):
            while record >= 0 and when[record] == t:
                for lane in range(min(lanes, n_sites - first)):
                    for state in range(n_states):
                        m[LAM + state * lanes + lane] += g[record, first + lane, state]
                record -= 1
            if t == 0:
                break
            if not linear:
                for j in range(all_drive):
                    m[W0 + j] = drives[t - 1, j]
                    m[WB0 + j] = 0.0
            for s in range(steps - 1, -1, -1):
                for j in range(all_pools):
                    m[Z + j] = trajectory[(t - 1) * steps + s, j]
                if linear:
                    for j in range(all_drive):
                        m[WB0 + j] = 0.0
                        m[WB1 + j] = 0.0
                        m[WB2 + j] = 0.0
                    drive_step(m, u, t - 1, first, n_sites, s, steps)
                    step_back(m, W0, W1, W2, h, WB0, WB1, WB2)
                    if START:
                        drive_back(m, u, ub, t - 1, first, n_sites, s / steps, WB0)
                    if MIDDLE:
                        drive_back(m, u, ub, t - 1, first, n_sites, (s + 0.5) / steps, WB1)
                    if END:
                        drive_back(m, u, ub, t - 1, first, n_sites, (s + 1.0) / steps, WB2)
                else:
                    step_back(m, W0, W0, W0, h, WB0, WB0, WB0)
            if not linear:
                drive_back(m, u, ub, t - 1, first, n_sites, 0.0, WB0)

    @_jit
    def reverse(x0, p, u, interval, steps, when, g):
        check(x0, p, u)
        n_sites = x0.shape[0]
        x0b = np.zeros((n_sites, n_pools))
        pb = np.zeros(p.shape)
        ub = np.zeros(u.shape if driver_gradients else (0, 0, 0))
        n_records = usable(u, when)
        if n_records == 0:
            return x0b, pb, ub
        end = when[n_records - 1]
        # Memory of one group's run, used again for the next group.
        trajectory = np.empty((end * steps, all_pools))
        drives = np.empty((0 if linear else end, all_drive))
        m = np.zeros(size)
        for first in range(0, n_sites, lanes):
            start(m, x0, p, first)
            record_group(m, u, first, n_sites, interval, steps, end, trajectory, drives)
            sweep_group(m, u, ub, first, n_sites, interval, steps, when, n_records, g, trajectory, drives)
            for a in range(n_parameters * lanes):
                m[PB + a] = 0.0
            setup_pullback(m, P, QB, PB)
            for lane in range(min(lanes, n_sites - first)):
                for pool in range(n_pools):
                    x0b[first + lane, pool] = m[LAM + pool * lanes + lane]
                ip = first + lane if p.shape[0] > 1 else 0
                for a in range(n_parameters):
                    pb[ip, a] += m[PB + a * lanes + lane]
        return x0b, pb, ub

    return numba.njit(**OPTIONS, parallel=parallel)(forward), reverse
