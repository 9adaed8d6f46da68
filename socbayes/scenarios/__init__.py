"""What-if runs: paired posterior differences over common draws, and what they are worth."""

from socbayes.scenarios.compare import ScenarioComparison, compare
from socbayes.scenarios.credit_sheet import credit_sheet
from socbayes.scenarios.credits import credit
from socbayes.scenarios.detect import cores_and_years
from socbayes.scenarios.measure import Errors, Measurement, next_measurements
from socbayes.scenarios.predict import predict_known, predict_new, register
from socbayes.scenarios.projected import read_projection
from socbayes.scenarios.validation import validation

__all__ = [
    "Errors",
    "Measurement",
    "ScenarioComparison",
    "compare",
    "cores_and_years",
    "credit",
    "credit_sheet",
    "next_measurements",
    "predict_known",
    "predict_new",
    "read_projection",
    "register",
    "validation",
]
