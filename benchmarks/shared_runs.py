"""What it saves that rows of efficiencies which state the same share a run: log density and gradient, with and without.

    python benchmarks/shared_runs.py

The process model of carbon use efficiency over its bundled table, as it is and with a run for every row. Processor
time of what the sampler calls, interleaved; medians. Nothing is printed unless both densities agree.
"""

from __future__ import annotations

import argparse
import statistics
import time
from unittest import mock

import numpy as np

from socbayes.inference.sampling import compile_for_sampling
from socbayes.models.cue import process

CALLS = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    given = parser.parse_args()
    from socbayes.subjects import model_record

    build = model_record("cue_process").build
    with mock.patch.object(process, "_runs_of", lambda rows, labelled, hours, dose: np.arange(labelled.size)):
        alone = build()
    compiled = {"a run for every row": compile_for_sampling(alone), "shared runs": compile_for_sampling(build())}
    points = [one.initial_point_func(1) for one in compiled.values()]
    found = [one.logp_func(points[0]) for one in compiled.values()]
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
    seconds: dict[str, list[float]] = {name: [] for name in compiled}
    for _ in range(given.rounds):
        for name, one in compiled.items():
            start = time.process_time()
            for _ in range(CALLS):
                one.logp_func(points[0])
            seconds[name].append((time.process_time() - start) / CALLS)
    for name, times in seconds.items():
        print(f"{name:22s} {1e3 * statistics.median(times):.2f} ms")


if __name__ == "__main__":
    main()
