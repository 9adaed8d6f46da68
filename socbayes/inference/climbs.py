"""Ascents after sampling: whether the data are explained far better where no chain has been.

Chains can agree on the wrong place: on a flat edge far from the data, R-hat is
1 and effective samples are many. An ascent of the log density is blind to the
width of a top, but it is cheap and goes where chains do not.

A high density alone proves nothing. Where all members of a population are
alike its spread is zero and the density of a hierarchical model has no top at
all, though next to no probability lies there. Such a spike is one of the prior
of the members, not of the data: so a top counts only by as much as the data
are explained better as well.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.inference.starts import climb

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

log = logging.getLogger("socbayes")

CLIMBS = 8
"""Climbs after sampling where nothing else is asked for: half from draws, half from points of the prior."""

CANDIDATES = 8
"""Points of the prior that are looked at for each climb; climbs begin at those with the highest density."""

SHARE = 0.05
"""Evaluations of all climbs together, as a part of those that sampling took."""

LEAST, MOST = 100, 2000
"""Evaluations of one climb, whatever sampling took."""

CHANCE = 1e-6
"""Probability that a draw of a normal posterior lies so deep below its top as to be taken for one of another."""

COMPARED = 100
"""Draws whose share of the density that is due to the data is computed."""


def limit_of(parameters: int) -> float:
    """How far below its top a normal posterior still has draws: half a chi-square of its dimension.

    Parameters
    ----------
    parameters
        Its dimension.

    Examples
    --------
    >>> round(limit_of(5)), round(limit_of(300))
    (18, 216)
    """
    from scipy.stats import chi2

    return 0.5 * float(chi2.isf(CHANCE, parameters))


def climbed(fitted: xr.DataTree, model: pm.Model, compiled: Any, climbs: int, seed: int | None = None) -> str:
    """Climb from some draws and from points of the prior, and say where the climbs ended.

    Parameters
    ----------
    fitted
        Posterior and sample_stats of a fit.
    model
        Its model.
    compiled
        Of ``nutpie.compile_pymc_model``.
    climbs
        How many; none for 0.
    seed
        Seed of the choice of draws and points.

    Returns
    -------
    str
        JSON for ``attrs["climbs"]``: ``tops`` (where each climb began, and its log density), ``best_draw``,
        ``excess`` (by how much the highest top counts: the smaller of what it is higher by in log density and in the
        part that is due to the data), ``limit``, ``parameters``, ``from``, ``evaluations``. An empty object where
        nothing was climbed.
    """
    if climbs < 1 or fitted["posterior"].sizes["draw"] < 1:
        return "{}"
    rng = np.random.default_rng(seed)
    density = _Counted(compiled.logp_func)
    draws = _Unconstrained(fitted, model, compiled)
    heights = fitted["sample_stats/logp"].to_numpy().ravel()
    best = int(np.nanargmax(heights))
    begins = [("a draw", draws(int(place))) for place in rng.choice(heights.size, -(-climbs // 2))]
    begins += [("a point of the prior", point) for point in _of_the_prior(model, compiled, density, climbs // 2, rng)]
    taken = float(fitted["sample_stats/n_steps"].sum()) if "n_steps" in fitted["sample_stats"] else 0.0
    steps = int(np.clip(SHARE * taken / climbs, LEAST, MOST))
    free = np.zeros(compiled.n_dim, dtype=bool)
    with np.errstate(all="ignore"):
        tops = [(name, *climb(density, point, free, steps)) for name, point in begins]
    limit, highest = limit_of(compiled.n_dim), float(heights[best])
    name, excess = "a draw", max((height for _, height, _ in tops), default=highest) - highest
    if excess > limit:
        name, excess = _explained(tops, draws, density, heights, model, compiled)
    found = {
        "tops": [[name, float(height)] for name, height, _ in tops if np.isfinite(height)],
        "best_draw": highest,
        "excess": float(excess),
        "limit": limit,
        "parameters": int(compiled.n_dim),
        "from": name,
        "evaluations": density.count,
    }
    return json.dumps(found)


class _Counted:
    """A log density that counts how often it was asked."""

    def __init__(self, density: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> None:
        self.density, self.count = density, 0

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        self.count += 1
        return self.density(point)


class _Unconstrained:
    """Draws of a fit, by their flat place, in the coordinates that the sampler moves in."""

    def __init__(self, fitted: xr.DataTree, model: pm.Model, compiled: Any) -> None:
        from pymc.initial_point import make_initial_point_expression
        from pytensor import function

        inputs = [rv.type(rv.name) for rv in model.free_RVs]
        outputs = make_initial_point_expression(
            free_rvs=model.free_RVs,
            rvs_to_transforms=model.rvs_to_transforms,
            initval_strategies=dict(zip(model.free_RVs, inputs, strict=True)),
            return_transformed=True,
        )
        self.function = function(inputs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
        posterior = fitted["posterior"].to_dataset()
        self.values = [_flat(posterior[rv.name]).astype(rv.dtype) for rv in model.free_RVs]
        self.names = [model.rvs_to_values[rv].name for rv in model.free_RVs]
        self.compiled = compiled

    def __call__(self, place: int) -> np.ndarray:
        return laid_flat(
            self.compiled, dict(zip(self.names, self.function(*(v[place] for v in self.values)), strict=True))
        )


def _flat(values: xr.DataArray) -> np.ndarray:
    array = values.transpose("chain", "draw", ...).to_numpy()
    return array.reshape(-1, *array.shape[2:])


def laid_flat(compiled: Any, values: Mapping[str, Any]) -> np.ndarray:
    """Values of the variables a sampler moves in, one after another as it holds them.

    Parameters
    ----------
    compiled
        Of ``nutpie.compile_pymc_model``.
    values
        By name, such as ``scatter_log__``.
    """
    point = np.empty(compiled.n_dim)
    names, places, _ = compiled.shape_info
    for name, place in zip(names, places, strict=True):
        if place.stop <= compiled.n_dim:
            point[place] = np.ravel(values[name])
    return point


def _of_the_prior(
    model: pm.Model, compiled: Any, density: _Counted, count: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Points drawn from the prior, those with the highest densities of some; where chains begin if it has no draws."""
    import pytensor
    from pymc.initial_point import make_initial_point_fn

    def begin(seed: int) -> np.ndarray:
        return np.asarray(compiled.initial_point_func(seed))

    try:
        with warnings.catch_warnings(), pytensor.config.change_flags(mode="FAST_COMPILE"):
            warnings.simplefilter("ignore")
            drawn = make_initial_point_fn(model=model, default_strategy="prior", return_transformed=True)
            drawn(0)

        def begin(seed: int) -> np.ndarray:
            return laid_flat(compiled, drawn(seed))
    except NotImplementedError:  # a flat prior cannot be drawn from
        log.info("a prior cannot be drawn from: climbs begin where chains do")
    points = [begin(int(seed)) for seed in rng.integers(2**31, size=CANDIDATES * count)]
    with np.errstate(all="ignore"):
        height = [float(density(point)[0]) for point in points]
    order = np.argsort(-np.nan_to_num(height, nan=-np.inf, posinf=-np.inf, neginf=-np.inf))
    return [points[place] for place in order[:count] if np.isfinite(height[place])]


def _explained(
    tops: list[tuple[str, float, np.ndarray]],
    draws: _Unconstrained,
    density: _Counted,
    heights: np.ndarray,
    model: pm.Model,
    compiled: Any,
) -> tuple[str, float]:
    """Where the climb began whose top counts most, and by how much: by what it explains of the data as well."""
    # Variable by variable: without a compiler PyTensor 3.3 adds no more than 32 terms at once.
    priors = model.compile_fn(model.logp(vars=model.free_RVs, sum=False), inputs=model.value_vars, mode="FAST_COMPILE")
    names, places, shapes = compiled.shape_info
    laid = [
        (str(name), place, shape)
        for name, place, shape in zip(names, places, shapes, strict=True)
        if place.stop <= compiled.n_dim
    ]

    def of_data(height: float, point: np.ndarray) -> float:
        return height - sum(map(np.sum, priors({name: point[place].reshape(shape) for name, place, shape in laid})))

    some = {int(np.nanargmax(heights)), *np.linspace(0, heights.size - 1, COMPARED).round().astype(int).tolist()}
    best = max(of_data(float(heights[place]), draws(place)) for place in some)
    counted = [
        (name, min(height - float(np.nanmax(heights)), of_data(height, place) - best))
        for name, height, place in tops
        if np.isfinite(height)
    ]
    return max(counted, key=lambda one: one[1])
