"""Data that compiled code finds in memory instead of holding a copy.

A large array among the constants of a graph keeps the compiled function out of
the cache on disk, so every process would compile it again. Compiled code that
names a symbol is cached; the symbol is defined when the graph is compiled or
loaded, and points to the data of this process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
import pytensor.tensor as pt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

# Compiled code outlives the graphs it was made for, so what it points to is kept.
_HELD: dict[str, np.ndarray] = {}


class Held(Op):
    """``() -> data``: an array of float64 known by a hash of its content.

    Only operations that leave their inputs as they are may read it: PyTensor
    would let others work in place.
    """

    __props__ = ("digest",)

    def __init__(self, data: Any) -> None:
        self.data = np.ascontiguousarray(data, dtype="float64")
        digest = hashlib.sha256(repr(self.data.shape).encode())
        digest.update(self.data)
        self.digest = digest.hexdigest()

    def __str__(self) -> str:
        return f"Held{{{self.digest[:8]}}}"

    def make_node(self, *inputs: Any) -> Apply:
        """No inputs; one output of known shape."""
        return Apply(self, [], [pt.tensor(dtype="float64", shape=self.data.shape)])

    def do_constant_folding(self, fgraph: Any, node: Any) -> bool:
        """Never: that would make it a constant again."""
        return False

    def infer_shape(self, node: Apply, shapes: Any) -> list[tuple[Any, ...]]:
        """Shape of the data."""
        return [tuple(pt.constant(n, dtype="int64") for n in self.data.shape)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Hand out the data."""
        output_storage[0][0] = self.data


def held(value: Any) -> Any:
    """Keep a constant out of compiled code; anything else is returned as it is."""
    return Held(value.data)() if isinstance(value, Constant) else value


def point_at(op: Held) -> str:
    """Define the symbol by which compiled code finds data, for the life of this process; returns it."""
    name = f"socbayes_{op.digest}"
    if name not in _HELD:
        _HELD[name] = op.data
        llvm.add_symbol(name, op.data.ctypes.data)
    return name


@register_funcify_and_cache_key(Held)
def _funcify_held(op: Held, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    name, shape = point_at(op), op.data.shape

    @intrinsic
    def address(typing_context: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return context.get_c_value(builder, ir.DoubleType(), name)

        return types.CPointer(types.float64)(), generate

    @numba_njit
    def data():
        return numba.carray(address(), shape)  # type: ignore[call-arg]

    return data, op.digest
