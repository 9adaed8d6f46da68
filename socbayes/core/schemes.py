"""Integration schemes, written on scalar graphs.

A scheme turns the rates of the flows into the state after one step and into
its exact discrete adjoint. Each is ``scheme(structure, rates, state, h, lam, new)``:

``rates(pools, place)``
    Rates of the flows at given pools, with the drivers at ``place`` within the
    step (0, 0.5 or 1); for a scheme in ``SPECIFIC`` over the source pool.
``state``, ``h``
    Pools and sinks before the step, and its length.
``lam``
    Cotangent of the state after the step.
``new``
    The state after the step, which ``pull`` may read.

It returns the state after the step and ``pull(wrt)``, the cotangents of
``wrt``. Everything else (merging, compiling, looping over time and sites)
is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytensor.scalar as ps
from pytensor.scalar.basic import as_scalar

from socbayes.core.bounds import bounds
from socbayes.core.mathematics import EMPTY, share
from socbayes.core.scalar_graph import gradients, substitute
from socbayes.core.structure import INPUT, Flow, Structure

Rates = Callable[[Sequence[Any], float], list[Any]]
Pull = Callable[[Sequence[Any]], list[Any]]

PLACES = {"euler": (0.0,), "rk4": (0.0, 0.5, 1.0), "mprk22": (0.0, 1.0)}
"""Where within a step each scheme reads the drivers."""
SPECIFIC = ("mprk22",)
"""Schemes that take rates over the source pool."""


def _total(terms: Sequence[Any]) -> Any:
    return sum(terms[1:], start=terms[0]) if terms else as_scalar(0.0)


def _weighted(cotangents: Sequence[Any], values: Sequence[Any]) -> Any:
    return _total([a * b for a, b in zip(cotangents, values, strict=True)])


def tendencies(structure: Structure, rates: Sequence[Any], flows: Sequence[Flow] | None = None) -> list[Any]:
    """Rate of change of every pool and sink, assembled from the rates of the flows, by default all."""
    change: dict[str, Any] = {}
    for flow, rate in zip(structure.trace.flows if flows is None else flows, rates, strict=True):
        if flow.source != INPUT:
            change[flow.source] = -rate if flow.source not in change else change[flow.source] - rate
        gainers = (flow.target, flow.called) if flow.called in structure.meters else (flow.target,)
        for name in gainers:
            change[name] = rate if name not in change else change[name] + rate
    return [change.get(name, as_scalar(0.0)) for name in structure.state]


def _explicit(after: list[Any], lam: Sequence[Any]) -> tuple[list[Any], Pull]:
    return after, lambda wrt: gradients(_weighted(lam, after), wrt)


def _euler(
    structure: Structure, rates: Rates, state: Sequence[Any], h: Any, lam: Sequence[Any], new: Sequence[Any]
) -> tuple[list[Any], Pull]:
    n = len(structure.pools)
    now = rates(state[:n], 0.0)
    changing, carrying = (
        [both for both in zip(structure.trace.flows, now, strict=True) if both[0].carries == carries]
        for carries in (False, True)
    )
    change = tendencies(structure, [rate for _, rate in changing], [flow for flow, _ in changing])
    z = [old + h * c for old, c in zip(state, change, strict=True)]
    if not carrying:
        return _explicit(z, lam)
    # Transport is a linear system of what is there after all else, so no rate of it is too fast for a step.
    moves = _transfers(structure, [rate for _, rate in carrying], z, z, h, [flow for flow, _ in carrying])
    system = _System(n, moves, columns=True)
    y = list(new[:n])  # the reverse sweep has it, so nothing is solved forward again
    moved = _move(moves, z, y, n)
    values = dict(zip(y, system.solve(z[:n]), strict=True))

    def pull(wrt: Sequence[Any]) -> list[Any]:
        """As in the implicit scheme below, of which this is one stage."""
        v = [ps.float64(f"v_{i}") for i in range(n)]
        into_sinks = _weighted(lam[n:], moved[n:])
        y_bar = [a + b for a, b in zip(lam[:n], gradients(into_sinks, y), strict=True)]
        result = gradients(_weighted(v, moved[:n]) + into_sinks, wrt)
        return substitute(result, dict(zip(v, system.solve_transposed(y_bar), strict=True)))

    return substitute([*y, *moved[n:]], values), pull


def _rk4(
    structure: Structure, rates: Rates, state: Sequence[Any], h: Any, lam: Sequence[Any], new: Sequence[Any]
) -> tuple[list[Any], Pull]:
    pools = state[: len(structure.pools)]

    def slope(place: float, reach: float, k: Sequence[Any]) -> list[Any]:
        moved = [z + reach * h * change for z, change in zip(pools, k, strict=False)] if k else pools
        return tendencies(structure, rates(moved, place))

    k1 = slope(0.0, 0.0, [])
    k2 = slope(0.5, 0.5, k1)
    k3 = slope(0.5, 0.5, k2)
    k4 = slope(1.0, 1.0, k3)
    slopes = zip(state, k1, k2, k3, k4, strict=True)
    after = [z + h / 6.0 * (a + 2.0 * b + 2.0 * c + d) for z, a, b, c, d in slopes]
    return _explicit(after, lam)


# --- the implicit scheme ------------------------------------------------------------


def _mprk22(
    structure: Structure, rates: Rates, state: Sequence[Any], h: Any, lam: Sequence[Any], new: Sequence[Any]
) -> tuple[list[Any], Pull]:
    """Build the modified Patankar-Runge-Kutta scheme of order two, alpha = 1.

    Burchard, Deleersnijder and Meister 2003, Applied Numerical Mathematics
    47:1-30, equation 30. A flow is weighted by new over old content of the pool
    that loses it, which makes both stages linear systems with positive
    solutions. A flow with a negative rate is the flow in the other direction.
    Carbon from outside enters explicitly. Pools stay positive for parameters and
    drivers within their declared bounds: beyond them a flow taken to run one way
    may not.

    Notes
    -----
    The adjoint of a stage ``y = z + change(y)`` is the gradient of
    ``v (z + change(y))`` with ``y`` and ``v`` held, where ``v`` solves the
    transposed system for the cotangent of ``y``.
    """
    n = len(structure.pools)
    pools = state[:n]
    half = 0.5 * h
    first = rates(pools, 0.0)
    one = _transfers(structure, first, pools, pools, h)
    system_one = _System(n, one)
    y1_value = system_one.solve(pools)

    y1 = [ps.float64(f"y1_{i}") for i in range(n)]
    again = _transfers(structure, first, pools, y1, half)
    two = again + _transfers(structure, rates(y1, 1.0), y1, y1, half)
    system_two = _System(n, two)
    y2_value = system_two.solve(pools)

    y2 = [ps.float64(f"y2_{i}") for i in range(n)]
    moved_one = _move(one, pools, y1, n)
    moved_two = _move(two, state, y2, n)
    values = dict(zip(y1, y1_value, strict=True))
    values |= dict(zip(y2, substitute(y2_value, values), strict=True))
    after = substitute([*y2, *moved_two[n:]], values)

    def pull(wrt: Sequence[Any]) -> list[Any]:
        v1 = [ps.float64(f"v1_{i}") for i in range(n)]
        v2 = [ps.float64(f"v2_{i}") for i in range(n)]
        into_sinks = _weighted(lam[n:], moved_two[n:])
        y2_bar = [a + b for a, b in zip(lam[:n], gradients(into_sinks, y2), strict=True)]
        second = _weighted(v2, moved_two[:n]) + into_sinks
        y1_bar = gradients(second, y1)
        result = gradients(second + _weighted(v1, moved_one), wrt)
        known = values | dict(zip(v2, substitute(system_two.solve_transposed(y2_bar), values), strict=True))
        known |= dict(zip(v1, substitute(system_one.solve_transposed(y1_bar), known), strict=True))
        return substitute(result, known)

    return after, pull


class _Transfer(NamedTuple):
    """Carbon that leaves one state for another within a step."""

    #: State that loses and state that gains; None is outside.
    loser: int | None
    gainer: int | None
    coefficient: Any
    #: Whether the coefficient is per carbon in the loser after the step, not an amount.
    weighted: bool
    #: State that counts the flow, None if none does, and whether against its direction.
    meter: int | None
    back: bool = False


def _transfers(
    structure: Structure,
    rates: Sequence[Any],
    over: Sequence[Any],
    under: Sequence[Any],
    h: Any,
    flows: Sequence[Flow] | None = None,
) -> list[_Transfer]:
    """Weighted flows: ``rates`` times the pools ``over``, weighted by new pools over ``under``."""
    position = {name: i for i, name in enumerate(structure.state)}
    n = len(structure.pools)
    per_step: dict[Any, Any] = {}  # a rate that flows share is taken times the step once
    result: list[_Transfer] = []
    for flow, rate in zip(structure.trace.flows if flows is None else flows, rates, strict=True):
        source, target, meter = position.get(flow.source), position[flow.target], None
        if flow.called in structure.meters:
            meter = position[flow.called]
        forward, backward = rate, None
        if _may_turn(structure, flow):
            # NaN survives in the second. Not as a difference: over a pool of next to nothing its derivatives, which
            # cancel, would drown all others.
            ahead = ps.gt(rate, 0.0)
            forward, backward = ps.switch(ahead, rate, 0.0), ps.switch(ahead, 0.0, -rate)
        if source is None:
            result.append(_Transfer(None, target, h * forward, False, meter))
        else:
            coefficient = per_step.setdefault(forward, h * forward)
            if over is not under:
                coefficient = coefficient * _ratio(over[source], under[source])
            result.append(_Transfer(source, target, coefficient, True, meter))
        if backward is None:
            continue
        amount = backward if source is None else backward * over[source]
        if target < n:
            # An empty pool has nothing to send back.
            result.append(_Transfer(target, source, h * share(amount, under[target]), True, meter, True))
        else:
            result.append(_Transfer(target, source, h * amount, False, meter, True))
    return result


def _may_turn(structure: Structure, flow: Any) -> bool:
    # A rate over its positive pool has the sign of the rate.
    return not bounds(flow.rate, structure.bounds)[0] >= 0.0


def _ratio(a: Any, b: Any) -> Any:
    # An empty pool weighs its own destruction by one: the limit of a / b.
    empty = ps.lt(b, EMPTY)
    return ps.switch(empty, 1.0, a / ps.switch(empty, 1.0, b))


def _move(transfers: Sequence[_Transfer], before: Sequence[Any], after: Sequence[Any], n: int) -> list[Any]:
    """States after the transfers, given the pools that weigh them."""
    result = list(before)
    for loser, gainer, coefficient, weighted, meter, back in transfers:
        amount = coefficient * after[loser] if weighted else coefficient  # type: ignore[index]
        if loser is not None and loser < len(result):
            result[loser] = result[loser] - amount
        if gainer is not None and gainer < len(result):
            result[gainer] = result[gainer] + amount
        if meter is not None and meter < len(result):
            result[meter] = result[meter] - amount if back else result[meter] + amount
    return result


class _System:
    """Symbolic sparse factors of the matrix of weighted transfers between pools.

    The matrix is diagonally dominant by columns, so no pivot needs to be
    looked for; the order of elimination is chosen to fill in little. With
    ``columns`` a pivot is summed up from what leaves a column, all of one sign
    (Grassmann, Taksar and Heyman 1985, Operations Research 33:1107-1116), so
    that no digit is lost however fast carbon is moved.
    """

    def __init__(self, n: int, transfers: Sequence[_Transfer], columns: bool = False) -> None:
        entries: dict[tuple[int, int], Any] = {(i, i): as_scalar(1.0) for i in range(n)}
        self.n = n
        self.fixed = [t for t in transfers if not t.weighted]
        excess = [as_scalar(1.0)] * n  # sums of columns over what is left
        for loser, gainer, coefficient, weighted, *_ in transfers:
            if weighted:
                assert loser is not None
                entries[loser, loser] = entries[loser, loser] + coefficient
                if gainer is None or gainer >= n:
                    excess[loser] = excess[loser] + coefficient
                if gainer is not None and gainer < n:
                    at = (gainer, loser)
                    entries[at] = entries[at] - coefficient if at in entries else -coefficient
        self.order: list[int] = []
        self.lower: dict[tuple[int, int], Any] = {}
        self.upper: dict[tuple[int, int], Any] = {}
        self.inverse: dict[int, Any] = {}
        left = set(range(n))
        while left:

            def fill(j: int) -> tuple[int, int]:
                rows = sum((i, j) in entries for i in left if i != j)
                columns = sum((j, k) in entries for k in left if k != j)
                return rows * columns, j

            j = min(left, key=fill)
            left.remove(j)
            self.order.append(j)
            pivot = entries[j, j]
            if columns:
                pivot = excess[j]
                for i in sorted(left):
                    if (i, j) in entries:
                        pivot = pivot - entries[i, j]
            self.inverse[j] = 1.0 / pivot
            across = [k for k in sorted(left) if (j, k) in entries]
            for k in across:
                self.upper[j, k] = entries[j, k]
                excess[k] = excess[k] - excess[j] * self.inverse[j] * entries[j, k]
            for i in sorted(left):
                if (i, j) in entries:
                    factor = entries[i, j] * self.inverse[j]
                    self.lower[i, j] = factor
                    for k in across:
                        product = factor * entries[j, k]
                        entries[i, k] = entries[i, k] - product if (i, k) in entries else -product

    def solve(self, before: Sequence[Any]) -> list[Any]:
        """Pools after the transfers."""
        y = _move(self.fixed, before, before, self.n)
        for j in self.order:
            for i in self.order[self.order.index(j) + 1 :]:
                if (i, j) in self.lower:
                    y[i] = y[i] - self.lower[i, j] * y[j]
        for j in reversed(self.order):
            for k in self.order[self.order.index(j) + 1 :]:
                if (j, k) in self.upper:
                    y[j] = y[j] - self.upper[j, k] * y[k]
            y[j] = y[j] * self.inverse[j]
        return y

    def solve_transposed(self, right: Sequence[Any]) -> list[Any]:
        """Solution of the transposed system."""
        y = list(right)
        for j in self.order:
            y[j] = y[j] * self.inverse[j]
            for k in self.order[self.order.index(j) + 1 :]:
                if (j, k) in self.upper:
                    y[k] = y[k] - self.upper[j, k] * y[j]
        for j in reversed(self.order):
            for i in self.order[self.order.index(j) + 1 :]:
                if (i, j) in self.lower:
                    y[j] = y[j] - self.lower[i, j] * y[i]
        return y


BUILDERS: dict[str, Callable[..., tuple[list[Any], Pull]]] = {"euler": _euler, "rk4": _rk4, "mprk22": _mprk22}
