r"""How much fine earth a layer holds: bulk density without coarse fragments, and stocks on the same mass of soil.

Carbon is in the fine earth, and what a laboratory calls the content of carbon is per mass of it. Coarse fragments
(above 2 mm) take part of the volume and hold none, so a stock is

.. math:: C = 0.1 \; content \; \rho_{fine} \; thickness, \qquad \rho_{fine} = \frac{m_{fine}}{V}

in t/ha, g/kg, g/cm3 and cm, with the mass of fine earth over the volume of the whole soil: Poeplau, Vos and Don 2017,
SOIL 3:61-66; by mass balance in Hobley, Murphy and Simmons 2018, SOIL 4:169-171.

A soil that is compacted has more earth above the same depth, and so more carbon, though none was added. Stocks on an
equivalent mass of fine earth leave that out: Ellert and Bettany 1995, Canadian Journal of Soil Science 75:529-538;
Wendt and Hauser 2013, European Journal of Soil Science 64:58-65; von Haden, Yang and DeLucia 2020, Global Change
Biology 26:3759-3770.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import Fault
from socbayes.frames import numeric
from socbayes.observations import HEADER
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

ROCK_DENSITY = 2.6
"""g/cm3 of coarse fragments, where their volume has to follow from their mass or the other way round: as assumed by
Poeplau, Vos and Don 2017."""
DENSITIES = ("bulk_density", "fine_earth_bulk_density")
FRAGMENTS = ("coarse_fragments_mass", "coarse_fragments_volume")


def fine_earth_density(obs: pd.DataFrame) -> np.ndarray:
    """Mass of fine earth over the volume of the whole soil, g/cm3, NaN where no density is stated; (row,).

    Parameters
    ----------
    obs
        Table of schema ``field_soc``. ``bulk_density`` is of the whole soil, ``fine_earth_bulk_density`` of the fine
        earth between the fragments. Coarse fragments that no column states are none.

    Examples
    --------
    >>> import pandas as pd
    >>> fine_earth_density(pd.DataFrame({"bulk_density": [1.5], "coarse_fragments_mass": [20.0]})).round(3).tolist()
    [1.2]
    """
    whole, fine = (numeric(obs, name) for name in DENSITIES)
    mass, volume = (numeric(obs, name) / 100.0 for name in FRAGMENTS)
    by_mass = whole * (1.0 - mass)
    by_volume = whole - ROCK_DENSITY * volume
    of_whole = np.where(np.isfinite(mass), by_mass, np.where(np.isfinite(volume), by_volume, whole))
    with np.errstate(invalid="ignore", divide="ignore"):
        turned = (mass / ROCK_DENSITY) / (mass / ROCK_DENSITY + (1.0 - mass) / fine)
    share = np.where(np.isfinite(volume), volume, np.where(np.isfinite(mass), turned, 0.0))
    result: np.ndarray = np.where(np.isfinite(fine), fine * (1.0 - share), of_whole)
    return result


def faults_of_density(obs: pd.DataFrame) -> Iterator[Fault]:
    """Rows whose coarse fragments leave no fine earth.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    """
    for row in np.flatnonzero(fine_earth_density(obs) <= 0):
        name = next(name for name in FRAGMENTS if np.isfinite(numeric(obs, name)[row]))
        density = next(one for one in (numeric(obs, name)[row] for name in reversed(DENSITIES)) if np.isfinite(one))
        found = f"{numeric(obs, name)[row]:g} percent at a bulk density of {density:g} g/cm3"
        advice = "`bulk_density` is that of the whole soil; call that of the fine earth `fine_earth_bulk_density`"
        yield Fault("no fine earth", int(row) + HEADER, name, found, "some fine earth between the fragments", advice)


def of_fragments(obs: pd.DataFrame) -> tuple[str, ...]:
    """Say how coarse fragments are used.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    """
    mass, volume = (np.isfinite(numeric(obs, name)) for name in FRAGMENTS)
    stated = mass | volume
    if not stated.any():
        return ()
    whole, fine = (np.isfinite(numeric(obs, name)) for name in DENSITIES)
    notes = [
        f"Coarse fragments of {counted(int(stated.sum()), 'row')} hold no carbon: stocks are content times fine earth."
    ]
    ways = {
        "bulk density times (1 - their share of the mass)": mass & whole & ~fine,
        f"bulk density - {ROCK_DENSITY:g} g/cm3 times their share of the volume": volume & ~mass & whole & ~fine,
        "bulk density of the fine earth times (1 - their share of the volume)": stated & fine,
    }
    notes += [f"Fine earth of {counted(int(rows.sum()), 'row')} is {way}." for way, rows in ways.items() if rows.any()]
    if (both := mass & volume).any():
        kept = "volume" if (both & fine).any() else "mass"
        rows = counted(int(both.sum()), "row states", "rows state")
        notes.append(f"{rows} coarse fragments by mass and by volume: that by {kept} is used.")
    if (idle := stated & ~whole & ~fine).any():
        rows = counted(int(idle.sum()), "row with coarse fragments states", "rows with coarse fragments state")
        notes.append(f"{rows} no bulk density: they are not used there.")
    return tuple(notes)


def carbon_in_mass(mass: np.ndarray, carbon: np.ndarray, wanted: float) -> float:
    """Carbon in the uppermost soil of some mass, t/ha, straight between the limits of layers.

    Below the last layer soil is taken to have its content.

    Parameters
    ----------
    mass, carbon
        Fine earth and carbon of adjoining layers from above, (layer,).
    wanted
        Mass of fine earth, in the unit of ``mass``.

    Examples
    --------
    >>> carbon_in_mass(np.array([3000.0, 1500.0]), np.array([45.0, 15.0]), 3500.0)
    50.0
    """
    below = np.concatenate([[0.0], np.cumsum(mass)])
    held = np.concatenate([[0.0], np.cumsum(carbon)])
    if wanted > below[-1]:
        return float(held[-1] + carbon[-1] / mass[-1] * (wanted - below[-1]))
    return float(np.interp(wanted, below, held))
