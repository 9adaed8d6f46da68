"""Allocation of annual plant carbon by crop."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

SHARES = ["RP", "RS", "RR", "RE"]
PAPERS = r"([A-ZÀ-Ý][\wà-ÿ\-]+ et al\. \(\d{4}\))"


def curate(literature: Path) -> Curated:
    """Keep crops whose four shares of plant carbon add up to one."""
    raw = pd.read_csv(literature / "soilmanager_crop_c_allocation" / "c_input_crops_lut.csv")
    total = len(raw)
    exclusions = Exclusions()
    parts = raw[SHARES].sum(axis=1, min_count=4)
    raw = exclusions.drop(raw, (parts - 1).abs() > 0.005, "triticale: shares of plant carbon add up to 1.243")
    frame = pd.DataFrame(
        {
            "crop": tidy_text(raw["Crop"]),
            "yield_dry_matter": raw["crop_product"],
            "harvest_index": raw["harvest_index"],
            # Zero stands for "not used" in the ley.
            "shoot_to_root": raw["shoot_root_ratio"].where(raw["shoot_root_ratio"] > 0),
            "carbon_share_product": raw["RP"],
            "carbon_share_straw": raw["RS"],
            "carbon_share_roots": raw["RR"],
            "carbon_share_rhizodeposits": raw["RE"],
            "input_share_product": raw["SP"],
            "input_share_straw": raw["SS"],
            "input_share_roots": raw["SR"],
            "input_share_rhizodeposits": raw["SE"],
            "root_carbon_input": raw["C_input_root"],
            "study": raw["Source"].str.findall(PAPERS).map(lambda found: "; ".join(dict.fromkeys(found)) or None),
        }
    )
    return Curated(
        name="crop_carbon_allocation",
        title="Allocation of annual plant carbon by crop",
        description="Expert coefficients: shares of annual plant carbon in product, straw, roots and rhizodeposits, "
        "and the share of each that enters the soil.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["soilmanager_crop_c_allocation"],
        choices=[
            "Coefficients, not measurements, without uncertainties; few are independent of one another.",
            "Cover crop and temporary ley have no shares of plant carbon; the ley's shoot-to-root ratio of zero is "
            "left blank.",
            "Only this source is used: root-to-shoot ratios of other tables are by crop group and would repeat crops.",
        ],
    )


if __name__ == "__main__":
    main(curate)
