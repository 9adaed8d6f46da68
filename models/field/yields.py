"""How far inputs that follow from yields may be off: everywhere, and at one site."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STATED_ERROR = 0.3
"""Standard deviation of the log of what is wrong with stated inputs everywhere."""


class FromYields(NamedTuple):
    """Plant carbon that plots get in the months that a fit saw, and what of it follows from yields.

    Parameters
    ----------
    all
        Carbon of rows, in any unit, (plot,).
    share
        Of it that follows from yields, (plot,); NaN where no carbon is known.
    common
        Standard deviation of the log of that part, of an error that all studies have in common, (plot,); NaN where
        nothing follows from yields.
    study
        That of an error that each study has of its own, (plot,); NaN as before.
    """

    all: np.ndarray
    share: np.ndarray
    common: np.ndarray
    study: np.ndarray

    @property
    def overall(self) -> float:
        """Share of the carbon of all plots that follows from yields."""
        told = np.isfinite(self.share)
        return float(np.average(self.share[told], weights=self.all[told])) if told.any() else 0.0

    def level_error(self) -> float:
        """Standard deviation of the log of an error that all inputs share; NaN where all are stated.

        Of inputs of both kinds it is between those of each, by their carbon.
        """
        carbon = self.all * np.nan_to_num(self.share)
        if not carbon.any():
            return np.nan
        common, share = np.average(np.nan_to_num(self.common), weights=carbon), self.overall
        return float(np.sqrt(share * common**2 + (1.0 - share) * STATED_ERROR**2))

    def study_error(self) -> np.ndarray:
        """Standard deviation of the log of the input of a plot, of an error that its site has of its own, (plot,).

        What is stated beside does not share in it. NaN where no carbon is known.
        """
        return np.where(np.isfinite(self.share), self.share * np.nan_to_num(self.study), np.nan)


def nothing_known(plots: int) -> np.ndarray:
    """Columns of :class:`FromYields` of which nothing is known yet, (4, plot)."""
    columns = np.full((4, plots), np.nan)
    columns[0] = 0.0
    return columns


def from_yields(carbon: np.ndarray, common: np.ndarray, study: np.ndarray) -> tuple[float, float, float, float]:
    """What :class:`FromYields` has of one plot.

    Parameters
    ----------
    carbon
        That each row gives the plot, (row,), NaN where none is known.
    common, study
        Of the log of each, NaN where it is stated, (row,).

    Examples
    --------
    >>> from_yields(np.array([3.0, 1.0]), np.array([0.25, np.nan]), np.array([0.5, np.nan]))
    (4.0, 0.75, 0.25, 0.5)
    """
    entering = np.where(carbon > 0, carbon, 0.0)
    if not entering.any():
        return 0.0, np.nan, np.nan, np.nan
    told = np.isfinite(study) & (entering > 0)
    if not told.any():
        return float(entering.sum()), 0.0, np.nan, np.nan
    weights = entering[told]
    of_common, of_study = (float(np.average(error[told], weights=weights)) for error in (common, study))
    return float(entering.sum()), float(weights.sum() / entering.sum()), of_common, of_study


__all__ = ["STATED_ERROR", "FromYields", "from_yields", "nothing_known"]
