"""What a report says where something was refused because the fit behind it failed its checks."""

from __future__ import annotations

from socbayes.errors import ConvergenceError
from socbayes.report.projections import Chapter


def refused_chapter(error: ConvergenceError, place: int) -> Chapter:
    """A chapter that says what is not there, and why.

    Parameters
    ----------
    error
        As :func:`socbayes.scenarios.project` or :func:`socbayes.scenarios.credit_sheet` raised it.
    place
        Of the refusal on the page, from 0.

    Examples
    --------
    >>> refused_chapter(ConvergenceError("icbm did not pass its checks"), 0).heading
    'Plans and credits: refused'
    """
    return Chapter(
        f"refused-{place + 1}",
        "plans",
        "Plans and credits: refused",
        "Nothing was projected and nothing credited. The gate of a fit stands before what is decided by it.",
        False,
        [str(error)],
        [],
        [],
        [],
    )
