"""Roots beside shoots: the share of root carbon that a structure's soil keeps over that of shoots.

Plants of a structure stand for shoots. Of the carbon of roots a share enters slow carbon at once, in the pools that the
structure declares as humified in :attr:`socbayes.core.structure.Structure.entries`; the rest enters as shoots do. As
for amendments, the share ``s`` follows from a humification coefficient of ``s + (1 - s) h`` in ICBM, whose plants have
``h`` = 0.125, so that the coefficient of roots over that of shoots is ``1 + s (1 - h) / h``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from socbayes.core.structure import INPUT, Driver, Flow, Names, Parameter, Structure, StructureError
from socbayes.structures.amendments import OF_PLANTS, Quality, pool_shares, takes_amendments
from socbayes.structures.forcing import roles_of

ROOT_INPUT = "root_input"
"""Driver of the part of the plant carbon that is of roots."""
ROOT_HUMIFIED = "root_humified"
"""Parameter: share of it that enters slow carbon at once."""
PUBLISHED_RATIO = 2.3
"""Humification coefficient of roots over that of shoots: Kätterer et al. 2011."""
ROOTS = Quality(
    PUBLISHED_RATIO * OF_PLANTS,
    0.7,
    0.0,
    "2.3 times that of shoots in ICBM at Ultuna (Kätterer et al. 2011, Agriculture, Ecosystems and Environment "
    "141:184-192); residence 2.4 times that of shoots (Rasse et al. 2005, Plant and Soil 269:341-356), both quoted "
    "without the originals at hand; its spread is assumed, as of amendments",
)
"""What becomes of root carbon, for all structures."""


def root_ratio(humified: Any) -> Any:
    """Humification coefficient of roots over that of shoots, in ICBM's sense, from the share humified at once.

    Parameters
    ----------
    humified
        Share, an array or a tensor.

    Examples
    --------
    >>> root_ratio(0.0), round(root_ratio(ROOTS.humified), 6)
    (1.0, 2.3)
    """
    return 1.0 + humified * ((1.0 - OF_PLANTS) / OF_PLANTS)


def tells_roots(structure: Structure) -> bool:
    """Whether carbon that is humified at once enters a structure elsewhere than carbon that is not.

    Parameters
    ----------
    structure
        Any structure.

    Examples
    --------
    >>> from socbayes.structures import get
    >>> tells_roots(get("rothc")), tells_roots(get("ger"))
    (True, False)
    """
    if not takes_amendments(structure):
        return False
    humified, *others = (pool_shares(structure.entries[name]) for name in ("humified", "labile", "resistant"))
    return any(humified != other for other in others)


def with_roots(structure: Structure, plant: Mapping[str, float] | None = None) -> Structure:
    """Structure in which a part of the plant carbon is of roots, and keeps more.

    Parameters
    ----------
    structure
        One that declares ``entries``.
    plant
        Shares of that carbon by driver of plants; by default those of the structure.

    Returns
    -------
    Structure
        With a driver ``root_input``, how much of the carbon of the drivers of plants is of roots, in their unit, and a
        parameter ``root_humified``. What enters in all is what entered before, whatever these are.

    Raises
    ------
    StructureError
        For a structure that does not say where humified carbon enters, or has no driver of plants.

    Examples
    --------
    >>> from socbayes.structures import get, simulate
    >>> run = simulate(with_roots(get("icbm")), {"carbon_input": 0.2, "root_input": 0.1},
    ...                {"root_humified": 0.5, "k1": 0.0, "k2": 0.0}, {"young": 0.0, "old": 0.0}, times=[1])
    >>> run["young"].to_numpy().ravel().round(3).tolist(), run["old"].to_numpy().ravel().round(3).tolist()
    ([0.15], [0.05])
    """
    if not takes_amendments(structure):
        raise StructureError(f"{structure.name} does not say where humified carbon enters: declare its entries")
    of_plants = dict(roles_of(structure).plant if plant is None else plant)
    if not of_plants:
        raise StructureError(f"{structure.name} has no driver of plant carbon")
    unit = next(driver.unit for driver in structure.drivers if driver.name in of_plants)

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        kept = p[ROOT_HUMIFIED] * u[ROOT_INPUT]
        every = {name: u[name] for name in structure.driver_names}
        rest = every | {name: u[name] - share * kept for name, share in of_plants.items()}
        # What plants would bring without roots less what they bring: in the unit of pools, whatever that of drivers.
        brought = (flow.rate for flow in structure.flows(x, p, Names("driver", every)) if flow.source == INPUT)
        humified: Any = 0.0
        for flow in structure.flows(x, p, Names("driver", rest)):
            if flow.source == INPUT:
                humified = humified + (next(brought) - flow.rate)
            yield flow
        for pool, share in pool_shares(structure.entries["humified"]).items():
            yield Flow(INPUT, pool, share * humified)

    meaning = "Carbon of roots within that of plants."
    share = Parameter(ROOT_HUMIFIED, "1", ROOTS.humified, ROOTS.source, 0.0, 1.0, "Share that enters slow carbon at "
                      "once.")  # fmt: skip
    return replace(
        structure,
        parameters=(*structure.parameters, share),
        drivers=(*structure.drivers, Driver(ROOT_INPUT, unit, meaning, 0.0, lower=0.0)),
        flows=flows,
        reports=None,
    )


__all__ = ["PUBLISHED_RATIO", "ROOTS", "ROOT_HUMIFIED", "ROOT_INPUT", "root_ratio", "tells_roots", "with_roots"]
