"""Scores are what they are published to be."""

from __future__ import annotations

import numpy as np
import pytest

from socbayes.errors import SocbayesError
from socbayes.inference.scores import covered, crps, log_mean_exp, ranked, stacking_weights


def test_crps_of_a_normal_forecast_is_the_published_one():
    """Gneiting and Raftery 2007: 2 phi(0) - 1 / sqrt(pi) standard deviations for an observation at the mean."""
    draws = np.random.default_rng(1).normal(3.0, 2.0, size=(200_000, 1))
    expected = 2.0 * (2.0 / np.sqrt(2.0 * np.pi) - 1.0 / np.sqrt(np.pi))
    assert crps(draws, np.array([3.0]))[0] == pytest.approx(expected, rel=0.01)


def test_stacking_finds_the_best_mixture():
    """No model, weighing nothing or something, would raise the score by weighing more."""
    rng = np.random.default_rng(2)
    densities = {name: rng.normal(mean, 1.0, 200) for name, mean in (("a", -1.0), ("b", -1.2), ("c", -4.0))}
    found = np.array(list(stacking_weights(densities).values()))
    density = np.exp(np.stack(list(densities.values()), axis=1))
    deserved = (density / (density @ found)[:, None]).mean(axis=0)
    assert found.sum() == pytest.approx(1.0)
    assert ((found > 0.01) & (found < 0.99)).sum() == 2
    np.testing.assert_allclose(deserved[found > 0.01], 1.0, atol=1e-4)
    assert (deserved <= 1.0 + 1e-4).all()


def test_a_model_that_is_worse_everywhere_weighs_nothing():
    density = np.random.default_rng(3).normal(size=50)
    assert stacking_weights({"good": density, "bad": density - 1.0})["bad"] < 1e-6


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(4)
    inside = covered(rng.normal(size=(2000, 3000)), rng.normal(size=3000)).mean(axis=0)
    np.testing.assert_allclose(inside, (0.5, 0.89), atol=0.03)


def test_mean_density_survives_underflow():
    assert log_mean_exp(np.array([-2000.0, -2000.0])) == pytest.approx(-2000.0)


def test_differences_are_paired():
    """Two models that err together differ by less than each is uncertain."""
    density = np.random.default_rng(5).normal(-1.0, 2.0, size=100)
    table = ranked({"a": density, "b": density - 0.1}, {})
    assert table.loc["b", "elpd_difference"] == pytest.approx(-10.0)
    assert table.loc["b", "elpd_difference_se"] < 1e-9 < table.loc["b", "elpd_se"]


def test_models_scored_on_different_parts_are_refused():
    with pytest.raises(SocbayesError, match="same measurements"):
        ranked({"a": np.zeros(2), "b": np.zeros(3)}, {})
