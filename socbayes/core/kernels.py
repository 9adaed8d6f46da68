"""A step of a structure, and its vector-Jacobian product, as straight-line code.

A run is evaluated in three stages, each as rarely as possible::

    q = setup(p)                   once per site           (parameters only)
    w = drive(q, u)                once per driver row     (what is dear in parameters and drivers)
    x = step(x, q, u, w, h)        every step              (a scheme applied to the flows)

and the reverse sweep runs the same three stages backwards. An exponential of
temperature sits in ``drive``, a texture function in ``setup``, so neither is
paid for at every step. PyTensor's own ``grad`` differentiates every stage.

All numbers of a site live in one flat memory ``m``; ``x``, ``q``, ``w``, ... are
the groups it is divided into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import pytensor.scalar as ps

from socbayes.core.bounds import bounds
from socbayes.core.scalar_graph import (
    Expressions,
    Stage,
    costly,
    depends_on,
    gradients,
    specific_rate,
    split,
    substitute,
)
from socbayes.core.schemes import BUILDERS, PLACES, SPECIFIC, tendencies
from socbayes.core.structure import INPUT, Driver, Flow, Structure


@dataclass(frozen=True, eq=False)
class Program:
    """Code of one structure: plain data, compared by value.

    Being data, it can be pickled, merged in a graph and hashed into a cache
    key. ``places`` are where in a step the drivers are read: 0, 0.5 and 1 for
    its start, middle and end when they are interpolated (``linear``); just 0
    where they are held.
    """

    name: str
    n_pools: int
    n_states: int
    n_parameters: int
    n_drivers: int
    n_setup: int
    n_drive: int
    places: tuple[float, ...]
    linear: bool
    driver_gradients: bool
    stages: tuple[Stage, ...]
    key: str = field(init=False)

    def __post_init__(self) -> None:
        content = [getattr(self, name) for name in self.__dataclass_fields__ if name != "key"]
        object.__setattr__(self, "key", hashlib.sha256(repr(content).encode()).hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Program({self.name}:{self.key})"

    def __str__(self) -> str:
        return f"{self.name}:{self.key[:8]}"

    def stage(self, name: str) -> Stage:
        """One stage by name."""
        return next(stage for stage in self.stages if stage.name == name)


def plain_rates(structure: Structure) -> list[Any]:
    """Rate of every flow, carbon per time."""
    return [flow.rate for flow in structure.trace.flows]


def flow_rates(structure: Structure) -> list[Any]:
    """Per flow: rate over source pool, or the rate itself for an input."""
    pools = dict(zip(structure.pools, structure.trace.x, strict=True))
    return [
        flow.rate if flow.source == INPUT else specific_rate(flow.rate, pools[flow.source])
        for flow in structure.trace.flows
    ]


def scheme_rates(structure: Structure, scheme: str) -> list[Any]:
    """Rates as a scheme takes them: those that it weighs by new pools are over the source pool."""
    if scheme in SPECIFIC:
        return flow_rates(structure)
    if scheme != "euler" or not any(flow.carries for flow in structure.trace.flows):
        return plain_rates(structure)
    both = zip(structure.trace.flows, plain_rates(structure), flow_rates(structure), strict=True)
    return [specific if flow.carries else plain for flow, plain, specific in both]


class _Cut:
    """The flows with everything that needs no pool taken out: ``rates`` of ``x``, ``q``, ``u`` and ``w``."""

    def __init__(self, structure: Structure, rates: Sequence[Any]) -> None:
        trace = structure.trace
        early, _ = split(rates, trace.x)
        drive = [v for v in early if costly(v, trace.u)]
        w = [ps.float64(f"w{i}") for i in range(len(drive))]
        rates = substitute(rates, dict(zip(drive, w, strict=True)))
        setup, _ = split([*rates, *drive], [*trace.x, *trace.u, *w])
        q = [ps.float64(f"q{i}") for i in range(len(setup))]
        self.structure, self.setup_graph, self.q, self.w = structure, setup, q, w
        self.drive_graph = substitute(drive, dict(zip(setup, q, strict=True)))
        self.rates = substitute(rates, dict(zip(setup, q, strict=True)))

    def stages(self, driver_gradients: bool) -> list[Stage]:
        """``setup`` and ``drive``, forward and back."""
        trace = self.structure.trace
        p, q, u = _group("p", trace.p), _group("q", self.q), _group("u", trace.u)
        back = q | u if driver_gradients else q
        return [
            value_stage("setup", self.setup_graph, p, "q"),
            pullback_stage("setup_back", self.setup_graph, p, "qb", p),
            value_stage("drive", self.drive_graph, q | u, "w"),
            pullback_stage("drive_back", self.drive_graph, q | u, "wb", back),
        ]

    def sizes(self) -> dict[str, Any]:
        structure = self.structure
        return {
            "name": structure.name,
            "n_pools": len(structure.pools),
            "n_states": len(structure.state),
            "n_parameters": len(structure.parameters),
            "n_drivers": len(structure.drivers),
            "n_setup": len(self.q),
            "n_drive": len(self.w),
        }


@lru_cache(maxsize=256)
def program(structure: Structure, scheme: str, linear: bool = False, driver_gradients: bool = False) -> Program:
    """Code of a step of a structure under a scheme, and of its pullback.

    Parameters
    ----------
    structure, scheme
        What to run and how.
    linear
        Whether drivers are interpolated between rows instead of held.
    driver_gradients
        Whether the pullback reaches the drivers.
    """
    cut = _Cut(structure, scheme_rates(structure, scheme))
    trace = structure.trace
    places = PLACES[scheme] if linear else (0.0,)
    u = [[ps.float64(f"u{k}_{v}") for v in trace.u] for k in range(len(places))]
    w = [[ps.float64(f"w{k}_{v}") for v in cut.w] for k in range(len(places))]
    h = ps.float64("h")
    state = [ps.float64(name) for name in structure.state]
    lam = [ps.float64(f"lam{i}") for i in range(len(state))]
    new_state = [ps.float64(f"new_{name}") for name in structure.state]

    def rates(pools: Sequence[Any], place: float) -> list[Any]:
        k = places.index(place) if linear else 0
        new = [*zip(trace.x, pools, strict=True), *zip(trace.u, u[k], strict=True), *zip(cut.w, w[k], strict=True)]
        return substitute(cut.rates, dict(new))

    after, pull = BUILDERS[scheme](structure, rates, state, h, lam, new_state)
    groups = _group("x", state) | _group("q", cut.q) | _group("h", [h])
    wrt = _group("x", state[: len(structure.pools)]) | _group("q", cut.q)
    for k in range(len(places)):
        groups |= _group(_numbered("u", k), u[k]) | _group(_numbered("w", k), w[k])
        wrt |= _group(_numbered("w", k), w[k]) | (_group(_numbered("u", k), u[k]) if driver_gradients else {})

    table = Expressions(reciprocals=True)
    variables = list(wrt)
    rows = table.add_graph(pull(variables), groups | _group("lam", lam) | _group("new", new_state))
    outputs = [
        # The cotangent of the pools takes the place of the old one, the others add up over steps.
        ("lam", i, False, row) if group == "x" else (f"{group}b", i, True, row)
        for (group, i), row in zip(wrt.values(), rows, strict=True)
    ]
    stages = [
        *cut.stages(driver_gradients),
        value_stage("step", after, groups, "x", reciprocals=True),
        table.stage("step_back", outputs),
    ]
    return Program(**cut.sizes(), places=places, linear=linear, driver_gradients=driver_gradients, stages=tuple(stages))


@lru_cache(maxsize=64)
def equilibrium_program(structure: Structure, driver_gradients: bool = False) -> Program:
    """Code of the change of the pools (``rates``), its pullback, and its ``jacobian`` row by row."""
    cut = _Cut(structure, tendencies(structure, plain_rates(structure))[: len(structure.pools)])
    trace = structure.trace
    x, u = _group("x", trace.x), _group("u", trace.u)
    groups = x | _group("q", cut.q) | u | _group("w", cut.w)
    wrt = x | _group("q", cut.q) | _group("w", cut.w) | (u if driver_gradients else {})
    entries = [entry for output in cut.rates for entry in gradients(output, trace.x)]
    stages = [
        *cut.stages(driver_gradients),
        value_stage("rates", cut.rates, groups, "f"),
        pullback_stage("rates_back", cut.rates, groups, "g", wrt),
        value_stage("jacobian", entries, groups, "jac"),
    ]
    return Program(**cut.sizes(), places=(0.0,), linear=False, driver_gradients=driver_gradients, stages=tuple(stages))


@lru_cache(maxsize=256)
def evaluation(structure: Structure, what: str) -> Stage:
    """``"flows"`` (plain rates), ``"specific"`` (over the source pool) or ``"reports"`` as functions of x, p and u."""
    trace = structure.trace
    outputs = {
        "flows": lambda: plain_rates(structure),
        "specific": lambda: flow_rates(structure),
        "reports": lambda: list(trace.reports),
    }[what]()
    return value_stage("evaluate", outputs, _group("x", trace.x) | _group("p", trace.p) | _group("u", trace.u), "out")


@lru_cache(maxsize=64)
def hoisted(structure: Structure) -> tuple[Structure, Stage]:
    """Structure that is given its dear functions of drivers alone as drivers, and the stage that computes them.

    Drivers that are data need not go through an exponential at every gradient:
    this is done once, when the graph is built. Returns the structure itself
    when there is nothing to gain.
    """
    trace = structure.trace
    rates = plain_rates(structure)
    alone, _ = split(rates, [*trace.x, *trace.p])
    dear = [v for v in alone if costly(v, trace.u)]
    derived = [ps.float64(f"derived_{i}") for i in range(len(dear))]
    rates = substitute(rates, dict(zip(dear, derived, strict=True)))
    plain = [v for v in trace.u if any(depends_on(rate, [v]) for rate in rates)]
    stage = value_stage("evaluate", [*plain, *dear], _group("u", trace.u), "out")
    if not dear:
        return structure, stage
    inputs = [*trace.x, *trace.p, *plain, *derived]

    def flows(x: Any, p: Any, u: Any) -> list[Flow]:
        new = dict(zip(inputs, [*x, *p, *u], strict=True))
        return [replace(flow, rate=rate) for flow, rate in zip(trace.flows, substitute(rates, new), strict=True)]

    declared = dict(zip(trace.u, structure.drivers, strict=True))
    new = [Driver(str(v.name), "1", "", None, *bounds(d, structure.bounds)) for v, d in zip(derived, dear, strict=True)]
    drivers = (*(declared[v] for v in plain), *new)
    return replace(structure, drivers=drivers, flows=flows, reports=None, input_shares={}), stage


def _group(name: str, variables: Sequence[Any]) -> dict[Any, tuple[str, int]]:
    return {v: (name, i) for i, v in enumerate(variables)}


def _numbered(name: str, place: int) -> str:
    return name if place == 0 else f"{name}{place}"


def value_stage(
    name: str, outputs: Sequence[Any], inputs: Mapping[Any, tuple[str, int]], to: str, reciprocals: bool = False
) -> Stage:
    """Stage that puts the values of ``outputs`` at the group ``to``."""
    table = Expressions(reciprocals)
    rows = table.add_graph(outputs, inputs)
    return table.stage(name, [(to, i, False, row) for i, row in enumerate(rows)])


def pullback_stage(
    name: str,
    outputs: Sequence[Any],
    inputs: Mapping[Any, tuple[str, int]],
    cotangent: str,
    wrt: Mapping[Any, tuple[str, int]],
) -> Stage:
    """Stage that adds the vector-Jacobian product with ``cotangent`` at ``pb``, ``qb``, ..."""
    g = [ps.float64(f"g{i}") for i in range(len(outputs))]
    table = Expressions(reciprocals=True)
    if not outputs:
        return table.stage(name, [])
    cost = sum((a * b for a, b in zip(g[1:], outputs[1:], strict=True)), start=g[0] * outputs[0])
    rows = table.add_graph(gradients(cost, list(wrt)), {**inputs, **_group(cotangent, g)})
    places = wrt.values()
    return table.stage(name, [(f"{group}b", i, True, row) for (group, i), row in zip(places, rows, strict=True)])


def layout(program: Program, lanes: int) -> tuple[dict[str, int], int, int]:
    """Where each group begins in the memory; the size of what a forward run needs, and of all."""
    place: dict[str, int] = {}
    position = 0

    def put(name: str, length: int) -> None:
        nonlocal position
        place[name] = position
        position += length * lanes

    numbers = [""] + [str(k) for k in range(1, len(program.places))]
    put("x", program.n_states)
    put("q", program.n_setup)
    put("p", program.n_parameters)
    put("h", 1)
    for k in numbers:
        put(f"u{k}", program.n_drivers)
        put(f"w{k}", program.n_drive)
    forward = position
    put("new", program.n_states)
    put("lam", program.n_states)
    put("qb", program.n_setup)
    put("pb", program.n_parameters)
    # From here on: cotangents of one row of drivers.
    for k in numbers:
        put(f"w{k}b", program.n_drive)
        put(f"u{k}b", program.n_drivers)
    return place, forward, position


def readings(program: Program, place: Mapping[str, int]) -> list[dict[str, int]]:
    """Places as each reading of the drivers within a step sees them."""
    result = []
    for k in range(len(program.places)):
        number = str(k) if k else ""
        own = {name + end: place[name + number + end] for name in "uw" for end in ("", "b")}
        result.append({**place, **own})
    return result
