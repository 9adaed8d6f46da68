"""Levers and plans on the command line."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import xarray as xr
from made_field import fit_called, fit_of
from typer.testing import CliRunner

from socbayes.cli import BAD_INPUT, FAILED_GATE, app
from socbayes.errors import SocbayesError
from socbayes.plan_commands import CHANGES, GAINS, LASTING, PROJECTION, numbers_given, years_given
from socbayes.report import report
from socbayes.report.projections import levers_chapter
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.gains import gains_of
from socbayes.scenarios.projected import read_projection

PLAN = """
[plans.cover]
levers = [{ lever = "cover_crop", dose = 1.0, start = 2024 }]
"""


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run the command line on fits made by hand, called by the name of a folder."""
    failed = fit_of("icbm", converged=0)
    monkeypatch.setattr(
        "socbayes.inference.runs.load", lambda folder: failed if folder.name == "failed" else fit_called(folder.name)
    )
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN, encoding="utf-8")

    def run(*arguments, command="project"):
        return CliRunner().invoke(app, [command, *arguments, "--plan", str(plan), "--draws", "20", "--no-progress"])

    return run


def test_levers_are_listed_and_described():
    listed = CliRunner().invoke(app, ["levers"])
    assert listed.exit_code == 0
    assert "no_tillage" in listed.output
    one = CliRunner().invoke(app, ["levers", "no tillage"])
    assert "learned from pairs of AgEvidence as runs of rothc, icbm" in one.output
    assert "Excludes: reduced_tillage" in one.output
    assert "IPCC 2019" in CliRunner().invoke(app, ["levers", "reduced tillage"]).output
    wrong = CliRunner().invoke(app, ["levers", "manur"])
    assert wrong.exit_code == BAD_INPUT
    assert "did you mean 'manure'" in wrong.output


def test_what_was_learned_through_structures_is_told_of_each(monkeypatch):
    through = {"rothc": {"mean": -0.3, "sd": 0.1}, "icbm": {"mean": -0.1, "sd": 0.05}}
    learned = {"acts_on": "rate_factor", "through": through, "source": "ours", "studies": 9, "pairs": 99}
    monkeypatch.setattr("socbayes.scenarios.levers._stored", lambda: {"no_tillage": learned})
    told = CliRunner().invoke(app, ["levers", "no_tillage"]).output
    assert "through rothc: x 0.74 (0.63 to 0.87); -0.300, 0.100" in told
    assert "through icbm: x 0.90 (0.84 to 0.98); -0.100, 0.050" in told
    assert "through any other structure: x 0.82 (0.67 to 1.00); -0.200, 0.127" in told
    for taken, words in (
        ({"farm": "rothc"}, "x 0.74 (0.63 to 0.87)"),
        ({"farm": "rothc", "own": "icbm"}, "farm x 0.74 (0.63 to 0.87); own x 0.90 (0.84 to 0.98)"),
        ({"farm": "all"}, "x 0.82 (0.67 to 1.00)"),
        ({"farm": ""}, "x 0.82 (0.67 to 1.00)"),
    ):
        (row,) = levers_chapter(projection_of({"no_tillage": taken}), 0).rows
        assert words in row
    monkeypatch.setattr("socbayes.scenarios.levers._stored", dict)
    (row,) = levers_chapter(projection_of({"no_tillage": {"farm": ""}}), 0).rows
    assert "x 0.94 (0.89 to 0.99)" in row


def projection_of(factors):
    return xr.Dataset(attrs={"factors": json.dumps(factors)})


def test_levers_are_listed_without_logarithms():
    told = " ".join(CliRunner().invoke(app, ["levers"]).output.split())
    assert "effect of a unit of dose, median (89 % equal-tailed interval)" in told
    assert "x 0.93 (0.84 to 1.04)" in told  # straw_removal: exp(-0.067 +- 1.598 * 0.069)
    assert "0 to 4 t C/ha/year │ 1.0 t C/ha/year (0.73 to 1.4)" in told


def test_a_projection_is_written_whole(invoke, tmp_path):
    folder = tmp_path / "out"
    done = invoke("icbm", "rothc", "--years", "2022:2032:5", "--output", str(folder), "--weight", "icbm=1",
                  "--weight", "rothc=3")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Gain over business as usual by 2032: mean (89 % equal-tailed interval)" in done.output
    assert "above 0.99" in done.output
    assert f"socbayes credit {folder / PROJECTION}" in done.output.replace("\n", "")
    assert sorted(path.name for path in folder.iterdir()) == sorted([PROJECTION, GAINS, CHANGES])
    with xr.open_dataset(folder / PROJECTION) as projection:
        assert projection["known"].dims == ("plan", "sample", "plot", "year", "fraction")
        assert (projection["structure"] == "rothc").sum() == 15
        assert projection.attrs["baseline"] == "business as usual"
    gains = pd.read_csv(folder / GAINS)
    assert set(gains["kind"]) == {"known", "new"}
    assert gains.query("year == 2032")["gain"].gt(0).all()
    assert len(pd.read_csv(folder / CHANGES)) == 4


def test_a_dry_run_writes_nothing(invoke, tmp_path):
    done = invoke("icbm", "--years", "2022:2032", "--output", str(tmp_path / "out"), "--dry-run")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "What every plot gets" in said
    assert "2024 to 2032" in said
    assert "added plant" in said
    assert "plant_added" not in said
    assert "Effect of cover_crop: " in said
    assert not (tmp_path / "out").exists()


def test_faults_of_a_plan_say_where_and_what_to_do(invoke, tmp_path):
    """A file of plans has no rows and columns."""
    for text, expected in (
        ("[plan.p]", ("┃ where ┃", "such as [plans.cover] with levers = [{ lever =", "did you mean 'plans'?")),
        ("[plans.p]\nlevers = { cover_crop = 1 }\nadoption = [{ year = 2025, share = 50 }]", ("50 percent is 0.5",)),
        ("[plans.p]\nlevers = { manure = 1 }", ("fit one of these structures",)),
        ("[plans.p]\nclimate = { warming = 1 }", ("fit with a table of weather",)),
    ):
        (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
        done = invoke("icbm", "--years", "2022:2032", "--dry-run")
        assert done.exit_code == BAD_INPUT
        said = " ".join(done.output.replace("│", "│ ").split())
        assert "row" not in said.split("fault")[1]
        for words in expected:
            assert " ".join(words.split()) in said, said


def test_how_to_write_a_plan_and_what_comes_next_is_said(invoke, tmp_path):
    told = " ".join(CliRunner().invoke(app, ["project", "--help"]).output.replace("│", "").split())
    assert 'levers = [{ lever = "cover_crop", dose = 1, start = 2026 }]' in told
    assert "[plans.cover]" in told
    assert 'levers = [{ lever = "no_tillage"' in CliRunner().invoke(app, ["levers"]).output
    done = invoke("icbm", "--years", "2022,2032", "--output", str(tmp_path / "out"))
    assert "projection.nc --areas FILE, or" in " ".join(done.output.split())


def test_a_failed_fit_ends_with_its_exit_code(invoke, tmp_path):
    refused = invoke("failed", "--years", "2022:2032", "--output", str(tmp_path / "out"))
    assert refused.exit_code == FAILED_GATE
    assert "nothing is projected of it" in " ".join(refused.output.split())
    assert not (tmp_path / "out").exists()
    marked = invoke("failed", "--years", "2022:2032", "--output", str(tmp_path / "out"), "--allow-failed")
    assert marked.exit_code == FAILED_GATE
    assert pd.read_csv(tmp_path / "out" / GAINS)["converged"].eq(0).all()


def test_bad_input_is_said(invoke, tmp_path):
    early = invoke("icbm", "--years", "2012:2032", "--output", str(tmp_path / "out"))
    assert early.exit_code == BAD_INPUT
    assert "years before the fit" in " ".join(early.output.split())
    (tmp_path / "file").write_text("x")
    assert invoke("icbm", "--years", "2022:2032", "--output", str(tmp_path / "file")).exit_code == BAD_INPUT


@pytest.mark.parametrize("text", ["", "now", "2030:2020", "2030:2040:0", "2030:2040:1:1", "0:100000"])
def test_years_that_are_none_are_refused(text):
    with pytest.raises(SocbayesError, match="write 2030:2055"):
        years_given(text)


def test_numbers_are_by_names_that_there_are():
    option = "--weight RUN=NUMBER"
    assert numbers_given([], ["a"], option) is None
    for wrong in ("b=1", "a", "a=x"):
        with pytest.raises(SocbayesError, match="write RUN=NUMBER, of a"):
            numbers_given([wrong], ["a"], option)
    with pytest.raises(SocbayesError, match=r"did you mean 'rothc'\?"):
        numbers_given(["rotc=1"], ["rothc", "icbm"], option)


def test_what_lasts_is_written_shown_and_reported(invoke, tmp_path, monkeypatch):
    folder, page = tmp_path / "out", tmp_path / "page.html"
    asked = []
    monkeypatch.setattr("socbayes.cli.report_on", lambda *given: asked.append(given))
    done = invoke(
        *("icbm", "--years", "2022,2032,2042,2062", "--stopped", "2042", "--no-warming", "--credit", "cover=0.5"),
        *("--buffer", "0.2", "--plot", "A1", "--output", str(folder), "--report", str(page)), command="lasting",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Levers given up in 2042: mean gains" in " ".join(done.output.split())
    assert sorted(path.name for path in folder.iterdir()) == ["as_planned.nc", LASTING]
    (row,) = pd.read_csv(folder / LASTING).to_dict("records")
    assert (row["plan"], row["climate"], row["credited"], row["buffer"]) == ("cover", "as planned", 0.5, 0.2)
    assert 0 < row["gain_last"] < row["gain_then"]
    paths = read_projection(folder / "as_planned.nc")
    assert paths["plot"].to_numpy().tolist() == ["A1"]
    assert row["gain_last"] == pytest.approx(float(gains_of(paths).sel(year=2062.0).mean()))
    ((fits, path, title, ended),) = asked
    assert (list(fits), path, title) == (["icbm"], page, None)
    assert "What stays when levers are given up in 2042" in report(ended, path=page).read_text("utf-8")


def test_what_lasts_under_warming_asks_for_weather_and_for_names_that_there_are(invoke, tmp_path):
    given = ("icbm", "--years", "2022,2042,2062", "--stopped", "2042", "--output", str(tmp_path / "out"))
    cases = (((), "no weather to change"), (("--no-warming", "--plot", "A9"), "no plot named 'A9'"),
             (("--no-warming", "--credit", "covr=1"), "did you mean 'cover'?"),
             (("--no-warming", "--buffer", "2"), "a buffer is a share from 0 to 1"))  # fmt: skip
    for more, text in cases:
        done = invoke(*given, *more, command="lasting")
        assert done.exit_code == BAD_INPUT
        assert text in " ".join(done.output.split())
    refused = invoke("failed", *given[1:], "--no-warming", command="lasting")
    assert refused.exit_code == FAILED_GATE
    assert "nothing is projected of it" in " ".join(refused.output.split())
    marked = invoke("failed", *given[1:], "--no-warming", "--allow-failed", command="lasting")
    assert marked.exit_code == FAILED_GATE
    assert DO_NOT_USE in " ".join(marked.output.split())
    assert pd.read_csv(tmp_path / "out" / LASTING)["converged"].eq(0).all()
