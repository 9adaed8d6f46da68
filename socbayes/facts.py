"""What a fit knows of itself, decoded in one place: what it is a fit of, how it went, and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.spec import ModelSpec, describe_table
from socbayes.vocabulary import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

TABLES = "tables"
"""Group of a fit that holds the tables it was made of, one child per role."""


@dataclass(frozen=True)
class FitFacts:
    """What a fit says of itself.

    Parameters
    ----------
    spec
        Specification of its model; a bare one where the fit has none.
    judged
        Whether the gate has looked at the fit.
    converged
        Whether it passed; False where nobody looked.
    failures
        Why it did not, in words.
    complete
        Whether all draws that were asked for are there.
    seed, draws, tune, chains
        How it was sampled; -1, or 0, where the fit does not say.
    versions
        Versions of the libraries it was made with.
    missing
        By group that should be there and is not, such as ``log_likelihood``: why.
    continued
        How a run that was cut short was gone on with, in sentences.
    ended, lacks
        Where a run ended that could draw more, and what it lacks, a sentence each; empty where there is nothing to say.
    """

    spec: ModelSpec
    judged: bool = False
    converged: bool = False
    failures: tuple[str, ...] = ()
    complete: bool = True
    seed: int = -1
    draws: int = 0
    tune: int = 0
    chains: int = 0
    versions: Mapping[str, str] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    continued: tuple[str, ...] = ()
    ended: str = ""
    lacks: str = ""

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.spec.model

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of how the fit was made, in sentences; nothing of one made in one go."""
        lacks = (
            f"The group {group} is not there ({why}); `socbayes resume` tries again."
            for group, why in self.missing.items()
        )
        return (*self.continued, *(said for said in (self.ended, self.lacks) if said), *lacks)


def spec_from(text: str) -> ModelSpec:
    """Read a specification, refusing what is none.

    Parameters
    ----------
    text
        Of :meth:`socbayes.spec.ModelSpec.to_json`.

    Raises
    ------
    ValueError
        If the text is no specification of a model.

    Examples
    --------
    >>> spec_from('["cue"]')
    Traceback (most recent call last):
    ...
    ValueError: a list where the specification of a model should be
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"a {type(values).__name__} where the specification of a model should be")
    try:
        spec = ModelSpec.from_json(text)
    except KeyError as error:
        raise ValueError(f"the specification says nothing of {error.args[0]}") from None
    except TypeError as error:  # an entry that this version does not know
        raise ValueError(f"the specification is of another version of socbayes: {error}") from None
    texts = (spec.model, spec.question, *spec.observed, *spec.notes)
    mappings = [one for one in (spec.tables, spec.quantities, spec.choices) if isinstance(one, Mapping)]
    inner = [*spec.priors, *(record for one in mappings[:2] for record in one.values())]
    if not all(isinstance(text, str) for text in texts) or len(mappings) < 3:
        raise ValueError("the specification holds other things than words, tables, quantities and choices")
    if not all(isinstance(record, Mapping) for record in inner):
        raise ValueError("the specification describes its tables, quantities or priors by something else than records")
    return spec


def facts_of(fitted: xr.DataTree) -> FitFacts:
    """Decode what a fit says of itself.

    Parameters
    ----------
    fitted
        A fit, finished or interrupted; also one of a model written by hand.

    Examples
    --------
    >>> from socbayes.inference.stored import load_posterior
    >>> facts = facts_of(load_posterior("cue_process"))
    >>> facts.model, facts.converged, facts.failures
    ('cue_process', True, ())
    """
    attrs = fitted.attrs
    text = attrs.get("spec")
    model = str(attrs.get("model", "user"))
    spec = spec_from(str(text)) if text else ModelSpec(model, "A model written by the caller.")
    return FitFacts(
        spec=spec,
        judged="converged" in attrs,
        converged=bool(int(attrs.get("converged", 0))),
        failures=tuple(_decoded(attrs, "failures", list)),
        complete=bool(int(attrs.get("complete", 1))),
        **{name: int(attrs[name]) for name in ("seed", "draws", "tune", "chains") if name in attrs},
        versions=_decoded(attrs, "versions", dict),
        missing=_decoded(attrs, "missing", dict),
        continued=tuple(_decoded(attrs, "continued", list)),
        ended=str(attrs.get("ended", "")),
        lacks=str(attrs.get("lacks", "")),
    )


def _decoded[Decoded: (dict[str, str], list[str])](attrs: Mapping[Any, Any], name: str, kind: type[Decoded]) -> Decoded:
    """What an attribute holds as JSON; empty where there is none."""
    if name not in attrs:
        return kind()
    value = json.loads(str(attrs[name]))
    held = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(value, kind) or not all(isinstance(one, str) for one in held):
        raise ValueError(f"its {name} are not words")
    return value


def table_of(fitted: xr.DataTree, role: str = "table") -> pd.DataFrame | None:
    """Table that a fit was made of; None where neither the fit nor socbayes has it.

    Parameters
    ----------
    fitted
        A fit. A posterior that was stored without its tables has those of its
        tables that are bundled and still the same.
    role
        Argument of ``build`` that took the table.

    Examples
    --------
    >>> from socbayes.inference.stored import load_posterior
    >>> len(table_of(load_posterior("cue_process"))) > 1000
    True
    """
    from socbayes.datasets import list_datasets, load_dataset

    if TABLES in fitted.children and role in fitted[TABLES].children:
        return _frame(fitted[TABLES][role].to_dataset())
    described = facts_of(fitted).spec.tables.get(role, {})
    if described.get("name") not in set(list_datasets()["name"]):
        return None
    table = load_dataset(str(described["name"]))
    same = describe_table(table)["values_sha256"] == described.get("values_sha256")
    return table if same else None


def with_tables(fitted: xr.DataTree, tables: Mapping[str, pd.DataFrame]) -> None:
    """Keep the tables of a model with its fit, in place.

    Parameters
    ----------
    fitted
        A fit.
    tables
        By role, in canonical units.
    """
    for role, table in tables.items():
        fitted[f"{TABLES}/{role}"] = _dataset(table)


def _dataset(table: pd.DataFrame) -> xr.Dataset:
    """Lay a table out as a dataset that netCDF can hold; missing text is told by a mask beside it.

    A column that netCDF could not name, as spreadsheets do, is numbered; all say their names themselves.
    """
    import xarray as xr

    columns: dict[str, Any] = {}
    for place, (name, values) in enumerate(table.items()):
        missing = values.isna().to_numpy()
        said: dict[str, Any] = {"column": str(name)}
        if values.dtype.kind in "fiu" and missing.any():
            held = values.to_numpy(dtype="float64", na_value=np.nan)
        elif values.dtype.kind in "fiu" or (values.dtype.kind == "b" and not missing.any()):
            held = values.to_numpy()
        else:
            held = np.where(missing, "", values.astype(object).to_numpy()).astype("U")
            said["missing"] = np.flatnonzero(missing).astype("int64")
        plain = str(name).isidentifier() and name != "row" and not str(name).startswith("column_")
        columns[str(name) if plain else f"column_{place}"] = ("row", held, said)
    described = describe_table(table)
    attrs = {key: str(value) for key, value in described.items() if value}
    return xr.Dataset(columns, attrs=attrs)


def _frame(stored: xr.Dataset) -> pd.DataFrame:
    """Take a table back from where :func:`with_tables` put it."""
    import pandas as pd

    columns = {}
    for variable, values in stored.data_vars.items():
        array, name = values.to_numpy(), str(values.attrs.get("column", variable))
        if array.dtype.kind in "fiub":
            columns[name] = pd.Series(array)
            continue
        text = array.astype(object)
        text[np.atleast_1d(values.attrs.get("missing", np.zeros(0, dtype="int64"))).astype("int64")] = None
        columns[name] = pd.Series(text, dtype="str")
    frame = pd.DataFrame(columns)
    frame.attrs = {key: stored.attrs[key] for key in ("name", "sha256", "citation", "licence") if key in stored.attrs}
    # Kept in canonical units, which is more than a frame of which nobody says so.
    frame.attrs["units"] = {name: QUANTITIES[name].unit for name in columns if name in QUANTITIES}
    return frame
