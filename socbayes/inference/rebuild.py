"""The model of a run, built again from what the run says of itself."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from socbayes.errors import SocbayesError, said_by
from socbayes.facts import TABLES, table_of
from socbayes.inference.sampling import data_hash
from socbayes.spec import ModelSpec, spec_of
from socbayes.subjects import model_records

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

COMPARED = ("model", "tables", "observed", "choices", "priors")
"""Entries of a specification that tell one model from another; notes are words only."""


def model_of_run(spec: ModelSpec, tables: xr.DataTree | None, data: str, model: pm.Model | None = None) -> pm.Model:
    """Build the model of a run again, or make sure that the one the caller gives is it.

    Parameters
    ----------
    spec
        Specification of the run.
    tables
        Its tables, one child a role.
    data
        Hash of what it observes (:func:`socbayes.inference.sampling.data_hash`); empty where it is not known.
    model
        Given by the caller.

    Raises
    ------
    SocbayesError
        If the model cannot be built from the run alone, or is not the one of the run.
    """
    found = _rebuilt(spec, tables) if model is None else model
    if differs := _differences(spec, found, data):
        raise SocbayesError(
            f"the model given is not the one of the run: it differs in {', '.join(differs)}"
            if model is not None
            else f"the model {spec.model} that is built from the run differs from it in {', '.join(differs)}; "
            "build it as it was built for the run and give it: resume(folder, model=model)"
        )
    return found


def _differences(spec: ModelSpec, model: pm.Model, data: str) -> list[str]:
    """In what a model differs from the one that a run was made with."""
    own = ModelSpec.from_json(spec_of(model).to_json())  # as text holds it, tuples as lists
    differs = [name for name in COMPARED if getattr(own, name) != getattr(spec, name)]
    if data and data_hash(model) != data:
        differs.append("the values it observes")
    return differs


def _rebuilt(spec: ModelSpec, tables: xr.DataTree | None) -> pm.Model:
    """Build a model of socbayes with the tables and choices of a run."""
    import xarray as xr

    give = "build it as it was built for the run and give it: resume(folder, model=model)"
    records = model_records()
    if spec.model not in records:
        raise SocbayesError(f"the run is of a model of your own ({spec.model}), which its folder does not hold; {give}")
    if spec.choices.get("priors"):
        raise SocbayesError(
            f"the run replaces priors ({', '.join(spec.choices['priors'])}) by some of your own; {give}"
        )
    if own := spec.choices.get("callers_own"):
        raise SocbayesError(
            f"the run was made with {', '.join(own)} of your own, of which it holds the name only; {give}"
        )
    record = records[spec.model]
    holder = xr.DataTree() if tables is None else xr.DataTree(children={TABLES: tables})
    kept = set() if tables is None else set(tables.children)
    given = {one.role: table_of(holder, one.role) if one.role in kept else None for one in record.tables}
    try:
        return record.build(given, **_options(spec, record.builder(), set(given)))
    except Exception as error:  # whatever is wrong with what the run holds, the caller can give the model
        raise SocbayesError(
            f"the model {spec.model} cannot be built from the run ({said_by(error)}); {give}"
        ) from error


def _options(spec: ModelSpec, build: Any, roles: set[str]) -> dict[str, Any]:
    """Arguments of ``build`` that the specification holds among its choices; what was given beside what came of it."""
    options = {}
    for name in set(inspect.signature(build).parameters) - roles - {"priors"}:
        for choice in (f"given_{name}", name):
            if choice in spec.choices:
                options[name] = spec.choices[choice]
                break
    return options
