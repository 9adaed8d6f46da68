"""Plans as people write them: what is read, and what is refused, all at once."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from socbayes.errors import SocbayesError, TableFaultsError, UnknownNameError, UnreadableFileError
from socbayes.scenarios.levers import (
    ACTIONS,
    LEVERS,
    OF_CLIMATE,
    UNCERTAIN,
    known_levers,
    lever_called,
    levers,
    ratio_of,
    with_effects,
)
from socbayes.scenarios.plan_files import read_plans, under
from socbayes.scenarios.plans import USUAL

TOML = """
[climate]
warming = 1.5
start = 2030
ramp = 20

[areas]
A1 = 2.5

[plans.cover]
plots = ["A1", "A2"]
levers = [{ lever = "cover_crop", dose = 1.0, start = 2025, end = 2040, ramp = 3 }, { lever = "warming", dose = 0.5 }]
adoption = [{ year = 2025, share = 0.5 }, { year = 2030, share = 1.0 }]

[plans.manured]
levers = { manure = 1.5 }
management = [{ plant_carbon_input = 3.0, plant_cover = 1.0, start = 2026 }]
"""


def test_a_file_says_what_a_dict_says(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(TOML, encoding="utf-8")
    plans = read_plans(path)
    assert list(plans.plans) == [USUAL, "cover", "manured"]
    assert plans.areas == {"A1": 2.5}
    cover, manured = plans["cover"], plans["manured"]
    assert [(one.lever.name, one.dose, one.start, one.end, one.ramp) for one in cover.doses] == [
        ("cover_crop", 1.0, 2025.0, 2040.0, 3.0)
    ]
    assert [(stage.year, stage.share) for stage in cover.adoption] == [(2025.0, 0.5), (2030.0, 1.0)]
    # A lever of climate comes on top of the climate that all plans share.
    assert [one.dose for one in cover.climate.changes] == [1.5, 0.5]
    assert [one.dose for one in plans[USUAL].climate.changes] == [1.5]
    assert [(one.column, one.value, one.start) for one in manured.overrides] == [
        ("plant_carbon_input", 3.0, 2026.0),
        ("plant_cover", 1.0, 2026.0),
    ]
    assert read_plans(plans) is plans


def test_the_file_of_the_documentation_is_read(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "plans.md").read_text(encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1], encoding="utf-8")
    plans = read_plans(path)
    assert list(plans.plans) == [USUAL, "cover crop", "manure"]
    assert len(plans["cover crop"].doses) == 2
    assert len(plans[USUAL].climate.changes) == 3


def test_every_fault_is_found_at_once():
    with pytest.raises(TableFaultsError) as caught:
        read_plans(
            {
                "basline": "x",
                "climate": {"warming": "hot", "resample": "yes"},
                "plans": {
                    "a": {
                        "levers": [{"lever": "cover_corp", "dose": 1.0}, {"lever": "manure", "dose": None, "rmp": 1}]
                    },
                    "b": {"management": [{"plant_carbon_input": -1.0}, 3], "adoption": [{"year": 2030}]},
                    "c": {"levers": [{"lever": "manure", "dose": 1, "start": 2040, "end": 2030}], "plots": "A1"},
                    "d": {"adoption": [{"year": 2030, "share": 1.0}, {"year": 2025, "share": 0.5}]},
                    "e": 7,
                },
            }
        )
    said = str(caught.value)
    for text in (
        "did you mean 'baseline'",
        "did you mean 'cover_crop'",
        "did you mean 'ramp'",
        "climate.warming",
        "climate.resample",
        "plans.a.levers 2.dose",
        "plans.b.management 1.plant_carbon_input",
        "plans.b.management 2",
        "plans.b.adoption 1",
        "ends before it begins",
        "plans.c.plots",
        "adoption goes back",
        "plans.e",
    ):
        assert text in said


@pytest.mark.parametrize(("given", "text"), [({}, "no plans"), ({"plans": {"a": {}}, "baseline": "b"}, "unknown plan")])
def test_nothing_to_plan_is_refused(given, text):
    with pytest.raises(TableFaultsError, match=text):
        read_plans(given)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"nowhere\.toml is not there"):
        read_plans(tmp_path / "nowhere.toml")
    path = tmp_path / "bad.toml"
    path.write_text("plans = [", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="no TOML file"):
        read_plans(path)


@pytest.mark.parametrize(
    ("levers", "refused"),
    [
        ({"no_tillage": 1.0, "reduced_tillage": 1.0}, True),
        ({"restoration": 1.0, "cover_crop": 1.0}, True),
        ({"manure": 1.0, "cover_crop": 1.0}, False),
        (
            [
                {"lever": "no_tillage", "dose": 1, "end": 2030},
                {"lever": "reduced_tillage", "dose": 1, "start": 2030},
            ],
            False,
        ),
    ],
)
def test_levers_that_exclude_each_other_are_refused_at_one_time(levers, refused):
    given = {"plans": {"p": {"levers": levers}}}
    if refused:
        with pytest.raises(TableFaultsError, match="levers exclude each other"):
            read_plans(given)
    else:
        assert len(read_plans(given)["p"].doses) == 2


def test_a_dose_beyond_the_evidence_is_noted():
    plans = read_plans({"plans": {"p": {"levers": {"manure": 9.0}}, "q": {"levers": {"manure": 2.0}}}})
    assert len(plans.notes) == 1
    assert "dose of 9 t C/ha/year of manure is beyond the evidence, which is of 0 to 4" in plans.notes[0]


def test_plans_made_of_plans():
    plans = read_plans({"plans": {"p": {"levers": [{"lever": "manure", "dose": 1, "start": 2025}]}}})
    assert plans.stopped(2040)["p"].doses[0].end == 2040.0
    assert plans.with_dose("p", "manure", 3)["p"].doses[0].dose == 3.0
    warmer = under(plans, {"warming": 2.0, "rain": 0.9})
    assert [round(one.dose, 9) for one in warmer[USUAL].climate.changes] == [2.0, -0.1]
    with pytest.raises(TableFaultsError, match="did you mean 'warming'"):
        under(plans, {"warmng": 2.0})
    with pytest.raises(SocbayesError, match="has to have compost once"):
        plans.with_dose("p", "compost", 3)
    with pytest.raises(UnknownNameError, match="there are"):
        plans["nothing"]


def test_every_lever_is_whole():
    for name, lever in LEVERS.items():
        assert lever.name == name
        assert lever.acts_on in ACTIONS
        assert lever.evidence[0] < lever.evidence[1]
        assert lever.source
        assert (lever.sd > 0) == (lever.acts_on in UNCERTAIN)
        assert all(other in LEVERS for other in lever.excludes)
        assert lever.acts_on not in OF_CLIMATE or lever.mean == 0
    table = levers()
    assert list(table.index) == list(known_levers())
    assert table.loc["warming", ["mean", "sd"]].isna().all()


def test_levers_are_found_by_any_spelling():
    assert lever_called("cover crop").name == lever_called("Cover_Crop").name == "cover_crop"
    with pytest.raises(UnknownNameError, match="did you mean 'compost'"):
        lever_called("compst")


def test_published_factors_are_ratios_of_steady_states():
    mean, sd = ratio_of((0.82, 17.0), over=((0.70, 12.0),))
    assert mean == pytest.approx(np.log(0.82 / 0.70))
    assert sd == pytest.approx(np.hypot(17.0, 12.0) / 200.0)
    assert -LEVERS["no_tillage"].mean == pytest.approx(np.log([1.09, 1.03, 1.10, 1.04]).mean())


def learned(mean, sd, acts_on, structure="rothc"):
    return {"acts_on": acts_on, "through": {structure: {"mean": mean, "sd": sd}}, "source": "ours", "studies": 9}


def test_effects_learned_through_the_core_take_the_place_of_priors():
    stored = learned(-0.1, 0.05, "rate_factor") | {"pairs": 30, "log_ratio": {"mean": 0.04, "sd": 0.02}}
    stored["through"]["icbm"] = {"mean": -0.2, "sd": 0.05}
    found = with_effects({"no_tillage": stored})["no_tillage"]
    assert (found.source, found.studies, found.pairs) == ("ours", 9, 30)
    assert found.mean == pytest.approx(-0.15)
    assert found.sd == pytest.approx(np.hypot(0.05, 0.05)), "structures that differ are part of the spread"
    assert LEVERS["no_tillage"].source.startswith("IPCC")
    standard = np.array([0.0, 1.0])
    np.testing.assert_allclose(found.effect(standard, "icbm"), [-0.2, -0.15])
    np.testing.assert_allclose(found.effect(standard, "century"), found.effect(standard))
    np.testing.assert_allclose(LEVERS["no_tillage"].effect(standard, "icbm"), LEVERS["no_tillage"].effect(standard))


def test_few_studies_do_not_take_the_place_of_a_published_prior():
    few = learned(0.1, 0.4, "rate_factor") | {"studies": 7}
    assert with_effects({"reduced_tillage": few})["reduced_tillage"] == LEVERS["reduced_tillage"]


def test_levers_of_amounts_keep_them_unless_pairs_say_more():
    sure, vague = learned(0.3, 0.1, "plant_factor"), learned(0.1, 0.3, "plant_factor")
    found = with_effects({"cover_crop": sure})["cover_crop"]
    assert (found.acts_on, found.mean) == ("plant_factor", 0.3)
    assert with_effects({"cover_crop": vague})["cover_crop"] == LEVERS["cover_crop"]
    # Doses of manure are of carbon: a factor at the usual dose of a study says nothing of a ton.
    assert with_effects({"manure": sure})["manure"] == LEVERS["manure"]


def test_a_ratio_of_stocks_is_never_an_effect():
    ratio = {"mean": 0.06, "sd": 0.03, "source": "pairs"}
    factor = learned(0.1, 0.05, "rate_factor")
    wrong = {
        "no lever with an effect": {"manur": factor},
        "no_tillage, reduced_tillage": {"warming": factor},
        "a log ratio of stocks is no effect": {"no_tillage": ratio},
        "acts_on .plant_factor or rate_factor.": {"no_tillage": ratio | {"acts_on": "rate_factor"}},
        "are needed: a log ratio": {"no_tillage": factor | {"through": {}}},
        "is a factor on decomposition, not a factor on plant input": {"no_tillage": learned(0.1, 0.1, "plant_factor")},
        "cover_crop: is a factor on plant input, not a fa": {"cover_crop": learned(-0.3, 0.01, "rate_factor")},
        "are no distribution": {"no_tillage": learned(0.1, 0.0, "rate_factor")},
        "mean, sd and source are needed": {"no_tillage": {key: factor[key] for key in ("acts_on", "through")}},
        "needed .'sd'.": {"no_tillage": factor | {"through": {"rothc": {"mean": 0.1}}}},
        "needed .*not subscriptable": {"no_tillage": factor | {"through": {"rothc": 0.1}}},
    }
    for said, effects in wrong.items():
        with pytest.raises(SocbayesError, match=rf"lever_effects\.json.*{said}"):
            with_effects(effects)


def test_plans_take_the_effect_of_the_structure_that_is_run(monkeypatch):
    from socbayes.scenarios import levers as module
    from socbayes.scenarios.plan_runs import standard_normals

    stored = learned(-0.1, 0.01, "rate_factor")
    stored["through"]["icbm"] = {"mean": -0.4, "sd": 0.01}
    file = {"no_tillage": stored, "litter_doubled": learned(0.7, 0.1, "plant_factor"), "cover_crop": learned(
        0.1, 0.3, "plant_factor")}  # fmt: skip
    monkeypatch.setattr(module, "_stored", lambda: file)
    plans = read_plans({"plans": {"p": {"levers": {"no_tillage": 1.0}}}})
    rothc, icbm = (standard_normals(plans, 200, 1, name)["no_tillage"] for name in ("rothc", "icbm"))
    np.testing.assert_allclose(rothc - icbm, 0.3)
    table = levers()
    assert table.loc["no_tillage", "learned_through"] == "rothc, icbm"
    assert table.loc["cover_crop", "learned_through"] == ""
    assert table.attrs["not_used"] == ["cover_crop", "litter_doubled"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "a path, a dict, or plans"),
        (5, "a path, a dict, or plans"),
        ({"plans": {"a": {"management": [{"start": 2026}]}}}, "nothing managed"),
        ({"plans": {"a": {"levers": {"manure": -20.0}}}}, "0 or more"),
        ({"plans": {"a": {"levers": {"carbon_input": -3.0}}}}, "-1 or more"),
        ({"plans": {"a": {"levers": {"rain": -2.0}}}}, "-1 or more"),
    ],
)
def test_what_is_no_plan_is_refused_in_words(given, text):
    with pytest.raises(TableFaultsError, match=text):
        read_plans(given)


def test_a_folder_is_no_plan(tmp_path):
    with pytest.raises(UnreadableFileError, match="is a folder"):
        read_plans(tmp_path)


def test_another_climate_says_what_it_replaces():
    plans = read_plans({"climate": {"warming": 1.0}, "plans": {"a": {"levers": {"cover_crop": 1.0}}}})
    warm = under(plans, {"warming": 50.0})
    assert any("is replaced" in note for note in warm.notes)
    assert any("beyond the evidence" in note for note in warm.notes)
