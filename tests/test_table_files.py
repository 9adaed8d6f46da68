"""Files as programs save them: sheets with titles and merged cells, encodings, columns beyond counting."""

import datetime
import io
import re
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from socbayes.errors import EmptyTableError, UnreadableFileError
from socbayes.table import read_table, validate_table

PLOTS = "site,plot,year,soc_stock [t/ha],ph\nFarm,A1,2010.8,40,6.5\nFarm,A2,2010.8,41,6.6\n"


def book(path, rows, merged=(), patched=None):
    made = Workbook()
    sheet = made.active
    for row in rows:
        sheet.append(row)
    for span in merged:
        sheet.merge_cells(span)
    made.save(path)
    if patched is None:
        return
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            data = old.read(item.filename)
            new.writestr(item, re.sub(*patched, data) if item.filename.startswith("xl/worksheets/") else data)


# --- sheets -------------------------------------------------------------------------


def test_a_sheet_with_title_units_and_merged_cells_is_read(tmp_path):
    book(
        tmp_path / "t.xlsx",
        [
            ["Organic carbon of the farm, 2010 to 2021", None, None, None],
            [],
            ["site", "plot", "year", "soc_stock"],
            [None, None, None, "t/ha"],
            ["Farm", "A1", 2010.8, 40],
            [None, "A2", 2010.8, 41],
            [None, "A1", 2015, 42.5],
        ],
        merged=["A1:D1", "A5:A7", "A3:A4"],
    )
    table = read_table(tmp_path / "t.xlsx", "field_soc")
    assert table["site"].tolist() == ["Farm"] * 3
    assert table["soc_stock"].tolist() == [40, 41, 42.5]
    assert table.attrs["notes"] == [
        "Above the names of the columns stands a title that is not used: 'Organic carbon of the farm, 2010 to 2021'.",
        "Merged cells hold what is written in the first of them; cells filled by column: `site` (2).",
    ]


def test_names_of_columns_over_two_rows_are_read(tmp_path):
    book(
        tmp_path / "t.xlsx",
        [
            ["site", "plot", "year", "Carbon", None],
            [None, None, None, "soc_stock [t/ha]", "soc_stock_sd [t/ha]"],
            ["Farm", "A1", 2010.8, 40, 2],
            ["Farm", "A2", 2010.8, 41, 3],
        ],
        merged=["A1:A2", "B1:B2", "C1:C2", "D1:E1"],
    )
    table = read_table(tmp_path / "t.xlsx", "field_soc")
    assert table["plot"].tolist() == ["A1", "A2"]
    assert table["soc_stock_sd"].tolist() == [2, 3]


def test_rows_of_a_sheet_keep_their_numbers(tmp_path):
    rows = [["Title"], [], ["site", "plot", "year", "soc_stock [t/ha]"], [], ["Farm", "A1", 2010, -4]]
    book(tmp_path / "t.xlsx", rows)
    (fault,) = validate_table(tmp_path / "t.xlsx", "field_soc")
    assert (fault.kind, fault.row) == ("out of range", 5)


@pytest.mark.parametrize("dimension", ["A1:XFD1048576", "A1:E1048576", "A1:XFD3", "A1"])
def test_a_sheet_is_as_large_as_its_cells(tmp_path, dimension):
    """Some programs declare the whole sheet as used: 17 thousand million cells."""
    rows = [row.split(",") for row in PLOTS.replace(",ph", ",x_note").splitlines()]
    rows[1:] = [[*row[:2], float(row[2]), float(row[3]), row[4]] for row in rows[1:]]
    book(tmp_path / "t.xlsx", rows, patched=(rb'(<dimension ref=)"[^"]*"', rb'\1"' + dimension.encode() + b'"'))
    begun = time.process_time()
    table = read_table(tmp_path / "t.xlsx", "field_soc")
    assert table["soc_stock"].tolist() == [40, 41]
    assert time.process_time() - begun < 5


def test_merged_cells_end_where_the_sheet_does(tmp_path):
    book(
        tmp_path / "t.xlsx",
        [["crop", "harvest_index"], ["wheat", 0.4], ["rye", None]],
        ["B2:B3"],
        (b"B2:B3", b"B2:XFD1048576"),
    )
    table = read_table(tmp_path / "t.xlsx", "crop_carbon_allocation")
    assert table["harvest_index"].tolist() == [0.4, 0.4]


@pytest.mark.parametrize(
    ("sheet", "words"), [("data", r"no sheet 'data'; it has 'Sheet'"), (3, "it has 1, counted from 0")]
)
def test_a_sheet_that_is_not_there(tmp_path, sheet, words):
    book(tmp_path / "t.xlsx", [["crop"], ["wheat"]])
    with pytest.raises(UnreadableFileError, match=words):
        read_table(tmp_path / "t.xlsx", "crop_carbon_allocation", sheet=sheet)


def test_a_sheet_without_content(tmp_path):
    book(tmp_path / "t.xlsx", [["", " "], [None]])
    with pytest.raises(EmptyTableError, match="empty"):
        read_table(tmp_path / "t.xlsx", "crop_carbon_allocation")


@pytest.mark.parametrize(
    ("schema", "column", "advice"),
    [("field_soc", "year", "call the column `date`"), ("field_management", "start_year", "decimal year, 2010.799")],
)
def test_an_excel_date_under_year_is_called_date(tmp_path, schema, column, advice):
    rows = {
        "field_soc": [["site", "plot", "year"], ["Farm", "A1", datetime.datetime(2010, 10, 19)]],
        "field_management": [["site", "start_year", "end_year"], ["Farm", datetime.datetime(2010, 10, 19), 2012]],
    }[schema]
    book(tmp_path / "t.xlsx", rows)
    (fault,) = [one for one in validate_table(tmp_path / "t.xlsx", schema) if one.column == column]
    assert fault.kind == "text in a number"
    assert "2010-10-19" in fault.found
    assert advice in fault.suggestion


# --- text -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_unicode_files_are_read(tmp_path, encoding, separator):
    text = PLOTS.replace("Farm", "Müncheberg").replace(",", separator)
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv", "field_soc")
    assert table["site"].tolist() == ["Müncheberg"] * 2
    assert table["soc_stock"].tolist() == [40, 41]
    assert any("UTF-" in note for note in table.attrs["notes"]) == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Müncheberg", "cp1252"),
        ("Groß Lüben", "iso8859-15"),
        ("Växjö", "cp1252"),
        ("café", "mac-roman"),
        ("España", "cp850"),
        ("21 °C", "cp1252"),
    ],
)
def test_older_encodings_are_read_where_they_can_be_told(tmp_path, text, encoding):
    (tmp_path / "t.csv").write_bytes(PLOTS.replace("Farm", text).encode(encoding))
    table = read_table(tmp_path / "t.csv", "field_soc")
    assert table["site"].tolist() == [text] * 2
    (note,) = table.attrs["notes"]
    assert "not in UTF-8" in note
    assert next(letter for letter in text if not letter.isascii()) in note


@pytest.mark.parametrize(
    ("text", "encoding"), [("España", "cp1252"), ("Větrov", "cp1250"), ("Fougères", "cp1252"), ("Łódź", "cp1250")]
)
def test_older_encodings_that_cannot_be_told_are_refused(tmp_path, text, encoding):
    (tmp_path / "t.csv").write_bytes(PLOTS.replace("Farm", text).encode(encoding))
    with pytest.raises(UnreadableFileError, match=r"line 2 may be .* does not tell which"):
        read_table(tmp_path / "t.csv", "field_soc")


@pytest.mark.parametrize(
    "title", ["Organic carbon of the farm\n", "Organic carbon,,,,\n,,,,\n", '"A title\nof two lines"\n\n']
)
def test_a_title_above_the_header_of_a_text_file_is_named(tmp_path, title):
    (tmp_path / "t.csv").write_text(title + PLOTS.replace("41", "-41"))
    (fault,) = validate_table(tmp_path / "t.csv", "field_soc")
    assert fault.row == 3 + (2 if "\n," in title or "two" in title else 1)
    (tmp_path / "t.csv").write_text(title + PLOTS)
    (note,) = read_table(tmp_path / "t.csv", "field_soc").attrs["notes"]
    assert "a title that is not used" in note


def test_a_header_over_two_lines_is_read(tmp_path):
    (tmp_path / "t.csv").write_text(PLOTS.replace("soc_stock [t/ha]", '"soc_stock\n[t/ha]"').replace("41", "-41"))
    (fault,) = validate_table(tmp_path / "t.csv", "field_soc")
    assert (fault.row, fault.column) == (3, "soc_stock")


@pytest.mark.parametrize("own", [True, False])
def test_ten_thousand_columns_are_read_or_counted(tmp_path, own):
    frame = pd.read_csv(io.StringIO(PLOTS))
    names = [f"{'x_' if own else ''}spectrum_{n}" for n in range(10_000)]
    frame = pd.concat([frame, pd.DataFrame(1.5, index=frame.index, columns=names)], axis=1)
    frame.to_csv(tmp_path / "t.csv", index=False)
    begun = time.process_time()
    faults = validate_table(tmp_path / "t.csv", "field_soc")
    assert time.process_time() - begun < 20
    assert sum(fault.count for fault in faults) == (0 if own else 10_000)
    assert len(faults) <= 101


# --- numbers that are read at once are those that are read as text ---------------------------


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2.5"], [1, 2.5]),
        ([" 1 ", "2"], [1, 2]),
        (["1", ""], [1, np.nan]),
        (["1", "NA"], [1, np.nan]),
        (["1", "nan"], [1, np.nan]),
        (["1e1", "-0"], [10, 0]),
        (['"1"', "2"], [1, 2]),
        (["0.1", "0.30000000000000004"], [0.1, 0.30000000000000004]),
    ],
)
def test_numbers_of_a_file_with_commas(tmp_path, cells, expected):
    rows = "".join(f"r{n},a,0.4,water_18O,{cell}\n" for n, cell in enumerate(cells))
    head = "observation,study,carbon_use_efficiency,measurement_method,substrate_dose [mg/kg]\n"
    (tmp_path / "t.csv").write_text(head + rows)
    table = read_table(tmp_path / "t.csv", "cue")
    np.testing.assert_array_equal(table["substrate_dose"], expected)


def test_names_that_are_numbers_stay_as_they_are_written(tmp_path):
    (tmp_path / "t.csv").write_text("site,plot,year,soc_stock [t/ha]\n007,1.0,2010,40\n007,2.0,2010,41\n")
    table = read_table(tmp_path / "t.csv", "field_soc")
    assert table["site"].tolist() == ["007", "007"]
    assert table["plot"].tolist() == ["1.0", "2.0"]


def test_the_benchmark_of_reading_runs():
    import subprocess
    import sys
    from pathlib import Path

    root = Path(__file__).parents[1]
    command = [sys.executable, "benchmarks/reading.py", "--rows", "200", "--rounds", "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "read_table" in done.stdout
