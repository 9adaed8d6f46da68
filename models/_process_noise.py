r"""Noise of the process: what moves the carbon of a plot beside what its structure says.

From the first sample on, the logarithm of all pools of a plot walks at random:

.. math::

    \ln C_p(t) = \ln structure_p(t) + W_p(t), \quad W_p(t + s) - W_p(t) \sim N(0, \sigma^2 s)

A steady state would pull the walk back over the decades that soil takes to
forget. That is left out, so forecasts over centuries are too wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models._blocks import half_centred

if TYPE_CHECKING:
    from socbayes.models._plots import Layout
    from socbayes.priors import Priors


@dataclass(frozen=True)
class Visits:
    """Samplings of plots after their first, by plot and time.

    Parameters
    ----------
    plot, month
        Position of the plot and months since its first sample, (visit,).
    """

    plot: np.ndarray
    month: np.ndarray

    @property
    def years(self) -> np.ndarray:
        """Years since the visit before, (visit,)."""
        again = np.diff(self.plot, prepend=-1) == 0
        return (self.month - again * np.roll(self.month, 1)) / 12.0


def visits(data: Layout, rows: int | None = None) -> Visits:
    """Visits of a layout, or of the first ``rows`` rows of its table."""
    used = (data.month > 0) & (data.row < (np.inf if rows is None else rows))
    pairs = np.unique(np.stack([data.plot[used], data.month[used]], axis=1), axis=0)
    return Visits(pairs[:, 0], pairs[:, 1])


def visit_labels(data: Layout, known: Visits) -> list[str]:
    """Names of visits: the plot and the decimal year."""
    years = (known.month + data.start[known.plot]) / 12.0
    return [f"{data.plots[plot]}, {year:.2f}" for plot, year in zip(known.plot, years, strict=True)]


def walk(data: Layout, prior: Priors) -> Any:
    """Log factor on what each measurement would read, (measurement,); registers what it is made of."""
    import pymc as pm
    import pytensor.tensor as pt

    known = visits(data)
    pm.modelcontext(None).add_coord("visit", visit_labels(data, known))
    step = half_centred("process_step", prior.sample("process_noise") * np.sqrt(known.years), "visit")
    total = pt.concatenate([[0.0], pt.cumsum(step)])
    span = data.rows + 2
    key = known.plot * span + known.month
    upto, before = (np.searchsorted(key, data.plot * span + month, "right") for month in (data.month, 0))
    return total[upto] - total[before]


def walks(
    known: Visits, values: Mapping[str, np.ndarray], plots: np.ndarray, month: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Log factors at any time, drawn given those at visits; (sample, plot, time).

    Parameters
    ----------
    known
        Visits that the posterior has steps of.
    values
        Posterior draws by variable, (sample, ...).
    plots
        Positions of plots, (plot,), -1 for one that nobody visited.
    month
        Months since the start of each, (plot, time); before it nothing has walked.
    rng
        Source of what no visit tells.
    """
    noise, step = values["process_noise"], values["process_step"]
    result = np.zeros((noise.size, *month.shape))
    for place, plot in enumerate(plots):
        mine = known.plot == plot
        at = dict(zip(known.month[mine].tolist(), np.cumsum(step[:, mine], axis=1).T, strict=True))
        at[0] = np.zeros(noise.size)
        for when in np.unique(np.maximum(month[place], 0)).tolist():
            if when in at:
                continue
            before = max(time for time in at if time < when)
            after = min((time for time in at if time > when), default=None)
            # After the last visit the walk goes on; between two it is pinned at both ends.
            share = 0.0 if after is None else (when - before) / (after - before)
            years = (when - before) / 12.0 * (1.0 - share)
            mean = at[before] if after is None else (1.0 - share) * at[before] + share * at[after]
            at[when] = mean + noise * np.sqrt(years) * rng.standard_normal(noise.size)
        for position, when in enumerate(month[place].tolist()):
            result[:, place, position] = at[max(when, 0)]
    return result
