"""Efficiency that acclimates to the climate of a plan: what it does to runs, and what is refused."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import pytest
from made_field import fit_called, fit_of, fit_with_weather, management, samples, weather

from socbayes.errors import TableFaultsError
from socbayes.inference.stored import load_posterior
from socbayes.models.field.branches import branches_of
from socbayes.scenarios.acclimation import slopes_of
from socbayes.scenarios.gain_parts import gain_variance
from socbayes.scenarios.gains import gains_of
from socbayes.scenarios.plan_files import read_plans, under
from socbayes.scenarios.plan_runs import begun_runs
from socbayes.scenarios.projections import dry_run, project, ready_to_run
from socbayes.structures.efficiency import warming_of

YEARS = (2022.0, 2024.0, 2028.0)
MORE = {"levers": {"carbon_input": 0.2}}


@lru_cache(maxsize=1)
def pump():
    """Few draws of a structure whose microbes have an efficiency."""
    return fit_of("mcp", samples(), management(), weather(), draws=5)


def planned(efficiency=None, **climate):
    told = {} if efficiency is None else {"efficiency": efficiency}
    return {"climate": climate | told, "plans": {"p": MORE}}


def projected(plans, draws=6):
    return project(pump(), plans, years=YEARS, draws=draws)


@pytest.mark.parametrize("climate", [{"warming": 3.0}, {"warming": 3.0, "ramp": 4.0}, {"resample": True}, {}])
def test_direct_is_what_plans_without_a_word_do(climate):
    one, other = projected(planned(**climate)), projected(planned("direct", **climate))
    assert one.identical(other)


@pytest.mark.parametrize("answer", ["acclimates", "incubated"])
def test_without_warming_it_changes_nothing_to_the_last_bit(answer):
    one = projected(planned(warming=0.0))
    for climate in ({}, {"warming": 0.0}, {"rain": 1.0}):
        other = projected(planned(answer, **climate))
        for kind in ("known", "new"):
            np.testing.assert_array_equal(one[kind], other[kind])


@pytest.mark.parametrize("answer", ["acclimates", "incubated"])
@pytest.mark.parametrize("climate", [{"warming": 3.0}, {"warming": 3.0, "ramp": 5.0}, {"warming": -2.0, "start": 2025}])
def test_it_is_the_core_run_month_by_month_with_an_efficiency_altered_by_hand(answer, climate):
    """Of the published structure, at the temperatures of the plan, as far as each month is warmer than the past."""
    found = projected(planned(answer, **climate))["known"].sel(plan="p", fraction="total")
    plans = read_plans(planned(**climate))
    ready = ready_to_run(pump(), plans, YEARS, None, 6, 0, False, None)
    (prepared,) = ready.prepared
    branches, plot = branches_of(prepared.data), 2
    pools, every = begun_runs(prepared, "known")
    now, parameters = pools[:, plot], every[:, plot].copy()
    names = branches.structure.parameter_names
    inputs, level = names.index("input_factor"), names.index("e_ref")
    own_input, own = parameters[:, inputs].copy(), parameters[:, level].copy()
    assert branches.structure.defaults()["e_slope"] == 0.0
    slope = slopes_of(read_plans(planned(answer, **climate)), 6, 0)[answer]
    drivers, months = prepared.kinds["known"].columns["p"][0][:, plot], prepared.months[plot]
    start = prepared.branch(plot)
    for month in range(int(months.max())):
        ahead = month >= start
        since = (month - start + 0.5) / 12.0 - (climate.get("start", 2022.0) - 2022.0)
        there = climate["warming"] * np.clip(since / climate.get("ramp", 1e-9), 0.0, 1.0) if ahead else 0.0
        parameters[:, inputs] = own_input * (1.2 if ahead else 1.0)
        parameters[:, level] = 1.0 / (1.0 + (1.0 / own - 1.0) * np.exp(-slope * there))
        now = branches.every_month(now, parameters, drivers[month : month + 1, None], np.array([1]))[0]
        if month + 1 in months:
            carbon = now @ branches.weights(prepared.data, ["total"])[:, 0] * prepared.data.forcing.carbon[plot]
            here = found.isel(plot=plot, year=int(np.flatnonzero(months == month + 1)[0]))
            np.testing.assert_allclose(here, carbon, rtol=1e-7)


def test_plans_may_answer_one_warming_differently():
    plans = {
        "plans": {
            name: {"climate": {"warming": 3.0, "efficiency": name}} for name in ("direct", "incubated", "acclimates")
        },
        "baseline": "direct",
    }
    result = projected(plans, draws=10)
    found = gains_of(result)
    slopes = slopes_of(read_plans(plans), 10, 0)
    for answer, slope in slopes.items():
        # Its own efficiency does not answer temperature at all, so gains have the sign that slopes have, or the other.
        gain = found.sel(plan=answer).isel(year=-1).transpose("sample", "plot").to_numpy()
        assert (np.sign(gain) == np.sign(gain[0] * slope[0]) * np.sign(slope)[:, None]).all()
    assert (found.sel(plan="incubated") != found.sel(plan="acclimates")).isel(year=-1).all()


def test_only_plots_of_a_plan_acclimate():
    own = {"climate": {"warming": 3.0, "efficiency": "acclimates"}, "plots": ["A1"]}
    result = projected({"climate": {"warming": 3.0}, "plans": {"p": own}})
    found = gains_of(result).sel(plan="p").isel(year=-1)
    assert (found.sel(plot=["A2", "B1", "B2"]) == 0.0).all()
    assert (found.sel(plot="A1") != 0.0).all()


def test_weather_of_a_table_is_answered_year_by_year_and_resampled_years_not_at_all(tmp_path):
    ahead = weather(range(2022, 2028))
    ahead["temperature"] += 1.0 + ahead["month"].eq(7) * 6.0
    path = tmp_path / "weather.csv"
    units = {"temperature": "degC", "rain": "mm", "open_pan_evaporation": "mm"}
    ahead.rename(columns=lambda name: f"{name} [{units[name]}]" if name in units else name).to_csv(path, index=False)
    for climate, expected in (
        # The years observed have a mean of 10.5 in the calendar months of even and odd years.
        ({"table": str(path)}, [1.0, 2.0]),
        ({"resample": True}, [0.0]),
        ({"resample": True, "warming": 2.0}, [2.0]),
    ):
        ready = ready_to_run(pump(), planned("acclimates", **climate), YEARS, None, 6, 0, False, None)
        (prepared,) = ready.prepared
        place = prepared.branches.position(warming_of("acclimates"))
        for columns in prepared.kinds["known"].columns["p"]:
            assert (columns[: prepared.branch(0), 0, place] == 0.0).all()
            found = np.unique(columns[prepared.branch(0) : int(prepared.months[0].max()), 0, place])
            np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("structure", ["rothc", "icbm", "mend"])
def test_structures_without_one_efficiency_are_refused_with_those_that_have_one(structure):
    fitted = fit_with_weather() if structure == "rothc" else fit_called(structure)
    with pytest.raises(TableFaultsError, match="acclimates for " + structure) as caught:
        project(fitted, planned("acclimates", warming=2.0), years=YEARS, draws=10)
    assert "awb, awb_eca, ger, mcp, mcp_forward, millennial" in str(caught.value)


def test_an_answer_that_there_is_not_gets_the_nearest():
    with pytest.raises(TableFaultsError, match="did you mean 'acclimates'"):
        read_plans(planned("acclimate", warming=2.0))
    with pytest.raises(TableFaultsError, match="unknown answer of efficiency"):
        read_plans(planned(True, warming=2.0))


def test_a_projection_and_a_dry_run_say_how_efficiency_answers_and_from_where_that_is_known():
    plans = under(read_plans({"plans": {"p": MORE}}), {"warming": 2.0, "efficiency": "acclimates"})
    result = projected(plans)
    assert json.loads(result.attrs["efficiency"]) == {"business as usual": "acclimates", "p": "acclimates"}
    draws = load_posterior("cue_process")["posterior"]["slope_between"].to_numpy()
    told = f"{np.median(draws):+.3f} ({np.quantile(draws, 0.055):+.3f} to {np.quantile(draws, 0.945):+.3f})"
    note = next(note for note in result.attrs["notes"].splitlines() if note.startswith("Carbon use efficiency of"))
    assert told in note
    assert "stored posterior cue_process" in note
    table = dry_run(pump(), plans, years=YEARS)
    rows = table[table["column"] == "carbon_use_efficiency acclimates"]
    assert len(rows) == 8
    assert rows["dose"].unique().tolist() == [round(float(np.median(draws)), 3)]
    assert told in rows["evidence"].iloc[0]
    assert "efficiency" not in projected(planned(warming=2.0)).attrs


def test_an_answer_to_no_warming_is_named():
    for climate in ({"rain": 0.9}, {"resample": True}, {"warming": 0.0}):
        notes = projected(planned("incubated", **climate)).attrs["notes"]
        assert "Plan 'p': nothing changes the temperature, so that its efficiency incubated changes nothing." in notes
        table = dry_run(pump(), planned("incubated", **climate), years=YEARS)
        assert not table["column"].str.contains("efficiency").any()


def test_slopes_are_draws_of_the_stored_posterior_shared_by_plans_and_fits():
    plans = read_plans(planned("acclimates", warming=2.0))
    stored = load_posterior("cue_process")["posterior"].to_dataset()
    found = slopes_of(plans, 300, 4)
    for answer, name in (("acclimates", "slope_between"), ("incubated", "slope_mean")):
        assert np.isin(found[answer], stored[name].to_numpy()).all()
    assert len(np.unique(found["acclimates"])) == 300
    assert len(slopes_of(plans, 2000, 4)["acclimates"]) == 2000
    assert slopes_of(read_plans(planned(warming=2.0)), 300, 4) == {}
    two = {"one": pump(), "two": pump()}
    prepared = ready_to_run(two, plans, YEARS, None, 10, 4, False, None).prepared
    joined = np.concatenate([one.slopes["acclimates"] for one in prepared])
    np.testing.assert_array_equal(joined, slopes_of(plans, 10, 4)["acclimates"])


def test_their_part_of_the_variance_of_a_gain_is_that_of_climate():
    plans = {
        "plans": {"p": {"climate": {"warming": 3.0, "efficiency": "acclimates"}}, "q": {"climate": {"warming": 3.0}}},
        "baseline": "q",
    }
    alike = fit_of("mcp", samples(), management(), weather(), draws=5, spread=0.0)
    last = gain_variance(alike, plans, years=YEARS, draws=10).isel(year=-1)
    # Draws of the plots measured differ in nothing else.
    share = (last["known"] / last["known_total"]).sel(plan="p")
    np.testing.assert_allclose(share.sel(part="climate"), 1.0, rtol=1e-9)
    assert (last["known_total"] > 0).all()
