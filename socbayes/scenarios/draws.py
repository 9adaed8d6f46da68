"""Posterior draws as plain arrays, for runs of the core made after sampling."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from socbayes.inference.diagnostics import banner

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger("socbayes")


def values_of(fitted: xr.DataTree, draws: int = 500, seed: int = 0) -> dict[str, np.ndarray]:
    """Posterior draws by variable, shape (sample, ...), spread over all chains.

    Says so when the fit did not converge.

    Parameters
    ----------
    fitted
        A fit.
    draws
        Number of draws kept.
    seed
        Seed of their choice.
    """
    if warning := banner(fitted):
        log.error(warning)
    posterior = fitted["posterior"].to_dataset()
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    chosen = np.random.default_rng(seed).choice(total, min(draws, total), replace=False)
    return {
        str(name): value.transpose("chain", "draw", ...).to_numpy().reshape(total, *value.shape[2:])[chosen]
        for name, value in posterior.data_vars.items()
    }


def verdict(fitted: xr.DataTree) -> dict[str, int | str]:
    """Attributes that say of a result whether the fit behind it converged."""
    return {name: fitted.attrs[name] for name in ("converged", "failures") if name in fitted.attrs}
