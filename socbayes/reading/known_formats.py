"""Files of other programs and services, told by their content."""

from __future__ import annotations

from collections.abc import Callable

from socbayes.reading.nasa_power import is_power, read_power
from socbayes.reading.raw import RawTable
from socbayes.reading.rothc_dat import is_rothc, read_rothc
from socbayes.reading.station_files import is_station_file, read_station_file
from socbayes.vocabulary import TableSchema

type Reader = Callable[[str, str, TableSchema], RawTable]
"""From the text of a file, its name and the kind of table that is wanted."""

_FORMATS: tuple[tuple[Callable[[str], bool], Reader], ...] = (
    (is_power, read_power),
    (is_rothc, read_rothc),
    (is_station_file, read_station_file),
)


def reader_of(head: str) -> Reader | None:
    """What reads a file that begins so; None for a plain table.

    Parameters
    ----------
    head
        Beginning of the file.
    """
    return next((reader for recognised, reader in _FORMATS if recognised(head)), None)
