"""Pairs of soils laid out as runs, and shares of necromass of further studies: positions and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.frames import filled, numeric
from socbayes.models.blocks import group_means, groups, require_studies, require_values
from socbayes.models.mcp.pairs import RESPONSES

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED = "not stated"
WITHIN_STUDY = 0.25
"""Scatter of log shares within a study where no table of levels says."""


@dataclass(frozen=True)
class Trials:
    """Pairs laid out as runs: positions are made here, because compiled indexing is not bounds-checked.

    Parameters
    ----------
    studies, practices, trials, ecosystems, sites, undated
        Labels; ``undated`` are the studies that state no duration.
    trial_of_site, duration_of_site, undated_of_site
        Position of the trial, years (NaN when unknown), position among ``undated`` (-1 when known).
    study_of_trial, practice_of_trial, ecosystem_of_study
        Positions; an ecosystem of -1 is not stated.
    temperature
        Mean annual temperature of each study, degC, NaN where not stated.
    site, ratios, labels
        By pair: its run, log ratios (pair, response), and its name.
    share, share_pairs
        By study: mean log necromass share of its controls, and their number.
    """

    studies: list[str]
    practices: list[str]
    trials: list[str]
    ecosystems: list[str]
    sites: list[str]
    undated: list[str]
    trial_of_site: np.ndarray
    duration_of_site: np.ndarray
    undated_of_site: np.ndarray
    study_of_trial: np.ndarray
    practice_of_trial: np.ndarray
    ecosystem_of_study: np.ndarray
    temperature: np.ndarray
    site: np.ndarray
    ratios: np.ndarray
    labels: list[str]
    share: np.ndarray
    share_pairs: np.ndarray


def trials_of(pairs: pd.DataFrame) -> Trials:
    """Lay pairs out as runs: those of one practice, study and duration share a run.

    Parameters
    ----------
    pairs
        Table of schema ``necromass_pairs``.

    Raises
    ------
    SocbayesError
        Naming what in the table cannot be.

    Examples
    --------
    >>> import socbayes as sb
    >>> laid_out = trials_of(sb.load_dataset("necromass_pairs"))
    >>> len(laid_out.sites) < laid_out.site.size
    True
    """
    require_studies(pairs)
    require_values(pairs, [f"{name}_{arm}" for name in RESPONSES for arm in ("control", "treatment")], positive=True)
    duration = numeric(pairs, "duration")
    if (duration <= 0).any():
        row = pairs.index[int(np.flatnonzero(duration <= 0)[0])]
        raise SocbayesError(f"column 'duration': row {row} lasts no time; expected years above zero, or nothing")
    studies, study = groups(pairs["study"])
    practices, practice = groups(pairs["practice"])
    trial_names = pairs["practice"].astype(str) + ", " + pairs["study"].astype(str)
    trials, trial = groups(trial_names)
    years = [f"{value:g} years" if np.isfinite(value) else "unknown duration" for value in duration]
    sites, site = groups(trial_names + ", " + years)
    first, of_trial = (np.unique(index, return_index=True)[1] for index in (site, trial))
    unknown = ~np.isfinite(duration)
    undated = sorted({studies[index] for index in study[unknown]})
    place = np.array([undated.index(name) if name in undated else -1 for name in studies])
    ecosystems, ecosystem_of_study = _ecosystems(pairs, study)
    share, share_pairs = _shares_of_controls(pairs, study, len(studies))
    return Trials(
        studies=studies,
        practices=practices,
        trials=trials,
        ecosystems=ecosystems,
        sites=sites,
        undated=undated,
        trial_of_site=trial[first],
        duration_of_site=duration[first],
        undated_of_site=np.where(unknown, place[study], -1)[first],
        study_of_trial=study[of_trial],
        practice_of_trial=practice[of_trial],
        ecosystem_of_study=ecosystem_of_study,
        temperature=group_means(numeric(pairs, "mean_annual_temperature"), study, len(studies)),
        site=site,
        ratios=np.column_stack(
            [np.log(numeric(pairs, f"{name}_treatment") / numeric(pairs, f"{name}_control")) for name in RESPONSES]
        ),
        labels=(pairs["observation"] if "observation" in pairs else pairs.index.to_series()).astype(str).tolist(),
        share=share,
        share_pairs=share_pairs,
    )


def _ecosystems(pairs: pd.DataFrame, study: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Ecosystems, and the position of the one that most pairs of each study lie in, -1 where none is stated."""
    stated = filled(pairs, "ecosystem", NOT_STATED)
    by_study = stated.groupby(study).agg(lambda names: names.mode()[0]).to_numpy()
    ecosystems = sorted(set(by_study) - {NOT_STATED})
    return ecosystems, np.array([ecosystems.index(name) if name in ecosystems else -1 for name in by_study])


def _shares_of_controls(pairs: pd.DataFrame, study: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean log necromass share of the controls of each study, each counted once, and their number; (study,)."""
    share = np.log(numeric(pairs, "necromass_control") / numeric(pairs, "soil_organic_carbon_control"))
    controls = pairs["control"].astype("str") if "control" in pairs else pairs.index.to_series().astype("str")
    single = ~(controls.duplicated() & controls.notna()).to_numpy()
    means = group_means(np.where(single, share, np.nan), study, count)
    return means, np.bincount(study[single], minlength=count)


def ecosystem_of_practice(data: Trials) -> dict[str, str]:
    """Ecosystem that most trials of each practice lie in.

    Parameters
    ----------
    data
        The pairs as runs.
    """
    found = {}
    for position, practice in enumerate(data.practices):
        inside = data.ecosystem_of_study[data.study_of_trial[data.practice_of_trial == position]]
        inside = inside[inside >= 0]
        found[practice] = data.ecosystems[np.bincount(inside).argmax()] if inside.size else NOT_STATED
    return found


@dataclass(frozen=True)
class Levels:
    """Mean log shares of studies that have no pair, by study and ecosystem.

    Parameters
    ----------
    labels
        Study and ecosystem.
    ecosystem
        Position of the ecosystem.
    mean, count
        Mean log share, and number of soils.
    scatter
        Standard deviation of log shares within a study.
    """

    labels: list[str]
    ecosystem: np.ndarray
    mean: np.ndarray
    count: np.ndarray
    scatter: float


def levels_elsewhere(levels: pd.DataFrame, data: Trials) -> Levels:
    """Untreated soils of studies that have no pair and lie in an ecosystem that has one.

    Parameters
    ----------
    levels
        Table of schema ``necromass_levels``.
    data
        The pairs as runs.
    """
    require_studies(levels)
    require_values(levels, RESPONSES, positive=True)
    untreated = filled(levels, "arm", "untreated") != "treatment"
    ecosystem = filled(levels, "ecosystem", NOT_STATED)
    share = np.log(levels["necromass"] / levels["soil_organic_carbon"])
    by = [levels["study"].astype(str), ecosystem]
    kept = untreated & ecosystem.isin(data.ecosystems)
    centred = (share - share.groupby(by).transform("mean"))[kept]
    cells = share[kept].groupby([column[kept] for column in by]).agg(["mean", "size"])
    freedom = max(len(centred) - len(cells), 1)
    scatter = float(np.sqrt((centred**2).sum() / freedom)) or WITHIN_STUDY
    cells = cells[~cells.index.get_level_values(0).isin(data.studies)]
    names, where = cells.index.get_level_values(0), cells.index.get_level_values(1)
    return Levels(
        labels=[f"{name}, {place}" for name, place in zip(names, where, strict=True)],
        ecosystem=np.array([data.ecosystems.index(place) for place in where], dtype="int64"),
        mean=cells["mean"].to_numpy(),
        count=cells["size"].to_numpy("float64"),
        scatter=scatter,
    )
