"""Sizes at which the models are calibrated, and how studies are left out of them: see ``benchmarks/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from socbayes.datasets import load_dataset
from socbayes.inference.calibration import few
from socbayes.inference.left_out import Case, Comparison, by_fold
from socbayes.models.mcp import baseline, process

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

    Made = tuple[pm.Model, dict[str, pd.Series | list[str]], list[str]]

EFFORT = {"draws": 900, "tune": 800}
"""Of the process model and its variants, whose draws are dear."""


def few_pairs() -> pm.Model:
    """Six studies of pairs and six of levels."""
    levels = load_dataset("necromass_levels")
    untreated = levels[levels["arm"] != "treatment"]
    return baseline.build(few(load_dataset("necromass_pairs"), 6, 5), levels=few(untreated, 6, 5))


def few_runs() -> pm.Model:
    """Five studies of four pairs, in half the steps: a model's own simulations know no finer ones."""
    return process.build(few(load_dataset("necromass_pairs"), 5, 4), steps=32)


def all_pairs() -> Made:
    """The baseline model; shares of necromass are of other studies than those left out, or of no use."""
    pairs, levels = load_dataset("necromass_pairs"), load_dataset("necromass_levels")
    model = baseline.build(pairs, levels=levels)
    return model, {"pair_log_ratio": pairs["study"]}, ["pair_study", "shared_control"]


def all_runs(**options: Any) -> Made:
    """The process model; the share of necromass of a study is left out with its pairs.

    Parameters
    ----------
    **options
        Arguments of ``build`` that make it a variant.
    """
    pairs, levels = load_dataset("necromass_pairs"), load_dataset("necromass_levels")
    model = process.build(pairs, levels, **options)
    groups = {"pair_log_ratio": pairs["study"], "log_share": [str(study) for study in model.coords["pair_study"]]}
    local = ["trial", "pair_study", "shared_control", "undated_study"]
    return model, groups, [dim for dim in local if dim in model.coords]


def _variant(label: str, **options: Any) -> Case:
    return Case(label, by_fold(lambda: all_runs(**options), 6), EFFORT)


def _fixed(name: str, at: float) -> dict[str, Any]:
    """A prior that leaves a parameter no choice."""
    return {name: ("Normal", {"mu": at, "sigma": 0.1})}


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"mcp": few_pairs, "mcp_process": few_runs}
LEFT_OUT = {
    "mcp": Case("baseline", by_fold(all_pairs, 6), {"draws": 5000, "tune": 1000}),
    "mcp_process": _variant("process"),
    "mcp_process_beta_1": _variant("turnover in proportion to biomass (beta 1)", beta=1.0),
    "mcp_process_forward": _variant("forward kinetics: pools saturate, not biomass", kinetics="forward"),
    "mcp_process_no_capacity": _variant("minerals without capacity", priors=_fixed("saturation", -6.0)),
    "mcp_process_first_order": _variant("depolymerisation without microbes", priors=_fixed("elasticity", -5.0)),
}
COMPARED = (
    Comparison("Microbial carbon pump", ("mcp", "mcp_process")),
    Comparison(
        "Microbial carbon pump, variants of the process model",
        tuple(name for name in LEFT_OUT if name.startswith("mcp_process")),
    ),
)
