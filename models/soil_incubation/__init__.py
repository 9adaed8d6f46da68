"""Two pools of one incubated soil, in coordinates that data see."""

from socbayes.lazy import submodules
from socbayes.models.soil_incubation.model import PRIORS, QUANTITIES, build, prior_table

__all__ = ["PRIORS", "QUANTITIES", "build", "prior_table"]

__getattr__ = submodules(__name__, ("model", "record"))
