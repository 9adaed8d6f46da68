"""Elementary functions that take scalar graphs, tensors or numbers.

Flows are written once on PyTensor scalars; the same temperature or moisture
function must also turn a column of data into a column of modifiers, or a
random variable into another. Each name below picks the library from its
arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.scalar.basic import ScalarVariable
from pytensor.tensor.variable import TensorVariable

#: Carbon below which a pool counts as empty: in any unit far less than an atom. Quotients by it, and by its square
#: and cube as derivatives have them, are still numbers.
EMPTY = 1e-100


def _library(*args: Any) -> str:
    if any(isinstance(a, TensorVariable) for a in args):
        return "tensor"
    if any(isinstance(a, ScalarVariable) for a in args):
        return "scalar"
    return "numpy"


def exp(x: Any) -> Any:
    """Exponential."""
    return {"tensor": pt.exp, "scalar": ps.exp, "numpy": np.exp}[_library(x)](x)


def log(x: Any) -> Any:
    """Natural logarithm."""
    return {"tensor": pt.log, "scalar": ps.log, "numpy": np.log}[_library(x)](x)


def sqrt(x: Any) -> Any:
    """Square root."""
    return {"tensor": pt.sqrt, "scalar": ps.sqrt, "numpy": np.sqrt}[_library(x)](x)


def arctan(x: Any) -> Any:
    """Inverse tangent."""
    return {"tensor": pt.arctan, "scalar": ps.arctan, "numpy": np.arctan}[_library(x)](x)


def minimum(x: Any, y: Any) -> Any:
    """Smaller of the two."""
    return {"tensor": pt.minimum, "scalar": ps.minimum, "numpy": np.minimum}[_library(x, y)](x, y)


def maximum(x: Any, y: Any) -> Any:
    """Larger of the two."""
    return {"tensor": pt.maximum, "scalar": ps.maximum, "numpy": np.maximum}[_library(x, y)](x, y)


def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where the condition holds, else ``y``."""
    choose: dict[str, Any] = {"tensor": pt.where, "scalar": ps.switch, "numpy": np.where}
    return choose[_library(condition, x, y)](condition, x, y)


def less(x: Any, y: Any) -> Any:
    """Whether x < y (scalar graphs have no ``<`` operator of their own)."""
    return {"tensor": pt.lt, "scalar": ps.lt, "numpy": np.less}[_library(x, y)](x, y)


def share(part: Any, whole: Any) -> Any:
    """``part / whole``, and 0 where the whole is empty, with derivatives that are numbers there too.

    Examples
    --------
    >>> float(share(1.0, 4.0)), float(share(0.0, 0.0))
    (0.25, 0.0)
    """
    empty = less(whole, EMPTY)
    return where(empty, 0.0, part / where(empty, 1.0, whole))


def clip(x: Any, lower: Any, upper: Any) -> Any:
    """``x`` kept within the two limits."""
    return minimum(maximum(x, lower), upper)


def logistic(x: Any) -> Any:
    """Inverse of the logit."""
    sigmoid: dict[str, Any] = {"tensor": pt.sigmoid, "scalar": ps.sigmoid, "numpy": lambda v: 1.0 / (1.0 + np.exp(-v))}
    return sigmoid[_library(x)](x)
