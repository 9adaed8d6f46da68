"""The observations behind a fit, where they come with socbayes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socbayes.spec import ModelSpec, describe_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def spec_of_fit(fitted: xr.DataTree) -> ModelSpec:
    """Specification kept with a fit; a bare one where there is none."""
    text = fitted.attrs.get("spec")
    if text:
        return ModelSpec.from_json(str(text))
    return ModelSpec(model=str(fitted.attrs.get("model", "user")), question="A model written by the caller.")


def table_of(fitted: xr.DataTree, role: str = "table") -> pd.DataFrame | None:
    """Table a fit was made of, if it is a bundled one and still the same.

    A fit keeps the hash of its data and not the data: figures that show single
    observations take a user's own table as an argument.
    """
    from socbayes.datasets import list_datasets, load_dataset

    described = spec_of_fit(fitted).tables.get(role, {})
    if described.get("name") not in set(list_datasets()["name"]):
        return None
    table = load_dataset(str(described["name"]))
    same = describe_table(table)["values_sha256"] == described.get("values_sha256")
    return table if same else None
