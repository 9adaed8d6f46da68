"""Amendments of field plots: from columns of management to drivers and learned qualities of a run.

A table that names no amendment but farmyard manure is run as the structure has manure. As soon as the table of a fit
names another, each kind has a driver and a quality of its own, farmyard manure and the columns of manure among them:
the share of its carbon that enters slow carbon at once is learned about the published one. What only a plan names has
the published quality, drawn from its prior.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.core.structure import Structure
from socbayes.errors import Fault
from socbayes.frames import filled, numeric
from socbayes.observations import HEADER
from socbayes.priors import Prior
from socbayes.spec import joined
from socbayes.structures.amendments import (
    CHAR,
    CHAR_SPREAD,
    MANURE,
    QUALITIES,
    char_decay,
    input_of,
    takes_amendments,
)
from socbayes.structures.forcing import roles_of
from socbayes.vocabulary import AMENDMENTS

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.priors import Priors

AMOUNT = "amendment_carbon_input"
LEVEL_SPREAD = 0.1
AMENDMENT_PRIORS = (
    Prior(
        "amendment_quality",
        "Normal",
        {"mu": 0.0, "sigma": 1.0},
        "spreads of log-odds",
        "humified share of each amendment about the published one, over its spread: see quality_table()",
    ),
    Prior(
        "amendment_level",
        "Normal",
        {"mu": 0.0, "sigma": LEVEL_SPREAD},
        "log",
        "assumed: what is spread is weighed and analysed, to a tenth",
    ),
    Prior(
        "char_decay",
        "Normal",
        {"mu": 0.0, "sigma": 1.0},
        "spreads of log",
        "decay of biochar's persistent carbon about the median of decomposition series, over their spread",
    ),
)


def _named(table: pd.DataFrame | None) -> list[str]:
    """Amendments that a table states carbon of."""
    if table is None:
        return []
    name = filled(table, "amendment", "").astype(str)
    return [kind for kind in AMENDMENTS if (name.eq(kind).to_numpy() & (numeric(table, AMOUNT) > 0)).any()]


def _has_manure(table: pd.DataFrame | None) -> bool:
    """Whether a table states any manure in its own columns."""
    columns = ("manure_carbon_input", "manure_fresh")
    return table is not None and any((numeric(table, name) > 0).any() for name in columns)


def kinds_of(management: pd.DataFrame | None, plan: pd.DataFrame | None, structure: Structure) -> tuple[str, ...]:
    """Amendments with a quality of their own, those of the fit first.

    Parameters
    ----------
    management, plan
        Of schema ``field_management``, or None.
    structure
        What runs: one without ``entries`` has one quality for all.

    Examples
    --------
    >>> import pandas as pd
    >>> from socbayes.structures import get
    >>> table = pd.DataFrame({"amendment": ["peat"], "amendment_carbon_input": [2.0], "manure_carbon_input": [1.0]})
    >>> kinds_of(table, None, get("rothc")), kinds_of(table.drop(columns="amendment"), None, get("rothc"))
    (('farmyard_manure', 'peat'), ())
    """
    if not takes_amendments(structure):
        return ()
    fitted, planned = _named(management), _named(plan)
    if set(fitted) <= {MANURE}:
        return tuple(kind for kind in planned if kind != MANURE)
    manured = _has_manure(management) or MANURE in fitted
    fitted = [kind for kind in AMENDMENTS if kind in fitted or (kind == MANURE and manured)]
    if _has_manure(plan):
        planned.append(MANURE)
    return (*fitted, *(kind for kind in planned if kind not in fitted))


def kind_of_lever(lever: str) -> str:
    """Amendment that a lever, or a column of management, spreads: that of its name, else farmyard manure.

    Examples
    --------
    >>> kind_of_lever("compost"), kind_of_lever("manure"), kind_of_lever("manure_carbon_input")
    ('compost', 'farmyard_manure', 'farmyard_manure')
    """
    return lever if lever in AMENDMENTS else MANURE


def carbon_by_kind(table: pd.DataFrame, manure: np.ndarray, kinds: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Carbon of each row that counts as manure, and of each amendment; NaN in rows that say nothing of either.

    Parameters
    ----------
    table
        Of schema ``field_management``.
    manure
        Carbon of the columns of manure, t C/ha/year, (row,), NaN where nothing is said.
    kinds
        Of :func:`kinds_of`.

    Returns
    -------
    manure, amendments
        t C/ha/year, (row,) and (kind, row).
    """
    amount, name = numeric(table, AMOUNT), filled(table, "amendment", "").to_numpy(dtype=str)
    said = np.isfinite(manure) | np.isfinite(amount)
    spread, manure = np.nan_to_num(amount), np.nan_to_num(manure)
    each = np.array([spread * (name == kind) + manure * (kind == MANURE) for kind in kinds])
    each = each.reshape(len(kinds), len(amount))
    rest = spread * ~np.isin(name, list(kinds)) + manure * (MANURE not in kinds)
    return np.where(said, rest, np.nan), np.where(said, each, np.nan)


def faults_of_amendments(table: pd.DataFrame) -> Iterator[Fault]:
    """Amendments without carbon, and carbon of none, in a table of management.

    Parameters
    ----------
    table
        Of schema ``field_management``.
    """
    amount, name = numeric(table, AMOUNT), filled(table, "amendment", "").to_numpy(dtype=str)
    for row in np.flatnonzero((name != "") & ~np.isfinite(amount)):
        at, found = int(table.index[row]) + HEADER, f"an empty cell beside {name[row]}"
        yield Fault("amendment without carbon", at, AMOUNT, found, "its carbon, t C/ha/year", "write 0 for none")
    for row in np.flatnonzero((name == "") & (amount > 0)):
        at, found = int(table.index[row]) + HEADER, f"an empty cell beside {amount[row]:g}"
        advice = "say what was spread; plant carbon is `plant_carbon_input`"
        yield Fault("carbon of no amendment", at, "amendment", found, "one of " + ", ".join(AMENDMENTS), advice)


def of_amendments(
    management: pd.DataFrame | None, plan: pd.DataFrame | None, structure: Structure, kinds: Sequence[str]
) -> Iterator[str]:
    """Say what quality each amendment is taken to have.

    Parameters
    ----------
    management, plan, structure
        As for :func:`kinds_of`.
    kinds
        Of it.
    """
    fitted, planned = _named(management), _named(plan)
    others = [kind for kind in dict.fromkeys([*fitted, *planned]) if kind not in kinds]
    if others and not takes_amendments(structure):
        yield (
            f"{structure.name} does not say which pools amendments enter: {joined(others)} "
            "has the quality of its manure, or of plants where it has none."
        )
    beside = [*fitted, *([MANURE] if _has_manure(management) else [])]
    learned = [kind for kind in kinds if not set(fitted) <= {MANURE} and kind in beside]
    if learned:
        yield f"The humified share of {joined(learned)} is learned about the published one."
    if MANURE in kinds:
        own = roles_of(structure).manure
        yield (
            f"Farmyard manure stands beside other amendments and is one of them: {QUALITIES[MANURE].humified:.2f} of "
            "its carbon is humified as published, "
            + (f"where {structure.name} has a quality of manure of its own." if own else
               f"where without others {structure.name} would take it for plants.")
        )  # fmt: skip
    if MANURE in kinds and (_has_manure(management) or _has_manure(plan)):
        yield "Columns of manure are of farmyard manure, and add up with amendments."
    if only := [kind for kind in kinds if kind not in learned]:
        yield f"The fit has seen no {joined(only)}: its humified share is drawn about the published one."


def has_char(kinds: Sequence[str]) -> bool:
    """Whether any amendment persists in a pool of its own."""
    return any(QUALITIES[kind].persistent for kind in kinds)


def states_char(table: pd.DataFrame, structure: Structure) -> np.ndarray:
    """Whether each row of management states carbon that persists in a run, (row,).

    Parameters
    ----------
    table
        Of schema ``field_management``.
    structure
        What runs: one that does not take amendments has no char either.
    """
    lasting = [kind for kind, quality in QUALITIES.items() if quality.persistent and takes_amendments(structure)]
    stated: np.ndarray = filled(table, "amendment", "").isin(lasting).to_numpy() & (numeric(table, AMOUNT) > 0)
    return stated


def kinds_run(kinds: Sequence[str], settled: bool) -> tuple[str, ...]:
    """Amendments of a run; in a steady state none is char, as it would not settle within a trial.

    Parameters
    ----------
    kinds
        Of :func:`kinds_of`.
    settled
        Whether for a steady state.
    """
    return tuple(kind for kind in kinds if not (settled and QUALITIES[kind].persistent))


def amendment_drivers(
    kinds: Sequence[str], spread: Iterable[np.ndarray], per: np.ndarray, *, settled: bool = False
) -> dict[str, np.ndarray]:
    """Drivers of :func:`socbayes.structures.amendments.with_amendments`, (row, plot), in the structure's units.

    Parameters
    ----------
    kinds
        Of :func:`kinds_of`.
    spread
        Of each kind, t C/ha/year, (row, plot).
    per
        What multiplies t C/ha/year, (plot,).
    settled
        Whether for a steady state.
    """
    run = kinds_run(kinds, settled)
    return {input_of(kind): carbon * per for kind, carbon in zip(kinds, spread, strict=True) if kind in run}


def published_qualities(kinds: Sequence[str]) -> dict[str, np.ndarray]:
    """Humified shares as published, and inputs as stated; nothing without amendments."""
    if not kinds:
        return {}
    return {
        "humified": np.array([QUALITIES[kind].humified for kind in kinds]),
        "amendment_level": np.zeros(len(kinds)),
    }


def _odds_and_spreads(kinds: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Published log-odds of humified shares, and their spreads."""
    qualities = [QUALITIES[kind] for kind in kinds]
    return np.array([one.log_odds for one in qualities]), np.array([one.spread for one in qualities])


def sample_qualities(kinds: Sequence[str], prior: Priors) -> dict[str, Any]:
    """Register the humified share of each amendment and the level of its input, and return them by name.

    Where one of them is char, its decay as well.

    Parameters
    ----------
    kinds
        Of :func:`kinds_of`.
    prior
        Priors of the model.
    """
    import pymc as pm

    odds, spread = _odds_and_spreads(kinds)
    share = pm.math.sigmoid(odds + spread * prior.sample("amendment_quality", dims="amendment"))
    result = {
        "humified_share": pm.Deterministic("humified_share", share, dims="amendment"),
        "amendment_level": prior.sample("amendment_level", dims="amendment"),
    }
    return result | ({"char_decay": prior.sample("char_decay")} if has_char(kinds) else {})


def drawn_qualities(
    kinds: Sequence[str],
    values: Mapping[str, np.ndarray],
    known: Sequence[str],
    samples: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Draws of humified shares and levels in the order of ``kinds``: learned ones, else of the published prior.

    Parameters
    ----------
    kinds
        Of :func:`kinds_of`.
    values
        Draws of a fit by variable.
    known
        Amendments of the fit, in its order.
    samples
        How many draws there are.
    rng
        Source of what is drawn anew.

    Returns
    -------
    dict
        ``humified_share`` and ``amendment_level``, (sample, kind), and ``char_decay``, (sample,), where one is char;
        nothing without amendments.
    """
    if not kinds:
        return {}
    odds, spread = _odds_and_spreads(kinds)
    share = 1.0 / (1.0 + np.exp(-(odds + spread * rng.standard_normal((samples, len(kinds))))))
    level = LEVEL_SPREAD * rng.standard_normal((samples, len(kinds)))
    for place, kind in enumerate(kinds):
        if kind in known:
            share[:, place] = values["humified_share"][:, list(known).index(kind)]
            level[:, place] = values["amendment_level"][:, list(known).index(kind)]
    result = {"humified_share": share, "amendment_level": level}
    if has_char(kinds) and "char_decay" not in values:
        result["char_decay"] = rng.standard_normal(samples)
    return result


def quality_parameters(kinds: Sequence[str], at: Mapping[str, Any], structure: Structure) -> dict[str, Any]:
    """Parameters of :func:`socbayes.structures.amendments.with_amendments`.

    Parameters
    ----------
    kinds
        Of :func:`kinds_of`.
    at
        ``humified`` and ``amendment_level``, (..., kind), where there are any, and ``char_decay``, spreads of log.
    structure
        What they are spread on.
    """
    import pytensor.tensor as pt

    result: dict[str, Any] = {}
    for place, kind in enumerate(kinds):
        result[f"{kind}_humified"] = at["humified"][..., place]
        result[f"{kind}_level"] = pt.exp(at["amendment_level"][..., place])
    if has_char(kinds) and "char_decay" in at:
        result["char_decay"] = char_decay(structure) * pt.exp(CHAR_SPREAD * at["char_decay"])
    return result


def with_no_char(run: Structure, pools: Any) -> Any:
    """Pools at the start of a run, (plot, pool), with an empty one of char where the run has it."""
    import pytensor.tensor as pt

    return pt.concatenate([pools, pt.zeros_like(pools[:, :1])], axis=1) if CHAR in run.pools else pools


def counted_in(structure: Structure) -> str:
    """Pool of a structure that char is counted in."""
    return next(iter(structure.entries.get("persistent", ())), structure.pools[-1])


def char_counted(run: Structure, structure: Structure, states: Any) -> Any:
    """States of a run, (time, plot, state), as those of its structure: char is counted in the pool that it names."""
    import pytensor.tensor as pt

    if CHAR not in run.pools:
        return states
    char, counted = len(structure.pools), structure.pools.index(counted_in(structure))
    kept = pt.concatenate([states[..., :char], states[..., char + 1 :]], axis=-1)
    return pt.inc_subtensor(kept[..., counted], states[..., char])
