"""A folder of compiled code: files that are whole or not there, known by their key, and not too many of them.

A file is a line of JSON that says what it holds and the hash of what follows,
and then the code. Whatever does not fit its hash is no entry. The files used
last stay where all together are larger than the folder may be.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbayes.files import replacing

log = logging.getLogger("socbayes")

MOST_BYTES = 500_000_000
"""Size of the folder; the code of a model takes about two megabytes."""

ENDING = ".code"
_FORSAKEN = 3600.0
"""Seconds after which a temporary file belongs to a process that was killed."""


@dataclass(frozen=True)
class Entry:
    """A file of the folder, as its first line says.

    Parameters
    ----------
    path
        The file.
    model
        Name of the model.
    size
        In bytes.
    used
        When it was written or last read, in seconds since 1970.
    """

    path: Path
    model: str
    size: int
    used: float


def folder() -> Path:
    """Where compiled code is kept: beside what PyTensor keeps."""
    import pytensor

    return Path(pytensor.config.base_compiledir) / "socbayes"


def read(key: str) -> bytes | None:
    """What is kept under a key; None where nothing whole is.

    Parameters
    ----------
    key
        A hash in hexadecimal digits.
    """
    path = folder() / f"{key}{ENDING}"
    try:
        head, _, data = path.read_bytes().partition(b"\n")
        whole = json.loads(head)["sha256"] == hashlib.sha256(data).hexdigest()
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.debug("compiled code in %s cannot be read: %s", path, error)
        return None
    if not whole:
        log.debug("compiled code in %s is damaged", path)
        return None
    try:
        os.utime(path)
    except OSError:  # a folder that may only be read
        log.debug("the use of %s cannot be noted", path)
    return data


def write(key: str, data: bytes, facts: Mapping[str, Any]) -> None:
    """Keep data under a key, whole or not at all; what was used longest ago goes where there is too much.

    Parameters
    ----------
    key
        A hash in hexadecimal digits.
    data
        To be read again.
    facts
        What it is of, plain data: ``model``.
    """
    head = json.dumps({"sha256": hashlib.sha256(data).hexdigest(), **facts}).encode()
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with replacing(place / f"{key}{ENDING}") as temporary:
            temporary.write_bytes(head + b"\n" + data)
        shrink()
    except OSError as error:
        log.debug("compiled code cannot be kept in %s: %s", place, error)


def entries() -> list[Entry]:
    """What is kept, used last first."""
    found = []
    for path in folder().glob(f"*{ENDING}"):
        try:
            status = path.stat()
            with path.open("rb") as file:
                model = str(json.loads(file.readline()).get("model", ""))
        except (OSError, ValueError, AttributeError):  # removed by another process, or damaged
            model = ""
            if not path.exists():
                continue
            status = path.stat()
        found.append(Entry(path, model, status.st_size, status.st_mtime))
    return sorted(found, key=lambda one: -one.used)


def shrink(most: int | None = None) -> int:
    """Remove what was used longest ago until the rest fits, and what killed processes left.

    Parameters
    ----------
    most
        Bytes that may stay; :data:`MOST_BYTES` if left out.

    Returns
    -------
    int
        Number of files removed.
    """
    left, removed = MOST_BYTES if most is None else most, 0
    for entry in entries():
        left -= entry.size
        if left < 0 or most == 0:
            entry.path.unlink(missing_ok=True)
            removed += 1
    for path in folder().glob(f"*{ENDING}.*.part"):
        try:
            if most == 0 or time.time() - path.stat().st_mtime > _FORSAKEN:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
    return removed
