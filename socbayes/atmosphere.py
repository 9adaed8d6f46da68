"""What the air held: radiocarbon of atmospheric CO2 for any year, as drivers of a labelled run.

:func:`radiocarbon` joins the bundled calendars (``load_dataset("atmospheric_radiocarbon")``). Zones of the north have
IntCal20 until 1941 and the monthly record of their zone from then on (Hua et al. 2022, to 2019). For those of the
south, before 1941, IntCal20 is brought south by the difference of the hemispheres in the record of CMIP6 (Graven et al.
2017, from 1850), and before that by 36 +- 27 radiocarbon years, as SHCal20 has it (Hogg et al. 2020, Radiocarbon
62:759-778). Between points all is linear in time. What comes after the record is a forecast, and is marked as one.

Carbon dioxide itself and its delta13C are not bundled. Neither is needed: radiocarbon is normalised to one delta13C.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.radiocarbon import LIBBY_MEAN_LIFE, MEAN_LIFE, STANDARD_YEAR
from socbayes.vocabulary import nearest
from socbayes.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

ZONES = ("NH1", "NH2", "NH3", "SH1-2", "SH3")
"""Zones of the bomb peak: NH1 north of about 40 degrees N, NH2 from there to the summer rain belt, NH3 and SH3 under
the monsoons north and south of the equator, SH1-2 south of them. From 1987 on zones of a hemisphere hardly differ."""
LAST = 2200.0
"""Year to which a forecast is made."""
LIMIT = -50.0
"""Delta14C, permille, that a forecast approaches (docs/decisions/0141)."""
WINDOW = 5
"""Years at the end of the record from which the rate of a forecast is learned."""

_RINGS, _BOMB, _CMIP = "Reimer et al. 2020", "Hua et al. 2022", "Graven et al. 2017"
_SOUTH_AGE, _SOUTH_AGE_SD = 36.0, 27.0
_EARLIEST_CUT = 1985
_STEP = 1.0 / 12.0


class Calendar(NamedTuple):
    """Radiocarbon of the air of one zone, as it was measured.

    Parameters
    ----------
    years, delta14c, error
        Decimal year, and permille of both, each (time,).
    sources
        Position in the calendar from which each source counts.
    """

    years: NDArray[np.float64]
    delta14c: NDArray[np.float64]
    error: NDArray[np.float64]
    sources: tuple[tuple[int, str], ...]


class Forecast(NamedTuple):
    """How the air after the record is foreseen: an exponential approach.

    Parameters
    ----------
    start, delta14c
        Middle of the last year of the record, and its mean, permille.
    rate, rate_sd
        Approach to the limit, 1/year, and its standard error over the years it is fitted to.
    limit
        Permille.
    error, error_exponent
        Standard deviation of the forecast: permille in the first year, and the power of the years since by which it
        grows, from what the same rule would have foreseen in the record.
    """

    start: float
    delta14c: float
    rate: float
    rate_sd: float
    limit: float
    error: float
    error_exponent: float


def radiocarbon(years: ArrayLike, zone: str, *, over: float = 0.0, rate: float | None = None) -> pd.DataFrame:
    """Radiocarbon of atmospheric CO2 in any years, ready for a labelled run.

    Parameters
    ----------
    years
        Decimal years, in any order; with ``over``, the beginning of each interval.
    zone
        One of :data:`ZONES`.
    over
        Years that each value is a mean over: 1 for drivers by year, ``1 / 12`` by month, 0 for the moment itself.
    rate
        Of the forecast, 1/year; by default as learned from the end of the record. The error stays that of the learned
        one, and a note says so.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``year``: ``activity_ratio``, the driver ``input_activity`` of
        :func:`socbayes.core.with_radiocarbon`; ``delta14c`` and ``delta14c_error``, permille; ``fraction_modern``;
        and ``source``, the study that the middle of the interval is from or ``"forecast"``. ``attrs`` has ``zone``,
        ``over``, ``begins``, ``measured_to``, ``forecast`` (a :class:`Forecast` as a dict; empty where none is needed),
        ``citation`` and ``notes``.

    Raises
    ------
    UnknownNameError
        For another zone, with the nearest.
    SocbayesError
        For years before the calendar begins or after :data:`LAST`, naming the first; for a rate that is no positive
        number, or of which no year asks, as none is after the record.

    Examples
    --------
    >>> air = radiocarbon([1850, 1963, 2000], "NH1", over=1)
    >>> air["delta14c"].round(1).tolist()
    [-3.4, 729.4, 86.5]
    >>> from socbayes.core import with_radiocarbon
    >>> import socbayes as sb
    >>> drivers = {"carbon_input": 0.2, "input_activity": air["activity_ratio"].to_numpy()}
    >>> run = sb.simulate(with_radiocarbon(sb.structures.get("icbm")), drivers, initial={"young": 0.3, "old": 4.0})
    """
    import numpy as np
    import pandas as pd

    told = calendar(zone)
    start = np.atleast_1d(np.asarray(years, dtype=float)).ravel()
    end = start + float(over)
    _refuse_years(start, end, told, zone)
    ahead = forecast(zone) if (end > told.years[-1]).any() else None
    if rate is not None:
        ahead = _at_rate(rate, ahead, told)
    grid, delta, error = told[:3] if ahead is None else _with_forecast(told, ahead)
    if over > 0.0:
        mean, spread = (_means(grid, values, start, end) for values in (delta, error))
    else:
        mean, spread = np.interp(start, grid, delta), np.interp(start, grid, error)
    middle = 0.5 * (start + end)
    names = np.array([name for _, name in told.sources] + ["forecast"])
    begins = np.array([told.years[place] for place, _ in told.sources] + [told.years[-1]])
    place = np.searchsorted(begins, middle, side="left") - 1
    ratio = 1.0 + mean / 1000.0
    air = pd.DataFrame(
        {
            "activity_ratio": ratio,
            "delta14c": mean,
            "delta14c_error": spread,
            "fraction_modern": ratio * np.exp((middle - STANDARD_YEAR) / MEAN_LIFE),
            "source": names[np.maximum(place, 0)],
        },
        index=pd.Index(start, name="year"),
    )
    air.attrs = {
        "zone": zone,
        "over": over,
        "begins": float(told.years[0]),
        "measured_to": float(told.years[-1]),
        "forecast": {} if ahead is None else ahead._asdict(),
        "citation": _table().attrs["citation"],
        "notes": [] if ahead is None else [_foreseen(ahead, told, rate, int((air["source"] == "forecast").sum()))],
    }
    return air


def _at_rate(rate: float, ahead: Forecast | None, told: Calendar) -> Forecast:
    """A forecast at a rate that was given."""
    import numpy as np

    if ahead is None:
        raise SocbayesError(
            f"rate={rate!r} is of years after {told.years[-1]:.1f}, where the record ends; none is asked"
        )
    if not isinstance(rate, int | float | np.number) or not 0.0 < rate < np.inf:
        raise SocbayesError(f"rate={rate!r}: expected how fast the air approaches {LIMIT:g} permille, above 0, 1/year")
    return ahead._replace(rate=float(rate), rate_sd=0.0)


def _foreseen(ahead: Forecast, told: Calendar, given: float | None, count: int) -> str:
    ten = ahead.error * 10.0**ahead.error_exponent
    how, of = ("", "") if given is None else (", as given", " of the learned rate")
    last = f"{told.years[-1]:.1f}"
    values = counted(count, f"value after {last} is", f"values after {last} are")
    return (
        f"{values} foreseen: Delta14C approaches {ahead.limit:g} permille by "
        f"{ahead.rate:.3f} a year{how}, with a standard deviation{of} of {ahead.error:.1f} permille after one year and "
        f"of {ten:.0f} after ten; emissions of fossil carbon decide"
    )


def _refuse_years(start: NDArray[np.float64], end: NDArray[np.float64], told: Calendar, zone: str) -> None:
    import numpy as np

    if not start.size:
        raise SocbayesError("no years are given; radiocarbon of the air is asked for one or more")
    if not np.isfinite(start).all() or not np.isfinite(end).all() or (end < start).any():
        raise SocbayesError("years must be numbers, and means be over at least 0 years")
    early, late = np.flatnonzero(start < told.years[0]), np.flatnonzero(end > LAST)
    if early.size:
        raise SocbayesError(
            f"year {early[0] + 1} of {start.size}: found {start[early[0]]:g}, before the calendar of {zone} begins; "
            f"expected {told.years[0]:g} or later"
        )
    if late.size:
        raise SocbayesError(
            f"year {late[0] + 1} of {start.size}: found {end[late[0]]:g}, expected {LAST:g} or earlier, to which a "
            "forecast is made"
        )


@lru_cache(maxsize=len(ZONES))
def calendar(zone: str) -> Calendar:
    """Radiocarbon of the air of one zone, joined from the bundled calendars.

    Parameters
    ----------
    zone
        One of :data:`ZONES`.

    Raises
    ------
    UnknownNameError
        For another zone, with the nearest.

    Examples
    --------
    >>> [name for _, name in calendar("NH1").sources]
    ['Reimer et al. 2020', 'Hua et al. 2022']
    """
    import numpy as np

    if zone not in ZONES:
        hint = nearest(str(zone), ZONES)
        raise UnknownNameError(
            f"no zone of the atmosphere named {zone!r}; "
            + (f"did you mean {hint!r}? Known: " if hint else "known: ")
            + ", ".join(ZONES)
        )
    rings = _part(_RINGS, "northern")
    bomb = _part(_BOMB, zone)
    before = rings[0] < bomb[0][0]
    years, delta, error = (values[before] for values in rings)
    if zone.startswith("SH"):
        delta, error = _brought_south(years, delta, error)
    return Calendar(
        np.concatenate([years, bomb[0]]),
        np.concatenate([delta, bomb[1]]),
        np.concatenate([error, bomb[2]]),
        ((0, _RINGS if zone.startswith("NH") else f"{_RINGS}, brought south"), (len(years), _BOMB)),
    )


@lru_cache(maxsize=1)
def _table() -> pd.DataFrame:
    from socbayes.datasets import load_dataset

    return load_dataset("atmospheric_radiocarbon")


@lru_cache(maxsize=16)
def _part(study: str, zone: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Years, Delta14C and error of one zone of one bundled calendar."""
    table = _table()
    rows = table[(table["study"] == study) & (table["atmosphere_zone"] == zone)].sort_values("calendar_year")
    years, delta, error = (rows[name].to_numpy() for name in ("calendar_year", "delta14c", "delta14c_error"))
    return years, delta, error


def _brought_south(
    years: NDArray[np.float64], delta: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The northern air as the south had it: by the record of CMIP6, before it by a constant age."""
    import numpy as np

    since, south, _ = _part(_CMIP, "southern")
    north = _part(_CMIP, "northern")[1]
    older = (1.0 + delta / 1000.0) * np.exp(-_SOUTH_AGE / LIBBY_MEAN_LIFE) * 1000.0 - 1000.0
    shifted = np.where(years < since[0], older, delta + np.interp(years, since, south - north))
    spread = 1000.0 * _SOUTH_AGE_SD / LIBBY_MEAN_LIFE
    return shifted, np.hypot(error, spread)


@lru_cache(maxsize=len(ZONES))
def forecast(zone: str) -> Forecast:
    """Return what the years after the record are foreseen by.

    Parameters
    ----------
    zone
        One of :data:`ZONES`.

    Examples
    --------
    >>> ahead = forecast("NH1")
    >>> round(ahead.start, 1), round(ahead.delta14c, 1), round(ahead.rate, 3)
    (2018.9, 3.4, 0.058)
    """
    import numpy as np

    told = calendar(zone)
    start, level, rate, rate_sd = _fitted(*_yearly(told, told.years[-1]), LIMIT, WINDOW)
    leads, errors = hindcast(LIMIT, WINDOW)
    power, log_first = np.polyfit(np.log(leads), np.log(errors), 1)
    return Forecast(start, level, rate, rate_sd, LIMIT, float(np.exp(log_first)), float(power))


@lru_cache(maxsize=32)
def hindcast(limit: float = LIMIT, window: int = WINDOW) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How well the rule of the forecast would have foreseen the record, had it ended earlier.

    Parameters
    ----------
    limit
        Delta14C that is approached, permille.
    window
        Years before the end from which the rate is learned.

    Returns
    -------
    leads, errors
        Years ahead, 1 to 20, and the root mean square of what was foreseen less what was measured, permille, over all
        zones and every end from 1985 on.

    Examples
    --------
    >>> leads, errors = hindcast()
    >>> errors[[0, 4, 9, 19]].round(1).tolist()
    [2.1, 5.0, 8.0, 12.9]
    """
    import numpy as np

    apart: dict[int, list[float]] = {}
    for zone in ZONES:
        told = calendar(zone)
        years, means = _yearly(told, told.years[-1])
        for place in np.flatnonzero(years >= _EARLIEST_CUT)[:-1]:
            start, level, rate, _ = _fitted(years[: place + 1], means[: place + 1], limit, window)
            for other in range(place + 1, min(place + 21, len(years))):
                seen = limit + (level - limit) * np.exp(-rate * (years[other] - start))
                apart.setdefault(other - place, []).append(seen - means[other])
    leads = np.array(sorted(apart), dtype=float)
    return leads, np.array([np.sqrt(np.mean(np.square(apart[int(lead)]))) for lead in leads])


def _yearly(told: Calendar, end: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles and means of the years of the monthly record, counted back from its end."""
    import numpy as np

    first = told.years[told.sources[-1][0]]
    starts = np.arange(end - 1.0, first, -1.0)[::-1]
    return starts + 0.5, _means(told.years, told.delta14c, starts, starts + 1.0)


def _fitted(
    years: NDArray[np.float64], means: NDArray[np.float64], limit: float, window: int
) -> tuple[float, float, float, float]:
    """Last year and its mean, and the rate of approach with its standard error."""
    import numpy as np

    time, height = years[-window:] - years[-1], np.log(np.maximum(means[-window:] - limit, 1.0))
    slope, level = np.polyfit(time, height, 1)
    residual = height - level - slope * time
    spread = np.sqrt(residual @ residual / (len(time) - 2) / np.square(time - time.mean()).sum())
    return float(years[-1]), float(means[-1]), float(-slope), float(spread)


def _with_forecast(
    told: Calendar, ahead: Forecast
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Years, Delta14C and error of the record and of what follows it by month."""
    import numpy as np

    later = np.arange(told.years[-1] + _STEP, LAST + _STEP, _STEP)
    lead = later - ahead.start
    delta = ahead.limit + (ahead.delta14c - ahead.limit) * np.exp(-ahead.rate * lead)
    error = ahead.error * lead**ahead.error_exponent
    return (
        np.concatenate([told.years, later]),
        np.concatenate([told.delta14c, delta]),
        np.concatenate([told.error, error]),
    )


def _means(
    grid: NDArray[np.float64], values: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean between two times of what is linear between points, exactly."""
    import numpy as np

    area = np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(grid))])

    def until(time: NDArray[np.float64]) -> NDArray[np.float64]:
        place = np.clip(np.searchsorted(grid, time, side="right") - 1, 0, len(grid) - 2)
        past = time - grid[place]
        at = np.interp(time, grid, values)
        return np.asarray(area[place] + 0.5 * (values[place] + at) * past)

    return np.asarray((until(end) - until(start)) / (end - start))
