"""Whose a row is: names that nobody sampled, spellings, blocks and studies, dates beside years, harvests of a year."""

from __future__ import annotations

import unicodedata

import farm
import numpy as np
import pandas as pd
import pytest
from laid import lay_out

from socbayes.errors import TableFaultsError
from socbayes.models.field.dates import dated
from socbayes.models.field.layout import lay_out as laid_out
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged
from socbayes.table import read_table
from socbayes.vocabulary import QUANTITIES


def faults(*tables, structure="icbm"):
    with pytest.raises(TableFaultsError) as caught:
        lay_out(*tables, structure=structure)
    return caught.value.faults


def notes(*tables, structure="icbm"):
    return lay_out(*tables, structure=structure).notes


def changed(table, rows, **columns):
    """A table with other values in some rows."""
    result = table.copy()
    for name, value in columns.items():
        result.loc[rows, name] = value
    return result


# --- names that no plot has ---


@pytest.mark.parametrize(
    ("written", "hint"),
    [("control", "usual"), ("usuall", "did you mean 'usual'"), ("as usual", "usual"), ("T1", "usual")],
)
def test_a_treatment_spelled_otherwise_in_management_is_refused_with_the_one_that_waits(written, hint):
    """Its plots would have had the input of the other treatment."""
    (fault,) = faults(farm.plots(), changed(farm.management(), 0, treatment=written), farm.weather())
    assert (fault.kind, fault.row, fault.column) == ("unknown treatment", 2, "treatment")
    assert fault.found == f"{written} in the management table"
    assert hint in f"{fault.expected} {fault.suggestion}"


@pytest.mark.parametrize(
    ("column", "names", "waits"),
    [("plot", ["A1", "A2", "B1", "B7"], "B2"), ("plot", ["A1", "A2", "B1", "plot B2"], "B2")],
)
def test_a_plot_left_without_rows_while_names_are_unmatched_is_refused(column, names, waits):
    rows = [{"site": "Farm", column: name, "start_year": 2010.8, "end_year": 2021.8, "plant_carbon_input": 2.0}
            for name in names]  # fmt: skip
    (fault,) = faults(farm.plots(), pd.DataFrame(rows))
    assert (fault.kind, fault.row) == (f"unknown {column}", 5)
    assert f"no row is about {waits}" in fault.expected


def test_rows_of_plots_that_were_not_sampled_are_named_where_no_plot_waits():
    more = farm.management().assign(plot="B9", treatment=None)
    said = notes(farm.plots(), pd.concat([farm.management(), more]))
    assert "Not used, as no sample at Farm is of plot B9: 2 rows of the management table (4, 5)." in said


@pytest.mark.parametrize("column", ["treatment", "plot"])
def test_names_of_before_or_after_the_samples_are_named_and_take_nothing_from_others(column):
    later = {"site": "Farm", column: "later", "start_year": 2022.0, "end_year": 2030.0, "plant_carbon_input": 1.0}
    only = farm.management().query("treatment == 'usual'")
    said = notes(farm.plots(), pd.concat([only, pd.DataFrame([later])], ignore_index=True))
    assert f"Not used, as no sample at Farm is of {column} later: 1 row of the management table (3)." in said


def test_management_of_sites_that_nobody_sampled_is_refused_alone_and_named_beside_others():
    (fault,) = faults(farm.plots(), farm.management(site="Valley"))
    assert (fault.kind, fault.count) == ("unknown site", 2)
    said = notes(farm.plots(), pd.concat([farm.management(), farm.management(site="Valley")]))
    assert "Not used, as no sample is of site Valley: 2 rows of the management table (4, 5)." in said


def test_weather_of_a_site_that_no_table_knows_is_named():
    said = notes(farm.plots(), farm.management(), farm.weather(site="Valley"), structure="rothc")
    (note,) = [one for one in said if "Valley" in one]
    assert note == ("Not used, as no sample is of site Valley (samples are of Farm): 144 rows of the weather table "
                    "(2, 3, 4, 5, 6, ...).")  # fmt: skip


@pytest.mark.parametrize("study", ["Other trial", "Trial 2"])
def test_management_of_another_study_is_refused_alone_and_named_beside_others(study):
    obs = farm.plots(study="Trial 1")
    (fault,) = faults(obs, farm.management(study=study))
    assert (fault.kind, fault.column) == ("unknown study", "study")
    said = notes(obs, pd.concat([farm.management(study="Trial 1"), farm.management(study=study)]))
    assert any(f"no sample at Farm is of study {study}" in note for note in said)


def test_a_study_of_which_only_some_plots_have_rows_is_no_misspelling_of_another():
    obs = farm.plots(study="Highfield ley-arable")
    management = farm.management(study="Highfield ley-arable").query("treatment == 'usual'")
    both = pd.concat([management, farm.management(study="Highfield bare fallow")], ignore_index=True)
    said = notes(obs, both)
    assert any("no sample at Farm is of study Highfield bare fallow: 2 rows" in note for note in said)


def test_rows_without_plot_and_treatment_beside_others_are_said_to_hold_everywhere():
    both = pd.concat([farm.management(), farm.management(treatment=None, manure_carbon_input=1.0).iloc[:1]])
    said = notes(farm.plots(), both)
    assert any(note.startswith("Taken for every plot of Farm, as neither plot nor treatment is named: 1 row")
               for note in said)  # fmt: skip


def test_a_plot_that_management_gives_a_treatment_of_its_own_is_named():
    own = {"site": "Farm", "plot": "A1", "treatment": "ley", "start_year": 2012.0, "end_year": 2013.0,
           "plant_carbon_input": 5.0}  # fmt: skip
    data = lay_out(farm.plots(), pd.concat([farm.management(), pd.DataFrame([own])]), structure="icbm")
    assert farm.carbon_of(data)["A1"][20] == pytest.approx(5.0)
    assert any("no effect of treatment ley" in note for note in data.notes)


@pytest.mark.parametrize("word", ["None", "none", "NA", "null", "n/a", "NaN"])
@pytest.mark.parametrize("as_file", [False, True])
def test_a_treatment_called_none_gets_its_manure_alone_or_a_note_says_why_not(word, as_file, tmp_path):
    """Its manure would have reached every plot of the site."""
    obs = farm.plots().replace({"treatment": {"usual": word}})
    management = farm.management(manure_carbon_input=[1.0, 0.0]).replace({"treatment": {"usual": word}})
    if as_file:
        for name, table in (("obs", obs), ("management", management)):
            units = {column: QUANTITIES[column].unit for column in table}
            named = {column: f"{column} [{unit}]" for column, unit in units.items() if unit and unit != "1"}
            table.rename(columns=named).to_csv(tmp_path / f"{name}.csv", index=False)
        obs = read_table(tmp_path / "obs.csv", "field_soc")
        management = read_table(tmp_path / "management.csv", "field_management")
    data = lay_out(obs, management, structure="rothc")
    manure = dict(zip(data.plots.labels, data.forcing.drivers["manure_input"].T.sum(axis=1) > 0, strict=True))
    apart = manure == {"A1": True, "A2": True, "B1": False, "B2": False}
    named = any("neither plot nor treatment is named" in note for note in data.notes)
    assert apart or named, (manure, data.notes)


# --- spellings of one name ---

SPELLINGS = [
    ("plot", "A1", "a1"),
    ("plot", "A1", "A 1"),
    ("plot", "A1", "A01"),
    ("treatment", "cover", "Cover"),
    ("site", "Farm", "farm"),
    ("site", "Farm", "FARM"),
    ("site", "Farm", "\uff26arm"),
]


@pytest.mark.parametrize(("column", "name", "other"), SPELLINGS)
def test_a_spelling_within_the_observations_is_one_fault(column, name, other):
    obs = farm.plots()
    rows = obs.index[obs[column] == name][2:]
    (fault,) = faults(changed(obs, rows, **{column: other}), farm.management(), farm.weather())
    assert (fault.kind, fault.column) == ("spellings of one name", column)
    assert repr(name) in fault.found
    assert "write " in fault.suggestion
    assert "\\u200b" not in fault.suggestion


@pytest.mark.parametrize(("column", "name", "other"), SPELLINGS)
def test_a_spelling_between_tables_is_one_fault(column, name, other):
    obs, management = farm.plots(), farm.management()
    if column == "plot":
        management = management.assign(plot=["A1", None])
    management = changed(management, management.index[management[column] == name], **{column: other})
    (fault,) = faults(obs, management, farm.weather())
    assert (fault.kind, fault.column) == ("spellings of one name", column)


@pytest.mark.parametrize("column", ["study", "block"])
def test_studies_and_blocks_are_compared_as_well(column):
    obs = farm.plots(**{column: ["One"] * 8 + ["one"] * 8})
    (fault,) = faults(obs, farm.management())
    assert (fault.kind, fault.column) == ("spellings of one name", column)


def test_what_nobody_sees_tells_no_sites_apart_and_accents_do():
    """Unicode forms and characters without width are tidied when a table is read."""
    here = "M\u00fchle"
    weather = farm.weather(site=unicodedata.normalize("NFD", here))
    management = farm.management(site=here).replace({"treatment": {"cover": "co\u200bver"}})
    tidy = (farm.plots(site=here), farm.management(site=here), farm.weather(site=here))
    one, other = (lay_out(*tables, structure="rothc") for tables in (tidy, (tidy[0], management, weather)))
    for name, values in one.forcing.drivers.items():
        np.testing.assert_array_equal(other.forcing.drivers[name], values)
    assert not [note for note in other.notes if note.startswith("Not used, as no sample")]
    (fault,) = faults(farm.plots(site=here), farm.management(site="Muhle"))
    assert (fault.kind, fault.suggestion) == ("unknown site", f"did you mean {here!r}?")


@pytest.mark.parametrize(
    ("one", "two"), [("A1", "A-1b"), ("0.5 t", "5 t"), ("N+", "N-"), ("[Gc]", "Gc"), ("1/2", "12")]
)
def test_names_that_differ_by_more_are_different(one, two):
    obs = farm.plots(plot=[one] * 4 + [two] * 4 + ["C"] * 4 + ["D"] * 4)
    assert len(lay_out(obs, farm.management(), structure="icbm").plots.labels) == 4


# --- study and block ---


def blocks(**columns):
    """Three blocks of two plots with randomised treatments."""
    rows = [
        {"site": "Farm", "block": block, "plot": plot, "treatment": treatment, "year": year, "soc_stock": 40.0 + place}
        for place, (block, treatments) in enumerate(
            {"I": ("usual", "cover"), "II": ("cover", "usual"), "III": ("usual", "cover")}.items()
        )
        for plot, treatment in zip(("1", "2"), treatments, strict=True)
        for year in farm.VISITS
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_blocks_of_randomised_plots_are_six_plots_without_a_change():
    data = lay_out(blocks(), farm.management(), structure="icbm")
    assert data.plots.labels == [
        "block I, 1",
        "block I, 2",
        "block II, 1",
        "block II, 2",
        "block III, 1",
        "block III, 2",
    ]
    assert data.plots.periods == 1
    named = np.array(data.plots.treatments)[data.plots.treatment[:, 0]].tolist()
    assert named == ["usual", "cover", "cover", "usual", "usual", "cover"]
    carbon = [values.mean() for values in farm.carbon_of(data).values()]
    np.testing.assert_allclose(carbon, [farm.INPUTS[name] for name in named], rtol=1e-9)
    assert "Plots of one name are told apart by their block: 1, 2." in data.notes


def test_management_finds_plots_by_their_block_and_by_their_treatment():
    rows = [
        {"site": "Farm", "block": block, "plot": plot, "start_year": 2010.8, "end_year": 2021.8,
         "plant_carbon_input": 1.0 + count}
        for count, (block, plot) in enumerate((block, plot) for block in ("I", "II", "III") for plot in "12")
    ]  # fmt: skip
    carbon = farm.carbon_of(lay_out(blocks(), pd.DataFrame(rows), structure="icbm"))
    assert [round(values.mean(), 9) for values in carbon.values()] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    of_plot_one = [{"site": "Farm", "plot": "1", "treatment": name, "start_year": 2010.8, "end_year": 2021.8,
                    "plant_carbon_input": carbon} for name, carbon in farm.INPUTS.items()]  # fmt: skip
    data = lay_out(blocks(), pd.DataFrame(of_plot_one), structure="icbm")
    carbon = farm.carbon_of(data)
    assert [round(carbon[f"block {block}, 1"].mean(), 9) for block in ("I", "II", "III")] == [2.4, 3.6, 2.4]
    assert any(note.startswith("Taken for all plots of one name, or those of the treatment") for note in data.notes)


def test_two_studies_of_one_site_with_equal_plot_names_are_told_apart():
    obs = pd.concat([farm.plots(study="First"), farm.plots(study="Second", soc_stock=60.0)], ignore_index=True)
    data = lay_out(obs, farm.management(), structure="icbm")
    assert data.plots.labels[0] == "First, A1"
    assert len(data.plots.labels) == 8
    assert any("told apart by their study: A1, A2, B1 and 1 more" in note for note in data.notes)
    one = lay_out(farm.plots(study="First"), farm.management(), structure="icbm")
    assert one.plots.labels == list(farm.PLOTS)
    assert any("study: the model has no effects of them" in note for note in one.notes)


def test_an_empty_block_is_of_the_only_one_and_asked_about_where_there_are_several():
    obs = farm.plots(block="I")
    assert lay_out(changed(obs, 2, block=None), farm.management(), structure="icbm").plots.labels == list(farm.PLOTS)
    (fault,) = faults(changed(blocks(), 3, block=None), farm.management())
    assert (fault.kind, fault.row, fault.column) == ("block not stated", 5, "block")


@pytest.mark.parametrize("layers", [False, True])
def test_one_plot_at_one_date_with_two_treatments_is_a_fault(layers):
    obs = farm.plots()
    again = obs.iloc[[0]].assign(treatment="cover", soc_stock=47.0)
    both = pd.concat([obs, again], ignore_index=True)
    if layers:
        both = both.assign(depth_top=0.0, depth_bottom=20.0)
    (fault,) = faults(both, farm.management())
    assert (fault.kind, fault.row, fault.column) == ("two treatments at one date", 18, "treatment")
    assert "cover beside usual on plot A1" in fault.found
    assert "block" in fault.suggestion


# --- dates beside years ---


@pytest.mark.parametrize(
    ("year", "date", "taken"),
    [
        (2010.0, "2010-10-19", 2010.799),
        (2010.8, "2010-10-19", 2010.8),
        (2010.0, "2010-10", 2010.792),
        (2010.8, "2010", 2010.8),
        (2011.0, "2010-12-31", 2010.999),
        (2010.0, None, 2010.0),
        (2014.0, "2019-10-15", None),
        (2010.3, "2010-10-19", None),
        (2011.5, "2010", None),
        (2010.2, "2010-10", None),
    ],
)
def test_a_date_wins_over_a_year_beside_it_and_a_contradiction_is_a_fault(year, date, taken):
    table, wrong, said = dated(pd.DataFrame({"year": [year], "date": pd.Series([date], dtype="str")}))
    assert [fault.kind for fault in wrong] == ([] if taken else ["year contradicts date"])
    if taken:
        assert table["year"].iloc[0] == pytest.approx(taken, abs=0.0015)
        assert bool(said) == (abs(year - taken) > 0.003)
        again, _, nothing = dated(table.assign(date=date))
        assert (again["year"].iloc[0], nothing) == (table["year"].iloc[0], ())


def test_a_run_starts_at_the_date_and_not_in_january():
    visits = ["2010-10-19", "2014-07-02", "2018-03-14", "2021-10-19"]
    obs = farm.plots().assign(year=np.tile(np.floor(farm.VISITS), 4), date=visits * 4)
    data = lay_out(obs, farm.management(), structure="icbm")
    assert set(data.plots.start) == {2010 * 12 + 10}
    assert "16 samples with a year beside a date are taken at the date." in data.notes
    wrong = changed(obs, 3, year=2014.0)
    (fault,) = faults(wrong, farm.management())
    assert (fault.kind, fault.row, fault.found) == ("year contradicts date", 5, "2014 beside the date 2021-10-19")


# --- harvests ---


def crops(*lengths, first=2010.8, **columns):
    """Rows of crops one after the other from the first sample to the last."""
    rows, begin, place = [], first, 0
    while begin < 2021.8:
        end = begin + lengths[place % len(lengths)]
        rows.append(
            {"site": "Farm", "start_year": begin, "end_year": end, "crop": ("winter wheat", "maize")[place % 2]}
        )
        begin, place = end, place + 1
    return pd.DataFrame(rows).assign(**columns)


def mean_input(management, **attrs):
    management.attrs |= attrs
    data = lay_out(farm.plots(), management, structure="icbm")
    return farm.carbon_of(data)["A1"].mean(), data.notes


def test_two_crops_a_year_as_half_year_rows_add_up():
    """Yields are of one harvest each where no unit says per year, and the note says which."""
    once, said = mean_input(crops(1.0, yield_dry_matter=5.0).assign(crop="winter wheat"))
    twice, _ = mean_input(crops(0.5, yield_dry_matter=5.0).assign(crop="winter wheat"))
    assert twice == pytest.approx(2.0 * once, rel=0.01)
    assert any(note.startswith("Yields are those of one harvest") for note in said)


@pytest.mark.parametrize(
    "written",
    ["yield_dry_matter [t/ha]", "yield_dry_matter (Mg ha-1)", "yield_per_harvest", "yield_per_harvest [t/ha]"],
)
def test_units_that_say_per_harvest_are_taken_at_their_word(written):
    usual, _ = mean_input(crops(0.5, yield_dry_matter=5.0))
    stated, _ = mean_input(crops(0.5, **{written: 5.0}))
    assert stated == pytest.approx(usual)


@pytest.mark.parametrize("written", ["yield_dry_matter [t/ha/year]", "yield_dry_matter [Mg ha-1 yr-1]"])
def test_units_that_say_per_year_are_taken_at_their_word(written):
    per_year, said = mean_input(crops(0.5, **{written: 5.0}))
    per_harvest, _ = mean_input(crops(0.5, yield_dry_matter=5.0))
    assert per_harvest == pytest.approx(2.0 * per_year, rel=0.01)
    assert "Yields are per year, as their unit says, however long a row is." in said


def test_a_row_of_several_years_has_a_harvest_in_each():
    once, _ = mean_input(crops(1.0, yield_dry_matter=5.0).assign(crop="winter wheat"))
    long, _ = mean_input(crops(11.0, yield_dry_matter=5.0).assign(crop="winter wheat"))
    assert long == pytest.approx(once, rel=1e-6)


@pytest.mark.parametrize("length", [0.4, 0.75, 0.85])
def test_months_between_harvests_of_a_year_get_nothing_more(length):
    """One crop a year, however many months of it the table names, adds one harvest."""
    whole = crops(1.0, yield_dry_matter=5.0).assign(crop="winter wheat")
    once, _ = mean_input(whole)
    part, _ = mean_input(whole.assign(end_year=whole["start_year"] + length))
    assert part == pytest.approx(once, rel=0.02)


def test_judged_tables_do_not_change_when_they_are_judged_again():
    given = crops(0.5, yield_dry_matter=5.0)
    once = judged(farm.plots(date=None), given)
    again = judged(once.obs, once.management)
    pd.testing.assert_frame_equal(once.management, again.management)
    assert once.notes == again.notes


def test_notes_of_tables_are_notes_of_the_layout():
    obs, weather = farm.plots(), farm.weather()
    obs.attrs["notes"] = ["The word None in column treatment was taken for a missing cell: row 3."]
    weather.attrs["notes"] = ["Rain is in mm/day.", "Rain is in mm/day."]
    said = laid_out(judged(obs, farm.management(), weather), setup_of("icbm")).notes
    assert said[:2] == (obs.attrs["notes"][0], "Rain is in mm/day.")
