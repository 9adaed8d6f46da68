"""Hierarchical PyMC models, one folder (or file) per subject.

Every model has ``build(table, ...)``, which returns a plain ``pymc.Model`` and
samples nothing, and ``prior_table()``, which shows its priors. What follows from
a subject stands beside it: scenarios, figures, what they say, published results.
"""

from socbayes.lazy import submodules
from socbayes.subjects import SUBJECTS

__all__ = [*SUBJECTS, "biochar"]

__getattr__ = submodules(__name__, (*SUBJECTS, "biochar"))
