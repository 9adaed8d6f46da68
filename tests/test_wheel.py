"""A wheel built from the tree works away from it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in the wheel, and the folder it is unpacked into."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy of what is tracked: a build leaves folders behind in the tree it is made of.
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    if not names:  # not a checkout
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    isolation = ["--no-build-isolation"] if find_spec("setuptools") else []
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", *isolation, "-q", "-w", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("socbayes-*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
        return archive.namelist(), folder / "unpacked"


def test_every_module_is_in_the_wheel(wheel):
    names, _ = wheel
    expected = {str(path.relative_to(ROOT)) for path in (ROOT / "socbayes").rglob("*.py")}
    expected |= {f"socbayes/{path.relative_to(ROOT)}" for path in (ROOT / "models").rglob("*.py")}
    assert {"socbayes/models/cue/process.py", "socbayes/models/field/model.py"} <= expected
    assert not expected - set(names)


def test_data_templates_and_licences_are_in_the_wheel(wheel):
    names, _ = wheel
    tables = {f"socbayes/data/{path.name}" for path in (ROOT / "data").glob("*.csv")}
    assert len(tables) >= 5
    pages = {f"socbayes/report/{p.name}" for p in (ROOT / "socbayes/report").iterdir() if p.suffix in (".html", ".css")}
    assert any(page.endswith(".html") for page in pages)
    stored = {f"socbayes/data/posteriors/{path.name}" for path in (ROOT / "data" / "posteriors").glob("*.nc")}
    assert stored
    needed = (
        tables | pages | stored | {"socbayes/py.typed", "socbayes/data/datapackage.json", "socbayes/data/LICENSES.md"}
    )
    assert not needed - set(names)
    licences = [name for name in names if ".dist-info/licenses/" in name]
    assert any(name.endswith("/LICENSE") for name in licences)
    assert any(name.endswith("LICENSES.md") for name in licences)


def test_nothing_else_is_in_the_wheel(wheel):
    names, _ = wheel
    strangers = [name for name in names if not name.startswith(("socbayes/", "socbayes-"))]
    assert not strangers
    assert not [name for name in names if "curation" in name or "test" in name.lower() or "notebook" in name]


CODE = """
import sys
sys.path.insert(0, {folder!r})
import socbayes, socbayes.models.cue.baseline, socbayes.data
for module in (socbayes, socbayes.models.cue.baseline, socbayes.data):
    assert module.__file__.startswith({folder!r}), module.__file__
table = socbayes.load_dataset("cue")
model = socbayes.models.cue.baseline.build(table)
print(len(table), "temperature_slope" in model.named_vars)
"""


def test_unpacked_wheel_finds_its_data_and_builds_a_model(wheel, tmp_path):
    """Isolated from the working directory and the environment; the files used are checked to be the unpacked ones."""
    _, folder = wheel
    command = [sys.executable, "-I", "-c", CODE.format(folder=str(folder))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows, found = done.stdout.split()
    assert int(rows) > 1000
    assert found == "True"
