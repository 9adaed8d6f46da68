"""What draws cannot be if a sampler made them: infinite, standing still, or those of another chain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from socbayes.inference.observed import chain_numbers, coordinate, meaning_of
from socbayes.wording import counted

if TYPE_CHECKING:
    import xarray as xr

MIN_DRAWS = 100
"""Draws of a chain below which neither its R-hat nor its effective sample size can be measured."""

STILL = ((10, 0.02, 1e-9), (20, 0.05, 0.005))
"""Draws, and part of a chain, over which it must have moved by more than so many interquartile ranges: over a few by
more than rounding, over more by a little."""

SHARED = 0.05
"""Part of the draws of two chains that may be equal, as draws stored with few digits are by chance."""


def draw_faults(fitted: xr.DataTree) -> list[str]:
    """Say what of the draws cannot be, in clauses; empty when they can.

    Parameters
    ----------
    fitted
        A fit.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> draws = np.random.default_rng(1).normal(size=(2, 200))
    >>> draws[1, 7] = np.inf
    >>> fitted = xr.DataTree.from_dict({"posterior": xr.Dataset({"a": (("chain", "draw"), draws)})})
    >>> draw_faults(fitted)
    ['1 of 400 draws of a is not finite']
    """
    faults = []
    sizes = fitted["posterior"].sizes
    if sizes.get("draw", 0) < MIN_DRAWS:
        many = counted(sizes.get("draw", 0), "draw")
        faults.append(f"{many} of each chain, of which nothing can be judged below {MIN_DRAWS}")
    faults += _not_finite(fitted)
    faults += _fixed(fitted)
    faults += _standing(fitted)
    faults += _shared(fitted)
    return faults


def _variables(fitted: xr.DataTree) -> Iterator[tuple[xr.DataArray, np.ndarray]]:
    """Variables that are numbers, with their values as (chain, draw, number)."""
    for values in fitted["posterior"].to_dataset().data_vars.values():
        if values.dtype.kind in "fiub" and {"chain", "draw"} <= set(values.dims):
            array = values.transpose("chain", "draw", ...).to_numpy()
            yield values, array.reshape(*array.shape[:2], -1).astype("float64")


def _named(fitted: xr.DataTree, values: xr.DataArray, place: int) -> str:
    """Name of one number of a variable, with what it is."""
    one = values.transpose("chain", "draw", ...).isel(chain=0, draw=0)
    where = f" [{coordinate(one, place)}]" if one.ndim else ""
    return f"{values.name}{where}{meaning_of(fitted, str(values.name))}"


def _not_finite(fitted: xr.DataTree) -> list[str]:
    faults = []
    for values, array in _variables(fitted):
        bad = int((~np.isfinite(array)).any(axis=2).sum())
        if bad:
            place = int((~np.isfinite(array)).sum(axis=(0, 1)).argmax())
            total = array.shape[0] * array.shape[1]
            word = "is" if bad == 1 else "are"
            faults.append(f"{bad:,} of {total:,} draws of {_named(fitted, values, place)} {word} not finite")
    return faults


def _fixed(fitted: xr.DataTree) -> list[str]:
    """Parameters that never move; what is computed, such as an effect fixed at zero, may."""
    if "log_prior" not in fitted.children:
        return []
    sampled = {str(name) for name in fitted["log_prior"].data_vars}
    faults = []
    for values, array in _variables(fitted):
        low, high = array.min(axis=(0, 1)), array.max(axis=(0, 1))
        fixed = high - low <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
        if str(values.name) in sampled and fixed.any():
            place = int(fixed.argmax())
            faults.append(f"{_named(fitted, values, place)} never moves, though it is a parameter")
    return faults


def _standing(fitted: xr.DataTree) -> list[str]:
    """Chains that did not move over a part of their draws."""
    found: dict[int, list[str]] = {}
    for values, array in _variables(fitted):
        if array.shape[1] < MIN_DRAWS or not np.isfinite(array).all():
            continue
        for chain, place, first in _still(array):
            where = f"about draw {first:,} in {_named(fitted, values, place)}"
            found.setdefault(chain, []).append(where)
    return [
        f"chain {chain_numbers(fitted)[chain]} stands still {places[0]}"
        + (f" and {counted(len(places) - 1, 'other number')}" if places[1:] else "")
        for chain, places in sorted(found.items())
    ]


def _still(array: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Chain, number and first draw of every standstill in draws (chain, draw, number)."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    length = array.shape[1]
    quarter, three = np.quantile(array, [0.25, 0.75], axis=(0, 1))
    seen = set()
    for least, part, limit in STILL:
        window = max(least, round(part * length))
        before = window // 2
        whole = slice(before, before + length - window + 1)
        high, low = (reach(array, window, axis=1)[:, whole] for reach in (maximum_filter1d, minimum_filter1d))
        still = high - low <= limit * (three - quarter)  # (chain, window, number)
        for chain, place in np.argwhere(still.any(axis=1)):
            first = int(still[chain, :, place].argmax())
            between = (low[chain, first, place], high[chain, first, place])
            if (chain, place) not in seen and not _usual(array[:, :, place], int(chain), first, window, between):
                seen.add((chain, place))
                yield int(chain), int(place), first


def _usual(draws: np.ndarray, chain: int, first: int, window: int, between: tuple[float, float]) -> bool:
    """Whether draws are often where a chain stood, as where a formula stops at zero or counts."""
    there = (draws >= between[0]) & (draws <= between[1])
    own = there[chain]
    last = first + window
    while last < own.size and own[last]:
        last += 1
    outside, run = int(own.sum()) - (last - first), last - first
    if len(draws) == 1 and run == own.size:
        return True  # with no other chain, what is computed and always the same cannot be told from what stood
    if 2 * run > own.size:
        return bool(np.delete(there, chain, axis=0).mean() > SHARED) if len(draws) > 1 else False
    return 2 * outside > run


def _shared(fitted: xr.DataTree) -> list[str]:
    """Pairs of chains that hold the same draws, in the same order or another."""
    pairs: dict[tuple[int, int], str] = {}
    for values, array in _variables(fitted):
        chains, length, numbers = array.shape
        if length < 2:
            continue
        ordered = np.sort(array, axis=1)
        distinct = (np.diff(ordered, axis=1) != 0).mean(axis=1).min(axis=0) > 0.5  # (number,)
        for one, two in combinations(range(chains), 2):
            if (one, two) in pairs:
                continue
            same = ((array[one] == array[two]).mean(axis=0) > SHARED) & distinct
            same |= (ordered[one] == ordered[two]).all(axis=0) & distinct
            if numbers and same.any():
                pairs[one, two] = _named(fitted, values, int(same.argmax()))
    number = chain_numbers(fitted)
    return [
        f"chains {number[one]} and {number[two]} hold the same draws of {name}"
        for (one, two), name in sorted(pairs.items())
    ]
