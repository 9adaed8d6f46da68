"""Published results to set beside ours: cited facts, and the quantity of a fit each is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

type Draws = Callable[["xr.Dataset"], "xr.DataArray"]

QIAO = "Qiao et al. 2019, Scientific Reports 9:5621, doi:10.1038/s41598-019-42145-6"
SINSABAUGH = "Sinsabaugh et al. 2013, Ecology Letters 16:930-939"
HE = "He et al. 2023, Global Change Biology, doi:10.1111/gcb.16861"
LITTER = (
    "Global pattern of soil priming effect intensity and its environmental drivers, 2022, Ecology 103(11):e3790, "
    "doi:10.1002/ecy.3790"
)
SYNTHESIS = (
    "Positive soil priming effects are the rule at a global scale, 2024, Global Change Biology, doi:10.1111/gcb.17502"
)
HUO = "Huo, Luo and Cheng 2017, Soil Biology and Biochemistry 111:78-84, doi:10.1016/j.soilbio.2017.04.003"
WANG = "Wang B. et al. 2021, Soil Biology and Biochemistry, doi:10.1016/j.soilbio.2021.108422"
ZHOU = "Zhou R. et al. 2023, Global Change Biology 29:1998-2014, doi:10.1111/gcb.16613"

_TYPICAL = "theirs is a mean over published rows, ours holds for the typical study at 15 degC and 24 h"
_STOICHIOMETRIC = "theirs comes from enzyme stoichiometry, a method our table does not hold; ours from 18O in water"
_NEW_STUDY = "theirs is a mean over studies, ours the range to expect in one soil of a new study"
_NECROMASS = "theirs is a weighted mean over pairs, ours the average study with shared controls allowed for"


@dataclass(frozen=True)
class Published:
    """One published number.

    Parameters
    ----------
    key
        Short name, unique.
    model
        Model whose fits it is compared with.
    what
        What the number is.
    value
        The number, in ``unit``.
    unit
        Unit of the number; ``"1"`` for a fraction or a log ratio.
    citation
        Where it was published.
    ours
        Takes a posterior and returns the draws to compare with.
    caveat
        Why the two need not agree.
    lower, upper
        Printed 95 % confidence limits, where there are any.
    role
        ``"estimate"``, or ``"maximum"`` for a limit that values stay below.
    """

    key: str
    model: str
    what: str
    value: float
    unit: str
    citation: str
    ours: Draws
    caveat: str
    lower: float | None = None
    upper: float | None = None
    role: str = "estimate"


def _take(name: str, **labels: str) -> Draws:
    """Draws of one number of a posterior."""

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        return posterior[name].sel(labels)

    return ours


def _percent(name: str, **labels: str) -> Draws:
    """Draws of a log ratio as change in percent."""

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        change: Any = 100 * np.expm1(posterior[name].sel(labels))
        return change

    return ours


def _cue_at(temperature: float, method: str) -> Draws:
    """CUE in the typical study at a temperature."""
    from socbayes.models.cue.baseline import REFERENCE_TEMPERATURE

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        warmth = temperature - REFERENCE_TEMPERATURE
        logit = (
            posterior["level"].sel({"measurement_method": method})
            + posterior["slope_method"].sel({"measurement_method": method}) * warmth
        )
        probability: Any = 1 / (1 + np.exp(-logit))
        return probability

    return ours


def _share(ecosystem: str) -> Draws:
    """Mean necromass share of an ecosystem in percent."""

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        return 100 * posterior["necromass_share_mean"].sel(ecosystem=ecosystem)

    return ours


_BY_ECOSYSTEM = "cue_by_method_and_ecosystem"

PUBLISHED = (
    Published(
        "cue_mean",
        "cue",
        "mean CUE of soils",
        0.50,
        "1",
        QIAO,
        _take("cue_by_method", measurement_method="substrate_label"),
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
        _take("temperature_slope", measurement_method="substrate_label"),
        "least squares over all rows mixes differences within and between studies; ours is learned within studies",
    ),
    Published(
        "cue_maximum",
        "cue",
        "thermodynamic maximum of CUE",
        0.60,
        "1",
        SINSABAUGH,
        _take("cue_by_method", measurement_method="substrate_label"),
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
        _take("cue_by_method", measurement_method="water_18O"),
        "theirs comes from theory; 18O in water sees growth without added substrate",
    ),
    Published(
        "cue_cropland",
        "cue",
        "mean CUE of farmland",
        0.39,
        "1",
        HE,
        _take(_BY_ECOSYSTEM, measurement_method="water_18O", ecosystem="cropland"),
        _STOICHIOMETRIC,
    ),
    Published(
        "cue_forest",
        "cue",
        "mean CUE of forest",
        0.33,
        "1",
        HE,
        _take(_BY_ECOSYSTEM, measurement_method="water_18O", ecosystem="forest"),
        _STOICHIOMETRIC,
    ),
    Published(
        "cue_grassland",
        "cue",
        "mean CUE of grassland",
        0.42,
        "1",
        HE,
        _take(_BY_ECOSYSTEM, measurement_method="water_18O", ecosystem="grassland"),
        _STOICHIOMETRIC,
    ),
    Published(
        "priming_litter",
        "priming",
        "log response ratio to litter, all soils",
        0.35,
        "1",
        LITTER,
        _take("priming_log_ratio_new_study"),
        _NEW_STUDY,
        lower=0.32,
        upper=0.38,
    ),
    Published(
        "priming_agricultural",
        "priming",
        "log response ratio to litter, agricultural soils",
        0.43,
        "1",
        LITTER,
        _take("priming_log_ratio_new_study"),
        _NEW_STUDY,
    ),
    Published(
        "priming_uncultivated",
        "priming",
        "log response ratio to litter, uncultivated soils",
        0.28,
        "1",
        LITTER,
        _take("priming_log_ratio_new_study"),
        _NEW_STUDY,
    ),
    Published(
        "priming_synthesis",
        "priming",
        "change of native CO2 over all organic inputs",
        37.0,
        "percent",
        SYNTHESIS,
        _take("priming_percent_new_study"),
        _NEW_STUDY,
    ),
    Published(
        "priming_rhizosphere",
        "priming",
        "rhizosphere priming",
        59.0,
        "percent",
        HUO,
        _take("priming_percent_new_study"),
        "theirs is priming by living roots, ours by additions in jars without plants",
    ),
    Published(
        "share_cropland",
        "mcp",
        "necromass share of cropland, 0-20 cm",
        51.0,
        "percent",
        WANG,
        _share("cropland"),
        "both rest on amino sugars; ours is at 10 cm and 20 % clay, averaged over the studies of the data",
    ),
    Published(
        "share_grassland",
        "mcp",
        "necromass share of grassland, 0-20 cm",
        47.0,
        "percent",
        WANG,
        _share("grassland"),
        "both rest on amino sugars; ours is at 10 cm and 20 % clay, averaged over the studies of the data",
    ),
    Published(
        "share_forest",
        "mcp",
        "necromass share of forest, 0-20 cm",
        35.0,
        "percent",
        WANG,
        _share("forest"),
        "both rest on amino sugars; ours is at 10 cm and 20 % clay, averaged over the studies of the data",
    ),
    Published(
        "necromass_no_tillage",
        "mcp",
        "change of necromass with no or reduced tillage",
        20.0,
        "percent",
        ZHOU,
        _percent("log_ratio", practice="no_tillage", response="necromass"),
        "ours is no tillage alone; " + _NECROMASS,
    ),
    Published(
        "necromass_cover_crop",
        "mcp",
        "change of necromass with cover crops",
        14.0,
        "percent",
        ZHOU,
        _percent("log_ratio", practice="cover_crop", response="necromass"),
        _NECROMASS,
    ),
    Published(
        "necromass_manure",
        "mcp",
        "change of necromass with manure",
        21.0,
        "percent",
        ZHOU,
        _percent("log_ratio", practice="manure", response="necromass"),
        _NECROMASS,
    ),
    Published(
        "necromass_straw",
        "mcp",
        "change of necromass with straw",
        21.0,
        "percent",
        ZHOU,
        _percent("log_ratio", practice="straw_return", response="necromass"),
        _NECROMASS,
    ),
)
"""Every published number a report sets beside ours."""


def published_value(key: str) -> Published:
    """Find the published number called ``key``.

    Examples
    --------
    >>> published_value("share_cropland").value
    51.0
    """
    return next(number for number in PUBLISHED if number.key == key)
