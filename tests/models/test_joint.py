"""The joint posterior of shared parameters: what a literature adds, and what happens when two disagree."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from socbayes.errors import SocbayesError
from socbayes.inference.fit import fit
from socbayes.models import joint
from socbayes.models.cue import process as cue_process
from socbayes.models.joint import SHARED, Literature, disagreement, likelihood
from socbayes.models.mcp import process as mcp_process
from socbayes.models.shared import TURNOVER_Q10
from socbayes.spec import ModelSpec, spec_of

TRUE = {"carbon_use_efficiency": -0.3, "microbial_turnover": -4.2, "half_saturating_biomass": 0.4, "residue_share": 0.5}


def told(name, parameters, shift=0.0, error=0.1, seed=1):
    """A literature whose data show the true values, give or take."""
    n = len(parameters)
    rng = np.random.default_rng(seed)
    mixing = np.eye(n) + 0.3 * rng.normal(size=(n, n))
    data = error**2 * mixing @ mixing.T
    before_mean, before = np.zeros(n), 0.5 * np.eye(n)
    estimate = rng.multivariate_normal([TRUE[p] + shift for p in parameters], data)
    precision = np.linalg.inv(data) + np.linalg.inv(before)
    covariance = np.linalg.inv(precision)
    mean = covariance @ (np.linalg.solve(data, estimate) + np.linalg.solve(before, before_mean))
    return Literature(name, tuple(parameters), mean, covariance, before_mean, before), estimate, data


def test_what_a_literature_adds_is_its_posterior_over_its_prior():
    source, estimate, data = told("one", list(TRUE))
    found, covariance = likelihood(source)
    np.testing.assert_allclose(found, estimate, rtol=1e-8)
    np.testing.assert_allclose(covariance, data, rtol=1e-8)
    assert all(0.8 < share < 1.0 for share in source.contraction().values())


def test_a_literature_that_says_nothing_adds_next_to_nothing():
    one = np.eye(2)
    silent = Literature("silent", ("residue_share", "carbon_use_efficiency"), np.zeros(2), one, np.zeros(2), one)
    _, covariance = likelihood(silent)
    np.testing.assert_allclose(covariance, 100.0 * one)
    assert silent.contraction() == {"residue_share": 0.0, "carbon_use_efficiency": 0.0}


@pytest.fixture(scope="module")
def joint_fit(tmp_path_factory):
    agreeing = [told("one", list(TRUE))[0], told("two", ["carbon_use_efficiency", "residue_share"], seed=2)[0]]
    model = joint.build(agreeing)
    folder = tmp_path_factory.mktemp("joint") / "run"
    return fit(model, draws=600, tune=600, chains=2, cores=1, seed=3, store=folder, progress=False), model


def test_common_values_are_recovered(joint_fit):
    fitted, model = joint_fit
    posterior = fitted["posterior"].to_dataset()
    for name, true in TRUE.items():
        low, high = np.quantile(posterior[f"{name}_common"], [0.01, 0.99])
        assert low < true < high
        # A soil of no literature is known less well than the common value.
        x = posterior[name]
        free = np.log(x) if SHARED[name]["scale"] == "log" else np.log(x / (1 - x))
        assert free.std() > posterior[f"{name}_common"].std()
    assert set(spec_of(model).quantities) >= set(SHARED)


def test_disagreement_is_measured_and_widens_the_common_value(tmp_path):
    names = ["carbon_use_efficiency", "residue_share"]
    sources = [told("one", names)[0], told("two", names, shift=1.5, seed=2)[0]]
    table = disagreement(sources)
    assert (table["z"].abs() > 4).all()
    assert list(table.index) == names
    fitted = fit(joint.build(sources), draws=600, tune=600, chains=2, cores=1, seed=4, store=tmp_path / "run",
                 progress=False)  # fmt: skip
    posterior = fitted["posterior"].to_dataset()
    apart = posterior["conflict_sd"].sel(parameter="carbon_use_efficiency")
    quiet = posterior["conflict_sd"].sel(parameter="microbial_turnover")
    assert apart.median() > 1.5 * quiet.median()


def test_who_learned_nothing_cannot_disagree():
    """A posterior that moved without narrowing, as skewed ones do, is not an estimate far away."""
    one = np.eye(1)
    sure = Literature("sure", ("residue_share",), np.array([0.6]), 0.02 * one, np.array([0.4]), 0.16 * one)
    moved = Literature("moved", ("residue_share",), np.array([0.25]), 0.16 * one, np.array([0.4]), 0.16 * one)
    assert likelihood(moved)[0][0] < -10
    assert disagreement([sure, moved]).empty
    assert len(disagreement([sure, sure])) == 1


def test_literatures_survive_a_file(tmp_path):
    source = told("one", list(TRUE))[0]
    entry = json.loads(joint.to_json([source], {"one": {"model": "example"}}))[0]
    assert entry["origin"] == {"model": "example"}
    np.testing.assert_array_equal(entry["covariance"], source.covariance)
    names = [bundled.name for bundled in joint.literatures()]
    assert len(set(names)) == len(names) >= 2
    for bundled in joint.literatures():
        assert np.linalg.eigvalsh(bundled.covariance).min() > 0
        assert set(bundled.parameters) <= set(SHARED)


def fitted_cue(converged=1, **choices):
    rng = np.random.default_rng(5)
    draws = {name: (("chain", "draw"), rng.normal(-0.1, 0.2, (2, 500))) for name in
             ("level", "log_turnover", "residue_share")}  # fmt: skip
    spec = ModelSpec(model="cue_process", question="", choices=choices)
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    tree.attrs.update({"spec": spec.to_json(), "converged": converged, "failures": json.dumps(["stuck"])})
    return tree


def test_moments_come_from_the_fit_and_from_the_priors():
    source = joint.literature(fitted_cue())
    assert source.parameters == ("carbon_use_efficiency", "microbial_turnover", "residue_share")
    np.testing.assert_allclose(source.mean, -0.1, atol=0.03)
    expected = {prior.name: prior.parameters for prior in cue_process.PRIORS}["log_turnover"]
    assert source.prior_mean[1] == pytest.approx(expected["mu"], abs=0.02)
    assert np.sqrt(source.prior_covariance[1, 1]) == pytest.approx(expected["sigma"], rel=0.02)


def test_turnover_of_the_pump_is_that_of_its_balance():
    """Deaths over biomass of the control, from 10 to 15 degC and from years to days, by the rates of the structure."""
    drawn = {prior.name: np.array([prior.parameters["mu"]]) for prior in mcp_process.PRIORS if "mu" in prior.parameters}
    sampled = drawn | {"share": drawn["share_mean"], "turnover": drawn["turnover_mean"]}
    pools, rates = mcp_process.control_state(mcp_process.properties(sampled, np.exp))
    per_year = rates["k_death"] * pools["microbes"] ** (mcp_process.BETA - 1.0)
    found = joint.model.sharings()["mcp_process"].shared(drawn)["microbial_turnover"]
    np.testing.assert_allclose(np.exp(found), per_year / 365.25 * cue_process.Q10**0.5)
    assert TURNOVER_Q10 == cue_process.Q10


def test_the_bundled_literatures_are_taken_where_none_are_given():
    names = [one.literature for one in joint.model.sharings().values()]
    assert sorted(names) == sorted(source.name for source in joint.literatures())
    assert spec_of(joint.build()).choices["literatures"] == [source.name for source in joint.literatures()]


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(SocbayesError, match="did not converge"):
        joint.literature(fitted_cue(converged=0))
    with pytest.raises(SocbayesError, match="priors of its own for level"):
        joint.literature(fitted_cue(priors=["level"]))
    with pytest.raises(SocbayesError, match="two literatures or more, got 1"):
        joint.build([told("one", list(TRUE))[0]])
