r"""Process model of carbon use efficiency: every method an observation of the same microbes.

Microbes that take up carbon keep a share ``e``, the intrinsic efficiency, and
respire the rest; they turn over at ``turnover`` and their remains are taken up
again. What a method prints differs from ``e``:

``substrate_label``
    Label found in biomass over label taken up, after the hours of the
    incubation. Label that has left the biomass again lowers it, more with every
    hour. It is read from a run of the structure ``mcp`` with a label, native
    carbon in balance, everything in units of the microbial biomass. Studies that
    followed their label through time have a turnover of their own; in the others
    it could not be told from the level of the study.
``biomass_balance``
    Gain of microbial biomass (by fumigation, without a label) over that gain and
    the carbon respired. What is gained dies as labelled biomass does, so it is
    read from the same run.
``water_18O``, ``metabolic_flux``, ``respiratory_quotient``, ``calorespirometry``, ``stoichiometric_model``, ``other``
    Growth over growth and respiration of the moment: ``e`` itself.

.. math::

    \operatorname{logit} e_i = level + ecosystem + substrate
        + slope\,(T - \bar T_{study}) + between\,(\bar T_{study} - 15)

    \operatorname{logit} y_i \sim N(\operatorname{logit} observe(e_i, hours_i, T_i)
        + discrepancy_{method} + study, \sigma_{study})

What methods disagree about beyond that (growth or uptake, storage, DNA
conversion) is ``discrepancy``, each drawn around zero: nothing in the data says
which of them is right, so the intrinsic efficiency is that much less certain.
An ecosystem or a temperature that a study does not state widens that study's
deviation as if it acted on the printed value; it acts on the intrinsic one, so
for labelled substrates this is approximate. Temperature also speeds uptake and turnover, twofold per 10 degC.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from socbayes.frames import numeric
from socbayes.models.blocks import at_members, centred_on_expected, group_means, half_centred, scatter_by_study
from socbayes.models.cue.baseline import PRIORS as BASELINE
from socbayes.models.cue.efficiency import (
    REFERENCE_TEMPERATURE,
    SHORTEST,
    Effects,
    Rows,
    condition_part,
    ecosystem_part,
    recorded,
    rows_of,
    spread_share,
    substrate_part,
    temperature_parts,
)
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

    from socbayes.core.structure import Structure

LABEL = "substrate_label"
#: Methods that look at biomass after the hours of the incubation.
OVER_TIME = (LABEL, "biomass_balance")
#: Substrates that must be broken down before they are taken up.
SLOW = ("plant_residue", "polymer")
Q10 = 2.0
#: Usual temperature (degC) and hours where none are stated; both only say how far uptake and turnover get.
USUAL_TEMPERATURE, USUAL_HOURS = 20.0, 48.0
#: Label over biomass carbon where the dose or the biomass is not stated: too little to make microbes grow.
TRACE = 0.05
#: Native carbon that microbes live on, over biomass carbon: biomass is 1.7 % of organic carbon (Xu, Thornton & Post
#: 2013). Remains of labelled microbes join it.
STORE = 60.0
STEPS = 16
_SHARED = (
    "slope_mean",
    "slope_sd_methods",
    "slope_sd_studies",
    "slope_between",
    "ecosystem_sd",
    "substrate_sd",
    "study_sd",
    "scatter_log_mean",
    "scatter_log_sd",
    "temperature_mean",
    "temperature_sd",
    "condition_effect",
)

PRIORS = (
    Prior("level", "Normal", {"mu": 0.0, "sigma": 1.0}, "logit", "CUE of 0.12 to 0.88 within two standard deviations"),
    Prior(
        "discrepancy",
        "Normal",
        {"mu": 0.0, "sigma": 0.5},
        "logit",
        "one standard deviation is 0.12 CUE at a CUE of 0.5, in either direction",
    ),
    Prior(
        "log_turnover",
        "Normal",
        {"mu": -3.9, "sigma": 0.7},
        "log 1/day",
        "biomass lasts 50 days at 15 degC, 12 to 200 days within two standard deviations",
    ),
    Prior(
        "turnover_sd",
        "LogNormal",
        {"mu": 0.0, "sigma": 0.25},
        "log",
        "median 1 between studies, about a factor of three; 0.6 to 1.6 within two standard deviations",
    ),
    Prior("log_uptake", "Normal", {"mu": 2.1, "sigma": 0.7}, "log 1/day", "dissolved glucose is taken up within hours"),
    Prior(
        "log_uptake_slow",
        "Normal",
        {"mu": -2.5, "sigma": 1.0},
        "log 1/day",
        "plant residues and polymers last for weeks before they are taken up",
    ),
    Prior(
        "residue_share", "Normal", {"mu": 0.4, "sigma": 0.4}, "logit", "60 % of dead microbes does not dissolve at once"
    ),
    *(prior for prior in BASELINE if prior.name in _SHARED),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "intrinsic_efficiency": {
        "unit": "1",
        "meaning": "intrinsic CUE at 15 degC on native substrates, free of method and time, typical study",
    },
    "intrinsic_efficiency_by_ecosystem": {"unit": "1", "meaning": "the same by ecosystem"},
    "discrepancy": {"unit": "logit", "meaning": "what a method prints above the intrinsic CUE, time accounted for"},
    "substrate_effect": {"unit": "logit", "meaning": "intrinsic CUE on a substrate above that on native substrates"},
    "turnover": {"unit": "1/day", "meaning": "turnover of microbial biomass at 15 degC, typical study"},
    "turnover_sd": {
        "unit": "log",
        "meaning": "spread of turnover between studies that followed their label through time",
    },
    "temperature_slope_mean": {
        "unit": "1/degC",
        "meaning": "change of intrinsic CUE per degree at a CUE of 0.5, mean over methods, within studies",
    },
    "temperature_slope_between_studies": {
        "unit": "1/degC",
        "meaning": "change of CUE per degree at a CUE of 0.5 between studies that differ in mean temperature",
    },
    "lost_label": {"unit": "1", "meaning": "apparent over intrinsic CUE of labelled glucose after these hours"},
    "spread_share": {"unit": "1", "meaning": "share of the variance of published logit CUE that goes with each cause"},
    "study_sd": {"unit": "logit", "meaning": "standard deviation of CUE between studies, all columns equal"},
}
SHOWN_HOURS = (1.0, 6.0, 24.0, 48.0, 168.0, 720.0)


@cache
def _labelled_pump() -> Structure:
    from socbayes.core import with_clock, with_label, without
    from socbayes.structures import get

    return with_label(with_clock(without(get("mcp"), ["particulate", "mineral_necromass", "mineral_plant"])))


def apparent_efficiency(
    efficiency: Any, turnover: Any, uptake: Any, residue_share: Any, hours: np.ndarray, dose: Any, steps: int = STEPS
) -> TensorVariable:
    """Label in biomass over label taken up, from a labelled run; shape (run,).

    Parameters
    ----------
    efficiency
        Intrinsic efficiency, shape (run,).
    turnover, uptake
        Of biomass and of dissolved carbon, 1/day, shape (run,).
    residue_share
        Share of dead microbes that is not dissolved.
    hours
        Length of each run.
    dose
        Label added over biomass carbon, shape (run,).
    steps
        Steps of a run, short at first.

    Returns
    -------
    TensorVariable
        Label in microbes / (label in microbes + label respired).

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(2)
    >>> after = apparent_efficiency(0.6 * one, 0.02 * one, 8.0 * one, 0.6, np.array([2.0, 480.0]), 0.05 * one).eval()
    >>> bool(0.6 > after[0] > after[1] > 0.3)
    True
    """
    from socbayes.core import integrate

    structure = _labelled_pump()
    initial, parameters = _labelled_run(structure, efficiency, turnover, uptake, residue_share, dose)
    drivers = {"litter_input": 0.0, "step_length": _step_lengths(hours, steps)}
    out = integrate(structure, initial, parameters, drivers, times=[steps], interval=1.0, steps=1)[0]
    kept = out[:, structure.state.index("microbes_label")]
    lost = out[:, structure.state.index("co2_label")]
    return kept / (kept + lost)


def _labelled_run(
    structure: Structure, efficiency: Any, turnover: Any, uptake: Any, residue_share: Any, dose: Any
) -> tuple[TensorVariable, dict[str, Any]]:
    """Pools at the start (run, pool), per biomass, and parameters of runs with native carbon in balance."""
    import pytensor.tensor as pt

    taken = turnover / efficiency  # uptake of biomass in balance, per biomass
    dissolved = taken / uptake
    half = 0.5 + dissolved  # saturation is far for native carbon, near for a dose as large as the biomass
    supply = taken - (1.0 - residue_share) * turnover
    zero = pt.zeros_like(efficiency)
    pools = {
        "dissolved_native": dissolved,
        "microbes_native": zero + 1.0,
        "necromass_native": zero + STORE,
        "dissolved_label": zero + dose,
    }
    initial = pt.stack([pt.as_tensor(pools.get(name, zero)) for name in structure.pools], axis=1)
    return initial, {
        "v_dissolved": uptake * (half + dissolved),
        "k_dissolved": half,
        "e_ref": efficiency,
        "k_death": turnover,
        "necromass_share": residue_share,
        "v_particulate": 0.0,
        "v_necromass": supply * 2.0 / STORE,
        "k_particulate": 1.0,
    }


def _step_lengths(hours: np.ndarray, steps: int) -> np.ndarray:
    """Days of each step, (step, run): they grow towards the end, as uptake happens in hours and turnover in weeks."""
    first = np.minimum(1.0 / steps, 0.01 / (hours / 24.0))
    growth = np.array([_growth(share, steps) for share in first])
    lengths: np.ndarray = growth ** np.arange(float(steps))[:, None]
    return lengths / lengths.sum(axis=0) * (hours / 24.0)


def _growth(first: float, steps: int) -> float:
    """Ratio of successive steps so that the first is the share ``first`` of all."""
    from scipy.optimize import brentq

    if first * steps >= 1.0 - 1e-9:
        return 1.0
    # At the upper end the last step alone is as long as the run.
    return float(brentq(lambda r: (r**steps - 1.0) / (r - 1.0) * first - 1.0, 1.0 + 1e-9, first ** (-1 / (steps - 1))))


def build(table: pd.DataFrame, *, priors: Mapping[str, Override] | None = None) -> pm.Model:
    """Build the process model of carbon use efficiency; nothing is sampled.

    Parameters
    ----------
    table
        Table of schema ``cue``: one measured CUE per row.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords study, measurement_method, ecosystem, substrate, obs, and
        the quantities of interest in ``QUANTITIES`` as deterministics.

    Raises
    ------
    EmptyTableError, TooFewGroupsError
        If there are no rows, fewer than two studies, or one row per study.
    SocbayesError
        If a measured value is missing or cannot mean what its column says.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.cue.process.build(sb.load_dataset("cue"))
    >>> "intrinsic_efficiency" in model.named_vars
    True
    """
    import pymc as pm

    rows = rows_of(table)
    prior = Priors(PRIORS, priors)
    with pm.Model(coords=rows.coords) as model:
        notes = _variables(prior, rows, table)
    attach(
        model,
        ModelSpec(
            model="cue_process",
            question="How efficiently do soil microbes use carbon, whatever the method and the time it takes?",
            quantities={name: text for name, text in QUANTITIES.items() if name in model.named_vars},
            observed=("logit_cue",),
            priors=prior_records(prior),
            choices={"priors": sorted(priors or {})},
            notes=notes,
        ),
        {"table": table},
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["log_turnover", "unit"]
    'log 1/day'
    """
    return Priors(PRIORS, priors).table()


def _variables(prior: Priors, rows: Rows, table: pd.DataFrame) -> tuple[str, ...]:
    """Add every variable to the model at hand; what was left out or assumed, in sentences."""
    import pymc as pm
    import pytensor.tensor as pt

    level = prior.sample("level")
    study_sd = prior.sample("study_sd")
    parts = substrate_part(prior, rows.substrate)
    ecosystem = ecosystem_part(prior, rows)
    temperature = _temperature_parts(prior, rows) if np.isfinite(rows.temperature).any() else Effects({})
    conditions = condition_part(prior, rows)
    parts |= ecosystem.parts | temperature.parts | conditions.parts
    none = pt.zeros(rows.study.size)
    eta = level + sum(parts.values(), start=none)
    notes = (*ecosystem.notes, *temperature.notes, *conditions.notes)
    labelled = np.flatnonzero(rows.measurement_method.isin(OVER_TIME))
    if labelled.size:
        label = _labelled_of(rows, table, labelled)
        seen = _seen(prior, rows, label, eta[labelled[label.first]])[label.run]
        parts["incubation time"] = pt.set_subtensor(none[labelled], seen - eta[labelled])
        eta = pt.set_subtensor(eta[labelled], seen)
        notes += label.notes
    if len(rows.methods) > 1:
        parts["method"] = prior.sample("discrepancy", dims="measurement_method")[rows.method]
        eta = eta + parts["method"]

    scale = pt.sqrt(study_sd**2 + (ecosystem.extra_variance + temperature.extra_variance))
    effect = centred_on_expected("study", eta, scale, rows.study, "study")
    parts["study"] = effect[rows.study]
    scatter = scatter_by_study(prior, rows.study, rows.studies)
    notes += recorded(rows, eta + parts["study"], scatter)
    pm.Deterministic("intrinsic_efficiency", pm.math.sigmoid(level))
    if ecosystem.by_level is not None:
        by_ecosystem = pm.math.sigmoid(level + ecosystem.by_level)
        pm.Deterministic("intrinsic_efficiency_by_ecosystem", by_ecosystem, dims="ecosystem")
    spread_share(parts, scatter, rows.study)
    return notes


def _temperature_parts(prior: Priors, rows: Rows) -> Effects:
    """Effects of temperature, with a slope for each method."""
    import pymc as pm

    slope_mean = prior.sample("slope_mean")
    slope_method = pm.Normal("slope_method", slope_mean, prior.sample("slope_sd_methods"), dims="measurement_method")
    pm.Deterministic("temperature_slope_mean", slope_mean * 0.25)
    first_row = np.unique(rows.study, return_index=True)[1]
    return temperature_parts(prior, rows, slope_method, rows.method[first_row])


class _Labelled(NamedTuple):
    """Runs whose biomass was looked at after a while, mostly by a labelled substrate; shape (run,)."""

    run: np.ndarray
    """Position of the run of each row; shape (labelled row,)."""
    first: np.ndarray
    """Position of the first labelled row of each run."""
    study: np.ndarray
    hours: np.ndarray
    pace: np.ndarray
    """How much faster than at the reference temperature microbes work."""
    dose: np.ndarray
    """Label added over biomass carbon."""
    slow: np.ndarray
    """Whether the substrate must be broken down first."""
    followed: np.ndarray
    """Positions of the studies that followed their label through time."""
    notes: tuple[str, ...]


def _labelled_of(rows: Rows, table: pd.DataFrame, labelled: np.ndarray) -> _Labelled:
    """Lay labelled rows out as runs, one for all rows that state the same; what is not stated is taken as usual."""
    import pandas as pd

    hours, temperature, of = rows.hours[labelled], rows.temperature[labelled], rows.study[labelled]
    warmth = np.where(np.isfinite(temperature), temperature, USUAL_TEMPERATURE) - REFERENCE_TEMPERATURE
    dose = (numeric(table, "substrate_dose") / numeric(table, "microbial_biomass"))[labelled]
    times = pd.Series(hours).groupby(of).nunique()
    known = group_means(np.log(np.maximum(hours, SHORTEST)), of, int(rows.study.max()) + 1)[of]
    filled_in = np.where(np.isfinite(hours), np.maximum(hours, SHORTEST), np.exp(known))
    missing = ~np.isfinite(filled_in)
    notes = []
    if missing.any():
        notes.append(
            f"Run for {USUAL_HOURS:g} hours: {counted(np.unique(of[missing]).size, 'study')} of labelled substrate "
            "without an incubation time; what that misses is part of the level."
        )
    rows_without = counted(int((~np.isfinite(dose)).sum()), "labelled row")
    notes.append(f"Taken as traces: {rows_without} without a dose over biomass.")
    # As a parameter it has two values, short or long, for every level that the study may have.
    filled_in = np.where(missing, USUAL_HOURS, filled_in)
    dose = np.where(np.isfinite(dose), np.maximum(dose, 1e-3), TRACE)
    run = _runs_of(rows, labelled, filled_in, dose)
    first = np.unique(run, return_index=True)[1]
    return _Labelled(
        run=run,
        first=first,
        study=of[first],
        hours=filled_in[first],
        pace=Q10 ** (warmth[first] / 10.0),
        dose=dose[first],
        slow=rows.substrate.iloc[labelled[first]].isin(SLOW).to_numpy(),
        followed=times.index[times > 1].to_numpy(),
        notes=tuple(notes),
    )


def _runs_of(rows: Rows, labelled: np.ndarray, hours: np.ndarray, dose: np.ndarray) -> np.ndarray:
    """Position of the run of each labelled row: rows of which all that acts on their efficiency is the same share one.

    Whatever a row's efficiency or its run depends on must be among the columns.
    """
    import pandas as pd

    columns = {
        "study": rows.study[labelled],
        "method": rows.method[labelled],
        "temperature": rows.temperature[labelled],
        "hours": hours,
        "dose": dose,
        **{
            name: column.to_numpy()[labelled]
            for name, column in {"substrate": rows.substrate, "ecosystem": rows.ecosystem, **rows.conditions}.items()
        },
    }
    run: np.ndarray = pd.DataFrame(columns).groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    return run


def _seen(prior: Priors, rows: Rows, label: _Labelled, intrinsic: TensorVariable) -> TensorVariable:
    """Logit of what a labelled substrate shows of the intrinsic efficiency; shape (run,)."""
    import pymc as pm
    import pytensor.tensor as pt

    turnover = pm.Deterministic("turnover", pt.exp(prior.sample("log_turnover")))
    uptake = pt.exp(prior.sample("log_uptake"))
    by_row = pt.where(label.slow, pt.exp(prior.sample("log_uptake_slow")), uptake) if label.slow.any() else uptake
    residue_share = pm.math.sigmoid(prior.sample("residue_share"))
    dying = turnover * pt.ones(label.study.size)
    if label.followed.size > 1:
        pm.modelcontext(None).add_coord("followed_study", [rows.studies[s] for s in label.followed])
        own = half_centred("study_turnover", prior.sample("turnover_sd"), "followed_study")
        dying = dying * pt.exp(at_members(own, label.followed, label.study))
    efficiency = pm.math.sigmoid(intrinsic)
    apparent = apparent_efficiency(
        efficiency, dying * label.pace, by_row * label.pace, residue_share, label.hours, label.dose
    )
    _report_lost_label(turnover, uptake, residue_share)
    return pt.log(apparent) - pt.log1p(-apparent)


def _report_lost_label(turnover: TensorVariable, uptake: TensorVariable, residue_share: TensorVariable) -> None:
    """Register what is left of the label after some hours, where half of what is taken up is kept."""
    import pymc as pm
    import pytensor.tensor as pt

    shown = np.array(SHOWN_HOURS)
    pm.modelcontext(None).add_coord("hours", list(SHOWN_HOURS))
    half = pt.full(shown.shape, 0.5)
    one = pt.ones_like(half)
    trace = TRACE * np.ones(shown.shape)
    after = apparent_efficiency(half, turnover * one, uptake * one, residue_share, shown, trace)
    pm.Deterministic("lost_label", after / 0.5, dims="hours")
