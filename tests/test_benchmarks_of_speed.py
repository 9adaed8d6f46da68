"""Benchmarks of speed: their simulated trials, the rows they keep, and that peers fit the same model."""

from __future__ import annotations

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import socbayes as sb
from socbayes.spec import spec_of

FOLDER = Path(__file__).parents[1] / "benchmarks"
NAMES = ("simulated_trials", "measured_models", "leapfrogs", "memory", "peers", "sampling", "wall")


@pytest.fixture(scope="module")
def benchmarks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        del sys.modules[name]


# --- simulated trials ---------------------------------------------------------------------


def test_a_trial_of_fifteen_treatments_has_a_plot_for_each(benchmarks):
    obs, management, weather = benchmarks["simulated_trials"].fifteen_treatments(3)
    assert len(obs) == 360
    assert len(management) == obs["treatment"].nunique() == obs["plot"].nunique() == 15
    assert weather["year"].nunique() == 64
    again = benchmarks["simulated_trials"].fifteen_treatments(3)
    assert obs.equals(again[0])
    assert not obs["soc_stock"].equals(benchmarks["simulated_trials"].fifteen_treatments(4)[0]["soc_stock"])


def test_what_is_true_of_a_trial_is_what_its_samples_show(benchmarks):
    trials = benchmarks["simulated_trials"]
    names = ("treatment_rate", "treatment_input", "plot_input", "plot_stock", "rate_constant", "error")
    exact = trials.Truth(input_level=0.0, **dict.fromkeys(names, 0.0))
    obs, management, _ = trials.fifteen_treatments(1, truth=exact)
    first, last = (obs[obs["year"] == year].set_index("treatment")["soc_stock"] for year in (1955, 2018))
    assert first.nunique() == 1
    plants = management.query("manure_carbon_input == 0").set_index("treatment")["plant_carbon_input"]
    gains = (last - first)[plants.index]
    assert (np.diff(gains[plants.sort_values().index]) > 0).all()
    assert (gains[plants < 0.9 * exact.past_input] < 0).all()


def test_fields_take_simulated_trials_as_they_are(benchmarks):
    trials = benchmarks["simulated_trials"]
    model = sb.models.field.build(*trials.fifteen_treatments(treatments=3, years=12, samples=4), structure="icbm")
    assert model.coords["treatment"] == ("T01", "T02", "T03")
    tables = trials.changing_rotations(plots=8, years=15, samples=4)
    assert tables[0].groupby("plot")["treatment"].nunique().tolist() == [1, 2] * 4
    model = sb.models.field.build(*tables, structure="icbm")
    assert "Plots whose treatment changes: 4." in spec_of(model).notes


# --- rows that are kept ---------------------------------------------------------------------


@pytest.fixture
def small(benchmarks, monkeypatch):
    import pymc as pm

    def built(name):
        with pm.Model(coords={"group": list("abc")}) as model:
            mean = pm.Normal("mean", 0.0, 1.0)
            effect = pm.Normal("effect", mean, 1.0, dims="group")
            pm.Deterministic("twice", 2.0 * effect, dims="group")
            pm.Normal("value", effect, 0.5, observed=[0.1, 0.4, -0.3])
        return model

    monkeypatch.setattr(benchmarks["leapfrogs"], "model_called", built)
    return benchmarks["leapfrogs"]


def test_rows_are_measured_once_and_shown(small, tmp_path, monkeypatch):
    path, effort = tmp_path / "rows.csv", {"draws": 100, "tune": 100}
    small.measure("small", ["diag", "low_rank"], effort, [1], path)
    rows = small.rows_in(path)
    assert rows["adaptation"].tolist() == ["diag", "low_rank"]
    assert (rows["leapfrogs per draw"] >= 1).all()
    assert (rows["bulk ESS"] > 10).all()
    assert rows["parameters"].tolist() == [4, 4]
    assert set(rows["slowest"]) <= {"mean", "effect", "twice"}
    assert set(rows["why not"]) == {"convergence"}, "a hundred draws are not enough"

    monkeypatch.setattr(small, "model_called", lambda name: pytest.fail("it is measured already"))
    small.measure("small", ["diag", "low_rank"], effort, [1], path)
    assert len(small.rows_in(path)) == 2
    text = small.page(small.rows_in(path), pd.DataFrame())
    assert "## 4 chains of 100 + 100 draws" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {14}
    assert [line.split(" | ")[1] for line in table[2:]] == ["diag", "low_rank"]


def test_a_sampler_that_fails_is_a_row_and_the_others_are_measured(small, tmp_path, monkeypatch):
    def failing(model, compiled, key):
        if key["adaptation"] == "diag":
            raise RuntimeError("no chain could begin\nand more")
        return {"passed": "yes", "why not": "", "R-hat": 1.0, "sampling s": 1.0, "divergences": 0}

    monkeypatch.setattr(small, "sampled", failing)
    path = tmp_path / "rows.csv"
    small.measure("small", ["diag", "low_rank"], {"draws": 10, "tune": 10}, [1], path)
    rows = small.rows_in(path)
    assert rows["passed"].tolist() == ["no", "yes"]
    assert rows["why not"][0] == "RuntimeError: no chain could begin"


def test_fits_of_the_trial_are_kept_by_seed_and_counted(benchmarks, tmp_path, monkeypatch, capsys):
    leapfrogs = benchmarks["leapfrogs"]
    asked = []

    def fitted(structure, seed, runs, shape, effort):
        asked.append(seed)
        assert not shape
        assert not effort, "the defaults are what is asked about"
        return {"structure": structure, "seed": seed, "passed": "no" if seed == 2 else "yes", "why not": "R-hat"}

    monkeypatch.setattr(leapfrogs, "fit_trial", fitted)
    leapfrogs.trial_fits(["ICBM"], 2, tmp_path, tmp_path / "runs")
    leapfrogs.trial_fits(["ICBM"], 3, tmp_path, tmp_path / "runs")
    assert asked == [1, 2, 3]
    assert capsys.readouterr().out.splitlines()[-2:] == ["- ICBM: 2 of 3 fits passed the gate", "  - seed 2: R-hat"]


def test_models_are_found_by_name(benchmarks):
    known = benchmarks["measured_models"].measured_models()
    assert {"cue", "field, RothC", "fifteen treatments, ICBM", "changing rotations, RothC"} <= set(known)
    assert set(benchmarks["wall"].MODELS) <= set(known)
    with pytest.raises(SystemExit, match="no model 'cure' is measured; there are: cue;"):
        benchmarks["measured_models"].model_called("cure")


# --- memory ---------------------------------------------------------------------------------


def test_a_process_that_grows_too_much_is_told(benchmarks, monkeypatch, capsys):
    memory = benchmarks["memory"]
    sizes = iter([500.0, 600.0, 701.0])
    monkeypatch.setattr(memory, "resident", lambda: next(sizes))
    monkeypatch.setattr(memory, "one_model", lambda number, given: lambda: None)
    monkeypatch.setattr(sys, "argv", ["memory.py", "--models", "2"])
    with pytest.raises(SystemExit, match="201 MB larger than after its first model; 200 are allowed"):
        memory.main()
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert memory.held_megabytes() >= 0


# --- peers ------------------------------------------------------------------------------------


def test_the_model_by_hand_is_the_baseline(benchmarks):
    """At any point, rows and studies have the density that the baseline gives them."""
    from scipy.stats import norm

    peers = benchmarks["peers"]
    data = peers.layout()
    model = sb.models.cue.build(sb.load_dataset("cue"))
    rng = np.random.default_rng(2)
    point = {name: value + rng.normal(0.0, 0.3, np.shape(value)) for name, value in model.initial_point().items()}
    outputs = model.unobserved_value_vars
    held = dict(
        zip(
            [one.name for one in outputs],
            model.compile_fn(outputs, inputs=model.value_vars, mode="FAST_COMPILE")(point),
            strict=True,
        )
    )
    held["departure"] = held["study_slope"] - held["slope_method"][peers.usual_slopes(data)]
    eta, spread = peers.linear(held, data, np.sqrt)
    own = held["log_scatter_study"][data["measured"]]
    scatter = np.exp(np.where(data["measured"] >= 0, own, held["scatter_log_mean"]))
    np.testing.assert_allclose(scatter, held["scatter"], rtol=1e-12)

    observed = model.compile_logp(
        [model["logit_cue"], model["study_level"]], sum=False, jacobian=False, mode="FAST_COMPILE"
    )
    of_rows, of_studies = observed(point)
    np.testing.assert_allclose(norm.logpdf(held["study_effect"], 0.0, spread), of_studies, rtol=1e-9)
    away = (data["y"] - eta - held["study_effect"][data["study"]]) / scatter[data["study"]]
    ours = np.where(
        data["censored"] == 0,
        norm.logpdf(away) - np.log(scatter[data["study"]]),
        norm.logcdf(-data["censored"] * away),
    )
    np.testing.assert_allclose(ours, of_rows, rtol=1e-9)


def test_nothing_is_printed_of_posteriors_that_disagree(benchmarks, capsys):
    peers = benchmarks["peers"]
    rng = np.random.default_rng(1)

    def run(shift):
        found = {name: rng.normal(shift, 1.0, (4, 500)) for name in peers.SHARED}
        return {
            "found": found,
            "seconds": 30.0,
            "processor": 40.0,
            "draws": 500,
            "bulk": 900,
            "tail": 800,
            "divergences": 0,
        }

    runs = {(name, process): run(0.0) for name in ("socbayes", "PyMC") for process in ("first", "second")}
    peers.table(runs, 400.0)
    assert "first process: 1.0 x as fast as the best of the others, PyMC" in capsys.readouterr().out
    runs["PyMC", "second"] = run(0.3)
    with pytest.raises(SystemExit, match=r"PyMC: its posterior is .* standard errors apart \(mean of .*\): nothing"):
        peers.table(runs, 400.0)
    assert capsys.readouterr().out == ""


def test_a_contender_that_lacks_draws_begins_anew_with_twice_as_many(benchmarks, tmp_path, monkeypatch):
    peers, asked = benchmarks["peers"], []

    def process(command, **arguments):
        settings = dict(zip(command[2::2], command[3::2], strict=True))
        asked.append(int(settings["--draws"]))
        np.savez(settings["--result"], level=np.zeros((4, asked[-1], 3)))
        said = json.dumps({"ended": 2e10, "processor": 1.0, "divergences": 0})
        return Namespace(stdout=f"warming up\n{said}\n")

    monkeypatch.setattr(peers.subprocess, "run", process)
    monkeypatch.setattr(peers, "effective", lambda found: (found["level"].shape[1] / 5, 1e3))
    given = Namespace(draws=None, tune=None, seed=1, enough=400.0)
    run = peers.in_a_process("PyMC", "python", str(tmp_path), tmp_path, given)
    assert asked == [1000, 2000]
    assert run["bulk"] == 400.0


# --- the loop of pytensor.scan ------------------------------------------------------------


def test_runs_by_scan_are_those_of_the_core(benchmarks, monkeypatch):
    from socbayes.models.cue.process import apparent_efficiency

    rng = np.random.default_rng(1)
    fast = np.exp(rng.normal(-3.9, 0.7, 3)), np.exp(rng.normal(2.1, 0.7, 3))
    case = (rng.uniform(0.2, 0.8, 3), *fast, 0.6, np.array([1.0, 24.0, 168.0]), np.array([0.01, 0.1, 1.0]))
    core = apparent_efficiency(*case).eval()
    monkeypatch.setattr("socbayes.core.integrate", benchmarks["sampling"].scan_integrate)
    np.testing.assert_allclose(apparent_efficiency(*case).eval(), core, rtol=1e-10)
