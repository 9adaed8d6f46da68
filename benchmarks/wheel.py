"""Time a wheel of the tree in the hands of somebody who has no checkout, from its installation to a fit.

    python benchmarks/wheel.py                                     # the interpreter that runs this
    python benchmarks/wheel.py python3.12 /opt/python3.14/bin/python3
    python benchmarks/wheel.py --demo                              # and `socbayes demo --quick`: minutes
    python benchmarks/wheel.py --wheels-for 3.14                   # a version that is not installed here

For each interpreter a fresh virtual environment is made in a temporary folder, the wheel is installed there with
what it depends on, and from an empty folder, away from the tree: ``import socbayes``, a bundled table, a small fit
that is judged, and, with ``--demo``, the demonstration. Each step is printed with its seconds; the first that fails
is printed with the end of what it said, and the exit status is 1. Packages come from wherever pip is set up to find
them; ``--constraint requirements.lock`` pins them. ``--wheels-for`` asks pip for built packages of all that the wheel
depends on, for a version of CPython without its interpreter: whether it would install, not whether it works.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOWN_LINES = 15

IMPORT = "import socbayes; print(socbayes.__version__, len(socbayes.load_dataset('cue')))"
FIT = """
import socbayes as sb
if __name__ == "__main__":
    table = sb.load_dataset("cue")
    few = table[table["study"].isin(table["study"].value_counts().index[:6])]
    fitted = sb.fit(sb.models.cue.build(few), draws=200, tune=200, chains=2, seed=1, store="run", progress=False)
    new = sb.scenarios.predict_new(fitted, method="substrate_label", temperature=15.0, seed=1)
    print(dict(fitted["posterior"].sizes)["draw"], round(float(new.median()), 2))
"""


class StepFailedError(Exception):
    """A command that did not end well, with the end of what it said."""


def main() -> int:
    """Try every interpreter; 0 when all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", default=[sys.executable], help="interpreters, by name or path")
    parser.add_argument("--demo", action="store_true", help="run `socbayes demo --quick` as well")
    parser.add_argument("--constraint", type=Path, help="file of pinned versions for pip")
    parser.add_argument("--wheels-for", metavar="VERSION", help="only look for packages built for this version")
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        wheel = built(Path(folder))
        if given.wheels_for:
            return resolved(given.wheels_for, wheel, Path(folder))
        for python in given.pythons:
            try:
                tried(python, wheel, Path(folder), given.demo, given.constraint)
            except (StepFailedError, OSError) as error:
                failed = True
                print(f"  failed: {error}", flush=True)
    return int(failed)


def built(folder: Path) -> Path:
    """Wheel of what is tracked: a build leaves folders behind in the tree it is made of."""
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--quiet", "--wheel-dir", str(folder)]
    timed("wheel built", command, source)
    (wheel,) = folder.glob("socbayes-*.whl")
    print(f"  {wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
    return wheel


def tried(python: str, wheel: Path, folder: Path, demo: bool, constraint: Path | None) -> None:
    """Install the wheel for one interpreter and use it from an empty folder."""
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(version, flush=True)
    place = folder / version.replace(" ", "-")
    environment, work = place / "venv", place / "work"
    work.mkdir(parents=True)
    timed("virtual environment", [python, "-m", "venv", str(environment)], work)
    own = environment / ("Scripts" if os.name == "nt" else "bin")
    pins = ["--constraint", str(constraint.resolve())] if constraint else []
    timed("installed", [str(own / "python"), "-m", "pip", "install", "--quiet", *pins, str(wheel)], work)
    timed("imported", [str(own / "python"), "-c", IMPORT], work)
    (work / "small_fit.py").write_text(FIT)
    timed("small fit", [str(own / "python"), "small_fit.py"], work)
    if demo:
        timed("socbayes demo --quick", [str(own / "socbayes"), "demo", "--quick", "--output", "report"], work)


def resolved(version: str, wheel: Path, folder: Path) -> int:
    """Whether everything that the wheel depends on is built for a version of CPython; 0 when it is."""
    wanted = ["--python-version", version, "--implementation", "cp", "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--target", "unused"]
    try:
        timed(f"built packages for CPython {version} are there", [*pip, *wanted, str(wheel)], folder)
    except StepFailedError as error:
        print(f"  failed: {error}", flush=True)
        return 1
    return 0


def timed(what: str, command: list[str], folder: Path) -> None:
    """Run a command in a folder and print how long it took and the last line it said."""
    # The tree must not be found by accident.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode:
        raise StepFailedError("\n    ".join([f"{what}, exit status {done.returncode}", *lines[-SHOWN_LINES:]]))
    print(f"  {what}: {time.perf_counter() - start:.0f} s  {done.stdout.strip().splitlines()[-1:] or ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
