"""Labelled incubations laid out for runs side by side: sites, steps, doses and increments.

A *control* is one run of unamended soil. A *treatment* is one run of labelled
soil; replicate jars with the same control, substrate and nitrogen share it.
Positions are made here and checked, because compiled indexing is not
bounds-checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.frames import filled, numeric
from socbayes.models.blocks import groups, require_values

if TYPE_CHECKING:
    import pandas as pd

#: Milligrams of the structure per microgram of the tables.
MILLIGRAM = 1e-3
#: Intervals kept of a series with a single dose; where doses repeat all are kept.
INTERVALS = 12
#: Steps after a dose, days: the dose itself, the first one after it, and the growth with the time since.
DOSE_STEP, FIRST_STEP, GROWTH, LONGEST = 0.02, 0.25, 0.45, 10.0
#: Share of the CO2 of a jar below which its parts, native and substrate, cannot be told apart.
PARTITION = 0.02
#: Substrates that dissolve at once; anything else starts as a solid with a soluble share.
DISSOLVED = ("glucose", "sucrose", "fructose", "xylose", "amino", "acetate", "oxalate")

#: Columns of the endpoints measured when the jar was taken apart.
FINAL = (
    "microbial_biomass_final",
    "substrate_carbon_in_microbial_biomass",
    "substrate_carbon_in_particulate_fraction",
    "substrate_carbon_in_soil",
)
SERIES = {"control": "native_co2_control", "native": "native_co2_treated", "substrate": "substrate_co2"}


Schedule = list[tuple[float, float]]
"""Days and amounts (mg C/g) of the doses of a jar."""


@dataclass(frozen=True)
class Increments:
    """Mean rates of one kind of CO2 between sampling days, one interval per row.

    Parameters
    ----------
    label
        Series and interval.
    site
        Position of the run.
    start, end
        Rows of the run after which the interval starts and ends.
    days, rate, floor
        Length, mean rate in mg C/g/day, and the rate below which it is noise.
    study
        Position of the study.
    previous
        Position of the interval before it in the same jar, -1 for the first.
    """

    label: list[str]
    site: np.ndarray
    start: np.ndarray
    end: np.ndarray
    days: np.ndarray
    rate: np.ndarray
    floor: np.ndarray
    study: np.ndarray
    previous: np.ndarray


@dataclass(frozen=True)
class Incubations:
    """What a process model needs to know of a table of incubations.

    Parameters
    ----------
    studies, runs, soils, soil_runs
        Labels; ``soil_runs`` are soils in one run of their study.
    controls
        One row per control: positions of study, soil and soil_run; biomass,
        organic carbon.
    treatments
        One row per treatment: positions of study, run, soil, soil_run and
        control; dose at the start (mg C/g), nitrogen contrast, substrate,
        whether it is a solid.
    run_of_soil
        Position of the run of each of ``soil_runs``.
    jars
        One row per jar with the position of its treatment and the native
        carbon primed by its last day, ug C/g.
    steps
        Length of each row by study, days, shape (row, study).
    doses
        Input of substrate in each row after the start, mg C/g/day, shape
        (row, treatment).
    increments
        By series: control, native, substrate.
    """

    studies: list[str]
    runs: list[str]
    soils: list[str]
    soil_runs: list[str]
    controls: pd.DataFrame
    treatments: pd.DataFrame
    run_of_soil: np.ndarray
    jars: pd.DataFrame
    steps: np.ndarray
    doses: np.ndarray
    increments: dict[str, Increments]


def spread_days(days: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the sampling days, evenly spread over log(1 + day), the last one among them.

    Examples
    --------
    >>> spread_days(np.arange(1.0, 101.0), 4).tolist()
    [2.0, 9.0, 31.0, 100.0]
    """
    if days.size <= most:
        return days
    targets = np.expm1(np.linspace(0.0, np.log1p(days[-1]), most + 1)[1:])
    nearest = np.abs(np.log1p(days)[:, None] - np.log1p(targets)).argmin(axis=0)
    return days[np.unique(nearest)]


def step_ends(knots: np.ndarray, doses: np.ndarray) -> np.ndarray:
    """Ends of the steps of a run: short after each dose, then growing, through every knot.

    Parameters
    ----------
    knots
        Days at which output is needed, increasing.
    doses
        Days of the doses after the start; each is given over a short step of its own.

    Returns
    -------
    numpy.ndarray
        Increasing, the last one the last knot.

    Examples
    --------
    >>> step_ends(np.array([2.0, 7.0]), np.array([])).round(2).tolist()
    [0.25, 0.5, 0.75, 1.09, 1.58, 2.0, 2.9, 4.2, 7.0]
    """
    stops = np.unique(np.concatenate([knots, doses, doses + DOSE_STEP]))
    stops = stops[(stops > 0) & (stops <= knots[-1])]
    now, ends = 0.0, []
    for stop in stops:
        since = now - max([day for day in doses if day <= now + 1e-9], default=0.0)
        while now < stop - 1e-9:
            step = min(max(FIRST_STEP, GROWTH * since), LONGEST)
            # The last piece before a stop takes what is left, rather than leaving a sliver.
            step = stop - now if stop - now < 1.5 * step else step
            now, since = now + step, since + step
            ends.append(now)
    return np.array(ends)


def _cut(ends: np.ndarray, pieces: int) -> np.ndarray:
    """Ends of steps, each cut into equal pieces."""
    starts = np.concatenate([[0.0], ends[:-1]])
    return (starts[:, None] + (ends - starts)[:, None] * np.arange(1, pieces + 1) / pieces).ravel()


def incubations(table: pd.DataFrame, endpoints: pd.DataFrame | None = None, *, finer: int = 1) -> Incubations:
    """Lay out a table of schema ``priming_time_series``.

    Parameters
    ----------
    table
        Cumulative CO2, one jar and day per row.
    endpoints
        Table of schema ``priming_endpoints``: substrate, organic carbon and
        biomass of the jars. Without it all substrates are taken as dissolved.
    finer
        Pieces every step is cut into, to see the error of the steps.

    Returns
    -------
    Incubations

    Raises
    ------
    SocbayesError
        Naming what in the table cannot be.
    """
    rows = _checked(table)
    jars = _jars(rows, endpoints)
    labels = {}
    for name, column in (
        ("study", "study"),
        ("run", "run_of_study"),
        ("soil", "soil_of_study"),
        ("soil_run", "soil_run"),
        ("control", "control_label"),
        ("treatment", "treatment"),
    ):
        labels[name], jars[f"{name}_index"] = groups(jars[column])
    controls = _controls(jars, labels["control"])
    treatments = _treatments(jars, labels["treatment"], controls)
    schedules = {str(jar): _schedule(series) for jar, series in rows.groupby("jar_key")}
    knots, ends = _clocks(rows, jars, labels["study"], schedules, finer)
    steps = np.zeros((max(end.size for end in ends), len(ends)))  # a step of no length changes nothing
    for position, end in enumerate(ends):
        steps[: end.size, position] = np.diff(end, prepend=0.0)
    treatments["dose"], doses = _doses(jars, schedules, ends, steps)
    return Incubations(
        studies=labels["study"],
        runs=labels["run"],
        soils=labels["soil"],
        soil_runs=labels["soil_run"],
        controls=controls,
        treatments=treatments,
        run_of_soil=jars.groupby("soil_run_index")["run_index"].first().to_numpy(),
        jars=jars,
        steps=steps,
        doses=doses,
        increments=_increments(rows, jars, knots, ends),
    )


def _controls(jars: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """One row per control."""
    controls = jars.groupby("control_index").agg(
        study=("study_index", "first"),
        soil=("soil_index", "first"),
        soil_run=("soil_run_index", "first"),
        biomass=("microbial_biomass", "mean"),
        organic_carbon=("soil_organic_carbon", "mean"),
        nitrogen_levels=("added_nitrogen", "nunique"),
    )
    controls["label"] = labels
    return controls


def _treatments(jars: pd.DataFrame, labels: list[str], controls: pd.DataFrame) -> pd.DataFrame:
    """One row per treatment, but for its dose."""
    treatments = jars.groupby("treatment_index").agg(
        study=("study_index", "first"),
        run=("run_index", "first"),
        soil=("soil_index", "first"),
        soil_run=("soil_run_index", "first"),
        control=("control_index", "first"),
        substrate=("substrate", "first"),
        nitrogen=("added_nitrogen", "first"),
    )
    treatments["label"] = labels
    # Nitrogen is a contrast where the control of the jar had none.
    contrasted = controls["nitrogen_levels"].to_numpy()[treatments["control"]] > 1
    treatments["nitrogen"] = (treatments["nitrogen"] == "yes") & contrasted
    treatments["solid"] = [not any(name in text.lower() for name in DISSOLVED) for text in treatments["substrate"]]
    return treatments


def _clocks(
    rows: pd.DataFrame, jars: pd.DataFrame, studies: list[str], schedules: dict[str, Schedule], finer: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sampling days and ends of the steps of each study."""
    knots, ends = [], []
    for position, study in enumerate(studies):
        members = jars.loc[jars["study_index"] == position, "jar_key"]
        knots.append(_knots(study, rows[rows["jar_key"].isin(members)], schedules))
        given = np.unique([day for jar in members for day, _ in schedules[jar] if day > 0])
        ends.append(step_ends(knots[-1], given))
    # Runs side by side take as many rows as the longest: the others use them too, in shorter steps.
    length = max(end.size for end in ends)
    return knots, [_cut(end, finer * (length // end.size)) for end in ends]


def _doses(
    jars: pd.DataFrame, schedules: dict[str, Schedule], ends: list[np.ndarray], steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Doses at the start (treatment,), mg C/g, and input in each row after it (row, treatment), mg C/g/day."""
    count = int(jars["treatment_index"].max()) + 1
    doses, at_start = np.zeros((len(steps), count)), np.zeros(count)
    for index, members in jars.groupby("treatment_index"):
        study = int(members["study_index"].iloc[0])
        starts = ends[study] - steps[: ends[study].size, study]
        for jar in members["jar_key"]:
            for day, amount in schedules[jar]:
                if day == 0:
                    at_start[index] += amount / len(members)
                    continue
                row = (starts >= day - 1e-9) & (starts < day + DOSE_STEP - 1e-9)
                doses[row, index] += amount / DOSE_STEP / len(members)
    return at_start, doses


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a key per jar, in order of days, without faults."""
    if len(table) == 0:
        raise SocbayesError("the table has no rows: nothing to fit")
    require_values(table, ["incubation_day", *SERIES.values()])
    for column in ("jar", "control", "soil", "run", "added_nitrogen"):
        if column not in table or table[column].isna().any():
            raise SocbayesError(f"column {column!r} is needed in every row: runs are built from it")
    rows = table.assign(jar_key=table["study"].astype(str) + ": " + table["jar"].astype(str))
    rows = rows.sort_values(["jar_key", "incubation_day"]).reset_index(drop=True)
    twice = rows.duplicated(["jar_key", "incubation_day"])
    if twice.any():
        raise SocbayesError(f"jar {rows['jar_key'][twice.idxmax()]!r} has a day twice")
    for column in ("native_co2_control", "substrate_co2", "substrate_dose"):
        falls = rows.groupby("jar_key")[column].diff() < -1e-6
        if falls.any():
            where = rows.loc[falls.idxmax()]
            raise SocbayesError(
                f"column {column!r} is cumulative but falls in jar {where['jar_key']!r} at day "
                f"{where['incubation_day']:g}"
            )
    spread = rows.groupby(["study", "control", "incubation_day"])["native_co2_control"].agg(np.ptp)
    if spread.max() > 1e-6:
        raise SocbayesError(f"jars that share a control give it different values: {spread.idxmax()}")
    return rows


def _jars(rows: pd.DataFrame, endpoints: pd.DataFrame | None) -> pd.DataFrame:
    """One row per jar: what it is, and which others share its control and treatment."""
    first = ["study", "jar", "soil", "run", "control", "added_nitrogen"]
    jars = rows.groupby("jar_key")[first].first().reset_index()
    about = ["substrate", "microbial_biomass", "soil_organic_carbon", *FINAL]
    if endpoints is not None:
        keyed = endpoints.assign(jar_key=endpoints["study"].astype(str) + ": " + endpoints["jar"].astype(str))
        keyed = keyed.set_index("jar_key").reindex(jars["jar_key"])
        for column in about[1:]:
            jars[column] = numeric(keyed, column)
        jars["substrate"] = filled(keyed, "substrate", "dissolved (glucose)").to_numpy()
    else:
        jars[about[1:]] = np.nan
        jars["substrate"] = "dissolved (glucose)"
    last = rows.groupby("jar_key")[["native_co2_treated", "native_co2_control"]].last()
    jars["primed"] = (last["native_co2_treated"] - last["native_co2_control"]).to_numpy(dtype="float64")
    dose = rows.groupby("jar_key")["substrate_dose"].last().to_numpy(dtype="float64", na_value=np.nan)
    # Replicates are weighed in with an error of a percent or so.
    rounded = [f"{value:.2g}" for value in dose]
    study = jars["study"].astype(str) + ": "
    jars["run_of_study"] = study + jars["run"].astype(str)
    jars["soil_of_study"] = study + jars["soil"].astype(str)
    jars["soil_run"] = jars["soil_of_study"] + "; " + jars["run"].astype(str)
    jars["control_label"] = study + jars["control"].astype(str)
    jars["treatment"] = [
        " | ".join(parts)
        for parts in zip(jars["control_label"], jars["added_nitrogen"], jars["substrate"], rounded, strict=True)
    ]
    return jars


def _schedule(series: pd.DataFrame) -> Schedule:
    """Days and amounts (mg C/g) of the doses of a jar; an unknown dose is NaN at the start.

    A dose first recorded on a day was given when the jar was sampled before it.
    """
    total = numeric(series, "substrate_dose") * MILLIGRAM
    days = numeric(series, "incubation_day")
    if np.isnan(total).any():
        return [(0.0, np.nan)]
    amounts = np.diff(total, prepend=0.0)
    given = np.concatenate([[0.0], days[:-1]])
    return [(float(day), float(amount)) for day, amount in zip(given, amounts, strict=True) if amount > 0]


def _knots(study: str, rows: pd.DataFrame, schedules: dict[str, Schedule]) -> np.ndarray:
    """Sampling days that all jars of a study share, thinned where the dose was given once."""
    counts = rows.groupby("incubation_day")["jar_key"].nunique()
    days = counts.index[counts == rows["jar_key"].nunique()].to_numpy(dtype="float64")
    days = days[days > 0]
    if days.size < 2:
        raise SocbayesError(f"the jars of study {study!r} share {days.size} sampling days; two are needed")
    repeated = any(len(schedules[jar]) > 1 for jar in rows["jar_key"].unique())
    return days if repeated else spread_days(days, INTERVALS)


def _increments(
    rows: pd.DataFrame, jars: pd.DataFrame, knots: list[np.ndarray], ends: list[np.ndarray]
) -> dict[str, Increments]:
    """Mean rates between knots of every jar, and once of every control."""
    series = {jar: frame for jar, frame in rows.groupby("jar_key")}
    collected: dict[str, list[Increments]] = {name: [] for name in SERIES}
    first_of_control = ~jars["control_index"].duplicated()
    for jar, first in zip(jars.itertuples(), first_of_control, strict=True):
        frame, at = series[jar.jar_key], knots[jar.study_index]
        place = np.searchsorted(numeric(frame, "incubation_day"), at)
        starts = np.concatenate([[0.0], at[:-1]])
        row_end = np.searchsorted(ends[jar.study_index], at - 1e-9) + 1
        rate = {
            name: np.diff(numeric(frame, column)[place] * MILLIGRAM, prepend=0.0) / (at - starts)
            for name, column in SERIES.items()
        }
        both = rate["native"] + rate["substrate"]
        kinds = [("native", jar.jar_key, jar.treatment_index, both)]
        kinds.append(("substrate", jar.jar_key, jar.treatment_index, both))
        if first:
            kinds.append(("control", jar.control_label, jar.control_index, rate["control"]))
        for name, key, site, total in kinds:
            collected[name].append(
                Increments(
                    label=[f"{key}, {a:g}-{b:g} d" for a, b in zip(starts, at, strict=True)],
                    site=np.full(at.size, site),
                    start=np.concatenate([[0], row_end[:-1]]),
                    end=row_end,
                    days=at - starts,
                    rate=rate[name],
                    floor=PARTITION * np.maximum(total, np.median(total) / 10),
                    study=np.full(at.size, jar.study_index),
                    previous=np.arange(at.size) - 1,
                )
            )
    return {name: _joined(parts) for name, parts in collected.items()}


def _joined(parts: list[Increments]) -> Increments:
    """Increments of several series as one, positions of those before counted anew."""
    sizes = np.array([len(part.label) for part in parts])
    offsets = np.repeat(np.cumsum(sizes) - sizes, sizes)

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    before = all_of("previous")
    return Increments(
        label=[label for part in parts for label in part.label],
        **{name: all_of(name) for name in ("site", "start", "end", "days", "rate", "floor", "study")},
        previous=np.where(before < 0, -1, before + offsets),
    )
