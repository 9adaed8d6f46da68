"""Steady states of one structure at many sites, compiled by numba.

From a positive start, implicit Euler steps of growing length follow the
system's own dynamics until they are Newton steps. That reaches the stable
root: a plain Newton iteration is as happy with a root at which a microbial
pool is extinct. A step that would change a pool by more than a factor of three
is not taken but shortened, so pools stay positive.

The text of this module is part of the cache key.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from socbayes.core.kernels import Program
from socbayes.core.vectors import OPTIONS, compiled

FOUND, NOT_CONVERGED, EXTINCT, NEGATIVE, FAILED = 0, 1, 2, 3, 4
_MAX_ITERATIONS = 2000
_TOLERANCE = 1e-12  # relative change of every pool in the last, undamped step
_EXTINCT = 1e-12  # of total carbon
_BOLD = 3.0  # factor by which a pool may change in one step
_jit = numba.njit(**OPTIONS)


@_jit
def _solve(a, b):
    """Solve a x = b in place by elimination with partial pivoting; False if singular."""
    n = b.size
    for j in range(n):
        pivot = j
        for i in range(j + 1, n):
            if abs(a[i, j]) > abs(a[pivot, j]):
                pivot = i
        if not abs(a[pivot, j]) > 0.0:
            return False
        if pivot != j:
            for k in range(n):
                a[j, k], a[pivot, k] = a[pivot, k], a[j, k]
            b[j], b[pivot] = b[pivot], b[j]
        for i in range(j + 1, n):
            factor = a[i, j] / a[j, j]
            if factor != 0.0:
                for k in range(j, n):
                    a[i, k] -= factor * a[j, k]
                b[i] -= factor * b[j]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            b[i] -= a[i, k] * b[k]
        b[i] /= a[i, i]
    return True


def _layout(program: Program) -> tuple[dict[str, int], int]:
    """Where each group of numbers begins, and how many there are."""
    n = program.n_pools
    sizes = {"x": n, "q": program.n_setup, "w": program.n_drive, "p": program.n_parameters, "u": program.n_drivers}
    sizes |= {"f": n, "jac": n * n, "g": n} | {f"{name}b": size for name, size in sizes.items()}
    place, position = {}, 0
    for name, size in sizes.items():
        place[name] = position
        position += size
    return place, position


@lru_cache(maxsize=64)
def build(program: Program, inert: tuple[int, ...], linear: bool, driver_gradients: bool) -> tuple[Any, Any]:
    """Solver and its adjoint.

    Parameters
    ----------
    program
        From :func:`socbayes.core.kernels.equilibrium_program`.
    inert
        Positions of pools that stay as given.
    linear
        Whether one linear solve is enough.
    driver_gradients
        Whether the adjoint returns cotangents of the drivers.

    Returns
    -------
    solve, back
        ``solve(x0, p, u) -> (x, status, n_iterations)`` and
        ``back(x, p, u, g) -> (pb, ub)``.
    """
    n, n_parameters, n_drivers = program.n_pools, program.n_parameters, program.n_drivers
    place, SIZE = _layout(program)
    setup, setup_back, drive, drive_back, rates, rates_back, jacobian = (
        compiled([(program.stage(name), place)], 1)
        for name in ("setup", "setup_back", "drive", "drive_back", "rates", "rates_back", "jacobian")
    )
    X, P, U, F, JAC, G, XB, PB, UB = (place[name] for name in ("x", "p", "u", "f", "jac", "g", "xb", "pb", "ub"))
    fixed = np.zeros(n, dtype=np.bool_)
    for pool in inert:
        fixed[pool] = True

    @_jit
    def prepare(m, p, u, i):
        ip = i if p.shape[0] > 1 else 0
        iu = i if u.shape[0] > 1 else 0
        for j in range(n_parameters):
            m[P + j] = p[ip, j]
        for j in range(n_drivers):
            m[U + j] = u[iu, j]
        setup(m)
        drive(m)

    @_jit
    def fill(m, a):
        """Rates into m[F], Jacobian into a, with inert pools held."""
        rates(m)
        jacobian(m)
        for i in range(n):
            for j in range(n):
                a[i, j] = m[JAC + i * n + j]
            if fixed[i]:
                m[F + i] = 0.0
                a[i, :] = 0.0
                a[i, i] = -1.0

    @_jit
    def solve_linear(m, a, b):
        fill(m, a)
        for i in range(n):
            b[i] = -m[F + i]
        if not _solve(a, b):
            return FAILED
        for i in range(n):
            m[X + i] += b[i]
            if not m[X + i] >= 0.0:
                return NEGATIVE
        return FOUND

    @_jit
    def extinct(m):
        total = 0.0
        for i in range(n):
            total += m[X + i]
        dead = False
        for i in range(n):
            dead = dead or (not fixed[i] and m[X + i] <= _EXTINCT * total)
        return dead

    @_jit
    def follow(m, a, b):
        fill(m, a)
        step = 0.0
        for i in range(n):
            step = max(step, abs(a[i, i]))
        step = 1.0 / step if step > 0.0 else 1.0
        for iteration in range(_MAX_ITERATIONS):
            fill(m, a)
            for i in range(n):
                b[i] = m[F + i]
                for j in range(n):
                    a[i, j] = -a[i, j]
                a[i, i] += 1.0 / step
            if not _solve(a, b):
                return FAILED, iteration
            change, bold, total = 0.0, False, 0.0
            for i in range(n):
                if b[i] != b[i]:
                    return FAILED, iteration
                total += m[X + i]
            for i in range(n):
                new = m[X + i] + b[i]
                if m[X + i] > _EXTINCT * total or new > _EXTINCT * total:
                    bold = bold or new < m[X + i] / _BOLD or new > m[X + i] * _BOLD
                    change = max(change, abs(b[i]) / m[X + i])
            if bold:
                step *= 0.25  # too far for one step: leave the pools and try a shorter one
                continue
            for i in range(n):
                m[X + i] = max(m[X + i] + b[i], 0.1 * m[X + i])
            if change < _TOLERANCE and step > 1e20:
                return (EXTINCT if extinct(m) else FOUND), iteration
            step = min(step * (2.0 if change > 0.1 else 10.0), 1e30)
        return (EXTINCT if extinct(m) else NOT_CONVERGED), _MAX_ITERATIONS

    @_jit
    def solve(x0, p, u):
        n_sites = x0.shape[0]
        x = np.full((n_sites, n), np.nan)
        status = np.empty(n_sites, dtype=np.int64)
        iterations = np.zeros(n_sites, dtype=np.int64)
        m, a, b = np.zeros(SIZE), np.empty((n, n)), np.empty(n)
        for i in range(n_sites):
            prepare(m, p, u, i)
            for j in range(n):
                m[X + j] = x0[i, j]
            if linear:
                status[i] = solve_linear(m, a, b)
            else:
                status[i], iterations[i] = follow(m, a, b)
            if status[i] == FOUND:
                for j in range(n):
                    x[i, j] = m[X + j]
        return x, status, iterations

    @_jit
    def back(x, p, u, g):
        """Implicit function theorem: J' lam = g, then -lam through the rates."""
        pb = np.zeros(p.shape)
        ub = np.zeros(u.shape if driver_gradients else (0, 0))
        m, a, b = np.zeros(SIZE), np.empty((n, n)), np.empty(n)
        for i in range(x.shape[0]):
            prepare(m, p, u, i)
            for j in range(n):
                m[X + j] = x[i, j]
            fill(m, a)
            transposed = a.T.copy()
            for j in range(n):
                b[j] = g[i, j]
            if not _solve(transposed, b):
                b[:] = np.nan
            for j in range(n):
                m[G + j] = 0.0 if fixed[j] else -b[j]
            m[XB:SIZE] = 0.0
            rates_back(m)
            drive_back(m)
            setup_back(m)
            ip = i if p.shape[0] > 1 else 0
            for j in range(n_parameters):
                pb[ip, j] += m[PB + j]
            if driver_gradients:
                iu = i if u.shape[0] > 1 else 0
                for j in range(n_drivers):
                    ub[iu, j] += m[UB + j]
        return pb, ub

    return solve, back
