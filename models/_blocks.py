"""Pieces that several models are built from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import EmptyTableError, TooFewGroupsError

if TYPE_CHECKING:
    import pandas as pd


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
            f"the table holds {len(counts)} study ({counts.index[0]!r}); a hierarchical model needs at least {minimum}. "
            "Add your rows to a bundled table: pandas.concat([load_dataset(...), yours])"
        )
    if counts.max() == 1:
        raise TooFewGroupsError(
            f"each of the {len(counts)} studies has one row: variation within and between studies cannot be told "
            "apart. Add replicates, or add your rows to a bundled table: pandas.concat([load_dataset(...), yours])"
        )


def few_levels(name: str, scale: Any, dims: str) -> Any:
    """Effects of a handful of levels that sum to zero, non-centred.

    The zero sum leaves the level of the model to its intercept. Registers
    ``<name>_standardised`` and the deterministic ``name``.
    """
    import pymc as pm

    return pm.Deterministic(name, scale * pm.ZeroSumNormal(f"{name}_standardised", dims=dims), dims=dims)


def weak_groups(name: str, scale: Any, dims: str | tuple[str, ...]) -> Any:
    """Normal effects of groups with little data each, non-centred.

    Registers ``<name>_standardised`` and the deterministic ``name``.
    """
    import pymc as pm

    return pm.Deterministic(name, scale * pm.Normal(f"{name}_standardised", dims=dims), dims=dims)


def numeric(table: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, all missing when the table does not have it; shape (row,)."""
    if column not in table:
        return np.full(len(table), np.nan)
    return table[column].to_numpy(dtype="float64", na_value=np.nan)


def filled(table: pd.DataFrame, column: str, missing: str) -> pd.Series:
    """A text column with ``missing`` where nothing is stated, also when the column is not there."""
    import pandas as pd

    if column not in table:
        return pd.Series([missing] * len(table), index=table.index, name=column, dtype="str")
    return table[column].astype("str").where(table[column].notna(), missing)


def indicator(labels: Sequence[str], chosen: Sequence[str]) -> np.ndarray:
    """1.0 where a label is among ``chosen``, else 0.0; shape (label,)."""
    return np.isin(np.asarray(labels, dtype=str), np.asarray(chosen, dtype=str)).astype("float64")
