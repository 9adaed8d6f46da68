"""Probabilistic inference on soil organic carbon.

The names below are loaded when first used, so that importing socbayes is
cheap and PyMC is only paid for by those who build a model.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "predict_new": "socbayes.scenarios.predict",
    "predict_known": "socbayes.scenarios.predict",
    "load_dataset": "socbayes.datasets",
    "list_datasets": "socbayes.datasets",
    "read_table": "socbayes.table",
    "validate_table": "socbayes.table",
    "fit": "socbayes.inference.fit",
    "load": "socbayes.inference.runs",
    "open_run": "socbayes.inference.runs",
    "resume": "socbayes.inference.fit",
    "check": "socbayes.inference.checks",
    "describe": "socbayes.own",
    "compare": "socbayes.inference.compare",
    "sbc": "socbayes.inference.calibration",
    "prior_from": "socbayes.inference.carry",
    "load_prior": "socbayes.carried",
    "load_posterior": "socbayes.inference.stored",
    "report": "socbayes.report",
    "simulate": "socbayes.structures",
    "levers": "socbayes.scenarios.levers",
    "project": "socbayes.scenarios.projections",
    "read_plans": "socbayes.scenarios.plan_files",
}
_SUBMODULES = ("core", "models", "plots", "scenarios", "structures")

__all__ = [
    "check",
    "compare",
    "core",
    "describe",
    "fit",
    "levers",
    "list_datasets",
    "load",
    "load_dataset",
    "load_posterior",
    "load_prior",
    "models",
    "open_run",
    "plots",
    "predict_known",
    "predict_new",
    "prior_from",
    "project",
    "read_plans",
    "read_table",
    "report",
    "resume",
    "sbc",
    "scenarios",
    "simulate",
    "structures",
    "validate_table",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"socbayes.{name}")
    raise AttributeError(f"module 'socbayes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
