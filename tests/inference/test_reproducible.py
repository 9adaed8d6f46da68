"""The same seed gives the same draws: fresh code and code from the cache compute the same numbers to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEIGHTS = """
import hashlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from toy import toy_model
from socbayes.inference.sampling import compile_for_sampling
compiled = compile_for_sampling(toy_model())
points = np.random.default_rng(0).normal(size=(50, compiled.n_dim))
found = [compiled.logp_func(point) for point in points]
print(hashlib.sha256(b"".join(np.float64(v).tobytes() + g.tobytes() for v, g in found)).hexdigest())
"""


def test_fresh_and_cached_code_compute_the_same(tmp_path):
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'cache'}"}
    command = [sys.executable, "-c", HEIGHTS, str(Path(__file__).parent)]
    cold, warm = (
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout for _ in range(2)
    )
    assert any((tmp_path / "cache" / "numba").iterdir()), "the second process had a cache to read"
    assert cold == warm
