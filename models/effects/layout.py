"""Pairs laid out as positions and numbers, with what is known of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.frames import filled, numeric
from socbayes.models.blocks import group_means, groups
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

MODERATORS = (
    "lever_dose",
    "duration",
    "mean_annual_temperature",
    "mean_annual_precipitation",
    "clay",
    "soil_organic_carbon_control",
    "depth",
    "mycorrhiza",
)
"""What an effect may depend on. Doses, years, rain, initial carbon and depth enter by their logarithm."""
SYMBIOSES = {"arbuscular mycorrhiza": 0.0, "ectomycorrhiza": 1.0}
"""Root symbioses of plants as numbers; what is neither alone is taken as not stated."""
BY_LOG = ("lever_dose", "duration", "mean_annual_precipitation", "soil_organic_carbon_control", "depth")
STUDIES_FOR_A_SLOPE = 8
"""Studies of a lever that must state a moderator, and differ in it, for a slope."""
LEAST_BETWEEN = 0.1
"""Spread between studies over that of rows from which on it is the unit of a slope; else that of rows is."""
FEWEST_ALIKE = 6
"""Errors in one proportion to their means from which on that is no chance."""
ROUNDING = 0.05
"""What a printed log ratio may differ from that of printed means."""
USUAL_REPLICATES = 3.0
"""Assumed where no row of a table states how many samples were taken."""


@dataclass(frozen=True)
class Errors:
    """What is stated of the errors of pairs; each (row, arm), control before treated.

    Parameters
    ----------
    variance
        Sampling variance of the log of an arm's mean; NaN where it follows from a coefficient of variation to be
        learned.
    replicates
        Samples that the mean is of; the usual number where ``counted`` is False.
    counted
        Whether the number is stated.
    log_variation
        Log coefficient of variation between replicates; NaN where no error is stated.
    """

    variance: np.ndarray
    replicates: np.ndarray
    counted: np.ndarray
    log_variation: np.ndarray


@dataclass(frozen=True)
class Slopes:
    """Slopes on moderators that a table can tell, and the moderators in standard units.

    Parameters
    ----------
    labels
        ``"<moderator> of <lever>"`` of each slope.
    lever
        Position of its lever.
    value
        Moderator less its mean over its lever's studies, over its standard deviation between them; 0 where unknown and
        for rows of another lever; (row, slope).
    unknown
        Whether no row of a study and fraction states it; (group, slope).
    centres
        By label: mean and standard deviation, of the logarithm where the moderator enters by it.
    """

    labels: list[str]
    lever: np.ndarray
    value: np.ndarray
    unknown: np.ndarray
    centres: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Pairs:
    """Pairs as numbers and positions.

    Parameters
    ----------
    ratio
        Log of treated over control, (row,).
    effects
        Label ``"<lever>: <fraction>"`` of each effect.
    effect, lever, fraction
        Position of each row's.
    levers, fractions, studies
        Labels.
    study
        Position of each row's study, whatever the lever.
    groups_of
        Labels of a study with one effect.
    group
        Position of each row's group.
    effect_of_group
        Position of each group's effect.
    sites
        Labels of sites that have an effect of their own: those of groups with several sites, with two rows or more.
    site
        Position of each row's among them, -1 for none.
    one_site
        Whether a group has a single site, (group,).
    lone
        Whether a row is the only one of one of several sites, (row,).
    shared
        Labels of controls that serve two rows or more.
    control
        Position of each row's among them, -1 for none.
    smallness
        Root of the sum of one over the replicates of both arms, (row,); NaN where not stated.
    errors
        What is known of the sampling errors.
    slopes
        On moderators.
    notes
        What was left out or assumed.
    """

    ratio: np.ndarray
    effects: list[str]
    effect: np.ndarray
    levers: list[str]
    lever: np.ndarray
    fractions: list[str]
    fraction: np.ndarray
    studies: list[str]
    study: np.ndarray
    groups_of: list[str]
    group: np.ndarray
    effect_of_group: np.ndarray
    sites: list[str]
    site: np.ndarray
    one_site: np.ndarray
    lone: np.ndarray
    shared: list[str]
    control: np.ndarray
    smallness: np.ndarray
    errors: Errors
    slopes: Slopes
    notes: tuple[str, ...]


def log_ratios(table: pd.DataFrame) -> np.ndarray:
    """Log of treated over control: of the means where both are stated, else the ratio as printed; (row,).

    Raises
    ------
    SocbayesError
        If a row has neither, or a mean that is not above zero, with the first such row.
    """
    control, treated = numeric(table, "control_mean"), numeric(table, "treated_mean")
    printed = numeric(table, "log_response_ratio")
    stated = np.isfinite(control) & np.isfinite(treated)
    if (bad := stated & ~((control > 0) & (treated > 0))).any():
        first = int(np.flatnonzero(bad)[0])
        raise SocbayesError(
            f"columns 'control_mean' and 'treated_mean': {int(bad.sum())} of {len(table)} rows hold a mean that is not "
            f"above zero, first {control[first]:g} beside {treated[first]:g} in row {table.index[first]}; a ratio "
            "needs carbon in both"
        )
    if (bad := ~stated & ~np.isfinite(printed)).any():
        first = table.index[int(np.flatnonzero(bad)[0])]
        raise SocbayesError(
            f"{int(bad.sum())} of {len(table)} rows state no effect, first row {first}: give control_mean and "
            "treated_mean, or log_response_ratio"
        )
    ones = np.ones(len(table))
    return np.where(stated, np.log(np.where(stated, treated, ones) / np.where(stated, control, ones)), printed)


def lay_out(table: pd.DataFrame) -> Pairs:
    """Check a table of pairs and lay it out.

    Parameters
    ----------
    table
        Of kind ``effect_pairs``, each study once.

    Raises
    ------
    SocbayesError
        If a row states no effect, an error is negative, or the doses of a lever have several units.
    """
    ratio = log_ratios(table)
    levers, lever = groups(table["lever"])
    fractions, fraction = groups(table["fraction"])
    effects, effect = groups(table["lever"].astype("str") + ": " + table["fraction"].astype("str"))
    studies, study = groups(table["study"])
    named = table["study"].astype("str") + " | " + table["lever"].astype("str") + ": " + table["fraction"].astype("str")
    groups_of, group = groups(named)
    where, one_site, site, lone = _sites(table, named, group)
    errors, said = _errors(table)
    shared, control = _controls(table)
    slopes = _slopes(table, levers, lever, group, len(groups_of))
    smallness = np.where(errors.counted.all(axis=1), np.sqrt((1 / errors.replicates).sum(axis=1)), np.nan)
    said += _contradictions(table)
    if shared:
        said.append(
            f"{counted(len(shared), 'control is', 'controls are')} shared by {int((control >= 0).sum())} of "
            f"{len(table)} pairs."
        )
    return Pairs(
        ratio, effects, effect, levers, lever, fractions, fraction, studies, study, groups_of, group,
        effect[np.unique(group, return_index=True)[1]], where, site, one_site, lone, shared, control, smallness, errors,
        slopes, tuple(said),
    )  # fmt: skip


def _sites(
    table: pd.DataFrame, named: pd.Series, group: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Sites with an effect of their own, groups of one site, position of each row's site, rows alone at a site."""
    sites, site = groups(named + " | " + filled(table, "site", "one site"))
    group_of_site = group[np.unique(site, return_index=True)[1]]
    one_site = np.bincount(group_of_site) == 1
    several = ~one_site[group_of_site]
    rows = np.bincount(site)
    own = np.flatnonzero(several & (rows > 1))
    place = np.full(len(sites), -1)
    place[own] = np.arange(own.size)
    return [sites[index] for index in own], one_site, place[site], (several & (rows == 1))[site]


def _errors(table: pd.DataFrame) -> tuple[Errors, list[str]]:
    """What the table states of errors, and what is learned or assumed in its place."""
    arms = ("control", "treated")
    mean = np.column_stack([numeric(table, f"{arm}_mean") for arm in arms])
    spread = np.column_stack([numeric(table, f"{arm}_sd") for arm in arms])
    treated = numeric(table, "replicates")
    control = numeric(table, "control_replicates")
    replicates = np.column_stack([np.where(np.isfinite(control), control, treated), treated])
    replicates[:, 1] = np.where(np.isfinite(treated), treated, control)
    if (spread < 0).any() or (replicates < 1).any():
        raise SocbayesError("standard deviations below zero, or fewer than one replicate: read_table lists such cells")
    numbered = np.isfinite(replicates)
    usual = float(np.exp(np.log(replicates[numbered]).mean())) if numbered.any() else USUAL_REPLICATES
    replicates = np.where(numbered, replicates, usual)
    variation = np.divide(spread, mean, out=np.full(spread.shape, np.nan), where=(spread > 0) & (mean > 0))
    variance = variation**2 / replicates
    printed = numeric(table, "log_response_ratio_variance")
    given = np.isfinite(printed) & (printed > 0) & ~np.isfinite(variance).all(axis=1)
    variance[given] = printed[given, None] / 2
    variation = np.where(given[:, None], np.sqrt(variance * replicates), variation)
    known = np.isfinite(variance)
    _require_measured(np.log(variation))
    said = []
    if not numbered.all():
        said.append(
            f"{int((~numbered.all(axis=1)).sum())} of {len(table)} pairs state no number of samples; {usual:.2g} are "
            "assumed" + (", the geometric mean of the others." if numbered.any() else ".")
        )
    if not known.all():
        said.append(
            f"{int((~known.any(axis=1)).sum())} of {len(table)} pairs state no error and {int(known.any(axis=1).sum())}"
            " do; what is missing is learned from the others."
        )
    return Errors(variance, replicates, numbered, np.log(variation)), said


def _require_measured(log_variation: np.ndarray) -> None:
    """Refuse errors that are all one share of their means: nobody measured them."""
    stated = log_variation[np.isfinite(log_variation)]
    if stated.size >= FEWEST_ALIKE and np.ptp(stated) < 1e-3:
        raise SocbayesError(
            f"the {stated.size} stated errors are all {100 * np.exp(stated[0]):.3g} % of their means, as those "
            "that were filled in are: leave them empty, and they are learned"
        )


def _controls(table: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Controls that serve two rows or more, and each row's position among them, -1 for the rest.

    A name is of one site, layer and mean: what is called alike elsewhere is another control. Where no name is stated,
    rows of one study, site, fraction, layer and time with the same mean of the control share it.
    """
    place = table["study"].astype("str")
    for column in ("fraction", "site", "depth_top", "depth_bottom", "control_mean"):
        place = place + "|" + filled(table, column, "")
    timed = place + "|" + filled(table, "duration", "") + "|" + filled(table, "year", "")
    stated, mean = filled(table, "control", ""), filled(table, "control_mean", "")
    guessed = timed.where(mean != "", [f"row {row}" for row in range(len(table))])
    label = (place + "|" + stated).where(stated != "", guessed)
    controls, control = groups(label.rename("control"))
    shared = np.flatnonzero(np.bincount(control) > 1)
    position = np.full(len(controls), -1)
    position[shared] = np.arange(shared.size)
    return [controls[index] for index in shared], position[control]


def _contradictions(table: pd.DataFrame) -> list[str]:
    """Name rows whose printed ratio is not that of their means."""
    control, treated = numeric(table, "control_mean"), numeric(table, "treated_mean")
    apart = np.abs(log_ratios(table) - numeric(table, "log_response_ratio"))
    rows = np.flatnonzero((apart > ROUNDING) & np.isfinite(control) & np.isfinite(treated))
    if not rows.size:
        return []
    names = table["observation"] if "observation" in table else table.index.to_series()
    some = ", ".join(names.iloc[rows[:5]].astype("str")) + (", ..." if rows.size > 5 else "")
    return [
        f"{rows.size} of {len(table)} pairs print a log response ratio that is not that of their means, which is "
        f"taken: {some}."
    ]


def _slopes(table: pd.DataFrame, levers: list[str], lever: np.ndarray, group: np.ndarray, count: int) -> Slopes:
    """Moderators of levers of which enough studies state them."""
    _one_unit_of_dose(table)
    study = np.unique(table["study"].astype("str"), return_inverse=True)[1]
    labels, position, values, unknown, centres = [], [], [], [], {}
    for moderator in MODERATORS:
        raw = moderator_values(table, moderator)
        for place, name in enumerate(levers):
            rows = (lever == place) & np.isfinite(raw)
            if np.unique(study[rows]).size < STUDIES_FOR_A_SLOPE:
                continue
            means = group_means(np.where(rows, raw, np.nan), study, int(study.max()) + 1)
            means = means[np.isfinite(means)]
            # What a study does not state is integrated out as one of a normal population of studies.
            between, of_rows = float(means.std()), float(raw[rows].std())
            spread = between if between > LEAST_BETWEEN * of_rows else of_rows
            if spread < 1e-6:
                continue
            centre = float(means.mean())
            own = group_means(np.where(rows, raw, np.nan), group, count)
            filled_in = np.where(rows, raw, own[group])
            here = lever == place
            scaled = np.where(here & np.isfinite(filled_in), (filled_in - centre) / spread, 0.0)
            of_lever = np.bincount(group, weights=here, minlength=count) > 0
            label = f"{moderator} of {name}"
            labels.append(label)
            position.append(place)
            values.append(scaled)
            unknown.append(of_lever & ~np.isfinite(own))
            centres[label] = (centre, spread)
    size = len(table), count
    return Slopes(
        labels,
        np.array(position, dtype="int64"),
        np.column_stack(values) if labels else np.zeros((size[0], 0)),
        np.column_stack(unknown) if labels else np.zeros((size[1], 0), dtype=bool),
        centres,
    )


def moderator_values(table: pd.DataFrame, moderator: str) -> np.ndarray:
    """A moderator as it enters the model, NaN where it is not stated; (row,).

    Parameters
    ----------
    table
        Of kind ``effect_pairs``, or settings of a prediction as columns.
    moderator
        One of :data:`MODERATORS`; ``"depth"`` is the middle of the layer, cm, and ``"mycorrhiza"`` 1 for plants with
        ectomycorrhiza and 0 for those with arbuscular mycorrhiza.
    """
    if moderator == "mycorrhiza":
        return filled(table, moderator, "").map(SYMBIOSES).to_numpy(dtype="float64")
    if moderator == "depth":
        raw = (numeric(table, "depth_top") + numeric(table, "depth_bottom")) / 2
    else:
        raw = numeric(table, moderator)
    if moderator not in BY_LOG:
        return raw
    return np.log(raw, out=np.full(raw.shape, np.nan), where=raw > 0)


def _one_unit_of_dose(table: pd.DataFrame) -> None:
    """Refuse doses of one lever in several units."""
    if "lever_dose" not in table:
        return
    unit = filled(table, "lever_dose_unit", "not stated")[np.isfinite(numeric(table, "lever_dose"))]
    for name, units in unit.groupby(table["lever"].astype("str")):
        if units.nunique() > 1:
            raise SocbayesError(
                f"column 'lever_dose': doses of {name} are in {' and '.join(sorted(units.unique()))}; one unit is "
                "expected for each lever"
            )
