"""Size at which the model is calibrated: see ``benchmarks/calibrate.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from socbayes.datasets import load_dataset
from socbayes.models.soil_incubation.model import build

if TYPE_CHECKING:
    import pymc as pm


def every_third_day() -> pm.Model:
    """Every third date; transfers that seldom create carbon, as growth without limit is no data set."""
    table = load_dataset("soil_incubation_cumulative").iloc[::3].reset_index(drop=True)
    return build(table, priors={name: ("HalfNormal", {"sigma": 0.35}) for name in ("alpha12", "alpha21")})


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"soil_incubation": every_third_day}
