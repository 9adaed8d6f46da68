"""What evidence there is: pairs and studies by lever, ecosystem and climate, said before any number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import UnknownNameError
from socbayes.frames import filled, numeric
from socbayes.models.effects.layout import log_ratios
from socbayes.models.effects.pooled import judged
from socbayes.vocabulary import ECOSYSTEMS, EVIDENCE_LEVERS, QUANTITIES
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

CLIMATES = ("boreal or polar", "cool temperate", "warm temperate", "tropical")
"""Zones of mean annual temperature, parted at 0, 10 and 18 degC as in the IPCC guidelines (2019, volume 4, chapter 3);
moisture is left aside, as few studies state potential evapotranspiration."""
NO_DATA = "no data here"
NOT_STATED = "not stated"


def climate_of(temperature: np.ndarray) -> np.ndarray:
    """Zone of each mean annual temperature, degC, as text; shape of the argument.

    Examples
    --------
    >>> [str(zone) for zone in climate_of([5.0, 25.0, float("nan")])]
    ['cool temperate', 'tropical', 'not stated']
    """
    known = np.asarray(temperature, dtype="float64")
    zone = np.array(CLIMATES, dtype=object)[np.digitize(np.nan_to_num(known), (0.0, 10.0, 18.0))]
    return np.where(np.isfinite(known), zone, NOT_STATED)


def coverage(table: pd.DataFrame, fraction: str = "soil_organic_carbon") -> pd.DataFrame:
    """Pairs, studies and direction by lever, ecosystem and climate, with a row for each cell that is empty.

    Parameters
    ----------
    table
        Of kind ``effect_pairs``.
    fraction
        The fraction to count.

    Raises
    ------
    TableFaultsError
        For every column and cell that cannot be right.
    UnknownNameError
        For a fraction that is none, with those there are.

    Returns
    -------
    pandas.DataFrame
        Columns pairs, studies, gains (share of pairs with more carbon than their control) and said, in which a cell
        without a pair says that there are no data; indexed by lever, ecosystem and climate. Every lever is there, every
        ecosystem with every climate zone, and what states none.

    Examples
    --------
    >>> import pandas as pd
    >>> pair = {"observation": "1", "study": "A 2001", "lever": "biochar", "fraction": "soil_organic_carbon"}
    >>> table = pd.DataFrame([pair | {"control_mean": 10, "treated_mean": 12, "mean_annual_temperature": 8,
    ...                               "ecosystem": "cropland"}])
    >>> coverage(table).loc[("biochar", "cropland")]["said"].tolist()[:2]
    ['no data here', '1 pair of 1 study, 100 % gain']
    """
    import pandas as pd

    if fraction not in (known := QUANTITIES["fraction"].categories):
        raise UnknownNameError(f"there is no fraction {fraction!r}; known: {', '.join(known)}")
    table = judged(table)
    rows = table[table["fraction"] == fraction]
    ratio = log_ratios(rows)
    cells = pd.DataFrame(
        {
            "lever": rows["lever"].astype("str").to_numpy(),
            "ecosystem": filled(rows, "ecosystem", NOT_STATED).to_numpy(),
            "climate": climate_of(numeric(rows, "mean_annual_temperature")),
            "study": rows["study"].astype("str").to_numpy(),
            "gain": ratio > 0,
        }
    )
    found = cells.groupby(["lever", "ecosystem", "climate"]).agg(
        pairs=("study", "size"), studies=("study", "nunique"), gains=("gain", "mean")
    )
    named = ["lever", "ecosystem", "climate"]
    every = pd.MultiIndex.from_product([EVIDENCE_LEVERS, ECOSYSTEMS, CLIMATES], names=named)
    whole = found.reindex(every.union(found.index, sort=False)).sort_index()
    whole[["pairs", "studies"]] = whole[["pairs", "studies"]].fillna(0).astype("int64")
    whole["said"] = [
        f"{counted(row.pairs, 'pair')} of {counted(row.studies, 'study')}, {100 * row.gains:.0f} % gain"
        if row.pairs
        else NO_DATA
        for row in whole.itertuples()
    ]
    return whole


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs, studies and share of gains by lever and fraction; levers without any are left out.

    Parameters
    ----------
    table
        Of kind ``effect_pairs``.

    Returns
    -------
    pandas.DataFrame
        Columns pairs, studies, gains and compilations; indexed by lever and fraction.
    """
    table = judged(table)
    ratio = log_ratios(table)
    counted = table.assign(gain=ratio > 0, compilation=filled(table, "compilation", NOT_STATED))
    return counted.groupby(["lever", "fraction"]).agg(
        pairs=("study", "size"), studies=("study", "nunique"), gains=("gain", "mean"),
        compilations=("compilation", lambda names: ", ".join(sorted(set(names)))),
    )  # fmt: skip
