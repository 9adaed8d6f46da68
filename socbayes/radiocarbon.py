r"""Radiocarbon as its three quantities, from one into another, and which of them numbers look like.

Laboratories report the activity of a sample, normalised to a :math:`\delta^{13}C` of -25 permille, over
that of the standard (0.95 of oxalic acid I), in one of these:

``fraction_modern``
    :math:`F = A_{SN} / A_{ON}`, both in the same year, so it never changes. A hundred times it is
    ``percent_modern``.
``activity_ratio``
    :math:`R = A_{SN} / A_{abs} = F e^{(1950 - y) / 8267}`, over the standard as it was in 1950, in the year y. It
    decays, and is what a run of :func:`socbayes.core.with_radiocarbon` carries: ``pool_14c / pool``.
``delta14c``
    :math:`\Delta^{14}C = 1000 (R - 1)`, permille.

The year y is that of the measurement. Where a source corrects Delta to the year of sampling, as those of air and
tree rings do, it is that year. Stuiver and Polach 1977, Radiocarbon 19:355-363; Reimer, Brown and Reimer 2004,
Radiocarbon 46:1299-1304. Percent modern in the sense of the former, over the standard in 1950, is 100 R.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.vocabulary import QUANTITIES, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

MEAN_LIFE = 8267.0
"""Years of the Cambridge half-life, 5730, by which the standard decays."""
LIBBY_MEAN_LIFE = 8033.0
"""Years of Libby's half-life, 5568, by which conventional ages are told."""
STANDARD_YEAR = 1950.0
"""Year in which the standard defines the absolute activity."""
KINDS = ("delta14c", "fraction_modern", "percent_modern", "activity_ratio", "radiocarbon_age")
"""What :func:`convert` knows. An age is the conventional one, in years before 1950 without calibration."""

_WORDS = {
    "delta14c": "Delta14C",
    "fraction_modern": "fraction modern",
    "percent_modern": "percent modern",
    "activity_ratio": "activity ratio",
    "radiocarbon_age": "radiocarbon age",
}
_YEARLY = ("delta14c", "activity_ratio")
_AT_LEAST = 3
_DEEP = 20.0


def convert(
    values: ArrayLike, found: str, wanted: str, *, year: ArrayLike | None = None, to_year: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Turn one quantity of radiocarbon into another, exactly.

    Parameters
    ----------
    values
        Any shape. NaN stays NaN.
    found, wanted
        ``"delta14c"``, ``"fraction_modern"``, ``"percent_modern"``, ``"activity_ratio"`` or ``"radiocarbon_age"``.
    year
        Year that a Delta or an activity ratio is of; broadcasts with the values.
    to_year
        Year that the wanted Delta or activity ratio is to be of, the same by default: from the year of a measurement
        to that of sampling, for instance.

    Returns
    -------
    numpy.ndarray
        In permille, 1, percent, 1 or years.

    Raises
    ------
    UnknownNameError
        For another name, with the nearest.
    SocbayesError
        Where a year is needed and not given, does not broadcast with the values, or a number cannot be of its
        quantity, with what it looks like.

    Examples
    --------
    A topsoil of 2009, measured in 2020, had a fraction modern of 1.0586:

    >>> float(convert(1.0586, "fraction_modern", "delta14c", year=2020).round(1))
    49.7
    >>> float(convert(49.7, "delta14c", "delta14c", year=2020, to_year=2009).round(1))
    51.1
    >>> convert([98.0, 104.2], "fraction_modern", "delta14c", year=2015)
    Traceback (most recent call last):
        ...
    socbayes.errors.SocbayesError: value 1 of 2: found 98 as fraction modern, expected 0 to 2.2; these look like percent
    modern
    """
    import numpy as np

    for name in (found, wanted):
        if name not in KINDS:
            hint = nearest(str(name), KINDS)
            raise UnknownNameError(
                f"no quantity of radiocarbon named {name!r}; "
                + (f"did you mean {hint!r}?" if hint else f"known: {', '.join(KINDS)}")
            )
    numbers = np.asarray(values, dtype=float)
    refuse_impossible(numbers, found)
    for of, one in (("year", year), ("to_year", to_year)):
        shape = np.asarray(one).shape
        try:
            np.broadcast_shapes(numbers.shape, shape)
        except ValueError:
            raise SocbayesError(f"{of} has shape {shape}, and values {numbers.shape}") from None
    to_year = year if to_year is None else to_year
    if found in _YEARLY and wanted in _YEARLY and to_year is year:
        ratio = 1.0 + numbers / 1000.0 if found == "delta14c" else numbers
        return np.asarray(1000.0 * (ratio - 1.0) if wanted == "delta14c" else ratio, dtype=float)
    if found == wanted and found not in _YEARLY:
        return numbers.copy()
    return _of_fraction(_to_fraction(numbers, found, year), wanted, to_year)


def _decay(kind: str, year: ArrayLike | None) -> NDArray[np.float64]:
    """Activity of the standard in 1950 over that in a year, inverted: R of one F."""
    import numpy as np

    if year is None:
        raise SocbayesError(
            f"a {_WORDS[kind]} is of a year, a fraction modern of none: give year=, in which it was measured, or that "
            "it was corrected to"
        )
    return np.exp((STANDARD_YEAR - np.asarray(year, dtype=float)) / MEAN_LIFE)


def _to_fraction(numbers: NDArray[np.float64], found: str, year: ArrayLike | None) -> NDArray[np.float64]:
    import numpy as np

    if found == "fraction_modern":
        return numbers
    if found == "percent_modern":
        return numbers / 100.0
    if found == "radiocarbon_age":
        return np.exp(-numbers / LIBBY_MEAN_LIFE)
    ratio = 1.0 + numbers / 1000.0 if found == "delta14c" else numbers
    return np.asarray(ratio / _decay(found, year))


def _of_fraction(fraction: NDArray[np.float64], wanted: str, year: ArrayLike | None) -> NDArray[np.float64]:
    import numpy as np

    if wanted == "fraction_modern":
        return fraction
    if wanted == "percent_modern":
        return fraction * 100.0
    if wanted == "radiocarbon_age":
        with np.errstate(divide="ignore"):
            return np.asarray(-LIBBY_MEAN_LIFE * np.log(fraction))
    ratio = fraction * _decay(wanted, year)
    return np.asarray(1000.0 * (ratio - 1.0) if wanted == "delta14c" else ratio)


def normalised(activity: ArrayLike, delta13c: ArrayLike) -> NDArray[np.float64]:
    r"""Activity as if the sample had a delta13C of -25 permille, as all three quantities have it.

    Parameters
    ----------
    activity
        Measured activity, or its ratio to that of the standard.
    delta13c
        Of the same carbon, permille against VPDB.

    Notes
    -----
    :math:`A_{SN} = A_S (1 - 0.025)^2 / (1 + \delta^{13}C / 1000)^2`, Stuiver and Polach 1977. Activity that a run
    carries is normalised, so photosynthesis and respiration do not fractionate it.

    Examples
    --------
    >>> normalised(1.0, [-25.0, -12.0]).round(4).tolist()
    [1.0, 0.9739]
    """
    import numpy as np

    return np.asarray(activity, dtype=float) * (0.975 / (1.0 + np.asarray(delta13c, dtype=float) / 1000.0)) ** 2


def _limits(kind: str) -> tuple[float, float]:
    import math

    if kind == "radiocarbon_age":
        return -7000.0, math.inf
    one = QUANTITIES["fraction_modern" if kind == "percent_modern" else kind]
    assert one.lower is not None
    assert one.upper is not None
    scale = 100.0 if kind == "percent_modern" else 1.0
    return one.lower * scale, one.upper * scale


def refuse_impossible(values: NDArray[np.float64], kind: str) -> None:
    """Refuse numbers that cannot be of their quantity.

    Parameters
    ----------
    values
        Any shape.
    kind
        One of :data:`KINDS`.

    Raises
    ------
    SocbayesError
        With the first such number, where it is, and what the numbers look like.
    """
    import numpy as np

    low, high = _limits(kind)
    flat = np.atleast_1d(values).ravel()
    wrong = np.flatnonzero((flat < low) | (flat > high))
    if not len(wrong):
        return
    likely = looks_like(flat, kind)
    raise SocbayesError(
        f"value {wrong[0] + 1} of {flat.size}: found {flat[wrong[0]]:g} as {_WORDS[kind]}, expected {low:g} to {high:g}"
        + (f"; these look like {_WORDS[likely]}" if likely else "")
    )


def looks_like(values: ArrayLike, kind: str, depth_top: Any = None) -> str | None:
    """Quantity that a column of numbers looks like, where that is another one than is said.

    Parameters
    ----------
    values
        A column of one table; NaN is left out.
    kind
        What the numbers are said to be, ``"delta14c"``, ``"fraction_modern"`` or another of :data:`KINDS`.
    depth_top
        Of the layers, cm, if known.

    Returns
    -------
    str or None
        The likely quantity; None where the numbers may be what they are said to be.

    Notes
    -----
    Numbers alone cannot tell percent modern of a topsoil from its Delta14C. Three or more that are all from 2.2 to
    160 permille are taken for percent modern if one of the layers begins at 20 cm or below, where bomb carbon is rare:
    of the compiled profiles (``load_dataset("soil_radiocarbon")``) fewer than one in a hundred is like that, and no
    study as a whole.

    Examples
    --------
    >>> looks_like([104.2, 98.1, 71.0], "delta14c", [0, 10, 40])
    'percent_modern'
    >>> looks_like([1.042, 0.981, 0.71], "delta14c")
    'fraction_modern'
    >>> looks_like([45.0, -20.0, -310.0], "delta14c", [0, 10, 40]) is None
    True
    """
    import numpy as np

    numbers = np.asarray(values, dtype=float).ravel()
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    top = _limits("fraction_modern")[1]
    if kind == "delta14c":
        if finite.size < _AT_LEAST or low <= 0.0:
            return None
        if high <= top:
            return "fraction_modern"
        deep = depth_top is not None and bool((np.asarray(depth_top, dtype=float) >= _DEEP).any())
        return "percent_modern" if deep and low > top and high < 160.0 else None
    if kind in ("fraction_modern", "activity_ratio", "percent_modern"):
        if low < 0.0 or high > 100.0 * top:
            return "delta14c"
        if kind == "percent_modern":
            return "fraction_modern" if high <= top and finite.size >= _AT_LEAST else None
        return "percent_modern" if high > top else None
    return None
