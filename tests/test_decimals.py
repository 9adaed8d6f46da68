"""Decimal marks are judged from the whole file; what stays open is refused with both readings."""

import pandas as pd
import pytest

from socbayes.reading.decimals import readings
from socbayes.table import examine_table, read_table, validate_table

PLOTS = ["site", "plot", "year"]


def plots(tmp_path, columns, rows, separator=";", name="plots.csv"):
    """A file of field plots, as typed."""
    header = [*PLOTS, *columns]
    lines = [["Farm", f"P{n}", "2010", *row] for n, row in enumerate(rows)]
    text = "\n".join(separator.join(cells) for cells in [header, *lines])
    (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    return tmp_path / name


@pytest.mark.parametrize(
    ("separator", "stock", "density", "value", "mark"),
    [
        (";", ["40.500", "38.250"], ["1,35", "1,4"], [40.5, 38.25], "comma"),
        ("\t", ["40.500", "950"], ["1,35", "1,4"], [40.5, 0.95], "comma"),
        ("\t", ["40,500", "38,250"], ["1.35", "1.4"], [40.5, 38.25], "point"),
        (";", ["40,500", "38,250"], ["1.35", "0.975"], [40.5, 38.25], "point"),
        (";", ["40.500,5", "38.250"], ["1,35", "1,375"], [40.5005, 38.25], "comma"),
        ("\t", ["1.040.500", "38.250"], ["1,35", "1,375"], [1040.5, 38.25], "comma"),
    ],
)
def test_thousands_beside_a_sure_decimal_mark_are_thousands(tmp_path, separator, stock, density, value, mark):
    rows = list(zip(stock, density, strict=True))
    table = read_table(plots(tmp_path, ["soc_stock [kg/ha]", "bulk_density [g/cm3]"], rows, separator), "field_soc")
    assert table["soc_stock"].tolist() == pytest.approx(value)
    assert table["bulk_density"].max() < 1.5
    (note,) = table.attrs["notes"]
    assert f"the {mark} is the decimal mark of this file" in note
    assert "column `soc_stock`" in note


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize(
    "stocks",
    [
        ["40,5", "38,2"],
        ["40,500", "38,2"],
        ["0,125", "40,500"],
        ["40,500", "1038,25"],
        ["40,5000", "12,345"],
        [",5", "4"],
    ],
)
def test_honest_decimal_commas_are_read(tmp_path, separator, stocks):
    table = read_table(plots(tmp_path, ["soc_stock [t/ha]"], [[one] for one in stocks], separator), "field_soc")
    assert table["soc_stock"].tolist() == [float(one.replace(",", ".")) for one in stocks]
    assert table.attrs["notes"] == []


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("stocks", [["40.5", "38.2"], ["40.500", "38.2"], ["0.125", "40.500"], ["1e3", "4.5e1"]])
def test_decimal_points_in_such_files_are_read(tmp_path, separator, stocks):
    table = read_table(plots(tmp_path, ["soc_stock [t/ha]"], [[one] for one in stocks], separator), "field_soc")
    assert table["soc_stock"].tolist() == [float(one) for one in stocks]


@pytest.mark.parametrize(
    ("separator", "columns", "row", "refused", "both"),
    [
        (";", ["rain [mm]"], ["1,250"], "rain", ("1250", "1.25")),
        ("\t", ["rain [mm]"], ["1.250"], "rain", ("1250", "1.25")),
        (";", ["rain [mm]"], ["1,125"], "rain", ("1125", "1.1250")),
        (";", ["rain [mm]", "temperature [degC]"], ["1,250", "12"], "rain", ("1250", "1.25")),
    ],
)
def test_a_number_of_which_the_file_tells_nothing_is_refused_with_both_readings(
    tmp_path, separator, columns, row, refused, both
):
    header = separator.join(["site", "year", "month", *columns])
    (tmp_path / "weather.csv").write_text(f"{header}\n{separator.join(['Farm', '2010', '1', *row])}\n")
    (fault,) = validate_table(tmp_path / "weather.csv", "field_weather")
    assert (fault.kind, fault.column, fault.row) == ("two readings", refused, 2)
    assert all(one in fault.suggestion for one in both)


@pytest.mark.parametrize("which", [0, 1])
def test_the_advice_on_two_readings_settles_the_file(tmp_path, which):
    """Written as told, one number decides for the others as well."""
    cells = ["1,250", "2,125"]
    path = plots(tmp_path, ["soc_stock [kg/ha]"], [[one] for one in cells])
    faults = validate_table(path, "field_soc")
    assert len(faults) == 2
    cells[1] = readings(cells[1])[which]
    result = examine_table(plots(tmp_path, ["soc_stock [kg/ha]"], [[one] for one in cells]), "field_soc")[0]
    assert result["soc_stock"].iloc[1] == pytest.approx([2.125, 0.002125][which])


def test_both_marks_in_a_file_leave_thousands_open_but_not_the_rest(tmp_path):
    path = plots(tmp_path, ["soc_stock [kg/ha]", "bulk_density [g/cm3]"], [["40.500", "1,35"], ["38000", "1.35"]])
    table, (fault,) = examine_table(path, "field_soc")
    assert (fault.kind, fault.row, fault.column) == ("two readings", 2, "soc_stock")
    assert "decimal points and decimal commas" in fault.suggestion
    assert table["bulk_density"].tolist() == [1.35, 1.35]


def test_a_column_that_counts_plainly_has_no_thousands_mark(tmp_path):
    rows = [["40.500", "1,35"], ["38000", "1,4"]]
    (fault,) = validate_table(plots(tmp_path, ["soc_stock [kg/ha]", "bulk_density [g/cm3]"], rows), "field_soc")
    assert (fault.kind, fault.found) == ("two readings", "'40.500'")


@pytest.mark.parametrize(
    ("column", "cells", "values"),
    [
        ("bulk_density [g/cm3]", ["1.325", "1.412"], [1.325, 1.412]),
        ("clay [%]", ["22,125", "18,500"], [22.125, 18.5]),
        ("clay [g/kg]", ["221,125", "185,500"], [22.1125, 18.55]),
        ("ph", ["6,125", "5,500"], [6.125, 5.5]),
    ],
)
def test_a_reading_that_the_quantity_cannot_have_is_none(tmp_path, column, cells, values):
    table = read_table(plots(tmp_path, [column], [[one] for one in cells]), "field_soc")
    assert table[column.split()[0]].tolist() == pytest.approx(values)


@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
@pytest.mark.parametrize("cell", ["40,500", "1,250", "12,345"])
def test_advice_on_a_quoted_number_names_both_readings(tmp_path, kind, cell):
    frame = pd.DataFrame({"site": ["Farm"], "plot": ["P"], "year": [2010], "soc_stock [kg/ha]": [cell]})
    if kind == "csv":
        frame.to_csv(tmp_path / "plots.csv", index=False)
    elif kind == "xlsx":
        frame.to_excel(tmp_path / "plots.xlsx", index=False)
    (fault,) = validate_table(frame if kind == "frame" else tmp_path / f"plots.{kind}", "field_soc")
    assert fault.kind == "text in a number"
    assert all(one in fault.suggestion for one in readings(cell))


def test_a_number_out_of_range_that_has_two_readings_is_shown_both(tmp_path):
    rows = [["40,500", "1.35"]]
    (fault,) = validate_table(plots(tmp_path, ["soc_stock [t/ha]", "bulk_density [g/cm3]"], rows, "\t"), "field_soc")
    assert fault.kind == "out of range"
    assert "40500 and as 40.5" in fault.suggestion


@pytest.mark.parametrize(
    ("cell", "value"), [("\u221212.5", -12.5), ("12.5\u200b", 12.5), ("\u00a012.5\u00a0", 12.5), ("\ufeff-3", -3.0)]
)
def test_signs_that_nobody_can_type_do_not_spoil_a_number(tmp_path, cell, value):
    (tmp_path / "t.csv").write_text(f"site,year,month,temperature [degC]\nFarm,2010,1,{cell}\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv", "field_weather")["temperature"].tolist() == [value]
