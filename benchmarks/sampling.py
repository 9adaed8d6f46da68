"""Effective draws per second over the compiled core, and over ``pytensor.scan``.

    python benchmarks/sampling.py
    python benchmarks/sampling.py --draws 2000 --tune 1000 --repeats 5

The process model of carbon use efficiency on a few studies, twice: as it is,
and with the runs of its carbon pools written as a loop of ``pytensor.scan``,
which is what one would otherwise write. Equations, steps, scheme, priors, data,
sampler, settings and seeds are the same, and so is the posterior: unless log
densities and gradients agree, nothing is printed.

The loop is given every advantage that takes no code of its own: expressions
are merged, constants folded and divisions shared before PyTensor sees them, and
the linear systems of the implicit scheme are eliminated in symbols, so that a
step calls no solver.

Each contender lives in a process of its own with an empty compilation cache, where what ``sb.fit`` keeps for later
processes is kept too, as far as it can be.
They compile one after the other and then take turns to sample. Seconds are those
of the clock, but for gradients, which are processor time on one core; medians
over the repeats, but all divergences and the largest R-hat.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.graph.basic import Constant

import socbayes as sb
import socbayes.core
from socbayes.core.kernels import flow_rates, plain_rates
from socbayes.core.scalar_graph import Expressions, Stage, substitute
from socbayes.core.schemes import BUILDERS, SPECIFIC
from socbayes.core.structure import Structure
from socbayes.inference.calibration import few

STUDIES, ROWS = 5, 6
CHAINS = 4
POINTS = 8
TOLERANCE = 1e-8
CONTENDERS = ("socbayes", "pytensor.scan")
#: Digits after the point of each number shown.
COLUMNS = {
    "compile s": 1,
    "compile processor s": 1,
    "gradient ms": 3,
    "sampling s": 2,
    "leapfrogs per draw": 1,
    "smallest bulk ESS": 0,
    "ESS/s": 1,
    "ESS/s with compiling": 1,
    "R-hat": 4,
    "divergences": 0,
}
TENSOR_OPS = {
    "Add": pt.add,
    "Sub": pt.sub,
    "Mul": pt.mul,
    "Neg": pt.neg,
    "Reciprocal": pt.reciprocal,
    "Switch": pt.switch,
    "LE": pt.le,
    "LT": pt.lt,
    "Log": pt.log,
    "Sigmoid": pt.sigmoid,
}


# --- the same run, written with scan ------------------------------------------------


def one_step(structure: Structure, length: float, fixed: Mapping[Any, Any], inputs: Sequence[Any]) -> Stage:
    """State after a step of the structure's scheme as simplified expressions of the state and the ``inputs``."""
    state = [ps.float64(name) for name in structure.state]
    specific = flow_rates(structure) if structure.scheme in SPECIFIC else plain_rates(structure)

    def rates(pools: Sequence[Any], place: float) -> list[Any]:
        return substitute(specific, dict(zip(structure.trace.x, pools, strict=True)) | dict(fixed))

    unused = [ps.float64() for _ in state]  # by the reverse sweep alone
    after, _ = BUILDERS[structure.scheme](structure, rates, state, ps.as_scalar(length), unused, unused)
    table = Expressions(reciprocals=True)
    rows = table.add_graph(after, {v: ("in", i) for i, v in enumerate([*state, *inputs])})
    return table.stage("step", [("out", i, False, row) for i, row in enumerate(rows)])


def evaluated(stage: Stage, inputs: Sequence[Any]) -> list[Any]:
    """Outputs of a stage as tensors."""
    values: list[Any] = []
    for kind, *args in stage.rows:
        if kind == "const":
            values.append(pt.constant(args[0]))
        elif kind == "input":
            values.append(inputs[args[1]])
        else:
            values.append(TENSOR_OPS[kind](*(values[a] for a in args)))
    return [values[row] for *_, row in stage.outputs]


def scan_integrate(
    structure: Structure,
    initial: Any,
    parameters: Mapping[str, Any],
    drivers: Mapping[str, Any],
    *,
    times: Sequence[int],
    interval: float,
    steps: int,
) -> Any:
    """Final state of a run, as ``socbayes.core.integrate`` returns it: ``(1, site, state)``."""
    if len(times) != 1 or steps != 1:
        raise ValueError("written for one time of output and one step per row of drivers")
    declared: tuple[Any, ...] = (*structure.parameters, *structure.drivers)
    given = {**parameters, **drivers}
    scalars = (*structure.trace.p, *structure.trace.u)
    values: list[Any] = [pt.as_tensor(given.get(d.name, d.default), dtype="float64") for d in declared]
    pairs = list(zip(scalars, values, strict=True))
    numbers = {s for s, v in pairs if isinstance(v, Constant) and v.type.ndim == 0}
    fixed = {s: ps.as_scalar(float(v.data)) for s, v in pairs if s in numbers}
    rows = [(s, v) for s, v in pairs if v.ndim == 2]
    held = [(s, v) for s, v in pairs if v.ndim < 2 and s not in fixed]
    stage = one_step(structure, interval, fixed, [s for s, _ in (*rows, *held)])
    n_states = len(structure.state)

    def step(*args: Any) -> list[Any]:
        n = len(rows)
        return evaluated(stage, [*args[n : n + n_states], *args[:n], *args[n + n_states :]])

    nothing = pt.zeros_like(initial[:, 0])
    paths = pytensor.scan(
        step,
        sequences=[v for _, v in rows],
        outputs_info=[initial[:, i] if i < len(structure.pools) else nothing for i in range(n_states)],
        non_sequences=[v for _, v in held],
        n_steps=times[0],
        return_updates=False,
    )
    return pt.stack([path[-1] for path in paths], axis=1)[None]


# --- one contender, in a process of its own -----------------------------------------

_prepared: dict[str, Any] = {}


def prepare(name: str) -> dict[str, Any]:
    """Build a contender and compile it as ``sb.fit`` does; its size, log densities and gradients at random points."""
    from socbayes.inference.finish import runs_the_core
    from socbayes.inference.sampling import compile_for_sampling

    table = few(sb.load_dataset("cue"), STUDIES, ROWS)
    ours = name == "socbayes"
    with nullcontext() if ours else mock.patch.object(socbayes.core, "integrate", scan_integrate):
        model = sb.models.cue.process.build(table)
    if runs_the_core(model) != ours:
        raise RuntimeError(f"{name}: the model does not run what it should")
    start = time.perf_counter(), time.process_time()
    compiled = compile_for_sampling(model)
    end = time.perf_counter(), time.process_time()
    points = np.random.default_rng(1).normal(0.0, 0.5, (POINTS, compiled.n_dim))
    results = [compiled.logp_func(point) for point in points]
    _prepared.update(model=model, compiled=compiled, points=points)
    return {
        "rows": len(table),
        "parameters": compiled.n_dim,
        "compile s": end[0] - start[0],
        "compile processor s": end[1] - start[1],
        "log density": np.array([value for value, _ in results]),
        "gradient": np.array([gradient for _, gradient in results]),
    }


def gradient_milliseconds(calls: int = 50) -> float:
    """Processor time of a log density with gradient, as the sampler calls it."""
    function = _prepared["compiled"].logp_func
    start = time.process_time()
    for _ in range(calls):
        for point in _prepared["points"]:
            function(point)
    return (time.process_time() - start) / calls / POINTS * 1e3


def sample(draws: int, tune: int, seed: int) -> dict[str, float]:
    """Sample with the settings of ``sb.fit``, in memory."""
    import nutpie
    import xarray as xr

    from socbayes.inference.diagnostics import convergence_table
    from socbayes.inference.fit import TARGET_ACCEPT
    from socbayes.inference.sampling import adapting
    from socbayes.spec import spec_of

    model, spec = _prepared["model"], spec_of(_prepared["model"])
    start = time.perf_counter()
    drawn = nutpie.sample(
        _prepared["compiled"],
        draws=draws,
        tune=tune,
        chains=CHAINS,
        cores=min(CHAINS, os.cpu_count() or 1),
        seed=seed,
        target_accept=spec.target_accept or TARGET_ACCEPT,
        **adapting(spec.adaptation),
        progress_bar=False,
    )
    seconds = time.perf_counter() - start
    free = drawn["posterior"].to_dataset()[[variable.name for variable in model.free_RVs]]
    table = convergence_table(xr.DataTree.from_dict({"posterior": free}))
    return {
        "gradient ms": gradient_milliseconds(),
        "sampling s": seconds,
        "leapfrogs per draw": float(drawn["sample_stats/n_steps"].mean()),
        "smallest bulk ESS": float(table["ess_bulk"].min()),
        "R-hat": float(table["r_hat"].max()),
        "divergences": float(drawn["sample_stats/diverging"].sum()),
    }


# --- both -----------------------------------------------------------------------------


@contextmanager
def own_process() -> Iterator[ProcessPoolExecutor]:
    """Yield a new process whose compilation cache is empty."""
    with tempfile.TemporaryDirectory() as cache:
        flags = f"{os.environ.get('PYTENSOR_FLAGS', '')},base_compiledir={cache}".strip(",")
        changes = {"PYTENSOR_FLAGS": flags, "NUMBA_CACHE_DIR": str(Path(cache) / "numba")}
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            with mock.patch.dict(os.environ, changes):
                # It starts with its first task, and inherits the environment of that moment.
                process.submit(os.getpid).result()
            yield process


def largest_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Largest relative difference of log densities, and of gradients relative to their largest component."""
    density = np.abs(other["log density"] / one["log density"] - 1.0)
    gradient = np.abs(other["gradient"] - one["gradient"]).max(axis=1) / np.abs(one["gradient"]).max(axis=1)
    return float(np.max([density, gradient]))


def summary(prepared: Mapping[str, Any], repeats: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Medians of the repeats, and what follows from them."""
    row = {name: float(np.median([repeat[name] for repeat in repeats])) for name in repeats[0]}
    row |= {name: prepared[name] for name in ("compile s", "compile processor s")}
    for name, extra in (("ESS/s", 0.0), ("ESS/s with compiling", row["compile s"])):
        row[name] = float(np.median([r["smallest bulk ESS"] / (r["sampling s"] + extra) for r in repeats]))
    row["R-hat"] = max(r["R-hat"] for r in repeats)
    row["divergences"] = sum(r["divergences"] for r in repeats)
    return row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="kept draws of each chain")
    parser.add_argument("--tune", type=int, default=500, help="warm-up steps of each chain")
    parser.add_argument("--repeats", type=int, default=3, help="times each contender samples")
    given = parser.parse_args()

    with own_process() as first, own_process() as second:
        processes = dict(zip(CONTENDERS, (first, second), strict=True))
        prepared = {name: process.submit(prepare, name).result() for name, process in processes.items()}
        ours, scan = (prepared[name] for name in CONTENDERS)
        difference = largest_difference(ours, scan)
        # Written this way round, NaN fails.
        if not difference < TOLERANCE:
            raise SystemExit(f"The models differ by {difference:.1e}: nothing to compare.")
        repeats: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for seed in range(1, given.repeats + 1):
            for name, process in processes.items():
                repeats[name].append(process.submit(sample, given.draws, given.tune, seed).result())

    rows = {name: summary(prepared[name], repeats[name]) for name in CONTENDERS}
    print(
        f"Process model of carbon use efficiency: {ours['rows']} rows of {STUDIES} studies, {ours['parameters']} "
        f"parameters; log densities and gradients agree to {difference:.0e}\n"
        f"{CHAINS} chains of {given.tune} + {given.draws} draws, {given.repeats} repeats\n"
    )
    print(f"{'':22s}" + "".join(f"{name:>15s}" for name in CONTENDERS))
    for column, digits in COLUMNS.items():
        print(f"{column:22s}" + "".join(f"{rows[name][column]:15.{digits}f}" for name in CONTENDERS))
    better, other = (rows[name] for name in CONTENDERS)
    print(
        f"\nsocbayes over pytensor.scan: {better['ESS/s'] / other['ESS/s']:.1f} x the effective draws per second, "
        f"{better['ESS/s with compiling'] / other['ESS/s with compiling']:.1f} x with compiling; "
        f"a gradient in 1/{other['gradient ms'] / better['gradient ms']:.1f} of the time, "
        f"compiled in 1/{other['compile s'] / better['compile s']:.1f}"
    )


if __name__ == "__main__":
    main()
