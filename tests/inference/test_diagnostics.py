"""A fit that did not converge says so; a good one is let through."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from socbayes.inference.diagnostics import banner, convergence_table, gate


@pytest.fixture
def good(rng):
    return rng.standard_normal((4, 1000))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_good_draws_pass(tree, good, rng):
    fitted = tree(a=good, b=rng.standard_normal((4, 1000)))
    assert gate(fitted)
    assert fitted.attrs["converged"] == 1
    assert fitted.attrs["max_r_hat"] < 1.01
    assert fitted.attrs["min_ess_bulk"] > 400
    assert banner(fitted) == ""


def test_a_chain_elsewhere_is_named_and_loud(tree, good, caplog):
    shifted = good.copy()
    shifted[2] += 5.0
    fitted = tree(fine=good, stuck=shifted)
    with caplog.at_level(logging.ERROR, logger="socbayes"):
        assert not gate(fitted)
    assert fitted.attrs["converged"] == 0
    failures = json.loads(fitted.attrs["failures"])
    assert any("r_hat" in line and "stuck" in line for line in failures)
    assert not any("fine" in line for line in failures)
    assert "DID NOT PASS ITS CHECKS" in caplog.text
    assert "DID NOT PASS ITS CHECKS" in banner(fitted)


def test_slow_draws_have_too_small_a_sample(tree, rng):
    steps = rng.standard_normal((4, 1000))
    walk = np.empty_like(steps)
    walk[:, 0] = steps[:, 0]
    for k in range(1, 1000):
        walk[:, k] = 0.97 * walk[:, k - 1] + np.sqrt(1 - 0.97**2) * steps[:, k]
    fitted = tree(a=walk)
    assert not gate(fitted)
    assert any("ess_bulk" in line for line in json.loads(fitted.attrs["failures"]))


def test_constants_are_left_out_and_rounding_is_no_movement(tree, good):
    nearly = np.full((4, 1000), 0.1) + 1e-17 * good
    table = convergence_table(tree(a=good, zero=np.zeros((4, 1000)), nearly=nearly))
    assert table.index.tolist() == ["a"]


def test_a_stuck_chain_and_missing_draws_fail(tree, good):
    constant_chain = good.copy()
    constant_chain[1] = 0.3
    missing = good.copy()
    missing[0, 10] = np.nan
    assert not gate(tree(a=constant_chain))
    assert not gate(tree(a=missing))


def test_divergences_and_energy_fail(tree, good):
    diverged = tree(a=good)
    diverged["sample_stats/diverging"][1, 5] = True
    assert not gate(diverged)
    assert any("1 divergent" in line for line in json.loads(diverged.attrs["failures"]))
    slow = tree(a=good)
    slow["sample_stats/energy"][:] = np.cumsum(slow["sample_stats/energy"].to_numpy(), axis=1)
    assert not gate(slow)
    assert any("energy" in line for line in json.loads(slow.attrs["failures"]))


def test_one_chain_cannot_be_judged(tree, good):
    fitted = tree(a=good[:1])
    assert not gate(fitted)
    assert any("one chain" in line for line in json.loads(fitted.attrs["failures"]))
