"""Carbon between layers of soil: leached, mixed by animals and ploughed, as flows of finite volumes.

The flux between two layers is that of Scharfetter and Gummel 1969, IEEE Transactions on Electron Devices 16:64-77: what
is steady under leaching and mixing alone is exact, and no coefficient is negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from socbayes.core.dimensions import per_year
from socbayes.core.mathematics import exp, less, maximum, minimum, where
from socbayes.core.structure import Flow

if TYPE_CHECKING:
    from socbayes.core.layers import _Plan as Plan

LEACHED, PLOUGHING = "leached", "ploughing"
_STILL, _STEEP = 1e-30, 500.0  # least diffusivity in a ratio, largest Peclet number whose exponential is one


def transport(plan: Plan, x: Any, p: Any, u: Any) -> Iterator[Flow]:
    """Leaching and mixing; pools that move alike share their coefficients."""
    moving: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for pool in plan.structure.pools:
        if pool in plan.structure.inert:
            continue
        how = (f"leaching_{pool}" if f"leaching_{pool}" in plan.leaching else "", plan.mixed.get(pool, ""))
        if how not in moving:
            moving[how] = _coefficients(plan, *how, p, u)
        for k, (down, up) in enumerate(moving[how], 1):
            here, below = f"{pool}_{k}", f"{pool}_{k + 1}" if k < plan.n else LEACHED
            if down is not None:
                yield Flow(here, below, down * x[here], carries=True)
            if up is not None:
                yield Flow(below, here, up * x[below], carries=True)


def _coefficients(plan: Plan, speed: str, spread: str, p: Any, u: Any) -> list[tuple[Any, Any]]:
    """What share of a layer moves down, and of that below up, 1/time; None where nothing does."""
    years, thickness = per_year(plan.structure.time_unit), plan.thickness
    v = p[speed] / years if speed else None
    mixing = [p[spread] / years] if spread else []
    turning = [u[PLOUGHING] * plan.boundaries[plan.ploughed] ** 2] if plan.ploughed else []
    known: dict[tuple[Any, ...], tuple[Any, Any]] = {}  # layers of like thickness share them
    found = []
    for k, (above, below) in enumerate(pairwise(thickness), 1):
        key = (above, below, k < plan.ploughed)
        if key not in known:
            d = [*mixing, *(turning if k < plan.ploughed else [])]
            down, up = _exchange(v, sum(d[1:], d[0]) if d else None, 0.5 * (above + below))
            first = None if down is None else down / above
            same = up is down and above == below
            known[key] = (first, first if same else None if up is None else up / below)
        found.append(known[key])
    return found if v is None else [*found, (v / thickness[-1], None)]


def _exchange(v: Any, d: Any, distance: float) -> tuple[Any, Any]:
    """Velocities down and up between two layers, cm/time; None where nothing moves."""
    if d is None:
        return v, None
    if v is None:
        both = d / distance
        return both, both
    peclet = minimum(v * distance / maximum(d, _STILL), _STEEP)
    # exp(P) - 1 over P: its series where the difference would lose digits.
    series = 1.0 + peclet * (1.0 / 2.0 + peclet * (1.0 / 6.0 + peclet * (1.0 / 24.0 + peclet / 120.0)))
    some = less(1e-3, peclet)
    larger = where(some, peclet, 1.0)
    up = d / distance * where(some, larger / (exp(larger) - 1.0), 1.0 / series)
    return up + v, up


__all__ = ["LEACHED", "PLOUGHING", "transport"]
