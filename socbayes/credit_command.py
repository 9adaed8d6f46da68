"""The command ``socbayes credit``: a credit sheet of a projection, on the screen and as a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socbayes.screen import console_of

if TYPE_CHECKING:
    from rich.table import Table

    from socbayes.scenarios.credit_sheet import CreditSheet

EXAMPLE = (
    "Example: [bold]socbayes credit projection.nc --areas areas.csv --rule vm0042_v2_2 --buffer 0.12 "
    "--output credits.csv[/bold]"
)
FAILED_GATE = 1
SHOWN = ("area", "gain", "model_sd", "sampling_sd", "credited", "quantile", "net")


def credit(
    projection: Annotated[Path, typer.Argument(help="Projection of plans, as `socbayes project` writes it.")],
    areas: Annotated[
        Path | None,
        typer.Option(
            help="Land each plot stands for: a table with plot, area \\[ha] and stratum, or a TOML file with a "
            "\\[\\[stratum]] of name, hectares and plots for each; that of the plans if left out."
        ),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Rule to compute as: vm0042_v2_2 or rainbow; may be given several times.")
    ] = None,
    buffer: Annotated[float | None, typer.Option(help="Share withheld against reversals, such as 0.12.")] = None,
    year: Annotated[float | None, typer.Option(help="End of the period; the last year if left out.")] = None,
    plan: Annotated[str | None, typer.Option(help="One plan; all if left out.")] = None,
    every_point: Annotated[
        bool, typer.Option("--every-point", help="The plots are all the fields there are, not a sample.")
    ] = False,
    allow_failed: Annotated[
        bool, typer.Option("--allow-failed", help="Take a projection whose fit failed, and mark every number.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file to write.")] = Path("credits.csv"),
) -> None:
    """Credit the plans of a projection, computed as in a rule; every figure says how it came about."""
    from socbayes.files import replacing
    from socbayes.scenarios.credit_sheet import credit_sheet
    from socbayes.scenarios.projected import read_projection

    sheet = credit_sheet(
        read_projection(projection), areas, rules=rule, buffer=buffer, year=year, plan=plan,
        every_point=every_point or None, allow_failed=allow_failed,
    )  # fmt: skip
    console = console_of()
    for name in dict.fromkeys(line.credit.rule.name for line in sheet.lines):
        console.print(sheet_table(sheet, name))
    for sentence in sheet.text:
        console.print(sentence, markup=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as temporary:
        sheet.table.to_csv(temporary, index=False)
    console.print(f"Credit sheet: {output} ({len(sheet.table):,} figures)", markup=False)
    if not sheet.converged:
        raise typer.Exit(FAILED_GATE)


def sheet_table(sheet: CreditSheet, rule: str) -> Table:
    """Lay out what a credit sheet says by one rule for the terminal, a row for each plan and group of plots.

    Parameters
    ----------
    sheet
        Credit sheet.
    rule
        Name of the rule.
    """
    from rich.markup import escape
    from rich.table import Table

    from socbayes.scenarios.credit_sheet import KNOWN
    from socbayes.wording import number

    table = Table(
        title=f"{rule}: credits against {escape(sheet.baseline)}, {sheet.start:g} to {sheet.end:g}",
        title_justify="left",
        caption="area in ha, net in t CO2e, all else in t CO2e/ha; what is empty is not told, or needs a buffer",
        caption_justify="left",
    )  # fmt: skip
    table.add_column("plan")
    table.add_column("group", no_wrap=True)
    for name in SHOWN:
        table.add_column(name.replace("_", " "), justify="right")
    chosen = sheet.table[sheet.table["rule"] == rule]
    for labels, rows in chosen.groupby(["plan", "group"], sort=False):
        row = rows.set_index("quantity")["value"]
        # A new plot is one: it has no points that could differ.
        row["sampling_sd"] = row["sampling_sd"] if labels[1] == KNOWN else float("nan")
        spread = math.hypot(row["model_sd"], 0.0 if math.isnan(row["sampling_sd"]) else row["sampling_sd"])
        scales = {name: spread for name in SHOWN} | {"area": row["area"] / 10, "net": spread * row["area"]}
        cells = ["" if math.isnan(row[name]) else number(row[name], scales[name]) for name in SHOWN]
        table.add_row(*(escape(str(label)) for label in labels), *cells)
    return table
