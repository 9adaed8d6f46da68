"""How crops share out their carbon, and what of it enters the soil: straw, roots and rhizodeposits."""

from socbayes.lazy import submodules
from socbayes.models.root_inputs.allocated import carbon_by_part, known_crops, plant_input
from socbayes.models.root_inputs.baseline import PRIORS, QUANTITIES, build, prior_table

__all__ = ["PRIORS", "QUANTITIES", "build", "carbon_by_part", "known_crops", "plant_input", "prior_table"]

__getattr__ = submodules(__name__, ("allocated", "baseline", "depths", "figures", "scenarios"))
