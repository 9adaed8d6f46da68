"""What a report says about one fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.inference import diagnostics
from socbayes.inference.catalogue import CATALOGUE
from socbayes.inference.compare import compare
from socbayes.plots.style import flat
from socbayes.report.command import command_of
from socbayes.report.graph import graph_svg
from socbayes.report.html import html_table, pixels
from socbayes.report.pictures import Picture, picture
from socbayes.report.readings import findings, material, published_rows, readings_of
from socbayes.subjects import model_records, title_of
from socbayes.wording import limits, number

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.inference.checks import Checks

log = logging.getLogger("socbayes")

LISTED = 12
"""Rows of a check's table that are shown."""


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


def section_on(fitted: xr.DataTree, checks: Checks, place: int) -> Section:
    """Gather what the page says about one fit.

    Parameters
    ----------
    fitted
        A fit.
    checks
        Its checks.
    place
        Of the fit on the page, from 0.
    """
    facts = diagnostics.judged(fitted)
    spec = facts.spec
    attrs = {str(key): _plain(value) for key, value in fitted.attrs.items()}
    described = [_table(role, table) for role, table in spec.tables.items()]
    of = material(fitted)
    return Section(
        anchor=f"{spec.model}-{place + 1}",
        name=title_of(spec.model),
        spec=spec,
        attrs=attrs,
        failures=_failures(fitted, checks),
        tables=described,
        graph=graph_svg(fitted, spec),
        checks=[_check(name, result) for name, result in checks.items()],
        pictures=[picture(one, of) for one in readings_of(fitted)],
        quantities=_quantities(fitted, spec),
        published=published_rows(fitted),
        findings=_or_nothing(lambda: findings(fitted, of)),
        rows=" + ".join(f"{table['rows']:,}" for table in described if table["rows"]) or "–",
        studies=" + ".join(f"{table['studies']:,}" for table in described if table["studies"]) or "–",
        limits=[*_limits(spec, described), *facts.remarks],
        command=command_of(fitted),
        versions=dict(facts.versions or {}),
    )


def _failures(fitted: xr.DataTree, checks: Checks) -> list[str]:
    """Why a fit must not be used, from the fit itself and from its checks; empty when nothing is wrong."""
    failures = list(facts_of(fitted).failures)
    named = " ".join(failures)
    for name in checks.failures:
        # What the fit says of itself already.
        if name not in CATALOGUE or CATALOGUE[name].helps not in named:
            failures.append(f"check {name.replace('_', ' ')}: {checks[name].text if name in checks else 'not run'}")
    facts = facts_of(fitted)
    if not failures and not facts.converged:
        failures.append("the fit says of itself that it did not pass its checks")
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
    record = model_records().get(spec.model)
    sentences = [*spec.notes, *(record.limits if record else ())]
    terms = [
        f"{table['name']} ({table['licence']}; commercial use {table['commercial_use']})"
        for table in tables
        if table["commercial_use"] not in ("", "allowed")
    ]
    if terms:
        sentences.append(f"Terms of the data: {'; '.join(terms)}.")
    return sentences


def beside_baseline(fitted: xr.DataTree, fits: Sequence[xr.DataTree]) -> dict[str, str] | None:
    """How a process model predicts beside its baseline; None where both were not given.

    Parameters
    ----------
    fitted
        A fit.
    fits
        All fits of the report.
    """
    record = model_records().get(facts_of(fitted).model)
    baseline = next((one for one in fits if record and record.baseline == facts_of(one).model), None)
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
