"""When a fit has draws enough: at which numbers of draws it is looked at, and what it lacks there, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from socbayes.inference.diagnostics import MAX_R_HAT, MIN_ESS, convergence_table, divergence_faults, place_of_worst

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

FIRST = 1000
"""Draws of each chain at which a fit is first looked at, where nothing is asked for."""
MORE = 4
"""Times as many draws after which it ends in any case."""
MORE_IN_TIME = 16
"""The same where the limit that was asked for is one of time."""
SPARE = 1.1
"""How much better than the gate asks a fit has to be to end before its limit: whoever looks several times, and ends at
the first look that pleases, is pleased a little too early."""


def looks(draws: int, most: int) -> list[int]:
    """Numbers of draws of each chain at which a fit is looked at; at the last one it ends in any case.

    They are fixed before the first draw, each a root of two times the one before, so that where a fit ends is a
    matter of its draws and never of the speed of a machine.

    Parameters
    ----------
    draws
        The first of them.
    most
        The last.

    Examples
    --------
    >>> looks(1000, 4000)
    [1000, 1414, 2000, 2828, 4000]
    >>> looks(1000, 1000), looks(1000, 600)
    ([1000], [600])
    """
    counts, step = [], 0
    while (count := round(draws * 2 ** (step / 2))) < most:
        counts.append(count)
        step += 1
    return [*dict.fromkeys(counts), most]


def first_and_last(first: int, most: int | None = None, minutes: float | None = None) -> tuple[int, int]:
    """Draws of each chain at the first look and at the last.

    Parameters
    ----------
    first
        At the first look, if the limit lies beyond.
    most
        At the last, if it is given.
    minutes
        Limit of time, if one is given.

    Examples
    --------
    >>> first_and_last(1000), first_and_last(1000, 600), first_and_last(1000, minutes=30.0)
    ((1000, 4000), (600, 600), (1000, 16000))
    """
    most = first * (MORE if minutes is None else MORE_IN_TIME) if most is None else most
    return min(first, most), most


@dataclass(frozen=True)
class Lack:
    """What keeps draws from being enough.

    Parameters
    ----------
    what
        In numbers, a clause.
    wanted
        Draws of each chain that would be enough, as far as these can tell.
    mended
        Whether more draws can be of help: none undoes a transition that diverged.
    """

    what: str
    wanted: int
    mended: bool = True


def lack_of(fitted: xr.DataTree, table: pd.DataFrame | None = None, *, spare: float = 1.0) -> Lack | None:
    """What draws lack to pass the gate in R-hat, effective sample sizes and divergences; None where they have it.

    Parameters
    ----------
    fitted
        Posterior and statistics of the sampler.
    table
        Its :func:`socbayes.inference.diagnostics.convergence_table`, if at hand.
    spare
        How much better than the gate they have to be.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> dims, rng = ("chain", "draw"), np.random.default_rng(1)
    >>> statistics = xr.Dataset({"diverging": (dims, np.zeros((4, 80), dtype=bool))})
    >>> few = xr.DataTree.from_dict(
    ...     {"posterior": xr.Dataset({"input_level": (dims, rng.normal(size=(4, 80)))}), "sample_stats": statistics}
    ... )
    >>> lack_of(few).what
    '351 of 400 effective draws of input_level'
    """
    table = convergence_table(fitted) if table is None else table
    length = fitted["posterior"].sizes["draw"]
    said, factors = [], [1.0]
    column = "ess_bulk" if table["ess_bulk"].min() <= table["ess_tail"].min() else "ess_tail"
    least, asked = float(table[column].min()), MIN_ESS * spare
    if not least >= asked:
        said.append(f"{int(least):,} of {round(asked):,} effective draws of {place_of_worst(fitted, table, column)}")
        factors.append(asked / max(least, 1.0))
    apart, allowed = float(table["r_hat"].max()), 1.0 + (MAX_R_HAT - 1.0) / spare
    if not apart <= allowed:
        said.append(f"R-hat {apart:.3f} of {allowed:.4g} allowed of {place_of_worst(fitted, table, 'r_hat')}")
        # The variance between chains that are of one posterior falls as draws are added.
        factors.append(min((apart**2 - 1.0) / (allowed**2 - 1.0), 1e3))
    diverged = divergence_faults(fitted)
    if not said and not diverged:
        return None
    return Lack("; ".join([*diverged, *said]), int(length * max(factors)) + 1, mended=not diverged)


def more_words(lack: Lack, draws: int, seconds_each: float | None) -> str:
    """Say how much more a fit would take.

    Parameters
    ----------
    lack
        What it lacks.
    draws
        Draws of each chain that it has.
    seconds_each
        Of sampling, for a draw of every chain; None where nobody knows.

    Examples
    --------
    >>> more_words(Lack("341 of 400 effective draws of input_level", 1173), 1000, 0.23)
    'about 180 more draws of each chain, 40 s'
    """
    more = max(1, lack.wanted - draws)
    size = 10 ** max(0, len(str(more)) - 2)
    takes = "" if seconds_each is None else f", {duration(more * seconds_each)}"
    return f"about {-(-more // size) * size:,} more draws of each chain{takes}"


def duration(seconds: float) -> str:
    """Time in words, to about a tenth.

    Examples
    --------
    >>> [duration(seconds) for seconds in (0.2, 8.3, 43.0, 540.0, 9000.0)]
    ['1 s', '8 s', '40 s', '9 min', '2.5 h']
    """
    if seconds < 10.0:
        return f"{max(1, round(seconds))} s"
    if seconds < 100.0:
        return f"{round(seconds, -1):.0f} s"
    return f"{round(seconds / 60.0)} min" if seconds < 5400.0 else f"{seconds / 3600.0:.2g} h"
