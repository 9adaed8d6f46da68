"""How wide the prior of the level of inputs is where plots state inputs, yields or both, and what is said of it."""

from __future__ import annotations

import pandas as pd
import pytest

import socbayes as sb
from socbayes.models.field.crops import carbon_left

PLOTS = pd.DataFrame(
    {
        "site": "Farm",
        "plot": ["A", "A", "B", "B"],
        "treatment": ["x", "x", "y", "y"],
        "year": [2010.0, 2020.0] * 2,
        "soc_stock": [50.0, 51.0] * 2,
    }
)
USUAL = "Normal(mu=0, sigma=0.3)"


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


def wide() -> str:
    return f"Normal(mu=0, sigma={float(carbon_left('winter wheat', 5.0).error):.3f})"


STATED = [row(plot=plot, plant_carbon_input=2.0) for plot in "AB"]


@pytest.mark.parametrize(
    ("rows", "plots"),
    [
        (STATED + yearly(2010, 5, site="Elsewhere", plot="Z"), PLOTS),
        (STATED + yearly(1990, 5, plot="A"), PLOTS),
        (
            [row(plot="A", start_year=1990.0, end_year=2018.0, plant_carbon_input=2.0), *yearly(2018, 2, plot="A")],
            PLOTS[PLOTS["plot"] == "A"],
        ),
    ],
    ids=["of another site", "before the run", "two years of ten"],
)
def test_yields_that_feed_little_of_what_plots_get_leave_the_prior(rows, plots):
    assert level(rows, plots) == USUAL


def test_carbon_counts_and_not_the_number_of_rows_that_state_it():
    months = [
        row(treatment="x", start_year=2010 + one / 12, end_year=2010 + (one + 1) / 12, plant_carbon_input=1.0)
        for one in range(120)
    ]
    assert level(months + yearly(2010, 10, treatment="y")) == wide()


@pytest.mark.parametrize(("stated", "whom"), [(1.5, "stated inputs"), (3.0, "yields")])
def test_plots_with_inputs_of_both_kinds_are_told_which_prior_they_get(stated, whom):
    rows = [row(treatment="x", plant_carbon_input=stated), grown(treatment="y")]
    spec = spec_of(rows)
    (note,) = [one for one in spec.notes if "input_level" in one]
    share = round(100 / (1 + stated / float(carbon_left("winter wheat", 5.0).carbon)))
    assert note.startswith(f"{share} % of the carbon that plots get follows from yields")
    assert f"the prior of input_level is {level(rows)}, for plots with {whom} too" in note
    assert level(rows) == (wide() if whom == "stated inputs" else USUAL)


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
