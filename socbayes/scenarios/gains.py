"""What plans gain over business as usual: tables, probabilities, and response to dose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.scenarios.credits import CO2_PER_C
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.levers import lever_called
from socbayes.scenarios.plan_files import read_plans
from socbayes.scenarios.plan_runs import KINDS
from socbayes.scenarios.projections import Fits, Given, Settings, project, settings_of
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME, nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

FOUR_PER_MILLE = 0.004
"""Growth of a stock in a year, over the stock at the start: "4 per 1000" (Minasny et al. 2017, Geoderma 292:59-86)."""
JUDGED_AFTER = (20.0, 30.0)
"""Years after the start at which 4 per 1000 is judged."""
_TAIL = (1.0 - CI_PROB) / 2.0
INTERVAL = (_TAIL, 1.0 - _TAIL)
"""Quantiles of the interval that is printed everywhere."""


def gains_of(projection: xr.Dataset, kind: str = "known", fraction: str = "total") -> xr.DataArray:
    """Stock under each plan less that under business as usual, draw by draw, t/ha, (plan, sample, plot, year).

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    kind
        ``"known"`` or ``"new"`` plots.
    fraction
        Which one.

    Raises
    ------
    UnknownNameError
        For a kind or a fraction that is not there, with the nearest name.

    Examples
    --------
    >>> gains_of(projection).mean("sample")  # doctest: +SKIP
    """
    stocks = stocks_of(projection, kind, fraction)
    others = [name for name in stocks["plan"].to_numpy().tolist() if name != projection.attrs["baseline"]]
    return stocks.sel(plan=others) - stocks.sel(plan=projection.attrs["baseline"], drop=True)


def stocks_of(projection: xr.Dataset, kind: str = "known", fraction: str = "total") -> xr.DataArray:
    """Stock under each plan, draw by draw, t/ha, (plan, sample, plot, year).

    Parameters
    ----------
    projection, kind, fraction
        As for :func:`gains_of`.

    Raises
    ------
    UnknownNameError
        For a kind or a fraction that is not there, with the nearest name.
    """
    if kind not in projection:
        raise UnknownNameError(f"no stocks called {kind!r} in this projection; there are "
                               + ", ".join(name for name in KINDS if name in projection))  # fmt: skip
    known = projection["fraction"].to_numpy().tolist()
    if fraction not in known:
        hint = nearest(fraction, known)
        raise UnknownNameError(f"no fraction named {fraction!r}; " + (f"did you mean {hint!r}?" if hint else
                               f"there are {', '.join(known)}"))  # fmt: skip
    return projection[kind].sel(fraction=fraction, drop=True).rename({KINDS[kind]: "plot"} if kind == "new" else {})


def gain_table(projection: xr.Dataset, *, kind: str = "known", fraction: str = "total") -> pd.DataFrame:
    """Gain of every plan on every plot in every year, with its interval and the probabilities that decide.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project` or :func:`portfolio`.
    kind
        ``"known"`` or ``"new"`` plots.
    fraction
        Which one the gain is of. 4 per 1000 is judged of the total where that is the fraction.

    Returns
    -------
    pandas.DataFrame
        A row for each plan, plot and year. ``gain`` is the mean over draws of the stock less that under business as
        usual, t C/ha, with ``gain_lower`` and ``gain_upper``; ``gain_co2`` and its bounds the same in t CO2/ha;
        ``change`` the stock less that at the start; ``p_gain`` the probability that the gain is above zero;
        ``p_4_per_1000_start`` and ``p_4_per_1000_baseline``, 20 and 30 years after the start and NaN in other years,
        that the stock grew by 0.4 % of that at the start each year: since then, and beyond business as usual. Where
        the structure has microbial necromass, ``necromass_share_change`` and its bounds are the change of its share
        of the total over business as usual, and ``sector`` the most probable of the sectors of necromass and carbon.
        ``converged`` is 0 in every row of a fit that failed its checks. ``attrs`` name the interval and the units.

    Examples
    --------
    >>> table = gain_table(projection)  # doctest: +SKIP
    >>> table.query("year == 2050")[["plan", "plot", "gain", "p_gain"]]  # doctest: +SKIP
    """
    import pandas as pd

    gains, stocks = gains_of(projection, kind, fraction), stocks_of(projection, kind, fraction)
    years = stocks["year"].to_numpy()
    start = stocks.isel(year=0, drop=True)
    since = years - years[0]
    judged = np.isclose(since[:, None], JUDGED_AFTER, atol=0.01).any(axis=1)
    mine = stocks.sel(plan=gains["plan"])
    required = FOUR_PER_MILLE * start.sel(plan=gains["plan"])
    span = stocks["year"] - years[0]
    columns: dict[str, Any] = {"gain": gains.mean("sample")} | _bounds("gain", gains)
    columns |= {name.replace("gain", "gain_co2", 1): CO2_PER_C * value for name, value in columns.items()}
    columns |= {
        "change": (mine - start.sel(plan=gains["plan"])).mean("sample"),
        "p_gain": (gains > 0).mean("sample"),
    }
    if fraction == "total":
        columns["p_4_per_1000_start"] = (mine - start.sel(plan=gains["plan"]) >= required * span).mean("sample")
        columns["p_4_per_1000_baseline"] = (gains >= required * span).mean("sample")
        if "necromass" in projection["fraction"].to_numpy().tolist():
            columns |= _of_necromass(projection, kind)
    dims = ("plan", "plot", "year")
    rows = pd.MultiIndex.from_product([gains[dim].to_numpy().tolist() for dim in dims], names=dims)
    table = pd.DataFrame(
        {name: value.transpose(*dims).to_numpy().ravel() for name, value in columns.items()}, index=rows
    ).reset_index()
    for name in ("p_4_per_1000_start", "p_4_per_1000_baseline"):
        if name in table:
            table[name] = table[name].where(np.tile(judged, len(table) // judged.size))
    table["converged"] = int(projection.attrs.get("converged", 1))
    table.attrs = {
        "interval": INTERVAL_NAME,
        "units": {"gain": "t/ha of carbon", "gain_co2": "t/ha of CO2", "change": "t/ha of carbon"},
        "baseline": projection.attrs["baseline"],
        "notes": [*([] if projection.attrs.get("converged", 1) else [DO_NOT_USE]), projection.attrs.get("notes", "")],
    }
    return table


def _bounds(name: str, values: xr.DataArray) -> dict[str, xr.DataArray]:
    """Bounds of the interval of draws."""
    found = values.quantile(list(INTERVAL), "sample")
    return {f"{name}_{side}": found.isel(quantile=place, drop=True) for place, side in enumerate(("lower", "upper"))}


def _of_necromass(projection: xr.Dataset, kind: str) -> dict[str, xr.DataArray]:
    """Change of the necromass share over business as usual, and the sector of necromass and carbon."""
    import xarray as xr

    from socbayes.models.mcp.baseline import SECTORS, sector

    necromass, total = stocks_of(projection, kind, "necromass"), stocks_of(projection, kind, "total")
    base, others = projection.attrs["baseline"], gains_of(projection, kind)["plan"]
    share = necromass / total
    change = share.sel(plan=others) - share.sel(plan=base, drop=True)
    logs = [np.log(one.sel(plan=others)) - np.log(one.sel(plan=base, drop=True)) for one in (necromass, total)]
    place = xr.apply_ufunc(sector, *logs)
    counts = xr.concat([(place == number).mean("sample") for number in range(len(SECTORS))], "sector")
    likely = counts.argmax("sector")
    named = likely.copy(data=np.array(SECTORS, dtype=object)[likely.to_numpy()])
    return {
        "necromass_share_change": change.mean("sample"),
        **_bounds("necromass_share_change", change),
        "sector": named,
    }


def response_curve(
    fits: Fits,
    plans: Given,
    plan: str,
    lever: str,
    doses: Sequence[float],
    *,
    years: Sequence[float],
    **settings: Unpack[Settings],
) -> pd.DataFrame:
    """Gain in the last year against the dose of one lever, the same draws behind every dose.

    Parameters
    ----------
    fits, plans, years
        As for :func:`socbayes.scenarios.project`.
    plan, lever
        Which plan, and which of its levers gets other doses.
    doses
        In the unit of the lever.
    **settings
        ``weights``, ``draws``, ``seed``, ``allow_failed`` and ``structures`` of :func:`socbayes.scenarios.project`.

    Returns
    -------
    pandas.DataFrame
        A row for each dose and plot, known and new: ``dose``, ``kind``, ``plot``, ``gain``, ``gain_lower`` and
        ``gain_upper``, t C/ha, ``p_gain``, whether the dose lies ``within_evidence``, and ``converged``, 0 of fits
        that failed.

    Raises
    ------
    SocbayesError
        If the plan does not have the lever once.

    Examples
    --------
    >>> response_curve(fitted, plans, "cover", "cover_crop", [0, 0.5, 1], years=[2026, 2050])  # doctest: +SKIP
    """
    import pandas as pd

    every = settings_of(settings)
    read, pieces = read_plans(plans), []
    wanted = doses_given(doses)
    if plan == read.baseline:
        raise SocbayesError(f"{plan!r} is the baseline, which a gain is counted from: name another plan")
    lowest, highest = lever_called(lever).evidence
    for dose in wanted:
        chosen = read.with_dose(plan, lever, dose)
        projection = project(fits, chosen, years=years, **every)
        for kind in KINDS:
            last = gains_of(projection, kind).sel(plan=plan).isel(year=-1)
            columns = {"gain": last.mean("sample"), **_bounds("gain", last), "p_gain": (last > 0).mean("sample")}
            table = pd.DataFrame({name: value.to_numpy() for name, value in columns.items()})
            table.insert(0, "plot", last["plot"].to_numpy())
            table.insert(0, "kind", kind)
            table.insert(0, "dose", float(dose))
            within = dose == 0 or lowest <= dose <= highest
            pieces.append(table.assign(within_evidence=within, converged=int(projection.attrs["converged"])))
    return pd.concat(pieces, ignore_index=True)


def doses_given(doses: Sequence[float]) -> list[float]:
    """Doses as numbers.

    Raises
    ------
    SocbayesError
        For none, or for anything that is no number.

    Examples
    --------
    >>> doses_given([0, 0.5])
    [0.0, 0.5]
    """
    try:
        wanted = np.asarray(doses, dtype=float).ravel()
    except (TypeError, ValueError):
        wanted = np.array([])
    if not wanted.size or not np.isfinite(wanted).all():
        raise SocbayesError(f"doses have to be numbers, one or more, such as [0, 0.5, 1], not {doses!r}")
    return [float(dose) for dose in wanted]
