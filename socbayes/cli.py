"""The command line: a thin face on the functions of the package.

Heavy imports live inside the commands, so that help and spelling mistakes are
answered at once. Exit codes: 0 fine, 1 a fit that failed its gate, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from socbayes.cache_command import cache
from socbayes.credit_command import EXAMPLE as CREDIT_EXAMPLE
from socbayes.credit_command import credit
from socbayes.errors import ConvergenceError, SocbayesError, TableFaultsError
from socbayes.given import options_of_each, scenario_given, schema_told, tables_given, units_given
from socbayes.plan_commands import add_to
from socbayes.screen import console_of
from socbayes.subjects import ModelRecord, TableRole, model_record, model_records
from socbayes.wording import counted

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.scenarios import ScenarioComparison
    from socbayes.scenarios.endings import Lasting

FAILED_GATE, BAD_INPUT, INTERRUPTED = 1, 2, 130


class _Friendly(TyperGroup):
    """Turns every error raised on purpose into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        # Verdicts are printed by the commands; the log would say them twice.
        logging.getLogger("socbayes").addHandler(logging.NullHandler())
        try:
            return super().invoke(ctx)
        except ExceptionGroup as several:
            if several.split((SocbayesError, OSError))[1]:
                raise
            for error in several.exceptions:
                _complain(error)
        except ConvergenceError as error:
            _complain(error)
            raise typer.Exit(FAILED_GATE) from None
        except (SocbayesError, OSError) as error:
            _complain(error)
        except KeyboardInterrupt as interrupted:  # a run says how far it has come
            say_error(str(interrupted) or "Interrupted.")
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
    epilog="Exit codes: 0 fine, 1 a fit that failed its checks, 2 bad input, 130 interrupted.",
)

Data = Annotated[Path | None, typer.Option("--data", help="Your own main table (CSV, Excel or Parquet).")]
Others = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="ROLE=FILE",
        help="Another table of the model, or ROLE=none for none; may be given several times. FILE alone is enough "
        "where its name or its columns tell its role.",
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="An option of the model; may be given several times. `fit` takes VALUE,VALUE for a run of each.",
    ),
]
Units = Annotated[
    list[str] | None, typer.Option("--unit", help="Unit of a column, as column=unit; may be given several times.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")]
Tune = Annotated[int, typer.Option(min=1, help="Warm-up steps of each chain.")]
OwnDraws = Annotated[
    int | None,
    typer.Option("--draws", min=1, help="Draws kept of each chain; as many as its checks ask for if left out."),
]
MostDraws = Annotated[
    int | None, typer.Option(min=1, help="Draw until checks of convergence pass, or each chain has so many.")
]
MostMinutes = Annotated[float | None, typer.Option(min=0.0, help="The same, at most for so many minutes of sampling.")]
OwnTune = Annotated[
    int | None, typer.Option("--tune", min=1, help="Warm-up steps of each chain; what the model needs if left out.")
]
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

    console = console_of()
    if name is None:
        from socbayes.screen import frame_table

        console.print(frame_table(list_datasets(), "Bundled data sets"))
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


@app.command(epilog="Example: [bold]socbayes validate plots.csv --with management.csv --with weather.csv[/bold]")
def validate(
    file: Annotated[Path, typer.Argument(help="Table to look at.")],
    schema: Annotated[
        str | None,
        typer.Option(help="Kind of table, such as cue or necromass_pairs; with --with its columns may tell."),
    ] = None,
    others: Others = None,
    option: Options = None,
    unit: Units = None,
) -> None:
    """Find every fault of a table before anything is fitted to it; of tables together with --with."""
    from rich.markup import escape

    from socbayes.spec import notes_of, spec_of

    if others:
        record = _record_of(file, schema)
        tables = tables_given(record, file, others, units_given(unit or ()))
        each = options_of_each(record, option or ())
        built = [record.build(tables, **options) for options in each.values()]
        notes = list(dict.fromkeys(note for one in built for note in spec_of(one).notes))
    elif schema is None:
        raise SocbayesError("--schema says which kind of table it is, or --with names those that go with it")
    else:
        from socbayes.table import read_table

        table = read_table(file, schema, units=units_given(unit or ()))
        tables, notes = {"table": table}, notes_of(table)
    console = console_of()
    for one in tables.values():
        if one is not None:
            count = one["study"].nunique() if "study" in one else 0
            studies = f" of {counted(count, 'study')}" if count else ""
            source = escape(str(one.attrs["source"]))
            console.print(f"[green]✓[/green] no faults: {counted(len(one), 'row')}{studies} in {source}")
            for change in one.attrs.get("conversions", ()):
                console.print(f"  {change['column']}: {change['from']} converted to {change['to']}", markup=False)
    for note in notes:
        console.print(f"  {note}", markup=False)


def _record_of(file: Path, schema: str | None) -> ModelRecord:
    """Model of several tables that the kind of its main table tells."""
    records = {one.tables[0].schema: one for one in reversed(model_records().values()) if len(one.tables) > 1}
    told = schema or schema_told(file, list(records))
    if told not in records:
        raise SocbayesError(f"--with: no model takes other tables beside one of schema {told}: {', '.join(records)}")
    return records[told]


@app.command(epilog="Example: [bold]socbayes models field[/bold]")
def models(name: Annotated[str | None, typer.Argument(help="A model to describe.")] = None) -> None:
    """List the models with the tables they take, or describe one."""
    from rich.table import Table

    console = console_of()
    if name is not None:
        console.print("\n".join(_described(model_record(name))), markup=False)
        return
    table = Table(title="Models", title_justify="left")
    for column in ("model", "title", "table", "schema", "if not given"):
        table.add_column(column, no_wrap=column != "title")
    for record in model_records().values():
        rows = [(one.role, one.schema, _otherwise(one)) for one in record.tables] or [("none", "", "")]
        table.add_row(record.name, record.title, *rows[0], end_section=len(rows) == 1)
        for place, row in enumerate(rows[1:], start=2):
            table.add_row("", "", *row, end_section=place == len(rows))
    console.print(table)
    console.print("`socbayes models NAME` says how to give tables and options to `socbayes fit NAME`.")


def _described(record: ModelRecord) -> list[str]:
    """Lines on what a model takes."""
    lines = [f"{record.name}: {record.title}"]
    for place, one in enumerate(record.tables):
        flag = f"--with {one.role}=FILE" if place else "--data FILE"
        without = f"; --with {one.role}=none for none" if one.bundled and not one.required else ""
        lines.append(f"  {flag}: table of schema {one.schema} ({_otherwise(one)} if not given{without})")
    lines += [f"  --option {option}=VALUE" for option in record.options]
    if record.baseline:
        lines.append(f"  `socbayes compare` sets it beside its baseline, {record.baseline}")
    return lines


def _otherwise(role: TableRole) -> str:
    """Say what is taken where a table is not given."""
    return "bundled" if role.bundled else "refused" if role.required else "none"


@app.command(
    epilog="Examples: [bold]socbayes fit cue --data my.csv --draws 3000 --seed 1[/bold]; [bold]socbayes fit field "
    "--data plots.csv --with management.csv --with weather.csv --option structure=rothc,icbm --store runs/farm[/bold] "
    "makes a run for each structure, for [bold]socbayes project runs/farm/rothc runs/farm/icbm[/bold]"
)
def fit(
    model: Annotated[str, typer.Argument(help="A model: `socbayes models` lists them.")],
    data: Data = None,
    others: Others = None,
    option: Options = None,
    unit: Units = None,
    draws: OwnDraws = None,
    most_draws: MostDraws = None,
    most_minutes: MostMinutes = None,
    tune: OwnTune = None,
    chains: Chains = 4,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed gives the same draws (same machine, same versions).")
    ] = None,
    target_accept: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.999, help="Nearer to 1 the sampler takes smaller steps; for fits that diverged."),
    ] = None,
    climbs: Annotated[
        int | None, typer.Option(min=0, help="Ascents after sampling that look for a better explanation of the data.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="New folder for the run; runs/MODEL-DATE-TIME if left out.")
    ] = None,
    progress: Progress = True,
) -> None:
    """Fit a model to its bundled tables, or to yours; a table with faults is refused before sampling.

    Unless --draws says how many, it draws until chains agree and effective draws are enough, or a limit says stop.
    """
    record = model_record(model)
    each = options_of_each(record, option or ())
    tables = tables_given(record, data, others or (), units_given(unit or ()))

    from socbayes.inference.enough import FIRST, first_and_last
    from socbayes.inference.fit import fit as sample
    from socbayes.inference.runs import new_run_folder
    from socbayes.spec import spec_of

    try:
        built = {label: record.build(tables, **options) for label, options in each.items()}
    except (TypeError, ValueError) as error:  # what only the model can see, such as a ratio to zero
        raise SocbayesError(str(error)) from error
    asked = {
        "draws": draws,
        "most_draws": most_draws,
        "most_minutes": most_minutes,
        "tune": tune,
        "target_accept": target_accept,
        "climbs": climbs,
    }
    effort: dict[str, Any] = dict(record.effort) | {key: value for key, value in asked.items() if value is not None}
    if draws is None:
        first, last = first_and_last(effort.get("draws", FIRST), most_draws, most_minutes)
        effort |= {"draws": first, "most_draws": last}
    whole = store if len(built) == 1 else new_run_folder(model, store)
    fitted: dict[str, xr.DataTree] = {}
    for label, one in built.items():
        if label:
            console_of().print(f"[bold]{label}[/bold], {len(fitted) + 1} of {len(built)}")
        for note in spec_of(one).notes:
            console_of().print(f"  {note}", markup=False)
        folder = whole / label if label and whole else whole
        try:
            fitted[label or model] = sample(one, **effort, chains=chains, seed=seed, store=folder, progress=progress)
        except KeyboardInterrupt as interrupted:
            raise KeyboardInterrupt(
                " ".join([str(interrupted) or "Interrupted.", *_of_others(each, label, whole)])
            ) from None
        except Exception:
            for sentence in _of_others(each, label, whole):
                console_of().print(sentence, markup=False)
            raise
    made = " ".join(str(one.attrs["store"]) for one in fitted.values())
    console_of().print(f"Run: {made}; next: socbayes report {made} -o report.html", markup=False)
    _judge(fitted)


def _of_others(each: Mapping[str, Mapping[str, Any]], label: str, whole: Path | None) -> list[str]:
    """Say which runs of a command are done, and which are not begun, where one of several was cut short or failed."""
    labels = list(each)
    done, left = labels[: labels.index(label)], labels[labels.index(label) + 1 :]
    said = [f"Done: {', '.join(str(whole / one) for one in done)}."] if done and whole else []
    if left and whole:
        option = next((name for name, value in each[label].items() if value != each[left[0]][name]), "NAME")
        stores = " or ".join(f"--option {option}={one} --store {whole / one}" for one in left)
        said.append(f"Not begun: {', '.join(left)} (the same command with one value: {stores}).")
    return said


@app.command(epilog="Example: [bold]socbayes resume runs/cue-20260101-120000 --most-draws 6000[/bold]")
def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    most_draws: MostDraws = None,
    most_minutes: MostMinutes = None,
    progress: Progress = True,
) -> None:
    """Finish a run that was cut short, or with a limit go on with one that lacks draws."""
    from socbayes.inference.fit import resume as go_on

    fitted = go_on(run, most_draws=most_draws, most_minutes=most_minutes, progress=progress)
    console_of().print(f"Run: {run}; next: socbayes report {run} -o report.html", markup=False)
    _judge({run.name: fitted})


@app.command(epilog="Example: [bold]socbayes check runs/cue-20260101-120000[/bold]")
def check(run: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Check a fit: convergence, predictions, cross-validation, sensitivity to priors."""
    from rich.markup import escape
    from rich.table import Table

    from socbayes.inference.checks import check as check_fit
    from socbayes.inference.runs import load

    fitted = load(run)
    checks = check_fit(fitted)
    table = Table(title=f"Checks of {escape(str(run))}", title_justify="left", show_lines=True)
    for column in ("check", "verdict", "finding"):
        table.add_column(column)
    colours = {"passed": "green", "FAILED": "bold red"}
    for name, result in checks.items():
        colour = colours.get(result.verdict, "default")
        table.add_row(name.replace("_", " "), f"[{colour}]{result.verdict}[/{colour}]", escape(result.text))
    console_of().print(table)
    _judge({run.name: fitted}, extra=[checks[name].text for name in checks.failures])


@app.command(epilog="Example: [bold]socbayes compare runs/with-gradient runs/without-gradient[/bold]")
def compare(runs: Annotated[list[Path], typer.Argument(help="Folders of runs of the same data.")]) -> None:
    """Compare fits of different models to the same data by what they predict."""
    from socbayes.inference.compare import compare as compare_fits
    from socbayes.screen import frame_table

    fits = load_all(runs)
    table = compare_fits(fits)
    console_of().print(frame_table(table.reset_index(), f"Prediction of {table.attrs['observed']}, best first"))
    for warning in table.attrs["warnings"]:
        console_of().print(f"  {warning}", markup=False)
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
        name, values = scenario_given(text)
        if name in settings:
            raise SocbayesError(f"two scenarios are called {name!r}")
        settings[name] = values
    from socbayes.inference.runs import load
    from socbayes.scenarios import compare as compare_scenarios
    from socbayes.screen import scenario_table

    fitted = load(run)
    try:
        gain = compare_scenarios(fitted, settings, study=study, seed=seed)
    except (TypeError, ValueError) as error:  # a setting that is missing, or a word where a number belongs
        raise SocbayesError(f"a scenario cannot be predicted: {error}") from error
    console_of().print(scenario_table(gain))
    if output is not None:
        report_on({run.name: fitted}, output, None, gain)
    else:
        _judge({run.name: fitted})


app.command(epilog=CREDIT_EXAMPLE)(credit)
app.command(epilog="Example: [bold]socbayes cache --clear[/bold]")(cache)


@app.command(epilog="Example: [bold]socbayes report runs/cue runs/mcp --output report.html[/bold]")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    output: Output = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    projection: Annotated[
        list[Path] | None,
        typer.Option(help="Projection of plans, for a chapter of its own; may be given several times."),
    ] = None,
) -> None:
    """Write one self-contained HTML page about runs."""
    from socbayes.scenarios.projected import converged, read_projection

    projected = [read_projection(file) for file in projection or ()]
    fits = load_all(runs)
    report_on(fits, output, title, *projected)
    if not all(map(converged, projected)):
        raise typer.Exit(FAILED_GATE)


@app.command("resume-report", epilog="Example: [bold]socbayes resume-report runs/cue --output so-far.html[/bold]")
def resume_report(
    folder: Annotated[Path, typer.Argument(help="Folder of an interrupted run.")],
    output: Output = Path("report.html"),
) -> None:
    """Report what an interrupted run left on disk, and say loudly that it is incomplete."""
    from socbayes.facts import facts_of
    from socbayes.inference.runs import open_run

    fitted = open_run(folder)
    title = None if facts_of(fitted).complete else "INCOMPLETE: an interrupted run"
    report_on({folder.name: fitted}, output, title)


@app.command(epilog="Example: [bold]socbayes demo --output report[/bold]")
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")] = Path("report"),
    quick: Annotated[bool, typer.Option(help="Few draws: shows the way, but fits fail their checks.")] = False,
    draws: OwnDraws = None,
    tune: Tune = 1000,
    chains: Chains = 4,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 20261121,
    allow_failed: Annotated[
        bool, typer.Option("--allow-failed", help="Plans and credits of the trial also where its fit failed; marked.")
    ] = False,
    progress: Progress = True,
) -> None:
    """Fit, check, compare and report models of the literature, and credit two plans on a field trial."""
    import json

    from socbayes.demo import SUMMARY, run

    if quick:
        draws, tune, chains = 150, 250, 2
    page = run(output, draws=draws, tune=tune, chains=chains, seed=seed, allow_failed=allow_failed, progress=progress)
    if not progress:
        _written(page)
    if not json.loads((page.parent / SUMMARY).read_text(encoding="utf-8"))["passed"]:
        raise typer.Exit(FAILED_GATE)


def load_all(runs: list[Path]) -> dict[str, xr.DataTree]:
    """Fits by the name of their folder, or by their path where names repeat.

    Parameters
    ----------
    runs
        Folders of runs.
    """
    from socbayes.inference.runs import load

    fits: dict[str, xr.DataTree] = {}
    for folder in runs:
        if sum(folder.resolve() == other.resolve() for other in runs) > 1:
            raise SocbayesError(f"{folder} is given twice")
        fits[folder.name if folder.name not in fits else str(folder)] = load(folder)
    return fits


def _judge(fits: Mapping[str, xr.DataTree], extra: Sequence[str] = ()) -> None:
    """Show how fits converged and leave with an exit code that says so."""
    from rich.panel import Panel
    from rich.text import Text

    from socbayes.facts import facts_of
    from socbayes.inference import diagnostics
    from socbayes.screen import diagnostics_table

    console = console_of()
    passed = [diagnostics.judged(fitted).converged for fitted in fits.values()]
    console.print(diagnostics_table(fits))
    for name, fitted in fits.items():
        for sentence in facts_of(fitted).remarks:
            console.print(f"{name}: {sentence}", markup=False)
    alarms = [text for text in (diagnostics.banner(fitted) for fitted in fits.values()) if text]
    if extra and not alarms:
        alarms.append(f"THIS FIT DID NOT PASS ITS CHECKS. Do not use its numbers: {'; '.join(extra)}")
    for text in alarms:
        console.print(Panel(Text(text), style="bold red"))
    if alarms or not all(passed):
        raise typer.Exit(FAILED_GATE)


def report_on(
    fits: Mapping[str, xr.DataTree], output: Path, title: str | None, *others: ScenarioComparison | xr.Dataset | Lasting
) -> None:
    """Write a page on fits, and leave with an exit code that says the same as the page.

    Parameters
    ----------
    fits
        By name.
    output
        File of the page.
    title
        Its heading.
    *others
        What else it is about.
    """
    from socbayes.inference.checks import check as check_fit
    from socbayes.report import report as write_report

    checks = [check_fit(fitted) for fitted in fits.values()]
    _written(write_report(*fits.values(), *others, path=output, title=title, checks=checks))
    failed = [
        f"{name}: {found[check].text if check in found else check}"
        for name, found in zip(fits, checks, strict=True)
        for check in found.failures
    ]
    _judge(fits, extra=failed)


def _complain(error: Exception) -> None:
    """Show what is wrong: the faults of a table as a table."""
    if isinstance(error, TableFaultsError):
        from socbayes.screen import faults_table

        console_of(errors=True).print(faults_table(error.faults, error.source))
    elif isinstance(error, OSError) and ".pytensor" in str(error.filename):
        say_error(
            f"{error}. PyTensor keeps compiled code in that folder: make it writable, or name another one with "
            "PYTENSOR_FLAGS=base_compiledir=FOLDER"
        )
    else:
        say_error(str(error))


def say_error(message: str) -> None:
    """Print what is wrong.

    Parameters
    ----------
    message
        A sentence.
    """
    from rich.text import Text

    console_of(errors=True).print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)


add_to(app)


def _written(page: Path) -> None:
    console_of().print(f"Report: {page} ({page.stat().st_size / 1e6:.1f} MB)", markup=False)


if __name__ == "__main__":
    main()
