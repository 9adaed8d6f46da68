"""Units of columns: where they are stated, what they make of the numbers, and numbers that do not fit them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from socbayes.reading.packages import described_units
from socbayes.table import examine_table, read_table, validate_table
from socbayes.vocabulary import QUANTITIES, SCHEMAS

DATA = Path(__file__).parents[1] / "data"
MONTHS = {"site": ["Farm"] * 3, "year": [2011, 2012, 2012], "month": [1, 2, 4]}
DAYS = np.array([31.0, 29.0, 30.0])


# --- sums of months -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("mm/day", DAYS),
        ("mm d-1", DAYS),
        ("mm/d", DAYS),
        ("cm/day", 10 * DAYS),
        ("mm/h", 24 * DAYS),
        ("kg m-2 s-1", 86400 * DAYS),
        ("kg/m2/day", DAYS),
        ("L m-2 d-1", DAYS),
        ("mm/yr", DAYS / 365.25),
        ("mm/month", 1.0),
        ("mm month-1", 1.0),
        ("cm/month", 10.0),
        ("kg/m2", 1.0),
        ("L/m2", 1.0),
        ("mm", 1.0),
    ],
)
@pytest.mark.parametrize("name", [name for name in SCHEMAS["field_weather"].columns if QUANTITIES[name].unit == "mm"])
def test_water_of_a_month_is_summed_over_its_days(name, unit, factor):
    frame = pd.DataFrame(MONTHS | {f"{name} [{unit}]": [1e-4, 2e-4, 3e-4]})
    table = read_table(frame, "field_weather")
    np.testing.assert_allclose(table[name], np.array([1e-4, 2e-4, 3e-4]) * factor, rtol=1e-12)
    assert bool(table.attrs["conversions"]) == (unit not in ("mm", "L/m2"))
    assert any("days of each month" in note for note in table.attrs["notes"]) == isinstance(factor, np.ndarray)


def test_rain_per_day_that_is_too_much_for_a_month_is_refused():
    frame = pd.DataFrame(MONTHS | {"rain [mm/day]": [300.0, 2.0, 3.0]})
    (fault,) = validate_table(frame, "field_weather")
    assert (fault.kind, fault.row, fault.found) == ("out of range", 2, "300 mm/day, which is 9300 mm")


def test_rain_per_day_of_no_month_says_only_what_is_wrong_with_the_month():
    frame = pd.DataFrame(MONTHS | {"month": [1, 13, 4], "rain [mm/day]": [1.0, 2.0, 3.0]})
    (fault,) = validate_table(frame, "field_weather")
    assert (fault.kind, fault.column) == ("out of range", "month")


@pytest.mark.parametrize("unit", ["mm/day", "kg m-2 s-1", "mm/month"])
def test_a_quantity_that_is_no_sum_of_a_month_is_not_taken_for_one(unit):
    """A temperature per day is none, and rain of a year is per year."""
    frame = pd.DataFrame(MONTHS | {f"temperature [{unit}]": [1.0, 2.0, 3.0]})
    (fault,) = validate_table(frame, "field_weather")
    assert fault.kind == "wrong unit"


@pytest.mark.parametrize(
    ("unit", "factor"), [("kg/ha/yr", 1e-3), ("g/m2/month", 0.12), ("kg ha-1 d-1", 0.36525), ("t/ha/yr", 1.0)]
)
def test_inputs_per_time_are_turned_into_those_per_year(unit, factor):
    frame = pd.DataFrame(
        {"site": ["Farm"], "start_year": [2001], "end_year": [2002], f"plant_carbon_input [{unit}]": 2.0}
    )
    assert read_table(frame, "field_management")["plant_carbon_input"].tolist() == pytest.approx([2 * factor])


def test_an_input_per_no_time_is_asked_about():
    frame = pd.DataFrame({"site": ["Farm"], "start_year": [2001], "end_year": [2002], "plant_carbon_input [t/ha]": 2.0})
    (fault,) = validate_table(frame, "field_management")
    assert "per which time" in fault.suggestion


# --- fractions under percent, and limits ------------------------------------------------


@pytest.mark.parametrize("unit", ["%", "percent", "wt%", "pct"])
@pytest.mark.parametrize(
    ("name", "schema", "cells"),
    [
        ("clay", "field_soc", ["0.21", "0.18"]),
        ("silt_and_clay", "field_soc", ["0.6", "1"]),
        ("soil_organic_carbon", "field_soc", ["0.02", "0.015"]),
        ("total_nitrogen", "field_soc", ["0.002", "0.0015"]),
        ("plant_cover", "field_management", ["0.5", "1"]),
        ("harvest_index", "crop_carbon_allocation", ["0.45", "0.5"]),
        ("carbon_use_efficiency", "cue", ["0.32", "0.41"]),
        ("soil_moisture", "incubation_series", ["0.25", "0.3"]),
    ],
)
def test_a_column_all_below_one_percent_is_asked_about(name, schema, cells, unit):
    frame = pd.DataFrame({f"{name} [{unit}]": cells})
    (fault,) = [fault for fault in validate_table(frame, schema) if fault.kind == "fraction or percent"]
    assert fault.column == name
    assert cells[1].rstrip("0") in fault.found
    for remedy in ("g/100 g", "g/g" if QUANTITIES[name].unit == "g/kg" else "fraction"):
        assert f"`{name} [{remedy}]`" in fault.suggestion
        again = validate_table(pd.DataFrame({f"{name} [{remedy}]": cells}), schema)
        assert not [fault for fault in again if fault.column == name and fault.row is None]


@pytest.mark.parametrize(
    ("name", "schema", "cells"),
    [
        ("clay", "field_soc", [0.5, 20.0]),
        ("clay", "field_soc", [0.0, 0.0]),
        ("soil_organic_carbon", "field_soc", [0.5, 0.9]),
        ("total_nitrogen", "field_soc", [0.05, 0.12]),
        ("carbon_use_efficiency_error", "cue", [0.5, 0.9]),
    ],
)
def test_small_percents_that_soils_have_are_not_asked_about(name, schema, cells):
    faults = validate_table(pd.DataFrame({f"{name} [%]": cells}), schema)
    assert not [fault for fault in faults if fault.kind == "fraction or percent"]


def test_a_table_that_was_read_is_not_asked_again():
    frame = pd.DataFrame({"site": "Farm", "plot": ["A", "B"], "year": 2001, "clay [g/100 g]": [0.2, 0.4]})
    table = read_table(frame, "field_soc")
    assert table["clay"].tolist() == [0.2, 0.4]
    assert read_table(table, "field_soc")["clay"].tolist() == [0.2, 0.4]


LIMITED = [(schema.name, name) for schema in SCHEMAS.values() for name in schema.columns
           if QUANTITIES[name].kind == "number"]  # fmt: skip


@pytest.mark.parametrize(("schema", "name"), LIMITED)
def test_every_number_has_limits_and_beyond_them_is_refused_in_any_unit(schema, name):
    quantity = QUANTITIES[name]
    assert quantity.lower is not None
    assert quantity.upper is not None
    other = {
        "g/kg": ("%", 0.1), "percent": ("g/kg", 10.0), "t/ha": ("kg/m2", 0.1), "degC": ("degF", None), "1": ("1", 1.0),
        "cm": ("m", 0.01), "mg/kg": ("g/kg", 1e-3), "g/cm3": ("kg/m3", 1e3), "t/ha/year": ("kg/ha/yr", 1e3),
    }  # fmt: skip
    unit, factor = other.get(quantity.unit, (quantity.unit, 1.0))
    over = [(limit + side * max(abs(limit), 1.0) * 0.01) for limit, side in ((quantity.lower, -1), (quantity.upper, 1))]
    written = [one * factor if factor is not None else one * 1.8 + 32 for one in over]
    faults = validate_table(pd.DataFrame({name: written}), schema, {name: unit})
    assert [fault.row for fault in faults if fault.kind == "out of range" and fault.column == name] == [2, 3]


# --- units that stand beside the file -----------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_bundled_table_is_read_as_the_file_that_it_is(name):
    table, faults = examine_table(DATA / f"{name}.csv", name)
    assert faults == []
    if any(described_units(DATA / f"{name}.csv").get(column) not in (None, "1") for column in table):
        assert "units that the file does not state are those of datapackage.json beside it" in table.attrs["notes"]


def test_units_of_a_description_are_converted_and_those_of_the_file_win(tmp_path):
    fields = [{"name": "soc_stock", "unit": "kg/m2"}, {"name": "clay", "unit": "g/kg"}, {"name": "site"}]
    package = {"resources": [{"path": "plots.csv", "schema": {"fields": fields}}]}
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    (tmp_path / "plots.csv").write_text("site,plot,year,soc_stock,clay [%]\nFarm,A,2001,4,20\n")
    table = read_table(tmp_path / "plots.csv", "field_soc")
    assert table[["soc_stock", "clay"]].iloc[0].tolist() == [40.0, 20.0]
    table = read_table(tmp_path / "plots.csv", "field_soc", units={"soc_stock": "t/ha"})
    assert table["soc_stock"].tolist() == [4.0]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", "null", '{"resources": 3}', '{"resources": [3]}', '{"resources": [{"path": "plots.csv"}]}'),
        '{"resources": [{"path": "plots.csv", "schema": {"fields": [{"name": "soc_stock", "unit": 3}]}}]}',
        '{"resources": [{"path": "other.csv", "schema": {"fields": [{"name": "soc_stock", "unit": "t/ha"}]}}]}',
    ],
)
def test_a_description_that_states_no_unit_leaves_the_question(tmp_path, text):
    (tmp_path / "datapackage.json").write_text(text)
    (tmp_path / "plots.csv").write_text("site,plot,year,soc_stock\nFarm,A,2001,40\n")
    (fault,) = validate_table(tmp_path / "plots.csv", "field_soc")
    assert fault.kind == "unit missing"


def test_a_model_converts_what_the_attributes_of_a_frame_state():
    from socbayes.models.field.tables import judged

    frame = pd.DataFrame({"site": "Farm", "plot": "A", "year": [2001.0], "soc_stock": [4.0]})
    assert judged(frame).obs["soc_stock"].tolist() == [4.0]
    frame.attrs = {"units": {"soc_stock": "kg/m2"}}
    assert judged(frame).obs["soc_stock"].tolist() == [40.0]
