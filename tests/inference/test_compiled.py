"""Kept code is the code of the model at hand, whole, and computes the same; all else is compiled."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import nutpie
import pymc as pm
import pytensor
import pytest
from toy import toy_model
from typer.testing import CliRunner

import socbayes as sb
from socbayes.cli import app
from socbayes.inference import code_files, compiled
from socbayes.inference.compiled import compiled_density
from socbayes.inference.left_out import leave_groups_out
from socbayes.inference.machine_code import object_code
from socbayes.inference.sampling import compile_for_sampling, reproducible

CHILD = """
import hashlib, json, logging, sys
import numpy as np, nutpie
sys.path.insert(0, sys.argv[1])
from test_compiled import Compilations, model_called
from socbayes.inference.sampling import compile_for_sampling
counted, found = Compilations(), []
for arguments in json.loads(sys.argv[2]):
    before = counted.count
    compiled = compile_for_sampling(model_called(*arguments))
    drawn = nutpie.sample(compiled, draws=20, tune=30, chains=2, seed=3, progress_bar=False)["posterior"]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(drawn[name]).tobytes() for name in sorted(drawn)))
    found.append([counted.count - before, digest.hexdigest()])
print(json.dumps(found))
"""


class Compilations:
    """Counts how often nutpie compiles."""

    def __init__(self):
        self.count, self.compile = 0, nutpie.compile_pymc_model
        nutpie.compile_pymc_model = self

    def __call__(self, *args, **kwargs):
        self.count += 1
        return self.compile(*args, **kwargs)


def model_called(spread=2.0, rate=1.0, rows=3):
    """A pool that is fed and lost, measured once: data of the core, of ``pm.Data`` and constants in one small model."""

    def flows(x, p, u):
        yield sb.core.Flow("input", "litter", u.fed)
        yield sb.core.Flow("litter", "co2", rate * p.k * x.litter)

    one = sb.core.Structure(
        name="one",
        pools=("litter",),
        parameters=(sb.core.Parameter("k", "1/day", 0.1, "assumed"),),
        drivers=(sb.core.Driver("fed", "g/m**2/day"),),
        flows=flows,
    )
    with pm.Model(coords={"sample": range(2)}) as model:
        k = pm.LogNormal("k", -2.0, spread)
        fed = np.arange(1.0, 1.0 + rows)
        run = sb.core.integrate(one, [1.0], {"k": k}, {"fed": fed}, times=[1, 2])
        measured = pm.Data("measured", np.array([1.6, 2.9]), dims="sample")
        pm.Deterministic("carbon", run[:, 0, 0], dims="sample")
        pm.Normal("value", run[:, 0, 0], 0.1, observed=measured, dims="sample")
    return model


BASE: tuple[float, ...] = ()
CHANGED = ((1.0, 1.0, 3), (2.0, 1.5, 3), (2.0, 1.0, 4))


def process(cache: Path, *models: tuple[float, ...], flags: str = ""):
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={cache}{flags}"}
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), json.dumps(models)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(child) -> list[tuple[int, str]]:
    """For each model, how often it was compiled and a hash of its draws."""
    out, err = child.communicate(timeout=900)
    assert child.returncode == 0, err
    return [tuple(one) for one in json.loads(out.splitlines()[-1])]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder of compiled code with that of one model, and a hash of what was drawn when it was compiled."""
    folder = tmp_path_factory.mktemp("cache")
    ((compilations, draws),) = said(process(folder, BASE))
    assert compilations == 1
    return folder, draws


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder of kept code for this test alone."""
    monkeypatch.setattr(code_files, "folder", lambda: tmp_path / "socbayes")
    return tmp_path / "socbayes"


def test_a_later_process_compiles_what_has_changed_and_nothing_else(cache):
    folder, draws = cache
    same, prior, equation, length = said(process(folder, BASE, *CHANGED))
    assert same == (0, draws)
    assert prior[0] == equation[0] == length[0] == 1
    assert len({draws, prior[1], equation[1]}) == 3
    assert length[1] == draws  # drivers after the last sample are longer data, and no other numbers


def test_without_a_cache_it_draws_the_same(cache):
    folder, draws = cache
    assert said(process(folder, BASE, flags=",numba__cache=False")) == [(1, draws)]


def test_damaged_code_is_compiled_again(cache):
    folder, draws = cache
    for path in (folder / "socbayes").glob("*.code"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert said(process(folder, BASE, BASE)) == [(1, draws), (0, draws)]


def test_two_processes_at_once_leave_whole_code(cache, monkeypatch):
    folder, draws = cache
    for path in (folder / "socbayes").glob("*.code"):
        path.unlink()
    both = [process(folder, BASE), process(folder, BASE)]
    assert {said(child)[0][1] for child in both} == {draws}
    monkeypatch.setattr(code_files, "folder", lambda: folder / "socbayes")
    (path,) = (folder / "socbayes").iterdir()
    assert code_files.read(path.stem) is not None


def test_data_come_by_pointer(own_folder):
    compile_for_sampling(model_called())
    counted = Compilations()
    try:
        model = model_called()
        with model:
            pm.set_data({"measured": np.array([1.8, 3.3])})
        kept = compile_for_sampling(model)
    finally:
        nutpie.compile_pymc_model = counted.compile
    assert counted.count == 0
    height, _ = kept.logp_func(np.array([-1.0]))
    with reproducible():
        fresh = counted.compile(model, jitter_rvs=set())
    assert float(height) == float(fresh.logp_func(np.array([-1.0]))[0])
    moved = compiled._callable(kept.with_data(measured=np.array([1.6, 2.9])))
    assert float(moved.logp_func(np.array([-1.0]))[0]) != float(height)


def test_all_that_nutpie_has_of_a_model_is_the_same(own_folder):
    made = compile_for_sampling(toy_model())
    kept = compile_for_sampling(toy_model())
    assert len(code_files.entries()) == 1
    assert kept.compiled_logp_func.address != made.compiled_logp_func.address
    for name in ("n_dim", "n_expanded", "shape_info", "dims", "reparameterized_names", "shapes"):
        assert repr(getattr(kept, name)) == repr(getattr(made, name)), name  # shapes are arrays
    assert all(kept.coords[name].equals(index) for name, index in made.coords.items())
    np.testing.assert_array_equal(kept.initial_point_func(7), made.initial_point_func(7))
    begun = dataclasses.replace(kept, initial_point_func=lambda _: np.zeros(kept.n_dim))
    drawn = nutpie.sample(begun, draws=5, tune=5, chains=1, seed=1, progress_bar=False)
    assert drawn["posterior"].sizes["draw"] == 5
    with reproducible():
        some = compiled_density(toy_model(), var_names=["mean"])
    assert "effect" not in some.shape_info[0]
    assert "effect" in kept.shape_info[0]


def ranks_of_a_calibration():
    with pm.Model() as model:
        mean = pm.Normal("mean")
        pm.Normal("value", mean, 1.0, observed=np.array([0.3, 1.2]))
    return sb.sbc(model, simulations=3, draws=30, tune=30, chains=2, ranked_draws=20, seed=1, progress=False)


def densities_of_sites_left_out():
    site, names = np.repeat([0, 1, 2], 4), ["a", "b", "c"]
    with pm.Model(coords={"site": names, "obs": range(12)}) as model:
        mean = pm.Normal("mean")
        effect = pm.Normal("effect", 0.0, 0.5, dims="site")
        pm.Normal("value", mean + effect[site], 0.3, observed=np.linspace(-1.0, 1.0, 12), dims="obs")
    labels = {"value": np.array(names)[site]}
    return leave_groups_out(model, labels, ["site"], folds=3, draws=30, tune=30, chains=2, redraws=3, longer=0, seed=1)


@pytest.mark.parametrize("made", [ranks_of_a_calibration, densities_of_sites_left_out])
def test_what_fits_again_and_again_gives_the_same_by_kept_code(own_folder, made):
    counted = Compilations()
    try:
        first = made()
        assert counted.count == 1
        assert len(code_files.entries()) == 1
        again = made()
        assert counted.count == 1
    finally:
        nutpie.compile_pymc_model = counted.compile
    assert first.equals(again)


def test_code_that_computes_other_numbers_is_not_kept(own_folder, monkeypatch):
    monkeypatch.setattr(compiled, "_same", lambda made, again: False)
    with pm.Model() as model:
        pm.Normal("x")
    compile_for_sampling(model)
    assert not code_files.entries()


def test_what_numba_cannot_give_out_is_not_kept(own_folder, monkeypatch):
    big = np.linspace(0.0, 1.0, 200_000)  # Numba holds larger constants by their address
    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Potential("sum", pytensor.tensor.exp(x * pytensor.tensor.constant(big)).sum())
    made = compile_for_sampling(model)
    assert np.isfinite(made.logp_func(np.array([0.5]))[0])
    assert not code_files.entries()


ELSEWHERE = """
import ctypes, pickle, sys
from pathlib import Path
from socbayes.inference.machine_code import loaded
code = loaded(pickle.loads(Path(sys.argv[1]).read_bytes()))
print(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(code.address)(1.5))
"""


def test_functions_made_of_text_that_belong_to_no_module_run_in_another_process(tmp_path):
    """As PyTensor makes them, with what they say of a fault; it looks up constants where Numba keeps them."""
    names = {"limit": 3.0}
    exec("def doubled(x):\n if x > limit:\n  raise ValueError(f'{int(x)} of {int(limit)}')\n return 2.0 * x", names)
    assert "__name__" not in names
    code = object_code(numba.cfunc("float64(float64)")(names["doubled"]))
    (tmp_path / "code").write_bytes(pickle.dumps(code))
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "code")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "3.0\n", result.stderr


def test_files_of_another_kind_are_no_entries(own_folder):
    code_files.write("ab", b"code", {"model": "one"})
    assert code_files.read("ab") == b"code"
    assert code_files.read("cd") is None
    for damage in (b"", b"{}\ncode", b"code", b'{"sha256": 3}\ncode', b"[]\n"):
        (own_folder / "ab.code").write_bytes(damage)
        assert code_files.read("ab") is None
        assert [entry.model for entry in code_files.entries()] == [""]


def test_used_last_stays(own_folder):
    for place, key in enumerate(("a", "b", "c")):
        code_files.write(key, bytes(1000), {"model": key})
        os.utime(own_folder / f"{key}.code", (place, place))
    assert code_files.read("a") is not None
    (own_folder / "d.code.1.part").write_bytes(b"killed")
    os.utime(own_folder / "d.code.1.part", (0, 0))
    (own_folder / "e.code.1.part").write_bytes(b"at work")
    assert code_files.shrink(2500) == 1
    assert [entry.model for entry in code_files.entries()] == ["a", "c"]
    assert not (own_folder / "d.code.1.part").exists()
    assert (own_folder / "e.code.1.part").exists()


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(code_files, "folder", lambda: tmp_path / "file" / "socbayes")
    code_files.write("a", b"code", {})
    assert code_files.read("a") is None
    assert not code_files.entries()


def test_the_command_shows_what_is_kept_and_removes_it(own_folder):
    code_files.write("a", bytes(1_500_000), {"model": "cue"})
    shown = CliRunner().invoke(app, ["cache"])
    assert shown.exit_code == 0
    assert "cue" in shown.output
    assert "1.5" in shown.output
    assert str(own_folder) in shown.output.replace("\n", "")
    cleared = CliRunner().invoke(app, ["cache", "--clear"])
    assert cleared.exit_code == 0
    assert "1 of 1" in cleared.output
    assert not list(own_folder.iterdir())
    assert "0 in" in CliRunner().invoke(app, ["cache"]).output


def test_a_later_time_of_use_is_noted(own_folder):
    code_files.write("a", b"code", {})
    os.utime(own_folder / "a.code", (0, 0))
    code_files.read("a")
    assert time.time() - code_files.entries()[0].used < 60
