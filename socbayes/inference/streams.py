"""Draws of a run that is not whole: stores that grow while they are made, and what each chain has written to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socbayes.errors import SocbayesError, UnreadableFileError, said_by

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from zarr.abc.store import Store
    from zarr.core.buffer import Buffer

DRAWS = "draws.zarr"
_CONTINUED = re.compile(r"draws-(\d+)-(\d+)\.zarr")
_GROUPS = {"zarr.json", "posterior", "sample_stats", "warmup_posterior", "warmup_sample_stats"}
"""What nutpie writes to a store before the first draw after warm-up."""
EARLY = 2
"""Pieces of a chain after which a run without whole first draws is not one that has just begun."""
STATISTICS = ("diverging", "energy", "n_steps", "step_size", "depth", "logp", "maxdepth_reached")


@dataclass(frozen=True)
class Stream:
    """One store of draws.

    Parameters
    ----------
    path
        Where it is.
    tree
        Its posterior and statistics, as far as they are written, read once: every variable has a file for each few
        draws of a chain.
    chains
        Number in the run of each of its chains.
    written
        Draws of each that count, (chain,).
    """

    path: Path
    tree: xr.DataTree
    chains: tuple[int, ...]
    written: np.ndarray

    def draws(self, group: str, chain: int, names: Collection[str] | None = None) -> xr.Dataset:
        """What one chain of the run has written here, (chain, draw, ...), without labels of chains and draws.

        Parameters
        ----------
        group
            Such as ``posterior``.
        chain
            Number of the chain in the run.
        names
            Variables wanted; by default all but those on the unconstrained scale.
        """
        place = self.chains.index(chain)
        with _readable(self.path):
            found = self.tree[group].to_dataset().drop_dims("unconstrained_parameter", errors="ignore")
            wanted = [v for v in found.data_vars if (v in names if names is not None else not str(v).endswith("__"))]
            part = found[wanted].isel(chain=[place], draw=slice(0, int(self.written[place])))
            return part.drop_vars(["chain", "draw"], errors="ignore").load()


def streams(folder: Path, most: int | None = None) -> list[Stream]:
    """Stores of draws of a run, in the order in which they were written; those without draws yet are left out.

    Parameters
    ----------
    folder
        Of the run.
    most
        Draws of each chain of a store beyond which none is looked at.

    Raises
    ------
    UnreadableFileError
        If one of them is no store of draws, is damaged, or goes on from one that is not there.
    """
    if lost := lost_store(folder):
        raise UnreadableFileError(
            f"{folder} is damaged: {lost} is not there, and other draws of the run go on from its own; remove the run "
            "and fit again"
        )
    opened = (_stream(path, None if chain < 0 else (chain,), most) for path, _, chain in stores(folder))
    return [stream for stream in opened if stream is not None and stream.written.any()]


def stores(folder: Path) -> list[tuple[Path, int, int]]:
    """Stores of draws, the time a run was taken up and the chain of each; 0 and -1 for the first, of all chains."""
    found = [(folder / DRAWS, 0, -1)] if (folder / DRAWS).exists() else []
    later = ((path, _CONTINUED.fullmatch(path.name)) for path in folder.glob("draws-*.zarr"))
    found += [(path, int(match[1]), int(match[2])) for path, match in later if match]
    return sorted(found, key=lambda store: store[1:])


def lost_store(folder: Path) -> str:
    """Name of the first store that is not there though others of the run go on from it; empty where all are there."""
    times = {time for _, time, _ in stores(folder)}
    lost = [time for time in range(max(times, default=0)) if time not in times]
    if not lost:
        return ""
    return f"draws-{lost[0]}-*.zarr" if lost[0] else DRAWS


def continued(folder: Path, time: int, chain: int) -> Path:
    """Store of what a chain draws when its run is taken up for the ``time``-th time."""
    return folder / f"draws-{time}-{chain}.zarr"


def written_by_chain(found: Sequence[Stream], chains: int) -> np.ndarray:
    """Draws that each chain of a run has on disk, (chain,)."""
    import numpy as np

    counts = np.zeros(chains, dtype=int)
    for stream in found:
        if max(stream.chains) >= chains:
            raise UnreadableFileError(f"{stream.path} holds more chains than were asked for: it is not of this run")
        np.add.at(counts, list(stream.chains), stream.written)
    return counts


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a store that cannot be read that it is damaged."""
    try:
        yield
    except SocbayesError:
        raise
    except Exception as error:  # what a reader of damaged stores raises is of every class
        raise UnreadableFileError(
            f"{path} is no store of draws of socbayes, or is damaged ({said_by(error)}); remove the run and fit again"
        ) from None


def _stream(path: Path, chains: tuple[int, ...] | None, most: int | None) -> Stream | None:
    """Open a store of draws; None where the first draw after warm-up is still to come."""
    import numpy as np
    import xarray as xr

    if not path.is_dir():
        raise UnreadableFileError(f"{path} is a file where a folder of draws should be")
    if not any(path.glob("sample_stats/*/c")):  # written with the first draws after warm-up
        if foreign := sorted({entry.name for entry in path.iterdir()} - _GROUPS):
            raise UnreadableFileError(f"{path} is no store of draws of socbayes: it holds {', '.join(foreign[:5])}")
        return None
    with _readable(path):
        # The store itself, as a path would be read as an address: # and ? would end it.
        tree = xr.open_datatree(_pieces(path), engine="zarr", consolidated=False)  # type: ignore[arg-type]
        require_groups(tree, path)
        posterior = tree["posterior"].to_dataset().drop_dims("unconstrained_parameter", errors="ignore")
        statistics = tree["sample_stats"].to_dataset()
        require_draws(posterior, statistics, path)
        # No further than files reach: a run may have been asked for millions of draws.
        piece = _piece(statistics)
        reach = min(_reach(path, statistics, piece), most or np.inf)
        energy = statistics["energy"].isel(draw=slice(0, reach))
        written = _draws_written(energy, piece)
        reached = {"draw": slice(0, max(1, int(written.max())))}
        posterior = posterior.isel(reached).load()
        statistics = statistics[[name for name in STATISTICS if name in statistics]].isel(reached).load()
        counts = [_draws_written(value, piece) for value in posterior.data_vars.values() if value.dtype.kind == "f"]
        written = np.min([written, *counts], axis=0)
        if not written.any() and np.isfinite(energy.isel(draw=slice(EARLY * piece, None))).any():
            raise UnreadableFileError(f"{path} is damaged: its first draws are not whole, and later ones are there")
    read = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics})
    return Stream(path, read, chains or tuple(range(written.size)), written)


def _pieces(path: Path) -> Store:
    """Store of draws in which a file that is still empty is not there.

    A file is made before it is written, so a run that is looked at meanwhile, or was ended then, has some that are
    empty.
    """
    from zarr.storage import LocalStore

    class Written(LocalStore):
        async def get(self, key: str, *args: Any, **options: Any) -> Buffer | None:
            found = await super().get(key, *args, **options)
            return None if found is not None and not len(found) and "/c/" in key else found

    return Written(path)


def _piece(statistics: xr.Dataset) -> int:
    """Draws of a chain that are written at a time: a file for each variable."""
    energy = statistics["energy"]
    return int((energy.encoding.get("chunks") or energy.shape)[1])


def _reach(path: Path, statistics: xr.Dataset, piece: int) -> int:
    """Draws of a store of which some file may hold any."""
    length = statistics.sizes["draw"]
    files = (entry.name for entry in path.glob("sample_stats/energy/c/*/*"))
    last = max((int(name) for name in files if name.isdigit()), default=length)
    return min((last + 1) * piece, length)


def read_draws(folder: Path, most: int | None = None, found: Sequence[Stream] | None = None) -> xr.DataTree:
    """Posterior and statistics of what a run has on disk.

    Draws not written yet are NaN. Each variable has files of its own, and a
    killed run may have written some of them, so a draw counts once all its
    variables, and all draws before it, are there. What a chain drew when the run was taken up again
    follows what it had drawn before. Chains that have less than half the draws
    of the longest one are left out, the others cut to their common length and
    labelled with their numbers in the run; ``attrs["left_out"]`` names the rest.

    Parameters
    ----------
    folder
        Of the run.
    most
        Draws of each chain beyond which all are left away.
    found
        Its :func:`streams`, if at hand.

    Raises
    ------
    SocbayesError
        If there are no draws yet.
    """
    import numpy as np
    import xarray as xr

    found = streams(folder, most) if found is None else found
    if not found:
        raise SocbayesError(
            f"{folder} holds no draws yet: it was cut short in warm-up; `socbayes resume {folder}` begins it anew"
        )
    counts = written_by_chain(found, 1 + max(max(one.chains) for one in found))
    counts = np.minimum(counts, most or counts.max())
    kept = np.flatnonzero(2 * counts >= counts.max()).tolist()
    length = int(counts[kept].min())
    groups = {}
    for name, wanted in (("posterior", None), ("sample_stats", STATISTICS)):
        chains = []
        for chain in kept:
            parts = [one.draws(name, chain, wanted) for one in found if chain in one.chains]
            chains.append(xr.concat(parts, "draw").isel(draw=slice(0, length)) if len(parts) > 1 else parts[0])
        group = xr.concat([part.isel(draw=slice(0, length)) for part in chains], "chain")
        groups[name] = _labelled(group, kept)
    result = xr.DataTree.from_dict(groups)
    if short := [f"chain {chain} with {count:,}" for chain, count in enumerate(counts) if chain not in kept]:
        result.attrs["left_out"] = f"{', '.join(short)} of {counts.max():,} draws"
    return result


def _labelled(group: xr.Dataset, chains: Sequence[int]) -> xr.Dataset:
    """Draws with numbers of chains and draws, and labels as text that netCDF knows."""
    import numpy as np

    # netCDF knows no variable-width strings of numpy's own.
    texts = {
        str(key): (value.dims, np.array([str(label) for label in value.to_numpy()], dtype="U"))
        for key, value in group.coords.items()
        if value.dtype.kind == "T"
    }
    numbers = {"chain": np.asarray(chains), "draw": np.arange(group.sizes["draw"])}
    return by_dims(group.assign_coords(texts | numbers))


def by_dims(group: xr.Dataset) -> xr.Dataset:
    """Draws, their variables in an order in which dims first appear as every variable has them.

    ``az.summary`` of ArviZ 1.3.0 takes the order of dims from where they first appear among the variables. A variable
    that has them the other way round gets values of others under its names. No order serves variables whose dims
    cannot stand in one row, such as (plot, pool) beside (pool, plot).

    Parameters
    ----------
    group
        Such as a posterior.

    Examples
    --------
    >>> import xarray as xr
    >>> group = xr.Dataset({"spread": ("pool", [0.1]), "share": (("plot", "pool"), [[0.3]])})
    >>> list(by_dims(group))
    ['share', 'spread']
    """
    left, seen, order = list(group.data_vars), set[Hashable](), list[Hashable]()
    dims = {name: group[name].dims for name in left}
    before = {dim: {one for own in dims.values() if dim in own for one in own[: own.index(dim)]} for dim in group.dims}

    def too_early(name: Hashable) -> tuple[int, int]:
        own = dims[name]
        new = [dim for dim in own if dim not in seen]
        return sum(len(before[dim] - seen - set(own[: own.index(dim)])) for dim in new), -len(own)

    while left:
        chosen = min(left, key=too_early)
        left.remove(chosen)
        order.append(chosen)
        seen.update(dims[chosen])
    return group[order]


def _draws_written(variable: xr.DataArray, piece: int) -> np.ndarray:
    """Draws of each chain up to the last one with a finite value, or up to a piece without any; shape (chain,).

    nutpie writes pieces at the same time, so a kill may leave one out and keep the next.
    """
    import numpy as np

    values = variable.transpose("chain", "draw", ...).to_numpy()
    finite = np.isfinite(values).any(axis=tuple(range(2, values.ndim)))
    last = np.where(finite.any(axis=1), finite.shape[1] - np.argmax(finite[:, ::-1], axis=1), 0)
    held = np.logical_or.reduceat(finite, np.arange(0, finite.shape[1], piece), axis=1)
    return np.where(held.all(axis=1), last, np.minimum(last, piece * np.argmin(held, axis=1)))


def require_groups(tree: xr.DataTree, path: Path) -> None:
    """Refuse what has no posterior or no statistics of the sampler."""
    for group in ("posterior", "sample_stats"):
        if group not in tree.children:
            has = ", ".join(tree.children) or "none"
            raise UnreadableFileError(f"{path} is not of a fit of socbayes: no group {group} (its groups: {has})")


def require_draws(posterior: xr.Dataset, statistics: xr.Dataset, path: Path) -> None:
    """Refuse draws that are not numbers by chain and draw, or statistics that are not theirs."""
    wrong = [
        str(name)
        for name, value in posterior.data_vars.items()
        if value.dims[:2] != ("chain", "draw") or value.dtype.kind not in "fiub"
    ]
    if wrong or not posterior.data_vars:
        what = f"{', '.join(wrong[:5])}: no numbers by chain and draw" if wrong else "it holds no variable"
        raise UnreadableFileError(f"{path} is not of a fit of socbayes; its posterior is wrong: {what}")
    for name in ("diverging", "energy"):
        if name not in statistics.data_vars or statistics[name].dims != ("chain", "draw"):
            raise UnreadableFileError(f"{path} is not of a fit of socbayes: no statistic {name!r} by chain and draw")
    sizes = [(group.sizes["chain"], group.sizes["draw"]) for group in (posterior, statistics)]
    if sizes[0] != sizes[1] or 0 in sizes[0]:
        draws, statistic = ("{} x {}".format(*size) for size in sizes)
        raise UnreadableFileError(f"{path} is damaged: {draws} draws (chains x draws) with statistics of {statistic}")
