"""Submodules, and names of them, that are imported when they are first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def submodules(
    package: str, names: tuple[str, ...], of_submodules: Mapping[str, tuple[str, ...]] | None = None
) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package whose submodules need no import statement and cost nothing until used.

    Parameters
    ----------
    package
        Name of the package.
    names
        Its submodules.
    of_submodules
        By submodule, names of it that the package has as well.

    Examples
    --------
    >>> find = submodules("socbayes", ("errors",), {"files": ("replacing",)})
    >>> find("errors").__name__, find("replacing").__name__
    ('socbayes.errors', 'replacing')
    """
    homes = {name: home for home, those in (of_submodules or {}).items() for name in those}

    def find(name: str) -> Any:
        if name in homes:
            return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
