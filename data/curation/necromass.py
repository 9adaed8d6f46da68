"""What both necromass tables share: study names and compilations."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import tidy_text

FOLDER = "sndb_necromass"
# Necromass of this study is about 0.02 percent of organic carbon, a thousandth
# of what every other cropland shows: most likely a slip of unit. Correcting it
# would be a guess.
MISSCALED = 84
MISSCALED_REASON = "study 84: necromass a thousandth of every other study, a likely slip of unit"


def read(literature: Path, name: str) -> pd.DataFrame:
    """One file of the soil necromass database."""
    return pd.read_csv(literature / FOLDER / name, low_memory=False)


def readable(authors: pd.Series) -> pd.Series:
    """Bring author cells such as "Zhu et al, 2020" to one spelling, "Zhu et al. 2020"."""
    names = authors.str.replace(r",?\s*\bet al\b\.?\s*,?\s*", " et al. ", regex=True)
    names = names.str.replace(r"\(In prepare\)", "", regex=True)
    return tidy_text(names.str.replace(r",\s*(\d{4})", r" \1", regex=True))


def study_names(literature: Path) -> pd.Series:
    """Readable, unique study name by study number of the database.

    The author cell ("Zhu et al, 2020") is brought to one spelling; the study
    number follows where two studies would get the same name.
    """
    rows = read(literature, "necromass_soc_observations.csv").dropna(subset=["study_no"])
    names = readable(rows.groupby("study_no")["author"].first())
    twice = names.duplicated(keep=False)
    return names.mask(twice, names + " (study " + names.index.astype(int).astype("str") + ")")


def compilation(printed: pd.Series) -> pd.Series:
    """Compilation a row comes from; rows the database read itself carry its name."""
    return tidy_text(printed).fillna("SNDB")
