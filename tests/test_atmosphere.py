"""Radiocarbon of the air: points of the calendars, joins, means, forecast; and runs that are driven by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import socbayes as sb
from socbayes.atmosphere import LAST, ZONES, calendar, forecast, hindcast, radiocarbon
from socbayes.core import with_radiocarbon
from socbayes.core.ages import ages
from socbayes.datasets import load_dataset
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.radiocarbon import convert
from socbayes.structures import get


@pytest.mark.parametrize(
    ("zone", "year", "delta"),
    [
        # IntCal20, Reimer et al. 2020: 1850 and 1940, in the middle of which rings stand.
        ("NH1", 1850.5, -3.4),
        ("NH3", 1940.5, -19.7),
        # The bomb peak by zone, Hua et al. 2022.
        ("NH1", 1963.625, 944.6),
        ("NH2", 1963.625, 905.3),
        ("NH3", 1964.7083, 731.4),
        ("SH1-2", 1965.5417, 660.1),
        ("SH3", 1964.9583, 667.0),
        ("SH3", 2019.375, 11.0),
        ("NH1", 1941.2083, -20.4),
    ],
)
def test_points_of_the_calendars(zone, year, delta):
    air = radiocarbon([year], zone)
    assert air["delta14c"].iloc[0] == pytest.approx(delta, abs=1e-9)
    assert air["activity_ratio"].iloc[0] == pytest.approx(1 + delta / 1000, abs=1e-12)


def test_the_peak_is_the_highest_of_its_zone():
    for zone, highest in (("NH1", 944.6), ("NH2", 905.3), ("NH3", 731.4), ("SH1-2", 660.1), ("SH3", 667.0)):
        assert calendar(zone).delta14c[-936:].max() == highest


@pytest.mark.parametrize("zone", ZONES)
def test_calendars_run_on_in_time_and_join_within_their_errors(zone):
    told = calendar(zone)
    assert (np.diff(told.years) > 0).all()
    join = told.sources[1][0]
    assert abs(told.delta14c[join] - told.delta14c[join - 1]) < 2.0
    assert np.isfinite(told.error).all()
    at_1850 = radiocarbon([1850.4, 1850.6], zone)["delta14c"]
    assert abs(at_1850.diff().iloc[1]) < 1.5


@pytest.mark.parametrize(("zone", "record"), [("NH1", "northern"), ("SH1-2", "southern")])
def test_the_record_of_cmip6_is_near(zone, record):
    """Graven et al. 2017 took other stations and bands of latitude."""
    table = load_dataset("atmospheric_radiocarbon")
    other = table[(table["study"] == "Graven et al. 2017") & (table["atmosphere_zone"] == record)]
    years = other["calendar_year"].to_numpy()
    apart = np.abs(radiocarbon(years - 0.5, zone, over=1)["delta14c"].to_numpy() - other["delta14c"].to_numpy())
    assert apart[years < 1950].max() < 7.0
    assert np.median(apart[years < 1950]) < 2.0
    assert apart[years > 1975].max() < 14.0
    assert np.median(apart[years > 1975]) < 4.0


@settings(deadline=None, max_examples=50)
@given(st.floats(1800.0, 2050.0), st.sampled_from(ZONES), st.integers(2, 12))
def test_a_mean_is_the_mean_of_its_parts(year, zone, parts):
    whole = radiocarbon([year], zone, over=1.0)["delta14c"].iloc[0]
    pieces = radiocarbon(year + np.arange(parts) / parts, zone, over=1.0 / parts)["delta14c"]
    assert whole == pytest.approx(pieces.mean(), rel=1e-9, abs=1e-7)


def test_interpolation_is_linear_in_time():
    ends = radiocarbon([1900.5, 1900.75, 1901.5], "NH1")["delta14c"]
    assert ends.iloc[1] == pytest.approx(0.75 * ends.iloc[0] + 0.25 * ends.iloc[2])


def test_quantities_of_the_air_agree():
    air = radiocarbon(np.arange(1900, 2030), "NH2", over=1)
    middle = air.index.to_numpy() + 0.5
    for name in ("activity_ratio", "fraction_modern"):
        told = convert(air["delta14c"], "delta14c", name, year=middle)
        np.testing.assert_allclose(air[name], told, rtol=1e-12)


def test_the_south_had_less_before_the_fossil_carbon():
    """36 radiocarbon years, Hogg et al. 2020, in years without a record of both hemispheres."""
    north, south = (radiocarbon([1500.0, 1700.0], zone) for zone in ("NH1", "SH1-2"))
    older = convert(south["fraction_modern"], "fraction_modern", "radiocarbon_age") - convert(
        north["fraction_modern"], "fraction_modern", "radiocarbon_age"
    )
    np.testing.assert_allclose(older, 36.0, atol=1e-6)
    assert (south["delta14c_error"] > north["delta14c_error"]).all()


def test_the_forecast_says_how_it_is_made():
    air = radiocarbon([2015, 2025, 2035], "NH1", over=1)
    assert air["source"].tolist() == ["Hua et al. 2022", "forecast", "forecast"]
    assert "2 values after 2019.4 are foreseen" in air.attrs["notes"][0]
    ahead = forecast("NH1")
    assert air.attrs["forecast"] == ahead._asdict()
    lead = 2025.5 - ahead.start
    wanted = ahead.limit + (ahead.delta14c - ahead.limit) * np.exp(-ahead.rate * lead)
    assert air["delta14c"].iloc[1] == pytest.approx(wanted, abs=0.01)
    assert air["delta14c_error"].iloc[1] == pytest.approx(ahead.error * lead**ahead.error_exponent, abs=0.05)
    assert air["delta14c_error"].is_monotonic_increasing
    slower = radiocarbon([2035], "NH1", over=1, rate=0.02)
    assert slower["delta14c"].iloc[0] > air["delta14c"].iloc[2]
    assert radiocarbon([2000], "NH1").attrs["forecast"] == {}


def test_the_limit_of_the_forecast_foresees_the_record_as_well_as_any():
    """At ten years ahead; the sides of the range that was tried are worse."""
    ten = {limit: hindcast(limit)[1][9] for limit in (0.0, -25.0, -50.0, -100.0, -200.0)}
    assert ten[-50.0] < min(ten.values()) + 0.2
    assert ten[0.0] > ten[-50.0] + 1.0
    assert ten[-200.0] > ten[-50.0] + 4.0


@pytest.mark.parametrize(
    ("years", "message"),
    [
        (
            [1900.0, -20000.0],
            r"year 2 of 2: found -20000, before the calendar of NH1 begins; expected -11999.5 or later",
        ),
        ([LAST + 1], "found 2201, expected 2200 or earlier"),
        ([np.nan], "years must be numbers"),
        ([], "no years are given"),
    ],
)
def test_years_without_air_are_refused(years, message):
    with pytest.raises(SocbayesError, match=message):
        radiocarbon(years, "NH1")


def test_zones_are_known_by_name():
    with pytest.raises(UnknownNameError, match="did you mean 'NH1'"):
        radiocarbon([2000], "NHZone1")
    with pytest.raises(UnknownNameError, match="SH1-2"):
        radiocarbon([2000], "Mars")


def test_a_rate_is_used_or_refused():
    with pytest.raises(SocbayesError, match="none is asked"):
        radiocarbon([2000], "NH1", rate=0.02)
    for rate in (0.0, -0.1, np.nan, "fast"):
        with pytest.raises(SocbayesError, match="above 0, 1/year"):
            radiocarbon([2030], "NH1", rate=rate)
    air = radiocarbon([2030], "NH1", rate=0.02)
    assert "by 0.020 a year, as given, with a standard deviation of the learned rate" in air.attrs["notes"][0]


# --- runs ---------------------------------------------------------------------


def test_an_inert_pool_halves_in_a_half_life_as_delta():
    """Carbon of 1850 without exchange: Delta14C after 5730 years is that of half its activity."""
    start = radiocarbon([1850.5], "NH1")["activity_ratio"].iloc[0]
    model = with_radiocarbon(get("icbm"), 5730.0)
    run = sb.simulate(
        model,
        {"carbon_input": 0.0},
        {"k1": 0.0, "k2": 0.0},
        {"old": 2.0, "old_14c": 2.0 * start},
        times=[0, 5730],
        interval=1.0,
        steps=1,
    )
    ratio = (run["old_14c"] / run["old"]).to_numpy()[:, 0]
    np.testing.assert_allclose(ratio, [start, start / 2], rtol=1e-9)
    delta = convert(ratio[1], "activity_ratio", "delta14c")
    assert float(delta) == pytest.approx(500 * start - 1000, rel=1e-9)


def test_a_pool_without_turnover_holds_its_fraction_modern():
    """F14C is the same in whichever year it is measured: the run decays as the standard does."""
    model = with_radiocarbon(get("icbm"), 8267.0 * np.log(2.0))
    run = sb.simulate(
        model,
        {"carbon_input": 0.0},
        {"k1": 0.0, "k2": 0.0},
        {"old": 1.0, "old_14c": 0.97},
        times=[0, 50],
        interval=1.0,
        steps=1,
    )
    ratio = (run["old_14c"] / run["old"]).to_numpy()[:, 0]
    modern = convert(ratio, "activity_ratio", "fraction_modern", year=[1900, 1950])
    assert modern[0] == pytest.approx(modern[1], rel=1e-9)


@pytest.mark.parametrize(("k2", "h"), [(0.006, 0.13), (0.0008, 0.2), (0.05, 0.3)])
def test_activity_at_steady_state_is_that_of_the_ages(k2, h):
    """Under air that never changed, R is the mean of exp(-age / mean life) over the ages of the carbon."""
    parameters = {"k1": 0.8, "k2": k2, "h": h, "r": 1.0}
    age = ages("icbm", parameters, {"carbon_input": 0.2})
    model = with_radiocarbon(get("icbm"), 5730.0)
    start = dict(zip(age.pools, age.stocks, strict=True))
    run = sb.simulate(
        model,
        {"carbon_input": 0.2, "input_activity": 1.0},
        parameters,
        start | {f"{name}_14c": value for name, value in start.items()},
        times=[20000],
        interval=1.0,
        steps=2,
        scheme="rk4",
    )
    ratio = float((run["young_14c"] + run["old_14c"]).item() / (run["young"] + run["old"]).item())
    decay = np.log(2.0) / 5730.0
    times = np.concatenate([[0.0], np.geomspace(1e-3, 60.0 / k2, 800)])
    density = age.age_density(times)
    wanted = np.trapezoid(density * np.exp(-decay * times), times) / np.trapezoid(density, times)
    assert ratio == pytest.approx(wanted, rel=2e-4)
    # Young carbon: the age that radiocarbon tells is near the mean age.
    if age.mean_age < 100:
        assert -np.log(ratio) / decay == pytest.approx(age.mean_age, rel=0.02)
