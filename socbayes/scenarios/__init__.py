"""What-if runs: paired posterior differences over common draws, and what they are worth."""

from socbayes.lazy import submodules
from socbayes.scenarios.candidates import Errors, Measurement
from socbayes.scenarios.compare import ScenarioComparison, compare
from socbayes.scenarios.credit_sheet import credit_sheet
from socbayes.scenarios.credits import credit
from socbayes.scenarios.detect import cores_and_years
from socbayes.scenarios.measure import next_measurements
from socbayes.scenarios.predict import predict_known, predict_new, register
from socbayes.scenarios.projected import read_projection
from socbayes.scenarios.validation import validation

# Plans run on the compiled core, which costs a second to import.
_FROM = {
    "endings": ("lasting",),
    "gain_parts": ("gain_variance",),
    "gains": ("gain_table", "gains_of", "response_curve"),
    "inputs": ("with_inputs",),
    "plan_files": ("read_plans", "under"),
    "portfolios": ("portfolio", "project_portfolio"),
    "projections": ("dry_run", "project"),
    "reversals": ("permanence",),
    "transit": ("with_ages", "with_transit"),
}

__all__ = [
    "Errors",
    "Measurement",
    "ScenarioComparison",
    "compare",
    "cores_and_years",
    "credit",
    "credit_sheet",
    "dry_run",
    "gain_table",
    "gain_variance",
    "gains_of",
    "lasting",
    "next_measurements",
    "permanence",
    "portfolio",
    "predict_known",
    "predict_new",
    "project",
    "project_portfolio",
    "read_plans",
    "read_projection",
    "register",
    "response_curve",
    "under",
    "validation",
    "with_ages",
    "with_inputs",
    "with_transit",
]

__getattr__ = submodules(__name__, ("gains", "plans"), _FROM)
