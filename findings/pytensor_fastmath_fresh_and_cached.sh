#!/usr/bin/env bash
# PyTensor 3.3.7 with Numba: the same model at the same points has other log densities in the process that compiles it
# than in every later one, which loads the code from PyTensor's cache; the last digits differ. A chain of NUTS with the
# same seed then leaves the other one after some tens of steps. The cause is fastmath, on by default
# (config.numba__fastmath), which lets the compiler reorder sums: fresh functions are compiled together and inlined into
# one another, cached ones are linked as they are. Without it both are the same to the last bit.
# Seen: two hashes for a cold and a warm cache by default, one hash with numba__fastmath=False.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pymc==6.4.0 pytensor==3.3.7 numba==0.68.0
cat >"$folder/heights.py" <<'PY'
import hashlib

import numpy as np
import pymc as pm

rng = np.random.default_rng(3)
group = np.repeat(np.arange(8), 6)
with pm.Model() as model:
    mean, spread, scatter = pm.Normal("mean", 0, 2), pm.LogNormal("spread", -0.5, 0.5), pm.HalfNormal("scatter", 1)
    effect = spread * pm.Normal("effect", shape=8)
    pm.Normal("value", mean + effect[group], scatter, observed=rng.normal(size=48))
density = model.compile_logp(mode="NUMBA")
start = model.initial_point()
heights = [
    float(density({name: (value + 0.3) * factor for name, value in start.items()})) for factor in np.linspace(0.5, 1.5, 40)
]
print(hashlib.sha256(np.array(heights).tobytes()).hexdigest()[:12])
PY
heights() { PYTENSOR_FLAGS="base_compiledir=$folder/$1,$2" "$folder/venv/bin/python" "$folder/heights.py"; }
fast="$(heights fast numba__fastmath=True) $(heights fast numba__fastmath=True)"
exact="$(heights exact numba__fastmath=False) $(heights exact numba__fastmath=False)"
echo "fastmath, cold and warm: $fast; without: $exact"
[ "${fast% *}" != "${fast#* }" ] && [ "${exact% *}" = "${exact#* }" ]
