"""Studies of priming that were left out, by the process model; a part of ``benchmarks/left_out.py``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import socbayes as sb
from socbayes.inference.fit import PLAIN
from socbayes.inference.left_out import PREDICTED, mixed
from socbayes.inference.scores import COVERED, covered, crps
from socbayes.models.priming import process as priming_process

SEED = 20261122
LEAST = 1e-9
"""CO2 (mg C/g) taken for none or less: a ratio that cannot be is far off, and finite."""


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Time series of CO2, and the ends of the same jars."""
    series = sb.load_dataset("priming_time_series")
    return series, sb.load_dataset("priming_endpoints").merge(series[["study", "jar"]].drop_duplicates())


def last_day(data: priming_process.Incubations, drawn: xr.Dataset, name: str) -> np.ndarray:
    """Cumulative CO2 of one kind of series, mg C/g, (draw, series): intervals added up."""
    seen = data.increments[name]
    rate = 2.0 * seen.floor * np.sinh(drawn[f"co2_{name}"].to_numpy().reshape(-1, seen.floor.size))
    return np.maximum(np.add.reduceat(rate * seen.days, np.flatnonzero(seen.previous < 0), axis=1), LEAST)


def foreseen(posterior: xr.Dataset, new: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios of the jars of a new study, as drawn, (draw, jar), and as observed, (jar,).

    What all studies share is held at each draw of the posterior; soils,
    controls, jars and the misfit of every interval are drawn.
    """
    alone, data = priming_process.build(*new), priming_process.incubations(*new)
    held = posterior[[v.name for v in alone.free_RVs if v.ndim == 0 and v.name in posterior]]
    own = [v.name for v in [*alone.free_RVs, *alone.observed_RVs] if v.name not in held]
    drawn = pm.sample_posterior_predictive(
        xr.DataTree.from_dict({"posterior": held}),
        model=alone,
        var_names=own,
        random_seed=SEED,
        progressbar=False,
        compile_kwargs=PLAIN,
    )["posterior_predictive"].to_dataset()
    starts = data.increments["control"].previous < 0
    control = last_day(data, drawn, "control")[:, np.argsort(data.increments["control"].site[starts])]
    predicted = np.log(last_day(data, drawn, "native") / control[:, data.jars["control_index"].to_numpy()])
    ends = new[1].set_index("jar").loc[data.jars["jar"]]
    return predicted, np.log(ends["native_co2_treated"] / ends["native_co2_control"]).to_numpy(dtype="float64")


def left_out(effort: dict[str, int]) -> xr.Dataset:
    """Log ratios of native CO2, treated over control, that the process model foresees in jars of studies left out.

    A study is left out by not being in the tables of a fit.

    Parameters
    ----------
    effort
        ``draws``, ``tune`` and ``chains`` of each fit, and ``longer``, as of ``leave_groups_out``.

    Returns
    -------
    xarray.Dataset
        What ``leave_groups_out`` gives but the densities.
    """
    series, endpoints = tables()
    parts, fits, used = [], [], []
    studies = sorted(endpoints["study"].unique())
    for number, study in enumerate(studies):
        out = [table["study"] == study for table in (series, endpoints)]
        known = [table[~mine].reset_index(drop=True) for table, mine in zip((series, endpoints), out, strict=True)]
        for times in range(effort["longer"] + 1):
            length = {name: effort[name] * 2**times for name in ("draws", "tune")}
            seed = SEED + number + 100 * times
            fitted = sb.fit(priming_process.build(*known), seed=seed, chains=effort["chains"], progress=False, **length)
            judged = {key: fitted.attrs[key] for key in ("max_r_hat", "divergences")}
            judged["min_ess"] = min(fitted.attrs["min_ess_bulk"], fitted.attrs["min_ess_tail"])
            if mixed(judged["max_r_hat"], judged["min_ess"]):
                break
        fits.append(judged)
        new = (series[out[0]].reset_index(drop=True), endpoints[out[1]].reset_index(drop=True))
        every = max(1, length["draws"] * effort["chains"] // PREDICTED)
        kept = fitted["posterior"].to_dataset().isel(draw=slice(None, None, every))
        predicted, observed = foreseen(kept, new)
        used.append(len(predicted))
        scores = {"inside": (("measurement", "probability"), covered(predicted, observed))}
        scores |= {"crps": ("measurement", crps(predicted, observed))}
        parts.append(xr.Dataset(scores | {"group_of": ("measurement", np.full(observed.size, study))}))
        said = f"R-hat {judged['max_r_hat']:.3f}, {judged['min_ess']:.0f} effective draws"
        score = float(parts[-1]["crps"].mean())
        print(f"{study}: {fitted.attrs['sampling_seconds']:.0f} s, {said}, CRPS {score:.3f}", flush=True)
    result = xr.concat(parts, "measurement").assign_coords(group=studies, probability=list(COVERED))
    result = result.assign({key: ("fold", [one[key] for one in fits]) for key in fits[0]})
    return result.assign_attrs(folds=len(studies), seed=SEED, draws=min(used))
