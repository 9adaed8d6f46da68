"""Which quantity a column measures, told by its name."""

from __future__ import annotations

import re

import pandas as pd

from socbayes.errors import Fault
from socbayes.labels import tidied
from socbayes.reading.raw import LISTED, Column, listed
from socbayes.reading.terms import meaning
from socbayes.units import unit_shown
from socbayes.vocabulary import QUANTITIES, TableSchema


def all_named(header: list[str], cells: list[pd.Series], schema: TableSchema) -> list[Column]:
    """Columns of a table; strange names beyond those that faults list are not searched for a meaning.

    Parameters
    ----------
    header
        Names, perhaps with units.
    cells
        Below each.
    schema
        Kind of table.
    """
    columns: list[Column] = []
    strange = 0
    for name, below in zip(header, cells, strict=True):
        column = named(name, below, schema) if strange < LISTED else _plainly_named(name, below, schema)
        strange += not (column.quantity or column.written.startswith("x_"))
        columns.append(column)
    return columns


def named(header: str, cells: pd.Series, schema: TableSchema) -> Column:
    """Column with its name, the unit in its header and the quantity it measures."""
    column = _plainly_named(header, cells, schema)
    if column.written and not column.quantity and not column.written.startswith("x_"):
        meant = meaning(column.written, column.unit, schema)
        column.guess, column.unit, column.advice = meant.name, column.unit or meant.unit, meant.advice
    return column


def _plainly_named(header: str, cells: pd.Series, schema: TableSchema) -> Column:
    """Column whose name means what it says, or nothing."""
    written, unit = split_header(tidied(header))
    name = column_of(written, schema)
    return Column(written, cells, unit, QUANTITIES[name] if name else None)


def column_of(written: str, schema: TableSchema) -> str | None:
    """Column that a header names but for capitals, and blanks or hyphens where its name has underscores; or None.

    Parameters
    ----------
    written
        Header without its unit.
    schema
        Kind of table.

    Examples
    --------
    >>> from socbayes.vocabulary import SCHEMAS
    >>> column_of("Bulk density", SCHEMAS["field_soc"]), column_of("BD", SCHEMAS["field_soc"])
    ('bulk_density', None)
    """
    name = re.sub(r"[\s_-]+", "_", written.strip()).lower()
    return name if name in schema.columns else None


def spelling_notes(columns: list[Column]) -> list[str]:
    """Say in a sentence which headers were taken for a column though they are not spelled like its name.

    Parameters
    ----------
    columns
        Of a table being read.
    """
    taken = [
        f"`{column.written}` as `{column.quantity.name}`"
        for column in columns
        if column.quantity and column.guess is None and column.written != column.quantity.name
    ]
    return [f"headers are read without regard to capitals and blanks: {', '.join(taken)}"] if taken else []


def split_header(header: str) -> tuple[str, str | None]:
    """Split ``clay [%]`` or ``clay (%)`` into name and unit."""
    match = re.fullmatch(r"(.*?)\s*(?:\[(.*)\]|\((.*)\))", header.strip(), flags=re.DOTALL)
    if match is None:
        return header.strip(), None
    return match[1], (match[2] or match[3] or "").strip() or None


def name_faults(columns: list[Column], schema: TableSchema) -> list[Fault]:
    """Unknown, repeated and missing columns.

    A column whose name clearly means one of the schema is checked as that one,
    so that the faults of its cells are reported in the same go.
    """
    faults: list[Fault] = []
    taken: set[str] = set()
    unknown = []
    for column in columns:
        name = column.quantity.name if column.quantity else column.written
        if name in taken:
            advice = "keep one of them, or give the other a name that starts with x_"
            faults.append(Fault("duplicate column", None, column.written, "the name twice", "each name once", advice))
            column.quantity = None
        elif column.quantity or column.written.startswith("x_"):
            taken.add(name)
        else:
            unknown.append(column)
    faults += listed(list(range(len(unknown))), lambda place: _unknown_column(unknown[place], schema))
    for column in unknown:
        if column.guess and column.guess not in taken:
            column.quantity = QUANTITIES[column.guess]
            taken.add(column.guess)
    for name in schema.required:
        if name not in taken and not (name == "year" and "date" in taken):  # the year follows from the date
            faults.append(_missing_column(name, columns, schema))
    return faults


def _unknown_column(column: Column, schema: TableSchema) -> Fault:
    name = column.written
    keep = f"to keep a column of your own, call it `x_{name}`"
    if not name:
        return Fault("unknown column", None, "", "a column without a name", "a name", "name it, or delete it")
    if column.guess:
        quantity = QUANTITIES[column.guess]
        behind = meaning(name, None, schema).unit  # as of soc_g_kg
        unit = f" [{behind}]" if behind and behind == column.unit else ""
        about = quantity.meaning[0].lower() + quantity.meaning[1:].rstrip(".")
        advice = f"did you mean `{column.guess}{unit}`, {about}? If not, and {keep}"
    elif column.advice:
        advice = f"{column.advice}; {keep}"
    else:
        elsewhere = f"`{name}` is no column of a {schema.name} table; " if name in QUANTITIES else ""
        advice = elsewhere + keep
    return Fault("unknown column", None, name, f"`{name}`", f"a column of a {schema.name} table", advice)


def _missing_column(name: str, columns: list[Column], schema: TableSchema) -> Fault:
    quantity = QUANTITIES[name]
    unit = f" [{unit_shown(quantity.unit)}]" if quantity.unit not in ("", "1") else ""
    near = [column.written for column in columns if column.guess == name and column.quantity is None]
    advice = f"rename `{near[0]}` if it is meant" if near else f"add a column `{name}{unit}`: {quantity.meaning}"
    return Fault("missing column", None, name, "no such column", f"`{name}` in every {schema.name} table", advice)
