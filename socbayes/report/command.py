"""The commands that make fits, plans and credits of a page again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.datasets import load_dataset
from socbayes.facts import facts_of
from socbayes.scenarios.design import written_design
from socbayes.scenarios.plan_files import YOUR_WEATHER
from socbayes.scenarios.projected import converged, identity_of
from socbayes.spec import ModelSpec, describe_table
from socbayes.subjects import ModelRecord, TableRole, model_records
from socbayes.wording import few

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.scenarios.credit_sheet import CreditSheet
    from socbayes.scenarios.endings import Lasting

NOT_KEPT = "What it was asked for is not kept with it, so this page cannot say how to make it again."


@dataclass
class Again:
    """How to make something again.

    Parameters
    ----------
    command
        On the command line, or calls in Python; empty where nobody can.
    files
        Name and text of files to save first.
    sentences
        What else there is to know.
    """

    command: str = ""
    files: list[tuple[str, str]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


def _saved(text: str, stem: str, names: dict[str, str]) -> tuple[str, list[tuple[str, str]]]:
    """Name of a file, and what to save; nothing where the page has shown the same under that name."""
    new = text not in names
    name = names.setdefault(text, f"{_numbered(stem, len(names))}.toml")
    return name, [(name, text)] if new else []


def made_again(
    projections: Sequence[xr.Dataset],
    sheets: Sequence[CreditSheet],
    endings: Sequence[Lasting],
    fits: Mapping[str, str],
) -> dict[str, Again]:
    """How to make the plans, credits and endings of a page again, by the anchor of their chapter.

    Parameters
    ----------
    projections, sheets, endings
        Of the page, in their order.
    fits
        What the page calls its fits, by their fingerprint.
    """
    plans: dict[str, str] = {}
    areas: dict[str, str] = {}
    written: dict[str, str] = {}
    result = {}
    for place, one in enumerate(projections):
        folder = _numbered("projection", place)
        again = result[f"plans-{place + 1}"] = _projected(one, folder, plans, fits)
        if again.command:
            in_shell = again.command.startswith("socbayes")
            written[identity_of(one)] = f"{folder}/projection.nc" if in_shell else f"{folder}.nc"
    for place, sheet in enumerate(sheets):
        file = written.get(sheet.projection, "") if sheet.projection else ""
        result[f"credits-{place + 1}"] = _credited(sheet, f"{_numbered('credits', place)}.csv", file, areas)
    for place, ended in enumerate(endings):
        result[f"lasting-{place + 1}"] = _ended(ended, _numbered("lasting", place), plans, fits)
    return result


def _numbered(name: str, place: int) -> str:
    return f"{name}-{place + 1}" if place else name


def _projected(projection: xr.Dataset, folder: str, plans: dict[str, str], fits: Mapping[str, str]) -> Again:
    attrs = projection.attrs
    if not {"plans", "settings", "seed"} <= set(attrs):
        return Again(sentences=[NOT_KEPT])
    settings = json.loads(attrs["settings"])
    name, files = _saved(str(attrs["plans"]), "plan", plans)
    again = Again("", files, _of_inputs(settings, str(attrs["plans"]), fits))
    failed = not converged(projection)
    if settings["structures"] or settings["draws"] < 2:
        again.command = _in_python(settings, int(attrs["seed"]), name, folder, failed)
        return again
    again.command = _command(
        "project", *_runs(settings), "--plan", name, "--years", _years(settings["years"]), *_weights(settings),
        *_sampled(settings, attrs), *_failed(failed), "--output", folder,
    )  # fmt: skip
    return again


def _credited(sheet: CreditSheet, output: str, projection: str, areas: dict[str, str]) -> Again:
    if sheet.design is None:
        return Again(sentences=[NOT_KEPT])
    name, files = _saved(written_design(sheet.design), "areas", areas)
    plans = list(dict.fromkeys(line.plan for line in sheet.lines))
    command = _command(
        "credit", projection or "PROJECTION.nc", "--areas", name, "--year", _number(sheet.end),
        *(["--plan", plans[0]] if len(plans) == 1 else []), *_failed(not sheet.converged), "--output", output,
    )  # fmt: skip
    elsewhere = "PROJECTION.nc is the projection that was credited, which is not on this page."
    return Again(command, files, [] if projection else [elsewhere])


def _ended(ended: Lasting, folder: str, plans: dict[str, str], fits: Mapping[str, str]) -> Again:
    attrs, asked = next(iter(ended.paths.values())).attrs, ended.table.attrs.get("asked")
    if asked is None or "settings" not in attrs:
        return Again(sentences=[NOT_KEPT])
    settings = json.loads(attrs["settings"])
    if settings["structures"]:
        return Again(sentences=["It was made in Python, with structures of the caller's own: call "
                                "socbayes.scenarios.lasting with them."])  # fmt: skip
    name, files = _saved(asked["plans"], "plan", plans)
    warming = ["--no-warming"] if asked["warming"] is None else ["--warming", _number(asked["warming"])]
    command = _command(
        "lasting", *_runs(settings), "--plan", name, "--stopped", _number(ended.stopped),
        "--years", _years(settings["years"]), *warming,
        *(word for plan, tons in asked["credited"].items() for word in ("--credit", f"{plan}={_number(tons)}")),
        "--buffer", _number(asked["buffer"]),
        *(word for plot in asked["plots"] or () for word in ("--plot", plot)),
        *_weights(settings), *_sampled(settings, attrs), *_failed(not ended.converged), "--output", folder,
    )  # fmt: skip
    return Again(command, files, _of_inputs(settings, asked["plans"], fits))


def _of_inputs(settings: Mapping[str, Any], plans: str, fits: Mapping[str, str]) -> list[str]:
    """What the words in capitals stand for."""
    of = {label: fits.get(one, "") for label, one in settings["fits"].items()}
    told = [f"{label} ({called})" if called else f"{label} (not on this page)" for label, called in of.items()]
    if len(of) == 1:
        called = next(iter(of.values()))
        said = [f"RUN is the folder of the run of {called}." if called else f"RUN is the folder of a run of {told[0]}."]
    else:
        said = [f"RUNS is the folder that holds those of the runs {few(told, len(told))}."]
    if YOUR_WEATHER in plans:
        said.append(
            f"{YOUR_WEATHER} stands for the tables of weather that the plans name, which this page does not hold."
        )
    return said


def _command(*words: str) -> str:
    """A command as a shell reads it."""
    return shlex.join(["socbayes", *words])


def _runs(settings: Mapping[str, Any]) -> list[str]:
    """Folders of the runs, of which each is called as its folder."""
    labels = list(settings["fits"])
    return ["RUN"] if len(labels) == 1 else [label if "/" in label else f"RUNS/{label}" for label in labels]


def _weights(settings: Mapping[str, Any]) -> list[str]:
    weights = (settings["weights"] or {}) if len(settings["fits"]) > 1 else {}
    return [word for label, weight in weights.items() for word in ("--weight", f"{label}={_number(weight)}")]


def _sampled(settings: Mapping[str, Any], attrs: Mapping[str, Any]) -> list[str]:
    return ["--draws", str(settings["draws"]), "--seed", str(attrs["seed"])]


def _failed(failed: bool) -> list[str]:
    return ["--allow-failed"] if failed else []


def _in_python(settings: Mapping[str, Any], seed: int, plan: str, folder: str, failed: bool) -> str:
    """What a command cannot say: structures of the caller's own, or a single draw."""
    runs = dict(zip(settings["fits"], _runs(settings), strict=True))
    more = {"weights": settings["weights"], "draws": settings["draws"], "seed": seed} | (
        {"allow_failed": True} if failed else {}
    )
    given = ", ".join(f"{name}={value!r}" for name, value in more.items() if value is not None)
    own = ", ".join(f"{label!r}: YOUR_STRUCTURE" for label in settings["structures"])
    return "\n".join([
        "import socbayes as sb", "",
        f"fits = {{{', '.join(f'{label!r}: sb.load({run!r})' for label, run in runs.items())}}}",
        f"projection = sb.project(fits, {plan!r}, years={settings['years']!r}, {given}"
        + (f", structures={{{own}}})" if own else ")"),
        f"projection.to_netcdf({f'{folder}.nc'!r}, engine='netcdf4')",
    ])  # fmt: skip


def _years(years: Sequence[float]) -> str:
    """Years as ``--years`` takes them: first, last and step where they are evenly spaced."""
    if len(years) > 2:
        step = years[1] - years[0]
        if np.array_equal(years, [years[0] + step * place for place in range(len(years))]):
            return ":".join([_number(years[0]), _number(years[-1]), *([] if step == 1 else [_number(step)])])
    return ",".join(map(_number, years))


def _number(value: float) -> str:
    """A number that is read again as it is."""
    return repr(float(value)).removesuffix(".0")


def command_of(fitted: xr.DataTree) -> str:
    """How to make a fit again on the command line; empty where it cannot.

    Parameters
    ----------
    fitted
        A fit.

    Examples
    --------
    >>> from socbayes.inference.stored import load_posterior
    >>> command_of(load_posterior("cue_process")).startswith("socbayes fit cue_process --draws")
    True
    """
    facts = facts_of(fitted)
    record = model_records().get(facts.model)
    choices = facts.spec.choices
    if record is None or not facts.draws or choices.get("priors") or choices.get("callers_own"):
        return ""
    effort = [f"--draws {facts.draws}", f"--tune {facts.tune}", f"--chains {facts.chains}"]
    seed = [f"--seed {facts.seed}"] if facts.seed >= 0 else []
    return " ".join(
        ["socbayes fit", record.name, *_tables(record, facts.spec), *_options(record, facts.spec), *effort, *seed]
    )


def _tables(record: ModelRecord, spec: ModelSpec) -> list[str]:
    """Flags for the tables that are not those taken by themselves."""
    flags = []
    for place, role in enumerate(record.tables):
        given = spec.tables.get(role.role)
        if given is None:
            if role.bundled and not role.required:
                flags.append(f"--with {role.role}=none")
        elif not _is_bundled(role, given):
            file = f"YOUR_{role.role.upper()}"
            flags.append(f"--with {role.role}={file}" if place else f"--data {file}")
    return flags


def _is_bundled(role: TableRole, given: Mapping[str, Any]) -> bool:
    """Whether a table is the whole bundled one that is taken where none is given."""
    if not role.bundled or given.get("name") != role.bundled:
        return False
    told = given.get("values_sha256")
    return told is None or told == describe_table(load_dataset(role.bundled))["values_sha256"]


def _options(record: ModelRecord, spec: ModelSpec) -> list[str]:
    """Flags for the choices that differ from those made by themselves."""
    flags = []
    defaults = signature(record.builder()).parameters
    for option in record.options:
        name, keyed, _ = option.partition(".")
        chosen = spec.choices.get(name)
        if keyed:
            flags += [f"--option {name}.{key}={_written(value)}" for key, value in (chosen or {}).items()]
        elif name in spec.choices and chosen != defaults[name].default:
            flags.append(f"--option {name}={_written(chosen)}")
    return flags


def _written(value: Any) -> str:
    """Write a value as the command line reads it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
