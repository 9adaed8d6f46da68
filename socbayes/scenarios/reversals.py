"""What stays of a gain after its levers are given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.gains import INTERVAL, gains_of
from socbayes.scenarios.plan_runs import KINDS
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
        last year); ``p_half_lost``, the share of them that had lost half by then; ``p_reversal_start``, the probability
        that the last stock is below that at the start and what was credited; ``p_reversal_baseline``, that the last
        gain over business as usual is below what was credited; ``expected_loss``, the share of the credit that the
        mean gain no longer covers; ``buffer``.

    Raises
    ------
    SocbayesError
        If the year is not among those projected, or is the last; or a plan is not there.

    Examples
    --------
    >>> permanence(project(fitted, plans.stopped(2040), years=range(2026, 2081)), 2040)  # doctest: +SKIP
    """
    import pandas as pd

    years = projection["year"].to_numpy()
    place = int(np.argmin(np.abs(years - stopped)))
    if abs(years[place] - stopped) > 0.01 or place == years.size - 1:
        raise SocbayesError(
            f"stopped={stopped:g} has to be one of the years projected, with others after it: {years[0]:g} to "
            f"{years[-1]:g}"
        )
    gains = gains_of(projection, kind)
    plans = gains["plan"].to_numpy().tolist()
    if unknown := sorted(set(credited or {}) - set(plans)):
        raise SocbayesError(f"credited names {', '.join(unknown)}; plans beside the baseline are {', '.join(plans)}")
    stocks = projection[kind].sel(fraction="total").rename({KINDS[kind]: "plot"} if kind == "new" else {})
    rows: list[dict[str, Any]] = []
    for plan in plans:
        for plot in gains["plot"].to_numpy().tolist():
            gain = gains.sel(plan=plan, plot=plot).transpose("sample", "year").to_numpy()
            stock = stocks.sel(plan=plan, plot=plot).transpose("sample", "year").to_numpy()
            worth = float(gain[:, place].mean()) if credited is None or plan not in credited else credited[plan]
            lives = half_lives(gain[:, place:], years[place:])
            told = lives[~np.isnan(lives)]
            # Linear between draws would make a number of a half-life that is never reached.
            middle, lower, upper = (
                float(np.quantile(told, at, method="nearest")) if told.size else np.nan for at in (0.5, *INTERVAL)
            )
            last = gain[:, -1]
            rows.append({
                "plan": plan, "plot": plot, "stopped": years[place], "year": years[-1], "credited": worth,
                "gain_then": gain[:, place].mean(), "gain_last": last.mean(),
                "half_life": middle, "half_life_lower": lower, "half_life_upper": upper,
                "p_half_lost": np.isfinite(told).mean() if told.size else np.nan,
                "p_reversal_start": (stock[:, -1] < stock[:, 0] + worth).mean(),
                "p_reversal_baseline": (last < worth).mean(),
                "expected_loss": 1.0 - last.mean() / worth if worth > 0 else np.nan,
                "buffer": buffer,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    table["converged"] = int(projection.attrs.get("converged", 1))
    notes = [] if projection.attrs.get("converged", 1) else [DO_NOT_USE]
    table.attrs = {"interval": INTERVAL_NAME, "notes": [*notes, projection.attrs.get("notes", "")]}
    return table
