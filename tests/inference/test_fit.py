"""What a fit holds, what reaches the disk, and what is left after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pandas.testing import assert_frame_equal
from toy import TRUE_MEAN, TRUE_SCATTER, toy_model, toy_table

from socbayes.errors import SocbayesError, UnreadableFileError
from socbayes.facts import table_of
from socbayes.files import replacing
from socbayes.inference import fit as fitting
from socbayes.inference.runs import load, new_run_folder, open_run
from socbayes.inference.streams import streams, written_by_chain
from socbayes.spec import ModelSpec, attach, spec_of

GROUPS = {
    "posterior",
    "sample_stats",
    "log_likelihood",
    "log_prior",
    "posterior_predictive",
    "prior_predictive",
    "observed_data",
    "constant_data",
}


def test_a_fit_holds_what_the_checks_need(toy_fit):
    fitted, _ = toy_fit
    assert set(fitted.children) == GROUPS
    assert fitted.posterior["effect"].dims == ("chain", "draw", "group")
    assert fitted.posterior["group"].to_numpy().tolist() == [f"group {k}" for k in range(8)]
    assert not [name for name in fitted.posterior.data_vars if str(name).endswith("__")]
    assert fitted["log_likelihood/value"].shape == (4, 1000, 48)
    assert fitted.attrs["converged"] == 1, fitted.attrs["failures"]
    assert fitted.attrs["parameters"] == 11
    assert json.loads(fitted.attrs["versions"])["pymc"]
    assert ModelSpec.from_json(fitted.attrs["spec"]).observed == ("value",)


def test_a_fit_recovers_what_made_the_data(toy_fit):
    posterior = toy_fit[0].posterior
    for name, truth in (("mean", TRUE_MEAN), ("scatter", TRUE_SCATTER)):
        low, high = np.quantile(posterior[name], [0.001, 0.999])
        assert low < truth < high
    assert float(posterior["scatter"].std()) < 0.1


def test_the_log_likelihood_is_the_normal_density(toy_fit):
    fitted, _ = toy_fit
    draw = fitted.posterior.isel(chain=1, draw=17)
    group = fitted["constant_data/group_of_obs"].to_numpy()
    centre = float(draw["mean"]) + draw["effect"].to_numpy()[group]
    z = (fitted["observed_data/value"].to_numpy() - centre) / float(draw["scatter"])
    expected = -0.5 * z**2 - np.log(float(draw["scatter"])) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(fitted["log_likelihood/value"].isel(chain=1, draw=17), expected, rtol=1e-12)


def test_the_run_on_disk_is_the_fit(toy_fit):
    fitted, folder = toy_fit
    assert sorted(path.name for path in folder.iterdir()) == ["fit.nc", "spec.json"]
    for again in (load(folder), load(folder / "fit.nc"), open_run(folder)):
        np.testing.assert_array_equal(again.posterior["mean"], fitted.posterior["mean"])
        assert again.attrs["failures"] == fitted.attrs["failures"]


def test_the_seed_decides_the_draws(toy_fit, tmp_path):
    same = fitting.fit(toy_model(), draws=1000, tune=500, chains=4, seed=5, store=tmp_path / "a", progress=False)
    other = fitting.fit(toy_model(), draws=200, tune=200, chains=2, seed=6, store=tmp_path / "b", progress=False)
    np.testing.assert_array_equal(same.posterior["mean"], toy_fit[0].posterior["mean"])
    assert not np.array_equal(other.posterior["mean"], toy_fit[0].posterior["mean"][:2, :200])


def test_a_run_is_not_overwritten(toy_fit):
    with pytest.raises(SocbayesError, match="holds a run already"):
        fitting.fit(toy_model(), draws=10, tune=10, store=toy_fit[1], progress=False)


def test_nothing_is_left_half_written(tmp_path):
    target = tmp_path / "page.html"
    target.write_text("old", encoding="utf-8")

    def fail():
        with replacing(target) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(SocbayesError, match="no finished fit"):
        load(tmp_path)
    with pytest.raises(SocbayesError, match="holds no draws"):
        open_run(tmp_path)
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(SocbayesError, match="something other than a run"):
        new_run_folder("user", tmp_path)
    with pytest.raises(SocbayesError, match="is a file"):
        new_run_folder("user", tmp_path / "thesis.txt")
    with pytest.raises(SocbayesError, match="backslash"):
        new_run_folder("user", tmp_path / "a\\b")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_foreign_draws_in_a_folder_without_specification_are_not_removed(tmp_path):
    (tmp_path / "draws.zarr").mkdir()
    with pytest.raises(SocbayesError, match="something other than a run"):
        new_run_folder("user", tmp_path)
    assert (tmp_path / "draws.zarr").exists()


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from toy import toy_model, toy_table
from socbayes.inference.fit import fit
from socbayes.spec import attach, spec_of
model = toy_model()
attach(model, spec_of(model), {"table": toy_table()})
fit(model, draws=200_000, tune=200, chains=2, seed=1, store=sys.argv[1], progress=False)
"""


def first_draws_written(store):
    """Whether the second chain has several files of each variable, so that the first draws are whole."""
    described = [*store.glob("posterior/*/zarr.json"), *store.glob("sample_stats/energy/zarr.json")]
    drawn = [path.parent for path in described if '"chain"' in path.read_text("utf-8")]
    return len(drawn) > 1 and all(len(list(variable.glob("c/1/*"))) >= 3 for variable in drawn)


def test_a_killed_run_stays_readable_and_is_finished(tmp_path):
    folder = tmp_path / "C# what? 100% [bold]\n\tnew"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(Path(__file__).parent)])
    try:
        deadline = time.monotonic() + 180
        while not first_draws_written(folder / "draws.zarr"):
            assert process.poll() is None, "sampling ended before it could be killed"
            assert time.monotonic() < deadline, "no draws reached the disk"
            time.sleep(0.2)
        assert (folder / "tables.nc").exists(), "the tables of a run are there before its draws"
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    partial = open_run(folder)
    assert partial.attrs["complete"] == 0
    assert partial.attrs["converged"] == 0
    assert "interrupted" in partial.attrs["failures"]
    assert partial.posterior.sizes["draw"] >= 16
    assert np.isfinite(partial.posterior["mean"]).all()
    assert ModelSpec.from_json(partial.attrs["spec"]).observed == ("value",)
    assert ModelSpec.from_json(partial.attrs["spec"]).tables["table"]["rows"] == len(toy_table())
    assert_frame_equal(table_of(partial, "table"), toy_table(), check_exact=True)
    model = toy_model()
    attach(model, spec_of(model), {"table": toy_table()})
    common = partial.posterior.sizes["draw"]
    asked = int(written_by_chain(streams(folder), 2).max()) + 200  # not as many as it takes to kill it in time
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    (folder / "settings.json").write_text(json.dumps(settings | {"draws": asked}), encoding="utf-8")
    whole = fitting.resume(folder, model, progress=False)
    assert whole.posterior["mean"].shape == (2, asked)
    kept = whole.posterior["mean"].sel(chain=partial.posterior["chain"])  # a chain killed early may be missing
    np.testing.assert_array_equal(kept[:, :common], partial.posterior["mean"])
    assert whole.attrs["complete"] == 1
    assert "went on from its last one" in whole.attrs["continued"]
    assert set(whole.children) == GROUPS | {"tables"}
    assert (folder / "fit.nc").exists()
    assert (folder / "draws.zarr").exists() == bool(whole.attrs["lacks"]), "kept only to be gone on with"


def test_a_finished_fit_keeps_its_tables(tmp_path):
    model, folder = toy_model(), tmp_path / "run"
    attach(model, spec_of(model), {"table": toy_table()})
    fitted = fitting.fit(model, draws=20, tune=20, chains=2, seed=1, store=folder, progress=False)
    assert set(fitted.children) == GROUPS | {"tables"}
    kept = ["draws.zarr", "fit.nc", "settings.json", "spec.json", "tables.nc"]
    assert sorted(path.name for path in folder.iterdir()) == kept, "it lacks draws, and can be gone on with"
    for one in (fitted, open_run(folder)):
        assert_frame_equal(table_of(one, "table"), toy_table(), check_exact=True)


def test_a_draw_counts_once_all_its_variables_are_there(tmp_path):
    rng = np.random.default_rng(1)
    ahead, behind = rng.normal(size=(2, 50)), rng.normal(size=(2, 50, 3))
    ahead[:, 40:], behind[0, 32:], behind[1, 30:] = np.nan, np.nan, np.nan
    dims = ("chain", "draw")
    coords = {"chain": [0, 1], "draw": np.arange(50)}
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"ahead": (dims, ahead), "behind": ((*dims, "group"), behind)}, coords=coords),
            "sample_stats": xr.Dataset(
                {"energy": (dims, ahead), "diverging": (dims, np.zeros((2, 50), dtype=bool))}, coords=coords
            ),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree.to_zarr(tmp_path / "draws.zarr", consolidated=False)
    partial = open_run(tmp_path)
    assert partial.posterior.sizes["draw"] == 30
    assert np.isfinite(partial.posterior["behind"]).all()


@pytest.mark.parametrize("variable", ["posterior/behind", "sample_stats/energy"])
def test_a_file_that_is_still_empty_is_one_that_is_not_there(variable, tmp_path):
    """As in a run that is looked at while it is written, or whose machine lost its power."""
    values = np.random.default_rng(1).normal(size=(2, 48))
    groups = {
        "posterior": xr.Dataset({name: (("chain", "draw"), values) for name in ("ahead", "behind")}),
        "sample_stats": xr.Dataset(
            {"energy": (("chain", "draw"), values), "diverging": (("chain", "draw"), values > 9)}
        ),
    }
    encoding = {f"/{group}": {str(name): {"chunks": (1, 16)} for name in found} for group, found in groups.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        xr.DataTree.from_dict(groups).to_zarr(tmp_path / "draws.zarr", consolidated=False, encoding=encoding)
    (tmp_path / "draws.zarr" / variable / "c" / "1" / "2").write_bytes(b"")
    found = open_run(tmp_path)
    np.testing.assert_array_equal(found.posterior["behind"], values[:, :32])
    np.testing.assert_array_equal(streams(tmp_path)[0].written, [48, 32])
    for chain in "01":  # with later draws there, it must not begin anew as one that has none yet
        (tmp_path / "draws.zarr" / variable / "c" / chain / "0").write_bytes(b"")
    with pytest.raises(UnreadableFileError, match="its first draws are not whole, and later ones are there"):
        open_run(tmp_path)


def test_draws_after_a_piece_that_is_missing_do_not_count(tmp_path):
    """Pieces of one variable are written at the same time, so a kill may keep a later one and not the one before."""
    values = np.random.default_rng(1).normal(size=(2, 50, 3))
    dims, pieces = ("chain", "draw", "group"), {"chunks": (1, 10, 3)}
    statistics = {"energy": (dims[:2], values[..., 0]), "diverging": (dims[:2], np.zeros((2, 50), dtype=bool))}
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"one": (dims, values), "other": (dims, values)}),
            "sample_stats": xr.Dataset(statistics),
        }
    )
    chunks = {"/posterior": {"one": pieces, "other": pieces}, "/sample_stats": {"energy": {"chunks": (1, 10)}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree.to_zarr(tmp_path / "draws.zarr", consolidated=False, encoding=chunks)
    (tmp_path / "draws.zarr/posterior/other/c/1/3/0").unlink()
    assert written_by_chain(streams(tmp_path), 2).tolist() == [50, 30]
    partial = open_run(tmp_path)
    assert partial.posterior.sizes["draw"] == 30
    assert np.isfinite(partial.posterior["other"]).all()
