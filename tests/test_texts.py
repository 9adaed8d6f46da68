"""Text is text: words for missing values, characters that nobody sees, spellings of one name."""

import pandas as pd
import pytest

from socbayes.labels import look_alikes
from socbayes.table import examine_table, read_table, validate_table
from socbayes.vocabulary import LABELS

NAMES = ["None", "NA", "N/A", "n/a", "NULL", "null"]


def management(treatment):
    return pd.DataFrame(
        {
            "site": ["Farm"] * len(treatment),
            "start_year": [2000 + n for n in range(len(treatment))],
            "end_year": [2001 + n for n in range(len(treatment))],
            "treatment": treatment,
            "manure_carbon_input [t/ha/year]": [1.0] * len(treatment),
        }
    )


def given(frame, kind, folder):
    if kind == "frame":
        return frame
    path = folder / f"table.{kind}"
    frame.to_excel(path, index=False) if kind == "xlsx" else frame.to_csv(path, index=False, na_rep="")
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
@pytest.mark.parametrize("word", NAMES)
def test_the_word_none_is_a_name_of_a_treatment(tmp_path, kind, word):
    table = read_table(given(management([word, "Manure", None]), kind, tmp_path), "field_management")
    assert table["treatment"].tolist()[:2] == [word, "Manure"]
    assert pd.isna(table["treatment"].iloc[2])
    (note,) = table.attrs["notes"]
    assert f"column `treatment`: {word!r} (row 2) is read as a name" in note


@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
@pytest.mark.parametrize("word", ["NaN", "nan", "#NA", "<NA>", "-1.#IND"])
def test_what_only_a_program_writes_is_missing_and_said(tmp_path, kind, word):
    table = read_table(given(management(["Manure", word]), kind, tmp_path), "field_management")
    assert pd.isna(table["treatment"].iloc[1])
    assert any(f"{word!r} (row 3) is read as an empty cell" in note for note in table.attrs["notes"])


@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
@pytest.mark.parametrize("word", NAMES)
def test_a_word_in_a_number_is_missing_and_said(tmp_path, kind, word):
    frame = management(["a", "b"]).astype({"manure_carbon_input [t/ha/year]": object})
    frame.loc[1, "manure_carbon_input [t/ha/year]"] = word
    table = read_table(given(frame, kind, tmp_path), "field_management")
    assert table["manure_carbon_input"].isna().tolist() == [False, True]
    assert table.attrs["notes"] == [f"column `manure_carbon_input`: {word!r} (row 3) is read as an empty cell"]


@pytest.mark.parametrize("word", NAMES)
def test_a_word_in_a_date_is_missing_and_said(word):
    frame = pd.DataFrame({"site": "Farm", "plot": ["1", "2"], "year": [2001, 2002], "date": ["2001-05", word]})
    table = read_table(frame, "field_soc")
    assert pd.isna(table["date"].iloc[1])
    assert any("column `date`" in note and repr(word) in note for note in table.attrs["notes"])


def test_the_word_none_in_classes_is_a_class_where_there_is_one():
    """``None`` of tillage is asked about, as no tillage is a class; of an ecosystem it is missing, and said."""
    (fault,) = validate_table(management(["a"]).assign(tillage="None"), "field_management")
    assert fault.kind == "unknown category"
    assert "`none`" in fault.suggestion
    frame = pd.DataFrame({"site": "Farm", "plot": "1", "year": [2001, 2002], "ecosystem": ["cropland", "None"]})
    table = read_table(frame, "field_soc")
    assert table["ecosystem"].isna().tolist() == [False, True]
    assert table.attrs["notes"] == ["column `ecosystem`: 'None' (row 3) is read as an empty cell"]


def test_only_an_empty_cell_is_silently_missing():
    table = read_table(management(["Manure", "  ", None]), "field_management")
    assert table["treatment"].isna().tolist() == [False, True, True]
    assert table.attrs["notes"] == []


def test_a_required_number_that_is_a_word_is_missing(tmp_path):
    frame = pd.DataFrame({"site": "Farm", "year": [2001, 2002], "month": ["NA", "x"], "rain [mm]": [1, 2]})
    faults = validate_table(frame, "field_weather")
    assert [(fault.kind, fault.row) for fault in faults] == [("text in a number", 3), ("missing value", 2)]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
@pytest.mark.parametrize(
    "spelling",
    [
        *("Long\u00a0Term", "Long  Term", "Long\u200b Term", " Long Term\u00a0", "Long\u2009Term"),
        *("\ufeffLong Term", "Long\u00ad Term"),
    ],
)
def test_one_study_with_characters_that_nobody_sees_is_one_study(tmp_path, kind, spelling):
    frame = management(["a", "b"]).assign(study=["Long Term", spelling])
    table = read_table(given(frame, kind, tmp_path), "field_management")
    assert table["study"].tolist() == ["Long Term", "Long Term"]
    if spelling.strip() != "Long Term":
        assert any("column `study`" in note and "nobody sees" in note for note in table.attrs["notes"])


def test_two_unicode_forms_of_a_study_are_one_study():
    table = read_table(management(["a", "b"]).assign(study=["Ch\u00e2lons", "Cha\u0302lons"]), "field_management")
    assert table["study"].nunique() == 1


@pytest.mark.parametrize(
    ("label", "twin"),
    [("\u0421ue trial", "Cue trial"), ("Plot \u0410", "Plot A"), ("\u039fats", "Oats"), ("Far\u043c \u0430", "Farm a")],
)
def test_letters_that_look_latin_are_warned_of(label, twin):
    table = read_table(management(["a", "b"]).assign(study=[label, twin]), "field_management")
    (note,) = table.attrs["notes"]
    assert repr(label) in note
    assert "row 2" in note
    assert (repr(twin) in note) == (look_alikes(label)[1] == twin)


@pytest.mark.parametrize(
    "label", ["\u03b1-cellulose", "\u00b5g trial", "\u043f\u043e\u043b\u0435 7", "\u03b2 plot", "Universit\u00e4t"]
)
def test_words_of_another_alphabet_are_words(label):
    assert read_table(management(["a"]).assign(study=label), "field_management").attrs["notes"] == []


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("spelling", ["a1", "A 1", "A01", "A_1", "\uff211"])
def test_spellings_of_one_label_are_one_fault_with_all_rows(label, spelling):
    schema = {
        "soil": "priming_endpoints", "control": "priming_endpoints", "run": "priming_endpoints",
        "jar": "priming_time_series", "series": "incubation_time_series", "experiment": "elevated_co2_pairs",
    }.get(label, "field_soc")  # fmt: skip
    frame = pd.DataFrame({"study": ["S", "S", "S"], label: ["A1", spelling, "A1"], "incubation_day": [1.0, 1.0, 2.0]})
    found = [fault for fault in validate_table(frame, schema) if fault.kind == "spellings of one name"]
    (fault,) = found
    assert (fault.row, fault.column) == (3, label)
    assert fault.found == f"'A1' (rows 2 and 4), {spelling!r} (row 3)"
    assert "write 'A1'" in fault.suggestion


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        (["A1", "A11", "A2"], ["x", "x", "x"]),
        (["1", "01"], ["x", "y"]),
        (["+N", "-N"], ["x", "x"]),
        (["N 0", "N"], ["x", "x"]),
        (["1-12", "11-2"], ["x", "x"]),
        (["NP", "N+P"], ["x", "x"]),
    ],
)
def test_plots_that_differ_are_left_alone(labels, places):
    frame = pd.DataFrame(
        {"site": places, "plot": labels, "year": 2001.0, "soc_stock [t/ha]": range(1, len(labels) + 1)}
    )
    assert validate_table(frame, "field_soc") == []


def test_a_site_that_only_describes_is_noted():
    frame = pd.DataFrame(
        {
            "observation": ["a", "b"], "study": ["S", "S"], "fraction": "soil_organic_carbon",
            "log_response_ratio": [0.1, 0.2], "site": ["Hill FACE", "HillFACE"],
        }
    )  # fmt: skip
    table, faults = examine_table(frame, "elevated_co2_pairs")
    assert faults == []
    assert any("look like one name" in note for note in table.attrs["notes"])


def test_a_column_of_the_users_own_stays_numbers_and_says_what_is_missing():
    frame = management(["a", "b"]).assign(x_yield=["3.5", "NA"], x_note=["NA", "b"])
    table = read_table(frame, "field_management")
    assert table["x_yield"].tolist()[0] == 3.5
    assert table["x_yield"].isna().tolist() == [False, True]
    assert table["x_note"].tolist() == ["NA", "b"]
    assert table.attrs["notes"] == ["column `x_yield`: 'NA' (row 3) is read as an empty cell"]
