"""Published models of soil organic carbon, one file each.

>>> sorted(list_structures())[:3]
['amg', 'awb', 'awb_eca']
>>> get("icbm").pools
('young', 'old')
"""

from __future__ import annotations

import importlib

from socbayes.core.doors import look_up_with
from socbayes.core.structure import Structure, unknown
from socbayes.errors import UnknownNameError
from socbayes.structures.simulate import simulate

_WHERE = {
    "amg": ("amg", "amg"),
    "awb": ("enzymes", "awb"),
    "awb_eca": ("enzymes", "awb_eca"),
    "century": ("century", "century"),
    "century_millennial": ("century", "century_millennial"),
    "con": ("enzymes", "con"),
    "corpse": ("corpse", "corpse"),
    "corpse_daily": ("corpse", "corpse_daily"),
    "ctool": ("ctool", "ctool"),
    "ger": ("enzymes", "ger"),
    "icbm": ("icbm", "icbm"),
    "mcp": ("mcp", "mcp"),
    "mcp_forward": ("mcp", "mcp_forward"),
    "mend": ("mend", "mend"),
    "millennial": ("millennial", "millennial"),
    "millennial_eca": ("millennial", "millennial_eca"),
    "millennial_lin": ("millennial", "millennial_lin"),
    "mimics": ("mimics", "mimics"),
    "mimics_forward": ("mimics", "mimics_forward"),
    "rothc": ("rothc", "rothc"),
    "somic": ("somic", "somic"),
    "two_pool_feedback": ("two_pool", "two_pool_feedback"),
    "two_pool_parallel": ("two_pool", "two_pool_parallel"),
    "two_pool_series": ("two_pool", "two_pool_series"),
    "yasso15": ("yasso", "yasso15"),
    "yasso20": ("yasso", "yasso20"),
}


def list_structures() -> tuple[str, ...]:
    """Names that :func:`get` understands."""
    return tuple(_WHERE)


def get(name: str) -> Structure:
    """Structure called ``name``.

    Parameters
    ----------
    name
        One of :func:`list_structures`.

    Raises
    ------
    UnknownNameError
        With the nearest known name.

    Examples
    --------
    >>> get("rothc").time_unit
    'month'
    """
    if name not in _WHERE:
        raise UnknownNameError(unknown("structure", name, _WHERE))
    module, attribute = _WHERE[name]
    structure: Structure = getattr(importlib.import_module(f"socbayes.structures.{module}"), attribute)
    return structure


look_up_with(get)

__all__ = ["get", "list_structures", "simulate"]
