"""Structures are scored on years they did not see, with scores that are what they say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from socbayes.carried import load_prior
from socbayes.errors import SocbayesError
from socbayes.inference.runs import FIT, SPEC, Settings, begin, new_run_folder
from socbayes.models.field import foresight
from socbayes.models.field.draws import Draws
from socbayes.models.field.foresight import (
    _told,
    _with_density_error,
    leave_future_out,
    leave_one_site_out,
    split_future,
    split_site,
)
from socbayes.observations import DENSITY_ERROR
from socbayes.spec import ModelSpec
from socbayes.structures import get
from socbayes.table import examine_table


@pytest.fixture(scope="module")
def decline():
    """Four plots that lose young carbon to a tenth of the input they had."""
    rng = np.random.default_rng(5)
    years = np.arange(2000.0, 2006.5, 0.75)
    rows = [
        {"site": "Farm", "plot": f"P{plot}", "year": year, "soc_stock": stock * np.exp(rng.normal(0.0, 0.02))}
        for plot, start in enumerate((48.0, 50.0, 52.0, 55.0))
        for year, stock in zip(years, start * (0.9 + 0.1 * np.exp(-0.6 * (years - 2000.0))), strict=True)
    ]
    management = {"site": ["Farm"], "start_year": [2000.0], "end_year": [2007.0], "plant_carbon_input": [0.3]}
    return pd.DataFrame(rows), pd.DataFrame(management)


def test_the_last_third_is_left_out_of_every_plot(decline):
    past, future = split_future(decline[0])
    assert len(past) + len(future) == len(decline[0])
    assert past["year"].max() <= 2004.0 < future["year"].min()
    assert set(future["plot"]) == set(past["plot"])


def test_plots_that_begin_later_are_in_neither(decline):
    late = pd.DataFrame({"site": ["Farm"], "plot": ["late"], "year": [2005.5], "soc_stock": [40.0]})
    past, future = split_future(pd.concat([decline[0], late]))
    assert "late" not in set(past["plot"]) | set(future["plot"])


def test_a_structure_is_scored_on_the_future_of_plots(decline, tmp_path):
    """Also where sites were sampled in different years: one plot more, thirty years before."""
    obs, management = decline
    first = obs[obs["plot"] == "P0"].assign(site="Moor", year=lambda t: t["year"] - 30.0)
    before = management.assign(site="Moor", start_year=1970.0, end_year=1977.0)
    obs = pd.concat([obs, first], ignore_index=True)
    given = (obs, pd.concat([management, before], ignore_index=True))
    settings = {"structures": {"ICBM": {"structure": "icbm"}}, "store": tmp_path, "progress": False}
    settings |= {"draws": 150, "tune": 250, "chains": 2}
    table = leave_future_out(*given, **settings)
    made = (tmp_path / "ICBM" / FIT).stat().st_mtime_ns
    pd.testing.assert_frame_equal(leave_future_out(*given, **settings), table)
    assert (tmp_path / "ICBM" / FIT).stat().st_mtime_ns == made, "a fit that was there was made again"
    with pytest.raises(SocbayesError, match="holds a run already"):
        leave_future_out(*given, **settings | {"draws": 160})
    row = table.loc["ICBM"]
    assert row["measurements"] == len(split_future(obs)[1])
    assert row["elpd_difference"] == 0.0
    assert 0.0 < row["crps"] < 3.0
    # Errors of 2 percent: a perfect forecast would have a log density of 2.5 each.
    assert 1.0 < row["elpd"] / row["measurements"] < 2.6
    assert row["coverage_89"] > 0.6


def test_errors_of_borrowed_densities_are_those_learned_or_as_wide_as_assumed():
    data = SimpleNamespace(
        plots=SimpleNamespace(labels=["a", "b", "c"]), measured=SimpleNamespace(density=np.array([-1, 1, 2, 1]))
    )
    values = {"density_error": np.array([[0.3], [-0.3]])}
    known = Draws(values, {"plot_without_density": ["b"]})
    mean, spread = _with_density_error(np.zeros((2, 4)), data, np.arange(4), known)
    np.testing.assert_array_equal(mean, [[0.0, 0.3, 0.0, 0.3], [0.0, -0.3, 0.0, -0.3]])
    np.testing.assert_array_equal(spread, [0.0, 0.0, DENSITY_ERROR[1], 0.0])
    mean, spread = _with_density_error(np.zeros((2, 4)), data, np.arange(4), Draws({}, {}))
    assert not mean.any()
    np.testing.assert_array_equal(spread > 0, [False, True, True, True])


def test_nothing_to_foresee_is_said(decline, tmp_path):
    with pytest.raises(SocbayesError, match="nothing to learn from or to foresee"):
        leave_future_out(*decline, structures={"ICBM": {"structure": "icbm"}}, store=tmp_path, share=0.0)


def test_of_a_site_left_out_only_first_totals_are_known(decline):
    obs = decline[0].assign(particulate_carbon_stock=5.0)
    both = pd.concat([obs, obs.assign(site="Hill")], ignore_index=True)
    known, left_out = split_site(both, "Hill")
    assert set(left_out["site"]) == {"Hill"}
    there = known[known["site"] == "Hill"]
    assert there["year"].tolist() == [2000.0] * 4
    assert there["soc_stock"].notna().all()
    assert there["particulate_carbon_stock"].isna().all()
    assert known.loc[known["site"] == "Farm", "particulate_carbon_stock"].notna().all()
    assert len(known) + len(left_out) == len(both)
    three = pd.concat([both, obs.assign(site="Moor")], ignore_index=True)
    for learned in (["Farm"], ["Farm", "Hill"]):  # also where the site left out is one of them
        some, others = split_site(three, "Hill", learned)
        pd.testing.assert_frame_equal(some.reset_index(drop=True), known.reset_index(drop=True))
        pd.testing.assert_frame_equal(others, left_out)
    assert set(split_site(three, "Hill")[0]["site"]) == {"Farm", "Hill", "Moor"}


def test_fits_are_read_again_only_where_a_specification_tells_them_apart():
    assert _told({"structure": "icbm", "process_noise": True, "prior": "literature"})
    assert not _told({"structure": get("icbm")})
    assert _told({"structure": "icbm", "fractions": {"particulate": ["young"]}})
    assert not _told({"structure": "mcp", "prior": load_prior()})


@pytest.mark.parametrize(
    ("asked", "passed", "found"),
    [({"draws": 60}, True, "fit anew"), ({"draws": 60, "most_draws": 100}, True, "fit anew"),
     ({"draws": 60, "most_draws": 120}, True, "read"), ({"draws": 60, "most_draws": 400}, True, "read"),
     ({"draws": 60, "most_draws": 400}, False, "gone on to 400"), ({"draws": 60, "most_draws": 120}, False, "read"),
     ({"draws": 120}, True, "read"), ({"draws": 200, "most_draws": 400}, True, "fit anew"),
     ({"draws": 120, "seed": 4}, True, "fit anew")],
)  # fmt: skip
def test_a_fit_that_drew_until_it_passed_is_read_again(asked, passed, found, tmp_path, monkeypatch):
    for name in (SPEC, FIT):
        (tmp_path / name).touch()
    same = SimpleNamespace(to_json=lambda: "{}")
    drawn = SimpleNamespace(draws=120, tune=100, chains=2, seed=3, converged=passed)

    def gone_on(*_, most_draws, progress):
        return f"gone on to {most_draws}" if most_draws else "read"

    told = {"spec_of": same, "read_spec": same, "load": None, "facts_of": drawn, "fit": "fit anew"}
    for name, value in told.items():
        monkeypatch.setattr(foresight, name, lambda *_, value=value, **__: value)
    monkeypatch.setattr(foresight, "resume", gone_on)
    sampling = {"tune": 100, "chains": 2, "seed": 3} | asked
    assert foresight._fitted(None, tmp_path, sampling, told=True) == found


def test_a_fit_that_was_cut_short_is_made_anew_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(foresight, "fit", lambda model, *, store, **_: "fit anew" if not store.exists() else "refused")
    folder = tmp_path / "ICBM"
    folder.mkdir()
    (folder / SPEC).write_text("{}")
    assert foresight._fitted(None, folder, {}, told=False) == "fit anew"
    assert [path.name.startswith("ICBM cut short") for path in tmp_path.iterdir()] == [True]
    assert next(tmp_path.rglob(SPEC)).read_text() == "{}"


def test_a_new_site_is_foreseen_less_well_than_the_future_of_a_known_one(decline, tmp_path):
    obs, management = decline
    obs = pd.concat([obs, obs.assign(site="Hill")], ignore_index=True)
    management = pd.concat([management, management.assign(site="Hill")], ignore_index=True)
    settings = {"structures": {"ICBM": {"structure": "icbm"}}, "draws": 150, "tune": 250, "chains": 2}
    table = leave_one_site_out(obs, management, store=tmp_path, progress=False, **settings)
    row = table.loc["ICBM"]
    assert row["measurements"] == (obs["year"] > 2000.0).sum()
    assert sorted(path.name for path in (tmp_path / "ICBM").iterdir()) == ["Farm", "Hill"]
    # A forecast of 10 percent error has a log density of 0.9; of 2 percent, that of the measurements, 2.5.
    assert 0.5 < row["elpd"] / row["measurements"] < 2.4
    assert row["coverage_89"] > 0.8


def test_a_fraction_got_by_difference_elsewhere_is_not_scored(decline, tmp_path):
    """Fractions sum to the total, so the larger is no measurement where it was seen, and its error is not learned."""
    obs, management = (pd.concat([table, table.assign(site="Hill")], ignore_index=True) for table in decline)
    young = 0.1 * obs["soc_stock"]
    obs = obs.assign(particulate_carbon_stock=young, mineral_associated_carbon_stock=obs["soc_stock"] - young)
    settings = {"structures": {"ICBM": {"structure": "icbm"}}, "draws": 20, "tune": 60, "chains": 2}
    table = leave_one_site_out(obs, management, store=tmp_path, progress=False, **settings)
    assert table.loc["ICBM", "measurements"] == 2 * (obs["year"] > 2000.0).sum()


def test_one_site_cannot_be_left_out(decline, tmp_path):
    with pytest.raises(SocbayesError, match="leaving out the only site, 'Farm'"):
        leave_one_site_out(*decline, structures={"ICBM": {"structure": "icbm"}}, store=tmp_path)


def test_tables_are_judged_once_in_a_comparison(monkeypatch, tmp_path):
    """However many structures and sites: three tables, three looks."""
    judgements = []

    def counted(table, schema, units):
        judgements.append(schema)
        return examine_table(table, schema, units)

    def scores(*_):
        return {"density": np.zeros(3), "crps": np.zeros(3), "inside": np.zeros((3, 2))}

    judged_fit = xr.DataTree()
    judged_fit.attrs = {"model": "field", "converged": 1, "failures": "[]"}
    monkeypatch.setattr("socbayes.table.examine_table", counted)
    monkeypatch.setattr(foresight, "_fitted", lambda *_, **__: judged_fit)
    monkeypatch.setattr(foresight, "_scores", scores)
    sites = list("ABC")
    obs = pd.DataFrame(
        [{"site": site, "plot": "1", "year": year, "soc_stock": 50.0} for site in sites for year in (2000.0, 2005.0)]
    )
    management = pd.DataFrame({"site": sites, "start_year": 2000.0, "end_year": 2010.0, "plant_carbon_input": 3.0})
    weather = pd.DataFrame(
        [{"site": site, "year": 2000, "month": month, "temperature": 10.0} for site in sites for month in range(1, 13)]
    )
    structures = {"ICBM": {"structure": "icbm"}, "two pools": {"structure": "two_pool_series"}}
    leave_one_site_out(obs, management, weather, structures=structures, store=tmp_path)
    assert judgements == ["field_soc", "field_management", "field_weather"]


@pytest.mark.parametrize(
    ("label", "part"), [("../../x", ""), ("RothC", "../../x"), ("a/b", "/etc"), ("..", ".."), ("", "s")]
)
def test_runs_of_sites_and_structures_stay_in_their_store(label, part, tmp_path):
    folder = foresight._run_folder(tmp_path / "store", label, part)
    assert (tmp_path / "store").resolve() in folder.resolve().parents


def test_a_fit_that_was_cut_short_goes_on_where_it_is_of_the_same_model(tmp_path, monkeypatch):
    model = SimpleNamespace(socbayes_spec=ModelSpec("field", "", observed=("log_carbon",)))
    settings = Settings(1000, 1000, 4, 2, 0, 0.9, "diag", 0, "")
    begin(new_run_folder("field", tmp_path / "ICBM"), model.socbayes_spec, settings, {})
    monkeypatch.setattr(foresight, "resume", lambda folder, model, progress, **_: "goes on")
    monkeypatch.setattr(foresight, "fit", lambda model, *, store, **_: "made anew")
    assert foresight._fitted(model, tmp_path / "ICBM", foresight.SAMPLING, told=True) == "goes on"
    other = foresight.SAMPLING | {"draws": 50}
    assert foresight._fitted(model, tmp_path / "ICBM", other, told=True) == "made anew"
