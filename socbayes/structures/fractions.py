"""Which pools of a structure a laboratory sees in which fraction.

A fraction is a weighted sum of pools. Pools are ideas and fractions are
recipes of sieves and acids, so what a structure declares of them is an
assumption, with its reason beside it. The papers given there are cited as the
field quotes them; the texts were not at hand to check the wording. What cites
none is our reading of the pools.

The total is the sum of all pools unless the structure says otherwise; biomass,
necromass, resistant and water-extractable carbon are the pools it declares
microbial, necromass, inert and dissolved, as their kinds of observations say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from socbayes.core.structure import Fraction, Structure, StructureError, unknown
from socbayes.observations import OBSERVATIONS, Stock

STOCKS = tuple(kind for kind in OBSERVATIONS if isinstance(kind, Stock))
"""Kinds of observations that are carbon in some of the pools."""

FRACTION_NAMES = tuple(kind.name for kind in STOCKS)
"""Fractions that field tables may hold; a structure may declare others."""


def fraction_weights(
    structure: Structure,
    fractions: Mapping[str, Fraction] | None = None,
    names: Collection[str] = FRACTION_NAMES,
) -> dict[str, np.ndarray]:
    """Weight of every pool in every fraction the structure can show; each (pool,).

    Parameters
    ----------
    structure
        Any structure.
    fractions
        Mapping that replaces or adds to what the structure declares.
    names
        Fractions that ``fractions`` may add to those of the structure.

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
    implied = {kind.name: getattr(structure, kind.declared) for kind in STOCKS if kind.declared}
    shown: dict[str, Fraction] = {"total": structure.carbon_pools}
    shown |= {name: pools for name, pools in implied.items() if pools}
    shown |= structure.fractions
    known = dict.fromkeys((*names, *shown))
    for name in fractions or {}:
        if name not in known:
            raise StructureError(f"{structure.name}: " + unknown("fraction", name, known))
    weights = {}
    for name, parts in (shown | dict(fractions or {})).items():
        shares = dict(parts) if isinstance(parts, Mapping) else dict.fromkeys(parts, 1.0)
        for pool in shares:
            if pool not in structure.pools:
                raise StructureError(f"{structure.name}, fraction {name!r}: " + unknown("pool", pool, structure.pools))
        weights[name] = np.array([shares.get(pool, 0.0) for pool in structure.pools])
    return weights


__all__ = ["FRACTION_NAMES", "STOCKS", "fraction_weights"]
