"""How a check names what was observed, and the numbers of a fit."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from socbayes.facts import facts_of

if TYPE_CHECKING:
    import xarray as xr

NAMED = 5
"""How many culprits a sentence or a figure names."""


def label(name: str) -> str:
    """Name of an observed variable for a reader, with the scale it is on.

    Parameters
    ----------
    name
        Name of the variable.

    Examples
    --------
    >>> label("logit_cue")
    'cue (logit scale)'
    >>> label("log_response_ratio")
    'response ratio (log scale)'
    >>> label("soil_organic_carbon")
    'soil organic carbon'
    """
    for prefix, scale in (("logit_", "logit"), ("log_", "log"), ("log10_", "log10")):
        if name.startswith(prefix):
            return f"{name.removeprefix(prefix).replace('_', ' ')} ({scale} scale)"
    return name.replace("_", " ")


def main_observed(fitted: xr.DataTree, group: str) -> list[str]:
    """Observed variables of interest that a group holds, the main one first.

    Parameters
    ----------
    fitted
        A fit.
    group
        Name of the group.
    """
    held = [str(name) for name in fitted[group].data_vars]
    return [name for name in facts_of(fitted).spec.observed if name in held] or held


def coordinate(values: xr.DataArray, place: int) -> str:
    """Label of the number at a flat position.

    Parameters
    ----------
    values
        Numbers with coordinates.
    place
        Position among them, laid flat.
    """
    where = np.unravel_index(place, values.shape)
    parts = [
        str(values[dim].to_numpy()[index]) if dim in values.coords else f"{dim} {index}"
        for dim, index in zip(values.dims, where, strict=True)
    ]
    return ", ".join(parts)


def chain_numbers(fitted: xr.DataTree) -> list[int]:
    """Number of each chain in its run, of which some may be missing when it was cut short.

    Parameters
    ----------
    fitted
        A fit.
    """
    return [int(number) for number in fitted["posterior"].to_dataset()["chain"].to_numpy()]


def meaning_of(fitted: xr.DataTree, name: str) -> str:
    """Say what a variable of a fit is, or which quantity it works for, as what follows its name; maybe nothing.

    Parameters
    ----------
    fitted
        A fit.
    name
        Variable of its posterior.

    Examples
    --------
    >>> from socbayes.inference.stored import load_posterior
    >>> meaning_of(load_posterior("cue_process"), "log_uptake_half")
    ', a working number behind log_uptake (parameter with the prior Normal(mu=2.1, sigma=0.7))'
    """
    spec = facts_of(fitted).spec
    known = {
        str(key): ", ".join(part for part in (one.get("meaning", ""), _unit(one.get("unit", ""))) if part)
        for key, one in spec.quantities.items()
    }
    for record in spec.priors:
        parameter = record.get("parameter", "")
        if not known.get(parameter):
            known[parameter] = f"parameter with the prior {record.get('distribution', '?')}"
    if known.get(name):
        return f" ({known[name]})"
    held = [str(other) for other in fitted["posterior"].data_vars]
    bases = [base for base in {*known, *held} if base and name.startswith(f"{base}_")]
    if not bases:
        return ""
    base = max(bases, key=len)
    said = f" ({known[base]})" if known.get(base) else ""
    return f", a working number behind {base}{said}"


def _unit(unit: str) -> str:
    return "" if unit in ("", "1") else unit


@contextmanager
def silent() -> Iterator[None]:
    """Silence what ArviZ warns of and a check says in its own words."""
    logger = logging.getLogger("arviz_stats")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)
