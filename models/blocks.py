"""Pieces that several models are built from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import EmptyTableError, SocbayesError, TooFewGroupsError
from socbayes.frames import numeric
from socbayes.vocabulary import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd
    from pymc.distributions.transforms import Transform
    from pytensor.tensor import TensorVariable

    from socbayes.priors import Priors


def groups(column: pd.Series) -> tuple[list[str], np.ndarray]:
    """Sorted labels of a column and the position of each row's label among them.

    Compiled indexing is not bounds-checked, so positions are made and checked
    here and nowhere else.

    Parameters
    ----------
    column
        Labels, shape (row,), none missing.

    Returns
    -------
    labels, index
        Labels, and integers of shape (row,).

    Raises
    ------
    ValueError
        If a label is missing.
    """
    if column.isna().any():
        raise ValueError(f"column {column.name!r} has missing labels")
    text = column.astype(str)
    labels = sorted(text.unique())
    index = text.map({label: position for position, label in enumerate(labels)}).to_numpy(dtype="int64")
    return labels, index


def require_values(table: pd.DataFrame, columns: Sequence[str], *, positive: bool = False) -> None:
    """Refuse measured values that are missing or cannot mean what their column says.

    ``read_table`` finds such faults cell by cell; this is the last door for a
    frame that did not come through it.

    Raises
    ------
    SocbayesError
        Naming the column, the number of such rows and the first value.
    """
    for column in columns:
        if column not in table:
            raise SocbayesError(f"the table has no column {column!r}")
        values, quantity = numeric(table, column), QUANTITIES[column]
        lower = -np.inf if quantity.lower is None else quantity.lower
        upper = np.inf if quantity.upper is None else quantity.upper
        bad = ~((values >= lower) & (values <= upper)) | (positive & (values <= 0))
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise SocbayesError(
                f"column {column!r}: {int(bad.sum())} of {len(table)} values cannot be used, "
                f"first {values[first]:g} in row {table.index[first]}; expected {quantity.expected}"
                f"{' and above zero' if positive else ''}. read_table(...) lists every such cell"
            )


def require_studies(table: pd.DataFrame, minimum: int = 2) -> None:
    """Refuse a table from which variation between studies cannot be learned.

    Raises
    ------
    EmptyTableError
        For a table without rows.
    TooFewGroupsError
        For fewer than ``minimum`` studies, or when no study has two rows.
    """
    if len(table) == 0:
        raise EmptyTableError("the table has no rows: nothing to fit")
    counts = table["study"].value_counts()
    if len(counts) < minimum:
        raise TooFewGroupsError(
            f"the table holds {len(counts)} study ({counts.index[0]!r}); a hierarchical model needs at least "
            f"{minimum}. Add your rows to a bundled table: pandas.concat([load_dataset(...), yours])"
        )
    if counts.max() == 1:
        raise TooFewGroupsError(
            f"each of the {len(counts)} studies has one row: variation within and between studies cannot be told "
            "apart. Add replicates, or add your rows to a bundled table: pandas.concat([load_dataset(...), yours])"
        )


def centred_on_expected(
    name: str, eta: TensorVariable, scale: TensorVariable, index: np.ndarray, dims: str
) -> TensorVariable:
    """Zero-centred normal effects of groups whose levels are well measured; shape (group,).

    What is sampled is the mean level of each group's rows, centred on what the
    other terms ``eta``, shape (row,), say of it. So a group's level does not
    trade off against the intercept draw by draw. Registers ``<name>_level``
    and the deterministic ``<name>_effect``.
    """
    import pymc as pm
    import pytensor.tensor as pt

    counts = np.bincount(index).astype("float64")
    # A sum by scatter: a matrix product would take seconds more to compile.
    expected = pt.inc_subtensor(pt.zeros(counts.size)[index], eta) / counts
    level = pm.Normal(f"{name}_level", expected, scale, dims=dims)
    return pm.Deterministic(f"{name}_effect", level - expected, dims=dims)


def half_centred(
    name: str, scale: TensorVariable, dims: str | tuple[str, ...], told: np.ndarray | None = None
) -> TensorVariable:
    """Normal effects of groups of which some data say much and others little.

    Non-centred effects get narrow where a large scale meets telling data,
    centred ones where a small scale meets none. What is sampled has the root
    of the scale for its own, so each happens by half.

    Parameters
    ----------
    name
        Of the effects.
    scale
        Their standard deviation; one, or of each.
    dims
        Of the effects.
    told
        True where data say anything of an effect: others are sampled in units of their scale. All by default.
    """
    import pymc as pm
    import pytensor.tensor as pt

    root = pt.sqrt(scale)
    outside, inside = root, root
    if told is not None and not told.all():
        outside, inside = pt.where(told, root, scale), pt.where(told, root, 1.0)
    return pm.Deterministic(name, outside * pm.Normal(f"{name}_half", 0.0, inside, dims=dims), dims=dims)


def weighted_sums(weights: np.ndarray, values: Any) -> Any:
    """Small constant matrix times a vector or a matrix, as sums: a matrix product takes seconds to compile.

    Parameters
    ----------
    weights
        Of each member in each sum, (sum, member).
    values
        One or more of each member, (member,) or (member, value).

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> weighted_sums(np.array([[0.5, 0.5], [1.0, -1.0]]), pt.constant([3.0, 1.0])).eval().tolist()
    [2.0, 2.0]
    """
    return ((weights if values.ndim == 1 else weights[:, :, None]) * values).sum(axis=1)


def zero_sum_basis(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of normal effects of members of groups about the mean of their group.

    Independent normal effects with one spread are their mean and, independent of it, the basis times as many
    independent normal numbers with that spread as there are further members. Each of these is nearly the effect of
    its member.

    Parameters
    ----------
    group
        Position of the group of each member, (member,).

    Returns
    -------
    further, basis
        Positions of all members but the first of each group, (further,); orthonormal columns that sum to zero in each
        group, (member, further).

    Examples
    --------
    >>> further, basis = zero_sum_basis(np.array([0, 0, 0, 1]))
    >>> further.tolist(), np.allclose(basis.sum(axis=0), 0), np.allclose(basis.T @ basis, np.eye(2))
    ([1, 2], True, True)
    """
    same = group[:, None] == group
    further = np.setdiff1d(np.arange(group.size), np.unique(group, return_index=True)[1])
    count = same.sum(axis=1)
    # A reflection that takes the first member to the mean of all, less its first column.
    basis = np.eye(group.size) - same / (count + np.sqrt(count))
    first = np.isin(np.arange(group.size), further, invert=True)
    basis[first] = same[first] / -np.sqrt(count[first])[:, None]
    return further, basis[:, further]


def partly_centred(
    name: str, mean: TensorVariable, scale: TensorVariable, share: np.ndarray, dims: str | tuple[str, ...]
) -> TensorVariable:
    """Normal deviations from a mean, of groups of which data tell more or less; of the shape of ``share``.

    What is sampled holds a ``share`` of the mean and has the scale to the power of the share for its own. With 1 it
    is the level, which telling data hold fast; with 0 a standard normal number, which they do not touch. The prior
    of the deviations is the same whatever the share (Papaspiliopoulos, Roberts & Sköld 2007, Statistical Science
    22:59).
    """
    import pymc as pm

    held = pm.Normal(f"{name}_partly", share * mean, scale**share, dims=dims)
    return scale ** (1 - share) * (held - share * mean)


def linear_above(size: float) -> Transform:
    """Transform of a log quantity whose sampled value grows with the quantity above ``size``, with its log below.

    Data that tell a quantity as well when it is small as when it is large tell its logarithm ever worse. The
    prior is unchanged: the transform has its Jacobian.
    """
    import pytensor.tensor as pt
    from pymc.distributions import transforms

    class LinearAbove(transforms.Transform):
        name = "softplus"

        def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
            return pt.log(size * pt.softplus(value))

        def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
            ratio = pt.exp(value) / size
            return ratio + pt.log(-pt.expm1(-ratio))

        def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
            return -pt.softplus(-value) - pt.log(pt.softplus(value))

    return LinearAbove()


def group_means(values: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Mean of the finite values of each group; NaN where there are none; shape (group,)."""
    finite = np.isfinite(values)
    totals = np.bincount(index[finite], weights=values[finite], minlength=count)
    numbers = np.bincount(index[finite], minlength=count)
    return np.divide(totals, numbers, out=np.full(count, np.nan), where=numbers > 0)


def looked_up(effect: TensorVariable, levels: Sequence[str], column: pd.Series) -> TensorVariable:
    """Effect of each row's level, zero for a row whose level has none; shape (row,)."""
    known = column.isin(levels).to_numpy()
    position = np.array([levels.index(label) if label in levels else 0 for label in column], dtype="int64")
    return known * effect[position]


def at_members(effect: TensorVariable, members: np.ndarray, index: np.ndarray) -> TensorVariable:
    """Effect of each row's group for groups among ``members``, zero for the rest; shape (row,)."""
    place = np.zeros(int(index.max()) + 1, dtype="int64")
    place[members] = np.arange(members.size)
    return np.isin(index, members) * effect[place[index]]


def population(prior: Priors, name: str, known: np.ndarray) -> tuple[TensorVariable, TensorVariable]:
    """Mean and spread of a covariate over studies, learned from the studies that state it.

    What a study leaves out is a draw from this population. Its effect is
    linear, so the draw is integrated out exactly: the population mean enters
    the study's level and the spread widens the study's own deviation.
    """
    import pymc as pm

    mean, spread = prior.sample(f"{name}_mean"), prior.sample(f"{name}_sd")
    if known.size:
        pm.Normal(f"{name}_study_means", mean, spread, observed=known)
    return mean, spread


def integrated(what: str, unknown: np.ndarray) -> str:
    """Sentence on a covariate that some studies leave out."""
    state = "states" if unknown.sum() == 1 else "state"
    return f"{int(unknown.sum())} of {unknown.size} studies {state} no {what}; it is integrated out there."


def weak_groups(name: str, scale: TensorVariable, dims: str | tuple[str, ...]) -> TensorVariable:
    """Normal effects of groups with little data each, non-centred.

    Registers ``<name>_standardised`` and the deterministic ``name``.
    """
    import pymc as pm

    return pm.Deterministic(name, scale * pm.Normal(f"{name}_standardised", dims=dims), dims=dims)


ROWS_FOR_SCATTER = 8


def scatter_by_study(prior: Priors, study: np.ndarray, studies: list[str]) -> TensorVariable:
    """Standard deviation within each study, shape (study,), as deterministic ``scatter``.

    Log scatter is normal over the studies. A study with few rows cannot show
    a scatter of its own, and trying opens a funnel: it takes the median.
    """
    import pymc as pm
    import pytensor.tensor as pt

    median = prior.sample("scatter_log_mean")
    log_scatter = pt.zeros(len(studies)) + median
    measured = np.flatnonzero(np.bincount(study) >= ROWS_FOR_SCATTER)
    if measured.size:
        pm.modelcontext(None).add_coord("study_with_scatter", [studies[index] for index in measured])
        own = pm.Normal("log_scatter_study", median, prior.sample("scatter_log_sd"), dims="study_with_scatter")
        log_scatter = pt.set_subtensor(log_scatter[measured], own)
    return pm.Deterministic("scatter", pt.exp(log_scatter), dims="study")
