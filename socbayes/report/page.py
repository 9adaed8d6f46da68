"""Gather what a report says, and write it."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.inference import diagnostics
from socbayes.inference.checks import Checks, check
from socbayes.inference.compare import compare
from socbayes.plots import scenario_differences
from socbayes.plots.style import flat
from socbayes.report.graph import graph_svg
from socbayes.report.readings import Reading, findings, material, published_rows, readings_of
from socbayes.scenarios import ScenarioComparison
from socbayes.vocabulary import INTERVAL_NAME
from socbayes.wording import decimals, limits, number, probability, unit_of_difference

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

log = logging.getLogger("socbayes")

NAMES = {
    "cue": "Carbon use efficiency",
    "cue_process": "Carbon use efficiency, process model",
    "priming": "Priming",
    "priming_process": "Priming, process model",
    "mcp": "Microbial carbon pump",
    "mcp_process": "Microbial carbon pump, process model",
    "soil_incubation": "Soil incubation, two pools",
}
LARGEST_SVG = 200_000
"""Bytes beyond which a picture is stored as pixels."""
LISTED = 12
"""Rows of a check's table that are shown."""

LIMITS: dict[str, tuple[str, ...]] = {
    "cue": (
        "Methods were mostly used in different studies, so a difference between methods may hold other differences "
        "between these studies.",
        "An efficiency is what its method sees: labelled carbon in biomass is not yet growth, and none of the methods "
        "follows carbon through turnover.",
        "Slopes are linear on the logit scale and describe incubations of hours to weeks, not acclimated communities.",
    ),
    "priming": (
        "Few studies carry these numbers, so the range for a new study leans on its prior; see the sensitivity check.",
        "Positive priming is more CO₂ from native carbon, and by itself no loss of soil carbon: added carbon that "
        "stays has "
        "to be set against it.",
        "Dose and study go together: most of the range of doses lies between studies.",
    ),
    "mcp": (
        "The pairs state no errors of their means, so scatter stands for sampling and measurement together.",
        "Necromass is converted from amino sugars. A common factor cancels in log ratios, not in the share itself.",
        "A larger necromass share alone is no gain of carbon: read it with the log ratio of organic carbon.",
        "Pairs that were published may differ from pairs that were measured; publication bias is not in the model.",
    ),
    "cue_process": (
        "The data hold the differences between methods, not which of them is right: the intrinsic efficiency is as "
        "uncertain as the prior on the methods' discrepancies leaves it.",
        "Turnover is learned from labelled incubations, of which few went on for more than a week; they disagree about "
        "it, and substrate and study go together.",
    ),
    "priming_process": (
        "Efficiency is kept below 0.88, as energetics of growth ask. Without that limit a second explanation of the "
        "repeatedly dosed soils, in which microbes keep 0.92 of what they take up, is as likely as this one.",
        "Jars hold no roots, and minerals take no part in weeks: the years of a field are not in these data.",
        "Few studies carry these numbers, so the range for a new soil leans on the priors of the spreads.",
    ),
    "mcp_process": (
        "Two log ratios do not identify four levers: input, depolymerisation and protection move a soil along nearly "
        "the same line, and what parts them is mostly prior.",
        "Controls are taken to be in a steady state, and a practice to act at once and alike in all years.",
        "A forecast beyond the durations of the trials is the structure's, not the data's.",
    ),
}
"""What the data of a model cannot say, whatever the numbers."""

BASELINES = {"cue_process": "cue", "priming_process": "priming", "mcp_process": "mcp"}
"""The baseline that each process model is set beside."""

ALWAYS = (
    "Intervals hold what the model leaves open, not the possibility that the model is wrong; the checks show where it "
    "fits "
    "its data badly.",
    "A typical or average study is not a new study: only numbers marked “new study” hold the differences between "
    "studies.",
)


@dataclass
class Picture:
    """A figure ready for the page."""

    title: str
    source: str
    text: str


@dataclass
class Section:
    """What the page says about one fit."""

    anchor: str
    name: str
    spec: Any
    attrs: dict[str, Any]
    failures: list[str]
    tables: list[dict[str, Any]]
    graph: str
    checks: list[dict[str, Any]]
    pictures: list[Picture]
    quantities: list[dict[str, str]]
    published: list[dict[str, str]]
    findings: list[str]
    rows: str
    studies: str
    limits: list[str]
    command: str
    beside: dict[str, str] | None = None
    versions: dict[str, str] = field(default_factory=dict)


def write(items: Iterable[Any], path: Path, title: str | None, checks: Sequence[Checks] | None) -> Path:
    """Write the report; see :func:`socbayes.report.report`."""
    from jinja2 import Environment, StrictUndefined

    fits, comparisons = _sorted_items(items)
    if checks is not None and len(checks) != len(fits):
        raise SocbayesError(f"{len(checks)} sets of checks were given for {len(fits)} fits")
    judged = list(checks) if checks is not None else [check(fitted) for fitted in fits]
    sections = [_section(fitted, found, place) for place, (fitted, found) in enumerate(zip(fits, judged, strict=True))]
    for section, fitted in zip(sections, fits, strict=True):
        section.beside = _beside(fitted, section.spec.model, fits)
    scenarios = [_scenario(comparison) for comparison in comparisons]

    files = resources.files("socbayes.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["tidy"] = tidy
    template = environment.from_string(files.joinpath("template.html").read_text(encoding="utf-8"))
    page = template.render(
        title=title or _title(sections, scenarios),
        style=files.joinpath("style.css").read_text(encoding="utf-8"),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        interval=INTERVAL_NAME,
        sections=sections,
        scenarios=scenarios,
        alarms=_alarms(sections, comparisons),
        always=ALWAYS,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return path


def _sorted_items(items: Iterable[Any]) -> tuple[list[xr.DataTree], list[ScenarioComparison]]:
    import xarray as xr

    fits: list[xr.DataTree] = []
    comparisons: list[ScenarioComparison] = []
    for item in items:
        if isinstance(item, xr.DataTree):
            if "posterior" not in item.children:
                raise SocbayesError("a tree without a posterior is no fit")
            fits.append(item)
        elif isinstance(item, ScenarioComparison):
            comparisons.append(item)
        elif isinstance(item, (list, tuple)):
            more_fits, more_comparisons = _sorted_items(item)
            fits += more_fits
            comparisons += more_comparisons
        else:
            raise SocbayesError(f"a report takes fits and scenario comparisons, not a {type(item).__name__}")
    if not fits and not comparisons:
        raise SocbayesError("a report needs at least one fit or scenario comparison")
    return fits, comparisons


def _title(sections: list[Section], scenarios: list[dict[str, Any]]) -> str:
    names = dict.fromkeys([section.name for section in sections] or [one["name"] for one in scenarios])
    return ", ".join(names) if len(names) < 3 else "Priming, carbon use efficiency and the microbial carbon pump"


def _alarms(sections: list[Section], comparisons: list[ScenarioComparison]) -> list[dict[str, Any]]:
    """Collect what a reader must know before anything else."""
    alarms = [
        {"name": section.name, "anchor": section.anchor, "failures": section.failures}
        for section in sections
        if section.failures
    ]
    known = {section.spec.model for section in sections if section.failures}
    for comparison in comparisons:
        if not comparison.converged and comparison.model not in known:
            known.add(comparison.model)
            name = f"Scenarios of {NAMES.get(comparison.model, comparison.model)}"
            alarms.append({"name": name, "anchor": "scenarios", "failures": ["the fit behind them did not converge"]})
    return alarms


# --- one fit -----------------------------------------------------------------------------


def _section(fitted: xr.DataTree, checks: Checks, place: int) -> Section:
    if "converged" not in fitted.attrs:
        diagnostics.gate(fitted)
    facts = facts_of(fitted)
    spec = facts.spec
    attrs = {str(key): _plain(value) for key, value in fitted.attrs.items()}
    described = [_table(role, table) for role, table in spec.tables.items()]
    of = material(fitted)
    return Section(
        anchor=f"{spec.model}-{place + 1}",
        name=NAMES.get(spec.model, spec.model),
        spec=spec,
        attrs=attrs,
        failures=_failures(fitted, checks),
        tables=described,
        graph=graph_svg(fitted, spec),
        checks=[_check(name, result) for name, result in checks.items()],
        pictures=[_picture(one, of) for one in readings_of(fitted)],
        quantities=_quantities(fitted, spec),
        published=published_rows(fitted),
        findings=_or_nothing(lambda: findings(fitted, of)),
        rows=" + ".join(f"{table['rows']:,}" for table in described if table["rows"]) or "–",
        studies=" + ".join(f"{table['studies']:,}" for table in described if table["studies"]) or "–",
        limits=_limits(spec, described),
        command=_command(spec, attrs),
        versions=dict(facts.versions or {}),
    )


def _failures(fitted: xr.DataTree, checks: Checks) -> list[str]:
    """Why a fit must not be used, from the fit itself and from its checks; empty when nothing is wrong."""
    failures = [line.strip(" -") for line in diagnostics.banner(fitted).splitlines()[1:]]
    named = " ".join(failures)
    for name in checks.failures:
        # Convergence, divergences and energy are in the fit's own verdict already.
        if not (failures and name in ("convergence", "divergences", "energy")):
            failures.append(f"check {name.replace('_', ' ')}: {checks[name].text if name in checks else 'not run'}")
    facts = facts_of(fitted)
    if not failures and not facts.converged:
        failures.append("the fit says of itself that it did not converge")
    if not facts.complete and "interrupted" not in named:
        failures.append("the run was interrupted: this is the part of it that reached the disk")
    return failures


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _table(role: str, table: Any) -> dict[str, Any]:
    """Describe a table, with its sources and terms when it is bundled."""
    from socbayes.datasets import list_datasets, load_dataset

    bundled = list_datasets().set_index("name")
    name = str(table.get("name", role))
    row: dict[str, Any] = {
        "role": role,
        "name": name,
        "rows": table.get("rows"),
        "studies": table.get("studies"),
        "sha256": str(table.get("sha256", "")),
        "licence": table.get("licence") or "the caller's own",
        "commercial_use": "",
        "what": "table given by the caller",
        "sources": [text for text in [str(table.get("citation", ""))] if text],
    }
    if name in bundled.index:
        row["what"] = bundled.loc[name, "what"]
        row["commercial_use"] = bundled.loc[name, "commercial_use"]
        row["sources"] = [_source(source) for source in load_dataset(name).attrs["sources"]]
    return row


def _source(source: dict[str, Any]) -> str:
    doi = source.get("doi")
    text = str(source["citation"])
    return f"{text} doi:{doi}" if doi and doi not in text else text


def _check(name: str, result: Any) -> dict[str, Any]:
    mark = {"passed": "✓", "FAILED": "✗", "for information": "i", "not run": "–"}[result.verdict]
    source = ""
    if result.figure is not None:
        try:
            source = pixels(result.figure())
        except Exception:  # the text and the numbers of a check do not depend on its figure
            log.warning("figure of check %r failed", name, exc_info=True)
    table = result.table
    return {
        "name": name.replace("_", " "),
        "verdict": result.verdict,
        "kind": result.verdict.split()[0].lower(),
        "mark": mark,
        "text": result.text,
        "source": source,
        "table": html_table(table.head(LISTED)) if len(table) else "",
        "more": max(0, len(table) - LISTED),
    }


def _picture(one: Reading, of: Callable[[Reading], Any]) -> Picture:
    """Draw a figure and say what it shows; a figure that cannot be drawn says why."""
    try:
        return Picture(one.title, data_uri(one.draw(of(one))), one.say(of(one)))
    except Exception as error:  # one broken figure must not cost the reader the others
        log.warning("figure %r of the report failed", one.title, exc_info=True)
        return Picture(one.title, "", f"Not drawn: {type(error).__name__}: {error}")


def _or_nothing(say: Callable[[], list[str]]) -> list[str]:
    try:
        return say()
    except KeyError:  # an edited model may lack a quantity
        log.warning("findings of the report failed", exc_info=True)
        return []


def _quantities(fitted: xr.DataTree, spec: Any) -> list[dict[str, str]]:
    """Every quantity of interest with its interval, one row per number."""
    posterior = fitted["posterior"].to_dataset()
    rows = []
    for name, meaning in spec.quantities.items():
        if name not in posterior:
            continue
        values = posterior[name]
        draws = flat(values)
        shape = draws.shape[1:]
        for place in np.ndindex(shape):
            labels = [str(values[dim].to_numpy()[i]) for dim, i in zip(values.dims[2:], place, strict=True)]
            median, lower, upper = limits(draws[(slice(None), *place)])
            half = (upper - lower) / 2
            rows.append(
                {
                    "name": name + (f" [{', '.join(labels)}]" if labels else ""),
                    "median": number(median, half),
                    "lower": number(lower, half),
                    "upper": number(upper, half),
                    "unit": "" if meaning.get("unit") == "1" else meaning.get("unit", ""),
                    "meaning": meaning.get("meaning", ""),
                }
            )
    return rows


def _limits(spec: Any, tables: list[dict[str, Any]]) -> list[str]:
    sentences = [*spec.notes, *LIMITS.get(spec.model, ())]
    terms = [
        f"{table['name']} ({table['licence']}; commercial use {table['commercial_use']})"
        for table in tables
        if table["commercial_use"] not in ("", "allowed")
    ]
    if terms:
        sentences.append(f"Terms of the data: {'; '.join(terms)}.")
    return sentences


def _beside(fitted: xr.DataTree, model: str, fits: Sequence[xr.DataTree]) -> dict[str, str] | None:
    """How a process model predicts beside its baseline, where both were given."""
    baseline = next((one for one in fits if BASELINES.get(model) == str(one.attrs.get("model"))), None)
    if baseline is None:
        return None
    try:
        table = compare({"process": fitted, "baseline": baseline})
    except SocbayesError as error:
        return {"text": f"The two could not be scored on the same observations: {error}.", "table": ""}
    worse = table.iloc[1]
    text = (
        f"Predicting each of {table.attrs['observations']:,} observations from all others (PSIS-LOO), the "
        f"{table.index[0]} model is better: the {table.index[1]} model's log density is lower by "
        f"{abs(worse['elpd_diff']):.1f}, with a standard error of {worse['dse']:.1f}. This knows the other rows of a "
        "study; whole studies are left out by socbayes.inference.left_out."
    )
    text += "".join(f" Note: {note}." for note in table.attrs["warnings"])
    shown = table[["elpd", "se", "elpd_diff", "dse", "weight", "pareto_k_above"]]
    return {"text": text, "table": html_table(shown)}


def _command(spec: Any, attrs: dict[str, Any]) -> str:
    """How to make the fit again, as far as a command can."""
    if spec.model not in NAMES or "draws" not in attrs:
        return ""
    seed = "" if int(attrs.get("seed", -1)) < 0 else f" --seed {attrs['seed']}"
    options = f"--draws {attrs['draws']} --tune {attrs['tune']} --chains {attrs['chains']}{seed}"
    from socbayes.datasets import list_datasets

    bundled = set(list_datasets()["name"])
    if spec.model in BASELINES:
        own = any(table.get("name") not in bundled for table in spec.tables.values())
        return "" if own else f"python benchmarks/literature.py --models {spec.model}"
    flags = {"table": "--data", "levels": "--levels", "gradient": "--gradient"}
    files = [
        f"{flags[role]} YOUR_{role.upper()}"
        for role, table in spec.tables.items()
        if role in flags and table.get("name") not in bundled
    ]
    if spec.model == "cue" and "gradient" not in spec.tables:
        files.append("--gradient none")
    return " ".join(["socbayes fit", spec.model, *files, options])


# --- scenarios ---------------------------------------------------------------------------------


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


def _scenario(comparison: ScenarioComparison) -> dict[str, Any]:
    rows, sentences = scenario_rows(comparison)
    name = NAMES.get(comparison.model, comparison.model)
    what = name if name.lower() == comparison.quantity.lower() else f"{name}: {comparison.quantity}"
    return {
        "name": name,
        "heading": f"{what} in {comparison.group}",
        "quantity": comparison.quantity,
        "unit": "fraction" if comparison.unit == "1" else comparison.unit,
        "unit_of_difference": unit_of_difference(comparison.unit),
        "group": comparison.group,
        "converged": comparison.converged,
        "rows": rows,
        "sentences": sentences,
        "picture": _picture(
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


# --- pictures and tables ------------------------------------------------------------------------


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
