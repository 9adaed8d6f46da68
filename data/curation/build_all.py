"""Write every bundled table: ``python data/curation/build_all.py --literature FOLDER``."""

from __future__ import annotations

import importlib

from curation import arguments, write

from socbayes.vocabulary import SCHEMAS


def build_all() -> None:
    """Curate all tables, in the order of the schemas."""
    given = arguments()
    tables = [importlib.import_module(f"curate_{name}").curate(given.literature) for name in SCHEMAS]
    write(tables, given.output)


if __name__ == "__main__":
    build_all()
