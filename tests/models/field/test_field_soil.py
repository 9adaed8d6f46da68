"""Soil and climate of field plots: fallows, evaporation, layers, stones, equivalent mass, what held before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from laid import lay_out

from socbayes.errors import SocbayesError, TableFaultsError
from socbayes.models.field import layout
from socbayes.models.field import model as field
from socbayes.models.field.contradictions import faults_of_contradictions
from socbayes.models.field.management import carbon_inputs
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged, with_plan
from socbayes.structures import get, list_structures, simulate
from socbayes.structures.forcing import roles_of
from socbayes.table import validate_table

FARM = {"A1": ("usual", 2.4), "A2": ("usual", 2.4), "B1": ("cover", 3.6), "B2": ("cover", 3.6)}
YEARS = (2010.8, 2014.8, 2018.8, 2021.8)


def farm(**columns):
    """Four plots of two treatments, four visits each."""
    rows = [{"site": "Farm", "plot": plot, "year": year, "treatment": treatment, "soc_stock": 40.0,
             "depth_bottom": 25.0}
            for plot, (treatment, _) in FARM.items() for year in YEARS]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def inputs(**columns):
    rows = [{"site": "Farm", "treatment": treatment, "start_year": 2000.0, "end_year": 2022.0,
             "plant_carbon_input": carbon}
            for treatment, carbon in dict(FARM.values()).items()]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def weather(years=range(2009, 2023), **columns):
    month = np.tile(np.arange(1, 13), len(years))
    table = {"site": "Farm", "year": np.repeat(np.array(years, float), 12), "month": month,
             "temperature": 12.0 - 8.0 * np.cos(2.0 * np.pi * (month - 1) / 12.0), "rain": 40.0}  # fmt: skip
    return pd.DataFrame(table | columns)


def said(notes, *words):
    """Whether some note has all of the words."""
    return any(all(word in note for word in words) for note in notes)


@pytest.mark.parametrize(
    "crop",
    ["fallow", "Fallow", "FALLOW", "bare fallow", "Bare fallow", "bare_fallow", "Fallow, bare", " bare ", "bare soil",
     "long-fallow", "no crop", "Uncropped", "black  fallow"],
)  # fmt: skip
def test_nothing_enters_a_fallow_however_it_is_spelled(crop):
    rows = pd.DataFrame({"crop": [crop, "winter wheat"], "yield_dry_matter": [np.nan, 5.0]})
    plant, _, notes = carbon_inputs(rows)
    assert plant[0] == 0.0
    assert not said(notes, "neither a yield")


@pytest.mark.parametrize(
    ("crop", "hint"),
    [("falow", "fallow"), ("winter whet", "wheat, winter"), ("soyabean", "soybean"), ("green fallow", None),
     ("pasture", None), ("wheat", None)],
)  # fmt: skip
def test_a_crop_without_yield_is_named_with_the_nearest_known_one(crop, hint):
    plant, _, notes = carbon_inputs(pd.DataFrame({"crop": [crop]}))
    assert np.isnan(plant[0])
    assert said(notes, f"{crop!r}", "neither a yield nor a plant_carbon_input")
    assert said(notes, f"did you mean {hint!r}?") == (hint is not None)


@pytest.mark.parametrize(("crop", "after"), [("Fallow", 0.0), ("bare", 0.0), ("falow", 2.4)])
def test_a_fallow_of_a_plan_gets_nothing_and_an_unknown_crop_of_a_plan_is_named(crop, after):
    plan = pd.DataFrame({"site": ["Farm"], "start_year": [2022.0], "end_year": [2041.0], "crop": [crop]})
    tables = with_plan(judged(farm(), inputs()), plan)
    data = layout.lay_out(tables, setup_of("icbm"), until=2040.0)
    last = 10.0 * data.forcing.drivers["carbon_input"][-1, 0]
    assert last == pytest.approx(after)
    assert said(data.notes, "'falow' (did you mean 'fallow'?)") == (crop == "falow")


def drivers(table, name="rothc"):
    return lay_out(farm(), inputs(), table, structure=name)


@pytest.mark.parametrize(("structure", "driver"), [("rothc", "rate_modifier"), ("mcp", "moisture")])
def test_potential_evapotranspiration_is_three_quarters_of_that_of_a_pan(structure, driver):
    pan = drivers(weather(open_pan_evaporation=60.0), structure)
    potential = drivers(weather(potential_evapotranspiration=45.0), structure)
    wrong = drivers(weather(open_pan_evaporation=45.0), structure)
    name = driver if driver in pan.forcing.drivers else "rate_modifier"
    np.testing.assert_allclose(potential.forcing.drivers[name], pan.forcing.drivers[name], rtol=1e-12)
    assert wrong.forcing.drivers[name].mean() > 1.05 * pan.forcing.drivers[name].mean()
    assert said(pan.notes, "open-pan evaporation of all months times 0.75")
    assert said(potential.notes, "potential evapotranspiration is what dries the soil")


@pytest.mark.parametrize("name", ["pet", "et0", "ETo", "potential_et", "evaporation", "reference_evapotranspiration"])
def test_other_names_of_potential_evapotranspiration_are_not_taken_for_that_of_a_pan(name):
    faults = validate_table(weather(**{name: 60.0}), "field_weather", {"temperature": "degC", "rain": "mm", name: "mm"})
    (fault,) = (fault for fault in faults if fault.kind == "unknown column")
    assert "potential_evapotranspiration" in fault.suggestion


def test_potential_evapotranspiration_comes_first_where_both_are_stated():
    both = drivers(weather(open_pan_evaporation=60.0, potential_evapotranspiration=75.0))
    alone = drivers(weather(potential_evapotranspiration=75.0))
    np.testing.assert_allclose(both.forcing.drivers["rate_modifier"], alone.forcing.drivers["rate_modifier"])
    assert said(both.notes, "open-pan evaporation of all months is not used")


@pytest.mark.parametrize("name", ["open_pan_evaporation", "potential_evapotranspiration"])
def test_evaporation_slightly_below_zero_is_read_as_none_and_said(name):
    table = weather(**{name: 50.0})
    table.loc[table["month"] == 1, name] = -20.7
    none = table.assign(**{name: table[name].clip(lower=0.0)})
    got, expected = drivers(table), drivers(none)
    np.testing.assert_array_equal(got.forcing.drivers["rate_modifier"], expected.forcing.drivers["rate_modifier"])
    assert said(got.notes, "evaporation of 14 months is below zero, -20.7 mm at the lowest")
    assert validate_table(table.assign(**{name: -99.0}), "field_weather",
                          {"temperature": "degC", "rain": "mm", name: "mm"})  # fmt: skip


def warm(mean, site="Farm"):
    return weather(site=site).assign(temperature=lambda table: table["temperature"] + mean - 12.0)


def test_weather_is_the_climate_factor_of_icbm_and_sites_have_their_own_pace():
    obs = pd.concat([farm(), farm(site="Hill")], ignore_index=True)
    management = pd.concat([inputs(), inputs(site="Hill")], ignore_index=True)
    both = pd.concat([warm(13.0), warm(9.0, "Hill")], ignore_index=True)
    data = lay_out(obs, management, both, structure="icbm")
    assert not said(data.notes, "no driver of climate")
    here, hill = data.forcing.means["rate_modifier"]
    rothc = lay_out(obs, management, both, structure="rothc").forcing.means["rate_modifier"]
    assert here / hill == pytest.approx(rothc[0] / rothc[1])
    assert here == pytest.approx(rothc[0] / get("icbm").reference_modifier)


@pytest.mark.parametrize("structure", ["icbm", "rothc", "century", "two_pool_series"])
def test_a_stated_rate_modifier_is_taken_as_it_is(structure):
    data = lay_out(farm(), inputs(rate_modifier=1.3), structure=structure)
    np.testing.assert_allclose(data.forcing.drivers["rate_modifier"], 1.3)


def test_without_climate_icbm_runs_at_the_pace_of_ultuna():
    data = lay_out(farm(), inputs(), structure="icbm")
    np.testing.assert_array_equal(data.forcing.drivers["rate_modifier"], 1.0)
    named = {"carbon_input": 0.2, "rate_modifier": 1.3}
    times = {"initial": {"young": 0.3, "old": 4.0}, "times": [0, 10]}
    by_driver = simulate("icbm", named, **times)["old"].to_numpy()
    by_parameter = simulate("icbm", {"carbon_input": 0.2}, parameters={"r": 1.3}, **times)["old"].to_numpy()
    np.testing.assert_allclose(by_driver, by_parameter)


#: Where climate enters each published structure; those that have no place for it say so in a note.
CLIMATE = {
    "modifier": {"rothc", "icbm", "century", "two_pool_parallel", "two_pool_series", "two_pool_feedback"},
    "temperature and moisture": {"mcp", "mcp_forward", "mimics", "mimics_forward"},
    "temperature": {"awb", "awb_eca", "ger", "con", "millennial", "millennial_eca", "millennial_lin",
                    "century_millennial", "corpse", "corpse_daily", "amg", "ctool", "yasso15", "yasso20"},
    "modifier and temperature": {"somic"},
    "nothing": {"mend"},
}  # fmt: skip


@pytest.mark.parametrize("name", list_structures())
def test_every_structure_takes_climate_or_says_that_it_does_not(name):
    roles = roles_of(get(name))
    has = {"modifier": roles.modifier, "temperature": roles.temperature, "moisture": roles.moisture}
    kind = " and ".join(one for one, driver in has.items() if driver) or "nothing"
    assert name in CLIMATE[kind]


def of_means(data):
    return {name: np.asarray(value).ravel()[0] for name, value in data.forcing.means.items()}


@pytest.mark.parametrize("structure", ["rothc", "icbm", "mcp", "mimics"])
@pytest.mark.parametrize("which", ["one of four", "all of a site left out", "all, without a horizon"])
def test_means_of_a_plot_with_one_sample_are_not_those_of_its_month(structure, which):
    table = weather(range(2010, 2022), open_pan_evaporation=40.0)
    # Sampled in July, when the month is 20 degC and the year 12.
    obs = farm().assign(year=lambda rows: rows["year"] - 0.3)
    first = obs.groupby("plot")["year"].transform("min") == obs["year"]
    whole = of_means(lay_out(obs, inputs(), table, structure=structure))
    if which == "one of four":
        one = obs[first | (obs["plot"] != "A1")].reset_index(drop=True)
        got = of_means(lay_out(one, inputs(), table, structure=structure))
    else:
        known = {"until": 2021.5, "known_until": 2021.5} if which == "all of a site left out" else {}
        tables = judged(obs[first].reset_index(drop=True), inputs(), table)
        got = of_means(layout.lay_out(tables, setup_of(structure=structure), **known))
    assert got == pytest.approx(whole, rel=0.05)


def test_a_longer_forecast_leaves_means_of_a_plot_with_one_sample_as_they_were():
    one = farm().query("plot != 'A1' or year < 2011").reset_index(drop=True)
    tables = judged(one, inputs(), weather(range(2010, 2015)))
    plan = inputs(start_year=2022.0, end_year=2050.0, plant_carbon_input=9.0)
    fit = layout.lay_out(tables, setup_of("rothc"))
    later = layout.lay_out(with_plan(tables, plan), setup_of("rothc"), until=2050.0)
    assert later.plots.known.tolist() == fit.plots.known.tolist()
    for name, value in fit.forcing.means.items():
        np.testing.assert_allclose(later.forcing.means[name], value)


#: Rows of manure on the plots under cover: when, and how much of it is in the mean of the 30 years before.
MANURE = {
    "from the first sample on": ((2010.8, 2022.0), 0.0),
    "in the trial, twenty years before and on": ((1990.8, 2022.0), 4.0 * 20.0 / 30.0 / 2.0),
    "given up before the trial": ((1980.8, 1995.8), 4.0 * 15.0 / 30.0 / 2.0),
    "never": ((2010.8, 2022.0), None),
}


@pytest.mark.parametrize("structure", ["rothc", "icbm", "mimics", "century"])
@pytest.mark.parametrize("when", list(MANURE))
def test_the_steady_state_has_the_manure_of_before_the_trial_and_not_that_of_it(structure, when):
    (begin, end), past = MANURE[when]
    manure = pd.DataFrame({"site": ["Farm"], "treatment": ["cover"], "start_year": [begin], "end_year": [end],
                           "manure_carbon_input": [0.0 if past is None else 4.0]})  # fmt: skip
    plain = lay_out(farm(), inputs(), weather(), structure=structure)
    data = lay_out(farm(), pd.concat([inputs(), manure], ignore_index=True), weather(), structure=structure)
    roles = roles_of(get(structure))
    per = 1.0 / np.sum([np.ravel(plain.forcing.means[name])[0] for name in roles.plant]) * 3.0
    carbon = per * sum(np.ravel(data.forcing.means[name])[0] for name in (*roles.plant, *filter(None, [roles.manure])))
    assert carbon == pytest.approx(3.0 + (past or 0.0), rel=0.01 if past else 1e-9)
    for name in filter(None, [roles.modifier, roles.temperature]):
        np.testing.assert_allclose(data.forcing.means[name], plain.forcing.means[name])
    assert said(data.notes, "Manure of the trial is none of the input before it") == (past == 0.0)
    assert said(data.notes, "the mean of 30 years") == bool(past)


# --- layers, stones and mass ------------------------------------------------------


def contents(*rows, **columns):
    """One plot: (year, top, bottom, g/kg, g/cm3) of each row."""
    names = ["year", "depth_top", "depth_bottom", "soil_organic_carbon", "bulk_density"]
    return pd.DataFrame(rows, columns=names).assign(site="Farm", plot="1", **columns)


def totals(obs, **settings):
    data = lay_out(obs, structure="rothc", **settings)
    return np.exp(data.measured.observed), data.notes


def kinds_of_faults(obs, **settings):
    with pytest.raises(TableFaultsError) as caught:
        lay_out(obs, structure="rothc", **settings)
    return {fault.kind: fault for fault in caught.value.faults}


LATER = (2020.0, 0.0, 30.0, 15.0, 1.3)


@pytest.mark.parametrize(
    ("layers", "total"),
    [
        ([(0, 30, 16.0, 1.3)], 16.0 * 1.3 * 3.0),
        ([(0, 10, 20.0, 1.2), (10, 30, 12.0, 1.4)], 20.0 * 1.2 + 12.0 * 1.4 * 2),
        ([(10, 30, 12.0, 1.4), (0, 10, 20.0, 1.2)], 20.0 * 1.2 + 12.0 * 1.4 * 2),
        ([(0, 10, 20.0, 1.2), (10, 20, 12.0, 1.4), (20, 30, 8.0, 1.5)], 24.0 + 16.8 + 12.0),
        ([(0, 30, 16.0, 1.3), (30, 60, 8.0, 1.5)], 16.0 * 1.3 * 3.0),
        ([(0, 10, 20.0, 1.2), (0, 30, 16.0, 1.3), (10, 30, 12.0, 1.4)], 16.0 * 1.3 * 3.0),
        ([(0, 15, 20.0, 1.2), (15, 30, 12.0, 1.4), (30, 60, 8.0, 1.5)], 30.0 * 1.2 + 18.0 * 1.4),
        ([(-5, 0, 300.0, 0.2), (0, 30, 16.0, 1.3)], 16.0 * 1.3 * 3.0),
    ],
)
def test_layers_of_a_visit_that_adjoin_are_summed(layers, total):
    values, notes = totals(contents(*[(2010.0, *layer) for layer in layers], LATER))
    np.testing.assert_allclose(values, [total, 15.0 * 1.3 * 3.0])
    assert said(notes, "Adjoining layers of 1 visits are summed: the soil down to 30 cm") == (
        len([one for one in layers if 0 <= one[0] < 30]) > 1 and not any(one[:2] == (0, 30) for one in layers)
    )
    assert said(notes, "1 row is of layers above the mineral soil") == any(one[0] < 0 for one in layers)


def test_stocks_and_errors_of_layers_are_summed():
    stocks = {"soc_stock": [24.0, 33.6, 58.5], "soc_stock_sd": [3.0, 4.0, 6.0]}
    obs = pd.DataFrame({"site": "Farm", "plot": "1", "year": [2010.0, 2010.0, 2020.0], "depth_top": [0.0, 10.0, 0.0],
                        "depth_bottom": [10.0, 30.0, 30.0]} | stocks)  # fmt: skip
    data = lay_out(obs, structure="rothc")
    np.testing.assert_allclose(np.exp(data.measured.observed), [57.6, 58.5])
    np.testing.assert_allclose(data.measured.stated_error, [5.0 / 57.6, 6.0 / 58.5])
    assert data.measured.row.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([(2010.0, 25, 25, 15.0, 1.3), LATER], "layer without thickness"),
        ([(2010.0, 0, 0, 15.0, 1.3), LATER], "layer without thickness"),
        ([(2010.0, -5, 20, 15.0, 1.3), LATER], "layer across the surface"),
        ([(2010.0, -5, None, 15.0, 1.3), LATER], "layer across the surface"),
        ([(2010.0, -5, 0, 300.0, 0.2), (2020.0, -5, 0, 310.0, 0.2)], "no mineral soil"),
        ([(2010.0, 0, 20, 15.0, 1.3), LATER], "several depths"),
        ([(2010.0, 0, 10, 15.0, 1.3), (2010.0, 10, 20, 15.0, 1.3), LATER], "several depths"),
        ([(2010.0, 0, 30, 15.0, 1.3), (2020.0, 30, 60, 8.0, 1.5)], "no change to fit"),
        ([(2010.0, 0, None, 15.0, 1.3), LATER], "no depth"),
    ],
)
def test_depths_that_cannot_be_one_layer_are_faults(rows, kind):
    assert kind in kinds_of_faults(contents(*rows))


def test_topsoil_at_some_visits_and_subsoil_at_another_is_said():
    values, notes = totals(contents((2010.0, 0, 30, 15.0, 1.3), (2015.0, 30, 60, 8.0, 1.5), LATER))
    assert len(values) == 2
    assert said(notes, "1 row is of visits without the uppermost layer", "plot 1 in 2015.00", "left out")


@pytest.mark.parametrize("deep", [50.0, 30.0, 15.0])
def test_treatments_sampled_to_different_depths_are_a_fault(deep):
    obs = farm(depth_top=0.0)
    obs.loc[obs["treatment"] == "cover", "depth_bottom"] = deep
    fault = kinds_of_faults(obs)["plots of several depths"]
    assert "plot" in fault.found
    assert "as on other plots of Farm" in fault.expected


def test_layers_of_one_treatment_are_summed_to_the_depth_of_the_other():
    obs = farm(depth_top=0.0, depth_bottom=50.0)
    cover = obs["treatment"] == "cover"
    halves = [obs[cover].assign(depth_bottom=25.0, soc_stock=25.0), obs[cover].assign(depth_top=25.0, soc_stock=15.0)]
    values, notes = totals(pd.concat([obs[~cover], *halves], ignore_index=True))
    np.testing.assert_allclose(values, 40.0)
    assert said(notes, "Adjoining layers of 8 visits are summed: the soil down to 50 cm")


@pytest.mark.parametrize(("bottom", "words"), [(None, "No sample states the depth"), (25.0, "")])
def test_samples_without_depth_are_said(bottom, words):
    obs = farm(depth_bottom=bottom)
    assert not words or said(totals(obs)[1], words)
    if bottom:
        obs.loc[3, "depth_bottom"] = np.nan
        assert said(totals(obs)[1], "1 sample states no depth")


WHOLE = {"bulk_density": 1.5}


@pytest.mark.parametrize(
    ("columns", "fine", "words"),
    [
        (WHOLE, 1.5, None),
        (WHOLE | {"coarse_fragments_mass": 20.0}, 1.5 * 0.8, "(1 - their share of the mass)"),
        (WHOLE | {"coarse_fragments_volume": 10.0}, 1.5 - 0.26, "2.6 g/cm3 times their share of the volume"),
        ({"fine_earth_bulk_density": 1.2, "coarse_fragments_volume": 25.0}, 0.9, "(1 - their share of the volume)"),
        ({"fine_earth_bulk_density": 1.3, "coarse_fragments_mass": 100.0 * 2.0 / 3.0}, 0.65, "of the fine earth times"),
        ({"fine_earth_bulk_density": 1.2}, 1.2, None),
        (WHOLE | {"coarse_fragments_mass": 20.0, "coarse_fragments_volume": 10.0}, 1.2, "that by mass is used"),
    ],
)
def test_stones_hold_no_carbon(columns, fine, words):
    """The mass balance of fine earth, coarse fragments and their volumes, written out."""
    obs = contents((2010.0, 0, 30, 15.0, np.nan), (*LATER[:4], np.nan)).drop(columns="bulk_density").assign(**columns)
    values, notes = totals(obs)
    np.testing.assert_allclose(values, 15.0 * fine * 3.0)
    assert words is None or said(notes, words)
    assert said(notes, "hold no carbon") == any("coarse" in name for name in columns)


def test_stones_that_leave_no_fine_earth_are_a_fault():
    obs = contents((2010.0, 0, 30, 15.0, 1.2), LATER, coarse_fragments_volume=60.0)
    assert "fine_earth_bulk_density" in kinds_of_faults(obs)["no fine earth"].suggestion


@pytest.mark.parametrize(
    "name", ["stones", "gravel", "stone_content", "coarse_fragments", "rock_fragments", "stoniness"]
)
def test_stones_are_led_to_a_column_that_states_of_what_they_are_a_share(name):
    faults = validate_table(contents(LATER, **{name: 20.0}), "field_soc", {
        "depth_top": "cm", "depth_bottom": "cm", "soil_organic_carbon": "g/kg", "bulk_density": "g/cm3", name: "%"
    })  # fmt: skip
    (fault,) = (fault for fault in faults if fault.kind == "unknown column")
    assert "`coarse_fragments_mass`, of its volume `coarse_fragments_volume`" in fault.suggestion


DENSER = ((2010.0, 0, 25, 15.0, 1.2), (2020.0, 0, 25, 15.0, 1.5))


@pytest.mark.parametrize(
    ("rows", "depth", "mass"),
    [
        (DENSER, [45.0, 56.25], [45.0, 45.0]),
        # A layer below tells what the compacted layer took in, and what a loosened one has lost.
        ((*DENSER, (2010.0, 25, 50, 5.0, 1.4), (2020.0, 25, 50, 5.0, 1.5)), [45.0, 56.25], [45.0, 45.0]),
        (((2010.0, 0, 25, 15.0, 1.5), (2010.0, 25, 50, 5.0, 1.5), (2020.0, 0, 25, 15.0, 1.2),
          (2020.0, 25, 50, 5.0, 1.5)), [56.25, 45.0], [56.25, 45.0 + 0.1 * 5.0 * 7.5]),
        (((2010.0, 0, 25, 15.0, 1.3), (2020.0, 0, 25, 16.0, 1.3)), [48.75, 52.0], [48.75, 52.0]),
        (((2010.0, 0, 10, 20.0, 1.2), (2010.0, 10, 25, 10.0, 1.2), (2020.0, 0, 10, 20.0, 1.5),
          (2020.0, 10, 25, 10.0, 1.5)), [42.0, 52.5], [42.0, 0.1 * (20.0 * 15.0 + 10.0 * 15.0)]),
    ],
    ids=["one layer", "compacted over subsoil", "loosened over subsoil", "unchanged", "two layers summed"],
)  # fmt: skip
def test_stocks_are_to_an_equal_depth_or_of_an_equivalent_mass_and_the_note_says_which(rows, depth, mass):
    obs = contents(*rows)
    at_depth, notes = totals(obs)
    on_mass, others = totals(obs, stocks="equivalent_mass")
    np.testing.assert_allclose(at_depth, depth)
    np.testing.assert_allclose(on_mass, mass)
    changes = not np.allclose(depth, mass)
    assert said(notes, "Bulk density changes", "Stocks are those to an equal depth (stocks='equal_depth')") == changes
    assert said(others, "Bulk density changes", "of an equivalent mass (stocks='equivalent_mass')") == changes


def test_how_far_the_two_kinds_of_stock_are_apart_is_said():
    assert said(totals(contents(*DENSER))[1], "equivalent mass of soil are -20 to +0 % off")


def test_stocks_that_are_stated_are_taken_as_stated():
    obs = contents(*DENSER, (2015.0, 0, 25, np.nan, 1.3)).assign(soc_stock=[np.nan, np.nan, 47.0])
    values, notes = totals(obs, stocks="equivalent_mass")
    np.testing.assert_allclose(values, [45.0, 45.0, 47.0])
    assert said(notes, "1 stocks are taken as stated")


def test_stocks_of_no_soil_that_is_known_are_refused():
    with pytest.raises(SocbayesError, match="'equal_depth' or 'equivalent_mass'"):
        setup_of("rothc", stocks="equivalent mass")


def test_what_was_not_seen_does_not_choose_the_layer():
    past = contents((2010.0, 0, 10, 20.0, 1.2), (2010.0, 10, 30, 12.0, 1.4), (2015.0, 0, 10, 20.0, 1.2),
                    (2015.0, 10, 30, 12.0, 1.4))  # fmt: skip
    both = pd.concat([past, contents((2020.0, 0, 10, 20.0, 1.2))], ignore_index=True)
    data = layout.lay_out(judged(both), setup_of("rothc"), seen=len(past))
    assert data.measured.row.tolist() == [0, 2]
    assert said(data.notes, "visits without the uppermost layer")


# --- contradictions ---------------------------------------------------------------

BOTH = {"soc_stock": 40.0, "soil_organic_carbon": 15.0, "bulk_density": 1.3, "depth_top": 0.0, "depth_bottom": 25.0}


@pytest.mark.parametrize(
    ("columns", "kind", "words"),
    [
        (BOTH, "two stocks of one sample", ("40 t/ha", "15 g/kg x 1.3 g/cm3 x 25 cm = 48.75 t/ha")),
        (BOTH | {"bulk_density": 1.07}, None, ()),
        (BOTH | {"coarse_fragments_mass": 18.0}, None, ()),
        (BOTH | {"coarse_fragments_mass": 50.0}, "two stocks of one sample", ("24.38 t/ha",)),
        (BOTH | {"soc_stock": 4.88}, "two stocks of one sample", ("4.88 t/ha", "48.75")),
        (
            {"particulate_carbon_stock": 9.0, "particulate_organic_carbon": 5.0} | BOTH | {"soc_stock": 48.0},
            "two stocks of one sample", ("9 t/ha", "16.25 t/ha"),
        ),
        ({"soc_stock": 40.0, "mineral_associated_carbon_stock": 48.4}, "fraction above the total",
         ("48.4, 121 % of soc_stock 40",)),
        ({"soc_stock": 25.22, "mineral_associated_carbon_stock": 25.28}, None, ()),
        ({"soc_stock": 40.0, "mineral_associated_organic_carbon": 15.0, "bulk_density": 1.3, "depth_bottom": 25.0},
         "fraction above the total", ("122 % of soc_stock 40",)),
        ({"soil_organic_carbon": 15.0, "necromass": 20.0, "bulk_density": 1.3, "depth_bottom": 25.0},
         "fraction above the total", ("133 % of soil_organic_carbon 15",)),
        ({"soil_organic_carbon": 1.5, "microbial_biomass": 2000.0, "bulk_density": 1.3, "depth_bottom": 25.0},
         "fraction above the total", ("133 % of soil_organic_carbon 1.5",)),
        ({"soc_stock": 40.0, "particulate_carbon_stock": 20.0, "mineral_associated_carbon_stock": 30.0},
         "fractions above the total", ("125 % of soc_stock 40",)),
        ({"soc_stock": 40.0, "particulate_carbon_stock": 11.0, "mineral_associated_carbon_stock": 30.0}, None, ()),
        ({"soc_stock": 40.0, "particulate_carbon_stock": 20.0, "humus_carbon_stock": 20.0,
          "resistant_carbon_stock": 10.0}, "fractions above the total", ("125 %",)),
    ],
)  # fmt: skip
def test_values_that_contradict_each_other_are_faults_with_both_numbers(columns, kind, words):
    found = list(faults_of_contradictions(farm().drop(columns=["soc_stock", "depth_bottom"]).assign(**columns)))
    assert {fault.kind for fault in found} == ({kind} if kind else set())
    assert all(word in found[0].found for word in words)


def in_turn(stock, content, both=()):
    obs = farm(depth_top=0.0, bulk_density=1.3, soc_stock=stock, soil_organic_carbon=np.nan)
    late = obs["year"] > 2016.0
    obs.loc[late, ["soc_stock", "soil_organic_carbon"]] = [np.nan, content]
    obs.loc[list(both), "soil_organic_carbon"] = content
    return list(faults_of_contradictions(obs))


@pytest.mark.parametrize(
    ("stock", "content", "both", "kinds"),
    [
        (40.0, 15.0, (), {"stocks and contents in turn"}),
        (48.0, 15.0, (), set()),
        (60.0, 15.0, (), {"stocks and contents in turn"}),
        (48.0, 15.0, (1,), set()),
        (40.0, 15.0, (1,), {"two stocks of one sample"}),
    ],
)
def test_stocks_early_and_contents_later_with_a_step_between_are_a_fault(stock, content, both, kinds):
    found = in_turn(stock, content, both)
    assert {fault.kind for fault in found} == kinds
    if not both and found:
        assert f"such as {stock:g} and then 48.75 t/ha" in found[0].found
        assert "both at one visit" in found[0].suggestion


# --- what is learned, and what one driver holds -----------------------------------


@pytest.mark.parametrize(
    ("crop", "dims", "labels"),
    [
        ({"usual": "wheat", "cover": "wheat"}, ("plot",), ["A1", "A2", "B1", "B2"]),
        ({"usual": "bare fallow", "cover": "wheat"}, ("plot_with_input",), ["B1", "B2"]),
        ({"usual": "Fallow", "cover": "bare"}, None, []),
    ],
)
def test_a_bare_fallow_has_no_input_factor(crop, dims, labels):
    management = inputs(plant_carbon_input=np.nan, crop=list(crop.values()))
    management.loc[management["crop"] == "wheat", "plant_carbon_input"] = 3.0
    built = field.build(farm(), management, structure="icbm")
    assert built.named_vars_to_dims.get("input_factor") == dims
    if dims:
        assert list(built.coords[dims[0]]) == labels
    bare = [plot for plot in FARM if plot not in labels]
    assert said(built.socbayes_spec.notes, "Plants add nothing to " + ", ".join(bare)) == bool(bare)


def test_a_period_of_fallow_has_no_input_factor():
    obs = farm()
    obs.loc[(obs["plot"] == "A1") & (obs["year"] > 2016), "treatment"] = "fallow"
    rows = inputs(plant_carbon_input=3.0)
    fallow = rows.iloc[[0]].assign(treatment="fallow", plant_carbon_input=np.nan, crop="fallow")
    built = field.build(obs, pd.concat([rows, fallow], ignore_index=True), structure="icbm")
    labels = built.coords["plot_with_input"]
    assert "A1, period 1" in labels
    assert "A1, period 2" not in labels
    assert "A2, period 2" in labels


@pytest.mark.parametrize("structure", ["rothc", "icbm"])
def test_amendments_of_two_treatments_share_one_quality_and_the_note_says_so(structure):
    two = inputs(manure_carbon_input=4.0)
    one = inputs(manure_carbon_input=[0.0, 4.0])
    words = "Manure of all treatments (usual, cover) has one quality"
    assert said(lay_out(farm(), two, structure=structure).notes, words, "after spreading ends")
    assert not said(lay_out(farm(), one, structure=structure).notes, "has one quality")
