"""How wide the prior of the level of inputs is where plots state inputs, yields or both, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import socbayes as sb
from socbayes.models.field import layout
from socbayes.models.field.crops import carbon_left
from socbayes.models.field.layout import Layout
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged
from socbayes.models.field.yields import STATED_ERROR

PLOTS = pd.DataFrame(
    {
        "site": "Farm",
        "plot": ["A", "A", "B", "B"],
        "treatment": ["x", "x", "y", "y"],
        "year": [2010.0, 2020.0] * 2,
        "soc_stock": [50.0, 51.0] * 2,
        "depth_top": 0.0,
        "depth_bottom": 500.0,  # so deep that all roots are in the layer
    }
)
USUAL = "Normal(mu=0, sigma=0.3)"


def laid(plots: pd.DataFrame, rows: list[dict]) -> Layout:
    return layout.lay_out(judged(plots, pd.DataFrame(rows)), setup_of("icbm"))


def row(**columns) -> dict:
    return {"site": "Farm", "start_year": 2010.0, "end_year": 2020.0} | columns


def grown(**columns) -> dict:
    return row(crop="winter wheat", yield_dry_matter=5.0) | columns


def yearly(first: int, count: int, **columns) -> list[dict]:
    return [grown(start_year=float(first + one), end_year=first + one + 1.0, **columns) for one in range(count)]


def spec_of(rows: list[dict], plots: pd.DataFrame = PLOTS, **choices):
    return sb.models.field.build(plots, pd.DataFrame(rows), structure="icbm", **choices).socbayes_spec


def level(rows: list[dict], plots: pd.DataFrame = PLOTS, **choices) -> str:
    spec = spec_of(rows, plots, **choices)
    return next(one["distribution"] for one in spec.priors if one["parameter"] == "input_level")


def between(share: float) -> str:
    """Prior of the level where a share of the carbon follows from yields."""
    common = float(carbon_left("winter wheat", 5.0).common)
    return f"Normal(mu=0, sigma={np.sqrt(share * common**2 + (1 - share) * STATED_ERROR**2):.3f})"


STATED = [row(plot=plot, plant_carbon_input=2.0) for plot in "AB"]


@pytest.mark.parametrize(
    ("rows", "plots"),
    [
        (STATED + yearly(2010, 5, site="Elsewhere", plot="Z"), PLOTS),
        (STATED + yearly(1990, 5, plot="A"), PLOTS),
    ],
    ids=["of another site", "before the run"],
)
def test_yields_that_feed_nothing_of_what_plots_get_leave_the_prior(rows, plots):
    assert level(rows, plots) == USUAL


def test_carbon_counts_and_not_the_number_of_rows_that_state_it():
    months = [
        row(treatment="x", start_year=2010 + one / 12, end_year=2010 + (one + 1) / 12, plant_carbon_input=1.0)
        for one in range(120)
    ]
    carbon = float(carbon_left("winter wheat", 5.0).carbon)
    assert level(months + yearly(2010, 10, treatment="y")) == between(carbon / (1.0 + carbon))


@pytest.mark.parametrize("years", [0, 1, 4, 5, 6, 10])
def test_the_prior_of_the_level_goes_from_that_of_stated_inputs_to_that_of_yields_without_a_step(years):
    rows = yearly(2010, years, plot="A")
    if years < 10:
        rows.append(row(plot="A", start_year=2010.0 + years, plant_carbon_input=2.0))
    carbon = years * float(carbon_left("winter wheat", 5.0).carbon)
    share = carbon / (carbon + 2.0 * (10 - years))
    plots = PLOTS[PLOTS["plot"] == "A"]
    assert level(rows, plots) == (between(share) if years else USUAL)
    spread = laid(plots, rows).forcing.study_error
    assert spread == pytest.approx([share * float(carbon_left("winter wheat", 5.0).study)])


@pytest.mark.parametrize("stated", [1.5, 3.0])
def test_plots_with_inputs_of_both_kinds_are_told_which_prior_they_get(stated):
    rows = [row(treatment="x", plant_carbon_input=stated), grown(treatment="y")]
    spec = spec_of(rows)
    (note,) = [one for one in spec.notes if "input_level" in one]
    share = 1 / (1 + stated / float(carbon_left("winter wheat", 5.0).carbon))
    assert note.startswith(f"{round(100 * share)} % of the carbon that plots get follows from yields")
    assert f"the prior of input_level is {between(share)}, for plots with stated inputs and for those with" in note
    assert level(rows) == between(share)


def test_a_prior_of_the_callers_is_the_one_that_the_note_says():
    rows = [row(treatment="x", plant_carbon_input=1.5), grown(treatment="y")]
    notes = spec_of(rows, priors={"input_level": ("Normal", {"mu": 0.0, "sigma": 0.1})}).notes
    assert any("the prior of input_level is Normal(mu=0, sigma=0.1)" in note for note in notes)


def test_plots_of_one_kind_of_inputs_need_no_word_of_it():
    for rows in (STATED, [grown(treatment=one) for one in "xy"]):
        assert not any("input_level" in note for note in spec_of(rows).notes)


def test_stated_nitrogen_is_used_beside_yields_and_named_as_unused_elsewhere():
    of_yields, of_inputs = (
        spec_of([one(treatment="x", fertilizer_nitrogen=200.0) | more]).notes
        for one, more in ((grown, {}), (row, {"plant_carbon_input": 2.0}))
    )
    assert not any("does not use" in note for note in of_yields)
    assert any("does not use: fertilizer_nitrogen" in note for note in of_inputs)
