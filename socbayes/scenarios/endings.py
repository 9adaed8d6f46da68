"""What stays of gains after levers are given up, as the climate is and where it gets warmer: runs and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.scenarios.candidates import is_number
from socbayes.scenarios.gains import gains_of
from socbayes.scenarios.levers import LEVERS
from socbayes.scenarios.plan_checks import notes_on
from socbayes.scenarios.plan_files import read_plans, written_plans
from socbayes.scenarios.plans import Climate, Dose, Plans
from socbayes.scenarios.portfolios import portfolio
from socbayes.scenarios.projected import converged, failures_of
from socbayes.scenarios.projections import Settings, project, settings_of
from socbayes.scenarios.reversals import bounded, of_added, permanence
from socbayes.scenarios.transit import TRANSIT, with_transit
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from socbayes.scenarios.projections import Fits, Given

AS_PLANNED = "as planned"
"""What is said of runs without further warming."""


@dataclass(frozen=True, eq=False)
class Lasting:
    """Gains whose levers were given up in a year.

    Parameters
    ----------
    paths
        By climate, stocks under the plans until long after, of the plots that are looked at.
    table
        A row for each climate and plan, of all these plots by their area: see :func:`lasting`.
    stopped
        Year in which levers were given up.
    """

    paths: Mapping[str, xr.Dataset]
    table: pd.DataFrame
    stopped: float

    @property
    def converged(self) -> bool:
        """Whether every fit behind it passed its checks."""
        return all(map(converged, self.paths.values()))

    @property
    def failures(self) -> list[str]:
        """Why not."""
        return list(dict.fromkeys(text for one in self.paths.values() for text in failures_of(one)))


def lasting(
    fits: Fits,
    plans: Given,
    stopped: float,
    *,
    years: Sequence[float],
    warming: float | None = 2.0,
    credited: Mapping[str, float] | None = None,
    buffer: float = 0.12,
    plots: Sequence[str] | None = None,
    **settings: Unpack[Settings],
) -> Lasting:
    """Give every lever up in a year, and say what stays of the gains, also under further warming.

    Parameters
    ----------
    fits, plans
        As for :func:`socbayes.scenarios.project`.
    stopped
        Year in which levers and changed management are given up; the climate goes on.
    years
        Decimal years, some decades of them after ``stopped``, which is added to them.
    warming
        Degrees that are added, from the first year on, to the climate of every plan in a second run; None for no such
        run.
    credited, buffer
        As for :func:`socbayes.scenarios.permanence`; of plans that ``credited`` does not name it is the mean gain in
        ``stopped`` without further warming, in both runs.
    plots
        Plots that are looked at; all by default.
    **settings
        ``weights``, ``draws``, ``seed``, ``allow_failed`` and ``structures`` of :func:`socbayes.scenarios.project`.

    Returns
    -------
    Lasting
        Its ``table`` has the columns of :func:`socbayes.scenarios.permanence`, of all plots together by their area,
        and ``climate``; ``transit_time`` is the mean over plots to which carbon is added, of
        plans that add some in most draws. ``attrs["notes"]`` hold
        what was assumed, and ``attrs["asked"]`` what was asked for: ``plans`` as a TOML file, ``warming``,
        ``credited`` as given, ``buffer`` and ``plots``.

    Raises
    ------
    TableFaultsError, ConvergenceError, SocbayesError
        As for :func:`socbayes.scenarios.project` and :func:`socbayes.scenarios.permanence`; for a plot or a setting
        that there is not, with the nearest name.

    Examples
    --------
    >>> last = lasting(fitted, "plan.toml", 2046, years=range(2026, 2087, 5))  # doctest: +SKIP
    >>> last.table[["climate", "plan", "half_life", "transit_time", "p_reversal_baseline"]]  # doctest: +SKIP
    """
    import pandas as pd

    if warming is not None and (not is_number(warming) or warming == 0):
        raise SocbayesError(
            f"warming is in degrees and not zero, or None (--no-warming) for no further run, not {warming!r}"
        )
    if not is_number(stopped):
        raise SocbayesError(f"stopped={stopped!r} has to be a year")
    read = read_plans(plans)
    given = read.stopped(float(stopped))
    runs = {AS_PLANNED: given}
    if warming is not None:
        runs[f"{warming:+g} degC"] = warmer(given, float(warming))
    wanted = sorted({float(stopped), *map(float, years)})
    every = settings_of(settings)
    paths, pieces, worth = {}, [], dict(credited or {})
    for climate, each in runs.items():
        whole = project(fits, each, years=wanted, **every)
        whole = with_transit(
            whole, fits, each, year=float(stopped), weights=every["weights"], structures=every["structures"]
        )
        paths[climate] = whole if plots is None else whole.sel(plot=_known_plots(whole, plots))
        together = portfolio(paths[climate])
        if climate == AS_PLANNED:
            gains = gains_of(together).sel(year=float(stopped), method="nearest").mean("sample").isel(plot=0)
            worth = {str(plan): float(gains.sel(plan=plan)) for plan in gains["plan"].to_numpy().tolist()} | worth
        table = permanence(together, float(stopped), credited=worth, buffer=buffer)
        times = pd.DataFrame([bounded("transit_time", _times(paths[climate], plan)) for plan in table["plan"]])
        pieces.append(table.drop(columns="plot").assign(climate=climate, **times))
    result = pd.concat(pieces, ignore_index=True)
    result = result[["climate", *(name for name in result.columns if name != "climate")]]
    notes = [note for piece in pieces for note in piece.attrs.get("notes", [])]
    notes += [note for one in paths.values() for note in str(one.attrs["notes"]).splitlines()]
    asked = {
        "plans": written_plans(read),
        "warming": warming,
        "credited": dict(credited or {}),
        "buffer": buffer,
        "plots": None if plots is None else list(plots),
    }
    result.attrs = pieces[0].attrs | {"notes": list(dict.fromkeys(notes)), "asked": asked}
    return Lasting(paths, result, float(stopped))


def warmer(plans: Plans, degrees: float) -> Plans:
    """The same plans, the baseline among them, with degrees added to the climate of each.

    Parameters
    ----------
    plans
        Any plans.
    degrees
        Added from the first year projected on.

    Examples
    --------
    >>> plans = read_plans({"climate": {"rain": 0.9}, "plans": {"cover": {"levers": {"cover_crop": 1.0}}}})
    >>> [one.lever.name for one in warmer(plans, 2.0)["cover"].climate.changes]
    ['rain', 'warming']
    """
    added = Dose(LEVERS["warming"], degrees)
    every = {id(plan.climate): plan.climate or Climate() for plan in plans.plans.values()}
    # Plans that share a climate go on to share it, so that it is laid out once.
    warm = {key: replace(one, changes=(*one.changes, added)) for key, one in every.items()}
    changed = {name: replace(plan, climate=warm[id(plan.climate)]) for name, plan in plans.plans.items()}
    notes = [note for plan in changed.values() for note in notes_on(plan)]
    return replace(plans, plans=changed, notes=tuple(dict.fromkeys((*plans.notes, *notes))))


def _known_plots(projection: xr.Dataset, plots: Sequence[str]) -> list[str]:
    """Plots that are looked at; a name that there is not is answered with the nearest."""
    labels = projection["plot"].to_numpy().tolist()
    for name in plots:
        if name not in labels:
            near = nearest(str(name), labels)
            hint = f"did you mean {near!r}?" if near else f"plots are {', '.join(labels)}"
            raise UnknownNameError(f"no plot named {name!r}; {hint}")
    if not len(plots):
        raise SocbayesError("plots names none; leave it out for all")
    return list(plots)


def _times(projection: xr.Dataset, plan: str) -> np.ndarray:
    """Transit times of what a plan adds, mean over the plots to which it adds any, (draw,)."""
    times = projection[TRANSIT["known"]].sel(plan=plan).transpose("sample", "plot").to_numpy()
    area = projection["area"].to_numpy() if "area" in projection.coords else np.ones(times.shape[1])
    weight = np.where(np.isfinite(times), area, 0.0)
    told = weight.sum(axis=1) > 0
    mean = np.full(len(times), np.nan)
    mean[told] = (weight * np.nan_to_num(times)).sum(axis=1)[told] / weight.sum(axis=1)[told]
    return of_added(mean)
