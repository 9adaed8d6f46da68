"""What could be measured next, how unsure it would be, and all that is wrong with what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.observations import DENSITY_ERROR
from socbayes.scenarios.draws import known_label
from socbayes.scenarios.projected import TOTAL, plot_meant, plots_in, year_in
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

STOCKS = "known"
"""Variable of a projection that holds the stocks of plots."""


def is_number(value: object) -> bool:
    """Whether something is a finite number.

    Parameters
    ----------
    value
        Anything.
    """
    known = (int, float, np.integer, np.floating)
    return isinstance(value, known) and not isinstance(value, bool) and bool(np.isfinite(value))


@dataclass(frozen=True)
class Measurement:
    """One thing that could be measured.

    Parameters
    ----------
    name
        What it is called.
    year
        When, one of the years of the projection; None for what has no year.
    fraction
        Of carbon: total, or one that the projection holds.
    plots
        Where; all plots if empty.
    cores
        Cores of each plot, or samples like those of the fit.
    density
        Whether bulk density is measured with them, or borrowed.
    points
        Further points of each stratum that are sampled from then on: they narrow the error of the choice of points.
    of
        Variable of the projection with a dimension ``sample``, such as ``plant_input`` or ``manure_input`` of
        :func:`socbayes.scenarios.with_inputs`; stocks by default.
    error
        Standard deviation of the logarithm of the result, for each plot; from ``Errors`` by default, which speak of
        stocks only. It says all: cores and bulk density are then none of its business.
    cost
        In any currency.
    """

    name: str
    year: float | None = None
    fraction: str = TOTAL
    plots: tuple[str, ...] = ()
    cores: int = 1
    density: bool = True
    points: int = 0
    of: str = STOCKS
    error: float | None = None
    cost: float = np.nan

    @property
    def only_points(self) -> bool:
        """Whether nothing is measured but at further points."""
        return self.year is None and self.of == STOCKS


@dataclass(frozen=True)
class Errors:
    """Relative errors of measuring a stock, as standard deviations of logarithms.

    Parameters
    ----------
    cores
        Of concentrations between cores of one plot; what the fit learned of one measurement if None. Bulk density adds
        its own, ``DENSITY_ERROR`` of :mod:`socbayes.observations`.
    laboratory
        Shared by the cores of a plot at one visit; part of what a fit learned.
    paired
        Correlation of two cores taken at one spot at two visits.
    visit
        Shared by all plots that are sampled on one date; what the fit learned of its dates, as ``occasion_sd`` of the
        projection, if None, and zero where nobody learned any.

    Raises
    ------
    SocbayesError
        If an error is negative, none between cores, or no number; if cores of two visits correlate fully or less than
        not at all.

    Examples
    --------
    >>> Errors(cores=0.1, laboratory=0.02).paired
    0.0
    """

    cores: float | None = None
    laboratory: float = 0.0
    paired: float = 0.0
    visit: float | None = None

    def __post_init__(self) -> None:
        if self.cores is not None and not (is_number(self.cores) and self.cores > 0):
            raise SocbayesError(f"an error between cores is above zero, such as 0.1, or None, not {self.cores!r}")
        if not (is_number(self.laboratory) and self.laboratory >= 0):
            raise SocbayesError(f"an error of the laboratory is zero or more, such as 0.02, not {self.laboratory!r}")
        if self.visit is not None and not (is_number(self.visit) and self.visit >= 0):
            raise SocbayesError(f"an error of a visit is zero or more, such as 0.05, or None, not {self.visit!r}")
        if not (is_number(self.paired) and 0 <= self.paired < 1):
            raise SocbayesError(f"cores of two visits correlate by 0 to less than 1, not by {self.paired!r}")

    def of_one(self, projection: xr.Dataset, fraction: str) -> np.ndarray:
        """Error of the concentration of one core, (sample,) or (), without that of the laboratory.

        Parameters
        ----------
        projection
            With ``error`` (sample, fraction) of a forecast where ``cores`` is not stated.
        fraction
            Of carbon.

        Raises
        ------
        SocbayesError
            If neither says it.
        """
        if self.cores is not None:
            return np.asarray(self.cores)
        learned = projection["error"].sel(fraction=fraction).to_numpy() if "error" in projection else np.array(np.nan)
        if not np.isfinite(learned).all():
            raise SocbayesError(
                f"neither the projection nor errors= says how unsure a measurement of {fraction} is: "
                "state errors=Errors(cores=0.1), a relative standard deviation between cores of a plot"
            )
        return np.sqrt(np.maximum(learned**2 - self.laboratory**2, 0.0))

    def of_visit(self, projection: xr.Dataset, fraction: str) -> np.ndarray:
        """Error that all plots of a visit share, (sample,) or ().

        Parameters
        ----------
        projection
            With ``occasion_sd`` (sample, fraction) of a forecast, if the fit learned it.
        fraction
            Of carbon.
        """
        if self.visit is not None or "occasion_sd" not in projection:
            return np.asarray(self.visit or 0.0)
        learned: np.ndarray = projection["occasion_sd"].sel(fraction=fraction).to_numpy()
        return learned

    def variances(self, projection: xr.Dataset, fraction: str, density: bool = True) -> tuple[np.ndarray, float]:
        """Variances of the logarithm of a stock: of one core, (sample,) or (), and shared by all of a plot at a visit.

        A bulk density measured with a core is a part of the first, one that is borrowed of the second.

        Parameters
        ----------
        projection, fraction
            As for :meth:`of_one`.
        density
            Whether bulk density is measured with each core.
        """
        measured, borrowed = (DENSITY_ERROR[0], 0.0) if density else (0.0, DENSITY_ERROR[1])
        return self.of_one(projection, fraction) ** 2 + measured**2, self.laboratory**2 + borrowed**2


AS_FITTED = Errors()
"""Errors as the fit learned them."""


def candidates_of(given: Sequence[Measurement] | pd.DataFrame) -> list[Measurement]:
    """Candidates as they are, or from the rows of a frame.

    Parameters
    ----------
    given
        Candidates; a frame has a row for each, a column ``name``, and others of :class:`Measurement`. Plots as text
        are divided by semicolons.

    Raises
    ------
    UnknownNameError, SocbayesError
        For columns that are none, and candidates without a name, of one name, or of another kind.

    Examples
    --------
    >>> import pandas as pd
    >>> candidates_of(pd.DataFrame({"name": ["soon"], "year": [2030.0], "plots": ["A1; A2"]}))[0].plots
    ('A1', 'A2')
    """
    import pandas as pd

    wanted = _of_rows(given) if isinstance(given, pd.DataFrame) else list(given)
    if not wanted:
        raise SocbayesError("no candidates are given: state one measurement or more")
    if odd := [one for one in wanted if not isinstance(one, Measurement)]:
        raise SocbayesError(f"candidates are Measurements, or rows of a frame, not {type(odd[0]).__name__}")
    names = [one.name for one in wanted]
    if again := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise SocbayesError(f"two candidates are called {again[0]!r}")
    return wanted


def _of_rows(frame: pd.DataFrame) -> list[Measurement]:
    """Rows of a frame as candidates."""
    known = [one.name for one in fields(Measurement)]
    for column in frame:
        if column not in known:
            hint = nearest(str(column), known)
            raise UnknownNameError(
                f"candidates have no column {column!r}" + (f"; did you mean {hint!r}?" if hint else f": {known}")
            )
    rows = [_stated(row) for row in frame.to_dict("records")]
    nameless = [str(place) for place, row in enumerate(rows, start=1) if not str(row.get("name", "")).strip()]
    if nameless:
        raise SocbayesError(f"candidates need a name each: row {', '.join(nameless)} has none (column 'name')")
    return [Measurement(**row) for row in rows]


def _stated(row: dict[Any, Any]) -> dict[str, Any]:
    """Cells of a row that are not empty; a column with empty cells holds its whole numbers as floats."""
    stated = {str(key): value for key, value in row.items() if value is not None and value == value}
    if isinstance(stated.get("plots"), str):
        stated["plots"] = tuple(part.strip() for part in stated["plots"].split(";") if part.strip())
    for name in ("cores", "points"):
        if isinstance(stated.get(name), float) and stated[name].is_integer():
            stated[name] = int(stated[name])
    if stated.get("density") in (0.0, 1.0):
        stated["density"] = bool(stated["density"])
    return stated


def require_possible(projection: xr.Dataset, wanted: Sequence[Measurement], errors: Errors, end: float) -> None:
    """Refuse candidates that cannot be measured, or not before a credit; all that is wrong with them, at once.

    Parameters
    ----------
    projection
        Stocks under several plans.
    wanted
        Candidates.
    errors
        How unsure a measurement is.
    end
        Year of the credit.

    Raises
    ------
    SocbayesError
        For the only candidate at fault; several come as an ``ExceptionGroup``.
    """
    faults: list[SocbayesError] = []
    for one in wanted:
        try:
            _require_kinds(one)
            _require_there(projection, one, errors, end)
        except SocbayesError as error:
            faults.append(type(error)(f"{one.name}: {error}"))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ExceptionGroup("candidates that cannot be measured", faults)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least


def _require_kinds(one: Measurement) -> None:
    """What a candidate says has to be of its kind."""
    if not isinstance(one.name, str) or not one.name.strip():
        raise SocbayesError(f"a candidate has a name in words, not {one.name!r}")
    if not _whole(one.cores, 1) or not _whole(one.points, 0):
        raise SocbayesError(
            f"cores are a whole number, one or more, and points zero or more, not {one.cores!r} and {one.points!r}"
        )
    if not isinstance(one.density, (bool, np.bool_)):
        raise SocbayesError(f"density is True where it is measured, or False, not {one.density!r}")
    if isinstance(one.plots, str) or not all(isinstance(label, str) for label in one.plots):
        raise SocbayesError(f"plots are names, such as ('A1', 'A2'), not {one.plots!r}")
    if one.error is not None and not (is_number(one.error) and one.error > 0):
        raise SocbayesError(f"an error is a relative standard deviation above zero, such as 0.1, not {one.error!r}")
    stated = one.cost == one.cost
    if stated and not (is_number(one.cost) and one.cost > 0):
        raise SocbayesError(f"a cost is above zero, or left out where it is not known, not {one.cost!r}")
    if one.error is not None and (one.cores != 1 or not one.density):
        raise SocbayesError("error= says how unsure the result is: leave cores and density out beside it, or it")


def _require_there(projection: xr.Dataset, one: Measurement, errors: Errors, end: float) -> None:
    """What a candidate names has to be in the projection, and to count."""
    if one.only_points:
        if not one.points:
            raise SocbayesError("say in which year the stock is measured, or how many further points there are")
        if one.plots or one.fraction != TOTAL or one.cores != 1 or not one.density or one.error is not None:
            raise SocbayesError(
                "further points are of every stratum, and nothing else is measured without a year: state the year, or "
                "leave plots, fraction, cores, density and error out"
            )
        return
    known = [str(name) for name in projection.data_vars if "sample" in projection[name].dims]
    if one.of not in known:
        hint = nearest(str(one.of), known)
        raise UnknownNameError(
            f"the projection has no draws of {one.of!r}" + (f"; did you mean {hint!r}?" if hint else f": {known}")
        )
    dims = projection[one.of].dims
    if one.of != STOCKS and one.error is None:
        raise SocbayesError(f"say how unsure a measurement of {one.of} is: error=0.1 is 10 %")
    if one.year is not None and "year" not in dims:
        raise SocbayesError(f"{one.of} has no years: leave the year out")
    if one.year is None and "year" in dims:
        raise SocbayesError(f"say in which year {one.of} is measured")
    if one.year is not None:
        year, last = year_in(projection, one.year), float(projection["year"].to_numpy().max())
        # An input of the last year projected is that of the months before it.
        done = min(year + float(projection[one.of].attrs.get("lasts", 0.0)), last)
        if done > end:
            until = f" to {done:g}" if done > year else ""
            raise SocbayesError(
                f"it is measured in {one.year:g}{until}, after the credit of {end:g}: what it tells comes too late"
            )
    if one.plots and "plot" not in dims:
        raise SocbayesError(f"{one.of} is not of plots: leave plots out")
    for label in one.plots:
        if plot_meant(label, plots_in(projection)) is None:
            hint = nearest(label, plots_in(projection))
            raise UnknownNameError(f"no plot named {label!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    if "fraction" in dims:
        known_label(
            one.fraction, [str(name) for name in projection["fraction"].to_numpy()], "fraction", "the projection"
        )
    elif one.fraction != TOTAL:
        raise SocbayesError(f"{one.of} has no fractions: leave the fraction out")
    if one.of == STOCKS and one.error is None:
        errors.of_one(projection, one.fraction)
