"""From PyTensor scalar graphs to straight-line code.

PyTensor differentiates; this module cuts a graph where it can be evaluated
less often, merges what is computed twice and folds what is constant. What is
left is a table of rows, plain data: it is hashed into cache keys, translated
to vector instructions (:mod:`socbayes.core.vectors`) and printed as Python
that runs under NumPy (:mod:`socbayes.core.reference`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pytensor.gradient import grad
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import toposort
from pytensor.scalar import basic as ps
from pytensor.scalar.basic import as_scalar

from socbayes.core.mathematics import EMPTY, share

# --- questions and rewrites on PyTensor graphs ---------------------------------


def depends_on(variable: Variable, others: Iterable[Variable]) -> bool:
    """Whether any of ``others`` is an ancestor of ``variable``."""
    wanted = set(others)
    stack, seen = [variable], set()
    while stack:
        current = stack.pop()
        if current in wanted:
            return True
        if current.owner is not None and current not in seen:
            seen.add(current)
            stack.extend(current.owner.inputs)
    return False


def substitute(outputs: Sequence[Variable], replacements: Mapping[Variable, Variable]) -> list[Any]:
    """Rebuild ``outputs`` with some variables replaced."""
    memo: dict[Variable, Variable] = dict(replacements)

    def rebuild(variable: Variable) -> Variable:
        if variable not in memo:
            if variable.owner is None:
                memo[variable] = variable
            else:
                node = variable.owner
                inputs = [rebuild(i) for i in node.inputs]
                if all(new is old for new, old in zip(inputs, node.inputs, strict=True)):
                    memo[variable] = variable
                else:
                    memo[variable] = node.op.make_node(*inputs).outputs[node.outputs.index(variable)]
        return memo[variable]

    return [rebuild(output) for output in outputs]


def costly(variable: Variable, inputs: Iterable[Variable]) -> bool:
    """Whether ``variable`` takes an exponential or the like of something that depends on ``inputs``."""
    wanted = set(inputs)
    return any(
        node.op.__class__.__name__ in _COSTLY and depends_on(node.outputs[0], wanted) for node in toposort([variable])
    )


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


def specific_rate(rate: Any, pool: Any) -> Any:
    """``rate / pool`` with the pool cancelled where it is a factor.

    The quotient must stay finite when the pool is empty: a Patankar weight and
    the share of a label both divide by the pool they leave. Where the pool is
    not a factor, an empty pool gives a quotient of zero.
    """
    cancelled = _cancel(rate, pool)
    return share(rate, pool) if cancelled is None else cancelled


def _cancel(rate: Variable, pool: Variable) -> Any | None:
    if rate is pool:
        return as_scalar(1.0)
    node = rate.owner
    if node is None or not depends_on(rate, [pool]):
        return None
    op, inputs = node.op, node.inputs
    if isinstance(op, ps.Mul):
        for position, factor in enumerate(inputs):
            reduced = _cancel(factor, pool)
            if reduced is not None:
                others = [*inputs[:position], reduced, *inputs[position + 1 :]]
                # Without ones: flows that share a factor then share it as one variable, computed and kept once.
                others = [factor for factor in others if not _is_one(factor)] or others[:1]
                product = others[0]
                for other in others[1:]:
                    product = product * other
                return product
        return None
    if isinstance(op, ps.TrueDiv):
        reduced = _cancel(inputs[0], pool)
        return None if reduced is None else reduced / inputs[1]
    if isinstance(op, ps.Neg):
        reduced = _cancel(inputs[0], pool)
        return None if reduced is None else -reduced
    if isinstance(op, ps.Add | ps.Sub):
        terms = [_cancel(term, pool) for term in inputs]
        return None if any(term is None for term in terms) else op(*terms)
    if isinstance(op, ps.Switch) and not depends_on(inputs[0], [pool]):
        branches = [_cancel(branch, pool) for branch in inputs[1:]]
        return None if any(branch is None for branch in branches) else op(inputs[0], *branches)
    if isinstance(op, ps.Pow) and inputs[0] is pool and not depends_on(inputs[1], [pool]):
        return _power_of_rest(pool, inputs[1])
    if isinstance(op, ps.Sqr) and inputs[0] is pool:
        return pool
    return None


def _is_one(variable: Any) -> bool:
    return isinstance(variable, Constant) and float(variable.data) == 1.0


def _power_of_rest(pool: Any, exponent: Any) -> Any:
    """``pool ** (exponent - 1)``, finite with its derivatives at an empty pool."""
    fixed = float(exponent.data) if isinstance(exponent, Constant) else None
    if fixed in (1.0, 2.0, 3.0):
        return pool ** (exponent - 1.0)
    # Below 2 its derivative has no limit at zero, below 1 itself has none: there it stays at its last value before.
    return ps.switch(ps.lt(ps.abs(pool), EMPTY), EMPTY, pool) ** (exponent - 1.0)


def split(
    outputs: Sequence[Variable], late: Sequence[Variable], keep: Sequence[Variable] = ()
) -> tuple[list[Variable], list[Variable]]:
    """Cut a graph where it stops depending on ``late``.

    Returns the early variables that the late part reads (the frontier) and
    the early variables among ``outputs``. ``keep`` lists inputs that the late
    part may read directly and that are not worth a place in the frontier.
    """
    memo: dict[Variable, bool] = {}

    def is_late(variable: Variable) -> bool:
        if variable not in memo:
            if variable.owner is None:
                memo[variable] = variable in late
            else:
                memo[variable] = any([is_late(i) for i in variable.owner.inputs])
        return memo[variable]

    frontier: dict[Variable, None] = {}
    seen: set[Variable] = set()

    def visit(variable: Variable) -> None:
        if variable in seen:
            return
        seen.add(variable)
        if isinstance(variable, Constant) or variable in late or variable in keep:
            return
        if is_late(variable):
            for i in variable.owner.inputs:
                visit(i)
        else:
            frontier[variable] = None

    for output in outputs:
        visit(output)
    return list(frontier), [output for output in outputs if not is_late(output)]


# --- merged, folded expressions ---------------------------------------------------

_INFIX = {
    "Add": "+",
    "Sub": "-",
    "Mul": "*",
    "TrueDiv": "/",
    "LT": "<",
    "GT": ">",
    "LE": "<=",
    "GE": ">=",
    "EQ": "==",
    "NEQ": "!=",
}
_CALLS = {
    "Exp": "exp",
    "Log": "log",
    "Log1p": "log1p",
    "Log10": "log10",
    "Expm1": "expm1",
    "Sqrt": "sqrt",
    "Sin": "sin",
    "Cos": "cos",
    "Tanh": "tanh",
    "ArcTan": "arctan",
    "Abs": "fabs",
    "Sign": "sign",
    "Minimum": "minimum",
    "Maximum": "maximum",
    "Sigmoid": "sigmoid",
    "AND": "both",
    "OR": "either",
    "Invert": "negate",
}

_COSTLY = {"Exp", "Log", "Log1p", "Log10", "Expm1", "Sqrt", "Sin", "Cos", "Tanh", "ArcTan", "Sigmoid", "Pow"}

_FOLD: dict[str, Callable[..., Any]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "TrueDiv": lambda a, b: a / b,
    "Exp": lambda a: float(np.exp(a)),
    "Log": lambda a: float(np.log(a)),
    "Sqrt": lambda a: float(np.sqrt(a)),
}


class Expressions:
    """A table of distinct expressions: merging happens on insertion.

    An expression is a row number; a row is ``(kind, argument rows...)``,
    ``("const", value)`` or ``("input", group, index)``.

    Parameters
    ----------
    reciprocals
        Turn ``a / b`` into ``a * (1 / b)``, so that every denominator is
        divided by once. Used where speed counts more than the last digit:
        derivatives bring the same few denominators back squared.
    """

    def __init__(self, reciprocals: bool = False) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._index: dict[tuple[Any, ...], int] = {}
        self._reciprocals = reciprocals

    def _put(self, *row: Any) -> int:
        if row not in self._index:
            self._index[row] = len(self.rows)
            self.rows.append(row)
        return self._index[row]

    def const(self, value: float) -> int:
        """Row of a number."""
        return self._put("const", float(value))

    def input(self, group: str, index: int) -> int:
        """Row of an input: one number of a group that lies together in memory."""
        return self._put("input", group, index)

    def _value(self, row: int) -> float | None:
        return self.rows[row][1] if self.rows[row][0] == "const" else None

    def apply(self, kind: str, *args: int) -> int:
        """Row of an operation, simplified."""
        values = [self._value(a) for a in args]
        if kind in _FOLD and all(v is not None for v in values):
            with np.errstate(all="ignore"):
                if not (kind == "TrueDiv" and values[1] == 0.0):
                    return self.const(_FOLD[kind](*values))
        simplify = getattr(self, f"_simplify_{kind.lower()}", None)
        if simplify is not None:
            row = simplify(args, values)
            if row is not None:
                return int(row)
        if kind in ("Add", "Mul") and args[0] > args[1]:
            args = (args[1], args[0])
        return self._put(kind, *args)

    def _negated(self, row: int) -> int | None:
        return self.rows[row][1] if self.rows[row][0] == "Neg" else None

    def _simplify_add(self, args: Any, values: Any) -> int | None:
        a, b = args
        if values[0] == 0.0:
            return b
        if values[1] == 0.0:
            return a
        if (inner := self._negated(b)) is not None:
            return self.apply("Sub", a, inner)
        if (inner := self._negated(a)) is not None:
            return self.apply("Sub", b, inner)
        return None

    def _simplify_sub(self, args: Any, values: Any) -> int | None:
        a, b = args
        if values[1] == 0.0:
            return a
        if values[0] == 0.0:
            return self.apply("Neg", b)
        if a == b:
            return self.const(0.0)
        if (inner := self._negated(b)) is not None:
            return self.apply("Add", a, inner)
        return None

    def _simplify_mul(self, args: Any, values: Any) -> int | None:
        a, b = args
        for value, other in ((values[0], b), (values[1], a)):
            if value == 0.0:
                return self.const(0.0)
            if value == 1.0:
                return int(other)
            if value == -1.0:
                return self.apply("Neg", other)
        for one, other in ((a, b), (b, a)):
            if (inner := self._negated(one)) is not None:
                return self.apply("Neg", self.apply("Mul", inner, other))
        return None

    def _simplify_truediv(self, args: Any, values: Any) -> int | None:
        a, b = args
        if values[1] == 1.0:
            return a
        if values[0] == 0.0:
            return self.const(0.0)
        if (inner := self._negated(a)) is not None:
            return self.apply("Neg", self.apply("TrueDiv", inner, b))
        if self._reciprocals and values[1] != 0.0:
            return self.apply("Mul", a, self._reciprocal(b))
        return None

    def _reciprocal(self, row: int) -> int:
        kind, *args = self.rows[row]
        if kind == "Mul":
            return self.apply("Mul", self._reciprocal(args[0]), self._reciprocal(args[1]))
        if kind == "const":
            return self.const(1.0 / args[0])
        return self._put("Reciprocal", row)

    def _simplify_neg(self, args: Any, values: Any) -> int | None:
        if values[0] is not None:
            return self.const(-values[0])
        kind, *inner = self.rows[args[0]]
        if kind == "Neg":
            return int(inner[0])
        if kind == "Sub":
            return self.apply("Sub", inner[1], inner[0])
        return None

    def _simplify_sqr(self, args: Any, values: Any) -> int:
        return self.apply("Mul", args[0], args[0])

    def _simplify_pow(self, args: Any, values: Any) -> int | None:
        base, power = args[0], values[1]
        if values[0] is not None and power is not None:
            return self.const(values[0] ** power)
        if power == 0.0:
            return self.const(1.0)
        if power == 1.0:
            return int(base)
        if power == 0.5:
            return self.apply("Sqrt", base)
        if power == 1.5:
            return self.apply("Mul", base, self.apply("Sqrt", base))
        if power == -1.0:
            return self.apply("TrueDiv", self.const(1.0), base)
        if power in (2.0, 3.0, 4.0):
            square = self.apply("Mul", base, base)
            return square if power == 2.0 else self.apply("Mul", square, base if power == 3.0 else square)
        return None

    def _simplify_switch(self, args: Any, values: Any) -> int | None:
        if values[0] is not None:
            return int(args[1] if values[0] else args[2])
        return int(args[1]) if args[1] == args[2] else None

    def add_graph(self, outputs: Sequence[Variable], inputs: Mapping[Variable, tuple[str, int]]) -> list[int]:
        """Rows of ``outputs``, with the group and index of every input."""
        memo: dict[Variable, int] = {}
        # An explicit stack: derivative graphs are deeper than Python recursion allows.
        for output in outputs:
            stack = [output]
            while stack:
                variable = stack[-1]
                if variable in memo:
                    stack.pop()
                    continue
                if variable in inputs:
                    memo[variable] = self.input(*inputs[variable])
                elif isinstance(variable, Constant):
                    memo[variable] = self.const(float(variable.data))
                elif variable.owner is None:
                    raise ValueError(f"scalar graph reads {variable}, which is not an input")
                else:
                    waiting = [i for i in variable.owner.inputs if i not in memo]
                    if waiting:
                        stack.extend(waiting)
                        continue
                    memo[variable] = self._convert(variable, [memo[i] for i in variable.owner.inputs])
                stack.pop()
        return [memo[output] for output in outputs]

    def _convert(self, variable: Variable, args: list[int]) -> int:
        assert variable.owner is not None
        kind = type(variable.owner.op).__name__
        if kind in ("Add", "Mul"):
            row = args[0]
            for other in args[1:]:
                row = self.apply(kind, row, other)
            return row
        if kind in ("Cast", "Identity"):
            return args[0]
        if kind == "Second":
            return args[1]
        if kind == "Reciprocal":
            return self.apply("TrueDiv", self.const(1.0), args[0])
        if kind == "Clip":
            return self.apply("Minimum", self.apply("Maximum", args[0], args[1]), args[2])
        if kind in ("Neg", "Sqr", "Pow", "Switch") or kind in _INFIX or kind in _CALLS:
            return self.apply(kind, *args)
        raise NotImplementedError(
            f"the scalar operation {kind} has no translation in socbayes.core.scalar_graph; known: "
            + ", ".join(sorted([*_INFIX, *_CALLS, "Neg", "Sqr", "Pow", "Switch", "Clip"]))
        )

    def stage(self, name: str, outputs: Sequence[tuple[str, int, bool, int]]) -> Stage:
        """Cut out what ``outputs`` (group, index, whether to add, row) need, in order of evaluation.

        What would add zero is left out.
        """
        outputs = [o for o in outputs if not (o[2] and self._value(o[3]) == 0.0)]
        needed: set[int] = set()
        stack = [row for *_, row in outputs]
        while stack:
            row = stack.pop()
            if row not in needed:
                needed.add(row)
                kind, *args = self.rows[row]
                if kind not in ("const", "input"):
                    stack.extend(args)
        new = {row: i for i, row in enumerate(sorted(needed))}
        rows = []
        for row in new:
            kind, *args = self.rows[row]
            rows.append((kind, *(args if kind in ("const", "input") else [new[a] for a in args])))
        return Stage(name, tuple(rows), tuple((group, i, add, new[row]) for group, i, add, row in outputs))


@dataclass(frozen=True)
class Stage:
    """Straight-line code on one flat memory: rows in order of evaluation, then assignments.

    Parameters
    ----------
    name
        What it computes.
    rows
        Rows of an :class:`Expressions`.
    outputs
        ``(group, index, add, row)``: where each result goes, and whether it is
        added to what is there.
    """

    name: str
    rows: tuple[tuple[Any, ...], ...]
    outputs: tuple[tuple[str, int, bool, int], ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of numbers that it reads or writes."""
        read = [row[1] for row in self.rows if row[0] == "input"]
        return tuple(dict.fromkeys([*read, *(group for group, *_ in self.outputs)]))

    def source(self) -> str:
        """Python function ``name(m, place)``; ``place`` maps a group to where it begins in ``m``."""
        text, lines = {}, []
        for number, (kind, *args) in enumerate(self.rows):
            if kind == "const":
                text[number] = _number(args[0])
                continue
            text[number] = f"t{number}"
            value = f"m[{args[0]} + {args[1]}]" if kind == "input" else _text(kind, [text[a] for a in args])
            lines.append(f"t{number} = {value}")
        lines += [f"m[{group} + {i}] {'+=' if add else '='} {text[row]}" for group, i, add, row in self.outputs]
        lines = [f"{group} = place[{group!r}]" for group in self.groups] + lines
        return f"def {self.name}(m, place):\n" + "\n".join(f"    {line}" for line in lines or ["pass"]) + "\n"


def _text(kind: str, args: list[str]) -> str:
    if kind in _INFIX:
        return f"{args[0]} {_INFIX[kind]} {args[1]}"
    if kind == "Neg":
        return f"-{args[0]}"
    if kind == "Reciprocal":
        return f"1.0 / {args[0]}"
    if kind == "Pow":
        return f"{args[0]} ** {args[1]}"
    if kind == "Switch":
        return f"where({', '.join(args)})"
    return f"{_CALLS[kind]}({', '.join(args)})"


def _number(value: float) -> str:
    if np.isnan(value):
        return "nan"
    if np.isinf(value):
        return "inf" if value > 0 else "(-inf)"
    return f"({value!r})" if value < 0 else repr(value)
