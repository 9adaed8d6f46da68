"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

RECORD = Subject(
    name="field",
    title="Field plots",
    models=(
        ModelRecord(
            name="field",
            title="Field plots",
            module="socbayes.models.field.model",
            tables=(
                TableRole("obs", "field_soc"),
                TableRole("management", "field_management", required=False),
                TableRole("weather", "field_weather", required=False),
            ),
            options=("structure", "prior", "until", "process_noise", "stocks", "parameters.NAME", "drivers.NAME"),
        ),
    ),
    figures=("figures", "effect_figures"),
)
