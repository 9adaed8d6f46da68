"""What a quantity and a kind of table are."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Quantity:
    """One measurable, sampled or reported quantity.

    Parameters
    ----------
    name
        Column, variable and argument name: the field's standard term, spelled
        out.
    unit
        Canonical unit, readable by pint; ``""`` for text and categories.
    meaning
        One sentence a soil scientist agrees with.
    kind
        ``"number"``, ``"text"``, ``"category"`` or ``"date"``.
    lower, upper
        Closed physical limits in the canonical unit.
    categories
        Allowed values of a category.
    aliases
        Names the quantity commonly goes by in other people's tables. They are
        suggested, never silently accepted.
    """

    name: str
    unit: str
    meaning: str
    kind: str = "number"
    lower: float | None = None
    upper: float | None = None
    categories: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What a value must look like, for an error message."""
        if self.kind == "category":
            return "one of " + ", ".join(self.categories)
        if self.kind == "text":
            return "text"
        if self.kind == "date":
            return "a date as YYYY-MM-DD, YYYY-MM or YYYY"
        unit = "" if self.unit == "1" else f" {self.unit}"
        if self.lower is not None and self.upper is not None:
            return f"a number from {self.lower:g} to {self.upper:g}{unit}"
        if self.lower is not None:
            return f"a number of at least {self.lower:g}{unit}"
        return f"a number{f' in {self.unit}' if unit else ''}"


@dataclass(frozen=True)
class TableSchema:
    """Which quantities make up one kind of table.

    Parameters
    ----------
    name
        Name given to ``read_table(..., schema=name)``.
    meaning
        What one row is.
    required, optional
        Names of quantities. A required column has no missing cells.
    key
        Columns that together name a row: repeated values are a fault.
    ordered
        Pairs ``(smaller, larger)`` of columns that must be ordered row by row.
    cumulative
        Sums that never fall from one time to the next; the time is the last column of the key.
    differ
        Groups of column pairs; a row in which every pair of one group is equal
        compares a treatment with itself.
    """

    name: str
    meaning: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    cumulative: tuple[str, ...] = ()
    differ: tuple[tuple[tuple[str, str], ...], ...] = field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """Required, then optional columns."""
        return self.required + self.optional
