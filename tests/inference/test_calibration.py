"""Simulation-based calibration: a right model passes, a wrong one is found out, and nothing is hidden."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from socbayes.errors import SocbayesError
from socbayes.inference import calibration
from socbayes.inference.calibration import LOG_LIKELIHOOD, _refittable, band, calibration_table, ecdf, p_value, sbc

FEW = {"simulations": 100, "draws": 250, "tune": 200, "seed": 4, "cores": 1}
GROUP = np.repeat(np.arange(3), 4)


@pytest.fixture(scope="module")
def groups():
    """Normal values in normal groups: the posterior is normal as well."""
    import pymc as pm

    coords = {"group": ["a", "b", "c"], "obs": np.arange(GROUP.size)}
    with pm.Model(coords=coords) as model:
        mean = pm.Normal("mean", 0.0, 1.0)
        effect = pm.Normal("effect", mean, 0.7, dims="group")
        pm.Normal("value", effect[GROUP], 1.0, observed=np.zeros(GROUP.size), dims="obs")
    return model


@pytest.fixture(scope="module")
def right(groups):
    return sbc(groups, **FEW)


def test_a_right_model_passes(right):
    table = calibration_table(right)
    assert list(table.index) == ["mean", "effect[a]", "effect[b]", "effect[c]", LOG_LIKELIHOOD]
    assert (table["simulations"] == FEW["simulations"]).all()
    assert (table["p_adjusted"] > 0.05).all()
    assert right.attrs["failures"] == 0
    assert right.attrs["seed"] == 4
    assert (right["max_r_hat"] < calibration.MAX_R_HAT).all()


def test_ranks_are_whole_numbers_over_their_whole_range(right):
    ranks = right["effect"].to_numpy()
    assert np.array_equal(ranks, np.round(ranks))
    assert ranks.min() >= 0
    assert ranks.max() <= right.attrs["ranked_draws"]
    assert ranks.min() < 10
    assert ranks.max() > 90


def test_data_of_another_model_are_found_out(groups):
    """Data above what the prior draws say, and noisier than the likelihood says: each has its own mark."""

    def other(truth, rng):
        return {"value": 1.5 + truth["effect"][GROUP] + 3.0 * rng.standard_normal(GROUP.size)}

    table = calibration_table(sbc(groups, simulator=other, **FEW))
    assert table.loc["mean", "p_adjusted"] < 1e-2
    assert table.loc["mean", "mean_rank"] < 0.4
    assert table.loc[LOG_LIKELIHOOD, "p_adjusted"] < 1e-2
    assert table.loc[LOG_LIKELIHOOD, "mean_rank"] < 0.1


def test_censored_and_custom_likelihoods_with_data_containers():
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as model:
        mean = pm.Normal("mean", 0.0, 1.0)
        observed = pm.Data("recorded", np.zeros(6))
        pm.Censored("clipped", pm.Normal.dist(mean, 1.0), lower=-1.0, upper=1.0, observed=observed)
        pm.CustomDist(
            "custom",
            mean,
            logp=lambda value, centre: -pt.abs(value - centre) - np.log(2),
            random=lambda centre, rng=None, size=None: rng.laplace(centre, 1.0, size),
            observed=np.zeros(4),
        )
    ranks = sbc(model, simulations=40, draws=200, tune=200, seed=2, cores=1)
    assert calibration_table(ranks)["p_adjusted"].min() > 0.01
    assert model["recorded"].get_value().tolist() == [0.0] * 6, "the model itself is left as it was"


def test_parameters_that_look_at_the_data_see_those_that_replace_them():
    """Here the mean is sampled as its distance from the mean of what was recorded."""
    import pymc as pm
    from pymc.distributions.transforms import Transform

    class Away(Transform):
        name = "away"

        def backward(self, value, *inputs):
            return value + inputs[-1]

        def forward(self, value, *inputs):
            return value - inputs[-1]

        def log_jac_det(self, value, *inputs):
            return 0.0 * value

    with pm.Model() as model:
        recorded = pm.Data("recorded", np.zeros(6))
        mean = pm.CustomDist(
            "mean",
            recorded.mean(),
            logp=lambda value, there: pm.logp(pm.Normal.dist(0.0, 5.0), value),
            random=lambda there, rng=None, size=None: rng.normal(0.0, 5.0, size),
            transform=Away(),
        )
        pm.Normal("seen", mean, 1.0, observed=recorded)
    copy, places = _refittable(model)
    assert places == {"seen": "recorded"}
    density = copy.compile_logp()
    copy["recorded"].set_value(np.full(6, 3.0))
    expected = stats.norm.logpdf(3.25, 0.0, 5.0) + 6 * stats.norm.logpdf(3.0, 3.25, 1.0)
    assert density({"mean_away__": np.array(0.25)}) == pytest.approx(expected)
    assert model["recorded"].get_value().tolist() == [0.0] * 6, "the model itself is left as it was"
    ranks = sbc(model, simulations=40, draws=200, tune=200, seed=2, cores=1)
    assert calibration_table(ranks)["p_adjusted"].min() > 0.01


def test_what_cannot_be_simulated_is_said(groups):
    import pymc as pm

    with pm.Model() as potential:
        mean = pm.Normal("mean")
        pm.Normal("value", mean, observed=[0.0])
        pm.Potential("soft_limit", -(mean**2))
    with pytest.raises(SocbayesError, match=r"potentials \(soft_limit\).*CustomDist"):
        sbc(potential)
    with pm.Model() as nothing_observed:
        pm.Normal("mean")
    with pytest.raises(SocbayesError, match="no observed variable"):
        sbc(nothing_observed)
    with pm.Model() as improper:
        pm.Normal("value", pm.Flat("mean"), observed=[0.0])
    with pytest.raises(SocbayesError, match="cannot be drawn from"):
        sbc(improper)
    with pytest.raises(SocbayesError, match="no variable 'nothing'"):
        sbc(groups, var_names=["nothing"])
    with pytest.raises(SocbayesError, match="at most chains"):
        sbc(groups, draws=10, chains=2, ranked_draws=99)
    with pytest.raises(SocbayesError, match="no data of value"):
        sbc(groups, simulations=2, simulator=lambda truth, rng: {})


def test_failed_fits_are_counted_and_kept(groups, caplog):
    def broken_at_times(truth, rng):
        values = truth["effect"][GROUP] + rng.standard_normal(GROUP.size)
        return {"value": np.where(truth["mean"] > 1, np.nan, values)}

    ranks = sbc(groups, simulations=30, draws=100, tune=100, seed=1, cores=1, simulator=broken_at_times)
    broken = ranks["failure"] == "simulated data are not finite"
    assert 0 < int(broken.sum()) < 30
    assert ranks.attrs["failures"] >= int(broken.sum())
    assert np.isnan(ranks["mean"].to_numpy()[broken]).all()
    assert calibration_table(ranks).loc["mean", "simulations"] == 30 - int(broken.sum())
    assert "of 30 simulations could not be fitted" in caplog.text


def test_bands_hold_what_they_promise():
    """Share of uniform samples inside the band, and of p-values below 0.05: both by fresh simulation."""
    rng = np.random.default_rng(7)
    places = np.arange(1, 80) / 80
    lower, upper = band(80, places)
    samples = rng.random((2000, 80))
    curves = np.array([ecdf(sample, places) for sample in samples])
    inside = ((curves >= lower) & (curves <= upper)).all(axis=1)
    assert inside.mean() == pytest.approx(calibration.BAND, abs=0.015)
    small = np.mean([p_value(sample) <= 0.05 for sample in samples])
    assert small == pytest.approx(0.05, abs=0.015)


def test_p_values_tell_apart_biased_and_narrow_posteriors():
    quantiles = (np.arange(200) + 0.5) / 200
    assert p_value(quantiles) > 0.9
    assert p_value(stats.beta(0.6, 0.6).ppf(quantiles)) < 0.01
    assert p_value(quantiles**1.5) < 0.01
