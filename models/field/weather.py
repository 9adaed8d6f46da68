"""How weather becomes monthly drivers of plots, and what stands in for weather that is not stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.core.environment import rothc_temperature
from socbayes.frames import numeric
from socbayes.models.blocks import group_means
from socbayes.models.field.management import Managed, filled_by_month, of_gaps, share_of_months
from socbayes.structures.forcing import Roles
from socbayes.structures.rothc import PAN_COEFFICIENT, modifiers
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.models.field.plots import Plots

ASSUMED_AMPLITUDE = 7.0  # degC, half of the range of monthly means in a temperate climate


class Climate(NamedTuple):
    """What weather tells the plots.

    Parameters
    ----------
    drivers
        Drivers of climate by name, (row, plot); only those that the structure has and the tables tell.
    notes
        What was filled in, and what takes no part.
    of_months
        Those of the notes that are on shares of months, each with what it is of the known months: see
        :func:`socbayes.models.field.management.of_gaps`.
    """

    drivers: dict[str, np.ndarray]
    notes: tuple[str, ...]
    of_months: dict[str, str]


def climate_drivers(
    weather: pd.DataFrame | None,
    obs: pd.DataFrame,
    plots: Plots,
    managed: Managed,
    roles: Roles,
    default_temperature: float | None = None,
    reference_modifier: float = 1.0,
) -> Climate:
    """Drivers of climate of every month of every plot.

    Temperature and moisture modifiers are those of RothC, whichever structure
    runs: one at 9.3 degC in moist bare soil, and one where a site does not
    state them. The level of decomposition is learned, so what matters is how
    they vary. Gaps take means over weather up to the last month known of the
    site. Plots without temperature get ``default_temperature``, degC, if others
    have one; without it the driver is left out.

    Parameters
    ----------
    weather
        Table of schema ``field_weather``, or None.
    obs
        Observations that the fit saw.
    plots
        Where the plots are.
    managed
        What management says of their months.
    roles
        Which driver of the structure takes what.
    default_temperature, reference_modifier
        Of the structure: degC, and the product of RothC's modifiers where its own ``rate_modifier`` is one.
    """
    rows, count = managed.plant.shape
    stated = managed.modifier
    climatic = bool(roles.temperature or roles.moisture)
    # A plot whose every modifier is stated misses nothing.
    asking = np.full(count, climatic) | (bool(roles.modifier) & ~np.isfinite(stated).all(axis=0))
    told: dict[str, np.ndarray] = {}
    notes: tuple[str, ...] = ()
    of_months: dict[str, str] = {}
    product = np.ones((rows, count))
    if asking.any():
        columns, notes, of_months = _weather_of_plots(weather, obs, plots, managed)
        temperature = columns["temperature"]
        warm = np.isfinite(temperature).all(axis=0)
        cover = np.where(np.isfinite(managed.cover), managed.cover >= 0.5, True)
        moisture, wet = _moisture(columns, cover, plots, managed)
        if warm.any():
            product[:, warm] = rothc_temperature(temperature[:, warm])
        of_site = np.where(cover, 0.6, 1.0) / reference_modifier
        product = product * moisture * np.where(warm | wet, of_site, 1.0)
        notes += _what_is_missing(warm, wet, asking, plots)
        shown = np.isfinite(managed.cover) | (np.arange(rows)[:, None] >= managed.months)
        if not shown[:, asking & (warm | wet)].all():
            notes += ("Plants cover the soil where management does not say otherwise.",)
        if warm.all():
            told[roles.temperature] = temperature
        elif roles.temperature and warm.any() and default_temperature is not None:
            told[roles.temperature] = np.where(warm, temperature, default_temperature)
            cold = _named(plots, ~warm)
            notes += (f"{cold}: the structure's default of {default_temperature:g} degC is taken.",)
        told[roles.moisture] = moisture
        if wet.any() and not (roles.modifier or roles.moisture):
            notes += ("The structure has no driver of moisture: rain and evaporation take no part.",)
    product = np.where(np.isfinite(stated), stated, product)
    if np.isfinite(stated).any():
        said, in_known = (
            f"The rate modifier of {100 * one.mean():.0f} % of months is as the management table states it."
            for one in (np.isfinite(stated), np.isfinite(stated[: int(managed.known.max())]))
        )
        notes += (said,)
        of_months[said] = in_known
    told[roles.modifier] = product
    told.pop("", None)
    return Climate(told, notes, of_months)


def _moisture(
    columns: dict[str, np.ndarray], cover: np.ndarray, plots: Plots, managed: Managed
) -> tuple[np.ndarray, np.ndarray]:
    """Moisture modifier of RothC, (row, plot), one where rain or evaporation is not known; and where it is, (plot,)."""
    rows = len(cover)
    seen = np.arange(rows)[:, None] < managed.known
    wet = (np.isfinite(columns["rain"]) & np.isfinite(columns["evaporation"]) | ~seen).all(axis=0)
    moisture = np.ones(cover.shape)
    if wet.any():
        water = {name: _completed(columns[name], plots.start, managed.known) for name in ("rain", "evaporation")}
        rain, evaporation = water["rain"][:, wet], water["evaporation"][:, wet]
        clays = np.where(np.isfinite(plots.clay), plots.clay, 23.4)[wet]
        # Moisture does not depend on temperature, so any will do.
        found = modifiers(np.zeros_like(rain), rain, evaporation, cover[:, wet], clays, plots.depth[wet])
        moisture[:, wet] = found["moisture"]
    return moisture, wet


def _weather_of_plots(
    weather: pd.DataFrame | None, obs: pd.DataFrame, plots: Plots, managed: Managed
) -> tuple[dict[str, np.ndarray], tuple[str, ...], dict[str, str]]:
    """Monthly temperature, rain and evaporation, (row, plot), as far as the plot's site knows them; and notes.

    The last are those on shares of months, each with what it is of the months known.
    """
    rows, count = managed.plant.shape
    columns = {name: np.full((rows, count), np.nan) for name in ("temperature", "rain", "evaporation")}
    notes: tuple[str, ...] = ()
    of_months: dict[str, str] = {}
    for site, name in enumerate(plots.sites):
        here = np.flatnonzero(plots.site == site)
        first = int(plots.start[here].min())
        months, known = (
            int((plots.start[here] + ends[here]).max()) - first for ends in (managed.months, managed.known)
        )
        found, said, shares = _weather_of(weather, obs, name, np.arange(first, first + months), known)
        notes += (*said, *shares)
        of_months |= shares
        for column, values in found.items():
            for plot in here:
                since = int(plots.start[plot]) - first
                # A run is as long as the longest; what comes after a plot's own end is never read.
                columns[column][:, plot] = values[np.minimum(since + np.arange(rows), months - 1)]
    return columns, notes, of_months


def _completed(values: np.ndarray, start: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values with months after what is known filled from it, plot by plot; (row, plot)."""
    plots = range(values.shape[1])
    return np.stack([filled_by_month(values[:, plot], int(start[plot]), 0.0, int(known[plot])) for plot in plots], 1)


def _what_is_missing(warm: np.ndarray, wet: np.ndarray, asking: np.ndarray, plots: Plots) -> tuple[str, ...]:
    """Notes on sites whose temperature or moisture takes no part."""
    if not (warm | wet).any():
        return ("No temperature is stated: decomposition keeps one pace all year.",)
    notes: tuple[str, ...] = ()
    if (cold := asking & ~warm).any():
        notes += (f"{_named(plots, cold)}: no temperature is stated; decomposition does not follow it there.",)
    if (dry := asking & warm & ~wet).any():
        everywhere = dry[asking & warm].all() and not cold.any()
        notes += (
            "Rain and evaporation are not both known: moisture does not limit decomposition."
            if everywhere
            else f"{_named(plots, dry)}: rain and evaporation are not both known; moisture does not limit "
            "decomposition there.",
        )
    return notes


def _named(plots: Plots, which: np.ndarray) -> str:
    """Sites of some plots, by name."""
    return ", ".join(plots.sites[site] for site in np.unique(plots.site[which]))


def _weather_of(
    weather: pd.DataFrame | None, obs: pd.DataFrame, site: str, month: np.ndarray, known: int
) -> tuple[dict[str, np.ndarray], tuple[str, ...], dict[str, str]]:
    """Temperature, rain and evaporation of some months of a site, gaps filled, NaN where nothing is known; and notes.

    The last notes are on shares of months, each with what it is of the ``known`` first ones. Means are of the months
    before these end, also those before the run.
    """
    start, rows = int(month[0]), month.size
    notes: tuple[str, ...] = ()
    shares: dict[str, str] = {}
    columns = ("temperature", "rain", "evaporation")
    monthly = {name: np.full(rows, np.nan) for name in (*columns, "annual_temperature")}
    climate: dict[str, np.ndarray] = {name: np.full(12, np.nan) for name in columns}
    climate["annual_temperature"] = np.array([])
    if weather is not None:
        here = weather[weather["site"].astype(str) == site]
        year = here["year"].to_numpy("int64")
        when = year * 12 + here["month"].to_numpy("int64") - 1
        inside = (when >= start) & (when < start + rows)
        seen = when < start + known
        evaporation, notes = _evaporation(here, site)
        for name in columns:
            values = evaporation if name == "evaporation" else numeric(here, name)
            monthly[name][when[inside] - start] = values[inside]
            climate[name] = group_means(values[seen], when[seen] % 12, 12)
        annual = numeric(here, "annual_temperature")
        usual = _by_year(annual[seen], year[seen])
        levels = _by_year(annual, year) | usual
        monthly["annual_temperature"] = np.array([levels.get(each, np.nan) for each in (month // 12).tolist()])
        climate["annual_temperature"] = np.array(list(usual.values()))
    for name in ("rain", "evaporation"):
        gaps = ~np.isfinite(monthly[name])
        if gaps.any() and np.isfinite(climate[name]).all():
            shares |= of_gaps(
                f"{site}: {name} of {{}} is missing; the site's mean of that month is taken.", gaps, known
            )
            monthly[name] = np.where(gaps, climate[name][month % 12], monthly[name])
    if not np.isfinite(monthly["temperature"]).all():
        monthly["temperature"], said = _warmth(monthly, climate, obs, site, month, known)
        shares |= said
    return {name: monthly[name] for name in columns}, notes, shares


def expected_weather(
    weather: pd.DataFrame | None, obs: pd.DataFrame, plots: Plots, *, resampled: np.random.Generator | None = None
) -> pd.DataFrame:
    """Weather of each site after what is known of it, as a run takes it: a table that a plan can alter.

    Parameters
    ----------
    weather
        Table of schema ``field_weather``, or None.
    obs
        Observations that the fit saw.
    plots
        The plots, which run as far as weather is wanted.
    resampled
        Source of observed years that follow each other at random: the same in each year for all sites, where they
        have any in common; by default months are the means of their calendar month.

    Returns
    -------
    pandas.DataFrame
        Columns site, year, month, temperature, rain and open_pan_evaporation; NaN where a site states nothing.
    """
    import pandas as pd

    pieces = []
    last = plots.start + plots.months
    first_ahead = int((plots.start + plots.known).min()) // 12
    draw = None if resampled is None else resampled.random(int(last.max()) // 12 - first_ahead + 1)
    observed = [
        _whole_years(np.arange(int(plots.start[here].min()), int((plots.start[here] + plots.known[here]).max())))
        for here in (np.flatnonzero(plots.site == site) for site in range(len(plots.sites)))
    ]
    common = sorted(set.intersection(*(set(years.tolist()) for years in observed)))
    for site, name in enumerate(plots.sites):
        here = np.flatnonzero(plots.site == site)
        first = int(plots.start[here].min())
        known = int((plots.start[here] + plots.known[here]).max()) - first
        month = np.arange(first, int((plots.start[here] + plots.months[here]).max()))
        found, _, _ = _weather_of(weather, obs, name, month, known)
        columns = {column: values[known:] for column, values in found.items()}
        if draw is not None:
            years = np.array(common) if common else observed[site]
            if len(years) and month.size > known:
                # A year of the future is one observed, from January to December.
                ahead = month[known:]
                chosen = years[(draw * len(years)).astype("int64")][ahead // 12 - first_ahead]
                columns = {column: values[chosen * 12 + ahead % 12 - first] for column, values in found.items()}
        columns["open_pan_evaporation"] = columns.pop("evaporation")
        dates = {"site": name, "year": month[known:] // 12, "month": month[known:] % 12 + 1}
        pieces.append(pd.DataFrame(dates | columns))
    return pd.concat(pieces, ignore_index=True)


def _whole_years(month: np.ndarray) -> np.ndarray:
    """Years of which all months are among some."""
    years, counts = np.unique(month // 12, return_counts=True)
    return years[counts == 12]


def _evaporation(here: pd.DataFrame, site: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """What an open pan would evaporate in each row of a site's weather, mm; and notes.

    Potential evapotranspiration is what RothC multiplies pan evaporation to get, so it is taken for itself.
    """
    notes: tuple[str, ...] = ()
    potential, pan = numeric(here, "potential_evapotranspiration"), numeric(here, "open_pan_evaporation")
    if (below := np.fmin(potential, pan) < 0).any():
        lowest = np.nanmin(np.fmin(potential, pan))
        notes += (
            f"{site}: evaporation of {counted(int(below.sum()), 'month')} is below zero, {lowest:g} mm at the "
            "lowest, and is read as none.",
        )
    if np.isfinite(potential).any():
        notes += (f"{site}: potential evapotranspiration is what dries the soil, as stated.",)
    if (only := np.isfinite(pan) & ~np.isfinite(potential)).any():
        notes += (
            f"{site}: open-pan evaporation of {share_of_months(only)} times {PAN_COEFFICIENT:g} is what dries the "
            "soil.",
        )
    if (both := np.isfinite(pan) & np.isfinite(potential)).any():
        notes += (
            f"{site}: open-pan evaporation of {share_of_months(both)} is not used, as potential evapotranspiration is "
            "stated.",
        )
    said = np.where(np.isfinite(potential), np.maximum(potential, 0.0) / PAN_COEFFICIENT, np.maximum(pan, 0.0))
    return said, notes


def _by_year(values: np.ndarray, year: np.ndarray) -> dict[int, float]:
    """Mean of what the rows of each year state; a year states its mean once or in every month."""
    finite = np.isfinite(values)
    years, place = np.unique(year[finite], return_inverse=True)
    return dict(zip(years.tolist(), group_means(values[finite], place, years.size).tolist(), strict=True))


def _warmth(
    monthly: dict[str, np.ndarray],
    climate: dict[str, np.ndarray],
    obs: pd.DataFrame,
    site: str,
    month: np.ndarray,
    known: int,
) -> tuple[np.ndarray, dict[str, str]]:
    """Temperature with gaps filled, the annual mean, as far as known, and a seasonal shape; and a note on months."""
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
        return monthly["temperature"], {}
    level = np.where(np.isfinite(level), level, usual[0])
    gaps = ~np.isfinite(monthly["temperature"])
    note = (
        f"{site}: temperature of {{}} is missing; it is the annual mean and "
        + ("the site's own seasons." if measured else f"a sinusoid of {ASSUMED_AMPLITUDE:g} degC, warmest in "
           + ("January." if shape[0] > 0 else "July."))
    )  # fmt: skip
    return np.where(gaps, level + shape[month % 12], monthly["temperature"]), of_gaps(note, gaps, known)
