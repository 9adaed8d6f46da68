"""Errors that all samples of a date share: told from others, learned again, and none of differences on one date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from laid import lay_out
from scipy import stats

from socbayes.inference.fit import fit
from socbayes.models.field import model as field
from socbayes.models.field.draws import Draws
from socbayes.models.field.forecasts import _first_stocks, average, forecast, with_measurement_error
from socbayes.models.field.noise import visits
from socbayes.models.field.occasions import (
    DATES,
    drawn_errors,
    errors_at,
    kinds_by_occasion,
    spreads_of,
)
from socbayes.structures import get

OF_DATE, ERROR = 0.08, 0.03
INPUTS = {"usual": 2.4, "cover": 4.0}
YEARS = 2000.0 + 2.0 * np.arange(10)


def trial(plots=6, years=YEARS, of_date=OF_DATE, seed=3):
    """Plots of two treatments, at rest or rising, all sampled on the same dates; and management."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0.0, of_date, years.size)
    rows = []
    for treatment, rise in (("usual", 0.0), ("cover", 0.25)):
        for number in range(plots):
            level = np.log(50.0 * (1.0 + rise * (1.0 - np.exp(-(years - years[0]) / 12.0)))) + rng.normal(0.0, 0.05)
            logs = level + shared + rng.normal(0.0, ERROR, years.size)
            rows += [
                {"site": "Farm", "plot": f"{treatment} {number}", "treatment": treatment, "year": y, "soc_stock": c}
                for y, c in zip(years, np.exp(logs), strict=True)
            ]
    managed = [
        {"site": "Farm", "treatment": name, "start_year": years[0], "end_year": years[-1], "plant_carbon_input": carbon}
        for name, carbon in INPUTS.items()
    ]
    return pd.DataFrame(rows), pd.DataFrame(managed)


def told(obs):
    data = lay_out(obs, structure=get("icbm"))
    return kinds_by_occasion(data.measured, data.plots.site)


def test_a_kind_tells_errors_of_dates_where_a_site_has_enough_dates_with_several_plots():
    obs, _ = trial(plots=1)
    enough = obs[obs["year"] < YEARS[DATES]]
    assert told(enough) == ["total"]
    assert told(obs[obs["year"] < YEARS[DATES - 1]]) == []
    assert told(obs[obs["treatment"] == "usual"]) == [], "one plot a date"
    staggered = obs.assign(year=obs["year"] + 0.01 * (obs["treatment"] == "cover"))
    assert told(staggered) == [], "dates of their own"
    apart = obs.assign(site=np.where(obs["year"] < YEARS[DATES - 1], "Farm", "Hill"))
    assert told(apart[apart["year"] < YEARS[2 * DATES - 2]]) == [], "no site has enough"
    one = obs[obs["treatment"] == "usual"]
    twice = pd.concat([one, one.assign(soc_stock=one["soc_stock"] + 1.0)], ignore_index=True)
    assert told(twice) == [], "two samples of one plot are no two plots"
    few = enough.assign(microbial_biomass=500.0, bulk_density=1.3, depth_top=0.0, depth_bottom=20.0)
    few.loc[few["year"] > YEARS[1], "microbial_biomass"] = np.nan
    data = lay_out(few, structure=get("mcp"))
    assert data.measured.names == ["total", "microbial"]
    assert kinds_by_occasion(data.measured, data.plots.site) == ["total"]


def test_without_enough_dates_measurements_are_about_what_the_structure_says():
    """No variable, no further term: the density is that of samples independent of one another."""
    obs, management = trial(plots=2, years=YEARS[: DATES - 1])
    model = field.build(obs, management, structure="icbm")
    assert not [name for name in model.named_vars if name.startswith("occasion")]
    assert "occasion" not in model.coords
    given = model.initial_point()
    whole = model.compile_logp(mode="FAST_COMPILE")(given)
    parts = model.compile_logp(vars=model.free_RVs, mode="FAST_COMPILE")(given)
    mean, spread = (_at(model, given, one) for one in _likelihood(model))
    data = lay_out(obs, management, structure=get("icbm"))
    normal = stats.norm.logpdf(data.measured.observed, mean, spread).sum()
    assert whole == pytest.approx(parts + normal, abs=1e-10)


def _likelihood(model):
    return model["log_carbon"].owner.op.dist_params(model["log_carbon"].owner)


def _at(model, point, variable):
    given = {model.rvs_to_values[one]: point[model.rvs_to_values[one].name] for one in model.free_RVs}
    return model.replace_rvs_by_values([variable])[0].eval(given, mode="FAST_COMPILE", on_unused_input="ignore")


@pytest.mark.parametrize("process_noise", [False, True])
def test_errors_of_dates_are_sampled_in_coordinates_that_leave_their_prior(process_noise):
    """Given the rest they are standard normal without walks: what is left is as if they had been integrated out."""
    obs, management = trial(plots=2)
    obs = obs[~((obs["plot"] == "usual 1") & (obs["year"] > 2006.0))].reset_index(drop=True)
    model = field.build(obs, management, structure="icbm", process_noise=process_noise)
    data = lay_out(obs, management, structure=get("icbm"))
    names, place = np.unique(data.measured.occasion.astype(str), return_inverse=True)
    assert model.coords["occasion"] == tuple(names)
    assert names[0] == "Farm, 2000.000, total"
    rng = np.random.default_rng(6)
    point = {name: 0.3 * rng.standard_normal(np.shape(value)) for name, value in model.initial_point().items()}
    others = [one for one in model.free_RVs if one.name not in ("occasion_error", "process_step")]
    rest = model.compile_logp(vars=others, mode="FAST_COMPILE")(point)
    mean, spread = (_at(model, point, one) for one in _likelihood(model))
    errors, width = (_at(model, point, model[name]) for name in ("occasion_error", "occasion_sd"))
    month, plot = data.measured.month, data.measured.plot
    walk = np.zeros((month.size, month.size))
    if process_noise:
        noise, steps, known = (
            _at(model, point, model["process_noise"]),
            _at(model, point, model["process_step"]),
            visits(data),
        )
        walk = (plot[:, None] == plot) * noise**2 * np.minimum(month[:, None], month) / 12.0
        mean = mean - [
            steps[(known.plot == one) & (known.month <= when)].sum() for one, when in zip(plot, month, strict=True)
        ]
    observed, diagonal = data.measured.observed, np.diag(spread**2) + walk
    of_measurements = stats.multivariate_normal(mean, diagonal).logpdf(observed)
    precision = width**-2.0 + np.bincount(place, 1.0 / np.diag(diagonal))
    normal = sum(stats.norm.logpdf(point[name]).sum() for name in point if name == "process_step_told__")
    wanted = (
        rest + of_measurements + normal + stats.norm.logpdf(errors, 0.0, width).sum() - 0.5 * np.log(precision).sum()
    )
    assert model.compile_logp(mode="FAST_COMPILE")(point) == pytest.approx(wanted, abs=1e-8)
    if not process_noise:
        same = place[:, None] == place
        together = stats.multivariate_normal(mean - errors[place], diagonal + width**2 * same).logpdf(observed)
        normal = stats.norm.logpdf(point["occasion_error_told__"]).sum()
        assert wanted == pytest.approx(rest + together + normal, abs=1e-8)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A fit to plots of which each date has an error of its own."""
    model = field.build(*trial(), structure="icbm")
    store = tmp_path_factory.mktemp("occasions") / "run"
    return fit(model, draws=500, tune=500, chains=2, seed=4, store=store, progress=False)


def test_errors_of_dates_are_found_again(fitted):
    posterior = fitted["posterior"].to_dataset()
    drawn = np.random.default_rng(3).normal(0.0, OF_DATE, YEARS.size)
    spread = posterior["occasion_sd"].sel(fraction_by_occasion="total")
    # Of what these ten dates drew, whose spread is itself a draw about 8 %.
    assert abs(float(spread.mean()) - drawn.std()) < 2 * float(spread.std())
    assert abs(float(spread.mean()) - OF_DATE) < 3 * float(spread.std())
    assert float(spread.std()) < 0.3 * drawn.std()
    error = posterior["error"].sel(fraction="total")
    assert abs(float(error.mean()) - ERROR) < 3 * float(error.std())
    low, high = posterior["occasion_error"].quantile([0.015, 0.985], ("chain", "draw")).to_numpy()
    assert ((low < drawn) & (drawn < high)).mean() >= 0.8
    assert fitted.attrs["divergences"] == 0
    assert fitted.attrs["max_r_hat"] < 1.03


def test_effects_of_treatments_are_as_sure_as_before_and_levels_are_not(fitted):
    """A treatment beside another on every date is free of what dates have; the level of both is not."""
    run = forecast(fitted, years=[2018.0], draws=400)
    logs = np.log(run["known"].sel(fraction="total", year=2018.0).to_numpy())
    cover = np.array([name.startswith("cover") for name in run["plot"].to_numpy()])
    apart = logs[:, cover].mean(axis=1) - logs[:, ~cover].mean(axis=1)
    truth = np.log(1.0 + 0.25 * (1.0 - np.exp(-18.0 / 12.0)))
    low, high = np.quantile(apart, [0.01, 0.99])
    # Plots were given levels of their own, with a standard deviation of 5 %.
    assert low - 0.05 < truth < high + 0.05
    assert apart.std() < 0.03
    assert logs.mean(axis=1).std() > 1.2 * ERROR / np.sqrt(12 * YEARS.size)
    observation = forecast(fitted, years=[2018.0], draws=400, parts=True)["known_variance"].sel(part="observation")
    share = np.sqrt(observation.sel(fraction="total") / run["known"].sel(fraction="total").mean("sample") ** 2).mean()
    learned = (run["occasion_sd"] ** 2 + run["error"] ** 2).sel(fraction="total").mean("sample")
    assert float(share) == pytest.approx(float(np.sqrt(learned)), rel=0.05)


def test_measurements_of_one_date_share_its_error_and_differences_are_free_of_it(fitted):
    run = forecast(fitted, years=[2020.0, 2022.0], draws=500)
    assert run["site_of_plot"].to_numpy().tolist() == ["Farm"] * 12
    seen = with_measurement_error(run, seed=2)
    width = float(np.sqrt((run["occasion_sd"].sel(fraction="total") ** 2).mean()))
    each = float(np.sqrt((run["error"].sel(fraction="total") ** 2).mean()))
    logs = (np.log(seen["known"]) - np.log(run["known"])).sel(fraction="total").transpose("sample", "plot", "year")
    error = logs.to_numpy()
    assert error.std() == pytest.approx(np.hypot(width, each), rel=0.1)
    assert error.mean(axis=1).std() == pytest.approx(np.hypot(width, each / np.sqrt(12)), rel=0.1)
    assert (error[:, 0] - error[:, 1]).std() == pytest.approx(each * np.sqrt(2.0), rel=0.1)
    assert abs(np.corrcoef(error[:, 0, 0], error[:, 0, 1])[0, 1]) < 0.2, "another date"
    new = (np.log(seen["new"]) - np.log(run["new"])).sel(fraction="total").transpose("sample", "new_plot", "year")
    assert np.corrcoef(error.mean(axis=1)[:, 0], new.to_numpy()[:, 0, 0])[0, 1] > 0.8, "the same date"
    mixed = average({"a": run, "b": run}, {"a": 1.0, "b": 1.0}, draws=300, seed=1)
    together = np.log(with_measurement_error(mixed)["known"] / mixed["known"]).sel(fraction="total").mean("plot")
    assert float(together.std()) == pytest.approx(width, rel=0.2)
    apart = run.assign_coords(site_of_plot=("plot", ["Farm"] * 6 + ["Hill"] * 6))
    logs = (np.log(with_measurement_error(apart)["known"]) - np.log(run["known"])).sel(fraction="total", year=2020.0)
    halves = logs.transpose("sample", "plot").to_numpy()
    assert abs(np.corrcoef(halves[:, :6].mean(axis=1), halves[:, 6:].mean(axis=1))[0, 1]) < 0.2, "another site"


def known_dates(width=0.08, samples=30_000):
    """Draws of a fit that knows an error of one date."""
    one = np.ones((samples, 1))
    values = {"occasion_sd": width * one, "occasion_error": 0.05 * one, "error": 0.03 * one, "site_stock": 0.0 * one}
    return Draws(
        values, {"fraction": ["total"], "fraction_by_occasion": ["total"], "occasion": ["Farm, 2000.000, total"]}
    )


def test_dates_that_a_fit_knows_have_their_error_and_others_are_drawn_together():
    obs, _ = trial(plots=1, years=np.array([2000.0, 2001.0]))
    data, drawn = lay_out(obs, structure=get("icbm")), known_dates()
    chosen = np.arange(4)
    of_date, spread = errors_at(data, chosen, drawn.values, drawn.labels)
    first = data.measured.month == 0
    np.testing.assert_array_equal(of_date[0], np.where(first, 0.05, 0.0))
    np.testing.assert_array_equal(spread[0], np.where(first, 0.0, 0.08))
    anew = drawn_errors(data.measured.occasion, spread, np.random.default_rng(0))
    np.testing.assert_array_equal(anew[:, first], 0.0)
    later = anew[:, ~first]
    np.testing.assert_array_equal(later[:, 0], later[:, 1])
    assert later.std() == pytest.approx(0.08, rel=0.03)
    without = Draws({"error": drawn.values["error"]}, {"fraction": ["total"]})
    assert not np.any(errors_at(data, chosen, without.values, without.labels))
    assert not drawn_errors(data.measured.occasion, 0.0 * spread, np.random.default_rng(0)).any()
    draws = replace(drawn, labels=drawn.labels | {"fraction": ["total", "microbial"]})
    np.testing.assert_array_equal(spreads_of(draws, ["microbial", "total"])[0], [0.0, 0.08])


def test_plots_that_start_from_totals_of_one_date_share_its_error():
    """Their stocks are those of a normal of which totals of one date are measurements that correlate."""
    obs, _ = trial(plots=2, years=np.array([2010.0, 2012.0]))
    obs = pd.concat([obs, obs.iloc[:1].assign(soc_stock=55.0)], ignore_index=True)
    data, drawn = lay_out(obs, structure=get("icbm")), known_dates()
    past = lay_out(trial(plots=2)[0], structure=get("icbm"))
    values = drawn.values | {"plot_stock_sd": 0.1 * np.ones(30_000)}
    logs, without = _first_stocks(data, past, values, drawn.labels, np.random.default_rng(1))
    assert without == []
    first, centre = data.measured.month == 0, past.measured.site_log_stock[0]
    observed, reads = data.measured.observed[first], np.eye(4)[data.measured.plot[first]]
    covariance = 0.1**2 * reads @ reads.T + 0.08**2 + 0.03**2 * np.eye(5)
    gain = 0.1**2 * reads.T @ np.linalg.inv(covariance)
    np.testing.assert_allclose(logs.mean(axis=0), centre + gain @ (observed - centre), atol=0.003)
    np.testing.assert_allclose(np.cov(logs.T), 0.1**2 * np.eye(4) - 0.1**2 * gain @ reads, atol=2e-4)
    known = drawn.labels | {"occasion": [data.measured.occasion[first][0]]}
    told, _ = _first_stocks(data, past, values, known, np.random.default_rng(1))
    covariance -= 0.08**2
    gain = 0.1**2 * reads.T @ np.linalg.inv(covariance)
    np.testing.assert_allclose(told.mean(axis=0), centre + gain @ (observed - 0.05 - centre), atol=0.003)
