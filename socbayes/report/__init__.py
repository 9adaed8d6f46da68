"""One self-contained HTML page on fits and scenario comparisons.

``socbayes.report(fit, path="report.html")`` works although ``socbayes.report``
is also the package that holds the function: the package itself can be called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socbayes.inference.checks import Checks

__all__ = ["report"]


def report(
    *items: Any,
    path: str | os.PathLike[str],
    title: str | None = None,
    checks: Sequence[Checks] | None = None,
) -> Path:
    """Write one HTML page about fits, scenario comparisons, plans and credits.

    The page holds its pictures and its style, loads nothing from anywhere and
    needs no JavaScript. It appears whole or not at all.

    Parameters
    ----------
    *items
        Fits, scenario comparisons, projections of plans, credit sheets, what lasts of them
        (:func:`socbayes.scenarios.lasting`) and rankings of measurements, or lists of them; a ``ConvergenceError`` that
        was raised in the place of a projection or a sheet is shown as what was refused.
    path
        File to write; one that exists is replaced.
    title
        Heading of the page.
    checks
        Checks of the fits in their order, where they have been run already.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    SocbayesError
        For no items, or items of other kinds.

    Examples
    --------
    >>> import socbayes as sb
    >>> sb.report(fitted, gain, path="report.html")  # doctest: +SKIP
    """
    from socbayes.report.page import write

    return write(items, Path(path), title, checks)


class _CallableModule(ModuleType):
    """A package that is called like its function, whichever of the two ``socbayes.report`` resolves to."""

    def __call__(self, *items: Any, **options: Any) -> Path:
        return report(*items, **options)


sys.modules[__name__].__class__ = _CallableModule
