"""What-if runs: paired posterior differences over common draws."""

from socbayes.scenarios.compare import ScenarioComparison, compare
from socbayes.scenarios.predict import predict_known, predict_new

__all__ = ["ScenarioComparison", "compare", "predict_known", "predict_new"]
