"""Fits of the demonstration beside each other: some at a time, the longest first, and none is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from socbayes import demo, demo_fits
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


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_caller_who_is_ended_leaves_no_process_behind(tmp_path, how):
    child = "import pathlib, sys, time; from socbayes import demo_fits; demo_fits._end_with_parent(); "
    child += "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    caller = f"""
import pathlib, subprocess, sys
from socbayes import demo, demo_fits
def begun(job):
    child = subprocess.Popen([sys.executable, "-c", {child!r}, str(job.folder)])
    print(child.pid, flush=True)
    return child
demo_fits._begun = begun
list(demo_fits.made([demo_fits.Job("long", pathlib.Path({str(tmp_path / "long")!r}), {{}})]))
"""
    with subprocess.Popen([sys.executable, "-c", caller], stdout=subprocess.PIPE, text=True) as parent:
        child_id = int(parent.stdout.readline())
        until(lambda: (tmp_path / "long").exists())
        parent.send_signal(how)
        parent.wait(20)
    until(lambda: not alive(child_id))


def alive(process: int) -> bool:
    """Whether a process is at work; one that ended and that nobody asked about is not."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
    return bool(said.strip()) and not said.strip().startswith("Z")


def until(true, seconds: float = 30.0) -> None:
    """Wait for something to be so."""
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, "it is not so within the time"
        time.sleep(0.05)


def test_a_process_that_makes_a_fit_watches_the_one_that_started_it(monkeypatch):
    watched = []
    monkeypatch.setattr(demo_fits, "_end_with_parent", lambda: watched.append(True))
    with pytest.raises(ValueError, match="unpack"):
        demo_fits.main([])
    assert watched == [True]


def test_a_file_of_the_working_directory_is_not_taken_for_a_module(tmp_path, monkeypatch):
    (tmp_path / "secrets.py").write_text("raise SystemExit('a file of the user was run')")
    monkeypatch.chdir(tmp_path)
    process = demo_fits._begun(Job("no_such_model", tmp_path / "run", {"seed": 1}))
    process.wait(60)
    said = (tmp_path / "run-error.txt").read_text("utf-8")
    assert "a file of the user was run" not in said
    assert "no model named 'no_such_model'" in said


@pytest.mark.parametrize(("code", "memory"), [(-9, True), (-15, False), (-11, False), (1, False)])
def test_only_a_process_that_was_killed_may_have_wanted_memory(tmp_path, code, memory):
    one = job(tmp_path, "cue")
    demo_fits._error_of(one).touch()
    said = demo_fits._why(one, code)
    assert ("want of memory" in said) == memory
    assert (f"signal {-code}" in said) == (code < 0)


def test_stages_are_told_by_the_folder(tmp_path):
    one = job(tmp_path, "cue")
    assert (one.stage, memory_of(one.folder)) == ("starting", None)
    for name, stage in (("spec.json", "compiling"), ("draws.zarr", "sampling"), ("fit.nc", "predicting and checking")):
        one.folder.mkdir(exist_ok=True)
        (one.folder / name).touch()
        assert one.stage == stage
    (one.folder / demo_fits.MEMORY).write_text('{"peak_memory_mb": 900}')
    assert (one.stage, memory_of(one.folder)) == ("done", 900)


def test_fits_draw_until_they_pass_where_nobody_asks_for_a_number():
    assert demo._draws(None, {}) == {"draws": 1500, "most_draws": 6000}
    assert demo._draws(None, {"draws": 1000}) == {"draws": 750, "most_draws": 3000}
    assert demo._draws(100, {"draws": 4000}) == {"draws": 200}
