"""A structure with its own clock runs like the plain one."""

import numpy as np
import pytest

from socbayes.core import StructureError, with_clock, with_label
from socbayes.structures import get, simulate


@pytest.mark.parametrize("name", ["icbm", "mcp", "millennial"])
@pytest.mark.parametrize("scheme", ["euler", "rk4", "mprk22"])
def test_one_row_of_length_two_is_two_steps_length(name, scheme):
    plain, timed = get(name), with_clock(get(name))
    drivers = {d.name: 1.0 if d.default is None else d.default for d in plain.drivers}
    start = np.linspace(0.5, 2.0, len(plain.pools))
    expected = simulate(plain, drivers, None, start, times=[1, 2], interval=2 * plain.step, steps=1, scheme=scheme)
    rows = {**{n: np.full(2, v) for n, v in drivers.items()}, "step_length": np.full(2, 2 * plain.step)}
    found = simulate(timed, rows, None, start, times=[1, 2], interval=1.0, steps=1, scheme=scheme)
    for pool in plain.pools:
        np.testing.assert_allclose(found[pool], expected[pool], rtol=1e-12)


def test_lengths_differ_by_site():
    timed = with_label(with_clock(get("icbm")))
    rows = {"step_length": np.array([[0.5, 1.0], [0.5, 1.0]]), "label_young": 1.0}
    run = simulate(timed, rows, None, [0.3, 4.0, 0.0, 0.0], times=[0, 1, 2], interval=1.0, steps=1, scheme="mprk22")
    labelled = run["young_label"].to_numpy()
    assert labelled[2, 1] > labelled[2, 0] > 0
    # Two rows of half a year end where one row of a year does, to the order of the scheme.
    np.testing.assert_allclose(labelled[2, 0], labelled[1, 1], rtol=0.1)


def test_a_clock_is_given_once():
    with pytest.raises(StructureError, match="clock already"):
        with_clock(with_clock(get("icbm")))
