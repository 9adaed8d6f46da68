"""Inputs from yields at sites: each has the error of a study of its own, which says nothing of the next site."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import socbayes as sb
from socbayes.models.field import layout
from socbayes.models.field.crops import carbon_left
from socbayes.models.field.draws import Draws, fitted_to, new_plots, readings_of
from socbayes.models.field.effects import log_factors, of_known_plots
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged
from socbayes.structures.roots import ROOTS

YEARS = (1960.0, 1975.0, 1990.0, 2005.0, 2020.0)
SITES = ("East", "North", "South", "West")
TRUE = np.array([1.6, -1.4, 0.6, 0.0])
SEEN_ONCE = "West"
SURE = ("LogNormal", {"mu": -4.6, "sigma": 0.2})
TYPICAL = carbon_left("winter wheat", 5.0)


def samples(sites=SITES, **columns) -> pd.DataFrame:
    rows = [{"site": site, "plot": f"{site} {k}", "year": year, "soc_stock": 50.0}
            for site in sites for k in (1, 2) for year in YEARS]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def whole(sites) -> pd.DataFrame:
    """Of so deep a layer that all roots are in it."""
    return samples(sites, depth_top=0.0, depth_bottom=500.0)


def management(sites=SITES, **columns) -> pd.DataFrame:
    usual = {"start_year": YEARS[0], "end_year": YEARS[-1], "crop": "winter wheat", "yield_dry_matter": 5.0}
    return pd.DataFrame([{"site": site} | usual | columns for site in sites])


def laid(obs, table, **choices) -> layout.Layout:
    return layout.lay_out(judged(obs, table), setup_of("icbm"), **choices)


@cache
def simulated() -> pd.DataFrame:
    """Stocks of sites that start alike and get more or less than their yields say."""
    obs = samples()
    data = laid(obs, management())
    plots = len(data.plots.labels)
    values = {
        "input_level": np.zeros(1),
        "site_input": TRUE[None],
        "site_stock": np.zeros((1, len(SITES))),
        "rate_constant": np.zeros((1, 2)),
        "log_share": np.log(np.broadcast_to([0.1, 0.9], (1, len(SITES), 2))),
        "log_initial_stock": np.full((1, plots), np.log(50.0)),
        "root_humified": np.full(1, ROOTS.humified),
    }
    measured = data.measured
    logs = readings_of(data, of_known_plots(data, values, 1), np.arange(measured.row.size))[0]
    logs = logs + 0.01 * np.random.default_rng(3).standard_normal(logs.size)
    stock = obs["soc_stock"].to_numpy().copy()
    stock[measured.row] = np.exp(logs)
    obs = obs.assign(soc_stock=stock)
    return obs[(obs["site"] != SEEN_ONCE) | (obs["year"] == YEARS[0])]


@pytest.fixture(scope="module")
def peak():
    """Peak of the density and the spread about it: most of the time of a sampler would be its compilation."""
    model = sb.models.field.build(
        simulated(),
        management(),
        structure="icbm",
        priors={
            "rate_constant": ("Normal", {"mu": 0.0, "sigma": 0.01}),
            "site_rate_sd": SURE,
            "plot_input_sd": SURE,
            "plot_stock_sd": SURE,
            "site_departure_sd": ("LogNormal", {"mu": -1.6, "sigma": 0.2}),
            "plot_departure_sd": SURE,
        },
        until=YEARS[-1],
    )
    density = model.logp_dlogp_function(ravel_inputs=True)
    density.set_extra_values({})
    start = [np.ravel(value) for value in model.initial_point().values()]

    def upside_down(place: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = density(place)
        return -float(value), -np.asarray(slope)

    found = optimize.minimize(upside_down, np.concatenate(start), jac=True, method="BFGS", options={"gtol": 1e-3})
    assert np.abs(found.jac).max() < 0.1
    steps = 1e-4 * np.eye(found.x.size)
    curved = np.array([upside_down(found.x + one)[1] - upside_down(found.x - one)[1] for one in steps]) / 2e-4
    assert (np.linalg.eigvalsh((curved + curved.T) / 2) > 0).all()
    inputs = model.compile_fn(
        model.replace_rvs_by_values([model["site_input"]]), inputs=model.value_vars, mode="FAST_COMPILE",
        on_unused_input="ignore",
    )  # fmt: skip
    ends = np.cumsum([one.size for one in start])[:-1]

    def site_inputs(place: np.ndarray) -> np.ndarray:
        parts = zip(model.initial_point().items(), np.split(place, ends), strict=True)
        return inputs({name: part.reshape(np.shape(value)) for (name, value), part in parts})[0]

    slopes = np.array([site_inputs(found.x + one) - site_inputs(found.x - one) for one in steps]).T / 2e-4
    return site_inputs(found.x), slopes @ np.linalg.inv((curved + curved.T) / 2) @ slopes.T


def test_sites_are_recovered_and_one_without_news_keeps_the_spread_of_studies(peak):
    mean, covariance = peak
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(mean - TRUE)[:3] < 3 * spread[:3]).all()
    assert (spread[:3] < 0.7).all()
    assert mean[0] - mean[1] > 1.5
    assert abs(mean[3]) < 0.05
    assert spread[3] == pytest.approx(1.0, abs=0.01)
    # Sites tell one another apart better than what all have in common.
    assert covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1] < spread[0] ** 2


def test_inputs_of_a_new_site_are_those_of_a_new_study():
    """Once learned, only what all studies have in common is narrower than before."""
    obs = pd.concat([simulated(), samples(["Mine"])], ignore_index=True)
    data = laid(obs, management([*SITES, "Mine"]))
    count, rng = 4000, np.random.default_rng(4)
    learned = {
        "input_level": 0.1 * rng.standard_normal(count),
        "site_input": TRUE + [0.2, 0.2, 0.2, 1.0] * rng.standard_normal((count, len(SITES))),
        "site_stock": np.zeros((count, len(SITES))),
        "site_rate": np.zeros((count, len(SITES))),
        "site_rate_sd": np.full(count, 0.01),
        "rate_constant": np.zeros((count, 2)),
        "site_departure_sd": np.full(count, 0.2),
        "initial_share": np.full((count, len(SITES), 2), 0.5),
        "plot_input_sd": np.full(count, 0.01),
        "root_humified": np.full(count, ROOTS.humified),
    }
    labels = {"site": list(SITES), "plot": data.plots.labels, "treatment": data.plots.treatments}
    values, strangers = fitted_to(data, Draws(learned, labels | {"departing_pool": ["young"]}), rng)
    assert strangers == ["Mine"]
    factor = log_factors(data, values)["plant"][..., 0]
    sites = np.array(data.plots.sites)[data.plots.site]
    spread = {site: factor[:, sites == site][:, 0].std() for site in ("Mine", "East")}
    level, study = values["input_level"].std(), data.forcing.study_error[sites == "Mine"][0]
    assert study > float(TYPICAL.study)
    assert spread["Mine"] == pytest.approx(np.hypot(level, study), rel=0.05)
    assert spread["East"] < 0.6 * spread["Mine"]
    # A further plot of the new site has what its site has.
    both = new_plots(data, values, 1, np.flatnonzero(sites == "Mine"), np.random.default_rng(5))["plant"][..., 0]
    assert np.corrcoef(both.T)[0, 1] > 0.95
    drawn = (factor[:, sites == "Mine"][:, 0] - values["input_level"]) / study
    assert stats.kstest(drawn, "norm").pvalue > 0.01


def test_before_any_data_an_input_has_the_error_of_a_new_study():
    import pymc as pm

    with sb.models.field.build(whole(["Farm"]), management(["Farm"]), structure="icbm"):
        prior = pm.sample_prior_predictive(4000, var_names=["input_level", "site_input"], random_seed=6).prior
    log_input = (prior["input_level"] + float(TYPICAL.study) * prior["site_input"][..., 0]).to_numpy().ravel()
    assert log_input.std() == pytest.approx(float(TYPICAL.error), rel=0.04)


def test_sums_that_samples_tell_leave_inputs_of_sites_their_priors():
    """Sampled is a site's input with all else that its samples tell; of one with first stocks alone, its input."""
    model = sb.models.field.build(simulated(), management(), structure="icbm", until=YEARS[-1])
    sums = [model["site_input_shifted"], model["input_level_shifted"]]
    density = model.compile_logp(vars=sums, sum=False, mode="FAST_COMPILE")
    asked = [model["site_input"], model["site_input_shifted"], model["input_level"]]
    given = model.compile_fn(model.replace_rvs_by_values(asked), inputs=model.value_vars, mode="FAST_COMPILE",
                             on_unused_input="ignore")  # fmt: skip
    rng = np.random.default_rng(2)
    point = {name: value + 0.3 * rng.standard_normal(np.shape(value)) for name, value in model.initial_point().items()}
    sites, sampled, level = given(point)
    of_sites, of_level = density(point)
    np.testing.assert_allclose(of_sites, stats.norm.logpdf(sites), rtol=1e-7)
    assert of_level == pytest.approx(stats.norm.logpdf(level, 0.0, round(float(TYPICAL.common), 3)), rel=1e-7)
    moved = np.abs(sites - sampled)
    assert moved[SITES.index(SEEN_ONCE)] == 0.0
    assert (np.delete(moved, SITES.index(SEEN_ONCE)) > 0.01).all()


def test_stated_inputs_have_no_error_of_their_site():
    stated = laid(whole(SITES), management(plant_carbon_input=2.0))
    assert not stated.forcing.study_error.any()
    assert np.isnan(stated.forcing.level_error)
    model = sb.models.field.build(whole(SITES), management(plant_carbon_input=2.0), structure="icbm")
    assert "site_input" not in model.named_vars
    mixed = pd.concat([management(SITES[:1]), management(SITES[1:], plant_carbon_input=2.0)], ignore_index=True)
    data = laid(whole(SITES), mixed)
    of_yields = np.array(data.plots.sites)[data.plots.site] == SITES[0]
    np.testing.assert_allclose(data.forcing.study_error, np.where(of_yields, float(TYPICAL.study), 0.0))


def test_a_plot_without_management_has_the_error_of_those_whose_inputs_it_gets():
    data = laid(whole(["Farm"]), management(["Farm"], plot="Farm 1"))
    np.testing.assert_allclose(data.forcing.study_error, float(TYPICAL.study))


def test_a_fit_of_stated_inputs_gives_a_new_site_with_yields_its_error():
    rng = np.random.default_rng(7)
    values = {
        "input_level": np.zeros(2000),
        "site_stock": np.zeros((2000, 1)),
        "rate_constant": np.zeros((2000, 2)),
        "site_departure_sd": np.full(2000, 0.4),
        "initial_share": np.full((2000, 1, 2), 0.5),
    }
    posterior = sb.models.field.build(
        whole(["Farm"]), management(["Farm"], plant_carbon_input=2.0), structure="icbm"
    ).coords
    table = pd.concat([management(["Farm"], plant_carbon_input=2.0), management(["Mine"])], ignore_index=True)
    data = laid(whole(["Farm", "Mine"]), table)
    draws = Draws(values, {name: list(map(str, labels)) for name, labels in posterior.items()})
    more, _ = fitted_to(data, draws, rng)
    spread = log_factors(data, more)["plant"][..., 0].std(axis=0)
    mine = np.array(data.plots.sites)[data.plots.site] == "Mine"
    np.testing.assert_array_equal(spread[~mine], 0.0)
    assert spread[mine] == pytest.approx(float(TYPICAL.study), rel=0.06)
