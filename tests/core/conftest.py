"""Shared ground: a state of every structure at which it is alive."""

import numpy as np
import pytest
from driven import NAMES, forcing

from socbayes.core import find_steady_state
from socbayes.structures import get


@pytest.fixture(scope="session")
def equilibria():
    """Steady state of every structure under its forcing."""
    found = {}
    for name in NAMES:
        structure = get(name)
        start = np.ones(len(structure.pools))
        found[name] = find_steady_state(structure, None, forcing(name), start)
    return found
