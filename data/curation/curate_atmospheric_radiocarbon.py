"""Radiocarbon of the air: IntCal20, the bomb peak by zone, and the air of CMIP6."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main

ZONES = {"NHZone1": "NH1", "NHZone2": "NH2", "NHZone3": "NH3", "SHZone1-2": "SH1-2", "SHZone3": "SH3"}
HEMISPHERES = {"NH": "northern", "Tropics": "tropical", "SH": "southern"}
MIDDLE = 0.5
"""IntCal20 counts whole years, of which tree rings hold the growing season."""


def curate(literature: Path) -> Curated:
    """Put three calendars into one long table."""
    folder = literature / "soilr_stan_incubation"
    rings = pd.read_csv(folder / "atmospheric_d14c_intcal20.csv")
    bomb = pd.read_csv(folder / "atmospheric_14c_hua2021.csv")
    air = pd.read_csv(folder / "atmospheric_d14c_graven2017.csv").melt("Year.AD", list(HEMISPHERES))
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "study": "Reimer et al. 2020",
                    "atmosphere_zone": "northern",
                    "calendar_year": rings["year_ad"] + MIDDLE,
                    "delta14c": rings["delta14c_permil"],
                    "delta14c_error": rings["delta14c_sigma_permil"],
                }
            ),
            pd.DataFrame(
                {
                    "study": "Graven et al. 2017",
                    "atmosphere_zone": air["variable"].map(HEMISPHERES),
                    "calendar_year": air["Year.AD"],
                    "delta14c": air["value"],
                }
            ),
            pd.DataFrame(
                {
                    "study": "Hua et al. 2022",
                    "atmosphere_zone": bomb["zone"].map(ZONES),
                    "calendar_year": bomb["Year"],
                    "delta14c": bomb["mean.Delta14C"],
                    "delta14c_error": bomb["sd.Delta14C"],
                    "fraction_modern": bomb["mean.F14C"],
                }
            ),
        ],
        ignore_index=True,
    )
    return Curated(
        name="atmospheric_radiocarbon",
        title="Radiocarbon of atmospheric CO2",
        description="Delta14C of the air: IntCal20 from 12,001 BC to 1950, the bomb peak by month and zone from 1941 "
        "to 2019, and the yearly record of 1850-2015 that CMIP6 prescribes. socbayes.atmosphere joins them.",
        frame=frame,
        raw_rows=len(frame),
        exclusions=Exclusions(),
        sources=["intcal20", "graven2017", "hua2021"],
        choices=[
            "Delta14C of air and tree rings is corrected for decay to the year of growth: it says what the air held "
            "then, and needs no year of measurement.",
            "IntCal20 is given for whole years, every fifth one before 3051 BC; half a year is added, as rings hold "
            "the growing season.",
            "IntCal20 before 12,001 BC, SHCal20, delta13C of CO2 and the CO2 mole fraction are not in the sources.",
            "Both Delta14C and fraction modern of the bomb peak are as printed, rounded to 0.1 permille and 0.0001.",
        ],
    )


if __name__ == "__main__":
    main(curate)
