"""How field tables are laid out as monthly runs side by side.

One plot is one run. Its first row of drivers is the month of its first sample;
a sample counts at the nearest turn of a month. What a table leaves out is
filled by rules that :attr:`Layout.notes` names, and what cannot be right is
collected and refused at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.environment import ZERO_CELSIUS
from socbayes.core.structure import Structure
from socbayes.errors import TableFaultsError
from socbayes.models.blocks import filled, group_means, groups, numeric
from socbayes.models.field.faults import COLUMNS, FLUX, faults_of, field_tables
from socbayes.models.field.management import ASSUMED_INPUT, Managed
from socbayes.models.field.treatments import periods_of
from socbayes.models.field.weather import climate_drivers
from socbayes.structures.forcing import Roles, input_factor, roles_of
from socbayes.structures.fractions import fraction_weights

if TYPE_CHECKING:
    import pandas as pd

#: t C/ha/month of one g C/m2/day.
FLUX_UNIT = 365.25 / 12.0 * 0.01

ASSUMED_STOCK = 50.0  # t C/ha
ASSUMED_DEPTH = 23.0  # cm
ASSUMED_BULK_DENSITY = 1.3  # g/cm3
#: Relative error of a bulk density measured with the sample, and of one borrowed from other samples.
DENSITY_ERROR = (0.05, 0.1)
#: Relative error added to what a source estimated instead of measuring.
ESTIMATE_ERROR = 0.1
#: Fractions that are all of the carbon together, and how nearly they sum to a total that is not independent of them.
PARTITIONS = (("particulate", "mineral_associated"), ("particulate", "humus", "resistant"))
ROUNDING = 0.002
#: Columns of the management table that nothing in a field model answers to.
UNUSED = ("biomass_dry_matter", "manure_carbon_input_sd", "fertilizer_nitrogen", "tillage", "cover_crop")


@dataclass(frozen=True)
class Layout:
    """Field tables as arrays: positions are made here, because compiled indexing is not bounds-checked.

    Parameters
    ----------
    structure
        Structure that the plots run.
    roles
        Which driver takes what.
    plots, sites, treatments
        Labels.
    site_of_plot
        Position, (plot,).
    treatment_of_plot
        Position of the treatment of each period, (plot, period).
    start
        First month of each plot, counted from the year 0, (plot,).
    rows
        Months of the longest run.
    drivers
        Driver to values in the structure's units, (row, plot) or a number;
        with several periods also which one it is, ``period_1`` and so on.
    constants
        Parameters that the site determines, by name; a number or (plot,).
    mean_drivers
        Driver to the mean over plots of a site, (site,): what held before the trial.
    input_stated
        Whether any month of any plot has a stated carbon input.
    input_error
        Stated relative standard deviation of the plant input, (plot,), NaN where none is stated.
    has_manure
        Whether any manure is applied in known months through a driver of its own.
    carbon
        t C/ha of one unit of a pool, (plot,).
    initial
        Mean log total stock of each site, (site,).
    weights
        Fractions, (fraction, pool), in the order of ``fractions``.
    total
        Weight of each pool in the total, (pool,).
    fractions
        Names of the fractions that are observed, the flux included.
    observed
        Log of what was measured, t C/ha or t C/ha/month, (measurement,).
    month, plot, fraction
        Of each measurement: month of its run, position of the plot and of the fraction.
    row
        Row of the table that each measurement stands in.
    stated_error
        Relative error known beforehand, (measurement,).
    replicates
        Samples averaged in each measurement.
    density
        Position of the plot whose borrowed bulk density a measurement uses, -1 for none.
    labels
        Names of the measurements.
    notes
        What was filled or left out.
    """

    structure: Structure
    roles: Roles
    plots: list[str]
    sites: list[str]
    treatments: list[str]
    site_of_plot: np.ndarray
    treatment_of_plot: np.ndarray
    start: np.ndarray
    rows: int
    drivers: dict[str, Any]
    constants: dict[str, Any]
    mean_drivers: dict[str, Any]
    input_stated: bool
    input_error: np.ndarray
    has_manure: bool
    carbon: np.ndarray
    initial: np.ndarray
    weights: np.ndarray
    total: np.ndarray
    fractions: list[str]
    observed: np.ndarray
    month: np.ndarray
    plot: np.ndarray
    fraction: np.ndarray
    row: np.ndarray
    stated_error: np.ndarray
    replicates: np.ndarray
    density: np.ndarray
    labels: list[str]
    notes: tuple[str, ...] = field(default=())

    @property
    def fraction_is_flux(self) -> np.ndarray:
        """Whether each measurement is a flux, which needs the month after it."""
        return np.array([self.fractions[position] == FLUX for position in self.fraction])


def treatment_names(data: Layout, month: np.ndarray) -> np.ndarray:
    """Treatment of each plot in months since its first sample, (plot, time); months beyond its run have the last."""
    labels = np.array(data.treatments, dtype=object)[data.treatment_of_plot]
    place = np.arange(len(data.plots))[:, None]
    row = np.clip(month, 0, data.rows - 1)
    period = np.zeros(row.shape, dtype="int64")
    for k in range(1, labels.shape[1]):
        period += k * (data.drivers[f"period_{k + 1}"][row, place] > 0)
    return labels[place, period]


def month_of(year: Any) -> np.ndarray:
    """Turn of a month nearest to a decimal year, counted from the year 0; the middle counts as the end.

    Examples
    --------
    >>> month_of([2000.0, 2000.20833, 2000.95]).tolist()
    [24000, 24003, 24011]
    """
    # Years are written with few digits, so the middle of a month needs a hair.
    return np.floor(np.asarray(year, dtype=float) * 12.0 + 0.5 + 1e-3).astype("int64")


def month_within(year: Any) -> np.ndarray:
    """Month that holds a decimal year, counted from the year 0: a flux is of a month, a stock of its turn.

    Examples
    --------
    >>> month_within([2000.0, 2000.0417, 2000.08333]).tolist()
    [24000, 24000, 24001]
    """
    return np.floor(np.asarray(year, dtype=float) * 12.0 + 1e-3).astype("int64")


def lay_out(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structure: Structure,
    fractions: Mapping[str, Any] | None = None,
    drivers: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
    until: float | None = None,
    seen: int | None = None,
) -> Layout:
    """Lay field tables out as runs.

    Parameters
    ----------
    obs, management, weather
        Tables of schema ``field_soc``, ``field_management`` and ``field_weather``.
    structure
        What the plots run.
    fractions
        Fractions of a structure that is not known, or other ones.
    drivers, parameters
        Numbers for drivers that no field table states, and for properties of
        the site such as clay.
    until
        Decimal year to which all plots run, by default that of their last sample.
    seen
        Rows of ``obs``, from the first, that the fit saw; all by default. What
        is filled in or decided does not rest on the others, nor on
        management and weather after the last sample seen.

    Returns
    -------
    Layout

    Raises
    ------
    EmptyTableError, TableFaultsError
        If there is nothing to fit, or for everything that cannot be right.
    """
    weights = fraction_weights(structure, fractions)
    obs, management, weather = field_tables(obs, management, weather)
    faults = faults_of(obs, management, weather, structure, weights, drivers or {}, parameters or {})
    if faults:
        raise TableFaultsError(faults, "field tables")
    notes: list[str] = []
    obs, deeper = uppermost_layer(obs)
    if deeper:
        notes.append(f"{deeper} rows of deeper layers are left out: the uppermost layer is modelled.")
    named = obs["plot"].astype(str)
    several = obs.groupby(named)["site"].nunique().max() > 1
    label = obs["site"].astype(str) + ", " + named if several else named
    plots, plot = groups(label.rename("plot"))
    in_time = np.lexsort([obs["year"].to_numpy(), plot])
    first = in_time[np.unique(plot[in_time], return_index=True)[1]]
    sites, site_of_row = groups(obs["site"])
    site_of_plot = site_of_row[first]
    places = obs.loc[first, [name for name in ("study", "site", "plot") if name in obs]]
    periods = periods_of(obs, management, plot, month_of, notes)

    learned = np.arange(len(obs)) < (len(obs) if seen is None else seen)
    measured = _measurements(obs, plot, plots, site_of_plot, list(weights), learned, notes)
    turn, flux = month_of(obs["year"]), np.isfinite(numeric(obs, FLUX))
    within = month_within(obs["year"])
    start = np.full(len(plots), np.iinfo("int64").max)
    np.minimum.at(start, plot, np.where(flux, within, turn))
    last = np.zeros((2, len(plots)), dtype="int64")
    for those, ends in ((learned, last[0]), (np.ones_like(learned), last[1])):
        np.maximum.at(ends, plot[those], np.where(flux, within + 1, turn)[those])
    if until is not None:
        last[1] = np.maximum(last[1], month_of(until))
    known, months = np.maximum(last - start, 1)

    thickness = numeric(obs, "depth_bottom") - np.nan_to_num(numeric(obs, "depth_top"))
    depth = _of_plot(np.where(learned, thickness, np.nan), plot, site_of_plot, ASSUMED_DEPTH)
    stated = np.where(learned, numeric(obs, "bulk_density"), np.nan)
    density = _of_plot(stated, plot, site_of_plot, ASSUMED_BULK_DENSITY)
    if structure.carbon_unit not in ("t/ha", "g/m**2", "kg/m**2") and "bulk_density" not in obs:
        notes.append(f"{structure.name} counts carbon per soil; bulk density taken as {ASSUMED_BULK_DENSITY:g} g/cm3.")
    clay = _of_site(np.where(learned, numeric(obs, "clay"), np.nan), plot, site_of_plot)
    constants = _constants(structure, clay, dict(parameters or {}), sites, site_of_plot, notes)

    roles = roles_of(structure)
    period = periods.in_months(start, int(months.max()))
    given = Managed(management, places, periods.labels(period), start, months, known, notes)
    if unused := [name for name in UNUSED if management is not None and name in management
                  and management[name].notna().any()]:  # fmt: skip
        notes.append(f"The management table states what no model uses: {', '.join(unused)}.")
    if not roles.modifier and not roles.temperature:
        notes.append(f"{structure.name} has no driver of climate: weather takes no part.")
    default = next((one.default for one in structure.drivers if one.name == roles.temperature), None)
    if default is not None and structure.drivers[structure.driver_names.index(roles.temperature)].unit == "K":
        default -= ZERO_CELSIUS
    climate = climate_drivers(
        weather, obs[learned], sites, site_of_plot, start, given, clay, depth, roles, notes, default
    )
    filled_drivers: dict[str, Any] = {}
    factors = np.array(
        [input_factor(structure.carbon_unit + "/year", *pair) for pair in zip(density, depth, strict=True)]
    )
    plant, manure = given.plant, given.manure
    applied = bool(manure[np.arange(len(manure))[:, None] < known].any())
    if not roles.manure and manure.any():
        notes.append(f"{structure.name} has no driver of manure: its carbon is added to that of plants.")
        plant, manure = plant + manure, 0.0 * manure
    for driver in structure.drivers:
        per = np.array([input_factor(driver.unit, *pair) or 1.0 for pair in zip(density, depth, strict=True)])
        if driver.name in roles.plant:
            filled_drivers[driver.name] = plant * roles.plant[driver.name] * per
        elif driver.name == roles.manure:
            filled_drivers[driver.name] = manure * per
        elif driver.name in climate:
            kelvin = driver.unit == "K"
            filled_drivers[driver.name] = climate[driver.name] + (ZERO_CELSIUS if kelvin else 0.0)
    filled_drivers |= {name: float(value) for name, value in (drivers or {}).items()}
    means = {
        name: value if np.ndim(value) == 0 else _by_site(value, known, site_of_plot, len(sites), name in roles.plant)
        for name, value in filled_drivers.items()
    }
    for name in roles.plant:
        if name in means:
            unit = structure.drivers[structure.driver_names.index(name)].unit
            level = ASSUMED_INPUT * roles.plant[name] * (input_factor(unit, density[0], depth[0]) or 1.0)
            means[name] = np.where(means[name] > 0, means[name], level)

    count = periods.treatment.shape[1]
    if count > 1:
        filled_drivers |= {f"period_{k + 1}": np.where(period == k, 1.0, 0.0) for k in range(count)}
    used = [name for name in (*COLUMNS, FLUX) if name in set(measured["fraction"])]
    return Layout(
        structure=structure,
        roles=roles,
        plots=plots,
        sites=sites,
        treatments=periods.treatments,
        site_of_plot=site_of_plot,
        treatment_of_plot=periods.treatment,
        start=start,
        rows=int(months.max()),
        drivers=filled_drivers,
        constants=constants,
        mean_drivers=means,
        input_stated=given.input_stated,
        input_error=given.input_error,
        has_manure=bool(roles.manure) and applied,
        carbon=1.0 / factors,
        initial=_initial_log_stock(measured[learned[measured["row"]]], site_of_plot),
        weights=np.stack([weights.get(name, 0.0 * weights["total"]) for name in used]),
        total=weights["total"],
        fractions=used,
        observed=np.log(measured["value"].to_numpy()),
        month=np.where(measured["fraction"] == FLUX, within[measured["row"]], turn[measured["row"]])
        - start[measured["plot"].to_numpy()],
        plot=measured["plot"].to_numpy("int64"),
        fraction=np.array([used.index(name) for name in measured["fraction"]], dtype="int64"),
        row=measured["row"].to_numpy("int64"),
        stated_error=measured["error"].to_numpy("float64"),
        replicates=measured["replicates"].to_numpy("float64"),
        density=np.where(measured["borrowed"], measured["plot"], -1).astype("int64"),
        labels=_unique(measured["label"].tolist()),
        notes=tuple(dict.fromkeys(notes)),
    )


def _unique(labels: list[str]) -> list[str]:
    """Labels with a number where one repeats."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return result


def uppermost_layer(obs: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Rows of the uppermost layer of each plot, because structures have one, and how many others there are.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.

    Returns
    -------
    table, deeper
    """
    top = np.nan_to_num(numeric(obs, "depth_top"))
    highest = obs.assign(depth_top=top).groupby(["site", "plot"])["depth_top"].transform("min").to_numpy()
    return obs[top <= highest].reset_index(drop=True), int((top > highest).sum())


def _of_site(values: np.ndarray, plot: np.ndarray, site_of_plot: np.ndarray) -> np.ndarray:
    """Mean of each plot, else of the plots of its site; NaN where neither is known; (plot,)."""
    means = group_means(values, plot, site_of_plot.size)
    of_site = group_means(means, site_of_plot, int(site_of_plot.max()) + 1)[site_of_plot]
    return np.where(np.isfinite(means), means, of_site)


def _of_plot(values: np.ndarray, plot: np.ndarray, site_of_plot: np.ndarray, otherwise: float) -> np.ndarray:
    """Mean of each plot, else of its site, else of all plots, else what is assumed; (plot,)."""
    means = _of_site(values, plot, site_of_plot)
    overall = float(np.nanmean(means)) if np.isfinite(means).any() else otherwise
    return np.where(np.isfinite(means), means, overall)


def _measurements(
    obs: pd.DataFrame,
    plot: np.ndarray,
    plots: list[str],
    site_of_plot: np.ndarray,
    shown: list[str],
    learned: np.ndarray,
    notes: list[str],
) -> pd.DataFrame:
    """One row per measured value, as t C/ha, with its relative error; of fractions that ``learned`` rows have."""
    import pandas as pd

    own = numeric(obs, "bulk_density")
    others = _of_plot(np.where(learned, own, np.nan), plot, site_of_plot, np.nan)[plot]
    density = np.where(np.isfinite(own), own, others)
    depth = numeric(obs, "depth_bottom") - np.nan_to_num(numeric(obs, "depth_top"))
    replicates = np.nan_to_num(numeric(obs, "replicates"), nan=1.0)
    estimated = (filled(obs, "value_origin", "measured") == "estimated").to_numpy()
    if estimated.any():
        notes.append(
            f"{int(estimated.sum())} rows were estimated by their source; "
            f"{100 * ESTIMATE_ERROR:g} % is added to their error."
        )
    pieces = []
    derived = 0
    for name in (*COLUMNS, FLUX):
        stock, concentration, unit = COLUMNS.get(name, (FLUX, "", 1.0))
        direct = numeric(obs, stock) * (FLUX_UNIT if name == FLUX else 1.0) if stock else np.full(len(obs), np.nan)
        content = numeric(obs, concentration) * unit if concentration else np.full(len(obs), np.nan)
        value = np.where(np.isfinite(direct), direct, content * density * depth * 0.1)
        rows = np.flatnonzero(np.isfinite(value))
        if not rows.size or (name != FLUX and name not in shown):
            continue
        if not learned[rows].any():
            notes.append(f"Of {name} nothing was seen: {rows.size} values of it cannot be foreseen.")
            continue
        turned = ~np.isfinite(direct)[rows]
        derived += int(turned.sum())
        error = np.where(
            np.isfinite(direct),
            numeric(obs, f"{stock}_sd") / numeric(obs, stock),
            numeric(obs, f"{concentration}_sd") / numeric(obs, concentration),
        )
        error = np.nan_to_num(error)[rows] / np.sqrt(replicates[rows])
        measured_density = np.isfinite(own)[rows]
        error = np.sqrt(
            error**2
            + np.where(turned & measured_density, DENSITY_ERROR[0], 0.0) ** 2
            + (ESTIMATE_ERROR * estimated[rows]) ** 2
        )
        pieces.append(
            pd.DataFrame(
                {
                    "row": rows,
                    "plot": plot[rows],
                    "fraction": name,
                    "value": value[rows],
                    "error": error,
                    "replicates": replicates[rows],
                    "borrowed": turned & ~measured_density,
                    "label": [f"{plots[plot[i]]}, {obs['year'][i]:.2f}, {name}" for i in rows],
                }
            )
        )
    result = _without_differences(pd.concat(pieces, ignore_index=True), learned, notes)
    if derived:
        borrowed = int(result["borrowed"].sum())
        notes.append(
            f"{derived} stocks are concentration times bulk density times depth; {borrowed} of them with the bulk "
            f"density of other samples ({100 * DENSITY_ERROR[1]:g} % error shared by a plot), the others "
            f"{100 * DENSITY_ERROR[0]:g} % each."
        )
    if not (numeric(obs, "replicates") > 1).any() and not any(
        f"{c}_sd" in obs for p in COLUMNS.values() for c in p[:2]
    ):
        notes.append("No standard deviations or replicates are stated: errors are learned by quantity.")
    return result


def _without_differences(measured: pd.DataFrame, learned: np.ndarray, notes: list[str]) -> pd.DataFrame:
    """Measurements without the largest fraction of plots whose fractions sum to the total.

    One of them was got by difference, or the total by adding up: as independent
    measurements they would say the same thing twice. The largest goes, as the
    one that is hardest to separate.
    """
    values = measured.pivot_table(index=["plot", "row"], columns="fraction", values="value")
    for parts in PARTITIONS:
        if not {"total", *parts} <= set(values):
            continue
        whole = values[["total", *parts]].dropna()
        exact = (whole[list(parts)].sum(axis=1) / whole["total"] - 1.0).abs() < ROUNDING
        known = learned[whole.index.get_level_values("row")]
        shares = exact[known].groupby("plot").mean()
        whole = whole[whole.index.get_level_values("plot").isin(shares.index[shares > 0.5])]
        known = learned[whole.index.get_level_values("row")]
        if whole.empty:
            continue
        largest = whole.loc[known, list(parts)].mean().idxmax()
        dropped = (measured["fraction"] == largest) & measured["row"].isin(whole.index.get_level_values("row"))
        measured = measured[~dropped]
        plots = whole.index.get_level_values("plot").nunique()
        notes.append(
            f"Fractions of {plots} plots sum to the total, so one is a difference: "
            f"{int(dropped.sum())} values of {largest} are left out."
        )
    return measured.reset_index(drop=True)


def _initial_log_stock(measured: pd.DataFrame, site_of_plot: np.ndarray) -> np.ndarray:
    """Mean log of all totals of each site; 50 t/ha where no total was measured; (site,)."""
    totals = measured[measured["fraction"] == "total"]
    means = group_means(
        np.log(totals["value"].to_numpy()), site_of_plot[totals["plot"].to_numpy("int64")], int(site_of_plot.max()) + 1
    )
    return np.where(np.isfinite(means), means, np.log(ASSUMED_STOCK))


def _constants(
    structure: Structure,
    clay: np.ndarray,
    given: Mapping[str, float],
    sites: list[str],
    site_of_plot: np.ndarray,
    notes: list[str],
) -> dict[str, Any]:
    """Parameters of the structure that the site determines; the default where a site states no clay."""
    constants: dict[str, Any] = {name: float(value) for name, value in given.items()}
    names = structure.parameter_names
    if "clay" not in names or "clay" in constants:
        return constants
    parameter = structure.parameters[names.index("clay")]
    bare = ~np.isfinite(clay)
    said = f"{parameter.default:g} {parameter.unit}, the default of {structure.name}."
    if bare.all():
        notes.append(f"No clay content is stated: {said}")
        return constants
    if bare.any():
        where = ", ".join(sites[site] for site in np.unique(site_of_plot[bare]))
        notes.append(f"{where}: no clay content is stated: {said}")
    constants["clay"] = np.where(bare, parameter.default, clay * (1.0 if parameter.unit == "percent" else 0.01))
    return constants


def _by_site(values: np.ndarray, known: np.ndarray, site_of_plot: np.ndarray, count: int, positive: bool) -> np.ndarray:
    """Mean over known months and over the plots of each site, of those above zero if asked; (site,)."""
    means = values.mean(axis=0, where=np.arange(len(values))[:, None] < known)
    used = np.where(means > 0, means, np.nan) if positive else means
    return np.nan_to_num(group_means(used, site_of_plot, count))
