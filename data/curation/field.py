"""What the field tables share: sites, plots, treatments and dates of every trial.

Traps of the sources that more than one table meets are handled here, each with
the note of the source that gives it away.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

ROTHAMSTED = "Rothamsted"
WOBURN = "Woburn"
MILLENNIUM = "Millennium Tillage Trial"
MILLENNIUM_TREATMENTS = {
    1: "fallow",
    2: "pasture",
    3: "NN0",
    4: "NN1",
    5: "MM0",
    6: "MM1",
    7: "II0",
    8: "II1",
    9: "IM0",
    10: "IM1",
    11: "IN0",
    12: "IN1",
    13: "MN0",
    14: "MN1",
}
# Intensive, minimum and no tillage in two seasons, as the source folder reads the letters.
MILLENNIUM_TILLAGE = {"NN": "none", "MM": "reduced", "II": "full", "IM": "mixed", "IN": "mixed", "MN": "mixed"}
# What the crop column of the source shows of each field.
TARLEE_TREATMENTS = {1: "continuous wheat", 2: "wheat and fallow", 3: "wheat and pasture"}
BRIGALOW_TREATMENTS = {1: "cropping", 2: "cropping", 3: "cropping", 4: "pasture", 5: "pasture", 6: "pasture"}
# The archive's rows of these years carry dates that rise by a day per row, and
# its notes say that no day was recorded: the month, or only the year, is known.
MONTH_ONLY = {"Highfield": (1961, 1967, 1969), "Fosters": (1967, 1969, 1972, 1975)}
YEAR_ONLY = {"Highfield": (1956,), "Fosters": (1956,)}


def month_middle(index: pd.Series) -> pd.Series:
    """Decimal year of a month of the Millennium Tillage Trial, counted from January 2000."""
    return 2000 + (index - 0.5) / 12


def classical(literature: Path) -> pd.DataFrame:
    """Classical experiments: study, plot and treatment of every dated value."""
    raw = pd.read_csv(literature / "rothamsted_era" / "classical_soc_timeseries.csv")
    return named_plots(raw)


def named_plots(raw: pd.DataFrame) -> pd.DataFrame:
    """Plot and treatment from ``experiment`` and ``treatment (plot 2.2)``."""
    found = raw["treatment"].str.extract(r"^(?P<name>.*?)(?: \(plot (?P<plot>[\w.]+)\))?$")
    field_name = raw["experiment"].str.split().str[0]
    raw["plot"] = (field_name + " " + found["plot"]).where(found["plot"].notna(), raw["experiment"])
    raw["treatment"] = found["name"]
    return raw


def ley_arable(literature: Path, field_name: str) -> pd.DataFrame:
    """Highfield or Fosters: plots, treatments and dates made one way."""
    raw = pd.read_csv(literature / "rothamsted_era" / f"{field_name.lower()}_ley_arable_plots.csv")
    raw["treatment"] = raw["rotation_factor_level_code"].str.strip()
    sub_plot = raw["sub_plot"].map(lambda x: "" if pd.isna(x) else f".{x:.0f}")
    raw["plot"] = field_name + " " + raw["main_plot"].fillna("") + sub_plot
    date = raw["sampling_date"].astype("str").str.split(" ").str[0]
    date = date.where(~raw["year"].isin(MONTH_ONLY[field_name]), date.str[:7])
    raw["date"] = date.where(~raw["year"].isin(YEAR_ONLY[field_name]), date.str[:4])
    raw["notes"] = raw["note_id"].fillna("").astype("str").map(lambda x: set(re.findall(r"\d+", x)))
    return raw


def woburn(literature: Path) -> pd.DataFrame:
    """Woburn ley-arable: one spelling per rotation, the year in which soil was sampled."""
    raw = pd.read_csv(literature / "rothamsted_era" / "woburn_ley_arable_plots.csv")
    raw["treatment"] = raw["rotation_factor_level"].str.replace(r"^Ll", "LL", regex=True)
    raw["plot"] = "Woburn " + raw["main_plot"].astype("str")
    raw["manured"] = raw["fym_factor_level"].str.lower() == "fym"
    # Notes 2 and 3 of the archive: rows of 1955 and 1961 were sampled in 1956 and 1963.
    sampled = raw["year"].replace({1955: 1956, 1961: 1963}).astype("str")
    raw["date"] = sampled.mask(raw["year"] == 1938, "1938-03")
    return raw


def australia(literature: Path) -> pd.DataFrame:
    """Tarlee and Brigalow: one row per field, year and crop."""
    folder = literature / "tarlee_brigalow_soc"
    frames = []
    for site, treatments in (("Tarlee", TARLEE_TREATMENTS), ("Brigalow", BRIGALOW_TREATMENTS)):
        raw = pd.read_csv(folder / f"{site.lower()}.csv")
        frames.append(raw.assign(site=site, treatment=raw["field"].map(treatments), plot=raw["field"].astype("str")))
    return pd.concat(frames, ignore_index=True)
