"""Organic carbon of long-term bare fallows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main

from socbayes.reading.dates import decimal_year

HIGHFIELD_START = 1959 + 11.5 / 12
"""The grass was ploughed in December 1959, after the first samples."""


def network(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Askov, Grignon and Versailles, read from a figure."""
    folder = literature / "bare_fallow_barre2010"
    jars = pd.read_csv(folder / "incubation_versailles_35C.csv")
    exclusions.append({"reason": "Versailles: carbon left in a laboratory incubation at 35 degC", "rows": len(jars)})
    raw = pd.read_csv(folder / "bare_fallow_soc.csv").merge(pd.read_csv(folder / "sites.csv"), on="site", how="left")
    read = raw["method"].str.startswith("digitised")
    return pd.DataFrame(
        {
            "site": raw["site"],
            "plot": raw["site"] + " mean",
            "duration": raw["years_bare_fallow"],
            "soil_organic_carbon": raw["soc_g_kg"],
            "study": "Barré et al. 2010",
            "soil_organic_carbon_sd": raw["digitising_sd_g_kg"].where(read),
            "bulk_density": raw["bulk_density_g_cm3_used"],
            "value_origin": read.map({True: "digitised", False: "printed"}),
            "clay": raw["clay_percent_inferred"],
            "silt_and_clay": raw["clay_plus_silt_percent_inferred"],
            "doi": "10.5194/bg-7-3839-2010",
            "mean_annual_temperature": raw["mean_annual_temp_C"],
        }
    )


def highfield(literature: Path) -> pd.DataFrame:
    """Four sub-plots of the Highfield bare fallow."""
    raw = pd.read_csv(literature / "rothamsted_era" / "highfield_bare_fallow.csv")
    date = raw["sample_date"].where(raw["sample_year"] != 1971, "1971-07")
    return pd.DataFrame(
        {
            "site": "Rothamsted",
            "plot": "Highfield bare fallow " + raw["sub_plot"].astype("str"),
            "duration": (date.map(decimal_year) - HIGHFIELD_START).mask(raw["sample_year"] == 1959, 0.0),
            "soil_organic_carbon": raw["percent_soc"] * 10,
            "study": "Highfield bare fallow",
            "soc_stock": raw["soc_stock_t_ha"],
            "bulk_density": raw["bulk_density_g_cm3"],
            "value_origin": "measured",
            "depth_top": 0.0,
            "depth_bottom": 23.0,
            "doi": "10.23637/rrs1-SOILCN1959-2014-01",
        }
    )


def curate(literature: Path) -> Curated:
    """Keep the decline of organic carbon without plants at four sites."""
    exclusions = Exclusions()
    frame = pd.concat([highfield(literature), network(literature, exclusions)], ignore_index=True)
    return Curated(
        name="bare_fallow",
        title="Long-term bare fallows",
        description="Organic carbon of soil kept free of plants for up to 79 years: Rothamsted (Highfield, four "
        "sub-plots), Askov, Grignon and Versailles (site means).",
        frame=frame,
        raw_rows=len(frame) + sum(item["rows"] for item in exclusions),
        exclusions=exclusions,
        sources=["rothamsted_highfield_bare_fallow", "bare_fallow_barre2010"],
        choices=[
            "Rows of Rothamsted are measurements under CC BY 4.0 and stand in field_soc too, with their dates.",
            "Askov, Grignon and Versailles were read from a figure of a model study, within 0.1 to 0.2 g/kg "
            "(soil_organic_carbon_sd), but for six values of Askov and the first of Grignon and Versailles, which are "
            "printed. Years are rounded to whole numbers; Askov is incomplete, as about 30 of its points overlap.",
            "Bulk density, clay and silt are those that study used or that follow from its output, not measurements.",
            "Ultuna and Kursk, two more sites of the network, are not in the sources.",
        ],
    )


if __name__ == "__main__":
    main(curate)
