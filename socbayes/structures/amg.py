"""AMG: Saffih-Hdadi and Mary 2008, SBB 40:594-607; version 2: Clivot et al. 2019, Environ. Model. Softw. 118:99-113.

Active carbon, and stable carbon that does not change over the decades that AMG is made for. Of what enters, a share
``h`` that depends on the material becomes active carbon at once, and the rest is respired. Active carbon is mineralised
at ``k0`` times answers to temperature, water, clay, carbonate, pH and C:N of the soil.

Its authors run whole years: the year's mean temperature, its rain and irrigation less potential evapotranspiration, and
carbon of a year's crops that enters evenly over the year after. Here temperature and inputs are as they come; a year of
constant drivers is theirs.

Stable carbon is 65 % of the initial stock under long arable use and 40 % where grass came before (Clivot et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socbayes.core.mathematics import exp, less, maximum, where
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PAPER = "Clivot et al. 2019, as in AMG_base of INRAE"
_PLANTS = "AMG consortium, doi 10.57745/MEQQIX"
_MANURES = "Levavasseur et al. 2022, doi 10.1111/sum.12856, as in AMG_base of INRAE: bovine manure"
_SITE = "site property; example of AMG_base"
_WHEAT = 0.217


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    # Not evaluated below zero, where its authors' code has one millionth.
    warm = maximum(u.temperature, 0.0)
    rise = (p.temperature_most - 1.0) * exp(p.temperature_slope * (p.temperature_reference - warm))
    temperature = where(less(0.0, u.temperature), p.temperature_most / (1.0 + rise), 0.0)
    water = 1.0 / (1.0 + p.water_offset * exp(-p.water_slope * u.water_balance / 1000.0))
    acidity = exp(-p.ph_effect * (p.ph - p.ph_optimum) ** 2)
    nitrogen = p.cn_least + (1.0 - p.cn_least) * exp(-p.cn_effect * (p.cn_ratio - p.cn_optimum) ** 2)
    soil = exp(-p.clay_effect * p.clay) / (1.0 + p.carbonate_effect * p.carbonate) * acidity * nitrogen
    humified: Any = 0.0
    respired: Any = 0.0
    for entered, share in (
        (u.aboveground_input, p.aboveground_humified),
        (u.belowground_input, p.belowground_humified),
        (u.manure_input, p.manure_humified),
    ):
        humified = humified + share * entered
        respired = respired + (1.0 - share) * entered
    yield Flow("input", "active", humified)
    yield Flow("input", "co2", respired)
    yield Flow("active", "co2", p.k0 * temperature * water * soil * x.active)


def _share(name: str, default: float, source: str, meaning: str) -> Parameter:
    return Parameter(name, "1", default, source, 0.0, 1.0, meaning)


amg = Structure(
    name="amg",
    pools=("active", "stable"),
    flows=_flows,
    parameters=(
        Parameter("k0", "1/year", 0.29, _PAPER, 0.0, meaning="Mineralisation of active carbon where nothing slows it."),
        Parameter("temperature_most", "1", 25.0, _PAPER, 1.0, meaning="Answer to temperature in great heat."),
        Parameter("temperature_slope", "1/delta_degC", 0.12, _PAPER, 0.0, meaning="Rise of that answer's logit."),
        Parameter("temperature_reference", "degC", 15.0, _PAPER, meaning="Temperature at which it is one."),
        Parameter("water_offset", "1", 0.03, _PAPER, 0.0, meaning="What water slows where rain meets evaporation."),
        Parameter("water_slope", "year/m", 5.247, _PAPER, 0.0, meaning="Fall of its logarithm with more water."),
        Parameter("clay_effect", "1/percent", 0.02519, _PAPER, 0.0, meaning="Fall of log mineralisation with clay."),
        Parameter("carbonate_effect", "1/percent", 0.015, _PAPER, 0.0, meaning="Slowing by carbonate."),
        Parameter("ph_effect", "1", 0.112, _PAPER, 0.0, meaning="Fall of log mineralisation off the best pH."),
        Parameter("ph_optimum", "1", 8.5, _PAPER, 0.0, 14.0, "pH at which it is fastest."),
        Parameter("cn_effect", "1", 0.06, _PAPER, 0.0, meaning="Fall of its logarithm off the best C:N of the soil."),
        Parameter("cn_optimum", "1", 11.0, _PAPER, 0.0, meaning="C:N at which it is fastest."),
        _share("cn_least", 0.2, _PAPER, "What is left of it at any C:N."),
        _share(
            "aboveground_humified", _WHEAT, f"{_PLANTS}: winter wheat", "Share of shoot carbon that becomes active."
        ),
        _share("belowground_humified", 0.4, f"{_PLANTS}: all crops", "Share of root carbon that becomes active."),
        _share("manure_humified", 0.64, _MANURES, "Share of manure carbon that becomes active."),
        Parameter("clay", "percent", 17.8, _SITE, 0.0, 100.0, "Clay content."),
        Parameter("carbonate", "percent", 11.5, _SITE, 0.0, 100.0, "Calcium carbonate content."),
        Parameter("ph", "1", 8.39, _SITE, 0.0, 14.0, "pH in water."),
        Parameter("cn_ratio", "1", 10.35, _SITE, 0.0, meaning="C:N of the soil, mass."),
    ),
    drivers=(
        Driver("aboveground_input", "t/ha/year", "Carbon of shoots left on the field.", lower=0.0),
        # Nothing by default, so that plants of a field plot are shoots, as in all structures: what roots keep more is
        # learned beside (socbayes.structures.roots).
        Driver(
            "belowground_input", "t/ha/year", "Carbon of roots and what they release, in the layer.", 0.0, lower=0.0
        ),
        Driver("manure_input", "t/ha/year", "Carbon of manure.", 0.0, lower=0.0),
        Driver("temperature", "degC", "Mean air temperature, of the year or as it comes."),
        Driver("water_balance", "mm/year", "Rain and irrigation less potential evapotranspiration, of the year."),
    ),
    inert=("stable",),
    inert_share=0.65,
    carbon_unit="t/ha",
    time_unit="year",
    scheme="rk4",
    step=1.0 / 12.0,
    parameter_sets={
        "clivot2019": {},
        # Version 1 knew nothing of pH and C:N. Its constants as E. Bruni uses them (Holisoils-multimodel, 2023).
        "saffih2008": {
            "k0": 0.165,
            "clay_effect": 0.0272,
            "carbonate_effect": 0.0167,
            "ph_effect": 0.0,
            "cn_effect": 0.0,
        },
    },
    reference=_PAPER,
    # Our reading: its pools are no fractions, so the total alone is seen. What is not humified at once is as litter of
    # wheat shoots: of that, the share above becomes active, and the rest is respired.
    entries={
        "labile": {"active": _WHEAT, "co2": 1.0 - _WHEAT},
        "resistant": {"active": _WHEAT, "co2": 1.0 - _WHEAT},
        "humified": ("active",),
        "persistent": ("stable",),
    },
)
