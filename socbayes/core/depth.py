"""Temperature of soil at depth, from that at its surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from socbayes.core.structure import StructureError

DAMPING_DEPTH = 220.0
"""cm over which a yearly wave of temperature falls to 1/e: ``sqrt(2 K / omega)`` with a thermal diffusivity K of
5e-7 m**2/s, assumed for a moist mineral soil."""


def soil_temperature(
    surface: ArrayLike, depths: ArrayLike, *, rows_per_year: int, damping_depth: float = DAMPING_DEPTH
) -> np.ndarray[Any, Any]:
    """Temperature at depths below a surface whose temperature is given, later and damped.

    Parameters
    ----------
    surface
        Degrees Celsius, ``(row,)`` or ``(row, site)``, at even intervals; a year at least.
    depths
        cm, ``(layer,)``: middles of layers.
    rows_per_year
        12 for months, 365 for days.
    damping_depth
        cm over which a yearly wave falls to 1/e.

    Returns
    -------
    numpy.ndarray
        ``(row, layer)`` or ``(row, site, layer)``.

    Raises
    ------
    StructureError
        For less than a year, rows without a temperature, depths above the surface and a damping depth that is none.

    Notes
    -----
    A wave of n cycles a year is multiplied by ``exp(-z sqrt(n) / d)`` and is late by ``z sqrt(n) / d`` radians, for
    heat conducted in a uniform soil: Carslaw and Jaeger 1959, Conduction of Heat in Solids, section 2.6; Campbell and
    Norman 1998, An Introduction to Environmental Biophysics, equation 2.4. The series is taken apart into such waves,
    with its first year repeated before it, so that deep soil knows of years before. Snow and freezing are left out.

    Examples
    --------
    >>> months = np.arange(120)
    >>> air = 10.0 + 8.0 * np.sin(2.0 * np.pi * months / 12.0)
    >>> deep = soil_temperature(air, [0.0, 100.0], rows_per_year=12)
    >>> (deep.max(axis=0) - deep.min(axis=0)).round(1).tolist()
    [16.0, 10.1]
    """
    series, z = np.asarray(surface, dtype=float), np.atleast_1d(np.asarray(depths, dtype=float))
    if series.ndim not in (1, 2) or len(series) < rows_per_year:
        raise StructureError(f"temperature of a year at least is needed, {rows_per_year} rows, not {len(series)}")
    if not np.isfinite(series).all():
        row = int(np.argwhere(~np.isfinite(series))[0][0])
        raise StructureError(f"temperature of row {row + 1} of {len(series)} is no number; waves need every row")
    if not np.all(z >= 0.0) or not damping_depth > 0.0:
        raise StructureError(f"depths and damping depth are in cm from the surface, not {depths!r} and {damping_depth}")
    # Waves come round: years before the first keep the last ones out of it.
    before = np.concatenate([series[:rows_per_year]] * (_YEARS_BEFORE + len(series) // rows_per_year // 10))
    whole = np.concatenate([before, series])
    waves = np.fft.rfft(whole, axis=0)
    cycles = np.fft.rfftfreq(len(whole), 1.0 / rows_per_year)
    answer = np.exp(-(1.0 + 1.0j) * np.sqrt(cycles)[:, None] * z / damping_depth)
    answer = answer if series.ndim == 1 else answer[:, None, :]
    return np.fft.irfft(waves[..., None] * answer, n=len(whole), axis=0)[len(before) :]


_YEARS_BEFORE = 10

__all__ = ["DAMPING_DEPTH", "soil_temperature"]
