"""Structures whose drivers and parameters carry a factor of each site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from socbayes.core.structure import Driver, Flow, Names, Parameter, Structure, StructureError, unknown


def with_factors(structure: Structure, factors: Mapping[str, str], periods: int = 1) -> Structure:
    """Structure in which some drivers and parameters are multiplied by new parameters.

    An uncertain carbon input is data times a random factor. As a parameter the
    factor leaves the drivers data: a gradient with respect to one number per
    site, not to a number per site and month.

    Parameters
    ----------
    structure
        Any structure.
    factors
        Name of the new parameter by name of the driver or parameter it
        multiplies; several may share one.
    periods
        How many values each factor takes in time. With more than one, factors
        are called ``factor_1``, ``factor_2`` and so on, and each holds where a
        new driver ``period_1``, ``period_2`` and so on is one; the others are
        zero there.

    Returns
    -------
    Structure
        With further parameters, one by default.

    Raises
    ------
    StructureError
        For a name that is neither a driver nor a parameter of the structure.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_factors(get("icbm"), {"carbon_input": "input_factor"}).parameter_names[-1]
    'input_factor'
    >>> with_factors(get("icbm"), {"k1": "rate_factor"}, periods=2).parameter_names[-2:]
    ('rate_factor_1', 'rate_factor_2')
    """
    known = (*structure.driver_names, *structure.parameter_names)
    for name in factors:
        if name not in known:
            raise StructureError(f"{structure.name}: " + unknown("driver or parameter", name, known))
    numbers = range(1, periods + 1)

    def parts(factor: str) -> list[str]:
        return [factor] if periods == 1 else [f"{factor}_{number}" for number in numbers]

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        def at(factor: str) -> Any:
            return p[factor] if periods == 1 else sum(p[f"{factor}_{k}"] * u[f"period_{k}"] for k in numbers)

        now = {factor: at(factor) for factor in dict.fromkeys(factors.values())}

        def factored(names: tuple[str, ...], values: Any) -> dict[str, Any]:
            return {name: values[name] * now[factors[name]] if name in factors else values[name] for name in names}

        driven = Names("driver", factored(structure.driver_names, u))
        yield from structure.flows(x, Names("parameter", factored(structure.parameter_names, p)), driven)

    new = tuple(
        Parameter(name, "1", 1.0, "a factor, one unless given", 0.0, meaning="Factor of a driver or parameter.")
        for factor in dict.fromkeys(factors.values())
        for name in parts(factor)
    )
    when = [Driver(f"period_{k}", "1", "Whether it is this period.", None, 0.0, 1.0) for k in numbers if periods > 1]
    return replace(
        structure,
        parameters=(*structure.parameters, *new),
        drivers=(*structure.drivers, *when),
        flows=flows,
        reports=None,
    )


__all__ = ["with_factors"]
