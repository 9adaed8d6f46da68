"""Published results on priming to set beside ours."""

from __future__ import annotations

from socbayes.published import Published, take

LITTER = (
    "Global pattern of soil priming effect intensity and its environmental drivers, 2022, Ecology 103(11):e3790, "
    "doi:10.1002/ecy.3790"
)
SYNTHESIS = (
    "Positive soil priming effects are the rule at a global scale, 2024, Global Change Biology, doi:10.1111/gcb.17502"
)
HUO = "Huo, Luo and Cheng 2017, Soil Biology and Biochemistry 111:78-84, doi:10.1016/j.soilbio.2017.04.003"

_NEW_STUDY = "theirs is a mean over studies, ours the range to expect in one soil of a new study"

PUBLISHED = (
    Published(
        "priming_litter",
        "priming",
        "log response ratio to litter, all soils",
        0.35,
        "1",
        LITTER,
        take("priming_log_ratio_new_study"),
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
        take("priming_log_ratio_new_study"),
        _NEW_STUDY,
    ),
    Published(
        "priming_uncultivated",
        "priming",
        "log response ratio to litter, uncultivated soils",
        0.28,
        "1",
        LITTER,
        take("priming_log_ratio_new_study"),
        _NEW_STUDY,
    ),
    Published(
        "priming_synthesis",
        "priming",
        "change of native CO2 over all organic inputs",
        37.0,
        "percent",
        SYNTHESIS,
        take("priming_percent_new_study"),
        _NEW_STUDY,
    ),
    Published(
        "priming_rhizosphere",
        "priming",
        "rhizosphere priming",
        59.0,
        "percent",
        HUO,
        take("priming_percent_new_study"),
        "theirs is priming by living roots, ours by additions in jars without plants",
    ),
)
