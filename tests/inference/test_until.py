"""A fit draws until it has enough, or a limit says stop and what it lacks is said in numbers."""

from __future__ import annotations

import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.inference import finish, runs, sampling, until
from socbayes.inference.enough import SPARE, first_and_last, lack_of, looks
from socbayes.inference.fit import fit, resume

SLOW = {"tune": 100, "chains": 3, "seed": 4, "climbs": 0, "progress": False}
FIRST, MOST = 100, 1600


def slow_model():
    """Two numbers of which the data tell the sum only: a narrow ridge."""
    with pm.Model() as model:
        total = pm.Normal("one") + pm.Normal("other")
        pm.Normal("value", total, 0.3, observed=[-0.2, 0.1, 0.3])
    return model


def funnel():
    with pm.Model() as model:
        pm.Normal("value", pm.Normal("level", 0.0, pm.math.exp(pm.Normal("spread", 0.0, 3.0)), shape=6), 10.0,
                  observed=np.zeros(6))  # fmt: skip
    return model


@pytest.fixture(scope="module")
def slow_compiled():
    return sampling.compile_for_sampling(slow_model())


@pytest.fixture
def quick(slow_compiled, monkeypatch):
    """The slow model compiled at no cost, and nothing computed after its draws; counts compilations."""
    made = []
    monkeypatch.setattr(sampling, "compile_for_sampling", lambda model: made.append(model) or slow_compiled)
    monkeypatch.setattr(finish, "GROUPS", {})
    return made


@pytest.fixture(scope="module")
def enough(slow_compiled, tmp_path_factory):
    """A fit of the slow model that drew until it had enough, and the looks it took."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sampling, "compile_for_sampling", lambda model: slow_compiled)
        patched.setattr(finish, "GROUPS", {})
        store = tmp_path_factory.mktemp("enough") / "run"
        return fit(slow_model(), draws=FIRST, most_draws=MOST, store=store, **SLOW)


def first_draws(fitted, count):
    """What a fit held after its first draws."""
    groups = {name: fitted[name].to_dataset().isel(draw=slice(0, count)) for name in ("posterior", "sample_stats")}
    return xr.DataTree.from_dict(groups)


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_fit_ends_at_the_first_look_at_which_it_has_enough(enough):
    counts = looks(FIRST, MOST)
    length = enough.posterior.sizes["draw"]
    assert length in counts[1:-1], "neither at once nor at its limit"
    for count in counts[: counts.index(length)]:
        assert lack_of(first_draws(enough, count), spare=SPARE) is not None
    assert lack_of(enough, spare=SPARE) is None
    assert enough.attrs["converged"] == 1, enough.attrs["failures"]
    assert min(enough.attrs["min_ess_bulk"], enough.attrs["min_ess_tail"]) >= 400 * SPARE
    facts = facts_of(enough)
    assert (facts.draws, facts.complete, facts.lacks) == (length, True, "")
    assert facts.remarks == (f"Drawn until it had enough: {length:,} draws of each chain, of {MOST:,} at most.",), (
        "it is said where it ended"
    )


def test_draws_decide_where_it_ends_and_not_how_fast_they_were_made(enough, quick, tmp_path, monkeypatch):
    """A run that was killed far beyond the look at which it would have ended ends there all the same."""
    folder = tmp_path / "run"
    monkeypatch.setattr(finish, "clear_stream", lambda _: None)
    asked = enough.posterior.sizes["draw"] + 100
    fit(slow_model(), draws=asked, store=folder, **SLOW)
    settings = runs.read_settings(folder)
    runs.write_settings(folder, dataclasses.replace(settings, draws=FIRST, most_draws=MOST))
    (folder / "fit.nc").unlink()
    quick.clear()
    monkeypatch.setattr(finish, "clear_stream", runs.clear_stream)
    fitted = resume(folder, slow_model(), progress=False)
    assert not quick, "nothing was missing"
    for name in ("one", "other"):
        np.testing.assert_array_equal(fitted.posterior[name], enough.posterior[name])
    assert facts_of(fitted).ended == facts_of(enough).ended
    assert files_of(folder) == ["fit.nc", "spec.json"]


def test_a_limit_says_stop_in_numbers_and_the_fit_goes_on_from_there(enough, quick, tmp_path):
    folder = tmp_path / "run"
    short = fit(slow_model(), draws=150, store=folder, **SLOW)
    np.testing.assert_array_equal(short.posterior["one"], enough.posterior["one"][:, :150])
    least = int(min(short.attrs["min_ess_bulk"], short.attrs["min_ess_tail"]))
    said = facts_of(short).lacks
    assert said.startswith(f"It has {least} of 400 effective draws of o"), said
    assert "more draws of each chain, " in said
    assert said.endswith("goes on.")
    assert said in facts_of(short).remarks
    assert short.attrs["converged"] == 0
    assert facts_of(short).complete
    assert files_of(folder) == ["draws.zarr", "fit.nc", "settings.json", "spec.json"]
    assert resume(folder).posterior.sizes["draw"] == 150, "without a limit it is read"
    fitted = resume(folder, slow_model(), most_draws=MOST, progress=False)
    np.testing.assert_array_equal(fitted.posterior["one"][:, :150], short.posterior["one"])
    assert fitted.posterior.sizes["draw"] in looks(150, MOST)
    assert fitted.attrs["converged"] == 1, fitted.attrs["failures"]
    assert len(facts_of(fitted).continued) == 3
    assert "Chain 0 stopped after 150 draws" in facts_of(fitted).continued[0]
    assert files_of(folder) == ["fit.nc", "spec.json"]
    with pytest.raises(SocbayesError, match="has passed its checks: it lacks no draws"):
        resume(folder, slow_model(), most_draws=MOST)


def test_a_run_ended_by_hand_while_it_goes_on_keeps_what_it_had(quick, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    short = fit(slow_model(), draws=60, store=folder, **SLOW)

    def interrupted(one):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(until, "_glance", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"draws are on disk. `socbayes resume"):
            resume(folder, slow_model(), most_draws=5000, progress=False)
    assert runs.open_run(folder).posterior.sizes["draw"] >= 60
    ended = resume(folder, slow_model(), most_draws=60, progress=False)
    np.testing.assert_array_equal(ended.posterior["one"], short.posterior["one"])


@pytest.mark.parametrize("later", [0, 40], ids=["alone", "with draws that go on from it"])
def test_a_run_does_not_go_on_without_its_first_draws(quick, tmp_path, later):
    folder = tmp_path / "run"
    fit(slow_model(), draws=60, store=folder, **SLOW)
    if later:
        resume(folder, slow_model(), most_draws=60 + later, progress=False)
        assert (folder / "draws-1-0.zarr").exists()
    shutil.rmtree(folder / "draws.zarr")
    with pytest.raises(
        SocbayesError, match=r"cannot go on: the stream of its draws.*fit the model again, with a limit"
    ):
        resume(folder, slow_model(), most_draws=100)
    (folder / "fit.nc").unlink()
    if later:
        with pytest.raises(SocbayesError, match=r"damaged: draws.zarr is not there, and other draws of the run go on"):
            runs.open_run(folder)


def after_draws(count, patched):
    """Let time be up once chains have drawn as many."""
    now = [0.0]
    original = until._glance

    def glance(one):
        original(one)
        if one.draws() >= count:
            now[0] = 1e9

    patched.setattr(until, "time", SimpleNamespace(monotonic=lambda: now[0]))
    patched.setattr(until, "_glance", glance)


def test_a_limit_of_minutes_keeps_what_all_chains_have(enough, quick, tmp_path, monkeypatch):
    after_draws(20, monkeypatch)
    fitted = fit(slow_model(), draws=5000, most_minutes=2, store=tmp_path / "run", **SLOW)
    length = fitted.posterior.sizes["draw"]
    assert 20 <= length < 5000
    common = min(length, enough.posterior.sizes["draw"])
    np.testing.assert_array_equal(fitted.posterior["one"][:, :common], enough.posterior["one"][:, :common])
    assert facts_of(fitted).ended == f"Ended at its limit of 2 minutes with {length:,} draws of each chain."
    assert (fitted.attrs["most_minutes"], facts_of(fitted).complete) == (2, True)


def test_time_that_ends_in_warm_up_is_an_error_and_leaves_the_store_free(quick, tmp_path, monkeypatch):
    after_draws(-200_000, monkeypatch)
    with pytest.raises(SocbayesError, match=r"its limit of 0\.5 minutes ended while chains were warming up"):
        fit(slow_model(), most_minutes=0.5, store=tmp_path / "run", **SLOW | {"tune": 100_000})
    assert not (tmp_path / "run").exists()


def test_a_fit_that_diverged_ends_at_its_first_look(tmp_path, monkeypatch):
    monkeypatch.setattr(finish, "GROUPS", {})
    fitted = fit(funnel(), draws=100, most_draws=5000, target_accept=0.6, store=tmp_path / "run", **SLOW)
    assert fitted.attrs["divergences"] > 0
    assert facts_of(fitted).ended == "Ended at 100 draws of each chain, as no further one undoes what diverged."
    assert files_of(tmp_path / "run") == ["fit.nc", "spec.json"]
    with pytest.raises(SocbayesError, match=r"more draws of .* would mend nothing; what it failed: .*divergent"):
        resume(tmp_path / "run", funnel(), most_draws=200)


def test_limits_that_cannot_be_are_refused(quick, tmp_path):
    for given, said in (
        ({"draws": 100, "most_draws": 50}, "most_draws=50 is less than draws=100"),
        ({"most_draws": 10.5}, "most_draws is a whole number"),
        ({"most_draws": 0}, "draws is a whole number from 1"),
        ({"most_minutes": 0}, "most_minutes is a number above 0"),
        ({"most_minutes": float("inf")}, "most_minutes is a number above 0"),
    ):
        with pytest.raises(SocbayesError, match=said):
            fit(slow_model(), store=tmp_path / "run", progress=False, **given)
    assert not list(tmp_path.iterdir())


def test_looks_are_fixed_before_the_first_draw():
    assert looks(*first_and_last(1000)) == [1000, 1414, 2000, 2828, 4000]
    assert looks(*first_and_last(1000, 1000)) == [1000]
    for first, most in ((1, 50), (7, 8), (300, 5000)):
        counts = looks(first, most)
        assert counts == sorted(set(counts))
        assert (counts[0], counts[-1]) == (first, most)


def test_what_is_lacking_names_the_worst_number_and_its_place():
    rng = np.random.default_rng(3)
    apart = rng.normal(size=(4, 200, 3))
    apart[..., 2] += np.arange(4)[:, None]
    posterior = xr.Dataset({"rate": (("chain", "draw", "plot"), apart)}, coords={"plot": ["A", "B", "C"]})
    diverging = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 200), dtype=bool))})
    lack = lack_of(xr.DataTree.from_dict({"posterior": posterior, "sample_stats": diverging}))
    assert "of 400 effective draws of rate [C]" in lack.what
    assert "of 1.01 allowed of rate [C]" in lack.what
    assert lack.mended
    assert lack.wanted > 10_000, "chains apart by their spread need far more"
    diverging["diverging"][1, 5] = True
    lack = lack_of(xr.DataTree.from_dict({"posterior": posterior, "sample_stats": diverging}))
    assert lack.what.startswith("1 divergent transition of 800; ")
    assert not lack.mended
