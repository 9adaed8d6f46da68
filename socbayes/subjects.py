"""The record of a subject: its tables, models and what stands beside them, for all who loop over subjects.

A subject is a folder of ``socbayes.models`` that says of itself, in a
:class:`Subject` called ``RECORD`` of its module ``record``, which models it has,
what they are built from and how they are shown. The command line, the demonstration,
the report, predictions, the joint model, benchmarks and calibration read records and
name no subject, so that a new one is written in its own folder.

Records are plain data and import nothing heavy: what stands beside the models
is found by the name of its module when it is first asked for. Each such module
is optional and holds one thing by model:

=============  ===============  ==========================================================================
module         holds            of
=============  ===============  ==========================================================================
``scenarios``  ``PREDICTORS``   what a fitted model predicts (:mod:`socbayes.scenarios.predict`)
``readings``   ``READINGS``     figures of a report, and the sentence under each (:mod:`socbayes.report.readings`)
``published``  ``PUBLISHED``    published numbers to set beside ours (:mod:`socbayes.published`)
``sharing``    ``SHARING``      parameters shared with other literatures (:mod:`socbayes.models.shared`)
``trials``     ``CALIBRATION``  small cases for calibration; also ``LEFT_OUT`` and ``COMPARED`` (``benchmarks/``)
=============  ===============  ==========================================================================

and its modules of figures, which :attr:`Subject.figures` names, export theirs in ``__all__``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from socbayes.errors import UnknownNameError
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

SUBJECTS = ("cue", "priming", "mcp", "joint", "field", "soil_incubation", "effects", "root_inputs")
"""Every subject: a folder of ``socbayes.models`` that has a ``record``."""


@dataclass(frozen=True)
class TableRole:
    """One table that a model is built from.

    Parameters
    ----------
    role
        Argument of ``build`` that takes it.
    schema
        Kind of table, as in :mod:`socbayes.vocabulary`.
    bundled
        Data set that is taken where the caller gives none; empty for none.
    required
        Whether the model cannot be built without it.
    """

    role: str
    schema: str
    bundled: str = ""
    required: bool = True


@dataclass(frozen=True)
class ModelRecord:
    """One model of a subject.

    Parameters
    ----------
    name
        Name of the model in fits, folders and on the command line.
    title
        Heading of a report.
    module
        Module that has its ``build``, ``PRIORS`` and ``QUANTITIES``.
    tables
        What it is built from, the main table first; none for a model that takes no table.
    limits
        What its data cannot say, whatever the numbers.
    baseline
        Model that it is set beside, and ``compared``, the variable that both observe.
    compared
        See ``baseline``.
    effort
        ``draws`` and ``tune`` of a fit to the bundled tables, where not the usual ones of
        :func:`socbayes.inference.fit.fit`.
    kept
        Variables of the bundled posterior beside its quantities: what figures and scenarios are made of. None
        where no posterior is bundled.
    demonstrated
        Comparisons of the demonstration, each settings by scenario, the reference first; empty for a model that is not
        part of it.
    options
        Arguments of ``build`` beside its tables and priors that the command line takes; one that ends in ``.NAME``
        is a mapping, and takes values by name.
    """

    name: str
    title: str
    module: str
    tables: tuple[TableRole, ...] = ()
    limits: tuple[str, ...] = ()
    baseline: str = ""
    compared: str = ""
    effort: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] | None = None
    demonstrated: tuple[Mapping[str, Mapping[str, Any]], ...] = ()
    options: tuple[str, ...] = ()

    def builder(self) -> Callable[..., pm.Model]:
        """Function ``build`` of its module."""
        found: Callable[..., pm.Model] = importlib.import_module(self.module).build
        return found

    def build(self, tables: Mapping[str, pd.DataFrame | None] | None = None, **options: Any) -> pm.Model:
        """Build the model from bundled tables, or from those given by role; None leaves one out.

        Parameters
        ----------
        tables
            By role, tables of the caller.
        **options
            Further arguments of ``build``.
        """
        from socbayes.datasets import load_dataset

        given = dict(tables or {})
        chosen = {
            one.role: given[one.role] if one.role in given else load_dataset(one.bundled) if one.bundled else None
            for one in self.tables
        }
        return self.builder()(**chosen, **options)


@dataclass(frozen=True)
class Subject:
    """One subject and its models.

    Parameters
    ----------
    name
        Name of its folder under ``socbayes.models``.
    title
        What it is about, as in a heading.
    models
        Its models, the baseline first.
    figures
        Its modules of figures, all of which :mod:`socbayes.plots` has by name.
    """

    name: str
    title: str
    models: tuple[ModelRecord, ...]
    figures: tuple[str, ...] = ("figures",)

    def part(self, name: str) -> ModuleType | None:
        """Module of the subject that stands beside its models, such as ``readings``; None where it has none.

        Parameters
        ----------
        name
            Name of the module.
        """
        module = f"socbayes.models.{self.name}.{name}"
        return importlib.import_module(module) if importlib.util.find_spec(module) else None


@cache
def subjects() -> tuple[Subject, ...]:
    """Every subject, in the order of :data:`SUBJECTS`.

    Examples
    --------
    >>> [subject.name for subject in subjects()][:3]
    ['cue', 'priming', 'mcp']
    """
    return tuple(importlib.import_module(f"socbayes.models.{name}.record").RECORD for name in SUBJECTS)


def model_records() -> dict[str, ModelRecord]:
    """Every model by name.

    Examples
    --------
    >>> model_records()["cue_process"].baseline
    'cue'
    """
    return {model.name: model for subject in subjects() for model in subject.models}


def model_record(name: str) -> ModelRecord:
    """Find the model called ``name``.

    Parameters
    ----------
    name
        Name of a model.

    Raises
    ------
    UnknownNameError
        With the nearest known name.

    Examples
    --------
    >>> model_record("mcp").title
    'Microbial carbon pump'
    """
    known = model_records()
    if name not in known:
        hint = nearest(name, list(known))
        message = f"no model named {name!r}" + (f"; did you mean {hint!r}?" if hint else ".")
        raise UnknownNameError(f"{message} Known models: {', '.join(known)}")
    return known[name]


def title_of(model: str) -> str:
    """Heading of a model; its name where it is the caller's.

    Parameters
    ----------
    model
        Name of a model.

    Examples
    --------
    >>> title_of("mcp"), title_of("mine")
    ('Microbial carbon pump', 'mine')
    """
    known = model_records()
    return known[model].title if model in known else model


def subject_of(model: str) -> Subject | None:
    """Subject that a model belongs to; None for a model of the caller's.

    Parameters
    ----------
    model
        Name of a model.

    Examples
    --------
    >>> subject_of("priming_process").name
    'priming'
    """
    return next((one for one in subjects() if any(record.name == model for record in one.models)), None)
