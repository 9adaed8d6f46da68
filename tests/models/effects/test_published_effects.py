"""Published results on levers: what they are compared with, and the numbers that are derived here."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from socbayes.datasets import load_dataset
from socbayes.models.effects import published
from socbayes.vocabulary import EVIDENCE_LEVERS, QUANTITIES

EFFECTS = [f"{lever}: {fraction}" for lever in EVIDENCE_LEVERS for fraction in QUANTITIES["fraction"].categories]
POSTERIOR = xr.Dataset(
    {"log_ratio": (("draw", "effect"), np.arange(len(EFFECTS), dtype="float64")[None] / 100)},
    coords={"effect": EFFECTS},
)


@pytest.mark.parametrize("one", published.PUBLISHED, ids=lambda one: one.key)
def test_each_is_compared_with_an_effect_in_its_unit_and_within_its_interval(one):
    ours = float(one.ours(POSTERIOR).item())
    ratio = ours if one.unit == "1" else np.log1p(ours / 100)
    effect = EFFECTS[round(100 * ratio)]
    assert effect.split(": ")[1] in ("soil_organic_carbon", "particulate_organic_carbon",
                                     "mineral_associated_organic_carbon")  # fmt: skip
    assert one.key.removeprefix("ipcc_").startswith(effect.split(": ")[0])
    assert one.lower < one.value < one.upper


def test_factors_of_stocks_are_changes_in_percent():
    factor = {one.key: one for one in published.PUBLISHED}["ipcc_no_tillage"]
    assert (factor.value, factor.lower, factor.upper) == pytest.approx((9.0, 4.6, 13.4))


def test_a_standard_error_of_grassland_under_elevated_co2_is_about_as_printed():
    rows = load_dataset("elevated_co2_pairs").query("fraction == 'soil_organic_carbon' and ecosystem == 'grassland'")
    ratio, variance = (rows[name].to_numpy() for name in ("log_response_ratio", "log_response_ratio_variance"))
    weight = 1 / variance
    mean = (weight * ratio).sum() / weight.sum()
    # DerSimonian and Laird's variance between experiments.
    excess = (weight * (ratio - mean) ** 2).sum() - len(rows) + 1
    between = max(0.0, excess / (weight.sum() - (weight**2).sum() / weight.sum()))
    pooled = 1 / (variance + between)
    assert round(100 * float(pooled.sum() ** -0.5), 1) == 2.4
    assert "one of 2.4" in {one.key: one for one in published.PUBLISHED}["elevated_co2_grassland"].caveat
