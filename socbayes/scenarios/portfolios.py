"""Many fields as one: area-weighted stocks draw by draw, so that errors which fields share do not average away."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.models.field.draws import SHARED
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.gains import gains_of
from socbayes.scenarios.plan_runs import Prepared
from socbayes.scenarios.projections import (
    Fits,
    Given,
    Ready,
    Settings,
    common_fractions,
    labelled,
    ready_to_run,
    settings_of,
)

if TYPE_CHECKING:
    import xarray as xr

type Each = Callable[[Callable[[np.ndarray], Any], Iterable[np.ndarray]], Iterable[Any]]

PIECE = 250
"""Fields that are run at a time: enough to fill threads, and few enough for their draws to be let go."""


def portfolio(projections: xr.Dataset | Iterable[xr.Dataset], areas: Mapping[str, float] | None = None) -> xr.Dataset:
    """Many fields as one: area-weighted means draw by draw, so that errors they share do not average away.

    Parameters
    ----------
    projections
        Of :func:`socbayes.scenarios.project`, by the same fits, plans, years, draws and seed.
    areas
        Area of plots by name, ha; those of the plans, or all alike, by default.

    Returns
    -------
    xarray.Dataset
        ``known`` (plan, sample, plot, year, fraction), t/ha, of the one plot ``portfolio``, for :func:`gain_table`;
        ``gain_sd`` (plan, year), t/ha, of its gain, and ``gain_sd_if_independent``, what it would be if the errors of
        fields had nothing to do with each other; ``attrs["area"]`` in ha.

    Raises
    ------
    SocbayesError
        For projections of other draws or plans than each other, a plot that is in two, or areas that are none.

    Examples
    --------
    >>> portfolio(projection, {"north": 12.0, "south": 30.0})["gain_sd"]  # doctest: +SKIP
    """
    import xarray as xr

    given = [projections] if isinstance(projections, xr.Dataset) else list(projections)
    if not given:
        raise SocbayesError("a portfolio needs one projection or more")
    for one in given:
        _require_alike(given[0], one)
    failed = [one for one in given if not one.attrs.get("converged", 1)]
    texts = [text for one in failed for text in json.loads(str(one.attrs.get("failures", "[]")))]
    attrs = given[0].attrs | {
        "converged": int(not failed),
        "failures": json.dumps(list(dict.fromkeys(texts))),
        "notes": "\n".join(dict.fromkeys(note for one in given for note in str(one.attrs["notes"]).splitlines())),
    }
    return _whole([_part(one, areas) for one in given], areas, attrs | ({"warning": DO_NOT_USE} if failed else {}))


def project_portfolio(
    fits: Fits,
    plans: Given,
    *,
    years: Sequence[float],
    areas: Mapping[str, float] | None = None,
    piece: int = PIECE,
    each: Each | None = None,
    **settings: Unpack[Settings],
) -> xr.Dataset:
    """Project many fields and keep only what they are together: ``portfolio(project(...))`` without its memory.

    Plans are laid out and draws made for all fields at once; then fields are run some at a time, and no more is kept of
    them than their sums.

    Parameters
    ----------
    fits, plans, years
        As for :func:`socbayes.scenarios.project`.
    areas
        As for :func:`portfolio`.
    piece
        Fields that are run at a time; memory grows with it, and with draws, plans and years.
    each
        What maps a function over the pieces, in threads of this process, such as through dask; as many threads as there
        are processors by default.
    **settings
        ``weights``, ``draws``, ``seed``, ``allow_failed`` and ``structures`` of :func:`socbayes.scenarios.project`.

    Returns
    -------
    xarray.Dataset
        As of :func:`portfolio`.

    Raises
    ------
    TableFaultsError, ConvergenceError, SocbayesError
        As for :func:`socbayes.scenarios.project` and :func:`portfolio`.

    Examples
    --------
    >>> whole = project_portfolio(fitted, "plan.toml", years=[2026, 2056], draws=200)  # doctest: +SKIP
    >>> whole["gain_sd"]  # doctest: +SKIP

    Through dask, which may show its progress:

    >>> def each(function, pieces):
    ...     return dask.compute(*(dask.delayed(function, pure=False)(piece) for piece in pieces))
    >>> project_portfolio(fitted, "plan.toml", years=[2026, 2056], each=each)  # doctest: +SKIP
    """
    if isinstance(piece, bool) or not isinstance(piece, int | np.integer) or piece < 1:
        raise SocbayesError(f"piece is how many fields are run at a time, 1 or more, not {piece!r}")
    ready = ready_to_run(fits, plans, years, **settings_of(settings))
    count = len(ready.prepared[0].data.plots.labels)
    pieces = [np.arange(first, min(first + piece, count)) for first in range(0, count, piece)]
    parts = list((each or _in_threads)(partial(_of_piece, ready, areas), pieces))
    return _whole(parts, areas, ready.attrs)


@dataclass(frozen=True, eq=False)
class _Part:
    """Sums over some fields: their names, area, area-weighted stocks, and variances of their gains."""

    labels: list[str]
    area: float
    stocks: xr.DataArray
    variance: xr.DataArray


def _part(one: xr.Dataset, areas: Mapping[str, float] | None) -> _Part:
    labels = one["plot"].to_numpy().tolist()
    weight = _areas(one, labels, areas)
    variance = (gains_of(one).var("sample") * weight**2).sum("plot")
    return _Part(labels, float(weight.sum()), (one["known"] * weight).sum("plot"), variance)


def _whole(parts: Sequence[_Part], areas: Mapping[str, float] | None, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Fields that were summed, as one."""
    import xarray as xr

    labels = [label for part in parts for label in part.labels]
    if len(labels) > len(set(labels)):
        twice = sorted({label for label in labels if labels.count(label) > 1})
        raise SocbayesError(f"{', '.join(twice)} is in two projections")
    if areas and (strangers := sorted(set(areas) - set(labels))):
        raise SocbayesError(f"areas of plots that are in no projection: {', '.join(strangers)}")
    area = sum(part.area for part in parts)
    if not area > 0:
        raise SocbayesError("areas have to be zero or more, and one of them above zero")
    stocks: Any = sum(part.stocks for part in parts) / area
    variance: Any = sum(part.variance for part in parts)
    known = stocks.expand_dims(plot=["portfolio"]).transpose("plan", "sample", "plot", "year", "fraction")
    found = xr.Dataset({"known": known.assign_attrs(units="t/ha")}, attrs={**attrs, "area": area})
    spread = {"gain_sd": gains_of(found).std("sample").isel(plot=0, drop=True),
              "gain_sd_if_independent": np.sqrt(variance) / area}  # fmt: skip
    for name, values in spread.items():
        found[name] = values.reindex(plan=found["plan"], fill_value=0.0)
    return found


def _of_piece(ready: Ready, areas: Mapping[str, float] | None, which: np.ndarray) -> _Part:
    """Run some fields of all fits, and sum them."""
    some = replace(ready, prepared=[_some_of(one, which) for one in ready.prepared])
    return _part(labelled(some, common_fractions(ready), threads=1), areas)


def _some_of(one: Prepared, which: np.ndarray) -> Prepared:
    """Runs of some of the known plots."""
    runs = one.kinds["known"]
    shared = (*SHARED, "rate_constant", *one.data.setup.structure.carried)
    at = {name: value if name in shared else value[:, which] for name, value in runs.at.items()}
    some = replace(runs, labels=[runs.labels[place] for place in which], plots=runs.plots[which], at=at)
    return replace(one, kinds={"known": some})


def _in_threads(function: Callable[[np.ndarray], Any], pieces: Iterable[np.ndarray]) -> list[Any]:
    """Results for all pieces: compiled runs let other threads go on."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return list(pool.map(function, pieces))


def _areas(one: xr.Dataset, labels: list[str], areas: Mapping[str, float] | None) -> xr.DataArray:
    """Area of each plot, (plot,)."""
    import xarray as xr

    if areas is not None and not isinstance(areas, Mapping):
        raise SocbayesError(f"areas are by plot, such as {{{labels[0]!r}: 12.0}}, not a {type(areas).__name__}")
    if areas is not None and (missing := [name for name in labels if name not in areas]):
        raise SocbayesError(f"no area of {', '.join(missing[:5])}: give that of every plot, or none")
    stated = one["area"].to_numpy() if "area" in one.coords else np.ones(len(labels))
    try:
        values = stated if areas is None else np.array([float(areas[name]) for name in labels])
    except (TypeError, ValueError) as error:
        raise SocbayesError(f"areas are numbers, in ha: {error}") from error
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise SocbayesError("areas have to be zero or more, and one of them above zero")
    return xr.DataArray(values, dims="plot", coords={"plot": labels})


def _require_alike(first: xr.Dataset, one: xr.Dataset) -> None:
    for name in ("plan", "year", "fraction", "structure"):
        if not np.array_equal(first[name].to_numpy(), one[name].to_numpy()):
            raise SocbayesError(f"projections differ in their {name}: project them with the same fits, plans and draws")
    if first.attrs.get("seed") != one.attrs.get("seed") or first.attrs["baseline"] != one.attrs["baseline"]:
        raise SocbayesError("projections differ in their seed or baseline, so their draws are not paired")
    if "made_of" in first.attrs and "made_of" in one.attrs and first.attrs["made_of"] != one.attrs["made_of"]:
        raise SocbayesError(
            "projections are of other fits, plans or draws than each other, so their draws are not paired"
        )
