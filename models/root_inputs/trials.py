"""Size at which the model is calibrated: see ``benchmarks/calibrate.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from socbayes.datasets import load_dataset
from socbayes.models.root_inputs.baseline import build

if TYPE_CHECKING:
    import pymc as pm

CROPS = ("barley", "faba bean", "maize", "pea", "wheat")


def five_crops() -> pm.Model:
    """All ratios of five crops of two groups."""
    table = load_dataset("crop_allocation_ratios")
    return build(table[table["crop"].isin(CROPS)].reset_index(drop=True))


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"root_inputs": five_crops}
