"""Efficiency as it is measured: methods and conditions that the bundled table has no rows of. Nothing is sampled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes import load_dataset, read_table
from socbayes.models import cue
from socbayes.models.cue import process
from socbayes.spec import spec_of
from socbayes.vocabulary import MEASUREMENT_METHODS, SUBSTRATE_CLASSES, nearest

METHODS_NOW = ("biomass_balance", "respiratory_quotient", "calorespirometry", "stoichiometric_model", "other")
UNUSUAL = {
    "aeration": ("anoxic", "fluctuating"),
    "counted_products": ("co2_and_methane", "co2_and_fermentation_products"),
}


def table(**columns) -> pd.DataFrame:
    """Two studies of four rows."""
    return pd.DataFrame(
        {
            "observation": list("abcdefgh"),
            "study": ["One"] * 4 + ["Two"] * 4,
            "carbon_use_efficiency": [0.2, 0.3, 0.4, 0.5, 0.35, 0.45, 0.5, 0.6],
            "measurement_method": "substrate_label",
            "incubation_temperature": [15.0, 15.0, 25.0, 25.0, 20.0, 20.0, 20.0, 20.0],
            "incubation_time": [2.0, 24.0, 168.0, 720.0, 24.0, 24.0, 24.0, 24.0],
        }
        | columns
    )


def log_density(model, **values) -> float:
    """Log density of a model at its initial point, with some values given."""
    point = model.initial_point() | {name: np.asarray(value, dtype=float) for name, value in values.items()}
    return float(model.compile_logp(jacobian=False, mode="FAST_COMPILE")(point))


def test_every_method_of_now_is_a_class_of_the_schema():
    assert set(METHODS_NOW) < set(MEASUREMENT_METHODS)
    rows = pd.DataFrame(
        {
            "observation": list(METHODS_NOW),
            "study": "Ours",
            "carbon_use_efficiency": 0.4,
            "measurement_method": list(METHODS_NOW),
            "substrate_class": "native_organic_matter",
            "aeration": ["oxic", "anoxic", "fluctuating", None, "oxic"],
            "counted_products": ["co2", "co2_and_fermentation_products", "co2_and_methane", None, None],
        }
    )
    assert read_table(rows, "cue")["measurement_method"].tolist() == list(METHODS_NOW)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("respiratory quotient", "respiratory_quotient"), ("calorespirometric", "calorespirometry"), ("Other", "other"),
     ("biomass-balance", "biomass_balance"), ("stoichiometric model", "stoichiometric_model")],
)  # fmt: skip
def test_a_method_that_is_nearly_named_is_hinted_at(written, meant):
    assert nearest(written, MEASUREMENT_METHODS) == meant


@pytest.mark.parametrize("method", METHODS_NOW)
def test_both_models_give_a_method_of_now_a_class_of_its_own(method):
    rows = table(measurement_method=["substrate_label"] * 4 + [method] * 4)
    baseline = cue.build(rows)
    assert baseline.coords["measurement_method"] == tuple(sorted(["substrate_label", method]))
    assert baseline.initial_point()["level"].shape == (2,)
    assert process.build(rows).coords["measurement_method"] == tuple(sorted(["substrate_label", method]))


@pytest.mark.parametrize("method", METHODS_NOW)
def test_a_balance_of_biomass_is_seen_after_its_hours_and_the_others_at_once(method):
    label = log_density(process.build(table()))
    other = log_density(process.build(table(measurement_method=method)))
    assert np.isfinite([label, other]).all()
    if method == "biomass_balance":
        assert other == pytest.approx(label)
    else:
        later = table(measurement_method=method, incubation_time=1000.0)
        assert log_density(process.build(later)) == pytest.approx(other)
        assert other != pytest.approx(label)


@pytest.mark.parametrize("build", [cue.build, process.build], ids=["cue", "cue_process"])
@pytest.mark.parametrize(("column", "label"), [(name, one) for name, labels in UNUSUAL.items() for one in labels])
def test_an_unusual_condition_has_an_effect_of_its_own(build, column, label):
    rows = table(**{column: [label] * 2 + [None] * 6})
    model = build(rows)
    assert model.coords["condition"] == (label,)
    (said,) = [note for note in spec_of(model).notes if "unusual conditions" in note]
    assert f"2 {label.replace('_', ' ')}" in said
    assert "taken as aeration oxic and counted products co2" in said
    assert {prior["parameter"] for prior in spec_of(model).priors} >= {"condition_effect"}


def test_at_an_effect_of_zero_conditions_change_nothing_and_otherwise_their_rows_move():
    usual, with_it = cue.build(table()), cue.build(table(aeration=["anoxic"] * 2 + ["oxic"] * 6))
    prior = -0.5 * np.log(2 * np.pi)
    assert log_density(with_it, condition_effect=[0.0]) - prior == pytest.approx(log_density(usual))
    assert log_density(with_it, condition_effect=[-1.0]) - prior + 0.5 != pytest.approx(log_density(usual))


@pytest.mark.parametrize("build", [cue.build, process.build], ids=["cue", "cue_process"])
def test_methods_and_conditions_without_rows_add_nothing_to_the_model(build):
    """So that posteriors of the bundled table are what they were."""
    bundled = build(load_dataset("cue"))
    assert bundled.coords["measurement_method"] == ("metabolic_flux", "substrate_label", "water_18O")
    assert "condition_effect" not in bundled.named_vars
    assert not {prior["parameter"] for prior in spec_of(bundled).priors} & {"condition_effect"}


def test_native_organic_matter_is_no_substrate():
    assert "native_organic_matter" in SUBSTRATE_CLASSES
    rows = table(substrate_class=["glucose", "polymer"] * 2 + ["native_organic_matter"] * 4)
    assert cue.build(rows).coords["substrate"] == ("glucose", "polymer")
