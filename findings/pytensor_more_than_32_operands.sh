#!/usr/bin/env bash
# PyTensor 3.3.7, modes without a compiler: a sum of more than 32 terms is built and compiled without a word and fails
# when it is called. The message advises to disable the fusion of elementwise operations; without fusion it is the same,
# as nothing was fused: pt.add(*terms) is one operation of 40 operands from the start, and so are the sums that rewrites
# make of the log density of a model with many variables. The default mode (Numba) returns the sum.
# Seen: NotImplementedError "Elemwise.perform (Python mode) does not support more than 32 operands. Use the C backend or
# disable Elemwise fusion." in FAST_COMPILE with and without fusion; [40. 40.] by default.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pytensor==3.3.7 numba==0.68.0
export PYTENSOR_FLAGS="base_compiledir=$folder/compiled"
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import get_mode

terms = [pt.dvector(f"x{place}") for place in range(40)]
total = pt.add(*terms)
values = [np.ones(2)] * len(terms)
plain = get_mode("FAST_COMPILE")
for name, mode in (("FAST_COMPILE", plain), ("FAST_COMPILE, fusion excluded", plain.excluding("fusion"))):
    function = pytensor.function(terms, total, mode=mode)
    try:
        print(name, function(*values))
    except NotImplementedError as error:
        print(f"{name}: NotImplementedError: {error}")
    else:
        sys.exit("the sum of 40 terms is computed now")
few = pytensor.function(terms[:30], pt.add(*terms[:30]), mode=plain)(*values[:30])
default = pytensor.function(terms, total)(*values)
print("30 terms in FAST_COMPILE:", few, " 40 terms by default:", default)
sys.exit(0 if (few == 30).all() and (default == 40).all() else "other sums were seen")
PY
