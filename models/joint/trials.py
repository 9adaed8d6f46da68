"""What the model is calibrated on: see ``benchmarks/calibrate.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from socbayes.models.joint import build, literatures

if TYPE_CHECKING:
    import pymc as pm


def all_literatures() -> pm.Model:
    """The estimates of all literatures."""
    return build(literatures())


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"joint": all_literatures}
