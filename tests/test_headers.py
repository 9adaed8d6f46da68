"""Headers and units as people write them: understood, asked about or refused, never led to another quantity."""

import re

import pandas as pd
import pytest

from socbayes.errors import UnitError
from socbayes.reading.names import split_header
from socbayes.reading.terms import meaning
from socbayes.table import validate_table
from socbayes.units import conversion_factor
from socbayes.vocabulary import QUANTITIES, SCHEMAS

SOC, STOCK, N, BD = "soil_organic_carbon", "soc_stock", "total_nitrogen", "bulk_density"
MEANT = [  # header, schema, column that it means
    *((header, "field_soc", SOC) for header in (
        "SOC", "soc", "SOC%", "SOC (%)", "SOC [g/kg]", "soc_g_kg", "SOC g kg-1", "Corg", "C_org", "Corg (%)", "OC",
        "OC%", "% OC", "TOC", "toc_percent", "org C", "Org. C", "organic carbon", "Soil Organic Carbon",
        "SoilOrganicCarbon", "soil_organic_carbn", "soil-organic-carbon", "Total organic carbon (g/kg)", "SOC content",
    )),
    *((header, "field_soc", STOCK) for header in (
        "SOC (t/ha)", "SOC_t_ha", "SOC stock", "soc_stocks", "C stock (Mg/ha)", "SOC [kg C m-2]", "Corg (Mg C ha-1)",
        "OC stock", "carbon_stock", "SOC density (kg/m2)", "SOC_Mg_ha", "soc stok",
    )),
    *((header, "field_soc", BD) for header in (
        "BD", "bd", "BD (g/cm3)", "db", "Db (Mg m-3)", "DBD", "bulkdensity", "Bulk density", "BulkDensity",
        "bulk_densty", "bulk_dens", "TRD", "dry bulk density", "bd_g_cm3", "rho_b",
    )),
    *((header, "field_soc", N) for header in ("TN", "TN%", "Ntot", "N_total", "total N", "Total nitrogen",
                                              "soil N (%)")),
    *((header, "field_soc", "depth_bottom") for header in (
        "lower_depth", "Lower depth", "bottom", "depth_lower", "bottom_depth", "hzdepb", "depth_to", "depth_botom",
    )),
    *((header, "field_soc", "depth_top") for header in (
        "upper_depth", "Upper depth (cm)", "top", "depth_upper", "hzdept", "depth_from", "top_depth_cm",
    )),
    *((header, "field_soc", "ph") for header in ("pH", "soil pH", "pH_H2O", "pH KCl", "pH (CaCl2)")),
    *((header, "field_soc", "clay") for header in ("Clay", "clay%", "Clay (%)", "clay_content", "argile", "cley")),
    *((header, "field_soc", "silt_and_clay") for header in ("silt+clay", "Silt and clay", "clay_silt")),
    *((header, "field_soc", "microbial_biomass") for header in ("MBC", "Cmic", "mbc_ug_g", "microbial biomass C")),
    *((header, "field_soc", "particulate_organic_carbon") for header in ("POC", "POM-C", "POM_C (g/kg)")),
    *((header, "field_soc", "mineral_associated_organic_carbon") for header in ("MAOC", "MAOM-C", "maom carbon")),
    *((header, "field_soc", f"{SOC}_sd") for header in ("SOC_sd", "sd_soc", "SOC SD", "SOC_std")),
    *((header, "field_soc", f"{STOCK}_sd") for header in ("soc_stock_std", "SD stock")),
    *((header, "field_soc", "treatment") for header in ("Treatment", "trt", "treatmnt")),
    *((header, "field_soc", "plot") for header in ("Plot", "plot no", "Plot_ID")),
    *((header, "field_weather", "rain") for header in (
        "precipitation", "Precip", "PRCP", "rainfall", "rain_mm", "Rain (mm)", "ppt",
    )),
    *((header, "field_weather", "temperature") for header in ("temp", "Tavg", "tmean", "T2M", "air temperature")),
    *((header, "field_management", "yield_dry_matter") for header in ("yield_dm", "dry matter yield")),
    *((header, "field_management", "fertilizer_nitrogen") for header in ("fertiliser_nitrogen", "N_rate")),
    ("SOM", "cue_temperature_gradient", "soil_organic_matter"),
    ("C/N", "cue", "soil_carbon_to_nitrogen"),
    ("C:N", "cue", "soil_carbon_to_nitrogen"),
    ("MAT", "cue", "mean_annual_temperature"),
    ("MAP", "necromass_levels", "mean_annual_precipitation"),
]  # fmt: skip
ASKED = [  # header, schema, word of the advice; no column is offered as what it means
    *((header, "field_soc", "1.724") for header in (
        "soil_organic_matter", "SOM", "SOM (%)", "OM", "OM%", "organic matter", "LOI", "loss on ignition", "Humus",
        "POM", "MAOM", "MO", "matière organique", "DOM",
    )),
    *((header, "field_soc", "carbonates") for header in (
        "total_carbon", "Total C", "TC", "Ctot", "C", "C (%)", "% C", "carbon", "soil carbon", "Ct",
    )),
    *((header, "field_soc", "inorganic") for header in ("inorganic_carbon", "SIC", "IC", "CaCO3", "carbonate (%)")),
    *((header, "field_soc", "one part of the carbon") for header in ("POXC", "labile carbon", "HWEC", "black_carbon")),
    *((header, "field_soc", "one part of total nitrogen") for header in ("Nmin", "NO3", "mineral N", "NH4-N")),
    *((header, "field_soc", "square root of the number") for header in (
        "SOC_se", "SOC SEM", "soc_stock_stderr", "se_soc",
    )),
    *((header, "field_soc", "depth_top") for header in ("depth", "Depth (cm)", "thickness", "layer", "mid_depth")),
    *((header, "field_soc", "total_nitrogen") for header in ("N", "N (%)", "n")),
    *((header, "field_soc", "has that of roots") for header in ("soil_respiration", "Rs")),
    *((header, "field_soc", "not a change") for header in ("SOC_change", "delta_SOC")),
    *((header, "field_soc", "carbon of the microbial") for header in ("MBN", "microbial_nitrogen")),
    ("silt", "field_soc", "silt_and_clay"),
    ("sand (%)", "field_soc", "less sand"),
    ("SOC_cv", "field_soc", "coefficient of variation"),
    ("SOC_max", "field_soc", "not an extreme"),
    ("CO2e", "field_soc", "12.011/44.009"),
    *((header, "field_weather", "takes the mean") for header in ("Tmin", "TMAX", "t_max (degC)", "TX")),
    *((header, "field_weather", "not that of air") for header in ("soil_temperature", "Tsoil")),
    *((header, "field_weather", "all water of the month") for header in ("past_precipitation", "snow", "irrigation")),
    *((header, "field_weather", "another quantity") for header in (
        "AET", "humidity", "radiation", "VPD", "wind speed",
    )),
    *((header, "field_management", "dry matter") for header in ("yield", "grain yield", "Yield (t/ha/yr)")),
    *((header, "field_management", "fresh mass") for header in ("manure", "FYM", "compost", "slurry")),
    *((header, "field_management", "enters the soil") for header in ("NPP", "residue", "straw", "litterfall")),
    *((header, "field_management", "nitrogen of mineral fertilizer") for header in ("fertilizer", "NPK")),
    *((header, "field_management", "say of what") for header in ("cover", "biomass")),
]  # fmt: skip
NEVER = [  # headers that mean nothing here
    *((header, "field_soc") for header in (
        "soil_organic_carbon_quality", "Fe", "CEC", "BS", "total_phosphorus", "available_phosphorus", "Olsen P", "K",
        "elevation", "slope", "aspect", "water content", "porosity", "comments", "remarks", "operator", "bulk",
        "organic",
        "carbon_quality", "crop", "management", "temperature", "soil type", "WRB", "PLFA", "enzyme activity", "DNA",
        "SOC (degC)", "BD (%)", "rh (%)", "depth_code", "total", "stock_type", "Mean", "Value",
        "sodium", "inorganic_matter",
    )),
    *((header, "field_weather") for header in (
        "cloud", "pressure", "frost days", "station", "SPI", "growing_degree_days",
    )),
    *((header, "cue") for header in ("NUE", "PUE", "growth", "uptake", "respiration", "qCO2", "turnover", "biomass")),
]  # fmt: skip


def offered(header, schema):
    """The fault of an unknown column."""
    frame = pd.DataFrame({header: [1.0, 2.0]})
    (fault,) = [
        fault for fault in validate_table(frame, schema) if fault.kind == "unknown column" and fault.row is None
    ]
    return fault.suggestion


@pytest.mark.parametrize(("header", "schema", "name"), MEANT)
def test_what_a_header_means_is_asked_by_its_column(header, schema, name):
    written, unit = split_header(header)
    assert meaning(written, unit, SCHEMAS[schema]).name == name


@pytest.mark.parametrize(("header", "schema", "word"), ASKED)
def test_another_quantity_is_asked_about_and_leads_to_no_column(header, schema, word):
    written, unit = split_header(header)
    found = meaning(written, unit, SCHEMAS[schema])
    assert found.name is None
    assert word in found.advice


@pytest.mark.parametrize(("header", "schema"), NEVER)
def test_a_header_of_no_column_leads_to_none(header, schema):
    written, unit = split_header(header)
    assert meaning(written, unit, SCHEMAS[schema]).name is None


@pytest.mark.parametrize(
    ("header", "schema", "words"),
    [
        (
            "SOC%",
            "field_soc",
            ["did you mean `soil_organic_carbon [%]`, organic carbon per mass of dry soil?", "x_SOC%"],
        ),
        ("SOM", "field_soc", ["divide by 1.724", "1.4 to 2.5", "`soil_organic_carbon`", "x_SOM"]),
        ("total_carbon", "necromass_levels", ["carbonates", "`soil_organic_carbon`"]),
        ("lower_depth", "field_soc", ["did you mean `depth_bottom`"]),
        ("past_precipitation", "field_weather", ["`rain` takes all water"]),
        ("inorganic_carbon", "field_soc", ["no organic carbon"]),
    ],
)
def test_the_advice_on_a_header(header, schema, words):
    advice = offered(header, schema)
    assert all(word in advice for word in words), advice


@pytest.mark.parametrize("schema", SCHEMAS)
def test_no_name_of_one_quantity_is_offered_for_another(schema):
    """Each canonical name that a schema lacks, and each alias of its own, keeps its meaning."""
    columns = SCHEMAS[schema].columns
    for name, quantity in QUANTITIES.items():
        offered_name = meaning(name, None, SCHEMAS[schema]).name
        if name in columns:
            assert offered_name == name
        elif offered_name is not None:
            aliases = {re.sub("[^a-z0-9]", "", alias.lower()) for alias in QUANTITIES[offered_name].aliases}
            assert name.replace("_", "") in aliases, (name, offered_name)
        assert quantity.name == name


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        (SOC, "dag/kg", 10), (SOC, "dag kg-1", 10), (SOC, "‰", 1), (SOC, "permille", 1), (SOC, "g/kg", 1),
        (SOC, "% (w/w)", 10), (SOC, "mass %", 10), (SOC, "kg kg-1", 1000), (SOC, "mg C/g soil", 1),
        (STOCK, "t/ha", 1), (STOCK, "Mg ha-1", 1), (STOCK, "Mg C ha−1", 1), (STOCK, "kg C m-2", 10),
        (STOCK, "tC/ha", 1), (STOCK, "MgC ha-1", 1), (STOCK, "g C/m²", 0.01), (STOCK, "kg CO2 m-2", 2.7292144),
        (BD, "g cm-3", 1), (BD, "Mg/m3", 1), (BD, "kg/dm3", 1), (BD, "t m-3", 1), (BD, "kg/L", 1),
        ("soil_organic_matter", "g OM/kg", 0.1), ("soil_organic_matter", "% OM", 1), ("clay", "g/kg", 0.1),
        ("carbon_use_efficiency", "mol C/mol C", 1), ("carbon_use_efficiency", "g/g", 1),
        ("co2_control", "umol/mol", 1), ("co2_control", "uL/L", 1), ("co2_control", "ppm", 1),
        ("rain", "L/m2", 1), ("rain", "cm", 10),
    ],
)  # fmt: skip
def test_units_that_are_understood(quantity, unit, factor):
    assert conversion_factor(unit, QUANTITIES[quantity]) == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize(
    ("quantity", "unit", "word"),
    [
        *((STOCK, unit, "12.011/44.009") for unit in ("Mg CO2e/ha", "t CO2-eq ha-1", "kg CO2eq/m2", "Mg CO2e ha-1")),
        *((SOC, unit, "1.724") for unit in ("g OM/kg", "g SOM kg-1", "% OM", "g organic matter/kg", "mg LOI g-1")),
        (STOCK, "Mg OM/ha", "1.724"),
        *((STOCK, unit, "per which area") for unit in ("kt", "Mt", "Gt", "Tg", "Pg C", "t", "kg")),
        (SOC, "g CaCO3/kg", "carbonate"),
        (SOC, "g N/kg", "nitrogen"),
        (SOC, "mg C g-1 SOM", "per mass of organic matter"),
        *((name, unit, "no ratio of masses")
          for name in (SOC, "clay", "soil_organic_matter", "soil_moisture", N)
          for unit in ("m2/m2", "cm3/cm3", "m3 m-3", "L/L", "mL/L", "m/m", "ha/ha", "mm/m", "h/h", "cm3 cm-3")),
        *((name, unit, "no ratio of masses")
          for name in ("carbon_use_efficiency", "harvest_index", "plant_cover", "ph")
          for unit in ("m2/m2", "cm3/cm3", "d/yr")),
        ("co2_control", "mg/kg", "volumes or moles"),
    ],
)  # fmt: skip
def test_units_of_another_quantity_are_refused_with_what_to_do(quantity, unit, word):
    with pytest.raises(UnitError) as error:
        conversion_factor(unit, QUANTITIES[quantity])
    assert word in str(error.value)


@pytest.mark.parametrize(
    "unit",
    [
        *("vol%", "vol.-%", "% v/v", "v/v", "cmol/kg", "meq/100g", "lbs/acre", "bu/ac", "oz", "MG/KG", "kt CO2", "Å"),
        *(
            "forest",
            "mgkg-1",
            "tha-1",
            "ppb",
            "ppt",
            "K/mol/s/q",
            "W/m2",
            "Bq/kg",
            "cfu/g",
            "dS/m",
            "kPa",
            "hPa",
            "MJ m-2",
        ),
    ],
)
def test_a_unit_that_is_not_known_leads_to_no_other(unit):
    for name in (SOC, STOCK, "rain", "temperature"):
        faults = validate_table(
            pd.DataFrame({f"{name} [{unit}]": [1.0]}), "field_soc" if name in (SOC, STOCK) else "field_weather"
        )
        (fault,) = [fault for fault in faults if fault.kind == "wrong unit"]
        assert "did you mean" not in fault.suggestion, fault.suggestion


@pytest.mark.parametrize(
    ("unit", "name", "near"),
    [
        ("g/kgg", SOC, "g/kg"), ("gr/kg", SOC, "g/kg"), ("G/KG", SOC, "g/kg"), ("g/Kg", SOC, "g/kg"),
        ("gramme/kg", SOC, "g/kg"), ("t/hectar", STOCK, "t/ha"), ("T/ha", STOCK, "t/ha"), ("pircent", SOC, "percent"),
        ("t/ha/jahr", "plant_carbon_input", "t/ha/yr"), ("kg/ha/an", "plant_carbon_input", "kg/ha/yr"),
    ],
)  # fmt: skip
def test_a_slip_in_a_unit_is_asked_about_where_it_measures_the_column(unit, name, near):
    schema = "field_management" if name in SCHEMAS["field_management"].columns else "field_soc"
    (fault,) = [
        fault
        for fault in validate_table(pd.DataFrame({f"{name} [{unit}]": [1.0]}), schema)
        if fault.kind == "wrong unit"
    ]
    assert ("did you mean" in fault.suggestion) == (near is not None)
    if near:
        assert f"`{near}`" in fault.suggestion


@pytest.mark.parametrize(
    ("name", "word", "meant"),
    [
        *(
            ("practice", word, None)
            for word in ("no cover crop", "without manure", "unmanured", "tillage", "No manure")
        ),
        *(("practice", word, "cover_crop") for word in ("cover crops", "Cover-crop", "cover_crp", "COVER CROP")),
        *(("ecosystem", word, None) for word in ("non-forest", "unforested", "agroforestry", "urban", "bare")),
        *(("ecosystem", word, "cropland") for word in ("arable land", "Arable", "crop land", "cropland.", "croplnd")),
        *(("tillage", word, "none") for word in ("no-till", "None")),
        ("nitrogen_supply", "not low", None),
        ("experiment_type", "free-air", "free_air"),
        ("measurement_method", "18O", "water_18O"),
        ("measurement_method", "13C-PLFA", None),
        *(("measurement_method", word, "biomass_balance") for word in ("CFE", "Chloroform fumigation", "fumigation")),
        ("measurement_method", "RQ", "respiratory_quotient"),
        ("measurement_method", "calorimetry", "calorespirometry"),
        ("measurement_method", "enzyme stoichiometry", "stoichiometric_model"),
        *(("aeration", word, meant) for word, meant in (("aerobic", "oxic"), ("Anaerobic", "anoxic"))),
        ("substrate_class", "unamended", "native_organic_matter"),
    ],
)
def test_a_class_is_offered_for_its_spellings_and_never_for_its_opposite(name, word, meant):
    schema = next(one for one in SCHEMAS.values() if name in one.columns)
    faults = validate_table(pd.DataFrame({name: [word]}), schema.name)
    (fault,) = [fault for fault in faults if fault.kind == "unknown category"]
    assert re.findall("did you mean `(.*)`", fault.suggestion) == ([meant] if meant else [])
