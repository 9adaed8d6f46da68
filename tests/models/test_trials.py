"""What the benchmarks find of each subject."""

from __future__ import annotations

from pathlib import Path

from socbayes.inference.left_out import Case
from socbayes.subjects import model_records, subjects

DOCS = Path(__file__).parents[2] / "docs"
TRIALS = {subject.name: trials for subject in subjects() if (trials := subject.part("trials")) is not None}


def test_every_model_is_calibrated_and_every_result_has_a_case():
    cases = [name for trials in TRIALS.values() for name in trials.CALIBRATION]
    assert len(cases) == len(set(cases))
    assert set(model_records()) <= set(cases)
    assert {path.stem for path in (DOCS / "calibration").glob("*.json")} == {"toy", *cases}


def test_every_result_of_studies_left_out_has_a_case_that_is_compared():
    found = [trials for trials in TRIALS.values() if hasattr(trials, "LEFT_OUT")]
    cases = {name: case for trials in found for name, case in trials.LEFT_OUT.items()}
    assert all(isinstance(case, Case) for case in cases.values())
    assert {name for trials in found for one in trials.COMPARED for name in one.cases} == set(cases)
    assert {path.stem for path in (DOCS / "left_out" / "results").glob("*.nc")} <= set(cases)


def test_stored_posteriors_are_those_of_records():
    stored = [record for record in model_records().values() if record.kept is not None]
    folder = Path(__file__).parents[2] / "data" / "posteriors"
    assert {path.stem.rpartition("-")[0] for path in folder.glob("*.nc")} == {record.name for record in stored}
    assert all(record.baseline in model_records() for record in stored)
