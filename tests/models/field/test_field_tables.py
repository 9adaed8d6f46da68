"""Tables of field plots: what a fit has not seen changes nothing, and what cannot be meant is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from laid import lay_out

from socbayes.errors import TableFaultsError
from socbayes.models.field.draws import stocks_of
from socbayes.models.field.effects import log_factors
from socbayes.models.field.tables import judged
from socbayes.structures import get
from socbayes.structures.forcing import rate_constants

ROTHC = get("rothc")


def samples(**columns):
    """Three samples of two plots."""
    years = [2000.0, 2005.0, 2010.0]
    rows = [{"site": "Farm", "plot": plot, "year": year, "soc_stock": 50.0 + year - 2000.0}
            for plot in ("1", "2") for year in years]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def inputs(carbon=3.0, start=2000.0, end=2011.0, **columns):
    row = {"site": ["Farm"], "start_year": [start], "end_year": [end], "plant_carbon_input": [carbon]}
    return pd.DataFrame(row).assign(**columns)


def faults(*tables, structure=ROTHC):
    with pytest.raises(TableFaultsError) as caught:
        lay_out(*tables, structure=structure)
    return caught.value.faults


def parted(obs, year):
    """Rows up to a year first, then the rest, and how many the first are."""
    past = obs["year"] <= year
    return pd.concat([obs[past], obs[~past]], ignore_index=True), int(past.sum())


def test_what_was_not_seen_changes_nothing_of_what_was():
    obs = samples(treatment=["a", "a", "c", "b", "b", "b"], bulk_density=[1.2, 1.2, 1.6] * 2, clay=[20, 20, 40] * 2)
    management = pd.concat([inputs(2.0, 2001.0, 2005.0), inputs(9.0, 2006.0, 2011.0)])
    everything, seen = parted(obs, 2005.0)
    fit = lay_out(everything.iloc[:seen], management, structure=ROTHC)
    later = lay_out(everything, management, structure=ROTHC, seen=seen)
    assert (later.plots.treatments, fit.plots.treatments) == (["a", "b", "c"], ["a", "b"])
    assert (later.plots.rows, fit.plots.rows) == (120, 60)
    for name, values in fit.forcing.drivers.items():
        np.testing.assert_array_equal(later.forcing.drivers[name][:60], values)
    np.testing.assert_array_equal(later.measured.site_log_stock, fit.measured.site_log_stock)
    np.testing.assert_array_equal(later.plots.start, fit.plots.start)
    assert (fit.plots.treatment.tolist(), later.plots.treatment.tolist()) == ([[0], [1]], [[0, 2], [1, 1]])
    assert (later.forcing.drivers["period_1"][:60] == 1.0).all()
    np.testing.assert_array_equal(later.forcing.constants["clay"], fit.forcing.constants["clay"])
    for name, values in fit.forcing.means.items():
        np.testing.assert_array_equal(later.forcing.means[name], values)
    np.testing.assert_array_equal(later.measured.observed[: fit.measured.observed.size], fit.measured.observed)


def test_clay_that_is_not_stated_is_that_of_the_site_and_then_the_default():
    obs = pd.concat(
        [
            samples(plot=["A", "A", "A", "B", "B", "B"], clay=[20.0, 20.0, 20.0, None, None, None]),
            samples(site="elsewhere", plot=["C", "C", "C", "D", "D", "D"]),
        ]
    )
    plots = lay_out(obs, None, None, structure=get("rothc"))
    default = get("rothc").defaults()["clay"]
    by_plot = {label[-1]: clay for label, clay in zip(plots.plots.labels, plots.forcing.constants["clay"], strict=True)}
    assert by_plot == {"A": 20.0, "B": 20.0, "C": default, "D": default}
    (note,) = [note for note in plots.notes if "clay" in note]
    assert note.startswith("elsewhere:")


def test_bulk_density_that_is_not_stated_is_that_of_the_site():
    carbon = {"soc_stock": None, "soil_organic_carbon": 10.0, "depth_top": 0.0, "depth_bottom": 20.0}
    here = samples(**carbon, bulk_density=[1.0, 1.0, 1.0, None, None, None])
    there = samples(**carbon, bulk_density=1.6, site="elsewhere").assign(plot=["3"] * 3 + ["4"] * 3)
    plots = lay_out(pd.concat([here, there], ignore_index=True), None, None, structure=ROTHC)
    by_plot = dict(zip(np.array(plots.plots.labels)[plots.measured.plot], np.exp(plots.measured.observed), strict=True))
    assert by_plot == pytest.approx({"1": 20.0, "2": 20.0, "3": 32.0, "4": 32.0})


def test_fractions_that_were_not_seen_are_not_foreseen():
    obs = samples(resistant_carbon_stock=[np.nan, np.nan, 5.0] * 2)
    everything, seen = parted(obs, 2005.0)
    later = lay_out(everything, inputs(), structure=ROTHC, seen=seen)
    assert later.measured.names == ["total"]
    assert "Of resistant nothing was seen: 2 values of it cannot be foreseen." in later.notes
    assert lay_out(obs, inputs(), structure=ROTHC).measured.names == ["total", "resistant"]


def test_a_difference_is_found_in_what_was_seen():
    parts = {"particulate_carbon_stock": 0.2, "humus_carbon_stock": 0.7, "resistant_carbon_stock": 0.1}
    obs = samples()
    obs = obs.assign(**{name: share * obs["soc_stock"] for name, share in parts.items()})
    # In the years to come resistant carbon is the largest, and sums are no longer exact.
    future = obs["year"] > 2005.0
    obs.loc[future, ["humus_carbon_stock", "resistant_carbon_stock"]] = [2.0, 50.0]
    everything, seen = parted(obs, 2005.0)
    fit = lay_out(everything.iloc[:seen], inputs(), structure=ROTHC)
    later = lay_out(everything, inputs(), structure=ROTHC, seen=seen)
    assert fit.measured.names == later.measured.names == ["total", "particulate", "resistant"]


@pytest.mark.parametrize(("date", "month"), [("2001-01", 12), ("2001-07", 18), ("2001-07-20", 18), ("2001-12-31", 23)])
def test_a_flux_is_of_the_month_that_holds_its_date(date, month):
    flux = pd.DataFrame({"site": ["Farm"], "plot": ["1"], "date": [date], "co2_flux": [1.0]})
    obs = samples().rename(columns={"year": "date"}).assign(date=lambda t: t["date"].astype(int).astype(str))
    data = lay_out(pd.concat([obs, flux], ignore_index=True), inputs(), structure=ROTHC)
    assert data.measured.month[data.measured.takes_time].tolist() == [month]


def test_a_flux_needs_a_sink_to_show_it():
    chosen = get("icbm")
    assert "co2" in chosen.sinks
    from dataclasses import replace

    renamed = replace(chosen, name="mine", sinks=("respired",), flows=lambda x, p, u: _respired(chosen.flows(x, p, u)))
    (fault,) = (one for one in faults(samples(co2_flux=1.0), inputs(), structure=renamed) if one.column == "co2_flux")
    assert fault.kind == "flux without sink"


def _respired(flows):
    from dataclasses import replace

    for flow in flows:
        yield replace(flow, target="respired") if flow.target == "co2" else flow


def test_samples_of_other_depths_are_refused():
    obs = samples(depth_top=0.0, depth_bottom=[20.0, 20.0, 30.0, 20.0, 20.0, 21.0])
    (fault,) = faults(obs, inputs())
    assert (fault.kind, fault.row, fault.column, fault.found) == ("several depths", 4, "depth_bottom", "0 to 30")
    assert "20 cm" in fault.expected
    assert lay_out(obs.assign(depth_bottom=20.0), inputs(), structure=ROTHC).plots.rows == 120


@pytest.mark.parametrize(("column", "named", "meant"), [("plot", "P 1", "p1"), ("treatment", "Tilled", "tilled")])
def test_names_spelled_otherwise_are_asked_about(column, named, meant):
    obs = samples(plot=["p1"] * 3 + ["p2"] * 3, treatment="tilled")
    (fault,) = faults(obs, inputs(**{column: named}))
    assert (fault.kind, fault.column) == ("spellings of one name", column)
    assert fault.suggestion.startswith(f"write {meant!r} everywhere")


def test_a_misspelt_site_of_the_weather_is_asked_about():
    weather = pd.DataFrame({"site": "Fram", "year": 2000, "month": range(1, 13), "temperature": 10.0})
    (fault,) = faults(samples(), inputs(), weather)
    assert (fault.kind, fault.suggestion) == ("unknown site", "did you mean 'Farm'?")
    # Sites that nobody sampled do no harm beside the one that was.
    more = pd.concat([weather, weather.assign(site="Farm")])
    assert lay_out(samples(), inputs(), more, structure=ROTHC).plots.labels == ["1", "2"]


def test_numbered_sites_are_not_misspelt():
    obs = pd.concat([samples(site="Site 2"), samples(site="Site 3")], ignore_index=True)
    weather = pd.DataFrame({"site": "Site 1", "year": 2000, "month": range(1, 13), "temperature": 10.0})
    weather = pd.concat([weather, weather.assign(site="Site 2")])
    data = lay_out(obs, inputs(site="Site 2"), weather, structure=ROTHC)
    assert data.plots.sites == ["Site 2", "Site 3"]


def test_brackets_tell_treatments_apart():
    """As in codes of rotations: what is planned for later is no misspelling of what was sampled."""
    later = inputs(start=2011.0, end=2015.0, treatment="[Gc]")
    assert lay_out(samples(treatment="Gc"), later, structure=ROTHC).plots.treatments == ["Gc"]


def test_frames_are_read_as_files_are():
    obs = samples().rename(columns={"soc_stock": "soc_stock [kg/m**2]", "year": "date"})
    obs["date"] = obs["date"].astype(int).astype(str)
    obs["plot"] = obs["plot"].astype(float)
    management = inputs(3000.0).rename(columns={"plant_carbon_input": "plant_carbon_input [kg/ha/year]"})
    data = lay_out(obs, management.assign(plot=[1.0]), structure=ROTHC)
    assert data.plots.labels == ["1", "2"]
    np.testing.assert_allclose(np.exp(data.measured.observed[0]), 500.0)
    name = next(iter(data.setup.roles.plant))
    per = 12.0 if ROTHC.drivers[ROTHC.driver_names.index(name)].unit.endswith("month") else 1.0
    np.testing.assert_allclose(data.forcing.drivers[name][:, 0] * per, 3.0)
    once = judged(obs, management)
    pd.testing.assert_frame_equal(judged(once.obs, once.management).obs, once.obs)


def test_columns_that_no_model_uses_are_named():
    data = lay_out(samples(), inputs(tillage="none", cover_crop="rye"), structure=ROTHC)
    assert "The management table states what this model does not use: tillage, cover_crop." in data.notes


def test_draws_of_one_site_of_one_treatment_are_run_again():
    """No variable is of its rate, and yet each plot has one in each draw."""
    data = lay_out(samples(), inputs(), structure=get("icbm"))
    known = {"site_stock": 1, "rate_constant": len(rate_constants(data.setup.structure))}
    values = {"input_level": np.linspace(-0.1, 0.1, 5), "log_share": np.full((5, 1, 2), np.log(0.5))}
    values |= {name: np.zeros((5, size)) for name, size in known.items()}
    at = log_factors(data, values)
    assert at["rate"].shape == at["plant"].shape == (5, 2, 1)
    stocks = stocks_of(data, np.arange(2), at, np.array([2005.0]), data.setup.weights)
    assert stocks.shape == (5, 2, 1, len(data.setup.weights))
    assert (np.diff(stocks[:, 0, 0, 0]) > 0).all()
