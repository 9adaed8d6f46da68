"""Structures whose drivers carry a factor of each site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from socbayes.core.structure import Flow, Names, Parameter, Structure, StructureError, unknown


def with_factors(structure: Structure, factors: Mapping[str, str]) -> Structure:
    """Structure in which some drivers are multiplied by parameters.

    An uncertain carbon input is data times a random factor. As a parameter the
    factor leaves the drivers data: a gradient with respect to one number per
    site, not to a number per site and month.

    Parameters
    ----------
    structure
        Any structure.
    factors
        Name of the new parameter by name of the driver it multiplies; drivers
        may share a parameter.

    Returns
    -------
    Structure
        With further parameters, one by default.

    Raises
    ------
    StructureError
        For a name that is not a driver of the structure.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_factors(get("icbm"), {"carbon_input": "input_factor"}).parameter_names[-1]
    'input_factor'
    """
    for name in factors:
        if name not in structure.driver_names:
            raise StructureError(f"{structure.name}: " + unknown("driver", name, structure.driver_names))

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        driven = {name: u[name] * p[factors[name]] if name in factors else u[name] for name in structure.driver_names}
        yield from structure.flows(x, p, Names("driver", driven))

    new = tuple(
        Parameter(name, "1", 1.0, "a factor, one unless given", 0.0, meaning="Factor of a driver.")
        for name in dict.fromkeys(factors.values())
    )
    return replace(structure, parameters=(*structure.parameters, *new), flows=flows, reports=None)


__all__ = ["with_factors"]
