"""How far series of biochar tell what their study has of its own, which chooses the coordinates that are sampled."""

from __future__ import annotations

import numpy as np

USUAL_LABILE_RATE = 3.3
"""Of labile carbon, 1/year: its prior median."""
LEAST_PART = 0.02
"""Share of the last loss that each of the two pools is taken to have at least: less is not told."""
LEAST_BETWEEN = 0.03
"""Standard deviation between studies that is taken at least, log."""
POINTS_OF_SERIES = 2
"""Dates that the traits of a series use up."""


def traits_about(years: np.ndarray, lost: np.ndarray, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Traits of each series by least squares with the usual labile rate, and what is left of its losses.

    Parameters
    ----------
    years, lost, series
        At each date: years since biochar was added, share of the carbon lost, and position of its series, (row,).

    Returns
    -------
    traits, residuals
        Logs of labile carbon and of the persistent rate, 1/year, (series, pool_trait); logs of losses over those
        of the two pools, (row,).
    """
    from scipy.optimize import nnls

    traits, residuals = np.zeros((series.max() + 1, 2)), np.zeros(series.size)
    for one in range(len(traits)):
        rows = series == one
        time, found = years[rows], lost[rows]
        pools = np.column_stack([-np.expm1(-USUAL_LABILE_RATE * time), time])
        parts = nnls(pools / found[:, None], np.ones(found.size))[0]
        last = time.argmax()
        parts = np.maximum(parts, LEAST_PART * found[last] / pools[last])
        traits[one], residuals[rows] = np.log(parts), np.log(found / (pools @ parts))
    return traits, residuals


def shares(values: np.ndarray, moderators: np.ndarray, study: np.ndarray) -> np.ndarray:
    """How far series tell the level of each study, from 0, only by its prior, to 1; (study, trait).

    Any shares give the same posterior. Variances are those of a table of one factor, less what moderators explain
    within studies; those between studies are taken at the lower end of what so few studies may show.

    Parameters
    ----------
    values
        Of each series, (series, trait).
    moderators
        Of each series, (series, moderator).
    study
        Position of the study of each series, (series,).
    """
    from scipy.stats import chi2

    count = np.bincount(study)[:, None]

    def means(of: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(study, column) for column in of.T], axis=1) / count

    slopes = np.linalg.lstsq(moderators - means(moderators)[study], values - means(values)[study], rcond=1e-6)[0]
    rest = values - moderators @ slopes
    level, studies = means(rest), len(count)
    within = ((rest - level[study]) ** 2).sum(axis=0) / max(len(values) - studies, 1)
    error = within / count
    between = ((level - level.mean(axis=0)) ** 2).sum(axis=0) / chi2.ppf(0.9, max(studies - 1, 1))
    between = np.maximum(between - error.mean(axis=0), LEAST_BETWEEN**2)
    told: np.ndarray = between / (between + error)
    return told


def shares_of_scatter(residuals: np.ndarray, series: np.ndarray, study: np.ndarray) -> np.ndarray:
    """How far dates tell the log of the scatter of each study, from 0 to 1, (study,).

    Parameters
    ----------
    residuals, series
        Logs of losses over what was expected, and position of the series of each, (row,).
    study
        Position of the study of each series, (series,).
    """
    of = study[series]
    free = np.maximum(np.bincount(of) - POINTS_OF_SERIES * np.bincount(study), 1)
    level = np.log(np.maximum(np.bincount(of, residuals**2) / free, 1e-12)) / 2.0
    # The log of a standard deviation of n known numbers has the variance 1 / (2 n).
    error = 1.0 / (2.0 * free)
    between = max(float(level.var() - error.mean()), LEAST_BETWEEN**2)
    told: np.ndarray = between / (between + error)
    return told
