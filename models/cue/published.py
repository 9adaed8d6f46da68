"""Published results on carbon use efficiency to set beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.cue.baseline import REFERENCE_TEMPERATURE
from socbayes.published import Draws, Published, take

if TYPE_CHECKING:
    import xarray as xr

QIAO = "Qiao et al. 2019, Scientific Reports 9:5621, doi:10.1038/s41598-019-42145-6"
SINSABAUGH = "Sinsabaugh et al. 2013, Ecology Letters 16:930-939"
HE = "He et al. 2023, Global Change Biology, doi:10.1111/gcb.16861"

_TYPICAL = "theirs is a mean over published rows, ours holds for the typical study at 15 degC and 24 h"
_STOICHIOMETRIC = "theirs comes from enzyme stoichiometry, a method our table does not hold; ours from 18O in water"
_BY_ECOSYSTEM = "cue_by_method_and_ecosystem"


def _cue_at(temperature: float, method: str) -> Draws:
    """CUE in the typical study at a temperature."""

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        warmth = temperature - REFERENCE_TEMPERATURE
        logit = (
            posterior["level"].sel({"measurement_method": method})
            + posterior["slope_method"].sel({"measurement_method": method}) * warmth
        )
        probability: Any = 1 / (1 + np.exp(-logit))
        return probability

    return ours


PUBLISHED = (
    Published(
        "cue_mean",
        "cue",
        "mean CUE of soils",
        0.50,
        "1",
        QIAO,
        take("cue_by_method", measurement_method="substrate_label"),
        _TYPICAL,
    ),
    Published(
        "cue_at_20",
        "cue",
        "CUE at 20 degC, least squares over all rows",
        0.475,
        "1",
        QIAO,
        _cue_at(20.0, "substrate_label"),
        "least squares over all rows mixes differences within and between studies; ours is learned within studies",
    ),
    Published(
        "cue_slope",
        "cue",
        "change of CUE per degree, least squares over all rows",
        -0.016,
        "1/degC",
        QIAO,
        take("temperature_slope", measurement_method="substrate_label"),
        "least squares over all rows mixes differences within and between studies; ours is learned within studies",
    ),
    Published(
        "cue_maximum",
        "cue",
        "thermodynamic maximum of CUE",
        0.60,
        "1",
        SINSABAUGH,
        take("cue_by_method", measurement_method="substrate_label"),
        "a limit from theory; labelled substrate that is taken up and not yet respired counts as growth",
        role="maximum",
    ),
    Published(
        "cue_limited",
        "cue",
        "expected CUE when several resources limit growth",
        0.30,
        "1",
        SINSABAUGH,
        take("cue_by_method", measurement_method="water_18O"),
        "theirs comes from theory; 18O in water sees growth without added substrate",
    ),
    Published(
        "cue_cropland",
        "cue",
        "mean CUE of farmland",
        0.39,
        "1",
        HE,
        take(_BY_ECOSYSTEM, measurement_method="water_18O", ecosystem="cropland"),
        _STOICHIOMETRIC,
    ),
    Published(
        "cue_forest",
        "cue",
        "mean CUE of forest",
        0.33,
        "1",
        HE,
        take(_BY_ECOSYSTEM, measurement_method="water_18O", ecosystem="forest"),
        _STOICHIOMETRIC,
    ),
    Published(
        "cue_grassland",
        "cue",
        "mean CUE of grassland",
        0.42,
        "1",
        HE,
        take(_BY_ECOSYSTEM, measurement_method="water_18O", ecosystem="grassland"),
        _STOICHIOMETRIC,
    ),
)
