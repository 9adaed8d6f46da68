"""What each figure of a fit of the carbon pump says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.mcp import figures, process_figures
from socbayes.models.mcp.baseline import SECTORS, sector
from socbayes.models.mcp.scenarios import contraction, forecast, sector_probabilities
from socbayes.plots.style import flat, readable
from socbayes.report.readings import Reading
from socbayes.vocabulary import CI_PROB
from socbayes.wording import SURE, direction, few, probability, said

if TYPE_CHECKING:
    import xarray as xr


def _gains(fitted: xr.DataTree) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Practices, and draws of s and n in the average study."""
    ratio = fitted["posterior"].to_dataset()["log_ratio"]
    names = [readable(name) for name in ratio["practice"].to_numpy()]
    return names, flat(ratio.sel(response="soil_organic_carbon")), flat(ratio.sel(response="necromass"))


def pump_pairs(fitted: xr.DataTree) -> str:
    """Say where the observed pairs and the practices lie."""
    names, s, n = _gains(fitted)
    both = ((s > 0) & (n > 0)).mean(axis=0)
    sentence = ""
    if "observed_data" in fitted.children:
        pairs = fitted["observed_data"].to_dataset()["pair_log_ratio"]
        place = sector(pairs.sel(response="necromass").to_numpy(), pairs.sel(response="soil_organic_carbon").to_numpy())
        counts = np.bincount(place, minlength=len(SECTORS))
        top = int(counts.argmax())
        sentence = f"Of {place.size} pairs, {100 * counts[top] / place.size:.0f} % lie in the sector “{SECTORS[top]}”. "
    return sentence + (
        f"In the average study, {int((both >= SURE).sum())} of {len(names)} practices raise necromass and organic "
        "carbon "
        f"together with a probability of at least {SURE:.3f}."
    )


def pump_each(fitted: xr.DataTree) -> str:
    """Name the practices that raise both."""
    names, s, n = _gains(fitted)
    both, neither = ((s > 0) & (n > 0)).mean(axis=0), ((s < 0) & (n < 0)).mean(axis=0)
    best = int(both.argmax())
    worst = int(neither.argmax())
    return (
        f"Surest to raise both in the average study is {names[best]} (probability {probability(float(both[best]))}: "
        "necromass "
        f"{said(100 * np.expm1(n[:, best]), '%', signed=True)}, organic carbon "
        f"{said(100 * np.expm1(s[:, best]), '%', signed=True)}); surest to lower both is {names[worst]} "
        f"({probability(float(neither[worst]))}). Of new studies {100 * CI_PROB:.0f} % are to be expected inside the "
        "dashed outline."
    )


def pump_sector_shares(fitted: xr.DataTree) -> str:
    """Say where the necromass share is most and least likely to rise in a new study."""
    new_study = fitted["posterior"]["log_ratio_new_study"]
    table = sector_probabilities(new_study).transpose("practice", "sector").to_pandas()
    rises = table.iloc[:, [0, 2, 4]].sum(axis=1)
    carbon = table.iloc[:, [2, 4]].sum(axis=1)
    top, bottom = str(rises.idxmax()), str(rises.idxmin())
    sentence = (
        f"In a new study the necromass share is likeliest to rise with {readable(top)} (probability "
        f"{probability(float(rises[top]))}) and least likely with {readable(bottom)} "
        f"({probability(float(rises[bottom]))})."
    )
    if carbon[top] > 0.5 * rises[top]:
        sentence += f" With {readable(top)} that is mostly a rise while organic carbon falls: no gain of carbon."
    return sentence


def pump_efficacy(fitted: xr.DataTree) -> str:
    """Say which practices change the necromass share."""
    change = fitted["posterior"].to_dataset()["efficacy_change"]
    names = [readable(name) for name in change["practice"].to_numpy()]
    draws = 100 * flat(change)
    above = (draws > 0).mean(axis=0)
    up = [names[i] for i in np.argsort(-above) if above[i] >= SURE]
    down = [names[i] for i in np.argsort(above) if above[i] <= 1 - SURE]
    top = int(np.median(draws, axis=0).argmax())
    return (
        f"With an interval that excludes zero, the share rises with {few(up)} and falls with {few(down)}, of "
        f"{len(names)} "
        f"practices; the largest median change is {said(draws[:, top], 'percentage points', signed=True)} with "
        f"{names[top]}."
    )


def necromass_levels(fitted: xr.DataTree) -> str:
    """Say where necromass makes up most of the organic carbon."""
    share = fitted["posterior"].to_dataset()["necromass_share_mean"]
    names = [readable(name) for name in share["ecosystem"].to_numpy()]
    draws = 100 * flat(share)
    median = np.median(draws, axis=0)
    top, bottom = int(median.argmax()), int(median.argmin())
    typical = 100 * flat(fitted["posterior"].to_dataset()["necromass_share"])
    return (
        f"Averaged over studies, necromass makes up most of organic carbon in {names[top]}, "
        f"{said(draws[:, top], '%')}, and "
        f"least in {names[bottom]}, {said(draws[:, bottom], '%')}; in the typical study it is "
        f"{said(typical[:, top], '%')} and {said(typical[:, bottom], '%')}."
    )


def pump_pulled(fitted: xr.DataTree) -> str:
    """Say which levers are known to move."""
    lever = fitted["posterior"].to_dataset()["practice_lever"]
    draws, practices = flat(lever), [readable(name) for name in lever["practice"].to_numpy()]
    levers = [str(name) for name in lever["lever"].to_numpy()]
    above = (draws > 0).mean(axis=0)
    sure = [
        f"{levers[k]} with {practices[i]} ({direction(draws[:, i, k], 'up', 'down')})"
        for i, k in zip(*np.nonzero((above >= SURE) | (above <= 1 - SURE)), strict=True)
    ]
    sentence = f"Of {above.size} shifts of a lever by a practice, {len(sure)} exclude zero"
    sentence += f": {few(sure)}." if sure else "."
    best = int(above[:, levers.index("efficiency")].argmax())
    p = float(above[best, levers.index("efficiency")])
    return f"{sentence} Efficiency is likeliest raised by {practices[best]} (probability {probability(p)})."


def pump_learned(fitted: xr.DataTree) -> str:
    """Say of which lever the data tell most."""
    share = 100 * contraction(fitted).mean("practice")
    order = np.argsort(-share.to_numpy())
    names = [str(name) for name in share["lever"].to_numpy()]
    return (
        f"Averaged over practices the data take {float(share[order[0]]):.0f} % off the prior variance of "
        f"{names[order[0]]} and {float(share[order[-1]]):.0f} % off that of {names[order[-1]]}: what is left is prior."
    )


def pump_outlook(forecast: xr.Dataset) -> str:
    """Say where both gain in a new study."""
    chances = sector_probabilities(forecast["log_ratio"]).sel(study="new study").isel(year=-1)
    years = float(chances["year"])
    gain, lose = (chances.sel(sector=list(names)).sum("sector").to_series() for names in (SECTORS[:2], SECTORS[4:6]))
    return (
        f"After {years:g} years necromass and organic carbon have both gained in a new study with a probability of "
        f"{probability(float(gain.max()))} with {readable(gain.idxmax())}, and both lost with a probability of "
        f"{probability(float(lose.max()))} with {readable(lose.idxmax())}."
    )


def pump_change(forecast: xr.Dataset) -> str:
    """Say whether the change of the share turns over the years."""
    change = 100 * forecast["efficacy_change"].sel(study="average study")
    first, last = change.isel(year=0), change.isel(year=-1)
    turned = (first.median("sample") < 0) & (last.median("sample") > 0)
    practices = [readable(name) for name in change["practice"].to_numpy()]
    names = [name for name, turns in zip(practices, turned.to_numpy(), strict=True) if turns]
    top = int(np.median(last.to_numpy(), axis=0).argmax())
    largest = said(last.to_numpy()[:, top], "percentage points", signed=True)
    sentence = f"The largest median change after {float(last['year']):g} years is {largest} with {practices[top]}."
    if not names:
        return sentence
    return sentence + (
        f" From below zero after {float(first['year']):g} years the median rises above it with {few(names)}: carbon "
        "comes first and necromass follows."
    )


def outlook(fitted: xr.DataTree) -> xr.Dataset:
    """Forecast of a fit of the pump at 10, 30 and 100 years."""
    return forecast(fitted, draws=300)


READINGS: dict[str, tuple[Reading, ...]] = {
    "mcp": (
        Reading("The plane of necromass and organic carbon", figures.pump_plane, pump_pairs),
        Reading("Each practice in the plane", figures.pump_practices, pump_each, opens=1),
        Reading("Sectors to expect in a new study", figures.pump_sectors, pump_sector_shares),
        Reading("Change of the necromass share", figures.efficacy_change, pump_efficacy, opens=2),
        Reading("Necromass share by ecosystem", figures.necromass_share, necromass_levels),
    ),
    "mcp_process": (
        Reading("Levers that practices pull", process_figures.pump_levers, pump_pulled, opens=1),
        Reading("What the data told of each lever", process_figures.pump_contraction, pump_learned),
        Reading(
            "Sectors to expect after 10, 30 and 100 years, new study",
            process_figures.pump_forecast_sectors,
            pump_outlook,
            of=outlook,
            opens=2,
        ),
        Reading(
            "Change of the necromass share over the years",
            process_figures.pump_forecast_efficacy,
            pump_change,
            of=outlook,
            opens=3,
        ),
    ),
}
"""Figures of each model, in the order they are read."""
