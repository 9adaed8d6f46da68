"""The microbial carbon pump: priming, carbon use efficiency and necromass as flows.

The smallest structure in which all three appear, for incubations (days) and
field plots (decades); mg C per g soil, days. Decomposition needs microbes, so
priming emerges from a labelled addition: it is of the reverse Michaelis-Menten
kind in ``mcp`` and of the forward kind in ``mcp_forward``, where substrate and
not biomass saturates it. Necromass is a pool of its own, free and mineral-associated, so the
share of the pump in soil organic carbon is a state and not an assumption.

==============  ==========================================================
flow            rate (f: temperature and moisture modifier)
==============  ==========================================================
P -> D          VP f P B / (KP + B)
N -> D          VN f N B / (KP + B)
P, N -> D       V f X B / (K + X), X the pool, in ``mcp_forward``
D -> B, co2     e U and (1 - e) U, U = VD f B D / (KD + D)
B -> N, D       s kB B**beta and (1 - s) kB B**beta
N -> Mn         kN N (1 - (Mn + Mp) / Q)
D -> Mp         kD D (1 - (Mn + Mp) / Q)
Mn, Mp -> D     kM f (1 + g J) M, J the exudate input
B -> co2        m f B
==============  ==========================================================

``logit e(T) = logit e_ref + e_slope (T - 15)``. Default values put a temperate
topsoil at about 15 mg C/g; they are a starting point for priors, not
estimates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from socbayes.core.environment import q10
from socbayes.core.mathematics import log, logistic
from socbayes.core.structure import Driver, Efficiency, Flow, Parameter, Structure

_GUESS = "assumed: order of magnitude of a temperate topsoil"


def _flows(reverse: bool) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        f = q10(u.temperature, p.q10) * u.moisture
        e = logistic(log(p.e_ref / (1.0 - p.e_ref)) + p.e_slope * (u.temperature - 15.0))
        half = {"particulate": p.k_particulate, "necromass": p.k_particulate if reverse else p.k_necromass}

        def depolymerised(pool: str, v: Any) -> Any:
            saturating = x.microbes if reverse else x[pool]
            return v * f * x.microbes * x[pool] / (half[pool] + saturating)

        uptake = p.v_dissolved * f * x.microbes * x.dissolved / (p.k_dissolved + x.dissolved)
        death = p.k_death * x.microbes**p.beta
        vacant = 1.0 - (x.mineral_necromass + x.mineral_plant) / p.capacity
        release = p.k_mineral * f * (1.0 + p.exudate_release * u.exudate_input)

        yield Flow("input", "particulate", u.litter_input * (1.0 - p.soluble_share))
        yield Flow("input", "dissolved", u.litter_input * p.soluble_share + u.exudate_input)
        yield Flow("particulate", "dissolved", depolymerised("particulate", p.v_particulate))
        yield Flow("necromass", "dissolved", depolymerised("necromass", p.v_necromass))
        yield Flow("dissolved", "microbes", e * uptake)
        yield Flow("dissolved", "co2", (1.0 - e) * uptake)
        yield Flow("microbes", "necromass", p.necromass_share * death)
        yield Flow("microbes", "dissolved", (1.0 - p.necromass_share) * death)
        yield Flow("microbes", "co2", p.maintenance * f * x.microbes)
        yield Flow("necromass", "mineral_necromass", p.k_necromass_sorption * x.necromass * vacant)
        yield Flow("dissolved", "mineral_plant", p.k_dissolved_sorption * x.dissolved * vacant)
        yield Flow("mineral_necromass", "dissolved", release * x.mineral_necromass)
        yield Flow("mineral_plant", "dissolved", release * x.mineral_plant)

    return flows


mcp = Structure(
    name="mcp",
    pools=("particulate", "dissolved", "microbes", "necromass", "mineral_necromass", "mineral_plant"),
    # Our reading: what is humified is bound to minerals at once, as far as amendments bring their own.
    entries={
        "labile": ("dissolved",),
        "resistant": ("particulate",),
        "humified": ("mineral_plant",),
        "persistent": ("particulate",),
    },
    flows=_flows(reverse=True),
    parameters=(
        Parameter("v_particulate", "1/day", 7e-4, _GUESS, 0.0, meaning="Depolymerisation of particulate carbon (VP)."),
        Parameter("v_necromass", "1/day", 1e-3, _GUESS, 0.0, meaning="Depolymerisation of free necromass (VN)."),
        Parameter("k_particulate", "mg/g", 0.3, _GUESS, 0.0, meaning="Biomass at half of the maximum (KP)."),
        Parameter("v_dissolved", "1/day", 0.036, _GUESS, 0.0, meaning="Uptake of dissolved carbon (VD)."),
        Parameter("k_dissolved", "mg/g", 0.1, _GUESS, 0.0, meaning="Half-saturation of uptake (KD)."),
        Parameter(
            "e_ref",
            "1",
            0.5,
            "Qiao et al. 2019, Global Ecology and Conservation: mean 0.50",
            0.0,
            1.0,
            "Intrinsic carbon use efficiency at 15 degrees.",
        ),
        Parameter(
            "e_slope",
            "1/delta_degC",
            0.0,
            "assumed: no acclimation unless the data say so",
            meaning="Change of its logit per degree.",
        ),
        Parameter("k_death", "1/day", 6e-3, _GUESS, 0.0, meaning="Microbial turnover (kB), times biomass**(beta - 1)."),
        Parameter(
            "beta",
            "1",
            1.0,
            "assumed: first order; above 1 density-dependent",
            1.0,
            3.0,
            "Exponent of biomass in turnover.",
        ),
        Parameter(
            "necromass_share", "1", 0.6, _GUESS, 0.0, 1.0, "Share of dead microbes that is particulate necromass (s)."
        ),
        Parameter("k_necromass_sorption", "1/day", 1e-3, _GUESS, 0.0, meaning="Mineral association of necromass (kN)."),
        Parameter(
            "k_dissolved_sorption",
            "1/day",
            1.1e-2,
            _GUESS,
            0.0,
            meaning="Mineral association of dissolved carbon (kD).",
        ),
        Parameter("k_mineral", "1/day", 6e-5, _GUESS, 0.0, meaning="Release of mineral-associated carbon (kM)."),
        Parameter(
            "exudate_release", "g*day/mg", 0.0, "assumed: off", 0.0, meaning="Rise of release per exudate input (g)."
        ),
        Parameter(
            "capacity",
            "mg/g",
            30.0,
            "assumed: silt and clay of a loam after Georgiou et al. 2022",
            0.0,
            meaning="Mineral capacity (Q).",
        ),
        Parameter("maintenance", "1/day", 0.0, "assumed: off", 0.0, meaning="Maintenance respiration (m)."),
        Parameter("soluble_share", "1", 0.2, _GUESS, 0.0, 1.0, "Share of litter that is soluble (fD)."),
        Parameter("q10", "1", 2.0, "assumed: the usual value", 0.0, meaning="Q10 of f, reference 15 degrees."),
    ),
    drivers=(
        Driver("litter_input", "mg/g/day", "Litter and roots.", lower=0.0),
        Driver("exudate_input", "mg/g/day", "Root exudates, or a soluble substrate added.", 0.0, lower=0.0),
        Driver("temperature", "degC", "Soil temperature.", 15.0),
        Driver("moisture", "1", "Moisture modifier.", 1.0, lower=0.0),
    ),
    microbial=("microbes",),
    necromass=("necromass", "mineral_necromass"),
    carbon_unit="mg/g",
    time_unit="day",
    # Explicit steps of even a tenth of a day go unstable in dissolved carbon.
    scheme="mprk22",
    step=1.0,
    reference="this package",
    dissolved=("dissolved",),
    # Our reading: free necromass is particulate.
    fractions={
        "particulate": ("particulate", "necromass"),
        "mineral_associated": ("mineral_necromass", "mineral_plant"),
    },
    decomposition=("v_particulate", "v_necromass", "k_mineral"),
    # Drivers of a month do not change within it. Over eight years the carbon of a plot stays within 0.05 % of that of
    # daily steps, each of its pools within 1 % (tests of the field model).
    month_steps=8,
    carried={
        "e_ref": "carbon_use_efficiency",
        "k_death": "microbial_turnover",
        "necromass_share": "residue_share",
    },
    # Microbes that die faster than they can eat would die out.
    paced={"v_dissolved": "k_death"},
    efficiency=Efficiency("e_ref", "e_slope", logit=True),
)

mcp_forward = replace(
    mcp,
    name="mcp_forward",
    flows=_flows(reverse=False),
    parameters=(
        *(one for one in mcp.parameters if one.name not in ("v_particulate", "v_necromass", "k_particulate")),
        Parameter("v_particulate", "1/day", 7e-3, _GUESS, 0.0, meaning="Particulate carbon per biomass at most (VP)."),
        Parameter("v_necromass", "1/day", 7e-3, _GUESS, 0.0, meaning="Free necromass per biomass at most (VN)."),
        Parameter("k_particulate", "mg/g", 3.0, _GUESS, 0.0, meaning="Particulate carbon at half of it."),
        Parameter("k_necromass", "mg/g", 3.0, _GUESS, 0.0, meaning="Free necromass at half of it."),
    ),
)
