"""Bounds of a scalar graph from the bounds of its inputs.

A scheme that keeps pools positive must know which flows may turn round. Most
cannot, and to prove it saves the work of allowing for it: interval arithmetic
over the declared bounds of parameters and drivers, with pools not negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import toposort

Interval = tuple[float, float]
ANY: Interval = (-math.inf, math.inf)


def _product(a: float, b: float) -> float:
    # An unbounded rate of an empty pool moves nothing.
    return 0.0 if a == 0.0 or b == 0.0 else a * b


def _multiply(*factors: Interval) -> Interval:
    low, high = factors[0]
    for other in factors[1:]:
        ends = [_product(a, b) for a in (low, high) for b in other]
        low, high = min(ends), max(ends)
    return low, high


def _divide(a: Interval, b: Interval) -> Interval:
    if b[0] < 0.0 < b[1] or b == (0.0, 0.0):
        return ANY
    sign = 1.0 if b[0] >= 0.0 else -1.0
    inverse = sorted(sign * math.inf if end == 0.0 else (0.0 if math.isinf(end) else 1.0 / end) for end in b)
    return _multiply(a, (inverse[0], inverse[1]))


def _power(a: Interval, b: Interval) -> Interval:
    if a[0] < 0.0:
        return (0.0, math.inf) if b == (2.0, 2.0) else ANY
    return (0.0, math.inf)


def _exp(a: Interval) -> Interval:
    return (0.0 if a[0] < -700 else math.exp(a[0]), math.inf if a[1] > 700 else math.exp(a[1]))


def _monotone(function: Callable[[float], float], low: float, high: float) -> Callable[[Interval], Interval]:
    def apply(a: Interval) -> Interval:
        return (low if a[0] == -math.inf else function(a[0])), (high if a[1] == math.inf else function(a[1]))

    return apply


_RULES: dict[str, Callable[..., Interval]] = {
    "Add": lambda *a: (sum(i[0] for i in a), sum(i[1] for i in a)),
    "Sub": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "Mul": _multiply,
    "TrueDiv": _divide,
    "Neg": lambda a: (-a[1], -a[0]),
    "Exp": _exp,
    "Log": lambda a: (
        -math.inf if a[0] <= 0.0 else math.log(a[0]),
        math.inf if a[1] == math.inf or a[1] <= 0.0 else math.log(a[1]),
    ),
    "Sqrt": lambda a: (0.0, math.inf),
    "Sqr": lambda a: (0.0, math.inf),
    "Abs": lambda a: (0.0, math.inf),
    "Pow": _power,
    "ArcTan": _monotone(math.atan, -math.pi / 2, math.pi / 2),
    "Tanh": _monotone(math.tanh, -1.0, 1.0),
    "Sigmoid": lambda a: (0.0, 1.0),
    "Minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "Maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "Clip": lambda a, b, c: (max(a[0], b[0]), min(a[1], c[1])),
    "Switch": lambda _, a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "Cast": lambda a: a,
    "Identity": lambda a: a,
}


def bounds(variable: Variable[Any, Any], known: Mapping[Variable[Any, Any], Interval]) -> Interval:
    """Smallest and largest value that ``variable`` can take, or an interval that holds them.

    Examples
    --------
    >>> import pytensor.scalar as ps
    >>> e, pool = ps.float64("e"), ps.float64("pool")
    >>> bounds((1.0 - e) * pool, {e: (0.0, 1.0), pool: (0.0, float("inf"))})
    (0.0, inf)
    """
    found: dict[Variable[Any, Any], Interval] = dict(known)

    def of(v: Variable[Any, Any]) -> Interval:
        if v not in found:
            found[v] = (float(v.data), float(v.data)) if isinstance(v, Constant) else ANY
        return found[v]

    for node in toposort([variable]):
        if node.outputs[0] not in found:
            rule = _RULES.get(type(node.op).__name__)
            ends = rule(*(of(i) for i in node.inputs)) if rule else ANY
            found[node.outputs[0]] = ANY if any(math.isnan(end) for end in ends) else ends
    return of(variable)
