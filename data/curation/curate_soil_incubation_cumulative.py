"""Soil incubation: cumulative CO2 of one soil, the data of the Stan case study on soil carbon."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main

SOURCE = "soilr_stan_incubation"
MILLIGRAM_PER_GRAM = 1000.0  # mg/g in mg/kg
TOTAL_CARBON = 7.7  # mg C per g soil at the start, as the case study states


def curate(literature: Path) -> Curated:
    """Keep every date."""
    raw = pd.read_csv(literature / SOURCE / "ak_t25_cumulative_eco2.csv")
    frame = pd.DataFrame(
        {
            "study": "Sierra and Müller 2014",
            "incubation_day": raw["time_d"],
            "cumulative_co2": MILLIGRAM_PER_GRAM * raw["cum_eCO2_mean_mgC_g"],
            "soil_organic_carbon": TOTAL_CARBON,
            "cumulative_co2_sd": MILLIGRAM_PER_GRAM * raw["cum_eCO2_sd_mgC_g"],
            "incubation_temperature": 25.0,
        }
    )
    above = int((frame["cumulative_co2"] > MILLIGRAM_PER_GRAM * TOTAL_CARBON).sum())
    falls = int((frame["cumulative_co2"].diff() < 0).sum())
    return Curated(
        name="soil_incubation_cumulative",
        title="Cumulative CO2 of a soil incubation",
        description="Mean cumulative CO2 carbon of one incubated soil on 25 days, with the standard deviation between "
        "replicates: the data of the Stan case study of the two-pool model with feedback.",
        frame=frame,
        raw_rows=len(raw),
        exclusions=Exclusions(),
        sources=[SOURCE],
        choices=[
            f"soil_organic_carbon is the total carbon that the case study assumes, {TOTAL_CARBON} g/kg; "
            f"{above} of the cumulative means exceed it.",
            f"{falls} of the cumulative means are below the one before: kept, as they are means over replicates.",
            "Incubation temperature is 25 degC, as the case study and the Soil Incubation Database say; the help of "
            "SoilR says 15 degC.",
        ],
    )


if __name__ == "__main__":
    main(curate)
