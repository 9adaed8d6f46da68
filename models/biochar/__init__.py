"""How long the carbon of biochar stays in soil: two pools fitted to decomposition series, and what is left of them.

The series cannot be bundled under the terms of the package; a summary of the posterior is
(:func:`socbayes.models.biochar.persistence.carbon_left`), and ``benchmarks/biochar.py`` makes it anew.
"""

from socbayes.lazy import submodules
from socbayes.models.biochar.model import PRIORS, QUANTITIES, build, prior_table

__all__ = ["PRIORS", "QUANTITIES", "build", "prior_table"]

__getattr__ = submodules(__name__, ("model", "persistence"), {"persistence": ("carbon_left",)})
