"""Units of a file that a description beside it states: ``datapackage.json``, as Frictionless Data has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DESCRIPTION = "datapackage.json"


def described_units(path: Path) -> dict[str, str]:
    """Return units by column, as a description in the folder of a file states them.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    dict
        Empty where nothing describes the file.

    Examples
    --------
    >>> described_units(Path("nowhere.csv"))
    {}
    """
    try:
        package: Any = json.loads((path.parent / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    resources = package.get("resources") if isinstance(package, dict) else None
    for resource in resources if isinstance(resources, list) else []:
        if isinstance(resource, dict) and resource.get("path") == path.name:
            schema = resource.get("schema")
            fields = schema.get("fields") if isinstance(schema, dict) else None
            return {
                str(field["name"]): field["unit"]
                for field in (fields if isinstance(fields, list) else [])
                if isinstance(field, dict) and "name" in field and isinstance(field.get("unit"), str) and field["unit"]
            }
    return {}
