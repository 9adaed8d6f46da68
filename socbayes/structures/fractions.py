"""Which pools of a structure a laboratory sees in which fraction.

A fraction is a weighted sum of pools. Pools are ideas and fractions are
recipes of sieves and acids, so every mapping is an assumption:

- **rothc**: particulate carbon is plant material (DPM, RPM), resistant carbon
  is IOM, humus is what is left (Skjemstad et al. 2004, Australian Journal of
  Soil Research 42:79-88, who matched RPM, HUM and IOM to fractions).
- **icbm** and the two-pool structures: young or fast carbon is particulate, the
  rest mineral-associated.
- **century**: soil litter and the slow pool are particulate (Cambardella and
  Elliott 1992, Soil Science Society of America Journal 56:777-783, for the
  slow pool), active and passive mineral-associated; surface litter is not in a
  soil sample.
- **millennial**: aggregates are neither; they are shared out as they break up, a
  third particulate.
- **mcp**: free necromass is particulate; necromass is free and mineral-bound.

The papers are cited as the field quotes them; the texts were not at hand to
check the wording. What cites none is our reading of the pools.

The total is the sum of all pools unless the mapping says otherwise, biomass
and necromass are what the structure declares them to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from socbayes.core.structure import Structure, StructureError, unknown

Fraction = Sequence[str] | Mapping[str, float]
"""Pools that make up a fraction, or weights by pool."""

FRACTION_NAMES = ("total", "particulate", "mineral_associated", "humus", "resistant", "microbial", "necromass")
"""Fractions that field tables may hold."""

_FAST_AND_SLOW: dict[str, Fraction] = {"particulate": ("fast",), "mineral_associated": ("slow",)}
_MILLENNIAL: dict[str, Fraction] = {
    "particulate": {"particulate": 1.0, "aggregates": 0.33},
    "mineral_associated": {"mineral": 1.0, "aggregates": 0.67},
}
_SOIL_LITTER = ("soil_structural", "soil_metabolic")

FRACTIONS: dict[str, dict[str, Fraction]] = {
    "rothc": {
        "particulate": ("dpm", "rpm"),
        "humus": ("bio", "hum"),
        "resistant": ("iom",),
        "mineral_associated": ("bio", "hum", "iom"),
    },
    "icbm": {"particulate": ("young",), "mineral_associated": ("old",)},
    "two_pool_parallel": _FAST_AND_SLOW,
    "two_pool_series": _FAST_AND_SLOW,
    "two_pool_feedback": _FAST_AND_SLOW,
    "century": {
        "total": (*_SOIL_LITTER, "active", "slow", "passive"),
        "particulate": (*_SOIL_LITTER, "slow"),
        "mineral_associated": ("active", "passive"),
    },
    "millennial": _MILLENNIAL,
    "millennial_eca": _MILLENNIAL,
    "millennial_lin": _MILLENNIAL,
    "mcp": {
        "particulate": ("particulate", "necromass"),
        "mineral_associated": ("mineral_necromass", "mineral_plant"),
    },
}


def fraction_weights(structure: Structure, fractions: Mapping[str, Fraction] | None = None) -> dict[str, np.ndarray]:
    """Weight of every pool in every fraction the structure can show; each (pool,).

    Parameters
    ----------
    structure
        Any structure, also one that is not in :data:`FRACTIONS`.
    fractions
        Mapping that replaces or adds to the known one.

    Returns
    -------
    dict
        By fraction; the total is always there.

    Raises
    ------
    StructureError
        For a fraction or a pool that does not exist.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> fraction_weights(get("rothc"))["particulate"].tolist()
    [1.0, 1.0, 0.0, 0.0, 0.0]
    """
    known: dict[str, Fraction] = {"total": structure.pools}
    if structure.microbial:
        known["microbial"] = structure.microbial
    if structure.necromass:
        known["necromass"] = structure.necromass
    if structure.inert:
        known["resistant"] = structure.inert
    known |= FRACTIONS.get(structure.name, {})
    for name in fractions or {}:
        if name not in FRACTION_NAMES:
            raise StructureError(f"{structure.name}: " + unknown("fraction", name, FRACTION_NAMES))
    weights = {}
    for name, parts in (known | dict(fractions or {})).items():
        shares = dict(parts) if isinstance(parts, Mapping) else dict.fromkeys(parts, 1.0)
        for pool in shares:
            if pool not in structure.pools:
                raise StructureError(f"{structure.name}, fraction {name!r}: " + unknown("pool", pool, structure.pools))
        weights[name] = np.array([shares.get(pool, 0.0) for pool in structure.pools])
    return weights


__all__ = ["FRACTIONS", "FRACTION_NAMES", "Fraction", "fraction_weights"]
