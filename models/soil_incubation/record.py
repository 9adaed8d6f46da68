"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

RECORD = Subject(
    name="soil_incubation",
    title="Soil incubation",
    models=(
        ModelRecord(
            name="soil_incubation",
            title="Soil incubation, two pools",
            module="socbayes.models.soil_incubation.model",
            tables=(TableRole("table", "soil_incubation_cumulative", "soil_incubation_cumulative"),),
        ),
    ),
)
