"""Field plots over time: the model here, what follows from its fits in ``forecast`` and ``foresight``."""

from socbayes.lazy import submodules
from socbayes.models.field.model import PRIORS, QUANTITIES, build, prior_table

__all__ = ["PRIORS", "QUANTITIES", "build", "prior_table"]

__getattr__ = submodules(__name__, ("record", "forecast", "foresight", "figures"))
