"""What each figure of a fit of field plots says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.field import effect_figures as figures
from socbayes.plots.style import flat, readable
from socbayes.report.readings import Reading
from socbayes.wording import SURE, few, probability, said

if TYPE_CHECKING:
    import xarray as xr


def constants_moved(fitted: xr.DataTree) -> str:
    """Say which rate constants the samples move off their published values."""
    constants = fitted["posterior"].to_dataset()["rate_constant"]
    names, draws = [readable(name) for name in constants["constant"].to_numpy()], flat(constants)
    above = (draws > 0).mean(axis=0)
    moved = [
        f"{name} ({said(np.exp(draws[:, k]))} times it)"
        for k, name in enumerate(names)
        if not 1 - SURE < above[k] < SURE
    ]
    sentence = f"Of {len(names)} rate constants {len(moved)} have an interval that excludes the published value"
    return f"{sentence}: {few(moved)}." if moved else f"{sentence}."


def treatments_differ(fitted: xr.DataTree) -> str:
    """Say between which treatments decomposition and input differ the most."""
    posterior = fitted["posterior"].to_dataset()
    names = [readable(name) for name in posterior["treatment"].to_numpy()]
    sentences = []
    for variable, what in (("rate_effect", "Decomposition is fastest"), ("treatment_input", "carbon input is largest")):
        draws = flat(posterior[variable])
        median = np.median(draws, axis=0)
        top, bottom = int(median.argmax()), int(median.argmin())
        difference = draws[:, top] - draws[:, bottom]
        sentences.append(
            f"{what} with {names[top]}, {said(np.exp(difference))} times that with {names[bottom]} "
            f"(larger with probability {probability(float((difference > 0).mean()))})"
        )
    return "; ".join(sentences) + "."


def pools_at_the_start(fitted: xr.DataTree) -> str:
    """Say where most of the carbon of the first samples is."""
    share = fitted["posterior"].to_dataset()["initial_share"].mean("site")
    names, draws = [readable(name) for name in share["pool"].to_numpy()], 100 * flat(share)
    median = np.median(draws, axis=0)
    top, second = np.argsort(-median)[:2]
    return (
        f"Averaged over sites, {said(draws[:, top], '%')} of organic carbon begins in {names[top]} and "
        f"{said(draws[:, second], '%')} in {names[second]}."
    )


READINGS: dict[str, tuple[Reading, ...]] = {
    "field": (
        Reading(
            "What treatments do to decomposition and input",
            figures.field_treatment_effects,
            treatments_differ,
            opens=1,
            needs=("rate_effect", "treatment_input"),
        ),
        Reading(
            "Rate constants over published values",
            figures.field_rate_constants,
            constants_moved,
            opens=2,
            needs=("rate_constant",),
        ),
        Reading(
            "Pools at the first sample", figures.field_initial_shares, pools_at_the_start, needs=("initial_share",)
        ),
    ),
}
"""Figures of each model, in the order they are read."""
