"""SOMic 1.0: Woolf and Lehmann 2019, Scientific Reports 9:6522, and its authors' code, somic1.

Soluble and insoluble plant matter, dissolved carbon, microbes and mineral-associated carbon, t C/ha, one step a month.
All that decays becomes dissolved first, at a pace that saturates with microbes. Minerals and microbes compete for
dissolved carbon: the share that is sorbed follows from the speeds of both, and what microbes take up is respired but
for their efficiency, which falls as it warms.

As in RothC the month is a discrete map (a pool loses ``1 - exp(-k)`` of itself), which Euler steps of one month repeat
exactly, and temperature, moisture and cover enter as the product ``rate_modifier``; its authors scale the temperature
response of Century to RothC's at 28 degC, where field fits have RothC's own. Leaching of dissolved carbon is left out:
it is zero in their runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socbayes.core.mathematics import clip, exp
from socbayes.core.structure import Driver, Efficiency, Flow, Parameter, Structure

_CODE = "Woolf and Lehmann 2019, as in somic1 1.00, tuned to long-term trials"
_SITE = "site property; Broadbalk and Hoosfield, Rothamsted"


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    activity = p.microbes_most * x.microbes / (p.microbes_half + x.microbes)
    yield Flow("input", "soluble", u.soluble_input)
    yield Flow("input", "insoluble", u.insoluble_input)
    yield Flow("input", "dissolved", u.dissolved_input)
    yield Flow("input", "microbes", u.microbial_input)
    for pool, rate in (
        ("soluble", p.k_soluble),
        ("insoluble", p.k_insoluble),
        ("microbes", p.k_microbes),
        ("mineral", p.k_mineral),
    ):
        yield Flow(pool, "dissolved", (1.0 - exp(-rate * u.rate_modifier * activity)) * x[pool])
    # Both speeds carry the same climate, which cancels in the shares.
    sorption = p.k_sorption * (1.0 + p.clay_effect * (p.clay - p.clay_reference))
    uptake = p.k_uptake * activity
    sorbed = sorption / (sorption + uptake)
    pace = u.rate_modifier * (sorbed * sorption + (1.0 - sorbed) * uptake)
    lost = (1.0 - exp(-pace)) * x.dissolved
    grown = clip(p.cue - p.cue_slope * (u.temperature - p.cue_temperature), 0.0, 1.0)
    yield Flow("dissolved", "mineral", sorbed * lost)
    yield Flow("dissolved", "microbes", grown * (1.0 - sorbed) * lost)
    yield Flow("dissolved", "co2", (1.0 - grown) * (1.0 - sorbed) * lost)


def _rate(name: str, default: float, meaning: str) -> Parameter:
    return Parameter(name, "1/month", default, _CODE, 0.0, meaning=meaning)


somic = Structure(
    name="somic",
    pools=("soluble", "insoluble", "dissolved", "microbes", "mineral"),
    flows=_flows,
    parameters=(
        _rate("k_soluble", 2.4893, "Dissolution of soluble plant matter."),
        _rate("k_insoluble", 0.0436, "Depolymerisation of insoluble plant matter."),
        _rate("k_microbes", 0.2357, "Death and exudates of microbes."),
        _rate("k_mineral", 0.0055, "Desorption of mineral-associated carbon."),
        _rate("k_sorption", 0.3066, "Sorption of dissolved carbon at the clay content of reference."),
        _rate("k_uptake", 1.4506, "Uptake of dissolved carbon by microbes."),
        Parameter("microbes_most", "1", 1.1086, _CODE, 0.0, meaning="Pace of all decay with microbes in plenty."),
        Parameter("microbes_half", "t/ha", 0.4089, _CODE, 1e-9, meaning="Microbial carbon at which it is half that."),
        Parameter("cue", "1", 0.2811, _CODE, 0.0, 1.0, "Carbon use efficiency at the temperature of reference."),
        Parameter("cue_slope", "1/delta_degC", 0.0081, _CODE, meaning="Fall of it per degree."),
        Parameter("cue_temperature", "degC", 15.0, _CODE, meaning="Temperature of reference."),
        # Below the steepest fall sorption would turn round in sand.
        Parameter("clay_effect", "1/percent", 0.0145, _CODE, 0.0, 1.0 / 23.0, "Rise of sorption with clay."),
        Parameter("clay_reference", "percent", 23.0, _CODE, 0.0, 23.0, "Clay content at which sorption is as stated."),
        Parameter("clay", "percent", 23.0, _SITE, 0.0, 100.0, "Clay content."),
    ),
    drivers=(
        Driver("rate_modifier", "1", "Product a b c of temperature, moisture and cover modifiers.", lower=0.0),
        Driver("temperature", "degC", "Temperature that microbial efficiency answers.", 15.0),
        Driver("soluble_input", "t/ha/month", "Soluble plant matter.", lower=0.0),
        Driver("insoluble_input", "t/ha/month", "Insoluble plant matter.", lower=0.0),
        Driver("dissolved_input", "t/ha/month", "Dissolved carbon.", 0.0, lower=0.0),
        Driver("microbial_input", "t/ha/month", "Microbial carbon from elsewhere.", 0.0, lower=0.0),
    ),
    microbial=("microbes",),
    dissolved=("dissolved",),
    carbon_unit="t/ha",
    time_unit="month",
    scheme="euler",
    step=1.0,
    discrete=True,
    reference=_CODE,
    # Our reading: plant matter is particulate, the rest mineral-associated.
    fractions={
        "particulate": ("soluble", "insoluble"),
        "mineral_associated": ("dissolved", "microbes", "mineral"),
    },
    entries={
        "labile": ("soluble",),
        "resistant": ("insoluble",),
        "humified": ("mineral",),
        "persistent": ("mineral",),
    },
    # As DPM and RPM of crops in RothC, which its authors compare it with.
    input_shares={"soluble_input": 1.44 / 2.44, "insoluble_input": 1.0 / 2.44},
    efficiency=Efficiency("cue", "cue_slope", "cue_temperature", sign=-1.0),
)
