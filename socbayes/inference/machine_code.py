"""Functions that Numba compiled for C, as bytes, and bytes as functions again.

The bytes are the object code of the whole function with all it calls inside,
as Numba's own cache keeps it, and the environments that its error messages are
made from. Only code that any process can run is given out: none that holds an
address of this one, and none that needs a symbol that a process may lack.
"""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from typing import Any

_ADDRESS = re.compile(r"inttoptr \(i64 -?(\d+)")
_ENVIRONMENT = "_ZN08NumbaEnv"
_UNRESOLVED = ".numba.unresolved$"
_PAGE = 4096
"""Smaller numbers are no addresses."""


class NotPortableError(Exception):
    """Why a function cannot run in another process."""


@dataclass(frozen=True)
class ObjectCode:
    """A compiled C function as plain data.

    Parameters
    ----------
    code
        Object code.
    entry
        Symbol of the function.
    symbols
        What it calls outside.
    environments
        Pickled: for each Numba environment that it points to its symbol, its module and its constants.
    """

    code: bytes
    entry: str
    symbols: tuple[str, ...]
    environments: bytes


@dataclass(frozen=True, eq=False)
class Loaded:
    """A C function in the memory of this process, where it stays as long as this lives."""

    address: int
    kept: Any


def object_code(function: Any) -> ObjectCode:
    """Take the machine code out of a C function of Numba.

    Parameters
    ----------
    function
        Of ``numba.cfunc``.

    Raises
    ------
    NotPortableError
        If it cannot run in another process.
    """
    import llvmlite.binding as llvm
    from numba.core.compiler import lookup_environment
    from numba.core.serialize import dumps

    library = function._library
    module = library._final_module
    text = str(module)
    names = [one.name for one in module.global_variables]
    if library.has_dynamic_globals:
        raise NotPortableError("it holds addresses of arrays")
    if library._reload_init:
        raise NotPortableError("a library must be set up before it is called")
    if any(name.startswith(_UNRESOLVED) for name in names):
        raise NotPortableError("it calls itself")
    if any(int(number) >= _PAGE for number in _ADDRESS.findall(text)):
        raise NotPortableError("it holds an address")
    declared = [one.name for one in (*module.functions, *module.global_variables) if one.is_declaration]
    symbols = tuple(name for name in declared if not name.startswith("llvm."))
    if missing := [name for name in symbols if llvm.address_of_symbol(name) is None]:
        raise NotPortableError(f"it calls {', '.join(missing)}")
    # A function made of text may belong to no module. In code that needs no interpreter only constants are looked up.
    environments = [
        (name, environment.globals.get("__name__", "builtins"), list(environment.consts))
        for name in names
        if name.startswith(_ENVIRONMENT) and (environment := lookup_environment(name)) is not None
    ]
    try:
        return ObjectCode(library._get_compiled_object(), function.native_name, symbols, dumps(environments))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise NotPortableError(f"an environment cannot be written: {error}") from error


def loaded(kept: ObjectCode) -> Loaded:
    """Put object code into the memory of this process, apart from all other compiled code.

    Parameters
    ----------
    kept
        Written by a process with the same libraries on the same kind of processor.

    Raises
    ------
    NotPortableError
        If this process lacks a symbol that it calls.
    """
    import ctypes

    import llvmlite.binding as llvm
    from numba.core import config as numba_config
    from numba.core.environment import _rebuild_env
    from numba.core.registry import cpu_target
    from numba.core.runtime import rtsys

    context = cpu_target.target_context
    codegen: Any = context.codegen()
    config: Any = numba_config
    rtsys.initialize(context)  # defines the symbols of Numba's memory
    if missing := [name for name in kept.symbols if llvm.address_of_symbol(name) is None]:
        raise NotPortableError(f"there is no {', '.join(missing)}")
    environments = [
        (name, _rebuild_env(module, constants, name)) for name, module, constants in pickle.loads(kept.environments)
    ]
    options = {"opt": config.OPT, "features": codegen._tm_features}
    codegen._customize_tm_options(options)
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(**options)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine, use_lmm=config.USE_LLVMLITE_MEMORY_MANAGER)
    engine.add_object_file(llvm.ObjectFileRef.from_data(kept.code))
    engine.finalize_object()
    for name, environment in environments:
        place = engine.get_global_value_address(name)
        if place:
            ctypes.c_void_p.from_address(place).value = id(environment)
    address = engine.get_function_address(kept.entry)
    if not address:
        raise NotPortableError(f"it has no {kept.entry}")
    return Loaded(address, (engine, environments))
