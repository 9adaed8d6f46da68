"""Units that a structure declares, read and held against its units of carbon and of time.

A unit is a product of powers, such as ``g/m**2/day`` or ``kg m-2 yr-1``. What is carbon, a flux of carbon or a rate
must be in the structure's own units, because flows put the numbers together as they are.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from socbayes.errors import UnitError
from socbayes.units import parse_unit

if TYPE_CHECKING:
    from socbayes.core.structure import Structure

_DAY = 86400.0
_YEAR = 365.25 * _DAY
# Size in grams, metres, seconds, moles and kelvins, and powers of mass, length, time, amount and temperature.
_UNITS: dict[str, tuple[float, tuple[int, ...]]] = {
    "metric_ton": (1e6, (1,)),
    "hectare": (1e4, (0, 2)),
    "second": (1.0, (0, 0, 1)),
    "minute": (60.0, (0, 0, 1)),
    "hour": (3600.0, (0, 0, 1)),
    "day": (_DAY, (0, 0, 1)),
    "week": (7.0 * _DAY, (0, 0, 1)),
    "month": (_YEAR / 12.0, (0, 0, 1)),
    "year": (_YEAR, (0, 0, 1)),
    **dict.fromkeys(("kelvin", "degC", "delta_degC", "delta_kelvin", "delta_K"), (1.0, (0, 0, 0, 0, 1))),
    "fraction": (1.0, ()),
    "radian": (1.0, ()),
    "degree": (math.pi / 180.0, ()),
    "percent": (1e-2, ()),
    "permille": (1e-3, ()),
    "ppm": (1e-6, ()),
}
_PREFIXED = {"g": (1.0, (1,)), "m": (1.0, (0, 1)), "L": (1e-3, (0, 3)), "mol": (1.0, (0, 0, 0, 1))}
_PREFIXED |= {"J": (1e3, (1, 2, -2)), "Pa": (1e3, (1, -1, -2))}
_PREFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "h": 1e2, "k": 1e3, "M": 1e6, "G": 1e9}
_UNITS |= _PREFIXED
_UNITS |= {p + name: (s * size, powers) for p, s in _PREFIXES.items() for name, (size, powers) in _PREFIXED.items()}
_MASS, _TIME = 0, 2


@dataclass(frozen=True)
class Measure:
    """A unit as numbers.

    Parameters
    ----------
    size
        In grams, metres, seconds, moles and kelvins.
    powers
        Of mass, length, time, amount of substance and temperature.
    weighs
        Whether it names a mass, be it per mass.
    """

    size: float
    powers: tuple[int, ...] = (0, 0, 0, 0, 0)
    weighs: bool = False

    def __mul__(self, other: Measure) -> Measure:
        powers = tuple(a + b for a, b in zip(self.powers, other.powers, strict=True))
        return Measure(self.size * other.size, powers, self.weighs or other.weighs)

    def __pow__(self, power: int) -> Measure:
        return Measure(self.size**power, tuple(a * power for a in self.powers), self.weighs)

    @property
    def timeless(self) -> tuple[int, ...]:
        """Powers without that of time."""
        return (*self.powers[:_TIME], *self.powers[_TIME + 1 :])


@lru_cache(maxsize=512)
def measure(unit: str) -> Measure:
    """Read a unit.

    Parameters
    ----------
    unit
        Such as ``"g/m**2/day"``, ``"kg C m-2 yr-1"``, ``"1/delta_degC"`` or ``"1"``.

    Raises
    ------
    UnitError
        For what is no unit, with the nearest that is.

    Examples
    --------
    >>> measure("1/day").powers[2], measure("kg m-2 yr-1") == measure("kg/m**2/year")
    (-1, True)
    """
    try:
        tree = ast.parse(unit.replace("^", "**").strip(), mode="eval").body
        return _product(tree)
    except (SyntaxError, UnitError):
        terms = parse_unit(unit).terms  # as soil scientists write it
    result = Measure(1.0)
    for name, power in terms:
        result = result * _named(name) ** power
    return result


def _product(tree: Any) -> Measure:
    if isinstance(tree, ast.Name):
        return _named(tree.id)
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and tree.value > 0:
        return Measure(float(tree.value))
    if isinstance(tree, ast.BinOp):
        left = _product(tree.left)
        if isinstance(tree.op, ast.Pow):
            return left ** _power(tree.right)
        if isinstance(tree.op, ast.Mult | ast.Div):
            right = _product(tree.right)
            return left * (right if isinstance(tree.op, ast.Mult) else right**-1)
    raise UnitError(f"unit {ast.unparse(tree)!r} is not a product of powers")


def _power(tree: Any) -> int:
    sign = -1 if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else 1
    number = tree.operand if sign < 0 else tree
    if isinstance(number, ast.Constant) and isinstance(number.value, int):
        return sign * number.value
    raise UnitError(f"unit raised to {ast.unparse(tree)!r}, which is no whole number")


def _named(name: str) -> Measure:
    if name not in _UNITS:
        ((known, power),) = parse_unit(name).terms or (("fraction", 1),)
        if known not in _UNITS:
            raise UnitError(f"unit {name!r} is not known")
        return _named(known) ** power
    size, powers = _UNITS[name]
    return Measure(size, (*powers, *(0,) * (5 - len(powers))), bool(powers and powers[_MASS]))


def per_year(time_unit: str) -> float:
    """How many of a unit of time make a year.

    Examples
    --------
    >>> per_year("month"), per_year("day")
    (12.0, 365.25)
    """
    return _YEAR / measure(time_unit).size


def fault_of_base(carbon_unit: str, time_unit: str) -> str:
    """Return what is wrong with a structure's units of carbon and of time, in words; empty if nothing is."""
    for what, unit in (("carbon_unit", carbon_unit), ("time_unit", time_unit)):
        try:
            found = measure(unit)
        except UnitError as error:
            return f"{what}: {error}"
        if what == "time_unit" and found.powers != (0, 0, 1, 0, 0):
            return f"time_unit {unit!r} is no unit of time; write hour, day, week, month or year"
        if what == "carbon_unit" and (any(found.powers[_TIME:]) or found.powers[_MASS] not in (0, 1)):
            return f"carbon_unit {unit!r} is no unit of carbon; write it like g/m**2, t/ha, mg/g or kg/m**3"
    return ""


def fault_of_unit(structure: Structure, unit: str) -> str:
    """Return what is wrong with the unit of a parameter, driver or report, in words; empty if nothing is.

    Carbon per area, fluxes of carbon, and rates, must be in the structure's units. A structure whose flows are the
    change over a step may keep its authors' rates, and times may be in any unit. Carbon per volume or mass of soil
    is not told from the density or a content of soil, and passes.
    """
    try:
        found = measure(unit)
    except UnitError as error:
        return str(error)
    carbon, time = measure(structure.carbon_unit), measure(structure.time_unit)
    b = found.powers[_TIME]
    if not any(found.timeless) and not found.weighs:
        if b != -1 or structure.discrete or math.isclose(found.size * time.size, 1.0, rel_tol=1e-9):
            return ""
        return f"{unit!r} is a rate, and rates are per {structure.time_unit} here"
    signs = [a for a in (1, -1) if found.weighs and found.timeless == (carbon**a).timeless]
    per_area = carbon.powers[:_TIME] == (1, -2)
    if not signs or (b == 0 and not per_area):
        return ""
    if any(math.isclose(found.size, carbon.size**a * time.size**b, rel_tol=1e-9) for a in signs):
        return ""
    own = {0: structure.carbon_unit, -1: f"{structure.carbon_unit}/{structure.time_unit}"}
    shown = own.get(b, f"{structure.carbon_unit} and {structure.time_unit}")
    return f"{unit!r} counts carbon, which is in {shown} here"


__all__ = ["Measure", "fault_of_base", "fault_of_unit", "measure", "per_year"]
