"""Pictures and tables as text of an HTML page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

from socbayes.wording import decimals

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LARGEST_SVG = 200_000
"""Bytes beyond which a picture is stored as pixels."""


def data_uri(figure: Figure) -> str:
    """Picture as a data URI: drawn where that is small, else as pixels."""
    import matplotlib

    drawn = io.BytesIO()
    # Laying out takes longest, and need be done once.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    # A fixed salt and no date: the same fit gives the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "socbayes", "svg.fonttype": "path"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    if drawn.tell() <= LARGEST_SVG:
        return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode("ascii")
    return pixels(figure, dpi=170)


def pixels(figure: Figure, dpi: int = 110) -> str:
    """Picture as a data URI of a PNG image."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode("ascii")


def html_table(table: pd.DataFrame) -> str:
    """Numbers of a check as an HTML table, rounded column by column."""
    import pandas as pd

    shown = table.reset_index()
    for name in shown.columns:
        if pd.api.types.is_float_dtype(shown[name]):
            shown[name] = _column(shown[name])
        shown = shown.rename(
            columns={name: str(name).replace("eti89_lb", "89 % lower").replace("eti89_ub", "89 % upper")}
        )
    shown.columns = [str(name).replace("_", " ") for name in shown.columns]
    return shown.to_html(index=False, border=0, classes="numbers", justify="unset")


def _column(values: pd.Series) -> pd.Series:
    """Numbers of a column as text with a common number of decimals."""
    finite = values[np.isfinite(values)]
    # Three digits of the typical number; two of what a spread of a tenth of it deserves.
    places = decimals(0.1 * float(finite.abs().median())) if len(finite) and finite.abs().median() > 0 else 2
    return values.map(lambda value: f"{value:,.{min(places, 5)}f}" if np.isfinite(value) else "not finite")


def tidy(text: str) -> str:
    """Keep a number and its unit on one line."""
    for unit in ("%", "°C", "h", "percentage"):
        text = text.replace(f" {unit} ", f"\u00a0{unit} ").replace(f" {unit}:", f"\u00a0{unit}:")
    return text
