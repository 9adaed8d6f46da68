"""What a page says of how to make plans and credits again: who does so finds the same numbers."""

from __future__ import annotations

import html
import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_field import PLOTS, fit_called, fit_of, fit_with_weather, one_pool, weather
from made_projection import made_projection
from typer.testing import CliRunner

import socbayes as sb
from socbayes.cli import FAILED_GATE, app
from socbayes.demo_plots import PLANS
from socbayes.report import report
from socbayes.report.command import NOT_KEPT
from socbayes.scenarios import credit_sheet, lasting, project
from socbayes.scenarios.plan_files import read_plans, under, written_plans
from socbayes.scenarios.projected import read_projection
from socbayes.scenarios.projections import _plain

EVERYTHING = {
    "baseline": "as usual",
    "climate": {"warming": 1.5, "rain": 0.3, "start": 2024, "ramp": 10},
    "areas": {"A1": 4.0, "A2": 4.0, "B1": 2.5, "B2": 1e-3},
    "plans": {
        "as usual": {},
        'cover "crops", half': {
            "levers": [
                {"lever": "cover_crop", "dose": 1 / 3, "start": 2024.25, "end": 2040, "ramp": 2},
                {"lever": "plant_carbon", "dose": 0.7},
            ],
            "adoption": [{"year": 2026, "plots": ["A1"]}, {"year": 2030, "plots": ["B1"]}],
            "plots": ["A1", "B1"],
        },
        "no-till": {"levers": {"no_tillage": 1.0}, "adoption": [{"year": 2025.5, "share": 0.9}]},
        "dry": {"levers": [{"lever": "rain", "dose": -0.123, "start": 2030}], "climate": {"evaporation": 1.1}},
        "managed": {"management": [{"plant_carbon_input": 3.1, "plant_cover": 0.25, "start": 2025, "end": 2030}]},
        "as it was": {"climate": {}},
        "resampled": {"climate": {"resample": True, "warming": -0.1}},
        "acclimated": {"climate": {"warming": 2.0, "efficiency": "acclimates"}},
    },
}


def steps(page):
    """Files to save, by name, and the commands below them, in the order of the page."""
    body = page.read_text("utf-8")
    body = body[body.index('<section id="reproduce">') :]
    found = re.findall(r"(?:Save as <code>([^<]+)</code>:</p>\s*)?<pre><code>(.*?)</code></pre>", body, re.DOTALL)
    texts = [(name, html.unescape(text)) for name, text in found]
    return {name: text for name, text in texts if name}, [text for name, text in texts if not name]


@pytest.fixture
def follow(monkeypatch, tmp_path):
    """Do what a page says in an empty folder, on fits by the name of their folder."""
    monkeypatch.chdir(tmp_path)

    def do(page, fits, exit_code=0):
        monkeypatch.setattr("socbayes.inference.runs.load", lambda folder: fits[folder.name])
        files, commands = steps(page)
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        for command in commands:
            first, *words = shlex.split(command)
            assert first == "socbayes"
            more = [] if words[0] == "credit" else ["--no-progress"]
            done = CliRunner().invoke(app, [*words, *more])
            assert done.exit_code == exit_code, done.output
        return commands

    return do


@pytest.mark.parametrize("plans", [EVERYTHING, PLANS, {"plans": {"p": {"levers": {"manure": 1.0}}}}])
def test_plans_that_are_written_are_read_as_they_were(plans, tmp_path):
    read, file = read_plans(plans), tmp_path / "plan.toml"
    file.write_text(written_plans(read), encoding="utf-8")
    again = read_plans(file)
    assert _plain(again) == _plain(read)
    shared, as_before = (
        [one.climate is each[each.baseline].climate for one in each.plans.values()] for each in (again, read)
    )
    assert shared == as_before


def test_what_never_was_is_not_written_and_other_changes_of_climate_are_doses(tmp_path):
    plans = read_plans({"climate": {"warming": 2.0, "start": 2030},
                        "plans": {"p": {"levers": [{"lever": "cover_crop", "dose": 1.0, "start": 2030}]}}})  # fmt: skip
    text = written_plans(plans.stopped(2028.0))
    assert "cover_crop" not in text
    assert "warming = 2" in text
    from socbayes.scenarios.endings import warmer

    text = written_plans(warmer(plans, 1.0))
    assert "[climate]" not in text
    assert '{ lever = "warming", dose = 1 }' in text
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    changes = [(one.dose, one.start) for one in read_plans(tmp_path / "plan.toml")["p"].climate.changes]
    assert changes == [(2.0, 2030.0), (1.0, None)]


def test_a_table_of_weather_is_named_once_and_asked_for(tmp_path):
    climate = {"table": weather(range(2022, 2060))}
    read = under(read_plans({"plans": {"p": {"levers": {"manure": 1.0}}}}), climate)
    text = written_plans(read)
    assert text.count("# YOUR_WEATHER_1.csv: a table of weather of 456 rows") == 1
    assert text.count('table = "YOUR_WEATHER_1.csv"') == 1
    result = project(fit_with_weather(), read, years=(2022, 2032), draws=5)
    page = report(result, path=tmp_path / "page.html").read_text("utf-8")
    assert "YOUR_WEATHER stands for the tables of weather" in page


def test_what_the_page_says_gives_the_same_numbers(follow, tmp_path):
    fits = {"a": fit_with_weather("rothc"), "own icbm": fit_with_weather("icbm")}
    # What these fits cannot do, or would do nothing.
    left_out = ("as it was", "acclimated")
    plans = EVERYTHING | {"plans": {name: one for name, one in EVERYTHING["plans"].items() if name not in left_out}}
    first = project(fits, plans, years=(2022, 2023.5, 2030.25, 2041), draws=12, seed=7,
                    weights={"a": 0.3, "own icbm": 0.6})  # fmt: skip
    few = project(fits["a"], PLANS, years=range(2026, 2047, 5), draws=10, seed=3)
    areas = pd.DataFrame({"plot": list(PLOTS), "area [ha]": [5.0, 5.0, 7.5, 7.5], "stratum": ["x", "x", "y", "y"]})
    sheets = [
        credit_sheet(first, areas, buffer=0.2, rules=["rainbow", "vm0042_v2_2"], year=2030.25, plan="no-till"),
        credit_sheet(first, every_point=True),
        credit_sheet(few, areas, buffer=0.12),
    ]
    ended = lasting(fits, PLANS, 2035, years=(2022, 2050), warming=1.5, credited={"no tillage": 0.3}, buffer=0.1,
                    plots=["A1", "B2"], draws=8, seed=2)  # fmt: skip
    page = report(first, few, *sheets, ended, path=tmp_path / "page.html")
    commands = follow(page, fits | {"RUN": fits["a"]})
    assert [command.split()[1] for command in commands] == ["project"] * 2 + ["credit"] * 3 + ["lasting"]
    assert "--years 2026:2046:5" in commands[1]
    for made, folder in ((first, "projection"), (few, "projection-2")):
        again = read_projection(tmp_path / folder / "projection.nc")
        for name in ("known", "new", "adoption"):
            # Draws are called by their run, and a single run here by its structure.
            one, other = (each[name].drop_vars(["structure", "draw"], errors="ignore") for each in (again, made))
            xr.testing.assert_equal(one.drop_attrs(), other.drop_attrs())
    for sheet, name in zip(sheets, ("credits", "credits-2", "credits-3"), strict=True):
        found = pd.read_csv(tmp_path / f"{name}.csv", keep_default_na=False, na_values=[""])
        pd.testing.assert_frame_equal(found, sheet.table, check_dtype=False, rtol=1e-12)
    found = pd.read_csv(tmp_path / "lasting" / "lasting.csv")
    pd.testing.assert_frame_equal(found, ended.table, check_dtype=False, rtol=1e-9)
    body = page.read_text("utf-8")
    assert "RUN is the folder of a run of rothc (not on this page)." in body
    assert "the runs a (not on this page) and own icbm (not on this page)." in body


def test_a_failed_fit_is_asked_for_and_the_page_names_its_own_fits(follow, tmp_path):
    failed = fit_of("icbm", converged=0)
    result = project(failed, PLANS, years=(2026, 2036), draws=5, allow_failed=True)
    sheet = credit_sheet(result, pd.DataFrame({"plot": list(PLOTS), "area [ha]": 1.0}), allow_failed=True)
    page = report(result, sheet, path=tmp_path / "page.html")
    commands = follow(page, {"RUN": failed}, FAILED_GATE)
    assert [" --allow-failed" in command for command in commands] == [True, True]
    again = read_projection(tmp_path / "projection" / "projection.nc")
    np.testing.assert_array_equal(again["known"], result["known"])


def test_structures_of_the_callers_own_are_asked_for_in_python(tmp_path, monkeypatch):
    own = one_pool()
    fitted = fit_of(own)
    result = project(fitted, PLANS, years=(2026, 2036), draws=3, seed=4, structures={"one_pool": own})
    sheet = credit_sheet(result, pd.DataFrame({"plot": list(PLOTS), "area [ha]": 1.0}))
    files, (call, credited) = steps(report(result, sheet, path=tmp_path / "page.html"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(files["plan.toml"], encoding="utf-8")
    monkeypatch.setattr(sb, "load", lambda folder: fitted, raising=False)
    told: dict = {"YOUR_STRUCTURE": own}
    exec(call, told)
    again = read_projection(tmp_path / "projection.nc")
    assert credited.startswith("socbayes credit projection.nc --areas areas.toml")
    np.testing.assert_array_equal(again["known"], result["known"])


def test_what_does_not_say_how_it_was_made_is_said_to_be_so(tmp_path):
    made = made_projection()
    sheet = credit_sheet(made, pd.DataFrame({"plot": made["plot"].to_numpy(), "area [ha]": 15.0}))
    body = report(made, sheet, path=tmp_path / "page.html").read_text("utf-8")
    assert NOT_KEPT in body
    assert "PROJECTION.nc is the projection that was credited, which is not on this page." in body
    assert "socbayes credit PROJECTION.nc --areas areas.toml --year 2055" in body


def test_settings_are_kept_as_they_were_given():
    result = project({"a": fit_called("icbm")}, PLANS, years=[2036, 2026], draws=5, seed=2, weights={"a": 2})
    settings = json.loads(result.attrs["settings"])
    assert settings["years"] == [2026.0, 2036.0]
    assert settings["weights"] == {"a": 2.0}
    assert list(settings["fits"]) == ["a"]
    assert (settings["draws"], settings["allow_failed"], settings["structures"]) == (5, False, [])


def test_a_single_draw_is_asked_for_in_python_as_no_command_takes_one(tmp_path):
    result = project(fit_called("icbm"), PLANS, years=[2026, 2036], draws=1)
    _, (call,) = steps(report(result, path=tmp_path / "page.html"))
    assert "sb.project(fits, 'plan.toml', years=[2026.0, 2036.0], draws=1, seed=0)" in call
