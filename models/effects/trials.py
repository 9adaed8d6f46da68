"""Size at which the model is calibrated: see ``benchmarks/calibrate.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from socbayes.datasets import load_dataset
from socbayes.inference.calibration import few
from socbayes.models.effects import factors
from socbayes.models.effects.baseline import build

if TYPE_CHECKING:
    import pymc as pm

LEVERS = ("litter_removed", "roots_removed", "warming")


def few_pairs() -> pm.Model:
    """Three levers with stated errors and shared controls, half of the rows without their errors."""
    table = load_dataset("effect_pairs")
    kept = few(table[table["lever"].isin(LEVERS)], 7, 6)
    some = pd.Series(kept.index % 2 == 0, index=kept.index)
    return build(kept.assign(treated_sd=kept["treated_sd"].where(some), control_sd=kept["control_sd"].where(some)))


def few_factors() -> pm.Model:
    """Two levers through RothC, one on input and one on decomposition, with stated errors; some years are missing."""
    table = load_dataset("effect_pairs")
    table = table[table["lever"].isin(("litter_removed", "warming")) & table["treated_sd"].notna()]
    kept = few(table[table["fraction"] == factors.WHOLE], 6, 3)
    return factors.build(kept)


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"effects": few_pairs, "effect_factors": few_factors}
