"""Projections: paired draws, levers that do what they say, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_field import YEARS, fit_called, fit_of, fit_with_weather, management, one_pool, samples, weather

from socbayes.errors import ConvergenceError, SocbayesError, TableFaultsError
from socbayes.inference.diagnostics import fingerprint
from socbayes.models.field import forecast
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.gains import gains_of
from socbayes.scenarios.levers import LEVERS, lever_called
from socbayes.scenarios.projections import dry_run, project

FEW = (2022.0, 2032.0, 2052.0)


def plan(**body):
    return {"plans": {"p": body}}


def levers(*rows, **doses):
    return plan(levers=[*rows, *({"lever": name, "dose": dose} for name, dose in doses.items())])


def gain(fits, plans, years=FEW, kind="known", **settings):
    """Gain of the plan in the last year, (sample, plot)."""
    found = gains_of(project(fits, plans, years=years, draws=100, **settings), kind).sel(plan="p").isel(year=-1)
    return found.transpose("sample", "plot").to_numpy()


@pytest.mark.parametrize("structure", ["icbm", "rothc"])
def test_a_plan_that_changes_nothing_gains_exactly_nothing_and_is_the_forecast(structure):
    fitted = fit_called(structure)
    nothing = {"plans": {"p": {}, "dose of zero": {"levers": {"cover_crop": 0.0}}}}
    both = project(fitted, nothing, years=FEW, draws=100)
    for kind in ("known", "new"):
        assert (gains_of(both, kind) == 0.0).all()
    ahead = forecast(fitted, years=FEW, draws=100)
    for kind in ("known", "new"):
        np.testing.assert_allclose(both[kind].sel(plan="p"), ahead[kind], rtol=1e-9)


def test_draws_of_a_plan_do_not_rest_on_what_else_is_planned():
    fitted, one = fit_called("icbm"), {"levers": {"no_tillage": 1.0}}
    alone = gain(fitted, {"plans": {"p": one}})
    np.testing.assert_array_equal(alone, gain(fitted, {"plans": {"q": {"levers": {"cover_crop": 1.0}}, "p": one}}))
    assert (gain(fitted, {"plans": {"p": one}}, seed=1) != alone).any()


def test_a_doubled_input_gains_what_a_linear_pool_must():
    rate, own = 0.05, one_pool(0.05)
    fitted = fit_of(own, samples(), management(), spread=0.0)
    found = gain(fitted, levers(carbon_input=1.0), structures={"one_pool": own})
    for place, carbon in enumerate([2.4, 2.4, 3.6, 3.6]):
        expected = carbon / rate * (1.0 - np.exp(-rate * 30.0))
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-5)


def test_a_ramp_and_an_end_are_those_of_a_linear_pool():
    rate, own = 0.05, one_pool(0.05)
    fitted = fit_of(own, samples(), management(), spread=0.0)
    row = {"lever": "carbon_input", "dose": 1.0, "start": 2022, "end": 2042, "ramp": 20}
    found = gain(fitted, levers(row), structures={"one_pool": own})[0, 0]
    when = (np.arange(20 * 12) + 0.5) / 12.0
    expected = (2.4 * when / 20.0 * np.exp(-rate * (30.0 - when))).sum() / 12.0
    assert found == pytest.approx(expected, rel=1e-4)


def test_carbon_that_is_added_is_what_is_weighed_in_whatever_factor_the_fit_learned():
    """Learned factors on stated inputs differ between draws; what is added does not take part in them."""
    own = one_pool(0.05)
    fitted = fit_of(own, samples(), management(), spread=0.3, still=("rate_constant", "rate_effect"))
    found = gain(fitted, levers(plant_carbon=1.0), structures={"one_pool": own})
    effect = np.exp(LEVERS["plant_carbon"].sd * _standard("plant_carbon"))
    expected = effect / 0.05 * (1.0 - np.exp(-0.05 * 30.0))
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 4, axis=1), rtol=1e-5)


def _standard(name, draws=100, seed=0):
    import zlib

    return np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(draws)


def test_manure_enters_through_its_own_driver_and_keeps_more_than_plants():
    fitted = fit_called("rothc")
    manured, planted = (gain(fitted, levers(**{name: 2.0})).mean() for name in ("manure", "plant_carbon"))
    assert manured > 1.05 * planted > 0


def test_the_effect_of_a_lever_is_the_same_error_on_all_plots():
    found = gain(fit_called("icbm"), levers(cover_crop=1.0))
    assert np.corrcoef(found[:, 0], found[:, 2])[0, 1] > 0.95
    new = gain(fit_called("icbm"), levers(cover_crop=1.0), kind="new")
    assert np.corrcoef(found[:, 0], new[:, 0])[0, 1] > 0.95


def test_slower_decay_gains_and_faster_decay_loses():
    for structure in ("icbm", "rothc"):
        found = gain(fit_called(structure), levers(no_tillage=1.0))
        assert 0.1 < found.mean() < 5.0
    assert gain(fit_with_weather(), levers(warming=3.0)).mean() < -1.0


def test_a_structure_without_a_driver_of_climate_still_has_a_rate_to_lever():
    own = one_pool(0.05)
    fitted = fit_of(own, samples(), management(), spread=0.0)
    found = gain(fitted, levers(no_tillage=1.0), structures={"one_pool": own})
    effect = lever_called("no_tillage").effect(_standard("no_tillage"))
    slower = 0.05 * np.exp(effect)
    held = 2.4
    begun = held / 0.05 + (40.0 - held / 0.05) * np.exp(-0.05 * 10.0)
    expected = held / slower + (begun - held / slower) * np.exp(-slower * 30.0)
    base = held / 0.05 + (begun - held / 0.05) * np.exp(-0.05 * 30.0)
    np.testing.assert_allclose(found[:, 0], expected - base, rtol=1e-4, atol=1e-6)


def test_half_the_plots_adopt():
    adopted = plan(levers={"carbon_input": 0.2}, adoption=[{"year": 2025, "share": 0.5}, {"year": 2040, "share": 0.75}])
    result = project(fit_called("icbm"), adopted, years=YEARS, draws=20)
    found = gains_of(result).sel(plan="p").mean("sample")
    assert (found.sel(plot=["A1", "A2"], year=2026) > 0).all()
    assert (found.sel(plot=["B1", "B2"], year=2039) == 0).all()
    assert (found.sel(plot="B1", year=2045) > 0).item()
    assert (found.sel(plot="B2") == 0).all()
    assert result["adoption"].sel(plan="p").to_numpy()[:3].tolist() == [2025.0, 2025.0, 2040.0]
    assert np.isnan(result["adoption"].sel(plan="p", plot="B2"))
    named = plan(levers={"carbon_input": 0.2}, adoption=[{"year": 2030, "plots": ["B2"]}])
    found = gains_of(project(fit_called("icbm"), named, years=FEW, draws=20)).sel(plan="p").isel(year=-1).mean("sample")
    assert found.to_numpy()[3] > 0
    assert (found.to_numpy()[:3] == 0).all()


def test_areas_say_who_has_adopted():
    given = plan(levers={"carbon_input": 0.2}, adoption=[{"year": 2025, "share": 0.5}])
    areas = {"A1": 1.0, "A2": 1.0, "B1": 1.0, "B2": 7.0}
    result = project(fit_called("icbm"), given | {"areas": areas}, years=FEW, draws=20)
    assert np.isfinite(result["adoption"].sel(plan="p")).to_numpy().tolist() == [True, True, True, False]
    assert result["area"].to_numpy().tolist() == list(areas.values())


def test_management_may_take_another_value():
    given = plan(management=[{"plant_carbon_input": 4.8, "start": 2022}], plots=["A1", "A2"])
    found = gain(fit_called("icbm"), given)
    doubled = gain(fit_called("icbm"), levers(carbon_input=1.0))
    np.testing.assert_allclose(found[:, :2], doubled[:, :2], rtol=1e-9)
    assert (found[:, 2:] == 0).all()


def test_plants_that_cover_the_soil_slow_its_decay():
    bare = fit_of("rothc", samples(), management(plant_cover=0.0), weather())
    covered = gain(bare, levers(soil_cover=1.0))
    assert (covered > 0).all()
    np.testing.assert_allclose(covered, gain(bare, plan(management=[{"plant_cover": 1.0}])))
    assert (gain(fit_with_weather(), levers(soil_cover=1.0)) == 0).all(), "covered already, as nothing else is stated"


def test_climate_of_all_plans_is_paired():
    given = levers(carbon_input=0.2) | {"climate": {"warming": 3.0, "ramp": 20.0}}
    result = project(fit_with_weather(), given, years=FEW, draws=50)
    usual = project(fit_with_weather(), levers(carbon_input=0.2), years=FEW, draws=50)
    base = result.attrs["baseline"]
    total = {"plan": base, "fraction": "total"}
    assert (result["known"].sel(total) <= usual["known"].sel(total)).all()
    assert 0 < gains_of(result).isel(year=-1).mean() < gains_of(usual).isel(year=-1).mean()


def test_observed_years_follow_each_other_at_random():
    result = project(fit_with_weather(), plan(climate={"resample": True}), years=FEW, draws=48)
    found = gains_of(result).isel(year=-1, plot=0).to_numpy().ravel()
    assert 0 < np.abs(found).max() < 2.0
    assert np.unique(found.round(9)).size > 12
    again = project(fit_with_weather(), plan(climate={"resample": True}), years=FEW, draws=48)
    np.testing.assert_array_equal(again["known"], result["known"])


def test_a_table_of_weather_takes_the_place_of_means():
    table = weather(range(2022, 2053))
    table["temperature"] += 3.0
    warm = gain(fit_with_weather(), plan(climate={"table": table}))
    assert warm.mean() < -1.0


def test_structures_are_mixed_by_weights():
    fits = {"one": fit_called("icbm"), "two": fit_called("rothc")}
    result = project(fits, levers(carbon_input=0.2), years=FEW, weights={"one": 1, "two": 3}, draws=80)
    assert (result["structure"] == "two").sum() == 60
    assert result.attrs["structure"] == "one 0.25, two 0.75"
    assert result.sizes["sample"] == 80
    assert project(fits, levers(carbon_input=0.2), years=FEW, draws=500).sizes["sample"] == 500


def test_a_failed_fit_is_refused_or_marked():
    fitted = fit_of("icbm", converged=0)
    with pytest.raises(ConvergenceError, match=r"R-hat of 1\.4"):
        project(fitted, levers(carbon_input=0.2), years=FEW)
    result = project(fitted, levers(carbon_input=0.2), years=FEW, draws=10, allow_failed=True)
    assert result.attrs["converged"] == 0
    assert "R-hat" in result.attrs["failures"]
    assert result.attrs["warning"] == DO_NOT_USE


@pytest.mark.parametrize(
    ("structure", "plans", "years", "text"),
    [
        ("icbm", levers(carbon_input=0.1), (2015, 2030), "years before the fit"),
        ("icbm", levers({"lever": "carbon_input", "dose": 0.1, "start": 2015}), FEW, "a start in 2015"),
        ("icbm", plan(plots=["a1"], levers={"carbon_input": 0.1}), FEW, "did you mean 'A1'"),
        ("icbm", plan() | {"areas": {"X9": 1.0}}, FEW, "a plan for no plot"),
        ("icbm", levers(manure=1.0), FEW, r"manure for icbm, expected a structure with a driver of manure: .*rothc"),
        ("icbm", levers(warming=1.0), FEW, "no weather to change"),
        ("icbm", plan(climate={"resample": True}), FEW, "no years to resample"),
        ("century", levers(carbon_input=0.1, rain=0.1), FEW, "no weather to change"),
    ],
)
def test_what_a_fit_cannot_do_is_refused(structure, plans, years, text):
    with pytest.raises(TableFaultsError, match=text):
        project(fit_called(structure), plans, years=years, draws=10)


def test_inputs_are_not_planned_where_none_were_stated():
    fitted = fit_of("icbm", samples())
    with pytest.raises(TableFaultsError, match="inputs were not stated"):
        project(fitted, plan(management=[{"plant_carbon_input": 3.0}]), years=FEW, draws=10)
    assert gain(fitted, levers(carbon_input=0.2)).mean() > 0


def test_fits_of_other_plots_do_not_mix():
    fits = {"a": fit_called("icbm"), "b": fit_of("icbm", samples().query("plot != 'A1'"), management())}
    with pytest.raises(SocbayesError, match="not of the same plots"):
        project(fits, plan(), years=FEW, draws=10)


def test_a_dry_run_says_what_every_plot_gets():
    given = plan(
        levers=[{"lever": "manure", "dose": 9.0, "start": 2025, "end": 2030}],
        management=[{"plant_cover": 1.0}],
        adoption=[{"year": 2027, "share": 0.5}],
    )
    table = dry_run(fit_called("rothc"), given, years=YEARS)
    rows = table[["plot", "lever", "column", "dose", "start_year", "end_year"]].to_numpy().tolist()
    assert rows == [
        ["A1", "manure", "manure_added", 9.0, 2027.0, 2030.0],
        ["A1", "", "plant_cover", 1.0, 2027.0, 2052.0],
        ["A2", "manure", "manure_added", 9.0, 2027.0, 2030.0],
        ["A2", "", "plant_cover", 1.0, 2027.0, 2052.0],
    ]
    assert "beyond the evidence" in table.attrs["notes"][0]
    assert "beyond the evidence" in project(fit_called("rothc"), given, years=FEW, draws=5).attrs["notes"]


def test_an_effect_that_changes_in_time_is_that_of_one_that_does_not():
    """A dose that begins an instant after the start takes the way of drivers, not of parameters."""
    for structure, doses in (
        ("rothc", {"plant_carbon": 1.0, "manure": 2.0, "no_tillage": 1.0}),
        ("icbm", {"cover_crop": 1.0}),
    ):
        constant = gain(fit_called(structure), levers(**doses))
        rows = [{"lever": name, "dose": dose, "start": 2022, "ramp": 1e-6} for name, dose in doses.items()]
        split = [{"lever": "carbon_input", "dose": 1e-12, "start": 2040}]
        changing = gain(fit_called(structure), levers(*rows, *split))
        np.testing.assert_allclose(changing, constant, rtol=1e-6)


@pytest.mark.parametrize("structure", ["icbm", "rothc"])
def test_years_that_come_back_are_as_every_month_of_them(structure, monkeypatch):
    """Steps between samples, at the turn of a year and within it; a ramp; giving up; against runs of all months."""
    rows = [
        {"lever": "no_tillage", "dose": 1.0, "start": 2024.5, "end": 2041},
        {"lever": "plant_carbon", "dose": 1.0, "start": 2026},
        {"lever": "carbon_input", "dose": 0.2, "start": 2030.25, "ramp": 3},
    ]
    given = {"plans": {"p": {"levers": rows}, "q": {"levers": {"cover_crop": 1.0}}}}
    fitted = fit_with_weather(structure)
    fast = project(fitted, given, years=YEARS, draws=20)
    monkeypatch.setattr("socbayes.models.field.branches.recurs", lambda *arguments: False)
    slow = project(fitted, given, years=YEARS, draws=20)
    monkeypatch.setattr("socbayes.scenarios.plan_courses.steps_of", lambda doses: [])
    slowest = project(fitted, given, years=YEARS, draws=20)
    for kind in ("known", "new"):
        assert (fast[kind] != slow[kind]).any()
        np.testing.assert_allclose(fast[kind], slow[kind], rtol=1e-11)
        np.testing.assert_allclose(slow[kind], slowest[kind], rtol=1e-11)
    early = gains_of(fast).sel(plan="p", year=slice(2022, 2024))
    assert (early == 0.0).all()


def test_manure_is_beside_the_learned_level_of_manure():
    rows = management(manure_carbon_input=1.0)
    fitted = fit_of("rothc", samples(), rows, spread=0.3, still=("rate_constant", "rate_effect"))
    assert "manure_level" in fitted["posterior"]
    other = fit_of("rothc", samples(), management(), spread=0.3, still=("rate_constant", "rate_effect"))
    np.testing.assert_allclose(gain(fitted, levers(manure=2.0)), gain(other, levers(manure=2.0)), rtol=1e-6)


def test_a_plot_whose_treatment_changed_goes_on_with_its_last():
    own = one_pool(0.05)
    soil = samples()
    soil.loc[(soil["plot"] == "A1") & (soil["year"] > 2015), "treatment"] = "cover"
    rows = management().assign(start_year=1990.0)
    fitted = fit_of(own, soil, rows, spread=0.3, still=("rate_constant", "rate_effect"))
    assert fitted["posterior"].sizes["treatment"] == 2
    both = {"plans": {"p": {"levers": {"plant_carbon": 1.0}}, "q": {"levers": {"carbon_input": 1.0}}}}
    result = project(fitted, both, years=FEW, draws=50, structures={"one_pool": own})
    last = gains_of(result).isel(year=-1)
    np.testing.assert_allclose(last.sel(plan="p", plot="A1"), last.sel(plan="p", plot="B1"), rtol=1e-6)
    assert (last.sel(plan="q", plot="A1") > 0).all()
    ahead = forecast(fitted, years=FEW, draws=50, structure=own)
    np.testing.assert_allclose(result["known"].sel(plan="business as usual"), ahead["known"], rtol=1e-9)


@pytest.mark.parametrize(
    ("tables", "plans", "text"),
    [
        ((samples(), management(rate_modifier=0.4), weather()), plan(climate={"warming": 3.0}), "nothing to act on"),
        ((samples(), management(rate_modifier=0.4), weather()), plan(climate={"resample": True}), "nothing to act on"),
        (
            (samples(), management(), weather().drop(columns="rain")),
            levers(rain=-0.5),
            "no weather to change: found rain",
        ),
        ((samples(mean_annual_temperature=9.0), management()), levers(rain=-0.5), "no weather to change: found rain"),
        ((samples(), management()), plan() | {"areas": {"A1": 400.0}}, "areas of some plots only: found none of A2"),
        ((samples(), management()), plan(adoption=[{"year": 2025, "share": 0.2}]), "nobody adopts"),
        (
            (samples(), management()),
            plan(plots=["A1"], adoption=[{"year": 2025, "plots": ["B2"]}]),
            "adopted by others: found B2",
        ),
        (
            (samples(), management(amendment="compost", amendment_carbon_input=2.0)),
            plan(management=[{"manure_carbon_input": 0.0}]),
            "amendments have a quality of their own",
        ),
    ],
)
def test_what_reaches_no_plot_is_refused(tables, plans, text):
    fitted = fit_of("rothc", *tables) if "amendment" not in tables[1] else with_amendment(fit_of("rothc", *tables))
    with pytest.raises(TableFaultsError, match=text):
        project(fitted, plans, years=FEW, draws=10)


def test_manure_and_compost_of_a_plan_have_the_quality_that_the_fit_learned():
    rows = pd.concat(
        [management(amendment=kind, amendment_carbon_input=1.0) for kind in ("compost", "farmyard_manure")],
        ignore_index=True,
    )
    fitted = with_amendment(fit_of("icbm", samples(), rows), shares=(0.1, 0.6), levels=(0.3, -0.3))
    manure, compost, both = (
        gain(fitted, levers(**doses)) for doses in ({"manure": 2.0}, {"compost": 2.0}, {"manure": 2.0, "compost": 2.0})
    )
    # Kinds are in the order of the vocabulary: a tenth of the manure is humified, and of compost more.
    assert compost.mean() > 1.5 * manure.mean() > 0
    np.testing.assert_allclose(both, manure + compost, rtol=1e-6)
    # A ton is a ton, whatever the level of what was stated; a dose that changes in time goes another way.
    level = with_amendment(fit_of("icbm", samples(), rows), shares=(0.1, 0.6), levels=(0.0, 0.0))
    np.testing.assert_allclose(gain(level, levers(compost=2.0)), compost, rtol=1e-6)
    ramped = {"lever": "compost", "dose": 2.0, "start": 2022, "ramp": 1e-6}
    np.testing.assert_allclose(gain(fitted, levers(ramped)), compost, rtol=1e-3)
    stated = gain(level, plan(management=[{"manure_carbon_input": 3.0}]))
    manured = gain(level, levers(manure=2.0)) / np.exp(LEVERS["manure"].sd * _standard("manure"))[:, None]
    np.testing.assert_allclose(stated, manured, rtol=1e-5)


def test_an_amendment_that_the_fit_has_not_seen_is_refused_with_those_it_has():
    fitted = with_amendment(fit_of("rothc", samples(), management(amendment="peat", amendment_carbon_input=2.0)))
    with pytest.raises(TableFaultsError, match=r"found compost \(of compost\), expected .* which tells peat apart"):
        project(fitted, levers(compost=1.0), years=FEW, draws=10)


def with_amendment(fitted, shares=(0.3,), levels=(0.0,)):
    """Draws of the amendments of a fit, added."""
    shape = dict(fitted["posterior"].sizes)
    values = np.zeros((shape["chain"], shape["draw"], len(shares)))
    drawn = {"humified_share": values + shares, "amendment_level": values + levels}
    fitted["posterior"] = (
        fitted["posterior"].to_dataset().assign({name: (("chain", "draw", "amendment"), drawn[name]) for name in drawn})
    )
    fitted.attrs["judged"] = fingerprint(fitted)
    return fitted


def test_sites_that_a_change_of_climate_does_not_reach_are_named():
    both = [frame.assign(site=site) for site in ("Farm", "Far") for frame in [samples()]]
    soil = pd.concat(both, ignore_index=True).assign(plot=lambda frame: frame["site"] + " " + frame["plot"])
    rows = pd.concat([management(), management().assign(site="Far")], ignore_index=True)
    result = project(fit_of("rothc", soil, rows, weather()), plan(climate={"warming": 3.0}), years=FEW, draws=10)
    assert "warming changes nothing at Far" in result.attrs["notes"]
    assert "changes nothing on Far A1, Far A2" in result.attrs["notes"]
    last = gains_of(result).isel(year=-1, plan=0)
    assert (last.sel(plot="Farm A1") < 0).all()
    assert (last.sel(plot="Far A1") == 0).all()


@pytest.mark.parametrize("climate", [{"warming": 3.0}, {"resample": True}])
def test_the_climate_of_a_plan_is_that_of_its_plots(climate):
    """Elsewhere it is that of the baseline, and a new plot has that of the plan."""
    given = {"climate": {"warming": 1.0}, "plans": {"p": {"plots": ["A1"], "climate": climate}, "q": {}}}
    fitted = fit_with_weather()
    result = project(fitted, given, years=FEW, draws=24)
    last = gains_of(result).isel(year=-1)
    assert (last.sel(plan="p", plot="A1") != 0).all()
    assert (last.sel(plan="p", plot=["A2", "B1", "B2"]) == 0).all()
    assert (last.sel(plan="q") == 0).all()
    assert (gains_of(result, "new").isel(year=-1).sel(plan="p") != 0).all()
    assert "changes nothing on" not in result.attrs["notes"]
    everywhere = given | {"plans": {"p": {"climate": climate}}}
    np.testing.assert_allclose(
        last.sel(plan="p", plot="A1"),
        gains_of(project(fitted, everywhere, years=FEW, draws=24)).sel(plot="A1")[0, :, -1],
    )
    rows = dry_run(fitted, given, years=FEW).query("plan == 'p'")
    assert set(rows["plot"]) == ({"A1"} if "warming" in climate else set())


def test_draws_that_are_there_again_are_named():
    fitted = fit_called("icbm")
    assert (
        "of 300 draws 100 are there again, as the fit has 200"
        in project(fitted, plan(), years=FEW, draws=300).attrs["notes"]
    )
    assert "there again" not in project(fitted, plan(), years=FEW, draws=200).attrs["notes"]


def test_a_plot_sampled_once_gets_what_is_planned_after_its_sample():
    """It counts as known for a year beyond its sample, which the plan must not wait for."""
    once = samples().query("plot != 'A1' or year > 2020")
    fitted = fit_of("rothc", once, management(), draws=10)
    given = levers({"lever": "plant_carbon", "dose": 2.0, "start": 2022.0, "end": 2023.0})
    found, without = (
        gains_of(project(fitted, given, years=years, draws=10)).sel(plan="p", year=[2023.0, 2025.0])
        for years in ([2022.0, 2023.0, 2025.0], [2023.0, 2025.0])
    )
    np.testing.assert_allclose(without, found, rtol=1e-12)
    for year, gained in ((2023.0, 1.24), (2025.0, 0.72)):
        assert float(without.sel(plot="A1", year=year).mean()) == pytest.approx(gained, rel=0.1)


def test_doses_of_one_lever_add_up():
    fitted = fit_called("icbm")
    halves = [{"lever": "carbon_input", "dose": 0.5}] * 2
    np.testing.assert_allclose(gain(fitted, levers(*halves)), gain(fitted, levers(carbon_input=1.0)), rtol=1e-9)
    wet = fit_with_weather()
    rain = [{"lever": "rain", "dose": -0.2}] * 2
    np.testing.assert_allclose(gain(wet, levers(*rain)), gain(wet, levers(rain=-0.4)), rtol=1e-9)


def test_runs_that_fail_are_no_gain():
    with pytest.raises(SocbayesError, match=r"runs of \d+ of 50 draws failed"):
        project(fit_called("icbm"), levers(carbon_input=1e308), years=FEW, draws=50)


def test_a_dry_run_judges_the_fits_that_are_run():
    fits = {"a": fit_called("rothc"), "b": fit_called("rothc"), "c": fit_called("icbm")}
    with pytest.raises(TableFaultsError, match="manure for icbm"):
        dry_run(fits, levers(manure=1.0), years=FEW)
    assert len(dry_run(fits, levers(manure=1.0), years=FEW, weights={"a": 1.0, "b": 1.0, "c": 0.0})) == 4


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"draws": 0}, "draws has to be a whole number"),
        ({"draws": 2.5}, "draws has to be a whole number"),
        ({"seed": -1}, "seed has to be a whole number"),
        ({"weights": [1, 2]}, "weights are by label"),
        ({"years": 2030.5, "fits": [1]}, "fits are one fit"),
        ({"structures": {"icmb": None}}, "structures of icmb"),
    ],
)
def test_settings_that_are_none_are_refused_in_words(settings, text):
    given = {"fits": fit_called("icbm"), "years": FEW} | settings
    with pytest.raises(SocbayesError, match=text):
        project(given.pop("fits"), plan(), **given)


def test_observed_years_are_the_same_at_all_sites():
    from socbayes.models.field.layout import lay_out
    from socbayes.models.field.setup import setup_of_fit
    from socbayes.models.field.tables import tables_of_fit
    from socbayes.models.field.weather import expected_weather

    far = samples().assign(site="Far", plot=lambda frame: "Far " + frame["plot"])
    far.loc[far["year"] > 2015, "year"] = 2020.0  # its samples end sooner
    soil = pd.concat([samples(), far], ignore_index=True)
    rows = pd.concat([management(), management().assign(site="Far")], ignore_index=True)
    every = pd.concat([weather(), weather().assign(site="Far")], ignore_index=True)
    every["temperature"] += every["year"] - 2012  # which year is taken can be told
    fitted = fit_of("rothc", soil, rows, every)
    tables = tables_of_fit(fitted)
    data = lay_out(tables, setup_of_fit(fitted, None), until=2042.0)
    ahead = expected_weather(tables.weather, tables.obs, data.plots, resampled=np.random.default_rng(0))
    ahead = ahead[ahead["year"] >= 2022].pivot_table(index=["year", "month"], columns="site", values="temperature")
    assert len(ahead) > 200
    np.testing.assert_array_equal(ahead["Far"], ahead["Farm"])
