"""Century: Parton et al. 1987, Soil Science Society of America Journal 51:1173-1179.

``century`` has the seven carbon pools of the paper, weeks. The metabolic share
of residue uses the paper's slope of 0.018 per unit of lignin:nitrogen (0.18
circulates in one old implementation) and is kept within 0 and 1.

``century_millennial`` is the five-pool set that Abramoff et al. 2022 compare
Millennial with, days. It differs from the paper in four points (decay of
structural litter about ten times faster, ``0.85 - 0.68 T`` in the rate of the
active pool, T fixed, water not limited to field capacity); results obtained
with it are about this set, not about Century.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socbayes.core.mathematics import arctan, clip, exp, maximum
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PARTON = "Parton et al. 1987"
_ABRAMOFF = "Abramoff et al. 2022, published Century comparison file"
_PI = 3.141592653589793
_SOIL_LITTER = ("soil_structural", "soil_metabolic")


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    metabolic = clip(p.metabolic_intercept - p.metabolic_slope * p.lignin_to_nitrogen, 0.0, 1.0)
    lignin = p.structural_lignin
    texture = p.silt + p.clay
    slow_down = exp(-p.lignin_effect * lignin)
    decay = {
        "surface_structural": p.k_surface_structural * slow_down,
        "surface_metabolic": p.k_surface_metabolic,
        "soil_structural": p.k_soil_structural * slow_down,
        "soil_metabolic": p.k_soil_metabolic,
        "active": p.k_active * maximum(1.0 - p.texture_effect * texture, 0.0),
        "slow": p.k_slow,
        "passive": p.k_passive,
    }
    respired = maximum(p.respired_intercept - p.respired_texture * texture, 0.0)
    ligneous = p.structural_to_slow * lignin
    # What is left of a pool after a share is never negative, and says so: no flow can turn round.
    transfers = {
        "surface_structural": {"active": p.surface_structural_to_active * (1.0 - lignin), "slow": ligneous},
        "surface_metabolic": {"active": p.surface_metabolic_to_active},
        "soil_structural": {"active": p.soil_structural_to_active * (1.0 - lignin), "slow": ligneous},
        "soil_metabolic": {"active": p.soil_metabolic_to_active},
        "active": {
            "slow": maximum(1.0 - respired - p.active_to_passive, 0.0),
            "passive": p.active_to_passive,
        },
        "slow": {"active": p.slow_to_active, "passive": p.slow_to_passive},
        "passive": {"active": p.passive_to_active},
    }
    yield Flow("input", "surface_structural", u.surface_input * (1.0 - metabolic))
    yield Flow("input", "surface_metabolic", u.surface_input * metabolic)
    yield Flow("input", "soil_structural", u.soil_input * (1.0 - metabolic))
    yield Flow("input", "soil_metabolic", u.soil_input * metabolic)
    for pool, shares in transfers.items():
        decayed = u.rate_modifier * decay[pool] * x[pool]
        lost: Any = 1.0
        for target, share in shares.items():
            yield Flow(pool, target, share * decayed)
            lost = lost - share
        yield Flow(pool, "co2", maximum(lost, 0.0) * decayed)


def _share(name: str, default: float, meaning: str, source: str) -> Parameter:
    return Parameter(name, "1", default, source, 0.0, 1.0, meaning)


def _transfers(source: str, *transfers: tuple[str, str, float, str]) -> tuple[Parameter, ...]:
    """Shares of what one pool loses that reach another: from, to, share, and what it is a share of."""
    return tuple(
        _share(f"{begin}_to_{end}", share, f"Share of {kind} that becomes {end} carbon.", source)
        for begin, end, share, kind in transfers
    )


# The same in both versions.
_OF_SOIL_POOLS = (
    ("active", "passive", 0.004, "decayed active carbon"),
    ("slow", "active", 0.42, "decayed slow carbon"),
    ("slow", "passive", 0.03, "decayed slow carbon"),
    ("passive", "active", 0.45, "decayed passive carbon"),
)


def _rate(name: str, default: float) -> Parameter:
    return Parameter(f"k_{name}", "1/week", default, _PARTON, 0.0, meaning=f"Decay of {name.replace('_', ' ')} carbon.")


century = Structure(
    name="century",
    pools=(
        "surface_structural",
        "surface_metabolic",
        "soil_structural",
        "soil_metabolic",
        "active",
        "slow",
        "passive",
    ),
    flows=_flows,
    parameters=(
        _rate("surface_structural", 0.076),
        _rate("surface_metabolic", 0.28),
        _rate("soil_structural", 0.094),
        _rate("soil_metabolic", 0.35),
        _rate("active", 0.14),
        _rate("slow", 0.0038),
        _rate("passive", 0.00013),
        _share("metabolic_intercept", 0.85, "Metabolic share of residue without lignin.", _PARTON),
        Parameter("metabolic_slope", "1", 0.018, _PARTON, 0.0, meaning="Fall of the metabolic share per lignin:N."),
        Parameter("lignin_effect", "1", 3.0, _PARTON, 0.0, meaning="Fall of log structural decay with lignin."),
        Parameter("texture_effect", "1", 0.75, _PARTON, 0.0, meaning="Fall of active decay with silt and clay."),
        _share("respired_intercept", 0.85, "Respired share of decayed active carbon in sand.", _PARTON),
        Parameter("respired_texture", "1", 0.68, _PARTON, 0.0, meaning="Fall of that share with silt and clay."),
        *_transfers(
            _PARTON,
            ("surface_structural", "active", 0.55, "decayed structural surface litter but lignin"),
            ("soil_structural", "active", 0.45, "decayed structural soil litter but lignin"),
            ("structural", "slow", 0.7, "decayed lignin of structural litter"),
            ("surface_metabolic", "active", 0.45, "decayed metabolic surface litter"),
            ("soil_metabolic", "active", 0.45, "decayed metabolic soil litter"),
            *_OF_SOIL_POOLS,
        ),
        Parameter("lignin_to_nitrogen", "1", 25.0, "site property", 0.0, meaning="Lignin:nitrogen of residue, mass."),
        Parameter("structural_lignin", "1", 0.25, "site property", 0.0, 1.0, "Lignin fraction of structural carbon."),
        Parameter("silt", "1", 0.3, "site property", 0.0, 1.0, "Silt fraction."),
        Parameter("clay", "1", 0.2, "site property", 0.0, 1.0, "Clay fraction."),
    ),
    drivers=(
        Driver("surface_input", "g/m**2/week", "Residue at the surface.", lower=0.0),
        Driver("soil_input", "g/m**2/week", "Residue in the soil.", lower=0.0),
        Driver("rate_modifier", "1", "Temperature times moisture modifier.", 1.0, lower=0.0),
    ),
    carbon_unit="g/m**2",
    time_unit="week",
    scheme="mprk22",
    step=1.0,
    reference=_PARTON,
    # Surface litter is not in a soil sample. Soil litter and the slow pool are particulate (the slow pool after
    # Cambardella and Elliott 1992, Soil Science Society of America Journal 56:777-783), the rest mineral-associated.
    fractions={
        "total": (*_SOIL_LITTER, "active", "slow", "passive"),
        "particulate": (*_SOIL_LITTER, "slow"),
        "mineral_associated": ("active", "passive"),
    },
    # Amendments are ploughed in. Lignin of litter becomes slow carbon in the paper, and so does what is humified.
    entries={
        "labile": ("soil_metabolic",),
        "resistant": ("soil_structural",),
        "humified": ("slow",),
        "persistent": ("passive",),
    },
    # Residues ploughed in: assumed half at the surface, as nothing in a field table says.
    input_shares={"surface_input": 0.5, "soil_input": 0.5},
)


def _millennial_flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    warm = (p.t2 + p.t3 / _PI * arctan(_PI * p.t4 * (u.temperature - p.t1))) / (
        p.t2 + p.t3 / _PI * arctan(_PI * p.t4 * (p.reference_temperature - p.t1))
    )
    modifier = warm / (1.0 + p.w1 * exp(-p.w2 * u.water / p.field_capacity))
    texture = maximum(p.respired_intercept - p.respired_texture * p.silt_and_clay, 0.0)
    lost = {
        "structural": 1.0 - (1.0 - p.lignin) * p.structural_to_active - p.lignin * p.structural_to_slow,
        "slow": 1.0 - p.slow_to_active - p.slow_to_passive,
    }
    structural = p.k_structural * modifier * exp(-p.lignin_effect * p.lignin) * x.structural
    metabolic = p.k_metabolic * modifier * x.metabolic
    active = p.k_active * modifier * texture * x.active
    slow = p.k_slow * modifier * x.slow
    passive = p.k_passive * modifier * x.passive
    yield Flow("input", "structural", p.structural_share * u.npp)
    yield Flow("input", "metabolic", (1.0 - p.structural_share) * u.npp)
    yield Flow("structural", "active", (1.0 - p.lignin) * p.structural_to_active * structural)
    yield Flow("structural", "slow", p.lignin * p.structural_to_slow * structural)
    yield Flow("structural", "co2", maximum(lost["structural"], 0.0) * structural)
    yield Flow("metabolic", "active", p.metabolic_to_active * metabolic)
    yield Flow("metabolic", "co2", (1.0 - p.metabolic_to_active) * metabolic)
    yield Flow("active", "slow", maximum(1.0 - texture - p.active_to_passive, 0.0) * active)
    yield Flow("active", "passive", p.active_to_passive * active)
    yield Flow("active", "co2", texture * active)
    yield Flow("slow", "active", p.slow_to_active * slow)
    yield Flow("slow", "passive", p.slow_to_passive * slow)
    yield Flow("slow", "co2", maximum(lost["slow"], 0.0) * slow)
    yield Flow("passive", "active", p.passive_to_active * passive)
    yield Flow("passive", "co2", (1.0 - p.passive_to_active) * passive)


century_millennial = Structure(
    name="century_millennial",
    pools=("structural", "metabolic", "active", "slow", "passive"),
    flows=_millennial_flows,
    parameters=(
        Parameter("k_structural", "1/day", 0.1, _ABRAMOFF, 0.0, meaning="Decay of structural litter."),
        Parameter("k_metabolic", "1/day", 0.045, _ABRAMOFF, 0.0, meaning="Decay of metabolic litter."),
        Parameter("k_active", "1/day", 0.02, _ABRAMOFF, 0.0, meaning="Decay of active carbon."),
        Parameter("k_slow", "1/day", 0.0005, _ABRAMOFF, 0.0, meaning="Decay of slow carbon."),
        Parameter("k_passive", "1/day", 0.00002, _ABRAMOFF, 0.0, meaning="Decay of passive carbon."),
        Parameter("structural_share", "1", 0.66, _ABRAMOFF, 0.0, 1.0, "Structural share of input."),
        Parameter("lignin", "1", 0.2, _ABRAMOFF, 0.0, 1.0, "Lignin fraction of structural litter."),
        Parameter("lignin_effect", "1", 3.0, _ABRAMOFF, 0.0, meaning="Fall of log structural decay with lignin."),
        _share("respired_intercept", 0.85, "Rate and respired share of active carbon, in sand.", _ABRAMOFF),
        Parameter("respired_texture", "1", 0.68, _ABRAMOFF, 0.0, meaning="Fall of both with silt and clay."),
        *_transfers(
            _ABRAMOFF,
            ("structural", "active", 0.5, "decayed structural litter but lignin"),
            ("structural", "slow", 0.7, "decayed lignin of structural litter"),
            ("metabolic", "active", 0.45, "decayed metabolic litter"),
            *_OF_SOIL_POOLS,
        ),
        Parameter("silt_and_clay", "1", 0.8, _ABRAMOFF, 0.0, 1.0, "Silt and clay fraction."),
        Parameter("field_capacity", "m**3/m**3", 0.39, _ABRAMOFF, 0.0, 1.0, "Water content at field capacity."),
        Parameter("w1", "1", 30.0, _ABRAMOFF, 0.0, meaning="Moisture response."),
        Parameter("w2", "1", 9.0, _ABRAMOFF, 0.0, meaning="Moisture response."),
        Parameter("reference_temperature", "degC", 30.0, _ABRAMOFF, meaning="Where the response is one."),
        Parameter("t1", "degC", 15.4, _ABRAMOFF, meaning="Temperature response."),
        Parameter("t2", "1", 11.75, _ABRAMOFF, meaning="Temperature response."),
        Parameter("t3", "1", 29.7, _ABRAMOFF, meaning="Temperature response."),
        Parameter("t4", "1/delta_degC", 0.031, _ABRAMOFF, meaning="Temperature response."),
    ),
    drivers=(
        Driver("temperature", "degC", "Soil temperature."),
        Driver("water", "m**3/m**3", "Volumetric soil water.", lower=0.0),
        Driver("npp", "g/m**2/day", "Carbon input.", lower=0.0),
    ),
    carbon_unit="g/m**2",
    time_unit="day",
    scheme="rk4",
    step=1.0,
    entries={"labile": ("metabolic",), "resistant": ("structural",), "humified": ("slow",), "persistent": ("passive",)},
    reference=_ABRAMOFF,
)
