"""Tables of field plots: judged once, kept with the fit, and joined with what is planned."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import EmptyTableError, Fault, SocbayesError, TableFaultsError, UnitError
from socbayes.facts import table_of
from socbayes.frames import numeric
from socbayes.models.field.dates import dated
from socbayes.spec import notes_of
from socbayes.units import conversion_factor
from socbayes.vocabulary import QUANTITIES
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SCHEMAS = {"obs": "field_soc", "management": "field_management", "weather": "field_weather"}
"""Kind of table by role."""
_YIELD = re.compile(r"yield_dry_matter\s*(?:[\[(](.*)[\])])?")
_SAME = {"yield_per_harvest": "yield_dry_matter"}
HAIR = 0.01
"""Years: decimal years are written with few digits."""


@dataclass(frozen=True, eq=False)
class FieldTables:
    """Tables of which every cell was judged, in canonical units.

    Parameters
    ----------
    obs
        Of schema ``field_soc``.
    management, weather
        Of schema ``field_management`` and ``field_weather``, or None.
    plan
        Of schema ``field_management``: what is done after the last samples instead of what ``management`` says of
        the same plots, or None. Its index counts the rows of the table it was given in.
    notes
        What was understood, converted or not used when they were read.
    """

    obs: pd.DataFrame
    management: pd.DataFrame | None = None
    weather: pd.DataFrame | None = None
    plan: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @property
    def by_role(self) -> dict[str, pd.DataFrame]:
        """The tables that are there, by their role in a fit."""
        every = {"obs": self.obs, "management": self.management, "weather": self.weather}
        return {role: table for role, table in every.items() if table is not None}

    def with_obs(self, obs: pd.DataFrame) -> FieldTables:
        """The same management and weather with other observations, which have been judged as well.

        Parameters
        ----------
        obs
            Rows of the table of observations, or of several.
        """
        return replace(self, obs=obs)


def judged(
    obs: pd.DataFrame, management: pd.DataFrame | None = None, weather: pd.DataFrame | None = None
) -> FieldTables:
    """Tables of field plots as ``read_table`` would have read them; those that it has read do not change.

    Parameters
    ----------
    obs, management, weather
        Tables of schema ``field_soc``, ``field_management`` and ``field_weather``.

    Raises
    ------
    EmptyTableError
        If there are no observations.
    TableFaultsError
        For every cell that cannot be right.

    Examples
    --------
    >>> import socbayes as sb
    >>> tables = judged(sb.load_dataset("field_soc"), sb.load_dataset("field_management"))
    >>> sorted(tables.by_role)
    ['management', 'obs']
    """
    if obs is None or len(obs) == 0:
        raise EmptyTableError("the table of observations has no rows: nothing to fit")
    tables: dict[str, pd.DataFrame] = {}
    faults: list[Fault] = []
    for role, table in (("obs", obs), ("management", management), ("weather", weather)):
        if table is not None:
            tables[role], wrong = _examined(table, SCHEMAS[role])
            faults += wrong
    if faults:
        raise TableFaultsError(faults, "field tables")
    notes = dict.fromkeys(note for table in tables.values() for note in notes_of(table))
    return FieldTables(**tables, notes=tuple(notes))


def tables_of_fit(fitted: xr.DataTree) -> FieldTables:
    """Tables that a fit of the field model was made of.

    Parameters
    ----------
    fitted
        A fit of ``models.field``.

    Raises
    ------
    SocbayesError
        If the fit does not hold them, as one made by an older version.
    """
    kept = {role: table_of(fitted, role) for role in SCHEMAS}
    if kept["obs"] is None:
        raise SocbayesError("this fit does not hold the tables it was made of: fit the model again")
    return FieldTables(kept["obs"], kept["management"], kept["weather"])


def with_plan(
    tables: FieldTables, management: pd.DataFrame | None = None, weather: pd.DataFrame | None = None
) -> FieldTables:
    """Tables of a fit with what is planned, or expected, after the last samples.

    Rows that the fit has already may be given again. New rows of management are a plan, which takes the place of
    what the fit knows of the plots it is about from its first year on; a new month of weather that of the same month.

    Parameters
    ----------
    tables
        Of the fit.
    management, weather
        Tables of schema ``field_management`` and ``field_weather``.

    Returns
    -------
    FieldTables

    Raises
    ------
    TableFaultsError
        For every cell that cannot be right.
    SocbayesError
        For rows that say otherwise than the fit of a time that it has samples of.
    """
    last = tables.obs.groupby("site")["year"].max()
    faults: list[Fault] = []
    new: dict[str, pd.DataFrame] = {}
    for role, table in (("management", management), ("weather", weather)):
        if table is not None:
            new[role], wrong = _examined(table, SCHEMAS[role])
            faults += wrong
    if faults:
        raise TableFaultsError(faults, "field tables")
    return replace(
        tables,
        plan=_planned(tables.management, new.get("management"), last),
        weather=_expected(tables.weather, new.get("weather"), last),
        notes=(*tables.notes, *(note for table in new.values() for note in notes_of(table))),
    )


def _examined(table: pd.DataFrame, schema: str) -> tuple[pd.DataFrame, list[Fault]]:
    """A table in canonical units, and its faults."""
    import pandas as pd

    from socbayes.table import examine_frame

    per_harvest = schema == SCHEMAS["management"] and isinstance(table, pd.DataFrame) and _per_harvest(table)
    units = {"yield_dry_matter": f"{per_harvest}/year"} if per_harvest else {}
    examined, faults = examine_frame(table, schema, units)
    if per_harvest:
        examined = _renamed(examined, "yield_dry_matter", "yield_per_harvest")
    if schema == SCHEMAS["obs"]:
        attrs = examined.attrs
        examined, wrong, notes = dated(examined)
        examined.attrs = attrs | {"notes": list(dict.fromkeys([*notes_of(examined), *notes]))}
        faults += wrong
    return examined, faults


def _per_harvest(table: pd.DataFrame) -> str:
    """Unit of the yields of a frame where nothing says that they are per year; empty where something does."""
    stated = table.attrs.get("units")
    if (isinstance(stated, dict) and "yield_dry_matter" in stated) or "yield_per_harvest" in table:
        return ""  # read_table asks for the unit, which is one per year
    written = [match for name in table.columns if (match := _YIELD.fullmatch(str(name).strip()))]
    unit = (written[0][1] or "t/ha") if written else ""
    try:
        conversion_factor(unit, QUANTITIES["yield_per_harvest"])
    except UnitError:
        return ""
    return unit


def _renamed(table: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    """A table with another name for a column, also in what it says of units."""
    result = table.rename(columns={old: new})
    units = {name: unit for name, unit in table.attrs.get("units", {}).items() if name != old}
    result.attrs = table.attrs | {"units": units | {new: QUANTITIES[new].unit}}
    return result


def _new_rows(table: pd.DataFrame, known: pd.DataFrame | None) -> pd.DataFrame:
    """Rows of a table that another does not hold word for word."""
    if known is None:
        return table
    seen = {_row(known, place) for place in range(len(known))}
    return table.iloc[[place for place in range(len(table)) if _row(table, place) not in seen]]


def _row(table: pd.DataFrame, place: int) -> frozenset[tuple[str, object]]:
    """What a row says, as something to compare; columns of the caller's own say nothing to a fit."""
    said = table.iloc[place].dropna()
    # The same number in another unit differs in its last digits.
    return frozenset(
        (_SAME.get(str(name), str(name)), value if isinstance(value, str) else f"{value:.9g}")
        for name, value in said.items()
        if not str(name).startswith("x_")
    )


def _planned(known: pd.DataFrame | None, given: pd.DataFrame | None, last: pd.Series) -> pd.DataFrame | None:
    """Rows of management that are new to a fit, all of them after its last samples."""
    if given is None:
        return None
    plan = _new_rows(given, known)
    seen = plan["site"].map(last).to_numpy(dtype=float, na_value=np.nan)
    early = numeric(plan, "start_year") < seen - HAIR
    if early.any():
        first = plan.iloc[int(np.flatnonzero(early)[0])]
        raise SocbayesError(
            f"{counted(int(early.sum()), 'row of the plan begins', 'rows of the plan begin')} before the last "
            f"sample of the site, the first at "
            f"{first['site']} in {first['start_year']:g}: of that time the fit has its own management. Let a plan "
            f"begin at the last sample, {last[first['site']]:.2f} there, or later"
        )
    return plan if len(plan) else None


def _expected(known: pd.DataFrame | None, given: pd.DataFrame | None, last: pd.Series) -> pd.DataFrame | None:
    """Weather of a fit with that of later months."""
    import pandas as pd

    if given is None:
        return known
    fresh = _new_rows(given, known)
    when = numeric(fresh, "year") + (numeric(fresh, "month") - 0.5) / 12.0
    past = when < fresh["site"].map(last).to_numpy(dtype=float, na_value=np.nan)
    if past.any():
        row = fresh.iloc[int(np.flatnonzero(past)[0])]
        raise SocbayesError(
            f"{counted(int(past.sum()), 'month')} of weather before the last sample of the site "
            f"{'is not that' if past.sum() == 1 else 'are not those'} of the fit, the first at {row['site']} in "
            f"{row['year']:g}, month {row['month']:g}: give that of later months"
        )
    if known is None:
        return fresh.reset_index(drop=True)
    keys = ["site", "year", "month"]
    replaced = pd.MultiIndex.from_frame(known[keys]).isin(pd.MultiIndex.from_frame(fresh[keys]))
    return pd.concat([known[~replaced], fresh], ignore_index=True)
