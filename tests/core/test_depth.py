"""Temperature of soil at depth against the solution of a damped wave."""

import numpy as np
import pytest

from socbayes.core import StructureError, soil_temperature


def test_waves_are_damped_and_late_as_heat_conduction_says():
    """Of a year and of half a year; the mean goes down as it is."""
    days, d = np.arange(365 * 3), 150.0
    z = np.array([0.0, 20.0, 150.0, 400.0])
    yearly = 2.0 * np.pi * days / 365.0

    def at(depth):
        wave = 9.0 * np.exp(-depth / d) * np.sin(yearly - depth / d + 0.3)
        half = np.sqrt(2.0) * depth / d
        return 11.0 + wave + 2.0 * np.exp(-half) * np.cos(2.0 * yearly - half)

    found = soil_temperature(at(0.0), z, rows_per_year=365, damping_depth=d)
    np.testing.assert_allclose(found, np.stack([at(depth) for depth in z], axis=1), atol=1e-10)


def test_sites_stand_beside_each_other_and_the_surface_is_as_given():
    surface = np.random.default_rng(0).normal(10.0, 5.0, (30, 2))
    found = soil_temperature(surface, [0.0, 30.0], rows_per_year=12)
    assert found.shape == (30, 2, 2)
    np.testing.assert_allclose(found[..., 0], surface, atol=1e-10)
    np.testing.assert_allclose(found[:, 1], soil_temperature(surface[:, 1], [0.0, 30.0], rows_per_year=12), atol=1e-12)
    assert np.all(found[..., 1].std(axis=0) < surface.std(axis=0))


def test_the_end_of_a_series_does_not_warm_its_beginning():
    surface = np.full(240, 5.0)
    surface[200:] = 25.0
    found = soil_temperature(surface, [50.0], rows_per_year=12)[:, 0]
    np.testing.assert_allclose(found[:150], 5.0, atol=0.2)
    assert found[-1] > 20.0


@pytest.mark.parametrize(
    ("surface", "depths", "damping", "message"),
    [
        (np.ones(11), [10.0], 200.0, "a year at least"),
        (np.ones((12, 2, 2)), [10.0], 200.0, "a year at least"),
        (np.where(np.arange(12) == 4, np.nan, 1.0), [10.0], 200.0, "row 5 of 12 is no number"),
        (np.ones(12), [-1.0], 200.0, "in cm from the surface"),
        (np.ones(12), [np.nan], 200.0, "in cm from the surface"),
        (np.ones(12), [1.0], 0.0, "in cm from the surface"),
    ],
)
def test_faults_are_said(surface, depths, damping, message):
    with pytest.raises(StructureError, match=message):
        soil_temperature(surface, depths, rows_per_year=12, damping_depth=damping)
