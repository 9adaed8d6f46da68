"""Rows that contradict themselves or the rows beside them."""

import numpy as np
import pandas as pd
import pytest

from socbayes.observations import observed_columns
from socbayes.table import examine_table, read_table, validate_table
from socbayes.vocabulary import NEVER_LEFT_EMPTY, QUANTITIES, SCHEMAS


def plots(**columns):
    return pd.DataFrame({"site": ["Farm", "Farm"], "plot": ["A", "B"], "year": [2010.0, 2010.0]} | columns)


def jars(name, values, schema="incubation_time_series"):
    series = "jar" if schema == "priming_time_series" else "series"
    frame = pd.DataFrame({"study": "S", series: "a", "incubation_day": range(1, len(values) + 1), name: values})
    frame = frame[[one for one in frame if one in SCHEMAS[schema].columns]]
    for other in SCHEMAS[schema].required:
        if other not in frame:
            frame[other] = np.linspace(1, 2, len(values))
    return frame, {one: QUANTITIES[one].unit for one in frame if QUANTITIES[one].kind == "number"}


CUMULATIVE = [(schema.name, name) for schema in SCHEMAS.values() for name in schema.cumulative]


@pytest.mark.parametrize(("schema", "name"), CUMULATIVE)
@pytest.mark.parametrize("values", [[10, 20, 15], [10, 20, 17, 25], [30, 20, 10]])
def test_a_cumulative_series_that_falls_is_a_fault(schema, name, values):
    frame, units = jars(name, values, schema)
    faults = validate_table(frame, schema, units)
    assert {(fault.kind, fault.column) for fault in faults} == {("falling sum", name)}
    assert str(values[2]) in faults[-1].found
    assert str(max(values[:2])) in faults[-1].found


@pytest.mark.parametrize(("schema", "name"), CUMULATIVE)
def test_a_cumulative_series_that_falls_by_the_error_of_reading_is_noted(schema, name):
    frame, units = jars(name, [10, 20, 19.5, 21], schema)
    table, faults = examine_table(frame, schema, units)
    assert faults == []
    assert any("falls a little" in note and "row 4" in note for note in table.attrs["notes"])


def test_series_are_told_apart_and_sorted_by_day():
    frame, units = jars("cumulative_co2", [10, 20, 30])
    other = frame.assign(series="b", cumulative_co2=[1, 2, 3])
    both = pd.concat([frame, other]).sort_values("cumulative_co2", ascending=False)
    assert validate_table(both, "incubation_time_series", units) == []


DEVIATIONS = [
    name for name in observed_columns() if not name.endswith("_sd") and QUANTITIES[name].unit != "g/m2/day"
]  # fmt: skip


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_above_its_value_is_asked_about(name):
    frame = plots(**{name: [40.0, 30.0], f"{name}_sd": [80.0, 3.0]})
    (fault,) = validate_table(frame, "field_soc", {one: QUANTITIES[one].unit for one in (name, f"{name}_sd")})
    assert (fault.kind, fault.row, fault.column) == ("large deviation", 2, f"{name}_sd")
    assert "80" in fault.found
    assert "of 40" in fault.found
    assert "leave the standard deviation empty" in fault.suggestion


def test_a_deviation_is_compared_in_one_unit():
    frame = plots(**{"soc_stock [t/ha]": [40.0, 30.0], "soc_stock_sd [kg/m2]": [0.8, 0.3]})
    assert validate_table(frame, "field_soc") == []


def test_two_replicates_of_equal_value_are_kept_when_they_are_numbered():
    frame = plots(plot=["A", "A"], **{"soc_stock [t/ha]": [40.0, 40.0]})
    (fault,) = validate_table(frame, "field_soc")
    assert "column `replicate`" in fault.suggestion
    assert "delete the row if it is a copy" in fault.suggestion
    assert len(read_table(frame.assign(replicate=[1, 2]), "field_soc")) == 2


@pytest.mark.parametrize("name", NEVER_LEFT_EMPTY)
@pytest.mark.parametrize("cell", ["n.d.", "-", "?", "<0.1", "nothing", "-999"])
def test_an_empty_cell_is_not_advised_where_it_does_harm(name, cell):
    schema = next(one for one in ("field_soc", "field_management", "field_weather") if name in SCHEMAS[one].columns)
    frame = pd.DataFrame({one: ["2010"] for one in SCHEMAS[schema].required} | {name: [cell]})
    frame = frame.assign(**{one: "5" for one in ("month",) if one in frame})
    (fault,) = validate_table(frame, schema, {name: QUANTITIES[name].unit})
    assert "empty" not in fault.suggestion
    assert NEVER_LEFT_EMPTY[name] in fault.suggestion


@pytest.mark.parametrize("cell", ["n.d.", "<5", "-999"])
def test_an_empty_cell_is_advised_where_it_does_none(cell):
    (fault,) = validate_table(plots(clay=[cell, "20"]), "field_soc", {"clay": "%"})
    assert "leave the cell empty" in fault.suggestion


@pytest.mark.parametrize("cell", ["n.d.", "-999"])
def test_a_required_number_is_no_empty_cell(cell):
    frame = pd.DataFrame({"observation": ["a"], "study": ["S"], "measurement_method": ["water_18O"]})
    (fault,) = validate_table(frame.assign(carbon_use_efficiency=cell), "cue")
    assert "delete the row" in fault.suggestion
