"""Rates from pools that are known to be in balance: what must flow, so that nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import toposort
from pytensor.scalar.basic import as_scalar
from pytensor.tensor.elemwise import Elemwise

from socbayes.core.doors import structure_called
from socbayes.core.integrate import stack_constant_drivers, stack_parameters, stack_pools
from socbayes.core.kernels import plain_rates, value_stage
from socbayes.core.reference import evaluate
from socbayes.core.scalar_graph import Stage, gradients, substitute
from socbayes.core.schemes import tendencies
from socbayes.core.structure import Structure, StructureError, unknown


def steady_rates(
    structure: Structure | str,
    pools: Mapping[str, Any] | Any,
    rates: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    drivers: Mapping[str, Any] | None = None,
    *,
    parameter_set: str | None = None,
) -> dict[str, Any]:
    """Rates under which given pools are a steady state.

    The balance of every pool that changes is one equation, linear in the rates: as many rates as such pools follow
    without a search. Pools that were measured, or are sampled, need no spin-up then.

    Parameters
    ----------
    structure
        Any structure in whose flows the rates are factors, or the name of a published one.
    pools
        Name of pool to a number or one value per site, or ``(pool,)`` or ``(site, pool)``; a tensor of them is
        ``(site, pool)``.
    rates
        Parameters to find, as many as there are pools that are not inert.
    parameters, drivers
        Name to a number or one value per site; the parameter set, then defaults, fill the rest.
    parameter_set
        One of ``structure.parameter_sets``.

    Returns
    -------
    dict
        By rate, ``(site,)``: arrays, or tensors with gradients where something given is one. Tensors are NaN where
        no rates hold the pools.

    Raises
    ------
    StructureError
        For another number of rates; a rate that is not a factor; and, of numbers, for pools that no rates within
        their bounds hold in balance.

    Examples
    --------
    >>> found = steady_rates("icbm", {"young": 0.35625, "old": 5.888}, ["k1", "k2"], None, {"carbon_input": 0.285})
    >>> {name: value.round(5).tolist() for name, value in found.items()}
    {'k1': [0.8], 'k2': [0.00605]}
    """
    structure = structure_called(structure)
    chosen = (rates,) if isinstance(rates, str) else tuple(rates)
    balances = _balances(structure, chosen)
    x, p = stack_pools(structure, pools), stack_parameters(structure, parameters, parameter_set)
    groups = (x, p, stack_constant_drivers(structure, drivers))
    n = len(chosen)
    if all(isinstance(group, Constant) for group in groups):
        values = _of_numbers(
            structure, balances, [np.asarray(group.data) for group in groups if isinstance(group, Constant)]
        )
        with np.errstate(all="ignore"):
            found = _solved(structure, chosen, values[..., : n * n], values[..., n * n :])
        return {name: found[..., i] for i, name in enumerate(chosen)}
    columns = _of_tensors(structure, balances, groups)
    matrix = pt.stack(columns[: n * n], axis=-1).reshape((-1, n, n))
    solution = pt.linalg.solve(matrix, -pt.stack(columns[n * n :], axis=-1)[..., None])[..., 0]
    return {name: solution[:, i] for i, name in enumerate(chosen)}


def _balances(structure: Structure, chosen: tuple[str, ...]) -> list[Any]:
    """Derivatives of every balance by every rate, row by row, and the balances without those rates; scalar graphs."""
    active = [i for i, pool in enumerate(structure.pools) if pool not in structure.inert]
    for name in chosen:
        if name not in structure.parameter_names:
            raise StructureError(f"{structure.name}: " + unknown("parameter", str(name), structure.parameter_names))
    if len(set(chosen)) != len(active):
        raise StructureError(
            f"{structure.name}: {len(active)} pools are in balance, so {len(active)} rates follow from them, "
            f"not {len(set(chosen))}"
        )
    unknowns = [structure.trace.p[structure.parameter_names.index(name)] for name in chosen]
    change = tendencies(structure, plain_rates(structure))
    balances = [change[i] for i in active]
    derivatives = [entry for balance in balances for entry in gradients(balance, unknowns)]
    read = {row[1:] for row in _stage(structure, derivatives).rows if row[0] == "input"}
    for name in chosen:
        if ("p", structure.parameter_names.index(name)) in read:
            raise StructureError(
                f"{structure.name}: {name!r} is no plain factor of the flows, so it does not follow from pools"
            )
    return [*derivatives, *substitute(balances, dict.fromkeys(unknowns, as_scalar(0.0)))]


def _stage(structure: Structure, graphs: Sequence[Any]) -> Stage:
    named = zip("xpu", _variables(structure), strict=True)
    inputs = {scalar: (name, i) for name, group in named for i, scalar in enumerate(group)}
    return value_stage("evaluate", graphs, inputs, "out")


def _of_numbers(structure: Structure, graphs: list[Any], groups: Sequence[Any]) -> Any:
    stage = _stage(structure, graphs)
    return evaluate(stage, {name: np.moveaxis(group, -1, 0) for name, group in zip("xpu", groups, strict=True)}, "out")


def _of_tensors(structure: Structure, graphs: list[Any], groups: Sequence[Any]) -> list[Any]:
    """Scalar graphs on tensors (site,) in place of the scalars."""
    known: dict[Variable, Any] = {
        scalar: group[:, i]
        for variables, group in zip(_variables(structure), groups, strict=True)
        for i, scalar in enumerate(variables)
    }

    def of(scalar: Any) -> Any:
        return pt.as_tensor(scalar.data) if isinstance(scalar, Constant) else known[scalar]

    for node in toposort(graphs):
        known[node.outputs[0]] = Elemwise(node.op)(*(of(i) for i in node.inputs))
    return list(pt.broadcast_arrays(*(pt.atleast_1d(of(graph)) for graph in graphs)))


def _variables(structure: Structure) -> tuple[Any, ...]:
    return structure.trace.x, structure.trace.p, structure.trace.u


def _solved(structure: Structure, chosen: tuple[str, ...], matrix: Any, rest: Any) -> Any:
    n = len(chosen)
    matrix = matrix.reshape(-1, n, n)
    try:
        found = np.linalg.solve(matrix, -rest.reshape(-1, n, 1))[..., 0]
    except np.linalg.LinAlgError:
        raise StructureError(
            f"{structure.name}: {', '.join(chosen)} cannot be told from these pools: some of them only act together, "
            "or a pool that they empty holds nothing"
        ) from None
    declared = dict(zip(structure.parameter_names, structure.parameters, strict=True))
    for i, name in enumerate(chosen):
        low, high = declared[name].lower, declared[name].upper
        wrong = ~((found[:, i] >= low) & (found[:, i] <= high))
        if wrong.any():
            raise StructureError(
                f"{structure.name}: no rates hold these pools in balance: {name!r} would have to be "
                f"{found[wrong, i][0]:g}, and must lie in [{low:g}, {high:g}]"
            )
    return found


__all__ = ["steady_rates"]
