"""Yasso15 and Yasso20: Järvenpää et al. 2015 as released by the Finnish Meteorological Institute; Viskari et al. 2022.

Five pools by the chemistry of litter: acid-, water- and ethanol-soluble, insoluble, and humus. A pool loses carbon by
first-order decay, and of what it loses shares reach the other pools of litter, ``to_humus`` humus, and the rest the
air. Decay answers temperature by ``exp(b1 T + b2 T**2)`` and annual precipitation ``P`` by ``1 - exp(g P)``, each for
the soluble pools, the insoluble one and humus apart, and coarse wood by ``(1 + d1 D + d2 D**2)**-r``, at most one.

Both versions have the same equations and differ in constants and in how a year's temperature is read: Yasso15 at four
points of a sine about the annual mean, which ``temperature`` and ``temperature_amplitude`` repeat, Yasso20 (and the
later release of Yasso15) in its twelve months, which :func:`with_twelve_temperatures` repeats. With an amplitude of
zero, the default, decay follows ``temperature`` as it comes, month by month from a table of weather.

The published shares of Yasso20 send all of what the acid-soluble and the insoluble pool lose to other litter pools and
0.0042 of it to humus as well, which makes carbon. Here shares of litter pools are of what humus leaves, at most all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from socbayes.core.mathematics import exp, log, maximum, minimum
from socbayes.core.structure import Driver, Flow, Parameter, Structure

_FMI = "Järvenpää et al. 2015 (Yasso15), maximum of the posterior as used with the Fortran code of FMI"
_VISKARI = "Viskari et al. 2022, Geoscientific Model Development 15:1735-1752, maximum of the posterior"
_LITTER = ("acid", "water", "ethanol", "insoluble")
_GROUPS = {"acid": "soluble", "water": "soluble", "ethanol": "soluble", "insoluble": "insoluble", "humus": "humus"}
_PI = 3.141592653589793
_TINY = 1e-12
_MONTHS = 12


def _of_a_sine(u: Any) -> Sequence[Any]:
    """Temperatures at four points of the annual cycle, each the mean of a quarter between its turns."""
    near = 4.0 / _PI * (1.0 / 2.0**0.5 - 1.0)
    far = 4.0 / _PI / 2.0**0.5
    return [u.temperature + part * u.temperature_amplitude for part in (near, -far, -near, far)]


def _of_months(u: Any) -> Sequence[Any]:
    return [u[f"temperature_{month}"] for month in range(1, _MONTHS + 1)]


def _flows_at(temperatures: Callable[[Any], Sequence[Any]]) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        warmth = temperatures(u)
        climate = {}
        for group in dict.fromkeys(_GROUPS.values()):
            linear, squared, rain = (p[f"{group}_{of}"] for of in ("temperature", "temperature_squared", "rain"))
            answer = sum(exp(linear * one + squared * one**2) for one in warmth) / len(warmth)
            climate[group] = answer * maximum(1.0 - exp(rain * u.precipitation / 1000.0), 0.0)
        # Where the polynomial is not positive its authors' code has no number: towards it the size ceases to matter.
        bulk = maximum(1.0 + p.size_linear * p.diameter + p.size_squared * p.diameter**2, _TINY)
        size = minimum(exp(-p.size_power * log(bulk)), 1.0)
        for pool in _LITTER:
            yield Flow("input", pool, u[f"input_{pool}"])
        yield Flow("input", "humus", u.input_humus)
        left = 1.0 - p.to_humus
        for pool in _LITTER:
            decayed = p[f"k_{pool}"] * climate[_GROUPS[pool]] * size * x[pool]
            shares = {other: p[f"{pool}_to_{other}"] for other in _LITTER if other != pool}
            wanted: Any = sum(shares.values())
            given = left / maximum(maximum(wanted, left), _TINY)
            for other, share in shares.items():
                yield Flow(pool, other, given * share * decayed)
            yield Flow(pool, "humus", p.to_humus * decayed)
            yield Flow(pool, "co2", maximum(left - given * wanted, 0.0) * decayed)
        yield Flow("humus", "co2", p.k_humus * climate["humus"] * x.humus)

    return flows


_YASSO15 = {
    "k_acid": 0.48971473,
    "k_water": 4.9138734,
    "k_ethanol": 0.24197346,
    "k_insoluble": 0.094876416,
    "k_humus": 0.001302583,
    "water_to_acid": 0.43628932,
    "ethanol_to_acid": 0.24997402,
    "insoluble_to_acid": 0.91512685,
    "acid_to_water": 0.99258227,
    "ethanol_to_water": 0.083853738,
    "insoluble_to_water": 0.011476783,
    "acid_to_ethanol": 6.08e-4,
    "water_to_ethanol": 4.76e-4,
    "insoluble_to_ethanol": 0.066037729,
    "acid_to_insoluble": 7.71e-4,
    "water_to_insoluble": 0.10401742,
    "ethanol_to_insoluble": 0.64880756,
    "to_humus": 0.004596472,
    "soluble_temperature": 0.090598047,
    "soluble_temperature_squared": -2.14e-4,
    "soluble_rain": -1.8089202,
    "insoluble_temperature": 0.048772465,
    "insoluble_temperature_squared": -7.91e-5,
    "insoluble_rain": -1.1725473,
    "humus_temperature": 0.035185492,
    "humus_temperature_squared": -2.09e-4,
    "humus_rain": -12.535951,
    "size_linear": -0.43892271,
    "size_squared": 1.2674668,
    "size_power": 0.25691424,
}
_YASSO20 = {
    **dict.fromkeys(_YASSO15, 0.0),
    "k_acid": 0.51,
    "k_water": 5.19,
    "k_ethanol": 0.13,
    "k_insoluble": 0.1,
    "k_humus": 0.0015,
    "water_to_acid": 0.5,
    "insoluble_to_acid": 1.0,
    "acid_to_water": 1.0,
    "ethanol_to_water": 0.99,
    "water_to_insoluble": 0.163,
    "to_humus": 0.0042,
    "soluble_temperature": 0.158,
    "soluble_temperature_squared": -0.002,
    "soluble_rain": -1.44,
    "insoluble_temperature": 0.17,
    "insoluble_temperature_squared": -0.005,
    "insoluble_rain": -2.0,
    "humus_temperature": 0.067,
    "humus_rain": -6.9,
    "size_linear": -2.55,
    "size_squared": 1.24,
    "size_power": 0.25,
}
_NAMED = {
    "acid": "acid-soluble",
    "water": "water-soluble",
    "ethanol": "ethanol-soluble",
    "insoluble": "insoluble",
    "humus": "humified",
}


def _parameters(values: dict[str, float], source: str) -> tuple[Parameter, ...]:
    found = []
    for pool, kind in _NAMED.items():
        meaning = f"Decay of {kind} carbon at 0 degC and rain without limit."
        found.append(Parameter(f"k_{pool}", "1/year", values[f"k_{pool}"], source, 0.0, meaning=meaning))
    for target in _LITTER:
        for pool in _LITTER:
            if pool != target:
                meaning = f"Share of decayed {_NAMED[pool]} carbon that becomes {_NAMED[target]}."
                name = f"{pool}_to_{target}"
                found.append(Parameter(name, "1", values[name], source, 0.0, 1.0, meaning))
    meaning = "Share of decayed litter carbon that becomes humus."
    found.append(Parameter("to_humus", "1", values["to_humus"], source, 0.0, 1.0, meaning))
    for group in dict.fromkeys(_GROUPS.values()):
        for name, unit, upper, meaning in (
            ("temperature", "1/delta_degC", float("inf"), "Temperature slope of log decay at 0 degC"),
            ("temperature_squared", "1/delta_degC**2", float("inf"), "Curvature of log decay with temperature"),
            ("rain", "year/m", 0.0, "Approach of decay to that without limit of rain, with annual precipitation"),
        ):
            full = f"{group}_{name}"
            said = f"{meaning}, {group} carbon."
            found.append(Parameter(full, unit, values[full], source, upper=upper, meaning=said))
    found += [
        Parameter("size_linear", "1/cm", values["size_linear"], source, meaning="Effect of wood's diameter on decay."),
        Parameter("size_squared", "1/cm**2", values["size_squared"], source, meaning="Effect of its square on decay."),
        Parameter("size_power", "1", values["size_power"], source, 0.0, meaning="Power of what both give, negative."),
        Parameter("diameter", "cm", 0.0, "zero for litter that is not wood", 0.0, meaning="Diameter of wood."),
    ]
    return tuple(found)


_INPUTS = (
    *(Driver(f"input_{pool}", "t/ha/year", f"Litter, its {_NAMED[pool]} carbon.", lower=0.0) for pool in _LITTER),
    Driver("input_humus", "t/ha/year", "Humified carbon from elsewhere.", 0.0, lower=0.0),
)
_RAIN = Driver("precipitation", "mm/year", "Annual precipitation.", lower=0.0)


def _structure(name: str, values: dict[str, float], source: str) -> Structure:
    return Structure(
        name=name,
        pools=(*_LITTER, "humus"),
        flows=_flows_at(_of_a_sine),
        parameters=_parameters(values, source),
        drivers=(
            *_INPUTS,
            Driver("temperature", "degC", "Air temperature, of the year or as it comes."),
            Driver("temperature_amplitude", "delta_degC", "Half the range of monthly means about it.", 0.0, lower=0.0),
            _RAIN,
        ),
        carbon_unit="t/ha",
        time_unit="year",
        # Its authors solve the linear system exactly. In hot months water-soluble carbon lasts days, so an explicit
        # scheme would need short steps; with these every pool is within 2e-4 of all carbon at 8 to 27 degC.
        scheme="mprk22",
        step=1.0 / 48.0,
        reference=source,
        # Chemistry of leaves and fine roots of field crops in FMI's vegetation model SVMC.
        input_shares={"input_acid": 0.46, "input_water": 0.32, "input_ethanol": 0.04, "input_insoluble": 0.18},
        # Our reading: what is soluble is labile, in the proportions of those crops, and what is not is resistant.
        entries={
            "labile": {"acid": 0.46 / 0.82, "water": 0.32 / 0.82, "ethanol": 0.04 / 0.82},
            "resistant": ("insoluble",),
            "humified": ("humus",),
            "persistent": ("humus",),
        },
        # Our reading: pools of litter are particulate, humus mineral-associated.
        fractions={"particulate": _LITTER, "mineral_associated": ("humus",)},
    )


yasso15 = _structure("yasso15", _YASSO15, _FMI)
yasso20 = _structure("yasso20", _YASSO20, _VISKARI)


def with_twelve_temperatures(structure: Structure) -> Structure:
    """Yasso with one climate for the whole year, the mean of its answers to twelve monthly temperatures.

    Parameters
    ----------
    structure
        ``yasso15`` or ``yasso20``.

    Returns
    -------
    Structure
        With drivers ``temperature_1`` to ``temperature_12``, degC, in place of ``temperature`` and its amplitude, as
        in the release of Viskari et al. 2022.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_twelve_temperatures(get("yasso20")).driver_names[5:7]
    ('temperature_1', 'temperature_2')
    """
    months = (
        Driver(f"temperature_{month}", "degC", f"Mean air temperature of month {month}.")
        for month in range(1, _MONTHS + 1)
    )
    return replace(structure, drivers=(*_INPUTS, *months, _RAIN), flows=_flows_at(_of_months))
