"""Groups that were left out are predicted as they should be: a model whose predictions are known exactly."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable
from scipy import stats

from socbayes.errors import SocbayesError
from socbayes.inference.densities import rows_density
from socbayes.inference.left_out import _weighted, converged, leave_groups_out, ranked_left_out

SPREAD, SCATTER, VAGUE = 0.8, 0.5, 2.0
SIZES = {"a": 3, "b": 1, "c": 4, "d": 2, "e": 3, "f": 3}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    group = np.repeat(list(SIZES), list(SIZES.values()))
    effect = dict(zip(SIZES, rng.normal(1.0, SPREAD, len(SIZES)), strict=True))
    order = rng.permutation(group.size)
    group = group[order]
    return group, np.array([effect[name] for name in group]) + SCATTER * rng.standard_normal(group.size)


def model_of(group, values, spread=SPREAD):
    labels, index = np.unique(group, return_inverse=True)
    with pm.Model(coords={"site": labels, "row": np.arange(values.size)}) as model:
        mean = pm.Normal("mean", 0.0, VAGUE)
        effect = pm.Normal("effect", mean, spread, dims="site")
        pm.Normal("value", effect[index], SCATTER, observed=values, dims="row")
    return model


def covariance(group):
    same = group[:, None] == group[None, :]
    return VAGUE**2 + SPREAD**2 * same + SCATTER**2 * np.eye(group.size)


def exact(group, values, name):
    """Log density of the rows of one group given all other rows: jointly, and one by one."""
    out = group == name
    full = covariance(group)
    gain = np.linalg.solve(full[np.ix_(~out, ~out)], full[np.ix_(~out, out)]).T
    mean = gain @ values[~out]
    spread = full[np.ix_(out, out)] - gain @ full[np.ix_(~out, out)]
    apart = stats.norm.logpdf(values[out], mean, np.sqrt(np.diag(spread))).sum()
    return stats.multivariate_normal.logpdf(values[out], mean, spread), apart


@pytest.fixture(scope="module")
def left_out(data):
    group, values = data
    return leave_groups_out(
        model_of(group, values), {"value": group}, ["site"], folds=None, draws=2000, tune=500, redraws=10, seed=3
    )


@pytest.mark.parametrize("name", list(SIZES))
def test_densities_are_those_of_exact_refits(data, left_out, name):
    jointly, apart = exact(*data, name)
    found = left_out.sel(group=name)
    assert int(found["rows"]) == SIZES[name]
    assert float(found["jointly"]) == pytest.approx(jointly, abs=0.12)
    assert float(found["one_by_one"]) == pytest.approx(apart, abs=0.12)


def test_intervals_and_diagnostics(left_out):
    assert left_out.sizes["measurement"] == sum(SIZES.values())
    assert left_out.attrs["folds"] == len(SIZES)
    assert (left_out["divergences"] == 0).all()
    inside = left_out["inside"].mean("measurement")
    assert float(inside[0]) < float(inside[1])
    assert float(left_out["effective"].min()) > 100


def test_folds_hold_every_group_once_and_the_better_model_wins(data, left_out):
    group, values = data
    narrow = leave_groups_out(
        model_of(group, values, spread=0.05), {"value": group}, ["site"], folds=3, draws=300, tune=300, redraws=5
    )
    assert narrow.attrs["folds"] == 3
    assert np.isfinite(narrow["jointly"]).all()
    for score in ("one_by_one", "jointly"):
        table = ranked_left_out({"narrow": narrow, "true": left_out}, score)
        assert table.index[0] == "true"
        assert table["elpd_difference"].iloc[1] < 0
    assert table["inside_89"].between(0, 1).all()


def test_scores_of_fits_that_failed_say_so(left_out, caplog):
    bad = left_out.copy()
    bad["max_r_hat"] = bad["max_r_hat"] + 0.1
    table = ranked_left_out({"good": left_out, "bad": bad})
    assert table["converged"].to_dict() == {"good": 1, "bad": 0}
    assert "bad: not all of its fits converged" in caplog.text


def test_coverage_is_that_of_the_groups_scored(left_out):
    """A group without effective draws is in neither."""
    poor = left_out.copy(deep=True)
    poor["effective"][0] = 0.0
    poor["inside"][:] = True
    poor["inside"][(poor["group_of"] == poor["group"][0]).to_numpy()] = False
    table = ranked_left_out({"a": poor, "b": left_out}, "jointly")
    assert table.loc["a", "groups"] == len(SIZES) - 1
    assert table.loc["a", "inside_50"] == 1.0
    assert ranked_left_out({"a": poor, "b": left_out}).loc["a", "inside_50"] < 1.0


def test_faults_are_named(data):
    group, values = data
    model = model_of(group, values)
    with pytest.raises(SocbayesError, match="no observed variable 'other'"):
        leave_groups_out(model, {"other": group}, ["site"])
    with pytest.raises(SocbayesError, match="15 groups were given"):
        leave_groups_out(model, {"value": group[1:]}, ["site"])
    with pytest.raises(SocbayesError, match="no dimension study"):
        leave_groups_out(model, {"value": group}, ["study"])


def test_fits_whose_chains_disagree_are_made_anew_at_twice_the_length(data, monkeypatch):
    import nutpie

    group, values = data
    asked, sample = [], nutpie.sample

    def counting(*given, **settings):
        asked.append((settings["tune"], settings["draws"]))
        return sample(*given, **settings)

    monkeypatch.setattr(nutpie, "sample", counting)
    monkeypatch.setattr("socbayes.inference.left_out.MAX_R_HAT", 0.0)  # nothing will do
    short = leave_groups_out(
        model_of(group, values), {"value": group}, ["site"], folds=2, draws=20, tune=30, redraws=2, longer=1, seed=1
    )
    assert not converged(short)
    assert asked == [(30, 20), (60, 40)] * 2
    assert short.attrs["draws"] == 20 * 2 * 2
    assert float(short["effective"].max()) <= short.attrs["draws"]


def test_densities_of_rows_are_graphs_of_the_variables_of_the_model():
    """Also of a censored variable, whose density PyMC derives by rewriting; and without a transform and its inverse."""
    with pm.Model() as model:
        spread = pm.LogNormal("spread", 0.0, 0.5)
        share = pm.Beta("share", 2.0, 2.0)
        mean = pm.Normal("mean", share, spread, shape=2)
        pm.Censored("value", pm.Normal.dist(mean, spread), lower=-1.0, upper=1.0, observed=[0.2, 1.0])
    density = rows_density(model, "value")
    found = list(ancestors([density], blockers=model.free_RVs))
    assert not [a for a in found if a.owner and isinstance(a.owner.op, RandomVariable) and a not in model.free_RVs]
    assert share not in found  # only what the rows hang on, and not by way of its unconstrained value
    at = {mean: np.array([0.1, 0.4]), spread: 0.7}
    expected = [stats.norm.logpdf(0.2, 0.1, 0.7), stats.norm.logsf(1.0, 0.4, 0.7)]
    np.testing.assert_allclose(density.eval(at, mode="FAST_COMPILE"), expected)


def test_rows_without_weight_leave_no_trace_where_their_density_is_absurd():
    def model_of_sites(site, values):
        with pm.Model(coords={"site": ["a", "b"]}) as model:
            log_scatter = pm.Normal("log_scatter", dims="site")
            pm.Normal("value", pm.Normal("mean"), pm.math.exp(log_scatter[site]), observed=values)
        return model

    site, values = np.array([0, 0, 1, 1]), np.array([0.3, 1.2, -0.4, 0.1])
    weighted = _weighted(model_of_sites(site, values), ["value"])
    weighted["value_weight"].set_value((site == 1).astype(float))
    without = model_of_sites(site[2:], values[2:])
    point = {"log_scatter": np.array([-27.0, -0.5]), "mean": np.array(0.2)}
    expected = without.compile_logp(mode="FAST_COMPILE")(point)
    assert weighted.compile_logp(mode="FAST_COMPILE")(point) == pytest.approx(expected, rel=1e-12)
    weighted["value_weight"].set_value(np.ones(4))
    assert weighted.compile_logp(mode="FAST_COMPILE")(point) < -1e20
