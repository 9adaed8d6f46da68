"""Files that the package carries of fits, each with its hash in ``data/learned.json``: a changed one is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from socbayes.datasets import LEARNED
from socbayes.files import write_text

DATA = Path(__file__).parents[1] / "data"


def write_learned(path: Path, text: str) -> None:
    """Write a file of what was learned, and its hash."""
    write_text(path, text)
    write_hashes([path])


def write_hashes(paths: Iterable[Path]) -> None:
    """Write the SHA-256 of files that are there; those of others stay, unless their file is gone."""
    hashes = json.loads((DATA / LEARNED).read_text("utf-8"))
    hashes |= {path.relative_to(DATA).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    kept = {name: hashes[name] for name in sorted(hashes) if (DATA / name).exists()}
    write_text(DATA / LEARNED, json.dumps(kept, indent=1) + "\n")
