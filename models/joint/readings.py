"""What each figure of a joint fit says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.joint import figures
from socbayes.models.joint.model import SHARED
from socbayes.plots.style import flat, readable
from socbayes.report.readings import Reading
from socbayes.wording import said

if TYPE_CHECKING:
    import xarray as xr


def values_of_a_new_soil(fitted: xr.DataTree) -> str:
    """Say what is to be expected of a soil of no literature."""
    posterior = fitted["posterior"].to_dataset()
    values = [f"{readable(name)} {said(flat(posterior[name]), text['unit'])}" for name, text in SHARED.items()]
    return f"For a soil of no literature: {', '.join(values)}."


def largest_conflict(fitted: xr.DataTree) -> str:
    """Say about which parameter literatures differ the most."""
    conflict = fitted["posterior"].to_dataset()["conflict_sd"]
    names, draws = [readable(name) for name in conflict["parameter"].to_numpy()], flat(conflict)
    order = np.argsort(-np.median(draws, axis=0))
    return (
        f"Beyond their own uncertainty literatures differ the most about {names[order[0]]}, by "
        f"{said(draws[:, order[0]])} on its scale without bounds, and the least about {names[order[-1]]}, by "
        f"{said(draws[:, order[-1]])}."
    )


READINGS: dict[str, tuple[Reading, ...]] = {
    "joint": (
        Reading("What the literatures share", figures.shared_parameters, values_of_a_new_soil, opens=1),
        Reading("Where the literatures disagree", figures.conflict_of_literatures, largest_conflict, opens=2),
    ),
}
"""Figures of each model, in the order they are read."""
