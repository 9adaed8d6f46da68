"""Terms that people write above columns: what they mean, and which of them are another quantity than any column.

A hint may name a column only where the term means that column. Organic matter
is no organic carbon, a standard error no standard deviation, and a misspelled
name is one only within a letter of the right one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from socbayes.errors import UnitError
from socbayes.labels import same_name
from socbayes.units import CARBON_OF_CO2, ORGANIC_MATTER, conversion_factor
from socbayes.vocabulary import QUANTITIES, TableSchema

_ERRORS = {
    **dict.fromkeys(("sd", "std", "stdev", "stddev"), "sd"),
    **dict.fromkeys(
        ("se", "sem", "stderr"), "a standard error is no standard deviation: times the square root of the number of "
        "samples it is one, `{name}_sd`"
    ),
    **dict.fromkeys(
        ("cv",), "a coefficient of variation is no standard deviation: times the value it is one, `{name}_sd`"
    ),
    **dict.fromkeys(
        ("var", "variance"), "a variance is no standard deviation: its square root is one, `{name}_sd`"
    ),
    **dict.fromkeys(
        ("ci", "lcl", "ucl", "ci95"), "half of a 95 % interval over 1.96 is about a standard error of `{name}`, which "
        "times the square root of the number of samples is `{name}_sd`"
    ),
    **dict.fromkeys(("min", "max", "minimum", "maximum", "range"), "`{name}` takes the mean, not an extreme"),
    **dict.fromkeys(("change", "diff", "delta", "rate", "trend"), "`{name}` takes a state at one time, not a change"),
}  # fmt: skip
_SUFFIXES = {
    **dict.fromkeys(("g_kg", "gkg", "g_per_kg", "g_kg_1", "gkg1", "g_kg1"), "g/kg"),
    **dict.fromkeys(("mg_g", "mgg", "mg_per_g", "mg_g_1"), "mg/g"),
    **dict.fromkeys(("mg_kg", "mgkg", "mg_per_kg", "mg_kg_1"), "mg/kg"),
    **dict.fromkeys(("ug_g", "ugg", "ug_per_g", "ug_g_1"), "ug/g"),
    **dict.fromkeys(("pct", "perc", "percent", "percentage", "proc", "prozent", "pourcent"), "%"),
    **dict.fromkeys(("t_ha", "tha", "t_per_ha", "tc_ha", "t_c_ha", "mg_ha", "mgha", "mg_c_ha", "mgc_ha"), "t/ha"),
    **dict.fromkeys(("kg_ha", "kgha", "kg_per_ha"), "kg/ha"),
    **dict.fromkeys(("kg_m2", "kgm2", "kg_c_m2", "kgc_m2", "kg_m_2"), "kg/m2"),
    **dict.fromkeys(("g_m2", "gm2", "g_c_m2", "g_m_2"), "g/m2"),
    **dict.fromkeys(("g_cm3", "gcm3", "g_cc", "g_cm_3", "g_per_cm3", "mg_m3", "mgm3", "t_m3"), "g/cm3"),
    **dict.fromkeys(("kg_m3", "kgm3", "kg_m_3"), "kg/m3"),
    **dict.fromkeys(("t_ha_yr", "t_ha_a", "t_ha_y", "t_ha_year", "mg_ha_yr"), "t/ha/yr"),
    **dict.fromkeys(("kg_ha_yr", "kg_ha_a", "kg_ha_year"), "kg/ha/yr"),
    "cm": "cm", "mm": "mm", "degc": "degC",
}  # fmt: skip
"""How people write a unit behind a name."""

_FRACTION = "it is one part of the carbon, which no column of this table holds"
_NOT_HELD = "it is another quantity than any column of this table"
_TERMS: tuple[tuple[str, str], ...] = (
    (
        "som om soilorganicmatter organicmatter orgmatter loi lossonignition humus humuscontent mos matiereorganique "
        "mo materiaorganica os organischestof organischesubstanz obs corganicmatter",
        f"{ORGANIC_MATTER} and call it `soil_organic_carbon`",
    ),
    ("pom particulateorganicmatter fpom cpom ipom", f"{ORGANIC_MATTER} and call it `particulate_organic_carbon`"),
    (
        "maom mineralassociatedorganicmatter",
        f"{ORGANIC_MATTER} and call it `mineral_associated_organic_carbon`",
    ),
    ("dom dissolvedorganicmatter", f"{ORGANIC_MATTER} and call it `water_extractable_organic_carbon`"),
    (
        "totalcarbon tc ctotal totalc ctot ct carbon c soilcarbon soilc tcarbon carboncontent carbone kohlenstoff "
        "totalsoilcarbon stc",
        "total carbon holds the carbon of carbonates: where there are none (mostly below pH 7), or after taking "
        "inorganic carbon off, call it `soil_organic_carbon`",
    ),
    (
        "inorganiccarbon soilinorganiccarbon sic ic tic cinorg inorganicc carbonate carbonates caco3 carbonatecarbon "
        "co3 lime calcite",
        "inorganic carbon is no organic carbon, and no column of this table holds it",
    ),
    (
        "poxc activecarbon labilecarbon permanganateoxidizablecarbon permanganateoxidisablecarbon kmno4c hwec hwc "
        "hotwaterextractablecarbon readilyoxidizablecarbon lightfraction lightfractioncarbon lf lfc blackcarbon bc "
        "pyrogeniccarbon pyc charcoal recalcitrantcarbon",
        _FRACTION,
    ),
    ("c13 d13c delta13c c14 d14c f14c d15n delta15n", "it is a ratio of isotopes, which no column of this table holds"),
    (
        "mineraln nmin mineralnitrogen inorganicnitrogen inorganicn no3 nitrate no3n nh4 ammonium nh4n organicnitrogen "
        "norg dissolvedorganicnitrogen don",
        "it is one part of total nitrogen, which no column of this table holds",
    ),
    ("mbn nmic microbialnitrogen microbialbiomassnitrogen mbp pmic", "it is no carbon of the microbial biomass"),
    ("sand sandcontent sandpct", "neither `clay` nor `silt_and_clay` is sand; 100 % less sand is silt and clay"),
    ("silt siltcontent siltpct schluff limon limo", "silt alone is no column: with clay it is `silt_and_clay`"),
    ("texture textureclass soiltexture", "a class of texture is no number: `clay` takes percent"),
    (
        "depth soildepth samplingdepth depthcm layer layerdepth sampledepth tiefe profondeur profundidad",
        "write where the layer begins, `depth_top`, and where it ends, `depth_bottom`",
    ),
    (
        "thickness layerthickness horizonthickness depthmid middepth depthmiddle",
        "it does not say where the layer begins: write `depth_top` and `depth_bottom`",
    ),
    (
        "tmin tmax tn tx mintemperature maxtemperature minimumtemperature maximumtemperature mintemp maxtemp tmn tmx",
        "`temperature` takes the mean: of both extremes where nothing better is known",
    ),
    ("soiltemperature soiltemp tsoil ts", "the temperature of soil is not that of air, which `temperature` takes"),
    (
        "snow snowfall snowdepth throughfall pastprecipitation futureprecipitation effectiveprecipitation wetdays "
        "raindays irrigation runoff drainage",
        "`rain` takes all water of the month that reaches the ground",
    ),
    (
        "evaporation evap pevap evapo potentialevaporation openwaterevaporation",
        "say of what: from an open pan it is `open_pan_evaporation`; what plants and soil could lose, by Penman or the "
        "like, is `potential_evapotranspiration`",
    ),
    (
        "stones stone stonecontent stoniness gravel gravelcontent rock rocks rockcontent rockfragments coarsefragments "
        "coarsefraction coarsematerial cf skeleton skelett cailloux",
        "say of what it is a share: of the mass of the whole soil it is `coarse_fragments_mass`, of its volume "
        "`coarse_fragments_volume`",
    ),
    (
        "et aet eta evapotranspiration actualevapotranspiration actualet vpd humidity relativehumidity radiation srad "
        "solarradiation wind windspeed sunshine",
        _NOT_HELD,
    ),
    (
        "yield grainyield cropyield harvest yields ertrag rendement",
        "as dry matter (grain with 14 % of water is 0.86 of it) it is `yield_dry_matter` per year, `yield_per_harvest` "
        "of one harvest",
    ),
    (
        "npp gpp anpp bnpp netprimaryproduction netprimaryproductivity grossprimaryproduction litterfall residue "
        "residues cropresidue strawyield straw rootbiomass roots belowgroundbiomass litter",
        "it is no carbon that enters the soil: what does is `plant_carbon_input`",
    ),
    (
        "manure slurry compost fym organicamendment amendment farmyardmanure",
        "say of what the numbers are: `manure_carbon_input` takes carbon, `manure_fresh` fresh mass",
    ),
    ("manuren manurenitrogen slurryn", "nitrogen of manure is neither its carbon nor mineral fertilizer"),
    (
        "fertilizer fertiliser fertilization npk",
        "as nitrogen of mineral fertilizer it is `fertilizer_nitrogen`",
    ),
    (
        "soilrespiration rs sr totalrespiration soilco2efflux",
        "soil respiration has that of roots in it: without it, it is `co2_flux`",
    ),
    ("nee reco ecosystemrespiration ter nbp ra autotrophicrespiration", "it has the breath of plants in it"),
    (
        "co2e co2eq carbondioxideequivalent ghg emissions",
        f"a CO2 equivalent may count other gases; of CO2 alone, {CARBON_OF_CO2} is carbon",
    ),
    (
        "n nitrogen azote stickstoff",
        "say of what: total nitrogen is `total_nitrogen`, a number of samples `replicates`",
    ),
    ("biomass plantbiomass", "say of what: of microbes it is `microbial_biomass`, of plants `biomass_dry_matter`"),
    ("cover landcover", "say of what: `plant_cover` is a share of time, `cover_crop` a crop, `land_cover` a use"),
    ("rep repno replicateno", "a number of a sample is `replicate`, a number of samples `replicates`"),
    ("sd se sem std stdev error cv", "say of what, as in `soil_organic_carbon_sd`; a standard error is none"),
)
_ADVICE = {term: advice for terms, advice in _TERMS for term in terms.split()}


@dataclass(frozen=True)
class Meaning:
    """What the name above a column means.

    Parameters
    ----------
    name
        Column of the schema that it means, or None.
    unit
        Unit that the name ends in, such as ``g/kg`` of ``soc_g_kg``.
    advice
        What to say where it means no column of the schema; empty where there is nothing to say.
    """

    name: str | None = None
    unit: str | None = None
    advice: str = ""


def meaning(written: str, unit: str | None, schema: TableSchema) -> Meaning:
    """Tell which column of a schema a name means, by its aliases or by a slip of the pen.

    Parameters
    ----------
    written
        Name above a column, without a unit in brackets.
    unit
        Unit that is stated for it, None where none is.
    schema
        Of the table.

    Returns
    -------
    Meaning
        Without a name where the term, or its unit, belongs to another quantity.

    Examples
    --------
    >>> from socbayes.vocabulary import SCHEMAS
    >>> meaning("SOC%", None, SCHEMAS["necromass_levels"])
    Meaning(name='soil_organic_carbon', unit='%', advice='')
    >>> meaning("inorganic_carbon", "%", SCHEMAS["necromass_levels"]).name is None
    True
    """
    plain = _plain(written)
    bare, behind = _without_unit(plain)
    for term, its in ((plain, unit), (bare, unit or behind)):
        name = _by_name(term, schema)
        if name is None:
            continue
        fitting = _fitting(name, its, schema)
        if fitting is not None:
            return Meaning(fitting, None if its == unit else its)
        return Meaning(advice=f"`{its}` does not measure `{name}`")
    for term in (plain, bare):
        told = _told(term, schema)
        if told is not None:
            return Meaning(advice=told)
    deviation = _of_error(bare, schema)
    if deviation is not None:
        return replace(deviation, unit=None if unit or deviation.name is None else behind)
    slip = _slip(bare, schema)
    if slip is not None and (fitting := _fitting(slip, unit or behind, schema)) is not None:
        return Meaning(fitting, None if unit else behind)
    return Meaning()


def _plain(written: str) -> str:
    """Words of a name in lower case, parted by underscores."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", written.replace("\u2030", " permille ").replace("%", " pct "))
    text = unicodedata.normalize("NFKD", text.replace("\u00b5", "u").replace("\u03bc", "u")).lower()
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"[\u0300-\u036f]", "", text)).strip("_")


def _key(name: str) -> str:
    return name.replace("_", "")


def _without_unit(plain: str) -> tuple[str, str | None]:
    """Split a unit from the end, or a percent sign from the front, of a name."""
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if plain.endswith(f"_{suffix}"):
            return plain[: -len(suffix) - 1], _SUFFIXES[suffix]
    if plain.startswith("pct_"):
        return plain[4:], "%"
    return plain, None


@lru_cache(maxsize=64)
def _names(schema: TableSchema) -> dict[str, str]:
    """Columns of a schema by their name and by its aliases."""
    names = {_key(name): name for name in schema.columns}
    for name in schema.columns:
        for alias in QUANTITIES[name].aliases:
            names.setdefault(_key(_plain(alias)), name)
    return names


def _by_name(plain: str, schema: TableSchema) -> str | None:
    return _names(schema).get(_key(plain))


def _fitting(name: str, unit: str | None, schema: TableSchema) -> str | None:
    """The column that a unit measures: the one meant, its stock, or none."""
    quantity = QUANTITIES[name]
    if unit is None or quantity.kind != "number":
        return name
    for one in (name, STOCKS.get(name, ""), CONTENTS.get(name, "")):
        if one in schema.columns:
            try:
                conversion_factor(unit, QUANTITIES[one])
            except UnitError as error:
                if "is not known" in str(error):
                    return name  # a slip in the unit says nothing about the name
                continue
            return one
    return None


STOCKS = {
    "soil_organic_carbon": "soc_stock",
    "particulate_organic_carbon": "particulate_carbon_stock",
    "mineral_associated_organic_carbon": "mineral_associated_carbon_stock",
}
"""A content and the stock it is often mistaken for."""
CONTENTS = {stock: content for content, stock in STOCKS.items()}


def _told(plain: str, schema: TableSchema) -> str | None:
    """What to say of a term that is another quantity, None where nothing is known of it."""
    advice = _ADVICE.get(_key(plain))
    if advice is None:
        return None
    columns = re.findall(r"`(\w+)`", advice)
    if columns and not set(columns) & set(schema.columns):
        return _NOT_HELD
    return advice


def _of_error(plain: str, schema: TableSchema) -> Meaning | None:
    """A standard deviation, or what is none, of a column whose name stands before or behind it."""
    words = plain.split("_")
    for error, rest in ((words[-1], words[:-1]), (words[0], words[1:])):
        if error not in _ERRORS or not rest:
            continue
        bare, _ = _without_unit("_".join(rest))
        name = _by_name(bare, schema)
        if name is None:
            continue
        if _ERRORS[error] != "sd":
            advice = _ERRORS[error].format(name=name)
            named = re.findall(r"`(\w+)`", advice)
            return Meaning(advice=advice if set(named) <= set(schema.columns) else _NOT_HELD)
        return Meaning(f"{name}_sd") if f"{name}_sd" in schema.columns else Meaning(advice=_NOT_HELD)
    return None


def _slip(plain: str, schema: TableSchema) -> str | None:
    """Column whose name, or alias, differs by one letter in each word; None where two columns do, or none."""
    if plain in QUANTITIES:
        return None
    close = {
        name
        for spelling, name in _names(schema).items()
        for known in ([name, *map(_plain, QUANTITIES[name].aliases)] if spelling == _key(name) else [])
        if within_a_letter(plain, known)
    }
    return close.pop() if len(close) == 1 else None


def within_a_letter(one: str, other: str) -> bool:
    """Whether two names differ by at most one letter in each word of four letters or more.

    Parameters
    ----------
    one, other
        In lower case, their words parted by underscores.

    Examples
    --------
    >>> within_a_letter("bulk_densty", "bulk_density"), within_a_letter("inorganic_carbon", "organic_carbon")
    (True, False)
    """
    if len(_key(one)) > 7 and _one_letter(_key(one), _key(other)):
        return True
    words, others = one.split("_"), other.split("_")
    return len(words) == len(others) and all(
        word == beside or _one_letter(word, beside) for word, beside in zip(words, others, strict=True)
    )


def _one_letter(one: str, other: str) -> bool:
    """Whether a letter too many, too few or another, or two in turned order, is all that parts two words."""
    if min(len(one), len(other)) < 4 or abs(len(one) - len(other)) > 1 or one[0] != other[0]:
        return False
    if len(one) > len(other):
        one, other = other, one
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    turned = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return turned or one[at + 1 :] == other[at + 1 :]


def class_meant(found: str, classes: tuple[str, ...]) -> str | None:
    """Return the class that a word is another spelling of, or a slip of the pen, None where none or several are.

    Parameters
    ----------
    found
        As written.
    classes
        Of the column.

    Examples
    --------
    >>> class_meant("Cover Crops", ("cover_crop", "manure")), class_meant("no manure", ("cover_crop", "manure"))
    ('cover_crop', None)
    """
    close = {
        one for one in classes if within_a_letter(_plain(found), _plain(one)) or same_name(found) == same_name(one)
    }
    return close.pop() if len(close) == 1 else None
