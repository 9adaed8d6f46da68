"""The kinds of observations of a field plot: columns, units, faults, values, what a run would read, and errors.

A kind of observation is an entry of :data:`OBSERVATIONS`, and what kinds have in
common is their class. Columns of field tables, their quantities, priors of
errors, predictions and scores follow from the entry, so a further kind is
written here and nowhere else. Stands low in the house because the vocabulary
takes the columns from here; NumPy is imported where it is used, as help on the
command line needs the vocabulary and no numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from socbayes.errors import Fault
from socbayes.frames import numeric
from socbayes.quantity import Quantity

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from socbayes.core.structure import Structure

HEADER = 2
"""What turns a position into the number of a spreadsheet's row: they count from one and have a header."""
FLUX_UNIT = 365.25 / 12.0 * 0.01
"""t C/ha/month of one g C/m2/day."""
DENSITY_ERROR = (0.05, 0.1)
"""Relative error of a bulk density measured with the sample, and of one borrowed from other samples."""


class Soil(NamedTuple):
    """The soil that each row of a table was sampled from; each (row,).

    Parameters
    ----------
    density
        Fine earth over the volume of the whole soil, g/cm3, of the sample or of others; NaN where nobody measured any.
    thickness
        Of the layer, cm.
    """

    density: np.ndarray
    thickness: np.ndarray


class Reading(NamedTuple):
    """What a table says of one kind; each (row,).

    Parameters
    ----------
    value
        In the unit of a run: t C/ha, or t C/ha/month; NaN where the row says nothing.
    error
        Stated standard deviation over the value; NaN where none is stated.
    derived
        Whether the value rests on bulk density.
    """

    value: np.ndarray
    error: np.ndarray
    derived: np.ndarray


@dataclass(frozen=True)
class Run:
    """Where measurements lie in runs of a structure.

    Arrays of positions may have leading axes, such as one of posterior draws.

    Parameters
    ----------
    structure
        What runs.
    states
        Pools and sinks, t C/ha, (time, run, state); an array or a tensor.
    time, after
        Positions of the time of each measurement, and of a month after it, (..., measurement).
    run
        Position of the run of each measurement, (..., measurement).
    weights
        Share of each pool that a measurement sees, (measurement, pool).
    """

    structure: Structure
    states: Any
    time: np.ndarray
    after: np.ndarray
    run: np.ndarray
    weights: np.ndarray

    def of(self, which: np.ndarray) -> Run:
        """The same of some measurements."""
        time, after, run = self.time[..., which], self.after[..., which], self.run[..., which]
        return Run(self.structure, self.states, time, after, run, self.weights[which])


@dataclass(frozen=True)
class Observation:
    """A kind of observation, measured with errors that are normal on the log scale.

    Parameters
    ----------
    name
        Name of the kind, and of its error, ``error_<name>``.
    log_error, error_reason
        Median of the log-normal prior of its error, as a logarithm, and why.
    quantities
        Quantities of its columns that no other kind of table has.
    """

    name: str
    log_error: float
    error_reason: str
    quantities: tuple[Quantity, ...] = ()

    scored = True
    """Whether predictions are scored on it: scores are in t/ha."""
    takes_time = False
    """Whether it is of the month that holds the sample, and not of the turn of a month nearest to it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that hold values of it; each may have one called ``_sd`` beside it."""
        raise NotImplementedError

    def faults(self, obs: pd.DataFrame, structure: Structure, weights: Mapping[str, np.ndarray]) -> Iterator[Fault]:
        """What cannot be right in the columns of a table, and in a structure that is to show them.

        Parameters
        ----------
        obs
            Table of schema ``field_soc``.
        structure
            What shall run.
        weights
            Weight of each pool in the fractions that it can show.
        """
        import numpy as np

        for name in self.columns:
            values = numeric(obs, name)
            for row in np.flatnonzero(values <= 0):
                yield Fault("not positive", int(row) + HEADER, name, f"{values[row]:g}", f"above zero {_unit(name)}")

    def read(self, obs: pd.DataFrame, soil: Soil) -> Reading:
        """Values of a table in the unit of a run.

        Parameters
        ----------
        obs
            Table of schema ``field_soc``.
        soil
            Of its rows.
        """
        raise NotImplementedError

    def shown(self, weights: Mapping[str, np.ndarray]) -> bool:
        """Whether a structure with these fractions can show it.

        Parameters
        ----------
        weights
            Weight of each pool in each fraction.
        """
        return self.name in weights

    @staticmethod
    def expected(run: Run) -> Any:
        """What measurements would read without error, in the unit of a run, (..., measurement).

        Parameters
        ----------
        run
            Runs, and where the measurements lie in them.
        """
        raise NotImplementedError

    @staticmethod
    def log_density(observed: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Log density of measurements on the log scale.

        Parameters
        ----------
        observed, mean, spread
            Logarithms, and their standard deviation, (..., measurement).
        """
        import numpy as np

        density: np.ndarray = -0.5 * ((observed - mean) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2.0 * np.pi)
        return density

    @staticmethod
    def replicates(mean: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw measurements, in the unit of a run.

        Parameters
        ----------
        mean, spread
            Logarithms of what would be read without error, and the standard deviation of the error.
        rng
            Source of the errors.
        """
        import numpy as np

        return np.exp(rng.normal(mean, spread))


@dataclass(frozen=True)
class Stock(Observation):
    """Carbon in some of the pools at one time.

    Parameters
    ----------
    stock
        Column of it per area, t/ha; empty for none.
    concentration
        Column of it per mass of soil; empty for none.
    grams
        g/kg of one unit of the concentration.
    declared
        What a structure calls the pools of it, such as ``inert``; empty where only its ``fractions`` can say.
    """

    stock: str = ""
    concentration: str = ""
    grams: float = 1.0
    declared: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that hold values of it."""
        return tuple(name for name in (self.stock, self.concentration) if name)

    def faults(self, obs: pd.DataFrame, structure: Structure, weights: Mapping[str, np.ndarray]) -> Iterator[Fault]:
        """What cannot be right, a structure without such pools and a concentration that is no stock among it."""
        import numpy as np

        yield from super().faults(obs, structure, weights)
        seen = [name for name in self.columns if _stated(obs, name)]
        if seen and not self.shown(weights):
            found = f"values, but {structure.name} has no pools for {self.name}"
            expected = (
                f"fractions={{{self.name!r}: (...)}} with some of {', '.join(structure.pools)}, or no such column"
            )
            yield Fault("fraction without pools", None, seen[0], found, expected)
        turned = np.isfinite(numeric(obs, self.concentration)) & ~np.isfinite(numeric(obs, self.stock))
        wanted = f"to turn {self.concentration} into a stock"
        if turned.any() and not (_stated(obs, "bulk_density") or _stated(obs, "fine_earth_bulk_density")):
            advice = "one measured value per plot is enough"
            yield Fault("no bulk density", None, "bulk_density", "no value", f"g/cm3, {wanted}", advice)
        for row in np.flatnonzero(turned & ~np.isfinite(numeric(obs, "depth_bottom"))):
            yield Fault("no depth", int(row) + HEADER, "depth_bottom", "nothing", f"cm, {wanted}")

    def read(self, obs: pd.DataFrame, soil: Soil) -> Reading:
        """Stocks as stated, else concentration times bulk density times depth."""
        import numpy as np

        direct, content = numeric(obs, self.stock), numeric(obs, self.concentration) * self.grams
        stated = np.isfinite(direct)
        value = np.where(stated, direct, content * soil.density * soil.thickness * 0.1)
        error = np.where(
            stated,
            numeric(obs, f"{self.stock}_sd") / direct,
            numeric(obs, f"{self.concentration}_sd") / numeric(obs, self.concentration),
        )
        return Reading(value, error, ~stated)

    @staticmethod
    def expected(run: Run) -> Any:
        """Weighted sum of the pools."""
        pools = run.states[run.time, run.run, : len(run.structure.pools)]
        return (pools * run.weights).sum(axis=-1)


@dataclass(frozen=True)
class Flux(Observation):
    """Carbon that reaches a sink in the month of the observation.

    Parameters
    ----------
    column
        Column of it, g/m2/day.
    """

    column: str = ""

    scored = False
    takes_time = True
    SINK = "co2"

    @property
    def columns(self) -> tuple[str, ...]:
        """Its one column."""
        return (self.column,)

    def faults(self, obs: pd.DataFrame, structure: Structure, weights: Mapping[str, np.ndarray]) -> Iterator[Fault]:
        """What cannot be right, a structure without the sink among it."""
        yield from super().faults(obs, structure, weights)
        if _stated(obs, self.column) and self.SINK not in structure.sinks:
            found = f"values, but {structure.name} has no sink called {self.SINK}"
            expected = f"a structure with a sink {self.SINK}, or no such column"
            yield Fault("flux without sink", None, self.column, found, expected)

    def read(self, obs: pd.DataFrame, soil: Soil) -> Reading:
        """Fluxes as t C/ha/month."""
        import numpy as np

        value = numeric(obs, self.column)
        error = numeric(obs, f"{self.column}_sd") / value
        return Reading(value * FLUX_UNIT, error, np.zeros(len(obs), dtype=bool))

    def shown(self, weights: Mapping[str, np.ndarray]) -> bool:
        """Whatever the fractions: a flux leaves the soil."""
        return True

    @staticmethod
    def expected(run: Run) -> Any:
        """What the sink gains in a month."""
        sink = len(run.structure.pools) + run.structure.sinks.index(Flux.SINK)
        return run.states[run.after, run.run, sink] - run.states[run.time, run.run, sink]


def expected_readings(kinds: Sequence[Observation], kind: np.ndarray, run: Run) -> Any:
    """What measurements of several kinds would read without error, (..., measurement).

    Parameters
    ----------
    kinds
        Kinds that were measured.
    kind
        Position of the kind of each measurement.
    run
        Runs, and where the measurements lie in them.
    """
    import numpy as np

    classes = list(dict.fromkeys(type(one) for one in kinds))
    if len(classes) == 1:
        return classes[0].expected(run)
    position = np.array([classes.index(type(one)) for one in kinds])[kind]
    places = [np.flatnonzero(position == place) for place in range(len(classes))]
    parts = [one.expected(run.of(which)) for one, which in zip(classes, places, strict=True)]
    back = np.argsort(np.concatenate(places))
    if isinstance(run.states, np.ndarray):
        return np.concatenate(parts, axis=-1)[..., back]
    import pytensor.tensor as pt

    return pt.concatenate(parts, axis=-1)[..., back]


def _stated(obs: pd.DataFrame, column: str) -> bool:
    import numpy as np

    return bool(np.isfinite(numeric(obs, column)).any())


def _unit(column: str) -> str:
    from socbayes.vocabulary import QUANTITIES

    return QUANTITIES[column].unit


def _own(
    name: str, unit: str, meaning: str, called: str, *, upper: float, aliases: tuple[str, ...]
) -> tuple[Quantity, Quantity]:
    """A quantity that only field tables have, and its standard deviation."""
    deviation = Quantity(f"{name}_sd", unit, f"Standard deviation of {called}.", lower=0, upper=upper)
    return Quantity(name, unit, meaning, lower=0, upper=upper, aliases=aliases), deviation


_LAYER = "of the sampled layer per area."

OBSERVATIONS: tuple[Observation, ...] = (
    Stock(
        "total",
        -2.7,
        "repeated sampling of a plot: median 7 %",
        stock="soc_stock",
        concentration="soil_organic_carbon",
    ),
    Stock(
        "particulate",
        -1.6,
        "fractionation: median 20 %",
        stock="particulate_carbon_stock",
        concentration="particulate_organic_carbon",
        quantities=_own(
            "particulate_carbon_stock", "t/ha", f"Particulate organic carbon {_LAYER}", "the particulate carbon stock",
            upper=3000, aliases=("poc_stock", "poc_t_ha"),
        ),
    ),
    Stock(
        "mineral_associated",
        -2.3,
        "fractionation: median 10 %",
        stock="mineral_associated_carbon_stock",
        concentration="mineral_associated_organic_carbon",
        quantities=_own(
            "mineral_associated_carbon_stock", "t/ha", f"Mineral-associated organic carbon {_LAYER}",
            "the mineral-associated carbon stock", upper=3000, aliases=("maoc_stock", "maoc_t_ha"),
        ),
    ),
    Stock(
        "humus",
        -2.1,
        "by difference of fractions: median 12 %",
        stock="humus_carbon_stock",
        quantities=_own(
            "humus_carbon_stock", "t/ha", "Organic carbon that is neither particulate nor resistant, per area.",
            "the humus carbon stock", upper=3000, aliases=("hum", "hoc", "hum_t_ha", "humus_carbon"),
        ),
    ),
    Stock(
        "resistant",
        -1.9,
        "spectroscopy: median 15 %",
        stock="resistant_carbon_stock",
        quantities=_own(
            "resistant_carbon_stock", "t/ha",
            f"Resistant organic carbon (charcoal-like, inert in models) {_LAYER}", "the resistant carbon stock",
            upper=3000, aliases=("roc", "roc_stock", "iom", "roc_t_ha"),
        ),
        declared="inert",
    ),
    Stock(
        "microbial",
        -1.4,
        "fumigation-extraction: median 25 %",
        concentration="microbial_biomass",
        grams=1e-3,
        declared="microbial",
    ),
    Stock(
        "necromass",
        -1.4,
        "amino sugars: median 25 %",
        concentration="necromass",
        declared="necromass",
    ),
    Stock(
        "water_extractable",
        -1.6,
        "extraction with water or weak salt: median 20 %",
        concentration="water_extractable_organic_carbon",
        grams=1e-3,
        quantities=_own(
            "water_extractable_organic_carbon", "mg/kg", "Organic carbon that water or a weak salt extracts from soil.",
            "water-extractable organic carbon", upper=20000,
            aliases=("weoc", "doc", "wsoc", "wsc", "dissolved_organic_carbon"),
        ),
        declared="dissolved",
    ),
    Flux(
        "co2_flux",
        -0.9,
        "days stand for a month: median 40 %",
        column="co2_flux",
        quantities=_own(
            "co2_flux", "g/m2/day", "Heterotrophic CO2 carbon released from the soil surface.", "the CO2 carbon flux",
            upper=100, aliases=("heterotrophic_respiration", "rh", "flux", "co2_efflux"),
        ),
    ),
)  # fmt: skip
"""Every kind, in the order in which fits list them."""

KINDS: dict[str, Observation] = {kind.name: kind for kind in OBSERVATIONS}
"""The same by name."""


def observed_columns() -> tuple[str, ...]:
    """Columns of field tables that hold observations, each with its standard deviation.

    Examples
    --------
    >>> observed_columns()[:2]
    ('soc_stock', 'soc_stock_sd')
    """
    return tuple(column for kind in OBSERVATIONS for name in kind.columns for column in (name, f"{name}_sd"))
