"""The report: loud where it must be, self-contained, and true to its draws."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from test_plots import FITS, comparison, cue_fit, field_fit, mcp_fit, priming_fit, soil_incubation_fit

import socbayes.report
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.inference.checks import GATES, CheckResult, Checks
from socbayes.models.cue import readings as cue_readings
from socbayes.models.field import readings as field_readings
from socbayes.models.mcp import readings as mcp_readings
from socbayes.models.priming import readings as priming_readings
from socbayes.models.soil_incubation import readings as incubation_readings
from socbayes.published import published_of
from socbayes.report import comparisons, readings, report, section
from socbayes.report.command import command_of
from socbayes.report.graph import graph_svg
from socbayes.subjects import model_records
from socbayes.wording import direction, number, said

PUBLISHED = [one for model in model_records() for one in published_of(model)]
EVERY = {model: readings.readings_of(make()) for model, make in FITS.items()}


@pytest.fixture(autouse=True)
def one_figure(monkeypatch):
    """Most tests look at the words around the figures: one figure is enough, and quick."""
    monkeypatch.setitem(cue_readings.READINGS, "cue", EVERY["cue"][-1:])


def good_checks(**changes: CheckResult) -> Checks:
    numbers = pd.DataFrame({"r_hat": [1.001], "worst": ["level"]}, index=pd.Index(["level"], name="variable"))
    names = (*GATES, "prior_predictive")
    return Checks({name: CheckResult(name, True, "All is well.", numbers) for name in names} | changes)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    fits = [make() for make in FITS.values()]
    report(*fits, [comparison()], path=path, checks=[good_checks()] * len(fits))
    return path.read_text(encoding="utf-8")


def failing(make=cue_fit):
    return make(converged=0, failures=json.dumps(["7 divergent transitions of 1000"]), divergences=7)


def test_report_is_self_contained(written):
    loads = re.findall(r"""(?:src|href|data|poster|action)\s*=\s*["']([^"']*)""", written)
    assert loads
    assert all(target.startswith(("data:", "#")) for target in loads)
    style = written[written.index("<style>") : written.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "<script" not in written
    assert "<link" not in written


def test_report_holds_every_figure_with_its_reading(written):
    for model, ones in EVERY.items():
        for one in ones:
            assert f"<strong>{one.title}.</strong>" in written, model
    assert "Not drawn" not in written
    assert written.count("<img ") == written.count("alt=")


def test_report_names_data_interval_and_how_to_reproduce(written):
    assert "89 % equal-tailed interval" in written
    assert "socbayes fit cue --draws 250 --tune 100 --chains 4 --seed 1" in written
    assert "not allowed" in written  # commercial use of the necromass tables
    for citation in {one.citation.split(",")[0] for one in PUBLISHED if one.model in FITS}:
        assert citation in written
    assert "3 of 9 studies state no clay" in written


def test_report_of_good_fits_has_no_alarm(written):
    assert 'class="alarm"' not in written
    assert "do not use" not in written.lower()


def test_report_is_the_same_twice(tmp_path):
    for name in ("a.html", "b.html"):
        report(cue_fit(), path=tmp_path / name, checks=[good_checks()])
    first, second = ((tmp_path / name).read_text(encoding="utf-8") for name in ("a.html", "b.html"))
    clock = re.compile(r"Written [\d: -]+UTC")
    assert clock.sub("", first) == clock.sub("", second)


def test_fit_that_did_not_converge_is_said_first(tmp_path):
    path = report(failing(), path=tmp_path / "r.html", checks=[good_checks()])
    body = path.read_text(encoding="utf-8").split("<body>")[1]
    assert body.index("DO NOT USE THESE NUMBERS") < body.index("What was asked")
    assert "7 divergent transitions of 1000" in body
    assert "✓ passed</span></h3>" not in body


def test_failed_check_is_said_first(tmp_path):
    bad = CheckResult("prior_predictive", False, "Absurd priors.", pd.DataFrame())
    path = report(cue_fit(), path=tmp_path / "r.html", checks=[good_checks(prior_predictive=bad)])
    body = path.read_text(encoding="utf-8").split("<body>")[1]
    assert body.index("DO NOT USE THESE NUMBERS") < body.index("What was asked")
    assert "Absurd priors." in body


def test_interrupted_run_is_said_first(tmp_path):
    full = cue_fit()
    fitted = xr.DataTree.from_dict({name: full[name].to_dataset() for name in ("posterior", "sample_stats")})
    fitted.attrs = {"complete": 0, "model": "cue", "spec": full.attrs["spec"]}
    body = report(fitted, path=tmp_path / "r.html").read_text(encoding="utf-8").split("<body>")[1]
    assert "the run was interrupted" in body[: body.index("What was asked")]


def test_scenarios_of_a_bad_fit_are_said_first(tmp_path):
    path = report(comparison(converged=False), path=tmp_path / "r.html")
    body = path.read_text(encoding="utf-8").split("<body>")[1]
    assert body.index("did not pass its checks") < body.index("What was asked")


def test_what_a_model_did_not_use_stands_under_its_limits(tmp_path):
    fitted = cue_fit()
    note = "Not used, as no sample is of site Valley: 2 rows of the weather table (4, 5)."
    fitted.attrs["spec"] = json.dumps(json.loads(fitted.attrs["spec"]) | {"notes": [note]})
    text = report(fitted, path=tmp_path / "report.html", checks=[good_checks()]).read_text(encoding="utf-8")
    assert note in text[text.index('<section id="limits">') :]


def test_failed_report_leaves_no_file(tmp_path, monkeypatch):
    target = tmp_path / "r.html"
    monkeypatch.setattr(section, "published_rows", lambda fitted: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report(cue_fit(), path=target, checks=[good_checks()])
    assert list(tmp_path.iterdir()) == []


def test_failed_report_leaves_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "r.html"
    target.write_text("old")
    monkeypatch.setattr(section, "html_table", lambda table: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report(cue_fit(), path=target, checks=[good_checks()])
    assert target.read_text() == "old"


def test_broken_figure_does_not_cost_the_others(tmp_path, monkeypatch):
    monkeypatch.setitem(cue_readings.READINGS, "cue", EVERY["cue"])
    fitted = cue_fit()
    fitted["posterior"] = fitted["posterior"].to_dataset().drop_vars("spread_share")
    text = report(fitted, path=tmp_path / "r.html", checks=[good_checks()]).read_text(encoding="utf-8")
    assert "Not drawn" in text
    assert text.count("data:image/") == len(EVERY["cue"]) - 1


@pytest.mark.parametrize("items", [(), ("fit.nc",), (xr.DataTree(),)], ids=["nothing", "text", "empty tree"])
def test_wrong_items_are_refused(items, tmp_path):
    with pytest.raises(SocbayesError):
        report(*items, path=tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_package_can_be_called(tmp_path):
    assert socbayes.report(cue_fit(), path=tmp_path / "r.html", checks=[good_checks()]).exists()


def test_text_from_a_table_is_escaped(tmp_path):
    fitted = cue_fit()
    spec = json.loads(fitted.attrs["spec"])
    spec["question"] = "<script>alert(1)</script>"
    fitted.attrs["spec"] = json.dumps(spec)
    text = report(fitted, path=tmp_path / "r.html", checks=[good_checks()]).read_text(encoding="utf-8")
    assert "<script>" not in text


SIGNED = {
    cue_readings.cue_slopes: cue_fit,
    priming_readings.priming_dose: priming_fit,
    priming_readings.priming_nitrogen: priming_fit,
    priming_readings.priming_new: priming_fit,
    priming_readings.priming_soils: priming_fit,
}


@pytest.mark.parametrize("say", SIGNED, ids=lambda say: say.__name__)
def test_sentence_turns_with_its_draws(say):
    text, opposite = (say(SIGNED[say](sign)) for sign in (1.0, -1.0))
    up, down = ("falls", "rises") if say is cue_readings.cue_slopes else ("rises", "falls")
    assert f"{up}" in text.split(".")[0] + text
    assert f"{down} (probability" in opposite or f"{down} with temperature" in opposite
    assert f"{down} (probability" not in text
    assert f"{down} with temperature" not in text


def test_pump_sentences_turn_with_their_draws():
    good, bad = mcp_readings.pump_efficacy(mcp_fit(1.0)), mcp_readings.pump_efficacy(mcp_fit(-1.0))
    assert "falls with none" in good
    assert "rises with none" in bad
    all_, none = (mcp_readings.pump_pairs(mcp_fit(sign)) for sign in (1.0, -1.0))
    count = mcp_fit().posterior.sizes["practice"]
    assert f", {count} of {count} practices raise" in all_
    assert f", 0 of {count} practices raise" in none


def test_field_sentences_turn_with_their_draws():
    one, other = (field_readings.treatments_differ(field_fit(sign)) for sign in (1.0, -1.0))
    assert "fastest with treatment 2" in one
    assert "fastest with treatment 0" in other
    assert "2 have an interval that excludes" in field_readings.constants_moved(field_fit())
    assert "in humus" in field_readings.pools_at_the_start(field_fit())
    lost, grown = (incubation_readings.rates_told(soil_incubation_fit(sign)) for sign in (1.0, -1.0))
    assert "grows with probability below 0.01" in lost
    assert "grows with probability above 0.99" in grown


def test_figures_are_left_out_where_there_is_nothing_to_show():
    titles = [one.title for one in readings.readings_of(field_fit(treatments=1))]
    assert "Rate constants over published values" in titles
    assert "What treatments do to decomposition and input" not in titles


def test_scenario_sentence_turns_with_its_draws():
    rows, (sentence,) = comparisons.scenario_rows(comparison(1.0))
    _, (opposite,) = comparisons.scenario_rows(comparison(-1.0))
    assert "differs by +5" in sentence
    assert "probability above 0.99" in sentence
    assert "differs by -5" in opposite
    assert "probability below 0.01" in opposite
    assert "percentage points" in sentence
    assert rows[0]["difference"] == "reference"


def test_scenario_that_changes_nothing_is_said_plainly():
    same = comparison()
    same.draws[1] = same.draws[0]
    _, (sentence,) = comparisons.scenario_rows(same)
    assert "differs by 0 percentage points; it is higher with probability below 0.01" in sentence


def test_published_numbers_are_compared_where_the_fit_can_answer():
    rows = {row["what"]: row for row in readings.published_rows(mcp_fit())}
    assert rows["necromass share of cropland, 0-20 cm"]["verdict"] == "inside our interval"
    assert len(rows) == len(published_of("mcp"))
    without = mcp_fit().copy()
    without["posterior"] = without["posterior"].to_dataset().sel(practice=["biochar"])
    assert not any("tillage" in row["what"] for row in readings.published_rows(without))


def test_published_numbers_are_cited_and_named_once():
    assert len({one.key for one in PUBLISHED}) == len(PUBLISHED)
    assert all(re.search(r"\b(19|20)\d\d\b", one.citation) for one in PUBLISHED)


def test_verdicts_follow_the_draws():
    draws = np.random.default_rng(0).normal(1.0, 0.1, 2000)
    assert readings.verdict(1.0, "estimate", draws) == "inside our interval"
    assert readings.verdict(2.0, "estimate", draws) == "differs: ours is lower"
    assert readings.verdict(0.0, "estimate", draws) == "differs: ours is higher"
    assert "above 0.99" in readings.verdict(2.0, "maximum", draws)


def test_numbers_are_rounded_by_their_uncertainty():
    assert number(0.123456, 0.2) == "0.12"
    assert number(1234.5678, 150.0) == "1,235"
    assert number(float("nan"), 1.0) == "not finite"
    assert number(-0.0001, 1.0) == "0"
    assert said(np.linspace(10, 20, 1001), "%") == "15.0 % (10.6 to 19.5)"


def test_direction_admits_what_it_does_not_know():
    draws = np.linspace(-1, 1, 1001)
    assert direction(draws, "rises", "falls").startswith("may go either way")
    assert direction(draws + 0.7, "rises", "falls").startswith("probably rises")
    assert direction(draws - 2, "rises", "falls").startswith("falls")


def with_scores(fitted: xr.DataTree, shift: float) -> xr.DataTree:
    """The fit with a pointwise log likelihood of the bundled efficiencies."""
    rng = np.random.default_rng(5)
    names = socbayes.load_dataset("cue")["observation"].to_numpy().astype(str)
    sizes = [fitted["posterior"].sizes[dim] for dim in ("chain", "draw")]
    values = shift - 0.5 * np.sin(np.arange(names.size)) ** 2 + 0.1 * rng.standard_normal((*sizes, names.size))
    tree = fitted.copy()
    tree["log_likelihood"] = xr.Dataset({"logit_cue": (("chain", "draw", "obs"), values)}, coords={"obs": names})
    tree["observed_data"] = xr.Dataset({"logit_cue": ("obs", np.sin(np.arange(names.size)))}, coords={"obs": names})
    return tree


def test_process_model_is_set_beside_its_baseline(tmp_path):
    pair = with_scores(FITS["cue_process"](), 0.0), with_scores(cue_fit(), -0.2)
    text = report(*pair, path=tmp_path / "r.html", checks=[good_checks()] * 2).read_text(encoding="utf-8")
    assert text.count("Beside its baseline") == 1
    assert "the process model is better: the baseline model&#39;s log density is lower by" in text
    assert "socbayes fit cue_process --draws " in text


def told(fitted: xr.DataTree, **changes) -> xr.DataTree:
    """The fit with another specification."""
    spec = json.loads(fitted.attrs["spec"])
    fitted.attrs["spec"] = json.dumps(spec | changes)
    return fitted


def test_the_command_names_tables_and_options_that_differ():
    cue = facts_of(cue_fit()).spec.tables
    assert command_of(cue_fit()) == "socbayes fit cue --draws 250 --tune 100 --chains 4 --seed 1"
    assert " --with gradient=none " in command_of(told(cue_fit(), tables={"table": cue["table"]}))
    mine = {"table": cue["table"] | {"values_sha256": "another"}, "gradient": cue["gradient"]}
    assert command_of(told(cue_fit(), tables=mine)).startswith("socbayes fit cue --data YOUR_TABLE --draws")
    choices = {"structure": "icbm", "process_noise": True, "parameters": {"clay": 20.0}, "drivers": {}, "months": 12}
    field = command_of(told(field_fit(), choices=choices))
    assert field.startswith("socbayes fit field --data YOUR_OBS --option structure=icbm --option process_noise=yes ")
    assert "--option parameters.clay=20.0 --draws" in field
    assert "structure" not in command_of(told(field_fit(), choices={"structure": "rothc"}))
    assert command_of(told(cue_fit(), choices={"priors": ["level"]})) == "", "a command cannot say priors"
    assert command_of(told(cue_fit(), model="mine")) == ""


def test_the_title_of_many_fits_comes_from_their_subjects(written):
    title = "Carbon use efficiency, priming, microbial carbon pump, field plots and 2 more"
    assert f"<title>{title}</title>" in written


def test_stored_posteriors_say_that_they_hold_no_scores(written):
    assert written.count("Beside its baseline") == 3
    assert written.count("has no log_likelihood") == 3


def test_graph_is_drawn_from_what_the_fit_holds():
    fitted = cue_fit()
    drawn = graph_svg(fitted, facts_of(fitted).spec)
    assert drawn.startswith("<svg")
    assert "cue: 1,210 rows" in drawn
    assert "spread_share" in drawn
