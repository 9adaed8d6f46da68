"""Records say what is there, and whoever loops over subjects names none."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from socbayes.datasets import list_datasets, load_dataset
from socbayes.inference.stored import VERSION, load_posterior
from socbayes.models.joint.model import sharings
from socbayes.models.shared import SHARED
from socbayes.published import published_of
from socbayes.scenarios.draws import Draws
from socbayes.scenarios.predict import predictors
from socbayes.structures import list_structures
from socbayes.subjects import SUBJECTS, model_record, model_records, subject_of, subjects
from socbayes.table import validate_table
from socbayes.vocabulary import SCHEMAS

ROOT = Path(__file__).parents[1]
RECORDS = list(model_records().values())
STORED = [record for record in RECORDS if record.kept is not None]

#: Where a name of a model may stand outside the folder of its subject: the list of subjects; the words of tables, some
#: of which are called like a model; and structures of the core, one of which is.
FREE = ("socbayes/subjects.py", "socbayes/vocabulary.py", "socbayes/core/*", "socbayes/structures/*")


def named(record):
    return record.name


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_model_is_what_its_record_says(record):
    module = importlib.import_module(record.module)
    assert record.title
    assert module.PRIORS
    assert len(module.prior_table()) == len(module.PRIORS)
    arguments = list(inspect.signature(record.builder()).parameters)
    roles = [one.role for one in record.tables]
    assert arguments[: len(roles)] == roles
    assert {option.partition(".")[0] for option in record.options} <= set(arguments[len(roles) :])
    assert set(record.effort) <= {"draws", "tune"}


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_tables_of_a_record_are_there(record):
    bundled = list_datasets().set_index("name")
    for one in record.tables:
        assert one.schema in SCHEMAS
        if one.bundled:
            assert one.bundled in bundled.index
            assert validate_table(load_dataset(one.bundled), one.schema) == []
    required = [one.required for one in record.tables]
    assert required == sorted(required, reverse=True), "the main table comes first, and what may be left out last"


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_model_is_set_beside_one_of_its_own_subject(record):
    if record.baseline:
        assert subject_of(record.baseline) is subject_of(record.name)
        assert record.baseline == subject_of(record.name).models[0].name
    assert bool(record.compared) <= bool(record.baseline)


@pytest.mark.parametrize("record", STORED, ids=named)
def test_stored_posteriors_hold_what_their_records_keep(record):
    assert (ROOT / "data" / "posteriors" / f"{record.name}-{VERSION}.nc").exists()
    assert set(record.kept) <= set(load_posterior(record.name)["posterior"].data_vars)


def test_names_of_models_and_folders_are_unique():
    names = [record.name for subject in subjects() for record in subject.models]
    assert len(names) == len(set(names))
    folders = {path.parent.name for path in (ROOT / "models").glob("*/record.py")}
    assert folders == set(SUBJECTS)


@pytest.mark.parametrize("subject", subjects(), ids=lambda subject: subject.name)
def test_what_stands_beside_models_is_of_models_of_the_subject(subject):
    own = {record.name for record in subject.models}
    parts = {"readings": "READINGS", "scenarios": "PREDICTORS", "sharing": "SHARING"}
    for part, name in parts.items():
        assert set(getattr(subject.part(part), name, {})) <= own
    published = getattr(subject.part("published"), "PUBLISHED", ())
    assert {one.model for one in published} <= own
    assert sum(len(published_of(name)) for name in own) == len(published)
    for module in subject.figures:
        part = subject.part(module)
        assert part is not None, f"{subject.name} has no module {module}"
        assert all(callable(getattr(part, name)) for name in part.__all__)


@pytest.mark.parametrize("record", [record for record in RECORDS if record.demonstrated], ids=named)
def test_demonstrated_scenarios_are_settings_of_the_predictor(record):
    taken = set(list(inspect.signature(predictors()[record.name]).parameters)[1:])
    for comparison in record.demonstrated:
        assert all(set(settings) <= taken for settings in comparison.values())


@pytest.mark.parametrize("predictor", predictors().values(), ids=predictors().keys())
def test_predictors_say_what_they_take(predictor):
    first, *settings = inspect.signature(predictor).parameters.values()
    assert first.name == "draws"
    assert all(one.kind is one.KEYWORD_ONLY for one in settings)
    assert "\nParameters\n---" in inspect.getdoc(predictor)


@pytest.mark.parametrize("model", sharings())
def test_what_a_literature_shares_are_shared_parameters(model):
    sharing = sharings()[model]
    priors = {prior.name: prior.parameters for prior in sharing.priors}
    drawn = {name: np.full(3, priors[name]["mu"]) for name in sharing.used}
    found = sharing.shared(drawn)
    assert set(found) <= set(SHARED)
    assert all(np.isfinite(values).all() and values.shape == (3,) for values in found.values())


def test_draws_know_names_and_noise():
    posterior = xr.Dataset({"level": (("chain", "draw", "method"), np.zeros((2, 5, 1)))}, coords={"method": ["a"]})
    draws = Draws(xr.DataTree.from_dict({"posterior": posterior}), seed=1)
    assert draws("level", method="a").shape == (10,)
    assert "level" in draws
    assert draws.has("level", "method", "a")
    assert not draws.has("level", "method", "b")
    assert draws.labels("method") == ["a"]
    assert draws.labels("study") == []
    one, other = draws.of_row(None, "here", 0), draws.of_row(None, "there", 1)
    for shared, same in (("study", False), ("row", False), ("all", True)):
        assert one.noise("level", shared).shape == (10,)
        assert (one.noise("level", shared) == other.noise("level", shared)).all() == same
        assert (one.noise("level", shared) != one.noise("slope", shared)).all()


def test_a_subject_without_a_part_has_none():
    assert model_record("soil_incubation").baseline == ""
    assert subject_of("soil_incubation").part("published") is None
    assert subject_of("a model of mine") is None


def literals(path: Path) -> set[str]:
    """Text of a module that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    }


@pytest.mark.parametrize("subject", SUBJECTS)
def test_nobody_outside_its_folder_names_a_model(subject):
    """What loops over subjects needs no change for a new one."""
    names = {record.name for record in RECORDS if subject_of(record.name).name == subject}
    paths = [*ROOT.glob("socbayes/**/*.py"), *ROOT.glob("models/**/*.py")]
    found = {}
    for path in paths:
        place = path.relative_to(ROOT)
        if place.parts[:2] == ("models", subject) or any(place.match(pattern) for pattern in FREE):
            continue
        # A model of any subject may be built on a structure that is called like a model.
        allowed = set(list_structures()) if place.parts[0] == "models" else set()
        if here := literals(path) & (names - allowed):
            found[str(place)] = here
    assert not found


def test_figures_of_subjects_have_names_of_their_own():
    """``socbayes.plots`` finds figures by name alone."""
    names = [name for subject in subjects() for module in subject.figures for name in subject.part(module).__all__]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_specification_has_the_name_of_its_record(record):
    """Readings and predictors are found by it."""
    assert record.name in literals(Path(inspect.getfile(record.builder())))
