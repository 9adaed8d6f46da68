"""Fits are compared by what they predict, and only on the same data."""

from __future__ import annotations

import numpy as np
import pytest
from toy import toy_model

from socbayes.errors import SocbayesError
from socbayes.inference.compare import compare
from socbayes.inference.fit import fit


def test_the_model_that_made_the_data_wins(toy_fit, tmp_path):
    import pymc as pm

    values = toy_fit[0]["observed_data/value"].to_numpy()
    with pm.Model(coords={"obs": [f"row {k}" for k in range(48)]}) as flat:
        mean, scatter = pm.Normal("mean", 0.0, 2.0), pm.HalfNormal("scatter", 1.0)
        pm.Normal("value", mean, scatter, observed=values, dims="obs")
    plain = fit(flat, draws=600, tune=500, seed=1, store=tmp_path / "flat", progress=False)
    table = compare({"plain": plain, "grouped": toy_fit[0]})
    assert table.index[0] == "grouped"
    assert np.isclose(table["weight"].astype(float).sum(), 1.0)
    assert float(table.loc["grouped", "elpd"]) > float(table.loc["plain", "elpd"]) + 5


def test_fits_of_other_data_are_refused(toy_fit, tmp_path):
    other = fit(toy_model(shift=1.0), draws=200, tune=200, seed=1, store=tmp_path / "other", progress=False)
    with pytest.raises(SocbayesError, match=r"same|different|other"):
        compare({"a": toy_fit[0], "b": other})
