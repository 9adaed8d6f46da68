"""What literatures say together of the parameters they share."""

from socbayes.lazy import submodules
from socbayes.models.joint.model import (
    PRIORS,
    SHARED,
    Literature,
    build,
    disagreement,
    likelihood,
    literature,
    literatures,
    prior_table,
    to_json,
)

__all__ = [
    "PRIORS",
    "SHARED",
    "Literature",
    "build",
    "disagreement",
    "likelihood",
    "literature",
    "literatures",
    "prior_table",
    "to_json",
]

__getattr__ = submodules(__name__, ("model", "record"))
