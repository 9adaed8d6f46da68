"""Field plots over time: the model, forecasts of its fits, and how well structures foresee."""

from socbayes.lazy import submodules
from socbayes.models.field.model import PRIORS, QUANTITIES, build, prior_table

_FROM = {
    "forecasts": ("average", "forecast", "predict_plots", "with_measurement_error"),
    "differences": ("differences_left_out", "score_differences"),
    "foresight": ("leave_future_out", "leave_one_site_out"),
}

__all__ = [
    "PRIORS",
    "QUANTITIES",
    "average",
    "build",
    "differences_left_out",
    "forecast",
    "leave_future_out",
    "leave_one_site_out",
    "predict_plots",
    "prior_table",
    "score_differences",
    "with_measurement_error",
]

__getattr__ = submodules(__name__, ("record", "forecasts", "foresight", "differences", "figures"), _FROM)
