"""Quantities of radiocarbon: conversions, published pairs, and tables in which one is taken for another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socbayes.datasets import load_dataset
from socbayes.errors import SocbayesError, TableFaultsError, UnknownNameError
from socbayes.radiocarbon import KINDS, LIBBY_MEAN_LIFE, MEAN_LIFE, convert, looks_like, normalised
from socbayes.table import read_table, validate_table

FRACTIONS = st.floats(1e-3, 2.0)
YEARS = st.floats(1950.0, 2100.0)


@settings(deadline=None)
@given(FRACTIONS, YEARS, st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_every_quantity_turns_into_every_other_and_back(fraction, year, first, second):
    start = convert(fraction, "fraction_modern", first, year=year)
    there = convert(start, first, second, year=year)
    assert float(convert(there, second, "fraction_modern", year=year)) == pytest.approx(fraction, rel=1e-12)
    assert float(convert(there, second, first, year=year)) == pytest.approx(float(start), rel=1e-10, abs=1e-8)


@settings(deadline=None)
@given(FRACTIONS, YEARS, YEARS)
def test_delta_moves_with_the_year_and_fraction_modern_does_not(fraction, measured, sampled):
    delta = convert(fraction, "fraction_modern", "delta14c", year=measured)
    moved = convert(delta, "delta14c", "delta14c", year=measured, to_year=sampled)
    assert float(convert(moved, "delta14c", "fraction_modern", year=sampled)) == pytest.approx(fraction, rel=1e-12)
    ratio = (1 + float(moved) / 1000) / (1 + float(delta) / 1000)
    assert ratio == pytest.approx(np.exp((measured - sampled) / MEAN_LIFE), rel=1e-9)


def test_published_pairs_of_air():
    """Hua et al. 2022 print both quantities of each month, to 0.1 permille and 0.0001."""
    air = load_dataset("atmospheric_radiocarbon").dropna(subset=["fraction_modern"])
    assert len(air) == 4689
    told = convert(air["fraction_modern"], "fraction_modern", "delta14c", year=air["calendar_year"])
    assert np.abs(told - air["delta14c"]).max() < 0.05 + 0.05 + 1e-9


def test_published_pairs_of_howland():
    """The entry says that samples were dated in 1999; both of its quantities agree on the year of sampling."""
    soil = load_dataset("soil_radiocarbon").dropna(subset=["fraction_modern"])
    assert len(soil) == 12
    told = convert(soil["fraction_modern"], "fraction_modern", "delta14c", year=soil["radiocarbon_year"])
    assert np.abs(told - soil["delta14c"]).max() < 0.01
    later = convert(soil["fraction_modern"], "fraction_modern", "delta14c", year=1999)
    assert np.abs(later - soil["delta14c"]).max() > 0.3


def test_constants_are_those_of_the_two_half_lives():
    """Stuiver and Polach 1977: 8033 and 8267 years are 5568 and 5730 over ln 2; an age of a half-life halves F."""
    assert LIBBY_MEAN_LIFE * np.log(2.0) == pytest.approx(5568, abs=0.1)
    assert MEAN_LIFE * np.log(2.0) == pytest.approx(5730, abs=0.3)
    assert float(convert(0.5, "fraction_modern", "radiocarbon_age")) == pytest.approx(5568, abs=0.1)
    assert float(convert(1.0, "fraction_modern", "delta14c", year=1950)) == 0.0
    assert float(convert(-25.0, "delta14c", "activity_ratio")) == 0.975
    assert float(convert(112.5, "percent_modern", "fraction_modern")) == 1.125


def test_normalisation_is_near_its_published_approximation():
    """Stuiver and Polach 1977: A (1 - 2 (25 + delta13C) / 1000)."""
    delta = np.array([-35.0, -28.0, -25.0, -20.0, -12.0])
    exact = normalised(1.0, delta)
    assert np.abs(exact - (1 - 2 * (25 + delta) / 1000)).max() < 1.5e-3
    assert exact[2] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.98], "fraction_modern", "delta14c"), "is of a year.*give year="),
        (([98.0, 71.0], "fraction_modern", "activity_ratio"), "value 1 of 2: found 98 .* look like percent modern"),
        (([0.9, -310.0], "fraction_modern", "percent_modern"), "value 2 of 2.*look like Delta14C"),
        (([95.0, -20.0, 30.0], "percent_modern", "fraction_modern"), "look like Delta14C"),
        (([1.0, 2.0], "fraction_modern", "delta14c", [2000.0] * 3), "year has shape"),
        (([-1001.0], "delta14c", "activity_ratio"), "found -1001 as Delta14C, expected -1000 to 1100"),
    ],
)
def test_what_cannot_be_is_refused_with_its_likely_name(arguments, message):
    *given, year = arguments if len(arguments) > 3 else (*arguments, None)
    with pytest.raises(SocbayesError, match=message):
        convert(*given, year=year)


def test_unknown_quantities_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'fraction_modern'"):
        convert([1.0], "f14c", "delta14c", year=2000)
    with pytest.raises(UnknownNameError, match="known: delta14c"):
        convert([1.0], "xyz", "delta14c")


def test_published_profiles_are_hardly_ever_taken_for_another_quantity():
    """Of profiles with three dated layers, fewer than 1 %; as percent modern most of them would be seen."""
    soil = load_dataset("soil_radiocarbon")
    soil["percent"] = convert(soil["delta14c"], "delta14c", "percent_modern", year=soil["year"].fillna(1996.0) + 2.0)
    accused, seen, profiles = 0, 0, 0
    for _, one in soil.groupby(["study", "profile"]):
        if len(one) >= 3:
            profiles += 1
            accused += looks_like(one["delta14c"], "delta14c", one["depth_top"]) is not None
            seen += looks_like(one["percent"], "delta14c", one["depth_top"]) == "percent_modern"
    assert profiles > 450
    assert accused / profiles < 0.01
    assert seen / profiles > 0.7
    studies = [one for _, one in soil.groupby("study") if len(one) >= 3]
    assert not [one for one in studies if looks_like(one["delta14c"], "delta14c", one["depth_top"])]


def profile(**columns) -> pd.DataFrame:
    """Four layers."""
    return pd.DataFrame(
        {
            "observation": list("abcd"),
            "study": "s",
            "profile": "p",
            "depth_top [cm]": [0.0, 10.0, 20.0, 40.0],
            "depth_bottom [cm]": [10.0, 20.0, 40.0, 60.0],
            **columns,
        }
    )


DELTA = [44.0, -10.0, -120.0, -300.0]


@pytest.mark.parametrize(
    ("columns", "column", "row", "message"),
    [
        (
            {"delta14c [permille]": [104.0, 98.0, 80.0, 60.0]},
            "delta14c",
            2,
            "from 60 to 104: these look like percent mod",
        ),
        (
            {"delta14c [permille]": [1.04, 0.98, 0.8, 0.6]},
            "delta14c",
            2,
            "from 0.6 to 1.04: these look like fraction mod",
        ),
        ({"delta14c [%]": [104.0, 98.0, 80.0, 60.0]}, "delta14c", 2, "in percent, the unit of percent modern"),
        ({"fraction_modern [1]": [104.0, 98.0, 80.0, 60.0]}, "fraction_modern", 2, "these look like percent modern"),
        ({"fraction_modern [1]": DELTA}, "fraction_modern", 2, "these look like Delta14C"),
        (
            {"delta14c [permille]": DELTA, "fraction_modern": [1.05, 0.996, 0.885, 0.8], "radiocarbon_year": 2000},
            "delta14c",
            5,
            "Delta14C -300 permille of 2000 beside a fraction modern of 0.8, expected -204.8 permille",
        ),
        ({}, "delta14c", None, "neither Delta14C nor fraction modern"),
    ],
)
def test_faults_of_radiocarbon_name_row_column_and_likely_quantity(columns, column, row, message):
    units = {"fraction_modern": "1", "radiocarbon_year": "1"}
    table = profile(**columns)
    faults = validate_table(table, "soil_radiocarbon", units={k: v for k, v in units.items() if k in table})
    (found,) = [
        fault for fault in faults if fault.kind in ("quantity of radiocarbon", "radiocarbon twice", "no radiocarbon")
    ]
    assert (found.column, found.row) == (column, row)
    assert message in str(found)


def test_sound_tables_are_read_whichever_quantity_they_have():
    read = read_table(profile(**{"fraction_modern [%]": [104.0, 98.0, 80.0, 60.0]}), "soil_radiocarbon")
    assert read["fraction_modern"].tolist() == [1.04, 0.98, 0.8, 0.6]
    both = profile(
        **{"delta14c [permille]": [104.0, 98.0, 80.0, 60.0], "fraction_modern [1]": [1.11, 1.104, 1.086, 1.066]}
    )
    assert len(read_table(both, "soil_radiocarbon")) == 4
    tops = profile(**{"delta14c [permille]": [104.0, 98.0, 88.0, 95.0]}).assign(**{"depth_top [cm]": 0.0})
    assert "percent modern of topsoils looks alike" in " ".join(read_table(tops, "soil_radiocarbon").attrs["notes"])
    with pytest.raises(TableFaultsError, match="unit missing"):
        read_table(profile(delta14c=DELTA), "soil_radiocarbon")


def test_a_level_above_the_mineral_soil_is_no_layer_upside_down():
    """Peat is dated at a depth: top and bottom are equal, and both negative."""
    peat = profile(**{"delta14c [permille]": DELTA}).assign(**{"depth_top [cm]": -2.5, "depth_bottom [cm]": -2.5})
    assert validate_table(peat, "soil_radiocarbon") == []
    turned = peat.assign(**{"depth_top [cm]": -2.0})
    assert {fault.kind for fault in validate_table(turned, "soil_radiocarbon")} == {"wrong order"}
