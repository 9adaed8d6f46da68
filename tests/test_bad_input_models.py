"""What the models and fits say of tables they cannot learn from."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytest

from socbayes import load_dataset, read_table
from socbayes.errors import EmptyTableError, SocbayesError, TooFewGroupsError
from socbayes.inference.checks import check
from socbayes.inference.fit import fit
from socbayes.models import cue, mcp, priming
from socbayes.spec import spec_of

BAD = Path(__file__).parent / "bad_tables"


def small(name: str) -> pd.DataFrame:
    """A bundled table, cut to the studies with most rows."""
    table = load_dataset(name)
    return table[table["study"].isin(table["study"].value_counts().index[:4])]


def builders() -> dict:
    """Build each model after ``cut`` took rows away from its main table."""
    return {
        "cue": lambda cut: cue.build(cut(load_dataset("cue"))),
        "priming": lambda cut: priming.build(cut(load_dataset("priming_endpoints"))),
        "mcp": lambda cut: mcp.build(cut(load_dataset("necromass_pairs")), levels=load_dataset("necromass_levels")),
        "mcp levels": lambda cut: mcp.build(
            load_dataset("necromass_pairs"), levels=cut(load_dataset("necromass_levels"))
        ),
    }


NAMES = tuple(builders())


def test_one_study_in_a_file_is_refused_with_a_way_out():
    table = read_table(BAD / "one_study_only.csv", schema="cue")
    with pytest.raises(TooFewGroupsError) as caught:
        cue.build(table)
    message = str(caught.value)
    assert "1 study ('Beech stand')" in message
    assert "at least 2" in message
    assert "pandas.concat([load_dataset(...), yours])" in message
    assert isinstance(caught.value, SocbayesError)


def test_way_out_of_one_study_works():
    """What the message advises: one's own rows beside the literature."""
    mine = read_table(BAD / "one_study_only.csv", schema="cue")
    both = pd.concat([small("cue"), mine], ignore_index=True)
    model = cue.build(both)
    assert "Beech stand" in model.coords["study"]
    assert len(model.coords["obs"]) == len(both)


def test_one_row_per_study_in_a_file_is_refused_with_a_way_out():
    table = read_table(BAD / "one_row_per_study.csv", schema="cue")
    with pytest.raises(TooFewGroupsError) as caught:
        cue.build(table)
    assert "each of the 8 studies has one row" in str(caught.value)
    assert "replicates" in str(caught.value)
    assert "pandas.concat([load_dataset(...), yours])" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_empty_table_is_refused(name):
    with pytest.raises(EmptyTableError, match="no rows"):
        builders()[name](lambda table: table.iloc[:0])


@pytest.mark.parametrize("name", NAMES)
def test_one_study_is_refused(name):
    with pytest.raises(TooFewGroupsError, match="at least 2"):
        builders()[name](lambda table: table[table["study"] == table["study"].iloc[0]])


@pytest.mark.parametrize("name", NAMES)
def test_one_row_per_study_is_refused(name):
    with pytest.raises(TooFewGroupsError, match="has one row"):
        builders()[name](lambda table: table.drop_duplicates("study"))


def test_all_covariates_missing_builds_and_says_what_is_left_out():
    table = read_table(BAD / "all_covariates_missing.csv", schema="cue")
    model = cue.build(table)
    spec = spec_of(model)
    notes = " ".join(spec.notes)
    assert "no ecosystem effect" in notes
    assert "slopes rest on the prior" in notes
    assert "no time effect" in notes
    assert not {"ecosystem_effect", "study_slope", "slope_between", "time_method"} & set(model.named_vars)
    assert set(spec.quantities) <= set(model.named_vars)
    assert "cue_by_method" in spec.quantities
    assert {"time_effect", "cue_by_method_and_ecosystem", "temperature_slope_between_studies"}.isdisjoint(
        spec.quantities
    )
    point = model.initial_point()
    densities = model.compile_fn(model.logp(sum=False), mode="FAST_COMPILE", on_unused_input="ignore")(point)
    assert np.isfinite(sum(np.sum(values) for values in densities))


def test_priming_without_any_covariate_builds_and_says_so():
    columns = ["jar", "study", "soil", "native_co2_control", "native_co2_treated", "incubation_day", "added_nitrogen"]
    table = small("priming_endpoints")[columns].assign(added_nitrogen="no", incubation_day=30.0)
    model = priming.build(table)
    notes = " ".join(spec_of(model).notes)
    for left_out in ("dose over biomass", "carbon to nitrogen", "organic carbon"):
        assert f"No row states {left_out}" in notes
    assert "none is taken to be shared" in notes
    assert set(spec_of(model).quantities) <= set(model.named_vars)


def test_pairs_without_covariates_build():
    pairs = load_dataset("necromass_pairs")
    needed = ["study", "practice", *(column for column in pairs if column.endswith(("_control", "_treatment")))]
    levels = load_dataset("necromass_levels")[["observation", "study", "necromass", "soil_organic_carbon"]]
    model = mcp.build(pairs[needed], levels=levels)
    assert not {"share_depth", "share_clay", "control_error"} & set(model.named_vars)
    assert set(spec_of(model).quantities) <= set(model.named_vars)


def test_chain_that_did_not_converge_is_loud(tmp_path, caplog):
    """Far too few draws: attributes, log and checks all say so."""
    with pm.Model() as model:  # a model by hand: quick to compile, and fits of any model are judged alike
        mean = pm.Normal("mean", 0.0, 10.0)
        pm.Normal("value", mean, 1.0, observed=np.array([0.1, 0.4, -0.2]))
    with caplog.at_level(logging.ERROR, logger="socbayes"):
        fitted = fit(model, draws=10, tune=5, chains=2, seed=1, progress=False, store=tmp_path / "run")
    assert fitted.attrs["converged"] == 0
    failures = json.loads(fitted.attrs["failures"])
    assert any("(ess_bulk) is below" in failure for failure in failures)
    assert fitted.attrs["max_r_hat"] > 1.01
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "DID NOT PASS ITS CHECKS" in record.message
    for failure in failures:
        assert failure in record.message
    checked = check(fitted)
    assert not checked.passed
