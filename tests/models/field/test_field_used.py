"""Used or named: a row, a column or a label that is put into the tables changes the layout, is named, or is refused."""

from __future__ import annotations

import farm
import numpy as np
import pandas as pd
import pytest
from laid import lay_out

from socbayes.errors import SocbayesError
from socbayes.vocabulary import QUANTITIES, SCHEMAS

ROLES = {"obs": "field_soc", "management": "field_management", "weather": "field_weather"}
CALLED = {"obs": "observations", "management": "management table", "weather": "weather table"}
LABELS = ("site", "study", "block", "plot", "treatment")
NAMES = {
    "site": ["Farm", "Hill", "farm", "Fram"],
    "plot": ["A1", "B2", "B9", "a1", "A 2"],
    "treatment": ["usual", "cover", "compost", "Cover", "None"],
    "study": ["Mine", "Other", "mine"],
    "block": ["I", "II", "i"],
}


def base():
    return {"obs": farm.plots(), "management": farm.management(), "weather": farm.weather()}


def facts(data):
    """All numbers and names of a layout."""
    plots, forcing, measured = data.plots, data.forcing, data.measured
    arrays = [plots.site, plots.treatment, plots.period, plots.start, plots.months, plots.clay, plots.depth,
              plots.density, forcing.input_error, forcing.carbon, measured.observed, measured.month, measured.plot,
              measured.kind, measured.stated_error, measured.replicates, measured.density,
              *forcing.drivers.values(), *forcing.constants.values()]  # fmt: skip
    named = [*plots.labels, *plots.sites, *plots.treatments, *measured.names, *forcing.drivers, *forcing.constants]
    return repr(named) + "|".join(repr((np.shape(one), np.asarray(one, dtype=float).tobytes())) for one in arrays)


def value_for(rng, name):
    """Anything that a column may hold."""
    quantity = QUANTITIES[name]
    if name in NAMES:
        return str(rng.choice(NAMES[name]))
    if quantity.kind == "category":
        return str(rng.choice(quantity.categories))
    if quantity.kind == "date":
        return str(rng.choice(["2010-10-19", "2012-03", "2014"]))
    if quantity.kind == "text":
        return str(rng.choice(["wheat", "fallow", "something"]))
    upper = min(quantity.upper if quantity.upper is not None else 100.0, 100.0)
    lower = max(quantity.lower if quantity.lower is not None else 0.0, 0.0)
    return round(float(rng.uniform(lower, upper)), 1)


def with_a_column(rng, table, schema):
    """A column that the schema has and the table has not, or one of the user's own, in some rows."""
    free = [name for name in SCHEMAS[schema].columns if name not in table] + ["x_mine"]
    name = str(rng.choice(free))
    chosen = rng.random(len(table)) < rng.choice([0.2, 1.0])
    chosen[int(rng.integers(len(table)))] = True
    given = "a note" if name == "x_mine" else value_for(rng, name)
    return table.assign(**{name: pd.Series([given if one else None for one in chosen], index=table.index)}), name


def with_a_row(rng, table, schema):
    """One more row, alike but for a name or a time."""
    new = table.iloc[[int(rng.integers(len(table)))]].copy()
    labels = [name for name in LABELS if name in new]
    if rng.random() < 0.6:
        name = str(rng.choice(labels))
        new[name] = str(rng.choice([*NAMES[name], ""])) or None
    years = [name for name in ("year", "start_year", "end_year") if name in new]
    shift = float(rng.choice([-30, -6, 2, 3, 40]))
    new[years] += shift
    if "plot" not in new and schema == "field_management" and rng.random() < 0.3:
        new["plot"] = str(rng.choice(NAMES["plot"]))
    return pd.concat([table, new], ignore_index=True), f"({len(table) + 2})"


def with_a_label(rng, table, _):
    """One name of one row written otherwise."""
    name = str(rng.choice([one for one in LABELS if one in table]))
    row = int(rng.integers(len(table)))
    changed = table.copy()
    changed.loc[row, name] = str(rng.choice(NAMES[name]))
    return changed, str(changed.loc[row, name])


@pytest.fixture(scope="module", params=["rothc", "icbm", "century"])
def untouched(request):
    data = lay_out(*base().values(), structure=request.param)
    return request.param, facts(data), set(data.notes)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_put_into_a_table_is_used_or_named_or_refused(untouched, seed):
    structure, before, said = untouched
    rng = np.random.default_rng(seed)
    for change in (with_a_column, with_a_row, with_a_label):
        tables = base()
        role = str(rng.choice(list(tables)))
        tables[role], token = change(rng, tables[role], ROLES[role])
        if tables[role].astype(str).equals(base()[role].astype(str)):
            continue
        try:
            data = lay_out(*tables.values(), structure=structure)
        except SocbayesError:
            continue
        news = [note for note in data.notes if note not in said]
        named = [note for note in news if token in note or CALLED[role] in note]
        assert facts(data) != before or named, (change.__name__, role, token, news)


EARLY = {"site": "Farm", "treatment": "usual", "start_year": 1990.0, "end_year": 2000.0, "plant_carbon_input": 5.0}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (EARLY, "Not used, as outside the runs of the plots, or the time of their treatment: 1 row"),
        (EARLY | {"manure_carbon_input": 2.0}, "Taken for the manure of before the first samples only: 1 row"),
        (EARLY | {"end_year": 2015.0}, "Used in part, as the runs of the plots begin later or end earlier: 1 row"),
        (EARLY | {"start_year": 2022.0, "end_year": 2030.0}, "Not used, as outside the runs of the plots"),
        (EARLY | {"start_year": 2012.0, "end_year": 2013.0, "plant_carbon_input": None, "tillage": "full"},
         "Not used, as no input, cover or modifier is stated: 1 row"),
        (EARLY | {"start_year": 2012.0, "end_year": 2013.0, "treatment": None},
         "Not used, as other rows say it first"),
    ],
)  # fmt: skip
def test_rows_of_management_that_say_nothing_of_a_run_are_named(row, said):
    management = pd.concat([farm.management(), pd.DataFrame([row])], ignore_index=True)
    notes = lay_out(farm.plots(), management, structure="rothc").notes
    assert [note for note in notes if note.startswith(said) and note.endswith("of the management table (4).")], notes


@pytest.mark.parametrize(
    ("role", "columns", "said"),
    [
        ("obs", {"x_who": "me", "ph": 6.0}, "The observations state what this model does not use: "),
        ("management", {"x_who": "me", "tillage": "full"}, "The management table states what this model does not use"),
        ("weather", {"x_who": 1.0, "annual_temperature": 9.0}, "The weather table states what rothc here does not use"),
    ],
)
def test_columns_that_nothing_answers_to_are_named(role, columns, said):
    tables = base()
    tables[role] = tables[role].assign(**columns)
    (note,) = [note for note in lay_out(*tables.values(), structure="rothc").notes if note.startswith(said)]
    assert all(name in note for name in columns)
