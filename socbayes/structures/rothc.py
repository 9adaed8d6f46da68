"""RothC-26.3: Coleman and Jenkinson 1999; the official Fortran and Python codes of 2021 to 2025.

Four active pools and inert organic matter, t C/ha, one step a month. The
month is a discrete map (a pool loses ``1 - exp(-a b c k / 12)`` of itself), so
``euler`` with a step of one month repeats the published code exactly.

Temperature (a), moisture (b) and plant cover (c) enter as their product, the
driver ``rate_modifier``. They depend on data alone: :func:`modifiers`
computes them, so their kinks stay out of every gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from socbayes.core.environment import rothc_moisture, rothc_temperature
from socbayes.core.mathematics import exp
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_MANUAL = "Coleman and Jenkinson 1999, RothC-26.3 manual"
_DECAYING = ("dpm", "rpm", "bio", "hum")

PAN_COEFFICIENT = 0.75
"""Potential evapotranspiration over open-pan evaporation: Coleman and Jenkinson 1999, section 2.2.2."""

#: Half-life of radiocarbon in the published code (Libby), years.
HALF_LIFE = 5568.0
#: Radiocarbon age of inert organic matter in the published code, years.
INERT_AGE = 50_000.0


def _flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
    respired = p.respired_scale * (p.respired_clay + p.respired_sand * exp(-p.clay_effect * p.clay))  # over BIO + HUM
    plant = u.dpm_rpm / (1.0 + u.dpm_rpm)
    yield Flow("input", "dpm", u.plant_input * plant + p.manure_dpm * u.manure_input)
    yield Flow("input", "rpm", u.plant_input * (1.0 - plant) + p.manure_rpm * u.manure_input)
    yield Flow("input", "hum", (1.0 - p.manure_dpm - p.manure_rpm) * u.manure_input)
    for pool in _DECAYING:
        decayed = x[pool] * (1.0 - exp(-u.rate_modifier * p[f"k_{pool}"] / 12.0))
        if pool != "bio":
            yield Flow(pool, "bio", p.bio_share / (respired + 1.0) * decayed)
        if pool != "hum":
            yield Flow(pool, "hum", (1.0 - p.bio_share) / (respired + 1.0) * decayed)
        yield Flow(pool, "co2", respired / (respired + 1.0) * decayed)


rothc = Structure(
    name="rothc",
    pools=(*_DECAYING, "iom"),
    flows=_flows,
    parameters=(
        Parameter("k_dpm", "1/year", 10.0, _MANUAL, 0.0, meaning="Decay of decomposable plant material."),
        Parameter("k_rpm", "1/year", 0.3, _MANUAL, 0.0, meaning="Decay of resistant plant material."),
        Parameter("k_bio", "1/year", 0.66, _MANUAL, 0.0, meaning="Decay of microbial biomass."),
        Parameter("k_hum", "1/year", 0.02, _MANUAL, 0.0, meaning="Decay of humified organic matter."),
        Parameter("bio_share", "1", 0.46, _MANUAL, 0.0, 1.0, "Biomass share of what is not respired."),
        Parameter("manure_dpm", "1", 0.49, _MANUAL, 0.0, 1.0, "DPM share of farmyard manure."),
        Parameter("manure_rpm", "1", 0.49, _MANUAL, 0.0, 1.0, "RPM share of farmyard manure; the rest is HUM."),
        Parameter("respired_scale", "1", 1.67, _MANUAL, 0.0, meaning="Scale of CO2 over (BIO + HUM)."),
        Parameter("respired_clay", "1", 1.85, _MANUAL, 0.0, meaning="CO2 over (BIO + HUM) in clay, before scaling."),
        Parameter("respired_sand", "1", 1.60, _MANUAL, 0.0, meaning="What it is more in sand."),
        Parameter("clay_effect", "1/percent", 0.0786, _MANUAL, 0.0, meaning="Fall of log that excess with clay."),
        Parameter("clay", "percent", 23.4, "site property; Hoosfield, Rothamsted", 0.0, 100.0, "Clay content."),
    ),
    drivers=(
        Driver("rate_modifier", "1", "Product a b c of temperature, moisture and cover modifiers.", lower=0.0),
        Driver("plant_input", "t/ha/month", "Plant residues.", lower=0.0),
        Driver("manure_input", "t/ha/month", "Farmyard manure.", 0.0, lower=0.0),
        Driver("dpm_rpm", "1", "DPM:RPM of plant residues: 1.44 crops, 0.67 scrub, 0.25 forest.", 1.44, lower=0.0),
    ),
    microbial=("bio",),
    inert=("iom",),
    carbon_unit="t/ha",
    time_unit="month",
    scheme="euler",
    step=1.0,
    discrete=True,
    parameter_sets={"manual": {}, "australia": {"k_rpm": 0.07}},
    # Plant material is particulate, IOM resistant and humus what is left: Skjemstad et al. 2004, Australian Journal
    # of Soil Research 42:79-88, who matched RPM, HUM and IOM to fractions.
    fractions={
        "particulate": ("dpm", "rpm"),
        "humus": ("bio", "hum"),
        "resistant": ("iom",),
        "mineral_associated": ("bio", "hum", "iom"),
    },
    # Named as in the manual: amendments have resistant and humified carbon as plants and manure do. Char is counted
    # with inert carbon, after Skjemstad et al. 2004, who matched that to char.
    entries={"labile": ("dpm",), "resistant": ("rpm",), "humified": ("hum",), "persistent": ("iom",)},
    reference=_MANUAL,
)


def inert_carbon(total: ArrayLike) -> Any:
    """Inert organic matter from total organic carbon, t/ha: ``0.049 TOC**1.139``.

    Falloon et al. 1998, Soil Biology and Biochemistry 30:1207-1211.

    Examples
    --------
    >>> round(float(inert_carbon(34.0)), 2)
    2.72
    """
    return 0.049 * np.asarray(total, dtype=float) ** 1.139


def maximum_deficit(clay: ArrayLike, depth: ArrayLike) -> Any:
    """Maximum topsoil moisture deficit in mm, negative; clay in percent, depth in cm.

    ``-(20 + 1.3 clay - 0.01 clay**2) depth / 23``; the copy of the manual in
    circulation prints 1.01 for 0.01, which does not give its own -44.94 mm.

    Examples
    --------
    >>> round(float(maximum_deficit(23.4, 23.0)), 2)
    -44.94
    """
    clay = np.asarray(clay, dtype=float)
    return -(20.0 + 1.3 * clay - 0.01 * clay**2) * np.asarray(depth, dtype=float) / 23.0


def moisture_deficit(
    rain: ArrayLike,
    evaporation: ArrayLike,
    plant_cover: ArrayLike,
    limit: ArrayLike,
    bare_limit: ArrayLike,
    initial: ArrayLike = 0.0,
) -> Any:
    """Accumulated topsoil moisture deficit at the end of each month, mm, not positive.

    Parameters
    ----------
    rain, evaporation
        Rain and open-pan evaporation, mm/month, ``(month,)`` or ``(month, site)``; of potential
        evapotranspiration give it over :data:`PAN_COEFFICIENT`.
    plant_cover
        Whether the soil carries plants, of the same shape or ``(month,)``.
    limit
        Deficit beyond which a covered soil does not dry, mm.
    bare_limit
        The same for bare soil, mm. A soil that is already drier keeps its
        deficit.
    initial
        Deficit before the first month, mm.

    Examples
    --------
    >>> moisture_deficit([10.0, 0.0, 90.0], [60.0, 60.0, 10.0], [True, True, True], -44.94, -24.99).round(2).tolist()
    [-35.0, -44.94, 0.0]
    """
    rain, evaporation = np.asarray(rain, dtype=float), np.asarray(evaporation, dtype=float)
    change = rain - PAN_COEFFICIENT * evaporation
    cover = np.asarray(plant_cover, dtype=bool)
    if cover.ndim < change.ndim:
        cover = cover[:, None]
    cover = np.broadcast_to(cover, change.shape)
    deficit = np.broadcast_to(np.asarray(initial, dtype=float), change.shape[1:]).astype(float)
    result = np.empty_like(change)
    for month in range(len(change)):
        moved = np.minimum(0.0, deficit + change[month])
        covered = np.maximum(limit, moved)
        bare = np.maximum(np.minimum(bare_limit, deficit), moved)
        deficit = np.where(cover[month], covered, bare)
        result[month] = deficit
    return result


def modifiers(
    temperature: ArrayLike,
    rain: ArrayLike,
    evaporation: ArrayLike,
    plant_cover: ArrayLike,
    clay: ArrayLike,
    depth: ArrayLike = 23.0,
    *,
    limits: tuple[ArrayLike, ArrayLike] | None = None,
    driest: ArrayLike | None = None,
    bare_limit: ArrayLike | None = None,
    minimum_moisture: float = 0.2,
    initial_deficit: ArrayLike = 0.0,
) -> dict[str, Any]:
    """Monthly modifiers of RothC from weather and cover.

    Parameters
    ----------
    temperature
        Mean air temperature, degrees Celsius, ``(month,)`` or ``(month, site)``.
    rain, evaporation, plant_cover
        As in :func:`moisture_deficit`.
    clay, depth
        Percent and cm.
    limits
        Deficits (mm, negative) at which b starts to fall and at which it is
        lowest; by default 0.444 of, and all of, the classic maximum. Give
        water contents at 1 and 15 bar less those at field capacity for the
        van Genuchten options (Farina et al. 2013, Geoderma 200-201:18-30).
    driest
        Largest deficit of a covered soil; by default where b is lowest.
    bare_limit
        Largest deficit of a bare soil; by default 0.556 of the classic
        maximum, or, with ``limits``, ``X15 - (0.6388 / 0.8) (X15 - X1)``.
    minimum_moisture
        Lowest value of b.
    initial_deficit
        Deficit before the first month, mm.

    Returns
    -------
    dict
        ``temperature`` (a), ``moisture`` (b), ``cover`` (c), their product
        ``rate_modifier``, and ``deficit`` in mm.

    Examples
    --------
    >>> m = modifiers([9.3], [50.0], [40.0], [True], 23.4)
    >>> float(m["cover"][0])
    0.6
    """
    lowest = maximum_deficit(clay, depth)
    if limits is None:
        onset, dry = 0.444 * lowest, lowest
        bare = 0.556 * lowest if bare_limit is None else bare_limit
    else:
        onset, dry = np.asarray(limits[0], dtype=float), np.asarray(limits[1], dtype=float)
        bare = dry - 0.6388 / 0.8 * (dry - onset) if bare_limit is None else bare_limit
    deficit = moisture_deficit(rain, evaporation, plant_cover, dry if driest is None else driest, bare, initial_deficit)
    if limits is None:
        b = rothc_moisture(deficit, lowest, minimum_moisture)
    else:
        falling = minimum_moisture + (1.0 - minimum_moisture) * (dry - deficit) / (dry - onset)
        b = np.where(deficit > onset, 1.0, np.maximum(falling, minimum_moisture))
    a = rothc_temperature(np.asarray(temperature, dtype=float))
    c = np.where(np.asarray(plant_cover, dtype=bool), 0.6, 1.0)
    if c.ndim < np.ndim(b):
        c = c[:, None]
    return {"temperature": a, "moisture": b, "cover": c, "rate_modifier": a * b * c, "deficit": deficit}


def radiocarbon_age(activity_ratio: ArrayLike) -> Any:
    """Radiocarbon age in years of an activity relative to modern."""
    return -np.log(np.asarray(activity_ratio, dtype=float)) * HALF_LIFE / np.log(2.0)


def delta14c(activity_ratio: ArrayLike) -> Any:
    """Delta 14C in per mille, as the published code prints it: ``1000 (exp(-age / 8035) - 1)``."""
    return 1000.0 * (np.exp(-radiocarbon_age(activity_ratio) / 8035.0) - 1.0)
