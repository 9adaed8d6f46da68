"""What a soil carbon model is: pools, sinks, parameters, drivers and flows.

A :class:`Structure` is a declaration and nothing else. Carbon balance, the
isotopic label, the compartmental matrix, the integrator and its adjoint are
all derived from the flows, so an author writes no derivative and no mass
balance. What nothing can derive is declared as well: what a laboratory, a
field plot and the literature call the parts of a structure.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import pytensor.scalar as ps
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors
from pytensor.scalar.basic import ScalarVariable

from socbayes.core.dimensions import fault_of_base, fault_of_unit
from socbayes.errors import SocbayesError, UnknownNameError

INPUT = "input"
"""Source of a flow that brings carbon from outside the soil."""

SCHEMES = ("euler", "rk4", "mprk22")
"""Integration schemes; see :mod:`socbayes.core.integrate`."""

OUTPUTS = (
    *("time", "site", "soil_organic_carbon", "co2_rate", "carbon_use_efficiency", "necromass_share"),
    *("native_organic_carbon", "label_organic_carbon"),
)
"""Names that a run gives out of itself, which no pool, sink or report can have."""

ENTRIES = ("labile", "resistant", "humified", "persistent")
"""Qualities of carbon that is spread on a soil, each with pools that it enters."""

Fraction = Sequence[str] | Mapping[str, float]
"""Pools that make up a fraction of the carbon, or weights by pool."""


class StructureError(SocbayesError, ValueError):
    """A structure that cannot be what its author meant."""


@dataclass(frozen=True)
class Parameter:
    """A constant of a structure that data may inform.

    Parameters
    ----------
    name
        Attribute under which the flows read it.
    unit
        Such as ``"1/day"`` or ``"mg/g"``; ``"1"`` when dimensionless. Carbon, fluxes of carbon and rates are in the
        structure's units.
    default
        Value used where the caller gives none.
    source
        Publication, or "assumed" with a reason.
    lower, upper
        Physical limits. Numbers beyond them are refused, and a tensor that goes beyond them makes the run NaN, so a
        sampler rejects the point.
    meaning
        One sentence.
    """

    name: str
    unit: str
    default: float
    source: str
    lower: float = -float("inf")
    upper: float = float("inf")
    meaning: str = ""


@dataclass(frozen=True)
class Driver:
    """A quantity that varies in time and is given as data.

    Parameters
    ----------
    name, unit, meaning
        As for :class:`Parameter`.
    default
        Constant used where the caller gives none; None makes the driver
        compulsory.
    lower, upper
        Values beyond which the flows mean nothing: an input of carbon is not
        negative.
    """

    name: str
    unit: str
    meaning: str = ""
    default: float | None = None
    lower: float = -float("inf")
    upper: float = float("inf")


@dataclass(frozen=True)
class Flow:
    """Carbon moving from one pool to another.

    Parameters
    ----------
    source
        Pool that loses the carbon, or ``"input"`` for carbon from outside.
    target
        Pool or sink that receives it.
    rate
        PyTensor scalar, carbon per time, not negative in ordinary conditions.
    name
        What it is called; several may share a name and are then one flow.
        ``<source>_to_<target>`` unless given.
    carries
        True where it takes carbon elsewhere as it is, at a rate that is
        proportional to the source: Euler steps then move what there is after
        all other flows, implicitly, so that no transport is too fast for them.
    """

    source: str
    target: str
    rate: Any
    name: str = ""
    carries: bool = False

    @property
    def called(self) -> str:
        """Name of the flow."""
        return self.name or f"{self.source}_to_{self.target}"


class Names:
    """Attribute access to one group of scalars, with a hint on a wrong name."""

    def __init__(self, kind: str, values: Mapping[str, Any]) -> None:
        self._kind = kind
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise StructureError(unknown(self._kind, name, self._values)) from None

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())


@dataclass(frozen=True)
class Efficiency:
    """How carbon use efficiency answers temperature: a straight line of it, or of its logit.

    Parameters
    ----------
    level
        Parameter: efficiency at the reference temperature.
    slope
        Parameter: its change per degree, times ``sign``.
    reference
        Parameter: the temperature at which it is the level; not needed of a logit.
    sign
        -1 where the authors write the slope as a decline.
    logit
        Whether the logit is the straight line.
    """

    level: str
    slope: str
    reference: str = ""
    sign: float = 1.0
    logit: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that it names."""
        return tuple(name for name in (self.level, self.slope, self.reference) if name)


@dataclass(frozen=True)
class Trace:
    """Flows of a structure as one scalar graph.

    ``x``, ``p`` and ``u`` are the scalar inputs (pools, parameters, drivers);
    ``reports`` are the quantities a structure names beside its pools.
    """

    x: tuple[Any, ...]
    p: tuple[Any, ...]
    u: tuple[Any, ...]
    flows: tuple[Flow, ...]
    reports: tuple[Any, ...] = ()


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Sentence about a name nobody declared.

    Examples
    --------
    >>> unknown("pool", "microbe", ["microbes", "litter"])
    "no pool named 'microbe'; did you mean 'microbes'? (microbes, litter)"
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"no {kind} named {name!r}{hint} ({', '.join(known)})"


def _read_only(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Copy of a mapping, and of those in it, that nobody changes: published structures are shared."""
    return MappingProxyType(
        {name: _read_only(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    )


@dataclass(frozen=True, eq=False)
class Structure:
    """A soil carbon model, declared by its flows.

    Parameters
    ----------
    name
        Name under which the model is known.
    pools
        Names of the state variables.
    parameters, drivers
        Declared constants and forcings.
    flows
        ``flows(x, p, u)`` yields :class:`Flow`; ``x``, ``p`` and ``u`` carry
        pools, parameters and drivers as attributes. It is called once.
    sinks
        Names of what accumulates carbon that has left the soil; those that
        begin with ``co2`` are respired.
    reports
        ``reports(x, p, u)`` returns a mapping of name to ``(unit, scalar)``.
    microbial, necromass, inert
        Pools that are living biomass, microbial necromass, and pools that no
        flow enters or leaves.
    carbon_unit, time_unit
        Units of a pool and of time; a rate is their quotient.
    meters
        Flows whose carbon is counted, each in a state of its name;
        :func:`socbayes.core.with_flows` adds them.
    activities
        Pools and sinks that hold an isotope's activity, which weighs nothing.
    boundaries
        Depths in cm between which the layers lie, if every pool is in layers;
        :func:`socbayes.core.with_layers` adds them.
    labelled
        True when every pool comes in two, ``<name>_native`` and
        ``<name>_label``; :func:`socbayes.core.with_label` says so.
    scheme, step
        How the authors step the model, in ``time_unit``.
    discrete
        True when the flows are the change over exactly one ``step`` (RothC's
        month), so that only Euler steps of that length reproduce the authors.
    parameter_sets
        Named sets of values by publication; each overrides some defaults.
    reference
        Citation of the equations.
    dissolved
        Pools that are dissolved organic carbon.
    fractions
        Pools, or weights by pool, that a laboratory sees in each fraction. What
        ``microbial``, ``necromass``, ``inert`` and ``dissolved`` say, and a
        total of all pools, need no entry here; an entry replaces them.
    input_shares
        Shares of plant carbon by driver, where equal shares would be wrong.
    entries
        Pools, or shares by pool, that the ``labile``, ``resistant`` and
        ``humified`` carbon of an amendment enters, and the one pool in which a
        laboratory would count ``persistent`` carbon, char: see
        :mod:`socbayes.structures.amendments`. A share may go to a sink, where
        litter is respired as it arrives.
    decomposition
        Parameters that a faster decomposition multiplies, where not all rate
        constants are meant.
    reference_modifier
        Product of RothC's temperature, moisture and cover modifiers in the
        climate in which ``rate_modifier`` is one.
    inert_share
        Share of the carbon in inert pools about which that of a field plot is uncertain; by default that of inert
        organic matter in RothC, Falloon et al. 1998 at 75 t/ha.
    month_steps
        Steps of a month, where the structure has daily ones for incubations
        and no authors who fixed them.
    carried
        By parameter, what a posterior of the literature calls it; rates are
        those at 15 degC.
    paced
        By rate, the carried rate with which it keeps pace: it is multiplied by
        what the other is over its default.
    efficiency
        How carbon use efficiency answers the driver ``temperature``, where there is one efficiency that does.

    Raises
    ------
    StructureError
        At declaration: an unknown pool, parameter or driver, a flow into
        nothing, a parameter without unit or source, a unit that is none or not
        the structure's, a name that a run gives out itself, a rate that is not
        a scalar graph.

    Examples
    --------
    >>> def flows(x, p, u):
    ...     yield Flow("input", "litter", u.litterfall)
    ...     yield Flow("litter", "co2", p.k * x.litter)
    >>> model = Structure(
    ...     name="one pool", pools=("litter",), flows=flows,
    ...     parameters=(Parameter("k", "1/year", 0.5, "assumed"),),
    ...     drivers=(Driver("litterfall", "g/m**2/year"),),
    ...     carbon_unit="g/m**2", time_unit="year")
    >>> model.state
    ('litter', 'co2')
    """

    name: str
    pools: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    drivers: tuple[Driver, ...]
    flows: Callable[[Any, Any, Any], Iterable[Flow]]
    sinks: tuple[str, ...] = ("co2",)
    reports: Callable[[Any, Any, Any], Mapping[str, tuple[str, Any]]] | None = None
    microbial: tuple[str, ...] = ()
    necromass: tuple[str, ...] = ()
    inert: tuple[str, ...] = ()
    carbon_unit: str = "g/m**2"
    time_unit: str = "day"
    scheme: str = "euler"
    step: float = 1.0
    discrete: bool = False
    parameter_sets: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: MappingProxyType({}))
    reference: str = ""
    dissolved: tuple[str, ...] = ()
    fractions: Mapping[str, Fraction] = field(default_factory=lambda: MappingProxyType({}))
    input_shares: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    entries: Mapping[str, Fraction] = field(default_factory=lambda: MappingProxyType({}))
    decomposition: tuple[str, ...] = ()
    reference_modifier: float = 1.0
    inert_share: float = 0.09
    month_steps: int | None = None
    carried: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    paced: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    efficiency: Efficiency | None = None
    meters: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()
    labelled: bool = False
    report_units: Mapping[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("fractions", "input_shares", "entries", "carried", "paced"):
            object.__setattr__(self, name, _read_only(getattr(self, name)))
        self._check_names()
        self._check_units()
        self._check_bounds()
        self._check_meanings()
        object.__setattr__(self, "trace", self._trace())

    trace: Trace = field(init=False, repr=False)

    @property
    def state(self) -> tuple[str, ...]:
        """Pools, then sinks, then counted flows: the order of every state vector."""
        return self.pools + self.sinks + self.meters

    @property
    def flow_names(self) -> tuple[str, ...]:
        """Names of the flows, each once."""
        return tuple(dict.fromkeys(flow.called for flow in self.trace.flows))

    @property
    def carbon_pools(self) -> tuple[str, ...]:
        """Pools of carbon: those that hold no activity."""
        return tuple(pool for pool in self.pools if pool not in self.activities)

    @property
    def respired(self) -> tuple[str, ...]:
        """Sinks of respired carbon."""
        return tuple(s for s in self.sinks if s.lower().startswith("co2") and s not in self.activities)

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in declaration order."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def driver_names(self) -> tuple[str, ...]:
        """Names of the drivers, in declaration order."""
        return tuple(driver.name for driver in self.drivers)

    @property
    def linear(self) -> bool:
        """Whether every flow is proportional to its source pool or independent of all pools."""
        from socbayes.core.scalar_graph import depends_on, specific_rate

        pools = dict(zip(self.pools, self.trace.x, strict=True))
        for flow in self.trace.flows:
            rate = flow.rate if flow.source == INPUT else specific_rate(flow.rate, pools[flow.source])
            if depends_on(rate, self.trace.x):
                return False
        return True

    @property
    def bounds(self) -> dict[Any, tuple[float, float]]:
        """Smallest and largest value of every pool, parameter and driver of ``trace``."""
        infinity = float("inf")
        return {
            **dict.fromkeys(self.trace.x, (0.0, infinity)),
            **{v: (p.lower, p.upper) for v, p in zip(self.trace.p, self.parameters, strict=True)},
            **{v: (d.lower, d.upper) for v, d in zip(self.trace.u, self.drivers, strict=True)},
        }

    def defaults(self, parameter_set: str | None = None) -> dict[str, float]:
        """Parameter values, from the declaration or from a named set.

        Raises
        ------
        UnknownNameError
            When no set has that name.
        """
        values = {parameter.name: parameter.default for parameter in self.parameters}
        if parameter_set is not None:
            if parameter_set not in self.parameter_sets:
                raise UnknownNameError(unknown("parameter set", parameter_set, self.parameter_sets))
            values.update(self.parameter_sets[parameter_set])
        return values

    def _check_names(self) -> None:
        names = [*self.pools, *self.sinks, *self.meters]
        if not self.pools:
            raise StructureError(f"{self.name}: a structure needs at least one pool")
        if INPUT in names:
            raise StructureError(f"{self.name}: {INPUT!r} is the outside world and cannot be a pool or a sink")
        for kind, group in (
            ("pool, sink or counted flow", names),
            ("parameter", [p.name for p in self.parameters]),
            ("driver", [d.name for d in self.drivers]),
        ):
            repeated = sorted({name for name in group if group.count(name) > 1})
            if repeated:
                raise StructureError(f"{self.name}: {kind} declared twice: {', '.join(repeated)}")
            for name in group:
                if not name.isidentifier() or name.startswith("_"):
                    raise StructureError(f"{self.name}: {name!r} cannot be read as an attribute in the flows")
        self._check_outputs("pool or sink", names)
        if self.scheme not in SCHEMES:
            raise StructureError(f"{self.name}: " + unknown("scheme", self.scheme, SCHEMES))
        if not 0.0 < self.step < float("inf"):
            raise StructureError(f"{self.name}: step must be a length of time, got {self.step}")

    def _check_outputs(self, kind: str, names: Iterable[str]) -> None:
        for name in names:
            if name in OUTPUTS:
                raise StructureError(
                    f"{self.name}: no {kind} can be called {name!r}, as every run gives that out itself; "
                    f"call it otherwise, such as {name + '_own'!r}"
                )

    def _check_units(self) -> None:
        fault = fault_of_base(self.carbon_unit, self.time_unit)
        if fault:
            raise StructureError(f"{self.name}: {fault}")
        for kind, group in (("parameter", self.parameters), ("driver", self.drivers)):
            for one in group:
                if not one.unit:
                    raise StructureError(f"{self.name}: {kind} {one.name!r} has no unit ('1' if dimensionless)")
                fault = fault_of_unit(self, one.unit)
                if fault:
                    raise StructureError(f"{self.name}: {kind} {one.name!r}: {fault}")
        for parameter in self.parameters:
            if not parameter.source:
                raise StructureError(f"{self.name}: parameter {parameter.name!r} has no source")

    def _check_bounds(self) -> None:
        declared = {parameter.name: parameter for parameter in self.parameters}
        both: tuple[Parameter | Driver, ...] = (*self.parameters, *self.drivers)
        stated = [(f"default of {one.name!r}", one, one.default) for one in both]
        for set_name, values in self.parameter_sets.items():
            for name in values:
                if name not in declared:
                    raise StructureError(
                        f"{self.name}: parameter set {set_name!r}: " + unknown("parameter", name, declared)
                    )
            stated += [(f"parameter set {set_name!r}: {name!r}", declared[name], values[name]) for name in values]
        for what, one, value in stated:
            if not one.lower <= one.upper:
                raise StructureError(f"{self.name}: bounds of {one.name!r} are [{one.lower:g}, {one.upper:g}]")
            if value is not None and not one.lower <= value <= one.upper:
                raise StructureError(f"{self.name}: {what}, {value:g}, lies outside [{one.lower:g}, {one.upper:g}]")

    def _check_meanings(self) -> None:
        """What laboratory, field and literature are told names what the structure has, in numbers that can be."""
        pools, parameters, drivers = self.pools, self.parameter_names, self.driver_names
        for label, kind, names, known in (
            ("microbial", "pool", self.microbial, pools),
            ("necromass", "pool", self.necromass, pools),
            ("inert", "pool", self.inert, pools),
            ("dissolved", "pool", self.dissolved, pools),
            ("activities", "pool or sink", self.activities, self.state),
            *((f"fraction {name!r}", "pool", parts, pools) for name, parts in self.fractions.items()),
            *(
                (f"entry of {name} carbon", "pool or sink", parts, pools + self.sinks)
                for name, parts in self.entries.items()
            ),
            ("entries", "quality", self.entries, ENTRIES if self.entries else ()),
            ("input_shares", "driver", self.input_shares, drivers),
            ("decomposition", "parameter", self.decomposition, parameters),
            ("carried", "parameter", self.carried, parameters),
            ("paced", "parameter", self.paced, parameters),
            ("paced", "carried parameter", self.paced.values(), self.carried),
            ("efficiency", "parameter", self.efficiency.names if self.efficiency else (), parameters),
            ("efficiency", "driver", ("temperature",) if self.efficiency else (), drivers),
        ):
            for name in names:
                if name not in known:
                    raise StructureError(f"{self.name}: {label}: " + unknown(kind, name, known))
        for name, parts in self.fractions.items():
            weights = list(parts.values()) if isinstance(parts, Mapping) else [1.0] * len(parts)
            if not weights or not all(weight > 0 for weight in weights):
                raise StructureError(f"{self.name}: fraction {name!r} needs pools, with positive weights")
        if self.entries and (lacking := [name for name in ENTRIES if not self.entries.get(name)]):
            raise StructureError(f"{self.name}: entries say nothing of {', '.join(lacking)} carbon")
        for name, parts in self.entries.items():
            if isinstance(parts, Mapping) and not (min(parts.values()) > 0 and abs(sum(parts.values()) - 1.0) < 1e-9):
                raise StructureError(f"{self.name}: shares of {name} carbon have to be positive and sum to 1")
        shares = self.input_shares.values()
        if shares and not (min(shares) >= 0 and abs(sum(shares) - 1.0) < 1e-9):
            raise StructureError(f"{self.name}: input_shares must not be negative and sum to 1, not to {sum(shares):g}")
        if not 0.0 < self.inert_share < 1.0:
            raise StructureError(f"{self.name}: inert_share must be between 0 and 1, got {self.inert_share:g}")
        if self.month_steps is not None and self.month_steps < 1:
            raise StructureError(f"{self.name}: month_steps must be at least 1, got {self.month_steps}")
        defaults = self.defaults()
        for name, leader in self.paced.items():
            if name in self.carried or defaults[leader] == 0:
                raise StructureError(
                    f"{self.name}: paced: {name!r} cannot keep pace with {leader!r}, as "
                    + ("it is carried itself" if name in self.carried else "that is zero by default")
                )

    def _trace(self) -> Trace:
        groups = []
        for names in (self.pools, self.parameter_names, self.driver_names):
            groups.append(tuple(ps.float64(name) for name in names))
        x, p, u = groups
        faces = (
            Names("pool", dict(zip(self.pools, x, strict=True))),
            Names("parameter", dict(zip(self.parameter_names, p, strict=True))),
            Names("driver", dict(zip(self.driver_names, u, strict=True))),
        )
        declared = {*x, *p, *u}
        flows = tuple(self.flows(*faces))
        if not flows:
            raise StructureError(f"{self.name}: flows yields no Flow")
        for flow in flows:
            self._check_flow(flow, declared)
        called = {flow.called: None for flow in flows}
        for name in self.meters:
            if name not in called:
                raise StructureError(f"{self.name}: " + unknown("flow", name, called))
        touched = {flow.source for flow in flows} | {flow.target for flow in flows}
        for pool in (*self.pools, *self.sinks):
            if (pool in touched) == (pool in self.inert):
                raise StructureError(
                    f"{self.name}: {pool!r} is inert but a flow touches it"
                    if pool in touched
                    else f"{self.name}: no flow enters or leaves {pool!r}"
                )
        reports: dict[str, tuple[str, Any]] = dict(self.reports(*faces)) if self.reports else {}
        self._check_outputs("report", reports)
        for name, (unit, value) in reports.items():
            if name in self.state:
                raise StructureError(f"{self.name}: {name!r} is a report and a pool or sink too")
            fault = fault_of_unit(self, unit)
            if fault:
                raise StructureError(f"{self.name}: report {name!r}: {fault}")
            self._check_scalar(f"report {name!r}", value, declared)
        object.__setattr__(self, "report_units", {name: unit for name, (unit, _) in reports.items()})
        return Trace(x, p, u, flows, tuple(value for _, value in reports.values()))

    def _check_flow(self, flow: Flow, declared: set[Any]) -> None:
        if not isinstance(flow, Flow):
            raise StructureError(f"{self.name}: flows must yield Flow, not {type(flow).__name__}")
        if flow.source != INPUT and flow.source not in self.pools:
            raise StructureError(f"{self.name}: flow from {unknown('pool', flow.source, (INPUT, *self.pools))}")
        within = self.pools + self.sinks
        if flow.target not in within:
            raise StructureError(f"{self.name}: flow into {unknown('pool or sink', flow.target, within)}")
        if flow.source == flow.target:
            raise StructureError(f"{self.name}: a flow from {flow.source!r} to itself moves nothing")
        self._check_scalar(f"rate of {flow.source} -> {flow.target}", flow.rate, declared)

    def _check_scalar(self, what: str, value: Any, declared: set[Any]) -> None:
        if not isinstance(value, ScalarVariable) or isinstance(value, Constant):
            raise StructureError(
                f"{self.name}: {what} is {type(value).__name__}, not a PyTensor scalar graph of x, p and u "
                "(use socbayes.core.mathematics for exp, log, sqrt, where, minimum and maximum)"
            )
        if value.type.dtype != "float64":
            raise StructureError(f"{self.name}: {what} has type {value.type.dtype}, expected float64")
        for variable in ancestors([value]):
            if variable.owner is None and not isinstance(variable, Constant) and variable not in declared:
                raise StructureError(f"{self.name}: {what} depends on {variable}, which is not declared")
