"""Units as soil scientists write them, converted once, at the door.

A table may state its units as ``g kg-1``, ``mg C g-1 soil``, ``%`` or ``°C``.
:func:`convert` brings the numbers to the canonical unit of their quantity;
everything behind it works on plain float64 arrays. What cannot be converted
without knowing more (a stock per hectare into a content, moles of something
unnamed) is refused with a sentence that says what is missing.

Only the units defined here are understood. The unit library brings thousands
more, slow to load and some of them traps: ``gr`` is a grain there, ``ton`` an
American ton and ``C`` an electric charge.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from socbayes.errors import UnitError
from socbayes.vocabulary import Quantity
from socbayes.vocabulary import quantity as quantity_called

MOLAR_MASS = {"C": 12.011, "N": 14.007, "CO2": 44.009}
"""Grams per mole of what a unit may name."""

MATTER_PER_CARBON = 1.724
"""Organic matter per organic carbon, van Bemmelen's factor; Pribyl (2010, Geoderma 156, 75-83) reviews others."""
ORGANIC_MATTER = (
    f"organic matter is not organic carbon: divide by {MATTER_PER_CARBON} (van Bemmelen's factor; measured factors run "
    "from about 1.4 to 2.5, so the carbon is uncertain by a third)"
)
"""How organic matter becomes carbon."""
CARBON_OF_CO2 = f"{MOLAR_MASS['C']:g}/{MOLAR_MASS['CO2']:g} ({MOLAR_MASS['C'] / MOLAR_MASS['CO2']:.4f} of the mass)"
"""How CO2 becomes carbon, in words."""

_WHOLE = {
    "": ("", "1", "-", "unitless", "dimensionless", "none", "no unit", "ratio", "ph", "ph unit", "ph units"),
    "fraction": ("fraction", "share", "proportion", "mass fraction"),
    "percent": (
        *("%", "percent", "pct", "per cent", "wt%", "wt.%", "wt %", "wt. %", "mass%", "mass %", "weight %"),
        *("% w/w", "%w/w", "% (w/w)", "percent by mass", "% by mass", "% by weight"),
    ),
    "degC": ("degc", "deg c", "°c", "º c", "ºc", "° c", "℃", "celsius", "degree_celsius", "degrees c", "degree c"),
    "degree": (
        *("°", "º", "deg", "degree", "degrees", "decimal degree", "decimal degrees", "dd", "°n", "°e"),
        *("degrees_north", "degrees_east", "degree_north", "degree_east", "degrees north", "degrees east"),
    ),
}
_WHOLE_UNITS = {spelling: unit for unit, spellings in _WHOLE.items() for spelling in spellings}

_WORDS = {
    **{f"{prefix}g": f"{prefix}g" for prefix in ("n", "u", "m", "c", "d", "da", "h", "k", "M", "G", "T", "P", "")},
    **{f"{prefix}t": f"{prefix}metric_ton" for prefix in ("k", "M", "G")},
    **{f"{prefix}mol": f"{prefix}mol" for prefix in ("n", "u", "m", "k", "")},
    **{f"{prefix}m": f"{prefix}m" for prefix in ("u", "m", "c", "d", "k", "")},
    **{f"{prefix}{letter}": f"{prefix}L" for prefix in ("u", "m", "") for letter in "lL"},
    **dict.fromkeys(("gram", "grams"), "g"),
    **dict.fromkeys(("t", "tonne", "tonnes"), "metric_ton"),
    **dict.fromkeys(("ha", "hectare", "hectares"), "hectare"),
    **dict.fromkeys(("s", "sec", "second", "seconds"), "second"),
    **dict.fromkeys(("min", "minute", "minutes"), "minute"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("wk", "week", "weeks"), "week"),
    **dict.fromkeys(("mo", "month", "months"), "month"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years", "a"), "year"),
    **dict.fromkeys(("K", "kelvin", "Kelvin"), "kelvin"),
    **dict.fromkeys(("degC", "°C", "ºC", "℃"), "degC"),
    **dict.fromkeys(("degF", "°F", "Fahrenheit"), "degF"),
    **dict.fromkeys(("%", "percent", "pct"), "percent"),
    **dict.fromkeys(("‰", "permille"), "permille"),
    **dict.fromkeys(("rad", "radian", "radians"), "radian"),
    "degree": "degree",
    "ppm": "ppm",
}
_TRANSLATED = {
    **dict.fromkeys(("jahr", "jahre", "an", "ans", "annum", "ano", "anno", "annee"), "yr"),
    **dict.fromkeys(("monat", "mois", "mes", "mese"), "month"),
    **dict.fromkeys(("tag", "tage", "jour", "jours", "dia", "giorno"), "d"),
    **dict.fromkeys(("gr", "gm", "gms", "gramm", "gramme", "grammes"), "g"),
    **dict.fromkeys(("kgs", "kilo", "kilos", "kilogram", "kilograms"), "kg"),
    **dict.fromkeys(("tonnen", "tonelada", "toneladas"), "t"),
    **dict.fromkeys(("hektar", "hectar", "hectarea", "hectareas"), "ha"),
}
"""Words of other languages and habits, to ask about."""
_LABELS = {
    **dict.fromkeys(("C", "carbon", "Carbon", "OC", "SOC", "TOC"), "C"),
    **dict.fromkeys(("N", "nitrogen", "Nitrogen"), "N"),
    **dict.fromkeys(("COtwo", "carbon dioxide"), "CO2"),
    **dict.fromkeys(
        ("COtwoe", "COtwoeq", "COtwoEq", "COtwoEQ", "COtwoequivalent", "COtwoequivalents"), "CO2 equivalent"
    ),
    **dict.fromkeys(("OM", "SOM", "LOI", "humus", "POM", "MAOM"), "organic matter"),
    **dict.fromkeys(("CaCOthree", "carbonate"), "carbonate"),
    **dict.fromkeys(("soil", "Soil", "dry", "dw", "DW", "dm", "DM", "weight", "mass", "matter", "biomass"), ""),
}
_DEFINITIONS = """
pico- = 1e-12 = p-
nano- = 1e-9 = n-
micro- = 1e-6 = u-
milli- = 1e-3 = m-
centi- = 1e-2 = c-
deci- = 1e-1 = d-
deca- = 1e1 = da-
hecto- = 1e2 = h-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
meter = [length] = m
gram = [mass] = g
second = [time] = s
kelvin = [temperature]; offset: 0 = K
mole = [substance] = mol
radian = []
fraction = []
degree = 0.017453292519943295 * radian
degree_Celsius = kelvin; offset: 273.15 = degC
degree_Fahrenheit = 5 / 9 * kelvin; offset: 233.15 + 200 / 9 = degF
percent = 0.01
permille = 0.001
ppm = 1e-6
liter = decimeter ** 3 = L
hectare = 10000 * meter ** 2
metric_ton = 1000 * kilogram
minute = 60 * second
hour = 60 * minute
day = 24 * hour
week = 7 * day
year = 365.25 * day
month = year / 12
"""
_CHARACTERS = str.maketrans("µμ⁻⁰¹²³⁴⁵⁶⁷⁸⁹₂−–⋅∙", "uu-01234567892--··")
_TOKEN = re.compile(r"(?P<slash>/|per\b)|(?P<word>[A-Za-z%‰°º℃]+)(?:(?:\^|\*\*)?\(?(?P<power>[-+]?\d+)\)?)?")
_NAMES = {
    **{"C": "carbon", "N": "nitrogen", "CO2": "carbon dioxide"},
    **{name: name for name in ("organic matter", "CO2 equivalent", "carbonate")},
}
_COUNTED_OTHERWISE = {
    "organic matter": f"{ORGANIC_MATTER}, and write the unit of carbon",
    "CO2 equivalent": (
        f"a CO2 equivalent may count other gases; of CO2 alone, {CARBON_OF_CO2} is carbon: multiply by it, and write "
        "the unit of carbon"
    ),
    "carbonate": "carbonate is no organic carbon",
}
"""What a unit may count that no conversion makes the quantity, and what to do."""


@dataclass(frozen=True)
class Unit:
    """A unit as it was understood.

    Parameters
    ----------
    terms
        Pairs ``(unit, power)`` of the unit library's names.
    substance
        ``"C"``, ``"N"`` or ``"CO2"`` when the unit says whose mass or moles it counts.
    reference
        The same for what the unit divides by.
    """

    terms: tuple[tuple[str, int], ...]
    substance: str = ""
    reference: str = ""

    @property
    def in_moles(self) -> bool:
        """Whether something is counted in moles."""
        return any(name.endswith("mol") for name, _ in self.terms)


@lru_cache(maxsize=1)
def registry() -> Any:
    """Return the unit registry, made when first needed and only once.

    Returns
    -------
    pint.UnitRegistry

    Examples
    --------
    >>> registry() is registry()
    True
    """
    import pint

    units: Any = pint.UnitRegistry(None)
    units.load_definitions(_DEFINITIONS.strip().splitlines())
    return units


@lru_cache(maxsize=512)
def parse_unit(text: str) -> Unit:
    """Read a unit the way soil scientists write it.

    Parameters
    ----------
    text
        Such as ``"g kg-1"``, ``"mg C g^-1 soil"``, ``"µg/g"``, ``"%"`` or ``"t C/ha/yr"``.

    Returns
    -------
    Unit

    Raises
    ------
    UnitError
        If the text is not a known unit; the message offers the nearest spelling.

    Examples
    --------
    >>> parse_unit("mg C g-1 soil")
    Unit(terms=(('mg', 1), ('g', -1)), substance='C', reference='')
    >>> parse_unit("g/kgg")
    Traceback (most recent call last):
        ...
    socbayes.errors.UnitError: unit 'g/kgg' is not known (did you mean `g/kg`?)
    """
    plain = " ".join(str(text).translate(_CHARACTERS).split())
    whole = _WHOLE_UNITS.get(plain.lower())
    if whole is not None:
        return Unit(((whole, 1),) if whole else ())
    terms: list[list[Any]] = []
    labels = ["", ""]  # of what is counted, of what it is divided by
    sign = 1
    for match in _tokens(plain, text):
        word, power = match["word"], match["power"]
        if word is None:
            sign = -1
            continue
        unit, label = _word(word, text, after_a_unit=bool(terms) and sign == 1)
        if unit is not None:
            terms.append([unit, sign * int(power or 1)])
            sign = 1
        elif power:  # "kg soil-1": the power belongs to the kilogram
            terms[-1][1] *= int(power)
        if label:
            labels[terms[-1][1] < 0] = label
    if not terms or sign == -1:
        raise _unknown(text)
    return Unit(tuple((name, power) for name, power in terms), labels[0], labels[1])


def convert(values: ArrayLike, found_unit: str, quantity: Quantity | str) -> NDArray[np.float64]:
    """Convert numbers to the canonical unit of their quantity.

    Parameters
    ----------
    values
        Numbers of any shape in ``found_unit``; NaN stays NaN.
    found_unit
        Unit as written in the table.
    quantity
        Quantity, or its name, that the numbers measure.

    Returns
    -------
    numpy.ndarray
        New float64 array of the same shape in the unit ``quantity.unit``.

    Raises
    ------
    UnitError
        If the unit is not known or does not measure the quantity.

    Examples
    --------
    >>> convert([1.2, 2.5], "%", "soil_organic_carbon")
    array([12., 25.])
    >>> convert([288.15], "K", "incubation_temperature")
    array([15.])
    >>> convert([2.0], "mmol C kg-1", "substrate_dose")
    array([24.022])
    """
    numbers = np.array(values, dtype=np.float64)
    if isinstance(quantity, str):
        quantity = quantity_called(quantity)
    factor = conversion_factor(found_unit, quantity)
    if factor is not None:
        return numbers * factor if factor != 1.0 else numbers
    ((found, _),) = parse_unit(found_unit).terms
    return np.asarray(registry().Quantity(numbers, found).to(quantity.unit).magnitude, dtype=np.float64)


def conversion_factor(found_unit: str, quantity: Quantity) -> float | None:
    """Return what multiplies a number in ``found_unit`` to give the canonical unit.

    Parameters
    ----------
    found_unit
        Unit as written in the table.
    quantity
        Quantity the numbers measure.

    Returns
    -------
    float or None
        None when the zero of the scale moves too, as from kelvin to degrees Celsius.

    Raises
    ------
    UnitError
        If the unit is not known or does not measure the quantity.

    Examples
    --------
    >>> from socbayes.vocabulary import QUANTITIES
    >>> conversion_factor("µg C g-1 soil", QUANTITIES["soil_organic_carbon"])
    0.001
    """
    if found_unit == quantity.unit:  # bundled tables come this way and need no unit library
        return 1.0
    found, wanted = parse_unit(found_unit), parse_unit(quantity.unit)
    _refuse_ambiguous(found, found_unit, quantity, wanted)
    share = _share_of_wanted(found, found_unit, quantity)
    if found.terms == wanted.terms and share == 1.0:
        return 1.0
    units = registry()
    have, want = _combined(found), _combined(wanted)
    if found.in_moles and quantity.unit not in ("1", "ppm"):
        have = have * units.Unit("g/mol")
    if have.dimensionality != want.dimensionality:
        raise _refused(found_unit, quantity, _advice(have, want, quantity))
    _refuse_other_ratios(found, found_unit, quantity)
    if have in (units.degC, units.degF, units.kelvin) and have != want:
        return None
    factor = share * units.Quantity(1.0, have).to(want).magnitude
    return float(f"{factor:.14g}")  # 10, not 10.000000000000002


def unit_shown(unit: str) -> str:
    """Return a canonical unit as a person writes it in a column header.

    Examples
    --------
    >>> unit_shown("percent")
    '%'
    """
    return {"percent": "%"}.get(unit, unit)


def _tokens(plain: str, text: str) -> list[re.Match[str]]:
    """Terms and slashes of a unit; whatever else it contains makes it unknown."""
    plain = re.sub(r"CO2[-_ ]C\b|\bC[-_ ]CO2", "C", plain)
    plain = re.sub(r"organic[ -_]matter", "OM", plain)
    plain = re.sub(r"CO2[-_ ]?e(?=\b|q)", "COtwoe", plain)
    plain = plain.replace("CaCO3", "CaCOthree").replace("CO2", "COtwo")
    plain = re.sub(r"\b100 ?g\b", "hg", plain)
    plain = re.sub(r"(?<=[A-Za-z])-(?=[A-Za-z])|(?<=[A-Za-z0-9])\.(?=[A-Za-z])|[·*×](?!\*)(?<!\*\*)", " ", plain)
    if _TOKEN.sub("", plain).strip():
        raise _unknown(text)
    return list(_TOKEN.finditer(plain))


def _word(word: str, text: str, after_a_unit: bool) -> tuple[str | None, str]:
    """Read unit and label in one word: ``kg``, ``C`` after a unit, or ``kgC``."""
    if after_a_unit and word in _LABELS:
        return None, _LABELS[word]
    if word in _WORDS:
        return _WORDS[word], ""
    if word[-1] in "CN" and word[:-1] in _WORDS:
        return _WORDS[word[:-1]], word[-1]
    raise _unknown(text)


def _unknown(text: str) -> UnitError:
    near = _near(" ".join(str(text).translate(_CHARACTERS).split()))
    hint = f"did you mean `{near}`?" if near else "write it like `g/kg`, `%`, `degC` or `t/ha/yr`"
    return UnitError(f"unit {str(text)!r} is not known", suggestion=hint)


def _near(plain: str) -> str | None:
    """Unit with every word that is not known replaced by the one it is a slip or a translation of, or None."""
    bare = plain.strip(" .,;:").lower()
    if bare in ("c", "f"):
        return f"deg{bare.upper()}"
    if bare in _WHOLE_UNITS:
        return unit_shown(_WHOLE_UNITS[bare])
    known = False

    def meant(match: re.Match[str]) -> str:
        nonlocal known
        word = match[0]
        if word in _WORDS or word in _LABELS:
            return word
        same = {spelling for spelling in _WORDS if spelling.lower() == word.lower()}
        close = difflib.get_close_matches(word, _WORDS, n=1, cutoff=0.75) if len(word) > 2 else []
        guesses = [_TRANSLATED.get(word.lower()), same.pop() if len(same) == 1 else None, *close]
        near = next((guess for guess in guesses if guess), None)
        known = known or near is not None
        return near or "?"  # which no unit holds

    changed = re.sub(r"[A-Za-z]+", meant, plain.strip(" .,;:"))
    return changed if known and "?" not in changed else None


def _refused(found_unit: str, quantity: Quantity, advice: str) -> UnitError:
    shown = found_unit if found_unit.strip() else "no unit"
    measured = "is a number without unit" if quantity.unit == "1" else f"is measured in {unit_shown(quantity.unit)}"
    message = f"{quantity.name} {measured}, which {shown!r} cannot be converted to"
    return UnitError(message, suggestion=advice)


def _combined(unit: Unit) -> Any:
    """Make the unit of the library from its terms."""
    units = registry()
    combined = units.dimensionless
    for name, power in unit.terms:
        combined = combined * units.Unit(name) ** power
    return combined


def _refuse_ambiguous(found: Unit, found_unit: str, quantity: Quantity, wanted: Unit) -> None:
    """Refuse what the unit library takes for a plain number but a person may mean otherwise."""
    names = {name for name, _ in found.terms}
    if (wanted.terms == (("degree", 1),)) != bool(names & {"degree", "radian"}):
        raise _refused(found_unit, quantity, f"write `{unit_shown(quantity.unit)}`")
    if quantity.unit == "1":
        if found.in_moles and not found.substance == found.reference != "":  # C:N by moles is not C:N by mass
            raise _refused(found_unit, quantity, "give the ratio of masses, without a unit")
        return
    if not names or (names == {"fraction"} and wanted.terms != (("percent", 1),)):
        clear = "`fraction` or `%`" if quantity.unit == "percent" else f"`{quantity.unit}`, `%` or `g/g`"
        if _combined(wanted).dimensionless:
            raise _refused(
                found_unit, quantity, f"a number without a unit may be a fraction or a content: write {clear}"
            )
        raise _refused(found_unit, quantity, f"write the unit, for example `{unit_shown(quantity.unit)}`")
    if found.reference:
        per = _NAMES[found.reference]
        raise _refused(
            found_unit, quantity, f"it is per mass of {per}: multiply by the {per} content of the soil first"
        )


def _refuse_other_ratios(found: Unit, found_unit: str, quantity: Quantity) -> None:
    """Refuse volumes per volume, and the like, where masses per mass are wanted: a computer sees no difference."""
    units = registry()
    if len(found.terms) < 2 or not _combined(found).dimensionless:
        return
    kinds = {str(units.Unit(name).dimensionality) for name, _ in found.terms}
    shown = unit_shown(quantity.unit)
    if quantity.unit == "ppm":
        if "[mass]" in kinds:
            raise _refused(found_unit, quantity, "a share of a gas in air is one of volumes or moles: write `ppm`")
        return
    if not kinds <= {"[mass]", "[substance]"}:
        volumes = kinds == {"[length] ** 3"} or {power for _, power in found.terms} == {3, -3}
        advice = f"a ratio of {'volumes' if volumes else 'such a kind'} is no ratio of masses"
        if volumes:
            advice += ": of water in soil, divide by bulk density in g/cm3 first"
        raise _refused(found_unit, quantity, f"{advice}; write `{shown}` for the mass")


def _share_of_wanted(found: Unit, found_unit: str, quantity: Quantity) -> float:
    """Grams of the wanted element in one mole, or in one gram, of what the unit counts."""
    if quantity.unit in ("1", "ppm"):
        return 1.0
    about = f"{quantity.name} {quantity.meaning.lower()}"
    wanted = "C" if "carbon" in about or "co2" in about else "N" if "nitrogen" in about else ""
    counted = found.substance or ("" if found.in_moles else wanted)
    if found.in_moles and not counted:
        raise _refused(found_unit, quantity, "say moles of what, for example `mmol C kg-1`")
    if counted == "organic matter" and "organic matter" in quantity.name.replace("_", " "):
        return 1.0
    if counted in _COUNTED_OTHERWISE and wanted == "C":
        raise _refused(found_unit, quantity, _COUNTED_OTHERWISE[counted])
    if counted != wanted and not (counted == "CO2" and wanted == "C"):
        asked = _NAMES.get(wanted, quantity.name)
        raise _refused(found_unit, quantity, f"the unit counts {_NAMES[counted]}; give the mass of {asked}")
    if found.in_moles:  # a mole of CO2 holds a mole of carbon
        return MOLAR_MASS[wanted]
    return MOLAR_MASS["C"] / MOLAR_MASS["CO2"] if counted == "CO2" else 1.0


def _advice(have: Any, want: Any, quantity: Quantity) -> str:
    """Say what is missing between two units of different kinds."""
    units = registry()
    shown = unit_shown(quantity.unit)
    ratio = (have / want).dimensionality
    if ratio == units.Unit("kg/m**2").dimensionality:
        return (
            f"a stock per area needs bulk density and depth to become a content: divide by both, then write `{shown}`"
        )
    if ratio == units.Unit("kg/m**3").dimensionality:
        return f"a mass per volume needs bulk density to become a content: divide by it, then write `{shown}`"
    if ratio in (units.Unit("m**2").dimensionality, units.Unit("m**2*s").dimensionality):
        time = " and time" if "[time]" in str(ratio) else ""
        return f"say per which area{time}: divide by it, then write `{shown}`"
    if ratio == units.Unit("s").dimensionality:
        harvest = "; those of one harvest are `yield_per_harvest`" if quantity.name == "yield_dry_matter" else ""
        return f"say per which time: write `{shown}` if that is what the numbers are{harvest}"
    if quantity.unit == "1":
        return "write no unit for a fraction or ratio, `%` for percent"
    return f"write `{shown}`, or a unit of the same kind"
