"""Folders of runs: what is in them, from the first step to the last, and how it is read in whatever state it is.

===============  =============================================================================================
file             holds
===============  =============================================================================================
``spec.json``    what the run is of (:class:`socbayes.spec.ModelSpec`); it stays
``settings.json``  how it is sampled (:class:`Settings`); until the fit is whole
``tables.nc``    the tables of the model; until the fit is whole
``draws.zarr``   draws of all chains, growing while they are made; until the fit is whole
``draws-K-C.zarr``  what chain C drew when the run was taken up for the K-th time; until the fit is whole
``fit.nc``       the posterior and, once computed, all else; it stays
===============  =============================================================================================

A fit that lacks nothing but draws keeps all of them, so that it can be gone on with.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from socbayes.errors import SocbayesError, UnreadableFileError, said_by
from socbayes.facts import TABLES, facts_of, spec_from, with_tables
from socbayes.files import file_name, replacing, write_text
from socbayes.inference.diagnostics import gate, judged
from socbayes.inference.streams import by_dims, read_draws, require_draws, require_groups, stores
from socbayes.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SPEC, SETTINGS, KEPT_TABLES, FIT = "spec.json", "settings.json", "tables.nc", "fit.nc"
MEASURES = ("max_r_hat", "min_ess_bulk", "min_ess_tail", "divergences", "min_energy_fraction")
"""Numbers that the gate writes."""
MAX_SEED = 2**63 - 1
"""Seeds beyond are no attributes of netCDF."""


@dataclass(frozen=True)
class Settings:
    """How a run is sampled.

    Parameters
    ----------
    draws, tune, chains
        Draws of each chain at which the run is first looked at, warm-up steps, and number of chains.
    cores
        Chains run at a time.
    seed
        Seed of everything random in the run.
    target_accept, adaptation
        Of nutpie's NUTS.
    climbs
        Ascents of the log density after sampling.
    data
        Hash of what the model observes (:func:`socbayes.inference.sampling.data_hash`).
    most_draws
        Draws of each chain after which it ends in any case; by default those at which it is first looked at.
    most_minutes
        Of sampling, after which it ends in any case; by default none.
    """

    draws: int
    tune: int
    chains: int
    cores: int
    seed: int
    target_accept: float
    adaptation: str
    climbs: int
    data: str
    most_draws: int | None = None
    most_minutes: float | None = None

    @property
    def limit(self) -> int:
        """Draws of each chain after which the run ends in any case."""
        return self.most_draws or self.draws

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains", "cores", "most_draws"):
            value = getattr(self, name)
            if name == "most_draws" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SocbayesError(f"{name} is a whole number from 1, not {value!r}")
        if isinstance(self.climbs, bool) or not isinstance(self.climbs, int) or self.climbs < 0:
            raise SocbayesError(f"climbs is a whole number from 0, not {self.climbs!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MAX_SEED:
            raise SocbayesError(f"a seed is a whole number from 0 to 2**63 - 1, not {self.seed!r}")
        if not isinstance(self.target_accept, float) or not 0.0 < self.target_accept < 1.0:
            raise SocbayesError(f"target_accept is between 0 and 1, not {self.target_accept!r}")
        if self.most_minutes is not None and (
            isinstance(self.most_minutes, bool)
            or not isinstance(self.most_minutes, int | float)
            or not 0.0 < self.most_minutes < float("inf")
        ):
            raise SocbayesError(f"most_minutes is a number above 0, not {self.most_minutes!r}")
        if self.adaptation not in ("diag", "low_rank"):
            raise SocbayesError(f"adaptation is 'diag' or 'low_rank', not {self.adaptation!r}")


def new_run_folder(model: str, store: str | os.PathLike[str] | None) -> Path:
    """Make the folder of a new run.

    Parameters
    ----------
    model
        Name of the model, part of the folder's name where none is given.
    store
        Folder that the caller names.

    Raises
    ------
    SocbayesError
        If the folder holds anything, or has a name that netCDF cannot write to.
    """
    if store is None:
        store = Path("runs") / f"{file_name(model)}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = Path(store)
    if os.sep == "/" and "\\" in str(folder.absolute()):
        raise SocbayesError(
            f"netCDF writes to no folder with a backslash in its name: {folder.absolute()}; name another"
        )
    if (folder / SPEC).exists():
        raise SocbayesError(
            f"{folder} holds a run already; `socbayes resume` goes on with it, or name another folder or remove it"
        )
    if folder.exists() and not folder.is_dir():
        raise SocbayesError(f"{folder} is a file; name a new folder for the run")
    if folder.exists() and any(folder.iterdir()):
        raise SocbayesError(f"{folder} holds something other than a run; name a new folder for the run")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def begin(folder: Path, spec: ModelSpec, settings: Settings, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write what a run is of and how it is sampled, so that it is known, and can be finished, when it is cut short."""
    import xarray as xr

    tree = xr.DataTree()
    with_tables(tree, tables)
    if tree.children:
        save(tree, folder / KEPT_TABLES)
    write_settings(folder, settings)
    write_text(folder / SPEC, spec.to_json())


def write_settings(folder: Path, settings: Settings) -> None:
    """Write how a run is sampled."""
    write_text(folder / SETTINGS, json.dumps(asdict(settings), indent=1) + "\n")


def set_free(folder: Path, *, made: bool) -> None:
    """Take away what a run without draws wrote to its folder, so that the next can be there.

    Parameters
    ----------
    folder
        Of the run.
    made
        Whether the run made the folder itself, so that it goes as well.
    """
    clear_stream(folder)
    (folder / SPEC).unlink(missing_ok=True)
    if made and not any(folder.iterdir()):
        folder.rmdir()


def clear_stream(folder: Path) -> None:
    """Remove what a run needs no more once its posterior is whole."""
    for path, _, _ in stores(folder):
        shutil.rmtree(path, ignore_errors=True)
    for name in (KEPT_TABLES, SETTINGS):
        (folder / name).unlink(missing_ok=True)


def read_spec(folder: Path) -> ModelSpec:
    """What a run is of.

    Raises
    ------
    UnreadableFileError
        If the file is missing or is no specification.
    """
    path = folder / SPEC
    try:
        return spec_from(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnreadableFileError(f"{folder} is no folder of a run: it has no {SPEC}") from None
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{path} is no specification of a model, or is damaged ({said_by(error)})") from None


def read_settings(folder: Path) -> Settings:
    """How a run is sampled.

    Raises
    ------
    UnreadableFileError
        If the file is missing or does not hold settings.
    """
    path = folder / SETTINGS
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        later = ("most_draws", "most_minutes")  # runs of earlier versions have no limits
        return Settings(
            **{one.name: values[one.name] for one in fields(Settings) if one.name not in later or one.name in values}
        )
    except FileNotFoundError:
        raise UnreadableFileError(
            f"{folder} does not say how it was sampled ({SETTINGS} is missing), so it cannot be gone on with; "
            f"open_run({str(folder)!r}) reads the draws it has"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, SocbayesError) as error:
        raise UnreadableFileError(
            f"{path} does not say how the run was sampled, or is damaged ({said_by(error)}); "
            f"open_run({str(folder)!r}) reads the draws the run has"
        ) from None


def read_tables(folder: Path) -> xr.DataTree | None:
    """Tables of a run whose posterior is not whole, as a group; None where it has none."""
    path = folder / KEPT_TABLES
    if not path.exists():
        return None
    tree = read_tree(path)
    if TABLES not in tree.children:
        raise UnreadableFileError(f"{path} holds no tables: it is not of a run of socbayes")
    tables: xr.DataTree = tree[TABLES]  # type: ignore[assignment]
    return tables


def save(fitted: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Write a fit to netCDF: to a temporary name first, then renamed."""
    with replacing(path) as temporary:
        fitted.to_netcdf(temporary)


def read_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read all groups of a netCDF file.

    Raises
    ------
    UnreadableFileError
        If it is none, or is damaged.
    """
    import arviz as az

    file = Path(path)
    if file.is_dir():
        raise UnreadableFileError(f"{file} is a folder where a netCDF file should be")
    if not file.exists():
        raise UnreadableFileError(f"{file} does not exist")
    with file.open("rb"):  # what the system says, such as that it may not be read, is said by the system
        pass
    try:
        with az.from_netcdf(file) as tree:
            return tree.load()
    except Exception as error:  # what a reader of damaged files raises is of every class
        raise UnreadableFileError(
            f"{file} is no netCDF file, or is damaged ({said_by(error)}); fit again, or take a copy that is whole"
        ) from None


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a fit: a ``fit.nc`` file or the folder of a run.

    A verdict that is not of the draws beside it is made anew.

    Raises
    ------
    SocbayesError
        If there is no finished fit at ``path``, or what is there is no fit or is damaged.
    """
    place = Path(path)
    file = place / FIT if place.is_dir() else place
    if not file.exists():
        if place.is_dir() and any(place.glob("draws*.zarr")):
            raise SocbayesError(
                f"{path} is not finished: `socbayes resume {path}` finishes it, open_run({str(path)!r}) reads its draws"
            )
        raise SocbayesError(f"no finished fit at {path}; an interrupted run is opened with open_run({str(path)!r})")
    fitted = read_tree(file)
    _require_fit(fitted, file)
    fitted["posterior"] = by_dims(fitted["posterior"].to_dataset())
    if "sample_stats" in fitted.children:  # else a few draws of a bundled posterior
        judged(fitted)
    return fitted


def _require_fit(fitted: xr.DataTree, file: Path) -> None:
    """Refuse a file that is no fit, or one whose facts are damaged."""
    if not (
        "thinned_from" in fitted.attrs and "posterior" in fitted.children
    ):  # which says that a bundled posterior was judged before it was thinned
        require_groups(fitted, file)
        require_draws(fitted["posterior"].to_dataset(), fitted["sample_stats"].to_dataset(), file)
    try:
        verdict = facts_of(fitted).judged
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnreadableFileError(
            f"what {file} says of itself is damaged ({said_by(error)}); fit again, or take a copy that is whole"
        ) from None
    if verdict and not all(isinstance(fitted.attrs.get(name), Real) for name in MEASURES):
        del fitted.attrs["converged"]  # to be judged anew from its draws


def open_run(folder: str | os.PathLike[str]) -> xr.DataTree:
    """Open a run in whatever state it is: finished, running or killed.

    Parameters
    ----------
    folder
        Folder given to, or made by, :func:`socbayes.fit`.

    Returns
    -------
    xarray.DataTree
        The finished fit, or posterior and sample_stats of the draws that all
        chains have on disk, with ``attrs["complete"] == 0``.

    Raises
    ------
    SocbayesError
        If the folder holds no draws yet, or what it holds is no run or is damaged.
    """
    folder = Path(folder)
    if (folder / FIT).exists():
        return load(folder)
    if not stores(folder):
        if (folder / SPEC).exists():
            raise SocbayesError(f"{folder} holds no draws yet; `socbayes resume {folder}` begins anew")
        raise SocbayesError(f"{folder} holds no draws: it is no folder of a run")
    result = read_draws(folder)
    result.attrs["complete"] = 0
    if (folder / SPEC).exists():
        spec = read_spec(folder)
        result.attrs["spec"] = spec.to_json()
        result.attrs["model"] = spec.model
    if (tables := read_tables(folder)) is not None:
        result[TABLES] = tables
    gate(result)
    return result
