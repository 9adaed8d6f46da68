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
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.blocks import (
    centred_on_expected,
    filled,
    group_means,
    groups,
    integrated,
    looked_up,
    numeric,
    population,
    require_studies,
    require_values,
    scatter_by_study,
)
from socbayes.models.mcp.pairs import (
    RESPONSES,
    bivariate,
    bivariate_half_centred,
    bivariate_t_logp,
    bivariate_t_random,
    shared_controls,
)
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

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

_WEAK = "weakly informative: published log ratios lie within 1"

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
    Prior("degrees_of_freedom", "Gamma", {"alpha": 4.0, "beta": 0.4}, "1", "tails from near Cauchy to near normal"),
    Prior("share_level", "Normal", {"mu": -0.9, "sigma": 0.5}, "log", "necromass of 15 to 100 % of organic carbon"),
    Prior("share_ecosystem_sd", "LogNormal", {"mu": -1.6, "sigma": 0.6}, "log", "median 0.2 between ecosystems"),
    Prior("share_depth", "Normal", {"mu": 0.0, "sigma": 0.2}, "log per log depth", _WEAK),
    Prior("share_clay", "Normal", {"mu": 0.0, "sigma": 0.02}, "log per percent clay", _WEAK),
    Prior("share_study_sd", "HalfNormal", {"sigma": 0.5}, "log", "conversion factors and extraction differ by study"),
    Prior("clay_mean", "Normal", {"mu": 25.0, "sigma": 10.0}, "percent", "mineral soils"),
    Prior("clay_sd", "LogNormal", {"mu": 2.3, "sigma": 0.4}, "percent", "median 10 between studies"),
    Prior("scatter_log_mean", "Normal", {"mu": -1.5, "sigma": 0.7}, "log log", "median scatter of 20 % within a study"),
    Prior("scatter_log_sd", "LogNormal", {"mu": -0.7, "sigma": 0.5}, "log log", "studies differ in precision twofold"),
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
    import pytensor.tensor as pt

    require_studies(table)
    require_values(table, [f"{name}_{arm}" for name in RESPONSES for arm in ("control", "treatment")], positive=True)
    require_values(levels, RESPONSES, positive=True)
    prior = Priors(PRIORS, priors)
    notes: list[str] = []

    practices, practice = groups(table["practice"])
    studies, study = groups(table["study"])
    ratios = np.column_stack(
        [
            np.log(
                table[f"{response}_treatment"].to_numpy("float64") / table[f"{response}_control"].to_numpy("float64")
            )
            for response in RESPONSES
        ]
    )
    labels = table["observation"] if "observation" in table else table.index.to_series()
    coords: dict[str, Any] = {
        "practice": practices,
        "response": list(RESPONSES),
        "pair_study": studies,
        "pair": labels.astype(str).tolist(),
    }
    with pm.Model(coords=coords) as model:
        mean = prior.sample("practice_mean", dims="response")
        correlation = {
            name: pm.Deterministic(f"{name}_correlation", 2 * _named(prior, "correlation", name) - 1)
            for name in ("practice", "study", "residual")
        }
        practice_effect = bivariate(
            "practice_effect", prior.sample("practice_sd", dims="response"), correlation["practice"], "practice"
        )
        log_ratio = pm.Deterministic("log_ratio", mean + practice_effect, dims=("practice", "response"))
        study_sd = prior.sample("study_effect_sd", dims="response")
        study_effect = bivariate_half_centred("study_effect", study_sd, correlation["study"], "pair_study")
        residual_sd = prior.sample("residual_sd", dims="response")
        eta = log_ratio[practice] + study_effect[study]

        shared, control = shared_controls(table)
        if shared:
            # A control measured once errs in every pair it serves, as much as a treated sample does.
            model.add_coord("shared_control", shared)
            error = bivariate("control_error", residual_sd, correlation["residual"], "shared_control")
            eta = eta - (control >= 0)[:, None] * error[np.maximum(control, 0)]
            notes.append(f"{len(shared)} controls are shared by {int((control >= 0).sum())} of {len(table)} pairs.")
        pm.Data("pair_study_of_pair", study, dims="pair")
        observed = pm.Data("log_ratio_recorded", ratios, dims=("pair", "response"))
        pm.CustomDist(
            "pair_log_ratio",
            eta,
            residual_sd,
            correlation["residual"],
            1 + prior.sample("degrees_of_freedom"),
            logp=bivariate_t_logp,
            random=bivariate_t_random,
            signature="(r),(r),(),()->(r)",
            observed=observed,
            dims=("pair", "response"),
        )

        ecosystems, share = _level_model(prior, levels, notes)
        pm.Deterministic("log_ratio_share", log_ratio[:, 0] - log_ratio[:, 1], dims="practice")
        mostly = (
            filled(table, "ecosystem", "").groupby(table["practice"].astype(str)).agg(lambda names: names.mode()[0])
        )
        # A practice in an ecosystem without a level of its own starts from the mean share.
        mean_share = pt.exp(pt.mean(pt.log(share)))
        start = pt.stack(
            [share[ecosystems.index(mostly[n])] if mostly[n] in ecosystems else mean_share for n in practices]
        )
        pm.Deterministic("efficacy_change", start * pt.expm1(log_ratio[:, 0] - log_ratio[:, 1]), dims="practice")
        new_study = bivariate("new_study_effect", study_sd, correlation["study"], "practice")
        pm.Deterministic("log_ratio_new_study", log_ratio + new_study, dims=("practice", "response"))

    single = [name for name, count in table.groupby("practice")["study"].nunique().items() if count == 1]
    if single:
        notes.append(f"Studied once, so known no better than any new practice: {', '.join(map(str, single))}.")
    attach(
        model,
        ModelSpec(
            model="mcp",
            question="Which practices raise microbial necromass, which raise organic carbon, and how does the share of "
            "necromass change?",
            quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
            observed=("pair_log_ratio", "log_share"),
            priors=prior_records(prior),
            choices={
                "equivalence_band": EQUIVALENCE_BAND,
                "share_from": {
                    name: str(mostly[name]) if mostly[name] in ecosystems else "mean of the ecosystems"
                    for name in practices
                },
                "priors": sorted(priors or {}),
            },
            notes=tuple(notes),
        ),
        {"table": table, "levels": levels},
    )
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


def _named(prior: Priors, name: str, prefix: str) -> Any:
    """One more parameter with the prior called ``name``."""
    import pymc as pm

    chosen = prior[name]
    prior.use(name)
    return getattr(pm, chosen.distribution)(f"{prefix}_{name}_raw", **chosen.parameters)


def _level_model(prior: Priors, levels: pd.DataFrame, notes: list[str]) -> tuple[list[str], Any]:
    """Add the likelihood of the necromass share; return ecosystems and their shares."""
    import pymc as pm
    import pytensor.tensor as pt

    arm = filled(levels, "arm", "untreated")
    rows = levels[(arm != "treatment") & levels["ecosystem"].notna()] if "ecosystem" in levels else levels
    left_out = len(levels) - len(rows)
    if left_out:
        notes.append(
            f"{left_out} of {len(levels)} soils are treated or state no ecosystem and are left out of the shares."
        )
    require_studies(rows)
    ecosystems = sorted(set(filled(rows, "ecosystem", "not stated")))
    studies, study = groups(rows["study"])
    model = pm.modelcontext(None)
    model.add_coord("ecosystem", ecosystems)
    model.add_coord("study", studies)
    model.add_coord("obs", rows["observation"].astype(str).tolist())

    level = prior.sample("share_level")
    by_ecosystem = level + pm.ZeroSumNormal("share_ecosystem", prior.sample("share_ecosystem_sd"), dims="ecosystem")
    eta = looked_up(by_ecosystem, ecosystems, filled(rows, "ecosystem", "not stated"))
    depth = (numeric(rows, "depth_top") + numeric(rows, "depth_bottom")) / 2
    if np.isfinite(depth).any():
        log_depth = np.log(np.maximum(depth, 1.0) / REFERENCE_DEPTH)
        eta = eta + prior.sample("share_depth") * np.where(np.isfinite(log_depth), log_depth, np.nanmean(log_depth))
        if not np.isfinite(depth).all():
            notes.append(f"{int((~np.isfinite(depth)).sum())} soils state no depth and take the mean depth.")
    extra_variance: Any = np.zeros(len(studies))
    clay = numeric(rows, "clay")
    if np.isfinite(clay).any():
        means = group_means(clay, study, len(studies))
        unknown = ~np.isfinite(means)
        coefficient = prior.sample("share_clay")
        excess = np.where(np.isfinite(clay), clay, means[study]) - REFERENCE_CLAY
        if unknown.any():
            mean, spread = population(prior, "clay", means[~unknown])
            excess = pt.where(unknown[study], mean - REFERENCE_CLAY, np.where(unknown[study], 0.0, excess))
            extra_variance = unknown * (coefficient * spread) ** 2
            notes.append(integrated("clay", unknown))
        eta = eta + coefficient * excess
    scale = pt.sqrt(prior.sample("share_study_sd") ** 2 + extra_variance)
    study_effect = centred_on_expected("share_study", eta, scale, study, "study")
    eta = eta + study_effect[study]
    recorded = np.log(rows["necromass"].to_numpy("float64") / rows["soil_organic_carbon"].to_numpy("float64"))
    scatter = scatter_by_study(prior, study, studies)
    pm.Data("study_of_obs", study, dims="obs")
    pm.Normal(
        "log_share",
        eta,
        scatter[study],
        observed=pm.Data("log_share_recorded", recorded, dims="obs"),
        dims="obs",
    )
    share = pm.Deterministic("necromass_share", pt.exp(by_ecosystem), dims="ecosystem")
    # The mean is taken over the studies there are: over the log-normal population it would rest on a tail
    # that the data do not have (the largest share observed is below what the model replicates).
    named = filled(rows, "ecosystem", "not stated")
    where = np.unique(np.column_stack([[ecosystems.index(label) for label in named], study]), axis=0)
    typical = pt.exp(by_ecosystem[where[:, 0]] + study_effect[where[:, 1]])
    studies_in = np.bincount(where[:, 0]).astype("float64")
    mean_share = pt.inc_subtensor(pt.zeros(len(ecosystems))[where[:, 0]], typical) / studies_in
    pm.Deterministic("necromass_share_mean", mean_share, dims="ecosystem")
    return ecosystems, share
