"""Noise of the process of field plots: learned where it is, pinned where plots were visited, growing after."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from laid import lay_out
from scipy import stats

from socbayes.inference.fit import fit
from socbayes.models.field import model as field
from socbayes.models.field.forecasts import forecast
from socbayes.models.field.noise import Visits, visits, walks
from socbayes.structures import get

NOISE, ERROR = 0.05, 0.03
PLOTS, VISITS = 8, 7


@pytest.fixture(scope="module")
def plots():
    """Plots whose carbon walks about a level that their input holds."""
    rng = np.random.default_rng(8)
    years = 2000.0 + 2.0 * np.arange(VISITS)
    rows = []
    for plot in range(PLOTS):
        walk = np.cumsum(rng.normal(0.0, NOISE * np.sqrt(2.0), VISITS))
        logs = np.log(50.0) + walk - walk[0] + rng.normal(0.0, ERROR, VISITS)
        rows += [
            {"site": "Farm", "plot": f"P{plot}", "year": y, "soc_stock": c}
            for y, c in zip(years, np.exp(logs), strict=True)
        ]
    management = {"site": ["Farm"], "start_year": [2000.0], "end_year": [2014.0], "plant_carbon_input": [3.5]}
    return pd.DataFrame(rows), pd.DataFrame(management)


@pytest.fixture(scope="module")
def fitted(plots, tmp_path_factory):
    # The laboratory knows its error: with few plots it is hardly told from noise.
    error = {"error_total": ("LogNormal", {"mu": float(np.log(ERROR)), "sigma": 0.1})}
    model = field.build(*plots, structure="icbm", process_noise=True, priors=error)
    store = tmp_path_factory.mktemp("noise") / "run"
    return fit(model, draws=800, tune=700, chains=2, seed=4, store=store, progress=False)


def test_noise_is_found_again_and_makes_forecasts_less_sure_with_time(fitted):
    noise = fitted["posterior"]["process_noise"]
    assert abs(float(noise.mean()) - NOISE) < 3 * float(noise.std())
    assert float(noise.std()) < 0.02
    assert fitted["posterior"]["process_step"].sizes["visit"] == PLOTS * (VISITS - 1)
    assert fitted.attrs["max_r_hat"] < 1.02
    assert fitted.attrs["divergences"] == 0
    future = forecast(fitted, years=[2012.0, 2016.0, 2028.0], draws=400, parts=True)
    shares = future["known_variance"].sel(fraction="total").mean("plot")
    by_noise = shares.sel(part="process noise").to_numpy()
    # At the last visit the walk is known to the error of measuring; years later it is not.
    assert by_noise[0] < 0.03 * by_noise[2]
    level = future["known"].sel(fraction="total").mean().item()
    for k, years in ((1, 4.0), (2, 16.0)):
        assert np.sqrt(by_noise[k]) == pytest.approx(level * float(noise.mean()) * np.sqrt(years), rel=0.35)
    of_stock = shares.drop_sel(part="observation").sum("part")
    np.testing.assert_allclose(of_stock, future["known"].sel(fraction="total").var("sample").mean("plot"))
    # A plot that nobody visited has walked since the others began.
    new = future["new_variance"].sel(fraction="total", part="process noise").to_numpy()
    assert (np.diff(new[0]) > 0).all()
    assert new[0, 0] > 10.0 * by_noise[0]


def test_expected_carbon_has_the_steps_so_far(plots):
    """With and without steps, expected logs differ by the sum of the steps up to each measurement."""
    model = field.build(*plots, structure="icbm", process_noise=True)
    expected = model["log_carbon"].owner.op.dist_params(model["log_carbon"].owner)[0]
    size = PLOTS * (VISITS - 1)
    steps = np.random.default_rng(1).normal(size=size)
    point = {v: np.full(v.shape.eval(), 0.1) for v in model.free_RVs}
    walked, still = (
        expected.eval({**point, model["process_step"]: value}, mode="FAST_COMPILE", on_unused_input="ignore")
        for value in (steps, np.zeros(size))
    )
    sums = np.concatenate([np.zeros((PLOTS, 1)), np.cumsum(steps.reshape(PLOTS, -1), axis=1)], axis=1)
    np.testing.assert_allclose(walked - still, sums.ravel(), atol=1e-12)


def test_given_the_rest_steps_are_sampled_as_standard_normals(plots):
    """And the density of what is left is that of the measurements without steps, with covariance that they make."""
    obs, management = plots
    uneven = obs[~((obs["plot"] == "P1") & (obs["year"] > 2005.0))]
    twice = pd.concat([uneven, uneven[uneven["year"] == 2004.0].assign(soc_stock=51.0)], ignore_index=True)
    model = field.build(twice, management, structure="icbm", process_noise=True)
    rng = np.random.default_rng(6)
    point = {name: 0.3 * rng.standard_normal(np.shape(value)) for name, value in model.initial_point().items()}
    sampled = "process_step_told__"
    others = [variable for variable in model.free_RVs if variable.name != "process_step"]
    everything = model.compile_logp(mode="FAST_COMPILE")
    rest = model.compile_logp(vars=others, mode="FAST_COMPILE")(point)

    def at(point, *variables):
        given = {model.rvs_to_values[v]: point[model.rvs_to_values[v].name] for v in model.free_RVs}
        graphs = model.replace_rvs_by_values(variables)
        return [graph.eval(given, mode="FAST_COMPILE", on_unused_input="ignore") for graph in graphs]

    likelihood = model["log_carbon"].owner.op.dist_params(model["log_carbon"].owner)
    mean, spread, steps, noise = at(point, *likelihood, model["process_step"], model["process_noise"])
    data = lay_out(twice, management, None, structure=get("icbm"))
    known = visits(data)
    walked = np.zeros(mean.size)
    covariance = np.diag(spread**2)
    for place in range(mean.size):
        before = (known.plot == data.measured.plot[place]) & (known.month <= data.measured.month[place])
        walked[place] = steps[before].sum()
        same = data.measured.plot == data.measured.plot[place]
        covariance[place] += same * noise**2 * np.minimum(data.measured.month, data.measured.month[place]) / 12.0
    without_steps = stats.multivariate_normal(mean - walked, covariance).logpdf(data.measured.observed)
    for _ in range(3):
        point[sampled] = rng.standard_normal(point[sampled].shape)
        normal = stats.norm.logpdf(point[sampled]).sum()
        assert everything(point) == pytest.approx(rest + without_steps + normal, abs=1e-8)
    np.testing.assert_allclose(at(model.initial_point(), model["process_step"])[0], 0.0, atol=1e-12)


def test_visits_are_of_plots_in_turn_without_their_first():
    data = SimpleNamespace(
        measured=SimpleNamespace(
            month=np.array([24, 0, 12, 12, 0, 6]), plot=np.array([0, 0, 0, 0, 1, 1]), row=np.array([2, 0, 1, 1, 3, 4])
        )
    )
    known = visits(data)
    assert known.plot.tolist() == [0, 0, 1]
    assert known.month.tolist() == [12, 24, 6]
    assert known.years.tolist() == [1.0, 1.0, 0.5]
    assert visits(data, rows=2).month.tolist() == [12]


def test_walks_go_through_visits_and_are_brownian_between_and_after():
    known = Visits(np.array([0, 0, 1]), np.array([12, 36, 12]))
    size = 40_000
    steps = np.tile([0.1, -0.3, 5.0], (size, 1))
    values = {"process_noise": np.full(size, 0.2), "process_step": steps}
    month = np.array([[-6, 0, 12, 24, 36, 60]] * 2)
    drawn = walks(known, values, np.array([0, -1]), month, np.random.default_rng(0))
    mean, variance = drawn.mean(axis=0), drawn.var(axis=0)
    np.testing.assert_allclose(mean[0], [0.0, 0.0, 0.1, -0.05, -0.2, -0.2], atol=0.005)
    np.testing.assert_allclose(variance[0], [0.0, 0.0, 0.0, 0.04 / 2, 0.0, 0.04 * 2], atol=0.002)
    np.testing.assert_allclose(variance[1], 0.04 * np.array([0, 0, 1, 2, 3, 5]), atol=0.004)
    # A path, not points: what has walked stays.
    assert np.cov(drawn[:, 1, 3], drawn[:, 1, 5])[0, 1] == pytest.approx(0.04 * 2, abs=0.003)
