"""A small hierarchical model whose true values are known."""

from __future__ import annotations

import numpy as np

TRUE_MEAN, TRUE_SCATTER = 1.0, 0.5


def toy_model(seed: int = 3, shift: float = 0.0):
    """Eight groups of six values each; returns a PyMC model."""
    import pymc as pm

    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(8), 6)
    values = TRUE_MEAN + shift + 0.7 * rng.standard_normal(8)[group] + TRUE_SCATTER * rng.standard_normal(48)
    coords = {"group": [f"group {k}" for k in range(8)], "obs": [f"row {k}" for k in range(48)]}
    with pm.Model(coords=coords) as model:
        mean = pm.Normal("mean", 0.0, 2.0)
        spread = pm.LogNormal("spread", -0.5, 0.5)
        effect = pm.Deterministic("effect", spread * pm.Normal("effect_standardised", dims="group"), dims="group")
        pm.Deterministic("always_zero", 0.0 * mean)
        scatter = pm.HalfNormal("scatter", 1.0)
        pm.Data("group_of_obs", group, dims="obs")
        pm.Normal("value", mean + effect[group], scatter, observed=values, dims="obs")
    return model


def toy_table():
    """A small table, as a model might be made of: numbers and text, some of it missing."""
    import pandas as pd

    return pd.DataFrame(
        {
            "study": pd.Series(["first", "second", "second"], dtype="str"),
            "ecosystem": pd.Series(["forest", None, "cropland"], dtype="str"),
            "clay": [20.0, np.nan, 35.5],
        }
    )
