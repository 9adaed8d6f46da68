"""Labelled forward runs: arrays or xarray in, a Dataset with units out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from socbayes.core import reference
from socbayes.core.integrate import StructureError
from socbayes.core.kernels import evaluation, program
from socbayes.core.numba_dispatch import forward_function
from socbayes.core.structure import SCHEMES, Structure, unknown
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
        Pools, sinks (cumulative), ``soil_organic_carbon``, ``co2_rate`` and,
        where the structure has such pools, apparent ``carbon_use_efficiency``
        and ``necromass_share``; dims ``(time, site)``, each with ``units``.
        A labelled structure adds ``native_`` and ``label_`` totals.

    Raises
    ------
    StructureError
        For unknown names, missing drivers and sizes that disagree.

    Examples
    --------
    >>> run = simulate("icbm", {"carbon_input": 0.2}, initial={"young": 0.3, "old": 4.0}, times=[0, 10])
    >>> run["soil_organic_carbon"].attrs["units"], run.sizes["time"]
    ('kg/m**2', 2)
    """
    model = _resolve(structure)
    scheme = model.scheme if scheme is None else scheme
    if scheme not in SCHEMES:
        raise StructureError(f"{model.name}: " + unknown("scheme", scheme, SCHEMES))
    steps = max(1, round(interval / model.step)) if steps is None else operator.index(steps)
    u = _driver_arrays(model, drivers)
    p = _parameter_arrays(model, parameters, parameter_set)
    x0 = _initial_arrays(model, initial)
    rows = max((a.sizes["time"] for a in u if "time" in a.dims), default=0)
    when = _output_times(model, times, rows, rows - 1 if interpolate else rows)
    n_rows = max(int(when[-1]) + (1 if interpolate else 0), 1) if rows <= 1 else rows

    run = forward_function(program(model, scheme, interpolate), parallel)
    plan = _Plan(model, run, len(x0), len(p), n_rows, float(interval), steps, when)
    units = {name: model.carbon_unit for name in model.state} | _report_units(model)
    if not any("site" in a.dims for a in (*x0, *p, *u)):
        x0[0] = x0[0].expand_dims("site")
    everything = [*x0, *p, *u]
    stacked = xr.apply_ufunc(
        partial(_block, plan),
        *everything,
        input_core_dims=[[]] * (len(x0) + len(p)) + [["time"]] * len(u),
        output_core_dims=[["output", "variable"]],
        exclude_dims={"time"},
        dask="parallelized",
        output_dtypes=[float],
        dask_gufunc_kwargs={"output_sizes": {"output": when.size, "variable": len(units)}, "allow_rechunk": True},
    )
    stacked = stacked.rename(output="time").transpose("time", "site", "variable")
    stacked = stacked.assign_coords(time=("time", when * float(interval), {"units": model.time_unit}))
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
        ps = _columns([part(a, 0) for a in arrays[n_x : n_x + n_p]])
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
    when = np.atleast_1d(np.asarray(times))
    if np.any(when != np.round(when)) or np.any(when < 0) or np.any(np.diff(when) < 0):
        raise StructureError(f"{model.name}: times must be whole driver intervals, increasing from 0")
    when = when.astype("int64")
    if rows > 1 and when.size and when[-1] > reach:
        raise StructureError(f"{model.name}: output at interval {when[-1]} but the drivers end after {reach} intervals")
    return when


def _resolve(structure: Structure | str) -> Structure:
    if isinstance(structure, Structure):
        return structure
    from socbayes.structures import get

    return get(structure)


def _columns(arrays: list[Any]) -> Any:
    return np.ascontiguousarray(
        np.stack(np.broadcast_arrays(*(np.atleast_1d(a) for a in arrays)), axis=-1), dtype=float
    )


def _driver_arrays(model: Structure, drivers: Any) -> list[xr.DataArray]:
    given = dict(drivers) if drivers is not None else {}
    for name in given:
        if name not in model.driver_names:
            raise StructureError(f"{model.name}: " + unknown("driver", str(name), model.driver_names))
    arrays = []
    for driver in model.drivers:
        value = given.get(driver.name, driver.default)
        if value is None:
            raise StructureError(f"{model.name}: driver {driver.name!r} [{driver.unit}] is not given")
        if not isinstance(value, xr.DataArray):
            value = np.asarray(value, dtype=float)
            if value.ndim > 2:
                raise StructureError(f"{model.name}: driver {driver.name!r} must be (row, site), (row,) or a number")
            value = xr.DataArray(value, dims=("time", "site")[: value.ndim])
        elif set(value.dims) - {"time", "site"}:
            raise StructureError(f"{model.name}: driver {driver.name!r} has dims {value.dims}, expected time and site")
        value = value.drop_vars("time", errors="ignore")
        if isinstance(value.data, np.ndarray):  # chunked arrays are not read twice
            model.check_driver(driver.name, value.values)
        arrays.append(value if "time" in value.dims else value.expand_dims("time"))
    lengths = {a.sizes["time"] for a in arrays} - {1}
    if len(lengths) > 1:
        raise StructureError(f"{model.name}: drivers have {sorted(lengths)} rows; they must agree")
    return arrays


def _site_array(model: Structure, what: str, value: Any) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        if set(value.dims) - {"site"}:
            raise StructureError(f"{model.name}: {what} has dims {value.dims}, expected site")
        return value
    array = np.asarray(value, dtype=float)
    if array.ndim > 1:
        raise StructureError(f"{model.name}: {what} must be a number or one value per site")
    return xr.DataArray(array, dims=("site",)[: array.ndim])


def _parameter_arrays(model: Structure, parameters: Any, parameter_set: str | None) -> list[xr.DataArray]:
    values: dict[str, Any] = dict(model.defaults(parameter_set))
    for name, value in (parameters or {}).items():
        if name not in values:
            raise StructureError(f"{model.name}: " + unknown("parameter", name, values))
        values[name] = value
    return [_site_array(model, f"parameter {name!r}", value) for name, value in values.items()]


def _initial_arrays(model: Structure, initial: Any) -> list[xr.DataArray]:
    if initial is None:
        initial = {}
    if isinstance(initial, Mapping | xr.Dataset):
        for name in initial:
            if name not in model.pools:
                raise StructureError(f"{model.name}: " + unknown("pool", str(name), model.pools))
        return [_site_array(model, f"initial {pool!r}", initial.get(pool, 0.0)) for pool in model.pools]
    values = np.asarray(initial, dtype=float)
    if values.shape[-1] != len(model.pools) or values.ndim > 2:
        raise StructureError(
            f"{model.name}: initial state has shape {values.shape}, expected (site, {len(model.pools)}) for "
            + ", ".join(model.pools)
        )
    return [_site_array(model, f"initial {pool!r}", values[..., i]) for i, pool in enumerate(model.pools)]


def _report_units(model: Structure) -> dict[str, str]:
    rate = f"{model.carbon_unit}/{model.time_unit}"
    units = {"soil_organic_carbon": model.carbon_unit, "co2_rate": rate}
    if model.microbial:
        units["carbon_use_efficiency"] = "1"
    if model.necromass:
        units["necromass_share"] = "1"
    if any(pool.endswith(LABEL) for pool in model.pools):
        units["native_organic_carbon"] = model.carbon_unit
        units["label_organic_carbon"] = model.carbon_unit
    return units | dict(model.report_units)


def _is_carbon(pool: str) -> bool:
    return not pool.endswith("_14c")


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

    carbon = [i for i, pool in enumerate(model.pools) if _is_carbon(pool)]
    soil = x[carbon].sum(axis=0)
    living = set(model.microbial)

    def respired(flow: Any) -> bool:
        return bool(flow.target.startswith("co2") and _is_carbon(flow.target))

    values = {"soil_organic_carbon": soil, "co2_rate": total(respired)}
    with np.errstate(all="ignore"):
        if living:
            taken = total(lambda f: f.target in living and f.source not in living and f.source in model.pools)
            own = total(lambda f: respired(f) and f.source in living)
            spent = total(lambda f: respired(f) and f.source not in living)
            values["carbon_use_efficiency"] = (taken - own) / (taken + spent)
        if model.necromass:
            values["necromass_share"] = x[[model.pools.index(n) for n in model.necromass]].sum(axis=0) / soil
    if any(pool.endswith(LABEL) for pool in model.pools):
        for key, suffix in (("native_organic_carbon", NATIVE), ("label_organic_carbon", LABEL)):
            values[key] = x[[i for i, pool in enumerate(model.pools) if pool.endswith(suffix)]].sum(axis=0)
    extra: Any = reference.evaluate(evaluation(model, "reports"), groups, "out").T if model.trace.reports else []
    columns = [*values.values(), *extra]
    return np.stack([column.reshape(n_times, sites) for column in columns], axis=-1)
