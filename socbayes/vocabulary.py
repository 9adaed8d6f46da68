"""Every quantity socbayes reads, samples or reports, said once.

A quantity has one name, one canonical unit, one meaning and one plausible
range, whatever table, model, figure or report it appears in. Tables are sets
of quantities: a :class:`TableSchema` lists which must be there, which may be
there and which together name a row.

Two kinds of bounds are kept apart. ``lower`` and ``upper`` are limits beyond
which a number cannot mean what its column says (a negative carbon content, a
carbon use efficiency of 45), and a table that crosses them is refused.
"""

from __future__ import annotations

import difflib

from socbayes.observations import OBSERVATIONS, observed_columns
from socbayes.quantity import Quantity, TableSchema

CI_PROB = 0.89
"""Probability of every interval socbayes prints or draws."""

CI_KIND = "eti"
"""Kind of every interval: equal-tailed."""

INTERVAL_NAME = "89 % equal-tailed interval"
"""How the interval is named beside a number or a figure."""


ECOSYSTEMS = (
    "cropland",
    "grassland",
    "forest",
    "shrubland",
    "savanna",
    "desert",
    "tundra",
    "wetland",
)
MEASUREMENT_METHODS = (
    "substrate_label",
    "water_18O",
    "metabolic_flux",
    "tracer_growth",
    "biomass_balance",
    "respiratory_quotient",
    "calorespirometry",
    "stoichiometric_model",
    "other",
)
"""How carbon use efficiency is measured: label of a substrate in biomass; 18O of water in DNA; position-specific label
in CO2; tracers of bacterial and fungal growth; gain of biomass by chloroform fumigation, without a label; CO2 over O2;
heat over CO2 (Hansen et al. 2004, Thermochimica Acta 422:55; Chakrawal et al. 2020, Soil Biology and Biochemistry
148:107945, also without oxygen); enzymes and stoichiometry (Sinsabaugh et al. 2013, Ecology Letters 16:930); anything
else. Geyer et al. 2019 (Soil Biology and Biochemistry 128:79) compare most of them."""
SUBSTRATE_CLASSES = (
    "glucose",
    "amino_acid",
    "organic_acid",
    "polymer",
    "plant_residue",
    "inorganic_nitrogen",
    "water",
    "native_organic_matter",
)
"""Classes of what carries the label or was added; in the last, nothing was."""
PRACTICES = (
    "no_tillage",
    "reduced_tillage",
    "cover_crop",
    "crop_diversification",
    "straw_return",
    "manure",
    "manure_with_mineral_fertilizer",
    "biochar",
    "mineral_fertilizer",
    "nitrogen_addition",
    "phosphorus_addition",
    "organic_farming",
    "perennial_vegetation",
    "plant_diversity",
    "cultivation",
    "warming",
    "other_global_change",
)
"""Management and land-use classes of the necromass pairs."""
EVIDENCE_LEVERS = (
    "cover_crop",
    "no_tillage",
    "reduced_tillage",
    "residue_return",
    "manure",
    "compost",
    "mineral_fertilizer",
    "nitrogen_addition",
    "biochar",
    "liming",
    "irrigation",
    "organic_farming",
    "agroforestry",
    "hedgerow",
    "grazing_exclusion",
    "grassland_restoration",
    "forest_restoration",
    "afforestation",
    "cultivation",
    "grazing_of_native_land",
    "plantation_of_native_land",
    "pasture_from_forest",
    "crop_diversification",
    "perennial_vegetation",
    "plant_diversity",
    "warming",
    "permafrost_thaw",
    "litter_doubled",
    "litter_removed",
    "roots_removed",
    "inputs_removed",
    "elevated_co2",
)
"""What changed between the two soils of a pair of effects: the treated one has it, the control has not. Liming is lime
or another source of calcium; restoration is of land that was farmed, afforestation of land that was not forest;
cultivation turns native land into cropland, and grazing or plantation of native land into pasture or planted forest."""
ALLOCATION_RATIOS = ("straw_to_product", "root_to_shoot", "rhizodeposit_to_root")
"""Ratios that say how the carbon of a crop is shared out; the shoot is product and straw together."""
CROP_GROUPS = ("cereal", "legume", "oilseed", "root_crop")
"""Groups of annual crops whose carbon is shared out alike."""
GROWN = ("compiled", "field", "potted", "hydroponic", "unspecified", "traced")
"""How plants of an allocation ratio were grown: compiled coefficients are of mature crops in fields; traced ones are
of carbon that a labelled crop took up at one stage."""
GROWTH_STAGES = ("tillering", "elongation", "anthesis")
"""Stages at which crops were labelled."""
VALUE_ORIGINS = ("measured", "pooled", "estimated", "derived", "printed", "digitised")
"""How a value of a field table came about: measured on its own plot; measured on
one sample bulked from several plots; assumed or interpolated by the source;
computed from another measurement; printed in a later work; read from a figure."""
AMENDMENTS = (
    "straw",
    "green_manure",
    "farmyard_manure",
    "compost",
    "slurry",
    "digestate",
    "sewage_sludge",
    "peat",
    "sawdust",
    "biochar",
)
"""What is spread on a field for its carbon or nutrients, each with a quality of its own."""
TILLAGE_CLASSES = ("full", "reduced", "none", "mixed")
"""Depth and intensity of tillage; mixed where seasons differ."""

_N = Quantity

_QUANTITIES = (
    # --- who, where, when -------------------------------------------------
    _N("observation", "", "Identifier of one row.", "text", aliases=("obs", "obs_id", "id", "row")),
    _N(
        "study",
        "",
        "Publication or experiment the row comes from.",
        "text",
        aliases=("author", "paper", "reference", "source", "study_id"),
    ),
    _N("compilation", "", "Literature compilation that printed the row.", "text"),
    _N("dataset", "", "Data set the row comes from.", "text"),
    _N("doi", "", "Digital object identifier of the primary publication.", "text"),
    _N("site", "", "Place of sampling.", "text", aliases=("location", "site_name", "site_id", "locality")),
    _N(
        "soil",
        "",
        "Soil within a study: one sampled soil, stand or horizon.",
        "text",
        aliases=("soil_id", "soil_group"),
    ),
    _N("country", "", "Country of sampling.", "text"),
    _N("latitude", "degree", "Latitude, north positive.", lower=-90, upper=90, aliases=("lat",)),
    _N("longitude", "degree", "Longitude, east positive.", lower=-180, upper=180, aliases=("lon", "long")),
    _N(
        "ecosystem",
        "",
        "Land cover or land use.",
        "category",
        categories=ECOSYSTEMS,
        aliases=("land_use", "biome", "pft", "eco"),
    ),
    _N("land_cover", "", "Land cover as printed by the source.", "text"),
    _N("climate_class", "", "Main climate class.", "text"),
    _N(
        "mean_annual_temperature",
        "degC",
        "Mean annual air temperature of the site.",
        lower=-30,
        upper=40,
        aliases=("mat", "mat_c", "tmp"),
    ),
    _N(
        "mean_annual_precipitation",
        "mm/year",
        "Mean annual precipitation of the site.",
        lower=0,
        upper=12000,
        aliases=("map", "map_mm", "precipitation"),
    ),
    _N(
        "depth_top",
        "cm",
        "Upper limit of the sampled layer, from the surface of the mineral soil; above it, depths are negative.",
        lower=-100,
        upper=1000,
        aliases=("top_depth", "depth_upper", "upper_depth", "upper_limit", "top", "depth_from", "hzdept"),
    ),
    _N(
        "depth_bottom",
        "cm",
        "Lower limit of the sampled layer, from the surface of the mineral soil.",
        lower=-100,
        upper=1000,
        aliases=("bottom_depth", "depth_lower", "lower_depth", "lower_limit", "bottom", "depth_to", "hzdepb"),
    ),
    _N(
        "duration",
        "year",
        "Time since the management, climate or land use changed.",
        lower=0,
        upper=1000,
        aliases=("duration_yr", "years", "time"),
    ),
    # --- soil -------------------------------------------------------------
    _N(
        "soil_organic_carbon",
        "g/kg",
        "Organic carbon per mass of dry soil.",
        lower=0,
        upper=600,
        aliases=(
            *(
                "soc",
                "soc_g_kg",
                "oc",
                "toc",
                "bulk_c",
                "organic_carbon",
                "corg",
                "c_org",
                "org_c",
                "total_organic_carbon",
            ),
            *("soc_content", "soc_concentration", "carbone_organique", "cot", "carbono_organico", "cos"),
        ),
    ),
    _N(
        "soil_organic_matter",
        "percent",
        "Loss on ignition per mass of dry soil.",
        lower=0,
        upper=100,
        aliases=("som", "loi", "om", "organic_matter", "loss_on_ignition"),
    ),
    _N(
        "soil_carbon_to_nitrogen",
        "1",
        "Mass ratio of organic carbon to total nitrogen.",
        lower=1,
        upper=200,
        aliases=("cn", "c_n", "soil_cn", "soc:n", "cn_ratio", "c_to_n", "c_n_ratio"),
    ),
    _N(
        "total_nitrogen",
        "g/kg",
        "Total nitrogen per mass of dry soil.",
        lower=0,
        upper=60,
        aliases=("tn", "total_n", "n_total", "ntot", "nt", "soil_nitrogen", "soil_n"),
    ),
    _N(
        "ph",
        "1",
        "Soil pH; water where the source gives both.",
        lower=2,
        upper=11,
        aliases=("soil_ph", "ph_h2o", "ph_water", "ph_kcl", "ph_cacl2"),
    ),
    _N(
        "clay",
        "percent",
        "Clay content of the mineral soil.",
        lower=0,
        upper=100,
        aliases=("clay_pct", "clay_content", "argile", "arcilla"),
    ),
    _N(
        "silt_and_clay",
        "percent",
        "Silt plus clay content of the mineral soil.",
        lower=0,
        upper=100,
        aliases=("siltclay", "silt_clay", "clay_silt", "clay_and_silt", "silt+clay", "fines"),
    ),
    _N(
        "mineral_type",
        "",
        "Activity class of the clay minerals.",
        "category",
        categories=("high_activity", "low_activity"),
    ),
    _N("soil_order", "", "Soil order as printed.", "text"),
    _N(
        "fractionation_method",
        "",
        "How organic matter was fractionated.",
        "category",
        categories=("particle_size", "density", "density_and_particle_size"),
    ),
    _N(
        "microbial_biomass",
        "mg/kg",
        "Microbial biomass carbon per mass of dry soil.",
        lower=0,
        upper=50000,
        aliases=("mbc", "mbc_ug_g", "cmic", "microbial_carbon", "microbial_biomass_carbon", "biomass_c"),
    ),
    _N(
        "particulate_organic_carbon",
        "g/kg",
        "Carbon of the particulate fraction per mass of dry soil.",
        lower=0,
        upper=600,
        aliases=("poc", "pom_c", "pom_carbon", "particulate_carbon"),
    ),
    _N(
        "mineral_associated_organic_carbon",
        "g/kg",
        "Carbon of the mineral-associated fraction per mass of dry soil.",
        lower=0,
        upper=600,
        aliases=("maoc", "maom_c", "maom_carbon", "mineral_associated_carbon", "siltclayc"),
    ),
    # --- carbon use efficiency ---------------------------------------------
    _N(
        "carbon_use_efficiency",
        "1",
        "Microbial growth per carbon taken up, as the method sees it.",
        lower=-0.5,
        upper=1.5,
        aliases=("cue", "mge", "yield"),
    ),
    _N(
        "carbon_use_efficiency_error",
        "1",
        "Stated error of the carbon use efficiency; SD or SE, as printed.",
        lower=0,
        upper=1,
        aliases=("cue_error", "cue_sd", "cue_se"),
    ),
    _N(
        "measurement_method",
        "",
        "How growth and uptake were measured.",
        "category",
        categories=MEASUREMENT_METHODS,
        aliases=("method", "cue_method"),
    ),
    _N(
        "substrate_class",
        "",
        "Class of the substrate that carries the label or was added.",
        "category",
        categories=SUBSTRATE_CLASSES,
        aliases=("substrate",),
    ),
    _N(
        "incubation_temperature",
        "degC",
        "Temperature of the incubation.",
        lower=-20,
        upper=70,
        aliases=("temp", "temperature", "incubation_temp_c", "asstemp"),
    ),
    _N(
        "incubation_time",
        "hour",
        "Time from substrate or label addition to measurement.",
        lower=0,
        upper=20000,
        aliases=("hours", "incubation_time_h", "time_h"),
    ),
    _N(
        "substrate_dose",
        "mg/kg",
        "Substrate carbon added per mass of dry soil, cumulative.",
        lower=0,
        upper=500000,
        aliases=("dose", "dose_ug_c_g"),
    ),
    _N(
        "aeration",
        "",
        "Whether microbes of the incubation had oxygen.",
        "category",
        categories=("oxic", "anoxic", "fluctuating"),
        aliases=("oxygen", "redox", "oxygen_status"),
    ),
    _N(
        "counted_products",
        "",
        "Products whose carbon counts as taken up and not grown.",
        "category",
        categories=("co2", "co2_and_methane", "co2_and_fermentation_products"),
        aliases=("products", "products_counted"),
    ),
    _N(
        "bacterial_growth",
        "mg/kg/hour",
        "Bacterial growth as carbon (leucine incorporation).",
        lower=0,
        upper=1000,
        aliases=("b_c",),
    ),
    _N(
        "fungal_growth",
        "mg/kg/hour",
        "Fungal growth as carbon (acetate in ergosterol).",
        lower=0,
        upper=1000,
        aliases=("f_c",),
    ),
    _N(
        "respiration",
        "mg/kg/hour",
        "Heterotrophic respiration as CO2 carbon.",
        lower=0,
        upper=10000,
        aliases=("r_c", "resp"),
    ),
    # --- priming -------------------------------------------------------------
    _N("jar", "", "One incubated vessel.", "text", aliases=("unit", "vessel", "flask")),
    _N(
        "control",
        "",
        "Control a treated row is compared with; rows that share it share its error.",
        "text",
        aliases=("control_id",),
    ),
    _N("run", "", "Incubation run within a study.", "text"),
    _N("substrate", "", "Labelled substrate as printed.", "text"),
    _N(
        "added_nitrogen",
        "",
        "Whether mineral nitrogen came with the substrate.",
        "category",
        categories=("yes", "no"),
        aliases=("added_n", "n_added"),
    ),
    _N("incubation_day", "day", "Days since the first addition.", lower=0, upper=5000, aliases=("day", "days")),
    _N(
        "native_co2_control",
        "mg/kg",
        "Cumulative CO2 carbon from soil organic matter in the matched control.",
        lower=0,
        upper=600000,
        aliases=("cum_native_control",),
    ),
    _N(
        "native_co2_control_sd",
        "mg/kg",
        "Standard deviation of native_co2_control between control jars.",
        lower=0,
        upper=600000,
        aliases=("sd_control",),
    ),
    _N(
        "control_replicates",
        "1",
        "Number of control samples or jars averaged.",
        lower=1,
        upper=1000,
        aliases=("n_control",),
    ),
    _N(
        "native_co2_treated",
        "mg/kg",
        "Cumulative CO2 carbon from soil organic matter in the treated jar.",
        lower=0,
        upper=600000,
        aliases=("cum_native_treated",),
    ),
    _N(
        "substrate_co2",
        "mg/kg",
        "Cumulative CO2 carbon from the added substrate.",
        lower=-1,
        upper=600000,
        aliases=("cum_substrate_co2",),
    ),
    _N("substrate_carbon_in_soil", "mg/kg", "Substrate carbon left in the soil at the end.", lower=0, upper=600000),
    _N(
        "substrate_carbon_in_mineral_fraction",
        "mg/kg",
        "Substrate carbon in the mineral-associated fraction at the end.",
        lower=0,
        upper=600000,
    ),
    _N(
        "substrate_carbon_in_particulate_fraction",
        "mg/kg",
        "Substrate carbon in the particulate fraction at the end.",
        lower=0,
        upper=600000,
    ),
    _N(
        "substrate_carbon_in_microbial_biomass",
        "mg/kg",
        "Substrate carbon in the microbial biomass at the end.",
        lower=0,
        upper=600000,
    ),
    _N(
        "microbial_biomass_final",
        "mg/kg",
        "Microbial biomass carbon of the treated jar at the end.",
        lower=0,
        upper=50000,
    ),
    _N(
        "cumulative_co2_sd",
        "mg/kg",
        "Standard deviation of cumulative_co2 between replicates.",
        lower=0,
        upper=600000,
        aliases=("eco2sd",),
    ),
    _N("mineral_amendment", "", "Mineral added to the soil before incubation, as printed.", "text"),
    # --- necromass -------------------------------------------------------------
    _N(
        "practice",
        "",
        "Management, land-use or climate change between control and treatment.",
        "category",
        categories=PRACTICES,
        aliases=("management", "management_class", "treatment"),
    ),
    _N("practice_detail", "", "Practice as printed by the source.", "text"),
    _N(
        "necromass",
        "g/kg",
        "Microbial necromass carbon (fungal plus bacterial) per mass of dry soil.",
        lower=0,
        upper=600,
        aliases=("mnc", "mnc_g_kg"),
    ),
    _N(
        "necromass_control",
        "g/kg",
        "Microbial necromass carbon of the control.",
        lower=0,
        upper=600,
        aliases=("mnc_control_g_kg",),
    ),
    _N(
        "necromass_treatment",
        "g/kg",
        "Microbial necromass carbon of the treatment.",
        lower=0,
        upper=600,
        aliases=("mnc_treatment_g_kg",),
    ),
    _N(
        "soil_organic_carbon_control",
        "g/kg",
        "Organic carbon of the control.",
        lower=0,
        upper=600,
        aliases=("soc_control_g_kg", "soc_control"),
    ),
    _N(
        "soil_organic_carbon_treatment",
        "g/kg",
        "Organic carbon of the treatment.",
        lower=0,
        upper=600,
        aliases=("soc_treatment_g_kg", "soc_treatment"),
    ),
    _N("fungal_necromass", "g/kg", "Fungal necromass carbon.", lower=0, upper=600, aliases=("fnc",)),
    _N("bacterial_necromass", "g/kg", "Bacterial necromass carbon.", lower=0, upper=600, aliases=("bnc",)),
    _N("glucosamine", "mg/kg", "Glucosamine per mass of dry soil.", lower=0, upper=100000, aliases=("glun", "glcn")),
    _N("muramic_acid", "mg/kg", "Muramic acid per mass of dry soil.", lower=0, upper=100000, aliases=("mura",)),
    _N(
        "arm",
        "",
        "Whether the row is an untreated, control or treatment soil.",
        "category",
        categories=("untreated", "control", "treatment"),
    ),
    _N("comparison", "", "Design of a pair.", "category", categories=("treatment", "space_for_time", "before_after")),
    _N(
        "organism_group",
        "",
        "Organisms in which the amino sugar was measured.",
        "category",
        categories=("fungi", "gram_positive_bacteria", "gram_negative_bacteria"),
    ),
    _N("taxon", "", "Organism as printed.", "text"),
    _N(
        "amino_sugar",
        "",
        "Amino sugar measured in the organism.",
        "category",
        categories=("glucosamine", "muramic_acid"),
    ),
    _N("amino_sugar_content", "mg/g", "Amino sugar per mass of dry biomass.", lower=0, upper=1000),
    # --- cover crops and inputs ------------------------------------------------
    _N(
        "fraction",
        "",
        "Organic carbon fraction.",
        "category",
        categories=(
            "particulate_organic_carbon",
            "mineral_associated_organic_carbon",
            "soil_organic_carbon",
            "necromass",
        ),
    ),
    _N("carbon_control", "g/kg", "Carbon of the fraction in the control.", lower=0, upper=600),
    _N("carbon_treatment", "g/kg", "Carbon of the fraction in the treatment.", lower=0, upper=600),
    _N(
        "log_response_ratio",
        "1",
        "Natural log of treatment over control.",
        lower=-5,
        upper=5,
        aliases=("lnrr", "logrr", "ln_rr"),
    ),
    _N(
        "log_response_ratio_variance",
        "1",
        "Sampling variance of the log response ratio.",
        lower=0,
        upper=25,
        aliases=("var",),
    ),
    _N(
        "lever",
        "",
        "What the treated soil has and its control has not.",
        "category",
        categories=EVIDENCE_LEVERS,
        aliases=("intervention",),
    ),
    _N(
        "control_mean",
        "1",
        "Carbon of the fraction in the control, a content or a stock: only the ratio to treated_mean counts.",
        lower=0,
        upper=1e6,
    ),
    _N("treated_mean", "1", "The same of the treated soil, in the same unit.", lower=0, upper=1e6),
    _N("control_sd", "1", "Standard deviation between replicates of control_mean, in its unit.", lower=0, upper=1e6),
    _N("treated_sd", "1", "Standard deviation between replicates of treated_mean, in its unit.", lower=0, upper=1e6),
    _N(
        "lever_dose",
        "1",
        "How much of the lever, per year where it is repeated, in the unit that lever_dose_unit names.",
        lower=0,
        upper=1e6,
    ),
    _N("lever_dose_unit", "", "Unit of lever_dose: one for each lever.", "text"),
    _N("variance_imputed", "", "Whether the source imputed the variance.", "category", categories=("yes", "no")),
    _N("cover_crop", "", "Cover crop as printed.", "text"),
    _N("crop", "", "Crop.", "text"),
    _N(
        "yield_dry_matter",
        "t/ha/year",
        "Yield of the harvested product, dry matter.",
        lower=0,
        upper=100,
        aliases=("yield_dm", "dry_matter_yield", "grain_dry_matter"),
    ),
    _N("yield_per_harvest", "t/ha", "Harvested product of one harvest, dry matter.", lower=0, upper=200),
    _N("harvest_index", "1", "Harvested share of above-ground dry matter.", lower=0, upper=1),
    _N("shoot_to_root", "1", "Mass ratio of shoot to root.", lower=0, upper=100),
    _N("carbon_share_product", "1", "Share of annual plant carbon in the harvested product.", lower=0, upper=1),
    _N("carbon_share_straw", "1", "Share of annual plant carbon in straw.", lower=0, upper=1),
    _N("carbon_share_roots", "1", "Share of annual plant carbon in roots.", lower=0, upper=1),
    _N(
        "carbon_share_rhizodeposits",
        "1",
        "Share of annual plant carbon in exudates and rhizodeposits.",
        lower=0,
        upper=1,
    ),
    _N("input_share_product", "1", "Share of product carbon that enters the soil.", lower=0, upper=1),
    _N("input_share_straw", "1", "Share of straw carbon that enters the soil.", lower=0, upper=1),
    _N("input_share_roots", "1", "Share of root carbon that enters the soil.", lower=0, upper=1),
    _N("input_share_rhizodeposits", "1", "Share of rhizodeposit carbon that enters the soil.", lower=0, upper=1),
    _N("root_carbon_input", "kg/ha/year", "Fixed root carbon input.", lower=0, upper=20000),
    _N("crop_group", "", "Group of crops.", "category", categories=CROP_GROUPS),
    _N(
        "allocation_ratio",
        "",
        "Which two parts of the annual carbon of a crop a ratio compares.",
        "category",
        categories=ALLOCATION_RATIOS,
    ),
    _N("carbon_ratio", "1", "Carbon of the first part over that of the second.", lower=0, upper=1000),
    _N("grown", "", "How the plants were grown.", "category", categories=GROWN),
    _N("growth_stage", "", "Stage at which a crop was labelled.", "category", categories=GROWTH_STAGES),
    # --- field plots through time ------------------------------------------------
    _N(
        "plot",
        "",
        "Plot, field or other unit of ground followed through time.",
        "text",
        aliases=("plot_id", "plot_no", "plot_number", "parcel", "field", "sub_plot"),
    ),
    _N("block", "", "Block of the experimental design.", "text"),
    _N("stratum", "", "Part of an area that is sampled by itself.", "text", aliases=("strata", "zone")),
    _N(
        "area",
        "ha",
        "Land that a plot stands for: a field of its own, or its equal part of a stratum.",
        lower=0,
        upper=1e9,
        aliases=("hectares", "field_area", "surface"),
    ),
    _N(
        "treatment",
        "",
        "Treatment as named by the source.",
        "text",
        aliases=("treatment_code", "treatment_name", "trt", "treat"),
    ),
    _N(
        "date",
        "",
        "Day as YYYY-MM-DD, or YYYY-MM or YYYY where no more is known.",
        "date",
        aliases=("sampling_date", "sample_date", "date_sampled"),
    ),
    _N(
        "year",
        "1",
        "Calendar time as a decimal year; a whole number where only the year is known.",
        lower=1500,
        upper=2200,
        aliases=("sampling_year", "sample_year", "decimal_year"),
    ),
    _N("month", "1", "Month of the year, January is 1.", lower=1, upper=12),
    _N(
        "start_year",
        "1",
        "Decimal year in which the management begins.",
        lower=1500,
        upper=2200,
        aliases=("start", "from", "year_start"),
    ),
    _N(
        "end_year",
        "1",
        "Decimal year in which the management ends; a whole number is the first of January.",
        lower=1500,
        upper=2200,
        aliases=("end", "until", "year_end"),
    ),
    _N(
        "replicates",
        "1",
        "Number of samples or vessels that the value is a mean of.",
        lower=1,
        upper=10000,
        aliases=("reps", "sample_size", "n_reps", "n_samples", "n_replicates"),
    ),
    _N("replicate", "", "Which of several samples of one plot, layer and time.", "text"),
    _N("value_origin", "", "How the value came about.", "category", categories=VALUE_ORIGINS, aliases=("flag",)),
    _N(
        "soc_stock",
        "t/ha",
        "Organic carbon of the sampled layer per area.",
        lower=0,
        upper=3000,
        aliases=(
            "stock",
            "soc_t_ha",
            "soc_stocks",
            "carbon_stock",
            "toc_t_ha",
            "c_stock",
            "oc_stock",
            "socs",
            "soc_density",
        ),
    ),
    _N("soc_stock_sd", "t/ha", "Standard deviation of the organic carbon stock.", lower=0, upper=3000),
    _N(
        "soil_organic_carbon_sd",
        "g/kg",
        "Standard deviation of organic carbon: between replicates, or of its reading from a figure.",
        lower=0,
        upper=600,
    ),
    _N(
        "bulk_density",
        "g/cm3",
        "Dry mass of the whole soil, coarse fragments among it, per volume.",
        lower=0.02,
        upper=2.65,
        aliases=(
            "bd",
            "bulk_dens",
            "bulkdensity",
            "soil_bulk_density",
            "db",
            "dry_bulk_density",
            "dbd",
            "rhob",
            "trd",
            "dap",
        ),
    ),
    _N(
        "fine_earth_bulk_density",
        "g/cm3",
        "Dry mass of fine earth (below 2 mm) per volume that it fills, coarse fragments left aside.",
        lower=0.02,
        upper=2.65,
        aliases=("bd_fine", "fine_soil_bulk_density", "bulk_density_fine_earth", "bulk_density_fine_soil"),
    ),
    _N(
        "coarse_fragments_mass",
        "percent",
        "Coarse fragments (above 2 mm) in percent of the mass of the whole soil.",
        lower=0,
        upper=100,
        aliases=("stones_mass", "gravel_mass", "rock_fragments_mass", "coarse_fragments_weight"),
    ),
    _N(
        "coarse_fragments_volume",
        "percent",
        "Coarse fragments (above 2 mm) in percent of the volume of the whole soil.",
        lower=0,
        upper=100,
        aliases=("stones_volume", "gravel_volume", "rock_fragments_volume", "cfvo"),
    ),
    _N(
        "particulate_organic_carbon_sd", "g/kg", "Standard deviation of particulate organic carbon.", lower=0, upper=600
    ),
    _N(
        "mineral_associated_organic_carbon_sd",
        "g/kg",
        "Standard deviation of mineral-associated organic carbon.",
        lower=0,
        upper=600,
    ),
    _N("microbial_biomass_sd", "mg/kg", "Standard deviation of microbial biomass carbon.", lower=0, upper=50000),
    _N("necromass_sd", "g/kg", "Standard deviation of microbial necromass carbon.", lower=0, upper=600),
    # --- management and weather --------------------------------------------------
    _N(
        "biomass_dry_matter",
        "t/ha/year",
        "Above-ground plant dry matter produced.",
        lower=0,
        upper=200,
        aliases=("tdm", "total_dry_matter", "shoot_biomass", "aboveground_biomass", "above_ground_biomass", "agb"),
    ),
    _N(
        "plant_carbon_input",
        "t/ha/year",
        "Plant carbon that enters the soil, above and below ground.",
        lower=0,
        upper=200,
        aliases=("carbon_input", "c_input", "inputs", "plant_input"),
    ),
    _N("plant_carbon_input_sd", "t/ha/year", "Standard deviation of the plant carbon input.", lower=0, upper=200),
    _N(
        "manure_carbon_input",
        "t/ha/year",
        "Carbon applied as manure, slurry or compost.",
        lower=0,
        upper=200,
        aliases=("manure_c", "fym_c", "manure_carbon"),
    ),
    _N("manure_carbon_input_sd", "t/ha/year", "Standard deviation of the manure carbon input.", lower=0, upper=200),
    _N(
        "amendment",
        "",
        "What the amendment carbon of the row is.",
        "category",
        categories=AMENDMENTS,
        aliases=("organic_amendment", "amendment_type"),
    ),
    _N(
        "amendment_carbon_input",
        "t/ha/year",
        "Carbon applied as the amendment of the row, beside any manure of it.",
        lower=0,
        upper=200,
        aliases=("amendment_c", "amendment_carbon"),
    ),
    _N(
        "manure_fresh",
        "t/ha/year",
        "Fresh mass of manure applied.",
        lower=0,
        upper=500,
        aliases=("fresh_manure", "fym_fresh"),
    ),
    _N(
        "fertilizer_nitrogen",
        "kg/ha/year",
        "Nitrogen applied as mineral fertilizer.",
        lower=0,
        upper=2000,
        aliases=("fertiliser_nitrogen", "n_fertilizer", "n_fertiliser", "n_rate", "mineral_n_input"),
    ),
    _N("tillage", "", "Depth and intensity of tillage.", "category", categories=TILLAGE_CLASSES, aliases=("till",)),
    _N(
        "plant_cover",
        "1",
        "Share of the time in which plants cover the soil.",
        lower=0,
        upper=1,
        aliases=("soil_cover", "plant_cover_share"),
    ),
    _N(
        "rate_modifier",
        "1",
        "Factor on all decay rates for temperature, moisture and cover, as a model of the source computed it.",
        lower=0,
        upper=20,
        aliases=("abc",),
    ),
    _N(
        "temperature",
        "degC",
        "Mean air temperature of the month.",
        lower=-60,
        upper=50,
        aliases=("air_temperature", "tmean", "temp", "tavg", "t_mean", "mean_temperature", "t2m", "tas"),
    ),
    _N("annual_temperature", "degC", "Mean air temperature of the calendar year.", lower=-40, upper=40),
    _N(
        "rain",
        "mm",
        "Rain and other precipitation of the month.",
        lower=0,
        upper=5000,
        aliases=("rainfall", "precip", "ppt", "precipitation", "prcp", "rain_mm"),
    ),
    # Balances of energy give slightly negative months in winter: dew. They are read as none.
    _N(
        "potential_evapotranspiration",
        "mm",
        "Potential evapotranspiration of the month, that of a short grass well supplied with water.",
        lower=-25,
        upper=1000,
        aliases=("pet", "et0", "eto", "etp", "reference_evapotranspiration", "potential_et", "reference_et"),
    ),
    _N(
        "open_pan_evaporation",
        "mm",
        "Evaporation from an open pan in the month.",
        lower=-25,
        upper=1000,
        aliases=("pan_evaporation", "epan", "class_a_pan_evaporation", "pan_evap"),
    ),
    # --- incubations without a label ---------------------------------------------
    _N("series", "", "One incubation series within a study.", "text"),
    _N(
        "measured_as",
        "",
        "Whether CO2 is given as a rate or cumulated, per mass of soil or of soil organic carbon.",
        "category",
        categories=("rate_per_soil", "rate_per_carbon", "cumulative_per_soil", "cumulative_per_carbon"),
    ),
    _N(
        "respiration_per_carbon",
        "mg/g/day",
        "CO2 carbon released per mass of soil organic carbon.",
        lower=0,
        upper=1000,
    ),
    _N(
        "cumulative_co2",
        "mg/kg",
        "Cumulative CO2 carbon per mass of dry soil.",
        lower=0,
        upper=600000,
        aliases=("cumulative_respiration", "cum_co2", "eco2"),
    ),
    _N(
        "cumulative_co2_per_carbon",
        "mg/g",
        "Cumulative CO2 carbon per mass of soil organic carbon.",
        lower=0,
        upper=1000,
    ),
    _N("soil_moisture", "percent", "Soil moisture of the incubation.", lower=0, upper=2000, aliases=("moisture",)),
    _N(
        "soil_moisture_basis",
        "",
        "What soil moisture is a percentage of.",
        "category",
        categories=("field_capacity", "dry_mass", "pore_space"),
    ),
    _N("horizon", "", "Soil horizon as printed.", "text"),
    # --- elevated CO2 ------------------------------------------------------------
    _N("experiment", "", "Experiment within a site, as named by the source.", "text"),
    _N("co2_control", "ppm", "CO2 mole fraction of the air, control.", lower=150, upper=2000),
    _N("co2_treatment", "ppm", "CO2 mole fraction of the air, treatment.", lower=150, upper=2000),
    _N("biomass_log_response_ratio", "1", "Natural log of plant biomass, treatment over control.", lower=-5, upper=5),
    _N("nitrogen_supply", "", "Nitrogen availability class.", "category", categories=("low", "high")),
    _N("mycorrhiza", "", "Root symbiosis of the dominant plants.", "text"),
    _N(
        "experiment_type",
        "",
        "How the air was enriched.",
        "category",
        categories=("free_air", "open_top_chamber", "chamber"),
    ),
)

_OBSERVED = tuple(one for kind in OBSERVATIONS for one in kind.quantities)

QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for quantity in (*_QUANTITIES, *_OBSERVED)}
"""Every quantity by name."""

_SITE = ("doi", "latitude", "longitude", "mean_annual_temperature", "mean_annual_precipitation")

_SCHEMAS = (
    TableSchema(
        "cue",
        "one measured carbon use efficiency",
        required=("observation", "study", "carbon_use_efficiency", "measurement_method"),
        optional=(
            "carbon_use_efficiency_error",
            "ecosystem",
            "land_cover",
            "substrate_class",
            "substrate",
            "incubation_temperature",
            "incubation_time",
            "aeration",
            "counted_products",
            "substrate_dose",
            "soil_carbon_to_nitrogen",
            "ph",
            "clay",
            "microbial_biomass",
            "added_nitrogen",
            "compilation",
            *_SITE,
        ),
        key=("observation",),
    ),
    TableSchema(
        "cue_temperature_gradient",
        "growth, respiration and carbon use efficiency of one soil at one temperature",
        required=("soil", "incubation_temperature", "carbon_use_efficiency"),
        optional=(
            "bacterial_growth",
            "fungal_growth",
            "respiration",
            "ph",
            "soil_organic_matter",
            "country",
            "land_cover",
            "ecosystem",
            "latitude",
            "longitude",
            "mean_annual_temperature",
            "mean_annual_precipitation",
        ),
        key=("soil", "incubation_temperature"),
    ),
    TableSchema(
        "priming_endpoints",
        "one treated jar on its last day beside its control",
        required=(
            "jar",
            "study",
            "soil",
            "native_co2_control",
            "native_co2_treated",
            "incubation_day",
            "added_nitrogen",
        ),
        optional=(
            "dataset",
            "control",
            "run",
            "ecosystem",
            "land_cover",
            "mineral_amendment",
            "substrate",
            "substrate_dose",
            "native_co2_control_sd",
            "control_replicates",
            "substrate_co2",
            "substrate_carbon_in_soil",
            "substrate_carbon_in_mineral_fraction",
            "substrate_carbon_in_particulate_fraction",
            "substrate_carbon_in_microbial_biomass",
            "microbial_biomass",
            "microbial_biomass_final",
            "soil_organic_carbon",
            "soil_carbon_to_nitrogen",
            "ph",
            "clay",
        ),
        key=("study", "jar"),
        differ=((("native_co2_control", "native_co2_treated"),),),
    ),
    TableSchema(
        "priming_time_series",
        "cumulative CO2 of one treated jar and its control up to one day",
        required=("study", "jar", "incubation_day", "native_co2_control", "native_co2_treated", "substrate_co2"),
        optional=(
            "dataset",
            "soil",
            "control",
            "run",
            "added_nitrogen",
            "substrate_dose",
            "native_co2_control_sd",
            "control_replicates",
        ),
        key=("study", "jar", "incubation_day"),
        cumulative=("native_co2_control", "native_co2_treated", "substrate_co2"),
    ),
    TableSchema(
        "soil_incubation_cumulative",
        "cumulative CO2 of one incubated soil up to one day",
        required=("study", "incubation_day", "cumulative_co2", "soil_organic_carbon"),
        optional=("cumulative_co2_sd", "soil", "incubation_temperature"),
        key=("study", "incubation_day"),
        cumulative=("cumulative_co2",),
    ),
    TableSchema(
        "necromass_pairs",
        "necromass and organic carbon of a treatment beside its control",
        required=(
            "study",
            "practice",
            "necromass_control",
            "necromass_treatment",
            "soil_organic_carbon_control",
            "soil_organic_carbon_treatment",
        ),
        optional=(
            "observation",
            "control",
            "practice_detail",
            "comparison",
            "ecosystem",
            "climate_class",
            "compilation",
            "depth_top",
            "depth_bottom",
            "duration",
            "clay",
            "ph",
            *_SITE,
        ),
        ordered=(
            ("necromass_control", "soil_organic_carbon_control"),
            ("necromass_treatment", "soil_organic_carbon_treatment"),
            ("depth_top", "depth_bottom"),
        ),
        differ=(
            (
                ("necromass_control", "necromass_treatment"),
                ("soil_organic_carbon_control", "soil_organic_carbon_treatment"),
            ),
        ),
    ),
    TableSchema(
        "necromass_levels",
        "necromass and organic carbon of one soil",
        required=("observation", "study", "necromass", "soil_organic_carbon"),
        optional=(
            "ecosystem",
            "arm",
            "climate_class",
            "compilation",
            "depth_top",
            "depth_bottom",
            "duration",
            "glucosamine",
            "muramic_acid",
            "fungal_necromass",
            "bacterial_necromass",
            "microbial_biomass",
            "total_nitrogen",
            "clay",
            "ph",
            *_SITE,
        ),
        key=("observation",),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "amino_sugar_factors",
        "amino sugar content of one organism",
        required=("observation", "organism_group", "amino_sugar", "amino_sugar_content"),
        optional=("taxon", "study"),
        key=("observation",),
    ),
    TableSchema(
        "mineral_associated_carbon",
        "particulate and mineral-associated carbon of one sampled layer",
        required=("observation", "study", "mineral_associated_organic_carbon"),
        optional=(
            "particulate_organic_carbon",
            "soil_organic_carbon",
            "silt_and_clay",
            "clay",
            "mineral_type",
            "soil_order",
            "fractionation_method",
            "ecosystem",
            "land_cover",
            "compilation",
            "depth_top",
            "depth_bottom",
            "latitude",
            "longitude",
            "mean_annual_temperature",
            "mean_annual_precipitation",
        ),
        key=("observation",),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "cover_crop_fractions",
        "one carbon fraction under a cover crop beside its control",
        required=("observation", "study", "fraction", "log_response_ratio"),
        optional=(
            "log_response_ratio_variance",
            "variance_imputed",
            "carbon_control",
            "carbon_treatment",
            "site",
            "replicates",
            "cover_crop",
            "crop",
            "duration",
            "depth_top",
            "depth_bottom",
            "clay",
            "silt_and_clay",
            "ph",
            *_SITE,
        ),
        key=("observation", "fraction"),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "crop_carbon_allocation",
        "allocation of annual plant carbon of one crop",
        required=("crop",),
        optional=(
            "yield_dry_matter",
            "harvest_index",
            "shoot_to_root",
            "carbon_share_product",
            "carbon_share_straw",
            "carbon_share_roots",
            "carbon_share_rhizodeposits",
            "input_share_product",
            "input_share_straw",
            "input_share_roots",
            "input_share_rhizodeposits",
            "root_carbon_input",
            "study",
        ),
        key=("crop",),
    ),
    TableSchema(
        "field_soc",
        "organic carbon of one plot and layer at one time",
        required=("site", "plot", "year"),
        optional=(
            "study",
            "treatment",
            "block",
            "date",
            "depth_top",
            "depth_bottom",
            *observed_columns(),
            "bulk_density",
            "fine_earth_bulk_density",
            "coarse_fragments_mass",
            "coarse_fragments_volume",
            "replicate",
            "replicates",
            "value_origin",
            "total_nitrogen",
            "ph",
            "clay",
            "silt_and_clay",
            "ecosystem",
            *_SITE,
        ),
        # A fraction may be above its total by the error of fractionation: a field model judges it.
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "field_management",
        "what was grown on, added to and done to one plot or treatment from one time to another",
        required=("site", "start_year", "end_year"),
        optional=(
            "study",
            "block",
            "plot",
            "treatment",
            "crop",
            "yield_dry_matter",
            "yield_per_harvest",
            "biomass_dry_matter",
            "plant_carbon_input",
            "plant_carbon_input_sd",
            "manure_carbon_input",
            "manure_carbon_input_sd",
            "manure_fresh",
            "amendment",
            "amendment_carbon_input",
            "fertilizer_nitrogen",
            "tillage",
            "cover_crop",
            "plant_cover",
            "rate_modifier",
            "doi",
        ),
        ordered=(("start_year", "end_year"),),
    ),
    TableSchema(
        "field_weather",
        "weather of one site in one month",
        required=("site", "year", "month"),
        optional=("temperature", "annual_temperature", "rain", "potential_evapotranspiration", "open_pan_evaporation"),
        key=("site", "year", "month"),
    ),
    TableSchema(
        "bare_fallow",
        "organic carbon of soil kept free of plants for some years",
        required=("site", "plot", "duration", "soil_organic_carbon"),
        optional=(
            "study",
            "soil_organic_carbon_sd",
            "soc_stock",
            "bulk_density",
            "value_origin",
            "depth_top",
            "depth_bottom",
            "clay",
            "silt_and_clay",
            *_SITE,
        ),
        key=("site", "plot", "duration"),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "incubation_series",
        "one soil incubated under one set of conditions",
        required=("study", "series", "measured_as"),
        optional=(
            "site",
            "treatment",
            "incubation_temperature",
            "soil_moisture",
            "soil_moisture_basis",
            "replicates",
            "soil_organic_carbon",
            "ph",
            "clay",
            "horizon",
            "depth_top",
            "depth_bottom",
            "ecosystem",
            "soil_order",
            "country",
            *_SITE,
        ),
        key=("study", "series"),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "incubation_time_series",
        "CO2 of one incubation series on, or up to, one day",
        required=("study", "series", "incubation_day"),
        optional=("respiration", "respiration_per_carbon", "cumulative_co2", "cumulative_co2_per_carbon"),
        key=("study", "series", "incubation_day"),
        cumulative=("cumulative_co2", "cumulative_co2_per_carbon"),
    ),
    TableSchema(
        "elevated_co2_pairs",
        "one soil carbon fraction under elevated CO2 beside its control",
        required=("observation", "study", "fraction", "log_response_ratio"),
        optional=(
            "site",
            "experiment",
            "log_response_ratio_variance",
            "variance_imputed",
            "control_replicates",
            "replicates",
            "biomass_log_response_ratio",
            "co2_control",
            "co2_treatment",
            "duration",
            "depth_top",
            "depth_bottom",
            "experiment_type",
            "nitrogen_supply",
            "mycorrhiza",
            "ecosystem",
            "soil_carbon_to_nitrogen",
            "ph",
            *_SITE,
        ),
        key=("observation",),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "effect_pairs",
        "one fraction of carbon under a lever beside its control",
        required=("observation", "study", "lever", "fraction"),
        optional=(
            "compilation",
            "site",
            "year",
            "control",
            "comparison",
            "control_mean",
            "treated_mean",
            "control_sd",
            "treated_sd",
            "control_replicates",
            "replicates",
            "log_response_ratio",
            "log_response_ratio_variance",
            "depth_top",
            "depth_bottom",
            "duration",
            "lever_dose",
            "lever_dose_unit",
            "soil_organic_carbon_control",
            "clay",
            "mycorrhiza",
            "ecosystem",
            "climate_class",
            *_SITE,
        ),
        key=("observation",),
        ordered=(("depth_top", "depth_bottom"),),
    ),
    TableSchema(
        "crop_allocation_ratios",
        "ratio of two parts of the annual carbon of one crop, as one study states it",
        required=("observation", "study", "crop", "crop_group", "allocation_ratio", "carbon_ratio"),
        optional=("grown", "growth_stage", "yield_dry_matter", "fertilizer_nitrogen", "doi"),
        key=("observation",),
    ),
)

SCHEMAS: dict[str, TableSchema] = {schema.name: schema for schema in _SCHEMAS}
"""Every kind of table by name."""

AREAS = TableSchema(
    "field_areas",
    "land that one sampled plot stands for",
    required=("plot", "area"),
    optional=("stratum",),
    key=("plot",),
)
"""A table beside a projection, of which no literature has one."""

NEVER_LEFT_EMPTY: dict[str, str] = {
    **dict.fromkeys(
        ("depth_top", "depth_bottom"), "ask for the depth of the layer: without it there is no thickness and no stock"
    ),
    **dict.fromkeys(
        ("plant_carbon_input", "manure_carbon_input", "manure_fresh", "amendment_carbon_input"),
        "write 0 if nothing was added",
    ),
    **dict.fromkeys(
        ("temperature", "rain", "potential_evapotranspiration", "open_pan_evaporation", "rate_modifier"),
        "take the value of a station nearby, or leave the row out if the month is not needed",
    ),
}
"""Columns in which an empty cell does harm, and what to do instead."""

RARELY_BELOW_PERCENT: dict[str, float] = {
    **dict.fromkeys(("soil_organic_carbon", "soil_organic_carbon_control", "soil_organic_carbon_treatment"), 0.1),
    "total_nitrogen": 0.01,
}
"""Percent that hardly any soil is below in a whole column; shares, such as clay, have 1."""

LABELS: dict[str, tuple[str, ...]] = {
    "study": (),
    "site": (),
    "experiment": ("study", "site"),
    "block": ("study", "site"),
    "plot": ("study", "site", "block"),
    "treatment": (),
    "soil": ("study",),
    "series": ("study",),
    "jar": ("study",),
    "control": ("study",),
    "run": ("study",),
}
"""Columns whose text tells things apart, each with the columns within which it does."""


def nearest(name: str, known: tuple[str, ...] | list[str]) -> str | None:
    """Known name closest to ``name``, looking at the aliases of quantities too.

    Parameters
    ----------
    name
        What somebody wrote.
    known
        Names that would have been understood.

    Returns
    -------
    str or None
        None when nothing is near.

    Examples
    --------
    >>> nearest("SOC", ["soil_organic_carbon", "necromass"])
    'soil_organic_carbon'
    >>> nearest("gras land", ["grassland", "forest"])
    'grassland'
    """
    wanted = name.strip().lower().replace(" ", "_").replace("-", "_")
    spellings = {candidate.lower(): candidate for candidate in known}
    for candidate in known:
        if candidate in QUANTITIES:
            for alias in QUANTITIES[candidate].aliases:
                spellings.setdefault(alias.lower(), candidate)
    close = difflib.get_close_matches(wanted, spellings, n=1, cutoff=0.6)
    return spellings[close[0]] if close else None


def quantity(name: str) -> Quantity:
    """Quantity called ``name``.

    Raises
    ------
    KeyError
        With the nearest known name.

    Examples
    --------
    >>> quantity("soil_organic_carbon").unit
    'g/kg'
    """
    try:
        return QUANTITIES[name]
    except KeyError:
        hint = nearest(name, list(QUANTITIES))
        message = f"no quantity named {name!r}" + (f"; did you mean {hint!r}?" if hint else "")
        raise KeyError(message) from None
