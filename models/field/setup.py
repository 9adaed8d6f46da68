"""What runs on field plots: a structure, the fractions it shows, and numbers that no table states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.field.equivalent import EQUAL_DEPTH, STOCKS_ON
from socbayes.structures import get, list_structures
from socbayes.structures.forcing import Roles, roles_of
from socbayes.structures.fractions import Fraction, fraction_weights

if TYPE_CHECKING:
    import xarray as xr

    from socbayes.core.structure import Structure


@dataclass(frozen=True, eq=False)
class Setup:
    """A structure and what the caller says of it.

    Parameters
    ----------
    structure
        What the plots run.
    fractions
        Pools, or weights by pool, of fractions that the structure does not declare.
    drivers
        Numbers for drivers that no field table states.
    parameters
        Numbers for parameters that are properties of the site, such as clay.
    stocks
        Of what soil stocks are: see :mod:`socbayes.models.field.equivalent`.
    """

    structure: Structure
    fractions: Mapping[str, Fraction] = field(default_factory=dict)
    drivers: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    stocks: str = EQUAL_DEPTH

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """Weight of every pool in every fraction that the structure can show; each (pool,)."""
        return fraction_weights(self.structure, self.fractions)

    @cached_property
    def roles(self) -> Roles:
        """Which driver of the structure takes what; exudates given as a number are those."""
        roles = roles_of(self.structure)
        if roles.exudate not in self.drivers:
            return roles
        plant = {name: share for name, share in roles.plant.items() if name != roles.exudate}
        return replace(roles, plant=plant, exudate="")

    @property
    def published(self) -> bool:
        """Whether the structure is a published one as it stands, which its name finds."""
        return self.structure.name in list_structures() and get(self.structure.name) is self.structure

    @property
    def choices(self) -> dict[str, Any]:
        """What a fit keeps of it, to run it again."""
        return {
            "structure": self.structure.name,
            "given_fractions": {
                name: dict(zip(self.structure.pools, self.weights[name].tolist(), strict=True))
                for name in self.fractions
            },
            "drivers": dict(self.drivers),
            "parameters": dict(self.parameters),
            "stocks": self.stocks,
        }


def setup_of(
    structure: str | Structure = "rothc",
    fractions: Mapping[str, Fraction] | None = None,
    drivers: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
    stocks: str = EQUAL_DEPTH,
) -> Setup:
    """Set up a structure, by name or of the caller's.

    Parameters
    ----------
    structure, fractions, drivers, parameters, stocks
        As for :func:`socbayes.models.field.build`.

    Raises
    ------
    SocbayesError
        For stocks of no soil that is known.

    Examples
    --------
    >>> setup_of("icbm").roles.plant
    {'carbon_input': 1.0}
    """
    of_drivers, of_site = (
        {name: float(value) for name, value in (given or {}).items()} for given in (drivers, parameters)
    )
    if stocks not in STOCKS_ON:
        raise SocbayesError(f"stocks={stocks!r} is not known; it is {' or '.join(map(repr, STOCKS_ON))}")
    chosen = get(structure) if isinstance(structure, str) else structure
    return Setup(chosen, dict(fractions or {}), of_drivers, of_site, stocks)


def setup_of_fit(fitted: xr.DataTree, structure: str | Structure | None = None) -> Setup:
    """What a fit of the field model runs.

    Parameters
    ----------
    fitted
        A fit of ``models.field``.
    structure
        The structure, where it is one of the caller's: a fit holds its name only.

    Raises
    ------
    SocbayesError
        If the fit is not one of field plots; if its structure is not a published one as it stands and is not given,
        or another one is.
    """
    facts = facts_of(fitted)
    choices = facts.spec.choices
    if "given_fractions" not in choices:
        raise SocbayesError(f"this is a fit of {facts.model!r}, not of field plots: give a fit of models.field")
    name, own = choices["structure"], "structure" in choices.get("callers_own", ())
    given = structure if structure is None or isinstance(structure, str) else structure.name
    if given not in (None, name):
        raise SocbayesError(f"the fit was made with structure {name}, but {given} is given")
    if own and (structure is None or isinstance(structure, str)):
        raise SocbayesError(f"the fit was made with a structure of your own, {name!r}: give it as structure=")
    found = setup_of(structure or name, choices["given_fractions"], choices["drivers"], choices["parameters"],
                     choices.get("stocks", EQUAL_DEPTH))  # fmt: skip
    if not own and not found.published:
        raise SocbayesError(f"the fit was made with {name} as published, not with the one given: leave structure= out")
    return found
