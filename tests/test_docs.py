"""What the documentation shows, works."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def module_names() -> list[str]:
    """Import names of all modules: an example in a private one can go stale as well."""
    names = []
    for top, package in (("socbayes", "socbayes"), ("models", "socbayes.models")):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = [part for part in path.relative_to(ROOT / top).with_suffix("").parts if part != "__init__"]
            names.append(".".join((package, *parts)))
    return names


NAMES = module_names()


def examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [test for test in doctest.DocTestFinder(exclude_empty=True).find(module, name) if test.examples]


@pytest.mark.parametrize("name", NAMES)
def test_examples_of_docstrings_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    said: list[str] = []
    for test in examples(name):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_examples_are_found():
    """The collection above is not empty, and what is not run is marked one by one."""
    found = [example for name in NAMES for test in examples(name) for example in test.examples]
    skipped = [example for example in found if doctest.SKIP in example.options]
    assert len(found) - len(skipped) > 40
    assert len(skipped) < len(found) / 3


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_python_blocks_are_found():
    text = "a\n```python\nx = 1\n```\nb\n```bash\nls\n```\n```python\ny = x\n```\n"
    assert python_blocks(text) == ["x = 1\n", "y = x\n"]


def test_readme_shows_python_that_runs(tmp_path):
    """The blocks run one after another, as a reader would paste them, with few draws."""
    text = readme()
    blocks = python_blocks(text)
    if "## In Python" not in text:
        assert not blocks, "Python code in the README belongs under the heading '## In Python'"
        return
    assert blocks, "the section '## In Python' shows no Python"
    (tmp_path / "readme.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "readme.py"],
        cwd=tmp_path,
        env=os.environ | {"SOCBAYES_FAST": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_pages_show_python_that_runs(name, tmp_path):
    blocks = python_blocks((ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert blocks
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
