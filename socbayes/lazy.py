"""Submodules that are imported when they are first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType


def submodules(package: str, names: tuple[str, ...]) -> Callable[[str], ModuleType]:
    """Make the ``__getattr__`` of a package whose submodules need no import statement and cost nothing until used.

    Parameters
    ----------
    package
        Name of the package.
    names
        Its submodules.

    Examples
    --------
    >>> find = submodules("socbayes", ("errors",))
    >>> find("errors").__name__
    'socbayes.errors'
    """

    def find(name: str) -> ModuleType:
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
