"""A run that is cut short at any moment is finished: what it had stays, what it lacks is drawn or computed."""

from __future__ import annotations

import dataclasses
import json
import warnings
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
import zarr
from pandas.testing import assert_frame_equal
from toy import toy_model, toy_table

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of, table_of
from socbayes.files import written_by_one
from socbayes.inference import finish, runs, sampling
from socbayes.inference.fit import fit, resume
from socbayes.spec import attach, spec_of

DRAWS, TUNE, CHAINS, SEED = 120, 80, 3, 11


def model_with_table():
    model = toy_model()
    attach(model, spec_of(model), {"table": toy_table()})
    return model


@pytest.fixture(scope="module")
def toy_compiled():
    return sampling.compile_for_sampling(toy_model())


@pytest.fixture
def compilations(toy_compiled, monkeypatch):
    """Models compiled for sampling, the toy at no cost."""
    made = []
    monkeypatch.setattr(sampling, "compile_for_sampling", lambda model: made.append(model) or toy_compiled)
    return made


@pytest.fixture(scope="module")
def whole(toy_compiled, tmp_path_factory):
    """Folder of a run that was sampled to its end and not yet read."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    begun(folder)
    settings = runs.read_settings(folder)
    sampling._run_to_the_end([sampling._sampler(toy_compiled, folder / "draws.zarr", settings, False, seed=SEED)])
    return folder


def begun(folder):
    model = model_with_table()
    settings = runs.Settings(DRAWS, TUNE, CHAINS, CHAINS, SEED, 0.9, "diag", 0, sampling.data_hash(model))
    runs.begin(runs.new_run_folder("user", folder), spec_of(model), settings, model.socbayes_tables)


def cut_short(whole, folder, *written):
    """Copy a run and take draws from the end of its chains, as a kill leaves them: not a number."""
    import shutil

    shutil.copytree(whole, folder)
    blank(folder / "draws.zarr", written)
    return folder


def blank(store, written):
    root = zarr.open_group(store, mode="r+")
    for name in ("posterior", "sample_stats"):
        for _, array in root[name].arrays():
            if array.shape[:2] == (len(written), DRAWS) and array.dtype.kind == "f":
                for chain, count in enumerate(written):
                    array[chain, count:] = np.nan


def test_a_run_cut_short_is_drawn_to_its_end(whole, tmp_path, compilations, monkeypatch):
    folder = cut_short(whole, tmp_path / "run", DRAWS, 50, 0)
    before = xr.open_datatree(folder / "draws.zarr", engine="zarr", consolidated=False).load()
    starts = []
    original = sampling._from_last_draw

    def watched(*arguments):
        begun = original(*arguments)
        starts.append(begun.initial_point_func(0))
        return begun

    monkeypatch.setattr(sampling, "_from_last_draw", watched)
    fitted = resume(folder, model_with_table(), progress=False)
    assert len(compilations) == 1
    assert dict(fitted.posterior.sizes) == {
        "chain": CHAINS,
        "draw": DRAWS,
        "group": 8,
        "effect_standardised_dim_0": 8,
    } or (
        fitted.posterior.sizes["chain"],
        fitted.posterior.sizes["draw"],
    ) == (CHAINS, DRAWS)
    assert np.isfinite(fitted.posterior["mean"]).all()
    np.testing.assert_array_equal(fitted.posterior["mean"][0], before["posterior/mean"][0])
    np.testing.assert_array_equal(fitted.posterior["mean"][1, :50], before["posterior/mean"][1, :50])
    last = before["posterior"].to_dataset().isel(chain=1, draw=49)
    assert len(starts) == 1, "a chain without draws begins anew"
    assert float(last["mean"]) in starts[0]
    assert float(last["spread_log__"]) in starts[0]
    assert not np.array_equal(fitted.posterior["mean"][1, 50:], fitted.posterior["mean"][2, 50:])
    facts = facts_of(fitted)
    assert facts.complete
    assert [sentence.split(" ", 2)[1] for sentence in facts.continued] == ["1", "2"]
    assert "after 50 draws" in facts.continued[0]
    assert "40 new steps of warm-up, with 70 more" in facts.continued[0]
    assert "begun anew" in facts.continued[1]
    assert facts.lacks, "so its draws stay, to be gone on with"
    kept = ["draws-1-1.zarr", "draws-1-2.zarr", "draws.zarr", "fit.nc", "settings.json", "spec.json", "tables.nc"]
    assert sorted(path.name for path in folder.iterdir()) == kept
    assert_frame_equal(table_of(runs.load(folder)), toy_table(), check_exact=True)


def test_a_run_is_gone_on_with_more_than_once(whole, tmp_path, compilations):
    folder = cut_short(whole, tmp_path / "run", DRAWS, 50, 60)
    partial = runs.open_run(folder)
    assert (partial.attrs["complete"], partial.posterior.sizes["draw"]) == (0, 60)
    assert partial.posterior["chain"].values.tolist() == [0, 2], "chains keep their numbers in the run"
    assert "not here, having drawn too little: chain 1 with 50 of 120 draws" in partial.attrs["failures"]
    settings, found = runs.read_settings(folder), sampling.streams(folder)
    written = sampling.written_by_chain(found, CHAINS)
    sampling._go_on(sampling.compile_for_sampling(None), folder, settings, found, written, False)
    store = folder / "draws-1-1.zarr"
    root = zarr.open_group(store, mode="r+")
    for name in ("posterior", "sample_stats"):
        for _, array in root[name].arrays():
            if array.shape[:2] == (1, 70) and array.dtype.kind == "f":
                array[0, 30:] = np.nan
    assert runs.open_run(folder).posterior.sizes["draw"] == 80
    fitted = resume(folder, model_with_table(), progress=False)
    assert facts_of(fitted).complete
    assert "with 30 and 40 more" in facts_of(fitted).continued[0]


def test_the_one_chain_that_had_begun_is_judged_under_its_number(whole, tmp_path):
    partial = runs.open_run(cut_short(whole, tmp_path / "run", 0, 110, 0))
    assert partial.posterior["chain"].values.tolist() == [1]
    assert "chain 0 with 0, chain 2 with 0 of 110 draws" in partial.attrs["failures"]
    assert "one chain only" in partial.attrs["failures"]
    assert "stands still" not in partial.attrs["failures"], "a computed number may be always the same"


def test_a_run_killed_after_its_last_draw_needs_no_sampling(whole, tmp_path, compilations):
    folder = cut_short(whole, tmp_path / "run", DRAWS, DRAWS, DRAWS)
    fitted = resume(folder, model_with_table(), progress=False)
    assert not compilations
    assert facts_of(fitted).complete
    assert not facts_of(fitted).continued
    assert "log_likelihood" in fitted.children


@pytest.mark.parametrize("left", ["nothing", "warm-up", "a store just made", "an empty store"])
def test_a_run_killed_in_warm_up_begins_anew_with_its_seed(whole, tmp_path, compilations, left):
    folder = tmp_path / "run"
    begun(folder)
    if left == "warm-up":
        cut_short(whole, tmp_path / "other", 0, 0, 0)
        (tmp_path / "other" / "draws.zarr").rename(folder / "draws.zarr")
    elif left == "a store just made":
        zarr.open_group(folder / "draws.zarr", mode="w").create_group("warmup_posterior")
    elif left == "an empty store":
        (folder / "draws.zarr").mkdir()
    with pytest.raises(SocbayesError, match="holds no draws yet"):
        runs.open_run(folder)
    fitted = resume(folder, model_with_table(), progress=False)
    uninterrupted = xr.open_datatree(whole / "draws.zarr", engine="zarr", consolidated=False)
    np.testing.assert_array_equal(fitted.posterior["mean"], uninterrupted["posterior/mean"])
    assert not facts_of(fitted).continued


def test_the_posterior_is_on_disk_before_anything_is_computed_from_it(whole, tmp_path, compilations, monkeypatch):
    """Ctrl-C, or a kill, while groups are added: the fit is there, says what it lacks, and is completed."""
    folder = cut_short(whole, tmp_path / "run", DRAWS, DRAWS, DRAWS)

    def stop(result, model):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setitem(finish.GROUPS, "posterior_predictive", stop)
        with pytest.raises(KeyboardInterrupt, match=r"all draws are on disk.*socbayes resume"):
            resume(folder, model_with_table(), progress=False)
    saved = runs.load(folder)
    assert {"posterior", "sample_stats", "observed_data", "constant_data", "tables"} == set(saved.children)
    assert set(facts_of(saved).missing) == {*finish.GROUPS, "climbs"}
    assert saved.attrs["max_r_hat"] > 0, "it is judged when it is read"
    fitted = resume(folder, model_with_table(), progress=False)
    assert set(finish.GROUPS) < set(fitted.children)
    assert not facts_of(runs.load(folder)).missing
    assert resume(folder).attrs["store"] == str(folder), "a finished run is read, without its model"


def test_a_group_that_fails_is_named_and_tried_again(whole, tmp_path, compilations, monkeypatch):
    folder = cut_short(whole, tmp_path / "run", DRAWS, DRAWS, DRAWS)

    def fail(result, model):
        raise NotImplementedError("no such draw\nof this distribution")

    with monkeypatch.context() as patched:
        patched.setitem(finish.GROUPS, "prior_predictive", fail)
        fitted = resume(folder, model_with_table(), progress=False)
    assert facts_of(fitted).missing == {"prior_predictive": "NotImplementedError: no such draw"}
    assert "log_likelihood" in fitted.children
    assert "prior_predictive" in resume(folder, model_with_table(), progress=False).children


@pytest.mark.parametrize("kind", ["initval", "flat", "nothing observed"])
def test_a_model_of_ones_own_loses_no_posterior(kind, tmp_path):
    with pm.Model() as model:
        mean = pm.Flat("mean") if kind == "flat" else pm.Normal("mean", 0.0, 1.0, initval=0.3)
        if kind != "nothing observed":
            pm.Normal("value", mean, 1.0, observed=[0.1, 0.4])
    names = {} if kind == "nothing observed" else dict.fromkeys(finish.GROUPS, finish.NOT_YET)
    draws = np.random.default_rng(1).normal(size=(2, 30))
    statistics = {"energy": (("chain", "draw"), draws), "diverging": (("chain", "draw"), draws > 9)}
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"mean": (("chain", "draw"), draws)}), "sample_stats": xr.Dataset(statistics)}
    )
    tree.attrs |= {"seed": 1, "missing": json.dumps(names)}
    fitted = finish.completed(tree, model, tmp_path)
    assert set(facts_of(fitted).missing) == ({"prior_predictive"} if kind == "flat" else set())
    assert (tmp_path / "fit.nc").exists()
    assert model.rvs_to_initial_values[mean] == (None if kind == "flat" else 0.3), "the caller's model is as it was"


def test_a_run_asks_for_a_model_of_ones_own(whole, tmp_path):
    folder = cut_short(whole, tmp_path / "run", 10, 10, 10)
    with pytest.raises(SocbayesError, match=r"a model of your own \(user\).*resume\(folder, model=model\)"):
        resume(folder)
    with pytest.raises(SocbayesError, match="differs in tables"):
        resume(folder, toy_model())
    other = toy_model(seed=4)
    attach(other, spec_of(other), {"table": toy_table()})
    with pytest.raises(SocbayesError, match="differs in the values it observes"):
        resume(folder, other)


def test_a_run_that_is_being_written_is_left_alone(whole, tmp_path):
    folder = cut_short(whole, tmp_path / "run", 10, 10, 10)
    with written_by_one(folder / "spec.json"), pytest.raises(SocbayesError, match="written by another process"):
        resume(folder, model_with_table())


def test_ctrl_c_stops_and_says_what_is_on_disk(whole, tmp_path, compilations, monkeypatch):
    """Nothing goes on after it, such as the next of several fits."""
    stopped = []

    def interrupted(*_, **__):
        def wait():
            raise KeyboardInterrupt

        return SimpleNamespace(wait=wait, abort=lambda: stopped.append(True))

    monkeypatch.setattr(sampling, "_sampler", interrupted)
    with pytest.raises(KeyboardInterrupt, match="no draws yet, as the chains were warming up"):
        fit(model_with_table(), draws=20, tune=20, chains=2, store=tmp_path / "new", progress=False)
    assert (tmp_path / "new" / "settings.json").exists(), "it can be gone on with"
    folder = cut_short(whole, tmp_path / "run", 40, 20, 0)
    with pytest.raises(KeyboardInterrupt, match="60 draws are on disk"):
        resume(folder, model_with_table(), progress=False)
    assert len(stopped) == 4, "one sampler of a new run, one for each chain of the other"


def test_a_fit_that_fails_before_its_first_draw_leaves_its_store_free(tmp_path, compilations, monkeypatch):
    def failing(*_, **__):
        def wait():
            raise RuntimeError(
                "All initialization points failed\n\nCaused by:\n    Bad initial point\n\nStack backtrace:\n 0"
            )

        return SimpleNamespace(wait=wait, abort=lambda: None)

    monkeypatch.setattr(sampling, "_sampler", failing)
    for store in (tmp_path / "made", tmp_path / "kept"):
        if store.name == "kept":
            store.mkdir()
        with pytest.raises(SocbayesError, match=r"no chain could begin.*Bad initial point\)$"):
            fit(model_with_table(), draws=20, tune=20, store=store, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seed": -1}, "a seed is a whole number"),
        ({"seed": 2**63}, "a seed is a whole number"),
        ({"seed": 1.5}, "seed is a whole number"),
        ({"draws": 0}, "draws is a whole number from 1"),
        ({"draws": 10.5}, "draws is a whole number"),
        ({"tune": -5}, "tune is a whole number from 1"),
        ({"chains": 0}, "chains is a whole number from 1"),
        ({"chains": "4"}, "chains is a whole number"),
        ({"cores": -2}, "cores is a whole number from 1"),
        ({"target_accept": 1.2}, "target_accept is between 0 and 1"),
        ({"adaptation": "flow"}, "adaptation is 'diag' or 'low_rank'"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_compiled(arguments, said, tmp_path, compilations):
    with pytest.raises(SocbayesError, match=said):
        fit(toy_model(), store=tmp_path / "run", progress=False, **arguments)
    assert not list(tmp_path.iterdir())
    assert not compilations


def own_model(kind):
    with pm.Model() as model:
        if kind == "nothing to sample":
            pm.Normal("value", 0.0, 1.0, observed=[1.0])
            return model
        mean = pm.Poisson("mean", 3.0) if kind == "discrete" else pm.Normal("mean")
        data = {"infinite data": [1.0, np.inf], "infinite below": [[1.0, 2.0], [-np.inf, 3.0]]}.get(kind, [1.0, 2.0])
        pm.Normal("value", mean, 0.0 if kind == "zero spread" else 1.0, observed=data)
    return model


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nothing to sample", "no parameters to sample"),
        ("discrete", "mean is discrete"),
        ("infinite data", r"observed variable 'value' holds 1 value not finite, the first inf at 1 "),
        ("infinite below", r"-inf at 1, 0 "),
    ],
)
def test_models_that_cannot_be_sampled_are_refused_before_anything_is_compiled(kind, said, tmp_path, compilations):
    with pytest.raises(SocbayesError, match=said):
        fit(own_model(kind), store=tmp_path / "run", progress=False)
    assert not list(tmp_path.iterdir())
    assert not compilations


def test_a_start_without_a_density_is_named(recwarn):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "from value (-inf)" in sampling._why_no_start(own_model("zero spread"))


def test_a_model_that_does_not_compile_says_what_may_be_damaged(monkeypatch):
    def fail(*_, **__):
        raise EOFError("Ran out of input")

    monkeypatch.setattr(sampling, "compiled_density", fail)
    with pytest.raises(SocbayesError, match=r"cannot be compiled \(EOFError: Ran out of input\).*remove that folder"):
        sampling.compile_for_sampling(toy_model())


def test_settings_survive_their_file(tmp_path):
    begun(tmp_path / "run")
    settings = runs.read_settings(tmp_path / "run")
    assert dataclasses.asdict(settings)["seed"] == SEED
    assert settings.adaptation == "diag"
