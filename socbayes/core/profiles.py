"""What a structure in layers is given and tells, layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from socbayes.core.ages import Ages
from socbayes.core.doors import pools_of
from socbayes.core.structure import Structure, StructureError


def by_layer(**values: Any) -> dict[str, Any]:
    """Drivers or parameters of layers by name, from arrays or tensors whose last axis is the layer.

    Examples
    --------
    >>> by_layer(clay=[20.0, 25.0])
    {'clay_1': 20.0, 'clay_2': 25.0}
    """
    named = {}
    for name, value in values.items():
        array = value if hasattr(value, "type") else np.asarray(value, dtype=float)
        n = array.type.shape[-1] if hasattr(array, "type") else array.shape[-1] if array.ndim else None
        if n is None:
            raise StructureError(f"{name!r} has no last axis of known length, one value for each layer")
        for layer in range(n):
            one = array[..., layer]
            named[f"{name}_{layer + 1}"] = float(one) if isinstance(one, np.ndarray) and not one.ndim else one
    return named


def layer_carbon(structure: Structure, states: Any) -> Any:
    """Carbon of each layer, ``(..., layer)``.

    Parameters
    ----------
    structure
        A structure in layers, with or without label and radiocarbon, which weighs nothing.
    states
        Pools by name (a run of :func:`socbayes.structures.simulate` will do, and what is not named is empty), or an
        array or tensor ``(..., pool)`` or ``(..., state)``.

    Raises
    ------
    StructureError
        For a structure without layers, and names or numbers of pools that it does not have.

    Examples
    --------
    >>> from socbayes.core.layers import with_layers
    >>> from socbayes.structures import get
    >>> profile = with_layers(get("icbm"), [0, 20, 50], inputs={"carbon_input": "surface"}, by_depth=())
    >>> layer_carbon(profile, {"young_1": 0.3, "old_1": 4.0, "old_2": 2.0}).tolist()
    [4.3, 2.0]
    """
    _need_layers(structure)
    n = len(structure.pools)
    if hasattr(states, "data_vars"):
        states = {pool: states[pool].to_numpy() for pool in structure.pools}
    if hasattr(states, "keys"):
        return np.stack(np.broadcast_arrays(*pools_of(structure, states)), axis=-1) @ _members(structure)
    values = states if hasattr(states, "type") else np.asarray(states, dtype=float)
    shape = values.type.shape if hasattr(values, "type") else values.shape
    if not shape or shape[-1] not in (None, n, len(structure.state)):
        raise StructureError(f"{structure.name}: states have shape {shape}, expected {n} pools in the last axis")
    return values[..., :n] @ _members(structure)


def layer_ages(structure: Structure, ages: Ages) -> Any:
    """Mean age of the carbon of each layer ``(layer,)``, of :func:`socbayes.core.ages`; inert pools have none.

    Examples
    --------
    >>> from socbayes.core.ages import ages
    >>> from socbayes.core.layers import with_layers
    >>> from socbayes.structures import get
    >>> profile = with_layers(get("icbm"), [0, 20, 50], inputs={"carbon_input": 20.0}, by_depth=(), mixing=1.0)
    >>> bool(np.all(np.diff(layer_ages(profile, ages(profile))) > 0))
    True
    """
    _need_layers(structure)
    rows = [structure.pools.index(pool) for pool in ages.pools]
    members = _members(structure)[rows]
    aged = np.array([ages.pool_ages[pool] for pool in ages.pools])
    with np.errstate(invalid="ignore"):
        return (ages.stocks * aged) @ members / (ages.stocks @ members)


def _need_layers(structure: Structure) -> None:
    if not structure.boundaries:
        raise StructureError(f"{structure.name} has no layers; with_layers puts it in some")


def _members(structure: Structure) -> np.ndarray[Any, Any]:
    """Whether a pool of carbon is in a layer (pool, layer)."""
    found = np.zeros((len(structure.pools), len(structure.boundaries) - 1))
    for place, pool in enumerate(structure.pools):
        if pool not in structure.activities:
            parts = pool.split("_")  # a label stands after the layer
            found[place, int(parts[-1] if parts[-1].isdigit() else parts[-2]) - 1] = 1.0
    return found


__all__ = ["by_layer", "layer_ages", "layer_carbon"]
