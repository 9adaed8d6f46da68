"""What is checked of what a caller gives to a structure: names, numbers and their bounds, steps and times.

Everything that takes a structure and numbers asks here, so a mistake has the same words wherever it is made.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from socbayes.core.structure import SCHEMES, Driver, Parameter, Structure, StructureError, unknown

_LOOKUPS: list[Callable[[str], Structure]] = []
# How far the steps of a discrete structure may be from its own: months have 28 to 31 days.
_SAME_STEP = 0.02


def look_up_with(lookup: Callable[[str], Structure]) -> None:
    """Let structures be given by name, as ``lookup`` knows them."""
    _LOOKUPS.append(lookup)


def structure_called(structure: Structure | str) -> Structure:
    """Return a structure that is given itself or by its name.

    Raises
    ------
    StructureError
        For something else, or a name while nobody has published structures.
    UnknownNameError
        For a name that no published structure has.

    Examples
    --------
    >>> import socbayes.structures
    >>> structure_called("icbm").pools
    ('young', 'old')
    """
    if isinstance(structure, Structure):
        return structure
    if not isinstance(structure, str):
        raise StructureError(f"expected a structure or the name of one, not {type(structure).__name__}")
    if not _LOOKUPS:
        raise StructureError(f"structure {structure!r}: import socbayes.structures, which knows them by name, first")
    return _LOOKUPS[-1](structure)


def given(structure: Structure, kind: str, values: Any) -> dict[str, Any]:
    """Return what a caller gives by name, all names known to the structure.

    Parameters
    ----------
    structure
        Any structure.
    kind
        ``"parameter"``, ``"driver"``, ``"pool"`` or ``"inert pool"``.
    values
        Mapping, table or Dataset; None is nothing.

    Raises
    ------
    StructureError
        For a name that is not of this kind, with the nearest that is.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> given(get("icbm"), "parameter", {"carbon_input": 0.2})
    Traceback (most recent call last):
        ...
    socbayes.core.structure.StructureError: icbm: no parameter named 'carbon_input', but a driver (k1, k2, h, r)
    """
    groups = {
        "parameter": structure.parameter_names,
        "driver": structure.driver_names,
        "inert pool": structure.inert,
        "pool": structure.pools,
    }
    if values is None:
        return {}
    if not hasattr(values, "keys"):
        raise StructureError(f"{structure.name}: give {kind}s by name, not as {type(values).__name__}")
    for name in values.keys():  # noqa: SIM118  (a table is iterated by its columns, a Dataset by its variables)
        if name in groups[kind]:
            continue
        other = next((k for k, names in groups.items() if name in names), None)
        if other is None:
            raise StructureError(f"{structure.name}: " + unknown(kind, str(name), groups[kind]))
        listed = ", ".join(groups[kind]) or "it has none"
        raise StructureError(f"{structure.name}: no {kind} named {name!r}, but a {other} ({listed})")
    return {name: values[name] for name in values.keys()}  # noqa: SIM118


def parameters_of(structure: Structure, parameters: Any, parameter_set: str | None = None) -> dict[str, Any]:
    """Every parameter in declaration order: what is given, else of the set, else the default."""
    return structure.defaults(parameter_set) | given(structure, "parameter", parameters)


def drivers_of(structure: Structure, drivers: Any) -> dict[str, Any]:
    """Every driver in declaration order: what is given, else the default.

    Raises
    ------
    StructureError
        For a driver without default that is not given.
    """
    values = given(structure, "driver", drivers)
    for driver in structure.drivers:
        if driver.name not in values and driver.default is None:
            raise StructureError(f"{structure.name}: driver {driver.name!r} [{driver.unit}] is not given")
    return {driver.name: values.get(driver.name, driver.default) for driver in structure.drivers}


def numbers(structure: Structure, what: str, values: Any) -> np.ndarray[Any, Any]:
    """Numbers as an array of float64; ``what`` names them in the message of an error."""
    if values is not None:
        try:
            return np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            pass
    raise StructureError(f"{structure.name}: {what} must be numbers, got {values!r:.80}")


def check_numbers(structure: Structure, declared: Parameter | Driver | str, values: Any) -> None:
    """Raise :class:`StructureError` for numbers beyond the bounds of a parameter, a driver or a pool; NaN passes.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> mimics = get("mimics")
    >>> clay = mimics.parameters[mimics.parameter_names.index("clay")]
    >>> check_numbers(mimics, clay, 20.0)
    Traceback (most recent call last):
        ...
    socbayes.core.structure.StructureError: mimics: parameter 'clay' [1] must lie in [0, 1], but 1 of its values \
does not, the first of them 20 (as a fraction that is 0.2)
    """
    if isinstance(declared, str):
        what, unit, low, high = f"initial {declared!r}", structure.carbon_unit, 0.0, float("inf")
    else:
        kind = "parameter" if isinstance(declared, Parameter) else "driver"
        what, unit, low, high = f"{kind} {declared.name!r}", declared.unit, declared.lower, declared.upper
    values = np.asarray(values)
    wrong = (values < low) | (values > high)
    if not wrong.any():
        return
    first, count = float(values[wrong].flat[0]), int(wrong.sum())
    hint = f" (as a fraction that is {first / 100:g})" if (unit, low, high) == ("1", 0.0, 1.0) and first > 1 else ""
    raise StructureError(
        f"{structure.name}: {what} [{unit}] must lie in [{low:g}, {high:g}], but {count} of its values "
        f"{'does' if count == 1 else 'do'} not, the first of them {first:g}{hint}"
    )


def how_to_step(
    structure: Structure, interval: Any, steps: Any = None, scheme: str | None = None
) -> tuple[float, int, str]:
    """Length of a driver interval, steps in it, and the scheme; by default as the authors have them.

    Raises
    ------
    StructureError
        For a scheme that is not known, an interval or a number of steps that is not positive, and, where the flows
        are the change over exactly one step, for other steps or another scheme than the authors'.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> how_to_step(get("icbm"), 1.0)
    (1.0, 20, 'rk4')
    """
    scheme = structure.scheme if scheme is None else scheme
    if scheme not in SCHEMES:
        raise StructureError(f"{structure.name}: " + unknown("scheme", str(scheme), SCHEMES))
    length = float(numbers(structure, "interval", interval))
    if not 0.0 < length < float("inf"):
        raise StructureError(f"{structure.name}: interval must be positive, got {length:g}")
    if steps is None:
        steps = max(1, round(length / structure.step))
    try:
        steps = operator.index(steps)
    except TypeError:
        raise StructureError(f"{structure.name}: steps per interval must be a whole number, got {steps!r}") from None
    if steps < 1:
        raise StructureError(f"{structure.name}: steps per interval must be at least 1, got {steps}")
    if structure.discrete:
        own = f"its flows are the change over one {structure.scheme} step of {structure.step:g} {structure.time_unit}"
        if scheme != structure.scheme:
            raise StructureError(f"{structure.name}: {own}, so it cannot run with scheme {scheme!r}")
        if abs(length / steps / structure.step - 1.0) > _SAME_STEP:
            raise StructureError(
                f"{structure.name}: {own}, so an interval of {length:g} cannot have {steps} "
                f"step{'s' if steps > 1 else ''} of {length / steps:g}"
            )
    return length, steps, scheme


def whole_times(structure: Structure, times: Any) -> np.ndarray[Any, Any]:
    """Times of output as whole driver intervals, increasing from 0 (time,).

    Raises
    ------
    StructureError
        For none at all, and for what is not such times.
    """
    when = np.atleast_1d(numbers(structure, "times", times))
    if when.size == 0:
        raise StructureError(f"{structure.name}: times are empty; give at least one whole driver interval, such as [0]")
    if when.ndim != 1 or not np.all(when == np.round(when)) or np.any(when < 0) or np.any(np.diff(when) < 0):
        raise StructureError(
            f"{structure.name}: times must be whole numbers of driver intervals, increasing from 0; got {times!r:.80}"
        )
    if not np.all(when < 2.0**53):
        raise StructureError(f"{structure.name}: times must be finite, got {times!r:.80}")
    return when.astype("int64")


def pools_of(structure: Structure, initial: Any, missing: Any = 0.0) -> list[Any]:
    """What every pool holds, in their order.

    Parameters
    ----------
    structure
        Any structure.
    initial
        Name of pool to content, or an array ``(..., pool)``; None is nothing.
    missing
        Content of pools that are not named: one value, or one by pool.

    Raises
    ------
    StructureError
        For a name that is no pool, another number of pools, what is not numbers, and less than no carbon.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> [float(content) for content in pools_of(get("icbm"), {"old": 4.0})]
    [0.0, 4.0]
    """
    others = np.broadcast_to(np.asarray(missing, dtype=float), len(structure.pools))
    if initial is None or hasattr(initial, "keys"):
        values = given(structure, "pool", initial)
        return [values.get(pool, other) for pool, other in zip(structure.pools, others, strict=True)]
    array = numbers(structure, "initial pools", initial)
    if array.ndim == 0 or array.shape[-1] != len(structure.pools) or array.ndim > 2:
        raise StructureError(
            f"{structure.name}: initial state has shape {array.shape}, expected (site, {len(structure.pools)}) for "
            + ", ".join(structure.pools)
        )
    return [array[..., i] for i in range(len(structure.pools))]


__all__ = [
    "check_numbers",
    "drivers_of",
    "given",
    "how_to_step",
    "look_up_with",
    "numbers",
    "parameters_of",
    "pools_of",
    "structure_called",
    "whole_times",
]
