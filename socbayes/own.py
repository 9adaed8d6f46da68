"""What a model of one's own says of itself, so that its fits are explained, checked by study and reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.spec import ModelSpec, attach
from socbayes.subjects import model_records
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm


def describe(
    model: pm.Model,
    name: str,
    *,
    question: str = "A model written by the caller.",
    quantities: Mapping[str, tuple[str, str]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
) -> pm.Model:
    """Attach to a PyMC model what it says of itself; its fits keep it.

    Priors are read from the model. Without this a fit is one of a model
    ``user``, whose numbers have no meaning in reports and verdicts.

    Parameters
    ----------
    model
        Whole, with its observed variables.
    name
        Of the model; not that of one of socbayes.
    question
        What the model is asked, in one sentence.
    quantities
        By variable, unit and meaning of what is to be reported; all variables without a meaning if left out.
    groups
        By kind, such as ``"study"``, the group of each observation: how well the mean of each is reproduced is then
        checked. The observed variable needs a named dimension of that length.
    tables
        By role, what the model was made of: they are kept with its fits.
    notes
        What was left out or assumed, in sentences.

    Returns
    -------
    pymc.Model
        The same model.

    Raises
    ------
    UnknownNameError
        For a quantity that is no variable of the model, with the nearest name.
    SocbayesError
        For a name that is taken, or groups that fit no observed variable.

    Examples
    --------
    >>> import numpy as np, pymc as pm
    >>> with pm.Model(coords={"obs": ["a", "b"]}) as model:
    ...     level = pm.Normal("level", 20.0, 10.0)
    ...     carbon = pm.Normal("carbon", level, 2.0, observed=np.array([18.0, 21.0]), dims="obs")
    >>> model = describe(model, "plain", quantities={"level": ("g/kg", "mean soil organic carbon")})
    >>> model.socbayes_spec.priors[0]["distribution"]
    'Normal(20, 10)'
    """
    if name in model_records() or not name.isidentifier():
        raise SocbayesError(f"{name!r} cannot name a model of yours: take a word of its own, such as 'litter_bags'")
    known = [variable.name for variable in [*model.free_RVs, *model.deterministics]]
    for quantity in quantities or {}:
        if quantity not in known:
            hint = nearest(quantity, known)
            raise UnknownNameError(
                f"the model has no variable {quantity!r}"
                + (f"; did you mean {hint!r}?" if hint else f"; it has {', '.join(known)}")
            )
    stated = dict(quantities) if quantities else dict.fromkeys(known, ("", ""))
    for kind, labels in (groups or {}).items():
        _group(model, kind, [str(label) for label in labels])
    spec = ModelSpec(
        model=name,
        question=question,
        quantities={key: {"unit": unit, "meaning": meaning} for key, (unit, meaning) in stated.items()},
        observed=tuple(variable.name for variable in model.observed_RVs),
        priors=tuple(_prior(variable) for variable in _top(model)),
        notes=tuple(notes),
    )
    attach(model, spec, tables)
    return model


def _top(model: pm.Model) -> list[Any]:
    """Parameters whose priors rest on no other parameter: what a user sets, not what is learned of groups."""
    from pytensor.graph.traversal import ancestors

    free = set(model.free_RVs)
    return [one for one in model.free_RVs if not (set(ancestors([one])) - {one}) & free]


def _prior(variable: Any) -> dict[str, str]:
    said = variable.str_repr() if hasattr(variable, "str_repr") else ""
    return {
        "parameter": variable.name,
        "distribution": said.partition("~")[2].strip() or type(variable.owner.op).__name__.removesuffix("RV"),
        "unit": "",
        "source": "the caller",
    }


def _group(model: pm.Model, kind: str, labels: list[str]) -> None:
    """Say of each observation which group it is of, as checks look it up: positions along a coordinate."""
    import pymc as pm

    dims = dict.fromkeys(
        dims[0]
        for variable in model.observed_RVs
        if len(dims := model.named_vars_to_dims.get(variable.name, ())) == 1
        and int(variable.shape.eval()[0]) == len(labels)
    )
    if not dims:
        raise SocbayesError(
            f"groups[{kind!r}] has {len(labels)} labels, and no observed variable has a named dimension of that "
            'length: give the observed variable one, as in dims="obs"'
        )
    names = list(dict.fromkeys(labels))
    if kind in model.coords:
        names = [str(label) for label in model.coords[kind] or ()]
        strange = [label for label in labels if label not in names]
        if strange:
            raise UnknownNameError(f"groups[{kind!r}] names {strange[0]!r}, which is no label of the model's {kind!r}")
    else:
        model.add_coord(kind, names)
    with model:
        if f"{kind}_place" not in model.named_vars:
            # The names travel with a fit by this variable, also where the model has no parameter of a group.
            pm.Data(f"{kind}_place", np.arange(len(names)), dims=kind)
        for dim in dims:
            if f"{kind}_of_{dim}" not in model.named_vars:
                pm.Data(f"{kind}_of_{dim}", np.array([names.index(label) for label in labels]), dims=dim)
