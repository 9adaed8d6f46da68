"""What to measure next: how much a further measurement is expected to narrow what is credited.

Before a measurement is made its result is as uncertain as the draws say. Each
draw of a projection therefore gives a pair: what would be measured, error and
all, and what the gain is. The spread of the gain that is left when the result
is known is the spread of the residuals of a regression of the second on the
first, without any new fit (Strong, Oakley, Brennan and Breeze 2015, doi
10.1177/0272989X15575286).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.observations import DENSITY_ERROR
from socbayes.scenarios.credit_sheet import KNOWN, credit_sheet
from socbayes.scenarios.credits import CO2_PER_C, Credit, exceeded, student
from socbayes.scenarios.design import Design, design_of
from socbayes.scenarios.expected import explained
from socbayes.scenarios.projected import (
    TOTAL,
    baseline_of,
    converged,
    marks,
    plot_meant,
    plots_in,
    projects_in,
    stocks_in,
    year_in,
)
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


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
        Variable of the projection with a dimension ``sample``, such as the carbon input of plots; stocks by default.
    error
        Standard deviation of the logarithm of the result, for each plot; from ``Errors`` by default, which speak of
        stocks only.
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
    of: str = "known"
    error: float | None = None
    cost: float = np.nan


@dataclass(frozen=True)
class Errors:
    """Relative errors of measuring a stock, as standard deviations of logarithms.

    Parameters
    ----------
    cores
        Between cores of one plot; what the fit learned of one measurement if None.
    laboratory
        Shared by the cores of a plot at one visit; part of what a fit learned.
    paired
        Correlation of two cores taken at one spot at two visits.
    """

    cores: float | None = None
    laboratory: float = 0.0
    paired: float = 0.0

    def of_one(self, projection: xr.Dataset, fraction: str) -> np.ndarray:
        """Error of one core, (sample,) or (), without that of the laboratory.

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
        return learned


AS_FITTED = Errors()
"""Errors as the fit learned them."""


def next_measurements(
    projection: xr.Dataset,
    candidates: Sequence[Measurement] | pd.DataFrame,
    *,
    areas: str | os.PathLike[str] | pd.DataFrame | Design | None = None,
    plan: str | None = None,
    year: float | None = None,
    rule: str = "vm0042_v2_2",
    errors: Errors = AS_FITTED,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank further measurements by how much more they are expected to have credited.

    Parameters
    ----------
    projection
        Stocks under several plans, of the same draws.
    candidates
        What could be measured; a frame has a row for each and columns of :class:`Measurement`.
    areas
        Land that plots stand for, as for :func:`socbayes.scenarios.credit_sheet.credit_sheet`; equal parts of one
        hectare if None.
    plan, year
        What is credited, and when; the first plan, the last year. Measurements are made under this plan.
    rule
        One of the rules of crediting.
    errors
        How unsure a measurement is.
    seed
        Of simulated measurements.

    Returns
    -------
    pandas.DataFrame
        Best first: by credited tonnes per cost where all have one, else by credited tonnes. ``narrowing`` is the share
        of the variance of the gain that the measurement is expected to remove, with its Monte Carlo error;
        ``gain_sd`` and ``gain_sd_after`` (t CO2e/ha) are its standard deviation now and then, the model's part;
        ``credited`` and ``credited_after`` what the rule credits now and is expected to then, ``quantile`` and
        ``quantile_after`` the same from draws; ``credited_moves`` how far the measurement may move the
        credited figure (a standard deviation, t CO2e/ha); ``credited_rise`` its expected rise on all land, t CO2e.
        ``converged`` is 0 where the fit must not be used; ``attrs["notes"]`` say how it was computed.

    Raises
    ------
    UnknownNameError, SocbayesError
        For an unknown plan, year, plot, fraction or variable; where nothing says how unsure a measurement is.

    Notes
    -----
    The expected posterior variance is that of the residuals of a least-squares fit of the gain on simulated
    measurements, their squares and cross-products, out of the sample in ten folds of draws; what is expected of the
    credited figure takes the spread after a measurement to be the same whatever it finds.

    Examples
    --------
    >>> ranked = next_measurements(  # doctest: +SKIP
    ...     projection, [Measurement("total in 2030", 2030), Measurement("ten cores in 2030", 2030, cores=10)],
    ...     errors=Errors(cores=0.12, laboratory=0.02))
    """
    import pandas as pd

    wanted = _candidates(candidates)
    name = projects_in(projection, plan)[0]
    end = year_in(projection, year)
    design = _design(projection, areas)
    sheet = credit_sheet(projection, design, rules=[rule], year=end, plan=name, allow_failed=True)
    now = next(line.credit for line in sheet.lines if line.group == KNOWN)
    gains = _gains(projection, design, name, end)
    _check_all(projection, wanted, errors)
    rows = []
    for place, one in enumerate(wanted):
        results = _results(projection, one, name, errors, np.random.default_rng([seed, place]))
        rows.append(_row(one, gains, results, now, design))
    table = pd.DataFrame(rows)
    priced = bool(table["cost"].notna().all())
    table = table.sort_values("rise_per_cost" if priced else "credited_rise", ascending=False, ignore_index=True)
    table["converged"] = int(converged(projection))
    table.attrs["notes"] = [
        *marks(projection), *sheet.notes[len(marks(projection)):],
        f"Expected narrowing of the gain of {name} against {baseline_of(projection)} by {end:g}, by regression over "
        f"{len(gains):,} draws; credited figures computed as in {now.rule.title}.",
        *(() if priced else ("Not all measurements have a cost, so they are ranked by credited tonnes alone.",)),
    ]  # fmt: skip
    return table


def _candidates(given: Sequence[Measurement] | pd.DataFrame) -> list[Measurement]:
    """Candidates as they are, or from the rows of a frame."""
    import pandas as pd

    if not isinstance(given, pd.DataFrame):
        wanted = list(given)
    else:
        known = [one.name for one in fields(Measurement)]
        for column in given:
            if column not in known:
                hint = nearest(str(column), known)
                raise UnknownNameError(
                    f"candidates have no column {column!r}" + (f"; did you mean {hint!r}?" if hint else f": {known}")
                )
        wanted = [Measurement(**_stated(row)) for row in given.to_dict("records")]
    if not wanted:
        raise SocbayesError("no candidates are given: state one measurement or more")
    names = [one.name for one in wanted]
    if again := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise SocbayesError(f"two candidates are called {again[0]!r}")
    return wanted


def _stated(row: dict[Any, Any]) -> dict[str, Any]:
    """Cells of a row that are not empty; plots as text are divided by semicolons."""
    stated = {str(key): value for key, value in row.items() if value is not None and value == value}
    if isinstance(stated.get("plots"), str):
        stated["plots"] = tuple(part.strip() for part in stated["plots"].split(";") if part.strip())
    return stated


def _design(projection: xr.Dataset, areas: Any) -> Design:
    if isinstance(areas, Design):
        return areas
    plots = plots_in(projection)
    if areas is None:
        return Design(tuple(plots), ("all",) * len(plots), {"all": 1.0}, every_point=len(plots) < 2)
    return design_of(areas, plots)


def _gains(projection: xr.Dataset, design: Design, plan: str, year: float) -> np.ndarray:
    """Gain of the whole area, t CO2e/ha, (sample,)."""
    places = [plots_in(projection).index(label) for label in design.plots]
    weight = np.array([design.areas[name] / design.strata.count(name) for name in design.strata])
    both = [stocks_in(projection, name, year)[:, places] for name in (plan, baseline_of(projection))]
    gains: np.ndarray = (both[0] - both[1]) @ (weight / weight.sum()) * CO2_PER_C
    return gains


def _check_all(projection: xr.Dataset, wanted: Sequence[Measurement], errors: Errors) -> None:
    """All that is wrong with candidates, at once."""
    faults: list[SocbayesError] = []
    for one in wanted:
        try:
            _check(projection, one, errors)
        except SocbayesError as error:
            faults.append(type(error)(f"{one.name}: {error}"))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ExceptionGroup("candidates that cannot be measured", faults)


def _check(projection: xr.Dataset, one: Measurement, errors: Errors) -> None:
    if one.cores < 1 or one.points < 0 or (one.error is not None and not one.error > 0):
        raise SocbayesError("cores must be one or more, points zero or more, an error positive")
    if one.year is None and one.of == "known":
        if not one.points:
            raise SocbayesError("say in which year the stock is measured, or how many further points there are")
        return
    if one.of not in projection or "sample" not in projection[one.of].dims:
        known = [str(name) for name in projection.data_vars if "sample" in projection[name].dims]
        hint = nearest(one.of, known)
        raise UnknownNameError(
            f"the projection has no draws of {one.of!r}" + (f"; did you mean {hint!r}?" if hint else f": {known}")
        )
    if one.of != "known" and one.error is None:
        raise SocbayesError(f"say how unsure a measurement of {one.of} is: error=0.1 is 10 %")
    if one.year is not None:
        year_in(projection, one.year)
    for label in one.plots:
        if plot_meant(label, plots_in(projection)) is None:
            hint = nearest(label, plots_in(projection))
            raise UnknownNameError(f"no plot named {label!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    if one.of == "known":
        stocks_in(projection, baseline_of(projection), float(projection["year"][0]), fraction=one.fraction)
        if one.error is None:
            errors.of_one(projection, one.fraction)


REPEATS = 4
"""Errors drawn for each draw of the projection."""


def _results(
    projection: xr.Dataset, one: Measurement, plan: str, errors: Errors, rng: np.random.Generator
) -> np.ndarray | None:
    """Logarithms of what would be found, (repeat, sample, result); None where nothing but points is added."""
    if one.year is None and one.of == "known":
        return None
    chosen = projection[one.of]
    if "plan" in chosen.dims:
        chosen = chosen.sel(plan=plan)
    if "year" in chosen.dims:
        year = year_in(projection, one.year)
        chosen = chosen.isel(year=int(np.argmin(np.abs(chosen["year"].to_numpy().astype(float) - year))))
    if "fraction" in chosen.dims:
        chosen = chosen.sel(fraction=one.fraction)
    if one.plots and "plot" in chosen.dims:
        chosen = chosen.sel(plot=[plot_meant(label, plots_in(projection)) for label in one.plots])
    truth = chosen.transpose("sample", ...).to_numpy().reshape(projection.sizes["sample"], -1)
    if not (truth > 0).all():
        raise SocbayesError(f"{one.name}: {one.of} is zero, missing or negative in some draws, so it has no relative "
                            "error: choose plots and a year in which it is there")  # fmt: skip
    spread = np.sqrt(_variance(projection, one, errors))
    noise = rng.standard_normal((REPEATS, *truth.shape))
    results: np.ndarray = np.log(truth) + noise * np.broadcast_to(spread, (len(truth),))[:, None]
    return results


def _variance(projection: xr.Dataset, one: Measurement, errors: Errors) -> np.ndarray:
    """Variance of the logarithm of the mean of a plot, (sample,) or ()."""
    if one.error is not None:
        return np.asarray(one.error**2)
    of_density = DENSITY_ERROR[0] ** 2 / one.cores if one.density else DENSITY_ERROR[1] ** 2
    variance: np.ndarray = errors.of_one(projection, one.fraction) ** 2 / one.cores + errors.laboratory**2 + of_density
    return variance


def _row(
    one: Measurement, gains: np.ndarray, results: np.ndarray | None, now: Credit, design: Design
) -> dict[str, object]:
    """What one measurement is expected to change."""
    total = float(gains.var(ddof=1))
    share, error, left = explained(gains, results) if results is not None else (0.0, 0.0, gains - gains.mean())
    points, strata = len(design.plots), len(design.areas)
    # Each stratum has its number of points raised by as many.
    counts = np.array([design.strata.count(name) for name in design.areas], dtype=float)
    fewer = float(np.mean(counts / (counts + one.points))) if one.points else 1.0
    freedom = np.inf if np.isinf(now.degrees_of_freedom) else float(points + one.points * strata - strata)
    after = np.sqrt(total * (1 - share))
    sampling = now.sampling_sd * np.sqrt(fewer)
    credited = now.gain - student(now.rule.level, freedom) * float(np.hypot(after, sampling))
    rise = (credited - now.credited) * now.area if share > 0 or one.points else 0.0
    return {
        "measurement": one.name,
        "narrowing": share,
        "narrowing_error": error,
        "gain_sd": now.model_sd,
        "gain_sd_after": float(after),
        "credited": now.credited,
        "credited_after": credited,
        "quantile": now.quantile,
        "quantile_after": exceeded(now.gain + left, float(sampling), now.rule.level),
        "credited_moves": float(np.sqrt(total * share)),
        "credited_rise": rise,
        "cost": one.cost,
        "rise_per_cost": rise / one.cost if one.cost > 0 else np.nan,
    }
