"""What is read from a projection: its plans, years, plots and stocks, and whether it may be used.

A projection holds the stocks of paired draws under several plans, one of which
is business as usual: ``known`` (plan, sample, plot, year, fraction) and ``new``
(plan, sample, new_plot, year, fraction), t/ha, with the name of that plan in
``attrs["baseline"]``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import ConvergenceError, SocbayesError, UnknownNameError, UnreadableFileError
from socbayes.labels import same_name
from socbayes.scenarios.draws import DO_NOT_USE, known_label
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

DIMS = {
    "known": ("plan", "sample", "plot", "year", "fraction"),
    "new": ("plan", "sample", "new_plot", "year", "fraction"),
}
"""Dimensions of the stocks of plots that were measured, and of plots that were not."""
TOTAL = "total"
"""The fraction that is all carbon."""
FORESEEN = 2.0
"""Years after the last sample from which on it is said that stocks at the start are predicted themselves."""


def read_projection(path: str | Path) -> xr.Dataset:
    """Read a projection that was written to a file.

    Parameters
    ----------
    path
        Of the netCDF file.

    Raises
    ------
    UnreadableFileError
        If there is no such file, or it is none of netCDF.
    SocbayesError
        If it is of something else.
    """
    import xarray as xr

    file = Path(path)
    if not file.is_file():
        beside = [one.name for one in file.parent.glob("*.nc")] if file.parent.is_dir() else []
        hint = nearest(file.name, beside)
        raise UnreadableFileError(f"there is no file {file}" + (f"; did you mean {hint!r}?" if hint else ""))
    try:
        projection = xr.load_dataset(file, engine="netcdf4")
    except (OSError, ValueError, RuntimeError) as error:
        raise UnreadableFileError(f"{file.name} cannot be read as netCDF: {error}") from error
    require_projection(projection, allow_failed=True)
    return projection


def require_projection(projection: xr.Dataset, *, allow_failed: bool = False) -> None:
    """Refuse what is no projection, or one that nobody may use.

    Parameters
    ----------
    projection
        Stocks under several plans.
    allow_failed
        Whether to take one whose fit failed its checks.

    Raises
    ------
    SocbayesError
        If stocks, dimensions or the name of the baseline are missing.
    ConvergenceError
        If a fit behind it failed its checks.
    """
    lacks = [name for name in ("known",) if name not in projection]
    lacks += [
        f"the dimension {dim} of {kind}" for kind, dims in DIMS.items() if kind in projection
        for dim in dims if dim not in projection[kind].dims
    ]  # fmt: skip
    if lacks:
        raise SocbayesError(f"this is no projection of plans: it lacks {', '.join(lacks)}")
    plans = plans_in(projection)
    if str(projection.attrs.get("baseline", "")) not in plans:
        raise SocbayesError(f"the projection does not name which of its plans is the baseline: {', '.join(plans)}")
    if not allow_failed and not converged(projection):
        why = "; ".join(failures_of(projection)) or "no reason is given"
        raise ConvergenceError(
            f"a fit behind this projection failed its checks ({why}): fit it again, "
            "or ask for its numbers all the same (allow_failed=True, --allow-failed), and all are marked"
        )


def converged(projection: xr.Dataset) -> bool:
    """Whether every fit behind a projection passed its checks; not, where it does not say.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    return bool(int(projection.attrs.get("converged", 0)))


def table_converged(table: pd.DataFrame) -> bool:
    """Whether all rows of a table made of a projection may be used.

    Parameters
    ----------
    table
        With a column ``converged``.

    Raises
    ------
    SocbayesError
        If it does not say so.
    """
    if "converged" not in table:
        raise SocbayesError(
            "the table has no column converged, so nobody can say whether the fit behind it passed its checks: keep "
            "that column"
        )
    return bool(table["converged"].all())


def failures_of(projection: xr.Dataset) -> list[str]:
    """What the fits behind a projection failed by.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    text = str(projection.attrs.get("failures", ""))
    try:
        told = json.loads(text)
    except ValueError:
        return [text] if text else []
    return [str(one) for one in told] if isinstance(told, list) else [str(told)]


def marks(projection: xr.Dataset) -> tuple[str, ...]:
    """What has to be said first of every number of a projection; nothing where its fits passed.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    return () if converged(projection) else (DO_NOT_USE,)


def plans_in(projection: xr.Dataset) -> list[str]:
    """Names of all plans.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    return [str(name) for name in np.atleast_1d(projection["plan"].to_numpy())]


def projects_in(projection: xr.Dataset, plan: str | None = None) -> list[str]:
    """Plans that are compared with the baseline: the one that is asked for, else all.

    Parameters
    ----------
    projection
        Stocks under several plans.
    plan
        One of them.

    Raises
    ------
    UnknownNameError
        If there is no such plan.
    SocbayesError
        If there is none beside the baseline.
    """
    baseline = baseline_of(projection)
    others = [name for name in plans_in(projection) if name != baseline]
    if not others:
        raise SocbayesError(f"the projection holds its baseline {baseline!r} only: there is no gain without a plan")
    return others if plan is None else [known_label(plan, others, "plan", "the projection")]


def baseline_of(projection: xr.Dataset) -> str:
    """Name of the plan that is business as usual.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    return str(projection.attrs["baseline"])


def of_the_first_year(last_sample: float, start: float) -> list[str]:
    """Say that stocks in the first year are predicted, where the last sample is years before it.

    Parameters
    ----------
    last_sample, start
        Decimal years of the last sample of any plot, and of the first stock projected.

    Examples
    --------
    >>> of_the_first_year(1998.8, 2026.0), of_the_first_year(2021.8, 2022.0)
    (['Stocks of 2026 are predicted: the last sample is of 1998.'], [])
    """
    if not start - last_sample >= FORESEEN:
        return []
    return [f"Stocks of {start:g} are predicted: the last sample is of {int(last_sample)}."]


def year_in(projection: xr.Dataset, year: float | None) -> float:
    """Year of a projection that is meant; the last where none is.

    Parameters
    ----------
    projection
        Stocks under several plans.
    year
        A decimal year.

    Raises
    ------
    UnknownNameError
        If the projection has no such year.
    SocbayesError
        If it is no number.
    """
    years = projection["year"].to_numpy().astype(float)
    if year is None:
        return float(years.max())
    if isinstance(year, bool) or not isinstance(year, (int, float, np.integer, np.floating)):
        raise SocbayesError(f"a year is a number, such as {years.max():g}, not {year!r}")
    close = int(np.argmin(np.abs(years - year)))
    if not abs(years[close] - year) <= 1e-6:  # also one that is not a number
        raise UnknownNameError(f"the projection has no year {year:g}; the nearest is {years[close]:g}")
    return float(years[close])


def stocks_in(
    projection: xr.Dataset, plan: str, year: float, *, kind: str = "known", fraction: str = TOTAL
) -> np.ndarray:
    """Stocks under one plan in one year, t/ha, (sample, plot).

    Parameters
    ----------
    projection
        Stocks under several plans.
    plan, year, fraction
        Labels of its coordinates.
    kind
        ``known`` or ``new``.

    Raises
    ------
    UnknownNameError
        If there is no such fraction.
    """
    fractions = [str(name) for name in projection["fraction"].to_numpy()]
    chosen = known_label(fraction, fractions, "fraction", "the projection")
    place = {
        "plan": plans_in(projection).index(plan),
        "year": int(np.argmin(np.abs(projection["year"].to_numpy().astype(float) - year))),
        "fraction": fractions.index(chosen),
    }
    values: np.ndarray = projection[kind].isel(place).transpose("sample", ...).to_numpy()
    return values


def different_draws(projection: xr.Dataset) -> np.ndarray | None:
    """What tells draws of the posterior apart, (sample,); None where the projection does not say.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    return projection["draw"].to_numpy() if "draw" in projection.coords else None


def identity_of(projection: xr.Dataset) -> str:
    """What tells a projection from another: fits, plans, seed and years; empty where it does not say.

    Parameters
    ----------
    projection
        Stocks under several plans.
    """
    told = [str(projection.attrs.get(name, "")) for name in ("made_of", "seed")]
    return " ".join([*told, *(f"{year:g}" for year in projection["year"].to_numpy())]) if all(told) else ""


def plots_in(projection: xr.Dataset, kind: str = "known") -> list[str]:
    """Labels of the plots of a kind.

    Parameters
    ----------
    projection
        Stocks under several plans.
    kind
        ``known`` or ``new``.
    """
    return [str(label) for label in projection[DIMS[kind][2]].to_numpy()] if kind in projection else []


def plot_meant(label: str, plots: list[str]) -> str | None:
    """Plot of a projection that a label means: itself, or the only one of which it is a spelling; else None.

    Parameters
    ----------
    label
        As given.
    plots
        Of the projection.

    Examples
    --------
    >>> plot_meant("a1", ["A1", "A2"]), plot_meant("B1", ["A1", "A2"])
    ('A1', None)
    """
    if label in plots:
        return label
    alike = [one for one in plots if same_name(one) == same_name(label)]
    return alike[0] if len(alike) == 1 else None
