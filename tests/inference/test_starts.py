"""Chains begin at the highest tops that climbs reach, and population spreads stay where they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from socbayes.inference.starts import AROUND, climb, climbing


@dataclass(frozen=True)
class Compiled:
    """What of a compiled model the climbs use."""

    logp_func: Callable[[np.ndarray], Any]
    initial_point_func: Callable[[Any], np.ndarray]
    n_dim: int
    shape_info: tuple


def two_hills(x: np.ndarray) -> tuple[float, np.ndarray]:
    """A hill at -0.5 and one ten higher at 0.5; between them no density."""
    if abs(x[0]) < 0.02:
        return np.nan, np.full(2, np.nan)
    top = np.copysign(0.5, x[0])
    gradient = np.array([-200.0 * (x[0] - top), -x[1]])
    return 10.0 * (x[0] > 0) - 100.0 * (x[0] - top) ** 2 - 0.5 * x[1] ** 2, gradient


def compiled() -> Compiled:
    return Compiled(
        two_hills, lambda _: np.array([0.03, 0.7]), 2, (["x", "y_sd_log__"], [slice(0, 1), slice(1, 2)], [])
    )


def test_every_chain_begins_near_the_top_of_the_higher_hill():
    started, heights = climbing(compiled(), 12, seed=1)
    starts = np.array([started.initial_point_func(chain)[0] for chain in range(4)])
    np.testing.assert_allclose(starts, 0.5, atol=AROUND + 1e-3)
    assert np.unique(starts).size == 4
    np.testing.assert_allclose(heights[0], 10.0 - 0.5 * 0.7**2, atol=1e-6)


def test_some_climbs_end_on_the_lower_hill():
    """So the test above is one of choosing."""
    _, heights = climbing(compiled(), 12, seed=1)
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[-1] == pytest.approx(10.0, abs=1e-4)


def test_spreads_of_populations_are_held():
    assert climbing(compiled(), 4, seed=2)[0].initial_point_func(0)[1] == 0.7


def test_same_seed_same_starts():
    first, second = (climbing(compiled(), 3, seed=5)[0] for _ in range(2))
    np.testing.assert_array_equal(first.initial_point_func(0), second.initial_point_func(0))


def test_a_climb_turns_back_from_where_there_is_no_density():
    def edge(x: np.ndarray) -> tuple[float, np.ndarray]:
        if x[0] >= 2.0:
            return np.nan, np.array([np.nan])
        return float(np.log(2.0 - x[0]) + x[0]), np.array([1.0 - 1.0 / (2.0 - x[0])])

    height, place = climb(edge, np.array([-30.0]), np.array([False]))
    np.testing.assert_allclose(place, 1.0, atol=1e-3)
    np.testing.assert_allclose(height, 1.0, atol=1e-5)
