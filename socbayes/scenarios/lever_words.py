"""What levers do, in words that need no logarithm, and what a reader has to know of those that plans pull."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from socbayes.scenarios.levers import UNCERTAIN, Lever
from socbayes.scenarios.plans import Plans
from socbayes.vocabulary import CI_PROB

OF_STRAW = ("residue_return", "straw_removal")
"""Levers that take away or leave straw, and act on all plant input."""
ALL_STRUCTURES = "all"
"""Said of an effect that is the mean over structures it was learned through."""


def effect_in_words(acts_on: str, mean: float, sd: float) -> str:
    """Effect of a unit of dose: its median and interval, as an amount of carbon or as a factor.

    Parameters
    ----------
    acts_on
        What is acted on, of :data:`socbayes.scenarios.levers.ACTIONS`.
    mean, sd
        On the log scale.

    Examples
    --------
    >>> effect_in_words("rate_factor", -0.2, 0.4), effect_in_words("manure_added", 0.0, 0.2)
    ('x 0.82 (0.43 to 1.55)', '1.0 t C/ha/year (0.73 to 1.4)')
    """
    from scipy.special import ndtri

    beyond = float(ndtri((1.0 + CI_PROB) / 2.0))
    values = np.exp(mean + np.array([0.0, -beyond, beyond]) * sd)
    if acts_on.endswith("_added"):
        middle, low, high = (f"{value:#.2g}".removesuffix(".") for value in values)
        return f"{middle} t C/ha/year ({low} to {high})"
    return "x {:.2f} ({:.2f} to {:.2f})".format(*values)


def effect_told(lever: Lever, structure: str = "") -> str:
    """Effect of a unit of dose of a lever through a structure, in words; that the dose says all, where it does.

    Parameters
    ----------
    lever
        The lever.
    structure
        Name of the structure; any that nothing was learned through where it is empty.

    Examples
    --------
    >>> from socbayes.scenarios.levers import LEVERS
    >>> effect_told(LEVERS["straw_removal"]), effect_told(LEVERS["warming"])
    ('x 0.93 (0.84 to 1.04)', 'the dose')
    """
    if lever.acts_on not in UNCERTAIN:
        return "the dose"
    return effect_in_words(lever.acts_on, *lever.through.get(structure, (lever.mean, lever.sd)))


def factor_taken(lever: Lever, structure: str) -> str:
    """Structure of which the learned factor of a lever is taken; of all, or none where nothing was learned.

    Parameters
    ----------
    lever
        The lever.
    structure
        Name of the structure that is run.
    """
    if not lever.through:
        return ""
    if structure in lever.through:
        return structure
    return next(iter(lever.through)) if len(lever.through) == 1 else ALL_STRUCTURES


def factors_of(plans: Plans, structures: Mapping[str, str]) -> str:
    """By lever and label of a fit, the structure of which the learned factor is taken, as text of JSON.

    Parameters
    ----------
    plans
        Any plans.
    structures
        Structure of each fit by its label.
    """
    return json.dumps({
        name: {label: factor_taken(lever, structure) for label, structure in structures.items()}
        for name, lever in _pulled(plans).items()
    })  # fmt: skip


def sources_of_levers(plans: Plans) -> Iterator[str]:
    """Say where effects of levers are from.

    Parameters
    ----------
    plans
        Any plans.
    """
    for name, lever in _pulled(plans).items():
        yield f"Effect of {name}: {lever.source}."


def of_levers(plans: Plans, structures: Mapping[str, str]) -> Iterator[str]:
    """Say which factor stands in for one that was not learned, and what straw is: what a chapter on levers has to say.

    Parameters
    ----------
    plans
        Any plans.
    structures
        Structure of each fit by its label.
    """
    pulled = _pulled(plans)
    for name, lever in pulled.items():
        strangers = [one for one in dict.fromkeys(structures.values()) if lever.through and one not in lever.through]
        if strangers:
            instead = (
                f"that through {next(iter(lever.through))} is taken there"
                if len(lever.through) == 1
                else f"the mean of those through {', '.join(lever.through)} is taken there, with how far they differ"
            )
            yield (
                f"No factor of {name} was learned through {', '.join(strangers)}: {instead}, "
                f"{effect_told(lever, strangers[0])} per unit of dose."
            )
    if straw := [name for name in OF_STRAW if name in pulled]:
        yield (
            f"{' and '.join(straw)}: the factor is on all plant input, roots as well as straw, as the ratio of stocks "
            "behind it is; no tons of straw are added or taken away. For these give plant_carbon_input or pull "
            "plant_carbon."
        )


def _pulled(plans: Plans) -> dict[str, Lever]:
    return {one.lever.name: one.lever for plan in plans.plans.values() for one in plan.doses}
