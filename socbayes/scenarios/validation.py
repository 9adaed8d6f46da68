"""Whether a model foresees studies it has not seen well enough to be credited, computed as in VMD0053 v2.1 of Verra.

The rule asks three things for each kind of practice: that predictions are not
off by more than measurements are unsure; that nine in ten of measurements lie
inside the intervals foreseen; and that none of them was used to fit the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from socbayes.errors import ConvergenceError, SocbayesError
from socbayes.facts import TABLES, facts_of, table_of
from socbayes.labels import same_name
from socbayes.scenarios.draws import verdict
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

INSIDE = 0.90
"""Share of measurements inside, and probability of, the intervals that VMD0053 asks for."""
GIVEN = ("management", "weather")
"""Tables that are known of a site left out as well: it is soil that is foreseen."""


@dataclass(frozen=True, eq=False)
class Validation:
    """How well studies left out were foreseen.

    Parameters
    ----------
    by_study
        Bias, its number of measurements and share inside, one row for each study.
    bias
        Mean over studies of their mean errors, predicted less observed.
    measurement_error
        Pooled standard error of the measurements.
    inside
        Share of measurements inside the central 90 % interval foreseen for them.
    unseen
        Whether fits were given, passed their checks, and their tables hold none of the studies.
    """

    by_study: pd.DataFrame
    bias: float
    measurement_error: float
    inside: float
    unseen: bool = False

    @property
    def passed(self) -> bool:
        """Whether the bias is within the error of measurements and enough of them lie inside."""
        return abs(self.bias) <= self.measurement_error and self.inside >= INSIDE

    @property
    def text(self) -> str:
        """The figures in a sentence."""
        verdict = "passes" if self.passed else "does not pass"
        return (
            f"Computed as in VMD0053 v2.1: mean bias {self.bias:.3g} over "
            f"{counted(len(self.by_study), 'study')} against a "
            f"pooled measurement error of {self.measurement_error:.3g}; {100 * self.inside:.0f} % of measurements "
            f"inside their 90 % intervals, of which {100 * INSIDE:.0f} % must be; {verdict}."
            + ("" if self.unseen else " Whether the fit had not seen these studies was not checked.")
        )


def validation(
    predictions: ArrayLike,
    observed: ArrayLike,
    study: Sequence[str],
    *,
    standard_error: ArrayLike,
    replicates: ArrayLike,
    fitted: xr.DataTree | Mapping[str, xr.DataTree] | None = None,
) -> Validation:
    """Judge predictions of studies that were left out of the fit.

    Parameters
    ----------
    predictions
        Draws of measurements of studies left out, their error included, (sample, observation).
    observed
        What was measured, same unit, (observation,).
    study
        Study of each observation.
    standard_error, replicates
        Standard error of each observation, and how many replicates it is the mean of (2 or more), (observation,).
    fitted
        Fit that foresaw all of them, or by study the one that left it out: their tables must not hold what they
        foresee. Without it nothing can be checked, and the sentence says so.

    Returns
    -------
    Validation

    Raises
    ------
    SocbayesError
        If shapes differ, or numbers are missing or impossible; if a fit has seen what it foresees.
    ConvergenceError
        If a fit did not pass its checks.

    Notes
    -----
    Bias of a study is the mean of predicted less observed; the mean bias counts each study once. The pooled measurement
    error is the root of ``sum(s**2 * (n - 1)) / sum(n - 1)``. Predictions must be of whole studies left out, as
    :func:`socbayes.models.field.leave_one_site_out` and ``socbayes.inference.left_out`` make them.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.normal(0, 2, 40)
    >>> judged = validation(
    ...     rng.normal(truth, 1.5, (1000, 40)), truth + rng.normal(0, 1.0, 40), ["a", "b"] * 20,
    ...     standard_error=np.full(40, 1.0), replicates=np.full(40, 4))
    >>> judged.passed
    True
    """
    import pandas as pd

    draws = np.asarray(predictions, dtype=np.float64)
    columns = {"observed": observed, "standard_error": standard_error, "replicates": replicates}
    numbers = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    labels = np.asarray(study, dtype=str)
    count = len(labels)
    if fitted is not None:
        require_unseen(fitted, labels.tolist())
        _require_converged(fitted, labels.tolist())
    if draws.ndim != 2 or draws.shape[1] != count or any(values.shape != (count,) for values in numbers.values()):
        shapes = ", ".join(f"{name} {values.shape}" for name, values in numbers.items())
        raise SocbayesError(f"predictions are {draws.shape}, study ({count},), {shapes}: the last sizes must agree")
    if not count or not all(np.isfinite(values).all() for values in (draws, *numbers.values())):
        raise SocbayesError("predictions, observations, errors and replicates must be finite numbers, one or more")
    if not ((numbers["standard_error"] > 0) & (numbers["replicates"] >= 2)).all():
        raise SocbayesError("a standard error must be positive, and rest on two replicates or more")
    low, high = np.quantile(draws, [(1 - INSIDE) / 2, (1 + INSIDE) / 2], axis=0)
    rows = pd.DataFrame(
        {
            "study": labels,
            "bias": draws.mean(axis=0) - numbers["observed"],
            "inside": (low <= numbers["observed"]) & (numbers["observed"] <= high),
        }
    )
    by_study = rows.groupby("study", sort=False).agg(
        bias=("bias", "mean"), rows=("bias", "size"), inside=("inside", "mean")
    )
    free = numbers["replicates"] - 1
    pooled = np.sqrt(np.sum(numbers["standard_error"] ** 2 * free) / np.sum(free))
    return Validation(
        by_study.reset_index(),
        float(by_study["bias"].mean()),
        float(pooled),
        float(rows["inside"].mean()),
        fitted is not None,
    )


def require_unseen(fitted: xr.DataTree | Mapping[str, xr.DataTree], studies: Sequence[str]) -> None:
    """Refuse to validate a fit on studies, or sites, that it has learned from.

    Parameters
    ----------
    fitted
        Fit that foresaw all of them, or by study the one that left it out.
    studies
        Those foreseen.

    Raises
    ------
    SocbayesError
        If the observations of a fit hold one of them, or it does not hold its observations, or a study has no fit.
    """
    of_study = _fit_of_each(fitted, studies)
    known: dict[int, set[str]] = {}
    seen = []
    for name, one in of_study.items():
        if id(one) not in known:
            known[id(one)] = _learned_from(one)
        if same_name(name) in known[id(one)]:
            seen.append(name)
    if seen:
        raise SocbayesError(
            f"the fit has learned from {', '.join(seen)}: predictions of data it has seen validate nothing. "
            "Leave whole studies out, as socbayes.models.field.leave_one_site_out and socbayes.inference.left_out do"
        )


def _require_converged(fitted: xr.DataTree | Mapping[str, xr.DataTree], studies: Sequence[str]) -> None:
    """Refuse fits that did not pass their checks: their numbers are not to be used, however near they come."""
    of_study = _fit_of_each(fitted, studies)
    for one in {id(one): one for one in of_study.values()}.values():
        said = verdict(one)
        if not said["converged"]:
            of = ", ".join(name for name, other in of_study.items() if other is one)
            why = " ".join(json.loads(str(said["failures"])))
            raise ConvergenceError(f"the fit that foresaw {of} did not pass its checks, so it validates nothing: {why}")


def _fit_of_each(fitted: xr.DataTree | Mapping[str, xr.DataTree], studies: Sequence[str]) -> Mapping[str, xr.DataTree]:
    """Fit that foresaw each study."""
    import xarray as xr

    wanted = list(dict.fromkeys(studies))
    if isinstance(fitted, xr.DataTree):
        return dict.fromkeys(wanted, fitted)
    if absent := [name for name in wanted if name not in fitted]:
        raise SocbayesError(f"no fit is given that left out {', '.join(absent)}")
    return {name: fitted[name] for name in wanted}


def _learned_from(fitted: xr.DataTree) -> set[str]:
    """Studies and sites of all observations of a fit, in the form that all spellings share."""
    held = list(fitted[TABLES].children) if TABLES in fitted.children else []
    roles = [role for role in dict.fromkeys([*facts_of(fitted).spec.tables, *held]) if role not in GIVEN]
    tables = {role: table_of(fitted, role) for role in roles}
    lost = [role for role, table in tables.items() if table is None]
    if lost or not tables:
        which = f"its table {', '.join(lost)}" if lost else "a table of observations"
        raise SocbayesError(f"the fit does not hold {which}, so nobody can say what it has seen")
    columns = [
        table[name].dropna() for table in tables.values() if table is not None for name in ("study", "site")
        if name in table
    ]  # fmt: skip
    if not columns:
        raise SocbayesError(
            f"no table of the fit ({', '.join(tables)}) has a column study or site, so nobody can say what it has seen"
        )
    return {same_name(str(label)) for labels in columns for label in labels.unique()}
