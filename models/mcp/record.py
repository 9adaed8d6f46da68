"""The record of this subject: see :mod:`socbayes.subjects`."""

from socbayes.subjects import ModelRecord, Subject, TableRole

RECORD = Subject(
    name="mcp",
    title="Microbial carbon pump",
    models=(
        ModelRecord(
            name="mcp",
            title="Microbial carbon pump",
            module="socbayes.models.mcp.baseline",
            tables=(
                TableRole("table", "necromass_pairs", "necromass_pairs"),
                TableRole("levels", "necromass_levels", "necromass_levels"),
            ),
            limits=(
                "The pairs state no errors of their means, so scatter stands for sampling and measurement together.",
                "Necromass is converted from amino sugars. A common factor cancels in log ratios, not in the share "
                "itself.",
                "A larger necromass share alone is no gain of carbon: read it with the log ratio of organic carbon.",
                "Pairs that were published may differ from pairs that were measured; publication bias is not in the "
                "model.",
            ),
            # A third more than usual: practices share little data, so draws carry less each.
            effort={"draws": 2667},
            demonstrated=tuple(
                {
                    name.replace("_", " "): {
                        "practice": name,
                        "response": response,
                        **({"ecosystem": "cropland"} if response == "necromass_share" else {}),
                    }
                    for name in ("no_change", "no_tillage", "cover_crop", "manure", "straw_return")
                }
                for response in ("necromass_share", "soil_organic_carbon")
            ),
        ),
        ModelRecord(
            name="mcp_process",
            title="Microbial carbon pump, process model",
            module="socbayes.models.mcp.process",
            tables=(
                TableRole("pairs", "necromass_pairs", "necromass_pairs"),
                TableRole("levels", "necromass_levels", "necromass_levels", required=False),
            ),
            limits=(
                "Two log ratios do not identify four levers: input, depolymerisation and protection move a soil along"
                " nearly the same line, and what parts them is mostly prior.",
                "Controls are taken to be in a steady state, and a practice to act at once and alike in all years.",
                "A forecast beyond the durations of the trials is the structure's, not the data's.",
            ),
            baseline="mcp",
            compared="pair_log_ratio",
            effort={"draws": 1500, "tune": 1000},
            kept=(
                "efficiency",
                "residue_share",
                "mineral_release",
                "mineral_necromass",
                "mineral_plant",
                "saturation",
                "elasticity",
                "soluble",
                "biomass",
                "dissolved",
                "half_saturation",
                "practice_lever_standardised",
                "share_sd",
                "turnover_sd",
                "conversion_sd",
                "residual_correlation",
            ),
            options=("beta", "kinetics"),
        ),
    ),
    figures=("figures", "process_figures"),
)
