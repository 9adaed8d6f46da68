"""What published structures tell a laboratory, a field plot and the literature."""

from dataclasses import replace

import pytest

from socbayes.core import StructureError
from socbayes.core.structure import Efficiency
from socbayes.structures import get, list_structures
from socbayes.structures.forcing import rate_constants, roles_of
from socbayes.structures.fractions import FRACTION_NAMES, fraction_weights

PUMP = {
    "dissolved": ("dissolved",),
    "fractions": {
        "particulate": ("particulate", "necromass"),
        "mineral_associated": ("mineral_necromass", "mineral_plant"),
    },
    "decomposition": ("v_particulate", "v_necromass", "k_mineral"),
    "month_steps": 8,
    "carried": {
        "e_ref": "carbon_use_efficiency",
        "k_death": "microbial_turnover",
        "necromass_share": "residue_share",
    },
    "paced": {"v_dissolved": "k_death"},
    "efficiency": Efficiency("e_ref", "e_slope", logit=True),
}
MILLENNIAL = {
    "dissolved": ("dissolved",),
    "fractions": {
        "particulate": {"particulate": 1.0, "aggregates": 0.33},
        "mineral_associated": {"mineral": 1.0, "aggregates": 0.67},
    },
    "decomposition": ("alpha_decomposition", "desorption_rate"),
    "carried": {"cue_reference": "carbon_use_efficiency"},
    "efficiency": Efficiency("cue_reference", "cue_slope", "cue_temperature", sign=-1.0),
}
TWO_POOLS = {"fractions": {"particulate": ("fast",), "mineral_associated": ("slow",)}}
DISSOLVED = {"dissolved": ("dissolved",)}
LINE = {"efficiency": Efficiency("cue", "cue_slope", "reference_temperature")}
CORPSE = {"input_shares": {"input_fast": 0.3, "input_slow": 0.7}}

YASSO = {
    "fractions": {
        "particulate": ("acid", "water", "ethanol", "insoluble"),
        "mineral_associated": ("humus",),
    },
    "input_shares": {"input_acid": 0.46, "input_water": 0.32, "input_ethanol": 0.04, "input_insoluble": 0.18},
}

DECLARED = {
    "ctool": {
        "fractions": {
            "total": ("fresh_top", "humus_top", "resistant_top"),
            "particulate": ("fresh_top",),
            "mineral_associated": ("humus_top", "resistant_top"),
        },
        "input_shares": {"topsoil_input": 0.9, "subsoil_input": 0.1},
    },
    "somic": {
        "dissolved": ("dissolved",),
        "fractions": {
            "particulate": ("soluble", "insoluble"),
            "mineral_associated": ("dissolved", "microbes", "mineral"),
        },
        "input_shares": {"soluble_input": 1.44 / 2.44, "insoluble_input": 1.0 / 2.44},
        "efficiency": Efficiency("cue", "cue_slope", "cue_temperature", sign=-1.0),
    },
    "yasso15": YASSO,
    "yasso20": YASSO,
    "rothc": {
        "fractions": {
            "particulate": ("dpm", "rpm"),
            "humus": ("bio", "hum"),
            "resistant": ("iom",),
            "mineral_associated": ("bio", "hum", "iom"),
        }
    },
    "icbm": {"fractions": {"particulate": ("young",), "mineral_associated": ("old",)}},
    "two_pool_parallel": TWO_POOLS,
    "two_pool_series": TWO_POOLS,
    "two_pool_feedback": TWO_POOLS,
    "century": {
        "fractions": {
            "total": ("soil_structural", "soil_metabolic", "active", "slow", "passive"),
            "particulate": ("soil_structural", "soil_metabolic", "slow"),
            "mineral_associated": ("active", "passive"),
        },
        "input_shares": {"surface_input": 0.5, "soil_input": 0.5},
    },
    "corpse": CORPSE,
    "corpse_daily": CORPSE,
    "millennial": MILLENNIAL,
    "millennial_eca": MILLENNIAL,
    "millennial_lin": MILLENNIAL,
    "mcp": PUMP,
    "mcp_forward": PUMP,
    "awb": DISSOLVED | LINE,
    "awb_eca": DISSOLVED | LINE,
    "ger": LINE,
    "con": DISSOLVED,
    "mend": DISSOLVED,
}
FIELDS = ("dissolved", "fractions", "input_shares", "decomposition", "month_steps", "carried", "paced", "efficiency")


@pytest.mark.parametrize("name", list_structures())
def test_what_a_published_structure_declares(name):
    found = {one: getattr(get(name), one) for one in FIELDS}
    assert {one: value for one, value in found.items() if value} == DECLARED.get(name, {})


@pytest.mark.parametrize("name", list_structures())
def test_published_structures_use_names_of_fractions_that_all_know(name):
    assert set(fraction_weights(get(name))) <= set(FRACTION_NAMES)


def test_water_extractable_carbon_is_dissolved():
    assert fraction_weights(get("mend"))["water_extractable"].tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert "water_extractable" not in fraction_weights(get("rothc"))


def test_a_declared_fraction_may_have_any_name_and_replaces_what_is_implied():
    own = replace(get("mend"), fractions={"colloidal": {"sorbed": 0.5}, "water_extractable": ("dissolved", "sorbed")})
    weights = fraction_weights(own)
    assert weights["colloidal"].tolist() == [0, 0, 0.5, 0, 0, 0, 0]
    assert weights["water_extractable"].tolist() == [0, 0, 1, 0, 1, 0, 0]
    assert weights["total"].tolist() == [1] * 7
    assert fraction_weights(own, {"colloidal": ("mineral",)})["colloidal"].tolist() == [0, 1, 0, 0, 0, 0, 0]


def test_fractions_of_a_caller_have_names_that_are_known():
    with pytest.raises(StructureError, match="no fraction named 'humous'; did you mean 'humus'"):
        fraction_weights(get("icbm"), {"humous": ("old",)})
    with pytest.raises(StructureError, match="no fraction named 'humus'"):
        fraction_weights(get("icbm"), {"humus": ("old",)}, names=("colloidal",))
    assert fraction_weights(get("icbm"), {"colloidal": ("old",)}, names=("colloidal",))["colloidal"].tolist() == [0, 1]
    with pytest.raises(StructureError, match="fraction 'humus': no pool named 'olt'; did you mean 'old'"):
        fraction_weights(get("icbm"), {"humus": ("olt",)})


def test_shares_of_input_are_of_drivers_that_take_plant_carbon():
    assert roles_of(get("century")).plant == {"surface_input": 0.5, "soil_input": 0.5}
    assert roles_of(replace(get("century"), input_shares={"soil_input": 1.0})).plant == {"soil_input": 1.0}
    for name in ("rate_modifier", "manure_input"):
        with pytest.raises(StructureError, match=f"no driver of plant carbon named '{name}'"):
            roles_of(replace(get("rothc"), input_shares={name: 1.0}))


@pytest.mark.parametrize("name", list_structures())
def test_what_keeps_pace_is_a_rate(name):
    structure = get(name)
    assert {*structure.paced, *structure.paced.values()} <= set(rate_constants(structure))
