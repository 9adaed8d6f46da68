"""Figures of fits and scenario comparisons.

Every function takes a fit, returns the figure it drew on and touches neither
pyplot nor the settings of matplotlib; ``ax=`` draws a single panel into a
figure of yours. Those of a subject stand beside its models, in the modules that
its record calls ``figures``, and are found here by name.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

_OWN = {
    "calibration_ecdf": "socbayes.plots.calibration",
    "scenario_differences": "socbayes.plots.scenarios",
    "gain_paths": "socbayes.plots.projections",
    "gain_against_dose": "socbayes.plots.projections",
    "gains_after": "socbayes.plots.endings",
    "variance_shares": "socbayes.plots.projections",
    "credit_waterfall": "socbayes.plots.credits",
    "measurement_ranking": "socbayes.plots.credits",
}


@cache
def _figures() -> dict[str, Any]:
    """Every figure by name."""
    from socbayes.subjects import subjects

    found = {name: getattr(importlib.import_module(module), name) for name, module in _OWN.items()}
    for subject in subjects():
        for module in filter(None, map(subject.part, subject.figures)):
            found |= {name: getattr(module, name) for name in module.__all__}
    return found


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name in _figures():
        return _figures()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_figures())
