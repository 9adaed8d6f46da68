#!/usr/bin/env bash
# PyTensor 3.3.7 with Numba 0.68.0, Numba being the default backend: a product of two small matrices, such as weights of
# plots times effects, runs in no time and takes seconds to compile, as every process that meets it anew types and
# optimises the whole wrapper around BLAS. The same product written as a sum over elementwise products takes a small
# part of that. A hierarchical model pays twice or more, as gradients are products too. Seen on a busy machine:
# "product 15.7 s, sum 0.7 s of processor; 24 times as long; values agree: True". Fails below 4 times.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pytensor==3.3.7 numba==0.68.0 numpy==2.5.5 scipy==1.18.1
cat >"$folder/product.py" <<'PY'
import sys
import time

import numpy as np
import pytensor
import pytensor.tensor as pt

weights = np.random.default_rng(1).random((6, 5))
values = np.random.default_rng(2).random((5, 3))
x = pt.matrix("x", dtype="float64", shape=(5, 3))


def seconds(expression):
    start = time.process_time()
    function = pytensor.function([x], expression, mode="NUMBA")
    found = function(values)
    return time.process_time() - start, found


seconds(pt.exp(x).sum(axis=0))  # what every first function takes
by_sum, summed = seconds((weights[:, :, None] * x[None]).sum(axis=1))
by_product, multiplied = seconds(pt.dot(weights, x))
ratio = by_product / by_sum
agree = np.allclose(summed, multiplied, rtol=1e-12)
print(f"product {by_product:.1f} s, sum {by_sum:.1f} s of processor; {ratio:.0f} times as long; values agree: {agree}")
sys.exit(0 if ratio > 4 and agree else 1)
PY
PYTENSOR_FLAGS="base_compiledir=$folder/compiled" "$folder/venv/bin/python" "$folder/product.py"
