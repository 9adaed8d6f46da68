"""benchmarks/core.py runs on every structure, here with few repeats."""

import importlib.util
import sys
from pathlib import Path

import pytest

from socbayes.structures import get, list_structures

PATH = Path(__file__).parents[1] / "benchmarks" / "core.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_of_the_core", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("name", list_structures())
def test_every_structure_has_drivers_in_the_benchmark(benchmark, name):
    drivers = benchmark.typical_drivers(name)
    assert tuple(drivers) == get(name).driver_names


def test_the_table_of_structures_is_made_with_few_repeats(benchmark):
    rows = benchmark.structures_table(1, ("icbm", "mcp_forward"), steps=4, sites=8)
    assert [(name, scheme) for name, scheme, _ in rows] == [("icbm", "rk4"), ("mcp_forward", "mprk22")]


def test_a_structure_without_drivers_in_the_benchmark_is_named(benchmark, monkeypatch):
    monkeypatch.delitem(benchmark.TYPICAL, "mcp_forward")
    with pytest.raises(SystemExit, match="TYPICAL lacks litter_input of mcp_forward"):
        benchmark.typical_drivers("mcp_forward")
