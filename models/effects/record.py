"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

_TABLES = (
    TableRole("table", "effect_pairs", "effect_pairs"),
    TableRole("cover_crops", "cover_crop_fractions", "cover_crop_fractions", required=False),
    TableRole("elevated_co2", "elevated_co2_pairs", "elevated_co2_pairs", required=False),
    TableRole("necromass", "necromass_pairs", "necromass_pairs", required=False),
)

RECORD = Subject(
    name="effects",
    title="Effects of levers",
    models=(
        ModelRecord(
            name="effects",
            title="Effects of levers on carbon",
            module="socbayes.models.effects.baseline",
            tables=_TABLES,
            limits=(
                "Effects are log ratios of what was sampled to one depth, mostly of contents: a stock also changes with"
                " bulk density, and tillage moves carbon between depths.",
                "A slope on initial carbon holds some regression to the mean, since the control is in the ratio as"
                " well.",
                "Fractions of one study are taken for independent given the lever.",
                "What was published may differ from what was measured: the slope on the size of studies shows it only"
                " where studies state how many samples they took.",
            ),
            # Levers of three studies learn how studies differ from the others, so draws carry less each.
            effort={"draws": 3600, "tune": 1000},
        ),
        ModelRecord(
            name="effect_factors",
            title="What levers act on",
            module="socbayes.models.effects.factors",
            tables=_TABLES,
            limits=(
                "Controls are taken to be in balance, and the structure to hold with its published rates.",
                "A lever acts on input or on decomposition, never on both: the ratios alone cannot tell them apart.",
                "The climate of a pair is a prior about its mean temperature, constant in time.",
            ),
            # What two soils differed by at the start is told by hundreds of studies together, each a little.
            effort={"draws": 5000, "tune": 1000},
            options=("structure", "entries.NAME"),
        ),
    ),
)
