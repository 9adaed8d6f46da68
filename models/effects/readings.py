"""What each figure of a fit of effects of levers says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.effects import figures
from socbayes.plots.style import flat, readable
from socbayes.report.readings import Reading
from socbayes.wording import SURE, few, said

if TYPE_CHECKING:
    import xarray as xr


def effects_told(fitted: xr.DataTree) -> str:
    """Name the levers that surely raise or lower carbon in the typical study, and how far a new study may differ."""
    posterior = fitted["posterior"].to_dataset()
    labels = figures.effect_labels(fitted)
    typical, new = flat(posterior["log_ratio"]), flat(posterior["log_ratio_new_study"])
    above = (typical > 0).mean(axis=0)
    up = [labels[place] for place in np.argsort(-above) if above[place] >= SURE]
    down = [labels[place] for place in np.argsort(above) if above[place] <= 1 - SURE]
    surest = int(np.abs(above - 0.5).argmax())
    return (
        f"In the typical study, carbon is surely higher with {few(up)} and surely lower with {few(down)}, of "
        f"{len(labels)} effects. With {labels[surest]} a new study would find "
        f"{said(100 * np.expm1(new[:, surest]), '%', signed=True)}."
    )


def moderators_told(fitted: xr.DataTree) -> str:
    """Name the slopes whose interval excludes zero."""
    slopes = fitted["posterior"].to_dataset()["slope"]
    draws = flat(slopes)
    above = (draws > 0).mean(axis=0)
    labels = [readable(name) for name in slopes["slope_of"].to_numpy()]
    up = [labels[place] for place in np.argsort(-above) if above[place] >= SURE]
    down = [labels[place] for place in np.argsort(above) if above[place] <= 1 - SURE]
    return f"Effects grow with {few(up)} and shrink with {few(down)}; {len(labels)} slopes could be told."


def funnel_told(fitted: xr.DataTree) -> str:
    """Name the levers of which small studies find something else than large ones."""
    slopes = fitted["posterior"].to_dataset()["small_study"]
    draws = flat(slopes)
    above = (draws > 0).mean(axis=0)
    labels = [readable(name) for name in slopes["lever_counted"].to_numpy()]
    more = [labels[place] for place in np.argsort(-above) if above[place] >= SURE]
    less = [labels[place] for place in np.argsort(above) if above[place] <= 1 - SURE]
    return f"Small studies find more carbon than large ones with {few(more)}, and less with {few(less)}."


def factors_told(fitted: xr.DataTree) -> str:
    """Name the levers that surely raise or lower what they act on in the typical study."""
    posterior = fitted["posterior"].to_dataset()
    labels = figures.factor_labels(fitted)
    typical, new = flat(posterior["log_factor"]), flat(posterior["log_factor_new_study"])
    above = (typical > 0).mean(axis=0)
    up = [labels[place] for place in np.argsort(-above) if above[place] >= SURE]
    down = [labels[place] for place in np.argsort(above) if above[place] <= 1 - SURE]
    surest = int(np.abs(above - 0.5).argmax())
    return (
        f"In the typical study, the factor is surely above one for {few(up)} and surely below for {few(down)}, of "
        f"{len(labels)} levers. For {labels[surest]} its logarithm in a new study would be {said(new[:, surest])}."
    )


READINGS: dict[str, tuple[Reading, ...]] = {
    "effects": (
        Reading("Effects of levers", figures.lever_effects, effects_told, opens=1),
        Reading("What effects depend on", figures.lever_moderators, moderators_told, needs=("slope",)),
        Reading("Small studies and large ones", figures.lever_funnel, funnel_told, needs=("small_study",)),
    ),
    "effect_factors": (Reading("What levers act on", figures.lever_factors, factors_told, opens=1),),
}
"""Figures of each model, in the order they are read."""
