"""The model of a run is built again from its tables and options; what a run does not hold is asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from toy import toy_model

import socbayes as sb
from socbayes.errors import SocbayesError
from socbayes.facts import TABLES, spec_from, with_tables
from socbayes.inference.rebuild import model_of_run
from socbayes.inference.runs import read_tree, save
from socbayes.inference.sampling import data_hash
from socbayes.spec import spec_of
from socbayes.subjects import model_record


def farm():
    plots = ["A1", "A2", "B1", "B2"]
    return pd.DataFrame(
        {
            "site": "Farm",
            "plot": np.repeat(plots, 4),
            "treatment": np.repeat(["usual", "usual", "cover", "cover"], 4),
            "year": [2010.8, 2014.8, 2018.8, 2021.8] * 4,
            "soc_stock": 50.0 + np.arange(16) / 3.0,
        }
    )


def field(**options):
    return sb.models.field.build(sb.read_table(farm(), "field_soc", units={"soc_stock": "t/ha"}), **options)


MODELS = {
    "priming": lambda: model_record("priming").build(),
    "joint": lambda: model_record("joint").build(),
    "cue without gradient": lambda: sb.models.cue.build(sb.load_dataset("cue")),
    "field": field,
    "field, options": lambda: field(structure="icbm", process_noise=True, until=2030.0),
    "field, parameters": lambda: field(structure="icbm", parameters={"r": 1.2}),
}


def kept(model, folder):
    """Specification and tables of a model as a run keeps them."""
    tree = xr.DataTree()
    with_tables(tree, getattr(model, "socbayes_tables", {}))
    tables = None
    if tree.children:
        save(tree, folder / "tables.nc")
        tables = read_tree(folder / "tables.nc")[TABLES]
    return spec_from(spec_of(model).to_json()), tables


@pytest.mark.parametrize("name", MODELS)
def test_the_model_of_a_run_is_built_again(name, tmp_path):
    model = MODELS[name]()
    spec, tables = kept(model, tmp_path)
    again = model_of_run(spec, tables, data_hash(model))
    assert [v.name for v in again.free_RVs] == [v.name for v in model.free_RVs]
    for name, value in model.initial_point().items():
        np.testing.assert_array_equal(again.initial_point()[name], value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"choices": {"priors": ["level"]}}, "replaces priors (level) by some of your own"),
        ({"choices": {"callers_own": ["structure"]}}, "made with structure of your own"),
        ({"model": "mine"}, "a model of your own (mine)"),
        ({"observed": ("other",)}, "differs from it in observed"),
        ({"tables": {}}, "differs from it in tables"),
    ],
    ids=str,
)
def test_what_a_run_does_not_hold_is_asked_for(changed, said, tmp_path):
    model = MODELS["priming"]()
    spec, tables = kept(model, tmp_path)
    with pytest.raises(SocbayesError) as caught:
        model_of_run(dataclasses.replace(spec, **changed), tables, data_hash(model))
    assert said in str(caught.value)
    assert "resume(folder, model=model)" in str(caught.value)


def test_a_run_without_its_tables_asks_for_the_model(tmp_path):
    spec, _ = kept(MODELS["priming"](), tmp_path)
    with pytest.raises(SocbayesError, match=r"cannot be built from the run .*resume\(folder, model=model\)"):
        model_of_run(spec, None, "")


def test_a_model_of_other_data_is_refused():
    model = toy_model()
    with pytest.raises(SocbayesError, match="differs in the values it observes"):
        model_of_run(spec_from(spec_of(model).to_json()), None, data_hash(toy_model(shift=0.1)), model)
    assert model_of_run(spec_from(spec_of(model).to_json()), None, data_hash(model), model) is model
