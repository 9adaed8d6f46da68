"""Plots on which the model is calibrated: see ``benchmarks/calibrate.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from socbayes.datasets import load_dataset
from socbayes.models.field import build

if TYPE_CHECKING:
    import pymc as pm


def three_plots(**options: Any) -> pm.Model:
    """Total carbon of the three plots of one trial, with two pools.

    Parameters
    ----------
    **options
        Further arguments of ``build``.
    """
    obs, management = (
        table[table["study"] == "Tarlee"].reset_index(drop=True)
        for table in (load_dataset("field_soc"), load_dataset("field_management"))
    )
    obs = obs.drop(columns=["humus_carbon_stock", "resistant_carbon_stock"])
    return build(obs, management, structure="icbm", **options)


def four_plots() -> pm.Model:
    """Four plots of a ley-arable trial since 1980, two of which change their treatment twice, with two pools."""
    obs, management = (
        table[table["study"] == "Highfield ley-arable"]
        for table in (load_dataset("field_soc"), load_dataset("field_management"))
    )
    plots = [f"Highfield {plot}" for plot in ("07/08", "09/10", "41/42", "43/44")]
    kept = obs["plot"].isin(plots) & (obs["year"] > 1980)
    return build(obs[kept].reset_index(drop=True), management, structure="icbm")


CALIBRATION: dict[str, Callable[[], pm.Model]] = {
    "field": three_plots,
    "field_noise": lambda: three_plots(process_noise=True),
    "field_treatments": four_plots,
}
