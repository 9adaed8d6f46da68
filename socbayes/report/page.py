"""Gather what a report says, and write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socbayes.errors import SocbayesError
from socbayes.files import write_text
from socbayes.inference.checks import Checks, check
from socbayes.report.comparisons import described
from socbayes.report.html import tidy
from socbayes.report.section import Section, beside_baseline, section_on
from socbayes.scenarios import ScenarioComparison
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.subjects import subject_of, title_of
from socbayes.vocabulary import INTERVAL_NAME
from socbayes.wording import few

if TYPE_CHECKING:
    import xarray as xr

ALWAYS = (
    "Intervals hold what the model leaves open, not the possibility that the model is wrong; the checks show where it "
    "fits its data badly.",
    "A typical or average study is not a new study: only numbers marked “new study” hold the differences between "
    "studies.",
)


def write(items: Iterable[Any], path: Path, title: str | None, checks: Sequence[Checks] | None) -> Path:
    """Write the report; see :func:`socbayes.report.report`."""
    from jinja2 import Environment, StrictUndefined

    fits, comparisons = _sorted_items(items)
    if checks is not None and len(checks) != len(fits):
        raise SocbayesError(f"{len(checks)} sets of checks were given for {len(fits)} fits")
    judged = list(checks) if checks is not None else [check(fitted) for fitted in fits]
    sections = [
        section_on(fitted, found, place) for place, (fitted, found) in enumerate(zip(fits, judged, strict=True))
    ]
    for section, fitted in zip(sections, fits, strict=True):
        section.beside = beside_baseline(fitted, fits)
    scenarios = [described(comparison) for comparison in comparisons]

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
    models = dict.fromkeys([section.spec.model for section in sections] or [one["model"] for one in scenarios])
    names = list(dict.fromkeys(map(title_of, models)))
    if len(names) < 3:
        return ", ".join(names)
    about = (subject_of(model) for model in models)
    titles = list(dict.fromkeys(subject.title for subject in about if subject)) or names
    return few([titles[0], *(title[:1].lower() + title[1:] for title in titles[1:])])


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
