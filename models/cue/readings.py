"""What each figure of a fit of carbon use efficiency says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.facts import table_of
from socbayes.models.cue import figures, process_figures
from socbayes.models.cue.figures import least_squares
from socbayes.models.cue.scenarios import printed
from socbayes.plots.style import flat, readable
from socbayes.report.readings import Reading
from socbayes.wording import direction, limits, probability, said

if TYPE_CHECKING:
    import xarray as xr


def cue_levels(fitted: xr.DataTree) -> str:
    """Say how methods and ecosystems differ."""
    posterior = fitted["posterior"].to_dataset()
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    draws = flat(posterior["cue_by_method"])
    median = np.median(draws, axis=0)
    top, bottom = int(median.argmax()), int(median.argmin())
    sentence = (
        f"In the typical study at 15 °C and 24 h, carbon use efficiency is highest by {readable(methods[top])}, "
        f"{said(draws[:, top])}, and lowest by {readable(methods[bottom])}, {said(draws[:, bottom])}."
    )
    if "cue_by_method_and_ecosystem" not in posterior:
        return sentence
    crossed = flat(posterior["cue_by_method_and_ecosystem"])
    between_methods, between_ecosystems = np.ptp(draws, axis=1), np.ptp(crossed, axis=2).mean(axis=1)
    p = float((between_methods > between_ecosystems).mean())
    word = "more" if p >= 0.5 else "less"
    return sentence + (
        f" Methods differ {word} than ecosystems (probability {probability(max(p, 1 - p))}): by "
        f"{said(between_methods)} "
        f"against {said(between_ecosystems)} within one method."
    )


def cue_slopes(fitted: xr.DataTree) -> str:
    """Say what partial pooling does to the temperature slope."""
    posterior = fitted["posterior"].to_dataset()
    mean = flat(posterior["slope_mean"]) / 4
    sentence = (
        "Within studies, averaged over methods, efficiency "
        f"{direction(mean, 'rises with temperature', 'falls with temperature')}: "
        f"{said(mean, 'per °C', signed=True)} at an efficiency of 0.5."
    )
    table = table_of(fitted)
    if table is None:
        return sentence
    pooled, _ = least_squares(table)
    median, lower, upper = limits(mean)
    steeper = abs(pooled) > abs(median)
    sentence += (
        f" Least squares over all rows gives {pooled:+.4f} per °C, {'steeper' if steeper else 'shallower'} than that"
    )
    if not lower <= pooled <= upper:
        sentence += " and outside the interval, because it also counts how warm and cold studies differ in other ways"
    sentence += "."
    if "study_slope" not in posterior:
        return sentence
    names = [str(name) for name in posterior["study_with_temperatures"].to_numpy()]
    alone = np.array([least_squares(table[table["study"] == name])[0] for name in names])
    alone = alone[np.isfinite(alone)]
    if not alone.size:
        return sentence
    together = np.median(flat(posterior["study_slope"]), axis=0) / 4
    word = "narrows" if np.ptp(together) < np.ptp(alone) else "widens"
    return sentence + (
        f" Partial pooling {word} the slopes of {len(names)} single studies from {alone.min():+.3f} … "
        f"{alone.max():+.3f} to "
        f"{together.min():+.3f} … {together.max():+.3f}: the less a study says, the more it borrows from the others."
    )


def cue_spread(fitted: xr.DataTree) -> str:
    """Say how much of the spread is method and how much environment."""
    share = fitted["posterior"].to_dataset()["spread_share"]
    causes = [str(name) for name in share["cause"].to_numpy()]

    def of(names: set[str]) -> np.ndarray:
        return 100 * flat(share.isel(cause=[i for i, name in enumerate(causes) if name in names])).sum(axis=1)

    measured = of({"method", "substrate", "incubation time", "conditions"})
    environment = of({"ecosystem", "temperature within studies", "temperature between studies"})
    study = of({"study"})
    word = "more" if np.median(measured) > np.median(environment) else "less"
    return (
        f"How efficiency was measured (method, substrate, time) goes with {said(measured, '%')} of its published "
        "variance, "
        f"{word} than ecosystem and temperature with {said(environment, '%')}; {said(study, '%')} goes with the study "
        "and "
        "with no column of the table."
    )


def printed_values(fitted: xr.DataTree) -> str:
    """Say how far incubation time and method move the printed value."""
    seen = printed(fitted, (1.0, 48.0))
    intrinsic, label = seen["intrinsic"].to_numpy(), seen["labelled"].to_numpy()
    sentence = (
        f"The intrinsic efficiency at 15 °C, free of method, is {said(intrinsic)}. Between 1 h and 48 h of incubation "
        f"the value printed for labelled {seen.attrs['substrate']} falls by {said(label[:, 0] - label[:, 1])}"
    )
    others = {
        str(name): seen["printed"].sel(measurement_method=name).to_numpy() for name in seen["measurement_method"].values
    }
    if "water_18O" not in others:
        return sentence + "."
    return sentence + f"; after 48 h it lies {said(label[:, 1] - others['water_18O'], signed=True)} from ¹⁸O in water."


def intrinsic_ecosystems(fitted: xr.DataTree) -> str:
    """Say whether ecosystems differ in intrinsic efficiency."""
    values = fitted["posterior"].to_dataset()["intrinsic_efficiency_by_ecosystem"]
    names, draws = [readable(name) for name in values["ecosystem"].to_numpy()], flat(values)
    median = np.median(draws, axis=0)
    top, bottom = int(median.argmax()), int(median.argmin())
    p = float((draws[:, top] > draws[:, bottom]).mean())
    return (
        f"Free of method and time, efficiency is highest in {names[top]}, {said(draws[:, top])}, and lowest in "
        f"{names[bottom]}, {said(draws[:, bottom])}; the first exceeds the second with probability {probability(p)}."
    )


READINGS: dict[str, tuple[Reading, ...]] = {
    "cue": (
        Reading("Carbon use efficiency by method and ecosystem", figures.cue_by_method_and_ecosystem, cue_levels),
        Reading("Temperature slopes, pooled and unpooled", figures.temperature_slopes, cue_slopes, opens=2),
        Reading("What the published spread goes with", figures.spread_shares, cue_spread, opens=1),
    ),
    "cue_process": (
        Reading(
            "What each method would print of one soil", process_figures.printed_efficiency, printed_values, opens=1
        ),
        Reading("Intrinsic efficiency by ecosystem", process_figures.intrinsic_by_ecosystem, intrinsic_ecosystems),
        Reading("Temperature slopes, pooled and unpooled", figures.temperature_slopes, cue_slopes, opens=3),
        Reading("What the published spread goes with", figures.spread_shares, cue_spread, opens=2),
    ),
}
"""Figures of each model, in the order they are read."""
