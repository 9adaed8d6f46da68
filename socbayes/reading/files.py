"""From a file or a frame to a table as it lies there."""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path

import pandas as pd

from socbayes.errors import UnreadableFileError
from socbayes.reading.raw import RawTable, Table, without_blanks
from socbayes.reading.sheets import from_sheet
from socbayes.reading.text_files import from_text_file
from socbayes.vocabulary import TableSchema

_TEXT_FILES = (".csv", ".tsv", ".tab", ".txt", ".dat", ".dly")
_EXCEL_FILES = (".xlsx", ".xlsm")
_PARQUET_FILES = (".parquet", ".pq")


def load(table: Table, sheet: str | int, schema: TableSchema) -> RawTable:
    """Read whatever was given without judging it.

    Parameters
    ----------
    table
        Path or frame.
    sheet
        Name or position of the sheet of an Excel file.
    schema
        Kind of table that is wanted.

    Raises
    ------
    EmptyTableError
        If there are no rows.
    UnreadableFileError
        If there is no such file, or it is no table.
    """
    if isinstance(table, pd.DataFrame):
        source = str(table.attrs.get("source") or table.attrs.get("name") or "table")
        return _from_frame(table, source, _frame_sha256(table))
    path = Path(table)
    kind = path.suffix.lower()
    if not path.is_file():
        raise UnreadableFileError(_no_such_file(path))
    if kind not in _TEXT_FILES + _EXCEL_FILES + _PARQUET_FILES:
        advice = "save it as .xlsx or as CSV" if kind in (".xls", ".ods", ".numbers") else "known: .csv, .tsv, .txt"
        raise UnreadableFileError(f"{path.name}: unknown file type {kind!r} ({advice}, .xlsx, .parquet)")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if kind in _TEXT_FILES:
        return from_text_file(path, schema, sha256)
    if kind in _EXCEL_FILES:
        return from_sheet(path, sheet, schema, sha256)
    return _from_parquet(path, sha256)


def _from_parquet(path: Path, sha256: str) -> RawTable:
    """Read a Parquet file; what its attributes say of units and origin is nobody's statement and left aside."""
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # the reader raises whatever its own libraries raise
        raise UnreadableFileError(f"{path.name} cannot be read as {path.suffix[1:].lower()}: {error}") from error
    said = sorted(map(str, frame.attrs))
    frame.attrs = {}
    raw = _from_frame(frame, path.name, sha256)
    if said:
        raw.notes.append(f"Attributes inside the file are not used: {', '.join(said)}.")
    return raw


def _no_such_file(path: Path) -> str:
    if path.is_dir():
        return f"{path.name} is a folder; give the path of one file"
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    return f"there is no file {path}" + (f"; did you mean {near[0]!r}?" if near else "")


def _frame_sha256(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for position, name in enumerate(frame.columns):
        cells = frame.iloc[:, position]
        plain = cells if pd.api.types.is_numeric_dtype(cells) else cells.astype("str")
        digest.update(str(name).encode())
        digest.update(pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _from_frame(frame: pd.DataFrame, source: str, sha256: str) -> RawTable:
    numbered = frame.set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0)
    cells = [numbered.iloc[:, position] for position in range(numbered.shape[1])]
    return without_blanks(RawTable([str(name) for name in frame.columns], cells, source, sha256, dict(frame.attrs)))
