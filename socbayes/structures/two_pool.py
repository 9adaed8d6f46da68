"""Two first-order pools: in parallel, in series, and with feedback.

The structures of SoilR (Sierra, Müller and Trumbore 2012, Geoscientific Model
Development 5:1045-1060, section 2): decay rates, a split of the input, and
transfer fractions between the pools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from socbayes.core.structure import Driver, Flow, Parameter, Structure

_PAPER = "Sierra et al. 2012"
_RATE = "assumed: years to decades, the usual range of a fast and a slow pool"

_K = (
    Parameter("k_fast", "1/year", 0.5, _RATE, 0.0, meaning="Decay rate of the fast pool."),
    Parameter("k_slow", "1/year", 0.02, _RATE, 0.0, meaning="Decay rate of the slow pool."),
)
_SPLIT = Parameter("split", "1", 0.7, "assumed: most litter is labile", 0.0, 1.0, "Share of input entering fast.")
_FORTH = Parameter("fast_to_slow", "1", 0.2, "assumed: humification", 0.0, 1.0, "Share of fast decay kept in slow.")
_BACK = Parameter("slow_to_fast", "1", 0.1, "assumed: recycling", 0.0, 1.0, "Share of slow decay returned to fast.")


def _structure(name: str, flows: Callable[..., Iterator[Flow]], *parameters: Parameter) -> Structure:
    return Structure(
        name=name,
        pools=("fast", "slow"),
        flows=flows,
        parameters=(*_K, *parameters),
        drivers=(
            Driver("carbon_input", "g/m**2/year", "Carbon input.", lower=0.0),
            Driver("rate_modifier", "1", "Temperature and moisture modifier.", 1.0, lower=0.0),
        ),
        carbon_unit="g/m**2",
        time_unit="year",
        scheme="rk4",
        step=1.0 / 12.0,
        reference=_PAPER,
        # Our reading: where plants bring slow carbon (split), that is their resistant part; else all begins as fast.
        entries={
            "labile": ("fast",),
            "resistant": ("slow",) if _SPLIT in parameters else ("fast",),
            "humified": ("slow",),
            "persistent": ("slow",),
        },
        # Our reading: fast carbon is particulate, the rest mineral-associated.
        fractions={"particulate": ("fast",), "mineral_associated": ("slow",)},
    )


def _parallel(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    yield Flow("input", "fast", p.split * u.carbon_input)
    yield Flow("input", "slow", (1.0 - p.split) * u.carbon_input)
    yield Flow("fast", "co2", u.rate_modifier * p.k_fast * x.fast)
    yield Flow("slow", "co2", u.rate_modifier * p.k_slow * x.slow)


def _series(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    decayed = u.rate_modifier * p.k_fast * x.fast
    yield Flow("input", "fast", u.carbon_input)
    yield Flow("fast", "slow", p.fast_to_slow * decayed)
    yield Flow("fast", "co2", (1.0 - p.fast_to_slow) * decayed)
    yield Flow("slow", "co2", u.rate_modifier * p.k_slow * x.slow)


def _feedback(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    fast, slow = u.rate_modifier * p.k_fast * x.fast, u.rate_modifier * p.k_slow * x.slow
    yield Flow("input", "fast", p.split * u.carbon_input)
    yield Flow("input", "slow", (1.0 - p.split) * u.carbon_input)
    yield Flow("fast", "slow", p.fast_to_slow * fast)
    yield Flow("fast", "co2", (1.0 - p.fast_to_slow) * fast)
    yield Flow("slow", "fast", p.slow_to_fast * slow)
    yield Flow("slow", "co2", (1.0 - p.slow_to_fast) * slow)


two_pool_parallel = _structure("two_pool_parallel", _parallel, _SPLIT)
two_pool_series = _structure("two_pool_series", _series, _FORTH)
two_pool_feedback = _structure("two_pool_feedback", _feedback, _SPLIT, _FORTH, _BACK)
