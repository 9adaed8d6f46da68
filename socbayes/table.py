"""Users' tables: read, converted to canonical units and checked, all faults at once.

:func:`read_table` turns a spreadsheet of observations into a tidy frame in
canonical units, or says everything that is wrong with it, cell by cell.
:func:`validate_table` returns the faults instead of raising them.

What counts as a valid table is written in :mod:`socbayes.vocabulary` and
nowhere else. A column of your own is kept when its name starts with ``x_``.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from socbayes.errors import EmptyTableError, Fault, SocbayesError, TableFaultsError, UnknownNameError
from socbayes.reading.cells import cell_faults, cell_rules, dates_of, natural, numbers_of
from socbayes.reading.dates import year_or_missing
from socbayes.reading.decimals import DecimalMark, decimal_mark
from socbayes.reading.files import load
from socbayes.reading.fills import filled
from socbayes.reading.names import all_named, name_faults, spelling_notes
from socbayes.reading.packages import DESCRIPTION, described_units
from socbayes.reading.raw import Column, Judged, RawTable, Table
from socbayes.reading.rows import out_of_order, row_faults, same_treatment
from socbayes.reading.stated_units import (
    assign_units,
    conversion_of,
    converted,
    percent_faults,
    take_unit_row,
    unit_fault,
)
from socbayes.reading.texts import texts_of
from socbayes.vocabulary import QUANTITIES, SCHEMAS, TableSchema, nearest

if TYPE_CHECKING:
    import pandera.pandas as pa


def read_table(
    table: Table,
    schema: str | TableSchema,
    *,
    units: Mapping[str, str] | None = None,
    sheet: str | int = 0,
    fill: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read a table of observations, in canonical units and free of faults.

    Parameters
    ----------
    table
        Path of a CSV (comma, semicolon or tab), Excel (.xlsx) or Parquet file,
        of an export of NASA POWER, an input file of RothC or a station file of a
        weather service; or a frame, which is left as it is.
    schema
        Kind of table, or the name of one of ``socbayes.vocabulary.SCHEMAS``.
    units
        Unit of columns, ``{column: unit}``. Every number needs a stated unit, ratios
        and years apart: in this argument, in the header, ``clay [%]``, in a row of
        units right under it, in ``attrs["units"]`` of a frame, or in a
        ``datapackage.json`` beside the file. The first that states one counts; where
        none does, the table is refused. Models take frames in canonical units, as
        this function returns them, without asking.
    sheet
        Name or position of the sheet of an Excel file.
    fill
        Values of columns that the table does not have, ``{column: value}``, for
        every row: ``{"site": "Farm"}`` for the file of a weather station.

    Returns
    -------
    pandas.DataFrame
        One row per row of the table: float64 numbers in canonical units, text
        as ``str``, missing cells NaN; columns in the order of the schema, then
        those starting with ``x_``. ``attrs`` holds ``schema``, ``units``,
        ``source`` (the file's name), ``conversions``, ``notes`` (sentences on
        what was understood or not used) and ``sha256`` of the content, beside the attributes a frame came with.

    Raises
    ------
    TableFaultsError
        With every fault of the table in ``faults``.
    EmptyTableError
        If the table has no rows.
    UnreadableFileError
        If the file is missing, of an unknown type, or in an encoding that cannot be told.
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> import pandas as pd
    >>> plots = pd.DataFrame({
    ...     "observation": ["a", "b"],
    ...     "study": ["Field trial", "Field trial"],
    ...     "carbon_use_efficiency [%]": [32.0, 41.0],
    ...     "measurement_method": ["water_18O", "water_18O"],
    ...     "incubation_temperature [K]": [288.15, 298.15],
    ... })
    >>> observations = read_table(plots, "cue")
    >>> observations[["carbon_use_efficiency", "incubation_temperature"]]
       carbon_use_efficiency  incubation_temperature
    0                   0.32                    15.0
    1                   0.41                    25.0
    >>> observations.attrs["conversions"][0]
    {'column': 'carbon_use_efficiency', 'from': '%', 'to': '1'}
    """
    kind = _schema(schema)
    raw = filled(_loaded(table, sheet, kind), fill or {}, kind)
    result, faults = _examine(raw, kind, dict(units or {}))
    if faults:
        raise TableFaultsError(faults, raw.source)
    return result


def validate_table(
    table: Table,
    schema: str | TableSchema,
    units: Mapping[str, str] | None = None,
    *,
    sheet: str | int = 0,
    fill: Mapping[str, str] | None = None,
) -> list[Fault]:
    """Return every fault of a table.

    Parameters
    ----------
    table, schema, units, sheet, fill
        As for :func:`read_table`.

    Returns
    -------
    list of Fault
        Empty when the table is good. A long list of equal faults ends in one
        whose ``count`` says how many more there are.

    Raises
    ------
    UnreadableFileError
        If the file is missing, of an unknown type, or in an encoding that cannot be told.
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> import pandas as pd
    >>> (fault,) = validate_table(pd.DataFrame({"crop": ["wheat"], "harvest_index": [45.0]}), "crop_carbon_allocation")
    >>> fault.kind, fault.row, fault.found, fault.expected
    ('out of range', 2, '45', 'a number from 0 to 1')
    """
    return examine_table(table, schema, units, sheet=sheet, fill=fill)[1]


def examine_table(
    table: Table,
    schema: str | TableSchema,
    units: Mapping[str, str] | None = None,
    *,
    sheet: str | int = 0,
    fill: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[Fault]]:
    """Return a table in canonical units together with its faults, for callers that have more tables to examine.

    Parameters
    ----------
    table, schema, units, sheet, fill
        As for :func:`read_table`.

    Returns
    -------
    table, faults
        What :func:`read_table` and :func:`validate_table` return; the table is of use only without faults.

    Raises
    ------
    UnreadableFileError
        If the file is missing, of an unknown type, or in an encoding that cannot be told.
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> import pandas as pd
    >>> given = pd.DataFrame({"site": ["Farm"], "year": [2001], "month": [1], "temperature [K]": [280.15]})
    >>> weather, faults = examine_table(given, "field_weather")
    >>> weather["temperature"].tolist(), faults
    ([7.0], [])
    """
    import pandas as pd

    kind = _schema(schema)
    try:
        return _examine(filled(_loaded(table, sheet, kind), fill or {}, kind), kind, dict(units or {}))
    except EmptyTableError as error:
        fault = Fault("empty table", None, "", "no rows", f"at least one row: {kind.meaning}", str(error))
        return pd.DataFrame(), [fault]


def examine_frame(
    table: object, schema: str, units: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[Fault]]:
    """Examine a frame that is given to a model, whose columns are in the unit of their quantity if nothing is stated.

    Parameters
    ----------
    table
        What was given; one that :func:`read_table` has read does not change.
    schema
        Name of the kind of table.
    units
        Of columns that are in another unit.

    Returns
    -------
    table, faults
        As of :func:`examine_table`, with the notes of the frame kept.

    Raises
    ------
    SocbayesError
        If it is no frame.

    Examples
    --------
    >>> import pandas as pd
    >>> examined, faults = examine_frame(pd.DataFrame({"crop": ["wheat"], "harvest_index": [0.4]}),
    ...                                  "crop_carbon_allocation")
    >>> examined["harvest_index"].tolist(), faults
    ([0.4], [])
    """
    if not isinstance(table, pd.DataFrame):
        said = " ".join(reprlib.repr(table).split())
        raise SocbayesError(f"{said} is no table: give a frame, such as of read_table(path, {schema!r})")
    stated = table.attrs.get("units")
    stated = stated if isinstance(stated, dict) else {}
    own = {
        name: QUANTITIES[name].unit
        for name in table.columns
        if name in QUANTITIES and name not in stated and QUANTITIES[name].unit
    }
    examined, faults = examine_table(table, schema, own | dict(units or {}))
    notes = [*table.attrs.get("notes", []), *examined.attrs.get("notes", [])]
    examined.attrs["notes"] = list(dict.fromkeys(notes))
    return examined, faults


def faults_table(faults: Iterable[Fault]) -> pd.DataFrame:
    """Lay faults out as a table for printing or saving.

    Parameters
    ----------
    faults
        What :func:`validate_table` returned.

    Returns
    -------
    pandas.DataFrame
        One row per fault: kind, row, column, found, expected, suggestion.

    Examples
    --------
    >>> from socbayes.errors import Fault
    >>> faults_table([Fault("unit missing", None, "clay", "no unit", "%")]).loc[0, "column"]
    'clay'
    """
    names = ["kind", "row", "column", "found", "expected", "suggestion"]
    rows = [[getattr(fault, name) for name in names] for fault in faults]
    return pd.DataFrame(rows, columns=names).astype({"row": "Int64"})


def pandera_schema(schema: str) -> pa.DataFrameSchema:
    """Return the rules of a table as a pandera schema.

    Parameters
    ----------
    schema
        Name of the kind of table.

    Returns
    -------
    pandera.pandas.DataFrameSchema
        Rules for a table in canonical units, such as :func:`read_table` or
        ``load_dataset`` return; units and meanings stand in the metadata.

    Raises
    ------
    UnknownNameError
        If there is no such schema.

    Examples
    --------
    >>> rules = pandera_schema("necromass_levels")
    >>> rules.columns["clay"].metadata["unit"]
    'percent'
    """
    import pandera.pandas as pa

    kind = _schema(schema)
    rules = cell_rules(kind)
    row_rules = [
        pa.Check(lambda frame, pair=pair: ~out_of_order(frame, *pair), name=f"{pair[0]} at most {pair[1]}")
        for pair in kind.ordered
    ] + [
        pa.Check(lambda frame, group=group: ~same_treatment(frame, group), name="control differs from treatment")
        for group in kind.differ
    ]
    return pa.DataFrameSchema(
        rules.columns, checks=row_rules, unique=list(kind.key) or None, name=kind.name, description=kind.meaning
    )


def _schema(name: str | TableSchema) -> TableSchema:
    if isinstance(name, TableSchema):
        return name
    if name in SCHEMAS:
        return SCHEMAS[name]
    hint = nearest(str(name), list(SCHEMAS))
    raise UnknownNameError(
        f"there is no table schema {name!r}; " + (f"did you mean {hint!r}?" if hint else f"known: {', '.join(SCHEMAS)}")
    )


def _loaded(table: Table, sheet: str | int, schema: TableSchema) -> RawTable:
    """A table as it lies in its file, with the units that a description beside the file states."""
    raw = load(table, sheet, schema)
    units = {} if isinstance(table, pd.DataFrame) else described_units(Path(table))
    if units:
        raw.attrs = {**raw.attrs, "units": units}
        raw.notes.append(f"units that the file does not state are those of {DESCRIPTION} beside it")
    return raw


def _judged(column: Column, schema: TableSchema, decimal: DecimalMark | None) -> Judged:
    """Cells of a measured column, in the unit that is stated for them."""
    assert column.quantity is not None
    if column.quantity.kind == "date":
        return dates_of(column)
    if column.quantity.kind == "number":
        return numbers_of(column, schema, decimal)
    return texts_of(column)


def _examine(raw: RawTable, schema: TableSchema, units: dict[str, str]) -> tuple[pd.DataFrame, list[Fault]]:
    """Table in canonical units, and everything that is wrong with it."""
    columns = all_named(raw.header, raw.cells, schema)
    take_unit_row(columns)
    if not len(columns[0].cells):
        raise EmptyTableError(f"{raw.source} has a header and units but no rows: write one row per observation")
    faults = raw.faults + name_faults(columns, schema) + assign_units(columns, units, raw.attrs)
    measured = {column.quantity.name: column for column in columns if column.quantity is not None}

    unit_faults = {name: fault for name, column in measured.items() if (fault := unit_fault(column, schema))}
    faults += unit_faults.values()
    decimal = None
    if raw.decimal_comma:
        numeric = [name for name in measured if QUANTITIES[name].kind == "number"]
        decimal = decimal_mark([measured[name] for name in numeric])
    values: dict[str, pd.Series] = {}
    conversions: list[dict[str, str]] = []
    notes = raw.notes + spelling_notes(columns)
    for name in (name for name in schema.columns if name in measured):
        column = measured[name]
        judged = _judged(column, schema, decimal)
        if QUANTITIES[name].kind == "number" and name not in unit_faults:
            judged = converted(column, judged, schema, values)
            conversions += conversion_of(column)
            if raw.attrs.get("schema") != schema.name:  # what has been read once was asked about then
                faults += percent_faults(column, judged.values)
        values[name] = judged.values
        faults += judged.faults
        notes += judged.notes
    if "year" in schema.columns and "year" not in measured and "date" in measured:
        values["year"] = values["date"].map(year_or_missing).astype("float64")
        measured["year"] = replace(measured["date"], quantity=QUANTITIES["year"])
        conversions.append({"column": "year", "from": "date", "to": "decimal year"})
    ordered = {name: values[name] for name in schema.columns if name in values}
    frame = pd.DataFrame(ordered, index=columns[0].cells.index, copy=False)

    faults += cell_faults(frame, schema, measured, set(unit_faults), faults)
    own = [column for column in columns if column.written.startswith("x_")]
    kept = {column.written: natural(column) for column in own}
    notes += [note for judged in kept.values() for note in judged.notes]
    beside = pd.DataFrame({name: judged.values for name, judged in kept.items()}, index=frame.index, copy=False)
    whole = pd.concat([frame, beside], axis=1) if own else frame
    found, said = row_faults(whole, frame.drop(columns=list(unit_faults)), schema, measured)
    faults += found
    notes += said

    result = whole.reset_index(drop=True)
    stated = {name: QUANTITIES[name].unit for name in frame if QUANTITIES[str(name)].kind == "number"}
    stated |= {column.written: column.unit for column in own if column.unit}
    result.attrs = raw.attrs | {
        "schema": schema.name,
        "units": stated,
        "source": raw.source,
        "conversions": conversions,
        "notes": notes,
        "sha256": raw.sha256,
    }
    return result, faults
