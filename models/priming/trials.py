"""Sizes at which the models are calibrated, and how studies are left out of them: see ``benchmarks/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from socbayes.datasets import load_dataset
from socbayes.inference.calibration import few
from socbayes.inference.fit import fit
from socbayes.inference.left_out import PREDICTED, Case, Comparison, by_fold, drawn_anew, mixed
from socbayes.inference.scores import COVERED, covered, crps
from socbayes.models.priming import baseline, process
from socbayes.models.priming.incubations import Incubations, incubations

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

    Tables = tuple[pd.DataFrame, pd.DataFrame]

LEAST = 1e-9
"""CO2 (mg C/g) taken for none or less: a ratio that cannot be is far off, and finite."""


def few_jars() -> pm.Model:
    """Four studies of eight jars."""
    return baseline.build(few(load_dataset("priming_endpoints"), 4, 8))


def few_runs() -> pm.Model:
    """A month of two jars of three studies: nitrogen and weekly doses, litters, soils with a dose unknown."""
    series = load_dataset("priming_time_series")
    series = series[series["study"].str.contains("Arizona|Elias|LAMPS") & (series["incubation_day"] <= 30)]
    kinds = ["study", "control", "added_nitrogen", "substrate_dose"]
    jars = series.groupby(["study", "jar"], sort=False).last().reset_index().drop_duplicates(kinds)
    jars = jars.groupby("study", sort=False).head(2)[["study", "jar"]]
    return process.build(series.merge(jars), load_dataset("priming_endpoints").merge(jars))


def tables() -> Tables:
    """Time series of CO2, and the ends of the same jars."""
    series = load_dataset("priming_time_series")
    return series, load_dataset("priming_endpoints").merge(series[["study", "jar"]].drop_duplicates())


def all_jars() -> tuple[pm.Model, dict[str, pd.Series], list[str]]:
    """The baseline model, on the jars that have a time series."""
    jars = tables()[1]
    local = ["study", "study_with_scatter", "soil", "soil_with_nitrogen", "run", "shared_control"]
    return baseline.build(jars), {"log_ratio": jars["study"]}, local


def last_day(data: Incubations, drawn: xr.Dataset, name: str) -> np.ndarray:
    """Cumulative CO2 of one kind of series, mg C/g, (draw, series): intervals added up.

    Parameters
    ----------
    data
        The incubations.
    drawn
        Predicted increments.
    name
        Kind of series.
    """
    seen = data.increments[name]
    rate = 2.0 * seen.floor * np.sinh(drawn[f"co2_{name}"].to_numpy().reshape(-1, seen.floor.size))
    return np.maximum(np.add.reduceat(rate * seen.days, np.flatnonzero(seen.previous < 0), axis=1), LEAST)


def foreseen(posterior: xr.Dataset, new: Tables, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios of the jars of a new study, as drawn, (draw, jar), and as observed, (jar,).

    What all studies share is held at each draw of the posterior; soils,
    controls, jars and the misfit of every interval are drawn.

    Parameters
    ----------
    posterior
        Of a fit to the other studies.
    new
        Tables of the new study.
    seed
        Seed of everything random.
    """
    data = incubations(*new)
    drawn = drawn_anew(process.build(*new), posterior, seed)
    starts = data.increments["control"].previous < 0
    control = last_day(data, drawn, "control")[:, np.argsort(data.increments["control"].site[starts])]
    predicted = np.log(last_day(data, drawn, "native") / control[:, data.jars["control_index"].to_numpy()])
    ends = new[1].set_index("jar").loc[data.jars["jar"]]
    return predicted, np.log(ends["native_co2_treated"] / ends["native_co2_control"]).to_numpy(dtype="float64")


def studies_left_out(settings: Mapping[str, int]) -> xr.Dataset:
    """Log ratios of native CO2, treated over control, that the process model foresees in jars of studies left out.

    A study is left out by not being in the tables of a fit.

    Parameters
    ----------
    settings
        ``draws``, ``tune``, ``chains``, ``longer`` and ``seed``, as of ``leave_groups_out``.

    Returns
    -------
    xarray.Dataset
        What ``leave_groups_out`` gives but the densities.
    """
    both = tables()
    studies = sorted(both[1]["study"].unique())
    parts, fits, used = [], [], []
    for number, study in enumerate(studies):
        out = [table["study"] == study for table in both]
        known, new = (
            tuple(table[mine == left_out].reset_index(drop=True) for table, mine in zip(both, out, strict=True))
            for left_out in (False, True)
        )
        kept, judged = _fitted(known, settings, settings["seed"] + number)
        fits.append(judged)
        predicted, observed = foreseen(kept, new, settings["seed"])
        used.append(len(predicted))
        parts.append(
            xr.Dataset(
                {
                    "inside": (("measurement", "probability"), covered(predicted, observed)),
                    "crps": ("measurement", crps(predicted, observed)),
                    "group_of": ("measurement", np.full(observed.size, study)),
                }
            )
        )
        said = f"R-hat {judged['max_r_hat']:.3f}, {judged['min_ess']:.0f} effective draws"
        print(f"{study}: {said}, CRPS {float(parts[-1]['crps'].mean()):.3f}", flush=True)
    result = xr.concat(parts, "measurement").assign_coords(group=studies, probability=list(COVERED))
    result = result.assign({key: ("fold", [one[key] for one in fits]) for key in fits[0]})
    return result.assign_attrs(folds=len(studies), seed=settings["seed"], draws=min(used))


def _fitted(known: Tables, settings: Mapping[str, int], seed: int) -> tuple[xr.Dataset, dict[str, float]]:
    """Draws of a fit, thinned, and how it went; made anew at twice the length where chains did not mix."""
    for times in range(settings["longer"] + 1):
        length = {name: settings[name] * 2**times for name in ("draws", "tune")}
        made = fit(process.build(*known), seed=seed + 100 * times, chains=settings["chains"], progress=False, **length)
        judged = {key: made.attrs[key] for key in ("max_r_hat", "divergences")}
        judged["min_ess"] = min(made.attrs["min_ess_bulk"], made.attrs["min_ess_tail"])
        if mixed(judged["max_r_hat"], judged["min_ess"]):
            break
    every = max(1, length["draws"] * settings["chains"] // PREDICTED)
    return made["posterior"].to_dataset().isel(draw=slice(None, None, every)), judged


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"priming": few_jars, "priming_process": few_runs}
LEFT_OUT = {
    "priming": Case("baseline", by_fold(all_jars, 5), {"draws": 2400, "tune": 1000}),
    # The matrix of low rank takes more warm-up: half an hour and no second attempt.
    "priming_process": Case("process", studies_left_out, {"draws": 1500, "tune": 700, "longer": 0}),
}
COMPARED = (
    Comparison(
        "Priming",
        ("priming", "priming_process"),
        "Log ratio of native CO2 at the last day, treated over control, in the jars that have a time series. The\n"
        "process model foresees CO2 interval by interval, so the density of this ratio has no closed form: scores\n"
        "are continuous ranked probability scores (CRPS), in units of the log ratio; less is better.",
    ),
)
