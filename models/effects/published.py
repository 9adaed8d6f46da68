"""Published results on effects of levers to set beside ours."""

from __future__ import annotations

from socbayes.published import Published, percent, take

COVER_CROPS = "Wooliver R. 2023, Agriculture, Ecosystems and Environment, S0167880923001561"
ELEVATED_CO2 = "Terrer C. et al. 2021, Nature 591:599-603, doi:10.1038/s41586-021-03306-8"
IPCC = "IPCC 2019 Refinement, volume 4, chapter 5, table 5.5, cool temperate moist"

_SAME_DATA = (
    "the same pairs; theirs takes imputed variances as known, ours learns them, and shared controls err together"
)
_FACTOR = "theirs is of stocks to 30 cm after 20 years in one climate, ours of what was sampled, anywhere"
_OF_ALL = "ours is of all ecosystems together"


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


def _factor(lever: str, what: str, factor: float, two_sd: float) -> Published:
    """A stock change factor, as change in percent; ``two_sd`` in percent of the factor."""
    return Published(
        f"ipcc_{lever}",
        "effects",
        f"change of organic carbon with {what}",
        round(100 * (factor - 1), 1),
        "percent",
        IPCC,
        percent("log_ratio", effect=_total(lever)),
        _FACTOR,
        lower=round(100 * (factor * (1 - two_sd / 100) - 1), 1),
        upper=round(100 * (factor * (1 + two_sd / 100) - 1), 1),
    )


PUBLISHED = (
    _cover_crop("total", "soil_organic_carbon", 0.0607, 0.0340, 0.0874),
    _cover_crop("particulate", "particulate_organic_carbon", 0.1354, 0.0763, 0.1946),
    _cover_crop("mineral", "mineral_associated_organic_carbon", 0.0534, 0.0163, 0.0905),
    _factor("no_tillage", "no tillage", 1.09, 4),
    _factor("reduced_tillage", "reduced tillage", 1.04, 4),
    _factor("manure", "manure and high input (over medium input)", 1.44, 13),
    _factor("cultivation", "annual crops on native land", 0.70, 12),
    Published(
        "elevated_co2_grassland",
        "effects",
        "change of organic carbon under elevated CO2, grassland",
        8.0,
        "percent",
        ELEVATED_CO2,
        percent("log_ratio", effect=_total("elevated_co2")),
        _OF_ALL,
    ),
    Published(
        "elevated_co2_forest",
        "effects",
        "change of organic carbon under elevated CO2, forest",
        0.0,
        "percent",
        ELEVATED_CO2,
        percent("log_ratio", effect=_total("elevated_co2")),
        _OF_ALL,
    ),
)
