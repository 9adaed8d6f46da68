"""A model of one's own says what it is, and its fits are explained, grouped and predicted from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import socbayes as sb
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.inference.checks import check_study_means
from socbayes.scenarios import predict
from socbayes.scenarios.draws import Draws, Predicted

FARM = np.repeat(["Mill", "Brook", "Hill"], 4)


@pytest.fixture
def model():
    import pymc as pm

    with pm.Model(coords={"obs": np.arange(12)}) as built:
        level = pm.Normal("level", 15.0, 10.0)
        spread = pm.LogNormal("spread", 0.5, 0.7)
        departure = pm.Normal("departure", 0.0, spread, shape=3)
        place = np.unique(FARM, return_inverse=True)[1]
        pm.Normal("carbon", level + departure[place], 2.0, observed=np.linspace(10, 20, 12), dims="obs")
    return built


def fit_of(model) -> xr.DataTree:
    """A fit of the model, made without sampling."""
    rng = np.random.default_rng(1)
    names = [str(name) for name in model.coords.get("farm", ())]
    constant = {
        key: (model.named_vars_to_dims[key], model[key].get_value())
        for key in model.named_vars
        if key.startswith("farm_")
    }
    tree = {
        "posterior": xr.Dataset({"level": (("chain", "draw"), rng.normal(15, 1, (4, 300)))}),
        "observed_data": xr.Dataset({"carbon": ("obs", np.linspace(10, 20, 12))}),
        "posterior_predictive": xr.Dataset(
            {"carbon": (("chain", "draw", "obs"), np.linspace(10, 20, 12) + rng.normal(0, 1, (4, 300, 12)))}
        ),
        "constant_data": xr.Dataset(constant, coords={"farm": names} if names else {}),
    }
    fitted = xr.DataTree.from_dict(tree)
    fitted.attrs = {"spec": model.socbayes_spec.to_json(), "model": model.socbayes_spec.model}
    return fitted


def test_priors_that_a_user_set_are_read_from_the_model(model):
    spec = sb.describe(model, "farms", quantities={"level": ("g/kg", "mean carbon")}).socbayes_spec
    assert {record["parameter"]: record["distribution"] for record in spec.priors} == {
        "level": "Normal(15, 10)",
        "spread": "LogNormal(0.5, 0.7)",
    }
    assert spec.quantities == {"level": {"unit": "g/kg", "meaning": "mean carbon"}}
    assert spec.observed == ("carbon",)


def test_means_of_groups_are_checked_also_where_no_parameter_has_them(model):
    fitted = fit_of(sb.describe(model, "farms", groups={"farm": pd.Series(FARM)}))
    table = check_study_means(fitted).table
    assert table.index.get_level_values("group").tolist() == ["farm Brook", "farm Hill", "farm Mill"]
    assert table["observed"].round(3).tolist() == [15.0, 18.636, 11.364]


def test_tables_are_kept(model):
    sb.describe(model, "farms", tables={"table": pd.DataFrame({"study": ["a", "b"]})})
    assert model.socbayes_spec.tables["table"]["rows"] == 2
    assert list(model.socbayes_tables) == ["table"]


@pytest.mark.parametrize("name", ["cue", "priming_process", "field", "", "my model", "../x"])
def test_a_name_of_socbayes_or_none_is_refused(model, name):
    with pytest.raises(SocbayesError, match="a word of its own"):
        sb.describe(model, name)


def test_a_quantity_that_is_no_variable_is_named_with_the_nearest(model):
    with pytest.raises(UnknownNameError, match="did you mean 'level'"):
        sb.describe(model, "farms", quantities={"levle": ("g/kg", "")})


def test_groups_of_another_length_are_refused(model):
    with pytest.raises(SocbayesError, match=r"11 labels, and no observed variable has a named dimension"):
        sb.describe(model, "farms", groups={"farm": FARM[:-1]})


def test_a_registered_predictor_predicts_and_is_refused_for_models_of_socbayes(model, monkeypatch):
    monkeypatch.setattr(predict, "_OWN", {})

    def level(draws: Draws, *, raised: float = 0.0) -> Predicted:
        return Predicted(draws("level") + raised, 2.0 + 0 * draws("level"), lambda value: value, "carbon", "g/kg")

    fitted = fit_of(sb.describe(model, "farms"))
    with pytest.raises(UnknownNameError, match="not for a model 'farms'"):
        sb.scenarios.predict_new(fitted)
    sb.scenarios.register("farms", level)
    assert float(sb.scenarios.predict_new(fitted, raised=3.0).mean()) == pytest.approx(18.0, abs=0.2)
    gain = sb.scenarios.compare(fitted, {"as it is": {}, "raised": {"raised": 3.0}})
    assert gain.table.loc["raised", "difference"] == pytest.approx(3.0)
    with pytest.raises(UnknownNameError, match="did you mean 'raised'"):
        sb.scenarios.predict_new(fitted, raisd=3.0)
    with pytest.raises(SocbayesError, match="a model of socbayes"):
        sb.scenarios.register("cue", level)


def test_predictions_of_a_failed_fit_are_marked(model, monkeypatch):
    """This fit has no statistics of a sampler, so nobody can say that it is right."""
    monkeypatch.setattr(
        predict,
        "_OWN",
        {"farms": lambda draws: Predicted(draws("level"), draws("level"), lambda value: value, "carbon", "g/kg")},
    )
    fitted = fit_of(sb.describe(model, "farms"))
    fitted.attrs["converged"] = 1
    found = sb.scenarios.predict_new(fitted)
    assert found.attrs["converged"] == 0
    assert "divergen" in found.attrs["failures"] or "diverged" in found.attrs["failures"]
    assert "do not use them" in found.attrs["warning"]
    gain = sb.scenarios.compare(fitted, {"one": {}, "other": {}})
    assert gain.table["converged"].tolist() == [0, 0]
    assert gain.table.attrs["notes"] == [found.attrs["warning"]]
    assert gain.text[0] == found.attrs["warning"]


def test_a_report_on_a_fit_to_a_table_of_ones_own_has_its_least_squares_marks():
    """Slopes of single studies alone, and of all rows, are of the table that was fitted and not of the bundled one."""
    from test_plots import cue_fit

    from socbayes.facts import with_tables
    from socbayes.models.cue import figures, readings

    fitted = cue_fit()
    studies = [str(name) for name in fitted["posterior"]["study_with_temperatures"].to_numpy()]
    own = pd.DataFrame(
        {
            "study": np.repeat(studies, 6),
            "incubation_temperature": np.tile([5.0, 15.0, 25.0], 6),
            "carbon_use_efficiency": np.tile([0.5, 0.4, 0.3], 6),
        }
    )
    with_tables(fitted, {"table": own})
    marks = [line for line in figures.temperature_slopes(fitted).axes[0].lines if line.get_marker() == "s"]
    assert [round(float(np.mean(line.get_xdata())), 3) for line in marks if line.get_xdata().size] == [-0.011] * 4
    assert "Least squares over all rows gives -0.0106 per °C" in readings.cue_slopes(fitted)
