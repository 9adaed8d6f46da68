"""How many cores and years it takes to see a rise of soil carbon of 4 per 1000 a year, with a stated probability.

The design is paired: the same plots are sampled at the start and again later,
and what differs between plots falls out of the difference. A rise is seen when
the interval of the mean change, of Student's t over plots, lies above zero;
what all plots of a visit have in common widens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.observations import DENSITY_ERROR
from socbayes.scenarios.candidates import AS_FITTED, Errors, is_number
from socbayes.scenarios.projected import (
    TOTAL,
    converged,
    marks,
    plot_meant,
    plots_in,
    projects_in,
    require_projection,
    stocks_in,
)
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST_CORES = 500
"""Cores of one plot beyond which nobody goes."""


def cores_and_years(
    projection: xr.Dataset,
    *,
    probability: float = 0.8,
    growth: float | None = None,
    plan: str | None = None,
    plots: Sequence[str] = (),
    errors: Errors = AS_FITTED,
) -> pd.DataFrame:
    r"""Smallest number of cores of each plot that shows a growth in each year of a projection.

    Parameters
    ----------
    projection
        Stocks under several plans; its first year is that of the first sampling.
    probability
        With which the growth has to be seen if it is there.
    growth
        Part of the stock of the start gained in a year; ``FOUR_PER_MILLE`` of :mod:`socbayes.scenarios.gains` if None.
    plan
        The first plan by default.
    plots
        Those sampled; all by default.
    errors
        How unsure a measurement is. Bulk density is taken to be measured with each core and adds its own error, as in
        :func:`next_measurements`.

    Returns
    -------
    pandas.DataFrame
        A row for each later year: ``years`` since the start; ``cores`` of each plot at either visit, empty where no
        number is enough; ``samples`` of all plots and both visits; ``power``, the probability of seeing the growth with
        these; ``power_at_most``, that with any number of cores, as errors of the laboratory and of visits, and
        differences of the growth between plots, do not go away; ``chance``, the probability under the plan, which may
        grow faster or not at all, of seeing a rise with these cores (with 500 where none is enough); ``grows``, that
        it grows so much.
        ``converged`` is 0 where the fit must not be used; ``attrs["notes"]`` say what was assumed.

    Raises
    ------
    UnknownNameError, SocbayesError
        For an unknown plan or plot; fewer than two plots; probabilities or growths that are none.

    Notes
    -----
    With :math:`P` plots and :math:`k` cores of each, the mean relative change has a standard error of
    :math:`\sqrt{(\tau^2 + 2 \lambda^2 + 2 (1 - \rho) c^2 / k) / P + 2 v^2}`, with :math:`\tau` the standard deviation
    of the relative change between plots in the draws, :math:`\lambda` the error of the laboratory, :math:`c` the spread
    between cores, of concentration and bulk density together, :math:`\rho` their correlation, and :math:`v` the error
    that all plots of a visit share, which neither plots nor cores narrow; the power is that of a non-central t with
    :math:`P - 1` degrees of freedom.

    Examples
    --------
    >>> table = cores_and_years(projection, errors=Errors(cores=0.12, laboratory=0.01))  # doctest: +SKIP
    """
    import pandas as pd
    from scipy import stats

    from socbayes.scenarios.gains import FOUR_PER_MILLE

    growth = FOUR_PER_MILLE if growth is None else growth
    require_projection(projection, allow_failed=True)
    _require_numbers(probability, growth)
    name = projects_in(projection, plan)[0]
    places = _places(projection, plots)
    start, *later = np.sort(projection["year"].to_numpy().astype(float)).tolist()
    if not later:
        raise SocbayesError(
            f"the projection is of {start:g} only: project a later year in which plots are sampled again"
        )
    before = stocks_in(projection, name, start)[:, places]
    of_cores, shared = errors.variances(projection, TOTAL)
    one_core = float(np.mean(of_cores))
    of_visits = 2 * float(np.mean(errors.of_visit(projection, TOTAL) ** 2))
    count = len(places)
    critical = float(stats.t.ppf((1 + CI_PROB) / 2, count - 1))
    cores = np.arange(1, MOST_CORES + 1)
    rows = []
    for year in later:
        change = stocks_in(projection, name, year)[:, places] / before - 1
        if not np.isfinite(change).all():
            raise SocbayesError(f"some plots have no stock in {start:g} or {year:g}: choose plots that have")
        stays = float(change.var(axis=1, ddof=1).mean()) + 2 * shared
        least = np.sqrt(stays / count + of_visits)
        error = np.sqrt(least**2 + 2 * (1 - errors.paired) * one_core / cores / count)
        wanted = growth * (year - start)
        power = stats.nct.sf(critical, count - 1, wanted / error)
        at_most = float(stats.nct.sf(critical, count - 1, wanted / least)) if least > 0 else 1.0
        enough = np.flatnonzero(power >= probability)
        place = int(enough[0]) if enough.size else -1
        taken = error[place]
        rows.append(
            {
                "year": year,
                "years": year - start,
                "cores": int(cores[place]) if enough.size else None,
                "samples": int(2 * count * cores[place]) if enough.size else None,
                "power": float(power[place]),
                "power_at_most": at_most,
                "chance": float(stats.nct.sf(critical, count - 1, change.mean(axis=1) / taken).mean()),
                "grows": float((change.mean(axis=1) >= wanted).mean()),
                "converged": int(converged(projection)),
            }
        )
    table = pd.DataFrame(rows).astype({"cores": "Int64", "samples": "Int64"})
    table.attrs["notes"] = [
        *marks(projection),
        f"{counted(count, 'plot')} sampled in {start:g} and again under {name}; a rise is seen when the "
        f"{INTERVAL_NAME} of the "
        f"mean change lies above zero. A growth of {1000 * growth:g} per 1000 of the first stock a year, not "
        f"compounded, is to be seen with probability {probability:g}.",
        *_assumed(projection, errors),
    ]
    return table


def _places(projection: xr.Dataset, plots: Sequence[str]) -> list[int]:
    """Positions of the plots that are sampled."""
    known = plots_in(projection)
    meant = [plot_meant(label, known) for label in plots] if plots else list(known)
    if absent := [label for label, one in zip(plots, meant, strict=False) if one is None]:
        raise UnknownNameError(f"no plots named {', '.join(absent)}; the projection has {', '.join(known)}")
    places = sorted({known.index(str(label)) for label in meant})
    if len(places) < 2:
        raise SocbayesError("the change of one plot says nothing of its error: sample two plots or more")
    return places


def _require_numbers(probability: float, growth: float) -> None:
    if not (is_number(probability) and 0 < probability < 1):
        raise SocbayesError(f"a probability lies between 0 and 1, not at {probability!r}")
    if not (is_number(growth) and growth > 0):
        raise SocbayesError(f"a growth to be seen is above zero, such as 0.004, not {growth!r}")


def _assumed(projection: xr.Dataset, errors: Errors) -> tuple[str, ...]:
    """Say what was assumed of errors."""
    said = [f"Bulk density is measured with each core, to {100 * DENSITY_ERROR[0]:g} %."]
    if errors.cores is None:
        said.append("Cores are taken to scatter as one measurement of the fit does, each by itself.")
    if errors.laboratory == 0:
        said.append("No error of the laboratory is shared by the cores of a visit (errors.laboratory is 0).")
    if not errors.of_visit(projection, TOTAL).any():
        said.append("No error is shared by all plots of a visit (errors.visit is 0).")
    if errors.paired == 0:
        said.append("Cores of two visits are taken not to correlate, as they do where spots are marked.")
    return tuple(said)
