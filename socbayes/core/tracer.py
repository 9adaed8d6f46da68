"""Isotopes carried by the carbon of any structure.

:func:`with_label` splits every pool into unlabelled and labelled carbon, as a
13C or 14C addition does: the two add up to the pool, rates see the sum, and a
flow takes both in the proportion found in its source. :func:`with_radiocarbon`
carries natural radiocarbon along, an activity that decays and weighs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from socbayes.core.dimensions import per_year
from socbayes.core.mathematics import exp
from socbayes.core.scalar_graph import specific_rate
from socbayes.core.structure import INPUT, Driver, Flow, Fraction, Names, Parameter, Structure, StructureError

NATIVE, LABEL, ACTIVITY = "_native", "_label", "_14c"


def _both(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name + NATIVE for name in names) + tuple(name + LABEL for name in names)


def _both_parts(parts: Fraction) -> Fraction:
    if isinstance(parts, Mapping):
        return {name + kind: weight for kind in (NATIVE, LABEL) for name, weight in parts.items()}
    return _both(parts)


def with_label(structure: Structure) -> Structure:
    """Structure with every pool and sink in two: ``<name>_native`` and ``<name>_label``.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Structure
        With a driver ``label_<pool>`` for each pool that receives input: the
        labelled share of that input, 0 by default. Fractions hold both parts
        of their pools.

    Notes
    -----
    Keeping the unlabelled part, and not the total, as the companion makes both
    parts pools of their own: a positive scheme then keeps the labelled share
    between 0 and 1 without being told to.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_label(get("icbm")).pools
    ('young_native', 'old_native', 'young_label', 'old_label')
    """
    if structure.labelled:
        raise StructureError(f"{structure.name} is labelled already")
    fed = dict.fromkeys(flow.target for flow in structure.trace.flows if flow.source == INPUT)

    def totals(x: Any) -> dict[str, Any]:
        return {name: x[name + NATIVE] + x[name + LABEL] for name in structure.pools}

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        total = totals(x)
        for flow in structure.flows(Names("pool", total), p, u):
            if flow.source == INPUT:
                share = u[f"label_{flow.target}"]
                yield Flow(INPUT, flow.target + NATIVE, flow.rate * (1.0 - share), flow.called + NATIVE)
                yield Flow(INPUT, flow.target + LABEL, flow.rate * share, flow.called + LABEL)
                continue
            rate = specific_rate(flow.rate, total[flow.source])
            for kind in (NATIVE, LABEL):
                moved = rate * x[flow.source + kind]
                yield Flow(flow.source + kind, flow.target + kind, moved, flow.called + kind, flow.carries)

    reports = structure.reports
    return replace(
        structure,
        name=f"{structure.name}, labelled",
        pools=_both(structure.pools),
        sinks=_both(structure.sinks),
        drivers=(
            *structure.drivers,
            *(Driver(f"label_{name}", "1", f"Labelled share of the input to {name}.", 0.0, 0.0, 1.0) for name in fed),
        ),
        flows=flows,
        reports=None if reports is None else lambda x, p, u: reports(Names("pool", totals(x)), p, u),
        microbial=_both(structure.microbial),
        necromass=_both(structure.necromass),
        inert=_both(structure.inert),
        dissolved=_both(structure.dissolved),
        meters=_both(structure.meters),
        activities=_both(structure.activities),
        labelled=True,
        fractions={name: _both_parts(parts) for name, parts in structure.fractions.items()},
        entries={},  # what is spread has no label
    )


def label_initial(initial: ArrayLike, share: ArrayLike = 0.0) -> Any:
    """Split initial pools of a plain structure into those of the labelled one.

    Parameters
    ----------
    initial
        ``(..., pool)``.
    share
        Labelled share, a number or ``(..., pool)``.

    Returns
    -------
    numpy.ndarray
        ``(..., 2 pool)``: unlabelled, then labelled.

    Examples
    --------
    >>> label_initial([2.0, 4.0], 0.25).tolist()
    [1.5, 3.0, 0.5, 1.0]
    """
    values = np.asarray(initial, dtype=float)
    return np.concatenate([values * (1.0 - np.asarray(share)), values * np.asarray(share)], axis=-1)


def with_radiocarbon(structure: Structure, half_life: float = 5730.0) -> Structure:
    """Structure that carries a radiocarbon activity ``<name>_14c`` beside each pool.

    Parameters
    ----------
    structure
        Any structure.
    half_life
        Years. 5730 is the physical one; RothC uses Libby's 5568.

    Returns
    -------
    Structure
        Activities are carbon times the ratio to modern, so ``pool_14c / pool``
        is that ratio. Driver ``input_activity`` is the ratio of the input, 1 by
        default; sink ``decayed_14c`` takes what decays.

    Notes
    -----
    In a discrete structure what is there at the beginning of a step decays
    over the step and what enters during it does not, as in RothC. Activity of
    inert pools is constant.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> with_radiocarbon(get("icbm")).pools
    ('young', 'old', 'young_14c', 'old_14c')
    """
    if structure.activities:
        raise StructureError(f"{structure.name} carries radiocarbon already")
    years = per_year(structure.time_unit)

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        per_time = np.log(2.0) / (p.half_life * years)
        survives = exp(-per_time * structure.step) if structure.discrete else None
        for flow in structure.flows(x, p, u):
            yield flow
            if flow.source == INPUT:
                yield Flow(INPUT, flow.target + ACTIVITY, flow.rate * u.input_activity, flow.called + ACTIVITY)
                continue
            rate = specific_rate(flow.rate, x[flow.source]) * x[flow.source + ACTIVITY]
            # What is carried is carried after the decay of the step.
            kept = rate if survives is None or flow.carries else rate * survives
            yield Flow(flow.source + ACTIVITY, flow.target + ACTIVITY, kept, flow.called + ACTIVITY, flow.carries)
        for pool in structure.pools:
            if pool not in structure.inert:
                lost = per_time if survives is None else (1.0 - survives) / structure.step
                yield Flow(pool + ACTIVITY, "decayed_14c", lost * x[pool + ACTIVITY])

    def activities(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name + ACTIVITY for name in names)

    return replace(
        structure,
        name=f"{structure.name}, radiocarbon",
        pools=structure.pools + activities(structure.pools),
        sinks=(*structure.sinks, *activities(structure.sinks), "decayed_14c"),
        parameters=(
            *structure.parameters,
            Parameter("half_life", "year", half_life, "physical constant, or the authors' choice", 0.0),
        ),
        drivers=(
            *structure.drivers,
            Driver("input_activity", "1", "Activity of the input over modern.", 1.0, 0.0),
        ),
        flows=flows,
        inert=structure.inert + activities(structure.inert),
        activities=(*activities(structure.pools + structure.sinks), "decayed_14c"),
    )


def priming(treated: Mapping[str, Any], control: Mapping[str, Any], structure: Structure) -> dict[str, Any]:
    """Priming of a labelled addition: what it changed in the fate of native carbon.

    Parameters
    ----------
    treated, control
        States by name (a Dataset of :func:`socbayes.structures.simulate` will do) of
        a labelled run with the addition and of the same run without it, from
        the same native pools.
    structure
        The labelled structure.

    Returns
    -------
    dict
        ``priming``, cumulative native CO2 of treated less control, in carbon;
        ``priming_relative``, over the control's; ``priming_real``, native
        carbon lost from pools that do not live, and ``priming_apparent``, from
        microbial biomass. Without other losses the last two sum to the first.
    """
    co2 = [name for name in structure.respired if structure.labelled and name.endswith(NATIVE)]
    if not co2:
        raise StructureError(f"{structure.name} has no native CO2; label it with with_label")

    def change(names: Sequence[str]) -> Any:
        return sum((treated[name] - control[name] for name in names), 0.0 * treated[co2[0]])

    native = [name for name in structure.carbon_pools if name.endswith(NATIVE)]
    total = change(co2)
    return {
        "priming": total,
        "priming_relative": total / sum(control[name] for name in co2),
        "priming_real": -change([name for name in native if name not in structure.microbial]),
        "priming_apparent": -change([name for name in native if name in structure.microbial]),
    }
