"""Structures in layers of soil: every pool once per layer, and carbon moving between layers.

What a structure says of a soil holds of each layer, with drivers and
parameters of its own where they depend on depth. Transport is flows like all
others, so that balance, label, adjoint, steady state and ages follow. It is
that of finite volumes: content over thickness is what moves.

A layered profile of one pool that is mixed, leached and decays is
``dC/dt = d/dz (D dC/dz - v C) - k C + I(z)``, as in Elzein and Balesdent 1995,
Soil Science Society of America Journal 59:1328-1335, and Koven et al. 2013,
Biogeosciences 10:7109-7131.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from socbayes.core.ages import Ages
from socbayes.core.dimensions import measure, per_year
from socbayes.core.doors import pools_of, structure_called
from socbayes.core.mathematics import exp, less, maximum, minimum, where
from socbayes.core.scalar_graph import Expressions, depends_on, substitute
from socbayes.core.structure import INPUT, Driver, Flow, Fraction, Names, Parameter, Structure, StructureError, unknown

LEACHED, PLOUGHING, MIXING = "leached", "ploughing", "mixing"
SURFACE = "surface"
_DEEPEST = 1e4  # cm
_STILL, _STEEP = 1e-30, 500.0  # least diffusivity in a ratio, largest Peclet number whose exponential is one


@dataclass(frozen=True)
class _Plan:
    """What :func:`with_layers` was asked for, checked."""

    structure: Structure
    boundaries: tuple[float, ...]
    by_depth: tuple[str, ...]
    shares: Mapping[str, tuple[float, ...] | float]
    leaching: Mapping[str, float]
    mixing: Mapping[str, float]
    mixed: Mapping[str, str]
    ploughed: int

    @property
    def n(self) -> int:
        return len(self.boundaries) - 1

    @property
    def numbers(self) -> range:
        return range(1, self.n + 1)

    @property
    def thickness(self) -> list[float]:
        return [bottom - top for top, bottom in pairwise(self.boundaries)]


def with_layers(
    structure: Structure | str,
    boundaries: Sequence[Any],
    *,
    inputs: Mapping[str, Any],
    by_depth: Sequence[str] | None = None,
    leaching: Mapping[str, float] | None = None,
    mixing: float | Mapping[str, float] | None = None,
    ploughed: float | None = None,
) -> Structure:
    """Structure with every pool in layers, ``<pool>_1`` at the top, and carbon that moves between them.

    Parameters
    ----------
    structure
        A structure of carbon per area, or the name of a published one, without label and radiocarbon: those follow on
        layers, ``with_label(with_layers(...))``.
    boundaries
        Depths in cm from the surface, increasing: n + 1 of them for n layers; or ``(top, bottom)`` of each layer.
    inputs
        Where what enters does so, by name of the driver or parameter that it is proportional to: ``"surface"``, for
        the first layer; a share of each layer; or a number, the depth in cm over which an exponential decline falls to
        1/e. That is then a parameter, ``<name>_depth``. Roots of ``1 - beta**depth`` (Gale and Grigal 1987, Canadian
        Journal of Forest Research 17:829-834) have ``-1 / log(beta)``.
    by_depth
        Drivers and parameters of which each layer has its own, ``<name>_<layer>``; all others are shared. ``()`` says
        that none depends on depth; left out, it is asked for.
    leaching
        How fast water takes pools down, cm/year, by pool: parameters ``leaching_<pool>``. What leaves the last layer
        goes to the sink ``leached``.
    mixing
        Diffusivity by soil animals, cm**2/year: parameter ``mixing`` of all pools that are not inert, or by pool,
        parameters ``mixing_<pool>``.
    ploughed
        Depth in cm, a boundary, down to which ploughing mixes all pools that are not inert. Driver ``ploughing``, 0 by
        default, says how often: it is the diffusivity over the square of that depth. One turn leaves less than a
        thousandth of any difference at ``ploughing=100``.

    Returns
    -------
    Structure
        Pools, flows, reports and what is by depth end in ``_1``, ``_2`` and so on; sinks are of the profile.
        :func:`socbayes.core.with_flows` gives the CO2 of a layer. Amendments enter the first layer.

    Raises
    ------
    StructureError
        For layers that do not meet, roots deeper than the profile, names that the structure does not have, input that
        no layer was told for, carbon that is not per area, and ``by_depth`` left out.

    Notes
    -----
    Between layers with distance d of their middles, the flux down is ``D/d (B(-P) c_above - B(P) c_below)`` with
    ``P = v d / D`` and ``B(P) = P / (exp(P) - 1)`` (Scharfetter and Gummel 1969, IEEE Transactions on Electron Devices
    16:64-77): exact for steady leaching and mixing, of second order otherwise, of first without mixing, and positive.
    Euler steps carry it implicitly after all other flows, for any thickness and speed; ``mprk22`` takes it as the rest.
    Inert pools stay in place. Kinetics that are not linear in carbon per area see that of a layer.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> profile = with_layers(get("rothc"), [0, 10, 30, 60], inputs={"plant_input": 20.0, "manure_input": "surface"},
    ...                       by_depth=["rate_modifier"], mixing=1.0)
    >>> profile.pools[:2], profile.driver_names[:2], profile.parameter_names[-2:]
    (('dpm_1', 'rpm_1'), ('rate_modifier_1', 'rate_modifier_2'), ('plant_input_depth', 'mixing'))
    """
    structure = structure_called(structure)
    plan = _checked(structure, boundaries, inputs, by_depth, leaching, mixing, ploughed)
    flows = _flows_in(plan)
    plain = structure.reports

    def reports(x: Any, p: Any, u: Any) -> dict[str, tuple[str, Any]]:
        found = {}
        for layer in plan.numbers:
            for name, value in plain(*_face(plan, layer, x, p, u)).items() if plain else ():
                found[f"{name}_{layer}"] = value
        return found

    sinks = structure.sinks
    if plan.leaching and LEACHED not in sinks:
        sinks = (*sinks, LEACHED)
    shown = f"{plan.n} layer{'s' if plan.n > 1 else ''} to {plan.boundaries[-1]:g} cm"
    return replace(
        structure,
        name=f"{structure.name} in {shown}",
        pools=tuple(f"{pool}_{layer}" for layer in plan.numbers for pool in structure.pools),
        sinks=sinks,
        parameters=_parameters(plan),
        drivers=_drivers(plan),
        flows=flows,
        reports=reports if plain else None,
        meters=(),
        boundaries=plan.boundaries,
        **_meanings(plan),
    )


# --- what is asked for ---------------------------------------------------------------


def _checked(
    structure: Structure,
    boundaries: Sequence[Any],
    inputs: Mapping[str, Any],
    by_depth: Sequence[str] | None,
    leaching: Mapping[str, float] | None,
    mixing: float | Mapping[str, float] | None,
    ploughed: float | None,
) -> _Plan:
    name = structure.name
    if structure.boundaries:
        raise StructureError(f"{name} is in layers already")
    if structure.labelled or structure.activities:
        raise StructureError(f"{name}: put it in layers first; label and radiocarbon follow on layers")
    if structure.meters:
        raise StructureError(f"{name} counts flows: put it in layers first, then count those of each layer")
    if measure(structure.carbon_unit).powers[:2] != (1, -2):
        raise StructureError(f"{name} counts carbon in {structure.carbon_unit}; layers hold it per area, like t/ha")
    depths = _depths(name, boundaries)
    known = (*structure.driver_names, *structure.parameter_names)
    if by_depth is None:
        raise StructureError(
            f"{name}: no driver has a depth; name in by_depth what differs between layers, of {', '.join(known)}, "
            "or give by_depth=() to say that nothing does"
        )
    varying = (by_depth,) if isinstance(by_depth, str) else tuple(dict.fromkeys(by_depth))
    for one in (*varying, *inputs):
        if one not in known:
            raise StructureError(f"{name}: " + unknown("driver or parameter", str(one), known))
        if one in varying and one in inputs:
            raise StructureError(f"{name}: {one!r} is by depth, so no share of it enters a layer; leave it out of one")
    mixed = _mixed(structure, mixing)
    for one in (*(leaching or {}), *mixed):
        if one not in structure.pools:
            raise StructureError(
                f"{name}: transport of a pool it does not have: " + unknown("pool", one, structure.pools)
            )
        if one in structure.inert:
            raise StructureError(f"{name}: {one!r} is inert and stays where it is")
    plan = _Plan(
        structure,
        depths,
        varying,
        {one: _shares(name, one, where_, depths) for one, where_ in inputs.items()},
        {f"leaching_{pool}": _number(name, f"leaching of {pool}", v) for pool, v in (leaching or {}).items()},
        {mixed[pool]: _number(name, mixed[pool], _of(mixing, pool)) for pool in mixed},
        mixed,
        0 if ploughed is None else _ploughed(name, ploughed, depths),
    )
    _check_inputs(plan)
    return plan


def _depths(name: str, boundaries: Sequence[Any]) -> tuple[float, ...]:
    try:
        given = np.asarray(boundaries, dtype=float)
    except (TypeError, ValueError):
        raise StructureError(f"{name}: boundaries are depths in cm, like [0, 10, 30], not {boundaries!r:.80}") from None
    if given.ndim == 2 and given.shape[1] == 2:
        for layer, ((_, bottom), (top, _)) in enumerate(pairwise(given), 1):
            if bottom != top:
                raise StructureError(
                    f"{name}: layers {layer} and {layer + 1} do not meet: {bottom:g} and {top:g} cm; expected one depth"
                )
        given = np.append(given[:, 0], given[-1, 1])
    if given.ndim != 1 or given.size < 2:
        raise StructureError(
            f"{name}: boundaries are at least two depths in cm, like [0, 10, 30], not {boundaries!r:.80}"
        )
    if not (np.all(np.isfinite(given)) and given[0] >= 0.0 and given[-1] <= _DEEPEST):
        raise StructureError(f"{name}: boundaries lie between 0 and {_DEEPEST:g} cm, not at {boundaries!r:.80}")
    for above, below in pairwise(given):
        if not below > above:
            raise StructureError(f"{name}: boundaries increase downwards, but {below:g} cm comes after {above:g} cm")
    return tuple(given.tolist())


def _number(name: str, what: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0.0 <= number < np.inf:
        raise StructureError(f"{name}: {what} is a number that is not negative, not {value!r}")
    return number


def _of(mixing: Any, pool: str) -> Any:
    return mixing[pool] if isinstance(mixing, Mapping) else mixing


def _mixed(structure: Structure, mixing: Any) -> dict[str, str]:
    """Parameter of mixing by pool."""
    if mixing is None:
        return {}
    if isinstance(mixing, Mapping):
        return {pool: f"{MIXING}_{pool}" for pool in mixing}
    return {pool: MIXING for pool in structure.pools if pool not in structure.inert}


def _shares(name: str, what: str, entry: Any, depths: tuple[float, ...]) -> tuple[float, ...] | float:
    n = len(depths) - 1
    if isinstance(entry, str):
        if entry != SURFACE:
            raise StructureError(f"{name}: {what} enters at the {SURFACE!r}, by shares or over a depth, not {entry!r}")
        return (1.0, *[0.0] * (n - 1))
    if np.ndim(entry) == 0:
        depth = _number(name, f"depth of {what}", entry)
        if not 0.0 < depth <= depths[-1] - depths[0]:
            raise StructureError(
                f"{name}: {what} declines over {depth:g} cm, deeper than the profile of {depths[-1] - depths[0]:g} cm; "
                "add layers below"
            )
        return depth
    shares = tuple(_number(name, f"share of {what}", share) for share in entry)
    if len(shares) > n and any(shares[n:]):
        raise StructureError(f"{name}: {what} reaches {len(shares)} layers, deeper than the profile, which has {n}")
    if len(shares) != n or not abs(sum(shares) - 1.0) < 1e-9:
        raise StructureError(
            f"{name}: shares of {what} are {n}, one for each layer, and sum to 1; got {len(shares)} of {sum(shares):g}"
        )
    return shares


def _ploughed(name: str, depth: float, depths: tuple[float, ...]) -> int:
    if depth not in depths[1:]:
        close = min(depths[1:], key=lambda one: abs(one - _number(name, "ploughed depth", depth)))
        raise StructureError(
            f"{name}: soil is ploughed to a boundary; {depth:g} cm is none, the nearest is {close:g} cm"
        )
    return depths.index(float(depth))


def _check_inputs(plan: _Plan) -> None:
    """Every flow from outside vanishes with what is shared out, else each layer would receive all of it."""
    structure = plan.structure
    trace = structure.trace
    told = {*plan.shares, *plan.by_depth}
    names = dict(zip((*structure.driver_names, *structure.parameter_names), (*trace.u, *trace.p), strict=True))
    zero = {variable: 0.0 * variable for name, variable in names.items() if name in told}
    for flow in trace.flows:
        if flow.source != INPUT:
            continue
        table = Expressions()
        places = {v: ("v", i) for i, v in enumerate((*trace.x, *trace.p, *trace.u))}
        (row,) = table.add_graph(substitute([flow.rate], zero), places)
        if table.rows[row] != ("const", 0.0):
            read = [name for name, v in names.items() if name not in told and depends_on(flow.rate, [v])]
            raise StructureError(
                f"{structure.name}: nothing says in which layers the input to {flow.target!r} is; "
                f"name in inputs what it is proportional to, of {', '.join(read) or 'no driver or parameter'}"
            )


# --- what follows ----------------------------------------------------------------------


def _each(plan: _Plan, names: Sequence[str]) -> tuple[str, ...]:
    """Names in every layer, those by depth alone."""
    return tuple(
        new for name in names for new in ([f"{name}_{k}" for k in plan.numbers] if name in plan.by_depth else [name])
    )


def _parameters(plan: _Plan) -> tuple[Parameter, ...]:
    profile = plan.boundaries[-1] - plan.boundaries[0]
    declared: list[Parameter] = []
    for one in plan.structure.parameters:
        declared += [replace(one, name=name) for name in _each(plan, [one.name])]
    for name, entry in plan.shares.items():
        if isinstance(entry, float):
            meaning = f"Depth over which {name} falls to 1/e."
            declared.append(Parameter(f"{name}_depth", "cm", entry, "as given to with_layers", 0.0, profile, meaning))
    for values, unit, meaning in (
        (plan.leaching, "cm/year", "How fast water takes carbon down."),
        (plan.mixing, "cm**2/year", "Diffusivity by soil animals."),
    ):
        declared += [Parameter(n, unit, v, "as given to with_layers", 0.0, meaning=meaning) for n, v in values.items()]
    return tuple(declared)


def _drivers(plan: _Plan) -> tuple[Driver, ...]:
    declared: list[Driver] = []
    for one in plan.structure.drivers:
        declared += [replace(one, name=name) for name in _each(plan, [one.name])]
    if plan.ploughed:
        meaning = f"How often soil is turned to {plan.boundaries[plan.ploughed]:g} cm."
        declared.append(Driver(PLOUGHING, f"1/{plan.structure.time_unit}", meaning, 0.0, 0.0))
    return tuple(declared)


def _face(plan: _Plan, layer: int, x: Any, p: Any, u: Any, shares: Mapping[str, Any] | None = None) -> list[Names]:
    """Pools, parameters and drivers of the structure as one layer sees them."""
    structure = plan.structure

    def own(name: str, values: Any) -> Any:
        value = values[f"{name}_{layer}" if name in plan.by_depth else name]
        part = shares[name][layer - 1] if shares and name in shares else 1.0
        return value if isinstance(part, float) and part == 1.0 else value * part

    return [
        Names("pool", {pool: x[f"{pool}_{layer}"] for pool in structure.pools}),
        Names("parameter", {name: own(name, p) for name in structure.parameter_names}),
        Names("driver", {name: own(name, u) for name in structure.driver_names}),
    ]


def _flows_in(plan: _Plan) -> Callable[[Any, Any, Any], Iterator[Flow]]:
    pools = plan.structure.pools

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        shares = {name: _parts(plan, name, entry, p) for name, entry in plan.shares.items()}
        for layer in plan.numbers:
            for flow in plan.structure.flows(*_face(plan, layer, x, p, u, shares)):
                source = INPUT if flow.source == INPUT else f"{flow.source}_{layer}"
                target = f"{flow.target}_{layer}" if flow.target in pools else flow.target
                yield replace(flow, source=source, target=target, name=f"{flow.name}_{layer}" if flow.name else "")
        yield from _transport(plan, x, p, u)

    return flows


def _parts(plan: _Plan, name: str, entry: tuple[float, ...] | float, p: Any) -> Sequence[Any]:
    """Share of an input in each layer."""
    if not isinstance(entry, float):
        return entry
    if plan.n == 1:
        return (1.0,)
    depth, top = p[f"{name}_depth"], plan.boundaries[0]
    whole = 1.0 - exp((top - plan.boundaries[-1]) / depth)
    # As a product of what cannot be negative, so that schemes see that no input turns round.
    return [
        exp((top - above) / depth) * (1.0 - exp((above - below) / depth)) / whole
        for above, below in pairwise(plan.boundaries)
    ]


def _transport(plan: _Plan, x: Any, p: Any, u: Any) -> Iterator[Flow]:
    """Leaching and mixing; pools that move alike share their coefficients."""
    moving: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for pool in plan.structure.pools:
        if pool in plan.structure.inert:
            continue
        how = (f"leaching_{pool}" if f"leaching_{pool}" in plan.leaching else "", plan.mixed.get(pool, ""))
        if how not in moving:
            moving[how] = _coefficients(plan, *how, p, u)
        for k, (down, up) in enumerate(moving[how], 1):
            here, below = f"{pool}_{k}", f"{pool}_{k + 1}" if k < plan.n else LEACHED
            if down is not None:
                yield Flow(here, below, down * x[here], carries=True)
            if up is not None:
                yield Flow(below, here, up * x[below], carries=True)


def _coefficients(plan: _Plan, speed: str, spread: str, p: Any, u: Any) -> list[tuple[Any, Any]]:
    """What share of a layer moves down, and of that below up, 1/time; None where nothing does."""
    years, thickness = per_year(plan.structure.time_unit), plan.thickness
    v = p[speed] / years if speed else None
    mixing = [p[spread] / years] if spread else []
    turning = [u[PLOUGHING] * plan.boundaries[plan.ploughed] ** 2] if plan.ploughed else []
    known: dict[tuple[Any, ...], tuple[Any, Any]] = {}  # layers of like thickness share them
    found = []
    for k, (above, below) in enumerate(pairwise(thickness), 1):
        key = (above, below, k < plan.ploughed)
        if key not in known:
            d = [*mixing, *(turning if k < plan.ploughed else [])]
            down, up = _exchange(v, sum(d[1:], d[0]) if d else None, 0.5 * (above + below))
            first = None if down is None else down / above
            same = up is down and above == below
            known[key] = (first, first if same else None if up is None else up / below)
        found.append(known[key])
    return found if v is None else [*found, (v / thickness[-1], None)]


def _exchange(v: Any, d: Any, distance: float) -> tuple[Any, Any]:
    """Velocities down and up between two layers, cm/time; None where nothing moves."""
    if d is None:
        return v, None
    if v is None:
        both = d / distance
        return both, both
    peclet = minimum(v * distance / maximum(d, _STILL), _STEEP)
    # exp(P) - 1 over P: its series where the difference would lose digits.
    series = 1.0 + peclet * (1.0 / 2.0 + peclet * (1.0 / 6.0 + peclet * (1.0 / 24.0 + peclet / 120.0)))
    some = less(1e-3, peclet)
    larger = where(some, peclet, 1.0)
    up = d / distance * where(some, larger / (exp(larger) - 1.0), 1.0 / series)
    return up + v, up


def _meanings(plan: _Plan) -> dict[str, Any]:
    """What laboratory, field and literature are told, of layers."""
    structure = plan.structure

    def deep(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{name}_{layer}" for layer in plan.numbers for name in names)

    def parts(fraction: Fraction) -> Fraction:
        if isinstance(fraction, Mapping):
            return {f"{name}_{layer}": weight for layer in plan.numbers for name, weight in fraction.items()}
        return deep(fraction)

    def top(entry: Fraction) -> Fraction:
        if isinstance(entry, Mapping):
            return {f"{name}_1": share for name, share in entry.items()}
        return tuple(f"{name}_1" for name in entry)

    def beside(values: Mapping[str, Any]) -> dict[str, Any]:
        return {new: value for name, value in values.items() for new in _each(plan, [name])}

    known = structure.efficiency
    shared = known is not None and not {*known.names, "temperature"} & {*plan.by_depth}
    return {
        "microbial": deep(structure.microbial),
        "necromass": deep(structure.necromass),
        "inert": deep(structure.inert),
        "dissolved": deep(structure.dissolved),
        "fractions": {name: parts(fraction) for name, fraction in structure.fractions.items()},
        "entries": {name: top(entry) for name, entry in structure.entries.items()},
        "input_shares": {} if {*structure.input_shares} & {*plan.by_depth} else structure.input_shares,
        "decomposition": _each(plan, structure.decomposition),
        "parameter_sets": {name: beside(values) for name, values in structure.parameter_sets.items()},
        "carried": beside(structure.carried),
        "paced": {name: _each(plan, [leader])[0] for name, leader in beside(structure.paced).items()},
        "efficiency": known if shared else None,
    }


# --- what a profile tells --------------------------------------------------------------------


def by_layer(**values: Any) -> dict[str, Any]:
    """Drivers or parameters of layers by name, from arrays or tensors whose last axis is the layer.

    Examples
    --------
    >>> by_layer(clay=[20.0, 25.0])
    {'clay_1': 20.0, 'clay_2': 25.0}
    """
    named = {}
    for name, value in values.items():
        array = value if hasattr(value, "type") else np.asarray(value, dtype=float)
        n = array.type.shape[-1] if hasattr(array, "type") else array.shape[-1] if array.ndim else None
        if n is None:
            raise StructureError(f"{name!r} has no last axis of known length, one value for each layer")
        for layer in range(n):
            one = array[..., layer]
            named[f"{name}_{layer + 1}"] = float(one) if isinstance(one, np.floating) else one
    return named


def layer_carbon(structure: Structure, pools: Any) -> Any:
    """Carbon of each layer, ``(..., layer)``, from pools by name or ``(..., pool)``.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> profile = with_layers(get("icbm"), [0, 20, 50], inputs={"carbon_input": "surface"}, by_depth=())
    >>> layer_carbon(profile, {"young_1": 0.3, "old_1": 4.0, "old_2": 2.0}).tolist()
    [4.3, 2.0]
    """
    _need_layers(structure)
    contents = np.stack(np.broadcast_arrays(*pools_of(structure, pools)), axis=-1)
    return contents @ _members(structure)


def layer_ages(structure: Structure, ages: Ages) -> Any:
    """Mean age of the carbon of each layer ``(layer,)``, of :func:`socbayes.core.ages`; inert pools have none.

    Examples
    --------
    >>> from socbayes.core.ages import ages
    >>> from socbayes.structures import get
    >>> profile = with_layers(get("icbm"), [0, 20, 50], inputs={"carbon_input": 20.0}, by_depth=(), mixing=1.0)
    >>> bool(np.all(np.diff(layer_ages(profile, ages(profile))) > 0))
    True
    """
    _need_layers(structure)
    rows = [structure.pools.index(pool) for pool in ages.pools]
    members = _members(structure)[rows]
    aged = np.array([ages.pool_ages[pool] for pool in ages.pools])
    with np.errstate(invalid="ignore"):
        return (ages.stocks * aged) @ members / (ages.stocks @ members)


def _need_layers(structure: Structure) -> None:
    if not structure.boundaries:
        raise StructureError(f"{structure.name} has no layers; with_layers puts it in some")


def _members(structure: Structure) -> np.ndarray[Any, Any]:
    """Whether a pool of carbon is in a layer (pool, layer)."""
    found = np.zeros((len(structure.pools), len(structure.boundaries) - 1))
    for place, pool in enumerate(structure.pools):
        if pool not in structure.activities:
            parts = pool.split("_")  # a label stands after the layer
            found[place, int(parts[-1] if parts[-1].isdigit() else parts[-2]) - 1] = 1.0
    return found


__all__ = ["by_layer", "layer_ages", "layer_carbon", "with_layers"]
