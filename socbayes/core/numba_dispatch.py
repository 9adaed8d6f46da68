"""Compiled implementations of the operations, and their cache keys.

PyTensor caches compiled functions on disk under a key that it cannot derive
from a kernel's source. The key given here is a hash of all a kernel depends
on: the generated stages, the text of the loops around them, and the properties
of the operation. A changed flow therefore never meets the code of the old one.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import numba
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from socbayes.core import loops, vectors
from socbayes.core.integrate import Integrate, IntegrateBack
from socbayes.core.kernels import Program
from socbayes.core.late_code import make_code_late

make_code_late()


@lru_cache(maxsize=8)
def source_of(module: ModuleType) -> str:
    """Text of a module whose code ends up inside kernels."""
    return inspect.getsource(module)


def cache_key(*parts: Any) -> str:
    """Key of a kernel: a hash of its parts, of what surrounds them and of numba's version."""
    own = [part.key if isinstance(part, Program) else part for part in parts]
    text = repr((numba.__version__, source_of(loops), source_of(vectors), *own))
    return hashlib.sha256(text.encode()).hexdigest()


@register_funcify_and_cache_key(Integrate)
def _funcify_integrate(op: Integrate, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    run, _ = loops.build(op.program)
    interval, steps, keep = op.interval, op.steps, op.keep

    @numba_njit
    def integrate(x0, p, u, when):
        return run(x0, p, u, interval, steps, when, keep)

    return integrate, cache_key("integrate", *op.settings)


@register_funcify_and_cache_key(IntegrateBack)
def _funcify_integrate_back(op: IntegrateBack, node: Any = None, **kwargs: Any) -> tuple[Callable[..., Any], str]:
    _, sweep = loops.build(op.program)
    interval, steps = op.interval, op.steps

    @numba_njit
    def integrate_back(x0, p, u, when, path, g):
        return sweep(x0, p, u, interval, steps, when, path, g)

    return integrate_back, cache_key("integrate back", *op.settings)


@lru_cache(maxsize=64)
def forward_function(program: Program, parallel: bool = False) -> Callable[..., Any]:
    """Forward run as a plain function of arrays, cached on disk like the operations.

    Returns ``run(x0, p, u, interval, steps, when, keep) -> (out, path)``; with ``parallel``
    the sites are shared among numba's threads.
    """
    run, _ = loops.build(program, parallel)
    if parallel:
        # A parallel region must be compiled where it is written, not behind a wrapper.
        return run
    return _cached("forward", run, 7, cache_key("forward", program))


@lru_cache(maxsize=64)
def reverse_function(program: Program) -> Callable[..., Any]:
    """Reverse sweep as a plain function of arrays, cached on disk.

    Returns ``sweep(x0, p, u, interval, steps, when, path, g) -> (x0b, pb, ub)``.
    """
    _, sweep = loops.build(program)
    return _cached("reverse", sweep, 8, cache_key("reverse", program))


def _cached(name: str, function: Callable[..., Any], n_arguments: int, key: str) -> Callable[..., Any]:
    arguments = ", ".join(f"a{i}" for i in range(n_arguments))
    wrapper = compile_numba_function_src(
        src=f"def {name}({arguments}):\n    return function({arguments})",
        function_name=name,
        global_env={"function": function, "__name__": __name__},
        cache_key=key,
    )
    return numba_njit(wrapper, final_function=True, cache=True, nogil=True)
