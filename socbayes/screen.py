"""What the terminal shows: tables of fits, scenarios, frames and faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import Console
    from rich.table import Table

    from socbayes.errors import Fault
    from socbayes.scenarios import ScenarioComparison

FAULTS_SHOWN = 60


def console_of(*, errors: bool = False) -> Console:
    """Console to print on; wide enough for a table where there is no terminal to say how wide it is.

    Parameters
    ----------
    errors
        Whether for errors.
    """
    from rich.console import Console

    console = Console(stderr=errors, highlight=False)
    return console if console.is_terminal else Console(stderr=errors, highlight=False, width=120)


def diagnostics_table(fits: Mapping[str, xr.DataTree]) -> Table:
    """Lay out how well fits converged, as a table for the terminal.

    Parameters
    ----------
    fits
        By name.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Diagnostics", title_justify="left")
    for column in ("fit", "draws", "divergences", "R-hat", "ESS", "sampling", "verdict"):
        table.add_column(column, justify="left" if column in ("fit", "verdict") else "right", no_wrap=True)
    for name, fitted in fits.items():
        attrs, sizes = fitted.attrs, fitted["posterior"].sizes
        seconds = f"{attrs['sampling_seconds']:.0f} s" if "sampling_seconds" in attrs else "-"
        table.add_row(
            escape(name),
            f"{sizes['draw']} x {sizes['chain']}",
            str(attrs["divergences"]),
            f"{attrs['max_r_hat']:.3f}",
            f"{min(attrs['min_ess_bulk'], attrs['min_ess_tail']):.0f}",
            seconds,
            "[green]passed[/green]" if int(attrs["converged"]) else "[bold red]FAILED ITS CHECKS[/bold red]",
        )
    return table


def scenario_table(gain: ScenarioComparison) -> Table:
    """Lay out a scenario comparison as a table for the terminal.

    Parameters
    ----------
    gain
        Of scenarios.
    """
    from rich.markup import escape
    from rich.table import Table

    from socbayes.report.comparisons import scenario_rows
    from socbayes.scenarios.draws import DO_NOT_USE
    from socbayes.vocabulary import INTERVAL_NAME
    from socbayes.wording import unit_of_difference

    unit = "fraction" if gain.unit == "1" else gain.unit
    title = f"{gain.quantity} in {gain.group}: median ({INTERVAL_NAME})"
    failed = None if gain.converged else f"[bold red]{DO_NOT_USE}[/bold red]"
    table = Table(title=escape(title), title_justify="left", caption=failed, caption_justify="left")
    table.add_column("scenario")
    table.add_column(f"prediction ({unit})", justify="right")
    table.add_column(f"difference ({unit_of_difference(gain.unit)})", justify="right")
    table.add_column("P(higher)", justify="right")
    rows, _ = scenario_rows(gain)
    for row in rows:
        table.add_row(*(escape(row[key]) for key in ("scenario", "prediction", "difference", "probability")))
    return table


def frame_table(frame: pd.DataFrame, title: str) -> Table:
    """Lay out a frame as a table for the terminal.

    Parameters
    ----------
    frame
        Numbers and words.
    title
        Heading.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left")
    for name in frame.columns:
        number = frame[name].dtype.kind in "fiu"
        table.add_column(str(name).replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, float):
        return "" if value != value else f"{value:,.4g}"
    return escape(str(value))


def faults_table(faults: Sequence[Fault], source: str) -> Table:
    """Lay out the faults of a table for the terminal.

    Parameters
    ----------
    faults
        Those that were found.
    source
        File they are in.
    """
    from rich.markup import escape
    from rich.table import Table

    total, hidden = (sum(fault.count for fault in some) for some in (faults, faults[FAULTS_SHOWN:]))
    title = f"{source}: {counted(total, 'fault')}"
    more = f"... and {hidden:,} more" if hidden else None
    table = Table(title=escape(title), title_justify="left", show_lines=True, caption=more, caption_justify="left")
    # What is no table, such as a file of plans, has no rows and columns.
    of_table = any(fault.row is not None or fault.place == "column" for fault in faults)
    for name in (*(["row", "column"] if of_table else ["where"]), "fault", "what to do"):
        table.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    for fault in faults[:FAULTS_SHOWN]:
        text = f"{fault.kind}: found {fault.found}, expected {fault.expected}"
        row = ["" if fault.row is None else str(fault.row)] if of_table else []
        table.add_row(*row, *(escape(cell) for cell in (fault.column, text, fault.suggestion)))
    return table
