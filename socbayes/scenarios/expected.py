"""How much of a quantity a set of results would explain: least squares over draws, judged on draws left out."""

from __future__ import annotations

import numpy as np

FOLDS = 10
DRAWS_PER_TERM = 20
"""Draws that each coefficient rests on at least."""


def explained(
    quantity: np.ndarray, results: np.ndarray, drawn: np.ndarray | None = None
) -> tuple[float, float, np.ndarray]:
    """Expected share of the variance of a quantity that is gone when results are known.

    Parameters
    ----------
    quantity
        Draws, (sample,).
    results
        Simulated results of the same draws, several times over, (repeat, sample, result).
    drawn
        What tells draws of the posterior apart, (sample,), where some are there again; all differ by default.

    Returns
    -------
    share, error, left
        The share, from 0 to 1; its Monte Carlo standard error; and residuals of the quantity, (repeat * sample,),
        scaled to the variance that is left.

    Notes
    -----
    The least-squares fit to terms of results, squares and cross-products among them, estimates the mean of the quantity
    given the results, and the variance of its residuals the expected posterior variance. Residuals are those of draws
    that the fit has not seen, so that a result which says nothing explains nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.standard_normal(2000)
    >>> share, error, left = explained(truth, (truth + rng.standard_normal((4, 2000)))[..., None])
    >>> bool(abs(share - 0.5) < 3 * error), bool(error < 0.03)
    (True, True)
    """
    repeats, samples, _ = results.shape
    variance = float(quantity.var(ddof=1))
    if variance == 0:
        return 0.0, 0.0, np.zeros(repeats * samples)
    group = _groups(np.arange(samples) if drawn is None else drawn)
    count = int(group.max()) + 1
    terms = _terms(results, count)
    target = quantity - quantity.mean()
    # Every repeat of a draw is in one fold, and so is a draw that is there again: it must not foresee itself.
    fold = (np.random.default_rng(count).permutation(count) % FOLDS)[group]
    left = np.empty((repeats, samples))
    # Sums over a fold, taken off those over all draws: one pass over the draws fits all folds.
    of_terms = np.stack([_products(terms[:, fold == one]) for one in range(FOLDS)])
    of_target = np.stack([terms[:, fold == one].sum(axis=0).T @ target[fold == one] for one in range(FOLDS)])
    for one in range(FOLDS):
        out = fold == one
        coefficients, *_ = np.linalg.lstsq(
            of_terms.sum(axis=0) - of_terms[one], of_target.sum(axis=0) - of_target[one], rcond=None
        )
        left[:, out] = target[out] - terms[:, out] @ coefficients
    squares = (left**2).mean(axis=0)
    ratio = float(squares.mean() / (target**2).mean())
    each = np.bincount(group, squares - ratio * target**2)
    error = float(each.std(ddof=1) / variance * np.sqrt(count) / samples)
    share = float(np.clip(1 - ratio, 0, 1))
    scaled = (left - left.mean()).ravel()
    return share, error, scaled * np.sqrt(variance * (1 - share) / scaled.var()) if scaled.any() else scaled


def _groups(drawn: np.ndarray) -> np.ndarray:
    """Which draw each is, counted in the order in which they come, (sample,)."""
    _, first, group = np.unique(drawn, return_index=True, return_inverse=True)
    ordered: np.ndarray = np.argsort(np.argsort(first))[group]
    return ordered


def _products(terms: np.ndarray) -> np.ndarray:
    """Sums of products of terms, (term, term)."""
    flat = terms.reshape(-1, terms.shape[-1])
    products: np.ndarray = flat.T @ flat
    return products


def _terms(results: np.ndarray, different: int) -> np.ndarray:
    """A constant, results, and squares and products of as many of their main directions as different draws can bear."""
    repeats, samples, count = results.shape
    flat = results.reshape(-1, count)
    scale = flat.std(axis=0)
    flat = (flat - flat.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    most = max(1, different // DRAWS_PER_TERM)
    along = flat @ np.linalg.eigh(_products(flat))[1][:, ::-1]
    spread = along.std(axis=0)
    along /= np.where(spread > 0, spread, 1.0)
    linear = along[:, : min(count, most)]
    # q directions have q (q + 1) / 2 squares and products.
    squared = min(linear.shape[1], int((np.sqrt(8.0 * max(0, most - linear.shape[1]) + 1) - 1) / 2))
    first, second = np.triu_indices(squared)
    products = along[:, first] * along[:, second]
    terms = np.concatenate([np.ones((len(flat), 1)), linear, products], axis=1)
    shaped: np.ndarray = terms.reshape(repeats, samples, -1)
    return shaped
