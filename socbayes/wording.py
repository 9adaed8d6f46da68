"""Numbers and verdicts in words, always from draws."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from socbayes.vocabulary import CI_PROB

if TYPE_CHECKING:
    import numpy as np

SURE = (1 + CI_PROB) / 2
"""Probability of a sign beyond which it is stated: the 89 % interval then excludes zero."""

LEANING = 0.8
"""Probability of a sign beyond which it is called probable."""


def decimals(spread: float) -> int:
    """Digits after the point that a number with this spread deserves: two significant ones of the spread.

    Examples
    --------
    >>> decimals(0.05), decimals(3.0), decimals(400.0)
    (3, 1, 0)
    """
    if not math.isfinite(spread) or spread <= 0:
        return 3
    return max(0, 1 - math.floor(math.log10(spread)))


def number(value: float, spread: float) -> str:
    """Round a number by its uncertainty.

    Examples
    --------
    >>> number(0.47163, 0.051)
    '0.472'
    >>> number(-12.3, 14.0)
    '-12'
    """
    if not math.isfinite(value):
        return "not finite"
    text = f"{value:,.{decimals(spread)}f}"
    return "0" if float(text.replace(",", "")) == 0 else text


def limits(draws: np.ndarray) -> tuple[float, float, float]:
    """Median, lower and upper limit of the interval."""
    import numpy as np

    lower, median, upper = np.quantile(draws, [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2])
    return float(median), float(lower), float(upper)


def said(draws: np.ndarray, unit: str = "", *, signed: bool = False) -> str:
    """Median with its interval.

    Examples
    --------
    >>> import numpy as np
    >>> said(np.linspace(0.3, 0.5, 1001))
    '0.400 (0.311 to 0.489)'
    """
    median, lower, upper = limits(draws)
    half = (upper - lower) / 2
    numbers = [number(value, half) for value in (median, lower, upper)]
    if signed:
        numbers = [text if text.startswith("-") or text == "0" else f"+{text}" for text in numbers]
    unit = "" if unit in ("", "1") else f" {unit}"
    return f"{numbers[0]}{unit} ({numbers[1]} to {numbers[2]})"


def probability(share: float) -> str:
    """Probability that never claims certainty.

    Examples
    --------
    >>> probability(0.999), probability(0.5), probability(0.001)
    ('above 0.99', '0.50', 'below 0.01')
    """
    if share > 0.99:
        return "above 0.99"
    if share < 0.01:
        return "below 0.01"
    return f"{share:.2f}"


def direction(draws: np.ndarray, up: str, down: str) -> str:
    """Which way a quantity goes, as far as the draws can tell.

    Parameters
    ----------
    draws
        Draws of a difference.
    up, down
        Verbs for a positive and a negative difference.

    Examples
    --------
    >>> import numpy as np
    >>> direction(np.array([1.0, 2.0]), "rises", "falls")
    'rises (probability above 0.99)'
    >>> direction(np.array([-1.0, 1.0]), "rises", "falls")
    'may go either way (rises with probability 0.50)'
    """
    p = float((draws > 0).mean())
    if p >= SURE:
        return f"{up} (probability {probability(p)})"
    if p <= 1 - SURE:
        return f"{down} (probability {probability(1 - p)})"
    if p >= LEANING:
        return f"probably {up} (probability {probability(p)})"
    if p <= 1 - LEANING:
        return f"probably {down} (probability {probability(1 - p)})"
    return f"may go either way ({up} with probability {probability(p)})"


def counted(count: int, one: str, several: str = "") -> str:
    """Write a count with what is counted, in the singular or the plural.

    Parameters
    ----------
    count
        How many.
    one, several
        What follows a count of one, and any other; the second is made of the first by default, which then is a noun.

    Examples
    --------
    >>> counted(1, "study"), counted(1200, "divergent transition"), counted(2, "row is", "rows are")
    ('1 study', '1,200 divergent transitions', '2 rows are')
    """
    plural = several or (one[:-1] + "ies" if re.search("[^aeiou]y$", one) else one + "s")
    return f"{count:,} {one if count == 1 else plural}"


def few(names: list[str], count: int = 4) -> str:
    """Few names as a list, and how many more there are.

    Examples
    --------
    >>> few(["a", "b", "c"], 2)
    'a, b and 1 more'
    >>> few([])
    'none'
    """
    if not names:
        return "none"
    if len(names) > count:
        return f"{', '.join(names[:count])} and {len(names) - count} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def unit_of_difference(unit: str) -> str:
    """Name the unit that a difference of two predictions has.

    Examples
    --------
    >>> unit_of_difference("percent"), unit_of_difference("1")
    ('percentage points', 'fraction')
    """
    return {"1": "fraction", "percent": "percentage points"}.get(unit, unit)
