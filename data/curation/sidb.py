"""What both incubation tables share: which series of the Soil Incubation Database can be used.

The unit of a series is a label of its study. Where carbon is left over at the
end that label can be right; where a soil releases more carbon than it holds it
is wrong, for the study as a whole.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from curation import Exclusions

SERIES = ["study", "series"]
MEASURED_AS = {
    ("rate", "ugC gSoil-1 d-1"): "rate_per_soil",
    ("rate", "mgC gC-1 d-1"): "rate_per_carbon",
    ("cumulative", "mgC gSoil-1"): "cumulative_per_soil",
    ("cumulative", "mgC gC-1"): "cumulative_per_carbon",
}
# Column and factor of each kind of value.
COLUMNS = {
    "rate_per_soil": ("respiration", 1 / 24),
    "rate_per_carbon": ("respiration_per_carbon", 1.0),
    "cumulative_per_soil": ("cumulative_co2", 1000.0),
    "cumulative_per_carbon": ("cumulative_co2_per_carbon", 1.0),
}
# Columns of the initial conditions by which the soils of one site are told apart.
SOIL_KEYS = ("landCover", "vegetation", "fieldWarming", "elevatedCO2", "elevation", "soil", "drainage", "horizon")


def initial_conditions(series: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """Organic carbon, pH and clay of the soil of each series, where one soil only can be meant."""
    by_site = {key: group for key, group in conditions.groupby(["study", "site"])}
    rows = []
    for row in series.itertuples():
        soils = by_site.get((row.study, row.site), conditions.iloc[:0])
        stated = dict(stated_pairs(row.other_treatment))
        for key in SOIL_KEYS:
            wanted = stated.get(key)
            if wanted is not None and key in soils and soils[key].notna().any():
                soils = soils[soils[key].map(plain) == plain(wanted)]
        if pd.notna(row.depth_top_cm) and soils["top"].notna().any():
            soils = soils[(soils["top"] == row.depth_top_cm) & (soils["bottom"] == row.depth_bottom_cm)]
        rows.append({key: only(soils[key]) for key in ("carbon_gC_per_gSoil", "pH", "percentClay")})
    return pd.DataFrame(rows, index=series.index)


def stated_pairs(text: object) -> list[tuple[str, str]]:
    """Pairs of "landCover=AG; amendment=none"."""
    if not isinstance(text, str):
        return []
    return [(key.strip(), value.strip()) for key, value in (part.split("=", 1) for part in text.split(";"))]


def plain(value: object) -> str:
    """Text by which "Pasture" and "pasture", 100 and "100" are the same."""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return str(value).strip().lower()


def only(values: pd.Series) -> float:
    """Value that all rows agree on, missing when they do not."""
    found = pd.to_numeric(values, errors="coerce").dropna().unique()
    return float(found[0]) if len(found) == 1 else float("nan")


def released(points: pd.DataFrame, series: pd.DataFrame) -> pd.Series:
    """Carbon each series releases in all, per mass of soil or of carbon (g/g)."""
    totals = {}
    for key, group in points.sort_values("time_d").groupby(SERIES):
        values, days = group["value_std"].to_numpy(), group["time_d"].to_numpy()
        totals[key] = (values.max(), np.trapezoid(values, days) + values[0] * days[0])
    index = pd.MultiIndex.from_frame(series[SERIES])
    cumulative = pd.Series([totals[key][0] for key in index], index=series.index)
    summed = pd.Series([totals[key][1] for key in index], index=series.index)
    scale = series["measured_as"].map(
        {"rate_per_soil": 1e-6, "rate_per_carbon": 1e-3, "cumulative_per_soil": 1e-3, "cumulative_per_carbon": 1e-3}
    )
    return scale * summed.where(series["measured_as"].str.startswith("rate"), cumulative)


def read(literature: Path, exclusions: Exclusions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Usable series with their soils, and every point of the database."""
    folder = literature / "sidb"
    series = pd.read_csv(folder / "sidb_series.csv", low_memory=False)
    points = pd.read_csv(folder / "sidb_timeseries.csv")
    conditions = pd.read_csv(folder / "sidb_init_conditions.csv", low_memory=False)
    quantity, label = series["quantity"], series["label_check"]
    reasons = [
        (series["statistic"] == "SD", "series of standard deviations"),
        (quantity == "isotope", "isotope ratio of CO2, not its amount"),
        (quantity == "remaining_percent_14C", "14C left in soil, not CO2"),
        (
            quantity == "unclear",
            "Crow 2018, Lavoie 2011, Wang 2010: labelled cumulative, but the series fall: probably rates",
        ),
        (quantity == "rate_or_increment", "Wells 2022: no time base stated"),
        (series["units_std"].isna(), "per organic matter, per jar or ppm: cannot be put per mass of soil"),
        (series["n_points"] < 5, "fewer than five points"),
        (
            label.str.startswith("labelled cumulative"),
            "Reichstein 2000: series described as respiration rates under a cumulative unit, no time base",
        ),
        (
            series["units_raw"] == "mgDetritusC/gSoil",
            "Hopkins 2006: CO2 of the added detritus alone, a difference of two series",
        ),
        (series["study"] == "Fontaine2007", "Fontaine 2007: in the priming tables"),
    ]
    for mask, reason in reasons:
        series = exclusions.drop(series, mask.reindex(series.index), reason)
    kind = zip(series["quantity"], series["units_std"], strict=True)
    series = series.assign(measured_as=[MEASURED_AS[pair] for pair in kind])
    chosen = points.merge(series[[*SERIES, "measured_as"]], on=SERIES)
    share = released(chosen, series)
    most = conditions.groupby(["study", "site"])["carbon_gC_per_gSoil"].max()
    carbon = pd.Series(
        [most.get(key, float("nan")) for key in zip(series["study"], series["site"], strict=True)], index=series.index
    )
    share = share.where(series["measured_as"].str.endswith("carbon"), share / carbon)
    wrong = sorted(set(series.loc[share > 1, "study"]))
    series = exclusions.drop(
        series,
        series["study"].isin(wrong),
        "mislabelled unit, all series of a study in which a soil releases more carbon than it holds: "
        + ", ".join(
            f"{study} ({(share[series['study'] == study] > 1).sum()} of {count})"
            for study, count in series.loc[series["study"].isin(wrong), "study"].value_counts().sort_index().items()
        ),
    )
    series = exclusions.drop(
        series,
        series["study"] == "Stewart2008SBB",
        "Stewart 2008: 20 to 161 mg of carbon per g of soil released by arable soils whose carbon is not given",
    )
    text = chosen.groupby(SERIES)[["time_d", "value_raw"]].apply(lambda rows: rows.to_csv(index=False))
    same = series.merge(text.rename("points").reset_index(), on=SERIES, how="left")["points"].set_axis(series.index)
    again = pd.DataFrame({"study": series["study"], "points": same}).duplicated()
    series = exclusions.drop(series, again, "series that repeats another of its study in every point")
    return series.join(initial_conditions(series, conditions).add_prefix("soil_")), points
