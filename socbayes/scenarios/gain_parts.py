"""What the variance of a gain is made of: rates, soils, inputs, levers, climate, structures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.field.draws import BLOCKS, INTERACTION
from socbayes.scenarios.plan_runs import KINDS, Prepared, Runs, run_plans
from socbayes.scenarios.projections import Fits, Given, ready_to_run

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure

LEVERS, CLIMATE, STRUCTURES = "levers", "climate", "structures"


def gain_variance(
    fits: Fits,
    plans: Given,
    *,
    years: Sequence[float],
    weights: Mapping[str, float] | None = None,
    draws: int = 500,
    seed: int = 0,
    allow_failed: bool = False,
    structures: Mapping[str, Structure] | None = None,
) -> xr.Dataset:
    """Parts of the variance of the gain of each plan over business as usual; they sum to it.

    One part varies as drawn while the others stay at their means; a part is the covariance of that gain with the full
    one, so what two parts do against each other is taken off both. A gain has other parts than a stock: what
    is wrong with both stocks alike is in neither.

    Parameters
    ----------
    fits, plans, years, weights, draws, seed, allow_failed, structures
        As for :func:`socbayes.scenarios.project`.

    Returns
    -------
    xarray.Dataset
        ``known`` (part, plan, plot, year) and ``new`` (part, plan, new_plot, year), (t/ha)², of the total: parameters
        (rate constants and effects on rates), inputs, initial state, process noise, levers, climate (courses of
        observed years, and slopes by which efficiency acclimates), structures (means of structures about that of all)
        and interaction, as far as there are any;
        ``known_total`` and ``new_total``, their sums.

    Examples
    --------
    >>> parts = gain_variance(fitted, plans, years=[2026, 2050])  # doctest: +SKIP
    >>> (parts["known"] / parts["known_total"]).sel(part="levers")  # doctest: +SKIP
    """
    import xarray as xr

    ready = ready_to_run(fits, plans, years, weights, draws, seed, allow_failed, structures)
    names = list(ready.plans.plans)
    others = [name for name in names if name != ready.plans.baseline]
    result: dict[str, Any] = {}
    for kind, dim in KINDS.items():
        each = {one.label: _parts(one, kind, names.index(ready.plans.baseline)) for one in ready.prepared}
        share = {one.label: ready.shares[one.label] for one in ready.prepared}
        middle = sum(share[label] * mean for label, (mean, _) in each.items())
        between = sum(share[label] * (mean - middle) ** 2 for label, (mean, _) in each.items())
        listed = dict.fromkeys(part for _, parts in each.values() for part in parts)
        parts = {
            part: sum(share[label] * parts.get(part, np.zeros_like(mean)) for label, (mean, parts) in each.items())
            for part in listed
        }
        if len(each) > 1:
            parts[STRUCTURES] = between
        stacked = np.stack([parts[part] for part in parts])
        units = {"units": "(t/ha)^2"}
        result[kind] = (("part", "plan", dim, "year"), stacked, units)
        result[f"{kind}_total"] = (("plan", dim, "year"), stacked.sum(axis=0), units)
        result["part"] = list(parts)
    first = ready.prepared[0]
    coords = {dim: first.kinds[kind].labels for kind, dim in KINDS.items()}
    return xr.Dataset(result, coords=coords | {"plan": others, "year": ready.wanted}, attrs=ready.attrs)


def _parts(one: Prepared, kind: str, baseline: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Mean of the gain of one fit, and parts of its variance, (plan, plot, year)."""
    blocks = {part: names for part, names in BLOCKS.items() if set(names) & set(one.kinds[kind].at)}
    blocks["parameters"] = (*blocks["parameters"], *one.data.setup.structure.carried)
    listed = [*blocks]
    listed += [LEVERS] if one.effects else []
    courses = any(len(columns) > 1 for columns in one.kinds[kind].columns.values())
    listed += [CLIMATE] if courses or one.slopes else []
    full = _gain(one, kind, baseline)
    away = full - full.mean(axis=1, keepdims=True)
    parts = {part: (away * _gain(_with_only(one, kind, part, blocks), kind, baseline)).mean(axis=1) for part in listed}
    parts[INTERACTION] = full.var(axis=1) - sum(parts.values())
    return full.mean(axis=1), parts


def _gain(one: Prepared, kind: str, baseline: int) -> np.ndarray:
    """Gain of the total of every plan but the baseline, (plan, sample, plot, year)."""
    stocks = run_plans(one, kind, ["total"])[..., 0]
    gain: np.ndarray = np.delete(stocks, baseline, axis=0) - stocks[baseline]
    return gain


def _with_only(one: Prepared, kind: str, part: str, blocks: Mapping[str, tuple[str, ...]]) -> Prepared:
    """The same runs with all at its mean but one part."""
    runs = one.kinds[kind]
    kept = blocks.get(part, ())
    at = {name: value if name in kept or np.ndim(value) == 0 else _mean(value) for name, value in runs.at.items()}
    effects = one.effects if part == LEVERS else {name: _mean(effect) for name, effect in one.effects.items()}
    slopes = one.slopes if part == CLIMATE else {name: _mean(slope) for name, slope in one.slopes.items()}
    columns = runs.columns
    if part != CLIMATE:
        # Plans that share their courses of climate go on to share them.
        means = {id(own): (np.mean(own, axis=0),) for own in columns.values()}
        columns = {name: means[id(own)] for name, own in columns.items()}
    held: Runs = replace(runs, at=at, columns=columns)
    return replace(one, effects=effects, slopes=slopes, kinds={**one.kinds, kind: held})


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over draws, for every draw."""
    return np.broadcast_to(values.mean(axis=0), values.shape)
