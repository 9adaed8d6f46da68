"""The process model of CUE: its observation operator, and the known values it must find again."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pandas as pd
import pytest
from pytensor import grad
from pytensor.compile.mode import Mode
from scipy.integrate import solve_ivp

import socbayes
from socbayes import load_dataset
from socbayes.errors import SocbayesError
from socbayes.models.cue import process as cue_process
from socbayes.models.cue.process import STEPS, STORE, apparent_efficiency
from socbayes.spec import spec_of


def logit(p):
    return np.log(p) - np.log1p(-p)


def label_by_lsoda(efficiency, turnover, uptake, residue_share, hours, dose):
    """Label in biomass over label taken up, from the differential equations written out."""
    taken = turnover / efficiency
    dissolved = taken / uptake
    half = 0.5 + dissolved
    fastest = uptake * (half + dissolved)
    store_rate = (taken - (1 - residue_share) * turnover) * 2 / STORE

    def change(_, z):
        d, b, n, dl, bl, nl, _ = z  # totals, then their label
        taken_up = fastest * b / (half + d)
        broken = store_rate * b / (1 + b)
        return [
            broken * n + (1 - residue_share) * turnover * b - taken_up * d,
            efficiency * taken_up * d - turnover * b,
            residue_share * turnover * b - broken * n,
            broken * nl + (1 - residue_share) * turnover * bl - taken_up * dl,
            efficiency * taken_up * dl - turnover * bl,
            residue_share * turnover * bl - broken * nl,
            (1 - efficiency) * taken_up * dl,
        ]

    start = [dissolved + dose, 1.0, STORE, dose, 0.0, 0.0, 0.0]
    end = solve_ivp(change, (0, hours / 24), start, method="LSODA", rtol=1e-10, atol=1e-14).y[:, -1]
    return end[4] / (end[4] + end[6])


def test_the_operator_solves_the_equations():
    """Few steps are near the exact solution, against a scatter of published values of half a logit."""
    rng = np.random.default_rng(1)
    n = 60
    efficiency, turnover = rng.uniform(0.1, 0.9, n), np.exp(rng.normal(-3.9, 0.7, n))
    uptake = np.exp(np.where(rng.random(n) < 0.8, rng.normal(2.1, 0.7, n), rng.normal(-2.5, 1.0, n)))
    hours, dose = rng.choice([0.5, 6.0, 24.0, 48.0, 168.0, 868.0], n), 10 ** rng.uniform(-3, 1, n)
    exact = np.array(
        [
            label_by_lsoda(*case, 0.6, *more)
            for *case, more in zip(efficiency, turnover, uptake, zip(hours, dose, strict=True), strict=True)
        ]
    )
    coarse = apparent_efficiency(efficiency, turnover, uptake, 0.6, hours, dose).eval()
    fine = apparent_efficiency(efficiency, turnover, uptake, 0.6, hours, dose, steps=20 * STEPS).eval()
    np.testing.assert_allclose(logit(fine), logit(exact), atol=2e-3)
    assert np.quantile(np.abs(logit(coarse) - logit(exact)), 0.95) < 0.05


def test_the_operator_starts_at_the_intrinsic_efficiency_and_falls():
    one = np.ones(4)
    seen = apparent_efficiency(0.6 * one, 0.02 * one, 20.0 * one, 0.6, np.array([0.5, 24.0, 240.0, 2400.0]), 0.01 * one)
    values = seen.eval()
    assert values[0] == pytest.approx(0.6, abs=0.002)
    assert np.all(np.diff(values) < 0)


TRUTH = {"level": -0.3, "turnover": 0.03, "turnover_sd": 0.4, "slope": -0.03, "study_sd": 0.25, "scatter": 0.25}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Table simulated from known values, with the exact operator, and a fit of it."""
    rng = np.random.default_rng(7)
    discrepancy = {"substrate_label": 0.3, "water_18O": -0.3}
    substrate = {"glucose": 0.3, "amino_acid": -0.3}
    ecosystem = {"forest": 0.2, "grassland": -0.2}
    rows = []
    for number in range(36):
        labelled = number % 3 != 0
        shift, biome = rng.normal(0, TRUTH["study_sd"]), rng.choice(list(ecosystem))
        kind = str(rng.choice(list(substrate))) if labelled else "water"
        turnover = TRUTH["turnover"] * np.exp(rng.normal(0, TRUTH["turnover_sd"]))
        for k in range(10):
            hours = float(rng.choice([2.0, 24.0, 168.0, 720.0])) if labelled else 24.0
            temperature = 15.0 + (10.0 * (k % 2) - 5.0 if number % 2 else 0.0)
            inside = TRUTH["level"] + ecosystem[str(biome)] + TRUTH["slope"] * (temperature - 15.0)
            inside += substrate.get(kind, 0.0)
            e = 1 / (1 + np.exp(-inside))
            pace = 2.0 ** ((temperature - 15.0) / 10.0)
            seen = label_by_lsoda(e, turnover * pace, 8.0 * pace, 0.6, hours, 0.05) if labelled else e
            method = "substrate_label" if labelled else "water_18O"
            value = logit(seen) + discrepancy[method] + shift + rng.normal(0, TRUTH["scatter"])
            rows.append(
                {
                    "observation": f"{number}-{k}",
                    "study": f"study {number:02d}",
                    "carbon_use_efficiency": 1 / (1 + np.exp(-value)),
                    "measurement_method": method,
                    "ecosystem": biome,
                    "substrate_class": kind,
                    "incubation_temperature": temperature,
                    "incubation_time": hours,
                }
            )
    table = pd.DataFrame(rows)
    model = cue_process.build(table)
    store = tmp_path_factory.mktemp("known") / "run"
    return (
        table,
        model,
        socbayes.fit(model, draws=500, tune=500, chains=2, cores=2, seed=3, store=store, progress=False),
    )


def test_known_values_are_recovered(known):
    _, _, fit = known
    posterior = fit.posterior
    assert fit.attrs["divergences"] == 0
    for name, truth, most in (
        ("turnover", TRUTH["turnover"], 0.008),
        ("turnover_sd", TRUTH["turnover_sd"], 0.2),
        ("level", TRUTH["level"], 0.45),
        ("slope_mean", TRUTH["slope"], 0.02),
        ("study_sd", TRUTH["study_sd"], 0.08),
    ):
        draws = posterior[name].to_numpy().ravel()
        assert draws.std() < most, name
        assert abs(draws.mean() - truth) < 3 * draws.std(), name
    gap = posterior["discrepancy"].sel(measurement_method="substrate_label") - posterior["discrepancy"].sel(
        measurement_method="water_18O"
    )
    assert abs(float(gap.mean()) - 0.6) < 3 * float(gap.std())


def test_quantities_follow_from_the_parameters(known):
    _, model, fit = known
    at = fit.posterior
    np.testing.assert_allclose(at["intrinsic_efficiency"], 1 / (1 + np.exp(-at["level"])))
    np.testing.assert_allclose(at["spread_share"].sum("cause"), 1)
    lost = at["lost_label"].mean(("chain", "draw")).to_numpy()
    assert np.all(np.diff(lost) < 0)
    assert lost[0] == pytest.approx(1.0, abs=0.02)
    assert set(cue_process.QUANTITIES) >= set(model.socbayes_spec.quantities)


def test_studies_that_followed_their_label_have_a_turnover_and_those_without_hours_are_named():
    table = load_dataset("cue")
    model = cue_process.build(table)
    hours = table[table["measurement_method"] == "substrate_label"].groupby("study")["incubation_time"].nunique()
    assert list(model.coords["followed_study"]) == sorted(hours[hours > 1].index)
    told = f"Run for 48 hours: {(hours == 0).sum()} studies"
    assert any(note.startswith(told) for note in spec_of(model).notes)


def prior_and_expected_at(model, points, weights):
    """Parts of the log prior, expected rows and what they pull at the variables, at points; (point, number)."""
    recorded = model["logit_cue"].owner.inputs[0].owner
    (expected,) = model.replace_rvs_by_values([recorded.op.dist_params(recorded)[0]])
    prior = [part.sum() for part in model.logp(vars=model.free_RVs, sum=False)]
    pulled = grad(reduce(add, [*prior, (weights * expected).sum()]), model.value_vars)
    plain = Mode(linker="py", optimizer=None)  # nothing is compiled
    function = model.compile_fn([*prior, expected, *pulled], mode=plain)
    return np.array([np.concatenate([np.ravel(one) for one in function(point)]) for point in points])


def test_rows_that_share_a_run_are_expected_as_rows_run_alone(monkeypatch):
    """Rows of a user's table in any order, some of which lack what others state: a run for all alike, or one each."""
    table = load_dataset("cue")
    rng = np.random.default_rng(5)
    several = table["study"].value_counts()
    chosen = rng.choice(sorted(several.index[several.between(2, 40)]), 30, replace=False)
    table = table[table["study"].isin(chosen)]
    again = table.assign(observation=table["observation"] + " again", carbon_use_efficiency=0.37).iloc[::3]
    seen = again[again["measurement_method"] == "substrate_label"]
    changes = {
        "measurement_method": "biomass_balance",
        "incubation_temperature": 11.5,
        "incubation_time": 31.0,
        "substrate_dose": 0.07,
        "substrate_class": "amino_acid",
        "ecosystem": "wetland",
        "aeration": "anoxic",
        "counted_products": "co2_and_methane",
    }
    changed = [
        seen.assign(**{name: value}).iloc[at :: len(changes)] for at, (name, value) in enumerate(changes.items())
    ]
    changed = [one.assign(observation=one["observation"] + " changed") for one in changed]
    table = pd.concat([table, again, *changed]).sample(frac=1.0, random_state=3)
    shared = cue_process.build(table)
    monkeypatch.setattr(cue_process, "_runs_of", lambda rows, labelled, hours, dose: np.arange(labelled.size))
    alone = cue_process.build(table)
    start = shared.initial_point()
    points = [{name: value + rng.normal(0.0, 0.4, np.shape(value)) for name, value in start.items()} for _ in range(4)]
    weights = rng.normal(0.0, 1.0, len(table))
    found, expected = (prior_and_expected_at(model, points, weights) for model in (shared, alone))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_rows_that_state_the_same_share_a_run():
    table = load_dataset("cue")
    rows = cue_process.rows_of(table)
    labelled = np.flatnonzero(rows.measurement_method.isin(cue_process.OVER_TIME))
    label = cue_process._labelled_of(rows, table, labelled)
    assert (label.run.size, label.first.size) == (labelled.size, 241) == (897, 241)
    np.testing.assert_array_equal(label.run[label.first], np.arange(label.first.size))
    np.testing.assert_array_equal(label.study[label.run], rows.study[labelled])


def test_faults_are_named():
    table = load_dataset("cue")
    with pytest.raises(SocbayesError, match="carbon_use_efficiency"):
        cue_process.build(table.assign(carbon_use_efficiency=np.nan))
    with pytest.raises(SocbayesError):
        cue_process.build(table.iloc[:0])
