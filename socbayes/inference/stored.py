"""Posteriors of long fits as small files: a few hundred draws of what is reported, with their provenance."""

from __future__ import annotations

from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from socbayes.datasets import learned_file
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.facts import facts_of
from socbayes.files import replacing
from socbayes.inference.runs import load
from socbayes.spec import joined
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import os

    import xarray as xr

VERSION = 1
"""Of the bundled posteriors: raised when a model or its tables change."""
DRAWS = 200
"""Draws kept of each chain."""


def store_posterior(
    fitted: xr.DataTree, names: Collection[str], path: str | os.PathLike[str], *, draws: int = DRAWS
) -> None:
    """Write some variables of a fit as a small file, evenly thinned and in single precision.

    Parameters
    ----------
    fitted
        A fit that converged.
    names
        Variables of its posterior.
    path
        File to write.
    draws
        Draws kept of each chain.

    Raises
    ------
    SocbayesError
        If the fit did not converge, or draws are not finite.

    Examples
    --------
    >>> store_posterior(fitted, ["turnover"], "turnover.nc")  # doctest: +SKIP
    """
    import numpy as np
    import xarray as xr

    facts = facts_of(fitted)
    if not facts.converged:
        raise SocbayesError(f"the fit did not converge, so it is not stored: {'; '.join(facts.failures)}")
    posterior = fitted["posterior"].to_dataset()[list(names)]
    if broken := [str(name) for name, value in posterior.items() if not np.isfinite(value).all()]:
        raise SocbayesError(f"draws of {joined(broken)} are not all finite, so the fit is not stored")
    total = posterior.sizes["draw"]
    kept = posterior.isel(draw=np.linspace(0, total - 1, min(draws, total)).round().astype(int)).astype("float32")
    tree = xr.DataTree.from_dict({"posterior": kept.drop_attrs()})
    tree.attrs = {name: value for name, value in fitted.attrs.items() if name != "store"} | {"thinned_from": total}
    encoding = {"/posterior": {str(name): {"zlib": True, "complevel": 9} for name in kept.data_vars}}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        tree.to_netcdf(temporary, encoding=encoding)


def load_posterior(name: str, version: int = VERSION) -> xr.DataTree:
    """Load a bundled posterior of a process model fitted to the literature.

    It is thinned to a few hundred draws of the quantities that are reported
    and of what scenarios need, so that nothing has to be sampled.

    Parameters
    ----------
    name
        Name of the model: ``"cue_process"``, ``"mcp_process"`` or ``"priming_process"``.
    version
        Of the stored posterior.

    Returns
    -------
    xarray.DataTree
        Group posterior (dims chain, draw, ...). ``attrs`` are those of the
        full fit, its diagnostics and the hashes of its tables among them.

    Raises
    ------
    UnknownNameError
        If there is no such posterior, with the nearest name.
    DatasetChangedError
        If the file is not the one that the package was made with.

    Notes
    -----
    What was learned from tables under non-commercial terms stays under them:
    see ``data/LICENSES.md``.

    Examples
    --------
    >>> fitted = load_posterior("cue_process")
    >>> fitted.attrs["model"], int(fitted.attrs["converged"])
    ('cue_process', 1)
    """
    folder = resources.files("socbayes.data").joinpath("posteriors")
    known = sorted(entry.name.removesuffix(".nc") for entry in folder.iterdir() if entry.name.endswith(".nc"))
    if f"{name}-{version}" not in known:
        hint = nearest(f"{name}-{version}", known)
        raise UnknownNameError(
            f"no stored posterior {name!r} of version {version}"
            + (f"; did you mean {hint!r}?" if hint else "")
            + f" Stored (name-version): {joined(known)}"
        )
    learned_file(f"posteriors/{name}-{version}.nc")  # refused where it has changed
    with resources.as_file(folder.joinpath(f"{name}-{version}.nc")) as path:
        fitted = load(path)
    fitted["posterior"] = fitted["posterior"].to_dataset().astype("float64")
    return fitted
