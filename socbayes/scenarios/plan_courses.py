"""What a plan does to the drivers and parameters of a run, and runs that change from step to step of its doses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.field.amendments import kind_of_lever
from socbayes.models.field.branches import RATE_DRIVER
from socbayes.structures.amendments import input_of
from socbayes.structures.forcing import input_factor
from socbayes.structures.roots import ROOT_INPUT

if TYPE_CHECKING:
    from socbayes.scenarios.plan_runs import Prepared

type Acting = Sequence[tuple[str, str, np.ndarray]]
type Columns = Sequence[np.ndarray]


def course_of(
    prepared: Prepared,
    columns: Columns,
    acting: Acting,
    plot: int,
    first: int,
    begun: np.ndarray,
    own: np.ndarray,
    when: np.ndarray,
) -> np.ndarray:
    """Pools of every draw of one plot under one plan, (time, sample, pool).

    A dose that does not change is a parameter, which is faster than drivers of every draw: what steps from one dose to
    another is run from step to step, and only a ramp goes through drivers.

    Parameters
    ----------
    prepared
        Of :func:`socbayes.scenarios.plan_runs.prepare`.
    columns, acting
        Drivers of each course of climate, and doses, of the plan.
    plot
        Position of the plot.
    first
        Row at which the run begins.
    begun, own
        Pools there, (sample, pool), and parameters, (sample, parameter).
    when
        Months since then, increasing, (time,).
    """
    run, pieces = prepared.branches.run, []
    last = int(when[-1])
    cuts = [0, *steps_of(np.array([dose[first : first + last, plot] for _, _, dose in acting])), last]
    for start, end in pairwise(cuts):
        rows = slice(first + start, first + end)
        drivers, parameters = changed(prepared, columns, _at(acting, rows, plot), plot, rows, own)
        inside = when[(when > start if start else when >= 0) & (when <= end)] - start
        states = run(begun, parameters, drivers, inside) if inside.size else np.empty((0, *begun.shape))
        pieces.append(states)
        if end < last:
            reached = int(inside[-1]) if inside.size else 0
            begun = states[-1] if inside.size else begun
            if reached < end - start:
                begun = run(begun, parameters, drivers[reached:], np.array([end - start - reached]))[0]
    return np.concatenate(pieces)


def steps_of(doses: np.ndarray) -> list[int]:
    """Months at which some dose becomes another, (dose, month); of a ramp, the first and the last.

    Examples
    --------
    >>> steps_of(np.array([[0, 0, 1, 1, 1, 0], [2, 2, 2, 2, 2, 2]]))
    [2, 5]
    >>> steps_of(np.array([[0, 0.25, 0.5, 0.75, 1, 1]]))
    [1, 4]
    """
    if not doses.size:
        return []
    steps = (np.diff(doses, axis=1) != 0).any(axis=0)
    ramp = np.zeros_like(steps)
    ramp[1:-1] = steps[:-2] & steps[2:]
    return [int(month) + 1 for month in np.flatnonzero(steps & ~ramp)]


def _at(acting: Acting, rows: slice, plot: int) -> list[tuple[str, str, np.ndarray]]:
    """Doses of which there is anything in some rows of a plot."""
    return [one for one in acting if one[2][rows, plot].any()]


def parting(one: tuple[Columns, Acting], other: tuple[Columns, Acting], plot: int, rows: slice) -> int:
    """Months for which two plans are the same on a plot.

    Parameters
    ----------
    one, other
        Drivers of each course of climate, and doses, of each plan.
    plot
        Position of the plot.
    rows
        From where a plan may do anything.
    """
    months = rows.stop - rows.start
    differ = np.zeros(months, dtype=bool)
    if one[0] is not other[0]:
        # A climate of one course is that of every course of the other.
        for course in range(max(len(one[0]), len(other[0]))):
            a, b = (each[course % len(each)][rows, plot] for each in (one[0], other[0]))
            differ |= ((a != b) & ~(np.isnan(a) & np.isnan(b))).any(axis=1)
    sums: dict[tuple[str, str], np.ndarray] = {}
    for sign, (_, acting) in ((1.0, one), (-1.0, other)):
        for acts_on, name, dose in acting:
            sums[acts_on, name] = sums.get((acts_on, name), 0.0) + sign * dose[rows, plot]
    for left in sums.values():
        differ |= left != 0
    return int(np.argmax(differ)) if differ.any() else months


def changed(
    prepared: Prepared,
    columns: Sequence[np.ndarray],
    active: Iterable[tuple[str, str, np.ndarray]],
    plot: int,
    rows: slice,
    parameters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Drivers, (month, 1 or sample, driver), and parameters, (sample, parameter), of one plot under one plan.

    Parameters
    ----------
    prepared, columns, plot
        As for :func:`course_of`.
    active
        Doses that there are.
    rows
        Of the months that are run.
    parameters
        Without the plan, (sample, parameter).
    """
    drivers = np.stack([one[rows, plot] for one in columns], axis=1)
    if len(columns) > 1:
        drivers = drivers[:, prepared.member]
    acting = list(active)
    if not acting:
        return drivers, parameters
    samples = len(parameters)
    data, roles, position = prepared.data, prepared.data.setup.roles, prepared.branches.position
    steady = all(np.ptp(dose[rows, plot]) == 0 for _, _, dose in acting)
    factors = {"plant": np.ones((1, 1)), "rate": np.ones((1, 1))}
    share: Any = 0.0
    added: dict[str, Any] = {}
    for acts_on, name, dose in acting:
        # An effect that is the same in all months is that of one.
        effect, doses = prepared.effects.get(name, np.zeros(samples)), dose[rows, plot][: 1 if steady else None, None]
        if acts_on == "plant_share":
            share = share + doses
        elif acts_on.endswith("_factor"):
            kind = acts_on.removesuffix("_factor")
            factors[kind] = factors[kind] * np.exp(doses * effect)
        else:
            kind = acts_on.removesuffix("_added")
            if kind == "manure" and data.forcing.amendments:
                kind = kind_of_lever(name)
            added[kind] = added.get(kind, 0.0) + doses * np.exp(effect)
    factors["plant"] = factors["plant"] * np.maximum(1.0 + share, 0.0)
    plant = added.pop("plant", None)
    carbon = {} if plant is None else {
        name: part * unit_factor(prepared, name, plot) * plant for name, part in roles.plant.items()
    }  # fmt: skip
    for kind, tons in added.items():
        driver = roles.manure if kind == "manure" else input_of(kind)
        carbon[driver] = unit_factor(prepared, driver, plot) * tons
    if steady:
        # It is a parameter then, and drivers stay one for all draws.
        changed = parameters.copy()
        for place, name in enumerate(prepared.branches.structure.parameter_names):
            for kind, called in (("plant", "input_factor"), ("rate", "rate_factor")):
                if name == called or name.startswith(f"{called}_"):
                    changed[:, place] *= factors[kind][0]
            if name.removesuffix("_added") in carbon and name.endswith("_added"):
                changed[:, place] += carbon[name.removesuffix("_added")][0] / _level(prepared, name, parameters)
        return drivers, changed
    result = np.repeat(drivers, samples, axis=1) if drivers.shape[1] == 1 else drivers.copy()
    result[..., position(roles.modifier or RATE_DRIVER)] *= factors["rate"]
    for name in (*roles.plant, *([ROOT_INPUT] if data.forcing.rooted else [])):
        result[..., position(name)] *= factors["plant"]
    for name, values in carbon.items():
        # What is weighed in is not over what was stated: the learned factor on inputs is taken off again.
        result[..., position(name)] += values / learned_factor(prepared, name, plot, rows, parameters)
    return result, parameters


def unit_factor(prepared: Prepared, driver: str, plot: int) -> float:
    """What multiplies t C/ha/year to give the unit of a driver.

    Parameters
    ----------
    prepared
        Of :func:`socbayes.scenarios.plan_runs.prepare`.
    driver
        Its name.
    plot
        Position of the plot.
    """
    plots = prepared.data.plots
    unit = next(one.unit for one in prepared.branches.structure.drivers if one.name == driver)
    return input_factor(unit, plots.density[plot], plots.depth[plot]) or 1.0


def _level(prepared: Prepared, called: str, parameters: np.ndarray) -> Any:
    """Learned factor on an amendment, (sample,), by its driver or what is added to it; one for all else."""
    names, kind = prepared.branches.structure.parameter_names, called.removesuffix("_added").removesuffix("_input")
    return parameters[:, names.index(f"{kind}_level")] if kind in prepared.data.forcing.amendments else 1.0


def learned_factor(prepared: Prepared, driver: str, plot: int, rows: slice, parameters: np.ndarray) -> Any:
    """Learned factor on an input in every month, (month or 1, sample).

    Parameters
    ----------
    prepared
        Of :func:`socbayes.scenarios.plan_runs.prepare`.
    driver
        Name of the input.
    plot
        Position of the plot.
    rows
        Months, as positions in the layout.
    parameters
        (sample, parameter).
    """
    names, plots = prepared.branches.structure.parameter_names, prepared.data.plots
    if driver not in prepared.data.setup.structure.driver_names:
        return np.reshape(_level(prepared, driver, parameters), (1, -1))
    if driver == prepared.data.setup.roles.manure:
        return parameters[:, names.index("manure_factor")][None] if prepared.data.forcing.manured else 1.0
    if plots.periods == 1:
        return parameters[:, names.index("input_factor")][None]
    each = np.array([names.index(f"input_factor_{number + 1}") for number in range(plots.periods)])
    return parameters[:, each[plots.period[rows, plot]]].T
