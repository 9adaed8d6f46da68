"""Gains: what tables say of draws, parts of a variance, many fields, and what stays when levers are given up."""

from __future__ import annotations

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_field import fit_called, fit_of, fit_with_weather, management, one_pool, samples

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.gain_parts import gain_variance
from socbayes.scenarios.gains import gain_table, gains_of, response_curve
from socbayes.scenarios.plan_files import read_plans, under
from socbayes.scenarios.portfolios import portfolio, project_portfolio
from socbayes.scenarios.projections import project
from socbayes.scenarios.reversals import half_lives, permanence

FEW = (2022.0, 2032.0, 2052.0)
PLANS = {
    "plans": {
        "cover": {"levers": {"cover_crop": 1.0}},
        "more": {"levers": {"carbon_input": 0.2}},
        "till": {"levers": {"no_tillage": 1.0}},
    }
}


@pytest.fixture(scope="module")
def projection():
    return project(fit_called("icbm"), PLANS, years=FEW, draws=200)


def drawn(base, plan, years=(2020.0, 2040.0), **attrs):
    """A projection of one plot with given draws, (sample, year)."""
    stocks = np.stack([np.asarray(base, dtype=float), np.asarray(plan, dtype=float)])[:, :, None, :, None]
    return xr.Dataset(
        {"known": (("plan", "sample", "plot", "year", "fraction"), stocks)},
        coords={"plan": ["usual", "p"], "plot": ["x"], "year": list(years), "fraction": ["total"]},
        attrs={"baseline": "usual", "converged": 1, "notes": ""} | attrs,
    )


def test_a_table_says_what_the_draws_say(projection):
    table = gain_table(projection).set_index(["plan", "plot", "year"])
    gain = gains_of(projection).sel(plan="cover", plot="A1", year=2052.0).to_numpy()
    row = table.loc[("cover", "A1", 2052.0)]
    assert row["gain"] == pytest.approx(gain.mean())
    assert [row["gain_lower"], row["gain_upper"]] == pytest.approx(np.quantile(gain, [0.055, 0.945]).tolist())
    assert row["gain_co2"] == pytest.approx(gain.mean() * 44 / 12)
    assert row["gain_co2_upper"] == pytest.approx(np.quantile(gain, 0.945) * 44 / 12)
    assert row["p_gain"] == (gain > 0).mean() == 1.0
    assert np.isnan(table.loc[("cover", "A1", 2032.0), "p_4_per_1000_start"])
    assert np.isfinite(row["p_4_per_1000_start"])
    assert "business as usual" not in table.index.get_level_values("plan")
    assert set(gain_table(projection, kind="new")["plot"]) == {"Farm, cover", "Farm, usual"}
    assert table["converged"].eq(1).all()


def test_four_per_mille_is_of_the_stock_at_the_start_each_year():
    """Over 20 years the stock has to grow by 8 % of that at the start: since then, and beyond business as usual."""
    base = [[50.0, 50.0], [50.0, 48.0], [50.0, 44.0], [50.0, 53.0]]
    plan = [[50.0, 54.1], [50.0, 53.9], [50.0, 49.0], [50.0, 54.5]]
    last = gain_table(drawn(base, plan)).iloc[-1]
    assert last["p_4_per_1000_start"] == 0.5
    assert last["p_4_per_1000_baseline"] == 0.75
    assert last["change"] == pytest.approx(np.mean([4.1, 3.9, -1.0, 4.5]))
    assert last["p_gain"] == 1.0


def test_a_table_of_a_failed_fit_is_marked():
    table = gain_table(drawn([[50.0, 50.0]] * 2, [[50.0, 51.0]] * 2, converged=0))
    assert table["converged"].eq(0).all()
    assert table.attrs["notes"][0] == DO_NOT_USE


def test_necromass_has_its_share_and_sector():
    stocks = drawn([[50.0, 50.0]] * 4, [[50.0, 60.0]] * 4)["known"]
    necromass = drawn([[20.0, 20.0]] * 4, [[20.0, 30.0]] * 4)["known"].assign_coords(fraction=["necromass"])
    both = xr.Dataset(
        {"known": xr.concat([stocks, necromass], "fraction")}, attrs={"baseline": "usual", "converged": 1}
    )
    last = gain_table(both).iloc[-1]
    assert last["necromass_share_change"] == pytest.approx(0.5 - 0.4)
    assert last["sector"] == "both gain, necromass leads"
    assert gain_table(both, fraction="necromass").iloc[-1]["gain"] == pytest.approx(10.0)


def test_a_structure_with_necromass_says_what_becomes_of_its_share():
    table = gain_table(
        project(fit_called("mcp"), {"plans": {"p": {"levers": {"carbon_input": 0.2}}}}, years=FEW, draws=20)
    )
    last = table.query("year == 2052")
    assert last["gain"].gt(0).all()
    assert (last["necromass_share_change_lower"] < last["necromass_share_change"]).all()
    assert last["sector"].str.contains("gain|change").all()


def test_names_that_are_not_there_are_refused(projection):
    with pytest.raises(UnknownNameError, match="did you mean 'total'"):
        gain_table(projection, fraction="totl")
    with pytest.raises(UnknownNameError, match="there are known, new"):
        gain_table(projection, kind="old")


def test_parts_of_the_variance_of_a_gain_sum_to_it(projection):
    fits = {"a": fit_called("icbm"), "b": fit_called("rothc")}
    parts = gain_variance(fits, PLANS, years=FEW, draws=300)
    for kind in ("known", "new"):
        np.testing.assert_allclose(parts[kind].sum("part"), parts[f"{kind}_total"])
    share = (parts["known"] / parts["known_total"]).isel(year=-1, plot=0)
    assert share.sel(part="levers", plan="cover") > 0.8
    assert share.sel(part="inputs", plan="more") > 0.5
    assert abs(share.sel(part="levers", plan="more")) < 1e-9
    assert abs(share.sel(part="initial state", plan="more")) < 1e-9, "a linear structure gains the same from any start"
    assert share.sel(part="structures", plan="cover") > 0
    mixed = gains_of(project(fits, PLANS, years=FEW, draws=300)).var("sample")
    np.testing.assert_allclose(parts["known_total"], mixed.transpose(*parts["known_total"].dims), rtol=0.02, atol=1e-9)


def test_climate_is_a_part_where_observed_years_are_drawn():
    given = {"plans": {"p": {"climate": {"resample": True}}}}
    parts = gain_variance(fit_with_weather(), given, years=FEW, draws=60)
    assert (parts["known"] / parts["known_total"]).sel(part="climate").isel(year=-1).min() > 0.5
    assert "levers" not in parts["part"]


def test_gain_against_dose(projection):
    curve = response_curve(
        fit_called("icbm"), PLANS, "more", "carbon_input", [0.0, 0.1, 0.2, 0.5], years=FEW, draws=100
    ).query("plot == 'A1'")
    assert curve["gain"].iloc[0] == 0.0
    np.testing.assert_allclose(curve["gain"] / curve["gain"].iloc[1], [0.0, 1.0, 2.0, 5.0], rtol=1e-6)
    assert curve["within_evidence"].tolist() == [True, True, True, False]
    assert curve["converged"].eq(1).all()
    with pytest.raises(SocbayesError, match="has to have manure once"):
        response_curve(fit_called("icbm"), PLANS, "more", "manure", [1.0], years=FEW)


def test_errors_that_fields_share_do_not_average_away(projection):
    found = portfolio(projection, {"A1": 1.0, "A2": 1.0, "B1": 2.0, "B2": 0.0})
    by_hand = (projection["known"].sel(plot=["A1", "A2", "B1"]) * [[[[1.0]], [[1.0]], [[2.0]]]]).sum("plot") / 4.0
    np.testing.assert_allclose(found["known"].sel(plot="portfolio"), by_hand)
    last = found.isel(year=-1).sel(plan="cover")
    assert last["gain_sd"] > 1.5 * last["gain_sd_if_independent"]
    assert (found["gain_sd"].sel(plan="business as usual") == 0).all()
    assert found.attrs["area"] == 4.0
    assert len(gain_table(found)) == 9
    # Fields may come in several projections of the same draws.
    halves = [projection.sel(plot=["A1", "A2"]), projection.sel(plot=["B1", "B2"])]
    np.testing.assert_allclose(portfolio(halves)["known"], portfolio(projection)["known"])


@pytest.mark.parametrize(
    ("change", "areas", "text"),
    [
        (lambda one: [one, one], None, "is in two projections"),
        (lambda one: [], None, "one projection or more"),
        (lambda one: [one, one.isel(year=slice(1))], None, "differ in their year"),
        (lambda one: [one, one.assign_attrs(seed=9)], None, "seed or baseline"),
        (lambda one: one, {"A1": 1.0}, "no area of A2"),
        (lambda one: one, {"A1": 0.0, "A2": 0.0, "B1": 0.0, "B2": 0.0}, "above zero"),
        (lambda one: one, {"A1": 1.0, "A2": 1.0, "B1": 1.0, "B2": 1.0, "C": 1.0}, "in no projection: C"),
        (lambda one: one, {"A1": "x", "A2": 1.0, "B1": 1.0, "B2": 1.0}, "areas are numbers"),
        (lambda one: one, {"A1": None, "A2": 1.0, "B1": 1.0, "B2": 1.0}, "areas are numbers"),
        (lambda one: one, [1.0, 1.0, 1.0, 1.0], "areas are by plot"),
    ],
)
def test_what_is_no_portfolio_is_refused(projection, change, areas, text):
    with pytest.raises(SocbayesError, match=text):
        portfolio(change(projection), areas)


def test_fields_in_pieces_are_the_whole():
    """Forty fields of three sites and two structures, seven at a time, share draws as they do in one projection."""
    names = [f"F{number:02d}" for number in range(40)]
    soil = pd.DataFrame([
        {"site": f"S{number % 3}", "plot": name, "treatment": ("usual", "cover")[number % 2], "year": year,
         "soc_stock": 40.0 + number % 7}
        for number, name in enumerate(names) for year in (2012.0, 2022.0)
    ])  # fmt: skip
    rows = pd.concat([management().assign(site=f"S{place}") for place in range(3)], ignore_index=True)
    fits = {name: fit_of(name, soil, rows, draws=20) for name in ("icbm", "rothc")}
    plans = PLANS | {"areas": {name: 1.0 + place % 4 for place, name in enumerate(names)}}
    settings = {"years": FEW, "draws": 40, "seed": 3}
    whole = portfolio(project(fits, plans, **settings))
    pieces = project_portfolio(fits, plans, piece=7, **settings)
    xr.testing.assert_allclose(pieces, whole, rtol=1e-12)
    assert pieces.attrs == whole.attrs
    mine = {name: float(place) for place, name in enumerate(names)}

    def through_dask(function, pieces):
        return dask.compute(*(dask.delayed(function, pure=False)(piece) for piece in pieces))

    other = project_portfolio(fits, plans, piece=10, areas=mine, each=through_dask, **settings)
    xr.testing.assert_allclose(other, portfolio(project(fits, plans, **settings), mine), rtol=1e-12)
    for wrong, text in (({"piece": 0}, "1 or more"), ({"drws": 1}, "no setting called 'drws'; did you mean 'draws'"),
                        ({"areas": {"F00": 1.0}}, "no area of F01")):  # fmt: skip
        with pytest.raises(SocbayesError, match=text):
            project_portfolio(fits, plans, **(settings | wrong))


def test_a_gain_decays_as_its_pool_does_when_levers_are_given_up():
    own, rate = one_pool(0.05), 0.05
    fitted = fit_of(own, samples(), management(), spread=0.0)
    plans = read_plans({"plans": {"p": {"levers": {"carbon_input": 0.2}}}})
    years = [*range(2022, 2083)]
    result = project(fitted, plans.stopped(2042), years=years, draws=4, structures={"one_pool": own})
    then = 0.2 * 2.4 / rate * (1.0 - np.exp(-rate * 20.0))
    row = permanence(result, 2042, credited={"p": then - 1e-6}).iloc[0]
    assert row["gain_then"] == pytest.approx(then, rel=1e-5)
    assert row["half_life"] == pytest.approx(np.log(2.0) / rate, abs=0.02)
    assert row["gain_last"] == pytest.approx(then * np.exp(-rate * 40.0), rel=1e-4)
    assert row["p_half_lost"] == 1.0
    assert row["p_reversal_baseline"] == 1.0
    assert row["expected_loss"] == pytest.approx(1.0 - np.exp(-rate * 40.0), rel=1e-4)
    assert row["buffer"] == 0.12
    # Of a practice that goes on nobody knows what stays without it.
    kept = project(fitted, plans, years=years, draws=4, structures={"one_pool": own})
    with pytest.raises(SocbayesError, match=r"p: levers go on after 2042.*stopped\(2042\)"):
        permanence(kept, 2042)


def test_a_warmer_soil_forgets_sooner():
    plans = read_plans({"plans": {"p": {"levers": {"carbon_input": 0.2}}}}).stopped(2032)
    years = [*range(2022, 2083, 2)]
    usual, warm = (
        permanence(project(fit_with_weather(), one, years=years, draws=40), 2032).iloc[0]
        for one in (plans, under(plans, {"warming": 3.0}))
    )
    assert warm["half_life"] < usual["half_life"]


def test_reversal_is_of_the_start_and_of_business_as_usual():
    base, plan = [[50.0, 50.0, 52.0]] * 2, [[50.0, 54.0, 55.0], [50.0, 54.0, 53.0]]
    row = permanence(drawn(base, plan, (2020.0, 2040.0, 2060.0)), 2040.0).iloc[0]
    assert row["credited"] == 4.0
    assert row["p_reversal_start"] == 0.5
    assert row["p_reversal_baseline"] == 1.0
    assert row["expected_loss"] == pytest.approx(0.5)


def test_permanence_says_what_it_took_for_granted():
    base, plan = [[50.0, 50.0, 52.0]] * 2, [[50.0, 54.0, 55.0], [50.0, 54.0, 53.0]]
    made = drawn(base, plan, (2020.0, 2040.0, 2060.0), notes="one\ntwo")
    table = permanence(made, 2040.0)
    assert table.attrs["notes"] == [
        "The projection does not say whether levers were given up by 2040; it was taken for granted.", "one", "two",
    ]  # fmt: skip
    idle = permanence(made.assign_attrs(ends="{}"), 2040.0)
    assert idle.attrs["notes"][0] == "p pulls no lever that could be given up."
    assert permanence(made.assign_attrs(converged=0), 2040.0).attrs["notes"][0] == DO_NOT_USE
    for ends in ('{"p": null}', '{"p": 2050.0}'):
        with pytest.raises(SocbayesError, match="levers go on after 2040"):
            permanence(made.assign_attrs(ends=ends), 2040.0)
    for buffer in (12, -0.1, float("nan"), "0.12", True):
        with pytest.raises(SocbayesError, match="a share from 0 to 1"):
            permanence(made, 2040.0, buffer=buffer)


def test_half_lives_of_what_never_gained_or_never_fades():
    gains = np.array([[4.0, 3.0, 1.0], [4.0, 4.0, 4.0], [-1.0, -2.0, -1.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(half_lives(gains, np.array([0.0, 10.0, 20.0])), [15.0, np.inf, np.nan, np.nan])


@pytest.mark.parametrize(
    ("year", "credited", "text"),
    [
        (2031.0, None, "one of the years projected"),
        (2052.0, None, "with others after it"),
        ("2032", None, "one of the years projected"),
        (float("nan"), None, "one of the years projected"),
        (2032.0, {"x": 1.0}, "plans beside"),
        (2032.0, {"till": float("nan")}, "credited to till is no number"),
        (2032.0, {"till": "4"}, "credited to till is no number"),
        (2032.0, [4.0], "credited is by plan"),
    ],
)
def test_permanence_needs_years_after_the_end(projection, year, credited, text):
    with pytest.raises(SocbayesError, match=text):
        permanence(projection, year, credited=credited)


def test_a_portfolio_is_as_good_as_its_worst_field(projection):
    failed = projection.isel(plot=slice(2, None)).copy()
    failed.attrs = projection.attrs | {"converged": 0, "failures": '["R-hat of 1.4"]', "notes": "another"}
    for fields in ([projection.isel(plot=slice(0, 2)), failed], [failed, projection.isel(plot=slice(0, 2))]):
        whole = portfolio(fields)
        assert whole.attrs["converged"] == 0
        assert whole.attrs["warning"] == DO_NOT_USE
        assert "R-hat" in whole.attrs["failures"]
        assert "another" in whole.attrs["notes"].splitlines()
        assert not gain_table(whole)["converged"].any()


@pytest.mark.parametrize(
    ("plan", "doses", "text"),
    [
        ("till", [], "one or more"),
        ("till", [np.nan], "one or more"),
        ("till", ["x"], "one or more"),
        ("till", [-1.0], "0 or more, not -1"),
        ("business as usual", [1.0], "is the baseline"),
    ],
)
def test_doses_that_are_none_are_refused(plan, doses, text):
    with pytest.raises(SocbayesError, match=text):
        response_curve(fit_called("icbm"), PLANS, plan, "no_tillage", doses, years=FEW, draws=10)
