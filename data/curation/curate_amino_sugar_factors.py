"""Amino sugar content of bacteria and fungi, behind the necromass factors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text

GRAM = {"GP": "gram_positive_bacteria", "GN": "gram_negative_bacteria"}


def curate(literature: Path) -> Curated:
    """Muramic acid of bacteria, glucosamine of fungi, one row per organism."""
    folder = literature / "fine_2025_amino_sugar_soils"
    bacteria = pd.read_csv(folder / "bacteria_muramic_acid.csv")
    fungi = pd.read_csv(folder / "fungi_glucosamine.csv")
    total = len(bacteria) + len(fungi)
    exclusions = Exclusions()
    bacteria = exclusions.drop(
        bacteria, bacteria["Kingdom"] != "Bacteria", "fungi in the bacterial file, given in the fungal file"
    )
    bacteria = exclusions.drop(bacteria, ~(bacteria["MurA"] > 0), "bacteria without muramic acid: glucosamine only")
    bacteria = exclusions.drop(bacteria, ~bacteria["Gram"].isin(list(GRAM)), "bacteria without a Gram stain")
    fungi = exclusions.drop(fungi, ~(fungi["GlcN"] > 0), "fungi without glucosamine")
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "observation": "fine2025-bacteria-" + bacteria["Number"].map("{:04d}".format),
                    "organism_group": bacteria["Gram"].map(GRAM),
                    "amino_sugar": "muramic_acid",
                    "amino_sugar_content": bacteria["MurA"],
                    "taxon": tidy_text(bacteria["Species"]),
                    "study": tidy_text(bacteria["Reference"]),
                }
            ),
            pd.DataFrame(
                {
                    "observation": "fine2025-fungi-" + fungi["Number"].map("{:04d}".format),
                    "organism_group": "fungi",
                    "amino_sugar": "glucosamine",
                    "amino_sugar_content": fungi["GlcN"],
                    "taxon": tidy_text(fungi["Species"]),
                    "study": tidy_text(fungi["Reference"]),
                }
            ),
        ],
        ignore_index=True,
    )
    return Curated(
        name="amino_sugar_factors",
        title="Amino sugar content of bacteria and fungi",
        description="Muramic acid of bacteria by Gram stain and glucosamine of fungi per dry biomass: the spread "
        "behind the factors that turn amino sugars into necromass carbon.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["fine_2025_amino_sugar_soils"],
        choices=[
            "The unit, mg per g of dry biomass, is not printed in the file; the size of the numbers supports it.",
            "The authors' cut-offs for extreme values are for soils and are not applied to organisms.",
            "Strains of one species with one value are kept as separate strains.",
        ],
    )


if __name__ == "__main__":
    main(curate)
