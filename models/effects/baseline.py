r"""Hierarchical log response ratios of fractions of carbon under levers.

A pair of soils, one under a lever and one not, gives the log ratio y of a
fraction of carbon. For pair i of lever l and fraction f:

.. math::

    y_i \sim t_\nu(\mu_{lf} + \beta_l x_i + \gamma_l z_i + study + site - control,\;
                   \sqrt{v_i + \sigma_{lf}^2})

- Studies of an effect differ by a normal deviation with a spread of that effect,
  which is drawn from the spreads of all effects; sites of a study by one more.
- The control of several pairs errs alike in all of them: its sampling error is a
  variable of its own, and only that of the treated soil is left in v.
- v is the sampling variance of the log ratio (Hedges, Gurevitch & Curtis 1999,
  Ecology 80:1150): of the stated standard deviations and numbers of samples where
  there are any. Else the coefficient of variation between replicates is learned:
  that of a study is log-normal about the median of its fraction, and stated ones
  are observations of it.
- x are moderators in standard units about the mean of a lever's studies, so that
  :math:`\mu` is the effect at the mean of the conditions it was studied in. What a
  study does not state is integrated out.
- z is the root of 1/n of both arms, which large studies have small: a slope on it
  is what publication bias looks like (Nakagawa et al. 2022, Methods in Ecology and
  Evolution 13:4), free of the error itself, that the ratio is correlated with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.blocks import half_centred, require_studies, weak_groups
from socbayes.models.effects.arms import ArmErrors, control_errors, spreads
from socbayes.models.effects.layout import STUDIES_FOR_A_SLOPE, Pairs, lay_out
from socbayes.models.effects.pooled import CONVERTED, KIND_OF_ROLE, joined, judged
from socbayes.models.effects.studies import means_and_studies, told
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, notes_of, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

_WEAK = "weakly informative: published log ratios lie between -1 and 1"

LEAST_STUDY_SD = 0.01
"""Studies never agree better; log ratio."""

PRIORS = (
    Prior("log_ratio", "Normal", {"mu": 0.0, "sigma": 0.4}, "log", _WEAK),
    Prior("study_sd_median", "Normal", {"mu": -2.3, "sigma": 0.7}, "log log", "studies differ by 5 to 20 percent"),
    Prior("study_sd_spread", "LogNormal", {"mu": -0.9, "sigma": 0.5}, "log log", "some levers vary half as much again"),
    Prior("site_sd", "LogNormal", {"mu": -2.3, "sigma": 0.5}, "log", "median 0.1 between sites of a study"),
    Prior("residual_median", "Normal", {"mu": -3.0, "sigma": 0.7}, "log log", "2 to 10 percent beyond sampling error"),
    Prior("residual_spread", "LogNormal", {"mu": -0.9, "sigma": 0.5}, "log log", "as for studies"),
    Prior("degrees_of_freedom", "Gamma", {"alpha": 4.0, "beta": 0.4}, "1", "nearly Cauchy to nearly normal tails"),
    Prior(
        "variation_median",
        "Normal",
        {"mu": -1.9, "sigma": 0.5},
        "log",
        "replicates of soil carbon mostly vary by 10 to 25 percent",
    ),
    Prior("variation_study_sd", "LogNormal", {"mu": -0.7, "sigma": 0.4}, "log", "studies differ by half"),
    Prior("variation_scatter", "LogNormal", {"mu": -0.7, "sigma": 0.4}, "log", "few replicates tell a spread badly"),
    Prior("slope_sd", "LogNormal", {"mu": -3.2, "sigma": 0.6}, "log per sd", "moderators explain a part of effects"),
    Prior("small_study", "Normal", {"mu": 0.0, "sigma": 0.15}, "log", "studies of three samples off by an eighth"),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "log_ratio": {
        "unit": "1",
        "meaning": "log ratio of a fraction of carbon, with the lever over without it, in the typical study at the "
        "mean conditions of its studies",
    },
    "log_ratio_new_study": {"unit": "1", "meaning": "the same in a new study under the same conditions"},
    "log_ratio_large_study": {
        "unit": "1",
        "meaning": "the same in the typical study if it took samples without end: less what small studies say more",
    },
    "pair_scatter": {
        "unit": "1",
        "meaning": "standard deviation of one pair about its study, the sampling errors of both arms in it; of the "
        "normal part of a distribution with longer tails",
    },
    "study_sd": {"unit": "1", "meaning": "standard deviation of an effect between studies"},
    "small_study": {
        "unit": "1",
        "meaning": "slope of effects of a lever on the root of one over the samples of both "
                    "arms: away from zero in the direction of the effect where publication is biased"},
    "slope": {
        "unit": "1",
        "meaning": "slope of effects of a lever per standard deviation of a moderator between studies",
    },
}  # fmt: skip


def build(
    table: pd.DataFrame,
    cover_crops: pd.DataFrame | None = None,
    elevated_co2: pd.DataFrame | None = None,
    necromass: pd.DataFrame | None = None,
    *,
    priors: Mapping[str, Override] | None = None,
) -> pm.Model:
    """Build the model of effects of levers; nothing is sampled.

    Parameters
    ----------
    table
        Table of kind ``effect_pairs``.
    cover_crops
        Table of kind ``cover_crop_fractions``, joined to it; studies that stand in both count once.
    elevated_co2
        Table of kind ``elevated_co2_pairs``, likewise.
    necromass
        Table of kind ``necromass_pairs``, likewise.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords effect (``"<lever>: <fraction>"``), lever, fraction, slope_of, study, study_effect_of, obs and,
        where there are any, site and shared_control; lever_counted and effect_counted are those of which enough
        studies state how many samples they took.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If the tables have no rows, fewer than two studies, or one row per study.
    TableFaultsError
        For every column and cell of a table that cannot be right, such as a lever that is none, with the nearest one.
    SocbayesError
        If what is given is no frame, two rows are called alike, a row states no effect, a mean is not above zero, or
        doses of one lever have several units.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.effects.build(sb.load_dataset("effect_pairs"))
    >>> "log_ratio" in model.named_vars
    True
    """
    import pymc as pm

    others = {"cover_crops": cover_crops, "elevated_co2": elevated_co2, "necromass": necromass}
    given = {"table": judged(table)} | {
        role: judged(frame, KIND_OF_ROLE[role]) for role, frame in others.items() if frame is not None
    }
    together, dropped = joined(
        [CONVERTED[role](frame) if role in CONVERTED else frame for role, frame in given.items()]
    )
    require_studies(together)
    pairs = lay_out(together)
    prior = Priors(PRIORS, priors)
    labels = together["observation"].astype("str").tolist()
    with pm.Model(coords=_coords(pairs, labels)) as model:
        _likelihood(prior, pairs, ArmErrors.of(prior, pairs))
    notes = (*(note for frame in given.values() for note in notes_of(frame)), *dropped, *pairs.notes, *_once(pairs))
    spec = ModelSpec(
        model="effects",
        question="What does each lever do to carbon and its fractions, how far do studies differ, and what does it "
        "depend on?",
        quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
        observed=("pair_log_ratio", *(("log_variation",) if "log_variation" in model.named_vars else ())),
        priors=prior_records(prior),
        choices={"centres": pairs.slopes.centres, "priors": sorted(priors or {})},
        notes=notes,
        target_accept=0.97,
    )
    attach(model, spec, given)
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["site_sd", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()


def _coords(pairs: Pairs, labels: list[str]) -> dict[str, list[str]]:
    """Coordinates of the model; those without members are left out."""
    coords = {
        "effect": pairs.effects,
        "lever": pairs.levers,
        "fraction": pairs.fractions,
        "study": pairs.studies,
        "study_effect_of": pairs.groups_of,
        "site": pairs.sites,
        "shared_control": pairs.shared,
        "slope_of": pairs.slopes.labels,
        "obs": labels,
    }
    return {name: members for name, members in coords.items() if members}


def _once(pairs: Pairs) -> tuple[str, ...]:
    """Sentence on effects of a single study, which cannot say how studies differ."""
    studies = np.bincount(pairs.effect_of_group, minlength=len(pairs.effects))
    alone = [name for name, count in zip(pairs.effects, studies, strict=True) if count == 1]
    if not alone:
        return ()
    return (f"Of one study each, so that how studies differ is that of other effects: {', '.join(alone)}.",)


def _likelihood(prior: Priors, pairs: Pairs, errors: ArmErrors) -> None:
    """Expected log ratios, and those observed."""
    import pymc as pm
    import pytensor.tensor as pt

    share = told(pairs)
    own_sd = pt.sqrt(spreads(prior, "study_sd", share.study_sd, "effect") ** 2 + LEAST_STUDY_SD**2)
    study_sd = pm.Deterministic("study_sd", own_sd, dims="effect")
    residual_sd = pm.Deterministic("residual_sd", spreads(prior, "residual", share.residual, "effect"), dims="effect")
    site_sd = prior.sample("site_sd")
    study_variance = study_sd[pairs.effect_of_group] ** 2 + pairs.one_site * site_sd**2
    of_moderators: TensorVariable | float = 0.0
    if pairs.slopes.labels:
        slope = weak_groups("slope", prior.sample("slope_sd"), "slope_of")
        of_moderators = (pairs.slopes.value * slope).sum(axis=1)
        study_variance = study_variance + (pairs.slopes.unknown * slope**2).sum(axis=1)
    log_ratio, of_study = means_and_studies(prior, pairs, pt.sqrt(study_variance), share.study)
    eta = log_ratio[pairs.effect] + of_moderators + _small_studies(prior, pairs, log_ratio) + of_study[pairs.group]
    if pairs.sites:
        at_site = half_centred("site_effect", site_sd, "site")
        eta = eta + (pairs.site >= 0) * at_site[np.maximum(pairs.site, 0)]
    variance = errors.treated + residual_sd[pairs.effect] ** 2 + pairs.lone * site_sd**2
    eta = eta - control_errors(pairs, errors)
    scatter = pt.inc_subtensor(pt.zeros(len(pairs.effects))[pairs.effect], errors.treated + errors.control)
    scatter = scatter / np.bincount(pairs.effect) + residual_sd**2
    pm.Deterministic("pair_scatter", pt.sqrt(scatter), dims="effect")
    variance = variance + (pairs.control < 0) * errors.control
    pm.Data("study_of_obs", pairs.study, dims="obs")
    observed = pm.Data("log_ratio_recorded", pairs.ratio, dims="obs")
    tails = 1 + prior.sample("degrees_of_freedom")
    pm.StudentT("pair_log_ratio", nu=tails, mu=eta, sigma=pt.sqrt(variance), observed=observed, dims="obs")
    new_study = pm.Normal("new_study_standardised", dims="effect")
    pm.Deterministic("log_ratio_new_study", log_ratio + pt.sqrt(study_sd**2 + site_sd**2) * new_study, dims="effect")


def _small_studies(prior: Priors, pairs: Pairs, log_ratio: TensorVariable) -> TensorVariable | float:
    """What small studies say more than the mean study; registers effects without it. 0 where no lever can tell.

    Rows that state no number of samples are taken for those of the mean study.
    """
    import pymc as pm

    counted = np.isfinite(pairs.smallness)
    place = np.full(len(pairs.levers), -1)
    means: list[float] = []
    for lever in range(len(pairs.levers)):
        rows = counted & (pairs.lever == lever)
        if np.unique(pairs.study[rows]).size < STUDIES_FOR_A_SLOPE or pairs.smallness[rows].std() < 1e-6:
            continue
        place[lever] = len(means)
        means.append(float(pairs.smallness[rows].mean()))
    if not means:
        return 0.0
    mean = np.array(means)
    lever_of_effect = np.zeros(len(pairs.effects), dtype="int64")
    lever_of_effect[pairs.effect] = pairs.lever
    told = np.flatnonzero(place[lever_of_effect] >= 0)
    coords = pm.modelcontext(None)
    coords.add_coord("lever_counted", [name for name, at in zip(pairs.levers, place, strict=True) if at >= 0])
    coords.add_coord("effect_counted", [pairs.effects[index] for index in told])
    slope = prior.sample("small_study", dims="lever_counted")
    of_told = place[lever_of_effect[told]]
    pm.Deterministic("log_ratio_large_study", log_ratio[told] - (slope * mean)[of_told], dims="effect_counted")
    of_row = place[pairs.lever]
    return slope[of_row] * np.where(counted & (of_row >= 0), pairs.smallness - mean[of_row], 0.0)
