"""Memory of a process that builds field models one after another, samples each briefly, and drops it.

    python benchmarks/memory.py
    python benchmarks/memory.py --models 6 --treatments 3 --years 12 --structure icbm

Each model is of a simulated trial of its own (``benchmarks/simulated_trials.py``), so that nothing compiled for one
serves another as it stands. Resident memory is read after garbage is collected and freed memory is given back; the
start is after the first model, which brings the libraries in. Beside it: what compiled code points to and is kept for
it (``socbayes.core.held``); modules of machine code that Numba holds, which it keeps until the process ends; and how
many of the models that were dropped are still there. With ``--fit`` each is fitted by ``sb.fit``, with all that
follows.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import resource
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

MOST = 200.0
"""MB that the process may have grown by at its end."""


def resident() -> float:
    """Resident memory of this process, MB, once what is freed is given back where the system can do so."""
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def held_megabytes() -> float:
    """Data that compiled code points to."""
    from socbayes.core import held

    return sum(array.nbytes for array in held._HELD.values()) / 1e6


def compiled_modules() -> int:
    """Modules of machine code in Numba's engine, which never gives one up (``JITCPUCodegen._add_module``)."""
    from numba.core.registry import cpu_target

    codegen: Any = cpu_target.target_context.codegen()
    return len(codegen._engine._ee._modules)


def one_model(number: int, given: argparse.Namespace) -> weakref.ref[object]:
    """Build, sample briefly and drop a model of its own trial; returns what tells whether it is gone."""
    import nutpie
    from simulated_trials import fifteen_treatments

    import socbayes as sb
    from socbayes.inference.sampling import compile_for_sampling

    tables = fifteen_treatments(number, treatments=given.treatments + number % 3, years=given.years)
    model = sb.models.field.build(*tables, structure=given.structure)
    effort = {"draws": given.draws, "tune": given.tune, "chains": 2, "seed": number}
    if given.fit:
        with tempfile.TemporaryDirectory() as folder:
            sb.fit(model, store=folder, progress=False, **effort)
    else:
        nutpie.sample(compile_for_sampling(model), progress_bar=False, **effort)
    return weakref.ref(model)


def main() -> None:
    """Print the table.

    Raises
    ------
    SystemExit
        If the process ends larger than it may be.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=20, help="after the first")
    parser.add_argument("--structure", default="rothc")
    parser.add_argument("--treatments", type=int, default=15)
    parser.add_argument("--years", type=int, default=64)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--tune", type=int, default=20)
    parser.add_argument("--fit", action="store_true", help="with all that sb.fit does after sampling")
    given = parser.parse_args()
    print("| models | resident, MB | since the first | held data, MB | modules of Numba | models there | processor s |")
    print("|" + " --- |" * 7)
    dropped, first = [], 0.0
    for number in range(given.models + 1):
        start = time.process_time()
        dropped.append(one_model(number, given))
        spent, now = time.process_time() - start, resident()
        first = first or now
        there = sum(one() is not None for one in dropped)
        cells = [f"{number + 1}", f"{now:.0f}", f"{now - first:+.0f}", f"{held_megabytes():.2f}"]
        print("| " + " | ".join([*cells, f"{compiled_modules()}", f"{there}", f"{spent:.0f}"]) + " |", flush=True)
    if not now - first <= MOST:
        raise SystemExit(
            f"The process ends {now - first:.0f} MB larger than after its first model; {MOST:.0f} are allowed."
        )


if __name__ == "__main__":
    main()
