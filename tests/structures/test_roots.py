"""Root carbon in structures: what enters in all stays, and what is kept follows from one share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socbayes.core.structure import INPUT, StructureError
from socbayes.structures import get, list_structures, simulate
from socbayes.structures.amendments import OF_PLANTS, QUALITIES, pool_shares
from socbayes.structures.forcing import roles_of
from socbayes.structures.roots import (
    PUBLISHED_RATIO,
    ROOT_HUMIFIED,
    ROOT_INPUT,
    ROOTS,
    root_ratio,
    tells_roots,
    with_roots,
)

TELLING = [name for name in list_structures() if tells_roots(get(name))]
amount = st.floats(0.0, 5.0)
part = st.floats(0.0, 1.0)


def entering(structure, plants: float, roots: float, humified: float) -> dict[str, float]:
    """What enters each pool, in the structure's unit, of plant carbon in that of its drivers."""
    from pytensor import function

    trace = structure.trace
    drivers = {one.name: 10.0 if one.default is None else one.default for one in structure.drivers}
    drivers |= {name: share * plants for name, share in roles_of(structure).plant.items()}
    if ROOT_INPUT in drivers:
        drivers[ROOT_INPUT] = roots
    parameters = structure.defaults() | ({ROOT_HUMIFIED: humified} if ROOT_INPUT in drivers else {})
    flows = [flow for flow in trace.flows if flow.source == INPUT]
    compiled = function(
        [*trace.x, *trace.p, *trace.u], [flow.rate for flow in flows], mode="FAST_COMPILE", on_unused_input="ignore"
    )
    values = compiled(
        *[1.0] * len(structure.pools),
        *(parameters[name] for name in structure.parameter_names),
        *(drivers[name] for name in structure.driver_names),
    )
    pools = dict.fromkeys((*structure.pools, *structure.sinks), 0.0)
    for flow, value in zip(flows, values, strict=True):
        pools[flow.target] += float(value)
    return pools


@pytest.mark.parametrize("name", TELLING)
def test_what_enters_in_all_is_what_plants_bring_and_roots_feed_slow_carbon(name):
    published = get(name)
    without = entering(published, 2.0, 0.0, 0.0)
    total = sum(without.values())
    for roots, humified in ((0.0, 0.7), (2.0, 0.0), (1.2, 0.3), (2.0, 1.0)):
        found = entering(with_roots(published), 2.0, roots, humified)
        assert sum(found.values()) == pytest.approx(total, rel=1e-12)
        # What is not humified at once enters as shoots do, to the last bit where nothing is.
        kept = humified * roots / 2.0
        slow = pool_shares(published.entries["humified"])
        expected = {pool: (1 - kept) * without[pool] + kept * total * slow.get(pool, 0.0) for pool in without}
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-15 * total)
        if kept == 0.0:
            assert found == without


@settings(max_examples=50, deadline=None)
@given(plants=amount, share=part, humified=part, name=st.sampled_from(["rothc", "icbm", "two_pool_parallel"]))
def test_carbon_that_enters_a_run_does_not_depend_on_what_roots_keep(plants, share, humified, name):
    structure = with_roots(get(name))
    driver = next(iter(roles_of(get(name)).plant))
    drivers = {driver: plants, ROOT_INPUT: share * plants, "rate_modifier": 1.0}
    run = simulate(structure, drivers, {ROOT_HUMIFIED: humified}, dict.fromkeys(structure.pools, 1.0), times=[0, 5])
    states = [run[pool].to_numpy().ravel() for pool in (*structure.pools, *structure.sinks)]
    gained = sum(one[-1] - one[0] for one in states)
    assert gained == pytest.approx(5 * plants, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["rothc", "icbm", "mcp", "two_pool_series", "century"])
def test_roots_that_keep_no_more_than_shoots_run_as_before(name):
    published = get(name)
    inputs = {driver: share * 0.1 for driver, share in roles_of(published).plant.items()}
    given_too = {one.name: 10.0 for one in published.drivers if one.default is None and one.name not in inputs}
    begun = dict.fromkeys(published.pools, 2.0)
    before = simulate(published, inputs | given_too, None, begun, times=[0, 1, 12])
    drivers = inputs | given_too | {ROOT_INPUT: 0.07}
    after = simulate(with_roots(published), drivers, {ROOT_HUMIFIED: 0.0}, begun, times=[0, 1, 12])
    for pool in published.pools:
        np.testing.assert_allclose(after[pool].to_numpy(), before[pool].to_numpy(), rtol=1e-13)


def test_in_icbm_the_ratio_is_that_of_humification_coefficients():
    """Old carbon that a ton of roots makes over that of a ton of shoots, without decay of it: Kätterer et al. 2011."""
    icbm = with_roots(get("icbm"))

    def made(roots: float, **parameters) -> float:
        run = simulate(icbm, {"carbon_input": 1.0, ROOT_INPUT: roots}, {"k2": 0.0} | parameters,
                       {"young": 0.0, "old": 0.0}, times=[0, 400])  # fmt: skip
        # Young carbon that is still there will make its share.
        return float(run["old"].to_numpy().ravel()[-1] + OF_PLANTS * run["young"].to_numpy().ravel()[-1])

    assert made(0.0) == pytest.approx(OF_PLANTS * 400, rel=1e-6)
    assert made(1.0) / made(0.0) == pytest.approx(PUBLISHED_RATIO, rel=1e-6)
    assert made(1.0, root_humified=0.5) / made(0.0) == pytest.approx(root_ratio(0.5), rel=1e-6)


def test_the_prior_holds_what_is_published_and_lies_above_that_of_shoots():
    lower, upper = (root_ratio(1 / (1 + np.exp(-(ROOTS.log_odds + z * ROOTS.spread)))) for z in (-1.598, 1.598))
    # Rasse et al. 2005, and labelled carbon that entered from below over from above (Sokol and Bradford 2018).
    assert lower < 2.32 < 2.4 < upper
    assert lower > 1.0
    assert ROOTS.humified > QUALITIES["straw"].humified
    assert root_ratio(0.0) == 1.0


def test_litter_of_another_quality_could_not_make_the_published_ratio_in_rothc():
    """Were all root carbon resistant plant material, a steady state would have a quarter more of it, not 2.3 times."""
    from socbayes.core import find_steady_state

    inputs = {"plant_input": 0.2, "rate_modifier": 1.0}
    usual, resistant = (
        float(find_steady_state(get("rothc"), None, inputs | {"dpm_rpm": ratio}).pools.sum()) for ratio in (1.44, 1e-6)
    )
    assert 1.1 < resistant / usual < 1.5


def test_a_structure_without_slow_carbon_of_its_own_does_not_tell_root_from_shoot():
    assert set(list_structures()) - set(TELLING) == {"ger"}
    bare = replace(get("icbm"), entries={}, reports=None)
    assert not tells_roots(bare)
    with pytest.raises(StructureError, match="declare its entries"):
        with_roots(bare)


def test_gradients_flow_to_what_roots_keep():
    import pytensor
    import pytensor.tensor as pt

    from socbayes.core import integrate

    icbm = with_roots(get("icbm"))
    share = pt.scalar("share")
    states = integrate(icbm, np.array([[0.3, 3.0]]), {ROOT_HUMIFIED: share}, {"carbon_input": 0.2, ROOT_INPUT: 0.1},
                       times=np.array([0, 10]))  # fmt: skip
    old = states[-1, 0, 1]
    value, slope = pytensor.function([share], [old, pytensor.grad(old, share)], mode="FAST_COMPILE")(0.2)
    step = pytensor.function([share], old, mode="FAST_COMPILE")
    assert float(slope) == pytest.approx((step(0.2001) - step(0.1999)) / 2e-4, rel=1e-5)
    assert float(slope) > 0.0
    assert float(value) > 0.0
