"""Figures with the sentence under each, ready for a page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from socbayes.report.html import data_uri
from socbayes.report.readings import Reading

log = logging.getLogger("socbayes")


@dataclass
class Picture:
    """A figure ready for the page."""

    title: str
    source: str
    text: str


def picture(one: Reading, of: Callable[[Reading], Any]) -> Picture:
    """Draw a figure and say what it shows; a figure that cannot be drawn says why.

    Parameters
    ----------
    one
        Figure of the report.
    of
        Gives what it takes; see :func:`socbayes.report.readings.material`.
    """
    try:
        return Picture(one.title, data_uri(one.draw(of(one))), one.say(of(one)))
    except Exception as error:  # one broken figure must not cost the reader the others
        log.warning("figure %r of the report failed", one.title, exc_info=True)
        return Picture(one.title, "", f"Not drawn: {type(error).__name__}: {error}")
