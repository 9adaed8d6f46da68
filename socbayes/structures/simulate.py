"""Labelled forward runs: arrays or xarray in, a Dataset with units out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from socbayes.core import reference
from socbayes.core.doors import (
    check_numbers,
    drivers_of,
    how_to_step,
    numbers,
    parameters_of,
    pools_of,
    structure_called,
    whole_times,
)
from socbayes.core.kernels import evaluation, program
from socbayes.core.numba_dispatch import forward_function
from socbayes.core.structure import Driver, Parameter, Structure, StructureError
from socbayes.core.tracer import LABEL, NATIVE

# Sites held in memory at once; drivers of a block are a few megabytes per driver.
_BLOCK = 4096


def simulate(
    structure: Structure | str,
    drivers: Mapping[str, Any] | xr.Dataset | None = None,
    parameters: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | ArrayLike | None = None,
    times: ArrayLike | None = None,
    *,
    parameter_set: str | None = None,
    interval: float = 1.0,
    steps: int | None = None,
    scheme: str | None = None,
    interpolate: bool = False,
    parallel: bool = False,
) -> xr.Dataset:
    """Run a structure forward.

    Parameters
    ----------
    structure
        A structure, or the name of a published one.
    drivers
        Name to a number, ``(row,)``, ``(row, site)`` or a DataArray with dims
        ``time`` and ``site``. Row ``k`` holds from ``k * interval`` to
        ``(k + 1) * interval``. DataArrays chunked by dask along ``site`` are
        run block by block, wherever the blocks live.
    parameters
        Name to a number or one value per site; the rest from
        ``parameter_set``, then from the declaration.
    initial
        Name of pool to a number or one value per site (missing pools are
        empty), or an array ``(pool,)`` or ``(site, pool)``.
    times
        Output times in whole driver intervals; every interval by default.
    parameter_set
        One of ``structure.parameter_sets``.
    interval, steps, scheme, interpolate
        As in :func:`socbayes.core.integrate`.
    parallel
        Share sites among threads.

    Returns
    -------
    xarray.Dataset
        Pools, sinks (cumulative), ``soil_organic_carbon`` and, where the
        structure has such sinks and pools, ``co2_rate``, apparent
        ``carbon_use_efficiency`` and ``necromass_share``; dims ``(time,
        site)``, each with ``units``. A labelled structure adds ``native_`` and
        ``label_`` totals, one from :func:`socbayes.core.with_flows` its flows.

    Raises
    ------
    StructureError
        For unknown names, missing drivers, numbers beyond their bounds, steps
        that a structure cannot take and sizes that disagree.

    Examples
    --------
    >>> run = simulate("icbm", {"carbon_input": 0.2}, initial={"young": 0.3, "old": 4.0}, times=[0, 10])
    >>> run["soil_organic_carbon"].attrs["units"], run.sizes["time"]
    ('kg/m**2', 2)
    """
    model = structure_called(structure)
    interval, steps, scheme = how_to_step(model, interval, steps, scheme)
    u = _driver_arrays(model, drivers)
    p = _parameter_arrays(model, parameters, parameter_set)
    x0 = _initial_arrays(model, initial)
    x0, p, u = _same_sites(model, x0, p, u)
    rows = max((a.sizes["time"] for a in u if "time" in a.dims), default=0)
    when = _output_times(model, times, rows, rows - 1 if interpolate else rows)
    n_rows = max(int(when[-1]) + (1 if interpolate else 0), 1) if rows <= 1 else rows

    run = forward_function(program(model, scheme, interpolate), parallel)
    plan = _Plan(model, run, len(x0), len(p), n_rows, interval, steps, when)
    units = {name: model.carbon_unit for name in model.state} | _report_units(model)
    if not any("site" in a.dims for a in (*x0, *p, *u)):
        x0[0] = x0[0].expand_dims("site")
    everything = [*x0, *p, *u]
    stacked = xr.apply_ufunc(
        partial(_block, plan),
        *everything,
        input_core_dims=[[]] * (len(x0) + len(p)) + [["time"]] * len(u),
        output_core_dims=[["output", "variable"]],
        exclude_dims={"time"} if u else set(),
        dask="parallelized",
        output_dtypes=[float],
        dask_gufunc_kwargs={"output_sizes": {"output": when.size, "variable": len(units)}, "allow_rechunk": True},
    )
    stacked = stacked.rename(output="time").transpose("time", "site", "variable")
    stacked = stacked.assign_coords(time=("time", when * interval, {"units": model.time_unit}))
    data = {
        name: stacked.isel(variable=place, drop=True).assign_attrs(units=unit)
        for place, (name, unit) in enumerate(units.items())
    }
    return xr.Dataset(data, attrs={"structure": model.name, "scheme": scheme, "reference": model.reference})


class _Plan(NamedTuple):
    """What the runs of all blocks of sites have in common."""

    model: Structure
    run: Callable[..., Any]
    pools: int
    parameters: int
    rows: int
    interval: float
    steps: int
    when: np.ndarray


def _block(plan: _Plan, *arrays: Any) -> Any:
    """States and reports (site, time, variable) of some sites; core dimensions come last."""
    n_x, n_p = plan.pools, plan.parameters
    sites = max((a.shape[0] for a in arrays[: n_x + n_p] if a.ndim), default=1)
    sites = max([sites, *(a.shape[0] for a in arrays[n_x + n_p :] if a.ndim == 2)])
    results = []
    for first in range(0, sites, _BLOCK):
        chosen = slice(first, min(first + _BLOCK, sites))

        def part(a: Any, core: int, chosen: slice = chosen) -> Any:
            return a[chosen] if a.ndim > core and a.shape[0] > 1 else a

        xs = _columns([part(a, 0) for a in arrays[:n_x]])
        ps = _columns([part(a, 0) for a in arrays[n_x : n_x + n_p]]) if n_p else np.zeros((1, 0))
        us = [part(a, 1) for a in arrays[n_x + n_p :]]
        us = [np.moveaxis(a, -1, 0) if a.ndim == 2 else a[:, None] for a in us]
        us = [np.broadcast_to(a, (plan.rows, a.shape[1])) for a in us]
        width = max([xs.shape[0], ps.shape[0], *(a.shape[1] for a in us)])
        xs = np.ascontiguousarray(np.broadcast_to(xs, (width, xs.shape[1])))
        forcing = _columns(us) if us else np.zeros((plan.rows, 1, 0))
        out, _ = plan.run(xs, ps, forcing, plan.interval, plan.steps, plan.when, False)
        reports = _reports(plan.model, out, ps, forcing, plan.when)
        results.append(np.moveaxis(np.concatenate([out, reports], axis=-1), 0, 1))
    return np.concatenate(results)


def _output_times(model: Structure, times: ArrayLike | None, rows: int, reach: int) -> np.ndarray:
    """Driver intervals at which states are given out, by default all up to ``reach``; checked."""
    if times is None:
        if rows <= 1:
            raise StructureError(f"{model.name}: say at which times, since no driver varies in time")
        times = np.arange(reach + 1)
    when = whole_times(model, times)
    if rows > 1 and when[-1] > reach:
        raise StructureError(f"{model.name}: output at interval {when[-1]} but the drivers end after {reach} intervals")
    return when


def _columns(arrays: list[Any]) -> Any:
    return np.ascontiguousarray(
        np.stack(np.broadcast_arrays(*(np.atleast_1d(a) for a in arrays)), axis=-1), dtype=float
    )


def _array(model: Structure, declared: Parameter | Driver | str, value: Any, dims: tuple[str, ...]) -> xr.DataArray:
    """Numbers of a parameter, driver or pool along some of ``dims``, within their bounds."""
    name = declared if isinstance(declared, str) else declared.name
    what = f"{'initial' if isinstance(declared, str) else type(declared).__name__.lower()} {name!r}"
    if not isinstance(value, xr.DataArray):
        array = numbers(model, what, value)
        if array.ndim > len(dims):
            shapes = "(row, site), (row,) or a number" if len(dims) > 1 else "a number or one value per site"
            raise StructureError(f"{model.name}: {what} must be {shapes}")
        value = xr.DataArray(array, dims=dims[: array.ndim])
    elif set(value.dims) - set(dims):
        raise StructureError(f"{model.name}: {what} has dims {value.dims}, expected {' and '.join(dims)}")
    if isinstance(value.data, np.ndarray):  # chunked arrays are not read twice
        check_numbers(model, declared, numbers(model, what, value.values))
    return value


def _driver_arrays(model: Structure, drivers: Any) -> list[xr.DataArray]:
    named, arrays = drivers_of(model, drivers), []
    for driver in model.drivers:
        value = _array(model, driver, named[driver.name], ("time", "site")).drop_vars("time", errors="ignore")
        arrays.append(value if "time" in value.dims else value.expand_dims("time"))
    lengths = {a.sizes["time"] for a in arrays} - {1}
    if len(lengths) > 1:
        raise StructureError(f"{model.name}: drivers have {sorted(lengths)} rows; they must agree")
    if 0 in lengths:
        raise StructureError(f"{model.name}: drivers have no rows")
    return arrays


def _parameter_arrays(model: Structure, parameters: Any, parameter_set: str | None) -> list[xr.DataArray]:
    named = parameters_of(model, parameters, parameter_set)
    return [_array(model, parameter, named[parameter.name], ("site",)) for parameter in model.parameters]


def _initial_arrays(model: Structure, initial: Any) -> list[xr.DataArray]:
    contents = pools_of(model, initial)
    return [_array(model, pool, value, ("site",)) for pool, value in zip(model.pools, contents, strict=True)]


def _same_sites(model: Structure, *groups: list[xr.DataArray]) -> list[list[xr.DataArray]]:
    """Arrays whose sites agree; one site alone is any site."""
    arrays = [a for group in groups for a in group if "site" in a.dims]
    lengths = sorted({a.sizes["site"] for a in arrays} - {1})
    if len(lengths) > 1:
        listed = " and ".join(str(length) for length in lengths)
        raise StructureError(
            f"{model.name}: initial pools, parameters and drivers have {listed} sites; they must agree"
        )
    labels = [a.indexes["site"] for a in arrays if "site" in a.indexes and a.sizes["site"] in lengths]
    for other in labels[1:]:
        if not other.equals(labels[0]):
            raise StructureError(
                f"{model.name}: initial pools, parameters and drivers name different sites, or in another order: "
                f"{list(labels[0])!r:.60} and {list(other)!r:.60}"
            )
    if lengths:
        return [[a.squeeze("site", drop=True) if a.sizes.get("site") == 1 else a for a in group] for group in groups]
    return list(groups)


def _report_units(model: Structure) -> dict[str, str]:
    units = {"soil_organic_carbon": model.carbon_unit}
    if model.respired:
        units["co2_rate"] = f"{model.carbon_unit}/{model.time_unit}"
    if model.microbial:
        units["carbon_use_efficiency"] = "1"
    if model.necromass:
        units["necromass_share"] = "1"
    if model.labelled:
        units["native_organic_carbon"] = model.carbon_unit
        units["label_organic_carbon"] = model.carbon_unit
    return units | dict(model.report_units)


def _reports(model: Structure, out: Any, p: Any, u: Any, when: Any) -> Any:
    """Report quantities (time, site, report); rates under the drivers of the interval that begins."""
    n_times, sites = out.shape[:2]
    n_pools = len(model.pools)
    x = out[:, :, :n_pools].reshape(-1, n_pools).T
    points = n_times * sites
    p_all = np.broadcast_to(p[None], (n_times, sites, p.shape[1])).reshape(points, -1).T
    rows = u[np.minimum(when, u.shape[0] - 1)]
    u_all = np.broadcast_to(rows, (n_times, sites, u.shape[2])).reshape(points, -1).T
    groups = {"x": x, "p": p_all, "u": u_all}
    rates = reference.evaluate(evaluation(model, "flows"), groups, "out").T

    def total(condition: Any) -> Any:
        chosen = [rates[f] for f, flow in enumerate(model.trace.flows) if condition(flow)]
        return sum(chosen, np.zeros(points))

    def content(pools: Any) -> Any:
        return x[[model.pools.index(pool) for pool in pools]].sum(axis=0)

    soil = content(model.carbon_pools)
    living = set(model.microbial)

    def respired(flow: Any) -> bool:
        return flow.target in model.respired

    values = {"soil_organic_carbon": soil}
    if model.respired:
        values["co2_rate"] = total(respired)
    with np.errstate(all="ignore"):
        if living:
            taken = total(lambda f: f.target in living and f.source not in living and f.source in model.pools)
            own = total(lambda f: respired(f) and f.source in living)
            spent = total(lambda f: respired(f) and f.source not in living)
            values["carbon_use_efficiency"] = (taken - own) / (taken + spent)
        if model.necromass:
            values["necromass_share"] = content(model.necromass) / soil
    if model.labelled:
        for key, suffix in (("native_organic_carbon", NATIVE), ("label_organic_carbon", LABEL)):
            values[key] = content(pool for pool in model.carbon_pools if pool.endswith(suffix))
    extra: Any = reference.evaluate(evaluation(model, "reports"), groups, "out").T if model.trace.reports else []
    columns = [*values.values(), *extra]
    return np.stack([column.reshape(n_times, sites) for column in columns], axis=-1)
