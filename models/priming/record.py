"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

RECORD = Subject(
    name="priming",
    title="Priming",
    models=(
        ModelRecord(
            name="priming",
            title="Priming",
            module="socbayes.models.priming.baseline",
            tables=(TableRole("table", "priming_endpoints", "priming_endpoints"),),
            limits=(
                "Few studies carry these numbers, so the range for a new study leans on its prior; see the "
                "sensitivity check.",
                "Positive priming is more CO₂ from native carbon, and by itself no loss of soil carbon: added carbon "
                "that stays has to be set against it.",
                "Dose and study go together: most of the range of doses lies between studies.",
            ),
        ),
        ModelRecord(
            name="priming_process",
            title="Priming, process model",
            module="socbayes.models.priming.process",
            tables=(
                TableRole("time_series", "priming_time_series", "priming_time_series"),
                TableRole("endpoints", "priming_endpoints", "priming_endpoints", required=False),
            ),
            limits=(
                "Efficiency is kept below 0.88, as energetics of growth ask. Without that limit a second explanation "
                "of the repeatedly dosed soils, in which microbes keep 0.92 of what they take up, is as likely as "
                "this one.",
                "Jars hold no roots, and minerals take no part in weeks: the years of a field are not in these data.",
                "Few studies carry these numbers, so the range for a new soil leans on the priors of the spreads.",
            ),
            baseline="priming",
            effort={"draws": 1000, "tune": 700},
            kept=(
                "respiration",
                "respiration_mean",
                "respiration_sd",
                "supply",
                "supply_mean",
                "supply_sd",
                "depletion",
                "depletion_mean",
                "depletion_sd",
                "efficiency",
                "efficiency_sd",
                "elasticity",
                "elasticity_sd",
                "biomass_log_error",
                "half_saturation",
                "residue_share",
                "addition_mean",
                "addition_sd",
                "dissolved_turnover",
                "efficiency_treated",
                "depolymerisation",
                "solid_decay",
                "soluble",
                "nitrogen_sd",
            ),
        ),
    ),
)
