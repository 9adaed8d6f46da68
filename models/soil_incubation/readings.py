"""What each figure of a fit of one soil incubation says, in a sentence made from the draws it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socbayes.models.soil_incubation import figures
from socbayes.plots.style import flat
from socbayes.report.readings import Reading
from socbayes.wording import probability, said

if TYPE_CHECKING:
    import xarray as xr


def rates_told(fitted: xr.DataTree) -> str:
    """Say how fast carbon is lost at first and in the long run."""
    posterior = fitted["posterior"].to_dataset()
    fast, slow = flat(posterior["fast_rate"]), flat(posterior["slow_rate"])
    return (
        f"The pools approach their common decline at {said(fast, '1/day')}; in the long run carbon is lost at "
        f"{said(slow, '1/day')}, and grows with probability {probability(float((slow < 0).mean()))}."
    )


READINGS: dict[str, tuple[Reading, ...]] = {
    "soil_incubation": (Reading("Rates of loss", figures.incubation_rates, rates_told, opens=1),),
}
"""Figures of each model, in the order they are read."""
