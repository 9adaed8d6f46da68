#!/usr/bin/env bash
# ArviZ 1.3.0 with arviz-stats 1.3.3: a posterior with one true-or-false variable, such as
# pm.Deterministic("gained", stock > start), has R-hat, effective sample sizes and Monte Carlo errors, but no
# summary: az.summary raises NumPy's TypeError on subtracting booleans and shows none of the other variables either.
# As whole numbers (0 and 1) the same draws are summarised. Seen: "rhat ok, ess ok, mcse ok, summary TypeError; as
# integers ok".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    arviz==1.3.0 arviz-base==1.3.1 arviz-stats==1.3.3 numpy==2.5.5 xarray==2026.9.0
cat >"$folder/summary.py" <<'PY'
import arviz as az
import numpy as np
import xarray as xr

stock = np.random.default_rng(1).normal(50, 2, size=(4, 500))
dims = ("chain", "draw")
posterior = xr.Dataset({"stock": (dims, stock), "gained": (dims, stock > 50)})


def outcome(function, dataset):
    try:
        function(dataset)
    except TypeError:
        return "TypeError"
    return "ok"


def summary(dataset):
    return az.summary(xr.DataTree.from_dict({"posterior": dataset}))


found = [f"{name} {outcome(getattr(az, name), posterior)}" for name in ("rhat", "ess", "mcse")]
whole = posterior.assign(gained=posterior["gained"].astype(int))
print(f"{', '.join(found)}, summary {outcome(summary, posterior)}; as integers {outcome(summary, whole)}")
PY
seen=$("$folder/venv/bin/python" "$folder/summary.py")
echo "$seen"
[ "$seen" = "rhat ok, ess ok, mcse ok, summary TypeError; as integers ok" ]
