"""A small hierarchical model, fitted once."""

from __future__ import annotations

import numpy as np
import pytest
from toy import toy_model


@pytest.fixture(scope="session")
def toy_fit(tmp_path_factory):
    """The toy model fitted, and the folder of its run."""
    from socbayes.inference.fit import fit

    folder = tmp_path_factory.mktemp("toy") / "run"
    return fit(toy_model(), draws=1000, tune=500, chains=4, seed=5, store=folder, progress=False), folder


@pytest.fixture
def tree():
    """Make a DataTree of given draws, shape (chain, draw) each, with honest statistics."""

    def make(**draws):
        import xarray as xr

        chains, length = np.shape(next(iter(draws.values())))
        rng = np.random.default_rng(0)
        statistics = {
            "diverging": (("chain", "draw"), np.zeros((chains, length), dtype=bool)),
            "energy": (("chain", "draw"), rng.standard_normal((chains, length))),
        }
        dims = {"chain": np.arange(chains), "draw": np.arange(length)}
        return xr.DataTree.from_dict(
            {
                "posterior": xr.Dataset({k: (("chain", "draw"), v) for k, v in draws.items()}, coords=dims),
                "sample_stats": xr.Dataset(statistics, coords=dims),
            }
        )

    return make
