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

from socbayes.core.mathematics import arctan, clip, exp
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PARTON = "Parton et al. 1987"
_ABRAMOFF = "Abramoff et al. 2022, published Century comparison file"
_PI = 3.141592653589793
_SOIL_LITTER = ("soil_structural", "soil_metabolic")


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    metabolic = clip(0.85 - p.metabolic_slope * p.lignin_to_nitrogen, 0.0, 1.0)
    lignin = p.structural_lignin
    texture = p.silt + p.clay
    slow_down = exp(-3.0 * lignin)
    decay = {
        "surface_structural": p.k_surface_structural * slow_down,
        "surface_metabolic": p.k_surface_metabolic,
        "soil_structural": p.k_soil_structural * slow_down,
        "soil_metabolic": p.k_soil_metabolic,
        "active": p.k_active * (1.0 - 0.75 * texture),
        "slow": p.k_slow,
        "passive": p.k_passive,
    }
    respired = 0.85 - 0.68 * texture
    transfers = {
        "surface_structural": {"active": 0.55 * (1.0 - lignin), "slow": 0.7 * lignin},
        "surface_metabolic": {"active": 0.45},
        "soil_structural": {"active": 0.45 * (1.0 - lignin), "slow": 0.7 * lignin},
        "soil_metabolic": {"active": 0.45},
        "active": {"slow": 1.0 - respired - 0.004, "passive": 0.004},
        "slow": {"active": 0.42, "passive": 0.03},
        "passive": {"active": 0.45},
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
        yield Flow(pool, "co2", lost * decayed)


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
        Parameter("metabolic_slope", "1", 0.018, _PARTON, 0.0, meaning="Fall of the metabolic share per lignin:N."),
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
    # Residues ploughed in: assumed half at the surface, as nothing in a field table says.
    input_shares={"surface_input": 0.5, "soil_input": 0.5},
)


def _millennial_flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    warm = (p.t2 + p.t3 / _PI * arctan(_PI * p.t4 * (u.temperature - p.t1))) / (
        p.t2 + p.t3 / _PI * arctan(_PI * p.t4 * (30.0 - p.t1))
    )
    modifier = warm / (1.0 + p.w1 * exp(-p.w2 * u.water / p.field_capacity))
    texture = 0.85 - 0.68 * p.silt_and_clay
    structural = p.k_structural * modifier * exp(-3.0 * p.lignin) * x.structural
    metabolic = p.k_metabolic * modifier * x.metabolic
    active = p.k_active * modifier * texture * x.active
    slow = p.k_slow * modifier * x.slow
    passive = p.k_passive * modifier * x.passive
    yield Flow("input", "structural", p.structural_share * u.npp)
    yield Flow("input", "metabolic", (1.0 - p.structural_share) * u.npp)
    yield Flow("structural", "active", (1.0 - p.lignin) * 0.5 * structural)
    yield Flow("structural", "slow", p.lignin * 0.7 * structural)
    yield Flow("structural", "co2", (1.0 - (1.0 - p.lignin) * 0.5 - p.lignin * 0.7) * structural)
    yield Flow("metabolic", "active", 0.45 * metabolic)
    yield Flow("metabolic", "co2", 0.55 * metabolic)
    yield Flow("active", "slow", (1.0 - texture - 0.004) * active)
    yield Flow("active", "passive", 0.004 * active)
    yield Flow("active", "co2", texture * active)
    yield Flow("slow", "active", 0.42 * slow)
    yield Flow("slow", "passive", 0.03 * slow)
    yield Flow("slow", "co2", 0.55 * slow)
    yield Flow("passive", "active", 0.45 * passive)
    yield Flow("passive", "co2", 0.55 * passive)


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
        Parameter("silt_and_clay", "1", 0.8, _ABRAMOFF, 0.0, 1.0, "Silt and clay fraction."),
        Parameter("field_capacity", "m**3/m**3", 0.39, _ABRAMOFF, 0.0, 1.0, "Water content at field capacity."),
        Parameter("w1", "1", 30.0, _ABRAMOFF, 0.0, meaning="Moisture response."),
        Parameter("w2", "1", 9.0, _ABRAMOFF, 0.0, meaning="Moisture response."),
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
    reference=_ABRAMOFF,
)
