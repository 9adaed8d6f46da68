"""The hierarchical PyMC models, one file each.

Every model has ``build(table, ...)``, which returns a plain ``pymc.Model`` and
samples nothing, and ``prior_table()``, which shows its priors.
"""

from socbayes.models import cue, cue_process, field, joint, mcp, mcp_process, priming, priming_process, soil_incubation

__all__ = [
    "cue",
    "cue_process",
    "field",
    "joint",
    "mcp",
    "mcp_process",
    "priming",
    "priming_process",
    "soil_incubation",
]
