"""A graph, and all else that the machine code made of it depends on, as a hash.

Two graphs have the same key where the same operations, with the same settings,
stand in the same places on the same types and constants. Numbers in memory
that compiled code is pointed to, values of shared variables, count by their
shape; whole numbers among them by value as well, since sizes and positions are
made of them.

Whatever is not known to be told by its key has none: an operation from
elsewhere than PyTensor, PyMC and the core may be made of anything.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import inspect
import platform
import struct
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pytensor.graph.basic import Variable
    from pytensor.graph.op import Op

TRUSTED = ("pytensor.", "pymc.", "socbayes.core.")
"""Where operations may come from: their versions, or their source, are part of every key."""

LIBRARIES = ("pymc", "pytensor", "nutpie", "numba", "llvmlite", "numpy", "scipy")

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
_UNTOLD = ("output_types_preference",)
"""Attributes that operations without ``__props__`` have and types of outputs tell."""
_NUMBA = ("DUMP", "DEBUG", "COLOR", "DIR", "THREAD", "TRACE", "DISABLE_PERFORMANCE_WARNINGS")
"""Words in names of settings of Numba that have no part in machine code."""
_PYTENSOR = (
    "cast_policy",
    "floatX",
    "int_division",
    "numba__fastmath",
    "numba__vectorize_target",
    "optimizer",
    "optimizer_excluding",
    "optimizer_including",
    "optimizer_requiring",
    "pickle_test_value",
)
_HERE = Path(__file__).resolve().parent
_SOURCES = (
    *sorted((_HERE.parent / "core").glob("*.py")),
    *(_HERE / f"{name}.py" for name in ("graph_keys", "machine_code", "compiled")),
)


class NoKeyError(Exception):
    """Why a graph has no key."""


def graph_key(
    outputs: Sequence[Variable], inputs: Sequence[Variable], *facts: Any
) -> tuple[str, list[Variable], list[Op]]:
    """Key of a graph.

    Parameters
    ----------
    outputs
        What is computed.
    inputs
        What it is computed from, in order; other roots are constants and shared variables.
    *facts
        Plain data that are part of the key.

    Returns
    -------
    str
        A SHA-256.
    list of Variable
        Shared variables, in the order they are met.
    list of Op
        Operations, one of each application.

    Raises
    ------
    NoKeyError
        If something in it is not known to be told by a key.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> x, y = pt.dvector(), pt.dvector()
    >>> graph_key([2.0 * x], [x])[0] == graph_key([2.0 * y], [y])[0]
    True
    >>> graph_key([2.0 * x], [x])[0] == graph_key([3.0 * x], [x])[0]
    False
    """
    written = _Writer()
    written.value(surroundings())
    written.value(facts)
    written.graph(outputs, inputs)
    return written.digest.hexdigest(), written.shared, written.ops


@cache
def surroundings() -> tuple[Any, ...]:
    """What machine code depends on beside its graph: versions, processor, settings, the source of the core."""
    from numba.core import config as numba_config
    from numba.core.registry import cpu_target
    from pytensor import config

    settings = sorted(
        (name, value)
        for name, value in vars(numba_config).items()
        if name.isupper() and isinstance(value, _PLAIN) and not any(word in name for word in _NUMBA)
    )
    return (
        sys.version,
        (platform.system(), platform.machine()),
        [(name, version(name)) for name in LIBRARIES],
        repr(cpu_target.target_context.codegen().magic_tuple()),
        settings,
        [(name, repr(getattr(config, name, None))) for name in _PYTENSOR],
        source_hash(_SOURCES),
    )


def source_hash(paths: Iterable[Path]) -> str:
    """Hash of files of source, with their names."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class _Writer:
    """Feeds a hash, each value with its kind and its length, so that no two series of values are written alike."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.shared: list[Variable] = []
        self.ops: list[Op] = []
        self.known: dict[Any, bytes] = {}
        self.alive: list[Any] = []  # so that no other object takes the identity of a known one

    def raw(self, kind: str, data: bytes | memoryview = b"") -> None:
        head = kind.encode()
        self.digest.update(struct.pack("<QQ", len(head), len(data)) + head)
        self.digest.update(data)

    def value(self, value: Any) -> None:
        """Plain data, arrays, types, classes and operations."""
        from pytensor.graph.fg import AbstractFunctionGraph
        from pytensor.graph.op import Op
        from pytensor.graph.type import Type

        if isinstance(value, _PLAIN):
            self.raw(type(value).__name__, repr(value).encode())
        elif isinstance(value, np.ndarray | np.generic):
            self.array(np.asarray(value))
        elif isinstance(value, np.dtype):
            self.raw("dtype", repr(value).encode())
        elif isinstance(value, tuple | list):
            self.raw(type(value).__name__, struct.pack("<Q", len(value)))
            for one in value:
                self.value(one)
        elif isinstance(value, set | frozenset | Mapping):
            self.unordered(value)
        elif isinstance(value, slice):
            self.raw("slice")
            self.value((value.start, value.stop, value.step))
        elif isinstance(value, Op):
            self.operation(value)
        elif isinstance(value, Type):
            self.type(value)
        elif isinstance(value, AbstractFunctionGraph):
            self.raw("graph")
            self.graph(value.outputs, value.inputs)
        elif isinstance(value, enum.Enum):
            self.named(type(value))
            self.value(value.name)
        elif isinstance(value, type) or inspect.isfunction(value) or inspect.isbuiltin(value):
            self.named(value)
        elif dataclasses.is_dataclass(value):
            self.named(type(value))
            self.value([(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)])
        else:
            raise NoKeyError(f"a setting of class {type(value).__name__}")

    def once(self, value: Any, write: Callable[[_Writer, Any], None]) -> None:
        """Write what is met many times by a hash of its own; the same object is looked at once."""
        known = self.known.get((type(value), id(value)))
        if known is None:
            part = _Writer()
            write(part, value)
            known = self.known[type(value), id(value)] = part.digest.digest()
            self.alive.append(value)
            self.ops += part.ops
            if part.shared:
                raise NoKeyError(f"{value} holds shared variables")
        self.raw("once", known)

    def unordered(self, values: Any) -> None:
        """Sets and mappings, in the order of the hashes of what is in them."""
        self.raw(type(values).__name__, struct.pack("<Q", len(values)))
        parts = []
        for one in values.items() if isinstance(values, Mapping) else values:
            part = _Writer()
            part.value(one)
            parts.append(part.digest.digest())
        for part_digest in sorted(parts):
            self.raw("of", part_digest)

    def array(self, value: np.ndarray) -> None:
        if value.dtype.hasobject:
            raise NoKeyError("an array of objects")
        flags = value.flags
        self.raw("array", repr((value.dtype.str, value.shape, flags.c_contiguous, flags.f_contiguous)).encode())
        self.raw("data", memoryview(np.ascontiguousarray(value).reshape(-1).view(np.uint8)))

    def named(self, value: Any) -> None:
        """A class or function, by its name, where that name leads to it."""
        module, name = str(value.__module__), str(value.__qualname__)
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not value or not (f"{module}.".startswith(TRUSTED) or module in ("builtins", "numpy")):
            raise NoKeyError(f"{module}.{name}")
        self.raw("named", f"{module} {name}".encode())

    def type(self, value: Any) -> None:
        """Type of a variable, with its static shape."""
        self.named(type(value))
        self.value([getattr(value, name) for name in getattr(type(value), "__props__", ())])
        self.value(tuple(getattr(value, "shape", ())))
        self.value(str(getattr(value, "dtype", "")))

    def operation(self, op: Any) -> None:
        from pytensor.compile.builders import OpFromGraph
        from pytensor.graph.op import HasInnerGraph

        self.raw("operation")
        self.named(type(op))
        props = getattr(type(op), "__props__", None)
        if props is not None:
            self.value([(name, getattr(op, name)) for name in props])
        if isinstance(op, OpFromGraph) and not (op.pullback_overrides is op.pushforward_overrides is None):
            raise NoKeyError(f"{op} with a gradient of its own")
        if isinstance(op, HasInnerGraph):
            self.graph(op.inner_outputs, op.inner_inputs)
            self.value((getattr(op, "is_inline", None), getattr(op, "destroy_map", None)))
        elif props is None:
            self.value({name: value for name, value in vars(op).items() if name not in _UNTOLD})

    def graph(self, outputs: Sequence[Variable], inputs: Sequence[Variable]) -> None:
        """Applications in an order of their own making: each after what it is applied to."""
        from pytensor.graph.traversal import toposort

        places: dict[Variable, tuple[Any, ...]] = {}
        for place, variable in enumerate(inputs):
            places[variable] = ("input", place)
            self.once(variable.type, _Writer.type)
        for number, node in enumerate(toposort(list(outputs), blockers=list(inputs))):
            for variable in node.inputs:
                self.place(variable, places)
            self.raw("application", struct.pack("<Q", number))
            self.value([places[variable] for variable in node.inputs])
            self.once(node.op, _Writer.operation)
            self.ops.append(node.op)
            for place, variable in enumerate(node.outputs):
                places.setdefault(variable, (number, place))
                self.once(variable.type, _Writer.type)
        for variable in outputs:
            self.place(variable, places)
        self.value([places[variable] for variable in outputs])

    def place(self, variable: Any, places: dict[Variable, tuple[Any, ...]]) -> None:
        """Write a root the first time it is met."""
        from pytensor.compile.sharedvalue import SharedVariable
        from pytensor.graph.basic import Constant

        if variable in places:
            return
        places[variable] = ("root", len(places))
        self.once(variable.type, _Writer.type)
        if isinstance(variable, Constant):
            self.raw("constant")
            self.value(variable.data)
        elif isinstance(variable, SharedVariable):
            self.raw("shared")
            value = variable.get_value(borrow=True)
            if not isinstance(value, np.ndarray | np.generic):
                raise NoKeyError(f"the shared variable {variable.name} holds a {type(value).__name__}")
            self.value((value.dtype, value.shape if value.dtype.kind == "f" else value))
            self.shared.append(variable)
        else:
            raise NoKeyError(f"{variable} is neither given nor constant")
