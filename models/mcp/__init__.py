"""The microbial carbon pump: the baseline model here, the process model in ``process``."""

from socbayes.lazy import submodules
from socbayes.models.mcp.baseline import PRIORS, QUANTITIES, SECTORS, build, prior_table, sector

__all__ = ["PRIORS", "QUANTITIES", "SECTORS", "build", "prior_table", "sector"]

__getattr__ = submodules(__name__, ("process", "scenarios", "figures", "process_figures"))
