"""Sampling errors of the two arms of pairs, and spreads of effects about what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.models.blocks import partly_centred, weak_groups
from socbayes.models.effects.layout import Pairs
from socbayes.priors import Priors

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


class ArmErrors(NamedTuple):
    """Sampling variance of the log of each arm's mean, control and treated; each (row,)."""

    control: TensorVariable | np.ndarray
    treated: TensorVariable | np.ndarray

    @classmethod
    def of(cls, prior: Priors, pairs: Pairs) -> ArmErrors:
        """Variances as stated, and where they are not, of coefficients of variation learned from those stated.

        Parameters
        ----------
        prior
            With ``variation_median``, ``variation_study_sd`` and ``variation_scatter``.
        pairs
            Laid out, in a model with dims fraction and study.
        """
        import pymc as pm
        import pytensor.tensor as pt

        known = np.isfinite(pairs.errors.variance)
        if known.all():
            return cls(pairs.errors.variance[:, 0], pairs.errors.variance[:, 1])
        median = prior.sample("variation_median", dims="fraction")
        rows, arms = np.nonzero(np.isfinite(pairs.errors.log_variation))
        # Stated errors scatter about as much as studies differ: n of them tell n parts in n + 1 of a study.
        stated = np.bincount(pairs.study[rows], minlength=len(pairs.studies))
        first = np.zeros(len(pairs.studies), dtype="int64")
        first[pairs.study[rows]] = pairs.fraction[rows]
        of_study = partly_centred(
            "variation_study", median[first], prior.sample("variation_study_sd"), stated / (stated + 1.0), "study"
        )
        log_variation = median[pairs.fraction] + of_study[pairs.study]
        if rows.size:
            scatter = prior.sample("variation_scatter")
            observed = pm.Data("log_variation_recorded", pairs.errors.log_variation[rows, arms])
            pm.Normal("log_variation", log_variation[rows], scatter, observed=observed)
        learned = pt.exp(2 * log_variation)[:, None] / pairs.errors.replicates
        variance = pt.where(known, np.where(known, pairs.errors.variance, 0.0), learned)
        return cls(variance[:, 0], variance[:, 1])


def control_errors(pairs: Pairs, errors: ArmErrors) -> TensorVariable | float:
    """Sampling error of the control that a row shares with others, on the log scale, (row,); 0 where none is.

    Parameters
    ----------
    pairs, errors
        In a model with the dim shared_control, where there are any.
    """
    import pytensor.tensor as pt

    if not pairs.shared:
        return 0.0
    first = np.array([int(np.flatnonzero(pairs.control == place)[0]) for place in range(len(pairs.shared))])
    error = weak_groups("control_error", pt.sqrt(pt.as_tensor(errors.control)[first]), "shared_control")
    return (pairs.control >= 0) * error[np.maximum(pairs.control, 0)]


def spreads(prior: Priors, name: str, share: np.ndarray, dims: str) -> TensorVariable:
    """Standard deviation of each effect, log-normal about what effects have in common; shape (``dims``,).

    Parameters
    ----------
    prior
        With ``<name>_median`` and ``<name>_spread``.
    name
        Of the standard deviation.
    share
        How far pairs tell each, (``dims``,).
    dims
        Dim of effects.
    """
    import pytensor.tensor as pt

    middle, spread = prior.sample(f"{name}_median"), prior.sample(f"{name}_spread")
    return pt.exp(middle + partly_centred(f"{name}_of_effect", middle, spread, share, dims))
