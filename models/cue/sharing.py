"""What the literature on carbon use efficiency shares with others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from socbayes.models.cue.process import PRIORS
from socbayes.models.shared import Sharing


def shared(draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Shared parameters from those of the process model.

    Parameters
    ----------
    draws
        Of its parameters.
    """
    return {
        "carbon_use_efficiency": draws["level"],
        "microbial_turnover": draws["log_turnover"],
        "residue_share": draws["residue_share"],
    }


SHARING = {"cue_process": Sharing("carbon use efficiency", PRIORS, ("level", "log_turnover", "residue_share"), shared)}
"""By model."""
