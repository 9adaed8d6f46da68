"""What the package is installed with: bounded where a release may break it, and nothing that only tests need."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
UNBOUNDED = {"xarray", "pyarrow", "rich"}
"""Numbered by the calendar, or by releases that break nothing here: a bound would only keep others from updating."""
TESTS_ONLY = {"frictionless", "petl", "dask", "pytest", "hypothesis"}


@pytest.mark.parametrize("one", DEPENDENCIES, ids=lambda one: one.name)
def test_a_dependency_is_bounded_where_a_major_release_breaks(one):
    bounded = any(part.operator in ("<", "<=", "==") for part in one.specifier)
    assert bounded == (one.name not in UNBOUNDED)
    assert any(part.operator in (">=", "==") for part in one.specifier)


def test_locked_versions_are_within_the_bounds():
    locked = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().split())
    for one in DEPENDENCIES:
        assert one.specifier.contains(locked[one.name.lower()]), one


def test_what_only_tests_need_is_not_installed_with_the_package():
    assert not {one.name for one in DEPENDENCIES} & TESTS_ONLY
    imported = re.compile(rf"^\s*(?:import|from) (?:{'|'.join(TESTS_ONLY)})\b", re.MULTILINE)
    for top in ("socbayes", "models"):
        for path in (ROOT / top).rglob("*.py"):
            assert not imported.search(path.read_text(encoding="utf-8")), path
