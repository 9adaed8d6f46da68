#!/usr/bin/env bash
# nutpie 0.16.11 with zarr 3.4.2: a run that streams to a Zarr store answers with other statistics than the same run in
# memory. Statistics that nobody asked for (store_gradient, store_unconstrained and their like are off) are there all
# the same, in full size and NaN throughout: gradient, unconstrained_draw, transformed_gradient, transformed_position,
# each (chain, draw, parameter). Read into memory, they take four times the room of the posterior itself. On disk they
# are a file each; what was taken has a file for every 16 draws of a chain (thousands for a model of two variables).
# Seen with 2 chains of 320 draws of 6 parameters:
#   in memory: none of the four; in the store: all four, (2, 320, 6), every value NaN
#   files of x: 41, of them pieces of draws 40 (2 chains, 320 / 16)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    nutpie==0.16.11 pymc==6.4.0 zarr==3.4.2
cat >"$folder/stream.py" <<'PY'
import sys
from pathlib import Path

import numpy as np
import nutpie
import pymc as pm

NAMES = ("gradient", "transformed_gradient", "transformed_position", "unconstrained_draw")
with pm.Model() as model:
    pm.Normal("x", shape=5)
    pm.HalfNormal("y")
compiled = nutpie.compile_pymc_model(model)
how = {"draws": 320, "tune": 200, "chains": 2, "seed": 1, "progress_bar": False}
place = Path(sys.argv[1])
store = nutpie.zarr_store.LocalStore(str(place), mkdir=True)
streamed = nutpie.sample(compiled, zarr_store=store, **how)["sample_stats"]
held = nutpie.sample(compiled, **how)["sample_stats"]
print("in memory:", [name for name in NAMES if name in held.data_vars])
for name in NAMES:
    values = streamed[name].to_numpy()
    print("in the store:", name, values.shape, "all NaN" if np.isnan(values).all() else "values")
files = [path for path in (place / "posterior" / "x").rglob("*") if path.is_file()]
print("files of x:", len(files), "pieces of draws:", sum(path.name != "zarr.json" for path in files))
PY
seen=$("$folder/venv/bin/python" "$folder/stream.py" "$folder/run.zarr")
echo "$seen"
expected="in memory: []
in the store: gradient (2, 320, 6) all NaN
in the store: transformed_gradient (2, 320, 6) all NaN
in the store: transformed_position (2, 320, 6) all NaN
in the store: unconstrained_draw (2, 320, 6) all NaN
files of x: 41 pieces of draws: 40"
[ "$seen" = "$expected" ]
