"""Millennial version 2: Abramoff et al. 2022, Soil Biology and Biochemistry 164:108466.

Five measurable pools, daily, g C/m2. Three kinetics of the two microbial
fluxes: Michaelis-Menten (``millennial``), equilibrium chemistry approximation
(``millennial_eca``) and linear (``millennial_lin``). Under Michaelis-Menten,
decomposition saturates with microbes and uptake with dissolved carbon.

Two points in which this file is more careful than the published code:
desorption appears there under one name with two units, here as
``sorption_rate`` (1/day) and ``desorption_rate`` (g/m2/day); and carbon use
efficiency, a straight line in temperature, is kept within 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from socbayes.core.environment import GAS_CONSTANT, ZERO_CELSIUS, millennial_biology, millennial_diffusion
from socbayes.core.mathematics import clip, exp
from socbayes.core.structure import Driver, Efficiency, Flow, Parameter, Structure

_PAPER = "Abramoff et al. 2022, table 1 and the published default parameter file"

# Denominator of a flux from its half-saturation, the limiting pool and the other one.
_KINETICS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mm": lambda half, limiting, other: half + limiting,
    "eca": lambda half, limiting, other: half + limiting + other,
    "lin": lambda half, limiting, other: half,
}


def _flows(kinetics: str) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    denominator = _KINETICS[kinetics]

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        thermal = GAS_CONSTANT * (u.temperature + ZERO_CELSIUS)
        wet = millennial_diffusion(u.water, p.porosity)
        active = millennial_biology(u.water, p.porosity, p.matric_potential, p.moisture_sensitivity, p.anaerobic_rate)
        capacity = p.bulk_density * p.clay_and_silt * p.capacity_coefficient
        affinity = p.sorption_rate * exp(-p.sorption_ph * p.ph - p.sorption_intercept)
        cue = clip(p.cue_reference - p.cue_slope * (u.temperature - p.cue_temperature), 0.0, 1.0)

        v_decomposition = p.alpha_decomposition * exp(-p.energy_decomposition / thermal)
        v_uptake = p.alpha_uptake * exp(-p.energy_uptake / thermal)
        pair = x.dissolved * x.microbes
        uptake = v_uptake * active * pair / denominator(p.half_uptake, x.dissolved, x.microbes)
        attack = x.particulate * x.microbes / denominator(p.half_decomposition, x.microbes, x.particulate)
        breakup = p.aggregate_breakup * wet * x.aggregates
        death = p.microbial_death * x.microbes * x.microbes

        yield Flow("input", "particulate", p.particulate_share * u.npp)
        yield Flow("input", "dissolved", (1.0 - p.particulate_share) * u.npp)
        yield Flow("particulate", "dissolved", v_decomposition * wet * attack)
        yield Flow("particulate", "aggregates", p.particulate_aggregation * wet * x.particulate)
        yield Flow("aggregates", "particulate", p.aggregate_to_particulate * breakup)
        yield Flow("aggregates", "mineral", (1.0 - p.aggregate_to_particulate) * breakup)
        yield Flow("dissolved", "leached", p.leaching * wet * x.dissolved)
        yield Flow("dissolved", "mineral", wet * affinity * x.dissolved * (1.0 - x.mineral / capacity))
        yield Flow("mineral", "dissolved", p.desorption_rate * x.mineral / capacity)
        yield Flow("dissolved", "microbes", cue * uptake)
        yield Flow("dissolved", "co2", (1.0 - cue) * uptake)
        yield Flow("microbes", "mineral", p.necromass_to_mineral * death)
        yield Flow("microbes", "dissolved", (1.0 - p.necromass_to_mineral) * death)
        yield Flow("mineral", "aggregates", p.mineral_aggregation * wet * x.mineral)

    return flows


_PARAMETERS = (
    Parameter("particulate_share", "1", 0.66, _PAPER, 0.0, 1.0, "Share of input entering particulate (param_pi)."),
    Parameter("aggregate_to_particulate", "1", 0.33, _PAPER, 0.0, 1.0, "Share of break-up to particulate (param_pa)."),
    Parameter("half_decomposition", "g/m**2", 1e4, _PAPER, 0.0, meaning="Half-saturation of decomposition (kaff_pl)."),
    Parameter("alpha_decomposition", "1/day", 2.5e12, _PAPER, 0.0, meaning="Pre-exponential factor (alpha_pl)."),
    Parameter("energy_decomposition", "J/mol", 64320.0, _PAPER, 0.0, meaning="Activation energy (eact_pl)."),
    Parameter("particulate_aggregation", "1/day", 0.02, _PAPER, 0.0, meaning="Aggregate formation (rate_pa)."),
    Parameter("aggregate_breakup", "1/day", 0.019, _PAPER, 0.0, meaning="Aggregate break-up (rate_break)."),
    Parameter("leaching", "1/day", 0.0015, _PAPER, 0.0, meaning="Leaching of dissolved carbon (rate_leach)."),
    Parameter("sorption_rate", "1/day", 1.0, _PAPER, 0.0, meaning="Sorption rate (kaff_des inside the affinity)."),
    Parameter("desorption_rate", "g/m**2/day", 1.0, _PAPER, 0.0, meaning="Desorption at saturation (kaff_des)."),
    Parameter("sorption_ph", "1", 0.186, _PAPER, meaning="Decline of log affinity per pH unit (param_p1)."),
    Parameter("sorption_intercept", "1", 0.216, _PAPER, meaning="Minus log affinity at pH 0 (param_p2)."),
    Parameter("half_uptake", "g/m**2", 290.0, _PAPER, 0.0, meaning="Half-saturation of uptake (kaff_lb)."),
    Parameter("alpha_uptake", "1/day", 2.6e12, _PAPER, 0.0, meaning="Pre-exponential factor (alpha_lb)."),
    Parameter("energy_uptake", "J/mol", 60260.0, _PAPER, 0.0, meaning="Activation energy of uptake (eact_lb)."),
    Parameter("microbial_death", "m**2/g/day", 0.0036, _PAPER, 0.0, meaning="Density-dependent death (rate_bd)."),
    Parameter("mineral_aggregation", "1/day", 0.02, _PAPER, 0.0, meaning="Mineral carbon to aggregates (rate_ma)."),
    Parameter("cue_reference", "1", 0.6, _PAPER, 0.0, 1.0, "Carbon use efficiency at the reference (cue_ref)."),
    Parameter("cue_slope", "1/delta_degC", 0.012, _PAPER, meaning="Decline of efficiency per degree (cue_t)."),
    Parameter("cue_temperature", "degC", 15.0, _PAPER, meaning="Reference temperature of efficiency (tae_ref)."),
    Parameter("matric_potential", "kPa", 15.0, _PAPER, 0.0, meaning="Matric potential, positive (matpot)."),
    Parameter("moisture_sensitivity", "1/kPa", 2.1e-4, _PAPER, 0.0, meaning="Sensitivity to it (lambda)."),
    Parameter("porosity", "m**3/m**3", 0.6, _PAPER, 0.0, 1.0, "Total porosity (porosity)."),
    Parameter("anaerobic_rate", "1", 0.2, _PAPER, 0.0, 1.0, "Rate kept without oxygen (kamin)."),
    Parameter("necromass_to_mineral", "1", 0.5, _PAPER, 0.0, 1.0, "Share of dead microbes sorbed (param_pb)."),
    Parameter("capacity_coefficient", "g/m**2/(kg/m**3)/percent", 0.86, _PAPER, 0.0, meaning="Mineral capacity (pc)."),
    Parameter("ph", "1", 7.0, "site property; published control run", 0.0, 14.0, "Soil pH."),
    Parameter("clay_and_silt", "percent", 80.0, "site property; published control run", 0.0, 100.0, "Clay and silt."),
    Parameter("bulk_density", "kg/m**3", 1000.0, "site property; published control run", 0.0, meaning="Bulk density."),
)

_FIT = {
    # Published fitted parameter file.
    "half_decomposition": 6443.0,
    "alpha_decomposition": 1.8e12,
    "energy_decomposition": 63909.0,
    "particulate_aggregation": 0.018,
    "aggregate_breakup": 0.02,
    "sorption_ph": 0.12,
    "half_uptake": 774.6,
    "alpha_uptake": 2.3e12,
    "energy_uptake": 57865.0,
    "microbial_death": 0.0045,
    "mineral_aggregation": 0.0048,
    "cue_reference": 0.19,
}


def _structure(name: str, kinetics: str) -> Structure:
    return Structure(
        name=name,
        pools=("particulate", "dissolved", "aggregates", "microbes", "mineral"),
        sinks=("co2", "leached"),
        flows=_flows(kinetics),
        parameters=_PARAMETERS,
        drivers=(
            Driver("temperature", "degC", "Soil temperature."),
            Driver("water", "m**3/m**3", "Volumetric soil water.", lower=0.0),
            Driver("npp", "g/m**2/day", "Carbon input.", lower=0.0),
        ),
        microbial=("microbes",),
        # Our reading: what is humified is protected at once, on minerals.
        entries={
            "labile": ("dissolved",),
            "resistant": ("particulate",),
            "humified": ("mineral",),
            "persistent": ("particulate",),
        },
        carbon_unit="g/m**2",
        time_unit="day",
        scheme="euler",
        step=1.0,
        parameter_sets={"abramoff2022_default": {}, "abramoff2022_fit": _FIT},
        reference="Abramoff et al. 2022",
        dissolved=("dissolved",),
        # Aggregates are neither; they are shared out as they break up, a third particulate.
        fractions={
            "particulate": {"particulate": 1.0, "aggregates": 0.33},
            "mineral_associated": {"mineral": 1.0, "aggregates": 0.67},
        },
        decomposition=("alpha_decomposition", "desorption_rate"),
        carried={"cue_reference": "carbon_use_efficiency"},
        efficiency=Efficiency("cue_reference", "cue_slope", "cue_temperature", sign=-1.0),
    )


millennial = _structure("millennial", "mm")
millennial_eca = _structure("millennial_eca", "eca")
millennial_lin = _structure("millennial_lin", "lin")
