"""Soil and climate of field plots: fallows, evaporation, layers, stones, equivalent mass, what held before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes.models.field import layout
from socbayes.models.field.management import carbon_inputs
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged, with_plan

FARM = {"A1": ("usual", 2.4), "A2": ("usual", 2.4), "B1": ("cover", 3.6), "B2": ("cover", 3.6)}
YEARS = (2010.8, 2014.8, 2018.8, 2021.8)


def farm(**columns):
    """Four plots of two treatments, four visits each."""
    rows = [{"site": "Farm", "plot": plot, "year": year, "treatment": treatment, "soc_stock": 40.0, "depth_bottom": 25.0}
            for plot, (treatment, _) in FARM.items() for year in YEARS]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def inputs(**columns):
    rows = [{"site": "Farm", "treatment": treatment, "start_year": 2000.0, "end_year": 2022.0, "plant_carbon_input": carbon}
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
