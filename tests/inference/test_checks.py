"""Checks pass on a sound fit, fail on an unsound one, and never crash."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from socbayes.inference.checks import check


@pytest.fixture(scope="module")
def checks(toy_fit):
    return check(toy_fit[0])


def test_a_sound_fit_passes_every_gate(checks):
    assert checks.passed
    assert not checks.failures
    for name in ("convergence", "divergences", "energy"):
        assert checks[name].passed is True


def test_every_check_says_something_and_shows_it(checks):
    for name, result in checks.items():
        assert "not run" not in result.text.lower(), f"{name}: {result.text}"
        assert result.text.endswith(".")
        assert isinstance(result.table, pd.DataFrame)
        assert len(result.table)
        if result.figure is not None:
            assert isinstance(result.figure(), Figure)


def test_group_means_lie_where_the_model_puts_them(checks):
    assert len(checks["study_means"].table) == 8
    assert checks["study_means"].table["inside"].mean() > 0.8


def test_loo_is_near_the_density_of_the_true_model(checks):
    # 48 values with a scatter of 0.5: each scores about -0.5 log(2 pi e) - log(0.5).
    expected = 48 * (-0.5 * np.log(2 * np.pi * np.e) - np.log(0.5))
    assert checks["loo"].table["elpd"].iloc[0] == pytest.approx(expected, abs=15)


def broken(toy_fit):
    """The fit with one chain moved away and one divergence."""
    tree = toy_fit[0].copy(deep=True)
    moved = tree["posterior/mean"].copy(deep=True)
    moved[2] = moved[2] + 9.0
    tree["posterior/mean"] = moved
    diverging = tree["sample_stats/diverging"].copy(deep=True)
    diverging[0, 3] = True
    tree["sample_stats/diverging"] = diverging
    return tree


def test_an_unsound_fit_fails_its_gates(toy_fit):
    checks = check(broken(toy_fit))
    assert not checks.passed
    assert checks["convergence"].passed is False
    assert "mean" in checks["convergence"].text
    assert checks["divergences"].passed is False
    assert checks["energy"].passed is True


def test_predictions_that_miss_are_reported(toy_fit):
    tree = toy_fit[0].copy(deep=True)
    tree["observed_data/value"] = tree["observed_data/value"] * 3.0
    assert "MISSES" in check(tree)["posterior_predictive"].text


def test_a_part_of_a_fit_is_checked_as_far_as_it_goes(toy_fit):
    tree = toy_fit[0].copy(deep=True)
    for name in ("log_likelihood", "log_prior", "posterior_predictive", "prior_predictive"):
        del tree[name]
    checks = check(tree)
    assert checks["convergence"].passed is True
    for name in ("loo", "posterior_predictive", "prior_sensitivity"):
        assert checks[name].passed is None
        assert "not run" in checks[name].text.lower()
