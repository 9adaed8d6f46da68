"""What a field plot tells a structure: which driver takes carbon, manure and climate.

Structures name their drivers as their authors did. Roles are read from units
and names, so that a structure nobody has seen before finds its place too:

- a driver in carbon over time is an input; one called after manure takes
  manure, one called after exudates what is known of the plant carbon to be
  rhizodeposits, those that are zero unless given (necromass) take nothing, and
  the others share the plant carbon, equally unless the structure declares
  other ``input_shares``;
- ``rate_modifier`` takes the product of temperature, moisture and cover
  modifiers, ``temperature`` degrees, ``moisture`` and ``water_factor`` the
  moisture modifier.

Everything else keeps its default or has to be given as a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from socbayes.core.structure import Structure, StructureError, unknown
from socbayes.errors import UnitError
from socbayes.units import conversion_factor
from socbayes.vocabulary import Quantity

_AREA = Quantity("carbon", "t/ha/year", "carbon per area and time")
_MASS = Quantity("carbon", "g/kg/year", "carbon per mass of soil and time")
_VOLUME = Quantity("carbon", "kg/m3/year", "carbon per volume of soil and time")
_TIME = Quantity("time", "year", "time")


@lru_cache(maxsize=256)
def _factor(unit: str, quantity: Quantity) -> float | None:
    try:
        return conversion_factor(unit, quantity)
    except UnitError:
        return None


def input_factor(unit: str, bulk_density: float, thickness: float) -> float | None:
    """What multiplies t C/ha/year to give ``unit``; None if that is no flux of carbon.

    Parameters
    ----------
    unit
        Of a driver or, with ``/year`` added, of a pool.
    bulk_density, thickness
        Of the layer, g/cm3 and cm: needed where carbon is counted per mass or
        volume of soil.

    Examples
    --------
    >>> round(input_factor("g/m**2/year", 1.3, 23.0), 6)
    100.0
    """
    for quantity, soil in (
        (_AREA, 1.0),
        (_MASS, bulk_density * thickness * 0.1),
        (_VOLUME, thickness * 0.1),
    ):
        factor = _factor(unit, quantity)
        if factor is not None:
            return 1.0 / (factor * soil)
    return None


def month_length(structure: Structure) -> float:
    """Length of a month in the structure's unit of time.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> round(month_length(get("icbm")), 4)
    0.0833
    """
    per_year = _factor(structure.time_unit, _TIME)
    if per_year is None:
        raise UnitError(f"{structure.name}: {structure.time_unit!r} is no unit of time")
    length = 1.0 / 12.0 / per_year
    return round(length, 9)


def rate_constants(structure: Structure) -> tuple[str, ...]:
    """Parameters that are first-order rates and not zero by default.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> rate_constants(get("icbm"))
    ('k1', 'k2')
    """
    return tuple(
        p.name
        for p in structure.parameters
        if p.default > 0 and p.unit.startswith("1/") and _factor(p.unit.removeprefix("1/"), _TIME) is not None
    )


@dataclass(frozen=True)
class Roles:
    """Drivers of a structure by what the field tells them.

    Parameters
    ----------
    plant
        Shares of plant carbon by driver; of that of exudates the share of what is not known to be rhizodeposits.
    manure
        Driver of manure carbon; empty when it goes with the plant carbon.
    modifier, temperature, moisture
        Drivers of climate; empty where the structure has none.
    exudate
        Driver of rhizodeposits; empty where they go with other plant carbon.
    """

    plant: Mapping[str, float]
    manure: str
    modifier: str
    temperature: str
    moisture: str
    exudate: str = ""

    @property
    def names(self) -> set[str]:
        """All drivers that have a role."""
        return {*self.plant, self.manure, self.modifier, self.temperature, self.moisture} - {""}


def roles_of(structure: Structure) -> Roles:
    """Find out which driver takes what.

    Raises
    ------
    StructureError
        For a declared share of plant carbon of a driver that takes none.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> roles_of(get("rothc")).plant, roles_of(get("rothc")).manure, roles_of(get("rothc")).modifier
    ({'plant_input': 1.0}, 'manure_input', 'rate_modifier')
    >>> roles_of(get("mcp")).plant
    {'litter_input': 1.0, 'exudate_input': 0.0}
    """
    names = structure.driver_names
    inputs = [driver for driver in structure.drivers if input_factor(driver.unit, 1.0, 1.0) is not None]
    manure = [driver.name for driver in inputs if "manure" in driver.name]
    plant = [driver.name for driver in inputs if driver.name not in manure and driver.default != 0]
    fed = [driver.name for driver in inputs if driver.name not in manure]
    for name in structure.input_shares:
        if name not in fed:
            raise StructureError(f"{structure.name}: input_shares: " + unknown("driver of plant carbon", name, fed))
    shares = dict(structure.input_shares) or {name: 1.0 / len(plant) for name in plant}
    exudate = next((driver.name for driver in inputs if "exudate" in driver.name), "")
    if exudate and shares:
        shares.setdefault(exudate, 0.0)

    def present(*wanted: str) -> str:
        return next((name for name in wanted if name in names), "")

    return Roles(
        plant=shares,
        manure=manure[0] if manure else "",
        exudate=exudate if shares else "",
        modifier=present("rate_modifier"),
        temperature=present("temperature"),
        moisture=present("moisture", "water_factor"),
    )


__all__ = [
    "Roles",
    "input_factor",
    "month_length",
    "rate_constants",
    "roles_of",
]
