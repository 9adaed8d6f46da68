"""Efficiency that answers some warming by another slope: what it becomes, and that nothing else changes."""

import numpy as np
import pytest

from socbayes.core.structure import StructureError
from socbayes.structures import get, list_structures
from socbayes.structures.efficiency import slope_of, warming_of, with_responses

NAMES = ("one", "other")
WITH = [name for name in list_structures() if get(name).efficiency is not None]


def flows_at(structure, temperature, **given):
    """Every flow at pools of one, by source and target."""
    from pytensor import function

    trace = structure.trace
    values = dict.fromkeys(structure.pools, 1.0) | structure.defaults()
    values |= {driver.name: 0.5 if driver.default is None else driver.default for driver in structure.drivers}
    values |= {"temperature": temperature} | given
    inputs = [*trace.x, *trace.p, *trace.u]
    compiled = function(inputs, [flow.rate for flow in trace.flows], mode="FAST_COMPILE", on_unused_input="ignore")
    found = compiled(*(values[one.name] for one in inputs))
    return {(flow.source, flow.target): float(rate) for flow, rate in zip(trace.flows, found, strict=True)}


def efficiency_at(structure, temperature, **given):
    """Share of what microbes take up that they keep."""
    found = flows_at(structure, temperature, **given)
    source = "soil" if structure.name == "ger" else "dissolved"
    return found[source, "microbes"] / (found[source, "microbes"] + found[source, "co2"])


def logit(share):
    return np.log(share) - np.log1p(-share)


@pytest.mark.parametrize("name", WITH)
def test_warming_is_answered_by_the_slopes_given_and_by_nothing_else(name):
    own = get(name)
    both = with_responses(own, NAMES)
    given = {slope_of("one"): -0.03, slope_of("other"): 0.02, warming_of("one"): 2.0, warming_of("other"): 0.5}
    found = efficiency_at(both, 16.5, **given)
    assert logit(found) == pytest.approx(logit(efficiency_at(own, 14.0)) - 0.06 + 0.01, rel=1e-9)
    # All else answers the temperature that there is, and no carbon is lost.
    mine, theirs = flows_at(both, 16.5, **given), flows_at(own, 16.5)
    source = "soil" if name == "ger" else "dissolved"
    taken = [(source, "microbes"), (source, "co2")]
    for flow, rate in theirs.items():
        if flow not in taken:
            assert mine[flow] == rate
    assert sum(mine[flow] for flow in taken) == pytest.approx(sum(theirs[flow] for flow in taken), rel=1e-12)


@pytest.mark.parametrize("name", WITH)
@pytest.mark.parametrize("temperature", [-4.0, 3.0, 17.3, 41.0, 120.0])
def test_without_warming_nothing_changes_to_the_last_bit(name, temperature):
    given = {slope_of(one): -0.03 for one in NAMES}
    assert flows_at(with_responses(get(name), NAMES), temperature, **given) == flows_at(get(name), temperature)


def test_a_line_that_runs_out_of_0_to_1_stays_where_it_is():
    """Where the published line is cut off at zero there is no efficiency that could answer."""
    own = get("millennial")
    given = {slope_of("one"): 0.5, warming_of("one"): 1.0, slope_of("other"): 0.0}
    assert efficiency_at(with_responses(own, NAMES), 80.0, **given) == efficiency_at(own, 80.0) == 0.0


@pytest.mark.parametrize("name", ["rothc", "icbm", "century", "two_pool_series"])
def test_structures_without_efficiency_say_so(name):
    assert name not in WITH
    with pytest.raises(StructureError, match=f"{name}: has no carbon use efficiency"):
        with_responses(get(name), NAMES)


def test_those_that_have_one_are_known():
    assert {
        "mcp",
        "mcp_forward",
        "millennial",
        "millennial_eca",
        "millennial_lin",
        "awb",
        "awb_eca",
        "ger",
        "somic",
    } == {*WITH}
