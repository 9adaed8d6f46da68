"""Priming: cumulative CO2 of treated jars and controls, day by day."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main
from priming import SOURCES_USED, read

JAR = ["study", "jar"]


def falls(frame: pd.DataFrame, column: str) -> pd.Series:
    """Rows where a cumulative series is below its previous day."""
    return frame.sort_values([*JAR, "incubation_day"]).groupby(JAR)[column].diff() < -1e-9


def curate(literature: Path) -> Curated:
    """Keep every day of the jars whose substrate CO2 was measured."""
    raw = read(literature, "priming_timeseries.csv")
    total = len(raw)
    exclusions = Exclusions()
    raw = exclusions.drop(
        raw, raw["cum_substrate_co2"].isna(), "Fontaine et al. 2007: no CO2 from the substrate in the digitised series"
    )
    frame = pd.DataFrame(
        {
            "study": raw["study"],
            "jar": raw["unit"],
            "incubation_day": raw["day"],
            "native_co2_control": raw["cum_native_control"],
            "native_co2_treated": raw["cum_native_treated"],
            "substrate_co2": raw["cum_substrate_co2"],
            "dataset": raw["dataset"],
            "soil": raw["soil"],
            "control": raw["control"],
            "run": raw["run"],
            "added_nitrogen": raw["added_nitrogen"],
            "substrate_dose": raw["dose_ug_c_g"],
            "native_co2_control_sd": raw["sd_control"],
            "control_replicates": raw["n_control"],
        }
    ).sort_values(["dataset", "jar", "incubation_day"])
    treated = falls(frame, "native_co2_treated")
    if any(falls(frame, name).any() for name in ("native_co2_control", "substrate_co2", "substrate_dose")):
        raise ValueError("a control, substrate or dose series falls")
    by_set = frame.loc[treated[treated].index].groupby("dataset").size()
    return Curated(
        name="priming_time_series",
        title="Priming through time",
        description="Cumulative CO2 from soil organic matter (treated jar, matched control) and from the substrate "
        "for every sampled day, beside the cumulative substrate dose. Rows of one jar are cumulative: model their "
        "increments.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=[key for key in SOURCES_USED if key != "fontaine2007_cellulose_priming"],
        choices=[
            f"{int(treated.sum())} increments of the treated jar are negative ("
            + ", ".join(f"{name} {count}" for name, count in by_set.items())
            + "): isotope-partition noise, kept. Control, substrate and dose series never fall.",
            "Arizona doses are cumulative and rise at the start of each week; the others were given once.",
            "Days of Arizona are nominal (two, five and seven days into each week).",
            "Control ids, soils and runs are those of priming_endpoints.",
        ],
    )


if __name__ == "__main__":
    main(curate)
