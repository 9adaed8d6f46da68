"""How management and weather become monthly drivers of plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.environment import rothc_temperature
from socbayes.models._blocks import filled, numeric
from socbayes.structures.forcing import Roles
from socbayes.structures.rothc import modifiers

if TYPE_CHECKING:
    import pandas as pd

CARBON_OF_DRY_MATTER = 0.45
#: Carbon of fresh farmyard manure: assumed, 3.0 t in the 35 t that Rothamsted's plots get in a year; no table has it.
CARBON_OF_FRESH_MANURE = 3.0 / 35.0
ASSUMED_INPUT = 3.0  # t C/ha/year
ASSUMED_AMPLITUDE = 7.0  # degC, half of the range of monthly means in a temperate climate
_ENTERING = ("straw", "roots", "rhizodeposits")


def carbon_from_yield(crop: str, dry_matter: Any) -> tuple[Any, str]:
    """Plant carbon that enters the soil with a harvest, t C/ha, and the crop of the coefficients used.

    Straw, roots and rhizodeposits in proportion to the harvested product
    (``crop_carbon_allocation``); NaN and no name for a crop that is not there.

    Parameters
    ----------
    crop
        Name; the order of its words does not matter.
    dry_matter
        Yield, t/ha.

    Examples
    --------
    >>> carbon, coefficients = carbon_from_yield("winter wheat", 5.0)
    >>> round(float(carbon), 2), coefficients
    (1.87, 'wheat, winter')
    """
    from socbayes.datasets import load_dataset

    table = load_dataset("crop_carbon_allocation").set_index("crop")
    words = set(crop.lower().replace(",", " ").split())
    named = {str(name): set(str(name).replace(",", " ").split()) for name in table.index}
    found = [name for name, has in named.items() if has == words] or [
        name for name, has in named.items() if words <= has
    ]
    if not found:
        return np.nan, ""
    row = table.loc[found[0]]
    entering = sum(row[f"carbon_share_{part}"] * row[f"input_share_{part}"] for part in _ENTERING)
    return dry_matter * CARBON_OF_DRY_MATTER * entering / row["carbon_share_product"], found[0]


class Managed:
    """What management says of every month of every plot.

    Rows that name a plot apply to it; where there are none, those of its
    treatment, then those of its whole site. Rows of the same time add up.

    Parameters
    ----------
    table
        Of schema ``field_management``, or None.
    places
        Study, site, plot and treatment, one row per plot.
    start
        First month of each plot, (plot,).
    months
        Number of months that each plot needs, (plot,); all get as many as the longest.
    notes
        Receives what was filled in.

    Attributes
    ----------
    plant, manure
        t C/ha/year, (row, plot).
    cover, modifier
        Share of the month with plants, and stated rate modifier, NaN where nothing is said.
    input_stated
        Whether any carbon input is stated.
    input_error
        Stated relative standard deviation of the plant input, (plot,), NaN where none is stated.
    """

    def __init__(
        self, table: pd.DataFrame | None, places: pd.DataFrame, start: np.ndarray, months: np.ndarray, notes: list[str]
    ) -> None:
        shape = (int(months.max()), len(places))
        self.months = months
        self.plant = np.full(shape, np.nan)
        self.manure = np.zeros(shape)
        self.cover = np.full(shape, np.nan)
        self.modifier = np.full(shape, np.nan)
        self.input_error = np.full(len(places), np.nan)
        if table is not None and len(table):
            self._read(table.reset_index(drop=True), places, start, notes)
        self.input_stated = bool(np.isfinite(self.plant).any())
        self._fill(start, notes)

    def _read(self, table: pd.DataFrame, places: pd.DataFrame, start: np.ndarray, notes: list[str]) -> None:
        carbon, manure = _carbon_inputs(table, notes)
        begin, end = numeric(table, "start_year"), numeric(table, "end_year")
        cover, modifier = numeric(table, "plant_cover"), numeric(table, "rate_modifier")
        deviation = numeric(table, "plant_carbon_input_sd")
        without = []
        for position in range(len(places)):
            place = places.iloc[position]
            chosen = _rows_of(table, place)
            if not chosen.any():
                without.append(str(place["plot"]))
                continue
            month = (start[position] + np.arange(len(self.plant))) / 12.0
            overlap = 12.0 * np.clip(
                np.minimum(end[chosen], month[:, None] + 1.0 / 12.0) - np.maximum(begin[chosen], month[:, None]),
                0.0,
                None,
            )
            overlap = np.where(overlap > 0.01, overlap, 0.0)  # years are written with few digits
            self.plant[:, position] = _sum(overlap, carbon[chosen])
            self.manure[:, position] = np.nan_to_num(_sum(overlap, manure[chosen]))
            self.cover[:, position] = _mean(overlap, cover[chosen])
            self.modifier[:, position] = _mean(overlap, modifier[chosen])
            stated = np.isfinite(deviation[chosen]) & (carbon[chosen] > 0)
            if stated.any():
                self.input_error[position] = np.mean(deviation[chosen][stated]) / np.mean(carbon[chosen][stated])
        if without:
            notes.append(f"No management is stated for {len(without)} plots, {', '.join(without[:3])} among them.")

    def _fill(self, start: np.ndarray, notes: list[str]) -> None:
        """Fill months of unknown input: with the plot's mean of that month, all plots' mean, or what is assumed."""
        unknown = ~np.isfinite(self.plant)
        gaps = unknown[np.arange(len(unknown))[:, None] < self.months]
        if not self.input_stated:
            notes.append(f"No carbon input is stated: {ASSUMED_INPUT:g} t C/ha/year is assumed, and learned about.")
        elif gaps.any():
            notes.append(
                f"Carbon input is unknown in {100 * gaps.mean():.0f} % of months: the plot's mean of that month is "
                "taken, or the mean of all plots."
            )
        overall = float(np.nanmean(self.plant)) if self.input_stated else ASSUMED_INPUT
        for position in range(self.plant.shape[1]):
            self.plant[:, position] = filled_by_month(self.plant[:, position], start[position], overall)
            if np.isfinite(self.modifier[:, position]).any():
                self.modifier[:, position] = filled_by_month(self.modifier[:, position], start[position], 1.0)


def filled_by_month(values: np.ndarray, start: int, otherwise: float) -> np.ndarray:
    """Values with gaps filled by the mean of their calendar month, else the overall mean, else ``otherwise``."""
    known = np.isfinite(values)
    if known.all():
        return values
    calendar = (start + np.arange(values.size)) % 12
    overall = float(values[known].mean()) if known.any() else otherwise
    means = np.array(
        [values[known & (calendar == m)].mean() if (known & (calendar == m)).any() else overall for m in range(12)]
    )
    return np.where(known, values, means[calendar])


def _rows_of(table: pd.DataFrame, place: pd.Series) -> np.ndarray:
    """Rows of management that apply to one plot."""
    here = (table["site"].astype(str) == str(place["site"])).to_numpy()
    if "study" in table and "study" in place and isinstance(place["study"], str):
        here = here & (filled(table, "study", place["study"]) == place["study"]).to_numpy()
    plot, treatment = filled(table, "plot", "").to_numpy(), filled(table, "treatment", "").to_numpy()
    own = here & (plot == str(place["plot"]))
    treated = here & (plot == "") & (treatment == str(place.get("treatment", ""))) & (treatment != "")
    everywhere = here & (plot == "") & (treatment == "")
    return next((rows for rows in (own, treated) if rows.any()), everywhere)


def _carbon_inputs(table: pd.DataFrame, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Plant and manure carbon of every row of management, t C/ha/year; plant NaN where nothing is said."""
    plant, crop = numeric(table, "plant_carbon_input"), filled(table, "crop", "")
    harvest = numeric(table, "yield_dry_matter")
    plant = np.where(~np.isfinite(plant) & (crop == "fallow").to_numpy(), 0.0, plant)
    used, missing = {}, set()
    for name in sorted(set(crop) - {"", "fallow"}):
        rows = (crop == name).to_numpy() & ~np.isfinite(plant) & np.isfinite(harvest)
        if rows.any():
            plant[rows], coefficients = carbon_from_yield(name, harvest[rows])
            used[name] = coefficients
            if not coefficients:
                missing.add(name)
    if known := {name: source for name, source in used.items() if source}:
        said = ", ".join(name if set(name.split()) == set(source.replace(",", "").split()) else f"{name} as {source}"
                         for name, source in known.items())  # fmt: skip
        notes.append(f"Carbon inputs follow from yields by crop allocation coefficients: {said}.")
    if missing:
        notes.append(f"No allocation coefficients for {', '.join(sorted(missing))}: their inputs are unknown.")
    manure, fresh = numeric(table, "manure_carbon_input"), numeric(table, "manure_fresh")
    if (fresh[~np.isfinite(manure)] > 0).any():
        notes.append(f"Fresh manure is assumed to hold {100 * CARBON_OF_FRESH_MANURE:.1f} % carbon.")
    return plant, np.where(np.isfinite(manure), manure, np.nan_to_num(fresh) * CARBON_OF_FRESH_MANURE)


def _sum(overlap: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What flows in each month, over the part of it that is known; NaN where nothing is; (row,)."""
    weight = overlap * np.isfinite(values)
    total = weight.sum(axis=1)
    amount = (weight * np.nan_to_num(values)).sum(axis=1)
    return np.divide(amount, np.minimum(total, 1.0), out=np.full(len(total), np.nan), where=total > 0)


def _mean(overlap: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean over each month of what is stated; NaN where nothing is; (row,)."""
    weight = overlap * np.isfinite(values)
    total = weight.sum(axis=1)
    return np.divide(
        (weight * np.nan_to_num(values)).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0
    )


def climate_drivers(
    weather: pd.DataFrame | None,
    obs: pd.DataFrame,
    sites: list[str],
    site_of_plot: np.ndarray,
    start: np.ndarray,
    managed: Managed,
    clay: np.ndarray,
    depth: np.ndarray,
    roles: Roles,
    notes: list[str],
) -> dict[str, np.ndarray]:
    """Drivers of climate by name, (row, plot); only those that the structure has and the tables tell.

    Temperature and moisture modifiers are those of RothC, whichever structure
    runs: one at 9.3 degC in moist bare soil. The level of decomposition is
    learned, so what matters is how they vary.
    """
    rows, count = managed.plant.shape
    stated = managed.modifier
    needed = bool(roles.temperature or roles.moisture) or (bool(roles.modifier) and not np.isfinite(stated).all())
    told: dict[str, np.ndarray] = {}
    moisture = np.ones((rows, count))
    cover = np.where(np.isfinite(managed.cover), managed.cover >= 0.5, True)
    product = np.ones((rows, count))
    if needed:
        columns = {name: np.full((rows, count), np.nan) for name in ("temperature", "rain", "evaporation")}
        for site, name in enumerate(sites):
            here = np.flatnonzero(site_of_plot == site)
            first = int(start[here].min())
            months = int((start[here] + managed.months[here]).max()) - first
            for column, values in _weather_of(weather, obs, name, first, months, notes).items():
                for plot in here:
                    since = int(start[plot]) - first
                    # A run is as long as the longest; what comes after a plot's own end is never read.
                    columns[column][:, plot] = values[np.minimum(since + np.arange(rows), months - 1)]
        temperature = columns["temperature"]
        if np.isfinite(temperature).all():
            a = rothc_temperature(temperature)
            if np.isfinite(columns["evaporation"]).all() and np.isfinite(columns["rain"]).all():
                clays = np.where(np.isfinite(clay), clay, 23.4)
                found = modifiers(temperature, columns["rain"], columns["evaporation"], cover, clays, depth)
                moisture = found["moisture"]
            else:
                notes.append("Rain and evaporation are not both known: moisture does not limit decomposition.")
            product = a * moisture * np.where(cover, 0.6, 1.0)
            if not np.isfinite(managed.cover).all():
                notes.append("Plants cover the soil where management does not say otherwise.")
            told[roles.temperature] = temperature
        else:
            notes.append("No temperature is stated: decomposition keeps one pace all year.")
        told[roles.moisture] = moisture
    product = np.where(np.isfinite(stated), stated, product)
    if np.isfinite(stated).any():
        share = 100 * np.isfinite(stated).mean()
        notes.append(f"The rate modifier of {share:.0f} % of months is as the management table states it.")
    told[roles.modifier] = product
    told.pop("", None)
    return told


def _weather_of(
    weather: pd.DataFrame | None, obs: pd.DataFrame, site: str, start: int, rows: int, notes: list[str]
) -> dict[str, np.ndarray]:
    """Monthly temperature, rain and evaporation of one site, gaps filled; NaN where nothing is known."""
    month = start + np.arange(rows)
    columns = ("temperature", "annual_temperature", "rain", "evaporation")
    monthly = {name: np.full(rows, np.nan) for name in columns}
    climate: dict[str, np.ndarray] = {name: np.full(12, np.nan) for name in columns}
    if weather is not None:
        here = weather[weather["site"].astype(str) == site]
        when = (
            (here["year"].to_numpy("int64") * 12 + here["month"].to_numpy("int64") - 1) if len(here) else np.array([])
        )
        inside = (when >= start) & (when < start + rows)
        for name in columns:
            values = numeric(here, name)
            if len(here):
                monthly[name][when[inside].astype("int64") - start] = values[inside]
                for m in range(12):
                    known = np.isfinite(values) & (when % 12 == m)
                    if known.any():
                        climate[name][m] = values[known].mean()
    for name in ("rain", "evaporation"):
        gaps = ~np.isfinite(monthly[name])
        if gaps.any() and np.isfinite(climate[name]).all():
            missing = _share(gaps)
            notes.append(f"{site}: {name} of {missing} of months is missing; the site's mean of that month is taken.")
            monthly[name] = np.where(gaps, climate[name][month % 12], monthly[name])
    gaps = ~np.isfinite(monthly["temperature"])
    if gaps.any():
        monthly["temperature"] = _warmth(monthly, climate, obs, site, month, gaps, notes)
    return {name: monthly[name] for name in ("temperature", "rain", "evaporation")}


def _warmth(
    monthly: dict[str, np.ndarray],
    climate: dict[str, np.ndarray],
    obs: pd.DataFrame,
    site: str,
    month: np.ndarray,
    gaps: np.ndarray,
    notes: list[str],
) -> np.ndarray:
    """Temperature with gaps filled: the annual mean, as far as known, and a seasonal shape."""
    here = (obs["site"].astype(str) == site).to_numpy()
    latitude, stated = numeric(obs, "latitude")[here], numeric(obs, "mean_annual_temperature")[here]
    seasons = climate["temperature"]
    measured = bool(np.isfinite(seasons).all())
    if measured:
        shape = seasons - seasons.mean()
    else:
        south = np.isfinite(latitude).any() and np.nanmean(latitude) < 0
        shape = ASSUMED_AMPLITUDE * np.cos(2.0 * np.pi * (np.arange(12) - (0 if south else 6)) / 12.0)
    level = monthly["annual_temperature"]
    usual = [
        known[np.isfinite(known)].mean()
        for known in (climate["annual_temperature"], stated, seasons)
        if np.isfinite(known).any()
    ]
    if not usual:
        return monthly["temperature"]
    level = np.where(np.isfinite(level), level, usual[0])
    notes.append(
        f"{site}: temperature of {_share(gaps)} of months is missing; it is the annual mean and "
        + ("the site's own seasons." if measured else f"a sinusoid of {ASSUMED_AMPLITUDE:g} degC, warmest in "
           + ("January." if shape[0] > 0 else "July."))
    )  # fmt: skip
    return np.where(np.isfinite(monthly["temperature"]), monthly["temperature"], level + shape[month % 12])


def _share(gaps: np.ndarray) -> str:
    return "all" if gaps.all() else f"{100 * gaps.mean():.0f} %"
