"""Speed of the carbon core beside what a user would otherwise write.

    python benchmarks/core.py            # everything
    python benchmarks/core.py --quick    # fewer repeats, no compile times

One interleaved run: every contender takes its turn in each round, so a busy
machine slows all alike. A turn is ten calls in a row, as a sampler makes them:
after a single call the drivers would lie wherever the contender before has
pushed them. Medians of processor time (and of the wall clock) per call are
printed. JAX is measured when installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
import pytensor
import pytensor.tensor as pt

from socbayes.core import (
    Driver,
    Flow,
    Parameter,
    Structure,
    by_layer,
    integrate,
    with_layers,
    with_radiocarbon,
)
from socbayes.core.kernels import hoisted, program
from socbayes.core.loops import LANES
from socbayes.core.mathematics import exp
from socbayes.core.scalar_graph import Stage
from socbayes.core.vectors import OPTIONS, compiled
from socbayes.structures import get, list_structures, simulate

SITES, DAYS = 60, 1825

#: name, default, unit
PARAMETERS = {
    "v_uptake": 0.05,
    "k_uptake": 1.5,
    "v": 10.0,
    "k": 250.0,
    "cue": 0.31,
    "death": 0.008,
    "production": 1.2e-4,
}
START = np.array([100.0, 0.2, 2.0, 0.02, 10.0])


def _flows(x: Any, p: Any, u: Any) -> Any:
    warm = exp(-47000.0 / 8.314 * (1.0 / (u.temperature + 273.15) - 1.0 / 288.15))
    uptake = p.v_uptake * warm * x.microbes * x.dissolved / (p.k_uptake + x.dissolved)
    yield Flow("input", "soil", 0.8 * u.litter)
    yield Flow("input", "dissolved", 0.2 * u.litter)
    yield Flow("soil", "dissolved", p.v * warm * x.enzymes * x.soil / (p.k + x.soil))
    yield Flow("dissolved", "microbes", p.cue * uptake)
    yield Flow("dissolved", "co2", (1.0 - p.cue) * uptake)
    yield Flow("microbes", "soil", 0.5 * p.death * x.microbes)
    yield Flow("microbes", "dissolved", 0.5 * p.death * x.microbes)
    yield Flow("microbes", "enzymes", p.production * x.microbes)
    yield Flow("enzymes", "dissolved", 0.024 * x.enzymes)
    yield Flow("dissolved", "mineral", 0.01 * x.dissolved * (1.0 - x.mineral / 20.0))
    yield Flow("mineral", "dissolved", 0.001 * x.mineral)


def five_pools() -> Structure:
    """Five pools, seven free parameters, one temperature response."""
    return Structure(
        name="benchmark",
        pools=("soil", "dissolved", "microbes", "enzymes", "mineral"),
        parameters=tuple(Parameter(n, "1", v, "assumed: benchmark") for n, v in PARAMETERS.items()),
        drivers=(Driver("temperature", "degC"), Driver("litter", "g/m**2/day")),
        flows=_flows,
    )


def tendency(x: list[Any], p: list[Any], warm: Any, litter: Any) -> list[Any]:
    """Write the same model out for the contenders."""
    soil, dissolved, microbes, enzymes, mineral = x
    v_uptake, k_uptake, v, k, cue, death, production = p
    uptake = v_uptake * warm * microbes * dissolved / (k_uptake + dissolved)
    decay = v * warm * enzymes * soil / (k + soil)
    sorbed = 0.01 * dissolved * (1.0 - mineral / 20.0) - 0.001 * mineral
    return [
        0.8 * litter - decay + 0.5 * death * microbes,
        0.2 * litter + decay - uptake + 0.5 * death * microbes + 0.024 * enzymes - sorbed,
        cue * uptake - death * microbes - production * microbes,
        production * microbes - 0.024 * enzymes,
        sorbed,
    ]


def forcing() -> tuple[Any, Any, Any]:
    """Drivers (day, site) and parameters (site, parameter)."""
    rng = np.random.default_rng(1)
    temperature = 10.0 + 8.0 * np.sin(np.arange(DAYS) / 58.0)[:, None] + rng.normal(size=(DAYS, SITES))
    litter = np.abs(rng.normal(0.5, 0.1, (DAYS, SITES)))
    parameters = np.array(list(PARAMETERS.values())) * rng.uniform(0.9, 1.1, (SITES, len(PARAMETERS)))
    return temperature, litter, parameters


WHEN = np.arange(365, DAYS + 1, 365)


def socbayes_functions() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Value, and value with gradient."""
    temperature, litter, _ = forcing()
    theta = pt.dmatrix("theta")
    p = {name: theta[:, i] for i, name in enumerate(PARAMETERS)}
    out = integrate(five_pools(), START, p, {"temperature": temperature, "litter": litter}, times=WHEN, steps=1)
    cost = pt.log(out[:, :, :5]).sum()
    value = pytensor.function([theta], cost, trust_input=True)
    return value, pytensor.function([theta], [cost, pytensor.grad(cost, theta)], trust_input=True)


def scan_function() -> Callable[..., Any]:
    """Value and gradient by pytensor.scan, numba mode."""
    temperature, litter, _ = forcing()
    theta = pt.dmatrix("theta")
    p = [theta[:, i] for i in range(len(PARAMETERS))]
    warm = np.exp(-47000.0 / 8.314 * (1.0 / (temperature + 273.15) - 1.0 / 288.15))

    def step(f: Any, u: Any, *rest: Any) -> list[Any]:
        x, p = list(rest[:5]), list(rest[5:])
        return [a + d for a, d in zip(x, tendency(x, p, f, u), strict=True)]

    outs = pytensor.scan(
        step,
        sequences=[pt.as_tensor(warm), pt.as_tensor(litter)],
        outputs_info=[pt.full((SITES,), v) for v in START],
        non_sequences=p,
        return_updates=False,
    )
    cost = sum(pt.log(o[WHEN - 1]).sum() for o in outs)
    return pytensor.function([theta], [cost, pytensor.grad(cost, theta)], trust_input=True)  # type: ignore[no-any-return]


def jax_function() -> Callable[..., Any] | None:
    """Value and gradient by jitted lax.scan, or None without JAX."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    temperature, litter, _ = forcing()
    warm = jnp.exp(-47000.0 / 8.314 * (1.0 / (jnp.asarray(temperature) + 273.15) - 1.0 / 288.15))
    fed, start = jnp.asarray(litter), jnp.repeat(jnp.asarray(START)[:, None], SITES, axis=1)

    def cost(theta: Any) -> Any:
        def step(x: Any, drivers: Any) -> Any:
            new = x + jnp.stack(tendency(list(x), list(theta.T), *drivers))
            return new, new

        _, path = jax.lax.scan(step, start, (warm, fed))
        return jnp.log(path[WHEN - 1]).sum()

    f = jax.jit(jax.value_and_grad(cost))
    return lambda theta: [np.asarray(v) for v in jax.block_until_ready(f(theta))]


LAYERED = ("k_dpm", "k_rpm", "k_bio", "k_hum", "bio_share", "clay", "plant_input_depth")
MONTHS = 1200


def layered_function(n: int, radiocarbon: bool = False) -> Callable[[], Any]:
    """Value and gradient of RothC in so many layers of a metre, 60 sites and 100 years of months; mixed if several."""
    rng = np.random.default_rng(5)
    season = 0.5 + 0.4 * np.sin(np.arange(MONTHS) / 6.0 * np.pi)[:, None]
    modifier = np.abs(season + 0.05 * rng.normal(size=(MONTHS, SITES)))
    structure = with_layers(
        "rothc",
        np.linspace(0.0, 100.0, n + 1),
        inputs={"plant_input": 20.0, "manure_input": "surface"},
        by_depth=["rate_modifier"],
        mixing=1.0,
    )
    structure = with_radiocarbon(structure) if radiocarbon else structure
    drivers = by_layer(rate_modifier=modifier[:, :, None] * np.exp(-0.1 * np.arange(n)))
    drivers["plant_input"] = np.abs(rng.normal(0.2, 0.05, (MONTHS, SITES)))
    theta, names = pt.dmatrix("theta"), (*LAYERED, "mixing")
    p = {name: theta[:, i] for i, name in enumerate(names)}
    out = integrate(structure, np.ones(len(structure.pools)), p, drivers, times=np.arange(120, MONTHS + 1, 120))
    cost = pt.log(out[:, :, : len(structure.pools)]).sum()
    f = pytensor.function([theta], [cost, pytensor.grad(cost, theta)], trust_input=True)
    defaults = structure.defaults()
    values = np.array([defaults[name] for name in names]) * rng.uniform(0.9, 1.1, (SITES, len(names)))
    return lambda: f(values)


def layers_table(rounds: int) -> dict[str, float]:
    """Median seconds of value and gradient: one layer, ten, and ten with radiocarbon."""
    contenders = {
        "one layer": layered_function(1),
        "ten layers": layered_function(10),
        "ten layers, radiocarbon": layered_function(10, True),
    }
    for call in contenders.values():
        call()
    return interleaved(contenders, rounds, in_a_row=3)


def interleaved(
    contenders: dict[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
    in_a_row: int = 1,
) -> dict[str, float]:
    """Median seconds of each, taking turns of so many calls in a row.

    Processor time by default: on a busy machine the wall clock measures how
    long one waited for a core.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            start = clock()
            for _ in range(in_a_row):
                call()
            times[name].append((clock() - start) / in_a_row)
    return {name: float(np.median(values)) for name, values in times.items()}


def first_call(code: str, cache: str) -> float:
    """Processor seconds from model to first gradient in a new process, imports not counted."""
    script = "import time, sys; sys.path.insert(0, 'benchmarks'); import core, numpy as np\n" + code
    flags = f"{os.environ.get('PYTENSOR_FLAGS', '')},base_compiledir={cache}".strip(",")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTENSOR_FLAGS": flags},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


COMPILE = """
t = time.process_time(); f = core.socbayes_functions()[1]; f(core.forcing()[2]); print(time.process_time() - t)
"""
COMPILE_LAYERS = """
t = time.process_time(); core.layered_function(10)(); print(time.process_time() - t)
"""
COMPILE_MODEL = """
import pymc as pm
from socbayes.core import integrate, label_initial, with_label
from socbayes.structures import get
t = time.process_time()
s = with_label(get("mcp"))
names = ("v_particulate", "v_dissolved", "e_ref", "k_death", "necromass_share", "k_dissolved")
with pm.Model() as m:
    p = {n: pm.LogNormal(n, np.log(s.defaults()[n]), 0.1, shape=8) for n in names}
    dose = np.zeros((60, 8)); dose[0] = 0.1
    out = integrate(s, label_initial([4, .05, .3, 1, 9, 5]), p,
                    {"litter_input": 0.0018, "exudate_input": dose, "label_dissolved": 1.0}, times=np.arange(5, 61, 5))
    pm.Normal("y", out[:, :, -2:], 0.1, observed=np.ones((12, 8, 2)))
f = m.logp_dlogp_function(ravel_inputs=True)
f.set_extra_values({})
f(pm.blocking.DictToArrayBijection.map(m.initial_point()))
print(time.process_time() - t)
"""


def structures_table(
    rounds: int, names: Sequence[str] | None = None, steps: int = 400, sites: int = 50
) -> list[tuple[str, str, float]]:
    """Nanoseconds per site and step of structures, by default all; each in its authors' scheme, one thread."""
    rows = []
    rng = np.random.default_rng(2)
    for name in names or list_structures():
        model = get(name)
        constant = typical_drivers(name)
        drivers = {d: v * rng.uniform(0.95, 1.05, (steps, sites)) for d, v in constant.items()}
        start = rng.uniform(0.5, 2.0, (sites, len(model.pools)))
        call = lambda: simulate(model, drivers, None, start, times=[steps], interval=model.step)  # noqa: B023, E731
        call()
        overhead = lambda: simulate(model, drivers, None, start, times=[0], interval=model.step)  # noqa: B023, E731
        medians = interleaved({"run": call, "nothing": overhead}, rounds)
        rows.append((name, model.scheme, (medians["run"] - medians["nothing"]) / steps / sites * 1e9))
    return rows


def operation_cost(kind: str) -> float:
    """Nanoseconds per site of one operation when many independent ones fill the processor."""
    n, repeats = 32, 20_000
    arity = 1 if kind in ("Exp", "Log") else 2
    rows = [("input", "x", i) for i in range(n)]
    rows += [(kind, i, (i + 1) % n) if arity == 2 else (kind, i) for i in range(n)]
    # Results are the next operands, or the compiler would see that once is enough.
    stage = Stage("cost", tuple(rows), tuple(("x", i, False, n + i) for i in range(n)))
    run = compiled([(stage, {"x": 0})], LANES)

    @numba.njit(**OPTIONS)
    def repeat(m: Any) -> None:
        for _ in range(repeats):
            run(m)

    memory = np.linspace(0.5, 1.5, n * LANES)
    repeat(memory)
    seconds = interleaved({"run": lambda: repeat(memory)}, 7)["run"]
    return seconds / repeats / n / LANES * 1e9


def bound() -> None:
    """What a step of the five-pool structure must cost, from what it computes."""
    structure, _ = hoisted(five_pools())
    kinds = {"add or multiply": ("Add", "Sub", "Mul", "Neg"), "divide": ("TrueDiv", "Reciprocal")}
    cost = {"add or multiply": operation_cost("Add"), "divide": operation_cost("TrueDiv")}
    exponential = operation_cost("Exp")
    print(
        f"\nOne operation per site: {cost['add or multiply']:.3f} ns to add and store, "
        f"{cost['divide']:.3f} to divide, {exponential:.2f} for an exponential"
    )
    for name in ("step", "step_back"):
        rows = program(structure, "euler").stage(name).rows
        counts = {what: sum(row[0] in members for row in rows) for what, members in kinds.items()}
        least = sum(counts[what] * cost[what] for what in counts)
        listed = ", ".join(f"{count} x {what}" for what, count in counts.items())
        print(f"  {name:10s} {listed}: at least {least:.1f} ns per site-step")


_CLIMATE = {"temperature": 15.0, "water": 0.3, "npp": 1.0}
_CORPSE = {"temperature": 293.15, "saturation": 0.5, "input_fast": 0.15, "input_slow": 0.35}
_LITTER = {"input_acid": 1.6, "input_water": 1.1, "input_ethanol": 0.15, "input_insoluble": 0.65}
_YASSO = _LITTER | {"temperature": 6.0, "temperature_amplitude": 10.0, "precipitation": 600.0}
TYPICAL: dict[str, dict[str, float]] = {
    "amg": {"aboveground_input": 2.0, "belowground_input": 1.5, "temperature": 11.0, "water_balance": -200.0},
    "century": {"surface_input": 1.2, "soil_input": 1.8},
    "century_millennial": _CLIMATE,
    "corpse": _CORPSE,
    "corpse_daily": _CORPSE,
    "ctool": {"topsoil_input": 0.3, "subsoil_input": 0.03, "temperature": 8.0},
    "mcp": {"litter_input": 0.0018},
    "mcp_forward": {"litter_input": 0.0018},
    "millennial": _CLIMATE,
    "millennial_eca": _CLIMATE,
    "millennial_lin": _CLIMATE,
    "mimics": {"temperature": 20.0, "npp": 500.0},
    "mimics_forward": {"temperature": 20.0, "npp": 500.0},
    "rothc": {"rate_modifier": 0.5, "plant_input": 0.15},
    "somic": {"rate_modifier": 0.5, "soluble_input": 0.09, "insoluble_input": 0.06},
    "two_pool_feedback": {"carbon_input": 200.0},
    "two_pool_parallel": {"carbon_input": 200.0},
    "two_pool_series": {"carbon_input": 200.0},
    "yasso15": _YASSO,
    "yasso20": _YASSO,
}


def typical_drivers(name: str) -> dict[str, float]:
    """Drivers of an ordinary soil, those without a default of :data:`TYPICAL`."""
    constant = {d.name: d.default for d in get(name).drivers} | TYPICAL.get(name, {})
    missing = [driver for driver, value in constant.items() if value is None]
    if missing:
        raise SystemExit(f"benchmarks/core.py: TYPICAL lacks {', '.join(missing)} of {name}")
    return {driver: value for driver, value in constant.items() if value is not None}


def many_sites(parallel: bool) -> float:
    """Seconds for 100,000 sites x 30 years of monthly RothC."""
    rng = np.random.default_rng(3)
    sites, months = 100_000, 360
    drivers = {
        "rate_modifier": rng.uniform(0.1, 1.0, (months, sites)),
        "plant_input": rng.uniform(0.0, 0.3, (months, sites)),
    }
    warm_up = {name: values[:, :8] for name, values in drivers.items()}
    simulate("rothc", warm_up, None, np.ones(5), times=[months], parallel=parallel)
    start = time.perf_counter()
    simulate("rothc", drivers, None, np.ones(5), times=[months], parallel=parallel)
    return time.perf_counter() - start


def a_million_sites() -> tuple[float, float]:
    """Seconds, and peak memory in GB, for 1,000,000 sites x 30 years of monthly RothC in chunks of dask."""
    import resource

    import dask.array as da
    import xarray as xr

    sites, months, chunk = 1_000_000, 360, 50_000
    rng = da.random.default_rng(4)
    initial = {"hum": xr.DataArray(rng.uniform(5.0, 40.0, sites, chunks=chunk), dims="site")}
    drivers = {
        name: xr.DataArray(rng.uniform(low, high, (months, sites), chunks=(months, chunk)), dims=("time", "site"))
        for name, low, high in (("rate_modifier", 0.1, 1.0), ("plant_input", 0.0, 0.3))
    }
    start = time.perf_counter()
    run = simulate("rothc", drivers, None, initial, times=[months])
    float(run["soil_organic_carbon"].mean().compute())
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds = 7 if quick else 31

    theta = forcing()[2]
    value, gradient = socbayes_functions()
    contenders: dict[str, Callable[[], Any]] = {
        "socbayes value": lambda: value(theta),
        "socbayes value and gradient": lambda: gradient(theta),
    }
    others = {"pytensor.scan value and gradient": scan_function(), "jax lax.scan value and gradient": jax_function()}
    expected = gradient(theta)
    for name, f in others.items():
        if f is None:
            print(f"{name}: not installed")
            continue
        found = f(theta)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-7)
        contenders[name] = lambda f=f: f(theta)
    for call in contenders.values():
        call()
    medians = interleaved(contenders, rounds, in_a_row=10)
    wall = interleaved(contenders, rounds, time.perf_counter, in_a_row=10)
    ours = medians["socbayes value and gradient"]
    print(f"\n5 pools, 7 parameters, {SITES} sites x {DAYS} days, Euler")
    for name, seconds in medians.items():
        each = seconds / SITES / DAYS * 1e9
        shown = f"{seconds * 1e3:9.2f} ms  {seconds / ours:6.2f} x   {each:7.1f} ns/site-step"
        print(f"  {name:36s} {shown}, wall {wall[name] * 1e3:.2f} ms")
    forward = medians["socbayes value"]
    print(f"  gradient on top of the value: {(ours - forward) / forward:.2f} forward runs")

    bound()
    if not quick:
        for name, code in (
            ("5 pools", COMPILE),
            ("RothC in ten layers", COMPILE_LAYERS),
            ("labelled mcp in a PyMC model", COMPILE_MODEL),
        ):
            with tempfile.TemporaryDirectory() as cache:
                cold, warm = first_call(code, cache), first_call(code, cache)
            print(f"  first gradient, {name}: {cold:.1f} s, in a second process {warm:.1f} s")

    deep = layers_table(5 if quick else 15)
    print(f"\nRothC in layers, {SITES} sites x {MONTHS} months, value and gradient")
    for name, seconds in deep.items():
        print(f"  {name:36s} {seconds * 1e3:9.2f} ms  {seconds / deep['one layer']:6.2f} x one layer")
    more = deep["ten layers, radiocarbon"] / deep["ten layers"] - 1.0
    print(f"  radiocarbon on top of carbon: {more:.2f} carbon runs")

    print("\nForward, one thread, ns per site and step")
    for name, scheme, nanoseconds in structures_table(5 if quick else 15):
        print(f"  {name:22s} {scheme:8s} {nanoseconds:8.1f}")
    one, every = many_sites(False), many_sites(True)
    print(f"\n100,000 sites x 30 years, monthly RothC: {one:.2f} s on one core, {every:.2f} s on all")

    if not quick:
        seconds, memory = a_million_sites()
        print(
            f"1,000,000 sites x 30 years, drivers made and run in chunks by dask: {seconds:.1f} s, peak {memory:.1f} GB"
        )


if __name__ == "__main__":
    main()
