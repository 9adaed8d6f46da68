"""Machine code of compiled functions, made once somebody asks where it is.

Numba optimises every function that it compiles, with all that it calls inside,
and makes it ready to run. A model is one function that calls a thousand smaller
ones, written by PyTensor for other compiled code only: all of them are made
ready, and none ever runs but as a part of the whole. Here functions are only
linked, and optimised and made into machine code when their address is asked
for, with the same results to the last bit. Code that is never asked for takes
no memory once nothing links to it.

It belongs into Numba; what is replaced is five methods of its code libraries.
"""

from __future__ import annotations

import ctypes
from typing import Any

from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary, JITCPUCodegen
from numba.core.environment import lookup_environment

_ENVIRONMENT = "_ZN08NumbaEnv"
"""How symbols begin that point to what error messages are made from."""
_REPLACED = {
    "_optimize_final_module": JITCodeLibrary,
    "_finalize_final_module": JITCodeLibrary,
    "get_pointer_to_function": JITCodeLibrary,
    "serialize_using_object_code": JITCodeLibrary,
    "set_env": JITCPUCodegen,
}
_NEEDED = ("_finalize_dynamic_globals", "_ensure_finalized", "serialize_using_bitcode")
_AS_EVER: dict[str, Any] = {name: getattr(owner, name, None) for name, owner in _REPLACED.items()}
"""What Numba does without this module."""


def make_code_late() -> bool:
    """Let Numba make machine code late, from now on in this process; nothing changes if it does so already.

    Returns
    -------
    bool
        Whether it does; a Numba whose libraries have other methods goes on as ever.
    """
    if None in _AS_EVER.values() or not all(hasattr(CPUCodeLibrary, name) for name in _NEEDED):
        return False
    instead = (_not_yet, _linked, _pointer, _serialized, _set_environment)
    for (name, owner), function in zip(_REPLACED.items(), instead, strict=True):
        setattr(owner, name, function)
    return True


def is_late(library: Any) -> bool:
    """Whether the machine code of a library of functions is still to be made."""
    return bool(getattr(library, "_late", False))


def _not_yet(library: Any) -> None:
    """Leave the optimisation to whoever needs machine code."""


def _linked(library: Any) -> None:
    """Take a library as finished that has only been linked; one whose machine code is at hand is loaded as ever."""
    if getattr(library, "_compiled_object", None) is not None:
        _AS_EVER["_finalize_final_module"](library)
        return
    library._finalize_dynamic_globals()
    library._late = library._finalized = True


def _pointer(library: Any, name: str) -> int:
    """Address of a function; 0 if the library does not define it."""
    library._ensure_finalized()
    if is_late(library):
        if not _defines(library._final_module, name):
            return 0
        _make(library)
    address: int = _AS_EVER["get_pointer_to_function"](library, name)
    return address


def _defines(module: Any, name: str) -> bool:
    try:
        return not module.get_function(name).is_declaration
    except NameError:
        return False


def _make(library: Any) -> None:
    """Optimise a library, make its machine code, and point it to the environments of all functions in it."""
    library._late = False
    library._dynamic_globals.clear()  # are found again
    _AS_EVER["_optimize_final_module"](library)
    names = [one.name for one in library._final_module.global_variables if one.name.startswith(_ENVIRONMENT)]
    _AS_EVER["_finalize_final_module"](library)
    for name in names:
        if (environment := lookup_environment(name)) is not None:
            _set_environment(library.codegen, name, environment)


def _set_environment(codegen: Any, name: str, environment: Any) -> None:
    """Point machine code to the environment of a function, where there is any code of it."""
    engine = codegen._engine
    place = engine.get_global_value_address(name) if engine.is_symbol_defined(name) else 0
    if place:
        ctypes.c_void_p.from_address(place).value = id(environment)


def _serialized(library: Any) -> Any:
    """What Numba keeps of a library on disk: without machine code where there is none."""
    library._ensure_finalized()
    return library.serialize_using_bitcode() if is_late(library) else _AS_EVER["serialize_using_object_code"](library)
