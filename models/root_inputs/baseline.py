r"""Hierarchical log ratios of the parts of the annual carbon of crops.

A crop shares its carbon out in three steps, each a ratio that studies report:
straw over product, roots over shoot (product and straw), rhizodeposits over
roots. For row i of ratio r, crop c of group g and study s, grown in way m:

.. math::

    \log y_i \sim N(\mu_r + \gamma_{rg} + \kappa_{rc} + study_{rs} + \delta_m + \beta_{rg} \log(Y_i / Y_c) + ...,
                    \sigma_{rk})

- Log ratios of successive parts are coordinates of a composition (Egozcue &
  Pawlowsky-Glahn 2005, Mathematical Geology 37:795): any three numbers make four
  shares that sum to one, and a study that measured roots only is still a row.
- Compiled coefficients (k) are of mature crops in fields and are the reference.
  Young plants in pots have more root for their shoot, by :math:`\delta_m`.
- Straw over product falls with the yield Y, by a slope of each group. Whether
  roots over shoot do is disputed: in proportion to the shoot (Bolinder et al.
  2007, Agriculture, Ecosystems and Environment 118:29) the slope is 0, not at all
  (Hirte et al. 2018, same journal, 265:556) it is -1. Its prior covers both.
- Of carbon that a labelled crop took up at one stage, the stage has an effect; all
  stages have a mean of zero, so that their mean stands for the season.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.frames import filled, numeric
from socbayes.models.blocks import groups, half_centred, require_studies, require_values, weak_groups
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.vocabulary import ALLOCATION_RATIOS, CROP_GROUPS, GROWN, GROWTH_STAGES

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

STRAW, ROOT, RHIZODEPOSIT = range(len(ALLOCATION_RATIOS))
COMPILED = GROWN[0]
KINDS = ("compiled", "measured")
"""Kinds of numbers whose studies differ each by a spread of their own."""
NITROGEN_RESPONSE = {"cereal": 1.0, "legume": 0.3, "oilseed": 0.8, "root_crop": 0.6}
"""Response of root over shoot to nitrogen, over that of wheat: coefficients of the R package whep."""
USUAL_NITROGEN = 90.0
"""kg/ha/year at which coefficients without a statement are taken to hold."""

PRIORS = (
    Prior("straw_level", "Normal", {"mu": 0.3, "sigma": 0.5}, "log", "harvest indices of 0.3 to 0.6"),
    Prior("root_level", "Normal", {"mu": -1.7, "sigma": 0.6}, "log", "roots of 0.07 to 0.5 of the shoot"),
    Prior(
        "rhizodeposit_level",
        "Normal",
        {"mu": -0.5, "sigma": 0.7},
        "log",
        "half as much as roots (Pausch & Kuzyakov 2018, Global Change Biology 24:1), to twice as much",
    ),
    Prior("group_sd", "LogNormal", {"mu": -0.9, "sigma": 0.5}, "log", "groups of crops differ by a half; median 0.4"),
    Prior("crop_sd", "LogNormal", {"mu": -1.4, "sigma": 0.5}, "log", "crops of a group differ by a quarter"),
    Prior("study_sd", "LogNormal", {"mu": -1.2, "sigma": 0.5}, "log", "studies differ by a third; median 0.3"),
    Prior("scatter", "LogNormal", {"mu": -1.4, "sigma": 0.5}, "log", "crops of one study err by a quarter"),
    Prior("grown_effect", "Normal", {"mu": 0.3, "sigma": 0.6}, "log", "young and potted plants have more root"),
    Prior("stage_effect", "Normal", {"mu": 0.0, "sigma": 0.5}, "log", "rhizodeposits over roots change as crops ripen"),
    Prior("straw_yield_mean", "Normal", {"mu": -0.2, "sigma": 0.2}, "log/log", "harvest index grows with the yield"),
    Prior("straw_yield_sd", "LogNormal", {"mu": -2.0, "sigma": 0.5}, "log/log", "groups differ by half of that"),
    Prior(
        "root_yield",
        "Normal",
        {"mu": -0.5, "sigma": 0.3},
        "log/log",
        "assumed: from 0 (Bolinder et al. 2007) to -1 (Hirte et al. 2018)",
    ),
    Prior(
        "root_nitrogen",
        "Normal",
        {"mu": -0.18, "sigma": 0.1},
        "log per 100 kg/ha/year",
        "five classes of nitrogen after Poorter & Nagel 2000, as in the R package whep",
    ),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "log_ratio": {
        "unit": "1",
        "meaning": "log ratio of two parts of the annual carbon of each crop, mature, at its usual yield, in the "
        "typical study",
    },
    "log_ratio_spread": {
        "unit": "1",
        "meaning": "standard deviation of that ratio of one crop in a new study about the typical one",
    },
    "grown_effect": {"unit": "1", "meaning": "log of roots over shoot of plants grown otherwise, over mature crops"},
}


@dataclass(frozen=True)
class Rows:
    """Ratios laid out for the likelihood; arrays are (row,) but for ``yields``."""

    value: np.ndarray
    ratio: np.ndarray
    crops: list[str]
    crop: np.ndarray
    group_of: np.ndarray
    """Position of the group of each crop, (crop,)."""
    kind: np.ndarray
    studies: list[str]
    study: np.ndarray
    spread_of: np.ndarray
    """Position of the spread of each study, ratio by kind, (study,)."""
    grown: np.ndarray
    stage: np.ndarray
    relative: np.ndarray
    """Log of the yield over the usual one of the crop, 0 where none is stated."""
    nitrogen: np.ndarray
    yields: dict[str, float]
    """Usual yield of each crop for which any row states one, t/ha/year."""


def build(table: pd.DataFrame, *, priors: Mapping[str, Override] | None = None) -> pm.Model:
    """Build the model of how crops share out their carbon; nothing is sampled.

    Parameters
    ----------
    table
        Table of kind ``crop_allocation_ratios``. Rows that do not say how plants were grown count as compiled.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords allocation_ratio, crop, crop_group, kind, study_ratio (``"<ratio>: <kind>: <study>"``), obs and,
        where there are any, grown and growth_stage.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If the table has no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a ratio is not above zero, a crop stands in two groups, or a name is none of the vocabulary.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.root_inputs.build(sb.load_dataset("crop_allocation_ratios"))
    >>> "log_ratio" in model.named_vars
    True
    """
    import pymc as pm
    import pytensor.tensor as pt

    rows = lay_out(table)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=_coords(rows, table)) as model:
        by_crop = _levels(prior, rows)
        study_sd = prior.sample("study_sd", dims=("allocation_ratio", "kind"))
        scatter = prior.sample("scatter", dims=("allocation_ratio", "kind"))
        pm.Deterministic("log_ratio_spread", pt.sqrt(study_sd[:, 0] ** 2 + scatter[:, 0] ** 2), dims="allocation_ratio")
        of_study = half_centred("study_effect", study_sd.ravel()[rows.spread_of], "study_ratio")
        eta = by_crop[rows.ratio, rows.crop] + of_study[rows.study] + _conditions(prior, rows)
        pm.Data("study_of_obs", groups(table["study"])[1], dims="obs")
        observed = pm.Data("log_carbon_ratio_recorded", np.log(rows.value), dims="obs")
        pm.Normal("log_carbon_ratio", eta, scatter[rows.ratio, rows.kind], observed=observed, dims="obs")
    spec = ModelSpec(
        model="root_inputs",
        question="How do crops share out their carbon between product, straw, roots and rhizodeposits, and how far do "
        "studies differ?",
        quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
        observed=("log_carbon_ratio",),
        priors=prior_records(prior),
        choices={
            "yields": rows.yields,
            "groups": {crop: CROP_GROUPS[place] for crop, place in zip(rows.crops, rows.group_of, strict=True)},
            "priors": sorted(priors or {}),
        },
        notes=_notes(rows),
        target_accept=0.98,
    )
    attach(model, spec, {"table": table})
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["root_yield", "unit"]
    'log/log'
    """
    return Priors(PRIORS, priors).table()


def lay_out(table: pd.DataFrame) -> Rows:
    """Ratios with their groups as positions.

    Parameters
    ----------
    table
        Of kind ``crop_allocation_ratios``.

    Raises
    ------
    SocbayesError
        As for :func:`build`.
    """
    require_studies(table)
    require_values(table, ["carbon_ratio"], positive=True)
    crops, crop = groups(table["crop"])
    ratio = _positions(table, "allocation_ratio", ALLOCATION_RATIOS)
    grown = _positions(table.assign(grown=filled(table, "grown", COMPILED)), "grown", GROWN)
    stage = _positions(
        table.assign(growth_stage=filled(table, "growth_stage", "")), "growth_stage", ("", *GROWTH_STAGES)
    )
    kind = (grown > 0).astype("int64")
    label = table["allocation_ratio"].astype("str") + ": " + np.array(KINDS)[kind] + ": " + table["study"].astype("str")
    studies, study = groups(label.rename("study"))
    first = np.array([int(np.flatnonzero(study == place)[0]) for place in range(len(studies))])
    logged = np.log(np.where(numeric(table, "yield_dry_matter") > 0, numeric(table, "yield_dry_matter"), np.nan))
    usual = {
        place: float(logged[here].mean())
        for place in range(len(crops))
        if (here := (crop == place) & np.isfinite(logged)).any()
    }
    centre = np.array([usual.get(place, np.nan) for place in range(len(crops))])
    return Rows(
        value=numeric(table, "carbon_ratio"),
        ratio=ratio,
        crops=crops,
        crop=crop,
        group_of=_group_of(table, crops),
        kind=kind,
        studies=studies,
        study=study,
        spread_of=(ratio * len(KINDS) + kind)[first],
        grown=np.where(ratio == ROOT, grown, 0),
        stage=np.where(ratio == RHIZODEPOSIT, stage, 0),
        relative=np.nan_to_num(logged - centre[crop]),
        nitrogen=np.nan_to_num((numeric(table, "fertilizer_nitrogen") - USUAL_NITROGEN) / 100),
        yields={crops[place]: float(np.exp(value)) for place, value in usual.items()},
    )


def _positions(table: pd.DataFrame, column: str, known: tuple[str, ...]) -> np.ndarray:
    """Position of each row's label among those known; (row,)."""
    label = table[column].astype("str")
    if (bad := ~label.isin(known)).any():
        raise SocbayesError(
            f"column {column!r}: {label[bad].iloc[0]!r} in row {table.index[np.flatnonzero(bad)[0]]}; expected one of "
            f"{', '.join(name for name in known if name)}"
        )
    return label.map({name: place for place, name in enumerate(known)}).to_numpy(dtype="int64")


def _group_of(table: pd.DataFrame, crops: list[str]) -> np.ndarray:
    """Position of the group of each crop, (crop,)."""
    place = _positions(table, "crop_group", CROP_GROUPS)
    crop = table["crop"].astype("str").to_numpy()
    result = np.zeros(len(crops), dtype="int64")
    for position, name in enumerate(crops):
        of_crop = np.unique(place[crop == name])
        if of_crop.size > 1:
            raise SocbayesError(
                f"column 'crop_group': {name} stands in {' and '.join(CROP_GROUPS[one] for one in of_crop)}; one group "
                "is expected for each crop"
            )
        result[position] = of_crop[0]
    return result


def _coords(rows: Rows, table: pd.DataFrame) -> dict[str, list[str]]:
    """Coordinates of the model; those without members are left out."""
    coords = {
        "allocation_ratio": list(ALLOCATION_RATIOS),
        "crop": rows.crops,
        "crop_group": list(CROP_GROUPS),
        "kind": list(KINDS),
        "study_ratio": rows.studies,
        "grown": [GROWN[place] for place in np.unique(rows.grown[rows.grown > 0])],
        "growth_stage": [GROWTH_STAGES[place - 1] for place in np.unique(rows.stage[rows.stage > 0])],
        "obs": table["observation"].astype("str").tolist(),
    }
    return {name: members for name, members in coords.items() if members}


def _levels(prior: Priors, rows: Rows) -> TensorVariable:
    """Log ratios of each crop in the typical study; (ratio, crop)."""
    import pymc as pm
    import pytensor.tensor as pt

    level = pt.stack([prior.sample(name) for name in ("straw_level", "root_level", "rhizodeposit_level")])
    group_sd = prior.sample("group_sd", dims="allocation_ratio")
    crop_sd = prior.sample("crop_sd", dims="allocation_ratio")
    of_group = half_centred("group_effect", group_sd[:, None], ("allocation_ratio", "crop_group"))
    of_crop = half_centred("crop_effect", crop_sd[:, None], ("allocation_ratio", "crop"))
    return pm.Deterministic(
        "log_ratio", level[:, None] + of_group[:, rows.group_of] + of_crop, dims=("allocation_ratio", "crop")
    )


def _conditions(prior: Priors, rows: Rows) -> TensorVariable:
    """What the yield, nitrogen, the way of growing and the stage add; (row,)."""
    straw = prior.sample("straw_yield_mean") + weak_groups("straw_yield", prior.sample("straw_yield_sd"), "crop_group")
    slope = (rows.ratio == STRAW) * straw[rows.group_of[rows.crop]] + (rows.ratio == ROOT) * prior.sample("root_yield")
    response = np.array([NITROGEN_RESPONSE[name] for name in CROP_GROUPS])[rows.group_of[rows.crop]]
    eta = slope * rows.relative + (rows.ratio == ROOT) * response * rows.nitrogen * prior.sample("root_nitrogen")
    if (rows.grown > 0).any():
        members = np.unique(rows.grown[rows.grown > 0])
        place = np.searchsorted(members, np.maximum(rows.grown, members[0]))
        eta = eta + (rows.grown > 0) * prior.sample("grown_effect", dims="grown")[place]
    if (rows.stage > 0).any():
        members = np.unique(rows.stage[rows.stage > 0])
        place = np.searchsorted(members, np.maximum(rows.stage, members[0]))
        effect = prior.sample("stage_effect", dims="growth_stage")
        eta = eta + (rows.stage > 0) * (effect - effect.mean())[place]
    return eta


def _notes(rows: Rows) -> tuple[str, ...]:
    """What the data do not say."""
    notes = []
    for place, name in enumerate(ALLOCATION_RATIOS):
        without = [
            crop
            for position, crop in enumerate(rows.crops)
            if not ((rows.crop == position) & (rows.ratio == place)).any()
        ]
        if without:
            notes.append(f"No {name.replace('_', ' ')} ratio of {', '.join(without)}: drawn from crops of the group.")
    if not rows.nitrogen.any():
        notes.append("No row states nitrogen: how roots over shoot follow it is the prior.")
    if not rows.relative[rows.ratio == ROOT].any():
        notes.append("No row tells how roots over shoot follow the yield: that is the prior.")
    return tuple(notes)
