"""MEND: Wang, Post and Mayes 2013, Ecological Applications 23:255-272, as in Li et al. 2014 (equations 37-64).

Particulate, mineral-associated and sorbed carbon, microbes, dissolved carbon
and two enzyme pools; hourly, mg C/g soil. Sorption is written as adsorption
and desorption, so mass balance fixes the sign that the printed equation 51
has wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socbayes.core.structure import Driver, Flow, Parameter, Structure

_WANG = "Wang et al. 2013, table 2"


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    met = x.microbes * x.dissolved / (p.k_dissolved + x.dissolved)
    respired = (1.0 / p.cue - 1.0) * (p.v_dissolved + p.maintenance) * met
    particulate = p.v_particulate * x.enzymes_particulate * x.particulate / (p.k_particulate + x.particulate)
    mineral = p.v_mineral * x.enzymes_mineral * x.mineral / (p.k_mineral + x.mineral)
    death = (1.0 - p.enzyme_share_particulate - p.enzyme_share_mineral) * p.maintenance * x.microbes
    yield Flow("input", "particulate", u.input_particulate)
    yield Flow("input", "dissolved", u.input_dissolved)
    yield Flow("particulate", "dissolved", p.particulate_to_dissolved * particulate)
    yield Flow("particulate", "mineral", (1.0 - p.particulate_to_dissolved) * particulate)
    yield Flow("mineral", "dissolved", mineral)
    # Uptake is growth and respiration together; both leave dissolved carbon.
    yield Flow("dissolved", "microbes", (p.v_dissolved + p.maintenance) * met)
    yield Flow("dissolved", "co2", respired)
    yield Flow("dissolved", "sorbed", p.adsorption * x.dissolved * (1.0 - x.sorbed / p.capacity))
    yield Flow("sorbed", "dissolved", p.desorption * x.sorbed / p.capacity)
    yield Flow("microbes", "dissolved", p.death_to_dissolved * death)
    yield Flow("microbes", "particulate", (1.0 - p.death_to_dissolved) * death)
    yield Flow("microbes", "enzymes_particulate", p.enzyme_share_particulate * p.maintenance * x.microbes)
    yield Flow("microbes", "enzymes_mineral", p.enzyme_share_mineral * p.maintenance * x.microbes)
    yield Flow("enzymes_particulate", "dissolved", p.enzyme_loss_particulate * x.enzymes_particulate)
    yield Flow("enzymes_mineral", "dissolved", p.enzyme_loss_mineral * x.enzymes_mineral)


mend = Structure(
    name="mend",
    pools=("particulate", "mineral", "sorbed", "microbes", "dissolved", "enzymes_particulate", "enzymes_mineral"),
    flows=_flows,
    # Our reading, as for `mcp`.
    entries={
        "labile": ("dissolved",),
        "resistant": ("particulate",),
        "humified": ("mineral",),
        "persistent": ("particulate",),
    },
    parameters=(
        Parameter("v_particulate", "1/hour", 2.5, _WANG, 0.0, meaning="Vmax of particulate decomposition, per enzyme."),
        Parameter("k_particulate", "mg/g", 50.0, _WANG, 0.0, meaning="Half-saturation of it."),
        Parameter("v_mineral", "1/hour", 1.0, _WANG, 0.0, meaning="Vmax of mineral carbon decomposition, per enzyme."),
        Parameter("k_mineral", "mg/g", 250.0, _WANG, 0.0, meaning="Half-saturation of it."),
        Parameter("v_dissolved", "1/hour", 5e-4, _WANG, 0.0, meaning="Growth rate on dissolved carbon."),
        Parameter("k_dissolved", "mg/g", 0.26, _WANG, 0.0, meaning="Half-saturation of it."),
        Parameter("maintenance", "1/hour", 2.8e-4, _WANG, 0.0, meaning="Maintenance and death rate (m_R)."),
        Parameter("cue", "1", 0.47, _WANG, 0.0, 1.0, "Carbon use efficiency."),
        Parameter("particulate_to_dissolved", "1", 0.5, _WANG, 0.0, 1.0, "Dissolved share of decomposed particulate."),
        Parameter("death_to_dissolved", "1", 0.5, _WANG, 0.0, 1.0, "Dissolved share of dead microbes."),
        Parameter("enzyme_share_particulate", "1", 0.01, _WANG, 0.0, 1.0, "Share of maintenance to its enzymes."),
        Parameter("enzyme_share_mineral", "1", 0.01, _WANG, 0.0, 1.0, "Share of maintenance to its enzymes."),
        Parameter("enzyme_loss_particulate", "1/hour", 1e-3, _WANG, 0.0, meaning="Turnover of those enzymes."),
        Parameter("enzyme_loss_mineral", "1/hour", 1e-3, _WANG, 0.0, meaning="Turnover of those enzymes."),
        Parameter("capacity", "mg/g", 1.7, _WANG, 0.0, meaning="Sorption capacity."),
        Parameter("adsorption", "1/hour", 6e-3, _WANG, 0.0, meaning="Adsorption to an empty surface."),
        Parameter("desorption", "mg/g/hour", 1e-3, _WANG, 0.0, meaning="Desorption from a full surface."),
    ),
    drivers=(
        Driver("input_particulate", "mg/g/hour", "Input to particulate carbon.", 8e-5, lower=0.0),
        Driver("input_dissolved", "mg/g/hour", "Input to dissolved carbon.", 8e-5, lower=0.0),
    ),
    microbial=("microbes",),
    carbon_unit="mg/g",
    time_unit="hour",
    scheme="mprk22",
    step=1.0,
    reference="Wang et al. 2013; Li et al. 2014",
    dissolved=("dissolved",),
)
