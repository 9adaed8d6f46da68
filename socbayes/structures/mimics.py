"""MIMICS: Wieder et al. 2014, Biogeosciences 11:3899-3917; 2015, Geoscientific Model Development 8:1789-1808.

Seven pools, mg C/cm3, hourly. Two microbial communities (r, K) feed on
metabolic and structural litter and on available organic matter. ``mimics`` has
reverse Michaelis-Menten kinetics, ``mimics_forward`` those of the 2015 paper.

The published model takes hourly Euler steps; over years ``mprk22`` with a step
of a day is as accurate and far cheaper. Dead microbes are split into
``physical``, ``chemical`` and what is left, so the shares always sum to one
(one published version forms the rest before scaling the first).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from socbayes.core.mathematics import exp, maximum, minimum, sqrt
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_GMD = "Wieder et al. 2015"
_SANDBOX = "Wieder et al. 2015 with the reverse kinetics defaults of the public model of 2023"
_HOURS_PER_YEAR = 365.0 * 24.0


def _flows(reverse: bool) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        metabolic = p.metabolic_scale * (p.metabolic_intercept - p.metabolic_slope * p.lignin_to_nitrogen)
        texture = p.texture_scale * exp(p.texture_exponent * sqrt(p.clay))
        v_base = u.water_factor * exp(p.v_slope * u.temperature + p.v_intercept) * p.v_scale
        order = ("metabolic_r", "structural_r", "available_r", "metabolic_k", "structural_k", "available_k")
        v = {o: v_base * p[f"v_{o}"] for o in order}
        k = {}
        for o in order:
            kind = o.rsplit("_", 1)[0]
            km = exp(p[f"k_slope_{kind}"] * u.temperature + p.k_intercept) * p.k_scale / p[f"k_{o}"]
            k[o] = km / texture if kind == "available" else km

        def take(o: str, substrate: Any, microbes: Any, oxidation: Any = None) -> Any:
            half = k[o] if oxidation is None else oxidation * k[o]
            return microbes * v[o] * substrate / (half + (microbes if reverse else substrate))

        modifier = p.turnover_scale * minimum(
            maximum(sqrt(p.anpp / p.turnover_anpp), p.turnover_lower), p.turnover_upper
        )
        death_r = p.turnover_r * exp(p.turnover_r_slope * metabolic) * modifier * x.microbes_r**p.density_exponent
        death_k = p.turnover_k * exp(p.turnover_k_slope * metabolic) * modifier * x.microbes_k**p.density_exponent
        physical_r = p.physical_scale * p.physical_r * exp(p.physical_r_clay * p.clay)
        physical_k = p.physical_scale * p.physical_k * exp(p.physical_k_clay * p.clay)
        chemical_r = p.chemical_r * exp(p.chemical_slope * metabolic) * p.chemical_scale
        chemical_k = p.chemical_k * exp(p.chemical_slope * metabolic) * p.chemical_scale

        litter = u.npp / _HOURS_PER_YEAR * 1e3 / 1e4 / p.depth
        yield Flow("input", "litter_metabolic", litter * metabolic * (1.0 - p.input_to_soil))
        yield Flow("input", "litter_structural", litter * (1.0 - metabolic) * (1.0 - p.input_to_soil))
        yield Flow("input", "physical", litter * metabolic * p.input_to_soil)
        yield Flow("input", "chemical", litter * (1.0 - metabolic) * p.input_to_soil)
        for group, microbes, cue_high, cue_low in (
            ("r", x.microbes_r, p.cue_r_metabolic, p.cue_r_structural),
            ("k", x.microbes_k, p.cue_k_metabolic, p.cue_k_structural),
        ):
            for pool, kind, cue in (
                ("litter_metabolic", "metabolic", cue_high),
                ("litter_structural", "structural", cue_low),
                ("available", "available", cue_high),
            ):
                taken = take(f"{kind}_{group}", x[pool], microbes)
                yield Flow(pool, f"microbes_{group}", cue * taken)
                yield Flow(pool, "co2", (1.0 - cue) * taken)
        for pool, death, physical, chemical in (
            ("microbes_r", death_r, physical_r, chemical_r),
            ("microbes_k", death_k, physical_k, chemical_k),
        ):
            yield Flow(pool, "physical", physical * death)
            yield Flow(pool, "chemical", chemical * death)
            yield Flow(pool, "available", (1.0 - physical - chemical) * death)
        yield Flow(
            "physical",
            "available",
            p.desorption_scale * p.desorption * exp(p.desorption_clay * p.clay) * x.physical,
        )
        yield Flow(
            "chemical",
            "available",
            take("structural_r", x.chemical, x.microbes_r, p.oxidation_r)
            + take("structural_k", x.chemical, x.microbes_k, p.oxidation_k),
        )

    return flows


def _parameters(source: str) -> tuple[Parameter, ...]:
    def one(name: str, unit: str, default: float, meaning: str, lower: float = 0.0, upper: float = float("inf")) -> Any:
        return Parameter(name, unit, default, source, lower, upper, meaning)

    low = -float("inf")
    return (
        one("v_slope", "1/delta_degC", 0.063, "Temperature slope of log Vmax.", low),
        one("v_intercept", "1", 5.47, "Intercept of log Vmax.", low),
        one("v_scale", "1/hour", 8e-6, "Scale of Vmax."),
        one("v_metabolic_r", "1", 10.0, "Vmax modifier, metabolic litter to r."),
        one("v_structural_r", "1", 2.0, "Vmax modifier, structural litter to r."),
        one("v_available_r", "1", 10.0, "Vmax modifier, available matter to r."),
        one("v_metabolic_k", "1", 3.0, "Vmax modifier, metabolic litter to K."),
        one("v_structural_k", "1", 3.0, "Vmax modifier, structural litter to K."),
        one("v_available_k", "1", 2.0, "Vmax modifier, available matter to K."),
        one("k_slope_metabolic", "1/delta_degC", 0.025, "Temperature slope of log Km, metabolic litter.", low),
        one("k_slope_structural", "1/delta_degC", 0.035, "Temperature slope of log Km, structural litter.", low),
        one("k_slope_available", "1/delta_degC", 0.025, "Temperature slope of log Km, available matter.", low),
        one("k_intercept", "1", 3.19, "Intercept of log Km.", low),
        one("k_scale", "mg/cm**3", 10.0, "Scale of Km."),
        one("k_metabolic_r", "1", 8.0, "Km divisor, metabolic litter to r."),
        one("k_structural_r", "1", 2.0, "Km divisor, structural litter to r."),
        one("k_available_r", "1", 4.0, "Km divisor before texture, available matter to r."),
        one("k_metabolic_k", "1", 2.0, "Km divisor, metabolic litter to K."),
        one("k_structural_k", "1", 4.0, "Km divisor, structural litter to K."),
        one("k_available_k", "1", 6.0, "Km divisor before texture, available matter to K."),
        one("texture_scale", "1", 2.0, "Scale of the physical protection of Km."),
        one("texture_exponent", "1", -2.0, "Effect of the square root of clay on it.", low),
        one("oxidation_r", "1", 6.0, "Km multiplier of oxidation by r."),
        one("oxidation_k", "1", 6.0, "Km multiplier of oxidation by K."),
        one("cue_r_metabolic", "1", 0.55, "Efficiency of r on metabolic litter and available matter.", 0.0, 1.0),
        one("cue_r_structural", "1", 0.25, "Efficiency of r on structural litter.", 0.0, 1.0),
        one("cue_k_metabolic", "1", 0.75, "Efficiency of K on metabolic litter and available matter.", 0.0, 1.0),
        one("cue_k_structural", "1", 0.35, "Efficiency of K on structural litter.", 0.0, 1.0),
        one("turnover_r", "1/hour", 5.2e-4, "Turnover of r."),
        one("turnover_r_slope", "1", 0.3, "Effect of metabolic share on it.", low),
        one("turnover_k", "1/hour", 2.4e-4, "Turnover of K."),
        one("turnover_k_slope", "1", 0.1, "Effect of metabolic share on it.", low),
        one("turnover_anpp", "g/m**2/year", 100.0, "Productivity at which the turnover modifier is one."),
        one("turnover_lower", "1", 0.8, "Lower limit of the turnover modifier."),
        one("turnover_upper", "1", 1.2, "Upper limit of the turnover modifier."),
        one("turnover_scale", "1", 2.0, "Scale of the turnover modifier."),
        one("density_exponent", "1", 1.0, "Exponent of biomass in turnover; above 1 density-dependent."),
        one("physical_r", "1", 0.3, "Share of dead r protected at no clay."),
        one("physical_r_clay", "1", 1.3, "Effect of clay on it.", low),
        one("physical_k", "1", 0.2, "Share of dead K protected at no clay."),
        one("physical_k_clay", "1", 0.8, "Effect of clay on it.", low),
        one("physical_scale", "1", 1.0, "Multiplier of both protected shares."),
        one("chemical_r", "1", 0.1, "Share of dead r that is recalcitrant, at no metabolic litter."),
        one("chemical_k", "1", 0.3, "Share of dead K that is recalcitrant, at no metabolic litter."),
        one("chemical_slope", "1", -3.0, "Effect of metabolic share on both.", low),
        one("chemical_scale", "1", 1.0, "Multiplier of both recalcitrant shares."),
        one("desorption", "1/hour", 1.5e-5, "Desorption at no clay."),
        one("desorption_clay", "1", -1.5, "Effect of clay on it.", low),
        one("desorption_scale", "1", 1.0, "Multiplier of desorption."),
        one("input_to_soil", "1", 0.05, "Share of litter that bypasses the litter pools.", 0.0, 1.0),
        one("metabolic_scale", "1", 1.0, "Scale of the metabolic share of litter."),
        one("metabolic_intercept", "1", 0.85, "Metabolic share at no lignin."),
        one("metabolic_slope", "1", 0.013, "Decline of it per unit of lignin:nitrogen."),
        one("lignin_to_nitrogen", "1", 20.0, "Lignin:nitrogen of litter, by mass; site property."),
        one("clay", "1", 0.2, "Clay fraction; site property.", 0.0, 1.0),
        one("anpp", "g/m**2/year", 500.0, "Productivity that sets microbial turnover; site property."),
        one("depth", "cm", 30.0, "Depth over which litter is spread."),
    )


_SULMAN = {
    # Model comparison of Sulman et al. 2018, Biogeochemistry 141:109-123.
    "v_scale": 1.25e-7,
    "k_slope_metabolic": 0.02,
    "k_slope_structural": 0.02,
    "k_slope_available": 0.02,
    "k_scale": 0.15625,
    "texture_scale": 3.0,
    "cue_r_metabolic": 0.5,
    "cue_k_metabolic": 0.7,
    "turnover_lower": 0.6,
    "turnover_upper": 1.3,
    "physical_r": 0.15,
    "physical_k": 0.1,
    "physical_scale": 0.1,
    "desorption": 2e-5,
    "desorption_clay": -4.5,
    "desorption_scale": 0.1,
    "input_to_soil": 0.005,
    "metabolic_scale": 0.5,
    "depth": 20.0,
}
_WIEDER = {
    # Forward kinetics of the 2015 public code.
    "k_slope_metabolic": 0.017,
    "k_slope_structural": 0.027,
    "k_slope_available": 0.017,
    "oxidation_r": 4.0,
    "oxidation_k": 4.0,
    "turnover_lower": 0.0,
    "turnover_upper": 1e9,
    "turnover_scale": 1.0,
}


def _structure(name: str, reverse: bool, source: str) -> Structure:
    return Structure(
        name=name,
        pools=(
            "litter_metabolic",
            "litter_structural",
            "microbes_r",
            "microbes_k",
            "physical",
            "chemical",
            "available",
        ),
        flows=_flows(reverse),
        parameters=_parameters(source),
        drivers=(
            Driver("temperature", "degC", "Soil temperature."),
            Driver("npp", "g/m**2/year", "Litter input as carbon.", lower=0.0),
            Driver("water_factor", "1", "Moisture modifier of Vmax.", 1.0, lower=0.0),
        ),
        microbial=("microbes_r", "microbes_k"),
        # Our reading: what is humified is chemically recalcitrant.
        entries={
            "labile": ("litter_metabolic",),
            "resistant": ("litter_structural",),
            "humified": ("chemical",),
            "persistent": ("chemical",),
        },
        carbon_unit="mg/cm**3",
        time_unit="hour",
        scheme="euler",
        step=1.0,
        parameter_sets={"sulman2018": _SULMAN, "wieder2015": _WIEDER, "public2023": {}},
        reference="Wieder et al. 2015",
    )


mimics = _structure("mimics", True, _SANDBOX)
mimics_forward = _structure("mimics_forward", False, _GMD)
