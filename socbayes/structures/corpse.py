"""CORPSE: Sulman et al. 2014, Nature Climate Change 4:1099-1102.

Three kinds of carbon (fast, slow, microbial necromass), each unprotected or
protected, and live microbes; kg C/m2, years. ``corpse`` is the system of
differential equations. ``corpse_daily`` is the authors' sequential day:
protection sees what decomposition has left, and neither takes more than there
is; with Euler steps of ``step`` years it repeats their code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from socbayes.core.environment import corpse_water
from socbayes.core.mathematics import exp, log, maximum, minimum, share
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PAPER = "Sulman et al. 2018, Biogeochemistry 141:109-123, model comparison run"
#: Gas constant as in the authors' code, J/mol/K.
_R = 8.314472
_KINDS = ("fast", "slow", "necromass")


def _flows(sequential: bool) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        free = {kind: x[kind] for kind in _KINDS}
        total = x.fast + x.slow + x.necromass
        water = corpse_water(u.saturation, p.gas_exponent, p.water_exponent) / p.water_scale
        inverse = 1.0 / u.temperature - 1.0 / p.reference_temperature
        available = share(x.microbes, p.half_biomass * total + x.microbes)
        # Mayes et al. 2012: capacity as a power of clay, relative to a reference.
        clay = exp(p.clay_exponent * log(p.clay / p.reference_clay))

        turnover = maximum((x.microbes - p.minimum_biomass * total) / p.turnover_time, 0.0)
        yield Flow("input", "fast", u.input_fast)
        yield Flow("input", "slow", u.input_slow)
        yield Flow("input", "necromass", u.input_necromass)
        for kind in _KINDS:
            vmax = p[f"v_{kind}"] * exp(-p[f"energy_{kind}"] / _R * inverse)
            decayed = vmax * water * free[kind] * available
            left = free[kind]
            if sequential:
                decayed = minimum(decayed, free[kind] / p.step)
                left = left - p.step * decayed
                if kind == "necromass":
                    left = left + p.step * p.turnover_efficiency * turnover
            yield Flow(kind, "microbes", p[f"cue_{kind}"] * decayed)
            yield Flow(kind, "co2", (1.0 - p[f"cue_{kind}"]) * decayed)
            protected = p[f"protection_{kind}"] * clay * left
            if sequential:
                protected = minimum(protected, left / p.step)
            yield Flow(kind, f"protected_{kind}", protected)
            yield Flow(f"protected_{kind}", kind, x[f"protected_{kind}"] / p.release_time)
        yield Flow("microbes", "necromass", p.turnover_efficiency * turnover)
        yield Flow("microbes", "co2", (1.0 - p.turnover_efficiency) * turnover)

    return flows


def _parameters(sequential: bool) -> tuple[Parameter, ...]:
    def one(name: str, unit: str, default: float, meaning: str, upper: float = float("inf")) -> Parameter:
        return Parameter(name, unit, default, _PAPER, 0.0, upper, meaning)

    per_kind = (
        ("v", "1/year", (1500.0, 50.0, 600.0), "Vmax of {} carbon at the reference temperature."),
        ("energy", "J/mol", (37e3, 54e3, 50e3), "Activation energy of {} carbon."),
        ("cue", "1", (0.6, 0.05, 0.6), "Efficiency of uptake of {} carbon."),
        ("protection", "1/year", (1.0, 5e-5, 1.0), "Protection of {} carbon at the reference clay."),
    )
    kinds = [
        one(f"{name}_{kind}", unit, value, meaning.format(kind), 1.0 if name == "cue" else float("inf"))
        for name, unit, values, meaning in per_kind
        for kind, value in zip(_KINDS, values, strict=True)
    ]
    rest = [
        one("half_biomass", "1", 0.01, "Biomass over unprotected carbon at half-saturation (kC)."),
        one("gas_exponent", "1", 2.5, "Exponent of air-filled space."),
        one("water_exponent", "1", 3.0, "Exponent of water-filled space."),
        one("water_scale", "1", 1.0, "Divisor of the water function; its maximum where the authors normalise."),
        one("minimum_biomass", "1", 1e-3, "Biomass over unprotected carbon below which turnover stops."),
        one("turnover_time", "year", 0.15, "Microbial turnover time."),
        one("turnover_efficiency", "1", 0.5, "Share of dead microbes that becomes necromass.", 1.0),
        one("release_time", "year", 75.0, "Residence time of protected carbon."),
        one("clay", "percent", 20.0, "Clay; site property.", 100.0),
        one("reference_temperature", "K", 293.15, "Temperature at which Vmax is stated."),
        one("reference_clay", "percent", 5.0, "Clay at which protection is stated.", 100.0),
        one("clay_exponent", "1", 0.4833, "Exponent of clay in protection; 0.5945 for Alfisols."),
    ]
    if sequential:
        rest.append(one("step", "year", 1.0 / 365.0, "Step of the sequential update; the integration step."))
    return (*kinds, *rest)


def _structure(name: str, sequential: bool) -> Structure:
    return Structure(
        name=name,
        pools=(*_KINDS, *(f"protected_{kind}" for kind in _KINDS), "microbes"),
        flows=_flows(sequential),
        parameters=_parameters(sequential),
        drivers=(
            Driver("temperature", "K", "Soil temperature.", lower=0.0),
            Driver("saturation", "1", "Water-filled share of pore space.", lower=0.0),
            Driver("input_fast", "kg/m**2/year", "Input of fast carbon.", lower=0.0),
            Driver("input_slow", "kg/m**2/year", "Input of slow carbon.", lower=0.0),
            Driver("input_necromass", "kg/m**2/year", "Input of necromass.", 0.0, lower=0.0),
        ),
        microbial=("microbes",),
        necromass=("necromass", "protected_necromass"),
        carbon_unit="kg/m**2",
        time_unit="year",
        scheme="euler" if sequential else "mprk22",
        step=1.0 / 365.0,
        discrete=sequential,
        parameter_sets={
            "sulman2018": {},
            "docstring": {"v_fast": 2500.0, "v_slow": 600.0, "v_necromass": 2000.0, "protection_slow": 0.0},
            # Normalised water function: theta_m = s / (s + g), value at the maximum below.
            "fire_response": {
                "v_fast": 9.0,
                "v_slow": 0.25,
                "v_necromass": 4.5,
                "energy_fast": 5e3,
                "energy_slow": 30e3,
                "energy_necromass": 5e3,
                "gas_exponent": 0.6,
                "water_exponent": 1.5,
                "water_scale": (1.5 / 2.1) ** 1.5 * (0.6 / 2.1) ** 0.6,
                "turnover_time": 0.25,
                "turnover_efficiency": 0.6,
                "protection_fast": 0.3,
                "protection_slow": 0.001,
                "protection_necromass": 1.5,
            },
        },
        reference="Sulman et al. 2014",
        # Our reading: what is humified is protected at once.
        entries={
            "labile": ("fast",),
            "resistant": ("slow",),
            "humified": ("protected_slow",),
            "persistent": ("slow",),
        },
        # The authors' own simulations have 30 % of litter in the fast class.
        input_shares={"input_fast": 0.3, "input_slow": 0.7},
    )


corpse = _structure("corpse", sequential=False)
corpse_daily = _structure("corpse_daily", sequential=True)
