"""What levers do to carbon: pairs of a treated soil and its control, of several literatures."""

from socbayes.lazy import submodules
from socbayes.models.effects.baseline import PRIORS, QUANTITIES, build, prior_table
from socbayes.models.effects.covered import coverage
from socbayes.models.effects.pooled import counted_once, evidence

__all__ = ["PRIORS", "QUANTITIES", "build", "counted_once", "coverage", "evidence", "prior_table"]

__getattr__ = submodules(__name__, ("baseline", "factors", "figures", "layout", "scenarios", "through_core"))
