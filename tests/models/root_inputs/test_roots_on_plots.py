"""Roots of crops with yields on field plots: what of them is in the layer, and a quality that a fit learns."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import socbayes as sb
from socbayes.errors import SocbayesError
from socbayes.models.field import layout
from socbayes.models.field.branches import beginnings, branches_of
from socbayes.models.field.crops import carbon_left
from socbayes.models.field.draws import Draws, fitted_to, stocks_of
from socbayes.models.field.effects import of_known_plots
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged
from socbayes.models.root_inputs.depths import share_in_layer
from socbayes.scenarios.plan_courses import changed
from socbayes.structures import get
from socbayes.structures.roots import ROOT_HUMIFIED, ROOT_INPUT, ROOTS

LEFT = carbon_left("winter wheat", 5.0)
BELOW = float(LEFT.roots + LEFT.exuded)
UNTOLD = replace(get("icbm"), entries={}, reports=None)
"""ICBM that does not say where humified carbon enters."""


def samples(bottom=30.0, top=0.0, plots="AB") -> pd.DataFrame:
    rows = [{"site": "Farm", "plot": plot, "treatment": plot, "year": year, "soc_stock": stock}
            for plot in plots for year, stock in ((2010.0, 50.0), (2020.0, 54.0))]  # fmt: skip
    return pd.DataFrame(rows).assign(depth_top=top, depth_bottom=bottom)


def grown(**columns) -> dict:
    usual = {"site": "Farm", "start_year": 2010.0, "end_year": 2020.0, "crop": "winter wheat", "yield_dry_matter": 5.0}
    return usual | columns


STATED = {"crop": None, "yield_dry_matter": None, "plant_carbon_input": 2.0}


def laid(rows: list[dict], structure="icbm", obs: pd.DataFrame | None = None, **choices) -> layout.Layout:
    return layout.lay_out(judged(samples() if obs is None else obs, pd.DataFrame(rows)), setup_of(structure, **choices))


def tons(data: layout.Layout, name: str) -> np.ndarray:
    """A driver of ICBM, t C/ha/year, (plot,)."""
    return np.asarray(data.forcing.drivers[name]).mean(axis=0) * 10.0


@pytest.mark.parametrize(
    ("depth", "wheat", "maize"),
    # Fan et al. 2016 (Field Crops Research 189:68), equation 2 without its linear term, with coefficients quoted by the
    # farm model RuFaS: 17.2 cm and -1.286 of wheat, 14.9 cm and -1.151 of maize.
    [(depth, *(1 / (1 + (depth / half) ** slope) for half, slope in ((17.2, -1.286), (14.9, -1.151))))
     for depth in (20.0, 23.0, 30.0)],
)  # fmt: skip
def test_roots_in_the_topsoil_are_those_of_another_compilation(depth, wheat, maize):
    share, error = share_in_layer(0.0, depth)
    assert float(share) == pytest.approx(wheat, abs=0.05)
    assert float(share) == pytest.approx(maize, abs=0.05)
    assert 0.05 < float(error) < 0.15


def test_layers_add_up_and_others_are_refused():
    above, below, both = (share_in_layer(*one)[0] for one in ((0.0, 20.0), (20.0, 30.0), (0.0, 30.0)))
    assert above + below == pytest.approx(both)
    assert share_in_layer(0.0, 1000.0)[0] == pytest.approx(1.0)
    for layer in ((10.0, 10.0), (-5.0, 10.0), (30.0, 20.0)):
        with pytest.raises(SocbayesError, match="a layer from"):
            share_in_layer(*layer)


@pytest.mark.parametrize("layer", [(0.0, 20.0), (0.0, 30.0)])
def test_straw_and_the_roots_of_the_layer_enter(layer):
    data = laid([grown()], obs=samples(layer[1]))
    share, error = share_in_layer(*layer)
    carbon = float(LEFT.carbon)
    np.testing.assert_allclose(tons(data, "carbon_input"), carbon * (1 - BELOW + BELOW * share), rtol=1e-6)
    np.testing.assert_allclose(tons(data, ROOT_INPUT), carbon * BELOW * share, rtol=1e-6)
    own = BELOW * float(error) / (1 - BELOW + BELOW * float(share))
    np.testing.assert_allclose(data.forcing.study_error, np.hypot(float(LEFT.study), own), rtol=1e-6)
    (note,) = [one for one in data.notes if "only those in the layer" in one]
    assert f"({100 * float(share):.0f} % in 0 to {layer[1]:g} cm)" in note


def test_plots_sampled_to_different_depths_get_the_roots_of_theirs():
    obs = pd.concat([samples(20.0, plots="A"), samples(30.0, plots="B")], ignore_index=True).assign(
        site=["1", "1", "2", "2"]
    )
    data = laid([grown(site="1"), grown(site="2")], obs=obs)
    roots = tons(data, ROOT_INPUT)
    assert roots[1] / roots[0] == pytest.approx(float(share_in_layer(0.0, 30.0)[0] / share_in_layer(0.0, 20.0)[0]))


def test_stated_inputs_are_those_of_the_layer_and_have_the_roots_of_the_others():
    data = laid([grown(treatment="A"), grown(treatment="B") | STATED])
    assert tons(data, "carbon_input")[1] == pytest.approx(2.0, rel=1e-6)
    share = tons(data, ROOT_INPUT) / tons(data, "carbon_input")
    assert share[1] == pytest.approx(share[0], rel=1e-6)
    half = laid([grown(end_year=2015.0)])
    np.testing.assert_allclose(tons(half, ROOT_INPUT) / tons(half, "carbon_input"), share[0], rtol=1e-6)


def test_plots_without_yields_know_of_no_roots():
    data = laid([grown() | STATED])
    assert not data.forcing.rooted
    assert ROOT_INPUT not in data.forcing.drivers
    assert not any("root" in one for one in data.notes)
    told, untold = (
        sb.models.field.build(samples(), pd.DataFrame([grown() | STATED]), structure=one) for one in ("icbm", UNTOLD)
    )
    assert "root_quality" not in told.named_vars
    assert list(told.named_vars) == list(untold.named_vars)
    point = told.initial_point()
    density = [one.compile_logp(mode="FAST_COMPILE")(point) for one in (told, untold)]
    assert density[0] == density[1]


def test_manure_that_goes_with_plants_and_exudates_are_no_roots():
    data = laid([grown(), grown(crop=None, yield_dry_matter=None, manure_carbon_input=3.0)])
    bare = laid([grown()])
    np.testing.assert_allclose(tons(data, ROOT_INPUT), tons(bare, ROOT_INPUT))
    assert (tons(data, "carbon_input") > tons(bare, "carbon_input") + 2.9).all()
    pump = laid([grown()], "mcp").forcing.drivers
    ratio = np.mean(pump[ROOT_INPUT]) / np.mean(pump["exudate_input"])
    assert ratio == pytest.approx(float(LEFT.roots / LEFT.exuded), rel=1e-6)


def test_a_structure_that_cannot_tell_says_so():
    for structure in (UNTOLD, "ger"):
        obs = samples().assign(mean_annual_temperature=10.0)
        data = laid([grown()], structure, obs=obs)
        assert not data.forcing.rooted
        assert any("does not tell root from shoot carbon" in one for one in data.notes)
    told = laid([grown()])
    (note,) = [one for one in told.notes if "root_ratio" in one]
    assert "of roots and rhizodeposits" in note
    given = laid([grown()], drivers={"carbon_input": 0.2})
    assert not given.forcing.rooted


@pytest.fixture(scope="module")
def model():
    return sb.models.field.build(samples(), pd.DataFrame([grown()]), structure="icbm")


def test_roots_that_keep_no_more_give_the_model_there_was(model):
    untold = sb.models.field.build(samples(), pd.DataFrame([grown()]), structure=UNTOLD)
    point = untold.initial_point()
    before = untold.compile_logp(mode="FAST_COMPILE")(point)
    level = next(name for name in point if name.startswith("input_level"))
    assert set(model.initial_point()) - set(point) == {"root_quality"}
    none = -80.0  # a share of e**-57 of the carbon
    after = model.compile_logp(mode="FAST_COMPILE")(point | {"root_quality": none})
    assert after - before == pytest.approx(-0.5 * none**2 - 0.5 * np.log(2 * np.pi), rel=1e-10)
    assert level in point


def test_the_density_has_a_gradient_with_respect_to_what_roots_keep(model):
    point = {name: value + 0.1 for name, value in model.initial_point().items()}
    quality = model["root_quality"]
    slope = model.compile_dlogp(vars=[quality], mode="FAST_COMPILE")(point)
    density = model.compile_logp(mode="FAST_COMPILE")
    step = [float(density(point | {"root_quality": point["root_quality"] + one})) for one in (1e-5, -1e-5)]
    assert float(np.ravel(slope)[0]) == pytest.approx((step[0] - step[1]) / 2e-5, rel=1e-4)
    assert abs(float(np.ravel(slope)[0])) > 1e-3


def drawn(data: layout.Layout, humified: np.ndarray) -> dict[str, np.ndarray]:
    """Draws that differ in what roots keep."""
    count, plots = humified.size, len(data.plots.labels)
    return {
        "input_level": np.full(count, 0.2),
        "site_input": np.zeros((count, 1)),
        "site_stock": np.zeros((count, 1)),
        "rate_constant": np.zeros((count, 2)),
        "log_share": np.log(np.broadcast_to([0.1, 0.9], (count, 1, 2))),
        "log_initial_stock": np.full((count, plots), np.log(50.0)),
        ROOT_HUMIFIED: humified,
    }


def test_plans_run_what_the_fit_ran_and_what_roots_keep_is_a_gain():
    data = laid([grown()])
    at = of_known_plots(data, drawn(data, np.array([0.0, 0.2, 0.4])), 1)
    plots = np.arange(2)
    fitted = stocks_of(data, plots, at, np.array([2020.0]), {"total": np.ones(2)})[:, :, 0, 0]
    branches = branches_of(data)
    pools, parameters = beginnings(branches, data, plots, at)
    columns = branches.columns(data)
    planned = [
        branches.run(pools[:, one], parameters[:, one], columns[:, one][:, None], np.array([120]))[0].sum(axis=1)
        for one in plots
    ]
    np.testing.assert_allclose(np.transpose(planned) * data.forcing.carbon, fitted, rtol=1e-9)
    assert (np.diff(fitted[:, 0]) > 0.3).all()


@pytest.mark.parametrize("ramp", [False, True])
def test_a_lever_on_input_is_on_roots_too_and_carbon_that_is_added_is_no_root(ramp):
    data = laid([grown()])
    branches = branches_of(data)
    rows = slice(0, 24)
    doses = np.zeros((data.plots.rows, 2))
    doses[rows] = np.linspace(0.1, 0.3, 24)[:, None] if ramp else 0.2
    at = of_known_plots(data, drawn(data, np.array([0.1, 0.3])), 1)
    parameters = beginnings(branches, data, np.arange(2), at)[1][:, 0]
    prepared = SimpleNamespace(data=data, branches=branches, effects={}, member=np.zeros(2, dtype=int))
    columns = [branches.columns(data)]
    names = branches.structure.parameter_names

    def entering(acts_on: str) -> tuple[np.ndarray, np.ndarray]:
        """Plant and root carbon with all that acts on it, (month, sample)."""
        drivers, values = changed(prepared, columns, [(acts_on, "any", doses)], 0, rows, parameters)
        factor, added = (values[:, names.index(name)] for name in ("input_factor", "carbon_input_added"))
        plant, root = (drivers[..., branches.position(name)] for name in ("carbon_input", ROOT_INPUT))
        return plant * factor + added, root * factor

    share = tons(data, ROOT_INPUT)[0] / tons(data, "carbon_input")[0]
    plant, root = entering("plant_share")
    np.testing.assert_allclose(root / plant, share, rtol=1e-6)
    more, same = entering("plant_added")
    np.testing.assert_allclose(
        same, np.broadcast_to(tons(data, ROOT_INPUT)[0] / 10 * np.exp(0.2), same.shape), rtol=1e-6
    )
    np.testing.assert_allclose(
        (more - tons(data, "carbon_input")[0] / 10 * np.exp(0.2)) * 10,
        np.broadcast_to(doses[rows, :1], more.shape),
        rtol=1e-6,
    )


def test_a_fit_that_saw_no_yields_draws_what_roots_of_another_site_keep():
    obs = pd.concat([samples(plots="A"), samples(plots="B").assign(site="Mine")], ignore_index=True)
    data = laid([grown() | STATED, grown(site="Mine")], obs=obs)
    values = drawn(laid([grown() | STATED], obs=samples(plots="A")), np.zeros(3000))
    values = {name: value for name, value in values.items() if name != ROOT_HUMIFIED}
    values |= {"site_departure_sd": np.full(3000, 0.4), "initial_share": np.full((3000, 1, 2), 0.5)}
    labels = {"site": ["Farm"], "plot": ["A"], "treatment": ["A"], "departing_pool": ["young"]}
    found, strangers = fitted_to(data, Draws(values, labels), np.random.default_rng(1))
    odds = np.log(found[ROOT_HUMIFIED] / (1 - found[ROOT_HUMIFIED]))
    assert "Mine" in strangers
    assert odds.mean() == pytest.approx(ROOTS.log_odds, abs=0.06)
    assert odds.std() == pytest.approx(ROOTS.spread, rel=0.06)
