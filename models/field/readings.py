"""What each figure of a fit of field plots says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import table_of
from socbayes.models.field import effect_figures as figures
from socbayes.models.field.figures import field_plots
from socbayes.models.field.forecasts import forecast, with_measurement_error
from socbayes.plots.style import flat, readable
from socbayes.report.readings import Reading
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import SURE, few, probability, said

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

SHOWN = 6
"""Plots of a report: those sampled most often."""
DRAWS = 200


def hindcast(fitted: xr.DataTree) -> xr.Dataset:
    """Run of a fit over its own years, from the tables that it holds."""
    seen = table_of(fitted, "obs")
    if seen is None:
        raise SocbayesError("this fit does not hold the tables it was made of: fit the model again")
    span = float(seen["year"].min()), float(seen["year"].max())
    # A dozen years or more for a line, and the samples' own for the comparison.
    every = np.arange(np.floor(span[0]), span[1] + 1.0, max(1.0, np.round((span[1] - span[0]) / 40.0)))
    return forecast(fitted, years=np.unique(np.concatenate([every, seen["year"]])).tolist(), draws=DRAWS)


def plots_sampled_most(run: xr.Dataset) -> Figure:
    """Draw the plots with the most samples of their total."""
    total = run["measured_plot"].to_numpy()[run["measured_fraction"].to_numpy() == "total"]
    names, counts = np.unique(total if total.size else run["measured_plot"].to_numpy(), return_counts=True)
    often = names[np.argsort(-counts, kind="stable")[:SHOWN]]
    return field_plots(run, plots=sorted(often.tolist()))


def samples_within(run: xr.Dataset) -> str:
    """Say how many of the totals lie within what the fitted model would measure."""
    import xarray as xr

    seen = with_measurement_error(run, seed=1)["known"].sel(fraction="total")
    which = (run["measured_fraction"] == "total").to_numpy()
    if not which.any():
        return "No total was measured, so none is compared."
    places, years = run["measured_plot"].to_numpy()[which], run["measured_year"].to_numpy()[which]
    stocks = run["measured"].to_numpy()[which]
    where = {name: xr.DataArray(values, dims="seen") for name, values in (("plot", places), ("year", years))}
    # Samples count at the nearest turn of a month, so their years differ from those run by weeks.
    drawn = seen.sel(plot=where["plot"]).sel(year=where["year"], method="nearest").transpose("seen", ...).to_numpy()
    low, high = np.quantile(drawn, [(1 - CI_PROB) / 2, (1 + CI_PROB) / 2], axis=1)
    inside = 100 * ((low <= stocks) & (stocks <= high)).mean()
    return (
        f"Of {stocks.size:,} totals that the fit has seen, {inside:.0f} % lie within the {INTERVAL_NAME} of one "
        "measurement. How years, and sites, are foreseen that it has not seen is what leave_future_out and "
        "leave_one_site_out say."
    )


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
    word = "has" if len(moved) == 1 else "have"
    sentence = f"Of {len(names)} rate constants {len(moved)} {word} an interval that excludes the published value"
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
            "Plots sampled most often, and their run", plots_sampled_most, samples_within, of=hindcast, tables=("obs",)
        ),
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
