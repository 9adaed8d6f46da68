"""Values that cannot all be right: what a row says twice, parts above their whole, and changes of method."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import Fault
from socbayes.frames import numeric
from socbayes.models.field.layers import STOCKS, thickness_of
from socbayes.models.field.measurements import PARTITIONS
from socbayes.models.field.plots import plot_of_rows
from socbayes.models.field.soil_mass import fine_earth_density
from socbayes.observations import HEADER, KINDS, Stock

if TYPE_CHECKING:
    import pandas as pd

ROUNDED = 0.1
"""Share by which a stock and content times bulk density times depth may differ: all four are rounded."""
CLOSING = 0.1
"""Share by which a fraction, or all of them together, may be above the total: the error of fractionation. Carbon that
is found again in the fractions of a soil is accepted within 10 % of its total."""
_TOTAL = STOCKS[0]


def faults_of_contradictions(obs: pd.DataFrame) -> Iterator[Fault]:
    """Rows whose values contradict each other, and plots whose stocks step as their contents take over.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.

    Examples
    --------
    >>> import pandas as pd
    >>> both = {"soc_stock": [40.0], "soil_organic_carbon": 15.0, "bulk_density": 1.3, "depth_bottom": 25.0}
    >>> (fault,) = faults_of_contradictions(pd.DataFrame({"site": "Farm", "plot": "1", "year": 2000.0} | both))
    >>> fault.found
    '40 t/ha beside 15 g/kg x 1.3 g/cm3 x 25 cm = 48.75 t/ha'
    """
    # Layers that hold nothing are faults of their own.
    density, thickness = fine_earth_density(obs), np.where(thickness_of(obs) > 0, thickness_of(obs), np.nan)
    for kind in STOCKS:
        if kind.stock and kind.concentration:
            yield from _said_twice(obs, kind, density, thickness)
    yield from _parts_above_the_whole(obs, 0.1 * density * thickness)
    yield from _steps_of_method(obs, 0.1 * density * thickness)


def _said_twice(obs: pd.DataFrame, kind: Stock, density: np.ndarray, thickness: np.ndarray) -> Iterator[Fault]:
    """Stocks beside contents that give another one."""
    stated, content = numeric(obs, kind.stock), numeric(obs, kind.concentration)
    follows = 0.1 * content * kind.grams * density * thickness
    for row in np.flatnonzero(np.abs(follows / stated - 1.0) > ROUNDED):
        found = (
            f"{stated[row]:g} t/ha beside {content[row]:g} g/kg x {density[row]:.4g} g/cm3 x {thickness[row]:g} cm = "
            f"{follows[row]:.4g} t/ha"
        )
        advice = "correct one of them; if the stock is right as it is, of an equivalent mass say, leave the content out"
        yield Fault("two stocks of one sample", int(row) + HEADER, kind.stock, found,
                    f"both within {100 * ROUNDED:g} %", advice)  # fmt: skip


def _parts_above_the_whole(obs: pd.DataFrame, mass: np.ndarray) -> Iterator[Fault]:
    """Fractions, alone or together, that are more than all of the carbon by more than fractionation explains."""
    total_stock, total_content = numeric(obs, _TOTAL.stock), numeric(obs, _TOTAL.concentration)
    shares = {}
    for kind in STOCKS[1:]:
        stock, content = numeric(obs, kind.stock), numeric(obs, kind.concentration) * kind.grams
        of_stocks = np.where(np.isfinite(stock), stock, content * mass)
        whole = np.where(np.isfinite(total_stock), total_stock, total_content * mass)
        # Contents over each other need no soil.
        shares[kind.name] = np.where(np.isfinite(content / total_content), content / total_content, of_stocks / whole)
        for row in np.flatnonzero(shares[kind.name] > 1.0 + CLOSING):
            column = kind.stock if np.isfinite(stock[row]) else kind.concentration
            found = f"{numeric(obs, column)[row]:g}, {100 * shares[kind.name][row]:.0f} % of {_whole(obs, int(row))}"
            yield Fault("fraction above the total", int(row) + HEADER, column, found,
                        f"at most {100 * (1 + CLOSING):g} % of it, by the error of fractionation",
                        "check both numbers and their units")  # fmt: skip
    for parts in PARTITIONS:
        summed = np.sum([shares[name] for name in parts], axis=0)
        alone = np.max([shares[name] for name in parts], axis=0)
        for row in np.flatnonzero((summed > 1.0 + CLOSING) & (alone <= 1.0 + CLOSING)):
            column = next(name for name in KINDS[parts[0]].columns if np.isfinite(numeric(obs, name)[row]))
            found = f"{', '.join(parts)} are {100 * summed[row]:.0f} % of {_whole(obs, int(row))}"
            yield Fault("fractions above the total", int(row) + HEADER, column, found,
                        f"at most {100 * (1 + CLOSING):g} % of it, by the error of fractionation",
                        "check the numbers and their units")  # fmt: skip


def _whole(obs: pd.DataFrame, row: int) -> str:
    """The total of a row with its column."""
    column = next(name for name in _TOTAL.columns if np.isfinite(numeric(obs, name)[row]))
    return f"{column} {numeric(obs, column)[row]:g}"


def _steps_of_method(obs: pd.DataFrame, mass: np.ndarray) -> Iterator[Fault]:
    """Plots whose stocks are stated up to some time and follow from contents after it, with a step in between."""
    stated, follows = numeric(obs, _TOTAL.stock), numeric(obs, _TOTAL.concentration) * mass
    if (np.isfinite(stated) & np.isfinite(follows)).any():
        return  # Rows with both agree, or are faults of their own: the two can be compared.
    value, way = np.where(np.isfinite(stated), stated, follows), np.where(np.isfinite(stated), 0, 1)
    known = np.flatnonzero(np.isfinite(value))
    in_time = known[np.lexsort([numeric(obs, "year")[known], plot_of_rows(obs)[known]])]
    plot = plot_of_rows(obs)
    pairs = [(one, other) for one, other in pairwise(in_time) if plot[one] == plot[other] and way[one] != way[other]]
    if not pairs:
        return
    steps = np.array([np.log(value[other] / value[one]) * (1 if way[other] else -1) for one, other in pairs])
    if abs(steps.mean()) > np.log(1.0 + ROUNDED):
        one, other = pairs[0]
        found = (
            f"stocks from contents are {100 * np.expm1(steps.mean()):+.0f} % off those stated, at the "
            f"{len(pairs)} changes from one to the other, such as {value[one]:.4g} and then {value[other]:.4g} t/ha on "
            f"plot {obs['plot'].iloc[int(other)]}"
        )
        expected = "totals of one kind, or a row with both that tells a change of soil from a change of method"
        advice = f"state `{_TOTAL.stock}` throughout, or `{_TOTAL.concentration}`, or both at one visit"
        yield Fault("stocks and contents in turn", int(other) + HEADER, _TOTAL.concentration, found, expected, advice)
