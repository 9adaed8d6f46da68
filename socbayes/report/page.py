"""Gather what a report says, and write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socbayes.errors import ConvergenceError, SocbayesError
from socbayes.files import write_text
from socbayes.inference.checks import Checks, check
from socbayes.inference.diagnostics import fingerprint
from socbayes.report.command import made_again
from socbayes.report.comparisons import described
from socbayes.report.endings import endings_chapter
from socbayes.report.html import tidy
from socbayes.report.projections import Chapter, alarms_of, chapters_of, is_ranking
from socbayes.report.refused import refused_chapter
from socbayes.report.section import Section, beside_baseline, section_on
from socbayes.scenarios import ScenarioComparison
from socbayes.scenarios.credit_sheet import CreditSheet
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.endings import Lasting
from socbayes.subjects import subject_of, title_of
from socbayes.vocabulary import INTERVAL_NAME
from socbayes.wording import counted, few

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

ALWAYS = (
    "Intervals hold what the model leaves open, not the possibility that the model is wrong; the checks show where it "
    "fits its data badly.",
    "A typical or average study is not a new study: only numbers marked “new study” hold the differences between "
    "studies.",
)


@dataclass
class Items:
    """What a report is about, by kind."""

    fits: list[xr.DataTree] = field(default_factory=list)
    comparisons: list[ScenarioComparison] = field(default_factory=list)
    projections: list[xr.Dataset] = field(default_factory=list)
    sheets: list[CreditSheet] = field(default_factory=list)
    endings: list[Lasting] = field(default_factory=list)
    rankings: list[pd.DataFrame] = field(default_factory=list)
    refusals: list[ConvergenceError] = field(default_factory=list)


def write(items: Iterable[Any], path: Path, title: str | None, checks: Sequence[Checks] | None) -> Path:
    """Write the report; see :func:`socbayes.report.report`."""
    from jinja2 import Environment, StrictUndefined

    given = _sorted_items(items)
    fits, comparisons = given.fits, given.comparisons
    if checks is not None and len(checks) != len(fits):
        raise SocbayesError(f"{counted(len(checks), 'set')} of checks given for {counted(len(fits), 'fit')}")
    judged = list(checks) if checks is not None else [check(fitted) for fitted in fits]
    sections = [
        section_on(fitted, found, place) for place, (fitted, found) in enumerate(zip(fits, judged, strict=True))
    ]
    for section, fitted in zip(sections, fits, strict=True):
        section.beside = beside_baseline(fitted, fits)
    scenarios = [described(comparison) for comparison in comparisons]
    told = {sentence for section in sections for sentence in section.limits}
    noted = {note for one in given.projections for note in str(one.attrs.get("notes", "")).splitlines()} | told
    endings = [endings_chapter(one, place, noted) for place, one in enumerate(given.endings)]
    chapters = chapters_of(given.projections, given.sheets, given.rankings, told, endings)
    chapters += [refused_chapter(error, place) for place, error in enumerate(given.refusals)]

    called = {fingerprint(fitted): section.name for section, fitted in zip(sections, fits, strict=True)}
    again = made_again(given.projections, given.sheets, given.endings, called)

    files = resources.files("socbayes.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["tidy"] = tidy
    template = environment.from_string(files.joinpath("template.html").read_text(encoding="utf-8"))
    page = template.render(
        title=title or _title(sections, scenarios) or _title_of(chapters),
        style=files.joinpath("style.css").read_text(encoding="utf-8"),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        interval=INTERVAL_NAME,
        sections=sections,
        scenarios=scenarios,
        chapters=chapters,
        again=again,
        alarms=[*_alarms(sections, comparisons), *alarms_of(chapters)],
        always=ALWAYS,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return path


def _sorted_items(items: Iterable[Any]) -> Items:
    given = Items()
    _sort_into(given, items)
    if not any(vars(given).values()):
        raise SocbayesError("a report needs at least one fit, scenario comparison, projection or credit sheet")
    return given


def _sort_into(given: Items, items: Iterable[Any]) -> None:
    import pandas as pd
    import xarray as xr

    for item in items:
        if isinstance(item, xr.DataTree):
            if "posterior" not in item.children:
                raise SocbayesError("a tree without a posterior is no fit")
            given.fits.append(item)
        elif isinstance(item, ScenarioComparison):
            given.comparisons.append(item)
        elif isinstance(item, xr.Dataset):
            given.projections.append(item)
        elif isinstance(item, CreditSheet):
            given.sheets.append(item)
        elif isinstance(item, Lasting):
            given.endings.append(item)
        elif isinstance(item, pd.DataFrame) and is_ranking(item):
            given.rankings.append(item)
        elif isinstance(item, ConvergenceError):
            given.refusals.append(item)
        elif isinstance(item, (list, tuple)):
            _sort_into(given, item)
        else:
            raise SocbayesError(
                "a report takes fits, scenario comparisons, projections, credit sheets, what lasts and rankings of "
                f"measurements, not a {type(item).__name__}"
            )


def _title(sections: list[Section], scenarios: list[dict[str, Any]]) -> str:
    models = dict.fromkeys([section.spec.model for section in sections] or [one["model"] for one in scenarios])
    names = list(dict.fromkeys(map(title_of, models)))
    if len(names) < 3:
        return ", ".join(names)
    about = (subject_of(model) for model in models)
    titles = list(dict.fromkeys(subject.title for subject in about if subject)) or names
    return few([titles[0], *(title[:1].lower() + title[1:] for title in titles[1:])])


def _title_of(chapters: list[Chapter]) -> str:
    """Title of a page without fits."""
    return few(list(dict.fromkeys(chapter.topic for chapter in chapters))).capitalize()


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
            name = f"Scenarios of {title_of(comparison.model)}"
            alarms.append({"name": name, "anchor": "scenarios", "failures": [DO_NOT_USE]})
    return alarms
