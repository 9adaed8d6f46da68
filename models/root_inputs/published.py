"""Published results on roots and rhizodeposits to set beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.published import Draws, Published
from socbayes.vocabulary import ALLOCATION_RATIOS

if TYPE_CHECKING:
    import xarray as xr

BOLINDER = "Bolinder M.A. et al. 2007, Agriculture, Ecosystems and Environment 118:29-42"
PAUSCH = "Pausch J. & Kuzyakov Y. 2018, Global Change Biology 24:1-12"

_ONE_OF_OURS = "theirs is one of the compilations that ours rests on"
_WITH_RESPIRATION = "theirs counts what roots respired, ours does not, and is of one crop at its usual yield"


def _ratio(name: str, crop: str) -> Draws:
    """Draws of a ratio of a crop."""

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        result: Any = np.exp(posterior["log_ratio"].sel(allocation_ratio=name, crop=crop))
        return result

    return ours


def _below_ground(posterior: xr.Dataset) -> xr.DataArray:
    """Draws of the percentage of the carbon of wheat that went into roots and rhizodeposits."""
    straw, root, rhizodeposit = (_ratio(name, "wheat")(posterior) for name in ALLOCATION_RATIOS)
    below = (1 + straw) * root * (1 + rhizodeposit)
    return 100 * below / (1 + straw + below)


PUBLISHED = (
    Published(
        "wheat_roots",
        "root_inputs",
        "roots over shoot of wheat",
        0.147,
        "1",
        BOLINDER,
        _ratio(ALLOCATION_RATIOS[1], "wheat"),
        _ONE_OF_OURS,
    ),
    Published(
        "maize_roots",
        "root_inputs",
        "roots over shoot of maize",
        0.179,
        "1",
        BOLINDER,
        _ratio(ALLOCATION_RATIOS[1], "maize"),
        _ONE_OF_OURS,
    ),
    Published(
        "below_ground",
        "root_inputs",
        "carbon of crops that goes below ground",
        21.0,
        "percent",
        PAUSCH,
        _below_ground,
        _WITH_RESPIRATION,
    ),
)
