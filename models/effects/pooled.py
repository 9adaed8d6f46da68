"""Pairs of several literatures as one table in which a study counts once.

Tables of other kinds that compare a treated soil with its control become tables
of kind ``effect_pairs`` here. A study that stands in two of them is kept where
it states most, and what was dropped is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.errors import EmptyTableError, SocbayesError, TableFaultsError
from socbayes.frames import filled, numeric
from socbayes.models.effects.record import RECORD
from socbayes.vocabulary import EVIDENCE_LEVERS, SCHEMAS
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

LEVER_OF_PRACTICE = {
    "straw_return": "residue_return",
    "manure_with_mineral_fertilizer": "",
    "phosphorus_addition": "",
    "other_global_change": "",
}
"""Practices of necromass pairs by the lever they are; empty for what is none. Other practices are called alike."""


def cover_crop_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs of a table of kind ``cover_crop_fractions``; a variance that its source imputed counts as not stated.

    Parameters
    ----------
    table
        Of kind ``cover_crop_fractions``. Rows of one study, fraction, layer and time beside the same carbon share their
        control.

    Returns
    -------
    pandas.DataFrame
        Of kind ``effect_pairs``.
    """
    pairs = _as_pairs(table, lever="cover_crop", ecosystem="cropland", compilation="cover crop synthesis 2023")
    content = filled(table, "carbon_control", "")
    where = content + "|" + filled(table, "depth_top", "") + "|" + filled(table, "duration", "")
    pairs["control"] = where.where(content != "")
    whole = (table["fraction"] == "soil_organic_carbon").to_numpy()
    pairs["soil_organic_carbon_control"] = np.where(whole, numeric(table, "carbon_control"), np.nan)
    return pairs


def elevated_co2_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs of a table of kind ``elevated_co2_pairs``; a variance that its source imputed counts as not stated.

    Parameters
    ----------
    table
        Of kind ``elevated_co2_pairs``.

    Returns
    -------
    pandas.DataFrame
        Of kind ``effect_pairs``, with ppm above ambient as the dose.
    """
    pairs = _as_pairs(table, lever="elevated_co2", compilation="elevated CO2 synthesis 2021")
    pairs["lever_dose"] = numeric(table, "co2_treatment") - numeric(table, "co2_control")
    pairs["lever_dose_unit"] = "ppm"
    return pairs


def necromass_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs of necromass, and of organic carbon, of a table of kind ``necromass_pairs``.

    Parameters
    ----------
    table
        Of kind ``necromass_pairs``. Practices that are no single lever are left out.

    Returns
    -------
    pandas.DataFrame
        Of kind ``effect_pairs``, two rows a pair.
    """
    import pandas as pd

    practice = table["practice"].astype(str)
    lever = practice.map(lambda name: LEVER_OF_PRACTICE.get(name, name))
    kept = table[lever.isin(EVIDENCE_LEVERS)]
    frames = []
    for fraction in ("necromass", "soil_organic_carbon"):
        pairs = _as_pairs(kept, compilation="soil necromass database")
        pairs["lever"] = lever[kept.index]
        pairs["observation"] = filled(kept, "observation", "") + f"-{fraction}"
        pairs["fraction"] = fraction
        pairs["control_mean"], pairs["treated_mean"] = kept[f"{fraction}_control"], kept[f"{fraction}_treatment"]
        if "control" in kept:
            pairs["control"] = kept["control"].astype("str").where(kept["control"].notna()) + f": {fraction}"
        frames.append(pairs)
    return pd.concat(frames, ignore_index=True)


CONVERTED = {"cover_crops": cover_crop_pairs, "elevated_co2": elevated_co2_pairs, "necromass": necromass_pairs}
"""How tables of other kinds become pairs, by their role in the model."""
KIND_OF_ROLE = {role.role: role.schema for role in RECORD.models[0].tables}
"""Kind of table by the argument of ``build`` that takes it."""


def judged(table: object, schema: str = "effect_pairs") -> pd.DataFrame:
    """A table as ``read_table`` would have read it; one that it has read does not change.

    Parameters
    ----------
    table
        What was given.
    schema
        Kind of table that is wanted.

    Raises
    ------
    SocbayesError
        If it is no frame.
    EmptyTableError
        If it has no rows.
    TableFaultsError
        For every column and cell that cannot be right.

    Examples
    --------
    >>> import pandas as pd
    >>> pair = {"observation": "a", "study": "Kitur 1994", "lever": "no_tillage", "fraction": "necromass"}
    >>> judged(pd.DataFrame([pair])).attrs["schema"]
    'effect_pairs'
    """
    import pandas as pd

    from socbayes.table import examine_frame

    if isinstance(table, pd.DataFrame) and not len(table):
        raise EmptyTableError("the table has no rows: nothing to fit")
    examined, faults = examine_frame(table, schema)
    if faults:
        raise TableFaultsError(faults, f"table of kind {schema!r}")
    return examined


def evidence(tables: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Pairs of several tables as one, each study once.

    Parameters
    ----------
    tables
        Of kind ``effect_pairs``.

    Raises
    ------
    SocbayesError
        If there is no table, or one of them is no frame.
    EmptyTableError
        If one has no rows.
    TableFaultsError
        For every column and cell that cannot be right.

    Returns
    -------
    pairs, notes
        One table, and what was dropped, in sentences.
    """
    if tables is None or not len(tables):
        raise SocbayesError("no table is given: expected a sequence of tables of kind 'effect_pairs'")
    return joined([judged(table) for table in tables])


def joined(tables: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """The same of tables that were judged before.

    Parameters
    ----------
    tables
        Of kind ``effect_pairs``.

    Raises
    ------
    SocbayesError
        If two rows are called alike.

    Returns
    -------
    pairs, notes
        As of :func:`evidence`.
    """
    import pandas as pd

    together = pd.concat([table.dropna(axis=1, how="all") for table in tables], ignore_index=True)
    if (again := together["observation"].astype("str").duplicated()).any():
        first = together.loc[again.idxmax(), "observation"]
        raise SocbayesError(
            f"column 'observation': {int(again.sum())} names stand in two rows of the tables together, first {first!r}"
        )
    return counted_once(together)


def counted_once(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out what a study says a second time, in another compilation.

    Two compilations hold the same study of a lever and a fraction where its
    digital object identifier is the same, or where either has none and first
    author, year and place agree, as far as both state them; the first author of one
    may be shortened to four letters. Where one states no year and studies of several
    years of the other agree with it, it is kept. The compilation that states more errors is kept, then
    that with more rows.

    Parameters
    ----------
    table
        Of kind ``effect_pairs``. Rows of no ``compilation`` are of one.

    Raises
    ------
    SocbayesError
        If a column that names a pair is not there.

    Returns
    -------
    pairs, notes
        The rest, and how many rows of how many studies were dropped, in sentences.

    Examples
    --------
    >>> import pandas as pd
    >>> pair = {"study": "Kitur et al. 1994", "lever": "no_tillage", "fraction": "soil_organic_carbon"}
    >>> rows = [pair | {"observation": "a", "compilation": "one"}, pair | {"observation": "b", "compilation": "two"}]
    >>> once, said = counted_once(pd.DataFrame(rows).assign(doi="10.1080/00103629409369033"))
    >>> len(once), said
    (1, ['Counted once: 1 pair of 1 study that another compilation holds as well.'])
    """
    if missing := [name for name in SCHEMAS["effect_pairs"].required if name not in table]:
        raise SocbayesError(f"the table has no column {missing[0]!r}: expected one of kind 'effect_pairs'")
    if "compilation" not in table or table["compilation"].nunique() < 2:
        return table, []
    compilation = filled(table, "compilation", "")
    papers = _papers(table)
    kept: dict[str, list[_Paper]] = {}
    dropped, unsure = np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=bool)
    for name in _by_worth(table, compilation):
        rows = np.flatnonzero((compilation == name).to_numpy())
        earlier = {cell: list(members) for cell, members in kept.items()}
        here = list(dict.fromkeys(papers[row] for row in rows))
        for cell, paper in here:
            beside = [one for one in earlier.get(cell, []) if _same(paper, one)]
            several = _several_years(paper, beside, [other for where, other in here if where == cell])
            if beside:
                (unsure if several else dropped)[[row for row in rows if papers[row] == (cell, paper)]] = True
            if several or not beside:
                kept.setdefault(cell, []).append(paper)
    notes = []
    if unsure.any():
        names = ", ".join(dict.fromkeys(table["study"].astype("str")[unsure]))
        notes.append(
            f"Kept: {counted(int(unsure.sum()), 'pair')} that may be of several studies of another compilation, as a "
            f"year is not stated: {names}."
        )
    if not dropped.any():
        return table, notes
    studies = len(
        {(compilation.iloc[row], papers[row][1].author, papers[row][1].year) for row in np.flatnonzero(dropped)}
    )
    pairs = counted(int(dropped.sum()), "pair")
    said = f"Counted once: {pairs} of {counted(studies, 'study')} that another compilation holds as well."
    rest = table[~dropped].reset_index(drop=True)
    rest.attrs = dict(table.attrs)
    return rest, [said, *notes]


class _Paper(NamedTuple):
    """What tells a study from another: identifier, first author, two digits of the year, and place."""

    doi: str
    author: str
    short: bool
    year: str
    latitude: float | None
    longitude: float | None


LETTERS_OF_A_CODE = 4
"""Letters that a compilation keeps of first authors."""
PARTICLES = "van|von|der|den|de|del|della|di|da|dos|du|la|le|ter|ten|zu"
"""Words that a surname begins with."""
DEGREES_APART = 0.75
"""Places of one site differ by less, as compilations round them."""


def _same(one: _Paper, other: _Paper) -> bool:
    """Whether two compilations mean the same study."""
    if one.doi and other.doi:
        return one.doi == other.doi
    if not _same_author(one, other) or (one.year and other.year and one.year != other.year):
        return False
    places = ((one.latitude, other.latitude), (one.longitude, other.longitude))
    near = [abs(here - there) < DEGREES_APART for here, there in places if here is not None and there is not None]
    # Without a year of both, an author is a study only where the place says so as well.
    return all(near) and (bool(one.year and other.year) or len(near) == len(places))


def _same_author(one: _Paper, other: _Paper) -> bool:
    """Whether first authors are the same, where either may be cut to the letters of a code."""
    if not one.author or not other.author or one.short == other.short:
        return bool(one.author) and one.author == other.author
    code, whole = (one.author, other.author) if one.short else (other.author, one.author)
    return whole == code or (len(code) == LETTERS_OF_A_CODE and whole.startswith(code))


def _several_years(paper: _Paper, beside: Sequence[_Paper], here: Sequence[_Paper]) -> bool:
    """Whether studies of several years are that of a paper, or a paper beside it, that states none."""
    if any((paper.doi and one.doi) or (paper.year and one.year) for one in beside):
        return False
    if not paper.year:
        return len({one.year for one in beside if one.year}) > 1
    return any(len({other.year for other in here if other.year and _same(other, one)}) > 1 for one in beside)


def _papers(table: pd.DataFrame) -> list[tuple[str, _Paper]]:
    """Lever and fraction, and study, of each row."""
    doi = filled(table, "doi", "").str.strip().str.lower()
    doi = doi.str.replace(r"^(https?://(dx\.)?doi\.org/|doi:?\s*)", "", regex=True).str.rstrip(".")
    plain = table["study"].astype("str").str.normalize("NFKD").str.encode("ascii", "ignore").str.decode("ascii")
    # A compilation shortens studies to four letters, at times with two digits: Baye01 for Bayer et al. 2001.
    short = plain.str.fullmatch(rf"[A-Za-z]{{1,{LETTERS_OF_A_CODE}}}(\d\d)?")
    year = plain.str.extract(r"\b(?:19|20)(\d\d)")[0].fillna(plain.str.extract(r"^[A-Za-z]{1,4}(\d\d)$")[0])
    surname = plain.str.extract(rf"^\W*((?:(?:{PARTICLES})\s+)*[A-Za-z'-]+)", flags=re.IGNORECASE)[0].fillna("")
    author = surname.where(year.notna() | short, plain).str.lower().str.replace(r"[^a-z]", "", regex=True)
    cell = table["lever"].astype("str") + ": " + table["fraction"].astype("str")
    places = [np.round(numeric(table, column), 1) for column in ("latitude", "longitude")]
    rows = zip(cell, doi, author, short, year.fillna(""), zip(*places, strict=True), strict=True)
    return [
        (
            where,
            _Paper(identifier, who, bool(cut), when, *(None if np.isnan(value) else float(value) for value in place)),
        )
        for where, identifier, who, cut, when, place in rows
    ]


def _by_worth(table: pd.DataFrame, compilation: pd.Series) -> list[str]:
    """Names of the compilations, that which states most errors first, then that with most rows."""
    import pandas as pd

    stated = np.isfinite(numeric(table, "treated_sd")) | np.isfinite(numeric(table, "log_response_ratio_variance"))
    worth = pd.DataFrame({"compilation": compilation, "stated": stated}).groupby("compilation")["stated"]
    ranked = worth.agg(["mean", "size"]).sort_values(["mean", "size"], ascending=False, kind="stable")
    return [str(name) for name in ranked.index]


def _as_pairs(table: pd.DataFrame, **constant: str) -> pd.DataFrame:
    """Columns that pairs share with another kind of table, less variances that were imputed; text in ``constant``."""
    columns = SCHEMAS["effect_pairs"].columns
    pairs = table[[name for name in columns if name in table]].copy()
    if "log_response_ratio_variance" in pairs:
        variance = numeric(table, "log_response_ratio_variance")
        imputed = (filled(table, "variance_imputed", "no") == "yes").to_numpy()
        pairs["log_response_ratio_variance"] = np.where(imputed | ~(variance > 0), np.nan, variance)
    for name, text in constant.items():
        pairs[name] = filled(pairs, name, text) if name == "ecosystem" else text
    return pairs
