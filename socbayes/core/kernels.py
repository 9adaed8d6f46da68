"""The flows of a structure as compiled-ready source, with derivatives.

A step of any scheme needs the flows at one state. They are evaluated in three
stages, each as rarely as possible::

    q = setup(p)             once per site           (parameters only)
    w = drive(q, u)          once per driver row     (parameters and drivers)
    y = rates(x, q, w)       every stage of a step   (the pools come in)

and the reverse sweep runs the same three stages backwards. Temperature
modifiers sit in ``drive``, texture functions in ``setup``, so an exponential
is not paid for at every step. Each stage is differentiated by PyTensor's own
``grad`` on the scalar graph.

All numbers of a site live in one flat array ``m``; ``x``, ``q``, ``w``, ... are
the places where the groups begin. One base pointer with constant offsets lets
the compiler keep the state in registers, which views of arrays do not.
Under NumPy ``m`` has a second axis of sites and the same source is vectorised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pytensor.scalar as ps
from pytensor.gradient import grad
from pytensor.graph.basic import Variable
from pytensor.scalar.basic import as_scalar

from socbayes.core.scalar_graph import Expressions, depends_on, specific_rate, split, substitute
from socbayes.core.structure import INPUT, Structure


@dataclass(frozen=True)
class Program:
    """Source of one structure's kernel: plain data, compared by value.

    Being data, it can be pickled, merged in a graph and hashed into a cache
    key. ``sources`` and ``targets`` give, per flow, positions in the state
    vector (pools, then sinks); -1 is the outside world.
    """

    name: str
    source: str
    n_pools: int
    n_states: int
    n_parameters: int
    n_drivers: int
    n_setup: int
    n_drive: int
    n_outputs: int
    sources: tuple[int, ...]
    targets: tuple[int, ...]

    @property
    def key(self) -> str:
        """Hash of everything the program computes."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
        return f"Program({fields})"

    def __str__(self) -> str:
        return f"{self.name}:{self.key[:8]}"


def tendencies(structure: Structure) -> list[Any]:
    """Rate of change of every pool and sink, assembled from the flows."""
    rates: dict[str, Any] = {}
    for flow in structure.trace.flows:
        if flow.source != INPUT:
            rates[flow.source] = -flow.rate if flow.source not in rates else rates[flow.source] - flow.rate
        rates[flow.target] = flow.rate if flow.target not in rates else rates[flow.target] + flow.rate
    return [rates.get(name, as_scalar(0.0)) for name in structure.state]


def flow_rates(structure: Structure) -> list[Any]:
    """Per flow: rate over source pool, or the rate itself for an input."""
    pools = dict(zip(structure.pools, structure.trace.x, strict=True))
    return [
        flow.rate if flow.source == INPUT else specific_rate(flow.rate, pools[flow.source])
        for flow in structure.trace.flows
    ]


@lru_cache(maxsize=256)
def program(structure: Structure, form: str, driver_gradients: bool = False) -> Program:
    """Source of the three stages of a structure and of their pullbacks.

    Parameters
    ----------
    structure
        What to compile.
    form
        ``"tendency"``: ``rates`` gives the change of every pool and sink.
        ``"flows"``: it gives each flow over its source pool.
        ``"steady"``: the change of the pools alone, with a fourth function
        ``jacobian(m, x, q, w, jac)``, row by row.
    driver_gradients
        Whether the pullback of ``drive`` reaches the drivers.
    """
    trace = structure.trace
    outputs = flow_rates(structure) if form == "flows" else tendencies(structure)
    if form == "steady":
        outputs = outputs[: len(structure.pools)]
    early, _ = split(outputs, trace.x)
    drive = [v for v in early if depends_on(v, trace.u)]
    before_drive, _ = split(drive, trace.u)
    setup = list(dict.fromkeys([*(v for v in early if v not in drive), *before_drive]))

    q = {v: ps.float64(f"q{i}") for i, v in enumerate(setup)}
    w = {v: ps.float64(f"w{i}") for i, v in enumerate(drive)}
    rates_graph = substitute(outputs, {**q, **w})
    drive_graph = substitute(drive, q)
    stages: dict[str, tuple[list[Any], dict[str, Any], tuple[str, ...]]] = {
        "setup": (setup, {"p": trace.p}, ("p",)),
        "drive": (drive_graph, {"q": tuple(q.values()), "u": trace.u}, ("q", "u") if driver_gradients else ("q",)),
        "rates": (
            rates_graph,
            {"x": trace.x, "q": tuple(q.values()), "w": tuple(w.values())},
            ("x", "q", "w"),
        ),
    }
    parts = []
    for name, (graph, groups, wrt) in stages.items():
        parts.append(_value_source(name, graph, groups))
        parts.append(_pullback_source(name, graph, groups, wrt))
    if form == "steady":
        entries = [entry for output in rates_graph for entry in gradients(output, trace.x)]
        parts.append(_value_source("jacobian", entries, stages["rates"][1]))

    position = {name: i for i, name in enumerate(structure.state)} | {INPUT: -1}
    return Program(
        name=structure.name,
        source="\n\n".join(parts) + "\n",
        n_pools=len(structure.pools),
        n_states=len(structure.state),
        n_parameters=len(structure.parameters),
        n_drivers=len(structure.drivers),
        n_setup=len(setup),
        n_drive=len(drive),
        n_outputs=len(outputs),
        sources=tuple(position[flow.source] for flow in trace.flows),
        targets=tuple(position[flow.target] for flow in trace.flows),
    )


@lru_cache(maxsize=256)
def function_source(structure: Structure, name: str, what: str) -> str:
    """Source of ``name(m, x, p, u, out)`` for ``"flows"`` (plain rates) or ``"reports"``.

    Both are evaluated under NumPy, where cutting the graph gains nothing.
    """
    trace = structure.trace
    groups = {"x": trace.x, "p": trace.p, "u": trace.u}
    if what == "flows":
        return _value_source(name, [flow.rate for flow in trace.flows], groups)
    return _value_source(name, list(trace.reports), groups)


def gradients(cost: Any, wrt: Sequence[Any]) -> list[Any]:
    """Differentiate one scalar graph by PyTensor's ``grad``; zero where unconnected."""
    derivatives: Any = grad(
        None,
        list(wrt),
        known_grads={cost: as_scalar(1.0)},
        disconnected_inputs="ignore",
        return_disconnected="zero",
    )
    return list(derivatives)


def _names(groups: Mapping[str, Sequence[Variable]]) -> dict[Variable, str]:
    return {v: f"m[{letter} + {i}]" for letter, group in groups.items() for i, v in enumerate(group)}


def _define(name: str, arguments: Sequence[str], lines: Sequence[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines) or "    pass"
    return f"def {name}({', '.join(arguments)}):\n{body}"


def _value_source(name: str, outputs: Sequence[Variable], groups: Mapping[str, Sequence[Variable]]) -> str:
    table = Expressions()
    rows = table.add_graph(outputs, _names(groups))
    lines = table.lines({f"m[out + {i}] =": row for i, row in enumerate(rows)})
    return _define(name, ["m", *groups, "out"], lines)


def _pullback_source(name: str, outputs: Sequence[Any], groups: Mapping[str, Sequence[Any]], wrt: Sequence[str]) -> str:
    """Source that adds the vector-Jacobian product with ``g`` at ``xb``, ``qb``, ..."""
    cotangents: list[Any] = [ps.float64(f"g{i}") for i in range(len(outputs))]
    arguments = ["m", *groups, "g", *(f"{letter}b" for letter in wrt)]
    if not outputs:
        return _define(f"{name}_pullback", arguments, [])
    cost = cotangents[0] * outputs[0]
    for cotangent, output in zip(cotangents[1:], outputs[1:], strict=True):
        cost = cost + cotangent * output
    variables = [(letter, i, v) for letter in wrt for i, v in enumerate(groups[letter])]
    derivatives = gradients(cost, [v for _, _, v in variables])
    table = Expressions(reciprocals=True)
    rows = table.add_graph(derivatives, _names({**groups, "g": cotangents}))
    lines = table.lines({f"m[{letter}b + {i}] +=": row for (letter, i, _), row in zip(variables, rows, strict=True)})
    return _define(f"{name}_pullback", arguments, lines)
