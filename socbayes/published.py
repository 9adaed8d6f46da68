"""Published results to set beside ours: cited facts, and the quantity of a fit each is compared with.

The numbers stand beside the models they are compared with: ``PUBLISHED`` of ``published`` in the folder of a subject.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.subjects import subject_of

if TYPE_CHECKING:
    import xarray as xr

type Draws = Callable[["xr.Dataset"], "xr.DataArray"]


@dataclass(frozen=True)
class Published:
    """One published number.

    Parameters
    ----------
    key
        Short name, unique within its subject.
    model
        Model whose fits it is compared with.
    what
        What the number is.
    value
        The number, in ``unit``.
    unit
        Unit of the number; ``"1"`` for a fraction or a log ratio.
    citation
        Where it was published.
    ours
        Takes a posterior and returns the draws to compare with.
    caveat
        Why the two need not agree.
    lower, upper
        Printed 95 % confidence limits, where there are any.
    role
        ``"estimate"``, or ``"maximum"`` for a limit that values stay below.
    """

    key: str
    model: str
    what: str
    value: float
    unit: str
    citation: str
    ours: Draws
    caveat: str
    lower: float | None = None
    upper: float | None = None
    role: str = "estimate"


def take(name: str, **labels: str) -> Draws:
    """Draws of one number of a posterior.

    Parameters
    ----------
    name
        Variable.
    **labels
        Where on its dimensions.
    """

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        return posterior[name].sel(labels)

    return ours


def percent(name: str, **labels: str) -> Draws:
    """Draws of a log ratio as change in percent.

    Parameters
    ----------
    name
        Variable.
    **labels
        Where on its dimensions.
    """

    def ours(posterior: xr.Dataset) -> xr.DataArray:
        change: Any = 100 * np.expm1(posterior[name].sel(labels))
        return change

    return ours


def published_of(model: str) -> tuple[Published, ...]:
    """Published numbers that fits of a model are compared with.

    Parameters
    ----------
    model
        Name of a model.

    Examples
    --------
    >>> [one.value for one in published_of("mcp") if one.key == "share_cropland"]
    [51.0]
    """
    subject = subject_of(model)
    part = None if subject is None else subject.part("published")
    return tuple(one for one in getattr(part, "PUBLISHED", ()) if one.model == model)
