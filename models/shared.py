"""Parameters that several literatures are about, and how a literature says which of its own they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from socbayes.priors import Prior

if TYPE_CHECKING:
    import numpy as np

SHARED: dict[str, dict[str, str]] = {
    "carbon_use_efficiency": {"scale": "logit", "unit": "1", "meaning": "carbon use efficiency of soil microbes"},
    "microbial_turnover": {"scale": "log", "unit": "1/day", "meaning": "turnover of microbial biomass at 15 degC"},
    "half_saturating_biomass": {
        "scale": "log",
        "unit": "1",
        "meaning": "biomass that half-saturates depolymerisation, over the biomass at hand",
    },
    "residue_share": {"scale": "logit", "unit": "1", "meaning": "share of dead microbes that stays particulate"},
}
"""Shared parameters, and the scale without bounds on which each is counted."""
TURNOVER_TEMPERATURE = 15.0  # degC
TURNOVER_Q10 = 2.0


@dataclass(frozen=True)
class Sharing:
    """What a model of one literature shares with those of others.

    Parameters
    ----------
    literature
        Name of the literature.
    priors
        Priors of the model.
    used
        Its parameters from which shared ones follow; all have normal priors.
    shared
        Makes draws of those of :data:`SHARED` that it has, on their scales without bounds, from draws of ``used``.
    """

    literature: str
    priors: tuple[Prior, ...]
    used: tuple[str, ...]
    shared: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
