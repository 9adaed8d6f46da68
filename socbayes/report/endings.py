"""What a report says about what stays of gains after levers are given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.plots.endings import gains_after
from socbayes.report.pictures import picture
from socbayes.report.projections import Chapter
from socbayes.report.readings import Reading
from socbayes.scenarios.projected import baseline_of
from socbayes.vocabulary import INTERVAL_NAME
from socbayes.wording import number, probability

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from socbayes.scenarios.endings import Lasting

DASH = "–"
"""Of a number that there is none of."""


def endings_chapter(ended: Lasting, place: int, shown: Collection[str] = ()) -> Chapter:
    """Half-life of gains, transit time of the carbon that is added, and the probability of a reversal.

    Parameters
    ----------
    ended
        Of :func:`socbayes.scenarios.lasting`.
    place
        On the page, from 0.
    shown
        Notes that the page shows elsewhere.
    """
    records, baseline = ended.table.to_dict("records"), baseline_of(next(iter(ended.paths.values())))
    end, buffer = float(ended.table["year"].max()), float(ended.table["buffer"].iloc[0])
    head, *rows = rows_of_endings(ended)
    rings = np.isfinite([row["half_life"] for row in records]).any()
    ring = "a ring is where half of the gain is gone" if rings else f"no median half-life ends by {end:g}"
    text = f"Lines are medians, bands {INTERVAL_NAME}s; {ring}."
    return Chapter(
        f"lasting-{place + 1}",
        "what lasts",
        f"What stays when levers are given up in {ended.stopped:g}",
        f"Mean gains, and what was credited, are t C/ha against {baseline}, when levers are given up and in {end:g}; a "
        "plan of which no credit is told is taken to be credited its mean gain. The half-life is of the "
        "gain, the transit time is the mean age at which carbon that a plan adds leaves the soil; both are medians of "
        f"draws with the {INTERVAL_NAME}. A reversal is that the stock of {end:g} is below that at the start and what "
        "was credited, or that the gain is below what was credited: a column each. The expected loss is the share of "
        f"the credit that the mean gain no longer covers; a buffer of {100 * buffer:.0f} % is kept back.",
        ended.converged,
        ended.failures,
        head,
        rows,
        [_sentence(row, end) for row in records],
        [picture(Reading("Gain after levers are given up", gains_after, lambda _: text), lambda _: ended)],
        [note for note in ended.table.attrs.get("notes", ()) if note not in shown],
    )  # fmt: skip


def rows_of_endings(ended: Lasting) -> list[list[str]]:
    """Heads of columns, and a row for each climate and plan.

    Parameters
    ----------
    ended
        Of :func:`socbayes.scenarios.lasting`.
    """
    head = ["climate", "plan", f"gain in {ended.stopped:g}", f"gain in {ended.table['year'].max():g}",
            "credited", "half-life (years)", "transit time (years)", "P(reversal), start", "P(reversal), gain",
            "expected loss (%)"]  # fmt: skip
    return [head] + [
        [row["climate"], row["plan"], _tons(row["gain_then"], "+"), _tons(row["gain_last"], "+"),
         _tons(row["credited"]), _years(row, "half_life"),
         _years(row, "transit_time"), *(_percent(row[name]) for name in ("p_reversal_start", "p_reversal_baseline")),
         DASH if np.isnan(row["expected_loss"]) else f"{100 * row['expected_loss']:.0f}"]
        for row in ended.table.to_dict("records")
    ]  # fmt: skip


def _years(row: Mapping[str, Any], name: str) -> str:
    """Median of some years with its bounds; infinite is beyond the last year."""
    middle, lower, upper = (float(row[key]) for key in (name, f"{name}_lower", f"{name}_upper"))
    if np.isnan(middle):
        return DASH
    beyond = float(row["year"] - row["stopped"])
    scale = upper - lower if np.isfinite(upper - lower) else beyond

    def told(value: float) -> str:
        return number(value, scale) if np.isfinite(value) else f"> {beyond:g}"

    return f"{told(middle)} ({told(lower)} to {told(upper)})"


def _tons(value: float, sign: str = "") -> str:
    """Carbon of a hectare, t, to a tenth from one ton on."""
    if np.isnan(value):
        return DASH
    return f"{value:{sign}.1f}" if abs(value) >= 1.0 else f"{value:{sign}.2f}"


def _percent(share: float) -> str:
    return probability(float(share)).replace("above ", "> ").replace("below ", "< ")


def _sentence(row: Mapping[str, Any], end: float) -> str:
    """What becomes of one plan's gain in one climate."""
    plan, climate = row["plan"], row["climate"]
    if not row["gain_then"] > 0:
        return f"{plan}, {climate}: there is no gain in {row['stopped']:g} that could be lost."
    loss = row["expected_loss"]
    of_credit = "" if np.isnan(loss) else (
        f"; {100 * loss:.0f} % of the {_tons(row['credited'])} that were credited are lost, "
        + ("no more than" if loss <= row["buffer"] else "more than")
        + f" the {100 * row['buffer']:.0f} % of the buffer"
    )  # fmt: skip
    return (
        f"{plan}, {climate}: of {_tons(row['gain_then'])} t C/ha gained by {row['stopped']:g}, "
        f"{_tons(row['gain_last'])} are left in {end:g}{of_credit}."
    )
