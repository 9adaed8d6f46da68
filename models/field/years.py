"""Years that come back: where a structure is linear and drivers repeat, one year is run and then taken again.

A year under the same twelve months of drivers is an affine map of the pools.
Its matrix comes from running the year from each pool alone, as for a periodic
state; further years are products with it, to rounding what every month gives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

YEAR = 12
LINEAR_SCHEMES = ("euler", "rk4")
"""Schemes under which a step of a linear structure is linear."""

type Run = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def recurs(drivers: np.ndarray, months: np.ndarray, pools: int) -> bool:
    """Whether months are whole years apart, drivers repeat every year, and there are enough years to gain by it.

    Parameters
    ----------
    drivers
        (month, 1 or sample, driver).
    months
        At which pools are wanted, increasing, (time,).
    pools
        How many there are.

    Examples
    --------
    >>> recurs(np.tile(np.arange(12.0), 30)[:, None, None], 12 * np.arange(31), 2)
    True
    >>> recurs(np.arange(360.0)[:, None, None], 12 * np.arange(31), 2)
    False
    """
    if not months.size or (np.diff(months) % YEAR).any() or months[-1] > len(drivers):
        return False
    # A year from each pool, and from none, has to be less than the years themselves.
    if months[-1] - months[0] <= 2 * YEAR * (pools + 1):
        return False
    rows = drivers[months[0] : months[-1]]
    return bool((rows[YEAR:] == rows[:-YEAR]).all())


def over_years(
    run: Run, pools: np.ndarray, parameters: np.ndarray, drivers: np.ndarray, months: np.ndarray
) -> np.ndarray | None:
    """Pools at the turns of months a whole number of years apart; None where a year from one pool alone fails.

    Parameters
    ----------
    run
        Every month of it, from the same arguments.
    pools, parameters, drivers, months
        As for :meth:`socbayes.models.field.branches.Branches.run`; :func:`recurs` of them.

    Returns
    -------
    numpy.ndarray
        (time, sample, pool).
    """
    samples, count = pools.shape
    first = int(months[0])
    if first:
        pools = run(pools, parameters, drivers[:first], np.array([first]))[0]
    # From pools as large as those of the run, so that nothing is lost beside the inputs.
    largest = float(np.max(pools, initial=0.0))
    if not 0.0 < largest < np.inf:
        return None
    starts = np.repeat(np.vstack([np.zeros(count), largest * np.eye(count)]), samples, axis=0)
    year = drivers[first : first + YEAR]
    every = np.tile(parameters, (count + 1, 1))
    each = np.tile(year, (1, count + 1, 1)) if year.shape[1] > 1 else year
    ends = run(starts, every, each, np.array([YEAR]))[0].reshape(count + 1, samples, count)
    if not np.isfinite(ends).all():
        return None
    offset = np.ascontiguousarray(ends[0].T)
    gain = np.ascontiguousarray(np.moveaxis((ends[1:] - ends[0]) / largest, 1, 2))  # (from, to, sample)
    result = np.empty((months.size, count, samples))
    result[0] = now = np.ascontiguousarray(pools.T)
    for place, years in enumerate((np.diff(months) // YEAR).tolist(), start=1):
        for _ in range(years):
            now = offset + np.einsum("fts,fs->ts", gain, now)
        result[place] = now
    return np.moveaxis(result, 1, 2)
