"""Seconds from a fresh process to the first draw, with the code of an earlier process and without.

    python benchmarks/wall.py
    python benchmarks/wall.py cue mcp_process --cache FOLDER

Three processes for each model, one after another, in an empty folder of
compiled code or in one that is named, from which the code of whole models is
removed: ``first`` compiles; ``compiled`` makes the two functions that nutpie
calls anew, by nutpie alone; ``kept`` finds them where they could be kept.
Libraries are imported before the clock starts. Processor seconds, user and
system, count: those of the clock depend on who else
is at work. A row is printed only where the last two processes draw the same
numbers to the last bit.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measured_models import model_called, require_known

MODELS = ("cue", "cue_process", "mcp_process", "priming_process", "field, RothC")
CONTENDERS = ("first", "compiled", "kept")
DRAWS, TUNE = 1, 10


def measured(name: str, contender: str) -> dict[str, Any]:
    """Build, compile and draw once in this process."""
    import numpy as np
    import nutpie

    from socbayes.inference.code_files import shrink
    from socbayes.inference.sampling import compile_for_sampling, reproducible
    from socbayes.spec import spec_of

    require_known(name)  # imports what it is built with
    if contender == "first":
        shrink(0)
    marks = [(time.perf_counter(), time.process_time())]

    def mark() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    model = model_called(name)
    mark()
    if contender == "compiled":
        with reproducible():
            compiled = nutpie.compile_pymc_model(model, jitter_rvs=set() if spec_of(model).climbs else None)
    else:
        compiled = compile_for_sampling(model)
    mark()
    drawn = nutpie.sample(compiled, draws=DRAWS, tune=TUNE, chains=1, seed=1, progress_bar=False)
    mark()
    digest = hashlib.sha256()
    for variable in sorted(drawn["posterior"].data_vars):
        digest.update(np.ascontiguousarray(drawn["posterior"][variable].to_numpy()).tobytes())
    spent = [(late[0] - early[0], late[1] - early[1]) for early, late in itertools.pairwise(marks)]
    return {"spent": dict(zip(("build", "compile", "draw"), spent, strict=True)), "draws": digest.hexdigest()}


def in_a_process(name: str, contender: str, cache: str) -> dict[str, Any]:
    """The same, in a process of its own."""
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={cache}"}
    command = [sys.executable, str(Path(__file__).resolve()), name, "--measure", contender]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, help="models by name; all if left out")
    parser.add_argument("--cache", help="folder of compiled code; an empty one if left out")
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.models[0], given.measure)))
        return
    with tempfile.TemporaryDirectory() as empty:
        table(given.models, given.cache or empty)


def table(models: Sequence[str], cache: str) -> None:
    """Measure models and print a row for each process.

    Raises
    ------
    SystemExit
        If kept code draws other numbers.
    """
    print("processor seconds (clock)\n")
    print("| model | process | build | compile | first draw | together |\n|---|---|---|---|---|---|")
    for name in models:
        found = {contender: in_a_process(name, contender, cache) for contender in CONTENDERS}
        if found["compiled"]["draws"] != found["kept"]["draws"]:
            raise SystemExit(f"{name}: kept code draws other numbers")
        for contender, one in found.items():
            columns = [*one["spent"].values(), [sum(column) for column in zip(*one["spent"].values(), strict=True)]]
            cells = " | ".join(f"{processor:.1f} ({clock:.1f})" for clock, processor in columns)
            print(f"| {name} | {contender} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
