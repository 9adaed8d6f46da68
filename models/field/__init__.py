"""Field plots over time: the model, forecasts of its fits, and how well structures foresee."""

from socbayes.lazy import submodules
from socbayes.models.field.model import PRIORS, QUANTITIES, build, prior_table

_FROM = {
    "forecasts": ("average", "forecast", "predict_plots", "with_measurement_error"),
    "foresight": ("leave_future_out", "leave_one_site_out"),
}

__all__ = [
    "PRIORS",
    "QUANTITIES",
    "average",
    "build",
    "forecast",
    "leave_future_out",
    "leave_one_site_out",
    "predict_plots",
    "prior_table",
    "with_measurement_error",
]

__getattr__ = submodules(__name__, ("record", "forecasts", "foresight", "figures"), _FROM)
