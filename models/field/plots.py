"""The plots of a table: where they are, when they run, which treatments they have, and their soil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.frames import filled
from socbayes.models.blocks import group_means

if TYPE_CHECKING:
    import pandas as pd

ASSUMED_DEPTH = 23.0  # cm
ASSUMED_BULK_DENSITY = 1.3  # g/cm3
PLACE = ("site", "study", "block", "plot")
"""Columns that together tell one plot from another."""


@dataclass(frozen=True, eq=False)
class Plots:
    """Plots by position: positions are made here, because compiled indexing is not bounds-checked.

    Parameters
    ----------
    labels, sites, treatments
        Names.
    site
        Position of the site of each plot, (plot,).
    treatment
        Position of the treatment of each period of each plot, (plot, period).
    period
        Position of the period of each month, (row, plot).
    start
        First month, counted from the year 0, (plot,).
    months
        Months that each plot runs, (plot,).
    known
        Months up to the last sample that the fit saw, (plot,); of a plot with one sample those up to the last of its
        site, and a year at least.
    clay
        Percent, NaN where neither the plot nor its site states it, (plot,).
    depth, density
        Thickness of the layer, cm, and bulk density, g/cm3, (plot,).
    """

    labels: list[str]
    sites: list[str]
    treatments: list[str]
    site: np.ndarray
    treatment: np.ndarray
    period: np.ndarray
    start: np.ndarray
    months: np.ndarray
    known: np.ndarray
    clay: np.ndarray
    depth: np.ndarray
    density: np.ndarray

    @property
    def rows(self) -> int:
        """Months of the longest run."""
        return int(self.months.max())

    @property
    def periods(self) -> int:
        """How many treatments a plot has at most, one after the other."""
        return int(self.treatment.shape[1])

    def treatment_names(self, month: np.ndarray) -> np.ndarray:
        """Treatment in months since the first sample of each plot, (plot, time); beyond its run that of the end.

        Parameters
        ----------
        month
            (plot, time).
        """
        names = np.array(self.treatments, dtype=object)[self.treatment]
        place = np.arange(len(self.labels))[:, None]
        return names[place, self.period[np.clip(month, 0, self.rows - 1), place]]


def month_of(year: Any) -> np.ndarray:
    """Turn of a month nearest to a decimal year, counted from the year 0; the middle counts as the end.

    Parameters
    ----------
    year
        Decimal years.

    Examples
    --------
    >>> month_of([2000.0, 2000.20833, 2000.95]).tolist()
    [24000, 24003, 24011]
    """
    # Years are written with few digits, so the middle of a month needs a hair.
    return np.floor(np.asarray(year, dtype=float) * 12.0 + 0.5 + 1e-3).astype("int64")


def month_within(year: Any) -> np.ndarray:
    """Month that holds a decimal year, counted from the year 0: a flux is of a month, a stock of its turn.

    Parameters
    ----------
    year
        Decimal years.

    Examples
    --------
    >>> month_within([2000.0, 2000.0417, 2000.08333]).tolist()
    [24000, 24000, 24001]
    """
    return np.floor(np.asarray(year, dtype=float) * 12.0 + 1e-3).astype("int64")


def of_site(values: np.ndarray, plot: np.ndarray, site: np.ndarray) -> np.ndarray:
    """Mean of each plot, else of the plots of its site; NaN where neither is known; (plot,).

    Parameters
    ----------
    values, plot
        Values and the position of the plot, (row,).
    site
        Position of the site of each plot, (plot,).
    """
    means = group_means(values, plot, site.size)
    shared = group_means(means, site, int(site.max()) + 1)[site]
    return np.where(np.isfinite(means), means, shared)


def of_plot(values: np.ndarray, plot: np.ndarray, site: np.ndarray, otherwise: float) -> np.ndarray:
    """Mean of each plot, else of its site, else of all plots, else what is assumed; (plot,).

    Parameters
    ----------
    values, plot, site
        As for :func:`of_site`.
    otherwise
        What is assumed where no row says anything.
    """
    means = of_site(values, plot, site)
    overall = float(np.nanmean(means)) if np.isfinite(means).any() else otherwise
    return np.where(np.isfinite(means), means, overall)


def places_of(obs: pd.DataFrame) -> pd.DataFrame:
    """Site, study, block and plot of each row, which together tell plots apart; empty where nothing is stated.

    A row that leaves study or block empty is of the only plot of that name, where there is only one.

    Parameters
    ----------
    obs
        Table with columns site and plot, and study and block where they are known.

    Examples
    --------
    >>> import pandas as pd
    >>> obs = pd.DataFrame({"site": "Farm", "plot": ["1", "1", "2"], "block": ["I", None, None]})
    >>> places_of(obs)["block"].tolist()
    ['I', 'I', '']
    """
    import pandas as pd

    # Plain columns: attributes of a table are copied with every step of its own.
    places = pd.DataFrame({name: filled(obs, name, "").to_numpy(dtype=object) for name in PLACE}, index=obs.index)
    for name, others in (("study", ["site", "plot"]), ("block", ["site", "study", "plot"])):
        stated = places[name].where(places[name] != "")
        if not stated.isna().any() or stated.isna().all():
            continue
        by_others = stated.groupby([places[other] for other in others])
        only = by_others.transform("first").where(by_others.transform("nunique") == 1)
        places[name] = stated.where(stated.notna(), only).fillna("")
    return places


def plot_of_rows(obs: pd.DataFrame) -> np.ndarray:
    """Number of the plot of each row, in order of appearance, (row,).

    Parameters
    ----------
    obs
        As for :func:`places_of`.

    Examples
    --------
    >>> import pandas as pd
    >>> plot_of_rows(pd.DataFrame({"site": "Farm", "plot": ["1", "2", "1"], "block": ["I", "I", "II"]})).tolist()
    [0, 1, 2]
    """
    number: np.ndarray = places_of(obs).groupby(list(PLACE), sort=False).ngroup().to_numpy("int64")
    return number


def labels_of(places: pd.DataFrame) -> tuple[pd.Series, tuple[str, ...]]:
    """Name of the plot of each row, with site, study and block as far as they are needed to tell plots apart; notes.

    Parameters
    ----------
    places
        Of :func:`places_of`.

    Examples
    --------
    >>> import pandas as pd
    >>> labels, notes = labels_of(places_of(pd.DataFrame({"site": "Farm", "plot": "1", "block": ["I", "II"]})))
    >>> labels.tolist(), notes
    (['block I, 1', 'block II, 1'], ('Plots of one name are told apart by their block: 1.',))
    """
    unique = places.drop_duplicates()
    label, notes = places["plot"].astype(str), []
    for name, within in (("block", ["site", "study"]), ("study", ["site"]), ("site", [])):
        several = unique.groupby([*within, "plot"])[name].nunique() > 1
        if not several.any():
            continue
        called = places[name].astype(str)
        if name == "block":
            plain = (called == "") | called.str.lower().str.startswith("block")
            called = called.where(plain, "block " + called)
        label = (called + ", " + label).where(called != "", label)
        if name != "site":
            alike = sorted(set(unique.groupby([*within, "plot"])[name].nunique()[several].reset_index()["plot"]))
            more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
            notes.append(f"Plots of one name are told apart by their {name}: {', '.join(alike[:3])}{more}.")
    return label, tuple(notes)
