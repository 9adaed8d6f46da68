"""ICBM: Andrén and Kätterer 1997, Ecological Applications 7:1226-1236.

Two pools in series, ``dY = i - k1 r Y`` and ``dO = h k1 r Y - k2 r O``, with
parameters of the Ultuna long-term field experiment (table 1). There ``r``, the
factor of climate and management, is one by definition. What of it moves in time
and from site to site is the driver ``rate_modifier``, which multiplies ``r``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PAPER = "Andrén and Kätterer 1997, table 1"
ULTUNA = 0.48
"""Product of RothC's temperature and cover modifiers at Ultuna, mean of the year: 5.4 degC on average, a range of
21 degC between January and July, plants. Assumed to the first digit, as moisture is taken not to limit."""


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    climate = p.r * u.rate_modifier
    young, old = p.k1 * climate * x.young, p.k2 * climate * x.old
    yield Flow("input", "young", u.carbon_input)
    yield Flow("young", "old", p.h * young)
    yield Flow("young", "co2", (1.0 - p.h) * young)
    yield Flow("old", "co2", old)


icbm = Structure(
    name="icbm",
    pools=("young", "old"),
    flows=_flows,
    parameters=(
        Parameter("k1", "1/year", 0.8, _PAPER, 0.0, meaning="Decay rate of young carbon."),
        Parameter("k2", "1/year", 0.00605, _PAPER, 0.0, meaning="Decay rate of old carbon."),
        Parameter("h", "1", 0.125, _PAPER, 0.0, 1.0, "Humified share of decayed young carbon."),
        Parameter("r", "1", 1.0, _PAPER, 0.0, meaning="Climate and management factor, one at Ultuna."),
    ),
    drivers=(
        Driver("carbon_input", "kg/m**2/year", "Carbon input to the topsoil.", 0.285, lower=0.0),
        Driver("rate_modifier", "1", "Climate factor of the time, one at Ultuna.", 1.0, lower=0.0),
    ),
    carbon_unit="kg/m**2",
    time_unit="year",
    scheme="rk4",
    step=0.05,
    reference_modifier=ULTUNA,
    parameter_sets={
        # Table 1: h, r by treatment; inputs (kg/m2/yr) are data: 0, .057, .091, .248, .285, .272.
        "bare_fallow": {"h": 0.13, "r": 1.32},
        "+N+straw": {"h": 0.125, "r": 1.0},
        "-N+straw": {"h": 0.125, "r": 1.22},
        "-N-straw": {"h": 0.125, "r": 1.17},
        "+N-straw": {"h": 0.125, "r": 1.07},
    },
    reference=_PAPER,
    # With `humified` carbon in the old pool, an amendment of share s has a humification coefficient of s + (1 - s) h.
    entries={"labile": ("young",), "resistant": ("young",), "humified": ("old",), "persistent": ("old",)},
    # Our reading: young carbon is particulate, the rest mineral-associated.
    fractions={"particulate": ("young",), "mineral_associated": ("old",)},
)
