"""Units as soil scientists write them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socbayes.errors import SocbayesError, UnitError
from socbayes.units import conversion_factor, convert, parse_unit
from socbayes.vocabulary import QUANTITIES

UNITS_OF_THE_VOCABULARY = sorted({quantity.unit for quantity in QUANTITIES.values() if quantity.unit})


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        ("soil_organic_carbon", "g/kg", 1),
        ("soil_organic_carbon", "g kg-1", 1),
        ("soil_organic_carbon", "g kg^-1", 1),
        ("soil_organic_carbon", "g kg**-1", 1),
        ("soil_organic_carbon", "g·kg⁻¹", 1),
        ("soil_organic_carbon", "g.kg-1", 1),
        ("soil_organic_carbon", "g per kg", 1),
        ("soil_organic_carbon", "g SOC kg-1 dry soil", 1),
        ("soil_organic_carbon", "g C kg soil-1", 1),
        ("soil_organic_carbon", "gC/kg", 1),
        ("soil_organic_carbon", "mg C g-1", 1),
        ("soil_organic_carbon", "%", 10),
        ("soil_organic_carbon", "% C", 10),
        ("soil_organic_carbon", "wt%", 10),
        ("soil_organic_carbon", "g/100 g", 10),
        ("soil_organic_carbon", "g/g", 1000),
        ("soil_organic_carbon", "µg g-1", 0.001),
        ("soil_organic_carbon", "μg g−1", 0.001),
        ("soil_organic_carbon", "ug C g-1 soil", 0.001),
        ("soil_organic_carbon", "ppm", 0.001),
        ("microbial_biomass", "µg C g-1 soil", 1),
        ("microbial_biomass", "mmol C kg-1", 12.011),
        ("native_co2_control", "mg CO2-C kg-1", 1),
        ("native_co2_control", "mg CO2 kg-1", 12.011 / 44.009),
        ("native_co2_control_sd", "mg C kg-1", 1),
        ("respiration", "nmol CO2 g-1 h-1", 0.012011),
        ("respiration", "µg C g-1 d-1", 1 / 24),
        ("total_nitrogen", "g N kg-1", 1),
        ("clay", "fraction", 100),
        ("clay", "g/kg", 0.1),
        ("carbon_use_efficiency", "%", 0.01),
        ("carbon_use_efficiency", "fraction", 1),
        ("carbon_use_efficiency", "1", 1),
        ("carbon_use_efficiency", "-", 1),
        ("ph", "pH", 1),
        ("incubation_temperature", "°C", 1),
        ("incubation_temperature", "deg C", 1),
        ("incubation_time", "h", 1),
        ("incubation_time", "d", 24),
        ("duration", "yr", 1),
        ("duration", "months", 1 / 12),
        ("mean_annual_precipitation", "mm/yr", 1),
        ("mean_annual_precipitation", "mm a-1", 1),
        ("yield_dry_matter", "Mg ha-1 yr-1", 1),
        ("yield_dry_matter", "kg/ha/yr", 0.001),
        ("root_carbon_input", "t C/ha/yr", 1000),
        ("root_carbon_input", "g C m-2 yr-1", 10),
        ("depth_top", "m", 100),
        ("soc_stock", "kg C m-2", 10),
        ("soc_stock", "g/m2", 0.01),
        ("bulk_density", "kg m-3", 0.001),
        ("bulk_density", "Mg m-3", 1),
        ("plant_carbon_input", "g C m-2 yr-1", 0.01),
        ("plant_carbon_input", "t C/ha/month", 12),
        ("co2_flux", "umol CO2 m-2 s-1", 1.0377504),
        ("rain", "cm", 10),
        ("latitude", "°", 1),
    ],
)
def test_spellings_of_the_field_are_understood(quantity, unit, factor):
    assert conversion_factor(unit, QUANTITIES[quantity]) == pytest.approx(factor, rel=1e-13)


@pytest.mark.parametrize(
    ("quantity", "unit", "words"),
    [
        ("soil_organic_carbon", "g/m2", ["soil_organic_carbon", "g/kg", "g/m2", "bulk density and depth"]),
        ("soil_organic_carbon", "t C ha-1", ["bulk density and depth"]),
        ("soil_organic_carbon", "g cm-3", ["bulk density"]),
        ("soil_organic_carbon", "1", ["fraction or a content", "`%`"]),
        ("soil_organic_carbon", "", ["no unit"]),
        ("soil_organic_carbon", "fraction", ["`g/g`"]),
        ("soil_organic_carbon", "mmol/kg", ["moles of what", "mmol C kg-1"]),
        ("soil_organic_carbon", "g N kg-1", ["counts nitrogen", "carbon"]),
        ("soil_organic_carbon", "mg C g-1 SOC", ["per mass of carbon"]),
        ("glucosamine", "mg C kg-1", ["counts carbon", "glucosamine"]),
        ("yield_dry_matter", "t C/ha/yr", ["counts carbon"]),
        ("soc_stock", "g/kg", ["t/ha"]),
        ("manure_fresh", "t C/ha/yr", ["counts carbon"]),
        ("clay", "1", ["`fraction` or `%`"]),
        ("mean_annual_precipitation", "mm", ["per which time", "mm/year"]),
        ("respiration", "mg C kg-1", ["per which time"]),
        ("carbon_use_efficiency", "K", ["without unit"]),
        ("carbon_use_efficiency", "degree", ["without unit"]),
        ("soil_carbon_to_nitrogen", "mol/mol", ["ratio of masses"]),
        ("incubation_temperature", "h", ["degC"]),
    ],
)
def test_what_does_not_measure_the_quantity_is_refused(quantity, unit, words):
    with pytest.raises(UnitError) as error:
        convert([1.0], unit, quantity)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("unit", "near"),
    [("C", "degC"), ("g/kgg", "g/kg"), ("gr/kg", "g/kg"), ("G/KG", "g/kg"), ("degc.", "degC"), ("mm/jahr", "mm/yr")],
)
def test_an_unknown_unit_comes_with_the_nearest_spelling(unit, near):
    with pytest.raises(UnitError, match=rf"is not known \(did you mean `{near}`\?\)"):
        parse_unit(unit)


@pytest.mark.parametrize(
    "unit", ["g/kg/", "kg soil soil /", "tons/ha", "g C kg-1 ;", "//", "3 g", "forest", "mg/(kg h"]
)
def test_nonsense_is_an_error_of_socbayes(unit):
    with pytest.raises(SocbayesError, match="not known"):
        parse_unit(unit)


def test_temperatures_move_their_zero():
    np.testing.assert_array_equal(convert([288.15, np.nan], "K", "incubation_temperature"), [15.0, np.nan])
    np.testing.assert_allclose(convert([59.0], "degF", "incubation_temperature"), [15.0])


def test_shape_is_kept_and_the_input_untouched():
    values = np.array([[1.0, 2.0], [3.0, np.nan]])
    converted = convert(values, "%", "soil_organic_carbon")
    assert converted.shape == values.shape
    assert converted is not values
    assert values[0, 0] == 1.0
    assert convert(values, "g/kg", "soil_organic_carbon") is not values


@pytest.mark.parametrize("unit", UNITS_OF_THE_VOCABULARY)
def test_every_canonical_unit_is_readable(unit):
    assert parse_unit(unit).terms or unit == "1"


OTHERS = [
    ("soil_organic_carbon", "%"),
    ("soil_organic_carbon", "µg C g-1"),
    ("soil_organic_carbon", "g/100 g"),
    ("respiration", "ug C g-1 d-1"),
    ("mean_annual_precipitation", "cm/month"),
    ("incubation_temperature", "K"),
    ("incubation_temperature", "degF"),
    ("incubation_time", "d"),
    ("duration", "d"),
    ("clay", "fraction"),
    ("yield_dry_matter", "kg/ha/yr"),
]


@given(st.sampled_from(OTHERS), st.lists(st.floats(0.01, 500), min_size=1, max_size=5))
def test_there_and_back_is_identity(pair, values):
    quantity, other = QUANTITIES[pair[0]], pair[1]
    there = convert(values, other, quantity)
    back = convert(there, quantity.unit, replace(quantity, unit=other))
    np.testing.assert_allclose(back, values, rtol=1e-12, atol=1e-11)


def test_canonical_units_need_no_unit_library():
    code = "import sys, socbayes.units as u; u.convert([1.0], 'g/kg', 'necromass'); assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
