"""Parameters and drivers, given one by one, side by side in one array.

PyTensor's own broadcasting would do, at the price of a node (and a compiled
function) per pair of values: seconds of compilation for twenty parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key


class Columns(Op):
    """``(base, *values) -> out[..., column]``.

    ``base`` has every column, with leading axes of any length that broadcasts;
    ``values`` replace the columns named in ``places`` and are numbers or have
    the leading axes. Where they leave their ``limits``, one pair for each, the
    column is NaN.
    """

    __props__ = ("places", "limits")

    def __init__(self, places: tuple[int, ...], limits: tuple[tuple[float, float], ...]) -> None:
        self.places = places
        self.limits = limits

    def make_node(self, *args: Any) -> Apply:
        """Apply to float tensors."""
        inputs: list[Any] = [pt.as_tensor(v, dtype="float64") for v in args]
        n_leading = inputs[0].type.ndim - 1
        shape: list[int | None] = []
        for axis in range(n_leading):
            lengths = [inputs[0].type.shape[axis]] + [v.type.shape[axis] for v in inputs[1:] if v.type.ndim]
            fixed = {n for n in lengths if n not in (None, 1)}
            if len(fixed) > 1:
                raise ValueError(f"values have {sorted(fixed)} rows or sites; they must agree")
            shape.append(fixed.pop() if fixed else (1 if None not in lengths else None))
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(*shape, inputs[0].type.shape[-1]))])

    def infer_shape(self, node: Apply, shapes: Any) -> list[tuple[Any, ...]]:
        """Longest of the leading axes, and the columns of the base."""
        leading = []
        for axis, known in enumerate(node.outputs[0].type.shape[:-1]):
            if known is not None:
                leading.append(pt.constant(known, dtype="int64"))
                continue
            length = shapes[0][axis]
            for variable, shape in zip(node.inputs[1:], shapes[1:], strict=True):
                if variable.type.ndim:
                    length = pt.maximum(length, shape[axis])
            leading.append(length)
        return [(*leading, shapes[0][-1])]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Assemble with NumPy."""
        base, *values = inputs
        leading = np.broadcast_shapes(base.shape[:-1], *(v.shape for v in values))
        out = np.empty((*leading, base.shape[-1]))
        out[...] = base
        for place, value, (low, high) in zip(self.places, values, self.limits, strict=True):
            out[..., place] = np.where((value < low) | (value > high), np.nan, value)
        output_storage[0][0] = out

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Columns of the cotangent, summed where a value was repeated."""
        (g,) = cotangents
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        n_leading = g.type.ndim - 1
        numbers = g.sum(axis=tuple(range(n_leading)))
        results: list[Any] = [pt.zeros_like(inputs[0]) if isinstance(inputs[0], Constant) else _sum_to(g, inputs[0])]
        for place, value in zip(self.places, inputs[1:], strict=True):
            results.append(_sum_to(g[..., place], value) if value.type.ndim else numbers[place])
        return results


def _sum_to(g: Any, like: Any) -> Any:
    """Sum a cotangent over the axes along which ``like`` was repeated."""
    for axis, length in enumerate(like.type.shape):
        if length == 1 and g.type.shape[axis] != 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


@register_funcify_and_cache_key(Columns)
def _funcify_columns(op: Columns, node: Any, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    ranks = [v.type.ndim for v in node.inputs]
    names = [f"v{k}" for k in range(len(ranks) - 1)]
    axes = "ab"[: ranks[0] - 1]
    lines = []
    for position, axis in enumerate(axes):
        lines.append(f"n{axis} = base.shape[{position}]")
        lines += [f"n{axis} = max(n{axis}, {v}.shape[{position}])" for v, r in zip(names, ranks[1:], strict=True) if r]
    lines.append(f"out = np.empty(({', '.join(f'n{axis}' for axis in axes)}, base.shape[{ranks[0] - 1}]))")
    # Wrong lengths must not read past the end of an array.
    for v, r in [("base", len(axes)), *zip(names, ranks[1:], strict=True)]:
        for position, axis in enumerate(axes[:r]):
            lines += [
                f"if {v}.shape[{position}] != 1 and {v}.shape[{position}] != n{axis}:",
                "    raise ValueError('socbayes: parameters or drivers of different length')",
            ]
    indent = ""
    for axis in axes:
        lines.append(f"{indent}for {axis} in range(n{axis}):")
        indent += "    "

    def index(name: str) -> str:
        return ", ".join(f"{axis} if {name}.shape[{k}] > 1 else 0" for k, axis in enumerate(axes))

    lines.append(f"{indent}for c in range(base.shape[{ranks[0] - 1}]):")
    lines.append(f"{indent}    out[{', '.join(axes)}, c] = base[{index('base')}, c]")
    for place, name, rank, (low, high) in zip(op.places, names, ranks[1:], op.limits, strict=True):
        value = f"{name}[{index(name)}]" if rank else f"{name}.item()"
        lines.append(f"{indent}value = {value}")
        beyond = [f"value < {low!r}"] * (low > -np.inf) + [f"value > {high!r}"] * (high < np.inf)
        if beyond:
            lines.append(f"{indent}value = np.nan if {' or '.join(beyond)} else value")
        lines.append(f"{indent}out[{', '.join(axes)}, {place}] = value")
    lines.append("return out")
    body = "\n".join(f"    {line}" for line in lines)
    source = f"def columns({', '.join(['base', *names])}):\n{body}\n"
    function = compile_numba_function_src(source, "columns", global_env={"np": np, "__name__": __name__})
    return numba_njit(function), hashlib.sha256(source.encode()).hexdigest()


def as_float(value: Any) -> Any:
    """Numbers as float64 constants, which a cast would hide from checks and rewrites."""
    number: Any = value if isinstance(value, Variable) else np.asarray(value, dtype=float)
    return pt.as_tensor(number).astype("float64")


def stack_columns(values: Sequence[Any], n_leading: int, limits: Sequence[tuple[float, float]] = ()) -> Any:
    """Stack numbers and arrays along a new last axis, broadcasting the leading ones.

    Tensors that leave their ``limits``, a pair for each of ``values``, are NaN.
    """
    constant = [v if isinstance(v, Constant) else None for v in values]
    arrays = [np.asarray(v.data, dtype="float64") if v is not None else np.zeros(()) for v in constant]
    arrays = [a.reshape((1,) * (n_leading - a.ndim) + a.shape) for a in arrays]
    shapes = {a.shape for a in arrays if a.size != 1}
    for axis in range(n_leading):
        lengths = sorted({shape[axis] for shape in shapes} - {1})
        if len(lengths) > 1:
            raise ValueError(f"values have {lengths} rows or sites; they must agree")
    base = np.stack(np.broadcast_arrays(*arrays), axis=-1)
    places = tuple(i for i, v in enumerate(constant) if v is None)
    if not places:
        return pt.as_tensor(base)
    unlimited = [(-np.inf, np.inf)] * len(values)
    bounds = tuple((float(low), float(high)) for low, high in limits or unlimited)
    return Columns(places, tuple(bounds[i] for i in places))(base, *(values[i] for i in places))
