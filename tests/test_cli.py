"""The command line: friendly, with honest exit codes, and nothing half written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_plots import cue_fit, field_fit, priming_fit
from typer.testing import CliRunner

from socbayes import cli, demo
from socbayes.cli import app
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.given import options_given, scenario_given, tables_given
from socbayes.inference.runs import save
from socbayes.spec import ModelSpec
from socbayes.subjects import model_record, model_records

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
    expected = {"datasets", "models", "validate", "fit", "check", "compare", "scenarios", "report", "resume-report"}
    assert expected | {"cache", "demo", "resume", "levers", "project", "lasting", "credit"} == set(names)
    for name in names:
        result = run(name, "--help")
        assert result.exit_code == 0
        assert f"socbayes {name}" in result.output, name
        assert "Example" in result.output, name


def test_help_imports_nothing_heavy():
    heavy = {"pandas", "pymc", "arviz", "xarray", "matplotlib", "numpy"}
    code = f"import sys, socbayes.cli; print({heavy} & set(sys.modules))"
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
        (("fit", "priming", "--with", "gradient=none"), "priming takes no table 'gradient'. It takes table"),
        (("fit", "mcp", "--with", "level=none"), "did you mean 'levels'?"),
        (("fit", "mcp", "--with", "levels=none"), "mcp cannot be fitted without its table levels"),
        (("fit", "cue", "--with", "gradient"), "ROLE=FILE"),
        (("fit", "cue", "--with", "table=mine.csv"), "--data names its file"),
        (("fit", "joint", "--data", "mine.csv"), "joint takes no table"),
        (("fit", "field"), "--data FILE names one of schema field_soc"),
        (("fit", "field", "--option", "structur=icbm"), "did you mean 'structure'?"),
        (("fit", "field", "--option", "parameter.clay=20"), "did you mean 'parameters.NAME'?"),
        (("fit", "field", "--option", "parameters=20"), "write --option parameters.NAME=VALUE"),
        (("fit", "cue", "--option", "beta=2"), "it takes none"),
        (("fit", "mcp_process", "--option", "beta"), "NAME=VALUE"),
        (("fit", "mcp_process", "--option", "kinetics=sideways"), "sideways"),
        (("fit", "cue", "--unit", "clay=%"), "--data"),
        (("models", "feild"), "'field'"),
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
    result = run("fit", "cue", "--data", BAD / f"{name}.csv", "--with", "gradient=none", "--store", tmp_path / "run")
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
    assert "DID NOT PASS ITS CHECKS" in result.output
    assert "3 divergent transitions" in result.output
    assert "DO NOT USE THESE NUMBERS" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_check_of_a_run_that_did_not_converge(bad_run):
    result = run("check", bad_run)
    assert result.exit_code == 1
    assert "DID NOT PASS ITS CHECKS" in result.output


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


FIELD = {
    "plots.csv": "site,plot,treatment,year,soc_stock [t/ha],x_who\n"
    "Farm,A,usual,2010,40,me\nFarm,A,usual,2020,41,me\nFarm,B,cover,2010,42,me\nFarm,B,cover,2020,45,me\n",
    "management.csv": "site,treatment,start_year,end_year,plant_carbon_input [t/ha/year],tillage\n"
    "Farm,usual,2010,2020,2.4,full\nFarm,cover,2010,2020,3.6,full\nFarm,fallow,2010,2020,0,full\n",
    "sky.csv": "site,year,month,temperature [degC]\nFarm,2010,1,3\nValley,2010,1,2\n",
}


@pytest.fixture
def field_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FIELD.items():
        (tmp_path / name).write_text(text)


def said_by(*arguments, code=0):
    result = run(*arguments)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_tables_are_validated_together_and_what_is_not_used_is_named(field_files):
    """Also by file alone: one role stands in the name, the other in the columns."""
    long = said_by("validate", "plots.csv", "--with", "management=management.csv", "--with", "weather=sky.csv")
    short = said_by("validate", "plots.csv", "--with", "management.csv", "--with", "sky.csv")
    assert short == long
    for part in ("no faults: 4 rows in plots.csv", "no faults: 3 rows in management.csv", "2 rows in sky.csv",
                 "no sample at Farm is of treatment fallow: 1 row of the management table (4)",
                 "no sample is of site Valley", "does not use: tillage", "does not use: x_who"):  # fmt: skip
        assert part in short, part


def test_weather_of_a_station_beside_one_site_is_told_by_its_columns(field_files, tmp_path):
    (tmp_path / "sky.csv").write_text("year,month,temperature [degC]\n2010,1,3\n")
    said = said_by("validate", "plots.csv", "--with", "sky.csv")
    assert "1 row in sky.csv" in said
    assert "no sample is of site" not in said


def test_faults_between_tables_are_shown_by_validate(field_files, tmp_path):
    misspelt = FIELD["management.csv"].replace("usual", "ususl")
    (tmp_path / "management.csv").write_text(misspelt)
    said = said_by("validate", "plots.csv", "--schema", "field_soc", "--with", "management.csv", code=2)
    assert "unknown treatment" in said
    assert "did you mean 'usual'?" in said
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "--with management=other.csv" in said_by("validate", "plots.csv", "--with", "other.csv", code=2)
    assert "--schema says which kind" in said_by("validate", "plots.csv", code=2)
    assert "do not tell which kind" in said_by("validate", "other.csv", "--with", "management.csv", code=2)


def test_models_are_listed_and_described():
    result = run("models")
    assert result.exit_code == 0
    for name, record in model_records().items():
        assert name in result.output
        assert record.title in run("models", name).output
    result = run("models", "field")
    assert "--data FILE: table of schema field_soc (refused if not given)" in result.output
    assert "--option structure=VALUE" in result.output
    assert "--with gradient=none for none" in run("models", "cue").output


def test_faults_of_every_table_are_shown(tmp_path):
    pairs, levels = BAD / "necromass_above_soc.csv", tmp_path / "levels.csv"
    levels.write_text("observation,study\na,b\n")
    result = run("fit", "mcp", "--data", pairs, "--with", f"levels={levels}", "--with", "nothing=x.csv")
    assert "takes no table 'nothing'" in result.output
    result = run("fit", "mcp", "--data", pairs, "--with", f"levels={levels}", "--store", tmp_path / "run")
    assert result.exit_code == 2
    assert "necromass_above_soc.csv" in result.output.replace("\n", "")
    assert "levels.csv" in result.output.replace("\n", "")
    assert not (tmp_path / "run").exists()


def test_tables_are_given_by_role():
    assert tables_given(model_record("cue"), None, ["gradient=none"], {}) == {"gradient": None}
    assert tables_given(model_record("cue"), None, [], {}) == {}


def test_options_are_read_as_what_they_are():
    texts = ["structure=icbm", "until=2030", "process_noise=yes", "parameters.clay=20", "parameters.depth=23"]
    assert options_given(model_record("field"), texts) == {
        "structure": "icbm",
        "until": 2030.0,
        "process_noise": True,
        "parameters": {"clay": 20.0, "depth": 23.0},
    }
    with pytest.raises(SocbayesError, match=r"parameters.clay is given twice"):
        options_given(model_record("field"), ["parameters.clay=20", "parameters.clay=30"])


@pytest.mark.parametrize("name", ["cue", "priming_process"])
def test_fits_take_the_effort_of_their_record(name, tmp_path, monkeypatch):
    taken = {}

    def pretend(model, **options):
        taken.update(options)
        raise SocbayesError("enough")

    monkeypatch.setattr("socbayes.inference.fit.fit", pretend)
    monkeypatch.setattr("socbayes.subjects.ModelRecord.build", lambda *_, **__: attached())
    run("fit", name, "--draws", 7, "--target-accept", 0.95, "--climbs", 0)
    assert (taken["draws"], taken["target_accept"], taken["climbs"]) == (7, 0.95, 0)
    assert taken.get("tune") == model_record(name).effort.get("tune")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), (1500, 6000, None)),
        (("--draws", 7), (7, None, None)),
        (("--draws", 7, "--most-draws", 90), (7, 90, None)),
        (("--most-draws", 90), (90, 90, None)),
        (("--most-minutes", 2.5), (1500, 24000, 2.5)),
    ],
    ids=str,
)
def test_a_fit_draws_until_it_has_enough_unless_draws_say_how_many(given, expected, monkeypatch):
    taken = {}

    def pretend(model, **options):
        taken.update(options)
        raise SocbayesError("enough")

    monkeypatch.setattr("socbayes.inference.fit.fit", pretend)
    monkeypatch.setattr("socbayes.subjects.ModelRecord.build", lambda *_, **__: attached())
    run("fit", "cue_process", *given)
    assert tuple(taken.get(name) for name in ("draws", "most_draws", "most_minutes")) == expected


def test_several_structures_are_fitted_by_one_command_into_a_folder_each(field_files, tmp_path, monkeypatch):
    made = []

    def pretend(model, *, store, **_):
        made.append((Path(store), model.socbayes_spec.choices["structure"]))
        fitted = cue_fit(converged=int(len(made) == 1), failures="[]" if len(made) == 1 else '["2 divergent"]')
        fitted.attrs["store"] = str(store)
        return fitted

    monkeypatch.setattr("socbayes.inference.fit.fit", pretend)
    arguments = ("fit", "field", "--data", "plots.csv", "--with", "management.csv", "--option")
    said = said_by(*arguments, "structure=icbm, two_pool_series", "--store", "runs/farm", code=cli.FAILED_GATE)
    assert made == [(Path("runs/farm/icbm"), "icbm"), (Path("runs/farm/two_pool_series"), "two_pool_series")]
    assert "icbm, 1 of 2" in said
    assert "two_pool_series, 2 of 2" in said
    assert "next: socbayes report runs/farm/icbm runs/farm/two_pool_series -o report.html" in said
    assert "FAILED ITS CHECKS" in said
    made.clear()
    for wrong, hint in (("structure=icbm,ocbm", "did you mean 'icbm'"), ("structure=icbm,icbm", "stands once"),
                        ("structure=icbm,", "none is empty")):  # fmt: skip
        assert hint in said_by(*arguments, wrong, "--store", "runs/other", code=cli.BAD_INPUT)
    assert "one option may have" in said_by(*arguments, "structure=a,b", "--option", "stocks=c,d", code=cli.BAD_INPUT)
    assert not made
    assert not (tmp_path / "runs/other").exists()


@pytest.mark.parametrize(
    ("ended", "code"), [(KeyboardInterrupt("Interrupted: 60 draws."), 130), (SocbayesError("no finite density"), 2)],
    ids=["interrupted", "failed"],
)  # fmt: skip
def test_structures_that_are_not_begun_are_named(ended, code, field_files, monkeypatch):
    begun = []

    def pretend(model, *, store, **_):
        begun.append(str(store))
        if len(begun) == 2:
            raise ended
        return cue_fit()

    monkeypatch.setattr("socbayes.inference.fit.fit", pretend)
    arguments = ("fit", "field", "--data", "plots.csv", "--with", "management.csv", "--store", "runs/farm", "--option")
    said = said_by(*arguments, "structure=icbm,rothc,two_pool_series", code=code)
    assert begun == ["runs/farm/icbm", "runs/farm/rothc"]
    assert str(ended) in said
    assert "Done: runs/farm/icbm." in said
    assert "Not begun: two_pool_series (the same command with one value: " in said
    assert "--option structure=two_pool_series --store runs/farm/two_pool_series" in said


def test_tables_are_validated_for_every_structure_that_is_named(field_files):
    both = ("validate", "plots.csv", "--with", "management.csv", "--option", "structure=icbm,two_pool_series")
    assert "no faults" in said_by(*both)
    assert "did you mean 'icbm'" in said_by(*both[:-1], "structure=two_pool_series,ocbm", code=2)


def attached():
    """A model that says of itself nothing."""
    return SimpleNamespace(socbayes_spec=ModelSpec("cue", ""))


def test_a_model_without_predictor_says_so(tmp_path):
    folder = tmp_path / "field"
    folder.mkdir()
    save(field_fit(), folder / "fit.nc")
    result = run("scenarios", folder, "-s", "a: x=1", "-s", "b: x=2")
    assert result.exit_code == 2
    assert "not for a model 'field'" in " ".join(result.output.split())
    assert run("report", folder, "--output", tmp_path / "r.html").exit_code == 0


def test_scenario_texts_are_read():
    assert scenario_given("warm: temperature=20, method=water_18O") == (
        "warm",
        {"temperature": 20.0, "method": "water_18O"},
    )
    assert scenario_given("with N: added_nitrogen=true")[1] == {"added_nitrogen": True}
    with pytest.raises(SocbayesError):
        scenario_given("warm: temperature")


def test_runs_are_not_given_twice(good_run, tmp_path):
    result = run("report", good_run, good_run, "--output", tmp_path / "r.html")
    assert result.exit_code == 2
    assert "twice" in result.output
    assert not (tmp_path / "r.html").exists()


def test_demo_exit_code_follows_its_summary(tmp_path, monkeypatch):
    def pretend(output, **options):
        (tmp_path / demo.SUMMARY).write_text(json.dumps({"passed": options["draws"] is None}))
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
    shown = {name: record.demonstrated for name, record in model_records().items() if record.demonstrated}
    assert list(shown) == ["cue", "priming", "mcp"]
    for comparisons in shown.values():
        assert all(len(settings) > 1 for settings in comparisons)


def test_demo_takes_more_draws_where_a_record_asks_for_them():
    assert [demo._draws(1500, model_record(name).effort)["draws"] for name in ("cue", "mcp")] == [1500, 2000]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(("fit", "priming"), "socbayes.inference.fit.fit"), (("resume", "run"), "socbayes.inference.fit.resume"),
     (("demo",), "socbayes.demo.run")],
    ids=lambda one: one[0],
)  # fmt: skip
def test_ctrl_c_says_how_far_a_run_has_come_and_leaves_with_130(arguments, what, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt("Interrupted: no draws yet. `socbayes resume runs/x` goes on.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(what, interrupted)
    monkeypatch.setattr("socbayes.subjects.ModelRecord.build", lambda *_, **__: attached())
    result = run(*arguments)
    assert result.exit_code == 130
    assert result.output.strip() == "Error: Interrupted: no draws yet. `socbayes resume runs/x` goes on."


def test_a_negative_seed_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("fit", "priming", "--seed", "-1").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_up_to_the_limits_that_are_given(monkeypatch):
    taken = {}

    def pretend(folder, **options):
        taken.update(options)
        return cue_fit(converged=0, failures='["few"]', lacks="It has 341 of 400 effective draws of input_level.")

    monkeypatch.setattr("socbayes.inference.fit.resume", pretend)
    monkeypatch.setattr("socbayes.inference.diagnostics.judged", facts_of)
    result = run("resume", "runs/x", "--most-draws", 900, "--most-minutes", 3)
    assert (taken["most_draws"], taken["most_minutes"]) == (900, 3.0)
    assert result.exit_code == 1, result.output
    assert "x: It has 341 of 400 effective draws of input_level." in result.output


def test_a_finished_run_is_resumed_by_reading_it(good_run):
    result = run("resume", good_run)
    assert result.exit_code == 0, result.output
    assert "next: socbayes report" in result.output
