"""Sizes at which the models are calibrated, and how studies are left out of them: see ``benchmarks/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from socbayes.datasets import load_dataset
from socbayes.inference.calibration import few
from socbayes.inference.left_out import Case, Comparison, by_fold
from socbayes.models.cue import baseline, process

if TYPE_CHECKING:
    import pymc as pm


def few_rows() -> pm.Model:
    """Six studies of eight rows, without the temperature gradient."""
    return baseline.build(few(load_dataset("cue"), 6, 8))


def few_runs() -> pm.Model:
    """Six studies of six rows, three of which followed their label through time."""
    table = load_dataset("cue")
    followed = table.groupby("study")["incubation_time"].transform("nunique") > 3
    parts = [few(table[which], 3, 6) for which in (followed, ~followed)]
    return process.build(pd.concat(parts, ignore_index=True))


def all_rows(
    build: Callable[[pd.DataFrame], pm.Model], *local: str
) -> tuple[pm.Model, dict[str, pd.Series], list[str]]:
    """A model of all rows, the study of each and what studies have of their own.

    Parameters
    ----------
    build
        Builds the model.
    *local
        Dimensions that only this model has.
    """
    table = load_dataset("cue")
    own = ["study", "study_with_temperatures", "study_with_scatter", *local]
    return build(table), {"logit_cue": table["study"]}, own


CALIBRATION: dict[str, Callable[[], pm.Model]] = {"cue": few_rows, "cue_process": few_runs}
LEFT_OUT = {
    "cue": Case("baseline", by_fold(lambda: all_rows(baseline.build), 8)),
    "cue_process": Case(
        "process",
        by_fold(lambda: all_rows(process.build, "followed_study"), 8),
        {"draws": 1800, "tune": 700, "redraws": 1},
    ),
}
COMPARED = (Comparison("Carbon use efficiency", ("cue", "cue_process")),)
