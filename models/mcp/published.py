"""Published results on the carbon pump to set beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socbayes.published import Draws, Published, percent

if TYPE_CHECKING:
    import xarray as xr

WANG = "Wang B. et al. 2021, Soil Biology and Biochemistry, doi:10.1016/j.soilbio.2021.108422"
ZHOU = "Zhou R. et al. 2023, Global Change Biology 29:1998-2014, doi:10.1111/gcb.16613"

_NECROMASS = "theirs is a weighted mean over pairs, ours the average study with shared controls allowed for"


def _share(ecosystem: str) -> Draws:
    """Mean necromass share of an ecosystem in percent."""

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        return 100 * posterior["necromass_share_mean"].sel(ecosystem=ecosystem)

    return ours


PUBLISHED = (
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
        percent("log_ratio", practice="no_tillage", response="necromass"),
        "ours is no tillage alone; " + _NECROMASS,
    ),
    Published(
        "necromass_cover_crop",
        "mcp",
        "change of necromass with cover crops",
        14.0,
        "percent",
        ZHOU,
        percent("log_ratio", practice="cover_crop", response="necromass"),
        _NECROMASS,
    ),
    Published(
        "necromass_manure",
        "mcp",
        "change of necromass with manure",
        21.0,
        "percent",
        ZHOU,
        percent("log_ratio", practice="manure", response="necromass"),
        _NECROMASS,
    ),
    Published(
        "necromass_straw",
        "mcp",
        "change of necromass with straw",
        21.0,
        "percent",
        ZHOU,
        percent("log_ratio", practice="straw_return", response="necromass"),
        _NECROMASS,
    ),
)
