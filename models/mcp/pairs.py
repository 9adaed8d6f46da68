"""Pairs of necromass and SOC responses: correlated effects, their likelihood, and controls that pairs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.blocks import groups, half_centred
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from pytensor.tensor import TensorVariable

#: Responses of a pair, in the order of the last axis.
RESPONSES = ("necromass", "soil_organic_carbon")


def correlated(
    scale: TensorVariable, correlation: TensorVariable, first: TensorVariable, second: TensorVariable
) -> TensorVariable:
    """Correlated effects on both responses from standard normal ones; shape (dim, response).

    Written out, because compiling a matrix product takes seconds and this one is two by two.
    """
    import pytensor.tensor as pt

    return pt.stack([scale[0] * first, scale[1] * (correlation * first + pt.sqrt(1 - correlation**2) * second)], axis=1)


def bivariate(name: str, scale: TensorVariable, correlation: TensorVariable, dim: str) -> TensorVariable:
    """Correlated zero-centred effects on both responses, non-centred; shape (dim, response)."""
    import pymc as pm

    first, second = (pm.Normal(f"{name}_{response}_standardised", dims=dim) for response in RESPONSES)
    return pm.Deterministic(name, correlated(scale, correlation, first, second), dims=(dim, "response"))


def bivariate_half_centred(name: str, scale: TensorVariable, correlation: TensorVariable, dim: str) -> TensorVariable:
    """Correlated zero-centred effects, half centred in necromass; shape (dim, response)."""
    import pymc as pm

    first = half_centred(f"{name}_{RESPONSES[0]}", scale[0], dim)
    second = pm.Normal(f"{name}_{RESPONSES[1]}_standardised", dims=dim)
    effect = correlated(scale, correlation, first / scale[0], second)
    return pm.Deterministic(name, effect, dims=(dim, "response"))


def bivariate_t_logp(
    value: TensorVariable,
    centre: TensorVariable,
    scale: TensorVariable,
    correlation: TensorVariable,
    degrees_of_freedom: TensorVariable,
) -> TensorVariable:
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


def less_control_error(
    eta: TensorVariable, shared: list[str], control: np.ndarray, scale: TensorVariable, correlation: TensorVariable
) -> TensorVariable:
    """Expected log ratios less the error of the control, where it serves several pairs; shape (pair, response).

    A control measured once errs in every pair it serves, as much as a treated sample does.

    Parameters
    ----------
    eta
        Expected log ratios.
    shared, control
        As :func:`shared_controls` returns them.
    scale, correlation
        Of the error of a sample.
    """
    import pymc as pm

    if not shared:
        return eta
    pm.modelcontext(None).add_coord("shared_control", shared)
    error = bivariate("control_error", scale, correlation, "shared_control")
    return eta - (control >= 0)[:, None] * error[np.maximum(control, 0)]


def said_of_shared(shared: list[str], control: np.ndarray) -> tuple[str, ...]:
    """Sentence on the controls that serve several pairs; nothing where there are none.

    Parameters
    ----------
    shared, control
        As :func:`shared_controls` returns them.
    """
    if not shared:
        return ()
    return (
        f"{counted(len(shared), 'control is', 'controls are')} shared by {int((control >= 0).sum())} of "
        f"{control.size} pairs.",
    )


def pair_likelihood(
    eta: TensorVariable,
    scale: TensorVariable,
    correlation: TensorVariable,
    degrees_of_freedom: TensorVariable,
    observed: TensorVariable | np.ndarray,
) -> None:
    """Likelihood of the log ratios of pairs, as ``pair_log_ratio``.

    Parameters
    ----------
    eta
        Expected log ratios, shape (pair, response).
    scale, correlation, degrees_of_freedom
        Of the bivariate Student t.
    observed
        Log ratios, shape (pair, response).
    """
    import pymc as pm

    pm.CustomDist(
        "pair_log_ratio",
        eta,
        scale,
        correlation,
        degrees_of_freedom,
        logp=bivariate_t_logp,
        random=bivariate_t_random,
        signature="(r),(r),(),()->(r)",
        observed=observed,
        dims=("pair", "response"),
    )
