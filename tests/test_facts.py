"""Tables that are kept with a fit come back as they were."""

from __future__ import annotations

import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from pandas.testing import assert_frame_equal

from socbayes.datasets import list_datasets, load_dataset
from socbayes.facts import table_of, with_tables
from socbayes.inference.runs import read_tree, save
from socbayes.spec import ModelSpec, attach, notes_of, spec_of
from socbayes.table import read_table

ATTRS = ("name", "sha256", "citation", "licence")


def stored(path, **tables: pd.DataFrame) -> xr.DataTree:
    """Tables by role, written to a file and read back."""
    tree = xr.DataTree()
    with_tables(tree, tables)
    save(tree, path / "fit.nc")
    return read_tree(path / "fit.nc")


@pytest.mark.parametrize("name", list_datasets()["name"])
def test_a_bundled_table_comes_back_as_it_was(name, tmp_path):
    table = load_dataset(name)
    again = table_of(stored(tmp_path, table=table))
    assert_frame_equal(again, table, check_exact=True)
    assert {key: again.attrs.get(key) for key in ATTRS} == {key: table.attrs.get(key) for key in ATTRS}


def test_tables_are_told_apart_by_their_role(tmp_path):
    pairs, levels = load_dataset("necromass_pairs"), load_dataset("necromass_levels")
    fitted = stored(tmp_path, table=pairs, levels=levels)
    assert_frame_equal(table_of(fitted, "table"), pairs)
    assert_frame_equal(table_of(fitted, "levels"), levels)
    assert table_of(fitted, "gradient") is None


def test_a_table_of_the_callers_comes_back_with_what_it_lacks_and_in_canonical_units(tmp_path):
    own = pd.DataFrame(
        {
            "observation": ["a", "b", "c"],
            "study": ["Mine", "Mine", "Yours"],
            "measurement_method": ["water_18O"] * 3,
            "carbon_use_efficiency": [30.0, 40.0, 50.0],
            "incubation_temperature": [288.15, 298.15, None],
            "ecosystem": [None, "forest", "cropland"],
            "substrate_class": [None, None, "glucose"],
        }
    )
    table = read_table(own, "cue", units={"carbon_use_efficiency": "%", "incubation_temperature": "K"})
    again = table_of(stored(tmp_path, table=table))
    assert_frame_equal(again, table, check_exact=True)
    assert again["carbon_use_efficiency"].tolist() == pytest.approx([0.3, 0.4, 0.5])
    assert again["incubation_temperature"].isna().tolist() == [False, False, True]
    assert again["incubation_temperature"].iloc[:2].tolist() == pytest.approx([15.0, 25.0])
    assert again["ecosystem"].isna().tolist() == [True, False, False]
    assert again["substrate_class"].isna().tolist() == [True, True, False]


def test_an_empty_text_is_not_a_missing_one(tmp_path):
    table = pd.DataFrame({"note": pd.Series(["", None, "said"], dtype="str"), "count": [1, 2, 3], "used": [True] * 3})
    assert_frame_equal(table_of(stored(tmp_path, table=table)), table, check_exact=True)


def test_columns_may_be_called_as_spreadsheets_call_them(tmp_path):
    """Among them names that netCDF would not take, and one that it takes for the rows themselves."""
    table = pd.DataFrame({"x_C/N": [1.0, 2.0], "row": [7, 8], "x_note ": ["a", "b"], "x_depth (cm)": [0.5, None]})
    assert_frame_equal(table_of(stored(tmp_path, table=table)), table, check_exact=True)


def test_missing_cells_of_nullable_columns_stay_missing(tmp_path):
    table = pd.DataFrame({"x_used": pd.array([True, None], "boolean"), "x_count": pd.array([3, None], "Int64")})
    again = table_of(stored(tmp_path, table=table))
    assert again["x_used"].isna().tolist() == again["x_count"].isna().tolist() == [False, True]
    assert (again["x_used"][0], again["x_count"][0]) == ("True", 3)


def test_notes_of_tables_are_notes_of_any_model_each_once():
    table = load_dataset("cue")
    table.attrs["notes"] = ["Two words were taken for missing cells: rows 3 and 9.", "Rain was in mm/day."]
    model = pm.Model()
    attach(model, ModelSpec("mine", "What is it?", notes=("Rain was in mm/day.", "Clay is assumed.")), {"table": table})
    assert spec_of(model).notes == (*table.attrs["notes"], "Clay is assumed.")
    table.attrs["notes"] = "not a list"
    assert notes_of(table) == []
