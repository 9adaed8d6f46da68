"""Published results on effects of levers to set beside ours."""

from __future__ import annotations

import numpy as np

from socbayes.published import Published, percent, take

COVER_CROPS = "Wooliver R. 2023, Agriculture, Ecosystems and Environment, S0167880923001561"
ELEVATED_CO2 = "Terrer C. et al. 2021, Nature 591:599-603, doi:10.1038/s41586-021-03306-8"
IPCC = "IPCC 2019 Refinement, volume 4, chapter 5, table 5.5, cool temperate moist"

_SAME_DATA = (
    "the same pairs; theirs takes imputed variances as known, ours learns them, and shared controls err together"
)
_FACTOR = "theirs is of stocks to 30 cm after 20 years in one climate, ours of what was sampled, anywhere"
_CULTIVATED = (
    "theirs is of stocks to 30 cm in one climate; half of the pairs of ours are of forest, most of it tropical"
)
_RESIDUES = "theirs is high over medium input of any kind, ours straw left over straw taken away; else as for tillage"
_GRAZED = "theirs is of high intensity, ours of any, of stocks to 30 cm, and of land that was compared with native land"
_RESTORED = "theirs is the ratio of two factors, that of land set aside over that of annual crops; ours of any age"
_OF_ALL = (
    "ours is of all ecosystems together, and theirs prints plus or minus 2, taken for a standard error: the same "
    "rows of grassland, pooled with their variances, have one of 2.4"
)


def _total(lever: str) -> str:
    """Label of the effect of a lever on total organic carbon."""
    return f"{lever}: soil_organic_carbon"


def _cover_crop(key: str, fraction: str, value: float, lower: float, upper: float) -> Published:
    """Log response ratio of a fraction under cover crops."""
    return Published(
        f"cover_crop_{key}",
        "effects",
        f"log ratio of {fraction.replace('_', ' ')} under cover crops",
        value,
        "1",
        COVER_CROPS,
        take("log_ratio", effect=f"cover_crop: {fraction}"),
        _SAME_DATA,
        lower=lower,
        upper=upper,
    )


def _factor(lever: str, what: str, factor: float, two_sd: float, caveat: str = _FACTOR) -> Published:
    """A stock change factor, as change in percent; ``two_sd`` in percent of the factor."""
    return Published(
        f"ipcc_{lever}",
        "effects",
        f"change of organic carbon with {what}",
        round(100 * (factor - 1), 1),
        "percent",
        IPCC,
        percent("log_ratio", effect=_total(lever)),
        caveat,
        lower=round(100 * (factor * (1 - two_sd / 100) - 1), 1),
        upper=round(100 * (factor * (1 + two_sd / 100) - 1), 1),
    )


def _elevated_co2(ecosystem: str, value: float, standard_error: float) -> Published:
    """Change under elevated CO2 in an ecosystem, percent."""
    return Published(
        f"elevated_co2_{ecosystem}",
        "effects",
        f"change of organic carbon under elevated CO2, {ecosystem}",
        value,
        "percent",
        ELEVATED_CO2,
        percent("log_ratio", effect=_total("elevated_co2")),
        _OF_ALL,
        lower=round(value - 1.96 * standard_error, 1),
        upper=round(value + 1.96 * standard_error, 1),
    )


ANNUAL_CROPS, SET_ASIDE = (0.70, 12), (0.82, 17)
"""Factors of land use over native land, and two standard deviations in percent of them."""

PUBLISHED = (
    _cover_crop("total", "soil_organic_carbon", 0.0607, 0.0340, 0.0874),
    _cover_crop("particulate", "particulate_organic_carbon", 0.1354, 0.0763, 0.1946),
    _cover_crop("mineral", "mineral_associated_organic_carbon", 0.0534, 0.0163, 0.0905),
    _factor("no_tillage", "no tillage", 1.09, 4),
    _factor("reduced_tillage", "reduced tillage", 1.04, 4),
    _factor("manure", "manure and high input (over medium input)", 1.44, 13),
    _factor("residue_return", "high input without manure (over medium input)", 1.11, 10, _RESIDUES),
    _factor("cultivation", "annual crops on native land", *ANNUAL_CROPS, _CULTIVATED),
    _factor("grazing_of_native_land", "intensive grazing of native grassland", 0.90, 8, _GRAZED),
    _factor(
        "grassland_restoration",
        "cropland set aside for 20 years",
        SET_ASIDE[0] / ANNUAL_CROPS[0],
        float(np.hypot(SET_ASIDE[1], ANNUAL_CROPS[1])),
        _RESTORED,
    ),
    _elevated_co2("grassland", 8.0, 2.0),
    _elevated_co2("forest", 0.0, 2.0),
)
