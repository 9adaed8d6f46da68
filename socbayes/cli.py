"""The command line: a thin face on the functions of the package.

Heavy imports live inside the commands, so that help and spelling mistakes are
answered at once. Exit codes: 0 fine, 1 a fit that failed its gate, 2 bad input.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from socbayes.errors import SocbayesError, TableFaultsError, UnknownNameError
from socbayes.facts import facts_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import Console

FAILED_GATE, BAD_INPUT, INTERRUPTED = 1, 2, 130
MODELS = {"cue": "cue", "priming": "priming_endpoints", "mcp": "necromass_pairs"}
"""Models that can be fitted, with the schema of their main table."""
FAULTS_SHOWN = 60


class _Friendly(TyperGroup):
    """Turns every error raised on purpose into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        # Verdicts are printed by the commands; the log would say them twice.
        logging.getLogger("socbayes").addHandler(logging.NullHandler())
        try:
            return super().invoke(ctx)
        except TableFaultsError as error:
            _print_faults(error.faults, error.source)
        except (SocbayesError, OSError) as error:
            _complain(str(error))
        except KeyboardInterrupt:
            _complain("Interrupted. Draws that reached the disk can be opened with `socbayes resume-report FOLDER`.")
            raise typer.Exit(INTERRUPTED) from None
        raise typer.Exit(BAD_INPUT)


app = typer.Typer(
    name="socbayes",
    cls=_Friendly,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Bayesian inference on soil organic carbon: priming, carbon use efficiency and the microbial carbon pump.",
    epilog="Exit codes: 0 fine, 1 a fit that failed its checks, 2 bad input.",
)

Data = Annotated[Path | None, typer.Option("--data", help="Your own table (CSV, Excel or Parquet).")]
Units = Annotated[
    list[str] | None, typer.Option("--unit", help="Unit of a column, as column=unit; may be given several times.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")]
Draws = Annotated[int, typer.Option(min=1, help="Draws kept of each chain.")]
Tune = Annotated[int, typer.Option(min=1, help="Warm-up steps of each chain.")]
Chains = Annotated[int, typer.Option(min=1, help="Number of chains.")]
Progress = Annotated[bool, typer.Option(help="Show progress bars.")]


def main() -> None:
    """Run the command line."""
    app()


@app.command(epilog="Example: [bold]socbayes datasets cue[/bold]")
def datasets(name: Annotated[str | None, typer.Argument(help="A data set to describe.")] = None) -> None:
    """List the bundled data sets, or describe one."""
    from rich.markup import escape

    from socbayes.datasets import list_datasets, load_dataset

    console = _console()
    if name is None:
        console.print(_rich_table(list_datasets(), "Bundled data sets"))
        console.print("Cite the sources: `socbayes datasets NAME` names them.")
        return
    table = load_dataset(name)
    attrs = table.attrs
    console.print(f"[bold]{name}[/bold]: {escape(attrs['title'])}, {len(table):,} rows")
    console.print(escape(attrs["description"]))
    console.print(f"Licence: {escape(attrs['licence'])}; commercial use: {attrs['commercial_use']}")
    for source in attrs["sources"]:
        console.print(f"  - {escape(source['citation'])}")
    console.print(f"Columns: {', '.join(table.columns)}")


@app.command(epilog="Example: [bold]socbayes validate my.csv --schema cue --unit clay=%[/bold]")
def validate(
    file: Annotated[Path, typer.Argument(help="Table to look at.")],
    schema: Annotated[str, typer.Option(help="Kind of table, such as cue, priming_endpoints or necromass_pairs.")],
    unit: Units = None,
) -> None:
    """Find every fault of a table before anything is fitted to it."""
    from socbayes.table import read_table

    table = read_table(file, schema, units=_units(unit))
    studies = f" of {table['study'].nunique():,} studies" if "study" in table else ""
    _console().print(f"[green]✓[/green] no faults: {len(table):,} rows{studies} in {file}")
    for change in table.attrs.get("conversions", ()):
        _console().print(f"  {change['column']}: {change['from']} converted to {change['to']}")


@app.command(epilog="Example: [bold]socbayes fit cue --data my.csv --draws 3000 --seed 1[/bold]")
def fit(
    model: Annotated[str, typer.Argument(help="cue, priming or mcp.")],
    data: Data = None,
    levels: Annotated[Path | None, typer.Option(help="mcp: table of necromass shares of single soils.")] = None,
    gradient: Annotated[str | None, typer.Option(help="cue: table of a temperature gradient, or none.")] = None,
    unit: Units = None,
    draws: Draws = 2000,
    tune: Tune = 1000,
    chains: Chains = 4,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same draws.")] = None,
    store: Annotated[
        Path | None, typer.Option(help="New folder for the run; runs/MODEL-DATE-TIME if left out.")
    ] = None,
    progress: Progress = True,
) -> None:
    """Fit a model to its bundled tables, or to yours; a table with faults is refused before sampling."""
    _known_model(model)
    if levels is not None and model != "mcp":
        raise SocbayesError("--levels belongs to the model mcp")
    if gradient is not None and model != "cue":
        raise SocbayesError("--gradient belongs to the model cue")
    from socbayes.table import read_table

    units = _units(unit)
    tables: dict[str, Any] = {}
    # Every table is read before any is used: faults of the second must not cost a fit.
    if data is not None:
        tables["table"] = read_table(data, MODELS[model], units=units)
    if levels is not None:
        tables["levels"] = read_table(levels, "necromass_levels")
    if gradient is not None:
        tables["gradient"] = None if gradient.lower() == "none" else read_table(gradient, "cue_temperature_gradient")

    from socbayes.demo import build
    from socbayes.inference.fit import fit as sample

    try:
        built = build(model, **tables)
    except ValueError as error:  # what only the model can see, such as a ratio to zero
        raise SocbayesError(str(error)) from error
    for note in built.socbayes_spec.notes:
        _console().print(f"  {note}", markup=False)
    fitted = sample(built, draws=draws, tune=tune, chains=chains, seed=seed, store=store, progress=progress)
    folder = fitted.attrs["store"]
    _console().print(f"Run: [bold]{folder}[/bold]; next: socbayes report {folder} -o report.html")
    _judge({model: fitted})


@app.command(epilog="Example: [bold]socbayes check runs/cue-20260101-120000[/bold]")
def check(run: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Check a fit: convergence, predictions, cross-validation, sensitivity to priors."""
    from rich.markup import escape
    from rich.table import Table

    from socbayes.inference.checks import check as check_fit
    from socbayes.inference.fit import load

    fitted = load(run)
    checks = check_fit(fitted)
    table = Table(title=f"Checks of {run}", title_justify="left", show_lines=True)
    for column in ("check", "verdict", "finding"):
        table.add_column(column)
    colours = {"passed": "green", "FAILED": "bold red"}
    for name, result in checks.items():
        colour = colours.get(result.verdict, "default")
        table.add_row(name.replace("_", " "), f"[{colour}]{result.verdict}[/{colour}]", escape(result.text))
    _console().print(table)
    _judge({run.name: fitted}, extra=[] if checks.passed else checks.failures)


@app.command(epilog="Example: [bold]socbayes compare runs/with-gradient runs/without-gradient[/bold]")
def compare(runs: Annotated[list[Path], typer.Argument(help="Folders of runs of the same data.")]) -> None:
    """Compare fits of different models to the same data by what they predict."""
    from socbayes.inference.compare import compare as compare_fits

    fits = _load_all(runs)
    table = compare_fits(fits)
    _console().print(_rich_table(table.reset_index(), f"Prediction of {table.attrs['observed']}, best first"))
    for warning in table.attrs["warnings"]:
        _console().print(f"  {warning}", markup=False)
    _judge(fits)


@app.command(epilog='Example: [bold]socbayes scenarios RUN -s "cool: temperature=15" -s "warm: temperature=25"[/bold]')
def scenarios(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    scenario: Annotated[
        list[str], typer.Option("--scenario", "-s", help='"name: setting=value, ..."; the first is the reference.')
    ],
    study: Annotated[str | None, typer.Option(help="A study of the data; a new one if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the redrawn study.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="HTML report to write as well.")] = None,
) -> None:
    """Compare scenarios as paired differences over the same draws."""
    settings: dict[str, dict[str, Any]] = {}
    for text in scenario:
        name, values = parse_scenario(text)
        if name in settings:
            raise SocbayesError(f"two scenarios are called {name!r}")
        settings[name] = values
    from socbayes.demo import scenario_table
    from socbayes.inference.fit import load
    from socbayes.scenarios import compare as compare_scenarios

    fitted = load(run)
    try:
        gain = compare_scenarios(fitted, settings, study=study, seed=seed)
    except (TypeError, ValueError) as error:  # a setting that is missing, or a word where a number belongs
        raise SocbayesError(f"a scenario cannot be predicted: {error}") from error
    _console().print(scenario_table(gain))
    if output is not None:
        from socbayes.report import report as write_report

        _written(write_report(fitted, gain, path=output))
    _judge({run.name: fitted})


@app.command(epilog="Example: [bold]socbayes report runs/cue runs/mcp --output report.html[/bold]")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    output: Output = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
) -> None:
    """Write one self-contained HTML page about runs."""
    fits = _load_all(runs)
    from socbayes.report import report as write_report

    _written(write_report(*fits.values(), path=output, title=title))
    _judge(fits)


@app.command("resume-report", epilog="Example: [bold]socbayes resume-report runs/cue --output so-far.html[/bold]")
def resume_report(
    folder: Annotated[Path, typer.Argument(help="Folder of an interrupted run.")],
    output: Output = Path("report.html"),
) -> None:
    """Report what an interrupted run left on disk, and say loudly that it is incomplete."""
    from socbayes.inference.fit import open_run
    from socbayes.report import report as write_report

    fitted = open_run(folder)
    title = None if facts_of(fitted).complete else "INCOMPLETE: an interrupted run"
    _written(write_report(fitted, path=output, title=title))
    _judge({folder.name: fitted})


@app.command(epilog="Example: [bold]socbayes demo --output report[/bold]")
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")] = Path("report"),
    quick: Annotated[bool, typer.Option(help="Few draws: shows the way, but fits fail their checks.")] = False,
    draws: Draws = 1500,
    tune: Tune = 1000,
    chains: Chains = 4,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 20261121,
    progress: Progress = True,
) -> None:
    """Fit, check, compare and report the three models on bundled data."""
    import json

    from socbayes.demo import SUMMARY, run

    if quick:
        draws, tune, chains = 150, 250, 2
    page = run(output, draws=draws, tune=tune, chains=chains, seed=seed, progress=progress)
    if not progress:
        _written(page)
    if not json.loads((page.parent / SUMMARY).read_text(encoding="utf-8"))["passed"]:
        raise typer.Exit(FAILED_GATE)


def parse_scenario(text: str) -> tuple[str, dict[str, Any]]:
    """Read ``"name: setting=value, setting=value"``; without a name the settings are the name.

    Examples
    --------
    >>> parse_scenario("warm: temperature=20, method=water_18O")
    ('warm', {'temperature': 20.0, 'method': 'water_18O'})
    >>> parse_scenario("added_nitrogen=yes")
    ('added_nitrogen=yes', {'added_nitrogen': True})
    """
    name, colon, rest = text.partition(":")
    if not colon:
        name, rest = text, text
    settings: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value:
            raise SocbayesError(f"scenario {text!r}: write settings as name=value, not {part!r}")
        settings[key] = _value(value)
    return name.strip(), settings


def _value(text: str) -> Any:
    """Read a number, yes or no, or text."""
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    try:
        return float(text)
    except ValueError:
        return text


def _units(pairs: list[str] | None) -> dict[str, str]:
    units = {}
    for pair in pairs or ():
        column, equals, unit = pair.partition("=")
        if not equals or not column or not unit:
            raise SocbayesError(f"--unit takes column=unit, such as clay=%, not {pair!r}")
        units[column.strip()] = unit.strip()
    return units


def _known_model(name: str) -> None:
    if name in MODELS:
        return
    from socbayes.vocabulary import nearest

    hint = nearest(name, list(MODELS))
    message = f"no model named {name!r}" + (f"; did you mean {hint!r}?" if hint else ".")
    raise UnknownNameError(f"{message} Known models: {', '.join(MODELS)}")


def _load_all(runs: list[Path]) -> dict[str, xr.DataTree]:
    """Fits by the name of their folder, or by their path where names repeat."""
    from socbayes.inference.fit import load

    fits: dict[str, xr.DataTree] = {}
    for folder in runs:
        if sum(folder.resolve() == other.resolve() for other in runs) > 1:
            raise SocbayesError(f"{folder} is given twice")
        fits[folder.name if folder.name not in fits else str(folder)] = load(folder)
    return fits


def _judge(fits: Mapping[str, xr.DataTree], extra: list[str] | None = None) -> None:
    """Show how fits converged and leave with an exit code that says so."""
    from rich.panel import Panel

    from socbayes.demo import diagnostics_table
    from socbayes.inference import diagnostics

    console = _console()
    console.print(diagnostics_table(fits))
    alarms = [text for text in (diagnostics.banner(fitted) for fitted in fits.values()) if text]
    if extra and not alarms:
        alarms.append(f"THIS FIT DID NOT PASS ITS CHECKS: {', '.join(extra)}. Do not use its numbers.")
    for text in alarms:
        console.print(Panel(text, style="bold red"))
    if alarms or not all(facts_of(fitted).converged for fitted in fits.values()):
        raise typer.Exit(FAILED_GATE)


def _console(*, errors: bool = False) -> Console:
    from socbayes.demo import console_of

    return console_of(errors=errors)


def _complain(message: str) -> None:
    from rich.text import Text

    _console(errors=True).print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)


def _written(page: Path) -> None:
    _console().print(f"Report: [bold]{page}[/bold] ({page.stat().st_size / 1e6:.1f} MB)")


def _print_faults(faults: list[Any], source: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    total = sum(fault.count for fault in faults)
    console = _console(errors=True)
    title = f"{source}: {total:,} fault{'s' if total != 1 else ''}"
    table = Table(title=escape(title), title_justify="left", show_lines=True)
    for name in ("row", "column", "fault", "what to do"):
        table.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    for fault in faults[:FAULTS_SHOWN]:
        text = f"{fault.kind}: found {fault.found}, expected {fault.expected}"
        row = "" if fault.row is None else str(fault.row)
        table.add_row(row, *(escape(cell) for cell in (fault.column, text, fault.suggestion)))
    console.print(table)
    hidden = sum(fault.count for fault in faults[FAULTS_SHOWN:])
    if hidden:
        console.print(f"... and {hidden:,} more")


def _rich_table(frame: pd.DataFrame, title: str) -> Any:
    """Frame as a table for the terminal."""
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


if __name__ == "__main__":
    main()
