"""The gate: whether a fit may be used, judged on everything it holds and said before anything else.

A verdict is of the draws it was made from: a fingerprint of them is kept with it, and where the two do not
belong together the fit is judged anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.facts import FitFacts, facts_of
from socbayes.inference.catalogue import with_remedy
from socbayes.inference.draw_faults import draw_faults
from socbayes.inference.observed import chain_numbers, coordinate, meaning_of
from socbayes.inference.replication import replication_faults, replication_table
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

log = logging.getLogger("socbayes")

MAX_R_HAT = 1.01
MIN_ESS = 400
MIN_BFMI = 0.3
THINNED = {"r_hat": 1.05, "ess": 100}
"""Limits for a few hundred draws kept of a fit, whose own verdict is kept with them: they show damage, no more."""

RULES = 2
"""Version of the rules of the gate: raised when they change, so that fits are judged by those of today."""


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

    held = fitted["posterior"].to_dataset()
    posterior = held[[name for name in held.data_vars if held[name].dtype.kind in "fiub"]].astype("float64")
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

    sizes = fitted["posterior"].sizes
    if "sample_stats" not in fitted.children or "energy" not in fitted["sample_stats"] or sizes["draw"] < 2:
        return np.full(sizes["chain"], np.nan)
    return az.bfmi(fitted)["energy"].to_numpy()


def mixing_faults(fitted: xr.DataTree, table: pd.DataFrame) -> list[str]:
    """Say what keeps the draws from standing for the posterior, in clauses; empty when nothing does.

    Parameters
    ----------
    fitted
        A fit.
    table
        Its :func:`convergence_table`.
    """
    faults = []
    if not facts_of(fitted).complete:
        faults.append("the run was interrupted: what is here is the part that reached the disk")
    if left_out := fitted.attrs.get("left_out"):
        faults.append(f"not here, having drawn too little: {left_out}")
    if fitted["posterior"].sizes["chain"] < 2:
        faults.append("one chain only: convergence cannot be judged")
    if table.empty:
        faults.append("no variable of the posterior varies")
    thinned = "thinned_from" in fitted.attrs
    ess = THINNED["ess"] if thinned else MIN_ESS
    limits = (("r_hat", THINNED["r_hat"] if thinned else MAX_R_HAT, True), ("ess_bulk", ess, False))
    for column, limit, above in (*limits, ("ess_tail", ess, False)):
        bad = table[table[column] > limit] if above else table[table[column] < limit]
        if len(bad):
            value = bad[column].max() if above else bad[column].min()
            name = place_of_worst(fitted, table, column)
            many = f"in {len(bad)} of {len(table)} variables, worst {value:.4g} in {name}"
            said = f"{_R_HAT if above else _ESS[column]} is {'above' if above else 'below'} {limit:g} {many}"
            said += "" if above else _draws_wanted(fitted, value, limit)
            faults.append(said)
    return faults


_R_HAT = "the chains disagree: R-hat (r_hat)"
_ESS = {
    "ess_bulk": "too few independent draws for means and medians: the effective sample size (ess_bulk)",
    "ess_tail": "too few independent draws for the ends of intervals: the effective sample size (ess_tail)",
}


def place_of_worst(fitted: xr.DataTree, table: pd.DataFrame, column: str) -> str:
    """Number of a fit that is worst, for a reader.

    Parameters
    ----------
    fitted
        A fit.
    table
        Its :func:`convergence_table`.
    column
        In what: ``r_hat``, ``ess_bulk`` or ``ess_tail``.
    """
    worst = str(table[column].idxmax() if column == "r_hat" else table[column].idxmin())
    return f"{worst}{_worst_place(fitted, worst, column)}{meaning_of(fitted, worst)}"


def _worst_place(fitted: xr.DataTree, name: str, column: str) -> str:
    """Label of the number of a variable that is worst; nothing where it holds one number."""
    import arviz as az

    values = fitted["posterior"].to_dataset()[name]
    if values.ndim < 3:
        return ""
    found = az.rhat(values) if column == "r_hat" else az.ess(values, method=column.removeprefix("ess_"))
    numbers = found.to_numpy().ravel()
    # What never moves has no number.
    moving = (values.max(["chain", "draw"]) > values.min(["chain", "draw"])).to_numpy().ravel()
    numbers = np.where(moving, numbers, -np.inf if column == "r_hat" else np.inf)
    bad = np.nan_to_num(numbers, nan=np.inf) if column == "r_hat" else -np.nan_to_num(numbers, nan=-np.inf)
    return f" [{coordinate(found, int(bad.argmax()))}]"


def _draws_wanted(fitted: xr.DataTree, value: float, limit: float) -> str:
    """How many draws would have been enough, as far as this run can tell."""
    length = fitted["posterior"].sizes["draw"]
    if "thinned_from" in fitted.attrs or not 0.05 * limit < value:
        return ""
    return f"; about draws={-(-round(1.3 * length * limit / value) // 100) * 100} would be enough"


def divergence_faults(fitted: xr.DataTree) -> list[str]:
    """Say how many transitions diverged, in a clause; empty when none did.

    Parameters
    ----------
    fitted
        A fit.
    """
    if "sample_stats" not in fitted.children or "diverging" not in fitted["sample_stats"]:
        return ["the fit does not say whether transitions diverged (sample_stats/diverging)"]
    diverging = fitted["sample_stats/diverging"]
    total = int(diverging.sum())
    return [f"{counted(total, 'divergent transition')} of {diverging.size}"] if total else []


def energy_faults(fitted: xr.DataTree) -> list[str]:
    """Say which chain is slow, in a clause; empty when none is.

    Parameters
    ----------
    fitted
        A fit.
    """
    fraction = energy_fraction(fitted)
    # Written this way round, an undefined fraction fails.
    if (fraction >= MIN_BFMI).all():
        return []
    chain = chain_numbers(fitted)[fraction.argmin()]
    return [f"energy fraction {fraction.min():.2f} below {MIN_BFMI} in chain {chain}"]


def climbs_of(fitted: xr.DataTree) -> dict[str, Any]:
    """What climbs after sampling found, as :func:`socbayes.inference.climbs.climbed` wrote it; empty without any.

    Parameters
    ----------
    fitted
        A fit.
    """
    return dict(json.loads(str(fitted.attrs.get("climbs", "{}"))))


def climb_faults(fitted: xr.DataTree) -> list[str]:
    """Say how much higher a climb ended than the draws, in a clause; empty when none did.

    Parameters
    ----------
    fitted
        A fit.
    """
    found = climbs_of(fitted)
    if not found or found["excess"] <= found["limit"]:
        return []
    return [
        f"a climb from {found['from']} ended {found['excess']:,.0f} higher in log density than the best draw, where "
        f"{found['limit']:.0f} is the most that a posterior of {counted(found['parameters'], 'parameter')} "
        "explains: the data are explained far better elsewhere"
    ]


def failures_of(fitted: xr.DataTree, table: pd.DataFrame | None = None) -> dict[str, list[str]]:
    """Say what keeps a fit from being trusted, in clauses by check; a check without any passed or could not be run.

    Parameters
    ----------
    fitted
        A fit.
    table
        Its :func:`convergence_table`, if at hand.
    """
    table = convergence_table(fitted) if table is None else table
    found = {"draws": draw_faults(fitted), "convergence": mixing_faults(fitted, table)}
    if "thinned_from" not in fitted.attrs:
        found |= {"divergences": divergence_faults(fitted), "energy": energy_faults(fitted)}
    found |= {"climbs": climb_faults(fitted), "replication": replication_faults(replication_table(fitted))}
    return {name: faults for name, faults in found.items() if faults}


def gate(fitted: xr.DataTree, table: pd.DataFrame | None = None) -> bool:
    """Judge a fit, write the verdict into its attributes and say so when it fails.

    Parameters
    ----------
    fitted
        A fit.
    table
        Its :func:`convergence_table`, if at hand.

    Returns
    -------
    bool
        Whether it passed. ``attrs`` then hold ``converged``, ``failures``
        (JSON, a sentence each, with what helps), ``judged`` (a fingerprint of
        what was judged), ``max_r_hat``, ``min_ess_bulk``, ``min_ess_tail``,
        ``divergences`` and ``min_energy_fraction``; the numbers of a posterior
        that was thinned stay those of the full fit.
    """
    table = convergence_table(fitted) if table is None else table
    found = failures_of(fitted, table)
    failures = [with_remedy(name, "; ".join(faults)) for name, faults in found.items()]
    if "thinned_from" not in fitted.attrs:
        fitted.attrs.update(_numbers(fitted, table))
    _write(fitted, failures)
    if failures:
        log.error(banner(fitted))
    return not failures


def _numbers(fitted: xr.DataTree, table: pd.DataFrame) -> Mapping[str, float]:
    has = "sample_stats" in fitted.children and "diverging" in fitted["sample_stats"]
    return {
        "max_r_hat": float(table["r_hat"].max()),
        "min_ess_bulk": float(table["ess_bulk"].min()),
        "min_ess_tail": float(table["ess_tail"].min()),
        "divergences": int(fitted["sample_stats/diverging"].sum()) if has else 0,
        "min_energy_fraction": float(energy_fraction(fitted).min()),
    }


def _write(fitted: xr.DataTree, failures: list[str]) -> None:
    fitted.attrs |= {
        "converged": int(not failures), "failures": json.dumps(failures), "judged": fingerprint(fitted)
    }  # fmt: skip


def fingerprint(fitted: xr.DataTree) -> str:
    """Fingerprint of everything in a fit that the gate looks at.

    Parameters
    ----------
    fitted
        A fit.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> fitted = xr.DataTree.from_dict({"posterior": xr.Dataset({"a": (("chain", "draw"), np.zeros((1, 2)))})})
    >>> before = fingerprint(fitted)
    >>> fitted["posterior/a"][0, 1] = 0.5
    >>> before == fingerprint(fitted)
    False
    """
    digest = hashlib.blake2b(f"{RULES} {fitted.attrs.get('climbs', '')}".encode(), digest_size=16)
    for group, names in (
        ("posterior", None),
        ("sample_stats", ("diverging", "energy")),
        ("posterior_predictive", None),
        ("observed_data", None),
    ):
        held = fitted[group].to_dataset().data_vars if group in fitted.children else {}
        for name in sorted(str(name) for name in held if names is None or name in names):
            values = held[name].to_numpy()
            digest.update(f"{group} {name} {values.shape}".encode())
            if values.dtype.kind in "fiub":
                digest.update(np.ascontiguousarray(values, dtype="float64").tobytes())
    return digest.hexdigest()


def judged(fitted: xr.DataTree) -> FitFacts:
    """What a fit says of itself, with a verdict that is of the very draws it holds.

    A fit whose verdict is missing, of other draws, or of older rules is judged
    anew; what it has said against itself stays said.

    Parameters
    ----------
    fitted
        A fit; its attributes are brought up to date.
    """
    stated = facts_of(fitted)
    if stated.judged and fitted.attrs.get("judged") == fingerprint(fitted):
        return stated
    against = list(stated.failures)
    if stated.judged and not stated.converged and not against:
        against = ["the fit says of itself that it did not converge"]
    gate(fitted)
    if against:
        _write(fitted, [*against, *(text for text in facts_of(fitted).failures if text not in against)])
    return facts_of(fitted)


def banner(fitted: xr.DataTree) -> str:
    """One loud paragraph on a fit that must not be used, empty on a good one."""
    failures = facts_of(fitted).failures
    if not failures:
        return ""
    lines = [f"  - {failure}" for failure in failures]
    return "\n".join(["THIS FIT DID NOT PASS ITS CHECKS. Do not use its numbers.", *lines])


def _worst(values: np.ndarray, reduce, when_undefined: float) -> float:
    return when_undefined if not np.isfinite(values).all() else float(reduce(values))
