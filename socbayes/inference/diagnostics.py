"""Convergence of a fit: measured on everything it holds, said before anything else."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import numpy as np

from socbayes.facts import facts_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

log = logging.getLogger("socbayes")

MAX_R_HAT = 1.01
MIN_ESS = 400
MIN_BFMI = 0.3


def convergence_table(fitted: xr.DataTree) -> pd.DataFrame:
    """R-hat and effective sample sizes of every sampled number.

    Parameters
    ----------
    fitted
        Result of :func:`socbayes.inference.fit.fit`.

    Returns
    -------
    pandas.DataFrame
        One row per variable: ``size`` (numbers it holds), ``r_hat`` (largest),
        ``ess_bulk`` and ``ess_tail`` (smallest). Numbers that never change,
        such as an effect fixed at zero, are left out.

    References
    ----------
    Vehtari et al. (2021), Bayesian Analysis 16:667 (rank-normalised split R-hat).
    """
    import arviz as az
    import pandas as pd

    posterior = fitted["posterior"].to_dataset()
    # A number that is not finite somewhere is no constant: it stays, and fails.
    broken = ~posterior.map(np.isfinite).all(["chain", "draw"])
    # Up to rounding: a constant computed from draws may differ in its last digit.
    low, high = posterior.min(["chain", "draw"]), posterior.max(["chain", "draw"])
    moves = broken | (high - low > 1e-12 * np.maximum(np.abs(low), np.abs(high)))
    varying = posterior.where(moves)
    r_hat = az.rhat(varying)
    bulk, tail = az.ess(varying, method="bulk"), az.ess(varying, method="tail")
    rows = []
    for name in posterior.data_vars:
        moving = moves[name].to_numpy()
        if not moving.any():
            continue
        rows.append(
            {
                "variable": str(name),
                "size": int(moving.sum()),
                # A chain that is stuck gives NaN: that is a failure, not a gap.
                "r_hat": _worst(r_hat[name].to_numpy()[moving], np.max, np.inf),
                "ess_bulk": _worst(bulk[name].to_numpy()[moving], np.min, 0.0),
                "ess_tail": _worst(tail[name].to_numpy()[moving], np.min, 0.0),
            }
        )
    return pd.DataFrame(rows, columns=["variable", "size", "r_hat", "ess_bulk", "ess_tail"]).set_index("variable")


def energy_fraction(fitted: xr.DataTree) -> np.ndarray:
    """Bayesian fraction of missing information of each chain; shape (chain,).

    References
    ----------
    Betancourt (2016), arXiv:1604.00695.
    """
    import arviz as az

    if fitted["sample_stats"].sizes["draw"] < 2:
        return np.full(fitted["sample_stats"].sizes["chain"], np.nan)
    return az.bfmi(fitted)["energy"].to_numpy()


def mixing_failures(fitted: xr.DataTree, table: pd.DataFrame) -> list[str]:
    """Say what keeps the draws from standing for the posterior, in sentences; empty when nothing does.

    Parameters
    ----------
    fitted
        A fit.
    table
        Its :func:`convergence_table`.
    """
    failures = []
    if not facts_of(fitted).complete:
        failures.append("the run was interrupted: what is here is the part that reached the disk")
    if fitted["posterior"].sizes["chain"] < 2:
        failures.append("one chain only: convergence cannot be judged")
    if table.empty:
        failures.append("no variable of the posterior varies")
    limits = (("r_hat", MAX_R_HAT, True), ("ess_bulk", MIN_ESS, False), ("ess_tail", MIN_ESS, False))
    for column, limit, above in limits:
        bad = table[table[column] > limit] if above else table[table[column] < limit]
        if len(bad):
            worst = bad[column].idxmax() if above else bad[column].idxmin()
            word = "above" if above else "below"
            failures.append(
                f"{column} {word} {limit:g} in {len(bad)} of {len(table)} variables, "
                f"worst {bad[column][worst]:.3g} in {worst}"
            )
    return failures


def convergence_failures(fitted: xr.DataTree, table: pd.DataFrame | None = None) -> list[str]:
    """Say what keeps a fit from being trusted, in sentences; empty when nothing does.

    Parameters
    ----------
    fitted
        A fit.
    table
        Its :func:`convergence_table`, if at hand.
    """
    table = convergence_table(fitted) if table is None else table
    failures = mixing_failures(fitted, table)
    divergences = int(fitted["sample_stats/diverging"].sum())
    if divergences:
        failures.append(f"{divergences} divergent transitions of {fitted['sample_stats/diverging'].size}")
    fraction = energy_fraction(fitted)
    # Written this way round, an undefined fraction fails.
    if not (fraction >= MIN_BFMI).all():
        failures.append(f"energy fraction {fraction.min():.2f} below {MIN_BFMI} in chain {int(fraction.argmin())}")
    return failures


def gate(fitted: xr.DataTree) -> bool:
    """Judge a fit, write the verdict into its attributes and say so when it fails.

    Returns
    -------
    bool
        Whether everything converged. ``attrs`` then hold ``converged``,
        ``failures``, ``max_r_hat``, ``min_ess_bulk``, ``min_ess_tail``,
        ``divergences`` and ``min_energy_fraction``.
    """
    table = convergence_table(fitted)
    failures = convergence_failures(fitted, table)
    fitted.attrs.update(
        {
            "converged": int(not failures),
            "failures": json.dumps(failures),
            "max_r_hat": float(table["r_hat"].max()),
            "min_ess_bulk": float(table["ess_bulk"].min()),
            "min_ess_tail": float(table["ess_tail"].min()),
            "divergences": int(fitted["sample_stats/diverging"].sum()),
            "min_energy_fraction": float(energy_fraction(fitted).min()),
        }
    )
    if failures:
        log.error(banner(fitted))
    return not failures


def banner(fitted: xr.DataTree) -> str:
    """One loud paragraph on a fit that must not be used, empty on a good one."""
    failures = facts_of(fitted).failures
    if not failures:
        return ""
    lines = [f"  - {failure}" for failure in failures]
    return "\n".join(["THIS FIT DID NOT CONVERGE. Do not use its numbers.", *lines])


def _worst(values: np.ndarray, reduce, when_undefined: float) -> float:
    return when_undefined if not np.isfinite(values).all() else float(reduce(values))
