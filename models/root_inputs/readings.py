"""What a report says of how crops share out their carbon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.root_inputs.figures import crop_roots
from socbayes.plots.style import flat
from socbayes.report.readings import Reading
from socbayes.vocabulary import ALLOCATION_RATIOS
from socbayes.wording import said

if TYPE_CHECKING:
    import xarray as xr


def roots_told(fitted: xr.DataTree) -> str:
    """Say which crop has most root for its shoot, and how far a new study may be off.

    Parameters
    ----------
    fitted
        A fit of ``root_inputs``.
    """
    posterior = fitted["posterior"].to_dataset()
    ratios = posterior["log_ratio"].sel(allocation_ratio=ALLOCATION_RATIOS[1])
    crop = str(ratios["crop"].to_numpy()[int(np.argmax(np.median(flat(ratios), axis=0)))])
    spread = posterior["log_ratio_spread"].sel(allocation_ratio=ALLOCATION_RATIOS[1])
    return (
        f"Of all crops, {crop} has most root for its shoot: {said(np.exp(flat(ratios.sel(crop=crop))))} in the typical "
        f"study. A new study of a crop lies off by a factor of {said(np.exp(flat(spread)))}."
    )


READINGS = {"root_inputs": (Reading("Roots over shoot", crop_roots, roots_told, opens=1),)}
