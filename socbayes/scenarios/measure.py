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
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.candidates import AS_FITTED, Errors, Measurement, candidates_of, require_possible
from socbayes.scenarios.credit_sheet import KNOWN, credit_sheet
from socbayes.scenarios.credits import CO2_PER_C, Credit, exceeded, sampling_variance, student
from socbayes.scenarios.design import Design, stated_design
from socbayes.scenarios.draws import known_label
from socbayes.scenarios.expected import explained
from socbayes.scenarios.projected import (
    baseline_of,
    converged,
    different_draws,
    marks,
    plot_meant,
    plots_in,
    projects_in,
    stocks_in,
    year_in,
)
from socbayes.scenarios.rules import USUAL_RULE

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

REPEATS = 4
"""Errors drawn for each draw of the projection."""
_STREAM = zlib.crc32(b"next_measurements")
"""Keeps the errors drawn here apart from whatever else is drawn with the same seed."""


def next_measurements(
    projection: xr.Dataset,
    candidates: Sequence[Measurement] | pd.DataFrame,
    *,
    areas: str | os.PathLike[str] | pd.DataFrame | Design | None = None,
    plan: str | None = None,
    year: float | None = None,
    rule: str | None = None,
    every_point: bool | None = None,
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
        Land that plots stand for, as for :func:`socbayes.scenarios.credit_sheet`; that of the plans by default, and
        equal parts of one hectare where they state none.
    plan, year
        What is credited, and when; the first plan, the last year. Measurements are made under this plan.
    rule
        One of the rules of crediting; the first of the file of areas by default, else VM0042.
    every_point
        Whether the plots are all the fields there are, not a sample of the land.
    errors
        How unsure a measurement of a stock is. Bulk density adds its own error, whether measured or borrowed. The
        error of a visit is one for all plots of the measurement.
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
        ``converged`` is 0 where the fit must not be used; ``attrs["notes"]`` say how it was computed, and
        what the projection noted.

    Raises
    ------
    UnknownNameError, SocbayesError
        For an unknown plan, year, plot, fraction or variable; where nothing says how unsure a measurement is; for what
        cannot be measured or comes after the credit. Several faults come as an ``ExceptionGroup``.

    Notes
    -----
    The expected posterior variance is that of the residuals of a least-squares fit of the gain on simulated
    measurements, their squares and cross-products, out of the sample in ten folds of draws; what is expected of the
    credited figure takes the spread after a measurement to be the same whatever it finds. Further points are taken to
    scatter as those of their stratum do.

    Examples
    --------
    >>> ranked = next_measurements(  # doctest: +SKIP
    ...     projection, [Measurement("total in 2030", 2030), Measurement("ten cores in 2030", 2030, cores=10)],
    ...     errors=Errors(cores=0.12, laboratory=0.02))
    """
    import pandas as pd

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SocbayesError(f"a seed is a whole number, zero or more, not {seed!r}")
    wanted = candidates_of(candidates)
    name = projects_in(projection, plan)[0]
    end = year_in(projection, year)
    design = stated_design(projection, areas, every_point) or _of_one_hectare(projection, every_point)
    rules = design.rules or (USUAL_RULE,)
    sheet = credit_sheet(projection, design, rules=[rule or rules[0]], year=end, plan=name, allow_failed=True)
    now = next(line.credit for line in sheet.lines if line.group == KNOWN)
    require_possible(projection, wanted, errors, end)
    land = _land(projection, design, name, end)
    rows = []
    for place, one in enumerate(wanted):
        results = _results(projection, one, name, errors, np.random.default_rng([seed, place, _STREAM]))
        rows.append(_row(one, land, results, now))
    table = pd.DataFrame(rows)
    priced = bool(table["cost"].notna().all())
    table = table.sort_values("rise_per_cost" if priced else "credited_rise", ascending=False, ignore_index=True)
    table["converged"] = int(converged(projection))
    others = rules[1:] if rule is None else ()
    table.attrs["notes"] = [
        *marks(projection), *sheet.notes[len(marks(projection)):],
        f"Expected narrowing of the gain of {name} against {baseline_of(projection)} by {end:g}, by regression over "
        f"{len(land.gains):,} draws; credited figures computed as in {now.rule.title}.",
        *((f"Of the rules of the areas the first counts, not {', '.join(others)}.",) if others else ()),
        *(() if priced else ("Not all measurements have a cost, so they are ranked by credited tonnes alone.",)),
        *str(projection.attrs.get("notes", "")).splitlines(),
    ]  # fmt: skip
    return table


def _of_one_hectare(projection: xr.Dataset, every_point: bool | None) -> Design:
    """Plots that stand for equal parts of one hectare."""
    plots = plots_in(projection)
    alone = len(plots) < 2
    return Design(tuple(plots), ("all",) * len(plots), {"all": 1.0}, every_point=alone or every_point)


@dataclass(frozen=True, eq=False)
class _Land:
    """Gains of the land that is credited, t CO2e/ha.

    Parameters
    ----------
    gains
        Of all of it, (sample,).
    means
        Of each point, (point,).
    strata
        Of each point, (point,).
    design
        Which plots stand for how much of it.
    drawn
        What tells draws of the posterior apart, (sample,); None where the projection does not say.
    """

    gains: np.ndarray
    means: np.ndarray
    strata: np.ndarray
    design: Design
    drawn: np.ndarray | None


def _land(projection: xr.Dataset, design: Design, plan: str, year: float) -> _Land:
    places = [plots_in(projection).index(label) for label in design.plots]
    weight = np.array([design.areas[name] / design.strata.count(name) for name in design.strata])
    both = [stocks_in(projection, name, year)[:, places] for name in (plan, baseline_of(projection))]
    of_points = (both[0] - both[1]) * CO2_PER_C
    gains, drawn = of_points @ (weight / weight.sum()), different_draws(projection)
    return _Land(gains, of_points.mean(axis=0), np.array(design.strata), design, drawn)


def _results(
    projection: xr.Dataset, one: Measurement, plan: str, errors: Errors, rng: np.random.Generator
) -> np.ndarray | None:
    """Logarithms of what would be found, (repeat, sample, result); None where nothing but points is added."""
    if one.only_points:
        return None
    chosen = projection[one.of]
    if "plan" in chosen.dims:
        chosen = chosen.sel(plan=plan)
    if "year" in chosen.dims:
        year = year_in(projection, one.year)
        chosen = chosen.isel(year=int(np.argmin(np.abs(chosen["year"].to_numpy().astype(float) - year))))
    if "fraction" in chosen.dims:
        known = [str(name) for name in chosen["fraction"].to_numpy()]
        chosen = chosen.sel(fraction=known_label(one.fraction, known, "fraction", "the projection"))
    if one.plots:
        # A plot that is named twice is measured once.
        meant = dict.fromkeys(plot_meant(label, plots_in(projection)) for label in one.plots)
        chosen = chosen.sel(plot=list(meant))
    truth = chosen.transpose("sample", ...).to_numpy().reshape(projection.sizes["sample"], -1)
    if not (truth > 0).all():
        raise SocbayesError(f"{one.name}: {one.of} is zero, missing or negative in some draws, so it has no relative "
                            "error: choose plots and a year in which it is there")  # fmt: skip
    spread = np.sqrt(_variance(projection, one, errors))
    noise = rng.standard_normal((REPEATS, *truth.shape))
    results: np.ndarray = np.log(truth) + noise * np.broadcast_to(spread, (len(truth),))[:, None]
    of_visit = errors.of_visit(projection, one.fraction) if one.error is None else np.zeros(())
    if of_visit.any():
        of_visit = np.broadcast_to(of_visit, (len(truth),))[:, None]
        results = results + of_visit * rng.standard_normal((REPEATS, len(truth), 1))
    return results


def _variance(projection: xr.Dataset, one: Measurement, errors: Errors) -> np.ndarray:
    """Variance of the logarithm of the mean of a plot, (sample,) or ()."""
    if one.error is not None:
        return np.asarray(one.error**2)
    each, shared = errors.variances(projection, one.fraction, one.density)
    return np.asarray(each / one.cores + shared)


def _row(one: Measurement, land: _Land, results: np.ndarray | None, now: Credit) -> dict[str, object]:
    """What one measurement is expected to change."""
    gains, design, rule = land.gains, land.design, now.rule
    total = float(gains.var(ddof=1))
    share, error, left = 0.0, 0.0, gains - gains.mean()
    if results is not None:
        share, error, left = explained(gains, results, land.drawn)
    sampling, freedom = now.sampling_sd, now.degrees_of_freedom
    if one.points and np.isfinite(freedom):
        sampling = float(np.sqrt(sampling_variance(land.means, land.strata, design.areas, one.points)))
        freedom += float(one.points * len(design.areas))
    after = float(np.sqrt(total * (1 - share)))
    quantile = exceeded(now.gain + left, sampling, rule.level, freedom)
    by_formula = now.gain - student(rule.level, freedom) * float(np.hypot(after, sampling))
    credited = quantile if rule.by_draws else by_formula
    changes = share > 0 or (one.points and np.isfinite(freedom))
    rise = (credited - now.credited) * now.area if changes else 0.0
    return {
        "measurement": one.name,
        "narrowing": share,
        "narrowing_error": error,
        "gain_sd": now.model_sd,
        "gain_sd_after": after,
        "credited": now.credited,
        "credited_after": credited,
        "quantile": now.quantile,
        "quantile_after": quantile,
        "credited_moves": float(np.sqrt(total * share)),
        "credited_rise": rise,
        "cost": one.cost,
        "rise_per_cost": rise / one.cost,
    }
