"""Whether a model foresees studies it has not seen well enough to be credited, computed as in VMD0053 v2.1 of Verra.

The rule asks three things for each kind of practice: that predictions are not
off by more than measurements are unsure; that nine in ten of measurements lie
inside the intervals foreseen; and that none of them was used to fit the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from socbayes.errors import SocbayesError

if TYPE_CHECKING:
    import pandas as pd

INSIDE = 0.90
"""Share of measurements inside, and probability of, the intervals that VMD0053 asks for."""


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
    """

    by_study: pd.DataFrame
    bias: float
    measurement_error: float
    inside: float

    @property
    def passed(self) -> bool:
        """Whether the bias is within the error of measurements and enough of them lie inside."""
        return abs(self.bias) <= self.measurement_error and self.inside >= INSIDE

    @property
    def text(self) -> str:
        """The figures in a sentence."""
        verdict = "passes" if self.passed else "does not pass"
        return (
            f"Computed as in VMD0053 v2.1: mean bias {self.bias:.3g} over {len(self.by_study)} studies against a "
            f"pooled measurement error of {self.measurement_error:.3g}; {100 * self.inside:.0f} % of measurements "
            f"inside their 90 % intervals, of which {100 * INSIDE:.0f} % must be; {verdict}."
        )


def validation(
    predictions: ArrayLike,
    observed: ArrayLike,
    study: Sequence[str],
    *,
    standard_error: ArrayLike,
    replicates: ArrayLike,
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

    Returns
    -------
    Validation

    Raises
    ------
    SocbayesError
        If shapes differ, or numbers are missing or impossible.

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
        by_study.reset_index(), float(by_study["bias"].mean()), float(pooled), float(rows["inside"].mean())
    )
