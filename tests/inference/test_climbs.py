"""Climbs after sampling: a top far higher than the draws is found, a spike of a hierarchy is none."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from socbayes.inference.climbs import climbed, limit_of
from socbayes.inference.diagnostics import climb_faults

TIMES = np.linspace(1.0, 50.0, 60)


def logistic():
    """Growth whose five priors are uniform and wide: before it begins the curve is flat whatever its parameters."""
    import pymc as pm

    noise = 60.0 * np.random.default_rng(0).standard_normal(TIMES.size)
    observed = 3700.0 / (1.0 + np.exp(-0.3 * (TIMES - 25.0))) + noise
    with pm.Model() as model:
        bounds = {"capacity": 1e4, "rate": 10.0, "midpoint": 200.0, "base": 300.0, "sd": 1e4}
        values = {name: pm.Uniform(name, 0.0, upper) for name, upper in bounds.items()}
        growth = values["capacity"] / (1.0 + pm.math.exp(-values["rate"] * (TIMES - values["midpoint"])))
        pm.Normal("co2", values["base"] + growth, values["sd"], observed=observed)
    return model


def schools(*, centred: bool):
    """The eight schools of Rubin (1981); centred, their density is infinite where all schools are alike."""
    import pymc as pm

    effect = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    error = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    with pm.Model() as model:
        mean, spread = pm.Normal("mean", 0.0, 5.0), pm.HalfCauchy("spread", 5.0)
        standard = pm.Normal("school", *((mean, spread) if centred else (0.0, 1.0)), shape=8)
        school = standard if centred else mean + spread * standard
        pm.Normal("effect", school, error, observed=effect)
    return model


def compiled_of(model) -> SimpleNamespace:
    """What of a compiled model the climbs use, without the minutes of compiling for sampling."""
    density = model.logp_dlogp_function(ravel_inputs=True, mode="FAST_COMPILE")
    density.set_extra_values({})
    sizes = [int(np.prod(model.initial_point()[value.name].shape)) for value in model.value_vars]
    ends = np.cumsum(sizes)
    return SimpleNamespace(
        logp_func=density,
        n_dim=int(ends[-1]),
        shape_info=(
            [value.name for value in model.value_vars],
            [slice(int(end) - size, int(end)) for size, end in zip(sizes, ends, strict=True)],
            [model.initial_point()[value.name].shape for value in model.value_vars],
        ),
        initial_point_func=lambda seed: np.random.default_rng(seed).uniform(-1, 1, int(ends[-1])),
    )


def draws_near(model, compiled, place: dict[str, float | np.ndarray], draws: int = 50) -> xr.DataTree:
    """A fit whose two chains lie within a percent of a place, with the densities that a sampler would have kept."""
    rng = np.random.default_rng(3)
    posterior = {
        name: value * (1 + 0.01 * rng.standard_normal((2, draws, *np.shape(value)))) for name, value in place.items()
    }
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {name: (("chain", "draw", *["k"] * (v.ndim - 2)), v) for name, v in posterior.items()}
            )
        }
    )
    transforms = {rv.name: model.rvs_to_transforms[rv] for rv in model.free_RVs}
    values = {rv.name: model.rvs_to_values[rv].name for rv in model.free_RVs}
    heights = np.empty((2, draws))
    for chain, draw in np.ndindex(2, draws):
        point = np.empty(compiled.n_dim)
        for rv in model.free_RVs:
            value = posterior[rv.name][chain, draw]
            if transforms[rv.name] is not None:
                value = transforms[rv.name].forward(value, *rv.owner.inputs).eval(mode="FAST_COMPILE")
            point[compiled.shape_info[1][compiled.shape_info[0].index(values[rv.name])]] = value
        heights[chain, draw] = compiled.logp_func(point)[0]
    tree["sample_stats"] = xr.Dataset({"logp": (("chain", "draw"), heights)})
    return tree


@pytest.fixture(scope="module")
def growth():
    model = logistic()
    return model, compiled_of(model)


FLAT = {"capacity": 5000.0, "rate": 5.0, "midpoint": 120.0, "base": 295.0, "sd": 2200.0}
RIGHT = {"capacity": 3700.0, "rate": 0.3, "midpoint": 25.0, "base": 10.0, "sd": 60.0}


def test_chains_that_agree_on_a_flat_edge_fail(growth):
    """Five uniform priors far from the data: every chain before the growth begins, where all is flat."""
    model, compiled = growth
    fitted = draws_near(model, compiled, FLAT, draws=5)
    fitted.attrs["climbs"] = climbed(fitted, model, compiled, 8, seed=1)
    found = json.loads(fitted.attrs["climbs"])
    assert found["excess"] > 150 > found["limit"]
    assert found["from"] == "a point of the prior"
    (fault,) = climb_faults(fitted)
    assert "a climb from a point of the prior ended" in fault
    assert "5 parameters" in fault


def test_chains_at_the_top_pass(growth):
    model, compiled = growth
    fitted = draws_near(model, compiled, RIGHT, draws=5)
    fitted.attrs["climbs"] = climbed(fitted, model, compiled, 8, seed=1)
    assert not climb_faults(fitted)
    assert max(height for _, height in json.loads(fitted.attrs["climbs"])["tops"]) > -345


@pytest.mark.parametrize("centred", [True, False])
def test_a_spike_of_a_hierarchy_is_no_better_explanation(centred):
    """Where the spread between schools is zero the density is infinite, and the data are explained no better."""
    model = schools(centred=centred)
    compiled = compiled_of(model)
    school = np.linspace(-2.0, 12.0, 8) if centred else np.linspace(-1.0, 1.0, 8)
    fitted = draws_near(model, compiled, {"mean": 5.0, "spread": 4.0, "school": school}, draws=5)
    fitted.attrs["climbs"] = climbed(fitted, model, compiled, 6, seed=1)
    found = json.loads(fitted.attrs["climbs"])
    highest = max(height for _, height in found["tops"])
    assert (highest - found["best_draw"] > found["limit"]) is centred
    assert not climb_faults(fitted)


def test_climbs_are_as_many_as_asked_and_repeat_with_their_seed(growth):
    model, compiled = growth
    fitted = draws_near(model, compiled, RIGHT, draws=5)
    once, again = (json.loads(climbed(fitted, model, compiled, 5, seed=7)) for _ in range(2))
    assert once == again
    assert [begin for begin, _ in once["tops"]].count("a draw") == 3
    assert once["evaluations"] <= 5 * 110 + 16
    assert climbed(fitted, model, compiled, 0) == "{}"


def test_a_prior_that_cannot_be_drawn_from_is_climbed_from_where_chains_begin():
    import pymc as pm

    with pm.Model() as model:
        level = pm.Flat("level")
        pm.Normal("value", level, 1.0, observed=np.zeros(9))
    compiled = compiled_of(model)
    fitted = draws_near(model, compiled, {"level": 0.1}, draws=5)
    found = json.loads(climbed(fitted, model, compiled, 4, seed=1))
    assert len(found["tops"]) == 4
    assert found["excess"] < found["limit"]


def test_a_model_of_many_variables_is_climbed():
    """Without a compiler PyTensor 3.3 refuses sums of more than 32 terms, as the prior of this model is one of."""
    import pymc as pm

    with pm.Model() as model:
        levels = [pm.Normal(f"level_{k}") for k in range(40)]
        pm.Normal("value", levels[0], 1.0, observed=1.0)

    def density(point: np.ndarray) -> tuple[float, np.ndarray]:
        slope = -point
        slope[0] += 1.0 - point[0]
        return -0.5 * float(point @ point + (1.0 - point[0]) ** 2 + 41 * np.log(2 * np.pi)), slope

    names = [value.name for value in model.value_vars]
    compiled = SimpleNamespace(
        logp_func=density,
        n_dim=40,
        shape_info=(names, [slice(k, k + 1) for k in range(40)], [()] * 40),
        initial_point_func=lambda _: np.zeros(40),
    )
    fitted = draws_near(model, compiled, dict.fromkeys(names, 3.0) | {names[0]: 1.0}, draws=5)
    found = json.loads(climbed(fitted, model, compiled, 4, seed=1))
    top = -0.5 * (0.5 + 41 * np.log(2 * np.pi))
    np.testing.assert_allclose([height for _, height in found["tops"]], top, rtol=1e-6)
    assert top - found["best_draw"] > found["limit"]
    assert found["excess"] < 0.1, "the draws are far from the prior, and give the value back"


def test_the_limit_grows_with_the_dimension_as_a_normal_posterior_does():
    for parameters in (1, 5, 300):
        depth = 0.5 * np.random.default_rng(1).chisquare(parameters, 100_000)
        assert depth.max() < limit_of(parameters) < 1.6 * depth.max()
