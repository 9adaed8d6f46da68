"""Loops over time and sites around a compiled step.

Sites are taken in groups of lanes, each group from start to end, so that its
state stays in the processor's nearest memory. The reverse sweep needs the
states before every step, its path: a forward run keeps those of all sites when
they are few enough, otherwise the sweep runs each group once more.

The text of this module is part of every kernel's cache key.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from socbayes.core.kernels import Program, layout, readings
from socbayes.core.vectors import INNER, OPTIONS, compiled, interleaved

# One step is a chain of dependent operations: several sites side by side fill
# the pipeline and the vector registers.
LANES = 8
# A path larger than the processor's cache takes longer to write and read than to run once more.
KEPT_BYTES = 12_000_000
# Rows of drivers asked for in advance.
AHEAD = 16
_jit = numba.njit(**INNER)
_inline = numba.njit(forceinline=True, **INNER)


@lru_cache(maxsize=256)
def build(program: Program, parallel: bool = False) -> tuple[Any, Any]:
    """Forward run and reverse sweep of a program.

    Parameters
    ----------
    program
        From :func:`socbayes.core.kernels.program`.
    parallel
        Whether forward runs share the sites among threads. Inside a sampler
        chains already run in threads, so only ``simulate`` asks for it.

    Returns
    -------
    forward, reverse
        ``forward(x0, p, u, interval, steps, when, keep) -> (out, path)`` and
        ``reverse(x0, p, u, interval, steps, when, path, g) -> (x0b, pb, ub)``;
        ``path`` is empty unless kept, and ``ub`` unless the program was built
        with driver gradients.
    """
    lanes = LANES
    place, forward_size, size = layout(program, lanes)
    setup, setup_back = (compiled([(program.stage(name), place)], lanes) for name in ("setup", "setup_back"))
    step, step_back = (compiled([(program.stage(name), place)], lanes, "x") for name in ("step", "step_back"))
    at_reading = readings(program, place)
    drive, drive_back = (
        compiled([(program.stage(name), at) for at in at_reading], lanes) for name in ("drive", "drive_back")
    )
    linear, driver_gradients = program.linear, program.driver_gradients
    n_pools, n_states = program.n_pools, program.n_states
    n_parameters, n_drivers = program.n_parameters, program.n_drivers
    width = np.int64(n_states * lanes)
    per_row = program.n_drive > 0 or driver_gradients
    # NumPy integers, because numba compiles a function anew for every literal.
    P, H, LAM, PB = (np.int64(place[name]) for name in ("p", "h", "lam", "pb"))
    ROW_BACK, SIZE = np.int64(place["wb"]), np.int64(size)
    AT = np.array(program.places)
    U = np.array([at["u"] for at in at_reading])
    UB = np.array([at["ub"] for at in at_reading])

    side_by_side = interleaved(n_drivers, lanes)

    # `first` is the first site of a group of lanes; lanes beyond the last site repeat it.

    @_inline
    def load(m, u, t, first, fraction, to, ahead):
        """Drivers ``fraction`` of the way from row ``t`` to the next; asks for those ``ahead`` rows further."""
        if not linear and first + lanes <= u.shape[1] and u.strides[1] == 8 * n_drivers and u.strides[2] == 8:
            side_by_side(m, to, u, t * u.strides[0] + first * u.strides[1], ahead * u.strides[0])
            return
        for lane in range(lanes):
            k = min(first + lane, u.shape[1] - 1)
            for d in range(n_drivers):
                value = u[t, k, d]
                if linear:
                    value += fraction * (u[t + 1, k, d] - value)
                m[to + d * lanes + lane] = value

    @_inline
    def prepare(m, u, t, first, s, steps, ahead):
        """Drivers, and what depends on them, for step ``s`` of row ``t``."""
        for k in range(U.size):
            load(m, u, t, first, (s + AT[k]) / steps, U[k], ahead)
        drive(m)

    @_jit
    def prepare_back(m, ub, t, first, n_sites, s, steps):
        drive_back(m)
        if driver_gradients:
            for lane in range(min(lanes, n_sites - first)):
                site = first + lane if ub.shape[1] > 1 else 0
                for k in range(U.size):
                    fraction = (s + AT[k]) / steps if linear else 0.0
                    for d in range(n_drivers):
                        value = m[UB[k] + d * lanes + lane]
                        ub[t, site, d] += (1.0 - fraction) * value
                        if linear:
                            ub[t + 1, site, d] += fraction * value

    @_jit
    def start(m, path, x0, p, first, h):
        for lane in range(lanes):
            i = min(first + lane, x0.shape[0] - 1)
            ip = i if p.shape[0] > 1 else 0
            for a in range(n_parameters):
                m[P + a * lanes + lane] = p[ip, a]
            for state in range(n_states):
                path[state * lanes + lane] = x0[i, state] if state < n_pools else 0.0
            m[H + lane] = h
        setup(m)

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
    def run(m, u, first, steps, begin, end, path, stride):
        """From row ``begin`` to row ``end``; a step's state comes ``stride`` after that of the one before."""
        for t in range(begin, end):
            for s in range(steps):
                if linear or s == 0:
                    prepare(m, u, t, first, s, steps, AHEAD)
                at = (t * steps + s) * stride
                step(m, path, at, at + stride)

    @_jit
    def forward_group(x0, p, u, h, steps, when, n_records, out, first, path, stride):
        m = np.empty(forward_size)
        start(m, path, x0, p, first, h)
        t = 0
        for record in range(n_records):
            run(m, u, first, steps, t, when[record], path, stride)
            t = when[record]
            at = t * steps * stride
            for lane in range(min(lanes, x0.shape[0] - first)):
                for state in range(n_states):
                    out[record, first + lane, state] = path[at + state * lanes + lane]

    def forward(x0, p, u, interval, steps, when, keep):
        check(x0, p, u)
        n_sites = x0.shape[0]
        n_groups = (n_sites + lanes - 1) // lanes
        out = np.empty((when.size, n_sites, n_states))
        n_records = usable(u, when)
        for record in range(n_records, when.size):
            for site in range(n_sites):
                for state in range(n_states):
                    out[record, site, state] = np.nan  # outside the drivers
        length = ((when[n_records - 1] if n_records else 0) * steps + 1) * width
        kept = keep and 8 * length * n_groups <= KEPT_BYTES
        path = np.empty((n_groups, length)) if kept else np.empty((0, width))
        for group in numba.prange(n_groups):
            # A parallel index is unsigned, and unsigned with signed makes a float.
            first = np.int64(group) * lanes
            own = path[group] if kept else np.empty(width)
            forward_group(
                x0, p, u, interval / steps, steps, when, n_records, out, first, own, width if kept else np.int64(0)
            )
        return out, path

    @_jit
    def sweep_group(m, u, ub, first, n_sites, steps, when, n_records, g, path):
        record = n_records - 1
        for j in range(LAM, SIZE):
            m[j] = 0.0
        for t in range(when[record], -1, -1):
            while record >= 0 and when[record] == t:
                for lane in range(min(lanes, n_sites - first)):
                    for state in range(n_states):
                        m[LAM + state * lanes + lane] += g[record, first + lane, state]
                record -= 1
            if t == 0:
                break
            for s in range(steps - 1, -1, -1):
                if linear or s == steps - 1:
                    prepare(m, u, t - 1, first, s, steps, -AHEAD)
                    if per_row:
                        for j in range(ROW_BACK, SIZE):
                            m[j] = 0.0
                at = ((t - 1) * steps + s) * width
                step_back(m, path, at, at + width)
                if per_row and (linear or s == 0):
                    prepare_back(m, ub, t - 1, first, n_sites, s, steps)

    @numba.njit(**OPTIONS)
    def reverse(x0, p, u, interval, steps, when, path, g):
        check(x0, p, u)
        n_sites = x0.shape[0]
        x0b = np.zeros((n_sites, n_pools))
        pb = np.zeros(p.shape)
        ub = np.zeros(u.shape if driver_gradients else (0, 0, 0))
        n_records = usable(u, when)
        if n_records == 0:
            return x0b, pb, ub
        end = when[n_records - 1]
        kept = path.shape[0] > 0
        # Memory of one group's run, used again for the next group.
        own = np.empty(width if kept else (end * steps + 1) * width)
        m = np.empty(size)
        for first in range(0, n_sites, lanes):
            start(m, own, x0, p, first, interval / steps)
            if not kept:
                run(m, u, first, steps, 0, end, own, width)
            sweep_group(m, u, ub, first, n_sites, steps, when, n_records, g, path[first // lanes] if kept else own)
            setup_back(m)
            for lane in range(min(lanes, n_sites - first)):
                for pool in range(n_pools):
                    x0b[first + lane, pool] = m[LAM + pool * lanes + lane]
                ip = first + lane if p.shape[0] > 1 else 0
                for a in range(n_parameters):
                    pb[ip, a] += m[PB + a * lanes + lane]
        return x0b, pb, ub

    return numba.njit(**OPTIONS, parallel=parallel)(forward), reverse
