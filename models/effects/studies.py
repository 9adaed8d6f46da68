"""Means of effects and deviations of studies, in coordinates that pairs tell one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.blocks import half_centred, partly_centred
from socbayes.models.effects.layout import Pairs
from socbayes.priors import Priors

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

FEWEST_STUDIES = 4
"""Studies of an effect from which on pairs show how far they differ."""
LEAST_BETWEEN = 0.03
"""Standard deviation between studies that is taken at least, log ratio."""
USUAL_SPREAD = 0.8
"""Standard deviation of the log of spreads between effects, about."""
PAIRS_OF_POOLED = 4
"""Pairs that the scatter pooled over effects counts as in that of one."""
FEWEST_PAIRS = 8
"""Pairs beyond one of each study from which on an effect shows its own scatter."""


@dataclass(frozen=True)
class Told:
    """How far pairs tell a quantity, from 0, only by its prior, to 1.

    Parameters
    ----------
    study
        Level of each study, (group,); NaN where its effect has few studies.
    study_sd
        Spread of each effect between studies, (effect,).
    residual
        Scatter of pairs of each effect, (effect,).
    error
        Variance of the mean of the pairs of each study about its level, (group,), log ratio squared.
    """

    study: np.ndarray
    study_sd: np.ndarray
    residual: np.ndarray
    error: np.ndarray


def told(pairs: Pairs) -> Told:
    """How far pairs tell levels and spreads, by the variances of a table of one factor.

    Any shares give the same posterior: they only choose what is sampled.
    """
    of, effects = pairs.effect_of_group, len(pairs.effects)
    rows = np.bincount(pairs.group)
    mean = np.bincount(pairs.group, pairs.ratio) / rows
    studies = np.bincount(of, minlength=effects)
    squares = (pairs.ratio - mean[pairs.group]) ** 2
    free = np.bincount(pairs.effect, minlength=effects) - studies
    pooled = squares.sum() / max(free.sum(), 1)
    within = np.bincount(pairs.effect, squares, minlength=effects) + PAIRS_OF_POOLED * pooled
    error = (within / (free + PAIRS_OF_POOLED))[of] / rows
    middle = np.bincount(of, mean, minlength=effects) / studies
    between = np.bincount(of, (mean - middle[of]) ** 2) / np.maximum(studies - 1, 1)
    between = np.maximum(between - np.bincount(of, error) / studies, LEAST_BETWEEN**2)
    study = np.where(studies[of] >= FEWEST_STUDIES, between[of] / (between[of] + error), np.nan)
    known = np.bincount(of, np.nan_to_num(study) ** 2)
    # The log of a standard deviation of n known deviations has the variance 1 / (2 (n - 1)).
    of_sd = 1 / (2 * np.maximum(known - 1, 1e-9))
    study_sd = np.where(known > 1, USUAL_SPREAD**2 / (USUAL_SPREAD**2 + of_sd), 0.0)
    residual = USUAL_SPREAD**2 / (USUAL_SPREAD**2 + PAIRS_OF_POOLED / np.maximum(free, 1))
    return Told(study, study_sd, np.where(free > FEWEST_PAIRS, residual, 0.0), error)


def means_and_studies(
    prior: Priors, pairs: Pairs, scale: TensorVariable, share: np.ndarray
) -> tuple[TensorVariable, TensorVariable]:
    """Log ratio of each effect in the typical study, (effect,), and deviation of each study, (group,).

    Parameters
    ----------
    prior
        With ``log_ratio``.
    pairs
        Laid out, in a model with the dims effect and study_effect_of.
    scale
        Standard deviation of each deviation, (group,).
    share
        How far pairs tell the level of each study, (group,); see :class:`Told`.
    """
    import pymc as pm
    import pytensor.tensor as pt

    of, size = pairs.effect_of_group, len(pairs.effects)
    lone = _lone(prior, of, size)
    deviation = pt.zeros(of.size)
    if lone.size:
        mean, of_lone = _of_lone(prior, pairs, lone, scale[lone])
        deviation = pt.set_subtensor(deviation[lone], of_lone)
        several = np.setdiff1d(np.arange(size), of[lone])
        log_ratio = pt.set_subtensor(pt.zeros(size)[of[lone]], mean)
        if several.size:
            pm.modelcontext(None).add_coord("effect_of_several", [pairs.effects[at] for at in several])
            free = pm.Normal("log_ratio_of_several", **prior["log_ratio"].parameters, dims="effect_of_several")
            log_ratio = pt.set_subtensor(log_ratio[several], free)
        log_ratio = pm.Deterministic("log_ratio", log_ratio, dims="effect")
    else:
        log_ratio = prior.sample("log_ratio", dims="effect")
    for name, at in (("told", np.isfinite(share)), ("of_few", ~np.isfinite(share))):
        groups = np.setdiff1d(np.flatnonzero(at), lone)
        if not groups.size:
            continue
        pm.modelcontext(None).add_coord(f"study_{name}", [pairs.groups_of[at] for at in groups])
        if name == "told":
            values = partly_centred("study", log_ratio[of[groups]], scale[groups], share[groups], "study_told")
        else:
            values = half_centred("study_of_few_effect", scale[groups], "study_of_few")
        deviation = pt.set_subtensor(deviation[groups], values)
    return log_ratio, pm.Deterministic("study_effect", deviation, dims="study_effect_of")


def _lone(prior: Priors, of: np.ndarray, size: int) -> np.ndarray:
    """Groups that alone are of their effect; none where the prior of means is not normal."""
    if prior["log_ratio"].distribution != "Normal" or set(prior["log_ratio"].parameters) != {"mu", "sigma"}:
        return np.empty(0, dtype="int64")
    return np.flatnonzero(np.bincount(of, minlength=size)[of] == 1)


def _of_lone(
    prior: Priors, pairs: Pairs, lone: np.ndarray, scale: TensorVariable
) -> tuple[TensorVariable, TensorVariable]:
    """Mean and deviation of effects of one study, each (lone,), by their sum, which is all that pairs tell.

    A sum of two normal numbers, and what is left of one of them given the sum: both priors are as stated, and
    neither a ridge nor a funnel is left between them.
    """
    import pymc as pm
    import pytensor.tensor as pt

    prior.use("log_ratio")
    pm.modelcontext(None).add_coord("study_alone", [pairs.groups_of[at] for at in lone])
    centre, spread = (prior["log_ratio"].parameters[name] for name in ("mu", "sigma"))
    both = pt.sqrt(spread**2 + scale**2)
    level = pm.Normal("level_alone", centre, both, dims="study_alone")
    rest = pm.Normal("mean_alone_standardised", dims="study_alone")
    mean = centre + (level - centre) * (spread / both) ** 2 + rest * spread * scale / both
    return mean, level - mean
