"""Monthly drivers: what the fit saw stays, what tables leave out goes on, and every site counts for itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes.core.environment import rothc_temperature
from socbayes.models.field.management import ASSUMED_INPUT, CARBON_OF_FRESH_MANURE, Managed
from socbayes.models.field.plots import Plots
from socbayes.models.field.weather import climate_drivers
from socbayes.structures.forcing import Roles

START = 24000  # January 2000
MODIFIER = Roles({"input": 1.0}, "", "rate_modifier", "", "")
WARMTH = Roles({"input": 1.0}, "", "", "temperature", "moisture")


def manage(rows, months=48, known=None, plots=("1", "2"), sites=("Farm", "Farm")):
    """What rows of management say of two plots, and the notes on it."""
    places = pd.DataFrame({"site": list(sites), "plot": list(plots)})
    months = np.broadcast_to(months, len(plots))
    treatment = np.tile(np.array(["a", "b"][: len(plots)], dtype=object), (int(months.max()), 1))
    table = pd.DataFrame([{"site": "Farm"} | row for row in rows]) if rows else None
    start = np.full(len(plots), START)
    known = months if known is None else np.broadcast_to(known, len(plots))
    managed = Managed(table, places, treatment, start, np.array(months), np.array(known))
    return managed, list(managed.notes)


def row(start, end, **columns):
    return {"start_year": float(start), "end_year": float(end), **columns}


def climate(weather, managed, roles=MODIFIER, sites=("Farm",), site_of_plot=(0, 0), default=None, **obs):
    """Drivers of climate and the notes on them."""
    table = pd.DataFrame({"site": list(sites)}).assign(**obs)
    count = len(site_of_plot)
    one = np.zeros((count, 1), dtype="int64")
    plots = Plots(
        [str(place) for place in range(count)], list(sites), ["a"], np.array(site_of_plot), one,
        np.zeros(managed.plant.shape, dtype="int64"), np.full(count, START), managed.months, managed.known,
        np.full(count, 20.0), np.full(count, 23.0), np.full(count, 1.3),
    )  # fmt: skip
    told = climate_drivers(None if weather is None else pd.DataFrame(weather), table, plots, managed, roles, default)
    return told.drivers, list(told.notes)


def weather_of(years, site="Farm", **columns):
    """Weather of every month of some years; functions take the year and the month."""
    return [
        {"site": site, "year": year, "month": month}
        | {name: value(year, month) if callable(value) else value for name, value in columns.items()}
        for year in years
        for month in range(1, 13)
    ]


PLANTS = [row(2000, 2001, plot="1", plant_carbon_input=2.0, plant_carbon_input_sd=0.5, manure_carbon_input=1.0,
              rate_modifier=0.5, plant_cover=0.0)]  # fmt: skip
LATER = [
    row(2003, 2005, plot="1", plant_carbon_input=9.0, plant_carbon_input_sd=9.0, manure_carbon_input=7.0,
        rate_modifier=3.0, plant_cover=1.0),
    row(2003, 2005, plot="2", plant_carbon_input=8.0, rate_modifier=2.0),
]  # fmt: skip


def test_management_after_the_last_sample_leaves_the_past_as_it_was():
    fit, _ = manage(PLANTS, 36)
    later, _ = manage(PLANTS + LATER, 84, known=36)
    for name in ("plant", "manure", "cover", "modifier"):
        np.testing.assert_array_equal(getattr(later, name)[:36], getattr(fit, name), err_msg=name)
    np.testing.assert_array_equal(later.input_error, fit.input_error)
    assert fit.input_error[0] == pytest.approx(0.25)
    assert later.input_stated
    # The rows hold in their own months, and past them what was known goes on.
    assert (later.plant[36:60] == [9.0, 8.0]).all()
    assert (later.plant[60:] == 2.0).all()
    assert (later.manure[60:, 0] == 1.0).all()
    assert (later.modifier[60:, 0] == 0.5).all()
    assert np.isnan(later.modifier[60:, 1]).all()


def test_an_input_stated_only_for_the_future_is_none_that_the_fit_saw():
    later, notes = manage(LATER, 84, known=36)
    assert not later.input_stated
    assert (later.plant[:36] == ASSUMED_INPUT).all()
    assert (later.plant[36:60] == [9.0, 8.0]).all()
    assert np.isnan(later.input_error).all()
    assert any("No carbon input is stated" in note for note in notes)


def test_every_plot_is_known_up_to_its_own_last_sample():
    rows = [row(2000, 2002, plot="1", plant_carbon_input=2.0), row(2002, 2004, plot="1", plant_carbon_input=6.0)]
    short, _ = manage(rows, 60, known=[24, 12])
    assert (short.plant[48:, 0] == 2.0).all()
    assert (short.plant[:, 1] == 2.0).all()
    full, _ = manage(rows, 60, known=[48, 12])
    assert (full.plant[48:, 0] == 4.0).all()
    assert (full.plant[:, 1] == 4.0).all()


def test_weather_after_the_last_sample_leaves_the_past_as_it_was():
    def warmth(year, month):
        return 10.0 + 5.0 * np.cos(month) + (20.0 if year > 2001 else 0.0)

    managed, _ = manage([], 60, known=24)
    gappy = [one for one in weather_of(range(1998, 2003), temperature=warmth, rain=60.0, open_pan_evaporation=50.0)
             if (one["year"], one["month"]) != (2000, 7)]  # fmt: skip
    short = [one for one in gappy if one["year"] < 2002]
    fit, _ = climate(short, manage([], 24)[0], WARMTH)
    later, _ = climate(gappy, managed, WARMTH)
    for name in ("temperature", "moisture"):
        np.testing.assert_array_equal(later[name][:24], fit[name], err_msg=name)
    # Stated months are as stated, and those that nobody states are as warm as those that were known.
    np.testing.assert_allclose(later["temperature"][24:36, 0], [warmth(2002, month) for month in range(1, 13)])
    np.testing.assert_allclose(later["temperature"][36:48, 0], [warmth(2001, month) for month in range(1, 13)])


def test_annual_means_after_the_last_sample_leave_the_past_as_it_was():
    years = [{"site": "Farm", "year": year, "month": 1, "annual_temperature": 10.0 + 20.0 * (year > 2001)}
             for year in (2001, 2002)]  # fmt: skip
    fit, _ = climate(years[:1], manage([], 24)[0], WARMTH)
    later, _ = climate(years, manage([], 48, known=24)[0], WARMTH)
    np.testing.assert_array_equal(later["temperature"][:24], fit["temperature"])
    assert later["temperature"][:, 0].reshape(4, 12).mean(axis=1) == pytest.approx([10.0, 10.0, 30.0, 10.0])
    # Nor does another row of the year in which the last sample was taken.
    revised = [*years[:1], years[0] | {"month": 12, "annual_temperature": 20.0}]
    again, _ = climate(revised, manage([], 24, known=18)[0], WARMTH)
    np.testing.assert_array_equal(again["temperature"], fit["temperature"])


def test_temperature_and_water_stated_only_for_the_future_do_not_start_in_the_middle():
    managed, _ = manage([], 36, known=24)
    later, notes = climate(weather_of([2002], temperature=20.0, rain=0.0, open_pan_evaporation=90.0), managed)
    assert (later["rate_modifier"] == 1.0).all()
    assert any("No temperature is stated" in note for note in notes)


def test_a_longer_run_does_not_switch_moisture_off():
    # Known for half a year only: the other months have no mean of their own.
    half = [
        one for one in weather_of([2000], temperature=15.0, rain=10.0, open_pan_evaporation=90.0) if one["month"] <= 6
    ]
    fit, _ = climate(half, manage([], 6)[0], WARMTH)
    later, _ = climate(half, manage([], 24, known=6)[0], WARMTH)
    assert fit["moisture"].min() < 0.5
    np.testing.assert_array_equal(later["moisture"][:6], fit["moisture"])
    assert (later["moisture"][6:] == 0.2).all()


def test_manure_goes_on_where_management_ends():
    rows = [
        row(2001, 2001.25, plot="1", manure_carbon_input=4.0),
        row(2001.25, 2003, plot="1", plant_carbon_input=3.0),
    ]
    managed, notes = manage(rows, 48)
    spring = np.arange(48) % 12 < 3
    # Two years of table, one of them without manure in spring.
    np.testing.assert_array_equal(managed.manure[12:36, 0], np.where(np.arange(24) < 3, 4.0, 0.0))
    np.testing.assert_array_equal(managed.manure[36:, 0], np.where(spring[36:], 2.0, 0.0))
    assert (managed.manure[:12, 0] == 0.0).all()
    assert (managed.manure[:, 1] == 0.0).all()
    assert [note for note in notes if "ends before" in note] == [
        "Management of plot 1 ends before the run does: manure and cover go on as in its last 5 years."
    ]


def test_manure_that_was_not_seen_does_not_go_on():
    rows = [row(2000, 2001, plot="1", manure_carbon_input=4.0), row(2001, 2002, plot="1", manure_carbon_input=8.0)]
    managed, _ = manage(rows, 36, known=12)
    assert managed.manure[::12, 0].tolist() == [4.0, 8.0, 4.0]


def test_months_before_rows_to_come_are_no_months_without_manure():
    seen, plan = row(2000, 2001, plot="1", manure_carbon_input=4.0), row(2003, 2004, plot="1", manure_carbon_input=0.0)
    fit, _ = manage([seen], 24)
    later, _ = manage([seen, plan], 48, known=24)
    np.testing.assert_array_equal(later.manure[:24], fit.manure)
    assert later.manure[::12, 0].tolist() == [4.0, 4.0, 4.0, 0.0]


def test_cover_goes_on_where_management_ends():
    bare_winter = [row(year, year + 0.25, plot="1", plant_cover=0.0) for year in (2000, 2001)]
    managed, notes = manage([*bare_winter, row(2000, 2002, plot="1", plant_carbon_input=1.0)], 36)
    told, more = climate(weather_of([2000], temperature=9.3), managed)
    covered = told["rate_modifier"][:, 0] < 0.7
    np.testing.assert_array_equal(covered, np.arange(36) % 12 >= 3)
    assert (told["rate_modifier"][:, 1] < 0.7).all()
    assert any("ends before" in note for note in notes)
    assert "Plants cover the soil where management does not say otherwise." in more
    # Bare once in three years is not bare in most of them.
    once, _ = manage([bare_winter[0], row(2000, 2003, plot="1", plant_carbon_input=1.0)], 48)
    assert (once.cover[36:39, 0] >= 0.5).all()


@pytest.mark.parametrize(
    "rows",
    [
        [row(2000, 2002, plot="1", plant_carbon_input=3.0)],  # neither manure nor cover
        [row(2000, 2002, plot="1", manure_carbon_input=0.0)],  # stated to be none
        [row(1999, 2005, plot="1", manure_carbon_input=3.0, plant_cover=0.0)],  # nothing beyond
    ],
)
def test_nothing_is_said_where_nothing_goes_on(rows):
    _, notes = manage(rows)
    assert not any("span" in note for note in notes)


def test_rows_of_plots_treatments_and_sites_complete_one_another():
    rows = [
        row(2000, 2004, plant_carbon_input=6.0, plant_carbon_input_sd=3.0, rate_modifier=0.9, plant_cover=1.0),
        row(2000, 2004, treatment="a", manure_carbon_input=5.0, rate_modifier=0.8),
        row(2000, 2004, plot="1", manure_fresh=35.0),
        row(2001, 2002, plot="1", plant_carbon_input=0.0, rate_modifier=0.7, plant_cover=0.0),
        row(2002, 2003, plot="1", plant_carbon_input=2.0, plant_carbon_input_sd=0.2),
    ]
    managed, _ = manage(rows)
    # A stated zero is something said.
    assert managed.plant[::12, 0].tolist() == [6.0, 0.0, 2.0, 6.0]
    assert managed.modifier[::12, 0].tolist() == [0.8, 0.7, 0.8, 0.8]
    assert managed.cover[::12, 0].tolist() == [1.0, 0.0, 1.0, 1.0]
    np.testing.assert_allclose(managed.manure[:, 0], 35.0 * CARBON_OF_FRESH_MANURE)
    assert (managed.plant[:, 1] == 6.0).all()
    assert (managed.modifier[:, 1] == 0.9).all()
    assert (managed.manure[:, 1] == 0.0).all()
    assert managed.input_error == pytest.approx([(3.0 + 0.2) / (6.0 + 2.0), 0.5])


def test_rows_that_give_the_input_give_its_error_and_leave_manure_to_others():
    rows = [
        row(2000, 2004, plant_carbon_input=6.0, plant_carbon_input_sd=3.0, manure_carbon_input=1.0),
        row(2000, 2004, plot="1", plant_carbon_input=2.0),
    ]
    managed, _ = manage(rows)
    assert (managed.manure == 1.0).all()
    assert np.isnan(managed.input_error[0])
    assert managed.input_error[1] == 0.5


def test_a_stated_absence_of_manure_wins_over_the_site():
    rows = [row(2000, 2004, manure_carbon_input=5.0), row(2000, 2004, plot="1", manure_carbon_input=0.0)]
    assert (manage(rows)[0].manure == [0.0, 5.0]).all()


def test_weather_counts_site_by_site():
    managed, _ = manage([], sites=("Farm", "Hill"))
    known = weather_of(
        range(2000, 2004), temperature=lambda year, month: float(month), rain=10.0, open_pan_evaporation=90.0
    )
    alone, _ = climate(known, manage([], plots=["1"], sites=["Farm"])[0], site_of_plot=(0,))
    told, notes = climate(known, managed, sites=("Farm", "Hill"), site_of_plot=(0, 1))
    np.testing.assert_array_equal(told["rate_modifier"][:, 0], alone["rate_modifier"][:, 0])
    assert (told["rate_modifier"][:, 1] == 1.0).all()
    assert "Hill: no temperature is stated; decomposition does not follow it there." in notes
    assert not any("Rain" in note or "rain" in note for note in notes)


def test_water_counts_site_by_site():
    managed, _ = manage([], sites=("Farm", "Hill"))
    farm = weather_of(range(2000, 2004), temperature=12.0, rain=10.0, open_pan_evaporation=90.0)
    told, notes = climate(farm + weather_of([2000], "Hill", temperature=12.0, rain=10.0), managed,
                          sites=("Farm", "Hill"), site_of_plot=(0, 1))  # fmt: skip
    pace = 0.6 * float(rothc_temperature(12.0))
    assert told["rate_modifier"][-1] == pytest.approx([0.2 * pace, pace])
    hill = "Hill: rain and evaporation are not both known; moisture does not limit decomposition there."
    assert hill in notes
    # Water without temperature still limits.
    wet, notes = climate(weather_of(range(2000, 2004), rain=10.0, open_pan_evaporation=90.0), managed,
                         sites=("Farm", "Hill"), site_of_plot=(0, 1))  # fmt: skip
    assert wet["rate_modifier"][-1] == pytest.approx([0.2 * 0.6, 1.0])
    assert "Farm, Hill: no temperature is stated; decomposition does not follow it there." in notes


def test_a_site_whose_modifiers_are_stated_misses_no_weather():
    rows = [row(2000, 2004, plot="1", rate_modifier=0.4)]
    managed, _ = manage(rows, sites=("Farm", "Hill"))
    hill = weather_of([2000], "Hill", temperature=9.3)
    told, notes = climate(hill, managed, sites=("Farm", "Hill"), site_of_plot=(0, 1))
    assert (told["rate_modifier"][:, 0] == 0.4).all()
    assert (told["rate_modifier"][:, 1] < 0.7).all()
    assert not any("Farm" in note for note in notes)


def test_a_driver_of_temperature_takes_its_default_where_a_site_has_none():
    managed, _ = manage([], sites=("Farm", "Hill"))
    here = {"roles": WARMTH, "sites": ("Farm", "Hill"), "site_of_plot": (0, 1)}
    known = weather_of([2000], temperature=9.0)
    told, notes = climate(known, managed, **here, default=15.0)
    np.testing.assert_allclose(told["temperature"], np.tile([9.0, 15.0], (48, 1)))
    assert "Hill: the structure's default of 15 degC is taken." in notes
    # Without a default the structure asks for it itself.
    told, _ = climate(known, managed, **here)
    assert "temperature" not in told
    both, notes = climate(known + weather_of([2000], "Hill", temperature=7.0), managed, **here)
    np.testing.assert_allclose(both["temperature"], np.tile([9.0, 7.0], (48, 1)))
    assert not any("default" in note or "no temperature" in note for note in notes)


@pytest.mark.parametrize("months", [[1], [7], [12], [1, 6]])
def test_an_annual_mean_is_of_all_months_of_its_year(months):
    levels = {2000: 8.0, 2001: 14.0, 2003: 11.0}
    rows = [{"site": "Farm", "year": year, "month": month, "annual_temperature": level + month - np.mean(months)}
            for year, level in levels.items() for month in months]  # fmt: skip
    told, notes = climate(rows, manage([])[0], WARMTH)
    # 2002 is not stated and takes the mean of the others.
    by_year = told["temperature"][:, 0].reshape(4, 12)
    np.testing.assert_allclose(by_year.mean(axis=1), [8.0, 14.0, 11.0, 11.0])
    seasons = by_year - by_year.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(seasons, np.tile(seasons[2], (4, 1)), atol=1e-9)
    assert any("sinusoid" in note for note in notes)


def test_manure_given_up_within_the_last_years_of_the_table_does_not_come_back():
    rows = [
        row(2000, 2002, plot="1", manure_carbon_input=4.0),
        row(2000, 2010, plot="1", plant_carbon_input=3.0),
    ]
    managed, notes = manage(rows, 144)
    assert (managed.manure[:24, 0] == 4.0).all()
    assert (managed.manure[24:, 0] == 0.0).all()
    assert not any("go on" in note for note in notes)
    # A table of less than a year has no mean of every month.
    short, _ = manage([row(2000, 2000.5, plot="1", manure_carbon_input=4.0)], 24)
    assert (short.manure[:, 0] == 4.0).all()
