"""CO2 of incubated soils, day by day."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main, tidy_text
from sidb import COLUMNS, SERIES, read


def curate(literature: Path) -> Curated:
    """Keep every point of the series kept in incubation_series."""
    series, points = read(literature, Exclusions())
    total = len(points)
    exclusions = Exclusions()
    kinds = series.set_index(SERIES)["measured_as"]
    index = pd.MultiIndex.from_frame(points[SERIES])
    points = points.assign(measured_as=kinds.reindex(index).to_numpy())
    points = exclusions.drop(
        points, points["measured_as"].isna(), "point of a series that incubation_series leaves out, for its reasons"
    )
    points = exclusions.drop(points, points["value_std"].isna(), "no value")
    points = exclusions.drop(points, points["value_std"] < 0, "negative CO2")
    frame = pd.DataFrame(
        {"study": points["study"], "series": tidy_text(points["series"]), "incubation_day": points["time_d"]}
    )
    for kind, (column, factor) in COLUMNS.items():
        frame[column] = (points["value_std"] * factor).where(points["measured_as"] == kind)
    frame = frame.sort_values(["study", "series", "incubation_day"], kind="stable")
    steps = frame.groupby(SERIES)[["cumulative_co2", "cumulative_co2_per_carbon"]].diff()
    falls = int((steps < -1e-9).to_numpy().sum())
    return Curated(
        name="incubation_time_series",
        title="Soil incubations: CO2 through time",
        description="CO2 of incubated soils as rate or cumulated, per mass of soil or of organic carbon; each series "
        "fills the one column that its measured_as in incubation_series names.",
        frame=frame,
        raw_rows=total,
        exclusions=[item for item in exclusions if item["rows"]],
        sources=["sidb"],
        choices=[
            "Every sampled day is kept; nothing is thinned or interpolated.",
            f"{falls} increments of cumulative series are negative (last digits of readings), kept.",
            "Rates are those of the day, cumulative values those up to it: model increments, not levels.",
        ],
    )


if __name__ == "__main__":
    main(curate)
