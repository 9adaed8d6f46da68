"""Declarations: what is refused, and with which words."""

from dataclasses import replace

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
import pytest

from socbayes.core import (
    Driver,
    Flow,
    Parameter,
    Structure,
    StructureError,
    integrate,
    with_clock,
    with_factors,
    with_label,
    with_radiocarbon,
)
from socbayes.core.kernels import hoisted, program
from socbayes.core.mathematics import exp, less, maximum, where
from socbayes.core.scalar_graph import specific_rate
from socbayes.core.structure import OUTPUTS
from socbayes.errors import UnknownNameError
from socbayes.structures import get, list_structures, simulate

K = Parameter("k", "1/day", 0.1, "assumed", 0.0)
FED = Driver("fed", "g/m**2/day", default=1.0)


def declare(flows=None, **changes):
    def default(x, p, u):
        yield Flow("input", "litter", u.fed)
        yield Flow("litter", "co2", p.k * x.litter)

    settings = {"name": "one", "pools": ("litter",), "parameters": (K,), "drivers": (FED,), "flows": flows or default}
    return Structure(**(settings | changes))


def flow(source, target, rate=None):
    def flows(x, p, u):
        yield Flow("input", "litter", u.fed)
        yield Flow("litter", "co2", p.k * x.litter)
        yield Flow(source, target, p.k * x.litter if rate is None else rate(x, p, u))

    return flows


outside = ps.float64("outside")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flows": flow("liter", "co2")}, "no pool named 'liter'; did you mean 'litter'"),
        ({"flows": flow("litter", "nowhere")}, "flow into no pool or sink named 'nowhere'"),
        ({"flows": flow("co2", "litter")}, "flow from no pool named 'co2'"),
        ({"flows": flow("litter", "litter")}, "to itself"),
        ({"flows": flow("litter", "co2", lambda x, p, u: 0.5)}, "not a PyTensor scalar graph"),
        ({"flows": flow("litter", "co2", lambda x, p, u: pt.dscalar())}, "not a PyTensor scalar graph"),
        ({"flows": flow("litter", "co2", lambda x, p, u: outside * x.litter)}, "depends on outside"),
        ({"flows": flow("litter", "co2", lambda x, p, u: x.litter < 1.0)}, "not a PyTensor scalar graph|has type bool"),
        (
            {"flows": flow("litter", "co2", lambda x, p, u: p.kk * x.litter)},
            "no parameter named 'kk'; did you mean 'k'",
        ),
        ({"flows": lambda x, p, u: iter(())}, "yields no Flow"),
        ({"flows": lambda x, p, u: iter([("litter", "co2", 1)])}, "must yield Flow"),
        ({"pools": ("litter", "humus")}, "no flow enters or leaves 'humus'"),
        ({"pools": ("litter", "litter")}, "declared twice: litter"),
        ({"pools": ()}, "at least one pool"),
        ({"pools": ("litter", "input")}, "outside world"),
        ({"pools": ("litter", "2nd")}, "cannot be read as an attribute"),
        ({"parameters": (Parameter("k", "", 0.1, "assumed"),)}, "has no unit"),
        ({"parameters": (Parameter("k", "1/day", 0.1, ""),)}, "has no source"),
        ({"parameters": (Parameter("k", "1/day", -0.1, "assumed", 0.0),)}, "lies outside"),
        ({"parameters": (K, K)}, "declared twice: k"),
        ({"drivers": (Driver("fed", ""),)}, "driver 'fed' has no unit"),
        ({"scheme": "implicit"}, "no scheme named 'implicit'"),
        ({"microbial": ("bugs",)}, "microbial: no pool named 'bugs'"),
        ({"inert": ("litter",)}, "is inert but a flow touches it"),
        ({"parameter_sets": {"paper": {"kk": 1.0}}}, "parameter set 'paper': no parameter named 'kk'"),
        ({"dissolved": ("liter",)}, "dissolved: no pool named 'liter'; did you mean 'litter'"),
        ({"fractions": {"fine": ("liter",)}}, "fraction 'fine': no pool named 'liter'; did you mean 'litter'"),
        ({"fractions": {"fine": {"liter": 1.0}}}, "fraction 'fine': no pool named 'liter'; did you mean 'litter'"),
        ({"fractions": {"fine": ()}}, "fraction 'fine' needs pools"),
        ({"fractions": {"fine": {"litter": -1.0}}}, "fraction 'fine' needs pools, with positive weights"),
        ({"fractions": {"fine": {"litter": np.nan}}}, "fraction 'fine' needs pools, with positive weights"),
        ({"input_shares": {"feed": 1.0}}, "input_shares: no driver named 'feed'; did you mean 'fed'"),
        ({"input_shares": {"fed": 0.9}}, "input_shares must not be negative and sum to 1, not to 0.9"),
        ({"decomposition": ("kk",)}, "decomposition: no parameter named 'kk'; did you mean 'k'"),
        ({"month_steps": 0}, "month_steps must be at least 1, got 0"),
        ({"inert_share": 1.0}, "inert_share must be between 0 and 1, got 1"),
        ({"carried": {"kk": "turnover"}}, "carried: no parameter named 'kk'; did you mean 'k'"),
        ({"paced": {"kk": "k"}, "carried": {"k": "turnover"}}, "paced: no parameter named 'kk'; did you mean 'k'"),
        ({"paced": {"k": "k"}}, "paced: no carried parameter named 'k'"),
        ({"paced": {"k": "k"}, "carried": {"k": "turnover"}}, "cannot keep pace with 'k', as it is carried itself"),
        ({"time_unit": "bananas"}, "time_unit: unit 'bananas' is not known"),
        ({"time_unit": "g"}, "time_unit 'g' is no unit of time"),
        ({"carbon_unit": "bananas"}, "carbon_unit: unit 'bananas' is not known"),
        ({"carbon_unit": "year"}, "carbon_unit 'year' is no unit of carbon"),
        ({"drivers": (Driver("fed", "bananas"),)}, "driver 'fed': unit 'bananas' is not known"),
        ({"drivers": (Driver("fed", "kg/m**2/day"),)}, "'kg/m.*' counts carbon, which is in g/m.*2/day here"),
        ({"drivers": (Driver("fed", "g/m**2/year"),)}, "'g/m.*' counts carbon, which is in g/m.*2/day here"),
        ({"drivers": (Driver("fed", "g m-2 yr-1"),)}, "counts carbon"),
        ({"parameters": (Parameter("k", "bananas", 0.1, "assumed"),)}, "parameter 'k': unit 'bananas' is not known"),
        ({"parameters": (Parameter("k", "1/year", 0.1, "assumed"),)}, "'1/year' is a rate, and rates are per day here"),
        ({"parameters": (Parameter("k", "kg/m**2", 0.1, "assumed"),)}, "counts carbon, which is in g/m.*2 here"),
        ({"parameters": (Parameter("k", "ha/t/day", 0.1, "assumed"),)}, "counts carbon"),
        ({"reports": lambda x, p, u: {"lost": ("bananas", p.k * x.litter)}}, "report 'lost': unit 'bananas'"),
        ({"reports": lambda x, p, u: {"litter": ("1/day", p.k)}}, "'litter' is a report and a pool or sink too"),
        ({"reports": lambda x, p, u: {"co2_rate": ("1/day", p.k)}}, "no report can be called 'co2_rate'"),
        *(
            ({"pools": (name,)}, f"no pool or sink can be called '{name}', as every run gives that out itself")
            for name in OUTPUTS
        ),
        ({"sinks": ("co2", "site")}, "no pool or sink can be called 'site'"),
        ({"parameters": (Parameter("k", "1/day", 0.1, "assumed", 1.0, 0.0),)}, "bounds of 'k' are"),
        ({"drivers": (Driver("fed", "g/m**2/day", default=-1.0, lower=0.0),)}, "default of 'fed', -1, lies outside"),
        ({"parameter_sets": {"paper": {"k": -1.0}}}, "parameter set 'paper': 'k', -1, lies outside"),
        ({"step": 0.0}, "step must be a length of time"),
        ({"meters": ("litter_to_co3",)}, "no flow named 'litter_to_co3'; did you mean 'litter_to_co2'"),
        (
            {
                "parameters": (K, Parameter("off", "1/day", 0.0, "assumed")),
                "paced": {"k": "off"},
                "carried": {"off": "turnover"},
            },
            "'k' cannot keep pace with 'off', as that is zero by default",
        ),
    ],
)
def test_mistakes_are_named_at_declaration(changes, message):
    with pytest.raises(StructureError, match=message):
        declare(**changes)


@pytest.mark.parametrize(
    ("carbon", "time", "unit"),
    [
        ("g/m**2", "day", "g C m-2 d-1"),
        ("t/ha", "year", "Mg/ha/yr"),
        ("kg/m**2", "year", "kg/m2/year"),
        ("mg/g", "day", "g/kg/day"),
        ("mg/g", "day", "g*day/mg"),
        ("mg/cm**3", "hour", "kg/m**3"),
        ("mg/cm**3", "hour", "g/m**2/year"),
        ("g/m**2", "day", "degC"),
        ("g/m**2", "day", "1/delta_degC"),
        ("g/m**2", "day", "J/mol"),
        ("g/m**2", "day", "1/kPa"),
        ("g/m**2", "day", "percent"),
        ("g/m**2", "day", "m^3/m^3"),
        ("g/m**2", "day", "year"),
    ],
)
def test_units_that_are_the_structures_or_no_carbon_pass(carbon, time, unit):
    fed = Driver("fed", f"{carbon}/{time}", default=1.0)
    other = Parameter("other", unit, 1.0, "assumed")
    k = Parameter("k", f"1/{time}", 0.1, "assumed")
    assert declare(carbon_unit=carbon, time_unit=time, drivers=(fed,), parameters=(k, other)).carbon_unit == carbon


@pytest.mark.parametrize("name", ["co2_x", "litter_14c", "litter_label", "litter_native"])
def test_a_pool_with_the_name_of_another_thing_is_carbon_like_any_other(name):
    """What weighs nothing, is labelled or respired is declared, not read from names."""

    def flows(x, p, u):
        yield Flow("input", name, u.fed)
        yield Flow(name, "co2", p.k * x[name])

    structure = declare(flows, pools=(name,))
    assert structure.carbon_pools == (name,)
    assert structure.respired == ("co2",)
    assert not structure.labelled
    run = simulate(structure, None, None, [3.0], times=[0])
    assert run["soil_organic_carbon"].item() == 3.0
    assert run["co2_rate"].item() == pytest.approx(0.3)
    assert set(run) == {name, "co2", "soil_organic_carbon", "co2_rate"}


def test_respired_carbon_is_what_goes_into_co2_however_that_is_written():
    def flows(sink):
        def chosen(x, p, u):
            yield Flow("litter", sink, p.k * x.litter)

        return chosen

    assert declare(flows("CO2"), sinks=("CO2",)).respired == ("CO2",)
    assert declare(flows("leached"), sinks=("leached",)).respired == ()


def test_what_a_structure_knows():
    structure = declare(parameter_sets={"paper": {"k": 0.3}})
    assert structure.state == ("litter", "co2")
    assert structure.linear
    assert not get("mcp").linear
    assert structure.defaults() == {"k": 0.1}
    assert structure.defaults("paper") == {"k": 0.3}
    with pytest.raises(UnknownNameError, match="did you mean 'paper'"):
        structure.defaults("papers")


TOLD = {
    "dissolved": ("litter",),
    "fractions": {"particulate": ("litter",), "fine": {"litter": 0.5}},
    "input_shares": {"fed": 1.0},
    "decomposition": ("k",),
    "month_steps": 4,
    "carried": {"k": "turnover"},
}


def test_nothing_more_is_told_unless_declared():
    plain = declare()
    for name in TOLD:
        assert not getattr(plain, name), name
    assert not plain.paced


def test_what_is_told_cannot_be_changed():
    given = {"particulate": {"litter": 0.5}}
    structure = declare(fractions=given)
    given["particulate"]["litter"] = 0.7
    assert structure.fractions["particulate"] == {"litter": 0.5}
    with pytest.raises(TypeError):
        structure.fractions["particulate"]["litter"] = 0.7
    with pytest.raises(TypeError):
        structure.carried["k"] = "turnover"


def test_compiled_code_does_not_depend_on_what_is_told():
    plain = declare()
    assert program(plain, "rk4").key == program(replace(plain, **TOLD), "rk4").key


def test_a_labelled_structure_sees_both_carbons_in_its_fractions():
    labelled = with_label(declare(**TOLD))
    assert labelled.dissolved == ("litter_native", "litter_label")
    assert labelled.fractions == {
        "particulate": ("litter_native", "litter_label"),
        "fine": {"litter_native": 0.5, "litter_label": 0.5},
    }
    for name in ("input_shares", "decomposition", "month_steps", "carried"):
        assert getattr(labelled, name) == TOLD[name]


def test_radiocarbon_and_factors_leave_what_is_told():
    told = declare(**TOLD)
    for other in (with_radiocarbon(told), with_factors(told, {"fed": "more", "k": "faster"})):
        assert {name: getattr(other, name) for name in TOLD} == TOLD


def test_a_clock_has_no_months():
    told = with_clock(declare(**TOLD))
    assert {name: getattr(told, name) for name in TOLD} == TOLD | {"month_steps": None}


def test_shares_of_drivers_survive_drivers_that_are_computed_beforehand():
    def flows(x, p, u):
        yield Flow("input", "litter", exp(u.fed))
        yield Flow("litter", "co2", p.k * x.litter)

    computed, _ = hoisted(declare(flows, input_shares={"fed": 1.0}))
    assert "fed" not in computed.driver_names


@pytest.mark.parametrize("name", list_structures())
def test_every_published_structure_is_documented(name):
    structure = get(name)
    assert structure.reference
    for parameter in structure.parameters:
        assert parameter.meaning, parameter.name
    for driver in structure.drivers:
        assert driver.meaning, driver.name


def test_unknown_structure():
    with pytest.raises(UnknownNameError, match="no structure named 'milennial'; did you mean 'millennial'"):
        get("milennial")


def test_labelling_twice_is_refused():
    with pytest.raises(StructureError, match="labelled already"):
        with_label(with_label(declare()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": {"kk": 1.0}}, "no parameter named 'kk'"),
        ({"parameters": {"k": np.ones((2, 2))}}, "2 dimensions"),
        ({"drivers": {"feed": 1.0}}, "no driver named 'feed'"),
        ({"drivers": {"fed": np.ones((2, 2, 2))}}, "3 dimensions"),
        ({"initial": [1.0, 2.0]}, "expected"),
        ({"times": [0.5]}, "whole numbers"),
        ({"times": [3, 1]}, "increasing"),
        ({"drivers": {"fed": np.ones(2)}}, "drivers end after 2 intervals"),
        ({"scheme": "heun"}, "no scheme named 'heun'"),
        ({"steps": 0}, "at least 1"),
        ({"interval": -1.0}, "must be positive"),
        ({"parameters": {"k": np.ones(3)}, "initial": np.ones((2, 1))}, "sites"),
    ],
)
def test_mistakes_of_a_run_are_named(arguments, message):
    settings = {"initial": [1.0], "times": [0, 3]} | arguments
    with pytest.raises(StructureError, match=message):
        integrate(declare(), settings.pop("initial"), **settings)


def test_missing_driver_is_named():
    structure = declare(drivers=(Driver("fed", "g/m**2/day"),))
    with pytest.raises(StructureError, match=r"driver 'fed' \[g/m\*\*2/day\] is not given"):
        integrate(structure, [1.0], times=[1])
    with pytest.raises(StructureError, match="is not given"):
        simulate(structure, times=[1])


def evaluate(variable, values):
    return variable.eval(values, on_unused_input="ignore", mode="FAST_COMPILE")


def test_specific_rate_cancels_the_pool():
    x, y = ps.float64("x"), ps.float64("y")
    kinked = where(less(y, 1.0), x * y, x)
    for rate in (x * y / (1.0 + x), -(x * exp(y)), x**1.5, 2.0 * x + x * y, kinked, x * x * y):
        quotient = specific_rate(rate, x)
        f = rate / x
        values = {x: 0.7, y: 0.4}
        assert evaluate(quotient, values) == pytest.approx(evaluate(f, values))
        assert np.isfinite(evaluate(quotient, {x: 0.0, y: 0.4}))
    hidden = specific_rate(maximum(x - 0.5, 0.0), x)
    assert hidden.eval({x: 0.0}) == 0.0
    assert hidden.eval({x: 2.0}) == 0.75
