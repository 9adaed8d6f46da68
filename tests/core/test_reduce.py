"""Structures with pools left out."""

from dataclasses import replace

import numpy as np
import pytest

from socbayes.core import StructureError, without
from socbayes.structures import get, simulate
from socbayes.structures.amendments import with_amendments


def test_without_a_pool_is_the_structure_with_the_pool_empty():
    mcp = get("mcp")
    minerals = ["mineral_necromass", "mineral_plant"]
    reduced = without(mcp, minerals)
    assert reduced.necromass == ("necromass",)
    drivers = {"litter_input": np.full(30, 0.002)}
    off = {"k_necromass_sorption": 0.0, "k_dissolved_sorption": 0.0}
    whole = simulate(mcp, drivers, off, [4.0, 0.05, 0.3, 1.0, 0.0, 0.0])
    part = simulate(reduced, drivers, None, [4.0, 0.05, 0.3, 1.0])
    for name in reduced.state:
        np.testing.assert_allclose(part[name], whole[name], rtol=1e-12)


def test_unknown_pools_are_named():
    with pytest.raises(StructureError, match="did you mean 'mineral_plant'"):
        without(get("mcp"), ["mineral_plants"])


def test_fractions_lack_what_is_left_out_and_the_rest_stays():
    mcp = get("mcp")
    reduced = without(mcp, ["mineral_necromass", "mineral_plant", "necromass"])
    assert reduced.fractions == {"particulate": ("particulate",)}
    assert reduced.dissolved == ("dissolved",)
    assert without(get("con"), ["dissolved"]).dissolved == ()
    for name in ("input_shares", "decomposition", "month_steps", "carried", "paced"):
        assert getattr(reduced, name) == getattr(mcp, name)


def test_what_is_spread_enters_the_pools_that_are_left_by_their_shares():
    rothc = get("rothc")
    shared = replace(rothc, entries=dict(rothc.entries) | {"humified": {"rpm": 0.2, "bio": 0.3, "hum": 0.5}})
    reduced = without(shared, ["bio"])
    assert reduced.entries["humified"] == pytest.approx({"rpm": 2 / 7, "hum": 5 / 7})
    assert without(shared, ["iom"]).entries == {}
    assert with_amendments(reduced, ["peat"]).drivers[-1].name == "peat_input"


def test_weights_of_pools_that_stay_are_kept():
    reduced = without(get("millennial"), ["aggregates"])
    assert reduced.fractions == {"particulate": {"particulate": 1.0}, "mineral_associated": {"mineral": 1.0}}
    total = without(get("century"), ["passive", "surface_metabolic"]).fractions["total"]
    assert total == ("soil_structural", "soil_metabolic", "active", "slow")
