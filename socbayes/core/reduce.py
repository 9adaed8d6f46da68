"""Structures with some of their pools left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from socbayes.core.structure import Flow, Fraction, Names, Structure, StructureError, unknown


def without(structure: Structure, pools: Sequence[str]) -> Structure:
    """Structure that lacks some pools, and the flows from and into them.

    For questions in which a pool takes no part: mineral-associated carbon in
    an incubation of days, for example. Where the rates of other flows read the
    pool, it is empty. Fractions lack the pools too, and those of no other pool
    go; amendments enter the pools that are left of those they entered, by their
    shares; parameters, drivers and what is said of them stay.

    Parameters
    ----------
    structure
        Any structure without a label.
    pools
        Names of the pools to leave out.

    Raises
    ------
    StructureError
        For a name that is not a pool of the structure.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> without(get("mcp"), ["mineral_necromass", "mineral_plant"]).pools
    ('particulate', 'dissolved', 'microbes', 'necromass')
    """
    if structure.labelled:
        raise StructureError(f"{structure.name} is labelled: leave pools out first, then label what is left")
    for name in pools:
        if name not in structure.pools:
            raise StructureError(f"{structure.name}: " + unknown("pool", name, structure.pools))

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        everything = {name: 0.0 if name in pools else x[name] for name in structure.pools}
        for flow in structure.flows(Names("pool", everything), p, u):
            if flow.source not in pools and flow.target not in pools:
                yield flow

    left_flows = {f.called for f in structure.trace.flows if f.source not in pools and f.target not in pools}

    def kept(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in pools)

    def rest(parts: Fraction) -> Fraction:
        if isinstance(parts, Mapping):
            return {name: weight for name, weight in parts.items() if name not in pools}
        return kept(parts)

    # What would enter a pool that is left out enters the others, by their shares.
    entries = {name: _whole(rest(parts)) for name, parts in structure.entries.items()}
    return replace(
        structure,
        name=f"{structure.name} without {', '.join(pools)}",
        pools=kept(structure.pools),
        flows=flows,
        reports=None,
        microbial=kept(structure.microbial),
        necromass=kept(structure.necromass),
        inert=kept(structure.inert),
        dissolved=kept(structure.dissolved),
        activities=kept(structure.activities),
        meters=tuple(name for name in structure.meters if name in left_flows),
        fractions={name: left for name, parts in structure.fractions.items() if (left := rest(parts))},
        entries=entries if all(entries.values()) else {},  # else what is spread has no pool to enter
    )


def _whole(parts: Fraction) -> Fraction:
    """Shares over their sum."""
    if not isinstance(parts, Mapping):
        return parts
    total = sum(parts.values())
    return {name: share / total for name, share in parts.items()}
