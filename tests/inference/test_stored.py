"""Stored posteriors: small, true to the fit they were thinned from, and of the tables that are bundled."""

from __future__ import annotations

import json
from pathlib import Path

import arviz as az
import numpy as np
import pytest
import xarray as xr

import socbayes
from socbayes import datasets
from socbayes.carried import load_prior
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.facts import table_of
from socbayes.inference.stored import load_posterior, store_posterior
from socbayes.inference.streams import by_dims
from socbayes.models.biochar import persistence
from socbayes.models.joint.model import literatures
from socbayes.models.root_inputs import allocated
from socbayes.spec import ModelSpec
from socbayes.structures import amendments

FOLDER = Path(socbayes.__file__).parents[1] / "data" / "posteriors"
NAMES = ("cue_process", "mcp_process", "priming_process")


def fit_of(draws: int = 500, converged: int = 1) -> xr.DataTree:
    values = np.random.default_rng(1).normal(size=(2, draws, 3))
    posterior = xr.Dataset({"a": (("chain", "draw", "x"), values), "b": (("chain", "draw"), values[..., 0])})
    tree = xr.DataTree.from_dict({"posterior": posterior.assign_coords(x=["i", "j", "k"], draw=range(draws))})
    tree.attrs = {"converged": converged, "failures": json.dumps([] if converged else ["R-hat 1.2"]), "store": "here"}
    return tree


@pytest.mark.parametrize("name", NAMES)
def test_bundled_posteriors_are_of_converged_fits_to_the_bundled_tables(name):
    fitted = load_posterior(name)
    spec = ModelSpec.from_json(fitted.attrs["spec"])
    assert spec.model == name
    assert fitted.attrs["converged"] == 1
    assert fitted.attrs["max_r_hat"] <= 1.01
    assert fitted.attrs["divergences"] == 0
    for role in spec.tables:
        assert table_of(fitted, role) is not None, f"{role} has changed since: refit with benchmarks/literature.py"
    assert set(spec.quantities) <= set(fitted["posterior"].data_vars)
    assert (FOLDER / f"{name}-1.nc").stat().st_size < 2_000_000


def test_gates_of_a_stored_posterior_are_those_of_the_full_fit():
    """Some hundreds of draws could not show what thousands did."""
    checks = socbayes.check(load_posterior("mcp_process"))
    assert not checks.failures
    assert "6,000 draws before they were thinned: max r hat 1.0061" in checks["convergence"].text
    assert checks["divergences"].verdict == "passed"
    assert checks["loo"].verdict == "not run"


def test_thinning_keeps_the_draws_and_their_labels(tmp_path):
    fit = fit_of()
    store_posterior(fit, ["a"], tmp_path / "new" / "a.nc", draws=50)
    stored = socbayes.load(tmp_path / "new" / "a.nc")
    assert dict(stored["posterior"]["a"].sizes) == {"chain": 2, "draw": 50, "x": 3}
    assert stored["posterior"]["x"].to_numpy().tolist() == ["i", "j", "k"]
    assert stored.attrs["thinned_from"] == 500
    assert "store" not in stored.attrs
    np.testing.assert_allclose(
        stored["posterior"]["a"], fit["posterior"]["a"].sel(draw=stored["posterior"]["draw"]), rtol=1e-6
    )


def test_a_bad_fit_is_not_stored(tmp_path):
    with pytest.raises(SocbayesError, match=r"R-hat 1\.2"):
        store_posterior(fit_of(converged=0), ["a"], tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


def test_unknown_posterior_gets_a_hint():
    with pytest.raises(UnknownNameError, match="did you mean 'cue_process-1'"):
        load_posterior("cue_proces")
    with pytest.raises(UnknownNameError, match="version 99"):
        load_posterior("cue_process", 99)


def test_every_bundled_file_that_was_learned_has_its_hash():
    data = FOLDER.parent
    learned = json.loads((data / datasets.LEARNED).read_text(encoding="utf-8"))
    lists = {datasets.LEARNED, "datapackage.json"}
    expected = {f"posteriors/{path.name}" for path in FOLDER.glob("*.nc")} | {
        path.name for path in data.glob("*.json") if path.name not in lists
    }
    assert set(learned) == expected
    for name in learned:
        assert datasets.learned_file(name)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda: load_posterior("cue_process"), "posteriors/cue_process-1.nc"),
        (load_prior, "literature_prior.json"),
        (literatures, "literature_moments.json"),
        (amendments._stored, "biochar_persistence.json"),
        (persistence._stored.__wrapped__, "biochar_persistence.json"),
        (allocated._stored.__wrapped__, "root_inputs.json"),
    ],
    ids=["posterior", "prior", "moments", "amendments", "biochar", "root inputs"],
)
def test_a_bundled_file_that_was_altered_is_refused(use, name, monkeypatch):
    read = datasets._read_bytes
    monkeypatch.setattr(datasets, "_read_bytes", lambda file: read(file) + (b" " if file == name else b""))
    with pytest.raises(datasets.DatasetChangedError, match="has changed"):
        use()


def test_draws_that_are_not_finite_are_not_stored(tmp_path):
    fit = fit_of()
    fit["posterior/a"].to_numpy()[0, 3, 1] = np.inf
    with pytest.raises(SocbayesError, match="draws of a are not all finite"):
        store_posterior(fit, ["a", "b"], tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "dims",
    [("y", "xy"), ("yz", "xy"), ("xz", "yz", "xy"), ("xz", "yz", "x"), ("x", "yx", "y"), ("zx", "y", "yz", "yzx")],
)
def test_variables_are_ordered_so_that_arviz_has_dims_as_each_of_them_has(dims):
    sizes = {"x": 3, "y": 2, "z": 4}
    coords = {dim: [f"{dim}{place}" for place in range(size)] for dim, size in sizes.items() if dim in "".join(dims)}
    draws = {}
    for own in dims:
        whole = np.add.outer(1e-3 * np.random.default_rng(1).normal(size=(2, 50)), np.zeros([sizes[d] for d in own]))
        each = sum(
            10.0 ** "xyz".index(dim) * np.arange(sizes[dim]).reshape([-1 if dim == other else 1 for other in own])
            for dim in own
        )
        draws[f"of_{own}"] = (("chain", "draw", *own), whole + each)
    posterior = by_dims(xr.Dataset(draws, coords))
    means = az.summary(xr.DataTree.from_dict({"posterior": posterior}), kind="stats", round_to="none")["mean"]
    for name, value in means.items():
        labels = name.partition("[")[2].rstrip("]").split(", ")
        assert value == pytest.approx(sum(10.0 ** "xyz".index(one[0]) * int(one[1]) for one in labels), abs=0.01), name
    assert len(means) == sum(int(np.prod([sizes[dim] for dim in own])) for own in dims)


def test_a_summary_of_arviz_names_every_value_right():
    """ArviZ 1.3.0 swaps values of two dims where variables of one come first."""
    posterior = load_posterior("priming_process")["posterior"].to_dataset()
    table = az.summary(xr.DataTree.from_dict({"posterior": posterior}), kind="stats", round_to="none")["mean"]
    recovery = posterior["recovery"].mean(("chain", "draw"))
    assert recovery.shape == (2, 6)
    for (first, second), value in np.ndenumerate(recovery):
        kind, run = (str(recovery[dim][at].item()) for dim, at in zip(recovery.dims, (first, second), strict=True))
        assert table[f"recovery[{kind}, {run}]"] == pytest.approx(float(value))
