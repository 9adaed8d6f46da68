"""Columns of tables as arrays, whether or not the table has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def numeric(table: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, all missing when the table does not have it; shape (row,)."""
    import numpy as np

    if column not in table:
        return np.full(len(table), np.nan)
    return table[column].to_numpy(dtype="float64", na_value=np.nan)


def filled(table: pd.DataFrame, column: str, missing: str) -> pd.Series:
    """A text column with ``missing`` where nothing is stated, also when the column is not there."""
    import pandas as pd

    if column not in table:
        return pd.Series([missing] * len(table), index=table.index, name=column, dtype="str")
    return table[column].astype("str").where(table[column].notna(), missing)
