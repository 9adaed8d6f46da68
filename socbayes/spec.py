"""What a model says about itself: enough to report it and to rebuild it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from socbayes.priors import Priors


@dataclass(frozen=True)
class ModelSpec:
    """Description of a built model, kept with every fit of it.

    Parameters
    ----------
    model
        Name of the model's module under ``socbayes.models``.
    question
        What the model is asked, in one sentence.
    tables
        By role: name, rows, studies, sha256, citation and licence of each table.
    quantities
        By variable: ``unit`` and ``meaning`` of each quantity of interest.
    observed
        Names of the observed variables, the main one first.
    priors
        One record per prior: parameter, distribution, unit, source.
    choices
        What the caller chose.
    notes
        What the builder left out or assumed on these data, in sentences.
    target_accept
        Acceptance that a sampler of this model should aim at, where the usual one is too low.
    adaptation
        Adaptation of the sampler's metric that suits this model.
    climbs
        Climbs to tops of the density before sampling; chains begin at the highest. 0 for none.
    """

    model: str
    question: str
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    quantities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    observed: tuple[str, ...] = ()
    priors: tuple[Mapping[str, str], ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    target_accept: float | None = None
    adaptation: str = "diag"
    climbs: int = 0

    def to_json(self) -> str:
        """The specification as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read back what :meth:`to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {name: tuple(values[name]) for name in ("observed", "priors", "notes")})


def describe_table(table: pd.DataFrame) -> dict[str, Any]:
    """Name, size, hash, citation and licence of a table, for a :class:`ModelSpec`.

    The hash is the one of the file when the table came through
    ``load_dataset`` unchanged, otherwise of the values in the frame.
    """
    import pandas as pd

    digest = hashlib.sha256(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()).hexdigest()
    return {
        "name": str(table.attrs.get("name") or table.attrs.get("source") or "table given by the caller"),
        "rows": len(table),
        "studies": int(table["study"].nunique()) if "study" in table else None,
        "sha256": str(table.attrs.get("sha256", digest)),
        "values_sha256": digest,
        "citation": str(table.attrs.get("citation", "")),
        "licence": str(table.attrs.get("licence", "")),
    }


def attach(model: Any, spec: ModelSpec, tables: Mapping[str, pd.DataFrame] | None = None) -> None:
    """Keep ``spec`` with the model it describes, and the tables it was made of, by role, for its fits.

    The specification describes every table of ``tables`` that it does not describe already, and says what their
    notes say, each once.
    """
    given = dict(tables or {})
    described = {role: describe_table(table) for role, table in given.items()} | dict(spec.tables)
    notes = dict.fromkeys([*(note for table in given.values() for note in notes_of(table)), *spec.notes])
    model.socbayes_spec = replace(spec, tables=described, notes=tuple(notes))
    model.socbayes_tables = given


def notes_of(table: pd.DataFrame) -> list[str]:
    """What was understood, converted or not used when a table was read; nothing where nobody says.

    Parameters
    ----------
    table
        Such as :func:`socbayes.read_table` returns, with sentences in ``attrs["notes"]``.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame()
    >>> table.attrs["notes"] = ["2 empty rows are left out."]
    >>> notes_of(table), notes_of(pd.DataFrame())
    (['2 empty rows are left out.'], [])
    """
    notes = table.attrs.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list | tuple) else []


def spec_of(model: Any) -> ModelSpec:
    """Specification of a model; a plain one for a model written by hand."""
    spec = getattr(model, "socbayes_spec", None)
    if spec is None:
        spec = ModelSpec(
            model="user",
            question="A model written by the caller.",
            observed=tuple(variable.name for variable in model.observed_RVs),
            quantities={
                variable.name: {"unit": "", "meaning": ""} for variable in [*model.free_RVs, *model.deterministics]
            },
        )
    return spec


def prior_records(priors: Priors) -> tuple[dict[str, str], ...]:
    """Priors used by a model as records for a :class:`ModelSpec`."""
    table = priors.table().reset_index()
    return tuple({str(key): str(value) for key, value in record.items()} for record in table.to_dict("records"))


def joined(names: Sequence[str]) -> str:
    """Names as a readable list: ``a, b and c``."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
