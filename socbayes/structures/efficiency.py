"""Carbon use efficiency that answers some warming by another slope than the structure's own.

A structure answers every degree alike: that of a warm afternoon as that of a
warmer climate. Here warming is a driver of its own, for which the structure's
answer is taken off and another, on the logit of efficiency, is put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from socbayes.core.mathematics import clip, exp
from socbayes.core.structure import Driver, Efficiency, Flow, Names, Parameter, Structure, StructureError


def slope_of(response: str) -> str:
    """Name of the parameter that is the slope of a response.

    Examples
    --------
    >>> slope_of("acclimates")
    'acclimates_slope'
    """
    return f"{response}_slope"


def warming_of(response: str) -> str:
    """Name of the driver that is the warming which efficiency answers by a response.

    Examples
    --------
    >>> warming_of("acclimates")
    'acclimates_warming'
    """
    return f"{response}_warming"


def with_responses(structure: Structure, responses: tuple[str, ...]) -> Structure:
    r"""Structure whose efficiency answers warming by slopes that are given, not by its own.

    Each response has a driver, the part of ``temperature`` that it is about, degC, and a parameter, the change of the
    logit of efficiency per degree of it; both are zero unless given, and then nothing changes, to the last bit. With
    :math:`e` the structure's efficiency at the temperature without the warming :math:`w`, it becomes
    :math:`1 / (1 + (1 / e - 1) \exp(-slope\, w))`.

    Parameters
    ----------
    structure
        One that says how its efficiency answers temperature.
    responses
        Their names.

    Raises
    ------
    StructureError
        If the structure does not say how its efficiency answers temperature.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_responses(get("mcp"), ("acclimates",)).driver_names[-1]
    'acclimates_warming'
    """
    told = structure.efficiency
    if told is None:
        raise StructureError(f"{structure.name}: has no carbon use efficiency that answers temperature")

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        warming = sum(u[warming_of(name)] for name in responses)
        answer = sum(p[slope_of(name)] * u[warming_of(name)] for name in responses)
        own = {name: p[name] for name in structure.parameter_names}
        rest = {name: u[name] for name in structure.driver_names}
        own[told.level] = _level(told, own, u.temperature, warming, answer)
        yield from structure.flows(x, Names("parameter", own), Names("driver", rest))

    slopes = tuple(
        Parameter(slope_of(name), "1/delta_degC", 0.0, "none unless given", meaning="Change of logit efficiency.")
        for name in responses
    )
    warmings = tuple(Driver(warming_of(name), "delta_degC", "Part of the temperature.", 0.0) for name in responses)
    return replace(
        structure, parameters=(*structure.parameters, *slopes), drivers=(*structure.drivers, *warmings), flows=flows,
        reports=None,
    )  # fmt: skip


def _level(told: Efficiency, p: Mapping[str, Any], temperature: Any, warming: Any, answer: Any) -> Any:
    """Efficiency at the reference temperature that makes a structure answer as told; itself without warming."""
    level, taken_off = p[told.level], told.sign * p[told.slope] * warming
    if told.logit:
        return level / (level + (1.0 - level) * exp(taken_off - answer))
    # Where the authors let a line run out of 0 to 1, there is no logit, and no more than the line is taken off.
    before = clip(level + told.sign * p[told.slope] * (temperature - warming - p[told.reference]), 0.0, 1.0)
    after = before / (before + (1.0 - before) * exp(-answer))
    return level - taken_off + (after - before)


__all__ = ["slope_of", "warming_of", "with_responses"]
