"""Columns that a table does not have, filled with one value for every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from socbayes.errors import SocbayesError
from socbayes.reading.names import column_of, split_header
from socbayes.reading.raw import RawTable, as_text
from socbayes.vocabulary import TableSchema, nearest


def filled(raw: RawTable, fill: Mapping[str, str], schema: TableSchema) -> RawTable:
    """Add columns that the table does not have.

    Parameters
    ----------
    raw
        As it lies in its file.
    fill
        Value by column, as the caller states it; it wins over what the file suggests.
    schema
        Kind of table.

    Raises
    ------
    SocbayesError
        For a column that this kind of table does not have.
    """
    for name in fill:
        if name not in schema.columns:
            near = nearest(name, schema.columns)
            meant = f"did you mean {near!r}?" if near else f"it has {', '.join(schema.columns)}"
            raise SocbayesError(f"a {schema.name} table has no column {name!r} to fill; {meant}")
    written = [split_header(cell)[0] for cell in raw.header]
    names = [column_of(one, schema) or one for one in written]
    header, cells, notes = list(raw.header), list(raw.cells), list(raw.notes)
    for name, value in {**raw.defaults, **fill}.items():
        if name in names:
            if str(value) not in set(as_text(cells[names.index(name)])):
                notes.append(f"The table has its own column `{name}`, so {value!r} was not filled in.")
            continue
        if name not in schema.columns:
            continue
        header.insert(0, name)
        cells.insert(0, pd.Series(str(value), index=cells[0].index, dtype="str"))
        names.insert(0, name)
        if name in fill:
            notes.append(f"The table has no column `{name}`: it is {value!r} in every row, as stated.")
        else:
            notes.append(
                f"The file names no {name} of yours: its rows are called {value!r}; "
                f"fill={{{name!r}: ...}} of read_table gives another name."
            )
    return replace(raw, header=header, cells=cells, notes=notes)
