"""The command line: friendly, with honest exit codes, and nothing half written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_plots import cue_fit, priming_fit
from typer.testing import CliRunner

from socbayes import cli, demo
from socbayes.cli import app, parse_scenario
from socbayes.errors import SocbayesError
from socbayes.inference.fit import save

BAD = Path(__file__).parent / "bad_tables"
SCHEMA_OF = {"control_equal_to_treatment": "necromass_pairs", "necromass_above_soc": "necromass_pairs"} | {
    "negative_soc": "mineral_associated_carbon"
}
FAULTY = (
    "control_equal_to_treatment",
    "cue_in_percent",
    "duplicate_rows",
    "empty_table",
    "many_faults",
    "missing_column",
    "necromass_above_soc",
    "negative_soc",
    "not_utf8",
    "text_in_a_number",
    "unit_missing",
    "unknown_column",
    "unknown_ecosystem",
    "wrong_unit",
)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def good_run(tmp_path):
    folder = tmp_path / "priming"
    folder.mkdir()
    save(priming_fit(), folder / "fit.nc")
    return folder


@pytest.fixture
def bad_run(tmp_path):
    folder = tmp_path / "cue"
    folder.mkdir()
    save(
        cue_fit(converged=0, failures=json.dumps(["3 divergent transitions of 1000"]), divergences=3), folder / "fit.nc"
    )
    return folder


def test_help_is_quick_and_every_command_shows_an_example():
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "socbayes.cli", "--help"], check=True, capture_output=True)
    assert time.perf_counter() - started < 5  # loaded machines; alone it takes a fraction of a second
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert {"datasets", "validate", "fit", "check", "compare", "scenarios", "report", "resume-report", "demo"} == set(
        names
    )
    for name in names:
        result = run(name, "--help")
        assert result.exit_code == 0
        assert f"socbayes {name}" in result.output, name
        assert "Example" in result.output, name


def test_help_imports_nothing_heavy():
    code = "import sys, socbayes.cli; print({'pandas', 'pymc', 'arviz', 'xarray', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_datasets_are_listed_and_described():
    result = run("datasets")
    assert result.exit_code == 0
    assert "necromass_pairs" in result.output
    result = run("datasets", "cue")
    assert result.exit_code == 0
    assert "Qiao" in result.output
    assert "unstated" in result.output


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("datasets", "necromas_pairs"), "necromass_pairs"),
        (("validate", BAD / "missing_column.csv", "--schema", "cu"), "'cue'"),
        (("fit", "primming"), "'priming'"),
        (("fit", "priming", "--gradient", "none"), "cue"),
        (("validate", BAD / "missing_column.csv", "--schema", "cue", "--unit", "clay"), "clay=%"),
        (("report", "nowhere"), "nowhere"),
        (("resume-report", "nowhere"), "nowhere"),
        (("validate", "nowhere.csv", "--schema", "cue"), "nowhere.csv"),
    ],
)
def test_spelling_mistakes_are_answered(arguments, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert hint in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FAULTY)
def test_validate_refuses_bad_tables(name):
    result = run("validate", BAD / f"{name}.csv", "--schema", SCHEMA_OF.get(name, "cue"))
    assert result.exit_code == 2
    assert "no faults" not in result.output


@pytest.mark.parametrize("name", FAULTY)
def test_fit_refuses_bad_tables_before_anything_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = {"necromass_pairs": "mcp"}.get(SCHEMA_OF.get(name, ""), "cue")
    result = run("fit", model, "--data", BAD / f"{name}.csv", "--store", tmp_path / "run")
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["one_study_only", "one_row_per_study"])
def test_fit_refuses_tables_without_groups(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("fit", "cue", "--data", BAD / f"{name}.csv", "--gradient", "none", "--store", tmp_path / "run")
    assert result.exit_code == 2
    assert "stud" in result.output
    assert list(tmp_path.iterdir()) == []


def test_validate_praises_a_good_table(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text(
        "observation,study,carbon_use_efficiency [%],measurement_method\na,Trial,32,water_18O\nb,Trial,41,water_18O\n"
    )
    result = run("validate", table, "--schema", "cue")
    assert result.exit_code == 0
    assert "no faults: 2 rows" in result.output
    assert "converted" in result.output


def test_report_of_a_good_run(good_run, tmp_path):
    result = run("report", good_run, "--output", tmp_path / "out" / "r.html")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "r.html").exists()


def test_report_of_a_run_that_did_not_converge_is_loud(bad_run, tmp_path):
    result = run("report", bad_run, "--output", tmp_path / "r.html")
    assert result.exit_code == 1
    assert "DID NOT CONVERGE" in result.output
    assert "3 divergent transitions" in result.output
    assert "DO NOT USE THESE NUMBERS" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_check_of_a_run_that_did_not_converge(bad_run):
    result = run("check", bad_run)
    assert result.exit_code == 1
    assert "DID NOT CONVERGE" in result.output


def test_scenarios_are_compared(good_run):
    result = run(
        "scenarios", good_run, "-s", "low: dose_over_biomass=1", "-s", "high: dose_over_biomass=10", "--seed", 1
    )
    assert result.exit_code == 0, result.output
    assert "high" in result.output
    assert "percentage points" in result.output


@pytest.mark.parametrize(
    ("scenarios", "hint"),
    [
        (("a: dose_over_biomass=1",), "at least two"),
        (("a: dose_over_biomas=1", "b: dose_over_biomass=2"), "dose_over_biomass"),
        (("a: dose_over_biomass", "b: dose_over_biomass=2"), "name=value"),
        (("a: dose_over_biomass=1", "a: dose_over_biomass=2"), "two scenarios"),
        (("a: dose_over_biomass=1", "b: dose_over_biomass=much"), "cannot be predicted"),
    ],
)
def test_bad_scenarios_are_refused(scenarios, hint, good_run):
    arguments = [part for text in scenarios for part in ("-s", text)]
    result = run("scenarios", good_run, *arguments)
    assert result.exit_code == 2
    assert hint in " ".join(result.output.split())


def test_scenario_texts_are_read():
    assert parse_scenario("warm: temperature=20, method=water_18O") == (
        "warm",
        {"temperature": 20.0, "method": "water_18O"},
    )
    assert parse_scenario("with N: added_nitrogen=true")[1] == {"added_nitrogen": True}
    with pytest.raises(SocbayesError):
        parse_scenario("warm: temperature")


def test_runs_are_not_given_twice(good_run, tmp_path):
    result = run("report", good_run, good_run, "--output", tmp_path / "r.html")
    assert result.exit_code == 2
    assert "twice" in result.output
    assert not (tmp_path / "r.html").exists()


def test_demo_exit_code_follows_its_summary(tmp_path, monkeypatch):
    def pretend(output, **options):
        (tmp_path / demo.SUMMARY).write_text(json.dumps({"passed": options["draws"] > 500}))
        (tmp_path / demo.PAGE).write_text("")
        return tmp_path / demo.PAGE

    monkeypatch.setattr(demo, "run", pretend)
    assert run("demo", "--output", tmp_path).exit_code == 0
    assert run("demo", "--output", tmp_path, "--quick").exit_code == cli.FAILED_GATE


def test_demo_spares_what_is_not_a_run(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SocbayesError, match="other than a run"):
        demo._emptied(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_demo_scenarios_are_named_once():
    for _, settings in demo.SCENARIOS:
        assert len(settings) > 1
    assert {model for model, _ in demo.SCENARIOS} == set(demo.MODELS)
