"""Scores that are no numbers are refused by fit and observation, before they rank anything."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from socbayes.errors import SocbayesError
from socbayes.inference.compare import compare


def fit_of(level: float, places: tuple = (), value: float = np.nan) -> xr.DataTree:
    rng = np.random.default_rng(3)
    density = level + 0.1 * rng.standard_normal((4, 250, 12))
    for place in places:
        density[place] = value
    coords = {"obs": [f"row {k}" for k in range(12)]}
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"a": (("chain", "draw"), rng.standard_normal((4, 250)))}),
            "log_likelihood": xr.Dataset({"carbon": (("chain", "draw", "obs"), density)}, coords=coords),
            "observed_data": xr.Dataset({"carbon": ("obs", np.arange(12.0))}, coords=coords),
        }
    )


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
@pytest.mark.parametrize("places", [((0, 0, 3),), (np.s_[:, :, 3],), (np.s_[2, 5, :],)], ids=["one", "column", "draw"])
def test_a_log_likelihood_that_is_no_number_is_refused_by_fit_and_observation(value, places):
    with pytest.raises(SocbayesError, match=r"fit 'better' at (row 3|row 0)") as told:
        compare({"better": fit_of(-1.0, places, value), "worse": fit_of(-2.0)})
    assert str(value) in str(told.value)
    assert "worse" not in str(told.value)


def test_all_fits_that_cannot_be_scored_are_named():
    with pytest.raises(SocbayesError, match=r"fit 'a' at row 3 .*fit 'b' at row 3"):
        compare({"a": fit_of(-1.0, ((0, 0, 3),)), "b": fit_of(-2.0, ((1, 1, 3),), -np.inf)})


def test_the_better_of_two_whole_fits_comes_first():
    table = compare({"worse": fit_of(-2.0), "better": fit_of(-1.0)})
    assert table.index.tolist() == ["better", "worse"]
    # Neither has statistics of a sampler, and the table says so.
    assert table["converged"].tolist() == [0, 0]
    assert "better and worse did not pass their checks" in table.attrs["warnings"][0]
