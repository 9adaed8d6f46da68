"""Enzyme models at one level of detail each.

``awb``: Allison, Wallenstein and Bradford 2010, Nature Geoscience 3:336-340,
four pools with enzymes; ``con`` their conventional model; ``ger`` German et
al. 2012, two pools, as written in Li et al. 2014, Biogeochemistry 119:67-84;
``awb_eca`` has the equilibrium chemistry approximation in both saturations.
Hourly.

Temperature acts as in Li et al. (Arrhenius around a reference), with slopes
for the half-saturations as in Allison et al., so both publications are
parameter sets of one structure. Allison et al. put 0 degrees at 273 K: the
parameter ``zero_celsius``.

The published dissolved carbon of ``awb`` (0.00144928 mg/cm3) is what an hourly
step limited to the carbon present settles at, not a root of the equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp as number_exp
from typing import Any

from socbayes.core.mathematics import exp
from socbayes.core.structure import Driver, Efficiency, Flow, Parameter, Structure

_SI = "Allison et al. 2010, supplementary tables"
_LI = "Li et al. 2014"
_R = 8.314
_COMMON = (
    Parameter("reference_temperature", "degC", 20.0, _SI, meaning="Temperature at which rates are stated."),
    Parameter("zero_celsius", "K", 273.0, _SI, 272.0, 274.0, "Zero degrees Celsius in kelvin, as the authors have it."),
)
_DRIVERS = (
    Driver("temperature", "degC", "Soil temperature.", 20.0),
    Driver("input_soil", "mg/cm**3/hour", "Input to soil organic carbon.", 5e-4, lower=0.0),
    Driver("input_dissolved", "mg/cm**3/hour", "Input to dissolved carbon.", 5e-4, lower=0.0),
)

# One pool holds all that is not dissolved, so amendments differ in their labile carbon only.
_ENTRIES = {"labile": ("dissolved",), "resistant": ("soil",), "humified": ("soil",), "persistent": ("soil",)}


# The authors' straight line.
_EFFICIENCY = Efficiency("cue", "cue_slope", "reference_temperature")


def _thermal(p: Any, u: Any) -> Callable[[Any], Any]:
    inverse = 1.0 / (u.temperature + p.zero_celsius) - 1.0 / (p.reference_temperature + p.zero_celsius)
    return lambda energy: exp(-energy / _R * inverse)


def _at_20(before_exponential: float, energy: float) -> float:
    return before_exponential * number_exp(-energy / (_R * 293.0))


def _awb_flows(eca: bool) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        warm = _thermal(p, u)
        above = u.temperature - p.reference_temperature
        k = p.k * warm(p.energy_k) + p.k_slope * above
        k_uptake = p.k_uptake * warm(p.energy_k_uptake) + p.k_uptake_slope * above
        cue = p.cue + p.cue_slope * above
        half = k + x.enzymes if eca else k
        half_uptake = k_uptake + x.microbes if eca else k_uptake
        uptake = p.v_uptake * warm(p.energy_uptake) * x.microbes * x.dissolved / (half_uptake + x.dissolved)
        death = p.death * x.microbes
        yield Flow("input", "soil", u.input_soil)
        yield Flow("input", "dissolved", u.input_dissolved)
        yield Flow("soil", "dissolved", p.v * warm(p.energy) * x.enzymes * x.soil / (half + x.soil))
        yield Flow("dissolved", "microbes", cue * uptake)
        yield Flow("dissolved", "co2", (1.0 - cue) * uptake)
        yield Flow("microbes", "soil", p.death_to_soil * death)
        yield Flow("microbes", "dissolved", (1.0 - p.death_to_soil) * death)
        yield Flow("microbes", "enzymes", p.enzyme_production * x.microbes)
        yield Flow("enzymes", "dissolved", p.enzyme_loss * x.enzymes)

    return flows


_AWB = (
    Parameter("v", "1/hour", _at_20(1e8, 47e3), _SI, 0.0, meaning="Vmax of decomposition, per enzyme."),
    Parameter("energy", "J/mol", 47e3, _SI, 0.0, meaning="Activation energy of it."),
    Parameter("k", "mg/cm**3", 600.0, _SI, 0.0, meaning="Half-saturation of decomposition."),
    Parameter("energy_k", "J/mol", 0.0, _SI, 0.0, meaning="Activation energy of it."),
    Parameter("k_slope", "mg/cm**3/delta_degC", 5.0, _SI, meaning="Linear rise of it."),
    Parameter("v_uptake", "1/hour", _at_20(1e8, 47e3), _SI, 0.0, meaning="Vmax of uptake, per biomass."),
    Parameter("energy_uptake", "J/mol", 47e3, _SI, 0.0, meaning="Activation energy of it."),
    Parameter("k_uptake", "mg/cm**3", 0.3, _SI, 0.0, meaning="Half-saturation of uptake."),
    Parameter("energy_k_uptake", "J/mol", 0.0, _SI, 0.0, meaning="Activation energy of it."),
    Parameter("k_uptake_slope", "mg/cm**3/delta_degC", 0.01, _SI, meaning="Linear rise of it."),
    Parameter("cue", "1", 0.63 - 0.016 * 20.0, _SI, 0.0, 1.0, "Carbon use efficiency at the reference."),
    Parameter("cue_slope", "1/delta_degC", -0.016, _SI, meaning="Change of it per degree."),
    Parameter("death", "1/hour", 2e-4, _SI, 0.0, meaning="Microbial death."),
    Parameter("death_to_soil", "1", 0.5, _SI, 0.0, 1.0, "Share of dead microbes entering soil carbon."),
    Parameter("enzyme_production", "1/hour", 5e-6, _SI, 0.0, meaning="Enzyme production per biomass."),
    Parameter("enzyme_loss", "1/hour", 1e-3, _SI, 0.0, meaning="Enzyme turnover."),
    *_COMMON,
)
_AWB_LI = {
    # Rates of Li et al. 2014 as other models cite them; mg C per g soil.
    "v": 1.0, "k": 250.0, "energy_k": 30e3, "k_slope": 0.0,
    "v_uptake": 0.01, "k_uptake": 0.26, "energy_k_uptake": 30e3, "k_uptake_slope": 0.0,
    "death": 2.8e-4, "enzyme_production": 5.6e-6, "enzyme_loss": 1e-3, "zero_celsius": 273.15,
}  # fmt: skip


def _awb(name: str, eca: bool) -> Structure:
    return Structure(
        name=name,
        pools=("soil", "dissolved", "microbes", "enzymes"),
        entries=_ENTRIES,
        flows=_awb_flows(eca),
        parameters=_AWB,
        drivers=_DRIVERS,
        microbial=("microbes",),
        carbon_unit="mg/cm**3",
        time_unit="hour",
        scheme="mprk22",
        step=1.0,
        parameter_sets={"allison2010": {}, "li2014": _AWB_LI},
        reference="Allison et al. 2010",
        dissolved=("dissolved",),
        efficiency=_EFFICIENCY,
    )


awb = _awb("awb", eca=False)
awb_eca = _awb("awb_eca", eca=True)


def _con_flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    warm = _thermal(p, u)
    soil = p.k_soil * warm(p.energy_soil) * x.soil
    dissolved = p.k_dissolved * warm(p.energy_dissolved) * x.dissolved
    microbes = p.k_microbes * warm(p.energy_microbes) * x.microbes
    yield Flow("input", "soil", u.input_soil)
    yield Flow("input", "dissolved", u.input_dissolved)
    yield Flow("soil", "dissolved", p.soil_to_dissolved * soil)
    yield Flow("soil", "co2", (1.0 - p.soil_to_dissolved) * soil)
    yield Flow("dissolved", "soil", p.dissolved_to_soil * dissolved)
    yield Flow("dissolved", "co2", (1.0 - p.dissolved_to_soil) * dissolved)
    yield Flow("dissolved", "microbes", p.uptake * x.dissolved)
    yield Flow("microbes", "soil", p.microbes_kept * p.microbes_to_soil * microbes)
    yield Flow("microbes", "dissolved", p.microbes_kept * (1.0 - p.microbes_to_soil) * microbes)
    yield Flow("microbes", "co2", (1.0 - p.microbes_kept) * microbes)


con = Structure(
    name="con",
    pools=("soil", "dissolved", "microbes"),
    entries=_ENTRIES,
    flows=_con_flows,
    parameters=(
        Parameter("k_soil", "1/hour", _at_20(1300.0, 47e3), _SI, 0.0, meaning="Decay of soil carbon."),
        Parameter("energy_soil", "J/mol", 47e3, _SI, 0.0, meaning="Activation energy of it."),
        Parameter("k_dissolved", "1/hour", _at_20(1e4, 40e3), _SI, 0.0, meaning="Decay of dissolved carbon."),
        Parameter("energy_dissolved", "J/mol", 40e3, _SI, 0.0, meaning="Activation energy of it."),
        Parameter("k_microbes", "1/hour", _at_20(1600.0, 40e3), _SI, 0.0, meaning="Turnover of microbes."),
        Parameter("energy_microbes", "J/mol", 40e3, _SI, 0.0, meaning="Activation energy of it."),
        Parameter("uptake", "1/hour", 5e-4, _SI, 0.0, meaning="Uptake of dissolved carbon."),
        Parameter("soil_to_dissolved", "1", 0.2, _SI, 0.0, 1.0, "Share of soil decay kept in dissolved."),
        Parameter("dissolved_to_soil", "1", 0.2, _SI, 0.0, 1.0, "Share of dissolved decay kept in soil."),
        Parameter("microbes_kept", "1", 0.2, _SI, 0.0, 1.0, "Share of microbial turnover not respired."),
        Parameter("microbes_to_soil", "1", 0.5, _SI, 0.0, 1.0, "Soil share of that."),
        *_COMMON,
    ),
    drivers=_DRIVERS,
    microbial=("microbes",),
    carbon_unit="mg/cm**3",
    time_unit="hour",
    scheme="mprk22",
    step=1.0,
    parameter_sets={"allison2010": {}},
    reference="Allison et al. 2010",
    dissolved=("dissolved",),
)


def _ger_flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    warm = _thermal(p, u)
    cue = p.cue + p.cue_slope * (u.temperature - p.reference_temperature)
    taken = p.v * warm(p.energy) * x.microbes * x.soil / (p.k * warm(p.energy_k) + x.soil)
    yield Flow("input", "soil", u.input_soil)
    yield Flow("soil", "microbes", cue * taken)
    yield Flow("soil", "co2", (1.0 - cue) * taken)
    yield Flow("microbes", "soil", p.death * x.microbes)


_GER = "German et al. 2012 as in Li et al. 2014; assumed where other models cite Li et al. for awb"

ger = Structure(
    name="ger",
    pools=("soil", "microbes"),
    entries=_ENTRIES | {"labile": ("soil",)},
    flows=_ger_flows,
    parameters=(
        Parameter("v", "1/hour", 0.01, _GER, 0.0, meaning="Vmax of decomposition and uptake, per biomass."),
        Parameter("energy", "J/mol", 47e3, _GER, 0.0, meaning="Activation energy of it."),
        Parameter("k", "mg/g", 250.0, _GER, 0.0, meaning="Half-saturation."),
        Parameter("energy_k", "J/mol", 30e3, _GER, 0.0, meaning="Activation energy of it."),
        Parameter("cue", "1", 0.31, _GER, 0.0, 1.0, "Carbon use efficiency at the reference."),
        Parameter("cue_slope", "1/delta_degC", -0.016, _GER, meaning="Change of it per degree."),
        Parameter("death", "1/hour", 2.8e-4, _GER, 0.0, meaning="Microbial death, to soil carbon."),
        Parameter("reference_temperature", "degC", 20.0, _GER, meaning="Temperature at which rates are stated."),
        Parameter("zero_celsius", "K", 273.15, _GER, 272.0, 274.0, "Zero degrees Celsius in kelvin."),
    ),
    drivers=(_DRIVERS[0], Driver("input_soil", "mg/g/hour", "Input to soil organic carbon.", 1.6e-4, lower=0.0)),
    microbial=("microbes",),
    carbon_unit="mg/g",
    time_unit="hour",
    scheme="mprk22",
    step=1.0,
    reference=_LI,
    efficiency=_EFFICIENCY,
)
