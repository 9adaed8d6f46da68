"""What a report says about comparisons of scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socbayes.plots.scenarios import scenario_differences
from socbayes.report.pictures import picture
from socbayes.report.readings import Reading
from socbayes.subjects import title_of
from socbayes.wording import number, probability, unit_of_difference

if TYPE_CHECKING:
    from socbayes.scenarios import ScenarioComparison


def scenario_rows(comparison: ScenarioComparison) -> tuple[list[dict[str, str]], list[str]]:
    """Put a comparison into table cells, and into one sentence for each scenario but the reference."""
    rows, sentences = [], []
    unit = unit_of_difference(comparison.unit)
    for name, row in comparison.table.iterrows():
        cells = {"scenario": str(name), "prediction": _range(row["median"], row["lower"], row["upper"])}
        if name == comparison.reference:
            rows.append(cells | {"difference": "reference", "probability": ""})
            continue
        values = (row["difference"], row["difference_lower"], row["difference_upper"])
        p = float(row["probability_of_increase"])
        rows.append(cells | {"difference": _range(*values, signed=True), "probability": probability(p)})
        median, _, interval = rows[-1]["difference"].partition(" ")
        shown = median if unit == "fraction" else f"{median} {unit}"
        shown += f" {interval}" if interval else ""
        sentences.append(
            f"{name} against {comparison.reference}: {comparison.quantity} differs by {shown}; it is higher with "
            f"probability {probability(p)}."
        )
    return rows, sentences


def described(comparison: ScenarioComparison) -> dict[str, Any]:
    """Put a comparison into what the page shows of it.

    Parameters
    ----------
    comparison
        Of scenarios.
    """
    rows, sentences = scenario_rows(comparison)
    name = title_of(comparison.model)
    what = name if name.lower() == comparison.quantity.lower() else f"{name}: {comparison.quantity}"
    return {
        "model": comparison.model,
        "name": name,
        "heading": f"{what} in {comparison.group}",
        "quantity": comparison.quantity,
        "unit": "fraction" if comparison.unit == "1" else comparison.unit,
        "unit_of_difference": unit_of_difference(comparison.unit),
        "group": comparison.group,
        "converged": comparison.converged,
        "rows": rows,
        "sentences": sentences,
        "picture": picture(
            Reading(
                f"{comparison.quantity} in {comparison.group}", scenario_differences, lambda _: " ".join(sentences)
            ),
            lambda _: comparison,
        ),
    }


def _range(median: float, lower: float, upper: float, *, signed: bool = False) -> str:
    half = (float(upper) - float(lower)) / 2
    if half == 0:  # a scenario of no change
        return f"{median:g}"
    texts = [number(float(value), half) for value in (median, lower, upper)]
    if signed:
        texts = [text if text.startswith("-") or text == "0" else f"+{text}" for text in texts]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"
