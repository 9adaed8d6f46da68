"""What the literature on the carbon pump shares with others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from socbayes.models.mcp.process import PRIORS, REFERENCE_TEMPERATURE
from socbayes.models.shared import TURNOVER_Q10, TURNOVER_TEMPERATURE, Sharing


def shared(draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Shared parameters from those of the process model.

    Parameters
    ----------
    draws
        Of its parameters.
    """
    # In balance microbes die as fast as they grow: e / (1 - e) of the input, over biomass.
    yearly = draws["efficiency"] - draws["turnover_mean"] - draws["biomass"]
    warmth = (TURNOVER_TEMPERATURE - REFERENCE_TEMPERATURE) / 10.0 * np.log(TURNOVER_Q10)
    return {
        "carbon_use_efficiency": draws["efficiency"],
        "microbial_turnover": yearly - np.log(365.25) + warmth,
        "half_saturating_biomass": draws["elasticity"],
        "residue_share": draws["residue_share"],
    }


USED = ("efficiency", "turnover_mean", "biomass", "elasticity", "residue_share")

SHARING = {"mcp_process": Sharing("pump efficacy", PRIORS, USED, shared)}
"""By model."""
