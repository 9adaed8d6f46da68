"""Carbon use efficiency: the baseline model here, the process model in ``process``."""

from socbayes.lazy import submodules
from socbayes.models.cue.baseline import PRIORS, QUANTITIES, build, prior_table

__all__ = ["PRIORS", "QUANTITIES", "build", "prior_table"]

__getattr__ = submodules(__name__, ("process", "scenarios", "figures", "process_figures"))
