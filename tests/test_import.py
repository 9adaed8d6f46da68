"""Importing socbayes is cheap, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import socbayes

HEAVY = ("pymc", "pytensor", "arviz", "pandas", "xarray", "numba", "nutpie", "matplotlib", "scipy")


def test_import_loads_nothing_heavy():
    code = f"import sys, socbayes; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", socbayes.__all__)
def test_public_name_resolves(name):
    assert getattr(socbayes, name) is not None
    assert name in dir(socbayes)


def test_every_lazy_name_is_public():
    assert sorted({*socbayes._LAZY, *socbayes._SUBMODULES}) == sorted(socbayes.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_this_name'"):
        _ = socbayes.nothing_of_this_name
