"""What a caller asks predictions for: one set of settings, or the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import EmptyTableError, SocbayesError, UnknownNameError
from socbayes.labels import same_name
from socbayes.vocabulary import QUANTITIES, Quantity, nearest

if TYPE_CHECKING:
    import pandas as pd

type Columns = Mapping[str, str | tuple[str, str]]
"""Quantity of tables that a setting of another name is, or the two whose ratio it is."""

STUDY = "study"
LABEL = "observation"


@dataclass(frozen=True)
class Asked:
    """Predictions asked for.

    Parameters
    ----------
    settings
        Of the predictor, by row; what a row does not state is left out.
    studies
        Study of each row, None where none is stated.
    labels
        Names of the rows of a table; None for a single set of settings.
    not_used
        Columns that say nothing to the predictor.
    """

    settings: list[dict[str, Any]]
    studies: list[str | None]
    labels: list[str] | None = None
    not_used: tuple[str, ...] = ()


def asked_of(
    rows: Mapping[str, Any] | pd.DataFrame | None,
    settings: Mapping[str, Any],
    known: Sequence[str],
    columns: Columns,
) -> Asked:
    """Turn rows, and settings that hold for all of them, into settings of a predictor.

    Parameters
    ----------
    rows
        A table in canonical units, one set of settings, or None. Columns are called as the settings or as the
        quantities of tables; an empty cell is not stated. Other quantities, and columns that start with ``x_``, are
        not used and named.
    settings
        For all rows.
    known
        Settings of the predictor.
    columns
        Quantities that are meant by settings of another name.

    Raises
    ------
    UnknownNameError
        For a column or setting that means nothing, with the nearest name.
    SocbayesError
        For a setting given twice, text in place of a number, or a number that cannot mean what its setting says.
    EmptyTableError
        For a table without rows.

    Examples
    --------
    >>> asked_of({"incubation_time": 48, "ph": 6.1}, {}, ["hours"], {"hours": "incubation_time"})
    Asked(settings=[{'hours': 48.0}], studies=[None], labels=None, not_used=('ph',))
    """
    for setting in settings:
        _require_setting(setting, known)
    records, where, labels = _records(rows)
    names = list(records[0])
    taken = _taken(names, known, columns)
    if twice := set(taken) & set(settings):
        raise SocbayesError(f"{sorted(twice)[0]!r} is given for each row and for all of them: leave one of them out")
    quantities = {name: quantity_of(name, columns) for name in known}
    of_all = {name: _judged(name, value, quantities[name], "") for name, value in settings.items()}
    asked = [
        {name: _judged(name, _cell(record, taken[name]), quantities[name], place) for name in taken} | of_all
        for record, place in zip(records, where, strict=True)
    ]
    spoken = {STUDY, LABEL, *(column for found in taken.values() for column in found)}
    return Asked(
        settings=[{name: value for name, value in one.items() if value is not None} for one in asked],
        studies=[None if _missing(record.get(STUDY)) else str(record[STUDY]) for record in records],
        labels=labels,
        not_used=tuple(name for name in names if name not in spoken),
    )


def quantity_of(setting: str, columns: Columns) -> Quantity | None:
    """Quantity of tables that a setting is; None for a ratio of two, and for what tables do not have.

    Parameters
    ----------
    setting
        Of a predictor.
    columns
        As for :func:`asked_of`.
    """
    named = columns.get(setting, setting)
    return QUANTITIES.get(named) if isinstance(named, str) else None


def _records(rows: Mapping[str, Any] | pd.DataFrame | None) -> tuple[list[dict[str, Any]], list[str], list[str] | None]:
    """Rows as dictionaries, where each stands, and their names if they are of a table."""
    import pandas as pd

    if not isinstance(rows, pd.DataFrame):
        return [{str(name): value for name, value in (rows or {}).items()}], [""], None
    if not len(rows):
        raise EmptyTableError("the table has no rows: nothing to predict")
    names = [str(name) for name in rows.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SocbayesError(f"the table has two columns {twice!r}: keep one of them")
    records = [dict(zip(names, cells, strict=True)) for cells in rows.itertuples(index=False, name=None)]
    own = LABEL in rows and rows[LABEL].notna().all() and rows[LABEL].is_unique
    labels = [str(label) for label in (rows[LABEL] if own else rows.index)]
    return records, [f" in row {label}" for label in labels], labels


def _require_setting(setting: str, known: Sequence[str]) -> None:
    if setting not in known:
        hint = nearest(setting, list(known))
        raise UnknownNameError(
            f"the model takes no setting {setting!r}"
            + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
        )


def _taken(names: Sequence[str], known: Sequence[str], columns: Columns) -> dict[str, tuple[str, ...]]:
    """Columns of each setting that has any; those of its quantities go before that of its own name."""
    taken: dict[str, tuple[str, ...]] = {}
    for setting in known:
        named = columns.get(setting, setting)
        spellings = [(named,) if isinstance(named, str) else named, (setting,)]
        found = [one for one in spellings if set(one) <= set(names)]
        if found:
            taken[setting] = found[0]
    for name in names:
        if name not in known and name not in QUANTITIES and not name.startswith("x_"):
            hint = nearest(name, [*known, *(one for one in columns.values() if isinstance(one, str))])
            raise UnknownNameError(
                f"the column {name!r} is neither a setting of the model nor a quantity of tables"
                + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}")
                + ". To keep a column of your own, begin its name with x_"
            )
    return taken


def _cell(record: Mapping[str, Any], columns: tuple[str, ...]) -> Any:
    """What a row says in a column, or the ratio of what it says in two."""
    if len(columns) == 1:
        return record[columns[0]]
    above, below = (_judged(name, record[name], QUANTITIES[name], "") for name in columns)
    return None if above is None or below is None else above / below if below else np.inf


def _missing(value: Any) -> bool:
    """Whether a cell is empty."""
    import pandas as pd

    return value is None or value is pd.NA or (pd.api.types.is_scalar(value) and bool(pd.isna(value))) or value == ""


def _judged(name: str, value: Any, quantity: Quantity | None, where: str) -> Any:
    """A value as its quantity has it; None where it is not stated."""
    if _missing(value):
        return None
    if quantity is None:
        return value
    if quantity.kind == "number":
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = np.nan
        lower = -np.finfo(float).max if quantity.lower is None else quantity.lower
        upper = np.finfo(float).max if quantity.upper is None else quantity.upper
        if not lower <= number <= upper:
            raise SocbayesError(f"{name}={value!r}{where} cannot be used: expected {quantity.expected}")
        return number
    if quantity.categories == ("yes", "no"):
        spelled = {"yes": True, "no": False, "true": True, "false": False}.get(str(value).strip().lower())
        if spelled is None:
            raise SocbayesError(f"{name}={value!r}{where} cannot be used: expected yes or no")
        return spelled
    # A label that is no category is the predictor's to refuse: it knows what the fit has.
    return next((one for one in quantity.categories if same_name(one) == same_name(str(value))), str(value))
