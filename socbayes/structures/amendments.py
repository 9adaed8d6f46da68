"""What is spread on a field: the quality of each amendment, and the pools of any structure that its carbon enters.

One declaration serves all structures. The carbon of an amendment is

- humified: it enters slow carbon at once, or, of biochar, it persists;
- of the rest, resistant or labile, as litter is.

A structure says in :attr:`socbayes.core.structure.Structure.entries` which pools these are. The humified share ``s``
is what trials tell; it is a humification coefficient of ``s + (1 - s) h`` in ICBM, whose plants have ``h`` = 0.125,
and the published coefficients are turned into shares by that. Persistent carbon is a pool of its own while a structure
runs, with a slow decay that nothing else in the soil changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import TYPE_CHECKING, Any

from socbayes.core.structure import INPUT, Driver, Flow, Fraction, Parameter, Structure, StructureError, unknown
from socbayes.datasets import learned_file
from socbayes.structures.forcing import month_length
from socbayes.vocabulary import AMENDMENTS

if TYPE_CHECKING:
    import pandas as pd

MANURE = "farmyard_manure"
"""The amendment that columns of manure are of."""
OF_PLANTS = 0.125
"""Humification coefficient of plants in ICBM: Andrén and Kätterer 1997, table 1."""
CHAR = "char"
"""Pool of persistent carbon while a structure runs."""
STORED = "biochar_persistence.json"
"""File of what :func:`socbayes.models.biochar.persistence.amendment` says of a new biochar."""


def _stored() -> dict[str, float]:
    """What is stored of a new biochar; refused where the file is not the one that the package was made with."""
    return dict(json.loads(learned_file(STORED))["amendment"])


_PERSISTENCE = _stored()
CHAR_DECAY = exp(_PERSISTENCE["log_decay"])
"""Decay of persistent carbon of a new biochar with H/C 0.4 at 15 degC, 1/year: median of decomposition series."""
CHAR_SPREAD = float(_PERSISTENCE["decay_spread"])
"""Standard deviation of its logarithm between biochars and studies."""
_SERIES = "two pools fitted to decomposition series of Azzi et al. 2024, Geoderma 441:116761 (models/biochar)"
_ULTUNA = (
    "humification coefficient of Kätterer et al. 2011, Agriculture, Ecosystems and Environment 141:184-192 (Ultuna), "
    "to the first digit, quoted without the original at hand"
)
_LITTER = "resistant as crop residues in RothC, DPM:RPM of 1.44"
_ASSUMED_SPREAD = "its spread is assumed"


@dataclass(frozen=True)
class Quality:
    """What becomes of the carbon of an amendment.

    Parameters
    ----------
    humification
        Published share of its carbon that becomes slow carbon, over all its way; of char, the persistent share.
    spread
        Standard deviation of the log-odds of the humified share between materials of the name.
    resistant
        Resistant share of what is not humified.
    source
        Of these numbers, "assumed" where there is none.
    persistent
        Whether what is humified is char.
    """

    humification: float
    spread: float
    resistant: float
    source: str
    persistent: bool = False

    @property
    def humified(self) -> float:
        """Share that enters slow carbon at once, or persists."""
        return self.humification if self.persistent else (self.humification - OF_PLANTS) / (1.0 - OF_PLANTS)

    @property
    def log_odds(self) -> float:
        """Of the humified share."""
        return log(self.humified / (1.0 - self.humified))


_RESISTANT_STRAW = 1.0 / 2.44

QUALITIES: dict[str, Quality] = {
    "straw": Quality(0.15, 0.7, _RESISTANT_STRAW, f"{_ULTUNA}; {_LITTER}; {_ASSUMED_SPREAD}"),
    "green_manure": Quality(0.15, 0.7, _RESISTANT_STRAW, f"{_ULTUNA}; {_LITTER}; {_ASSUMED_SPREAD}"),
    MANURE: Quality(
        0.3,
        0.7,
        0.5,
        f"{_ULTUNA}; as much resistant as labile in Coleman and Jenkinson 1999, RothC-26.3 manual, which has 0.02 of "
        f"it humified; {_ASSUMED_SPREAD}",
    ),
    "compost": Quality(
        0.4,
        0.9,
        0.7,
        "assumed: as manure in AMG (Saffih-Hdadi and Mary 2008, Soil Biology and Biochemistry 40:594-607), whose "
        "coefficient is of about a year, as composting has taken the labile carbon",
    ),
    "slurry": Quality(0.2, 0.9, 0.4, "assumed: between straw and farmyard manure, as it has no litter and more urine"),
    "digestate": Quality(0.3, 0.9, 0.6, "assumed: as farmyard manure, as digestion takes labile carbon of slurry"),
    "sewage_sludge": Quality(0.4, 0.7, 0.5, f"{_ULTUNA}; its resistant share and spread are assumed"),
    "peat": Quality(0.6, 0.7, 0.9, f"{_ULTUNA}; its resistant share and spread are assumed"),
    "sawdust": Quality(
        0.25, 0.9, 0.8, "assumed: above straw; resistant as woody litter in RothC, DPM:RPM of 0.25 (manual)"
    ),
    "biochar": Quality(
        1.0 / (1.0 + exp(-_PERSISTENCE["log_odds"])),
        float(_PERSISTENCE["spread"]),
        0.0,
        f"persistent share of a new biochar with H/C 0.4: {_SERIES}",
        True,
    ),
}
"""By name, in the order of the vocabulary."""
assert tuple(QUALITIES) == AMENDMENTS


def quality_table() -> pd.DataFrame:
    """Published qualities of amendments, which fits of field plots take for priors.

    Returns
    -------
    pandas.DataFrame
        By amendment: ``humification`` (in ICBM's sense; of biochar the persistent share), ``humified_share`` that
        enters slow carbon at once, ``lower`` and ``upper`` limits of its prior interval, ``resistant_share`` of the
        rest, and ``source``; shares are numbers between 0 and 1.

    Examples
    --------
    >>> quality_table().loc["peat", ["humification", "humified_share"]].astype(float).round(2).tolist()
    [0.6, 0.54]
    """
    import pandas as pd
    from scipy.special import expit
    from scipy.stats import norm

    from socbayes.vocabulary import CI_PROB

    width = norm.ppf(0.5 + CI_PROB / 2)
    rows = {
        name: {
            "humification": one.humification,
            "humified_share": one.humified,
            "lower": expit(one.log_odds - width * one.spread),
            "upper": expit(one.log_odds + width * one.spread),
            "resistant_share": one.resistant,
            "source": one.source,
        }
        for name, one in QUALITIES.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("amendment")


def takes_amendments(structure: Structure) -> bool:
    """Whether a structure says where the carbon of amendments enters.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> takes_amendments(get("icbm"))
    True
    """
    return bool(structure.entries)


def input_of(kind: str) -> str:
    """Name of the driver of an amendment."""
    return f"{kind}_input"


def char_decay(structure: Structure) -> float:
    """Decay of persistent carbon in the unit of time of a structure."""
    return CHAR_DECAY / (12.0 * month_length(structure))


def with_amendments(structure: Structure, kinds: Sequence[str]) -> Structure:
    """Structure on which amendments are spread, each with a driver and a quality of its own.

    Parameters
    ----------
    structure
        One that declares ``entries``.
    kinds
        Names of amendments.

    Returns
    -------
    Structure
        With a driver ``<kind>_input`` in its own units, and parameters ``<kind>_humified`` (a share) and
        ``<kind>_level`` (a factor on the driver) of each; with biochar also a pool ``char``, the last, which decays
        at ``char_decay``.

    Raises
    ------
    StructureError
        For an amendment that is not known, or a structure that does not say where it enters.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_amendments(get("icbm"), ["peat"]).parameter_names[-2:]
    ('peat_humified', 'peat_level')
    """
    if not kinds:
        return structure
    for kind in kinds:
        if kind not in QUALITIES:
            raise StructureError(f"{structure.name}: " + unknown("amendment", kind, QUALITIES))
    if not takes_amendments(structure):
        raise StructureError(f"{structure.name} does not say which pools amendments enter: declare its entries")
    char = any(QUALITIES[kind].persistent for kind in kinds)

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        yield from structure.flows(x, p, u)
        for kind in kinds:
            quality, spread = QUALITIES[kind], p[f"{kind}_level"] * u[input_of(kind)]
            kept = p[f"{kind}_humified"] * spread
            rest = (1.0 - p[f"{kind}_humified"]) * spread
            parts = [("labile", (1.0 - quality.resistant) * rest), ("resistant", quality.resistant * rest)]
            if quality.persistent:
                yield Flow(INPUT, CHAR, kept)
            else:
                parts.append(("humified", kept))
            for entry, amount in parts:
                if entry != "resistant" or quality.resistant > 0:
                    for pool, share in pool_shares(structure.entries[entry]).items():
                        yield Flow(INPUT, pool, share * amount)
        if char:
            yield Flow(CHAR, (structure.respired or structure.sinks)[0], p.char_decay * x[CHAR])

    decay = Parameter("char_decay", f"1/{structure.time_unit}", char_decay(structure), _SERIES, 0.0,
                      meaning="Decay of persistent carbon.")  # fmt: skip
    new = [
        parameter
        for kind in kinds
        for parameter in (
            Parameter(f"{kind}_humified", "1", QUALITIES[kind].humified, QUALITIES[kind].source, 0.0, 1.0,
                      "Share that enters slow carbon at once, or persists."),
            Parameter(f"{kind}_level", "1", 1.0, "a factor, one unless given", 0.0,
                      meaning="Factor of what is spread."),
        )
    ]  # fmt: skip
    unit = f"{structure.carbon_unit}/{structure.time_unit}"
    drivers = [Driver(input_of(kind), unit, f"Carbon of {kind.replace('_', ' ')}.", 0.0, lower=0.0) for kind in kinds]
    return replace(
        structure,
        pools=(*structure.pools, CHAR) if char else structure.pools,
        parameters=(*structure.parameters, *([decay] if char else []), *new),
        drivers=(*structure.drivers, *drivers),
        flows=flows,
        reports=None,
    )


def pool_shares(parts: Fraction) -> dict[str, float]:
    """Share of each pool that carbon enters; equal ones where none are stated.

    Parameters
    ----------
    parts
        Pools, or shares by pool.

    Examples
    --------
    >>> pool_shares(("fast", "slow"))
    {'fast': 0.5, 'slow': 0.5}
    """
    if isinstance(parts, Mapping):
        return dict(parts)
    return {pool: 1.0 / len(parts) for pool in parts}


__all__ = [
    "MANURE",
    "QUALITIES",
    "Quality",
    "input_of",
    "pool_shares",
    "quality_table",
    "takes_amendments",
    "with_amendments",
]
