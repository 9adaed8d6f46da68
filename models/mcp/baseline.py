r"""Baseline model of the efficacy of the microbial carbon pump.

A pair of soils, treatment beside control, gives two log ratios: ``n`` of
necromass and ``s`` of soil organic carbon. They are modelled jointly, since
both come from the same samples and move together:

.. math::

    (n, s)_i \sim t_\nu(practice + study + control, \Sigma)

with correlated normal effects of practice, study and shared control. Any
common multiplier of the necromass conversion cancels in ``n - s``.

The share of necromass in organic carbon, E, has a level model of its own:

.. math::

    \ln E_j \sim N(ecosystem + depth \ln(z / 10) + clay\,(c - 20) + study, \sigma_{study})

On the log scale a share above one is a conversion factor that is too large
for that study, which the study effect takes up, rather than an impossible row.

The change of the share is :math:`\Delta E = E (e^{n - s} - 1)` (Zhu, Schimel
& Liang 2025, doi:10.1016/j.soilbio.2025.109950, define efficacy as this
change). Its sign is that of n - s, so a rise of E alone is no gain of carbon:
the sectors of the (n, s) plane say which it is. The sectors, their names and
the band of practical equivalence are those of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from socbayes.frames import filled, numeric
from socbayes.models.blocks import (
    centred_on_expected,
    group_means,
    groups,
    integrated,
    looked_up,
    population,
    require_studies,
    require_values,
    scatter_by_study,
)
from socbayes.models.mcp.pairs import (
    RESPONSES,
    bivariate,
    bivariate_half_centred,
    less_control_error,
    pair_likelihood,
    said_of_shared,
    shared_controls,
)
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

REFERENCE_DEPTH = 10.0  # cm, middle of the layer
REFERENCE_CLAY = 20.0  # percent
EQUIVALENCE_BAND = 0.05
"""Log ratios within this band of zero (5 %) count as no practical change."""

SECTORS = (
    "both gain, necromass leads",
    "both gain, diluted by other carbon",
    "necromass up, carbon down",
    "carbon up, necromass down",
    "both lose, necromass spared",
    "both lose, necromass leads",
    "no practical change",
)
"""Names of the sectors of the (n, s) plane, in the order :func:`sector` numbers them."""

_WEAK = "weakly informative: published log ratios lie between -1 and 1"

PRIORS = (
    Prior("practice_mean", "Normal", {"mu": 0.0, "sigma": 0.3}, "log", _WEAK),
    Prior("practice_sd", "LogNormal", {"mu": -2.0, "sigma": 0.7}, "log", "median 0.14 between practices"),
    Prior(
        "study_effect_sd", "LogNormal", {"mu": -1.8, "sigma": 0.7}, "log", "median 0.17 between studies of a practice"
    ),
    Prior("residual_sd", "LogNormal", {"mu": -2.0, "sigma": 0.7}, "log", "median 0.14 between samples"),
    Prior(
        "correlation",
        "Beta",
        {"alpha": 3.0, "beta": 1.5},
        "(1 + r) / 2",
        "necromass is part of organic carbon, so positive correlations are likelier",
    ),
    Prior(
        "degrees_of_freedom",
        "Gamma",
        {"alpha": 4.0, "beta": 0.4},
        "1",
        "allows tails as heavy as a Cauchy distribution or nearly as light as a normal one",
    ),
    Prior("share_level", "Normal", {"mu": -0.9, "sigma": 0.5}, "log", "necromass of 15 to 100 % of organic carbon"),
    Prior("share_ecosystem_sd", "LogNormal", {"mu": -1.6, "sigma": 0.6}, "log", "median 0.2 between ecosystems"),
    Prior("share_depth", "Normal", {"mu": 0.0, "sigma": 0.2}, "log per log depth", _WEAK),
    Prior("share_clay", "Normal", {"mu": 0.0, "sigma": 0.02}, "log per percent clay", _WEAK),
    Prior("share_study_sd", "HalfNormal", {"sigma": 0.5}, "log", "conversion factors and extraction differ by study"),
    Prior(
        "clay_mean",
        "Normal",
        {"mu": 25.0, "sigma": 10.0},
        "percent",
        "mineral soils: 5 to 45 % clay within two standard deviations",
    ),
    Prior("clay_sd", "LogNormal", {"mu": 2.3, "sigma": 0.4}, "percent", "median 10 percent clay between studies"),
    Prior("scatter_log_mean", "Normal", {"mu": -1.5, "sigma": 0.7}, "log log", "median scatter of 20 % within a study"),
    Prior(
        "scatter_log_sd",
        "LogNormal",
        {"mu": -0.7, "sigma": 0.5},
        "log log",
        "the precision of studies differs about twofold",
    ),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "log_ratio": {
        "unit": "1",
        "meaning": "log ratio of necromass and of organic carbon, treatment over control, by practice",
    },
    "log_ratio_new_study": {"unit": "1", "meaning": "the same in a new study of the practice"},
    "log_ratio_share": {
        "unit": "1",
        "meaning": "log ratio of the necromass share, by practice: free of conversion factors",
    },
    "efficacy_change": {
        "unit": "1",
        "meaning": "change of the necromass share by practice, at the share of the ecosystem it was mostly studied in",
    },
    "necromass_share": {
        "unit": "1",
        "meaning": "necromass share of organic carbon in the typical study at 10 cm and 20 % clay, by ecosystem",
    },
    "necromass_share_mean": {
        "unit": "1",
        "meaning": "the same averaged over the studies of the data, comparable with published means",
    },
    "study_effect_sd": {"unit": "1", "meaning": "standard deviation of the log ratios between studies of a practice"},
}


def build(
    table: pd.DataFrame,
    *,
    levels: pd.DataFrame,
    priors: Mapping[str, Override] | None = None,
) -> pm.Model:
    """Build the baseline model of pump efficacy; nothing is sampled.

    Parameters
    ----------
    table
        Table of schema ``necromass_pairs``: a treatment beside its control.
    levels
        Table of schema ``necromass_levels``: the necromass share of single
        soils. Treated soils are left out, as the pairs hold what they say.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords practice, response, pair_study, shared_control, pair,
        ecosystem, study, obs, and the quantities of interest in
        ``QUANTITIES`` as deterministics.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If a table has no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a measured value is missing or cannot mean what its column says.

    Examples
    --------
    >>> import socbayes as sb
    >>> pairs, soils = sb.load_dataset("necromass_pairs"), sb.load_dataset("necromass_levels")
    >>> model = sb.models.mcp.build(pairs, levels=soils)
    >>> "efficacy_change" in model.named_vars
    True
    """
    import pymc as pm

    pairs = _pairs_of(table)
    require_values(levels, RESPONSES, positive=True)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=pairs.coords) as model:
        log_ratio, new_study, said = _pair_model(prior, pairs)
        share = _level_model(prior, levels)
        _report(pairs, log_ratio, new_study, share)
    choices = {
        "equivalence_band": EQUIVALENCE_BAND,
        "share_from": {
            name: where if where in share.ecosystems else "mean of the ecosystems"
            for name, where in zip(pairs.practices, pairs.mostly, strict=True)
        },
        "priors": sorted(priors or {}),
    }
    notes = (*said, *share.notes, *_studied_once(table))
    attach(model, _specification(model, prior, choices, notes), {"table": table, "levels": levels})
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["practice_mean", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()


def sector(necromass: Any, soil_organic_carbon: Any, band: float = EQUIVALENCE_BAND) -> np.ndarray:
    """Sector of the (n, s) plane, as a position in :data:`SECTORS`.

    Parameters
    ----------
    necromass, soil_organic_carbon
        Log ratios n and s, of any common shape.
    band
        When both |n| and |s| are within it, nothing changed in practice.

    Returns
    -------
    numpy.ndarray
        Integers, same shape.

    Examples
    --------
    >>> SECTORS[sector(0.3, 0.1)]
    'both gain, necromass leads'
    >>> SECTORS[sector(-0.1, 0.2)]
    'carbon up, necromass down'
    """
    n, s = np.broadcast_arrays(np.asarray(necromass, dtype="float64"), np.asarray(soil_organic_carbon, dtype="float64"))
    conditions = [
        (np.abs(n) <= band) & (np.abs(s) <= band),
        (s > 0) & (n > s),
        (n > 0) & (s >= n),
        (n > 0) & (s <= 0),
        (n <= 0) & (s > 0),
        (n <= 0) & (n > s),
    ]
    return np.select(conditions, [6, 0, 1, 2, 3, 4], default=5)


def _specification(model: pm.Model, prior: Priors, choices: dict[str, Any], notes: tuple[str, ...]) -> ModelSpec:
    """What the model says of itself."""
    return ModelSpec(
        model="mcp",
        question="Which practices raise microbial necromass, which raise organic carbon, and how does the share of "
        "necromass change?",
        quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
        observed=("pair_log_ratio", "log_share"),
        priors=prior_records(prior),
        choices=choices,
        notes=notes,
    )


def _named(prior: Priors, name: str, prefix: str) -> TensorVariable:
    """One more parameter with the prior called ``name``."""
    import pymc as pm

    chosen = prior[name]
    prior.use(name)
    return getattr(pm, chosen.distribution)(f"{prefix}_{name}_raw", **chosen.parameters)


@dataclass(frozen=True)
class _Pairs:
    """Pairs laid out as positions and numbers: labels, position of each pair's practice and study, and log ratios.

    ``mostly`` is the ecosystem that each practice was mostly studied in; ``control`` is the position of each pair's
    control among those that are ``shared``, -1 for none.
    """

    practices: list[str]
    studies: list[str]
    labels: list[str]
    mostly: list[str]
    practice: np.ndarray
    study: np.ndarray
    ratios: np.ndarray
    shared: list[str]
    control: np.ndarray

    @property
    def coords(self) -> dict[str, list[str]]:
        """Coordinates of the model."""
        return {
            "practice": self.practices,
            "response": list(RESPONSES),
            "pair_study": self.studies,
            "pair": self.labels,
        }


def _pairs_of(table: pd.DataFrame) -> _Pairs:
    """Check a table of pairs and lay it out."""
    require_studies(table)
    require_values(table, [f"{name}_{arm}" for name in RESPONSES for arm in ("control", "treatment")], positive=True)
    practices, practice = groups(table["practice"])
    studies, study = groups(table["study"])
    shared, control = shared_controls(table)
    ecosystem = filled(table, "ecosystem", "")
    mostly = ecosystem.groupby(table["practice"].astype(str)).agg(lambda names: names.mode()[0])
    labels = table["observation"] if "observation" in table else table.index.to_series()
    return _Pairs(
        practices=practices,
        studies=studies,
        labels=labels.astype(str).tolist(),
        mostly=[str(mostly[name]) for name in practices],
        practice=practice,
        study=study,
        ratios=np.column_stack(
            [np.log(numeric(table, f"{name}_treatment") / numeric(table, f"{name}_control")) for name in RESPONSES]
        ),
        shared=shared,
        control=control,
    )


class _NewStudy(NamedTuple):
    """What a new study of a practice is drawn from."""

    scale: TensorVariable
    correlation: TensorVariable


def _pair_model(prior: Priors, pairs: _Pairs) -> tuple[TensorVariable, _NewStudy, tuple[str, ...]]:
    """Likelihood of the pairs: log ratios by practice, how studies differ, and what is shared, in a sentence."""
    import pymc as pm

    mean = prior.sample("practice_mean", dims="response")
    correlation = {
        name: pm.Deterministic(f"{name}_correlation", 2 * _named(prior, "correlation", name) - 1)
        for name in ("practice", "study", "residual")
    }
    practice_sd = prior.sample("practice_sd", dims="response")
    practice_effect = bivariate("practice_effect", practice_sd, correlation["practice"], "practice")
    log_ratio = pm.Deterministic("log_ratio", mean + practice_effect, dims=("practice", "response"))
    study_sd = prior.sample("study_effect_sd", dims="response")
    study_effect = bivariate_half_centred("study_effect", study_sd, correlation["study"], "pair_study")
    residual_sd = prior.sample("residual_sd", dims="response")
    eta = log_ratio[pairs.practice] + study_effect[pairs.study]
    eta = less_control_error(eta, pairs.shared, pairs.control, residual_sd, correlation["residual"])
    pm.Data("pair_study_of_pair", pairs.study, dims="pair")
    observed = pm.Data("log_ratio_recorded", pairs.ratios, dims=("pair", "response"))
    degrees_of_freedom = 1 + prior.sample("degrees_of_freedom")
    pair_likelihood(eta, residual_sd, correlation["residual"], degrees_of_freedom, observed)
    return log_ratio, _NewStudy(study_sd, correlation["study"]), said_of_shared(pairs.shared, pairs.control)


def _report(pairs: _Pairs, log_ratio: TensorVariable, new_study: _NewStudy, share: _Shares) -> None:
    """Register what follows for the share of necromass, and for a new study."""
    import pymc as pm
    import pytensor.tensor as pt

    of_share = log_ratio[:, 0] - log_ratio[:, 1]
    pm.Deterministic("log_ratio_share", of_share, dims="practice")
    # A practice in an ecosystem without a level of its own starts from the mean share.
    mean_share = pt.exp(pt.mean(pt.log(share.share)))
    start = pt.stack(
        [share.share[share.ecosystems.index(w)] if w in share.ecosystems else mean_share for w in pairs.mostly]
    )
    pm.Deterministic("efficacy_change", start * pt.expm1(of_share), dims="practice")
    effect = bivariate("new_study_effect", new_study.scale, new_study.correlation, "practice")
    pm.Deterministic("log_ratio_new_study", log_ratio + effect, dims=("practice", "response"))


def _studied_once(table: pd.DataFrame) -> tuple[str, ...]:
    """Sentence on the practices of which there is one study."""
    single = [name for name, count in table.groupby("practice")["study"].nunique().items() if count == 1]
    if not single:
        return ()
    return (f"Studied once, so known no better than any new practice: {', '.join(map(str, single))}.",)


class _Shares(NamedTuple):
    """Ecosystems, their shares of necromass, and what was left out or assumed, in sentences."""

    ecosystems: list[str]
    share: TensorVariable
    notes: tuple[str, ...]


class _Levels(NamedTuple):
    """Shares of single soils laid out as positions and numbers."""

    rows: pd.DataFrame
    ecosystem: pd.Series
    ecosystems: list[str]
    studies: list[str]
    study: np.ndarray
    notes: tuple[str, ...]


def _levels_of(levels: pd.DataFrame) -> _Levels:
    """Lay out the shares of soils that are not treated and state their ecosystem."""
    arm = filled(levels, "arm", "untreated")
    rows = levels[(arm != "treatment") & levels["ecosystem"].notna()] if "ecosystem" in levels else levels
    left_out = len(levels) - len(rows)
    require_studies(rows)
    ecosystem = filled(rows, "ecosystem", "not stated")
    studies, study = groups(rows["study"])
    said = f"{left_out} of {len(levels)} soils are treated or state no ecosystem and are left out of the shares."
    return _Levels(rows, ecosystem, sorted(set(ecosystem)), studies, study, (said,) if left_out else ())


def _level_model(prior: Priors, levels: pd.DataFrame) -> _Shares:
    """Add the likelihood of the necromass share."""
    import pymc as pm
    import pytensor.tensor as pt

    data = _levels_of(levels)
    model = pm.modelcontext(None)
    model.add_coord("ecosystem", data.ecosystems)
    model.add_coord("study", data.studies)
    model.add_coord("obs", data.rows["observation"].astype(str).tolist())

    level = prior.sample("share_level")
    by_ecosystem = level + pm.ZeroSumNormal("share_ecosystem", prior.sample("share_ecosystem_sd"), dims="ecosystem")
    eta = looked_up(by_ecosystem, data.ecosystems, data.ecosystem)
    eta, of_depth = _with_depth(prior, data.rows, eta)
    eta, extra_variance, of_clay = _with_clay(prior, data, eta)
    scale = pt.sqrt(prior.sample("share_study_sd") ** 2 + extra_variance)
    study_effect = centred_on_expected("share_study", eta, scale, data.study, "study")
    eta = eta + study_effect[data.study]
    recorded = np.log(numeric(data.rows, "necromass") / numeric(data.rows, "soil_organic_carbon"))
    scatter = scatter_by_study(prior, data.study, data.studies)
    pm.Data("study_of_obs", data.study, dims="obs")
    observed = pm.Data("log_share_recorded", recorded, dims="obs")
    pm.Normal("log_share", eta, scatter[data.study], observed=observed, dims="obs")
    share = pm.Deterministic("necromass_share", pt.exp(by_ecosystem), dims="ecosystem")
    pm.Deterministic("necromass_share_mean", _mean_share(data, by_ecosystem, study_effect), dims="ecosystem")
    return _Shares(data.ecosystems, share, (*data.notes, *of_depth, *of_clay))


def _with_depth(prior: Priors, rows: pd.DataFrame, eta: TensorVariable) -> tuple[TensorVariable, tuple[str, ...]]:
    """Add the effect of depth where any soil states it; who does not is said in a sentence."""
    depth = (numeric(rows, "depth_top") + numeric(rows, "depth_bottom")) / 2
    stated = np.isfinite(depth)
    if not stated.any():
        return eta, ()
    log_depth = np.log(np.maximum(depth, 1.0) / REFERENCE_DEPTH)
    eta = eta + prior.sample("share_depth") * np.where(np.isfinite(log_depth), log_depth, np.nanmean(log_depth))
    said = f"{counted(int((~stated).sum()), 'soil takes', 'soils take')} the mean depth, as none is stated."
    return eta, () if stated.all() else (said,)


def _with_clay(
    prior: Priors, data: _Levels, eta: TensorVariable
) -> tuple[TensorVariable, TensorVariable | np.ndarray, tuple[str, ...]]:
    """Add the effect of clay where any soil states it; variance of studies that do not, shape (study,), and a note."""
    import pytensor.tensor as pt

    nothing = np.zeros(len(data.studies))
    clay = numeric(data.rows, "clay")
    if not np.isfinite(clay).any():
        return eta, nothing, ()
    means = group_means(clay, data.study, len(data.studies))
    unknown = ~np.isfinite(means)
    coefficient = prior.sample("share_clay")
    excess = np.where(np.isfinite(clay), clay, means[data.study]) - REFERENCE_CLAY
    if not unknown.any():
        return eta + coefficient * excess, nothing, ()
    mean, spread = population(prior, "clay", means[~unknown])
    left_out = unknown[data.study]
    filled_in = pt.where(left_out, mean - REFERENCE_CLAY, np.where(left_out, 0.0, excess))
    return eta + coefficient * filled_in, unknown * (coefficient * spread) ** 2, (integrated("clay", unknown),)


def _mean_share(data: _Levels, by_ecosystem: TensorVariable, study_effect: TensorVariable) -> TensorVariable:
    """Share by ecosystem, averaged over the studies there are; shape (ecosystem,).

    Over the log-normal population it would rest on a tail that the data do not have (the largest share observed is
    below what the model replicates).
    """
    import pytensor.tensor as pt

    positions = [data.ecosystems.index(label) for label in data.ecosystem]
    where = np.unique(np.column_stack([positions, data.study]), axis=0)
    typical = pt.exp(by_ecosystem[where[:, 0]] + study_effect[where[:, 1]])
    studies_in = np.bincount(where[:, 0]).astype("float64")
    return pt.inc_subtensor(pt.zeros(len(data.ecosystems))[where[:, 0]], typical) / studies_in
