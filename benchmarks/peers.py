"""From a fresh process to 400 effective draws: the baseline of carbon use efficiency, and the same written by hand.

    python -m venv /tmp/numpyro && /tmp/numpyro/bin/pip install numpyro==0.22.0
    python benchmarks/peers.py --numpyro /tmp/numpyro/bin/python
    python benchmarks/peers.py --draws 200 --tune 200 --enough 20        # PyMC only, to try it out

``sb.fit(sb.models.cue.build(table))`` against the model as one would write it without socbayes, in PyMC under
``pm.sample`` and in NumPyro under its NUTS, each at its defaults: the same priors and likelihood over the same bundled
table, groups not centred, as brms and most people write them. NumPyro is no dependency of socbayes and
has a Python of its own.

Each contender has a fresh process, twice: with nothing compiled, and with what the first process left on disk. The
clock runs from its start, imports included, until its draws are in memory; for ``sb.fit`` until it returns, when all
its checks are done. One that lacks effective draws, bulk or tail, of any quantity that all of them have is begun anew
with twice the draws, and only its last try counts; ``sb.fit`` goes on by itself. By-hand models get the table as
arrays, at no cost. Unless all posteriors agree within Monte Carlo error nothing is printed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Contenders run this file too, under a Python that need not have socbayes, so all else is imported in functions.
INSTALL = "pip install numpyro==0.22.0"
CHAINS = 4
MOST = 16
"""Times the draws at first after which a contender gives up."""
APART = 5.0
"""Standard errors that means and standard deviations of the same posterior may be apart."""
SHARED = (
    "level",
    "slope_mean",
    "slope_method",
    "slope_sd_methods",
    "slope_sd_studies",
    "study_slope",
    "slope_between",
    "temperature_mean",
    "temperature_sd",
    "time_method",
    "log_hours_mean",
    "log_hours_sd",
    "substrate_sd",
    "substrate_effect",
    "ecosystem_sd",
    "ecosystem_effect",
    "study_sd",
    "study_effect",
    "scatter_log_mean",
    "scatter_log_sd",
    "log_scatter_study",
)
"""Quantities that all contenders have."""


# --- the table as arrays ------------------------------------------------------------------


def layout() -> dict[str, np.ndarray]:
    """The bundled table as by-hand models take it; ``-1`` where a row has no such label."""
    import socbayes as sb
    from socbayes.models.blocks import ROWS_FOR_SCATTER
    from socbayes.models.cue.efficiency import (
        NOT_STATED,
        RECORDED_LIMITS,
        REFERENCE_TEMPERATURE,
        SHORTEST,
        WITHOUT_SUBSTRATE,
        rows_of,
    )

    rows = rows_of(sb.load_dataset("cue"))
    count = len(rows.studies)
    by_method = np.lexsort((rows.method, rows.study))
    first_row = by_method[np.unique(rows.study[by_method], return_index=True)[1]]

    def positions(column: Any, without: set[str]) -> np.ndarray:
        levels = sorted(set(column) - without)
        return np.array([levels.index(label) if label in levels else -1 for label in column])

    ecosystem = positions(rows.ecosystem, {NOT_STATED})
    stated = np.zeros(count, dtype=bool)
    np.logical_or.at(stated, rows.study, ecosystem >= 0)
    temperature = rows.means(rows.temperature)
    within = np.where(np.isfinite(rows.temperature), rows.temperature - temperature[rows.study], 0.0)
    varied = np.unique(rows.study[within != 0])
    hours = np.log10(np.maximum(rows.hours, SHORTEST))
    mean_hours = rows.means(hours)
    timed = sorted({rows.methods[place] for place in rows.method[np.isfinite(hours)]})
    timed_method = positions(rows.measurement_method, set(rows.methods) - set(timed))
    known = np.where(np.isfinite(hours), hours, mean_hours[rows.study])
    measured = np.flatnonzero(np.bincount(rows.study) >= ROWS_FOR_SCATTER)
    place_of = {
        name: np.array([np.flatnonzero(members == one)[0] if one in members else -1 for one in index])
        for name, members, index in (("varied", varied, rows.study), ("measured", measured, np.arange(count)))
    }
    clipped = np.clip(rows.efficiency, *RECORDED_LIMITS)
    return {
        "y": np.log(clipped) - np.log1p(-clipped),
        "censored": (clipped == RECORDED_LIMITS[1]).astype(int) - (clipped == RECORDED_LIMITS[0]).astype(int),
        "study": rows.study,
        "method": rows.method,
        "substrate": positions(rows.substrate, set(WITHOUT_SUBSTRATE)),
        "ecosystem": ecosystem,
        "ecosystem_unknown": ~stated,
        "within": within,
        "varied": place_of["varied"],
        "warmth": np.where(np.isfinite(temperature), temperature - REFERENCE_TEMPERATURE, 0.0),
        "temperature_unknown": ~np.isfinite(temperature),
        "temperatures": temperature[np.isfinite(temperature)],
        "decades": np.where(np.isfinite(known), known, 0.0) - np.log10(24.0) * np.isfinite(known),
        "time_unknown": ~np.isfinite(mean_hours),
        "log_hours": mean_hours[np.isfinite(mean_hours)],
        "timed": timed_method,
        "timed_of_study": timed_method[first_row],
        "measured": place_of["measured"],
    }


# --- the model by hand ---------------------------------------------------------------------


def linear(values: Mapping[str, Any], data: Mapping[str, np.ndarray], sqrt: Any) -> tuple[Any, Any]:
    """Expected logit of each row without its study, and the spread of studies, in any library's arrays."""

    def of(effect: Any, place: np.ndarray) -> Any:
        return effect[np.maximum(place, 0)] * (place >= 0)

    study = data["study"]
    warmth = data["warmth"] + data["temperature_unknown"] * (values["temperature_mean"] - 15.0)
    decades = data["decades"] + data["time_unknown"][study] * (values["log_hours_mean"] - np.log10(24.0))
    eta = (
        values["level"][data["method"]]
        + of(values["substrate_effect"], data["substrate"])
        + of(values["ecosystem_effect"], data["ecosystem"])
        + (values["slope_method"][data["method"]] + of(values["departure"], data["varied"])) * data["within"]
        + (values["slope_between"] * warmth)[study]
        + of(values["time_method"], data["timed"]) * decades
    )
    variance = (
        values["study_sd"] ** 2
        + data["ecosystem_unknown"] * values["ecosystem_sd"] ** 2
        + data["temperature_unknown"] * (values["slope_between"] * values["temperature_sd"]) ** 2
        + data["time_unknown"] * (of(values["time_method"], data["timed_of_study"]) * values["log_hours_sd"]) ** 2
    )
    return eta, sqrt(variance)


def usual_slopes(data: Mapping[str, np.ndarray]) -> np.ndarray:
    """Method whose slope each study with several temperatures departs from: the first by name of those it used."""
    first: dict[int, int] = {}
    for place, method in zip(data["varied"], data["method"], strict=True):
        if place >= 0:
            first[place] = min(method, first.get(place, method))
    return np.array([first[place] for place in range(len(first))])


def sizes(data: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many levels each effect has."""
    names = ("method", "substrate", "ecosystem", "varied", "timed", "measured", "study")
    return {name: int(data[name].max()) + 1 for name in names}


def pymc_draws(data: Mapping[str, np.ndarray], draws: int, tune: int | None, seed: int) -> tuple[dict[str, Any], int]:
    """Draws of the model in PyMC, by name, and divergences."""
    import pymc as pm

    n, usual, upper = sizes(data), usual_slopes(data), np.log(0.995 / 0.005)
    with pm.Model():
        v: dict[str, Any] = {"level": pm.Normal("level", 0, 1.5, shape=n["method"])}
        slope_mean = pm.Normal("slope_mean", 0, 0.05)
        slope_sd = pm.LogNormal("slope_sd_methods", -4, 0.4)
        z_slope = pm.Normal("z_slope", shape=n["method"])
        v["slope_method"] = pm.Deterministic("slope_method", slope_mean + slope_sd * z_slope)
        v["departure"] = pm.LogNormal("slope_sd_studies", -4, 0.4) * pm.Normal("z_departure", shape=n["varied"])
        pm.Deterministic("study_slope", v["slope_method"][usual] + v["departure"])
        v["slope_between"] = pm.Normal("slope_between", 0, 0.1)
        v["temperature_mean"] = pm.Normal("temperature_mean", 20, 5)
        v["temperature_sd"] = pm.HalfNormal("temperature_sd", 7)
        pm.Normal("temperatures", v["temperature_mean"], v["temperature_sd"], observed=data["temperatures"])
        v["time_method"] = pm.Normal("time_method", 0, 0.5, shape=n["timed"])
        v["log_hours_mean"] = pm.Normal("log_hours_mean", 1.4, 0.7)
        v["log_hours_sd"] = pm.HalfNormal("log_hours_sd", 0.7)
        pm.Normal("hours", v["log_hours_mean"], v["log_hours_sd"], observed=data["log_hours"])
        substrate_sd = pm.LogNormal("substrate_sd", -0.7, 0.7)
        v["substrate_effect"] = pm.ZeroSumNormal("substrate_effect", substrate_sd, shape=n["substrate"])
        v["ecosystem_sd"] = pm.LogNormal("ecosystem_sd", -1.4, 0.7)
        v["ecosystem_effect"] = pm.ZeroSumNormal("ecosystem_effect", v["ecosystem_sd"], shape=n["ecosystem"])
        v["study_sd"] = pm.LogNormal("study_sd", -0.4, 0.6)
        eta, spread = linear(v, data, pm.math.sqrt)
        effect = pm.Deterministic("study_effect", spread * pm.Normal("z_study", shape=n["study"]))
        median = pm.Normal("scatter_log_mean", -0.7, 0.7)
        own = pm.LogNormal("scatter_log_sd", -0.4, 0.5) * pm.Normal("z_scatter", shape=n["measured"])
        pm.Deterministic("log_scatter_study", median + own)
        scatter = pm.math.exp(median + own[np.maximum(data["measured"], 0)] * (data["measured"] >= 0))
        told = pm.Normal.dist(eta + effect[data["study"]], scatter[data["study"]])
        pm.Censored("y", told, lower=-upper, upper=upper, observed=np.clip(data["y"], -upper, upper))
        given = {} if tune is None else {"tune": tune}
        drawn = pm.sample(draws=draws, chains=CHAINS, random_seed=seed, progressbar=False, quiet=True, **given)
    held = drawn["posterior"].to_dataset()
    return {name: held[name].to_numpy() for name in SHARED}, int(drawn["sample_stats/diverging"].sum())


def numpyro_draws(
    data: Mapping[str, np.ndarray], draws: int, tune: int | None, seed: int
) -> tuple[dict[str, Any], int]:
    """Draws of the model in NumPyro, by name, and divergences."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from jax.scipy.stats import norm

    numpyro.set_host_device_count(CHAINS)
    n, usual = sizes(data), usual_slopes(data)

    def model() -> None:
        def draw(name: str, prior: Any, size: int | None = None) -> Any:
            return numpyro.sample(name, prior if size is None else prior.expand([size]).to_event(1))

        v = {"level": draw("level", dist.Normal(0, 1.5), n["method"])}
        slope_mean = draw("slope_mean", dist.Normal(0, 0.05))
        slope_sd = draw("slope_sd_methods", dist.LogNormal(-4, 0.4))
        z_slope = draw("z_slope", dist.Normal(0, 1), n["method"])
        v["slope_method"] = numpyro.deterministic("slope_method", slope_mean + slope_sd * z_slope)
        spread_of_slopes = draw("slope_sd_studies", dist.LogNormal(-4, 0.4))
        v["departure"] = spread_of_slopes * draw("z_departure", dist.Normal(0, 1), n["varied"])
        numpyro.deterministic("study_slope", v["slope_method"][usual] + v["departure"])
        v["slope_between"] = draw("slope_between", dist.Normal(0, 0.1))
        v["temperature_mean"] = draw("temperature_mean", dist.Normal(20, 5))
        v["temperature_sd"] = draw("temperature_sd", dist.HalfNormal(7))
        known = dist.Normal(v["temperature_mean"], v["temperature_sd"])
        numpyro.sample("temperatures", known, obs=data["temperatures"])
        v["time_method"] = draw("time_method", dist.Normal(0, 0.5), n["timed"])
        v["log_hours_mean"] = draw("log_hours_mean", dist.Normal(1.4, 0.7))
        v["log_hours_sd"] = draw("log_hours_sd", dist.HalfNormal(0.7))
        numpyro.sample("hours", dist.Normal(v["log_hours_mean"], v["log_hours_sd"]), obs=data["log_hours"])
        substrate_sd = draw("substrate_sd", dist.LogNormal(-0.7, 0.7))
        v["substrate_effect"] = draw("substrate_effect", dist.ZeroSumNormal(substrate_sd, (n["substrate"],)))
        v["ecosystem_sd"] = draw("ecosystem_sd", dist.LogNormal(-1.4, 0.7))
        v["ecosystem_effect"] = draw("ecosystem_effect", dist.ZeroSumNormal(v["ecosystem_sd"], (n["ecosystem"],)))
        v["study_sd"] = draw("study_sd", dist.LogNormal(-0.4, 0.6))
        eta, spread = linear(v, data, jnp.sqrt)
        effect = numpyro.deterministic("study_effect", spread * draw("z_study", dist.Normal(0, 1), n["study"]))
        median = draw("scatter_log_mean", dist.Normal(-0.7, 0.7))
        own = draw("scatter_log_sd", dist.LogNormal(-0.4, 0.5)) * draw("z_scatter", dist.Normal(0, 1), n["measured"])
        numpyro.deterministic("log_scatter_study", median + own)
        scatter = jnp.exp(median + own[np.maximum(data["measured"], 0)] * (data["measured"] >= 0))[data["study"]]
        away = (data["y"] - eta - effect[data["study"]]) / scatter
        inside = norm.logpdf(away) - jnp.log(scatter)
        numpyro.factor("y", jnp.where(data["censored"] == 0, inside, norm.logcdf(-data["censored"] * away)).sum())

    sampler = numpyro.infer.MCMC(
        numpyro.infer.NUTS(model),
        num_warmup=1000 if tune is None else tune,
        num_samples=draws,
        num_chains=CHAINS,
        progress_bar=False,
    )
    sampler.run(jax.random.PRNGKey(seed))
    held = sampler.get_samples(group_by_chain=True)
    divergences = int(np.asarray(sampler.get_extra_fields(group_by_chain=True)["diverging"]).sum())
    return {name: np.asarray(held[name]) for name in SHARED}, divergences


def socbayes_draws(draws: int | None, tune: int | None, seed: int) -> tuple[dict[str, Any], int]:
    """Draws of the bundled model under ``sb.fit``, by name, and divergences."""
    import socbayes as sb

    given = {name: value for name, value in (("draws", draws), ("tune", tune)) if value is not None}
    with tempfile.TemporaryDirectory() as folder:
        model = sb.models.cue.build(sb.load_dataset("cue"))
        fitted = sb.fit(model, seed=seed, store=folder, progress=False, chains=CHAINS, **given)
        held = fitted["posterior"].to_dataset().load()
    return {name: held[name].to_numpy() for name in SHARED}, int(fitted["sample_stats/diverging"].sum())


def contend(name: str, given: argparse.Namespace) -> None:
    """Be a contender: draw, note the time, and hand the draws over."""
    draws = given.draws or 1000
    if name == "socbayes":
        found, divergences = socbayes_draws(given.draws, given.tune, given.seed)
    else:
        with np.load(given.table) as table:
            data = dict(table)
        by_hand = {"PyMC": pymc_draws, "NumPyro": numpyro_draws}[name]
        found, divergences = by_hand(data, draws, given.tune, given.seed)
    ended = {"ended": time.time(), "processor": time.process_time(), "divergences": divergences}
    np.savez(given.result, **found)
    print(json.dumps(ended))


# --- all of them ------------------------------------------------------------------------------


def in_a_process(name: str, python: str, cache: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Run a contender in processes of its own until one has effective draws enough."""
    draws = given.draws or 1000
    for times in itertools.takewhile(lambda count: count <= MOST, (2**power for power in itertools.count())):
        result = folder / f"{name}.npz"
        asked = {"--contend": name, "--table": folder / "table.npz", "--result": result, "--seed": given.seed}
        if name != "socbayes" or given.draws:
            asked["--draws"] = draws * times
        if given.tune:
            asked["--tune"] = given.tune
        command = [python, str(Path(__file__).resolve()), *(str(part) for pair in asked.items() for part in pair)]
        environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={cache}"}
        begun = time.time()
        said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        ended = json.loads(said.splitlines()[-1])
        with np.load(result) as held:
            found = dict(held)
        bulk, tail = effective(found)
        if min(bulk, tail) >= given.enough or (name == "socbayes" and not given.draws):
            break
    return {
        "seconds": ended["ended"] - begun,
        "processor": ended["processor"],
        "draws": found["level"].shape[1],
        "bulk": bulk,
        "tail": tail,
        "divergences": ended["divergences"],
        "found": found,
    }


def effective(found: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """Smallest bulk and tail effective sample sizes of shared quantities."""
    import arviz as az

    tree = az.from_dict({"posterior": dict(found)})["posterior"].to_dataset()
    least = [az.ess(tree, method=method) for method in ("bulk", "tail")]
    bulk, tail = (min(float(one[name].min()) for name in SHARED) for one in least)
    return bulk, tail


def farthest(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> tuple[float, str]:
    """How many standard errors means, or standard deviations, of two posteriors are apart at most, and where."""
    import arviz as az

    worst = (0.0, "nowhere")
    trees = [az.from_dict({"posterior": dict(draws)})["posterior"].to_dataset() for draws in (one, other)]
    for method in ("mean", "sd"):
        errors = [az.mcse(tree, method=method) for tree in trees]
        for name in SHARED:
            first, second = (
                getattr(tree[name], method if method == "mean" else "std")(("chain", "draw")) for tree in trees
            )
            error = np.hypot(*(np.asarray(each[name]) for each in errors))
            apart = float(np.max(np.abs(first.to_numpy() - second.to_numpy()) / error))
            worst = max(worst, (apart, f"{method} of {name}"))
    return worst


def main() -> None:
    """Run all contenders, and print the table where they agree.

    Raises
    ------
    SystemExit
        If posteriors disagree.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numpyro", metavar="PYTHON", help=f"a Python that has NumPyro ({INSTALL}); else left out")
    parser.add_argument("--draws", type=int, help="of each chain, at first; by default those of each library")
    parser.add_argument("--tune", type=int, help="warm-up steps; by default those of each library")
    parser.add_argument("--enough", type=float, default=400.0, help="effective draws that are enough")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--contend", choices=["socbayes", "PyMC", "NumPyro"], help=argparse.SUPPRESS)
    parser.add_argument("--table", help=argparse.SUPPRESS)
    parser.add_argument("--result", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contend:
        contend(given.contend, given)
        return
    pythons = {"socbayes": sys.executable, "PyMC": sys.executable}
    pythons |= {"NumPyro": given.numpyro} if given.numpyro else {}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "table.npz", **layout())
        runs = {
            (name, process): in_a_process(name, python, f"{folder}/{name}", Path(folder), given)
            for name, python in pythons.items()
            for process in ("first", "second")
        }
    table(runs, given.enough)


def table(runs: Mapping[tuple[str, str], Mapping[str, Any]], enough: float) -> None:
    """Print what was measured, unless posteriors disagree."""
    ours = runs["socbayes", "second"]
    for (name, _), run in runs.items():
        apart, where = farthest(ours["found"], run["found"])
        # Written this way round, NaN fails.
        if not apart < APART:
            raise SystemExit(
                f"{name}: its posterior is {apart:.1f} standard errors apart ({where}): nothing to compare."
            )
    print(f"To {enough:.0f} effective draws of every shared quantity, {CHAINS} chains\n")
    print("| contender | process | seconds | processor s | draws of a chain | bulk ESS | tail ESS | divergences |")
    print("|" + " --- |" * 8)
    for (name, process), run in runs.items():
        cells = [name, process, f"{run['seconds']:.0f}", f"{run['processor']:.0f}", f"{run['draws']:,}"]
        cells += [f"{run['bulk']:.0f}", f"{run['tail']:.0f}", str(run["divergences"])]
        print("| " + " | ".join(cells) + " |")
    for process in ("first", "second"):
        others = {
            name: run["seconds"] for (name, which), run in runs.items() if which == process and name != "socbayes"
        }
        best = min(others, key=lambda name: others[name])
        ratio = others[best] / runs["socbayes", process]["seconds"]
        print(f"\n{process} process: {ratio:.1f} x as fast as the best of the others, {best}")


if __name__ == "__main__":
    main()
