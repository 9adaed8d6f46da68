"""Fits of the demonstration beside each other: some at a time, the longest first, and none is left behind."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from socbayes import demo_fits
from socbayes.demo_fits import Job, made, memory_of
from socbayes.errors import SocbayesError

MAKES = "import sys, time, pathlib; time.sleep({wait}); f = pathlib.Path(sys.argv[1]); f.mkdir(parents=True); {end}"


@pytest.fixture
def begun(monkeypatch):
    """Processes that stand for fits: each waits, writes and ends as its effort says; all that were begun, by name."""
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def begin(job):
        job.folder.parent.mkdir(parents=True, exist_ok=True)
        end = ("(f / 'fit.nc').touch()", "sys.exit('no memory left')", "")[job.effort["end"]]
        code = MAKES.format(wait=job.effort["wait"], end=end)
        with demo_fits._error_of(job).open("wb") as said:
            processes[job.name] = subprocess.Popen([sys.executable, "-c", code, str(job.folder)], stderr=said)
        return processes[job.name]

    monkeypatch.setattr(demo_fits, "_begun", begin)
    monkeypatch.setattr(demo_fits, "LOOK", 0.02)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return processes


def job(folder, name, wait=0.0, end=0) -> Job:
    return Job(name, folder / name, {"wait": wait, "end": end})


def test_fits_are_made_two_at_a_time_and_the_next_begins_before_the_caller_looks(tmp_path, begun):
    jobs = [job(tmp_path, "long", wait=3.0), job(tmp_path, "short"), job(tmp_path, "next")]
    seen = []
    found = made(jobs, lambda running: seen.append([one.name for one in running]))
    assert next(found).name == "short"
    assert "next" in begun
    assert [one.name for one in found] == ["next", "long"]
    assert seen[0] == ["long", "short"]
    assert max(map(len, seen)) == 2


@pytest.mark.parametrize(("end", "why"), [(1, "exit code 1.*no memory left"), (2, "exit code 0.*said nothing")])
def test_a_fit_that_cannot_be_made_says_why_and_ends_the_others(tmp_path, begun, end, why):
    started = time.monotonic()
    with pytest.raises(SocbayesError, match=f"broken could not be fitted .{why}"):
        list(made([job(tmp_path, "long", wait=60.0), job(tmp_path, "broken", end=end)]))
    assert time.monotonic() - started < 30
    assert begun["long"].poll() is not None


def test_a_caller_who_stops_leaves_no_process_behind(tmp_path, begun):
    found = made([job(tmp_path, "long", wait=60.0), job(tmp_path, "short")])
    assert next(found).name == "short"
    found.close()
    assert begun["long"].poll() is not None


def test_stages_are_told_by_the_folder(tmp_path):
    one = job(tmp_path, "cue")
    assert (one.stage, memory_of(one.folder)) == ("starting", None)
    for name, stage in (("spec.json", "compiling"), ("draws.zarr", "sampling"), ("fit.nc", "predicting and checking")):
        one.folder.mkdir(exist_ok=True)
        (one.folder / name).touch()
        assert one.stage == stage
    (one.folder / demo_fits.MEMORY).write_text('{"peak_memory_mb": 900}')
    assert (one.stage, memory_of(one.folder)) == ("done", 900)
