"""The command that makes a fit again."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

from socbayes.datasets import load_dataset
from socbayes.facts import facts_of
from socbayes.spec import ModelSpec, describe_table
from socbayes.subjects import ModelRecord, TableRole, model_records

if TYPE_CHECKING:
    import xarray as xr


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
