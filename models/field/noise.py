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

if TYPE_CHECKING:
    from pymc.distributions.transforms import Transform

    from socbayes.models.field.layout import Layout


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
    measured = data.measured
    used = (measured.month > 0) & (measured.row < (np.inf if rows is None else rows))
    pairs = np.unique(np.stack([measured.plot[used], measured.month[used]], axis=1), axis=0)
    return Visits(pairs[:, 0], pairs[:, 1])


def visit_labels(data: Layout, known: Visits) -> list[str]:
    """Names of visits: the plot and the decimal year."""
    years = (known.month + data.plots.start[known.plot]) / 12.0
    return [f"{data.plots.labels[plot]}, {year:.2f}" for plot, year in zip(known.plot, years, strict=True)]


def walk(data: Layout, noise: Any, residual: Any, precision: Any) -> Any:
    """Log factor on what each measurement would read; registers what it is made of.

    Given all other parameters, the steps have a normal posterior, which
    measurements with small errors pin and others do not. So the sampler moves
    in its coordinates: steps less their mean, over their spread. Priors stay.

    Parameters
    ----------
    data
        Field tables laid out.
    noise
        Standard deviation of a walk after a year.
    residual
        What is measured less what the structure says, logarithms, (measurement,).
    precision
        Of the measurements, (measurement,).

    Returns
    -------
    TensorVariable
        (measurement,)
    """
    import pymc as pm
    import pytensor.tensor as pt

    known = visits(data)
    count = known.plot.size
    span = data.plots.rows + 2
    key = known.plot * span + known.month
    measured = data.measured
    upto, before = (np.searchsorted(key, measured.plot * span + month, "right") for month in (measured.month, 0))
    moved = np.flatnonzero(upto > before)

    def at_visits(values: Any) -> Any:
        return pt.inc_subtensor(pt.zeros(count, dtype="float64")[upto[moved] - 1], values[moved])

    pm.modelcontext(None).add_coord("visit", visit_labels(data, known))
    step = pm.CustomDist(
        "process_step",
        noise * np.sqrt(known.years),
        at_visits(precision),
        at_visits(precision * residual),
        logp=lambda value, spread, told, pull: pm.logp(pm.Normal.dist(0.0, spread), value),
        random=lambda spread, told, pull, rng, size: rng.normal(0.0, spread, size),
        transform=_by_what_is_told(known.plot),
        dims="visit",
    )
    total = pt.concatenate([[0.0], pt.cumsum(step)])
    return total[upto] - total[before]


def walked_variance(data: Layout, noise: Any) -> Any:
    """Variance of what walks have added to each measurement since the first of its plot, (measurement,)."""
    return noise**2 * (np.maximum(data.measured.month, 0) / 12.0)


def _by_what_is_told(plot: np.ndarray) -> Transform:
    """Transform of normal steps to coordinates in which measurements of their sums leave them standard normal.

    Of each plot ``Q = 1 / spread**2 + C' told C`` is the precision of its steps,
    with C the sums so far, and ``C' pull`` what their mean is ``Q`` times of. With
    ``Q = L L'`` the steps are that mean and ``inv(L')`` times what is sampled.

    Parameters
    ----------
    plot
        Position of the plot of each step, in order, (step,). Inputs of the
        distribution are the spread of steps, the precision of what is measured
        after each, and that times what was measured.
    """
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    _, place, counts = np.unique(plot, return_inverse=True, return_counts=True)
    order = np.arange(plot.size) - np.concatenate([[0], np.cumsum(counts)[:-1]])[place]
    shape = (counts.size, int(counts.max()))
    sums = np.tri(shape[1])

    def by_plot(values: Any, otherwise: float) -> Any:
        return pt.set_subtensor(pt.constant(np.full(shape, otherwise))[place, order], values)

    def posterior(spread: Any, told: Any, pull: Any) -> tuple[Any, Any]:
        measured = by_plot(told, 0.0)[:, :, None] * sums
        precision = sums.T @ measured + pt.eye(shape[1]) * by_plot(spread**-2.0, 1.0)[:, :, None]
        return pt.linalg.cholesky(precision), by_plot(pull, 0.0) @ sums

    def solved(root: Any, values: Any, trans: int) -> Any:
        return pt.linalg.solve_triangular(root, values[:, :, None], trans=trans, lower=True, b_ndim=2)[:, :, 0]

    class Told(Transform):
        name = "told"

        def backward(self, value: Any, *inputs: Any) -> Any:
            root, pulled = posterior(*inputs[-3:])
            return solved(root, solved(root, pulled, 0) + by_plot(value, 0.0), 1)[place, order]

        def forward(self, value: Any, *inputs: Any) -> Any:
            root, pulled = posterior(*inputs[-3:])
            away = (by_plot(value, 0.0)[:, None, :] @ root)[:, 0] - solved(root, pulled, 0)
            return away[place, order]

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            root, _ = posterior(*inputs[-3:])
            return -pt.log(pt.diagonal(root, axis1=1, axis2=2))[place, order]

    return Told()


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
