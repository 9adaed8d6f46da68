"""C-TOOL: Petersen et al. 2002, Ecological Modelling 151:1-14; Taghizadeh-Toosi et al. 2014, Ecol. Modelling 292:11-25.

Fresh, humified and resistant organic matter of topsoil (0 to 25 cm) and subsoil (25 to 100 cm), t C/ha, months. Each
decays by first order and by the temperature of its layer. Of decayed fresh matter a share depending on clay is
humified. Of decayed topsoil humus a small share becomes resistant, a share is respired and all the rest goes down; in
the subsoil that rest stays where it is, as it does for resistant matter in both layers.

These are the flows of its authors' present code (rCTOOL 3), which steps a month at a time, pool after pool: what has
been humified in a month decays within it. Here they are rates, as the model takes any step from a day to a year
(Petersen 2003, users' guide of version 1.1).

Temperatures are those of the soil at the middle of the layers. A field has those of its air for both, unless
``subsoil_warmer`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socbayes.core.mathematics import exp, maximum
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PAPER = "Taghizadeh-Toosi et al. 2014"
_CODE = "rCTOOL 3.1.0 (Giannini-Kurina and others), default"
_CLAY = "Taghizadeh-Toosi et al. 2014, after Coleman and Jenkinson 1999, RothC-26.3 manual"
_SITE = "site property; rCTOOL 3.1.0, default"
_LAYERS = ("top", "sub")


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    temperature = {"top": u.temperature, "sub": u.temperature + u.subsoil_warmer}
    clay = {"top": p.clay, "sub": p.subsoil_clay}
    yield Flow("input", "fresh_top", u.topsoil_input + (1.0 - p.manure_humified) * u.manure_input)
    yield Flow("input", "humus_top", p.manure_humified * u.manure_input)
    yield Flow("input", "fresh_sub", u.subsoil_input)
    for layer in _LAYERS:
        warm = temperature[layer]
        pace = p.temperature_scale * exp(
            p.temperature_offset + p.temperature_slope * warm * (1.0 - 0.5 * warm / p.temperature_optimum)
        )
        respired = p.respired_scale * (p.respired_clay + p.respired_sand * exp(-p.clay_effect * clay[layer]))
        fresh, humus, resistant = (f"{kind}_{layer}" for kind in ("fresh", "humus", "resistant"))
        decayed = p.k_fresh * pace * x[fresh]
        kept: Any = 1.0
        if layer == "top":
            kept = 1.0 - p.carried_down
            yield Flow(fresh, "fresh_sub", p.carried_down * decayed)
        yield Flow(fresh, humus, kept / (respired + 1.0) * decayed)
        yield Flow(fresh, "co2", kept * respired / (respired + 1.0) * decayed)
        decayed = p.k_humus * pace * x[humus]
        yield Flow(humus, resistant, p.humus_to_resistant * decayed)
        yield Flow(humus, "co2", p.respired * decayed)
        if layer == "top":
            yield Flow(humus, "humus_sub", maximum(1.0 - p.humus_to_resistant - p.respired, 0.0) * decayed)
        decayed = p.k_resistant * pace * x[resistant]
        yield Flow(resistant, "co2", p.respired * decayed)
        if layer == "top":
            yield Flow(resistant, "resistant_sub", p.carried_down * decayed)


ctool = Structure(
    name="ctool",
    pools=tuple(f"{kind}_{layer}" for layer in _LAYERS for kind in ("fresh", "humus", "resistant")),
    flows=_flows,
    parameters=(
        Parameter("k_fresh", "1/month", 0.12, _PAPER, 0.0, meaning="Decay of fresh organic matter."),
        Parameter("k_humus", "1/month", 0.0028, _PAPER, 0.0, meaning="Decay of humified organic matter."),
        Parameter("k_resistant", "1/month", 3.85e-5, _CODE, 0.0, meaning="Decay of resistant organic matter."),
        Parameter("respired", "1", 0.628, _PAPER, 0.0, 1.0, "Share of decayed humus and resistant matter respired."),
        Parameter("humus_to_resistant", "1", 0.012, _PAPER, 0.0, 1.0, "Share of decayed humus that turns resistant."),
        Parameter(
            "carried_down",
            "1",
            0.0025,
            _CODE,
            0.0,
            1.0,
            "Share of decayed fresh and resistant matter that goes to the subsoil.",
        ),
        Parameter("manure_humified", "1", 0.192, _CODE, 0.0, 1.0, "Share of manure that is humified when it arrives."),
        Parameter("temperature_scale", "1", 7.24, _PAPER, 0.0, meaning="Scale of the answer to temperature."),
        Parameter("temperature_offset", "1", -3.432, _PAPER, meaning="Logarithm of that answer at 0 degC, unscaled."),
        Parameter("temperature_slope", "1/delta_degC", 0.168, _PAPER, meaning="Its slope at 0 degC."),
        Parameter("temperature_optimum", "degC", 36.9, _PAPER, 1.0, meaning="Temperature at which it is largest."),
        Parameter("respired_scale", "1", 1.67, _CLAY, 0.0, meaning="Scale of CO2 over humus from fresh matter."),
        Parameter("respired_clay", "1", 1.85, _CLAY, 0.0, meaning="CO2 over humus in clay, before scaling."),
        Parameter("respired_sand", "1", 1.60, _CLAY, 0.0, meaning="What it is more in sand."),
        Parameter("clay_effect", "1/percent", 0.0786, _CLAY, 0.0, meaning="Fall of log that excess with clay."),
        Parameter("clay", "percent", 10.0, _SITE, 0.0, 100.0, "Clay content of the topsoil."),
        Parameter("subsoil_clay", "percent", 15.0, _SITE, 0.0, 100.0, "Clay content of the subsoil."),
    ),
    drivers=(
        Driver("topsoil_input", "t/ha/month", "Carbon of plants that enters the topsoil.", lower=0.0),
        Driver("subsoil_input", "t/ha/month", "Carbon of plants that enters the subsoil.", lower=0.0),
        Driver("manure_input", "t/ha/month", "Carbon of manure, all into the topsoil.", 0.0, lower=0.0),
        Driver("temperature", "degC", "Temperature of the topsoil, at its middle."),
        Driver("subsoil_warmer", "delta_degC", "By how much the subsoil is warmer than the topsoil.", 0.0),
    ),
    carbon_unit="t/ha",
    time_unit="month",
    scheme="rk4",
    step=0.5,
    reference=_PAPER,
    # A field sample is of the topsoil. Our reading: what is fresh is particulate, the rest mineral-associated.
    fractions={
        "total": ("fresh_top", "humus_top", "resistant_top"),
        "particulate": ("fresh_top",),
        "mineral_associated": ("humus_top", "resistant_top"),
    },
    # Amendments are ploughed in. All that is not humified is fresh, whatever its quality.
    entries={
        "labile": ("fresh_top",),
        "resistant": ("fresh_top",),
        "humified": ("humus_top",),
        "persistent": ("resistant_top",),
    },
    # As at Askov, spring barley with straw, in the example of rCTOOL: 3.566 and 0.390 t C/ha a year.
    input_shares={"topsoil_input": 0.9, "subsoil_input": 0.1},
)
