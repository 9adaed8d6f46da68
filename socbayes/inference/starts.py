"""Where chains begin: at the top of a climb, rather than wherever chance puts them.

In models of many runs a chain may settle where a few of them are explained
badly, and the rest of the posterior is too far to be found. Optimisation is
quicker than sampling at leaving such places, and several climbs by one chain
are cheaper than one chain lost.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from typing import Any

import numpy as np

log = logging.getLogger("socbayes")

STEPS = 4000
"""Evaluations of the density after which a climb ends wherever it is."""
MEMORY = 30


def climbing(compiled: Any, climbs: int, chains: int, seed: int | None = None) -> Any:
    """The compiled model with chains that begin at the best of several climbs, each from a random point.

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
        How many; at least one a chain.
    chains
        As many of the highest tops are used, one by each chain.
    seed
        Seed of the random points.

    Returns
    -------
    nutpie.CompiledPyMCModel

    Examples
    --------
    >>> import nutpie, pymc as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 3.0, 0.1)
    >>> compiled = nutpie.compile_pymc_model(model, jitter_rvs=set())
    >>> climbing(compiled, 3, 2, seed=1).initial_point_func(1).round(3).tolist()
    [3.0]
    """
    centre = compiled.initial_point_func(0)
    names, places, _ = compiled.shape_info
    held = np.zeros(compiled.n_dim, dtype=bool)
    for name, place in zip(names, places, strict=True):
        if place.stop <= compiled.n_dim:
            held[place] = name.removesuffix("_log__").endswith("_sd")
    rng = np.random.default_rng(seed)
    points = [centre + ~held * rng.uniform(-1.0, 1.0, centre.size) for _ in range(max(climbs, chains))]
    tops = sorted((climb(compiled.logp_func, point, held) for point in points), key=lambda top: -top[0])
    log.info("log densities of the tops: %s", ", ".join(f"{height:.1f}" for height, _ in tops))
    # The sampler asks once a chain, and again where it cannot start.
    turn = itertools.cycle(place for _, place in tops[:chains])
    return dataclasses.replace(compiled, initial_point_func=lambda _: next(turn))


def climb(density: Any, start: np.ndarray, held: np.ndarray) -> tuple[float, np.ndarray]:
    """Log density and place of the top reached from a point.

    Parameters
    ----------
    density
        Gives the log density and its gradient at a point, (parameter,).
    start
        Where to begin.
    held
        Coordinates that stay as they are, (parameter,).

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
        depth, place[free], jac=True, method="L-BFGS-B", options={"maxfun": STEPS, "maxiter": STEPS, "maxcor": MEMORY}
    )
    place[free] = found.x
    return -float(found.fun), place
