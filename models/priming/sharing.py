"""What the literature on priming shares with others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from socbayes.models.priming.process import PRIORS, efficiency
from socbayes.models.shared import Sharing


def shared(draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Shared parameters from those of the process model.

    Parameters
    ----------
    draws
        Of its parameters.
    """
    kept = efficiency(draws["efficiency_mean"], np.exp)
    return {
        "carbon_use_efficiency": np.log(kept / (1.0 - kept)),
        "half_saturating_biomass": draws["elasticity_mean"],
    }


SHARING = {"priming_process": Sharing("priming", PRIORS, ("efficiency_mean", "elasticity_mean"), shared)}
"""By model."""
