"""Which rows of management hold for which plots, and which of them for none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from socbayes.frames import filled
from socbayes.labels import same_name
from socbayes.models.field.plots import PLACE, places_of, plot_of_rows
from socbayes.models.field.treatments import NOT_STATED, treatment_of_rows
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd

NAMES = (*PLACE, "treatment")


class Unanswered(NamedTuple):
    """Rows of management that hold for no plot because of one name in them.

    Parameters
    ----------
    column, name
        Which name nobody sampled.
    site
        Site of the rows.
    rows
        Their positions.
    known
        What the observations have in this column, of the same site.
    waiting
        Those of them that no row of management is about; of sites, studies and blocks those that no row names.
    """

    column: str
    name: str
    site: str
    rows: np.ndarray
    known: list[str]
    waiting: list[str]

    @property
    def hint(self) -> str | None:
        """Name that may have been meant."""
        known = self.known if self.column in ("plot", "treatment") else []
        return spelled_like(self.name, self.waiting) or spelled_like(self.name, known)


def spelled_like(name: str, known: list[str]) -> str | None:
    """Name of a list that another is probably a spelling of; site 1 and site 3 are spelled alike and are two.

    Parameters
    ----------
    name
        What somebody wrote.
    known
        Names that are there.

    Examples
    --------
    >>> spelled_like("Fram", ["Farm", "Hill"]), spelled_like("Site 1", ["Site 3"])
    ('Farm', None)
    """
    same = [one for one in known if same_name(one) == same_name(name)]
    return same[0] if same else nearest(name, [one for one in known if _digits(one) == _digits(name)])


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def names_of(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Site, study, block, plot and treatment of each row, empty where none is stated; (row,) each.

    Parameters
    ----------
    table
        Of schema ``field_management``.
    """
    return {name: filled(table, name, "").to_numpy(dtype=object) for name in NAMES}


def known_plots(obs: pd.DataFrame) -> pd.DataFrame:
    """Site, study, block, plot and each treatment of every plot, and whether another of the site has its name.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    """
    places = places_of(obs)
    places["treatment"] = treatment_of_rows(obs, plot_of_rows(places))
    unique = places.drop_duplicates(ignore_index=True)
    return unique.assign(shared=shares_its_name(unique))


def shares_its_name(places: pd.DataFrame) -> np.ndarray:
    """Whether the site has several plots of the name of each, in other studies or blocks; (row,).

    Parameters
    ----------
    places
        Columns of :data:`~socbayes.models.field.plots.PLACE`.
    """
    unique = places[list(PLACE)].drop_duplicates()
    several = unique.groupby(["site", "plot"]).size() > 1
    return np.array([several[pair] for pair in zip(places["site"], places["plot"], strict=True)], dtype=bool)


def rows_of(
    names: Mapping[str, np.ndarray], place: Mapping[str, Any], treatments: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of management that name a plot, (row,); of each treatment, (treatment, row); and of a whole site, (row,).

    A row that names a plot is about it, whatever treatment it names; where several plots have that name, about those
    of this treatment.

    Parameters
    ----------
    names
        Of :func:`names_of`.
    place
        Site and plot; study, block and ``shared`` where they are known.
    treatments
        Treatments of the plot.
    """
    here = names["site"] == str(place["site"])
    for name in ("study", "block"):
        if place.get(name):
            here = here & ((names[name] == place[name]) | (names[name] == ""))
    plot, named = names["plot"], names["treatment"]
    shared = here & (plot == "")
    treated = shared & (named != "") & (named == treatments[:, None])
    own = here & (plot == str(place["plot"]))
    if place.get("shared", False):
        own = own & ((named == "") | np.isin(named.astype(str), treatments.astype(str)))
    return own, treated, shared & (named == "")


def matched(table: pd.DataFrame, known: pd.DataFrame) -> tuple[np.ndarray, list[Unanswered]]:
    """Whether each row of management holds for any plot, (row,), and the names because of which others hold for none.

    Parameters
    ----------
    table
        Of schema ``field_management``.
    known
        Of :func:`known_plots`.
    """
    import pandas as pd

    every = pd.DataFrame(names_of(table))
    number = every.groupby(list(NAMES), sort=False).ngroup().to_numpy("int64")
    unique = every.drop_duplicates(ignore_index=True)
    names = {name: unique[name].to_numpy(dtype=object) for name in NAMES}
    found, waiting = np.zeros(len(unique), dtype=bool), np.zeros(len(known), dtype=bool)
    for position, place in enumerate(known.to_dict("records")):
        own, treated, everywhere = rows_of(names, place, np.array([place["treatment"]], dtype=object))
        found |= own | treated[0] | everywhere
        waiting[position] = not (own | treated[0]).any()
    strangers: dict[tuple[str, str, str], list[int]] = {}
    at: dict[tuple[str, str, str], np.ndarray] = {}
    have = {name: known[name].to_numpy(dtype=object) for name in NAMES}
    for place in np.flatnonzero(~found).tolist():
        column, here = _stranger({name: names[name][place] for name in NAMES}, have)
        key = (str(names["site"][place]), column, str(names[column][place]))
        strangers.setdefault(key, []).append(place)
        at[key] = here
    result = []
    for key, places in strangers.items():
        site, column, name = key
        known_here = _stated(have[column][at[key]])
        if column in ("plot", "treatment"):
            waits = _stated(have[column][at[key] & waiting])
        else:  # a site, study or block of which some plots have rows is spelled as it is
            given = names[column][(names["site"] == site) | (column == "site")]
            waits = [one for one in known_here if one not in set(given)]
        rows = np.flatnonzero(np.isin(number, places))
        result.append(Unanswered(column, name, site, rows, known_here, waits))
    return found[number], result


def _stranger(names: Mapping[str, str], have: Mapping[str, np.ndarray]) -> tuple[str, np.ndarray]:
    """Column whose name no plot has, given the names before it; and which plots have those."""
    here, chosen = np.ones(len(have["site"]), dtype=bool), "site"
    for column in NAMES:
        if not names[column]:
            continue
        fits = have[column] == names[column]
        if column in ("study", "block"):
            fits = fits | (have[column] == "")
        if not (here & fits).any():
            return column, here
        here, chosen = here & fits, column
    return chosen, here


def _stated(names: np.ndarray) -> list[str]:
    return sorted({str(name) for name in names if name not in ("", NOT_STATED)})
