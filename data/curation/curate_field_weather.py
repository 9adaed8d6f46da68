"""Monthly weather of the field sites."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main
from field import ROTHAMSTED

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
NUMBER = {name: position + 1 for position, name in enumerate(MONTHS)}


def curate(literature: Path) -> Curated:
    """Join monthly rain, monthly temperature and annual temperature of Rothamsted."""
    folder = literature / "rothamsted_era"
    annual = pd.read_csv(folder / "rothamsted_climate_annual.csv")
    rain = annual.melt("year", [f"rain_mm_{name}" for name in MONTHS], "column", "rain")
    rain["month"] = rain["column"].str[-3:].map(NUMBER)
    warm = pd.read_csv(folder / "rothamsted_monthly_temperature_1986_2017.csv")
    warm = warm.melt("harvest_year", MONTHS, "name", "temperature")
    warm["month"] = warm["name"].map(NUMBER)
    # A harvest year runs from October of the year before.
    warm["year"] = warm["harvest_year"] - (warm["month"] >= 10)
    frame = rain.merge(warm[["year", "month", "temperature"]], on=["year", "month"], how="outer", validate="1:1")
    frame = frame.merge(annual[["year", "mean_air_temp_C"]], on="year", how="left", validate="m:1")
    normals = len(pd.read_csv(folder / "rothamsted_climate_means_1991_2020.csv"))
    total = len(frame) + normals
    exclusions = Exclusions([{"reason": "means of 1991-2020, not months of a year", "rows": normals}])
    frame = exclusions.drop(
        frame, frame[["rain", "temperature", "mean_air_temp_C"]].isna().all(axis=1), "before the rain record begins"
    )
    frame = pd.DataFrame(
        {
            "site": ROTHAMSTED,
            "year": frame["year"],
            "month": frame["month"],
            "temperature": frame["temperature"],
            "annual_temperature": frame["mean_air_temp_C"],
            "rain": frame["rain"],
        }
    ).sort_values(["year", "month"])
    return Curated(
        name="field_weather",
        title="Monthly weather of Rothamsted",
        description="Rain of every month since March 1853, mean temperature of every month from October 1985 to "
        "September 2017 and of every calendar year since 1878.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=["rothamsted_rain", "rothamsted_monthly_temperature", "rothamsted_annual_temperature"],
        choices=[
            "Monthly temperatures are printed by harvest year: October to December belong to the calendar year before.",
            "The annual temperature stands on each month of its year, for months whose own mean is not given.",
            "No evaporation. The other sites of field_soc have no weather here; the Millennium Tillage Trial brings a "
            "rate modifier in field_management. Woburn is another place than Rothamsted.",
        ],
    )


if __name__ == "__main__":
    main(curate)
