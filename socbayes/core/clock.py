"""Steps of unequal length, and of another length at every site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from socbayes.core.structure import Driver, Flow, Structure, StructureError

CLOCK = "step_length"


def with_clock(structure: Structure) -> Structure:
    """Structure whose driver rows last as long as the driver ``step_length`` says.

    After a pulse of substrate everything happens within a day and then little
    for weeks; and one experiment lasts an hour, the next half a year. With a
    length per row and site all of them run side by side in few steps.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Structure
        With the compulsory driver ``step_length``, in the structure's time
        unit. Integrate it with ``interval=1``: times of output count rows.

    Notes
    -----
    Flows are multiplied by the length, so every scheme keeps what it promises.
    Inputs stay rates: a pulse is its amount over the length of its row.

    Examples
    --------
    >>> import numpy as np
    >>> from socbayes.core import integrate
    >>> from socbayes.structures import get
    >>> quick = with_clock(get("icbm"))
    >>> lengths = np.geomspace(0.01, 2.0, 12)  # years
    >>> out = integrate(quick, [0.3, 4.0], drivers={"step_length": lengths}, times=[0, 12], scheme="rk4", steps=4)
    >>> out.eval().shape
    (2, 1, 3)
    """
    if structure.discrete:
        raise StructureError(
            f"{structure.name}: its flows are the change over a step of {structure.step:g} {structure.time_unit}, "
            "so its rows cannot last longer or shorter"
        )
    if CLOCK in (driver.name for driver in structure.drivers):
        raise StructureError(f"{structure.name} has a clock already")

    def flows(x: Any, p: Any, u: Any) -> Iterator[Flow]:
        for flow in structure.flows(x, p, u):
            yield replace(flow, rate=flow.rate * u[CLOCK])

    return replace(
        structure,
        name=f"{structure.name}, own clock",
        drivers=(*structure.drivers, Driver(CLOCK, structure.time_unit, "Length of the driver row.", lower=0.0)),
        flows=flows,
        step=1.0,
        month_steps=None,  # a row is no month
    )
