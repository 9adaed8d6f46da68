"""What-if runs: paired posterior differences over common draws, and what they are worth."""

from socbayes.scenarios.compare import ScenarioComparison, compare
from socbayes.scenarios.credits import credit
from socbayes.scenarios.predict import predict_known, predict_new, register
from socbayes.scenarios.validation import validation

__all__ = ["ScenarioComparison", "compare", "credit", "predict_known", "predict_new", "register", "validation"]
