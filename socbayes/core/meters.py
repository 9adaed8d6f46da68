"""Flows of a structure as outputs: how much carbon each has moved, and its rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from socbayes.core.doors import structure_called
from socbayes.core.structure import Structure, StructureError, unknown


def with_flows(structure: Structure | str, names: Sequence[str]) -> Structure:
    """Structure that gives out some of its flows beside its pools and sinks.

    Each flow is a state more, the carbon that it has moved since the start: exactly what the scheme moved, in runs of
    :func:`socbayes.core.integrate` with its gradient, and in those of :func:`socbayes.structures.simulate`, which has
    its rate too, as ``<flow>_rate``.

    Parameters
    ----------
    structure
        Any structure, or the name of a published one.
    names
        Flows by name, one of ``structure.flow_names`` each.

    Returns
    -------
    Structure

    Raises
    ------
    StructureError
        For a name that no flow has, with the nearest that one has.

    Examples
    --------
    >>> from socbayes.structures import simulate
    >>> icbm = with_flows("icbm", ["young_to_old"])
    >>> icbm.state
    ('young', 'old', 'co2', 'young_to_old')
    >>> run = simulate(icbm, {"carbon_input": 0.2}, initial={"young": 0.3, "old": 4.0}, times=[0, 10])
    >>> run["young_to_old"].to_numpy().round(3).ravel().tolist(), run["young_to_old_rate"].attrs["units"]
    ([0.0, 0.256], 'kg/m**2/year')
    """
    structure = structure_called(structure)
    chosen = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in structure.flow_names:
            raise StructureError(f"{structure.name}: " + unknown("flow", str(name), structure.flow_names))
    unit = f"{structure.carbon_unit}/{structure.time_unit}"
    plain = structure.reports

    def reports(x: Any, p: Any, u: Any) -> Mapping[str, tuple[str, Any]]:
        found = dict(plain(x, p, u)) if plain else {}
        rates: dict[str, Any] = {}
        for flow in structure.flows(x, p, u):
            rates[flow.called] = rates[flow.called] + flow.rate if flow.called in rates else flow.rate
        return found | {f"{name}_rate": (unit, rates[name]) for name in chosen}

    new = tuple(name for name in chosen if name not in structure.meters)
    return replace(structure, meters=structure.meters + new, reports=reports)


__all__ = ["with_flows"]
