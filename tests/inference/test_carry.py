"""A posterior as a prior: moments kept, faults named, files that say where they come from."""

from __future__ import annotations

import json

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from socbayes.carried import load_prior
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.inference.carry import prior_from
from socbayes.spec import ModelSpec

MEAN, COVARIANCE = np.array([0.5, -1.0]), np.array([[0.04, 0.03], [0.03, 0.09]])
SCALES = {"rate": "log", "share": "logit"}


@pytest.fixture(scope="module")
def fitted():
    free = np.random.default_rng(1).multivariate_normal(MEAN, COVARIANCE, size=(4, 1000))
    draws = {"rate": np.exp(free[..., 0]), "share": 1.0 / (1.0 + np.exp(-free[..., 1]))}
    lumps = np.where(free[..., 0] > 0.5, 5.0, -5.0) + 0.1 * free[..., 1]
    posterior = xr.Dataset({k: (("chain", "draw"), v) for k, v in (draws | {"lumps": lumps}).items()})
    posterior["several"] = (("chain", "draw", "group"), np.ones((4, 1000, 2)))
    tree = xr.DataTree.from_dict({"posterior": posterior})
    spec = ModelSpec(model="example", question="What?", tables={"table": {"name": "t", "rows": 3, "sha256": "ab"}})
    tree.attrs.update({"spec": spec.to_json(), "converged": 1, "failures": "[]", "seed": 7, "max_r_hat": 1.001})
    return tree


def test_moments_and_provenance_are_carried(fitted, tmp_path):
    prior = prior_from(fitted, SCALES)
    np.testing.assert_allclose(prior.centre, MEAN, atol=0.02)
    np.testing.assert_allclose(covariance_of(prior), COVARIANCE, atol=0.005)
    assert prior.degrees_of_freedom > 50.0
    assert prior.joint_distance < 0.03
    assert prior.provenance["model"] == "example"
    assert prior.provenance["tables"]["table"]["sha256"] == "ab"
    prior.save(tmp_path / "prior.json")
    assert load_prior(tmp_path / "prior.json") == prior


def covariance_of(prior):
    freedom = prior.degrees_of_freedom
    return np.array(prior.scatter) * freedom / (freedom - 2.0)


def test_heavy_tails_are_carried(fitted):
    rng = np.random.default_rng(3)
    precision = rng.gamma(3.0, 1 / 3.0, size=(4, 2000, 1))
    free = MEAN + rng.multivariate_normal(np.zeros(2), COVARIANCE, size=(4, 2000)) / np.sqrt(precision)
    tree = fitted.copy()
    tree["posterior"] = xr.DataTree(xr.Dataset({k: (("chain", "draw"), free[..., i]) for i, k in enumerate("ab")}))
    prior = prior_from(tree, {"a": "identity", "b": "identity"})
    assert 5.0 < prior.degrees_of_freedom < 7.5
    np.testing.assert_allclose(prior.scatter, COVARIANCE, rtol=0.06)
    assert max(*prior.distances, prior.joint_distance) < 0.03
    with pm.Model():
        drawn = np.stack(pm.draw(list(prior.sample().values()), 20_000, random_seed=4))
    levels = [0.005, 0.05, 0.5, 0.95, 0.995]
    expected = np.quantile(free.reshape(-1, 2), levels, axis=0)
    np.testing.assert_allclose(np.quantile(drawn.T, levels, axis=0), expected, atol=0.12)


@pytest.mark.parametrize("names", [None, ["share"], ["share", "rate"]])
def test_a_model_draws_what_was_carried(fitted, names):
    prior = prior_from(fitted, SCALES)
    with pm.Model():
        values = prior.sample(names, prefix="soil_")
        draws = pm.draw(list(values.values()), 4000, random_seed=2)
    found = dict(zip(values, draws, strict=True))
    assert list(found) == (names or list(SCALES))
    assert np.log(found["share"] / (1 - found["share"])).mean() == pytest.approx(-1.0, abs=0.03)
    if "rate" in found:
        together = np.cov(np.log(found["rate"]), np.log(found["share"] / (1 - found["share"])))
        np.testing.assert_allclose(together, COVARIANCE, atol=0.01)


def test_what_cannot_be_carried_is_said_all_at_once(fitted):
    broken = fitted.copy()
    broken.attrs.update({"converged": 0, "failures": json.dumps(["stuck"])})
    with pytest.raises(SocbayesError) as error:
        prior_from(broken, {"several": "identity", "rate": "sqrt"})
    for word in ("did not converge: stuck", "several has dimensions", "scale 'sqrt'"):
        assert word in str(error.value)
    with pytest.raises(SocbayesError, match="lumps has no t distribution on its identity scale"):
        prior_from(fitted, {"lumps": "identity"})
    with pytest.raises(UnknownNameError, match="did you mean 'share'"):
        prior_from(fitted, {"shar": "logit"})
    with pytest.raises(UnknownNameError, match="did you mean 'rate'"), pm.Model():
        prior_from(fitted, SCALES).sample(["rat"])


def test_files_that_are_not_there_or_of_another_time(fitted, tmp_path):
    with pytest.raises(SocbayesError, match="does not exist"):
        load_prior(tmp_path / "nothing.json")
    prior_from(fitted, SCALES).save(tmp_path / "prior.json")
    old = json.loads((tmp_path / "prior.json").read_text()) | {"version": 0}
    (tmp_path / "prior.json").write_text(json.dumps(old))
    with pytest.raises(SocbayesError, match="version 0"):
        load_prior(tmp_path / "prior.json")


PRIOR_DAMAGES = {
    "no JSON": lambda text: "{",
    "a list": lambda text: "[]",
    "NaN": lambda text: text | {"centre": [float("nan"), *text["centre"][1:]]},
    "an infinite scatter": lambda text: text | {"scatter": [[float("inf")] * len(text["names"])] * len(text["names"])},
    "a scatter of zeros": lambda text: text | {"scatter": [[0.0] * len(text["names"])] * len(text["names"])},
    "a centre too short": lambda text: text | {"centre": text["centre"][1:]},
    "no centre": lambda text: {key: value for key, value in text.items() if key != "centre"},
    "an unknown scale": lambda text: text | {"scales": ["sqrt"] * len(text["names"])},
    "a name twice": lambda text: text | {"names": [text["names"][0]] * len(text["names"])},
    "text for a number": lambda text: text | {"degrees_of_freedom": "many"},
    "an entry of its own": lambda text: text | {"colour": "red"},
}


@pytest.mark.parametrize("damage", PRIOR_DAMAGES.values(), ids=PRIOR_DAMAGES)
def test_a_prior_that_was_altered_or_is_not_a_number_is_refused(damage, tmp_path):
    load_prior().save(tmp_path / "prior.json")
    text = damage(json.loads((tmp_path / "prior.json").read_text()))
    (tmp_path / "prior.json").write_text(text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(SocbayesError, match=r"prior\.json") as caught:
        load_prior(tmp_path / "prior.json")
    assert "\n" not in str(caught.value)
