"""Rhizodeposits of yields enter as exudates where a structure tells them from litter, and with it elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes.core import find_steady_state, with_label
from socbayes.models.field import layout
from socbayes.models.field.branches import branches_of
from socbayes.models.field.crops import carbon_left
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged
from socbayes.models.root_inputs.allocated import below_ground_shares
from socbayes.structures import get, list_structures
from socbayes.structures.forcing import roles_of
from socbayes.structures.simulate import simulate

LEFT = carbon_left("winter wheat", 5.0)
SHARE = float(LEFT.exuded)


def samples(plots="AB") -> pd.DataFrame:
    rows = [{"site": "Farm", "plot": plot, "treatment": plot, "year": year, "soc_stock": 50.0}
            for plot in plots for year in (2010.0, 2020.0)]  # fmt: skip
    # So deep a layer that all roots are in it.
    return pd.DataFrame(rows).assign(mean_annual_temperature=10.0, depth_top=0.0, depth_bottom=500.0)


def grown(**columns) -> dict:
    usual = {"site": "Farm", "start_year": 2010.0, "end_year": 2020.0, "crop": "winter wheat", "yield_dry_matter": 5.0}
    return usual | columns


def laid(rows: list[dict], structure="mcp", plots="AB", **choices) -> layout.Layout:
    return layout.lay_out(judged(samples(plots), pd.DataFrame(rows)), setup_of(structure, **choices))


def carbon(data: layout.Layout, name: str) -> np.ndarray:
    """A driver of the plots, t C/ha/year, (row, plot)."""
    per = {"mcp": 1.0 / 365.25, "icbm": 1.0}[data.setup.structure.name]
    return np.asarray(data.forcing.drivers[name]) * data.forcing.carbon / per


def test_a_part_of_what_a_yield_leaves_is_rhizodeposits():
    assert 0.1 < SHARE < 0.4
    barley = [float(below_ground_shares("spring barley", one)[1]) for one in (2.0, 5.0)]
    assert 0.0 < barley[1] < barley[0] < 1.0, "more of it where roots are more of the shoot"
    assert np.isnan(carbon_left("cover crop", 3.0).exuded)


def test_rhizodeposits_of_yields_are_exudates_of_the_pump():
    data = laid([grown()])
    np.testing.assert_allclose(carbon(data, "exudate_input"), SHARE * float(LEFT.carbon), rtol=2e-3)
    both = carbon(data, "exudate_input") + carbon(data, "litter_input")
    np.testing.assert_allclose(both, float(LEFT.carbon), rtol=2e-3)
    assert (data.forcing.means["exudate_input"] > 0).all()
    (note,) = [one for one in data.notes if "rhizodeposits, as far" in one]
    assert note.startswith(f"{100 * SHARE:.0f} % of the plant carbon is rhizodeposits")
    assert note.endswith("they enter mcp as exudate_input.")


def test_other_structures_get_them_with_all_plant_carbon():
    data = laid([grown()], "icbm")
    np.testing.assert_allclose(carbon(data, "carbon_input"), float(LEFT.carbon), rtol=1e-6)
    assert not any("rhizodeposits, as far" in one for one in data.notes)


def test_of_stated_inputs_nothing_is_known_to_be_rhizodeposits():
    stated = laid([grown(plant_carbon_input=2.0)])
    assert not np.any(stated.forcing.drivers["exudate_input"])
    np.testing.assert_allclose(carbon(stated, "litter_input"), 2.0, rtol=2e-3)
    mixed = laid([grown(treatment="A"), grown(treatment="B", plant_carbon_input=2.0)])
    exuded = carbon(mixed, "exudate_input")
    np.testing.assert_allclose(exuded.mean(axis=0), [SHARE * float(LEFT.carbon), 0.0], rtol=2e-3)
    # What held before the trial is the mean of all plots with plants, of both parts.
    mean = exuded.mean() / carbon(mixed, "litter_input").mean()
    assert mixed.forcing.means["exudate_input"] / mixed.forcing.means["litter_input"] == pytest.approx(mean)


def test_months_without_a_row_have_the_share_of_the_others():
    data = laid([grown(end_year=2015.0)])
    np.testing.assert_allclose(carbon(data, "exudate_input"), SHARE * float(LEFT.carbon), rtol=2e-3)
    fallow = laid([grown(end_year=2015.0), grown(start_year=2015.0, crop="fallow", yield_dry_matter=None)])
    assert not np.asarray(fallow.forcing.drivers["exudate_input"])[60:].any()


def test_manure_is_no_exudate():
    rows = [grown(), grown(crop=None, yield_dry_matter=None, manure_carbon_input=3.0)]
    data = laid(rows)
    np.testing.assert_allclose(carbon(data, "exudate_input"), SHARE * float(LEFT.carbon), rtol=2e-3)
    np.testing.assert_allclose(
        carbon(data, "litter_input"), (1 - SHARE) * float(LEFT.carbon) + 3.0, rtol=2e-3
    )  # fmt: skip


def test_exudates_that_the_caller_gives_are_those():
    data = laid([grown()], drivers={"exudate_input": 0.001})
    assert data.forcing.drivers["exudate_input"] == 0.001
    np.testing.assert_allclose(carbon(data, "litter_input"), float(LEFT.carbon), rtol=2e-3)
    assert "exudate_input" not in data.setup.roles.plant
    names = branches_of(data).structure.parameter_names
    assert "exudate_input_added" not in names
    assert "exudate_input_added" in branches_of(laid([grown()])).structure.parameter_names


def test_the_learned_factor_on_inputs_is_on_exudates_too():
    from socbayes.models.field.runs import driven

    run = driven(laid([grown()]), 1)
    drivers = {"litter_input": 0.0, "exudate_input": 0.001, "temperature": 10.0, "moisture": 1.0}
    pools = find_steady_state(get("mcp"), None, {"litter_input": 0.0018}).pools[0]
    gains = [
        float(simulate(run, drivers, {"input_factor": factor}, pools, times=[1])["dissolved"].to_numpy().ravel()[-1])
        for factor in (1.0, 2.0, 3.0)
    ]
    assert gains[1] > gains[0]
    assert gains[2] - gains[1] == pytest.approx(gains[1] - gains[0], rel=0.05)


def test_only_a_driver_of_that_name_takes_exudates():
    named = {name: roles_of(get(name)).exudate for name in list_structures()}
    assert {name for name, driver in named.items() if driver} == {"mcp", "mcp_forward"}
    assert roles_of(get("mend")).plant == {"input_particulate": 0.5, "input_dissolved": 0.5}


def test_exudates_make_more_mineral_associated_carbon_than_litter():
    """As in tracer studies: 46 % of rhizodeposits against 7 to 9 % of shoots and roots (Villarino et al. 2021)."""
    mcp = get("mcp")
    found = find_steady_state(mcp, None, {"litter_input": 0.0018})
    begun = dict(zip((f"{pool}_native" for pool in mcp.pools), found.pools[0].tolist(), strict=True))

    def kept(litter: float, exudate: float, particulate: float, **parameters) -> dict[str, float]:
        drivers = {"litter_input": litter, "exudate_input": exudate, "label_particulate": particulate,
                   "label_dissolved": 1.0}  # fmt: skip
        run = simulate(with_label(mcp), drivers, parameters, begun, times=[365])
        given = 365 * (litter * (particulate > 0) + exudate)
        return {pool: float(run[f"{pool}_label"].to_numpy().ravel()[-1]) / given for pool in mcp.pools}

    of_litter = kept(0.0018, 0.0, 1.0)
    of_exudates = kept(0.0018, 0.0003, 0.0, soluble_share=0.0)
    mineral = [one["mineral_necromass"] + one["mineral_plant"] for one in (of_litter, of_exudates)]
    particulate = [one["particulate"] + one["necromass"] for one in (of_litter, of_exudates)]
    assert 3.0 < mineral[1] / mineral[0] < 8.0
    assert particulate[1] < 0.3 * particulate[0]
