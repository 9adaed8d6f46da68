"""Structures with pools left out."""

import numpy as np
import pytest

from socbayes.core import StructureError, without
from socbayes.structures import get, simulate


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
