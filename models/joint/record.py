"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject

RECORD = Subject(
    name="joint",
    title="What literatures say together",
    models=(
        ModelRecord(
            name="joint",
            title="What literatures say together",
            module="socbayes.models.joint.model",
        ),
    ),
)
