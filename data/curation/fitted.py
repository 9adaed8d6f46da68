"""Syntheses that are fitted and not bundled, and what the licences file says of posteriors of them.

Their terms forbid repackaging or are not stated, so ``benchmarks/effect_sources.py``
reads them from their raw files and only what a posterior says of them is kept.
"""

from __future__ import annotations

from pathlib import Path

EFFECTS_FILE = "lever_effects.json"
"""What levers do, as ``benchmarks/effects.py`` writes it."""
EFFECT_TABLES = ("effect_pairs", "cover_crop_fractions", "elevated_co2_pairs", "necromass_pairs")
"""Bundled tables that are in every fit of it."""
NONE_STATED = "unstated (the repository states none)"

FITTED: dict[str, dict[str, str]] = {
    "AgEvidence": {
        "citation": "The Nature Conservancy and partners (2023) AgEvidence: tillage, cover crops and nutrients in the "
        "US Midwest and Kenya.",
        "path": "https://github.com/swood-ecology/AgEvidence",
        "licence": NONE_STATED,
    },
    "SoilHealthDB": {
        "citation": "Jian J., Du X., Stewart R.D. (2020) A database for global soil health assessment. Scientific "
        "Data 7:16.",
        "path": "https://github.com/jinshijian/SoilHealthDB",
        "licence": "free to use, commercially too, but not to be repackaged or sold without written permission",
    },
    "irrigation synthesis 2021": {
        "citation": "Emde D., Hannam K.D., Most I., Nelson L.M., Jones M.D. (2021) Soil organic carbon in irrigated "
        "agricultural systems: a meta-analysis. Global Change Biology.",
        "path": "https://github.com/dsemde/aggp2_meta-analysis",
        "licence": NONE_STATED,
    },
    "native and farmed pairs 2017": {
        "citation": "Sanderman J., Hengl T., Fiske G.J. (2017) Soil carbon debt of 12,000 years of human land use. "
        "PNAS 114:9575-9580. doi:10.1073/pnas.1706103114.",
        "path": "https://github.com/LeonardoNatale/soil-carbon",
        "licence": "unstated (the copy that was read states none; the archive of the authors was not opened)",
    },
    "forest to cropland 2014": {
        "citation": "Wei X., Shao M., Gale W., Li L. (2014) Global pattern of soil carbon losses due to the conversion "
        "of forests to agricultural land. Scientific Reports 4:4062.",
        "path": "https://github.com/chbianco/GCAM-SoilC-Dynamics",
        "licence": NONE_STATED,
    },
    "conversions 2000": {
        "citation": "Post W.M., Kwon K.C. (2000) Soil carbon sequestration and land-use change. Global Change Biology "
        "6:317-327.",
        "path": "https://github.com/chbianco/GCAM-SoilC-Dynamics",
        "licence": NONE_STATED,
    },
    "hedgerows 2022": {
        "citation": "Data of J. Chiartas et al. (2022) on hedgerows in California, in a repository of J. Spertus.",
        "path": "https://github.com/spertus/soil-carbon-statistics",
        "licence": NONE_STATED,
    },
    "grazing exclusion": {
        "citation": "Data on long-term grazing exclusion in degraded alpine grassland, 2019-2023; the repository names "
        "no authors.",
        "path": "https://github.com/ZXHM0112/Long-term-grazing-exclusion-fails-to-enhance-grassland-restoration",
        "licence": NONE_STATED,
    },
}
"""Citation, address and terms by the name that a compilation has in the pairs."""


def carried_text(folder: Path, resources: list[dict]) -> list[str]:
    """Lines on the posterior summaries that a folder of data holds, of what they were learned; none where none is.

    Parameters
    ----------
    folder
        Folder of the bundled tables.
    resources
        Entries of the bundled tables in the metadata, with ``name`` and ``commercial_use``.
    """
    file = folder / EFFECTS_FILE
    if not file.exists():
        return []
    named = file.read_text("utf-8")
    uses = {entry["name"]: entry["commercial_use"] for entry in resources}
    tables = ", ".join(f"`{name}` (commercial use {uses[name]})" for name in EFFECT_TABLES)
    found = {name: source for name, source in FITTED.items() if name in named}
    lines = [
        "",
        f"## {EFFECTS_FILE}",
        "",
        "No table: summaries of a posterior, of which no source can be had back. It was learned from the tables",
        f"{tables}.",
        "Treat it as bound by the terms of the strictest of them.",
    ]
    if found:
        lines += [
            "It was also learned from syntheses that are not bundled, as their terms forbid it or are not stated:",
            "",
            *(
                f"- {name}: {one['citation']} <{one['path']}>. Licence: {one['licence']}."
                for name, one in found.items()
            ),
        ]
    return lines
