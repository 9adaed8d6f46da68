"""How data, likelihoods and parameters of a fit hang together, as a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from socbayes.wording import counted

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.spec import ModelSpec

ROW, BOX, GAP = 17, 14, 46
"""Height of a line, space inside a box and between two boxes, in pixels."""


def graph_svg(fitted: xr.DataTree, spec: ModelSpec) -> str:
    """Draw the layers of a model: tables, observed variables, parameters and reported quantities.

    Parameters
    ----------
    fitted
        A fit.
    spec
        Its specification.

    Returns
    -------
    str
        An ``<svg>`` element that takes its colours from the page; empty for a
        fit that says nothing of itself.
    """
    columns = _columns(fitted, spec)
    if not columns:
        return ""
    widths = [max(len(text) for text in (title, *lines)) * 6.6 + 2 * BOX for title, lines, _ in columns]
    heights = [ROW * (len(lines) + 1.6) + BOX for _, lines, _ in columns]
    total, tall = sum(widths) + GAP * (len(columns) - 1), max(heights)
    label = "; ".join(f"{title}: {', '.join(lines)}" for title, lines, _ in columns)
    parts = [
        f'<svg class="graph" viewBox="0 0 {total:.0f} {tall:.0f}" width="{total:.0f}" role="img" '
        f'aria-label="{escape(label, {chr(34): "&quot;"})}">'
    ]
    x = 0.0
    for place, ((title, lines, arrow), width, height) in enumerate(zip(columns, widths, heights, strict=True)):
        y = (tall - height) / 2
        parts.append(
            f'<rect x="{x + 0.5:.1f}" y="{y + 0.5:.1f}" width="{width - 1:.1f}" height="{height - 1:.1f}" rx="6"/>'
        )
        parts.append(f'<text class="head" x="{x + BOX:.1f}" y="{y + ROW + 4:.1f}">{escape(title)}</text>')
        parts += [
            f'<text x="{x + BOX:.1f}" y="{y + ROW * (row + 2.6):.1f}">{escape(line)}</text>'
            for row, line in enumerate(lines)
        ]
        x += width
        if place < len(columns) - 1:
            middle = tall / 2
            left, right = x + 5, x + GAP - 5
            tip, back = (right, right - 8) if arrow == "right" else (left, left + 8)
            parts.append(f'<path d="M{left:.1f} {middle:.1f}H{right:.1f}"/>')
            parts.append(f'<path d="M{back:.1f} {middle - 5:.1f}L{tip:.1f} {middle:.1f}L{back:.1f} {middle + 5:.1f}"/>')
        x += GAP
    parts.append("</svg>")
    return "".join(parts)


def _columns(fitted: xr.DataTree, spec: ModelSpec) -> list[tuple[str, list[str], str]]:
    """Boxes from left to right with the direction of the arrow behind each."""
    posterior = fitted["posterior"].to_dataset()
    data = [f"{table.get('name', role)}: {table.get('rows', '?'):,} rows" for role, table in spec.tables.items()]
    observed = [_observed(fitted, name) for name in spec.observed]
    groups = [
        f"{str(name).replace('_', ' ')}: {size}"
        for name, size in posterior.sizes.items()
        if name not in ("chain", "draw", "obs", "cell", "jar", "pair", "level", "response", "cause")
    ]
    priors = [record["parameter"] for record in spec.priors]
    quantities = [name for name in spec.quantities if name in posterior]
    columns = [
        ("Data", data, "right"),
        ("Likelihood of", observed, "left"),
        ("Effects of groups (size)", groups, "left"),
        (f"Priors on {counted(len(priors), 'parameter')}", _two_columns(priors), "right"),
        ("Reported", quantities, "right"),
    ]
    return [column for column in columns if column[1]]


def _observed(fitted: xr.DataTree, name: str) -> str:
    if "observed_data" not in fitted.children or name not in fitted["observed_data"]:
        return name
    values: Any = fitted["observed_data"][name]
    return f"{name}: {values.size:,}"


def _two_columns(names: list[str]) -> list[str]:
    """Long lists take two names a line."""
    if len(names) < 12:
        return names
    return [", ".join(names[place : place + 2]) for place in range(0, len(names), 2)]
