#!/usr/bin/env bash
# ArviZ 1.3.0 with arviz-stats 1.3.3 and arviz-base 1.3.1: az.summary of a posterior in which a variable along one
# dimension comes before one along two, of which it has the last, puts values of the second under names of others:
# its rows are named with the last dimension running fastest and filled with the first running fastest. No error, no
# warning. With the variables the other way round, or one at a time, every value stands under its own name.
# Seen for a[first, second] of 0, 1, 10, 11, 20, 21:
#   a after b:  a[x, p] 0, a[x, q] 10, a[y, p] 20, a[y, q] 1, a[z, p] 11, a[z, q] 21
#   a before b: a[x, p] 0, a[x, q] 1, a[y, p] 10, a[y, q] 11, a[z, p] 20, a[z, q] 21
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    arviz==1.3.0 arviz-base==1.3.1 arviz-stats==1.3.3 numpy==2.5.5 xarray==2026.9.0
cat >"$folder/summary.py" <<'PY'
import arviz as az
import numpy as np

rng = np.random.default_rng(1)
levels = 10 * np.arange(3)[:, None] + np.arange(2)
draws = {
    "b": rng.normal(0, 0.001, size=(4, 200, 2)),
    "a": levels + rng.normal(0, 0.001, size=(4, 200, 3, 2)),
}
for said, names in (("a after b", ["b", "a"]), ("a before b", ["a", "b"])):
    posterior = az.from_dict(
        {"posterior": {name: draws[name] for name in names}},
        coords={"first": list("xyz"), "second": ["p", "q"]},
        dims={"a": ["first", "second"], "b": ["second"]},
    )
    means = az.summary(posterior, round_to="none")["mean"]
    rows = [f"{name} {mean:.0f}" for name, mean in means.items() if name.startswith("a[")]
    print(f"{said}: {', '.join(rows)}")
PY
seen=$("$folder/venv/bin/python" "$folder/summary.py")
echo "$seen"
expected="a after b: a[x, p] 0, a[x, q] 10, a[y, p] 20, a[y, q] 1, a[z, p] 11, a[z, q] 21
a before b: a[x, p] 0, a[x, q] 1, a[y, p] 10, a[y, q] 11, a[z, p] 20, a[z, q] 21"
[ "$seen" = "$expected" ]
