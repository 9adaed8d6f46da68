"""Whatever lies where a run should be: one line says what it is and what to do, and never a library's error."""

from __future__ import annotations

import json
import logging
import shutil
import warnings

import numpy as np
import pytest
import xarray as xr
from toy import toy_table
from typer.testing import CliRunner

from socbayes.cli import app
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of, with_tables
from socbayes.files import write_text
from socbayes.inference import runs
from socbayes.inference.fit import resume
from socbayes.spec import ModelSpec

SETTINGS = {
    "draws": 40,
    "tune": 20,
    "chains": 2,
    "cores": 1,
    "seed": 1,
    "target_accept": 0.9,
    "adaptation": "diag",
    "data": "",
    "climbs": 0,
}
SPEC = ModelSpec("user", "What is it?", observed=("value",))


def good() -> xr.DataTree:
    values = np.random.default_rng(1).normal(size=(2, 40))
    coords = {"chain": [0, 1], "draw": np.arange(40)}
    posterior = xr.Dataset({"a": (("chain", "draw"), values)}, coords=coords)
    statistics = xr.Dataset(
        {"energy": (("chain", "draw"), values), "diverging": (("chain", "draw"), values > 9)}, coords=coords
    )
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics})
    tree.attrs = {
        "spec": SPEC.to_json(),
        "model": "user",
        "complete": 1,
        "seed": 1,
        "draws": 40,
        "tune": 20,
        "chains": 2,
    }
    return tree


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A finished run and one that was cut short, to be copied and damaged."""
    folder = tmp_path_factory.mktemp("originals")
    finished, short = folder / "finished", folder / "short"
    finished.mkdir()
    short.mkdir()
    tree = good()
    runs.gate(tree)
    runs.save(tree, finished / "fit.nc")
    write_text(short / "spec.json", SPEC.to_json())
    write_text(short / "settings.json", json.dumps(SETTINGS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        good().to_zarr(short / "draws.zarr", consolidated=False)
    tables = xr.DataTree()
    with_tables(tables, {"table": toy_table()})
    runs.save(tables, short / "tables.nc")
    return folder


@pytest.fixture
def finished(originals, tmp_path):
    return shutil.copytree(originals / "finished", tmp_path / "run")


@pytest.fixture
def short(originals, tmp_path):
    return shutil.copytree(originals / "short", tmp_path / "run cut short")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, "socbayes")


def refused(act, *, names="run"):
    """What is said when something is refused: one line that names the place."""
    with pytest.raises(SocbayesError) as caught:
        act()
    said = str(caught.value)
    assert "\n" not in said
    assert names in said
    assert len(said) < 700
    return said


def test_the_originals_are_sound(finished, short):
    assert runs.load(finished).attrs["model"] == "user"
    assert runs.open_run(short).attrs["complete"] == 0


def cut(share):
    return lambda content: content[: int(share * len(content))]


@pytest.mark.parametrize(
    "damage",
    [
        cut(0.0),
        lambda content: content[:1],
        lambda content: content[:100],
        cut(0.5),
        cut(0.95),
        lambda content: content[::-1],
        lambda content: b"\0" * len(content),
        lambda content: b"not a file of numbers",
        lambda content: b'{"a": 1}',
        lambda content: b"PK\x03\x04" + content[4:],
        lambda content: b"CDF\x01" + content[4:200],
        lambda content: b"\x89HDF\r\n\x1a\n" + content[8:60],
    ],
    ids=[
        "emptied",
        "a byte",
        "100 bytes",
        "half",
        "95 %",
        "turned",
        "zeros",
        "text",
        "json",
        "zip",
        "classic",
        "header",
    ],
)
def test_a_damaged_file_of_a_fit_is_one_line(damage, finished):
    file = finished / "fit.nc"
    file.write_bytes(damage(file.read_bytes()))
    for act in (
        lambda: runs.load(finished),
        lambda: runs.load(file),
        lambda: runs.open_run(finished),
        lambda: resume(finished),
    ):
        assert "damaged" in refused(act, names="fit.nc")


def other_trees():
    one, values = good(), np.zeros((2, 40))
    pairs = ("chain", "draw")
    stats, posterior = one["sample_stats"].to_dataset(), one["posterior"].to_dataset()

    def tree(posterior=posterior, stats=stats):
        return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})

    return {
        "of another library": xr.DataTree(xr.Dataset({"rain": (("lat", "lon"), values)})),
        "only tables": xr.DataTree.from_dict({"tables": xr.Dataset({"clay": ("row", [1.0])})}),
        "no posterior": xr.DataTree.from_dict({"sample_stats": stats}),
        "no statistics": xr.DataTree.from_dict({"posterior": posterior}),
        "an empty posterior": tree(posterior[[]]),
        "text for draws": tree(xr.Dataset({"a": (pairs, np.full((2, 40), "x"))})),
        "draws without chains": tree(xr.Dataset({"a": ("draw", values[0])})),
        "draws turned": tree(posterior.transpose("draw", "chain")),
        "one chain's dimension": tree(posterior.isel(draw=0, drop=True)),
        "no energy": tree(stats=stats[["diverging"]]),
        "no divergences": tree(stats=stats[["energy"]]),
        "statistics of fewer draws": tree(stats=stats.isel(draw=slice(0, 30))),
        "statistics of one chain": tree(stats=stats.isel(chain=[0])),
        "no draws": tree(posterior.isel(draw=slice(0, 0)), stats.isel(draw=slice(0, 0))),
        "thinned, without draws": xr.DataTree(xr.Dataset(attrs={"thinned_from": 500})),
    }


@pytest.mark.parametrize("kind", list(other_trees()))
def test_another_netcdf_file_is_no_fit(kind, finished):
    runs.save(other_trees()[kind], finished / "fit.nc")
    for act in (lambda: runs.load(finished), lambda: resume(finished)):
        refused(act, names="fit.nc")


SPEC_DAMAGES = {
    "not JSON": "{",
    "a list": '["cue"]',
    "a number": "3",
    "null": "null",
    "text": '"cue"',
    "nothing in it": "{}",
    "an entry of a later version": SPEC.to_json().replace('"model"', '"colour": 1, "model"', 1),
    "no observed": json.dumps({k: v for k, v in json.loads(SPEC.to_json()).items() if k != "observed"}),
    "no model": json.dumps({k: v for k, v in json.loads(SPEC.to_json()).items() if k != "model"}),
    **{
        f"{name} is {value!r}": json.dumps(json.loads(SPEC.to_json()) | {name: value})
        for name, value in (
            ("model", 3),
            ("question", None),
            ("tables", []),
            ("tables", {"table": "cue"}),
            ("quantities", ["a"]),
            ("quantities", {"a": 1}),
            ("observed", 3),
            ("observed", [1, 2]),
            ("priors", ["normal"]),
            ("choices", "none"),
            ("notes", [None]),
        )
    },
}
ATTRS = {
    **{f"spec {name}": {"spec": text} for name, text in SPEC_DAMAGES.items()},
    "failures no JSON": {"failures": "[R-hat"},
    "failures a record": {"failures": '{"a": "b"}'},
    "failures numbers": {"failures": "[1, 2]"},
    "versions a list": {"versions": '["pymc"]'},
    "versions numbers": {"versions": '{"pymc": 6}'},
    "missing a list": {"missing": '["log_likelihood"]'},
    "continued a record": {"continued": '{"chain": "0"}'},
    "converged NaN": {"converged": np.nan},
    "converged text": {"converged": "yes"},
    "complete NaN": {"complete": np.nan},
    "complete infinite": {"complete": np.inf},
    "complete two numbers": {"complete": np.array([1, 0])},
    "seed text": {"seed": "one"},
    "draws NaN": {"draws": np.nan},
    "chains two numbers": {"chains": np.array([2, 2])},
}


@pytest.mark.parametrize("attrs", ATTRS.values(), ids=ATTRS)
def test_a_fit_that_says_nonsense_of_itself_is_one_line(attrs, finished):
    tree = runs.load(finished)
    tree.attrs |= attrs
    runs.save(tree, finished / "fit.nc")
    assert "says of itself is damaged" in refused(lambda: runs.load(finished), names="fit.nc")


@pytest.mark.parametrize(
    "attrs", [{"max_r_hat": "good"}, {"divergences": None}, {"min_ess_bulk": "many"}, {"converged": None}], ids=str
)
def test_a_verdict_without_its_numbers_is_judged_anew(attrs, finished):
    tree = runs.load(finished)
    tree.attrs |= {name: value for name, value in attrs.items() if value is not None}
    for name in [name for name, value in attrs.items() if value is None]:
        del tree.attrs[name]
    runs.save(tree, finished / "fit.nc")
    again = runs.load(finished)
    assert facts_of(again).judged
    assert again.attrs["max_r_hat"] > 0
    assert again.attrs["divergences"] == 0


FILES = ("spec.json", "settings.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"null", b'"cue"', b"{}", b"\xff\xfe\x00", b'{"draws": 40}', b"{'draws': 40}"],
    ids=repr,
)
def test_a_damaged_description_of_a_run_is_one_line(name, content, short):
    (short / name).write_bytes(content)
    refused(lambda: resume(short), names=name)
    if name == "spec.json":
        refused(lambda: runs.open_run(short), names=name)
    else:
        assert runs.open_run(short).posterior.sizes["draw"] == 40, "its draws are read all the same"


@pytest.mark.parametrize("text", SPEC_DAMAGES.values(), ids=SPEC_DAMAGES)
def test_a_specification_that_is_none_is_one_line(text, short):
    (short / "spec.json").write_text(text, encoding="utf-8")
    for act in (lambda: resume(short), lambda: runs.open_run(short)):
        refused(act, names="spec.json")


@pytest.mark.parametrize(
    "changed",
    [{"draws": "40"}, {"draws": 0}, {"draws": 4.5}, {"tune": None}, {"chains": [2]}, {"chains": True}, {"seed": -1},
     {"seed": 1.0}, {"cores": 0}, {"target_accept": 2}, {"target_accept": "high"}, {"adaptation": "none"},
     {"most_draws": 0}, {"most_draws": 50.5}, {"most_minutes": "2"}, {"most_minutes": 0}],
    ids=str,
)  # fmt: skip
def test_settings_of_a_wrong_kind_are_one_line(changed, short):
    write_text(short / "settings.json", json.dumps(SETTINGS | changed))
    refused(lambda: resume(short), names="settings.json")


@pytest.mark.parametrize("name", [*FILES, "draws.zarr", "tables.nc"])
def test_what_is_missing_from_a_run_is_said(name, short):
    path = short / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    refused(lambda: resume(short))
    if name == "draws.zarr":
        assert "no draws yet" in refused(lambda: runs.open_run(short))


@pytest.mark.parametrize("name", [*FILES, "tables.nc", "fit.nc"])
def test_a_folder_where_a_file_should_be_is_one_line(name, short):
    (short / name).unlink(missing_ok=True)
    (short / name).mkdir()
    refused(lambda: resume(short))


def remove(*parts):
    return lambda store: shutil.rmtree(store.joinpath(*parts))


def overwrite(content, *parts):
    def act(store):
        path = store.joinpath(*parts)
        path.write_bytes(content(path.read_bytes()) if callable(content) else content)

    return act


def replaced(make):
    def act(store):
        shutil.rmtree(store)
        make(store)

    return act


def zarr_of(tree):
    def make(store):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree.to_zarr(store, consolidated=False)

    return make


def foreign(store):
    store.mkdir()
    (store / "thesis.txt").write_text("years of work")


STORES = {
    "a file": replaced(lambda store: store.write_text("draws")),
    "a foreign folder": replaced(foreign),
    "no description": overwrite(b"", "zarr.json"),
    "a broken description": overwrite(b"{", "zarr.json"),
    "a list for a description": overwrite(b"[]", "zarr.json"),
    "no posterior": remove("posterior"),
    "no statistics": remove("sample_stats"),
    "no energy": remove("sample_stats", "energy"),
    "a broken variable": overwrite(b"{", "posterior", "a", "zarr.json"),
    "an emptied variable": overwrite(b"", "posterior", "a", "zarr.json"),
    "a variable of another shape": overwrite(lambda text: text.replace(b"40", b"41"), "posterior", "a", "zarr.json"),
    "a damaged chunk": overwrite(lambda content: content[: len(content) // 2], "posterior", "a", "c", "0", "0"),
    "noise for a chunk": overwrite(b"noise", "posterior", "a", "c", "0", "0"),
    **{
        kind: replaced(zarr_of(tree))
        for kind, tree in other_trees().items()
        if kind not in ("no posterior", "no statistics", "no energy", "text for draws", "no draws")
    },
}


@pytest.mark.parametrize("damage", STORES.values(), ids=STORES)
def test_a_damaged_stream_is_one_line_and_is_not_removed(damage, short):
    store = short / "draws.zarr"
    damage(store)
    for act in (lambda: runs.open_run(short), lambda: resume(short)):
        refused(act)
    assert store.exists()


def test_draws_of_more_chains_than_asked_for_are_of_another_run(short):
    from socbayes.inference.streams import streams, written_by_chain

    said = refused(lambda: written_by_chain(streams(short), 1), names="draws.zarr")
    assert "not of this run" in said


@pytest.mark.parametrize("content", [b"", b"tables", None], ids=["emptied", "text", "other netCDF"])
def test_damaged_tables_of_a_run_are_one_line(content, short):
    if content is None:
        runs.save(good(), short / "tables.nc")
    else:
        (short / "tables.nc").write_bytes(content)
    for act in (lambda: runs.open_run(short), lambda: resume(short)):
        refused(act, names="tables.nc")


def test_an_interrupted_fit_of_an_earlier_version_is_told(finished):
    tree = runs.load(finished)
    tree.attrs["complete"] = 0
    runs.save(tree, finished / "fit.nc")
    assert "earlier version" in refused(lambda: resume(finished))


@pytest.mark.parametrize("arguments", [("report",), ("check",), ("resume",), ("resume-report",), ("compare",)])
@pytest.mark.parametrize("kind", ["damaged", "foreign", "empty", "not there", "a file"])
def test_commands_say_it_in_a_line_with_exit_code_2(arguments, kind, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind == "damaged":
        (finished / "fit.nc").write_bytes(b"noise")
    elif kind == "foreign":
        (finished / "fit.nc").unlink()
        (finished / "thesis.txt").write_text("years of work")
    elif kind in ("empty", "not there", "a file"):
        shutil.rmtree(finished)
        if kind == "empty":
            finished.mkdir()
        elif kind == "a file":
            finished.write_text("run")
    result = CliRunner().invoke(app, [*arguments, str(finished)])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.output.startswith("Error:")
    assert len(result.output.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*.html"))
