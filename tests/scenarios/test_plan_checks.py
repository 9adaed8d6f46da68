"""What of plans cannot be, does nothing or acts on one thing twice, and what is said of levers that they pull."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pandas as pd
import pytest
from made_field import fit_called, fit_of, fit_with_weather, management, samples, weather

from socbayes.errors import SocbayesError, TableFaultsError
from socbayes.facts import facts_of
from socbayes.models.field.management import carbon_inputs
from socbayes.report.projections import levers_chapter
from socbayes.scenarios import dry_run, project
from socbayes.scenarios.endings import warmer
from socbayes.scenarios.lever_words import effect_in_words, factor_taken
from socbayes.scenarios.levers import lever_called
from socbayes.scenarios.plan_files import read_plans
from socbayes.scenarios.plan_runs import BEYOND, _told
from socbayes.scenarios.rules import RULES, require_buffer


def plan(**body):
    return {"plans": {"p": body}}


def lever(name, dose=1.0, **more):
    return {"lever": name, "dose": dose, **more}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            plan(levers=[lever("cover_crop", start=datetime.date(2026, 1, 1))]),
            "at 'plans.p.levers 1.start': no number: found 2026-01-01, expected a year as a number, such as 2026 or "
            "2026.5 (write 2026)",
        ),
        (plan(levers=[lever("cover_crop", start=datetime.date(2024, 7, 1))]), "(write 2024.5)"),
        (plan(levers=[lever("cover_crop", end="2030")]), "(write 2030 without quotation marks)"),
        (plan(levers=[lever("manure", "2 t")]), "at 'plans.p.levers 1.dose': no number: found '2 t'"),
        (plan(levers=[{"dose": 1.0}]), "at 'plans.p.levers 1': no lever: found nothing"),
        (plan(levers={"cover_crop": 100}), "cover_crop of 100 at one time, expected a share of years from 0 to 1 (100"),
        (
            plan(levers=[lever("no_tillage", 0.7), lever("no_tillage", 0.7, start=2030)]),
            "no_tillage of 1.4 at one time",
        ),
        (plan(plots=[]), "at 'plans.p.plots': no plots: found an empty list"),
        (plan() | {"areas": {"A1": 0.0}}, "at 'areas': no land"),
        (plan() | {"climate": {"ramp": 10}}, "at 'climate': nothing that begins or ends: found ramp"),
        (plan() | {"climate": {"table": 3}}, "at 'climate.table': no table: found 3"),
        (plan() | {"climate": {"table": "nowhere.csv"}}, "at 'climate.table': no table: found 'nowhere.csv'"),
        (plan() | {"climate": {"rain": -0.05}}, "(a factor: 0.95 is 5 percent less)"),
        ({"plans": {"": {}}}, "no name"),
        ({"plans": {"Cover crop": {}, "cover_crop": {}}}, "two plans of one name: found 'Cover crop' and 'cover_crop'"),
        ({"plans": {"Business as usual": {}}}, "found 'business as usual' and 'Business as usual'"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(given, text):
    with pytest.raises(TableFaultsError) as caught:
        read_plans(given)
    assert text in str(caught.value)


def test_a_table_that_is_not_there_is_one_fault_among_others(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('[climate]\ntable = "nowhere.csv"\n[plans.p]\nlevers = { manur = 1.0 }\n', encoding="utf-8")
    with pytest.raises(TableFaultsError) as caught:
        read_plans(path)
    assert "nowhere.csv" in str(caught.value)
    assert "did you mean 'manure'?" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (plan(levers={"residue_return": 1, "carbon_input": 0.2}), "residue_return and carbon_input act on plant input"),
        (
            plan(levers={"manure": 1, "compost": 2}, management=[{"manure_carbon_input": 1.0}]),
            "manure, compost and manure_carbon_input act on manure and composts at one time: their carbon adds up",
        ),
        (
            plan(levers={"warming": 1}) | {"climate": {"warming": 1}},
            "warming stands several times at one time: their d",
        ),
        (plan(levers={"warming": 3}) | {"climate": {"warming": 3}}, "doses of warming add up to 6 degC at one time"),
        (plan(levers={"soil_cover": 1}, management=[{"plant_cover": 0.2}]), "the larger share of a month counts"),
        (plan(levers={"carbon_input": 20}), "A dose is a share: 20 percent is 0.2."),
        (plan(), "Plan 'p' changes nothing: it is 'business as usual', and gains nothing."),
        (plan(levers={"manure": 0.0}), "Plan 'p' changes nothing"),
    ],
)
def test_what_a_reader_should_know_is_noted(given, text):
    assert [note for note in read_plans(given).notes if text in note]


@pytest.mark.parametrize(
    "given",
    [
        plan(levers=[lever("residue_return", end=2030), lever("carbon_input", 0.1, start=2030)]),
        plan(levers=[lever("manure", 1.0), lever("manure", 1.0)]),
        plan(levers={"cover_crop": 1.0, "no_tillage": 1.0}),
        plan(climate={"rain": 0.9}),
        plan(levers={"cover_crop": 1.0}) | {"baseline": "p"},
    ],
)
def test_nothing_is_noted_of_plans_that_are_plain(given):
    assert read_plans(given).notes == ()


def test_warming_on_top_of_warming_is_said():
    plans = read_plans(plan(levers={"cover_crop": 1}) | {"climate": {"warming": 4}})
    said = [note for note in warmer(plans, 2.0).notes if note.startswith("Plan 'p'")]
    assert "doses of warming add up to 6 degC at one time, which is beyond the evidence of 0 to 5" in said[0]
    assert "their degrees add up" in said[1]


def test_what_never_comes_is_said():
    late = plan(levers=[lever("plant_carbon", start=2060), lever("compost", 1.0, end=2022.0)],
                adoption=[{"year": 2055, "share": 1.0}])  # fmt: skip
    table = dry_run(fit_called("rothc"), late, years=(2022, 2052))
    assert table.empty
    said = "\n".join(table.attrs["notes"])
    assert "plant_carbon does nothing, as it begins in 2060, and the last year projected is 2052." in said
    assert "compost does nothing, as it ends in 2022, and the first year projected is 2022." in said
    assert "nobody has adopted by the stage of 2055" in said


def test_the_factor_that_stands_in_for_one_that_was_not_learned_is_said(monkeypatch):
    through = {"rothc": {"mean": -0.3, "sd": 0.1}, "century": {"mean": -0.1, "sd": 0.05}}
    learned = {"acts_on": "rate_factor", "through": through, "source": "ours", "studies": 9, "pairs": 99}
    monkeypatch.setattr("socbayes.scenarios.levers._stored", lambda: {"no_tillage": learned})
    fits = {"one": fit_called("rothc"), "other": fit_called("icbm")}
    result = project(fits, plan(levers={"no_tillage": 1.0}), years=(2022, 2032), draws=10)
    assert json.loads(result.attrs["factors"]) == {"no_tillage": {"one": "rothc", "other": "all"}}
    said = (
        "No factor of no_tillage was learned through icbm: the mean of those through rothc, century is taken there, "
        "with how far they differ, x 0.82 (0.67 to 1.00) per unit of dose."
    )
    assert said in result.attrs["notes"].splitlines()
    chapter = levers_chapter(result, 0)
    assert "one x 0.74 (0.63 to 0.87); other x 0.82 (0.67 to 1.00)" in chapter.rows[0]
    assert chapter.sentences == [said]
    del through["century"]
    assert factor_taken(lever_called("no_tillage"), "icbm") == "rothc"
    told = dry_run(fits, plan(levers={"no_tillage": 1.0}), years=(2022, 2032))
    assert set(told["effect"]) == {"x 0.74 (0.63 to 0.87)"}
    assert "that through rothc is taken there" in "\n".join(told.attrs["notes"])


def test_straw_is_said_to_act_on_roots_too():
    given = plan(levers={"straw_removal": 1.0, "plant_carbon": 0.5, "warming": 1.0})
    table = dry_run(fit_with_weather("icbm"), given, years=(2022, 2032))
    effects = table.query("plot == 'A1'").set_index("lever")["effect"].to_dict()
    assert effects == {"straw_removal": "x 0.93 (0.84 to 1.04)", "plant_carbon": "1.0 t C/ha/year (0.79 to 1.3)",
                       "warming": ""}  # fmt: skip
    (said,) = [note for note in table.attrs["notes"] if note.startswith("straw_removal: ")]
    assert "the factor is on all plant input, roots as well as straw" in said
    (chapter,) = [levers_chapter(project(fit_called("icbm"), plan(levers={"straw_removal": 1.0}), years=(2022, 2032),
                                         draws=5), 0)]  # fmt: skip
    assert chapter.sentences == [said]
    assert not [note for note in read_plans(given).notes if "straw" in note and "act on" not in note]


def test_effects_are_told_with_the_interval_of_the_house():
    """exp of 0.2 and of 0.2 -+ 1.598 times 0.1."""
    assert effect_in_words("plant_factor", 0.2, 0.1) == "x 1.22 (1.04 to 1.43)"
    assert effect_in_words("plant_added", 3.0, 0.1) == "20 t C/ha/year (17 to 24)"


def test_a_buffer_in_percent_is_told_what_share_it_is():
    with pytest.raises(SocbayesError, match=r"a buffer of 12 is outside .*; 12 percent is 0\.12"):
        require_buffer(12.0, RULES["vm0042_v2_2"])


def test_perennials_are_told_to_state_what_enters():
    rows = pd.DataFrame({"site": ["F"], "start_year": [2000.0], "end_year": [2010.0], "crop": ["grass"],
                         "yield_dry_matter": [8.0]})  # fmt: skip
    plant, _, notes = carbon_inputs(rows)
    assert np.isnan(plant).all()
    (said,) = [note for note in notes if "No allocation" in note]
    assert "'grass': their inputs are unknown, and what their yields leave is not taken." in said
    assert "Perennials have none, nor a depth of roots: state their plant_carbon_input" in said


def test_months_to_come_are_no_gaps_of_tables():
    """What a fit says of gaps in its tables is said of a projection too, whose runs are ten times as long."""
    some = weather().drop(index=[3, 40, 41]).assign(rain=lambda rows: rows["rain"].where(rows.index != 7))
    rows = management().assign(rate_modifier=[0.4, np.nan])
    rows.loc[1, "start_year"] = 2014.0
    fitted = fit_of("rothc", samples(), rows, some)
    ours = [note for note in facts_of(fitted).spec.notes if "of months" in note]
    assert [note.split(" % ")[0] for note in ours] == [
        "Carbon input is unknown in 10", "Farm: rain of 3", "Farm: evaporation of 2", "Farm: temperature of 2",
        "The rate modifier of 50",
    ]  # fmt: skip
    notes = project(fitted, plan(levers={"carbon_input": 0.1}), years=(2022, 2112), draws=5).attrs["notes"].splitlines()
    assert [note for note in notes if "of months" in note] == ours
    assert BEYOND in notes
    near = project(fitted, plan(levers={"carbon_input": 0.1}), years=(2022,), draws=5).attrs["notes"].splitlines()
    assert [note for note in near if "of months" in note] == ours
    assert BEYOND not in near


def test_gaps_of_months_to_come_only_are_no_note():
    assert _told(["Rain of 90 % is missing.", "Manure is wet."], {"Rain of 90 % is missing.": ""}) == [
        "Manure is wet.", BEYOND
    ]  # fmt: skip
