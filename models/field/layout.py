"""How field tables are laid out as monthly runs side by side.

One plot is one run. Its first row of drivers is the month of its first sample;
a sample counts at the nearest turn of a month. What a table leaves out is
filled by rules that :attr:`Layout.notes` names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.environment import ZERO_CELSIUS
from socbayes.frames import numeric
from socbayes.models.blocks import group_means, groups
from socbayes.models.field import unused
from socbayes.models.field.amendments import amendment_drivers, kinds_of, kinds_run, of_amendments
from socbayes.models.field.equivalent import stocks_on
from socbayes.models.field.layers import Sampled, layer_modelled
from socbayes.models.field.management import ASSUMED_INPUT, PAST_MONTHS, Managed, spread_before
from socbayes.models.field.matching import shares_its_name
from socbayes.models.field.measurements import Measurements, Rows, measurements_of
from socbayes.models.field.plots import (
    ASSUMED_BULK_DENSITY,
    ASSUMED_DEPTH,
    Plots,
    labels_of,
    month_of,
    month_within,
    of_plot,
    of_site,
    places_of,
)
from socbayes.models.field.setup import Setup
from socbayes.models.field.soil_mass import DENSITIES, of_fragments
from socbayes.models.field.tables import FieldTables
from socbayes.models.field.treatments import Periods, periods_of
from socbayes.models.field.weather import Climate, climate_drivers
from socbayes.observations import OBSERVATIONS
from socbayes.structures.forcing import input_factor
from socbayes.structures.roots import PUBLISHED_RATIO, ROOT_INPUT, tells_roots
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.core.structure import Driver

YEAR = 12
"""Months of which something has to be known at least: those of one season are no mean of a climate or an input."""


@dataclass(frozen=True, eq=False)
class Forcing:
    """What acts on the plots, in the structure's units.

    Parameters
    ----------
    drivers
        Driver to values, (row, plot) or a number; with several periods also
        which one it is, ``period_1`` and so on.
    constants
        Parameters that the site determines, by name; a number or (plot,).
    means
        Driver to the mean over plots of a site, (site,): what held before the trial, of which plants and climate are
        taken to be as in it, and manure as stated of that time.
    input_stated
        Whether any month of any plot has a stated carbon input.
    input_error
        Stated relative standard deviation of the plant input, (plot,), NaN where none is stated.
    yield_share
        Share of the plant carbon of known months that follows from yields.
    level_error
        Standard deviation of the log of an error that all plant inputs share; NaN where none follows from yields.
    study_error
        Standard deviation of the log of the input of a plot, of an error that inputs from yields have in common at
        its site, (plot,).
    manured
        Whether any manure is applied in known months through a driver of its own.
    carbon
        t C/ha of one unit of a pool, (plot,).
    amendments
        Amendments with a quality of their own.
    joined
        Whether manure of any month is in the driver of plants, as the structure has none of its own for it.
    rooted
        Whether roots enter with a quality of their own: some of the plant carbon of known months follows from yields,
        and the structure tells slow carbon from litter.
    """

    drivers: dict[str, Any]
    constants: dict[str, Any]
    means: dict[str, Any]
    input_stated: bool
    input_error: np.ndarray
    yield_share: float
    level_error: float
    study_error: np.ndarray
    manured: bool
    carbon: np.ndarray
    amendments: tuple[str, ...] = ()
    joined: bool = False
    rooted: bool = False


@dataclass(frozen=True, eq=False)
class Layout:
    """Field tables as runs side by side.

    Parameters
    ----------
    setup
        What runs.
    plots
        The plots.
    forcing
        What acts on them.
    measured
        What was measured on them.
    notes
        What was filled or left out.
    of_months
        Those of the notes that are on shares of months, each with what it is of the months known, empty where it is
        nothing: months after the last sample that the fit saw are no gaps of its tables.
    """

    setup: Setup
    plots: Plots
    forcing: Forcing
    measured: Measurements
    notes: tuple[str, ...] = ()
    of_months: Mapping[str, str] = field(default_factory=dict)


def lay_out(
    tables: FieldTables,
    setup: Setup,
    *,
    until: float | None = None,
    seen: int | None = None,
    known_until: float | None = None,
    change: Callable[[Managed, Plots], None] | None = None,
) -> Layout:
    """Lay judged tables out as runs.

    Parameters
    ----------
    tables
        Tables whose cells were judged: see :func:`socbayes.models.field.tables.judged`, and
        :func:`socbayes.models.field.faults.require_sound` for what a structure asks of them.
    setup
        What the plots run.
    until
        Decimal year to which all plots run, by default that of their last sample.
    seen
        Rows of the observations, from the first, that the fit saw; all by default. What
        is filled in or decided does not rest on the others, nor on
        management and weather after the last sample seen.
    known_until
        Decimal year to which management and weather count as known of plots whose samples span less than a year, as
        far as they were when the model was fitted. Of these plots always known are a year, and the time up to the
        last sample of their site that the fit saw.
    change
        What alters the months that management fills, in place, before climate follows from them: a plan.

    Returns
    -------
    Layout

    Examples
    --------
    >>> import socbayes as sb
    >>> from socbayes.models.field.setup import setup_of
    >>> from socbayes.models.field.tables import judged
    >>> tarlee = sb.load_dataset("field_soc").query("study == 'Tarlee'")
    >>> lay_out(judged(tarlee), setup_of("icbm")).plots.labels
    ['1', '2', '3']
    """
    sampled = stocks_on(layer_modelled(tables.obs, seen), tables.obs, setup.stocks, seen)
    obs = sampled.obs
    learned = sampled.origin < (len(tables.obs) if seen is None else seen)
    plots, rows, periods = _plots_of(sampled, tables.management, learned, until, known_until)
    measured = measurements_of(sampled, rows, plots, setup)
    forcing, notes, of_months = _forcing_of(tables, obs, rows, plots, setup, change)
    asked = unused.asked_of_observations(tables, plots, setup)
    idle = unused.of_observations(sampled, tables.obs, measured, setup, asked)
    of_soil = (*sampled.notes, *of_fragments(tables.obs))
    notes = (*tables.notes, *of_soil, *periods.notes, *measured.notes, *notes, *idle)
    return Layout(setup, plots, forcing, measured, tuple(dict.fromkeys(notes)), of_months)


def _plots_of(
    sampled: Sampled,
    management: pd.DataFrame | None,
    learned: np.ndarray,
    until: float | None,
    known_until: float | None,
) -> tuple[Plots, Rows, Periods]:
    """The plots of a table, where and when its rows are, and the treatments of plots."""
    obs = sampled.obs
    label, told_apart = labels_of(places_of(obs))
    labels, plot = groups(label.rename("plot"))
    in_time = np.lexsort([obs["year"].to_numpy(), plot])
    first = in_time[np.unique(plot[in_time], return_index=True)[1]]
    sites, site_of_row = groups(obs["site"])
    site = site_of_row[first]
    periods = periods_of(obs, management, plot, month_of)
    periods = replace(periods, notes=(*told_apart, *periods.notes))
    rows = Rows(plot, month_of(obs["year"]), month_within(obs["year"]), learned)
    start, known, months = _runs_of(obs, rows, site, until, known_until)
    clay = of_site(np.where(learned, numeric(obs, "clay"), np.nan), plot, site)
    depth = of_plot(np.where(learned, sampled.thickness, np.nan), plot, site, ASSUMED_DEPTH)
    density = of_plot(np.where(learned, sampled.density, np.nan), plot, site, ASSUMED_BULK_DENSITY)
    period = periods.in_months(start, int(months.max()))
    return (
        Plots(
            labels, sites, periods.treatments, site, periods.treatment, period, start, months, known, clay, depth,
            density,
        ),
        rows,
        periods,
    )  # fmt: skip


def _runs_of(
    obs: pd.DataFrame, rows: Rows, site: np.ndarray, until: float | None, known_until: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First month of each plot, months of which the fit knew all, and months of its run; each (plot,)."""
    # A sample of what takes a month begins with the month that holds it, and ends with it.
    takes_time = np.zeros(len(obs), dtype=bool)
    for kind in OBSERVATIONS:
        if kind.takes_time:
            takes_time |= np.isfinite(np.stack([numeric(obs, name) for name in kind.columns])).any(axis=0)
    start = np.full(site.size, np.iinfo("int64").max)
    np.minimum.at(start, rows.plot, np.where(takes_time, rows.within, rows.turn))
    seen, last = np.zeros((2, site.size), dtype="int64")
    for those, ends in ((rows.learned, seen), (np.ones_like(rows.learned), last)):
        np.maximum.at(ends, rows.plot[those], np.where(takes_time, rows.within + 1, rows.turn)[those])
    # One sample has no time between samples, and a month or a season is no mean of a climate.
    of_site = np.zeros(int(site.max()) + 1, dtype="int64")
    np.maximum.at(of_site, site, seen)
    enough = np.maximum(of_site[site], start + YEAR)
    if known_until is not None:
        enough = np.maximum(enough, month_of(known_until))
    seen = np.where(seen - start < YEAR, enough, seen)
    last = np.maximum(last, seen)
    if until is not None:
        last = np.maximum(last, month_of(until))
    return start, seen - start, last - start


def _forcing_of(
    tables: FieldTables,
    obs: pd.DataFrame,
    rows: Rows,
    plots: Plots,
    setup: Setup,
    change: Callable[[Managed, Plots], None] | None,
) -> tuple[Forcing, tuple[str, ...], dict[str, str]]:
    """What management, weather and the caller say of every month of every plot; notes, and those on months."""
    structure, roles = setup.structure, setup.roles
    notes: tuple[str, ...] = ()
    if structure.carbon_unit not in ("t/ha", "g/m**2", "kg/m**2") and not set(DENSITIES) & set(obs):
        notes += (f"{structure.name} counts carbon per soil; bulk density taken as {ASSUMED_BULK_DENSITY:g} g/cm3.",)
    constants, said = _constants(setup, plots)
    notes += said
    in_time = np.lexsort([obs["year"].to_numpy(), rows.plot])
    first = in_time[np.unique(rows.plot[in_time], return_index=True)[1]]
    places = places_of(obs).loc[first]
    top = np.maximum(np.nan_to_num(numeric(obs, "depth_top")[first]), 0.0)
    places = places.assign(
        shared=shares_its_name(places), label=plots.labels, layer_top=top, layer_bottom=top + plots.depth
    )
    treatment = np.array(plots.treatments, dtype=object)[plots.treatment[np.arange(len(plots.labels)), plots.period]]
    kinds = kinds_of(tables.management, tables.plan, structure)
    managed = Managed(tables.management, places, treatment, plots.start, plots.months, plots.known, tables.plan, kinds)
    if change is not None:
        change(managed, plots)
    notes += managed.notes
    notes += tuple(unused.of_management(tables, obs, managed.taken, setup))
    if not roles.modifier and not roles.temperature:
        notes += (f"{structure.name} has no driver of climate: weather takes no part.",)
    climate = climate_drivers(
        tables.weather, obs[rows.learned], plots, managed, roles, _default_temperature(setup),
        structure.reference_modifier,
    )  # fmt: skip
    notes += (*climate.notes, *unused.of_weather(tables, plots, setup))
    applied = bool(managed.manure[np.arange(plots.rows)[:, None] < plots.known].any())
    if not roles.manure and managed.manure.any():
        notes += (f"{structure.name} has no driver of manure: its carbon is added to that of plants.",)
    notes += _of_qualities(treatment, managed.manure, plots, structure.name)
    notes += _of_exudates(managed, roles.exudate, structure.name)
    rooted, said = _rooted(setup, managed)
    notes += said
    drivers = _drivers(setup, plots, managed, managed.manure, climate, rooted)
    before, *amended = spread_before(tables.management, places, treatment[0], plots.start, kinds)
    past = _drivers(setup, plots, managed, before + 0.0 * managed.manure, climate, rooted)
    settling = [kinds.index(kind) for kind in kinds_run(kinds, settled=True)]
    before_all = before + sum(amended[kind] for kind in settling)
    notes += _of_the_past(before_all, managed.manure + managed.amendments[settling].sum(axis=0), plots)
    notes += tuple(of_amendments(tables.management, tables.plan, structure, kinds))
    factors = [input_factor(structure.carbon_unit + "/year", *pair) for pair in _soils(plots)]
    rates = np.array([input_factor(f"{structure.carbon_unit}/{structure.time_unit}", *pair) for pair in _soils(plots)])
    past |= amendment_drivers(kinds, [one + 0.0 * managed.manure for one in amended], rates, settled=True)
    forcing = Forcing(
        drivers=drivers | amendment_drivers(kinds, managed.amendments, rates) | _which_period(plots),
        constants=constants,
        means=_means(setup, plots, past),
        input_stated=managed.input_stated,
        input_error=managed.input_error,
        yield_share=managed.from_yields.overall,
        level_error=managed.from_yields.level_error(),
        # Plots of which management says nothing have the inputs of others, and the error of these.
        study_error=of_plot(managed.from_yields.study_error(), np.arange(len(plots.labels)), plots.site, 0.0),
        manured=bool(roles.manure) and applied,
        carbon=1.0 / np.array(factors),
        amendments=kinds,
        joined=not roles.manure and bool(managed.manure.any()),
        rooted=rooted,
    )
    return forcing, notes, managed.of_months | climate.of_months


def _soils(plots: Plots) -> list[tuple[float, float]]:
    """Bulk density and thickness of each plot."""
    return list(zip(plots.density, plots.depth, strict=True))


def _default_temperature(setup: Setup) -> float | None:
    """Temperature that the structure takes where nobody gives one, degC."""
    driver = _driver(setup, setup.roles.temperature)
    if driver is None or driver.default is None:
        return None
    return driver.default - (ZERO_CELSIUS if driver.unit == "K" else 0.0)


def _driver(setup: Setup, name: str) -> Driver | None:
    return next((one for one in setup.structure.drivers if one.name == name), None)


def _of_the_past(before: np.ndarray, manure: np.ndarray, plots: Plots) -> tuple[str, ...]:
    """Say what is taken for the manure of before the first samples, where there is any before or later."""
    known = np.arange(len(manure))[:, None] < plots.known
    if not (manure * known).any() and not before.any():
        return ()
    if not before.any():
        return (
            "Manure of the trial is none of the input before it: management states none of the time before the first "
            "samples, and the steady state that initial shares scatter about has none.",
        )
    return (
        f"Of the manure before the first samples of {counted(int((before > 0).sum()), 'plot')}, the steady "
        f"state that initial shares scatter about has the mean of {PAST_MONTHS // 12} years.",
    )


def _of_exudates(managed: Managed, driver: str, name: str) -> tuple[str, ...]:
    """Say what of the plant carbon of known months enters as exudates, where any does."""
    known = np.where(np.arange(len(managed.plant))[:, None] < managed.known, managed.plant, 0.0)
    exuded = (known * managed.exuded).sum()
    if not driver or not exuded > 0:
        return ()
    return (
        f"{100 * exuded / known.sum():.0f} % of the plant carbon is rhizodeposits, as far as it follows from yields: "
        f"they enter {name} as {driver}.",
    )


def _rooted(setup: Setup, managed: Managed) -> tuple[bool, tuple[str, ...]]:
    """Whether roots enter with a quality of their own, and what is said of it."""
    roles, name = setup.roles, setup.structure.name
    share = managed.roots if roles.exudate else managed.below
    known = np.where(np.arange(len(managed.plant))[:, None] < managed.known, managed.plant, 0.0)
    of_roots = (known * share).sum()
    if not of_roots > 0 or set(roles.plant) & set(setup.drivers):
        return False, ()
    if not tells_roots(setup.structure):
        return False, (f"{name} does not tell root from shoot carbon: all plant carbon of yields enters alike.",)
    those = "roots" if roles.exudate else "roots and rhizodeposits"
    return True, (
        f"{100 * of_roots / known.sum():.0f} % of the plant carbon is of {those}: more of it is humified than of "
        f"shoots, by a factor that is learned about the published {PUBLISHED_RATIO:g} (root_ratio).",
    )


def _drivers(
    setup: Setup, plots: Plots, managed: Managed, manure: np.ndarray, climate: Climate, rooted: bool
) -> dict[str, Any]:
    """Drivers of the structure that the tables tell, (row, plot), and those given as numbers."""
    roles = setup.roles
    exuded = managed.plant * managed.exuded if roles.exudate else 0.0 * managed.plant
    plant = managed.plant - exuded
    if not roles.manure and manure.any():
        plant, manure = plant + manure, 0.0 * manure
    drivers: dict[str, Any] = {}
    for driver in setup.structure.drivers:
        per = np.array([input_factor(driver.unit, *pair) or 1.0 for pair in _soils(plots)])
        if driver.name in roles.plant:
            own = exuded if driver.name == roles.exudate else 0.0
            drivers[driver.name] = (plant * roles.plant[driver.name] + own) * per
            if rooted:
                drivers[ROOT_INPUT] = managed.plant * (managed.roots if roles.exudate else managed.below) * per
        elif driver.name == roles.manure:
            drivers[driver.name] = manure * per
        elif driver.name in climate.drivers:
            drivers[driver.name] = climate.drivers[driver.name] + (ZERO_CELSIUS if driver.unit == "K" else 0.0)
    return drivers | {name: float(value) for name, value in setup.drivers.items()}


def _which_period(plots: Plots) -> dict[str, np.ndarray]:
    """One where a month belongs to a period, else zero, by period; nothing where no treatment changes."""
    if plots.periods == 1:
        return {}
    return {f"period_{k + 1}": np.where(plots.period == k, 1.0, 0.0) for k in range(plots.periods)}


def periods_with_input(data: Layout) -> np.ndarray:
    """Whether plants add anything to each plot in each of its periods; one that never comes has that of the last.

    Parameters
    ----------
    data
        Field tables laid out.

    Returns
    -------
    numpy.ndarray
        (plot, period).
    """
    plots = data.plots
    plant = sum(np.asarray(data.forcing.drivers[name]) for name in data.setup.roles.plant)
    given = np.broadcast_to(plant, plots.period.shape) > 0
    runs = np.arange(len(given))[:, None] < plots.months
    result = np.zeros((len(plots.labels), plots.periods), dtype=bool)
    for k in range(plots.periods):
        its = runs & (plots.period == k)
        result[:, k] = np.where(its.any(axis=0), (given & its).any(axis=0), result[:, max(k - 1, 0)])
    return result


def _of_qualities(treatment: np.ndarray, manure: np.ndarray, plots: Plots, name: str) -> tuple[str, ...]:
    """Say that amendments of several treatments are one to the structure."""
    known = np.arange(len(manure))[:, None] < plots.known
    spread = list(dict.fromkeys(treatment[known & (manure > 0)].astype(str).tolist()))
    if len(spread) < 2:
        return ()
    more = f" and {counted(len(spread) - 5, 'other')}" if len(spread) > 5 else ""
    return (
        f"Manure of all treatments ({', '.join(spread[:5])}{more}) has one quality, that of {name}: where amendments "
        "differ, effects of treatments on rates and inputs take the difference, and forecasts go on with it after "
        "spreading ends.",
    )


def _means(setup: Setup, plots: Plots, drivers: Mapping[str, Any]) -> dict[str, Any]:
    """Means of drivers over known months and the plots of each site, (site,); an assumed input where there is none."""
    shares = setup.roles.plant
    grown = _known_means(sum((drivers[name] for name in shares if name in drivers), np.zeros(1)), plots) > 0
    means = {
        name: value if np.ndim(value) == 0 else _by_site(value, plots, grown if name in (*shares, ROOT_INPUT) else None)
        for name, value in drivers.items()
    }
    for name in shares:
        if name in means:
            driver = _driver(setup, name)
            assert driver is not None
            per = input_factor(driver.unit, plots.density[0], plots.depth[0]) or 1.0
            level = ASSUMED_INPUT * shares[name] * per
            means[name] = np.where(means[name] > 0, means[name], level)
    return means


def _constants(setup: Setup, plots: Plots) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Parameters that the site determines, the default where a site states no clay; and notes."""
    structure = setup.structure
    constants: dict[str, Any] = dict(setup.parameters)
    names = structure.parameter_names
    if "clay" not in names or "clay" in constants:
        return constants, ()
    parameter = structure.parameters[names.index("clay")]
    bare = ~np.isfinite(plots.clay)
    said = f"{parameter.default:g} {parameter.unit}, the default of {structure.name}."
    if bare.all():
        return constants, (f"No clay content is stated: {said}",)
    notes: tuple[str, ...] = ()
    if bare.any():
        where = ", ".join(plots.sites[site] for site in np.unique(plots.site[bare]))
        notes = (f"{where}: no clay content is stated: {said}",)
    factor = 1.0 if parameter.unit == "percent" else 0.01
    constants["clay"] = np.where(bare, parameter.default, plots.clay * factor)
    return constants, notes


def _known_means(values: Any, plots: Plots) -> np.ndarray:
    """Mean over known months of each plot, (plot,)."""
    every = np.broadcast_to(values, plots.period.shape)
    means: np.ndarray = every.mean(axis=0, where=np.arange(len(every))[:, None] < plots.known)
    return means


def _by_site(values: np.ndarray, plots: Plots, which: np.ndarray | None) -> np.ndarray:
    """Mean over known months and over the plots of each site, of some of them if asked; (site,)."""
    means = _known_means(values, plots)
    used = means if which is None else np.where(which, means, np.nan)
    return np.nan_to_num(group_means(used, plots.site, len(plots.sites)))
