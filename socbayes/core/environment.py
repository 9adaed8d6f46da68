"""Temperature and moisture modifiers, each with its source.

All take and return scalar graphs, tensors or arrays alike (see
:mod:`socbayes.core.mathematics`), so the same function serves inside a flow
and as a preparation of data. Temperatures are in degrees Celsius.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from socbayes.core.mathematics import arctan, clip, exp, less, log, maximum, sqrt, where

#: Molar gas constant, J/mol/K.
GAS_CONSTANT = 8.31446

#: 0 degrees Celsius in kelvin.
ZERO_CELSIUS = 273.15


def q10(temperature: Any, factor: Any = 2.0, reference: Any = 15.0) -> Any:
    """``factor ** ((T - reference) / 10)``, van 't Hoff 1898.

    Examples
    --------
    >>> float(q10(25.0))
    2.0
    """
    return exp(log(factor) * (temperature - reference) / 10.0)


def arrhenius(temperature: Any, activation_energy: Any, reference: Any = 20.0, gas_constant: float = 8.31446) -> Any:
    """Arrhenius factor relative to a reference temperature.

    ``exp(-Ea / R (1 / T - 1 / T_ref))`` with both in kelvin; Li et al. 2014,
    Biogeochemistry 119:67-84. Activation energy in J/mol.

    Examples
    --------
    >>> float(arrhenius(20.0, 47000.0))
    1.0
    """
    inverse = 1.0 / (temperature + ZERO_CELSIUS) - 1.0 / (reference + ZERO_CELSIUS)
    return exp(-activation_energy / gas_constant * inverse)


def lloyd_taylor(temperature: Any) -> Any:
    """Soil respiration relative to 10 degrees; Lloyd and Taylor 1994, Functional Ecology 8:315-323.

    ``exp(308.56 (1 / 56.02 - 1 / (T + 46.02)))``, zero at and below -46.02.

    Examples
    --------
    >>> float(lloyd_taylor(10.0))
    1.0
    """
    warm = maximum(temperature + 46.02, 1e-3)
    return exp(308.56 * (1.0 / 56.02 - 1.0 / warm))


def rothc_temperature(temperature: Any) -> Any:
    """Rate modifier a of RothC: ``47.91 / (1 + exp(106.06 / (T + 18.27)))``, zero below -5.

    Coleman and Jenkinson 1999, the RothC-26.3 manual (constants of the 2014
    and later texts).

    Examples
    --------
    >>> float(np.round(rothc_temperature(9.3), 3))
    1.001
    """
    # The guard keeps the exponent finite where the result is not used.
    warm = maximum(temperature, -5.0)
    return where(less(temperature, -5.0), 0.0, 47.91 / (1.0 + exp(106.06 / (warm + 18.27))))


def rothc_moisture(deficit: Any, maximum_deficit: Any, minimum_factor: Any = 0.2) -> Any:
    """Rate modifier b of RothC from the topsoil moisture deficit (mm, not positive).

    One down to 0.444 of the maximum deficit, then linear to ``minimum_factor``.

    Examples
    --------
    >>> float(rothc_moisture(0.0, -44.94)), float(np.round(rothc_moisture(-44.94, -44.94), 3))
    (1.0, 0.2)
    """
    limit = 0.444 * maximum_deficit
    dry = minimum_factor + (1.0 - minimum_factor) * (maximum_deficit - deficit) / (maximum_deficit - limit)
    return where(less(limit, deficit), 1.0, dry)


def century_temperature(temperature: Any) -> Any:
    """Temperature response of Century, figure 2a of Parton et al. 1987.

    ``q**0.2 exp(0.2 / 2.63 (1 - q**2.63))`` with ``q = (45 - T) / 10``; one at
    35 degrees, zero from 45 upwards (the formula is undefined there).

    Examples
    --------
    >>> float(century_temperature(35.0)), float(century_temperature(50.0))
    (1.0, 0.0)
    """
    q = maximum((45.0 - temperature) / 10.0, 1e-12)
    return where(less(temperature, 45.0), exp(0.2 * log(q) + 0.2 / 2.63 * (1.0 - exp(2.63 * log(q)))), 0.0)


def daycent_temperature(temperature: Any) -> Any:
    """Temperature response of DayCent 4.5 and Century 4, relative to 30 degrees, at least 0.01.

    ``11.75 + 29.7 / pi atan(0.031 pi (T - 15.4))`` over its value at 30; it
    exceeds one above 30.
    """
    return maximum(_century_arctan(temperature) / _century_arctan(30.0), 0.01)


def _century_arctan(temperature: Any) -> Any:
    return 11.75 + 29.7 / np.pi * arctan(0.031 * np.pi * (temperature - 15.4))


def century_moisture(ratio: Any, shape: float = 8.5) -> Any:
    """``1 / (1 + 30 exp(-shape r))``: shape 8.5 on rain over PET, 9 on relative soil water.

    Century 4 and DayCent; not the figure of Parton et al. 1987, which starts
    near 0.25.
    """
    return 1.0 / (1.0 + 30.0 * exp(-shape * ratio))


def damm(
    temperature: Any,
    water: Any,
    porosity: Any,
    activation_energy: Any = 72260.0,
    half_oxygen: Any = 0.121,
    half_substrate: Any = 9.95e-7,
    soluble_substrate: Any = 4.14e-4 * 0.048,
    reference: Any = 15.0,
) -> Any:
    """Dual Arrhenius and Michaelis-Menten modifier; Davidson et al. 2012, Global Change Biology 18:371-384.

    Arrhenius temperature response times the saturation by soluble substrate
    (diffusing as water cubed) and by oxygen (1.67 * 0.209 * air space ** 4/3).

    Parameters
    ----------
    temperature
        Degrees Celsius.
    water, porosity
        Volumetric, m3/m3.
    activation_energy
        J/mol.
    half_oxygen
        Half-saturation of oxygen, volume of O2 per volume of air.
    half_substrate
        Half-saturation of substrate, g C per cm3 soil.
    soluble_substrate
        Soluble substrate, g C per cm3 soil.
    reference
        Temperature at which the Arrhenius factor is one.

    Examples
    --------
    >>> bool(damm(15.0, 0.25, 0.5) > damm(15.0, 0.5, 0.5))
    True
    """
    substrate = soluble_substrate * 3.17 * water**3
    # A tiny air space keeps the derivative of the power finite at saturation.
    oxygen = 1.67 * 0.209 * exp(4.0 / 3.0 * log(maximum(porosity - water, 1e-12)))
    kinetics = substrate / (half_substrate + substrate) * oxygen / (half_oxygen + oxygen)
    return arrhenius(temperature, activation_energy, reference) * kinetics


def millennial_diffusion(water: Any, porosity: Any) -> Any:
    """Substrate diffusion of Millennial V2: ``sqrt(theta / porosity)``; Abramoff et al. 2022, SBB 164:108466."""
    return sqrt(water / porosity)


def millennial_biology(water: Any, porosity: Any, matric_potential: Any, sensitivity: Any, anaerobic: Any) -> Any:
    """Moisture response of microbial uptake in Millennial V2; Abramoff et al. 2022, SBB 164:108466.

    Matric potential in kPa, ``sensitivity`` in 1/kPa, ``anaerobic`` the rate
    kept without oxygen.
    """
    air = sqrt((porosity - water) / porosity)
    kept = anaerobic + (1.0 - anaerobic) * air
    return exp(-sensitivity * matric_potential) * kept * millennial_diffusion(water, porosity)


def corpse_water(saturation: Any, exponent: Any = 2.5, water_exponent: Any = 3.0) -> Any:
    """``s**water_exponent (1 - s)**exponent``; Sulman et al. 2014, Nature Climate Change 4:1099-1102."""
    return saturation**water_exponent * (1.0 - saturation) ** exponent


def mimics_water(water: Any, ice: Any = 0.0) -> Any:
    """Soil water scalar of MIMICS as in its CASA testbed: ``max(0.05, theta**3 (1 - theta - ice)**2.5 / 0.0226)``."""
    return maximum(water**3 * (1.0 - water - ice) ** 2.5 / 0.022600568, 0.05)


def trapezoid(value: Any, low: Any, high: Any) -> Any:
    """Rise from zero at ``low`` to one at ``high``, flat outside."""
    return clip((value - low) / (high - low), 0.0, 1.0)


__all__ = [
    "GAS_CONSTANT",
    "ZERO_CELSIUS",
    "arrhenius",
    "century_moisture",
    "century_temperature",
    "corpse_water",
    "damm",
    "daycent_temperature",
    "lloyd_taylor",
    "millennial_biology",
    "millennial_diffusion",
    "mimics_water",
    "q10",
    "rothc_moisture",
    "rothc_temperature",
    "trapezoid",
]
