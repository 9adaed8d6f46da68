"""Errors that all samples of one occasion share: one site, one date, one kind of quantity.

Sieving, the batch of the laboratory, the water content of the soil and the depth that the corer reached are alike for
all plots of a day. Sixteen samples of it are then not sixteen independent tellings of the level of that day; of
differences between its plots they are. A walk of the process (see :mod:`socbayes.models.field.noise`) is of one plot
and stays; an error of an occasion is of all plots and gone on the next date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymc.distributions.transforms import Transform

    from socbayes.models.field.draws import Draws
    from socbayes.models.field.layout import Layout
    from socbayes.models.field.measurements import Measurements
    from socbayes.priors import Priors

DATES = 5
"""Dates with two plots or more that one site needs: stocks, rates and inputs of all plots take three of them."""
SPREAD, ERROR = "occasion_sd", "occasion_error"


def occasion_names(sites: np.ndarray, years: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Names of occasions: site, date to a third of a day, and kind of quantity; (measurement,).

    Examples
    --------
    >>> occasion_names(np.array(["Farm"]), np.array([2008.25]), np.array(["total"])).tolist()
    ['Farm, 2008.250, total']
    """
    named = [f"{site}, {year:.3f}, {kind}" for site, year, kind in zip(sites, years, kinds, strict=True)]
    return np.array(named, dtype=object)


def kinds_by_occasion(measured: Measurements, site: np.ndarray) -> list[str]:
    """Kinds of which some site tells an error of the occasion from errors of single samples.

    Parameters
    ----------
    measured
        What was measured.
    site
        Position of the site of each plot, (plot,).
    """
    told = []
    for position, name in enumerate(measured.names):
        its = measured.kind == position
        pairs = set(zip(measured.occasion[its].tolist(), measured.plot[its].tolist(), strict=True))
        plots = Counter((int(site[plot]), occasion) for occasion, plot in pairs)
        dates = Counter(place for (place, _), count in plots.items() if count > 1)
        if max(dates.values(), default=0) >= DATES:
            told.append(name)
    return told


def occasion_errors(data: Layout, prior: Priors, residual: Any, precision: Any) -> Any:
    """Log error of the occasion of each measurement, zero for kinds that do not tell it; registers what it is made of.

    All measurements of a kind that tells it anywhere have it, so that a date with one plot is no surer than others.
    Given all other parameters, each error has a normal posterior, so the sampler moves in its coordinates: errors
    less their mean, over their spread. That is as good as integrating them out, and measurements stay independent
    given them. The prior stays.

    Parameters
    ----------
    data
        Field tables laid out.
    prior
        Priors of the model.
    residual
        What is measured less what is expected of it, logarithms, (measurement,).
    precision
        Of the measurements about their occasion, (measurement,).

    Returns
    -------
    TensorVariable
        (measurement,); a zero where nothing tells such errors.
    """
    import pymc as pm
    import pytensor.tensor as pt

    measured = data.measured
    kinds = kinds_by_occasion(measured, data.plots.site)
    if not kinds:
        return 0.0
    has = np.isin(np.array(measured.names)[measured.kind], kinds)
    rows = np.flatnonzero(has)
    names, first, place = np.unique(measured.occasion[rows].astype(str), return_index=True, return_inverse=True)
    model = pm.modelcontext(None)
    model.add_coord("fraction_by_occasion", kinds)
    model.add_coord("occasion", names.tolist())
    kind = np.array([kinds.index(measured.names[k]) for k in measured.kind[rows[first]]])
    spread = prior.sample(SPREAD, dims="fraction_by_occasion")[kind]

    def of_occasion(values: Any) -> Any:
        return pt.inc_subtensor(pt.zeros(names.size, dtype="float64")[place], values[rows])

    errors = pm.CustomDist(
        ERROR,
        spread,
        of_occasion(precision),
        of_occasion(precision * residual),
        logp=lambda value, spread, told, pull: pm.logp(pm.Normal.dist(0.0, spread), value),
        random=lambda spread, told, pull, rng, size: rng.normal(0.0, spread, size),
        transform=_by_what_is_told(),
        dims="occasion",
    )
    everywhere = np.zeros(measured.kind.size, dtype="int64")
    everywhere[rows] = place
    return has * errors[everywhere]


def _by_what_is_told() -> Transform:
    """Transform of normal errors to coordinates in which measurements leave them standard normal.

    Inputs of the distribution are the spread of the errors, the precision of what is measured of each, and that times
    what was measured.
    """
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    class Told(Transform):
        name = "told"

        def backward(self, value: Any, *inputs: Any) -> Any:
            spread, told, pull = inputs[-3:]
            precision = spread**-2.0 + told
            return pull / precision + value / pt.sqrt(precision)

        def forward(self, value: Any, *inputs: Any) -> Any:
            spread, told, pull = inputs[-3:]
            precision = spread**-2.0 + told
            return (value - pull / precision) * pt.sqrt(precision)

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            spread, told, _ = inputs[-3:]
            return -0.5 * pt.log(spread**-2.0 + told)

    return Told()


def spreads_of(drawn: Draws, fractions: list[str]) -> np.ndarray:
    """Spread of errors of occasions of each fraction, as a logarithm, (sample, fraction); zero where none is learned.

    Parameters
    ----------
    drawn
        Of a fit.
    fractions
        Their names.
    """
    learned = np.zeros((drawn.samples, len(fractions)))
    for position, name in enumerate(drawn.labels.get("fraction_by_occasion", [])):
        if name in fractions:
            learned[:, fractions.index(name)] = drawn.values[SPREAD][:, position]
    return learned


def errors_at(
    data: Layout, chosen: np.ndarray, values: Mapping[str, np.ndarray], labels: Mapping[str, list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of occasions that a fit knows, and the spread of those it does not, of some measurements.

    Parameters
    ----------
    data
        Field tables laid out.
    chosen
        Positions of measurements.
    values, labels
        Of :class:`socbayes.models.field.draws.Draws`.

    Returns
    -------
    known, spread
        (sample, measurement); zeros of kinds that have none, and each where the other is not.
    """
    measured = data.measured
    samples = len(values["error"])
    known, spread = np.zeros((2, samples, chosen.size))
    kinds, occasions = (labels.get(name, []) for name in ("fraction_by_occasion", "occasion"))
    places = {name: place for place, name in enumerate(occasions)}
    for position, which in enumerate(chosen):
        name, kind = measured.occasion[which], measured.names[measured.kind[which]]
        if name in places:
            known[:, position] = values[ERROR][:, places[name]]
        elif kind in kinds:
            spread[:, position] = values[SPREAD][:, kinds.index(kind)]
    return known, spread


def drawn_errors(occasion: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Errors of occasions that nobody knows, one for all measurements of each, (sample, measurement).

    Parameters
    ----------
    occasion
        Name of the occasion of each measurement, (measurement,).
    spread
        (sample, measurement).
    rng
        Source of the errors.
    """
    if not spread.any():
        return np.zeros_like(spread)
    names, place = np.unique(occasion.astype(str), return_inverse=True)
    drawn: np.ndarray = spread * rng.standard_normal((len(spread), names.size))[:, place]
    return drawn


def error_given(
    away: np.ndarray,
    variance: np.ndarray,
    noise: np.ndarray,
    plot: np.ndarray,
    spread: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the error that measurements of one date share, given them, (sample, 1).

    Parameters
    ----------
    away
        What was measured less what is expected of its plot, (sample, measurement).
    variance, noise
        Of what is expected of the plot, which all its measurements share, and of each measurement about it.
    plot
        Position of the plot, (measurement,).
    spread
        Of the error before, (sample,); zero for none.
    rng
        Source of the draws.

    Examples
    --------
    >>> rng, one = np.random.default_rng(1), np.ones((20_000, 1))
    >>> drawn = error_given(1.0 * one, 1.0 * one, 1.0 * one, np.zeros(1), one[:, 0], rng)
    >>> round(float(drawn.mean()), 1), round(float(drawn.var()), 1)
    (0.3, 0.7)
    """
    if not spread.any():
        return np.zeros((len(away), 1))
    told, pull = np.zeros((2, len(away)))
    for one in np.unique(plot):
        precise = 1.0 / noise[:, plot == one]
        every = precise.sum(axis=1)
        weight = 1.0 / (variance[:, plot == one][:, 0] + 1.0 / every)
        told += weight
        pull += weight * (precise * away[:, plot == one]).sum(axis=1) / every
    precision = spread**-2.0 + told
    drawn: np.ndarray = pull / precision + rng.standard_normal(len(away)) / np.sqrt(precision)
    return drawn[:, None]
