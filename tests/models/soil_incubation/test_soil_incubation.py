"""The two-pool incubation model: its equations, its priors, and the posterior it must find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import expm

from socbayes.datasets import load_dataset
from socbayes.errors import EmptyTableError, SocbayesError, UnknownNameError
from socbayes.inference.finish import PLAIN
from socbayes.inference.fit import fit
from socbayes.models import soil_incubation
from socbayes.models.soil_incubation.model import PARAMETERS
from socbayes.spec import spec_of

NAMES = (*PARAMETERS, "sigma")
PRIORS = {name: stats.halfnorm() for name in ("k1", "k2", "alpha12", "alpha21")} | {"gamma": stats.beta(10, 1)}


@pytest.fixture(scope="module")
def table():
    return load_dataset("soil_incubation_cumulative")


@pytest.fixture(scope="module")
def model(table):
    return soil_incubation.build(table)


@pytest.fixture(scope="module")
def drawn(model):
    """Draws of the prior: coordinates, and the parameters computed back from them."""
    import pymc as pm

    tree = pm.sample_prior_predictive(2000, model=model, random_seed=3, compile_kwargs=PLAIN)
    return tree["prior"].to_dataset().isel(chain=0, drop=True)


def pools(parameters, days, total: float) -> np.ndarray:
    """Carbon of both pools by the matrix exponential, shape (day, 2)."""
    k1, k2, alpha12, alpha21, gamma = parameters
    system = np.array([[-k1, alpha12 * k2], [alpha21 * k1, -k2]])
    return np.array([expm(system * day) @ [total * gamma, total * (1 - gamma)] for day in days])


def respired(parameters, days, total: float) -> np.ndarray:
    return total - pools(parameters, days, total).sum(axis=1)


@pytest.mark.parametrize("name", PRIORS)
def test_priors_are_the_stated_ones(drawn, name):
    """Drawn through the coordinates and back: the transformation is one-to-one."""
    assert stats.kstest(drawn[name], PRIORS[name].cdf).pvalue > 1e-3


def test_parameters_are_independent_a_priori(drawn):
    ranks = stats.spearmanr(np.column_stack([drawn[name] for name in PRIORS])).statistic
    assert np.abs(ranks - np.eye(len(PRIORS))).max() < 0.1


def test_log_density_is_that_of_the_priors(model, drawn):
    """A density that integrates to one: the mean of its ratio to that of a known distribution is one.

    Estimated with a kernel-free identity: under draws z of the density p, the mean of q(z) / p(z) is one for any
    normalised q. q is normal, narrower than the draws.
    """
    z = drawn["coordinates"].to_numpy()
    log_density = model.compile_logp(vars=[model["coordinates"]], **{"mode": PLAIN["mode"]})
    point = model.initial_point()
    log_p = np.array([float(log_density(point | {"coordinates": row})) for row in z])
    centre = np.median(z, axis=0)
    spread = 0.6 * (np.quantile(z, 0.84, axis=0) - np.quantile(z, 0.16, axis=0)) / 2
    log_q = stats.norm(centre, spread).logpdf(z).sum(axis=1)
    ratio = np.exp(log_q - log_p)
    assert ratio.mean() == pytest.approx(1.0, abs=5 * ratio.std() / np.sqrt(ratio.size))
    assert ratio.std() / np.sqrt(ratio.size) < 0.1


def test_cumulative_co2_is_that_of_the_matrix_exponential(model, drawn, table):
    import pytensor

    mean = model["cumulative_co2"].owner.inputs[2]
    evaluate = pytensor.function([model["coordinates"]], mean, **PLAIN)
    days, compared = table["incubation_day"].to_numpy(), 0
    for number in range(60):
        draw = drawn.isel(draw=number)
        if float(draw["slow_rate"]) < -0.2:
            continue  # explodes beyond what two exponentials of either kind can agree on
        expected = respired([float(draw[name]) for name in PARAMETERS], days, 7.7)
        np.testing.assert_allclose(evaluate(draw["coordinates"].to_numpy()), expected, rtol=1e-6, atol=1e-6)
        compared += 1
    assert compared > 30


def test_equations_are_those_of_the_structure():
    """The structure of the core, in days, without input, for shares that it allows."""
    from socbayes.core import integrate
    from socbayes.structures import get

    parameters = (0.4, 0.08, 0.3, 0.6, 0.9)
    k1, k2, alpha12, alpha21, gamma = parameters
    run = integrate(
        get("two_pool_feedback"),
        [7.7 * gamma, 7.7 * (1 - gamma)],
        {"k_fast": k1, "k_slow": k2, "fast_to_slow": alpha21, "slow_to_fast": alpha12},
        {"carbon_input": 0.0},
        times=[0, 5, 20, 40],
        steps=20,
    )
    state = run.eval(mode=PLAIN["mode"])[:, 0, :2]
    np.testing.assert_allclose(state, pools(parameters, [0.0, 5.0, 20.0, 40.0], 7.7), rtol=1e-6)


@pytest.fixture(scope="module")
def incubation_fit(model, tmp_path_factory):
    return fit(model, seed=5, store=tmp_path_factory.mktemp("incubation"), draws=1000, progress=False)


def test_random_starts_agree(incubation_fit):
    assert incubation_fit.attrs["max_r_hat"] <= 1.01
    assert incubation_fit.attrs["min_ess_bulk"] >= 400
    assert incubation_fit.attrs["divergences"] == 0


def log_prior(points: np.ndarray) -> np.ndarray:
    """Stated priors of (log k1, log k2, log alpha12, log alpha21, logit gamma, log sigma), up to a constant."""
    squares = (np.exp(points[:, :4]) ** 2).sum(axis=1)
    share = -10 * np.logaddexp(0, -points[:, 4]) - np.logaddexp(0, points[:, 4])
    return points[:, :4].sum(axis=1) - squares / 2 + share + points[:, 5] - np.log1p(np.exp(2 * points[:, 5]))


def log_likelihood(points: np.ndarray, days: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Likelihood at the same points, with the solution written in rates of growth; shape (point,)."""
    k1, k2, alpha12, alpha21 = np.exp(points[:, :4]).T
    gamma, log_sigma = 1 / (1 + np.exp(-points[:, 4])), points[:, 5]
    half = np.sqrt((k1 - k2) ** 2 / 4 + alpha12 * alpha21 * k1 * k2)
    middle = -(k1 + k2) / 2
    slope = -k1 * gamma * (1 - alpha21) - k2 * (1 - gamma) * (1 - alpha12)
    with np.errstate(all="ignore"):
        grow, fall = np.exp((middle + half)[:, None] * days), np.exp((middle - half)[:, None] * days)
        left = (grow + fall) / 2 + ((slope - middle) / half)[:, None] * (grow - fall) / 2
        error = ((values - 7.7 * (1 - left)) ** 2).sum(axis=1)
        likelihood = -values.size * log_sigma - error * np.exp(-2 * log_sigma) / 2
    return np.where(np.isfinite(likelihood), likelihood, -1e300)


def tempered_population(days: np.ndarray, values: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Sequential Monte Carlo from the prior to the posterior, in the plain parameters; shape (size, 6)."""
    rng = np.random.default_rng(seed)
    gamma = stats.beta(10, 1).rvs(size, random_state=rng)
    plain = np.log(np.abs(rng.standard_normal((size, 4))))
    points = np.column_stack([plain, stats.logistic.ppf(gamma), np.log(np.abs(rng.standard_cauchy(size)))])
    likelihood, prior, heat = log_likelihood(points, days, values), log_prior(points), 0.0

    def effective(step: float) -> float:
        weights = np.exp(step * (likelihood - likelihood.max()))
        return weights.sum() ** 2 / (weights**2).sum()

    while heat < 1:
        step = 1 - heat
        while effective(step) < 0.6 * size:
            step *= 0.9
        heat = min(1.0, heat + step)
        weights = np.exp(step * (likelihood - likelihood.max()))
        kept = rng.choice(size, size, p=weights / weights.sum())
        points, likelihood, prior = points[kept], likelihood[kept], prior[kept]
        root = np.linalg.cholesky(np.cov(points.T)) * 2.4 / np.sqrt(6)
        for move in range(20 if heat < 1 else 400):
            if move % 2:
                first, second = points[rng.integers(size, size=(2, size))]
                proposal = points + 0.7 * (first - second) + 1e-4 * rng.standard_normal(points.shape)
            else:
                lengths = 10 ** -(1.5 * rng.random((size, 1)))
                proposal = points + lengths * (rng.standard_normal(points.shape) @ root.T)
            proposed_prior, proposed = log_prior(proposal), log_likelihood(proposal, days, values)
            gain = proposed_prior - prior + heat * (proposed - likelihood)
            accepted = np.log(rng.random(size)) < gain
            points[accepted], prior[accepted] = proposal[accepted], proposed_prior[accepted]
            likelihood[accepted] = proposed[accepted]
    return np.column_stack([np.exp(points[:, :4]), 1 / (1 + np.exp(-points[:, 4])), np.exp(points[:, 5])])


def test_posterior_is_that_of_another_sampler_in_the_plain_parameters(incubation_fit, table):
    """A tempered population: no coordinates, no gradient, another formula of the solution."""
    days, values = table["incubation_day"].to_numpy(), table["cumulative_co2"].to_numpy() / 1000
    draws = tempered_population(days, values, size=10000, seed=1)
    posterior = incubation_fit["posterior"].to_dataset()[list(NAMES)].stack(sample=("chain", "draw"))
    natural = posterior.to_array().transpose("sample", ...).to_numpy()
    spread = draws.std(axis=0)
    np.testing.assert_allclose((natural.mean(axis=0) - draws.mean(axis=0)) / spread, 0.0, atol=0.15)
    np.testing.assert_allclose(natural.std(axis=0), spread, rtol=0.12)
    # Shares below a value, and not quantiles, which jump where the posterior is thin between two ridges.
    for one, other in zip(natural.T, draws.T, strict=True):
        assert stats.ks_2samp(one, other).statistic < 0.06
    # The first pool may be the faster or the slower one: both in the same proportion.
    assert (natural[:, 0] > natural[:, 1]).mean() == pytest.approx((draws[:, 0] > draws[:, 1]).mean(), abs=0.06)


def test_wrong_tables_are_refused(table):
    with pytest.raises(EmptyTableError):
        soil_incubation.build(table.iloc[:0])
    with pytest.raises(SocbayesError, match="of one soil"):
        soil_incubation.build(pd.concat([table, table.assign(study="Another")]))
    with pytest.raises(SocbayesError, match="cumulative_co2"):
        soil_incubation.build(table.assign(cumulative_co2=np.nan))
    with pytest.raises(UnknownNameError, match="alpha21"):
        soil_incubation.build(table, priors={"alpha_21": ("HalfNormal", {"sigma": 0.5})})
    with pytest.raises(SocbayesError, match="prior of alpha21 must cover"):
        soil_incubation.build(table, priors={"alpha21": ("Beta", {"alpha": 2.0, "beta": 2.0})})


def test_specification_says_what_is_odd_about_the_data(model):
    assert "exceed the carbon at the start" in spec_of(model).notes[0]
    assert set(soil_incubation.QUANTITIES) <= set(model.named_vars)
