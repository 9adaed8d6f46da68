"""Commands of the command line on levers and plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socbayes.errors import SocbayesError
from socbayes.screen import console_of
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

    from socbayes.scenarios.endings import Lasting
    from socbayes.scenarios.plans import Plans

PROJECTION, GAINS, CHANGES = "projection.nc", "gains.csv", "plan.csv"
"""Files of a projection: all draws, the table of gains, and what every plot gets."""
LASTING = "lasting.csv"
"""Table of what stays of gains; draws are beside it, a projection for each climate."""
_MOST_YEARS = 500

Runs = Annotated[list[Path], typer.Argument(help="Folders of runs of `socbayes fit field`, of the same plots.")]
Plan = Annotated[
    Path,
    typer.Option(
        "--plan", "-p", help='TOML file of plans, for each a table such as \\[plans.cover] with levers = '
        '\\[{ lever = "cover_crop", dose = 1, start = 2026 }].',
    ),
]  # fmt: skip
Years = Annotated[str, typer.Option("--years", "-y", help="FIRST:LAST, FIRST:LAST:STEP, or years with commas.")]
Weights = Annotated[
    list[str] | None, typer.Option("--weight", metavar="RUN=NUMBER", help="Weight of a run; all alike if left out.")
]
Draws = Annotated[int, typer.Option(min=2, help="Draws of all runs together.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]
AllowFailed = Annotated[
    bool, typer.Option("--allow-failed", help="Go on with runs that failed their checks; the result is marked.")
]
Progress = Annotated[bool, typer.Option(help="Show what is being done.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line.

    Parameters
    ----------
    app
        The command line.
    """
    app.command("levers", epilog="Example: [bold]socbayes levers no_tillage[/bold]")(levers)
    app.command(
        "project",
        epilog="Example: [bold]socbayes project runs/farm --plan plan.toml --years 2030:2055 --output projected[/bold]",
    )(project)
    app.command(
        "lasting",
        epilog="Example: [bold]socbayes lasting runs/farm --plan plan.toml --stopped 2046 --years 2026:2086:5 "
        "--warming 2 --buffer 0.12 --output lasting[/bold]",
    )(lasting)


def levers(name: Annotated[str | None, typer.Argument(help="A lever to describe.")] = None) -> None:
    """List the levers that a plan may pull, or describe one: evidence, effect of a dose, source."""
    from rich.markup import escape

    from socbayes.scenarios.lever_words import effect_told
    from socbayes.scenarios.levers import known_levers, lever_called
    from socbayes.scenarios.levers import levers as listed
    from socbayes.screen import frame_table
    from socbayes.vocabulary import INTERVAL_NAME

    console, table = console_of(), listed()
    if name is None:
        shown = table.reset_index()[["lever", "acts_on"]]
        shown["dose"] = [f"{row.lowest:g} to {row.highest:g} {row.unit}" for row in table.itertuples()]
        shown["effect"] = [effect_told(lever) for lever in known_levers().values()]
        title = f"Levers: evidence, and effect of a unit of dose, median ({INTERVAL_NAME}); x is a factor"
        console.print(frame_table(shown, title))
        console.print("`socbayes levers NAME` says where an effect is from, and what the lever excludes.")
        console.print('In a file of plans: levers = [{ lever = "no_tillage", dose = 1, start = 2026 }]', markup=False)
        return
    row = table.loc[lever_called(name).name]
    console.print(f"[bold]{row.name}[/bold]: {escape(row['title'])}, {row['acts_on']}")
    console.print(f"Dose: {row['unit']}; evidence from {row['lowest']:g} to {row['highest']:g}", markup=False)
    if row["mean"] == row["mean"]:
        through = known_levers()[str(row.name)].through
        console.print(f"Effect of a unit of dose, median ({INTERVAL_NAME}), and mean and spread of its logarithm:")
        for label, (mean, sd) in (dict(through) | {"any other structure": (row["mean"], row["sd"])}).items():
            told = f"through {label}: " if through else ""
            words = effect_told(known_levers()[str(row.name)], label)
            console.print(f"  {told}{words}; {mean:.3f}, {sd:.3f}", markup=False)
    console.print(f"Source: {row['source']}", markup=False)
    if row["excludes"]:
        console.print(f"Excludes: {row['excludes']}", markup=False)


def project(
    runs: Runs,
    plan: Plan,
    years: Years,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path("projection"),
    weight: Weights = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what every plot would get, and stop.")] = False,
    allow_failed: AllowFailed = False,
    progress: Progress = True,
) -> None:
    """Run plans on fitted field plots: gains over business as usual, paired draw by draw."""
    from socbayes.cli import FAILED_GATE, load_all, say_error
    from socbayes.scenarios.plan_files import read_plans
    from socbayes.scenarios.projections import dry_run as changes_of
    from socbayes.scenarios.projections import project as run

    wanted, read, fits = years_given(years), read_plans(plan), load_all(runs)
    weights = numbers_given(weight or [], list(fits), "--weight RUN=NUMBER")
    console = console_of()
    changes = changes_of(fits, read, years=wanted, weights=weights)
    if dry_run:
        _show_changes(changes, plan)
        return
    with console.status(f"Projecting {_how_many(read, fits)}", refresh_per_second=4) as status:
        if not progress:
            status.stop()
        result = run(fits, read, years=wanted, weights=weights, draws=draws, seed=seed, allow_failed=allow_failed)
    for note in result.attrs["notes"].splitlines():
        console.print(f"  {note}", markup=False)
    table = gains_of_all(result)
    _write(output, result, table, changes)
    _show(table, result)
    console.print(f"Written: {', '.join(str(output / name) for name in (PROJECTION, GAINS, CHANGES))}", markup=False)
    land = "" if "area" in result.coords else " --areas FILE"
    console.print(f"Next: socbayes credit {output / PROJECTION}{land}, or socbayes report RUN --projection "
                  f"{output / PROJECTION}", markup=False)  # fmt: skip
    if not result.attrs["converged"]:
        say_error(" ".join([result.attrs["warning"], *json.loads(result.attrs["failures"])]))
        raise typer.Exit(FAILED_GATE)


def lasting(
    runs: Runs,
    plan: Plan,
    stopped: Annotated[float, typer.Option("--stopped", help="Year in which every lever is given up.")],
    years: Years,
    warming: Annotated[float, typer.Option(help="Degrees added to the climate of every plan in a second run.")] = 2.0,
    no_warming: Annotated[
        bool, typer.Option("--no-warming", help="No second run; for fits without weather, which cannot get warmer.")
    ] = False,
    credit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLAN=NUMBER",
            help="t C/ha credited to a plan (12/44 of t CO2e/ha); its mean gain in the year of --stopped if left out.",
        ),
    ] = None,
    buffer: Annotated[float, typer.Option(help="Share that a rule withholds against reversals.")] = 0.12,
    plot: Annotated[list[str] | None, typer.Option(help="A plot to look at; all if left out.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path("lasting"),
    report: Annotated[Path | None, typer.Option(help="HTML report to write as well.")] = None,
    weight: Weights = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    allow_failed: AllowFailed = False,
    progress: Progress = True,
) -> None:
    """Give every lever up in a year: half-life of the gains, transit time, and P(reversal), also under warming."""
    from socbayes.cli import FAILED_GATE, load_all, report_on, say_error
    from socbayes.scenarios.draws import DO_NOT_USE
    from socbayes.scenarios.endings import lasting as run
    from socbayes.scenarios.plan_files import read_plans

    wanted, read, fits = years_given(years), read_plans(plan), load_all(runs)
    weights = numbers_given(weight or [], list(fits), "--weight RUN=NUMBER")
    credited = numbers_given(
        credit or [], [name for name in read.plans if name != read.baseline], "--credit PLAN=NUMBER"
    )
    console = console_of()
    _make_folder(output)
    with console.status(f"Running {_how_many(read, fits)}", refresh_per_second=4) as status:
        if not progress:
            status.stop()
        result = run(
            fits, read, stopped, years=wanted, warming=None if no_warming else warming, credited=credited,
            buffer=buffer, plots=plot or None, weights=weights, draws=draws, seed=seed, allow_failed=allow_failed,
        )  # fmt: skip
    for note in result.table.attrs["notes"]:
        console.print(f"  {note}", markup=False)
    _show_lasting(result)
    written = _write_lasting(output, result)
    console.print(f"Written: {', '.join(map(str, written))}", markup=False)
    if not result.converged:
        say_error(" ".join([DO_NOT_USE, *result.failures]))
    if report is not None:
        report_on(fits, report, None, result)
    if not result.converged:
        raise typer.Exit(FAILED_GATE)


def _how_many(plans: Plans, fits: Mapping[str, xr.DataTree]) -> str:
    from socbayes.wording import counted

    return f"{counted(len(plans.plans), 'plan')} on {counted(len(fits), 'run')}"


def years_given(text: str) -> list[float]:
    """Years as they are written on the command line.

    Parameters
    ----------
    text
        ``first:last``, ``first:last:step``, or numbers with commas.

    Raises
    ------
    SocbayesError
        For anything else.

    Examples
    --------
    >>> years_given("2030:2040:5"), years_given("2030, 2050.5")
    ([2030.0, 2035.0, 2040.0], [2030.0, 2050.5])
    """
    try:
        numbers = [float(part) for part in text.replace(":", ",").split(",")]
    except ValueError:
        numbers = []
    if ":" not in text and numbers:
        return numbers
    first, last, step = (*numbers, 1.0)[:3] if len(numbers) in (2, 3) else (0.0, -1.0, 1.0)
    if not (step > 0 and first <= last and (last - first) / step <= _MOST_YEARS):
        raise SocbayesError(f"--years {text!r} is not understood: write 2030:2055, 2030:2055:5, or 2030,2040,2055")
    return [first + step * number for number in range(int((last - first) / step + 1e-9) + 1)]


def numbers_given(texts: list[str], labels: list[str], option: str) -> dict[str, float] | None:
    """Numbers by name as they are written on the command line; None where there are none.

    Parameters
    ----------
    texts
        ``name=number`` each.
    labels
        Names that there are.
    option
        The option, and how it is written, such as ``--weight RUN=NUMBER``.

    Raises
    ------
    SocbayesError
        For anything else, or a name that is not there, with the nearest.

    Examples
    --------
    >>> numbers_given(["rothc=0.7", "icbm=0.3"], ["rothc", "icbm"], "--weight RUN=NUMBER")
    {'rothc': 0.7, 'icbm': 0.3}
    """
    numbers, (flag, form) = {}, option.split()
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            name = ""
        if name not in labels:
            hint = f" (did you mean {near!r}?)" if name and (near := nearest(name, labels)) else ""
            raise SocbayesError(f"{flag} {text!r} is not understood{hint}: write {form}, of {', '.join(labels)}")
    return numbers or None


def gains_of_all(projection: xr.Dataset) -> pd.DataFrame:
    """Gains on known and on new plots in one table, with a column ``kind``.

    Parameters
    ----------
    projection
        Of :func:`socbayes.scenarios.project`.
    """
    import pandas as pd

    from socbayes.scenarios.gains import gain_table

    pieces = {kind: gain_table(projection, kind=kind) for kind in ("known", "new")}
    return pd.concat([table.assign(kind=kind) for kind, table in pieces.items()], ignore_index=True)


def _make_folder(folder: Path) -> None:
    """Make the folder of a result."""
    if folder.exists() and not folder.is_dir():
        raise SocbayesError(f"{folder} is a file; name a folder for the projection")
    folder.mkdir(parents=True, exist_ok=True)


def _write_lasting(folder: Path, ended: Lasting) -> list[Path]:
    """Write what stays of gains, each file whole or not at all."""
    from socbayes.files import replacing

    files = {climate: folder / f"{climate.replace(' ', '_')}.nc" for climate in ended.paths}
    for climate, file in files.items():
        with replacing(file) as path:
            ended.paths[climate].to_netcdf(path, engine="netcdf4")
    with replacing(folder / LASTING) as path:
        ended.table.to_csv(path, index=False)
    return [folder / LASTING, *files.values()]


def _show_lasting(ended: Lasting) -> None:
    """Print what stays of gains."""
    import pandas as pd

    from socbayes.report.endings import rows_of_endings
    from socbayes.screen import frame_table
    from socbayes.vocabulary import INTERVAL_NAME

    head, *rows = rows_of_endings(ended)
    end = f"{ended.table['year'].max():g}"
    legend = (
        "P(reversal), start: the stock of " + end + " is below that at the start and what was credited; gain: the gain "
        "of " + end + " is below what was credited, which is the mean gain where no credit is stated."
    )
    title = (
        f"Levers given up in {ended.stopped:g}: mean gains in t C/ha, medians of years ({INTERVAL_NAME}); a buffer of "
        f"{100 * ended.table['buffer'].iloc[0]:g} % is kept back"
    )
    console_of().print(frame_table(pd.DataFrame(rows, columns=head), title))
    console_of().print(legend, markup=False)


def _write(folder: Path, projection: xr.Dataset, gains: pd.DataFrame, changes: pd.DataFrame) -> None:
    """Write the files of a projection, each whole or not at all."""
    from socbayes.files import replacing

    _make_folder(folder)
    with replacing(folder / PROJECTION) as path:
        projection.to_netcdf(path, engine="netcdf4")
    for name, table in ((GAINS, gains), (CHANGES, changes)):
        with replacing(folder / name) as path:
            table.to_csv(path, index=False)


def _show_changes(changes: pd.DataFrame, plan: Path) -> None:
    """Print what every plot gets, and what has to be known of it."""
    from socbayes.scenarios.levers import ACTIONS
    from socbayes.screen import frame_table
    from socbayes.vocabulary import INTERVAL_NAME

    shown = changes[["plan", "plot"]].assign(
        what=[lever or column for lever, column in zip(changes["lever"], changes["column"], strict=True)],
        acts_on=[ACTIONS.get(column, column) for column in changes["column"]],
        dose=[f"{dose:g} {unit}".strip() for dose, unit in zip(changes["dose"], changes["unit"], strict=True)],
        effect=changes["effect"],
        years=[f"{a:g} to {b:g}" for a, b in zip(changes["start_year"], changes["end_year"], strict=True)],
    )
    console = console_of()
    title = f"What every plot gets from {plan}; effects are of a unit of dose, median ({INTERVAL_NAME})"
    console.print(frame_table(shown, title))
    for note in changes.attrs["notes"]:
        console.print(f"  {note}", markup=False)


def _show(gains: pd.DataFrame, projection: xr.Dataset) -> None:
    """Print the gains of the last year."""
    from socbayes.scenarios.credits import CO2_PER_C
    from socbayes.screen import frame_table
    from socbayes.vocabulary import INTERVAL_NAME
    from socbayes.wording import number, probability

    last = gains[gains["year"] == gains["year"].max()]
    shown = last[["plan", "kind", "plot"]].copy()
    rows = last.to_dict("records")
    for name, times in (("t C/ha", 1.0), ("t CO2e/ha", CO2_PER_C)):
        shown[name] = [
            "{} ({} to {})".format(*(
                number(times * row[key], times * (row["gain_upper"] - row["gain_lower"]) / 2)
                for key in ("gain", "gain_lower", "gain_upper")
            ))
            for row in rows
        ]  # fmt: skip
    shown["P(gain > 0)"] = [probability(row["p_gain"]) for row in rows]
    title = f"Gain over {projection.attrs['baseline']} by {gains['year'].max():g}: mean ({INTERVAL_NAME})"
    console_of().print(frame_table(shown, title))
