"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

PROCESS = "cue_process"
"""The model whose posterior is stored, with slopes of efficiency on temperature."""

RECORD = Subject(
    name="cue",
    title="Carbon use efficiency",
    models=(
        ModelRecord(
            name="cue",
            title="Carbon use efficiency",
            module="socbayes.models.cue.baseline",
            tables=(
                TableRole("table", "cue", "cue"),
                TableRole("gradient", "cue_temperature_gradient", "cue_temperature_gradient", required=False),
            ),
            limits=(
                "Methods were mostly used in different studies, so a difference between methods may hold other "
                "differences between these studies.",
                "An efficiency is what its method sees: labelled carbon in biomass is not yet growth, and none of the"
                " methods follows carbon through turnover.",
                "Slopes are linear on the logit scale and describe incubations of hours to weeks, not acclimated "
                "communities.",
            ),
            demonstrated=tuple(
                {
                    f"{temperature} °C, {name}": {
                        "temperature": temperature,
                        "method": method,
                        "ecosystem": "grassland",
                    }
                    for temperature in (15, 20, 25)
                }
                for method, name in (("substrate_label", "labelled substrate"), ("water_18O", "¹⁸O in water"))
            ),
        ),
        ModelRecord(
            name=PROCESS,
            title="Carbon use efficiency, process model",
            module="socbayes.models.cue.process",
            tables=(TableRole("table", "cue", "cue"),),
            limits=(
                "The data hold the differences between methods, not which of them is right: the intrinsic efficiency "
                "is as uncertain as the prior on the methods' discrepancies leaves it.",
                "Turnover is learned from labelled incubations, of which few went on for more than a week; they "
                "disagree about it, and substrate and study go together.",
            ),
            baseline="cue",
            compared="logit_cue",
            effort={"draws": 1500, "tune": 1000},
            kept=(
                "level",
                "log_uptake",
                "residue_share",
                "slope_mean",
                "slope_method",
                "slope_between",
                "study_slope",
                "ecosystem_effect",
            ),
        ),
    ),
    figures=("figures", "process_figures"),
)
