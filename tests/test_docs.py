"""What the documentation shows, works."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
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


NEW_SUBJECT = "new_subject.md"
"""A page whose blocks are parts of files of the package, each named in its first line."""


@pytest.mark.parametrize("name", sorted({path.name for path in (ROOT / "docs").glob("*.md")} - {NEW_SUBJECT}))
def test_pages_show_python_that_runs(name, tmp_path):
    blocks = python_blocks((ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert blocks
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


USED = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np, pandas as pd, xarray as xr
import socbayes as sb
from socbayes.report.readings import readings_of
from socbayes.structures.fractions import fraction_weights
from socbayes.subjects import model_record

assert sb.__file__.startswith({folder!r}), sb.__file__
rows = {{"observation": list("abcd"), "study": list("ssuu"), "time_in_field": [0.5, 1.0] * 2, "remaining_mass": 0.8}}
table = sb.read_table(pd.DataFrame(rows), schema="litterbags", units={{"time_in_field": "year"}})
model = model_record("litterbags").build({{"table": table}})
assert np.isfinite(model.compile_logp(mode="FAST_COMPILE")(model.initial_point()))
draws = xr.Dataset({{"decay_rate": (("chain", "draw"), np.linspace(0.4, 0.6, 50)[None])}})
fitted = xr.DataTree.from_dict({{"posterior": draws}})
fitted.attrs["spec"] = model.socbayes_spec.to_json()
(reading,) = readings_of(fitted)
assert reading.say(fitted).startswith("Litter loses 0.50")
assert reading.draw is sb.plots.litter_decay
reading.draw(fitted).canvas.draw()
assert list(sb.models.litterbags.prior_table().index) == ["log_rate", "study_sd", "scatter"]
assert "error_charcoal" in sb.models.field.prior_table().index
assert fraction_weights(sb.structures.get("rothc"))["charcoal"].sum() == 1
"""


def put(block: str, folder: Path) -> None:
    """Put a block of a page where its first line says: into a new file, or into a tuple of one that is there."""
    place, _, code = block.partition("\n")
    name, _, inside = place.removeprefix("# ").partition(", at the end of ")
    path = folder / "socbayes" / name.removeprefix("socbayes/")
    if not inside:
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    (found,) = re.finditer(rf"^{inside}\b[^\n]*\(\n.*?^(?=\))", text, re.MULTILINE | re.DOTALL)
    path.write_text(text[: found.end()] + code + text[found.end() :], encoding="utf-8")


def test_what_the_page_on_a_new_subject_writes_works(tmp_path):
    """The blocks are put into a copy of the package, where the new subject is built, shown and read."""
    ignored = shutil.ignore_patterns("__pycache__", "curation")
    for source, copy in (("socbayes", "socbayes"), ("models", "socbayes/models"), ("data", "socbayes/data")):
        shutil.copytree(ROOT / source, tmp_path / copy, ignore=ignored)
    text = (ROOT / "docs" / NEW_SUBJECT).read_text(encoding="utf-8")
    for block in python_blocks(text):
        put(block, tmp_path)
    records = tmp_path / "socbayes" / "subjects.py"
    records.write_text(records.read_text("utf-8").replace("SUBJECTS = (", 'SUBJECTS = ("litterbags", '), "utf-8")
    command = [sys.executable, "-c", USED.format(folder=str(tmp_path))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert len(text.splitlines()) <= 120
