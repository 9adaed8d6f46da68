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

from socbayes.core.dimensions import measure
from socbayes.core.doors import structure_called
from socbayes.core.mathematics import exp
from socbayes.core.scalar_graph import Expressions, depends_on, substitute
from socbayes.core.structure import INPUT, Driver, Flow, Fraction, Names, Parameter, Structure, StructureError, unknown
from socbayes.core.transport import LEACHED, PLOUGHING, transport
from socbayes.wording import counted

MIXING, SURFACE = "mixing", "surface"
_DEEPEST = 1e4  # cm


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
    shown = f"{counted(plan.n, 'layer')} to {plan.boundaries[-1]:g} cm"
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
        yield from transport(plan, x, p, u)

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


def _meanings(plan: _Plan) -> dict[str, Any]:
    """What laboratory, field and literature are told, of layers."""
    structure = plan.structure

    def deep(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{name}_{layer}" for layer in plan.numbers for name in names)

    def parts(fraction: Fraction) -> Fraction:
        if isinstance(fraction, Mapping):
            return {f"{name}_{layer}": weight for layer in plan.numbers for name, weight in fraction.items()}
        return deep(fraction)

    def first(name: str) -> str:
        return f"{name}_1" if name in structure.pools else name

    def top(entry: Fraction) -> Fraction:
        if isinstance(entry, Mapping):
            return {first(name): share for name, share in entry.items()}
        return tuple(first(name) for name in entry)

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


__all__ = ["with_layers"]
