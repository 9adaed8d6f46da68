"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

RECORD = Subject(
    name="root_inputs",
    title="Root inputs",
    models=(
        ModelRecord(
            name="root_inputs",
            title="How crops share out their carbon",
            module="socbayes.models.root_inputs.baseline",
            tables=(TableRole("table", "crop_allocation_ratios", "crop_allocation_ratios"),),
            limits=(
                "Most bundled ratios are coefficients of compilations that also read one another, so that they differ"
                " less than fields do.",
                "Of a root that grew and died before the harvest, and of exudates that were respired, nothing is in"
                " these ratios.",
                "Rhizodeposits rest on few numbers, one of them an assumption that many tables repeat.",
                "Root carbon of a fixed amount, listed as of Hirte et al. (2018), is no measured root: a round total"
                " below ground, divided by one plus the factor of Bolinder et al. (2007) for rhizodeposits.",
                "In that study 54 to 63 % of the carbon below ground was rhizodeposits, 1.17 to 1.70 times the roots,"
                " which the fit does not know.",
                "The share of rhizodeposits in inputs from yields has no error of its own within a fit.",
                "What roots keep more than shoots is one learned share for all crops and structures, with a prior from"
                " one long-term trial; in plots whose inputs are stated, roots are those of other plots or none.",
                "All crops have one decline of roots with depth; no perennial crop has an allocation.",
                "How root carbon follows the yield is assumed, between in proportion and not at all.",
            ),
            effort={"draws": 3000, "tune": 1500},
        ),
    ),
)
