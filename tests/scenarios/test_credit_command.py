"""``socbayes credit``: a sheet as a table, honest exit codes, every fault in a line of its own."""

from __future__ import annotations

import pandas as pd
import pytest
from made_projection import PLOTS, made_projection
from typer.testing import CliRunner

from socbayes.cli import app
from socbayes.scenarios.credit_sheet import credit_sheet
from socbayes.scenarios.draws import DO_NOT_USE


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_projection().to_netcdf("projection.nc")
    made_projection(converged=False).to_netcdf("failed.nc")
    pd.DataFrame({"plot": PLOTS, "area [ha]": 15.0}).to_csv("areas.csv", index=False)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(app, ["credit", *arguments])


def test_a_sheet_is_shown_and_written(files):
    done = run("projection.nc", "--areas", "areas.csv", "--buffer", "0.12", "--output", "out/credits.csv")
    assert done.exit_code == 0, done.output
    assert "Computed as in Verra VM0042 v2.2" in done.output
    written = pd.read_csv(files / "out" / "credits.csv")
    expected = credit_sheet(made_projection(), "areas.csv", buffer=0.12).table
    pd.testing.assert_frame_equal(written, expected, check_dtype=False, rtol=1e-9, check_exact=False)


def test_a_failed_fit_is_refused_then_marked_and_ends_with_1(files):
    done = run("failed.nc", "--areas", "areas.csv")
    assert done.exit_code == 1
    assert "11 divergent transitions" in done.output
    assert not (files / "credits.csv").exists()
    done = run("failed.nc", "--areas", "areas.csv", "--allow-failed")
    assert done.exit_code == 1
    assert DO_NOT_USE in " ".join(done.output.split())
    assert (pd.read_csv(files / "credits.csv")["converged"] == 0).all()


def test_every_fault_has_a_line(files):
    done = run("failed.nc", "--areas", "no.csv", "--rule", "vm0042", "--rule", "rainbow", "--buffer", "1.5",
               "--plan", "covr", "--year", "2031")  # fmt: skip
    assert done.exit_code == 2
    lines = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 6
    assert not (files / "credits.csv").exists()


def test_a_rule_given_twice_is_shown_once(files):
    done = run("projection.nc", "--areas", "areas.csv", "--rule", "rainbow", "--rule", "rainbow")
    assert done.exit_code == 0, done.output
    assert done.output.count("rainbow: credits against") == 1


def test_help_has_an_example():
    done = run("--help")
    assert "socbayes credit projection.nc --areas areas.csv" in " ".join(done.output.split())
    assert "[[stratum]]" in done.output


def test_a_report_takes_projections(files, monkeypatch):
    seen = []
    monkeypatch.setattr("socbayes.cli.load_all", lambda runs: {})
    monkeypatch.setattr("socbayes.cli._judge", lambda fits, extra=(): None)
    monkeypatch.setattr("socbayes.cli._written", seen.append)
    arguments = ["report", "runs/farm", "--output", "report.html", "--projection"]
    assert CliRunner().invoke(app, [*arguments, "projection.nc"]).exit_code == 0
    assert "Plans against usual" in (files / "report.html").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, [*arguments, "failed.nc"]).exit_code == 1
    assert CliRunner().invoke(app, [*arguments, "none.nc"]).exit_code == 2
    assert len(seen) == 2


def test_small_gains_keep_their_digits_and_a_new_plot_has_no_points(files):
    """Two digits of the spread, as on the page; what says nothing is empty."""
    made = made_projection(more=0.0002)
    made.to_netcdf("small.nc")
    done = run("small.nc", "--areas", "areas.csv", "--plan", "cover", "--output", "small.csv")
    (measured,) = [line for line in done.output.splitlines() if "plots measured" in line and "│" in line]
    (new, _) = [line for line in done.output.splitlines() if "a new plot: " in line and "│" in line]
    table = pd.read_csv("small.csv").query("group == 'plots measured'").set_index("quantity")["value"]
    assert f"{table['gain']:.4f}" in measured
    assert f"{table['model_sd']:.4f}" in measured
    assert [cell.strip() for cell in new.split("│")][6] == ""
    assert "what is empty is not told, or needs a buffer" in done.output


def test_what_is_missing_or_misspelt_is_said_with_what_there_is(files):
    without = " ".join(run("projection.nc").output.split())
    assert (
        "give areas (--areas FILE, a table with plot and area [ha]), or state hectares of plots under [areas]"
        in without
    )
    assert "no rule 'abc' (rules: vm0042_v2_2, rainbow)" in run("projection.nc", "--rule", "abc").output
    assert (
        "no plan named 'xyz' in the projection; known: cover, straw off" in run("projection.nc", "--plan", "xyz").output
    )
