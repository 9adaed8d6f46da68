r"""Factors on plant input or decomposition that make the ratios of stocks, through a structure of the core.

A log ratio of stocks holds how long a lever has been pulled. Here it is the run of
a structure from the balance of the control: for pair i of study s and lever l,
whose log factor is :math:`\theta_{sl}`,

.. math::

    y_i \sim t_\nu(\log R(\theta_{sl}, m_s t_i) + start_{sl} - control,\; \sqrt{v_i + \sigma_l^2}),
    \qquad \theta_{sl} \sim N(\theta_l, \tau_l)

- R is :func:`socbayes.models.effects.through_core.ratio`, exact for a constant
  climate and a linear structure with its published parameters.
- m, the rate modifier, is RothC's factor of temperature, mean over a year with
  the stated mean temperature whose months swing as is usual there, times one of
  moisture and cover, which no pair states: it has a prior. What a study does not
  state of its temperature is drawn from the others.
- start is by how much the two soils of a study differed before the lever was
  pulled. It does not grow with time, as what the lever does; without it short
  studies would need factors without measure.
- Years that a study does not state are drawn from those of the lever's others, with
  an assumed spread where hardly one states them.
- Errors, stated or not, and controls that serve several pairs are as in
  :mod:`socbayes.models.effects.baseline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.core.environment import rothc_temperature
from socbayes.core.structure import Structure
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.frames import numeric
from socbayes.models.blocks import group_means, partly_centred, require_studies
from socbayes.models.effects import baseline
from socbayes.models.effects.arms import ArmErrors, control_errors, spreads
from socbayes.models.effects.layout import Pairs, lay_out
from socbayes.models.effects.pooled import CONVERTED, evidence
from socbayes.models.effects.studies import told
from socbayes.models.effects.through_core import ENTRIES, MODIFIER, Decline, decline_of, left, ratio
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.vocabulary import nearest
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

WHOLE = "soil_organic_carbon"
OF_DECOMPOSITION = ("no_tillage", "reduced_tillage", "warming", "permafrost_thaw")
"""Levers that act on decomposition, unless the caller says otherwise; all others are taken to act on plant input."""
UNKNOWN_TEMPERATURE = (0.0, 0.4)
"""Mean and spread over studies of the log of RothC's factor of temperature, if hardly one states its own: assumed."""
OF_TILLAGE = ("no_tillage", "reduced_tillage")
"""Levers that also move carbon between depths."""
BELOW_TILLAGE = 30.0
"""Depth in cm down to which tillage moves carbon: what is lost at the surface is found above it (Angers & Eriksen-Hamel
2008, Soil Science Society of America Journal 72:1370)."""
USUAL_START, USUAL_SPREAD = 0.05, 0.2
"""Medians of the priors of start_sd and study_sd: only how studies are sampled hangs on them, not what is found."""
CALENDAR = (1900, 2100)
"""A time since a lever was pulled that lies here is the year of sampling."""
UNKNOWN_YEARS = 0.7
"""Spread over studies of the log of years that a lever was pulled, where hardly one states them: assumed."""
FEWEST_CLIMATES = 3
"""Studies from which on their temperatures, or years, say what those of the others may be."""
SWING, SWING_PER_DEGREE, SWINGS = 14.0, -0.5, (1.0, 18.0)
"""Degrees between the mean of a year and its warmest month, where the mean is zero, and the change of that with the
mean, and the limits of it: assumed, as pairs state no months. Warm climates are the steadier ones."""

_SHARED = {prior.name: prior for prior in baseline.PRIORS}
PRIORS = (
    Prior("log_factor", "Normal", {"mu": 0.0, "sigma": 0.5}, "log", "mostly between half of it and twice as much"),
    Prior("study_sd_median", "Normal", {"mu": -1.6, "sigma": 0.6}, "log log", "studies differ by 10 to 40 percent"),
    Prior("study_sd_spread", "LogNormal", {"mu": -0.9, "sigma": 0.5}, "log log", "some levers vary half as much again"),
    Prior("start_sd", "LogNormal", {"mu": -3.0, "sigma": 0.5}, "log", "neighbouring soils differ by 3 to 10 percent"),
    Prior(
        "moisture_and_cover",
        "Normal",
        {"mu": -0.7, "sigma": 0.4},
        "log",
        "assumed: product of RothC's factors of moisture (0.2 to 1) and cover (0.6 or 1), a half, within a factor of 2",
    ),
    *(
        _SHARED[name]
        for name in (
            "residual_median", "residual_spread", "degrees_of_freedom", "variation_median", "variation_study_sd",
            "variation_scatter",
        )
    ),
)  # fmt: skip

QUANTITIES: dict[str, dict[str, str]] = {
    "log_factor": {
        "unit": "1",
        "meaning": "log of the factor on plant input, or on decomposition, that a lever is in the typical study",
    },
    "log_factor_new_study": {"unit": "1", "meaning": "the same in a new study"},
    "study_sd": {"unit": "1", "meaning": "standard deviation of that logarithm between studies"},
    "start_sd": {
        "unit": "1",
        "meaning": "standard deviation of the log ratio of two soils before a lever was pulled",
    },
}


def build(
    table: pd.DataFrame,
    cover_crops: pd.DataFrame | None = None,
    elevated_co2: pd.DataFrame | None = None,
    necromass: pd.DataFrame | None = None,
    *,
    structure: Structure | str = "rothc",
    entries: Mapping[str, str] | None = None,
    priors: Mapping[str, Override] | None = None,
) -> pm.Model:
    """Build the model of factors on input or decomposition; nothing is sampled.

    Parameters
    ----------
    table
        Table of kind ``effect_pairs``. Pairs of total organic carbon are taken.
    cover_crops
        Table of kind ``cover_crop_fractions``, joined to it; studies that stand in both count once.
    elevated_co2
        Table of kind ``elevated_co2_pairs``, likewise.
    necromass
        Table of kind ``necromass_pairs``, likewise.
    structure
        A linear structure, or the name of a published one, through which factors are learned.
    entries
        By lever, ``"input"`` or ``"decomposition"``, where not as in :data:`OF_DECOMPOSITION`.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords lever, fraction, study, study_lever, obs and, where there are any, shared_control,
        study_without_years and study_without_temperature.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If no pair of total carbon is left, or fewer than two studies.
    UnknownNameError
        For an entry of a lever that no pair is of, with the nearest name.
    StructureError
        For a structure that is not linear.
    SocbayesError
        For another entry, or rows that cannot be.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = build(sb.load_dataset("effect_pairs"), structure="icbm")
    >>> "log_factor" in model.named_vars
    True
    """
    import pymc as pm

    others = {"cover_crops": cover_crops, "elevated_co2": elevated_co2, "necromass": necromass}
    given = {role: frame for role, frame in others.items() if frame is not None}
    together, dropped = evidence([table, *(CONVERTED[role](frame) for role, frame in given.items())])
    rows, said = timed(together)
    require_studies(rows)
    pairs = lay_out(rows)
    acts = _entries(pairs.levers, entries or {})
    prior = Priors(PRIORS, priors)
    labels = rows["observation"].astype("str").tolist()
    if len(set(labels)) < len(labels):
        raise SocbayesError("column 'observation': a name stands in two rows of the tables together")
    coords = {"lever": pairs.levers, "fraction": pairs.fractions, "study": pairs.studies, "obs": labels}
    coords |= {"study_lever": [name.removesuffix(f": {WHOLE}") for name in pairs.groups_of]}
    if pairs.shared:
        coords["shared_control"] = pairs.shared
    with pm.Model(coords=coords) as model:
        errors = ArmErrors.of(prior, pairs)
        pace, of_climate = _log_modifier(prior, rows, pairs)
        years, of_years = _log_years(rows, pairs)
        _likelihood(prior, pairs, errors, _Run(structure, acts, numeric(rows, "duration"), pace[pairs.study] + years))
    name = structure if isinstance(structure, str) else structure.name
    spec = ModelSpec(
        model="effect_factors",
        question=f"By which factor does each lever change plant input or decomposition, if carbon follows {name}?",
        quantities=QUANTITIES,
        observed=("pair_log_ratio", *(("log_variation",) if "log_variation" in model.named_vars else ())),
        priors=prior_records(prior),
        choices={
            "structure": name,
            "entries": acts,
            "priors": sorted(priors or {}),
            # A run made under other assumptions is then never taken for one of these.
            "assumed": {"swing": [SWING, SWING_PER_DEGREE, *SWINGS], "unknown_years": UNKNOWN_YEARS},
            **({} if isinstance(structure, str) else {"callers_own": ["structure"]}),
        },
        notes=(*dropped, *said, *pairs.notes, *of_climate, *of_years, *notes_of_entries(acts)),
        target_accept=0.98,
    )
    attach(model, spec, {"table": table, **given})
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["start_sd", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()


def timed(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Pairs of total organic carbon whose lever has been pulled for a time that somebody states.

    Parameters
    ----------
    table
        Of kind ``effect_pairs``.

    Returns
    -------
    pairs, notes
        The rows, and what was left out, in sentences.

    Examples
    --------
    >>> import pandas as pd
    >>> pair = {"lever": "liming", "fraction": "soil_organic_carbon", "log_response_ratio": 0.1}
    >>> kept, said = timed(pd.DataFrame([pair | {"study": "A"}]))
    >>> len(kept), said
    (0, ['No study of liming states for how many years: 1 pair is left out.'])
    """
    rows = table[(table["fraction"] == WHOLE).to_numpy()]
    notes = []
    years = numeric(rows, "duration")
    if (dated := (years >= CALENDAR[0]) & (years <= CALENDAR[1])).any():
        notes.append(
            f"Years of {counted(int(dated.sum()), 'pair')} are years of the calendar, not how long: taken as "
            "not stated."
        )
        rows = rows.assign(duration=np.where(dated, np.nan, years))
        years = numeric(rows, "duration")
    if (begun := years <= 0).any():
        notes.append(
            f"Left out: {counted(int(begun.sum()), 'pair')} sampled when the lever was pulled, which tells "
            "nothing of it."
        )
        rows, years = rows[~begun], years[~begun]
    lever = rows["lever"].astype("str").to_numpy()
    top, bottom = np.nan_to_num(numeric(rows, "depth_top")), numeric(rows, "depth_bottom")
    if (part := np.isin(lever, OF_TILLAGE) & ~((top <= 0) & (bottom >= BELOW_TILLAGE))).any():
        notes.append(
            f"{counted(int(part.sum()), 'pair of tillage is', 'pairs of tillage are')} not of a layer from the surface "
            f"to {BELOW_TILLAGE:g} cm or more and left out: tillage moves carbon between depths."
        )
        rows, years, lever = rows[~part], years[~part], lever[~part]
    stated = {str(name): bool(np.isfinite(years[lever == name]).any()) for name in np.unique(lever)}
    for name in (one for one, known in stated.items() if not known):
        count = int((lever == name).sum())
        notes.append(
            f"No study of {name} states for how many years: {counted(count, 'pair is', 'pairs are')} left out."
        )
    kept = rows[np.array([stated[str(name)] for name in lever], dtype=bool)].reset_index(drop=True)
    kept.attrs = dict(table.attrs)
    return kept, notes


def notes_of_entries(acts: Mapping[str, str]) -> list[str]:
    """Say of which levers an effect on input is learned, and of which on decomposition.

    Parameters
    ----------
    acts
        Entry by lever.
    """
    by_entry = {entry: [lever for lever, here in acts.items() if here == entry] for entry in ENTRIES}
    return [f"Taken to act on {entry}: {', '.join(levers)}." for entry, levers in by_entry.items() if levers]


class _Run(NamedTuple):
    """Runs of pairs through a structure."""

    structure: Structure | str
    acts: Mapping[str, str]
    years: np.ndarray
    log_time: TensorVariable


def _entries(levers: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """What each lever acts on."""
    for lever, entry in given.items():
        if lever not in levers:
            hint = nearest(lever, levers)
            raise UnknownNameError(f"entries: no pair is of {lever!r}" + (f"; did you mean {hint!r}?" if hint else ""))
        if entry not in ENTRIES:
            raise SocbayesError(f"entries: {lever} acts on {' or on '.join(ENTRIES)}, not on {entry!r}")
    usual = {lever: ENTRIES[lever in OF_DECOMPOSITION] for lever in levers}
    return usual | dict(given)


def _warmth(mean: np.ndarray) -> np.ndarray:
    """RothC's factor of temperature, mean over years of these mean temperatures, degrees Celsius, (study,).

    The factor bends upwards where it is cool, so that it is larger over the months of a year than at their mean.
    """
    swing = np.clip(SWING + SWING_PER_DEGREE * mean, *SWINGS)
    months = mean[:, None] + swing[:, None] * np.sin(np.pi / 6 * np.arange(12))
    return np.asarray(rothc_temperature(months)).mean(axis=1)


def _log_modifier(prior: Priors, rows: pd.DataFrame, pairs: Pairs) -> tuple[TensorVariable, list[str]]:
    """Log of the rate modifier of each study, (study,), and what is said of it."""
    import pymc as pm
    import pytensor.tensor as pt

    temperature = group_means(numeric(rows, "mean_annual_temperature"), pairs.study, len(pairs.studies))
    factor = _warmth(temperature[np.isfinite(temperature)])
    log_warm = np.full(temperature.shape, np.nan)
    log_warm[np.isfinite(temperature)] = np.log(np.maximum(factor, 1e-3))
    told = log_warm[np.isfinite(log_warm)]
    log_modifier = prior.sample("moisture_and_cover", dims="study") + np.nan_to_num(log_warm)
    unknown = np.flatnonzero(~np.isfinite(log_warm))
    if not unknown.size:
        return log_modifier, []
    mean, spread = (told.mean(), told.std()) if told.size >= FEWEST_CLIMATES else UNKNOWN_TEMPERATURE
    pm.modelcontext(None).add_coord("study_without_temperature", [pairs.studies[place] for place in unknown])
    drawn = pm.Normal("temperature_standardised", dims="study_without_temperature")
    log_modifier = pt.inc_subtensor(log_modifier[unknown], mean + spread * drawn)
    said = "those of the others" if told.size >= FEWEST_CLIMATES else "what is assumed, as hardly one states any"
    return log_modifier, [f"Mean temperature of {unknown.size} of {len(pairs.studies)} studies is drawn from {said}."]


def _log_years(rows: pd.DataFrame, pairs: Pairs) -> tuple[TensorVariable, list[str]]:
    """Log of the years of each row, (row,), and what is said of those not stated."""
    import pymc as pm
    import pytensor.tensor as pt

    stated = np.log(numeric(rows, "duration"))
    of_group = group_means(stated, pairs.group, len(pairs.groups_of))
    known = np.where(np.isfinite(stated), stated, of_group[pairs.group])
    partly = int((~np.isfinite(stated) & np.isfinite(known)).sum())
    notes = (
        [f"{counted(partly, 'pair is', 'pairs are')} taken to last as long as others of the study."] if partly else []
    )
    missing = np.flatnonzero(~np.isfinite(of_group))
    if not missing.size:
        return pt.as_tensor(known), notes
    lever = np.array(pairs.lever)[np.unique(pairs.group, return_index=True)[1]]
    mean, spread = np.zeros(missing.size), np.zeros(missing.size)
    for number, group in enumerate(missing):
        others = of_group[(lever == lever[group]) & np.isfinite(of_group)]
        told = others.std()
        mean[number], spread[number] = (
            others.mean(),
            told if others.size >= FEWEST_CLIMATES else max(told, UNKNOWN_YEARS),
        )
    pm.modelcontext(None).add_coord("study_without_years", [pairs.groups_of[place] for place in missing])
    log_years = mean + spread * pm.Normal("years_standardised", dims="study_without_years")
    place = np.zeros(len(pairs.groups_of), dtype="int64")
    place[missing] = np.arange(missing.size)
    without = ~np.isfinite(known)
    notes.append(
        f"Years of {counted(int(without.sum()), 'pair')} of {counted(missing.size, 'study')} are drawn from "
        "those of the other pairs of their lever."
    )
    return pt.where(without, log_years[place[pairs.group]], np.nan_to_num(known)), notes


def _moved(decline: Decline, years: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Change of the log ratio with the log factor of each study, about, but for its sign; (group,), 0 to 1.

    It is the share of the balance that has been renewed in the time.
    """
    renewed = (1.0 - decline.inert) * (1.0 - left(decline, MODIFIER * years))
    return np.nan_to_num(group_means(renewed, group, int(group.max()) + 1))


def _likelihood(prior: Priors, pairs: Pairs, errors: ArmErrors, run: _Run) -> None:
    """Expected log ratios, and those observed."""
    import pymc as pm
    import pytensor.tensor as pt

    log_factor = prior.sample("log_factor", dims="lever")
    # Pairs of one fraction: an effect is a lever.
    share = told(pairs)
    study_sd = pm.Deterministic("study_sd", spreads(prior, "study_sd", share.study_sd, "lever"), dims="lever")
    residual_sd = pm.Deterministic("residual_sd", spreads(prior, "residual", share.residual, "lever"), dims="lever")
    start_sd = prior.sample("start_sd")
    lever = pairs.lever[np.unique(pairs.group, return_index=True)[1]]
    decline = decline_of(run.structure)
    entry = np.array([run.acts[name] for name in pairs.levers])

    def expected(factor: TensorVariable, acts: np.ndarray, log_time: TensorVariable) -> TensorVariable:
        """Log ratio of stocks without errors, (row,)."""
        result = pt.zeros(acts.size)
        for name in np.unique(acts):
            rows = np.flatnonzero(acts == name)
            run_of = ratio(decline, str(name), factor[rows], pt.exp(log_time[rows]), pt.exp)
            result = pt.set_subtensor(result[rows], pt.log(run_of))
        return result

    # Pairs tell the level of a study at its mean time, which the study's own factor and the start of its soils make
    # together. So that sum is sampled, and what is left of the factor given it: with any number for how far the
    # level moves with the factor both have the priors stated.
    rows_of = np.bincount(pairs.group)
    middle = pt.inc_subtensor(pt.zeros(rows_of.size)[pairs.group], run.log_time) / rows_of
    moved = _moved(decline, run.years, pairs.group) * np.where(entry[lever] == "input", 1.0, -1.0)
    both = pt.sqrt(start_sd**2 + (moved * study_sd[lever]) ** 2)
    usual = USUAL_START**2 + (moved * USUAL_SPREAD) ** 2
    typical = expected(log_factor[lever], entry[lever], middle)
    level = partly_centred("level", typical, both, usual / (usual + share.error), "study_lever")
    rest = pm.Normal("study_standardised", dims="study_lever")
    own = moved * (study_sd[lever] / both) ** 2 * level + rest * start_sd * study_sd[lever] / both
    factor = pm.Deterministic("log_factor_study", log_factor[lever] + own, dims="study_lever")
    start = pm.Deterministic("start", level - moved * own, dims="study_lever")
    eta = expected(factor[pairs.group], entry[pairs.lever], run.log_time)
    eta = eta + start[pairs.group] - control_errors(pairs, errors)
    variance = errors.treated + residual_sd[pairs.lever] ** 2 + (pairs.control < 0) * errors.control
    pm.Data("study_of_obs", pairs.study, dims="obs")
    observed = pm.Data("log_ratio_recorded", pairs.ratio, dims="obs")
    tails = 1 + prior.sample("degrees_of_freedom")
    pm.StudentT("pair_log_ratio", nu=tails, mu=eta, sigma=pt.sqrt(variance), observed=observed, dims="obs")
    new_study = pm.Normal("new_study_standardised", dims="lever")
    pm.Deterministic("log_factor_new_study", log_factor + study_sd * new_study, dims="lever")
