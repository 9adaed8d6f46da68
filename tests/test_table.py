"""Reading users' tables: good ones unchanged, bad ones with every fault."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from socbayes.errors import EmptyTableError, Fault, TableFaultsError, UnknownNameError, UnreadableFileError
from socbayes.labels import spelled_alike, tidied
from socbayes.reading.raw import LISTED
from socbayes.table import faults_table, pandera_schema, read_table, validate_table
from socbayes.vocabulary import LABELS, QUANTITIES, SCHEMAS

BAD = Path(__file__).parent / "bad_tables"
CUE = {
    "observation": ["r1", "r2", "r3"],
    "study": ["Beech stand", "Beech stand", "Hay meadow"],
    "carbon_use_efficiency": [0.38, 0.31, 0.25],
    "measurement_method": ["water_18O", "water_18O", "substrate_label"],
    "incubation_temperature": [15.0, 20.0, np.nan],
    "clay": [22.0, 18.5, 40.0],
}
CUE_UNITS = {"incubation_temperature": "degC", "clay": "%"}


def cue(**changes):
    return pd.DataFrame(CUE | changes)


def expected_cue():
    frame = cue()
    for name in ("observation", "study", "measurement_method"):
        frame[name] = frame[name].astype("str")
    return frame


def only(faults, kind=None):
    (fault,) = [fault for fault in faults if kind is None or fault.kind == kind]
    return fault


def says(text, *words):
    for word in words:
        assert word in text, (word, text)


# --- one file per fault -----------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "schema", "kind", "row", "column", "found", "expected", "suggestion"),
    [
        ("unknown_column", "cue", "unknown column", None, "temp", "temp", "cue", "`incubation_temperature`"),
        ("missing_column", "cue", "missing column", None, "measurement_method", "no such", "every cue table", "add"),
        ("wrong_unit", "necromass_levels", "wrong unit", None, "soil_organic_carbon", "t/ha", "g/kg", "bulk density"),
        (
            *("unit_missing", "necromass_levels", "unit missing", None, "soil_organic_carbon"),
            *("no unit", "g/kg", "`soil_organic_carbon [g/kg]`"),
        ),
        (
            *("cue_in_percent", "cue", "out of range", 3, "carbon_use_efficiency"),
            *("45", "-0.5 to 1.5", "looks like percent: write the header as `carbon_use_efficiency [%]`"),
        ),
        (
            *("negative_soc", "mineral_associated_carbon", "out of range", 3, "soil_organic_carbon"),
            *("-3.5 g/kg", "0 to 600 g/kg", "cannot be negative"),
        ),
        (
            *("necromass_above_soc", "necromass_pairs", "wrong order", 3, "necromass_treatment"),
            *("22.5 g/kg, above soil_organic_carbon_treatment of 18", "at most soil_organic_carbon_treatment", "check"),
        ),
        (
            *("control_equal_to_treatment", "necromass_pairs", "control equal to treatment", 3),
            *("necromass_treatment, soil_organic_carbon_treatment", "= 6", "beside its control", "itself"),
        ),
    ],
)
def test_bad_file(file, schema, kind, row, column, found, expected, suggestion):
    fault = only(validate_table(BAD / f"{file}.csv", schema))
    assert (fault.kind, fault.row, fault.column) == (kind, row, column)
    says(fault.found, found)
    says(fault.expected, expected)
    says(fault.suggestion, suggestion)


def test_duplicate_rows():
    copy, other = validate_table(BAD / "duplicate_rows.csv", "cue")
    assert (copy.kind, copy.row, copy.column) == ("duplicate row", 4, "observation")
    says(copy.found, "observation r1", "row 2")
    says(copy.suggestion, "delete")
    assert (other.kind, other.row) == ("duplicate row", 5)
    says(other.found, "observation r2", "row 3")
    says(other.suggestion, "differ elsewhere")


def test_identical_rows_of_a_table_without_key():
    pairs = pd.read_csv(BAD / "necromass_above_soc.csv").iloc[[0, 0]]
    fault = only(validate_table(pairs, "necromass_pairs"))
    assert (fault.kind, fault.row) == ("duplicate row", 3)
    says(fault.found, "row 2")


def test_text_in_a_number():
    faults = validate_table(BAD / "text_in_a_number.csv", "cue")
    assert [(fault.row, fault.column, fault.found) for fault in faults] == [
        (3, "carbon_use_efficiency", "'n.d.'"),
        (4, "incubation_temperature", "'15 C'"),
        (4, "clay", "'<5'"),
        (5, "clay", "'12,5'"),
    ]
    assert {fault.kind for fault in faults} == {"text in a number"}
    for fault, word in zip(faults, ["delete the row", "header", "detection", "12.5"], strict=True):
        says(fault.suggestion, word)
    says(faults[1].expected, "-20 to 70 degC")


def test_unknown_categories():
    faults = validate_table(BAD / "unknown_ecosystem.csv", "cue")
    assert {fault.kind for fault in faults} == {"unknown category"}
    seen = {(fault.row, fault.column): fault for fault in faults}
    says(seen[3, "ecosystem"].suggestion, "did you mean `grassland`?")
    says(seen[3, "ecosystem"].expected, "cropland, grassland")
    says(seen[4, "ecosystem"].suggestion, "`grassland`")
    says(seen[4, "measurement_method"].suggestion, "`water_18O`")


def test_unknown_practice():
    pairs = pd.read_csv(BAD / "necromass_above_soc.csv").iloc[:1].assign(practice="cover crops")
    fault = only(validate_table(pairs, "necromass_pairs"))
    assert (fault.row, fault.column) == (2, "practice")
    says(fault.suggestion, "`cover_crop`")


def test_empty_table():
    with pytest.raises(EmptyTableError, match="no rows"):
        read_table(BAD / "empty_table.csv", "cue")
    fault = only(validate_table(BAD / "empty_table.csv", "cue"))
    assert fault.kind == "empty table"
    says(fault.expected, "one measured carbon use efficiency")


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n,\n\n", "clay,ph\n%,-\n"])
def test_tables_without_rows(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(EmptyTableError):
        read_table(tmp_path / "t.csv", "cue")
    with pytest.raises(EmptyTableError):
        read_table(cue().iloc[:0], "cue")


def test_not_utf8():
    with pytest.raises(UnreadableFileError) as error:
        read_table(BAD / "not_utf8.csv", "cue")
    says(str(error.value), "not_utf8.csv", "byte 95", "line 3", "0xF1", "'ñ'", "'ń'", "CSV UTF-8")


def test_many_faults_at_once():
    faults = validate_table(BAD / "many_faults.csv", "cue")
    assert {(fault.kind, fault.row, fault.column) for fault in faults} == {
        ("row length", 7, ""),
        ("unknown column", None, "CUE"),
        ("unknown column", None, "remarks"),
        ("unknown column", None, "depth_top"),
        ("unit missing", None, "incubation_temperature"),
        ("wrong unit", None, "clay"),
        ("text in a number", 4, "CUE"),
        ("missing value", 3, "study"),
        ("out of range", 3, "CUE"),
        ("out of range", 6, "CUE"),
        ("unknown category", 3, "ecosystem"),
        ("unknown category", 4, "measurement_method"),
        ("unknown category", 6, "ecosystem"),
        ("duplicate row", 4, "observation"),
    }
    assert len(faults) == 14
    with pytest.raises(TableFaultsError) as error:
        read_table(BAD / "many_faults.csv", "cue")
    assert error.value.faults == faults
    says(str(error.value), "many_faults.csv: 14 faults", "row 6, column 'CUE'", "looks like percent", "`x_remarks`")
    says(only(f for f in faults if f.row == 6 and f.column == "CUE").suggestion, "missing value")


@pytest.mark.parametrize(
    ("file", "rows"), [("one_study_only", 6), ("one_row_per_study", 8), ("all_covariates_missing", 12)]
)
def test_sparse_tables_are_valid(file, rows):
    assert len(read_table(BAD / f"{file}.csv", "cue")) == rows


# --- faults that need no file -------------------------------------------------------


def test_missing_values_of_required_columns():
    frame = cue(study=["Beech stand", " ", None])
    faults = validate_table(frame, "cue", CUE_UNITS)
    assert [(fault.kind, fault.row, fault.column) for fault in faults] == [
        ("missing value", 3, "study"),
        ("missing value", 4, "study"),
    ]


@pytest.mark.parametrize(
    ("changes", "units", "words"),
    [
        ({"incubation_temperature": [288.15, 20, 20]}, {}, ["288.15 degC", "[K]"]),
        ({"clay": [-999.0, 20, 20]}, {}, ["-999 %", "missing value"]),
        ({"carbon_use_efficiency": [500.0, 20, 20]}, {"carbon_use_efficiency": "%"}, ["500 %, which is 5"]),
    ],
)
def test_advice_on_range(changes, units, words):
    fault = only(validate_table(cue(**changes), "cue", CUE_UNITS | units))
    assert fault.row == 2
    says(f"{fault.found} {fault.suggestion}", *words)


def test_limits_say_nothing_about_unknown_units():
    assert [f.kind for f in validate_table(cue(clay=[-5.0, 500.0, 1.0]), "cue", CUE_UNITS | {"clay": "cm"})] == [
        "wrong unit"
    ]


def test_aliases_are_suggested_and_checked_but_never_accepted():
    frame = cue().rename(columns={"carbon_use_efficiency": "CUE", "clay": "argile"})
    frame["CUE"] *= 100
    faults = validate_table(frame, "cue", CUE_UNITS)
    assert [(f.kind, f.column) for f in faults] == [
        ("unknown column", "CUE"),
        ("unknown column", "argile"),
        *[("out of range", "CUE")] * 3,
    ]
    says(faults[0].suggestion, "`carbon_use_efficiency`", "x_CUE")
    fault = validate_table(pd.DataFrame({"soc [g/kg]": [1.0]}), "necromass_levels")[0]
    assert fault.column == "soc"
    says(fault.suggestion, "`soil_organic_carbon`")


@pytest.mark.parametrize("header", ["Bulk density", "bulk-density", "BULK_DENSITY", "Bulk  Density"])
def test_capitals_blanks_and_hyphens_make_no_other_name(header, tmp_path):
    (tmp_path / "t.csv").write_text(
        f"Site,Plot,Year,SOC stock [t/ha],{header} (Mg m-3),Depth top [cm],depth_bottom [cm]\nFarm,1,2001,50,1.3,0,30\n"
    )
    table = read_table(tmp_path / "t.csv", "field_soc")
    assert table["bulk_density"].tolist() == [1.3]
    assert table["soc_stock"].tolist() == [50.0]
    (note,) = [note for note in table.attrs["notes"] if "capitals" in note]
    assert "`Site` as `site`" in note
    assert f"`{' '.join(header.split())}` as `bulk_density`" in note
    assert "depth_bottom" not in note
    again = pd.DataFrame({"crop": ["wheat"], "Crop": ["rye"], "harvest_index": [0.4]})
    assert [(fault.kind, fault.column) for fault in validate_table(again, "crop_carbon_allocation")] == [
        ("duplicate column", "Crop")
    ]


def test_columns_named_twice_or_not_at_all(tmp_path):
    (tmp_path / "t.csv").write_text("crop,crop,,harvest_index\nwheat,rye,7,0.4\n")
    faults = validate_table(tmp_path / "t.csv", "crop_carbon_allocation")
    assert [(fault.kind, fault.column) for fault in faults] == [("duplicate column", "crop"), ("unknown column", "")]


def test_rows_of_the_wrong_length(tmp_path):
    (tmp_path / "t.csv").write_text('crop,harvest_index\nwheat,0.4\nrye\n"oats\n2",0.3\nmaize,0,5\n')
    faults = validate_table(tmp_path / "t.csv", "crop_carbon_allocation")
    assert [(fault.kind, fault.row, fault.found) for fault in faults] == [
        ("row length", 3, "1 cell"),
        ("row length", 5, "3 cells"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Crops of the region\ncultivar,share\nwheat,0.4\n", "first row has 1 cell,.*the names of the columns"),
        ('study,crop\ntrial,"wheat\ntrial,rye\n', "double quote is opened on line 2"),
        ('study,crop\n"trial,wheat\ntrial,rye\n', "double quote is opened on line 2"),
        ('study;crop\n"a\nb";wheat\n"trial;rye\ntrial;"oats"\n', "double quote is opened on line 4"),
        ('"study,crop\ntrial,wheat\n', "double quote is opened on line 1"),
        ('study,crop\ntrial,"' + "wheat\ntrial,rye\n" * 40_000, "double quote is opened on line 2"),
    ],
)
def test_files_that_are_no_table(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UnreadableFileError, match=words):
        read_table(tmp_path / "t.csv", "crop_carbon_allocation")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1 234,5", "thousands"),
        ("n.a.", "leave the cell empty"),
        ("0.3 ± 0.1", "the mean only"),
        ("inf", "write a number"),
        ("TRUE", "write a number"),
    ],
)
def test_advice_on_text_in_a_number(tmp_path, cell, words):
    (tmp_path / "t.csv").write_text(f"crop;harvest_index\nwheat;{cell}\n", encoding="utf-8")
    fault = only(validate_table(tmp_path / "t.csv", "crop_carbon_allocation"))
    assert fault.kind == "text in a number"
    says(fault.suggestion, words)


def test_units_for_a_column_that_is_not_there():
    fault = only(validate_table(cue(), "cue", CUE_UNITS | {"clays": "%"}))
    assert (fault.kind, fault.column) == ("unknown column", "clays")
    says(fault.suggestion, "`clay`")


def test_files_and_schemas_that_do_not_exist(tmp_path):
    (tmp_path / "plots.csv").write_text("a\n1\n")
    (tmp_path / "plots.xls").write_bytes(b"\xd0\xcf")
    (tmp_path / "broken.xlsx").write_bytes(b"no zip")
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    for name, words in {
        "plot.csv": "did you mean 'plots.csv'",
        "plots.xls": "save it as .xlsx",
        "broken.xlsx": "cannot be read as xlsx",
        "broken.parquet": "cannot be read as parquet",
        "": "is a folder",
    }.items():
        with pytest.raises(UnreadableFileError, match=words):
            read_table(tmp_path / name, "cue")
    with pytest.raises(UnknownNameError, match="did you mean 'necromass_pairs'"):
        read_table(cue(), "necromas_pairs")


def test_excel_dates_in_a_number(tmp_path):
    frame = cue().astype({"clay": object})
    frame.loc[1, "clay"] = pd.Timestamp("2024-05-01")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    fault = only(validate_table(tmp_path / "t.xlsx", "cue", CUE_UNITS))
    assert (fault.kind, fault.row, fault.column) == ("text in a number", 3, "clay")
    says(fault.suggestion, "date")


# --- good tables ----------------------------------------------------------------------


def header_units(frame, left="[", right="]"):
    return frame.rename(columns={name: f"{name} {left}{unit}{right}" for name, unit in CUE_UNITS.items()})


def with_unit_row(frame):
    row = {name: CUE_UNITS.get(name, "") for name in frame}
    return pd.concat([pd.DataFrame([row]), frame.astype(object)], ignore_index=True)


def write_csv(frame, path):
    header_units(frame).to_csv(path, index=False)


WRITERS = {
    "header.csv": write_csv,
    "parentheses.csv": lambda frame, path: header_units(frame, "(", ")").to_csv(path, index=False),
    "tab.tsv": lambda frame, path: header_units(frame).to_csv(path, index=False, sep="\t"),
    "semicolon.csv": lambda frame, path: header_units(frame).to_csv(path, index=False, sep=";"),
    "decimal_comma.csv": lambda frame, path: header_units(frame).to_csv(path, index=False, sep=";", decimal=","),
    "old_mac.csv": lambda frame, path: header_units(frame).to_csv(path, index=False, lineterminator="\r"),
    "with_bom.csv": lambda frame, path: header_units(frame).to_csv(path, index=False, encoding="utf-8-sig"),
    "unit_row.csv": lambda frame, path: with_unit_row(frame).to_csv(path, index=False),
    "header.xlsx": lambda frame, path: header_units(frame).to_excel(path, index=False),
    "unit_row.xlsx": lambda frame, path: with_unit_row(frame).to_excel(path, index=False),
    "header.parquet": lambda frame, path: header_units(frame).to_parquet(path),
}


@pytest.mark.parametrize("file", WRITERS)
def test_every_way_to_write_a_table(tmp_path, file):
    path = tmp_path / file
    WRITERS[file](cue(), path)
    table = read_table(path, "cue")
    assert_frame_equal(table, expected_cue())
    assert table.attrs == {
        "schema": "cue",
        "units": {"carbon_use_efficiency": "1", "incubation_temperature": "degC", "clay": "percent"},
        "source": file,
        "conversions": [],
        "notes": [],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def test_units_argument_wins_over_the_header(tmp_path):
    write_csv(cue(), tmp_path / "t.csv")
    table = read_table(str(tmp_path / "t.csv"), "cue", units={"clay": "g/kg"})
    np.testing.assert_allclose(table["clay"], [2.2, 1.85, 4.0])
    assert table.attrs["conversions"] == [{"column": "clay", "from": "g/kg", "to": "percent"}]


def test_percent_and_kelvin_are_converted():
    frame = cue(carbon_use_efficiency=[38.0, 31.0, 25.0], incubation_temperature=[288.15, 293.15, np.nan])
    before = frame.copy(deep=True)
    table = read_table(
        frame, "cue", units={"carbon_use_efficiency": "%", "incubation_temperature": "K", "clay": "percent"}
    )
    assert_frame_equal(table, expected_cue())
    assert_frame_equal(frame, before)
    assert [note["column"] for note in table.attrs["conversions"]] == [
        "carbon_use_efficiency",
        "incubation_temperature",
    ]


def test_rows_are_counted_below_a_unit_row_and_blank_lines(tmp_path):
    lines = with_unit_row(cue(clay=[22.0, 18.5, 140.0])).to_csv(index=False).splitlines()
    (tmp_path / "t.csv").write_text("\n".join([*lines[:3], "", ",,,,,", *lines[3:]]))
    fault = only(validate_table(tmp_path / "t.csv", "cue"))
    assert (fault.kind, fault.row) == ("out of range", 7)


def test_a_unit_row_with_a_slip_is_still_one(tmp_path):
    frame = with_unit_row(cue())
    frame.loc[0, "clay"] = "pircent"
    frame.to_csv(tmp_path / "t.csv", index=False)
    fault = only(validate_table(tmp_path / "t.csv", "cue"))
    assert (fault.kind, fault.column) == ("wrong unit", "clay")
    says(fault.found, "pircent")


def test_own_columns_are_kept_behind_the_others():
    frame = cue().assign(x_depth=[1, 2, 3], x_note=["a", "b", None])[["x_note", "clay", *list(CUE)[:5], "x_depth"]]
    table = read_table(frame, "cue", units=CUE_UNITS)
    assert list(table) == [*CUE, "x_note", "x_depth"]
    assert table["x_depth"].tolist() == [1, 2, 3]


def test_attributes_of_a_frame_give_units_and_are_kept():
    frame = cue()
    frame.attrs = {"title": "Carbon use efficiency", "units": {"incubation_temperature": "degC", "clay": "percent"}}
    table = read_table(frame, "cue")
    assert table.attrs["title"] == "Carbon use efficiency"
    again = read_table(table, "cue")
    assert_frame_equal(again, table)


@pytest.mark.parametrize("name", SCHEMAS)
def test_bundled_tables_pass_straight_through(name):
    from socbayes.datasets import load_dataset

    frame = load_dataset(name)
    table = read_table(frame, name)
    assert_frame_equal(table[list(frame)], frame, check_exact=True)
    assert table.attrs["conversions"] == []
    assert table.attrs["source"] == name
    pandera_schema(name).validate(table, lazy=True)


def test_units_and_names_in_attributes_of_a_parquet_file_are_not_believed(tmp_path):
    """Who wrote the file may have changed the numbers after the attributes."""
    frame = cue()
    frame.attrs = {"name": "cue", "units": {"carbon_use_efficiency": "percent", "clay": "g/kg"}, "citation": "Somebody"}
    frame.to_parquet(tmp_path / "mine.parquet")
    assert [(f.kind, f.column) for f in validate_table(tmp_path / "mine.parquet", "cue")] == [
        ("unit missing", "incubation_temperature"),
        ("unit missing", "clay"),
    ]
    table = read_table(tmp_path / "mine.parquet", "cue", units=CUE_UNITS)
    assert_frame_equal(table, expected_cue())
    assert table.attrs["source"] == "mine.parquet"
    assert not {"name", "citation"} & set(table.attrs)
    assert table.attrs["notes"] == ["Attributes inside the file are not used: citation, name, units."]


def test_numbers_as_names_stay_whole(tmp_path):
    frame = cue(study=[2001.0, 2001.0, 2002.0])
    assert read_table(frame, "cue", units=CUE_UNITS)["study"].tolist() == ["2001", "2001", "2002"]
    header_units(cue(study=["007", "007", "8"])).to_csv(tmp_path / "t.csv", index=False)
    assert read_table(tmp_path / "t.csv", "cue")["study"].tolist() == ["007", "007", "8"]


def test_a_sheet_is_chosen_by_name(tmp_path):
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="notes", index=False)
        header_units(cue()).to_excel(book, sheet_name="data", index=False)
    assert_frame_equal(read_table(tmp_path / "t.xlsx", "cue", sheet="data"), expected_cue())
    with pytest.raises(UnreadableFileError, match="nothing"):
        read_table(tmp_path / "t.xlsx", "cue", sheet="nothing")


# --- any valid table ------------------------------------------------------------------

NAMES = st.text(
    st.characters(codec="utf-8", categories=["L", "N"], include_characters=" ,;'\"-"), min_size=1, max_size=12
)
MISSING_WORDS = {"", "na", "nan", "none", "null", "n/a", "<na>", "-nan"}


def cells(name, required):
    quantity = QUANTITIES[name]
    if quantity.kind == "category":
        valid = st.sampled_from(quantity.categories)
    elif quantity.kind == "text":
        valid = NAMES.map(tidied).filter(lambda text: text.lower() not in MISSING_WORDS)
    else:
        upper = 1e6 if quantity.upper is None else quantity.upper
        valid = st.floats(quantity.lower, upper, allow_subnormal=False)
    return valid if required else st.none() | valid


@st.composite
def valid_tables(draw):
    schema = SCHEMAS[draw(st.sampled_from(["cue", "mineral_associated_carbon", "cue_temperature_gradient"]))]
    optional = [name for name in schema.optional if not name.startswith("depth")]
    names = [*schema.required, *draw(st.lists(st.sampled_from(optional), unique=True, max_size=4))]
    names = [name for name in schema.columns if name in names]
    rows = draw(st.integers(1, 6))
    frame = pd.DataFrame(
        {
            name: pd.Series(
                draw(st.lists(cells(name, name in schema.required), min_size=rows, max_size=rows)),
                dtype="float64" if QUANTITIES[name].kind == "number" else "str",
            )
            for name in names
        }
    )
    frame[schema.key[0]] = [f"{text} {n}" for n, text in enumerate(frame[schema.key[0]])]
    assume(not any(spelled_alike(frame[name].dropna()) for name in LABELS if name in frame))
    return schema.name, frame


@settings(deadline=None, max_examples=60)
@given(valid_tables(), st.sampled_from(",;\t"))
def test_any_valid_table_comes_back_from_csv_unchanged(tmp_path_factory, table, separator):
    schema, frame = table
    path = tmp_path_factory.mktemp("round_trip") / "t.csv"
    # g/100 g: a column below 1 % is asked about
    stated = {name: QUANTITIES[name].unit.replace("percent", "g/100 g") for name in frame}
    units = {name: f"{name} [{unit}]" for name, unit in stated.items() if unit}
    frame.rename(columns=units).to_csv(path, index=False, sep=separator)
    assert_frame_equal(read_table(path, schema), frame, check_exact=True)


# --- large tables -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(1)
    n = 200_000
    return pd.DataFrame(
        {
            "observation": [f"r{i}" for i in range(n)],
            "study": rng.choice(["Beech stand", "Hay meadow"], n),
            "carbon_use_efficiency": rng.uniform(0, 1, n).round(4),
            "measurement_method": "water_18O",
            "incubation_temperature [K]": rng.uniform(275, 300, n).round(2),
            "clay [%]": rng.uniform(0, 60, n).round(1),
            "ph": rng.uniform(4, 8, n).round(1),
        }
    )


def test_a_large_table_is_read(tmp_path, large):
    large.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", "cue")
    np.testing.assert_array_equal(table["clay"], large["clay [%]"])
    np.testing.assert_allclose(table["incubation_temperature"], large["incubation_temperature [K]"] - 273.15)


def test_a_large_table_has_its_faults_counted(tmp_path, large):
    frame = large.astype(object)
    frame.loc[::2, "carbon_use_efficiency"] = 45
    frame.loc[::4, "clay [%]"] = "n.d."
    frame.loc[1::4, "study"] = None
    frame.loc[199_999, "measurement_method"] = "18O"
    frame.loc[199_998, "observation"] = "r7"
    frame.to_csv(tmp_path / "t.csv", index=False)
    faults = validate_table(tmp_path / "t.csv", "cue")
    counts = pd.Series([f.count for f in faults]).groupby([f.kind for f in faults]).sum().to_dict()
    assert counts == {
        "out of range": 100_000,
        "text in a number": 50_000,
        "missing value": 50_000,
        "unknown category": 1,
        "duplicate row": 1,
    }
    assert len(faults) == 3 * (LISTED + 1) + 2
    assert only(faults, "unknown category").row == 200_001
    assert only(faults, "duplicate row").row == 200_000
    says(only(faults, "duplicate row").found, "row 9")
    ranges = [fault for fault in faults if fault.kind == "out of range"]
    assert [fault.row for fault in ranges[:3]] == [2, 4, 6]
    says(ranges[-1].found, "99,900 more")
    text = str(TableFaultsError(faults, "t.csv"))
    says(text, "t.csv: 200,002 faults", "and 99,995 more", "unknown category", "duplicate row")
    assert len(text.splitlines()) < 30


# --- field plots of the user's own ---------------------------------------------------


def plots(**columns):
    frame = {"site": ["Farm", "Farm"], "plot": ["1", "2"], "year": [2015, 2020], "soc_stock": [55.2, 53.1]}
    return pd.DataFrame(frame | columns)


def test_a_few_columns_make_a_table_of_plots(tmp_path):
    frame = plots().rename(columns={"soc_stock": "soc_stock [kg/m2]"})
    frame["bulk_density [kg/m3]"] = [1310, None]
    frame["microbial_biomass [mg C kg-1]"] = [None, 320]
    frame["necromass [mg/g]"] = [5.0, None]
    frame["co2_flux [umol CO2 m-2 s-1]"] = [1.5, None]
    frame["replicates"] = [4, 4]
    frame.to_csv(tmp_path / "plots.csv", index=False)
    table = read_table(tmp_path / "plots.csv", schema="field_soc")
    assert table["soc_stock"].tolist() == [552.0, 531.0]
    assert table["bulk_density"].iloc[0] == 1.31
    assert table["co2_flux"].iloc[0] == pytest.approx(1.5566, abs=1e-4)
    assert list(table)[:3] == ["site", "plot", "year"]


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_the_year_follows_from_the_date(tmp_path, extension):
    frame = plots(date=pd.to_datetime(["2015-07-02", "2020-01-01"])).drop(columns="year")
    frame = frame.rename(columns={"soc_stock": "soc_stock [t/ha]"})
    path = tmp_path / f"plots.{extension}"
    frame.to_csv(path, index=False) if extension == "csv" else frame.to_excel(path, index=False)
    table = read_table(path, "field_soc")
    assert table["date"].tolist() == ["2015-07-02", "2020-01-01"]
    assert table["year"].tolist() == pytest.approx([2015.5, 2020.00137], abs=1e-5)
    assert {"column": "year", "from": "date", "to": "decimal year"} in table.attrs["conversions"]
    again = read_table(table, "field_soc")
    assert_frame_equal(again, table)


@pytest.mark.parametrize("date", ["12/03/2015", "2015-13-01", "2015-02-30", "March 2015", "15-03-12"])
def test_a_date_that_is_none_is_shown(date):
    frame = plots(date=["2015-03", date]).drop(columns="year")
    fault = only(validate_table(frame, "field_soc", {"soc_stock": "t/ha"}))
    assert (fault.kind, fault.row, fault.column) == ("not a date", 3, "date")
    says(fault.suggestion, "2015-03-31")


def test_a_missing_date_is_a_missing_year():
    frame = plots(date=["2015", None]).drop(columns="year")
    fault = only(validate_table(frame, "field_soc", {"soc_stock": "t/ha"}))
    assert (fault.kind, fault.row, fault.column) == ("missing value", 3, "date")


def test_without_date_and_year_the_year_is_missing():
    fault = only(validate_table(plots().drop(columns="year"), "field_soc", {"soc_stock": "t/ha"}))
    assert (fault.kind, fault.column) == ("missing column", "year")


def test_a_stock_under_the_name_of_a_content_is_pointed_to_its_column():
    frame = plots().rename(columns={"soc_stock": "soil_organic_carbon [t/ha]"})
    says(only(validate_table(frame, "field_soc")).suggestion, "soc_stock [t/ha]", "stock per area")


def test_management_and_weather_of_the_users_own():
    management = pd.DataFrame(
        {
            "site": ["Farm"],
            "plot": ["1"],
            "start_year": [2015],
            "end_year": [2020],
            "plant_carbon_input [g C m-2 yr-1]": [300],
            "plant_carbon_input_sd [g C m-2 yr-1]": [60],
            "tillage": ["no-till"],
        }
    )
    fault = only(validate_table(management, "field_management"))
    says(fault.suggestion, "`none`")
    table = read_table(management.assign(tillage="none"), "field_management")
    assert table.loc[0, ["plant_carbon_input", "plant_carbon_input_sd"]].tolist() == [3.0, 0.6]
    swapped = management.assign(tillage="none", end_year=2010)
    says(only(validate_table(swapped, "field_management")).found, "2015, above end_year of 2010")
    weather = pd.DataFrame({"site": ["Farm"] * 2, "year": [2015] * 2, "month": [1, 1], "rain [cm]": [5, 6]})
    assert only(validate_table(weather, "field_weather")).kind == "duplicate row"
    assert read_table(weather.assign(month=[1, 2]), "field_weather")["rain"].tolist() == [50.0, 60.0]


# --- schemas and the table of faults -------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_has_its_rules(name):
    rules = pandera_schema(name)
    assert list(rules.columns) == list(SCHEMAS[name].columns)
    for column, rule in rules.columns.items():
        assert rule.metadata["unit"] == QUANTITIES[column].unit
        assert rule.required == (column in SCHEMAS[name].required)


def test_rules_hold_for_what_was_read():
    import pandera.errors

    pairs = read_table(
        BAD.joinpath("necromass_above_soc.csv"), "necromass_pairs", units={"necromass_treatment": "mg/kg"}
    )
    rules = pandera_schema("necromass_pairs")
    rules.validate(pairs, lazy=True)
    for broken in (
        pairs.assign(necromass_control=100.0),
        pairs.assign(
            necromass_treatment=pairs["necromass_control"],
            soil_organic_carbon_treatment=pairs["soil_organic_carbon_control"],
        ),
        pairs.assign(practice="tilling"),
    ):
        with pytest.raises(pandera.errors.SchemaErrors):
            rules.validate(broken, lazy=True)


def test_faults_as_a_table():
    table = faults_table(validate_table(BAD / "many_faults.csv", "cue"))
    assert list(table) == ["kind", "row", "column", "found", "expected", "suggestion"]
    assert len(table) == 14
    assert table["row"].dtype == "Int64"
    assert faults_table([]).empty


def test_a_fault_reads_as_a_sentence():
    fault = Fault("out of range", 3, "clay", "140 %", "a number from 0 to 100 percent", "check it")
    assert str(fault) == (
        "row 3, column 'clay': out of range: found 140 %, expected a number from 0 to 100 percent (check it)"
    )
