"""Machine code that is made late computes what it did, and says what went wrong as it did."""

from __future__ import annotations

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from pytensor.link.numba.dispatch.basic import numba_njit

from socbayes.core import late_code
from socbayes.core.late_code import is_late, make_code_late

CACHED = """
import numba

@numba.njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def inner(x):
    return 3.0 * x + 1.0

@numba.njit(cache=True)
def outer(x):
    return inner(x) ** 2
"""
CALL = """
import sys
sys.path.insert(0, sys.argv[1])
if "late" in sys.argv[2]:
    import socbayes.core
import cached
print(cached.outer(2.0), sum(cached.outer.stats.cache_hits.values()))
"""


def library_of(function):
    (compiled,) = function.overloads.values()
    return compiled.library


def test_code_is_made_of_the_whole_and_not_of_its_parts():
    @numba_njit
    def inner(x):
        return np.exp(x) + x

    @numba.njit
    def outer(x):
        total = 0.0
        for one in x:
            total += inner(one)
        return total

    values = np.linspace(-1.0, 1.0, 7)
    assert outer(values) == pytest.approx(np.exp(values).sum() + values.sum(), rel=1e-15)
    assert is_late(library_of(inner))
    assert not is_late(library_of(outer))
    part = library_of(inner)
    (name,) = [one.name for one in part.get_defined_functions() if "inner" in one.name]
    assert part.get_pointer_to_function("not_there") == 0
    assert is_late(part)
    assert part.get_pointer_to_function(name) != 0, "it is made where it is asked for"
    assert not is_late(part)


def test_what_went_wrong_inside_is_said():
    """A message that is put together at run time needs the environment of the function that raises."""

    @numba_njit
    def inner(x):
        if x < 0.0:
            raise ValueError("below zero", x)
        return np.sqrt(x)

    @numba.njit
    def outer(x):
        return inner(x) + 1.0

    assert outer(4.0) == 3.0
    with pytest.raises(ValueError, match=r"below zero.*-2\.0"):
        outer(-2.0)


def test_functions_that_call_each_other_find_each_other():
    @numba.njit
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    assert factorial(10) == 3628800


def test_a_function_called_by_its_address_is_made():
    @numba.njit
    def double(x):
        return 2.0 * x

    called = numba.cfunc("float64(float64)")(double.py_func)
    assert called.ctypes(4.0) == 8.0

    @numba.njit
    def applied(function, x):
        return function(x)

    assert applied(double, 3.0) == 6.0


def test_what_else_numba_compiles_is_as_it_was():
    x = np.arange(4.0)

    @numba.vectorize
    def product(a, b):
        return a * b

    @numba.guvectorize(["void(float64[:], float64[:])"], "(n)->()")
    def total(a, out):
        out[0] = a.sum()

    @numba.njit(parallel=True)
    def roots(a):
        found = 0.0
        for i in numba.prange(a.size):
            found += np.sqrt(a[i])
        return found

    @numba.njit
    def middle(a):
        with numba.objmode(found="float64"):
            found = float(np.median(a))
        return found

    @numba.njit
    def doubled(count):
        for i in range(count):
            yield 2 * i

    assert product(x, 2.0).tolist() == [0.0, 2.0, 4.0, 6.0]
    assert total(x) == 6.0
    assert roots(x) == pytest.approx(np.sqrt(x).sum(), rel=1e-14)
    assert middle(x) == 1.5
    assert list(doubled(3)) == [0, 2, 4]


@pytest.mark.parametrize("order", [("late", "late"), ("ever", "late"), ("late", "ever")], ids=" then ".join)
def test_code_on_disk_serves_both_ways_of_making_it(order, tmp_path):
    (tmp_path / "cached.py").write_text(CACHED)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for hits, way in enumerate(order):
        command = [sys.executable, "-c", CALL, str(tmp_path), way]
        result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        assert result.stdout.split() == ["49.0", str(hits)]


def test_it_is_arranged_once_and_only_in_a_numba_that_is_known(monkeypatch):
    before = numba.core.codegen.JITCodeLibrary.get_pointer_to_function
    assert make_code_late()
    assert numba.core.codegen.JITCodeLibrary.get_pointer_to_function is before
    monkeypatch.setattr(late_code, "_NEEDED", ("renamed_in_a_later_version",))
    assert not make_code_late()
