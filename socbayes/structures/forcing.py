"""What a field plot tells a structure: which driver takes carbon, manure and climate.

Structures name their drivers as their authors did. Roles are read from units
and names, so that a structure nobody has seen before finds its place too:

- a driver in carbon over time is an input; one called after manure takes
  manure, those that are zero unless given (exudates, necromass) take nothing,
  and the others share the plant carbon, equally unless :data:`INPUT_SHARES`
  knows better;
- ``rate_modifier`` takes the product of temperature, moisture and cover
  modifiers, ``temperature`` degrees, ``moisture`` and ``water_factor`` the
  moisture modifier.

Everything else keeps its default or has to be given as a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from socbayes.core.structure import Structure
from socbayes.errors import UnitError
from socbayes.units import conversion_factor
from socbayes.vocabulary import Quantity

INPUT_SHARES: dict[str, dict[str, float]] = {
    # Residues ploughed in: assumed half at the surface, as nothing in a field table says.
    "century": {"surface_input": 0.5, "soil_input": 0.5},
    # The authors' own simulations have 30 % of litter in the fast class.
    "corpse": {"input_fast": 0.3, "input_slow": 0.7},
    "corpse_daily": {"input_fast": 0.3, "input_slow": 0.7},
}
"""Shares of plant carbon by driver where equal shares would be wrong."""

DECOMPOSITION: dict[str, tuple[str, ...]] = {
    "mcp": ("v_particulate", "v_necromass", "k_mineral"),
    "mcp_forward": ("v_particulate", "v_necromass", "k_mineral"),
    "millennial": ("alpha_decomposition", "desorption_rate"),
    "millennial_eca": ("alpha_decomposition", "desorption_rate"),
    "millennial_lin": ("alpha_decomposition", "desorption_rate"),
}
"""Parameters that a faster decomposition multiplies, where not all rate constants are meant."""

STEPS_OF_MONTH: dict[str, int] = {"mcp": 8, "mcp_forward": 8}
"""Steps of a month where a structure has daily ones for incubations, and no authors who fixed them.

Drivers of a month do not change within it. Over eight years the carbon of a plot stays
within 0.05 % of that of daily steps, each of its pools within 1 % (tests of the field model).
"""

_AREA = Quantity("carbon", "t/ha/year", "carbon per area and time")
_MASS = Quantity("carbon", "g/kg/year", "carbon per mass of soil and time")
_VOLUME = Quantity("carbon", "kg/m3/year", "carbon per volume of soil and time")
_TIME = Quantity("time", "year", "time")


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
        Shares of plant carbon by driver.
    manure
        Driver of manure carbon; empty when it goes with the plant carbon.
    modifier, temperature, moisture
        Drivers of climate; empty where the structure has none.
    """

    plant: Mapping[str, float]
    manure: str
    modifier: str
    temperature: str
    moisture: str

    @property
    def names(self) -> set[str]:
        """All drivers that have a role."""
        return {*self.plant, self.manure, self.modifier, self.temperature, self.moisture} - {""}


def roles_of(structure: Structure) -> Roles:
    """Find out which driver takes what.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> roles_of(get("rothc"))
    Roles(plant={'plant_input': 1.0}, manure='manure_input', modifier='rate_modifier', temperature='', moisture='')
    """
    names = structure.driver_names
    inputs = [driver for driver in structure.drivers if input_factor(driver.unit, 1.0, 1.0) is not None]
    manure = [driver.name for driver in inputs if "manure" in driver.name]
    plant = [driver.name for driver in inputs if driver.name not in manure and driver.default != 0]
    shares = INPUT_SHARES.get(structure.name) or {name: 1.0 / len(plant) for name in plant}

    def present(*wanted: str) -> str:
        return next((name for name in wanted if name in names), "")

    return Roles(
        plant=shares,
        manure=manure[0] if manure else "",
        modifier=present("rate_modifier"),
        temperature=present("temperature"),
        moisture=present("moisture", "water_factor"),
    )


__all__ = [
    "DECOMPOSITION",
    "INPUT_SHARES",
    "STEPS_OF_MONTH",
    "Roles",
    "input_factor",
    "month_length",
    "rate_constants",
    "roles_of",
]
