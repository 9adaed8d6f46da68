"""The field trial of the demonstration, up to its credits: true to the fit, and refused where the fit failed."""

from __future__ import annotations

import json

import pytest
from made_field import fit_of

from socbayes.demo_plots import HECTARES, PLANS, STRUCTURE, TRIAL, decide, summarised, trial
from socbayes.errors import ConvergenceError
from socbayes.report import report


@pytest.fixture(scope="module")
def tables():
    return tuple(trial().socbayes_tables[role] for role in ("obs", "management", "weather"))


@pytest.fixture(scope="module")
def decided(tables):
    return decide(fit_of(STRUCTURE, *tables), seed=1)


def test_the_trial_has_the_tables_of_one_study_and_weather(tables):
    obs, management, weather = tables
    assert set(obs["study"]) == set(management["study"]) == {TRIAL}
    assert set(weather["site"]) == set(obs["site"])
    assert {table.attrs["name"] for table in tables} == {"field_soc", "field_management", "field_weather"}


def test_plans_are_projected_and_credited(decided, tables):
    plans = list(PLANS["plans"])
    assert decided.refused is None
    assert list(decided.projection["plan"].values) == plans
    assert decided.projection.sizes["plot"] == tables[0]["plot"].nunique() == 3
    credited = decided.sheet.table.query("group == 'plots measured' and quantity == 'gain'").set_index("plan")["value"]
    assert list(credited.index) == plans[1:]
    total = decided.projection["known"].sel(fraction="total").mean("plot").isel(year=[0, -1]).diff("year")
    gain = (total.sel(plan=plans[1:]) - total.sel(plan=plans[0])).mean("sample").to_numpy().ravel() * 44 / 12
    assert credited.to_numpy() == pytest.approx(gain)
    assert {line.credit.area for line in decided.sheet.lines if line.group == "plots measured"} == {3 * HECTARES}


def test_what_is_made_up_and_what_is_predicted_stands_on_sheet_and_page(decided, tmp_path):
    page = " ".join(report(decided.items, path=tmp_path / "report.html").read_text("utf-8").split())
    for sentence in (
        "10 ha of each plot are made up, to show a credit sheet.",
        "Stocks of 2026 are predicted: the last sample is of 1998.",
    ):
        assert sentence in decided.sheet.text
        assert sentence in page


def test_numbers_are_those_of_the_sheet(decided):
    numbers = json.loads(json.dumps(summarised(decided)))
    assert list(numbers["credits"]) == list(numbers["gains_t_c_per_ha"]) == list(PLANS["plans"])[1:]
    table = decided.sheet.table.query("group == 'plots measured'").set_index(["plan", "quantity"])["value"]
    for plan, figures in numbers["credits"].items():
        assert figures["quantile"] == pytest.approx(table[plan, "quantile"], abs=1e-5)


def test_a_failed_fit_is_refused_and_the_page_says_so(tables, tmp_path):
    failed = fit_of(STRUCTURE, *tables, converged=0)
    refused = decide(failed, seed=1)
    assert isinstance(refused.refused, ConvergenceError)
    assert refused.items == [refused.refused]
    assert "did not pass its checks" in summarised(refused)["refused"]
    page = report(refused.items, path=tmp_path / "report.html").read_text("utf-8")
    assert "Plans and credits: refused" in page
    assert "A FIT BEHIND THIS CHAPTER DID NOT PASS" in page
    asked = decide(failed, seed=1, allow_failed=True)
    assert not asked.sheet.converged
    assert not summarised(asked)["converged"]
    assert "A FIT BEHIND THIS CHAPTER DID NOT PASS" in report(asked.items, path=tmp_path / "r.html").read_text("utf-8")
