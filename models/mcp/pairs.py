"""Pairs of necromass and SOC responses: correlated effects, their likelihood, and controls that pairs share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from socbayes.models.blocks import groups, half_centred

#: Responses of a pair, in the order of the last axis.
RESPONSES = ("necromass", "soil_organic_carbon")


def correlated(scale: Any, correlation: Any, first: Any, second: Any) -> Any:
    """Correlated effects on both responses from standard normal ones; shape (dim, response).

    Written out, because compiling a matrix product takes seconds and this one is two by two.
    """
    import pytensor.tensor as pt

    return pt.stack([scale[0] * first, scale[1] * (correlation * first + pt.sqrt(1 - correlation**2) * second)], axis=1)


def bivariate(name: str, scale: Any, correlation: Any, dim: str) -> Any:
    """Correlated zero-centred effects on both responses, non-centred; shape (dim, response)."""
    import pymc as pm

    first, second = (pm.Normal(f"{name}_{response}_standardised", dims=dim) for response in RESPONSES)
    return pm.Deterministic(name, correlated(scale, correlation, first, second), dims=(dim, "response"))


def bivariate_half_centred(name: str, scale: Any, correlation: Any, dim: str) -> Any:
    """Correlated zero-centred effects, half centred in necromass; shape (dim, response)."""
    import pymc as pm

    first = half_centred(f"{name}_{RESPONSES[0]}", scale[0], dim)
    second = pm.Normal(f"{name}_{RESPONSES[1]}_standardised", dims=dim)
    effect = correlated(scale, correlation, first / scale[0], second)
    return pm.Deterministic(name, effect, dims=(dim, "response"))


def bivariate_t_logp(value: Any, centre: Any, scale: Any, correlation: Any, degrees_of_freedom: Any) -> Any:
    """Log density of a bivariate Student t, in closed form: quick to compile where a Cholesky solve is not."""
    import pytensor.tensor as pt

    z = (value - centre) / scale
    squared = (z[..., 0] ** 2 - 2 * correlation * z[..., 0] * z[..., 1] + z[..., 1] ** 2) / (1 - correlation**2)
    norm = np.log(2 * np.pi) + pt.log(scale[..., 0]) + pt.log(scale[..., 1]) + 0.5 * pt.log1p(-(correlation**2))
    return -norm - (degrees_of_freedom + 2) / 2 * pt.log1p(squared / degrees_of_freedom)


def bivariate_t_random(centre, scale, correlation, degrees_of_freedom, rng=None, size=None):
    """Draw from a bivariate Student t; shape of ``centre``, or ``size`` with the responses last."""
    shape = np.shape(centre) if size is None else (*size, len(RESPONSES))
    first, second = rng.standard_normal((2, *shape[:-1]))
    widening = np.sqrt(degrees_of_freedom / rng.chisquare(degrees_of_freedom, size=shape[:-1]))
    deviation = np.stack([first, correlation * first + np.sqrt(1 - correlation**2) * second], axis=-1)
    return centre + scale * deviation * widening[..., None]


def shared_controls(table: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Controls that serve two pairs or more, and each row's position among them, -1 for the rest."""
    if "control" not in table or table["control"].isna().any():
        return [], np.full(len(table), -1)
    controls, control = groups(table["control"])
    shared = np.flatnonzero(np.bincount(control) > 1)
    place = np.full(len(controls), -1)
    place[shared] = np.arange(shared.size)
    return [controls[index] for index in shared], place[control]
