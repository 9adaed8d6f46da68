"""What stays of a gain after its levers are given up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.candidates import is_number
from socbayes.scenarios.gains import INTERVAL, gains_of, stocks_of
from socbayes.scenarios.projected import marks, projects_in, require_projection
from socbayes.scenarios.transit import TRANSIT
from socbayes.vocabulary import INTERVAL_NAME

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def half_lives(gains: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Years until a gain is half of its first value, linear between years.

    Infinite where it never is, NaN where there was no gain.

    Parameters
    ----------
    gains
        From the year in which levers are given up, (..., year).
    years
        Decimal years.

    Examples
    --------
    >>> half_lives(np.array([4.0, 3.0, 1.0]), np.array([2040.0, 2050.0, 2060.0])).tolist()
    15.0
    """
    first = gains[..., :1]
    below = gains <= 0.5 * first
    after = np.argmax(below, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(gains, place, axis=-1)[..., 0] for place in (before, after))
    since = years - years[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.nan_to_num((high - 0.5 * first[..., 0]) / (high - low), posinf=0.0)
    reached = since[before[..., 0]] + part * (since[after[..., 0]] - since[before[..., 0]])
    result: np.ndarray = np.where(below.any(axis=-1), reached, np.inf)
    return np.where(first[..., 0] > 0, result, np.nan)


def permanence(
    projection: xr.Dataset,
    stopped: float,
    *,
    credited: Mapping[str, float] | None = None,
    buffer: float = 0.12,
    kind: str = "known",
) -> pd.DataFrame:
    """Half-life of each plan's gain after its levers are given up, and the probability of a reversal.

    Parameters
    ----------
    projection
        Of ``project(fits, plans.stopped(year), ...)``, with the year and some decades after it among its years. Under
        warming as well: ``project(fits, under(plans, {"warming": 2.0}).stopped(year), ...)``.
    stopped
        Year in which the levers were given up.
    credited
        By plan, t C/ha that were credited; the mean gain in that year by default.
    buffer
        Share of credits that a rule keeps back, beside which the expected loss stands: 0.12 is the least of the
        AFOLU Non-Permanence Risk Tool v4.2.
    kind
        ``"known"`` or ``"new"`` plots.

    Returns
    -------
    pandas.DataFrame
        A row for each plan and plot: ``gain_then``, mean gain when levers stopped, and ``gain_last``, in the last
        year, t C/ha; ``half_life`` in years, the median over draws with a gain, with its bounds (infinite beyond the
        last year); ``p_half_lost``, the share of them that had lost half by then; ``transit_time`` in years, the median
        over draws of the mean age at which added carbon leaves, with its bounds, where the projection is one of
        :func:`socbayes.scenarios.with_transit` (NaN of plans that add none in most draws);
        ``p_reversal_start``, the probability that the last stock is below that at the start and what was credited;
        ``p_reversal_baseline``, that the last gain over business as usual is below what was credited;
        ``expected_loss``, the share of the credit that the mean gain no longer covers; ``buffer``.

    Raises
    ------
    SocbayesError
        If the year is no number, not among those projected, or the last; if levers go on after it; for a plan that is
        not there, and for credits or a buffer that are none.

    Examples
    --------
    >>> permanence(project(fitted, plans.stopped(2040), years=range(2026, 2081)), 2040)  # doctest: +SKIP
    """
    import pandas as pd

    require_projection(projection, allow_failed=True)
    years = projection["year"].to_numpy().astype(float)
    place = _place(years, stopped)
    gains, stocks = gains_of(projection, kind), stocks_of(projection, kind)
    plans = projects_in(projection)
    _require_credits(credited, buffer, plans)
    notes = _of_ends(projection, plans, float(years[place]))
    rows: list[dict[str, Any]] = []
    for plan in plans:
        for number, plot in enumerate(gains["plot"].to_numpy().tolist()):
            gain = gains.sel(plan=plan).isel(plot=number).transpose("sample", "year").to_numpy()
            stock = stocks.sel(plan=plan).isel(plot=number).transpose("sample", "year").to_numpy()
            worth = float(gain[:, place].mean()) if credited is None or plan not in credited else float(credited[plan])
            lives = half_lives(gain[:, place:], years[place:])
            told, last = lives[~np.isnan(lives)], gain[:, -1]
            rows.append({
                "plan": plan, "plot": plot, "stopped": years[place], "year": years[-1], "credited": worth,
                "gain_then": gain[:, place].mean(), "gain_last": last.mean(),
                **bounded("half_life", told),
                "p_half_lost": np.isfinite(told).mean() if told.size else np.nan,
                **_transit(projection, kind, plan, number),
                "p_reversal_start": (stock[:, -1] < stock[:, 0] + worth).mean(),
                "p_reversal_baseline": (last < worth).mean(),
                "expected_loss": 1.0 - last.mean() / worth if worth > 0 else np.nan,
                "buffer": float(buffer),
            })  # fmt: skip
    table = pd.DataFrame(rows)
    table["converged"] = int(not marks(projection))
    told_before = str(projection.attrs.get("notes", "")).splitlines()
    table.attrs = {"interval": INTERVAL_NAME, "notes": [*marks(projection), *notes, *told_before]}
    return table


def _place(years: np.ndarray, stopped: float) -> int:
    """Position of the year in which levers were given up."""
    place = int(np.argmin(np.abs(years - stopped))) if is_number(stopped) else -1
    if place < 0 or abs(years[place] - stopped) > 0.01 or place == years.size - 1:
        raise SocbayesError(
            f"stopped={stopped!r} has to be one of the years projected, with others after it: {years[0]:g} to "
            f"{years[-1]:g}"
        )
    return place


def _require_credits(credited: Mapping[str, float] | None, buffer: float, plans: list[str]) -> None:
    """Refuse credits of plans that are not there, and numbers that are none."""
    if credited is not None and not isinstance(credited, Mapping):
        raise SocbayesError(f"credited is by plan, such as {{{plans[0]!r}: 4.0}}, not {credited!r}")
    if unknown := sorted(set(credited or {}) - set(plans)):
        raise SocbayesError(f"credited names {', '.join(unknown)}; plans beside the baseline are {', '.join(plans)}")
    if odd := [name for name, value in (credited or {}).items() if not is_number(value)]:
        raise SocbayesError(f"what was credited to {', '.join(odd)} is no number of t C/ha")
    if not (is_number(buffer) and 0 <= buffer <= 1):
        raise SocbayesError(f"a buffer is a share from 0 to 1, such as 0.12, not {buffer!r}")


def _of_ends(projection: xr.Dataset, plans: list[str], stopped: float) -> list[str]:
    """Refuse plans whose levers go on, and say of which nobody knows it or none is pulled."""
    if "ends" not in projection.attrs:
        return [f"The projection does not say whether levers were given up by {stopped:g}; it was taken for granted."]
    ends = json.loads(str(projection.attrs["ends"]))
    going = [name for name in plans if name in ends and (ends[name] is None or ends[name] > stopped + 0.01)]
    if going:
        raise SocbayesError(
            f"{', '.join(going)}: levers go on after {stopped:g}, so nothing can be said of what stays without them: "
            f"project read_plans(...).stopped({stopped:g})"
        )
    return [f"{name} pulls no lever that could be given up." for name in plans if name not in ends]


def bounded(name: str, values: np.ndarray) -> dict[str, float]:
    """Median of draws and the bounds of their interval; NaN of none.

    Parameters
    ----------
    name
        Of the median; those of the bounds follow from it.
    values
        Draws.
    """
    # Linear between draws would make a number of a half-life that is never reached.
    middle, lower, upper = (
        float(np.quantile(values, at, method="nearest")) if values.size else np.nan for at in (0.5, *INTERVAL)
    )
    return {name: middle, f"{name}_lower": lower, f"{name}_upper": upper}


def _transit(projection: xr.Dataset, kind: str, plan: str, plot: int) -> dict[str, float]:
    """Transit time of what a plan adds to a plot, where the projection holds it."""
    if TRANSIT[kind] not in projection:
        return {}
    times = projection[TRANSIT[kind]].sel(plan=plan).transpose("sample", ...).to_numpy()[:, plot]
    return bounded("transit_time", of_added(times))


def of_added(times: np.ndarray) -> np.ndarray:
    """Transit times of the draws in which carbon is added, where those are half of all or more; none otherwise.

    Parameters
    ----------
    times
        Of every draw; NaN where a plan adds no carbon, or takes some away.

    Examples
    --------
    >>> of_added(np.array([10.0, 12.0, np.nan])).tolist(), of_added(np.array([10.0, np.nan, np.nan])).tolist()
    ([10.0, 12.0], [])
    """
    told = times[np.isfinite(times)]
    return told if 2 * told.size >= times.size else told[:0]
