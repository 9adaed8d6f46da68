"""The command ``socbayes cache``: compiled code kept on disk, shown or removed."""

from __future__ import annotations

from typing import Annotated

import typer

from socbayes.screen import console_of

MEGABYTE = 1e6


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove what is kept; models are compiled again.")] = False,
) -> None:
    """Show the compiled code that is kept so that a model starts at once in a later process, or remove it."""
    from datetime import datetime

    from rich.table import Table

    from socbayes.inference import code_files

    console = console_of()
    found = code_files.entries()
    size = sum(one.size for one in found) / MEGABYTE
    if clear:
        removed = code_files.shrink(0)
        console.print(f"Removed {removed} of {len(found)} from {code_files.folder()}: {size:.1f} MB", markup=False)
        return
    if found:
        table = Table(title="Compiled code, used last first", title_justify="left")
        for column in ("model", "MB", "last used"):
            table.add_column(column, justify="right" if column == "MB" else "left")
        for one in found:
            used = datetime.fromtimestamp(one.used).strftime("%Y-%m-%d %H:%M")
            table.add_row(one.model or "-", f"{one.size / MEGABYTE:.1f}", used)
        console.print(table)
    console.print(
        f"{len(found)} in {code_files.folder()}: {size:.1f} of at most {code_files.MOST_BYTES / MEGABYTE:.0f} MB. "
        "`socbayes cache --clear` removes them.",
        markup=False,
        soft_wrap=True,
    )
