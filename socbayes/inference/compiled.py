"""What a sampler moves on, compiled once for all processes.

nutpie calls two C functions: the log density with its gradient, and the
expansion of a point to all that is kept of a draw. Numba takes from half a
minute to several to make them. Their machine code is kept on disk under a hash
of all that it depends on (:mod:`socbayes.inference.graph_keys`), so that a later
process neither rewrites graphs nor compiles. Data that a model holds as
``pm.Data`` are no part of the code: it is pointed to those of this process.

Code is kept once it has been loaded again and has given the same numbers to the
last bit as the functions it was taken from. What cannot be kept is compiled by
every process, as it would be without.
"""

from __future__ import annotations

import ctypes
import dataclasses
import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.inference import code_files
from socbayes.inference.graph_keys import NoKeyError, graph_key
from socbayes.inference.machine_code import NotPortableError, ObjectCode, loaded, object_code

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.graph.basic import Variable
    from pytensor.graph.op import Op

log = logging.getLogger("socbayes")

_POINTS = 3
"""Points at which code must give the numbers of the functions it was taken from before it is kept."""
_POINTER = ctypes.c_void_p
_HEIGHT = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[_POINTER] * 4)
_EXPANSION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, *[_POINTER] * 3)
_DONE = (0, 3, 4)
"""What the log density answers where all went well, the gradient is not finite, or the log density is not."""


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What is to be compiled: the key of its graph, shared variables and operations in it, the model."""

    key: str
    shared: list[Variable]
    ops: list[Op]
    model: pm.Model
    jitter: set[Any] | None


@dataclasses.dataclass(frozen=True)
class _Kept:
    """What a later process needs in place of the graphs."""

    height: ObjectCode
    expansion: ObjectCode
    n_dim: int
    n_expanded: int
    shape_info: tuple[list[str], list[slice], list[tuple[int, ...]]]
    reparameterized: list[str]
    shared: list[int]


def compiled_density(
    model: pm.Model, *, jitter_rvs: set[Any] | None = None, var_names: Iterable[str] | None = None
) -> Any:
    """Compile a model for nutpie, or load the machine code that another process has compiled.

    Parameters
    ----------
    model
        Any PyMC model.
    jitter_rvs
        Variables that chains begin around the centre of, as for ``nutpie.compile_pymc_model``; None for all.
    var_names
        Variables to keep of each draw; None for all.

    Returns
    -------
    nutpie.CompiledPyMCModel
        Its ``logp_func`` gives the log density and its gradient at a point (parameter,).

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 3.0, 0.1)
    >>> height, gradient = compiled_density(model).logp_func(np.array([3.1]))
    >>> round(float(height), 2), gradient.round(6).tolist()
    (0.88, [-10.0])
    """
    import nutpie

    kept = None if var_names is None else list(var_names)
    asked = _asked(model, jitter_rvs, kept)
    if asked is not None and (found := _found(asked)) is not None:
        return found
    with _as_one_whole():
        made = nutpie.compile_pymc_model(model, jitter_rvs=jitter_rvs, var_names=kept)
    if asked is not None:
        _keep(made, asked)
    return _callable(made)


@contextmanager
def _as_one_whole() -> Iterator[None]:
    """Let nutpie compile the functions of a model as parts of one whole, each once.

    PyTensor writes a function for every operation, also for one equal to another; keeps the function of the whole
    graph on disk, which is kept here in another form; and makes it ready to be called from Python, which nobody does.
    """
    from nutpie import compile_pymc
    from pytensor.link.numba.dispatch import basic

    if not (hasattr(basic, "numba_funcify_ensure_cache") and hasattr(compile_pymc, "_make_functions")):
        yield  # another version compiles as it does
        return
    write, make = basic.numba_funcify_ensure_cache, compile_pymc._make_functions
    written: dict[Any, Any] = {}

    def once(op: Any, *args: Any, node: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        if node is None:  # the whole graph
            return basic.numba_funcify_and_cache_key(op, *args, **kwargs)[0], None
        function, key = write(op, *args, node=node, **kwargs)
        if key is None:
            return function, None
        # The key of a sum does not say of how many.
        types = tuple(str(variable.type) for variable in (*node.inputs, *node.outputs))
        return written.setdefault((key, types), function), key

    def for_compiled_code(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        for function in made[2:4]:  # the log density and the expansion
            function.vm.jit_fn = basic.numba_njit(function.vm.jit_fn.py_func)
        return made

    basic.numba_funcify_ensure_cache, compile_pymc._make_functions = once, for_compiled_code
    try:
        yield
    finally:
        basic.numba_funcify_ensure_cache, compile_pymc._make_functions = write, make


def _asked(model: pm.Model, jitter: set[Any] | None, var_names: list[str] | None) -> _Asked | None:
    """The key of what is to be compiled; None where it has none."""
    from pytensor import config

    if not config.numba__cache:
        return None
    values = [model.rvs_to_values[variable] for variable in model.free_RVs]
    names = [value.name for value in values]
    rest = [one for one in model.unobserved_value_vars if one.name not in names]
    rest = [one for one in rest if var_names is None or one.name in var_names]
    transformed = [model.rvs_to_transforms.get(variable) is not None for variable in model.free_RVs]
    facts = ("density", names, transformed, [one.name for one in rest], bool(model.check_bounds))
    try:
        key, shared, ops = graph_key([model.logp(), *rest], values, *facts)
    except NoKeyError as error:
        log.debug("the model is compiled by every process: %s has no key", error)
        return None
    return _Asked(key, shared, ops, model, set(model.free_RVs) if jitter is None else jitter)


def _found(asked: _Asked) -> Any:
    """The compiled model from kept code; None where there is none that can be used."""
    data = code_files.read(asked.key)
    if data is None:
        return None
    try:
        return _of_code(pickle.loads(data), asked)
    except Exception as error:  # whatever is wrong with a file of a cache, there is another way
        log.debug("kept code could not be used (%s: %s); the model is compiled", type(error).__name__, error)
        return None


def _keep(made: Any, asked: _Asked) -> None:
    """Keep the code of a compiled model for later processes, if it proves itself."""
    places = {variable: place for place, variable in enumerate(asked.shared)}
    try:
        kept = _Kept(
            height=object_code(made.compiled_logp_func),
            expansion=object_code(made.compiled_expand_func),
            n_dim=made.n_dim,
            n_expanded=made.n_expanded,
            shape_info=made.shape_info,
            reparameterized=made.reparameterized_names,
            shared=[places[variable] for variable in made.shared_var_keys],
        )
        again = _of_code(kept, asked)
        if not _same(made, again):
            raise NotPortableError("it computes other numbers when it is loaded again")
        data = pickle.dumps(kept)
    except Exception as error:  # the model is compiled: what a cache lacks costs a later process its time
        log.debug("compiled code is not kept (%s: %s)", type(error).__name__, error)
        return
    code_files.write(asked.key, data, {"model": _name(asked.model)})


def _of_code(kept: _Kept, asked: _Asked) -> Any:
    """The compiled model made of kept code and of the data of this process."""
    from nutpie.compile_pymc import CompiledPyMCModel, _prepare_dims_and_coords, make_user_data

    from socbayes.core.held import Held, point_at

    for op in asked.ops:
        if isinstance(op, Held):
            point_at(op)
    shared_keys, shared_data = {}, {}
    for place in kept.shared:
        variable: Any = asked.shared[place]
        shared_keys[variable] = f"shared_{place}"
        shared_data[f"shared_{place}"] = np.array(variable.get_value(), order="C", copy=True)
        shared_data[f"shared_{place}"].flags.writeable = False
    names, _, shapes = kept.shape_info
    dims, coords = _prepare_dims_and_coords(asked.model, kept.shape_info, kept.reparameterized)
    return _callable(
        CompiledPyMCModel(
            dims=dims,
            reparameterized_names=kept.reparameterized,
            compiled_logp_func=loaded(kept.height),
            compiled_expand_func=loaded(kept.expansion),
            initial_point_func=_initial_point(asked, kept),
            shared_data=shared_data,
            shared_var_keys=shared_keys,
            user_data=make_user_data(shared_keys, shared_data),
            n_expanded=kept.n_expanded,
            shape_info=kept.shape_info,
            logp_func=None,
            expand_func=None,
            _n_dim=kept.n_dim,
            _shapes={name: tuple(shape) for name, shape in zip(names, shapes, strict=True)},
            _coords=coords,
        )
    )


def _initial_point(asked: _Asked, kept: _Kept) -> Callable[[Any], np.ndarray]:
    """Where chains begin, as nutpie has it."""
    from nutpie.compile_pymc import _rv_dict_to_flat_array_wrapper, _wrap_with_lock
    from pymc.initial_point import make_initial_point_fn

    drawn = make_initial_point_fn(model=asked.model, jitter_rvs=asked.jitter, return_transformed=True)
    names, places, shapes = kept.shape_info
    count = sum(place.stop <= kept.n_dim for place in places)
    return _rv_dict_to_flat_array_wrapper(_wrap_with_lock(drawn), names[:count], shapes[:count])


def _callable(made: Any) -> Any:
    """A compiled model whose log density is called as the sampler calls it."""
    return dataclasses.replace(made, logp_func=_Height(made), expand_func=None)


class _Height:
    """Log density and gradient at a point, by the function that the sampler calls."""

    def __init__(self, compiled: Any) -> None:
        self.n_dim, self.data = compiled.n_dim, compiled.user_data
        self.kept = (compiled.compiled_logp_func, compiled.shared_data)
        self.function = _HEIGHT(compiled.compiled_logp_func.address)

    def __call__(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = np.ascontiguousarray(point, dtype="float64")
        height, gradient = np.full((), np.nan), np.full(self.n_dim, np.nan)
        pointers = (one.ctypes.data for one in (at, gradient, height, self.data))
        if self.function(at.size, *pointers) not in _DONE:
            raise SocbayesError("the log density could not be evaluated")
        return height, gradient


def _same(made: Any, again: Any) -> bool:
    """Whether two compiled models compute the same, to the last bit, around where chains begin."""
    rng = np.random.default_rng(0)
    begin = np.asarray(again.initial_point_func(0))
    points = [begin, *(begin + rng.uniform(-1.0, 1.0, (_POINTS - 1, begin.size)))]
    return all(_bits(made, point) == _bits(again, point) for point in points)


def _bits(compiled: Any, point: np.ndarray) -> list[Any]:
    """All that both functions give at a point."""
    height, gradient, all_values = np.zeros(()), np.zeros(compiled.n_dim), np.zeros(compiled.n_expanded)
    data = compiled.user_data.ctypes.data
    at, n = point.ctypes.data, compiled.n_dim
    codes = [
        _HEIGHT(compiled.compiled_logp_func.address)(n, at, gradient.ctypes.data, height.ctypes.data, data),
        _EXPANSION(compiled.compiled_expand_func.address)(n, compiled.n_expanded, at, all_values.ctypes.data, data),
    ]
    return [*codes, height.tobytes(), gradient.tobytes(), all_values.tobytes()]


def _name(model: pm.Model) -> str:
    from socbayes.spec import spec_of

    return spec_of(model).model
