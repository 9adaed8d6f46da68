"""Literature tables that come with socbayes.

Every table is tidy, in the canonical names and units of
:mod:`socbayes.vocabulary`, and described in ``datapackage.json`` beside it:
fields, units, sources, licences, what was left out and why. Reading one needs
no network.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from importlib import resources
from typing import Any

import pandas as pd

from socbayes.errors import SocbayesError, UnknownNameError, UnreadableFileError
from socbayes.vocabulary import nearest

__all__ = ["LEARNED", "DatasetChangedError", "dataset_hash", "learned_file", "list_datasets", "load_dataset"]

_logger = logging.getLogger("socbayes")


class DatasetChangedError(SocbayesError):
    """A bundled table whose bytes are not those its metadata describes."""


def _read_bytes(filename: str) -> bytes:
    """Content of a file of the installed data package."""
    try:
        return resources.files("socbayes.data").joinpath(filename).read_bytes()
    except FileNotFoundError:
        message = f"{filename} is missing from the installed package; reinstall socbayes"
        raise UnreadableFileError(message) from None


LEARNED = "learned.json"
"""SHA-256 of every bundled file that was learned from tables: posteriors, moments and the prior made of them."""


def learned_file(filename: str) -> bytes:
    """Content of a bundled file that was learned from tables, such as a posterior.

    Parameters
    ----------
    filename
        Its path in the data package.

    Raises
    ------
    DatasetChangedError
        If it is not the file that the package was made with.

    Examples
    --------
    >>> len(learned_file("literature_prior.json")) > 1000
    True
    """
    content = _read_bytes(filename)
    found, expected = hashlib.sha256(content).hexdigest(), json.loads(_read_bytes(LEARNED)).get(filename, "no hash")
    if found != expected:
        raise DatasetChangedError(
            f"{filename} has changed: its sha256 is {found[:12]}..., {LEARNED} says {expected[:12]}...; "
            "reinstall socbayes, or run benchmarks/literature.py if it was meant to change"
        )
    return content


def _entries() -> dict[str, dict[str, Any]]:
    """Metadata of every bundled table, by name."""
    package = json.loads(_read_bytes("datapackage.json").decode("utf-8"))
    return {entry["name"]: entry for entry in package["resources"]}


def _entry(name: str) -> dict[str, Any]:
    """Metadata of one table; an unknown name is answered with the known ones."""
    entries = _entries()
    if name not in entries:
        hint = None
        if isinstance(name, str) and name:
            # Spelling first, then a fragment of a name.
            hint = nearest(name, list(entries)) or next((known for known in entries if name.lower() in known), None)
        message = f"no data set named {name!r}"
        message += f"; did you mean {hint!r}?" if hint else "."
        raise UnknownNameError(f"{message} Known data sets: {', '.join(entries)}")
    return entries[name]


def _licence(entry: dict[str, Any]) -> str:
    """Licences of a table in one line."""
    return ", ".join(licence["name"] for licence in entry["licenses"])


def dataset_hash(name: str) -> str:
    """SHA-256 of a bundled table, as its metadata records it.

    Parameters
    ----------
    name
        Name of a data set, see :func:`list_datasets`.

    Returns
    -------
    str
        64 hexadecimal digits. Kept with a fit, it says which data were used.

    Raises
    ------
    UnknownNameError
        If there is no such data set.

    Examples
    --------
    >>> from socbayes.datasets import dataset_hash
    >>> len(dataset_hash("cue"))
    64
    """
    return _entry(name)["hash"].removeprefix("sha256:")


def list_datasets() -> pd.DataFrame:
    """Bundled data sets, one row each.

    Returns
    -------
    pandas.DataFrame
        Columns ``name``, ``rows``, ``columns`` (their number), ``what``,
        ``licence`` and ``commercial_use``: "allowed", "not allowed" or
        "unstated", the strictest of a table's sources.

    Examples
    --------
    >>> from socbayes.datasets import list_datasets
    >>> list_datasets().set_index("name").loc["necromass_pairs", "commercial_use"]
    'not allowed'
    """
    rows = [
        {
            "name": name,
            "rows": entry["rows"],
            "columns": len(entry["schema"]["fields"]),
            "what": entry["title"],
            "licence": _licence(entry),
            "commercial_use": entry["commercial_use"],
        }
        for name, entry in _entries().items()
    ]
    return pd.DataFrame(rows)


def load_dataset(name: str) -> pd.DataFrame:
    """Load a bundled data set.

    Parameters
    ----------
    name
        Name of a data set, see :func:`list_datasets`.

    Returns
    -------
    pandas.DataFrame
        Numbers are float64, texts and categories ``str``; an empty cell is
        missing. ``.attrs`` holds ``name``, ``title``, ``description``,
        ``citation``, ``licence``, ``commercial_use``, ``sha256``, ``units``
        (unit by numeric column), ``sources`` (a list), ``exclusions`` (reason
        and rows of everything left out) and ``choices`` (judgements made in
        harmonising).

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    DatasetChangedError
        If the file differs from the one its metadata describes.

    Notes
    -----
    Tables keep the licences of their sources. Where commercial use is
    forbidden or not stated, loading logs a line at level INFO on the logger
    ``socbayes``.

    Examples
    --------
    >>> from socbayes.datasets import load_dataset
    >>> cue = load_dataset("cue")
    >>> cue.attrs["units"]["incubation_time"]
    'hour'
    >>> bool(cue["carbon_use_efficiency"].notna().all())
    True
    """
    entry = _entry(name)
    content = _read_bytes(entry["path"])
    found, expected = hashlib.sha256(content).hexdigest(), entry["hash"].removeprefix("sha256:")
    if found != expected:
        raise DatasetChangedError(
            f"{entry['path']} has changed: its sha256 is {found[:12]}..., datapackage.json says {expected[:12]}...; "
            "reinstall socbayes, or run data/curation/build_all.py if the table was meant to change"
        )
    fields = entry["schema"]["fields"]
    table = pd.read_csv(
        io.BytesIO(content),
        encoding="utf-8",
        dtype={field["name"]: "float64" if field["type"] == "number" else "str" for field in fields},
        # Only an empty cell is missing: "NA" or "none" may be a name.
        keep_default_na=False,
        na_values=[""],
    )
    table.attrs = {
        "name": name,
        "title": entry["title"],
        "description": entry["description"],
        "citation": entry["citation"],
        "licence": _licence(entry),
        "commercial_use": entry["commercial_use"],
        "sha256": expected,
        "units": {field["name"]: field["unit"] for field in fields if field["type"] == "number"},
        "sources": entry["sources"],
        "exclusions": entry["exclusions"],
        "choices": entry["choices"],
    }
    if entry["commercial_use"] != "allowed":
        _logger.info(
            "data set %s: commercial use is %s by its sources (%s)", name, entry["commercial_use"], _licence(entry)
        )
    return table
