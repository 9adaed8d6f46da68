"""The curation scripts write exactly the tables that are bundled."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from socbayes.vocabulary import SCHEMAS

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "data" / "curation"


def literature() -> Path | None:
    """Folder of raw files: the variable, or a collection beside the checkout."""
    named = os.environ.get("SOCBAYES_LITERATURE")
    folder = Path(named) if named else ROOT.parent / "shared" / "literature"
    return folder if (folder / "qiao2019_cue").is_dir() else None


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory) -> Path:
    folder = literature()
    if folder is None:
        pytest.skip("the raw literature files are not here; set SOCBAYES_LITERATURE to their folder")
    output = tmp_path_factory.mktemp("tables")
    done = subprocess.run(
        [sys.executable, "-B", str(SCRIPTS / "build_all.py"), "--literature", str(folder), "--output", str(output)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return output


@pytest.mark.parametrize("filename", [*(f"{name}.csv" for name in SCHEMAS), "datapackage.json", "LICENSES.md"])
def test_tables_are_reproduced_byte_for_byte(rebuilt, filename):
    assert (rebuilt / filename).read_bytes() == (ROOT / "data" / filename).read_bytes()


def test_every_table_has_its_script():
    assert {path.stem for path in SCRIPTS.glob("curate_*.py")} == {f"curate_{name}" for name in SCHEMAS}


def test_scripts_need_to_be_told_where_the_raw_files_are():
    environment = {key: value for key, value in os.environ.items() if key != "SOCBAYES_LITERATURE"}
    done = subprocess.run(
        [sys.executable, "-B", str(SCRIPTS / "curate_cue.py")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 2
    assert "--literature FOLDER" in done.stderr


def test_scripts_hold_no_machine_path_and_no_address():
    for path in SCRIPTS.glob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"[\w.]+@[\w.]+\.\w+", text), path.name
        assert not re.search(r"['\"(]/(?:work|home|tmp|Users)\b", text), path.name
