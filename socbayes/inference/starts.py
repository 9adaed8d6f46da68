"""Where chains begin: at the top of a climb, rather than wherever chance puts them.

In models of many runs a chain may settle where a few of them are explained
badly, and the rest of the posterior is too far to be found. Optimisation is
quicker than sampling at leaving such places, and several climbs by one chain
are cheaper than one chain lost.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np

log = logging.getLogger("socbayes")

STEPS = 4000
"""Evaluations of the density after which a climb ends wherever it is."""
MEMORY = 30
AROUND = 0.05
"""Distance from the top, in every coordinate, within which chains begin."""


def climbing(compiled: Any, climbs: int, seed: int | None = None) -> tuple[Any, list[float]]:
    """The compiled model with chains that begin at the highest top of several climbs from random points.

    Every coordinate starts within one of its prior centre. (Initial points
    that are drawn from the top of a hierarchy down add up the jitter of every
    level, and members start far from anything the priors hold possible.)
    Spreads of populations, names that end in ``_sd``, are held on the way:
    where all members of a population are alike the density has no top.

    Parameters
    ----------
    compiled
        Of ``nutpie.compile_pymc_model`` without jitter.
    climbs
        How many.
    seed
        Seed of the random points.

    Returns
    -------
    nutpie.CompiledPyMCModel
        Its chains begin within ``AROUND`` of the top.
    list of float
        Log densities of all tops, the highest first. Where only one climb
        reached the highest, there may be a higher one.

    Examples
    --------
    >>> import nutpie, pymc as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 3.0, 0.1)
    >>> started, heights = climbing(nutpie.compile_pymc_model(model, jitter_rvs=set()), 2, seed=1)
    >>> bool(abs(started.initial_point_func(1)[0] - 3.0) < AROUND + 1e-3), len(heights)
    (True, 2)
    """
    centre = compiled.initial_point_func(0)
    names, places, _ = compiled.shape_info
    held = np.zeros(compiled.n_dim, dtype=bool)
    for name, place in zip(names, places, strict=True):
        if place.stop <= compiled.n_dim:
            held[place] = name.removesuffix("_log__").endswith("_sd")
    rng = np.random.default_rng(seed)
    points = [centre + ~held * rng.uniform(-1.0, 1.0, centre.size) for _ in range(climbs)]
    tops = sorted((climb(compiled.logp_func, point, held) for point in points), key=lambda top: -top[0])
    heights = [height for height, _ in tops if np.isfinite(height)]
    log.info("log densities of the tops: %s", ", ".join(f"{height:.1f}" for height in heights))

    def start(chain_seed: int | None) -> np.ndarray:
        near = np.random.default_rng(None if chain_seed is None else abs(int(chain_seed)))
        return tops[0][1] + ~held * near.uniform(-AROUND, AROUND, centre.size)

    return dataclasses.replace(compiled, initial_point_func=start), heights


def climb(density: Any, start: np.ndarray, held: np.ndarray, steps: int = STEPS) -> tuple[float, np.ndarray]:
    """Log density and place of the top reached from a point.

    Parameters
    ----------
    density
        Gives the log density and its gradient at a point, (parameter,).
    start
        Where to begin.
    held
        Coordinates that stay as they are, (parameter,).
    steps
        Evaluations of the density after which it ends wherever it is.

    Returns
    -------
    float, numpy.ndarray

    Examples
    --------
    >>> import numpy as np
    >>> hill = lambda x: (-((x - 2.0) ** 2).sum(), -2.0 * (x - 2.0))
    >>> height, place = climb(hill, np.zeros(2), np.array([False, True]))
    >>> place.round(6).tolist()
    [2.0, 0.0]
    """
    from scipy.optimize import minimize

    place, free, deepest = start.copy(), ~held, [-float(density(start)[0])]
    if not np.isfinite(deepest[0]):
        return -np.inf, place

    def depth(moved: np.ndarray) -> tuple[float, np.ndarray]:
        at = place.copy()
        at[free] = moved
        value, gradient = density(at)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            # A little deeper than anywhere so far: the line search turns back, but not to a standstill.
            return deepest[0] + 1.0, np.zeros(moved.size)
        deepest[0] = max(deepest[0], -float(value))
        return -float(value), -np.asarray(gradient)[free]

    found = minimize(
        depth, place[free], jac=True, method="L-BFGS-B", options={"maxfun": steps, "maxiter": steps, "maxcor": MEMORY}
    )
    place[free] = found.x
    return -float(found.fun), place
